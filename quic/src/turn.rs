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
    /// Random QUIC bits, drawn many at a time.
    pub(crate) quic_bits: QuicBits,
}

/// Random values of the QUIC bit (RFC 9287), for packets of connections whose peers take both.
pub(crate) struct QuicBits {
    /// The lowest bit is the next one, and the highest that is set is none: it says where they end.
    bits: u64,
}

/// No bit is left.
const EMPTY: u64 = 1;

impl Default for QuicBits {
    fn default() -> QuicBits {
        QuicBits { bits: EMPTY }
    }
}

impl QuicBits {
    /// The bit of the next packet.
    #[inline]
    pub(crate) fn next(&mut self, random: &mut dyn Random) -> bool {
        if self.bits == EMPTY {
            self.bits = u64::from_le_bytes(base::random::array(random)) | 1 << (u64::BITS - 1);
        }
        let bit = self.bits & 1 == 1;
        self.bits >>= 1;
        bit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All bits are ones, and each draw is counted.
    struct Ones(u32);

    impl Random for Ones {
        fn fill(&mut self, bytes: &mut [u8]) {
            self.0 += 1;
            bytes.fill(0xff);
        }
    }

    #[test]
    fn a_draw_is_for_many_packets_and_its_end_is_no_bit() {
        let (mut bits, mut random) = (QuicBits::default(), Ones(0));
        for packet in 0..630 {
            assert!(bits.next(&mut random), "{packet}");
            assert_eq!(random.0, packet / 63 + 1);
        }
        struct Alternating;
        impl Random for Alternating {
            fn fill(&mut self, bytes: &mut [u8]) {
                bytes.fill(0b1010_1010);
            }
        }
        let mut bits = QuicBits::default();
        let ones = (0..630).filter(|_| bits.next(&mut Alternating)).count();
        assert_eq!(ones, 310);
    }
}
