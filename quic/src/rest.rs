//! When an idle connection frees the memory that it can make again: the expanded key schedules, which are the largest
//! thing an idle connection holds, and rings that have grown.
//!
//! Making the keys again costs about two microseconds with the next packet, so they are not freed after every exchange.

use base::{Duration, Instant};

/// So long nothing was sent or received: longer than the pauses within a conversation on most paths, and short beside the
/// life of a connection that is kept open for later.
const REST_AFTER: Duration = Duration::from_millis(100);

/// The timer of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rest {
    at: Option<Instant>,
}

impl Rest {
    /// A datagram was sent or received.
    #[inline]
    pub(crate) fn on_activity(&mut self, now: Instant) {
        self.at = Some(now + REST_AFTER);
    }

    /// When `on_timeout` is to be called.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.at
    }

    /// True if it is time to rest: once, until there is activity again.
    pub(crate) fn on_timeout(&mut self, now: Instant) -> bool {
        self.at.take_if(|at| *at <= now).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rest_comes_once_after_each_activity() {
        let now = Instant::ZERO + Duration::from_secs(1);
        let mut rest = Rest::default();
        assert_eq!((rest.deadline(), rest.on_timeout(now)), (None, false));
        rest.on_activity(now);
        rest.on_activity(now + Duration::from_millis(50));
        let at = rest.deadline().unwrap();
        assert_eq!(at, now + Duration::from_millis(150));
        assert!(!rest.on_timeout(at - Duration::from_nanos(1)));
        assert!(rest.on_timeout(at));
        assert_eq!((rest.deadline(), rest.on_timeout(at)), (None, false));
    }
}
