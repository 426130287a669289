//! TLS 1.3 (RFC 9846): the handshake as a state machine without sockets or clocks, under whatever carries it.
//!
//! [`Session`] is the handshake. A carrier makes it and moves its bytes: [`quic`], by encryption level in CRYPTO frames
//! (RFC 9001), or [`records`], over a byte stream. Where the two differ, the states ask the carrier's table of rules
//! ([`carrier`]). Inside, every state of RFC 9846 appendix A is a type of its own that is made of the state before it and the
//! message it expected, and the states after authentication ask for proofs that only a successful check can make.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod alert;
pub mod carrier;
pub mod client;
pub mod config;
pub mod effects;
pub mod error;
pub mod inbox;
pub mod key_change;
pub mod level;
pub mod message;
pub mod proof;
pub mod quic;
pub mod records;
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
pub use resolver::{CertifiedKey, CertifiedKeyError, Resolver};
pub use session::Session;
pub use violation::Violation;
