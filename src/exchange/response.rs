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
use std::task::{Context, Poll};

const HAS_COME: &str = "the head of a response is there from when its status was told until it is taken";

/// A response: its head, and its body as it arrives.
pub struct Response {
    head: ResponseHead,
    informational: Vec<ResponseHead>,
    body: Body,
    /// The request has a body, of which it can be asked what became.
    has_upload: bool,
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

    /// Waits until the server has all of the request's body. A server may answer before it has, and may want no more: the
    /// response is as good as any, but what was to be uploaded is not there. Without a body there is nothing to wait for.
    ///
    /// A server that neither reads on nor says so keeps this waiting for [`Timeouts::idle`](crate::Timeouts::idle), or, where the body was
    /// written part by part, for as long as the connection lives.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the server did not want all of it; the connection ended before it had arrived.
    pub async fn uploaded(&self) -> Result<(), Error> {
        if !self.has_upload {
            return Ok(());
        }
        let mut idle = self.body.patience().map(Patience::idle);
        poll_fn(|context| match (self.body.exchange().poll_delivered(context), &mut idle) {
            (Poll::Pending, Some(idle)) => idle.poll(context).map(Err),
            (delivered, _) => delivered,
        })
        .await
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

    /// One whose body is not waited for without end.
    pub(crate) fn with_patience(self, patience: &Patience) -> PendingResponse {
        self.exchange.set_patience(patience.clone());
        self
    }

    /// How its final response begins, once that has come: then it can be [taken](PendingResponse::take).
    pub(crate) fn poll_status(&self, context: &Context<'_>) -> Poll<Result<Status, Error>> {
        self.exchange.poll_status(context)
    }

    /// What `look` makes of the head that has come.
    pub(crate) fn look_at_head<R>(&self, look: impl FnOnce(&ResponseHead) -> R) -> R {
        self.exchange.mailbox().look_at_head(look).expect(HAS_COME)
    }

    /// The response, once its status was told.
    pub(crate) fn take(self) -> Response {
        self.take_after(0, 0, None)
    }

    /// The same, which came after so many repetitions and redirects, and from there.
    pub(crate) fn take_after(mut self, repetitions: u32, redirects: u32, url: Option<Box<Url>>) -> Response {
        self.done = true;
        let mailbox = self.exchange.mailbox();
        let head = mailbox.take_head().expect(HAS_COME);
        let informational = mailbox.take_all_informational();
        let body = Body::new(self.exchange.clone(), &head.fields, Reason::Cancelled);
        let has_upload = self.has_upload;
        Response { head, informational, body, has_upload, url, redirects, repetitions }
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
    pub async fn response(self) -> Result<Response, Error> {
        poll_fn(|context| self.poll_status(context)).await?;
        Ok(self.take())
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
