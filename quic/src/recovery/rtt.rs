//! The round-trip time of a path (RFC 9002 section 5): numbers in, estimate out.
//!
//! Knows no packets: the caller decides whether an acknowledgment gives a sample (section 5.1).

use base::{Duration, Instant};

/// `latest_rtt`, `smoothed_rtt`, `rttvar` and `min_rtt` of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RttEstimator {
    latest: Duration,
    smoothed: Duration,
    variation: Duration,
    min: Duration,
    first_sample: Option<Instant>,
    renew_min: bool,
}

impl RttEstimator {
    /// An estimate without a sample (RFC 9002 section 5.3).
    pub(crate) fn new(initial_rtt: Duration) -> RttEstimator {
        RttEstimator {
            latest: Duration::ZERO,
            smoothed: initial_rtt,
            variation: initial_rtt / 2,
            min: Duration::ZERO,
            first_sample: None,
            renew_min: false,
        }
    }

    /// A packet sent `latest` ago was acknowledged. `ack_delay` is what the peer says it waited, already limited to its
    /// `max_ack_delay` once the handshake is confirmed.
    pub(crate) fn on_sample(&mut self, now: Instant, latest: Duration, ack_delay: Duration) {
        self.latest = latest;
        if self.first_sample.is_none() {
            self.first_sample = Some(now);
            self.min = latest;
            self.smoothed = latest;
            self.variation = latest / 2;
            return;
        }
        // RFC 9002 section 5.2-1: the minimum ignores the delay at the peer, which could lie.
        self.min = if self.renew_min { latest } else { self.min.min(latest) };
        self.renew_min = false;
        // RFC 9002 section 5.3-6: a delay that would take the sample below the minimum is not believed.
        let adjusted = match latest.checked_sub(ack_delay) {
            Some(adjusted) if adjusted >= self.min => adjusted,
            _ => latest,
        };
        self.variation = (self.variation * 3 + self.smoothed.abs_diff(adjusted)) / 4;
        self.smoothed = (self.smoothed * 7 + adjusted) / 8;
    }

    /// RFC 9002 s5.2: the path may have changed, so the next sample is taken for the minimum.
    pub(crate) const fn on_persistent_congestion(&mut self) {
        self.renew_min = true;
    }

    /// The newest sample; zero before the first.
    pub(crate) const fn latest(&self) -> Duration {
        self.latest
    }

    /// The moving average; the initial round trip before the first sample.
    pub(crate) const fn smoothed(&self) -> Duration {
        self.smoothed
    }

    /// The mean deviation, `rttvar`.
    pub(crate) const fn variation(&self) -> Duration {
        self.variation
    }

    /// The least sample; zero before the first.
    pub(crate) const fn min(&self) -> Duration {
        self.min
    }

    /// When the first sample was taken.
    pub(crate) const fn first_sample(&self) -> Option<Instant> {
        self.first_sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// RFC 9002 section 5.2-1, 5.3-6.
    #[test]
    fn samples_as_in_section_5() {
        let mut rtt = RttEstimator::new(ms(333));
        assert_eq!((rtt.smoothed(), rtt.variation(), rtt.min()), (ms(333), Duration::from_micros(166_500), ms(0)));
        // (sample, ack delay) -> (smoothed, rttvar, min), in microseconds.
        let rows = [
            // The first one counts as it is, whatever the delay.
            ((100, 40), (100_000, 50_000, 100_000)),
            // adjusted = 180 - 40 = 140.
            ((180, 40), (105_000, 47_500, 100_000)),
            // 130 - 40 is below the minimum of 100: the delay is ignored.
            ((130, 40), (108_125, 41_875, 100_000)),
            // Exactly the minimum is still plausible: adjusted = 100.
            ((140, 40), (107_109, 33_437, 100_000)),
            // A new minimum; the delay is longer than the sample.
            ((60, 90), (101_220, 36_855, 60_000)),
        ];
        for ((sample, delay), (smoothed, variation, min)) in rows {
            rtt.on_sample(Instant::from_nanos(1), ms(sample), ms(delay));
            assert_eq!(rtt.latest(), ms(sample));
            assert_eq!(
                (rtt.smoothed().as_micros(), rtt.variation().as_micros(), rtt.min().as_micros()),
                (smoothed, variation, min)
            );
        }
    }

    #[test]
    fn persistent_congestion_renews_the_minimum_once() {
        let mut rtt = RttEstimator::new(ms(333));
        rtt.on_sample(Instant::ZERO, ms(50), ms(0));
        rtt.on_persistent_congestion();
        rtt.on_sample(Instant::ZERO, ms(90), ms(0));
        assert_eq!(rtt.min(), ms(90));
        rtt.on_sample(Instant::ZERO, ms(95), ms(0));
        assert_eq!(rtt.min(), ms(90));
    }
}
