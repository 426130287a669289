//! One request to one backend: its head and its content go there, what comes ahead of the answer goes to the client, and the
//! answer as well.

use super::answer::{self, Side};
use super::failure::BackendFailure;
use super::line::Line;
use super::upload::{Invitation, Upload, at_once, send};
use crate::error::{Error, Waited};
use crate::exchange::calls::Exchange;
use crate::exchange::patience::Patience;
use crate::exchange::reply::Reply;
use crate::exchange::response::{PendingResponse, Response};
use crate::exchange::writer::BodyWriter;
use base::Instant;
use http::exchange::Reason;
use http::{RequestHead, ResponseHead, Status};
use runtime::Handle;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

/// Why a client is not answered to the end.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Its request did not come to its end, or it does not take the answer.
    Client(Error),
    /// The request cannot be sent to anybody as it is.
    Unsendable(Error),
    /// The backend.
    Backend(BackendFailure),
}

impl Trouble {
    /// What an error of a backend's connection means.
    pub(super) fn of_backend(error: Error) -> Trouble {
        Trouble::Backend(match error {
            Error::Breach { what, section, .. } => BackendFailure::Invalid(format!("{what} ({section})")),
            Error::Malformed { malformed, .. } => BackendFailure::Invalid(malformed.to_string()),
            Error::Reset { reason: Reason::Incomplete } => BackendFailure::CutShort,
            Error::TimedOut { waited: Waited::FirstByte, after } => BackendFailure::Silent(after),
            Error::TimedOut { waited: Waited::Idle, after } => BackendFailure::Stalled(after),
            Error::TimedOut { waited: Waited::Whole, after } => BackendFailure::TooLong(after),
            Error::Message(text) => BackendFailure::Invalid(text),
            _ => BackendFailure::BrokenOff,
        })
    }
}

impl From<Side> for Trouble {
    fn from(side: Side) -> Trouble {
        match side {
            Side::Client(error) => Trouble::Client(error),
            Side::Backend(error) => Trouble::of_backend(error),
        }
    }
}

/// A request that is about to be sent.
pub(super) struct Asking<'a> {
    pub(super) handle: &'a Handle,
    pub(super) head: &'a RequestHead,
    pub(super) upload: &'a mut Upload,
    pub(super) patience: &'a Patience,
    pub(super) takes_trailers: bool,
}

impl Asking<'_> {
    /// Asks over a connection, and sends the client the answer. Of that `on_head` makes what the client is to see. The reply is
    /// left where nothing of an answer has come.
    pub(super) async fn ask(
        self,
        line: &Rc<Line>,
        reply: &mut Option<Reply>,
        on_head: impl FnOnce(&mut ResponseHead) -> Result<(), Error>,
    ) -> Result<(), Trouble> {
        let Asking { handle, head, upload, patience, takes_trailers } = self;
        let exchange = open(line, head, upload.is_empty())?;
        let (invitation, progress) = (Invitation::default(), Cell::new(patience.now()));
        let writer = (!upload.is_empty()).then(|| BodyWriter::new(exchange.clone(), Reason::Cancelled));
        let pending = PendingResponse::new(exchange, false).with_patience(patience);
        let uploading = pin!(async {
            match writer {
                Some(writer) => send(upload, writer, &invitation, &progress, handle).await,
                None => Ok(()),
            }
        });
        let mut uploading = Uploading { future: uploading, is_over: false };
        let answered = {
            let answer = pin!(until_answer(pending, reply, &invitation, &progress, patience));
            uploading.beside(patience.first_byte(&progress, answer)).await?
        };
        let response = answered.map_err(Trouble::of_backend)?;
        let (mut head, body) = response.into_parts();
        on_head(&mut head).map_err(|error| Trouble::Backend(BackendFailure::Invalid(error.to_string())))?;
        Ok(uploading.beside(answer::send(reply, head, body, takes_trailers)).await??)
    }
}

/// Sends the head of a request.
pub(super) fn open(line: &Rc<Line>, head: &RequestHead, ends: bool) -> Result<Exchange, Trouble> {
    match line.open(head, ends) {
        Some(Ok(exchange)) => Ok(exchange),
        Some(Err(error)) => Err(Trouble::Unsendable(error)),
        None => Err(Trouble::Backend(BackendFailure::BrokenOff)),
    }
}

/// Waits for the final answer. What comes ahead of it is passed on, as far as the client takes it.
///
/// RFC 9110 section 15.2-4, 10.1.1-15.
async fn until_answer(
    mut pending: PendingResponse,
    reply: &mut Option<Reply>,
    invitation: &Invitation,
    progress: &Cell<Instant>,
    patience: &Patience,
) -> Result<Response, Error> {
    while let Some(ahead) = pending.informational().await? {
        if progress.get() != Instant::MAX {
            progress.set(patience.now());
        }
        if ahead.status == Status::CONTINUE {
            // The client is told when its content is read.
            invitation.send();
        } else if let Some(reply) = reply {
            // What a client does not take it goes without: it would wait for it, and the backend with it. One that is gone ends
            // the whole.
            if let Some(Ok(_)) = at_once(reply.room(1)).await {
                let _ = reply.inform(ahead);
            }
        }
    }
    pending.response().await
}

/// The content of a request on its way, beside which other things happen.
struct Uploading<'a, F> {
    future: Pin<&'a mut F>,
    is_over: bool,
}

impl<F: Future<Output = Result<(), Error>>> Uploading<'_, F> {
    /// What `main` gives, unless the client breaks its request off before. A backend that takes no more of it may answer all the same.
    async fn beside<T>(&mut self, main: impl Future<Output = T>) -> Result<T, Trouble> {
        let mut main = pin!(main);
        poll_fn(|context| {
            if !self.is_over
                && let Poll::Ready(sent) = self.future.as_mut().poll(context)
            {
                self.is_over = true;
                if let Err(error) = sent {
                    return Poll::Ready(Err(Trouble::Client(error)));
                }
            }
            main.as_mut().poll(context).map(Ok)
        })
        .await
    }
}
