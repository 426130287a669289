//! What every controller that is told of losses has: a window, its threshold, and the recovery period (RFC 9002 section 7).

use super::controller::Acked;
use base::Instant;

/// RFC 9002 s7.2: ten datagrams, but no more than this unless two datagrams are more.
const INITIAL_WINDOW_LIMIT: u64 = 14_720;
/// RFC 9002 s7.2: datagrams of the least window.
const MINIMUM_WINDOW_PACKETS: u64 = 2;

/// The window of one path.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    max_datagram_size: u64,
    initial_window_packets: u32,
    // Nothing was acknowledged or lost so far: a new datagram size gives a new initial window.
    untouched: bool,
    bytes: u64,
    // Infinite until the first loss.
    slow_start_threshold: u64,
    recovery_start: Option<Instant>,
}

/// Bytes of the window of a new path (RFC 9002 section 7.2).
pub(super) fn initial_window(max_datagram_size: u64, packets: u32) -> u64 {
    (max_datagram_size * u64::from(packets)).min(INITIAL_WINDOW_LIMIT.max(max_datagram_size * 2))
}

impl Window {
    /// The initial window.
    pub(crate) fn new(max_datagram_size: u64, initial_window_packets: u32) -> Window {
        Window {
            max_datagram_size,
            initial_window_packets,
            untouched: true,
            bytes: initial_window(max_datagram_size, initial_window_packets),
            slow_start_threshold: u64::MAX,
            recovery_start: None,
        }
    }

    /// Bytes that may be in flight.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The largest datagram.
    pub(crate) const fn max_datagram_size(&self) -> u64 {
        self.max_datagram_size
    }

    /// Whether the window is below its threshold.
    pub(crate) const fn is_slow_start(&self) -> bool {
        self.bytes < self.slow_start_threshold
    }

    /// Whether nothing has ended slow start yet.
    pub(crate) const fn is_first_slow_start(&self) -> bool {
        self.slow_start_threshold == u64::MAX
    }

    /// When the newest recovery period began.
    pub(crate) const fn recovery_start(&self) -> Option<Instant> {
        self.recovery_start
    }

    /// Whether the acknowledgment lets the window grow. RFC 9002 section 7.8: one that was not used proves nothing about the
    /// path. In slow start half of it is enough, since the next round trip doubles it.
    pub(crate) fn may_grow(&self, acked: &Acked) -> bool {
        let is_used = acked.bytes_in_flight >= self.bytes / 2 && self.is_slow_start();
        acked.bytes > 0 && (!acked.application_limited || is_used)
    }

    /// RFC 9002 s7.3.1: grows by these bytes, and no further than to the threshold. What is left of them counts for
    /// congestion avoidance.
    pub(crate) fn slow_start(&mut self, bytes: u64) -> u64 {
        self.untouched = false;
        if !self.is_slow_start() {
            return bytes;
        }
        let growth = bytes.min(self.slow_start_threshold - self.bytes);
        self.bytes += growth;
        bytes - growth
    }

    /// Congestion avoidance grows it by these bytes.
    pub(crate) fn grow(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Slow start ends here without a loss.
    pub(crate) const fn end_slow_start(&mut self) {
        self.slow_start_threshold = self.bytes;
    }

    /// A packet sent at `time_sent` was lost: once per round trip the window becomes these tenths of what it was, and a recovery
    /// period begins, for what was sent until `start`. Tells whether it did.
    /// RFC 9002 section 7.3.1-1, 7.3.2-1, 7.3.2-2.
    pub(crate) fn on_congestion_event(&mut self, start: Instant, time_sent: Instant, tenths: u64) -> bool {
        if self.recovery_start.is_some_and(|before| time_sent <= before) {
            return false;
        }
        self.untouched = false;
        // RFC 9000 section 13.3-7: loss has its consequence.
        self.recovery_start = Some(start);
        self.slow_start_threshold = (self.bytes * tenths / 10).max(self.least());
        self.bytes = self.slow_start_threshold;
        true
    }

    /// RFC 9002 section 7.6.2-5: slow start from the least window.
    pub(crate) fn on_persistent_congestion(&mut self) {
        self.bytes = self.least();
        self.recovery_start = None;
    }

    /// See [`Controller::limit_window`](super::controller::Controller::limit_window). Tells whether it shrank.
    pub(crate) fn limit(&mut self, bytes: u64) -> bool {
        let limit = bytes.max(2 * initial_window(self.max_datagram_size, self.initial_window_packets));
        let shrinks = self.bytes > limit;
        if shrinks {
            self.bytes = limit;
            self.slow_start_threshold = limit;
        }
        shrinks
    }

    /// Datagrams are of another size.
    pub(crate) fn set_max_datagram_size(&mut self, bytes: u64) {
        self.max_datagram_size = bytes;
        // RFC 9002 s7.2: a window that is still the initial one follows the size.
        if self.untouched {
            self.bytes = initial_window(bytes, self.initial_window_packets);
        }
        self.bytes = self.bytes.max(self.least());
    }

    fn least(&self) -> u64 {
        self.max_datagram_size * MINIMUM_WINDOW_PACKETS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initial_windows() {
        for (size, window) in [(1200, 12_000), (1452, 14_520), (1472, 14_720), (1500, 14_720), (9000, 18_000)] {
            assert_eq!(Window::new(size, 10).bytes(), window);
            let mut grown = Window::new(1200, 10);
            grown.set_max_datagram_size(size);
            assert_eq!(grown.bytes(), window);
        }
    }

    #[test]
    fn a_limit_takes_what_is_beyond_it_and_no_more_than_to_twice_the_first_window() {
        let mut window = Window::new(1200, 10);
        window.slow_start(28_000);
        for (limit, bytes, is_slow_start) in
            [(50_000, 40_000, true), (30_000, 30_000, false), (0, 24_000, false), (30_000, 24_000, false)]
        {
            window.limit(limit);
            assert_eq!((window.bytes(), window.is_slow_start()), (bytes, is_slow_start), "{limit}");
        }
    }
}
