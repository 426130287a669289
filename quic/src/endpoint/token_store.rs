//! Tokens as a client keeps them (RFC 9000 section 8.1.3): each for one server and one version, and used once, so that nobody on
//! the way can tell by one that two connections are of one client.

use crate::wire::version::Version;
use alloc::string::String;
use alloc::vec::Vec;
use base::SingleUse;

/// The longest token that is kept: no longer than one of a Retry packet may be. Servers need about a tenth of it.
pub(super) const MAX_TOKEN_LEN: usize = 1000;

/// Which connections a token is good for: to this server, with a first flight of this version (RFC 9369 section 5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenOrigin {
    /// The name or the address that the client asked for.
    pub server: String,
    /// The version that the connection was of which the token came by.
    pub version: Version,
}

/// Keeps a client's tokens. Shared by connections, and perhaps by threads, so an implementation has its own lock.
pub trait TokenStore: Send + Sync {
    /// Takes a token of this origin out, for good. The newest is best.
    fn take(&self, origin: &TokenOrigin) -> Option<Vec<u8>>;

    /// Keeps a token, and forgets others if there are too many.
    fn put(&self, origin: &TokenOrigin, token: Vec<u8>);
}

/// Tokens in memory, so many and no more, for a [`TokenStore`] to put a lock around.
#[derive(Debug)]
pub struct TokenCache(SingleUse<TokenOrigin, Vec<u8>>);

impl TokenCache {
    /// Room for `total` tokens, of which `per_origin` at most are of one origin.
    pub const fn new(per_origin: usize, total: usize) -> TokenCache {
        TokenCache(SingleUse::new(per_origin, total))
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

    /// As [`TokenStore::take`].
    pub fn take(&mut self, origin: &TokenOrigin) -> Option<Vec<u8>> {
        self.0.take(origin)
    }

    /// As [`TokenStore::put`]: the oldest of the origin makes room, or the oldest of all. One that is there is not kept twice.
    pub fn put(&mut self, origin: &TokenOrigin, token: Vec<u8>) {
        if self.0.of(origin).all(|other| *other != token) {
            self.0.put(origin, token);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(server: &str, version: Version) -> TokenOrigin {
        TokenOrigin { server: server.into(), version }
    }

    /// RFC 9369 section 5-1.
    #[test]
    fn a_token_is_given_once_to_its_origin_the_newest_first() {
        let mut cache = TokenCache::new(3, 8);
        let (one, other) = (origin("one", Version::V1), origin("one", Version::V2));
        (1..=3).for_each(|byte| cache.put(&one, alloc::vec![byte]));
        cache.put(&one, alloc::vec![2]);
        cache.put(&other, alloc::vec![9]);
        assert_eq!(cache.len(), 4, "the same token again is no other one");
        let taken = [(); 4].map(|()| cache.take(&one));
        assert_eq!(taken, [Some(alloc::vec![3]), Some(alloc::vec![2]), Some(alloc::vec![1]), None]);
        assert_eq!(cache.take(&origin("two", Version::V2)), None);
        assert_eq!(cache.take(&other), Some(alloc::vec![9]));
        assert!(cache.is_empty());
    }

    #[test]
    fn the_oldest_make_room() {
        let mut cache = TokenCache::new(2, 3);
        let (one, other) = (origin("one", Version::V1), origin("other", Version::V1));
        (1..=5).for_each(|byte| cache.put(&one, alloc::vec![byte]));
        assert_eq!(cache.len(), 2);
        (6..=7).for_each(|byte| cache.put(&other, alloc::vec![byte]));
        assert_eq!(cache.len(), 3);
        assert_eq!([cache.take(&one), cache.take(&one)], [Some(alloc::vec![5]), None], "of its two the older went");
        assert_eq!(cache.take(&other), Some(alloc::vec![7]));
        cache.clear();
        assert!(cache.is_empty() && cache.take(&other).is_none());
        for (per_origin, total) in [(0, 4), (4, 0)] {
            let mut none = TokenCache::new(per_origin, total);
            none.put(&one, alloc::vec![1]);
            assert!(none.is_empty());
        }
    }
}
