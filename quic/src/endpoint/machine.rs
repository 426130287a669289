//! The calls of the layer above and of the driver: connections begin, report events, and take and give datagrams.

use super::attempt::Attempt;
use super::early_datagrams::EarlyDatagrams;
use super::event::EndpointEvent;
use super::first_flight::FirstFlight;
use super::handshakes::Begun;
use super::slots::ConnectionHandle;
use super::table::{Endpoint, Route};
use crate::connection::Connection;
use crate::error::ConnectError;
use crate::wire::connection_id::ConnectionId;
use crate::wire::header;
use alloc::boxed::Box;
use alloc::sync::Arc;
use base::{Datagram, Ecn, FourTuple, Instant, Machine, OwnedDatagram, Transmit};

/// In the token of a timer: it is the layer above that waits, not the connection.
const WAKE: u64 = 1 << 32;

impl<T: Default> Endpoint<T> {
    /// Begins a connection to a server. Its fate is told by its events. Early data is offered if `tls` allows it and has a ticket
    /// for it.
    pub fn connect(
        &mut self,
        now: Instant,
        tls: Arc<tls::ClientConfig>,
        name: x509::ServerName,
        four_tuple: FourTuple,
    ) -> Result<ConnectionHandle, ConnectError> {
        self.connect_with(now, tls, name, four_tuple, true)
    }

    /// The same; early data is offered only if this says so as well.
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
        let index = self.reserve().ok_or(ConnectError::TooManyConnections)?;
        let attempt = Attempt { tls, name, offers_early_data };
        let version = self.first_version(&attempt);
        let first = FirstFlight { version, follows_negotiation: false, four_tuple };
        let connection = match self.attempt(now, index, &attempt, first) {
            Ok(connection) => connection,
            Err(error) => {
                self.slots.give_back(index);
                return Err(ConnectError::Tls(error));
            }
        };
        self.slots.get_mut(index).attempt = Some(Box::new(attempt));
        Ok(self.begin(index, connection, Begun { network: None, is_validated: true }, None))
    }
}

impl<T> Endpoint<T> {
    /// What happened: a connection that has events, or one that is over for good. To be asked until it gives `None`,
    /// whenever the machine had an input.
    pub fn poll_event(&mut self) -> Option<EndpointEvent<T>> {
        self.settle_touched();
        if let Some(index) = self.told.take() {
            self.retire_if_over(index);
        }
        while let Some(index) = self.have_events.pop_front() {
            self.slots.get_mut(index).in_event_queue = false;
            if self.slots.get(index).connection.is_some() {
                self.told = Some(index);
                return Some(EndpointEvent::Ready(self.slots.handle(index)));
            }
            if let Some((handle, value)) = self.slots.free(index) {
                return Some(EndpointEvent::Drained(handle, value));
            }
        }
        None
    }

    /// Whether [`poll_event`](Endpoint::poll_event) is known to have something. What follows from datagrams that were received
    /// since it was asked last is found out only when it is asked again.
    pub fn has_events(&self) -> bool {
        !self.have_events.is_empty()
    }

    /// A connection, to be worked with: it will be asked for datagrams at the next `transmit`.
    pub fn connection_mut(&mut self, handle: ConnectionHandle) -> Option<&mut Connection> {
        self.parts_mut(handle).map(|(connection, _)| connection)
    }

    /// The same, with what the layer above keeps for it.
    pub fn parts_mut(&mut self, handle: ConnectionHandle) -> Option<(&mut Connection, &mut T)> {
        self.queue_trace_of(handle);
        let slot = self.slots.find_mut(handle)?;
        if slot.connection.is_some() && !core::mem::replace(&mut slot.in_transmit_queue, true) {
            self.may_transmit.push_back(handle.index() as u32);
        }
        slot.parts()
    }

    /// Has [`poll_event`](Endpoint::poll_event) give a connection once more, whether or not it has events: for a layer above
    /// that has something to tell about it.
    pub fn mark_ready(&mut self, handle: ConnectionHandle) {
        if self.connection(handle).is_some() {
            self.queue_notice(handle.index() as u32);
        }
    }

    /// Has [`poll_event`](Endpoint::poll_event) give a connection at that time, whether or not it has events: for a layer
    /// above with time limits of its own. The last time that was said counts, and once.
    pub fn wake_at(&mut self, handle: ConnectionHandle, at: Instant) {
        let Some(slot) = self.slots.find_mut(handle).filter(|slot| slot.connection.is_some()) else { return };
        match slot.wake {
            Some(key) => {
                self.wheel.reset(key, at);
            }
            None => slot.wake = Some(self.wheel.insert(at, WAKE | handle.index() as u64)),
        }
    }

    /// Gives back the memory of places and queues that connections which are gone have left behind.
    pub fn release_memory(&mut self) {
        self.settle_touched();
        self.slots.release_memory();
        self.touched.shrink_to_fit();
        self.may_transmit.shrink_to_fit();
        self.have_events.shrink_to_fit();
        self.scratch.release_memory();
        self.early = EarlyDatagrams::default();
    }

    /// Whether the endpoint keeps a connection after [`Event::Closed`](crate::Event::Closed), so that what arrived before can
    /// still be read. Who sets this takes it back; until then the connection is not drained.
    pub fn hold(&mut self, handle: ConnectionHandle, is_held: bool) {
        if let Some(slot) = self.slots.find_mut(handle) {
            slot.is_held = is_held;
            self.retire_if_over(handle.index() as u32);
        }
    }

    /// The connection a datagram is for. Datagrams come in runs to the same connection, and only the first one's ID is read.
    fn route(&mut self, payload: &[u8]) -> Option<u32> {
        let short = header::short_destination(payload, self.ids.len());
        if let (Some(id), Some(last)) = (short, &mut self.last_route)
            && last.id.is(id)
        {
            if last.is_fresh {
                return Some(last.index);
            }
            // The next batch for the same connection. It is there, but it may have given the ID up since.
            let connection = self.slots.get(last.index).connection.as_ref();
            if connection.is_some_and(|connection| connection.has_local_id(id)) {
                last.is_fresh = true;
                return Some(last.index);
            }
        }
        let index = self.find(payload)?;
        self.last_route = short.and_then(ConnectionId::new).map(|id| Route { id, index, is_fresh: true });
        Some(index)
    }

    fn find(&self, payload: &[u8]) -> Option<u32> {
        let id = header::destination_connection_id(payload, self.ids.len())?;
        let by_index = self.ids.read(id).filter(|named| named.worker == self.ids.worker()).map(|named| named.index);
        let by_index = by_index
            .filter(|index| self.slots.connection(*index).is_some_and(|connection| connection.has_local_id(id)));
        by_index.or_else(|| self.chosen_by_clients.get(&ConnectionId::new(id)?).copied())
    }
}

impl<T: Default> Machine for Endpoint<T> {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        let Some(index) = self.route(datagram.payload) else {
            return self.receive_stranger(now, datagram);
        };
        let (connection, mut turn) = self.lend(now, index).expect("a route leads to a connection that is there");
        connection.receive(&mut turn, datagram);
        self.touch(index);
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.settle_touched();
        if let Some((four_tuple, datagram)) = self.replies.pop() {
            let len = datagram.len();
            buffer.get_mut(..len)?.copy_from_slice(&datagram);
            return Some(Transmit { four_tuple, ecn: Ecn::NotEct, len, segment_size: len });
        }
        while let Some(index) = self.may_transmit.pop_front() {
            self.slots.get_mut(index).in_transmit_queue = false;
            let Some((connection, mut turn)) = self.lend(now, index) else { continue };
            match connection.transmit(&mut turn, buffer) {
                Some(transmit) => {
                    // To the end of the queue: one connection's batch, then the next one's.
                    self.queue_transmit(index);
                    return Some(transmit);
                }
                None => self.rest(index),
            }
        }
        None
    }

    fn has_news(&self) -> bool {
        self.has_events()
    }

    fn poll_handover(&mut self) -> Option<(u32, OwnedDatagram)> {
        self.handover.pop()
    }

    fn deadline(&self) -> Option<Instant> {
        self.wheel.next_deadline()
    }

    fn on_timeout(&mut self, now: Instant) {
        while let Some((_, token)) = self.wheel.pop_expired(now) {
            let index = token as u32;
            if token & WAKE != 0 {
                self.slots.get_mut(index).wake = None;
                self.queue_notice(index);
                continue;
            }
            self.slots.get_mut(index).timer = None;
            let (connection, mut turn) = self.lend(now, index).expect("a timer goes with its connection");
            connection.on_timeout(&mut turn);
            self.settle(index);
        }
    }
}
