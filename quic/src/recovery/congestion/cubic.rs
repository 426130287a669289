//! CUBIC (RFC 9438), with HyStart++ for the first slow start.
//!
//! After a loss the window falls to seven tenths, and then follows a cubic function of the time: fast at first, flat about the
//! window at which the loss was, and then faster again. On paths where NewReno would be faster, it goes as fast as that. Times are
//! whole milliseconds and windows whole bytes, so that every machine computes the same.

use super::controller::{Acked, Controller};
use super::hystart::{Growth, HyStart};
use super::window::Window;
use alloc::boxed::Box;
use base::Instant;

/// RFC 9438 section 4.6: what is left of the window after a loss, in tenths.
const BETA_TENTHS: u64 = 7;
/// RFC 9438 section 5.1: datagrams per second to the third power, in tenths.
const C_TENTHS: u128 = 4;
/// RFC 9438 section 4.3: what NewReno has to grow by to be as fast as with halves: 3 * (1 - 0.7) / (1 + 0.7).
const ALPHA: (u64, u64) = (9, 17);
/// Milliseconds of a second, to the third power.
const CUBIC_MILLISECONDS: u128 = 1_000_000_000;

/// State of one path.
#[derive(Clone, Debug)]
pub(crate) struct Cubic {
    window: Window,
    slow_start: HyStart,
    // Only once there was congestion.
    avoidance: Option<Box<Avoidance>>,
}

/// Congestion avoidance.
#[derive(Clone, Debug)]
struct Avoidance {
    /// The window at the last loss, or less if the path seems to be shared by more than before (section 4.7).
    max: u64,
    /// The window just before it was reduced.
    prior: u64,
    /// The stage that runs, from the first acknowledgment after the loss.
    stage: Option<Stage>,
}

/// One stage of it: from one congestion event to the next.
#[derive(Clone, Debug)]
struct Stage {
    /// When it began; moved by the times in which the application had too little to send (section 5.8).
    epoch: Instant,
    /// Milliseconds from there until the function reaches `max`.
    k: u64,
    /// The window of NewReno, and the bytes acknowledged that have not yet paid for its growth.
    estimate: u64,
    acked: u64,
    /// The newest acknowledgment that let the window grow, and whether there was one since that did not.
    grown_at: Instant,
    is_paused: bool,
}

impl Cubic {
    /// At the initial window.
    pub(crate) fn new(max_datagram_size: u64, initial_window_packets: u32) -> Cubic {
        Cubic {
            window: Window::new(max_datagram_size, initial_window_packets),
            slow_start: HyStart::new(),
            avoidance: None,
        }
    }

    /// RFC 9406 s4.3: HyStart++ is for the first slow start. Gives the bytes that are left for congestion avoidance.
    fn on_acked_in_slow_start(&mut self, acked: &Acked) -> u64 {
        if !self.window.is_first_slow_start() {
            return self.window.slow_start(acked.bytes);
        }
        match self.slow_start.on_acked(acked.now, acked.newest_time_sent, acked.bytes, acked.sample) {
            Growth::By(bytes) => self.window.slow_start(bytes),
            Growth::Ends => {
                self.window.end_slow_start();
                acked.bytes
            }
        }
    }

    /// RFC 9438 sections 4.2 to 4.5.
    fn on_acked_in_avoidance(&mut self, acked: &Acked, bytes: u64) {
        let (window, size) = (self.window.bytes(), self.window.max_datagram_size());
        // RFC 9438 section 4.10: slow start that ended without a loss has no window of one.
        let avoidance =
            self.avoidance.get_or_insert_with(|| Box::new(Avoidance { max: window, prior: window, stage: None }));
        let growth = avoidance.growth(acked, bytes, window, size);
        self.window.grow(growth);
    }
}

impl Avoidance {
    /// By how much the window grows.
    fn growth(&mut self, acked: &Acked, bytes: u64, window: u64, size: u64) -> u64 {
        let Avoidance { max, prior, stage } = self;
        let stage = stage.get_or_insert_with(|| Stage::new(acked.now, *max, window, size));
        stage.on_growth(acked.now);
        stage.acked += bytes;
        // RFC 9438 section 4.3: from the window before the loss on as fast as NewReno.
        let (numerator, denominator) = if stage.estimate >= *prior { (1, 1) } else { ALPHA };
        // Byte by byte: in a window of a few datagrams the growth of a whole one would come a round trip too late.
        let (gain, price) = (u128::from(size * numerator), u128::from((window * denominator).max(1)));
        let grown = (u128::from(stage.acked) * gain / price) as u64;
        stage.acked -= (u128::from(grown) * price / gain) as u64;
        stage.estimate += grown;
        let now = stage.window_at(acked.now, *max, size);
        if now < stage.estimate {
            return stage.estimate.saturating_sub(window);
        }
        // RFC 9438 section 4.2: never less than it is, and slower than slow start.
        let target = stage.window_at(acked.now + acked.smoothed_rtt, *max, size).clamp(window, window + window / 2);
        let growth = u128::from(target - window) * u128::from(bytes) / u128::from(window);
        growth as u64
    }
}

impl Stage {
    fn new(now: Instant, max: u64, window: u64, size: u64) -> Stage {
        let distance = u128::from(max.saturating_sub(window)) * 10 * CUBIC_MILLISECONDS;
        let k = cube_root(distance / (C_TENTHS * u128::from(size)));
        Stage { epoch: now, k, estimate: window, acked: 0, grown_at: now, is_paused: false }
    }

    /// The time in which the window could not grow does not count.
    fn on_growth(&mut self, now: Instant) {
        if core::mem::take(&mut self.is_paused) {
            self.epoch += now - self.grown_at;
        }
        self.grown_at = now;
    }

    /// RFC 9438 section 4.2, figure 1.
    fn window_at(&self, now: Instant, max: u64, size: u64) -> u64 {
        let elapsed = (now - self.epoch).as_millis() as u64;
        let distance = u128::from(elapsed.abs_diff(self.k)).pow(3) * C_TENTHS * u128::from(size);
        let bytes = u64::try_from(distance / (10 * CUBIC_MILLISECONDS)).unwrap_or(u64::MAX);
        if elapsed < self.k { max.saturating_sub(bytes) } else { max.saturating_add(bytes) }
    }
}

/// The largest whole number whose third power is no larger.
fn cube_root(value: u128) -> u64 {
    let mut root = 0u128;
    for bit in (0..42).rev() {
        let larger = root | (1 << bit);
        if larger * larger * larger <= value {
            root = larger;
        }
    }
    root as u64
}

impl Controller for Cubic {
    fn window(&self) -> u64 {
        self.window.bytes()
    }

    fn is_slow_start(&self) -> bool {
        self.window.is_slow_start()
    }

    fn recovery_start(&self) -> Option<Instant> {
        self.window.recovery_start()
    }

    fn on_acked(&mut self, acked: &Acked) {
        if !self.window.may_grow(acked) {
            if let Some(stage) = self.avoidance.as_mut().and_then(|avoidance| avoidance.stage.as_mut()) {
                stage.is_paused = true;
            }
            return;
        }
        let left = if self.window.is_slow_start() { self.on_acked_in_slow_start(acked) } else { acked.bytes };
        if left > 0 && !self.window.is_slow_start() {
            self.on_acked_in_avoidance(acked, left);
        }
    }

    fn on_congestion_event(&mut self, start: Instant, time_sent: Instant, is_queued: bool) -> bool {
        let prior = self.window.bytes();
        if !self.window.on_congestion_event(start, time_sent, BETA_TENTHS) {
            return false;
        }
        // RFC 9438 section 4.7: whoever loses at less than the last time has to share with somebody new. Where no queue stands there is
        // nobody: what is lost there says nothing of where the path ends.
        let is_less = is_queued && self.avoidance.as_ref().is_some_and(|avoidance| prior < avoidance.max);
        let max = if is_less { prior * (10 + BETA_TENTHS) / 20 } else { prior };
        self.avoidance = Some(Box::new(Avoidance { max, prior, stage: None }));
        true
    }

    fn on_persistent_congestion(&mut self) {
        self.window.on_persistent_congestion();
        // RFC 9438 section 4.8: what comes then begins where slow start ends.
        self.avoidance = None;
    }

    fn limit_window(&mut self, bytes: u64) {
        if self.window.limit(bytes) {
            self.avoidance = None;
        }
    }

    fn set_max_datagram_size(&mut self, bytes: u64) {
        self.window.set_max_datagram_size(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Duration;

    const SIZE: u64 = 1200;

    const fn at(milliseconds: u64) -> Instant {
        Instant::from_nanos(milliseconds * 1_000_000)
    }

    fn acked(now: u64, bytes: u64, round_trip: u64) -> Acked {
        Acked {
            now: at(now),
            bytes,
            newest_time_sent: at(now - round_trip),
            bytes_in_flight: u64::MAX,
            in_flight_now: 0,
            min_rtt: Duration::ZERO,
            application_limited: false,
            smoothed_rtt: Duration::from_millis(round_trip),
            sample: Some(Duration::from_millis(round_trip)),
        }
    }

    /// In congestion avoidance, after a loss at this window.
    fn after_loss_at(window: u64, now: u64) -> Cubic {
        let mut cubic = Cubic::new(SIZE, 10);
        cubic.window.slow_start(window - 12_000);
        assert!(cubic.on_congestion_event(at(now), at(now), true));
        assert_eq!(cubic.window(), window * 7 / 10);
        cubic
    }

    /// Acknowledges all of a window in each round trip, for so long. Gives the windows after each.
    fn run(cubic: &mut Cubic, from: u64, round_trip: u64, time: u64) -> alloc::vec::Vec<u64> {
        let ends = (from..from + time).step_by(round_trip as usize);
        ends.map(|now| {
            let window = cubic.window();
            // As the acknowledgments come, spread over the round trip.
            for part in 1..=10 {
                cubic.on_acked(&acked(now + part * round_trip / 10, window / 10, round_trip));
            }
            cubic.window()
        })
        .collect()
    }

    #[test]
    fn cube_roots() {
        for value in (0..2000).chain([u128::from(u32::MAX), 1 << 100, (1 << 120) - 1]) {
            let root = u128::from(cube_root(value));
            assert!(root.pow(3) <= value && (root + 1).pow(3) > value, "{value}");
        }
    }

    /// RFC 9438 section 4.2: after K the window is what it was at the loss. Here K is the third root of 0.3 * 5,000 / 0.4.
    #[test]
    fn the_window_is_reached_again_after_k_and_is_flat_about_it() {
        let (max, round_trip) = (5000 * SIZE, 100);
        let mut cubic = after_loss_at(max, 1000);
        let windows = run(&mut cubic, 1000, round_trip, 30_000);
        let k = 15_536;
        let at_k = windows[(k / round_trip) as usize - 1];
        assert!(at_k.abs_diff(max) < max / 1000, "{at_k} of {max}");
        // Concave before: fast first. Flat for two seconds. Convex then: as fast again.
        let [quarter, half] = [windows[38] as f64 / max as f64, windows[77] as f64 / max as f64];
        assert!((quarter - 0.873).abs() < 0.005 && (half - 0.9625).abs() < 0.005, "{quarter} {half}");
        let flat = windows[164].abs_diff(windows[144]);
        assert!(flat < max / 2000, "{flat}");
        let later = windows[(2 * k / round_trip) as usize - 20] as f64 / max as f64;
        assert!((later - 1.2).abs() < 0.02, "{later}");
    }

    /// RFC 9438 section 4.3: on short paths as fast as NewReno, which grows by a datagram in a round trip, once the window
    /// before the loss is reached, and until then by 9/17.
    #[test]
    fn short_paths_are_for_the_estimate_of_new_reno() {
        let mut cubic = after_loss_at(100 * SIZE, 1000);
        let windows = run(&mut cubic, 1000, 10, 3000);
        let grown = (windows[49] - 70 * SIZE) as f64 / SIZE as f64;
        assert!((grown - 50.0 * 9.0 / 17.0).abs() < 1.5, "{grown}");
        let grown = (windows[299] - windows[199]) as f64 / SIZE as f64;
        assert!((grown - 100.0).abs() < 3.0, "{grown}");
    }

    /// RFC 9438 section 4.2: never as fast as slow start, whatever the function says.
    #[test]
    fn a_round_trip_grows_it_by_half_at_most() {
        let mut cubic = after_loss_at(20 * SIZE, 1000);
        cubic.on_acked(&acked(1000, 1200, 50));
        let window = cubic.window();
        cubic.on_acked(&acked(1_000_000, window, 50));
        assert_eq!(cubic.window(), window + window / 2);
    }

    /// RFC 9438 section 4.7.
    #[test]
    fn whoever_loses_at_less_gives_way() {
        let mut cubic = after_loss_at(100 * SIZE, 1000);
        let max = |cubic: &Cubic| cubic.avoidance.as_ref().unwrap().max;
        assert_eq!(max(&cubic), 100 * SIZE);
        assert!(!cubic.on_congestion_event(at(1010), at(999), true), "once for each round trip");
        assert!(cubic.on_congestion_event(at(1200), at(1100), true));
        assert_eq!((cubic.window(), max(&cubic)), (49 * SIZE, 70 * SIZE * 17 / 20));
    }

    /// RFC 9438 section 4.7: the heuristic is for paths that others fill. A loss where no queue stands says nothing of others.
    #[test]
    fn nobody_gives_way_where_no_queue_stands() {
        let mut cubic = after_loss_at(100 * SIZE, 1000);
        assert!(cubic.on_congestion_event(at(1200), at(1100), false));
        let avoidance = cubic.avoidance.as_ref().unwrap();
        assert_eq!((cubic.window(), avoidance.max), (49 * SIZE, 70 * SIZE));
    }

    /// RFC 9438 section 5.8: the time in which there was nothing to send does not count.
    #[test]
    fn the_clock_stands_while_the_application_has_nothing_to_send() {
        let mut cubic = after_loss_at(5000 * SIZE, 1000);
        let mut paused = cubic.clone();
        run(&mut cubic, 1000, 100, 4000);
        run(&mut paused, 1000, 100, 2000);
        for now in (3100..63_000).step_by(100) {
            let nothing = Acked { application_limited: true, ..acked(now, 1200, 100) };
            paused.on_acked(&nothing);
        }
        run(&mut paused, 63_000, 100, 2000);
        let (running, paused) = (cubic.window(), paused.window());
        assert!(running.abs_diff(paused) < running / 100, "{running} {paused}");
    }

    /// RFC 9438 section 4.8, 4.10: without a loss to go by, the function begins where slow start ended.
    #[test]
    fn slow_start_that_ends_without_a_loss_goes_on_from_there() {
        let mut cubic = Cubic::new(SIZE, 10);
        // The round trip grows by a quarter with each round.
        for round in 1..20 {
            let round_trip = 40 + 10 * round;
            for part in 0..10 {
                let ack = acked(round * 1000 + part, cubic.window() / 10, round_trip);
                let sent = if part == 0 { ack.now } else { at(round * 1000 - 1) };
                cubic.on_acked(&Acked { newest_time_sent: sent, ..ack });
            }
        }
        assert!(!cubic.is_slow_start() && cubic.recovery_start().is_none());
        let avoidance = cubic.avoidance.as_ref().unwrap();
        assert_eq!((avoidance.max, avoidance.stage.as_ref().unwrap().k), (avoidance.prior, 0));
        cubic.on_persistent_congestion();
        assert_eq!((cubic.window(), cubic.is_slow_start(), cubic.avoidance.is_none()), (2400, true, true));
    }
}
