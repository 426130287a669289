//! What carries a session to the runner: records over TCP, or the pretended QUIC.

use crate::failure::Failure;
use crate::link::Link;
use tls::Session;

/// What a step of reading has brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// Something for the handshake, or for the carrier itself.
    Progress,
    /// Application data.
    Data(Vec<u8>),
    /// The end: nothing more comes.
    End,
}

/// A carrier on a socket.
pub trait Transport {
    fn session(&self) -> &Session;

    /// Sends whatever there is to say.
    fn flush(&mut self) -> Result<(), Failure>;

    /// Waits for something, and takes it. A failure is told to the peer before it is given.
    fn read(&mut self) -> Result<Read, Failure>;

    /// Sends application data.
    fn write(&mut self, data: &[u8]) -> Result<(), Failure>;

    /// Has what follows sealed by new keys.
    fn update_keys(&mut self) -> Result<(), Failure>;

    /// How often the peer has done so.
    fn peer_key_updates(&self) -> u64;

    /// Whether a client's early data can be sent, or a server's answer to it, before the handshake is complete.
    fn is_early(&self) -> bool;

    /// Says that nothing more is sent.
    fn close(&mut self) -> Result<(), Failure>;

    /// Whether an end that nobody announced is told from one that was.
    fn tells_truncation(&self) -> bool;

    fn into_link(self: Box<Self>) -> Link;
}
