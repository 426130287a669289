//! The calls of a client's application.

use crate::connection::Connection;
use crate::frame::MAX_31;
use crate::stream::{End, Stream, StreamNumber};
use base::{Bytes, Instant, Side};
use http::exchange::SendError;
use http::message_rules::{check_client_duties, check_request};
use http::{Method, Priority, RequestHead};

impl Connection {
    /// Whether a request could be sent now.
    fn has_room(&self) -> bool {
        self.is_open() && self.streams.len() < self.peer.max_concurrent_streams as usize && self.numbers.next <= MAX_31
    }

    /// Sends a request, and of its content as much as fits, which is dropped from the front of `data`. With `end` the content is
    /// all in `data`.
    ///
    /// # Errors
    /// Nothing was sent. [`SendError::Blocked`]: the server takes no more at a time. [`SendError::GoingAway`]: the connection takes
    /// no more.
    pub fn send_request(
        &mut self,
        now: Instant,
        head: &RequestHead,
        data: &mut Bytes,
        end: bool,
    ) -> Result<StreamNumber, SendError> {
        if self.side == Side::Server {
            return Err(SendError::WrongOrder);
        }
        if !self.is_open() || self.numbers.next > MAX_31 {
            return Err(SendError::GoingAway);
        }
        // RFC 9113 section 5.1.2-1.
        if !self.has_room() {
            return Err(SendError::Blocked);
        }
        check_client_duties(head, !end || !data.is_empty())?;
        let check = check_request(head)?;
        if head.protocol.is_some() && !self.peer.extended_connect {
            if !self.state.has_settings {
                // What the server takes is known soon: its settings are the first that it sends.
                self.state.awaits_settings = true;
                return Err(SendError::Blocked);
            }
            return Err(SendError::NoExtendedConnect);
        }
        let mut whole = check;
        if end {
            whole.on_body(data.len() as u64)?;
            whole.on_end()?;
        }
        self.check_size(head.fields.section_size())?;
        let number = self.numbers.next;
        self.numbers.next += 2;
        let mut stream = Stream::new(head.method.clone(), self.config.limits.stream_window, self.peer.initial_window);
        stream.priority = Priority::of(&head.fields).unwrap_or_default();
        stream.sending.on_head(check, head.method == Method::Connect);
        let is_all = end && data.is_empty();
        if is_all {
            stream.sending.on_end();
            stream.end = End::Sent;
        }
        self.streams.insert(number, stream);
        self.send_block(number, head.lines(), is_all);
        if !is_all {
            self.send_body(now, StreamNumber(number), data)?;
            if end && data.is_empty() {
                self.finish(now, StreamNumber(number))?;
            }
        }
        Ok(StreamNumber(number))
    }
}
