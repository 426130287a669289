//! One connection to a backend: it brings what happens on the machine to the exchange under way, and goes back to the shelf when
//! that is over.
//!
//! Rule: the machine is borrowed for the time of one call and never across a wait; nobody is called back while it is borrowed.

use super::client::Client;
use super::waiting::Waiting;
use crate::error::Error;
use crate::exchange::calls::{Events, Exchange, Peer};
use crate::exchange::door::{self, Extent, Responded};
use crate::exchange::version::HttpVersion;
use base::{Bytes, Instant, StreamMemory};
use h1::{Closing, Event, ExchangeId};
use http::exchange::{Body, Reason, SendError};
use http::{Fields, RequestHead, ResponseHead};
use runtime::executor::Watched;
use runtime::{ByteStream, Handle, StreamDriver, StreamDriverHandle};
use std::cell::{Cell, OnceCell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// A connection.
pub(super) struct Line {
    machine: Rc<RefCell<Client>>,
    handle: Handle,
    remote: SocketAddr,
    driver: OnceCell<StreamDriverHandle>,
    current: RefCell<Option<(ExchangeId, Events)>>,
    is_over: Cell<bool>,
    shelf: Rc<Shelf>,
}

/// The connections of a thread to one backend.
#[derive(Default)]
pub(super) struct Shelf {
    /// Those without an exchange, the one used last at the end.
    idle: RefCell<Vec<Rc<Line>>>,
    /// All, and those that are being opened.
    open: Cell<usize>,
    pub(super) waiting: Rc<Waiting>,
    kept: usize,
    keep_for: Duration,
}

/// A connection is counted as long as this lives.
pub(super) struct Place {
    shelf: Rc<Shelf>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shelf.open.set(self.shelf.open.get() - 1);
        self.shelf.waiting.wake_one();
    }
}

impl Shelf {
    /// So many are kept, for so long.
    pub(super) fn new(kept: usize, keep_for: Duration) -> Rc<Shelf> {
        Rc::new(Shelf { kept, keep_for, ..Shelf::default() })
    }

    /// Connections, and those that are being opened.
    pub(super) fn open(&self) -> usize {
        self.open.get()
    }

    /// One more connection, if there may be so many.
    pub(super) fn enter(self: &Rc<Shelf>, most: usize) -> Option<Place> {
        if self.open.get() >= most {
            return None;
        }
        self.open.set(self.open.get() + 1);
        Some(Place { shelf: self.clone() })
    }

    /// The one that was used last, which is the least likely to be ended by the backend just now.
    pub(super) fn take(&self) -> Option<Rc<Line>> {
        let mut idle = self.idle.borrow_mut();
        let place =
            idle.iter().rposition(|line| line.machine.try_borrow_mut().is_ok_and(|mut machine| machine.take()))?;
        Some(idle.remove(place))
    }

    /// Ends one that is not used, to make room.
    pub(super) fn end_oldest(&self) {
        let oldest = self.idle.borrow().first().cloned();
        if let Some(line) = oldest {
            line.end();
        }
    }

    fn put_back(&self, line: &Rc<Line>) {
        let is_full = self.idle.borrow().len() >= self.kept;
        let until = line.handle.now() + self.keep_for;
        let is_kept = line.with_machine(|machine, _| {
            let is_kept = !is_full && machine.http().is_idle();
            if is_kept {
                machine.leave(until);
            }
            is_kept
        });
        match is_kept {
            Some(true) => self.idle.borrow_mut().push(line.clone()),
            _ => line.end(),
        }
    }

    fn remove(&self, line: &Rc<Line>) {
        self.idle.borrow_mut().retain(|other| !Rc::ptr_eq(other, line));
    }
}

/// What a connection is begun with.
pub(super) struct Beginning {
    pub(super) handle: Handle,
    pub(super) remote: SocketAddr,
    pub(super) config: h1::Config,
    pub(super) memory: Rc<RefCell<StreamMemory>>,
    pub(super) shelf: Rc<Shelf>,
    pub(super) place: Place,
}

impl Line {
    /// Begins a connection on a stream that is open.
    pub(super) fn begin<S: ByteStream + 'static>(beginning: Beginning, stream: Watched<S>) -> Rc<Line> {
        let Beginning { handle, remote, config, memory, shelf, place } = beginning;
        let machine = Rc::new(RefCell::new(Client::new(config, shelf.waiting.clone())));
        let line = Rc::new(Line {
            machine: machine.clone(),
            handle: handle.clone(),
            remote,
            driver: OnceCell::new(),
            current: RefCell::default(),
            is_over: Cell::new(false),
            shelf,
        });
        let progress = line.clone();
        let deliver = move |machine: &mut Client, _| progress.deliver(machine.http());
        let (driver, notice) = StreamDriver::new(&handle, stream, machine, memory, deliver);
        assert!(line.driver.set(notice).is_ok(), "a connection has one driver");
        let ended = line.clone();
        handle.spawn_driver(async move {
            let _ending = driver.await;
            ended.on_driver_end();
            drop(place);
        });
        line
    }

    /// Sends the head of a request, with `ends` all of it. Nothing if the connection has ended just now.
    pub(super) fn open(self: &Rc<Line>, head: &RequestHead, ends: bool) -> Option<Result<Exchange, Error>> {
        if self.is_over.get() {
            return None;
        }
        let sent = self.with(|http, now| http.send_request(now, head, &mut Bytes::new(), ends));
        let id = match sent? {
            Ok(id) => id,
            Err(SendError::GoingAway | SendError::Closed | SendError::Blocked) => return None,
            Err(error) => return Some(Err(Error::message(error))),
        };
        let peer = Peer { version: HttpVersion::Http1, ..Peer::at(self.remote) };
        let (exchange, events) = Exchange::new(peer, Door { line: self.clone(), id });
        *self.current.borrow_mut() = Some((id, events));
        Some(Ok(exchange))
    }

    fn with<R>(self: &Rc<Line>, call: impl FnOnce(&mut h1::Connection, Instant) -> R) -> Option<R> {
        self.with_machine(|machine, now| call(machine.http(), now))
    }

    fn with_machine<R>(self: &Rc<Line>, call: impl FnOnce(&mut Client, Instant) -> R) -> Option<R> {
        let mut machine = self.machine.try_borrow_mut().ok()?;
        let result = call(&mut machine, self.handle.now());
        self.deliver(machine.http());
        drop(machine);
        if let Some(driver) = self.driver.get() {
            driver.notify();
        }
        Some(result)
    }

    /// Brings what has happened to the exchange.
    fn deliver(&self, http: &mut h1::Connection) {
        while let Some(event) = http.poll_event() {
            match event {
                Event::Exchange(id, event) => {
                    let events =
                        self.current.borrow().as_ref().filter(|(of, _)| *of == id).map(|(_, events)| events.clone());
                    if let Some(events) = events {
                        events.on_event(event);
                    }
                }
                Event::Closed(closing) => self.on_closed(closing),
                Event::Available => {}
                Event::Refused(_) => unreachable!("a client refuses no requests"),
            }
        }
    }

    fn on_closed(&self, closing: Closing) {
        self.is_over.set(true);
        let address = self.remote;
        let error = match closing {
            Closing::Violation(violation) => {
                Error::Breach { address, what: violation.reason(), section: violation.section() }
            }
            _ => Error::BrokenOff { address },
        };
        let events = self.current.borrow().as_ref().map(|(_, events)| events.clone());
        if let Some(events) = events {
            events.on_connection_over(&Rc::new(error));
        }
    }

    fn on_driver_end(self: &Rc<Line>) {
        if let Ok(mut machine) = self.machine.try_borrow_mut() {
            self.deliver(machine.http());
        }
        if !self.is_over.get() {
            self.on_closed(Closing::Reset);
        }
        self.shelf.remove(self);
    }

    /// Nobody works on the exchange any more.
    fn on_exchange_end(self: &Rc<Line>) {
        *self.current.borrow_mut() = None;
        if !self.is_over.get() {
            self.shelf.clone().put_back(self);
        }
    }

    /// Ends the connection; an exchange under way is given up with it, and the backend is told by a reset.
    fn end(self: &Rc<Line>) {
        self.is_over.set(true);
        self.shelf.remove(self);
        self.with(|http, now| http.close(now));
    }
}

/// The calls of one exchange with a backend.
struct Door {
    line: Rc<Line>,
    id: ExchangeId,
}

impl door::Door for Door {
    fn respond(&self, _: &ResponseHead, _: &mut Bytes, _: bool) -> Result<Responded, SendError> {
        Err(SendError::WrongOrder)
    }

    fn room(&self, wanted: usize) -> Result<usize, SendError> {
        self.line.with(|http, _| http.room(self.id, wanted)).unwrap_or(Err(SendError::Closed))
    }

    fn write(&self, data: &mut Bytes) -> Result<(), SendError> {
        self.line.with(|http, now| http.send_body(now, self.id, data)).unwrap_or(Err(SendError::Closed))
    }

    fn read(&self, max: usize) -> Option<Body> {
        self.line.with(|http, now| http.read_body(now, self.id, max))
    }

    fn finish(&self, trailers: Option<&Fields>) -> Result<(), SendError> {
        let finished = self.line.with(|http, now| match trailers {
            Some(fields) => http.send_trailers(now, self.id, fields),
            None => http.finish(now, self.id),
        });
        finished.unwrap_or(Err(SendError::Closed))
    }

    fn lift_time_limits(&self) {}

    fn cancel(&self, extent: Extent, reason: Reason) {
        self.line.with(|http, now| match extent {
            Extent::Exchange => http.reset(now, self.id, reason),
            Extent::Receiving => http.stop_receiving(now, self.id),
        });
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.line.on_exchange_end();
    }
}
