//! START: the server waits for a ClientHello, or after a HelloRetryRequest for the second.

use crate::carrier::Carrier;
use crate::config::ServerConfig;
use crate::transcript::Transcript;
use alloc::sync::Arc;
use core::fmt;
use crypto::{CipherSuite, Digest, KeyExchange};

/// Expects ClientHello.
#[derive(Debug)]
pub(crate) struct Start {
    pub(super) config: Arc<ServerConfig>,
    pub(super) carrier: Carrier,
    /// What is remembered of the first round, if there was one.
    pub(super) retried: Option<Retried>,
}

/// What a server remembers of a ClientHello that it answered with a HelloRetryRequest.
pub(super) struct Retried {
    pub(super) suite: &'static CipherSuite,
    pub(super) exchange: &'static dyn KeyExchange,
    /// Of all that the second ClientHello must repeat.
    pub(super) unchanged: Digest,
    /// ClientHello and HelloRetryRequest.
    pub(super) transcript: Transcript,
}

impl Start {
    /// A server that has received nothing.
    pub(crate) fn new(config: Arc<ServerConfig>, carrier: Carrier) -> Start {
        Start { config, carrier, retried: None }
    }
}

impl fmt::Debug for Retried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retried")
            .field("suite", &self.suite)
            .field("group", &self.exchange.group())
            .finish_non_exhaustive()
    }
}
