//! What happened, record by record, for logs and diagnosis. The conductor pushes plain values; qlog and printers consume
//! them.

use crate::discard::Discard;
use crate::wire::connection_id::ConnectionId;
use crate::wire::packet_number::{PacketNumber, PacketNumberSpace};
use base::{Duration, FourTuple, Instant};

/// Takes records. It is called in the middle of protocol work, so it must be quick and must not fail.
pub trait TraceSink: Send + Sync {
    /// `connection` is the original destination connection ID: both ends know it, and it never changes.
    fn record(&self, connection: ConnectionId, now: Instant, record: &Trace);
}

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trace {
    /// A packet was sealed and handed out.
    PacketSent {
        /// Its space.
        space: PacketNumberSpace,
        /// Its number.
        number: PacketNumber,
        /// Bytes, header and tag included.
        size: usize,
        /// Whether it asks for an acknowledgment.
        ack_eliciting: bool,
    },
    /// A packet was opened.
    PacketReceived {
        /// Its space.
        space: PacketNumberSpace,
        /// Its number.
        number: PacketNumber,
        /// Bytes, header and tag included.
        size: usize,
    },
    /// A packet was dropped.
    PacketDropped(Discard),
    /// A frame was received; its type of RFC 9000 section 19.
    FrameReceived {
        /// The space of its packet.
        space: PacketNumberSpace,
        /// Its type.
        frame_type: u64,
    },
    /// Packets were declared lost.
    PacketsLost {
        /// Their space.
        space: PacketNumberSpace,
        /// How many.
        count: u64,
    },
    /// The probe timer expired and packets will be sent to provoke an acknowledgment.
    ProbeTimeout {
        /// The space that is probed.
        space: PacketNumberSpace,
    },
    /// Keys of a space came into use.
    KeysInstalled(PacketNumberSpace),
    /// Keys of a space are gone for good.
    KeysDiscarded(PacketNumberSpace),
    /// The numbers of loss recovery after an acknowledgment.
    RecoveryMetrics {
        /// RFC 9002 section 5.3.
        smoothed_rtt: Duration,
        /// Bytes.
        congestion_window: u64,
        /// Bytes.
        bytes_in_flight: u64,
    },
    /// The path carries datagrams of this many bytes.
    MtuChanged(usize),
    /// Everything is sent on this path from now on (RFC 9000 section 9).
    PathChanged(FourTuple),
    /// The peer answered a challenge on this path, which is in use.
    PathValidated(FourTuple),
    /// The TLS handshake is complete on this side.
    HandshakeComplete,
    /// The handshake is confirmed (RFC 9001 section 4.1.2).
    HandshakeConfirmed,
    /// The connection is closing or draining.
    Closed,
}
