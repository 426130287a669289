//! The traffic secrets of one connection, as its TLS logs them.

use base::Side;
use crypto::Secret;
use quic::wire::packet_number::PacketNumberSpace;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tls::KeyLog;

/// Takes the secrets of one connection, and hands out each pair once.
#[derive(Default)]
pub struct SecretLog {
    secrets: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl SecretLog {
    /// Nothing is known.
    pub fn new() -> Arc<SecretLog> {
        Arc::default()
    }

    /// The pairs that have become known: of the endpoint of this `side` first, then of its peer.
    pub(super) fn take(&self, side: Side) -> Vec<(PacketNumberSpace, Secret, Secret)> {
        let mut secrets = self.secrets.lock().expect("no panic before");
        let mut pairs = Vec::new();
        for (space, labels) in [
            (PacketNumberSpace::Handshake, ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET"]),
            (PacketNumberSpace::ApplicationData, ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"]),
        ] {
            let [client, server] = labels;
            if secrets.contains_key(client)
                && secrets.contains_key(server)
                && let (Some(client), Some(server)) = (secrets.remove(client), secrets.remove(server))
            {
                let (local, remote) = if side == Side::Client { (client, server) } else { (server, client) };
                pairs.push((space, Secret::new(&local), Secret::new(&remote)));
            }
        }
        pairs
    }
}

impl KeyLog for SecretLog {
    fn log(&self, label: &str, _client_random: &[u8; 32], secret: &[u8]) {
        self.secrets.lock().expect("no panic before").insert(label.to_string(), secret.to_vec());
    }
}
