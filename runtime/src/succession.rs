//! How a server that ends and the one that follows it on the same UDP port learn of each other.
//!
//! The kernel lets two sockets have one address only if both say so, and many programs say so always. To bind beside any of
//! them would take their datagrams. So a server that ends announces it by a name that only this stack uses: an abstract Unix
//! address, which is in the same network namespace as the port and is gone with its process.
//!
//! At that address it is also given what its successor gets for it: packets of clients whose address has changed since, which the
//! kernel knows no better socket for. Who else writes there can do no more than somebody on the network who forges addresses.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv6Addr, SocketAddr as IpSocketAddr, SocketAddrV6};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::task::{Poll, ready};

use base::{Ecn, FourTuple, OwnedDatagram};

use crate::executor::Handle;
use crate::sys;

/// How many servers of one port may be ending at the same time, each with its last clients.
const MOST_ENDING: usize = 8;

/// Bytes before the payload of a datagram that is given back: its mark, where it arrived and where it came from.
const HEAD: usize = 1 + 2 * ADDRESS;
/// Bytes of an address: of IPv6, which has room for IPv4 as well, with port and scope, and which of the two it is.
const ADDRESS: usize = 1 + 16 + 2 + 4;
/// How many of them are taken before others have their turn.
const IN_A_TURN: usize = 64;
/// The largest payload of UDP.
const LARGEST: usize = 65_527;

/// A port is offered to a successor as long as this is kept.
#[derive(Debug)]
pub struct Offer {
    name: UnixDatagram,
}

/// Servers of our ports that are ending and still have clients.
#[derive(Debug, Default)]
pub struct Predecessors(Vec<UnixDatagram>);

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
                Ok(socket) => return Ok(Offer { name: socket }),
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

    /// What the successor gives back, one datagram after the other, for ever; each is given to `take`. To be dropped before the
    /// offer is.
    ///
    /// # Errors
    /// The system does not let the socket be watched, or refuses to read from it.
    pub fn given_back<F: FnMut(OwnedDatagram)>(
        &self,
        handle: &Handle,
        mut take: F,
    ) -> io::Result<impl Future<Output = ()> + use<F>> {
        let socket = self.name.try_clone()?;
        socket.set_nonblocking(true)?;
        let socket = handle.watch(socket)?;
        let mut buffer = vec![0; HEAD + LARGEST];
        Ok(poll_fn(move |context| {
            for _ in 0..IN_A_TURN {
                ready!(socket.poll_readable(context));
                match socket.inner().recv(&mut buffer) {
                    Ok(len) => decode(buffer.get(..len).unwrap_or_default()).into_iter().for_each(&mut take),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // Whatever else it is, it is over until something comes.
                    Err(_) => socket.clear_readable(),
                }
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    }
}

impl Predecessors {
    /// Those that offer one of these ports now.
    pub fn of(ports: impl Iterator<Item = u16>) -> Predecessors {
        let connected = |port, place| {
            let socket = UnixDatagram::unbound().ok()?;
            socket.connect_addr(&name(port, place).ok()?).ok()?;
            // What does not fit is lost, as on a network.
            socket.set_nonblocking(true).ok()?;
            Some(socket)
        };
        let of_port = |port| (0..MOST_ENDING).filter_map(move |place| connected(port, place));
        Predecessors(ports.flat_map(of_port).collect())
    }

    /// Whether one of them is still there.
    pub fn are_there(&self) -> bool {
        // An empty message is none, and is refused only by who is gone.
        let is_there = |socket: &UnixDatagram| match socket.send(&[]) {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        self.0.iter().any(is_there)
    }

    /// Gives each of them a datagram, of which only one knows the connection.
    pub(crate) fn send(&self, datagram: &OwnedDatagram) {
        let message = encode(datagram);
        for socket in &self.0 {
            let _lost = socket.send(&message);
        }
    }
}

fn encode(datagram: &OwnedDatagram) -> Vec<u8> {
    let OwnedDatagram { four_tuple, ecn, payload } = datagram;
    let mut message = Vec::with_capacity(HEAD + payload.len());
    message.push(*ecn as u8);
    for address in [four_tuple.local, four_tuple.remote] {
        let (is_ipv6, ip, scope) = match address {
            IpSocketAddr::V4(ipv4) => (0, ipv4.ip().to_ipv6_mapped(), 0),
            IpSocketAddr::V6(ipv6) => (1, *ipv6.ip(), ipv6.scope_id()),
        };
        message.push(is_ipv6);
        message.extend_from_slice(&ip.octets());
        message.extend_from_slice(&address.port().to_be_bytes());
        message.extend_from_slice(&scope.to_be_bytes());
    }
    message.extend_from_slice(payload);
    message
}

/// `None` for what is no such message.
fn decode(message: &[u8]) -> Option<OwnedDatagram> {
    let (head, payload) = message.split_first_chunk::<HEAD>()?;
    let (ecn, addresses) = head.split_first()?;
    let (local, remote) = addresses.split_at_checked(ADDRESS)?;
    let four_tuple = FourTuple { local: decode_address(local)?, remote: decode_address(remote)? };
    Some(OwnedDatagram { four_tuple, ecn: Ecn::from_bits(*ecn), payload: payload.to_vec() })
}

fn decode_address(bytes: &[u8]) -> Option<IpSocketAddr> {
    let (is_ipv6, rest) = bytes.split_first()?;
    let (ip, rest) = rest.split_first_chunk::<16>()?;
    let (port, rest) = rest.split_first_chunk::<2>()?;
    let (ip, port) = (Ipv6Addr::from(*ip), u16::from_be_bytes(*port));
    match is_ipv6 {
        0 => Some((ip.to_ipv4_mapped()?, port).into()),
        1 => Some(SocketAddrV6::new(ip, port, 0, u32::from_be_bytes(*rest.first_chunk()?)).into()),
        _ => None,
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

    fn datagram(local: &str, remote: &str, payload: &[u8]) -> OwnedDatagram {
        let four_tuple = FourTuple { local: local.parse().unwrap(), remote: remote.parse().unwrap() };
        OwnedDatagram { four_tuple, ecn: Ecn::Ce, payload: payload.to_vec() }
    }

    #[test]
    fn what_is_given_back_is_whole_and_what_is_no_message_is_none() {
        let cases =
            [("192.0.2.1:443", "198.51.100.7:9"), ("[2001:db8::1]:443", "[fe80::1%3]:9"), ("[::1]:1", "[::]:0")];
        for (local, remote) in cases {
            for payload in [&b""[..], b"a", &[7; 1500]] {
                let sent = datagram(local, remote, payload);
                let message = encode(&sent);
                assert_eq!(decode(&message), Some(sent));
                assert!((0..HEAD).all(|len| decode(&message[..len]).is_none()));
            }
        }
        let mut message = encode(&datagram("192.0.2.1:443", "198.51.100.7:9", b"a"));
        message[1] = 2;
        assert_eq!(decode(&message), None, "of neither family");
        message[1] = 0;
        message[2] = 1;
        assert_eq!(decode(&message), None, "no address of IPv4");
    }

    #[test]
    fn a_successor_gives_back_to_all_that_are_there_and_to_none_that_came_later() {
        let executor = crate::Executor::new().unwrap();
        let handle = executor.handle();
        let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(!Predecessors::of([port].into_iter()).are_there());
        let offers = [(); 2].map(|()| Offer::announce(port).unwrap());
        let predecessors = Predecessors::of([port].into_iter());
        let later = Offer::announce(port).unwrap();
        let sent = datagram("192.0.2.1:443", "198.51.100.7:9", b"a word");
        assert!(predecessors.are_there());
        predecessors.send(&sent);
        let taken = std::cell::RefCell::new(Vec::new());
        executor.block_on(async {
            for offer in &offers {
                let given_back = offer.given_back(handle, |datagram| taken.borrow_mut().push(datagram)).unwrap();
                let _ = handle.timeout(std::time::Duration::from_millis(50), given_back).await;
            }
            let given_back = later.given_back(handle, |_| panic!("it came later")).unwrap();
            let _ = handle.timeout(std::time::Duration::from_millis(50), given_back).await;
        });
        assert_eq!(taken.into_inner(), [sent.clone(), sent.clone()]);
        drop(offers);
        assert!(!predecessors.are_there());
        predecessors.send(&sent);
    }
}
