//! What a state returns besides the next state: messages to send, keys, and what was agreed on.

use crate::config::KeyLog;
use crate::early_data::EarlyData;
use crate::key_change::KeyChange;
use crate::level::Level;
use crate::message::key_update::KeyUpdate;
use crate::peer_identity::PeerIdentity;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::Side;
use crypto::{CipherSuite, NamedGroup, Secret, SignatureScheme};

/// Collected while a message is read; the carrier polls it.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Handshake bytes to send, in order.
    pub output: VecDeque<(Level, Vec<u8>)>,
    /// Keys that became available, in order.
    pub keys: VecDeque<KeyChange>,
    /// The KeyUpdate that the peer sent, until it is polled.
    pub key_update: Option<KeyUpdate>,
    /// What the peer says in the carrier's own extension.
    pub peer_parameters: Option<Vec<u8>>,
    /// What a server has answered to that, if it was made for this client.
    pub answered_parameters: Option<Vec<u8>>,
    /// The version of the carrier's protocol that tickets are for.
    pub version: u32,
    /// The application protocol.
    pub application_protocol: Option<Vec<u8>>,
    /// The name the client asked for.
    pub server_name: Option<String>,
    /// Who a client proved to be, or the server's chain, if the client wants to keep it.
    pub peer_identity: Option<Arc<PeerIdentity>>,
    /// The suite.
    pub suite: Option<&'static CipherSuite>,
    /// The group of the key exchange.
    pub group: Option<NamedGroup>,
    /// How the server signed.
    pub signature_scheme: Option<SignatureScheme>,
    /// How a client that was asked for a certificate signed, on the server that asked.
    pub client_signature_scheme: Option<SignatureScheme>,
    /// Whether the server asked for a second ClientHello.
    pub is_retried: bool,
    /// Whether a ticket stands in for the certificate.
    pub is_resumed: bool,
    /// What has become of early data.
    pub early_data: EarlyData,
    /// Whether the client sent a session ID.
    pub is_in_compatibility_mode: bool,
    /// What exporters start from.
    pub exporter: Option<Secret>,
}

/// Where the secrets of a connection are logged, and under which name.
#[derive(Clone, Copy)]
pub(crate) struct KeyLogEntry<'a> {
    /// Receives the secrets, if set.
    pub key_log: Option<&'a Arc<dyn KeyLog>>,
    /// The client's random names the connection.
    pub client_random: &'a [u8; 32],
}

impl Effects {
    /// Sends `bytes` at `level`.
    pub(crate) fn send(&mut self, level: Level, bytes: Vec<u8>) {
        self.output.push_back((level, bytes));
    }

    /// Gives out the keys that `side` has made, after the key log was told.
    pub(crate) fn give_keys(&mut self, side: Side, change: KeyChange, entry: KeyLogEntry<'_>) {
        let (labels, local, remote) = match &change {
            KeyChange::EarlyData { secret, .. } => {
                if let Some(key_log) = entry.key_log {
                    key_log.log("CLIENT_EARLY_TRAFFIC_SECRET", entry.client_random, secret.as_bytes());
                }
                return self.keys.push_back(change);
            }
            KeyChange::Handshake { local, remote, .. } => {
                (["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET"], local, remote)
            }
            KeyChange::OneRtt { local, remote, .. } => {
                (["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"], local, remote)
            }
        };
        let secrets = match side {
            Side::Client => [local, remote],
            Side::Server => [remote, local],
        };
        if let Some(key_log) = entry.key_log {
            for (label, secret) in labels.into_iter().zip(secrets) {
                key_log.log(label, entry.client_random, secret.as_bytes());
            }
        }
        self.keys.push_back(change);
    }
}
