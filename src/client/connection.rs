//! What a client needs of a connection, whatever version of HTTP is spoken on it.

use crate::error::Error;
use crate::exchange::calls::Exchange;
use crate::exchange::version::HttpVersion;
use crate::webtransport::door::SessionDoor;
use crate::webtransport::session::Session;
use base::Instant;
use http::RequestHead;
use quic::{PathStats, Stats};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// A future of this thread, of a trait that says no more about it.
pub(crate) type Task<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// An open connection to a server. When it is dropped, it ends with the last exchange on it.
pub(crate) trait Connection {
    /// Whether requests can be made.
    fn is_open(&self) -> bool;

    /// Whether the handshake is complete, or the connection over. Until then requests go as early data, if they are safe, and others
    /// wait.
    fn is_proven(&self) -> bool {
        true
    }

    /// Waits until that is so.
    fn poll_proven(&self, _context: &Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    /// Since when nobody has worked on an exchange of it; `None` while somebody does. Before the first, the beginning of time.
    fn idle_since(&self) -> Option<Instant>;

    /// Waits until no more requests can be made. One task at a time waits for this.
    fn poll_closing(&self, context: &Context<'_>) -> Poll<()>;

    /// Begins an exchange: sends the head of a request, with `ends` all of it. `None` if the server allows no further
    /// exchange for now.
    fn open(&self, head: &RequestHead, ends: bool) -> Option<Result<Exchange, Error>>;

    /// How often exchanges have become possible: to be asked before [`Connection::open`], for
    /// [`Connection::poll_openings`].
    fn openings(&self) -> u64;

    /// Waits until there is reason to try again: exchanges became possible since there were `seen` openings, or the
    /// connection is over.
    fn poll_openings(&self, seen: &mut u64, context: &Context<'_>) -> Poll<()>;

    /// Moves it to another port of this host, or to another address if that is where the way to the server begins now.
    fn migrate(&self) -> Task<'_, Result<(), Error>>;

    /// Where its server is, and what the transport has counted; `None` if it is over, or its transport counts nothing.
    fn stats(&self) -> Option<(SocketAddr, Stats)>;

    /// What the transport knows of each path; nothing if the connection is over.
    fn paths(&self) -> Vec<PathStats>;

    /// Has the keys of its packets updated. Whether it is open.
    fn update_keys(&self) -> bool;

    /// Where its server was found, if not where the URL says (RFC 7838).
    fn alternative(&self) -> Option<&str> {
        None
    }

    /// What is spoken on it.
    fn version(&self) -> HttpVersion {
        HttpVersion::Http3
    }

    /// Where its server is, while it is open.
    fn remote(&self) -> Option<SocketAddr> {
        self.stats().map(|(address, _)| address)
    }

    /// The connection as one that has sessions.
    fn sessions(&self) -> Option<Rc<dyn SessionDoor>> {
        None
    }

    /// Begins the session that the connection is, where a protocol of the application's own is spoken on it; `None` where that is not so,
    /// or the connection is over.
    fn begin_session(&self, _protocol: &str, _url: String) -> Option<Session> {
        None
    }

    /// How long the name took to be looked up.
    fn looked_up(&self) -> Duration {
        Duration::ZERO
    }

    /// Closes it.
    fn close(&self);
}

/// Opens connections.
pub(crate) trait Connect {
    /// A connection to this host, ready for requests. With `early` it may be one whose handshake is not complete, and that takes
    /// requests as early data.
    fn connect(&self, host: Rc<str>, port: u16, early: bool) -> Task<'_, Result<Rc<dyn Connection>, Error>>;

    /// Closes all connections, and waits until the system has taken what is left to be sent, or for a moment if it takes
    /// nothing.
    fn close_all(&self) -> Task<'_, ()>;
}
