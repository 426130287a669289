//! Every way in which a ClientHello can be wrong, one thing at a time.

use super::{GROUPS, SUITES};
use crate::certified_key::CertifiedKey;
use crate::config::ServerConfig;
use crate::error::Error;
use crate::level::Level;
use crate::message::extension::ExtensionType as E;
use crate::quic;
use crate::resolver::{ClientWishes, Resolver, Selected, Single};
use crate::session::Session;
use crate::testing::hello_parts::HelloParts;
use crate::testing::{Counting, Kind, Pair, Speaker, certified, client_config, provider, server_config};
use crate::violation::Violation;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use crypto::NamedGroup;

fn answer_with(config: ServerConfig, change: impl FnOnce(&mut HelloParts)) -> Result<Session, Error> {
    let mut parts = HelloParts::good();
    change(&mut parts);
    let mut server = quic::server(Arc::new(config), vec![]);
    server.read(Level::Initial, &parts.encode(), &mut Counting(0))?;
    Ok(server)
}

fn answer(change: impl FnOnce(&mut HelloParts)) -> Result<Session, Error> {
    answer_with(server_config(), change)
}

fn refused(change: impl FnOnce(&mut HelloParts)) -> Violation {
    let error = answer(change).map(drop).unwrap_err();
    assert!(matches!(error, Error::Peer { state: "START", .. }));
    error.violation().unwrap()
}

fn share(group: u16, share: &[u8]) -> Vec<u8> {
    let mut out = ((share.len() + 4) as u16).to_be_bytes().to_vec();
    out.extend_from_slice(&group.to_be_bytes());
    out.extend_from_slice(&(share.len() as u16).to_be_bytes());
    out.extend_from_slice(share);
    out
}

const PSK: &[u8] = &{
    let mut data = [0; 9 + 2 + 33];
    (data[1], data[3], data[10], data[11]) = (7, 1, 33, 32);
    data
};

#[test]
fn a_good_hello_is_answered() {
    let mut server = answer(|_| {}).unwrap();
    assert_eq!(server.poll_output().unwrap().0, Level::Initial);
    assert_eq!(server.alpn(), Some(&b"h3"[..]));
}

/// RFC 9846 section 4.2.3-3, 4.2.3-4.
#[test]
fn the_random_of_a_server_is_drawn_and_has_nothing_of_the_clients() {
    let answer = |client_random: u8, drawn: u8| {
        let mut hello = HelloParts::good().encode();
        // Behind type, length and version.
        hello[6..38].fill(client_random);
        let mut server = quic::server(Arc::new(server_config()), vec![]);
        server.read(Level::Initial, &hello, &mut Counting(drawn)).unwrap();
        server.poll_output().unwrap().1[6..38].to_vec()
    };
    assert_ne!(answer(9, 1), answer(9, 2));
    assert_eq!(answer(9, 1), answer(8, 1));
    let mut bytes = answer(9, 1);
    bytes.dedup();
    assert_eq!(bytes.len(), 32, "all of it is drawn: the bytes of the tests count");
}

/// RFC 9001 section 4.2-2.
/// RFC 9846 section 4.2.2-13, 4.2.2-21, 4.3.1-4, 4.3.1-5, 4.3.1-7.
#[test]
fn legacy_fields_and_versions() {
    assert_eq!(refused(|hello| hello.version = 0x0304), Violation::LegacyVersion);
    assert_eq!(refused(|hello| hello.version = 0x0301), Violation::LegacyVersion);
    assert_eq!(refused(|hello| hello.remove(E::SUPPORTED_VERSIONS)), Violation::VersionTooOld);
    assert_eq!(refused(|hello| hello.set(E::SUPPORTED_VERSIONS, &[2, 3, 3])), Violation::VersionTooOld);
    assert_eq!(refused(|hello| hello.session_id = vec![1; 32]), Violation::CompatibilityMode);
    assert_eq!(refused(|hello| hello.session_id = vec![1; 33]), Violation::Malformed);
    assert_eq!(refused(|hello| hello.session_id = vec![1; 255]), Violation::Malformed);
    assert_eq!(refused(|hello| hello.compression = vec![]), Violation::Malformed);
    assert_eq!(refused(|hello| hello.compression = vec![1]), Violation::CompressionMethod);
    assert_eq!(refused(|hello| hello.compression = vec![0, 1]), Violation::CompressionMethod);
    let error = answer(|hello| hello.session_id = vec![1]).map(drop).unwrap_err();
    assert_eq!((error.alert(), quic::error_code(&error)), (47, 0x0a), "RFC 9001 section 8.4 wants PROTOCOL_VIOLATION");
}

/// RFC 9000 section 7-9.
/// RFC 9001 section 8.1-1, 8.2-1.
/// RFC 9846 section 4.3.3-3, 9.2-16, 9.2-17, 9.2-18, 9.2-19, 9.2-4, 9.2-6, 9.2-7, 9.2-11.
#[test]
fn missing_and_contradictory_extensions() {
    assert_eq!(refused(|hello| hello.remove(E::SUPPORTED_GROUPS)), Violation::MissingSupportedGroups);
    assert_eq!(refused(|hello| hello.remove(E::KEY_SHARE)), Violation::MissingKeyShare);
    assert_eq!(refused(|hello| hello.remove(E::SIGNATURE_ALGORITHMS)), Violation::MissingSignatureAlgorithms);
    assert_eq!(refused(|hello| hello.remove(E::QUIC_TRANSPORT_PARAMETERS)), Violation::MissingTransportParameters);
    assert_eq!(refused(|hello| hello.remove(E::ALPN)), Violation::NoApplicationProtocol);
    assert_eq!(refused(|hello| hello.set(E::COOKIE, &[0, 1, 7])), Violation::CookieNotIssued);
    assert_eq!(refused(|hello| hello.set(E::OID_FILTERS, &[0, 0])), Violation::ExtensionNotAllowed);
    let twice = |hello: &mut HelloParts| hello.extensions.extend([(E(0x1a1a), vec![]), (E(0x1a1a), vec![1])]);
    assert_eq!(refused(twice), Violation::DuplicateExtension);
}

/// RFC 9846 section 4.3.9-3, 4.3.11-16, 4.3-8.
#[test]
fn pre_shared_keys_are_passed_over_if_they_are_offered_rightly() {
    let good = |hello: &mut HelloParts| {
        hello.set(E::PSK_KEY_EXCHANGE_MODES, &[1, 1]);
        hello.set(E::EARLY_DATA, &[]);
        hello.set(E::PRE_SHARED_KEY, PSK);
    };
    let mut server = answer(good).unwrap();
    // A full handshake: ServerHello without pre_shared_key, and a flight with a certificate.
    assert_eq!(server.poll_output().unwrap().1.len(), 90);
    assert!(server.poll_output().unwrap().1.len() > 500);
    assert_eq!(refused(|hello| hello.set(E::PRE_SHARED_KEY, PSK)), Violation::MissingPskKeyExchangeModes);
    assert_eq!(refused(|hello| hello.set(E::EARLY_DATA, &[])), Violation::EarlyDataWithoutPreSharedKey);
    let last = |hello: &mut HelloParts| {
        good(hello);
        hello.set(E::PADDING, &[0; 9]);
    };
    assert_eq!(refused(last), Violation::PreSharedKeyNotLast);
}

/// RFC 9001 section 8.1-2, 8.1-5, 8.1-6.
/// RFC 9846 section 2.1-1, 4.2.1-1, 4.2.1-4.
#[test]
fn nothing_in_common() {
    assert_eq!(refused(|hello| hello.suites = vec![0x1304, 0xc02f]), Violation::NoCommonCipherSuite);
    let groups = |hello: &mut HelloParts| {
        hello.set(E::SUPPORTED_GROUPS, &[0, 2, 1, 0]);
        hello.set(E::KEY_SHARE, &[0, 0]);
    };
    assert_eq!(refused(groups), Violation::NoCommonGroup);
    assert_eq!(refused(|hello| hello.set(E::SIGNATURE_ALGORITHMS, &[0, 2, 8, 7])), Violation::NoCommonSignatureScheme);
    // PKCS #1 v1.5 is for certificates only, so an RSA key finds nothing here.
    let mut config = server_config();
    config.resolver = Arc::new(Single(certified(Kind::Rsa)));
    let error = answer_with(config, |hello| hello.set(E::SIGNATURE_ALGORITHMS, &[0, 2, 4, 1])).map(drop).unwrap_err();
    assert_eq!(error.violation(), Some(Violation::NoCommonSignatureScheme));
    let error = answer(|hello| hello.set(E::ALPN, &[0, 3, 2, b'h', b'2'])).map(drop).unwrap_err();
    assert_eq!((error.violation(), quic::error_code(&error)), (Some(Violation::NoApplicationProtocol), 0x0178));
}

/// RFC 9846 section 4.3.8-16.
#[test]
fn bad_shares() {
    for bad in [&[0; 32][..], &[1; 31], &[1; 33], &[1]] {
        assert_eq!(refused(|hello| hello.set(E::KEY_SHARE, &share(0x1d, bad))), Violation::BadKeyShare, "{bad:?}");
    }
    assert_eq!(refused(|hello| hello.set(E::KEY_SHARE, &share(0x17, &[4; 65]))), Violation::BadKeyShare);
    assert_eq!(refused(|hello| hello.set(E::KEY_SHARE, &share(0x18, &[4; 97]))), Violation::KeyShareOutsideGroups);
}

/// CVE-2025-58189: what a peer sent is not in the text of an error.
#[test]
fn names_in_every_spelling() {
    let named = |name: &[u8]| {
        let mut data = ((name.len() + 3) as u16).to_be_bytes().to_vec();
        data.push(0);
        data.extend_from_slice(&(name.len() as u16).to_be_bytes());
        data.extend_from_slice(name);
        answer(|hello| hello.set(E::SERVER_NAME, &data))
    };
    for (sent, seen) in [
        (&b"Server.EXAMPLE"[..], Some("server.example")),
        (b"server.example.", Some("server.example")),
        (b"192.0.2.1", None),
    ] {
        assert_eq!(named(sent).unwrap().server_name(), seen);
    }
    for bad in
        [&b"a\0b.example"[..], b"\x1b[2J.example", b"a b", b"..", b"m\xc3\xbcnchen.example", b"\xff", &[b'a'; 300]]
    {
        let error = named(bad).map(drop).unwrap_err();
        assert_eq!(error.violation(), Some(Violation::ServerNameMalformed));
        // What a peer sent is never in the text of an error.
        assert!(error.to_string().chars().all(|c| (' '..='~').contains(&c)));
    }
    assert_eq!(answer(|hello| hello.remove(E::SERVER_NAME)).unwrap().server_name(), None);
}

/// RFC 9001 section 5.3-2.
/// RFC 9846 section 4.2.2-18, 4.2.2-23, 4.3.1-5, 9.3-3, 9.3-5, 4.5.1.1-3.
#[test]
fn grease_is_ignored_everywhere() {
    let server = answer(|hello| {
        hello.suites = vec![0x0a0a, 0x1301, 0xfafa];
        hello.extensions.insert(0, (E(0x2a2a), vec![]));
        hello.extensions.push((E(0xeaea), vec![1, 2, 3]));
        hello.set(E::SUPPORTED_VERSIONS, &[6, 0x7a, 0x7a, 3, 4, 0x1a, 0x1a]);
        hello.set(E::SUPPORTED_GROUPS, &[0, 4, 0x3a, 0x3a, 0, 0x1d]);
        hello.set(E::SIGNATURE_ALGORITHMS, &[0, 4, 0x4a, 0x4a, 4, 3]);
        hello.set(E::PSK_KEY_EXCHANGE_MODES, &[2, 0x2a, 1]);
        hello.set(E::ALPN, &[0, 6, 2, 0x5a, 0x5a, 2, b'h', b'3']);
        let mut shares = vec![0, 41, 0x3a, 0x3a, 0, 1, 0];
        shares.extend_from_slice(&share(0x1d, hello.offer.share())[2..]);
        hello.set(E::KEY_SHARE, &shares);
    });
    assert!(server.is_ok());
}

/// CVE-2022-41724: large messages.
#[test]
fn as_much_as_fits_into_a_message() {
    // Sixty-four kilobytes of each list: an answer or an alert, and not for long.
    let list = |item: &[u8], len_bytes: usize| {
        let body: Vec<u8> = item.iter().copied().cycle().take(60_000 / item.len() * item.len()).collect();
        let mut data = (body.len() as u32).to_be_bytes()[4 - len_bytes..].to_vec();
        data.extend(body);
        data
    };
    assert!(answer(|hello| hello.set(E::SIGNATURE_ALGORITHMS, &list(&[4, 3], 2))).is_ok());
    assert!(answer(|hello| hello.set(E::SUPPORTED_GROUPS, &list(&[0, 0x1d], 2))).is_ok());
    assert!(answer(|hello| hello.suites = vec![0x1301; 30_000]).is_ok());
    assert!(answer(|hello| hello.set(E::QUIC_TRANSPORT_PARAMETERS, &[7; 60_000])).is_ok());
    assert_eq!(refused(|hello| hello.set(E::ALPN, &list(&[1, b'x'], 2))), Violation::NoApplicationProtocol);
    assert_eq!(refused(|hello| hello.set(E::KEY_SHARE, &list(&[0, 0x1d, 0, 1, 9], 2))), Violation::DuplicateKeyShare);
    assert_eq!(refused(|hello| hello.set(E::SERVER_NAME, &list(&[0, 0, 1, b'a'], 2))), Violation::ServerNameMalformed);
    assert_eq!(refused(|hello| hello.set(E::COOKIE, &list(&[1], 2))), Violation::CookieNotIssued);
    let many = |hello: &mut HelloParts| {
        hello.extensions.extend((0..15_000u16).map(|kind| (E(0x4000 + kind), vec![])));
    };
    assert!(answer(many).is_ok());
    assert_eq!(refused(|hello| hello.set(E::PADDING, &[0; 65_400])), Violation::MessageTooLong);
}

/// A server that has asked for a share on P-256, and the hello it did so for.
fn retried() -> (Session, HelloParts) {
    let mut config = server_config();
    config.provider = provider(&SUITES, &GROUPS[1..2]);
    let mut server = quic::server(Arc::new(config), vec![]);
    let parts = HelloParts::good();
    server.read(Level::Initial, &parts.encode(), &mut Counting(0)).unwrap();
    assert_eq!(server.poll_output().unwrap().1[6..10], [0xcf, 0x21, 0xad, 0x74]);
    assert!(server.poll_output().is_none() && server.poll_keys().is_none());
    (server, parts)
}

/// RFC 9846 section 4.2.2-7.
#[test]
fn a_second_hello_may_change_only_what_it_must() {
    let second = |change: fn(&mut HelloParts)| {
        let (mut server, mut parts) = retried();
        let exchange = crypto_ring::PROVIDER.key_exchange(NamedGroup::SECP256R1).unwrap();
        let offer = exchange.offer(&mut Counting(0)).unwrap();
        let place = parts.extensions.iter().position(|(kind, _)| *kind == E::KEY_SHARE).unwrap();
        parts.extensions[place].1 = share(0x17, offer.share());
        change(&mut parts);
        server.read(Level::Initial, &parts.encode(), &mut Counting(0)).err().map(|error| error.violation().unwrap())
    };
    assert_eq!(second(|_| {}), None);
    assert_eq!(second(|hello| hello.set(E::PADDING, &[0; 40])), None);
    assert_eq!(second(|hello| hello.suites.push(0x1302)), Some(Violation::ClientHelloChanged));
    assert_eq!(second(|hello| hello.set(E::ALPN, &[0, 3, 2, b'h', b'3'])), Some(Violation::ClientHelloChanged));
    assert_eq!(second(|hello| hello.remove(E::SERVER_NAME)), Some(Violation::ClientHelloChanged));
    assert_eq!(second(|hello| hello.set(E::QUIC_TRANSPORT_PARAMETERS, b"others")), Some(Violation::ClientHelloChanged));
    assert_eq!(second(|hello| hello.extensions.insert(0, (E(0x1a1a), vec![]))), Some(Violation::ClientHelloChanged));
    assert_eq!(second(|hello| hello.set(E::COOKIE, &[0, 1, 7])), Some(Violation::CookieNotIssued));
    assert_eq!(second(|hello| hello.set(E::KEY_SHARE, &[0, 0])), Some(Violation::RetriedKeyShare));
    assert_eq!(second(|hello| hello.set(E::KEY_SHARE, &share(0x1d, &[9; 32]))), Some(Violation::RetriedKeyShare));
    let early = |hello: &mut HelloParts| {
        hello.set(E::PSK_KEY_EXCHANGE_MODES, &[1, 1]);
        hello.set(E::EARLY_DATA, &[]);
        hello.set(E::PRE_SHARED_KEY, PSK);
    };
    assert_eq!(second(early), Some(Violation::EarlyDataAfterRetry));
    // The same hello again.
    let (mut server, parts) = retried();
    let error = server.read(Level::Initial, &parts.encode(), &mut Counting(0)).unwrap_err();
    assert_eq!(error.violation(), Some(Violation::RetriedKeyShare));
}

/// The length is that of the suite's hash, not always 32.
/// RFC 9846 section 4.5.3-1.
#[test]
fn a_finished_of_every_length_for_every_suite() {
    for suite in SUITES {
        let hash_len = crypto_ring::PROVIDER.cipher_suite(suite).unwrap().hash.output_len();
        for len in 0..=64 {
            let mut server = server_config();
            server.provider = provider(&[suite], &GROUPS);
            let mut pair = Pair::new(client_config(), server);
            let result = pair.run(usize::MAX, |_, speaker, level, bytes| {
                if (speaker, level) == (Speaker::Client, Level::Handshake) {
                    bytes.truncate(4);
                    bytes.resize(4 + len, 0x5a);
                    bytes[3] = len as u8;
                }
            });
            let (_, error) = result.unwrap_err();
            let violation = if len == hash_len { Violation::BadFinished } else { Violation::FinishedLength };
            assert_eq!(error, Error::Peer { violation, state: "WAIT_FINISHED" });
            assert_eq!(error.alert(), if len == hash_len { 51 } else { 50 });
            assert!(!pair.server.is_complete());
        }
    }
}

#[test]
fn what_follows_a_hello_at_its_level_is_refused() {
    let mut bytes = HelloParts::good().encode();
    bytes.push(20);
    let mut server = quic::server(Arc::new(server_config()), vec![]);
    let error = server.read(Level::Initial, &bytes, &mut Counting(0)).unwrap_err();
    assert_eq!(error, Error::Peer { violation: Violation::MessageAcrossKeyChange, state: "WAIT_FINISHED" });
    assert!(server.poll_output().is_none());
}

/// Keeps the authorities that clients name.
struct NotesAuthorities(Arc<CertifiedKey>, std::sync::Mutex<Vec<Vec<u8>>>);

impl Resolver for NotesAuthorities {
    fn resolve(&self, wishes: &ClientWishes<'_>) -> Option<Selected> {
        let names = wishes.authorities.into_iter().flat_map(|names| names.iter());
        self.1.lock().unwrap().extend(names.map(<[u8]>::to_vec));
        Some(self.0.clone().into())
    }
}

/// RFC 9846 section 4.3.4-1: whoever chooses the certificate learns of them.
#[test]
fn the_authorities_of_a_client_reach_the_resolver() {
    let resolver = Arc::new(NotesAuthorities(certified(Kind::EcP256), std::sync::Mutex::default()));
    let config = || ServerConfig { resolver: resolver.clone(), ..server_config() };
    let with = |data: &'static [u8]| answer_with(config(), |hello| hello.set(E::CERTIFICATE_AUTHORITIES, data)).err();
    assert!(answer_with(config(), |_| {}).is_ok() && resolver.1.lock().unwrap().is_empty());
    assert_eq!(with(&[0, 7, 0, 2, 0x30, 0, 0, 1, 5]), None);
    assert_eq!(*resolver.1.lock().unwrap(), [vec![0x30, 0], vec![5]]);
    // RFC 9846 section 6.2: decode_error.
    assert_eq!(with(&[0, 0]).map(|error| error.alert()), Some(50));
}
