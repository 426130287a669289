//! The application's calls on both sides: content, trailers, and the ends of a message.

use crate::compression::headers_frame;
use crate::connection::Connection;
use crate::error_code;
use crate::event::Event;
use crate::exchange::{Progress, advance};
use crate::request_stream::RequestStream;
use crate::trace;
use crate::transport::{Read, Transport};
use crate::violation::Violation;
use base::{Bytes, Side, StreamId, VarInt};
use http::Fields;
use http::exchange::{self, Body, Reason, ReceivePhase, SendError, SendPhase};

const IS_READ: &str = "a stream that is being read is there";

impl Connection {
    /// Sends content. What does not fit stays in `data`, and an event (`Writable`) tells when to go on. Nothing is copied.
    ///
    /// Fails, and takes nothing, if the head has not been sent, or if there is more than Content-Length said.
    pub fn send_body(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        data: &mut Bytes,
    ) -> Result<(), SendError> {
        let stream = self.streams.get_mut(id).ok_or(SendError::Ended)?;
        stream.send.message.check_body(data.len() as u64)?;
        let before = data.len();
        stream.send.body(transport, id, data, &mut self.shared.data_headers)?;
        stream.send.message.on_body((before - data.len()) as u64);
        self.wait_for_reader(transport.now());
        Ok(())
    }

    /// How many of `wanted` bytes of content can be sent now, after the head if that is not sent. 0 if there is no room: then
    /// an event (`Writable`) tells when there is. For content that is made or read only when it can be sent.
    pub fn room(&mut self, transport: &mut impl Transport, id: StreamId, wanted: usize) -> Result<usize, SendError> {
        let stream = self.streams.get_mut(id).ok_or(SendError::Ended)?;
        stream.send.message.check_going_on()?;
        let room = stream.send.room(transport, id, wanted)?;
        self.wait_for_reader(transport.now());
        Ok(room)
    }

    /// Sends trailers and ends the message.
    pub fn send_trailers(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        fields: &Fields,
    ) -> Result<(), SendError> {
        let stream = self.streams.get_mut(id).ok_or(SendError::Ended)?;
        stream.send.message.check_trailers(fields)?;
        stream.send.message.check_end()?;
        let [_, encoder, _] = &mut self.outgoing;
        let frame = headers_frame(&mut self.shared, encoder, transport, Some(id), fields.iter());
        let frame = frame.ok_or(SendError::TooLarge)?;
        if transport.is_traced() {
            transport.trace(id, &trace::headers(true, fields.iter()));
        }
        stream.send.frame(transport, id, frame)?;
        self.shared.encoder.on_sent(id.value());
        self.finish(transport, id)
    }

    /// Ends the message. Fails if less was sent than Content-Length said; the message can then only be `reset`.
    ///
    /// A server that has not read all of the request tells the client that the rest is not needed, if there is any.
    /// RFC 9114 section 4.1-9.
    pub fn finish(&mut self, transport: &mut impl Transport, id: StreamId) -> Result<(), SendError> {
        let stream = self.streams.get_mut(id).ok_or(SendError::Ended)?;
        if matches!(stream.send.message.phase(), SendPhase::Stopped(_)) {
            stream.send.abandon(None);
            if self.shared.side == Side::Server {
                self.give_up_reading(transport, id, error_code::H3_REQUEST_CANCELLED);
            }
            self.remove_if_over(id);
            return Ok(());
        }
        stream.send.message.check_end()?;
        // RFC 9114 section 4.1-11: the end of the stream is the end of the message.
        stream.send.finish(transport, id);
        self.on_ended(transport, id);
        Ok(())
    }

    /// All of this side's message was said.
    pub(crate) fn on_ended(&mut self, transport: &mut impl Transport, id: StreamId) {
        // RFC 9114 s4.4: each direction of a tunnel ends by itself.
        let is_tunnel = self.streams.get(id).is_some_and(|stream| stream.send.message.is_tunnel());
        if self.shared.side == Side::Server && !is_tunnel {
            self.leave_rest(transport, id);
        }
        self.remove_if_over(id);
    }

    /// Nobody wants what may still come of the request. A client that sends content is told at once, because what it does
    /// not send any more frees the stream. Of a request without content most often nothing is missing but the end of the
    /// stream, in a packet of its own: its client is told if content comes all the same, or if many such ends are missing.
    fn leave_rest(&mut self, transport: &mut impl Transport, id: StreamId) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        if stream.receive.has_ended() || stream.receive.is_unwanted {
            return;
        }
        if stream.has_content_to_come() {
            return self.leave_content(transport, id);
        }
        stream.receive.is_unwanted = true;
        self.read_unwanted(transport, id);
        if !self.is_read_on(id) {
            return;
        }
        self.wait_for_content(id, transport.now());
        if let Some(oldest) = self.endless.push(id) {
            self.stop_unwanted(transport, oldest);
            self.remove_if_over(oldest);
        }
    }

    /// Gives up both directions, and forgets the stream: no event about it follows. The reason of a client, and of a
    /// server that has begun to work, is `Cancelled` (RFC 9114 section 4.1.1).
    pub fn reset(&mut self, transport: &mut impl Transport, id: StreamId, reason: Reason) {
        let code = self.allowed_code(reason);
        self.forget_events(id);
        let Some(stream) = self.streams.get(id) else { return };
        if !stream.send.has_ended() {
            transport.reset(id, code);
        }
        if !stream.receive.has_ended() {
            transport.stop_sending(id, code);
        }
        self.drop_rest(transport, id, code);
        self.remove(id);
    }

    /// Stops reading the peer's message; ours goes on. A server that does so without an error tells a client whose request
    /// has no content only if some comes.
    pub fn stop_sending(&mut self, transport: &mut impl Transport, id: StreamId, reason: Reason) {
        let code = self.allowed_code(reason);
        if self.shared.side == Side::Server && code == error_code::H3_NO_ERROR {
            self.leave_rest(transport, id);
        } else {
            self.give_up_reading(transport, id, code);
        }
        self.remove_if_over(id);
    }

    /// RFC 9114 section 4.1.1-9: only a server can say that it has not begun; a client that says so means that it gives
    /// up.
    fn allowed_code(&self, reason: Reason) -> VarInt {
        let code = error_code::code(reason);
        let is_misused = self.shared.side == Side::Client && code == error_code::H3_REQUEST_REJECTED;
        if is_misused { error_code::H3_REQUEST_CANCELLED } else { code }
    }

    /// The next content, at most `max` bytes. The peer gets credit for what is read here.
    pub fn read_body(&mut self, transport: &mut impl Transport, id: StreamId, max: usize) -> Body {
        let body = self.take_body(transport, id, max);
        match &body {
            Body::Data(bytes) => self.on_content(id, transport.now(), bytes.len()),
            Body::Blocked => self.wait_for_content(id, transport.now()),
            Body::End | Body::Gone => {}
        }
        body
    }

    fn take_body(&mut self, transport: &mut impl Transport, id: StreamId, max: usize) -> Body {
        loop {
            let Some(stream) = self.streams.get_mut(id) else {
                return if self.is_closed { Body::Blocked } else { Body::Gone };
            };
            if stream.receive.body_left() > 0 {
                return match self.read_frame(transport, id, max.max(1)) {
                    Ok(body) => body,
                    Err(violation) => {
                        self.on_violation(transport, id, violation);
                        Body::Blocked
                    }
                };
            }
            match stream.receive.message.phase() {
                ReceivePhase::Finished => return Body::End,
                ReceivePhase::Head => return Body::Blocked,
                ReceivePhase::Abandoned => return Body::Gone,
                _ => {}
            }
            match self.read_past_frame(transport, id) {
                Past::Content => {}
                Past::End => return Body::End,
                Past::Nothing => return Body::Blocked,
            }
        }
    }

    /// To be called after `read_body` gave content: if that was the last, the events that end the message come now, and
    /// `read_body` need not be called again. A whole response is so received with one visit. True if the end is all that there is to
    /// tell: this tells it then, and no event does.
    pub fn look_for_end(&mut self, transport: &mut impl Transport, id: StreamId) -> bool {
        let ends_frame = |stream: &RequestStream| {
            stream.receive.message.phase() == ReceivePhase::Body && stream.receive.body_left() == 0
        };
        let is_due = self.streams.get(id).is_some_and(|stream| ends_frame(stream));
        is_due && self.read_past_frame(transport, id) == Past::End && self.take_end(id)
    }

    /// The event that a message has ended, if no other is before it. Where there are sessions each event is heard by them.
    fn take_end(&mut self, id: StreamId) -> bool {
        let events = &mut self.shared.events;
        let end = Event::Exchange(id, exchange::Event::Finished);
        let is_alone = self.shared.config.webtransport.is_none() && events.len() == 1 && events.front() == Some(&end);
        if is_alone {
            events.clear();
        }
        is_alone
    }

    /// At the end of a DATA frame: another one, trailers or the end may follow. The application is reading, so content
    /// that follows needs no announcement.
    fn read_past_frame(&mut self, transport: &mut impl Transport, id: StreamId) -> Past {
        let stream = self.streams.get_mut(id).expect(IS_READ);
        stream.receive.is_announced = true;
        let progress = advance(&mut self.shared, stream, id, transport);
        let has_content = stream.receive.body_left() > 0;
        if !has_content {
            stream.receive.is_announced = false;
        }
        match progress {
            Ok(Progress::Waiting) if has_content => Past::Content,
            Ok(Progress::Finished) => {
                self.remove_if_over(id);
                Past::End
            }
            progress => {
                self.on_progress(transport, id, progress);
                Past::Nothing
            }
        }
    }

    /// Content of the DATA frame that is being received.
    fn read_frame(&mut self, transport: &mut impl Transport, id: StreamId, max: usize) -> Result<Body, Violation> {
        let stream = self.streams.get_mut(id).expect(IS_READ);
        let mut piece = stream.receive.take_ahead(max);
        if piece.is_empty() {
            let left = usize::try_from(stream.receive.body_left()).unwrap_or(usize::MAX);
            let (read, is_end) = self.shared.read(transport, id, max.min(left));
            stream.receive.is_whole |= is_end;
            piece = match read {
                Read::Data(bytes) => bytes,
                Read::Finished => return Err(Violation::FrameTruncated),
                Read::Reset(code) => {
                    self.on_progress(transport, id, Ok(Progress::Reset(code)));
                    return Ok(Body::Blocked);
                }
                Read::Blocked => {
                    stream.receive.is_announced = false;
                    return Ok(Body::Blocked);
                }
            };
        }
        stream.receive.on_body(piece.len())?;
        Ok(Body::Data(piece))
    }
}

/// What came after the end of a DATA frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    /// More content.
    Content,
    /// The end of the message.
    End,
    /// Nothing that can be read, so far.
    Nothing,
}
