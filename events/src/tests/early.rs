//! Early data: nothing but pings is sent in it and answered of it, however often it comes.

use super::server::Shared;
use crate::bucket::Rate;
use crate::code::ErrorCode;
use crate::event::Event;
use crate::frame::{Frame, FrameReader};
use crate::messages::{Auth, Ping, Publish};
use crate::protobuf::Message;
use crate::session::client::{Client, Config, Output, Told};
use crate::session::server::{Limits, Output as Wanted, Session};
use crate::session::{End as _, ToSend};
use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use base::{Bytes, Duration, Instant};
use sim::SeededRandom;

const START: Instant = Instant::from_nanos(1_000_000_000);

fn early_session() -> Session<Rc<Shared>> {
    Session::new_early(Shared::new(Rate { per_second: 0, burst: 0 }), Limits::default(), 1, START)
}

fn auth() -> Frame {
    Auth { client_id: "both".into(), token: "both-secret".into(), ..Auth::default() }.into()
}

fn publish() -> Frame {
    let event = Event { id: "a".into(), kind: "test".into(), ..Event::default() };
    Publish { request: 1, namespace: "orders".into(), events: Vec::from([event.encoded().into()]) }.into()
}

fn joined(frames: &[Frame]) -> Vec<u8> {
    frames.iter().flat_map(|frame| frame.encoded().to_vec()).collect()
}

/// What a session answers on a stream, and what it wants beside that.
fn outcome(session: &mut Session<Rc<Shared>>, stream: u64) -> (Vec<Frame>, Vec<Wanted>) {
    let (mut reader, mut frames, mut wanted) = (FrameReader::new(1 << 20), Vec::new(), Vec::new());
    while let Some(output) = session.poll_output() {
        if !matches!(output, Wanted::Ready(_)) {
            wanted.push(output);
        }
    }
    while let Some(to_send) = session.poll_send(stream) {
        let ToSend::Bytes(bytes) = to_send else { panic!("the stream goes on: {to_send:?}") };
        reader.push(bytes);
    }
    while let Some(frame) = reader.next_frame().unwrap() {
        frames.push(frame);
    }
    (frames, wanted)
}

fn names(frames: &[Frame]) -> Vec<&'static str> {
    frames.iter().map(Frame::name).collect()
}

/// The client of `early` data sends these bytes, and goes on when it is known to be there.
fn after(early: &[u8]) -> (Session<Rc<Shared>>, Vec<Frame>) {
    let mut session = early_session();
    session.on_stream(0);
    session.receive(START, 0, Bytes::copy_from_slice(early));
    let (frames, wanted) = outcome(&mut session, 0);
    assert_eq!(wanted, [], "nothing is asked of the store, nobody has come, nothing is closed");
    (session, frames)
}

/// RFC 9001 section 9.2-1. RFC 9846 section 8.
#[test]
fn t8_a_server_answers_early_pings_and_holds_back_the_rest() {
    let ping = |timestamp| Frame::from(Ping { timestamp });
    let (mut session, frames) = after(&joined(&[ping(1), ping(2), auth(), ping(3)]));
    assert_eq!(names(&frames), ["Pong", "Pong"], "what stands behind another frame waits with it");
    assert!(!session.wants_bytes(0) && session.deadline().is_none());
    // The time to say who it is begins here.
    let proven = START + Duration::from_secs(9);
    session.on_proven(proven);
    assert!(session.wants_bytes(0));
    let (frames, wanted) = outcome(&mut session, 0);
    assert_eq!(names(&frames), ["AuthAck", "Pong"]);
    assert!(matches!(wanted[..], [Wanted::Authenticated, ..]), "{wanted:?}");
}

#[test]
fn a_session_that_is_proven_has_its_time_from_then_on() {
    let (mut session, frames) = after(&joined(&[Ping { timestamp: 1 }.into()]));
    assert_eq!(names(&frames), ["Pong"]);
    let proven = START + Duration::from_secs(100);
    session.on_timeout(proven);
    session.on_proven(proven);
    session.on_proven(proven + Duration::from_secs(1));
    assert_eq!(session.deadline(), Some(proven + Limits::default().authentication));
    session.receive(proven, 0, auth().encoded());
    assert_eq!(names(&outcome(&mut session, 0).0), ["AuthAck"]);
}

/// Whoever records a flight sends it as often as he likes, and in any part.
#[test]
fn t8_a_flight_that_comes_again_does_nothing_but_be_answered_by_pongs() {
    let flight = joined(&[Ping { timestamp: 7 }.into(), auth(), publish()]);
    for end in 0..=flight.len() {
        for _ in 0..2 {
            let (mut session, frames) = after(&flight[..end]);
            assert!(frames.iter().all(|frame| matches!(frame, Frame::Pong(_))), "{frames:?}");
            session.on_lost();
            assert_eq!(session.poll_output(), None, "nothing is left behind");
        }
    }
}

/// Not even a fault is told to who may not be there.
#[test]
fn t8_what_is_no_frame_is_refused_when_its_sender_is_known() {
    for bad in [&[9, 9, 9][..], &[1, 1, 255, 255, 255, 255]] {
        let (mut session, frames) = after(bad);
        assert_eq!(frames, []);
        session.on_finished(START, 0);
        assert_eq!(outcome(&mut session, 0), (Vec::new(), Vec::new()));
        session.on_proven(START);
        let told: Vec<ToSend> = core::iter::from_fn(|| session.poll_send(0)).collect();
        assert!(matches!(told[..], [ToSend::Bytes(_), ToSend::Refuse(_)]), "{told:?}");
    }
    // An end is no word to act upon either.
    let (mut session, _) = after(&[]);
    session.on_finished(START, 0);
    assert_eq!(session.poll_send(0), None);
    session.on_proven(START);
    assert_eq!(session.poll_send(0), Some(ToSend::Finish));
}

/// What a client sends until nothing moves.
fn sent(client: &mut Client) -> Vec<Frame> {
    let mut reader = FrameReader::new(1 << 20);
    while let Some(output) = client.poll_output() {
        if let Output::Ready(stream) = output {
            while let Some(ToSend::Bytes(bytes)) = client.poll_send(stream) {
                reader.push(bytes);
            }
        }
    }
    core::iter::from_fn(|| reader.next_frame().unwrap()).collect()
}

fn pong(timestamp: u64) -> Bytes {
    Frame::from(crate::messages::Pong { timestamp, unix_ms: 0 }).encoded()
}

fn answers(client: &mut Client) -> Vec<Told> {
    let told = core::iter::from_fn(|| client.poll_told());
    told.filter(|told| matches!(told, Told::Answered { .. })).collect()
}

#[test]
fn t8_a_client_sends_nothing_but_a_ping_before_the_handshake_is_complete() {
    for is_taken in [true, false] {
        let mut client = Client::new(Config::new("both", "both-secret"), Box::new(SeededRandom::new(1)));
        let event = Event { id: "a".into(), kind: "test".into(), ..Event::default() };
        client.publish(START, "orders", &event).unwrap();
        client.on_early(START);
        client.request(START, crate::messages::Describe::default().into()).unwrap();
        client.publish(START, "orders", &event).unwrap();
        let early = sent(&mut client);
        assert_eq!(names(&early), ["Ping"]);
        assert!(!client.wants_bytes(1) && client.deadline().is_none(), "whoever connects has a time for it");
        let proven = START + Duration::from_millis(80);
        client.on_proven(proven, is_taken);
        client.on_proven(proven, is_taken);
        assert_eq!(names(&sent(&mut client)), ["Auth"], "once");
        assert!(client.wants_bytes(1));
        client.receive(proven, 1, pong(START.as_nanos()));
        let (told, measured) = match is_taken {
            true => (Vec::from([Told::Answered { is_early: true }]), Some(Duration::from_millis(80))),
            // It was sent twice, and says nothing of the time to the server.
            false => (Vec::new(), None),
        };
        assert_eq!((answers(&mut client), client.round_trip()), (told, measured));
    }
}

/// A server that answers pings and lets nobody in is not asked again at once, each time.
#[test]
fn an_early_answer_does_not_shorten_the_next_pause() {
    let mut client = Client::new(Config::new("both", "both-secret"), Box::new(SeededRandom::new(1)));
    let mut now = START;
    let mut pauses = Vec::new();
    for _ in 0..6 {
        client.on_early(now);
        sent(&mut client);
        client.on_proven(now, true);
        let control = sent(&mut client);
        assert_eq!(names(&control), ["Auth"]);
        let stream = (1..20).find(|stream| client.has_stream(*stream)).unwrap();
        client.receive(now, stream, pong(now.as_nanos()));
        client.on_lost(now, "it has ended");
        let pause = client.deadline().unwrap() - now;
        pauses.push(pause);
        now = client.deadline().unwrap();
        client.on_timeout(now);
    }
    assert!(pauses[5] > pauses[0] * 8, "{pauses:?}");
}

#[test]
fn a_connection_that_is_lost_early_is_tried_again() {
    let mut client = Client::new(Config::new("both", "both-secret"), Box::new(SeededRandom::new(1)));
    client.on_early(START);
    sent(&mut client);
    client.on_lost(START, "nobody is there");
    client.on_proven(START, true);
    assert_eq!(sent(&mut client), []);
    let due = client.deadline().unwrap();
    client.on_timeout(due);
    assert_eq!(client.poll_output(), Some(Output::Connect));
    client.on_connected(due);
    assert_eq!(names(&sent(&mut client)), ["Auth"]);
    let reasons: Vec<String> = core::iter::from_fn(|| client.poll_told())
        .filter_map(|told| match told {
            Told::Disconnected { reason, .. } => Some(reason),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, ["nobody is there"]);
    client.abandon("over");
    client.on_early(due);
    assert!(matches!(client.poll_output(), Some(Output::Close { code: ErrorCode::None, .. })));
    assert_eq!(sent(&mut client), []);
}
