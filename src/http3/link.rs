//! An HTTP/3 endpoint on its sockets, shared by the tasks of one thread: it brings each event to the exchange it is about,
//! and lends the machine to whoever has something to do.
//!
//! Rule: the machine is borrowed for the time of one call and never across a wait; nobody is called back while it is
//! borrowed, except to be given a new request.

use crate::error::Error;
use crate::exchange::calls::Events;
use crate::server::event::{OnEvent, ServerEvent};
use crate::trace::SharedTrace;
use base::{Duration, StreamId, StreamMap};
use h3::Event;
use h3::error_code;
use h3::machine::{Endpoint, EndpointEvent};
use h3::over_quic::OverQuic;
use http::{RequestHead, exchange};
use quic::{CloseReason, ConnectionHandle};
use runtime::{Driver, DriverHandle, Handle, JoinHandle, UdpSocket};
use std::cell::{Cell, OnceCell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

/// Given each new request.
type OnRequest = Box<dyn Fn(&Rc<Link>, NewRequest)>;

/// A request that has just come.
pub(crate) struct NewRequest {
    /// Its connection.
    pub(crate) handle: ConnectionHandle,
    /// Its stream.
    pub(crate) id: StreamId,
    /// Who asks.
    pub(crate) remote: SocketAddr,
    /// What is asked for.
    pub(crate) head: RequestHead,
}

/// An endpoint and its connections.
pub(crate) struct Link {
    itself: Weak<Link>,
    handle: Handle,
    machine: Rc<RefCell<Endpoint>>,
    driver: OnceCell<DriverHandle>,
    task: Cell<Option<JoinHandle<()>>>,
    /// By index of the handle.
    connections: RefCell<Vec<Option<Known>>>,
    exchanges: Cell<usize>,
    on_request: OnceCell<OnRequest>,
    /// Who is told what goes wrong on a server.
    on_event: OnceCell<Rc<OnEvent>>,
    trace: OnceCell<SharedTrace>,
    /// Who waits for the last exchange or the last connection to end.
    idle: RefCell<Vec<Waker>>,
    broken: RefCell<Option<io::Error>>,
    /// The host at the other end said that nobody listens there.
    refused: Cell<bool>,
    addresses: Vec<SocketAddr>,
    /// Where a client's connection was before it moved.
    previous: Cell<Option<SocketAddr>>,
    /// The move of a client's connection that is under way. It belongs to the link and not to who waits for it, because the
    /// connection goes on with it whoever waits.
    moving: RefCell<Option<Moving>>,
}

/// A connection on its way to another socket.
struct Moving {
    handle: ConnectionHandle,
    from: SocketAddr,
    to: SocketAddr,
    /// For who waits: whether it arrived.
    arrived: Rc<Cell<Option<bool>>>,
}

/// What is known of a connection.
struct Known {
    handle: ConnectionHandle,
    /// What the application calls the other end, if it was this side that began.
    host: Option<Box<str>>,
    remote: SocketAddr,
    exchanges: StreamMap<Events>,
    established: bool,
    going_away: bool,
    /// Nothing more is asked on it, and all that was answered has arrived.
    flushed: bool,
    /// Why it is over.
    over: Option<Rc<Error>>,
    /// Counts up whenever streams become available.
    streams_available: u64,
    /// Who waits for the handshake, for the end, or for streams.
    waiting: Vec<Waker>,
}

impl Known {
    fn new(handle: ConnectionHandle, host: Option<&str>, remote: SocketAddr) -> Known {
        Known {
            handle,
            host: host.map(Box::from),
            remote,
            exchanges: StreamMap::default(),
            established: false,
            going_away: false,
            flushed: false,
            over: None,
            streams_available: 0,
            waiting: Vec::new(),
        }
    }

    /// Has the task woken when something changes.
    fn wait(&mut self, context: &Context<'_>) {
        if !self.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            self.waiting.push(context.waker().clone());
        }
    }
}

/// What became of a connection.
#[derive(Clone, Debug)]
pub(crate) enum Standing {
    /// The handshake goes on.
    Handshaking,
    /// Requests can be made.
    Open,
    /// The peer takes no more requests.
    GoingAway,
    /// It is over, for this reason.
    Over(Rc<Error>),
}

impl Link {
    /// Runs `endpoint` on `sockets`.
    pub(crate) fn start(handle: &Handle, sockets: Vec<UdpSocket>, endpoint: Endpoint) -> io::Result<Rc<Link>> {
        let machine = Rc::new(RefCell::new(endpoint));
        let link = Rc::new_cyclic(|itself| Link {
            itself: itself.clone(),
            handle: handle.clone(),
            machine: machine.clone(),
            driver: OnceCell::new(),
            task: Cell::new(None),
            connections: RefCell::default(),
            exchanges: Cell::new(0),
            on_request: OnceCell::new(),
            on_event: OnceCell::new(),
            trace: OnceCell::new(),
            idle: RefCell::default(),
            broken: RefCell::default(),
            refused: Cell::default(),
            previous: Cell::default(),
            moving: RefCell::default(),
            addresses: sockets.iter().map(UdpSocket::local_address).collect(),
        });
        let weak = Rc::downgrade(&link);
        let deliver = weak.clone();
        let (driver, notice) = Driver::new(handle, sockets, machine, move |endpoint: &mut Endpoint, now| {
            if let Some(link) = Weak::upgrade(&deliver) {
                link.deliver_all(endpoint, now);
            }
        })?;
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

    /// Who is given new requests. To be called once, before any can come.
    pub(crate) fn on_request(&self, on_request: OnRequest) {
        assert!(self.on_request.set(on_request).is_ok(), "requests are given to one");
    }

    /// Who is told what goes wrong. To be called once at most.
    pub(crate) fn on_event(&self, on_event: Rc<OnEvent>) {
        assert!(self.on_event.set(on_event).is_ok(), "events are told to one");
    }

    /// Who is given the records of connections, if they are traced. To be called once at most.
    pub(crate) fn trace(&self, trace: SharedTrace) {
        assert!(self.trace.set(trace).is_ok(), "records are given to one");
    }

    /// Where the sockets are bound.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Moves a connection to `socket` (RFC 9000 section 9). The socket before stays until the next move, for what the other
    /// end has sent there; with it goes the one before that. One move at a time; it goes on if nobody waits for it.
    pub(crate) async fn migrate(&self, handle: ConnectionHandle, socket: UdpSocket) -> Result<(), Error> {
        let driver = self.driver.get().ok_or(Error::ShutDown)?;
        if self.moving.borrow().is_some() {
            return Err(Error::Message("the connection is moving already; wait until it has arrived".into()));
        }
        let to = socket.local_address();
        driver.add_socket(socket).map_err(Error::system)?;
        let begun = self.with_endpoint(|endpoint, now| {
            let connection = endpoint.quic_mut().connection_mut(handle)?;
            let from = connection.four_tuple().local;
            Some(connection.migrate(now, to).map(|()| from))
        });
        let begun = begun.flatten().ok_or(Error::GoingAway).and_then(|begun| begun.map_err(Error::message));
        let from = begun.inspect_err(|_| driver.remove_socket(to))?;
        let arrived = Rc::new(Cell::new(None));
        *self.moving.borrow_mut() = Some(Moving { handle, from, to, arrived: arrived.clone() });
        if poll_fn(|context| self.poll_arrived(handle, &arrived, context)).await {
            Ok(())
        } else {
            Err(Error::Message("the server does not answer at the new address".into()))
        }
    }

    /// Waits for the end of a move: whether it succeeded.
    fn poll_arrived(
        &self,
        handle: ConnectionHandle,
        arrived: &Cell<Option<bool>>,
        context: &Context<'_>,
    ) -> Poll<bool> {
        if let Some(arrived) = arrived.get() {
            return Poll::Ready(arrived);
        }
        let known = self.connection(handle, |known| known.wait(context));
        if known.is_some() { Poll::Pending } else { Poll::Ready(false) }
    }

    /// The move of a connection has ended: the socket that has lost its use by that is closed.
    fn on_move_end(&self, handle: ConnectionHandle, arrived: bool) {
        let Some(moving) = self.moving.borrow_mut().take_if(|moving| moving.handle == handle) else { return };
        let unused = if arrived { self.previous.replace(Some(moving.from)) } else { Some(moving.to) };
        if let (Some(unused), Some(driver)) = (unused, self.driver.get()) {
            driver.remove_socket(unused);
        }
        moving.arrived.set(Some(arrived));
        self.change(handle, |_| {});
    }

    /// Has the driver send what there is to send.
    pub(crate) fn notify(&self) {
        if let Some(driver) = self.driver.get() {
            driver.notify();
        }
    }

    /// Works with the endpoint as a whole. Here connections begin and end, so the time is the true one.
    pub(crate) fn with_endpoint<R>(&self, call: impl FnOnce(&mut Endpoint, base::Instant) -> R) -> Option<R> {
        self.with_endpoint_at(self.handle.read_clock(), call)
    }

    fn with_endpoint_at<R>(
        &self,
        now: base::Instant,
        call: impl FnOnce(&mut Endpoint, base::Instant) -> R,
    ) -> Option<R> {
        let mut endpoint = self.machine.try_borrow_mut().ok()?;
        let result = call(&mut endpoint, now);
        self.deliver_all(&mut endpoint, now);
        drop(endpoint);
        self.notify();
        Some(result)
    }

    /// Works with one connection; `None` if it is over. The clock is not read: this is done several times for each request.
    pub(crate) fn with<R>(
        &self,
        handle: ConnectionHandle,
        call: impl FnOnce(&mut h3::Connection, &mut OverQuic<'_>) -> R,
    ) -> Option<R> {
        self.with_endpoint_at(self.handle.now(), |endpoint, now| endpoint.with(now, handle, call)).flatten()
    }

    /// Keeps account of a connection that this side began, to what the application calls `host`.
    pub(crate) fn track(&self, handle: ConnectionHandle, host: &str, remote: SocketAddr) {
        self.keep(Known::new(handle, Some(host), remote));
    }

    fn keep(&self, known: Known) {
        let mut connections = self.connections.borrow_mut();
        let index = known.handle.index();
        if connections.len() <= index {
            connections.resize_with(index + 1, || None);
        }
        if connections[index].as_ref().is_none_or(|before| before.handle != known.handle) {
            connections[index] = Some(known);
        }
    }

    /// How a connection stands.
    pub(crate) fn standing(&self, handle: ConnectionHandle) -> Standing {
        let standing = self.connection(handle, |known| match &known.over {
            Some(error) => Standing::Over(error.clone()),
            None if known.going_away => Standing::GoingAway,
            None if known.established => Standing::Open,
            None => Standing::Handshaking,
        });
        standing.unwrap_or_else(|| Standing::Over(Rc::new(Error::ShutDown)))
    }

    /// Waits for something to change about a connection: established, over, or streams available (then `seen` differs).
    pub(crate) fn poll_change(&self, handle: ConnectionHandle, seen: &mut u64, context: &Context<'_>) -> Poll<()> {
        let changed = self.connection(handle, |known| {
            if known.over.is_some() || known.going_away || known.streams_available != *seen {
                *seen = known.streams_available;
                return true;
            }
            known.wait(context);
            false
        });
        if changed.unwrap_or(true) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// How often streams became available.
    pub(crate) fn streams_seen(&self, handle: ConnectionHandle) -> u64 {
        self.connection(handle, |known| known.streams_available).unwrap_or(0)
    }

    /// Somebody works on the exchange of a stream from now on.
    pub(crate) fn add_exchange(&self, handle: ConnectionHandle, id: StreamId, events: Events) {
        let mut events = Some(events);
        self.connection(handle, |known| events.take().map(|events| known.exchanges.insert(id, events)));
        match events {
            None => self.exchanges.set(self.exchanges.get() + 1),
            Some(unknown) => unknown.on_connection_over(&Rc::new(Error::ShutDown)),
        }
    }

    /// Nobody works on the exchange any more.
    pub(crate) fn remove_exchange(&self, handle: ConnectionHandle, id: StreamId) {
        let removed = self.connection(handle, |known| known.exchanges.remove(id).is_some());
        if removed == Some(true) {
            self.exchanges.set(self.exchanges.get() - 1);
            if self.exchanges.get() == 0 {
                self.wake_idle();
            }
        }
    }

    /// Exchanges under way.
    pub(crate) fn exchange_count(&self) -> usize {
        self.exchanges.get()
    }

    /// Connections that are open.
    pub(crate) fn handles(&self) -> Vec<ConnectionHandle> {
        let connections = self.connections.borrow();
        connections.iter().flatten().filter(|known| known.over.is_none()).map(|known| known.handle).collect()
    }

    /// Whether every connection that is open was told to end, and has delivered all that it had.
    pub(crate) fn is_flushed(&self) -> bool {
        let connections = self.connections.borrow();
        let mut open = connections.iter().flatten().filter(|known| known.over.is_none());
        open.all(|known| known.flushed)
    }

    /// Wakes the caller when the last exchange, or a connection, has ended, or when one is flushed.
    pub(crate) fn wait_idle(&self, context: &Context<'_>) {
        let mut idle = self.idle.borrow_mut();
        if !idle.iter().any(|waker| waker.will_wake(context.waker())) {
            idle.push(context.waker().clone());
        }
    }

    /// Waits until the system has taken what there is to send.
    pub(crate) async fn farewell(&self) {
        if let Some(driver) = self.driver.get() {
            // A socket that takes nothing for so long is given up.
            let _ = self.handle.timeout(FAREWELL, driver.flushed()).await;
        }
    }

    /// Gives up the sockets.
    pub(crate) fn stop(&self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }

    /// Why the sockets cannot be used any more.
    pub(crate) fn take_broken(&self) -> Option<io::Error> {
        self.broken.borrow_mut().take()
    }

    /// Whether the host at the other end said that nobody listens there.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.get()
    }

    fn connection<R>(&self, handle: ConnectionHandle, call: impl FnOnce(&mut Known) -> R) -> Option<R> {
        let mut connections = self.connections.borrow_mut();
        let known = connections.get_mut(handle.index())?.as_mut()?;
        if known.handle == handle { Some(call(known)) } else { None }
    }

    fn deliver_all(&self, endpoint: &mut Endpoint, now: base::Instant) {
        while let Some(event) = endpoint.poll_event(now) {
            match event {
                EndpointEvent::Established(handle) => self.on_established(endpoint, handle),
                EndpointEvent::Http(handle, event) => self.on_http(endpoint, handle, event),
                EndpointEvent::Migrated(handle) => self.on_move_end(handle, true),
                EndpointEvent::MigrationFailed(handle) => self.on_move_end(handle, false),
                EndpointEvent::Flushed(handle) => self.on_flushed(handle),
                EndpointEvent::Closed(handle, reason) => self.on_closed(endpoint, handle, &reason),
                EndpointEvent::Drained(..) => {}
            }
        }
        if let Some(trace) = self.trace.get() {
            endpoint.quic_mut().poll_traces(&mut |record| trace.record(record));
        }
        let error = self.driver.get().and_then(DriverHandle::take_error);
        if error.is_some_and(|error| error.kind == io::ErrorKind::ConnectionRefused) {
            self.refused.set(true);
            // Sockets of clients only are connected, and have one connection.
            let handles = self.connections.borrow();
            let waiting: Vec<Waker> = handles.iter().flatten().flat_map(|known| known.waiting.clone()).collect();
            drop(handles);
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    fn on_established(&self, endpoint: &Endpoint, handle: ConnectionHandle) {
        if let Some(connection) = endpoint.quic().connection(handle) {
            self.keep(Known::new(handle, None, connection.four_tuple().remote));
        }
        self.change(handle, |known| {
            known.established = true;
            known.streams_available += 1;
        });
    }

    /// Clients move, and a request is told where its own has been found to be. Here and not at each packet, because an
    /// address is only good for as long as it is looked at.
    fn follow_peer(&self, endpoint: &Endpoint, handle: ConnectionHandle) {
        if let Some(connection) = endpoint.quic().connection(handle) {
            let remote = connection.four_tuple().remote;
            self.connection(handle, |known| known.remote = remote);
        }
    }

    fn on_flushed(&self, handle: ConnectionHandle) {
        self.connection(handle, |known| known.flushed = true);
        self.wake_idle();
    }

    fn on_http(&self, endpoint: &Endpoint, handle: ConnectionHandle, event: Event) {
        match event {
            Event::Exchange(id, exchange::Event::Request(head)) => {
                self.follow_peer(endpoint, handle);
                self.on_arrival(handle, id, head);
            }
            Event::Exchange(id, event) => {
                let events = self.connection(handle, |known| known.exchanges.get(id).cloned()).flatten();
                if let Some(events) = events {
                    events.on_event(event);
                }
            }
            Event::GoAway { .. } => self.change(handle, |known| known.going_away = true),
            Event::Closed { violation: Some(violation), .. } => {
                if let Some(address) = self.connection(handle, |known| known.remote) {
                    let (what, section) = (violation.reason(), violation.section());
                    let error = Rc::new(Error::Breach { address, what, section });
                    self.tell(&ServerEvent::ConnectionFailed { remote: address, error: &error });
                    self.end(handle, error);
                }
            }
            Event::RequestsAvailable => self.change(handle, |known| known.streams_available += 1),
            Event::Refused { violation, .. } => {
                if let Some(remote) = self.connection(handle, |known| known.remote) {
                    self.tell(&ServerEvent::RequestRefused { remote, reason: &violation });
                }
            }
            Event::Settings(_) | Event::Closed { .. } => {}
        }
    }

    fn on_arrival(&self, handle: ConnectionHandle, id: StreamId, head: RequestHead) {
        let Some(on_request) = self.on_request.get() else { return };
        // While the application lets go of the last reference, nobody is left to answer.
        let Some(link) = self.itself.upgrade() else { return };
        let remote =
            self.connection(handle, |known| known.remote).expect("requests come on connections that are known");
        on_request(&link, NewRequest { handle, id, remote, head });
    }

    fn on_closed(&self, endpoint: &Endpoint, handle: ConnectionHandle, reason: &CloseReason) {
        let known =
            self.connection(handle, |known| (known.remote, Error::closed(known.host.as_deref(), known.remote, reason)));
        let unknown = || {
            let remote = endpoint.quic().connection(handle)?.four_tuple().remote;
            Some((remote, Error::closed(None, remote, reason)))
        };
        // A client's connection that was never established is known to the endpoint alone.
        let Some((remote, error)) = known.or_else(unknown) else { return };
        let error = Rc::new(error);
        if is_failure(reason) {
            self.tell(&ServerEvent::ConnectionFailed { remote, error: &error });
        }
        self.end(handle, error);
    }

    /// The connection is over for all who use it. What they learn of it stays until they let go.
    fn end(&self, handle: ConnectionHandle, error: Rc<Error>) {
        let exchanges = self.connection(handle, |known| std::mem::take(&mut known.exchanges)).unwrap_or_default();
        self.exchanges.set(self.exchanges.get() - exchanges.len());
        for events in exchanges.values() {
            events.on_connection_over(&error);
        }
        self.on_move_end(handle, false);
        self.change(handle, |known| {
            known.over.get_or_insert(error);
        });
        self.wake_idle();
    }

    fn tell(&self, event: &ServerEvent<'_>) {
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
        self.end_all();
    }

    /// All connections are over for those who use them.
    fn end_all(&self) {
        let shut_down = Rc::new(Error::ShutDown);
        for handle in self.handles() {
            self.end(handle, shut_down.clone());
        }
        self.wake_idle();
    }

    fn change(&self, handle: ConnectionHandle, change: impl FnOnce(&mut Known)) {
        let waiting = self.connection(handle, |known| {
            change(known);
            std::mem::take(&mut known.waiting)
        });
        waiting.unwrap_or_default().into_iter().for_each(Waker::wake);
    }

    fn wake_idle(&self) {
        let idle = std::mem::take(&mut *self.idle.borrow_mut());
        idle.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Link {
    /// Peers are told, if the executor goes on until no farewell is left.
    fn drop(&mut self) {
        if let Ok(mut endpoint) = self.machine.try_borrow_mut() {
            close_all(&mut endpoint, self.handle.read_clock(), &self.handles());
        }
        self.end_all();
        let (Some(task), Some(driver)) = (self.task.take(), self.driver.get()) else { return };
        let flushed = self.handle.timeout(FAREWELL, driver.flushed());
        self.handle.spawn_farewell(async move {
            let _ = flushed.await;
            task.abort();
        });
    }
}

/// The most time for telling peers that the connection is over. It takes one turn of the driver, unless its socket is full.
const FAREWELL: Duration = Duration::from_secs(1);

/// Closes connections without a complaint.
pub(crate) fn close_all(endpoint: &mut Endpoint, now: base::Instant, handles: &[ConnectionHandle]) {
    for handle in handles {
        if let Some(connection) = endpoint.quic_mut().connection_mut(*handle) {
            connection.close(now, error_code::H3_NO_ERROR, b"");
        }
    }
}

/// Whether a connection ended otherwise than one of the sides wanted, or by silence.
fn is_failure(reason: &CloseReason) -> bool {
    match reason {
        CloseReason::Local { .. } | CloseReason::IdleTimeout(_) | CloseReason::StatelessReset => false,
        CloseReason::PeerApplication { code, .. } => *code != error_code::H3_NO_ERROR,
        CloseReason::PeerTransport { code, .. } => code.0 != 0,
        CloseReason::Violation { .. }
        | CloseReason::Tls(_)
        | CloseReason::HandshakeTimeout(_)
        | CloseReason::PacketNumbersExhausted
        | CloseReason::VersionNegotiation { .. } => true,
    }
}
