//! When an unacknowledged packet is taken for lost (RFC 9002 section 6.1): the two thresholds as arithmetic.

use super::rtt::RttEstimator;
use alloc::collections::VecDeque;
use base::Duration;

/// The round trip that the age is counted in at which a packet sent before an acknowledged one is lost.
/// RFC 9002 section 6.1.2-2.
pub(crate) fn round_trip(rtt: &RttEstimator) -> Duration {
    rtt.smoothed().max(rtt.latest())
}

/// Every packet below this number is lost once `largest_acked` is acknowledged (RFC 9002 section 6.1.1).
///
/// `skipped` are numbers that were never sent: they are no packets, and the RFC's plain subtraction would count them.
pub(crate) fn lost_below(packet_threshold: u64, largest_acked: u64, skipped: &VecDeque<u64>) -> u64 {
    let mut below = (largest_acked + 1).saturating_sub(packet_threshold);
    // Each skipped number between the border and the largest pushes the border down, which may pass another one.
    for _ in 0..=packet_threshold {
        let between = skipped.iter().filter(|number| (below..=largest_acked).contains(*number)).count() as u64;
        let moved = (largest_acked + 1).saturating_sub(packet_threshold.saturating_add(between));
        if moved == below {
            break;
        }
        below = moved;
    }
    below
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Instant;

    #[test]
    fn packet_threshold() {
        // (threshold, largest, skipped, lost below)
        for (threshold, largest, skipped, expected) in [
            (3, 0, &[][..], 0),
            (3, 2, &[], 0),
            (3, 3, &[], 1),
            (3, 10, &[], 8),
            (5, 10, &[], 6),
            (3, 10, &[9], 7),
            (3, 10, &[9, 8], 6),
            (3, 10, &[9, 7], 6),
            (3, 10, &[5, 11], 8),
            (3, 2, &[1], 0),
        ] {
            assert_eq!(
                lost_below(threshold, largest, &skipped.iter().copied().collect()),
                expected,
                "{largest} {skipped:?}"
            );
        }
    }

    /// RFC 9002 section 6.1.2-2.
    #[test]
    fn the_larger_of_the_two() {
        let mut rtt = RttEstimator::new(Duration::from_millis(80));
        assert_eq!(round_trip(&rtt), Duration::from_millis(80));
        rtt.on_sample(Instant::ZERO, Duration::from_millis(40), Duration::ZERO);
        assert_eq!(round_trip(&rtt), Duration::from_millis(40));
        rtt.on_sample(Instant::ZERO, Duration::from_millis(160), Duration::ZERO);
        assert_eq!(round_trip(&rtt), Duration::from_millis(160));
    }
}
