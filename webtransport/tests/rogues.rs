//! Ends that keep no rule: what they say brings down a session at most, and what they send is bounded.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

mod support;

use base::{Direction, Side, StreamId, VarInt};
use http::capsule;
use posthaste_webtransport::{
    Closed, Config, Event, NoSession, ReadStream, SessionEvent, StreamEvent, Version, Violation, codes,
};
use support::{Act, End, Pair, http};

const BOTH: [Direction; 2] = [Direction::Bidirectional, Direction::Unidirectional];
const MAX_DATA: u64 = 0x190b_4d3d;
const MAX_STREAMS: [u64; 2] = [0x190b_4d3f, 0x190b_4d40];

fn id(value: u64) -> StreamId {
    StreamId::from_varint(VarInt::new(value).unwrap())
}

/// A DATA frame.
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0];
    base::writer::push_varint(&mut out, VarInt::new(payload.len() as u64).unwrap());
    out.extend_from_slice(payload);
    out
}

/// A capsule in a DATA frame.
fn said(kind: u64, payload: &[u8]) -> Vec<u8> {
    let mut capsules = Vec::new();
    capsule::push(&mut capsules, kind, payload);
    frame(&capsules)
}

fn number(value: u64) -> Vec<u8> {
    (value | 0b11 << 62).to_be_bytes().to_vec()
}

/// The session is over for this breach, its request is reset with the code of it, the other session is as it was, and so is the
/// connection.
#[track_caller]
fn assert_broken(pair: &mut Pair, session: StreamId, other: StreamId, violation: Violation) {
    let closed = Event::Session(session, SessionEvent::Closed(Closed::Breach(violation)));
    assert!(pair.server.take_events().contains(&closed), "{violation:?}");
    let code = violation.code().value();
    let is_reset = |act: &Act| matches!(act, Act::Reset(of, with, _) if *of == session && *with == code);
    assert!(pair.server.wire.log.iter().any(is_reset), "{violation:?}");
    assert_eq!(pair.server.wire.closed, None);
    assert_eq!(pair.server.sessions.counts().0, 1);
    let stream = pair.client.open(other, BOTH[0]);
    pair.client.write(stream, b"unharmed");
    pair.run();
    assert_eq!(pair.server.accept(other, BOTH[0]), Some(stream));
    assert_eq!(pair.server.read(stream).0, b"unharmed");
}

fn two() -> (Pair, StreamId, StreamId) {
    let mut pair = Pair::new(&Config::default());
    let sessions = (pair.session(), pair.session());
    (pair, sessions.0, sessions.1)
}

/// Each breach by a capsule, in pieces of one byte and whole.
///
/// draft-ietf-webtrans-http3 section 5.4-1, 5.6.2-1, 5.6.2-4, 5.6.4-3, 6-6, 6-11.
#[test]
fn capsules_that_break_a_rule_break_their_session() {
    let bye = said(0x2843, &[0, 0, 0, 1, b'x']);
    let cases = [
        (said(0x2843, &[0; 1029]), Violation::CloseTooLong),
        (said(0x2843, &[0; 3]), Violation::CloseMalformed),
        (said(0x2843, &[0, 0, 0, 0, 0xff]), Violation::CloseMalformed),
        (said(0x78ae, &[1]), Violation::CapsuleMalformed),
        (said(0x190b_4d3e, &[0, 1]), Violation::StreamDataCapsule),
        (said(0x190b_4d42, &[0, 1]), Violation::StreamDataCapsule),
        (said(MAX_STREAMS[0], &number((1 << 60) + 1)), Violation::LimitTooLarge),
        ([said(MAX_DATA, &[9]), said(MAX_DATA, &[9])].concat(), Violation::LimitNotRaised),
        ([said(MAX_STREAMS[1], &[9]), said(MAX_STREAMS[1], &[8])].concat(), Violation::LimitNotRaised),
    ];
    for (bytes, violation) in cases {
        for size in [1, bytes.len()] {
            let (mut pair, session, other) = two();
            for piece in bytes.chunks(size) {
                pair.server.hear(&Act::Data(session, piece.to_vec()));
            }
            assert_broken(&mut pair, session, other, violation);
        }
    }
    // After a close the session is over; what follows is a breach of a stream that nobody uses any more.
    let (mut pair, session, _) = two();
    pair.server.hear(&Act::Data(session, [bye, said(0x78ae, &[])].concat()));
    let there = Closed::There { code: 1, reason: "x".into() };
    assert!(pair.server.take_events().contains(&Event::Session(session, SessionEvent::Closed(there))));
    let code = Violation::AfterClose.code().value();
    assert!(
        pair.server
            .wire
            .log
            .iter()
            .any(|act| matches!(act, Act::Reset(of, with, _) if *of == session && *with == code))
    );
    assert_eq!(pair.server.sessions.counts().0, 1);
}

/// RFC 9297 section 3.3-5.
#[test]
fn a_session_that_ends_within_a_capsule_is_broken() {
    let mut whole = Vec::new();
    capsule::push(&mut whole, 0x2843, &[0, 0, 0, 1, b'b', b'y', b'e']);
    for cut in 1..whole.len() {
        let (mut pair, session, other) = two();
        pair.server.hear(&Act::Data(session, frame(&whole[..cut])));
        pair.server.hear(&Act::Finish(session));
        assert_broken(&mut pair, session, other, Violation::CapsuleTruncated);
    }
}

/// draft-ietf-webtrans-http3 section 5.6.2-3, 5.6.4-2.
#[test]
fn more_streams_or_data_than_allowed_break_the_session() {
    let config = Config { max_streams_uni: 3, max_streams_bidi: 3, max_data: 100, ..Config::default() };
    for (signal, first) in [(0x41, 1 << 20), (0x54, (1 << 20) + 2)] {
        let mut pair = Pair::new(&config);
        let (session, other) = (pair.session(), pair.session());
        for number in 0..4 {
            let header = vec![0x40, signal, session.value() as u8];
            pair.server.hear(&Act::Data(id(first + 4 * number), header));
        }
        assert_broken(&mut pair, session, other, Violation::TooManyStreams);
    }
    let mut pair = Pair::new(&config);
    let (session, other) = (pair.session(), pair.session());
    pair.server.hear(&Act::Data(id(1 << 20), [&[0x40, 0x41, session.value() as u8][..], &[7; 60]].concat()));
    pair.server.hear(&Act::Data(id((1 << 20) + 4), [&[0x40, 0x41, session.value() as u8][..], &[7; 40]].concat()));
    assert!(pair.server.sessions.is_begun(session));
    pair.server.hear(&Act::Data(id((1 << 20) + 4), vec![7]));
    assert_broken(&mut pair, session, other, Violation::TooMuchData);
    // What a reset says that was sent counts as well.
    let mut pair = Pair::new(&config);
    let (session, other) = (pair.session(), pair.session());
    pair.server.hear(&Act::Data(id(1 << 20), vec![0x40, 0x41, session.value() as u8]));
    pair.server.hear(&Act::Reset(id(1 << 20), 0, 104));
    assert_broken(&mut pair, session, other, Violation::TooMuchData);
}

/// M19 and C4: where nothing limits how many streams a session has, those that are given up before anybody takes them are not kept.
#[test]
fn m19_streams_that_are_given_up_before_they_are_taken_are_not_kept() {
    let config = Config::default();
    let without = h3::WebTransportSettings {
        initial_max_data: 0,
        initial_max_streams_uni: 0,
        initial_max_streams_bidi: 0,
        ..config.settings()
    };
    let other = h3::Config { webtransport: Some(without), ..http(&config) };
    let mut pair = Pair::with_http(&config, other, http(&config));
    let session = pair.session();
    for number in 0..10_000 {
        for (signal, stream) in [(0x41, (1 << 20) + 4 * number), (0x54, (1 << 20) + 2 + 4 * number)] {
            pair.server.hear(&Act::Data(id(stream), vec![0x40, signal, session.value() as u8]));
            pair.server.hear(&Act::Reset(id(stream), 0, 3));
            pair.server.hear(&Act::Stop(id(stream), 0));
        }
        pair.server.take_events();
        assert_eq!(pair.server.sessions.counts(), (1, 0, 0));
    }
    assert!(BOTH.iter().all(|direction| pair.server.accept(session, *direction).is_none()));
    // One that is taken learns of its reset.
    let stream = (1 << 21) + 2;
    pair.server.hear(&Act::Data(id(stream), vec![0x40, 0x54, session.value() as u8]));
    assert_eq!(pair.server.accept(session, Direction::Unidirectional), Some(id(stream)));
    pair.server.hear(&Act::Reset(id(stream), 0x52e4_a40f_a8db, 3));
    assert_eq!(pair.server.read(id(stream)).1, ReadStream::Reset(Some(0)));
    assert_eq!(pair.server.sessions.counts(), (1, 0, 0));
}

/// draft-ietf-webtrans-http3 section 5.6.2-2, 5.6.4-1, 5.6.3-1, 5.6.5-1: this side keeps the limits, says that they hold it back, and
/// goes on when there is more.
#[test]
fn limits_are_kept_and_move_on_as_things_are_done_with() {
    let config = Config { max_streams_uni: 2, max_streams_bidi: 2, max_data: 1000, ..Config::default() };
    let mut pair = Pair::new(&config);
    let session = pair.session();
    for round in 0..50_u8 {
        for direction in BOTH {
            let streams = [pair.client.open(session, direction), pair.client.open(session, direction)];
            let refused = pair.client.with(|s, http, wire| s.open(http, wire, session, direction));
            assert!(refused.is_err());
            // A thousand bytes are allowed, and no more; then what was read makes room.
            assert_eq!(pair.client.write(streams[0], &[round; 1500]), 500, "round {round}");
            pair.run();
            pair.server.take_events();
            assert_eq!(pair.server.accept(session, direction), Some(streams[0]));
            assert_eq!(pair.server.read(streams[0]).0, [round; 1000]);
            pair.client.take_events();
            pair.run();
            assert!(pair.client.take_events().contains(&Event::Stream(streams[0], StreamEvent::Writable)));
            // The others are given up in both ways, and still make room.
            assert_eq!(pair.client.write(streams[0], &[round; 300]), 0);
            pair.client.write(streams[1], &[1; 200]);
            pair.client.reset(streams[1], 9);
            pair.run();
            pair.server.accept(session, direction).unwrap();
            assert_eq!(pair.server.read(streams[1]).1, ReadStream::Reset(Some(9)));
            pair.server.stop(streams[0], 3);
            pair.run();
            if direction == Direction::Bidirectional {
                for stream in streams {
                    pair.server.finish(stream);
                }
                pair.run();
                for stream in streams {
                    assert_eq!(pair.client.read(stream).1, ReadStream::Finished);
                }
            }
            pair.run();
            assert!(pair.client.take_events().contains(&Event::Session(session, SessionEvent::CanOpen(direction))));
            assert_eq!((pair.client.sessions.counts().1, pair.server.sessions.counts().1), (0, 0));
        }
    }
    let blocked = |kind: u64| {
        let mut header = Vec::new();
        base::writer::push_varint(&mut header, VarInt::new(kind).unwrap());
        let says = |act: &Act| matches!(act, Act::Data(of, bytes) if *of == session && bytes.windows(4).any(|w| w == &header[..4]));
        pair.client.wire.log.iter().any(says)
    };
    assert!(blocked(0x190b_4d41) && blocked(0x190b_4d43) && blocked(0x190b_4d44));
}

/// draft-ietf-webtrans-http3 section 3.2-13, 4.6-2, 4.6-3, 4.6-4: streams that are faster than their session wait, as many as may.
#[test]
fn early_streams_wait_for_their_session_and_are_few() {
    let config = Config { max_early_streams: 5, ..Config::default() };
    let mut pair = Pair::new(&config);
    let session = pair.client.ask().unwrap();
    let request: Vec<Act> = std::mem::take(&mut pair.client.wire.acts);
    let streams: Vec<StreamId> = (0..8).map(|number| id((1 << 20) + 2 + 4 * number)).collect();
    for stream in &streams {
        pair.server.hear(&Act::Data(*stream, [&[0x40, 0x54, session.value() as u8][..], b"early"].concat()));
    }
    assert_eq!(pair.server.sessions.counts(), (0, 0, 5));
    let rejected = codes::BUFFERED_STREAM_REJECTED.value();
    let stops: Vec<Act> = pair.server.wire.log.iter().filter(|act| matches!(act, Act::Stop(..))).cloned().collect();
    assert_eq!(stops, [5, 6, 7].map(|place| Act::Stop(streams[place], rejected)));
    // One of them is given up before its session comes.
    pair.server.hear(&Act::Reset(streams[1], 0, 8));
    request.iter().for_each(|act| pair.server.hear(act));
    assert_eq!(pair.server.accept(session, BOTH[1]), None, "not before the session is accepted");
    pair.server.accept_session(session).unwrap();
    for place in [0, 2, 3, 4] {
        assert_eq!(pair.server.accept(session, BOTH[1]), Some(streams[place]));
        assert_eq!(pair.server.read(streams[place]).0, b"early");
    }
    assert_eq!(pair.server.sessions.counts().2, 0);
}

/// draft-ietf-webtrans-http3 section 4.6-3, 4.6-4: what waits for its session holds no more than it may, whenever it comes.
#[test]
fn early_streams_hold_few_bytes() {
    let config = Config { max_early_data: 1000, ..Config::default() };
    let mut pair = Pair::new(&config);
    let session = pair.client.ask().unwrap();
    let request: Vec<Act> = std::mem::take(&mut pair.client.wire.acts);
    let header = [0x40, 0x54, session.value() as u8];
    let streams: Vec<StreamId> = (0..4).map(|number| id((1 << 20) + 2 + 4 * number)).collect();
    let refused = |pair: &Pair| {
        let stops = pair.server.wire.log.iter().filter(|act| matches!(act, Act::Stop(..)));
        stops.cloned().collect::<Vec<Act>>()
    };
    let rejected = |place: usize| Act::Stop(streams[place], codes::BUFFERED_STREAM_REJECTED.value());
    for (place, count) in [(0, 500), (1, 400), (2, 92)] {
        let bytes = [&header[..], &vec![place as u8; count - 3]].concat();
        pair.server.hear(&Act::Data(streams[place], bytes));
    }
    assert_eq!(refused(&pair), []);
    // One more than may be comes on a stream that was there, and on a new one.
    pair.server.hear(&Act::Data(streams[1], vec![1; 9]));
    assert_eq!(refused(&pair), [rejected(1)]);
    pair.server.hear(&Act::Data(streams[3], [&header[..], &[3; 500]].concat()));
    assert_eq!(refused(&pair), [rejected(1), rejected(3)]);
    request.iter().for_each(|act| pair.server.hear(act));
    pair.server.accept_session(session).unwrap();
    for (place, count) in [(0, 497), (2, 89)] {
        assert_eq!(pair.server.accept(session, BOTH[1]), Some(streams[place]));
        assert_eq!(pair.server.read(streams[place]).0, vec![place as u8; count]);
    }
    // Those of a session that has begun are counted by its own limits.
    pair.server.hear(&Act::Data(streams[0], vec![0; 5000]));
    assert_eq!(refused(&pair).len(), 2);
}

/// Streams of sessions that are over, were refused, or never were are given up.
#[test]
fn streams_of_no_session_are_given_up() {
    let (mut pair, session, other) = two();
    pair.client.close(session, 0, "");
    pair.run();
    // Those of a plain request wait until it is known as one.
    let plain = http::RequestHead::get("https://a.example/").unwrap();
    let request = pair.client.with(|_, http, wire| http.send_request(wire, &plain, false)).unwrap();
    let acts = std::mem::take(&mut pair.client.wire.acts);
    let stream = id((1 << 21) + 2);
    pair.server.hear(&Act::Data(stream, vec![0x40, 0x54, request.value() as u8]));
    assert_eq!(pair.server.sessions.counts().2, 1);
    acts.iter().for_each(|act| pair.server.hear(act));
    assert_eq!(pair.server.sessions.counts().2, 0);
    assert!(pair.server.wire.log.contains(&Act::Stop(stream, codes::BUFFERED_STREAM_REJECTED.value())));
    let gone = codes::SESSION_GONE.value();
    for (number, (signal, of)) in [(0x41, session), (0x54, session)].into_iter().enumerate() {
        let stream = id((1 << 20) + if signal == 0x41 { 0 } else { 2 } + 4 * number as u64);
        pair.server.hear(&Act::Data(stream, vec![0x40, signal, of.value() as u8, 1]));
        assert!(pair.server.wire.log.contains(&Act::Stop(stream, gone)));
    }
    // A session that is refused takes what came for it with it.
    let asked = pair.client.ask().unwrap();
    pair.run();
    let stream = id((1 << 22) + 2);
    pair.server.hear(&Act::Data(stream, vec![0x40, 0x54, asked.value() as u8]));
    pair.server.with(|sessions, http, wire| sessions.on_refused(http, wire, asked));
    assert!(pair.server.wire.log.contains(&Act::Stop(stream, gone)));
    assert_eq!(pair.server.sessions.counts(), (1, 0, 0));
    assert!(pair.server.sessions.is_begun(other) && pair.server.wire.closed.is_none());
}

/// The request of a session is broken off by either direction of its stream.
#[test]
fn sessions_that_are_broken_off() {
    for act in [|of| Act::Reset(of, 0x10c, 0), |of| Act::Stop(of, 0x10c)] {
        let (mut pair, session, other) = two();
        pair.server.open(session, BOTH[0]);
        pair.run();
        pair.server.take_events();
        pair.server.hear(&act(session));
        let closed = Event::Session(session, SessionEvent::Closed(Closed::Reset(0x10c)));
        assert_eq!(pair.server.take_events(), [closed]);
        assert_eq!(pair.server.sessions.counts(), (1, 0, 0));
        assert!(pair.server.sessions.is_begun(other));
    }
}

/// draft-ietf-webtrans-http3 section 3.1-2, 3.1-4, 3.1-5, 3.1-7, 4.6-1, 5.1-1, 5.1-2, 5.1-3
/// draft-ietf-webtrans-http3 section 5.1-4, 5.2-2, 7.1-2, 8-1.
#[test]
fn what_both_ends_need_is_asked_for() {
    let config = Config::default();
    let fresh = End::new(Side::Client, config.clone(), http(&config));
    assert_eq!(fresh.sessions.may_ask(&fresh.wire), Err(NoSession::NotYet));
    for change in [
        |http: &mut h3::Config| http.webtransport = None,
        |http: &mut h3::Config| http.datagrams = false,
        |http: &mut h3::Config| http.extended_connect = false,
    ] {
        let mut server = http(&config);
        change(&mut server);
        let mut pair = Pair::with_http(&config, http(&config), server);
        assert_eq!(pair.client.ask(), Err(NoSession::NotSupported));
    }
    let mut pair = Pair::new(&config);
    pair.client.wire.max_datagram = None;
    assert_eq!(pair.client.ask(), Err(NoSession::NotSupported));
    // A server looks at its client in the same way.
    assert_eq!(
        End::new(Side::Server, config.clone(), http(&config)).sessions.may_accept(&fresh.wire, "webtransport-h3"),
        Err(NoSession::NotYet)
    );
    let mut pair = Pair::new(&config);
    let session = pair.client.ask().unwrap();
    pair.run();
    pair.server.wire.max_datagram = None;
    assert_eq!(pair.server.accept_session(session), Err(NoSession::NotSupported));
    pair.server.with(|sessions, http, wire| sessions.reject_session(http, wire, session, NoSession::NotSupported));
    let code = Violation::RequirementsNotMet.code().value();
    assert!(pair.server.wire.log.contains(&Act::Stop(session, code)));
    // As many sessions as are allowed.
    let few = Config { max_sessions: 2, ..Config::default() };
    let mut pair = Pair::new(&few);
    let sessions = [pair.session(), pair.session()];
    assert_eq!(pair.client.ask(), Err(NoSession::TooMany));
    pair.client.close(sessions[0], 0, "");
    pair.run();
    pair.session();
    // Without flow control there is one.
    let none = Config { max_streams_uni: 0, max_streams_bidi: 0, max_data: 0, ..Config::default() };
    let mut pair = Pair::new(&none);
    let session = pair.session();
    assert_eq!(pair.client.ask(), Err(NoSession::TooMany));
    pair.server.hear(&Act::Data(session, [said(MAX_DATA, &[9]), said(MAX_DATA, &[9])].concat()));
    assert!(pair.server.sessions.is_begun(session), "what limits is said means nothing");
    let stream = pair.client.open(session, BOTH[0]);
    assert_eq!(pair.client.write(stream, &[0; 1_000_000]), 0);
    // By earlier drafts as well, whatever the other end says of several.
    for enabled_2 in [true, false] {
        let settings = h3::WebTransportSettings {
            enabled: false,
            max_sessions_13: 0,
            max_sessions_7: if enabled_2 { 0 } else { 5 },
            enabled_2,
            initial_max_data: 0,
            initial_max_streams_uni: 0,
            initial_max_streams_bidi: 0,
            ..config.settings()
        };
        let other = h3::Config { webtransport: Some(settings), ..http(&config) };
        let mut pair = Pair::with_http(&config, other.clone(), http(&config));
        let head = http::RequestHead::extended_connect("webtransport", "https://a.example/wt").unwrap();
        let ask = |end: &mut End| end.with(|_, http, wire| http.send_request(wire, &head, false)).unwrap();
        let sessions = [ask(&mut pair.client), ask(&mut pair.client)];
        pair.run();
        assert!(pair.server.accept_session(sessions[0]).is_ok());
        assert_eq!(pair.server.accept_session(sessions[1]), Err(NoSession::TooMany));
    }
}

/// draft-ietf-webtrans-http3 section 3.1-3, 3.2-1, 7.1-1: the newest draft that both know is spoken.
#[test]
fn drafts_of_others() {
    let config = Config::default();
    let all = config.settings();
    let said = [
        (h3::WebTransportSettings { enabled: false, ..all }, Version::Draft13),
        (h3::WebTransportSettings { enabled: false, max_sessions_13: 0, ..all }, Version::Draft7),
        (h3::WebTransportSettings { enabled: false, max_sessions_13: 0, max_sessions_7: 0, ..all }, Version::Draft2),
        (all, Version::Newest),
    ];
    for (settings, version) in said {
        let other = h3::Config { webtransport: Some(settings), ..http(&config) };
        let mut pair = Pair::with_http(&config, other.clone(), http(&config));
        let head = http::RequestHead::extended_connect(version.token(), "https://a.example/wt").unwrap();
        let session = pair.client.with(|_, http, wire| http.send_request(wire, &head, false)).unwrap();
        pair.run();
        assert_eq!(pair.server.accept_session(session), Ok(version));
        let mut pair = Pair::with_http(&config, http(&config), other);
        assert_eq!(pair.client.sessions.may_ask(&pair.client.wire), Ok(version));
        let session = pair.client.ask().unwrap();
        pair.run();
        assert_eq!(pair.server.accept_session(session).is_ok(), version != Version::Newest || settings.enabled);
    }
    // The newest needs resets behind a part that arrives.
    let mut pair = Pair::new(&config);
    pair.client.wire.knows_reset_at = false;
    assert_eq!(pair.client.sessions.may_ask(&pair.client.wire), Ok(Version::Draft13));
    let mut fields = http::Fields::new();
    Version::Draft2.on_request(&mut fields);
    Version::Draft2.on_answer(&mut fields);
    assert_eq!(fields.first_text("sec-webtransport-http3-draft02"), Some("1"));
    assert_eq!(fields.first_text("sec-webtransport-http3-draft"), Some("draft02"));
    pair.session();
}

/// draft-ietf-webtrans-http3 section 3.3-9, 3.3-10.
#[test]
fn a_protocol_that_was_not_offered_ends_the_session() {
    let mut pair = Pair::new(&Config::default());
    let session = pair.client.ask().unwrap();
    pair.client.with(|sessions, http, wire| sessions.fail_protocol(http, wire, session));
    let closed = Closed::Breach(Violation::ProtocolNotOffered);
    assert_eq!(pair.client.take_events(), [Event::Session(session, SessionEvent::Closed(closed))]);
    assert!(pair.client.wire.log.iter().any(|act| matches!(act, Act::Reset(_, 0x0817_b3dd, _))));
}

/// Whatever bytes a client sends on the streams of a session, in whatever pieces, break the session or the connection, and nothing else.
#[test]
fn no_change_of_a_byte_breaks_anything_else() {
    let mut capsules = Vec::new();
    for (kind, payload) in [(MAX_DATA, number(1 << 40)), (MAX_STREAMS[0], number(1 << 20)), (0x78ae, Vec::new())] {
        capsule::push(&mut capsules, kind, &payload);
    }
    let whole = frame(&capsules);
    for place in 0..whole.len() {
        for byte in 0..=255 {
            let (mut pair, session, _) = two();
            let mut changed = whole.clone();
            changed[place] = byte;
            for piece in changed.chunks(5) {
                pair.server.hear(&Act::Data(session, piece.to_vec()));
            }
            pair.server.hear(&Act::Finish(session));
            let (sessions, streams, early) = pair.server.sessions.counts();
            assert!(sessions <= 1 && streams == 0 && early == 0, "{place} {byte}");
        }
    }
}
