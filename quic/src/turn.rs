//! What the endpoint lends a connection for one call: the time, a source of randomness, and memory to work in.

use crate::packet::SentFrame;
use crate::recovery::Outcome;
use crate::stream::chunks::Chunks;
use alloc::vec::Vec;
use base::{Instant, Random};

/// The arguments that every input call shares.
pub struct Turn<'a> {
    /// The time.
    pub now: Instant,
    /// The source of randomness.
    pub random: &'a mut dyn Random,
    /// Memory that is reused from packet to packet and from connection to connection, so that an idle connection owns
    /// none and a busy one allocates none.
    pub scratch: &'a mut Scratch,
}

impl Scratch {
    /// Gives back what is not in use.
    pub(crate) fn release_memory(&mut self) {
        *self = Scratch::default();
    }
}

/// Vectors that keep their capacity between packets.
#[derive(Default)]
pub struct Scratch {
    /// What became of sent packets.
    pub(crate) outcome: Outcome,
    /// What the packet under construction carries.
    pub(crate) sent: Vec<SentFrame>,
    /// Chunks of stream data.
    pub(crate) chunks: Chunks,
}
