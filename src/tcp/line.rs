//! One TCP connection: it brings what happens on the machine to the exchange it is about, and lends the machine to
//! whoever has something to do.
//!
//! Rule: the machine is borrowed for the time of one call and never across a wait; nobody is called back while it is borrowed,
//! except to be given a new request.

use crate::error::Error;
use crate::exchange::calls::{Events, Peer};
use crate::exchange::version::HttpVersion;
use crate::server::event::ServerEvent;
use crate::tcp::carrier::Carrier;
use crate::tcp::exchanges::Exchanges;
use crate::tcp::machine::{Closing, Machine, Place, Told};
use base::Instant;
use http::RequestHead;
use http::exchange::Event;
use runtime::{Handle, JoinHandle, StreamDriverHandle};
use std::cell::{Cell, OnceCell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use tls::Session;

/// Whose connections they are.
pub(crate) trait Owner {
    /// Where their tasks run.
    fn handle(&self) -> &Handle;
    /// A request has come.
    fn on_arrival(&self, arrival: Arrival<'_>);
    /// No task works any more on one that had come.
    fn on_exchange_end(&self);
    /// Something is worth a line in a log.
    fn tell(&self, event: &ServerEvent<'_>);
    /// Exchanges became possible.
    fn on_available(&self) {}
    /// Something has happened: the handshake is complete, the connection has failed, exchanges became possible or are not any more. A
    /// client looks what it is.
    fn on_change(&self, _carrier: &Carrier) {}
}

/// A request that has just come.
pub(crate) struct Arrival<'a> {
    /// On which connection.
    pub(crate) line: &'a Rc<Line>,
    /// Its place there.
    pub(crate) place: Place,
    /// Who asks.
    pub(crate) peer: Peer,
    /// What was agreed on in the handshake; `None` if it came without TLS.
    pub(crate) session: Option<&'a Session>,
    /// What is asked for.
    pub(crate) head: Box<RequestHead>,
}

/// A connection.
pub(crate) struct Line {
    owner: Rc<dyn Owner>,
    stream: Rc<RefCell<Carrier>>,
    driver: OnceCell<StreamDriverHandle>,
    task: Cell<Option<JoinHandle<()>>>,
    remote: SocketAddr,
    exchanges: RefCell<Exchanges<Place, Events>>,
    /// Whether exchanges can begin, as far as the peer has said.
    is_open: Cell<bool>,
    /// It carries a tunnel, and nothing after that.
    is_tunnel: Cell<bool>,
    /// Whether nobody worked on an exchange when the stream ended, once it has.
    was_idle: OnceCell<bool>,
}

impl Line {
    pub(crate) fn new(owner: Rc<dyn Owner>, stream: Rc<RefCell<Carrier>>, remote: SocketAddr) -> Line {
        let (driver, task) = (OnceCell::new(), Cell::new(None));
        Line {
            owner,
            stream,
            driver,
            task,
            remote,
            exchanges: RefCell::default(),
            is_open: Cell::new(true),
            is_tunnel: Cell::new(false),
            was_idle: OnceCell::new(),
        }
    }

    /// A tunnel has begun, and the connection ends with it.
    pub(crate) fn become_tunnel(&self) {
        self.is_tunnel.set(true);
    }

    /// Whether one has.
    pub(crate) fn is_tunnel(&self) -> bool {
        self.is_tunnel.get()
    }

    /// What runs the machine. To be called once.
    pub(crate) fn set_driver(&self, driver: StreamDriverHandle, task: JoinHandle<()>) {
        assert!(self.driver.set(driver).is_ok(), "a connection has one driver");
        self.task.set(Some(task));
    }

    /// Works with the machine; `None` while it is lent to somebody else, or if the connection is over.
    pub(crate) fn with<R>(self: &Rc<Line>, call: impl FnOnce(&mut Machine, Instant) -> R) -> Option<R> {
        let now = self.owner.handle().now();
        let mut stream = self.stream.try_borrow_mut().ok()?;
        let machine = stream.machine_mut();
        machine.account();
        let result = call(machine, now);
        machine.account();
        self.deliver(&mut stream);
        drop(stream);
        if let Some(driver) = self.driver.get() {
            driver.notify();
        }
        Some(result)
    }

    /// Brings what has happened to whom it concerns.
    pub(crate) fn deliver(self: &Rc<Line>, stream: &mut Carrier) {
        while let Some(told) = stream.machine_mut().poll() {
            match told {
                Told::Available => self.owner.on_available(),
                Told::GoingAway => self.is_open.set(false),
                Told::Exchange(place, Event::Request(head)) => self.on_request(stream, place, head),
                Told::Exchange(place, event) => self.on_event(place, event),
                Told::Refused(reason) => {
                    self.owner.tell(&ServerEvent::RequestRefused { remote: self.remote, reason: &*reason });
                }
                Told::Closed(closing) => self.on_closed(closing),
            }
        }
        self.owner.on_change(stream);
    }

    fn on_request(self: &Rc<Line>, stream: &Carrier, place: Place, head: Box<RequestHead>) {
        let session = stream.session();
        let peer = Peer {
            identity: session.and_then(|session| session.peer_identity().cloned()),
            is_resumed: session.is_some_and(Session::is_resumed),
            version: stream.machine().version().expect("a request comes in some version"),
            ..Peer::at(self.remote)
        };
        self.owner.on_arrival(Arrival { line: self, place, peer, session, head });
    }

    /// Somebody works on an exchange from now on.
    pub(crate) fn add_exchange(&self, place: Place, events: Events) {
        self.exchanges.borrow_mut().insert(place, events);
    }

    fn on_event(&self, place: Place, event: Event) {
        let slow = match event {
            Event::SlowSender => Some("its request"),
            Event::SlowReceiver => Some("the response"),
            _ => None,
        };
        if let Some(what) = slow {
            self.owner.tell(&ServerEvent::ClientTooSlow { remote: self.remote, what });
        }
        let events = self.exchanges.borrow().get(place);
        if let Some(events) = events {
            events.on_event(event);
        }
    }

    /// Those whose message was complete do not notice.
    fn on_closed(&self, closing: Closing) {
        self.is_open.set(false);
        self.was_idle();
        let error = Rc::new(self.error(closing));
        let all = self.exchanges.borrow().all();
        all.iter().for_each(|events| events.on_connection_over(&error));
    }

    fn error(&self, closing: Closing) -> Error {
        let address = self.remote;
        match closing {
            Closing::Done => Error::ShutDown,
            Closing::Reset => Error::BrokenOff { address },
            Closing::Breach(what, section) => Error::Breach { address, what, section },
            Closing::Told(code) => Error::message(format!("{address} ended the connection with error code {code:#x}")),
        }
    }

    /// The driver has ended, and with it the connection.
    pub(crate) fn on_end(self: &Rc<Line>) {
        let Ok(mut stream) = self.stream.try_borrow_mut() else { return };
        self.deliver(&mut stream);
        // RFC 9846 section 6.1-8: between messages nothing can be cut off, and many clients end so.
        let error = stream.tls_error();
        let error = error.filter(|error| **error != tls::record::Error::Truncated || !self.was_idle());
        if let Some(error) = error {
            let error = Error::message(error.clone());
            self.owner.tell(&ServerEvent::ConnectionFailed { remote: self.remote, error: &error });
        }
        drop(stream);
        self.on_closed(Closing::Reset);
    }

    /// The stream has ended now, or had before: those who worked on an exchange then may have given up since.
    fn was_idle(&self) -> bool {
        *self.was_idle.get_or_init(|| self.is_idle())
    }

    /// No task works on the exchange any more.
    pub(crate) fn remove_exchange(&self, place: Place) {
        if self.exchanges.borrow_mut().remove(place) {
            self.owner.on_exchange_end();
        }
    }

    /// Takes no more requests.
    pub(crate) fn drain(self: &Rc<Line>) {
        self.with(Machine::drain);
        let all = self.exchanges.borrow().all();
        all.iter().for_each(Events::on_server_end);
    }

    /// Ends at once. The client is not told.
    pub(crate) fn abort(&self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
        self.on_closed(Closing::Done);
    }

    /// Whether exchanges can begin, as far as the peer has said.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open.get()
    }

    /// Whether nobody works on an exchange of it.
    pub(crate) fn is_idle(&self) -> bool {
        self.exchanges.borrow().is_empty()
    }

    /// Which version is spoken; `None` until the handshake is complete.
    pub(crate) fn version(&self) -> Option<HttpVersion> {
        self.stream.try_borrow().ok()?.machine().version()
    }

    /// Where its task runs.
    pub(crate) fn handle(&self) -> &Handle {
        self.owner.handle()
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        self.remote
    }
}
