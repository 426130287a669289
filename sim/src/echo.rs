//! The smallest machine of use: it sends back whatever comes.

use base::{Datagram, Ecn, FourTuple, Instant, Machine, Transmit};
use std::collections::VecDeque;

/// Answers every datagram with itself, over the same path and with the same mark.
#[derive(Debug, Default)]
pub struct Echo {
    waiting: VecDeque<(FourTuple, Ecn, Vec<u8>)>,
}

impl Machine for Echo {
    fn receive(&mut self, _now: Instant, datagram: Datagram<'_>) {
        self.waiting.push_back((datagram.four_tuple, datagram.ecn, datagram.payload.to_vec()));
    }

    fn transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        let (four_tuple, ecn, payload) = self.waiting.pop_front()?;
        let len = payload.len();
        buffer[..len].copy_from_slice(&payload);
        Some(Transmit { four_tuple, ecn, len, segment_size: len })
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn on_timeout(&mut self, _now: Instant) {}
}
