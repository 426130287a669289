//! The constants of RFC 9002 appendix A.2 and B.1, each with its reason.

use base::{Duration, Side};

/// How the rate is found that a path carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CongestionControl {
    /// CUBIC (RFC 9438) with HyStart++ (RFC 9406): what most senders on the Internet use. It fills long and fast paths that
    /// NewReno would need minutes for.
    #[default]
    Cubic,
    /// NewReno (RFC 9002 section 7): half of the window after a loss, and a datagram more in each round trip.
    NewReno,
    /// BBR, version 3 (draft-ietf-ccwg-bbr): measures the rate and the round trip of the path and sends just so much. Loss by
    /// chance costs it little, and it keeps queues short.
    Bbr,
}

/// How losses are found and how fast is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryConfig {
    /// Which side this is: only a client keeps its timer running with nothing in flight (RFC 9002 section 6.2.2.1).
    pub side: Side,
    /// The round trip assumed before one was measured.
    pub initial_rtt: Duration,
    /// Bytes of the largest UDP payload that is sent.
    pub max_datagram_size: usize,
    /// How the rate is found that the path carries.
    pub congestion_control: CongestionControl,
    /// Whether packets are marked as capable of ECN (RFC 9000 section 13.4), on paths where that works. On by default.
    pub ecn: bool,
    /// The window to begin with, in datagrams.
    pub initial_window_packets: usize,
    /// A packet is lost when one sent this many later is acknowledged.
    pub packet_threshold: u64,
    /// A packet is lost when it is older than this share of the round trip, as numerator and denominator.
    pub time_threshold: (u32, u32),
    /// The least time any timer is set to.
    pub granularity: Duration,
    /// Persistent congestion is this many probe timeouts of nothing but loss.
    pub persistent_congestion_threshold: u32,
}

impl RecoveryConfig {
    /// What the RFC recommends.
    pub const fn new(side: Side) -> RecoveryConfig {
        RecoveryConfig {
            side,
            // RFC 9002 s6.2.2: gives a first probe timeout of one second.
            initial_rtt: Duration::from_millis(333),
            // RFC 9000 s14: what every path of QUIC carries; path MTU discovery raises it.
            max_datagram_size: 1200,
            congestion_control: CongestionControl::Cubic,
            ecn: true,
            // RFC 9002 s7.2.
            initial_window_packets: 10,
            // RFC 9002 s6.1.1: fewer would take common reordering for loss.
            packet_threshold: 3,
            // RFC 9002 s6.1.2.
            time_threshold: (9, 8),
            granularity: Duration::from_millis(1),
            // RFC 9002 s7.6.1: as long as two tail loss probes and a timeout of TCP.
            persistent_congestion_threshold: 3,
        }
    }
}
