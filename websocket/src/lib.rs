//! WebSocket (RFC 6455) as a pure state machine: bytes and the time go in; bytes, a deadline and events come out.
//!
//! A [`Connection`] is one end of a WebSocket whose handshake is over, a server's or a client's, and a [`base::StreamMachine`]. The
//! bytes are those behind the handshake of HTTP/1.1, or those in the tunnel of an extended CONNECT over HTTP/2 (RFC 8441) or HTTP/3
//! (RFC 9220). What the handshake says is in [`handshake`].
//!
//! ```
//! use posthaste_websocket as websocket;
//! use base::Instant;
//! use websocket::{Close, CloseCode, Closing, Config, Connection, Event};
//!
//! struct Dice; // a random source of the system, in a program
//! impl base::Random for Dice {
//!     fn fill(&mut self, bytes: &mut [u8]) {
//!         bytes.fill(4);
//!     }
//! }
//!
//! let now = Instant::ZERO;
//! let mut client = Connection::client(Config::default(), Box::new(Dice), now);
//! let mut server = Connection::server(Config::default(), now);
//! let carry = |from: &mut Connection, to: &mut Connection| {
//!     while let Some(bytes) = from.next(now, 1 << 14) {
//!         assert_eq!(to.take(now, &bytes), bytes.len());
//!     }
//! };
//!
//! client.send(now, "hello".into())?;
//! carry(&mut client, &mut server);
//! assert_eq!(server.poll_event(now), Some(Event::Message("hello".into())));
//!
//! server.close(now, Close::new(CloseCode::NORMAL, "bye"));
//! carry(&mut server, &mut client);
//! assert_eq!(client.poll_event(now), Some(Event::Closed(Closing::Clean(Close::new(CloseCode::NORMAL, "bye")))));
//! # Ok::<(), websocket::SendError>(())
//! ```
//!
//! There are no extensions: permessage-deflate (RFC 7692) is never asked for and never agreed to, because it lets a peer make a
//! little into much, and tells by its lengths what a secret has in common with what somebody else has chosen. A frame with a
//! reserved bit is a breach. Read the files in this order: `close_code`, `violation`, `config`, `message`, `mask`, `header`, `reader`,
//! `writer`, `event`, and the conductor `connection`; then `handshake`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod close_code;
mod config;
mod connection;
mod event;
pub mod handshake;
mod header;
mod mask;
mod message;
mod reader;
mod violation;
mod writer;

#[cfg(test)]
mod tests;

pub use close_code::CloseCode;
pub use config::{Config, Limits, Times};
pub use connection::{Connection, SendError};
pub use event::{Closing, Event};
pub use message::{Close, Message};
pub use violation::Violation;
