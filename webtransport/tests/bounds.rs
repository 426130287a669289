//! Ends that want to have much held: each bound on what comes ahead of a session, on what is kept of sessions that come and go, and on what is
//! set aside for them.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

mod support;

use base::{Direction, Side, StreamId, VarInt};
use posthaste_webtransport::{Closed, Config, Event, SessionEvent};
use support::{Act, Pair};

/// M19: sessions that come and go, in whichever way they end, leave nothing at either end, and what was set aside for one serves the next.
#[test]
fn m19_sessions_that_come_and_go_leave_nothing() {
    let config = Config::default();
    let mut pair = Pair::new(&config);
    for round in 0..3000_u32 {
        let session = pair.session();
        for direction in [Direction::Bidirectional, Direction::Unidirectional] {
            let stream = pair.client.open(session, direction);
            pair.client.write(stream, b"and gone");
            let stream = pair.server.open(session, direction);
            pair.server.write(stream, b"and gone");
        }
        pair.run();
        match round % 3 {
            0 => pair.client.close(session, round, "churn"),
            1 => pair.server.close(session, round, &"x".repeat(1024)),
            // What breaks a rule ends it at once: a close that is too long.
            _ => {
                let mut capsule = Vec::new();
                http::capsule::push(&mut capsule, 0x2843, &[0; 1029]);
                let header = [0, 0x40 | (capsule.len() >> 8) as u8, capsule.len() as u8];
                pair.server.hear(&Act::Data(session, [&header[..], &capsule].concat()));
            }
        }
        pair.run();
        assert_eq!((pair.client.sessions.counts(), pair.server.sessions.counts()), ((0, 0, 0), (0, 0, 0)), "{round}");
        for end in [&mut pair.client, &mut pair.server] {
            let told = end.take_events();
            let closed = |event: &&Event| matches!(event, Event::Session(_, SessionEvent::Closed(_)));
            assert_eq!(told.iter().filter(closed).count(), 1, "{round}: {told:?}");
            // What came is of no use any more.
            end.wire.forget();
        }
    }
    let reserved = (config.initial_max_data, [config.max_streams_bidi, config.max_streams_uni]);
    assert_eq!((pair.server.wire.extended, pair.server.wire.extended_streams), reserved);
    assert_eq!((pair.client.wire.extended, pair.client.wire.extended_streams), reserved);
}

/// M19: a peer that opens streams ahead of a session and gives them up, as often as it likes, fills nothing: neither the places nor the bytes
/// of those that may wait.
#[test]
fn m19_early_streams_that_are_given_up_leave_their_room() {
    let config = Config { max_early_streams: 2, max_early_data: 100, ..Config::default() };
    let mut pair = Pair::new(&config);
    let session = pair.client.ask().unwrap();
    let request: Vec<Act> = std::mem::take(&mut pair.client.wire.acts);
    let early = |index: u64, direction: Direction| {
        // The first of each kind are the request and the streams of HTTP/3.
        let id = StreamId::new(Side::Client, direction, 3 + index).unwrap();
        let signal = if direction == Direction::Bidirectional { 0x41 } else { 0x54 };
        (id, Act::Data(id, [&[0x40, signal, session.value() as u8][..], &[7; 80]].concat()))
    };
    // Whoever opens a stream opens those before it, of which nothing has come.
    pair.server.hear(&Act::Data(session, Vec::new()));
    for index in 0..10_000 {
        for direction in [Direction::Bidirectional, Direction::Unidirectional] {
            let (id, data) = early(index, direction);
            pair.server.hear(&data);
            assert_eq!(pair.server.sessions.counts(), (0, 0, 1), "{index}");
            pair.server.hear(&Act::Reset(id, 0, 83));
            assert_eq!(pair.server.sessions.counts(), (0, 0, 0), "{index}");
        }
        pair.server.wire.forget();
    }
    // There is room for the one that is meant.
    let (id, data) = early(10_000, Direction::Unidirectional);
    pair.server.hear(&data);
    request.iter().for_each(|act| pair.server.hear(act));
    pair.server.accept_session(session).unwrap();
    assert_eq!(pair.server.accept(session, Direction::Unidirectional), Some(id));
    assert_eq!(pair.server.read(id).0, [7; 80]);
}

/// M19: sessions that are asked for, given streams and datagrams in advance, and refused or given up before they begin: nothing of them is left,
/// nothing was set aside for them, and what came for them is not wanted.
#[test]
fn m19_sessions_that_never_begin_take_what_came_for_them() {
    let config = Config::default();
    let mut pair = Pair::new(&config);
    for round in 0..3000_u64 {
        let session = pair.client.ask().unwrap();
        let request: Vec<Act> = std::mem::take(&mut pair.client.wire.acts);
        let mut session_number = Vec::new();
        base::writer::push_varint(&mut session_number, VarInt::new(session.value()).unwrap());
        let streams = [0, 1, 2].map(|place| {
            let id = StreamId::new(Side::Client, Direction::Unidirectional, (1 << 18) + 3 * round + place).unwrap();
            pair.server.hear(&Act::Data(id, [&[0x40, 0x54][..], &session_number, b"early"].concat()));
            id
        });
        let mut quarter = Vec::new();
        base::writer::push_varint(&mut quarter, VarInt::new(session.value() / 4).unwrap());
        pair.server.hear(&Act::Datagram([&quarter[..], b"early"].concat()));
        request.iter().for_each(|act| pair.server.hear(act));
        if round % 2 == 0 {
            pair.server.with(|sessions, http, wire| {
                sessions.on_refused(http, wire, session);
                http.send_response(wire, session, &http::ResponseHead::new(http::Status::NOT_FOUND), true).unwrap();
            });
        } else {
            pair.server.hear(&Act::Reset(session, 0x10c, 0));
        }
        assert_eq!(pair.server.sessions.counts(), (0, 0, 0), "{round}");
        for id in streams {
            assert!(pair.server.wire.log.iter().any(|act| matches!(act, Act::Stop(of, _) if *of == id)), "{round}");
        }
        pair.server.take_events();
        pair.client.hear(&Act::Reset(session, 0x10c, 0));
        pair.client.take_events();
        pair.client.wire.acts.clear();
        pair.server.wire.acts.clear();
        [&mut pair.client, &mut pair.server].into_iter().for_each(|end| end.wire.forget());
    }
    assert_eq!((pair.server.wire.extended, pair.server.wire.extended_streams), (0, [0, 0]));
    assert!(pair.server.wire.closed.is_none());
}

/// draft-ietf-webtrans-http3 section 4.6-5: of datagrams that are faster than their session the newest few wait.
#[test]
fn early_datagrams_are_few() {
    let mut pair = Pair::new(&Config::default());
    let session = pair.client.ask().unwrap();
    let request: Vec<Act> = std::mem::take(&mut pair.client.wire.acts);
    for number in 0..10_000_u32 {
        let mut datagram = vec![session.value() as u8 / 4];
        datagram.extend(number.to_be_bytes());
        pair.server.hear(&Act::Datagram(datagram));
    }
    request.iter().for_each(|act| pair.server.hear(act));
    pair.server.accept_session(session).unwrap();
    let read = std::iter::from_fn(|| pair.server.with(|s, http, _| s.read_datagram(http, session)));
    let expected = (10_000_u32 - 16..10_000).map(|number| number.to_be_bytes().to_vec());
    assert_eq!(read.map(|bytes| bytes.to_vec()).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

/// The longest message of a close arrives whole; one byte more breaks the session, and a longer one of this side's is cut between characters.
#[test]
fn messages_of_a_close_are_as_long_as_they_may_be() {
    for (said, heard) in
        [("x".repeat(1024), "x".repeat(1024)), (format!("x{}", "ö".repeat(1000)), format!("x{}", "ö".repeat(511)))]
    {
        let mut pair = Pair::new(&Config::default());
        let session = pair.session();
        pair.client.close(session, u32::MAX, &said);
        pair.run();
        let closed = Closed::There { code: u32::MAX, reason: heard };
        assert!(pair.server.take_events().contains(&Event::Session(session, SessionEvent::Closed(closed))));
    }
}

/// draft-ietf-webtrans-http3 section 5.1-1, 8-1: what each session may hold is set aside beside what the connection has for others, and grows
/// with what is read as far as the transport gives more.
#[test]
fn what_sessions_may_hold_is_set_aside() {
    let config = Config { initial_max_data: 1000, max_data: 10_000, ..Config::default() };
    let mut pair = Pair::new(&config);
    let sessions = [pair.session(), pair.session(), pair.session()];
    let wire = &pair.server.wire;
    assert_eq!((wire.extended, wire.extended_streams), (3000, [300, 300]));
    // One that is over makes room for the next.
    pair.client.close(sessions[2], 0, "");
    pair.run();
    let next = pair.session();
    assert_eq!(pair.server.wire.extended, 3000);
    // One that is read grows to what the connection's own window has grown to.
    let stream = pair.client.open(next, Direction::Unidirectional);
    let flow = |pair: &mut Pair, count: usize| {
        assert_eq!(pair.client.write(stream, &vec![7; count + 1]), 1, "{count} and no more");
        pair.run();
        pair.server.take_events();
        pair.server.accept(next, Direction::Unidirectional);
        let mut read = pair.server.read(stream).0.len();
        while read < count {
            read += pair.server.read(stream).0.len();
        }
        pair.run();
        pair.client.take_events();
    };
    flow(&mut pair, 1000);
    assert_eq!(pair.server.wire.extended, 3000, "the connection's window is none");
    pair.server.wire.window = 4000;
    flow(&mut pair, 1000);
    assert_eq!(pair.server.wire.extended, 6000);
    pair.server.wire.window = 1 << 30;
    flow(&mut pair, 4000);
    assert_eq!(pair.server.wire.extended, 12_000, "no more than 10,000 for one");
    // Where the transport gives nothing more, a session keeps what it has.
    pair.server.wire.most_extended = 13_000;
    let stream = pair.client.open(sessions[0], Direction::Unidirectional);
    for count in [1000, 2000, 2000] {
        assert_eq!(pair.client.write(stream, &vec![7; count + 1]), 1, "{count} and no more");
        pair.run();
        pair.server.accept(sessions[0], Direction::Unidirectional);
        while !pair.server.read(stream).0.is_empty() {}
        pair.run();
        pair.client.take_events();
    }
    assert_eq!(pair.server.wire.extended, 13_000);
    // All of them together have four times what one may, whatever the transport would give.
    let mut pair = Pair::new(&Config { max_sessions: 20, ..config });
    pair.server.wire.window = 1 << 30;
    for _ in 0..8 {
        let session = pair.session();
        let stream = pair.client.open(session, Direction::Unidirectional);
        pair.client.write(stream, &[7; 1000]);
        pair.run();
        pair.server.accept(session, Direction::Unidirectional);
        while !pair.server.read(stream).0.is_empty() {}
        pair.run();
    }
    assert!((40_000..=44_000).contains(&pair.server.wire.extended), "{}", pair.server.wire.extended);
}
