//! What a connection is made of, how it begins, and how it and its streams end.

use crate::config::Config;
use crate::critical_streams::{Incoming, Outgoing, Seen, outgoing};
use crate::data_streams::DataStreams;
use crate::endless::Endless;
use crate::event::Event;
use crate::exchange::Shared;
use crate::goaway;
use crate::request_stream::RequestStream;
use crate::rest::Rests;
use crate::settings::PeerSettings;
use crate::transport::Transport;
use crate::violation::Violation;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use base::{Duration, Instant, Side, Spare, StreamId, StreamMap, VarInt};

/// So long after datagrams have come exchanges are asked what they still need of the memory for them, and the places of requests that are
/// over are kept for others.
pub(super) const REST: Duration = Duration::from_millis(100);

/// One end of an HTTP/3 connection.
#[derive(Debug)]
pub struct Connection {
    pub(crate) is_closed: bool,
    pub(crate) shared: Shared,
    /// Request streams that have not ended in both directions.
    pub(crate) streams: StreamMap<Box<RequestStream>>,
    /// Places of those that are gone.
    pub(crate) spare: Spare<Box<RequestStream>>,
    /// One has come or gone since it was asked last whether they are needed.
    is_spare_used: bool,
    /// The peer's unidirectional streams, as far as we read them. QUIC limits how many there can be.
    pub(super) incoming: BTreeMap<StreamId, Incoming>,
    pub(super) seen: Seen,
    /// Streams that belong to requests. QUIC limits how many of the peer's there can be.
    pub(super) data_streams: DataStreams,
    /// Our control, encoder and decoder streams. They never end.
    pub(crate) outgoing: [Outgoing; 3],
    /// One past the last request stream the peer opened.
    pub(super) next_request: VarInt,
    /// Requests whose end is awaited and nothing else.
    pub(crate) endless: Endless,
    /// What still comes of requests whose clients were asked to stop.
    pub(crate) rests: Rests,
    /// Whether a request had to wait for the peer to allow more streams.
    pub(crate) wants_stream: bool,
    /// Whether the peer's settings have come.
    pub(crate) has_settings: bool,
    /// On a client whose handshake is not complete: what is sent is early data.
    pub(crate) is_early: bool,
    /// On a client that has sent early data which the server has taken: what it relied on, until the settings come.
    pub(super) relied_on: Option<PeerSettings>,
    /// When what is kept for later is given back: places of streams, and what exchanges do not need of the memory for datagrams.
    pub(super) rest: Option<Instant>,
}

impl Connection {
    /// The end that sends requests.
    pub fn client(config: Config) -> Connection {
        Connection::new(Side::Client, config)
    }

    /// The end that answers them.
    pub fn server(config: Config) -> Connection {
        Connection::new(Side::Server, config)
    }

    fn new(side: Side, config: Config) -> Connection {
        let outgoing = outgoing(side, &config);
        Connection {
            is_closed: false,
            shared: Shared::new(side, config),
            streams: StreamMap::new(),
            spare: Spare::new(),
            is_spare_used: false,
            incoming: BTreeMap::new(),
            seen: Seen::default(),
            data_streams: DataStreams::default(),
            outgoing,
            next_request: VarInt::ZERO,
            endless: Endless::default(),
            rests: Rests::default(),
            wants_stream: false,
            has_settings: false,
            is_early: false,
            relied_on: None,
            rest: None,
        }
    }

    /// The end that sends requests, and may send them as early data. `settings` are those that the server said when it gave the
    /// ticket ([`Transport::remember`]); what cannot be read counts as nothing.
    /// RFC 9114 section 7.2.4.2-6.
    pub(crate) fn early_client(config: Config, settings: &[u8]) -> Connection {
        let mut connection = Connection::client(config);
        connection.shared.peer = PeerSettings::decode(settings).unwrap_or_default();
        connection.is_early = true;
        connection
    }

    /// On a client that might send early data: the handshake is complete, and the server has taken it or not. Requests that had to
    /// wait for this can be sent.
    pub(crate) fn on_early_data_over(&mut self, is_accepted: bool) {
        if !core::mem::replace(&mut self.is_early, false) {
            return;
        }
        // What is refused is sent again, and holds the server to nothing.
        if is_accepted {
            self.relied_on = Some(self.shared.peer);
        } else {
            self.shared.peer = PeerSettings::default();
        }
        if core::mem::take(&mut self.wants_stream) {
            self.shared.events.push_back(Event::RequestsAvailable);
        }
    }

    /// What happened, in order; `None` when nothing is left.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.shared.events.pop_front()
    }

    /// Whether `poll_event` has something.
    pub(crate) fn has_events(&self) -> bool {
        !self.shared.events.is_empty()
    }

    /// Whether no request is open and none will be taken: a connection that was shut down can be closed without loss.
    pub fn is_drained(&self) -> bool {
        let goaway = &self.shared.goaway;
        let refuses = match self.shared.side {
            Side::Server => goaway.sent.is_some_and(|sent| sent < goaway::SERVER_NOTICE),
            Side::Client => goaway.sent.is_some() || goaway.received.is_some(),
        };
        self.is_closed || (refuses && self.is_idle())
    }

    /// Whether no request is open.
    pub(crate) fn is_idle(&self) -> bool {
        // A response that is complete needs nothing more, though the end of its request has not come.
        self.streams.values().all(|stream| stream.receive.is_unwanted && stream.send.has_ended())
    }

    /// Whether this is a server's, whose client has said that it goes and is owed no answer, and the server has not yet said
    /// anything of the kind.
    pub(crate) fn is_left(&self) -> bool {
        let goaway = &self.shared.goaway;
        self.shared.side == Side::Server && goaway.received.is_some() && goaway.sent.is_none() && self.is_idle()
    }

    /// Whether this is a client's that waits for a response.
    pub(crate) fn awaits_response(&self) -> bool {
        self.shared.side == Side::Client && !self.streams.is_empty()
    }

    /// Requests whose responses this side has not ended.
    pub(crate) fn unanswered(&self) -> usize {
        self.streams.values().filter(|stream| !stream.send.has_ended()).count()
    }

    /// Whether the application was told of content that it has not read.
    pub(crate) fn has_unread(&self) -> bool {
        self.streams.values().any(|stream| stream.receive.is_announced)
    }

    /// Closes the connection at once. Requests that are open are lost; see `shutdown` for the way that loses none.
    pub fn close(&mut self, transport: &mut impl Transport, code: VarInt, reason: &'static str) {
        if !self.is_closed {
            transport.close(code, reason);
            self.end(code, None);
        }
    }

    /// The streams of which `which` is true, in their order.
    pub(super) fn select(&self, which: impl Fn(StreamId, &RequestStream) -> bool) -> Vec<StreamId> {
        let chosen = self.streams.iter().filter(|(id, stream)| which(*id, stream));
        let mut chosen: Vec<StreamId> = chosen.map(|(id, _)| id).collect();
        chosen.sort_unstable();
        chosen
    }

    /// Takes a stream out if both directions have ended.
    pub(crate) fn remove_if_over(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get(id).filter(|stream| stream.is_over()) else { return };
        if stream.is_known {
            self.shared.budget.earn();
        }
        self.remove(id);
    }

    /// Takes a stream out.
    pub(crate) fn remove(&mut self, id: StreamId) {
        if let Some(mut stream) = self.streams.remove(id) {
            self.data_streams.take_stop(id);
            self.shared.on_gone(&mut stream, id);
            self.keep_spare(stream);
        }
    }

    /// A place for one more stream, where one stood that is gone if there is such a place.
    pub(crate) fn new_stream(&mut self, opened: Instant) -> Box<RequestStream> {
        match self.spare.take() {
            Some(mut place) => {
                self.is_spare_used = true;
                place.opened = opened;
                place
            }
            None => Box::new(RequestStream::new(opened)),
        }
    }

    /// A few places are kept until there has been no request for a while, and nothing of what stood there. For requests that come alone none
    /// is: an allocator has one at hand, and nobody has to look later whether it is still needed.
    fn keep_spare(&mut self, mut place: Box<RequestStream>) {
        if self.streams.is_empty() && self.spare.is_empty() {
            return;
        }
        *place = RequestStream::new(place.opened);
        self.is_spare_used = true;
        self.rest.get_or_insert(place.opened + REST);
        self.spare.keep(place, usize::MAX);
    }

    /// Nothing is kept any longer if no request has come or gone since this was asked last. Whether something is.
    pub(super) fn rest_spare(&mut self) -> bool {
        if !core::mem::take(&mut self.is_spare_used) {
            self.spare.release();
        }
        !self.spare.is_empty()
    }

    /// Drops what the application was not yet told about a stream that it gave up or that failed.
    pub(crate) fn forget_events(&mut self, id: StreamId) {
        self.shared.events.retain(|event| !matches!(event, Event::Exchange(of, _) if *of == id));
    }

    pub(crate) fn spend(&mut self, transport: &mut impl Transport) {
        if let Err(violation) = self.shared.budget.spend() {
            self.close_for(transport, violation);
        }
    }

    pub(crate) fn close_for(&mut self, transport: &mut impl Transport, violation: Violation) {
        if !self.is_closed {
            transport.close(violation.code(), violation.reason());
            self.end(violation.code(), Some(violation));
        }
    }

    pub(super) fn end(&mut self, code: VarInt, violation: Option<Violation>) {
        if core::mem::replace(&mut self.is_closed, true) {
            return;
        }
        self.streams.clear();
        self.rests.clear();
        self.incoming.clear();
        self.data_streams.clear();
        self.shared.events.push_back(Event::Closed { code, violation });
    }
}
