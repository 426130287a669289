//! What makes a host appear under other addresses: a network address translator, which gives it another outside address
//! at set moments, and an attacker on the path, who copies its datagrams with another source address.

use base::{Duration, Instant};
use std::net::SocketAddr;

/// What the address of one machine looks like from outside, and when that changes.
#[derive(Clone, Debug)]
pub struct Nat {
    inside: SocketAddr,
    /// In the order of time.
    bindings: Vec<(Instant, SocketAddr)>,
}

impl Nat {
    /// `inside` is seen as `outside` from the beginning.
    pub fn new(inside: SocketAddr, outside: SocketAddr) -> Nat {
        Nat { inside, bindings: vec![(Instant::ZERO, outside)] }
    }

    /// From `at` on it is seen as `outside`, and what comes to the address before is dropped.
    ///
    /// # Panics
    /// If `at` is before the last rebinding.
    pub fn rebind(&mut self, at: Instant, outside: SocketAddr) {
        assert!(self.bindings.last().is_none_or(|(last, _)| *last <= at), "rebindings come in the order of time");
        self.bindings.push((at, outside));
    }

    /// The address behind it.
    pub(crate) const fn inside(&self) -> SocketAddr {
        self.inside
    }

    /// The address that others see.
    pub fn outside(&self, now: Instant) -> SocketAddr {
        let current = self.bindings.iter().rev().find(|(at, _)| *at <= now);
        current.map_or(self.inside, |(_, outside)| *outside)
    }
}

/// An attacker that copies datagrams of one host and sends the copies on under source addresses of its choice, perhaps
/// faster than the originals (RFC 9000 sections 9.3.2 and 9.3.3).
#[derive(Clone, Debug)]
pub struct Forger {
    /// Whose datagrams are copied: the true address, not that of a translator.
    pub victim: SocketAddr,
    /// The addresses it pretends, in turn.
    pub pretended: Vec<SocketAddr>,
    /// It copies each datagram whose number is a multiple of this.
    pub every: u64,
    /// How long a copy takes.
    pub delay: Duration,
    /// When it begins and when it ends.
    pub span: (Instant, Instant),
    seen: u64,
}

impl Forger {
    /// One that copies everything all the time.
    pub fn new(victim: SocketAddr, pretended: Vec<SocketAddr>, delay: Duration) -> Forger {
        Forger { victim, pretended, every: 1, delay, span: (Instant::ZERO, Instant::MAX), seen: 0 }
    }

    /// `source` sends a datagram: the address of a copy's source, and when it arrives.
    pub(crate) fn copies(&mut self, now: Instant, source: SocketAddr) -> Option<(SocketAddr, Instant)> {
        let (begin, end) = self.span;
        if source != self.victim || now < begin || now >= end {
            return None;
        }
        self.seen += 1;
        let turn = self.seen.checked_div(self.every).filter(|_| self.seen.is_multiple_of(self.every))?;
        let count = self.pretended.len() as u64;
        let pretended = self.pretended.get(usize::try_from(turn.checked_rem(count)?).ok()?)?;
        Some((*pretended, now + self.delay))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forger_copies_now_and_then_under_each_name_in_turn() {
        let [victim, first, second] = [1, 2, 3].map(|port| SocketAddr::from(([10, 0, 0, 1], port)));
        let mut forger = Forger::new(victim, vec![first, second], Duration::from_nanos(5));
        forger.every = 2;
        forger.span = (Instant::from_nanos(10), Instant::from_nanos(20));
        assert_eq!(forger.copies(Instant::from_nanos(9), victim), None);
        assert_eq!(forger.copies(Instant::from_nanos(10), first), None);
        let at = |nanoseconds| Some(Instant::from_nanos(nanoseconds));
        let mut copies = |now| forger.copies(Instant::from_nanos(now), victim);
        let seen = [copies(10), copies(11), copies(12), copies(13), copies(20)];
        assert_eq!(seen.map(|copy| copy.map(|(_, arrives)| arrives)), [None, at(16), None, at(18), None]);
        assert_ne!(seen[1].unwrap().0, seen[3].unwrap().0);
    }

    #[test]
    fn a_binding_lasts_until_the_next() {
        let [inside, first, second] = [1, 2, 3].map(|port| SocketAddr::from(([10, 0, 0, 1], port)));
        let mut nat = Nat::new(inside, first);
        nat.rebind(Instant::from_nanos(10), second);
        assert_eq!(nat.outside(Instant::from_nanos(9)), first);
        assert_eq!(nat.outside(Instant::from_nanos(10)), second);
        assert_eq!(nat.inside(), inside);
    }
}
