//! The work that follows an input to a connection: the queues it belongs in, the IDs it needs, its timer, its end.

use super::handshakes::Begun;
use super::slots::{ConnectionHandle, Slot};
use super::table::Endpoint;
use super::token_store::MAX_TOKEN_LEN;
use crate::connection::Connection;
use crate::wire::connection_id::ConnectionId;
use alloc::boxed::Box;

impl<T: Default> Endpoint<T> {
    /// A connection begins in a place that was reserved. Of a client's, the ID it chose.
    pub(super) fn begin(
        &mut self,
        index: u32,
        connection: Connection,
        begun: Begun,
        chosen_by_client: Option<ConnectionId>,
    ) -> ConnectionHandle {
        let handle = self.slots.occupy(index, connection, T::default());
        self.handshakes.begin(begun);
        if let Some(id) = chosen_by_client {
            let known = self.chosen_by_clients.insert(id, index);
            assert!(known.is_none(), "a packet to an ID that is known goes to its connection");
        }
        let slot = self.slots.get_mut(index);
        slot.handshake = Some(begun);
        slot.chosen_by_client = chosen_by_client;
        self.settle(index);
        handle
    }
}

impl<T> Endpoint<T> {
    /// A connection took input. What follows from it is done once for all that arrives in a batch.
    pub(super) fn touch(&mut self, index: u32) {
        let slot = self.slots.get_mut(index);
        if !slot.is_touched {
            slot.is_touched = true;
            self.touched.push(index);
        }
    }

    /// Settles all connections that took input. This is asked for with every event and every batch, and mostly there are none.
    #[inline]
    pub(super) fn settle_touched(&mut self) {
        if !self.touched.is_empty() {
            self.settle_those_touched();
        }
    }

    fn settle_those_touched(&mut self) {
        if let Some(route) = &mut self.last_route {
            route.is_fresh = false;
        }
        let mut touched = core::mem::take(&mut self.touched);
        for index in touched.drain(..) {
            self.slots.get_mut(index).is_touched = false;
            self.settle(index);
        }
        self.touched = touched;
    }

    /// After a connection took input: what it needs of the endpoint, and the queues it belongs in. This is done for every
    /// batch, so one look at the connection finds out what is to be done at all.
    pub(super) fn settle(&mut self, index: u32) {
        self.queue_trace(index);
        let slot = self.slots.get_mut(index);
        if slot.handshake.is_some()
            && let Some((version, at)) = slot.connection.as_mut().and_then(|connection| connection.take_again())
        {
            self.forget_tickets_of_no_use(index);
            self.begin_again(index, at, version);
            return self.settle(index);
        }
        let Some(connection) = slot.connection.as_deref() else { return };
        let wants_ids = connection.wants_local_id();
        let has_new_token = !slot.knows_reset_token_of(connection);
        let is_handshake_over = slot.handshake.is_some() && !connection.is_handshaking();
        let is_version_refused = slot.handshake.is_some() && connection.refused_version().is_some();
        let is_over = connection.is_over();
        let has_tokens = connection.has_tokens();
        if !core::mem::replace(&mut slot.in_transmit_queue, true) {
            self.may_transmit.push_back(index);
        }
        if connection.has_events() && !core::mem::replace(&mut slot.in_event_queue, true) {
            self.have_events.push_back(index);
        }
        if wants_ids {
            self.issue_ids(index);
        }
        if has_tokens {
            self.move_tokens(index);
        }
        if has_new_token {
            self.follow_reset_token(index);
        }
        if is_version_refused {
            self.forget_tickets_of_no_use(index);
        }
        if is_handshake_over {
            self.follow_handshake(index);
        }
        if is_over {
            self.retire_if_over(index);
        }
    }

    /// The connection is asked for datagrams with the next `transmit`.
    pub(super) fn queue_transmit(&mut self, index: u32) {
        self.queue_trace(index);
        let slot = self.slots.get_mut(index);
        if !slot.in_transmit_queue && slot.connection.is_some() {
            slot.in_transmit_queue = true;
            self.may_transmit.push_back(index);
        }
    }

    /// The connection is told to be ready, if it has events.
    pub(super) fn queue_events(&mut self, index: u32) {
        if self.connection_at(index).is_some_and(Connection::has_events) {
            self.queue_notice(index);
        }
    }

    /// Something about the place is to be told.
    pub(super) fn queue_notice(&mut self, index: u32) {
        let slot = self.slots.get_mut(index);
        if !slot.in_event_queue {
            slot.in_event_queue = true;
            self.have_events.push_back(index);
        }
    }

    fn issue_ids(&mut self, index: u32) {
        while self.connection_at(index).is_some_and(Connection::wants_local_id) {
            let id = self.fresh_id(index);
            let token = self.reset_token(&id);
            if let Some(connection) = &mut self.slots.get_mut(index).connection {
                connection.issue_local_id(id, token);
            }
        }
    }

    /// Tokens for later connections: a server makes one for a client that is where it says, and a client keeps those that came.
    fn move_tokens(&mut self, index: u32) {
        let slot = self.slots.get_mut(index);
        let Some(connection) = slot.connection.as_deref_mut() else { return };
        if connection.take_token_wish()
            && let Some(policy) = &self.config.tokens
        {
            let (remote, version) = (connection.four_tuple().remote, connection.version());
            connection.give_token(policy.issue(&mut *self.random, remote, version));
            self.token_counts.given += 1;
        }
        for token in connection.take_tokens() {
            let attempt = slot.attempt.as_ref().filter(|_| token.len() <= MAX_TOKEN_LEN);
            if let (Some(store), Some(attempt)) = (&self.config.token_store, attempt) {
                // RFC 9369 s5: it belongs to the version that the connection goes on with.
                store.put(&attempt.token_origin(connection.version()), token);
                self.token_counts.kept += 1;
            }
        }
    }

    /// An ID that the connection does not have. With short ones, the same may be drawn again.
    fn fresh_id(&mut self, index: u32) -> ConnectionId {
        loop {
            let id = self.ids.issue(index, &mut *self.random);
            if !self.connection_at(index).is_some_and(|connection| connection.has_local_id(id.as_slice())) {
                return id;
            }
        }
    }

    fn connection_at(&self, index: u32) -> Option<&Connection> {
        self.slots.get(index).connection.as_deref()
    }

    /// Keeps the table of reset tokens at the one token that counts for each connection.
    fn follow_reset_token(&mut self, index: u32) {
        let token = self.connection_at(index).and_then(Connection::peer_reset_token);
        if let Some(known) = self.slots.get_mut(index).reset_token.take() {
            self.forget_reset_token(index, known.1);
        }
        if let Some(token) = token {
            let hash = self.reset_hash(&token);
            self.reset_tokens.insert(hash, index);
            self.slots.get_mut(index).reset_token = Some(Box::new((token, hash)));
        }
    }

    /// A server may give two connections the same token: then it counts for the later one.
    fn forget_reset_token(&mut self, index: u32, hash: [u8; 16]) {
        if self.reset_tokens.get(&hash) == Some(&index) {
            self.reset_tokens.remove(&hash);
        }
    }

    /// A connection whose handshake is complete no longer counts as one that is not. One that closes before still does,
    /// and every connection is found by the ID its client chose as long as it lives: a late or repeated first packet must
    /// not begin another one.
    fn follow_handshake(&mut self, index: u32) {
        let over = self.connection_at(index).is_some_and(|connection| !connection.is_handshaking());
        if over && let Some(begun) = self.slots.get_mut(index).handshake.take() {
            self.handshakes.end(begun);
            if self.config.token_store.is_none() {
                self.slots.get_mut(index).attempt = None;
            }
        }
    }

    /// After a connection has nothing more to send: its deadline goes on the wheel, or it goes away.
    pub(super) fn rest(&mut self, index: u32) {
        self.queue_trace(index);
        self.queue_events(index);
        self.follow_handshake(index);
        if self.retire_if_over(index) {
            return;
        }
        let slot = self.slots.get_mut(index);
        let deadline = slot.connection.as_ref().and_then(|connection| connection.deadline());
        match (deadline, slot.timer) {
            (Some(deadline), Some(key)) => {
                self.wheel.reset(key, deadline);
            }
            (Some(deadline), None) => slot.timer = Some(self.wheel.insert(deadline, u64::from(index))),
            (None, Some(key)) => {
                self.wheel.cancel(key);
                slot.timer = None;
            }
            (None, None) => {}
        }
    }

    /// Forgets a connection whose time is over and whose last event was told, unless the layer above still reads from it.
    pub(super) fn retire_if_over(&mut self, index: u32) -> bool {
        let slot = self.slots.get(index);
        let is_over = !slot.is_held && slot.connection.as_ref().is_some_and(|connection| connection.is_over());
        if is_over {
            self.retire(index);
        }
        is_over
    }

    fn retire(&mut self, index: u32) {
        // It may name this place, which the next datagram must not find empty.
        self.last_route = None;
        let Slot { connection, handshake, timer, wake, chosen_by_client, reset_token, .. } = self.slots.vacate(index);
        self.keep_records(connection.and_then(|connection| connection.into_tracer()));
        if let Some(begun) = handshake {
            self.handshakes.end(begun);
        }
        for key in [timer, wake].into_iter().flatten() {
            self.wheel.cancel(key);
        }
        if let Some(id) = chosen_by_client {
            let known = self.chosen_by_clients.remove(&id);
            assert_eq!(known, Some(index), "the ID that a client chose is its connection's as long as that lives");
        }
        if let Some(known) = reset_token {
            self.forget_reset_token(index, known.1);
        }
        self.queue_notice(index);
    }
}
