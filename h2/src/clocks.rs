//! The moments that something was waited for from.

use base::{Duration, Instant};

/// The moments that something was waited for from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clocks {
    /// The first part of a block that is coming.
    pub(crate) block: Option<Instant>,
    /// The end of the last exchange.
    pub(crate) quiet: Option<Instant>,
    /// When to look whether responses are taken.
    pub(crate) look: Option<Instant>,
    /// When requests that are on their way have had the time to come.
    pub(crate) notice: Option<Instant>,
    /// When a connection that is over is cut.
    pub(crate) linger: Option<Instant>,
}

impl Clocks {
    pub(crate) fn on_block(&mut self, now: Instant) {
        self.block.get_or_insert(now);
    }

    pub(crate) fn on_block_end(&mut self) {
        self.block = None;
    }

    pub(crate) fn on_quiet(&mut self, now: Instant) {
        self.quiet = Some(now);
    }

    pub(crate) fn on_request(&mut self) {
        self.quiet = None;
    }

    pub(crate) fn stop_quiet(&mut self) {
        self.quiet = None;
    }

    pub(crate) fn notice(&mut self, now: Instant, patience: Duration) {
        self.notice = Some(now + patience);
    }

    pub(super) const fn has_notice(&self) -> bool {
        self.notice.is_some()
    }

    pub(crate) fn linger(&mut self, now: Instant, patience: Duration) {
        self.linger = Some(now + patience);
    }

    /// Nothing is waited for any more.
    pub(crate) fn stop(&mut self) {
        *self = Clocks::default();
    }
}
