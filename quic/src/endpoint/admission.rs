//! Who may begin a connection: what is known of a client's first packet, and what the server decides.

use crate::wire::connection_id::ConnectionId;
use crate::wire::version::Version;
use alloc::sync::Arc;
use base::FourTuple;

/// A first packet of a connection that does not exist yet (RFC 9000 section 7). Nothing in it was checked but its size,
/// and its token if it has one: its sender may have written any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Where it came from, and where it arrived.
    pub four_tuple: FourTuple,
    /// The version of QUIC that it speaks.
    pub version: Version,
    /// The connection ID it was sent to: the client's choice, or that of our Retry packet.
    pub destination: ConnectionId,
    /// What the client calls itself.
    pub source: ConnectionId,
    /// Whether the client has shown, by the token of a Retry packet or of an earlier connection, that it receives what is sent
    /// to its address.
    pub is_validated: bool,
    /// Bytes of its datagram.
    pub size: usize,
    /// Connections there are.
    pub open: usize,
    /// Those of them whose handshake is not complete.
    pub handshaking: usize,
    /// Those of them again that clients of the same network began.
    pub handshaking_of_network: usize,
}

/// When a client has to show, before a connection begins, that it receives what is sent to its address: it is asked back by
/// a Retry packet, and nothing is kept of it until it comes (RFC 9000 section 8.1.2). That costs it a round trip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AddressValidation {
    /// Before each connection.
    Always,
    /// While as many handshakes are under way of clients that have not shown it as there may be
    /// ([`EndpointConfig::max_unvalidated`](super::EndpointConfig::max_unvalidated)).
    #[default]
    UnderLoad,
    /// Not before a connection begins: the handshake itself shows it. Who forges addresses can then take all places of
    /// handshakes.
    Never,
}

/// What becomes of a first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Admission {
    /// A connection begins, if the endpoint's limits allow one more, and if the client has shown its address where
    /// [`AddressValidation`] asks for that.
    Accept,
    /// The client is to show first that it receives what is sent to its address (section 8.1.2). Nothing is kept of it
    /// until it comes back with the token it is given. For a client that has shown it, this is the same as `Accept`: a
    /// client follows one Retry packet and no more (section 17.2.5.2).
    Retry,
    /// The client is told that no connection begins: CONNECTION_REFUSED (section 5.2.2), at most 1,000 of them in a
    /// second.
    Refuse,
    /// The packet is dropped silently.
    Ignore,
}

/// Decides about first packets. Called for each, also when the tables are full, so it has to be quick.
pub type OnIncoming = Arc<dyn Fn(&Incoming) -> Admission + Send + Sync>;
