//! Datagrams of no connection: stateless resets sent (A8), Version Negotiation sent and received (S10, S11).

use adversary::{Options, PLAIN, Peer, Stage, Tweak};
use base::Side::Server;
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::OneRtt;
use quic::wire::transport_parameters::TransportParameters;
use std::rc::Rc;

/// RFC 9000 section 10.3: a server that has lost everything but its secret resets the connections of its former life with
/// the tokens that it gave then.
#[test]
fn a_server_with_the_same_secret_resets_connections_of_its_former_life() {
    let options = |seed| Options {
        seed,
        endpoint: Rc::new(|config| config.reset_secret = Some(crypto::Secret::new(&[9; 32]))),
        ..Options::default()
    };
    let mut peer = Peer::with(Server, Stage::Established, options(1));
    let parameters = TransportParameters::decode(&peer.peer_parameters(), Server).unwrap();
    let announced = peer.frames(|_, frame| match frame {
        Frame::NewConnectionId { connection_id, reset_token, .. } => Some((*connection_id, *reset_token)),
        _ => None,
    });
    assert!(!announced.is_empty());
    let all = [vec![(peer.destination, parameters.stateless_reset_token.unwrap())], announced].concat();
    peer.target = Peer::with(Server, Stage::Begun, options(2)).target;
    for (id, token) in all {
        peer.datagrams.clear();
        let packet = peer.packet(OneRtt, &[1; 50], Tweak { destination: Some(id), ..PLAIN });
        peer.deliver(packet);
        let [(_, reset)] = &peer.datagrams[..] else { panic!("one answer") };
        assert_eq!(reset.last_chunk::<16>(), Some(&token.0));
    }
}

fn of_version(version: u32, destination: &[u8], source: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = vec![0xc3];
    bytes.extend(version.to_be_bytes());
    bytes.push(destination.len() as u8);
    bytes.extend(destination);
    bytes.push(source.len() as u8);
    bytes.extend(source);
    bytes.resize(len.max(bytes.len()), 0);
    bytes
}

/// RFC 9000 section 5.2.2-3, 17.2.1-3, 17.2.1-4, 17.2.1-5, 17.2.1-6.
#[test]
fn a_server_answers_unknown_versions_in_full_datagrams_only() {
    for (destination_len, source_len) in [(8, 8), (0, 0), (20, 0), (255, 255)] {
        let (destination, source) = (vec![1; destination_len], vec![2; source_len]);
        let mut peer = Peer::against(Server, Stage::Begun);
        for len in [0, 100, 1199] {
            peer.deliver(of_version(0x0a0a_0a0a, &destination, &source, len));
            assert!(peer.datagrams.is_empty());
        }
        peer.deliver(of_version(0x0a0a_0a0a, &destination, &source, 1200));
        let (four_tuple, answer) = peer.datagrams.pop().unwrap();
        assert_eq!(four_tuple, peer.four_tuple);
        assert!(answer.len() < 1200);
        assert_eq!(answer[..5], [answer[0], 0, 0, 0, 0]);
        assert!(answer[0] & 0xc0 == 0xc0);
        let mut ids = vec![source_len as u8];
        ids.extend(&source);
        ids.push(destination_len as u8);
        ids.extend(&destination);
        assert_eq!(answer[5..5 + ids.len()], ids);
        // Both versions, and a reserved one that is not what came (RFC 9000 section 6.3).
        let (versions, grease) = answer[5 + ids.len()..].split_at(8);
        assert_eq!(versions, [0, 0, 0, 1, 0x6b, 0x33, 0x43, 0xcf]);
        assert!(grease.len() == 4 && grease.iter().all(|byte| byte & 0x0f == 0x0a));
        assert!(peer.target.is_empty());
    }
}
