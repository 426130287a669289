//! Streams of sessions that are not there yet: the network and the streams keep no order among each other
//! (draft-ietf-webtrans-http3 section 4.6).

use alloc::vec::Vec;
use base::{Bytes, StreamId, VarInt};

/// A stream that waits for its session.
#[derive(Debug)]
pub(crate) struct EarlyStream {
    pub(crate) session: StreamId,
    pub(crate) id: StreamId,
    pub(crate) header_len: usize,
    pub(crate) ahead: Bytes,
    /// The other end does not read it.
    pub(crate) stopped: Option<VarInt>,
}

/// All that wait.
#[derive(Debug, Default)]
pub(crate) struct Early {
    waiting: Vec<EarlyStream>,
}

impl Early {
    /// One more; false, and nothing is kept, if there are `most`.
    ///
    /// draft-ietf-webtrans-http3 section 4.6-3, 4.6-4.
    pub(crate) fn push(&mut self, stream: EarlyStream, most: usize) -> bool {
        let fits = self.waiting.len() < most;
        if fits {
            self.waiting.push(stream);
        }
        fits
    }

    /// Those of a session, in order.
    pub(crate) fn take(&mut self, session: StreamId) -> Vec<EarlyStream> {
        let (taken, others) = core::mem::take(&mut self.waiting).into_iter().partition(|one| one.session == session);
        self.waiting = others;
        taken
    }

    /// The other end does not read a stream that waits. Whether it was there.
    pub(crate) fn on_stopped(&mut self, id: StreamId, code: VarInt) -> bool {
        let stream = self.waiting.iter_mut().find(|one| one.id == id);
        stream.map(|stream| stream.stopped = Some(code)).is_some()
    }

    /// A stream that waits was given up by the other end before its session came. Whether it was there.
    pub(crate) fn forget(&mut self, id: StreamId) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|one| one.id != id);
        self.waiting.len() < before
    }

    /// How many bytes have come on those that wait, of which `received` tells.
    pub(crate) fn bytes(&self, received: impl Fn(StreamId) -> u64) -> u64 {
        self.waiting.iter().map(|one| received(one.id)).sum()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}
