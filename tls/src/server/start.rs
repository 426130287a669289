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
    /// What the carrier relies on in early data, as a digest; `None` if it takes none.
    pub(super) early_data: Option<[u8; 32]>,
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
    /// A server that has received nothing. Early data may be taken if there is an `early_data_context`, and only with tickets that
    /// were given under the same one.
    pub(crate) fn new(config: Arc<ServerConfig>, carrier: Carrier, early_data_context: Option<&[u8]>) -> Start {
        let filter =
            config.tickets.as_ref().and_then(|policy| policy.dangerous_accept_early_data_that_may_be_replayed.as_ref());
        let early_data = early_data_context.zip(filter).map(|(context, filter)| {
            let digest = config.provider.initial.hash.digest(&[filter.name(), context]);
            *digest.first_chunk().expect("the hash of the initial suite has 32 bytes")
        });
        Start { config, carrier, early_data, retried: None }
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
