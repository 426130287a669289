//! What a connection is on the wire: its version, the token of its Initial packets, and the connection IDs of its handshake.
//!
//! The IDs of the handshake decide three things: the keys of Initial packets (RFC 9001 section 5.2), which packets of the
//! handshake are of this connection (RFC 9000 section 7.2), and what the peer's transport parameters have to repeat
//! (section 7.3). A Retry changes all three (section 17.2.5), so they are one value. IDs that are issued later have owners
//! of their own, in `connection_ids`.

use crate::protection::initial;
use crate::protection::keys::{OpenKeys, SealKeys};
use crate::violation::Violation;
use crate::wire::connection_id::ConnectionId;
use crate::wire::transport_parameters::TransportParameters;
use crate::wire::version::Version;
use alloc::boxed::Box;
use base::{Instant, Side};
use crypto::CipherSuite;

/// The wire identity of one connection.
#[derive(Clone, Debug)]
pub(crate) struct WireIdentity {
    /// Which end this is.
    pub side: Side,
    /// What is spoken: what the first flight is of, until the server goes on with another one (RFC 9368 section 2.3).
    pub version: Version,
    /// The peer takes packets whose QUIC bit is 0, and is sent some (RFC 9287).
    pub greases_quic_bit: bool,
    /// The source of this side's Initial packets.
    pub local_source: ConnectionId,
    /// The source of the peer's Initial packets, once one has arrived.
    pub peer_source: Option<ConnectionId>,
    /// How the connection began; forgotten when the handshake is confirmed, because a connection at rest would have its memory.
    pub beginning: Option<Box<Beginning>>,
}

/// How a connection began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// What the client's very first Initial was sent to.
    pub original_destination: ConnectionId,
    /// The version of the client's first flight.
    pub first_flight: Version,
    /// A client chose that version by a Version Negotiation packet.
    pub follows_negotiation: bool,
    /// The source of the Retry that came before the connection.
    pub retry_source: Option<ConnectionId>,
    /// What every Initial packet of the client carries; a server keeps none.
    pub token: Box<[u8]>,
    /// A Version Negotiation packet has ended this attempt, and names this version for another one. When it came.
    pub again: Option<(Version, Instant)>,
    /// Whether the server has refused the token.
    pub refusal: Refusal,
}

/// Whether a server has refused the token that a client has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Refusal {
    /// No.
    #[default]
    Never,
    /// With the packet that is being read.
    Now,
    /// The client has begun anew since.
    Before,
}

/// Retry and Version Negotiation packets, transport parameters and Initial keys are of the handshake.
const IN_HANDSHAKE: &str = "how a connection began is known until the handshake is confirmed";

impl Beginning {
    /// The plain one: nothing came before the first flight.
    pub(crate) fn new(first_flight: Version, original_destination: ConnectionId) -> Beginning {
        Beginning {
            original_destination,
            first_flight,
            follows_negotiation: false,
            retry_source: None,
            token: Box::default(),
            again: None,
            refusal: Refusal::Never,
        }
    }
}

impl WireIdentity {
    /// The source of the Retry that came before the connection.
    pub(crate) fn retry_source(&self) -> Option<ConnectionId> {
        self.beginning.as_ref().and_then(|beginning| beginning.retry_source)
    }

    /// What every Initial packet of a client carries; empty unless a Retry or an earlier connection gave one.
    pub(crate) fn token(&self) -> &[u8] {
        self.beginning.as_ref().map_or(&[], |beginning| &beginning.token)
    }

    /// The version of the client's first flight, and of every 0-RTT packet (RFC 9369 section 4.1).
    /// RFC 9369 section 4.1-10.
    pub(crate) fn first_flight(&self) -> Version {
        self.beginning.as_ref().map_or(self.version, |beginning| beginning.first_flight)
    }

    /// A client chose its version by a Version Negotiation packet.
    pub(crate) fn follows_negotiation(&self) -> bool {
        self.beginning.as_ref().is_some_and(|beginning| beginning.follows_negotiation)
    }

    /// The version in which a client is to begin again, and since when; once.
    #[inline]
    pub(crate) fn take_again(&mut self) -> Option<(Version, Instant)> {
        self.beginning.as_mut()?.again.take()
    }

    /// What the client's very first Initial was sent to. Asked for until the handshake is confirmed, and not afterwards.
    pub(crate) fn original_destination(&self) -> ConnectionId {
        self.beginning.as_ref().expect(IN_HANDSHAKE).original_destination
    }

    /// A Version Negotiation packet that is believed has a version of ours.
    pub(crate) fn begin_again(&mut self, now: Instant, version: Version) {
        self.beginning.as_mut().expect(IN_HANDSHAKE).again = Some((version, now));
    }

    /// The connection goes on with this version (RFC 9368 section 2.3).
    pub(crate) fn go_on_with(&mut self, version: Version) {
        self.version = version;
    }

    /// The handshake is confirmed: how it began is of no use any more.
    pub(crate) fn forget_beginning(&mut self) {
        self.beginning = None;
    }

    /// What the client's Initial packets are sent to until the server has named itself. Initial keys are made of it.
    pub(crate) fn client_destination(&self) -> ConnectionId {
        self.retry_source().unwrap_or_else(|| self.original_destination())
    }

    /// The keys of Initial packets. `suite` is the provider's AES-128-GCM with SHA-256.
    pub(crate) fn initial_keys(&self, suite: &'static CipherSuite) -> (SealKeys, OpenKeys) {
        self.initial_keys_of(suite, self.version)
    }

    /// Those of another version: of the same connection ID (RFC 9369 section 4.1).
    pub(crate) fn initial_keys_of(&self, suite: &'static CipherSuite, version: Version) -> (SealKeys, OpenKeys) {
        initial::keys(suite, version, self.client_destination(), self.side)
    }

    /// Whether a client that has not heard of the server's own ID yet may send to `destination`, which is not an ID of
    /// ours.
    pub(crate) fn is_first_destination(&self, destination: &[u8]) -> bool {
        // Once the handshake is confirmed it has heard.
        self.side == Side::Server && self.beginning.is_some() && destination == self.client_destination().as_slice()
    }

    /// RFC 9000 section 7.2: after the first Initial the peer's source connection ID stays what it is.
    pub(crate) fn accepts_source(&self, source: ConnectionId) -> bool {
        self.peer_source.is_none_or(|expected| source == expected)
    }

    /// A packet with `source` in its long header was authenticated. True if a client learns by that what the server calls
    /// itself.
    pub(crate) fn on_source(&mut self, source: ConnectionId) -> bool {
        let is_news = self.peer_source.is_none();
        self.peer_source.get_or_insert(source);
        is_news
    }

    /// A Retry was accepted (RFC 9000 section 17.2.5): Initial packets go to its source and carry its token. Our own source
    /// stays, because it may be part of the token.
    pub(crate) fn on_retry(&mut self, source: ConnectionId, token: &[u8]) {
        let beginning = self.beginning.as_mut().expect(IN_HANDSHAKE);
        (beginning.retry_source, beginning.token) = (Some(source), token.into());
    }

    /// A packet of the server's says that it refuses the token of its client. True if there is one, and the client has not begun
    /// anew for that before.
    pub(crate) fn on_token_refused(&mut self) -> bool {
        let shown = self.beginning.as_mut().filter(|beginning| !beginning.token.is_empty());
        let Some(beginning) = shown.filter(|beginning| beginning.refusal == Refusal::Never) else { return false };
        beginning.refusal = Refusal::Now;
        true
    }

    /// Whether the client is to begin anew for that now.
    pub(crate) fn is_token_refused(&self) -> bool {
        self.beginning.as_ref().is_some_and(|beginning| beginning.refusal == Refusal::Now)
    }

    /// The client begins anew, with an Initial packet to `destination` that shows no token. Nothing is known of the server.
    pub(crate) fn begin_without_token(&mut self, destination: ConnectionId) {
        let beginning = self.beginning.as_mut().expect(IN_HANDSHAKE);
        (beginning.original_destination, beginning.retry_source) = (destination, None);
        (beginning.token, beginning.refusal) = (Box::default(), Refusal::Before);
        self.peer_source = None;
    }

    /// Whether a Version Negotiation packet with these IDs answers our first Initial. RFC 9000 section 6.2: after any other
    /// packet of the server none is believed; a Retry shows as well that the server speaks our version.
    /// RFC 9368 section 4-2: and none in answer to a version that one has named.
    pub(crate) fn may_be_negotiated(&self, destination: ConnectionId, source: ConnectionId) -> bool {
        self.side == Side::Client
            && self.peer_source.is_none()
            && self.retry_source().is_none()
            && !self.follows_negotiation()
            && destination == self.local_source
            && source == self.original_destination()
    }

    /// Whether the peer's transport parameters name the connection IDs that were seen. An attacker who changed one in
    /// flight is found out here, because TLS authenticates the parameters.
    ///
    /// # Errors
    /// [`Violation::TransportParameterConnectionId`] if one is wrong, missing, or there without having been seen.
    /// RFC 9000 section 7.3-1, 7.3-3, 7.3-5, 7.3-6, 7.3-7.
    pub(crate) fn authenticate(&self, parameters: &TransportParameters) -> Result<(), Violation> {
        let (original_destination, retry_source) = match self.side {
            // RFC 9000 s7.3: only servers name the destination of the first Initial and the source of a Retry.
            Side::Client => (Some(self.original_destination()), self.retry_source()),
            Side::Server => (None, None),
        };
        let matches = parameters.initial_source_connection_id == self.peer_source
            && self.peer_source.is_some()
            && parameters.original_destination_connection_id == original_destination
            && parameters.retry_source_connection_id == retry_source;
        if matches { Ok(()) } else { Err(Violation::TransportParameterConnectionId) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ConnectionId {
        ConnectionId::new(&[byte; 8]).unwrap()
    }

    fn plain() -> Beginning {
        Beginning::new(Version::V1, id(1))
    }

    fn retried(source: u8) -> Option<Box<Beginning>> {
        Some(Box::new(Beginning { retry_source: Some(id(source)), ..plain() }))
    }

    fn identity(side: Side) -> WireIdentity {
        WireIdentity {
            side,
            version: Version::V1,
            greases_quic_bit: false,
            local_source: id(2),
            peer_source: None,
            beginning: Some(Box::new(plain())),
        }
    }

    /// RFC 9000 section 7.2-3, 7.2-6.
    #[test]
    fn the_first_source_stays() {
        let mut identity = identity(Side::Client);
        assert!(identity.accepts_source(id(8)) && identity.accepts_source(id(9)));
        assert!(identity.on_source(id(8)) && !identity.on_source(id(8)));
        assert!(identity.accepts_source(id(8)) && !identity.accepts_source(id(9)));
    }

    #[test]
    fn a_server_is_sent_to_under_the_id_that_the_client_chose_or_was_given() {
        let mut server = identity(Side::Server);
        assert!(server.is_first_destination(&[1; 8]) && !server.is_first_destination(&[3; 8]));
        server.beginning = retried(3);
        assert!(!server.is_first_destination(&[1; 8]) && server.is_first_destination(&[3; 8]));
        server.forget_beginning();
        assert!(!server.is_first_destination(&[1; 8]) && !server.is_first_destination(&[3; 8]));
        assert!(!identity(Side::Client).is_first_destination(&[1; 8]));
    }

    /// RFC 9369 section 4.1-10.
    #[test]
    fn the_first_flight_stays_of_its_version() {
        let mut client = identity(Side::Client);
        assert_eq!(client.first_flight(), Version::V1);
        client.go_on_with(Version::V2);
        assert_eq!((client.version, client.first_flight()), (Version::V2, Version::V1));
        client.forget_beginning();
        assert!(client.beginning.is_none());
    }

    /// RFC 9368 section 4-2.
    /// RFC 9000 section 6.2-2.
    #[test]
    fn version_negotiation_is_believed_only_before_anything_else_arrived() {
        let client = identity(Side::Client);
        assert!(client.may_be_negotiated(id(2), id(1)));
        assert!(!client.may_be_negotiated(id(2), id(3)) && !client.may_be_negotiated(id(3), id(1)));
        assert!(!WireIdentity { beginning: retried(3), ..client.clone() }.may_be_negotiated(id(2), id(1)));
        let follows = Some(Box::new(Beginning { follows_negotiation: true, ..plain() }));
        assert!(!WireIdentity { beginning: follows, ..client.clone() }.may_be_negotiated(id(2), id(1)));
        assert!(!WireIdentity { peer_source: Some(id(3)), ..client }.may_be_negotiated(id(2), id(1)));
        assert!(!identity(Side::Server).may_be_negotiated(id(2), id(1)));
    }

    #[test]
    fn a_refused_token_is_done_without_once() {
        let mut client = identity(Side::Client);
        assert!(!client.on_token_refused(), "none was shown");
        client.on_retry(id(3), &[7]);
        assert!(!client.is_token_refused() && client.on_token_refused() && client.is_token_refused());
        client.on_source(id(3));
        client.begin_without_token(id(4));
        assert_eq!((client.original_destination(), client.client_destination()), (id(4), id(4)));
        assert!(client.token().is_empty() && client.retry_source().is_none() && client.accepts_source(id(9)));
        client.on_retry(id(5), &[8]);
        assert_eq!((client.original_destination(), client.client_destination()), (id(4), id(5)));
        assert!(!client.is_token_refused() && !client.on_token_refused(), "once");
    }

    /// RFC 9000 section 7.3-1, 7.3-3, 7.3-5, 7.3-6, 7.3-7.
    #[test]
    fn parameters_name_what_was_seen_and_nothing_else() {
        let seen = WireIdentity { peer_source: Some(id(8)), ..identity(Side::Client) };
        let after_retry = WireIdentity { beginning: retried(3), ..seen.clone() };
        let of_server = |retry| TransportParameters {
            original_destination_connection_id: Some(id(1)),
            initial_source_connection_id: Some(id(8)),
            retry_source_connection_id: retry,
            ..TransportParameters::default()
        };
        let wrong = Err(Violation::TransportParameterConnectionId);
        assert_eq!(seen.authenticate(&of_server(None)), Ok(()));
        assert_eq!(seen.authenticate(&of_server(Some(id(3)))), wrong, "there was no Retry");
        assert_eq!(after_retry.authenticate(&of_server(Some(id(3)))), Ok(()));
        assert_eq!(after_retry.authenticate(&of_server(Some(id(4)))), wrong);
        assert_eq!(after_retry.authenticate(&of_server(None)), wrong);
        assert_eq!(identity(Side::Client).authenticate(&of_server(None)), wrong, "nothing was seen yet");
        let of_client =
            TransportParameters { initial_source_connection_id: Some(id(8)), ..TransportParameters::default() };
        let server = WireIdentity { peer_source: Some(id(8)), beginning: retried(3), ..identity(Side::Server) };
        assert_eq!(server.authenticate(&of_client), Ok(()), "a client does not name the Retry");
    }
}
