//! Work: what a peer can make us do has a number, told in operations and never in seconds.

use crate::support::{MAX, crypto, first_packet, flooded, id, raw, with_parameters};
use adversary::heap::Meter;
use adversary::http::{Command, GET, POST, Script, frame, headers, with};
use adversary::{Options, PLAIN, Peer, Stage, Tweak, push, work};
use base::Side::{Client, Server};
use base::{Direction, Duration, Reader, VarInt};
use h3::{Event, Limits};
use http::exchange;
use http::{RequestHead, ResponseHead, Status};
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::{Initial, OneRtt};
use quic::wire::transport_parameters::TransportParameters;
use quic::{AddressValidation, Config, Event as QuicEvent, Violation};
use std::rc::Rc;
use tls::Level;

#[test]
fn c1_range_counts_are_refused_before_any_work() {
    for count in [MAX, 1 << 32, 1 << 20, 40, 23] {
        let mut payload = vec![0x02, 0, 0];
        push(&mut payload, count);
        payload.resize(50, 0);
        let mut peer = Peer::against(Server, Stage::Established);
        let packet = peer.packet(OneRtt, &payload, PLAIN);
        peer.keeps = false;
        let meter = Meter::start();
        peer.deliver(packet);
        assert!(meter.taken() < 64 << 10, "{count}: {}", meter.taken());
        assert_eq!(crate::support::breach(&peer), Some(Violation::FrameTruncated), "{count}");
        let mut reader = Reader::new(&payload);
        assert_eq!(Frame::decode(&mut reader), Err(Violation::FrameTruncated));
    }
    // Our own frames: a peer that leaves out every second number is told of the newest ranges, and of so many.
    let mut peer = Peer::against(Server, Stage::Established);
    peer.forget();
    for _ in 0..1000 {
        let number = Some(peer.next_number(OneRtt) + 1);
        let packet = peer.packet(OneRtt, &[1; 4], Tweak { number, ..PLAIN });
        peer.deliver(packet);
    }
    let counts = peer.frames(|_, frame| match frame {
        Frame::Ack(ack) => Some(ack.range_count + 1),
        _ => None,
    });
    assert!(counts.iter().max().is_some_and(|most| (48..=64).contains(most)), "{counts:?}");
    const { assert!(quic::internals::MAX_RANGES < 1000) };
}

/// A hundred thousand first packets with IDs as alike as they can be: each costs the same, and nothing of them is left. That
/// no table of ours hashes what a peer chose is checked in tests/tidy.rs.
#[test]
fn c2_connection_ids_that_would_collide_cost_no_more() {
    // Whoever forges addresses would be asked for them before the table is full.
    let all = |config: &mut quic::EndpointConfig| {
        config.max_handshaking_per_network = usize::MAX;
        config.address_validation = AddressValidation::Never;
    };
    let mut peer = Peer::with(Server, Stage::Begun, Options { endpoint: Rc::new(all), ..Options::default() });
    peer.keeps = false;
    let hello = crypto(0, &peer.take_crypto(Level::Initial)[..40]);
    let mut costs = Vec::new();
    for number in 0..4096u64 {
        // The low bits, where tables look, are the same.
        let packet = first_packet(&mut peer, number << 20, &hello);
        let meter = Meter::start();
        let ((), work) = work::of(|| peer.deliver(packet));
        costs.push((work, meter.taken()));
    }
    let (first, last) = (costs[10], costs[4095]);
    assert_eq!(first.0, last.0, "the same cryptography");
    assert!(last.1 < 2 * first.1 + 100_000, "{first:?} {last:?}");
    for number in 0..96_000u64 {
        let packet = first_packet(&mut peer, (number + 5000) << 20, &hello);
        let ((), work) = work::of(|| peer.deliver(packet));
        assert_eq!(work, work::Work::default());
    }
    peer.wait(Duration::from_secs(11));
    assert!(peer.target.is_empty());
    // Source IDs all the same are no key of anything.
    let mut peer = Peer::against(Server, Stage::Begun);
    peer.advance_to(Stage::Established);
}

/// A table that is full drops before any cryptography: first packets, other versions, resets, nonsense.
#[test]
fn c3_a_flood_at_a_full_table_costs_no_cryptography() {
    let full = |config: &mut quic::EndpointConfig| {
        config.max_handshaking = 8;
        config.address_validation = AddressValidation::Never;
    };
    let mut peer = Peer::with(Server, Stage::Begun, Options { endpoint: Rc::new(full), ..Options::default() });
    peer.keeps = false;
    let hello = crypto(0, &peer.take_crypto(Level::Initial)[..100]);
    for number in 0..8 {
        let packet = first_packet(&mut peer, number, &hello);
        peer.deliver(packet);
    }
    assert_eq!(peer.target.len(), 8);
    for number in 0..10_000 {
        let mut packet = first_packet(&mut peer, 100 + number, &hello);
        if number % 3 == 0 {
            packet[700] ^= 1;
        }
        let ((), work) = work::of(|| peer.deliver(packet));
        assert_eq!(work, work::Work::default());
    }
    assert_eq!(peer.target.len(), 8);
}

/// Feeds until the connection closes for too much load, and says how often.
fn rounds(script: &mut Script, mut round: impl FnMut(&mut Script, u64)) -> u64 {
    for count in 0..1_000_000 {
        round(script, count);
        script.forget();
        let closed = script.events().into_iter().find_map(|event| match event {
            Event::Closed { violation, .. } => violation,
            _ => None,
        });
        if let Some(violation) = closed {
            assert_eq!(violation, h3::Violation::Glitches);
            assert_eq!(violation.code(), h3::error_code::H3_EXCESSIVE_LOAD);
            return count;
        }
    }
    panic!("never ends");
}

/// Rapid reset, in all its forms: what is being worked on counts until the work is over, and what is useless is counted.
#[test]
fn c4_requests_that_are_cancelled_at_once() {
    let limits = Limits::default();
    let get = headers(GET);
    // The application never gets to answer: no more is in its hands than is taken at once.
    let mut script = Script::started(Server);
    let (mut requests, mut in_hand) = (0, 0);
    for round in 0..1_000_000u64 {
        script.feed(4 * round, &get);
        script.reset(4 * round, 0x10c);
        let events = script.events();
        in_hand +=
            events.iter().filter(|event| matches!(event, Event::Exchange(_, exchange::Event::Request(_)))).count();
        requests += 1;
        if events.iter().any(|event| matches!(event, Event::Closed { .. })) {
            break;
        }
    }
    assert!(requests <= u64::from(limits.glitches) + 1, "{requests}");
    assert_eq!(in_hand, limits.max_concurrent_requests);
    // The application gives up at once.
    let count = rounds(&mut Script::started(Server), |script, round| {
        script.feed(4 * round, &get);
        script.reset(4 * round, 0x10c);
        script.connection.reset(&mut script.transport, id(4 * round), h3::Reason::Cancelled);
    });
    assert!(count <= u64::from(limits.glitches));
    // STOP_SENDING instead.
    let count = rounds(&mut Script::started(Server), |script, round| {
        script.feed_and_end(4 * round, &get);
        script.stop(4 * round, 0x10c);
        script.connection.reset(&mut script.transport, id(4 * round), h3::Reason::Cancelled);
    });
    assert!(count <= u64::from(limits.glitches));
    // One in three is forgiven.
    let mut script = Script::started(Server);
    for round in 0..10_000 {
        script.feed_and_end(4 * round, &get);
        if round % 3 == 0 {
            script.reset(4 * round, 0x10c);
            script.stop(4 * round, 0x10c);
            script.connection.reset(&mut script.transport, id(4 * round), h3::Reason::Cancelled);
        } else {
            let head = ResponseHead::new(Status::OK);
            script.connection.send_response(&mut script.transport, id(4 * round), &head, true).unwrap();
        }
        assert!(script.violation().is_none());
        script.forget();
    }
    // The same through QUIC: streams that are opened and reset a million times are gone.
    let mut peer = flooded(Server, Config::default());
    let mut meter = Meter::start();
    let mut limit = 256;
    for number in 0..100_000u64 {
        if number == 1000 {
            meter = Meter::start();
        }
        if number == limit {
            // More streams are allowed once the application has seen what became of these.
            peer.keeps = true;
            peer.wait(Duration::from_millis(50));
            let largest = peer.largest(OneRtt).unwrap();
            peer.send(OneRtt, &raw(0x02, &[largest, 0, 0, 0]));
            let limits = peer.frames(|_, frame| match frame {
                Frame::MaxStreams { maximum, direction: Direction::Bidirectional } => Some(*maximum),
                _ => None,
            });
            peer.forget();
            peer.keeps = false;
            match limits.into_iter().max() {
                Some(higher) => limit = higher,
                None => break,
            }
        }
        peer.send(OneRtt, &[raw(0x0a, &[4 * number, 1]), vec![7], raw(0x04, &[4 * number, 9, 1])].concat());
        peer.connection().reset(id(4 * number), VarInt::from_u32(0x10c));
        peer.events.clear();
        assert!(peer.is_open(), "{:?}", peer.reason());
    }
    assert!(peer.connection().stats().open_streams <= 256);
    assert!(meter.held() < 256 << 10, "{}", meter.held());
}

#[test]
fn c5_resets_that_the_peer_provokes() {
    let limit = u64::from(Limits::default().glitches);
    for malformed in [
        with(&GET, &[("connection", "x")]),
        headers([(":method", "GET")]),
        frame(1, &[0, 0, 0x23, b'A', b'b', b'c', 0]),
        // Sections over the limit, which are answered.
        vec![1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ] {
        let count = rounds(&mut Script::started(Server), |script, round| script.feed(4 * round, &malformed));
        assert!(count <= limit, "{count}");
    }
    // No request at all on a stream; content without the length that was said.
    let count = rounds(&mut Script::started(Server), |script, round| script.end(4 * round));
    assert!(count <= limit, "{count}");
    let short = [with(&POST, &[("content-length", "9")]), frame(0, b"x")].concat();
    let count = rounds(&mut Script::started(Server), |script, round| {
        script.feed_and_end(4 * round, &short);
        script.read_all(4 * round);
        script.connection.reset(&mut script.transport, id(4 * round), h3::Reason::Cancelled);
    });
    assert!(count <= limit, "{count}");
    // Requests after the farewell.
    let mut script = Script::started(Server);
    script.connection.shutdown(&mut script.transport);
    script.connection.shutdown(&mut script.transport);
    let get = headers(GET);
    assert!(rounds(&mut script, |script, round| script.feed(4 * round, &get)) <= limit);
}

/// What may be repeated for ever by the letter: each kind ends at a number.
#[test]
fn c6_messages_and_frames_without_end() {
    let limit = u64::from(Limits::default().glitches) + 1;
    let get = headers(GET);
    // Reserved frames before a request, within it, and on the control stream; streams of no known type.
    let count = rounds(&mut Script::started(Server), |script, _| script.feed(0, &[0x21, 0]));
    assert!(count <= limit, "{count}");
    let mut script = Script::started(Server);
    script.feed(0, &headers(POST));
    assert!(rounds(&mut script, |script, _| script.feed(0, &[0x40, 0x40, 2, 1, 1])) <= limit);
    assert!(rounds(&mut Script::started(Server), |script, _| script.feed(2, &[0x21, 0])) <= limit);
    let count = rounds(&mut Script::started(Server), |script, round| script.feed(6 + 4 * round, &[0x21]));
    assert!(count <= limit, "{count}");
    // Interim responses, and farewells, to a client.
    let mut script = Script::started(Client);
    let head = RequestHead::get("https://a.example/").unwrap();
    script.connection.send_request(&mut script.transport, &head, true).unwrap();
    let early = headers([(":status", "103")]);
    assert!(rounds(&mut script, |script, _| script.feed(0, &early)) <= limit);
    let count = rounds(&mut Script::started(Client), |script, round| {
        let goaway = ((3u64 << 62) + (1 << 40) - 4 * round).to_be_bytes();
        script.feed(3, &frame(7, &goaway));
    });
    assert!(count <= limit, "{count}");
    // A second head, and trailers after trailers, are no message at all.
    for after in [vec![get.clone(), get.clone()], vec![headers(POST), headers([("a", "b")]), headers([("a", "b")])]] {
        let mut script = Script::started(Server);
        script.feed(0, &after.concat());
        let _ = script.read_all(0);
        let code = h3::error_code::H3_MESSAGE_ERROR.value();
        let refused = script.transport.commands.contains(&Command::Reset(0, code));
        assert!(refused || script.violation() == Some(h3::Violation::FrameOutOfOrder));
    }
}

/// Each setting and each transport parameter at its least, at one and at its most: data flows, or there is an error.
#[test]
fn c8_parameters_at_their_ends() {
    type Set = fn(&mut TransportParameters, u64);
    let settings: &[(Set, u64)] = &[
        (|p, value| p.initial_max_data = value, MAX),
        (|p, value| p.initial_max_stream_data_bidi_local = value, MAX),
        (|p, value| p.initial_max_stream_data_bidi_remote = value, MAX),
        (|p, value| p.initial_max_stream_data_uni = value, MAX),
        (|p, value| p.initial_max_streams_bidi = value, 1 << 60),
        (|p, value| p.initial_max_streams_uni = value, 1 << 60),
        (|p, value| p.max_idle_timeout = Duration::from_millis(value), 1 << 40),
        (|p, value| p.max_udp_payload_size = value, 65_527),
        (|p, value| p.ack_delay_exponent = value as u8, 20),
        (|p, value| p.max_ack_delay = Duration::from_millis(value), (1 << 14) - 1),
        (|p, value| p.active_connection_id_limit = value, MAX),
    ];
    for target in [Client, Server] {
        for (set, most) in settings {
            for value in [0, 1, 2, *most - 1, *most] {
                let set = *set;
                let mut peer = with_parameters(target, move |mut parameters, side| {
                    set(&mut parameters, value);
                    parameters.encode(side, 0)
                });
                if !peer.events.contains(&QuicEvent::Established) {
                    assert!(!peer.closes().is_empty(), "{target:?} {value}: neither progress nor an error");
                    continue;
                }
                talk(&mut peer);
                let numbers = peer.frames(|_, frame| match frame {
                    Frame::NewConnectionId { sequence_number, .. } => Some(*sequence_number),
                    _ => None,
                });
                assert!(
                    numbers.iter().all(|number| *number < 4),
                    "{value}: we keep four IDs, however many may be given"
                );
            }
        }
    }
    // SETTINGS: what is known and what is not, at 0, 1 and the most.
    for setting in [0x01u64, 0x06, 0x07, 0x08, 0x33, 0x4242] {
        for value in [0, 1, MAX] {
            for side in [Client, Server] {
                let mut script = Script::connected(side, h3::Config::default());
                let mut payload = Vec::new();
                push(&mut payload, setting);
                push(&mut payload, value);
                script.feed(script.control(), &[&[0][..], &frame(4, &payload)].concat());
                let flag_is_wrong = [0x08, 0x33].contains(&setting) && value > 1;
                let closed = script.violation().is_some();
                assert_eq!(closed, flag_is_wrong, "{setting:#x} {value} {side:?}");
                if side == Client && !closed {
                    let head = RequestHead::get("https://a.example/").unwrap();
                    let sent = script.connection.send_request(&mut script.transport, &head, true);
                    assert_eq!(sent.is_err(), setting == 0x06 && value < 2, "{setting:#x} {value}");
                }
            }
        }
    }
}

/// Both sides say something; whatever the limits are, the target comes to rest.
fn talk(peer: &mut Peer) {
    for direction in [Direction::Bidirectional, Direction::Unidirectional] {
        if let Some(id) = peer.connection().open(direction) {
            peer.connection().write_slice(id, &[7; 3000]).unwrap();
            let _ = peer.connection().finish(id);
        }
    }
    peer.pump();
    for _ in 0..20 {
        if !peer.is_open() {
            break;
        }
        peer.acknowledge_all(OneRtt);
        peer.send(OneRtt, &raw(0x10, &[1 << 20]));
        peer.wait(Duration::from_millis(100));
    }
    peer.wait(Duration::from_secs(100));
}

/// Authorities of one name that certify each other: whoever looks for a path among them stops at a number of signatures.
#[test]
fn c9_look_alike_authorities_cost_a_bounded_number_of_signatures() {
    const AUTHORITIES: u8 = 12;
    let provider = work::provider();
    let request = |is_authority, serial| x509::IssueRequest {
        names: vec!["localhost".into()],
        not_before_unix: 1_000_000,
        lifetime_seconds: 1_000_000,
        serial: [serial; 16],
        is_authority,
    };
    let keys: Vec<_> = (0..=AUTHORITIES)
        .map(|_| {
            let key = (provider.generate_key)(crypto::KeyKind::Ed25519).unwrap();
            (provider.load_key)(crypto::PrivateKeyFormat::Pkcs8, &key).unwrap()
        })
        .collect();
    let own = (provider.generate_key)(crypto::KeyKind::Ed25519).unwrap();
    // All have the same name; the anchor that the client trusts has another key again.
    let name_of = x509::issue::self_signed(&provider, &own, &request(true, 1)).unwrap();
    let anchor_key = (provider.generate_key)(crypto::KeyKind::Ed25519).unwrap();
    let anchor = x509::issue::self_signed(&provider, &anchor_key, &request(true, 9)).unwrap();
    let issue = |by: usize, of: usize, is_authority, serial| {
        let certificate = &name_of.certificate;
        x509::issue::issued_by(&provider, certificate, &*keys[by], &*keys[of], &request(is_authority, serial)).unwrap()
    };
    let mut chain = vec![issue(0, usize::from(AUTHORITIES), false, 77)];
    for by in 0..usize::from(AUTHORITIES) {
        chain.extend((0..usize::from(AUTHORITIES)).filter(|of| *of != by).map(|of| issue(by, of, true, of as u8)));
    }
    assert!(chain.len() > 100);
    let mut roots = x509::RootStore::new();
    roots.add_der(&anchor.certificate).unwrap();
    let name = x509::ServerName::parse("localhost").unwrap();
    let (outcome, work) = work::of(|| x509::verify_server(&provider, &roots, &chain, &name, 1_500_000));
    assert_eq!(outcome, Err(x509::Error::TooMuchWork));
    assert!((50..=100).contains(&work.signatures), "{work:?}");
}

/// A server that asks for certificates works for whoever comes, and less than a client for its server: in signatures, certificates
/// and bytes.
#[test]
fn c16_chains_that_strangers_send_cost_a_server_little() {
    let provider = work::provider();
    let request = |names: usize, is_authority, serial| x509::IssueRequest {
        names: (0..names).map(|number| format!("host-{number}.example")).collect(),
        not_before_unix: 1_000_000,
        lifetime_seconds: 1_000_000,
        serial: [serial; 16],
        is_authority,
    };
    let new_key = || {
        let key = (provider.generate_key)(crypto::KeyKind::Ed25519).unwrap();
        let loaded = (provider.load_key)(crypto::PrivateKeyFormat::Pkcs8, &key).unwrap();
        (key, loaded)
    };
    let of_name = x509::issue::self_signed(&provider, &new_key().0, &request(1, true, 1)).unwrap().certificate;
    let (anchor_key, anchor) = new_key();
    let trusted = x509::issue::self_signed(&provider, &anchor_key, &request(1, true, 9)).unwrap().certificate;
    let mut roots = x509::RootStore::new();
    roots.add_der(&trusted).unwrap();
    let spent = |chain: &[posthaste::CertificateDer<'_>]| {
        let (outcome, work) = work::of(|| x509::verify_client(&provider, &roots, chain, 1_500_000));
        (outcome.map(|path| path.len()), work.signatures)
    };
    // Each certified the next, all by one name: which of them it was, only signatures show.
    let keys: Vec<_> = (0..16).map(|_| new_key().1).collect();
    let mut chain =
        vec![x509::issue::issued_to_client(&provider, &of_name, &*keys[1], &*keys[0], &request(1, false, 77)).unwrap()];
    chain.extend((1..15).map(|of| {
        x509::issue::issued_by(&provider, &of_name, &*keys[of + 1], &*keys[of], &request(1, true, of as u8)).unwrap()
    }));
    let (outcome, signatures) = spent(&chain);
    assert_eq!(outcome, Err(x509::Error::TooMuchWork));
    assert!((10..=20).contains(&signatures), "{signatures}");
    // What is more than that is refused before any.
    let client =
        |names| x509::issue::issued_to_client(&provider, &trusted, &*anchor, &*keys[0], &request(names, false, 5));
    let (short, long) = (client(1).unwrap(), client(2000).unwrap());
    assert_eq!(spent(std::slice::from_ref(&short)), (Ok(2), 1));
    assert_eq!(spent(&vec![short; 17]), (Err(x509::Error::TooMuchWork), 0));
    assert!(long.len() > 32_768);
    assert_eq!(spent(&[long]), (Err(x509::Error::TooMuchWork), 0));
}

/// Ten thousand names, none of which is the one: looked at once each, and told in few words.
#[test]
fn c11_ten_thousand_names_are_compared_once_and_told_in_few_words() {
    let provider = crypto_ring::provider();
    let key = (provider.generate_key)(crypto::KeyKind::Ed25519).unwrap();
    let of = |count: usize| {
        let request = x509::IssueRequest {
            names: (0..count).map(|number| format!("host-{number}.{}.example", "a".repeat(60))).collect(),
            not_before_unix: 1_000_000,
            lifetime_seconds: 1_000_000,
            serial: [1; 16],
            is_authority: false,
        };
        let certificate = x509::issue::self_signed(&provider, &key, &request).unwrap().certificate;
        let name = x509::ServerName::parse("other.example").unwrap();
        let roots = x509::RootStore::new();
        let meter = Meter::start();
        let error = x509::verify_server(&provider, &roots, &[certificate], &name, 1_500_000).unwrap_err();
        assert!(matches!(error, x509::Error::NameMismatch { .. }), "{error:?}");
        assert!(error.to_string().len() < 1000, "{error}");
        meter.taken()
    };
    let (few, many) = (of(1000), of(10_000));
    assert!(many < 11 * few, "{few} {many}");
}

/// An ACK of everything that ever was, with little in flight: what is done does not grow with the numbers.
#[test]
fn c13_acknowledgments_of_a_long_history_cost_what_is_in_flight() {
    let mut peer = Peer::against(Server, Stage::Established);
    let cost_after = |peer: &mut Peer, rounds: u32| {
        for _ in 0..rounds {
            peer.send(OneRtt, &[1; 4]);
            peer.send(OneRtt, &[1; 4]);
            let last = *peer.numbers(OneRtt).last().unwrap();
            peer.acknowledge(OneRtt, last, last);
            peer.datagrams.clear();
            let len = peer.received.len();
            peer.received.drain(..len.saturating_sub(40));
        }
        // The run of numbers before the last one that was skipped.
        let numbers = peer.numbers(OneRtt);
        let last = *numbers.last().unwrap();
        let run = numbers.iter().rev().zip(0..).take_while(|(number, back)| **number + back == last).count() as u64;
        let packet = peer.packet(OneRtt, &raw(0x02, &[last, 0, 0, run - 1]), PLAIN);
        let meter = Meter::start();
        let ((), work) = work::of(|| peer.deliver(packet));
        assert!(peer.is_open(), "{:?}", peer.reason());
        (work.packets, meter.taken())
    };
    let few = cost_after(&mut peer, 100);
    let meter = Meter::start();
    let many = cost_after(&mut peer, 20_000);
    assert!(meter.held() < 64 << 10, "what is settled is forgotten: {}", meter.held());
    assert!(many.0 <= few.0 + 2 && many.1 <= few.1 + 8192, "{few:?} {many:?}");
}

/// Handshakes that go on for ever, a byte at a time, from everywhere and from one network.
#[test]
fn c14_slow_handshakes_end_and_one_network_has_its_share() {
    // Nobody is asked for the address: with that, forged ones get no further than a part of the table (R3).
    let never = |config: &mut quic::EndpointConfig| config.address_validation = AddressValidation::Never;
    let mut peer = Peer::with(Server, Stage::Begun, Options { endpoint: Rc::new(never), ..Options::default() });
    peer.keeps = false;
    let hello = peer.take_crypto(Level::Initial);
    let config = quic::EndpointConfig::new(work::provider(), std::sync::Arc::new(Config::default()), None);
    let (all, share) = (config.max_handshaking, config.max_handshaking_per_network);
    assert!(share < all / 2);
    let home = peer.four_tuple;
    let mut number = 0;
    let mut begin = |peer: &mut Peer, ip: [u8; 4]| {
        number += 1;
        let packet = first_packet(peer, number, &crypto(0, &hello[..1]));
        let mut from = home;
        from.remote = (ip, 1024 + (number % 60_000) as u16).into();
        peer.deliver_from(from, packet);
    };
    // One network of 256 addresses: its share, and the rest is left to others.
    for place in 0..10_000u32 {
        begin(&mut peer, [198, 51, 100, place as u8]);
    }
    assert_eq!(peer.target.len(), share);
    begin(&mut peer, [203, 0, 113, 9]);
    assert_eq!(peer.target.len(), share + 1);
    // From everywhere: the table.
    for place in 0..10_000u32 {
        let [_, _, high, low] = place.to_be_bytes();
        begin(&mut peer, [10, high, low, 1]);
    }
    assert_eq!(peer.target.len(), all);
    // A byte every ten seconds keeps nothing alive: the deadline is absolute.
    peer.wait(Duration::from_secs(11));
    assert!(peer.target.is_empty());
    // And the network has its share again.
    begin(&mut peer, [198, 51, 100, 1]);
    assert_eq!(peer.target.len(), 1);
    // With one that says a byte now and then.
    let mut peer = Peer::against(Server, Stage::Begun);
    let hello = peer.take_crypto(Level::Initial);
    for (offset, byte) in hello.iter().enumerate().take(40) {
        peer.send(Initial, &crypto(offset as u64, &[*byte]));
        peer.wait(Duration::from_secs(1));
        if offset >= 11 {
            break;
        }
    }
    assert!(peer.target.is_empty() || !peer.is_open());
}
