//! What the TCP connections of a thread share: who is given requests, how many there are, and their end.

use crate::exchange::calls::OnRequest;
use crate::server::authorities::{Authorities, AuthoritySource};
use crate::server::event::{OnEvent, ServerEvent};
use crate::server::memory::Memory;
use crate::server::networks::{Networks, Place};
use crate::tcp::carrier::{Carrier, Secure};
use crate::tcp::door;
use crate::tcp::line::{Arrival, Line, Owner};
use crate::tcp::machine::{Configs, Machine};
use base::{Bytes, Duration, Side, StreamMemory};
use crypto_ring::SystemRandom;
use runtime::executor::Watched;
use runtime::{Handle, JoinHandle, StreamDriver, TcpListener, TcpStream};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tls::record::{Connection, Settings};

/// What a server on TCP is made of.
pub(crate) struct Parts {
    pub(crate) tls: Arc<tls::ServerConfig>,
    pub(crate) http1: h1::Config,
    pub(crate) http2: h2::Config,
    pub(crate) authorities: AuthoritySource,
    pub(crate) on_request: Rc<OnRequest>,
    /// Who is given requests that come without TLS, if it takes any. No names are looked at before.
    pub(crate) on_plain_request: Option<OnRequest>,
    pub(crate) on_event: Option<Rc<OnEvent>>,
    /// Connections at a time.
    pub(crate) max_connections: usize,
    /// How long a handshake may take.
    pub(crate) handshake_timeout: Duration,
    pub(crate) networks: Arc<Networks>,
    /// What the connections may hold, with those by QUIC.
    pub(crate) memory: Memory,
}

/// A socket that connections come to, and the task that accepts them.
pub(crate) struct Listening {
    pub(crate) listener: Rc<Watched<TcpListener>>,
    pub(crate) task: JoinHandle<()>,
    /// How the connections that come to it come in.
    pub(crate) entrance: Entrance,
    /// How many of this server listen at the address.
    pub(crate) siblings: u32,
}

/// How connections come in.
#[derive(Clone)]
pub(crate) enum Entrance {
    /// By TLS. Each client is told where else it can come, by this value of Alt-Svc.
    Tls(Bytes),
    /// Without, and by HTTP/1.1 alone.
    Plain,
}

impl Entrance {
    /// By TLS, where HTTP/3 is at this port of the same host.
    pub(crate) fn secure(port: u16) -> Entrance {
        // RFC 7838 section 3: the same host, by UDP, for a day.
        Entrance::Tls(Bytes::from(format!("h3=\":{port}\"; ma=86400").into_bytes()))
    }
}

/// The connections of a thread.
pub(crate) struct Tcp {
    itself: Weak<Tcp>,
    handle: Handle,
    parts: Parts,
    settings: Settings,
    memory: Rc<RefCell<StreamMemory>>,
    lines: RefCell<BTreeMap<u64, Weak<Line>>>,
    next: Cell<u64>,
    exchanges: Cell<usize>,
    listeners: RefCell<Vec<Listening>>,
    /// Has connections spread again over all listeners when a predecessor has ended.
    spreading: RefCell<Option<JoinHandle<()>>>,
    /// Who waits until no connection is left.
    waiting: RefCell<Vec<Waker>>,
}

impl Tcp {
    pub(crate) fn new(handle: &Handle, parts: Parts) -> Rc<Tcp> {
        Rc::new_cyclic(|itself| Tcp {
            itself: itself.clone(),
            handle: handle.clone(),
            settings: Settings { handshake_timeout: parts.handshake_timeout, ..Settings::default() },
            parts,
            memory: Rc::default(),
            lines: RefCell::default(),
            next: Cell::new(0),
            exchanges: Cell::new(0),
            listeners: RefCell::default(),
            spreading: RefCell::default(),
            waiting: RefCell::default(),
        })
    }

    /// Somebody accepts connections for it.
    pub(crate) fn add_listener(&self, listening: Listening) {
        self.listeners.borrow_mut().push(listening);
    }

    /// A successor listens behind the listeners of this server: new connections are left to it, and those that were on their way
    /// are accepted. Where the system knows no such choice, it spreads them over both.
    pub(crate) fn leave_to_successor(&self) {
        self.spreading.take().iter().for_each(JoinHandle::abort);
        for Listening { listener, siblings, .. } in self.listeners.borrow().iter() {
            // The choice is by places, and these move when the first of several listeners closes: then the kernel may spread connections over
            // those that are still to close. Who is not answered asks again, and finds the successor.
            if listener.inner().prefer(Some(*siblings)).is_ok() {
                let _refused = listener.inner().pass_over_newcomers();
            }
        }
    }

    /// Takes the connections that wait to be accepted: with their listener they would be gone.
    pub(crate) fn accept_rest(&self) {
        for Listening { listener, entrance, .. } in self.listeners.borrow().iter() {
            while let Ok(stream) = listener.inner().accept() {
                let Some(place) = self.place(stream.remote_address()) else { continue };
                // Where the system has no room to watch it, it is closed.
                let _refused = self.admit(stream, place, entrance.clone());
            }
        }
    }

    /// Once a predecessor has ended, which takes no longer than `patience`, connections are spread over all listeners again.
    pub(crate) fn spread_after(&self, patience: Duration) {
        let listeners: Vec<_> = self.listeners.borrow().iter().map(|listening| listening.listener.clone()).collect();
        let handle = self.handle.clone();
        let spread = async move {
            handle.sleep(patience).await;
            for listener in listeners {
                let _refused = listener.inner().prefer(None);
            }
        };
        *self.spreading.borrow_mut() = Some(self.handle.spawn(spread));
    }

    fn stop_listening(&self) {
        self.spreading.take().iter().for_each(JoinHandle::abort);
        self.listeners.take().iter().for_each(|listening| listening.task.abort());
    }

    /// The place of one more connection with this client, if it takes one.
    pub(crate) fn place(&self, remote: SocketAddr) -> Option<Place> {
        if self.lines.borrow().len() >= self.parts.max_connections {
            return None;
        }
        let place = self.parts.networks.enter(remote.ip());
        if place.as_ref().is_err_and(|full| full.is_news) {
            self.tell(&ServerEvent::NetworkFull { remote });
        }
        place.ok()
    }

    /// A connection has come.
    ///
    /// # Errors
    /// The system gives no more descriptors to watch.
    pub(crate) fn admit(&self, stream: TcpStream, place: Place, entrance: Entrance) -> io::Result<()> {
        let Some(server) = self.itself.upgrade() else { return Ok(()) };
        let remote = stream.remote_address();
        let stream: Watched<TcpStream> = self.handle.watch(stream)?;
        let machine = Rc::new(RefCell::new(self.carrier(entrance)));
        let line = Rc::new(Line::new(server, machine.clone(), remote));
        let progress = line.clone();
        let deliver = move |carrier: &mut Carrier, _| progress.deliver(carrier);
        let (driver, notice) = StreamDriver::new(&self.handle, stream, machine, self.memory.clone(), deliver);
        let number = self.next.get();
        self.next.set(number + 1);
        self.lines.borrow_mut().insert(number, Rc::downgrade(&line));
        let over = Over { server: self.itself.clone(), number, _place: place };
        let ended = line.clone();
        let task = self.handle.spawn_driver(async move {
            let _over = over;
            // How it ended the machine was told, or has said itself.
            let _ending = driver.await;
            ended.on_end();
        });
        line.set_driver(notice, task);
        Ok(())
    }

    /// What a new connection runs on.
    fn carrier(&self, entrance: Entrance) -> Carrier {
        let now = self.handle.read_clock();
        let Entrance::Tls(alternative) = entrance else {
            return Carrier::Plain(Machine::plain(self.parts.http1, &self.parts.memory, now));
        };
        let configs = Configs {
            side: Side::Server,
            http1: self.parts.http1,
            http2: self.parts.http2,
            alternative: Some(alternative),
            memory: Some(self.parts.memory.clone()),
            is_draining: false,
        };
        let connection = Connection::server(self.parts.tls.clone(), &self.settings, now);
        Carrier::Tls(Secure::new(connection, Machine::new(configs), &self.settings, SystemRandom::new()))
    }

    /// Exchanges under way.
    pub(crate) fn exchange_count(&self) -> usize {
        self.exchanges.get()
    }

    /// Connections that are open.
    pub(crate) fn connection_count(&self) -> usize {
        self.lines.borrow().len()
    }

    /// The addresses of the clients.
    pub(crate) fn remotes(&self) -> Vec<SocketAddr> {
        self.all().iter().map(|line| line.remote()).collect()
    }

    /// Takes no more connections, and of those that there are no more requests.
    pub(crate) fn drain(&self) {
        self.stop_listening();
        self.all().iter().for_each(Line::drain);
    }

    /// Waits until no connection is left.
    pub(crate) fn poll_over(&self, context: &Context<'_>) -> Poll<()> {
        if self.lines.borrow().is_empty() {
            return Poll::Ready(());
        }
        self.waiting.borrow_mut().push(context.waker().clone());
        Poll::Pending
    }

    /// Ends all at once.
    pub(crate) fn close(&self) {
        self.stop_listening();
        self.all().iter().for_each(|line| line.abort());
    }

    fn all(&self) -> Vec<Rc<Line>> {
        self.lines.borrow().values().filter_map(Weak::upgrade).collect()
    }

    fn remove(&self, number: u64) {
        self.lines.borrow_mut().remove(&number);
        if self.lines.borrow().is_empty() {
            self.waiting.take().into_iter().for_each(Waker::wake);
        }
    }
}

impl Owner for Tcp {
    fn handle(&self) -> &Handle {
        &self.handle
    }

    fn on_arrival(&self, arrival: Arrival<'_>) {
        let Arrival { line, place, peer, session, head } = arrival;
        self.exchanges.set(self.exchanges.get() + 1);
        let exchange = door::exchange(line, place, peer);
        let Some(session) = session else {
            let on_request = self.parts.on_plain_request.as_ref().expect("who listens without TLS has an answer");
            return on_request(exchange, head, &Authorities::any());
        };
        let authorities = self.parts.authorities.of_connection(session.server_name(), session.client_authentication());
        (self.parts.on_request)(exchange, head, &authorities);
    }

    fn on_exchange_end(&self) {
        self.exchanges.set(self.exchanges.get() - 1);
    }

    fn tell(&self, event: &ServerEvent<'_>) {
        if let Some(on_event) = &self.parts.on_event {
            on_event(event);
        }
    }
}

/// Held by the task of a connection: however it ends, the connection is counted no more.
struct Over {
    server: Weak<Tcp>,
    number: u64,
    _place: Place,
}

impl Drop for Over {
    fn drop(&mut self) {
        if let Some(server) = self.server.upgrade() {
            server.remove(self.number);
        }
    }
}
