//! A client in the middle of an exchange that hears nothing more.
//!
//! Who only receives sends nothing but acknowledgments, and these answer what arrives. When a translator on the way forgets
//! the client, what the server sends goes to a port where nobody is, so nothing arrives, nothing is answered, and the server
//! never learns of the new port (RFC 9000 section 9.3 needs a packet from there). Who sends has its window full soon, and
//! waits for acknowledgments that go there as well. So the client says something by itself: once for each silence, because
//! what asks for an acknowledgment is repeated by the probe timeout from then on.
//!
//! How long silence is nothing unusual depends on what it interrupts: packets that come every millisecond are missed sooner
//! than such as come in bursts.

use base::{Duration, Instant};

/// Shorter pauses are made by the machines and not by the network: 5 ms.
const LEAST_PATIENCE: u64 = 5_000_000;
/// Before anything is known of the pauses, 1 s: longer than any patience, and forgotten after some ten arrivals.
const FIRST_PAUSE: u64 = 1_000_000_000;
/// Silence is this many times longer than the pauses before it.
const PAUSES: u64 = 4;

/// When to say something.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Silence {
    /// When something arrived for the last time.
    heard_at: Option<Instant>,
    /// The longest of the pauses lately, in nanoseconds: it is reckoned with for every datagram.
    pause: u64,
    /// It was told since.
    is_told: bool,
}

impl Silence {
    /// Something arrived that is not the last.
    #[inline]
    pub(crate) fn on_heard(&mut self, now: Instant) {
        match self.heard_at.replace(now) {
            // What arrives together is one piece of news.
            Some(before) if before < now => {
                let pause = now.as_nanos() - before.as_nanos();
                self.pause = pause.max(self.pause - self.pause / 8);
            }
            Some(_) => {}
            None => self.pause = FIRST_PAUSE,
        }
        self.is_told = false;
    }

    /// When `on_timeout` is to be called. `patience` is how long is waited at most: about a probe timeout.
    pub(crate) fn deadline(&self, patience: Duration) -> Option<Instant> {
        let heard_at = self.heard_at.filter(|_| !self.is_told)?;
        let usual = self.pause.saturating_mul(PAUSES).max(LEAST_PATIENCE);
        Some((heard_at + patience).min(Instant::from_nanos(heard_at.as_nanos().saturating_add(usual))))
    }

    /// Whether it has been silent for too long: told once, until something arrives again.
    pub(crate) fn on_timeout(&mut self, now: Instant, patience: Duration) -> bool {
        let is_due = self.deadline(patience).is_some_and(|at| at <= now);
        self.is_told |= is_due;
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(50);

    const fn at(milliseconds: u64) -> Instant {
        Instant::from_nanos(milliseconds * 1_000_000)
    }

    #[test]
    fn it_is_told_once_for_each_silence() {
        let mut silence = Silence::default();
        assert_eq!((silence.deadline(PATIENCE), silence.on_timeout(at(9), PATIENCE)), (None, false));
        silence.on_heard(at(10));
        silence.on_heard(at(30));
        assert_eq!((silence.deadline(PATIENCE), silence.on_timeout(at(79), PATIENCE)), (Some(at(80)), false));
        assert!(silence.on_timeout(at(80), PATIENCE));
        assert_eq!((silence.deadline(PATIENCE), silence.on_timeout(at(700), PATIENCE)), (None, false));
        silence.on_heard(at(800));
        assert!(silence.on_timeout(at(900), PATIENCE));
    }

    #[test]
    fn a_steady_stream_is_missed_soon_and_bursts_are_not() {
        let mut silence = Silence::default();
        for time in 0..100 {
            silence.on_heard(at(time));
            silence.on_heard(at(time));
        }
        assert_eq!(silence.deadline(PATIENCE), Some(at(99 + 5)));
        // A burst of ten after every 40 ms: the pause between is nothing unusual.
        let mut silence = Silence::default();
        for time in (0..400).step_by(40).flat_map(|burst| burst..burst + 10) {
            assert!(!silence.on_timeout(at(time), PATIENCE), "{time}");
            silence.on_heard(at(time));
        }
    }
}
