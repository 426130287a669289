//! HTTP/1.1 and HTTP/2 on byte streams: what comes in pieces means what it means whole (of HTTP/1.1), and a connection that was fed
//! anything comes to its end.

use base::{Bytes, Demand, Instant, Outgoing, StreamMachine};
use http::exchange::{Body, Event};
use http::{RequestHead, ResponseHead, Scheme, Status};

const NOW: Instant = Instant::ZERO;

/// What an application makes of a connection: it reads everything, and answers each request with its content.
trait Application: StreamMachine {
    /// Polls one event and reacts; what of it does not depend on how the bytes came.
    fn react(&mut self) -> Option<Option<String>>;
    fn end(&mut self);
}

fn is_steady(event: &Event) -> bool {
    !matches!(event, Event::Body | Event::Writable)
}

impl Application for h1::Connection {
    fn react(&mut self) -> Option<Option<String>> {
        let event = self.poll_event()?;
        let mut told = Some(format!("{event:?}"));
        if let h1::Event::Exchange(id, event) = event {
            told = told.filter(|_| is_steady(&event));
            let mut content = Vec::new();
            while let Body::Data(bytes) = self.read_body(NOW, id, 100) {
                content.extend_from_slice(&bytes);
            }
            if matches!(event, Event::Finished) {
                let head = ResponseHead::new(Status::OK);
                let _ = self.send_response(NOW, id, &head, &mut Bytes::from(content), true);
            }
        }
        Some(told)
    }

    fn end(&mut self) {
        self.close(NOW);
    }
}

impl Application for h2::Connection {
    fn react(&mut self) -> Option<Option<String>> {
        let event = self.poll_event()?;
        let mut told = Some(format!("{event:?}"));
        if let h2::Event::Exchange(number, event) = event {
            told = told.filter(|_| is_steady(&event));
            let mut content = Vec::new();
            while let Body::Data(bytes) = self.read_body(NOW, number, 100) {
                content.extend_from_slice(&bytes);
            }
            if matches!(event, Event::Finished) {
                let head = ResponseHead::new(Status::OK);
                let _ = self.send_response(NOW, number, &head, &mut Bytes::from(content), true);
            }
        }
        Some(told)
    }

    fn end(&mut self) {
        self.close(NOW);
    }
}

/// All that is told and sent when `bytes` come in pieces of `size`.
fn run(mut machine: impl Application, bytes: &[u8], size: usize) -> (Vec<String>, Vec<u8>) {
    let (mut told, mut sent, mut offered) = (Vec::new(), Vec::new(), Vec::new());
    let mut pieces = bytes.chunks(size);
    loop {
        let mut moved = false;
        while machine.demand() == Demand::More && !offered.is_empty() {
            let taken = machine.receive(NOW, &mut offered);
            assert!(taken <= offered.len());
            offered.drain(..taken);
            moved |= taken > 0;
            if taken == 0 {
                break;
            }
        }
        while let Some(event) = machine.react() {
            told.extend(event);
            moved = true;
        }
        let mut buffer = [0; base::STREAM_UNIT];
        while let Outgoing::Bytes(count) = machine.transmit(NOW, &mut buffer) {
            sent.extend_from_slice(&buffer[..count]);
            moved = true;
        }
        if !moved {
            let Some(piece) = pieces.next() else { break };
            offered.extend_from_slice(piece);
        }
    }
    if machine.demand() != Demand::Reset {
        machine.on_end(NOW, &offered);
        machine.end();
    }
    while machine.react().is_some() {}
    while let Some(deadline) = machine.deadline() {
        machine.on_timeout(deadline);
    }
    (told, sent)
}

/// What is left if each exchange that failed tells of nothing else: events that were not polled by then are dropped, and how many those
/// are depends on how the bytes came.
fn without_what_failed((told, sent): (Vec<String>, Vec<u8>)) -> (Vec<String>, Vec<u8>) {
    let exchange = |line: &str| line.split_once(", ").map(|(exchange, _)| exchange.to_owned());
    let has_failed = |line: &&String| line.contains(", Failed(") && line.starts_with("Exchange(");
    let failed: Vec<_> = told.iter().filter(has_failed).filter_map(|line| exchange(line)).collect();
    let is_left =
        |line: &String| has_failed(&line) || !exchange(line).is_some_and(|exchange| failed.contains(&exchange));
    (told.into_iter().filter(is_left).collect(), sent)
}

fn pieces_equal_whole<M: Application>(new: impl Fn() -> M, bytes: &[u8]) {
    let in_pieces = |size| without_what_failed(run(new(), bytes, size));
    let whole = in_pieces(bytes.len().max(1));
    assert!(in_pieces(1) == whole, "byte by byte");
    assert!(in_pieces(7) == whole, "in pieces of seven");
}

/// What an HTTP/2 application gets to say in between changes what is said on the other streams, so only the end is the same.
fn comes_to_its_end<M: Application>(new: impl Fn() -> M, bytes: &[u8]) {
    for size in [1, 7, bytes.len().max(1)] {
        run(new(), bytes, size);
    }
}

pub fn http1_server(data: &[u8]) {
    let config = h1::Config { upgrades: &["websocket"], ..h1::Config::default() };
    pieces_equal_whole(|| h1::Connection::server(config, Scheme::Https, NOW), data);
}

pub fn http1_client(data: &[u8]) {
    let new = || {
        let mut client = h1::Connection::client(h1::Config::default(), Scheme::Https);
        let head = RequestHead::get("https://a.example/").expect("a request");
        client.send_request(NOW, &head, &mut Bytes::new(), true).expect("it can be sent");
        client
    };
    pieces_equal_whole(new, data);
}

/// Behind the preface and SETTINGS, so that inputs begin with frames of interest.
pub fn http2_server(data: &[u8]) {
    let bytes = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", data].concat();
    comes_to_its_end(|| h2::Connection::server(h2::Config::default(), NOW), &bytes);
}

pub fn http2_client(data: &[u8]) {
    let new = || {
        let mut client = h2::Connection::client(h2::Config::default());
        let head = RequestHead::get("https://a.example/").expect("a request");
        client.send_request(NOW, &head, &mut Bytes::new(), true).expect("it can be sent");
        client
    };
    let bytes = [b"\0\0\0\x04\0\0\0\0\0", data].concat();
    comes_to_its_end(new, &bytes);
}

/// What is decoded encodes and decodes to the same again.
pub fn hpack(data: &[u8]) {
    let mut lines = Vec::new();
    let decoded = hpack::Decoder::new().decode(data, 1 << 16, |name, value| {
        lines.push((name.to_vec(), value.to_vec()));
        Ok::<(), std::convert::Infallible>(())
    });
    if decoded.is_err() {
        return;
    }
    let (mut encoder, mut decoder) = (hpack::Encoder::new(), hpack::Decoder::new());
    for _ in 0..2 {
        let (mut block, mut again) = (Vec::new(), Vec::new());
        encoder.encode(lines.iter().map(|(name, value)| (name, value)), &mut block);
        let decoded = decoder.decode(&block, 1 << 16, |name, value| {
            again.push((name.to_vec(), value.to_vec()));
            Ok::<(), std::convert::Infallible>(())
        });
        assert!(decoded.is_ok() && again == lines);
    }
}
