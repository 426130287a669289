//! Datagrams that wait to be sent, and what is to be told of those that were.
//!
//! Nothing is sent twice. A datagram leaves the queue when it is written into a packet, when its time is over, when a newer one
//! takes its place, or when the path carries less than it has.

use super::config::DatagramsConfig;
use super::event::DatagramId;
use crate::packet::{OutgoingPacket, SentFrame};
use crate::wire::frame::{DatagramFrame, Frame};
use alloc::collections::VecDeque;
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

#[derive(Debug)]
struct Waiting {
    id: DatagramId,
    data: Bytes,
    deadline: Option<Instant>,
    tells_fate: bool,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct SendQueue {
    waiting: VecDeque<Waiting>,
    // How many of them, from the first on, are urgent.
    urgent: usize,
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
    pub(crate) fn wants_to_send(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Bytes that wait.
    pub(crate) const fn unsent(&self) -> usize {
        self.unsent
    }

    /// Takes a datagram of at most `most` bytes.
    pub(crate) fn push(
        &mut self,
        config: &DatagramsConfig,
        most: usize,
        data: Bytes,
        options: DatagramOptions,
    ) -> Result<DatagramId, RefusedDatagram> {
        let len = data.len();
        // RFC 9221 section 3-2.
        if len > most {
            return Err(RefusedDatagram { data, reason: DatagramRefusal::TooLarge { most } });
        }
        if options.when_full == WhenFull::DropOldest && len <= config.max_unsent {
            while !self.has_room(config, len) && self.drop_oldest() {}
        }
        if !self.has_room(config, len) || options.tells_fate && self.fates.len() >= MAX_FATES {
            self.was_refused = true;
            return Err(RefusedDatagram { data, reason: DatagramRefusal::Full });
        }
        let id = DatagramId(self.next_id);
        self.next_id += 1;
        self.unsent += len;
        self.first_deadline = [self.first_deadline, options.deadline].into_iter().flatten().min();
        let waiting = Waiting { id, data, deadline: options.deadline, tells_fate: options.tells_fate };
        if options.is_urgent {
            self.waiting.insert(self.urgent, waiting);
            self.urgent += 1;
        } else {
            self.waiting.push_back(waiting);
        }
        Ok(id)
    }

    /// Writes as many as fit, of at most `most` bytes each. Those that have more were taken when the path carried more, and
    /// cannot be sent. Whether one is left for which this packet has no room.
    /// RFC 9221 section 5-1.
    pub(crate) fn fill(&mut self, packet: &mut OutgoingPacket<'_>, most: usize) -> bool {
        while let Some(front) = self.waiting.front() {
            if front.data.len() > most {
                self.remove(0, Some(DatagramFate::Dropped));
                continue;
            }
            if !write(packet, &front.data) {
                return true;
            }
            let sent = if front.tells_fate { Some(front.id) } else { None };
            match sent {
                Some(id) => packet.record(SentFrame::Datagram(id.0)),
                None => packet.record_unremembered(),
            }
            self.sent += 1;
            self.last_len = front.data.len();
            self.remove(0, None);
        }
        false
    }

    /// Whether the next is as long as the one that was written last.
    pub(crate) fn goes_on_alike(&self) -> bool {
        self.waiting.front().is_some_and(|front| front.data.len() == self.last_len)
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
        let mut index = 0;
        while let Some(waiting) = self.waiting.get(index) {
            if waiting.deadline.is_some_and(|deadline| deadline <= now) {
                self.remove(index, Some(DatagramFate::Dropped));
            } else {
                index += 1;
            }
        }
        self.first_deadline = self.waiting.iter().filter_map(|waiting| waiting.deadline).min();
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
            && self.waiting.len() <= config.max_unsent_count / 2
            && self.fates.len() <= MAX_FATES / 2
    }

    /// That was told.
    pub(crate) const fn on_writable_told(&mut self) {
        self.was_refused = false;
    }

    /// Gives back what the queues have grown to and do not use.
    pub(crate) fn release_memory(&mut self) {
        self.waiting.shrink_to_fit();
        self.fates.shrink_to_fit();
    }

    fn has_room(&self, config: &DatagramsConfig, len: usize) -> bool {
        self.unsent + len <= config.max_unsent && self.waiting.len() < config.max_unsent_count
    }

    /// Drops what has waited longest, of what is not urgent if there is any. False if nothing waits.
    fn drop_oldest(&mut self) -> bool {
        let index = if self.urgent < self.waiting.len() { self.urgent } else { 0 };
        self.remove(index, Some(DatagramFate::Dropped))
    }

    /// Takes one out of the queue; `fate` is told if it was asked for.
    fn remove(&mut self, index: usize, fate: Option<DatagramFate>) -> bool {
        let Some(removed) = self.waiting.remove(index) else { return false };
        self.urgent -= usize::from(index < self.urgent);
        self.unsent -= removed.data.len();
        if let Some(fate) = fate {
            self.dropped += 1;
            if removed.tells_fate {
                self.fates.push_back((removed.id, fate));
            }
        }
        true
    }
}

/// Writes a DATAGRAM frame, without its length where it then ends with the packet. False if there is no room.
fn write(packet: &mut OutgoingPacket<'_>, data: &[u8]) -> bool {
    let without = DatagramFrame { data, with_length: false };
    let with = DatagramFrame { data, with_length: true };
    let Some(spare) = packet.remaining().checked_sub(without.encoded_len()) else { return false };
    if with.encoded_len() <= packet.remaining() && spare > 0 {
        return Frame::Datagram(with).encode(packet.writer()).is_ok();
    }
    // The length has no room: PADDING in front makes the frame reach the end.
    let padding = packet.writer().reserve(spare);
    padding.map(|padding| padding.fill(0)).is_ok() && Frame::Datagram(without).encode(packet.writer()).is_ok()
}

#[cfg(test)]
mod tests;
