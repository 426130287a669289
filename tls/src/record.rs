//! The record layer of TLS 1.3 (RFC 9846 sections 5 and 6) over a byte stream such as TCP: bytes in and out, no socket, no
//! clock, no thread.
//!
//! [`Connection`] is one end: it opens records where they lie, tells what was in them, and seals what it is given. It drives
//! the handshake of a [`Session`](crate::Session), answers key updates, and keeps the rules of closing. [`TlsStream`] puts it
//! under a [`base::StreamMachine`], so that a protocol that runs over TCP runs over TLS without a change.
//!
//! What it holds: nothing of what comes in, because a record is opened in the caller's buffer once all of it is there; and
//! going out, at most one flight of the handshake, which is its own, and an alert.

mod connection;
mod counts;
mod error;
mod header;
mod keys;
mod reader;
mod settings;
mod stream;
mod writer;

pub use connection::{Connection, Received, Written};
pub use error::Error;
pub use header::MAX_RECORD_LEN;
pub use settings::Settings;
pub use stream::TlsStream;

#[cfg(test)]
mod tests;
