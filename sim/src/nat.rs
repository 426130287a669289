//! A network address translator before one address, which gives it another outside address at set moments.

use base::Instant;
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
    pub const fn inside(&self) -> SocketAddr {
        self.inside
    }

    /// The address that others see.
    pub fn outside(&self, now: Instant) -> SocketAddr {
        let current = self.bindings.iter().rev().find(|(at, _)| *at <= now);
        current.map_or(self.inside, |(_, outside)| *outside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
