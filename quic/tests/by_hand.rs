//! Endpoints that are driven by hand. Datagrams of several connections that arrive in one batch, before anything is asked of
//! the endpoint: each finds its connection, whatever came before it. And an application that acts before anything is sent.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

use base::{Bytes, Datagram, Direction, FourTuple, Instant, Machine, VarInt};
use quic::Read;
use quic::{CloseReason, Config, ConnectionHandle, Endpoint, EndpointConfig, EndpointEvent, Event, StreamEvent};
use sim::SeededRandom;
use std::collections::BTreeMap;
use std::sync::Arc;

type Packet = (FourTuple, Vec<u8>);

/// A client and a server.
fn endpoints() -> (Endpoint, Endpoint) {
    let endpoint = |tls, seed| {
        let config = EndpointConfig::new(sim::seeded_provider(), Arc::new(Config::default()), tls);
        Endpoint::new(Instant::ZERO, config, Box::new(SeededRandom::new(seed)))
    };
    (endpoint(None, 1), endpoint(Some(adversary::identity::pair().1.clone()), 2))
}

fn connect(client: &mut Endpoint, now: Instant, port: u16) -> ConnectionHandle {
    let path = FourTuple { local: ([192, 0, 2, 1], port).into(), remote: ([192, 0, 2, 2], 443).into() };
    let (tls, name) = (adversary::identity::pair().0.clone(), adversary::identity::server_name());
    client.connect(now, tls, name, path).unwrap()
}

/// All that an endpoint wants to send, as its peer receives it.
fn drain(endpoint: &mut Endpoint, now: Instant) -> Vec<Packet> {
    let (mut buffer, mut packets) = (vec![0; 65_000], Vec::new());
    while let Some(transmit) = endpoint.transmit(now, &mut buffer) {
        let FourTuple { local, remote } = transmit.four_tuple;
        let path = FourTuple { local: remote, remote: local };
        let datagrams = buffer[..transmit.len].chunks(transmit.segment_size);
        packets.extend(datagrams.map(|datagram| (path, datagram.to_vec())));
    }
    packets
}

fn deliver(endpoint: &mut Endpoint, now: Instant, packets: Vec<Packet>) {
    for (four_tuple, mut payload) in packets {
        endpoint.receive(now, Datagram { four_tuple, ecn: base::Ecn::NotEct, payload: &mut payload });
    }
}

fn settle(client: &mut Endpoint, server: &mut Endpoint, now: Instant) {
    loop {
        let (up, down) = (drain(client, now), drain(server, now));
        if up.is_empty() && down.is_empty() {
            break;
        }
        deliver(server, now, up);
        deliver(client, now, down);
    }
}

/// What the server's connections have received, by connection.
fn received(server: &mut Endpoint, into: &mut BTreeMap<ConnectionHandle, Vec<u8>>) {
    while let Some(event) = server.poll_event() {
        let EndpointEvent::Ready(handle) = event else { continue };
        while let Some(event) = server.connection_mut(handle).unwrap().poll_event() {
            let Event::Stream(StreamEvent::Readable(id), _) = event else { continue };
            while let Ok(Read::Data(bytes)) = server.connection_mut(handle).unwrap().read(id, usize::MAX) {
                into.entry(handle).or_default().extend(bytes.iter());
            }
        }
    }
}

#[test]
fn a_batch_of_several_connections_in_any_order() {
    let (mut client, mut server) = endpoints();
    let now = Instant::ZERO + base::Duration::from_millis(1);
    let connections = [0, 1, 2].map(|number| connect(&mut client, now, 1000 + number));
    settle(&mut client, &mut server, now);
    // Runs of one connection, then by turns, then from behind: every one of them in one batch.
    for order in 0..3 {
        let mut all = BTreeMap::new();
        for (handle, letter) in connections.iter().zip(*b"abc") {
            let connection = client.connection_mut(*handle).unwrap();
            let id = connection.open(Direction::Bidirectional).expect("the handshake is complete");
            assert_eq!(connection.write(id, &mut Bytes::from(vec![letter; 5_000])), Ok(5_000));
        }
        let mut packets = drain(&mut client, now);
        match order {
            0 => {}
            1 => {
                let mut by_turns = Vec::new();
                for offset in 0..5 {
                    by_turns.extend(packets.iter().skip(offset).step_by(5).cloned());
                }
                packets = by_turns;
            }
            _ => packets.reverse(),
        }
        let dropped = |server: &Endpoint, all: &BTreeMap<ConnectionHandle, Vec<u8>>| {
            all.keys().map(|handle| server.connection(*handle).unwrap().stats().packets_dropped).sum::<u64>()
        };
        assert!(packets.len() >= 12);
        deliver(&mut server, now, packets);
        received(&mut server, &mut all);
        assert_eq!(dropped(&server, &all), 0, "every packet is for the connection that it was given to");
        let mut texts: Vec<Vec<u8>> = all.into_values().collect();
        texts.sort();
        assert_eq!(texts, [vec![b'a'; 5_000], vec![b'b'; 5_000], vec![b'c'; 5_000]], "order {order}");
        settle(&mut client, &mut server, now);
    }
}

/// An application that only wanted to know whether somebody is there closes as soon as it is told so, before anything else is
/// sent: the server has a complete handshake and the application's own words.
#[test]
fn a_client_that_closes_at_once_has_completed_its_handshake() {
    let (mut client, mut server) = endpoints();
    let now = Instant::ZERO + base::Duration::from_millis(1);
    let handle = connect(&mut client, now, 1000);
    let first = drain(&mut client, now);
    deliver(&mut server, now, first);
    let answer = drain(&mut server, now);
    deliver(&mut client, now, answer);
    let connection = client.connection_mut(handle).unwrap();
    assert!(std::iter::from_fn(|| connection.poll_event()).any(|event| event == Event::Established));
    connection.close(now, VarInt::from_u32(77), b"there");
    let last = drain(&mut client, now);
    assert_eq!(last.len(), 1, "one datagram is enough");
    deliver(&mut server, now, last);
    let Some(EndpointEvent::Ready(handle)) = server.poll_event() else { panic!("it has events") };
    let connection = server.connection_mut(handle).unwrap();
    let events: Vec<Event> = std::iter::from_fn(|| connection.poll_event()).collect();
    assert!(events.contains(&Event::Established), "{events:?}");
    let said = CloseReason::PeerApplication { code: VarInt::from_u32(77), reason: "there".into() };
    assert_eq!(events.last(), Some(&Event::Closed(said)));
}

/// A ClientHello with a hybrid's share takes two datagrams. Whatever order they come in, and however often: the server begins one
/// connection, and sends no more than three times what came.
/// RFC 9000 section 8.1-2, 14.1-1.
#[test]
fn the_halves_of_a_client_hello_in_any_order_and_again() {
    for order in [&[0, 1][..], &[1, 0], &[0, 0, 1], &[1, 1, 0, 0], &[1, 0, 1, 0], &[0, 1, 1, 1]] {
        let (mut client, mut server) = endpoints();
        let now = Instant::ZERO + base::Duration::from_millis(1);
        let handle = connect(&mut client, now, 1000);
        let halves = drain(&mut client, now);
        assert_eq!(halves.iter().map(|(_, datagram)| datagram.len()).collect::<Vec<_>>(), [1200, 1200]);
        let (mut came, mut sent, mut answers) = (0, 0, Vec::new());
        for half in order {
            came += halves[*half].1.len();
            deliver(&mut server, now, vec![halves[*half].clone()]);
            let answer = drain(&mut server, now);
            sent += answer.iter().map(|(_, datagram)| datagram.len()).sum::<usize>();
            assert!(sent <= 3 * came, "{order:?}: {sent} bytes for {came}");
            answers.extend(answer);
        }
        let stats = server.stats();
        assert_eq!((stats.strangers.accepted, stats.held.handshaking), (1, 1), "{order:?}");
        deliver(&mut client, now, answers);
        settle(&mut client, &mut server, now);
        assert!(client.connection_mut(handle).unwrap().session().is_complete(), "{order:?}");
        assert_eq!(server.stats().held.handshaking, 0, "{order:?}");
    }
}

/// One half alone is a handshake that ends when its time is up, and leaves nothing.
#[test]
fn half_a_client_hello_is_given_up() {
    for half in [0, 1] {
        let (mut client, mut server) = endpoints();
        let mut now = Instant::ZERO + base::Duration::from_millis(1);
        connect(&mut client, now, 1000);
        let halves = drain(&mut client, now);
        deliver(&mut server, now, vec![halves[half].clone()]);
        assert_eq!(server.stats().held.handshaking, 1);
        let len = |packets: Vec<Packet>| packets.iter().map(|(_, datagram)| datagram.len()).sum::<usize>();
        let mut sent = len(drain(&mut server, now));
        while let Some(deadline) = server.deadline() {
            now = now.max(deadline);
            server.on_timeout(now);
            sent += len(drain(&mut server, now));
            received(&mut server, &mut BTreeMap::new());
            assert!(sent <= 3 * 1200 && now < Instant::ZERO + base::Duration::from_secs(20), "{half}: {sent} {now:?}");
        }
        drain(&mut server, now);
        assert!(server.is_empty(), "{half}");
    }
}
