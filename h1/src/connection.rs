//! The conductor: one connection, one exchange at a time.
//!
//! Messages come one after the other, so there is one exchange under way. What a client sends ahead (RFC 9112 section 9.3.2) waits
//! in the carrier until the one before it is over: answers come in order, and nothing is held for requests that are not
//! looked at.

mod ending;
mod incoming;
mod outgoing;
mod times;

use crate::chunks::Chunks;
use crate::config::Config;
use crate::event::{Closing, Event};
use crate::exchange::{Exchange, ExchangeId};
use crate::head::{HeadReader, TrailersReader};
use crate::lines::Lines;
use crate::outbox::Outbox;
use alloc::collections::VecDeque;
use base::{Bytes, Demand, Instant, Outgoing, Side, StreamMachine};
use http::exchange;
use http::{Authority, Scheme};
use times::Clocks;

/// One end of an HTTP/1.1 connection (RFC 9112).
///
/// It is a [`StreamMachine`]: a driver moves its bytes. The application's calls never wait: what cannot be done now is told later
/// as an event. A call that ends or gives up a message has its effect when the driver asks for output next.
#[derive(Debug)]
pub struct Connection {
    pub(crate) side: Side,
    pub(crate) config: Config,
    /// Of the requests, where their targets do not say it.
    pub(crate) scheme: Scheme,
    /// What the last request named: most of a connection's requests name the same.
    known: Option<Authority>,
    lines: Lines,
    incoming: Incoming,
    pub(crate) current: Option<Exchange>,
    next_id: u64,
    pub(crate) outbox: Outbox,
    events: VecDeque<Event>,
    pub(crate) clocks: Clocks,
    /// Whether another exchange may follow the current one.
    pub(crate) keeps_alive: bool,
    phase: Phase,
    ends: Ends,
    /// What a server says in Alt-Svc.
    pub(crate) alternative: Option<Bytes>,
}

/// What the next bytes are.
#[derive(Debug)]
enum Incoming {
    /// A head.
    Head(HeadReader),
    /// Content of which so many bytes are to come.
    Length(u64),
    /// Content in chunks.
    Chunks(Chunks),
    /// Trailers after the last chunk.
    Trailers(TrailersReader),
    /// Content up to the end of the connection, or what goes through a tunnel.
    Raw,
    /// Nothing, until the exchange under way is over or becomes a tunnel.
    Held,
    /// Whatever it is, it is thrown away: the connection is about to end.
    Ignored,
}

/// How far the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// What waits is sent, then our side ends.
    Ending,
    /// It is given up.
    Broken,
}

/// What has ended of the carrier.
#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    /// The peer sends nothing more.
    incoming: bool,
    /// We have said that we send nothing more.
    outgoing: bool,
    /// The application was told.
    is_told: bool,
}

impl Connection {
    /// A server's end, which takes requests for URIs of this scheme.
    pub fn server(config: Config, scheme: Scheme, now: Instant) -> Connection {
        let mut connection = Connection::new(Side::Server, config, scheme);
        connection.clocks.on_quiet(now);
        connection
    }

    /// A client's end.
    pub fn client(config: Config, scheme: Scheme) -> Connection {
        Connection::new(Side::Client, config, scheme)
    }

    fn new(side: Side, config: Config, scheme: Scheme) -> Connection {
        let incoming = Incoming::Head(HeadReader::new(&config.limits));
        Connection {
            side,
            config,
            scheme,
            known: None,
            lines: Lines::default(),
            incoming,
            current: None,
            next_id: 0,
            outbox: Outbox::default(),
            events: VecDeque::new(),
            clocks: Clocks::default(),
            keeps_alive: true,
            phase: Phase::Open,
            ends: Ends::default(),
            alternative: None,
        }
    }

    /// Has a server tell its clients from now on where else it can be reached, in the Alt-Svc field of each response that has none
    /// (RFC 7838 section 3). The value is not checked.
    pub fn set_alternative(&mut self, value: Option<Bytes>) {
        self.alternative = value;
    }

    /// What has happened and was not told.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The exchange under way.
    pub fn current(&self) -> Option<ExchangeId> {
        self.current.as_ref().map(|exchange| exchange.id)
    }

    /// Whether a request could be sent, or come, now: no exchange is under way and none has begun.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Open && self.current.is_none() && !self.head_has_begun() && !self.ends.incoming
    }

    fn head_has_begun(&self) -> bool {
        matches!(&self.incoming, Incoming::Head(reader) if reader.has_begun(&self.lines))
    }

    /// The exchange of this name, if it is under way.
    pub(crate) fn exchange_mut(&mut self, id: ExchangeId) -> Option<&mut Exchange> {
        self.current.as_mut().filter(|exchange| exchange.id == id)
    }

    /// A new exchange.
    pub(crate) fn next_id(&mut self) -> ExchangeId {
        let id = ExchangeId(self.next_id);
        self.next_id += 1;
        id
    }

    pub(crate) fn tell(&mut self, id: ExchangeId, event: exchange::Event) {
        self.events.push_back(Event::Exchange(id, event));
    }

    /// What was not told of an exchange is not told any more.
    fn forget_events(&mut self, id: ExchangeId) {
        self.events.retain(|event| !matches!(event, Event::Exchange(of, _) if *of == id));
    }

    fn tell_closed(&mut self, closing: Closing) {
        if !core::mem::replace(&mut self.ends.is_told, true) {
            self.events.push_back(Event::Closed(closing));
        }
    }
}

impl StreamMachine for Connection {
    fn demand(&self) -> Demand {
        let is_full =
            || self.current.as_ref().is_some_and(|exchange| exchange.content.len() >= self.config.limits.max_held);
        match self.incoming {
            _ if self.phase == Phase::Broken => Demand::Reset,
            Incoming::Ignored => Demand::More,
            Incoming::Held => Demand::Pause,
            _ if is_full() => Demand::Pause,
            _ => Demand::More,
        }
    }

    fn receive(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.take_in(now, bytes)
    }

    fn on_end(&mut self, now: Instant, _left: &[u8]) {
        self.on_peer_end(now);
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Outgoing {
        self.give_out(now, buffer)
    }

    fn on_reset(&mut self, _now: Instant) {
        self.phase = Phase::Broken;
        self.outbox.clear();
        self.current = None;
        self.tell_closed(Closing::Reset);
    }

    fn deadline(&self) -> Option<Instant> {
        let times = (self.side == Side::Server).then_some(&self.config.times);
        self.clocks.next(times, self.current.as_ref())
    }

    fn on_timeout(&mut self, now: Instant) {
        self.look(now);
    }
}
