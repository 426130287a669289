//! A client's connections by TCP: how one is opened, and what is asked of it.
//!
//! HTTP/1.1 carries one exchange at a time, so what is one connection to the pool is up to six of TCP there, which are opened as they are
//! needed.

use crate::client::connection::{Connection, Task};
use crate::error::Error;
use crate::exchange::calls::{Exchange, Peer};
use crate::exchange::version::HttpVersion;
use crate::server::event::ServerEvent;
use crate::tcp::carrier::{Carrier, Secure};
use crate::tcp::door;
use crate::tcp::line::{Arrival, Line, Owner};
use crate::tcp::machine::{Configs, Machine};
use crate::websocket::connecting::Connecting;
use base::{Instant, Side, StreamMemory};
use crypto_ring::SystemRandom;
use http::exchange::SendError;
use http::{Method, RequestHead};
use quic::{PathStats, Stats};
use runtime::executor::Watched;
use runtime::{Handle, StreamDriver, TcpStream};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tls::record::Settings;
use x509::ServerName;

/// TCP connections to one server over HTTP/1.1: what browsers have. A server that refuses a further one is left with those it has.
const MOST_LINES: usize = 6;
/// For how long a server that has refused a connection, and has none that is of use, is not asked for another.
const REFUSED: Duration = Duration::from_secs(1);

/// How connections by TCP are opened.
pub(crate) struct TcpDial {
    handle: Handle,
    tls: Arc<tls::ClientConfig>,
    settings: Settings,
    memory: Rc<RefCell<StreamMemory>>,
    lines: RefCell<Vec<Weak<Line>>>,
    /// Whom the WebSockets of the client are being opened to.
    connecting: Rc<Connecting>,
}

/// A server, and where it is.
#[derive(Clone)]
struct Place {
    host: Rc<str>,
    name: ServerName,
    remote: SocketAddr,
    patience: Duration,
}

/// What is one connection to the pool. It is closed when this is dropped and no exchange goes on.
struct TcpConnection {
    dial: Rc<TcpDial>,
    place: Place,
    shared: Rc<Shared>,
    looked_up: Duration,
}

/// What the TCP connections of one of the pool's share.
struct Shared {
    handle: Handle,
    lines: RefCell<Vec<Rc<Line>>>,
    /// Those that are being opened.
    opening: Cell<usize>,
    /// How many the server takes, as far as is known.
    most: Cell<usize>,
    /// When it refused one and there was no other of use, and how.
    refused: RefCell<Option<(Instant, Error)>>,
    /// How often exchanges became possible.
    openings: Cell<u64>,
    /// Since when nobody has worked on an exchange.
    idle_since: Cell<Instant>,
    /// Nobody holds the connection: it ends with its last exchange.
    is_abandoned: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

/// What is known of a TCP connection beside its line.
struct Own {
    shared: Rc<Shared>,
    is_ready: Cell<bool>,
    is_over: Cell<bool>,
    failure: RefCell<Option<tls::record::Error>>,
}

impl Shared {
    fn wake(&self) {
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    fn wait(&self, context: &Context<'_>) {
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.push(context.waker().clone());
        }
    }

    fn on_opening(&self) {
        self.openings.set(self.openings.get() + 1);
        self.wake();
    }

    /// Those that have not ended.
    fn lines(&self) -> Vec<Rc<Line>> {
        self.lines.borrow().clone()
    }

    /// A further connection was refused. Those that there are go on. A server that is asked again and again while they are in use
    /// would be asked as fast as it refuses.
    fn on_refused(&self, error: Error) {
        // One whose handshake failed may still be among them.
        let of_use = |line: &&Rc<Line>| line.version().is_some() && !line.is_tunnel();
        match self.lines.borrow().iter().filter(of_use).count() {
            0 => *self.refused.borrow_mut() = Some((self.handle.now(), error)),
            count => self.most.set(count),
        }
    }

    /// Why there is no connection of use, and for now will be none.
    fn refusal(&self) -> Option<Error> {
        let refused = self.refused.borrow();
        let (at, error) = refused.as_ref()?;
        (self.handle.now() < *at + REFUSED).then(|| error.clone())
    }

    fn is_idle(&self) -> bool {
        self.lines.borrow().iter().all(|line| line.is_idle())
    }

    fn close(&self) {
        for line in self.lines() {
            line.with(Machine::close);
        }
    }

    fn close_if_unused(&self) {
        if self.is_abandoned.get() && self.is_idle() {
            self.close();
        }
    }
}

impl Owner for Own {
    fn handle(&self) -> &Handle {
        &self.shared.handle
    }

    fn on_arrival(&self, _arrival: Arrival<'_>) {
        unreachable!("a client's machine tells of no requests");
    }

    fn on_exchange_end(&self) {
        self.shared.idle_since.set(self.shared.handle.now());
        self.shared.close_if_unused();
    }

    fn tell(&self, _event: &ServerEvent<'_>) {}

    fn on_available(&self) {
        self.shared.on_opening();
    }

    fn on_change(&self, carrier: &Carrier) {
        self.is_ready.set(self.is_ready.get() || carrier.machine().version().is_some());
        if let Some(error) = carrier.tls_error() {
            self.failure.borrow_mut().get_or_insert_with(|| error.clone());
        }
        self.shared.wake();
    }
}

impl Own {
    /// Waits for the end of the handshake.
    async fn ready(&self, place: &Place) -> Result<(), Error> {
        let address = place.remote;
        poll_fn(|context| {
            if let Some(error) = self.failure.borrow().clone() {
                return Poll::Ready(Err(match error {
                    tls::record::Error::Tls(tls::Error::Certificate(error)) => {
                        Error::Certificate { host: place.host.to_string(), error }
                    }
                    error => Error::Tls { address, error },
                }));
            }
            if self.is_over.get() {
                return Poll::Ready(Err(Error::BrokenOff { address }));
            }
            if self.is_ready.get() {
                return Poll::Ready(Ok(()));
            }
            self.shared.wait(context);
            Poll::Pending
        })
        .await
    }
}

impl TcpDial {
    /// Connections with these settings, on an executor. `tls` offers what [`PROTOCOLS`](crate::tcp::machine::PROTOCOLS) has.
    pub(crate) fn new(handle: Handle, tls: tls::ClientConfig, connecting: Rc<Connecting>) -> Rc<TcpDial> {
        let (tls, settings) = (Arc::new(tls), Settings::default());
        Rc::new(TcpDial { handle, tls, settings, memory: Rc::default(), lines: RefCell::default(), connecting })
    }

    /// A connection to this server at this address, which may take so long; the application calls it `host`, and it was found in the
    /// time `looked_up`.
    pub(crate) async fn attempt(
        self: &Rc<TcpDial>,
        host: &str,
        name: &ServerName,
        remote: SocketAddr,
        patience: Duration,
        looked_up: Duration,
    ) -> Result<Rc<dyn Connection>, Error> {
        let patience = self.reach(host, remote, patience).await?;
        let place = Place { host: host.into(), name: name.clone(), remote, patience };
        let shared = Rc::new(Shared {
            handle: self.handle.clone(),
            lines: RefCell::default(),
            opening: Cell::new(0),
            most: Cell::new(MOST_LINES),
            refused: RefCell::default(),
            openings: Cell::new(0),
            idle_since: Cell::new(Instant::ZERO),
            is_abandoned: Cell::new(false),
            waiting: RefCell::default(),
        });
        let connection = TcpConnection { dial: self.clone(), place, shared, looked_up };
        open(self, &connection.place, &connection.shared)
            .await
            .inspect_err(|_| self.connecting.leave(host, remote.ip()))?;
        Ok(Rc::new(connection))
    }

    /// Has a WebSocket wait until no other is being opened to this address; gives what is left of the time.
    async fn reach(&self, host: &str, remote: SocketAddr, patience: Duration) -> Result<Duration, Error> {
        let begun = self.handle.read_clock();
        let reached = self.handle.timeout(patience, self.connecting.reach(host, remote.ip())).await;
        reached.map_err(|_| {
            let others = "other WebSockets to this address, which are opened one by one,";
            Error::Message(format!("{remote}: {others} took longer than {patience:?}"))
        })?;
        Ok(patience.saturating_sub(self.handle.now() - begun))
    }

    /// Begins a connection on a stream that is open.
    fn begin(&self, place: &Place, shared: &Rc<Shared>, stream: Watched<TcpStream>) -> Result<Rc<Own>, Error> {
        let mut random = SystemRandom::new();
        let now = self.handle.read_clock();
        let tls =
            tls::record::Connection::client(self.tls.clone(), place.name.clone(), &self.settings, now, &mut random)
                .map_err(|error| Error::Tls { address: place.remote, error })?;
        let (http1, http2) = (h1::Config::default(), h2::Config::default());
        let configs = Configs { side: Side::Client, http1, http2, alternative: None, memory: None, is_draining: false };
        let secure = Secure::new(tls, Machine::new(configs), &self.settings, random);
        let machine = Rc::new(RefCell::new(Carrier::Tls(secure)));
        let own = Rc::new(Own {
            shared: shared.clone(),
            is_ready: Cell::new(false),
            is_over: Cell::new(false),
            failure: RefCell::default(),
        });
        let line = Rc::new(Line::new(own.clone(), machine.clone(), place.remote));
        let progress = line.clone();
        let deliver = move |carrier: &mut Carrier, _| progress.deliver(carrier);
        let (driver, notice) = StreamDriver::new(&self.handle, stream, machine, self.memory.clone(), deliver);
        let (ended, known) = (line.clone(), own.clone());
        let task = self.handle.spawn_driver(async move {
            let _ending = driver.await;
            ended.on_end();
            known.is_over.set(true);
            known.shared.lines.borrow_mut().retain(|other| !Rc::ptr_eq(other, &ended));
            known.shared.on_opening();
        });
        line.set_driver(notice, task);
        let mut lines = self.lines.borrow_mut();
        lines.retain(|line| line.strong_count() > 0);
        lines.push(Rc::downgrade(&line));
        shared.lines.borrow_mut().push(line);
        Ok(own)
    }

    /// Closes all connections.
    pub(crate) fn close_all(&self) {
        let lines: Vec<Rc<Line>> = self.lines.borrow().iter().filter_map(Weak::upgrade).collect();
        for line in lines {
            line.with(Machine::close);
        }
    }
}

/// Opens one more TCP connection.
async fn open(dial: &TcpDial, place: &Place, shared: &Rc<Shared>) -> Result<(), Error> {
    shared.opening.set(shared.opening.get() + 1);
    let opened = async {
        let remote = place.remote;
        let stream = TcpStream::connect(&dial.handle, remote).await.map_err(|error| match error.kind() {
            ErrorKind::ConnectionRefused => Error::Refused { address: remote },
            ErrorKind::ConnectionReset => Error::BrokenOff { address: remote },
            ErrorKind::TimedOut => Error::NoAnswer { address: remote, after: place.patience },
            _ => Error::NoRoute { address: remote, error: Arc::new(error) },
        })?;
        dial.begin(place, shared, stream)?.ready(place).await
    };
    let opened = dial.handle.timeout(place.patience, opened).await;
    shared.opening.set(shared.opening.get() - 1);
    shared.on_opening();
    opened.unwrap_or(Err(Error::NoAnswer { address: place.remote, after: place.patience }))
}

impl TcpConnection {
    /// Opens one more TCP connection, if they are all in use and carry one exchange at a time.
    fn open_one_more(&self, lines: &[Rc<Line>]) {
        let is_http1 = lines.iter().all(|line| line.version() == Some(HttpVersion::Http1));
        // A line that is a WebSocket's is lost to others.
        let in_use = lines.iter().filter(|line| !line.is_tunnel()).count();
        if !is_http1 || in_use + self.shared.opening.get() >= self.shared.most.get() {
            return;
        }
        let (dial, place, shared) = (self.dial.clone(), self.place.clone(), self.shared.clone());
        self.shared.handle.spawn_detached(async move {
            if let Err(error) = open(&dial, &place, &shared).await {
                shared.on_refused(error);
            }
        });
    }
}

impl Connection for TcpConnection {
    fn is_open(&self) -> bool {
        self.shared.opening.get() > 0 || self.shared.lines.borrow().iter().any(|line| line.is_open())
    }

    fn idle_since(&self) -> Option<Instant> {
        self.shared.is_idle().then(|| self.shared.idle_since.get())
    }

    fn poll_closing(&self, context: &Context<'_>) -> Poll<()> {
        if !self.is_open() {
            return Poll::Ready(());
        }
        self.shared.wait(context);
        Poll::Pending
    }

    fn open(&self, head: &RequestHead, ends: bool) -> Option<Result<Exchange, Error>> {
        if head.method == Method::Connect && head.protocol.is_none() {
            let words = "the server was reached by TCP, and a client goes through a proxy by HTTP/3 alone";
            return Some(Err(Error::Message(words.into())));
        }
        let lines = self.shared.lines();
        let mut is_blocked = self.shared.opening.get() > 0;
        for line in &lines {
            let Some(version) = line.version() else { continue };
            match line.with(|machine, now| machine.open(now, head, ends)) {
                Some(Ok(place)) => {
                    if version == HttpVersion::Http1 && head.protocol.is_some() {
                        line.become_tunnel();
                    }
                    let peer = Peer { version, ..Peer::at(self.place.remote) };
                    return Some(Ok(door::exchange(line, place, peer)));
                }
                Some(Err(SendError::Blocked)) => is_blocked = true,
                Some(Err(SendError::Closed | SendError::GoingAway)) | None => {}
                Some(Err(error)) => return Some(Err(Error::not_sent(error))),
            }
        }
        if !is_blocked {
            return Some(Err(Error::GoingAway));
        }
        if let Some(error) = self.shared.refusal() {
            return Some(Err(error));
        }
        self.open_one_more(&lines);
        None
    }

    fn openings(&self) -> u64 {
        self.shared.openings.get()
    }

    fn poll_openings(&self, seen: &mut u64, context: &Context<'_>) -> Poll<()> {
        let now = self.shared.openings.get();
        if *seen != now || !self.is_open() {
            *seen = now;
            return Poll::Ready(());
        }
        self.shared.wait(context);
        Poll::Pending
    }

    /// A TCP connection stays where it is.
    fn migrate(&self) -> Task<'_, Result<(), Error>> {
        Box::pin(async { Err(Error::Message("a connection by TCP cannot move to another port".into())) })
    }

    fn stats(&self) -> Option<(SocketAddr, Stats)> {
        None
    }

    fn paths(&self) -> Vec<PathStats> {
        Vec::new()
    }

    fn update_keys(&self) -> bool {
        false
    }

    fn version(&self) -> HttpVersion {
        let version = self.shared.lines.borrow().iter().find_map(|line| line.version());
        version.unwrap_or(HttpVersion::Http1)
    }

    fn remote(&self) -> Option<SocketAddr> {
        self.is_open().then_some(self.place.remote)
    }

    fn looked_up(&self) -> Duration {
        self.looked_up
    }

    fn close(&self) {
        self.shared.close();
    }
}

impl Drop for TcpConnection {
    fn drop(&mut self) {
        self.shared.is_abandoned.set(true);
        self.shared.close_if_unused();
    }
}
