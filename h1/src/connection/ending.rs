//! How exchanges and the connection end, well and otherwise.

use super::state::{Connection, Incoming, Phase};
use crate::ahead::Ahead;
use crate::event::{Closing, Event};
use crate::exchange::ExchangeId;
use crate::violation::Violation;
use crate::write::{self, Added, Delimiter, Persistence};
use alloc::format;
use base::{Bytes, Instant, Side};
use http::exchange::{self, Reason, SendPhase};
use http::{Method, ResponseHead, Status};

impl Connection {
    /// To be called after all that may have ended the exchange: if it is over the next may come.
    pub(crate) fn settle(&mut self, now: Instant) {
        self.close_after_answer();
        self.stop_upload();
        let Some(exchange) = &self.current else { return };
        if !exchange.is_over() {
            return;
        }
        self.current = None;
        self.clocks.on_exchange_end();
        if !self.keeps_alive || self.phase != Phase::Open {
            // RFC 9112 section 9.6-3, 9.6-6.
            return self.end(now, Closing::Done);
        }
        self.await_head();
        match self.side {
            Side::Server => self.clocks.on_quiet(now),
            Side::Client => self.events.push_back(Event::Available),
        }
    }

    /// A server has answered, and more of the request would come than it wants to throw away, or would wait for: the connection
    /// ends instead. RFC 9112 section 9.3-5.
    fn close_after_answer(&mut self) {
        let limits = self.config.limits;
        let Some(exchange) = &mut self.current else { return };
        if self.side != Side::Server || !exchange.sending.has_ended() || !exchange.is_unwanted() {
            return;
        }
        let is_long = match &self.incoming {
            Incoming::Length(left) => exchange.discarded.saturating_add(*left) > limits.max_discarded,
            _ => false,
        };
        if is_long || !self.keeps_alive {
            self.keeps_alive = false;
            exchange.is_received = true;
        }
    }

    /// A client has the whole answer of a server that closes: nobody reads the rest of its request. RFC 9112 section 9.5-6.
    fn stop_upload(&mut self) {
        let is_over = self.side == Side::Client && !self.keeps_alive;
        let Some(exchange) = self.current.as_mut().filter(|exchange| is_over && exchange.is_received) else { return };
        if matches!(exchange.sending.phase(), SendPhase::Body | SendPhase::Finishing) {
            exchange.sending.on_stopped(Reason::NotNeeded);
            let id = exchange.id;
            self.tell(id, exchange::Event::Stopped(Reason::NotNeeded));
        }
    }

    /// Tells the end of the peer's message once all of its content was read.
    pub(crate) fn look_for_end(&mut self) {
        let Some(exchange) = &mut self.current else { return };
        if !exchange.is_received || !exchange.content.is_empty() || exchange.receiving.has_ended() {
            return;
        }
        let (id, trailers) = (exchange.id, exchange.trailers.take());
        if trailers.is_some() {
            exchange.receiving.on_trailers();
        }
        exchange.receiving.on_end().expect("the framing is that of the length that was said");
        if let Some(fields) = trailers {
            self.tell(id, exchange::Event::Trailers(fields));
        }
        self.tell(id, exchange::Event::Finished);
    }

    /// A server has answered a request for a tunnel: what comes next is in it, or the next request.
    pub(crate) fn on_tunnel_decided(&mut self, now: Instant, id: ExchangeId, is_open: bool) {
        let Some(exchange) = self.exchange_mut(id).filter(|exchange| exchange.method == Method::Connect) else {
            return;
        };
        if is_open {
            self.incoming = Incoming::Raw;
            self.clocks.gone = None;
            return;
        }
        exchange.is_received = true;
        self.look_for_end();
        self.settle(now);
    }

    /// Gives up the exchange. What of our message was not sent is lost; a request that was not answered is answered with what the
    /// reason means, if it means a status. Everything else has no other sign in HTTP/1.1 than that the connection breaks off.
    pub fn reset(&mut self, now: Instant, id: ExchangeId, reason: Reason) {
        let side = self.side;
        let Some(exchange) = self.exchange_mut(id) else { return };
        let is_unanswered = side == Side::Server && exchange.sending.phase() == SendPhase::Head;
        match status_of(reason).filter(|_| is_unanswered) {
            Some(status) => {
                exchange.sending.on_end();
                exchange.receiving.abandon();
                exchange.content.clear();
                self.keeps_alive = false;
                self.answer(status, status.reason().unwrap_or_default());
                self.settle(now);
            }
            None => self.give_up(Closing::GivenUp),
        }
    }

    /// Takes no more requests than those that have begun: the connection ends after the one under way, or now. One that has just been opened
    /// gets the time to ask once ([`Limits::notice`](crate::Limits::notice)): a client that asks again on a connection knows that it may be
    /// gone (RFC 9112 section 9.3.1), and one that has opened it for its request does not.
    pub fn drain(&mut self, now: Instant) {
        self.keeps_alive = false;
        if self.current.is_some() || self.head_has_begun() {
            return;
        }
        if self.side == Side::Server && self.next_id == 0 && !self.ends.incoming {
            self.clocks.notice = Some(now + self.config.limits.notice);
            return;
        }
        self.end(now, Closing::Done);
    }

    /// Ends the connection. What waits is still sent; an exchange under way is given up with it.
    pub fn close(&mut self, now: Instant) {
        match self.current.is_some() {
            true => self.give_up(Closing::GivenUp),
            false => self.end(now, Closing::Done),
        }
    }

    /// Our side ends when what waits is sent. The exchange under way may go on receiving.
    pub(crate) fn end_output(&mut self) {
        self.keeps_alive = false;
        if self.phase == Phase::Open {
            self.phase = Phase::Ending;
        }
    }

    /// No exchange follows, and none is under way.
    pub(crate) fn end(&mut self, now: Instant, closing: Closing) {
        self.end_output();
        self.ahead = Ahead::default();
        let is_behind = core::mem::take(&mut self.ends.is_behind);
        if is_behind || !self.ends.incoming {
            self.incoming = Incoming::Ignored;
        }
        self.ends.incoming |= is_behind;
        if self.ends.outgoing {
            self.linger(now);
        }
        self.wait_for_reader(now);
        self.tell_closed(closing);
    }

    /// RFC 9112 s9.6: what was sent last is lost if the connection is cut while the peer still sends. So what comes is read and thrown
    /// away for a while.
    pub(super) fn linger(&mut self, now: Instant) {
        self.clocks.stop();
        if !self.ends.incoming {
            self.incoming = Incoming::Ignored;
            self.clocks.linger(now, self.config.limits.linger);
        }
    }

    /// The peer broke the protocol.
    pub(crate) fn fail(&mut self, now: Instant, violation: Violation) {
        self.keeps_alive = false;
        let unanswered = match &self.current {
            Some(exchange) => exchange.sending.phase() == SendPhase::Head,
            None => true,
        };
        if let Some(exchange) = self.current.take() {
            self.forget_all_but_request(exchange.id);
            self.tell(exchange.id, exchange::Event::Failed(violation.malformed()));
        }
        self.clocks.on_exchange_end();
        // RFC 9112 section 6.3-7.
        if self.side == Side::Server && unanswered {
            // RFC 9112 section 6.3-3, 6.3-5, 3.2-1, 3.2-6.
            self.answer(violation.status(), &format!("{violation}"));
            self.events.push_back(Event::Refused(violation));
            return self.end(now, Closing::Violation(violation));
        }
        self.give_up(Closing::Violation(violation));
    }

    /// Breaks the connection off.
    pub(crate) fn give_up(&mut self, closing: Closing) {
        self.phase = Phase::Broken;
        self.keeps_alive = false;
        self.current = None;
        self.outbox.clear();
        self.ahead = Ahead::default();
        self.clocks.stop();
        self.tell_closed(closing);
    }

    /// A response that no application made, to what is no request: RFC 9112 section 2.2-10, 3-3.
    fn answer(&mut self, status: Status, words: &str) {
        let text = Bytes::from(format!("{status} {words}\n").into_bytes());
        let head = ResponseHead::new(status).with_field("content-type", "text/plain; charset=utf-8");
        let head = head.expect("a field of ours is well-formed");
        let date = self.date_for(&head);
        let length = Delimiter::Added(text.len() as u64);
        let added = Added { date: date.as_ref(), ..Added::default() };
        self.outbox.push_text(|out| write::response(out, &head, length, Persistence::Close, added));
        self.outbox.push(text);
    }
}

/// The answer to a request that a server gives up for a reason.
const fn status_of(reason: Reason) -> Option<Status> {
    match reason {
        Reason::Internal => Some(Status::INTERNAL_SERVER_ERROR),
        Reason::Rejected | Reason::ExcessiveLoad => Some(Status::SERVICE_UNAVAILABLE),
        Reason::Connect => Some(Status::BAD_GATEWAY),
        Reason::Malformed | Reason::Protocol => Some(Status::BAD_REQUEST),
        _ => None,
    }
}
