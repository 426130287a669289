//! TLS 1.3 for QUIC (RFC 9846, RFC 9001): the handshake as a state machine without records, sockets or clocks.
//!
//! The transport sees [`Session`] only. Inside, every state of RFC 9846 appendix A is a type of its own that is consumed by
//! the message it expects, and the states after authentication ask for proofs that only a successful check can make.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod alert;
pub mod client;
pub mod config;
pub mod effects;
pub mod error;
pub mod inbox;
pub mod key_change;
pub mod level;
pub mod message;
pub mod proof;
pub mod resolver;
pub mod schedule;
pub mod server;
pub mod session;
#[cfg(test)]
mod testing;
pub mod transcript;
pub mod violation;

pub use alert::Alert;
pub use config::{ClientConfig, KeyLog, ServerConfig, ServerVerification, WallClock};
pub use error::{Error, LocalError};
pub use key_change::KeyChange;
pub use level::Level;
pub use resolver::{CertifiedKey, Resolver};
pub use session::Session;
pub use violation::Violation;
