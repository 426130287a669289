//! The calls of a server's application.

use crate::connection::Connection;
use crate::exchange::{Exchange, ExchangeId};
use crate::framing::Version;
use crate::write::{self, Added, Delimiter, Persistence};
use base::{Bytes, Instant, Side};
use http::exchange::SendError;
use http::message_rules::check_response;
use http::{Method, ResponseHead, Status};

impl Connection {
    /// Sends an informational response (1xx). The final one is still to be sent. A client of HTTP/1.0 does not know them, and is
    /// sent none (RFC 9110 section 15.2-1).
    pub fn send_informational(&mut self, id: ExchangeId, head: &ResponseHead) -> Result<(), SendError> {
        if !head.status.is_informational() || self.side == Side::Client {
            return Err(SendError::WrongOrder);
        }
        let exchange = self.exchange_mut(id).ok_or(SendError::Ended)?;
        exchange.sending.check_head()?;
        check_response(head, &exchange.method)?;
        if head.status == Status::CONTINUE {
            exchange.expects_continue = false;
        }
        if exchange.version == Version::Current {
            let (delimiter, persistence, added) = (Delimiter::NoContent, Persistence::Unsaid, Added::default());
            self.outbox.push_text(|out| write::response(out, head, delimiter, persistence, added));
        }
        Ok(())
    }

    /// Sends the final response, and of its content as much as fits, which is dropped from the front of `data`. With `end` the
    /// content is all in `data`; then its length is said if the head does not, and `true` means that all of it was sent and the message
    /// has ended.
    ///
    /// # Errors
    /// Nothing was sent; or, within, the head was sent and the content was refused.
    pub fn send_response(
        &mut self,
        now: Instant,
        id: ExchangeId,
        head: &ResponseHead,
        data: &mut Bytes,
        end: bool,
    ) -> Result<Result<bool, SendError>, SendError> {
        if head.status.is_informational() || self.side == Side::Client {
            return Err(SendError::WrongOrder);
        }
        let keeps_alive = self.keeps_alive;
        let exchange = self.exchange_mut(id).ok_or(SendError::Ended)?;
        exchange.sending.check_head()?;
        let mut check = check_response(head, &exchange.method)?;
        if end && data.is_empty() {
            check.on_end()?;
        }
        let is_tunnel = exchange.method == Method::Connect && head.status.is_successful();
        let said = end.then_some(data.len() as u64);
        exchange.delimiter = exchange.delimiter_of(head, is_tunnel, check.remaining().is_some(), said);
        if let Delimiter::Added(length) = exchange.delimiter {
            // What the head says because of this call is kept like all that it says.
            check.declare(length);
        }
        exchange.sending.on_head(check, is_tunnel);
        // RFC 9110 section 10.1.1-14: whether the content still comes is not known to us.
        // RFC 9112 section 9.6-4, 9.6-5, 9.6-7.
        let closes = !keeps_alive
            || exchange.expects_continue
            || exchange.delimiter == Delimiter::End
            || (exchange.is_plain_connect() && !is_tunnel);
        self.write_response(id, head, closes, is_tunnel);
        self.on_tunnel_decided(now, id, is_tunnel);
        self.go_on(now);
        let sent = self.send_body(now, id, data).and_then(|()| {
            let is_whole = end && data.is_empty();
            if is_whole {
                self.finish(now, id)?;
            }
            Ok(is_whole)
        });
        Ok(sent)
    }

    fn write_response(&mut self, id: ExchangeId, head: &ResponseHead, closes: bool, is_tunnel: bool) {
        let date = self.date_for(head);
        let exchange = self.current.as_ref().filter(|exchange| exchange.id == id);
        let exchange = exchange.expect("the exchange was looked up before");
        let persistence = match exchange.version {
            // What is written of a tunnel says nothing of it: there is no message after it.
            _ if is_tunnel => Persistence::Unsaid,
            _ if closes => Persistence::Close,
            Version::Old => Persistence::KeepAlive,
            Version::Current => Persistence::Unsaid,
        };
        let added = Added {
            date: date.as_ref(),
            alternative: self.alternative.as_deref().filter(|_| !head.fields.contains("alt-svc")),
            upgrade: exchange.upgrade.as_ref().filter(|_| is_tunnel),
        };
        self.outbox.push_text(|out| write::response(out, head, exchange.delimiter, persistence, added));
        self.keeps_alive &= !closes;
    }
}

impl Exchange {
    /// How the content of a response is delimited. `is_declared`: its head says how long it is, or is one that has none. `said`: how long all of
    /// it is, if that is known.
    ///
    /// RFC 9112 section 6.1-2, 6.1-7, 6.1-8, 6.1-11, 6.2-1, 6.3-9.
    fn delimiter_of(&self, head: &ResponseHead, is_tunnel: bool, is_declared: bool, said: Option<u64>) -> Delimiter {
        let has_none = self.method == Method::Head || matches!(head.status, Status::NO_CONTENT | Status::NOT_MODIFIED);
        if is_tunnel {
            Delimiter::End
        } else if has_none {
            Delimiter::NoContent
        } else if head.status == Status::RESET_CONTENT && !head.fields.contains("content-length") {
            Delimiter::Added(0)
        } else if is_declared {
            Delimiter::Length
        } else if let Some(length) = said {
            Delimiter::Added(length)
        } else if self.version == Version::Current {
            Delimiter::Chunks(false)
        } else {
            Delimiter::End
        }
    }
}
