//! A response as a client gets it.

use crate::error::Error;
use crate::exchange::body::Body;
use crate::exchange::calls::Exchange;
use http::exchange::Reason;
use http::{Fields, Priority, ResponseHead, Status};
use std::fmt;
use std::future::poll_fn;

/// A response: its head, and its body as it arrives.
pub struct Response {
    head: ResponseHead,
    informational: Vec<ResponseHead>,
    body: Body,
    /// If the request has a body, to see what became of it.
    upload: Option<Exchange>,
}

impl Response {
    /// The outcome.
    pub fn status(&self) -> Status {
        self.head.status
    }

    /// All but the body.
    pub fn head(&self) -> &ResponseHead {
        &self.head
    }

    /// The fields.
    pub fn fields(&self) -> &Fields {
        &self.head.fields
    }

    /// Responses (1xx) that came ahead of this one.
    pub fn informational(&self) -> &[ResponseHead] {
        &self.informational
    }

    /// The body.
    pub fn body(&mut self) -> &mut Body {
        &mut self.body
    }

    /// Waits until the server has all of the request's body. A server may answer before it has, and may want no more: the
    /// response is as good as any, but what was to be uploaded is not there. Without a body there is nothing to wait for.
    ///
    /// A server that neither reads on nor says so keeps this waiting for as long as the connection lives.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the server did not want all of it; the connection ended before it had arrived.
    pub async fn uploaded(&self) -> Result<(), Error> {
        match &self.upload {
            Some(exchange) => poll_fn(|context| exchange.poll_delivered(context)).await,
            None => Ok(()),
        }
    }

    /// Tells the server how urgent the rest of the response is from now on (RFC 9218 section 7). It may take no notice.
    ///
    /// # Errors
    /// The exchange is over, or the server takes nothing of the kind for now.
    pub fn prioritize(&self, priority: Priority) -> Result<(), Error> {
        self.body.exchange().prioritize(priority)
    }

    /// Head and body, each by itself.
    pub fn into_parts(self) -> (ResponseHead, Body) {
        (self.head, self.body)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("head", &self.head).field("body", &self.body).finish_non_exhaustive()
    }
}

/// A response that is waited for. Dropping it cancels the request.
pub struct PendingResponse {
    exchange: Exchange,
    has_upload: bool,
    done: bool,
}

impl PendingResponse {
    pub(crate) fn new(exchange: Exchange, has_upload: bool) -> PendingResponse {
        PendingResponse { exchange, has_upload, done: false }
    }

    /// Waits for the next response (1xx) ahead of the final one; `None` when that has come. A client that sent `Expect:
    /// 100-continue` so learns whether its content is wanted.
    ///
    /// # Errors
    /// As for [`PendingResponse::response`].
    pub async fn informational(&mut self) -> Result<Option<ResponseHead>, Error> {
        poll_fn(|context| self.exchange.poll_informational(context)).await
    }

    /// Tells the server how urgent the response is from now on, as [`Response::prioritize`].
    ///
    /// # Errors
    /// As for that.
    pub fn prioritize(&self, priority: Priority) -> Result<(), Error> {
        self.exchange.prioritize(priority)
    }

    /// Waits for its head.
    ///
    /// # Errors
    /// The server broke off, or the connection ended.
    pub async fn response(mut self) -> Result<Response, Error> {
        let head = poll_fn(|context| self.exchange.poll_response(context)).await?;
        self.done = true;
        let informational = std::iter::from_fn(|| self.exchange.mailbox().take_informational()).collect();
        let body = Body::new(self.exchange.clone(), &head.fields, Reason::Cancelled);
        let upload = self.has_upload.then(|| self.exchange.clone());
        Ok(Response { head, informational, body, upload })
    }
}

impl Drop for PendingResponse {
    fn drop(&mut self) {
        if !self.done {
            self.exchange.reset(Reason::Cancelled);
        }
    }
}

impl fmt::Debug for PendingResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingResponse").finish_non_exhaustive()
    }
}
