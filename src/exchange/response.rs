//! A response as a client gets it.

use crate::error::Error;
use crate::exchange::body::Body;
use crate::exchange::calls::Exchange;
use http::exchange::Reason;
use http::{Fields, ResponseHead, Status};
use std::fmt;
use std::future::poll_fn;

/// A response: its head, and its body as it arrives.
#[derive(Debug)]
pub struct Response {
    head: ResponseHead,
    informational: Vec<ResponseHead>,
    body: Body,
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

    /// Head and body, each by itself.
    pub fn into_parts(self) -> (ResponseHead, Body) {
        (self.head, self.body)
    }
}

/// A response that is waited for. Dropping it cancels the request.
pub struct PendingResponse {
    exchange: Exchange,
    done: bool,
}

impl PendingResponse {
    pub(crate) fn new(exchange: Exchange) -> PendingResponse {
        PendingResponse { exchange, done: false }
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
        Ok(Response { head, informational, body })
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
