//! One stream: its halves and its marks in the queues.

use super::event::Pending;
use super::priority::StreamPriority;
use super::receive::ReceiveHalf;
use super::schedule::{Membership, Queue};
use super::send::SendHalf;
use crate::packet::OutgoingPacket;
use base::{Full, StreamId};

/// A stream.
#[derive(Debug)]
pub(crate) struct Stream {
    /// If this side sends on it.
    pub send: Option<SendHalf>,
    /// If this side receives on it.
    pub receive: Option<ReceiveHalf>,
    /// Events that wait.
    pub pending: Pending,
    /// The queues it is in.
    pub membership: Membership,
    /// Its place in the queue of new data.
    pub priority: StreamPriority,
    /// Whether a write did not take everything since the last [`Writable`](super::event::StreamEvent::Writable).
    pub waiting: bool,
    /// Whether it is in the list of those whom the connection as a whole had no room for.
    pub enlisted: bool,
    /// Whether it is counted among those that the peer's credit holds back.
    pub is_blocked: bool,
    /// Whether it is counted among those whose end was sent and is not acknowledged.
    pub is_ending: bool,
    /// Whether the peer allows fewer streams than up to this one: it was opened under limits that were remembered, and early data
    /// was refused. Nothing is said of it until more are allowed.
    pub is_too_many: bool,
    /// What the layer above knows the stream by: told with each of its events.
    pub word: u32,
}

impl Stream {
    /// A new one with these halves: in no queue, and nothing is known of it.
    pub(crate) fn new(send: Option<SendHalf>, receive: Option<ReceiveHalf>) -> Stream {
        Stream {
            send,
            receive,
            pending: Pending::default(),
            membership: Membership::default(),
            priority: StreamPriority::default(),
            waiting: false,
            enlisted: false,
            is_blocked: false,
            is_ending: false,
            is_too_many: false,
            word: 0,
        }
    }

    /// The queues it should be in.
    pub(crate) fn wants(&mut self) -> Membership {
        if self.is_too_many {
            return Membership::default();
        }
        let is_waiting = self.waiting;
        let wants = self.send.as_mut().map(|send| send.wants(is_waiting)).unwrap_or_default();
        let receive = self.receive.as_ref().is_some_and(ReceiveHalf::wants_control);
        wants.with(Queue::Control, receive)
    }

    /// Whether all that happened is that bytes arrived, as with nearly every STREAM frame: the end is open, and the queue of
    /// control frames has the stream if the receiving half wants it to. Then the stream is in the right queues.
    #[inline]
    pub(crate) fn has_only_received(&self) -> bool {
        let is_queued = self.membership.has(Queue::Control);
        self.receive.as_ref().is_some_and(|receive| receive.is_end_open() && receive.wants_control() == is_queued)
    }

    /// Writes the control frames that are due.
    pub(crate) fn fill_control(&mut self, id: StreamId, packet: &mut OutgoingPacket<'_>) -> Result<(), Full> {
        if let Some(receive) = &mut self.receive {
            receive.fill_control(id, packet)?;
        }
        if let Some(send) = &mut self.send {
            send.fill_control(id, packet)?;
        }
        Ok(())
    }

    /// Whether this side has ended what it sends and the peer has not acknowledged that.
    pub(crate) fn awaits_end(&self) -> bool {
        self.send.as_ref().is_some_and(SendHalf::awaits_end)
    }

    /// Whether there is more to write, and the peer's credit for the stream is used up.
    pub(crate) fn is_held_back(&self) -> bool {
        self.waiting && self.send.as_ref().is_some_and(SendHalf::is_out_of_credit)
    }

    /// Whether both halves ended and the application knows how.
    /// RFC 9000 section 4.4-1.
    pub(crate) fn is_done(&self) -> bool {
        self.send.as_ref().is_none_or(|send| send.state().is_terminal())
            && self.receive.as_ref().is_none_or(ReceiveHalf::is_done)
            && !self.pending.holds_stream()
    }
}
