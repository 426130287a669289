//! One request and its response on a connection, as both halves of the application side see them.
//!
//! The calls here translate between tasks that wait and a machine that does not. What a call of the machine brings about
//! is in the mailbox when it returns, so a task is kept for later only after a look at that: nothing is missed, and nobody
//! is woken by what it does itself.

use crate::error::Error;
use crate::exchange::mailbox::{Ending, Mailbox};
use crate::link::Link;
use base::{Bytes, StreamId, VarInt};
use h3::over_quic::OverQuic;
use h3::{Body, SendError};
use http::{Fields, ResponseHead};
use quic::ConnectionHandle;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll};

/// The most that one read gives: large enough for few calls, small enough to be passed on at once.
const MAX_READ: usize = 64 << 10;

/// A request stream in use; clones are about the same one. When the last of them is gone the stream is forgotten.
#[derive(Clone)]
pub(crate) struct Exchange {
    link: Rc<Link>,
    handle: ConnectionHandle,
    id: StreamId,
    mailbox: Rc<Mailbox>,
    remote: SocketAddr,
}

impl Exchange {
    /// The stream `id`, whose events go to `mailbox`.
    pub(crate) fn new(
        link: Rc<Link>,
        handle: ConnectionHandle,
        id: StreamId,
        mailbox: Rc<Mailbox>,
        remote: SocketAddr,
    ) -> Exchange {
        Exchange { link, handle, id, mailbox, remote }
    }

    /// What has happened to it.
    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// The other end.
    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// The next part of the peer's body.
    pub(crate) fn poll_body(&self, context: &Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        loop {
            if let Some(ending) = self.mailbox.ending() {
                return Poll::Ready(Err(self.error(&ending)));
            }
            if self.mailbox.is_finished() {
                // That is told when all content was read.
                return Poll::Ready(Ok(None));
            }
            self.mailbox.take_news();
            let part = self.with(|http, transport, id| {
                let part = http.read_body(transport, id, MAX_READ);
                if matches!(part, Body::Data(_)) {
                    http.look_for_end(transport, id);
                }
                part
            });
            match part {
                Some(Body::Data(bytes)) => return Poll::Ready(Ok(Some(bytes))),
                Some(_) if self.mailbox.take_news() => {}
                Some(Body::Blocked) => {
                    self.mailbox.set_reader(context);
                    return Poll::Pending;
                }
                // The end is always told before it is read; this stream is gone because this side let it go.
                Some(Body::End | Body::Gone) => {
                    let reason = "the rest of the body was given up when the answer was complete";
                    return Poll::Ready(Err(Error::message(reason)));
                }
                None => return Poll::Ready(Err(self.failure())),
            }
        }
    }

    /// The fields after the body, once that has been read.
    pub(crate) fn poll_trailers(&self, context: &Context<'_>) -> Poll<Result<Option<Fields>, Error>> {
        if let Some(fields) = self.mailbox.take_trailers() {
            return Poll::Ready(Ok(Some(fields)));
        }
        if self.mailbox.is_finished() {
            return Poll::Ready(Ok(None));
        }
        self.wait(context)
    }

    /// The final response.
    pub(crate) fn poll_response(&self, context: &Context<'_>) -> Poll<Result<ResponseHead, Error>> {
        match self.mailbox.take_head() {
            Some(head) => Poll::Ready(Ok(head)),
            None => self.wait(context),
        }
    }

    /// Waits for more of the peer's message.
    fn wait<T>(&self, context: &Context<'_>) -> Poll<Result<T, Error>> {
        if let Some(ending) = self.mailbox.ending() {
            return Poll::Ready(Err(self.error(&ending)));
        }
        self.mailbox.set_reader(context);
        Poll::Pending
    }

    /// Hands over all of `data`; waits where the connection takes no more for now.
    pub(crate) fn poll_write(&self, data: &mut Bytes, context: &Context<'_>) -> Poll<Result<(), Error>> {
        self.mailbox.set_writer(context);
        if let Some(code) = self.mailbox.stopped() {
            return Poll::Ready(Err(Error::Stopped { code }));
        }
        match self.with(|http, transport, id| http.send_body(transport, id, data)) {
            Some(Ok(())) if data.is_empty() => Poll::Ready(Ok(())),
            Some(Ok(())) => Poll::Pending,
            Some(Err(error)) => Poll::Ready(Err(self.send_error(error))),
            None => Poll::Ready(Err(self.failure())),
        }
    }

    /// Sends a final response and as much of its body as fits. If that is all, ends the message and gives true. `answered`
    /// becomes true with the head, whatever comes of the rest.
    pub(crate) fn send_whole(&self, head: &ResponseHead, body: &mut Bytes, answered: &mut bool) -> Result<bool, Error> {
        self.send(|http, transport, id| {
            http.send_response(transport, id, head, false)?;
            *answered = true;
            http.send_body(transport, id, body)?;
            let complete = body.is_empty();
            if complete {
                http.finish(transport, id)?;
            }
            Ok(complete)
        })
    }

    /// Sends a final response; `end` if nothing follows it.
    pub(crate) fn send_response(&self, head: &ResponseHead, end: bool) -> Result<(), Error> {
        self.send(|http, transport, id| http.send_response(transport, id, head, end))
    }

    /// Sends a response ahead of the final one.
    pub(crate) fn send_informational(&self, head: &ResponseHead) -> Result<(), Error> {
        self.send(|http, transport, id| http.send_informational(transport, id, head))
    }

    /// Ends the message with trailers.
    pub(crate) fn send_trailers(&self, fields: &Fields) -> Result<(), Error> {
        self.send(|http, transport, id| http.send_trailers(transport, id, fields))
    }

    /// Ends the message.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        self.send(|http, transport, id| http.finish(transport, id))
    }

    /// This side's message is not going to be completed. If the other end asked for that, nothing needs to be said.
    pub(crate) fn abandon(&self, code: u32) {
        if self.mailbox.stopped().is_none() {
            self.reset(code);
        } else {
            // A client's half may have ended by that already; the response may still come.
            let _ = self.finish();
        }
    }

    /// Breaks the whole exchange off.
    pub(crate) fn reset(&self, code: u32) {
        self.with(|http, transport, id| http.reset(transport, id, VarInt::from_u32(code)));
    }

    /// Nobody here wants the rest of the peer's message.
    pub(crate) fn stop_reading(&self, code: u32) {
        if !self.mailbox.is_finished() && self.mailbox.ending().is_none() {
            self.with(|http, transport, id| http.stop_sending(transport, id, VarInt::from_u32(code)));
        }
    }

    fn send<T>(
        &self,
        call: impl FnOnce(&mut h3::Connection, &mut OverQuic<'_>, StreamId) -> Result<T, SendError>,
    ) -> Result<T, Error> {
        match self.with(call) {
            Some(Ok(sent)) => Ok(sent),
            Some(Err(error)) => Err(self.send_error(error)),
            None => Err(self.failure()),
        }
    }

    fn with<R>(&self, call: impl FnOnce(&mut h3::Connection, &mut OverQuic<'_>, StreamId) -> R) -> Option<R> {
        self.link.with(self.handle, |http, transport| call(http, transport, self.id))
    }

    /// Why there is nothing to work with any more.
    fn failure(&self) -> Error {
        self.mailbox.ending().map_or(Error::ShutDown, |ending| self.error(&ending))
    }

    fn error(&self, ending: &Ending) -> Error {
        Error::ended(self.remote, ending)
    }

    fn send_error(&self, error: SendError) -> Error {
        match error {
            SendError::GoingAway => Error::GoingAway,
            SendError::Stopped(code) => {
                // The event about it may be yet to come.
                self.mailbox.on_stopped(code.value());
                Error::Stopped { code: code.value() }
            }
            SendError::Closed | SendError::NoStream => match (self.mailbox.stopped(), self.mailbox.ending()) {
                (_, Some(ending)) => self.error(&ending),
                (Some(code), None) => Error::Stopped { code },
                (None, None) => Error::message(error),
            },
            error => Error::message(error),
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // One is this one's, one the link's as long as it knows the stream.
        if Rc::strong_count(&self.mailbox) <= 2 {
            self.link.forget(self.handle, self.id);
        }
    }
}
