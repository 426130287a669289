//! Sessions between two ends in memory, that keep the rules.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

mod support;

use base::{Direction, Side, StreamId};
use posthaste_webtransport::{
    Closed, Config, Event, OpenError, ReadStream, SessionEvent, StreamError, StreamEvent, codes,
};
use support::{Act, Pair};

const BOTH: [Direction; 2] = [Direction::Bidirectional, Direction::Unidirectional];
const SIDES: [Side; 2] = [Side::Client, Side::Server];

fn closed(session: StreamId, closed: Closed) -> Event {
    Event::Session(session, SessionEvent::Closed(closed))
}

/// draft-ietf-webtrans-http3 section 4.2-1, 4.2-2, 4.3-1, 4.3-2: streams begin as they have to, or the other end would not find them.
/// M19: a million streams leave nothing behind; here some thousands of each kind and opener, one after the other and at once.
#[test]
fn m19_streams_of_every_kind_are_echoed_and_leave_nothing_behind() {
    let config = Config { max_streams_uni: 128, max_streams_bidi: 128, ..Config::default() };
    let mut pair = Pair::new(&config);
    let session = pair.session();
    for side in SIDES {
        for round in 0..40_u8 {
            let mut open = Vec::new();
            for number in 0..64_u8 {
                let (from, _) = pair.ends(side);
                for direction in BOTH {
                    let id = from.open(session, direction);
                    let content = vec![round ^ number; usize::from(number) * 11 + 1];
                    assert_eq!(from.write(id, &content), 0);
                    from.finish(id);
                    open.push((id, content));
                }
            }
            pair.run();
            for (id, content) in &open {
                let (_, to) = pair.ends(side);
                assert_eq!(to.accept(session, id.direction()), Some(*id));
                assert_eq!(to.read(*id), (content.clone(), ReadStream::Finished));
                if id.direction() == Direction::Bidirectional {
                    assert_eq!(to.write(*id, content), 0);
                    to.finish(*id);
                }
            }
            pair.run();
            for (id, content) in &open {
                let (from, _) = pair.ends(side);
                if id.direction() == Direction::Bidirectional {
                    assert_eq!(from.read(*id), (content.clone(), ReadStream::Finished));
                }
            }
            pair.run();
            for end in [&mut pair.client, &mut pair.server] {
                assert_eq!((end.sessions.counts(), end.http.data_stream_count()), ((1, 0, 0), 0));
                end.take_events();
            }
        }
    }
    let stats = pair.client.with(|sessions, http, _| sessions.stats(http, session)).unwrap();
    assert_eq!((stats.opened, stats.accepted, stats.read), (5120, 5120, stats.written));
}

/// draft-ietf-webtrans-http3 section 4.4-1, 4.4-2, 4.4-3, 4.4-4: codes arrive as they were said, whoever opened the stream.
#[test]
fn resets_and_stops_arrive_with_their_codes() {
    for side in SIDES {
        for code in [0, 29, 30, 255, u32::MAX] {
            let mut pair = Pair::new(&Config::default());
            let session = pair.session();
            let (from, to) = pair.ends(side);
            let id = from.open(session, Direction::Bidirectional);
            from.write(id, b"some");
            from.reset(id, code);
            from.stop(id, code ^ 1);
            to.take_events();
            pair.run();
            let (from, to) = pair.ends(side);
            assert_eq!(to.accept(session, Direction::Bidirectional), Some(id));
            let events = to.take_events();
            assert!(events.contains(&Event::Stream(id, StreamEvent::Stopped(Some(code ^ 1)))), "{events:?}");
            assert_eq!(to.read(id).1, ReadStream::Reset(Some(code)));
            assert_eq!((to.sessions.counts().1, from.sessions.counts().1), (0, 0));
        }
    }
}

/// Whoever takes a stream late still learns that the other end wants no more of it.
#[test]
fn stops_that_come_before_a_stream_is_taken() {
    let mut pair = Pair::new(&Config::default());
    let session = pair.session();
    let id = pair.client.open(session, Direction::Bidirectional);
    pair.client.write(id, b"some");
    pair.client.stop(id, 9);
    pair.run();
    assert_eq!(pair.server.accept(session, Direction::Bidirectional), Some(id));
    assert_eq!(pair.server.sessions.stopped(id), Some(Some(9)));
    let mut data = base::Bytes::from_static(b"late");
    let written = pair.server.with(|sessions, http, wire| sessions.write(http, wire, id, &mut data));
    assert_eq!((written, data.len()), (Err(StreamError::Stopped(Some(9))), 4));
    assert_eq!(pair.server.read(id).0, b"some");
}

/// draft-ietf-webtrans-http3 section 4.4-6: a code that is none of an application's is a reset all the same.
#[test]
fn codes_of_others_are_no_codes_of_applications() {
    let mut pair = Pair::new(&Config::default());
    let session = pair.session();
    let id = pair.client.open(session, Direction::Bidirectional);
    pair.run();
    pair.server.hear(&Act::Reset(id, 0x10c, 3));
    pair.server.hear(&Act::Stop(id, 0x10c));
    assert_eq!(pair.server.read(id).1, ReadStream::Reset(None));
    assert!(pair.server.take_events().contains(&Event::Stream(id, StreamEvent::Stopped(None))));
}

/// draft-ietf-webtrans-http3 section 6-1, 6-3, 6-7, 6-9: both get code and message; all streams are given up with a code of their own.
#[test]
fn a_close_reaches_the_other_end_and_ends_every_stream() {
    for side in SIDES {
        let mut pair = Pair::new(&Config::default());
        let session = pair.session();
        let other = pair.session();
        let (from, to) = pair.ends(side);
        let ids = [from.open(session, BOTH[0]), from.open(session, BOTH[1]), to.open(session, BOTH[0])];
        let stays = from.open(other, BOTH[0]);
        pair.run();
        let (from, to) = pair.ends(side);
        from.take_events();
        to.take_events();
        from.close(session, 77, "that is all");
        let here = Closed::Here { code: 77, reason: "that is all".into() };
        assert_eq!(from.take_events(), [closed(session, here)]);
        for id in ids {
            let gone = codes::SESSION_GONE.value();
            let sends = id.is_sent_by(side);
            let is_reset =
                from.wire.log.iter().any(|act| matches!(act, Act::Reset(of, code, _) if *of == id && *code == gone));
            let is_stopped = from.wire.log.contains(&Act::Stop(id, gone));
            assert_eq!((is_reset, is_stopped), (sends, id.is_received_by(side)), "{id:?}");
        }
        assert_eq!(from.with(|s, http, wire| s.open(http, wire, session, BOTH[0])), Err(OpenError::Gone));
        assert!(from.with(|s, http, wire| s.send_datagram(http, wire, session, b"x")).is_err());
        pair.run();
        let (from, to) = pair.ends(side);
        let there = Closed::There { code: 77, reason: "that is all".into() };
        assert_eq!(to.take_events(), [closed(session, there)]);
        assert!(from.take_events().is_empty());
        // The other session is as it was.
        assert_eq!(from.write(stays, b"still here"), 0);
        pair.run();
        let (from, to) = pair.ends(side);
        assert_eq!(to.accept(other, BOTH[0]), Some(stays));
        assert_eq!(to.read(stays).0, b"still here");
        assert_eq!((from.sessions.counts(), to.sessions.counts()), ((1, 1, 0), (1, 1, 0)));
    }
}

/// draft-ietf-webtrans-http3 section 6-12: an end without a word is a close with nothing to say; a longer message is cut.
#[test]
fn ends_without_a_word_and_messages_that_are_long() {
    let mut pair = Pair::new(&Config::default());
    let session = pair.session();
    pair.server.hear(&Act::Finish(session));
    let silent = Closed::There { code: 0, reason: String::new() };
    assert!(pair.server.take_events().contains(&closed(session, silent)));
    let mut pair = Pair::new(&Config::default());
    let session = pair.session();
    pair.client.close(session, 1, &"ä".repeat(1000));
    pair.run();
    let there = Closed::There { code: 1, reason: "ä".repeat(512) };
    assert!(pair.server.take_events().contains(&closed(session, there)));
    assert_eq!((pair.client.sessions.counts(), pair.server.sessions.counts()), ((0, 0, 0), (0, 0, 0)));
}

/// A session that this side has closed is heard of no more, while the other end's answer is waited for: not of datagrams that are still on
/// their way, and not of streams that could be opened.
#[test]
fn what_is_over_is_heard_of_no_more() {
    let mut pair = Pair::new(&Config::default());
    let session = pair.session();
    pair.client.wire.may_open = [0; 2];
    for direction in [Direction::Bidirectional, Direction::Unidirectional] {
        assert!(pair.client.with(|s, http, wire| s.open(http, wire, session, direction)).is_err());
    }
    pair.client.take_events();
    pair.client.close(session, 3, "enough");
    let end = Closed::Here { code: 3, reason: "enough".into() };
    assert_eq!(pair.client.take_events(), [closed(session, end)]);
    pair.client.hear(&Act::Datagram(vec![session.value() as u8 / 4, 1, 2, 3]));
    for direction in [Direction::Bidirectional, Direction::Unidirectional] {
        pair.client.with(|sessions, _, _| sessions.on_streams_available(direction));
    }
    pair.client.with(|sessions, _, _| sessions.on_datagrams_changed());
    assert_eq!(pair.client.take_events(), []);
    pair.run();
    assert_eq!((pair.client.take_events(), pair.client.sessions.counts()), (vec![], (0, 0, 0)));
}

/// M20: a close returns at once though the other end takes nothing, and what is left of it can be given up.
#[test]
fn m20_a_close_waits_for_nobody() {
    let mut pair = Pair::new(&Config::default());
    let session = pair.session();
    pair.server.wire.room.insert(session.value(), 0);
    pair.server.close(session, 5, "bye");
    assert!(matches!(pair.server.take_events()[..], [Event::Session(_, SessionEvent::Closed(Closed::Here { .. }))]));
    assert!(pair.server.sessions.is_lingering(session) && pair.server.settled.is_empty());
    pair.server.with(|sessions, http, wire| sessions.abandon_session(http, wire, session));
    assert_eq!((pair.server.sessions.counts(), &pair.server.settled[..]), ((0, 0, 0), &[session][..]));
    pair.run();
    let events = pair.client.take_events();
    assert!(matches!(events.last(), Some(Event::Session(_, SessionEvent::Closed(Closed::Reset(_))))), "{events:?}");
    assert_eq!(pair.client.sessions.counts(), (0, 0, 0));
}

/// A close that waits for room goes when there is some, in pieces of any size.
#[test]
fn capsules_wait_for_room() {
    for size in 1..40 {
        let mut pair = Pair::new(&Config::default());
        let session = pair.session();
        pair.server.wire.room.insert(session.value(), 0);
        pair.server.with(|sessions, http, wire| sessions.drain(http, wire, session));
        pair.server.close(session, 5, "goodbye, and thank you");
        while pair.server.sessions.is_lingering(session) {
            pair.server.wire.room.insert(session.value(), size);
            let server = &mut pair.server;
            server.http.on_stream_writable(&mut server.wire, session);
            server.pump();
            pair.run();
        }
        pair.run();
        let events = pair.client.take_events();
        let there = Closed::There { code: 5, reason: "goodbye, and thank you".into() };
        assert_eq!(events.last(), Some(&closed(session, there)), "{size}");
    }
}

#[test]
fn datagrams_go_both_ways_and_belong_to_their_session() {
    let mut pair = Pair::new(&Config::default());
    let sessions = [pair.session(), pair.session()];
    for side in SIDES {
        for (number, session) in sessions.into_iter().enumerate() {
            let (from, to) = pair.ends(side);
            to.take_events();
            let content = [number as u8; 100];
            from.with(|s, http, wire| s.send_datagram(http, wire, session, &content)).unwrap();
            pair.run();
            let (_, to) = pair.ends(side);
            assert_eq!(to.take_events(), [Event::Session(session, SessionEvent::Datagram)]);
            let read = to.with(|s, http, _| s.read_datagram(http, session));
            assert_eq!(read.as_deref(), Some(&content[..]));
            assert_eq!(to.with(|s, http, _| s.read_datagram(http, session)), None);
        }
    }
}

/// draft-ietf-webtrans-http3 section 4.7-1, 4.7-2: a session that is asked to end goes on.
#[test]
fn who_is_asked_to_end_may_go_on() {
    let mut pair = Pair::new(&Config::default());
    let session = pair.session();
    pair.client.take_events();
    pair.server.with(|sessions, http, wire| sessions.drain(http, wire, session));
    pair.run();
    assert_eq!(pair.client.take_events(), [Event::Session(session, SessionEvent::Draining)]);
    for _ in 0..2 {
        let server = &mut pair.server;
        server.http.shutdown(&mut server.wire);
        pair.run();
    }
    let draining = Event::Session(session, SessionEvent::Draining);
    assert_eq!(pair.client.take_events(), [draining.clone(), draining]);
    let another = http::RequestHead::get("https://a.example/").unwrap();
    assert!(pair.client.with(|_, http, wire| http.send_request(wire, &another, true)).is_err());
    let id = pair.client.open(session, BOTH[0]);
    pair.client.write(id, b"after all");
    pair.run();
    assert_eq!(pair.server.accept(session, BOTH[0]), Some(id));
    assert_eq!(pair.server.read(id).0, b"after all");
}

/// Requests of other kinds go on beside sessions.
#[test]
fn plain_requests_beside_sessions() {
    let mut pair = Pair::new(&Config::default());
    let session = pair.session();
    let head = http::RequestHead::get("https://a.example/page").unwrap();
    let id = pair.client.with(|_, http, wire| http.send_request(wire, &head, true)).unwrap();
    pair.run();
    let answer = http::ResponseHead::new(http::Status::OK);
    pair.server.with(|_, http, wire| http.send_response(wire, id, &answer, true)).unwrap();
    pair.run();
    assert!(pair.client.responses.iter().any(|(of, _)| *of == id));
    let stream = pair.server.open(session, BOTH[1]);
    pair.server.write(stream, b"news");
    pair.run();
    assert_eq!(pair.client.read(stream).0, b"news");
}

/// The connection ends: so does every session, and nothing is left.
#[test]
fn the_end_of_the_connection_is_the_end_of_its_sessions() {
    let mut pair = Pair::new(&Config::default());
    let sessions = [pair.session(), pair.session()];
    pair.client.open(sessions[0], BOTH[0]);
    pair.run();
    pair.server.take_events();
    pair.server.hear(&Act::Close(0x100, ""));
    assert_eq!(pair.server.take_events(), sessions.map(|session| closed(session, Closed::Connection)));
    assert_eq!(pair.server.sessions.counts(), (0, 0, 0));
}
