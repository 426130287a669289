//! The sockets of a client: one for all its connections of an address family, and further ones while connections move.
//!
//! A socket is bound to no address but only to a port, and not connected, so that it reaches every server. Each datagram
//! names the address of ours that it leaves from. Connections begin on the newest socket. One that moves goes to the newest,
//! or if it is there, to one that is opened for it and is the newest from then on: a client that moves all its connections
//! needs one socket more, however many they are. A socket is closed when no connection uses it and there is another.

use runtime::{UdpOptions, UdpSocket};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Which socket: all of them differ in this.
pub(crate) type Port = u16;

/// Those that are open.
pub(crate) struct Sockets {
    /// The newest comes last. Never empty.
    open: Vec<Open>,
    any: IpAddr,
}

struct Open {
    port: Port,
    /// How many connections receive there.
    users: usize,
}

/// A socket for servers whose addresses are of this family.
pub(crate) fn open(is_ipv4: bool) -> io::Result<UdpSocket> {
    // Otherwise a server of IPv4 that is gone would be reported by its mapped address.
    let options = UdpOptions { only_ipv6: true, reports: true, ..UdpOptions::default() };
    UdpSocket::bind_with(SocketAddr::new(any(is_ipv4), 0), &options)
}

const fn any(is_ipv4: bool) -> IpAddr {
    if is_ipv4 { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) }
}

impl Sockets {
    /// With one that nobody uses yet.
    pub(crate) fn new(first: &UdpSocket) -> Sockets {
        let local = first.local_address();
        Sockets { open: vec![Open { port: local.port(), users: 0 }], any: any(local.is_ipv4()) }
    }

    /// The newest.
    pub(crate) fn newest(&self) -> Port {
        self.open.last().expect("the last socket is not closed").port
    }

    /// One more, the newest from now on.
    pub(crate) fn add(&mut self, socket: &UdpSocket) {
        self.open.push(Open { port: socket.local_address().port(), users: 0 });
    }

    /// Where it is bound.
    pub(crate) fn address(&self, port: Port) -> SocketAddr {
        SocketAddr::new(self.any, port)
    }

    /// A connection uses it from now on.
    pub(crate) fn join(&mut self, port: Port) {
        let place = self.place(port);
        self.open[place].users += 1;
    }

    /// A connection does not use it any more. Whether it is to be closed, and forgotten here already.
    pub(crate) fn leave(&mut self, port: Port) -> bool {
        let place = self.place(port);
        let open = &mut self.open[place];
        open.users = open.users.checked_sub(1).expect("who leaves a socket has joined it");
        let is_needless = open.users == 0 && self.open.len() > 1;
        if is_needless {
            self.open.remove(place);
        }
        is_needless
    }

    fn place(&self, port: Port) -> usize {
        self.open.iter().position(|open| open.port == port).expect("a socket that is in use is open")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_socket_stays_and_those_that_nobody_uses_go() {
        let bind = || open(true).unwrap();
        let (first, second) = (bind(), bind());
        let (one, two) = (first.local_address().port(), second.local_address().port());
        let mut sockets = Sockets::new(&first);
        sockets.join(one);
        sockets.join(one);
        assert!(!sockets.leave(one));
        sockets.add(&second);
        assert_eq!(sockets.newest(), two);
        sockets.join(two);
        assert!(sockets.leave(two), "a move that failed");
        assert_eq!(sockets.newest(), one);
        assert!(!sockets.leave(one), "the last one stays for the next connection");
        assert_eq!(sockets.address(one), first.local_address());
    }
}
