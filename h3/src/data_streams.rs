//! Streams that belong to a request and carry no HTTP (draft-ietf-webtrans-http3 sections 4.2 and 4.3): each begins with a signal
//! and the number of the request, and the rest is for whoever knows what the request is about.
//!
//! HTTP/3 reads the beginning, and from then on tells what the transport tells of the stream. Reading and writing are calls of the
//! [`Transport`](crate::Transport).

use crate::frame_reader::FrameHeaderReader;
use alloc::collections::{BTreeMap, BTreeSet};
use base::{Bytes, StreamId, VarInt};

/// Something happened to a stream that belongs to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataStreamEvent {
    /// The peer opened it. There may be more to read than what was read already.
    Opened {
        /// The request that it names.
        request: StreamId,
        /// How many bytes its beginning had.
        header_len: usize,
        /// What was read behind that.
        ahead: Bytes,
    },
    /// Something can be read.
    Readable,
    /// Something can be written.
    Writable,
    /// The peer gave up sending.
    Reset {
        /// Its code.
        code: VarInt,
        /// How many bytes it sent in all, the beginning counted in.
        size: u64,
    },
    /// The peer does not read any more.
    Stopped(VarInt),
    /// All that was written has arrived.
    Delivered,
}

/// Which streams were handed over, and which may be.
#[derive(Debug, Default)]
pub(crate) struct DataStreams {
    handed: BTreeSet<StreamId>,
    /// Bidirectional streams that can be nothing else: a server's, and those that a client opens after GOAWAY.
    unidentified: BTreeMap<StreamId, FrameHeaderReader>,
    /// Bidirectional streams whose beginning has not come, and that the peer does not read: it may have said so first.
    stopped: BTreeMap<StreamId, VarInt>,
}

impl DataStreams {
    /// A stream that can be nothing else.
    pub(crate) fn await_signal(&mut self, id: StreamId) {
        self.unidentified.insert(id, FrameHeaderReader::new());
    }

    /// The beginning of a stream that is awaited.
    pub(crate) fn beginning(&mut self, id: StreamId) -> Option<&mut FrameHeaderReader> {
        self.unidentified.get_mut(&id)
    }

    /// The peer does not read a stream whose beginning has not come.
    pub(crate) fn on_early_stop(&mut self, id: StreamId, code: VarInt) {
        self.stopped.insert(id, code);
    }

    /// Whether it was so with a stream whose beginning has come, or which is over.
    pub(crate) fn take_stop(&mut self, id: StreamId) -> Option<VarInt> {
        self.stopped.remove(&id)
    }

    /// It is none.
    pub(crate) fn forget(&mut self, id: StreamId) -> bool {
        self.stopped.remove(&id);
        self.unidentified.remove(&id).is_some()
    }

    /// A stream is handed over.
    pub(crate) fn hand_over(&mut self, id: StreamId) {
        self.unidentified.remove(&id);
        self.handed.insert(id);
    }

    /// Whether it was.
    pub(crate) fn contains(&self, id: StreamId) -> bool {
        self.handed.contains(&id)
    }

    /// Nothing more is to be told of it.
    pub(crate) fn release(&mut self, id: StreamId) {
        self.handed.remove(&id);
    }

    /// The connection is over.
    pub(crate) fn clear(&mut self) {
        self.handed.clear();
        self.unidentified.clear();
        self.stopped.clear();
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.handed.len() + self.unidentified.len()
    }
}
