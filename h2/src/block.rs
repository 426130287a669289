//! A block of fields that comes in parts (RFC 9113 sections 6.2 and 6.10).

use crate::violation::Violation;
use alloc::vec::Vec;

/// Frames that one block may come in. A block of the greatest size needs four.
const MAX_PARTS: u32 = 32;

/// A block of which not all has come.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) stream: u32,
    pub(crate) ends_stream: bool,
    pub(crate) bytes: Vec<u8>,
    parts: u32,
}

impl Block {
    pub(crate) fn new(stream: u32, ends_stream: bool) -> Block {
        Block { stream, ends_stream, bytes: Vec::new(), parts: 0 }
    }

    /// One more part. RFC 9113 s10.5.1: neither the size nor the number of parts is without a bound.
    pub(crate) fn push(&mut self, part: &[u8], most: usize) -> Result<(), Violation> {
        self.parts += 1;
        if self.parts > MAX_PARTS || self.bytes.len() + part.len() > most {
            return Err(Violation::BlockTooLarge);
        }
        self.bytes.extend_from_slice(part);
        Ok(())
    }
}
