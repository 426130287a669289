//! The conductor: frames in, frames out, and the streams between.
//!
//! Read `state` first, then `blocks` and `ending`, then `outgoing`, then what comes in: `streams`, `control` and `frames`; last
//! `slowness`.

mod blocks;
mod control;
mod ending;
mod frames;
mod outgoing;
mod slowness;
mod state;
mod streams;

use crate::event::Closing;
use base::{Demand, Instant, Outgoing, StreamMachine};

pub use state::Connection;

impl StreamMachine for Connection {
    fn demand(&self) -> Demand {
        if self.state.is_broken { Demand::Reset } else { Demand::More }
    }

    fn receive(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.take_in(now, bytes)
    }

    fn on_end(&mut self, now: Instant, _left: &[u8]) {
        self.on_peer_end(now);
    }

    fn has_output(&self) -> bool {
        let waits = !self.out.control.is_empty() || !self.out.ready.is_empty() || !self.out.wanting.is_empty();
        waits || (self.state.is_ending && !self.state.has_ended)
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Outgoing {
        self.give_out(now, buffer)
    }

    fn on_reset(&mut self, _now: Instant) {
        self.break_off(Closing::Reset);
    }

    fn deadline(&self) -> Option<Instant> {
        self.next_look()
    }

    fn on_timeout(&mut self, now: Instant) {
        self.look(now);
    }
}
