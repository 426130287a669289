//! HTTP/3 endpoints as one machine: a QUIC endpoint, and an HTTP/3 connection on each of its connections.
//!
//! A driver runs it like any [`base::Machine`]. The application asks [`Endpoint::poll_event`] what happened and works with
//! a connection through [`Endpoint::with`].

use crate::config::Config;
use crate::connection::Connection;
use crate::error_code;
use crate::event::Event;
use crate::over_quic::OverQuic;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::{Datagram, FourTuple, Instant, Machine, Side, Transmit};
use quic::{CloseReason, ConnectError, ConnectionHandle};

/// What happened on one of the connections.
#[derive(Debug)]
pub enum EndpointEvent {
    /// The handshake is complete: requests can be made.
    Established(ConnectionHandle),
    /// A migration that was asked for is done: all is sent from the new address.
    Migrated(ConnectionHandle),
    /// One failed: the connection stays where it is.
    MigrationFailed(ConnectionHandle),
    /// Something of HTTP.
    Http(ConnectionHandle, Event),
    /// The connection is over; nothing of it follows.
    Closed(ConnectionHandle, CloseReason),
}

/// A QUIC endpoint that speaks HTTP/3 on every connection.
pub struct Endpoint {
    quic: quic::Endpoint,
    config: Config,
    /// By index of the handle; with it, whose it is.
    connections: Vec<Option<Slot>>,
    events: VecDeque<EndpointEvent>,
}

struct Slot {
    handle: ConnectionHandle,
    http: Box<Connection>,
    /// Why the connection is over, while content that had arrived is still being read.
    closed: Option<CloseReason>,
}

impl Endpoint {
    /// On top of `quic`, whose TLS configurations offer `h3` as their protocol.
    pub fn new(quic: quic::Endpoint, config: Config) -> Endpoint {
        Endpoint { quic, config, connections: Vec::new(), events: VecDeque::new() }
    }

    /// Begins a connection to a server.
    pub fn connect(
        &mut self,
        now: Instant,
        tls: Arc<tls::ClientConfig>,
        name: x509::ServerName,
        four_tuple: FourTuple,
    ) -> Result<ConnectionHandle, ConnectError> {
        self.quic.connect(now, tls, name, four_tuple)
    }

    /// The QUIC endpoint below.
    pub const fn quic(&self) -> &quic::Endpoint {
        &self.quic
    }

    /// The QUIC endpoint below, to be worked with.
    pub const fn quic_mut(&mut self) -> &mut quic::Endpoint {
        &mut self.quic
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self, now: Instant) -> Option<EndpointEvent> {
        while self.events.is_empty() {
            let handle = self.quic.poll_ready()?;
            self.advance(now, handle);
        }
        self.events.pop_front()
    }

    /// Works with one connection: `call` gets its HTTP/3 side and the transport to pass to it. `None` if the connection is
    /// gone or its handshake is not complete. What `call` brings about is told by `poll_event`.
    pub fn with<R>(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        call: impl FnOnce(&mut Connection, &mut OverQuic<'_>) -> R,
    ) -> Option<R> {
        let slot = self.connections.get_mut(handle.index())?.as_mut().filter(|slot| slot.handle == handle)?;
        let connection = self.quic.connection_mut(handle)?;
        let result = call(&mut slot.http, &mut OverQuic::new(connection, now));
        while let Some(event) = slot.http.poll_event() {
            self.events.push_back(EndpointEvent::Http(handle, event));
        }
        if !slot.http.has_unread()
            && let Some(reason) = slot.closed.take()
        {
            connection.hold(false);
            self.forget(handle, reason);
        }
        Some(result)
    }

    /// Brings the events of one QUIC connection to its HTTP/3 connection.
    fn advance(&mut self, now: Instant, handle: ConnectionHandle) {
        while let Some(event) = self.quic.connection_mut(handle).and_then(quic::Connection::poll_event) {
            match event {
                quic::Event::Established => self.establish(now, handle),
                quic::Event::Confirmed => {}
                quic::Event::Migrated(_) => self.events.push_back(EndpointEvent::Migrated(handle)),
                quic::Event::MigrationFailed(_) => self.events.push_back(EndpointEvent::MigrationFailed(handle)),
                quic::Event::Stream(event) => {
                    self.with(now, handle, |http, transport| deliver(http, transport, event));
                }
                quic::Event::Closed(reason) => self.closed(now, handle, reason),
            }
        }
    }

    fn establish(&mut self, now: Instant, handle: ConnectionHandle) {
        let Some(side) = self.quic.connection(handle).map(quic::Connection::side) else { return };
        let http = match side {
            Side::Client => Connection::client(self.config.clone()),
            Side::Server => Connection::server(self.config.clone()),
        };
        if self.connections.len() <= handle.index() {
            self.connections.resize_with(handle.index() + 1, || None);
        }
        if let Some(place) = self.connections.get_mut(handle.index()) {
            *place = Some(Slot { handle, http: Box::new(http), closed: None });
        }
        self.events.push_back(EndpointEvent::Established(handle));
        self.with(now, handle, |http, transport| http.on_connected(transport));
    }

    /// The connection is over. A client still reads what arrived before: a server may close as soon as the last byte of its
    /// response is acknowledged. A server has nobody left to answer.
    fn closed(&mut self, now: Instant, handle: ConnectionHandle, reason: CloseReason) {
        let slot = self.connections.get_mut(handle.index()).and_then(Option::as_mut);
        if let Some(slot) = slot.filter(|slot| slot.handle == handle && slot.http.has_unread())
            && let Some(connection) = self.quic.connection_mut(handle).filter(|one| one.side() == Side::Client)
        {
            connection.hold(true);
            let code = match &reason {
                CloseReason::PeerApplication { code, .. } => *code,
                _ => error_code::H3_REQUEST_CANCELLED,
            };
            slot.http.on_transport_over(code);
            slot.closed = Some(reason);
            self.with(now, handle, |_, _| ());
            return;
        }
        self.forget(handle, reason);
    }

    fn forget(&mut self, handle: ConnectionHandle, reason: CloseReason) {
        if let Some(place) = self.connections.get_mut(handle.index())
            && place.as_ref().is_some_and(|slot| slot.handle == handle)
        {
            *place = None;
        }
        self.events.push_back(EndpointEvent::Closed(handle, reason));
    }
}

/// One stream event, one call.
fn deliver(http: &mut Connection, transport: &mut OverQuic<'_>, event: quic::StreamEvent) {
    match event {
        quic::StreamEvent::Opened(id) => http.on_stream_opened(transport, id),
        quic::StreamEvent::Readable(id) => http.on_stream_readable(transport, id),
        quic::StreamEvent::Writable(id) => http.on_stream_writable(transport, id),
        quic::StreamEvent::Finished(_) => {}
        quic::StreamEvent::Stopped { id, code } => http.on_stream_stopped(transport, id, code),
        quic::StreamEvent::Reset { id, code } => http.on_stream_reset(transport, id, code),
        quic::StreamEvent::StreamsAvailable(direction) => http.on_streams_available(transport, direction),
    }
}

impl Machine for Endpoint {
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
}
