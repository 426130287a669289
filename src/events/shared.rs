//! What all sessions of a server of events share.

use crate::events::mailbox::{Mailbox, Note};
use crate::events::store::Store;
use base::Instant;
use crypto_ring::hash::SHA256;
use events::delivery::{ConsumerId, Outcome, Refusal};
use events::session::server::{Gate, Limits};
use events::{Bucket, Denied, ErrorCode, Grants, Rate, Registry, TokenHash};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// Buckets of clients and namespaces that are not full, at most. Beyond it those that were used longest ago are forgotten.
const MAX_BUCKETS: usize = 100_000;
/// What a server of events takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// What a session may do.
    pub session: Limits,
    /// Sessions at a time. Default 10,000.
    pub max_sessions: usize,
    /// Events that a client may publish in a namespace. Default: any number.
    pub rate: Rate,
    /// How long sessions are given when the server ends. Default 10 s.
    pub drain: Duration,
}

impl Default for ServerLimits {
    fn default() -> ServerLimits {
        ServerLimits {
            session: Limits::default(),
            max_sessions: 10_000,
            rate: Rate { per_second: 0, burst: 0 },
            drain: Duration::from_secs(10),
        }
    }
}

/// What happened, for a log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventServerEvent<'a> {
    /// A client has shown who it is.
    ClientCame {
        /// Its session.
        session: u64,
        /// Its name.
        client: &'a str,
    },
    /// The store does not take what is published: its disk is full, or it has failed. Told once, until it takes something again.
    StoreFails {
        /// What it says.
        refusal: &'a Refusal,
    },
    /// It does again.
    StoreWorks,
    /// A session is over.
    SessionEnded {
        /// Which.
        session: u64,
        /// The client's name, if it had shown who it is.
        client: Option<&'a str>,
        /// Why, where it was the server that ended it.
        code: Option<ErrorCode>,
        /// The same for people.
        reason: &'a str,
    },
}

impl fmt::Display for EventServerEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EventServerEvent::ClientCame { session, client } => write!(f, "events: session {session} is {client}'s"),
            EventServerEvent::StoreFails { refusal } => {
                write!(f, "events are refused, and clients hold back what they publish: {refusal}")
            }
            EventServerEvent::StoreWorks => f.write_str("events are stored again"),
            EventServerEvent::SessionEnded { session, client, reason, .. } => {
                let client = client.unwrap_or("nobody");
                write!(f, "events: session {session} of {client} has ended: {reason}")
            }
        }
    }
}

pub(super) type OnEvent = dyn Fn(&EventServerEvent<'_>) + Send + Sync;

/// What all sessions share.
pub(super) struct Inner {
    pub(super) store: Arc<dyn Store>,
    pub(super) registry: RwLock<Arc<Registry>>,
    pub(super) limits: ServerLimits,
    buckets: Mutex<BTreeMap<(String, String), Bucket>>,
    pub(super) sessions: Mutex<BTreeMap<u64, Arc<Mailbox>>>,
    pub(super) numbers: AtomicU64,
    consumers: AtomicU64,
    pub(super) counters: Counters,
    /// The store has refused something because of itself, and has stored nothing since.
    is_store_failing: AtomicBool,
    on_event: Option<Box<OnEvent>>,
}

/// What a server has counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) sessions: AtomicU64,
    /// Those that began with early data, and of these those whose handshake did not come to its end.
    pub(super) early: AtomicU64,
    pub(super) unproven: AtomicU64,
    pub(super) authenticated: AtomicU64,
    pub(super) denied: AtomicU64,
    pub(super) limited: AtomicU64,
    pub(super) refused: AtomicU64,
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    pub(super) fn new(
        store: Arc<dyn Store>,
        registry: Registry,
        limits: ServerLimits,
        on_event: Option<Box<OnEvent>>,
    ) -> Inner {
        Inner {
            store,
            registry: RwLock::new(Arc::new(registry)),
            limits,
            buckets: Mutex::default(),
            sessions: Mutex::default(),
            numbers: AtomicU64::new(0),
            // Numbers of an earlier run may still be in a store.
            consumers: AtomicU64::new(runtime::clock::unix_millis() << 20),
            counters: Counters::default(),
            is_store_failing: AtomicBool::new(false),
            on_event,
        }
    }

    pub(super) fn tell_all(&self, note: impl Fn() -> Note) {
        let sessions: Vec<Arc<Mailbox>> = locked(&self.sessions).values().cloned().collect();
        sessions.iter().for_each(|mailbox| mailbox.push(note()));
    }

    /// What the store has answered, as far as it says how the store is.
    pub(super) fn look_at(&self, outcome: &Outcome) {
        let is_failing = &self.is_store_failing;
        match outcome {
            Outcome::Refused(refusal @ (Refusal::DiskFull | Refusal::Failed { .. } | Refusal::Unreachable { .. }))
                if !is_failing.swap(true, Ordering::Relaxed) =>
            {
                self.tell(&EventServerEvent::StoreFails { refusal });
            }
            // Read before it is written: of each publish this is asked.
            Outcome::Published(_)
                if is_failing.load(Ordering::Relaxed) && is_failing.swap(false, Ordering::Relaxed) =>
            {
                self.tell(&EventServerEvent::StoreWorks);
            }
            _ => {}
        }
    }

    pub(super) fn tell(&self, event: &EventServerEvent<'_>) {
        if let Some(on_event) = &self.on_event {
            on_event(event);
        }
    }
}

/// What a session asks of its server.
pub(super) struct Door {
    pub(super) inner: Arc<Inner>,
    /// What the client has shown in the handshake, by which a registry may know it instead of by a token.
    pub(super) certificate: Option<Vec<u8>>,
}

impl Gate for Door {
    fn hash(&self, token: &str) -> TokenHash {
        match &self.certificate {
            Some(certificate) if token.is_empty() => TokenHash::of_bytes(certificate, SHA256),
            _ => TokenHash::of(token, SHA256),
        }
    }

    fn admit(&self, client: &str, token: &TokenHash, namespaces: &[String]) -> Result<Grants, Denied> {
        let registry = self.inner.registry.read().unwrap_or_else(PoisonError::into_inner).clone();
        let admitted = registry.admit(client, token, namespaces);
        if admitted.is_err() {
            self.inner.counters.denied.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    fn take(&self, client: &str, namespace: &str, events: u32, now: Instant) -> Result<(), Duration> {
        let rate = self.inner.limits.rate;
        if rate.per_second == 0 {
            return Ok(());
        }
        let mut buckets = locked(&self.inner.buckets);
        let key = (client.to_owned(), namespace.to_owned());
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(&key) {
            buckets.retain(|_, bucket| !bucket.is_full(now));
            if buckets.len() >= MAX_BUCKETS {
                buckets.pop_first();
            }
        }
        let taken = buckets.entry(key).or_insert_with(|| Bucket::new(rate, now)).take(events, now);
        if taken.is_err() {
            self.inner.counters.limited.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    fn next_consumer(&self) -> ConsumerId {
        self.inner.consumers.fetch_add(1, Ordering::Relaxed)
    }

    fn unix_ms(&self) -> u64 {
        runtime::clock::unix_millis()
    }
}
