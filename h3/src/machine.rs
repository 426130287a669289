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

impl Slot {
    /// Moves what happened to the endpoint's events.
    fn take_events(&mut self, events: &mut VecDeque<EndpointEvent>) {
        while let Some(event) = self.http.poll_event() {
            events.push_back(EndpointEvent::Http(self.handle, event));
        }
    }
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
        slot.take_events(&mut self.events);
        self.forget_if_read(handle);
        Some(result)
    }

    /// Brings the events of one QUIC connection to its HTTP/3 connection.
    fn advance(&mut self, now: Instant, handle: ConnectionHandle) {
        while let Some(connection) = self.quic.connection_mut(handle) {
            let slot = self.connections.get_mut(handle.index()).and_then(Option::as_mut);
            let event = match slot.filter(|slot| slot.handle == handle) {
                Some(slot) => {
                    let event = deliver_streams(&mut slot.http, connection, now);
                    slot.take_events(&mut self.events);
                    event
                }
                None => connection.poll_event(),
            };
            match event {
                Some(quic::Event::Established) => self.establish(now, handle),
                Some(quic::Event::Closed(reason)) => self.closed(now, handle, reason),
                Some(quic::Event::Migrated(_)) => self.events.push_back(EndpointEvent::Migrated(handle)),
                Some(quic::Event::MigrationFailed(_)) => self.events.push_back(EndpointEvent::MigrationFailed(handle)),
                Some(quic::Event::Confirmed | quic::Event::Stream(_)) => {}
                None => break,
            }
        }
        self.forget_if_read(handle);
    }

    /// The connection was over before, and all that had come has been read since.
    fn forget_if_read(&mut self, handle: ConnectionHandle) {
        let slot = self.connections.get_mut(handle.index()).and_then(Option::as_mut);
        if let Some(slot) =
            slot.filter(|slot| slot.handle == handle && slot.closed.is_some() && !slot.http.has_unread())
            && let Some(reason) = slot.closed.take()
        {
            if let Some(connection) = self.quic.connection_mut(handle) {
                connection.hold(false);
            }
            self.forget(handle, reason);
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

/// Brings the events of streams to `http`, up to one that is about the connection.
fn deliver_streams(http: &mut Connection, connection: &mut quic::Connection, now: Instant) -> Option<quic::Event> {
    loop {
        match connection.poll_event()? {
            quic::Event::Stream(event) => deliver(http, &mut OverQuic::new(connection, now), event),
            event => return Some(event),
        }
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
