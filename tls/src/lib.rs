//! TLS 1.3 (RFC 9846): the handshake as a state machine without sockets or clocks, under whatever carries it.
//!
//! [`Session`] is the handshake. A carrier makes it and moves its bytes: [`quic`], by encryption level in CRYPTO frames
//! (RFC 9001), or [`records`], over a byte stream. Where the two differ, the states ask the carrier's table of rules
//! (`carrier`). Inside, every state of RFC 9846 appendix A is a type of its own that is made of the state before it and the
//! message it expected, and the states after authentication ask for proofs that only a successful check can make.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod alert;
mod carrier;
mod client;
mod config;
mod effects;
mod error;
mod inbox;
mod key_change;
mod level;
pub mod message;
mod proof;
pub mod quic;
pub mod records;
mod resolver;
mod schedule;
mod server;
mod session;
#[cfg(test)]
mod testing;
mod transcript;
mod violation;

pub use alert::Alert;
pub use config::{ClientConfig, KeyLog, ServerConfig, ServerVerification, WallClock};
pub use error::{Error, LocalError};
pub use key_change::KeyChange;
pub use level::Level;
pub use resolver::{ByName, CertifiedKey, CertifiedKeyError, Resolver, Single};
pub use session::Session;
pub use violation::Violation;
