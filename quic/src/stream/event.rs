//! The events of streams for the application: each is reported once, however often it occurs before the application
//! asks.

use alloc::collections::VecDeque;
use base::{Direction, StreamId, VarInt};

/// Something about streams that the application may want to act upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// The peer opened this stream. Told in the order of their numbers.
    Opened(StreamId),
    /// There is data, or the end, to read.
    Readable(StreamId),
    /// There is room to write again after a write did not take everything.
    Writable(StreamId),
    /// All that was written, and the end, has been acknowledged.
    Finished(StreamId),
    /// The peer will not read further; the stream was reset in answer.
    Stopped {
        /// Which stream.
        id: StreamId,
        /// Why, in the application's codes.
        code: VarInt,
    },
    /// The peer abandoned the stream. What was not read is gone, and with this event the stream's receiving half.
    Reset {
        /// Which stream.
        id: StreamId,
        /// Why, in the application's codes.
        code: VarInt,
        /// How many bytes the peer sent on it in all, whether they arrived or not.
        size: u64,
    },
    /// Streams can be opened again after [`open`](crate::Connection::open) had none.
    StreamsAvailable(Direction),
}

/// The kinds of event a stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// See [`StreamEvent::Readable`].
    Readable = 1,
    /// See [`StreamEvent::Writable`].
    Writable = 2,
    /// See [`StreamEvent::Finished`].
    Finished = 4,
    /// See [`StreamEvent::Stopped`].
    Stopped = 8,
    /// See [`StreamEvent::Reset`].
    Reset = 16,
}

/// Which events of one stream wait to be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pending {
    wanted: u8,
    // A withdrawn event stays in the queue, and must not enter it twice.
    queued: u8,
}

impl Pending {
    /// Whether this kind waits.
    pub(crate) const fn has(self, kind: EventKind) -> bool {
        self.wanted & kind as u8 != 0
    }

    /// Whether an event waits without which the application does not know how the stream ended.
    pub(crate) const fn holds_stream(self) -> bool {
        self.has(EventKind::Finished) || self.has(EventKind::Stopped) || self.has(EventKind::Reset)
    }

    /// The event has become meaningless.
    pub(crate) fn withdraw(&mut self, kind: EventKind) {
        self.wanted &= !(kind as u8);
    }

    /// The event left the queue. Whether it is to be told.
    pub(crate) fn take(&mut self, kind: EventKind) -> bool {
        let wanted = self.has(kind);
        self.wanted &= !(kind as u8);
        self.queued &= !(kind as u8);
        wanted
    }
}

/// Events in the order in which they happened. At most one of each kind per stream that is alive.
#[derive(Debug, Default)]
pub(crate) struct Events {
    queue: VecDeque<(StreamId, EventKind)>,
}

impl Events {
    /// `kind` happened to the stream whose marks are `pending`.
    pub(crate) fn push(&mut self, pending: &mut Pending, id: StreamId, kind: EventKind) {
        pending.wanted |= kind as u8;
        if pending.queued & kind as u8 == 0 {
            pending.queued |= kind as u8;
            self.queue.push_back((id, kind));
        }
    }

    /// Gives back what the queue does not use.
    pub(crate) fn release_memory(&mut self) {
        self.queue.shrink_to_fit();
    }

    /// Whether nothing is queued.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The next in the queue, which may have been withdrawn.
    pub(crate) fn pop(&mut self) -> Option<(StreamId, EventKind)> {
        self.queue.pop_front()
    }

    /// Forgets what is queued for a stream that is gone, so that the queue never outgrows the streams.
    pub(crate) fn forget(&mut self, pending: Pending, id: StreamId) {
        if pending.queued != 0 {
            self.queue.retain(|(queued, _)| *queued != id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use EventKind::{Finished, Readable, Reset, Stopped, Writable};
    use alloc::vec::Vec;

    fn stream(index: u32) -> StreamId {
        StreamId::from_varint(VarInt::from_u32(4 * index))
    }

    #[test]
    fn each_kind_waits_once_and_again_when_it_was_told() {
        let (mut events, mut pending) = (Events::default(), Pending::default());
        assert!(events.is_empty());
        for kind in [Readable, Writable, Readable, Finished, Writable] {
            events.push(&mut pending, stream(1), kind);
        }
        assert!(!events.is_empty() && pending.has(Readable) && !pending.has(Reset));
        assert_eq!(events.pop(), Some((stream(1), Readable)));
        assert!(pending.take(Readable) && !pending.has(Readable));
        // What was told may happen again; what waits does not enter the queue twice.
        events.push(&mut pending, stream(1), Readable);
        events.push(&mut pending, stream(1), Writable);
        let rest: Vec<_> = core::iter::from_fn(|| events.pop()).map(|(_, kind)| kind).collect();
        assert_eq!(rest, [Writable, Finished, Readable]);
        assert!(events.is_empty());
    }

    #[test]
    fn a_withdrawn_event_is_not_told_and_keeps_its_place() {
        let (mut events, mut pending) = (Events::default(), Pending::default());
        events.push(&mut pending, stream(1), Readable);
        events.push(&mut pending, stream(1), Stopped);
        pending.withdraw(Readable);
        assert!(!pending.has(Readable) && pending.has(Stopped));
        // Wanted again before it left the queue: still once.
        events.push(&mut pending, stream(1), Readable);
        pending.withdraw(Readable);
        assert_eq!(events.pop(), Some((stream(1), Readable)));
        assert!(!pending.take(Readable));
        assert_eq!(events.pop(), Some((stream(1), Stopped)));
        assert!(pending.take(Stopped) && events.pop().is_none());
    }

    #[test]
    fn a_queue_that_is_empty_again_keeps_nothing() {
        let mut events = Events::default();
        (0..100).for_each(|index| events.push(&mut Pending::default(), stream(index), Readable));
        while events.pop().is_some() {}
        events.release_memory();
        assert_eq!(events.queue.capacity(), 0);
    }

    #[test]
    fn only_ends_hold_a_stream() {
        for (kind, holds) in [(Readable, false), (Writable, false), (Finished, true), (Stopped, true), (Reset, true)] {
            let (mut events, mut pending) = (Events::default(), Pending::default());
            events.push(&mut pending, stream(1), kind);
            assert_eq!(pending.holds_stream(), holds, "{kind:?}");
        }
    }

    #[test]
    fn nothing_is_told_of_a_stream_that_is_gone() {
        let mut events = Events::default();
        let (mut one, mut two) = (Pending::default(), Pending::default());
        events.push(&mut one, stream(1), Readable);
        events.push(&mut two, stream(2), Readable);
        events.push(&mut one, stream(1), Reset);
        // Even what was withdrawn leaves the queue with its stream.
        one.withdraw(Readable);
        one.withdraw(Reset);
        events.forget(one, stream(1));
        events.forget(Pending::default(), stream(2));
        assert_eq!((events.pop(), events.pop()), (Some((stream(2), Readable)), None));
    }
}
