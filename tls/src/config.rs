//! Configurations of clients and servers. Nothing is global: cryptography, trust, certificates and clock are values of a
//! configuration.

use crate::resolver::Resolver;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use crypto::{KeyExchange, NamedGroup, Provider};

/// The time of day, for the validity of certificates.
pub trait WallClock: Send + Sync {
    /// Seconds since 1970-01-01T00:00:00Z.
    fn unix_seconds(&self) -> u64;
}

/// Receives the secrets of every connection, to decrypt captures. Anyone who has them can read everything.
pub trait KeyLog: Send + Sync {
    /// One line of the NSS key log format: a label of that format, the client's random, the secret.
    fn log(&self, label: &str, client_random: &[u8; 32], secret: &[u8]);
}

/// Which key exchanges of a provider are used, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Groups {
    /// All that the provider has, in its order.
    #[default]
    OfProvider,
    /// These, in this order. Those that the provider does not have are passed over, and so is one that was named before.
    Only(Vec<NamedGroup>),
}

impl Groups {
    pub(crate) fn key_exchanges(&self, provider: &Provider) -> Vec<&'static dyn KeyExchange> {
        match self {
            Groups::OfProvider => provider.key_exchanges.to_vec(),
            Groups::Only(groups) => {
                let first = groups.iter().enumerate().filter(|(at, group)| !groups[..*at].contains(group));
                first.filter_map(|(_, group)| provider.key_exchange(*group)).collect()
            }
        }
    }
}

/// How a client checks that the server is who it says.
#[derive(Clone)]
pub enum ServerVerification {
    /// The chain must end at one of these, and the certificate must be for the name that was asked for.
    Roots(Arc<x509::RootStore>),
    /// Any certificate whose key signs the handshake. Anybody can pretend to be the server: for tests on one machine only.
    DangerousAcceptAny,
}

/// A client's configuration, shared by its connections.
#[derive(Clone)]
pub struct ClientConfig {
    /// The cryptography, best first.
    pub provider: Provider,
    /// The key exchanges that are offered, best first. A share is sent for the first, and for its part if the first is a hybrid
    /// and the part is in the list too.
    pub groups: Groups,
    /// How the server is verified.
    pub roots: ServerVerification,
    /// Application protocols, best first (RFC 7301); 1 to 255 bytes each, at least one.
    pub alpn: Vec<Vec<u8>>,
    /// For the validity of certificates.
    pub wall_clock: Arc<dyn WallClock>,
    /// Receives the secrets, if set.
    pub key_log: Option<Arc<dyn KeyLog>>,
    /// Whether the server's certificates stay readable after the handshake; they cost some kilobytes per connection.
    pub keep_peer_certificates: bool,
}

impl ClientConfig {
    /// A configuration that keeps and logs nothing.
    pub fn new(
        provider: Provider,
        roots: ServerVerification,
        alpn: Vec<Vec<u8>>,
        wall_clock: Arc<dyn WallClock>,
    ) -> ClientConfig {
        ClientConfig {
            provider,
            groups: Groups::default(),
            roots,
            alpn,
            wall_clock,
            key_log: None,
            keep_peer_certificates: false,
        }
    }
}

/// A server's configuration, shared by its connections.
#[derive(Clone)]
pub struct ServerConfig {
    /// The cryptography, best first: a server chooses by its own order.
    pub provider: Provider,
    /// The key exchanges that are accepted, best first. A group whose share is there comes before one that would cost a round
    /// trip.
    pub groups: Groups,
    /// Finds the certificate for a name.
    pub resolver: Arc<dyn Resolver>,
    /// Application protocols, best first (RFC 7301); 1 to 255 bytes each, at least one.
    pub alpn: Vec<Vec<u8>>,
    /// For the age of tickets, once there are tickets.
    pub wall_clock: Arc<dyn WallClock>,
    /// Receives the secrets, if set.
    pub key_log: Option<Arc<dyn KeyLog>>,
}

impl ServerConfig {
    /// A configuration that logs nothing.
    pub fn new(
        provider: Provider,
        resolver: Arc<dyn Resolver>,
        alpn: Vec<Vec<u8>>,
        wall_clock: Arc<dyn WallClock>,
    ) -> ServerConfig {
        ServerConfig { provider, groups: Groups::default(), resolver, alpn, wall_clock, key_log: None }
    }
}

impl fmt::Debug for ServerVerification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ServerVerification::Roots(_) => "Roots(..)",
            ServerVerification::DangerousAcceptAny => "DangerousAcceptAny",
        })
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig").field("roots", &self.roots).field("alpn", &self.alpn).finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig").field("alpn", &self.alpn).finish_non_exhaustive()
    }
}
