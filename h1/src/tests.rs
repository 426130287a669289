//! The conductor against scripts of bytes, and against itself.

mod client;
mod pieces;
mod server;
mod slowness;
mod smuggling;

use crate::{Config, Connection, Event, ExchangeId};
use alloc::string::String;
use alloc::vec::Vec;
use base::{Bytes, Demand, Instant, Outgoing, StreamMachine};
use http::exchange::{self, Body};
use http::{RequestHead, ResponseHead, Scheme, Status};

const NOW: Instant = Instant::ZERO;
const UPGRADES: Config = Config { upgrades: &["websocket"], ..PLAIN };
const PLAIN: Config = Config {
    limits: crate::Limits {
        max_start_line: 1000,
        max_fields: 2000,
        max_held: 1000,
        max_unsent: 1000,
        max_discarded: 1000,
        max_chunk_overhead: 1000,
        max_informational: 5,
        max_ahead: 100,
        after_end: base::Duration::from_secs(1),
        notice: base::Duration::from_secs(1),
        linger: base::Duration::from_secs(2),
    },
    times: http::TimeLimits {
        head: base::Duration::from_secs(10),
        least_rate: 100,
        request: base::Duration::from_secs(30),
        response: base::Duration::from_secs(120),
        without_requests: base::Duration::from_secs(60),
    },
    upgrades: &[],
    date: None,
};

fn server() -> Connection {
    Connection::server(PLAIN, Scheme::Https, NOW)
}

fn client() -> Connection {
    Connection::client(PLAIN, Scheme::Https)
}

/// Gives the machine these bytes in pieces of `size` as a driver does: while it demands more, and what it leaves again. Gives back
/// what it has not taken.
fn feed(machine: &mut Connection, bytes: &[u8], size: usize) -> Vec<u8> {
    let mut offered = Vec::new();
    for piece in bytes.chunks(size) {
        offered.extend_from_slice(piece);
        while machine.demand() == Demand::More && !offered.is_empty() {
            let taken = machine.receive(NOW, &mut offered);
            offered.drain(..taken);
            if taken == 0 {
                break;
            }
        }
    }
    offered
}

/// What the machine sends, and whether it has ended its side.
fn sent(machine: &mut Connection) -> (String, bool) {
    let (mut all, mut buffer) = (Vec::new(), [0; base::STREAM_UNIT]);
    loop {
        let says_nothing = !machine.has_output();
        let outgoing = machine.transmit(NOW, &mut buffer);
        assert!(!says_nothing || outgoing == Outgoing::Nothing, "it said that it had nothing to say: {outgoing:?}");
        match outgoing {
            Outgoing::Bytes(count) => all.extend_from_slice(&buffer[..count]),
            Outgoing::Nothing => return (String::from_utf8_lossy(&all).into_owned(), false),
            Outgoing::End => return (String::from_utf8_lossy(&all).into_owned(), true),
        }
    }
}

fn events(machine: &mut Connection) -> Vec<Event> {
    core::iter::from_fn(|| machine.poll_event()).collect()
}

/// The request that a server was told of.
fn request(machine: &mut Connection) -> (ExchangeId, RequestHead) {
    match machine.poll_event() {
        Some(Event::Exchange(id, exchange::Event::Request(head))) => (id, *head),
        other => panic!("no request: {other:?}"),
    }
}

/// All content that can be read. Of an exchange that is over nothing is known any more but what was told.
fn content(machine: &mut Connection, id: ExchangeId) -> (Vec<u8>, Body) {
    let mut all = Vec::new();
    loop {
        match machine.read_body(NOW, id, 100) {
            Body::Data(bytes) => all.extend_from_slice(&bytes),
            Body::Gone if machine.current() != Some(id) => return (all, Body::End),
            end => return (all, end),
        }
    }
}

/// Answers with this status and text.
fn answer(machine: &mut Connection, id: ExchangeId, status: Status, text: &'static [u8]) {
    let mut data = Bytes::from_static(text);
    let whole = machine.send_response(NOW, id, &ResponseHead::new(status), &mut data, true);
    assert_eq!(whole, Ok(Ok(true)));
}
