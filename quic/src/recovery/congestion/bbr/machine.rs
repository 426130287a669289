//! What BBR does next: its states, and the rate and the window that follow (draft-ietf-ccwg-bbr sections 5.3, 5.4 and 5.6).

use super::episode::Episode;
use super::long_term::Feedback;
use super::model::{Model, is_too_high};
use super::signals::INFINITE;
use super::state::{PACING_MARGIN, State, beta};
use crate::recovery::delivery_rate::LossSample;
use base::{Duration, Instant};

/// Runs of lost packets in a round trip that end Startup.
const STARTUP_LOSS_RUNS: u32 = 6;
/// The part of the least round trip by which it is longer where a queue stands.
const QUEUE_SHARE: u32 = 8;
/// Round trips after which Drain ends in any case.
const DRAIN_ROUNDS: u64 = 3;
/// For how long little is in flight to measure the round trip.
const PROBE_RTT_DURATION: Duration = Duration::from_millis(200);
/// Round trips between that and a probe of the bandwidth.
const ROUNDS_AFTER_PROBE_RTT: u32 = 6;
/// The time between two probes of the bandwidth is this and up to a second more,
const PROBE_WAIT: Duration = Duration::from_secs(2);
/// or as many round trips as there are datagrams in flight, but no more than this: flows that need a round trip for each datagram
/// more then keep up.
const MAX_PROBE_ROUNDS: u64 = 63;

/// Where the state machine is, and what comes of it.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub model: Model,
    pub state: State,
    pub episode: Episode,
    /// Bytes that may be in flight.
    pub window: u64,
    /// What it was before recovery or ProbeRTT reduced it.
    pub prior_window: u64,
    /// Bytes per second.
    pub pacing_rate: u64,
    /// Bytes.
    pub initial_window: u64,
    has_round_trip: bool,
    cycle_start: Instant,
    probe_wait: Duration,
    drain_round: u64,
    probe_rtt_until: Option<Instant>,
    is_probe_rtt_round_done: bool,
    is_idle_restart: bool,
    // The last round trip in which the window was used up.
    limited_round: Option<u64>,
    noise: u64,
}

impl Machine {
    /// At the initial window.
    pub(super) fn new(max_datagram_size: u64, initial_window: u64) -> Machine {
        Machine {
            model: Model::new(max_datagram_size),
            state: State::Startup,
            episode: Episode::default(),
            window: initial_window,
            prior_window: 0,
            pacing_rate: initial_rate(initial_window, Duration::from_millis(1)),
            initial_window,
            has_round_trip: false,
            cycle_start: Instant::ZERO,
            probe_wait: Duration::ZERO,
            drain_round: 0,
            probe_rtt_until: None,
            is_probe_rtt_round_done: false,
            is_idle_restart: false,
            limited_round: None,
            noise: 0,
        }
    }

    /// A packet was sent; `in_flight` has it in it.
    pub(super) fn on_sent(&mut self, now: Instant, bytes: u64, in_flight: u64) {
        if in_flight == bytes && self.model.rate.is_application_limited() {
            self.restart_from_idle(now);
        }
        self.model.rate.on_sent(now, bytes, in_flight);
        if in_flight + self.model.max_datagram_size > self.window {
            self.limited_round = Some(self.model.rounds.count);
        }
    }

    fn restart_from_idle(&mut self, now: Instant) {
        self.is_idle_restart = true;
        self.model.aggregation.restart(now);
        if self.state.is_probe_bandwidth() {
            self.set_pacing_rate(100);
        } else if self.state == State::ProbeRtt {
            self.end_probe_rtt_if_due(now);
        }
    }

    /// A packet was lost of which this was known.
    pub(super) fn on_lost(&mut self, now: Instant, loss: Option<LossSample>, bytes: u64) {
        self.model.signals.on_lost(self.model.rate.delivered());
        let Some(loss) = loss.filter(|_| self.model.long_term.is_probe_sample) else { return };
        if is_too_high(loss.lost, loss.sent_in_flight, self.model.max_datagram_size) {
            self.on_too_high(now, in_flight_at_loss(&loss, bytes), loss.is_application_limited);
        }
    }

    /// A router says that a queue is too long, in time before it overflows.
    pub(super) fn on_mark(&mut self, now: Instant) {
        self.model.signals.on_lost(self.model.rate.delivered());
        if self.state == State::Startup {
            self.end_startup();
        } else if self.model.long_term.is_probe_sample {
            self.on_too_high(now, self.model.in_flight, self.model.sample.is_application_limited);
        }
    }

    /// So much in flight was too much.
    fn on_too_high(&mut self, now: Instant, in_flight: u64, is_application_limited: bool) {
        let target = beta(self.target_in_flight());
        let long_term = &mut self.model.long_term;
        long_term.was_too_high = true;
        long_term.is_probe_sample = false;
        if !is_application_limited {
            long_term.in_flight = in_flight.max(target);
        }
        if self.state == State::Up {
            self.episode.note_ended(State::Up);
            self.start_down(now);
        }
    }

    /// The model has taken in an acknowledgment. `time_sent`: of the newest packet that it acknowledged.
    pub(super) fn on_acked(&mut self, now: Instant, time_sent: Instant, rtt: Option<Duration>) {
        // Before the episode ends: most often it ends with the round trip that is judged.
        self.end_startup_on_loss(rtt);
        if self.episode.on_acked(time_sent) {
            self.restore_window();
        }
        if self.state == State::Startup && self.model.pipe.is_reached {
            self.state = State::Drain;
            self.drain_round = self.model.rounds.count;
        }
        self.end_drain_if_done(now);
        self.follow_cycle(now);
        self.model.least_rtt.on_acked(now, rtt);
        self.follow_probe_rtt(now);
        self.model.advance();
        self.init_pacing_rate(rtt);
        self.set_pacing_rate(self.state.pacing_gain());
        self.set_window();
    }

    /// Section 5.3.1.3: much is lost, in many places, for a whole round trip, and a queue stands, without which it would be chance.
    fn end_startup_on_loss(&mut self, rtt: Option<Duration>) {
        if !self.model.signals.is_round_start {
            return;
        }
        let runs = self.episode.take_runs();
        let is_long = self.episode.is_active && self.model.rounds.count > self.episode.round;
        let sample = self.model.sample;
        let is_much = is_too_high(sample.lost, sample.sent_in_flight, self.model.max_datagram_size);
        let is_queued =
            rtt.zip(self.model.least_rtt.get()).is_some_and(|(rtt, least)| rtt > least + least / QUEUE_SHARE);
        if self.state == State::Startup && is_long && is_much && is_queued && runs >= STARTUP_LOSS_RUNS {
            self.episode.note_ended(State::Startup);
            self.end_startup();
        }
    }

    fn end_startup(&mut self) {
        self.model.pipe.is_reached = true;
        let held = self.model.held(self.model.bandwidth, 100).unwrap_or(self.initial_window);
        self.model.long_term.in_flight = held.max(self.model.signals.latest_in_flight());
    }

    fn end_drain_if_done(&mut self, now: Instant) {
        if self.state != State::Drain {
            return;
        }
        let is_drained = self.model.in_flight <= self.in_flight_for_bandwidth(self.model.bandwidth);
        if is_drained || self.model.rounds.count > self.drain_round + DRAIN_ROUNDS {
            self.start_down(now);
        }
    }

    fn start_down(&mut self, now: Instant) {
        self.model.signals.reset_round();
        self.model.long_term.on_down();
        self.pick_probe_wait(now);
        self.cycle_start = now;
        self.begin_round();
        self.state = State::Down;
    }

    fn start_refill(&mut self) {
        self.model.signals.lift_bounds();
        self.model.long_term.on_refill();
        self.begin_round();
        self.state = State::Refill;
    }

    fn start_up(&mut self) {
        let Model { long_term, pipe, sample, .. } = &mut self.model;
        long_term.is_probe_sample = true;
        long_term.feedback = Feedback::Starting;
        pipe.reset(sample.rate);
        self.begin_round();
        self.state = State::Up;
        self.model.long_term.raise_slope(self.window, self.model.max_datagram_size);
    }

    fn begin_round(&mut self) {
        let delivered = self.model.rate.delivered();
        self.model.rounds.begin(delivered);
    }

    /// Section 5.3.3.9: the four states of ProbeBW.
    fn follow_cycle(&mut self, now: Instant) {
        if !self.model.pipe.is_reached || self.adapt_long_term() {
            return;
        }
        let state = self.state;
        match state {
            State::Down if self.is_time_to_probe(now) && !self.model.least_rtt.is_due => self.start_refill(),
            State::Down if self.is_time_to_cruise() => self.state = State::Cruise,
            State::Cruise if self.is_time_to_probe(now) => self.start_refill(),
            State::Refill if self.model.rounds.is_start => self.start_up(),
            State::Up if self.is_time_to_go_down() => {
                self.model.long_term.was_too_high = false;
                self.start_down(now);
            }
            _ => {}
        }
    }

    /// Follows what the acknowledgments tell of a probe. Tells whether the state changed with it.
    fn adapt_long_term(&mut self) -> bool {
        let (is_round_start, is_cycle) = (self.model.rounds.is_start, self.state.is_probe_bandwidth());
        match self.model.long_term.feedback {
            Feedback::Starting if is_round_start => self.model.long_term.feedback = Feedback::Probing,
            Feedback::Stopping if is_round_start => {
                self.model.long_term.is_probe_sample = false;
                self.model.long_term.feedback = Feedback::Nothing;
                if is_cycle && !self.model.sample.is_application_limited {
                    self.model.bandwidths.advance();
                }
                if is_cycle && self.model.long_term.was_precautionary && !self.model.long_term.was_too_high {
                    self.start_refill();
                    return true;
                }
            }
            _ => {}
        }
        let sample = self.model.sample;
        let is_much = is_too_high(sample.lost, sample.sent_in_flight, self.model.max_datagram_size);
        if !is_much && self.model.long_term.in_flight != INFINITE {
            self.model.long_term.in_flight = self.model.long_term.in_flight.max(sample.sent_in_flight);
            if self.state == State::Up {
                self.raise_long_term();
            }
        }
        false
    }

    fn raise_long_term(&mut self) {
        if !self.is_window_limited() || self.window < self.model.long_term.in_flight {
            return;
        }
        let (acked, size) = (self.model.sample.newly_acked, self.model.max_datagram_size);
        self.model.long_term.on_probe_acked(acked, size);
        if self.model.rounds.is_start {
            self.model.long_term.raise_slope(self.window, size);
        }
    }

    /// Whether the window was used up in this round trip or the last.
    fn is_window_limited(&self) -> bool {
        self.limited_round.is_some_and(|round| round + 1 >= self.model.rounds.count)
    }

    fn is_time_to_probe(&self, now: Instant) -> bool {
        let datagrams = self.target_in_flight() / self.model.max_datagram_size;
        now > self.cycle_start + self.probe_wait || self.model.rounds.since_probe >= datagrams.min(MAX_PROBE_ROUNDS)
    }

    fn is_time_to_cruise(&self) -> bool {
        let held = self.in_flight_for_bandwidth(self.model.bandwidths.get());
        self.model.in_flight <= self.model.with_headroom().min(held)
    }

    fn is_time_to_go_down(&mut self) -> bool {
        let long_term = &mut self.model.long_term;
        if long_term.was_too_high && self.model.in_flight >= long_term.in_flight {
            long_term.was_precautionary = true;
            return true;
        }
        if self.is_window_limited() && self.window >= self.model.long_term.in_flight {
            // It is the bound that holds back the rate, and not the path.
            self.model.pipe.reset(self.model.sample.rate);
            return false;
        }
        self.model.pipe.is_now
    }

    /// Random in time, so that flows that share a path do not probe together. It need not be secret: what it is made of is how
    /// packets happened to come.
    fn pick_probe_wait(&mut self, now: Instant) {
        let seed = self.noise ^ now.as_nanos() ^ self.model.rate.delivered().rotate_left(32);
        // The middle of two products, so that each bit of the seed reaches each bit of the noise.
        let mix = |value: u64, factor: u64| ((u128::from(value) * u128::from(factor)) >> 32) as u64;
        self.noise = mix(mix(seed, 0xbf58_476d_1ce4_e5b9) ^ seed, 0x94d0_49bb_1331_11eb);
        self.model.rounds.since_probe = self.noise >> 63;
        self.probe_wait = PROBE_WAIT + Duration::from_nanos((self.noise >> 8) % 1_000_000_000);
    }

    /// Section 5.3.4: now and then there is little in flight, to see the round trip without a queue.
    fn follow_probe_rtt(&mut self, now: Instant) {
        if self.model.least_rtt.is_due && !self.is_idle_restart && self.may_probe_rtt(now) {
            self.save_window();
            self.state = State::ProbeRtt;
            self.probe_rtt_until = None;
            self.model.long_term.feedback = Feedback::Stopping;
            self.begin_round();
        }
        if self.state == State::ProbeRtt {
            self.stay_in_probe_rtt(now);
        }
        if self.model.sample.delivered > 0 {
            self.is_idle_restart = false;
        }
    }

    /// A queue of its own making is no reason: a probe of the bandwidth empties it again when it goes down. If it is not empty half a wait
    /// after the time for the next one, somebody else keeps it.
    fn may_probe_rtt(&self, now: Instant) -> bool {
        match self.state {
            State::ProbeRtt | State::Refill | State::Up => false,
            State::Down => now > self.cycle_start + self.probe_wait * 3 / 2,
            State::Startup | State::Drain | State::Cruise => true,
        }
    }

    fn stay_in_probe_rtt(&mut self, now: Instant) {
        // The rates of this time say nothing.
        self.model.rate.on_application_limited(self.model.in_flight);
        if self.probe_rtt_until.is_none() {
            if self.model.in_flight <= self.probe_rtt_window() {
                self.probe_rtt_until = Some(now + PROBE_RTT_DURATION);
                self.is_probe_rtt_round_done = false;
                self.begin_round();
            }
            return;
        }
        self.is_probe_rtt_round_done |= self.model.rounds.is_start;
        if self.is_probe_rtt_round_done {
            self.end_probe_rtt_if_due(now);
        }
    }

    fn end_probe_rtt_if_due(&mut self, now: Instant) {
        if self.probe_rtt_until.is_none_or(|until| now <= until) {
            return;
        }
        self.model.least_rtt.on_probed(now);
        self.restore_window();
        self.model.signals.lift_bounds();
        if self.model.pipe.is_reached {
            // Nothing waits in the queue: from Down straight to Cruise.
            let due = self.cycle_start + self.probe_wait;
            self.start_down(now);
            self.state = State::Cruise;
            self.keep_probe_time(now, due);
        } else {
            self.state = State::Startup;
        }
    }

    /// After ProbeRTT the bandwidth is probed when it was due, but not before some round trips. Were the wait begun anew, as the draft
    /// has it, a flow that probes the round trip each five seconds would most often probe the bandwidth once in between instead of
    /// twice, and flows that share a path would come together half as fast.
    fn keep_probe_time(&mut self, now: Instant, due: Instant) {
        let rest = self.model.least_rtt.get().unwrap_or_default() * ROUNDS_AFTER_PROBE_RTT;
        self.probe_wait = due.saturating_duration_since(now).max(rest).min(self.probe_wait);
    }

    /// Nothing that was declared lost was lost.
    pub(super) fn undo(&mut self) {
        let Some(saved) = self.episode.undo() else { return };
        self.restore_window();
        let Model { signals, long_term, pipe, .. } = &mut self.model;
        signals.forgive();
        pipe.reset(0);
        signals.bandwidth = signals.bandwidth.max(saved.short_term_bandwidth);
        signals.in_flight = signals.in_flight.max(saved.short_term_in_flight);
        long_term.in_flight = long_term.in_flight.max(saved.long_term_in_flight);
        match saved.state {
            Some(State::Startup) if self.state != State::Startup => {
                pipe.is_reached = false;
                if self.state != State::ProbeRtt {
                    self.state = State::Startup;
                }
            }
            Some(State::Up) if !matches!(self.state, State::Up | State::ProbeRtt) => self.start_refill(),
            _ => {}
        }
    }

    /// What the window was before recovery and ProbeRTT.
    pub(super) fn save_window(&mut self) {
        let is_whole = !self.episode.is_active && self.state != State::ProbeRtt;
        self.prior_window = if is_whole { self.window } else { self.prior_window.max(self.window) };
    }

    fn restore_window(&mut self) {
        self.window = self.window.max(self.prior_window);
    }

    fn target_in_flight(&self) -> u64 {
        let held = self.model.held(self.model.bandwidth, 100).unwrap_or(self.initial_window);
        held.min(self.window)
    }

    fn in_flight_for_bandwidth(&self, bandwidth: u64) -> u64 {
        let held = self.model.held(bandwidth, 100).unwrap_or(self.initial_window);
        self.model.in_flight_for(held, self.pacing_rate, self.state)
    }

    fn probe_rtt_window(&self) -> u64 {
        let held = self.model.held(self.model.bandwidth, State::ProbeRtt.window_gain()).unwrap_or(self.initial_window);
        held.max(self.model.least_window())
    }

    /// With the first round trip the rate of the beginning is known.
    fn init_pacing_rate(&mut self, rtt: Option<Duration>) {
        let Some(rtt) = rtt.filter(|_| !self.has_round_trip) else { return };
        self.has_round_trip = true;
        self.pacing_rate = initial_rate(self.initial_window, rtt);
    }

    /// Section 5.6.2. Until the path was full the rate only grows: what the application held back says nothing.
    fn set_pacing_rate(&mut self, gain: u64) {
        let rate = u128::from(self.model.bandwidth) * u128::from(gain * PACING_MARGIN) / 10_000;
        // At least a datagram in a second: a rate of nothing would wait for ever.
        let rate = u64::try_from(rate).unwrap_or(u64::MAX).max(self.model.max_datagram_size);
        if self.model.pipe.is_reached || rate > self.pacing_rate {
            self.pacing_rate = rate;
        }
    }

    /// Section 5.6.4.
    fn set_window(&mut self) {
        let acked = self.model.sample.newly_acked;
        let held = self.model.held(self.model.bandwidth, self.state.window_gain()).unwrap_or(self.initial_window);
        let most = held.saturating_add(self.model.aggregation.bytes());
        let most = self.model.in_flight_for(most, self.pacing_rate, self.state);
        if self.model.pipe.is_reached {
            self.window = self.window.saturating_add(acked).min(most);
        } else if self.window < most || self.model.rate.delivered() < self.initial_window {
            self.window = self.window.saturating_add(acked);
        }
        self.window = self.window.max(self.model.least_window());
        if self.state == State::ProbeRtt {
            self.window = self.window.min(self.probe_rtt_window());
        }
        self.window = self.window.min(self.model.bound(self.state));
    }
}

/// Bytes per second with which a connection begins.
fn initial_rate(window: u64, rtt: Duration) -> u64 {
    let rate = u128::from(window * State::Startup.pacing_gain()) * 1_000_000_000 / (100 * rtt.as_nanos().max(1));
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// How much was in flight when one in fifty was lost: somewhere within the lost packet, or before it.
fn in_flight_at_loss(loss: &LossSample, bytes: u64) -> u64 {
    let before = loss.sent_in_flight.saturating_sub(bytes);
    let lost_before = loss.lost.saturating_sub(bytes);
    // (before / 50 - lost_before) / (1 - 1 / 50), in whole numbers.
    before + before.saturating_sub(50 * lost_before) / 49
}
