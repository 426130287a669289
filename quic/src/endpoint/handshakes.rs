//! The handshakes under way: how many there are, how many of clients that may have forged their address, and of which
//! networks.
//!
//! A server begins to work before it knows whether its client is where it says. So clients that have not shown that have a
//! part of the places and no more: whoever forges addresses can take that part, and the rest stays for those who have come
//! back with the token of a Retry packet.

use super::networks::{Network, Networks};

/// What is known of a handshake from its beginning to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Begun {
    /// That of the client, if it was a client that began.
    pub(super) network: Option<Network>,
    /// The other end has shown that it receives what is sent to its address, or it was this side that began.
    pub(super) is_validated: bool,
}

/// Counts them.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    all: usize,
    unvalidated: usize,
    networks: Networks,
}

impl Handshakes {
    /// All of them.
    pub(super) const fn all(&self) -> usize {
        self.all
    }

    /// Those of clients whose address may be forged.
    pub(super) const fn unvalidated(&self) -> usize {
        self.unvalidated
    }

    /// Those of clients of this network.
    pub(super) fn of(&self, network: Network) -> usize {
        self.networks.count(network)
    }

    /// Networks that have any.
    pub(super) fn networks(&self) -> usize {
        self.networks.len()
    }

    /// One begins.
    pub(super) fn begin(&mut self, begun: Begun) {
        self.all += 1;
        self.unvalidated += usize::from(!begun.is_validated);
        if let Some(network) = begun.network {
            self.networks.add(network);
        }
    }

    /// One is over, complete or not.
    pub(super) fn end(&mut self, begun: Begun) {
        self.all -= 1;
        self.unvalidated -= usize::from(!begun.is_validated);
        if let Some(network) = begun.network {
            self.networks.remove(network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_and_ends_is_counted_by_what_is_known_of_it() {
        let network = Network::of([192, 0, 2, 1].into());
        let stranger = Begun { network: Some(network), is_validated: false };
        let known = Begun { is_validated: true, ..stranger };
        let ours = Begun { network: None, is_validated: true };
        let mut handshakes = Handshakes::default();
        [stranger, known, ours, stranger].into_iter().for_each(|begun| handshakes.begin(begun));
        assert_eq!((handshakes.all(), handshakes.unvalidated(), handshakes.of(network)), (4, 2, 3));
        [stranger, ours].into_iter().for_each(|begun| handshakes.end(begun));
        assert_eq!((handshakes.all(), handshakes.unvalidated(), handshakes.of(network)), (2, 1, 2));
        [known, stranger].into_iter().for_each(|begun| handshakes.end(begun));
        assert_eq!((handshakes.all(), handshakes.unvalidated(), handshakes.networks()), (0, 0, 0));
    }
}
