//! Datagrams that wait to be sent, and what is to be told of those that were.
//!
//! Nothing is sent twice. A datagram leaves the queue when it is written into a packet, when its time is over, when a newer one
//! takes its place, or when the path carries less than it has.

use super::config::DatagramsConfig;
use super::event::DatagramId;
use super::lane::{Lane, Waiting};
use crate::packet::{OutgoingPacket, SentFrame};
use crate::wire::frame::encode_datagram_header;
use alloc::collections::VecDeque;
use base::varint::encoded_len;
use base::{Bytes, Instant};
use core::fmt;

/// Fates that wait to be told. With more, no datagram whose fate is asked for is taken: an application that wants to know reads
/// what it is told.
const MAX_FATES: usize = 4096;

/// What is done where the queue has no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// The datagram is handed back.
    #[default]
    Refuse,
    /// The oldest ones that wait give way, those that are not urgent first.
    DropOldest,
}

/// How a datagram is sent. The default: in its turn, for as long as it takes, and nothing is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct DatagramOptions {
    /// Whether its fate is told: acknowledged, lost, or dropped before it was sent.
    pub tells_fate: bool,
    /// Before those that are not urgent.
    pub is_urgent: bool,
    /// When it is of no use any more: what was not sent by then is dropped.
    pub deadline: Option<Instant>,
    /// What is done if there is no room.
    pub when_full: WhenFull,
}

/// Why a datagram was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramRefusal {
    /// The peer takes none, or has not said yet that it does; or the connection is not open.
    Unsupported,
    /// It has more than this many bytes, which is all that the path and the peer take now.
    TooLarge {
        /// Bytes of the largest datagram.
        most: usize,
    },
    /// As many wait as may. [`DatagramEvent::Writable`](super::event::DatagramEvent::Writable) follows.
    Full,
}

/// A datagram that was not taken, handed back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedDatagram {
    /// Its bytes.
    pub data: Bytes,
    /// Why.
    pub reason: DatagramRefusal,
}

impl fmt::Display for RefusedDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.data.len();
        match self.reason {
            DatagramRefusal::Unsupported => f.write_str("the peer takes no datagrams, or the connection is not open"),
            DatagramRefusal::TooLarge { most } => {
                write!(f, "a datagram of {len} bytes is too large: path and peer take {most} now")
            }
            DatagramRefusal::Full => f.write_str("too many datagrams wait to be sent: try again when there is room"),
        }
    }
}

impl core::error::Error for RefusedDatagram {}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DatagramFate {
    /// Its packet was acknowledged.
    Acknowledged,
    /// Its packet is taken for lost.
    Lost,
    /// It was not sent.
    Dropped,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    urgent: Lane,
    ordinary: Lane,
    // Bytes of those that wait.
    unsent: usize,
    next_id: u64,
    first_deadline: Option<Instant>,
    fates: VecDeque<(DatagramId, DatagramFate)>,
    // A datagram was refused for want of room.
    was_refused: bool,
    // Bytes of the one that was written last.
    last_len: usize,
    /// How many were sent.
    pub sent: u64,
    /// How many were dropped unsent.
    pub dropped: u64,
}

impl SendQueue {
    /// Whether something waits to be sent.
    #[inline]
    pub(crate) fn wants_to_send(&self) -> bool {
        self.len() > 0
    }

    /// Bytes that wait.
    pub(crate) const fn unsent(&self) -> usize {
        self.unsent
    }

    fn len(&self) -> usize {
        self.urgent.len() + self.ordinary.len()
    }

    /// Takes a datagram of at most `most` bytes: those of both parts.
    pub(crate) fn push(
        &mut self,
        config: &DatagramsConfig,
        most: usize,
        parts: [&[u8]; 2],
        options: DatagramOptions,
    ) -> Result<DatagramId, DatagramRefusal> {
        let len = parts[0].len() + parts[1].len();
        // RFC 9221 section 3-2.
        if len > most {
            return Err(DatagramRefusal::TooLarge { most });
        }
        if options.when_full == WhenFull::DropOldest && len <= config.max_unsent {
            while !self.has_room(config, len) && self.drop_oldest() {}
        }
        if !self.has_room(config, len) || options.tells_fate && self.fates.len() >= MAX_FATES {
            self.was_refused = true;
            return Err(DatagramRefusal::Full);
        }
        let id = DatagramId(self.next_id);
        self.next_id += 1;
        self.unsent += len;
        if options.deadline.is_some() {
            self.first_deadline = [self.first_deadline, options.deadline].into_iter().flatten().min();
        }
        let waiting = Waiting { id, len, deadline: options.deadline, tells_fate: options.tells_fate };
        let lane = if options.is_urgent { &mut self.urgent } else { &mut self.ordinary };
        lane.push(waiting, parts);
        Ok(id)
    }

    /// Writes as many as fit, of at most `most` bytes each. Those that have more were taken when the path carried more, and
    /// cannot be sent. Whether one is left for which this packet has no room.
    /// RFC 9221 section 5-1.
    pub(crate) fn fill(&mut self, packet: &mut OutgoingPacket<'_>, most: usize) -> bool {
        loop {
            let lane = if self.urgent.first().is_some() { &mut self.urgent } else { &mut self.ordinary };
            let Some(first) = lane.first() else { return false };
            if first.len > most {
                lane.pop();
                self.on_dropped(first);
                continue;
            }
            if !write(packet, first.len, lane.bytes(first)) {
                return true;
            }
            lane.pop();
            if first.tells_fate {
                packet.record(SentFrame::Datagram(first.id.0));
            } else {
                packet.record_unremembered();
            }
            self.unsent -= first.len;
            self.sent += 1;
            self.last_len = first.len;
        }
    }

    /// Whether the next is as long as the one that was written last.
    pub(crate) fn goes_on_alike(&self) -> bool {
        let next = self.urgent.first().or_else(|| self.ordinary.first());
        next.is_some_and(|next| next.len == self.last_len)
    }

    /// When [`expire`](SendQueue::expire) is to be called.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.first_deadline
    }

    /// Drops what is of no use any more.
    pub(crate) fn expire(&mut self, now: Instant) {
        if self.first_deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        let SendQueue { urgent, ordinary, unsent, dropped, fates, .. } = self;
        let mut tell = |waiting| note_dropped(waiting, unsent, dropped, fates);
        let next = [urgent.expire(now, &mut tell), ordinary.expire(now, &mut tell)];
        self.first_deadline = next.into_iter().flatten().min();
    }

    /// Nothing will be sent any more.
    pub(crate) fn end(&mut self) {
        while self.drop_oldest() {}
        self.first_deadline = None;
    }

    /// The packet with a datagram was acknowledged, or is taken for lost.
    /// RFC 9221 section 5.2-2, 5.2-3.
    pub(crate) fn on_fate(&mut self, id: u64, fate: DatagramFate) {
        self.fates.push_back((DatagramId(id), fate));
    }

    /// The next fate to be told.
    pub(crate) fn poll_fate(&mut self) -> Option<(DatagramId, DatagramFate)> {
        self.fates.pop_front()
    }

    /// Whether a fate is to be told.
    pub(crate) fn has_fates(&self) -> bool {
        !self.fates.is_empty()
    }

    /// Whether one that was refused is to be told of room: half of the queue is free again.
    pub(crate) fn is_writable_due(&self, config: &DatagramsConfig) -> bool {
        self.was_refused
            && self.unsent <= config.max_unsent / 2
            && self.len() <= config.max_unsent_count / 2
            && self.fates.len() <= MAX_FATES / 2
    }

    /// That was told.
    pub(crate) const fn on_writable_told(&mut self) {
        self.was_refused = false;
    }

    /// Gives back what the queues have grown to and do not use.
    pub(crate) fn release_memory(&mut self) {
        self.urgent.release_memory();
        self.ordinary.release_memory();
        self.fates.shrink_to_fit();
    }

    fn has_room(&self, config: &DatagramsConfig, len: usize) -> bool {
        self.unsent + len <= config.max_unsent && self.len() < config.max_unsent_count
    }

    /// Drops what has waited longest, of what is not urgent if there is any. False if nothing waits.
    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.ordinary.pop().or_else(|| self.urgent.pop()) else { return false };
        self.on_dropped(oldest);
        true
    }

    /// One that was taken out of its lane is not sent.
    fn on_dropped(&mut self, waiting: Waiting) {
        note_dropped(waiting, &mut self.unsent, &mut self.dropped, &mut self.fates);
    }
}

fn note_dropped(
    waiting: Waiting,
    unsent: &mut usize,
    dropped: &mut u64,
    fates: &mut VecDeque<(DatagramId, DatagramFate)>,
) {
    *unsent -= waiting.len;
    *dropped += 1;
    if waiting.tells_fate {
        fates.push_back((waiting.id, DatagramFate::Dropped));
    }
}

/// Writes a DATAGRAM frame, without its length where it then ends with the packet. False if there is no room.
fn write(packet: &mut OutgoingPacket<'_>, len: usize, parts: [&[u8]; 2]) -> bool {
    let Some(spare) = packet.remaining().checked_sub(1 + len) else { return false };
    let with_length = spare > 0 && encoded_len(len as u64) <= spare;
    let writer = packet.writer();
    // The length has no room: PADDING in front makes the frame reach the end.
    let is_padded = with_length || writer.reserve(spare).map(|padding| padding.fill(0)).is_ok();
    is_padded
        && encode_datagram_header(writer, len, with_length).is_ok()
        && parts.into_iter().all(|part| writer.bytes(part).is_ok())
}

#[cfg(test)]
mod tests;
