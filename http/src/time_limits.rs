//! How slow a client may be, the same for every version.

use crate::pace::LeastRate;
use base::{Duration, Instant};

/// How slow a client may be before a server gives up what it is slow with. Zero is no limit.
///
/// Time passes only where the client is waited for: not while the application takes its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimits {
    /// From the beginning of a request to the end of its head; then it is answered with 408. 10 s: a head is one packet or
    /// two, and these are ten round trips of the slowest path with losses.
    pub head: Duration,
    /// The least rate of content, in bytes per second. 1 KiB/s: a fifth of what the slowest mobile networks in use do.
    /// 0: any byte will do.
    pub least_rate: u32,
    /// Over how long the rate of a request's content is averaged, and so the longest pause. 30 s: as long as a connection may
    /// be silent altogether (`max_idle_timeout`).
    pub request: Duration,
    /// Over how long the rate is averaged at which a response is taken, and so the longest pause of a reader. 2 minutes: who
    /// pauses a video goes on within that, or asks for the rest again.
    pub response: Duration,
    /// How long a connection may go without a request, whatever else its client sends. 60 s: twice what a silent one is kept.
    pub without_requests: Duration,
}

impl Default for TimeLimits {
    fn default() -> TimeLimits {
        TimeLimits {
            head: Duration::from_secs(10),
            least_rate: 1024,
            request: Duration::from_secs(30),
            response: Duration::from_secs(120),
            without_requests: Duration::from_secs(60),
        }
    }
}

impl TimeLimits {
    /// No limits at all.
    pub const OFF: TimeLimits = TimeLimits {
        head: Duration::ZERO,
        least_rate: 0,
        request: Duration::ZERO,
        response: Duration::ZERO,
        without_requests: Duration::ZERO,
    };

    /// When a head has to be complete that began then.
    pub fn end_of_head(&self, began: Instant) -> Option<Instant> {
        after(began, self.head)
    }

    /// When a connection ends that has had no request since then.
    pub fn end_of_quiet(&self, since: Instant) -> Option<Instant> {
        after(since, self.without_requests)
    }

    /// That of a request's content.
    pub fn request(&self) -> Option<LeastRate> {
        self.rate_over(self.request)
    }

    /// That of a response.
    pub fn response(&self) -> Option<LeastRate> {
        self.rate_over(self.response)
    }

    fn rate_over(&self, patience: Duration) -> Option<LeastRate> {
        (!patience.is_zero()).then_some(LeastRate { bytes_per_second: self.least_rate, patience })
    }
}

fn after(begin: Instant, span: Duration) -> Option<Instant> {
    (!span.is_zero()).then(|| begin + span)
}
