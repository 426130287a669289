//! Persistent congestion (RFC 9002 section 7.6): nothing but loss for longer than a few probe timeouts.
//!
//! Fed with the fate of the packets of one space in the order they were sent: a run of lost packets grows until an
//! acknowledged one ends it. Section 7.6.2 permits to look at each space alone.

use base::{Duration, Instant};

/// The run of lost packets, if there is one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PersistentCongestion {
    oldest_lost: Option<Instant>,
}

impl PersistentCongestion {
    /// No run.
    pub(crate) const fn new() -> PersistentCongestion {
        PersistentCongestion { oldest_lost: None }
    }

    /// The next packet was acknowledged: the path carried something.
    pub(crate) const fn on_acked(&mut self) {
        self.oldest_lost = None;
    }

    /// The next packet, which was ack-eliciting, is lost. Tells whether the run is now longer than `duration`; if so a new
    /// run begins. `first_rtt_sample` is when the first sample was taken.
    pub(crate) fn on_lost(
        &mut self,
        time_sent: Instant,
        duration: Duration,
        first_rtt_sample: Option<Instant>,
    ) -> bool {
        // RFC 9002 s7.6.2: before a sample the timeouts are guesses, so losses of then prove nothing.
        if first_rtt_sample.is_none_or(|sample| time_sent <= sample) {
            return false;
        }
        let oldest = *self.oldest_lost.get_or_insert(time_sent);
        let persistent = time_sent - oldest > duration;
        if persistent {
            self.oldest_lost = None;
        }
        persistent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(tenths: u64) -> Instant {
        Instant::from_nanos(tenths * 100_000_000)
    }

    /// RFC 9002 section 7.6.3: packets 2 to 8 are lost; (8 - 1) exceeds 3 * 2.
    #[test]
    fn the_example_of_the_rfc() {
        let mut run = PersistentCongestion::new();
        run.on_acked();
        let declared =
            [10, 20, 30, 40, 50, 60, 80].map(|sent| run.on_lost(at(sent), Duration::from_secs(6), Some(at(2))));
        assert_eq!(declared, [false, false, false, false, false, false, true]);
    }

    #[test]
    fn what_ends_or_prevents_a_run() {
        let six = Duration::from_secs(6);
        let mut run = PersistentCongestion::new();
        // Without a sample, and with one that came later.
        assert!(!run.on_lost(at(0), six, None) && !run.on_lost(at(90), six, None));
        assert!(!run.on_lost(at(0), six, Some(at(90))) && !run.on_lost(at(90), six, Some(at(90))));
        // Exactly the duration does not exceed it.
        assert!(!run.on_lost(at(100), six, Some(at(90))) && !run.on_lost(at(160), six, Some(at(90))));
        // An acknowledged packet between.
        run.on_acked();
        assert!(!run.on_lost(at(170), six, Some(at(90))) && !run.on_lost(at(230), six, Some(at(90))));
        assert!(run.on_lost(at(231), six, Some(at(90))));
        // Declared once, then a new run.
        assert!(!run.on_lost(at(240), six, Some(at(90))));
    }
}
