//! Pacing (RFC 9002 section 7.7): a bucket of bytes that fills at a little more than the window per round trip.
//!
//! A sleep shorter than a tenth of a millisecond takes longer than asked on real machines, and a system call that sends
//! one packet costs nearly what one with forty does. So bursts are allowed: the initial window always, what is sent in a
//! millisecond, and one batch of segmentation offload where that is short. On paths so near that the whole window is
//! such a burst, the window alone limits, and pacing costs a comparison.

use base::{Duration, Instant};

/// One system call's worth (the largest UDP payload is 65,507 bytes).
const BATCH: u64 = 65_000;
/// A burst of this duration is always allowed.
const SHORT: Duration = Duration::from_millis(1);
/// A batch is allowed where it takes no longer than this.
const BATCH_SPAN: u64 = 2;
/// Packets that may always be sent at once: the initial window (RFC 9002 s7.7).
const BURST_PACKETS: u64 = 10;
/// Packets that may be sent at once where the controller names a rate.
const LEAST_BURST_PACKETS: u64 = 2;
/// Larger rates are counted as this one, for the same reason: a petabyte in a second.
const MAX_RATE: u64 = 1 << 50;
/// Larger windows are counted as this one, so that no product overflows: a terabyte.
const MAX_WINDOW: u64 = 1 << 40;

/// The bucket of one path.
/// RFC 9002 section 7.7-2.
#[derive(Clone, Debug)]
pub(crate) struct Pacer {
    tokens: u64,
    filled: Instant,
    started: bool,
}

/// What the rate is computed from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Bytes.
    pub window: u64,
    /// Bytes per second, if the controller names a rate. Then bursts are short as well: they would disturb what it measures.
    pub rate: Option<u64>,
    /// The window grows by doubling: the next round must not be held back.
    pub slow_start: bool,
    /// Of a round trip.
    pub smoothed_rtt: Duration,
    /// Bytes.
    pub max_datagram_size: u64,
}

impl Pace {
    /// The rate, as bytes and the nanoseconds in which they go. RFC 9002 s7.7: N is 1.25, and 2 in slow start.
    fn rate(&self) -> (u128, u128) {
        match self.rate {
            Some(rate) => (u128::from(rate.clamp(1, MAX_RATE)), 1_000_000_000),
            None => {
                let quarters = if self.slow_start { 8 } else { 5 };
                (u128::from(self.window.clamp(1, MAX_WINDOW)) * quarters, 4 * self.smoothed_rtt.as_nanos().max(1))
            }
        }
    }

    /// Bytes sent in `elapsed`.
    pub(crate) fn bytes_in(&self, elapsed: Duration) -> u64 {
        let (bytes, nanoseconds) = self.rate();
        u64::try_from(bytes * elapsed.as_nanos() / nanoseconds).unwrap_or(u64::MAX)
    }

    /// How long `bytes` take, rounded up.
    fn time_for(&self, bytes: u64) -> Duration {
        let (per, nanoseconds) = self.rate();
        let nanoseconds = (u128::from(bytes) * nanoseconds).div_ceil(per);
        Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }

    /// Bytes that may leave at once.
    fn capacity(&self) -> u64 {
        let short = self.bytes_in(SHORT);
        if self.rate.is_some() {
            return short.max(self.max_datagram_size * LEAST_BURST_PACKETS);
        }
        (self.max_datagram_size * BURST_PACKETS).max(short).max(BATCH.min(short.saturating_mul(BATCH_SPAN)))
    }

    /// Whether a window takes no longer than a burst.
    fn is_unpaced(&self) -> bool {
        self.smoothed_rtt <= SHORT || self.rate.is_none() && self.window <= self.max_datagram_size * BURST_PACKETS
    }
}

impl Pacer {
    /// A full bucket.
    pub(crate) const fn new() -> Pacer {
        Pacer { tokens: 0, filled: Instant::ZERO, started: false }
    }

    /// Whether `bytes` are left of what [`deadline`](Pacer::deadline) found at the same time.
    #[inline]
    pub(crate) fn has(&self, now: Instant, bytes: u64) -> bool {
        self.filled == now && self.tokens >= bytes
    }

    /// `None` if `bytes` may be sent now, else when to ask again.
    pub(crate) fn deadline(&mut self, now: Instant, bytes: u64, pace: &Pace) -> Option<Instant> {
        if pace.is_unpaced() {
            // For as long as this moment lasts.
            (self.started, self.tokens, self.filled) = (false, u64::MAX, now);
            return None;
        }
        let capacity = pace.capacity();
        self.fill(now, capacity, pace);
        let needed = bytes.min(capacity);
        if self.tokens >= needed {
            return None;
        }
        // Wait for a burst worth waking up for, not for one packet.
        let wanted = pace.bytes_in(SHORT).min(capacity / 2).max(needed);
        Some(now + pace.time_for(wanted - self.tokens))
    }

    /// `bytes` in flight were sent. More than the bucket held (probes) leaves it empty.
    pub(crate) const fn on_sent(&mut self, bytes: u64) {
        self.tokens = self.tokens.saturating_sub(bytes);
    }

    fn fill(&mut self, now: Instant, capacity: u64, pace: &Pace) {
        if !self.started {
            (self.started, self.tokens, self.filled) = (true, capacity, now);
            return;
        }
        let earned = pace.bytes_in(now - self.filled);
        // What is less than a byte stays in the clock for the next time.
        if earned > 0 {
            self.tokens = self.tokens.saturating_add(earned);
            self.filled = now;
        }
        self.tokens = self.tokens.min(capacity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(microseconds: u64) -> Instant {
        Instant::from_nanos(microseconds * 1000)
    }

    fn pace(window: u64, milliseconds: u64, slow_start: bool) -> Pace {
        Pace {
            window,
            rate: None,
            slow_start,
            smoothed_rtt: Duration::from_millis(milliseconds),
            max_datagram_size: 1200,
        }
    }

    /// Sends as the pacer permits, and returns the bytes sent until `end`.
    fn run(pace: &Pace, end: u64) -> (u64, u64) {
        let mut pacer = Pacer::new();
        let (mut now, mut sent, mut waits) = (at(0), 0, 0);
        while now < at(end) {
            match pacer.deadline(now, 1200, pace) {
                None => {
                    pacer.on_sent(1200);
                    sent += 1200;
                }
                Some(later) => {
                    assert!(later > now);
                    waits += 1;
                    now = later;
                }
            }
        }
        (sent, waits)
    }

    #[test]
    fn the_rate_is_five_quarters_of_the_window_per_round_trip() {
        // (window, round trip in ms, slow start, bytes in 10 round trips)
        for (window, rtt, slow_start, expected) in
            [(120_000, 100, false, 1_500_000), (120_000, 100, true, 2_400_000), (4_000_000, 40, false, 50_000_000)]
        {
            let pace = pace(window, rtt, slow_start);
            let (sent, waits) = run(&pace, rtt * 10_000);
            let burst = pace.capacity();
            assert!(sent + 1200 >= expected && sent <= expected + burst, "{sent} of {expected}, burst {burst}");
            // Never more wakes than one in half a millisecond, or half a bucket.
            assert!(waits <= (rtt * 10 * 2).max(2 * sent / burst + 2), "{waits}");
        }
    }

    /// RFC 9002 section 7.7-2.
    #[test]
    fn bursts() {
        // (window, round trip, burst): ten packets; two milliseconds; a batch; a millisecond.
        for (window, rtt, burst) in
            [(120_000, 100, 12_000), (1_600_000, 100, 40_000), (4_000_000, 100, 65_000), (8_000_000, 100, 100_000)]
        {
            let pace = pace(window, rtt, false);
            assert_eq!(pace.capacity(), burst);
            let mut pacer = Pacer::new();
            let mut sent = 0;
            while pacer.deadline(at(0), 1200, &pace).is_none() {
                pacer.on_sent(1200);
                sent += 1200;
            }
            assert_eq!(sent, burst / 1200 * 1200);
        }
    }

    #[test]
    fn a_near_path_and_an_initial_window_are_not_paced() {
        for pace in [pace(1 << 30, 1, false), pace(12_000, 333, true)] {
            let mut pacer = Pacer::new();
            for _ in 0..1000 {
                assert_eq!(pacer.deadline(at(0), 1200, &pace), None);
                pacer.on_sent(1200);
            }
        }
    }

    /// A sender that waits wakes up for a millisecond's worth, or half a bucket, less what is there already.
    #[test]
    fn a_wait_is_for_a_burst() {
        let wait = |window: u64, slow_start: bool| {
            let pace = pace(window, 100, slow_start);
            let mut pacer = Pacer::new();
            while pacer.deadline(at(7), 1200, &pace).is_none() {
                pacer.on_sent(1200);
            }
            pacer.deadline(at(7), 1200, &pace).unwrap() - at(7)
        };
        // 100 bytes a microsecond; of the bucket of 100,000 are 400 left, and half of it is wanted.
        assert_eq!(wait(8_000_000, false), Duration::from_micros(496));
        // 20 bytes a microsecond; of 40,000 are 400 left, and a millisecond brings as much as half the bucket.
        assert_eq!(wait(1_600_000, false), Duration::from_micros(980));
        // 2 bytes a microsecond; nothing is left of 12,000, and a millisecond brings 2,000.
        assert_eq!(wait(160_000, false), Duration::from_micros(1000));
        // 8/5 of the rate.
        assert_eq!(wait(160_000, true), Duration::from_micros(1000));
        // A packet is more than a millisecond's worth.
        assert_eq!(wait(16_000, false), Duration::from_micros(6000));
        assert_eq!(wait(16_000, true), Duration::from_micros(3750));
    }

    /// Asked more often than a byte takes, the bucket fills all the same.
    #[test]
    fn parts_of_a_byte_are_not_lost() {
        // 16,250 bytes in a second: one in 61.5 us.
        let pace = pace(13_000, 1000, false);
        let mut pacer = Pacer::new();
        for _ in 0..10 {
            assert_eq!(pacer.deadline(at(0), 1200, &pace), None);
            pacer.on_sent(1200);
        }
        let ready = (1..).find(|step| pacer.deadline(at(step * 10), 1200, &pace).is_none()).unwrap();
        // Each byte waits for the next question: 70 us.
        assert!((7_380..=8_400).contains(&ready), "{ready}");
    }

    /// RFC 9002 section 7.7-2.
    #[test]
    fn a_window_of_more_than_a_burst_is_paced() {
        let paced = pace(12_001, 333, true);
        let mut pacer = Pacer::new();
        (0..10).for_each(|_| {
            assert_eq!(pacer.deadline(at(0), 1200, &paced), None);
            pacer.on_sent(1200);
        });
        assert!(pacer.deadline(at(0), 1200, &paced).is_some());
        // A while without pacing begins anew with a full bucket.
        assert_eq!(pacer.deadline(at(0), 1200, &pace(12_000, 333, true)), None);
        assert_eq!(pacer.deadline(at(0), 1200, &paced), None);
    }

    /// What a batch asks without saying what it knows of the path is what it would hear if it said it.
    #[test]
    fn what_is_left_at_the_same_time_is_known() {
        let (paced, unpaced) = (pace(4_000_000, 100, false), pace(12_000, 333, false));
        let mut pacer = Pacer::new();
        assert!(!pacer.has(at(7), 1), "nobody has asked");
        assert_eq!(pacer.deadline(at(7), 1200, &paced), None);
        let mut packets = 0;
        while pacer.has(at(7), 1200) {
            assert!(!pacer.has(at(8), 1200), "the bucket was not filled for this time");
            pacer.on_sent(1200);
            packets += 1;
        }
        assert_eq!(packets, paced.capacity() / 1200);
        assert!(pacer.deadline(at(7), 1200, &paced).is_some());
        assert_eq!(pacer.deadline(at(9), 1200, &unpaced), None);
        (0..1000).for_each(|_| {
            assert!(pacer.has(at(9), 1200));
            pacer.on_sent(1200);
        });
        // The bucket begins anew, and nothing of the time without one is left.
        assert!(!pacer.has(at(10), 1200));
        assert_eq!(pacer.deadline(at(10), 1200, &paced), None);
        assert!(!pacer.has(at(10), paced.capacity() + 1));
    }

    #[test]
    fn an_idle_bucket_does_not_overflow() {
        let pace = pace(u64::MAX, 50, false);
        let mut pacer = Pacer::new();
        assert_eq!(pacer.deadline(at(0), 1200, &pace), None);
        assert_eq!(pacer.deadline(Instant::MAX, 1200, &pace), None);
        assert!(pacer.tokens <= pace.capacity());
    }
}
