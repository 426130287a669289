//! A client that cannot show the token of a Retry packet where it was given, or in time (RFC 9000 section 8.1.2): the server refuses
//! the connection, and the client begins anew, once, without a word to its application.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

mod support;

use base::{Duration, Instant};
use quic::{AddressValidation, CloseReason, Config, EndpointConfig, TransportErrorCode};
use sim::{Handle, LinkConfig, LossMask, Nat, World};
use std::net::SocketAddr;
use support::{CLIENT, Exchange, Host, SERVER};

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn at(microseconds: u64) -> Instant {
    Instant::ZERO + Duration::from_micros(microseconds)
}

fn patient() -> Config {
    Config {
        handshake_timeout: Duration::from_secs(120),
        max_idle_timeout: Duration::from_secs(120),
        ..Config::default()
    }
}

/// A client behind a translator, and a server that asks everybody for the address. A round trip takes 40 ms: the Retry packet comes
/// after one, and the token arrives after a half more.
struct Asked {
    world: World,
    client: Handle<Host>,
    server: Handle<Host>,
}

/// The outside addresses of the translator, one after the other.
fn outside(number: u16, same_host: bool) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, if same_host { 1 } else { number as u8 + 1 }], 10_000 + number))
}

/// The translator gives the client another address at these moments.
fn asked(seed: u64, rebindings: &[Instant], same_host: bool, client: Config) -> Asked {
    let mut world = World::new(seed);
    let (here, there) = (address(CLIENT), address(SERVER));
    let link = LinkConfig::new(Duration::from_millis(20));
    let mut nat = Nat::new(here, outside(0, same_host));
    for (moment, number) in rebindings.iter().zip(1..) {
        nat.rebind(*moment, outside(number, same_host));
    }
    world.network().set_both(here, there, link);
    for number in 0..=rebindings.len() {
        world.network().set_both(outside(number as u16, same_host), there, link);
    }
    world.network().add_nat(nat);
    let (of_client, of_server) = (world.fork_random(), world.fork_random());
    let (client_tls, server_tls) = adversary::identity::pair().clone();
    let asks = |config: &mut EndpointConfig| config.address_validation = AddressValidation::Always;
    let server = Host::server_with(Instant::ZERO, of_server, patient(), server_tls, asks);
    let server = world.add(&[there], server);
    let exchanges = vec![Exchange { upload: 10, download: 1000 }];
    let client = world.add(&[here], Host::client(Instant::ZERO, of_client, client, client_tls, exchanges));
    Asked { world, client, server }
}

impl Asked {
    /// The first packets that show the token are lost, so that they go again after a probe timeout.
    fn lose_token(&mut self, after: Instant) {
        self.world.run_until(after, |_| false);
        let (here, there) = (address(CLIENT), address(SERVER));
        let link = LinkConfig::new(Duration::from_millis(20));
        self.world.network().set_link(here, there, LinkConfig { loss: 1.0, ..link });
        self.world.run_for(Duration::from_millis(2));
        self.world.network().set_link(here, there, link);
    }

    /// Runs until the exchange is done; after how many milliseconds.
    fn complete(&mut self) -> u64 {
        let client = self.client;
        self.world.run_until(Instant::ZERO + Duration::from_secs(120), |world| world.machine(client).completed == 1);
        let (client, server) = (self.world.machine(client), self.world.machine(self.server));
        assert_eq!(client.completed, 1, "{:?} {:?}", client.closed, server.closed);
        (self.world.now() - Instant::ZERO).as_nanos() as u64 / 1_000_000
    }

    /// First packets that were answered with Retry, and with INVALID_TOKEN.
    fn counts(&self) -> (u64, u64) {
        let strangers = self.world.machine(self.server).endpoint.stats().strangers;
        (strangers.retried, strangers.invalid_tokens)
    }
}

/// Each of the two datagrams with the ClientHello is asked, and each of the next two that arrive is refused.
#[test]
fn a_client_whose_address_changes_before_it_shows_its_token_begins_anew() {
    let mut plain = asked(1, &[], true, patient());
    plain.lose_token(at(39_000));
    let plain = plain.complete();
    for same_host in [true, false] {
        let mut asked = asked(1, &[at(500_000)], same_host, patient());
        asked.lose_token(at(39_000));
        // What was lost is the round trip to the refusal, and the one to another Retry packet.
        assert_eq!(asked.complete(), plain + 80);
        assert_eq!(asked.counts(), (4, 2));
        let client = asked.world.machine(asked.client);
        assert!(client.established && client.closed.is_empty());
        assert_eq!((client.stats().packets_lost, client.stats().probe_timeouts), (0, 1));
    }
}

/// At whichever moment of the handshake.
#[test]
fn another_port_at_any_moment_of_a_handshake_with_a_retry() {
    let mut refused = 0;
    for moment in (1..60).chain((60..1200).step_by(10)) {
        let mut asked = asked(2, &[at(moment * 1000 + 500)], true, patient());
        asked.lose_token(at(39_000));
        let took = asked.complete();
        assert!(took < 4_500, "{moment}: {took} ms");
        refused += u64::from(asked.counts().1 > 0);
    }
    assert!(refused >= 100, "{refused}");
}

#[test]
fn what_is_lost_on_the_way_to_another_attempt() {
    let mut refused = 0;
    for mask in LossMask::all(12) {
        let mut asked = asked(3, &[at(500_000)], true, patient());
        asked.world.network().set_loss_mask(mask);
        asked.complete();
        refused += u64::from(asked.counts().1 > 0);
    }
    assert!(refused > 100, "{refused}");
}

/// No more than once: whose address always changes ends as before.
#[test]
fn a_client_begins_anew_once() {
    let rebindings = [at(500_000), at(1_500_000)];
    let mut asked = asked(4, &rebindings, true, patient());
    asked.lose_token(at(39_000));
    // Refused a probe timeout later; the other Retry packet comes a round trip after.
    let client = asked.client;
    let refused = |world: &World, server| world.machine::<Host>(server).endpoint.stats().strangers.invalid_tokens;
    let server = asked.server;
    asked.world.run_until(at(5_000_000), |world| refused(world, server) == 2);
    let again = asked.world.now() + Duration::from_millis(59);
    asked.lose_token(again);
    asked.world.run_until(Instant::ZERO + Duration::from_secs(60), |world| !world.machine(client).closed.is_empty());
    let closed = &asked.world.machine(client).closed;
    let [CloseReason::PeerTransport { code: TransportErrorCode::INVALID_TOKEN, .. }] = &closed[..] else {
        panic!("{closed:?}")
    };
    assert_eq!((asked.counts(), asked.world.machine(client).completed), ((4, 4), 0));
}

/// A token is good for ten seconds. The path carries nothing for longer, once the client has it.
#[test]
fn a_token_that_is_too_old_is_replaced() {
    let mut asked = asked(5, &[], true, patient());
    asked.world.run_until(at(39_000), |_| false);
    let (here, there) = (address(CLIENT), address(SERVER));
    let link = LinkConfig::new(Duration::from_millis(20));
    asked.world.network().set_both(here, there, LinkConfig { loss: 1.0, ..link });
    asked.world.run_until(at(11_000_000), |_| false);
    asked.world.network().set_both(here, there, link);
    let took = asked.complete();
    assert!(took > 11_000 && asked.counts().1 > 0, "{took}: {:?}", asked.counts());
}

/// Another attempt has no more time than there is for one.
#[test]
fn the_time_for_the_handshake_goes_on() {
    let hasty = Config { handshake_timeout: Duration::from_millis(1_130), ..patient() };
    let mut asked = asked(6, &[at(500_000)], true, hasty);
    asked.lose_token(at(39_000));
    let client = asked.client;
    asked.world.run_until(Instant::ZERO + Duration::from_secs(60), |world| !world.machine(client).closed.is_empty());
    assert_eq!((asked.world.now(), asked.counts()), (at(1_130_000), (4, 2)));
    assert_eq!(asked.world.machine(client).closed, [CloseReason::HandshakeTimeout(Duration::from_millis(1_130))]);
}
