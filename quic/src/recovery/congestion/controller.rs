//! What a congestion controller is: numbers in, window and rate out. It never sees a packet.

use base::{Duration, Instant};

/// What one acknowledgment told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acked {
    /// When it arrived.
    pub now: Instant,
    /// Bytes newly acknowledged of packets that were sent after [`Controller::recovery_start`]; none if the acknowledgment itself
    /// tells of congestion.
    pub bytes: u64,
    /// When the newest packet was sent that it acknowledges.
    pub newest_time_sent: Instant,
    /// Bytes in flight before it arrived.
    pub bytes_in_flight: u64,
    /// Bytes in flight now, what is lost taken off.
    pub in_flight_now: u64,
    /// Whether the sender had less to send than the window let through (RFC 9002 section 7.8).
    pub application_limited: bool,
    /// The smoothed round trip.
    pub smoothed_rtt: Duration,
    /// The least one.
    pub min_rtt: Duration,
    /// The sample of it that this acknowledgment gave.
    pub sample: Option<Duration>,
}

/// A packet in flight that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// When.
    pub now: Instant,
    /// Its size.
    pub bytes: u64,
    /// Bytes in flight, with it.
    pub bytes_in_flight: u64,
}

/// A packet that was in flight and is acknowledged or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// When that was learnt.
    pub now: Instant,
    /// When it was sent.
    pub time_sent: Instant,
    /// Its size.
    pub bytes: u64,
    /// Its number.
    pub number: u64,
}

/// A congestion controller of one path. What not every controller needs to be told does nothing unless it says so.
pub(crate) trait Controller {
    /// Bytes that may be in flight.
    fn window(&self) -> u64;

    /// Bytes per second at which packets are spread; `None` if that follows from the window.
    fn pacing_rate(&self) -> Option<u64> {
        None
    }

    /// Whether the window still doubles with every round trip.
    fn is_slow_start(&self) -> bool;

    /// When the newest recovery period began (RFC 9002 section 7.3.2): packets sent until then do not let the window grow. It is when
    /// the last packet was sent before, so that what is sent at the very moment at which the loss is found belongs to the period.
    fn recovery_start(&self) -> Option<Instant>;

    /// A packet was sent.
    fn on_sent(&mut self, _sent: &Sent) {}

    /// A packet was acknowledged. [`Controller::on_acked`] follows once all of the acknowledgment were told.
    fn on_packet_acked(&mut self, _packet: &Left) {}

    /// A packet was lost. [`Controller::on_congestion_event`] follows if a recovery period begins with it.
    fn on_packet_lost(&mut self, _packet: &Left) {}

    /// A packet that was sent then has left without a fate that says anything of the path.
    fn on_packet_discarded(&mut self, _time_sent: Instant) {}

    /// There is nothing more to send although the window is open (RFC 9002 section 7.8).
    fn on_application_limited(&mut self, _bytes_in_flight: u64) {}

    /// Packets were acknowledged.
    fn on_acked(&mut self, acked: &Acked);

    /// A packet sent at `time_sent` was lost. Tells whether a recovery period begins, which is for what was sent until `start`.
    /// `is_queued`: whether the round trip shows a queue.
    fn on_congestion_event(&mut self, start: Instant, time_sent: Instant, is_queued: bool) -> bool;

    /// A router has marked a packet sent at `time_sent` instead of dropping it (RFC 9002 section 7.1). Tells whether a recovery period
    /// begins.
    fn on_congestion_mark(&mut self, start: Instant, time_sent: Instant) -> bool {
        self.on_congestion_event(start, time_sent, true)
    }

    /// Nothing went through for long (RFC 9002 section 7.6).
    fn on_persistent_congestion(&mut self);

    /// No more than so many bytes, or twice the window of a new path, are known to fit the path. A larger window shrinks to that,
    /// and no longer doubles.
    fn limit_window(&mut self, bytes: u64);

    /// The largest datagram is now this many bytes.
    fn set_max_datagram_size(&mut self, bytes: u64);

    /// The path is in use again, or is another one: what was under way on it does not count.
    fn on_path_taken_up(&mut self) {}

    /// Gives back what is not needed while nothing is in flight.
    fn release_memory(&mut self) {}
}
