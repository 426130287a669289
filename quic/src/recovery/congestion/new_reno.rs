//! NewReno as RFC 9002 section 7.3 and appendix B have it: slow start, recovery period, congestion avoidance.

use super::controller::{Acked, Controller};
use super::window::Window;
use base::Instant;

/// What is left of the window after a loss, in tenths.
const LEFT_TENTHS: u64 = 5;

/// State of one path.
#[derive(Clone, Debug)]
pub(crate) struct NewReno {
    window: Window,
    // Bytes acknowledged in congestion avoidance that have not yet paid for a growth.
    acked_in_avoidance: u64,
}

impl NewReno {
    /// At the initial window.
    pub(crate) fn new(max_datagram_size: u64, initial_window_packets: u32) -> NewReno {
        NewReno { window: Window::new(max_datagram_size, initial_window_packets), acked_in_avoidance: 0 }
    }
}

impl Controller for NewReno {
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
            return;
        }
        // RFC 9002 section 7.3.3-1: one datagram for each window that was acknowledged, counted as RFC 3465 s2.1 does.
        self.acked_in_avoidance += self.window.slow_start(acked.bytes);
        while self.acked_in_avoidance >= self.window.bytes() {
            self.acked_in_avoidance -= self.window.bytes();
            self.window.grow(self.window.max_datagram_size());
        }
    }

    fn on_congestion_event(&mut self, start: Instant, time_sent: Instant, _is_queued: bool) -> bool {
        let entered = self.window.on_congestion_event(start, time_sent, LEFT_TENTHS);
        if entered {
            self.acked_in_avoidance = 0;
        }
        entered
    }

    fn on_persistent_congestion(&mut self) {
        self.window.on_persistent_congestion();
        self.acked_in_avoidance = 0;
    }

    fn limit_window(&mut self, bytes: u64) {
        if self.window.limit(bytes) {
            self.acked_in_avoidance = 0;
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

    const fn at(milliseconds: u64) -> Instant {
        Instant::from_nanos(milliseconds * 1_000_000)
    }

    fn acked(bytes: u64, bytes_in_flight: u64, application_limited: bool) -> Acked {
        Acked {
            now: at(100),
            bytes,
            newest_time_sent: at(50),
            bytes_in_flight,
            in_flight_now: 0,
            min_rtt: Duration::ZERO,
            application_limited,
            smoothed_rtt: Duration::from_millis(50),
            sample: Some(Duration::from_millis(50)),
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
        assert!(reno.on_congestion_event(at(100), at(60), true));
        assert_eq!((reno.window(), reno.is_slow_start(), reno.recovery_start()), (10_000, false, Some(at(100))));
        assert!(!reno.on_congestion_event(at(110), at(100), true));
        assert_eq!(reno.window(), 10_000);
        // Avoidance: one datagram per window.
        reno.on_acked(&acked(9_999, 10_000, false));
        assert_eq!(reno.window(), 10_000);
        reno.on_acked(&acked(1, 10_000, false));
        assert_eq!(reno.window(), 11_200);
        // A packet sent after the recovery began.
        assert!(reno.on_congestion_event(at(150), at(101), true));
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

    /// RFC 3465 section 2.1: what is acknowledged beyond a window counts towards the next growth.
    #[test]
    fn what_is_over_after_a_growth_is_kept() {
        let mut reno = NewReno::new(1200, 10);
        reno.on_congestion_event(at(100), at(60), true);
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
            reno.on_congestion_event(at(round * 10), at(round * 10), true);
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
        reno.on_congestion_event(at(10), at(5), true);
        reno.on_acked(&acked(7_200, 7_200, true));
        assert_eq!(reno.window(), 7_200);
    }
}
