//! The calls of a server's application.

use crate::compression::headers_frame;
use crate::connection::Connection;
use crate::message::dated;
use crate::request_stream::Send;
use crate::trace;
use crate::transport::Transport;
use alloc::vec::Vec;
use base::{Bytes, Side, StreamId};
use http::exchange::{SendError, Sending};
use http::message_rules::check_response;
use http::{Method, Priority, ResponseHead};

impl Connection {
    /// Sends an informational response (1xx). The final one is still to be sent.
    pub fn send_informational(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        head: &ResponseHead,
    ) -> Result<(), SendError> {
        if !head.status.is_informational() {
            return Err(SendError::WrongOrder);
        }
        self.send_head(transport, id, head, false)
    }

    /// Sends the final response; with `end`, all of it.
    pub fn send_response(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        head: &ResponseHead,
        end: bool,
    ) -> Result<(), SendError> {
        if head.status.is_informational() {
            return Err(SendError::WrongOrder);
        }
        self.send_head(transport, id, head, end)
    }

    /// Sends the final response and as much of its content as fits, which is dropped from the front of `data`: what
    /// [`send_response`](Connection::send_response) and [`send_body`](Connection::send_body) do one after the other, in one step
    /// where the content is small. With `ends`, and if all of it was taken, the message ends, as with [`finish`](Connection::finish).
    ///
    /// # Errors
    /// Nothing was sent; or, within, the head was sent and the content was refused, or not all of it could be sent.
    pub fn send_response_with(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        head: &ResponseHead,
        data: &mut Bytes,
        ends: bool,
    ) -> Result<Result<(), SendError>, SendError> {
        if !Send::is_small(data) || head.status.is_informational() {
            self.send_response(transport, id, head, false)?;
            let sent = self.send_body(transport, id, data);
            let is_whole = ends && data.is_empty();
            return Ok(sent.and_then(|()| if is_whole { self.finish(transport, id) } else { Ok(()) }));
        }
        let (frame, mut message) = self.begin_response(transport, id, head, false)?;
        let content = message.check_body(data.len() as u64);
        let stream = self.streams.get_mut(id).ok_or(SendError::Ended)?;
        let mut is_last = false;
        if content.is_err() {
            stream.send.frame(transport, id, frame)?;
            stream.send.message = message;
        } else {
            message.on_body(data.len() as u64);
            let data = core::mem::take(data);
            // Where it must not end yet, `finish` says why.
            is_last = ends && message.check_end().is_ok();
            let headers = &mut self.shared.data_headers;
            stream.send.frame_and_body(transport, id, (frame, data), headers, (message, is_last))?;
        }
        self.shared.encoder.on_sent(id.value());
        self.wait_for_reader(transport.now());
        if is_last {
            self.on_ended(transport, id);
            return Ok(Ok(()));
        }
        Ok(content.and_then(|()| if ends { self.finish(transport, id) } else { Ok(()) }))
    }

    fn send_head(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        head: &ResponseHead,
        end: bool,
    ) -> Result<(), SendError> {
        let (frame, message) = self.begin_response(transport, id, head, end)?;
        let stream = self.streams.get_mut(id).ok_or(SendError::Ended)?;
        stream.send.frame(transport, id, frame)?;
        self.shared.encoder.on_sent(id.value());
        stream.send.message = message;
        if end {
            return self.finish(transport, id);
        }
        self.wait_for_reader(transport.now());
        Ok(())
    }

    /// The frame of a head that may be sent now, and where the message stands after it.
    fn begin_response(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        head: &ResponseHead,
        end: bool,
    ) -> Result<(Vec<u8>, Sending), SendError> {
        let stream = self.streams.get_mut(id).ok_or(SendError::Ended)?;
        stream.send.message.check_head()?;
        if self.shared.side == Side::Client || !stream.is_known {
            return Err(SendError::WrongOrder);
        }
        let check = check_response(head, &stream.method)?;
        if end {
            check.on_end()?;
        }
        let date = self.shared.date_for(head);
        let [_, encoder, _] = &mut self.outgoing;
        let lines = dated(head, date.as_ref());
        let frame = headers_frame(&mut self.shared, encoder, transport, Some(id), lines).ok_or(SendError::TooLarge)?;
        if transport.is_traced() {
            transport.trace(id, &trace::headers(true, dated(head, date.as_ref())));
        }
        let mut message = stream.send.message;
        if !head.status.is_informational() {
            // An answer that ends with its head is no tunnel, whatever was asked for.
            message.on_head(check, stream.method == Method::Connect && head.status.is_successful() && !end);
            if let Some(own) = Priority::of(&head.fields) {
                // RFC 9218 s8: what the server says goes before what the client has said.
                stream.priority.server = own;
                self.shared.place(stream, id, transport);
            }
        }
        Ok((frame, message))
    }
}
