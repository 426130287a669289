//! Server-sent events (HTML Living Standard section 9.2): an answer that goes on, event by event, for as long as its client wants.

use crate::error::Error;
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::exchange::writer::BodyWriter;
use http::exchange::Reason;
use http::{Fields, Method, ResponseHead, Status};
use runtime::Handle;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

/// When nothing was sent for so long, a comment is: shorter than most of what is between forgets a silent connection after.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a client may take nothing of what it is sent.
const PATIENCE: Duration = Duration::from_secs(30);

/// One event. Its text is sent as it is, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSentEvent {
    data: Option<String>,
    event: Option<String>,
    id: Option<String>,
    retry: Option<Duration>,
}

impl ServerSentEvent {
    /// An event with this data, which may have more than one line. Any kind of line end arrives as `\n`.
    pub fn new(data: impl Into<String>) -> ServerSentEvent {
        ServerSentEvent { data: Some(data.into()), ..ServerSentEvent::default() }
    }

    /// No event: only what [`ServerSentEvent::id`] and [`ServerSentEvent::retry`] say.
    pub fn silent() -> ServerSentEvent {
        ServerSentEvent::default()
    }

    /// Its type: the listeners for it are called, instead of those for `message`.
    #[must_use]
    pub fn event(mut self, name: impl Into<String>) -> ServerSentEvent {
        self.event = Some(name.into());
        self
    }

    /// What the client sends in Last-Event-ID when it comes back after this one.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> ServerSentEvent {
        self.id = Some(id.into());
        self
    }

    /// How long the client waits before it comes back.
    #[must_use]
    pub const fn retry(mut self, retry: Duration) -> ServerSentEvent {
        self.retry = Some(retry);
        self
    }

    fn write(&self) -> Result<String, Error> {
        let mut out = String::new();
        for (name, value) in [("event", &self.event), ("id", &self.id)] {
            let Some(value) = value else { continue };
            if value.contains(['\r', '\n', '\0']) {
                return Err(Error::Message(format!("the {name} of a server-sent event is one line: {value:?}")));
            }
            out.push_str(&format!("{name}: {value}\n"));
        }
        if let Some(retry) = self.retry {
            out.push_str(&format!("retry: {}\n", retry.as_millis()));
        }
        if let Some(data) = &self.data {
            push_lines(&mut out, "data: ", data);
        }
        out.push('\n');
        Ok(out)
    }
}

/// A line for each line of `text`, whose ends may be of any kind.
fn push_lines(out: &mut String, start: &str, text: &str) {
    for line in text.replace("\r\n", "\n").split(['\n', '\r']) {
        out.push_str(start);
        out.push_str(line);
        out.push('\n');
    }
}

/// An answer that is a stream of events. Every call waits until the transport has taken what was said, so that nothing piles up for a client
/// that does not read; a client that takes nothing for 30 s is given up. A handler is stopped when its client goes. Dropping the stream
/// breaks it off, and the client comes back; so does one whose stream was [ended](EventStream::finish).
pub struct EventStream {
    writer: BodyWriter,
    handle: Handle,
    heartbeat: Duration,
    patience: Duration,
}

impl EventStream {
    /// Answers with a stream of events. Other methods than GET are answered with 405. The time limits of the exchange are lifted.
    ///
    /// # Errors
    /// The method is another one, or the client is gone.
    pub async fn start(request: &Request, reply: Reply) -> Result<EventStream, Error> {
        EventStream::start_with(request, reply, Fields::new()).await
    }

    /// The same with fields of its own, such as Access-Control-Allow-Origin.
    ///
    /// # Errors
    /// As for [`EventStream::start`], and if a field is one that it sets itself.
    pub async fn start_with(request: &Request, reply: Reply, fields: Fields) -> Result<EventStream, Error> {
        if *request.method() != Method::Get {
            let head = ResponseHead::new(Status::METHOD_NOT_ALLOWED).with_field("allow", "GET")?;
            reply.send(head, "").await?;
            return Err(Error::Message(format!("events are fetched by GET, and not by {}", request.method())));
        }
        let handle = request.executor().ok_or_else(|| Error::message("events need an executor"))?;
        let mut head = ResponseHead { status: Status::OK, fields };
        head.fields.set("content-type", "text/event-stream")?;
        head.fields.set("cache-control", "no-store")?;
        request.lift_time_limits();
        let writer = reply.start(head)?;
        Ok(EventStream { writer, handle, heartbeat: HEARTBEAT, patience: PATIENCE })
    }

    /// How long [`EventStream::wait`] lets nothing be sent. Default 15 s.
    #[must_use]
    pub const fn heartbeat(mut self, every: Duration) -> EventStream {
        self.heartbeat = every;
        self
    }

    /// How long the client may take nothing of what it is sent. Default 30 s.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> EventStream {
        self.patience = patience;
        self
    }

    /// What the client has received last, as it says, when it comes back: the events after that one are new to it.
    pub fn last_event_id(request: &Request) -> Option<&str> {
        request.fields().first_text("last-event-id")
    }

    /// Sends an event, and waits until the transport has taken it.
    ///
    /// # Errors
    /// Its type or its ID is more than a line; the client is gone, or takes nothing.
    pub async fn send(&mut self, event: &ServerSentEvent) -> Result<(), Error> {
        let text = event.write()?;
        self.write(text).await
    }

    /// Sends a comment, which no listener is told of.
    ///
    /// # Errors
    /// The client is gone, or takes nothing.
    pub async fn comment(&mut self, text: &str) -> Result<(), Error> {
        let mut out = String::new();
        push_lines(&mut out, ": ", text);
        out.push('\n');
        self.write(out).await
    }

    /// Waits for something, such as the next thing to tell, and sends a comment from time to time meanwhile: what is between keeps the
    /// connection, and a client that is gone is noticed. Given up, it has sent at most a part of a comment, which the next call completes.
    ///
    /// # Errors
    /// The client is gone, or takes nothing.
    pub async fn wait<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Error> {
        let mut future = pin!(future);
        loop {
            if let Ok(output) = self.handle.timeout(self.heartbeat, future.as_mut()).await {
                return Ok(output);
            }
            self.write(":\n\n".to_owned()).await?;
        }
    }

    /// Ends the answer. The client comes back after a while, unless it is then answered with 204.
    ///
    /// # Errors
    /// The client is gone.
    pub fn finish(self) -> Result<(), Error> {
        self.writer.finish()
    }

    async fn write(&mut self, text: String) -> Result<(), Error> {
        let (handle, remote) = (self.handle.clone(), self.writer.exchange().peer().remote);
        let mut rest = base::Bytes::from(text);
        while !rest.is_empty() {
            // As long as it takes some of it, it is slow and no more.
            let room = handle.timeout(self.patience, self.writer.room(rest.len())).await;
            let Ok(room) = room else {
                self.writer.exchange().reset(Reason::Cancelled);
                return Err(Error::TooSlow { address: remote, is_reader: true });
            };
            let count = room?.min(rest.len());
            self.writer.write(rest.split_to(count)).await?;
        }
        Ok(())
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("heartbeat", &self.heartbeat).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_as_they_are_sent() {
        for (event, expected) in [
            (ServerSentEvent::new("a"), "data: a\n\n"),
            (ServerSentEvent::new(""), "data: \n\n"),
            (ServerSentEvent::new("a\nb\r\nc\rd\n"), "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"),
            (ServerSentEvent::new("event: x"), "data: event: x\n\n"),
            (
                ServerSentEvent::new("a").event("tick").id("7").retry(Duration::from_millis(1500)),
                "event: tick\nid: 7\nretry: 1500\ndata: a\n\n",
            ),
            (ServerSentEvent::silent().id(""), "id: \n\n"),
            (ServerSentEvent::silent(), "\n"),
        ] {
            assert_eq!(event.write().unwrap(), expected, "{event:?}");
        }
        for bad in ["a\nb", "a\rb", "a\0"] {
            assert!(ServerSentEvent::new("x").id(bad).write().is_err(), "{bad:?}");
            let error = ServerSentEvent::new("x").event(bad).write().unwrap_err().to_string();
            assert!(error.contains("the event of a server-sent event is one line"), "{error}");
        }
    }

    #[test]
    fn a_comment_cannot_become_an_event() {
        let mut out = String::new();
        push_lines(&mut out, ": ", "a\ndata: b\rc");
        assert_eq!(out, ": a\n: data: b\n: c\n");
    }
}
