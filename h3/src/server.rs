//! The calls of a server's application.

use crate::connection::Connection;
use crate::message::{dated, headers_frame};
use crate::trace;
use crate::transport::Transport;
use base::{Side, StreamId};
use http::exchange::SendError;
use http::message_rules::check_response;
use http::{Method, ResponseHead};

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

    fn send_head(
        &mut self,
        transport: &mut impl Transport,
        id: StreamId,
        head: &ResponseHead,
        end: bool,
    ) -> Result<(), SendError> {
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
        let max_size = self.shared.peer.max_field_section_size;
        let frame = headers_frame(dated(head, date.as_ref()), max_size).ok_or(SendError::TooLarge)?;
        if transport.is_traced() {
            transport.trace(id, &trace::headers(true, dated(head, date.as_ref())));
        }
        stream.send.frame(transport, id, frame)?;
        if !head.status.is_informational() {
            stream.send.message.on_head(check, stream.method == Method::Connect);
        }
        if end {
            return self.finish(transport, id);
        }
        self.wait_for_reader(transport.now());
        Ok(())
    }
}
