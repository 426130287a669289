//! Tokens of addresses: how a client that comes back is spared the round trip that shows where it is (RFC 9000 section 8.1.3), on
//! both sides.

use crate::memory_store::memory_store;
use crate::tickets::Tickets;
use crate::wall_clock::SystemClock;
use quic::{TokenCache, TokenId, TokenMemory, TokenOrigin, TokenPolicy, TokenStore, UsedTokens};
use std::sync::{Arc, Mutex, PoisonError};
use tls::WallClock;

/// Tokens that a server remembers to have taken, until their time is over: some 10 MB at the most.
const REMEMBERED: usize = 262_144;

memory_store! {
    /// Tokens of a client in memory: four for each server, 256 in all, gone with the process. Servers can tell that the clients that
    /// share one belong together. One comes with each connection, and one more when it has moved; in all some 40 KB.
    MemoryTokens { tokens: TokenCache }
}

impl TokenStore for MemoryTokens {
    fn take(&self, origin: &TokenOrigin) -> Option<Vec<u8>> {
        self.cache().take(origin)
    }

    fn put(&self, origin: &TokenOrigin, token: Vec<u8>) {
        self.cache().put(origin, token);
    }
}

/// What the workers of a server have taken, all of them together.
struct Used(Mutex<TokenMemory>);

impl UsedTokens for Used {
    fn use_once(&self, token: &TokenId, issued_millis: u64, expires_millis: u64, now_millis: u64) -> bool {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.use_once(token, issued_millis, expires_millis, now_millis)
    }
}

/// What a server gives and takes, under these keys. The workers of one server share it.
pub(crate) fn policy(keys: &Tickets) -> TokenPolicy {
    let used = Used(Mutex::new(TokenMemory::new(REMEMBERED, SystemClock.unix_millis())));
    TokenPolicy {
        keys: keys.keys(),
        used: Arc::new(used),
        wall_clock: Arc::new(SystemClock),
        lifetime: keys.valid_for(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quic::Version;

    #[test]
    fn a_store_gives_each_token_once() {
        let store = MemoryTokens::default();
        let origin = TokenOrigin { server: "one".into(), version: Version::V1 };
        store.put(&origin, vec![1]);
        assert_eq!((store.len(), store.is_empty()), (1, false));
        assert_eq!((store.take(&origin), store.take(&origin)), (Some(vec![1]), None));
        store.put(&origin, vec![2]);
        store.clear();
        assert!(store.is_empty() && format!("{store:?}").contains("tokens: 0"));
    }

    #[test]
    fn clones_of_a_policy_share_what_was_taken() {
        let one = policy(&Tickets::new());
        let other = one.clone();
        let now = SystemClock.unix_millis();
        assert!(one.used.use_once(&[1; 16], now, now + 1000, now));
        assert!(!other.used.use_once(&[1; 16], now, now + 1000, now));
    }
}
