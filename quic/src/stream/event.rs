//! What the application is told, each thing once however often it happens before the application asks.

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
    },
    /// Streams can be opened again after [`open`](super::streams::Streams::open) had none.
    StreamsAvailable(Direction),
}

/// The kinds of event a stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
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
pub struct Pending {
    wanted: u8,
    // A withdrawn event stays in the queue, and must not enter it twice.
    queued: u8,
}

impl Pending {
    /// Whether this kind waits.
    pub const fn has(self, kind: EventKind) -> bool {
        self.wanted & kind as u8 != 0
    }

    /// Whether an event waits without which the application does not know how the stream ended.
    pub const fn holds_stream(self) -> bool {
        self.has(EventKind::Finished) || self.has(EventKind::Stopped) || self.has(EventKind::Reset)
    }

    /// The event has become meaningless.
    pub fn withdraw(&mut self, kind: EventKind) {
        self.wanted &= !(kind as u8);
    }

    /// The event left the queue. Whether it is to be told.
    pub fn take(&mut self, kind: EventKind) -> bool {
        let wanted = self.has(kind);
        self.wanted &= !(kind as u8);
        self.queued &= !(kind as u8);
        wanted
    }
}

/// Events in the order in which they happened. At most one of each kind per stream that is alive.
#[derive(Debug, Default)]
pub struct Events {
    queue: VecDeque<(StreamId, EventKind)>,
}

impl Events {
    /// `kind` happened to the stream whose marks are `pending`.
    pub fn push(&mut self, pending: &mut Pending, id: StreamId, kind: EventKind) {
        pending.wanted |= kind as u8;
        if pending.queued & kind as u8 == 0 {
            pending.queued |= kind as u8;
            self.queue.push_back((id, kind));
        }
    }

    /// Gives back what the queue does not use.
    pub fn release_memory(&mut self) {
        self.queue.shrink_to_fit();
    }

    /// Whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The next in the queue, which may have been withdrawn.
    pub fn pop(&mut self) -> Option<(StreamId, EventKind)> {
        self.queue.pop_front()
    }

    /// Forgets what is queued for a stream that is gone, so that the queue never outgrows the streams.
    pub fn forget(&mut self, pending: Pending, id: StreamId) {
        if pending.queued != 0 {
            self.queue.retain(|(queued, _)| *queued != id);
        }
    }
}
