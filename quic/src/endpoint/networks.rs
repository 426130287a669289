//! How many handshakes each network has under way.
//!
//! A server answers strangers before it knows whether they are where they say. One network must not be able to fill the table
//! of handshakes alone and shut out the rest; an attacker who forges the addresses of many can, and is met by the limit on
//! all of them together.

use alloc::collections::BTreeMap;
use core::net::IpAddr;

/// The first 24 bits of an IPv4 address, or the first 56 of an IPv6 address: what one customer usually has at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network([u8; 8]);

impl Network {
    /// The network of an address.
    pub fn of(address: IpAddr) -> Network {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Network([4, a, b, c, 0, 0, 0, 0])
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, ..] = address.octets();
                Network([6, a, b, c, d, e, f, g])
            }
        }
    }
}

/// Ordered, as everything that is looked up by what a stranger chose. Holds no more entries than there are handshakes.
#[derive(Debug, Default)]
pub(super) struct Networks(BTreeMap<Network, usize>);

impl Networks {
    /// Handshakes of this network.
    pub(super) fn count(&self, network: Network) -> usize {
        self.0.get(&network).copied().unwrap_or(0)
    }

    /// How many have any.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// One more.
    pub(super) fn add(&mut self, network: Network) {
        *self.0.entry(network).or_default() += 1;
    }

    /// One less.
    pub(super) fn remove(&mut self, network: Network) {
        let count = self.0.get_mut(&network).expect("who leaves was counted");
        *count -= 1;
        if *count == 0 {
            self.0.remove(&network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_network_and_others_do_not() {
        let of = |text: &str| Network::of(text.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("192.0.2.255"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.9"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("2001:db8:1:200::1"), of("2001:db8:1:2ff:ffff::"));
        assert_ne!(of("2001:db8:1:200::1"), of("2001:db8:1:300::1"));
        assert_ne!(of("4.0.0.0"), of("::"));
    }

    #[test]
    fn nothing_is_kept_of_networks_without_handshakes() {
        let network = Network::of([192, 0, 2, 1].into());
        let mut networks = Networks::default();
        networks.add(network);
        networks.add(network);
        assert_eq!(networks.count(network), 2);
        networks.remove(network);
        networks.remove(network);
        assert!(networks.count(network) == 0 && networks.len() == 0);
    }
}
