//! What outlives one connection of the shim: the tickets of a client, the keys and the filter of a server, and the clock.

use crypto_ring::SystemRandom;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tls::{
    FixedTicketKeys, ReplayFilter, Ticket, TicketCache, TicketKeys, TicketOrigin, TicketPolicy, TicketStore, WallClock,
};

/// How far the age of a ticket may be from what its client says.
const TOLERANCE_MILLIS: u32 = 60_000;

/// The time at which the process began, and what the flags have moved it by: the ages of tickets are exact.
#[derive(Debug)]
pub struct Clock(AtomicU64);

impl Default for Clock {
    fn default() -> Clock {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Clock(AtomicU64::new(now.map_or(0, |since| since.as_millis() as u64)))
    }
}

impl Clock {
    /// Moves it forward.
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds.saturating_mul(1000), Ordering::Relaxed);
    }
}

impl WallClock for Clock {
    fn unix_seconds(&self) -> u64 {
        self.unix_millis() / 1000
    }

    fn unix_millis(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A client's tickets: those of the connection before are offered, and those of this one are counted.
#[derive(Debug)]
pub struct Tickets {
    offered: Mutex<TicketCache>,
    received: Mutex<TicketCache>,
}

impl Default for Tickets {
    fn default() -> Tickets {
        Tickets { offered: Mutex::new(cache()), received: Mutex::new(cache()) }
    }
}

fn cache() -> TicketCache {
    TicketCache::new(16, 16)
}

impl Tickets {
    /// A connection begins: what the one before has brought is offered.
    pub fn turn(&self) {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let mut offered = self.offered.lock().unwrap_or_else(PoisonError::into_inner);
        *offered = core::mem::replace(&mut *received, cache());
    }

    /// Whether this connection has brought any.
    pub fn has_received(&self) -> bool {
        !self.received.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Whether there is any to offer.
    pub fn has_offers(&self) -> bool {
        !self.offered.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

impl TicketStore for Tickets {
    fn take(&self, origin: &TicketOrigin, unix_millis: u64) -> Option<Ticket> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner).take(origin, unix_millis)
    }

    fn put(&self, origin: &TicketOrigin, ticket: Ticket) {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).put(origin, ticket);
    }
}

/// A server's tickets, under one key for all connections of the process.
pub fn policy(has_early_data: bool, clock: &Clock) -> TicketPolicy {
    let provider = crypto_ring::provider();
    let keys = TicketKeys::random(&provider, clock.unix_seconds(), &mut SystemRandom::new());
    let mut policy = TicketPolicy::new(Arc::new(FixedTicketKeys(Arc::new(keys))));
    if has_early_data {
        // As if the process had started long before, so that the first early data counts.
        let started = clock.unix_millis().saturating_sub(4 * u64::from(TOLERANCE_MILLIS));
        let filter = ReplayFilter::new(64, TOLERANCE_MILLIS, started);
        policy.dangerous_accept_early_data_that_may_be_replayed = Some(Arc::new(filter));
    }
    policy
}
