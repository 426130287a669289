//! Packets that come from another address where addresses do not change: in the handshake, and at a client (RFC 9000
//! section 9). What a server does about them later is tested in `tests/migration.rs`.

use adversary::{HERE, Peer, Stage, THERE, encode};
use base::FourTuple;
use base::Side::{Client, Server};
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::{Initial, OneRtt};
use quic::wire::transport_parameters::TransportParameters;
use tls::Level;

fn elsewhere() -> FourTuple {
    FourTuple { local: THERE.parse().unwrap(), remote: "192.0.2.9:40001".parse().unwrap() }
}

/// RFC 9000 section 9-7.
#[test]
fn a_client_never_listens_to_another_server_address() {
    let mut peer = Peer::against(Client, Stage::Established);
    let stats = peer.connection().stats();
    let challenge = encode(&Frame::PathChallenge { data: [7; 8] });
    let packet = peer.packet(OneRtt, &challenge, adversary::PLAIN);
    peer.datagrams.clear();
    peer.deliver_from(elsewhere(), packet);
    let close = encode(&Frame::ApplicationClose { error_code: base::VarInt::ZERO, reason: b"" });
    let packet = peer.packet(OneRtt, &close, adversary::PLAIN);
    peer.deliver_from(elsewhere(), packet);
    assert!(peer.datagrams.is_empty() && peer.is_open());
    assert_eq!(peer.connection().stats().packets_received, stats.packets_received);
    assert_eq!(peer.connection().four_tuple().remote, HERE.parse().unwrap());
    // The path goes on.
    peer.send(OneRtt, &[1]);
    peer.send(OneRtt, &[1]);
    assert!(peer.datagrams.iter().all(|(four_tuple, _)| *four_tuple == peer.four_tuple));
    assert!(!peer.datagrams.is_empty());
}

/// Who repeats the client's first packets from another host earns nothing, in bytes or in budget.
#[test]
fn a_handshake_stays_with_the_host_it_began_with() {
    let mut peer = Peer::against(Server, Stage::Keys);
    let elsewhere = FourTuple { remote: "192.0.2.10:40000".parse().unwrap(), ..elsewhere() };
    let sent = peer.datagrams.len();
    for _ in 0..10 {
        let packet = peer.padded_packet(Initial, &[1]);
        peer.deliver_from(elsewhere, packet);
    }
    assert_eq!(peer.datagrams.len(), sent);
    peer.send_crypto(Level::Handshake);
    assert!(peer.is_open());
}

/// From another port of the same host it may be the client behind a translator: what was sent is sent again there, though never
/// more than three times what came from there, and again where the next packet comes from.
/// RFC 9000 section 8-1.
#[test]
fn r8_a_handshake_follows_its_client_to_another_port() {
    let moves = |peer: &Peer| {
        let handle = peer.target.handles().next().unwrap();
        peer.target.connection(handle).unwrap().stats().migrations
    };
    let mut peer = Peer::against(Server, Stage::Keys);
    let flight: usize = peer.datagrams.iter().map(|(_, datagram)| datagram.len()).sum();
    peer.datagrams.clear();
    let mut received = 0;
    for _ in 0..40 {
        let packet = peer.padded_packet(Initial, &[1]);
        received += packet.len();
        peer.deliver_from(elsewhere(), packet);
        assert!(peer.datagrams.iter().all(|(four_tuple, _)| *four_tuple == elsewhere()));
        let sent: usize = peer.datagrams.iter().map(|(_, datagram)| datagram.len()).sum();
        assert!(sent <= 3 * received && sent >= flight.min(3 * received) / 2, "{sent} for {received}");
    }
    assert_eq!(moves(&peer), 1);
    // Back again and again, and soon no more for a while: each move repeats the flight.
    for number in 0..100 {
        let packet = peer.padded_packet(Initial, &[1]);
        let four_tuple = if number % 2 == 0 { peer.four_tuple } else { elsewhere() };
        peer.deliver_from(four_tuple, packet);
    }
    assert_eq!(moves(&peer), 16);
    peer.wait(base::Duration::from_secs(5));
    peer.send_crypto(Level::Handshake);
    assert!(peer.is_open() && moves(&peer) <= 17);
}

#[test]
fn a_server_asks_its_clients_not_to_migrate_if_it_is_told_to() {
    for disable_active_migration in [false, true] {
        let config = quic::Config { disable_active_migration, ..quic::Config::default() };
        let options = adversary::Options { config, ..adversary::Options::default() };
        let peer = Peer::with(Server, Stage::Established, options);
        let parameters = TransportParameters::decode(&peer.peer_parameters(), Server).unwrap();
        assert_eq!(parameters.disable_active_migration, disable_active_migration);
        assert!(parameters.stateless_reset_token.is_some());
    }
}
