//! What every client state from ServerHello to Finished carries.

use crate::config::ClientConfig;
use crate::schedule::Handshake;
use crate::transcript::Transcript;
use alloc::sync::Arc;
use core::fmt;
use crypto::{CipherSuite, Secret};

/// The handshake under its keys.
pub struct Handshaking {
    /// The configuration.
    pub config: Arc<ClientConfig>,
    /// Whom the client wants to reach.
    pub name: x509::ServerName,
    /// The client's random, which names the connection in key logs.
    pub client_random: [u8; 32],
    /// The chosen suite.
    pub suite: &'static CipherSuite,
    /// All messages so far.
    pub transcript: Transcript,
    /// The key schedule.
    pub schedule: Handshake,
    /// client_handshake_traffic_secret.
    pub client_traffic: Secret,
    /// server_handshake_traffic_secret.
    pub server_traffic: Secret,
}

impl fmt::Debug for Handshaking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshaking").field("name", &self.name).field("suite", &self.suite).finish_non_exhaustive()
    }
}
