//! What is told now and then: HANDSHAKE_DONE (RFC 9000 section 19.20), and a token for the client's next connection (section
//! 19.7), by a server; and how often the peer is to acknowledge, by a sender of much data. Also the tokens that have come to a
//! client, until the endpoint takes them. All but the requests for acknowledgments is there for a moment, so a connection at
//! rest that has never sent much has none of it.

use crate::ack_requests::AckRequests;
use crate::delivery::{Latest, Once};
use crate::packet::{OutgoingPacket, SentFrame};
use crate::wire::frame::Frame;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Tokens that are kept until the endpoint takes them, which it does after every batch of datagrams: the newest.
const MAX_RECEIVED: usize = 4;

/// The announcements of one connection.
#[derive(Debug, Default)]
pub(crate) struct Announcements(Option<Box<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    done: Once,
    /// A token is to be made for the client.
    wants_token: bool,
    /// By number: only the newest token is worth sending again.
    token: Latest<u32>,
    number: u32,
    bytes: Vec<u8>,
    received: Vec<Vec<u8>>,
    ack_requests: Option<AckRequests>,
}

impl Announcements {
    /// The handshake is done, and the client is told.
    pub(crate) fn tell_done(&mut self) {
        self.0.get_or_insert_default().done.request();
    }

    /// The client is to have a token for the address that it is at.
    pub(crate) fn want_token(&mut self) {
        self.0.get_or_insert_default().wants_token = true;
    }

    /// Whether the endpoint has something to do: to make a token, or to take some.
    #[inline]
    pub(crate) fn wants_endpoint(&self) -> bool {
        self.0.as_ref().is_some_and(|waiting| waiting.wants_token || !waiting.received.is_empty())
    }

    /// Whether a token is to be made; once.
    pub(crate) fn take_wish(&mut self) -> bool {
        let is_wanted = self.0.as_mut().is_some_and(|waiting| core::mem::take(&mut waiting.wants_token));
        self.tidy();
        is_wanted
    }

    /// The token that was wanted.
    pub(crate) fn send_token(&mut self, bytes: Vec<u8>) {
        let waiting = self.0.get_or_insert_default();
        waiting.bytes = bytes;
        waiting.number += 1;
        waiting.token.set(waiting.number);
    }

    /// A token came to a client.
    pub(crate) fn on_token(&mut self, token: &[u8]) {
        let waiting = self.0.get_or_insert_default();
        if waiting.received.len() == MAX_RECEIVED {
            waiting.received.remove(0);
        }
        waiting.received.push(token.to_vec());
    }

    /// The tokens that have come.
    pub(crate) fn take_received(&mut self) -> Vec<Vec<u8>> {
        let received = self.0.as_mut().map(|waiting| core::mem::take(&mut waiting.received));
        self.tidy();
        received.unwrap_or_default()
    }

    /// What was asked of the peer's acknowledgments, if anything was.
    #[inline]
    pub(crate) fn ack_requests(&self) -> Option<&AckRequests> {
        self.0.as_ref()?.ack_requests.as_ref()
    }

    /// The same, to ask for something else.
    pub(crate) fn ack_requests_mut(&mut self) -> Option<&mut AckRequests> {
        self.0.as_mut()?.ack_requests.as_mut()
    }

    /// Requests begin.
    pub(crate) fn begin_ack_requests(&mut self, requests: AckRequests) {
        self.0.get_or_insert_default().ack_requests = Some(requests);
    }

    /// Whether there is a frame to be sent.
    #[inline]
    pub(crate) fn wants_to_send(&self) -> bool {
        self.0.as_ref().is_some_and(|waiting| {
            waiting.done.needs_sending()
                || waiting.token.is_due()
                || waiting.ack_requests.as_ref().is_some_and(AckRequests::is_due)
        })
    }

    /// Adds the frames to a 1-RTT packet, as far as they fit.
    pub(crate) fn fill(&mut self, packet: &mut OutgoingPacket<'_>) {
        let Some(waiting) = &mut self.0 else { return };
        if waiting.done.needs_sending() && Frame::HandshakeDone.encode(packet.writer()).is_ok() {
            packet.record(SentFrame::HandshakeDone);
            waiting.done.on_sent();
        }
        if let Some(number) = waiting.token.needs_sending()
            && (Frame::NewToken { token: &waiting.bytes }).encode(packet.writer()).is_ok()
        {
            packet.record(SentFrame::NewToken(number));
            waiting.token.on_sent(number);
        }
        if let Some(requests) = &mut waiting.ack_requests
            && let Some(request) = requests.frame()
            && Frame::AckFrequency(request).encode(packet.writer()).is_ok()
        {
            packet.record(SentFrame::AckFrequency(request.sequence_number));
            requests.on_sent(request.sequence_number);
        }
    }

    /// A packet with one of the frames was acknowledged.
    pub(crate) fn on_acked(&mut self, frame: &SentFrame) {
        if let Some(waiting) = &mut self.0 {
            match frame {
                SentFrame::NewToken(number) => waiting.token.on_acked(*number),
                SentFrame::AckFrequency(number) => waiting.requests().for_each(|requests| requests.on_acked(*number)),
                _ => waiting.done.on_acked(),
            }
        }
        self.tidy();
    }

    /// A packet with one of the frames was lost.
    pub(crate) fn on_lost(&mut self, frame: &SentFrame) {
        if let Some(waiting) = &mut self.0 {
            match frame {
                SentFrame::NewToken(number) => waiting.token.on_lost(*number),
                SentFrame::AckFrequency(number) => waiting.requests().for_each(|requests| requests.on_lost(*number)),
                _ => waiting.done.on_lost(),
            }
        }
    }

    /// Gives back the memory when all is told and taken.
    fn tidy(&mut self) {
        self.0.take_if(|waiting| waiting.is_over());
    }
}

impl Waiting {
    fn requests(&mut self) -> impl Iterator<Item = &mut AckRequests> {
        self.ack_requests.iter_mut()
    }

    fn is_over(&self) -> bool {
        let is_told = (!self.done.is_requested() || self.done.is_delivered()) && self.token == Latest::default();
        is_told && !self.wants_token && self.received.is_empty() && self.ack_requests.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::packet_number::PacketNumberSpace;

    fn filled(announcements: &mut Announcements, room: usize) -> Vec<SentFrame> {
        let (mut bytes, mut sent) = (alloc::vec![0; room], Vec::new());
        announcements.fill(&mut OutgoingPacket::new(PacketNumberSpace::ApplicationData, &mut bytes, &mut sent));
        sent
    }

    /// RFC 9000 section 13.3-3.
    #[test]
    fn what_is_told_is_told_until_it_is_acknowledged_and_leaves_nothing() {
        let mut announcements = Announcements::default();
        assert!(!announcements.wants_to_send() && !announcements.wants_endpoint());
        announcements.tell_done();
        announcements.want_token();
        assert!(announcements.wants_endpoint() && announcements.take_wish() && !announcements.take_wish());
        announcements.send_token(alloc::vec![7; 50]);
        assert_eq!(filled(&mut announcements, 20), [SentFrame::HandshakeDone], "the token waits for room");
        assert_eq!(filled(&mut announcements, 100), [SentFrame::NewToken(1)]);
        assert!(!announcements.wants_to_send());
        announcements.on_lost(&SentFrame::NewToken(1));
        announcements.on_lost(&SentFrame::HandshakeDone);
        assert_eq!(filled(&mut announcements, 100), [SentFrame::HandshakeDone, SentFrame::NewToken(1)]);
        announcements.on_acked(&SentFrame::HandshakeDone);
        assert!(announcements.0.is_some());
        announcements.on_acked(&SentFrame::NewToken(1));
        assert!(announcements.0.is_none());
        // Late news about packets that were given up.
        announcements.on_lost(&SentFrame::NewToken(1));
        announcements.on_acked(&SentFrame::HandshakeDone);
        assert!(!announcements.wants_to_send());
    }

    #[test]
    fn only_the_newest_token_is_sent_again() {
        let mut announcements = Announcements::default();
        announcements.send_token(alloc::vec![1]);
        assert_eq!(filled(&mut announcements, 100), [SentFrame::NewToken(1)]);
        announcements.send_token(alloc::vec![2]);
        assert_eq!(filled(&mut announcements, 100), [SentFrame::NewToken(2)]);
        announcements.on_lost(&SentFrame::NewToken(1));
        assert!(!announcements.wants_to_send());
        announcements.on_lost(&SentFrame::NewToken(2));
        assert_eq!(filled(&mut announcements, 100), [SentFrame::NewToken(2)]);
    }

    #[test]
    fn of_tokens_that_come_together_the_newest_are_kept() {
        let mut announcements = Announcements::default();
        (0..9).for_each(|byte| announcements.on_token(&[byte]));
        assert!(announcements.wants_endpoint());
        assert_eq!(announcements.take_received(), [[5], [6], [7], [8]]);
        assert!(announcements.0.is_none() && announcements.take_received().is_empty());
    }
}
