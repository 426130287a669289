//! QPACK and fields: sections that unfold, strings that never come, numbers that never end.

use crate::support::id;
use adversary::heap::Meter;
use adversary::http::{Command, GET, POST, Script, frame, headers};
use base::Side::{Client, Server};
use h3::{Event, Limits, Violation};
use http::exchange;
use http::{Malformed, RequestHead};
use qpack::EncoderStreamError;
use qpack::{DecodeError, Decoder, DecoderLimits, DecoderStreamError, DecompressionError, Encoder, EncoderLimits};

/// A section of a few bytes for each line that stands for a hundred times as much: 4 KiB for 170 KB.
#[test]
fn q1_sections_are_measured_while_they_unfold() {
    let section = [&[0, 0][..], &[0xc0 | 29; 4096]].concat();
    let limit = Limits::default().max_field_section_size;
    let (mut lines, mut size) = (0, 0);
    let outcome = Decoder::new().decode(&section, limit, |name, value| {
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
    let outcome = Decoder::new().decode(&section, limit, |_, _| Ok::<(), ()>(()));
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
    assert_eq!(
        Decoder::new().on_encoder_stream(&[0x5f]),
        Err(EncoderStreamError::EntryTooLarge),
        "its first byte is enough"
    );
    // With a table of 4 KiB: what cannot fit is refused as soon as its length is known, and nothing of it was held.
    let limits = DecoderLimits { max_table_capacity: 4096, max_blocked_streams: 0 };
    for instruction in [&[0x5f, 0xe1, 0xff, 0xff, 0xff, 0x07][..], &[0xc0, 0x7f, 0xe1, 0xff, 0xff, 0x07]] {
        let mut decoder = Decoder::with_limits(limits);
        decoder.on_encoder_stream(&[0x3f, 0xe1, 0x1f]).unwrap();
        let refused = instruction.iter().map(|byte| decoder.on_encoder_stream(&[*byte])).find(Result::is_err);
        assert_eq!(refused, Some(Err(EncoderStreamError::EntryTooLarge)), "{instruction:x?}");
    }
    // A capacity above the one we said.
    assert_eq!(table(&[0x3f, 0x01]), Violation::EncoderStream(EncoderStreamError::Capacity));
}

/// Continuation bytes without end: ten bytes at most, each looked at once.
/// RFC 9204 section 7.4-2.
#[test]
fn q3_numbers_end_after_ten_bytes() {
    for (first, prefix) in [(0xff, 7), (0x3f, 6)] {
        for padding in [0x80, 0xff] {
            let mut stream = Encoder::new();
            let mut taken = 0;
            let outcome = loop {
                let byte = if taken == 0 { first } else { padding };
                taken += 1;
                if let Err(error) = stream.on_decoder_stream(&[byte]) {
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
        let outcome = Decoder::new().decode(&section, 65_536, |_, _| {
            steps += 1;
            Ok::<(), ()>(())
        });
        assert!(outcome.is_err() && steps == 0, "{first:x?}");
    }
}

/// An encoder with all the room that a peer can give.
fn encoder(max_blocked_streams: u64) -> Encoder {
    let mut encoder = Encoder::new();
    encoder.allow(EncoderLimits { max_table_capacity: 4096, max_blocked_streams, table_capacity: 4096 });
    encoder
}

/// A million requests, or as many responses, and never an acknowledgment: what is kept for them has an end, and from then on nothing
/// refers to the table.
/// RFC 9204 section 2.1.1-1, 2.1.2-1.
#[test]
fn q4_a_peer_that_never_acknowledges_costs_a_bounded_amount() {
    for max_blocked_streams in [0, 100, 1 << 40] {
        let mut encoder = encoder(max_blocked_streams);
        let mut section = Vec::new();
        let meter = Meter::start();
        let mut referring = 0;
        for request in 0..20_000u64 {
            section.clear();
            let value = format!("agent {}", request / 2 % 50);
            encoder.encode(None, [("user-agent", &value)], 4096, &mut section);
            encoder.on_sent(4 * request);
            referring += u64::from(section[0] != 0);
            drop(encoder.take_instructions());
        }
        assert!(referring <= max_blocked_streams.min(512), "{referring} of {max_blocked_streams}");
        assert_eq!(encoder.progress().1, referring as usize);
        assert!(meter.peak() < 100_000, "{}", meter.peak());
    }
}

fn with_table(blocked: u16) -> h3::Config {
    let limits = Limits { qpack_table_capacity: 4096, qpack_blocked_streams: blocked, ..Limits::default() };
    h3::Config { limits, ..h3::Config::default() }
}

/// Sections of 60 KB on every stream that need an insertion which never comes: they are counted with those that have come in part,
/// and one more stream than was allowed is the end.
/// RFC 9204 section 2.1.2-2; RFC 9204 s2.2.1.
#[test]
fn q5_sections_that_wait_are_counted_and_few() {
    let waiting = frame(1, &[&[2, 0][..], &[0x80; 60_000]].concat());
    let mut script = Script::started_with(Server, with_table(10));
    let meter = Meter::start();
    for request in 0..10 {
        script.feed(4 * request, &waiting);
        assert_eq!(script.violation(), None);
    }
    // What follows is not read, but left to flow control.
    script.feed(0, &frame(0x21, &[0; 100_000]));
    assert!(meter.peak() < 1 << 20, "{}", meter.peak());
    script.feed(40, &waiting);
    let expected = Violation::Decompression(DecompressionError::BlockedStreams);
    assert_eq!(script.violation(), Some(expected));
    // Where very many may wait, their bytes have an end.
    let mut script = Script::started_with(Server, with_table(1000));
    let meter = Meter::start();
    for request in 0..100 {
        script.feed(4 * request, &waiting);
        if let Some(violation) = script.violation() {
            assert_eq!((violation, request), (Violation::HeaderBuffer, 17));
            assert!(meter.peak() < 3 << 20, "{}", meter.peak());
            return;
        }
    }
    panic!("sections that wait are held without end");
}

/// A table of three entries, full and renewed ten thousand times over by insertions, duplicates, names of entries that they evict,
/// and new capacities: what is in it is what a list would have.
/// RFC 9204 section 2.2.3-2.
#[test]
fn q7_a_table_that_wraps_around_holds_what_a_list_would() {
    let limits = DecoderLimits { max_table_capacity: 120, max_blocked_streams: 0 };
    let mut decoder = Decoder::with_limits(limits);
    decoder.on_encoder_stream(&[0x3f, 120 - 31]).unwrap();
    let mut list: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let (mut inserted, mut capacity) = (0, 120);
    for step in 0..30_000u32 {
        let digit = b'0' + (step % 10) as u8;
        match step % 7 {
            // The oldest entry, by its name and whole; it may have to make room for itself.
            2 if !list.is_empty() => {
                let oldest = list.len() as u8 - 1;
                decoder.on_encoder_stream(&[0x80 | oldest, 1, digit]).unwrap();
                list.push((list[0].0.clone(), vec![digit]));
            }
            5 if !list.is_empty() => {
                decoder.on_encoder_stream(&[list.len() as u8 - 1]).unwrap();
                list.push(list[0].clone());
            }
            6 => {
                capacity = [120, 70, 119][step as usize % 3];
                decoder.on_encoder_stream(&[0x3f, capacity - 31]).unwrap();
                inserted -= 1;
            }
            _ => {
                decoder.on_encoder_stream(&[0x42, b'n', digit, 2, digit, b'v']).unwrap();
                list.push((vec![b'n', digit], vec![digit, b'v']));
            }
        }
        inserted += 1;
        let size = |list: &[(Vec<u8>, Vec<u8>)]| list.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
        while size(&list) > usize::from(capacity) {
            list.remove(0);
        }
        assert_eq!(decoder.table(), (inserted, size(&list)), "step {step}");
        // Every entry, newest first, by a section that needs them all.
        let prefix = (inserted % 6 + 1) as u8;
        let section: Vec<u8> = [prefix, 0].into_iter().chain((0..list.len() as u8).map(|entry| 0x80 | entry)).collect();
        let mut found = Vec::new();
        let outcome = decoder.decode(&section, 10_000, |name, value| {
            found.insert(0, (name.to_vec(), value.to_vec()));
            Ok::<(), ()>(())
        });
        assert_eq!((outcome, &found), (Ok(()), &list), "step {step}");
        let evicted = [prefix, 0, 0x80 | list.len() as u8];
        assert!(decoder.decode(&evicted, 10_000, |_, _| Ok::<(), ()>(())).is_err(), "step {step}");
    }
}

/// A peer that reads nothing of our decoder stream: what waits for it has an end.
#[test]
fn q8_a_decoder_stream_that_is_not_read() {
    let mut script = Script::started_with(Server, with_table(10));
    script.feed(6, &[0x02, 0x3f, 0xe1, 0x1f, 0xc0 | 63, 95 - 63, 3, b'o', b'n', b'e']);
    let decoder_stream = id(11);
    script.transport.room.insert(decoder_stream, 0);
    let head = [&[2, 0, 0xc0 | 17, 0xc0 | 23, 0x50, 9][..], b"a.example", &[0xc1, 0x80]].concat();
    let request = frame(1, &head);
    let response = http::ResponseHead::new(http::Status::OK);
    let meter = Meter::start();
    for number in 0..10_000 {
        script.feed_and_end(4 * number, &request);
        script.connection.acknowledge(&mut script.transport);
        if let Some(violation) = script.violation() {
            assert_eq!(violation, Violation::AcknowledgmentsNotTaken);
            // With what the transport of the test remembers of four thousand streams.
            assert!(meter.peak() < 600_000, "{}", meter.peak());
            return;
        }
        let _ = script.connection.send_response(&mut script.transport, id(4 * number), &response, true);
        script.forget();
    }
    panic!("acknowledgments wait without end");
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
