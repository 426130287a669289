//! How an endpoint's connections begin.

use super::admission::{AddressValidation, OnIncoming};
use super::id_layout::{IdLayout, IdLayoutError};
use super::new_token::TokenPolicy;
use super::token_store::TokenStore;
use crate::config::{ACK_DELAY_EXPONENT, Config};
use crate::peer_parameters::RememberedParameters;
use crate::stream::ReceiveShare;
use crate::wire::connection_id::{ConnectionId, ResetToken};
use crate::wire::transport_parameters::{PreferredAddress, TransportParameters};
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::{Duration, Side};
use crypto::{Provider, Secret};

/// Settings of an endpoint.
#[derive(Clone)]
pub struct EndpointConfig {
    /// The cryptography of Initial packets, connection IDs and reset tokens.
    pub provider: Provider,
    /// Settings of the connections.
    pub connection: Arc<Config>,
    /// The server's TLS settings; `None` accepts no connections.
    pub server: Option<Arc<tls::ServerConfig>>,
    /// The most connections at a time. Default 100,000. Who comes beyond them is told so: CONNECTION_REFUSED.
    pub max_connections: usize,
    /// The most of them whose handshake is not complete. Default 4,096: beyond it new ones are dropped before any
    /// cryptography, so that a flood of first packets costs little and leaves the others alone.
    pub max_handshaking: usize,
    /// The most of those that clients of one network (the first 24 bits of an IPv4 address, 56 of an IPv6 address) began.
    /// Default 1,024: a quarter, so that one network cannot take all, and still enough for ten thousand handshakes a second
    /// from behind one NAT at 100 ms.
    pub max_handshaking_per_network: usize,
    /// Bytes that all connections together hold to send, until they are acknowledged. Default 256 MiB: what two hundred
    /// fast downloads at 100 ms have under way, and enough that one alone fills a path of 1 Gbit/s and 200 ms. A connection may hold half of what the others leave free, and 32 KiB in any case,
    /// so that no connection can starve another, however much it was sent and does not acknowledge.
    pub send_memory: u64,
    /// Bytes that all connections together allow their peers to send before they are read. Default 1 GiB: half for the first
    /// windows ([`StreamsConfig::max_data`](crate::StreamsConfig::max_data)) of 680 connections, and half for five of the full
    /// 96 MiB. It is taken only by peers that send all that they were allowed and leave out the first byte of each stream, and is then the most
    /// that an endpoint holds unread, but for 64 KiB that each connection may have in any case. A connection begins with
    /// `max_data` while half of this has room for it, then with 64 KiB, and grows to half of what is free; what it began with it
    /// keeps.
    pub receive_memory: u64,
    /// How connection IDs are made up. Default 8 bytes, for one worker, under a key that is drawn.
    pub ids: IdLayout,
    /// The secret that stateless reset tokens are made from (RFC 9000 section 10.3.2). An endpoint that is to reset
    /// connections from before its restart is given the same secret again; `None` draws one.
    pub reset_secret: Option<Secret>,
    /// The most of the handshakes that clients began who have not shown that they receive what is sent to their address.
    /// Default 1,024, and never more than half of `max_handshaking`: ten thousand handshakes a second at 100 ms go without
    /// a further round trip, and the other places are for those who have shown it, so that a flood of forged addresses
    /// cannot take them.
    pub max_unvalidated: usize,
    /// Whether clients beyond `max_unvalidated` are asked to show it. Default [`AddressValidation::UnderLoad`].
    pub address_validation: AddressValidation,
    /// Decides about the first packet of each connection. Default `None`: all are accepted, as far as the limits go.
    pub on_incoming: Option<OnIncoming>,
    /// What the tokens of Retry packets are sealed under (RFC 9000 section 8.1.2). Servers of one host that may get each
    /// other's clients are given the same; they count time from the same moment. `None` makes one of the secret of resets.
    pub token_secret: Option<Secret>,
    /// What the layer above promises a client that sends early data, beside the transport parameters, in its own form: a server
    /// whose promise has changed takes no early data with the tickets of before (RFC 9001 section 4.6.3). Whether any is taken
    /// says the TLS configuration
    /// ([`dangerous_accept_early_data_that_may_be_replayed`](tls::TicketPolicy::dangerous_accept_early_data_that_may_be_replayed)).
    pub early_data_context: Vec<u8>,
    /// How long the token of a Retry packet is good for. Default 10 s, as long as a handshake may take: a client comes back
    /// after a round trip, or a few if packets get lost.
    pub retry_token_lifetime: Duration,
    /// What a server gives its clients, so that they need not show their address anew when they come back (RFC 9000 section
    /// 8.1.3). Default `None`: nothing.
    pub tokens: Option<TokenPolicy>,
    /// Where a client keeps what servers give it, and takes it from for the next connection. Default `None`: it keeps nothing.
    pub token_store: Option<Arc<dyn TokenStore>>,
}

impl EndpointConfig {
    /// An endpoint that accepts connections if `server` is given.
    pub fn new(provider: Provider, connection: Arc<Config>, server: Option<Arc<tls::ServerConfig>>) -> EndpointConfig {
        EndpointConfig {
            provider,
            connection,
            server,
            max_connections: 100_000,
            max_handshaking: 4_096,
            max_handshaking_per_network: 1_024,
            max_unvalidated: 1_024,
            address_validation: AddressValidation::UnderLoad,
            send_memory: 256 << 20,
            receive_memory: 1 << 30,
            ids: IdLayout::default(),
            reset_secret: None,
            on_incoming: None,
            token_secret: None,
            early_data_context: Vec::new(),
            retry_token_lifetime: Duration::from_secs(10),
            tokens: None,
            token_store: None,
        }
    }

    /// Whether an endpoint can be made of this.
    ///
    /// # Errors
    /// `ids` cannot tell `max_connections` apart.
    pub fn check(&self) -> Result<(), IdLayoutError> {
        self.ids.check_capacity(self.max_connections)
    }
}

/// The connection IDs of a handshake that transport parameters repeat (RFC 9000 section 7.3).
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandshakeIds {
    /// What the client's very first packet was sent to, before any Retry packet.
    pub original_destination: ConnectionId,
    /// Ours in the Retry packet, if there was one.
    pub retry_source: Option<ConnectionId>,
    /// Ours in the handshake.
    pub local: ConnectionId,
    /// The token that goes with it.
    pub reset_token: Option<ResetToken>,
    /// Of a server that prefers another address, the ID and the token that come with it.
    pub preferred: Option<(ConnectionId, ResetToken)>,
}

/// What we tell the peer of a new connection (RFC 9000 section 18.2): the very values that are enforced.
pub(crate) fn transport_parameters(
    config: &Config,
    side: Side,
    ids: &HandshakeIds,
    share: &ReceiveShare,
) -> TransportParameters {
    let mut parameters = TransportParameters::default();
    config.streams.advertise(&mut parameters, share.first());
    config.datagrams.advertise(&mut parameters);
    parameters.reset_stream_at = config.reset_stream_at;
    parameters.max_idle_timeout = config.max_idle_timeout;
    parameters.max_udp_payload_size = MAX_RECEIVED_PAYLOAD;
    parameters.ack_delay_exponent = ACK_DELAY_EXPONENT;
    parameters.max_ack_delay = config.advertised_ack_delay();
    parameters.min_ack_delay = config.min_ack_delay();
    // RFC 9000 section 18.2-8.
    parameters.active_connection_id_limit = config.peer_id_limit();
    // RFC 9369 section 4.1-4: whatever version the connection goes on with.
    parameters.initial_source_connection_id = Some(ids.local);
    parameters.grease_quic_bit = config.grease;
    if side == Side::Server {
        parameters.disable_active_migration = config.disable_active_migration;
        parameters.original_destination_connection_id = Some(ids.original_destination);
        parameters.retry_source_connection_id = ids.retry_source;
        parameters.stateless_reset_token = ids.reset_token;
        let (ipv4, ipv6) = (config.preferred_address.ipv4, config.preferred_address.ipv6);
        parameters.preferred_address = ids.preferred.map(|(connection_id, stateless_reset_token)| PreferredAddress {
            ipv4,
            ipv6,
            connection_id,
            stateless_reset_token,
        });
    }
    parameters
}

/// What a server promises a client that sends early data: the parameters that the client remembers, and what the layer above
/// says. RFC 9000 section 7.4.1: a server that would not keep to it takes none.
/// RFC 9000 section 7.4.1-9.
/// RFC 9221 section 3-8.
pub(crate) fn early_data_promise(parameters: &TransportParameters, context: &[u8]) -> Vec<u8> {
    let mut promise = RememberedParameters::of(parameters).to_parameters().encode(Side::Server, None);
    promise.extend_from_slice(context);
    promise
}

/// The largest UDP payload there is: drivers receive into buffers of 64 KiB.
const MAX_RECEIVED_PAYLOAD: u64 = 65_527;
