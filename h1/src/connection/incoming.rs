//! Bytes that come: heads, content, trailers.

use super::state::{Connection, Incoming, Phase};
use crate::chunks::{Chunk, Chunks};
use crate::event::Closing;
use crate::exchange::{Exchange, ExchangeId};
use crate::framing::{Delimited, Framing, Version};
use crate::head::{Head, TrailersReader};
use crate::lines::Taken;
use crate::violation::Violation;
use crate::write::Delimiter;
use alloc::boxed::Box;
use base::{Instant, Side};
use http::exchange::{Body, Event, Reason, ReceivePhase, Receiving};
use http::{Malformed, Method, RequestHead, ResponseHead, Status};

impl Connection {
    /// Takes what it can use from the front, and some of what a client has sent ahead; says how much.
    pub(crate) fn take_in(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        // What is ahead waits for the application.
        let taken = if self.ahead.is_empty() { self.use_bytes(now, bytes) } else { 0 };
        let left = bytes.get(taken..).unwrap_or_default();
        let waits = !self.ahead.is_empty() || matches!(self.incoming, Incoming::Held);
        if waits && self.side == Side::Server && self.phase != Phase::Broken {
            return taken + self.ahead.push(left, self.config.limits.max_ahead);
        }
        taken
    }

    /// Whether a client may send more ahead.
    pub(super) fn has_room_ahead(&self) -> bool {
        self.side == Side::Server && self.ahead.len() < self.config.limits.max_ahead
    }

    /// Goes on with what was sent ahead, and with the end behind it: to be called by all calls of the application that may have ended an
    /// exchange or made room.
    pub(crate) fn go_on(&mut self, now: Instant) {
        if !self.ahead.is_empty() {
            let mut ahead = core::mem::take(&mut self.ahead);
            let used = self.use_bytes(now, ahead.bytes());
            if self.phase == Phase::Broken {
                return;
            }
            ahead.advance(used);
            self.ahead = ahead;
        }
        if !self.ends.is_behind || self.phase == Phase::Broken {
            return;
        }
        if self.ahead.is_empty() && !self.awaits_tunnel() {
            self.ends.is_behind = false;
            self.on_all_sent(now);
        } else {
            self.wait_for_answer(now);
        }
    }

    fn use_bytes(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        let mut taken = 0;
        while let Some(rest) = bytes.get_mut(taken..).filter(|rest| !rest.is_empty())
            && self.phase != Phase::Broken
        {
            match self.step(now, rest) {
                Ok(0) => break,
                Ok(count) => taken += count,
                Err(violation) => self.fail(now, violation),
            }
        }
        taken
    }

    fn step(&mut self, now: Instant, bytes: &mut [u8]) -> Result<usize, Violation> {
        match &mut self.incoming {
            Incoming::Head => self.on_head_bytes(now, bytes),
            Incoming::Length(left) => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX);
                let piece = bytes.get(..most).unwrap_or(bytes);
                let taken = self.on_content(now, piece);
                if let Incoming::Length(left) = &mut self.incoming {
                    *left -= taken as u64;
                    if *left == 0 {
                        self.on_all_received(now);
                    }
                }
                Ok(taken)
            }
            Incoming::Chunks(_) => self.on_chunk_bytes(now, bytes),
            Incoming::Trailers(reader) => {
                let Taken { count, line } = reader.take(&mut self.lines, bytes)?;
                let is_last = line.map(|line| reader.on_line(line)).transpose()?;
                if is_last == Some(true) {
                    self.on_trailers(now);
                }
                Ok(count)
            }
            Incoming::Raw => Ok(self.on_content(now, bytes)),
            // RFC 9112 section 9.3.2-2.
            Incoming::Held => Ok(0),
            Incoming::Ignored => Ok(bytes.len()),
        }
    }

    /// Takes lines from the front up to the end of the head.
    fn on_head_bytes(&mut self, now: Instant, bytes: &mut [u8]) -> Result<usize, Violation> {
        let is_request = self.side == Side::Server;
        // RFC 9112 section 6.3-15, 9.2-2.
        if !is_request && self.current.is_none() {
            return Err(Violation::Unasked);
        }
        self.clocks.on_head_byte(now);
        let is_connect = !is_request && self.current.as_ref().is_some_and(Exchange::is_plain_connect);
        let mut taken = 0;
        while let Some(rest) = bytes.get_mut(taken..).filter(|rest| !rest.is_empty()) {
            let Taken { count, line } = self.head.take(&mut self.lines, rest, &self.config.limits, is_request)?;
            taken += count;
            let Some(line) = line else { break };
            let is_whole = match self.side {
                Side::Server => self.head.on_request_line(line, &self.scheme)?,
                Side::Client => self.head.on_response_line(line, is_connect)?,
            };
            if is_whole {
                self.on_head(now)?;
                return Ok(taken);
            }
        }
        if !self.head_has_begun() {
            self.clocks.on_head_end();
        }
        Ok(taken)
    }

    /// The head is whole.
    fn on_head(&mut self, now: Instant) -> Result<(), Violation> {
        match self.head.finish()? {
            Head::Request(head, framing, delimited) => self.on_request(head, &framing, delimited),
            Head::Response(head, framing, is_switch) => self.on_response(now, head, &framing, is_switch),
        }
    }

    fn on_request(&mut self, mut head: RequestHead, framing: &Framing, delimited: Delimited) -> Result<(), Violation> {
        self.lines.clear();
        self.clocks.on_request();
        self.keeps_alive &= framing.keeps_alive();
        let wanted = framing.upgrade().filter(|_| delimited == Delimited::Unsaid && head.method == Method::Get);
        let upgrade = wanted.filter(|protocol| self.config.takes(protocol)).cloned();
        if let Some(protocol) = &upgrade {
            // RFC 8441 s5: what HTTP/2 says by an extended CONNECT.
            head.method = Method::Connect;
            head.protocol = Some(protocol.clone());
        }
        let mut receiving = Receiving::new();
        receiving.on_request(&head).map_err(Violation::Malformed)?;
        let length = receiving.announced().unwrap_or(0);
        let id = self.next_id();
        // Made where it stays, because it is large.
        let exchange = self.current.insert(Exchange::new(id, head.method.clone(), framing.version));
        (exchange.upgrade, exchange.receiving) = (upgrade, receiving);
        if !framing.named().is_empty() {
            exchange.named = framing.named().clone();
        }
        let has_content = delimited == Delimited::Chunked || length > 0;
        let expectation = head.fields.first("expect");
        // RFC 9110 s10.1.1: not of a client that does not know informational responses.
        exchange.expects_continue = has_content
            && framing.version == Version::Current
            && expectation.is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
        let is_tunnel = exchange.method == Method::Connect;
        self.incoming = match delimited {
            _ if is_tunnel => Incoming::Held,
            Delimited::Chunked => Incoming::Chunks(Chunks::new(self.config.limits.max_chunk_overhead)),
            Delimited::Length if length > 0 => Incoming::Length(length),
            Delimited::Length | Delimited::Unsaid => {
                exchange.is_received = true;
                Incoming::Held
            }
        };
        self.tell(id, Event::Request(Box::new(head)));
        self.look_for_end();
        Ok(())
    }

    fn on_response(
        &mut self,
        now: Instant,
        head: ResponseHead,
        framing: &Framing,
        is_switch: bool,
    ) -> Result<(), Violation> {
        let limits = self.config.limits;
        let exchange = self.current.as_mut().ok_or(Violation::Unasked)?;
        let id = exchange.id;
        if head.status.is_informational() {
            exchange.informational += 1;
            if exchange.informational > limits.max_informational {
                return Err(Violation::TooManyInformational);
            }
            self.await_head();
            self.tell(id, Event::Informational(head));
            return Ok(());
        }
        if !framing.named().is_empty() {
            exchange.named = framing.named().clone();
        }
        self.lines.clear();
        let is_tunnel = exchange.check_switch(&head, framing, is_switch)?;
        let method = if exchange.upgrade.is_some() && !is_tunnel { Method::Get } else { exchange.method.clone() };
        exchange.receiving.on_response(&head, &method).map_err(Violation::Malformed)?;
        let length = exchange.receiving.announced();
        // RFC 9112 section 6.3-1, in the order of RFC 9112 s6.3.
        let has_none = method == Method::Head || matches!(head.status, Status::NO_CONTENT | Status::NOT_MODIFIED);
        self.incoming = if is_tunnel {
            Incoming::Raw
        } else if has_none {
            Incoming::Held
        } else {
            match (framing.delimited()?, length) {
                (Delimited::Chunked, _) => Incoming::Chunks(Chunks::new(limits.max_chunk_overhead)),
                (Delimited::Length, Some(0)) => Incoming::Held,
                (Delimited::Length, Some(length)) => Incoming::Length(length),
                (Delimited::Length | Delimited::Unsaid, _) => Incoming::Raw,
            }
        };
        exchange.is_received = matches!(self.incoming, Incoming::Held);
        let is_delivered = exchange.sending.has_ended();
        let news = exchange.on_tunnel_answered(is_tunnel);
        self.keeps_alive &= framing.keeps_alive() && !matches!(self.incoming, Incoming::Raw);
        self.tell(id, Event::Response(head));
        if is_delivered {
            self.tell(id, Event::Delivered);
        }
        if let Some(event) = news {
            self.tell(id, event);
        }
        if is_tunnel && is_delivered {
            self.end_output();
        }
        self.look_for_end();
        self.settle(now);
        Ok(())
    }

    fn on_chunk_bytes(&mut self, now: Instant, bytes: &mut [u8]) -> Result<usize, Violation> {
        let Incoming::Chunks(chunks) = &mut self.incoming else { return Ok(0) };
        match chunks.next(&mut self.lines, bytes)? {
            Chunk::Framing(taken) => Ok(taken),
            Chunk::Last => {
                self.incoming = Incoming::Trailers(TrailersReader::new(&self.config.limits));
                self.step(now, bytes)
            }
            Chunk::Data(left) => {
                let most = usize::try_from(left).unwrap_or(usize::MAX);
                let taken = self.on_content(now, bytes.get(..most).unwrap_or(bytes));
                if let Incoming::Chunks(chunks) = &mut self.incoming {
                    chunks.on_data(taken as u64);
                }
                Ok(taken)
            }
        }
    }

    /// Content of the exchange under way. Takes what there is room for.
    fn on_content(&mut self, now: Instant, bytes: &[u8]) -> usize {
        let limits = self.config.limits;
        let exchange = self.current.as_mut().expect("content is of the exchange under way");
        exchange.expects_continue = false;
        if exchange.is_unwanted() {
            exchange.discarded += bytes.len() as u64;
            if exchange.discarded > limits.max_discarded {
                self.on_too_much_discarded();
                self.settle(now);
            }
            return bytes.len();
        }
        let room = limits.max_held.saturating_sub(exchange.content.len());
        let piece = bytes.get(..room).unwrap_or(bytes);
        if piece.is_empty() {
            return 0;
        }
        exchange.waiting.pause(now);
        exchange.content.push(piece);
        exchange.receiving.on_body(piece.len() as u64).expect("the framing is that of the length that was said");
        let id = exchange.id;
        if !core::mem::replace(&mut exchange.is_told, true) {
            self.tell(id, Event::Body);
        }
        piece.len()
    }

    /// More content came that nobody reads than the connection is worth. RFC 9112 section 9.3-5, 9.3-6.
    fn on_too_much_discarded(&mut self) {
        self.keeps_alive = false;
        let exchange = self.current.as_mut().expect("content is of the exchange under way");
        exchange.is_received = true;
        if self.side == Side::Client {
            return self.give_up(Closing::GivenUp);
        }
        // The answer may still be on its way: what comes meanwhile is thrown away after that.
        self.incoming = Incoming::Held;
    }

    /// All content of the message has come, and no trailers will.
    fn on_all_received(&mut self, now: Instant) {
        self.incoming = Incoming::Held;
        let exchange = self.current.as_mut().expect("content is of the exchange under way");
        exchange.is_received = true;
        exchange.waiting.pause(now);
        self.look_for_end();
        self.settle(now);
    }

    fn on_trailers(&mut self, now: Instant) {
        let Incoming::Trailers(reader) = core::mem::replace(&mut self.incoming, Incoming::Held) else { return };
        let mut trailers = reader.finish();
        let exchange = self.current.as_mut().expect("trailers are of the exchange under way");
        exchange.named.remove_from(&mut trailers);
        // RFC 9112 section 7.1.2-2.
        exchange.trailers = (!trailers.is_empty()).then_some(trailers);
        self.on_all_received(now);
    }

    /// The next content of the peer's message, at most `max` bytes.
    pub fn read_body(&mut self, now: Instant, id: ExchangeId, max: usize) -> Body {
        let rate = self.rate_of_content();
        let Some(exchange) = self.exchange_mut(id) else { return Body::Gone };
        if let Some(bytes) = exchange.content.take(max) {
            if let Some(rate) = rate {
                exchange.waiting.earn(rate, bytes.len());
            }
            self.look_for_end();
            self.settle(now);
            self.go_on(now);
            return Body::Data(bytes);
        }
        match exchange.receiving.phase() {
            ReceivePhase::Finished => Body::End,
            ReceivePhase::Abandoned => Body::Gone,
            _ => {
                exchange.is_told = false;
                exchange.waiting.begin(now);
                Body::Blocked
            }
        }
    }

    /// The application does not want the rest of the peer's message. Some of it is still read, so that the connection can go on.
    pub fn stop_receiving(&mut self, now: Instant, id: ExchangeId) {
        let Some(exchange) = self.exchange_mut(id) else { return };
        exchange.receiving.abandon();
        exchange.content.clear();
        exchange.trailers = None;
        if self.side == Side::Client && !self.discards_rest(now) {
            return self.give_up(Closing::GivenUp);
        }
        self.settle(now);
        self.go_on(now);
    }

    /// Whether the rest of a response that a client does not want is read and thrown away, so that the connection can be used again:
    /// if it is little, and comes soon.
    fn discards_rest(&mut self, now: Instant) -> bool {
        let limits = self.config.limits;
        let is_little = match self.incoming {
            Incoming::Length(left) => left <= limits.max_discarded,
            Incoming::Held => true,
            _ => false,
        };
        if is_little && !matches!(self.incoming, Incoming::Held) {
            self.clocks.linger(now, limits.linger);
        }
        is_little
    }

    /// The peer sends nothing more. What it has sent ahead comes first, and whether a tunnel begins is not known before the answer.
    pub(crate) fn on_peer_end(&mut self, now: Instant) {
        if !self.ahead.is_empty() || self.awaits_tunnel() {
            self.ends.is_behind = true;
            return self.wait_for_answer(now);
        }
        self.on_all_sent(now);
    }

    /// Whether what comes next depends on whether the application opens a tunnel.
    fn awaits_tunnel(&self) -> bool {
        matches!(self.incoming, Incoming::Held)
            && self.current.as_ref().is_some_and(|exchange| !exchange.is_received && !exchange.is_unwanted())
    }

    /// The peer sends nothing more, and all it has sent was looked at.
    fn on_all_sent(&mut self, now: Instant) {
        self.ends.incoming = true;
        self.keeps_alive = false;
        let is_raw = matches!(self.incoming, Incoming::Raw);
        let Some(exchange) = &mut self.current else {
            return self.end(now, Closing::Done);
        };
        if is_raw {
            return self.on_all_received(now);
        }
        if !exchange.is_received && exchange.receiving.phase() != ReceivePhase::Tunnel {
            // RFC 9112 section 6.3-8, 8-2.
            let (id, is_unwanted) = (exchange.id, exchange.is_unwanted());
            if self.side == Side::Client && exchange.receiving.phase() == ReceivePhase::Head && !self.head_has_begun() {
                // Whether the server has seen the request nobody knows: it may have closed before that came.
                return self.give_up(Closing::Reset);
            }
            let exchange = self.current.as_mut().expect("it was there before");
            exchange.is_received = true;
            exchange.receiving.abandon();
            exchange.content.clear();
            self.incoming = Incoming::Held;
            if !is_unwanted {
                self.tell(id, Event::Reset(Reason::Incomplete));
            }
            if self.side == Side::Client {
                return self.give_up(Closing::Done);
            }
        }
        self.wait_for_answer(now);
        self.settle(now);
    }

    /// A client that has ended its side may be gone, which shows as soon as something is sent to it.
    fn wait_for_answer(&mut self, now: Instant) {
        if self.side == Side::Server && self.current.is_some() {
            self.clocks.after_end(now, self.config.limits.after_end, self.outbox.delivery().acknowledged);
        }
    }
}

impl Exchange {
    /// The server has answered a request for a tunnel. What the application is told of it beside the response.
    fn on_tunnel_answered(&mut self, is_open: bool) -> Option<Event> {
        if self.delimiter != Delimiter::Unopened {
            return None;
        }
        self.delimiter = if is_open { Delimiter::End } else { Delimiter::NoContent };
        if !is_open && !self.sending.has_ended() {
            self.sending.on_stopped(Reason::NotNeeded);
            return Some(Event::Stopped(Reason::NotNeeded));
        }
        core::mem::take(&mut self.wants_room).then_some(Event::Writable)
    }

    /// Whether the response opens the tunnel that the request asked for.
    ///
    /// RFC 9110 section 7.8-5: no other protocol than the one that was asked for.
    fn check_switch(&self, head: &ResponseHead, framing: &Framing, is_switch: bool) -> Result<bool, Violation> {
        match &self.upgrade {
            Some(wanted) if is_switch => {
                let is_same =
                    framing.upgrade().is_some_and(|given| given.as_str().eq_ignore_ascii_case(wanted.as_str()));
                if is_same { Ok(true) } else { Err(Violation::UnexpectedSwitch) }
            }
            // The server has answered as if it had not been asked to change: there is no tunnel.
            Some(_) if head.status.is_successful() => Err(Violation::Malformed(Malformed::Protocol)),
            Some(_) => Ok(false),
            None if is_switch => Err(Violation::UnexpectedSwitch),
            None => Ok(self.method == Method::Connect && head.status.is_successful()),
        }
    }
}
