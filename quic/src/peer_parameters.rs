//! The peer's transport parameters (RFC 9000 section 7.4), as far as they are asked for again and again, and as far as a
//! client remembers them for 0-RTT on a later connection (section 7.4.1).
//!
//! Most parameters are handed to the component that they limit when they arrive, and are not kept here.

use crate::violation::Violation;
use crate::wire::transport_parameters::TransportParameters;
use base::Duration;

/// What the peer has told about itself. Until then the defaults of RFC 9000 section 18.2 hold.
#[derive(Clone, Debug)]
pub(crate) struct PeerParameters {
    is_known: bool,
    ack_delay_exponent: u8,
    disables_migration: bool,
    takes_reset_at: bool,
    max_datagram_frame: u16,
    // In whole milliseconds; `NO_REQUESTS` if it cannot be asked.
    min_ack_delay: u16,
}

/// No delay of an acknowledgment is so long.
const NO_REQUESTS: u16 = u16::MAX;

impl Default for PeerParameters {
    fn default() -> PeerParameters {
        let TransportParameters { ack_delay_exponent, disable_active_migration, .. } = TransportParameters::default();
        PeerParameters {
            is_known: false,
            ack_delay_exponent,
            disables_migration: disable_active_migration,
            takes_reset_at: false,
            max_datagram_frame: 0,
            min_ack_delay: NO_REQUESTS,
        }
    }
}

impl PeerParameters {
    /// The peer has sent its parameters.
    pub(crate) fn learn(&mut self, parameters: &TransportParameters) {
        *self = PeerParameters {
            is_known: true,
            ack_delay_exponent: parameters.ack_delay_exponent,
            disables_migration: parameters.disable_active_migration,
            takes_reset_at: parameters.reset_stream_at,
            max_datagram_frame: narrow(parameters.max_datagram_frame_size),
            min_ack_delay: parameters.min_ack_delay.map_or(NO_REQUESTS, whole_millis),
        };
    }

    /// A client that sends early data goes by what its server took before, until the parameters arrive.
    pub(crate) fn recall(&mut self, remembered: &TransportParameters) {
        self.max_datagram_frame = narrow(remembered.max_datagram_frame_size);
    }

    /// Whether the parameters have arrived.
    pub(crate) const fn is_known(&self) -> bool {
        self.is_known
    }

    /// How long the peer says that it waited, by the ACK Delay field of a 1-RTT packet (RFC 9000 section 19.3).
    #[inline]
    pub(crate) const fn ack_delay(&self, field: u64) -> Duration {
        // RFC 9000 s18.2: decoding has refused exponents above 20.
        Duration::from_micros(field.saturating_mul(1 << self.ack_delay_exponent))
    }

    /// The peer asks not to be sent to from another address (RFC 9000 section 18.2).
    pub(crate) const fn disables_migration(&self) -> bool {
        self.disables_migration
    }

    /// Whether the peer takes RESET_STREAM_AT frames.
    pub(crate) const fn takes_reset_at(&self) -> bool {
        self.takes_reset_at
    }

    /// The shortest delay of its acknowledgments that the peer can be asked for; `None` if it takes no requests.
    pub(crate) fn min_ack_delay(&self) -> Option<Duration> {
        (self.min_ack_delay != NO_REQUESTS).then(|| Duration::from_millis(self.min_ack_delay.into()))
    }

    /// Bytes of the largest DATAGRAM frame that the peer takes; 0 for none, and before its parameters have arrived.
    /// RFC 9221 section 3-1.
    pub(crate) const fn max_datagram_frame(&self) -> usize {
        self.max_datagram_frame as usize
    }
}

/// Decoding has refused what is longer than the longest delay. Never less than was said.
fn whole_millis(delay: Duration) -> u16 {
    u16::try_from(delay.as_micros().div_ceil(1000)).unwrap_or(NO_REQUESTS)
}

/// More than a UDP payload has makes no difference.
fn narrow(size: u64) -> u16 {
    u16::try_from(size).unwrap_or(u16::MAX)
}

/// The parameters of a server that a client remembers (RFC 9000 section 7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RememberedParameters {
    active_connection_id_limit: u64,
    initial_max_data: u64,
    initial_max_stream_data_bidi_local: u64,
    initial_max_stream_data_bidi_remote: u64,
    initial_max_stream_data_uni: u64,
    initial_max_streams_bidi: u64,
    initial_max_streams_uni: u64,
    max_idle_timeout: Duration,
    max_udp_payload_size: u64,
    disable_active_migration: bool,
    max_datagram_frame_size: u64,
    reset_stream_at: bool,
}

impl RememberedParameters {
    /// Those of `parameters` that may be remembered.
    pub(crate) const fn of(parameters: &TransportParameters) -> RememberedParameters {
        RememberedParameters {
            active_connection_id_limit: parameters.active_connection_id_limit,
            initial_max_data: parameters.initial_max_data,
            initial_max_stream_data_bidi_local: parameters.initial_max_stream_data_bidi_local,
            initial_max_stream_data_bidi_remote: parameters.initial_max_stream_data_bidi_remote,
            initial_max_stream_data_uni: parameters.initial_max_stream_data_uni,
            initial_max_streams_bidi: parameters.initial_max_streams_bidi,
            initial_max_streams_uni: parameters.initial_max_streams_uni,
            max_idle_timeout: parameters.max_idle_timeout,
            max_udp_payload_size: parameters.max_udp_payload_size,
            disable_active_migration: parameters.disable_active_migration,
            // RFC 9221 section 3-7.
            max_datagram_frame_size: parameters.max_datagram_frame_size,
            // draft-ietf-quic-reliable-stream-reset section 3-2.
            reset_stream_at: parameters.reset_stream_at,
        }
    }

    /// As transport parameters, for the time until the server's new ones arrive. RFC 9000 section 7.4.1-2: what must not be
    /// remembered has its default.
    pub(crate) fn to_parameters(self) -> TransportParameters {
        TransportParameters {
            active_connection_id_limit: self.active_connection_id_limit,
            initial_max_data: self.initial_max_data,
            initial_max_stream_data_bidi_local: self.initial_max_stream_data_bidi_local,
            initial_max_stream_data_bidi_remote: self.initial_max_stream_data_bidi_remote,
            initial_max_stream_data_uni: self.initial_max_stream_data_uni,
            initial_max_streams_bidi: self.initial_max_streams_bidi,
            initial_max_streams_uni: self.initial_max_streams_uni,
            max_idle_timeout: self.max_idle_timeout,
            max_udp_payload_size: self.max_udp_payload_size,
            disable_active_migration: self.disable_active_migration,
            max_datagram_frame_size: self.max_datagram_frame_size,
            reset_stream_at: self.reset_stream_at,
            ..TransportParameters::default()
        }
    }

    /// Whether a server that accepted 0-RTT allows in `new` at least what was remembered.
    ///
    /// # Errors
    /// [`Violation::EarlyLimitsReduced`] if it does not (RFC 9000 section 7.4.1). Idle timeout, size of datagrams and
    /// migration may change: lower values there make a connection worse and break nothing.
    pub(crate) fn check_not_reduced(&self, new: &TransportParameters) -> Result<(), Violation> {
        let limits = [
            (self.active_connection_id_limit, new.active_connection_id_limit),
            (self.initial_max_data, new.initial_max_data),
            (self.initial_max_stream_data_bidi_local, new.initial_max_stream_data_bidi_local),
            (self.initial_max_stream_data_bidi_remote, new.initial_max_stream_data_bidi_remote),
            (self.initial_max_stream_data_uni, new.initial_max_stream_data_uni),
            (self.initial_max_streams_bidi, new.initial_max_streams_bidi),
            (self.initial_max_streams_uni, new.initial_max_streams_uni),
            // RFC 9221 section 3-9.
            (self.max_datagram_frame_size, new.max_datagram_frame_size),
            // draft-ietf-quic-reliable-stream-reset section 3-3.
            (self.reset_stream_at.into(), new.reset_stream_at.into()),
        ];
        let is_reduced = limits.into_iter().any(|(remembered, new)| new < remembered);
        if is_reduced { Err(Violation::EarlyLimitsReduced) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::connection_id::{ConnectionId, ResetToken};

    /// Every parameter has a value that is not its default.
    fn parameters() -> TransportParameters {
        let id = ConnectionId::new(&[1; 8]);
        TransportParameters {
            original_destination_connection_id: id,
            max_idle_timeout: Duration::from_secs(7),
            stateless_reset_token: Some(ResetToken([1; 16])),
            max_udp_payload_size: 1400,
            initial_max_data: 10,
            initial_max_stream_data_bidi_local: 11,
            initial_max_stream_data_bidi_remote: 12,
            initial_max_stream_data_uni: 13,
            initial_max_streams_bidi: 14,
            initial_max_streams_uni: 15,
            ack_delay_exponent: 5,
            max_ack_delay: Duration::from_millis(3),
            disable_active_migration: true,
            preferred_address: None,
            active_connection_id_limit: 6,
            initial_source_connection_id: id,
            retry_source_connection_id: id,
            max_datagram_frame_size: 1000,
            reset_stream_at: true,
            version_information: None,
            grease_quic_bit: true,
            min_ack_delay: Some(Duration::from_millis(1)),
        }
    }

    #[test]
    fn defaults_hold_until_the_parameters_arrive() {
        let mut peer = PeerParameters::default();
        assert!(!peer.is_known() && !peer.disables_migration());
        assert_eq!(peer.ack_delay(10), Duration::from_micros(80));
        peer.learn(&parameters());
        assert!(peer.is_known() && peer.disables_migration());
        assert_eq!((peer.ack_delay(10), peer.ack_delay(u64::MAX).is_zero()), (Duration::from_micros(320), false));
    }

    /// RFC 9221 section 3-1.
    #[test]
    fn what_the_peer_takes_is_what_it_said() {
        let mut peer = PeerParameters::default();
        let takes = |peer: &PeerParameters| (peer.max_datagram_frame(), peer.takes_reset_at(), peer.min_ack_delay());
        assert_eq!(takes(&peer), (0, false, None));
        peer.learn(&parameters());
        assert_eq!((takes(&peer), peer.is_known()), ((1000, true, Some(Duration::from_millis(1))), true));
        peer.learn(&TransportParameters { max_datagram_frame_size: 1 << 40, ..Default::default() });
        assert_eq!(takes(&peer), (65_535, false, None));
        peer.learn(&TransportParameters { min_ack_delay: Some(Duration::ZERO), ..Default::default() });
        assert_eq!(takes(&peer), (0, false, Some(Duration::ZERO)));
    }

    /// RFC 9000 section 7.4.1-2, 7.4.1-3: what must not be remembered, and so has the new value or the default.
    #[test]
    fn what_belongs_to_one_connection_is_not_remembered() {
        let default = TransportParameters::default();
        let expected = TransportParameters {
            original_destination_connection_id: None,
            stateless_reset_token: None,
            ack_delay_exponent: default.ack_delay_exponent,
            max_ack_delay: default.max_ack_delay,
            preferred_address: None,
            initial_source_connection_id: None,
            retry_source_connection_id: None,
            grease_quic_bit: false,
            // draft-ietf-quic-ack-frequency section 3-3.
            min_ack_delay: None,
            ..parameters()
        };
        assert_eq!(RememberedParameters::of(&parameters()).to_parameters(), expected);
    }

    /// RFC 9000 section 7.4.1-5, 7.4.1-6.
    /// RFC 9221 section 3-9.
    /// draft-ietf-quic-reliable-stream-reset section 3-3.
    #[test]
    fn limits_may_grow_and_not_shrink() {
        let remembered = RememberedParameters::of(&parameters());
        type Limit = fn(&mut TransportParameters) -> &mut u64;
        let limits: [Limit; 8] = [
            |p| &mut p.active_connection_id_limit,
            |p| &mut p.initial_max_data,
            |p| &mut p.initial_max_stream_data_bidi_local,
            |p| &mut p.initial_max_stream_data_bidi_remote,
            |p| &mut p.initial_max_stream_data_uni,
            |p| &mut p.initial_max_streams_bidi,
            |p| &mut p.initial_max_streams_uni,
            |p| &mut p.max_datagram_frame_size,
        ];
        for (row, limit) in limits.into_iter().enumerate() {
            let mut new = parameters();
            assert_eq!(remembered.check_not_reduced(&new), Ok(()));
            *limit(&mut new) += 1;
            assert_eq!(remembered.check_not_reduced(&new), Ok(()), "row {row}");
            *limit(&mut new) -= 2;
            assert_eq!(remembered.check_not_reduced(&new), Err(Violation::EarlyLimitsReduced), "row {row}");
        }
        let new = TransportParameters { reset_stream_at: false, ..parameters() };
        assert_eq!(remembered.check_not_reduced(&new), Err(Violation::EarlyLimitsReduced));
        let mut new = parameters();
        (new.max_idle_timeout, new.max_udp_payload_size) = (Duration::ZERO, 1200);
        assert_eq!(remembered.check_not_reduced(&new), Ok(()));
    }
}
