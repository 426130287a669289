//! An HTTP/3 endpoint on its sockets, shared by the tasks of one thread: it brings each event to the exchange it is about,
//! and lends the machine to whoever has something to do.
//!
//! What is known of a connection ([`Known`]) is kept by the endpoint, beside the connection itself; there is no further
//! table. Exchanges are found in it by their stream, as HTTP/3 names them: events of HTTP/3 are not those of the transport's
//! streams, so a word kept with a stream would not come with them.
//!
//! Rule: the machine is borrowed for the time of one call and never across a wait; nobody is called back while it is
//! borrowed, except to be given a new request.

use crate::error::Error;
use crate::exchange::calls::{Events, Peer};
use crate::exchange::version::HttpVersion;
use crate::http3::ebb::{self, Ebb};
use crate::http3::known::Known;
use crate::http3::new_session::NewSession;
use crate::http3::sessions;
use crate::http3::sockets::{self, Port, Sockets};
use crate::server::authorities::{Authorities, AuthoritySource};
use crate::server::event::{OnConnectionEnd, OnEvent, ServerEvent};
use crate::server::networks::Networks;
use crate::trace::SharedTrace;
use base::{Duration, FourTuple, Instant, Side, StreamId, VarInt};
use h3::error_code;
use h3::{EndpointEvent, Event, OverQuic};
use http::{RequestHead, exchange};
use quic::{CloseReason, Connection, ConnectionHandle, EndpointStats, MigrateError, PathStats, Stats};
use runtime::udp::source_address;
use runtime::{Driver, DriverHandle, Handle, Handover, JoinHandle, SocketError, UdpOptions, UdpSocket};
use std::cell::{Cell, OnceCell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tls::Session;

/// The endpoint, with what is known of each connection.
pub(crate) type Endpoint = h3::Endpoint<Rc<Known>>;

/// Given each new request.
type OnRequest = Box<dyn Fn(&Rc<Link>, NewRequest)>;

/// A request that has just come.
pub(crate) struct NewRequest {
    /// Its connection.
    pub(crate) handle: ConnectionHandle,
    /// What is known of that.
    pub(crate) known: Rc<Known>,
    /// Its stream.
    pub(crate) id: StreamId,
    /// Who asks.
    pub(crate) peer: Peer,
    /// What is asked for.
    pub(crate) head: Box<RequestHead>,
    /// What its connection is good for.
    pub(crate) authorities: Rc<Authorities>,
}

/// Given each new session without HTTP: whether it begins. One of early data that does not is given again after the handshake.
type OnSession = Box<dyn Fn(&Rc<Link>, NewSession) -> bool>;

/// What a server that ends waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waits {
    /// Connections that are open.
    pub(crate) connections: usize,
    /// Requests on them that are not answered in full.
    pub(crate) requests: usize,
}

/// Refused paths that are kept until the watch looks at them: each turn of the driver tells of each path once.
const MAX_PATHLESS: usize = 64;

/// An endpoint and its connections.
pub(crate) struct Link {
    itself: Weak<Link>,
    handle: Handle,
    machine: Rc<RefCell<Endpoint>>,
    driver: OnceCell<DriverHandle>,
    task: Cell<Option<JoinHandle<()>>>,
    exchanges: Cell<usize>,
    /// Of exchanges, and of connections.
    ebbs: [Ebb; 2],
    /// Connections that are open and not flushed.
    unflushed: Cell<usize>,
    /// How often each open connection was told that requests are to end (RFC 9114 section 5.2): a notice, then the end.
    goaways: Cell<u32>,
    /// A server's: who is given requests, and what its connections are good for.
    on_request: OnceCell<(OnRequest, AuthoritySource)>,
    /// A server's: who is given sessions without HTTP.
    on_session: OnceCell<OnSession>,
    /// Who is told what goes wrong on a server.
    on_event: OnceCell<Rc<OnEvent>>,
    on_connection_end: OnceCell<Rc<OnConnectionEnd>>,
    trace: OnceCell<SharedTrace>,
    /// A server's: how many connections each network has.
    networks: OnceCell<Arc<Networks>>,
    /// Who waits until nobody works on an exchange.
    answered: RefCell<Vec<Waker>>,
    /// Who waits until nothing is left to be answered or acknowledged.
    idle: RefCell<Vec<Waker>>,
    broken: RefCell<Option<io::Error>>,
    is_broken: Cell<bool>,
    /// Who waits for the sockets to break.
    breaking: RefCell<Vec<Waker>>,
    addresses: Vec<SocketAddr>,
    /// A client's.
    sockets: Option<RefCell<Sockets>>,
    /// Connections of a client whose handshake is not complete: whom a report that nobody listens may be about.
    reaching: RefCell<Vec<Rc<Known>>>,
    /// Whether somebody looks for changes of this host's addresses.
    is_watched: Cell<bool>,
    /// Paths on which the system would not send, and that somebody.
    pathless: RefCell<Vec<FourTuple>>,
    watching: RefCell<Vec<Waker>>,
}

impl Link {
    /// Runs a server's `endpoint` on `sockets`; `handover` is to and from the other workers and the servers before it. Established
    /// connections are counted in `networks`.
    pub(crate) fn serve(
        handle: &Handle,
        sockets: Vec<UdpSocket>,
        endpoint: Endpoint,
        handover: Handover,
        networks: Arc<Networks>,
    ) -> io::Result<Rc<Link>> {
        let link = Link::start(handle, sockets, endpoint, Some(handover), None)?;
        let _first = link.networks.set(networks);
        Ok(link)
    }

    /// Runs a client's `endpoint` on `socket`, and on further ones when connections move.
    pub(crate) fn client(handle: &Handle, socket: UdpSocket, endpoint: Endpoint) -> io::Result<Rc<Link>> {
        let sockets = RefCell::new(Sockets::new(&socket));
        Link::start(handle, vec![socket], endpoint, None, Some(sockets))
    }

    fn start(
        handle: &Handle,
        sockets: Vec<UdpSocket>,
        endpoint: Endpoint,
        handover: Option<Handover>,
        of_client: Option<RefCell<Sockets>>,
    ) -> io::Result<Rc<Link>> {
        let machine = Rc::new(RefCell::new(endpoint));
        let link = Rc::new_cyclic(|itself| Link {
            itself: itself.clone(),
            handle: handle.clone(),
            machine: machine.clone(),
            driver: OnceCell::new(),
            task: Cell::new(None),
            exchanges: Cell::new(0),
            ebbs: Default::default(),
            unflushed: Cell::new(0),
            goaways: Cell::new(0),
            on_request: OnceCell::new(),
            on_session: OnceCell::new(),
            on_event: OnceCell::new(),
            on_connection_end: OnceCell::new(),
            trace: OnceCell::new(),
            networks: OnceCell::new(),
            answered: RefCell::default(),
            idle: RefCell::default(),
            broken: RefCell::default(),
            is_broken: Cell::default(),
            breaking: RefCell::default(),
            addresses: sockets.iter().map(UdpSocket::local_address).collect(),
            sockets: of_client,
            reaching: RefCell::default(),
            is_watched: Cell::default(),
            pathless: RefCell::default(),
            watching: RefCell::default(),
        });
        let weak = Rc::downgrade(&link);
        let deliver = weak.clone();
        let (mut driver, notice) = Driver::new(handle, sockets, machine, move |endpoint: &mut Endpoint, now| {
            if let Some(link) = Weak::upgrade(&deliver) {
                link.deliver_all(endpoint, now);
                link.look_for_socket_errors();
            }
        })?;
        if let Some(handover) = handover {
            driver.set_handover(handover)?;
        }
        assert!(link.driver.set(notice).is_ok(), "a link has one driver");
        let task = handle.spawn_driver(async move {
            let result = driver.await;
            if let (Some(link), Err(error)) = (weak.upgrade(), result) {
                link.on_broken(error);
            }
        });
        link.task.set(Some(task));
        Ok(link)
    }

    /// Who is given new requests, and what the connections are good for. To be called once, before any can come.
    pub(crate) fn on_request(&self, on_request: OnRequest, authorities: AuthoritySource) {
        assert!(self.on_request.set((on_request, authorities)).is_ok(), "requests are given to one");
    }

    /// Who is given new sessions without HTTP. To be called once, before any can come.
    pub(crate) fn on_new_session(&self, on_session: OnSession) {
        assert!(self.on_session.set(on_session).is_ok(), "sessions are given to one");
    }

    /// Who is told of the ends of connections. To be called once at most.
    pub(crate) fn on_connection_end(&self, on_connection_end: Rc<OnConnectionEnd>) {
        assert!(self.on_connection_end.set(on_connection_end).is_ok(), "ends are told to one");
    }

    /// Who is told what goes wrong. To be called once at most.
    pub(crate) fn on_event(&self, on_event: Rc<OnEvent>) {
        assert!(self.on_event.set(on_event).is_ok(), "events are told to one");
    }

    /// Who is told, if anybody is.
    pub(crate) fn event_sink(&self) -> Option<Rc<OnEvent>> {
        self.on_event.get().cloned()
    }

    /// Who is given the records of connections, if they are traced. To be called once at most.
    pub(crate) fn trace(&self, trace: SharedTrace) {
        assert!(self.trace.set(trace).is_ok(), "records are given to one");
    }

    fn pull_traces(&self, endpoint: &mut Endpoint) {
        if let Some(trace) = self.trace.get() {
            endpoint.quic_mut().poll_traces(&mut |record| trace.record(record));
        }
    }

    /// Which end of its connections this is.
    pub(crate) const fn side(&self) -> Side {
        if self.sockets.is_some() { Side::Client } else { Side::Server }
    }

    /// The executor that it runs on.
    pub(crate) const fn executor(&self) -> &Handle {
        &self.handle
    }

    /// Where the sockets were bound at first.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Begins a connection to a server, which the application calls `host`.
    pub(crate) fn connect(
        &self,
        tls: Arc<tls::ClientConfig>,
        name: x509::ServerName,
        host: &str,
        remote: SocketAddr,
        offers_early_data: bool,
    ) -> Result<(ConnectionHandle, Rc<Known>), Error> {
        let no_route = |error| Error::NoRoute { address: remote, error: Arc::new(error) };
        let source = source_address(remote).map_err(no_route)?;
        let sockets = self.sockets.as_ref().expect("a client has sockets of its own");
        let port = sockets.borrow().newest();
        let four_tuple = FourTuple { local: SocketAddr::new(source, port), remote };
        let begun = self.with_endpoint(|endpoint, now| {
            let handle = endpoint.connect_with(now, tls, name, four_tuple, offers_early_data);
            let handle = handle.map_err(Error::message)?;
            let known = endpoint.value(handle).expect("a connection that begins has its value").clone();
            sockets.borrow_mut().join(port);
            known.on_begin(host, remote, port);
            self.reaching.borrow_mut().push(known.clone());
            Ok((handle, known))
        });
        begun.ok_or(Error::ShutDown)?
    }

    /// Moves a connection to another port, or to the address that leads to its server now (RFC 9000 section 9). The socket
    /// before is used until the next move, for what the other end has sent there. One move at a time, in the order in which they
    /// were asked for; it goes on if nobody waits for it. Where the server has given no connection ID to move with yet, it is waited
    /// for, because a server gives another for each that was used.
    pub(crate) async fn migrate(
        &self,
        handle: ConnectionHandle,
        known: &Known,
        remote: SocketAddr,
    ) -> Result<(), Error> {
        let turn = known.line_up_to_move();
        poll_fn(|context| turn.poll(context)).await;
        let patience = self.handle.read_clock() + ID_PATIENCE;
        let arrived = loop {
            match self.begin_move(handle, known, remote) {
                Ok(arrived) => break arrived,
                Err(NoMove::Later(after)) if self.handle.read_clock() + after <= patience => {
                    self.handle.sleep(after).await;
                }
                Err(NoMove::Later(_)) => {
                    let words = format!("the server has given no connection ID to move with for {ID_PATIENCE:?}");
                    return Err(Error::Message(words));
                }
                Err(NoMove::Never(error)) => return Err(error),
            }
        };
        if poll_fn(|context| known.poll_arrived(&arrived, context)).await {
            Ok(())
        } else {
            let words = "the server did not answer at the new address in time; the connection stays where it was";
            Err(Error::Message(words.into()))
        }
    }

    fn begin_move(
        &self,
        handle: ConnectionHandle,
        known: &Known,
        remote: SocketAddr,
    ) -> Result<Rc<Cell<Option<bool>>>, NoMove> {
        let no_route = |error| Error::NoRoute { address: remote, error: Arc::new(error) };
        let source = source_address(remote).map_err(no_route)?;
        let from = known.port().ok_or(Error::GoingAway)?;
        // Ports that the connection still knows from an earlier move. They are left at the end, or the system might give
        // the same one again.
        let mut refused = Vec::new();
        let begun = loop {
            let to = self.join_socket(from, remote, &refused)?;
            let local = SocketAddr::new(source, to);
            let begun = self.with_endpoint(|endpoint, now| {
                let connection = endpoint.quic_mut().connection_mut(handle).ok_or(None)?;
                connection.migrate(now, local).map_err(Some)?;
                Ok(known.begin_move(to))
            });
            let is_again = matches!(begun, Some(Err(Some(MigrateError::InUse)))) && refused.len() < MOST_KNOWN_PORTS;
            if !matches!(begun, Some(Ok(_))) {
                refused.push(to);
            }
            if !is_again {
                break begun;
            }
        };
        refused.into_iter().for_each(|port| self.leave(port));
        match begun {
            Some(Ok(arrived)) => Ok(arrived),
            Some(Err(Some(MigrateError::NoConnectionId { after: Some(after) }))) => Err(NoMove::Later(after)),
            Some(Err(Some(error))) => Err(NoMove::Never(Error::message(error))),
            Some(Err(None)) => Err(NoMove::Never(Error::GoingAway)),
            None => Err(NoMove::Never(Error::ShutDown)),
        }
    }

    /// A socket for a connection that is to leave port `from`: the newest, or one more if that is not another.
    fn join_socket(&self, from: Port, remote: SocketAddr, refused: &[Port]) -> Result<Port, Error> {
        let (Some(driver), Some(sockets)) = (self.driver.get(), &self.sockets) else { return Err(Error::ShutDown) };
        let mut to = sockets.borrow().newest();
        if to == from || refused.contains(&to) {
            let no_route = |error| Error::NoRoute { address: remote, error: Arc::new(error) };
            let socket = sockets::open(remote.is_ipv4()).map_err(no_route)?;
            to = socket.local_address().port();
            sockets.borrow_mut().add(&socket);
            driver.add_socket(socket).map_err(Error::system)?;
        }
        sockets.borrow_mut().join(to);
        Ok(to)
    }

    /// A connection has left a socket.
    fn leave(&self, port: Port) {
        let (Some(driver), Some(sockets)) = (self.driver.get(), &self.sockets) else { return };
        let mut sockets = sockets.borrow_mut();
        if sockets.leave(port) {
            driver.remove_socket(sockets.address(port));
        }
    }

    /// Has the driver send what there is to send.
    pub(crate) fn notify(&self) {
        if let Some(driver) = self.driver.get() {
            driver.notify();
        }
    }

    /// Works with the endpoint as a whole. Here connections begin and end, so the time is the true one.
    pub(crate) fn with_endpoint<R>(&self, call: impl FnOnce(&mut Endpoint, Instant) -> R) -> Option<R> {
        let now = self.handle.read_clock();
        let mut endpoint = self.machine.try_borrow_mut().ok()?;
        let result = call(&mut endpoint, now);
        self.deliver_all(&mut endpoint, now);
        drop(endpoint);
        self.notify();
        Some(result)
    }

    /// Works with one connection; `None` if it is over. This is done several times for each request. So the clock is not read,
    /// and where nothing came of it but something to send, that is left to the driver.
    pub(crate) fn with<R>(
        &self,
        handle: ConnectionHandle,
        call: impl FnOnce(&mut h3::Connection, &mut OverQuic<'_>) -> R,
    ) -> Option<R> {
        let now = self.handle.now();
        let mut endpoint = self.machine.try_borrow_mut().ok()?;
        let result = endpoint.with(now, handle, call);
        if endpoint.has_events() || self.trace.get().is_some() {
            self.deliver_all(&mut endpoint, now);
        }
        drop(endpoint);
        self.notify();
        result
    }

    /// Works with the transport of a connection without HTTP; `None` if it is over. As for [`Link::with`].
    pub(crate) fn with_transport<R>(
        &self,
        handle: ConnectionHandle,
        call: impl FnOnce(&mut Connection) -> R,
    ) -> Option<R> {
        let now = self.handle.now();
        let mut endpoint = self.machine.try_borrow_mut().ok()?;
        let result = endpoint.with_transport(handle, call);
        if endpoint.has_events() || self.trace.get().is_some() {
            self.deliver_all(&mut endpoint, now);
        }
        drop(endpoint);
        self.notify();
        result
    }

    /// Who the other end of a connection is, and what is known of it beside that.
    pub(crate) fn peer_of(&self, handle: ConnectionHandle) -> Option<Peer> {
        let of_one = |endpoint: &mut Endpoint, _| Some(peer(endpoint, handle, endpoint.value(handle)?.remote()?));
        self.with_endpoint(of_one).flatten()
    }

    /// Somebody works on the exchange of a stream from now on.
    pub(crate) fn add_exchange(&self, known: &Known, id: StreamId, events: Events) {
        if known.add_exchange(id, events) {
            self.exchanges.set(self.exchanges.get() + 1);
            self.follow_ebb(self.ebbs[0].on_count(self.exchanges.get()));
        }
    }

    /// No task works on the exchange any more. A session that was asked for by it and not begun never will be.
    pub(crate) fn remove_exchange(&self, handle: ConnectionHandle, known: &Known, id: StreamId) {
        if known.line().is_asked(id) {
            self.with(handle, |http, transport| known.line().refuse(http, transport, id));
        }
        if known.remove_exchange(id, self.handle.now()) {
            self.exchanges.set(self.exchanges.get() - 1);
            self.follow_ebb(self.ebbs[0].on_count(self.exchanges.get()));
            self.look_for_idle();
            self.close_if_unused(handle, known);
        }
    }

    /// The owner of a client's connection is gone: the connection ends with its last exchange.
    pub(crate) fn abandon(&self, handle: ConnectionHandle, known: &Known) {
        known.abandon();
        self.close_if_unused(handle, known);
    }

    fn close_if_unused(&self, handle: ConnectionHandle, known: &Known) {
        if known.is_unused() {
            self.close(&[handle]);
        }
    }

    /// Closes connections without a complaint.
    pub(crate) fn close(&self, handles: &[ConnectionHandle]) {
        self.with_endpoint(|endpoint, now| close_each(endpoint, now, handles));
    }

    /// A client's connection is of no use: all who use it are told why, and it is closed.
    pub(crate) fn fail(&self, handle: ConnectionHandle, known: &Rc<Known>, error: Error) {
        self.end(known, &Rc::new(error));
        self.close(&[handle]);
    }

    /// Closes all connections.
    pub(crate) fn close_all(&self) {
        self.with_endpoint(close_all);
    }

    /// What each connection has counted, and where its other end is.
    pub(crate) fn connection_stats(&self) -> Vec<(SocketAddr, Stats)> {
        let of_each = |endpoint: &mut Endpoint, _| {
            let quic = endpoint.quic();
            let connections = quic.handles().filter_map(|handle| quic.connection(handle));
            connections.map(|connection| (connection.four_tuple().remote, connection.stats())).collect()
        };
        self.with_endpoint(of_each).unwrap_or_default()
    }

    /// What one connection has counted, if it is not over.
    pub(crate) fn stats_of(&self, handle: ConnectionHandle) -> Option<Stats> {
        self.with_endpoint(|endpoint, _| endpoint.quic().connection(handle).map(|connection| connection.stats()))
            .flatten()
    }

    /// What is known of each path of one connection; nothing if it is over.
    pub(crate) fn paths_of(&self, handle: ConnectionHandle) -> Vec<PathStats> {
        let paths = self.with_endpoint(|endpoint, _| Some(endpoint.quic().connection(handle)?.paths()));
        paths.flatten().unwrap_or_default()
    }

    /// The same, of each connection.
    pub(crate) fn connection_paths(&self) -> Vec<Vec<PathStats>> {
        let of_each = |endpoint: &mut Endpoint, _| {
            let quic = endpoint.quic();
            quic.handles().filter_map(|handle| Some(quic.connection(handle)?.paths())).collect()
        };
        self.with_endpoint(of_each).unwrap_or_default()
    }

    /// Has the keys of a connection's packets updated; whether the connection is there.
    pub(crate) fn update_keys(&self, handle: ConnectionHandle) -> bool {
        let updated = self.with_endpoint(|endpoint, _| {
            endpoint.quic_mut().connection_mut(handle).map(|connection| connection.update_keys())
        });
        updated.flatten().is_some()
    }

    /// Connections on which something is under way, and which were begun by this side.
    pub(crate) fn busy(&self) -> Vec<(ConnectionHandle, Rc<Known>, PathStats)> {
        let of_each = |endpoint: &mut Endpoint, _| {
            let of_one = |handle| {
                let known = known(endpoint, handle);
                known.port().filter(|_| known.idle_since().is_none())?;
                let connection = endpoint.quic().connection(handle).filter(|connection| connection.is_open())?;
                Some((handle, known.clone(), connection.paths().into_iter().next()?))
            };
            endpoint.quic().handles().filter_map(of_one).collect()
        };
        self.with_endpoint(of_each).unwrap_or_default()
    }

    /// Somebody looks whether the addresses of this host change: whether nobody did before.
    pub(crate) fn begin_watch(&self) -> bool {
        !self.is_watched.replace(true)
    }

    /// Nobody does any more.
    pub(crate) fn end_watch(&self) {
        self.is_watched.set(false);
        self.pathless.borrow_mut().clear();
    }

    /// Waits until the system would not send on some paths, and gives them once.
    pub(crate) fn poll_pathless(&self, context: &Context<'_>) -> Poll<Vec<FourTuple>> {
        let paths = self.pathless.take();
        if !paths.is_empty() {
            return Poll::Ready(paths);
        }
        keep_waker(&self.watching, context);
        Poll::Pending
    }

    /// What the endpoint holds, and what became of first packets.
    pub(crate) fn endpoint_stats(&self) -> EndpointStats {
        self.with_endpoint(|endpoint, _| endpoint.quic().stats()).unwrap_or_default()
    }

    /// Exchanges under way.
    pub(crate) fn exchange_count(&self) -> usize {
        self.exchanges.get()
    }

    /// Tells every client that requests are to end: at first a notice, and when called again, which was the last. Clients
    /// whose handshake is complete later are told then.
    pub(crate) fn say_goaway(&self) {
        self.goaways.set(self.goaways.get() + 1);
        self.with_endpoint(|endpoint, now| {
            let handles = endpoint.quic().handles();
            let handles: Vec<ConnectionHandle> =
                handles.filter(|handle| known(endpoint, *handle).is_proven()).collect();
            for handle in handles {
                endpoint.with(now, handle, |http, transport| http.shutdown(transport));
                known(endpoint, handle).line().on_going_away();
                known(endpoint, handle).on_server_end();
            }
        });
    }

    /// What the end of a server waits for.
    pub(crate) fn waits(&self) -> Waits {
        let undelivered = |endpoint: &mut Endpoint, _| {
            // A session without HTTP is under way until somebody has closed it, as one over HTTP/3 is.
            let sessions = |handle| usize::from(endpoint.is_other(handle) && known(endpoint, handle).is_in_use());
            let handles = endpoint.quic().handles();
            handles.map(|handle| endpoint.undelivered(handle) + sessions(handle)).sum()
        };
        let requests: usize = self.with_endpoint(undelivered).unwrap_or(0);
        Waits { connections: self.unflushed.get(), requests }
    }

    /// Lets others bind beside the sockets of a server.
    pub(crate) async fn share_ports(&self) {
        if let Some(driver) = self.driver.get() {
            driver.share_ports().await;
        }
    }

    /// Gives each connection of a server a socket of its own for what its client sends, beside those that are shared, as far as
    /// `most` goes: first those that are owed most. So they outlive that a successor takes over the ports.
    pub(crate) fn bind_beside(&self, most: usize) {
        let Some(driver) = self.driver.get() else { return };
        let paths = self.with_endpoint(|endpoint, _| paths(endpoint)).unwrap_or_default();
        for path in paths.into_iter().take(most) {
            // Where the system refuses, the connection goes on with the others, as long as there is no successor.
            let _ = UdpSocket::bind_beside(path.local, path.remote, &UdpOptions::default())
                .and_then(|socket| driver.add_inlet(socket));
        }
    }

    /// Waits until no exchange is under way, as [`Link::poll_idle`] does.
    pub(crate) fn poll_answered(&self, context: &Context<'_>) -> Poll<()> {
        if self.exchanges.get() == 0 {
            return Poll::Ready(());
        }
        keep_waker(&self.answered, context);
        Poll::Pending
    }

    /// Waits until no exchange is under way, and every connection that is open was told to end and has delivered all that it
    /// had. The caller is woken for that and for nothing else.
    pub(crate) fn poll_idle(&self, context: &Context<'_>) -> Poll<()> {
        if self.is_idle() {
            return Poll::Ready(());
        }
        keep_waker(&self.idle, context);
        Poll::Pending
    }

    fn is_idle(&self) -> bool {
        self.exchanges.get() == 0 && self.unflushed.get() == 0
    }

    fn look_for_idle(&self) {
        if self.exchanges.get() == 0 {
            wake_all(&self.answered);
        }
        if self.is_idle() {
            wake_all(&self.idle);
        }
    }

    /// Waits until the system has taken what there is to send.
    pub(crate) async fn farewell(&self) {
        if let Some(driver) = self.driver.get() {
            // A socket that takes nothing for so long is given up.
            let _ = self.handle.timeout(FAREWELL, driver.flushed()).await;
        }
        // What was sent last follows from no input, so no turn of the driver has pulled its records.
        if let Ok(mut endpoint) = self.machine.try_borrow_mut() {
            self.pull_traces(&mut endpoint);
        }
    }

    /// Gives up the sockets.
    pub(crate) fn stop(&self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    /// Waits until the sockets cannot be used any more, and gives the reason once.
    pub(crate) fn poll_broken(&self, context: &Context<'_>) -> Poll<io::Error> {
        if let Some(error) = self.broken.borrow_mut().take() {
            return Poll::Ready(error);
        }
        keep_waker(&self.breaking, context);
        Poll::Pending
    }

    /// Whether the sockets cannot be used any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken.get()
    }

    fn deliver_all(&self, endpoint: &mut Endpoint, now: Instant) {
        while let Some(event) = endpoint.poll_event(now) {
            match event {
                EndpointEvent::CanSendEarly(handle) => self.on_can_send_early(endpoint, handle),
                EndpointEvent::Established(handle) => self.on_established(endpoint, now, handle),
                // Most ends take no sessions, and each request has some events.
                EndpointEvent::Http(handle, event) if endpoint.config().webtransport.is_none() => {
                    self.on_http(endpoint, handle, event);
                }
                EndpointEvent::Http(handle, event) => {
                    let (known, side) = (known(endpoint, handle).clone(), self.side());
                    if let Some(event) = sessions::hear(endpoint, now, handle, &known, side, event) {
                        self.on_http(endpoint, handle, event);
                    }
                }
                EndpointEvent::Transport(handle, event) => known(endpoint, handle).line().hear(&event),
                EndpointEvent::Migrated(handle) => self.on_move_end(known(endpoint, handle), true),
                EndpointEvent::MigrationFailed(handle) => self.on_move_end(known(endpoint, handle), false),
                EndpointEvent::PeerMoved(handle) => _ = self.follow_peer(endpoint, handle),
                EndpointEvent::PreferredAddressFailed(_) => {}
                EndpointEvent::Flushed(handle) => self.on_flushed(endpoint, now, handle),
                EndpointEvent::Closed(handle, reason) => self.on_closed(endpoint, handle, &reason),
                EndpointEvent::Drained(_, known) => self.on_drained(endpoint, &known),
            }
        }
        self.pull_traces(endpoint);
    }

    /// The driver has them ready when it has taken a turn, and at no other time.
    fn look_for_socket_errors(&self) {
        while let Some(error) = self.driver.get().and_then(DriverHandle::take_error) {
            self.on_socket_error(error);
        }
        while let Some(path) = self.driver.get().and_then(DriverHandle::take_pathless) {
            self.on_pathless(path);
        }
    }

    /// Nobody but a client's watch asks for it, and where nothing is under way nothing is kept.
    fn on_pathless(&self, path: FourTuple) {
        let mut paths = self.pathless.borrow_mut();
        if self.is_watched.get() && paths.len() < MAX_PATHLESS {
            paths.push(path);
            drop(paths);
            wake_all(&self.watching);
        }
    }

    /// The word of a host that nobody listens there counts only until the handshake is complete: later it might be anybody's
    /// (RFC 9000 section 14.2.1 treats such messages alike).
    fn on_socket_error(&self, error: SocketError) {
        let (io::ErrorKind::ConnectionRefused, Some(remote)) = (error.kind, error.remote) else { return };
        let reaching = self.reaching.borrow();
        reaching.iter().filter(|known| known.is_reaching(remote)).for_each(|known| known.on_refused());
    }

    /// A client has keys for early data, or a server has taken some that is none of HTTP.
    fn on_can_send_early(&self, endpoint: &Endpoint, handle: ConnectionHandle) {
        let known = self.follow_peer(endpoint, handle).clone();
        if endpoint.is_other(handle) {
            known.line().raw.borrow_mut().get_or_insert_default();
        }
        known.on_can_send_early();
        self.on_session(endpoint, handle, &known);
    }

    fn on_established(&self, endpoint: &mut Endpoint, now: Instant, handle: ConnectionHandle) {
        self.unflushed.set(self.unflushed.get() + 1);
        let known = self.follow_peer(endpoint, handle).clone();
        known.on_established();
        self.count_of_network(endpoint, now, handle);
        self.follow_ebb(self.ebbs[1].on_count(endpoint.quic().len()));
        self.forget_reaching(&known);
        if endpoint.is_other(handle) {
            known.line().raw.borrow_mut().get_or_insert_default();
            self.on_session(endpoint, handle, &known);
            if self.goaways.get() > 0 {
                known.line().on_going_away();
            }
        }
        // Who comes while the server ends is told so.
        for _ in 0..self.goaways.get() {
            endpoint.with(now, handle, |http, transport| http.shutdown(transport));
        }
    }

    /// Counts a connection that is established. Many that began at once may have become more than their network may have.
    fn count_of_network(&self, endpoint: &mut Endpoint, now: Instant, handle: ConnectionHandle) {
        let known = known(endpoint, handle).clone();
        let (Some(networks), Some(remote)) = (self.networks.get(), known.remote()) else { return };
        match networks.enter(remote.ip()) {
            Ok(place) => known.take_place(place),
            Err(full) => {
                if full.is_news {
                    self.tell(&ServerEvent::NetworkFull { remote });
                }
                let (is_other, why) = (endpoint.is_other(handle), "your network has too many connections");
                match endpoint.quic_mut().connection_mut(handle) {
                    // Its codes are the application's.
                    Some(connection) if is_other => connection.refuse(now, why),
                    Some(connection) => connection.close(now, error_code::H3_EXCESSIVE_LOAD, why.as_bytes()),
                    None => {}
                }
            }
        }
    }

    /// A session without HTTP, which is its connection, has begun.
    fn on_session(&self, endpoint: &Endpoint, handle: ConnectionHandle, known: &Rc<Known>) {
        let Some(on_session) = self.on_session.get().filter(|_| !known.line().has_begun.get()) else { return };
        let Some((link, remote)) = self.itself.upgrade().zip(known.remote()) else { return };
        let peer = peer(endpoint, handle, remote);
        let session = endpoint.quic().connection(handle).map(Connection::session);
        let begins = on_session(&link, NewSession::of(handle, known, peer, session));
        known.line().has_begun.set(begins);
    }

    /// Much of what there was has gone, if it `is_due`: some time later its memory is given back. Not a client's: it is a part of
    /// an application, which knows better.
    fn follow_ebb(&self, is_due: bool) {
        if !is_due || self.sockets.is_some() {
            return;
        }
        let (link, wait) = (self.itself.clone(), self.handle.sleep(ebb::AFTER));
        self.handle.spawn_detached(async move {
            wait.await;
            if let Some(link) = Weak::upgrade(&link) {
                link.release_memory();
            }
        });
    }

    fn release_memory(&self) {
        let connections = self.with_endpoint(|endpoint, _| {
            endpoint.quic_mut().release_memory();
            endpoint.quic().len()
        });
        for (ebb, count) in self.ebbs.iter().zip([self.exchanges.get(), connections.unwrap_or(0)]) {
            ebb.on_done(count);
        }
        runtime::memory::release_unused();
    }

    fn forget_reaching(&self, known: &Rc<Known>) {
        let mut reaching = self.reaching.borrow_mut();
        if let Some(place) = reaching.iter().position(|other| Rc::ptr_eq(other, known)) {
            reaching.swap_remove(place);
        }
    }

    /// A move has ended: the socket that has lost its use by that is left.
    fn on_move_end(&self, known: &Known, arrived: bool) {
        if let Some(unused) = known.end_move(arrived) {
            self.leave(unused);
        }
    }

    /// Clients move, and a request is told where its own has been found to be. Here and not at each packet, because an address
    /// is only good for as long as it is looked at.
    fn follow_peer<'a>(&self, endpoint: &'a Endpoint, handle: ConnectionHandle) -> &'a Rc<Known> {
        let known = known(endpoint, handle);
        let Some(connection) = endpoint.quic().connection(handle) else { return known };
        let remote = connection.four_tuple().remote;
        if let Some(before) = known.set_remote(remote).filter(|before| *before != remote) {
            self.tell(&ServerEvent::ClientMoved { before, remote });
        }
        known
    }

    /// RFC 9114 s5.2: nobody needs the connection, and both sides know it. Who learns it first closes; silence would keep both
    /// until they run out of patience.
    fn on_flushed(&self, endpoint: &mut Endpoint, now: Instant, handle: ConnectionHandle) {
        let known = known(endpoint, handle);
        if !known.is_over() && known.on_flushed() {
            self.unflushed.set(self.unflushed.get() - 1);
            self.look_for_idle();
        }
        close_each(endpoint, now, &[handle]);
    }

    fn on_http(&self, endpoint: &Endpoint, handle: ConnectionHandle, event: Event) {
        match event {
            Event::Exchange(id, exchange::Event::Request(head)) => self.on_arrival(endpoint, handle, id, head),
            Event::Exchange(id, event) => {
                let known = known(endpoint, handle);
                self.tell_slowness(known, &event);
                if let Some(exchange) = known.exchange(id) {
                    exchange.on_event(event);
                }
            }
            Event::GoAway { .. } => known(endpoint, handle).on_going_away(),
            Event::Closed { violation: Some(violation), .. } => {
                let known = known(endpoint, handle);
                let Some(address) = known.remote() else { return };
                let (what, section) = (violation.reason(), violation.section());
                let error = Rc::new(Error::Breach { address, what, section });
                self.tell(&ServerEvent::ConnectionFailed { remote: address, error: &error });
                self.end(known, &error);
            }
            Event::RequestsAvailable => known(endpoint, handle).on_streams_available(),
            Event::Refused { violation, .. } => {
                if let Some(remote) = known(endpoint, handle).remote() {
                    self.tell(&ServerEvent::RequestRefused { remote, reason: &violation });
                }
            }
            Event::DatagramsChanged => known(endpoint, handle).on_datagrams_changed(),
            // Whoever has sessions has heard of these.
            Event::DataStream(..) | Event::StreamsAvailable(_) => {}
            Event::Settings(_) | Event::Closed { .. } => {}
        }
    }

    fn on_arrival(&self, endpoint: &Endpoint, handle: ConnectionHandle, id: StreamId, head: Box<RequestHead>) {
        let Some((on_request, source)) = self.on_request.get() else { return };
        // While the application drops the last reference, no task is left to answer.
        let Some(link) = self.itself.upgrade() else { return };
        let known = self.follow_peer(endpoint, handle).clone();
        let remote = known.remote().expect("requests come on connections that are established");
        let session = endpoint.quic().connection(handle).map(Connection::session);
        let name = || session.and_then(Session::server_name);
        let asked = || session.and_then(Session::client_authentication);
        let authorities = known.authorities(|| source.of_connection(name(), asked()));
        let peer = peer(endpoint, handle, remote);
        on_request(&link, NewRequest { handle, known, id, peer, head, authorities });
    }

    fn on_closed(&self, endpoint: &Endpoint, handle: ConnectionHandle, reason: &CloseReason) {
        let known = known(endpoint, handle);
        let is_at = || endpoint.quic().connection(handle).map(|connection| connection.four_tuple().remote);
        // A client that has not completed its handshake may be forgotten already. Nobody has a use for the error then.
        let Some(remote) = known.remote().or_else(is_at) else { return self.end(known, &Rc::new(Error::ShutDown)) };
        let error = Rc::new(Error::closed(known.host().as_deref(), remote, reason));
        known.line().on_raw_closed(reason);
        if is_failure(reason, endpoint.is_other(handle)) {
            self.tell(&ServerEvent::ConnectionFailed { remote, error: &error });
        }
        if let Some(on_connection_end) = self.on_connection_end.get()
            && let Some(connection) = endpoint.quic().connection(handle)
        {
            on_connection_end(remote, &connection.stats());
        }
        self.end(known, &error);
    }

    /// The connection is over for all who use it. What they learn of it stays until they let go.
    fn end(&self, known: &Rc<Known>, error: &Rc<Error>) {
        let Some(ended) = known.on_over(error.clone()) else { return };
        known.line().on_over();
        self.exchanges.set(self.exchanges.get() - ended.exchanges.len());
        for events in ended.exchanges.values() {
            events.on_connection_over(error);
        }
        self.unflushed.set(self.unflushed.get() - usize::from(ended.was_unflushed));
        self.forget_reaching(known);
        self.on_move_end(known, false);
        self.look_for_idle();
    }

    /// The endpoint has forgotten the connection: its sockets have one user less.
    fn on_drained(&self, endpoint: &Endpoint, known: &Known) {
        let [_, connections] = &self.ebbs;
        let left = endpoint.quic().len();
        self.follow_ebb(if left == 0 { connections.on_none() } else { connections.on_count(left) });
        assert!(known.is_over(), "the end of a connection is told before it is drained");
        known.take_ports().into_iter().flatten().for_each(|port| self.leave(port));
    }

    fn tell_slowness(&self, known: &Known, event: &exchange::Event) {
        let what = match event {
            exchange::Event::SlowSender => "the rest of its request",
            exchange::Event::SlowReceiver => "the rest of its response",
            _ => return,
        };
        if let Some(remote) = known.remote() {
            self.tell(&ServerEvent::ClientTooSlow { remote, what });
        }
    }

    /// Tells whom it may concern what happened to a server.
    pub(crate) fn tell(&self, event: &ServerEvent<'_>) {
        if let Some(on_event) = self.on_event.get() {
            on_event(event);
        }
    }

    fn on_broken(&self, error: io::Error) {
        if self.on_event.get().is_some() {
            let kind = io::Error::new(error.kind(), error.to_string());
            self.tell(&ServerEvent::SocketsBroken { error: &Error::system(kind) });
        }
        *self.broken.borrow_mut() = Some(error);
        self.is_broken.set(true);
        wake_all(&self.breaking);
        if let Ok(endpoint) = self.machine.try_borrow() {
            self.end_all(&endpoint);
        }
    }

    /// All connections are over for those who use them.
    fn end_all(&self, endpoint: &Endpoint) {
        let shut_down = Rc::new(Error::ShutDown);
        for handle in endpoint.quic().handles() {
            self.end(known(endpoint, handle), &shut_down);
        }
    }
}

impl Link {
    /// The end at once, for those who cannot wait. Peers are told, if the executor goes on until no farewell is left.
    pub(crate) fn give_up(&self) {
        if let Ok(mut endpoint) = self.machine.try_borrow_mut() {
            close_all(&mut endpoint, self.handle.read_clock());
            self.end_all(&endpoint);
        }
        let (Some(task), Some(driver)) = (self.task.take(), self.driver.get()) else { return };
        let flushed = self.handle.timeout(FAREWELL, driver.flushed());
        self.handle.spawn_farewell(async move {
            let _ = flushed.await;
            task.abort();
        });
    }
}

/// Why a move does not begin.
enum NoMove {
    /// It may after so long.
    Later(Duration),
    /// It cannot.
    Never(Error),
}

impl From<Error> for NoMove {
    fn from(error: Error) -> NoMove {
        NoMove::Never(error)
    }
}

/// How long a move waits for a connection ID of the server's: as long as a server may take for its first answer. It takes three
/// probe timeouts and a round trip where the move before has arrived.
const ID_PATIENCE: Duration = Duration::from_secs(10);

impl Drop for Link {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// How many ports a move tries at the most: a connection remembers three paths beside the one in use.
const MOST_KNOWN_PORTS: usize = 4;

/// The most time for telling peers that the connection is over. It takes one turn of the driver, unless its socket is full.
const FAREWELL: Duration = Duration::from_secs(1);

/// The other end of a connection, which is at this address.
fn peer(endpoint: &Endpoint, handle: ConnectionHandle, remote: SocketAddr) -> Peer {
    let connection = endpoint.quic().connection(handle);
    let session = connection.map(Connection::session);
    Peer {
        remote,
        identity: session.and_then(Session::peer_identity).cloned(),
        is_resumed: session.is_some_and(Session::is_resumed),
        is_early: !known(endpoint, handle).is_proven(),
        version: HttpVersion::Http3,
        is_validated: connection.is_some_and(Connection::is_peer_address_validated),
    }
}

/// What is known of a connection that an event is about.
fn known(endpoint: &Endpoint, handle: ConnectionHandle) -> &Rc<Known> {
    endpoint.value(handle).expect("nothing is told of a connection after it is drained")
}

/// Where the clients of open connections are: first those that are owed most.
fn paths(endpoint: &Endpoint) -> Vec<FourTuple> {
    let open = |handle| endpoint.quic().connection(handle).filter(|connection| connection.is_open());
    let handles = endpoint.quic().handles();
    let mut paths: Vec<(usize, FourTuple)> =
        handles.filter_map(|handle| Some((endpoint.undelivered(handle), open(handle)?.four_tuple()))).collect();
    paths.sort_by_key(|(undelivered, _)| std::cmp::Reverse(*undelivered));
    paths.into_iter().map(|(_, path)| path).collect()
}

fn close_all(endpoint: &mut Endpoint, now: Instant) {
    let handles: Vec<ConnectionHandle> = endpoint.quic().handles().collect();
    close_each(endpoint, now, &handles);
}

fn close_each(endpoint: &mut Endpoint, now: Instant, handles: &[ConnectionHandle]) {
    for handle in handles {
        let code = if endpoint.is_other(*handle) { VarInt::from_u32(0) } else { error_code::H3_NO_ERROR };
        if let Some(connection) = endpoint.quic_mut().connection_mut(*handle) {
            connection.close(now, code, b"");
        }
    }
}

fn keep_waker(waiting: &RefCell<Vec<Waker>>, context: &Context<'_>) {
    let mut waiting = waiting.borrow_mut();
    if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
        waiting.push(context.waker().clone());
    }
}

fn wake_all(waiting: &RefCell<Vec<Waker>>) {
    waiting.take().into_iter().for_each(Waker::wake);
}

/// Whether a connection ended otherwise than one of the sides wanted, or by silence.
/// Codes of applications without HTTP are theirs.
fn is_failure(reason: &CloseReason, is_other: bool) -> bool {
    match reason {
        CloseReason::Local { .. } | CloseReason::IdleTimeout(_) | CloseReason::StatelessReset => false,
        CloseReason::PeerApplication { code, .. } => !is_other && *code != error_code::H3_NO_ERROR,
        CloseReason::PeerTransport { code, .. } => code.0 != 0,
        CloseReason::Violation { .. }
        | CloseReason::Tls(_)
        | CloseReason::HandshakeTimeout(_)
        | CloseReason::Unanswered(_)
        | CloseReason::PacketNumbersExhausted
        | CloseReason::VersionNegotiation { .. } => true,
    }
}
