//! All datagrams of a connection: both queues, what is to be told, and whose turn it is, theirs or that of streams.

use super::config::DatagramsConfig;
use super::event::{DatagramEvent, DatagramId};
use super::receive_queue::ReceiveQueue;
use super::send_queue::{DatagramFate, DatagramOptions, DatagramRefusal, SendQueue};
use crate::config::Config;
use crate::packet::OutgoingPacket;
use crate::stream::Streams;
use crate::stream::chunks::{Chunks, Lent};
use crate::violation::Violation;
use crate::wire::frame::DatagramFrame;
use alloc::sync::Arc;
use base::{Bytes, Instant};

/// In so many packets datagrams come first [`DatagramsConfig::share`] times.
const TURNS: u8 = 16;

/// The counters of the datagrams of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatagramStats {
    /// Sent.
    pub sent: u64,
    /// Dropped before they were sent.
    pub dropped_unsent: u64,
    /// Received.
    pub received: u64,
    /// Of those, dropped because too many waited to be read.
    pub dropped_unread: u64,
    /// Bytes that wait to be sent.
    pub unsent: usize,
    /// Bytes that wait to be read.
    pub unread: usize,
}

/// The datagrams.
#[derive(Debug)]
pub(crate) struct Datagrams {
    // Shared by all connections: none has a copy.
    config: Arc<Config>,
    sending: SendQueue,
    receiving: ReceiveQueue,
    received: u64,
    dropped_unread: u64,
    is_readable_due: bool,
    told_largest: u16,
    // Sixteenths of a turn that datagrams have saved up.
    turn: u8,
    // Chunks that the application was handed since `give_chunks`.
    lent: Lent,
}

impl Datagrams {
    /// None yet.
    pub(crate) fn new(config: Arc<Config>) -> Datagrams {
        Datagrams {
            config,
            sending: SendQueue::default(),
            receiving: ReceiveQueue::default(),
            received: 0,
            dropped_unread: 0,
            is_readable_due: false,
            told_largest: 0,
            turn: 0,
            lent: Lent::default(),
        }
    }

    /// Takes a datagram to send, of at most `most` bytes: those of both parts.
    pub(crate) fn push(
        &mut self,
        most: usize,
        parts: [&[u8]; 2],
        options: DatagramOptions,
    ) -> Result<DatagramId, DatagramRefusal> {
        self.sending.push(&self.config.datagrams, most, parts, options)
    }

    /// The next that was received.
    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        let datagram = self.receiving.pop();
        match &datagram {
            Some(bytes) => self.lent.lend(bytes),
            None => self.is_readable_due = false,
        }
        datagram
    }

    /// Gives each that was received to `take`, the oldest first, until that is false.
    pub(crate) fn take_each(&mut self, take: impl FnMut(&[u8]) -> bool) {
        self.receiving.take_each(take, &mut self.lent);
        self.is_readable_due &= !self.receiving.is_empty();
    }

    /// A DATAGRAM frame arrived, which may be as large as it is.
    /// RFC 9221 section 5-2.
    pub(crate) fn on_datagram(&mut self, data: &[u8], memory: &mut Chunks) {
        self.received += 1;
        self.dropped_unread += self.receiving.push(&self.config.datagrams, data, memory);
        self.is_readable_due = !self.receiving.is_empty();
    }

    /// What became of the packet with a datagram.
    pub(crate) fn on_fate(&mut self, id: u64, is_acknowledged: bool) {
        self.sending.on_fate(id, if is_acknowledged { DatagramFate::Acknowledged } else { DatagramFate::Lost });
    }

    /// Whether a datagram waits to be sent.
    pub(crate) fn wants_to_send(&self) -> bool {
        self.sending.wants_to_send()
    }

    /// Fills a packet with datagrams of at most `most` bytes and with what streams have, in turns: neither keeps the other from
    /// being sent.
    /// RFC 9221 section 5-1, 5.1-1.
    pub(crate) fn fill(&mut self, now: Instant, packet: &mut OutgoingPacket<'_>, most: usize, streams: &mut Streams) {
        self.sending.expire(now);
        if !self.wants_to_send() {
            return streams.fill(packet);
        }
        let turn = self.turn + self.config.datagrams.share.clamp(1, TURNS - 1);
        if streams.wants_to_send() && turn < TURNS {
            self.turn = turn;
            streams.fill(packet);
            self.sending.fill(packet, most);
            return;
        }
        let is_bare = !packet.is_ack_eliciting();
        let has_no_room = self.sending.fill(packet, most);
        if has_no_room && is_bare && !packet.is_ack_eliciting() && !packet.is_empty() {
            // An ACK alone leaves too little room for it. It goes ahead, for it costs nothing of the window, and the next packet
            // is the datagram's.
            return;
        }
        if packet.is_ack_eliciting() {
            self.turn = turn % TURNS;
        }
        streams.fill(packet);
    }

    /// Whether one that is as long as the last of those that were sent waits, and since `sent` some were: the packet that was written had no
    /// room for it, and the next will be like that packet.
    pub(crate) fn goes_on_alike(&self, sent: u64) -> bool {
        self.sending.sent > sent && self.sending.goes_on_alike()
    }

    /// How many were sent.
    pub(crate) const fn sent(&self) -> u64 {
        self.sending.sent
    }

    /// When [`on_timeout`](Datagrams::on_timeout) is to be called.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.sending.deadline()
    }

    /// The time of a datagram may be over.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        self.sending.expire(now);
    }

    /// The connection has ended.
    pub(crate) fn end(&mut self) {
        self.sending.end();
    }

    /// What is to be told, where datagrams may have `largest` bytes now.
    pub(crate) fn poll_event(&mut self, largest: Option<usize>) -> Option<DatagramEvent> {
        if let Some((id, fate)) = self.sending.poll_fate() {
            return Some(match fate {
                DatagramFate::Acknowledged => DatagramEvent::Acknowledged(id),
                DatagramFate::Lost => DatagramEvent::Lost(id),
                DatagramFate::Dropped => DatagramEvent::Dropped(id),
            });
        }
        if core::mem::take(&mut self.is_readable_due) {
            return Some(DatagramEvent::Readable);
        }
        if let Some(largest) = self.new_largest(largest) {
            self.told_largest = largest;
            return Some(DatagramEvent::LargestChanged(usize::from(largest)));
        }
        if self.sending.is_writable_due(&self.config.datagrams) {
            self.sending.on_writable_told();
            return Some(DatagramEvent::Writable);
        }
        None
    }

    /// Whether [`poll_event`](Datagrams::poll_event) has something.
    pub(crate) fn has_events(&self, largest: Option<usize>) -> bool {
        self.sending.has_fates()
            || self.is_readable_due
            || self.new_largest(largest).is_some()
            || self.sending.is_writable_due(&self.config.datagrams)
    }

    /// What the application was told of the largest, if it is not true any more.
    fn new_largest(&self, largest: Option<usize>) -> Option<u16> {
        let largest = u16::try_from(largest?).unwrap_or(u16::MAX);
        (largest != self.told_largest).then_some(largest)
    }

    /// Has `memory` remember the chunks that the application was handed.
    pub(crate) fn give_chunks(&mut self, memory: &mut Chunks) {
        memory.gather(&mut self.lent);
    }

    /// Gives back what the queues have grown to and do not use.
    pub(crate) fn release_memory(&mut self) {
        self.sending.release_memory();
        self.receiving.release_memory();
        self.lent.release_memory();
    }

    /// The counters.
    pub(crate) const fn stats(&self) -> DatagramStats {
        DatagramStats {
            sent: self.sending.sent,
            dropped_unsent: self.sending.dropped,
            received: self.received,
            dropped_unread: self.dropped_unread,
            unsent: self.sending.unsent(),
            unread: self.receiving.unread(),
        }
    }
}

/// Whether a DATAGRAM frame may come at all, and be so large.
///
/// # Errors
/// The violation that it is.
pub(crate) fn check(config: &DatagramsConfig, frame: &DatagramFrame<'_>) -> Result<(), Violation> {
    match config.max_frame_size {
        // RFC 9221 section 3-3.
        0 => Err(Violation::DatagramNotSupported),
        // RFC 9221 section 3-4.
        most if frame.encoded_len() as u64 > most => Err(Violation::DatagramTooLarge),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    /// RFC 9221 section 3-3, 3-4.
    #[test]
    fn a_frame_is_as_large_as_was_said_with_its_type_and_its_length() {
        let config = |max_frame_size| DatagramsConfig { max_frame_size, ..DatagramsConfig::default() };
        let data = vec![0; 100];
        for (with_length, size) in [(false, 101), (true, 103)] {
            let frame = DatagramFrame { data: &data, with_length };
            assert_eq!(check(&config(size), &frame), Ok(()));
            assert_eq!(check(&config(size - 1), &frame), Err(Violation::DatagramTooLarge));
            assert_eq!(check(&DatagramsConfig::default(), &frame), Err(Violation::DatagramNotSupported));
        }
        assert_eq!(check(&config(1), &DatagramFrame { data: &[], with_length: false }), Ok(()));
    }
}
