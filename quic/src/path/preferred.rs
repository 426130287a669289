//! The address at which a server would rather be reached (RFC 9000 section 9.6): what a server offers, and what its client
//! makes of the offer.

use super::reach;
use crate::wire::transport_parameters::PreferredAddress;
use core::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

/// Where a server would rather be reached than where its clients begin: at most one address of each family, so that a client
/// finds one that its network leads to.
/// RFC 9000 section 9.6.1-1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PreferredAddresses {
    /// For clients that came by IPv4.
    pub ipv4: Option<SocketAddrV4>,
    /// For clients that came by IPv6.
    pub ipv6: Option<SocketAddrV6>,
}

impl PreferredAddresses {
    /// Whether nothing is offered.
    pub const fn is_empty(&self) -> bool {
        self.ipv4.is_none() && self.ipv6.is_none()
    }

    /// Whether `address` is one of them.
    pub fn contains(&self, address: SocketAddr) -> bool {
        // An IPv4 address is what it is, also when a socket for both families writes it as one of IPv6.
        match (address.ip().to_canonical(), self) {
            (core::net::IpAddr::V4(ip), PreferredAddresses { ipv4: Some(ours), .. }) => {
                *ours == SocketAddrV4::new(ip, address.port())
            }
            (core::net::IpAddr::V6(ip), PreferredAddresses { ipv6: Some(ours), .. }) => {
                *ours.ip() == ip && ours.port() == address.port()
            }
            _ => false,
        }
    }

    /// Both, in no order that means something.
    pub fn iter(&self) -> impl Iterator<Item = SocketAddr> {
        let (ipv4, ipv6) = (self.ipv4.map(SocketAddr::V4), self.ipv6.map(SocketAddr::V6));
        ipv4.into_iter().chain(ipv6)
    }
}

/// What a client makes of its server's offer. It ends with the connection, so no other one goes there.
/// RFC 9000 section 9.6.2-6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preferred {
    /// Where the server would rather be.
    pub address: SocketAddr,
    /// How far it is.
    pub progress: Progress,
}

/// How far a client is with the preferred address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It is tried as soon as the handshake is confirmed and the server has given an ID for it.
    Waiting,
    /// It is being validated.
    Trying,
    /// It is used instead of the address of the handshake.
    Used,
}

impl Preferred {
    /// Which of the addresses that a server at `current` offers is worth a try: the one of the same family, because the client's
    /// network is known to lead there.
    /// RFC 9000 section 9.6.3-6.
    /// RFC 9000 s21.5.6: a server must not have us send to what only we can reach.
    pub(crate) fn choose(offered: &PreferredAddress, current: SocketAddr) -> Option<Preferred> {
        let address = match current.ip().to_canonical() {
            core::net::IpAddr::V4(_) => offered.ipv4.map(SocketAddr::V4),
            core::net::IpAddr::V6(_) => offered.ipv6.map(SocketAddr::V6),
        }?;
        let is_worth_it = address != current && reach::may_move(current, address);
        is_worth_it.then_some(Preferred { address, progress: Progress::Waiting })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::connection_id::{ConnectionId, ResetToken};

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_the_same_however_its_socket_writes_it() {
        let both = PreferredAddresses {
            ipv4: Some("192.0.2.7:443".parse().unwrap()),
            ipv6: Some("[2001:db8::7]:444".parse().unwrap()),
        };
        for (text, is_one) in [
            ("192.0.2.7:443", true),
            ("[::ffff:192.0.2.7]:443", true),
            ("192.0.2.7:444", false),
            ("192.0.2.8:443", false),
            ("[2001:db8::7]:444", true),
            ("[2001:db8::7]:443", false),
        ] {
            assert_eq!(both.contains(address(text)), is_one, "{text}");
            assert!(!PreferredAddresses::default().contains(address(text)), "{text}");
        }
        assert_eq!(
            both.iter().collect::<alloc::vec::Vec<_>>(),
            [address("192.0.2.7:443"), address("[2001:db8::7]:444")]
        );
        assert!(!both.is_empty() && PreferredAddresses::default().is_empty());
    }

    /// RFC 9000 section 9.6.3-6.
    #[test]
    fn the_same_family_and_no_nearer_than_the_server_is() {
        let offer = |ipv4: Option<&str>, ipv6: Option<&str>| PreferredAddress {
            ipv4: ipv4.map(|text| text.parse().unwrap()),
            ipv6: ipv6.map(|text| text.parse().unwrap()),
            connection_id: ConnectionId::new(&[1; 8]).unwrap(),
            stateless_reset_token: ResetToken([1; 16]),
        };
        let (one, other) = (Some("192.0.2.7:443"), Some("[2001:db8::7]:443"));
        for (current, ipv4, ipv6, chosen) in [
            ("192.0.2.2:443", one, other, one),
            ("[::ffff:192.0.2.2]:443", one, other, one),
            ("[2001:db8::2]:443", one, other, other),
            ("192.0.2.2:443", None, other, None),
            ("[2001:db8::2]:443", one, None, None),
            ("192.0.2.7:443", one, None, None),
            ("192.0.2.2:443", Some("127.0.0.1:443"), None, None),
            ("192.0.2.2:443", Some("169.254.1.1:443"), None, None),
            ("192.0.2.2:443", Some("224.0.0.1:443"), None, None),
            ("192.0.2.2:443", Some("192.0.2.7:0"), None, None),
            ("127.0.0.1:443", Some("127.0.0.2:443"), None, Some("127.0.0.2:443")),
        ] {
            let preferred = Preferred::choose(&offer(ipv4, ipv6), address(current));
            assert_eq!(
                preferred.map(|preferred| preferred.address),
                chosen.map(address),
                "{current} {ipv4:?} {ipv6:?}"
            );
        }
    }
}
