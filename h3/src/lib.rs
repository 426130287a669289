//! HTTP/3 (RFC 9114) as a pure state machine over anything that has QUIC's streams.
//!
//! What an exchange is in every version of HTTP (events, phases, reasons) is `http::exchange`; this crate adds frames,
//! streams and settings.
//!
//! Read in this order: `error_code`, `violation`, `config`, `budget`, `trace`, `transport`, `event`; then the wire: `frame`,
//! `frame_reader`, `stream_type`, `settings`, `priority`, `goaway`; then what is made of it: `control_stream`, `outbox`,
//! `critical_streams`, `message`, `request_stream`, `exchange`, and the conductor `connection` with what the application calls in `body`,
//! `client` and `server`; last `over_quic` and `machine`, which set it on our QUIC.
//!
//! Nothing above those two knows packets, time or sockets.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod body;
mod budget;
mod client;
mod config;
mod connection;
mod control_stream;
mod critical_streams;
pub mod error_code;
mod event;
mod exchange;
mod frame;
mod frame_reader;
mod goaway;
mod machine;
mod message;
mod outbox;
mod over_quic;
mod priority;
mod request_stream;
mod server;
mod settings;
mod stream_type;
pub mod trace;
mod transport;
mod violation;

#[cfg(test)]
mod tests;

pub use config::{Config, Limits};
pub use connection::Connection;
pub use event::Event;
pub use http::exchange::{Body, Reason, SendError};
pub use machine::{Endpoint, EndpointEvent, Kept};
pub use over_quic::OverQuic;
pub use settings::PeerSettings;
pub use transport::{Read, Transport, WriteError};
pub use violation::{Scope, Violation};
