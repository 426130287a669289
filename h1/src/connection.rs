//! The conductor: one connection, one exchange at a time.
//!
//! Messages come one after the other, so there is one exchange under way. What a client sends ahead (RFC 9112 section 9.3.2) waits
//! until the one before it is over, as bytes: answers come in order. A little of it is taken, so that the client's end is seen; the
//! rest stays in the carrier.
//!
//! Read `state` first, then `ending`, which everything else comes to, then `incoming`, `outgoing` and `slowness`.

mod ending;
mod incoming;
mod outgoing;
mod slowness;
mod state;

use crate::event::Closing;
use base::{Demand, Instant, Outgoing, Side, StreamMachine};
use state::{Incoming, Phase};

pub use state::Connection;

impl StreamMachine for Connection {
    fn demand(&self) -> Demand {
        let is_full =
            || self.current.as_ref().is_some_and(|exchange| exchange.content.len() >= self.config.limits.max_held);
        match self.incoming {
            _ if self.phase == Phase::Broken => Demand::Reset,
            Incoming::Ignored => Demand::More,
            Incoming::Held if self.has_room_ahead() => Demand::More,
            Incoming::Held => Demand::Pause,
            _ if is_full() => Demand::Pause,
            _ => Demand::More,
        }
    }

    fn receive(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.take_in(now, bytes)
    }

    fn on_end(&mut self, now: Instant, _left: &[u8]) {
        self.on_peer_end(now);
    }

    fn has_output(&self) -> bool {
        // Who waits for room is told of it when there is some.
        let awaits_room = self.current.as_ref().is_some_and(|exchange| exchange.wants_room);
        awaits_room || !self.outbox.is_empty() || (self.phase == Phase::Ending && !self.ends.outgoing)
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Outgoing {
        self.give_out(now, buffer)
    }

    fn on_reset(&mut self, _now: Instant) {
        self.phase = Phase::Broken;
        self.outbox.clear();
        self.current = None;
        self.tell_closed(Closing::Reset);
    }

    fn deadline(&self) -> Option<Instant> {
        let times = (self.side == Side::Server).then_some(&self.config.times);
        self.clocks.next(times, self.current.as_ref())
    }

    fn on_timeout(&mut self, now: Instant) {
        self.look(now);
    }
}
