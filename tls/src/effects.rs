//! What a state gives back besides the next state: messages to send, keys, and what was learned about the peer.

use crate::config::KeyLog;
use crate::key_change::KeyChange;
use crate::level::Level;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use crypto::{CipherSuite, Secret};
use rustls_pki_types::CertificateDer;

/// Collected while a message is read; the transport polls it.
#[derive(Debug, Default)]
pub struct Effects {
    /// Handshake bytes to send, in order.
    pub output: VecDeque<(Level, Vec<u8>)>,
    /// Keys that became available, in order.
    pub keys: VecDeque<KeyChange>,
    /// The peer's transport parameters.
    pub peer_transport_parameters: Option<Vec<u8>>,
    /// The application protocol.
    pub application_protocol: Option<Vec<u8>>,
    /// The name the client asked for.
    pub server_name: Option<String>,
    /// The server's chain, if the client wants to keep it.
    pub peer_certificates: Vec<CertificateDer<'static>>,
    /// The suite.
    pub suite: Option<&'static CipherSuite>,
    /// What exporters start from.
    pub exporter: Option<Secret>,
}

impl Effects {
    /// Sends `bytes` at `level`.
    pub fn send(&mut self, level: Level, bytes: Vec<u8>) {
        self.output.push_back((level, bytes));
    }
}

/// Tells a key log about two secrets of one stage.
pub fn log_secrets(key_log: Option<&Arc<dyn KeyLog>>, client_random: &[u8; 32], secrets: [(&'static str, &Secret); 2]) {
    if let Some(key_log) = key_log {
        for (label, secret) in secrets {
            key_log.log(label, client_random, secret.as_bytes());
        }
    }
}
