//! The moments that something was waited for from.

use crate::exchange::Exchange;
use base::{Duration, Instant};
use http::TimeLimits;
use http::pace::Taking;

/// The moments that something was waited for from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clocks {
    /// The first byte of the head that is coming.
    pub(crate) head: Option<Instant>,
    /// The end of the last exchange.
    pub(crate) quiet: Option<Instant>,
    /// When to look whether what was sent is taken, and what was seen last.
    pub(crate) look: Option<Instant>,
    pub(crate) taking: Taking,
    /// When a client that has ended its side is given up, if no more than so many bytes were sent by then.
    pub(crate) gone: Option<(Instant, u64)>,
    /// When a connection that is to end, and on which nothing was asked yet, does.
    pub(crate) notice: Option<Instant>,
    /// When a connection that is over is cut.
    pub(crate) linger: Option<Instant>,
}

impl Clocks {
    pub(crate) fn on_quiet(&mut self, now: Instant) {
        self.quiet = Some(now);
    }

    pub(crate) fn on_head_byte(&mut self, now: Instant) {
        self.head.get_or_insert(now);
    }

    /// What came was no head after all.
    pub(crate) fn on_head_end(&mut self) {
        self.head = None;
    }

    pub(crate) fn on_request(&mut self) {
        (self.head, self.quiet, self.notice) = (None, None, None);
    }

    pub(crate) fn on_exchange_end(&mut self) {
        (self.head, self.quiet, self.gone, self.linger) = (None, None, None, None);
    }

    pub(crate) fn after_end(&mut self, now: Instant, patience: Duration, sent: u64) {
        self.gone = Some((now + patience, sent));
    }

    /// Nothing is waited for any more.
    pub(crate) fn stop(&mut self) {
        *self = Clocks::default();
    }

    pub(crate) fn linger(&mut self, now: Instant, patience: Duration) {
        self.linger = Some(now + patience);
    }

    /// The earliest moment at which something is to be given up, or looked at. `times` are those of a server.
    pub(crate) fn next(&self, times: Option<&TimeLimits>, current: Option<&Exchange>) -> Option<Instant> {
        let Some(times) = times else { return self.linger };
        let of_ends = [self.look, self.gone.map(|(due, _)| due), self.notice, self.linger];
        let head = self.head.and_then(|began| times.end_of_head(began));
        let quiet = self.quiet.filter(|_| self.head.is_none()).and_then(|since| times.end_of_quiet(since));
        let content = current.filter(|exchange| !exchange.may_be_slow && !exchange.is_received).and_then(|exchange| {
            let rate = times.request()?;
            exchange.waiting.due(rate)
        });
        [head, quiet, content].into_iter().chain(of_ends).fold(None, Instant::earlier)
    }
}
