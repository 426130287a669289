//! Tickets of ours that rustls brings back, and tickets of rustls that we bring back; with early data, with a HelloRetryRequest, and
//! with each suite.

use crypto::{CipherSuite, NamedGroup, Provider};
use std::sync::Arc;
use tls::{EarlyData, ReplayFilter, Session, WallClock};
use tls_peers::{Clock, Party, Theirs, World, opens, talk};

const SUITES: [u16; 3] =
    [CipherSuite::AES_128_GCM_SHA256, CipherSuite::AES_256_GCM_SHA384, CipherSuite::CHACHA20_POLY1305_SHA256];

/// Our provider with one suite, and with these groups only.
fn provider(suite: u16, groups: &[NamedGroup]) -> Provider {
    let all = crypto_ring::PROVIDER;
    let suites = vec![all.cipher_suite(suite).unwrap()];
    let groups: Vec<_> = groups.iter().map(|group| all.key_exchange(*group).unwrap()).collect();
    Provider { cipher_suites: Box::leak(suites.into()), key_exchanges: Box::leak(groups.into()), ..all }
}

fn our_client(world: &World, early: bool) -> Session {
    let (config, name) = (Arc::new(world.our_client.clone()), x509::ServerName::parse("localhost").unwrap());
    let (parameters, random) = (b"client".to_vec(), &mut crypto_ring::SystemRandom::new());
    match early {
        false => tls::quic::client(config, name, parameters, random).unwrap(),
        true => tls::quic::client_with_early_data(config, name, parameters, random).unwrap(),
    }
}

fn our_server(world: &World, early: bool) -> Session {
    let (config, parameters) = (Arc::new(world.our_server.clone()), b"server".to_vec());
    match early {
        false => tls::quic::server(config, parameters),
        true => tls::quic::server_with_early_data(config, parameters, b"limits"),
    }
}

#[test]
fn our_client_resumes_with_their_server() {
    for suite in SUITES {
        let world = World::new(provider(suite, &[NamedGroup::X25519]));
        let config = Arc::new(world.their_server.clone());
        for round in 0..3 {
            let (mut client, mut server) = (our_client(&world, false), Theirs::server(&config));
            talk(&mut client, &mut server).unwrap();
            assert_eq!((client.is_resumed(), server.is_resumed()), (round > 0, round > 0), "{suite:x} {round}");
            assert!(!world.store.is_empty());
        }
    }
}

#[test]
fn their_client_resumes_with_our_server() {
    for suite in SUITES {
        for retry in [false, true] {
            // rustls offers X25519 first.
            let group = if retry { NamedGroup::SECP384R1 } else { NamedGroup::X25519 };
            let world = World::new(provider(suite, &[group]));
            let config = Arc::new(world.their_client.clone());
            for round in 0..3 {
                let (mut server, mut client) = (our_server(&world, false), Theirs::client(&config));
                talk(&mut server, &mut client).unwrap();
                assert_eq!((client.is_resumed(), server.is_resumed()), (round > 0, round > 0), "{suite:x} {round}");
                // What rustls learned of groups it uses the next time.
                assert!(server.is_retried() == retry || round > 0);
            }
        }
    }
}

/// Tickets under keys that a server does not have any more lead to a full handshake on both sides.
#[test]
fn a_ticket_that_nobody_knows_leads_to_a_full_handshake() {
    let mut world = World::new(crypto_ring::PROVIDER);
    let config = Arc::new(world.their_client.clone());
    talk(&mut our_server(&world, false), &mut Theirs::client(&config)).unwrap();
    world.our_server.tickets.as_mut().unwrap().generation = 1;
    let (mut server, mut client) = (our_server(&world, false), Theirs::client(&config));
    talk(&mut server, &mut client).unwrap();
    assert!(!client.is_resumed() && !server.is_resumed());
    // Their server is another one, with a memory of its own.
    let other = || Arc::new(World::new(crypto_ring::PROVIDER).their_server);
    talk(&mut our_client(&world, false), &mut Theirs::server(&Arc::new(world.their_server.clone()))).unwrap();
    assert!(!world.store.is_empty());
    let mut client = our_client(&world, false);
    // It shows a certificate of another authority, which is refused: the ticket did not stand in for it.
    assert!(talk(&mut client, &mut Theirs::server(&other())).unwrap_err().by == Party::Ours);
}

#[test]
fn early_data_of_their_client_is_taken_once() {
    let mut world = World::new(crypto_ring::PROVIDER);
    let filter = ReplayFilter::new(100, 10_000, Clock.unix_millis() - 1_000_000);
    world.our_server.tickets.as_mut().unwrap().dangerous_accept_early_data_that_may_be_replayed =
        Some(Arc::new(filter));
    world.their_client.enable_early_data = true;
    let config = Arc::new(world.their_client.clone());
    talk(&mut our_server(&world, true), &mut Theirs::client(&config)).unwrap();
    let (mut server, mut client) = (our_server(&world, true), Theirs::client(&config));
    let theirs = client.early_keys().expect("a ticket that allows early data");
    let ours = talk(&mut server, &mut client).unwrap().expect("early data is taken");
    assert!(opens(&ours, &theirs));
    assert!(client.took_early_data() && client.is_resumed());
    assert_eq!(server.early_data(), EarlyData::Accepted);
    // A server whose carrier does not take any refuses, and resumes.
    let (mut server, mut client) = (our_server(&world, false), Theirs::client(&config));
    assert!(client.early_keys().is_some());
    assert!(talk(&mut server, &mut client).unwrap().is_none());
    assert!(!client.took_early_data() && client.is_resumed());
    assert_eq!(server.early_data(), EarlyData::Refused);
}

#[test]
fn early_data_of_our_client_is_taken_by_their_server() {
    let mut world = World::new(crypto_ring::PROVIDER);
    world.our_client.dangerous_offer_early_data_that_may_be_replayed = true;
    world.their_server.max_early_data_size = u32::MAX;
    let config = Arc::new(world.their_server.clone());
    talk(&mut our_client(&world, true), &mut Theirs::server(&config)).unwrap();
    let mut client = our_client(&world, true);
    assert_eq!(client.early_data(), EarlyData::Offered);
    assert_eq!(client.take_remembered_parameters(), Some(b"server".to_vec()));
    let mut server = Theirs::server(&config);
    assert!(talk(&mut client, &mut server).unwrap().is_some());
    assert_eq!((client.early_data(), client.is_resumed(), server.is_resumed()), (EarlyData::Accepted, true, true));
    // One that takes none.
    let mut refusing = world.their_server.clone();
    refusing.max_early_data_size = 0;
    let mut client = our_client(&world, true);
    talk(&mut client, &mut Theirs::server(&Arc::new(refusing))).unwrap();
    assert_eq!(client.early_data(), EarlyData::Refused);
}
