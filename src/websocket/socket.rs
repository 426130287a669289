//! A WebSocket as an application sees it: messages in, messages out.

use crate::error::Error;
use crate::exchange::tunnel::Tunnel;
use crate::exchange::version::HttpVersion;
use crate::websocket::driver::Driver;
use crate::websocket::shared::Shared;
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use websocket::{Close, CloseCode, Connection, Message};

/// One end of a WebSocket: [`WebSocket::accept`] gives a server its end, [`Client::websocket`](crate::Client::websocket) a client.
///
/// A task of its own answers Pings, sends them where nothing was heard for a while, and notices when the other end is gone
/// ([`WebSocketTimes`](crate::WebSocketTimes)). Nothing is read beyond a message that was not fetched, so that who sends too fast waits;
/// what follows in it, Pings among them, waits as well.
///
/// Dropping it says Close with code 1001 (going away) and drops messages that come; the task goes on until the other end has answered, or
/// was waited for as long as it may take. Unlike other handlers, one that has accepted a WebSocket is not stopped when its client goes: it
/// learns of that by [`WebSocket::receive`], by [`WebSocket::send`], or by [`WebSocketReader::ended`] where it waits for something else.
pub struct WebSocket {
    reader: WebSocketReader,
    writer: WebSocketWriter,
}

/// Receives the messages of a WebSocket. When it is dropped, those that come are dropped as well.
pub struct WebSocketReader {
    shared: Rc<Shared>,
    about: Rc<About>,
}

/// Sends messages on a WebSocket. When it is dropped, it says Close with code 1001.
pub struct WebSocketWriter {
    shared: Rc<Shared>,
}

/// What the handshake has said.
pub(super) struct About {
    pub(super) protocol: Option<String>,
    pub(super) version: HttpVersion,
    pub(super) remote: SocketAddr,
}

impl WebSocket {
    /// On a tunnel whose handshake is over.
    pub(super) fn start(tunnel: Tunnel, machine: Connection, about: About, handle: &runtime::Handle) -> WebSocket {
        let shared = Rc::new(Shared::new(machine, handle.clone()));
        handle.spawn_detached(Driver::new(shared.clone(), tunnel));
        let reader = WebSocketReader { shared: shared.clone(), about: Rc::new(about) };
        WebSocket { reader, writer: WebSocketWriter { shared } }
    }

    /// The next message; `None` when the other end has closed, and [`WebSocket::closed`] tells what it said. May be given up at any wait:
    /// no message is lost.
    ///
    /// # Errors
    /// The stream broke, the other end broke the protocol (it was told so) or does not answer ([`Error::WebSocket`]).
    pub async fn receive(&mut self) -> Result<Option<Message>, Error> {
        self.reader.receive().await
    }

    /// Sends a message: hands it over once there is room, which is when the other end has taken what was sent before but for some
    /// ([`WebSocketLimits::max_unsent`](crate::WebSocketLimits)). Given up while it waits, it has sent nothing.
    ///
    /// # Errors
    /// The WebSocket has ended, one way or the other.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.writer.send(message).await
    }

    /// The subprotocol that both ends have agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.reader.protocol()
    }

    /// The version of HTTP that carries it.
    pub fn version(&self) -> HttpVersion {
        self.reader.about.version
    }

    /// The other end's address.
    pub fn remote(&self) -> SocketAddr {
        self.reader.about.remote
    }

    /// What the other end has said when it closed; `None` before.
    pub fn closed(&self) -> Option<Close> {
        self.reader.closed()
    }

    /// Closes with this code and reason, after what was sent before, and waits for the other end to do so as well: for as long as
    /// [`WebSocketTimes::patience`](crate::WebSocketTimes) at most. Gives what it said. Messages that come meanwhile are dropped.
    ///
    /// # Errors
    /// The other end does not answer, or broke off before.
    pub async fn close(self, code: CloseCode, reason: &str) -> Result<Close, Error> {
        self.writer.shared.close(Close::new(code, reason));
        self.reader.shared.stop_reading();
        poll_fn(|context| self.reader.shared.poll_end(context)).await
    }

    /// Both directions, each for a task of its own.
    pub fn split(self) -> (WebSocketReader, WebSocketWriter) {
        (self.reader, self.writer)
    }
}

impl WebSocketReader {
    /// As [`WebSocket::receive`]. After [`WebSocketWriter::close`] it goes on until the other end has closed.
    ///
    /// # Errors
    /// As for [`WebSocket::receive`].
    pub async fn receive(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|context| self.shared.poll_message(context)).await
    }

    /// Waits for the end, of whatever kind, beside other things: messages are not fetched by that.
    pub async fn ended(&self) {
        let _ = poll_fn(|context| self.shared.poll_end(context)).await;
    }

    /// The subprotocol that both ends have agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.about.protocol.as_deref()
    }

    /// What the other end has said when it closed; `None` before.
    pub fn closed(&self) -> Option<Close> {
        self.shared.end().ok().filter(|_| self.shared.is_closed())
    }
}

impl WebSocketWriter {
    /// As [`WebSocket::send`]. Several tasks may send: each message goes whole, one after the other.
    ///
    /// # Errors
    /// As for [`WebSocket::send`].
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), Error> {
        let mut message = Some(message.into());
        poll_fn(|context| self.shared.poll_send(&mut message, context)).await
    }

    /// Closes with this code and reason, after what was sent before. The reader is told when the other end has done so as well.
    pub fn close(self, code: CloseCode, reason: &str) {
        self.shared.close(Close::new(code, reason));
    }
}

impl Drop for WebSocketReader {
    fn drop(&mut self) {
        self.shared.stop_reading();
    }
}

impl Drop for WebSocketWriter {
    /// Says nothing where a Close was said before.
    fn drop(&mut self) {
        self.shared.close(Close::new(CloseCode::GOING_AWAY, ""));
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("remote", &self.remote())
            .field("protocol", &self.protocol())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for WebSocketReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketReader").finish_non_exhaustive()
    }
}

impl fmt::Debug for WebSocketWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketWriter").finish_non_exhaustive()
    }
}
