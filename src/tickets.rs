//! Tickets: how a client that comes back is spared the certificate, on both sides.

use crate::error::Error;
use crate::memory_store::memory_store;
use crate::wall_clock::SystemClock;
use base::Random;
use crypto::Provider;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tls::{
    ReplayFilter, Ticket, TicketCache, TicketKeyRotation, TicketKeySource, TicketKeys, TicketOrigin, TicketPolicy,
    TicketStore, WallClock,
};

/// Seven days: no ticket lives longer (RFC 9846 section 4.7.1).
const LONGEST_LIFETIME: Duration = Duration::from_secs(604_800);
/// How long a ticket is good: a day.
const LIFETIME: Duration = Duration::from_secs(86_400);
/// How often a server draws a new key.
const ROTATION: Duration = Duration::from_secs(6 * 3600);

/// How a server lets clients resume: what its tickets are sealed under, how many it gives and for how long.
///
/// A ticket holds all that the server has to know, so that the server keeps nothing. Whoever has the keys can pretend to be the
/// server to clients that come back with a ticket, for as long as tickets live, and to be any client whose certificate it has, where the
/// server asks for certificates; what was said on earlier connections stays
/// secret all the same. Clones share their keys: keep one to [change them](Tickets::set_keys) while the server runs.
///
/// ```
/// # use posthaste::{Server, Identity, Tickets};
/// # let identity = Identity::development(&[])?;
/// let tickets = Tickets::shared(&[[7; 32]])?; // bytes that all servers of a fleet have
/// let server = Server::builder(identity).tickets(tickets.clone());
/// // Later, on each of them: a new key seals, the old one still opens.
/// tickets.set_keys(&[[8; 32], [7; 32]])?;
/// # Ok::<(), posthaste::Error>(())
/// ```
#[derive(Clone)]
pub struct Tickets {
    keys: Arc<SharedKeys>,
    count: u8,
    lifetime: Duration,
    generation: u64,
    /// What early data was taken, if any is.
    early_data: Option<Arc<ReplayFilter>>,
}

/// Tickets whose early data is remembered to be taken: of 1,600 clients a second that come back.
const FILTER_CAPACITY: usize = 65_536;
/// How far the age that a client claims may be from the one that is seen: ten seconds, which is the time that its first flight may
/// take, and what clocks drift in a day.
const FILTER_TOLERANCE_MILLIS: u32 = 10_000;

/// The keys of the moment.
struct SharedKeys {
    provider: Provider,
    keys: RwLock<Keys>,
}

#[derive(Clone)]
enum Keys {
    /// Drawn here, and again from time to time; `None` before the first ticket.
    Own(Option<Arc<TicketKeys>>, TicketKeyRotation),
    /// Given from outside.
    Given(Arc<TicketKeys>),
}

impl Tickets {
    /// With keys of random bytes, which change every six hours and are kept as long as tickets live. They are lost with the process:
    /// afterwards clients make full handshakes once.
    pub fn new() -> Tickets {
        Tickets::with(crypto_ring::PROVIDER, Keys::Own(None, rotation(ROTATION, LIFETIME)))
    }

    /// With keys that are made of these secrets, the one that seals first: for servers that open each other's tickets, and for
    /// tickets that outlive the process. They do not change by themselves.
    ///
    /// # Errors
    /// There is no secret, or more than 32.
    pub fn shared(secrets: &[[u8; 32]]) -> Result<Tickets, Error> {
        let given = given(&crypto_ring::PROVIDER, secrets)?;
        Ok(Tickets::with(crypto_ring::PROVIDER, Keys::Given(given)))
    }

    fn with(provider: Provider, keys: Keys) -> Tickets {
        let keys = Arc::new(SharedKeys { provider, keys: RwLock::new(keys) });
        Tickets { keys, count: 2, lifetime: LIFETIME, generation: 0, early_data: None }
    }

    /// Puts other keys in the place of those that were there, for all clones and from the next connection on. The first seals.
    /// Tickets whose key is not among them are worth nothing any more.
    ///
    /// # Errors
    /// As for [`Tickets::shared`].
    pub fn set_keys(&self, secrets: &[[u8; 32]]) -> Result<(), Error> {
        let given = given(&self.keys.provider, secrets)?;
        *self.keys.keys.write().unwrap_or_else(PoisonError::into_inner) = Keys::Given(given);
        Ok(())
    }

    /// How many tickets each connection gets. Default 2, at most 8; 0 gives none, and still takes those that were given.
    #[must_use]
    pub fn count(mut self, count: u8) -> Tickets {
        self.count = count;
        self
    }

    /// How long a ticket is good. Default one day, at most seven. Keys of random bytes are kept as long.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Tickets {
        self.lifetime = lifetime.min(LONGEST_LIFETIME);
        let mut keys = self.keys.keys.write().unwrap_or_else(PoisonError::into_inner);
        if let Keys::Own(_, rotation) = &mut *keys {
            rotation.kept_seconds = rotation.kept_seconds.max(self.lifetime.as_secs());
        }
        drop(keys);
        self
    }

    /// How often keys of random bytes change. Default every six hours.
    #[must_use]
    pub fn rotation(self, every: Duration) -> Tickets {
        let mut keys = self.keys.keys.write().unwrap_or_else(PoisonError::into_inner);
        if let Keys::Own(_, rotation) = &mut *keys {
            rotation.every_seconds = every.as_secs().max(1);
        }
        drop(keys);
        self
    }

    /// The generation of the server's configuration. Tickets of another one are not taken: to be changed when clients have to show
    /// anew who they are. Tickets end with the server's certificate in any case. Default 0.
    #[must_use]
    pub fn generation(mut self, generation: u64) -> Tickets {
        self.generation = generation;
        self
    }

    /// Takes early data (0-RTT): clients that come back are answered a round trip earlier, before they have shown that it is they
    /// who ask. Off by default, because whoever records such a request can send it again. Each server that is given these
    /// tickets takes a ticket's early data once, and only with tickets that it has given itself; its workers count as one server. A client
    /// that hears nothing may still ask again by itself, so what a handler does for a safe method has to be safe to do twice.
    /// Requests by other methods wait for the end of the handshake; for others [`Request::is_early`](crate::Request::is_early) says
    /// so. Clients that are asked for certificates send none.
    ///
    /// RFC 8470 section 3-1.
    ///
    /// A filter remembers about 64,000 tickets within 40 seconds, in 1 MiB; what it has no room for is refused, and costs its
    /// client a round trip. Clones share it.
    #[must_use]
    pub fn dangerous_accept_early_data_that_may_be_replayed(mut self) -> Tickets {
        let name = base::random::array(&mut crypto_ring::SystemRandom::new());
        let filter = ReplayFilter::new(FILTER_CAPACITY, FILTER_TOLERANCE_MILLIS, SystemClock.unix_millis());
        self.early_data = Some(Arc::new(filter.named(name)));
        self
    }

    /// The keys of the moment, for what else is sealed under them.
    pub(crate) fn keys(&self) -> Arc<dyn TicketKeySource> {
        self.keys.clone()
    }

    /// How long what is sealed is good.
    pub(crate) fn valid_for(&self) -> Duration {
        self.lifetime
    }

    /// As TLS wants it.
    pub(crate) fn policy(&self) -> TicketPolicy {
        let mut policy = TicketPolicy::new(self.keys.clone());
        policy.count = self.count;
        policy.lifetime_seconds = u32::try_from(self.lifetime.as_secs()).unwrap_or(u32::MAX);
        policy.generation = self.generation;
        policy.dangerous_accept_early_data_that_may_be_replayed = self.early_data.clone();
        policy
    }
}

impl Default for Tickets {
    fn default() -> Tickets {
        Tickets::new()
    }
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").field("count", &self.count).field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

fn rotation(every: Duration, kept: Duration) -> TicketKeyRotation {
    TicketKeyRotation { every_seconds: every.as_secs(), kept_seconds: kept.as_secs() }
}

fn given(provider: &Provider, secrets: &[[u8; 32]]) -> Result<Arc<TicketKeys>, Error> {
    let keys = TicketKeys::new(provider, secrets).ok_or_else(|| {
        Error::Message(format!(
            "tickets need 1 to {} secrets, the one that seals first, and were given {}",
            tls::MAX_TICKET_KEYS,
            secrets.len()
        ))
    })?;
    Ok(Arc::new(keys))
}

impl TicketKeySource for SharedKeys {
    fn ticket_keys(&self, unix_seconds: u64, random: &mut dyn Random) -> Arc<TicketKeys> {
        let current = self.keys.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (own, rotation) = match current {
            Keys::Given(keys) => return keys,
            Keys::Own(own, rotation) => (own, rotation),
        };
        let next = match &own {
            None => TicketKeys::random(&self.provider, unix_seconds, random),
            Some(keys) => match keys.renewed(rotation, unix_seconds, random) {
                None => return keys.clone(),
                Some(next) => next,
            },
        };
        self.replace(own.as_ref(), Arc::new(next))
    }
}

impl SharedKeys {
    /// Puts `next` in the place of `own`, unless another worker has been faster or the keys were given meanwhile.
    fn replace(&self, own: Option<&Arc<TicketKeys>>, next: Arc<TicketKeys>) -> Arc<TicketKeys> {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        match &mut *keys {
            Keys::Given(given) => given.clone(),
            Keys::Own(Some(other), _) if !own.is_some_and(|own| Arc::ptr_eq(own, other)) => other.clone(),
            Keys::Own(place, _) => place.insert(next).clone(),
        }
    }
}

memory_store! {
    /// Tickets of a client in memory: four for each server, 256 in all, gone with the process. The clients that share one resume
    /// each other's connections, as far as they trust the same and speak the same, and servers can tell that they belong together.
    /// As many tickets for a server as connections may begin at once before new ones come; in all some 100 KB.
    MemoryTickets { tickets: TicketCache }
}

impl TicketStore for MemoryTickets {
    fn take(&self, origin: &TicketOrigin, unix_millis: u64) -> Option<Ticket> {
        self.cache().take(origin, unix_millis)
    }

    fn put(&self, origin: &TicketOrigin, ticket: Ticket) {
        self.cache().put(origin, ticket);
    }

    fn holds(&self, origin: &TicketOrigin, unix_millis: u64) -> bool {
        self.cache().holds(origin, unix_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_ring::SystemRandom;

    fn keys(tickets: &Tickets, now: u64) -> Arc<TicketKeys> {
        tickets.policy().keys.ticket_keys(now, &mut SystemRandom::new())
    }

    #[test]
    fn own_keys_are_drawn_once_and_change_with_time_for_all_clones() {
        let tickets = Tickets::new().rotation(Duration::from_secs(100)).lifetime(Duration::from_secs(250));
        let other = tickets.clone();
        let first = keys(&tickets, 1000);
        assert!(Arc::ptr_eq(&first, &keys(&other, 1099)));
        let second = keys(&other, 1100);
        assert!(!Arc::ptr_eq(&first, &second) && second.len() == 2);
        assert!(Arc::ptr_eq(&second, &keys(&tickets, 1100)));
    }

    #[test]
    fn given_keys_replace_all_others_at_once() {
        let tickets = Tickets::new();
        keys(&tickets, 1000);
        let server = tickets.clone();
        tickets.set_keys(&[[1; 32], [2; 32]]).unwrap();
        assert_eq!(keys(&server, 1_000_000).len(), 2);
        for secrets in [&[][..], &[[0; 32]; 33]] {
            let error = tickets.set_keys(secrets).unwrap_err().to_string();
            assert!(error.contains("1 to 32") && error.contains(&secrets.len().to_string()), "{error}");
            assert!(Tickets::shared(secrets).is_err());
        }
        assert_eq!(keys(&server, 1_000_000).len(), 2, "what is refused changes nothing");
    }

    #[test]
    fn a_policy_says_what_was_set() {
        let policy = Tickets::new().policy();
        assert_eq!((policy.count, policy.lifetime_seconds, policy.generation), (2, 86_400, 0));
        let longest = Tickets::new().count(5).lifetime(Duration::MAX).generation(9).policy();
        assert_eq!((longest.count, longest.lifetime_seconds, longest.generation), (5, 604_800, 9));
    }

    #[test]
    fn workers_that_need_a_key_together_have_one() {
        for _ in 0..20 {
            let tickets = Tickets::new();
            let all: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| keys(&tickets, 1000))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert!(all.iter().all(|keys| Arc::ptr_eq(keys, &all[0])));
        }
    }
}
