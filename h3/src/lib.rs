//! HTTP/3 (RFC 9114) as a pure state machine over any transport that provides QUIC's streams.
//!
//! What an exchange is in every version of HTTP (events, phases, reasons) is `http::exchange`; this crate adds frames,
//! streams and settings. [`Connection`] is HTTP/3 on one [`Transport`]; [`Endpoint`] is a QUIC endpoint that speaks it on
//! every connection.
//!
//! A request and its answer, in memory:
//!
//! ```
//! use posthaste_h3 as h3;
//! use base::{Datagram, FourTuple, Instant, Machine};
//! use h3::{Config, Endpoint, EndpointEvent, Event};
//! use http::{Method, RequestHead, ResponseHead, Status, exchange};
//! use std::sync::Arc;
//!
//! let (client_tls, server_tls) = adversary::identity::pair_of(b"h3"); // of tests; a program makes its own with `tls`
//! let endpoint = |seed, tls| {
//!     let config = quic::EndpointConfig::new(sim::seeded_provider(), Arc::new(quic::Config::default()), tls);
//!     let quic = quic::Endpoint::new(Instant::ZERO, config, Box::new(sim::SeededRandom::new(seed)));
//!     Endpoint::<()>::new(quic, Config::default())
//! };
//! let (mut client, mut server) = (endpoint(1, None), endpoint(2, Some(server_tls)));
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
//! let path = FourTuple { local: "192.0.2.1:5000".parse()?, remote: "192.0.2.2:443".parse()? };
//! let connection = client.connect(now, client_tls, adversary::identity::server_name(), path)?;
//! let request = RequestHead::new(Method::Get, "https://localhost/").expect("a complete URI");
//! let mut status = None;
//! loop {
//!     let mut is_busy = deliver(now, &mut client, &mut server) | deliver(now, &mut server, &mut client);
//!     while let Some(event) = client.poll_event(now) {
//!         is_busy = true;
//!         match event {
//!             EndpointEvent::Established(_) => {
//!                 let sent = client.with(now, connection, |http, streams| http.send_request(streams, &request, true));
//!                 sent.expect("the connection is there")?;
//!             }
//!             EndpointEvent::Http(_, Event::Exchange(_, exchange::Event::Response(head))) => status = Some(head.status),
//!             _ => {}
//!         }
//!     }
//!     while let Some(event) = server.poll_event(now) {
//!         is_busy = true;
//!         if let EndpointEvent::Http(connection, Event::Exchange(id, exchange::Event::Request(_))) = event {
//!             let head = ResponseHead::new(Status::OK);
//!             let sent = server.with(now, connection, |http, streams| http.send_response(streams, id, &head, true));
//!             sent.expect("the connection is there")?;
//!         }
//!     }
//!     if !is_busy {
//!         break;
//!     }
//! }
//! assert_eq!(status, Some(Status::OK));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It opens no sockets and runs no tasks: the crate `posthaste` is an async server and client on top of it. Limits are in
//! [`Config`], and messages in `posthaste-http`.
//! Read the files in this order: `error_code`, `violation`, `webtransport_settings`, `config`, `budget`, `watch`, `trace`, `transport`, `event`; then the wire:
//! `frame`, `frame_reader`, `stream_type`, `settings`, `data_streams`, `priority`, `datagram`, `ahead`, `goaway`; then what is built on it: `control_stream`,
//! `outbox`, `critical_streams`, `message`, `request_stream`, `exchange`, `compression`, `rest`, and the conductor `connection`, whose calls for the
//! application are in `body`, `client` and `server`, and whose end is in `parting`; last `over_quic` and `machine`, which connect
//! it to our QUIC. Only those two know packets and time, and none knows sockets.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod ahead;
mod body;
mod budget;
mod client;
mod compression;
mod config;
mod connection;
mod control_stream;
mod critical_streams;
mod data_streams;
mod datagram;
mod endless;
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
mod parting;
mod priority;
mod request_stream;
mod rest;
mod server;
mod settings;
mod stream_type;
pub mod trace;
mod transport;
mod violation;
mod watch;
mod webtransport_settings;

#[cfg(test)]
mod tests;

pub use config::{Config, Limits};
pub use connection::Connection;
pub use data_streams::DataStreamEvent;
pub use datagram::DatagramCounts;
pub use event::Event;
pub use http::Priority;
pub use http::TimeLimits;
pub use http::exchange::{Body, DatagramError, Reason, SendError, SentDatagrams};
pub use http::pace::Delivery;
pub use machine::{ALPN, Endpoint, EndpointEvent, Kept};
pub use over_quic::{OverQuic, send_datagram};
pub use quic::WhenFull;
pub use settings::{PeerSettings, early_data_context};
pub use transport::{Read, Transport, WriteError};
pub use violation::{Scope, Violation};
pub use webtransport_settings::WebTransportSettings;
