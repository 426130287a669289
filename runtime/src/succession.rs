//! How a server that ends and the one that follows it on the same UDP port learn of each other.
//!
//! The kernel lets two sockets have one address only if both say so, and many programs say so always. To bind beside any of
//! them would take their datagrams. So a server that ends announces it by a name that only this stack uses: an abstract Unix
//! address, which is in the same network namespace as the port and is gone with its process.

use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::sys;

/// How many servers of one port may be ending at the same time, each with its last clients.
const MOST_ENDING: usize = 8;

/// A port is offered to a successor as long as this is kept.
#[derive(Debug)]
pub struct Offer {
    _name: UnixDatagram,
}

impl Offer {
    /// Whether the system lets one server take over a port that another one still serves.
    pub const IS_POSSIBLE: bool = sys::HANDS_PORTS_OVER;

    /// Offers a UDP port whose sockets are all shared ([`DriverHandle::share_ports`](crate::DriverHandle::share_ports)).
    ///
    /// # Errors
    /// The system gives no socket or is not Linux, or eight servers of this port are ending already.
    pub fn announce(port: u16) -> io::Result<Offer> {
        let mut last = io::ErrorKind::AddrInUse.into();
        for place in 0..MOST_ENDING {
            match name(port, place).and_then(|name| UnixDatagram::bind_addr(&name)) {
                Ok(socket) => return Ok(Offer { _name: socket }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Whether a server offers this port.
    pub fn is_made(port: u16) -> bool {
        let is_there = |place| {
            let connected = UnixDatagram::unbound().and_then(|socket| socket.connect_addr(&name(port, place)?));
            connected.is_ok()
        };
        (0..MOST_ENDING).any(is_there)
    }
}

fn name(port: u16, place: usize) -> io::Result<SocketAddr> {
    sys::abstract_address(&format!("posthaste/ends/{port}/{place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_seen_as_long_as_it_is_kept_and_several_have_room() {
        // Ports are 16 bits; this one is taken by nothing else in this process.
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(!Offer::is_made(port));
        let first = Offer::announce(port).unwrap();
        let second = Offer::announce(port).unwrap();
        drop(first);
        assert!(Offer::is_made(port), "the second is still there");
        drop(second);
        assert!(!Offer::is_made(port));
        let all: Vec<Offer> = (0..MOST_ENDING).map(|_| Offer::announce(port).unwrap()).collect();
        assert_eq!(Offer::announce(port).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(all);
    }
}
