//! The address at which a server would rather be reached (RFC 9000 section 9.6): what its client makes of the offer.

use super::reach;
use crate::wire::transport_parameters::PreferredAddress;
use core::net::{IpAddr, SocketAddr};

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
    /// RFC 9000 s9.6.3.
    /// RFC 9000 s21.5.6: a server must not have us send to what only we can reach.
    pub(crate) fn choose(offered: &PreferredAddress, current: SocketAddr) -> Option<Preferred> {
        let address = match current.ip().to_canonical() {
            IpAddr::V4(_) => offered.ipv4.map(SocketAddr::V4),
            IpAddr::V6(_) => offered.ipv6.map(SocketAddr::V6),
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

    /// RFC 9000 s9.6.3.
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
