//! How information survives the loss of the packet that carried it (RFC 9000 section 13.3).
//!
//! QUIC retransmits information, never packets. Three classes cover every frame: a signal that must arrive once and
//! never changes ([`Once`]), a value of which only the newest matters ([`Latest`]), and bytes at offsets
//! (`stream::send_buffer`). A class knows nothing of frames: its owner encodes them.

/// A signal that is sent until it is acknowledged: RESET_STREAM, STOP_SENDING, HANDSHAKE_DONE, the end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Once {
    /// Not requested.
    #[default]
    Idle,
    /// Asked for, and not sent yet.
    Due,
    /// In flight.
    InFlight,
    /// Lost, to be sent again.
    Lost,
    /// Acknowledged.
    Delivered,
}

impl Once {
    /// Asks for it; nothing happens if that was done before.
    pub(crate) fn request(&mut self) {
        if *self == Once::Idle {
            *self = Once::Due;
        }
    }

    /// Whether it is to be written into the next packet.
    pub(crate) const fn needs_sending(self) -> bool {
        matches!(self, Once::Due | Once::Lost)
    }

    /// Whether it was asked for.
    pub(crate) const fn is_requested(self) -> bool {
        !matches!(self, Once::Idle)
    }

    /// Whether it was lost and not sent since.
    pub(crate) const fn is_lost(self) -> bool {
        matches!(self, Once::Lost)
    }

    /// Whether the peer has it.
    pub(crate) const fn is_delivered(self) -> bool {
        matches!(self, Once::Delivered)
    }

    /// It was written into a packet.
    pub(crate) fn on_sent(&mut self) {
        if self.needs_sending() {
            *self = Once::InFlight;
        }
    }

    /// A packet with it was lost.
    pub(crate) fn on_lost(&mut self) {
        if *self == Once::InFlight {
            *self = Once::Lost;
        }
    }

    /// A packet with it was acknowledged, perhaps one that had been given up for lost.
    pub(crate) fn on_acked(&mut self) {
        if self.is_requested() {
            *self = Once::Delivered;
        }
    }
}

/// A value of which only the newest matters: MAX_DATA, MAX_STREAM_DATA, MAX_STREAMS and the blocked signals.
///
/// The loss of an older value than the one sent last is of no interest (section 13.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latest<T> {
    due: Option<T>,
    in_flight: Option<T>,
}

impl<T> Default for Latest<T> {
    fn default() -> Latest<T> {
        Latest::new()
    }
}

impl<T> Latest<T> {
    /// Nothing is to be told.
    pub(crate) const fn new() -> Latest<T> {
        Latest { due: None, in_flight: None }
    }
}

impl<T: Copy + PartialEq> Latest<T> {
    /// `value` is to be told; it replaces what was not told yet.
    pub(crate) fn set(&mut self, value: T) {
        self.due = Some(value);
    }

    /// The value to be written into the next packet, if any.
    pub(crate) const fn needs_sending(&self) -> Option<T> {
        self.due
    }

    /// Whether there is a value to be written into the next packet.
    pub(crate) const fn is_due(&self) -> bool {
        self.due.is_some()
    }

    /// `value` was written into a packet.
    pub(crate) fn on_sent(&mut self, value: T) {
        self.due = None;
        self.in_flight = Some(value);
    }

    /// A packet with `value` was lost. It is sent again only if nothing newer was sent or is due.
    pub(crate) fn on_lost(&mut self, value: T) {
        if self.in_flight == Some(value) {
            self.in_flight = None;
            self.due = self.due.or(Some(value));
        }
    }

    /// A packet with `value` was acknowledged.
    pub(crate) fn on_acked(&mut self, value: T) {
        if self.in_flight == Some(value) {
            self.in_flight = None;
        }
        // It had been given up for lost, but arrived.
        if self.due == Some(value) {
            self.due = None;
        }
    }

    /// Whether nothing is to be told, and nothing that was told is open.
    pub(crate) const fn is_settled(&self) -> bool {
        self.due.is_none() && self.in_flight.is_none()
    }

    /// There is no need any more, not even if a packet is lost.
    pub(crate) fn cancel(&mut self) {
        *self = Latest::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9000 section 13.3-3.
    #[test]
    fn once_is_sent_until_acknowledged() {
        let mut once = Once::default();
        once.on_lost();
        once.on_acked();
        once.on_sent();
        assert_eq!(once, Once::Idle);
        once.request();
        assert!(once.needs_sending() && !once.is_lost());
        once.on_sent();
        assert!(!once.needs_sending());
        once.request();
        assert!(!once.needs_sending());
        once.on_lost();
        assert!(once.needs_sending() && once.is_lost());
        once.on_sent();
        once.on_acked();
        assert!(once.is_delivered());
        once.on_lost();
        once.request();
        assert!(once.is_delivered());
    }

    #[test]
    fn once_acknowledged_after_it_was_given_up_for_lost() {
        let mut once = Once::default();
        once.request();
        once.on_sent();
        once.on_lost();
        once.on_acked();
        assert!(!once.needs_sending());
    }

    #[test]
    fn only_the_newest_value_is_sent_again() {
        let mut latest = Latest::default();
        assert_eq!(latest.needs_sending(), None);
        latest.set(1);
        latest.on_sent(1);
        latest.set(2);
        latest.on_sent(2);
        latest.on_lost(1);
        assert_eq!(latest.needs_sending(), None);
        latest.on_lost(2);
        assert_eq!(latest.needs_sending(), Some(2));
        latest.on_sent(2);
        latest.set(3);
        latest.on_lost(2);
        assert_eq!(latest.needs_sending(), Some(3));
        latest.on_sent(3);
        latest.on_acked(3);
        assert!(latest.is_settled());
        latest.on_lost(3);
        assert_eq!(latest.needs_sending(), None);
    }

    #[test]
    fn a_late_acknowledgment_spares_sending_again() {
        let mut latest = Latest::default();
        latest.set(7);
        latest.on_sent(7);
        latest.on_lost(7);
        latest.on_acked(7);
        assert!(!latest.is_due());
        latest.set(8);
        latest.on_sent(8);
        latest.cancel();
        latest.on_lost(8);
        assert!(!latest.is_due());
    }
}
