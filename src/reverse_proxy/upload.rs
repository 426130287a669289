//! The way of a request's content: from the client to a backend, as fast as the slower of the two.

use super::trailers::passed;
use crate::error::Error;
use crate::exchange::body::Body;
use crate::exchange::writer::BodyWriter;
use base::{Bytes, Instant};
use http::{Method, RequestHead};
use runtime::Handle;
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

/// Bytes that are asked room for before any are read.
const ROOM: usize = 64 << 10;
/// How long a client that waits for 100 is left waiting for the backend to say it. Backends that do not know it say nothing.
const CONTINUE: Duration = Duration::from_secs(1);

/// The content of a request, as far as it was not sent.
pub(super) struct Upload {
    body: Body,
    /// The first part, which was read to see whether there is any.
    first: Option<Bytes>,
    /// There is none.
    is_empty: bool,
    /// Some of it was taken: no other backend can have all of it.
    is_touched: bool,
}

impl Upload {
    /// That of a request. Looks whether there is content, where nothing else tells: a backend is not to be told of content that never
    /// comes.
    pub(super) async fn new(mut body: Body, head: &RequestHead) -> Result<Upload, Error> {
        let mut first = None;
        let mut is_empty = body.length() == Some(0) || (body.length().is_none() && body.is_over());
        if !is_empty && body.length().is_none() && !body.awaits_invitation() {
            // Who sends content with these sends it at once, and who sends none may say so later than the head.
            let waits = matches!(head.method, Method::Get | Method::Head | Method::Delete | Method::Options);
            let part = if waits { Some(body.chunk().await?) } else { at_once(body.chunk()).await.transpose()? };
            is_empty = part.as_ref().is_some_and(Option::is_none);
            first = part.flatten();
        }
        Ok(Upload { body, first, is_empty, is_touched: false })
    }

    /// Whether there is no content.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Whether all of it can be sent to somebody else.
    pub(super) fn is_untouched(&self) -> bool {
        self.is_empty || !self.is_touched
    }

    /// Whether the client waits for 100.
    pub(super) fn awaits_invitation(&self) -> bool {
        self.body.awaits_invitation()
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        self.is_touched = true;
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.body.chunk().await,
        }
    }
}

/// Opened when a backend has said that it wants the content of a request.
#[derive(Default)]
pub(super) struct Invitation {
    is_there: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Invitation {
    pub(super) fn send(&self) {
        self.is_there.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    async fn wait(&self, handle: &Handle) {
        let sent = poll_fn(|context| {
            if self.is_there.get() {
                return Poll::Ready(());
            }
            *self.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        });
        // Where nothing is said the content is sent all the same.
        let _ = handle.timeout(CONTINUE, sent).await;
    }
}

/// Sends all of it. `progress` is when the backend took some last, and `Instant::MAX` while it is the client's turn. Nothing is read
/// of the client that the backend does not take. Where the backend takes no more this never ends: whether there is an answer all the
/// same is for others to see.
///
/// # Errors
/// The client did not send all.
pub(super) async fn send(
    upload: &mut Upload,
    mut writer: BodyWriter,
    invitation: &Invitation,
    progress: &Cell<Instant>,
    handle: &Handle,
) -> Result<(), Error> {
    if upload.awaits_invitation() {
        invitation.wait(handle).await;
    }
    loop {
        progress.set(handle.read_clock());
        if writer.room(ROOM).await.is_err() {
            break;
        }
        progress.set(Instant::MAX);
        let part = upload.next().await?;
        progress.set(handle.read_clock());
        let Some(part) = part else {
            let fields = upload.body.trailers().await?.and_then(passed);
            // What goes wrong here the answer shows.
            let _ = match fields {
                Some(fields) => writer.finish_with_trailers(&fields),
                None => writer.finish(),
            };
            return Ok(());
        };
        if writer.write(part).await.is_err() {
            break;
        }
    }
    // Dropping the writer would give up the answer as well.
    progress.set(handle.read_clock());
    pending::<()>().await;
    drop(writer);
    Ok(())
}

/// What the future gives if that is there already.
pub(super) async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}
