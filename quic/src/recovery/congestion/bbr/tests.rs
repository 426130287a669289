//! A sender that runs BBR over a path of a known rate and round trip, without loss unless it is told.

use super::*;
use alloc::collections::VecDeque;
use base::Duration;

const SIZE: u64 = 1200;
const RTT: u64 = 50_000_000;
/// Bytes per second: 12 Mbit/s.
const RATE: u64 = 1_500_000;

/// One packet on its way.
struct Packet {
    sent: u64,
    acked: u64,
    number: u64,
    is_lost: bool,
}

struct Sender {
    bbr: Bbr,
    now: u64,
    number: u64,
    in_flight: u64,
    packets: VecDeque<Packet>,
    busy_until: u64,
    next_send: u64,
    /// What waits longer than so many nanoseconds is lost.
    queue: u64,
    states: alloc::vec::Vec<State>,
}

impl Sender {
    fn new() -> Sender {
        Sender {
            bbr: Bbr::new(SIZE, 10),
            now: 1_000_000_000,
            number: 0,
            in_flight: 0,
            packets: VecDeque::new(),
            busy_until: 0,
            next_send: 0,
            queue: u64::MAX,
            states: alloc::vec![State::Startup],
        }
    }

    fn send(&mut self) {
        self.in_flight += SIZE;
        self.bbr.on_sent(&Sent { now: Instant::from_nanos(self.now), bytes: SIZE, bytes_in_flight: self.in_flight });
        let free = self.busy_until.max(self.now + RTT / 2);
        let is_lost = free - (self.now + RTT / 2) > self.queue;
        if !is_lost {
            self.busy_until = free + SIZE * 1_000_000_000 / RATE;
        }
        let acked = self.busy_until + RTT / 2;
        self.packets.push_back(Packet { sent: self.now, acked, number: self.number, is_lost });
        self.number += 1;
        let rate = self.bbr.pacing_rate().unwrap();
        self.next_send = self.next_send.max(self.now) + SIZE * 1_000_000_000 / rate;
    }

    fn left(&mut self) -> Left {
        let packet = self.packets.pop_front().unwrap();
        self.in_flight -= SIZE;
        let (now, time_sent) = (Instant::from_nanos(self.now), Instant::from_nanos(packet.sent));
        Left { now, time_sent, bytes: SIZE, number: packet.number }
    }

    fn acknowledge(&mut self) {
        let bytes_in_flight = self.in_flight;
        let left = self.left();
        self.bbr.on_packet_acked(&left);
        let rtt = left.now - left.time_sent;
        self.bbr.on_acked(&Acked {
            now: left.now,
            bytes: SIZE,
            newest_time_sent: left.time_sent,
            bytes_in_flight,
            in_flight_now: self.in_flight,
            application_limited: false,
            smoothed_rtt: rtt,
            min_rtt: Duration::from_nanos(RTT),
            sample: Some(rtt),
        });
        self.note();
    }

    /// The oldest packet is lost, and begins a recovery period if it can.
    fn lose(&mut self) {
        let left = self.left();
        self.bbr.on_packet_lost(&left);
        if self.bbr.recovery_start().is_none_or(|start| left.time_sent > start) {
            assert!(self.bbr.on_congestion_event(left.now, left.time_sent, true));
        }
        self.note();
    }

    fn note(&mut self) {
        if self.states.last() != Some(&self.bbr.machine.state) {
            self.states.push(self.bbr.machine.state);
        }
    }

    /// Sends all that window and rate permit, until `done` or for so many seconds.
    fn run(&mut self, seconds: u64, done: impl Fn(&Bbr) -> bool) {
        let end = self.now + seconds * 1_000_000_000;
        while self.now < end && !done(&self.bbr) {
            let can_send = self.in_flight + SIZE <= self.bbr.window();
            let acked = self.packets.front().map_or(u64::MAX, |packet| packet.acked);
            if can_send && self.next_send.max(self.now) <= acked {
                self.now = self.now.max(self.next_send);
                self.send();
            } else {
                self.now = acked;
                if self.packets[0].is_lost { self.lose() } else { self.acknowledge() }
            }
        }
    }
}

#[test]
fn startup_finds_the_rate_and_the_cycle_begins() {
    let mut sender = Sender::new();
    sender.run(20, |_| false);
    use State::{Cruise, Down, Drain, Refill, Startup, Up};
    // Where no queue is left after Drain, Down is over with the same acknowledgment.
    assert_eq!(sender.states[..7], [Startup, Drain, Cruise, Refill, Up, Down, Cruise]);
    let model = &sender.bbr.machine.model;
    assert!(model.bandwidth.abs_diff(RATE) < RATE / 50, "{} for {RATE}", model.bandwidth);
    // The round trip of a packet is that of the path and the time in which it is sent.
    let least = model.least_rtt.get().unwrap();
    assert!(least.as_nanos() < u128::from(RTT + RTT / 20), "{least:?}");
    let held = RATE * RTT / 1_000_000_000;
    assert!(sender.bbr.window() < 3 * held && sender.bbr.window() > held, "{} for {held}", sender.bbr.window());
}

/// Draft section 5.3.1.3. A round trip later it is known that much is lost, and not by chance: waiting until the rate has not grown for
/// three would lose as much again in each.
#[test]
fn a_queue_that_overflows_ends_startup_a_round_trip_later() {
    for queue in [RTT / 4, RTT / 2, RTT] {
        let mut sender = Sender { queue, ..Sender::new() };
        sender.run(20, |bbr| bbr.recovery_start().is_some());
        assert_eq!(sender.bbr.machine.state, State::Startup);
        let began = sender.now;
        sender.run(20, |bbr| bbr.machine.state != State::Startup);
        let (took, round_trip) = (sender.now - began, RTT + queue);
        assert!(took <= round_trip + round_trip / 8, "{took} of {round_trip}");
        assert!(sender.bbr.machine.model.bandwidth.abs_diff(RATE) < RATE / 20, "the rate is known by then");
    }
}

#[test]
fn losses_beyond_one_in_fifty_end_a_probe_and_late_packets_bring_it_back() {
    let mut sender = Sender::new();
    sender.run(20, |bbr| bbr.machine.state == State::Up);
    assert_eq!(sender.bbr.machine.state, State::Up);
    (0..3).for_each(|_| sender.lose());
    assert_eq!(sender.bbr.machine.state, State::Up, "three may be chance");
    (0..3).for_each(|_| sender.lose());
    let machine = &sender.bbr.machine;
    assert_eq!(machine.state, State::Down);
    assert!(machine.model.long_term.in_flight < u64::MAX && machine.model.long_term.was_too_high);
    sender.bbr.undo();
    let machine = &sender.bbr.machine;
    assert_eq!((machine.state, machine.model.long_term.in_flight), (State::Refill, u64::MAX));
    assert_eq!(sender.bbr.recovery_start(), None);
}

#[test]
fn loss_in_cruise_bounds_the_rate_until_the_next_probe() {
    let mut sender = Sender::new();
    sender.run(20, |bbr| bbr.machine.state == State::Cruise);
    sender.lose();
    sender.run(1, |bbr| bbr.machine.model.signals.bandwidth < u64::MAX);
    let bound = sender.bbr.machine.model.signals.bandwidth;
    assert!(bound > RATE * 9 / 10 && bound < u64::MAX, "{bound}: what was delivered, and no less");
    sender.run(5, |bbr| bbr.machine.state == State::Refill);
    assert_eq!(sender.bbr.machine.model.signals.bandwidth, u64::MAX);
}

/// RFC 9002 section 7.6.2-5: the window falls to two datagrams, and does not jump back.
#[test]
fn persistent_congestion_leaves_two_datagrams() {
    let mut sender = Sender::new();
    sender.run(5, |_| false);
    let before = sender.bbr.window();
    sender.bbr.on_persistent_congestion();
    assert_eq!(sender.bbr.window(), 2 * SIZE);
    sender.acknowledge();
    assert!(sender.bbr.window() <= 4 * SIZE);
    sender.run(2, |_| false);
    assert!(sender.bbr.window() > before / 2, "{} of {before}", sender.bbr.window());
}

/// After silence the rate is the path's: neither a burst nor a new beginning.
#[test]
fn after_silence_it_goes_on_at_the_rate_of_the_path() {
    let mut sender = Sender::new();
    sender.run(4, |bbr| bbr.machine.state == State::Up);
    while !sender.packets.is_empty() {
        sender.now = sender.packets[0].acked;
        sender.acknowledge();
    }
    sender.bbr.on_application_limited(0);
    sender.now += 7_000_000_000;
    sender.send();
    let (rate, bandwidth) = (sender.bbr.pacing_rate().unwrap(), sender.bbr.machine.model.bandwidth);
    assert_eq!(rate, bandwidth * 99 / 100);
    // It has seen the path without a queue: no need to empty it.
    sender.run(1, |_| false);
    assert!(!sender.states.contains(&State::ProbeRtt));
}

#[test]
fn a_path_that_was_not_proven_keeps_no_large_window() {
    let mut sender = Sender::new();
    sender.run(3, |_| false);
    sender.bbr.limit_window(0);
    assert_eq!(sender.bbr.window(), 24_000);
    let mut untouched = Bbr::new(1200, 10);
    untouched.set_max_datagram_size(1452);
    assert_eq!(untouched.window(), 14_520);
}

#[test]
fn a_mark_in_startup_ends_it() {
    let mut sender = Sender::new();
    sender.run(1, |bbr| bbr.window() > 40_000);
    assert_eq!(sender.bbr.machine.state, State::Startup);
    let now = Instant::from_nanos(sender.now);
    assert!(sender.bbr.on_congestion_mark(now, now));
    assert!(!sender.bbr.on_congestion_mark(now, now), "once in a recovery period");
    sender.acknowledge();
    assert_eq!(sender.bbr.machine.state, State::Drain);
}
