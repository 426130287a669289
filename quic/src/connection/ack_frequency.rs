//! How often the ends acknowledge what the other sends, by agreement (draft-ietf-quic-ack-frequency).

use super::state::Connection;
use crate::ack_requests::{AckRequest, AckRequests, Circumstances};
use crate::acknowledgment::Requested;
use crate::packet::SentFrame;
use crate::violation::Violation;
use crate::wire::frame::AckFrequencyFrame;
use base::Instant;

impl Connection {
    /// ACK_FREQUENCY: where this side did not say that it takes requests, the frame is like any other unknown one.
    pub(super) fn on_ack_frequency(&mut self, request: &AckFrequencyFrame) -> Result<(), Violation> {
        let min_ack_delay = self.config.min_ack_delay().ok_or(Violation::UnknownFrameType)?;
        let request = Requested::new(request, min_ack_delay).ok_or(Violation::RequestedAckDelay)?;
        self.spaces.application().received.on_request(request);
        Ok(())
    }

    /// IMMEDIATE_ACK, likewise.
    pub(super) fn on_immediate_ack(&mut self) -> Result<(), Violation> {
        if self.config.min_ack_delay().is_none() {
            return Err(Violation::UnknownFrameType);
        }
        self.spaces.application().received.on_immediate_request();
        Ok(())
    }

    /// The handshake is complete: from now on a probe asks for an answer without delay, if the peer takes such requests.
    pub(super) fn begin_ack_frequency(&mut self) {
        self.spaces.application().asks_at_once = self.config.ack_frequency.asks && self.peer.min_ack_delay().is_some();
    }

    /// Packets were acknowledged or lost: what is asked of the peer's acknowledgments may have to change.
    #[inline]
    pub(super) fn review_ack_requests(&mut self, now: Instant) {
        if self.spaces.application().asks_at_once {
            self.review_requests(now);
        }
    }

    #[inline(never)]
    fn review_requests(&mut self, now: Instant) {
        let is_slow_start = self.recovery.is_slow_start();
        match self.handshake.announcements.ack_requests() {
            Some(requests) if !requests.is_due_for_review(now) => return,
            None if is_slow_start || !self.is_confirmed() => return,
            _ => {}
        }
        let best = AckRequest::best(&self.circumstances(is_slow_start));
        if self.handshake.announcements.ack_requests().is_none() {
            self.handshake.announcements.begin_ack_requests(AckRequests::new(self.recovery.max_ack_delay()));
        }
        let wait = self.recovery.rtt().smoothed();
        let requests = self.handshake.announcements.ack_requests_mut().expect("they were begun");
        requests.review(now, best, wait);
        self.recovery.set_max_ack_delay(requests.max_ack_delay());
    }

    fn circumstances(&self, is_slow_start: bool) -> Circumstances {
        let packet_len = self.recovery.max_datagram_size() as u64;
        let usual = self.handshake.announcements.ack_requests().map(AckRequests::usual_delay);
        Circumstances {
            window: (!is_slow_start).then(|| self.recovery.congestion_window() / packet_len.max(1)),
            smoothed_rtt: self.recovery.rtt().smoothed(),
            packet_threshold: self.recovery.packet_threshold(),
            min_ack_delay: self.peer.min_ack_delay().expect("the peer takes requests"),
            max_ack_delay: usual.unwrap_or_else(|| self.recovery.max_ack_delay()),
        }
    }

    /// The peer has read a request.
    pub(super) fn on_ack_request_read(&mut self, frame: &SentFrame) {
        self.handshake.announcements.on_acked(frame);
        if let Some(requests) = self.handshake.announcements.ack_requests() {
            self.recovery.set_max_ack_delay(requests.max_ack_delay());
        }
    }
}
