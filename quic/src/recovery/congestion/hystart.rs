//! HyStart++ (RFC 9406): the first slow start ends when the round trip begins to grow, before a queue overflows.
//!
//! A round is a round trip: it ends with the acknowledgment of a packet that was sent after it began. If the least round trip of
//! a round is longer than that of the round before, a queue fills. Then the window grows by a quarter of what is acknowledged
//! (conservative slow start) for five rounds, and slow start ends, unless the round trip falls again: then it was jitter.
//!
//! The window is paced, so what one acknowledgment lets it grow by has no limit of its own (section 4.3, L).

use base::{Duration, Instant};

/// RFC 9406 section 4.3: the least growth of the round trip that counts, and the largest that is waited for.
const MIN_RTT_THRESHOLD: u32 = 4_000;
const MAX_RTT_THRESHOLD: u32 = 16_000;
/// Between them, this part of the round trip.
const MIN_RTT_DIVISOR: u32 = 8;
/// Samples that a round needs to say something.
const RTT_SAMPLES: u8 = 8;
/// Conservative slow start grows by this part.
/// RFC 9406 s4.3: never 1, which would be no different.
const GROWTH_DIVISOR: u64 = 4;
/// And lasts so many rounds.
const CONSERVATIVE_ROUNDS: u8 = 5;

/// A round trip that is not known.
const INFINITE: u32 = u32::MAX;

/// What is known of the rounds. Microseconds, so that it is small.
#[derive(Clone, Debug)]
pub(crate) struct HyStart {
    round_began: Instant,
    last_round_min: u32,
    current_round_min: u32,
    // The least round trip when conservative slow start began.
    baseline: u32,
    samples: u8,
    // Rounds of it that are left; zero in slow start proper.
    conservative_rounds: u8,
}

/// What an acknowledgment means for slow start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growth {
    /// The window grows by so many bytes.
    By(u64),
    /// The window is large enough.
    Ends,
}

impl HyStart {
    /// At the beginning.
    pub(crate) const fn new() -> HyStart {
        HyStart {
            round_began: Instant::ZERO,
            last_round_min: INFINITE,
            current_round_min: INFINITE,
            baseline: INFINITE,
            samples: 0,
            conservative_rounds: 0,
        }
    }

    /// `bytes` were acknowledged, of which the newest was sent at `newest_time_sent`, with this sample of the round trip.
    pub(crate) fn on_acked(
        &mut self,
        now: Instant,
        newest_time_sent: Instant,
        bytes: u64,
        sample: Option<Duration>,
    ) -> Growth {
        if newest_time_sent >= self.round_began && self.begin_round(now) {
            return Growth::Ends;
        }
        if let Some(sample) = sample {
            let microseconds = u32::try_from(sample.as_micros()).unwrap_or(INFINITE);
            self.current_round_min = self.current_round_min.min(microseconds);
            self.samples = self.samples.saturating_add(1);
            self.judge();
        }
        Growth::By(if self.conservative_rounds > 0 { bytes / GROWTH_DIVISOR } else { bytes })
    }

    /// A round ends and another begins. Tells whether that was the last of conservative slow start.
    fn begin_round(&mut self, now: Instant) -> bool {
        self.round_began = now;
        self.last_round_min = core::mem::replace(&mut self.current_round_min, INFINITE);
        self.samples = 0;
        if self.conservative_rounds == 0 {
            return false;
        }
        self.conservative_rounds -= 1;
        self.conservative_rounds == 0
    }

    /// Whether the round trip of this round says that a queue fills, or that it was jitter.
    fn judge(&mut self) {
        if self.samples < RTT_SAMPLES {
            return;
        }
        if self.conservative_rounds > 0 {
            if self.current_round_min < self.baseline {
                self.conservative_rounds = 0;
                self.baseline = INFINITE;
            }
        } else if self.last_round_min != INFINITE
            && self.current_round_min >= self.last_round_min + threshold(self.last_round_min)
        {
            self.baseline = self.current_round_min;
            self.conservative_rounds = CONSERVATIVE_ROUNDS;
        }
    }
}

/// By how much the round trip has to grow.
fn threshold(last_round_min: u32) -> u32 {
    (last_round_min / MIN_RTT_DIVISOR).clamp(MIN_RTT_THRESHOLD, MAX_RTT_THRESHOLD)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(milliseconds: u64) -> Instant {
        Instant::from_nanos(milliseconds * 1_000_000)
    }

    /// A round of ten acknowledgments with these samples in milliseconds. Gives what the last one meant.
    fn round(hystart: &mut HyStart, began: u64, samples: impl Iterator<Item = u64>) -> Growth {
        let mut growth = Growth::By(0);
        for (number, sample) in samples.enumerate() {
            let sent = if number == 0 { at(began) } else { at(began - 1) };
            growth = hystart.on_acked(at(began), sent, 1000, Some(Duration::from_millis(sample)));
            if growth == Growth::Ends {
                return growth;
            }
        }
        growth
    }

    #[test]
    fn a_round_trip_that_stays_lets_it_double() {
        let mut hystart = HyStart::new();
        for number in 1..100 {
            assert_eq!(round(&mut hystart, 100 * number, (0..10).map(|_| 40 + number % 4)), Growth::By(1000));
        }
    }

    /// RFC 9406 section 4.2: an eighth more than before, of at least four and at most sixteen milliseconds.
    #[test]
    fn one_that_grows_ends_it_after_five_rounds() {
        for (before, after, ends) in
            [(40, 44, false), (40, 45, true), (8, 11, false), (8, 12, true), (400, 415, false), (400, 416, true)]
        {
            let mut hystart = HyStart::new();
            round(&mut hystart, 1000, (0..10).map(|_| before));
            // Only with the eighth sample.
            assert_eq!(round(&mut hystart, 2000, (0..7).map(|_| after)), Growth::By(1000));
            let mut hystart = HyStart::new();
            round(&mut hystart, 1000, (0..10).map(|_| before));
            let growth = if ends { 250 } else { 1000 };
            assert_eq!(round(&mut hystart, 2000, (0..8).map(|_| after)), Growth::By(growth), "{before} {after}");
            for number in 3..7 {
                assert_eq!(round(&mut hystart, 1000 * number, (0..8).map(|_| after)), Growth::By(growth));
            }
            let last = round(&mut hystart, 7000, (0..8).map(|_| after));
            assert_eq!(last == Growth::Ends, ends, "{before} {after}");
        }
    }

    #[test]
    fn one_that_falls_again_was_jitter() {
        let mut hystart = HyStart::new();
        round(&mut hystart, 1000, (0..10).map(|_| 40));
        assert_eq!(round(&mut hystart, 2000, (0..10).map(|_| 60)), Growth::By(250));
        assert_eq!(round(&mut hystart, 3000, (0..10).map(|_| 59)), Growth::By(1000));
        // Without a sample there is nothing to judge.
        assert_eq!(hystart.on_acked(at(3000), at(2999), 500, None), Growth::By(500));
    }
}
