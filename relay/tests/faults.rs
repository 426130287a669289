//! Each fault of a path, seen by two plain sockets.
#![allow(clippy::unwrap_used)] // a test may

use posthaste_relay::{Capture, Path, Relay};
use std::net::UdpSocket;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Long beyond any delay here.
const PATIENCE: Duration = Duration::from_secs(5);

struct Ends {
    relay: Relay,
    client: UdpSocket,
    server: UdpSocket,
}

impl Ends {
    fn new(settings: &str) -> Ends {
        let [client, server] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        server.set_read_timeout(Some(PATIENCE)).unwrap();
        let path = Path::parse(settings.split_whitespace()).unwrap();
        let relay = Relay::start(server.local_addr().unwrap(), path).unwrap();
        client.connect(relay.address()).unwrap();
        Ends { relay, client, server }
    }

    /// The next datagram at the server, and the port it comes from.
    fn at_server(&self) -> (Vec<u8>, std::net::SocketAddr) {
        let mut buffer = [0; 2048];
        let (len, from) = self.server.recv_from(&mut buffer).unwrap();
        (buffer[..len].to_vec(), from)
    }

    fn at_client(&self) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let len = self.client.recv(&mut buffer).unwrap();
        buffer[..len].to_vec()
    }

    /// Until so many datagrams are counted.
    fn wait_for(&self, count: u64) {
        let began = Instant::now();
        while self.relay.counts().passed.load(Ordering::Relaxed) + self.lost() < count {
            assert!(began.elapsed() < PATIENCE, "{:?}", self.relay.counts());
            std::thread::yield_now();
        }
    }

    fn lost(&self) -> u64 {
        self.relay.counts().lost.load(Ordering::Relaxed)
    }
}

#[test]
fn both_ways_in_order() {
    let ends = Ends::new("delay=1");
    for round in 0..10u8 {
        let numbers = || (0..10).map(|number| 10 * round + number);
        numbers().for_each(|number| drop(ends.client.send(&[number; 1000])));
        for number in numbers() {
            let (datagram, from) = ends.at_server();
            assert_eq!(datagram, [number; 1000]);
            ends.server.send_to(&datagram, from).unwrap();
            assert_eq!(ends.at_client(), [number; 1000]);
        }
    }
}

#[test]
fn a_share_of_datagrams_is_lost() {
    let ends = Ends::new("loss=500");
    (0..100u8).for_each(|number| drop(ends.client.send(&[number])));
    ends.wait_for(100);
    assert!((20..80).contains(&ends.lost()), "{}", ends.lost());
}

#[test]
fn some_are_overtaken() {
    let ends = Ends::new("delay=1 reordering=300 late=20");
    (0..100u8).for_each(|number| drop(ends.client.send(&[number])));
    let arrived: Vec<u8> = (0..100).map(|_| ends.at_server().0[0]).collect();
    let mut sorted = arrived.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..100).collect::<Vec<u8>>());
    assert_ne!(arrived, sorted);
}

#[test]
fn a_full_queue_loses_what_comes() {
    // 1,000 bytes take 8 ms, so of 50 the queue has room for a dozen.
    let ends = Ends::new("rate=1000 queue=100");
    (0..50u8).for_each(|number| drop(ends.client.send(&[number; 1000])));
    assert_eq!(ends.at_server().0[0], 0);
    ends.wait_for(50);
    assert!(ends.lost() >= 25, "{}", ends.lost());
}

#[test]
fn a_path_narrows() {
    let ends = Ends::new("narrow-after=0 narrow-size=1200");
    ends.client.send(&[1; 1201]).unwrap();
    ends.client.send(&[2; 1200]).unwrap();
    let (datagram, from) = ends.at_server();
    assert_eq!(datagram, [2; 1200]);
    ends.server.send_to(&[3; 1452], from).unwrap();
    ends.server.send_to(&[4; 100], from).unwrap();
    assert_eq!(ends.at_client(), [4; 100]);
    assert_eq!(ends.lost(), 2);
}

#[test]
fn a_port_is_forgotten() {
    let ends = Ends::new("rebinding=50");
    ends.client.send(b"one").unwrap();
    let (_, first) = ends.at_server();
    let second = loop {
        ends.client.send(b"more").unwrap();
        let (_, from) = ends.at_server();
        if from != first {
            break from;
        }
    };
    assert_eq!(ends.relay.counts().rebound.load(Ordering::Relaxed), 1);
    ends.server.send_to(b"to the port before", first).unwrap();
    ends.server.send_to(b"to the port now", second).unwrap();
    assert_eq!(ends.at_client(), b"to the port now");
}

#[test]
fn a_first_flight_is_lost_once() {
    let ends = Ends::new("first-flight=2");
    ends.client.send(b"hello").unwrap();
    let (_, from) = ends.at_server();
    (1..=3u8).for_each(|number| drop(ends.server.send_to(&[number], from)));
    assert_eq!(ends.at_client(), [3]);
}

#[test]
fn a_queue_of_datagrams_is_full_by_their_number() {
    let ends = Ends::new("rate=1000 queue=10000 queue-datagrams=5");
    (0..50u8).for_each(|number| drop(ends.client.send(&[number; 1000])));
    ends.wait_for(50);
    // One is on its way, five wait, and one or two leave while the others come.
    assert!((40..45).contains(&ends.lost()), "{}", ends.lost());
    // However small they are, and none is lost where they come one by one.
    let ends = Ends::new("queue-datagrams=1");
    for number in 0..50u8 {
        ends.client.send(&[number]).unwrap();
        assert_eq!(ends.at_server().0, [number]);
    }
}

#[test]
fn bursts_of_loss_have_an_end() {
    for (burst, expected) in [(1, 50), (3, 75)] {
        let ends = Ends::new(&format!("loss=1000 burst={burst}"));
        (0..100u8).for_each(|number| drop(ends.client.send(&[number])));
        ends.wait_for(100);
        assert_eq!(ends.lost(), expected);
    }
}

#[test]
fn a_byte_is_changed_and_nothing_else() {
    let ends = Ends::new("corruption=1000 burst=2");
    let mut changed = Vec::new();
    for number in 0..9u8 {
        ends.client.send(&[number; 100]).unwrap();
        let (datagram, _) = ends.at_server();
        assert_eq!(datagram.len(), 100);
        changed.push(datagram.iter().filter(|byte| **byte != number).count());
    }
    assert_eq!(changed, [1, 1, 0, 1, 1, 0, 1, 1, 0]);
    assert_eq!(ends.relay.counts().changed.load(Ordering::Relaxed), 6);
}

#[test]
fn chosen_datagrams_towards_the_server_are_lost() {
    let ends = Ends::new("lost-from=2 lost-to=4");
    (1..=6u8).for_each(|number| drop(ends.client.send(&[number])));
    assert_eq!([(); 3].map(|()| ends.at_server().0[0]), [1, 5, 6]);
}

#[test]
fn a_path_is_off_and_on_again() {
    let ends = Ends::new("on=0 off=200");
    ends.client.send(b"never").unwrap();
    ends.wait_for(1);
    assert_eq!(ends.lost(), 1);
    let ends = Ends::new("on=100 off=200");
    let mut arrived = Vec::new();
    let began = Instant::now();
    ends.server.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    // Whoever is late because the machine is busy makes the gap longer.
    while !arrived.windows(2).any(|pair| pair[1] - pair[0] >= 190) {
        ends.client.send(b"again").unwrap();
        if ends.server.recv(&mut [0; 16]).is_ok() {
            arrived.push(began.elapsed().as_millis());
        }
        assert!(began.elapsed() < PATIENCE, "{arrived:?}");
    }
    assert!(ends.lost() > 1);
}

#[test]
fn an_address_is_changed_with_the_port() {
    let ends = Ends::new("rebinding=10000 first-rebinding=50 rebinding-address=1");
    ends.client.send(b"one").unwrap();
    let (_, first) = ends.at_server();
    let began = Instant::now();
    let second = loop {
        ends.client.send(b"more").unwrap();
        let (_, from) = ends.at_server();
        if from != first {
            break from;
        }
    };
    assert!(first.ip() != second.ip() && second.ip().is_loopback() && began.elapsed() < PATIENCE);
    ends.server.send_to(b"to the address now", second).unwrap();
    assert_eq!(ends.at_client(), b"to the address now");
}

#[test]
fn what_came_is_written_down_with_its_fate() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let file = std::env::temp_dir().join(format!("posthaste-relay-{}", std::process::id()));
    let path = Path::parse(["lost-from=2", "lost-to=2"]).unwrap();
    let relay = Relay::start_with(server.local_addr().unwrap(), path, Some(Capture::create(&file).unwrap())).unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    [&b"\x01\xff"[..], b"", b"\x03"].iter().for_each(|datagram| drop(client.send_to(datagram, relay.address())));
    let (_, from) = server.recv_from(&mut [0; 16]).unwrap();
    server.recv_from(&mut [0; 16]).unwrap();
    server.send_to(b"\x09", from).unwrap();
    client.recv_from(&mut [0; 16]).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let lines: Vec<_> = text.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect();
    let expected = [("> ", "passed 2 01ff"), ("> ", "lost 0 -"), ("> ", "passed 1 03"), ("< ", "passed 1 09")];
    assert_eq!(lines, expected.map(|(heading, rest)| format!("{heading}{from} {rest}")));
    assert!(Capture::create("/nowhere/at/all").is_err());
}

#[test]
fn wrong_settings_are_told() {
    for wrong in ["delay", "delay=", "delay=-1", "speed=3", "loss=1.5"] {
        let error = Path::parse([wrong]).unwrap_err().to_string();
        assert!(error.contains(wrong) && error.contains("delay=MS"), "{error}");
    }
}

#[test]
fn some_arrive_twice() {
    let ends = Ends::new("duplication=1000 late=1");
    for number in 0..10u8 {
        ends.client.send(&[number]).unwrap();
    }
    let mut seen: Vec<u8> = (0..20).map(|_| ends.at_server().0[0]).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..20).map(|place| place / 2).collect::<Vec<u8>>());
    assert_eq!(ends.relay.counts().doubled.load(Ordering::Relaxed), 10);
}

/// For how long is [`Dead`](posthaste_relay::Dead)'s own test.
#[test]
fn one_direction_is_dead_and_the_other_is_not() {
    for (way, at_server, at_client) in [("server", false, true), ("clients", true, false), ("both", false, false)] {
        let ends = Ends::new(&format!("dead-after=1 dead-for=3600000 dead-to={way}"));
        // The first datagram is at moment 0, and the others are later than the first millisecond however fast the machine is.
        ends.client.send(&[1]).unwrap();
        let (_, from) = ends.at_server();
        std::thread::sleep(Duration::from_millis(2));
        ends.client.send(&[2]).unwrap();
        ends.server.send_to(&[3], from).unwrap();
        ends.wait_for(3);
        assert_eq!(ends.lost(), u64::from(!at_server) + u64::from(!at_client), "{way}");
        if at_server {
            assert_eq!(ends.at_server().0, [2]);
        }
        if at_client {
            assert_eq!(ends.at_client(), [3]);
        }
    }
}
