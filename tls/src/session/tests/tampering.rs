//! An attacker on the way cuts and changes what both sides say. Whatever happens, nothing panics, and both are never done
//! with different views.

use super::GROUPS;
use crate::config::ClientConfig;
use crate::level::Level;
use crate::resolver::Single;
use crate::testing::clients::{ClientAuthority, client_with, request};
use crate::testing::{Kind, Pair, Speaker, certified, provider, server_config};
use alloc::sync::Arc;
use crypto::KeyKind::Ed25519;
use std::sync::LazyLock;

/// A client with a certificate, made once.
static CLIENT: LazyLock<(ClientAuthority, ClientConfig)> = LazyLock::new(|| {
    let ours = ClientAuthority::new("ours");
    let client = client_with(alloc::vec![ours.client(Ed25519, &request("client.example", false))]);
    (ours, client)
});

/// The handshake whose messages are tampered with: with a HelloRetryRequest and a client that is asked for its certificate, so
/// that every kind of message occurs.
fn pair() -> Pair {
    let mut server = server_config();
    server.provider = provider(&[0x1301], &GROUPS[1..2]);
    server.resolver = Arc::new(Single(certified(Kind::Ed25519)));
    let (ours, client) = &*CLIENT;
    server.client_authentication = ours.required();
    Pair::new(client.clone(), server)
}

/// Sends output `number` as `change` makes it.
fn tampered(number: usize, change: impl Fn(&mut alloc::vec::Vec<u8>)) -> Pair {
    let mut pair = pair();
    // An error is one good end; standing still is the other.
    let _ = pair.run(usize::MAX, |index, _, _, bytes| {
        if index == number {
            change(bytes);
        }
    });
    pair
}

fn lengths() -> alloc::vec::Vec<usize> {
    let mut pair = pair();
    pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
    pair.assert_complete();
    let speakers: alloc::vec::Vec<_> = pair.said.iter().map(|(speaker, level, _)| (*speaker, *level)).collect();
    let expected = [
        (Speaker::Client, Level::Initial),
        (Speaker::Server, Level::Initial),
        (Speaker::Client, Level::Initial),
        (Speaker::Server, Level::Initial),
        (Speaker::Server, Level::Handshake),
        (Speaker::Client, Level::Handshake),
    ];
    assert_eq!(speakers, expected);
    pair.said.iter().map(|(_, _, bytes)| bytes.len()).collect()
}

#[test]
fn every_flight_cut_at_every_byte() {
    for (number, len) in lengths().into_iter().enumerate() {
        for end in 0..len {
            let pair = tampered(number, |bytes| bytes.truncate(end));
            assert!(!pair.server.is_complete(), "output {number} cut at {end}");
            assert!(!pair.client.is_complete() || number == 5, "output {number} cut at {end}");
        }
    }
}

/// RFC 9000 section 7-1, 7-2, 7-7, 7-8.
#[test]
fn every_byte_of_every_flight_changed() {
    for (number, len) in lengths().into_iter().enumerate() {
        for position in 0..len {
            // Every bit takes its turn over the positions, and the extremes come at each.
            for mask in [1u8 << (position % 8), 0xff] {
                let pair = tampered(number, |bytes| bytes[position] ^= mask);
                assert!(!pair.server.is_complete(), "output {number}, byte {position} changed by {mask:x}");
                // The client is done before its own Finished is tampered with, and never because of anything else.
                assert!(!pair.client.is_complete() || number == 5, "output {number}, byte {position}, {mask:x}");
            }
        }
    }
}

#[test]
fn bytes_added_to_every_flight() {
    for number in 0..lengths().len() {
        let pair = tampered(number, |bytes| bytes.push(0));
        assert!(!pair.server.is_complete() || number == 5, "output {number}");
        assert!(!pair.client.is_complete() || number >= 4, "output {number}");
    }
}
