//! The keys that a server seals its tickets under. Nothing of a ticket is kept by the server; whoever has these keys can make
//! tickets, and pretend to be the server to clients that come back with one, or to be a client whose certificate is known.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::{Random, Reader};
use core::fmt;
use crypto::aead::{NONCE_LEN, TAG_LEN};
use crypto::{AeadKey, CipherSuite, Provider, Secret, SecretBytes, hkdf};

const NAME_LEN: usize = 8;
const SALT_LEN: usize = 16;
const MAX_KEY_LEN: usize = 32;
/// What keys of tickets are derived for.
const TICKET: &[u8] = b"session ticket";

/// Bytes of the secret that a ticket key is made of.
pub const TICKET_SECRET_LEN: usize = 32;
/// The most keys of a set: what is beyond them is dropped, the oldest first.
pub const MAX_TICKET_KEYS: usize = 32;

/// Ticket keys, the one that seals first. The others open what they sealed before.
#[derive(Clone)]
pub struct TicketKeys {
    suite: &'static CipherSuite,
    keys: Vec<TicketKey>,
}

#[derive(Clone)]
struct TicketKey {
    /// What a ticket begins with, to find its key.
    name: [u8; NAME_LEN],
    secret: Secret,
    /// From when on it sealed, in seconds since 1970.
    since: u64,
}

/// How often a server takes a new ticket key, and how long the old ones are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicketKeyRotation {
    /// How long a key seals.
    pub every_seconds: u64,
    /// How long it opens after that: the lifetime of tickets.
    pub kept_seconds: u64,
}

/// Gives a server the ticket keys of the moment: one set for ever, sets that a fleet shares, or sets that change by themselves.
pub trait TicketKeySource: Send + Sync {
    /// The keys at this time, in seconds since 1970. `random` is for a key that is due.
    fn ticket_keys(&self, unix_seconds: u64, random: &mut dyn Random) -> Arc<TicketKeys>;
}

/// One set of keys for ever.
#[derive(Clone, Debug)]
pub struct FixedTicketKeys(pub Arc<TicketKeys>);

impl TicketKeySource for FixedTicketKeys {
    fn ticket_keys(&self, _unix_seconds: u64, _random: &mut dyn Random) -> Arc<TicketKeys> {
        self.0.clone()
    }
}

impl TicketKeys {
    /// Keys made of given secrets, the one that seals first: for servers that are to open each other's tickets. `None` if there
    /// is no secret, or more than [`MAX_TICKET_KEYS`].
    pub fn new(provider: &Provider, secrets: &[[u8; TICKET_SECRET_LEN]]) -> Option<TicketKeys> {
        if secrets.is_empty() || secrets.len() > MAX_TICKET_KEYS {
            return None;
        }
        let suite = provider.initial;
        let keys = secrets.iter().map(|secret| TicketKey::new(suite, Secret::new(secret), 0)).collect();
        Some(TicketKeys { suite, keys })
    }

    /// One key of random bytes.
    pub fn random(provider: &Provider, unix_seconds: u64, random: &mut dyn Random) -> TicketKeys {
        let suite = provider.initial;
        TicketKeys { suite, keys: alloc::vec![TicketKey::random(suite, unix_seconds, random)] }
    }

    /// The next set, if the key that seals has done so for long enough: with a new one in front, and without those that have
    /// nothing left to open. A clock that was set back far makes a new one due as well, or the next might never be.
    pub fn renewed(
        &self,
        rotation: TicketKeyRotation,
        unix_seconds: u64,
        random: &mut dyn Random,
    ) -> Option<TicketKeys> {
        let TicketKeyRotation { every_seconds, kept_seconds } = rotation;
        let since = self.keys.first().map_or(0, |key| key.since);
        let is_due = unix_seconds.abs_diff(since) >= every_seconds.max(1);
        if !is_due {
            return None;
        }
        let kept_for = every_seconds.saturating_add(kept_seconds);
        let old = self.keys.iter().filter(|key| unix_seconds.abs_diff(key.since) < kept_for).cloned();
        let keys = core::iter::once(TicketKey::random(self.suite, unix_seconds, random)).chain(old);
        Some(TicketKeys { suite: self.suite, keys: keys.take(MAX_TICKET_KEYS).collect() })
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never: a set has a key that seals.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A ticket that holds `content` and is good only together with `bound`: the key's name, a salt, and the rest sealed.
    pub(crate) fn seal(&self, content: &[u8], bound: &[u8], random: &mut dyn Random) -> Vec<u8> {
        self.seal_for(TICKET, content, bound, random)
    }

    /// The same for something else that a server gives its clients to keep, such as the tokens of QUIC: what is sealed for one
    /// `purpose`, a label of at most 249 bytes, opens for no other.
    pub fn seal_for(&self, purpose: &[u8], content: &[u8], bound: &[u8], random: &mut dyn Random) -> Vec<u8> {
        let key = self.keys.first().expect("a set has a key that seals");
        let salt = base::random::array(random);
        let (aead, nonce) = key.aead(self.suite, purpose, &salt);
        // All of it at once, so that the content lies nowhere else.
        let mut ticket = Vec::with_capacity(NAME_LEN + SALT_LEN + content.len() + TAG_LEN);
        ticket.extend_from_slice(&key.name);
        ticket.extend_from_slice(&salt);
        ticket.extend_from_slice(content);
        let (_, sealed) = ticket.split_at_mut(NAME_LEN + SALT_LEN);
        let tag = aead.seal(nonce, bound, sealed).expect("a ticket is short");
        ticket.extend_from_slice(&tag);
        ticket
    }

    /// The content of a ticket that one of these keys sealed together with `bound`.
    pub(crate) fn open(&self, ticket: &[u8], bound: &[u8]) -> Option<SecretBytes> {
        self.open_for(TICKET, ticket, bound)
    }

    /// The content of what [`seal_for`](TicketKeys::seal_for) made with one of these keys for this `purpose`, together with `bound`.
    pub fn open_for(&self, purpose: &[u8], ticket: &[u8], bound: &[u8]) -> Option<SecretBytes> {
        let mut reader = Reader::new(ticket);
        let name: [u8; NAME_LEN] = reader.array().ok()?;
        let salt = reader.array().ok()?;
        let key = self.keys.iter().find(|key| key.name == name)?;
        let (aead, nonce) = key.aead(self.suite, purpose, &salt);
        let mut sealed = reader.rest().to_vec();
        let len = aead.open(nonce, bound, &mut sealed).ok()?;
        sealed.truncate(len);
        Some(SecretBytes::from(sealed))
    }
}

impl TicketKey {
    fn random(suite: &'static CipherSuite, since: u64, random: &mut dyn Random) -> TicketKey {
        let mut bytes: [u8; TICKET_SECRET_LEN] = base::random::array(random);
        let key = TicketKey::new(suite, Secret::new(&bytes), since);
        crypto::secret::wipe(&mut bytes);
        key
    }

    /// The name says nothing about the secret it is made of, and is the same wherever the secret is.
    fn new(suite: &'static CipherSuite, secret: Secret, since: u64) -> TicketKey {
        let mut name = [0; NAME_LEN];
        hkdf::expand_label(suite.hash, &secret, b"ticket name", &[], &mut name);
        TicketKey { name, secret, since }
    }

    /// A key and a nonce that are used for one ticket. With as many salts as there are, no number of tickets wears the secret
    /// out.
    fn aead(&self, suite: &CipherSuite, purpose: &[u8], salt: &[u8; SALT_LEN]) -> (Box<dyn AeadKey>, [u8; NONCE_LEN]) {
        // As much as this suite needs: of the shorter key it is one block of the hash and not two.
        let mut place = [0; MAX_KEY_LEN + NONCE_LEN];
        let bytes = &mut place[..suite.aead.key_len() + NONCE_LEN];
        hkdf::expand_label(suite.hash, &self.secret, purpose, salt, bytes);
        let (key, rest) = bytes.split_at(suite.aead.key_len());
        let nonce = *rest.first_chunk().expect("there is room for a nonce behind the key");
        let key = suite.aead.key(key);
        crypto::secret::wipe(bytes);
        (key, nonce)
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketKeys").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Counting;
    use crypto_ring::PROVIDER;

    const ROTATION: TicketKeyRotation = TicketKeyRotation { every_seconds: 100, kept_seconds: 250 };

    #[test]
    fn a_ticket_opens_where_its_key_and_all_it_is_bound_to_are_the_same() {
        let keys = TicketKeys::new(&PROVIDER, &[[1; 32], [2; 32]]).unwrap();
        let ticket = keys.seal(b"content", b"bound", &mut Counting(0));
        assert_eq!(&*keys.open(&ticket, b"bound").unwrap(), b"content");
        // Another server that has the same secret, in any place, and one that has not.
        let other = |secrets: &[[u8; 32]]| TicketKeys::new(&PROVIDER, secrets).unwrap();
        assert!(other(&[[9; 32], [1; 32]]).open(&ticket, b"bound").is_some());
        assert!(other(&[[9; 32], [2; 32]]).open(&ticket, b"bound").is_none());
        for bound in [&b""[..], b"boun", b"bounD", b"bound "] {
            assert!(keys.open(&ticket, bound).is_none());
        }
        for end in 0..ticket.len() {
            assert!(keys.open(&ticket[..end], b"bound").is_none(), "{end}");
        }
        for position in 0..ticket.len() {
            for bit in 0..8 {
                let mut changed = ticket.clone();
                changed[position] ^= 1 << bit;
                assert!(keys.open(&changed, b"bound").is_none(), "{position}");
            }
        }
        let again = keys.seal(b"content", b"bound", &mut Counting(1));
        assert_ne!(ticket[NAME_LEN..], again[NAME_LEN..]);
    }

    #[test]
    fn a_set_has_a_key_and_not_too_many() {
        assert!(TicketKeys::new(&PROVIDER, &[]).is_none());
        assert_eq!(TicketKeys::new(&PROVIDER, &[[1; 32]; MAX_TICKET_KEYS]).unwrap().len(), MAX_TICKET_KEYS);
        assert!(TicketKeys::new(&PROVIDER, &[[1; 32]; MAX_TICKET_KEYS + 1]).is_none());
    }

    #[test]
    fn old_keys_open_as_long_as_their_tickets_live() {
        let random = &mut Counting(0);
        let first = TicketKeys::random(&PROVIDER, 1000, random);
        let ticket = first.seal(b"one", &[], random);
        assert!(first.renewed(ROTATION, 1000, random).is_none());
        assert!(first.renewed(ROTATION, 1099, random).is_none());
        let second = first.renewed(ROTATION, 1100, random).unwrap();
        assert_eq!((second.len(), second.is_empty()), (2, false));
        assert!(second.open(&ticket, &[]).is_some());
        let newer = second.seal(b"two", &[], random);
        assert!(first.open(&newer, &[]).is_none(), "a new key seals");
        // The last ticket of the first key was sealed at 1100, and lived until 1350.
        let third = second.renewed(ROTATION, 1349, random).unwrap();
        assert!(third.open(&ticket, &[]).is_some() && third.open(&newer, &[]).is_some());
        let fourth = third.renewed(ROTATION, 1449, random).unwrap();
        assert!(fourth.open(&ticket, &[]).is_none() && fourth.open(&newer, &[]).is_some());
    }

    #[test]
    fn a_clock_that_jumps_leaves_a_key_that_seals_and_a_bound() {
        let random = &mut Counting(0);
        let mut keys = TicketKeys::random(&PROVIDER, 1000, random);
        for now in [u64::MAX, 0, 500, 1, 1 << 40] {
            keys = keys.renewed(ROTATION, now, random).unwrap();
            assert!(keys.open(&keys.seal(b"x", &[], random), &[]).is_some());
        }
        let fast = TicketKeyRotation { every_seconds: 0, kept_seconds: u64::MAX };
        for now in 1..200 {
            keys = keys.renewed(fast, (1 << 40) + now, random).unwrap();
        }
        assert_eq!(keys.len(), MAX_TICKET_KEYS);
    }
}
