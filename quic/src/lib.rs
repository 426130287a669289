//! QUIC versions 1 and 2 (RFC 8999, 9000, 9001, 9002, 9287, 9368, 9369) as a pure state machine. Inputs are datagrams and the time; outputs are
//! datagrams, a deadline and events.
//!
//! An [`Endpoint`] owns its connections, and is driven through [`base::Machine`]: give it each datagram, call it when its
//! deadline has passed, send what it transmits. [`Endpoint::poll_event`] says which [`Connection`] has events; streams are
//! opened, written and read on the connection itself.
//!
//! Two endpoints in memory, up to the end of their handshake:
//!
//! ```
//! use posthaste_quic as quic;
//! use base::{Datagram, FourTuple, Instant, Machine};
//! use quic::{Config, Endpoint, EndpointConfig, EndpointEvent, Event};
//! use std::sync::Arc;
//!
//! let (client_tls, server_tls) = adversary::identity::pair(); // of tests; a program makes its own with `tls`
//! let endpoint = |seed, tls| {
//!     let config = EndpointConfig::new(sim::seeded_provider(), Arc::new(Config::default()), tls);
//!     Endpoint::<()>::new(Instant::ZERO, config, Box::new(sim::SeededRandom::new(seed)))
//! };
//! let (mut client, mut server) = (endpoint(1, None), endpoint(2, Some(server_tls.clone())));
//! let path = FourTuple { local: "192.0.2.1:5000".parse()?, remote: "192.0.2.2:443".parse()? };
//! let name = adversary::identity::server_name();
//! let connection = client.connect(Instant::ZERO, client_tls.clone(), name, path)?;
//!
//! fn deliver(now: Instant, from: &mut Endpoint, to: &mut Endpoint) -> bool {
//!     let mut buffer = [0; 65_536];
//!     let Some(transmit) = from.transmit(now, &mut buffer) else { return false };
//!     let FourTuple { local, remote } = transmit.four_tuple;
//!     for payload in buffer[..transmit.len].chunks_mut(transmit.segment_size) {
//!         let four_tuple = FourTuple { local: remote, remote: local };
//!         to.receive(now, Datagram { four_tuple, ecn: transmit.ecn, payload });
//!     }
//!     true
//! }
//! let now = Instant::ZERO;
//! while deliver(now, &mut client, &mut server) | deliver(now, &mut server, &mut client) {}
//!
//! assert!(matches!(client.poll_event(), Some(EndpointEvent::Ready(ready)) if ready == connection));
//! let connection = client.connection_mut(connection).expect("it is not over");
//! assert_eq!(connection.poll_event(), Some(Event::Established));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It is no socket, no clock and no thread: `posthaste-runtime` drives it on UDP, and `posthaste-sim` on a virtual network. It
//! knows no HTTP: that is `posthaste-h3`. Limits and timeouts are in [`Config`], what an endpoint decides about newcomers in
//! [`EndpointConfig`].
//! Three modules are for people who look inside: [`wire`] (packets and frames byte for byte), [`protection`] (keys of
//! packets) and [`trace`] (records of what a connection does). [`internals`] is for tests.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod ack_requests;
mod acknowledgment;
mod announcements;
mod config;
mod connection;
mod connection_ids;
mod credit;
mod crypto_stream;
mod datagram;
mod delivery;
mod discard;
mod early_data;
mod endpoint;
mod error;
mod event;
mod handshake;
mod idle;
mod lifecycle;
mod packet;
mod path;
mod peer_parameters;
mod preferred_addresses;
pub mod protection;
mod ranges;
mod recovery;
mod rest;
mod space;
mod stats;
mod stream;
pub mod trace;
mod turn;
mod version_negotiation;
mod violation;
pub mod wire;
mod wire_identity;

pub use ack_requests::AckFrequencyConfig;
pub use config::Config;
pub use connection::Connection;
pub use datagram::{
    DatagramEvent, DatagramId, DatagramOptions, DatagramRefusal, DatagramStats, DatagramsConfig, RefusedDatagram,
    WhenFull,
};
pub use discard::Discard;
pub use endpoint::{
    AddressValidation, Admission, ConnectionHandle, Endpoint, EndpointConfig, EndpointEvent, EndpointStats, Held,
    IdLayout, IdLayoutError, Incoming, LoadBalancing, LoadBalancingError, Network, OnIncoming, Strangers, TokenCache,
    TokenCounts, TokenId, TokenMemory, TokenOrigin, TokenPolicy, TokenStore, UsedTokens,
};
pub use error::{CloseReason, ConnectError, MigrateError, ResetAtUnsupported};
pub use event::Event;
pub use preferred_addresses::PreferredAddresses;
pub use recovery::{CongestionControl, RecoveryConfig};
pub use stats::{PathStats, Stats};
pub use stream::{
    Read, ReadError, ReceiveMemory, ReceiveShare, SendMemory, SendShare, StreamEvent, StreamPriority, StreamsConfig,
    WriteError,
};
pub use violation::{TransportErrorCode, Violation};
pub use wire::version::{Version, Versions};

/// Parts of the machine for tests and fuzz targets outside of this crate: nothing that an application needs, and no promise
/// that they stay as they are.
pub mod internals {
    pub use crate::acknowledgment::MAX_RANGES;
    pub use crate::connection::NewConnection;
    pub use crate::crypto_stream::CryptoStream;
    pub use crate::endpoint::{IdCodec, Named};
    pub use crate::stream::{Chunks, Lent, MAX_SEGMENTS, Reassembly, TooFragmented};
    pub use crate::turn::{Scratch, Turn};
}
