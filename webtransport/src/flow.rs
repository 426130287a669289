//! The flow control of one session (draft-ietf-webtrans-http3 section 5): streams of both kinds, and the bytes on them. Both sides count
//! what was ever used, so limits only rise.

use crate::violation::Violation;
use base::Direction;

/// Stream limits end here: there are no more numbers of streams (section 5.6.2).
pub(crate) const MAX_STREAMS: u64 = 1 << 60;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Bidirectional = 0,
    Unidirectional = 1,
    Data = 2,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Bidirectional, Kind::Unidirectional, Kind::Data];

    /// The limit on streams of this direction.
    pub(crate) const fn of(direction: Direction) -> Kind {
        match direction {
            Direction::Bidirectional => Kind::Bidirectional,
            Direction::Unidirectional => Kind::Unidirectional,
        }
    }
}

/// What the other end allows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowance {
    limit: u64,
    used: u64,
    /// The last limit that a capsule said.
    said: Option<u64>,
    /// At which limit it was said that it is reached.
    blocked_at: Option<u64>,
}

impl Allowance {
    pub(crate) const fn new(limit: u64) -> Allowance {
        Allowance { limit, used: 0, said: None, blocked_at: None }
    }

    pub(crate) const fn left(&self) -> u64 {
        self.limit - self.used
    }

    /// So much is used.
    pub(crate) const fn take(&mut self, count: u64) {
        assert!(count <= self.left(), "no more is used than is allowed");
        self.used += count;
    }

    /// So much was not used after all: it was written and never sent.
    pub(crate) const fn give_back(&mut self, count: u64) {
        self.used -= count;
    }

    /// A capsule has said a limit. Whether there is more now.
    ///
    /// draft-ietf-webtrans-http3 section 5.6.2-4, 5.6.4-3.
    pub(crate) fn raise(&mut self, limit: u64) -> Result<bool, Violation> {
        if self.said.is_some_and(|said| limit <= said) {
            return Err(Violation::LimitNotRaised);
        }
        self.said = Some(limit);
        let is_more = limit > self.limit;
        self.limit = self.limit.max(limit);
        Ok(is_more)
    }

    /// Something could not be done for want of it. At which limit that is to be said, once for each.
    pub(crate) fn block(&mut self) -> Option<u64> {
        let is_new = self.blocked_at != Some(self.limit);
        self.blocked_at = Some(self.limit);
        is_new.then_some(self.limit)
    }
}

/// What this side allows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    /// How much may be under way.
    size: u64,
    limit: u64,
    used: u64,
    /// What is done with.
    done: u64,
}

impl Window {
    pub(crate) const fn new(size: u64) -> Window {
        Window { size, limit: size, used: 0, done: 0 }
    }

    /// The other end has used so much more. False if that is more than it was allowed.
    pub(crate) const fn take(&mut self, count: u64) -> bool {
        self.used = self.used.saturating_add(count);
        self.used <= self.limit
    }

    /// So much is done with. The limit that is to be said, if it is worth it: half of the window is free again.
    ///
    /// draft-ietf-webtrans-http3 section 5.6-1, 5.6-2.
    pub(crate) const fn give_back(&mut self, count: u64) -> Option<u64> {
        self.done += count;
        let limit = self.done.saturating_add(self.size);
        if limit - self.limit < self.size.div_ceil(2) || self.size == 0 {
            return None;
        }
        self.limit = limit;
        Some(limit)
    }

    /// How much may be under way.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// So much more may be under way from now on: the limit that is to be said.
    pub(crate) const fn grow(&mut self, more: u64) -> u64 {
        self.size = self.size.saturating_add(more);
        self.limit = self.limit.saturating_add(more);
        self.limit
    }
}

/// Both ways.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) allowed: [Allowance; 3],
    pub(crate) windows: [Window; 3],
}

impl Flow {
    /// What a violation of a limit of this kind is.
    pub(crate) const fn breach(kind: Kind) -> Violation {
        match kind {
            Kind::Data => Violation::TooMuchData,
            Kind::Bidirectional | Kind::Unidirectional => Violation::TooManyStreams,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// draft-ietf-webtrans-http3 section 5.6.2-4, 5.6.4-3.
    #[test]
    fn limits_of_capsules_only_rise() {
        let mut allowance = Allowance::new(5);
        allowance.take(5);
        assert_eq!((allowance.left(), allowance.block(), allowance.block()), (0, Some(5), None));
        assert_eq!(allowance.raise(4), Ok(false), "the first capsule may repeat what the settings said, or less");
        assert_eq!(allowance.raise(4), Err(Violation::LimitNotRaised));
        assert_eq!((allowance.raise(7), allowance.left()), (Ok(true), 2));
        assert_eq!(allowance.raise(6), Err(Violation::LimitNotRaised));
        allowance.take(2);
        allowance.give_back(1);
        assert_eq!((allowance.left(), allowance.block()), (1, Some(7)));
    }

    /// draft-ietf-webtrans-http3 section 5.6-1, 5.6-2.
    #[test]
    fn a_window_moves_on_by_halves() {
        let mut window = Window::new(10);
        assert!(window.take(10));
        assert_eq!(window.give_back(4), None);
        assert_eq!(window.give_back(1), Some(15));
        assert!(window.take(5) && !window.take(1));
        let mut single = Window::new(1);
        assert!(single.take(1));
        assert_eq!(single.give_back(1), Some(2));
        let mut none = Window::new(0);
        assert_eq!((none.take(1), none.give_back(1)), (false, None));
        assert!(!Window::new(5).take(u64::MAX));
        let mut growing = Window::new(10);
        assert!(growing.take(10));
        assert_eq!((growing.give_back(6), growing.grow(20), growing.size()), (Some(16), 36, 30));
        assert!(growing.take(26) && !growing.take(1));
        assert_eq!((growing.give_back(10), growing.give_back(5)), (None, Some(51)));
    }
}
