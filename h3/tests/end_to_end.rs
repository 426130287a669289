//! HTTP/3 from application to application over our own QUIC, on virtual time.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_h3 as h3;

mod support;

use adversary::http::{POST, frame, headers};
use base::{Bytes, Datagram, Direction, Duration, FourTuple, Instant, Machine, StreamId, VarInt};
use h3::Transport;
use quic::CloseReason;
use quic::internals::IdCodec;
use sim::{LinkConfig, SeededRandom, Stop, World};
use std::sync::Arc;
use support::{Ask, CLIENT, Host, SERVER, address, complete, pair};

#[test]
fn one_exchange_with_everything_in_it() {
    let link = LinkConfig::new(Duration::from_millis(10));
    let (mut world, client, server) = pair(1, link, vec![Ask { upload: 100_000, download: 300_000 }]);
    complete(&mut world, [client, server], 1, Duration::from_secs(10));
}

/// RFC 9114 section 7.2.4.2-3: they come with the server's first flight, half a round trip before it hears the client's Finished.
#[test]
fn a_server_sends_its_settings_as_soon_as_it_can_send() {
    let link = LinkConfig::new(Duration::from_millis(50));
    let (mut world, client, server) = pair(21, link, vec![Ask { upload: 10, download: 10 }]);
    world.run_for(Duration::from_millis(99));
    assert_eq!(world.machine(client).settings_at, None);
    world.run_for(Duration::from_millis(30));
    let at = world.machine(client).settings_at.expect("in the first flight");
    assert!(at < Instant::ZERO + Duration::from_millis(110), "one round trip, and not two: {at:?}");
    complete(&mut world, [client, server], 1, Duration::from_secs(1));
}

/// Where both ends agree upon another protocol, no HTTP/3 begins, and what the transport tells is handed on.
#[test]
fn another_protocol_is_handed_on() {
    let link = LinkConfig::new(Duration::from_millis(10));
    let mut world = World::new(40);
    world.network().set_both(address(CLIENT), address(SERVER), link);
    let (client_tls, server_tls) = adversary::identity::pair_of(b"other/1");
    let mut config = quic::Config::default();
    config.datagrams.max_frame_size = 65_535;
    let server = Host::new(world.fork_random(), config.clone(), Some(server_tls));
    let mut client = Host::new(world.fork_random(), config, None);
    let path = FourTuple { local: address(CLIENT), remote: address(SERVER) };
    client.connect(Instant::ZERO, client_tls, path, Vec::new());
    let (server, client) = (world.add(&[address(SERVER)], server), world.add(&[address(CLIENT)], client));
    world.run_for(Duration::from_secs(1));
    let handles = [client, server].map(|host| (host, world.machine(host).handle.expect("established")));
    for (host, handle) in handles {
        assert!(world.machine(host).endpoint.is_other(handle));
        assert_eq!(world.machine_mut(host).with(handle, |_, _| ()), None, "there is no HTTP/3");
    }
    let opened = world.machine_mut(client).endpoint.with_transport(handles[0].1, |transport| {
        let id = transport.open(Direction::Bidirectional).unwrap();
        transport.write(id, &mut Bytes::from("not HTTP")).unwrap();
        transport.finish(id).unwrap();
        transport.send_datagram(Bytes::from("nor this"), quic::DatagramOptions::default()).unwrap();
        id
    });
    let id = opened.unwrap();
    world.run_for(Duration::from_secs(1));
    let host = world.machine_mut(server);
    assert!(host.transport.contains(&quic::Event::Stream(quic::StreamEvent::Opened(id), 0)), "{:?}", host.transport);
    assert!(host.transport.contains(&quic::Event::Datagram(quic::DatagramEvent::Readable)), "{:?}", host.transport);
    let read = host.endpoint.with_transport(handles[1].1, |transport| {
        let datagram = transport.read_datagram().unwrap().to_vec();
        (transport.read(id, 100).unwrap(), transport.read(id, 100).unwrap(), datagram)
    });
    let all = (quic::Read::Data(Bytes::from("not HTTP")), quic::Read::Finished, b"nor this".to_vec());
    assert_eq!(read, Some(all));
    // HTTP/3 is nothing else.
    let (mut world, client, server) =
        pair(41, LinkConfig::new(Duration::from_millis(1)), vec![Ask { upload: 1, download: 1 }]);
    complete(&mut world, [client, server], 1, Duration::from_secs(10));
    let host = world.machine_mut(client);
    let handle = host.handle.unwrap();
    assert!(!host.endpoint.is_other(handle) && host.endpoint.with_transport(handle, |_| ()).is_none());
    assert!(host.transport.is_empty());
}

#[test]
fn three_hundred_exchanges_at_once_with_five_percent_loss() {
    let mut link = LinkConfig::new(Duration::from_millis(10));
    link.loss = 0.05;
    let asks = (0..300).map(|number| Ask { upload: number * 37 % 9000, download: number * 91 % 30_000 }).collect();
    let (mut world, client, server) = pair(2, link, asks);
    complete(&mut world, [client, server], 300, Duration::from_secs(120));
}

#[test]
fn shutting_down_finishes_what_was_begun_and_takes_nothing_new() {
    let link = LinkConfig::new(Duration::from_millis(10));
    let (mut world, client, server) = pair(3, link, vec![Ask { upload: 1000, download: 4_000_000 }]);
    world.run_for(Duration::from_millis(100));
    for _ in 0..2 {
        world.machine_mut(server).with_latest(|http, transport| http.shutdown(transport));
        world.run_for(Duration::from_millis(50));
    }
    assert!(world.machine(client).going_away);
    let late = Ask { upload: 1, download: 1 };
    world.machine_mut(client).waiting.values_mut().for_each(|waiting| waiting.push(late));
    complete(&mut world, [client, server], 1, Duration::from_secs(10));
    assert_eq!(world.machine(client).refused, 1);
    let drained = world.machine_mut(server).with_latest(|http, _| http.is_drained());
    assert_eq!(drained, Some(true));
    world.machine_mut(server).with_latest(|http, transport| http.close(transport, VarInt::from_u32(0x100), "done"));
    world.run_for(Duration::from_secs(5));
    assert!(matches!(world.machine(client).closed[..], [CloseReason::PeerApplication { .. }]));
    assert!(world.machine(client).endpoint.quic().is_empty() && world.machine(server).endpoint.quic().is_empty());
}

#[test]
fn what_arrived_before_a_close_can_still_be_read() {
    let link = LinkConfig::new(Duration::from_millis(10));
    let (mut world, client, server) = pair(4, link, vec![Ask { upload: 0, download: 100_000 }]);
    world.machine_mut(client).is_lazy = true;
    world.run_for(Duration::from_secs(1));
    assert_eq!((world.machine(server).completed, world.machine(client).completed), (1, 0));
    world.machine_mut(server).with_latest(|http, transport| http.close(transport, VarInt::from_u32(0x100), "done"));
    world.run_for(Duration::from_secs(5));
    assert!(world.machine(client).closed.is_empty(), "not before all is read");
    let (now, host) = (world.now(), world.machine_mut(client));
    host.now = now;
    host.read_all();
    world.run_for(Duration::from_secs(1));
    let host = world.machine_mut(client);
    host.on_timeout(now);
    assert_eq!(host.completed, 1);
    assert!(matches!(host.closed[..], [CloseReason::PeerApplication { .. }]));
    assert!(host.endpoint.quic().is_empty(), "what is over and read is forgotten at once");
    assert_eq!(host.drained.len(), 1);
}

/// A server that ends is told when its last exchange has arrived, and when its connections are forgotten: it need not look.
#[test]
fn a_draining_server_is_told_and_never_looks() {
    let mut link = LinkConfig::new(Duration::from_millis(10));
    link.loss = 0.05;
    let (mut world, client, server) = pair(5, link, vec![Ask { upload: 500_000, download: 500_000 }]);
    let is_under_way = |world: &mut World| world.machine(server).under_way() == 1;
    assert_eq!(world.run_until(Instant::ZERO + Duration::from_secs(60), is_under_way), Stop::Condition);
    let handle = world.machine(server).handle.unwrap();
    *world.machine_mut(server).endpoint.value_mut(handle).unwrap() = 77;
    for _ in 0..2 {
        assert!(world.machine(server).flushed.is_empty());
        world.machine_mut(server).with_latest(|http, transport| http.shutdown(transport));
        world.run_for(Duration::from_millis(50));
    }
    let is_flushed = |world: &mut World| !world.machine(server).flushed.is_empty();
    assert_eq!(world.run_until(Instant::ZERO + Duration::from_secs(60), is_flushed), Stop::Condition);
    assert_eq!((world.machine(server).completed, &world.machine(server).flushed[..]), (1, &[handle][..]));
    // All of it is there: what the client still does after this needs nothing of the server.
    let buffered = world.machine(server).endpoint.quic().connection(handle).unwrap().stats().buffered;
    assert_eq!(buffered, 0);
    let events = world.machine(server).events;
    world.machine_mut(server).with_latest(|http, transport| http.close(transport, VarInt::from_u32(0x100), "done"));
    world.run_for(Duration::from_secs(60));
    let host = world.machine(server);
    assert_eq!((&host.flushed[..], &host.drained[..]), (&[handle][..], &[(handle, 77)][..]));
    // HTTP's end, the connection's, and that it is forgotten.
    assert_eq!(host.events - events, 3);
    assert_eq!((world.machine(client).completed, world.machine(client).drained.len()), (1, 1));
}

/// A connection without exchanges is flushed as soon as the peer has the notice; the other side is as soon as it knows.
#[test]
fn an_idle_connection_is_flushed_when_the_notice_has_arrived() {
    for side in [base::Side::Client, base::Side::Server] {
        let link = LinkConfig::new(Duration::from_millis(10));
        let (mut world, client, server) = pair(6, link, vec![]);
        world.run_for(Duration::from_secs(1));
        let (own, other) = if side == base::Side::Client { (client, server) } else { (server, client) };
        world.machine_mut(own).with_latest(|http, transport| {
            http.shutdown(transport);
            http.shutdown(transport);
        });
        assert!(world.machine(own).flushed.is_empty() && world.machine(other).flushed.is_empty());
        world.run_for(Duration::from_secs(1));
        assert_eq!((world.machine(own).flushed.len(), world.machine(other).flushed.len()), (1, 1));
    }
}

/// RFC 9114 section 5.2-8: a client that says GOAWAY with its request is served, and its server is at the end within three round
/// trips of the answer, whatever was lost on the way: nobody waits for a timeout.
#[test]
fn a_client_that_says_goaway_is_served_and_left() {
    for seed in 0..40 {
        let mut link = LinkConfig::new(Duration::from_millis(10));
        link.loss = if seed == 0 { 0.0 } else { 0.1 };
        let (mut world, client, server) = pair(100 + seed, link, vec![Ask { upload: 1000, download: 50_000 }]);
        let is_begun = |world: &mut World| world.machine(client).under_way() == 1;
        assert_eq!(world.run_until(Instant::ZERO + Duration::from_secs(20), is_begun), Stop::Condition);
        world.machine_mut(client).with_latest(|http, transport| http.shutdown(transport));
        complete(&mut world, [client, server], 1, Duration::from_secs(20));
        let answered = world.now();
        let is_left = |world: &mut World| !world.machine(server).flushed.is_empty();
        assert_eq!(world.run_until(answered + Duration::from_secs(5), is_left), Stop::Condition, "seed {seed}");
        if seed == 0 {
            assert!(world.now() - answered < Duration::from_millis(90), "{:?}", world.now() - answered);
        }
        assert!(world.machine(client).going_away, "the server has said so, too");
        assert_eq!((world.machine(server).flushed.len(), world.machine(client).refused), (1, 0), "seed {seed}");
    }
}

/// RFC 9114 s5.1: a client keeps the connection while it waits for an answer, however long the server thinks; without anything to
/// wait for it lets it go.
#[test]
fn a_client_that_waits_for_an_answer_keeps_its_connection() {
    let link = LinkConfig::new(Duration::from_millis(10));
    let (mut world, client, server) = pair(7, link, vec![Ask { upload: 1000, download: 1000 }]);
    world.machine_mut(server).is_lazy = true;
    world.run_for(Duration::from_secs(300));
    assert_eq!((world.machine(client).closed.len(), world.machine(server).under_way()), (0, 1));
    let (now, host) = (world.now(), world.machine_mut(server));
    (host.now, host.is_lazy) = (now, false);
    host.read_all();
    complete(&mut world, [client, server], 1, Duration::from_secs(310));
    world.run_for(Duration::from_secs(40));
    assert!(matches!(world.machine(client).closed[..], [CloseReason::IdleTimeout(_)]));
}

/// What a client had sent before it knew that its request was answered is judged: over a path, nothing is known at once.
/// RFC 9114 section 7.1-4, 7.2.4-4.
#[test]
fn what_is_under_way_when_a_request_is_answered_is_judged() {
    let head = headers([&POST[..], &[("content-length", "9"), ("x-download", "0")]].concat());
    for (under_way, ends, code) in [
        (frame(4, b""), false, Some(0x105)),
        ([frame(0, b"abc"), frame(2, b"")].concat(), false, Some(0x105)),
        (vec![0, 5, b'1'], true, Some(0x106)),
        ([frame(0, b"abc"), frame(0x21, b"grease")].concat(), false, None),
        (frame(0, b"more than was said"), false, None),
    ] {
        let (mut world, client, server) = pair(30, LinkConfig::new(Duration::from_millis(10)), vec![]);
        world.run_for(Duration::from_secs(1));
        let say = |world: &mut World, id: Option<StreamId>, bytes: &[u8], ends: bool| {
            let said = world.machine_mut(client).with_latest(|_, transport| {
                let id = id.or_else(|| transport.open(Direction::Bidirectional)).unwrap();
                transport.write(id, &mut Bytes::copy_from_slice(bytes)).unwrap();
                if ends {
                    transport.finish(id);
                }
                id
            });
            said.unwrap()
        };
        let id = say(&mut world, None, &head, false);
        world.run_for(Duration::from_millis(15));
        let answered = world.machine_mut(server).with_latest(|http, transport| http.finish(transport, id));
        assert_eq!(answered, Some(Ok(())));
        say(&mut world, Some(id), &under_way, ends);
        world.run_for(Duration::from_millis(500));
        match (&world.machine(client).closed[..], code) {
            ([CloseReason::PeerApplication { code, .. }], Some(expected)) => assert_eq!(code.value(), expected),
            ([], None) => {
                // The question was heeded, and nothing is left but the streams that never end.
                let host = world.machine(server);
                let stats = host.endpoint.quic().connection(host.handle.unwrap()).unwrap().stats();
                assert_eq!((stats.buffered, stats.open_streams), (0, 6));
            }
            other => panic!("{under_way:?}: {other:?}"),
        }
    }
}

/// What is another worker's passes through the HTTP/3 endpoint on its way there.
#[test]
fn packets_of_another_worker_are_handed_over() {
    let layout = |worker| quic::IdLayout::default().with_workers(2, worker, crypto::Secret::new(&[1; 32])).unwrap();
    let provider = sim::seeded_provider();
    let mut random = SeededRandom::new(1);
    let id = IdCodec::new(&layout(1), provider.initial, &mut random).issue(5, &mut random);
    let mut config = quic::EndpointConfig::new(provider, Arc::new(quic::Config::default()), None);
    config.ids = layout(0);
    let quic = quic::Endpoint::new(Instant::ZERO, config, Box::new(random));
    let mut endpoint: h3::Endpoint = h3::Endpoint::new(quic, h3::Config::default());
    let mut payload = [&[0x40], id.as_slice(), &[0; 50]].concat();
    let four_tuple = FourTuple { local: address(SERVER), remote: address(CLIENT) };
    endpoint.receive(Instant::ZERO, Datagram { four_tuple, ecn: base::Ecn::Ect0, payload: &mut payload });
    let (worker, datagram) = endpoint.poll_handover().expect("it is not for this one");
    assert_eq!((worker, datagram.four_tuple, datagram.ecn), (1, four_tuple, base::Ecn::Ect0));
    assert_eq!(datagram.payload, payload);
    assert!(endpoint.poll_handover().is_none());
}
