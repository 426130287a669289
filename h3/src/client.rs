//! The calls of a client's application.

use crate::compression::headers_frame;
use crate::connection::Connection;
use crate::trace;
use crate::transport::Transport;
use base::{Direction, Side, StreamId};
use http::exchange::SendError;
use http::message_rules::{check_client_duties, check_request};
use http::{Method, Priority, RequestHead};

impl Connection {
    /// Sends a request; with `end`, all of it. On an error nothing was sent, and the request can be sent elsewhere:
    /// `Blocked` passes by itself (`Event::RequestsAvailable`), `GoingAway` needs another connection.
    pub fn send_request(
        &mut self,
        transport: &mut impl Transport,
        head: &RequestHead,
        end: bool,
    ) -> Result<StreamId, SendError> {
        if self.is_closed {
            return Err(SendError::Closed);
        }
        if self.shared.side == Side::Server {
            return Err(SendError::WrongOrder);
        }
        // RFC 8470 section 4-1, RFC 9114 section 10.9-1: only what may be done twice. Whether it may go early at all, who asks decides.
        if self.is_early && !(head.method.is_safe() && end) {
            self.wants_stream = true;
            return Err(SendError::Blocked);
        }
        // draft-ietf-webtrans-http3 section 4.7-1.
        // RFC 9114 section 5.2-4: nothing new once either side said GOAWAY.
        if self.shared.goaway.received.is_some() || self.shared.goaway.sent.is_some() {
            return Err(SendError::GoingAway);
        }
        // RFC 9114 section 7.2.4.2-1, 9-4: only where the server announced it.
        if head.protocol.is_some() && !self.shared.peer.extended_connect {
            if !self.has_settings {
                // What the server takes is known soon: its settings come with its first flight.
                self.wants_stream = true;
                return Err(SendError::Blocked);
            }
            return Err(SendError::NoExtendedConnect);
        }
        let check = check_request(head)?;
        check_client_duties(head, !end)?;
        if end {
            check.on_end()?;
        }
        let [_, encoder, _] = &mut self.outgoing;
        let frame =
            headers_frame(&mut self.shared, encoder, transport, None, head.lines()).ok_or(SendError::TooLarge)?;
        let Some(id) = transport.open(Direction::Bidirectional) else {
            self.wants_stream = true;
            return Err(SendError::Blocked);
        };
        // RFC 9114 section 4.1-1: each request has a stream of its own.
        let mut stream = self.new_stream(transport.now());
        stream.method = head.method.clone();
        stream.is_known = true;
        stream.send.awaits_delivery = !end;
        stream.datagrams = self.shared.inbox(head.protocol.is_some());
        if !end {
            // RFC 9218 s9: what is uploaded goes by the same.
            stream.priority.client = Priority::of(&head.fields);
            self.shared.place(&stream, id, transport);
        }
        stream.send.message.on_head(check, head.method == Method::Connect);
        if transport.is_traced() {
            transport.trace(id, &trace::headers(true, head.lines()));
        }
        // A stream that was opened just now cannot have been stopped.
        let sent = match end {
            // RFC 9114 section 4.1-9, 4.1-10: the end goes out with the request, whatever the server does.
            true => stream.send.last_frame(transport, id, frame),
            false => stream.send.frame(transport, id, frame),
        };
        sent.map_err(|_| SendError::Closed)?;
        self.shared.encoder.on_sent(id.value());
        self.streams.insert(id, stream);
        Ok(id)
    }
}
