//! HTTP/2 (RFC 9113) as a pure state machine: bytes and the time go in; bytes, a deadline and events come out.
//!
//! A [`Connection`] is one end, a server's or a client's, and a [`base::StreamMachine`]: it runs over any carrier of bytes, which
//! is TLS with ALPN "h2". Its messages and its events are those of every version ([`http::exchange`]). There is no push.
//!
//! ```
//! use posthaste_h2 as h2;
//! use base::{Bytes, Instant, Outgoing, StreamMachine};
//! use h2::{Config, Connection, Event};
//! use http::{RequestHead, ResponseHead, Status, exchange};
//!
//! let now = Instant::ZERO;
//! let (mut client, mut server) = (Connection::client(Config::default()), Connection::server(Config::default(), now));
//! let mut carry = |from: &mut Connection, to: &mut Connection| {
//!     let mut buffer = [0; base::STREAM_UNIT];
//!     while let Outgoing::Bytes(count) = from.transmit(now, &mut buffer) {
//!         assert_eq!(to.receive(now, &mut buffer[..count]), count);
//!     }
//! };
//!
//! client.send_request(now, &RequestHead::get("https://example.com/a")?, &mut Bytes::new(), true)?;
//! carry(&mut client, &mut server);
//! let Some(Event::Exchange(number, exchange::Event::Request(head))) = server.poll_event() else { panic!("a request") };
//! assert_eq!((number.value(), head.path()), (1, "/a"));
//!
//! let answer = ResponseHead::new(Status::OK);
//! assert_eq!(server.send_response(now, number, &answer, &mut Bytes::from_static(b"hello"), true)?, Ok(true));
//! carry(&mut server, &mut client);
//! let Some(Event::Exchange(number, exchange::Event::Response(head))) = client.poll_event() else { panic!("a response") };
//! assert_eq!(head.status, Status::OK);
//! # let _ = client.poll_event();
//! assert_eq!(client.read_body(now, number, 100), exchange::Body::Data(Bytes::from_static(b"hello")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It opens no sockets and runs no tasks. Limits are in [`Config`], messages in `posthaste-http`, the compression of fields in
//! `posthaste-hpack`. Read the files in this order: `error_code`, `violation`, `config`, `frame`, `settings`, `block`, `stream`, `event`, `clocks`,
//! and the conductor `connection`, whose calls for the application are in `server` and `client`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod block;
mod client;
mod clocks;
mod config;
mod connection;
pub mod error_code;
mod event;
mod frame;
mod server;
mod settings;
mod stream;
mod violation;

#[cfg(test)]
mod tests;

pub use config::{Config, Limits};
pub use connection::Connection;
pub use event::{Closing, Event};
pub use stream::StreamNumber;
pub use violation::{Scope, Violation};
