//! The state of a connection, and what is asked of it without changing it.

use crate::ahead::Ahead;
use crate::chunks::Chunks;
use crate::clocks::Clocks;
use crate::config::Config;
use crate::event::{Closing, Event};
use crate::exchange::{Exchange, ExchangeId};
use crate::head::{HeadReader, TrailersReader};
use crate::lines::Lines;
use crate::outbox::Outbox;
use crate::write;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use base::{Bytes, Instant, Side};
use http::pace::LeastRate;
use http::{HttpDate, ResponseHead, Scheme, exchange};

/// How often, within the patience with a peer that takes a response, it is looked at.
const LOOKS: u32 = 4;

/// One end of an HTTP/1.1 connection (RFC 9112).
///
/// It is a [`StreamMachine`](base::StreamMachine): a driver moves its bytes. The application's calls never wait: what cannot be done now is told later
/// as an event. A call that ends or gives up a message has its effect when the driver asks for output next.
#[derive(Debug)]
pub struct Connection {
    pub(crate) side: Side,
    pub(crate) config: Config,
    /// Of the requests, where their targets do not say it.
    pub(crate) scheme: Scheme,
    pub(super) lines: Lines,
    pub(super) head: HeadReader,
    pub(super) incoming: Incoming,
    /// What a client has sent ahead: it comes before what is offered.
    pub(crate) ahead: Ahead,
    pub(crate) current: Option<Exchange>,
    pub(super) next_id: u64,
    pub(crate) outbox: Outbox,
    pub(super) events: VecDeque<Event>,
    pub(crate) clocks: Clocks,
    /// Whether another exchange may follow the current one.
    pub(crate) keeps_alive: bool,
    pub(super) phase: Phase,
    pub(super) ends: Ends,
    /// The line with what a server says in Alt-Svc.
    pub(crate) alternative: Option<Vec<u8>>,
    /// Bytes that may wait to be sent, as far as other connections leave room.
    pub(super) unsent_share: usize,
}

/// What the next bytes are.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A head, of which the [`HeadReader`] has what has come.
    Head,
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
pub(crate) enum Phase {
    Open,
    /// What waits is sent, then our side ends.
    Ending,
    /// It is given up.
    Broken,
}

/// What has ended of the carrier.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ends {
    /// The peer sends nothing more.
    pub(crate) incoming: bool,
    /// It sends nothing more than what is ahead.
    pub(crate) is_behind: bool,
    /// We have said that we send nothing more.
    pub(crate) outgoing: bool,
    /// The application was told.
    pub(crate) is_told: bool,
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
        Connection {
            side,
            head: HeadReader::new(&config.limits),
            config,
            scheme,
            lines: Lines::default(),
            incoming: Incoming::Head,
            ahead: Ahead::default(),
            current: None,
            next_id: 0,
            outbox: Outbox::default(),
            events: VecDeque::new(),
            clocks: Clocks::default(),
            keeps_alive: true,
            phase: Phase::Open,
            ends: Ends::default(),
            alternative: None,
            unsent_share: usize::MAX,
        }
    }

    /// Has a server tell its clients from now on where else it can be reached, in the Alt-Svc field of each response that has none
    /// (RFC 7838 section 3). The value is not checked.
    pub fn set_alternative(&mut self, value: Option<Bytes>) {
        self.alternative = value.map(|value| write::line(b"alt-svc", &value));
    }

    /// What has happened and was not told.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The exchange under way.
    pub(crate) fn current(&self) -> Option<ExchangeId> {
        self.current.as_ref().map(|exchange| exchange.id)
    }

    /// Whether a request could be sent, or come, now: no exchange is under way and none has begun.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Open && self.current.is_none() && !self.head_has_begun() && !self.ends.incoming
    }

    pub(super) fn head_has_begun(&self) -> bool {
        matches!(self.incoming, Incoming::Head) && self.head.has_begun(&self.lines)
    }

    /// A head comes next.
    pub(super) fn await_head(&mut self) {
        self.head.begin(&self.config.limits);
        self.incoming = Incoming::Head;
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
    pub(super) fn forget_events(&mut self, id: ExchangeId) {
        self.events.retain(|event| !matches!(event, Event::Exchange(of, _) if *of == id));
    }

    /// The same, but that there is the exchange is told: nobody hears of the end of what never began.
    pub(super) fn forget_all_but_request(&mut self, id: ExchangeId) {
        let is_request = |event: &exchange::Event| matches!(event, exchange::Event::Request(_));
        self.events.retain(|event| !matches!(event, Event::Exchange(of, event) if *of == id && !is_request(event)));
    }

    pub(super) fn tell_closed(&mut self, closing: Closing) {
        if !core::mem::replace(&mut self.ends.is_told, true) {
            self.events.push_back(Event::Closed(closing));
        }
    }

    /// The Date that a response is given, if it has none.
    pub(crate) fn date_for(&self, head: &ResponseHead) -> Option<[u8; HttpDate::LEN]> {
        self.config.date.filter(|_| !head.fields.contains("date")).map(|date| date())
    }

    /// Bytes that wait to be sent.
    pub fn unsent(&self) -> usize {
        self.outbox.len()
    }

    /// From now on no more than so many may wait, if that is less than [`Limits::max_unsent`](crate::Limits::max_unsent): for connections that share
    /// their memory.
    pub fn share_unsent(&mut self, most: usize) {
        self.unsent_share = most;
    }

    /// The most bytes that may wait.
    pub(super) fn max_unsent(&self) -> usize {
        self.config.limits.max_unsent.min(self.unsent_share)
    }

    /// Bytes that there is room for.
    pub(crate) fn free(&self) -> usize {
        self.max_unsent().saturating_sub(self.outbox.len())
    }

    pub(crate) fn rate_of_content(&self) -> Option<LeastRate> {
        self.config.times.request().filter(|_| self.side == Side::Server)
    }

    /// A response that is not all written, or not all taken.
    pub(crate) fn wait_for_reader(&mut self, now: Instant) {
        if self.side == Side::Server
            && let Some(rate) = self.config.times.response()
        {
            self.clocks.look.get_or_insert(now + rate.patience / LOOKS);
        }
    }
}
