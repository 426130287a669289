//! HTTP/1.1 (RFC 9112) as a pure state machine: bytes and the time go in; bytes, a deadline and events come out.
//!
//! A [`Connection`] is one end, a server's or a client's, and a [`base::StreamMachine`]: it runs over any carrier of bytes, over
//! TLS too. Its messages and its events are those of every version ([`http::exchange`]).
//!
//! ```
//! use posthaste_h1 as h1;
//! use base::{Bytes, Instant, Outgoing, StreamMachine};
//! use h1::{Config, Connection, Event};
//! use http::{RequestHead, ResponseHead, Scheme, Status, exchange};
//!
//! let now = Instant::ZERO;
//! let mut client = Connection::client(Config::default(), Scheme::Https);
//! let mut server = Connection::server(Config::default(), Scheme::Https, now);
//! let mut carry = |from: &mut Connection, to: &mut Connection| {
//!     let mut buffer = [0; base::STREAM_UNIT];
//!     while let Outgoing::Bytes(count) = from.transmit(now, &mut buffer) {
//!         assert_eq!(to.receive(now, &mut buffer[..count]), count);
//!     }
//! };
//!
//! client.send_request(now, &RequestHead::get("https://example.com/a")?, &mut Bytes::new(), true)?;
//! carry(&mut client, &mut server);
//! let Some(Event::Exchange(id, exchange::Event::Request(head))) = server.poll_event() else { panic!("a request") };
//! assert_eq!(head.path(), "/a");
//!
//! let answer = ResponseHead::new(Status::OK);
//! assert_eq!(server.send_response(now, id, &answer, &mut Bytes::from_static(b"hello"), true)?, Ok(true));
//! carry(&mut server, &mut client);
//! let Some(Event::Exchange(id, exchange::Event::Response(head))) = client.poll_event() else { panic!("a response") };
//! assert_eq!(head.status, Status::OK);
//! assert_eq!(client.read_body(now, id, 100), exchange::Body::Data(Bytes::from_static(b"hello")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It opens no sockets and runs no tasks. Limits are in [`Config`], messages in `posthaste-http`. Read the files in this order:
//! `violation`, `config`, `ahead`, `lines`, `chunks`, `framing`, `head`; `write`, `outbox`; `exchange`, `event`, `clocks`, and the conductor
//! `connection`, whose calls for the application are in `server` and `client`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod ahead;
mod chunks;
mod client;
mod clocks;
mod config;
mod connection;
mod event;
mod exchange;
mod framing;
mod head;
mod lines;
mod outbox;
mod server;
mod violation;
mod write;

#[cfg(test)]
mod tests;

pub use config::{Config, Limits};
pub use connection::Connection;
pub use event::{Closing, Event};
pub use exchange::ExchangeId;
pub use violation::Violation;
