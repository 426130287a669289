//! NewReno as RFC 9002 section 7.3 and appendix B have it: slow start, recovery period, congestion avoidance.

use super::controller::{Acked, Controller};
use base::Instant;

/// RFC 9002 s7.2: ten datagrams, but no more than this unless two datagrams are more.
const INITIAL_WINDOW_LIMIT: u64 = 14_720;
/// RFC 9002 s7.2: datagrams of the least window.
const MINIMUM_WINDOW_PACKETS: u64 = 2;

/// State of one path.
#[derive(Clone, Debug)]
pub(crate) struct NewReno {
    max_datagram_size: u64,
    initial_window_packets: u32,
    window: u64,
    // Infinite until the first loss.
    slow_start_threshold: u64,
    // Bytes acknowledged in congestion avoidance that have not yet paid for a growth.
    acked_in_avoidance: u64,
    recovery_start: Option<Instant>,
    // Nothing was acknowledged or lost so far: a new datagram size gives a new initial window.
    untouched: bool,
}

impl NewReno {
    /// At the initial window.
    pub(crate) fn new(max_datagram_size: u64, initial_window_packets: u32) -> NewReno {
        NewReno {
            max_datagram_size,
            initial_window_packets,
            window: initial_window(max_datagram_size, initial_window_packets),
            slow_start_threshold: u64::MAX,
            acked_in_avoidance: 0,
            recovery_start: None,
            untouched: true,
        }
    }

    fn minimum_window(&self) -> u64 {
        self.max_datagram_size * MINIMUM_WINDOW_PACKETS
    }
}

fn initial_window(max_datagram_size: u64, packets: u32) -> u64 {
    (max_datagram_size * u64::from(packets)).min(INITIAL_WINDOW_LIMIT.max(max_datagram_size * 2))
}

impl Controller for NewReno {
    fn window(&self) -> u64 {
        self.window
    }

    fn is_slow_start(&self) -> bool {
        self.window < self.slow_start_threshold
    }

    fn recovery_start(&self) -> Option<Instant> {
        self.recovery_start
    }

    fn on_acked(&mut self, acked: &Acked) {
        // RFC 9002 s7.8: a window that was not used proves nothing about the path. In slow start half of it is enough,
        // since the next round doubles it.
        let used = acked.bytes_in_flight >= self.window / 2 && self.is_slow_start();
        if acked.bytes == 0 || (acked.application_limited && !used) {
            return;
        }
        self.untouched = false;
        let mut bytes = acked.bytes;
        if self.is_slow_start() {
            // RFC 9002 s7.3.1: by what was acknowledged; what goes beyond the threshold counts for avoidance.
            let growth = bytes.min(self.slow_start_threshold - self.window);
            self.window += growth;
            bytes -= growth;
        }
        // RFC 9002 section 7.3.3-1: one datagram for each window that was acknowledged, counted as RFC 3465 s2.1 does.
        self.acked_in_avoidance += bytes;
        while self.acked_in_avoidance >= self.window {
            self.acked_in_avoidance -= self.window;
            self.window += self.max_datagram_size;
        }
    }

    fn on_congestion_event(&mut self, now: Instant, time_sent: Instant) -> bool {
        // RFC 9002 s7.3.2: once per round trip.
        // RFC 9002 section 7.3.1-1.
        if self.recovery_start.is_some_and(|start| time_sent <= start) {
            return false;
        }
        self.untouched = false;
        // RFC 9000 section 13.3-7: loss has its consequence.
        self.recovery_start = Some(now);
        // RFC 9002 section 7.3.2-1, 7.3.2-2: half of what it was, and the window at once.
        self.slow_start_threshold = (self.window / 2).max(self.minimum_window());
        self.window = self.slow_start_threshold;
        self.acked_in_avoidance = 0;
        true
    }

    fn on_persistent_congestion(&mut self) {
        // RFC 9002 section 7.6.2-5: slow start from the least window.
        self.window = self.minimum_window();
        self.recovery_start = None;
        self.acked_in_avoidance = 0;
    }

    fn limit_window(&mut self, bytes: u64) {
        let limit = bytes.max(2 * initial_window(self.max_datagram_size, self.initial_window_packets));
        if self.window > limit {
            self.window = limit;
            self.slow_start_threshold = limit;
            self.acked_in_avoidance = 0;
        }
    }

    fn set_max_datagram_size(&mut self, bytes: u64) {
        self.max_datagram_size = bytes;
        // RFC 9002 s7.2: a window that is still the initial one follows the size.
        if self.untouched {
            self.window = initial_window(bytes, self.initial_window_packets);
        }
        self.window = self.window.max(self.minimum_window());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Duration;

    const fn at(milliseconds: u64) -> Instant {
        Instant::from_nanos(milliseconds * 1_000_000)
    }

    fn acked(bytes: u64, bytes_in_flight: u64, application_limited: bool) -> Acked {
        Acked {
            now: at(100),
            bytes,
            newest_time_sent: at(50),
            bytes_in_flight,
            application_limited,
            smoothed_rtt: Duration::from_millis(50),
            latest_rtt: Duration::from_millis(50),
        }
    }

    #[test]
    fn initial_windows() {
        for (size, window) in [(1200, 12_000), (1452, 14_520), (1472, 14_720), (1500, 14_720), (9000, 18_000)] {
            assert_eq!(NewReno::new(size, 10).window(), window);
            let mut grown = NewReno::new(1200, 10);
            grown.set_max_datagram_size(size);
            assert_eq!(grown.window(), window);
        }
    }

    /// RFC 9002 section 7.3.1-1, 7.3.2-1, 7.3.2-2, 7.3.3-1, 7.6.2-5.
    #[test]
    fn windows_step_by_step() {
        let mut reno = NewReno::new(1200, 10);
        // Slow start: by the bytes acknowledged.
        reno.on_acked(&acked(2400, 12_000, false));
        assert_eq!(reno.window(), 14_400);
        reno.on_acked(&acked(5600, 14_400, false));
        assert_eq!(reno.window(), 20_000);
        // Loss: half, once for the round trip.
        assert!(reno.on_congestion_event(at(100), at(60)));
        assert_eq!((reno.window(), reno.is_slow_start(), reno.recovery_start()), (10_000, false, Some(at(100))));
        assert!(!reno.on_congestion_event(at(110), at(100)));
        assert_eq!(reno.window(), 10_000);
        // Avoidance: one datagram per window.
        reno.on_acked(&acked(9_999, 10_000, false));
        assert_eq!(reno.window(), 10_000);
        reno.on_acked(&acked(1, 10_000, false));
        assert_eq!(reno.window(), 11_200);
        // A packet sent after the recovery began.
        assert!(reno.on_congestion_event(at(150), at(101)));
        assert_eq!(reno.window(), 5_600);
        // Persistent congestion: the least window, slow start up to the threshold, then avoidance.
        reno.on_persistent_congestion();
        assert_eq!((reno.window(), reno.is_slow_start(), reno.recovery_start()), (2_400, true, None));
        reno.on_acked(&acked(3_600, 2_400, false));
        assert_eq!((reno.window(), reno.is_slow_start()), (5_600, false));
        // 400 bytes went over into avoidance.
        reno.on_acked(&acked(5_200, 5_600, false));
        assert_eq!(reno.window(), 6_800);
    }

    #[test]
    fn a_limit_takes_what_is_beyond_it_and_no_more_than_to_twice_the_first_window() {
        let mut reno = NewReno::new(1200, 10);
        reno.on_acked(&acked(28_000, 12_000, false));
        for (limit, window, is_slow_start) in
            [(50_000, 40_000, true), (30_000, 30_000, false), (0, 24_000, false), (30_000, 24_000, false)]
        {
            reno.limit_window(limit);
            assert_eq!((reno.window(), reno.is_slow_start()), (window, is_slow_start), "{limit}");
        }
    }

    /// RFC 3465 section 2.1: what is acknowledged beyond a window counts towards the next growth.
    #[test]
    fn what_is_over_after_a_growth_is_kept() {
        let mut reno = NewReno::new(1200, 10);
        reno.on_congestion_event(at(100), at(60));
        assert_eq!(reno.window(), 6_000);
        reno.on_acked(&acked(9_000, 6_000, false));
        assert_eq!(reno.window(), 7_200);
        // 3,000 were over.
        reno.on_acked(&acked(4_199, 7_200, false));
        assert_eq!(reno.window(), 7_200);
        reno.on_acked(&acked(1, 7_200, false));
        assert_eq!(reno.window(), 8_400);
    }

    #[test]
    fn never_below_two_datagrams() {
        let mut reno = NewReno::new(1200, 10);
        for round in 1..10 {
            reno.on_congestion_event(at(round * 10), at(round * 10));
        }
        assert_eq!(reno.window(), 2_400);
        reno.set_max_datagram_size(1452);
        assert_eq!(reno.window(), 2_904);
    }

    #[test]
    fn an_unused_window_does_not_grow() {
        let mut reno = NewReno::new(1200, 10);
        reno.on_acked(&acked(2400, 5_999, true));
        assert_eq!(reno.window(), 12_000);
        reno.on_acked(&acked(2400, 6_000, true));
        assert_eq!(reno.window(), 14_400);
        reno.on_congestion_event(at(10), at(5));
        reno.on_acked(&acked(7_200, 7_200, true));
        assert_eq!(reno.window(), 7_200);
    }
}
