//! How many connections each network has, by UDP and by TCP, with all workers of a server: one must not be able to take all the room that
//! there is for everybody.

use quic::Network;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The connections of each network that has any.
pub(crate) struct Networks {
    most: usize,
    /// Ordered, as everything that is looked up by what a stranger chose.
    held: Mutex<BTreeMap<Network, Held>>,
}

#[derive(Default)]
struct Held {
    connections: usize,
    /// It was told that the network has as many as it may, and it has not become half of that since.
    is_told: bool,
}

/// The place of one connection, as long as this lives.
pub(crate) struct Place {
    networks: Arc<Networks>,
    network: Network,
}

/// A network has as many connections as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    /// Whether that is worth a line in a log.
    pub(crate) is_news: bool,
}

impl Networks {
    /// Each may have so many.
    pub(crate) fn new(most: usize) -> Arc<Networks> {
        Arc::new(Networks { most, held: Mutex::default() })
    }

    /// One more connection of the network of this address.
    pub(crate) fn enter(self: &Arc<Networks>, address: IpAddr) -> Result<Place, Full> {
        let network = Network::of(address);
        let mut all = self.lock();
        if self.most == 0 {
            // Nobody has a place here, and of nobody anything is kept.
            return Err(Full { is_news: false });
        }
        let held = all.entry(network).or_default();
        if held.connections >= self.most {
            return Err(Full { is_news: !std::mem::replace(&mut held.is_told, true) });
        }
        held.connections += 1;
        Ok(Place { networks: self.clone(), network })
    }

    /// Whether the network of this address has as many as it may.
    pub(crate) fn is_full(&self, address: IpAddr) -> bool {
        self.lock().get(&Network::of(address)).is_some_and(|held| held.connections >= self.most)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Network, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.networks.lock();
        let held = all.get_mut(&self.network).expect("who leaves was counted");
        held.connections -= 1;
        held.is_told &= held.connections > self.networks.most / 2;
        if held.connections == 0 {
            all.remove(&self.network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_has_a_place_nothing_is_kept_of_those_who_ask() {
        let networks = Networks::new(0);
        for last in 0..=255 {
            assert!(networks.enter(IpAddr::from([10, last, 0, 1])).is_err());
        }
        assert!(networks.lock().is_empty());
    }

    #[test]
    fn each_network_has_room_of_its_own_and_fullness_is_told_once() {
        let networks = Networks::new(2);
        let enter = |address: &str| networks.enter(address.parse().unwrap());
        let mut of_one = vec![enter("192.0.2.1").unwrap(), enter("::ffff:192.0.2.77").unwrap()];
        assert!(networks.is_full("192.0.2.200".parse().unwrap()));
        assert_eq!(enter("192.0.2.3").err(), Some(Full { is_news: true }));
        assert_eq!(enter("192.0.2.3").err(), Some(Full { is_news: false }));
        let other =
            [enter("198.51.100.1"), enter("2001:db8::1"), enter("2001:db8:0:ff::1"), enter("2001:db8:0:100::1")];
        assert!(other.iter().all(Result::is_ok));
        assert!(enter("2001:db8:0:7::1").is_err());
        of_one.pop();
        assert!(!networks.is_full("192.0.2.200".parse().unwrap()));
        of_one.push(enter("192.0.2.3").unwrap());
        assert_eq!(enter("192.0.2.4").err(), Some(Full { is_news: true }), "half of it had gone");
        drop((of_one, other));
        assert!(networks.lock().is_empty(), "nothing is kept of those who have left");
    }
}
