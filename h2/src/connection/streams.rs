//! What comes on streams: content, fields, resets and priorities.

use super::blocks::{Said, Wanted};
use super::state::Connection;
use crate::block::Block;
use crate::config::Limits;
use crate::error_code::{self, NO_ERROR};
use crate::frame::{END_HEADERS, END_STREAM, Header};
use crate::stream::{Stream, StreamNumber};
use crate::violation::{Scope, Violation};
use alloc::boxed::Box;
use base::{Instant, Side};
use http::exchange::{Body, Event, Reason, ReceivePhase, SendPhase};
use http::{Priority, RequestHead, ResponseHead};

impl Connection {
    // Content.

    /// RFC 9113 section 5.1-8, 6.1-5, 6.1-6, 6.1-7, 6.9-5.
    pub(crate) fn on_data(&mut self, now: Instant, header: Header, payload: &[u8]) -> Result<(), Violation> {
        if header.stream == 0 {
            return Err(Violation::StreamZero);
        }
        self.use_window(payload.len())?;
        let content = header.content(payload).ok_or(Violation::Padding)?;
        if content.is_empty() && !header.has(END_STREAM) {
            self.spend()?;
        }
        let Some(stream) = self.streams.get_mut(&header.stream) else {
            self.give_window(payload.len());
            return self.on_missing(header.stream);
        };
        if stream.is_received {
            self.give_window(payload.len());
            return Err(Violation::HalfClosedStream);
        }
        let is_early = stream.receiving.phase() == ReceivePhase::Head;
        let taken = if is_early { Err(Violation::RequestIncomplete) } else { stream.on_data(payload.len()) };
        if let Err(violation) = taken {
            self.give_window(payload.len());
            return Err(violation);
        }
        let is_unwanted = stream.is_unwanted();
        if !is_unwanted && let Err(malformed) = stream.receiving.on_body(content.len() as u64) {
            self.give_window(payload.len());
            return Err(Violation::Malformed(malformed));
        }
        let held = if is_unwanted { 0 } else { content.len() };
        if is_unwanted {
            self.discard(now, header.stream, payload.len());
        } else {
            self.on_read(header.stream, payload.len() - held);
        }
        if held > 0 {
            self.keep(now, header.stream, content);
        }
        if header.has(END_STREAM) { self.on_end_of_stream(now, header.stream) } else { Ok(()) }
    }

    /// Throws content away that nobody wants. Its client is given credit for it, up to a bound, because few clients stop when they
    /// have the answer: others wait for a window, and some of them do not even read meanwhile. One that sends at the least rate and is
    /// never silent for long is not told to stop.
    fn discard(&mut self, now: Instant, number: u32, len: usize) {
        let (limits, rate) = (self.config.limits, self.rate_of_content());
        let stream = self.streams.get_mut(&number).expect("the stream was looked up before");
        stream.discarded += len as u64;
        let (is_allowed, longest) = (stream.discarded <= limits.max_discarded, now + limits.linger);
        if let Some(until) = stream.rest_until.as_mut().filter(|_| is_allowed) {
            *until = rate.map_or(longest, |rate| (*until + rate.earned(len as u64)).min(longest));
        }
        if is_allowed { self.on_read(number, len) } else { self.give_window(len) }
    }

    fn keep(&mut self, now: Instant, number: u32, content: &[u8]) {
        let stream = self.streams.get_mut(&number).expect("the stream was looked up before");
        stream.waiting.pause(now);
        stream.content.push(content);
        if !core::mem::replace(&mut stream.is_told, true) {
            self.tell(number, Event::Body);
        }
    }

    /// The peer has ended its side.
    fn on_end_of_stream(&mut self, now: Instant, number: u32) -> Result<(), Violation> {
        let stream = self.streams.get_mut(&number).expect("the stream was looked up before");
        stream.is_received = true;
        stream.waiting.pause(now);
        if !stream.is_unwanted() {
            // The declared length is compared now, not when the application has read all.
            let mut receiving = stream.receiving;
            receiving.on_end().map_err(Violation::Malformed)?;
        }
        self.look_for_end(number);
        self.settle(now, number);
        Ok(())
    }

    /// The next content of the peer's message, at most `max` bytes.
    pub fn read_body(&mut self, now: Instant, number: StreamNumber, max: usize) -> Body {
        let rate = self.rate_of_content();
        let Some(stream) = self.streams.get_mut(&number.0) else { return Body::Gone };
        if let Some(bytes) = stream.content.take(max) {
            if let Some(rate) = rate {
                stream.waiting.earn(rate, bytes.len());
            }
            self.on_read(number.0, bytes.len());
            self.look_for_end(number.0);
            self.settle(now, number.0);
            return Body::Data(bytes);
        }
        match stream.receiving.phase() {
            ReceivePhase::Finished => Body::End,
            ReceivePhase::Abandoned => Body::Gone,
            _ => {
                stream.is_told = false;
                stream.waiting.begin(now);
                Body::Blocked
            }
        }
    }

    /// The application does not want the rest of the peer's message. A server that has answered says so, so that its client stops
    /// (RFC 9113 section 8.1-6); one that has not goes on throwing away what comes.
    pub fn stop_receiving(&mut self, now: Instant, number: StreamNumber) {
        let Some(stream) = self.streams.get_mut(&number.0) else { return };
        let held = stream.content.len();
        stream.receiving.abandon();
        stream.content.clear();
        stream.trailers = None;
        self.on_read(number.0, held);
        self.settle(now, number.0);
    }

    // Fields.

    /// RFC 9113 section 6.2-6, 6.2-7.
    pub(crate) fn on_headers(&mut self, now: Instant, header: Header, payload: &[u8]) -> Result<(), Violation> {
        if header.stream == 0 {
            return Err(Violation::StreamZero);
        }
        let part = header.content(payload).ok_or(Violation::Padding)?;
        self.check_number(header.stream)?;
        let most = self.max_block();
        let mut block = Block::new(header.stream, header.has(END_STREAM));
        block.push(part, most)?;
        self.block = Some(block);
        self.clocks.on_block(now);
        if header.has(END_HEADERS) { self.on_block(now) } else { Ok(()) }
    }

    /// RFC 9113 section 6.2-4, 6.10-2, 6.10-4, 6.10-6.
    pub(crate) fn on_continuation(&mut self, now: Instant, header: Header, payload: &[u8]) -> Result<(), Violation> {
        let most = self.max_block();
        let block = self.block.as_mut().ok_or(Violation::StrayContinuation)?;
        if block.stream != header.stream {
            return Err(Violation::BlockInterrupted);
        }
        block.push(payload, most)?;
        if header.has(END_HEADERS) { self.on_block(now) } else { Ok(()) }
    }

    /// Whether fields may come on a stream of this number.
    ///
    /// RFC 9113 section 5.1-2, 5.1.1-1, 5.1.1-2, 5.1.1-3.
    fn check_number(&mut self, number: u32) -> Result<(), Violation> {
        if self.streams.contains_key(&number) || self.numbers.was_reset(number) {
            return Ok(());
        }
        let is_new = number > self.numbers.last_of_peer;
        match self.side {
            Side::Server if number % 2 == 1 && is_new => Ok(()),
            Side::Server if number % 2 == 1 => Err(Violation::ClosedStream),
            Side::Client if number % 2 == 1 && number < self.numbers.next => Err(Violation::ClosedStream),
            Side::Server | Side::Client => Err(Violation::StreamNumber),
        }
    }

    /// A block is complete.
    pub(crate) fn on_block(&mut self, now: Instant) -> Result<(), Violation> {
        let (number, ends_stream, block) = self.take_block().expect("a block that is complete was begun");
        self.clocks.on_block_end();
        let wanted = self.wanted(number);
        if self.side == Side::Server && !self.streams.contains_key(&number) && wanted == Wanted::Request {
            self.numbers.last_of_peer = number;
        }
        let said = match self.decode(&block, wanted) {
            Err(violation) if violation.scope() == Scope::Stream => {
                return self.fail_stream(now, number, violation);
            }
            said => said?,
        };
        let done = match said {
            Some(Said::Request(head)) => self.on_request(now, number, head, ends_stream),
            Some(Said::Response(head)) => self.on_response(now, number, head, ends_stream),
            Some(Said::Trailers(fields)) if ends_stream => {
                let stream = self.streams.get_mut(&number).expect("trailers are wanted on a stream that is there");
                if !stream.is_unwanted() {
                    stream.trailers = Some(fields);
                }
                self.on_end_of_stream(now, number)
            }
            // RFC 9113 section 8.1-5.
            Some(Said::Trailers(_)) => Err(Violation::TrailersNotLast),
            None => match self.streams.get(&number) {
                // RFC 9113 section 8.5-2.
                Some(stream) if !stream.is_received => Err(Violation::FrameInTunnel),
                Some(_) => Err(Violation::HalfClosedStream),
                None => Ok(()),
            },
        };
        match done {
            Err(violation) if violation.scope() == Scope::Stream => self.fail_stream(now, number, violation),
            done => done,
        }
    }

    fn wanted(&self, number: u32) -> Wanted {
        match self.streams.get(&number) {
            None if self.side == Side::Server && !self.numbers.was_reset(number) => Wanted::Request,
            None => Wanted::Nothing,
            Some(stream) if stream.is_received || stream.receiving.phase() == ReceivePhase::Tunnel => Wanted::Nothing,
            Some(stream) if self.side == Side::Client && stream.receiving.phase() == ReceivePhase::Head => {
                Wanted::Response
            }
            Some(_) => Wanted::Trailers,
        }
    }

    /// RFC 9113 section 5.1.2-2, 6.8-8, 8.7-2, 8.7-3.
    pub(crate) fn on_request(
        &mut self,
        now: Instant,
        number: u32,
        head: RequestHead,
        ends_stream: bool,
    ) -> Result<(), Violation> {
        let is_late = self.state.goaway_sent.is_some_and(|last| number > last);
        if is_late || self.streams.len() >= self.config.limits.max_concurrent_streams as usize {
            self.spend()?;
            return Err(Violation::TooManyStreams);
        }
        let limits: &Limits = &self.config.limits;
        let mut stream = Stream::new(head.method.clone(), limits.stream_window, self.peer.initial_window);
        stream.receiving.on_request(&head).map_err(Violation::Malformed)?;
        // RFC 9218 s7.1: what came in a frame goes before what the request says.
        let early = self.numbers.early.remove(&number).unwrap_or_default();
        self.numbers.early.retain(|other, _| *other > number);
        stream.priority = early.or(Priority::of(&head.fields).unwrap_or_default());
        self.streams.insert(number, stream);
        self.clocks.on_request();
        self.tell(number, Event::Request(Box::new(head)));
        if ends_stream { self.on_end_of_stream(now, number) } else { Ok(()) }
    }

    fn on_response(
        &mut self,
        now: Instant,
        number: u32,
        head: ResponseHead,
        ends_stream: bool,
    ) -> Result<(), Violation> {
        let stream = self.streams.get_mut(&number).expect("a response is wanted on a stream that is there");
        if head.status.is_informational() {
            // RFC 9113 s8.1: it cannot end the stream.
            if ends_stream {
                return Err(Violation::RequestIncomplete);
            }
            stream.informational += 1;
            self.spend()?;
            self.tell(number, Event::Informational(head));
            return Ok(());
        }
        stream.receiving.on_response(&head, &stream.method).map_err(Violation::Malformed)?;
        let is_delivered = stream.sending.has_ended();
        self.tell(number, Event::Response(head));
        if is_delivered {
            self.tell(number, Event::Delivered);
        }
        if ends_stream { self.on_end_of_stream(now, number) } else { Ok(()) }
    }

    // What concerns a stream.

    /// RFC 9113 section 6.4-4, 6.4-6, 6.4-7, 5.4.2-4.
    pub(crate) fn on_rst_stream(&mut self, now: Instant, header: Header, payload: &[u8]) -> Result<(), Violation> {
        if header.stream == 0 {
            return Err(Violation::StreamZero);
        }
        let code = crate::frame::number(payload).ok_or(Violation::FrameLength)?;
        let Some(stream) = self.streams.get_mut(&header.stream) else { return self.on_missing(header.stream) };
        let reason = error_code::reason(code);
        // RFC 9113 section 8.1-6, 8.1-7: a server that has answered in full may say that it does not need the rest.
        let is_answered = self.side == Side::Client && stream.is_received && code == NO_ERROR;
        if is_answered && !stream.content.is_empty() {
            stream.sending.on_stopped(Reason::NotNeeded);
            self.drop_unsent(header.stream);
            self.tell(header.stream, Event::Stopped(Reason::NotNeeded));
            self.settle(now, header.stream);
            return Ok(());
        }
        let has_received = stream.receiving.phase() == ReceivePhase::Finished;
        let wants_more = !matches!(stream.sending.phase(), SendPhase::Ended | SendPhase::Stopped(_));
        if wants_more {
            self.tell(header.stream, Event::Stopped(reason));
        }
        if !has_received {
            self.tell(header.stream, Event::Reset(reason));
        }
        self.remove(now, header.stream);
        // RFC 9113 s10.5: opening and cancelling is work for us and none for the peer.
        self.spend()
    }

    /// RFC 9113 section 6.3-1, 6.3-2: read, and of no effect.
    pub(crate) fn on_priority(&mut self, header: Header, payload: &[u8]) -> Result<(), Violation> {
        if header.stream == 0 {
            return Err(Violation::StreamZero);
        }
        self.spend()?;
        if payload.len() == 5 { Ok(()) } else { Err(Violation::PriorityLength) }
    }

    /// RFC 9218 section 7.1-2, 7.1-5, 7.1-8, 7.1-9, 7.1-11.
    pub(crate) fn on_priority_update(&mut self, header: Header, payload: &[u8]) -> Result<(), Violation> {
        if header.stream != 0 {
            return Err(Violation::NotStreamZero);
        }
        let (number, value) = payload.split_first_chunk::<4>().ok_or(Violation::FrameLength)?;
        let number = u32::from_be_bytes(*number) & crate::frame::MAX_31;
        if self.side == Side::Client || number.is_multiple_of(2) {
            return Err(Violation::PriorityStream);
        }
        self.spend()?;
        let priority = Priority::parse(value);
        if let Some(stream) = self.streams.get_mut(&number) {
            stream.priority = priority.or(stream.priority);
            self.requeue(number);
        } else if number > self.numbers.last_of_peer {
            self.numbers.early.insert(number, priority);
            let prioritized = self.streams.len() + self.numbers.early.len();
            if prioritized > self.config.limits.max_concurrent_streams as usize {
                return Err(Violation::PriorityStream);
            }
        }
        Ok(())
    }
}
