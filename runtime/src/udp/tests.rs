use super::*;
use crate::poller::{Interest, Poller};
use base::Duration;
use std::net::Ipv4Addr;

const LOOPBACKS: [&str; 2] = ["127.0.0.1:0", "[::1]:0"];

type Seen = (FourTuple, Ecn, Vec<u8>);

fn bind(address: &str) -> UdpSocket {
    UdpSocket::bind(address.parse().unwrap()).unwrap()
}

/// Receives until there are `count` datagrams; the messages that they came in, too.
fn receive(socket: &UdpSocket, count: usize) -> (Vec<Seen>, usize) {
    let mut poller = Poller::new().unwrap();
    poller.register(socket.as_fd(), Interest::READABLE).unwrap();
    let mut batch = ReceiveBatch::new();
    let (mut seen, mut messages) = (Vec::new(), 0);
    while seen.len() < count {
        poller.wait(Some(Duration::from_secs(20))).unwrap();
        assert!(poller.next_event().is_some(), "{} of {count} datagrams came", seen.len());
        while socket.receive(&mut batch).is_ok() {
            while let Some(message) = batch.next_message() {
                messages += 1;
                let datagrams = message.datagrams();
                seen.extend(datagrams.map(|datagram| (datagram.four_tuple, datagram.ecn, datagram.payload.to_vec())));
            }
        }
    }
    (seen, messages)
}

fn transmit(local: SocketAddr, remote: SocketAddr, ecn: Ecn, len: usize, segment_size: usize) -> Transmit {
    Transmit { four_tuple: FourTuple { local, remote }, ecn, len, segment_size }
}

#[test]
fn addresses_and_marks_arrive_in_both_families() {
    for address in LOOPBACKS {
        let (a, b) = (bind(address), bind(address));
        for ecn in [Ecn::NotEct, Ecn::Ect0, Ecn::Ect1, Ecn::Ce] {
            assert_eq!(a.send(&transmit(a.local_address(), b.local_address(), ecn, 5, 5), b"hello"), 5);
            let (seen, _) = receive(&b, 1);
            let four_tuple = FourTuple { local: b.local_address(), remote: a.local_address() };
            assert_eq!(seen, [(four_tuple, ecn, b"hello".to_vec())]);
        }
        assert!(a.offload().marks);
    }
}

#[test]
fn a_socket_of_both_families_answers_from_the_address_it_was_asked_at() {
    let server = bind("[::]:0");
    let port = server.local_address().port();
    for (client, asked) in [("127.0.0.1:0", "127.0.0.3"), ("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1")] {
        let client = bind(client);
        let asked = SocketAddr::new(asked.parse().unwrap(), port);
        assert_eq!(client.send(&transmit(client.local_address(), asked, Ecn::Ect0, 1, 1), b"?"), 1);
        let (seen, _) = receive(&server, 1);
        let (four_tuple, ecn, _) = &seen[0];
        assert_eq!(*four_tuple, FourTuple { local: asked, remote: client.local_address() });
        assert_eq!(*ecn, Ecn::Ect0);
        assert_eq!(server.send(&transmit(asked, four_tuple.remote, Ecn::Ce, 1, 1), b"!"), 1);
        let (seen, _) = receive(&client, 1);
        assert_eq!((seen[0].0.remote, seen[0].1), (asked, Ecn::Ce));
    }
    assert_eq!(server.offload().dropped, 0);
}

#[test]
fn an_ipv6_only_socket_leaves_the_ipv4_port_alone() {
    let only = UdpOptions { only_ipv6: true, ..UdpOptions::default() };
    let six = UdpSocket::bind_with("[::]:0".parse().unwrap(), &only).unwrap();
    let four: SocketAddr = (Ipv4Addr::UNSPECIFIED, six.local_address().port()).into();
    assert!(UdpSocket::bind(four).is_ok());
}

#[test]
fn several_sockets_share_an_address_if_all_agree() {
    let share = UdpOptions { reuse_port: true, ..UdpOptions::default() };
    let first = UdpSocket::bind_with("127.0.0.1:0".parse().unwrap(), &share).unwrap();
    assert!(UdpSocket::bind_with(first.local_address(), &share).is_ok());
    assert!(UdpSocket::bind(first.local_address()).is_err());
}

/// The sockets of a server that ends: `count` that share `address`, and one for a client that it has.
fn ending(address: SocketAddr, count: usize, client: &UdpSocket) -> (Vec<UdpSocket>, UdpSocket) {
    let share = UdpOptions { reuse_port: count > 1, ..UdpOptions::default() };
    let mut sockets = vec![UdpSocket::bind_with(address, &share).unwrap()];
    let address = sockets[0].local_address();
    sockets.extend((1..count).map(|_| UdpSocket::bind_with(address, &share).unwrap()));
    let take_over = UdpOptions { take_over: true, ..UdpOptions::default() };
    assert!(UdpSocket::bind_with(address, &take_over).is_err(), "it does not end yet");
    sockets.iter().for_each(|socket| socket.share().unwrap());
    let local = SocketAddr::new(client.local_address().ip(), address.port());
    let own = UdpSocket::bind_beside(local, client.local_address(), &share).unwrap();
    (sockets, own)
}

/// How many datagrams come to each group of sockets, of so many in all.
fn arrived(groups: [&[UdpSocket]; 3], total: usize) -> [usize; 3] {
    let (mut batch, mut counts) = (ReceiveBatch::new(), [0; 3]);
    let begun = std::time::Instant::now();
    while counts.iter().sum::<usize>() < total {
        assert!(begun.elapsed().as_secs() < 20, "{counts:?} of {total}");
        for (sockets, count) in groups.iter().zip(&mut counts) {
            for socket in *sockets {
                while socket.receive(&mut batch).is_ok() {
                    while let Some(message) = batch.next_message() {
                        *count += message.datagrams().count();
                    }
                }
            }
        }
    }
    counts
}

/// A server that ends keeps its clients, and what comes from others goes to its successor, however many sockets each has, at one
/// address or at any. Nobody else gets anything, and nobody takes the port from the successor.
#[test]
fn a_port_is_taken_over_with_all_but_the_clients_of_before() {
    let any = ["0.0.0.0:0", "[::]:0"];
    for (loopback, any) in LOOPBACKS.into_iter().zip(any) {
        for (address, before, after) in [(loopback, 1, 1), (loopback, 2, 1), (loopback, 1, 3), (any, 2, 3), (any, 1, 1)]
        {
            let client = bind(loopback);
            let (shared, own) = ending(address.parse().unwrap(), before, &client);
            let address = shared[0].local_address();
            let to = SocketAddr::new(client.local_address().ip(), address.port());
            let say = |socket: &UdpSocket, text: &[u8]| {
                let whole = transmit(socket.local_address(), to, Ecn::NotEct, text.len(), text.len());
                assert_eq!(socket.send(&whole, text), text.len());
            };
            say(&client, b"old");
            say(&bind(loopback), b"new");
            let own = [own];
            assert_eq!(arrived([&own, &shared, &[]], 2), [1, 1, 0], "no successor yet");
            let take_over = UdpOptions { take_over: true, ..UdpOptions::default() };
            let mut successor = vec![UdpSocket::bind_with(address, &take_over).unwrap()];
            if after > 1 {
                successor[0].spread().unwrap();
                let share = UdpOptions { reuse_port: true, ..take_over };
                successor.extend((1..after).map(|_| UdpSocket::bind_with(address, &share).unwrap()));
                successor[0].mind_connected().unwrap();
            }
            assert!(UdpSocket::bind_with(address, &take_over).is_err(), "the successor does not end");
            (0..20).for_each(|_| say(&client, b"old"));
            (0..20).for_each(|_| say(&bind(loopback), b"new"));
            assert_eq!(arrived([&own, &shared, &successor], 40), [20, 0, 20], "{address} {before} {after}");
        }
    }
}

#[test]
fn segments_are_sent_at_once_and_come_joined_or_apart_but_all() {
    for address in LOOPBACKS {
        for coalesce in [true, false] {
            let options = UdpOptions { coalesce, ..UdpOptions::default() };
            let (a, b) = (bind(address), UdpSocket::bind_with(address.parse().unwrap(), &options).unwrap());
            let bytes: Vec<u8> = (0..40 * 1200 + 77).map(|place| (place / 1200) as u8).collect();
            let whole = transmit(a.local_address(), b.local_address(), Ecn::Ect0, bytes.len(), 1200);
            assert_eq!(a.send(&whole, &bytes), bytes.len());
            let (seen, messages) = receive(&b, 41);
            assert_eq!(seen.len(), 41);
            for ((_, ecn, datagram), expected) in seen.iter().zip(bytes.chunks(1200)) {
                assert_eq!((datagram.as_slice(), *ecn), (expected, Ecn::Ect0));
            }
            if coalesce && a.offload().segmentation {
                assert!(messages < 41, "joined by the kernel");
            }
        }
    }
}

/// Refuses segmented sends before the system sees them.
struct Refusing<'a>(System<'a>, i32, bool);

impl Outlet for Refusing<'_> {
    fn send(&mut self, outgoing: &Outgoing, payload: &[u8], segment_size: Option<u16>) -> io::Result<usize> {
        if segment_size.is_some() {
            return Err(io::Error::from_raw_os_error(self.1));
        }
        self.0.send(outgoing, payload, segment_size)
    }

    fn send_each(&mut self, outgoing: &Outgoing, payload: &[u8], segment_size: usize) -> io::Result<usize> {
        if self.2 {
            return Err(io::Error::from_raw_os_error(sys::errno::ENOSYS));
        }
        self.0.send_each(outgoing, payload, segment_size)
    }
}

#[test]
fn lower_rungs_deliver_the_same_datagrams() {
    for error in [sys::errno::EIO, sys::errno::EINVAL, sys::errno::EMSGSIZE, sys::errno::ENOBUFS] {
        for no_many in [false, true] {
            let (a, b) = (bind("127.0.0.1:0"), bind("127.0.0.1:0"));
            let bytes: Vec<u8> = (0..30_500).map(|place| (place / 1000) as u8).collect();
            let whole = transmit(a.local_address(), b.local_address(), Ecn::Ect0, bytes.len(), 1000);
            let mut offload = Offload::new(true);
            let mut outlet = Refusing(a.system(), error, no_many);
            assert_eq!(offload.send(&mut outlet, &a.outgoing(&whole), &bytes, 1000), bytes.len());
            let (seen, _) = receive(&b, 31);
            let received: Vec<u8> = seen.iter().flat_map(|(_, _, datagram)| datagram.clone()).collect();
            assert_eq!(received, bytes);
            assert_eq!(offload.dropped, 0);
        }
    }
}

#[test]
fn one_call_for_each_message_receives_the_same() {
    let (a, b) = (bind("127.0.0.1:0"), bind("127.0.0.1:0"));
    let mut intake = Intake::new();
    intake.many_messages = false;
    b.intake.set(intake);
    for byte in 0..3 {
        a.send(&transmit(a.local_address(), b.local_address(), Ecn::Ce, 1, 1), &[byte]);
    }
    let (seen, _) = receive(&b, 3);
    let bytes: Vec<u8> = seen.iter().flat_map(|(_, _, datagram)| datagram.clone()).collect();
    assert_eq!(bytes, [0, 1, 2]);
}

#[test]
fn empty_datagrams_are_taken_in_but_not_given_out() {
    let (a, b) = (StdUdpSocket::bind("127.0.0.1:0").unwrap(), bind("127.0.0.1:0"));
    for _ in 0..3 {
        a.send_to(&[], b.local_address()).unwrap();
    }
    a.send_to(b"end", b.local_address()).unwrap();
    let mut batch = ReceiveBatch::new();
    b.receive(&mut batch).unwrap();
    let mut given: Vec<Vec<u8>> = Vec::new();
    while let Some(message) = batch.next_message() {
        assert!(message.segment_size > 0);
        given.extend(message.datagrams().map(|datagram| datagram.payload.to_vec()));
    }
    assert_eq!(given, [b"end".to_vec()]);
    assert!(batch.is_last());
    assert_eq!(b.receive(&mut batch).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert!(batch.next_message().is_none());
}

#[test]
fn what_was_sent_to_everybody_is_never_given_out() {
    let server = bind("0.0.0.0:0");
    let port = server.local_address().port();
    let client = StdUdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_broadcast(true).unwrap();
    client.send_to(b"to all", (Ipv4Addr::new(127, 255, 255, 255), port)).unwrap();
    client.send_to(b"to you", (Ipv4Addr::LOCALHOST, port)).unwrap();
    let (seen, messages) = receive(&server, 1);
    assert_eq!((seen.len(), messages), (1, 1));
    assert_eq!(seen[0].2, b"to you");
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_is_fragmented() {
    let (a, b) = (bind("127.0.0.1:0"), bind("127.0.0.1:0"));
    // The loopback device takes 65,536 bytes with headers; this would be legal UDP, but only in fragments.
    let bytes = vec![1; 65_000];
    assert_eq!(a.send(&transmit(a.local_address(), b.local_address(), Ecn::NotEct, 65_000, 65_000), &bytes), 65_000);
    let (seen, _) = receive(&b, 1);
    assert_eq!(seen[0].2.len(), 65_000);
    use crate::sys::testing::int_option;
    assert_eq!(int_option(a.as_fd(), libc::SOL_IP, libc::IP_MTU_DISCOVER), libc::IP_PMTUDISC_PROBE);
    let six = bind("[::1]:0");
    assert_eq!(int_option(six.as_fd(), libc::SOL_IPV6, libc::IPV6_MTU_DISCOVER), libc::IPV6_PMTUDISC_PROBE);
}

#[test]
fn the_source_address_towards_a_peer_is_known_before_sending() {
    assert_eq!(source_address("127.0.0.1:9".parse().unwrap()).unwrap(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    assert_eq!(source_address("[::1]:9".parse().unwrap()).unwrap().to_string(), "::1");
}

/// One socket, many destinations: each report says which of them it is about, and no datagram to another is lost for it.
#[test]
fn a_socket_that_is_not_connected_is_told_who_refused() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let local: SocketAddr = address.parse().unwrap();
        let Ok(listens) = UdpSocket::bind(local) else { continue };
        let refuses: Vec<SocketAddr> = {
            let sockets = [UdpSocket::bind(local).unwrap(), UdpSocket::bind(local).unwrap()];
            sockets.iter().map(UdpSocket::local_address).collect()
        };
        let any = if local.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let options = UdpOptions { reports: true, ..UdpOptions::default() };
        let socket = UdpSocket::bind_with(any.parse().unwrap(), &options).unwrap();
        assert_eq!(socket.take_report(), None);
        let from = SocketAddr::new(local.ip(), socket.local_address().port());
        let send = |remote| {
            let four_tuple = FourTuple { local: from, remote };
            let transmit = Transmit { four_tuple, ecn: Ecn::NotEct, len: 5, segment_size: 5 };
            assert_eq!(socket.send(&transmit, b"hello"), 5);
        };
        refuses.iter().for_each(|remote| send(*remote));
        // The error of the report before is this call's, and its datagram goes out all the same.
        send(listens.local_address());
        let mut batch = ReceiveBatch::new();
        listens.receive(&mut batch).unwrap();
        assert_eq!(batch.next_message().unwrap().four_tuple.remote, from);
        let told: Vec<_> = std::iter::from_fn(|| socket.take_report()).collect();
        let refused = |remote: &SocketAddr| (io::ErrorKind::ConnectionRefused, Some(*remote));
        assert_eq!(told, refuses.iter().map(refused).collect::<Vec<_>>());
    }
}
