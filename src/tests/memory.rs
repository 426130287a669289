//! A door without a network: a client and a server of the library that share their exchanges in memory.
//!
//! It speaks no version of HTTP. What a message may be and when its parts may come is `http::exchange`'s; how much of a body
//! is under way and how many exchanges there are at a time have a number, so that writers and requests have to wait.

use crate::client::Client;
use crate::client::connection::{Connect, Connection, Task};
use crate::client::pool::Limits;
use crate::error::Error;
use crate::exchange::calls::{Events, Exchange, OnRequest, Peer};
use crate::exchange::door::{Door, Extent, Responded};
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::server::authorities::Authorities;
use crate::server::event::ServerEvent;
use crate::server::handler::{Answering, Outcome, spawn_each};
use base::{Bytes, Instant};
use http::exchange::{Body, Event, Reason, Receiving, SendError, SendPhase, Sending};
use http::message_rules::{check_client_duties, check_request, check_response};
use http::{Fields, Method, RequestHead, ResponseHead};
use quic::Stats;
use runtime::Handle;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Bytes of one body that are under way.
const WINDOW: usize = 100_000;
/// Exchanges that are open at a time.
const MAX_EXCHANGES: usize = 100;

/// Runs `test` with a client and the URL of a server that answers with `handler`.
pub(super) fn with_server<H, T>(
    handler: impl Fn(Request, Reply) -> H + 'static,
    test: impl AsyncFnOnce(Client, String, Handle) -> T,
) -> T
where
    H: Future<Output: Outcome> + 'static,
{
    with_server_and_events(handler, |_| (), test)
}

/// The same, with a listener to what goes wrong on the server.
pub(super) fn with_server_and_events<H, T>(
    handler: impl Fn(Request, Reply) -> H + 'static,
    on_event: impl Fn(&ServerEvent<'_>) + 'static,
    test: impl AsyncFnOnce(Client, String, Handle) -> T,
) -> T
where
    H: Future<Output: Outcome> + 'static,
{
    crate::run(|handle| async move {
        let on_request = Rc::new(spawn_each(
            handle.clone(),
            handler,
            Some(Rc::new(on_event)),
            None,
            Answering::default(),
            None,
            None,
        ));
        let client = Client::over(&handle, Box::new(Network { on_request }), Limits::default());
        test(client, "https://127.0.0.1:4433".to_owned(), handle).await
    })
    .unwrap()
}

/// Leads to the one server.
struct Network {
    on_request: Rc<OnRequest>,
}

impl Connect for Network {
    fn connect(&self, _host: Rc<str>, _port: u16, _early: bool) -> Task<'_, Result<Rc<dyn Connection>, Error>> {
        let limit = Rc::new(Limit::default());
        Box::pin(async move { Ok(Rc::new(Line { on_request: self.on_request.clone(), limit }) as Rc<dyn Connection>) })
    }

    fn close_all(&self) -> Task<'_, ()> {
        Box::pin(async {})
    }
}

/// A connection.
struct Line {
    on_request: Rc<OnRequest>,
    limit: Rc<Limit>,
}

/// How many exchanges there are.
#[derive(Default)]
struct Limit {
    open: Cell<usize>,
    openings: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
}

impl Connection for Line {
    fn is_open(&self) -> bool {
        true
    }

    fn idle_since(&self) -> Option<Instant> {
        (self.limit.open.get() == 0).then_some(Instant::ZERO)
    }

    fn paths(&self) -> Vec<quic::PathStats> {
        Vec::new()
    }

    fn update_keys(&self) -> bool {
        false
    }

    fn poll_closing(&self, _context: &Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    fn open(&self, head: &RequestHead, ends: bool) -> Option<Result<Exchange, Error>> {
        if let Err(malformed) = check_client_duties(head, !ends) {
            return Some(Err(Error::message(malformed)));
        }
        let length = match check_request(head) {
            Ok(length) if !ends || length.on_end().is_ok() => length,
            Ok(length) => return Some(Err(Error::message(length.on_end().unwrap_err()))),
            Err(malformed) => return Some(Err(Error::message(malformed))),
        };
        if self.limit.open.get() == MAX_EXCHANGES {
            return None;
        }
        self.limit.open.set(self.limit.open.get() + 1);
        let messages = [Message::new(), Message::new()];
        let pair = Rc::new(Pair { messages, method: head.method.clone(), limit: self.limit.clone() });
        let address: SocketAddr = "127.0.0.1:4433".parse().unwrap();
        let (client, events) = Exchange::new(Peer::at(address), End { pair: pair.clone(), sends: REQUEST });
        *pair.messages[RESPONSE].receiver.borrow_mut() = Some(events.clone());
        *pair.messages[REQUEST].sender.borrow_mut() = Some(events);
        let (server, events) = Exchange::new(Peer::at(address), End { pair: pair.clone(), sends: RESPONSE });
        *pair.messages[REQUEST].receiver.borrow_mut() = Some(events.clone());
        *pair.messages[RESPONSE].sender.borrow_mut() = Some(events);
        let message = &pair.messages[REQUEST];
        message.sending.borrow_mut().on_head(length, head.method == Method::Connect);
        message.receiving.borrow_mut().on_request(head).unwrap();
        (self.on_request)(server, Box::new(head.clone()), &Authorities::any());
        if ends {
            message.finish(None).unwrap();
        }
        Some(Ok(client))
    }

    fn openings(&self) -> u64 {
        self.limit.openings.get()
    }

    fn poll_openings(&self, seen: &mut u64, context: &Context<'_>) -> Poll<()> {
        if *seen != self.limit.openings.get() {
            return Poll::Ready(());
        }
        self.limit.waiting.borrow_mut().push(context.waker().clone());
        Poll::Pending
    }

    fn migrate(&self) -> Task<'_, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn stats(&self) -> Option<(SocketAddr, Stats)> {
        None
    }

    fn close(&self) {}
}

const REQUEST: usize = 0;
const RESPONSE: usize = 1;

/// A request and its response.
struct Pair {
    messages: [Message; 2],
    method: Method,
    limit: Rc<Limit>,
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.limit.open.set(self.limit.open.get() - 1);
        self.limit.openings.set(self.limit.openings.get() + 1);
        self.limit.waiting.take().into_iter().for_each(Waker::wake);
    }
}

/// One message on its way, and who is told of it.
struct Message {
    sending: RefCell<Sending>,
    receiving: RefCell<Receiving>,
    body: RefCell<VecDeque<Bytes>>,
    trailers: RefCell<Option<Fields>>,
    is_announced: Cell<bool>,
    wants_room: Cell<bool>,
    sender: RefCell<Option<Events>>,
    receiver: RefCell<Option<Events>>,
}

impl Message {
    fn new() -> Message {
        Message {
            sending: RefCell::new(Sending::new()),
            receiving: RefCell::new(Receiving::new()),
            body: RefCell::default(),
            trailers: RefCell::default(),
            is_announced: Cell::default(),
            wants_room: Cell::default(),
            sender: RefCell::default(),
            receiver: RefCell::default(),
        }
    }

    fn tell_receiver(&self, event: Event) {
        let events = self.receiver.borrow().clone();
        events.unwrap().on_event(event);
    }

    fn tell_sender(&self, event: Event) {
        let events = self.sender.borrow().clone();
        events.unwrap().on_event(event);
    }

    fn buffered(&self) -> usize {
        self.body.borrow().iter().map(|piece| piece.len()).sum()
    }

    fn write(&self, data: &mut Bytes) -> Result<(), SendError> {
        self.sending.borrow().check_body(data.len() as u64)?;
        let piece = data.split_to(WINDOW - self.buffered());
        self.sending.borrow_mut().on_body(piece.len() as u64);
        self.wants_room.set(!data.is_empty());
        if !piece.is_empty() {
            self.body.borrow_mut().push_back(piece);
            if !self.is_announced.replace(true) {
                self.tell_receiver(Event::Body);
            }
        }
        Ok(())
    }

    fn room(&self, wanted: usize) -> Result<usize, SendError> {
        self.sending.borrow().check_going_on()?;
        let room = wanted.min(WINDOW - self.buffered());
        self.wants_room.set(room == 0 && wanted > 0);
        Ok(room)
    }

    fn read(&self, max: usize) -> Body {
        let mut body = self.body.borrow_mut();
        if let Some(front) = body.front_mut() {
            let piece = front.split_to(max);
            if front.is_empty() {
                body.pop_front();
            }
            drop(body);
            self.receiving.borrow_mut().on_body(piece.len() as u64).unwrap();
            if self.wants_room.take() {
                self.tell_sender(Event::Writable);
            }
            self.look_for_end();
            return Body::Data(piece);
        }
        let receiving = *self.receiving.borrow();
        match receiving.phase() {
            http::exchange::ReceivePhase::Finished => Body::End,
            http::exchange::ReceivePhase::Abandoned => Body::Gone,
            _ => {
                self.is_announced.set(false);
                Body::Blocked
            }
        }
    }

    fn finish(&self, trailers: Option<&Fields>) -> Result<(), SendError> {
        if let Some(fields) = trailers {
            self.sending.borrow().check_trailers(fields)?;
        }
        self.sending.borrow().check_end()?;
        self.sending.borrow_mut().on_end();
        *self.trailers.borrow_mut() = trailers.cloned();
        self.look_for_end();
        Ok(())
    }

    /// Tells the end once all content was read.
    fn look_for_end(&self) {
        if !self.sending.borrow().has_ended() || self.buffered() > 0 || self.receiving.borrow().has_ended() {
            return;
        }
        if let Some(fields) = self.trailers.take() {
            self.receiving.borrow_mut().on_trailers();
            self.tell_receiver(Event::Trailers(fields));
        }
        self.receiving.borrow_mut().on_end().unwrap();
        self.tell_receiver(Event::Finished);
        self.tell_sender(Event::Delivered);
    }

    /// The receiver does not want the rest.
    fn stop(&self, reason: Reason) {
        if self.receiving.borrow().has_ended() {
            return;
        }
        self.receiving.borrow_mut().abandon();
        self.body.borrow_mut().clear();
        if !self.sending.borrow().has_ended() {
            self.sending.borrow_mut().on_stopped(reason);
        }
        self.tell_sender(Event::Stopped(reason));
    }

    /// The sender breaks it off.
    fn reset(&self, reason: Reason) {
        if self.sending.borrow().has_ended() {
            return;
        }
        self.sending.borrow_mut().on_end();
        if !self.receiving.borrow().has_ended() {
            self.receiving.borrow_mut().abandon();
            self.body.borrow_mut().clear();
            self.tell_receiver(Event::Reset(reason));
        }
    }
}

/// One end of an exchange: it sends one of the messages and receives the other.
struct End {
    pair: Rc<Pair>,
    sends: usize,
}

impl End {
    fn out(&self) -> &Message {
        &self.pair.messages[self.sends]
    }

    fn incoming(&self) -> &Message {
        &self.pair.messages[1 - self.sends]
    }
}

impl Door for End {
    fn respond(&self, head: &ResponseHead, body: &mut Bytes, ends: bool) -> Result<Responded, SendError> {
        self.out().sending.borrow().check_head()?;
        let length = check_response(head, &self.pair.method)?;
        if ends && body.is_empty() {
            length.on_end()?;
        }
        if head.status.is_informational() {
            self.out().tell_receiver(Event::Informational(head.clone()));
            return Ok(Responded::Begun);
        }
        self.out().sending.borrow_mut().on_head(length, self.pair.method == Method::Connect);
        self.out().receiving.borrow_mut().on_response(head, &self.pair.method)?;
        self.out().tell_receiver(Event::Response(head.clone()));
        let sent = self.out().write(body).and_then(|()| {
            let is_whole = ends && body.is_empty();
            if is_whole {
                self.finish(None)?;
            }
            Ok(if is_whole { Responded::Whole } else { Responded::Begun })
        });
        Ok(sent.unwrap_or_else(Responded::Broken))
    }

    fn room(&self, wanted: usize) -> Result<usize, SendError> {
        self.out().room(wanted)
    }

    fn write(&self, data: &mut Bytes) -> Result<(), SendError> {
        self.out().write(data)
    }

    fn read(&self, max: usize) -> Option<Body> {
        Some(self.incoming().read(max))
    }

    fn finish(&self, trailers: Option<&Fields>) -> Result<(), SendError> {
        let is_stopped = matches!(self.out().sending.borrow().phase(), SendPhase::Stopped(_));
        if is_stopped {
            self.out().sending.borrow_mut().on_end();
        } else {
            self.out().finish(trailers)?;
        }
        if self.sends == RESPONSE {
            self.incoming().stop(Reason::NotNeeded);
        }
        Ok(())
    }

    /// In memory nobody is slow.
    fn lift_time_limits(&self) {}

    fn cancel(&self, extent: Extent, reason: Reason) {
        if extent == Extent::Exchange {
            self.out().reset(reason);
        }
        self.incoming().stop(reason);
    }
}
