//! Which tokens a server has taken already (RFC 9000 section 8.1.4): each is good for one connection. What is remembered is
//! exact: a token is never taken twice, and none is refused by mistake for another one. Where there is no room to remember
//! another, none is taken: its client is one that has shown nothing, which costs it a round trip at the most.

use alloc::collections::BTreeSet;

/// What a token has that no other one has: bytes that were drawn for it, under its seal.
pub type TokenId = [u8; 16];

/// Remembers the tokens that were taken. Shared by the workers of a server, so an implementation has its own lock.
///
/// Servers that share keys and not this memory take a token once each.
pub trait UsedTokens: Send + Sync {
    /// Whether a token may be taken, which it may not be again. It was made at `issued_millis`, and is good until
    /// `expires_millis`; now it is `now_millis`, all of them in milliseconds since 1970.
    fn use_once(&self, token: &TokenId, issued_millis: u64, expires_millis: u64, now_millis: u64) -> bool;
}

/// Tokens that were taken, so many and no more, for a [`UsedTokens`] to put a lock around.
///
/// A token from before the beginning of this memory is not taken: nobody knows whether it was.
#[derive(Debug)]
pub struct TokenMemory {
    capacity: usize,
    since_millis: u64,
    /// By the time until which each has to be remembered.
    used: BTreeSet<(u64, TokenId)>,
}

impl TokenMemory {
    /// Room for `capacity` tokens, of some 40 bytes each. It begins at `now_millis`, in milliseconds since 1970.
    pub const fn new(capacity: usize, now_millis: u64) -> TokenMemory {
        TokenMemory { capacity, since_millis: now_millis, used: BTreeSet::new() }
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.used.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }

    /// As [`UsedTokens::use_once`]. Those that are not good any more are forgotten on the way.
    /// RFC 9000 section 8.1.4-6, 8.1.4-8.
    pub fn use_once(&mut self, token: &TokenId, issued_millis: u64, expires_millis: u64, now_millis: u64) -> bool {
        while self.used.pop_first_if(|(until, _)| *until < now_millis) {}
        let is_known_time = issued_millis >= self.since_millis && expires_millis >= now_millis;
        let is_there = self.used.contains(&(expires_millis, *token));
        if !is_known_time || is_there || self.used.len() >= self.capacity {
            return false;
        }
        self.used.insert((expires_millis, *token))
    }
}

/// Takes out the first entry if it is what is looked for.
trait PopFirstIf<T> {
    fn pop_first_if(&mut self, condition: impl FnOnce(&T) -> bool) -> bool;
}

impl<T: Ord> PopFirstIf<T> for BTreeSet<T> {
    fn pop_first_if(&mut self, condition: impl FnOnce(&T) -> bool) -> bool {
        self.first().is_some_and(condition) && self.pop_first().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> TokenId {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        id
    }

    /// RFC 9000 section 8.1.4-6, 8.1.4-8.
    #[test]
    fn a13_a_token_is_taken_once_and_a_fresh_one_always() {
        let mut memory = TokenMemory::new(10_000, 1000);
        for number in 0..5000 {
            assert!(memory.use_once(&id(number), 1000 + number, 9000 + number, 2000), "{number}");
        }
        for number in 0..5000 {
            assert!(!memory.use_once(&id(number), 1000 + number, 9000 + number, 3000), "{number}");
        }
        assert_eq!(memory.len(), 5000);
    }

    #[test]
    fn a13_a_full_memory_takes_none_until_old_ones_are_forgotten() {
        let mut memory = TokenMemory::new(3, 0);
        for number in 0..3 {
            assert!(memory.use_once(&id(number), 0, 100 + number, 0));
        }
        assert!(!memory.use_once(&id(7), 0, 500, 0), "no room");
        assert!(!memory.use_once(&id(0), 0, 100, 100), "still good, so still remembered");
        assert!(memory.use_once(&id(7), 0, 500, 101), "the first is forgotten");
        assert!(!memory.use_once(&id(0), 0, 100, 101), "and its time is over");
        assert_eq!(memory.len(), 3);
        assert!(!TokenMemory::new(0, 0).use_once(&id(1), 0, 9, 0));
    }

    #[test]
    fn a13_tokens_from_before_a_restart_are_not_taken() {
        let mut memory = TokenMemory::new(3, 1000);
        assert!(!memory.use_once(&id(1), 999, 5000, 1000));
        assert!(memory.use_once(&id(2), 1000, 5000, 1000) && !memory.is_empty());
    }
}
