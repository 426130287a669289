//! The paths of a connection besides the one in use: where it came from, and where it may go (RFC 9000 section 9).
//!
//! A path gets a place here only when an authenticated packet came on it, or the application asks for it. There are few
//! places, each for a short time.
//!
//! Invariant, kept together with the conductor: while the path in use is not proven, one that is has a place here, if there
//! ever was one, so there is somewhere to return to (section 9.3.2). There is none where the port changed in the handshake.

use super::path::Path;
use crate::recovery::LeftPath;
use crate::stats::Counters;
use crate::wire::connection_id::ConnectionId;
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::{FourTuple, Instant};
use core::net::SocketAddr;

/// Paths besides the one in use. As many as there are spare connection IDs of the peer (`active_connection_id_limit` is 4
/// by default), since each deliberate path takes one. Who sends from ever new addresses only pushes its own older ones out.
pub(crate) const MAX_OTHER_PATHS: usize = 3;

/// One of them.
pub(crate) struct OtherPath {
    /// The path.
    pub path: Path,
    /// The peer's ID that is sent to on it; `None` while there is none to spare.
    pub peer_id: Option<ConnectionId>,
    /// The congestion control that was in use on it; `None` if it was never in use.
    pub congestion: Option<LeftPath>,
    /// Until when it is kept.
    pub expires: Instant,
    /// Why everything is to go there once it is known to work.
    pub goal: Goal,
    /// What was counted while it was in use.
    pub counted: Counters,
}

/// What is to become of a path that has been validated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Nothing: it was asked for because the peer asked, or for a return.
    None,
    /// The application asked this client to migrate there.
    Asked,
    /// It leads to the preferred address of this client's server.
    Preferred,
    /// The client has come to the preferred address of this server.
    Followed,
}

/// All of them: the one that was in use last is the first.
#[derive(Default)]
pub(crate) struct OtherPaths {
    list: Vec<OtherPath>,
    /// The congestion control of paths that have gone, until what was sent on them is given up: at once, or with the next
    /// transmission.
    pub forgotten: Forgotten,
    /// What the connection had counted when it went to the path in use, without what that one had counted itself. `None`: there
    /// was no other path before.
    pub counted_elsewhere: Option<Box<Counters>>,
}

/// What was left on paths that have gone, the latest first: hardly ever anything, so that a connection has no room of its own
/// for it.
#[derive(Default)]
pub(crate) struct Forgotten(Option<Box<(LeftPath, Forgotten)>>);

impl Forgotten {
    /// Whether there is none.
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// One more.
    pub(crate) fn push(&mut self, left: LeftPath) {
        let others = core::mem::take(self);
        self.0 = Some(Box::new((left, others)));
    }
}

impl Iterator for Forgotten {
    type Item = LeftPath;

    fn next(&mut self) -> Option<LeftPath> {
        let (left, others) = *self.0.take()?;
        *self = others;
        Some(left)
    }
}

impl OtherPaths {
    /// Whether there is none, as nearly always.
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Where the path with these addresses is.
    pub(crate) fn position(&self, four_tuple: &FourTuple) -> Option<usize> {
        self.list.iter().position(|other| other.path.is_at(four_tuple))
    }

    /// The path to return to when the one in use fails: of those known to work the one used last.
    pub(crate) fn fallback(&self) -> Option<usize> {
        self.list.iter().position(|other| other.path.is_proven())
    }

    /// The one at `index`.
    pub(crate) fn get(&self, index: usize) -> Option<&OtherPath> {
        self.list.get(index)
    }

    /// The one at `index`.
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut OtherPath> {
        self.list.get_mut(index)
    }

    /// All.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &OtherPath> {
        self.list.iter()
    }

    /// All.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut OtherPath> {
        self.list.iter_mut()
    }

    /// Whether one of them sends to this ID of the peer's.
    pub(crate) fn uses(&self, peer_id: ConnectionId) -> bool {
        self.list.iter().any(|other| other.peer_id == Some(peer_id))
    }

    /// Whether one of them leads to the peer at this address.
    pub(crate) fn lead_to(&self, remote: SocketAddr) -> bool {
        self.list.iter().any(|other| other.path.four_tuple.remote == remote)
    }

    /// Adds a path in front of the others. When there are too many, the one used the longest time ago goes, and comes out;
    /// never the fallback.
    pub(crate) fn push(&mut self, other: OtherPath) -> Option<OtherPath> {
        self.list.insert(0, other);
        if self.list.len() <= MAX_OTHER_PATHS {
            return None;
        }
        let fallback = self.fallback();
        let index = (1..self.list.len()).rev().find(|index| Some(*index) != fallback)?;
        Some(self.list.remove(index))
    }

    /// Takes one out. Memory is given back with the last.
    pub(crate) fn remove(&mut self, index: usize) -> Option<OtherPath> {
        let removed = (index < self.list.len()).then(|| self.list.remove(index));
        if self.list.is_empty() {
            self.list = Vec::new();
        }
        removed
    }

    /// The first whose time is up. With `keep_fallback` that one stays whatever its time.
    pub(crate) fn expired(&self, now: Instant, keep_fallback: bool) -> Option<usize> {
        let kept = self.fallback().filter(|_| keep_fallback);
        self.list.iter().enumerate().position(|(index, other)| other.expires <= now && Some(index) != kept)
    }

    /// The times of their validations may have come: one of them that has failed, and had a goal, which it has no more.
    pub(crate) fn fail_one(&mut self, now: Instant) -> Option<(Goal, FourTuple)> {
        let mut failing =
            self.list.iter_mut().filter_map(|other| other.path.validation.on_timeout(now).then_some(other));
        let failed = failing.find(|other| other.goal != Goal::None)?;
        Some((core::mem::replace(&mut failed.goal, Goal::None), failed.path.four_tuple))
    }

    /// When the first of them is forgotten.
    pub(crate) fn first_end(&self) -> Option<Instant> {
        self.list.iter().map(|other| other.expires).min()
    }

    /// The path in use works: those that were left are kept for what is late, and no longer than until then.
    pub(crate) fn hasten(&mut self, until: Instant) {
        for other in self.list.iter_mut().filter(|other| other.congestion.is_some()) {
            other.expires = other.expires.min(until);
        }
    }

    /// When something is to be done about one of them. With `keep_fallback` that one's time never comes.
    pub(crate) fn deadline(&self, keep_fallback: bool) -> Option<Instant> {
        let kept = self.fallback().filter(|_| keep_fallback);
        let ends =
            self.list.iter().enumerate().filter(|(index, _)| Some(*index) != kept).map(|(_, other)| other.expires);
        let validations = self.list.iter().filter_map(|other| other.path.validation.deadline());
        ends.chain(validations).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::mtu::MtuDiscovery;

    fn other(port: u16, proven: bool) -> OtherPath {
        let four_tuple = FourTuple { local: ([10, 0, 0, 1], 443).into(), remote: ([10, 0, 0, 2], port).into() };
        let mut path = Path::new(four_tuple, ConnectionId::EMPTY, proven, MtuDiscovery::new(1200));
        path.carries_full_size = proven;
        let expires = Instant::from_nanos(u64::from(port));
        OtherPath { path, peer_id: None, congestion: None, expires, goal: Goal::None, counted: Counters::default() }
    }

    fn ports(others: &OtherPaths) -> Vec<u16> {
        others.list.iter().map(|other| other.path.four_tuple.remote.port()).collect()
    }

    #[test]
    fn m13_new_ones_push_out_old_ones_but_never_the_fallback() {
        let mut others = OtherPaths::default();
        assert!(others.push(other(1, true)).is_none() && others.push(other(2, true)).is_none());
        for port in 3..60_000 {
            others.push(other(port, false));
            assert!(others.list.len() <= MAX_OTHER_PATHS);
        }
        assert_eq!(ports(&others), [59_999, 59_998, 2], "the last that worked");
        assert_eq!(others.fallback(), Some(2));
        assert_eq!(others.push(other(7, true)).map(|gone| gone.path.four_tuple.remote.port()), Some(2));
        for _ in 0..3 {
            assert!(others.remove(0).is_some());
        }
        assert!(others.remove(0).is_none() && others.list.capacity() == 0);
    }

    #[test]
    fn the_time_of_the_fallback_comes_when_it_is_no_longer_needed() {
        let mut others = OtherPaths::default();
        others.push(other(1, true));
        others.push(other(5, false));
        let at = Instant::from_nanos;
        assert_eq!((others.deadline(true), others.deadline(false)), (Some(at(5)), Some(at(1))));
        assert_eq!((others.expired(at(4), true), others.expired(at(4), false)), (None, Some(1)));
        assert_eq!(others.expired(at(5), true), Some(0));
    }
}
