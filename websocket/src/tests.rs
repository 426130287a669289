//! The conductor against scripts of frames, and against itself.

mod closing;
mod frames;
mod network;
mod pieces;
mod sending;

use crate::{Close, CloseCode, Closing, Config, Connection, Event, Limits, Message, Times};
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::{Duration, Instant, StreamMachine};
use sim::SeededRandom;

const NOW: Instant = Instant::ZERO;
const CONFIG: Config = Config {
    limits: Limits { max_message: 1000, max_frame: 600, max_unsent: 500, fragment: 100 },
    times: Times { ping_after: Duration::from_secs(10), patience: Duration::from_secs(5) },
};

fn server() -> Connection {
    Connection::server(CONFIG, NOW)
}

fn client() -> Connection {
    client_of(CONFIG)
}

fn client_of(config: Config) -> Connection {
    Connection::client(config, Box::new(SeededRandom::new(7)), NOW)
}

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A client's frame: its first byte, and the content, which is masked here.
fn masked(first: u8, content: &[u8]) -> Vec<u8> {
    let mut frame = head(first, 0x80, content.len());
    frame.extend_from_slice(&KEY);
    frame.extend(content.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// A server's frame.
fn plain(first: u8, content: &[u8]) -> Vec<u8> {
    let mut frame = head(first, 0, content.len());
    frame.extend_from_slice(content);
    frame
}

fn head(first: u8, mask: u8, len: usize) -> Vec<u8> {
    match len {
        0..=125 => Vec::from([first, mask | len as u8]),
        126..=65_535 => [&[first, mask | 126][..], &(len as u16).to_be_bytes()].concat(),
        _ => [&[first, mask | 127][..], &(len as u64).to_be_bytes()].concat(),
    }
}

/// Gives bytes in pieces of this size, and what is told of them.
fn feed(connection: &mut Connection, bytes: &[u8], size: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for piece in bytes.chunks(size.max(1)) {
        let mut piece = piece;
        while !piece.is_empty() {
            let taken = connection.take(NOW, piece);
            piece = &piece[taken..];
            let before = events.len();
            events.extend(core::iter::from_fn(|| connection.poll_event(NOW)));
            assert!(taken > 0 || events.len() > before, "it goes on");
        }
    }
    events
}

/// All that is sent.
fn sent(connection: &mut Connection) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(bytes) = connection.next(NOW, 4096) {
        out.extend_from_slice(&bytes);
    }
    out
}

fn text(text: &str) -> Event {
    Event::Message(Message::from(text))
}

fn binary(bytes: &[u8]) -> Event {
    Event::Message(Message::from(bytes.to_vec()))
}

fn closed(code: CloseCode, reason: &str) -> Event {
    Event::Closed(Closing::Clean(Close::new(code, reason)))
}

/// A Close frame's content.
fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason].concat()
}

/// Lets it be so late.
fn at(connection: &mut Connection, seconds: u64) -> Instant {
    let now = NOW + Duration::from_secs(seconds);
    connection.on_timeout(now);
    now
}
