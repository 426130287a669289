//! How much reordering a path has, as learned from packets that were declared lost and arrived after all (RFC 9002 sections
//! 6.1.1 and 6.1.2 permit thresholds that adapt).
//!
//! Both thresholds grow to what a late packet would have needed, so that after a few of them reordering is not taken for loss
//! any more. As RFC 8985 does for TCP, the time is bounded by two round trips, and what was learned is forgotten when a number
//! of losses followed each other and no packet came so late meanwhile that it was needed.
//!
//! A peer that acknowledges late on purpose has its own packets sent again later, and nothing else.

use super::config::RecoveryConfig;
use base::Duration;

/// Packets that one may be overtaken by. More than that within two round trips have no path in between.
const MAX_PACKET_THRESHOLD: u16 = 10_000;
/// The time threshold is counted in eighths of the round trip.
const EIGHTHS: u32 = 8;
/// RFC 8985 section 7.2: a packet is waited for one round trip beyond its own.
const MAX_TIME_THRESHOLD: u8 = 16;
/// RFC 8985 section 7.2: recoveries without reordering after which it is forgotten.
const CALM: u8 = 16;

/// What is known of the reordering of one path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reordering {
    // Zero: nothing beyond what every path has.
    packet_threshold: u16,
    time_threshold: u8,
    // Recoveries until it is forgotten.
    remaining: u8,
}

impl Reordering {
    /// A packet that was declared lost has arrived: `overtaken` packets sent after it were known to have arrived before, and
    /// it took `age`. The round trip is the one that the threshold is reckoned from.
    pub(crate) fn on_late(&mut self, overtaken: u64, age: Duration, round_trip: Duration) {
        let packets = overtaken.saturating_add(1).min(u64::from(MAX_PACKET_THRESHOLD));
        self.packet_threshold = self.packet_threshold.max(packets as u16);
        // One eighth more, since the next one may be a little later.
        let eighths = (age.saturating_mul(EIGHTHS).as_nanos() / round_trip.as_nanos().max(1)).saturating_add(2);
        self.time_threshold = self.time_threshold.max(eighths.min(u128::from(MAX_TIME_THRESHOLD)) as u8);
        self.remaining = CALM;
    }

    /// A packet has arrived that was overtaken by so many, and was not taken for lost: it is still needed to wait for those that
    /// would have been without what was learned.
    pub(crate) fn on_overtaken(
        &mut self,
        config: &RecoveryConfig,
        overtaken: u64,
        age: Duration,
        round_trip: Duration,
    ) {
        let usual = Reordering::default();
        let is_late = overtaken >= usual.packet_threshold(config) || age >= usual.time_threshold(config, round_trip);
        if is_late && self.remaining > 0 {
            self.remaining = CALM;
        }
    }

    /// A recovery period began for packets that did not come.
    pub(crate) fn on_recovery(&mut self) {
        self.remaining = self.remaining.saturating_sub(1);
        if self.remaining == 0 {
            *self = Reordering::default();
        }
    }

    /// So many packets sent later have to be acknowledged for a packet to be lost.
    pub(crate) fn packet_threshold(&self, config: &RecoveryConfig) -> u64 {
        config.packet_threshold.max(u64::from(self.packet_threshold))
    }

    /// The age at which a packet sent before an acknowledged one is lost.
    /// RFC 9002 section 6.1.2-2.
    pub(crate) fn time_threshold(&self, config: &RecoveryConfig, round_trip: Duration) -> Duration {
        let (numerator, denominator) = config.time_threshold;
        let usual = (round_trip.saturating_mul(numerator) / denominator).max(config.granularity);
        if self.time_threshold == 0 {
            return usual;
        }
        usual.max(round_trip.saturating_mul(u32::from(self.time_threshold)) / EIGHTHS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Side;

    const ROUND_TRIP: Duration = Duration::from_millis(40);

    fn thresholds(reordering: &Reordering) -> (u64, u64) {
        let config = RecoveryConfig::new(Side::Client);
        let time = reordering.time_threshold(&config, ROUND_TRIP);
        (reordering.packet_threshold(&config), time.as_micros() as u64)
    }

    #[test]
    fn thresholds_grow_to_what_would_have_been_enough() {
        let mut reordering = Reordering::default();
        assert_eq!(thresholds(&reordering), (3, 45_000));
        reordering.on_late(3, Duration::from_millis(41), ROUND_TRIP);
        assert_eq!(thresholds(&reordering), (4, 50_000));
        reordering.on_late(20, Duration::from_millis(52), ROUND_TRIP);
        assert_eq!(thresholds(&reordering), (21, 60_000));
        reordering.on_late(4, Duration::from_millis(41), ROUND_TRIP);
        assert_eq!(thresholds(&reordering), (21, 60_000));
        // Never beyond two round trips.
        reordering.on_late(u64::MAX, Duration::from_secs(100), Duration::ZERO);
        assert_eq!(thresholds(&reordering), (10_000, 80_000));
    }

    #[test]
    fn a_timer_is_never_shorter_than_its_granularity() {
        let config = RecoveryConfig::new(Side::Client);
        let near = Duration::from_micros(20);
        assert_eq!(Reordering::default().time_threshold(&config, near), config.granularity);
    }

    #[test]
    fn it_is_forgotten_after_a_number_of_real_losses() {
        let mut reordering = Reordering::default();
        reordering.on_recovery();
        reordering.on_late(9, Duration::from_millis(41), ROUND_TRIP);
        for _ in 0..15 {
            reordering.on_recovery();
            assert_eq!(thresholds(&reordering).0, 10);
        }
        reordering.on_late(5, Duration::from_millis(41), ROUND_TRIP);
        // What is overtaken by few counts for nothing, and what is overtaken by many as if it had been late.
        let config = RecoveryConfig::new(Side::Client);
        for (overtaken, milliseconds, is_needed) in [(2, 44, false), (3, 41, true), (1, 45, true)] {
            (0..15).for_each(|_| reordering.on_recovery());
            let mut seen = reordering;
            seen.on_overtaken(&config, overtaken, Duration::from_millis(milliseconds), ROUND_TRIP);
            reordering.on_late(5, Duration::from_millis(41), ROUND_TRIP);
            seen.on_recovery();
            assert_eq!(thresholds(&seen) == (10, 50_000), is_needed, "{overtaken} {milliseconds}");
        }
        (0..16).for_each(|_| reordering.on_recovery());
        assert_eq!(thresholds(&reordering), (3, 45_000));
    }
}
