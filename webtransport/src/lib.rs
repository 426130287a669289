//! WebTransport over HTTP/3 (draft-ietf-webtrans-http3) as a pure state machine: sessions, their streams and datagrams, on an HTTP/3
//! connection.
//!
//! A session is a request by extended CONNECT. Streams that name it are handed over by HTTP/3
//! ([`h3::Event::DataStream`]); what goes on the request's own stream are capsules. [`Sessions`] holds all sessions of one connection:
//! it is told what HTTP/3 tells ([`Sessions::on_exchange`], [`Sessions::on_data_stream`]), and gives [`Event`]s.
//!
//! ```
//! use base::Side;
//! use posthaste_webtransport::{Config, Sessions, codes};
//!
//! let config = Config::default();
//! let http = h3::Config {
//!     extended_connect: true,
//!     datagrams: true,
//!     webtransport: Some(config.settings()),
//!     ..h3::Config::default()
//! };
//! let connection = h3::Connection::server(http); // on a transport, which tells it what comes
//! let mut sessions = Sessions::new(Side::Server, config); // told what `connection.poll_event()` gives
//! assert!(connection.webtransport_settings().is_some() && sessions.poll_event().is_none());
//!
//! // Codes of applications stand in a range of HTTP/3's.
//! assert_eq!(codes::to_wire(30).value(), 0x52e4_a40f_a8fa);
//! assert_eq!(codes::from_wire(codes::to_wire(u32::MAX)), Some(u32::MAX));
//! ```
//!
//! It opens no sockets and has no clock: the crate `posthaste` has async sessions on top of it.
//! Read the files in this order: `codes`, `violation`, `version`, `protocols`, `config`, `flow`, `capsules`, `event`, `stream`, `session`,
//! `exporter`, `early`, and the conductor `sessions`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod capsules;
pub mod codes;
mod config;
mod early;
mod event;
pub mod exporter;
mod flow;
pub mod protocols;
mod session;
mod sessions;
mod stream;
mod version;
mod violation;

pub use config::Config;
pub use event::{Closed, Event, SessionEvent, StreamEvent};
pub use session::SessionStats;
pub use sessions::{NoSession, OpenError, ReadStream, Sessions, StreamError};
pub use version::Version;
pub use violation::Violation;
