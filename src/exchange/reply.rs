//! A server's answer to one request.

use crate::error::Error;
use crate::exchange::calls::Exchange;
use crate::exchange::mailbox::Slow;
use crate::exchange::request::Request;
use crate::exchange::tunnel::Tunnel;
use crate::exchange::version::HttpVersion;
use crate::exchange::writer::BodyWriter;
use base::Bytes;
use http::exchange::Reason;
use http::{Fields, Method, ResponseHead, Status, capsule};
use json::Value;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

/// RFC 6797 section 6.1.
const STRICT_TRANSPORT: &str = "strict-transport-security";

/// The answer that is to be given. Dropping it without an answer answers 500, so that no client waits for nothing; or 408, if
/// the client was too slow with its request.
pub struct Reply {
    exchange: Exchange,
    /// A request by HEAD gets all but the body.
    is_head: bool,
    /// The connection says how long a body is that is there already.
    says_length: bool,
    answered: bool,
    /// What the answer says of the host, unless it says so itself (RFC 6797).
    strict_transport: Option<Arc<str>>,
}

impl Reply {
    pub(crate) fn new(exchange: Exchange, method: &Method) -> Reply {
        let is_head = *method == Method::Head;
        // HTTP/1.1 has to say where each body ends. A tunnel is none.
        let says_length = exchange.peer().version == HttpVersion::Http1 && !is_head && *method != Method::Connect;
        Reply { exchange, is_head, says_length, answered: false, strict_transport: None }
    }

    /// The same, with this value of Strict-Transport-Security in the answer.
    pub(crate) fn with_strict_transport(mut self, value: &Option<Arc<str>>) -> Reply {
        self.strict_transport.clone_from(value);
        self
    }

    /// Answers with a status or a whole head, and a body that is there already. Says how long the body is, unless the
    /// head does.
    ///
    /// # Errors
    /// The status or a field is not well-formed, the body is not one that the head may have (then the client is answered with
    /// 500), or the client is gone.
    pub async fn send(mut self, head: impl IntoResponseHead, body: impl Into<Bytes>) -> Result<(), Error> {
        let (mut head, mut body) = (self.head(head)?, body.into());
        self.check_length(&mut head, body.len() as u64)?;
        if self.is_head || body.is_empty() {
            return self.respond(&head, true);
        }
        // A head that cannot be sent leaves the request unanswered; a body that cannot, the answer incomplete.
        let complete = self.exchange.send_whole(&head, &mut body, &mut self.answered);
        if let Ok(true) = complete {
            return Ok(());
        }
        // A larger body waits for room.
        let rest = async {
            complete?;
            poll_fn(|context| self.exchange.poll_write(&mut body, context)).await?;
            self.exchange.finish(None)
        };
        rest.await.inspect_err(|_| {
            if self.answered {
                self.exchange.abandon(Reason::Cancelled);
            }
        })
    }

    /// Answers with a value as JSON. Its type is `application/json`, unless the head names one, such as
    /// `application/problem+json`.
    ///
    /// ```no_run
    /// # use posthaste::{Error, Reply, Request, json::Value};
    /// async fn hello(request: Request, reply: Reply) -> Result<(), Error> {
    ///     reply.json(200, &Value::object([("path", request.path().into()), ("seen", true.into())])).await
    /// }
    /// ```
    ///
    /// # Errors
    /// As for [`Reply::send`].
    pub async fn json(self, head: impl IntoResponseHead, value: &Value) -> Result<(), Error> {
        let mut head = head.into_response_head()?;
        if !head.fields.contains("content-type") {
            head.fields.push("content-type", "application/json")?;
        }
        self.send(head, value.to_string()).await
    }

    /// Waits until the client can be sent something, and says how much of a body of `wanted` bytes. Who has to work for an
    /// answer begins when there is use for it: a client that gives up in the meantime, or that takes nothing, costs nothing.
    ///
    /// # Errors
    /// The client does not want the answer, or is gone.
    pub async fn room(&mut self, wanted: usize) -> Result<usize, Error> {
        poll_fn(|context| self.exchange.poll_room(wanted, context)).await
    }

    /// Begins an answer whose body is written part by part.
    ///
    /// # Errors
    /// As for [`Reply::send`].
    pub fn start(mut self, head: impl IntoResponseHead) -> Result<BodyWriter, Error> {
        let head = self.head(head)?;
        self.respond(&head, self.is_head)?;
        Ok(if self.is_head {
            BodyWriter::discarding(self.exchange.clone())
        } else {
            // RFC 9114 section 4.1.1-6: the server has begun to work, and gives up.
            BodyWriter::new(self.exchange.clone(), Reason::Cancelled)
        })
    }

    /// Begins the tunnel that a CONNECT asks for, with a status of 2xx. Until then nothing of what its client has sent is to be
    /// acted upon. The time limits of the exchange are lifted.
    ///
    /// # Errors
    /// The request is no CONNECT, the status is not 2xx (both are answered with 500), or the client is gone.
    pub fn accept(mut self, request: Request, head: impl IntoResponseHead) -> Result<Tunnel, Error> {
        let head = self.head(head)?;
        if *request.method() != Method::Connect || !head.status.is_successful() {
            return Err(Error::Message("only a CONNECT begins a tunnel, and only with a status of 2xx".into()));
        }
        let has_capsules = capsule::check_fields(request.fields());
        self.respond(&head, false)?;
        self.exchange.lift_time_limits();
        let writer = BodyWriter::new(self.exchange.clone(), Reason::Cancelled);
        Ok(Tunnel::new(request.into_parts().1, writer, has_capsules))
    }

    /// Begins a session with this head: its exchange.
    pub(crate) fn accept_session(mut self, head: &ResponseHead) -> Result<Exchange, Error> {
        self.respond(head, false)?;
        self.exchange.lift_time_limits();
        Ok(self.exchange.clone())
    }

    /// Sends a 1xx response ahead of the answer, such as 103 with what the client might load already.
    ///
    /// # Errors
    /// The status is not 1xx, a field is not well-formed, or the client is gone.
    pub fn inform(&mut self, head: impl IntoResponseHead) -> Result<(), Error> {
        self.exchange.send_informational(&head.into_response_head()?)
    }

    /// Refuses without having done anything: the client may ask again, whatever it asked.
    pub fn reject(mut self) {
        self.answered = true;
        self.exchange.reset(Reason::Rejected);
    }

    /// The head of the answer, with what all answers have.
    fn head(&self, head: impl IntoResponseHead) -> Result<ResponseHead, Error> {
        let mut head = head.into_response_head()?;
        if let Some(value) = self.strict_transport.as_deref().filter(|_| !head.fields.contains(STRICT_TRANSPORT)) {
            head.fields.push(STRICT_TRANSPORT, value)?;
        }
        Ok(head)
    }

    /// What is not so must not be said: a head that went out with it could only be taken back by breaking off.
    fn check_length(&self, head: &mut ResponseHead, len: u64) -> Result<(), Error> {
        // RFC 9110 section 15.3.6-1, 8.6-5.
        if head.status.is_without_content() {
            let (code, is_empty) = (head.status.code(), len == 0);
            return if is_empty { Ok(()) } else { Err(Error::Message(format!("an answer with {code} has no body"))) };
        }
        match head.fields.first_text("content-length") {
            // RFC 9110 section 8.6-3: an answer to HEAD that comes without a body does not say how long that of GET is.
            None if self.says_length || (self.is_head && len == 0) => {}
            None => head.fields.push_integer("content-length", len)?,
            Some(said) if !self.is_head && said.parse() != Ok(len) => {
                return Err(Error::Message(format!("content-length says {said}, and the body has {len} bytes")));
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn respond(&mut self, head: &ResponseHead, end: bool) -> Result<(), Error> {
        if end {
            self.exchange.send_whole(head, &mut Bytes::new(), &mut self.answered)?;
        } else {
            self.exchange.send_response(head)?;
            self.answered = true;
        }
        Ok(())
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        if self.exchange.mailbox().is_given_up() {
            return self.exchange.reset(Reason::Cancelled);
        }
        let is_late = self.exchange.mailbox().slow() == Some(Slow::Sender);
        let mut head = ResponseHead::new(if is_late { Status::REQUEST_TIMEOUT } else { Status::INTERNAL_SERVER_ERROR });
        head.fields.push("content-length", "0").expect("a constant that is well-formed");
        if self.respond(&head, true).is_err() {
            self.exchange.reset(Reason::Internal);
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("answered", &self.answered).finish_non_exhaustive()
    }
}

/// What can stand for the head of a response: a status alone, or with fields.
pub trait IntoResponseHead {
    /// The head.
    ///
    /// # Errors
    /// The number is no status code.
    fn into_response_head(self) -> Result<ResponseHead, Error>;
}

impl IntoResponseHead for ResponseHead {
    fn into_response_head(self) -> Result<ResponseHead, Error> {
        Ok(self)
    }
}

impl IntoResponseHead for Status {
    fn into_response_head(self) -> Result<ResponseHead, Error> {
        Ok(ResponseHead::new(self))
    }
}

impl IntoResponseHead for u16 {
    fn into_response_head(self) -> Result<ResponseHead, Error> {
        Ok(ResponseHead::new(Status::new(self)?))
    }
}

/// A status, and the content type of the body.
impl IntoResponseHead for (u16, &str) {
    fn into_response_head(self) -> Result<ResponseHead, Error> {
        let mut fields = Fields::new();
        fields.push("content-type", self.1)?;
        Ok(ResponseHead { status: Status::new(self.0)?, fields })
    }
}
