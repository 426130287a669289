//! Early data over records (RFC 9846 sections 2.3, 4.3.10 and 4.6).

use super::ends::{End, Ends, records};
use crate::early_data::EarlyData;
use crate::record::{Connection, Error, Settings};
use crate::replay_filter::ReplayFilter;
use crate::testing::tickets::Resuming;
use crate::testing::{Counting, NOW, name, provider};
use crate::violation::Violation;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use base::Instant;
use crypto::NamedGroup;

/// A client that offers early data, and a server that takes it, after a first connection.
fn known() -> Resuming {
    let mut resuming = Resuming::new();
    resuming.client.dangerous_offer_early_data_that_may_be_replayed = true;
    accept(&mut resuming);
    let mut first = start(&resuming, &Settings::default(), Some(b"context"));
    assert_eq!(first.client.connection.early_data_room(), 0, "there is no ticket");
    first.run();
    first.assert_complete();
    resuming
}

fn accept(resuming: &mut Resuming) {
    let filter = ReplayFilter::new(100, 10_000, NOW * 1000 - 1_000_000);
    resuming.policy().dangerous_accept_early_data_that_may_be_replayed = Some(Arc::new(filter));
}

/// Without a context the server is one that takes no early data.
fn start(resuming: &Resuming, settings: &Settings, context: Option<&[u8]>) -> Ends {
    let (client, server) = (Arc::new(resuming.client.clone()), Arc::new(resuming.server.clone()));
    let (now, name, random) = (Instant::ZERO, name("server.example"), &mut Counting(7));
    let client = Connection::client_with_early_data(client, name, settings, now, random).unwrap();
    let server = match context {
        Some(context) => Connection::server_with_early_data(server, settings, context, now),
        None => Connection::server(server, settings, now),
    };
    Ends { client: End::of(client), server: End::of(server) }
}

fn kinds(bytes: &[u8]) -> Vec<u8> {
    records(bytes).iter().map(|record| record.0).collect()
}

fn said(ends: &Ends) -> (EarlyData, EarlyData, bool) {
    let [client, server] = [&ends.client, &ends.server].map(|end| end.connection.session());
    assert_eq!(client.is_resumed(), server.is_resumed());
    (client.early_data(), server.early_data(), client.is_resumed())
}

/// Early data comes behind the ClientHello, and goes on until the server has answered. EndOfEarlyData ends it.
/// RFC 9846 section 4.6-1, 4.3.10-8.
#[test]
fn early_data_is_taken_before_the_handshake_is_complete() {
    for compatibility_mode in [true, false] {
        let resuming = known();
        let settings = Settings { compatibility_mode, ..Settings::default() };
        let mut ends = start(&resuming, &settings, Some(b"context"));
        assert_eq!(ends.client.connection.early_data_room(), 16_384);
        let first = ends.client.seal_early(b"early ");
        let expected: &[u8] = if compatibility_mode { &[22, 20, 23] } else { &[22, 23] };
        assert_eq!(kinds(&first), expected);
        assert_eq!(ends.client.connection.early_data_room(), 16_384 - 6);
        ends.server.feed(&first);
        assert_eq!((&ends.server.early_data[..], ends.server.connection.is_complete()), (&b"early "[..], false));
        // Nothing is written as data of the connection, which would have other keys.
        assert!(!ends.client.connection.may_write());
        let more = ends.client.seal_early(b"bird");
        let flight = ends.server.say();
        ends.server.feed(&more);
        ends.client.feed(&flight);
        assert_eq!(ends.client.connection.early_data_room(), 0, "its Finished is made");
        let end = ends.client.say();
        // EndOfEarlyData, and Finished under other keys; no second change_cipher_spec.
        assert_eq!(kinds(&end), [23, 23]);
        ends.server.feed(&end);
        assert_eq!(ends.server.early_data, b"early bird");
        assert!(ends.server.data.is_empty());
        ends.run();
        ends.assert_complete();
        assert_eq!(said(&ends), (EarlyData::Accepted, EarlyData::Accepted, true));
        ends.exchange();
    }
}

/// Who offers and sends none ends it all the same.
#[test]
fn no_early_data_is_early_data_as_well() {
    let resuming = known();
    for piece in [1, 7, usize::MAX] {
        let mut ends = start(&resuming, &Settings::default(), Some(b"context"));
        ends.run_in_pieces(piece);
        ends.assert_complete();
        assert_eq!(said(&ends), (EarlyData::Accepted, EarlyData::Accepted, true));
        ends.exchange();
    }
}

/// What a server does not take it passes over, whatever the reason, and the client learns that it was not taken.
/// RFC 9846 section 4.6-2, 4.3.10-6, 4.3.10-7.
#[test]
fn early_data_that_is_refused_is_passed_over() {
    type Change = fn(&mut Resuming);
    let cases: [(&str, Option<&[u8]>, Change, bool); 5] = [
        ("another context", Some(b"other"), |_| {}, true),
        ("no way to take it", None, |_| {}, true),
        (
            "a filter that has just begun",
            Some(b"context"),
            |resuming| {
                let filter = ReplayFilter::new(100, 10_000, NOW * 1000);
                resuming.policy().dangerous_accept_early_data_that_may_be_replayed = Some(Arc::new(filter));
            },
            true,
        ),
        ("other keys of tickets", Some(b"context"), |resuming| resuming.policy().generation = 1, false),
        (
            "another group, which needs a second ClientHello",
            Some(b"context"),
            |resuming| {
                resuming.server.provider = provider(&[0x1301], &[NamedGroup::SECP256R1]);
            },
            true,
        ),
    ];
    for (case, context, change, resumes) in cases {
        for compatibility_mode in [true, false] {
            let mut resuming = known();
            change(&mut resuming);
            let settings = Settings { compatibility_mode, ..Settings::default() };
            let mut ends = start(&resuming, &settings, context);
            let first = ends.client.seal_early(&[7; 10_000]);
            ends.server.feed(&first);
            let flight = ends.server.say();
            // On its way when the server answers.
            let late = ends.client.seal_early(&[8; 100]);
            ends.server.feed(&late);
            ends.client.feed(&flight);
            assert_eq!(ends.client.connection.early_data_room(), 0, "{case}");
            ends.run();
            ends.assert_complete();
            assert_eq!(said(&ends), (EarlyData::Refused, EarlyData::Refused, resumes), "{case}");
            assert!(ends.server.early_data.is_empty() && ends.server.data.is_empty(), "{case}");
            ends.exchange();
        }
    }
}

/// A recorded first flight is taken once, whoever sends it.
#[test]
fn t8_early_data_is_not_taken_twice() {
    let resuming = known();
    let mut ends = start(&resuming, &Settings::default(), Some(b"context"));
    let first = ends.client.seal_early(b"pay 100");
    ends.server.feed(&first);
    assert_eq!(ends.server.early_data, b"pay 100");
    let mut other = start(&resuming, &Settings::default(), Some(b"context")).server;
    other.feed(&first);
    assert_eq!((&other.early_data[..], &other.error), (&b""[..], &None));
    assert_eq!(other.connection.session().early_data(), EarlyData::Refused);
}

/// RFC 9846 section 4.3.10.
#[test]
fn no_more_early_data_than_the_ticket_allows() {
    let resuming = known();
    let mut ends = start(&resuming, &Settings::default(), Some(b"context"));
    let all = ends.client.seal_early(&[1; 20_000]);
    assert_eq!(ends.client.connection.early_data_room(), 0);
    ends.server.feed(&all);
    assert_eq!((ends.server.early_data.len(), &ends.server.error), (16_384, &None));
    // A client that does not count.
    let (_, writer) = ends.client.connection.parts();
    let mut out = vec![0; 100];
    let (_, len) = writer.write_data(&[1], &mut out).unwrap().unwrap();
    ends.server.feed(&out[..len]);
    assert!(
        matches!(&ends.server.error, Some(Error::Tls(error)) if error.violation() == Some(Violation::EarlyDataTooLong))
    );
    ends.client.feed(&ends.server.say());
    assert!(matches!(ends.client.error, Some(Error::PeerAlert(alert)) if alert.0 == 10), "{:?}", ends.client.error);
}

/// RFC 9846 section 5.5-2: the keys of early data are replaced by nothing, so that they seal no more than they may.
#[test]
fn early_data_ends_before_its_keys_have_sealed_too_much() {
    let resuming = known();
    let settings = Settings { records_per_key: 5, ..Settings::default() };
    let mut ends = start(&resuming, &settings, Some(b"context"));
    let mut records_of_data = 0;
    let mut first = Vec::new();
    while ends.client.connection.early_data_room() > 0 {
        first.extend(ends.client.seal_early(b"1"));
        records_of_data += 1;
        assert!(records_of_data < 10);
    }
    // The fifth is for EndOfEarlyData.
    assert_eq!((records_of_data, ends.client.seal_early(b"1").len()), (4, 0));
    ends.server.feed(&first);
    ends.run();
    ends.assert_complete();
    assert_eq!(ends.server.early_data, b"1111");
    ends.exchange();
}

/// Until the server answers, its limit of a record is that of before (RFC 8449).
#[test]
fn records_of_early_data_are_as_long_as_the_server_took_before() {
    let mut resuming = Resuming::new();
    resuming.client.dangerous_offer_early_data_that_may_be_replayed = true;
    accept(&mut resuming);
    let small = Settings { record_size_limit: 100, ..Settings::default() };
    let mut first = start(&resuming, &small, Some(b"context"));
    first.run();
    first.assert_complete();
    let mut ends = start(&resuming, &small, Some(b"context"));
    let sent = ends.client.seal_early(&[3; 1000]);
    assert!(records(&sent).iter().filter(|record| record.0 == 23).all(|record| record.2 <= 100 + 16));
    ends.server.feed(&sent);
    ends.run();
    ends.assert_complete();
    assert_eq!(ends.server.early_data, [3; 1000]);
}

/// An end in the middle: by either side, and by the stream.
#[test]
fn early_data_that_is_cut_short() {
    let resuming = known();
    let mut ends = start(&resuming, &Settings::default(), Some(b"context"));
    let first = ends.client.seal_early(b"half");
    ends.server.feed(&first);
    assert_eq!(ends.server.connection.on_end(), Err(Error::Truncated));
    let mut ends = start(&resuming, &Settings::default(), Some(b"context"));
    let first = ends.client.seal_early(b"half");
    ends.server.feed(&first);
    ends.client.connection.close();
    let end = ends.client.say();
    ends.server.feed(&end);
    assert_eq!(ends.server.error, Some(Error::ClosedInHandshake));
    assert_eq!(ends.client.connection.early_data_room(), 0);
}

/// Each change of a byte of early data that was accepted ends the connection at once: it is not passed over like what is refused.
/// RFC 9846 section 4.3.10-16, 4.3.10-17.
#[test]
fn no_change_of_early_data_is_taken() {
    let resuming = known();
    let before = start(&resuming, &Settings::default(), Some(b"context")).client.say().len();
    for at in 0..27 {
        let mut resuming = known();
        accept(&mut resuming);
        let mut ends = start(&resuming, &Settings::default(), Some(b"context"));
        let mut first = ends.client.seal_early(b"early");
        let position = before + at;
        assert!(position < first.len());
        first[position] ^= 1;
        // With bytes that a longer record waits for. legacy_record_version is authenticated like the rest.
        first.extend_from_slice(&[0; 300]);
        ends.server.feed(&first);
        assert!(ends.server.early_data.is_empty(), "{at}");
        let expected = if at == 0 { Violation::UnprotectedRecord } else { Violation::RecordProtection };
        let found = match &ends.server.error {
            Some(Error::Tls(error)) => error.violation(),
            _ => None,
        };
        assert_eq!(found, Some(expected), "{at}: {:?}", ends.server.error);
    }
}
