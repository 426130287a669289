//! Bytes that are to be sent but that the transport has not taken yet, in order. Empty, and without an allocation, as
//! long as the transport keeps up.

use crate::transport::{Transport, WriteError};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use base::{Bytes, StreamId};

/// What waits to be written on one stream. Only what the application or this crate made is in it, never the peer's data.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<Bytes>,
}

impl Outbox {
    pub(crate) const fn new() -> Outbox {
        Outbox { waiting: VecDeque::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Drops what waits.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Adds what cannot be written yet, because there is no stream.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.waiting.push_back(bytes);
    }

    /// Writes `parts`, one after the other, after all that waits. With `ends` they are the last: whether the transport has taken all,
    /// and the end.
    pub(crate) fn write<const N: usize>(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        mut parts: [Bytes; N],
        ends: bool,
    ) -> Result<bool, WriteError> {
        if self.waiting.is_empty() {
            match ends {
                true => transport.write_last(id, &mut parts)?,
                false => transport.write_parts(id, &mut parts)?,
            }
            if parts.iter().all(Bytes::is_empty) {
                return Ok(ends);
            }
        }
        self.waiting.extend(parts.into_iter().filter(|part| !part.is_empty()));
        Ok(false)
    }

    /// The same, of bytes that nobody else refers to.
    pub(crate) fn write_own(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        data: Vec<u8>,
        ends: bool,
    ) -> Result<bool, WriteError> {
        if !self.waiting.is_empty() {
            self.waiting.push_back(Bytes::from(data));
            return Ok(false);
        }
        let rest = transport.write_own(id, data, ends)?;
        if rest.is_empty() {
            return Ok(ends);
        }
        self.waiting.push_back(rest);
        Ok(false)
    }

    /// Writes what waits, as far as it fits.
    pub(crate) fn flush(&mut self, transport: &mut impl Transport, id: StreamId) -> Result<(), WriteError> {
        while let Some(front) = self.waiting.front_mut() {
            transport.write(id, front)?;
            if !front.is_empty() {
                break;
            }
            self.waiting.pop_front();
        }
        Ok(())
    }
}
