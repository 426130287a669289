//! Key updates of QUIC (RFC 9001 section 6) against the keys of rustls, in both roles and with each suite: packets of ours that its
//! keys open, and packets that its keys sealed and ours open, over several generations.

use crypto::{CipherSuite, NamedGroup, Provider};
use quic::protection::{OpenKeys, SealKeys};
use quic::wire::header::PacketLayout;
use quic::wire::packet_number::PacketNumber;
use quic::wire::version::Version;
use rustls::quic::{Keys, PacketKeySet, Secrets};
use std::sync::Arc;
use tls::{KeyChange, Session};
use tls_peers::{Theirs, World, talk_for_keys};

const SUITES: [u16; 3] =
    [CipherSuite::AES_128_GCM_SHA256, CipherSuite::AES_256_GCM_SHA384, CipherSuite::CHACHA20_POLY1305_SHA256];
/// Each comes with another phase than the one before.
const GENERATIONS: u64 = 4;
const TAG_LEN: usize = 16;
const KEY_PHASE: u8 = 0x04;
/// A short header without a connection ID, and a number of four bytes.
const LAYOUT: PacketLayout =
    PacketLayout { packet_number_offset: 1, packet_number_len: 4, header_len: 5, length_offset: None };
const PAYLOAD: &[u8] = b"what both have to read alike";

/// A packet without protection, with room for its tag.
fn packet(phase: bool, number: u64) -> Vec<u8> {
    let first = 0x43 | if phase { KEY_PHASE } else { 0 };
    [&[first][..], &(number as u32).to_be_bytes(), PAYLOAD, &[0; TAG_LEN]].concat()
}

/// The keys of rustls: header protection does not change, packet protection does.
struct TheirKeys {
    first: Keys,
    next: Secrets,
    current: Option<PacketKeySet>,
}

impl TheirKeys {
    fn update(&mut self) {
        self.current = Some(self.next.next_packet_keys());
    }

    fn seal(&self, packet: &mut [u8], number: u64) {
        let (header, payload) = packet.split_at_mut(LAYOUT.header_len);
        let (payload, tag) = payload.split_at_mut(PAYLOAD.len());
        let key = self.current.as_ref().map_or(&*self.first.local.packet, |keys| &*keys.local);
        tag.copy_from_slice(key.encrypt_in_place(number, header, payload).unwrap().as_ref());
        let (header, sample) = packet.split_at_mut(LAYOUT.packet_number_offset + 4);
        let (first, number) = header.split_at_mut(LAYOUT.packet_number_offset);
        self.first.local.header.encrypt_in_place(&sample[..TAG_LEN], &mut first[0], number).unwrap();
    }

    /// The first byte, and the payload if it opens.
    fn open(&self, packet: &mut [u8], number: u64) -> (u8, Option<Vec<u8>>) {
        let (header, sample) = packet.split_at_mut(LAYOUT.packet_number_offset + 4);
        let (first, truncated) = header.split_at_mut(LAYOUT.packet_number_offset);
        self.first.remote.header.decrypt_in_place(&sample[..TAG_LEN], &mut first[0], truncated).unwrap();
        assert_eq!(truncated, (number as u32).to_be_bytes());
        let first = first[0];
        let (header, payload) = packet.split_at_mut(LAYOUT.header_len);
        let key = self.current.as_ref().map_or(&*self.first.remote.packet, |keys| &*keys.remote);
        (first, key.decrypt_in_place(number, header, payload).ok().map(<[u8]>::to_vec))
    }
}

/// Both directions under each generation in turn.
fn update_together(ours: &mut Session, theirs: &mut Theirs) {
    let changes = talk_for_keys(ours, theirs).unwrap();
    let one_rtt = changes.into_iter().find_map(|change| match change {
        KeyChange::OneRtt { suite, local, remote } => Some((suite, local, remote)),
        _ => None,
    });
    let (suite, local, remote) = one_rtt.expect("the handshake is complete");
    let (mut seal, mut open) = (SealKeys::new(suite, Version::V1, local), OpenKeys::new(suite, Version::V1, remote));
    let (first, next) = theirs.take_one_rtt().expect("so is theirs");
    let mut theirs = TheirKeys { first, next, current: None };
    for generation in 0..GENERATIONS {
        let phase = generation % 2 == 1;
        let largest = PacketNumber::new((2 * generation).saturating_sub(1)).filter(|_| generation > 0);
        let number = PacketNumber::new(2 * generation).unwrap();
        if generation > 0 {
            seal.update();
            // A packet of ours under new keys does not open under old ones.
            let mut early = packet(seal.key_phase(), number.value());
            seal.seal(&mut early, &LAYOUT, number).unwrap();
            assert_eq!(theirs.open(&mut early, number.value()).1, None, "{generation}");
            theirs.update();
        }
        assert_eq!(seal.key_phase(), phase);
        let mut sent = packet(phase, number.value() + 1);
        seal.seal(&mut sent, &LAYOUT, number.next().unwrap()).unwrap();
        let (first, payload) = theirs.open(&mut sent, number.value() + 1);
        assert_eq!((first & KEY_PHASE != 0, payload.as_deref()), (phase, Some(PAYLOAD)), "{generation}");
        // The first of their packets in a generation is the update, the second is not.
        for (number, is_update) in [(number, generation > 0), (number.next().unwrap(), false)] {
            let mut received = packet(phase, number.value());
            theirs.seal(&mut received, number.value());
            let opened = open.open(&mut received, LAYOUT.packet_number_offset, largest).unwrap();
            assert_eq!((opened.packet_number, opened.is_key_update), (number, is_update), "{generation}");
            assert_eq!((&received[opened.payload], open.key_phase()), (PAYLOAD, phase), "{generation}");
        }
    }
}

fn provider(suite: u16) -> Provider {
    let all = crypto_ring::PROVIDER;
    let (suites, groups) =
        (vec![all.cipher_suite(suite).unwrap()], vec![all.key_exchange(NamedGroup::X25519).unwrap()]);
    Provider { cipher_suites: Box::leak(suites.into()), key_exchanges: Box::leak(groups.into()), ..all }
}

/// RFC 9001 section 6.1.
#[test]
fn our_client_and_their_server_update_keys_alike() {
    for suite in SUITES {
        let world = World::new(provider(suite));
        let name = x509::ServerName::parse("localhost").unwrap();
        let random = &mut crypto_ring::SystemRandom::new();
        let config = Arc::new(world.our_client.clone());
        let mut client = tls::quic::client(config, name, b"client".to_vec(), random).unwrap();
        update_together(&mut client, &mut Theirs::server(&Arc::new(world.their_server.clone())));
    }
}

/// RFC 9001 section 6.1.
#[test]
fn our_server_and_their_client_update_keys_alike() {
    for suite in SUITES {
        let world = World::new(provider(suite));
        let mut server = tls::quic::server(Arc::new(world.our_server.clone()), b"server".to_vec());
        update_together(&mut server, &mut Theirs::client(&Arc::new(world.their_client.clone())));
    }
}
