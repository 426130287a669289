//! The transcript hash (RFC 9846 section 4.1): everything both sides said, in one digest.

use crate::message::framing::HandshakeType;
use alloc::boxed::Box;
use core::fmt;
use crypto::{CipherSuite, Digest, HashContext};

/// The hash of the messages so far.
pub(crate) struct Transcript {
    hash: Box<dyn HashContext>,
}

impl Transcript {
    /// A transcript that begins with the first ClientHello, once the suite is known.
    pub(crate) fn new(suite: &CipherSuite, client_hello: &[u8]) -> Transcript {
        let mut hash = suite.hash.start();
        hash.update(client_hello);
        Transcript { hash }
    }

    /// RFC 9846 s4.1: after a HelloRetryRequest the first ClientHello is replaced by a message that holds its digest, so
    /// that a server need not remember the hello itself.
    pub(crate) fn after_retry(suite: &CipherSuite, first_client_hello: &[u8]) -> Transcript {
        let digest = suite.hash.digest(&[first_client_hello]);
        let mut hash = suite.hash.start();
        // A digest has at most 64 bytes.
        hash.update(&[HandshakeType::MESSAGE_HASH.0, 0, 0, digest.len() as u8]);
        hash.update(&digest);
        Transcript { hash }
    }

    /// Appends a message, or several, with their headers.
    pub(crate) fn add(&mut self, message: &[u8]) {
        self.hash.update(message);
    }

    /// The digest so far.
    pub(crate) fn current(&self) -> Digest {
        self.hash.current()
    }
}

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transcript({:?})", self.current())
    }
}
