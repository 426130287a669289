//! Configurations of clients and servers. Nothing is global: cryptography, trust, certificates and clock are values of a
//! configuration.

use crate::carrier::Rules;
use crate::client_authentication::ClientAuthentication;
use crate::client_resolver::ClientResolver;
use crate::replay_filter::ReplayFilter;
use crate::resolver::Resolver;
use crate::server_verification::ServerVerification;
use crate::ticket::{MAX_LIFETIME_SECONDS, TicketOrigin, TicketStore};
use crate::ticket_keys::TicketKeySource;
use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use crypto::{KeyExchange, NamedGroup, Provider};

/// The time of day, for the validity of certificates and the age of tickets.
pub trait WallClock: Send + Sync {
    /// Seconds since 1970-01-01T00:00:00Z.
    fn unix_seconds(&self) -> u64;

    /// The same in milliseconds, for the age of tickets. Without a finer clock these are whole seconds.
    fn unix_millis(&self) -> u64 {
        self.unix_seconds().saturating_mul(1000)
    }
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
    /// RFC 9846 section 4.3.7-1.
    pub(crate) fn key_exchanges(&self, provider: &Provider) -> Cow<'static, [&'static dyn KeyExchange]> {
        match self {
            Groups::OfProvider => Cow::Borrowed(provider.key_exchanges),
            Groups::Only(groups) => {
                let first = groups.iter().enumerate().filter(|(at, group)| !groups[..*at].contains(group));
                first.filter_map(|(_, group)| provider.key_exchange(*group)).collect()
            }
        }
    }
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
    /// Where tickets are kept, to resume connections with: a server that is known already need not show its certificate again.
    /// `None` resumes nothing and asks for no tickets. Tickets are bound to what `roots`, `alpn` and `identities` are.
    pub tickets: Option<Arc<dyn TicketStore>>,
    /// Whether early data is sent, where the carrier offers a way to. Off, because whoever records it can send it to the
    /// server again, perhaps many times and much later, and because it has no forward secrecy: it is for requests that may
    /// be answered twice, and for nothing else (RFC 9846 section 8, appendix F.5).
    pub dangerous_offer_early_data_that_may_be_replayed: bool,
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
            tickets: None,
            dangerous_offer_early_data_that_may_be_replayed: false,
            identities: None,
            request_ocsp_response: false,
        }
    }

    /// Whether tickets are asked for: there is a place for them, and something to keep them under.
    pub(crate) fn wants_tickets(&self) -> bool {
        self.tickets.is_some() && self.roots.ticket_trust().is_some() && self.ticket_identity().is_some()
    }

    /// What tells the identities that servers may be shown from others, and from none.
    fn ticket_identity(&self) -> Option<Vec<u8>> {
        match &self.identities {
            None => Some(Vec::new()),
            Some(resolver) => Some([&[1], &resolver.ticket_identity()?[..]].concat()),
        }
    }

    /// Under what the tickets of this server are kept: its name, all that its identity was checked with, and what it may have been
    /// shown. `None` where nobody can say what that is: no ticket is used or kept then.
    /// RFC 9846 section 4.7.1.
    pub(crate) fn ticket_origin(&self, rules: &Rules, version: u32, name: &x509::ServerName) -> Option<TicketOrigin> {
        let (trust, identity) = (self.roots.ticket_trust()?, self.ticket_identity()?);
        let (kind, name) = match name {
            x509::ServerName::Dns(name) => (0, name.as_bytes().to_vec()),
            x509::ServerName::Ip(address) => (1, alloc::format!("{address}").into_bytes()),
        };
        let mut protocols = Vec::new();
        for protocol in &self.alpn {
            // Each is at most 255 bytes long.
            protocols.push(protocol.len() as u8);
            protocols.extend_from_slice(protocol);
        }
        let lengths = [trust.len() as u64, name.len() as u64, identity.len() as u64].map(u64::to_be_bytes);
        let (number, version) = (rules.number().to_be_bytes(), version.to_be_bytes());
        let parts = [&number[..], &version, &[kind], lengths.as_flattened(), &trust, &name, &identity, &protocols];
        let digest = self.provider.initial.hash.digest(&parts);
        Some(TicketOrigin(*digest.first_chunk().expect("the hash of the initial suite has 32 bytes")))
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
    /// For the validity of clients' certificates, and the age of tickets.
    pub wall_clock: Arc<dyn WallClock>,
    /// Receives the secrets, if set.
    pub key_log: Option<Arc<dyn KeyLog>>,
    /// Whether clients are asked for a certificate, where the resolver says nothing of it.
    pub client_authentication: ClientAuthentication,
    /// How clients may resume connections; `None` gives no tickets and takes none. The tickets of clients that are asked for a
    /// certificate hold what they have shown, and allow no early data: see [`ClientVerifier::ticket_path`](crate::ClientVerifier::ticket_path).
    pub tickets: Option<TicketPolicy>,
}

/// How a server gives and takes tickets.
#[derive(Clone)]
pub struct TicketPolicy {
    /// What tickets are sealed under.
    pub keys: Arc<dyn TicketKeySource>,
    /// How many tickets a client gets on each connection. Default 2: one for the next connection, and one for a second beside
    /// it or for a try that failed. At most 8.
    pub count: u8,
    /// For how long a ticket is good, in seconds. Default one day, and never more than seven.
    pub lifetime_seconds: u32,
    /// Tickets of another generation are not taken, nor those of another [`Selected::generation`](crate::Selected::generation).
    /// Another number is due when clients have to prove again who they are, and are trusted by other authorities. A change of the
    /// server's own certificate needs none: tickets are bound to it.
    pub generation: u64,
    /// What early data was taken already; `None`, the default, takes none. Early data can be sent again by whoever records it: to
    /// this server the filter does not let it through twice, but each server that opens the same tickets has a filter of its
    /// own. Filters with [names](ReplayFilter::named) take it with the tickets of their own server only. It has to be safe to act upon it
    /// more than once all the same: a client that hears nothing sends it again (RFC 9846 section 8).
    pub dangerous_accept_early_data_that_may_be_replayed: Option<Arc<ReplayFilter>>,
}

/// The most tickets of one connection.
const MAX_TICKETS: u8 = 8;
/// How long tickets are good unless told otherwise: a day.
const TICKET_LIFETIME_SECONDS: u32 = 86_400;

impl TicketPolicy {
    /// Two tickets for each connection, good for a day, without early data.
    pub fn new(keys: Arc<dyn TicketKeySource>) -> TicketPolicy {
        TicketPolicy {
            keys,
            count: 2,
            lifetime_seconds: TICKET_LIFETIME_SECONDS,
            generation: 0,
            dangerous_accept_early_data_that_may_be_replayed: None,
        }
    }

    pub(crate) fn count(&self) -> u8 {
        self.count.min(MAX_TICKETS)
    }

    /// RFC 9846 section 4.7.1.
    /// RFC 9846 section 4.7.1-11.
    pub(crate) fn lifetime(&self) -> u32 {
        self.lifetime_seconds.min(MAX_LIFETIME_SECONDS)
    }
}

impl ServerConfig {
    /// A configuration that logs nothing and asks its clients for nothing.
    pub fn new(
        provider: Provider,
        resolver: Arc<dyn Resolver>,
        alpn: Vec<Vec<u8>>,
        wall_clock: Arc<dyn WallClock>,
    ) -> ServerConfig {
        ServerConfig {
            provider,
            groups: Groups::default(),
            resolver,
            alpn,
            wall_clock,
            key_log: None,
            client_authentication: ClientAuthentication::None,
            tickets: None,
        }
    }
}

impl fmt::Debug for TicketPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketPolicy")
            .field("count", &self.count)
            .field("lifetime_seconds", &self.lifetime_seconds)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
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
