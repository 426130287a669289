//! Key exchange, shaped like a key-encapsulation mechanism, so that post-quantum hybrids fit: the client makes an offer,
//! the server accepts it (its answer and the secret in one step), the client finishes.

use crate::Secret;
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::Random;
use core::fmt;

/// A key-exchange method of TLS (RFC 9846 section 4.3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NamedGroup(pub u16);

impl NamedGroup {
    /// NIST P-256.
    pub const SECP256R1: NamedGroup = NamedGroup(0x0017);
    /// NIST P-384.
    pub const SECP384R1: NamedGroup = NamedGroup(0x0018);
    /// Curve25519.
    pub const X25519: NamedGroup = NamedGroup(0x001d);
    /// X25519 and ML-KEM-768 together.
    pub const X25519MLKEM768: NamedGroup = NamedGroup(0x11ec);
}

/// A key-exchange method.
pub trait KeyExchange: Send + Sync {
    /// Its number.
    fn group(&self) -> NamedGroup;

    /// The client's half: a fresh private value.
    fn offer(&self, random: &mut dyn Random) -> Result<Box<dyn Offer>, KeyExchangeError>;

    /// The server's half: answers `client_share`.
    fn accept(&self, client_share: &[u8], random: &mut dyn Random) -> Result<Accepted, KeyExchangeError>;
}

/// A client's private value, waiting for the server's share. It is used once.
pub trait Offer: Send + Sync {
    /// What goes into the ClientHello.
    fn share(&self) -> &[u8];

    /// The shared secret.
    fn finish(self: Box<Self>, server_share: &[u8]) -> Result<Secret, KeyExchangeError>;

    /// The part of a hybrid that is a group of its own, and its share, for a server that does not know the hybrid: both shares
    /// can be sent, and the private value is made once. `None` if there is no such part.
    fn part(&self) -> Option<(NamedGroup, &[u8])> {
        None
    }

    /// The shared secret with a server that answered [`part`](Self::part).
    ///
    /// # Errors
    /// As for [`finish`](Self::finish); [`KeyExchangeError::Internal`] if there is no part.
    fn finish_part(self: Box<Self>, _server_share: &[u8]) -> Result<Secret, KeyExchangeError> {
        Err(KeyExchangeError::Internal)
    }
}

/// The server's answer.
#[derive(Debug)]
pub struct Accepted {
    /// What goes into the ServerHello.
    pub share: Vec<u8>,
    /// The shared secret.
    pub secret: Secret,
}

/// Why no secret came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyExchangeError {
    /// The peer's share has the wrong length, is no point of the curve or no key, or gives the all-zero secret.
    BadShare,
    /// The source of random bytes or the primitive failed on our side.
    Internal,
}

impl fmt::Display for KeyExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyExchangeError::BadShare => "the peer's key share is not valid",
            KeyExchangeError::Internal => "the key exchange failed on this side",
        })
    }
}

impl core::error::Error for KeyExchangeError {}
