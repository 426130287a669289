//! Where nothing is sent, whoever asks for it (RFC 9000 section 21.5): a peer that could have its packets answered at any
//! address could have us talk to services that trust whoever is near them.

use core::net::{IpAddr, SocketAddr};

/// How far an address can be reached from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    /// From nowhere: none that a host can send from.
    Nowhere,
    /// From this host.
    Host,
    /// From the networks that this host is connected to, and not through a router.
    Link,
    /// From other networks, be it all of them or a site's.
    Routed,
}

/// Whether a host can send from `address`, and so be sent to.
pub(crate) fn is_usable(address: SocketAddr) -> bool {
    address.port() != 0 && scope(address.ip()) != Scope::Nowhere
}

/// Whether a peer at `from` is followed to `to`. From farther away it cannot have come to an address that is only reached from
/// nearby, so somebody wants us to believe it.
/// RFC 9000 s21.5.6: loopback, and link-local addresses, to which no router forwards anything. Private addresses may be
/// where a peer is.
pub(crate) fn may_move(from: SocketAddr, to: SocketAddr) -> bool {
    is_usable(to) && scope(to.ip()) >= scope(from.ip())
}

fn scope(ip: IpAddr) -> Scope {
    // An IPv4 address is what it is, also when it is written as one of IPv6.
    match ip.to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() => Scope::Nowhere,
        IpAddr::V6(ip) if ip.is_unspecified() || ip.is_multicast() => Scope::Nowhere,
        ip if ip.is_loopback() => Scope::Host,
        IpAddr::V4(ip) if ip.is_link_local() => Scope::Link,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => Scope::Link,
        IpAddr::V4(_) | IpAddr::V6(_) => Scope::Routed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_no_host_can_send_from_is_not_sent_to() {
        for text in [
            "192.0.2.1:0",
            "0.0.0.0:1",
            "255.255.255.255:1",
            "224.0.0.1:1",
            "[::]:1",
            "[ff02::1]:1",
            "[::ffff:0.0.0.0]:1",
        ] {
            assert!(!is_usable(address(text)), "{text}");
            for from in ["127.0.0.1:1", "192.0.2.1:1"] {
                assert!(!may_move(address(from), address(text)), "{from} to {text}");
            }
        }
        for text in ["192.0.2.1:1", "127.0.0.1:1", "169.254.0.1:1", "10.0.0.1:1", "[::1]:1", "[fe80::1]:1"] {
            assert!(is_usable(address(text)), "{text}");
        }
    }

    #[test]
    fn nobody_comes_nearer_than_the_network_lets_it() {
        let all = ["127.0.0.1:1", "[fe80::1]:1", "10.0.0.1:1", "192.0.2.1:1", "[2001:db8::1]:1"];
        let rank = [0, 1, 2, 2, 2];
        for (from, near) in all.iter().zip(rank) {
            for (to, far) in all.iter().zip(rank) {
                assert_eq!(may_move(address(from), address(to)), far >= near, "{from} to {to}");
            }
        }
        assert!(may_move(address("[::1]:1"), address("127.0.0.2:2")));
        assert!(!may_move(address("192.0.2.1:1"), address("[::ffff:127.0.0.1]:1")));
        assert!(may_move(address("[fe80::1]:1"), address("169.254.1.1:1")));
    }
}
