//! Sending many datagrams with one system call, with fallbacks where the system refuses.
//!
//! The ladder: segmentation by the kernel or the card (GSO), one call with many messages (`sendmmsg`), one call for
//! each datagram. After a refusal the same segments are sent again at once on the next rung: nothing is lost and
//! nothing waits for a timer. An error of a single datagram on the lowest rung (no route, too long for the link) counts
//! as packet loss, and is left to the protocol's loss recovery.

use std::io;

use base::Ecn;

use crate::sys::{self, Outgoing, Sending};

/// The most bytes of one segmented send. Above about 65,490 the receiving kernel gives up joining segments, at a third
/// of the speed.
pub(crate) const MAX_SEND: usize = 65_000;
/// The most segments of one send that every kernel takes.
pub(crate) const MAX_SEGMENTS: usize = 64;
/// Refusals in a row after which segmentation is not tried again. A refusal may concern one path only (its link is
/// narrower than the segments), so the first is no proof.
pub(crate) const REFUSALS_TOLERATED: u32 = 8;

/// The system calls of the ladder; a trait so that tests can refuse.
pub(crate) trait Outlet {
    /// One message, cut by the kernel if a segment size is given.
    fn send(&mut self, outgoing: &Outgoing, payload: &[u8], segment_size: Option<u16>) -> io::Result<usize>;
    /// One message for each segment; how many were sent, which may be fewer than there are.
    fn send_each(&mut self, outgoing: &Outgoing, payload: &[u8], segment_size: usize) -> io::Result<usize>;
}

/// Which rungs are in use, and what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offload {
    /// Segmentation by the kernel is tried.
    pub segmentation: bool,
    /// Many messages are sent with one call.
    pub many_messages: bool,
    /// Datagrams carry the ECN mark they are asked to.
    pub marks: bool,
    /// Segmented sends that were refused and sent again one by one.
    pub refused: u64,
    /// Datagrams that were given up because the system refused to send them at all.
    pub dropped: u64,
    /// Sends, of these, for which there is no way from this address to that peer: the address is gone, say.
    pub pathless: u64,
    refusals_in_a_row: u32,
    many_refusals_in_a_row: u32,
}

/// What became of a datagram on the lowest rung.
enum Sent {
    /// It is sent, or given up.
    Done,
    /// There was no room for it.
    Waits,
    /// It has no way to go, and neither have those behind it.
    Unreachable,
}

impl Offload {
    /// All but segmentation is known to be there until it is refused.
    pub(crate) const fn new(segmentation: bool) -> Offload {
        Offload {
            segmentation,
            many_messages: true,
            marks: true,
            refused: 0,
            dropped: 0,
            pathless: 0,
            refusals_in_a_row: 0,
            many_refusals_in_a_row: 0,
        }
    }

    /// Sends `payload` as datagrams of `segment_size` bytes, the last one possibly shorter. Gives how many bytes are done
    /// with: less than all if the socket's buffer is full, and then always whole segments.
    pub(crate) fn send(
        &mut self,
        outlet: &mut impl Outlet,
        outgoing: &Outgoing,
        payload: &[u8],
        segment_size: usize,
    ) -> usize {
        let segment_size = segment_size.clamp(1, payload.len().max(1));
        let mut done = 0;
        while let Some(rest) = payload.get(done..).filter(|rest| !rest.is_empty()) {
            let at_once = (MAX_SEND / segment_size).clamp(1, MAX_SEGMENTS) * segment_size;
            let chunk = rest.get(..at_once).unwrap_or(rest);
            let sent = self.send_chunk(outlet, outgoing, chunk, segment_size);
            done += sent;
            if sent < chunk.len() {
                break;
            }
        }
        done
    }

    /// Sends what one call can take.
    fn send_chunk(
        &mut self,
        outlet: &mut impl Outlet,
        outgoing: &Outgoing,
        chunk: &[u8],
        segment_size: usize,
    ) -> usize {
        if chunk.len() <= segment_size || !self.segmentation {
            return self.send_singly(outlet, outgoing, chunk, segment_size);
        }
        let Ok(size) = u16::try_from(segment_size) else {
            return self.send_singly(outlet, outgoing, chunk, segment_size);
        };
        match retry(|| outlet.send(&self.marked(outgoing), chunk, Some(size))) {
            Ok(_) => {
                self.refusals_in_a_row = 0;
                chunk.len()
            }
            Err(error) => match sys::of_send(&error) {
                Sending::Full => 0,
                Sending::Unreachable => self.give_up_path(chunk, segment_size),
                meaning => {
                    self.note_refusal(meaning);
                    self.send_singly(outlet, outgoing, chunk, segment_size)
                }
            },
        }
    }

    fn note_refusal(&mut self, meaning: Sending) {
        self.refused += 1;
        self.refusals_in_a_row += u32::from(meaning != Sending::Short);
        if meaning == Sending::Unsupported || self.refusals_in_a_row >= REFUSALS_TOLERATED {
            self.segmentation = false;
        }
    }

    /// The lower rungs.
    fn send_singly(
        &mut self,
        outlet: &mut impl Outlet,
        outgoing: &Outgoing,
        chunk: &[u8],
        segment_size: usize,
    ) -> usize {
        let mut done = 0;
        while let Some(rest) = chunk.get(done..).filter(|rest| !rest.is_empty()) {
            if self.many_messages && rest.len() > segment_size {
                match retry(|| outlet.send_each(&self.marked(outgoing), rest, segment_size)) {
                    Ok(0) => break,
                    Ok(sent) => {
                        self.many_refusals_in_a_row = 0;
                        done += rest.len().min(sent * segment_size);
                        continue;
                    }
                    Err(error) => match sys::of_send(&error) {
                        Sending::Full => break,
                        Sending::Unreachable => return done + self.give_up_path(rest, segment_size),
                        // One alone, to learn whether it is the call or the datagram.
                        meaning => self.note_many_refusal(meaning),
                    },
                }
            }
            let first = rest.get(..segment_size).unwrap_or(rest);
            match self.send_one(outlet, outgoing, first) {
                Sent::Done => done += first.len(),
                Sent::Waits => break,
                Sent::Unreachable => return done + self.give_up_path(rest, segment_size),
            }
        }
        done
    }

    fn note_many_refusal(&mut self, meaning: Sending) {
        self.many_refusals_in_a_row += u32::from(meaning != Sending::Short);
        if meaning == Sending::Unsupported || self.many_refusals_in_a_row >= REFUSALS_TOLERATED {
            self.many_messages = false;
        }
    }

    /// One datagram, on the lowest rung.
    fn send_one(&mut self, outlet: &mut impl Outlet, outgoing: &Outgoing, datagram: &[u8]) -> Sent {
        let error = match retry(|| outlet.send(&self.marked(outgoing), datagram, None)) {
            Ok(_) => return Sent::Done,
            Err(error) => error,
        };
        // Where memory was short the mark is not to blame, and may go along once more.
        let (again, is_short) = match sys::of_send(&error) {
            Sending::Full => return Sent::Waits,
            Sending::Unreachable => return Sent::Unreachable,
            Sending::Short => (self.marked(outgoing), true),
            Sending::Again | Sending::Unsupported | Sending::Refused => (unmarked(outgoing), false),
        };
        match retry(|| outlet.send(&again, datagram, None)) {
            // With a mark refused, without it sent: RFC 9000 s13.4.2 allows to go on without ECN.
            Ok(_) => self.marks &= is_short || outgoing.ecn == outgoing.usual,
            Err(error) if sys::of_send(&error) == Sending::Full => return Sent::Waits,
            Err(error) => {
                if sys::of_send(&error) == Sending::Refused {
                    // Refused alone as well, so the calls before were not to blame: most likely its link is narrower.
                    (self.refusals_in_a_row, self.many_refusals_in_a_row) = (0, 0);
                }
                // The others are tried all the same.
                self.pathless += u64::from(sys::may_be_pathless(&error));
                self.give_up(datagram, datagram.len());
            }
        }
        Sent::Done
    }

    fn give_up_path(&mut self, bytes: &[u8], segment_size: usize) -> usize {
        self.pathless += 1;
        self.give_up(bytes, segment_size)
    }

    fn give_up(&mut self, bytes: &[u8], segment_size: usize) -> usize {
        self.dropped += bytes.len().div_ceil(segment_size.max(1)) as u64;
        bytes.len()
    }

    fn marked(&self, outgoing: &Outgoing) -> Outgoing {
        if self.marks { *outgoing } else { unmarked(outgoing) }
    }
}

/// The same without a word about marks. A socket that marks by itself is told to stop once it is clear that the word was to blame.
const fn unmarked(outgoing: &Outgoing) -> Outgoing {
    Outgoing { ecn: Ecn::NotEct, usual: Ecn::NotEct, ..*outgoing }
}

/// Repeats a call that did nothing. Bounded: a report is fetched by the call that brings it.
fn retry(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    for _ in 0..8 {
        match call() {
            Err(error) if sys::of_send(&error) == Sending::Again => {}
            result => return result,
        }
    }
    call()
}

#[cfg(test)]
mod tests;
