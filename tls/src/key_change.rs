//! Keys as values: what the handshake hands to its carrier when a level becomes usable.

use crate::level::Level;
use crypto::{CipherSuite, Secret};

/// Traffic secrets of a level (RFC 9846 section 7.1). The carrier derives its keys from them (RFC 9001 section 5.1,
/// RFC 9846 section 7.3).
#[derive(Clone, Debug)]
pub enum KeyChange {
    /// The level of early data: client_early_traffic_secret, under which only the client seals. A server gets it if it takes the
    /// early data, a client as soon as it offers it.
    EarlyData {
        /// The suite of the ticket.
        suite: &'static CipherSuite,
        /// What the client seals with.
        secret: Secret,
    },
    /// The Handshake level: client_handshake_traffic_secret and server_handshake_traffic_secret.
    Handshake {
        /// The suite that was agreed on.
        suite: &'static CipherSuite,
        /// What this side seals with.
        local: Secret,
        /// What the peer seals with.
        remote: Secret,
    },
    /// The 1-RTT level: client_application_traffic_secret_0 and server_application_traffic_secret_0.
    ///
    /// A server has them before the client's Finished has arrived: until `Session::is_complete` it may send with `local`,
    /// but must not yet open anything with `remote` (RFC 9001 section 5.7).
    OneRtt {
        /// The suite that was agreed on.
        suite: &'static CipherSuite,
        /// What this side seals with.
        local: Secret,
        /// What the peer seals with.
        remote: Secret,
    },
}

impl KeyChange {
    /// The level whose keys these are.
    pub const fn level(&self) -> Level {
        match self {
            KeyChange::EarlyData { .. } => Level::EarlyData,
            KeyChange::Handshake { .. } => Level::Handshake,
            KeyChange::OneRtt { .. } => Level::OneRtt,
        }
    }
}
