//! What a congestion controller is: numbers in, window out. It never sees a packet.

use base::{Duration, Instant};

/// What one acknowledgment told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acked {
    /// When it arrived.
    pub now: Instant,
    /// Bytes newly acknowledged of packets that were sent after [`Controller::recovery_start`].
    pub bytes: u64,
    /// When the newest of them was sent.
    pub newest_time_sent: Instant,
    /// Bytes in flight before it arrived.
    pub bytes_in_flight: u64,
    /// Whether the sender had less to send than the window let through (RFC 9002 section 7.8).
    pub application_limited: bool,
    /// The smoothed round trip.
    pub smoothed_rtt: Duration,
    /// The newest sample.
    pub latest_rtt: Duration,
}

/// A congestion controller of one path.
pub(crate) trait Controller {
    /// Bytes that may be in flight.
    fn window(&self) -> u64;

    /// Whether the window still doubles with every round trip.
    fn is_slow_start(&self) -> bool;

    /// When the newest recovery period began (RFC 9002 section 7.3.2): packets sent until then do not let the window grow.
    fn recovery_start(&self) -> Option<Instant>;

    /// Packets were acknowledged.
    fn on_acked(&mut self, acked: &Acked);

    /// A packet sent at `time_sent` was lost or marked. Tells whether a recovery period begins.
    fn on_congestion_event(&mut self, now: Instant, time_sent: Instant) -> bool;

    /// Nothing went through for long (RFC 9002 section 7.6).
    fn on_persistent_congestion(&mut self);

    /// No more than so many bytes, or twice the window of a new path, are known to fit the path. A larger window shrinks to that,
    /// and no longer doubles.
    fn limit_window(&mut self, bytes: u64);

    /// The largest datagram is now this many bytes.
    fn set_max_datagram_size(&mut self, bytes: u64);
}
