//! How a server that ends and the one that follows it on the same UDP port learn of each other.
//!
//! The kernel lets two sockets have one address only if both say so, and many programs say so always. To bind beside any of
//! them would take their datagrams. So a server that ends announces it by a name that only this stack uses: an abstract Unix
//! address, which is in the same network namespace as the port and is gone with its process.
//!
//! At that address it is also given what its successor gets for it: packets of clients whose address has changed since, which the
//! kernel knows no better socket for. Who else writes there can do no more than somebody on the network who forges addresses.
//! The system counts what waits there in messages, and ten of them are often too many (`net.unix.max_dgram_qlen`): so a message
//! holds many datagrams, and what finds no room waits at the successor for a while.
//!
//! A second address says no more than that the server is there: a stream to it is at its end when the server is. Nobody accepts
//! such a stream, because the system connects it all the same, and ends it with the listener.
//!
//! The two servers may be of different builds, so what they say to each other has a form with a number, and an address tells which
//! one a server takes. A server without the second address is of form 1: it takes one datagram in each message, or nothing at all, and
//! is asked for its end. Form 2 is what is written here. A server takes the messages of all forms up to its own, and a later form adds
//! an address to those that there are: so its predecessor and its successor may be older.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, Read};
use std::net::{Ipv6Addr, SocketAddr as IpSocketAddr, SocketAddrV6};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use base::{Ecn, FourTuple, OwnedDatagram};

use crate::executor::{Handle, Watched};
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
/// Bytes of a message to which no further datagram is added: ten and more of the usual size. A message that is lost takes all of
/// them with it, and few that are short fill the system's queue.
const FULL: usize = 16 * 1024;
/// Bytes before each datagram of a message, that say how long it is.
const LENGTH: usize = 4;
/// The longest message.
const LONGEST: usize = FULL + LENGTH + HEAD + LARGEST;
/// How many messages wait for a predecessor to take those before. What comes then is lost, as on a network.
const MOST_WAITING: usize = 16;
/// How often a predecessor of form 1 is asked whether it is still there.
const ASKING: Duration = Duration::from_secs(1);

/// A port is offered to a successor as long as this is kept.
#[derive(Debug)]
pub struct Offer {
    name: UnixDatagram,
    /// What is connected to it ends with it.
    _life: UnixListener,
}

/// Servers of our ports that are ending and still have clients.
#[derive(Debug, Default)]
pub struct Predecessors(Vec<Predecessor>);

/// One executor's ways to them, in their order.
#[derive(Debug, Default)]
pub(crate) struct Ways(Vec<Watched<UnixDatagram>>);

#[derive(Debug)]
struct Predecessor {
    name: UnixDatagram,
    /// At its end when the server is; `None` for form 1.
    life: Option<UnixStream>,
    /// Messages, the oldest first.
    waiting: Mutex<VecDeque<Vec<u8>>>,
}

impl Offer {
    /// Whether the system lets one server take over a port that another one still serves.
    pub const IS_POSSIBLE: bool = sys::HANDS_PORTS_OVER;
    /// The form of what servers say to each other that this build has.
    pub const FORM: u8 = 2;

    /// Offers a UDP port whose sockets are all shared ([`DriverHandle::share_ports`](crate::DriverHandle::share_ports)).
    ///
    /// # Errors
    /// The system gives no socket or is not Linux, or eight servers of this port are ending already.
    pub fn announce(port: u16) -> io::Result<Offer> {
        let mut last = io::ErrorKind::AddrInUse.into();
        for place in 0..MOST_ENDING {
            match Offer::at(port, place) {
                Ok(offer) => return Ok(offer),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn at(port: u16, place: usize) -> io::Result<Offer> {
        // Who finds the name finds the other one as well.
        let life = UnixListener::bind_addr(&sys::abstract_address(&life(port, place))?)?;
        Ok(Offer { name: UnixDatagram::bind_addr(&name(port, place)?)?, _life: life })
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
        let mut buffer = vec![0; LONGEST];
        Ok(poll_fn(move |context| {
            for _ in 0..IN_A_TURN {
                ready!(socket.poll_readable(context));
                match socket.inner().recv(&mut buffer) {
                    Ok(len) => decode_all(buffer.get(..len).unwrap_or_default(), &mut take),
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
            socket.set_nonblocking(true).ok()?;
            let life = sys::connect_abstract(&life(port, place)).ok().map(UnixStream::from);
            Some(Predecessor { name: socket, life, waiting: Mutex::default() })
        };
        let of_port = |port| (0..MOST_ENDING).filter_map(move |place| connected(port, place));
        Predecessors(ports.flat_map(of_port).collect())
    }

    /// Whether one of them is still there.
    pub fn are_there(&self) -> bool {
        self.0.iter().any(Predecessor::is_there)
    }

    /// Whether something waits for one of them to have room for it.
    #[cfg(test)]
    pub(crate) fn are_waited_for(&self) -> bool {
        self.0.iter().any(Predecessor::is_waited_for)
    }

    /// Whether one of them is of an older build, to which single datagrams are given back: it may take none.
    pub fn are_older(&self) -> bool {
        self.0.iter().any(|predecessor| predecessor.life.is_none())
    }

    /// Waits until none of them is.
    ///
    /// # Errors
    /// The system does not let one of them be watched.
    pub async fn gone(&self, handle: &Handle) -> io::Result<()> {
        for predecessor in &self.0 {
            let Some(life) = &predecessor.life else {
                while predecessor.is_there() {
                    handle.sleep(ASKING).await;
                }
                continue;
            };
            let life = handle.watch(life.try_clone()?)?;
            // It never says anything, so what can be read is its end.
            let _end = life.read_with(|mut life| life.read(&mut [0])).await;
        }
        Ok(())
    }

    /// Watches on an executor whether they have room.
    ///
    /// # Errors
    /// The system does not let one of them be watched.
    pub(crate) fn ways(&self, handle: &Handle) -> io::Result<Ways> {
        let watched = self.0.iter().map(|predecessor| handle.watch(predecessor.name.try_clone()?));
        watched.collect::<io::Result<_>>().map(Ways)
    }

    /// Gives each of them a datagram, of which only one knows the connection, with the next [`flush`](Predecessors::flush).
    pub(crate) fn give(&self, datagram: &OwnedDatagram) {
        self.0.iter().for_each(|predecessor| predecessor.give(datagram));
    }

    /// Sends them what they have room for. Once there is room for the rest, the task of `context` is woken: nothing else may come
    /// that would have it tried again.
    pub(crate) fn flush(&self, ways: &Ways, context: &mut Context<'_>) {
        for (predecessor, way) in self.0.iter().zip(&ways.0) {
            while predecessor.is_waited_for() && way.poll_writable(context).is_ready() {
                if predecessor.send_waiting().is_err() {
                    way.clear_writable();
                }
            }
        }
    }
}

impl Predecessor {
    fn is_there(&self) -> bool {
        let said = match &self.life {
            Some(life) => (&*life).read(&mut [0]).map(|_end| false),
            // An empty message is none in any form, and is refused only by who is gone.
            None => self.name.send(&[]).map(|_taken| true),
        };
        said.unwrap_or_else(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    fn give(&self, datagram: &OwnedDatagram) {
        let mut waiting = self.lock();
        if self.life.is_none() {
            if waiting.len() < MOST_WAITING {
                let mut message = Vec::new();
                encode(datagram, &mut message);
                waiting.push_back(message);
            }
            return;
        }
        if waiting.back().is_none_or(|message| message.len() >= FULL) && waiting.len() < MOST_WAITING {
            waiting.push_back(Vec::new());
        }
        if let Some(message) = waiting.back_mut().filter(|message| message.len() < FULL) {
            encode_after_length(datagram, message);
        }
    }

    /// Whether messages wait for it.
    fn is_waited_for(&self) -> bool {
        !self.lock().is_empty()
    }

    /// Sends them; the error is that it has no room for the rest.
    fn send_waiting(&self) -> io::Result<()> {
        let mut waiting = self.lock();
        while let Some(message) = waiting.front() {
            match self.name.send(message) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It is there, or nobody is, or it is longer than the system lets a message be.
                _ => {
                    waiting.pop_front();
                }
            }
        }
        Ok(())
    }

    /// A thread that panicked while it held the lock has left a message behind that is cut, which its reader notices.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Vec<u8>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds a datagram to a message of form 2.
fn encode_after_length(datagram: &OwnedDatagram, message: &mut Vec<u8>) {
    let len = HEAD + datagram.payload.len();
    message.reserve(LENGTH + len);
    let len = u32::try_from(len).expect("a datagram has less than 64 KiB");
    message.extend_from_slice(&len.to_be_bytes());
    encode(datagram, message);
}

/// Adds a datagram, which is a message of form 1.
fn encode(datagram: &OwnedDatagram, message: &mut Vec<u8>) {
    let OwnedDatagram { four_tuple, ecn, payload } = datagram;
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
}

/// Each datagram of a message, up to what is none.
fn decode_all(mut message: &[u8], take: &mut impl FnMut(OwnedDatagram)) {
    let next = |message: &mut &[u8]| {
        let (len, rest) = message.split_first_chunk::<LENGTH>()?;
        let (bytes, rest) = rest.split_at_checked(u32::from_be_bytes(*len) as usize)?;
        *message = rest;
        decode(bytes)
    };
    // Form 1 of an older successor. It begins with a mark, the family and an address of IPv6 or one that is mapped to it: read as a
    // length that is none, or one of more bytes than the message has.
    let starts_with_length = message.first_chunk().is_some_and(|len| {
        let len = u32::from_be_bytes(*len) as usize;
        len >= HEAD && len <= message.len() - LENGTH
    });
    if !starts_with_length {
        decode(message).into_iter().for_each(&mut *take);
        return;
    }
    while let Some(datagram) = next(&mut message) {
        take(datagram);
    }
}

/// `None` for what is no datagram.
fn decode(bytes: &[u8]) -> Option<OwnedDatagram> {
    let (head, payload) = bytes.split_first_chunk::<HEAD>()?;
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

fn life(port: u16, place: usize) -> String {
    format!("posthaste/lives/{port}/{place}")
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
                let mut message = Vec::new();
                encode_after_length(&sent, &mut message);
                let bytes = &message[LENGTH..];
                assert_eq!(decode(bytes).as_ref(), Some(&sent));
                assert!((0..HEAD).all(|len| decode(&bytes[..len]).is_none()));
                let mut taken = Vec::new();
                decode_all(bytes, &mut |datagram| taken.push(datagram));
                assert_eq!(taken, vec![sent.clone()], "the form before");
                let (whole, len) = (message.clone(), message.len());
                encode_after_length(&sent, &mut message);
                message.extend(&whole);
                for (cut, expected) in [(3 * len, 3), (3 * len - 1, 2), (2 * len + LENGTH, 2), (len + 2, 1), (0, 0)] {
                    let mut taken = Vec::new();
                    decode_all(&message[..cut], &mut |datagram| taken.push(datagram));
                    assert_eq!(taken, vec![sent.clone(); expected], "{cut} of {}", message.len());
                }
            }
        }
        let mut message = Vec::new();
        encode(&datagram("192.0.2.1:443", "198.51.100.7:9", b"a"), &mut message);
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
        predecessors.give(&sent);
        send_waiting(&predecessors);
        let taken = std::cell::RefCell::new(Vec::new());
        executor.block_on(async {
            for offer in &offers {
                let given_back = offer.given_back(handle, |datagram| taken.borrow_mut().push(datagram)).unwrap();
                let _ = handle.timeout(Duration::from_millis(50), given_back).await;
            }
            let given_back = later.given_back(handle, |_| panic!("it came later")).unwrap();
            let _ = handle.timeout(Duration::from_millis(50), given_back).await;
        });
        assert_eq!(taken.into_inner(), [sent.clone(), sent.clone()]);
        drop(offers);
        assert!(!predecessors.are_there());
        predecessors.give(&sent);
        send_waiting(&predecessors);
        assert_eq!(
            predecessors.0.iter().map(|one| one.lock().len()).sum::<usize>(),
            0,
            "nothing waits for who is gone"
        );
    }

    /// What goes without waiting for room.
    fn send_waiting(predecessors: &Predecessors) {
        predecessors.0.iter().for_each(|predecessor| drop(predecessor.send_waiting()));
    }

    /// A port that nothing else in this process takes.
    fn free_port() -> u16 {
        std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    /// What a client sends in a round trip comes back whole, though the predecessor is late to take it.
    #[test]
    fn much_that_is_given_back_waits_for_who_is_slow() {
        let executor = crate::Executor::new().unwrap();
        let port = free_port();
        let offer = Offer::announce(port).unwrap();
        let predecessors = Predecessors::of([port].into_iter());
        let of_number = |number: u16| datagram("192.0.2.1:443", &format!("198.51.100.7:{number}"), &[7; 1200]);
        for number in 0..250 {
            predecessors.give(&of_number(number));
            // As many as one turn of a driver may find.
            if number % 64 == 63 {
                send_waiting(&predecessors);
            }
        }
        let taken = std::cell::RefCell::new(Vec::new());
        executor.block_on(async {
            let handle = executor.handle();
            for _ in 0..3 {
                send_waiting(&predecessors);
                let given_back = offer.given_back(handle, |datagram| taken.borrow_mut().push(datagram)).unwrap();
                let _ = handle.timeout(Duration::from_millis(50), given_back).await;
            }
        });
        let taken = taken.into_inner();
        assert_eq!(taken.len(), 250);
        assert!(taken.into_iter().zip(0..).all(|(datagram, number)| datagram == of_number(number)));
    }

    /// Who takes nothing costs no more than so much.
    #[test]
    fn what_waits_has_a_bound() {
        let port = free_port();
        let _offer = Offer::announce(port).unwrap();
        let predecessors = Predecessors::of([port].into_iter());
        let large = datagram("192.0.2.1:443", "198.51.100.7:9", &[7; LARGEST]);
        let small = datagram("192.0.2.1:443", "198.51.100.7:9", &[7; 20]);
        for round in 0..20_000 {
            predecessors.give(if round % 3 == 0 { &large } else { &small });
            send_waiting(&predecessors);
        }
        let waiting = predecessors.0[0].lock();
        assert_eq!(waiting.len(), MOST_WAITING);
        assert!(waiting.iter().all(|message| message.len() <= LONGEST && message.capacity() <= 2 * LONGEST));
    }

    /// The end is told by itself, and at once: when the last of them is gone.
    #[test]
    fn the_end_of_all_is_told() {
        let executor = crate::Executor::new().unwrap();
        let port = free_port();
        let offers = [(); 2].map(|()| Offer::announce(port).unwrap());
        let predecessors = Predecessors::of([port].into_iter());
        executor.block_on(async {
            let handle = executor.handle();
            let (short, long) = (Duration::from_millis(50), Duration::from_secs(10));
            let [first, second] = offers;
            assert!(handle.timeout(short, predecessors.gone(handle)).await.is_err(), "both are there");
            drop(first);
            assert!(handle.timeout(short, predecessors.gone(handle)).await.is_err(), "one is there");
            let own = handle.clone();
            handle.spawn_detached(async move {
                own.sleep(short).await;
                drop(second);
            });
            handle.timeout(long, predecessors.gone(handle)).await.unwrap().unwrap();
        });
        assert!(!predecessors.are_there());
    }

    /// A server of an older build has no address that tells of its end, and takes one datagram in each message.
    #[test]
    fn a_predecessor_of_an_older_build_is_given_back_what_it_understands() {
        let executor = crate::Executor::new().unwrap();
        let port = free_port();
        let older = UnixDatagram::bind_addr(&name(port, 0).unwrap()).unwrap();
        older.set_nonblocking(true).unwrap();
        assert!(Offer::is_made(port));
        let predecessors = Predecessors::of([port].into_iter());
        assert!(predecessors.are_there() && predecessors.are_older());
        let sent = [datagram("192.0.2.1:443", "198.51.100.7:9", b"a"), datagram("[::1]:1", "[::]:0", &[7; 1200])];
        sent.iter().for_each(|datagram| predecessors.give(datagram));
        send_waiting(&predecessors);
        let mut buffer = vec![0; LONGEST];
        let mut taken = Vec::new();
        while let Ok(len) = older.recv(&mut buffer) {
            taken.extend(decode(&buffer[..len]));
        }
        assert_eq!(taken, sent);
        executor.block_on(async {
            let handle = executor.handle();
            let (short, long) = (Duration::from_millis(50), Duration::from_secs(10));
            assert!(handle.timeout(short, predecessors.gone(handle)).await.is_err());
            drop(older);
            handle.timeout(long, predecessors.gone(handle)).await.unwrap().unwrap();
        });
        assert!(!predecessors.are_there());
        let offer = Offer::announce(port).unwrap();
        assert!(!Predecessors::of([port].into_iter()).are_older());
        drop(offer);
    }

    /// One that takes nothing costs no more than another, and is there until it is gone.
    #[test]
    fn a_predecessor_that_never_took_anything_back_is_there_until_it_is_gone() {
        let port = free_port();
        let older = UnixDatagram::bind_addr(&name(port, 0).unwrap()).unwrap();
        let predecessors = Predecessors::of([port].into_iter());
        let sent = datagram("192.0.2.1:443", "198.51.100.7:9", &[7; 1200]);
        for _ in 0..20_000 {
            predecessors.give(&sent);
            send_waiting(&predecessors);
        }
        assert!(predecessors.are_there());
        assert_eq!(predecessors.0[0].lock().len(), MOST_WAITING);
        drop(older);
        assert!(!predecessors.are_there());
    }
}
