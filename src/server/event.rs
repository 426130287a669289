//! What happens to a server that is worth a line in a log, and that no handler is told.

use crate::error::Error;
use http::Method;
use quic::Stats;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// Something went wrong that concerns one client, or the whole server. See `ServerBuilder::on_event`.
#[non_exhaustive]
pub enum ServerEvent<'a> {
    /// A handler's future gave an error. The client was answered with 500, or the answer broken off, unless the handler had
    /// answered.
    HandlerFailed {
        /// Who asked.
        remote: SocketAddr,
        /// What was to be done.
        method: &'a Method,
        /// With what, without the query.
        path: &'a str,
        /// What the handler says.
        error: &'a dyn fmt::Display,
    },
    /// A handler panicked. The client was answered with 500, or the answer broken off.
    HandlerPanicked {
        /// Who asked.
        remote: SocketAddr,
        /// What was to be done.
        method: &'a Method,
        /// With what, without the query.
        path: &'a str,
        /// What the panic says.
        message: &'a str,
    },
    /// The handler of a session without HTTP gave an error, or panicked. The session is closed with code 0 unless it has closed it.
    SessionFailed {
        /// Who the session is with.
        remote: SocketAddr,
        /// What is spoken in it.
        protocol: &'a str,
        /// What the handler says, or the panic.
        error: &'a str,
        /// Whether it panicked.
        has_panicked: bool,
    },
    /// A request was refused before a handler could be given it.
    RequestRefused {
        /// Who asked.
        remote: SocketAddr,
        /// What is wrong with it.
        reason: &'a dyn fmt::Display,
    },
    /// A client was too slow with a request, or with taking a response: the rest of it was given up
    /// ([`TimeLimits`](crate::TimeLimits)). The handler is told as well.
    ClientTooSlow {
        /// Who asked.
        remote: SocketAddr,
        /// What it was too slow with.
        what: &'static str,
    },
    /// A connection ended by a failure: no handshake, a breach of the protocol, or a failure that the client reports.
    ConnectionFailed {
        /// Who it was with.
        remote: SocketAddr,
        /// Why it ended.
        error: &'a Error,
    },
    /// A connection cannot be accepted for now, because the system has no descriptor or memory left. It waits; this is told once until
    /// one can be accepted again.
    NotAccepted {
        /// What the system says.
        error: &'a Error,
    },
    /// A network has as many connections as it may (`ServerBuilder::max_connections_per_network`), and this client of it was refused. Told
    /// again only after the network has had no more than half as many.
    NetworkFull {
        /// Who was refused.
        remote: SocketAddr,
    },
    /// As many requests are under way as may be ([`ServerBuilder::max_requests`](crate::ServerBuilder::max_requests)), and this client was asked
    /// to come again (503). Told again only after no more than half as many were.
    RequestsFull {
        /// Whose request was refused.
        remote: SocketAddr,
        /// How many there may be.
        most: usize,
    },
    /// The connections hold all that may wait to be sent ([`ServerBuilder::memory`](crate::ServerBuilder::memory)), and each gets the least from
    /// now on. Told again only after no more than half of it was held.
    MemoryShort,
    /// A client is at another address from now on, and has proved that it receives what is sent there: its network has changed,
    /// or a translator of addresses has given it another one.
    ClientMoved {
        /// Where it was.
        before: SocketAddr,
        /// Where it is.
        remote: SocketAddr,
    },
    /// The server was told to end, and there are clients. It takes no more connections, and waits for those it has.
    Ending {
        /// Connections that are open.
        connections: usize,
        /// Requests on them that are not answered in full.
        requests: usize,
        /// The longest that it waits.
        patience: Duration,
    },
    /// The server follows one of an older build at the same port, whose last clients are still served. What comes here of theirs, because
    /// their address has changed, is given back in the way that builds of its age know, and is lost where its build takes nothing back.
    FollowsOlder,
    /// No socket can be used any more: the server is at its end.
    SocketsBroken {
        /// What the system says.
        error: &'a Error,
    },
}

impl fmt::Display for ServerEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerEvent::HandlerFailed { remote, method, path, error } => {
                write!(f, "{method} {path} of {remote} failed: {error}")
            }
            ServerEvent::HandlerPanicked { remote, method, path, message } => {
                write!(f, "the handler of {method} {path} of {remote} panicked: {message}")
            }
            ServerEvent::SessionFailed { remote, protocol, error, has_panicked: false } => {
                write!(f, "the session of {remote} by {protocol} failed: {error}")
            }
            ServerEvent::SessionFailed { remote, protocol, error, has_panicked: true } => {
                write!(f, "the handler of the session of {remote} by {protocol} panicked: {error}")
            }
            ServerEvent::RequestRefused { remote, reason } => write!(f, "a request of {remote} was refused: {reason}"),
            ServerEvent::ClientTooSlow { remote, what } => write!(f, "{remote} was too slow: {what} was given up"),
            ServerEvent::ConnectionFailed { remote, error } => {
                write!(f, "the connection with {remote} failed: {error}")
            }
            ServerEvent::NotAccepted { error } => write!(f, "connections wait to be accepted: {error}"),
            ServerEvent::NetworkFull { remote } => {
                write!(f, "{remote} was refused: its network has as many connections as it may")
            }
            ServerEvent::RequestsFull { remote, most } => {
                let requests = counted(*most, "request");
                write!(f, "a request of {remote} was refused: {requests} under way, and that is the most")
            }
            ServerEvent::MemoryShort => f.write_str(
                "connections hold all that may wait to be sent, because clients take it slowly: each gets less now",
            ),
            ServerEvent::ClientMoved { before, remote } => write!(f, "the client at {before} has moved to {remote}"),
            ServerEvent::Ending { connections, requests, patience } => {
                let (connections, requests) = (counted(*connections, "connection"), counted(*requests, "request"));
                let seconds = patience.as_secs_f64();
                write!(f, "ending: waits for {connections} with {requests} under way, at most {seconds} s")
            }
            ServerEvent::FollowsOlder => f.write_str(
                "the server before this one is of an older build: its last clients may be lost if their address changes",
            ),
            ServerEvent::SocketsBroken { error } => write!(f, "the sockets cannot be used any more: {error}"),
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

impl fmt::Debug for ServerEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerEvent({self})")
    }
}

/// Who is told.
pub(crate) type OnEvent = dyn Fn(&ServerEvent<'_>);

/// Who is told of the end of a connection, and of what it had counted.
pub(crate) type OnConnectionEnd = dyn Fn(SocketAddr, &Stats);
