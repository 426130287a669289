//! Early data (0-RTT): off unless both sides say that it may be replayed, taken once, and only where all is as it was.

use super::resumption::{offer, offer_among};
use super::{GROUPS, SUITES};
use crate::carrier::Carrier;
use crate::early_data::EarlyData;
use crate::key_change::KeyChange;
use crate::level::Level;
use crate::message::client_hello::ClientHello;
use crate::message::extension::ExtensionType;
use crate::message::framing::{HEADER_LEN, HandshakeType};
use crate::message::new_session_ticket::NewSessionTicket;
use crate::quic;
use crate::records;
use crate::replay_filter::ReplayFilter;
use crate::session::Session;
use crate::testing::hello_parts::HelloParts;
use crate::testing::scripted_server::framed;
use crate::testing::tickets::{Resuming, Same, deliver_tickets, tickets};
use crate::testing::{Counting, Log, NOW, Pair, SERVER_PARAMETERS, Speaker, name, provider};
use crate::ticket::Ticket;
use crate::violation::Violation;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use std::sync::Mutex;

const CONTEXT: &[u8] = b"limits";
const TOLERANCE: u32 = 10_000;

/// Both sides allow early data, and the server has been up for long enough.
fn resuming() -> Resuming {
    let mut resuming = Resuming::new();
    resuming.client.dangerous_offer_early_data_that_may_be_replayed = true;
    accept(&mut resuming);
    resuming.client.tickets = Some(Arc::new(Same(Mutex::default())));
    resuming
}

/// A server that has remembered nothing so far, and was started long ago.
pub(super) fn accept(resuming: &mut Resuming) {
    let filter = ReplayFilter::new(1000, TOLERANCE, NOW * 1000 - 1_000_000);
    resuming.policy().dangerous_accept_early_data_that_may_be_replayed = Some(Arc::new(filter));
}

/// A full handshake with tickets.
fn fill(resuming: &Resuming) {
    finish(&mut resuming.early_pair(CONTEXT));
}

fn finish(pair: &mut Pair) {
    pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
    pair.assert_complete();
    deliver_tickets(pair);
}

/// What becomes of the early data of the next connection, which is good in any case.
fn outcome(resuming: &Resuming) -> EarlyData {
    let mut pair = resuming.early_pair(CONTEXT);
    finish(&mut pair);
    pair.client.early_data()
}

/// RFC 9001 section 4.6.1-1, 8.3-1.
/// RFC 9846 section 4.3.11.3-1, 4.3.10-1, 4.3.10-2, 4.3.10-5, 4.3.10-8.
#[test]
fn both_sides_have_the_keys_at_once() {
    for suite in SUITES {
        let mut resuming = resuming();
        resuming.client.provider = provider(&SUITES, &GROUPS);
        resuming.server.provider = provider(&[suite], &GROUPS);
        let log = Arc::new(Log::default());
        fill(&resuming);
        resuming.client.key_log = Some(log.clone());
        let mut pair = resuming.early_pair(CONTEXT);
        assert_eq!(pair.client.early_data(), EarlyData::Offered);
        assert_eq!(pair.client.take_remembered_parameters(), Some(SERVER_PARAMETERS.to_vec()));
        assert_eq!(pair.client.take_remembered_parameters(), None);
        let Some(KeyChange::EarlyData { suite: ours, secret }) = pair.client.poll_keys() else { panic!() };
        let (level, hello) = pair.client.poll_output().unwrap();
        pair.server.read(level, &hello, &mut Counting(0)).unwrap();
        let Some(KeyChange::EarlyData { suite: theirs, secret: same }) = pair.server.poll_keys() else { panic!() };
        assert_eq!((ours.id, theirs.id), (suite, suite));
        assert_eq!(secret.as_bytes(), same.as_bytes());
        assert_eq!(pair.server.early_data(), EarlyData::Accepted);
        assert!(!pair.server.is_complete(), "it is not known to be no repetition");
        assert_eq!(log.0.lock().unwrap()[0].0, "CLIENT_EARLY_TRAFFIC_SECRET");
        pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
        assert!(pair.client.is_complete() && pair.server.is_complete());
        assert_eq!(pair.client.early_data(), EarlyData::Accepted);
        // No message ends early data over QUIC.
        assert!(pair.said.iter().all(|(_, level, _)| *level != Level::EarlyData));
    }
}

/// T7. RFC 9846 appendix F.5: neither side does it by itself.
#[test]
fn early_data_is_off_unless_both_sides_and_the_carrier_want_it() {
    let mut off = resuming();
    off.client.dangerous_offer_early_data_that_may_be_replayed = false;
    fill(&off);
    assert_eq!(outcome(&off), EarlyData::NotOffered);
    let mut off = resuming();
    off.policy().dangerous_accept_early_data_that_may_be_replayed = None;
    fill(&off);
    assert_eq!(outcome(&off), EarlyData::NotOffered, "the ticket does not allow it");
    let on = resuming();
    fill(&on);
    let mut plain = on.pair();
    assert_eq!((plain.client.early_data(), plain.client.poll_keys().is_some()), (EarlyData::NotOffered, false));
    finish(&mut plain);
    assert!(plain.client.is_resumed());
    assert_eq!(plain.client.early_data(), EarlyData::NotOffered);
    assert_eq!(outcome(&on), EarlyData::Accepted);
    // Off on the server since the ticket was given.
    let mut off = resuming();
    fill(&off);
    off.policy().dangerous_accept_early_data_that_may_be_replayed = None;
    assert_eq!(outcome(&off), EarlyData::Refused);
    // A server whose carrier has none gives no ticket that allows it, whatever is configured.
    let on = resuming();
    let mut pair = on.pair();
    pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
    let (flight, _) = tickets(&mut pair.server);
    let first = &flight[HEADER_LEN..HEADER_LEN + (usize::from(flight[2]) << 8 | usize::from(flight[3]))];
    assert_eq!(NewSessionTicket::decode(first).unwrap().max_early_data_size, None);
}

/// RFC 9846 section 4.3.10.
/// RFC 9846 section 4.3.10-10, 4.3.10-12, 4.3.10-13, 4.3.10-15.
#[test]
fn early_data_is_refused_where_anything_is_different() {
    let refused = |change: fn(&mut Resuming)| {
        let mut resuming = resuming();
        resuming.client.provider = provider(&SUITES, &GROUPS);
        resuming.server.provider = provider(&[SUITES[0], SUITES[2], SUITES[1]], &GROUPS);
        resuming.server.alpn = vec![b"h3".to_vec(), b"other".to_vec()];
        fill(&resuming);
        change(&mut resuming);
        let mut pair = resuming.early_pair(CONTEXT);
        finish(&mut pair);
        assert_eq!(pair.client.take_remembered_parameters(), None, "the server has answered");
        (pair.client.early_data(), pair.client.is_resumed())
    };
    assert_eq!(refused(|_| {}), (EarlyData::Accepted, true));
    // Another suite of the same hash: the ticket is good, early data is not.
    assert_eq!(
        refused(|resuming| resuming.server.provider = provider(&SUITES[2..], &GROUPS)),
        (EarlyData::Refused, true)
    );
    assert_eq!(
        refused(|resuming| resuming.server.provider = provider(&SUITES[1..2], &GROUPS)),
        (EarlyData::Refused, false)
    );
    assert_eq!(refused(|resuming| resuming.server.alpn = vec![b"other".to_vec()]), (EarlyData::Refused, false));
    // With a HelloRetryRequest.
    assert_eq!(
        refused(|resuming| resuming.server.provider = provider(&[SUITES[0]], &GROUPS[1..2])),
        (EarlyData::Refused, true)
    );
    let resuming = resuming();
    fill(&resuming);
    let mut pair = resuming.early_pair(b"other limits");
    finish(&mut pair);
    assert_eq!((pair.client.early_data(), pair.client.is_resumed()), (EarlyData::Refused, true));
}

/// RFC 9846 section 4.3.10-9: early data is under the first ticket's keys, so that no other one will do.
#[test]
fn early_data_goes_with_the_first_ticket_alone() {
    for (before, expected) in [(0, EarlyData::Accepted), (1, EarlyData::Refused)] {
        let resuming = resuming();
        let ticket = ticket_of(&resuming);
        let mut parts = HelloParts::good();
        parts.set(ExtensionType::EARLY_DATA, &[]);
        let hello = offer(parts, &ticket, before);
        let mut server = server(&resuming);
        server.read(Level::Initial, &hello, &mut Counting(0)).unwrap();
        assert_eq!((server.early_data(), server.is_resumed()), (expected, true), "{before} before it");
    }
}

/// A client that does not offer the version of the ticket is refused before anything is taken; so the ticket is as good as before.
/// RFC 9846 section 4.3.10-11.
#[test]
fn early_data_needs_the_version_of_its_ticket() {
    let resuming = resuming();
    let ticket = ticket_of(&resuming);
    let read = |versions: &[u8]| {
        let mut parts = HelloParts::good();
        parts.set(ExtensionType::EARLY_DATA, &[]);
        parts.set(ExtensionType::SUPPORTED_VERSIONS, versions);
        let mut server = server(&resuming);
        let result = server.read(Level::Initial, &offer(parts, &ticket, 0), &mut Counting(0));
        (result.err().map(|error| error.violation().unwrap()), server.early_data(), server.poll_keys().is_some())
    };
    // TLS 1.2, 1.2 and 1.1, a draft of 1.3, one after it.
    for versions in [&[2, 3, 3][..], &[4, 3, 3, 3, 2], &[2, 0x7f, 28], &[2, 3, 5]] {
        assert_eq!(read(versions), (Some(Violation::VersionTooOld), EarlyData::NotOffered, false), "{versions:?}");
    }
    assert_eq!(read(&[4, 3, 3, 3, 4]), (None, EarlyData::Accepted, true));
}

/// What is remembered of a first flight comes from its ticket, which was opened and whose binder was verified: whoever changes the rest
/// has not made another flight of it, and whoever cannot make the binder uses nothing up.
/// RFC 9846 section 8.2-2.
#[test]
fn t8_what_is_remembered_is_what_was_verified() {
    let resuming = resuming();
    let ticket = ticket_of(&resuming);
    let parts = || {
        let mut parts = HelloParts::good();
        parts.set(ExtensionType::EARLY_DATA, &[]);
        parts
    };
    let read = |hello: &[u8]| {
        let mut server = server(&resuming);
        let result = server.read(Level::Initial, hello, &mut Counting(0));
        result.map(|()| server.early_data()).map_err(|error| error.violation().unwrap())
    };
    let good = offer_among(parts(), &ticket, 0, 1);
    // The binder of the first ticket, before that of one that nobody knows.
    let mut forged = good.clone();
    let first_binder = forged.len() - 2 * 33 + 1;
    forged[first_binder] ^= 1;
    for _ in 0..3 {
        assert_eq!(read(&forged), Err(Violation::BadBinder));
    }
    assert_eq!(read(&good), Ok(EarlyData::Accepted));
    // Nobody verifies the second binder, which therefore makes no difference.
    let mut other_end = good.clone();
    *other_end.last_mut().unwrap() ^= 1;
    assert_eq!(read(&other_end), Ok(EarlyData::Refused));
    // Nor does what a holder of the ticket writes anew: another share, more bytes, another ticket behind it.
    let mut longer = parts();
    longer.set(ExtensionType::PADDING, &[0; 9]);
    for hello in [offer(parts(), &ticket, 0), offer(longer, &ticket, 0), offer_among(parts(), &ticket, 0, 2)] {
        assert_eq!(read(&hello), Ok(EarlyData::Refused));
    }
}

/// The ticket of a full handshake.
fn ticket_of(resuming: &Resuming) -> Ticket {
    fill(resuming);
    let store = resuming.client.tickets.as_ref().unwrap();
    let origin = resuming.client.ticket_origin(&quic::RULES, 1, &name("server.example")).unwrap();
    store.take(&origin, NOW * 1000).unwrap()
}

fn server(resuming: &Resuming) -> Session {
    quic::server_with_early_data(Arc::new(resuming.server.clone()), SERVER_PARAMETERS.to_vec(), CONTEXT)
}

/// A first flight is taken once (RFC 9846 section 8), whoever sends it again.
/// RFC 9846 sections 8, 8.2.
/// RFC 9846 section 8-3, 8.2-1.
#[test]
fn t8_a_first_flight_that_is_sent_again_is_refused() {
    let resuming = resuming();
    fill(&resuming);
    let mut pair = resuming.early_pair(CONTEXT);
    let (level, hello) = pair.client.poll_output().unwrap();
    let again = |at: &Resuming| {
        let config = Arc::new(at.server.clone());
        let mut server = quic::server_with_early_data(config, SERVER_PARAMETERS.to_vec(), CONTEXT);
        server.read(level, &hello, &mut Counting(9)).unwrap();
        // The handshake itself goes on; who repeats it cannot finish it.
        assert!(server.is_resumed() && server.poll_output().is_some());
        server.early_data()
    };
    assert_eq!(again(&resuming), EarlyData::Accepted);
    for _ in 0..3 {
        assert_eq!(again(&resuming), EarlyData::Refused);
    }
    // Later it is too old to be fresh.
    for seconds in [9, 10, 11, 20, 40, 3600] {
        resuming.clock.set((NOW + seconds) * 1000);
        assert_eq!(again(&resuming), EarlyData::Refused, "{seconds}");
    }
    // A server that was just started does not know what it took before.
    let mut restarted = resuming;
    restarted.clock.set(NOW * 1000);
    let filter = ReplayFilter::new(1000, TOLERANCE, NOW * 1000);
    restarted.policy().dangerous_accept_early_data_that_may_be_replayed = Some(Arc::new(filter));
    assert_eq!(again(&restarted), EarlyData::Refused);
}

/// RFC 9846 section 4.3.10.
/// RFC 9846 section 4.3.10-3.
#[test]
fn t8_a_ticket_whose_age_is_not_what_it_says_gets_no_early_data() {
    for (skew, taken) in [(0, true), (9_000, true), (-9_000, true), (11_000, false), (-11_000, false)] {
        let mut resuming = resuming();
        resuming.clock.set((NOW + 100) * 1000);
        fill(&resuming);
        // The client's clock goes on evenly, the server's jumps.
        resuming.clock.advance(60_000);
        let at_client = resuming.clock.clone();
        let at_server = crate::testing::tickets::SetClock::new();
        at_server.set((NOW + 160) * 1000);
        at_server.advance(skew);
        resuming.client.wall_clock = Arc::new(at_client);
        resuming.server.wall_clock = Arc::new(at_server);
        accept(&mut resuming);
        let mut pair = resuming.early_pair(CONTEXT);
        finish(&mut pair);
        let expected = if taken { EarlyData::Accepted } else { EarlyData::Refused };
        assert_eq!((pair.client.early_data(), pair.client.is_resumed()), (expected, true), "{skew}");
    }
}

/// RFC 9846 sections 4.3.11, 4.3.10.
/// RFC 9846 section 4.3.11-13, 4.3.11-14.
#[test]
fn a_server_that_accepts_what_it_must_not_is_refused() {
    let said = |change: &dyn Fn(&mut Vec<u8>), resuming: &Resuming| {
        let mut pair = resuming.early_pair(CONTEXT);
        let mut random = Counting(3);
        let (level, hello) = pair.client.poll_output().unwrap();
        pair.server.read(level, &hello, &mut random).unwrap();
        let (level, answer) = pair.server.poll_output().unwrap();
        pair.client.read(level, &answer, &mut random).unwrap();
        let (level, flight) = pair.server.poll_output().unwrap();
        let len = HEADER_LEN + (usize::from(flight[2]) << 8 | usize::from(flight[3]));
        let mut body = flight[HEADER_LEN..len].to_vec();
        change(&mut body);
        let message = framed(HandshakeType::ENCRYPTED_EXTENSIONS, &body);
        pair.client.read(level, &message, &mut random).err().and_then(|error| error.violation())
    };
    let accept = |body: &mut Vec<u8>| {
        body.extend_from_slice(&[0, 42, 0, 0]);
        let len = (body.len() - 2) as u16;
        body[..2].copy_from_slice(&len.to_be_bytes());
    };
    // Not offered.
    let mut off = resuming();
    off.client.dangerous_offer_early_data_that_may_be_replayed = false;
    fill(&off);
    assert_eq!(said(&accept, &off), Some(Violation::ExtensionNotOffered));
    // Offered, and the ticket not selected.
    let mut other_keys = resuming();
    fill(&other_keys);
    other_keys.policy().keys = crate::testing::tickets::keys(9);
    assert_eq!(said(&accept, &other_keys), Some(Violation::EarlyDataNotResumed));
    // With another suite of the same hash.
    let mut other_suite = resuming();
    other_suite.client.provider = provider(&SUITES, &GROUPS);
    fill(&other_suite);
    other_suite.server.provider = provider(&SUITES[2..], &GROUPS);
    assert_eq!(said(&accept, &other_suite), Some(Violation::EarlyDataOtherParameters));
    // With another application protocol.
    let two = resuming();
    fill(&two);
    let rename = |body: &mut Vec<u8>| {
        let at = body.windows(7).position(|window| window == [0, 16, 0, 5, 0, 3, 2]).unwrap();
        body.splice(at..at + 9, *b"\x00\x10\x00\x08\x00\x06\x05other");
        let len = (body.len() - 2) as u16;
        body[..2].copy_from_slice(&len.to_be_bytes());
    };
    assert_eq!(said(&rename, &two), Some(Violation::EarlyDataOtherParameters));
    // The extension is empty.
    let fill_it = |body: &mut Vec<u8>| {
        let at = body.windows(4).position(|window| window == [0, 42, 0, 0]).unwrap();
        body.splice(at..at + 4, [0, 42, 0, 1, 7]);
        let len = (body.len() - 2) as u16;
        body[..2].copy_from_slice(&len.to_be_bytes());
    };
    let again = resuming();
    fill(&again);
    assert_eq!(said(&fill_it, &again), Some(Violation::Malformed));
}

/// RFC 9846 sections 4.2.2, 4.3.10.
/// RFC 9846 section 4.2.2-4, 4.3.10-7.
#[test]
fn no_early_data_in_the_second_hello() {
    let mut resuming = resuming();
    fill(&resuming);
    resuming.server.provider = provider(&SUITES, &GROUPS[1..2]);
    let mut pair = resuming.early_pair(CONTEXT);
    finish(&mut pair);
    let offers = |number: usize| ClientHello::decode(&pair.said[number].2[HEADER_LEN..]).unwrap().offers_early_data;
    assert!(offers(0) && !offers(2));
    assert!(pair.client.is_resumed() && pair.client.is_retried());
    // A client that offers it again is refused.
    let mut pair = resuming.early_pair(CONTEXT);
    let (who, error) = pair
        .run(usize::MAX, |index, _, _, bytes| {
            if index == 2 {
                let hello = ClientHello::decode(&bytes[HEADER_LEN..]).unwrap();
                assert!(hello.extensions.find(ExtensionType::EARLY_DATA).is_none());
                let mut parts = HelloParts::good();
                parts.extensions = hello.extensions.iter().map(|(kind, data)| (kind, data.to_vec())).collect();
                let last = parts.extensions.len() - 1;
                parts.extensions.insert(last, (ExtensionType::EARLY_DATA, vec![]));
                *bytes = parts.encode();
            }
        })
        .unwrap_err();
    assert_eq!((who, error.violation()), (Speaker::Server, Some(Violation::EarlyDataAfterRetry)));
}

/// Two sessions over records that have early data.
fn over_records(resuming: &Resuming) -> Pair {
    let carrier =
        || Carrier { rules: &records::RULES, parameters: Vec::new(), session_id: Vec::new(), version: 0, answer: None };
    let client = Arc::new(resuming.client.clone());
    let client = Session::client(client, carrier(), name("server.example"), true, &mut Counting(7)).unwrap();
    Pair::of(client, Session::server(Arc::new(resuming.server.clone()), carrier(), Some(CONTEXT)))
}

/// RFC 9846 section 4.6.
/// RFC 9846 section 4.6-1.
#[test]
fn over_records_a_message_ends_early_data() {
    let resuming = resuming();
    let mut first = over_records(&resuming);
    finish(&mut first);
    assert!(first.said.iter().all(|(_, level, _)| *level != Level::EarlyData));
    let mut pair = over_records(&resuming);
    finish(&mut pair);
    assert_eq!(pair.client.early_data(), EarlyData::Accepted);
    let ends: Vec<_> = pair.said.iter().filter(|(_, level, _)| *level == Level::EarlyData).collect();
    assert_eq!(ends, [&(Speaker::Client, Level::EarlyData, vec![5, 0, 0, 0])]);
    // Once more: refused, because it is the same ticket; then nothing ends what did not begin.
    let mut again = over_records(&resuming);
    finish(&mut again);
    assert_eq!((again.client.early_data(), again.client.is_resumed()), (EarlyData::Refused, true));
    assert!(again.said.iter().all(|(_, level, _)| *level != Level::EarlyData));
}

/// In WAIT_EOED only EndOfEarlyData has a place, under the keys of early data, and empty.
#[test]
fn nothing_else_ends_early_data() {
    let waiting = || {
        let resuming = resuming();
        finish(&mut over_records(&resuming));
        let mut pair = over_records(&resuming);
        let (level, hello) = pair.client.poll_output().unwrap();
        pair.server.read(level, &hello, &mut Counting(0)).unwrap();
        assert_eq!(pair.server.early_data(), EarlyData::Accepted);
        pair.server
    };
    for kind in 0..=255u8 {
        for level in [Level::Initial, Level::EarlyData, Level::Handshake, Level::OneRtt] {
            let is_right = level == Level::EarlyData && kind == 5;
            if (level != Level::EarlyData && kind > 25) || is_right {
                continue;
            }
            let error = waiting().read(level, &[kind], &mut Counting(0)).unwrap_err();
            let expected = if level == Level::EarlyData { Violation::UnexpectedMessage } else { Violation::WrongLevel };
            assert_eq!(error.violation(), Some(expected), "{kind} {level}");
            assert!(alloc::format!("{error}").ends_with("in state WAIT_EOED"), "{error}");
        }
    }
    let mut server = waiting();
    assert_eq!(server.read(Level::EarlyData, &[5, 0, 0, 0], &mut Counting(0)), Ok(()));
    // Once.
    assert!(server.read(Level::EarlyData, &[5, 0, 0, 0], &mut Counting(0)).is_err());
    let error = waiting().read(Level::EarlyData, &[5, 0, 0, 1, 0], &mut Counting(0)).unwrap_err();
    assert_eq!(error.violation(), Some(Violation::Malformed));
    // The client's Finished covers it: left out, the Finished is wrong.
    let resuming = resuming();
    finish(&mut over_records(&resuming));
    let mut pair = over_records(&resuming);
    let outcome = pair.run(usize::MAX, |_, _, level, bytes| {
        if level == Level::EarlyData {
            bytes.clear();
        }
    });
    assert!(outcome.is_err() && !pair.server.is_complete());
}

/// RFC 9001 section 4.6.1-1.
/// RFC 9846 section 4.7.1: over records a ticket says how many bytes; over QUIC the number has one value.
#[test]
fn what_a_ticket_says_of_early_data() {
    let size = |pair: &mut Pair| {
        pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
        let (flight, _) = tickets(&mut pair.server);
        let first = &flight[HEADER_LEN..HEADER_LEN + (usize::from(flight[2]) << 8 | usize::from(flight[3]))];
        NewSessionTicket::decode(first).unwrap().max_early_data_size
    };
    assert_eq!(size(&mut resuming().early_pair(CONTEXT)), Some(u32::MAX));
    assert_eq!(size(&mut over_records(&resuming())), Some(16_384));
}

/// T8. RFC 9846 section 8.1: servers that open each other's tickets, and do not know what the other has taken.
#[test]
fn t8_a_sibling_resumes_and_takes_no_early_data() {
    let named = |resuming: &mut Resuming, name: u8| {
        let filter = ReplayFilter::new(1000, TOLERANCE, NOW * 1000).named([name; 32]);
        resuming.policy().dangerous_accept_early_data_that_may_be_replayed = Some(Arc::new(filter));
    };
    let mut resuming = resuming();
    named(&mut resuming, 1);
    fill(&resuming);
    assert_eq!(
        outcome(&resuming),
        EarlyData::Accepted,
        "it knows all that was taken with its tickets, from its start on"
    );
    named(&mut resuming, 2);
    let mut pair = resuming.early_pair(CONTEXT);
    finish(&mut pair);
    assert!(pair.client.is_resumed());
    assert_eq!(pair.client.early_data(), EarlyData::Refused);
}

/// RFC 9000 section 7.4.1: what the application relies on is kept with the tickets that come after it was said.
#[test]
fn what_the_application_relies_on_comes_back_with_the_ticket() {
    // What is said before the handshake is complete, what is said after it, and what comes back.
    let rows: [(&[u8], &[u8], &[u8]); 4] = [
        (b"too early", b"", b""),
        (b"too early", b"settings", b"settings"),
        (b"", &[0; 4096], &[0; 4096]),
        (b"", &[0; 4097], b""),
    ];
    for (before, after, expected) in rows {
        let resuming = resuming();
        let mut pair = resuming.early_pair(CONTEXT);
        pair.client.remember_application(before);
        pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
        pair.client.remember_application(after);
        deliver_tickets(&mut pair);
        let mut next = resuming.early_pair(CONTEXT);
        assert_eq!(next.client.take_remembered_application().as_deref(), Some(expected));
        assert_eq!(next.client.take_remembered_application().as_deref(), Some(&[][..]), "it is given once");
        finish(&mut next);
        assert_eq!(next.client.take_remembered_application(), None);
    }
}
