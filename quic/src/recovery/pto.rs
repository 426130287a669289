//! The probe timeout (RFC 9002 section 6.2) as arithmetic.

use super::rtt::RttEstimator;
use base::Duration;

/// Doublings after which the timeout grows no further: by then it is longer than any idle timeout, and the product
/// still fits.
const MAX_DOUBLINGS: u32 = 24;

/// How long to wait for an acknowledgment, without backoff (RFC 9002 section 6.2.1-1). `max_ack_delay` is zero for
/// Initial and Handshake packets, whose acknowledgments are not delayed.
pub(crate) fn period(rtt: &RttEstimator, granularity: Duration, max_ack_delay: Duration) -> Duration {
    rtt.smoothed() + (rtt.variation() * 4).max(granularity) + max_ack_delay
}

/// `period` doubled for every timeout in a row.
/// RFC 9002 section 6.2.1-5.
pub(crate) fn backed_off(period: Duration, pto_count: u32) -> Duration {
    period.saturating_mul(1 << pto_count.min(MAX_DOUBLINGS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Instant;

    /// RFC 9002 section 6.2.1-1, 6.2.1-5.
    #[test]
    fn periods_and_backoff() {
        let ms = Duration::from_millis;
        let mut rtt = RttEstimator::new(ms(333));
        // RFC 9002 s6.2.2: about a second before any sample.
        assert_eq!(period(&rtt, ms(1), ms(0)), ms(999));
        rtt.on_sample(Instant::ZERO, ms(100), ms(0));
        assert_eq!(period(&rtt, ms(1), ms(25)), ms(325));
        for (count, expected) in [(0, 325), (1, 650), (2, 1300), (5, 10_400)] {
            assert_eq!(backed_off(ms(325), count), ms(expected));
        }
        assert_eq!(backed_off(ms(325), u32::MAX), backed_off(ms(325), MAX_DOUBLINGS));
        // A steady path: never less than the granularity above the round trip.
        let mut steady = RttEstimator::new(ms(333));
        for _ in 0..200 {
            steady.on_sample(Instant::ZERO, Duration::from_micros(50), ms(0));
        }
        assert!(period(&steady, ms(1), ms(0)) >= Duration::from_micros(1050));
    }
}
