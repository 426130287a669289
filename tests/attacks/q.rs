//! QPACK and fields: sections that unfold, strings that never come, numbers that never end.

use crate::support::id;
use adversary::heap::Meter;
use adversary::http::{Command, GET, POST, Script, frame, headers};
use base::Side::{Client, Server};
use h3::{Event, Limits, Violation};
use http::exchange;
use http::{Malformed, RequestHead};
use qpack::{DecodeError, DecoderStream, DecoderStreamError, EncoderStream, EncoderStreamError};

/// A section of a few bytes for each line that stands for a hundred times as much: 4 KiB for 170 KB.
#[test]
fn q1_sections_are_measured_while_they_unfold() {
    let section = [&[0, 0][..], &[0xc0 | 29; 4096]].concat();
    let limit = Limits::default().max_field_section_size;
    let (mut lines, mut size) = (0, 0);
    let outcome = qpack::Decoder::new().decode(&section, limit, |name, value| {
        lines += 1;
        size += (name.len() + value.len() + 32) as u64;
        Ok::<(), ()>(())
    });
    assert_eq!(outcome, Err(DecodeError::TooLarge));
    assert!(size <= limit && lines < 2000, "decoding stops at the limit: {lines} lines of {size} bytes");
    let many = frame(1, &section);
    // As head: the client is told, and the connection goes on.
    let mut script = Script::started(Server);
    let meter = Meter::start();
    script.feed(0, &many);
    assert!(meter.peak() < 256 << 10, "{}", meter.peak());
    let answer = Command::Write(0, headers([(":status", "431")]));
    assert_eq!(script.transport.commands, [answer, Command::Finish(0), Command::StopSending(0, 0x100)]);
    assert_eq!(script.events(), [Event::Refused { id: id(0), violation: Violation::FieldSectionTooLarge }]);
    // As trailers, with and without content before.
    for first in [headers(GET), [headers(POST), frame(0, b"x")].concat()] {
        let mut script = Script::started(Server);
        script.feed(0, &[first, many.clone()].concat());
        script.read_all(0);
        let failed = Event::Exchange(id(0), exchange::Event::Failed(Malformed::FieldsTooLarge));
        assert_eq!(script.events().last(), Some(&failed));
    }
    // As informational and as final response, and behind one that is fine.
    let fine = headers([(":status", "103")]);
    for before in [Vec::new(), fine] {
        let mut script = Script::started(Client);
        let head = RequestHead::get("https://a.example/").unwrap();
        script.connection.send_request(&mut script.transport, &head, true).unwrap();
        script.feed(0, &[before, many.clone()].concat());
        let failed = Event::Exchange(id(0), exchange::Event::Failed(Malformed::FieldsTooLarge));
        assert_eq!(script.events().last(), Some(&failed));
    }
    // One string, Huffman-coded, of bytes with five bits each.
    let mut text = Vec::new();
    qpack::huffman::encode(&vec![b'a'; 200_000], &mut text);
    let mut section = vec![0, 0, 0x51];
    qpack::prefix_integer::encode(0x80, 7, text.len() as u64, &mut section);
    section.extend(&text);
    let meter = Meter::start();
    let outcome = qpack::Decoder::new().decode(&section, limit, |_, _| Ok::<(), ()>(()));
    assert_eq!(outcome, Err(DecodeError::TooLarge));
    assert!(meter.peak() <= 3 * limit as isize, "{}", meter.peak());
}

/// An insertion of two gigabytes, and of one byte, into a table of none: refused by its first bytes.
/// RFC 9204 section 3.2.2-2, 4.3.1-2.
#[test]
fn q2_insertions_are_refused_before_they_arrive() {
    let table = |length: &[u8]| {
        let mut script = Script::started(Server);
        script.feed(6, &[0x02]);
        for byte in length {
            script.feed(6, &[*byte]);
            if let Some(violation) = script.violation() {
                return violation;
            }
        }
        panic!("{length:x?} is waited for");
    };
    for instruction in [
        // With a literal name of 2^31 bytes, of one, of none; with a name reference, static and dynamic; a duplicate.
        &[0x5f, 0xe1, 0xff, 0xff, 0xff, 0x07, b'a'][..],
        &[0x41, b'a', 0x00],
        &[0x40, 0x00],
        &[0xc0, 0xff, 0x80, 0xff, 0xff, 0x07],
        &[0x80, 0x00],
        &[0x00],
    ] {
        let violation = table(instruction);
        assert_eq!(violation.code(), h3::error_code::QPACK_ENCODER_STREAM_ERROR, "{instruction:x?}");
    }
    assert_eq!(EncoderStream.on_bytes(&[0x5f]), Err(EncoderStreamError::EntryTooLarge), "its first byte is enough");
    // A capacity above the one we said.
    assert_eq!(table(&[0x3f, 0x01]), Violation::EncoderStream(EncoderStreamError::Capacity));
}

/// Continuation bytes without end: ten bytes at most, each looked at once.
/// RFC 9204 section 7.4-2.
#[test]
fn q3_numbers_end_after_ten_bytes() {
    for (first, prefix) in [(0xff, 7), (0x3f, 6)] {
        for padding in [0x80, 0xff] {
            let mut stream = DecoderStream::default();
            let mut taken = 0;
            let outcome = loop {
                let byte = if taken == 0 { first } else { padding };
                taken += 1;
                if let Err(error) = stream.on_bytes(&[byte]) {
                    break error;
                }
                assert!(taken <= 11, "prefix {prefix}, padding {padding:#x}");
            };
            let expected = [
                DecoderStreamError::IntegerTooLarge,
                DecoderStreamError::InsertCountIncrement,
                DecoderStreamError::SectionAcknowledgment,
            ];
            assert!(expected.contains(&outcome));
        }
    }
    // A cancellation that never ends, dripped and whole, through a connection.
    for whole in [false, true] {
        let mut script = Script::started(Server);
        let endless = [&[0x03, 0x7f][..], &[0x80; 100_000]].concat();
        if whole {
            script.feed(6, &endless);
        } else {
            script.drip(6, &endless[..14]);
        }
        assert_eq!(script.violation(), Some(Violation::DecoderStream(DecoderStreamError::IntegerTooLarge)));
    }
    let mut script = Script::started(Server);
    script.feed(6, &[&[0x02, 0xff][..], &[0x80; 100_000]].concat());
    assert_eq!(script.violation().map(Violation::code), Some(h3::error_code::QPACK_ENCODER_STREAM_ERROR));
    // In a section, everywhere a number can be.
    for first in [&[0xff][..], &[0, 0x7f], &[0, 0, 0xff], &[0, 0, 0x5f], &[0, 0, 0x27], &[0, 0, 0x51, 0x7f]] {
        let section = [first, &[0x80; 1000]].concat();
        let mut steps = 0;
        let outcome = qpack::Decoder::new().decode(&section, 65_536, |_, _| {
            steps += 1;
            Ok::<(), ()>(())
        });
        assert!(outcome.is_err() && steps == 0, "{first:x?}");
    }
}

/// Bytes above 127 in names: they are negative where characters are signed.
#[test]
fn q9_names_with_high_bytes_are_malformed() {
    for byte in 0x80..=0xff {
        for name in [vec![byte], vec![b'x', byte], vec![byte, b'x'], vec![b'x', b'-', byte, b'y']] {
            let mut lines: Vec<(Vec<u8>, Vec<u8>)> =
                GET.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect();
            lines.push((name.clone(), b"v".to_vec()));
            let mut script = Script::started(Server);
            script.feed(0, &headers(lines));
            let expected = Violation::Malformed(Malformed::FieldName);
            assert_eq!(script.events(), [Event::Refused { id: id(0), violation: expected }], "{name:x?}");
            assert_eq!(expected.code(), h3::error_code::H3_MESSAGE_ERROR);
            let mut script = Script::started(Server);
            script.feed(0, &[headers(POST), headers([(name.clone(), b"v")])].concat());
            let failed = Event::Exchange(id(0), exchange::Event::Failed(Malformed::FieldName));
            assert_eq!(script.events().last(), Some(&failed), "{name:x?} in trailers");
        }
    }
}
