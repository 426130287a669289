//! HTTP/3 endpoints as one machine: a QUIC endpoint, and an HTTP/3 connection on each of its connections.
//!
//! A driver runs it like any [`base::Machine`]. The application asks [`Endpoint::poll_event`] what happened and works with
//! a connection through [`Endpoint::with`]. Everything about a connection stands in one place, the QUIC endpoint's: the
//! transport's connection, HTTP/3's, and the value that the application keeps for it. Events wait where they came to be; the
//! one queue here names the connections that have some.

use crate::config::Config;
use crate::connection::Connection;
use crate::error_code;
use crate::event::Event;
use crate::over_quic::OverQuic;
use crate::parting::Parting;
use alloc::boxed::Box;
use alloc::sync::Arc;
use base::{Datagram, FourTuple, Instant, Machine, OwnedDatagram, Side, Transmit};
use quic::{CloseReason, ConnectError, ConnectionHandle, DatagramEvent};

/// The name of HTTP/3 in the negotiation of protocols (RFC 9114 section 3.1).
pub const ALPN: &[u8] = b"h3";

/// What happened on one of the connections.
#[derive(Debug)]
pub enum EndpointEvent<U = ()> {
    /// A client can make requests by safe methods, which go as early data: they may reach the server more than once, and it is not
    /// known who the server is. What it does not take is sent again when the handshake is complete. With [another
    /// protocol](Endpoint::is_other) its streams can be used, under the same conditions.
    ///
    /// A server has taken early data by another protocol, which may be a repetition until the handshake is complete, and can answer it.
    CanSendEarly(ConnectionHandle),
    /// The handshake is complete: requests can be made.
    Established(ConnectionHandle),
    /// A migration that was asked for is done: all is sent from the new address.
    Migrated(ConnectionHandle),
    /// One failed: the connection stays where it is.
    MigrationFailed(ConnectionHandle),
    /// The other end is at another address from now on, which it has proved: [`quic::Event::PeerMoved`].
    PeerMoved(ConnectionHandle),
    /// The server's preferred address did not answer this client: nothing has changed.
    PreferredAddressFailed(ConnectionHandle),
    /// Something of HTTP.
    Http(ConnectionHandle, Event),
    /// Something about a stream or about datagrams, on a connection on which another protocol than HTTP/3 was agreed upon
    /// ([`Endpoint::is_other`]).
    Transport(ConnectionHandle, quic::Event),
    /// After GOAWAY of either side (RFC 9114 section 5.2) the last exchange has ended, and all that this side sent has been
    /// acknowledged: the connection can be closed without loss, and is of no use any more. Told once.
    Flushed(ConnectionHandle),
    /// The connection is over; nothing of it follows but `Drained`.
    Closed(ConnectionHandle, CloseReason),
    /// The connection is forgotten, and its handle means nothing any more. Told once for every connection, with what the
    /// application kept for it.
    Drained(ConnectionHandle, U),
}

/// A QUIC endpoint that speaks HTTP/3 on every connection, unless another protocol was agreed upon by ALPN: what comes on such a
/// connection is handed on as the transport tells it. `U` is what the application keeps for each: made by
/// `U::default()` when a connection begins, and given back with [`EndpointEvent::Drained`].
pub struct Endpoint<U = ()> {
    quic: quic::Endpoint<Kept<U>>,
    config: Config,
    /// The connection whose events are being told.
    current: Option<ConnectionHandle>,
    /// An event of its transport that comes after those of HTTP/3.
    waiting: Option<quic::Event>,
}

/// What the QUIC endpoint keeps for each of its connections.
#[derive(Debug, Default)]
pub struct Kept<U> {
    /// From the moment at which this side can send.
    http: Option<Box<Connection>>,
    /// The handshake is complete, and the application knows.
    is_established: bool,
    /// Another protocol is spoken than HTTP/3.
    is_other: bool,
    /// Why the connection is over, while content that had arrived is still being read.
    closed: Option<Box<CloseReason>>,
    /// When this connection is told to be ready because of its time limits.
    awake_at: Option<Instant>,
    parting: Parting,
    value: U,
}

impl<U: Default> Endpoint<U> {
    /// On top of `quic`, whose TLS configurations offer [`ALPN`] as their protocol, perhaps with others beside it.
    pub const fn new(quic: quic::Endpoint<Kept<U>>, config: Config) -> Endpoint<U> {
        Endpoint { quic, config, current: None, waiting: None }
    }

    /// Begins a connection to a server.
    pub fn connect(
        &mut self,
        now: Instant,
        tls: Arc<tls::ClientConfig>,
        name: x509::ServerName,
        four_tuple: FourTuple,
    ) -> Result<ConnectionHandle, ConnectError> {
        self.connect_with(now, tls, name, four_tuple, true)
    }

    /// The same; early data is offered only if this says so as well ([`quic::Endpoint::connect_with`]).
    ///
    /// # Errors
    /// As for [`connect`](Endpoint::connect).
    pub fn connect_with(
        &mut self,
        now: Instant,
        tls: Arc<tls::ClientConfig>,
        name: x509::ServerName,
        four_tuple: FourTuple,
        offers_early_data: bool,
    ) -> Result<ConnectionHandle, ConnectError> {
        let is_other = !tls.alpn.iter().any(|protocol| protocol == ALPN);
        let handle = self.quic.connect_with(now, tls, name, four_tuple, offers_early_data)?;
        let kept = self.quic.value_mut(handle).expect("a connection that begins has its value");
        // Early data is sent before the server has chosen, and HTTP/3 is not among what it can choose.
        kept.is_other = is_other;
        Ok(handle)
    }

    /// What is said and enforced on every connection.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The QUIC endpoint below.
    pub const fn quic(&self) -> &quic::Endpoint<Kept<U>> {
        &self.quic
    }

    /// The QUIC endpoint below, to be worked with.
    pub const fn quic_mut(&mut self) -> &mut quic::Endpoint<Kept<U>> {
        &mut self.quic
    }

    /// What the application keeps for a connection, until it was given back.
    pub fn value(&self, handle: ConnectionHandle) -> Option<&U> {
        self.quic.value(handle).map(|kept| &kept.value)
    }

    /// The same, to be changed.
    pub fn value_mut(&mut self, handle: ConnectionHandle) -> Option<&mut U> {
        self.quic.value_mut(handle).map(|kept| &mut kept.value)
    }

    /// Messages of this side that are not known to have arrived: of a server, requests that would be cut short if the
    /// connection were closed now. None on one that is closing.
    pub fn undelivered(&self, handle: ConnectionHandle) -> usize {
        let Some(connection) = self.quic.connection(handle).filter(|connection| connection.is_open()) else { return 0 };
        let http = self.quic.value(handle).and_then(|kept| kept.http.as_deref());
        http.map_or(0, Connection::unanswered) + connection.unacknowledged_ends()
    }

    /// What happened: of one connection in order, and connections by turns.
    pub fn poll_event(&mut self, now: Instant) -> Option<EndpointEvent<U>> {
        loop {
            while let Some(handle) = self.current {
                if let Some(event) = self.advance(now, handle) {
                    return Some(event);
                }
            }
            match self.quic.poll_event()? {
                quic::EndpointEvent::Ready(handle) => self.current = Some(handle),
                quic::EndpointEvent::Drained(handle, kept) => return Some(EndpointEvent::Drained(handle, kept.value)),
            }
        }
    }

    /// Whether [`poll_event`](Endpoint::poll_event) has something to tell of what was done by [`with`](Endpoint::with). What
    /// follows from datagrams that were received since it was asked last is found out only when it is asked again.
    pub fn has_events(&self) -> bool {
        self.current.is_some() || self.quic.has_events()
    }

    /// Works with one connection: `call` gets its HTTP/3 side and the transport to pass to it. `None` if the connection is
    /// gone, or its handshake is not complete and there is no early data. What `call` brings about is told by `poll_event`.
    pub fn with<R>(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        call: impl FnOnce(&mut Connection, &mut OverQuic<'_>) -> R,
    ) -> Option<R> {
        let (connection, kept) = self.quic.parts_mut(handle)?;
        let is_usable = kept.is_established || takes_part_early(connection);
        let http = kept.http.as_deref_mut().filter(|_| is_usable)?;
        let result = call(http, &mut OverQuic::new(connection, now));
        kept.acknowledge(connection, now);
        kept.look_for_need(connection, now);
        let wake_at = kept.follow(now);
        if kept.has_events() || connection.has_events() {
            self.quic.mark_ready(handle);
        }
        self.wake_at(handle, wake_at);
        Some(result)
    }

    /// Whether another protocol than HTTP/3 is spoken on a connection: known once this side can send, and of a client that does not offer
    /// HTTP/3 from the beginning.
    pub fn is_other(&self, handle: ConnectionHandle) -> bool {
        self.quic.value(handle).is_some_and(|kept| kept.is_other)
    }

    /// Works with the transport of a connection on which [another protocol](Endpoint::is_other) is spoken. `None` if it is none, is
    /// gone, or its handshake is not complete and there is no early data.
    pub fn with_transport<R>(
        &mut self,
        handle: ConnectionHandle,
        call: impl FnOnce(&mut quic::Connection) -> R,
    ) -> Option<R> {
        let (connection, kept) = self.quic.parts_mut(handle)?;
        let is_usable = kept.is_established || takes_part_early(connection);
        if !(kept.is_other && is_usable) {
            return None;
        }
        let result = call(connection);
        if connection.has_events() {
            self.quic.mark_ready(handle);
        }
        Some(result)
    }

    fn wake_at(&mut self, handle: ConnectionHandle, at: Option<Instant>) {
        if let Some(at) = at {
            self.quic.wake_at(handle, at);
        }
    }

    /// One step of telling what happened on the current connection; a step may have nothing to tell. What HTTP/3 has made of
    /// the streams is told before what the transport told after it.
    fn advance(&mut self, now: Instant, handle: ConnectionHandle) -> Option<EndpointEvent<U>> {
        let http = self.quic.value_mut(handle).and_then(|kept| kept.http.as_deref_mut());
        if let Some(event) = http.and_then(Connection::poll_event) {
            return Some(EndpointEvent::Http(handle, event));
        }
        let Some((connection, kept)) = self.quic.parts_mut(handle) else {
            (self.current, self.waiting) = (None, None);
            return None;
        };
        if let Some(reason) = kept.take_closed() {
            self.quic.hold(handle, false);
            return Some(EndpointEvent::Closed(handle, reason));
        }
        if self.waiting.is_none() {
            kept.look_at_time(connection, now);
            let is_more = kept.advance(connection, now, &mut self.waiting);
            let wake_at = kept.follow(now);
            self.wake_at(handle, wake_at);
            if !is_more {
                self.current = None;
            }
            return None;
        }
        match self.waiting.take()? {
            // RFC 9114 section 7.2.4.2-3: the settings do not wait for the client's part of the handshake.
            quic::Event::CanSend => {
                kept.begin(connection, &self.config, now);
                // What a server answers early by HTTP/3 it answers by itself.
                let is_told = connection.side() == Side::Client || kept.is_other && takes_part_early(connection);
                is_told.then_some(EndpointEvent::CanSendEarly(handle))
            }
            quic::Event::Established => {
                kept.begin(connection, &self.config, now);
                kept.establish(connection);
                Some(EndpointEvent::Established(handle))
            }
            quic::Event::Closed(reason) => {
                kept.on_closed(connection.side(), reason);
                // Until it is read, what arrived stays.
                self.quic.hold(handle, true);
                None
            }
            quic::Event::Flushed => Some(EndpointEvent::Flushed(handle)),
            quic::Event::Migrated(_) => Some(EndpointEvent::Migrated(handle)),
            quic::Event::MigrationFailed(_) => Some(EndpointEvent::MigrationFailed(handle)),
            quic::Event::PeerMoved(_) => Some(EndpointEvent::PeerMoved(handle)),
            quic::Event::PreferredAddressFailed(_) => Some(EndpointEvent::PreferredAddressFailed(handle)),
            event @ (quic::Event::Stream(..) | quic::Event::Datagram(_)) => {
                kept.is_other.then_some(EndpointEvent::Transport(handle, event))
            }
            quic::Event::Confirmed => None,
        }
    }
}

impl<U> Kept<U> {
    /// Whether there is something to tell that the transport does not know of.
    fn has_events(&self) -> bool {
        self.is_read_to_the_end() || self.http.as_ref().is_some_and(|http| http.has_events())
    }

    /// What has come, and what was given up, is told to the peer's encoder.
    fn acknowledge(&mut self, connection: &mut quic::Connection, now: Instant) {
        if let Some(http) = &mut self.http {
            http.acknowledge(&mut OverQuic::new(connection, now));
        }
    }

    /// Gives up what has become too slow.
    fn look_at_time(&mut self, connection: &mut quic::Connection, now: Instant) {
        if self.awake_at.is_some_and(|at| at <= now) {
            self.awake_at = None;
            if let Some(http) = &mut self.http {
                http.on_timeout(&mut OverQuic::new(connection, now));
            }
        }
    }

    /// After anything happened: when the connection is to be looked at, if that is earlier than was said. A time that was said
    /// is not taken back, so that requests that are quick cost no timer.
    fn follow(&mut self, now: Instant) -> Option<Instant> {
        let http = self.http.as_deref_mut()?;
        http.follow(now);
        let deadline = http.deadline()?;
        let is_earlier = self.awake_at.is_none_or(|at| deadline < at);
        is_earlier.then(|| *self.awake_at.insert(deadline))
    }

    /// Brings the events of streams to HTTP/3, up to one that is about the connection, which is left in `waiting`. Tells
    /// whether there may be more to tell.
    fn advance(&mut self, connection: &mut quic::Connection, now: Instant, waiting: &mut Option<quic::Event>) -> bool {
        while let Some(event) = connection.poll_event() {
            match event {
                event @ (quic::Event::Stream(..) | quic::Event::Datagram(_)) if self.is_other => {
                    *waiting = Some(event);
                    break;
                }
                quic::Event::Stream(event, _) => {
                    // Before HTTP/3 is there, the application has no streams.
                    if let Some(http) = &mut self.http {
                        deliver(http, &mut OverQuic::new(connection, now), event);
                    }
                }
                quic::Event::Datagram(DatagramEvent::Readable) => {
                    // Before HTTP/3 is there, nothing is known that they could belong to: they wait.
                    if let Some(http) = &mut self.http {
                        http.on_datagrams(&mut OverQuic::new(connection, now));
                    }
                }
                // Writable, or another largest.
                quic::Event::Datagram(_) => {
                    if let Some(http) = &mut self.http {
                        http.on_datagrams_changed();
                    }
                }
                quic::Event::Flushed if !self.parting.on_flushed() => {}
                event => {
                    *waiting = Some(event);
                    break;
                }
            }
        }
        self.acknowledge(connection, now);
        self.look_for_need(connection, now);
        waiting.is_some() || self.has_events() || connection.has_events()
    }

    /// This side can send, and begins with its settings unless it has.
    fn begin(&mut self, connection: &mut quic::Connection, config: &Config, now: Instant) {
        if self.http.is_some() || self.is_other {
            return;
        }
        // Where nothing is agreed upon yet, this is a client that goes on with the HTTP/3 of an earlier connection.
        if connection.session().alpn().is_some_and(|protocol| protocol != ALPN) {
            self.is_other = true;
            return;
        }
        let mut http = Box::new(match connection.side() {
            Side::Client => match connection.take_remembered_application() {
                Some(settings) => Connection::early_client(config.clone(), &settings),
                None => Connection::client(config.clone()),
            },
            Side::Server => Connection::server(config.clone()),
        });
        http.on_connected(&mut OverQuic::new(connection, now));
        self.http = Some(http);
    }

    /// The handshake is complete.
    fn establish(&mut self, connection: &quic::Connection) {
        self.is_established = true;
        if let Some(http) = &mut self.http {
            http.on_early_data_over(connection.early_data() == tls::EarlyData::Accepted);
        }
    }

    /// Who still needs the connection: a client that waits for a response (RFC 9114 s5.1: it asks the transport to keep the
    /// connection), or nobody any more.
    fn look_for_need(&mut self, connection: &mut quic::Connection, now: Instant) {
        let Some(http) = &mut self.http else { return };
        connection.keep_alive_while(http.awaits_response());
        if self.parting.advance(http, &mut OverQuic::new(connection, now)) {
            connection.request_flushed();
        }
    }

    /// The connection is over. A client still reads what arrived before: a server may close as soon as the last byte of
    /// its response is acknowledged. A server has no client left to answer.
    fn on_closed(&mut self, side: Side, reason: CloseReason) {
        let code = match &reason {
            CloseReason::PeerApplication { code, .. } => *code,
            _ => error_code::H3_REQUEST_CANCELLED,
        };
        match &mut self.http {
            Some(http) if side == Side::Client && http.has_unread() => http.on_transport_over(code),
            _ => self.http = None,
        }
        self.closed = Some(Box::new(reason));
    }

    /// Whether the connection was over before, and all that had come has been read since.
    fn is_read_to_the_end(&self) -> bool {
        self.closed.is_some() && !self.http.as_ref().is_some_and(|http| http.has_unread())
    }

    /// Why the connection is over, once all that had come has been read.
    fn take_closed(&mut self) -> Option<CloseReason> {
        if !self.is_read_to_the_end() {
            return None;
        }
        self.http = None;
        self.closed.take().map(|reason| *reason)
    }
}

/// Whether the protocol above can be used before the handshake is complete: on a client that sends early data, whatever becomes of it,
/// and on a server that has taken some.
fn takes_part_early(connection: &quic::Connection) -> bool {
    match connection.side() {
        Side::Client => connection.early_data() != tls::EarlyData::NotOffered,
        Side::Server => connection.early_data() == tls::EarlyData::Accepted,
    }
}

/// One stream event, one call.
fn deliver(http: &mut Connection, transport: &mut OverQuic<'_>, event: quic::StreamEvent) {
    match event {
        quic::StreamEvent::Opened(id) => http.on_stream_opened(transport, id),
        quic::StreamEvent::Readable(id) => http.on_stream_readable(transport, id),
        quic::StreamEvent::Writable(id) => http.on_stream_writable(transport, id),
        quic::StreamEvent::Finished(id) => http.on_stream_delivered(id),
        quic::StreamEvent::Stopped { id, code } => http.on_stream_stopped(transport, id, code),
        quic::StreamEvent::Reset { id, code, size } => {
            if !http.on_data_stream_reset(id, code, size) {
                http.on_stream_reset(transport, id, code);
            }
        }
        quic::StreamEvent::StreamsAvailable(direction) => http.on_streams_available(transport, direction),
    }
}

impl<U: Default> Machine for Endpoint<U> {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.quic.receive(now, datagram);
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.quic.transmit(now, buffer)
    }

    fn deadline(&self) -> Option<Instant> {
        self.quic.deadline()
    }

    fn on_timeout(&mut self, now: Instant) {
        self.quic.on_timeout(now);
    }

    fn has_news(&self) -> bool {
        self.has_events()
    }

    fn poll_handover(&mut self) -> Option<(u32, OwnedDatagram)> {
        self.quic.poll_handover()
    }
}
