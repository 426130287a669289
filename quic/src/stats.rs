//! The counters of one connection, and of its paths.

use crate::recovery::CongestionControl;
use crate::wire::version::Version;
use base::Duration;
use core::net::SocketAddr;

/// A snapshot. Counters only grow; the rest is as of now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// What is spoken.
    pub version: Version,
    /// UDP datagrams sent.
    pub datagrams_sent: u64,
    /// UDP datagrams received.
    pub datagrams_received: u64,
    /// Bytes of UDP payload sent.
    pub bytes_sent: u64,
    /// Bytes of UDP payload received.
    pub bytes_received: u64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets opened.
    pub packets_received: u64,
    /// Packets dropped: undecryptable, duplicate or of no use.
    pub packets_dropped: u64,
    /// Packets declared lost.
    pub packets_lost: u64,
    /// Packets that arrived after they had been declared lost.
    pub packets_late: u64,
    /// Generations of 1-RTT keys that the peer went on to, and we with it.
    pub key_updates: u64,
    /// How often the path changed, returns to one before included.
    pub migrations: u64,
    /// Probe timeouts.
    pub probe_timeouts: u64,
    /// RFC 9002 section 5.3.
    pub smoothed_rtt: Duration,
    /// RFC 9002 section 5.2.
    pub min_rtt: Duration,
    /// By how much samples of the round trip differ (RFC 9002 section 5.3).
    pub rtt_variation: Duration,
    /// How the rate is found that the path carries.
    pub congestion_control: CongestionControl,
    /// Bytes.
    pub congestion_window: u64,
    /// Bytes.
    pub bytes_in_flight: u64,
    /// Bytes of UDP payload that the path carries.
    pub mtu: usize,
    /// Bytes held in stream buffers, both ways.
    pub buffered: u64,
    /// Streams that are open.
    pub open_streams: usize,
    /// Whether the connection goes on from an earlier one by a ticket.
    pub is_resumed: bool,
    /// Whether the path is known to carry marks of congestion (ECN, RFC 9000 section 13.4).
    pub is_ecn_capable: bool,
    /// Packets that a router has marked instead of dropping them, as the peer counts them; modulo 2 to the 32nd.
    pub congestion_marks: u64,
}

/// A snapshot of one path (RFC 9000 section 9). Counters are those of the times when it was in use; what was sent to try it is
/// counted where the rest was sent meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathStats {
    /// The address of this end.
    pub local: SocketAddr,
    /// The address of the other end.
    pub remote: SocketAddr,
    /// Whether it is the one in use. There is one, and perhaps others where the connection came from or may go.
    pub is_active: bool,
    /// Whether the other end has shown that it receives full datagrams there.
    pub is_validated: bool,
    /// UDP datagrams sent.
    pub datagrams_sent: u64,
    /// UDP datagrams received.
    pub datagrams_received: u64,
    /// Bytes of UDP payload sent.
    pub bytes_sent: u64,
    /// Bytes of UDP payload received.
    pub bytes_received: u64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets opened.
    pub packets_received: u64,
    /// Packets declared lost.
    pub packets_lost: u64,
    /// Of these, packets that arrived after all.
    pub packets_late: u64,
    /// RFC 9002 section 5.3. Zero for a path that was never in use, as all that follows.
    pub smoothed_rtt: Duration,
    /// RFC 9002 section 5.2.
    pub min_rtt: Duration,
    /// By how much samples of the round trip differ (RFC 9002 section 5.3).
    pub rtt_variation: Duration,
    /// How the rate is found that the path carries.
    pub congestion_control: CongestionControl,
    /// Whether its window still doubles with every round trip (RFC 9002 section 7.3.1).
    pub is_slow_start: bool,
    /// Bytes.
    pub congestion_window: u64,
    /// Bytes; of a path that is not in use, none count.
    pub bytes_in_flight: u64,
    /// Bytes of UDP payload that it carries.
    pub mtu: usize,
    /// Whether it is known to carry marks of congestion (ECN, RFC 9000 section 13.4).
    pub is_ecn_capable: bool,
}

/// What a connection counts itself; see [`Stats`] for the meaning of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// UDP datagrams sent.
    pub datagrams_sent: u64,
    /// UDP datagrams received.
    pub datagrams_received: u64,
    /// Bytes of UDP payload sent.
    pub bytes_sent: u64,
    /// Bytes of UDP payload received.
    pub bytes_received: u64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets opened.
    pub packets_received: u64,
    /// Packets dropped.
    pub packets_dropped: u64,
    /// Packets declared lost.
    pub packets_lost: u64,
    /// Of them, those that arrived after all.
    pub packets_late: u64,
    /// Key updates of the peer.
    pub key_updates: u64,
    /// How often the path changed.
    pub migrations: u64,
    /// Probe timeouts.
    pub probe_timeouts: u64,
}

impl Counters {
    /// What was counted since `before`.
    pub(crate) const fn since(&self, before: &Counters) -> Counters {
        Counters {
            datagrams_sent: self.datagrams_sent - before.datagrams_sent,
            datagrams_received: self.datagrams_received - before.datagrams_received,
            bytes_sent: self.bytes_sent - before.bytes_sent,
            bytes_received: self.bytes_received - before.bytes_received,
            packets_sent: self.packets_sent - before.packets_sent,
            packets_received: self.packets_received - before.packets_received,
            packets_dropped: self.packets_dropped - before.packets_dropped,
            packets_lost: self.packets_lost - before.packets_lost,
            packets_late: self.packets_late - before.packets_late,
            key_updates: self.key_updates - before.key_updates,
            migrations: self.migrations - before.migrations,
            probe_timeouts: self.probe_timeouts - before.probe_timeouts,
        }
    }
}
