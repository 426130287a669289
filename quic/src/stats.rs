//! The counters of one connection.

use crate::wire::version::Version;
use base::Duration;

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
