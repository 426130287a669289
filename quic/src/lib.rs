//! QUIC version 1 (RFC 8999, 9000, 9001, 9002) as a pure state machine: datagrams and the time go in; datagrams, a
//! deadline and events come out.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod acknowledgment;
pub mod config;
pub mod connection;
pub mod connection_ids;
pub mod credit;
pub mod crypto_stream;
pub mod delivery;
pub mod discard;
pub mod endpoint;
pub mod error;
pub mod event;
pub mod handshake;
pub mod idle;
pub mod lifecycle;
pub mod packet;
pub mod path;
pub mod peer_parameters;
pub mod protection;
pub mod ranges;
pub mod recovery;
pub mod rest;
pub mod space;
pub mod stats;
pub mod stream;
pub mod trace;
pub mod turn;
pub mod violation;
pub mod wire;
pub mod wire_identity;

pub use config::Config;
pub use connection::Connection;
pub use discard::Discard;
pub use endpoint::{
    Admission, ConnectionHandle, Endpoint, EndpointConfig, EndpointEvent, EndpointStats, IdLayout, IdLayoutError,
    Incoming,
};
pub use error::{CloseReason, ConnectError, MigrateError};
pub use event::Event;
pub use stats::Stats;
pub use stream::StreamEvent;
pub use violation::{TransportErrorCode, Violation};
