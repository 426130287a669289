//! What can be chosen about a connection, with the reason of each default.

use crate::ack_requests::AckFrequencyConfig;
use crate::datagram::DatagramsConfig;
use crate::preferred_addresses::PreferredAddresses;
use crate::recovery::RecoveryConfig;
use crate::stream::StreamsConfig;
use crate::wire::version::Versions;
use base::{Duration, JournalLimits, Side};

/// Settings of a connection. What is advertised to the peer is read from the same fields that are enforced.
#[derive(Clone)]
pub struct Config {
    /// Streams, their windows and their buffers.
    pub streams: StreamsConfig,
    /// Datagrams of the application (RFC 9221). Default: none are taken.
    pub datagrams: DatagramsConfig,
    /// Whether streams may be reset with a part that is delivered all the same, RESET_STREAM_AT
    /// (draft-ietf-quic-reliable-stream-reset). Default false: HTTP/3 has no use for it.
    pub reset_stream_at: bool,
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
    /// The longest this side delays an ACK on purpose. Default 25 ms. A millisecond more is advertised, by which alarms may be
    /// late (RFC 9000 section 18.2).
    pub max_ack_delay: Duration,
    /// Whether this side is told, and tells its peer, how often to acknowledge (draft-ietf-quic-ack-frequency).
    pub ack_frequency: AckFrequencyConfig,
    /// Connection IDs of the peer that are kept, 2 to 16: less is taken for 2 (RFC 9000 section 18.2), more for 16. Default 4:
    /// one in use, one for a migration, and two to spare.
    pub active_connection_id_limit: u64,
    /// A server asks its clients not to migrate (RFC 9000 section 18.2). Default false; for servers behind a load
    /// balancer that routes by the client's address. An address that changes without the client knowing (NAT rebinding)
    /// is followed all the same.
    pub disable_active_migration: bool,
    /// A server's: where it would rather be reached than where its clients begin (RFC 9000 section 9.6), for one that is begun
    /// with at an address shared by many, and goes on at one of its own. Default: nowhere else. Packets to these addresses have
    /// to reach the same endpoint.
    pub preferred_address: PreferredAddresses,
    /// A client's: whether it goes to the address that its server prefers, once the handshake is confirmed and the address has
    /// answered. Default true. An address of the other family than the one in use is not tried, nor is one that is reached from
    /// nearer by than the server's, such as a loopback address.
    pub use_preferred_address: bool,
    /// The largest UDP payload to probe for (RFC 8899). Default 1452: what an Ethernet frame holds of IPv6 and UDP.
    pub max_udp_payload_size: u16,
    /// Packets that may fail authentication before the connection closes with AEAD_LIMIT_REACHED, under all its keys together
    /// (RFC 9001 section 6.6). Default: no other limit than the AEAD's own, which applies in any case. A lower one lets a
    /// stranger end the connection with fewer forgeries, which cost it little.
    pub max_forged_packets: u64,
    /// After how many packets the 1-RTT keys are updated (RFC 9001 section 6). Default 2^22: half of what AES-GCM allows a
    /// key, so that an update that takes long to be confirmed still comes in time.
    pub key_update_packets: u64,
    /// Whether the spin bit shows observers on the way how long a round trip takes (RFC 9000 section 17.4). Default true, on 15
    /// of 16 paths: the section wants the others silent.
    pub spin_bit: bool,
    /// The versions of QUIC that are spoken, best first, and what a client begins with (RFC 9368). A server goes on with the best
    /// of its own that its client has, within the handshake; a client follows. Default version 1, then version 2 (RFC 9369): both
    /// are as good, and version 1 passes everywhere.
    pub versions: Versions,
    /// Whether values that mean nothing are sent where peers have to pass over them, so that they stay used to what is to come:
    /// reserved versions (RFC 9000 section 6.3) and random QUIC bits (RFC 9287), of which the peer is told that it may send them.
    /// Default true.
    pub grease: bool,
    /// Keeps records of what happens, packet by packet, up to these bounds until they are pulled
    /// ([`crate::Endpoint::poll_traces`]). Default `None`: nothing is recorded.
    pub trace: Option<JournalLimits>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            streams: StreamsConfig::default(),
            datagrams: DatagramsConfig::default(),
            reset_stream_at: false,
            recovery: RecoveryConfig::new(Side::Client),
            max_idle_timeout: Duration::from_secs(30),
            keep_alive: None,
            handshake_timeout: Duration::from_secs(10),
            max_ack_delay: Duration::from_millis(25),
            ack_frequency: AckFrequencyConfig::default(),
            active_connection_id_limit: 4,
            disable_active_migration: false,
            preferred_address: PreferredAddresses::default(),
            use_preferred_address: true,
            max_udp_payload_size: 1452,
            max_forged_packets: u64::MAX,
            // RFC 9001 section 5.3-3, 6.6-3: half of the smallest limit.
            key_update_packets: 1 << 22,
            spin_bit: true,
            versions: Versions::default(),
            grease: true,
            trace: None,
        }
    }
}

impl Config {
    /// The longest that this side takes for an ACK, as it is advertised: in whole milliseconds.
    pub(crate) fn advertised_ack_delay(&self) -> Duration {
        let longest = self.max_ack_delay.saturating_add(ALARM_DELAY).as_micros().div_ceil(1000);
        Duration::from_millis(u64::try_from(longest).unwrap_or(u64::MAX).min(MAX_ACK_DELAY_MILLIS))
    }

    /// The shortest delay of an acknowledgment that the peer may ask for, as it is advertised and enforced; `None` if it may not
    /// ask.
    /// draft-ietf-quic-ack-frequency section 3-1.
    pub(crate) fn min_ack_delay(&self) -> Option<Duration> {
        let whole_micros = |delay: Duration| u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        let shortest = self.ack_frequency.min_ack_delay?.min(self.advertised_ack_delay());
        Some(Duration::from_micros(whole_micros(shortest)))
    }

    /// How many connection IDs of the peer are kept, as it is advertised and enforced.
    pub(crate) fn peer_id_limit(&self) -> u64 {
        self.active_connection_id_limit.clamp(2, MAX_PEER_IDS)
    }
}

/// RFC 9000 s18.2: values of 2^14 or greater are invalid.
const MAX_ACK_DELAY_MILLIS: u64 = (1 << 14) - 1;
/// By how much alarms are late, as far as it can be foreseen: the time a busy thread takes for a turn.
const ALARM_DELAY: Duration = Duration::from_millis(1);

/// No use for more, and the numbers seen are remembered in a word of 64 bits.
pub(crate) const MAX_PEER_IDS: u64 = 16;

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

#[cfg(test)]
mod tests {
    use super::*;

    /// draft-ietf-quic-ack-frequency section 3-1.
    #[test]
    fn the_shortest_delay_is_no_longer_than_the_longest() {
        let advertised = |shortest, longest| {
            let mut config = Config { max_ack_delay: Duration::from_millis(longest), ..Config::default() };
            config.ack_frequency.min_ack_delay = shortest;
            config.min_ack_delay()
        };
        assert_eq!(advertised(None, 25), None);
        assert_eq!(advertised(Some(Duration::from_nanos(2_999)), 25), Some(Duration::from_micros(2)));
        assert_eq!(advertised(Some(Duration::from_secs(9)), 25), Some(Duration::from_millis(26)));
        assert_eq!(advertised(Some(Duration::MAX), 60_000), Some(Duration::from_millis(16_383)));
    }

    #[test]
    fn what_is_advertised_of_the_delay_has_room_for_a_late_alarm() {
        let advertised = |micros| {
            let config = Config { max_ack_delay: Duration::from_micros(micros), ..Config::default() };
            config.advertised_ack_delay().as_millis()
        };
        assert_eq!([0, 1, 25_000, 25_001, 60_000_000].map(advertised), [1, 2, 26, 27, 16_383]);
    }
}
