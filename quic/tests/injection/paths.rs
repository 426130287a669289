//! Packets of a connection that come from another address. Migration is not supported: a server says so in its transport
//! parameters (disable_active_migration) and drops them (RFC 9000 section 18.2), a client drops what does not come from its
//! server (section 9). So nothing is ever sent to another address, and nobody can draw a connection away.

use crate::support::{CLIENT, Exchange, Pair, SERVER};
use adversary::{HERE, Peer, Stage, THERE, encode};
use base::Side::{Client, Server};
use base::{Duration, FourTuple, Instant};
use quic::CloseReason;
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::{Initial, OneRtt};
use quic::wire::transport_parameters::TransportParameters;
use sim::{LinkConfig, Nat};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use tls::Level;

fn elsewhere() -> FourTuple {
    FourTuple { local: THERE.parse().unwrap(), remote: "192.0.2.9:40001".parse().unwrap() }
}

#[test]
fn a_packet_from_another_address_changes_nothing() {
    for target in [Client, Server] {
        let mut peer = Peer::against(target, Stage::Established);
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
}

/// In the handshake, too: who repeats the client's packets from elsewhere earns nothing, in bytes or in budget.
#[test]
fn a_handshake_stays_with_the_address_it_began_with() {
    let mut peer = Peer::against(Server, Stage::Keys);
    let sent: usize = peer.datagrams.iter().map(|(_, datagram)| datagram.len()).sum();
    for _ in 0..10 {
        let packet = peer.padded_packet(Initial, &[1]);
        peer.deliver_from(elsewhere(), packet);
    }
    assert!(peer.datagrams.iter().all(|(four_tuple, _)| four_tuple.remote == HERE.parse().unwrap()));
    assert_eq!(peer.datagrams.iter().map(|(_, datagram)| datagram.len()).sum::<usize>(), sent);
    peer.send_crypto(Level::Handshake);
    assert!(peer.is_open());
}

#[test]
fn a_server_asks_its_clients_not_to_migrate() {
    let peer = Peer::against(Server, Stage::Established);
    let bytes = peer.peer_parameters();
    let parameters = TransportParameters::decode(&bytes, Server).unwrap();
    assert!(parameters.disable_active_migration);
    assert!(parameters.stateless_reset_token.is_some());
}

/// A NAT forgets the client in the middle of a download. The server goes on to the address it knows, which reaches nobody,
/// sends nothing at all to the new one, and both ends give the connection up when they hear nothing.
#[test]
fn a_rebound_nat_ends_a_connection_in_silence() {
    let exchange = Exchange { upload: 0, download: 50_000_000 };
    let mut link = LinkConfig::new(Duration::from_millis(10));
    link.rate = Some(1_000_000);
    let mut pair = Pair::new(1, link, vec![exchange]);
    let [first, second]: [SocketAddr; 2] = ["198.51.100.1:1111", "198.51.100.1:2222"].map(|text| text.parse().unwrap());
    let server: SocketAddr = SERVER.parse().unwrap();
    for outside in [first, second] {
        pair.world.network().set_both(outside, server, link);
    }
    let mut nat = Nat::new(CLIENT.parse().unwrap(), first);
    nat.rebind(Instant::ZERO + Duration::from_secs(2), second);
    pair.world.network().add_nat(nat);
    let bytes = Rc::new(RefCell::new([0usize; 3]));
    let count = bytes.clone();
    pair.world.observe(move |seen| {
        let [to_first, to_second, from_second] = &mut *count.borrow_mut();
        let place = match (seen.is_sent, seen.four_tuple) {
            (true, FourTuple { local, remote }) if local == server && remote == first => to_first,
            (true, FourTuple { local, remote }) if local == server && remote == second => to_second,
            (false, FourTuple { local, remote }) if local == server && remote == second => from_second,
            _ => return,
        };
        *place += seen.payload.len();
    });
    pair.world.run_for(Duration::from_secs(120));
    let [to_first, to_second, from_second] = *bytes.borrow();
    assert!(to_first > 1_000_000 && from_second > 0 && to_second == 0, "{to_first} {to_second} {from_second}");
    for host in [pair.client, pair.server] {
        let host = pair.world.machine(host);
        assert!(matches!(host.closed[..], [CloseReason::IdleTimeout(_)]), "{:?}", host.closed);
        assert!(host.endpoint.is_empty());
    }
}
