use super::*;
use crate::endpoint::used_tokens::TokenMemory;
use core::sync::atomic::{AtomicU64, Ordering};
use crypto_ring::PROVIDER;
use tls::{FixedTicketKeys, TicketKeys};

extern crate std;

struct Counter(u8);

impl Random for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 += 1;
        bytes.fill(self.0);
    }
}

struct Clock(AtomicU64);

impl WallClock for Clock {
    fn unix_seconds(&self) -> u64 {
        self.0.load(Ordering::Relaxed) / 1000
    }

    fn unix_millis(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Memory(std::sync::Mutex<TokenMemory>);

impl UsedTokens for Memory {
    fn use_once(&self, token: &TokenId, issued_millis: u64, expires_millis: u64, now_millis: u64) -> bool {
        self.0.lock().unwrap().use_once(token, issued_millis, expires_millis, now_millis)
    }
}

const START: u64 = 1_000_000;

fn policy(secret: u8) -> (TokenPolicy, Arc<Clock>) {
    let clock = Arc::new(Clock(AtomicU64::new(START)));
    let keys = TicketKeys::new(&PROVIDER, &[[secret; 32]]).unwrap();
    let policy = TokenPolicy {
        keys: Arc::new(FixedTicketKeys(Arc::new(keys))),
        used: Arc::new(Memory(std::sync::Mutex::new(TokenMemory::new(100, START)))),
        wall_clock: clock.clone(),
        lifetime: Duration::from_secs(60),
    };
    (policy, clock)
}

fn remote(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

const CLIENT: &str = "192.0.2.1:5000";

fn opened(policy: &TokenPolicy, token: &[u8], client: &str, version: Version) -> Option<Known> {
    policy.open(&mut Counter(0), token, remote(client), version)
}

/// RFC 9000 section 8.1.4-4.
/// RFC 9369 section 5-2.
#[test]
fn a13_a_token_is_good_for_one_address_one_version_and_servers_with_its_key() {
    let (policy, _) = policy(1);
    let token = policy.issue(&mut Counter(0), remote(CLIENT), Version::V1);
    for (client, version, is_good) in [
        (CLIENT, Version::V1, true),
        ("192.0.2.1:9", Version::V1, true),
        ("[::ffff:192.0.2.1]:9", Version::V1, true),
        ("192.0.2.2:5000", Version::V1, false),
        ("[2001:db8::1]:5000", Version::V1, false),
        (CLIENT, Version::V2, false),
    ] {
        assert_eq!(opened(&policy, &token, client, version).is_some(), is_good, "{client} {version}");
    }
    assert!(opened(&self::policy(1).0, &token, CLIENT, Version::V1).is_some(), "another server of the fleet");
    assert!(opened(&self::policy(2).0, &token, CLIENT, Version::V1).is_none());
}

#[test]
fn p4_a_token_that_is_cut_or_changed_is_none() {
    let (policy, _) = policy(1);
    let token = policy.issue(&mut Counter(0), remote(CLIENT), Version::V1);
    for len in 0..token.len() {
        assert_eq!(opened(&policy, &token[..len], CLIENT, Version::V1), None, "{len} bytes");
    }
    for at in 0..token.len() {
        let mut changed = token.clone();
        changed[at] ^= 1;
        assert_eq!(opened(&policy, &changed, CLIENT, Version::V1), None, "byte {at}");
    }
    assert_eq!(opened(&policy, &[&token[..], &[0]].concat(), CLIENT, Version::V1), None);
}

/// RFC 9000 section 8.1.3-5, 8.1.4-8.
#[test]
fn a13_a_token_is_taken_once_and_in_its_time() {
    let (policy, clock) = policy(1);
    let mut random = Counter(0);
    let [first, late, early] = [(); 3].map(|()| policy.issue(&mut random, remote(CLIENT), Version::V1));
    let known = |token: &[u8]| opened(&policy, token, CLIENT, Version::V1).unwrap();
    assert!(policy.take(&known(&first)) && !policy.take(&known(&first)));
    clock.0.store(START - 1, Ordering::Relaxed);
    assert!(!policy.take(&known(&early)), "from the future");
    clock.0.store(START + 60_000, Ordering::Relaxed);
    assert!(policy.take(&known(&early)));
    clock.0.store(START + 60_001, Ordering::Relaxed);
    assert!(!policy.take(&known(&late)));
}

/// RFC 9000 section 8.1.3-6, 8.1.3-7, 8.1.4-1.
#[test]
fn no_two_tokens_are_alike_but_for_the_name_of_the_key() {
    let (policy, _) = policy(1);
    let mut random = Counter(0);
    let [one, two] = [(); 2].map(|()| policy.issue(&mut random, remote(CLIENT), Version::V1));
    let same = one.iter().zip(&two).filter(|(one, two)| one == two).count();
    assert!(same < 9 + 8, "{same} bytes are the same");
}
