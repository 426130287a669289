//! Configurations of clients and servers. Nothing is global: cryptography, trust, certificates and clock are values of a
//! configuration.

use crate::client_authentication::ClientAuthentication;
use crate::client_resolver::ClientResolver;
use crate::resolver::Resolver;
use crate::server_verification::ServerVerification;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

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

/// A client's configuration, shared by its connections.
#[derive(Clone)]
pub struct ClientConfig {
    /// The cryptography, best first. The first key exchange is the one a share is sent for.
    pub provider: crypto::Provider,
    /// How the server is verified.
    pub roots: ServerVerification,
    /// Application protocols, best first (RFC 7301); 1 to 255 bytes each, at least one.
    pub alpn: Vec<Vec<u8>>,
    /// For the validity of certificates.
    pub wall_clock: Arc<dyn WallClock>,
    /// Receives the secrets, if set.
    pub key_log: Option<Arc<dyn KeyLog>>,
    /// Finds what the client shows to a server that asks for its certificate; without it nothing is shown.
    pub identities: Option<Arc<dyn ClientResolver>>,
    /// Whether the server is asked to staple an OCSP response to its certificate (status_request, RFC 6066 section 8). Nothing here
    /// checks it: a [`ServerVerifier`](crate::ServerVerifier) is given it, and [`PeerIdentity`](crate::PeerIdentity) has it.
    pub request_ocsp_response: bool,
    /// Whether the server's certificates stay readable after the handshake; they cost some kilobytes per connection.
    pub keep_peer_certificates: bool,
}

impl ClientConfig {
    /// A configuration that keeps, shows and logs nothing.
    pub fn new(
        provider: crypto::Provider,
        roots: ServerVerification,
        alpn: Vec<Vec<u8>>,
        wall_clock: Arc<dyn WallClock>,
    ) -> ClientConfig {
        ClientConfig {
            provider,
            roots,
            alpn,
            wall_clock,
            key_log: None,
            identities: None,
            request_ocsp_response: false,
            keep_peer_certificates: false,
        }
    }
}

/// A server's configuration, shared by its connections.
#[derive(Clone)]
pub struct ServerConfig {
    /// The cryptography, best first: a server chooses by its own order.
    pub provider: crypto::Provider,
    /// Finds the certificate for a name.
    pub resolver: Arc<dyn Resolver>,
    /// Application protocols, best first (RFC 7301); 1 to 255 bytes each, at least one.
    pub alpn: Vec<Vec<u8>>,
    /// For the validity of clients' certificates, and the age of tickets, once there are tickets.
    pub wall_clock: Arc<dyn WallClock>,
    /// Receives the secrets, if set.
    pub key_log: Option<Arc<dyn KeyLog>>,
    /// Whether clients are asked for a certificate, where the resolver says nothing of it.
    pub client_authentication: ClientAuthentication,
}

impl ServerConfig {
    /// A configuration that logs nothing and asks its clients for nothing.
    pub fn new(
        provider: crypto::Provider,
        resolver: Arc<dyn Resolver>,
        alpn: Vec<Vec<u8>>,
        wall_clock: Arc<dyn WallClock>,
    ) -> ServerConfig {
        let client_authentication = ClientAuthentication::None;
        ServerConfig { provider, resolver, alpn, wall_clock, key_log: None, client_authentication }
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
