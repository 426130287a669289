//! BBR, version 3 (draft-ietf-ccwg-bbr): a model of the path instead of a reaction to loss.
//!
//! What is measured is how fast the path delivers and how long its round trip is without a queue. The product is what the path holds;
//! about so much is sent, at that rate. A packet that is lost by chance changes little; loss above one in fifty, while more is tried
//! on purpose, tells where the path ends. All numbers are whole: bytes, nanoseconds, hundredths.

mod aggregation;
mod episode;
mod filter;
mod full_pipe;
mod long_term;
mod machine;
mod model;
mod round_trip;
mod rounds;
mod signals;
mod state;
#[cfg(test)]
mod tests;

use super::controller::{Acked, Controller, Left, Sent};
use super::window::initial_window;
use base::Instant;
use machine::Machine;
use state::State;

/// Datagrams that may be in flight after persistent congestion (RFC 9002 section 7.6.2).
const COLLAPSED_PACKETS: u64 = 2;

/// State of one path.
#[derive(Clone, Debug)]
pub(crate) struct Bbr {
    machine: Machine,
    initial_window_packets: u32,
    // Nothing was acknowledged or lost so far: a new datagram size gives a new initial window.
    is_untouched: bool,
}

impl Bbr {
    /// At the initial window.
    pub(crate) fn new(max_datagram_size: u64, initial_window_packets: u32) -> Bbr {
        let window = initial_window(max_datagram_size, initial_window_packets);
        Bbr { machine: Machine::new(max_datagram_size, window), initial_window_packets, is_untouched: true }
    }

    /// All that was declared lost since the newest recovery period began was only late.
    pub(crate) fn undo(&mut self) {
        self.machine.undo();
    }
}

impl Controller for Bbr {
    fn window(&self) -> u64 {
        self.machine.window
    }

    fn pacing_rate(&self) -> Option<u64> {
        Some(self.machine.pacing_rate)
    }

    fn is_slow_start(&self) -> bool {
        self.machine.state == State::Startup
    }

    fn recovery_start(&self) -> Option<Instant> {
        self.machine.episode.start
    }

    fn on_sent(&mut self, sent: &Sent) {
        self.machine.on_sent(sent.now, sent.bytes, sent.bytes_in_flight);
    }

    fn on_packet_acked(&mut self, packet: &Left) {
        self.is_untouched = false;
        self.machine.model.rate.on_acked(packet.now, packet.time_sent, packet.bytes);
    }

    fn on_packet_lost(&mut self, packet: &Left) {
        self.is_untouched = false;
        let Machine { model, episode, .. } = &mut self.machine;
        let bounds = [model.signals.bandwidth, model.signals.in_flight, model.long_term.in_flight];
        episode.on_packet_lost(packet.time_sent, packet.number, bounds);
        let loss = model.rate.on_lost(packet.time_sent, packet.bytes);
        self.machine.on_lost(packet.now, loss, packet.bytes);
    }

    fn on_packet_discarded(&mut self, time_sent: Instant) {
        self.machine.model.rate.on_discarded(time_sent);
    }

    fn on_application_limited(&mut self, bytes_in_flight: u64) {
        self.machine.model.rate.on_application_limited(bytes_in_flight);
    }

    fn on_acked(&mut self, acked: &Acked) {
        let Machine { model, state, window, .. } = &mut self.machine;
        let Some(sample) = model.rate.take_sample(acked.min_rtt) else { return };
        model.in_flight = acked.in_flight_now;
        model.look_at_queue(acked.sample);
        model.on_acked(acked.now, sample, *state, *window);
        self.machine.on_acked(acked.now, acked.newest_time_sent, acked.sample);
    }

    fn on_congestion_event(&mut self, start: Instant, time_sent: Instant, _is_queued: bool) -> bool {
        self.machine.save_window();
        let round = self.machine.model.rounds.count;
        self.machine.episode.begin(start, time_sent, round)
    }

    fn on_congestion_mark(&mut self, start: Instant, time_sent: Instant) -> bool {
        let begins = self.on_congestion_event(start, time_sent, true);
        if begins {
            // What a router says of itself is never undone.
            self.machine.episode.saved = None;
            self.machine.on_mark(start);
        }
        begins
    }

    fn on_persistent_congestion(&mut self) {
        let machine = &mut self.machine;
        machine.window = COLLAPSED_PACKETS * machine.model.max_datagram_size;
        // It grows again with what is acknowledged, and does not jump back.
        machine.prior_window = 0;
        machine.episode.is_active = false;
        machine.episode.saved = None;
    }

    fn limit_window(&mut self, bytes: u64) {
        let limit = bytes.max(2 * self.machine.initial_window);
        self.machine.window = self.machine.window.min(limit);
        self.machine.prior_window = self.machine.prior_window.min(limit);
    }

    fn set_max_datagram_size(&mut self, bytes: u64) {
        let machine = &mut self.machine;
        machine.model.max_datagram_size = bytes;
        machine.initial_window = initial_window(bytes, self.initial_window_packets);
        if self.is_untouched {
            machine.window = machine.initial_window;
        }
        machine.window = machine.window.max(COLLAPSED_PACKETS * bytes);
    }

    fn on_path_taken_up(&mut self) {
        self.machine.model.rate.forget_bursts();
    }

    fn release_memory(&mut self) {
        self.machine.model.rate.release_memory();
    }
}
