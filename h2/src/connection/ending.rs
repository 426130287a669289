//! How streams and the connection end, well and otherwise.

use super::state::{Connection, Out};
use crate::error_code::{self, NO_ERROR};
use crate::event::{Closing, Event as Told};
use crate::frame::{Kind, MAX_31};
use crate::stream::{End, StreamNumber};
use crate::violation::{Scope, Violation};
use alloc::vec::Vec;
use base::{Instant, Side};
use http::exchange::{Event, Reason};
use http::{ResponseHead, Status};

impl Connection {
    /// A stream of which nothing is left to be done is forgotten. One whose rest nobody wants is stopped once it is answered.
    pub(crate) fn settle(&mut self, now: Instant, number: u32) {
        let Some(stream) = self.streams.get_mut(&number) else { return };
        let is_sent = matches!(stream.end, End::Sent);
        if is_sent && !stream.is_received && stream.is_unwanted() {
            if self.side == Side::Client {
                return self.reset_stream(now, number, error_code::CANCEL);
            }
            // A client that has the answer stops by itself, or has said all. Some take a reset that comes with the answer for a failure.
            if stream.rest_until.is_none() {
                stream.rest_until = Some(now + self.config.limits.linger);
                self.grant_rest(number);
            }
            return;
        }
        if stream.is_over() {
            self.streams.remove(&number);
            self.earn();
            self.on_stream_gone(now);
        }
    }

    /// A request was answered before all of it had come. Some clients read nothing from then on until they have sent all, so what the
    /// connection has room for is granted along with the answer. None of it is held.
    fn grant_rest(&mut self, number: u32) {
        let window = self.window_in;
        let more = self.streams.get_mut(&number).and_then(|stream| stream.widen_in(window));
        if let Some(more) = more {
            self.send_frame(Kind::WindowUpdate, 0, number, &more.to_be_bytes());
        }
    }

    /// Tells the end of the peer's message once all of its content was read.
    pub(crate) fn look_for_end(&mut self, number: u32) {
        let Some(stream) = self.streams.get_mut(&number) else { return };
        if !stream.is_received || !stream.content.is_empty() || stream.receiving.has_ended() {
            return;
        }
        let trailers = stream.trailers.take();
        if trailers.is_some() {
            stream.receiving.on_trailers();
        }
        stream.receiving.on_end().expect("the length was compared when the stream ended");
        if let Some(fields) = trailers {
            self.tell(number, Event::Trailers(fields));
        }
        self.tell(number, Event::Finished);
    }

    /// A stream has room for a further exchange, or the last one is over.
    fn on_stream_gone(&mut self, now: Instant) {
        if self.side == Side::Client && self.is_open() {
            self.events.push_back(Told::Available);
        }
        if !self.streams.is_empty() {
            return;
        }
        if self.state.is_draining || self.state.goaway_received.is_some() {
            return self.end_if_drained(now);
        }
        if self.side == Side::Server {
            self.clocks.on_quiet(now);
        }
    }

    /// Gives up an exchange. What of our message was not sent is lost, and the peer is told why.
    pub fn reset(&mut self, now: Instant, number: StreamNumber, reason: Reason) {
        if self.streams.contains_key(&number.0) {
            self.reset_stream(now, number.0, error_code::code(reason));
        }
    }

    pub(crate) fn reset_stream(&mut self, now: Instant, number: u32, code: u32) {
        self.numbers.on_reset(number);
        self.send_frame(Kind::RstStream, 0, number, &code.to_be_bytes());
        self.remove(now, number);
    }

    /// Forgets a stream, with what it holds: nothing more is sent on it. RFC 9113 section 5.1-9, 6.4-1.
    pub(crate) fn remove(&mut self, now: Instant, number: u32) {
        self.drop_unsent(number);
        if let Some(stream) = self.streams.remove(&number) {
            self.give_window(stream.content.len());
            self.on_stream_gone(now);
        }
    }

    /// The peer broke the protocol on one stream. RFC 9113 section 8.1.1-3, 8.1.1-5: the others go on. RFC 9113 s10.5: what the peer makes us
    /// reset is useless activity.
    pub(crate) fn fail_stream(&mut self, now: Instant, number: u32, violation: Violation) -> Result<(), Violation> {
        self.spend()?;
        let is_known = self.streams.contains_key(&number);
        self.forget_events(number);
        if violation == Violation::FieldsTooLarge && self.side == Side::Server && !is_known {
            self.answer_too_large(number);
        }
        match violation.malformed().filter(|_| is_known) {
            Some(malformed) => self.tell(number, Event::Failed(malformed)),
            None if is_known => self.tell(number, Event::Reset(Reason::Protocol)),
            None => self.events.push_back(Told::Refused(violation)),
        }
        self.reset_stream(now, number, violation.code());
        Ok(())
    }

    /// 431 for fields that are too large, which a browser can show.
    fn answer_too_large(&mut self, number: u32) {
        let head = ResponseHead::new(Status::REQUEST_HEADER_FIELDS_TOO_LARGE);
        self.send_block(number, head.lines(), true);
    }

    /// The peer broke the protocol. RFC 9113 section 5.4-5, 5.4.1-1, 5.4.1-2.
    pub(crate) fn fail(&mut self, now: Instant, violation: Violation) {
        debug_assert_eq!(violation.scope(), Scope::Connection, "a breach on a stream ends that stream");
        let numbers: Vec<u32> = self.streams.keys().copied().collect();
        for number in numbers {
            self.drop_unsent(number);
        }
        self.streams.clear();
        self.out.answers = 0;
        self.send_goaway(self.numbers.last_of_peer, violation.code(), violation.reason().as_bytes());
        self.tell_closed(Closing::Violation(violation));
        self.finish_connection(now);
    }

    /// Takes no more requests than those that are on their way: first a notice, and the end of it a little later
    /// (RFC 9113 section 6.8-7, 6.8-8). The connection ends when all that were taken are answered.
    pub fn drain(&mut self, now: Instant) {
        if self.state.is_draining || self.state.is_ending {
            return;
        }
        self.state.is_draining = true;
        self.clocks.stop_quiet();
        if self.side == Side::Client {
            return self.end_if_drained(now);
        }
        self.send_goaway(MAX_31, NO_ERROR, b"");
        self.clocks.notice(now, self.config.limits.notice);
    }

    /// The notice was long enough ago.
    pub(crate) fn end_notice(&mut self, now: Instant) {
        self.send_goaway(self.numbers.last_of_peer, NO_ERROR, b"");
        self.end_if_drained(now);
    }

    /// A connection that is to end does so when no stream is left.
    fn end_if_drained(&mut self, now: Instant) {
        if self.streams.is_empty() && !self.clocks.has_notice() {
            self.end(now, Closing::Done);
        }
    }

    /// Ends the connection. What waits is still sent; exchanges under way are given up with it.
    pub fn close(&mut self, now: Instant) {
        let numbers: Vec<u32> = self.streams.keys().copied().collect();
        for number in numbers {
            self.reset_stream(now, number, error_code::CANCEL);
        }
        self.end(now, Closing::Done);
    }

    /// Nothing is under way. RFC 9113 section 6.8-2: the peer is told.
    pub(crate) fn end(&mut self, now: Instant, closing: Closing) {
        if self.state.is_ending || self.state.is_broken {
            return;
        }
        if self.state.goaway_sent.is_none_or(|last| last == MAX_31) {
            self.send_goaway(self.numbers.last_of_peer, NO_ERROR, b"");
        }
        self.tell_closed(closing);
        self.finish_connection(now);
    }

    /// What waits is sent, and the peer has a while to end too.
    fn finish_connection(&mut self, now: Instant) {
        self.state.is_ending = true;
        self.block = None;
        self.clocks.stop();
        if self.out.control_len() > 0 || !self.state.peer_has_ended {
            self.clocks.linger(now, self.config.limits.linger);
        }
    }

    /// The connection is gone.
    pub(crate) fn break_off(&mut self, closing: Closing) {
        self.state.is_broken = true;
        self.streams.clear();
        self.out = Out::default();
        self.clocks.stop();
        self.tell_closed(closing);
    }
}
