//! What a server gives up because its client is too slow with it: heads, content, responses, and connections without
//! requests.

use super::state::Connection;
use crate::error_code;
use crate::transport::Transport;
use crate::violation::Violation;
use crate::watch::{LOOKS, Use};
use alloc::vec::Vec;
use base::{Instant, Side, StreamId};
use http::exchange::{self, SendPhase};
use http::pace::{LeastRate, Pace};

impl Connection {
    /// When [`on_timeout`](Connection::on_timeout) is to be called; `None` if nothing is waited for.
    pub fn deadline(&self) -> Option<Instant> {
        let both = [self.shared.watch.next(), self.rest];
        both.into_iter().flatten().min().filter(|_| !self.is_closed)
    }

    /// To be called after every other call that may have begun or ended a request.
    pub fn follow(&mut self, now: Instant) {
        if self.shared.side == Side::Server {
            let is_quiet = self.shared.in_hand == 0;
            self.shared.watch.follow(now, is_quiet, &self.shared.config.times);
        }
    }

    /// Gives up what has become too slow.
    pub fn on_timeout(&mut self, transport: &mut impl Transport) {
        let now = transport.now();
        self.on_rest(now);
        if self.is_closed || self.shared.watch.next().is_none_or(|next| next > now) {
            return;
        }
        self.shared.watch.on_look();
        let ids: Vec<StreamId> = self.select(|_, _| true);
        for id in ids {
            self.look_at(transport, id, now);
        }
        self.look_at_rests(transport, now);
        if !self.is_closed {
            self.look_at_all(transport, now);
        }
    }

    /// The application takes an exchange to be slow by its nature: neither its content nor its response is given up.
    pub fn lift_time_limits(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(id) {
            stream.may_be_slow = true;
        }
    }

    /// The application has read all that has come of a request, and waits for more.
    pub(crate) fn wait_for_content(&mut self, id: StreamId, now: Instant) {
        let Some(rate) = self.rate_of_requests() else { return };
        let Some(stream) = self.streams.get_mut(id) else { return };
        if !stream.receive.has_ended() {
            stream.waiting.begin(now);
            if let Some(due) = stream.waiting.due(rate) {
                self.shared.watch.at(due);
            }
        }
    }

    /// Something came of a request, or was read.
    pub(crate) fn on_content(&mut self, id: StreamId, now: Instant, read: usize) {
        let Some(rate) = self.rate_of_requests() else { return };
        if let Some(stream) = self.streams.get_mut(id) {
            stream.waiting.pause(now);
            stream.waiting.earn(rate, read);
        }
    }

    /// A response that is not all written, or not all taken.
    pub(crate) fn wait_for_reader(&mut self, now: Instant) {
        if self.shared.side == Side::Server
            && let Some(rate) = self.shared.config.times.response()
        {
            self.shared.watch.at(now + rate.patience / LOOKS);
        }
    }

    fn rate_of_requests(&self) -> Option<LeastRate> {
        self.shared.config.times.request().filter(|_| self.shared.side == Side::Server)
    }

    fn look_at(&mut self, transport: &mut impl Transport, id: StreamId, now: Instant) {
        let Some(stream) = self.streams.get(id).filter(|_| !self.is_closed) else { return };
        if !stream.is_known && !stream.receive.has_ended() {
            return self.look_at_head(transport, id, now);
        }
        self.look_at_content(transport, id, now);
        self.look_at_response(transport, id, now);
    }

    fn look_at_head(&mut self, transport: &mut impl Transport, id: StreamId, now: Instant) {
        let stream = self.streams.get(id).expect("a stream that is looked at is there");
        match self.shared.config.times.end_of_head(stream.opened) {
            Some(end) if end <= now => self.on_violation(transport, id, Violation::SlowHead),
            Some(end) => self.shared.watch.at(end),
            None => {}
        }
    }

    fn look_at_content(&mut self, transport: &mut impl Transport, id: StreamId, now: Instant) {
        let Some(rate) = self.rate_of_requests() else { return };
        let stream = self.streams.get(id).expect("a stream that is looked at is there");
        if stream.receive.has_ended() || (stream.may_be_slow && !stream.receive.is_unwanted) {
            return;
        }
        match stream.waiting.due(rate) {
            Some(due) if due <= now => self.on_slow_sender(transport, id),
            Some(due) => self.shared.watch.at(due),
            None => {}
        }
    }

    /// The rest of a request is given up. Its answer may still be sent.
    fn on_slow_sender(&mut self, transport: &mut impl Transport, id: StreamId) {
        let stream = self.streams.get(id).expect("a stream that is looked at is there");
        // RFC 9114 s4.1: an answer that does not need the rest is no error.
        let is_whole = stream.receive.is_unwanted || stream.send.message.phase() == SendPhase::Head;
        let code = if is_whole { error_code::H3_NO_ERROR } else { error_code::H3_REQUEST_CANCELLED };
        if !stream.receive.is_unwanted {
            self.shared.tell(id, exchange::Event::SlowSender);
        }
        self.give_up_reading(transport, id, code);
        self.remove_if_over(id);
        self.spend(transport);
    }

    fn look_at_response(&mut self, transport: &mut impl Transport, id: StreamId, now: Instant) {
        let Some(rate) = self.shared.config.times.response() else { return };
        let Some(stream) = self.streams.get_mut(id).filter(|stream| !stream.send.has_ended()) else { return };
        let Some(delivery) = transport.delivery(id).filter(|_| !stream.may_be_slow) else { return };
        match stream.taking.look(now, rate, delivery, stream.send.has_more()) {
            Pace::AtRest => {}
            Pace::Waiting => self.shared.watch.at(now + rate.patience / LOOKS),
            Pace::TooSlow => self.on_slow_receiver(transport, id),
        }
    }

    /// The whole exchange is given up. RFC 9114 section 4.1.1: a response that is abandoned is cancelled.
    fn on_slow_receiver(&mut self, transport: &mut impl Transport, id: StreamId) {
        let stream = self.streams.get(id).expect("a stream that is looked at is there");
        let is_known = stream.is_known;
        transport.reset(id, error_code::H3_REQUEST_CANCELLED);
        if !stream.receive.has_ended() {
            transport.stop_sending(id, error_code::H3_REQUEST_CANCELLED);
        }
        self.drop_rest(transport, id, error_code::H3_REQUEST_CANCELLED);
        self.remove(id);
        self.forget_events(id);
        if is_known {
            self.shared.tell(id, exchange::Event::SlowReceiver);
        }
        self.spend(transport);
    }

    fn look_at_all(&mut self, transport: &mut impl Transport, now: Instant) {
        let unacknowledged = transport.unacknowledged();
        match self.shared.watch.look(now, &self.shared.config.times, unacknowledged) {
            Use::Open => {}
            // RFC 9114 section 5.2: so that a client makes its next request elsewhere.
            Use::Notice if self.shared.goaway.sent.is_none() => self.shutdown(transport),
            Use::Notice => {}
            Use::Over => self.close(transport, error_code::H3_NO_ERROR, "no request came for too long"),
            Use::NotTaken => self.close_for(transport, Violation::ResponsesNotTaken),
        }
    }
}
