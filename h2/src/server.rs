//! The calls of a server's application.

use crate::connection::Connection;
use crate::stream::{End, StreamNumber};
use base::{Bytes, Instant, Side};
use http::exchange::SendError;
use http::message_rules::check_response;
use http::{Fields, Method, Priority, ResponseHead};

impl Connection {
    /// Sends an informational response (1xx). The final one is still to be sent.
    pub fn send_informational(&mut self, number: StreamNumber, head: &ResponseHead) -> Result<(), SendError> {
        if !head.status.is_informational() || self.side == Side::Client {
            return Err(SendError::WrongOrder);
        }
        let stream = self.streams.get(&number.0).ok_or(SendError::Ended)?;
        stream.sending.check_head()?;
        check_response(head, &stream.method)?;
        self.check_size(head.fields.section_size())?;
        self.send_block(number.0, head.lines(), false);
        Ok(())
    }

    /// Sends the final response, and of its content as much as fits, which is dropped from the front of `data`. With `end` the
    /// content is all in `data`; `true` means that all of it was sent and the message has ended.
    ///
    /// # Errors
    /// Nothing was sent; or, within, the head was sent and the content was refused.
    pub fn send_response(
        &mut self,
        now: Instant,
        number: StreamNumber,
        head: &ResponseHead,
        data: &mut Bytes,
        end: bool,
    ) -> Result<Result<bool, SendError>, SendError> {
        if head.status.is_informational() || self.side == Side::Client {
            return Err(SendError::WrongOrder);
        }
        let stream = self.streams.get_mut(&number.0).ok_or(SendError::Ended)?;
        stream.sending.check_head()?;
        let check = check_response(head, &stream.method)?;
        let is_all = end && data.is_empty();
        if is_all {
            check.on_end()?;
        }
        let is_tunnel = stream.method == Method::Connect && head.status.is_successful();
        self.check_size(head.fields.section_size())?;
        let date = self.date_for(head);
        let alternative = self.alternative.clone().filter(|_| !head.fields.contains("alt-svc"));
        let added = date.iter().map(|date| ("date", &date[..]));
        let added = added.chain(alternative.iter().map(|value| ("alt-svc", value.as_slice())));
        self.send_block(number.0, head.lines().chain(added), is_all);
        let stream = self.streams.get_mut(&number.0).ok_or(SendError::Ended)?;
        stream.sending.on_head(check, is_tunnel);
        if let Some(priority) = Priority::of(&head.fields) {
            // RFC 9218 s8: what a server says goes before what the client has said.
            stream.priority = priority.or(stream.priority);
        }
        if is_all {
            stream.sending.on_end();
            stream.end = End::Sent;
            self.settle(now, number.0);
            return Ok(Ok(true));
        }
        let sent = self.send_body(now, number, data).and_then(|()| {
            let is_whole = end && data.is_empty();
            if is_whole {
                self.finish(now, number)?;
            }
            Ok(is_whole)
        });
        Ok(sent)
    }

    /// RFC 9113 s6.5.2: what the peer would not take is not sent. The line of the status, and what is added, are small.
    pub(crate) fn check_size(&self, size: u64) -> Result<(), SendError> {
        const ADDED: u64 = 4 * Fields::LINE_OVERHEAD as u64 + 200;
        let most = self.peer.max_field_section_size.map_or(u64::MAX, |most| most as u64);
        if size.saturating_add(ADDED) > most { Err(SendError::TooLarge) } else { Ok(()) }
    }
}
