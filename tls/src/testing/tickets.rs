//! What tests of tickets share: a store with a lock, a clock that is set, and pairs that resume.

use crate::config::{ClientConfig, ServerConfig, TicketPolicy, WallClock};
use crate::level::Level;
use crate::message::framing::HEADER_LEN;
use crate::message::new_session_ticket::NewSessionTicket;
use crate::quic;
use crate::session::Session;
use crate::testing::{CLIENT_PARAMETERS, Counting, NOW, Pair, SERVER_PARAMETERS, Speaker};
use crate::testing::{client_config, name, server_config};
use crate::ticket::{Ticket, TicketCache, TicketOrigin, TicketStore};
use crate::ticket_keys::{FixedTicketKeys, TicketKeys};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;

pub(crate) struct Store(pub(crate) Mutex<TicketCache>);

impl Store {
    pub(crate) fn new() -> Arc<Store> {
        Arc::new(Store(Mutex::new(TicketCache::new(8, 64))))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl TicketStore for Store {
    fn take(&self, origin: &TicketOrigin, unix_millis: u64) -> Option<Ticket> {
        self.0.lock().unwrap().take(origin, unix_millis)
    }

    fn put(&self, origin: &TicketOrigin, ticket: Ticket) {
        self.0.lock().unwrap().put(origin, ticket);
    }
}

/// Gives the same ticket again and again, as no store should: for tests of servers.
pub(crate) struct Same(pub(crate) Mutex<Option<Ticket>>);

impl TicketStore for Same {
    fn take(&self, _origin: &TicketOrigin, _unix_millis: u64) -> Option<Ticket> {
        self.0.lock().unwrap().as_ref().map(copy)
    }

    fn put(&self, _origin: &TicketOrigin, ticket: Ticket) {
        self.0.lock().unwrap().get_or_insert(ticket);
    }
}

pub(crate) fn copy(ticket: &Ticket) -> Ticket {
    Ticket {
        identity: ticket.identity.clone(),
        secret: ticket.secret.clone(),
        application_protocol: ticket.application_protocol.clone(),
        parameters: ticket.parameters.clone(),
        application: ticket.application.clone(),
        ..*ticket
    }
}

/// A clock that is set, in milliseconds.
#[derive(Clone)]
pub(crate) struct SetClock(pub(crate) Arc<AtomicU64>);

impl SetClock {
    pub(crate) fn new() -> SetClock {
        SetClock(Arc::new(AtomicU64::new(NOW * 1000)))
    }

    pub(crate) fn set(&self, millis: u64) {
        self.0.store(millis, Ordering::Relaxed);
    }

    pub(crate) fn advance(&self, millis: i64) {
        let now = self.0.load(Ordering::Relaxed);
        self.set(now.checked_add_signed(millis).unwrap());
    }
}

impl WallClock for SetClock {
    fn unix_seconds(&self) -> u64 {
        self.unix_millis() / 1000
    }

    fn unix_millis(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A client and a server that resume, and what a test needs of both.
pub(crate) struct Resuming {
    pub(crate) client: ClientConfig,
    pub(crate) server: ServerConfig,
    pub(crate) store: Arc<Store>,
    pub(crate) clock: SetClock,
}

impl Resuming {
    pub(crate) fn new() -> Resuming {
        let (mut client, mut server) = (client_config(), server_config());
        let (store, clock) = (Store::new(), SetClock::new());
        client.tickets = Some(store.clone());
        client.wall_clock = Arc::new(clock.clone());
        server.tickets = Some(TicketPolicy::new(keys(1)));
        server.wall_clock = Arc::new(clock.clone());
        Resuming { client, server, store, clock }
    }

    pub(crate) fn policy(&mut self) -> &mut TicketPolicy {
        self.server.tickets.as_mut().unwrap()
    }

    /// A pair that has said nothing yet.
    pub(crate) fn pair(&self) -> Pair {
        Pair::new(self.client.clone(), self.server.clone())
    }

    /// The same for another name, and any randomness.
    pub(crate) fn pair_for(&self, host: &str, random: u8) -> Pair {
        let client = Arc::new(self.client.clone());
        let client = quic::client(client, name(host), CLIENT_PARAMETERS.to_vec(), &mut Counting(random)).unwrap();
        Pair::of(client, quic::server(Arc::new(self.server.clone()), SERVER_PARAMETERS.to_vec()))
    }

    /// A pair over a carrier that has early data.
    pub(crate) fn early_pair(&self, context: &[u8]) -> Pair {
        let random = &mut Counting(7);
        let (client, server) = (Arc::new(self.client.clone()), Arc::new(self.server.clone()));
        let host = name("server.example");
        let client = quic::client_with_early_data(client, host, CLIENT_PARAMETERS.to_vec(), random).unwrap();
        Pair::of(client, quic::server_with_early_data(server, SERVER_PARAMETERS.to_vec(), context))
    }

    /// A full handshake and its tickets.
    pub(crate) fn fill(&self) {
        let mut pair = self.pair();
        finish(&mut pair);
        assert!(!pair.client.is_resumed() && !pair.server.is_resumed());
    }

    /// Whether the next connection resumes. Both sides agree about that.
    pub(crate) fn resumes(&self) -> bool {
        let mut pair = self.pair();
        finish(&mut pair);
        pair.client.is_resumed()
    }
}

pub(crate) fn keys(secret: u8) -> Arc<FixedTicketKeys> {
    let keys = TicketKeys::new(&crypto_ring::PROVIDER, &[[secret; 32]]).unwrap();
    Arc::new(FixedTicketKeys(Arc::new(keys)))
}

/// A handshake to its end, and the tickets behind it.
pub(crate) fn finish(pair: &mut Pair) {
    pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
    pair.assert_complete();
    deliver_tickets(pair);
}

pub(crate) fn deliver_tickets(pair: &mut Pair) {
    pair.server.send_tickets(&mut Counting(150)).unwrap();
    pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
}

/// The flight that holds a server's tickets, and the tickets.
pub(crate) fn tickets(server: &mut Session) -> (Vec<u8>, Vec<Vec<u8>>) {
    server.send_tickets(&mut Counting(150)).unwrap();
    let (level, flight) = server.poll_output().unwrap();
    assert_eq!((level, server.poll_output()), (Level::OneRtt, None));
    let found = messages(&flight).iter().map(|message| message.ticket.to_vec()).collect();
    (flight, found)
}

/// What the messages of such a flight say.
pub(crate) fn messages(flight: &[u8]) -> Vec<NewSessionTicket<'_>> {
    let mut rest = flight;
    let mut found = Vec::new();
    while let Some([_, _, high, low]) = rest.first_chunk::<HEADER_LEN>() {
        let (message, behind) = rest.split_at(HEADER_LEN + (usize::from(*high) << 8 | usize::from(*low)));
        found.push(NewSessionTicket::decode(&message[HEADER_LEN..]).unwrap());
        rest = behind;
    }
    found
}

/// How many bytes each side said in the handshake, but for tickets.
pub(crate) fn said(pair: &Pair, by: Speaker) -> usize {
    pair.said
        .iter()
        .filter(|(speaker, level, _)| *speaker == by && *level != Level::OneRtt)
        .map(|said| said.2.len())
        .sum()
}
