//! Clients that are asked for certificates: by our server and by that of rustls, of our client and of that of rustls. Who ends a
//! handshake says so by an alert, which QUIC carries as a number.

mod clients;

use clients::{Always, Asks, Clients, Shows, TABLE};
use std::sync::Arc;
use tls::{ClientResolver, Session, WallClock};
use tls_peers::{Clock, Party, Theirs, World, talk};

fn our_server(world: &World) -> Session {
    tls::quic::server(Arc::new(world.our_server.clone()), b"server".to_vec())
}

fn our_client(world: &World) -> Session {
    let name = x509::ServerName::parse("localhost").unwrap();
    let random = &mut crypto_ring::SystemRandom::new();
    tls::quic::client(Arc::new(world.our_client.clone()), name, b"client".to_vec(), random).unwrap()
}

#[test]
fn our_server_asks_their_client() {
    let clients = Clients::new();
    for (asks, shows, outcome) in TABLE {
        let mut world = World::new(crypto_ring::PROVIDER);
        world.our_server.client_authentication = clients.ours_ask(asks);
        let (mut server, mut client) = (our_server(&world), Theirs::client(&clients.theirs_show(shows, &world)));
        let talked = talk(&mut server, &mut client).map(drop);
        match outcome {
            Ok(is_known) => {
                assert_eq!(talked, Ok(()), "{asks:?} {shows:?}");
                assert_eq!(server.peer_identity().is_some(), is_known, "{asks:?} {shows:?}");
            }
            Err([alert, _]) => {
                let refusal = talked.unwrap_err();
                assert_eq!((refusal.by, refusal.alert), (Party::Ours, Some(alert)), "{asks:?} {shows:?}: {refusal:?}");
            }
        }
    }
}

#[test]
fn their_server_asks_our_client() {
    let clients = Clients::new();
    for (asks, shows, outcome) in TABLE {
        let mut world = World::new(crypto_ring::PROVIDER);
        let own = world.authority.server("localhost", Clock.unix_seconds() - 1000);
        let identity = clients.identity(shows).map(|identity| identity.ours());
        world.our_client.identities = identity.map(|identity| Arc::new(Always(identity)) as Arc<dyn ClientResolver>);
        let (mut client, mut server) = (our_client(&world), Theirs::server(&clients.theirs_ask(asks, &world, &own)));
        let talked = talk(&mut client, &mut server).map(drop);
        match outcome {
            Ok(is_known) => {
                assert_eq!(talked, Ok(()), "{asks:?} {shows:?}");
                assert_eq!(!server.peer_certificates().is_empty(), is_known, "{asks:?} {shows:?}");
            }
            Err([_, alert]) => {
                let refusal = talked.unwrap_err();
                assert_eq!(
                    (refusal.by, refusal.alert),
                    (Party::Theirs, Some(alert)),
                    "{asks:?} {shows:?}: {refusal:?}"
                );
            }
        }
    }
}

/// Tickets stand in for what the client has shown, at either server.
#[test]
fn a_client_that_comes_back_is_known() {
    let clients = Clients::new();
    for asks in [Asks::Optionally, Asks::Strictly] {
        let mut world = World::new(crypto_ring::PROVIDER);
        world.our_server.client_authentication = clients.ours_ask(asks);
        let config = clients.theirs_show(Shows::Good, &world);
        let mut known = None;
        for round in 0..3 {
            let (mut server, mut client) = (our_server(&world), Theirs::client(&config));
            talk(&mut server, &mut client).unwrap();
            assert_eq!((server.is_resumed(), client.is_resumed()), (round > 0, round > 0), "{asks:?} {round}");
            let identity = server.peer_identity().cloned().expect("it has shown who it is");
            assert_eq!(*known.get_or_insert_with(|| identity.clone()), identity);
        }
        let own = world.authority.server("localhost", Clock.unix_seconds() - 1000);
        let identity = clients.identity(Shows::Good).unwrap().ours();
        world.our_client.identities = Some(Arc::new(Always(identity.clone())));
        let config = clients.theirs_ask(asks, &world, &own);
        for round in 0..3 {
            let (mut client, mut server) = (our_client(&world), Theirs::server(&config));
            talk(&mut client, &mut server).unwrap();
            assert_eq!((client.is_resumed(), server.is_resumed()), (round > 0, round > 0), "{asks:?} {round}");
            assert_eq!(server.peer_certificates().first(), identity.chain.first());
        }
    }
}
