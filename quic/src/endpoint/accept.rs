//! How an endpoint's connections begin.

use crate::config::{ACK_DELAY_EXPONENT, Config};
use crate::wire::connection_id::{ConnectionId, ResetToken};
use crate::wire::transport_parameters::TransportParameters;
use alloc::sync::Arc;
use base::Side;
use crypto::{Provider, Secret};

/// Settings of an endpoint.
#[derive(Clone)]
pub struct EndpointConfig {
    /// The cryptography of Initial packets, connection IDs and reset tokens.
    pub provider: Provider,
    /// Settings of the connections.
    pub connection: Arc<Config>,
    /// With this, connections are accepted.
    pub server: Option<Arc<tls::ServerConfig>>,
    /// The most connections at a time. Default 100,000.
    pub max_connections: usize,
    /// The most of them whose handshake is not complete. Default 4,096: beyond it new ones are dropped before any
    /// cryptography, so that a flood of first packets costs little and leaves the others alone.
    pub max_handshaking: usize,
    /// The most of those that clients of one network (the first 24 bits of an IPv4 address, 56 of an IPv6 address) began.
    /// Default 1,024: a quarter, so that one network cannot take all, and still enough for ten thousand handshakes a second
    /// from behind one NAT at 100 ms.
    pub max_handshaking_per_network: usize,
    /// What stateless reset tokens are made of (RFC 9000 section 10.3.2). An endpoint that is to reset connections of its
    /// own former life is given the same secret again; `None` draws one.
    pub reset_secret: Option<Secret>,
}

impl EndpointConfig {
    /// An endpoint that accepts connections if `server` is given.
    pub const fn new(
        provider: Provider,
        connection: Arc<Config>,
        server: Option<Arc<tls::ServerConfig>>,
    ) -> EndpointConfig {
        EndpointConfig {
            provider,
            connection,
            server,
            max_connections: 100_000,
            max_handshaking: 4_096,
            max_handshaking_per_network: 1_024,
            reset_secret: None,
        }
    }
}

/// What we tell the peer of a new connection (RFC 9000 section 18.2): the very values that are enforced.
pub fn transport_parameters(
    config: &Config,
    side: Side,
    original_destination: ConnectionId,
    local_id: ConnectionId,
    reset_token: Option<ResetToken>,
) -> TransportParameters {
    let mut parameters = TransportParameters::default();
    config.streams.advertise(&mut parameters);
    parameters.max_idle_timeout = config.max_idle_timeout;
    parameters.max_udp_payload_size = MAX_RECEIVED_PAYLOAD;
    parameters.ack_delay_exponent = ACK_DELAY_EXPONENT;
    parameters.max_ack_delay = config.max_ack_delay;
    parameters.active_connection_id_limit = config.active_connection_id_limit;
    parameters.initial_source_connection_id = Some(local_id);
    if side == Side::Server {
        parameters.disable_active_migration = config.disable_active_migration;
        parameters.original_destination_connection_id = Some(original_destination);
        parameters.stateless_reset_token = reset_token;
    }
    parameters
}

/// The largest UDP payload there is: drivers receive into buffers of 64 KiB.
const MAX_RECEIVED_PAYLOAD: u64 = 65_527;
