//! A client's connections by HTTP/3: how one is opened, and what is asked of it.
//!
//! All connections to servers of one address family share an endpoint, a driver and a socket. The socket is not connected;
//! the system reports which server refused a datagram.

use crate::client::connection::{Connection, Task};
use crate::error::Error;
use crate::exchange::calls::{Exchange, Peer};
use crate::http3::door::exchange;
use crate::http3::known::{Known, Standing};
use crate::http3::link::{Endpoint, Link};
use crate::http3::raw_session;
use crate::http3::relocation::{self, OnClientEvent};
use crate::http3::session_line::SessionLine;
use crate::http3::sockets;
use crate::trace::SharedTrace;
use crate::webtransport::door::SessionDoor;
use crate::webtransport::session::Session;
use base::Instant;
use crypto::Provider;
use h3::SendError;
use http::RequestHead;
use quic::{ConnectionHandle, PathStats, Stats, TokenStore};
use runtime::{Handle, clock};
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use x509::ServerName;

/// How connections by HTTP/3 are opened.
pub(crate) struct Dial {
    handle: Handle,
    provider: Provider,
    tls: Arc<tls::ClientConfig>,
    transport: Arc<quic::Config>,
    /// Where tokens are kept that servers give.
    tokens: Option<Arc<dyn TokenStore>>,
    http: h3::Config,
    trace: Option<SharedTrace>,
    /// Who is told what becomes of connections.
    on_event: Option<OnClientEvent>,
    /// For servers of IPv4, and of IPv6: made when they are first needed, and again when the socket broke.
    links: RefCell<[Option<Rc<Link>>; 2]>,
}

/// A connection to a server. It is closed when this is dropped and no exchange goes on.
struct Http3Connection {
    link: Rc<Link>,
    handle: ConnectionHandle,
    known: Rc<Known>,
    remote: SocketAddr,
    on_event: Option<OnClientEvent>,
    /// Where the server was found, if not where the URL says.
    alternative: Option<Box<str>>,
    looked_up: Duration,
}

/// A connection that somebody else holds, for who asks what it does or wants it moved.
pub(crate) struct InUse {
    link: Rc<Link>,
    handle: ConnectionHandle,
    known: Rc<Known>,
    remote: SocketAddr,
}

impl InUse {
    /// Where its server is, and what the transport has counted; `None` if it is over.
    pub(crate) fn stats(&self) -> Option<(SocketAddr, Stats)> {
        Some((self.remote, self.link.stats_of(self.handle)?))
    }

    /// What the transport knows of each path.
    pub(crate) fn paths(&self) -> Vec<PathStats> {
        self.link.paths_of(self.handle)
    }

    /// Has the keys of its packets updated. Whether it is open.
    pub(crate) fn update_keys(&self) -> bool {
        self.link.update_keys(self.handle)
    }

    /// Moves it, as [`Connection::migrate`] does.
    pub(crate) async fn migrate(&self) -> Result<(), Error> {
        self.link.migrate(self.handle, &self.known, self.remote).await
    }
}

/// Whom to connect to.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    /// What the application calls it.
    pub(crate) host: &'a str,
    /// The same as certificates have it.
    pub(crate) name: &'a ServerName,
    /// Host and port of where it is found, if not where the URL says.
    pub(crate) alternative: Option<&'a str>,
    /// How the handshake is made, if another protocol is to be spoken than HTTP/3.
    pub(crate) tls: Option<&'a Arc<tls::ClientConfig>>,
}

impl Dial {
    /// Connections with these settings, on an executor.
    pub(crate) fn new(
        handle: Handle,
        provider: Provider,
        tls: tls::ClientConfig,
        transport: quic::Config,
        http: h3::Config,
        trace: Option<SharedTrace>,
    ) -> Dial {
        let (tls, transport) = (Arc::new(tls), Arc::new(transport));
        Dial { handle, provider, tls, transport, tokens: None, http, trace, on_event: None, links: RefCell::default() }
    }

    /// The same, and tokens of servers are kept there.
    pub(crate) fn keeping(self, tokens: Option<Arc<dyn TokenStore>>) -> Dial {
        Dial { tokens, ..self }
    }

    /// The same, and what becomes of connections is told.
    pub(crate) fn telling(self, on_event: Option<OnClientEvent>) -> Dial {
        Dial { on_event, ..self }
    }

    /// A connection to this server at this address, which may stay silent for so long; it was found in the time `looked_up`. An `early`
    /// one that may send early data is given at once, and ends if the address stays silent.
    pub(crate) async fn attempt(
        &self,
        target: &Target<'_>,
        remote: SocketAddr,
        patience: Duration,
        looked_up: Duration,
        early: bool,
    ) -> Result<Rc<dyn Connection>, Error> {
        // One address has one name, or a report about it would not be recognized.
        let remote = match remote {
            SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_some() => {
                SocketAddr::new(remote.ip().to_canonical(), remote.port())
            }
            remote => remote,
        };
        let link = self.link(remote)?;
        let (handle, known) =
            link.connect(target.tls.unwrap_or(&self.tls).clone(), target.name.clone(), target.host, remote, early)?;
        let alternative = target.alternative.map(Into::into);
        let connection =
            Http3Connection { link, handle, known, remote, on_event: self.on_event.clone(), alternative, looked_up };
        let established = established(connection.known.clone(), remote, self.handle.sleep(patience), patience);
        if matches!(connection.known.standing(), Standing::Early) {
            let (link, known) = (connection.link.clone(), connection.known.clone());
            self.handle.spawn_detached(async move {
                if let Err(error) = established.await {
                    link.fail(handle, &known, error);
                }
            });
        } else {
            established.await?;
        }
        Ok(Rc::new(connection))
    }

    /// Closes all connections, and lets the servers know. What they are to be told before that leaves first, such as that a request is
    /// broken off, and why: a connection that is closing says nothing else (RFC 9000 section 10.2.1).
    pub(crate) async fn close_all(&self) {
        let links: Vec<Rc<Link>> = self.links.borrow().iter().flatten().cloned().collect();
        for link in &links {
            link.farewell().await;
        }
        links.iter().for_each(|link| link.close_all());
        for link in links {
            link.farewell().await;
        }
    }

    /// The connections that are used.
    pub(crate) fn in_use(&self) -> Vec<InUse> {
        let links: Vec<Rc<Link>> = self.links.borrow().iter().flatten().cloned().collect();
        let of_link = |link: Rc<Link>| {
            let busy = link.busy().into_iter();
            busy.map(move |(handle, known, path)| InUse { link: link.clone(), handle, known, remote: path.remote })
        };
        links.into_iter().flat_map(of_link).collect()
    }

    /// The endpoint for servers of this address family.
    fn link(&self, remote: SocketAddr) -> Result<Rc<Link>, Error> {
        let place = usize::from(remote.is_ipv6());
        let known = self.links.borrow()[place].clone().filter(|link| !link.is_broken());
        if let Some(link) = known {
            return Ok(link);
        }
        let no_route = |error| Error::NoRoute { address: remote, error: Arc::new(error) };
        let socket = sockets::open(remote.is_ipv4()).map_err(no_route)?;
        let link = Link::client(&self.handle, socket, self.endpoint()).map_err(Error::system)?;
        if let Some(trace) = &self.trace {
            link.trace(trace.clone());
        }
        self.links.borrow_mut()[place] = Some(link.clone());
        Ok(link)
    }

    fn endpoint(&self) -> Endpoint {
        let mut config = quic::EndpointConfig::new(self.provider, self.transport.clone(), None);
        config.token_store = self.tokens.clone();
        let random = Box::new(crypto_ring::SystemRandom::new());
        Endpoint::new(quic::Endpoint::new(clock::now(), config, random), self.http.clone())
    }
}

/// Waits for the end of the handshake, as long as `sleep` takes.
async fn established(
    known: Rc<Known>,
    address: SocketAddr,
    sleep: impl Future<Output = ()>,
    patience: Duration,
) -> Result<(), Error> {
    let mut sleep = pin!(sleep);
    let mut seen = 0;
    poll_fn(|context| {
        loop {
            match known.standing() {
                Standing::Open => return Poll::Ready(Ok(())),
                Standing::GoingAway => return Poll::Ready(Err(Error::GoingAway)),
                Standing::Over(error) => return Poll::Ready(Err(Error::clone(&error))),
                Standing::Handshaking | Standing::Early if known.is_refused() => {
                    return Poll::Ready(Err(Error::Refused { address }));
                }
                Standing::Handshaking | Standing::Early => {}
            }
            if sleep.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(Error::NoAnswer { address, after: patience }));
            }
            if known.poll_change(&mut seen, context).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await
}

impl Connection for Http3Connection {
    fn is_open(&self) -> bool {
        matches!(self.known.standing(), Standing::Open | Standing::Early)
    }

    fn is_proven(&self) -> bool {
        self.known.is_proven()
    }

    fn poll_proven(&self, context: &Context<'_>) -> Poll<Result<(), Error>> {
        self.known.poll_proven(context).map(|()| match self.known.standing() {
            Standing::Over(error) => Err(Error::clone(&error)),
            _ => Ok(()),
        })
    }

    fn idle_since(&self) -> Option<Instant> {
        self.known.idle_since()
    }

    fn open(&self, head: &RequestHead, ends: bool) -> Option<Result<Exchange, Error>> {
        let sent = self.link.with(self.handle, |http, transport| http.send_request(transport, head, ends));
        Some(match sent {
            Some(Ok(id)) => {
                relocation::watch(&self.link, &self.on_event);
                Ok(exchange(&self.link, self.handle, &self.known, id, Peer::at(self.remote)))
            }
            Some(Err(SendError::Blocked)) => return None,
            Some(Err(SendError::Closed)) | None => Err(match self.known.standing() {
                Standing::Over(error) => Error::clone(&error),
                _ => Error::GoingAway,
            }),
            Some(Err(SendError::GoingAway)) => Err(Error::GoingAway),
            Some(Err(error)) => Err(Error::not_sent(error)),
        })
    }

    fn openings(&self) -> u64 {
        self.known.streams_available()
    }

    fn poll_openings(&self, seen: &mut u64, context: &Context<'_>) -> Poll<()> {
        self.known.poll_change(seen, context)
    }

    fn poll_closing(&self, context: &Context<'_>) -> Poll<()> {
        self.known.poll_closing(context)
    }

    fn migrate(&self) -> Task<'_, Result<(), Error>> {
        Box::pin(self.link.migrate(self.handle, &self.known, self.known.remote().unwrap_or(self.remote)))
    }

    fn stats(&self) -> Option<(SocketAddr, Stats)> {
        Some((self.known.remote().unwrap_or(self.remote), self.link.stats_of(self.handle)?))
    }

    fn paths(&self) -> Vec<PathStats> {
        self.link.paths_of(self.handle)
    }

    fn update_keys(&self) -> bool {
        self.link.update_keys(self.handle)
    }

    fn alternative(&self) -> Option<&str> {
        self.alternative.as_deref()
    }

    fn sessions(&self) -> Option<Rc<dyn SessionDoor>> {
        let line = SessionLine { link: self.link.clone(), known: self.known.clone(), handle: self.handle };
        Some(Rc::new(line))
    }

    fn begin_session(&self, protocol: &str, url: String) -> Option<Session> {
        // As long as somebody holds the session, silence of both does not end it.
        self.link.with_transport(self.handle, |transport| transport.keep_alive_while(true))?;
        relocation::watch(&self.link, &self.on_event);
        let peer = self.link.peer_of(self.handle)?;
        Some(raw_session::begin(&self.link, self.handle, &self.known, peer, url, protocol.to_owned()))
    }

    fn looked_up(&self) -> Duration {
        self.looked_up
    }

    fn close(&self) {
        self.link.close(&[self.handle]);
    }
}

impl Drop for Http3Connection {
    fn drop(&mut self) {
        self.link.abandon(self.handle, &self.known);
    }
}
