//! Lengths: what is sent in one record and what is taken in one, padding, record_size_limit, and records that bring nothing.

use super::ends::{Ends, complete, complete_with, fresh, plain, records, start};
use crate::alert::Alert;
use crate::record::counts::MAX_RECORDS_WITHOUT_DATA;
use crate::record::header::ContentType;
use crate::record::{Error, Settings, Written};
use crate::testing::{client_config, server_config};
use crate::violation::Violation;
use alloc::vec;
use alloc::vec::Vec;

fn violation(error: Option<&Error>) -> Option<Violation> {
    match error {
        Some(Error::Tls(error)) => error.violation(),
        _ => None,
    }
}

/// RFC 9846 section 5.1-12, 5.1-15, 5.1-18, 5.2-1.
#[test]
fn data_of_every_length_is_cut_into_records() {
    let mut ends = complete();
    for len in [1, 2, 16_383, 16_384, 16_385, 32_768, 32_769, 100_000_usize] {
        let data: Vec<u8> = (0..len).map(|at| at as u8).collect();
        let sealed = ends.client.seal(&data);
        let found = records(&sealed);
        assert_eq!(found.len(), len.div_ceil(16_384));
        assert!(found.iter().all(|(kind, version, len)| (*kind, *version) == (23, 0x0303) && *len <= 16_384 + 17));
        ends.server.data.clear();
        sealed.chunks(1000).for_each(|piece| ends.server.feed(piece));
        assert!(ends.server.data == data, "{len}");
    }
}

/// RFC 9846 section 5.1-8.
#[test]
fn nothing_to_say_is_no_record() {
    for mut ends in [fresh(), complete()] {
        let _ = ends.client.say();
        for kind in [ContentType::Handshake, ContentType::Alert] {
            ends.client.connection.parts().1.push(kind, &[]).unwrap();
        }
        assert!(ends.client.say().is_empty());
        assert_eq!(ends.client.connection.write(&[], &mut [0; 1000]), Ok(Written::default()));
    }
}

/// RFC 9846 section 5.4-1, 5.4-2, 5.4-6: handshake messages, alerts and data alike.
#[test]
fn padding_hides_lengths_and_is_taken_off_again() {
    for multiple in [1, 2, 64, 1000, 16_384, u16::MAX] {
        let settings = Settings { padding_multiple: multiple, ..Settings::default() };
        let mut ends = complete_with(&settings);
        let mut lengths = Vec::new();
        for len in [1, 10, 63, 64, 16_000, 16_384, 20_000] {
            let data = vec![7; len];
            let sealed = ends.client.seal(&data);
            lengths.extend(records(&sealed).into_iter().map(|(_, _, len)| len - 16));
            ends.server.data.clear();
            ends.server.feed(&sealed);
            assert!(ends.server.data == data && ends.server.error.is_none());
        }
        let multiple = usize::from(multiple.min(16_384));
        assert!(lengths.iter().all(|len| len % multiple == 0 || *len == 16_385), "{multiple}: {lengths:?}");
        ends.client.connection.close();
        let close = ends.client.say();
        assert_eq!((records(&close)[0].2 - 16) % multiple, 0);
        ends.server.feed(&close);
        assert!(ends.server.ended);
    }
}

/// RFC 9846 section 5.1-16, 5.2-2, 5.2-5, 5.4-6.
#[test]
fn records_that_are_too_long() {
    for (record, place) in [
        (plain(22, &vec![1; 16_385]), 0),
        (plain(23, &vec![1; 16_641]), 1),
        // It fits what a record may have, and holds more than an inner plaintext may.
        (plain(23, &vec![1; 16_402]), 1),
    ] {
        let mut ends = if place == 0 { fresh() } else { complete() };
        // Its header alone is enough.
        ends.server.feed(&record[..5]);
        assert_eq!(violation(ends.server.error.as_ref()), Some(Violation::RecordTooLong));
        assert_eq!(ends.server.error.unwrap().alert(), Some(Alert::RECORD_OVERFLOW));
    }
}

/// RFC 8449 section 4: what each says is kept by the other, from the first record under protection on.
#[test]
fn record_size_limits_of_either_side_are_kept() {
    for (ours, theirs) in [(64, 16_385), (16_385, 64), (64, 64), (1000, 500), (512, 16_384)] {
        let (now, name) = (base::Instant::ZERO, crate::testing::name("server.example"));
        let with = |record_size_limit| Settings { record_size_limit, ..Settings::default() };
        let client = crate::record::Connection::client(
            client_config().into(),
            name,
            &with(ours),
            now,
            &mut crate::testing::Counting(7),
        );
        let server = crate::record::Connection::server(server_config().into(), &with(theirs), now);
        let mut ends = Ends { client: super::ends::End::of(client.unwrap()), server: super::ends::End::of(server) };
        let mut longest = [0, 0];
        let mut note = |which: usize, said: &[u8]| {
            let protected = records(said).into_iter().filter(|(kind, _, _)| *kind == 23);
            longest[which] = protected.map(|(_, _, len)| len - 16).chain([longest[which]]).max().unwrap();
        };
        for _ in 0..3 {
            let said = ends.client.say();
            note(0, &said);
            ends.server.feed(&said);
            let said = ends.server.say();
            note(1, &said);
            ends.client.feed(&said);
        }
        ends.assert_complete();
        let data = vec![7; 40_000];
        let said = ends.client.seal(&data);
        note(0, &said);
        ends.server.feed(&said);
        let said = ends.server.seal(&data);
        note(1, &said);
        ends.client.feed(&said);
        assert!(ends.client.data == data && ends.server.data == data);
        assert_eq!(longest, [usize::from(theirs), usize::from(ours)]);
    }
}

/// RFC 8449 section 4: what is advertised is enforced.
#[test]
fn a_record_over_our_limit_is_refused() {
    let settings = Settings { record_size_limit: 1000, ..Settings::default() };
    for (len, right) in [(999, true), (1000, false)] {
        let mut ends = complete_with(&settings);
        ends.client.connection.parts().1.set_inner_limit(16_385);
        let record = ends.client.seal(&vec![1; len]);
        ends.server.feed(&record);
        let expected = (!right).then_some(Violation::RecordTooLong);
        assert_eq!(violation(ends.server.error.as_ref()), expected, "{len}");
    }
}

/// RFC 8449 section 4, 5: who sends no limit gets none in answer, and a limit below 64 is refused.
#[test]
fn record_size_limits_that_are_missing_wrong_or_too_small() {
    for (body, expected) in [
        (Some(&[0, 64][..]), None),
        (Some(&[0, 63]), Some(Violation::RecordSizeLimit)),
        (Some(&[0, 0]), Some(Violation::RecordSizeLimit)),
        (Some(&[255, 255]), None),
        (Some(&[]), Some(Violation::Malformed)),
        (Some(&[1]), Some(Violation::Malformed)),
        (Some(&[1, 0, 0]), Some(Violation::Malformed)),
        (None, None),
    ] {
        let mut ends = start(client_config(), server_config(), &Settings::default());
        let hello = ends.client.say();
        let hello = with_limit(&hello[5..], body);
        ends.server.feed(&plain(22, &hello));
        assert_eq!(violation(ends.server.error.as_ref()), expected, "{body:?}");
        if expected.is_some() {
            // No keys yet, so that it can be read.
            assert_eq!(records(&ends.server.say())[0].0, 21);
        }
    }
}

/// The ClientHello with another body of record_size_limit, or without the extension.
fn with_limit(hello: &[u8], body: Option<&[u8]>) -> Vec<u8> {
    let old = [0, 28, 0, 2, 0x40, 0x01];
    let at = hello.windows(6).position(|window| window == old).expect("the extension");
    let new = body.map_or(Vec::new(), |body| [&[0, 28, 0, body.len() as u8][..], body].concat());
    let mut changed = [&hello[..at], &new, &hello[at + 6..]].concat();
    let mut extensions = 4 + 2 + 32;
    extensions += 1 + usize::from(changed[extensions]);
    extensions += 2 + usize::from(u16::from_be_bytes([changed[extensions], changed[extensions + 1]]));
    extensions += 1 + usize::from(changed[extensions]);
    let len = (changed.len() - extensions - 2) as u16;
    changed[extensions..extensions + 2].copy_from_slice(&len.to_be_bytes());
    let len = (changed.len() - 4) as u16;
    changed[2..4].copy_from_slice(&len.to_be_bytes());
    changed
}

/// RFC 9846 section 5.1-11: empty records are taken, but not without end; nor are change_cipher_spec and user_canceled.
#[test]
fn records_that_bring_nothing_have_an_end() {
    let mut ends = complete();
    for number in 1..=MAX_RECORDS_WITHOUT_DATA + 1 {
        assert_eq!(ends.server.error, None, "record {number}");
        let empty = ends.client.connection.parts().1.seal_inner(&[23, 0, 0]);
        ends.server.feed(&empty);
    }
    assert_eq!(violation(ends.server.error.as_ref()), Some(Violation::RecordsWithoutData));
    for record in [plain(20, &[1]), plain(21, &[1, 90])] {
        let mut ends = fresh();
        let _ = ends.client.say();
        for number in 1..=MAX_RECORDS_WITHOUT_DATA + 1 {
            assert_eq!(ends.client.error, None, "record {number}");
            ends.client.feed(&record);
        }
        assert_eq!(violation(ends.client.error.as_ref()), Some(Violation::RecordsWithoutData));
    }
}

/// Messages behind the handshake may come byte by byte; what is counted is how many they are.
/// RFC 9846 section 5.1-2.
#[test]
fn a_ticket_may_come_in_more_records_than_may_bring_nothing() {
    let mut message = vec![4, 0, 0, 214, 0, 0, 0, 60, 0, 0, 0, 1, 1, 7, 0, 200];
    message.extend_from_slice(&[9; 200]);
    message.extend_from_slice(&[0, 0]);
    assert!(message.len() > 2 * MAX_RECORDS_WITHOUT_DATA as usize);
    let mut ends = complete();
    for number in 1..=MAX_RECORDS_WITHOUT_DATA + 1 {
        assert_eq!(ends.client.error, None, "ticket {number}");
        for byte in &message {
            ends.server.connection.parts().1.push(ContentType::Handshake, &[*byte]).unwrap();
        }
        let records = ends.server.say();
        ends.client.feed(&records);
    }
    assert_eq!(violation(ends.client.error.as_ref()), Some(Violation::RecordsWithoutData));
}

/// P19: a server that is told of a long list answers or refuses, and holds no more than one message.
#[test]
fn p19_a_message_is_refused_at_its_header_however_many_records_it_takes() {
    let mut ends = fresh();
    let _ = ends.client.say();
    ends.client.feed(&plain(22, &[2, 1, 0, 1]));
    assert_eq!(violation(ends.client.error.as_ref()), Some(Violation::MessageTooLong));
    let mut ends = fresh();
    ends.server.feed(&plain(22, &[1, 1, 0, 0]));
    for _ in 0..4 {
        ends.server.feed(&plain(22, &vec![0; 16_384]));
    }
    assert!(ends.server.error.is_some());
}
