//! Connections that are resumed with tickets, and all that a ticket is bound to.

use super::{GROUPS, SUITES};
use crate::alert::Alert;
use crate::error::{Error, LocalError};
use crate::level::Level;
use crate::message::client_hello::ClientHello;
use crate::message::encrypted_extensions::EncryptedExtensions;
use crate::message::extension::ExtensionType;
use crate::message::framing::HEADER_LEN;
use crate::message::framing::HandshakeType;
use crate::quic;
use crate::resolver::{ByName, Single};
use crate::testing::scripted_server::framed;
use crate::testing::tickets::{Resuming, Same, copy, deliver_tickets, finish, keys, messages, said, tickets};
use crate::testing::{Counting, KINDS, Kind, Log, Pair, Speaker, certified, name, provider, roots};
use crate::ticket::TicketStore;
use crate::violation::Violation;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use crypto::{CipherSuite, Secret};
use std::sync::Mutex;

const DAY_MILLIS: u64 = 86_400_000;

/// A server that a ticket is not for, a client that is configured otherwise: the handshake is a full one, and goes well.
fn falls_back(change: impl FnOnce(&mut Resuming)) {
    let mut resuming = Resuming::new();
    resuming.fill();
    change(&mut resuming);
    assert!(!resuming.resumes());
}

/// RFC 9846 sections 4.2.1, 4.3.9, 4.7.1.
/// RFC 9846 section 4.3.9-8, 9.2-14, 9.2-15, 4.3.9-1, 4.3.9-2.
#[test]
fn every_suite_and_group_resumes_with_and_without_retry() {
    for suite in SUITES {
        for retry in [false, true] {
            let mut resuming = Resuming::new();
            resuming.client.provider = provider(&SUITES, &GROUPS);
            let groups = if retry { &GROUPS[1..2] } else { &GROUPS[..1] };
            resuming.server.provider = provider(&[suite], groups);
            resuming.fill();
            assert_eq!(resuming.store.len(), 2);
            let mut pair = resuming.pair();
            finish(&mut pair);
            assert!(pair.client.is_resumed() && pair.client.is_retried() == retry);
            assert_eq!(pair.client.cipher_suite().unwrap().id, suite);
            assert_eq!(pair.client.alpn(), Some(&b"h3"[..]));
            assert_eq!(pair.server.server_name(), Some("server.example"));
            // A key exchange takes place all the same, so that the keys are not those of the ticket alone.
            assert_eq!(pair.client.key_exchange_group(), Some(groups[0]));
            assert!(said(&pair, Speaker::Server) < 400, "no certificate and no signature");
            assert!(!acknowledges_server_name(&pair));
            // One ticket was used, two came.
            assert_eq!(resuming.store.len(), 3);
        }
    }
}

/// RFC 6066 section 3.
#[test]
fn the_name_is_acknowledged_unless_the_connection_resumes() {
    let resuming = Resuming::new();
    for acknowledges in [true, false] {
        let mut pair = resuming.pair();
        finish(&mut pair);
        assert_eq!((acknowledges_server_name(&pair), pair.client.is_resumed()), (acknowledges, !acknowledges));
        assert_eq!(pair.server.server_name(), Some("server.example"));
    }
}

/// The name that the application is told is that of this ClientHello, whether or not a ticket comes with it, and whatever name the
/// ticket was given for.
/// RFC 9846 section 4.7.1-9.
#[test]
fn the_name_that_is_told_is_that_of_this_hello() {
    let mut resuming = Resuming::new();
    resuming.client.tickets = Some(Arc::new(Same(Mutex::default())));
    resuming.fill();
    for (host, told, is_resumed) in [
        ("server.example", Some("server.example"), true),
        ("localhost", Some("localhost"), false),
        ("127.0.0.1", None, false),
        ("SERVER.example", Some("server.example"), true),
    ] {
        let mut pair = resuming.pair_for(host, 3);
        finish(&mut pair);
        assert!(offers_ticket(&pair), "{host}");
        assert_eq!((pair.server.server_name(), pair.server.is_resumed()), (told, is_resumed), "{host}");
    }
}

/// Whether the server's EncryptedExtensions, which begin its flight, have server_name in them.
fn acknowledges_server_name(pair: &Pair) -> bool {
    let is_flight = |said: &&(Speaker, Level, Vec<u8>)| (said.0, said.1) == (Speaker::Server, Level::Handshake);
    let flight = &pair.said.iter().find(is_flight).unwrap().2;
    let len = usize::from(flight[2]) << 8 | usize::from(flight[3]);
    let kinds = [ExtensionType::SERVER_NAME, ExtensionType::ALPN, ExtensionType::QUIC_TRANSPORT_PARAMETERS];
    let answer = EncryptedExtensions::decode(&flight[HEADER_LEN..HEADER_LEN + len], &kinds.into());
    answer.unwrap().acknowledges_server_name
}

#[test]
fn resumed_connections_resume_again_and_each_has_other_secrets() {
    let resuming = Resuming::new();
    resuming.fill();
    let mut exported = Vec::new();
    for round in 0..5 {
        let mut pair = resuming.pair_for("server.example", round);
        finish(&mut pair);
        assert!(pair.client.is_resumed());
        assert!(pair.client.peer_identity().is_none());
        let mut out = [0; 32];
        pair.client.export(b"EXPORTER", &[], &mut out).unwrap();
        exported.push(out);
    }
    exported.sort_unstable();
    exported.dedup();
    assert_eq!(exported.len(), 5);
}

/// RFC 9846 section 4.3.11-3, 4.7.1-6.
#[test]
fn suites_of_one_hash_resume_each_others_tickets_and_others_do_not() {
    for (first, second, resumes) in [
        (SUITES[0], SUITES[2], true),
        (SUITES[2], SUITES[0], true),
        (SUITES[0], SUITES[1], false),
        (SUITES[1], SUITES[2], false),
    ] {
        for groups in [&GROUPS[..1], &GROUPS[1..2]] {
            let mut resuming = Resuming::new();
            resuming.client.provider = provider(&SUITES, &GROUPS);
            resuming.server.provider = provider(&[first], groups);
            resuming.fill();
            resuming.server.provider = provider(&[second], groups);
            let mut pair = resuming.pair();
            finish(&mut pair);
            assert_eq!(pair.client.is_resumed(), resumes, "{first:x} {second:x}");
            assert_eq!(pair.client.cipher_suite().unwrap().id, second);
        }
    }
    // A client that cannot do the suite any more offers nothing.
    falls_back(|resuming| resuming.client.provider = provider(&SUITES[1..], &GROUPS));
}

/// RFC 9846 section 4.7.1: T5, CVE-2025-23419, CVE-2025-68121.
/// RFC 9846 section 4.7.1-7.
#[test]
fn t5_a_ticket_is_good_for_one_name_protocol_identity_and_generation() {
    assert!({
        let resuming = Resuming::new();
        resuming.fill();
        resuming.resumes()
    });
    // What the server binds it to, with a client that shows its ticket regardless.
    let shown = |change: fn(&mut Resuming), host: &str| {
        let mut resuming = Resuming::new();
        resuming.client.tickets = Some(Arc::new(Same(Mutex::default())));
        resuming.fill();
        assert!(resuming.resumes());
        change(&mut resuming);
        let mut pair = resuming.pair_for(host, 3);
        finish(&mut pair);
        assert!(offers_ticket(&pair));
        pair.client.is_resumed()
    };
    assert!(shown(|_| {}, "server.example"));
    assert!(!shown(|_| {}, "localhost"));
    assert!(!shown(|_| {}, "127.0.0.1"));
    assert!(!shown(|resuming| resuming.server.alpn = vec![b"other".to_vec()], "server.example"));
    assert!(!shown(|resuming| resuming.policy().generation = 1, "server.example"));
    assert!(!shown(|resuming| resuming.policy().keys = keys(2), "server.example"));
    assert!(!shown(|resuming| resuming.server.tickets = None, "server.example"));
    for kind in KINDS {
        let resumes = kind == Kind::EcP256;
        let mut resuming = Resuming::new();
        resuming.fill();
        resuming.server.resolver = Arc::new(Single(certified(kind)));
        assert_eq!(resuming.resumes(), resumes, "{kind:?}");
    }
    // What the client binds it to: another way to know who the server is means another origin.
    falls_back(|resuming| {
        let crate::server_verification::ServerVerification::Roots(authority) = &resuming.client.roots else { panic!() };
        let mut more = (**authority).clone();
        let other = crate::testing::hex(crate::testing::identities::OTHER_AUTHORITY);
        more.add_der(&other).unwrap();
        resuming.client.roots = crate::server_verification::ServerVerification::Roots(Arc::new(more));
    });
    falls_back(|resuming| resuming.client.roots = crate::server_verification::ServerVerification::DangerousAcceptAny);
    falls_back(|resuming| resuming.client.alpn = vec![b"h3".to_vec()]);
    // The same anchors, read again, are the same trust.
    let mut resuming = Resuming::new();
    resuming.fill();
    resuming.client.roots = roots(crate::testing::identities::AUTHORITY);
    assert!(resuming.resumes());
}

/// A server that has a certificate for one name only does not resume for another, nor present it.
#[test]
fn t5_a_name_that_the_server_does_not_have_is_refused_with_a_ticket_too() {
    let mut resuming = Resuming::new();
    resuming.client.tickets = Some(Arc::new(Same(Mutex::default())));
    resuming.fill();
    let mut names = ByName::new();
    names.insert("server.example", certified(Kind::EcP256));
    resuming.server.resolver = Arc::new(names);
    assert!(resuming.resumes());
    let mut pair = resuming.pair_for("localhost", 3);
    let (who, error) = pair.run(usize::MAX, |_, _, _, _| {}).unwrap_err();
    assert_eq!((who, error.violation()), (Speaker::Server, Some(Violation::ServerNameUnknown)));
}

fn hello(pair: &Pair) -> &[u8] {
    &pair.said[0].2
}

pub(super) fn offers_ticket(pair: &Pair) -> bool {
    ClientHello::decode(&hello(pair)[HEADER_LEN..]).unwrap().pre_shared_keys.is_some()
}

/// RFC 9846 sections 4.3.11.1, 4.7.1.
/// RFC 9846 section 4.3.11.1-1.
#[test]
fn tickets_end_with_their_lifetime_and_the_clock_is_not_trusted() {
    for (advance, resumes) in [
        (0, true),
        (DAY_MILLIS as i64 - 1, true),
        (DAY_MILLIS as i64, false),
        (30 * DAY_MILLIS as i64, false),
        (-1, false),
        (-(DAY_MILLIS as i64), false),
    ] {
        // Both clocks together, then the server's alone.
        let resuming = Resuming::new();
        resuming.fill();
        resuming.clock.advance(advance);
        assert_eq!(resuming.resumes(), resumes, "{advance}");
        let mut resuming = Resuming::new();
        resuming.fill();
        let at_server = crate::testing::tickets::SetClock::new();
        at_server.advance(advance);
        resuming.server.wall_clock = Arc::new(at_server);
        assert_eq!(resuming.resumes(), resumes, "{advance} at the server");
    }
    // Whatever the policy says, no ticket is told or kept to live longer than seven days.
    let mut resuming = Resuming::new();
    resuming.policy().lifetime_seconds = u32::MAX;
    resuming.fill();
    resuming.clock.advance(7 * DAY_MILLIS as i64 - 1);
    assert!(resuming.resumes());
    resuming.fill_again_after(7 * DAY_MILLIS);
    assert!(!resuming.resumes());
}

/// RFC 9846 section 4.7.1-11: what a server says of a lifetime, whatever its policy.
#[test]
fn no_ticket_is_told_to_live_longer_than_seven_days() {
    for (policy, told) in [(1, 1), (604_800, 604_800), (604_801, 604_800), (u32::MAX, 604_800)] {
        let mut resuming = Resuming::new();
        resuming.policy().lifetime_seconds = policy;
        let mut pair = resuming.pair();
        pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
        let flight = tickets(&mut pair.server).0;
        assert!(messages(&flight).iter().all(|ticket| ticket.lifetime_seconds == told), "{policy}");
    }
}

impl Resuming {
    /// New tickets, and then so much time.
    fn fill_again_after(&mut self, millis: u64) {
        self.store.0.lock().unwrap().clear();
        self.fill();
        self.clock.advance(millis as i64);
    }
}

/// What a server says of a lifetime is cut to seven days, and none at all to nothing.
/// RFC 9846 section 4.7.1.
/// RFC 9846 section 4.7.1-12.
#[test]
fn the_clients_own_limit_of_a_lifetime() {
    for (lifetime, kept_days) in [(0u32, 0), (1, 1), (604_800, 7), (u32::MAX, 7)] {
        let resuming = Resuming::new();
        let mut pair = resuming.pair();
        pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
        let body = [&lifetime.to_be_bytes()[..], &[0, 0, 0, 0, 1, 1, 0, 1, 9, 0, 0]].concat();
        pair.client.read(Level::OneRtt, &framed(HandshakeType::NEW_SESSION_TICKET, &body), &mut Counting(0)).unwrap();
        assert_eq!(resuming.store.len(), usize::from(kept_days > 0), "{lifetime}");
        let origin = resuming.client.ticket_origin(&quic::RULES, 1, &name("server.example")).unwrap();
        let until = crate::testing::NOW * 1000 + (u64::from(lifetime) * 1000).min(kept_days * DAY_MILLIS);
        if kept_days > 0 {
            let ticket = resuming.store.take(&origin, until - 1).unwrap();
            assert_eq!(ticket.expires_millis(), until);
        }
    }
}

/// T7: a client that resumes does not look at certificates, so a ticket is of no use when the one it came by has expired.
#[test]
fn a_ticket_dies_with_the_certificate() {
    // The certificates of the tests end with 2034.
    const END: u64 = 2_051_222_400_000;
    for before_end in [10_000, 1] {
        let resuming = Resuming::new();
        resuming.clock.set(END - before_end);
        resuming.fill();
        assert!(resuming.resumes(), "{before_end} ms before");
        let origin = resuming.client.ticket_origin(&quic::RULES, 1, &name("server.example")).unwrap();
        let ticket = resuming.store.take(&origin, END - 1).unwrap();
        assert!(ticket.expires_millis() <= END + 1000 && !ticket.is_valid_at(END + 1000));
        // A chain of resumptions does not go on for longer.
        resuming.clock.set(END + 1000);
        let (_, error) = resuming.pair().run(usize::MAX, |_, _, _, _| {}).unwrap_err();
        assert!(matches!(error, Error::Certificate(x509::Error::Expired { .. })), "{error}");
    }
}

/// T13: benoitc/erlang_quic#247. RFC 9846 section 4.3.11.
/// RFC 9846 section 4.3.11-8, 4.3.11-9.
#[test]
fn t13_a_binder_of_any_other_length_or_value_is_refused() {
    for suite in SUITES {
        let len = crypto_ring::PROVIDER.cipher_suite(suite).unwrap().hash.output_len();
        let refused = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut resuming = Resuming::new();
            resuming.server.provider = provider(&[suite], &GROUPS);
            resuming.fill();
            let mut pair = resuming.pair();
            let (level, mut hello) = pair.client.poll_output().unwrap();
            change(&mut hello);
            let error = pair.server.read(level, &hello, &mut Counting(0)).unwrap_err();
            assert!(pair.server.poll_output().is_none() && pair.server.poll_keys().is_none());
            (error.violation(), error.alert())
        };
        for byte in 0..len {
            for bit in [0, 7] {
                let change = |hello: &mut Vec<u8>| {
                    let at = hello.len() - len + byte;
                    hello[at] ^= 1 << bit;
                };
                let expected = (Some(Violation::BadBinder), Alert::DECRYPT_ERROR.0);
                assert_eq!(refused(&change), expected, "{suite:x} byte {byte}");
            }
        }
        for other in (0..=255usize).filter(|other| *other != len) {
            let change = |hello: &mut Vec<u8>| replace_binder(hello, len, &vec![7; other]);
            let expected = if other < 32 {
                (Some(Violation::Malformed), Alert::DECODE_ERROR.0)
            } else {
                (Some(Violation::BadBinder), Alert::DECRYPT_ERROR.0)
            };
            assert_eq!(refused(&change), expected, "{suite:x} {other} bytes");
        }
        // The right beginning, and the right one with more behind it.
        let cut = |hello: &mut Vec<u8>| {
            let right = hello[hello.len() - len..].to_vec();
            replace_binder(hello, len, &right[..32.max(len - 1)]);
        };
        if len > 32 {
            assert_eq!(refused(&cut).0, Some(Violation::BadBinder));
        }
        let longer = |hello: &mut Vec<u8>| {
            let right = [&hello[hello.len() - len..], &[0]].concat();
            replace_binder(hello, len, &right);
        };
        assert_eq!(refused(&longer).0, Some(Violation::BadBinder));
    }
}

/// Puts a binder of any length in the place of the one that ends a ClientHello, and corrects the five lengths around it.
fn replace_binder(hello: &mut Vec<u8>, len: usize, binder: &[u8]) {
    let binders = hello.len() - len - 3;
    hello.truncate(binders + 2);
    hello.push(binder.len() as u8);
    hello.extend_from_slice(binder);
    let correct = |hello: &mut Vec<u8>, at: usize, value: usize| {
        hello[at..at + 2].copy_from_slice(&(value as u16).to_be_bytes());
    };
    correct(hello, binders, binder.len() + 1);
    let extension = position_of(hello, ExtensionType::PRE_SHARED_KEY);
    correct(hello, extension + 2, hello.len() - extension - 4);
    let body = hello.len() - HEADER_LEN;
    correct(hello, 2, body);
    let block = block_at(hello);
    correct(hello, block, hello.len() - block - 2);
}

/// Where the length of the extensions is.
fn block_at(hello: &[u8]) -> usize {
    let mut at = HEADER_LEN + 2 + 32;
    at += 1 + usize::from(hello[at]);
    at += 2 + (usize::from(hello[at]) << 8 | usize::from(hello[at + 1]));
    at + 1 + usize::from(hello[at])
}

fn position_of(hello: &[u8], kind: ExtensionType) -> usize {
    let mut at = block_at(hello) + 2;
    loop {
        let found = u16::from_be_bytes([hello[at], hello[at + 1]]);
        if found == kind.0 {
            return at;
        }
        at += 4 + (usize::from(hello[at + 2]) << 8 | usize::from(hello[at + 3]));
    }
}

/// Whatever is changed in the first flight that offers a ticket, both sides are never done with different views; and what is
/// cut is never an offer.
#[test]
fn every_byte_of_the_offer_changed_and_cut() {
    for retry in [false, true] {
        let mut resuming = Resuming::new();
        // The same ticket for all of them.
        resuming.client.tickets = Some(Arc::new(Same(Mutex::default())));
        if retry {
            resuming.server.provider = provider(&SUITES, &GROUPS[1..2]);
        }
        resuming.fill();
        let which = if retry { 2 } else { 0 };
        let mut honest = resuming.pair();
        finish(&mut honest);
        assert!(honest.client.is_resumed());
        let hello = honest.said[which].2.clone();
        let offer = position_of(&hello, ExtensionType::PSK_KEY_EXCHANGE_MODES);
        for position in offer..hello.len() {
            for change in [1, 0x80] {
                let mut pair = resuming.pair();
                let outcome = pair.run(usize::MAX, |index, _, _, bytes| {
                    if index == which {
                        bytes[position] ^= change;
                    }
                });
                assert!(outcome.is_err(), "byte {position}");
                assert!(!pair.client.is_complete() && !pair.server.is_complete(), "byte {position}");
            }
        }
        for end in 0..hello.len() {
            let mut pair = resuming.pair();
            let _ = pair.run(usize::MAX, |index, _, _, bytes| {
                if index == which {
                    bytes.truncate(end);
                }
            });
            assert!(!pair.server.is_complete() && !pair.client.is_complete(), "cut at {end}");
        }
    }
}

/// A ticket that was changed is one that nobody knows: a full handshake, if the binder is not even looked at.
#[test]
fn t5_a_changed_ticket_is_an_unknown_one() {
    let mut resuming = Resuming::new();
    let same = Arc::new(Same(Mutex::default()));
    resuming.client.tickets = Some(same.clone());
    resuming.fill();
    let original = copy(same.0.lock().unwrap().as_ref().unwrap());
    let len = original.identity.len();
    let shown = |identity: Vec<u8>| {
        let mut ticket = copy(&original);
        ticket.identity = identity;
        *same.0.lock().unwrap() = Some(ticket);
        resuming.resumes()
    };
    assert!(shown(original.identity.clone()));
    for position in 0..len {
        let mut changed = original.identity.clone();
        changed[position] ^= 0x10;
        assert!(!shown(changed), "byte {position}");
    }
    for end in 1..len {
        assert!(!shown(original.identity[..end].to_vec()), "cut at {end}");
    }
    assert!(!shown([&original.identity[..], &[0]].concat()));
    assert!(!shown(vec![0xff; 4096]));
}

/// Whoever has seen a ticket on the way, or stolen it without its secret, gets nothing by it.
#[test]
fn a_stolen_ticket_without_its_secret_is_refused() {
    let mut resuming = Resuming::new();
    let same = Arc::new(Same(Mutex::default()));
    resuming.client.tickets = Some(same.clone());
    resuming.fill();
    same.0.lock().unwrap().as_mut().unwrap().secret = Secret::new(&[1; 32]);
    let (who, error) = resuming.pair().run(usize::MAX, |_, _, _, _| {}).unwrap_err();
    assert_eq!((who, error.violation()), (Speaker::Server, Some(Violation::BadBinder)));
    // The same the other way round: a server that selects a ticket whose key it does not have is found out by its Finished.
    let resuming = Resuming::new();
    resuming.fill();
    let mut pair = resuming.pair();
    let (_, hello) = pair.client.poll_output().unwrap();
    let offered = ClientHello::decode(&hello[HEADER_LEN..]).unwrap();
    let share = offered.key_shares.unwrap().iter().find(|(group, _)| *group == GROUPS[0]).unwrap().1;
    let exchange = crypto_ring::PROVIDER.key_exchange(GROUPS[0]).unwrap();
    let accepted = exchange.accept(share, &mut Counting(1)).unwrap();
    let answer = crate::message::server_hello::encode_resuming_server_hello(
        &[3; 32],
        &[],
        SUITES[0],
        (GROUPS[0], &accepted.share),
        0,
    )
    .unwrap();
    pair.client.read(Level::Initial, &answer, &mut Counting(0)).unwrap();
    let extensions = crate::testing::scripted_server::good_extensions();
    let extensions = framed(HandshakeType::ENCRYPTED_EXTENSIONS, &extensions);
    pair.client.read(Level::Handshake, &extensions, &mut Counting(0)).unwrap();
    let finished = framed(HandshakeType::FINISHED, &[0; 32]);
    let error = pair.client.read(Level::Handshake, &finished, &mut Counting(0)).unwrap_err();
    assert_eq!(error.violation(), Some(Violation::BadFinished));
}

/// RFC 9846 section 4.3.11.
/// RFC 9846 section 4.3.11-11, 4.3.11-12.
#[test]
fn what_a_server_selects_is_checked() {
    let selected = |suite: u16, number: u16, offers: bool| {
        let resuming = Resuming::new();
        if offers {
            resuming.fill();
        }
        let mut pair = resuming.pair();
        let (_, hello) = pair.client.poll_output().unwrap();
        assert_eq!(ClientHello::decode(&hello[HEADER_LEN..]).unwrap().pre_shared_keys.is_some(), offers);
        let share = (GROUPS[0], &[9; 32][..]);
        let answer =
            crate::message::server_hello::encode_resuming_server_hello(&[3; 32], &[], suite, share, number).unwrap();
        let error = pair.client.read(Level::Initial, &answer, &mut Counting(0)).err();
        error.and_then(|error| error.violation())
    };
    assert_eq!(selected(SUITES[0], 0, true), None);
    assert_eq!(selected(SUITES[2], 0, true), None);
    assert_eq!(selected(SUITES[1], 0, true), Some(Violation::SuiteOfOtherHash));
    for number in [1, 2, 0x100, u16::MAX] {
        assert_eq!(selected(SUITES[0], number, true), Some(Violation::SelectedIdentity));
    }
    assert_eq!(selected(SUITES[0], 0, false), Some(Violation::ExtensionNotOffered));
}

/// RFC 9846 section 4.4.2: with a ticket no certificate, no request of one, and no signature has a place.
/// RFC 9846 section 4.4.2-8.
#[test]
fn nothing_comes_between_extensions_and_finished() {
    for kind in [HandshakeType::CERTIFICATE, HandshakeType::CERTIFICATE_REQUEST, HandshakeType::CERTIFICATE_VERIFY] {
        let resuming = Resuming::new();
        resuming.fill();
        let mut pair = resuming.pair();
        let (who, error) = pair
            .run(usize::MAX, |_, speaker, level, bytes| {
                if (speaker, level) == (Speaker::Server, Level::Handshake) {
                    let len = HEADER_LEN + (usize::from(bytes[2]) << 8 | usize::from(bytes[3]));
                    bytes.truncate(len);
                    bytes.extend(framed(kind, &[0, 0, 0, 0]));
                }
            })
            .unwrap_err();
        assert_eq!((who, error.violation()), (Speaker::Client, Some(Violation::UnexpectedMessage)));
        assert!(alloc::format!("{error}").contains("WAIT_FINISHED"), "{error}");
    }
}

/// RFC 9846 sections 4.3.9, 4.7.1.
/// RFC 9846 section 4.7.1-3, 4.3.9-4, 4.2.1-2.
#[test]
fn who_does_not_resume_gets_no_tickets_and_takes_none() {
    // A client that keeps none does not ask, and gets none.
    let mut resuming = Resuming::new();
    resuming.client.tickets = None;
    let mut pair = resuming.pair();
    pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
    pair.server.send_tickets(&mut Counting(0)).unwrap();
    assert_eq!(pair.server.poll_output(), None);
    // A server that gives none is as good as before.
    let mut resuming = Resuming::new();
    resuming.server.tickets = None;
    resuming.fill();
    assert!(!resuming.resumes() && resuming.store.len() == 0);
    // A policy of none.
    let mut resuming = Resuming::new();
    resuming.policy().count = 0;
    resuming.fill();
    assert_eq!(resuming.store.len(), 0);
    // A client that resumes without a key exchange only: neither a ticket is taken nor one given.
    let resuming = Resuming::new();
    resuming.fill();
    let mut pair = resuming.pair();
    let (level, mut hello) = pair.client.poll_output().unwrap();
    let modes = position_of(&hello, ExtensionType::PSK_KEY_EXCHANGE_MODES);
    hello[modes + 5] = 0;
    pair.server.read(level, &hello, &mut Counting(0)).unwrap();
    assert!(!pair.server.is_resumed());
}

/// RFC 9846 section 4.7.1-14.
#[test]
fn tickets_are_sent_once_and_not_before_the_end() {
    let mut resuming = Resuming::new();
    resuming.policy().count = 255;
    let mut pair = resuming.pair();
    assert_eq!(pair.server.send_tickets(&mut Counting(0)), Err(LocalError::NotComplete.into()));
    pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
    let (flight, found) = tickets(&mut pair.server);
    assert_eq!(found.len(), 8, "more are not given, whatever the policy says");
    pair.server.send_tickets(&mut Counting(0)).unwrap();
    assert_eq!(pair.server.poll_output(), None);
    assert_eq!(pair.client.send_tickets(&mut Counting(0)), Ok(()));
    // A client takes four of a connection, and passes over the rest.
    for piece in flight.chunks(7) {
        pair.client.read(Level::OneRtt, piece, &mut Counting(0)).unwrap();
    }
    assert_eq!(resuming.store.len(), 4);
    let again = framed(HandshakeType::NEW_SESSION_TICKET, &[0, 0, 0, 9, 1, 2, 3, 4, 1, 7, 0, 2, 8, 9, 0, 0]);
    pair.client.read(Level::OneRtt, &again, &mut Counting(0)).unwrap();
    assert_eq!(resuming.store.len(), 4);
    // RFC 9846 section 4.7.1-14: none hides its age by the number of another.
    let mut ages: Vec<u32> = messages(&flight).iter().map(|ticket| ticket.age_add).collect();
    ages.sort_unstable();
    ages.dedup();
    assert_eq!(ages.len(), 8);
    // The nonces differ, so the keys do.
    let mut tickets = found;
    tickets.sort();
    tickets.dedup();
    assert_eq!(tickets.len(), 8);
}

/// A ticket that is too long to be kept is not.
#[test]
fn a_ticket_of_great_length_is_passed_over() {
    for (len, kept) in [(4096, 1), (4097, 0), (60_000, 0)] {
        let resuming = Resuming::new();
        let mut pair = resuming.pair();
        pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
        let ticket = [&(len as u16).to_be_bytes()[..], &vec![7; len]].concat();
        let body = [&[0, 0, 0, 9, 1, 2, 3, 4, 1, 7], &ticket[..], &[0, 0]].concat();
        pair.client.read(Level::OneRtt, &framed(HandshakeType::NEW_SESSION_TICKET, &body), &mut Counting(0)).unwrap();
        assert_eq!(resuming.store.len(), kept, "{len}");
    }
}

/// Every byte of the tickets' flight changed and cut: nothing panics, and a changed ticket resumes nothing.
#[test]
fn every_byte_of_the_tickets_changed_and_cut() {
    let resuming = Resuming::new();
    let mut pair = resuming.pair();
    pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
    let (flight, _) = tickets(&mut pair.server);
    for position in 0..flight.len() {
        let fresh = Resuming::new();
        let mut pair = fresh.pair();
        pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
        let mut changed = flight.clone();
        changed[position] ^= 0x21;
        let _ = pair.client.read(Level::OneRtt, &changed, &mut Counting(0));
    }
    for end in 0..flight.len() {
        let fresh = Resuming::new();
        let mut pair = fresh.pair();
        pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
        pair.client.read(Level::OneRtt, &flight[..end], &mut Counting(0)).unwrap();
        assert!(fresh.store.len() < 2, "{end}");
    }
}

/// After a HelloRetryRequest the binder is another, over all that was said, and the age another.
/// RFC 9846 section 4.2.2.
/// RFC 9846 section 4.2.2-6.
#[test]
fn the_second_hello_has_a_binder_of_its_own() {
    let mut resuming = Resuming::new();
    resuming.server.provider = provider(&SUITES, &GROUPS[1..2]);
    resuming.fill();
    let clock = resuming.clock.clone();
    let mut pair = resuming.pair();
    pair.run(usize::MAX, |index, _, _, _| {
        if index == 1 {
            clock.advance(250);
        }
    })
    .unwrap();
    pair.assert_complete();
    assert!(pair.client.is_resumed() && pair.client.is_retried());
    let offer = |number: usize| {
        let hello = ClientHello::decode(&pair.said[number].2[HEADER_LEN..]).unwrap();
        hello.pre_shared_keys.unwrap().iter().next().unwrap()
    };
    let (first, second) = (offer(0), offer(2));
    assert_eq!(first.identity, second.identity);
    assert_ne!(first.binder, second.binder);
    assert_eq!(u64::from(second.obfuscated_age), u64::from(first.obfuscated_age) + 250);
    // The first one's binder does not do for the second hello.
    let mut pair = resuming.pair();
    let mut binder = Vec::new();
    let (who, error) = pair
        .run(usize::MAX, |index, _, _, bytes| {
            let place = bytes.len() - 32..;
            match index {
                0 => binder = bytes[place].to_vec(),
                2 => bytes[place].copy_from_slice(&binder),
                _ => {}
            }
        })
        .unwrap_err();
    assert_eq!((who, error.violation()), (Speaker::Server, Some(Violation::BadBinder)));
}

/// Of many tickets a server looks at a few.
#[test]
fn a_server_looks_at_few_tickets() {
    // The same that was given is in each place, with others before it.
    for (before, resumes) in [(0, true), (3, true), (4, false), (100, false)] {
        let resuming = Resuming::new();
        resuming.fill();
        let origin = resuming.client.ticket_origin(&quic::RULES, 1, &name("server.example")).unwrap();
        let ticket = resuming.store.take(&origin, crate::testing::NOW * 1000).unwrap();
        let hello = hello_with_tickets(&ticket, before);
        let mut server = quic::server(Arc::new(resuming.server.clone()), vec![]);
        server.read(Level::Initial, &hello, &mut Counting(0)).unwrap();
        assert_eq!(server.is_resumed(), resumes, "{before}");
        if resumes {
            let (_, answer) = server.poll_output().unwrap();
            assert!(answer.ends_with(&[0, 41, 0, 2, 0, before as u8]), "the selected identity");
        }
    }
}

/// A ClientHello with so many tickets that nobody knows before a good one, each with the binder that is right for the good one.
fn hello_with_tickets(ticket: &crate::ticket::Ticket, before: usize) -> Vec<u8> {
    offer(crate::testing::hello_parts::HelloParts::good(), ticket, before)
}

/// The same behind the rest of a ClientHello.
pub(super) fn offer(
    parts: crate::testing::hello_parts::HelloParts,
    ticket: &crate::ticket::Ticket,
    before: usize,
) -> Vec<u8> {
    offer_among(parts, ticket, before, 0)
}

/// The same with so many others behind it. The binders end the message, 33 bytes each.
pub(super) fn offer_among(
    mut parts: crate::testing::hello_parts::HelloParts,
    ticket: &crate::ticket::Ticket,
    before: usize,
    behind: usize,
) -> Vec<u8> {
    parts.set(ExtensionType::PSK_KEY_EXCHANGE_MODES, &[1, 1]);
    let last = before + behind;
    let mut identities = Vec::new();
    for number in 0..=last {
        let unknown = [number as u8; 9];
        let identity = if number == before { &ticket.identity[..] } else { &unknown };
        identities.extend_from_slice(&(identity.len() as u16).to_be_bytes());
        identities.extend_from_slice(identity);
        identities.extend_from_slice(&ticket.obfuscated_age(crate::testing::NOW * 1000).to_be_bytes());
    }
    let binders_len = (last + 1) * 33;
    let mut data = (identities.len() as u16).to_be_bytes().to_vec();
    data.extend_from_slice(&identities);
    data.extend_from_slice(&(binders_len as u16).to_be_bytes());
    let covered_of_data = data.len() - 2;
    for _ in 0..=last {
        data.push(32);
        data.extend_from_slice(&[0; 32]);
    }
    parts.set(ExtensionType::PRE_SHARED_KEY, &data);
    let mut hello = parts.encode();
    let covered = hello.len() - (data.len() - covered_of_data);
    let suite: &'static CipherSuite = crypto_ring::PROVIDER.initial;
    let early = crate::schedule::Early::with_pre_shared_key(suite, &ticket.secret);
    let binder = early.binder(&suite.hash.digest(&[&hello[..covered]]));
    for entry in hello[covered + 2..].chunks_mut(33) {
        entry[1..].copy_from_slice(&binder);
    }
    hello
}

#[test]
fn a_client_that_leaves_signature_algorithms_out_can_resume_only() {
    // RFC 9846 section 9.2.
    let without = |resumes: bool| {
        let resuming = Resuming::new();
        resuming.fill();
        let origin = resuming.client.ticket_origin(&quic::RULES, 1, &name("server.example")).unwrap();
        let mut ticket = resuming.store.take(&origin, crate::testing::NOW * 1000).unwrap();
        if !resumes {
            ticket.identity[0] ^= 1;
        }
        let whole = hello_with_tickets(&ticket, 0);
        assert!(ClientHello::decode(&whole[HEADER_LEN..]).unwrap().signature_algorithms.is_some());
        let mut server = quic::server(Arc::new(resuming.server.clone()), vec![]);
        let hello = without_signature_algorithms(&ticket);
        server.read(Level::Initial, &hello, &mut Counting(0)).err().and_then(|error| error.violation())
    };
    assert_eq!(without(true), None);
    assert_eq!(without(false), Some(Violation::MissingSignatureAlgorithms));
}

fn without_signature_algorithms(ticket: &crate::ticket::Ticket) -> Vec<u8> {
    let mut hello = hello_with_tickets(ticket, 0);
    let at = position_of(&hello, ExtensionType::SIGNATURE_ALGORITHMS);
    let len = 4 + (usize::from(hello[at + 2]) << 8 | usize::from(hello[at + 3]));
    hello.drain(at..at + len);
    let suite = crypto_ring::PROVIDER.initial;
    let binder = hello[hello.len() - 32..].to_vec();
    replace_binder(&mut hello, 32, &binder);
    let covered = hello.len() - 35;
    let early = crate::schedule::Early::with_pre_shared_key(suite, &ticket.secret);
    let right = early.binder(&suite.hash.digest(&[&hello[..covered]]));
    hello[covered + 3..].copy_from_slice(&right);
    hello
}

/// What is on the heap of a connection that has said all it had to say.
#[test]
fn what_tickets_are_made_of_is_forgotten() {
    let resuming = Resuming::new();
    let mut pair = resuming.pair();
    pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
    let debug = alloc::format!("{:?}", pair.server);
    assert!(debug.contains("Issuer"), "{debug}");
    deliver_tickets(&mut pair);
    let debug = alloc::format!("{:?}", pair.server);
    assert!(!debug.contains("Issuer"), "{debug}");
}

/// A key log gets what it gets of a full handshake.
#[test]
fn the_key_log_of_a_resumed_connection() {
    let mut resuming = Resuming::new();
    let log = Arc::new(Log::default());
    resuming.fill();
    resuming.client.key_log = Some(log.clone());
    assert!(resuming.resumes());
    assert_eq!(log.0.lock().unwrap().len(), 4);
}

/// A connection over records has nothing of one over QUIC.
#[test]
fn carriers_do_not_share_tickets() {
    let mut resuming = Resuming::new();
    let same = Arc::new(Same(Mutex::default()));
    resuming.client.tickets = Some(same);
    resuming.fill();
    let over_records = |random| {
        let client = Arc::new(resuming.client.clone());
        let client =
            crate::records::client(client, name("server.example"), false, 16_385, &mut Counting(random)).unwrap();
        Pair::of(client, crate::records::server(Arc::new(resuming.server.clone()), 16_385))
    };
    let mut pair = over_records(1);
    finish(&mut pair);
    assert!(offers_ticket(&pair) && !pair.client.is_resumed());
    // Tickets over records resume over records.
    resuming.client.tickets = Some(resuming.store.clone());
    let over_records = |random| {
        let client = Arc::new(resuming.client.clone());
        let client =
            crate::records::client(client, name("server.example"), true, 16_385, &mut Counting(random)).unwrap();
        Pair::of(client, crate::records::server(Arc::new(resuming.server.clone()), 16_385))
    };
    finish(&mut over_records(2));
    let mut pair = over_records(3);
    finish(&mut pair);
    assert!(pair.client.is_resumed() && pair.client.is_in_compatibility_mode());
    assert!(!resuming.resumes());
}

#[test]
fn debug_shows_no_secret() {
    let resuming = Resuming::new();
    resuming.fill();
    let cache = alloc::format!("{:?}", resuming.store.0.lock().unwrap());
    assert!(cache.contains("Ticket") && !cache.contains("secret"), "{cache}");
    let policy = alloc::format!("{:?}", resuming.server.tickets.as_ref().unwrap());
    assert_eq!(policy, "TicketPolicy { count: 2, lifetime_seconds: 86400, generation: 0, .. }");
}
