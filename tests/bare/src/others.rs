//! The other protocols in a program without the standard library: HTTP/1.1, HTTP/2 with HPACK, WebSocket, WebTransport, ACME and JSON,
//! each by what it does first. `others` prints a line for each, and ends with 0 if all went well and all memory was given back.
#![no_std]
#![no_main]

extern crate alloc;

mod arena;
mod platform;

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use arena::Arena;
use base::{Bytes, Duration, Instant, Outgoing, Random, STREAM_UNIT, Side, StreamMachine};
use core::ffi::{c_char, c_int};
use http::exchange::{Body, Event};
use http::{RequestHead, ResponseHead, Scheme, Status};

#[global_allocator]
static HEAP: Arena = Arena::new();

const NOW: Instant = Instant::ZERO;
const URL: &str = "https://localhost/a";

/// Where the C runtime begins.
#[unsafe(no_mangle)]
extern "C" fn main(_count: c_int, _words: *const *const c_char) -> c_int {
    let before = HEAP.figures().live;
    let protocols: [(&str, fn() -> bool); 6] = [
        ("HTTP/1.1", http1),
        ("HTTP/2", http2),
        ("WebSocket", websocket),
        ("WebTransport", webtransport),
        ("ACME", acme),
        ("JSON", json),
    ];
    let mut is_right = true;
    for (name, protocol) in protocols {
        HEAP.restart_peak();
        let works = protocol();
        let figures = HEAP.figures();
        is_right &= works && figures.live == before;
        let word = if works { "works" } else { "does not work" };
        say!("{name}: {word}, {} bytes at the peak, {} left", figures.peak - before, figures.live - before);
    }
    c_int::from(!is_right)
}

fn carry(from: &mut impl StreamMachine, to: &mut impl StreamMachine) {
    let mut buffer = vec![0; STREAM_UNIT];
    while let Outgoing::Bytes(count) = from.transmit(NOW, &mut buffer) {
        let room = buffer.get_mut(..count).expect("what was written");
        assert_eq!(to.receive(NOW, room), count);
    }
}

/// A request and its answer.
fn http1() -> bool {
    let mut client = h1::Connection::client(h1::Config::default(), Scheme::Https);
    let mut server = h1::Connection::server(h1::Config::default(), Scheme::Https, NOW);
    let head = RequestHead::get(URL).expect("a URL");
    let asked = client.send_request(NOW, &head, &mut Bytes::new(), true).expect("a first request");
    carry(&mut client, &mut server);
    let Some(h1::Event::Exchange(id, Event::Request(head))) = server.poll_event() else { return false };
    let sent = server.send_response(NOW, id, &ResponseHead::new(Status::OK), &mut Bytes::from_static(b"hello"), true);
    carry(&mut server, &mut client);
    let content = client.read_body(NOW, asked, 100);
    head.path() == "/a" && sent == Ok(Ok(true)) && content == Body::Data(Bytes::from_static(b"hello"))
}

fn http2() -> bool {
    let mut client = h2::Connection::client(h2::Config::default());
    let mut server = h2::Connection::server(h2::Config::default(), NOW);
    let head = RequestHead::get(URL).expect("a URL");
    let asked = client.send_request(NOW, &head, &mut Bytes::new(), true).expect("a first request");
    carry(&mut client, &mut server);
    let Some(h2::Event::Exchange(number, Event::Request(head))) = server.poll_event() else { return false };
    let answer = ResponseHead::new(Status::OK);
    let sent = server.send_response(NOW, number, &answer, &mut Bytes::from_static(b"hello"), true);
    carry(&mut server, &mut client);
    let content = client.read_body(NOW, asked, 100);
    head.path() == "/a" && sent == Ok(Ok(true)) && content == Body::Data(Bytes::from_static(b"hello"))
}

/// Keys that nobody has to guess here.
struct Dice;

impl Random for Dice {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(4);
    }
}

/// A message.
fn websocket() -> bool {
    let mut client = websocket::Connection::client(websocket::Config::default(), Box::new(Dice), NOW);
    let mut server = websocket::Connection::server(websocket::Config::default(), NOW);
    let sent = client.send(NOW, "hello".into());
    while let Some(bytes) = client.next(NOW, 1 << 14) {
        server.take(NOW, &bytes);
    }
    sent.is_ok() && server.poll_event(NOW) == Some(websocket::Event::Message("hello".into()))
}

/// The state of a connection's sessions.
fn webtransport() -> bool {
    let mut sessions = webtransport::Sessions::new(Side::Server, webtransport::Config::default());
    let code = webtransport::codes::to_wire(30);
    sessions.poll_event().is_none() && webtransport::codes::from_wire(code) == Some(30)
}

/// An authority that cannot be reached is asked four times more.
fn acme() -> bool {
    let provider = crypto_ring::provider();
    let Ok(pkcs8) = (provider.generate_key)(crypto::KeyKind::EcP256) else { return false };
    let Ok(key) = acme::AccountKey::from_pkcs8(&provider, &pkcs8) else { return false };
    let wanted = acme::Wanted {
        directory: "https://localhost/directory".to_string(),
        names: vec!["localhost".to_string()],
        contacts: Vec::new(),
        kinds: vec![acme::Kind::TlsAlpn01],
        replaces: None,
        patience: Duration::from_secs(600),
    };
    let Ok(mut issuance) = acme::Issuance::new(&provider, wanted, key, None) else { return false };
    let (mut now, mut asked) = (NOW, 0);
    loop {
        match issuance.poll(now) {
            acme::Action::Ask(_) => {
                asked += 1;
                issuance.on_failure(now, "there is no network".to_string());
            }
            acme::Action::Wait(until) => now = until,
            acme::Action::Show(_) => return false,
            acme::Action::Done(outcome) => {
                return asked == 5 && outcome.is_err_and(|error| error.to_string().contains("there is no network"));
            }
        }
    }
}

/// A text, and the same again.
fn json() -> bool {
    let text = r#"{"a":[1,2.50,"x"]}"#;
    json::parse(text.as_bytes()).is_ok_and(|value| value.to_string() == text)
}
