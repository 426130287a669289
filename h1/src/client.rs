//! The calls of a client's application.

use crate::connection::Connection;
use crate::exchange::{Exchange, ExchangeId};
use crate::framing::Version;
use crate::write::{self, Delimiter};
use base::{Bytes, Instant, Side};
use http::exchange::SendError;
use http::message_rules::{check_client_duties, check_request};
use http::{Method, RequestHead};

impl Connection {
    /// Sends a request, and of its content as much as fits, which is dropped from the front of `data`. With `end` the content is
    /// all in `data`, and its length is said if the head does not.
    ///
    /// An extended CONNECT is sent as GET with Upgrade; a server that changes the protocol is told as a response of 200.
    ///
    /// # Errors
    /// Nothing was sent. [`SendError::Blocked`]: an exchange is under way. [`SendError::GoingAway`]: the connection takes no more.
    pub fn send_request(
        &mut self,
        now: Instant,
        head: &RequestHead,
        data: &mut Bytes,
        end: bool,
    ) -> Result<ExchangeId, SendError> {
        if self.side == Side::Server {
            return Err(SendError::WrongOrder);
        }
        if self.current().is_some() {
            return Err(SendError::Blocked);
        }
        if !self.keeps_alive || !self.is_idle() {
            return Err(SendError::GoingAway);
        }
        let has_content = !end || !data.is_empty();
        check_client_duties(head, has_content)?;
        let mut check = check_request(head)?;
        if end {
            check.on_body(data.len() as u64)?;
            check.on_end()?;
        }
        let check = check_request(head)?;
        let is_tunnel = head.method == Method::Connect;
        let delimiter = delimiter_of(head, end.then_some(data.len() as u64));
        self.outbox.push_text(|out| write::request(out, head, delimiter, false));
        let mut exchange = Exchange::new(self.next_id(), head.method.clone(), Version::Current);
        exchange.upgrade.clone_from(&head.protocol);
        exchange.delimiter = delimiter;
        exchange.sending.on_head(check, is_tunnel);
        let id = exchange.id;
        self.current = Some(exchange);
        self.send_body(now, id, data)?;
        if end && data.is_empty() {
            self.finish(now, id)?;
        }
        Ok(id)
    }
}

/// How the content of a request is delimited. `said`: how long all of it is, if that is known.
///
/// RFC 9112 section 6.3-12.
fn delimiter_of(head: &RequestHead, said: Option<u64>) -> Delimiter {
    let means_content = matches!(head.method, Method::Post | Method::Put | Method::Patch);
    match said {
        _ if head.method == Method::Connect => Delimiter::Unopened,
        _ if head.fields.contains("content-length") => Delimiter::Length,
        Some(0) if !means_content => Delimiter::NoContent,
        Some(length) => Delimiter::Added(length),
        None => Delimiter::Chunks(false),
    }
}
