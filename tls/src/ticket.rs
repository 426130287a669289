//! Tickets as a client keeps them: with each the key that belongs to it, and what it was agreed on with. A ticket is used once
//! (RFC 9846 appendix C.4), so that nobody on the way can tell that two connections are of one client.

use alloc::vec::Vec;
use base::SingleUse;
use core::fmt;
use crypto::Secret;

/// No ticket is used longer, whatever its server says: seven days.
/// RFC 9846 section 4.7.1.
pub(crate) const MAX_LIFETIME_SECONDS: u32 = 604_800;
/// The longest ticket that is kept. Servers put some hundred bytes into one; a chain of client certificates makes it longer.
pub(crate) const MAX_TICKET_LEN: usize = 4096;

/// A ticket of a server, and what belongs to it.
pub struct Ticket {
    /// What the server is shown.
    pub(crate) identity: Vec<u8>,
    /// The pre-shared key.
    pub(crate) secret: Secret,
    /// The suite of the connection that it came by. It resumes with any suite of the same hash.
    pub(crate) suite: u16,
    /// The application protocol of that connection.
    pub(crate) application_protocol: Option<Vec<u8>>,
    /// When it came, in milliseconds of the wall clock.
    pub(crate) received_millis: u64,
    /// Until when it may be used, in milliseconds of the wall clock: its lifetime, or the server's certificate if that ends
    /// before.
    pub(crate) expires_millis: u64,
    /// When the server's certificates expire, in seconds of the wall clock: for the tickets of a connection that it resumes.
    pub(crate) certificate_expires: u64,
    /// What hides its age.
    pub(crate) age_add: u32,
    /// Whether early data may be sent with it, and how much; over QUIC the number has no meaning.
    pub(crate) max_early_data: u32,
    /// What the server said in the carrier's own extension. Kept only for early data.
    pub(crate) parameters: Vec<u8>,
    /// What the application relies on in early data, in its own form. Kept only for early data.
    pub(crate) application: Vec<u8>,
}

impl Ticket {
    /// Whether it may be used at this time, in milliseconds since 1970. A clock that was set back before it came cannot tell
    /// its age, so then it may not.
    /// RFC 9846 section 4.3.11.1.
    /// RFC 9846 section 4.3.11.1-1.
    pub fn is_valid_at(&self, unix_millis: u64) -> bool {
        (self.received_millis..self.expires_millis).contains(&unix_millis)
    }

    /// Until when it may be used, in milliseconds since 1970.
    pub fn expires_millis(&self) -> u64 {
        self.expires_millis
    }

    /// obfuscated_ticket_age (RFC 9846 section 4.3.11.1): the age in milliseconds plus the server's number, modulo 2^32.
    pub(crate) fn obfuscated_age(&self, unix_millis: u64) -> u32 {
        const MASK: u64 = 0xffff_ffff;
        let age = unix_millis.saturating_sub(self.received_millis);
        (((age & MASK) + u64::from(self.age_add)) & MASK) as u32
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("expires_millis", &self.expires_millis).finish_non_exhaustive()
    }
}

/// Which server a ticket is of, and how that was known: a digest of the server's name, the carrier, whom the client trusts and
/// which application protocols it offers. A client that is configured otherwise has other origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketOrigin(pub(crate) [u8; 32]);

impl TicketOrigin {
    /// The digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Keeps a client's tickets. Shared by connections, and perhaps by threads, so an implementation has its own lock.
pub trait TicketStore: Send + Sync {
    /// Takes a ticket of this origin out, for good, that is valid at this time, in milliseconds since 1970. The newest is best.
    fn take(&self, origin: &TicketOrigin, unix_millis: u64) -> Option<Ticket>;

    /// Keeps a ticket, and forgets others if there are too many.
    fn put(&self, origin: &TicketOrigin, ticket: Ticket);

    /// Whether [`take`](TicketStore::take) would give one. A store that can tell without taking it out does so.
    fn holds(&self, origin: &TicketOrigin, unix_millis: u64) -> bool {
        self.take(origin, unix_millis).is_some_and(|ticket| {
            self.put(origin, ticket);
            true
        })
    }
}

/// Tickets in memory, so many and no more, for a [`TicketStore`] to put a lock around.
#[derive(Debug)]
pub struct TicketCache(SingleUse<TicketOrigin, Ticket>);

impl TicketCache {
    /// Room for `total` tickets, of which `per_origin` at most are of one origin.
    pub const fn new(per_origin: usize, total: usize) -> TicketCache {
        TicketCache(SingleUse::new(per_origin, total))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// As [`TicketStore::take`]. Those that are not valid any more are dropped on the way.
    pub fn take(&mut self, origin: &TicketOrigin, unix_millis: u64) -> Option<Ticket> {
        core::iter::from_fn(|| self.0.take(origin)).find(|ticket| ticket.is_valid_at(unix_millis))
    }

    /// As [`TicketStore::holds`].
    pub fn holds(&self, origin: &TicketOrigin, unix_millis: u64) -> bool {
        self.0.of(origin).any(|ticket| ticket.is_valid_at(unix_millis))
    }

    /// As [`TicketStore::put`]: the oldest of the origin makes room, or the oldest of all.
    pub fn put(&mut self, origin: &TicketOrigin, ticket: Ticket) {
        self.0.put(origin, ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn ticket(identity: u8, from: u64, until: u64) -> Ticket {
        Ticket {
            identity: vec![identity],
            secret: Secret::zeros(32),
            suite: 0x1301,
            application_protocol: None,
            received_millis: from,
            expires_millis: until,
            certificate_expires: u64::MAX,
            age_add: 0,
            max_early_data: 0,
            parameters: Vec::new(),
            application: Vec::new(),
        }
    }

    const ONE: TicketOrigin = TicketOrigin([1; 32]);
    const OTHER: TicketOrigin = TicketOrigin([2; 32]);

    fn taken(cache: &mut TicketCache, origin: &TicketOrigin, now: u64) -> Option<u8> {
        cache.take(origin, now).map(|ticket| ticket.identity[0])
    }

    #[test]
    fn a_ticket_is_given_once_to_its_origin_the_newest_first() {
        let mut cache = TicketCache::new(4, 8);
        (1..=3).for_each(|identity| cache.put(&ONE, ticket(identity, 10, 20)));
        cache.put(&OTHER, ticket(9, 10, 20));
        assert_eq!((cache.len(), cache.is_empty()), (4, false));
        assert_eq!([(); 4].map(|()| taken(&mut cache, &ONE, 15)), [Some(3), Some(2), Some(1), None]);
        assert_eq!(taken(&mut cache, &OTHER, 15), Some(9));
        assert!(cache.is_empty());
    }

    #[test]
    fn the_oldest_make_room() {
        let mut cache = TicketCache::new(2, 3);
        (1..=5).for_each(|identity| cache.put(&ONE, ticket(identity, 10, 20)));
        (6..=7).for_each(|identity| cache.put(&OTHER, ticket(identity, 10, 20)));
        assert_eq!(cache.len(), 3);
        // Of the first origin's two the older one went.
        assert_eq!((taken(&mut cache, &ONE, 15), taken(&mut cache, &ONE, 15)), (Some(5), None));
    }

    /// RFC 9846 section 4.3.11.1.
    #[test]
    fn no_ticket_outside_of_its_time() {
        for (now, valid) in [(9, false), (10, true), (19, true), (20, false), (u64::MAX, false)] {
            let mut cache = TicketCache::new(4, 8);
            cache.put(&ONE, ticket(1, 10, 20));
            assert_eq!((cache.holds(&ONE, now), cache.holds(&OTHER, now), cache.len()), (valid, false, 1));
            assert_eq!(taken(&mut cache, &ONE, now).is_some(), valid, "{now}");
            assert!(cache.is_empty(), "what is of no use is not kept");
        }
    }

    #[test]
    fn the_age_is_hidden_modulo_two_to_the_32() {
        let mut one = ticket(1, 1000, u64::MAX);
        one.age_add = 0xffff_fff0;
        assert_eq!(one.obfuscated_age(1000), 0xffff_fff0);
        assert_eq!(one.obfuscated_age(1016), 0);
        assert_eq!(one.obfuscated_age(1000 + (5 << 32) + 3), 0xffff_fff3);
        assert_eq!(one.obfuscated_age(0), 0xffff_fff0, "an age is never negative");
    }
}
