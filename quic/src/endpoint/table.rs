//! The table of connections and the way of a datagram to one of them.

use super::accept::{EndpointConfig, transport_parameters};
use super::ids::{ID_LEN, IdCodec, MAX_INDEX};
use super::networks::{Network, Networks};
use super::reply::Replies;
use crate::config::MIN_DATAGRAM_SIZE;
use crate::connection::{Connection, NewConnection};
use crate::connection_ids::stateless_reset;
use crate::error::ConnectError;
use crate::turn::{Scratch, Turn};
use crate::wire::connection_id::{ConnectionId, ResetToken};
use crate::wire::header::{self, Header};
use crate::wire::version::Version;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::{Datagram, Ecn, FourTuple, Instant, Machine, Random, Side, TimerKey, Transmit, Wheel, Writer};
use crypto::Secret;

/// Which connection. A handle of a connection that is gone stays invalid, even when its place is taken again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionHandle {
    index: u32,
    generation: u32,
}

impl ConnectionHandle {
    /// The connection's place among the endpoint's, small and dense: good for indexing a table of one's own.
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

/// Many connections behind one address.
pub struct Endpoint {
    config: EndpointConfig,
    random: Box<dyn Random + Send>,
    ids: IdCodec,
    reset_secret: Secret,
    slots: Vec<Slot>,
    free: Vec<u32>,
    open: usize,
    handshaking: usize,
    networks: Networks,
    /// Connection IDs that clients chose for their first packets. Ordered, because clients could choose IDs that collide in
    /// any hash they can predict.
    chosen_by_clients: BTreeMap<ConnectionId, u32>,
    /// Which connection a stateless reset would end, by keyed hash of its token (RFC 9000 section 10.3.1: a lookup must not
    /// tell how much of a token was right).
    reset_tokens: BTreeMap<ResetHash, u32>,
    wheel: Wheel,
    /// Connections that took input since they were settled.
    touched: Vec<u32>,
    /// The destination of the datagram before, if it had a short header, and whose it is. Good until connections are settled.
    last_route: Option<([u8; ID_LEN], u32)>,
    may_transmit: VecDeque<u32>,
    have_events: VecDeque<u32>,
    replies: Replies,
    scratch: Scratch,
}

type ResetHash = [u8; 16];

#[derive(Default)]
struct Slot {
    generation: u32,
    connection: Option<Box<Connection>>,
    timer: Option<TimerKey>,
    is_touched: bool,
    in_transmit_queue: bool,
    in_event_queue: bool,
    handshaking: bool,
    /// That of the client, while its handshake is not complete.
    network: Option<Network>,
    chosen_by_client: Option<ConnectionId>,
    reset_token: Option<(ResetToken, ResetHash)>,
}

impl Endpoint {
    /// An endpoint without connections. `now` begins its time.
    pub fn new(now: Instant, config: EndpointConfig, mut random: Box<dyn Random + Send>) -> Endpoint {
        let ids = IdCodec::new(config.provider.initial, &mut *random);
        let reset_secret = config.reset_secret.clone().unwrap_or_else(|| {
            let drawn: [u8; 32] = base::random::array(&mut *random);
            Secret::new(&drawn)
        });
        Endpoint {
            config,
            random,
            ids,
            reset_secret,
            slots: Vec::new(),
            free: Vec::new(),
            open: 0,
            handshaking: 0,
            networks: Networks::default(),
            chosen_by_clients: BTreeMap::new(),
            reset_tokens: BTreeMap::new(),
            wheel: Wheel::new(now),
            touched: Vec::new(),
            last_route: None,
            may_transmit: VecDeque::new(),
            have_events: VecDeque::new(),
            replies: Replies::default(),
            scratch: Scratch::default(),
        }
    }

    /// Begins a connection to a server. Its fate is told by its events.
    pub fn connect(
        &mut self,
        now: Instant,
        tls: Arc<tls::ClientConfig>,
        name: x509::ServerName,
        four_tuple: FourTuple,
    ) -> Result<ConnectionHandle, ConnectError> {
        let index = self.reserve().ok_or(ConnectError::TooManyConnections)?;
        let original_destination =
            ConnectionId::new(&base::random::array::<ID_LEN>(&mut *self.random)).unwrap_or(ConnectionId::EMPTY);
        let local_id = self.ids.issue(index, &mut *self.random);
        let config = self.config.connection.clone();
        let parameters = transport_parameters(&config, Side::Client, original_destination, local_id, None);
        let parameters = parameters.encode(Side::Client, self.grease());
        let session = match tls::quic::client(tls, name, parameters, &mut *self.random) {
            Ok(session) => session,
            Err(error) => {
                self.free.push(index);
                return Err(ConnectError::Tls(error));
            }
        };
        let connection = Connection::new(
            now,
            NewConnection {
                side: Side::Client,
                config,
                session,
                initial_suite: self.config.provider.initial,
                original_destination,
                local_id,
                peer_id: original_destination,
                four_tuple,
            },
        );
        Ok(self.insert(index, connection, None))
    }

    /// The next connection that has events.
    pub fn poll_ready(&mut self) -> Option<ConnectionHandle> {
        self.settle_touched();
        while let Some(index) = self.have_events.pop_front() {
            let Some(slot) = self.slots.get_mut(index as usize) else { continue };
            slot.in_event_queue = false;
            if slot.connection.is_some() {
                return Some(ConnectionHandle { index, generation: slot.generation });
            }
        }
        None
    }

    /// A connection, to be read only.
    pub fn connection(&self, handle: ConnectionHandle) -> Option<&Connection> {
        let slot = self.slots.get(handle.index as usize)?;
        if slot.generation == handle.generation { slot.connection.as_deref() } else { None }
    }

    /// A connection, to be worked with: it will be asked for datagrams at the next `transmit`.
    pub fn connection_mut(&mut self, handle: ConnectionHandle) -> Option<&mut Connection> {
        self.connection(handle)?;
        self.queue_transmit(handle.index);
        self.slots.get_mut(handle.index as usize)?.connection.as_deref_mut()
    }

    /// How many connections there are.
    pub const fn len(&self) -> usize {
        self.open
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// Stops accepting connections; those there are go on.
    pub fn stop_accepting(&mut self) {
        self.config.server = None;
    }

    /// Chance for what keeps peers used to the unknown.
    fn grease(&mut self) -> u64 {
        u64::from_le_bytes(base::random::array(&mut *self.random))
    }

    fn reserve(&mut self) -> Option<u32> {
        if self.open >= self.config.max_connections {
            return None;
        }
        if let Some(index) = self.free.pop() {
            return Some(index);
        }
        let index = u32::try_from(self.slots.len()).ok().filter(|index| *index < MAX_INDEX)?;
        self.slots.push(Slot::default());
        Some(index)
    }

    fn insert(
        &mut self,
        index: u32,
        connection: Connection,
        of_client: Option<(ConnectionId, Network)>,
    ) -> ConnectionHandle {
        self.open += 1;
        self.handshaking += 1;
        if let Some((id, network)) = of_client {
            self.chosen_by_clients.insert(id, index);
            self.networks.add(network);
        }
        let mut generation = 0;
        if let Some(slot) = self.slots.get_mut(index as usize) {
            slot.connection = Some(Box::new(connection));
            slot.handshaking = true;
            slot.chosen_by_client = of_client.map(|(id, _)| id);
            slot.network = of_client.map(|(_, network)| network);
            generation = slot.generation;
        }
        self.settle(index);
        ConnectionHandle { index, generation }
    }

    /// The connection a datagram is for. Datagrams come in runs to the same connection, and only the first one's ID is read.
    fn route(&mut self, payload: &[u8]) -> Option<u32> {
        let short = header::short_destination::<ID_LEN>(payload);
        if let (Some(id), Some((last, index))) = (short, self.last_route)
            && id == last
        {
            return Some(index);
        }
        let index = self.find(payload)?;
        self.last_route = short.map(|id| (id, index));
        Some(index)
    }

    fn find(&self, payload: &[u8]) -> Option<u32> {
        let id = header::destination_connection_id(payload, ID_LEN)?;
        let by_index = self.ids.index(id).filter(|index| {
            let slot = self.slots.get(*index as usize);
            slot.and_then(|slot| slot.connection.as_deref()).is_some_and(|connection| connection.has_local_id(id))
        });
        by_index.or_else(|| self.chosen_by_clients.get(&ConnectionId::new(id)?).copied())
    }

    /// A datagram of no connection: a first packet, something of another version, a reset, or nothing.
    fn receive_stranger(&mut self, now: Instant, datagram: Datagram<'_>) {
        // What arrived before it may have brought the token of a reset, or have completed a handshake.
        self.settle_touched();
        if self.is_reset(now, datagram.payload) {
            return;
        }
        match Header::decode(datagram.payload, ID_LEN) {
            Ok(Header::Initial(long)) => self.accept(now, datagram, long.destination, long.source),
            Ok(Header::OtherVersion { version, destination, source }) if version != Version::NEGOTIATION => {
                self.negotiate_version(&datagram, destination, source);
            }
            Ok(Header::OneRtt(short)) => self.receive_orphan(now, &datagram, short.destination),
            _ => {}
        }
    }

    /// RFC 9000 section 7: a client's first packet.
    fn accept(&mut self, now: Instant, datagram: Datagram<'_>, destination: ConnectionId, source: ConnectionId) {
        let Some(tls) = self.config.server.clone() else { return };
        // RFC 9000 s14.1 and s7.2: too small a datagram or too short an ID is no first packet. A full table drops before
        // any key is derived.
        if datagram.payload.len() < MIN_DATAGRAM_SIZE
            || destination.len() < 8
            || self.handshaking >= self.config.max_handshaking
        {
            return;
        }
        let network = Network::of(datagram.four_tuple.remote.ip());
        if self.networks.count(network) >= self.config.max_handshaking_per_network {
            return;
        }
        let Some(index) = self.reserve() else { return };
        let local_id = self.ids.issue(index, &mut *self.random);
        let reset_token = self.reset_token(&local_id);
        let config = self.config.connection.clone();
        let parameters = transport_parameters(&config, Side::Server, destination, local_id, Some(reset_token));
        let session = tls::quic::server(tls, parameters.encode(Side::Server, self.grease()));
        let mut connection = Connection::new(
            now,
            NewConnection {
                side: Side::Server,
                config,
                session,
                initial_suite: self.config.provider.initial,
                original_destination: destination,
                local_id,
                peer_id: source,
                four_tuple: datagram.four_tuple,
            },
        );
        let mut turn = Turn { now, random: &mut *self.random, scratch: &mut self.scratch };
        connection.receive(&mut turn, datagram);
        if connection.stats().packets_received == 0 {
            // Nothing in it could be opened: no connection has begun, and nothing is kept.
            self.free.push(index);
            return;
        }
        self.insert(index, connection, Some((destination, network)));
    }

    /// RFC 9000 section 6.1. Only a datagram as large as a first one is answered, so the answer is never larger.
    fn negotiate_version(
        &mut self,
        datagram: &Datagram<'_>,
        destination: core::ops::Range<usize>,
        source: core::ops::Range<usize>,
    ) {
        if self.config.server.is_none() || datagram.payload.len() < MIN_DATAGRAM_SIZE || !self.replies.has_room() {
            return;
        }
        let destination = datagram.payload.get(destination).unwrap_or(&[]);
        let source = datagram.payload.get(source).unwrap_or(&[]);
        let [random] = base::random::array(&mut *self.random);
        let mut answer = alloc::vec![0; MIN_DATAGRAM_SIZE];
        let mut writer = Writer::new(&mut answer);
        // RFC 9000 s17.2.1: the answer goes to whoever the packet was from, so its IDs change places.
        if header::encode_version_negotiation(&mut writer, random, source, destination, &[Version::V1]).is_ok() {
            let len = writer.position();
            answer.truncate(len);
            self.replies.push(datagram.four_tuple, answer);
        }
    }

    /// Whether the datagram ends a connection of ours whose peer has lost it. RFC 9000 s10.3: whatever it looks like
    /// otherwise, because a reset of another version may have a long header.
    fn is_reset(&mut self, now: Instant, payload: &[u8]) -> bool {
        if self.reset_tokens.is_empty() {
            return false;
        }
        let Some(token) = stateless_reset::token_of(payload) else { return false };
        let Some(index) = self.reset_tokens.get(&self.reset_hash(&token)).copied() else { return false };
        if let Some(connection) = self.slots.get_mut(index as usize).and_then(|slot| slot.connection.as_mut()) {
            connection.on_stateless_reset(now, &token);
            self.settle(index);
        }
        true
    }

    /// A packet of a connection we do not have: the peer is told.
    fn receive_orphan(&mut self, now: Instant, datagram: &Datagram<'_>, destination: ConnectionId) {
        if self.replies.may_reset(now) {
            let token = self.reset_token(&destination);
            if let Some(answer) = stateless_reset::encode_reset(datagram.payload.len(), &mut *self.random, token) {
                self.replies.push(datagram.four_tuple, answer);
            }
        }
    }

    fn reset_token(&self, id: &ConnectionId) -> ResetToken {
        stateless_reset::token(self.config.provider.initial.hash, &self.reset_secret, *id)
    }

    fn reset_hash(&self, token: &ResetToken) -> ResetHash {
        let digest = self.config.provider.initial.hash.hmac(self.reset_secret.as_bytes(), &[b"lookup", &token.0]);
        digest.first_chunk().copied().unwrap_or_default()
    }

    /// A connection took input. What follows from it is done once for all that arrives in a batch.
    fn touch(&mut self, index: u32) {
        if let Some(slot) = self.slots.get_mut(index as usize)
            && !slot.is_touched
        {
            slot.is_touched = true;
            self.touched.push(index);
        }
    }

    fn settle_touched(&mut self) {
        self.last_route = None;
        let mut touched = core::mem::take(&mut self.touched);
        for index in touched.drain(..) {
            if let Some(slot) = self.slots.get_mut(index as usize) {
                slot.is_touched = false;
            }
            self.settle(index);
        }
        self.touched = touched;
    }

    /// After a connection took input: what it needs of the endpoint, and the queues it belongs in.
    fn settle(&mut self, index: u32) {
        self.queue_transmit(index);
        self.queue_events(index);
        self.issue_ids(index);
        self.follow_reset_token(index);
        self.follow_handshake(index);
    }

    fn queue_transmit(&mut self, index: u32) {
        if let Some(slot) = self.slots.get_mut(index as usize)
            && !slot.in_transmit_queue
            && slot.connection.is_some()
        {
            slot.in_transmit_queue = true;
            self.may_transmit.push_back(index);
        }
    }

    fn queue_events(&mut self, index: u32) {
        if let Some(slot) = self.slots.get_mut(index as usize)
            && !slot.in_event_queue
            && slot.connection.as_ref().is_some_and(|connection| connection.has_events())
        {
            slot.in_event_queue = true;
            self.have_events.push_back(index);
        }
    }

    fn issue_ids(&mut self, index: u32) {
        while self.connection_at(index).is_some_and(|connection| connection.wants_local_id()) {
            let id = self.ids.issue(index, &mut *self.random);
            let token = self.reset_token(&id);
            if let Some(connection) = self.slots.get_mut(index as usize).and_then(|slot| slot.connection.as_mut()) {
                connection.issue_local_id(id, token);
            }
        }
    }

    fn connection_at(&self, index: u32) -> Option<&Connection> {
        self.slots.get(index as usize)?.connection.as_deref()
    }

    /// Keeps the table of reset tokens at the one token that counts for each connection.
    fn follow_reset_token(&mut self, index: u32) {
        let token = self.connection_at(index).and_then(Connection::peer_reset_token);
        let Some(slot) = self.slots.get(index as usize) else { return };
        let known = slot.reset_token;
        // Both are our own copies, so this comparison, made for every batch, need not hide where they differ.
        if known.map(|(token, _)| token.0) == token.map(|token| token.0) {
            return;
        }
        if let Some((_, hash)) = known {
            self.reset_tokens.remove(&hash);
        }
        let entry = token.map(|token| (token, self.reset_hash(&token)));
        if let Some((_, hash)) = entry {
            self.reset_tokens.insert(hash, index);
        }
        if let Some(slot) = self.slots.get_mut(index as usize) {
            slot.reset_token = entry;
        }
    }

    /// A connection whose handshake is complete no longer counts as one that is not. One that closes before still does,
    /// and every connection is found by the ID its client chose as long as it lives: a late or repeated first packet must
    /// not begin another one.
    fn follow_handshake(&mut self, index: u32) {
        let over = self.connection_at(index).is_some_and(|connection| !connection.is_handshaking());
        if let Some(slot) = self.slots.get_mut(index as usize).filter(|slot| slot.handshaking && over) {
            slot.handshaking = false;
            self.handshaking -= 1;
            if let Some(network) = slot.network.take() {
                self.networks.remove(network);
            }
        }
    }

    /// After a connection has nothing more to send: its deadline goes on the wheel, or it goes away.
    fn rest(&mut self, index: u32) {
        self.queue_events(index);
        self.follow_handshake(index);
        let Some(slot) = self.slots.get_mut(index as usize) else { return };
        let Some(connection) = &slot.connection else { return };
        if connection.is_over() {
            return self.remove(index);
        }
        match (connection.deadline(), slot.timer) {
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

    fn remove(&mut self, index: u32) {
        let Some(slot) = self.slots.get_mut(index as usize) else { return };
        if slot.connection.take().is_none() {
            return;
        }
        self.open -= 1;
        self.handshaking -= usize::from(slot.handshaking);
        if let Some(key) = slot.timer {
            self.wheel.cancel(key);
        }
        if let Some(id) = slot.chosen_by_client {
            self.chosen_by_clients.remove(&id);
        }
        if let Some(network) = slot.network {
            self.networks.remove(network);
        }
        if let Some((_, hash)) = slot.reset_token {
            self.reset_tokens.remove(&hash);
        }
        let generation = slot.generation.wrapping_add(1);
        // The queues may still hold the index; they find an empty place or its next tenant, and both are harmless.
        let Slot { is_touched, in_transmit_queue, in_event_queue, .. } = *slot;
        *slot = Slot { generation, is_touched, in_transmit_queue, in_event_queue, ..Slot::default() };
        self.free.push(index);
    }
}

impl Machine for Endpoint {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        let Some(index) = self.route(datagram.payload) else {
            return self.receive_stranger(now, datagram);
        };
        let Some(connection) = self.slots.get_mut(index as usize).and_then(|slot| slot.connection.as_mut()) else {
            return;
        };
        let mut turn = Turn { now, random: &mut *self.random, scratch: &mut self.scratch };
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
            let Some(slot) = self.slots.get_mut(index as usize) else { continue };
            slot.in_transmit_queue = false;
            let Some(connection) = &mut slot.connection else { continue };
            let mut turn = Turn { now, random: &mut *self.random, scratch: &mut self.scratch };
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

    fn deadline(&self) -> Option<Instant> {
        self.wheel.next_deadline()
    }

    fn on_timeout(&mut self, now: Instant) {
        while let Some((_, token)) = self.wheel.pop_expired(now) {
            let index = token as u32;
            let Some(slot) = self.slots.get_mut(index as usize) else { continue };
            slot.timer = None;
            let Some(connection) = &mut slot.connection else { continue };
            let mut turn = Turn { now, random: &mut *self.random, scratch: &mut self.scratch };
            connection.on_timeout(&mut turn);
            self.settle(index);
        }
    }
}
