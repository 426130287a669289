//! Tokens of NEW_TOKEN frames on virtual time (RFC 9000 section 8.1.3): given on one connection, shown on the next.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

mod support;

use base::{Duration, FourTuple, Instant};
use quic::{
    AddressValidation, Config, EndpointConfig, TokenCache, TokenCounts, TokenId, TokenMemory, TokenOrigin, TokenPolicy,
    TokenStore, UsedTokens, Version, Versions,
};
use sim::{Handle, LinkConfig, LossMask, World};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use support::{CLIENT, Exchange, Host, SECOND, SERVER};
use tls::{FixedTicketKeys, TicketKeys, WallClock};

struct Store(Mutex<TokenCache>);

impl TokenStore for Store {
    fn take(&self, origin: &TokenOrigin) -> Option<Vec<u8>> {
        self.0.lock().unwrap().take(origin)
    }

    fn put(&self, origin: &TokenOrigin, token: Vec<u8>) {
        self.0.lock().unwrap().put(origin, token);
    }
}

struct Used(Mutex<TokenMemory>);

impl UsedTokens for Used {
    fn use_once(&self, token: &TokenId, issued_millis: u64, expires_millis: u64, now_millis: u64) -> bool {
        self.0.lock().unwrap().use_once(token, issued_millis, expires_millis, now_millis)
    }
}

struct Noon;

impl WallClock for Noon {
    fn unix_seconds(&self) -> u64 {
        1_800_000_000
    }
}

fn policy(room: usize) -> TokenPolicy {
    let keys = TicketKeys::new(&sim::seeded_provider(), &[[3; 32]]).unwrap();
    TokenPolicy {
        keys: Arc::new(FixedTicketKeys(Arc::new(keys))),
        used: Arc::new(Used(Mutex::new(TokenMemory::new(room, Noon.unix_millis())))),
        wall_clock: Arc::new(Noon),
        lifetime: Duration::from_secs(60),
    }
}

/// One client and one server that asks everybody for the address.
struct Pair {
    world: World,
    client: Handle<Host>,
    server: Handle<Host>,
    store: Arc<Store>,
    /// Connections whose exchange is done.
    done: usize,
}

impl Pair {
    fn new(client: &Config, server: &Config, room: usize) -> Pair {
        let mut world = World::new(11);
        let addresses: [SocketAddr; 3] = [CLIENT, SERVER, SECOND].map(|text| text.parse().unwrap());
        let [here, there, second] = addresses;
        for address in [here, second] {
            world.network().set_both(address, there, LinkConfig::new(Duration::from_millis(20)));
        }
        let store = Arc::new(Store(Mutex::new(TokenCache::new(4, 16))));
        let (of_client, of_server) = (world.fork_random(), world.fork_random());
        let at_server = |config: &mut EndpointConfig| {
            config.address_validation = AddressValidation::Always;
            config.tokens = Some(policy(room));
        };
        let tls = adversary::identity::classical().1.clone();
        let at_server = Host::server_with(Instant::ZERO, of_server, server.clone(), tls, at_server);
        let kept = store.clone();
        let at_client =
            Host::idle_client_with(Instant::ZERO, of_client, client.clone(), |config| config.token_store = Some(kept));
        let server = world.add(&[there], at_server);
        let client = world.add(&[here, second], at_client);
        Pair { world, client, server, store, done: 0 }
    }

    /// One connection from this address, and an exchange on it.
    fn connect(&mut self, from: &str) {
        let path = FourTuple { local: from.parse().unwrap(), remote: SERVER.parse().unwrap() };
        let (now, client) = (self.world.now(), self.client);
        let tls = adversary::identity::classical().0.clone();
        let exchange = Exchange { upload: 10, download: 1000 };
        self.world.machine_mut(client).connect(now, tls, path, vec![exchange]);
        self.done += 1;
        let done = self.done;
        self.world.run_until(now + Duration::from_secs(60), |world| world.machine(client).completed == done);
        assert_eq!(self.world.machine(client).completed, done, "{:?}", self.world.machine(client).closed);
        // The token may come behind the answer.
        self.world.run_for(Duration::from_secs(5));
    }

    fn retried(&self) -> u64 {
        self.world.machine(self.server).endpoint.stats().strangers.retried
    }

    fn counts(&self) -> (TokenCounts, TokenCounts) {
        let counts = |host: Handle<Host>| self.world.machine(host).endpoint.stats().tokens;
        (counts(self.client), counts(self.server))
    }
}

/// RFC 9000 section 8.1.3-1, 8.1.3-2, 8.1.3-9, 8.1.3-14, 8.1.3-16.
#[test]
fn who_comes_back_with_a_token_is_not_asked_where_it_is() {
    let mut pair = Pair::new(&Config::default(), &Config::default(), 100);
    for round in 1..=5 {
        pair.connect(CLIENT);
        assert_eq!(pair.retried(), 1, "only the first time");
        let (client, server) = pair.counts();
        assert_eq!((client.kept, client.shown), (round, round - 1));
        assert_eq!((server.given, server.taken, server.refused), (round, round - 1, 0));
    }
}

/// RFC 9000 section 13.3-3.
#[test]
fn a_token_comes_whatever_is_lost() {
    for mask in LossMask::all(8) {
        let patient = Config { handshake_timeout: Duration::from_secs(60), ..Config::default() };
        let mut pair = Pair::new(&patient, &patient, 100);
        pair.world.network().set_loss_mask(LossMask(mask.0 << 3));
        pair.connect(CLIENT);
        assert_eq!(pair.store.0.lock().unwrap().len(), 1, "{mask:?}");
    }
}

/// RFC 9000 section 8.1.3-15, 8.1.4-4, 8.1.4-5.
#[test]
fn a_token_is_worth_nothing_elsewhere() {
    let mut pair = Pair::new(&Config::default(), &Config::default(), 100);
    pair.connect(CLIENT);
    pair.connect(SECOND);
    assert_eq!((pair.retried(), pair.counts().1.refused), (2, 1));
    pair.connect(SECOND);
    assert_eq!((pair.retried(), pair.counts().1.taken), (2, 1));
}

/// A13: what finds no room to be remembered is not taken, and who brings it is asked as anybody else.
/// RFC 9000 section 8.1.3-15.
#[test]
fn a13_tokens_are_not_taken_while_there_is_no_room_to_remember_them() {
    let mut pair = Pair::new(&Config::default(), &Config::default(), 2);
    for _ in 0..6 {
        pair.connect(CLIENT);
    }
    let (_, server) = pair.counts();
    assert_eq!((server.taken, server.refused, pair.retried()), (2, 3, 4));
}

/// RFC 9369 section 5-1, 5-2.
#[test]
fn a_token_of_one_version_is_not_shown_in_another() {
    let version = |list: &[Version]| Config { versions: Versions::new(list).unwrap(), ..Config::default() };
    let better = version(&[Version::V2, Version::V1]);
    // The first flights are of version 1, and the connections go on with version 2: the tokens are for that.
    let mut pair = Pair::new(&Config::default(), &better, 100);
    pair.connect(CLIENT);
    pair.connect(CLIENT);
    let (client, server) = pair.counts();
    assert_eq!((client.kept, client.shown, server.given, pair.retried()), (2, 0, 2, 2));
    let of_version_2 = TokenOrigin { server: "localhost".into(), version: Version::V2 };
    assert!(pair.store.take(&of_version_2).is_some());
    // And those who begin with it can use them.
    let mut pair = Pair::new(&version(&[Version::V2]), &better, 100);
    pair.connect(CLIENT);
    pair.connect(CLIENT);
    assert_eq!((pair.counts().0.shown, pair.counts().1.taken, pair.retried()), (1, 1, 1));
}

/// The address that a client has moved to is proved, and the next token is for that.
#[test]
fn who_moves_gets_a_token_for_the_new_address() {
    let mut pair = Pair::new(&Config::default(), &Config::default(), 100);
    pair.connect(CLIENT);
    let (now, client) = (pair.world.now(), pair.client);
    let host = pair.world.machine_mut(client);
    let handle = host.handle.unwrap();
    host.endpoint.connection_mut(handle).unwrap().migrate(now, SECOND.parse().unwrap()).unwrap();
    pair.world.run_for(Duration::from_secs(5));
    assert_eq!((pair.counts().0.kept, pair.counts().1.given), (2, 2));
    pair.connect(SECOND);
    assert_eq!((pair.retried(), pair.counts().1.taken), (1, 1), "the newest is shown first");
}

#[test]
fn without_a_store_nothing_is_kept_and_without_a_policy_nothing_given() {
    let mut pair =
        support::Pair::new(3, LinkConfig::new(Duration::from_millis(5)), vec![Exchange { upload: 1, download: 1 }]);
    pair.complete(1, Duration::from_secs(5));
    pair.world.run_for(Duration::from_secs(5));
    for host in [pair.client, pair.server] {
        assert_eq!(pair.world.machine(host).endpoint.stats().tokens, TokenCounts::default());
    }
}
