//! State: frames that are legal bytes at an illegal moment.

use crate::support::{crypto, id, new_id, stream};
use adversary::http::{GET, POST, Script, headers};
use adversary::{Options, PLAIN, Peer, Stage, Tweak, encode};
use base::Side::{Client, Server};
use base::{Direction, Duration, VarInt};
use h3::Event as HttpEvent;
use http::exchange;
use http::{ResponseHead, Status};
use quic::Held;
use quic::TransportErrorCode;
use quic::wire::connection_id::ConnectionId;
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::{Handshake, Initial, OneRtt};
use quic::wire::header::Header;
use quic::{Admission, CloseReason, EndpointConfig, Event, Incoming, Violation};
use quic::{ReadError, WriteError};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tls::Level;

/// What follows the bytes that end the handshake speaks of a space that is gone.
#[test]
fn s1_frames_after_the_end_of_the_handshake() {
    for order in 0..4 {
        let mut peer = Peer::against(Server, Stage::Keys);
        let finished = crypto(0, &peer.take_crypto(Level::Handshake));
        let ack = vec![0x02, 0, 0, 0, 0];
        let payload = match order {
            0 => [finished, ack].concat(),
            1 => [ack, finished].concat(),
            // The same bytes once more.
            2 => [finished.clone(), finished].concat(),
            _ => [&finished[..], &ack, &[0x01], &ack].concat(),
        };
        let first = peer.packet(Handshake, &payload, PLAIN);
        let second = peer.packet(Handshake, &payload, PLAIN);
        let third = peer.packet(OneRtt, &[0x01; 8], PLAIN);
        let old = peer.packet(Initial, &[0x02, 0, 0, 0, 0], PLAIN);
        peer.deliver([first, second, old, third].concat());
        assert!(peer.is_open(), "{:?}", peer.events);
        assert!(peer.events.contains(&Event::Confirmed));
    }
}

/// RFC 9000 section 19.20-2.
#[test]
fn s2_handshake_done_where_it_may_not_be() {
    // Before the client has finished it is not even read.
    let mut peer = Peer::against(Client, Stage::Keys);
    peer.send_frame(OneRtt, &Frame::HandshakeDone);
    assert!(peer.is_open() && peer.events.is_empty());
    peer.send_crypto(Level::Handshake);
    assert_eq!(peer.events, [Event::Established]);
    peer.send_frame(OneRtt, &Frame::HandshakeDone);
    peer.send_frame(OneRtt, &Frame::HandshakeDone);
    assert_eq!(peer.events, [Event::Established, Event::Confirmed]);
    // In packets of the handshake, and to a server.
    for target in [Client, Server] {
        for kind in [Initial, Handshake] {
            let mut peer = Peer::against(target, Stage::Keys);
            peer.send_frame(kind, &Frame::HandshakeDone);
            let closes = peer.closes();
            assert!(!closes.is_empty() && closes.iter().all(|close| (close.1, close.2) == (0x0a, Some(0x1e))));
            assert!(!peer.events.contains(&Event::Confirmed));
        }
    }
    let mut peer = Peer::against(Server, Stage::Established);
    peer.send_frame(OneRtt, &Frame::HandshakeDone);
    assert_eq!(peer.violation(), Some((Violation::HandshakeDoneByClient, 0x1e)));
    assert_eq!(Violation::HandshakeDoneByClient.code(), TransportErrorCode::PROTOCOL_VIOLATION);
}

/// STOP_SENDING and STREAM, in one packet and in two, in both orders, in every state of the stream; then everything that an
/// application may call.
#[test]
fn s9_stop_sending_with_stream_data() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum State {
        Unknown,
        Open,
        Written,
        Finished,
        Acknowledged,
        Reset,
    }
    use State::{Acknowledged, Finished, Open, Reset, Unknown, Written};
    let (code, own) = (VarInt::from_u32(7), id(0));
    for state in [Unknown, Open, Written, Finished, Acknowledged, Reset] {
        for stop_first in [false, true] {
            for one_packet in [false, true] {
                for fin in [false, true] {
                    let mut peer = Peer::against(Server, Stage::Established);
                    if state != Unknown {
                        peer.send_frame(OneRtt, &stream(0, 0, b"ab", false));
                    }
                    match state {
                        Written => drop(peer.connection().write_slice(own, &[1; 5000])),
                        Finished | Acknowledged => {
                            peer.connection().write_slice(own, &[1; 500]).unwrap();
                            peer.connection().finish(own).unwrap();
                        }
                        Reset => peer.connection().reset(own, code),
                        Unknown | Open => {}
                    }
                    peer.pump();
                    if state == Acknowledged {
                        peer.acknowledge_all(OneRtt);
                    }
                    let mut frames =
                        [encode(&stream(0, 2, b"cd", fin)), encode(&Frame::StopSending { id: own, error_code: code })];
                    if stop_first {
                        frames.reverse();
                    }
                    if one_packet {
                        peer.send(OneRtt, &frames.concat());
                    } else {
                        frames.iter().for_each(|frame| peer.send(OneRtt, frame));
                    }
                    let context = format!("{state:?} {stop_first} {one_packet} {fin}");
                    assert!(peer.is_open(), "{context}: {:?}", peer.reason());
                    let stopped = Err(WriteError::Stopped(code));
                    let unknown = Err(WriteError::Unknown);
                    let written = peer.connection().write_slice(own, b"more");
                    let finished = peer.connection().finish(own).map(|()| 0);
                    for result in [written, finished] {
                        assert!(result == stopped || result == unknown || is_ended(&result), "{context}: {result:?}");
                    }
                    peer.connection().reset(own, code);
                    let read = peer.connection().read(own, 100);
                    assert!(!matches!(read, Err(ReadError::Reset(_))), "{context}: {read:?}");
                    peer.connection().stop_sending(own, code);
                    let _ = peer.connection().read(own, 100);
                    peer.pump();
                    // All is as it was said: the peer ends its half, too.
                    peer.send_frame(OneRtt, &Frame::ResetStream { id: own, error_code: code, final_size: 4 });
                    peer.acknowledge_all(OneRtt);
                    assert!(peer.is_open(), "{context}: {:?}", peer.reason());
                    assert_eq!(peer.connection().stats().open_streams, 0, "{context}");
                }
            }
        }
    }
}

fn is_ended(result: &Result<usize, WriteError>) -> bool {
    !matches!(result, Ok(_) | Err(WriteError::Stopped(_) | WriteError::Unknown))
}

/// A packet of this version, with these IDs.
fn of_version(version: u32, destination: &[u8], source: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = vec![0xc3];
    bytes.extend(version.to_be_bytes());
    bytes.push(destination.len() as u8);
    bytes.extend(destination);
    bytes.push(source.len() as u8);
    bytes.extend(source);
    bytes.resize(len.max(bytes.len()), 0);
    bytes
}

/// RFC 9000 section 6.1-1.
#[test]
fn s10_version_negotiation_is_never_answered() {
    for stage in [Stage::Begun, Stage::Keys, Stage::Established] {
        let mut peer = Peer::against(Server, stage);
        peer.datagrams.clear();
        for destination in [peer.destination, peer.original] {
            for versions in [&[][..], &[0, 0, 0, 1], &[0x1a, 0x2a, 0x3a, 0x4a, 0, 0, 0, 2]] {
                let mut packet = of_version(0, destination.as_slice(), peer.source.as_slice(), 0);
                packet.extend(versions);
                peer.deliver(packet.clone());
                packet.resize(1200, 0xff);
                peer.deliver(packet);
            }
        }
        assert!(peer.datagrams.is_empty() && peer.reason().is_none());
    }
    // Nor by a client, or for a version of which it knows nothing.
    let mut peer = Peer::against(Client, Stage::Established);
    peer.datagrams.clear();
    peer.deliver(of_version(0x0a0a_0a0a, &[1; 8], &[2; 8], 1200));
    peer.deliver(of_version(0x0a0a_0a0a, peer.destination.as_slice(), &[2; 8], 1200));
    assert!(peer.datagrams.is_empty() && peer.is_open());
    // Two servers that are set upon each other: one answer, and silence.
    let mut one = Peer::against(Server, Stage::Begun);
    let mut other = Peer::with(Server, Stage::Begun, Options { seed: 5, ..Options::default() });
    one.deliver(of_version(0x0a0a_0a0a, &[1; 8], &[2; 8], 1200));
    let (_, answer) = one.datagrams.pop().unwrap();
    other.deliver(answer);
    assert!(other.datagrams.is_empty());
}

/// A client believes it only as the first answer, with its own IDs, and without the version in use.
/// RFC 9000 section 6.2-1, 6.2-2, 6.2-3.
#[test]
fn s11_a_client_believes_version_negotiation_only_as_the_answer_to_its_first_packet() {
    let offer = |destination: ConnectionId, source: ConnectionId, versions: &[u32]| {
        let mut packet = of_version(0, destination.as_slice(), source.as_slice(), 0);
        versions.iter().for_each(|version| packet.extend(version.to_be_bytes()));
        packet
    };
    let other = ConnectionId::new(&[9; 8]).unwrap();
    let mut peer = Peer::against(Client, Stage::Begun);
    let (ours, theirs) = (peer.destination, peer.original);
    for (destination, source, versions) in [
        (ours, other, &[2][..]),
        (ours, peer.source, &[2]),
        (ours, ConnectionId::EMPTY, &[2]),
        (other, theirs, &[2]),
        (theirs, ours, &[2]),
        (ours, theirs, &[2, 1]),
        (ours, theirs, &[1]),
        (ours, theirs, &[]),
    ] {
        peer.deliver(offer(destination, source, versions));
        assert!(peer.is_open(), "{destination} {source} {versions:?}");
    }
    let mut half = offer(ours, theirs, &[2, 3]);
    half.pop();
    peer.deliver(half);
    assert!(peer.is_open());
    // After a packet of the server.
    let mut later = Peer::against(Client, Stage::Begun);
    later.send(Initial, &[1]);
    later.deliver(offer(later.destination, later.original, &[2]));
    assert!(later.is_open());
    later.advance_to(Stage::Established);
    // And now the real one.
    peer.datagrams.clear();
    peer.deliver(offer(ours, theirs, &[2, 0x1a2a_3a4a]));
    assert_eq!(peer.reason(), Some(&CloseReason::VersionNegotiation { offered: vec![2, 0x1a2a_3a4a] }));
    assert!(peer.datagrams.is_empty() && peer.target.is_empty());
}

/// The control stream and those of QPACK: opened twice, ended, given up, and ours stopped.
/// RFC 9114 section 6.2.1-3, 6.2.1-5.
/// RFC 9204 section 4.2-2, 4.2-4.
#[test]
fn s12_critical_streams_are_opened_once_and_never_closed() {
    use h3::Violation::{ClosedCriticalStream, DuplicateCriticalStream};
    assert_eq!(DuplicateCriticalStream.code(), h3::error_code::H3_STREAM_CREATION_ERROR);
    assert_eq!(ClosedCriticalStream.code(), h3::error_code::H3_CLOSED_CRITICAL_STREAM);
    for side in [Client, Server] {
        for kind in [0, 2, 3] {
            let begin = || {
                let mut script = Script::started(side);
                let at = if kind == 0 { script.control() } else { script.control() + 4 };
                if kind != 0 {
                    script.feed(at, &[kind]);
                }
                assert!(script.violation().is_none());
                (script, at)
            };
            let (mut script, at) = begin();
            script.feed(at + 4, &[kind]);
            assert_eq!(script.violation(), Some(DuplicateCriticalStream), "{side:?} {kind}");
            let (mut script, at) = begin();
            script.end(at);
            assert_eq!(script.violation(), Some(ClosedCriticalStream), "{side:?} {kind}");
            let (mut script, at) = begin();
            script.reset(at, 0x100);
            assert_eq!(script.violation(), Some(ClosedCriticalStream), "{side:?} {kind}");
            // Nothing is made of what comes after.
            script.feed(at + 8, &[kind]);
            script.end(at + 8);
            assert!(script.events().is_empty());
            // It ends in the packet that opens it.
            let mut script = Script::connected(side, h3::Config::default());
            script.feed_and_end(script.control(), &[kind]);
            assert_eq!(script.violation(), Some(ClosedCriticalStream), "{side:?} {kind}");
        }
        for place in 0..3 {
            let mut script = Script::started(side);
            let ours = script.control() ^ 1;
            script.stop(ours + 4 * place, 0x100);
            assert_eq!(script.violation(), Some(ClosedCriticalStream), "{side:?} {place}");
        }
    }
}

/// A request without end, a reset, a stop, a response, a reset of ours and the close, in every order: after the event that
/// ends a message nothing is received on its stream, and after the close there is nothing.
#[test]
fn s13_no_event_after_the_end_of_a_stream() {
    let mut orders = Vec::new();
    permutations(&mut vec![0, 1, 2, 3, 4, 5], 0, &mut orders);
    assert_eq!(orders.len(), 720);
    for order in orders {
        let mut script = Script::started(Server);
        let mut events = Vec::new();
        for step in &order {
            match step {
                0 => script.feed(0, &headers(POST)),
                1 => script.reset(0, 0x10c),
                2 => script.stop(0, 0x10c),
                3 => {
                    let head = ResponseHead::new(Status::OK);
                    let _ = script.connection.send_response(&mut script.transport, id(0), &head, false);
                }
                4 => {
                    script.connection.reset(&mut script.transport, id(0), h3::Reason::Cancelled);
                    // The application is done with it.
                    events.extend(script.events());
                    events.retain(|event: &HttpEvent| !matches!(event, HttpEvent::Exchange(..)));
                }
                // The transport may say so more than once.
                _ => (0..2).for_each(|_| script.connection.on_closed(VarInt::from_u32(0x100))),
            }
            events.extend(script.events());
        }
        let ends = |event: &HttpEvent| {
            use exchange::Event::{Failed, Finished, Reset};
            matches!(event, HttpEvent::Exchange(_, Finished | Reset(_) | Failed(_)) | HttpEvent::Closed { .. })
        };
        let receives = |event: &HttpEvent| {
            use exchange::Event::{Body, Request, Trailers};
            matches!(event, HttpEvent::Exchange(_, Request(_) | Body | Trailers(_)))
        };
        if let Some(end) = events.iter().position(ends) {
            assert!(!events[end + 1..].iter().any(receives), "{order:?}: {events:?}");
        }
        let closed = events.iter().filter(|event| matches!(event, HttpEvent::Closed { .. })).count();
        assert_eq!(closed, 1, "{order:?}: {events:?}");
        assert!(matches!(events.last(), Some(HttpEvent::Closed { .. })), "{order:?}: {events:?}");
    }
    // A request without FIN, reset, and the close of the connection under it.
    let mut script = Script::started(Server);
    script.feed(0, &headers(GET));
    script.connection.send_response(&mut script.transport, id(0), &ResponseHead::new(Status::OK), true).unwrap();
    script.reset(0, 0x10c);
    script.connection.on_closed(VarInt::from_u32(0x100));
    assert!(matches!(
        script.events()[..],
        [HttpEvent::Exchange(_, exchange::Event::Request(_)), HttpEvent::Closed { .. }]
    ));
}

fn permutations(items: &mut Vec<u8>, at: usize, out: &mut Vec<Vec<u8>>) {
    if at == items.len() {
        return out.push(items.clone());
    }
    for other in at..items.len() {
        items.swap(at, other);
        permutations(items, at + 1, out);
        items.swap(at, other);
    }
}

/// S4: a client is asked back, and shows its token in two packets that are the same; whatever is decided then, nothing stays of
/// it when it is over.
#[test]
fn s4_whatever_follows_a_retry_leaves_nothing_behind() {
    let last =
        [Some(Admission::Accept), Some(Admission::Refuse), Some(Admission::Ignore), Some(Admission::Retry), None];
    for decision in last {
        let asked = Arc::new(AtomicUsize::new(0));
        let decide = move |_: &Incoming| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Admission::Retry,
            _ => decision.unwrap_or(Admission::Accept),
        };
        let decide = Arc::new(decide);
        let endpoint = Rc::new(move |config: &mut EndpointConfig| config.on_incoming = Some(decide.clone()));
        let mut peer = Peer::with(Server, Stage::Begun, Options { endpoint, ..Options::default() });
        let payload = crypto(0, &peer.take_crypto(Level::Initial));
        let first = peer.padded_packet(Initial, &payload);
        peer.deliver(first);
        let (_, retry) = peer.datagrams.pop().expect("an answer");
        let Ok(Header::Retry { source, token, .. }) = Header::decode(&retry, 8) else { panic!("no Retry packet") };
        peer.rekey_initial(source);
        peer.destination = source;
        let mut padded = payload.clone();
        padded.resize(1200, 0);
        let tweak = Tweak { token: retry[token].to_vec().leak(), ..PLAIN };
        let mut second = peer.packet(Initial, &padded, tweak);
        if decision.is_none() {
            // Not decryptable.
            *second.last_mut().unwrap() ^= 1;
        }
        peer.deliver(second.clone());
        // A refusal is the same packet each time, because nothing is kept that could tell them apart.
        peer.rekey_initial(source);
        peer.deliver(second);
        let begins = matches!(decision, Some(Admission::Accept | Admission::Retry));
        assert_eq!(peer.target.len(), usize::from(begins), "{decision:?}");
        peer.wait(Duration::from_secs(60));
        assert_eq!(peer.target.stats().held, Held::default(), "{decision:?}");
    }
}

/// First packets that fail at each step, then one that does not.
#[test]
fn s14_failed_first_packets_leave_nothing_behind() {
    let mut peer = Peer::against(Server, Stage::Begun);
    let payload = crypto(0, &peer.take_crypto(Level::Initial));
    // Not decryptable.
    let mut bad = peer.padded_packet(Initial, &payload);
    bad[600] ^= 1;
    peer.deliver(bad);
    assert!(peer.target.is_empty());
    // Transport parameters of a server in a ClientHello, TLS nonsense, nonsense frames, none at all: each begins a
    // connection that is closed at once, of another ID.
    let bad_parameters = Options {
        parameters: Rc::new(|parameters, side| [parameters.encode(side, 0), vec![0x02, 16], vec![1; 16]].concat()),
        seed: 77,
        ..Options::default()
    };
    let mut of_bad_parameters = Peer::with(Server, Stage::Begun, bad_parameters.clone());
    let hello = crypto(0, &of_bad_parameters.take_crypto(Level::Initial));
    for payload in [&hello[..], &[0x06, 0, 4, 1, 0, 0, 0], &[0x3f], &[0x1d, 0, 0], &[]] {
        let mut other = Peer::with(Server, Stage::Begun, bad_parameters.clone());
        std::mem::swap(&mut other.target, &mut peer.target);
        other.now = peer.now;
        let mut padded = payload.to_vec();
        padded.resize(if payload.is_empty() { 0 } else { 1200 }, 0);
        let mut packet = other.packet(Initial, &padded, PLAIN);
        packet.resize(packet.len().max(1200), 0);
        other.deliver(packet.clone());
        assert_eq!(other.target.len(), 1);
        assert!(!other.closes().is_empty());
        // The packet again belongs to the connection that closes, and begins no other, from wherever it comes.
        other.deliver(packet.clone());
        let mut elsewhere = other.four_tuple;
        elsewhere.remote.set_port(40_001);
        other.deliver_from(elsewhere, packet);
        assert_eq!(other.target.len(), 1);
        other.wait(Duration::from_secs(20));
        assert!(other.target.is_empty());
        std::mem::swap(&mut other.target, &mut peer.target);
        peer.now = other.now;
    }
    peer.send(Initial, &payload);
    peer.send_crypto(Level::Handshake);
    assert!(peer.events.contains(&Event::Established));
    assert_eq!(peer.target.len(), 1);
}

/// The packet of a key update, delivered again and again, updates once.
/// RFC 9001 section 5.5-2.
#[test]
fn s15_a_repeated_key_update_updates_once() {
    let mut peer = Peer::against(Server, Stage::Established);
    peer.update_keys();
    let update = peer.packet(OneRtt, &[0x01; 30], PLAIN);
    for _ in 0..3 {
        peer.deliver(update.clone());
        peer.wait(Duration::from_secs(3));
    }
    assert_eq!(peer.connection().stats().key_updates, 1);
    assert!(peer.is_open());
    let before = peer.connection().stats().packets_received;
    peer.send(OneRtt, &[0x01; 30]);
    assert_eq!(peer.connection().stats().packets_received, before + 1);
}

/// The peer gives up at each step of the handshake, as TLS does over QUIC; and alerts where handshake messages should be.
/// RFC 9001 section 4.8-1.
#[test]
fn s16_an_alert_at_each_step_ends_the_connection_within_one_call() {
    for target in [Client, Server] {
        for (stage, kinds) in [(Stage::Begun, &[Initial][..]), (Stage::Keys, &[Initial, Handshake])] {
            for kind in kinds {
                for alert in 0..=255u16 {
                    let mut peer = Peer::against(target, stage);
                    let payload = encode(&Frame::ConnectionClose {
                        error_code: VarInt::from_u32(0x100 + u32::from(alert)),
                        frame_type: 0x06,
                        reason: b"",
                    });
                    peer.forget();
                    peer.send(*kind, &payload);
                    if let Some(reason) = peer.reason() {
                        let CloseReason::PeerTransport { code, .. } = reason else { panic!("{reason:?}") };
                        assert_eq!(code.0, 0x100 + u64::from(alert));
                    }
                    assert!(target == Server || peer.reason().is_some());
                    // A server that had not answered yet may acknowledge; then it is silent, and forgets.
                    let sent = peer.datagrams.len();
                    peer.send(*kind, &[0x01]);
                    assert_eq!(peer.datagrams.len(), sent);
                    peer.wait(Duration::from_secs(9));
                    assert!(peer.target.is_empty() && peer.datagrams.len() == sent, "{target:?} {stage:?} {kind:?}");
                }
                // An alert of TLS, and its record, in CRYPTO.
                for bytes in [&[21, 3, 3, 0, 2, 1, 0][..], &[21, 0, 0, 2, 1, 0], &[2, 0], &[1, 0]] {
                    let mut peer = Peer::against(target, stage);
                    let offset = peer.crypto_offset(*kind, 0);
                    peer.send(*kind, &crypto(offset, bytes));
                    let closes = peer.closes();
                    let is_waiting = bytes[0] < 3 && closes.is_empty();
                    let alerts = closes.iter().all(|close| (0x100..0x200).contains(&close.1) || close.1 == 0x0a);
                    assert!(is_waiting || (alerts && !closes.is_empty()), "{target:?} {stage:?} {kind:?}: {closes:?}");
                }
            }
        }
    }
}

/// RFC 9000 section 10.2.1: a connection that fails with half a megabyte on its way sends a close and, ever more rarely, the
/// same again.
#[test]
fn s17_after_a_close_only_closes_are_sent_and_few() {
    let mut peer = Peer::against(Server, Stage::Established);
    let stream = peer.connection().open(Direction::Bidirectional).unwrap();
    peer.connection().write_slice(stream, &[7; 500_000]).unwrap();
    peer.send(OneRtt, &[0x3f]);
    assert_eq!(peer.violation().unwrap().0, Violation::UnknownFrameType);
    let before = peer.received.len();
    for _ in 0..10_000 {
        peer.send(OneRtt, &[0x01]);
    }
    assert!(peer.received.len() - before <= 14, "{}", peer.received.len() - before);
    assert_eq!(peer.received.len() - before, peer.closes().len() - 1, "only closes after the close");
    let count = peer.datagrams.len();
    peer.wait(Duration::from_secs(30));
    assert_eq!(peer.datagrams.len(), count, "no timer sends anything");
    assert!(peer.target.is_empty());
    // In the middle of a batch: half of it is sent, the breach comes, the rest is not sent.
    let mut peer = Peer::against(Server, Stage::Established);
    let stream = peer.connection().open(Direction::Bidirectional).unwrap();
    peer.connection().write_slice(stream, &[7; 500_000]).unwrap();
    let mut buffer = vec![0; 2500];
    let now = peer.now;
    assert!(base::Machine::transmit(&mut peer.target, now, &mut buffer).is_some());
    peer.forget();
    peer.send(OneRtt, &[0x3f]);
    assert_eq!((peer.datagrams.len(), peer.closes().len()), (1, 1));
}

/// RFC 9001 section 4.9.
/// RFC 9001 section 4.9.1-1, 4.9.2-1.
#[test]
fn s19_packets_of_discarded_spaces_are_dropped() {
    for target in [Client, Server] {
        let mut peer = Peer::against(target, Stage::Established);
        if target == Client {
            peer.send_frame(OneRtt, &Frame::HandshakeDone);
        }
        assert!(peer.events.contains(&Event::Confirmed));
        let before = peer.connection().stats().packets_received;
        for kind in [Initial, Handshake] {
            // Not even a violation is seen any more.
            peer.send(kind, &[0x3f]);
        }
        assert_eq!(peer.connection().stats().packets_received, before);
        assert!(peer.is_open());
    }
}

/// ServerHello and what should follow under other keys, in one, in two frames, in two packets and behind a gap.
/// RFC 9001 section 4.1.3-1, 4.1.3-2, 4.1.3-3.
#[test]
fn s20_messages_after_a_key_change_at_the_old_level() {
    // A whole message, and a single byte of none.
    for (pieces, extensions) in (1..=4).flat_map(|pieces| [(pieces, &[8, 0, 0, 2, 0, 0][..]), (pieces, &[0])]) {
        let mut peer = Peer::against(Client, Stage::Begun);
        let hello = peer.take_crypto(Level::Initial);
        let end = hello.len() as u64;
        match pieces {
            1 => peer.send(Initial, &crypto(0, &[&hello[..], extensions].concat())),
            2 => peer.send(Initial, &[crypto(0, &hello), crypto(end, extensions)].concat()),
            3 => {
                peer.send(Initial, &crypto(0, &hello));
                peer.forget();
                peer.send(Initial, &crypto(end, extensions));
            }
            // Behind a gap, so that TLS is never given it.
            _ => {
                peer.send(Initial, &crypto(0, &hello));
                peer.send(Initial, &crypto(end + 1, extensions));
            }
        }
        assert_eq!(peer.violation(), Some((Violation::CryptoAtOldLevel, 0x06)), "{pieces}: {extensions:?}");
        assert!(!peer.events.contains(&Event::Established));
    }
    // A server is told more at the Initial level than its ClientHello; and 1-RTT bytes at the Handshake level.
    let mut peer = Peer::against(Server, Stage::Keys);
    let offset = peer.crypto_offset(Initial, 0);
    peer.send(Initial, &crypto(offset, &[1, 0, 0, 0]));
    assert_eq!(peer.violation(), Some((Violation::CryptoAtOldLevel, 0x06)));
    let mut peer = Peer::against(Client, Stage::Established);
    let offset = peer.crypto_offset(Handshake, 0);
    peer.send(Handshake, &crypto(offset, &[4, 0, 0, 0]));
    assert_eq!(peer.violation(), Some((Violation::CryptoAtOldLevel, 0x06)));
}

/// S18: while several paths are active, and the window holds nothing more, the client retires every ID but the one that it sends to,
/// again and again. Each round ends, no more are out than the client holds, and it is answered when there is room again.
#[test]
fn s18_every_id_is_retired_while_paths_are_active_and_nothing_fits() {
    let mut peer = Peer::against(Server, Stage::Established);
    let stream = peer.connection().open(Direction::Unidirectional).unwrap();
    while peer.connection().write_slice(stream, &[7; 10_000]).unwrap() > 0 {}
    peer.pump();
    for number in [1, 2, 3] {
        peer.send_frame(OneRtt, &new_id(number, 0));
    }
    let given = |peer: &Peer| {
        peer.frames(|_, frame| match frame {
            Frame::NewConnectionId { sequence_number, connection_id, .. } => Some((*sequence_number, *connection_id)),
            _ => None,
        })
    };
    let mut retired = 0;
    for round in 0..20u16 {
        // Where the client is now: the other addresses are paths that were left.
        let remote = std::net::SocketAddr::new(peer.four_tuple.remote.ip(), 1_000 + round % 5);
        let four_tuple = base::FourTuple { remote, ..peer.four_tuple };
        let (newest, id) = given(&peer).into_iter().max_by_key(|(number, _)| *number).expect("an ID");
        let mut payload = vec![0x01];
        (retired..newest)
            .for_each(|number| payload.extend(encode(&Frame::RetireConnectionId { sequence_number: number })));
        retired = newest;
        let packet = peer.packet(OneRtt, &payload, Tweak { destination: Some(id), ..PLAIN });
        peer.deliver_from(four_tuple, packet);
        // What probes carry, if nothing else may go.
        peer.wait(Duration::from_secs(1));
        let out = given(&peer).into_iter().map(|(number, _)| number).max().unwrap() - retired;
        assert!(peer.is_open() && out < 4, "round {round}: {out} beyond {retired} are out");
    }
    // Four at most were out at first.
    assert!(retired >= 5, "{retired} were retired and replaced");
}
