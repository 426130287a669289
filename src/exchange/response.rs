//! A response as a client gets it.

use crate::error::Error;
use crate::exchange::body::Body;
use crate::exchange::calls::Exchange;
use crate::exchange::patience::Patience;
use crate::exchange::version::HttpVersion;
use crate::url::Url;
use http::exchange::Reason;
use http::{Fields, Priority, ResponseHead, Status};
use std::fmt;
use std::future::poll_fn;
use std::task::Poll;

/// A response: its head, and its body as it arrives.
pub struct Response {
    head: ResponseHead,
    informational: Vec<ResponseHead>,
    body: Body,
    /// If the request has a body, to see what became of it.
    upload: Option<Exchange>,
    /// What it is the answer to, if it is not the one that was asked for.
    url: Option<Box<Url>>,
    redirects: u32,
    repetitions: u32,
}

impl Response {
    /// The outcome.
    pub fn status(&self) -> Status {
        self.head.status
    }

    /// What it came by.
    pub fn version(&self) -> HttpVersion {
        self.body.exchange().peer().version
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

    /// Where it came from, if that is not the URL that was asked for: the last of the redirects that were followed.
    pub fn redirected_to(&self) -> Option<&Url> {
        self.url.as_deref()
    }

    /// How often the request was sent again before this came, for its own sake and not for redirects.
    pub fn repetitions(&self) -> u32 {
        self.repetitions
    }

    /// How many redirects were followed before this came.
    pub fn redirects(&self) -> u32 {
        self.redirects
    }

    /// It came after so many repetitions and redirects, and from there.
    pub(crate) fn after(mut self, repetitions: u32, redirects: u32, url: Option<Url>) -> Response {
        (self.repetitions, self.redirects) = (repetitions, redirects);
        self.url = url.map(Box::new);
        self
    }

    /// Waits until the server has all of the request's body. A server may answer before it has, and may want no more: the
    /// response is as good as any, but what was to be uploaded is not there. Without a body there is nothing to wait for.
    ///
    /// A server that neither reads on nor says so keeps this waiting for [`Timeouts::idle`](crate::Timeouts::idle), or, where the body was
    /// written part by part, for as long as the connection lives.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the server did not want all of it; the connection ended before it had arrived.
    pub async fn uploaded(&self) -> Result<(), Error> {
        match &self.upload {
            Some(exchange) => {
                let mut idle = self.body.patience().map(Patience::idle);
                poll_fn(|context| match (exchange.poll_delivered(context), &mut idle) {
                    (Poll::Pending, Some(idle)) => idle.poll(context).map(Err),
                    (delivered, _) => delivered,
                })
                .await
            }
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
    patience: Option<Patience>,
}

impl PendingResponse {
    pub(crate) fn new(exchange: Exchange, has_upload: bool) -> PendingResponse {
        PendingResponse { exchange, has_upload, done: false, patience: None }
    }

    /// One whose body is not waited for without end.
    pub(crate) fn with_patience(mut self, patience: &Patience) -> PendingResponse {
        self.patience = Some(patience.clone());
        self
    }

    fn patient(&self, body: Body) -> Body {
        match &self.patience {
            Some(patience) => body.with_patience(patience.clone()),
            None => body,
        }
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
        Ok(Response { head, informational, body: self.patient(body), upload, url: None, redirects: 0, repetitions: 0 })
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
