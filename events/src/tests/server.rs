//! The server's end against frames that are written by hand.

use super::shelf::Shelf;
use crate::bucket::{Bucket, Rate};
use crate::code::ErrorCode;
use crate::delivery::{ConsumerId, Operation, Refusal};
use crate::event::Event;
use crate::frame::{Frame, FrameReader};
use crate::messages::*;
use crate::protobuf::Message;
use crate::registry::{Denied, Grants, Registry, TokenHash};
use crate::session::server::{Gate, Limits, Output, Session};
use crate::session::{End as _, ToSend};
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};
use base::{Bytes, Duration, Instant};
use core::cell::{Cell, RefCell};
use crypto_ring::hash::SHA256;

pub(super) const REGISTRY: &str = "shop orders publish plain:shop-secret\n\
     bill orders fetch plain:bill-secret\n\
     both * publish,fetch plain:both-secret\n\
     root * admin plain:root-secret\n";

/// What sessions share, in tests.
pub(super) struct Shared {
    pub(super) registry: RefCell<Registry>,
    pub(super) rate: Rate,
    buckets: RefCell<BTreeMap<(String, String), Bucket>>,
    consumers: Cell<u64>,
}

impl Shared {
    pub(super) fn new(rate: Rate) -> Rc<Shared> {
        let registry = RefCell::new(Registry::parse(REGISTRY, SHA256).unwrap());
        Rc::new(Shared { registry, rate, buckets: RefCell::default(), consumers: Cell::new(0) })
    }
}

impl Gate for Rc<Shared> {
    fn hash(&self, token: &str) -> TokenHash {
        TokenHash::of(token, SHA256)
    }

    fn admit(&self, client: &str, token: &TokenHash, namespaces: &[String]) -> Result<Grants, Denied> {
        self.registry.borrow().admit(client, token, namespaces)
    }

    fn take(&self, client: &str, namespace: &str, events: u32, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.borrow_mut();
        let key = (client.to_string(), namespace.to_string());
        buckets.entry(key).or_insert_with(|| Bucket::new(self.rate, now)).take(events, now)
    }

    fn next_consumer(&self) -> ConsumerId {
        self.consumers.set(self.consumers.get() + 1);
        self.consumers.get()
    }

    fn unix_ms(&self) -> u64 {
        1_700_000_000_000
    }
}

/// What became of a stream.
#[derive(Clone, Debug, PartialEq)]
enum End {
    Finished,
    Refused(ErrorCode),
    Reset(ErrorCode),
}

struct Test {
    now: Instant,
    session: Session<Rc<Shared>>,
    shared: Rc<Shared>,
    shelf: Shelf,
    readers: BTreeMap<u64, FrameReader>,
    ends: BTreeMap<u64, End>,
    closed: Option<(ErrorCode, String)>,
    submitted: Vec<Operation>,
}

const OPEN: Rate = Rate { per_second: 0, burst: 0 };

impl Test {
    fn new(rate: Rate) -> Test {
        let shared = Shared::new(rate);
        let now = Instant::ZERO;
        let session = Session::new(shared.clone(), Limits::default(), 1, now);
        let (readers, ends) = (BTreeMap::new(), BTreeMap::new());
        Test { now, session, shared, shelf: Shelf::default(), readers, ends, closed: None, submitted: Vec::new() }
    }

    /// A session whose client has come in, on stream 0.
    fn of(client: &str) -> Test {
        let mut test = Test::new(OPEN);
        let token = format!("{client}-secret");
        let ack = test.ask(0, Auth { client_id: client.into(), token, ..Auth::default() });
        assert!(matches!(ack[..], [Frame::AuthAck(_)]), "{ack:?}");
        test
    }

    fn ask(&mut self, stream: u64, frame: impl Into<Frame>) -> Vec<Frame> {
        self.send(stream, &frame.into().encoded());
        self.read(stream)
    }

    fn send(&mut self, stream: u64, bytes: &[u8]) {
        if let Entry::Vacant(place) = self.readers.entry(stream) {
            place.insert(FrameReader::new(10 << 20));
            self.session.on_stream(stream);
        }
        self.session.receive(self.now, stream, Bytes::copy_from_slice(bytes));
        self.settle();
    }

    /// Does what the session wants done, but takes nothing of its streams.
    fn settle(&mut self) {
        loop {
            while let Some(output) = self.session.poll_output() {
                match output {
                    Output::Submit { ticket, operation } => {
                        self.submitted.push(operation.clone());
                        self.shelf.submit(ticket.map(|ticket| (1, ticket)), operation);
                    }
                    Output::Close { code, reason } => self.closed = Some((code, reason)),
                    Output::Ready(_) | Output::Authenticated => {}
                }
            }
            let Some(((_, ticket), outcome)) = self.shelf.poll_answer() else { return };
            self.session.on_answer(self.now, ticket, outcome);
        }
    }

    /// All frames that have come on a stream.
    fn read(&mut self, stream: u64) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(to_send) = self.session.poll_send(stream) {
            let end = match to_send {
                ToSend::Bytes(bytes) => {
                    let reader = self.readers.get_mut(&stream).unwrap();
                    reader.push(bytes);
                    frames.extend(core::iter::from_fn(|| reader.next_frame().unwrap()));
                    self.settle();
                    continue;
                }
                ToSend::Finish => End::Finished,
                ToSend::Refuse(code) => End::Refused(code),
                ToSend::Reset(code) => End::Reset(code),
            };
            self.ends.insert(stream, end);
        }
        self.settle();
        frames
    }

    fn wait(&mut self, duration: Duration) {
        self.now += duration;
        while self.session.deadline().is_some_and(|deadline| deadline <= self.now) && self.closed.is_none() {
            self.session.on_timeout(self.now);
            self.settle();
        }
    }

    fn publish(&mut self, stream: u64, namespace: &str, ids: &[&str]) -> Vec<Frame> {
        let events = ids.iter().map(|id| event(id)).collect();
        self.ask(stream, Publish { request: 7, namespace: namespace.into(), events })
    }
}

pub(super) fn event(id: &str) -> Bytes {
    Bytes::from(Event { id: id.into(), kind: "test".into(), ..Event::default() }.encoded())
}

#[track_caller]
fn failure(frames: &[Frame], code: ErrorCode, part: &str) {
    let [Frame::Failure(failure)] = frames else { panic!("{frames:?}") };
    assert_eq!(ErrorCode::from_number(failure.code), code, "{}", failure.message);
    assert!(failure.message.contains(part), "{}", failure.message);
}

fn fetch(max_events: u32) -> Fetch {
    Fetch { request: 5, namespace: "orders".into(), name: "s".into(), max_events, ..Fetch::default() }
}

fn sequences(frames: &[Frame]) -> Vec<u64> {
    let batches = frames.iter().map(|frame| match frame {
        Frame::Batch(batch) => batch.deliveries.iter().map(|delivery| delivery.sequence).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    });
    batches.flatten().collect()
}

#[test]
fn h3_nothing_is_done_before_auth() {
    let acknowledge =
        Acknowledge { request: 1, namespace: "orders".into(), name: "s".into(), ..Acknowledge::default() };
    let frames: Vec<Frame> = vec![
        fetch(1).into(),
        Publish { request: 1, namespace: "orders".into(), events: vec![event("a")] }.into(),
        acknowledge.into(),
        Describe { request: 1, ..Describe::default() }.into(),
        Subscribe { request: 1, ..Subscribe::default() }.into(),
        Consume { request: 1, ..Consume::default() }.into(),
        Read { request: 1, ..Read::default() }.into(),
        GoAway::default().into(),
        Pong::default().into(),
        AuthAck::default().into(),
    ];
    for frame in frames {
        let mut test = Test::new(OPEN);
        let answer = test.ask(4, frame.clone());
        let [Frame::AuthError(AuthError { code: 5, message })] = &answer[..] else { panic!("{answer:?}") };
        assert!(message.contains(frame.name()), "{message}");
        assert_eq!(test.ends.get(&4), Some(&End::Refused(ErrorCode::Unauthenticated)));
        assert!(test.submitted.is_empty() && test.closed.is_none());
        // A ping is answered, and Auth may still come.
        assert_eq!(test.ask(8, Ping { timestamp: 3 }).len(), 1);
        let auth = Auth { client_id: "bill".into(), token: "bill-secret".into(), ..Auth::default() };
        assert!(matches!(test.ask(0, auth)[..], [Frame::AuthAck(_)]));
    }
}

#[test]
fn h3_a_wrong_token_ends_the_session() {
    for (client, token, namespaces, code) in [
        ("bill", "shop-secret", &[][..], ErrorCode::Unauthenticated),
        ("nobody", "bill-secret", &[], ErrorCode::Unauthenticated),
        ("", "", &[], ErrorCode::Unauthenticated),
        ("bill", "bill-secret", &["orders", "other"], ErrorCode::Forbidden),
    ] {
        let mut test = Test::new(OPEN);
        let namespaces = namespaces.iter().map(|name| name.to_string()).collect();
        let auth = Auth { client_id: client.into(), token: token.into(), namespaces, ..Auth::default() };
        let answer = test.ask(0, auth);
        assert!(matches!(&answer[..], [Frame::AuthError(error)] if error.code == code.number()), "{answer:?}");
        assert_eq!(test.closed, None, "the client is to read it first");
        test.wait(Duration::from_secs(2));
        assert_eq!(test.closed.as_ref().map(|(code, _)| *code), Some(code));
    }
    let mut test = Test::new(OPEN);
    let token = "x".repeat(10_000);
    let answer = test.ask(0, Auth { client_id: "bill".into(), token, ..Auth::default() });
    assert!(matches!(&answer[..], [Frame::AuthError(_)]));
}

#[test]
fn h2_a_client_that_is_not_known_may_not_make_the_server_hold_much() {
    let mut test = Test::new(OPEN);
    test.send(0, &[1, 1, 0, 0, 0x40, 1]);
    let answer = test.read(0);
    failure(&answer, ErrorCode::TooLarge, "16385 bytes, of which at most 16384");
    let mut test = Test::of("both");
    test.send(4, &[1, 0x10, 0, 0, 0x40, 1]);
    assert_eq!((test.read(4), test.session.wants_bytes(4)), (vec![], true), "one that is known may");
}

#[test]
fn h3_a_client_of_one_namespace_sees_nothing_of_another() {
    let mut test = Test::of("bill");
    let (namespace, name) = (String::from("secrets"), String::from("s"));
    let deliveries = vec![Handle { sequence: 1, attempt: 1 }];
    let of_control: Vec<Frame> = vec![
        Subscribe { request: 1, namespace: namespace.clone(), name: name.clone(), settings: None }.into(),
        Unsubscribe { request: 1, namespace: namespace.clone(), name: name.clone() }.into(),
        Acknowledge { request: 1, namespace: namespace.clone(), name: name.clone(), deliveries: deliveries.clone() }
            .into(),
        Refuse {
            request: 1,
            namespace: namespace.clone(),
            name: name.clone(),
            deliveries: deliveries.clone(),
            delay_ms: 0,
        }
        .into(),
        Extend { request: 1, namespace: namespace.clone(), name: name.clone(), deliveries, by_ms: 0 }.into(),
        Describe { request: 1, namespace: namespace.clone() }.into(),
        Describe { request: 1, namespace: String::new() }.into(),
        Describe { request: 1, namespace: "orders".into() }.into(),
    ];
    for frame in of_control {
        failure(&test.ask(0, frame), ErrorCode::Forbidden, "");
    }
    let fetching = Fetch { namespace: namespace.clone(), ..fetch(0) };
    failure(&test.ask(4, fetching), ErrorCode::Forbidden, "no right to fetch in the namespace \"secrets\"");
    let consume = Consume { request: 1, namespace: namespace.clone(), name, ..Consume::default() };
    failure(&test.ask(4, consume), ErrorCode::Forbidden, "fetch");
    failure(&test.ask(4, Read { request: 1, namespace, ..Read::default() }), ErrorCode::Forbidden, "fetch");
    failure(&test.publish(8, "orders", &["a"]), ErrorCode::Forbidden, "publish");
    assert!(test.submitted.is_empty());
    // Dead events are published somewhere, with the right of whoever says where.
    let settings = Some(Settings { dead_letter: "orders".into(), max_deliveries: 1, ..Settings::default() });
    let subscribe = Subscribe { request: 1, namespace: "orders".into(), name: "s".into(), settings };
    failure(&test.ask(0, subscribe), ErrorCode::Forbidden, "publish");
}

#[test]
fn h5_a_fetch_without_a_limit_gives_all_and_one_with_a_limit_the_oldest() {
    let mut test = Test::of("both");
    let ids: Vec<String> = (0..50).map(|n| format!("e{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert!(matches!(&test.publish(4, "orders", &ids)[..], [Frame::PublishAck(ack)] if ack.published.len() == 50));
    assert_eq!(sequences(&test.ask(8, fetch(3))), [1, 2, 3]);
    assert_eq!(sequences(&test.ask(8, fetch(0))), (4..=50).collect::<Vec<_>>());
}

#[test]
fn h6_what_one_client_publishes_another_fetches_byte_for_byte() {
    let mut test = Test::of("shop");
    // With a field that the server does not know.
    let bytes = Bytes::from([&event("a")[..], &[0x7a, 1, 9]].concat());
    test.ask(4, Publish { request: 1, namespace: "orders".into(), events: vec![bytes.clone()] });
    let mut other = Test::of("bill");
    core::mem::swap(&mut test.shelf, &mut other.shelf);
    let answer = other.ask(4, fetch(0));
    let [Frame::Batch(Batch { request: 5, deliveries, is_last: true })] = &answer[..] else { panic!("{answer:?}") };
    assert_eq!(deliveries[0].event, bytes);
}

#[test]
fn what_is_wrong_with_a_publish_is_told_and_nothing_is_stored() {
    let mut test = Test::of("both");
    let of = |change: fn(&mut Event)| {
        let mut event = Event { id: "a".into(), ..Event::default() };
        change(&mut event);
        Bytes::from(event.encoded())
    };
    let large = Event { id: "a".into(), data: vec![0; 256 << 10].into(), ..Event::default() };
    for (events, code, part) in [
        (vec![], ErrorCode::Invalid, "from 1 to 1000 events, not 0"),
        (vec![event("a"); 1001], ErrorCode::TooLarge, "not 1001"),
        (vec![event("a"), event("")], ErrorCode::Invalid, "event 1 of the publish: its id has 0 bytes"),
        (vec![event(&"x".repeat(129))], ErrorCode::Invalid, "129 bytes"),
        (vec![of(|event| event.key = "k".repeat(257))], ErrorCode::Invalid, "its key has 257 bytes"),
        (vec![of(|event| event.namespace = "other".into())], ErrorCode::Invalid, "\"other\""),
        (vec![Bytes::from_static(&[0x0a])], ErrorCode::Malformed, "event 0 of the publish"),
        (vec![large.encoded().into()], ErrorCode::TooLarge, "262144 are taken"),
    ] {
        failure(&test.ask(4, Publish { request: 9, namespace: "orders".into(), events }), code, part);
    }
    for name in ["", ".x", "a b", "*"] {
        failure(&test.publish(4, name, &["a"]), ErrorCode::Invalid, "no name of a namespace");
    }
    assert!(test.submitted.is_empty());
    assert!(matches!(test.publish(4, "orders", &["a"])[..], [Frame::PublishAck(_)]), "the stream goes on");
}

#[test]
fn h12_twice_the_rate_gets_the_notice_and_other_namespaces_do_not() {
    let mut test = Test::new(Rate { per_second: 10, burst: 10 });
    test.ask(0, Auth { client_id: "both".into(), token: "both-secret".into(), ..Auth::default() });
    let (mut stored, mut notices) = (0, 0);
    // Twenty in a second, for ten seconds.
    for n in 0..200 {
        match &test.publish(4, "orders", &[&format!("e{n}")])[..] {
            [Frame::PublishAck(_)] => stored += 1,
            [Frame::RateLimitNotice(notice)] => {
                assert!(notice.request == 7 && notice.namespace == "orders", "{notice:?}");
                assert!((1..=101).contains(&notice.retry_after_ms), "{notice:?}");
                notices += 1;
                if notices == 1 {
                    // Who waits as long as told gets through.
                    test.wait(Duration::from_millis(notice.retry_after_ms));
                    let again = test.publish(4, "orders", &["again"]);
                    assert!(matches!(again[..], [Frame::PublishAck(_)]), "{again:?}");
                }
            }
            other => panic!("{other:?}"),
        }
        let elsewhere = if n % 2 == 0 { test.publish(4, "other", &[&format!("e{n}")]) } else { Vec::new() };
        assert!(elsewhere.iter().all(|frame| matches!(frame, Frame::PublishAck(_))), "{elsewhere:?}");
        test.wait(Duration::from_millis(50));
    }
    assert!((100..=112).contains(&stored) && notices == 200 - stored, "{stored} {notices}");
}

#[test]
fn h13_a_delivery_stream_that_is_not_read_holds_back_nothing_else() {
    let mut test = Test::of("both");
    let large = |n: u32| Event { id: format!("e{n}"), data: vec![0; 100_000].into(), ..Event::default() };
    for n in 0..30 {
        let events = vec![large(n).encoded().into()];
        assert!(matches!(
            test.ask(4, Publish { request: 1, namespace: "orders".into(), events })[..],
            [Frame::PublishAck(_)]
        ));
    }
    let consume = Consume { request: 1, namespace: "orders".into(), name: "s".into(), ..Consume::default() };
    // Nothing is taken of stream 8.
    test.send(8, &Frame::from(consume).encoded());
    let held: usize = test.shelf.delivered.len();
    assert!((1..=8).contains(&held), "512 KiB are held and no more: {held} events");
    assert_eq!(test.ask(0, Ping { timestamp: 9 }), [Frame::from(Pong { timestamp: 9, unix_ms: 1_700_000_000_000 })]);
    let handle = Handle { sequence: 1, attempt: 1 };
    let acknowledge =
        Acknowledge { request: 2, namespace: "orders".into(), name: "s".into(), deliveries: vec![handle] };
    assert_eq!(test.ask(0, acknowledge), [Frame::from(Done { request: 2, unknown: 0 })]);
    assert!(matches!(test.publish(4, "orders", &["more"])[..], [Frame::PublishAck(_)]));
    assert_eq!(sequences(&test.read(8)), (1..=31).collect::<Vec<_>>(), "then it goes on");
}

#[test]
fn h7_what_was_not_acknowledged_comes_again_once_the_consumer_is_gone() {
    let mut test = Test::of("both");
    test.publish(4, "orders", &["a", "b", "c"]);
    assert_eq!(sequences(&test.ask(8, fetch(0))), [1, 2, 3]);
    let deliveries = vec![Handle { sequence: 2, attempt: 1 }];
    test.ask(0, Acknowledge { request: 2, namespace: "orders".into(), name: "s".into(), deliveries });
    test.session.on_gone(test.now, 8, ErrorCode::None);
    test.settle();
    assert_eq!(test.submitted.last(), Some(&Operation::Leave { consumer: 1 }));
    assert_eq!(sequences(&test.ask(12, fetch(0))), [1, 3]);
    test.session.on_lost();
    test.settle();
    assert_eq!(test.submitted.last(), Some(&Operation::Leave { consumer: 2 }));
}

#[test]
fn reading_comes_to_an_end_and_needs_no_subscription() {
    let mut test = Test::of("both");
    let ids: Vec<String> = (0..25).map(|n| format!("e{n}")).collect();
    test.publish(4, "orders", &ids.iter().map(String::as_str).collect::<Vec<_>>());
    let read = |max_events, sequence| {
        let start = Some(Position { kind: 2, sequence, unix_ms: 0 });
        Read { request: 3, namespace: "orders".into(), start, max_events }
    };
    let all = test.ask(8, read(0, 1));
    assert_eq!(sequences(&all), (1..=25).collect::<Vec<_>>());
    assert!(matches!(all.last(), Some(Frame::Batch(batch)) if batch.is_last));
    assert_eq!(sequences(&test.ask(8, read(5, 20))), [20, 21, 22, 23, 24]);
    // Also where the client ends its side at once.
    test.session.on_stream(12);
    test.readers.insert(12, FrameReader::new(1 << 20));
    test.session.receive(test.now, 12, Frame::from(read(2, 1)).encoded());
    test.session.on_finished(test.now, 12);
    test.settle();
    assert_eq!(sequences(&test.read(12)), [1, 2]);
    assert_eq!(test.ends.get(&12), Some(&End::Finished));
    failure(
        &test.ask(8, Read { start: Some(Position { kind: 4, ..Position::default() }), ..read(0, 0) }),
        ErrorCode::Invalid,
        "kind",
    );
}

#[test]
fn what_has_no_place_ends_its_stream_and_on_the_control_stream_the_session() {
    for (stream, bytes, code) in [
        (4, &[2u8, 0, 0, 0, 0, 0][..], ErrorCode::Version),
        (4, &[1, 0x10, 0xff, 0, 0, 0], ErrorCode::TooLarge),
        (4, &[1, 0x10, 0, 0, 0, 1, 0x0a], ErrorCode::Malformed),
        (4, &Frame::from(Subscribe { request: 1, ..Subscribe::default() }).encoded(), ErrorCode::Unexpected),
        (4, &Frame::from(Publish::default()).encoded(), ErrorCode::Unexpected),
        (4, &Frame::from(PublishAck { request: 1, ..PublishAck::default() }).encoded(), ErrorCode::Unexpected),
        (4, &Frame::from(Auth::default()).encoded(), ErrorCode::Unexpected),
        (0, &Frame::from(fetch(1)).encoded(), ErrorCode::Unexpected),
        (0, &[9], ErrorCode::Version),
    ] {
        let mut test = Test::of("both");
        let answer = {
            test.send(stream, bytes);
            test.read(stream)
        };
        failure(&answer, code, "");
        assert!(matches!(&answer[..], [Frame::Failure(failure)] if failure.request == 0));
        assert_eq!(test.ends.get(&stream), Some(&End::Refused(code)));
        test.wait(Duration::from_secs(2));
        assert_eq!(test.closed.as_ref().map(|(code, _)| *code), (stream == 0).then_some(code), "{bytes:?}");
    }
    // Two kinds on one stream.
    let mut test = Test::of("both");
    test.publish(4, "orders", &["a"]);
    failure(&test.ask(4, fetch(1)), ErrorCode::Unexpected, "no place on this stream");
}

#[test]
fn who_is_silent_or_asks_too_much_is_held_to_limits() {
    let mut test = Test::new(OPEN);
    test.wait(Duration::from_secs(10));
    assert_eq!(test.closed.as_ref().map(|(code, _)| *code), Some(ErrorCode::Silent));
    let mut test = Test::of("both");
    (0..5).for_each(|_| test.wait(Duration::from_secs(10)));
    test.wait(Duration::from_secs(9));
    assert_eq!((test.closed.clone(), test.read(0).len()), (None, 5), "the server pings");
    test.wait(Duration::from_secs(1));
    assert_eq!(test.closed.as_ref().map(|(code, _)| *code), Some(ErrorCode::Silent));

    // Of requests that wait no more are read than there is room for.
    let mut test = Test::of("both");
    for _ in 0..100 {
        let wait = Fetch { wait_ms: 1000, ..fetch(1) };
        test.send(4, &Frame::from(wait).encoded());
    }
    assert!(!test.session.wants_bytes(4));
    assert_eq!(test.submitted.len(), 2);
    for _ in 0..100 {
        test.send(0, &Frame::from(Describe { request: 1, namespace: "orders".into() }).encoded());
    }
    assert!(test.session.wants_bytes(0), "what was refused is answered");
    for stream in 5..200 {
        test.send(stream, &[]);
    }
    assert_eq!((test.read(150), test.ends.get(&150)), (vec![], Some(&End::Reset(ErrorCode::Limit))));
}

#[test]
fn the_round_trip_is_measured_by_pings_that_are_answered() {
    let mut test = Test::of("both");
    test.wait(Duration::from_secs(10));
    let ping = test.read(0);
    let [Frame::Ping(Ping { timestamp })] = ping[..] else { panic!("{ping:?}") };
    test.now += Duration::from_millis(30);
    test.ask(0, Pong { timestamp, unix_ms: 0 });
    assert_eq!(test.session.round_trip(), Some(Duration::from_millis(30)));
    // What was never sent measures nothing.
    test.ask(0, Pong { timestamp: u64::MAX, unix_ms: 0 });
    assert!(test.session.round_trip().unwrap() < Duration::from_millis(31));
}

#[test]
fn h18_a_server_that_goes_away_takes_acknowledgments_and_begins_nothing() {
    let mut test = Test::of("both");
    test.publish(4, "orders", &["a", "b"]);
    assert_eq!(sequences(&test.ask(8, fetch(2))), [1, 2]);
    test.session.go_away(test.now, "a new version", Duration::from_secs(5));
    let told = test.read(0);
    assert_eq!(told, [Frame::from(GoAway { reason: "a new version".into(), patience_ms: 5000 })]);
    failure(&test.publish(4, "orders", &["c"]), ErrorCode::Ending, "ask on another one");
    failure(&test.ask(8, fetch(1)), ErrorCode::Ending, "");
    let deliveries = vec![Handle { sequence: 1, attempt: 1 }, Handle { sequence: 2, attempt: 1 }];
    let acknowledge = Acknowledge { request: 2, namespace: "orders".into(), name: "s".into(), deliveries };
    assert_eq!(test.ask(0, acknowledge), [Frame::from(Done { request: 2, unknown: 0 })]);
    assert!(test.session.is_idle() && test.closed.is_none());
    test.session.on_finished(test.now, 0);
    test.settle();
    assert_eq!(test.closed.as_ref().map(|(code, _)| *code), Some(ErrorCode::None));
    // One that does not go is closed.
    let mut test = Test::of("both");
    test.session.go_away(test.now, "bye", Duration::from_secs(5));
    test.wait(Duration::from_secs(5));
    assert_eq!(test.closed.as_ref().map(|(code, _)| *code), Some(ErrorCode::Ending));
}

#[test]
fn h4_another_registry_changes_the_rights_of_those_that_are_there() {
    let mut test = Test::of("bill");
    *test.shared.registry.borrow_mut() = Registry::parse("bill orders publish plain:bill-secret", SHA256).unwrap();
    test.session.recheck(test.now);
    failure(&test.ask(4, fetch(1)), ErrorCode::Forbidden, "fetch");
    assert!(matches!(test.publish(8, "orders", &["a"])[..], [Frame::PublishAck(_)]));
    *test.shared.registry.borrow_mut() = Registry::default();
    test.session.recheck(test.now);
    failure(&test.read(0), ErrorCode::Unauthenticated, "the registry has changed");
    test.wait(Duration::from_secs(2));
    assert!(test.closed.is_some());
}

#[test]
fn what_the_store_refuses_is_told_with_its_code() {
    let mut test = Test::of("both");
    for (refusal, code) in [
        (Refusal::DiskFull, ErrorCode::Full),
        (Refusal::Busy, ErrorCode::Limit),
        (Refusal::Ending, ErrorCode::Ending),
        (Refusal::Failed { reason: "of the disk".into() }, ErrorCode::StoreFailed),
        (Refusal::TooLarge { size: 2, most: 1 }, ErrorCode::TooLarge),
    ] {
        test.shelf.refuse.push_back(refusal.clone());
        failure(&test.publish(4, "orders", &["a"]), code, &refusal.to_string());
    }
    test.shelf.refuse.push_back(Refusal::NoSuchNamespace { namespace: "orders".into() });
    let consume = Consume { request: 1, namespace: "orders".into(), name: "s".into(), ..Consume::default() };
    failure(&test.ask(8, consume.clone()), ErrorCode::NoNamespace, "orders");
    test.publish(4, "orders", &["a"]);
    assert_eq!(sequences(&test.ask(8, consume)), [1], "the stream can be used again");
    assert!(test.shelf.poll_answer().is_none());
}
