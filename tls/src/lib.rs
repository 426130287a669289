//! TLS 1.3 (RFC 9846): the handshake as a state machine without sockets or clocks, for any carrier.
//!
//! [`Session`] is the handshake. A carrier creates it and moves its bytes: [`quic`], by encryption level in CRYPTO frames
//! (RFC 9001), or [`record`], in the records of a byte stream. Where the two differ, the states consult the carrier's table of rules
//! (`carrier`). Inside, each state of RFC 9846 appendix A is a type that is made from the state before it and the message
//! that state expects, and the states after authentication require proofs that only a successful check can create.
//!
//! A handshake of QUIC in memory:
//!
//! ```
//! use posthaste_tls as tls;
//! use std::sync::Arc;
//! use tls::{CertifiedKey, ClientConfig, ServerConfig, ServerVerification, Session, Single, WallClock};
//!
//! struct Clock;
//! impl WallClock for Clock {
//!     fn unix_seconds(&self) -> u64 {
//!         1_780_272_000 // 2026-06-01
//!     }
//! }
//!
//! let (provider, mut random) = (crypto_ring::provider(), crypto_ring::SystemRandom::new());
//! let request = x509::IssueRequest {
//!     names: vec!["localhost".into()],
//!     not_before_unix: 1_780_000_000,
//!     lifetime_seconds: 1_000_000,
//!     serial: [1; 16],
//!     is_authority: false,
//! };
//! let key = (provider.generate_key)(crypto::KeyKind::EcP256)?;
//! let identity = x509::issue::self_signed(&provider, &key, &request)?;
//! let mut roots = x509::RootStore::new();
//! roots.add_der(&identity.certificate)?;
//! let key = (provider.load_key)(crypto::PrivateKeyFormat::Pkcs8, &identity.key_pkcs8)?;
//! let resolver = Arc::new(Single(Arc::new(CertifiedKey { chain: vec![identity.certificate], key })));
//!
//! let protocols = vec![b"echo".to_vec()];
//! let verification = ServerVerification::Roots(Arc::new(roots));
//! let client = ClientConfig::new(provider, verification, protocols.clone(), Arc::new(Clock));
//! let server = ServerConfig::new(provider, resolver, protocols, Arc::new(Clock));
//!
//! let name = x509::ServerName::parse("localhost")?;
//! let mut client = tls::quic::client(Arc::new(client), name, b"parameters".to_vec(), &mut random)?;
//! let mut server = tls::quic::server(Arc::new(server), b"parameters".to_vec());
//! let mut deliver = |from: &mut Session, to: &mut Session| {
//!     while let Some((level, bytes)) = from.poll_output() {
//!         to.read(level, &bytes, &mut random)?;
//!     }
//!     Ok::<(), tls::Error>(())
//! };
//! deliver(&mut client, &mut server)?; // ClientHello
//! deliver(&mut server, &mut client)?; // ServerHello to Finished
//! deliver(&mut client, &mut server)?; // Finished
//! assert!(client.is_complete() && server.is_complete());
//! assert_eq!(client.alpn(), Some(&b"echo"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! There is no TLS 1.2. Settings are [`ClientConfig`] and [`ServerConfig`]; keys and
//! secrets come out of the [`Session`], for its carrier. `posthaste-quic` is the carrier of HTTP/3.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod alert;
mod carrier;
mod certified_key;
mod client;
mod client_authentication;
mod client_proof;
mod client_resolver;
mod config;
mod early_data;
mod effects;
mod error;
mod inbox;
mod key_change;
mod level;
pub mod message;
mod peer_identity;
mod proof;
pub mod quic;
pub mod record;
pub mod records;
mod replay_filter;
mod resolver;
mod schedule;
mod server;
mod server_verification;
mod session;
mod signature_wishes;
#[cfg(test)]
mod testing;
mod ticket;
mod ticket_bytes;
mod ticket_content;
mod ticket_keys;
mod transcript;
mod violation;

pub use alert::Alert;
pub use carrier::{AnswerParameters, AnsweredParameters, MakeParameters};
pub use certified_key::{CertifiedKey, CertifiedKeyError};
pub use client_authentication::{ClientAuthentication, ClientRoots, ClientVerifier, PresentedByClient};
pub use client_resolver::{CertificateWanted, ClientIdentities, ClientResolver};
pub use config::{ClientConfig, Groups, KeyLog, ServerConfig, TicketPolicy, WallClock};
pub use early_data::EarlyData;
pub use error::{Error, LocalError};
pub use key_change::KeyChange;
pub use level::Level;
pub use peer_identity::PeerIdentity;
pub use replay_filter::ReplayFilter;
pub use resolver::{ByName, ClientWishes, Resolver, Selected, Single};
pub use server_verification::{
    CertificateHashes, PinnedServers, PresentedByServer, ServerVerification, ServerVerifier,
};
pub use session::Session;
pub use signature_wishes::SignatureWishes;
pub use ticket::{Ticket, TicketCache, TicketOrigin, TicketStore};
pub use ticket_keys::{
    FixedTicketKeys, MAX_TICKET_KEYS, TICKET_SECRET_LEN, TicketKeyRotation, TicketKeySource, TicketKeys,
};
pub use violation::Violation;
