//! Where a server would rather be reached (RFC 9000 section 9.6), as its settings say it.

use core::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Where a server would rather be reached than where its clients begin: at most one address of each family, so that a client
/// finds one that its network leads to.
/// RFC 9000 s9.6.1.
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
            (IpAddr::V4(ip), PreferredAddresses { ipv4: Some(ours), .. }) => {
                *ours == SocketAddrV4::new(ip, address.port())
            }
            (IpAddr::V6(ip), PreferredAddresses { ipv6: Some(ours), .. }) => {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
