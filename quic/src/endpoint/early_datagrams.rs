//! Early data that overtook the Initial packet of its connection (RFC 9000 section 5.2.2): kept for a moment, because a client
//! whose early data is lost waits longer for its answer than one that sends none.

use crate::wire::connection_id::ConnectionId;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use base::{Datagram, Duration, FourTuple, Instant, OwnedDatagram};

/// Datagrams that are kept. Default 32, of which one client has four at most: with their bytes 48 KiB that strangers can make a
/// server hold. The oldest make room.
const MAX_KEPT: usize = 32;
const MAX_KEPT_OF_ONE: usize = 4;
/// The largest that is kept: larger ones do not pass on most paths.
const MAX_LEN: usize = 1500;
/// For how long. Packets that overtake each other come within a few milliseconds; a client that has lost its Initial packet sends
/// it again after a second.
const LIFETIME: Duration = Duration::from_secs(1);

/// What is kept.
#[derive(Default)]
pub(super) struct EarlyDatagrams {
    kept: VecDeque<Kept>,
}

struct Kept {
    came: Instant,
    destination: ConnectionId,
    datagram: OwnedDatagram,
}

impl EarlyDatagrams {
    /// A datagram that begins with a 0-RTT packet to `destination`, of no connection.
    pub(super) fn keep(&mut self, now: Instant, destination: ConnectionId, datagram: &Datagram<'_>) {
        self.forget_old(now);
        let of_one = self.kept.iter().filter(|kept| kept.is_of(destination, datagram.four_tuple)).count();
        if of_one >= MAX_KEPT_OF_ONE || datagram.payload.len() > MAX_LEN {
            return;
        }
        if self.kept.len() >= MAX_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(Kept { came: now, destination, datagram: OwnedDatagram::from(datagram) });
    }

    /// Those of a connection that begins, in the order in which they came.
    pub(super) fn take(
        &mut self,
        now: Instant,
        destination: ConnectionId,
        four_tuple: FourTuple,
    ) -> Vec<OwnedDatagram> {
        self.forget_old(now);
        let (taken, kept): (VecDeque<Kept>, VecDeque<Kept>) =
            core::mem::take(&mut self.kept).into_iter().partition(|kept| kept.is_of(destination, four_tuple));
        self.kept = kept;
        taken.into_iter().map(|kept| kept.datagram).collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    fn forget_old(&mut self, now: Instant) {
        self.kept.retain(|kept| now - kept.came < LIFETIME);
    }
}

impl Kept {
    fn is_of(&self, destination: ConnectionId, four_tuple: FourTuple) -> bool {
        self.destination == destination && self.datagram.four_tuple == four_tuple
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Ecn;

    fn keep(early: &mut EarlyDatagrams, now: Instant, destination: u8, port: u16, len: usize) {
        let mut payload = alloc::vec![destination; len];
        let datagram = Datagram { four_tuple: four_tuple(port), ecn: Ecn::NotEct, payload: &mut payload };
        early.keep(now, id(destination), &datagram);
    }

    fn id(value: u8) -> ConnectionId {
        ConnectionId::new(&[value; 8]).unwrap()
    }

    fn four_tuple(port: u16) -> FourTuple {
        let [local, remote] = [443, port].map(|port| (core::net::Ipv4Addr::LOCALHOST, port).into());
        FourTuple { local, remote }
    }

    #[test]
    fn each_connection_gets_its_own_and_once() {
        let (mut early, now) = (EarlyDatagrams::default(), Instant::ZERO);
        for (destination, port, len) in [(1, 1, 10), (2, 1, 11), (1, 2, 12), (1, 1, 13), (1, 1, MAX_LEN + 1)] {
            keep(&mut early, now, destination, port, len);
        }
        let lens = |taken: Vec<OwnedDatagram>| taken.iter().map(|datagram| datagram.payload.len()).collect::<Vec<_>>();
        assert_eq!(lens(early.take(now, id(1), four_tuple(1))), [10, 13]);
        assert_eq!(lens(early.take(now, id(1), four_tuple(1))), [0; 0]);
        assert_eq!(early.len(), 2);
        assert!(early.take(now + LIFETIME, id(2), four_tuple(1)).is_empty() && early.len() == 0, "too late");
    }

    #[test]
    fn strangers_make_it_hold_so_much_and_no_more() {
        let (mut early, now) = (EarlyDatagrams::default(), Instant::ZERO);
        for _ in 0..10 {
            keep(&mut early, now, 1, 1, 10);
        }
        assert_eq!(early.len(), MAX_KEPT_OF_ONE);
        for port in 2..100 {
            keep(&mut early, now, 1, port, 10);
        }
        assert_eq!(early.len(), MAX_KEPT);
        assert!(early.take(now, id(1), four_tuple(1)).is_empty(), "the oldest made room");
        assert_eq!(early.take(now, id(1), four_tuple(99)).len(), 1);
    }
}
