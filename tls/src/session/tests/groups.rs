//! Which group two sides agree on, and what becomes of a hybrid's shares under way.

use super::GROUPS;
use crate::config::{ClientConfig, Groups, ServerConfig};
use crate::error::{Error, LocalError};
use crate::level::Level;
use crate::message::client_hello::ClientHello;
use crate::message::extension::ExtensionType as E;
use crate::message::framing::HEADER_LEN;
use crate::message::server_hello::{ServerHelloOrRetry as Answer, encode_hello_retry_request, encode_server_hello};
use crate::quic;
use crate::session::Session;
use crate::testing::hello_parts::HelloParts;
use crate::testing::{Counting, Pair, client_config, name, server_config};
use crate::violation::Violation;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use crypto::NamedGroup;

const HYBRID: NamedGroup = NamedGroup::X25519MLKEM768;
const X25519: NamedGroup = NamedGroup::X25519;
const P256: NamedGroup = NamedGroup::SECP256R1;
const P384: NamedGroup = NamedGroup::SECP384R1;

fn client_with(groups: &[NamedGroup]) -> ClientConfig {
    ClientConfig { groups: Groups::Only(groups.to_vec()), ..client_config() }
}

fn server_with(groups: &[NamedGroup]) -> ServerConfig {
    ServerConfig { groups: Groups::Only(groups.to_vec()), ..server_config() }
}

fn client(groups: &[NamedGroup]) -> Session {
    quic::client(Arc::new(client_with(groups)), name("server.example"), vec![], &mut Counting(0)).unwrap()
}

/// Groups and shares of a ClientHello.
fn shares(hello: &[u8]) -> Vec<(NamedGroup, Vec<u8>)> {
    let hello = ClientHello::decode(&hello[HEADER_LEN..]).unwrap();
    hello.key_shares.unwrap().iter().map(|(group, share)| (group, share.to_vec())).collect()
}

/// The shares of which one is made: those of the parts of a hybrid, of which X25519's comes last.
fn parts(share: &[u8]) -> Vec<Vec<u8>> {
    const X25519_LEN: usize = 32;
    match share.len() {
        0..=97 => vec![share.to_vec()],
        len => vec![share[..len - X25519_LEN].to_vec(), share[len - X25519_LEN..].to_vec()],
    }
}

fn violation(result: Result<(), Error>) -> Option<Violation> {
    result.err().map(|error| error.violation().unwrap())
}

#[test]
fn the_hybrid_is_what_both_sides_prefer() {
    let pair = Pair::complete(client_config(), server_config());
    assert_eq!(pair.client.key_exchange_group(), Some(HYBRID));
    assert_eq!(pair.server.key_exchange_group(), Some(HYBRID));
    assert!(!pair.client.is_retried());
    let shares = shares(&pair.said[0].2);
    let [(HYBRID, hybrid), (X25519, x25519)] = &shares[..] else { panic!("{shares:?}") };
    // One private value stands behind both.
    assert_eq!((hybrid.len(), &hybrid[1184..]), (1216, &x25519[..]));
    // Type, length, version, random, an empty session ID, suite, compression, extensions: the share is 1,120 bytes long.
    assert_eq!(pair.said[1].2.len(), 90 - 32 + 1120);
}

/// Connections of one configuration have nothing of a share in common, on either side, whatever it is and whether or not the server
/// asks for another one.
/// RFC 9846 section 4.3.8-10.
#[test]
fn no_share_serves_two_connections() {
    let random = &mut crypto_ring::SystemRandom::new();
    for (client_groups, server_groups) in [
        (&[HYBRID, X25519, P256, P384][..], &[HYBRID][..]),
        (&[X25519], &[X25519]),
        (&[P256], &[P256]),
        (&[P384], &[P384]),
        (&[X25519, P256], &[P256]),
    ] {
        let (client_config, server_config) =
            (Arc::new(client_with(client_groups)), Arc::new(server_with(server_groups)));
        let offered = [E::KEY_SHARE, E::SUPPORTED_VERSIONS].into();
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for _ in 0..3 {
            let mut client = quic::client(client_config.clone(), name("server.example"), vec![], random).unwrap();
            let mut server = quic::server(server_config.clone(), vec![]);
            // One share may stand in several places of one connection.
            let mut own: Vec<Vec<u8>> = Vec::new();
            while let Some((Level::Initial, hello)) = client.poll_output() {
                own.extend(shares(&hello).into_iter().flat_map(|(_, share)| parts(&share)));
                server.read(Level::Initial, &hello, random).unwrap();
                let (_, answer) = server.poll_output().unwrap();
                if let Answer::Hello(hello) = Answer::decode(&answer[HEADER_LEN..], &[], &offered).unwrap() {
                    own.extend(parts(hello.key_share.unwrap().1));
                }
                client.read(Level::Initial, &answer, random).unwrap();
            }
            own.sort_unstable();
            own.dedup();
            seen.extend(own);
        }
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all, "{client_groups:?}");
    }
}

/// Groups of the client and of the server, what they agree on, and whether it costs a round trip.
/// RFC 9846 section 4.3.7-1.
#[test]
fn what_two_lists_agree_on() {
    let all = [HYBRID, X25519, P256];
    for (client, server, group, retried) in [
        // One side only has the hybrid: its part is there already.
        (&[X25519, P256][..], &all[..], X25519, false),
        (&all, &[X25519, P256], X25519, false),
        (&all, &[P256, X25519], X25519, false),
        // The server's order decides between shares that are there.
        (&all, &[X25519, HYBRID], X25519, false),
        (&all, &[P256, HYBRID, X25519], HYBRID, false),
        // To the hybrid and from it.
        (&[X25519, HYBRID], &[HYBRID], HYBRID, true),
        (&[P256, HYBRID, X25519], &[HYBRID, X25519], HYBRID, true),
        (&all, &[P256], P256, true),
        (&[HYBRID, P256], &[X25519, P256], P256, true),
        // A better group is not worth a round trip.
        (&[X25519, HYBRID], &all, X25519, false),
        (&[P256, HYBRID], &all, P256, false),
        (&[HYBRID], &all, HYBRID, false),
        // Named twice is named once, and what the provider does not have is passed over.
        (&[NamedGroup(0x0100), HYBRID, HYBRID, X25519, X25519], &[NamedGroup(0x0100), HYBRID], HYBRID, false),
    ] {
        let pair = Pair::complete(client_with(client), server_with(server));
        let found = (pair.client.key_exchange_group(), pair.server.key_exchange_group(), pair.client.is_retried());
        assert_eq!(found, (Some(group), Some(group), retried), "{client:?} {server:?}");
        let hello = ClientHello::decode(&pair.said[0].2[HEADER_LEN..]).unwrap();
        let mut listed: Vec<u16> = hello.supported_groups.unwrap().iter().collect();
        let count = listed.len();
        listed.sort_unstable();
        listed.dedup();
        assert_eq!(listed.len(), count, "none twice: {client:?}");
        if retried {
            let again = shares(&pair.said[2].2);
            assert_eq!(again.iter().map(|(group, _)| *group).collect::<Vec<_>>(), [group]);
        }
    }
    let (_, error) =
        Pair::new(client_with(&[HYBRID]), server_with(&[X25519])).run(usize::MAX, |_, _, _, _| {}).unwrap_err();
    assert_eq!(error.violation(), Some(Violation::NoCommonGroup));
}

#[test]
fn a_list_of_nothing_cannot_work() {
    for groups in [&[][..], &[NamedGroup(0x0100)]] {
        let made = quic::client(Arc::new(client_with(groups)), name("server.example"), vec![], &mut Counting(0));
        assert_eq!(made.err(), Some(Error::Local(LocalError::EmptyProvider)));
        let (_, error) = Pair::new(client_config(), server_with(groups)).run(usize::MAX, |_, _, _, _| {}).unwrap_err();
        assert_eq!(error.violation(), Some(Violation::NoCommonGroup));
    }
}

/// The part's share is sent only if the part alone would do.
/// RFC 9846 section 4.3.8-3, 4.3.8-7, 4.3.8-8.
#[test]
fn the_part_is_offered_if_it_is_in_the_list() {
    for (groups, expected) in [
        (&[HYBRID][..], &[HYBRID][..]),
        (&[HYBRID, P256], &[HYBRID]),
        (&[HYBRID, P256, X25519], &[HYBRID, X25519]),
        (&[X25519, HYBRID], &[X25519]),
    ] {
        let hello = client(groups).poll_output().unwrap().1;
        assert_eq!(shares(&hello).iter().map(|(group, _)| *group).collect::<Vec<_>>(), expected);
    }
}

/// RFC 9846 section 4.3.8: an answer is for a share that was sent, and a retry for none of those.
/// RFC 9846 section 4.3.8-12, 4.3.8-15.
#[test]
fn answers_to_shares_that_were_not_sent() {
    let random = &mut Counting(0);
    let answer = |client: &mut Session, group: NamedGroup, share: &[u8]| {
        let hello = encode_server_hello(&[3; 32], &[], 0x1301, group, share).unwrap();
        violation(client.read(Level::Initial, &hello, &mut Counting(0)))
    };
    let point = crypto_ring::PROVIDER.key_exchange(X25519).unwrap().offer(random).unwrap().share().to_vec();
    assert_eq!(answer(&mut client(&[HYBRID, X25519]), X25519, &point), None);
    assert_eq!(answer(&mut client(&[HYBRID]), X25519, &point), Some(Violation::KeyShareGroup));
    assert_eq!(answer(&mut client(&[HYBRID, X25519]), P256, &point), Some(Violation::KeyShareGroup));
    // After a retry there is one share, and its part is none.
    let mut retried = client(&[X25519, HYBRID]);
    let request = encode_hello_retry_request(&[], 0x1301, HYBRID).unwrap();
    retried.read(Level::Initial, &request, random).unwrap();
    assert_eq!(answer(&mut retried, X25519, &point), Some(Violation::KeyShareGroup));

    let retry = |groups: &[NamedGroup], group: NamedGroup| {
        let request = encode_hello_retry_request(&[], 0x1301, group).unwrap();
        violation(client(groups).read(Level::Initial, &request, &mut Counting(0)))
    };
    assert_eq!(retry(&[HYBRID, X25519, P256], P256), None);
    assert_eq!(retry(&[HYBRID, X25519, P256], HYBRID), Some(Violation::RetryGroup));
    assert_eq!(retry(&[HYBRID, X25519, P256], X25519), Some(Violation::RetryGroup));
    assert_eq!(retry(&[HYBRID, P256], X25519), Some(Violation::RetryGroup));
}

/// erlang_quic 198: shares of every length.
#[test]
fn t19_hybrid_shares_of_every_length() {
    let exchange = crypto_ring::PROVIDER.key_exchange(HYBRID).unwrap();
    let offered = exchange.offer(&mut Counting(0)).unwrap().share().to_vec();
    let cut =
        |share: &[u8], len: usize| share.iter().copied().chain(core::iter::repeat(7)).take(len).collect::<Vec<u8>>();
    let to_server = |share: &[u8]| {
        let mut parts = HelloParts::good();
        parts.set(E::SUPPORTED_GROUPS, &[0, 2, 0x11, 0xec]);
        let len = share.len() as u16;
        let data = [&(len + 4).to_be_bytes()[..], &[0x11, 0xec], &len.to_be_bytes(), share].concat();
        parts.set(E::KEY_SHARE, &data);
        let mut server = quic::server(Arc::new(server_config()), vec![]);
        violation(server.read(Level::Initial, &parts.encode(), &mut Counting(0)))
    };
    let to_client = |share: &[u8]| {
        let hello = encode_server_hello(&[3; 32], &[], 0x1301, HYBRID, share).unwrap();
        violation(client(&[HYBRID]).read(Level::Initial, &hello, &mut Counting(0)))
    };
    let answered = exchange.accept(&offered, &mut Counting(1)).unwrap().share;
    assert_eq!((to_server(&offered), to_client(&answered)), (None, None));
    for len in 0..1300 {
        let expected = if len == 0 { Violation::Malformed } else { Violation::BadKeyShare };
        if len != offered.len() {
            assert_eq!(to_server(&cut(&offered, len)), Some(expected), "{len}");
        }
        // Each costs a client its keys; the lengths near the boundaries, and some between.
        if len != answered.len() && (len % 50 < 2 || len.abs_diff(1088) < 3 || len.abs_diff(1120) < 3) {
            assert_eq!(to_client(&cut(&answered, len)), Some(expected), "{len}");
        }
    }
    let with_zero = |share: &[u8]| [&share[..share.len() - 32], &[0; 32]].concat();
    assert_eq!(to_server(&with_zero(&offered)), Some(Violation::BadKeyShare));
    assert_eq!(to_client(&with_zero(&answered)), Some(Violation::BadKeyShare));
    let not_reduced = [&[0xff; 1184][..], &offered[1184..]].concat();
    assert_eq!(to_server(&not_reduced), Some(Violation::BadKeyShare));
    let error = Error::from(Violation::BadKeyShare);
    assert_eq!(error.alert(), 47, "illegal_parameter");
}

/// All of the provider's, in every pair.
#[test]
fn every_group_is_reached_from_every_other() {
    for first in GROUPS {
        for second in GROUPS {
            let pair = Pair::complete(client_with(&[first, second]), server_with(&[second]));
            assert_eq!(pair.server.key_exchange_group(), Some(second));
            let part_is_there = (first, second) == (HYBRID, X25519);
            assert_eq!(pair.client.is_retried(), first != second && !part_is_there);
        }
    }
}
