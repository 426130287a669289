//! The state of an endpoint: its connections, and the tables by which a datagram finds one of them.

use super::accept::EndpointConfig;
use super::early_datagrams::EarlyDatagrams;
use super::handover::Handover;
use super::handshakes::Handshakes;
use super::ids::IdCodec;
use super::reply::Replies;
use super::slots::{ConnectionHandle, ResetHash, Slots};
use super::stats::{EndpointStats, Held, Strangers, TokenCounts};
use super::token::Tokens;
use super::trace_queue::TraceQueue;
use crate::connection::Connection;
use crate::connection_ids::stateless_reset;
use crate::stream::{ReceiveMemory, SendMemory};
use crate::turn::{Scratch, Turn};
use crate::wire::connection_id::{ConnectionId, ResetToken};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use base::{Instant, Random, Wheel};
use crypto::Secret;

/// Many connections behind one address. `T` is what the layer above keeps for each: made by `T::default()` when a
/// connection begins, and given back when it is over ([`EndpointEvent::Drained`](super::EndpointEvent::Drained)).
pub struct Endpoint<T = ()> {
    pub(super) config: EndpointConfig,
    pub(super) random: Box<dyn Random + Send>,
    pub(super) ids: IdCodec,
    reset_secret: Secret,
    pub(super) tokens: Tokens,
    /// A server takes new connections.
    pub(super) is_accepting: bool,
    /// See [`set_predecessor`](Endpoint::set_predecessor).
    pub(super) has_predecessor: bool,
    /// One that does not is silent about it.
    pub(super) is_silent: bool,
    pub(super) slots: Slots<T>,
    pub(super) handshakes: Handshakes,
    /// Connection IDs that clients chose for their first packets. Ordered, because clients could choose IDs that collide in
    /// any hash they can predict.
    pub(super) chosen_by_clients: BTreeMap<ConnectionId, u32>,
    /// Which connection a stateless reset would end, by keyed hash of its token.
    pub(super) reset_tokens: BTreeMap<ResetHash, u32>,
    pub(super) wheel: Wheel,
    /// Connections that took input since they were settled.
    pub(super) touched: Vec<u32>,
    /// Where the datagram before went, if it had a short header.
    pub(super) last_route: Option<Route>,
    pub(super) may_transmit: VecDeque<u32>,
    /// Connections that have events, and places whose value is to be given back.
    pub(super) have_events: VecDeque<u32>,
    /// The connection that was told to be ready last: once its events were polled, it may be over.
    pub(super) told: Option<u32>,
    pub(super) replies: Replies,
    pub(super) handover: Handover,
    /// Early data whose connection has not begun.
    pub(super) early: EarlyDatagrams,
    pub(super) strangers: Strangers,
    pub(super) token_counts: TokenCounts,
    pub(super) traces: TraceQueue,
    pub(super) scratch: Scratch,
    /// What all connections together may hold to send.
    pub(super) send_memory: SendMemory,
    /// What all connections together may allow their peers beyond first windows.
    pub(super) receive_memory: ReceiveMemory,
}

/// The way of a datagram, for those that follow it. It ends with its connection.
pub(super) struct Route {
    /// The destination.
    pub(super) id: ConnectionId,
    /// Whose it was.
    pub(super) index: u32,
    /// Connections were not settled since, so it still is.
    pub(super) is_fresh: bool,
}

impl<T: Default> Endpoint<T> {
    /// An endpoint without connections. `now` begins its time.
    ///
    /// # Panics
    /// If [`EndpointConfig::check`] has something against the configuration.
    pub fn new(now: Instant, config: EndpointConfig, mut random: Box<dyn Random + Send>) -> Endpoint<T> {
        if let Err(error) = config.check() {
            panic!("{error}");
        }
        let ids = IdCodec::new(&config.ids, config.provider.initial, &mut *random);
        let reset_secret = config.reset_secret.clone().unwrap_or_else(|| {
            let drawn: [u8; 32] = base::random::array(&mut *random);
            Secret::new(&drawn)
        });
        let token_secret = config.token_secret.clone().unwrap_or_else(|| {
            crypto::hkdf::expand_label_secret(config.provider.initial.hash, &reset_secret, b"retry tokens", &[])
        });
        let tokens = Tokens::new(config.provider.initial, token_secret, config.retry_token_lifetime);
        Endpoint {
            send_memory: SendMemory::new(config.send_memory),
            receive_memory: ReceiveMemory::new(config.receive_memory),
            config,
            random,
            ids,
            reset_secret,
            tokens,
            is_accepting: true,
            has_predecessor: false,
            is_silent: false,
            slots: Slots::new(),
            handshakes: Handshakes::default(),
            chosen_by_clients: BTreeMap::new(),
            reset_tokens: BTreeMap::new(),
            wheel: Wheel::new(now),
            touched: Vec::new(),
            last_route: None,
            may_transmit: VecDeque::new(),
            have_events: VecDeque::new(),
            told: None,
            replies: Replies::new(),
            handover: Handover::default(),
            early: EarlyDatagrams::default(),
            strangers: Strangers::default(),
            token_counts: TokenCounts::default(),
            traces: TraceQueue::default(),
            scratch: Scratch::default(),
        }
    }
}

impl<T> Endpoint<T> {
    /// A connection, to be read only.
    pub fn connection(&self, handle: ConnectionHandle) -> Option<&Connection> {
        self.slots.find(handle)?.connection.as_deref()
    }

    /// What the layer above keeps for a connection, until it was given back.
    pub fn value(&self, handle: ConnectionHandle) -> Option<&T> {
        self.slots.value(handle)
    }

    /// The same, to be changed. The connection is not asked for datagrams because of this.
    pub fn value_mut(&mut self, handle: ConnectionHandle) -> Option<&mut T> {
        self.slots.value_mut(handle)
    }

    /// All connections, also those that are over and not drained.
    pub fn handles(&self) -> impl Iterator<Item = ConnectionHandle> {
        self.slots.handles()
    }

    /// How many connections there are.
    pub const fn len(&self) -> usize {
        self.slots.occupied()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.slots.occupied() == 0
    }

    /// What its connections may hold to send, for others who share it.
    pub fn send_memory(&self) -> SendMemory {
        self.send_memory.clone()
    }

    /// What its connections may be sent, for others who share it.
    pub fn receive_memory(&self) -> ReceiveMemory {
        self.receive_memory.clone()
    }

    /// A snapshot of the counters.
    pub fn stats(&self) -> EndpointStats {
        let held = Held {
            connections: self.slots.occupied(),
            handshaking: self.handshakes.all(),
            unvalidated: self.handshakes.unvalidated(),
            drained: self.slots.drained(),
            timers: self.wheel.len(),
            chosen_by_clients: self.chosen_by_clients.len(),
            reset_tokens: self.reset_tokens.len(),
            networks: self.handshakes.networks(),
            queued: self.touched.len()
                + self.may_transmit.len()
                + self.have_events.len()
                + self.replies.len()
                + self.handover.len()
                + self.early.len(),
        };
        let (handed_over, handover_dropped) = self.handover.counts();
        EndpointStats { held, strangers: self.strangers, tokens: self.token_counts, handed_over, handover_dropped }
    }

    /// Stops accepting connections; those there are go on. A client that comes now is told so at once (RFC 9000 section
    /// 5.2.2).
    pub const fn stop_accepting(&mut self) {
        self.is_accepting = false;
    }

    /// Stops accepting connections without a word: for a server whose successor is about to take over its address. A client
    /// sends its first packets again, and they come to that one.
    pub const fn ignore_newcomers(&mut self) {
        self.is_accepting = false;
        self.is_silent = true;
    }

    /// Whether the server before this one is still there, whose addresses it has taken over: then packets of connections that this
    /// one does not have are for that one ([`poll_handover`](base::Machine::poll_handover)) and are not answered by a reset.
    pub const fn set_predecessor(&mut self, is_there: bool) {
        self.has_predecessor = is_there;
    }

    /// Randomness for GREASE: reserved versions and reserved transport parameters. `None` if there is to be none.
    pub(super) fn grease(&mut self) -> Option<u64> {
        let random = u64::from_le_bytes(base::random::array(&mut *self.random));
        self.config.connection.grease.then_some(random)
    }

    /// A free place, if another connection may begin.
    pub(super) fn reserve(&mut self) -> Option<u32> {
        if self.slots.occupied() >= self.config.max_connections {
            return None;
        }
        self.slots.reserve(self.ids.capacity())
    }

    /// The token with which this endpoint resets a peer that sends to `id` when its connection is lost.
    pub(super) fn reset_token(&self, id: &ConnectionId) -> ResetToken {
        stateless_reset::token(self.config.provider.initial.hash, &self.reset_secret, *id)
    }

    pub(super) fn reset_hash(&self, token: &ResetToken) -> ResetHash {
        let digest = self.config.provider.initial.hash.hmac(self.reset_secret.as_bytes(), &[b"lookup", &token.0]);
        *digest.first_chunk().expect("a hash has more than 16 bytes")
    }

    /// What the connection in a place is lent for one call; `None` if it is over.
    pub(super) fn lend(&mut self, now: Instant, index: u32) -> Option<(&mut Connection, Turn<'_>)> {
        let connection = self.slots.get_mut(index).connection.as_deref_mut()?;
        Some((connection, Turn { now, random: &mut *self.random, scratch: &mut self.scratch }))
    }
}
