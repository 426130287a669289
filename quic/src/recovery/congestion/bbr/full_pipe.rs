//! Whether the path is full: the rate no longer grows although more is sent (draft-ietf-ccwg-bbr section 5.3.1.2).

use crate::recovery::delivery_rate::RateSample;

/// Round trips without growth.
const ROUNDS: u32 = 3;

/// What is known of it.
#[derive(Clone, Debug, Default)]
pub(super) struct FullPipe {
    /// It was full once.
    pub is_reached: bool,
    /// It is full, as far as is known since the question was asked anew.
    pub is_now: bool,
    baseline: u64,
    count: u32,
}

impl FullPipe {
    /// Asks anew, from this rate on.
    pub(super) const fn reset(&mut self, baseline: u64) {
        self.baseline = baseline;
        self.count = 0;
        self.is_now = false;
    }

    /// An acknowledgment that ends a round trip, or not.
    pub(super) fn on_acked(&mut self, sample: &RateSample, is_round_start: bool) {
        if self.is_now || !is_round_start || sample.is_application_limited || sample.rate == 0 {
            return;
        }
        // A quarter more is growth.
        if u128::from(sample.rate) * 4 >= u128::from(self.baseline) * 5 {
            self.reset(sample.rate);
            return;
        }
        self.count += 1;
        self.is_now = self.count >= ROUNDS;
        self.is_reached |= self.is_now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_rounds_without_growth() {
        let of = |rate| RateSample { rate, ..RateSample::default() };
        let mut pipe = FullPipe::default();
        for rate in [100, 200, 249, 250, 313, 380, 100] {
            pipe.on_acked(&of(rate), true);
            assert!(!pipe.is_now, "{rate}");
        }
        let limited = RateSample { is_application_limited: true, ..of(300) };
        (0..9).for_each(|_| pipe.on_acked(&limited, true));
        (0..9).for_each(|_| pipe.on_acked(&of(300), false));
        assert!(!pipe.is_now && !pipe.is_reached, "neither what the application held back nor half a round counts");
        pipe.on_acked(&of(300), true);
        assert!(pipe.is_now && pipe.is_reached);
        pipe.reset(0);
        assert!(!pipe.is_now && pipe.is_reached);
    }
}
