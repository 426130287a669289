//! QUIC version 1 (RFC 8999, 9000, 9001, 9002) as a pure state machine: datagrams and the time go in; datagrams, a
//! deadline and events come out.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod acknowledgment;
mod config;
mod connection;
mod connection_ids;
mod credit;
mod crypto_stream;
mod delivery;
mod discard;
mod endpoint;
mod error;
mod event;
mod handshake;
mod idle;
mod lifecycle;
mod packet;
mod path;
mod peer_parameters;
pub mod protection;
mod ranges;
mod recovery;
mod rest;
mod space;
mod stats;
mod stream;
pub mod trace;
mod turn;
mod violation;
pub mod wire;
mod wire_identity;

pub use config::Config;
pub use connection::Connection;
pub use discard::Discard;
pub use endpoint::{
    Admission, ConnectionHandle, Endpoint, EndpointConfig, EndpointEvent, EndpointStats, Held, IdLayout, IdLayoutError,
    Incoming, OnIncoming, Strangers,
};
pub use error::{CloseReason, ConnectError, MigrateError};
pub use event::Event;
pub use recovery::RecoveryConfig;
pub use stats::Stats;
pub use stream::{Read, ReadError, StreamEvent, StreamsConfig, WriteError};
pub use violation::{TransportErrorCode, Violation};

/// Parts of the machine for tests and fuzz targets outside of this crate: nothing that an application needs, and no promise
/// that they stay as they are.
pub mod internals {
    pub use crate::acknowledgment::MAX_RANGES;
    pub use crate::connection::NewConnection;
    pub use crate::crypto_stream::CryptoStream;
    pub use crate::endpoint::{IdCodec, Named};
    pub use crate::stream::{Chunks, MAX_SEGMENTS, Reassembly, TooFragmented};
    pub use crate::turn::{Scratch, Turn};
}
