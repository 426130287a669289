//! What can be chosen about a connection, with the reason of each default.

use crate::recovery::RecoveryConfig;
use crate::stream::StreamsConfig;
use base::{Duration, JournalLimits, Side};

/// Settings of a connection. What is advertised to the peer is read from the same fields that are enforced.
#[derive(Clone)]
pub struct Config {
    /// Streams, their windows and their buffers.
    pub streams: StreamsConfig,
    /// Loss detection and congestion control. Its side is set to the connection's own.
    pub recovery: RecoveryConfig,
    /// After how long without a packet the connection is dropped (RFC 9000 section 10.1); zero for never. Default 30 s:
    /// NAT bindings of UDP rarely live longer, so a longer timeout would keep dead connections.
    pub max_idle_timeout: Duration,
    /// Sends a PING when nothing was sent for this long, so that an idle connection stays open. Default `None`: only
    /// the application knows whether an idle connection is worth the traffic.
    pub keep_alive: Option<Duration>,
    /// After how long a handshake is abandoned, whatever still arrives. Default 10 s: several PTOs of a slow path, and
    /// a bound
    /// on how long a half-open connection can hold state.
    pub handshake_timeout: Duration,
    /// The longest this side delays an ACK on purpose. Default 25 ms, the RFC's own (section 18.2).
    pub max_ack_delay: Duration,
    /// Connection IDs of the peer that are kept. Default 4: one in use, one for a migration, and two to spare.
    pub active_connection_id_limit: u64,
    /// A server asks its clients not to migrate (RFC 9000 section 18.2). Default false; for servers behind a load
    /// balancer that routes by the client's address. An address that changes without the client knowing (NAT rebinding)
    /// is followed all the same.
    pub disable_active_migration: bool,
    /// The largest UDP payload to probe for (RFC 8899). Default 1452: what an Ethernet frame holds of IPv6 and UDP.
    pub max_udp_payload_size: u16,
    /// Packets that may fail authentication before the connection closes with AEAD_LIMIT_REACHED, under all its keys together
    /// (RFC 9001 section 6.6). Default: no other limit than the AEAD's own, which applies in any case. A lower one lets a
    /// stranger end the connection with fewer forgeries, which cost it little.
    pub max_forged_packets: u64,
    /// After how many packets the 1-RTT keys are updated (RFC 9001 section 6). Default 2^22: half of what AES-GCM allows a
    /// key, so that an update that takes long to be confirmed still comes in time.
    pub key_update_packets: u64,
    /// Keeps records of what happens, packet by packet, up to these bounds until they are pulled
    /// ([`crate::Endpoint::poll_traces`]). Default `None`: nothing is recorded.
    pub trace: Option<JournalLimits>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            streams: StreamsConfig::default(),
            recovery: RecoveryConfig::new(Side::Client),
            max_idle_timeout: Duration::from_secs(30),
            keep_alive: None,
            handshake_timeout: Duration::from_secs(10),
            max_ack_delay: Duration::from_millis(25),
            active_connection_id_limit: 4,
            disable_active_migration: false,
            max_udp_payload_size: 1452,
            max_forged_packets: u64::MAX,
            // RFC 9001 section 5.3-3, 6.6-3: half of the smallest limit.
            key_update_packets: 1 << 22,
            trace: None,
        }
    }
}

impl core::fmt::Debug for Config {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Config")
            .field("max_idle_timeout", &self.max_idle_timeout)
            .field("max_udp_payload_size", &self.max_udp_payload_size)
            .finish_non_exhaustive()
    }
}

/// The exponent of the ACK Delay field in frames of ours (RFC 9000 section 18.2): the default, microseconds times eight.
pub(crate) const ACK_DELAY_EXPONENT: u8 = 3;

/// The smallest datagram that carries an Initial packet (RFC 9000 section 14.1), and the size every path must carry.
pub(crate) const MIN_DATAGRAM_SIZE: usize = 1200;
