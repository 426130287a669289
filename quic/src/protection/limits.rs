//! How often a key may be used (RFC 9001 section 6.6). Beyond, the AEAD's guarantees no longer hold.

/// A count of uses that stops at a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UsageLimit {
    used: u64,
    limit: u64,
}

impl Default for UsageLimit {
    /// None used, and no limit yet.
    fn default() -> UsageLimit {
        UsageLimit::new(u64::MAX)
    }
}

impl UsageLimit {
    /// Nothing used yet of `limit`.
    pub(crate) const fn new(limit: u64) -> UsageLimit {
        UsageLimit { used: 0, limit }
    }

    /// How often it was used.
    pub(crate) const fn used(&self) -> u64 {
        self.used
    }

    /// Whether no use is left.
    pub(crate) const fn is_reached(&self) -> bool {
        self.used >= self.limit
    }

    /// Counts one use.
    pub(crate) const fn count(&mut self) {
        self.used = self.used.saturating_add(1);
    }

    /// Lowers the limit, for tests and for those who want to be more careful than the standard; it is never raised.
    pub(crate) fn lower(&mut self, limit: u64) {
        self.limit = self.limit.min(limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_reached_with_the_last_use_allowed() {
        let mut limit = UsageLimit::new(5);
        limit.lower(2);
        limit.lower(9);
        limit.count();
        assert!(!limit.is_reached());
        limit.count();
        assert!(limit.is_reached());
        assert_eq!(limit.used(), 2);
    }
}
