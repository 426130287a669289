//! Messages, byte for byte as protoc has them (`golden` makes the file).

use crate::event::Event;
use crate::messages::*;
use crate::protobuf::{Malformed, Message};
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};
use base::Bytes;
use std::println;

const GOLDEN: &str = include_str!("golden.txt");

pub(super) fn golden() -> impl Iterator<Item = (&'static str, Bytes)> {
    GOLDEN.lines().filter_map(|line| line.split_once(' ')).map(|(name, digits)| {
        let bytes = (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap());
        (name, Bytes::from(bytes.collect::<Vec<u8>>()))
    })
}

fn again<M: Message + PartialEq + core::fmt::Debug>(bytes: &Bytes) {
    let message = M::parse(bytes).unwrap();
    assert_eq!(message.encoded(), bytes.as_slice(), "{message:?}");
    // A truncation is an error, or ends between two fields; then what is read has this form.
    for end in 0..bytes.len() {
        if let Ok(part) = M::parse(&bytes.slice(0..end)) {
            assert_eq!(M::parse(&Bytes::from(part.encoded())), Ok(part));
        }
    }
    for place in 0..bytes.len() {
        for value in 0..=255u8 {
            let mut changed = bytes.to_vec();
            changed[place] = value;
            if let Ok(other) = M::parse(&Bytes::from(changed)) {
                assert_eq!(M::parse(&Bytes::from(other.encoded())), Ok(other));
            }
        }
    }
}

#[test]
fn h17_messages_are_the_bytes_that_protoc_writes() {
    let mut seen = 0;
    for (name, bytes) in golden() {
        println!("{name}");
        match name {
            "EventPayload" => again::<Event>(&bytes),
            "Auth" => again::<Auth>(&bytes),
            "AuthAck" => again::<AuthAck>(&bytes),
            "Publish" => again::<Publish>(&bytes),
            "PublishAck" => again::<PublishAck>(&bytes),
            "Subscribe" => again::<Subscribe>(&bytes),
            "Acknowledge" => again::<Acknowledge>(&bytes),
            "Batch" => again::<Batch>(&bytes),
            "Failure" => again::<Failure>(&bytes),
            "RateLimitNotice" => again::<RateLimitNotice>(&bytes),
            "Description" => again::<Description>(&bytes),
            other => panic!("{other} is not known here"),
        }
        seen += 1;
    }
    assert_eq!(seen, 15);
}

#[test]
fn h17_an_event_is_written_from_its_fields() {
    let metadata = [("z", "last"), ("a", ""), ("", "no key")].map(|(key, value)| (key.into(), value.into()));
    let event = Event {
        id: "order-17".into(),
        namespace: "orders".into(),
        kind: "created".into(),
        message: "An order of 3 äpfel".into(),
        data: Bytes::from_static(&[0, 1, 255]),
        timestamp: 1_700_000_000_000,
        metadata: metadata.into(),
        key: "customer-9".into(),
    };
    let (_, bytes) = golden().nth(2).unwrap();
    assert_eq!(event.encoded(), bytes.as_slice());
    assert_eq!(Event::parse(&bytes), Ok(event));
}

#[test]
fn what_is_not_known_is_skipped_and_the_last_of_two_counts() {
    // Unknown: number 9, fixed 64 bits 10, bytes 11, fixed 32 bits 12; `id` twice; `timestamp` as bytes, which is another field's.
    let bytes = [
        &[0x48, 0x01][..],
        &[0x51, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0x5a, 2, 9, 9],
        &[0x65, 1, 2, 3, 4],
        &[0x0a, 1, b'a', 0x0a, 1, b'b'],
        &[0x32, 1, 7],
    ]
    .concat();
    let event = Event::parse(&Bytes::from(bytes)).unwrap();
    assert_eq!(event, Event { id: "b".into(), ..Event::default() });
}

#[test]
fn parts_of_a_message_are_merged() {
    // `settings` twice: first its number 2, then its number 6.
    let bytes = Bytes::from_static(&[0x22, 2, 0x10, 9, 0x22, 2, 0x30, 4]);
    let settings = Settings { max_in_flight: 9, max_deliveries: 4, ..Settings::default() };
    assert_eq!(Subscribe::parse(&bytes).map(|subscribe| subscribe.settings), Ok(Some(settings)));
}

#[test]
fn what_is_no_message_is_told() {
    let long = vec![0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let table: Vec<(Vec<u8>, Malformed)> = vec![
        (vec![0x0a], Malformed::Truncated),
        (vec![0x0a, 2, b'a'], Malformed::Truncated),
        (vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], Malformed::Truncated),
        (vec![0x30], Malformed::Truncated),
        (vec![0x30, 0x80], Malformed::Truncated),
        (vec![0x51, 1, 2, 3], Malformed::Truncated),
        (long, Malformed::LongNumber),
        (vec![0x00, 0x00], Malformed::FieldNumber),
        (vec![0x80, 0x80, 0x80, 0x80, 0x10, 0x00], Malformed::FieldNumber),
        (vec![0x0b], Malformed::WireType),
        (vec![0x0e, 0], Malformed::WireType),
        (vec![0x0a, 1, 0xff], Malformed::Text),
        (vec![0x3a, 3, 0x0a, 1, 0xff], Malformed::Text),
        (vec![0x3a, 1, 0x0a], Malformed::Truncated),
    ];
    for (bytes, error) in table {
        assert_eq!(Event::parse(&Bytes::from(bytes.clone())), Err(error), "{bytes:x?}");
    }
    let many: Vec<u8> = [0x1a, 0].repeat(crate::protobuf::MAX_REPEATED + 1);
    assert_eq!(Auth::parse(&Bytes::from(many.clone())), Err(Malformed::TooMany));
    assert!(Auth::parse(&Bytes::from(many[2..].to_vec())).is_ok());
    let entries: Vec<u8> = (0..=crate::protobuf::MAX_REPEATED)
        .flat_map(|n| [&[0x3a, 7, 0x0a, 5], format!("{n:05}").as_bytes()].concat())
        .collect();
    assert_eq!(Event::parse(&Bytes::from(entries.clone())), Err(Malformed::TooMany));
    assert!(Event::parse(&Bytes::from(entries[9..].to_vec())).is_ok());
}

#[test]
fn a_number_is_read_as_others_read_it() {
    let number = |bytes: &[u8]| {
        let field = [&[0x30], bytes].concat();
        Event::parse(&Bytes::from(field)).map(|event| event.timestamp)
    };
    assert_eq!(number(&[0]), Ok(0));
    assert_eq!(number(&[0x80, 0]), Ok(0));
    assert_eq!(number(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]), Ok(u64::MAX));
    assert_eq!(number(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), Ok(u64::MAX));
    let attempt = Handle::parse(&Bytes::from_static(&[0x10, 0xff, 0xff, 0xff, 0xff, 0x1f])).map(|one| one.attempt);
    assert_eq!(attempt, Ok(u32::MAX));
}

#[test]
fn the_page_and_the_messages_for_others_name_what_there_is() {
    let page = include_str!("../../../docs/events.md");
    for code in crate::ErrorCode::ALL {
        let again = if code.may_repeat() { "yes" } else { "no" };
        let row = format!("| {} | {code} | {again} |", code.number());
        assert!(page.contains(&row), "docs/events.md has no row {row}");
        assert_eq!(crate::ErrorCode::from_number(code.number()), *code);
    }
    let proto = include_str!("../../../docs/events.proto");
    let messages = include_str!("../messages.rs");
    let fields = |line: &&str| {
        let line = line.trim();
        !line.starts_with('/') && line.contains(" = ") && line.ends_with([',', ';'])
    };
    let of = |text: &'static str, name: fn(&str) -> Option<&str>| -> Vec<String> {
        let number = |line: &str| line.rsplit(' ').next().map(|n| n.trim_end_matches([';', ',']).into());
        text.lines()
            .filter(fields)
            .filter_map(|line| Some(format!("{} {}", name(line)?, number(line).unwrap_or_else(String::new))))
            .collect()
    };
    let ours = of(messages, |line| line.trim().split(':').next());
    let theirs =
        of(&proto[proto.find("message Auth ").unwrap()..], |line| line.split(" = ").next()?.rsplit(' ').next());
    assert!(ours.len() > 80);
    assert_eq!(ours, theirs, "docs/events.proto and events/src/messages.rs differ");
}
