//! Handshakes over records: their records one by one, in any pieces, cut and changed at every byte.

use super::ends::{End, complete_with, fresh, plain, records, start};
use crate::alert::Alert;
use crate::record::header::{FIRST_VERSION, VERSION};
use crate::record::{Connection, Error, Settings};
use crate::testing::clients::{ClientAuthority, client_with, request};
use crate::testing::tickets::Resuming;
use crate::testing::{Counting, client_config, provider, server_config};
use crate::violation::Violation;
use alloc::vec::Vec;
use base::{Duration, Instant};
use crypto::{KeyKind, NamedGroup};

/// RFC 9846 section 5.1-7, 5.1-13, 5.1-17, and appendix E.4.
/// RFC 9846 section 4.2.2-15, 4.2.2-17, 4.2.2-1.
#[test]
fn the_records_of_a_handshake_with_and_without_compatibility_mode() {
    for compatibility_mode in [true, false] {
        let mut ends = start(client_config(), server_config(), &settings(compatibility_mode));
        let hello = ends.client.say();
        assert_eq!(heads(&hello), [(22, FIRST_VERSION)]);
        // Behind the heads of record and message, version and random: a session ID that each connection draws anew.
        let session_id = |hello: &[u8]| hello[44..44 + usize::from(hello[43])].to_vec();
        let drawn = session_id(&hello);
        assert_eq!((hello[5], drawn.len()), (1, if compatibility_mode { 32 } else { 0 }));
        let (name, random) = (crate::testing::name("server.example"), &mut Counting(99));
        let other =
            Connection::client(client_config().into(), name, &settings(compatibility_mode), Instant::ZERO, random);
        assert_eq!(session_id(&End::of(other.unwrap()).say()) != drawn, compatibility_mode);
        ends.server.feed(&hello);
        let flight = ends.server.say();
        let expected: &[_] = if compatibility_mode {
            &[(22, VERSION), (20, VERSION), (23, VERSION)]
        } else {
            &[(22, VERSION), (23, VERSION)]
        };
        assert_eq!(heads(&flight), expected);
        ends.client.feed(&flight);
        let second = ends.client.say();
        let expected: &[_] = if compatibility_mode { &[(20, VERSION), (23, VERSION)] } else { &[(23, VERSION)] };
        assert_eq!(heads(&second), expected);
        ends.server.feed(&second);
        ends.assert_complete();
        ends.exchange();
    }
}

/// Tickets leave with the last of a server's handshake, and the next connection resumes with one.
/// RFC 9846 section 2.2.
#[test]
fn the_second_connection_resumes() {
    let resuming = Resuming::new();
    for is_resumed in [false, true] {
        let mut ends = start(resuming.client.clone(), resuming.server.clone(), &settings(true));
        ends.run();
        ends.assert_complete();
        assert_eq!([&ends.client, &ends.server].map(|end| end.connection.session().is_resumed()), [is_resumed; 2]);
        ends.exchange();
        assert_eq!(resuming.store.len(), 2 + usize::from(is_resumed), "two for each connection, and one was used");
    }
}

/// A client shows who it is, comes back as who it is, and is refused if it shows nothing.
#[test]
fn clients_show_certificates_over_records() {
    let authority = ClientAuthority::new("ours");
    let identity = authority.client(KeyKind::EcP256, &request("client.example", false));
    let mut resuming = Resuming::new();
    resuming.client.identities = client_with(alloc::vec![identity]).identities;
    resuming.server.client_authentication = authority.required();
    for is_resumed in [false, true] {
        let mut ends = start(resuming.client.clone(), resuming.server.clone(), &settings(true));
        ends.run();
        ends.assert_complete();
        let session = ends.server.connection.session();
        assert_eq!((session.is_resumed(), session.peer_identity().is_some()), (is_resumed, true));
        ends.exchange();
    }
    let mut ends = start(client_config(), resuming.server.clone(), &settings(true));
    ends.run();
    assert!(
        matches!(&ends.server.error, Some(Error::Tls(error)) if error.violation() == Some(Violation::CertificateRequired))
    );
    assert_eq!(ends.client.error, Some(Error::PeerAlert(Alert(116))));
}

#[test]
fn one_change_cipher_spec_of_each_side_also_after_a_retry() {
    for compatibility_mode in [true, false] {
        let mut server = server_config();
        server.provider = provider(&[0x1301], &[NamedGroup::SECP256R1]);
        let mut ends = start(client_config(), server, &settings(compatibility_mode));
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            let said = ends.client.say();
            ends.server.feed(&said);
            ours.extend(heads(&said));
            let said = ends.server.say();
            ends.client.feed(&said);
            theirs.extend(heads(&said));
        }
        ends.assert_complete();
        assert!(ends.client.connection.session().is_retried());
        let change = |at: &[(u8, u16)]| -> Vec<usize> {
            at.iter().enumerate().filter(|(_, (kind, _))| *kind == 20).map(|(place, _)| place).collect()
        };
        // Before the second ClientHello, and behind the HelloRetryRequest.
        let expected: &[usize] = if compatibility_mode { &[1] } else { &[] };
        assert_eq!((&change(&ours)[..], &change(&theirs)[..]), (expected, expected));
        let versions: Vec<u16> = ours.iter().map(|(_, version)| *version).collect();
        assert!(versions[0] == FIRST_VERSION && versions[1..].iter().all(|version| *version == VERSION));
        ends.exchange();
    }
}

/// RFC 9846 section 5.1-2, 5.1-5: no piece of a flight is too small, nor a record of one byte.
#[test]
fn handshakes_in_pieces_of_any_size() {
    for len in [1, 2, 3, 5, 6, 7, 100, 1000] {
        let mut ends = fresh();
        ends.run_in_pieces(len);
        ends.assert_complete();
        ends.exchange();
    }
}

/// P18.
#[test]
fn p18_a_client_hello_in_records_of_any_length() {
    for len in [1, 2, 3, 4, 5, 40, 100, 16_384] {
        let mut ends = fresh();
        let hello = ends.client.say();
        for piece in hello[5..].chunks(len) {
            ends.server.feed(&plain(22, piece));
        }
        ends.run();
        ends.assert_complete();
    }
}

#[test]
fn every_flight_cut_at_every_byte_waits_and_then_is_truncated() {
    for which in 0..3 {
        let mut cut = 0;
        loop {
            let (mut end, flight) = before_flight(which);
            if cut >= flight.len() {
                break;
            }
            end.feed(&flight[..cut]);
            assert_eq!(end.error, None, "flight {which} cut at {cut}");
            assert!(!end.connection.is_complete());
            // S16: the end of input at any step is an error within one call.
            assert_eq!(end.connection.on_end(), Err(Error::Truncated));
            assert_eq!(end.connection.on_end(), Err(Error::Truncated));
            cut += 1;
        }
    }
}

/// Whatever byte is changed, the handshake does not complete, and who notices tells the peer by an alert. What
/// RFC 9846 section 5.1-14 has ignored is ignored: the versions in the headers of records without protection.
#[test]
fn every_byte_of_every_flight_changed() {
    for which in 0..3 {
        let mut at = 0;
        loop {
            let (mut end, mut flight) = before_flight(which);
            if at >= flight.len() {
                break;
            }
            let ignored = is_ignored(&flight, at);
            flight[at] ^= 0x15;
            end.feed(&flight);
            match end.error.clone() {
                None if ignored => assert_eq!(end.connection.is_complete(), which > 0, "flight {which}, byte {at}"),
                // A length that grew waits for more; a hello that says something else has another transcript.
                None => assert!(!end.connection.is_complete(), "flight {which}, byte {at}"),
                Some(error) => {
                    assert!(!ignored, "flight {which}, byte {at}: {error}");
                    let is_told = error.alert().is_some();
                    assert!(is_told || matches!(error, Error::PeerAlert(_)), "flight {which}, byte {at}: {error}");
                    assert_eq!(end.connection.error(), Some(&error));
                    let again = end.connection.receive(&mut [22, 3, 3, 0, 1, 0], &mut Counting(0));
                    assert_eq!(again.as_ref(), Err(&error));
                    assert!(!is_told || !end.say().is_empty(), "flight {which}, byte {at}: {error}");
                }
            }
            at += 1;
        }
    }
}

/// S16: an alert at each step, of each kind, is an error within one call.
#[test]
fn s16_alerts_at_each_step() {
    for which in 0..3 {
        for (alert, expected) in [
            ([1, 0], Some(Error::ClosedInHandshake)),
            ([2, 0], Some(Error::ClosedInHandshake)),
            ([2, 40], Some(Error::PeerAlert(Alert(40)))),
            ([1, 40], Some(Error::PeerAlert(Alert(40)))),
            ([1, 200], Some(Error::PeerAlert(Alert(200)))),
            ([1, 90], None),
        ] {
            let mut end = before_flight(which).0;
            let _ = end.say();
            end.feed(&plain(21, &alert));
            // Once there are keys nothing but an error comes without them.
            let is_error = matches!(expected, Some(Error::PeerAlert(_)));
            let expected = if which == 2 && !is_error {
                let violation = crate::Error::from(Violation::UnprotectedRecord).in_state("WAIT_FINISHED");
                Some(Error::Tls(violation))
            } else {
                expected
            };
            assert_eq!(end.error, expected, "{alert:?} at {which}");
            // RFC 9846 section 6.2-1: an alert is not answered.
            assert_eq!(end.say().is_empty(), !matches!(expected, Some(Error::Tls(_))));
        }
    }
}

/// A handshake has a deadline, and nothing else has one here.
#[test]
fn a_handshake_has_to_be_complete_in_time() {
    let timeout = Settings::default().handshake_timeout;
    for which in 0..3 {
        let mut end = before_flight(which).0;
        let _ = end.say();
        assert_eq!(end.connection.deadline(), Some(Instant::ZERO + timeout));
        let before = Instant::ZERO + (timeout - Duration::from_nanos(1));
        assert_eq!(end.connection.on_timeout(before), Ok(()));
        assert_eq!(end.connection.on_timeout(Instant::ZERO + timeout), Err(Error::HandshakeTimeout));
        assert_eq!(end.connection.deadline(), None);
        // user_canceled and close_notify.
        let told = records(&end.say());
        assert_eq!(told.len(), 2, "{told:?}");
    }
    let mut ends = complete_with(&Settings::default());
    assert_eq!((ends.client.connection.deadline(), ends.server.connection.deadline()), (None, None));
    assert_eq!(ends.client.connection.on_timeout(Instant::MAX), Ok(()));
}

#[test]
fn what_is_not_tls_is_refused_by_its_first_byte() {
    for text in [&b"GET / HTTP/1.1\r\n"[..], b"\x00", b"\x80\x2e\x01"] {
        let mut end = fresh().server;
        end.feed(&text[..1]);
        let violation = crate::Error::from(Violation::RecordType).in_state("START");
        assert_eq!(end.error, Some(Error::Tls(violation)));
        assert_eq!(end.say(), plain(21, &[2, 10]));
    }
}

/// Refused certificates and protocols: the alert goes under the keys that the peer has by then.
#[test]
fn a_refusal_reaches_the_peer_as_an_alert() {
    let mut client = client_config();
    client.alpn = alloc::vec![b"nothing".to_vec()];
    let mut ends = start(client, server_config(), &Settings::default());
    ends.run();
    assert_eq!(ends.client.error, Some(Error::PeerAlert(Alert::NO_APPLICATION_PROTOCOL)));
    let mut client = client_config();
    client.roots = crate::ServerVerification::Roots(alloc::sync::Arc::new(x509::RootStore::new()));
    let mut ends = start(client, server_config(), &Settings::default());
    ends.run();
    assert!(matches!(ends.client.error, Some(Error::Tls(crate::Error::Certificate(_)))));
    assert_eq!(ends.server.error, Some(Error::PeerAlert(Alert::UNKNOWN_CA)));
}

/// A client that gives up under the keys of the handshake looks like an older one to the end.
/// RFC 9846 section E.4-1.
#[test]
fn a_protected_refusal_of_a_client_has_its_change_cipher_spec() {
    for (compatibility_mode, expected) in [(true, &[(20, VERSION), (23, VERSION)][..]), (false, &[(23, VERSION)])] {
        let mut client = client_config();
        client.roots = crate::ServerVerification::Roots(alloc::sync::Arc::new(x509::RootStore::new()));
        let mut ends = start(client, server_config(), &settings(compatibility_mode));
        let hello = ends.client.say();
        ends.server.feed(&hello);
        let flight = ends.server.say();
        ends.client.feed(&flight);
        let refusal = ends.client.say();
        assert_eq!(heads(&refusal), expected);
        ends.server.feed(&refusal);
        assert_eq!(ends.server.error, Some(Error::PeerAlert(Alert::UNKNOWN_CA)));
    }
    // Without keys there is nothing to hide.
    let mut ends = fresh();
    let _ = ends.client.say();
    ends.client.feed(&plain(22, &[2, 1, 0, 1]));
    assert_eq!(heads(&ends.client.say()).iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [21]);
}

/// A server that refuses early data passes over it, up to a limit, before and after a HelloRetryRequest.
#[test]
fn refused_early_data_is_skipped_within_a_limit() {
    for retry in [false, true] {
        for (records, len, right) in [(1, 17, true), (3, 16_000, true), (5, 16_000, false)] {
            let mut server = server_config();
            if retry {
                server.provider = provider(&[0x1301], &[NamedGroup::SECP256R1]);
            }
            let mut ends = start(client_config(), server, &settings(false));
            let hello = with_early_data(&ends.client.say());
            ends.server.feed(&hello);
            assert_eq!(ends.server.error, None);
            for _ in 0..records {
                ends.server.feed(&plain(23, &alloc::vec![9; len]));
            }
            assert_eq!(ends.server.error.is_none(), right, "{records} of {len}, retry {retry}");
        }
    }
    // Who has not offered any sends none.
    let mut ends = fresh();
    let hello = ends.client.say();
    ends.server.feed(&hello);
    ends.server.feed(&plain(23, &[9; 17]));
    let violation = crate::Error::from(Violation::RecordProtection).in_state("WAIT_FINISHED");
    assert_eq!(ends.server.error, Some(Error::Tls(violation)));
}

/// The hello with psk_key_exchange_modes, early_data and a pre-shared key that nobody knows.
fn with_early_data(hello: &[u8]) -> Vec<u8> {
    let mut message = hello[5..].to_vec();
    let identity = [&[0, 7, 0, 1, 9][..], &[0; 4]].concat();
    let binder = [&[0, 33, 32][..], &[7; 32]].concat();
    let more = [&[0, 45, 0, 2, 1, 1, 0, 42, 0, 0, 0, 41, 0, 44][..], &identity, &binder].concat();
    // Behind header, version, random, session ID, suites and compression: the length of the extensions.
    let mut at = 4 + 2 + 32;
    at += 1 + usize::from(message[at]);
    at += 2 + usize::from(u16::from_be_bytes([message[at], message[at + 1]]));
    at += 1 + usize::from(message[at]);
    let len = u16::from_be_bytes([message[at], message[at + 1]]) + more.len() as u16;
    message[at..at + 2].copy_from_slice(&len.to_be_bytes());
    message.extend_from_slice(&more);
    let len = (message.len() - 4) as u16;
    message[2..4].copy_from_slice(&len.to_be_bytes());
    plain(22, &message)
}

fn settings(compatibility_mode: bool) -> Settings {
    Settings { compatibility_mode, ..Settings::default() }
}

fn heads(bytes: &[u8]) -> Vec<(u8, u16)> {
    records(bytes).into_iter().map(|(kind, version, _)| (kind, version)).collect()
}

/// A handshake up to this flight: who is to receive it, and the flight.
fn before_flight(which: usize) -> (End, Vec<u8>) {
    let mut ends = fresh();
    let hello = ends.client.say();
    if which == 0 {
        return (ends.server, hello);
    }
    ends.server.feed(&hello);
    let flight = ends.server.say();
    if which == 1 {
        return (ends.client, flight);
    }
    ends.client.feed(&flight);
    let finished = ends.client.say();
    (ends.server, finished)
}

/// Whether the byte at this place is of the version in the header of a record without protection.
fn is_ignored(flight: &[u8], at: usize) -> bool {
    let mut start = 0;
    for (kind, _, len) in records(flight) {
        if (start + 1..start + 3).contains(&at) {
            return kind != 23;
        }
        start += 5 + len;
    }
    false
}
