//! Vectors, all short inputs, truncations, byte changes, limits, and sections as other encoders write them.

use super::*;
use crate::encoder::encode;
use alloc::string::String;
use std::convert::Infallible;

type Lines = Vec<(String, String)>;

fn decode_with(section: &[u8], max_size: u64) -> Result<Lines, DecodeError<Infallible>> {
    let mut lines = Lines::new();
    Decoder::new().decode(section, max_size, |name, value| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        lines.push((text(name), text(value)));
        Ok(())
    })?;
    Ok(lines)
}

fn decode(section: &[u8]) -> Result<Lines, DecodeError<Infallible>> {
    decode_with(section, 1 << 20)
}

fn owned(lines: &[(&str, &str)]) -> Lines {
    lines.iter().map(|(name, value)| (String::from(*name), String::from(*value))).collect()
}

fn failed<T>(error: DecompressionError) -> Result<T, DecodeError<Infallible>> {
    Err(DecodeError::Decompression(error))
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// RFC 9204 B.1: a literal with a name from the static table.
#[test]
fn vector_b_1() {
    let section = hex("0000510b2f696e6465782e68746d6c");
    assert_eq!(decode(&section), Ok(owned(&[(":path", "/index.html")])));
}

/// RFC 9204 section 2.1.2-2, 3.2.3-4.
#[test]
fn without_a_table_no_section_can_need_one() {
    for section in ["03811011", "050080c181", "0505810080"] {
        assert_eq!(decode(&hex(section)), failed(DecompressionError::InsertCount));
    }
}

/// The rest of RFC 9204 appendix B, in its order: what each end says, and what is in the table.
/// RFC 9204 section 2.2.2.1-1.
#[test]
fn vectors_b_2_to_b_5() {
    for piece in [1, 3, 1000] {
        let mut decoder = with_table(220, 1);
        let instructions = |decoder: &mut Decoder, text: &str| {
            for bytes in hex(text).chunks(piece) {
                decoder.on_encoder_stream(bytes).unwrap();
            }
        };
        let section = hex("03811011");
        assert_eq!(decoder.admit(4, &section), Ok(false));
        assert_eq!((decoder.ready(), decoder.held(), decoder.blocked_streams()), (None, 4, 1));
        instructions(&mut decoder, "3fbd01c00f7777772e6578616d706c652e636f6dc10c2f73616d706c652f70617468");
        assert_eq!((decoder.table(), decoder.ready()), ((2, 106), Some(4)));
        assert_eq!(decoder.take(4), Some(section.clone()));
        assert_eq!((decoder.ready(), decoder.held(), decoder.take(4)), (None, 0, None));
        let lines = owned(&[(":authority", "www.example.com"), (":path", "/sample/path")]);
        assert_eq!(decode_on(&mut decoder, 4, &section), Ok(lines));
        assert_eq!(decoder.take_instructions(), [0x84], "the acknowledgment stands for both insertions");
        instructions(&mut decoder, "4a637573746f6d2d6b65790c637573746f6d2d76616c7565");
        assert_eq!((decoder.table(), decoder.take_instructions()), ((3, 160), Vec::from([1])));
        instructions(&mut decoder, "02");
        assert_eq!(decoder.table(), (4, 217));
        let section = hex("050080c181");
        assert_eq!(decoder.admit(8, &section), Ok(true));
        let lines = owned(&[(":authority", "www.example.com"), (":path", "/"), ("custom-key", "custom-value")]);
        assert_eq!(lines_without_acknowledgment(&mut decoder, &section), Ok(lines));
        decoder.cancel(8);
        assert_eq!(decoder.take_instructions(), [0x48, 0x01]);
        instructions(&mut decoder, "810d637573746f6d2d76616c756532");
        assert_eq!(decoder.table(), (5, 215));
        assert!(decoder.has_instructions());
        assert_eq!(decoder.take_instructions(), [1]);
        assert!(!decoder.has_instructions());
    }
}

fn lines_without_acknowledgment(decoder: &mut Decoder, section: &[u8]) -> Result<Lines, DecodeError<Infallible>> {
    let mut lines = Lines::new();
    decoder.decode(section, 1 << 20, |name, value| {
        lines.push((String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(value).into_owned()));
        Ok(())
    })?;
    Ok(lines)
}

fn with_table(max_table_capacity: u32, max_blocked_streams: u16) -> Decoder {
    Decoder::with_limits(DecoderLimits { max_table_capacity, max_blocked_streams })
}

fn decode_on(decoder: &mut Decoder, stream: u64, section: &[u8]) -> Result<Lines, DecodeError<Infallible>> {
    let mut lines = Lines::new();
    decoder.decode_from(stream, section, 1 << 20, |name, value| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        lines.push((text(name), text(value)));
        Ok(())
    })?;
    Ok(lines)
}

/// A table of two entries: `a: 1` and `b: 2`.
fn with_two_entries() -> Decoder {
    let mut decoder = with_table(128, 2);
    decoder.on_encoder_stream(&hex("3f61")).unwrap();
    decoder.on_encoder_stream(&hex("41610131")).unwrap();
    decoder.on_encoder_stream(&hex("41620132")).unwrap();
    assert_eq!(decoder.table(), (2, 68));
    decoder.take_instructions();
    decoder
}

/// All four forms of a reference, from a base before, between and behind the entries.
/// RFC 9204 section 2.2.1-2, 2.2.3-1, 4.5.1.2-1.
#[test]
fn references_count_from_the_base() {
    let both = owned(&[("a", "1"), ("b", "2")]);
    for section in ["03008180", "03811011", "03808010"] {
        assert_eq!(decode_on(&mut with_two_entries(), 0, &hex(section)), Ok(both.clone()), "{section}");
    }
    // Names before and after the base, with values of their own.
    let named = owned(&[("a", "x"), ("b", "y")]);
    assert_eq!(decode_on(&mut with_two_entries(), 0, &hex("0300410178400179")), Ok(named.clone()));
    assert_eq!(decode_on(&mut with_two_entries(), 0, &hex("0381000178010179")), Ok(named));
    for (section, why) in [
        ("020080", "the newest entry counted from a base of one is the first"),
        ("0200", "a section that needs an entry need not refer to it"),
    ] {
        assert!(decode_on(&mut with_two_entries(), 0, &hex(section)).is_ok(), "{why}");
    }
    for (section, why) in [
        ("02008180", "before the first"),
        ("02010080", "the second entry, of which the section did not say that it needs it"),
        ("02001080", "after the base, and not announced"),
        ("03008281", "before the first, counted from two"),
        ("020010", "one that is not announced"),
    ] {
        let result = decode_on(&mut with_two_entries(), 0, &hex(section));
        assert_eq!(result, failed(DecompressionError::DynamicReference), "{why}");
    }
}

/// RFC 9204 section 2.1.2-2.
#[test]
fn so_many_streams_wait_as_were_allowed() {
    let mut decoder = with_two_entries();
    let section = hex("040080");
    assert_eq!(decoder.admit(0, &section), Ok(false));
    assert_eq!(decoder.admit(4, &section), Ok(false));
    assert_eq!((decoder.held(), decoder.admit(8, &section)), (6, Err(DecompressionError::BlockedStreams)));
    decoder.cancel(0);
    assert_eq!((decoder.held(), decoder.admit(8, &section)), (3, Ok(false)));
    assert_eq!(decoder.take_instructions(), [0x40]);
    decoder.on_encoder_stream(&[0]).unwrap();
    assert_eq!((decoder.ready(), decoder.take(4)), (Some(4), Some(section.clone())));
    assert_eq!((decoder.ready(), decoder.take(8)), (Some(8), Some(section)));
}

/// What is refused in the middle has needed its entries all the same, and waits for nothing.
/// RFC 9204 section 2.2.2.1-1.
#[test]
fn a_section_that_is_refused_is_acknowledged() {
    let mut decoder = with_two_entries();
    let too_large = decoder.decode_from(4, &hex("03008180"), 40, |_, _| Ok::<(), Infallible>(()));
    assert_eq!((too_large, decoder.take_instructions()), (Err(DecodeError::TooLarge), Vec::from([0x84])));
    let refused = decoder.decode_from(8, &hex("03008180"), 400, |_, _| Err(()));
    assert_eq!((refused, decoder.take_instructions()), (Err(DecodeError::Refused(())), Vec::from([0x88])));
    assert_eq!(decode_on(&mut decoder, 8, &hex("0000c1")), Ok(owned(&[(":path", "/")])));
    assert_eq!(decoder.take_instructions(), [], "a section without references needs no acknowledgment");
}

/// Every truncation, and every change of a byte, ends in one way or the other; what is decoded is never a wrong line.
#[test]
fn sections_with_references_that_are_changed() {
    let section = hex("030041017881400179c1");
    let whole = decode_on(&mut with_two_entries(), 0, &section).unwrap();
    for end in 0..section.len() {
        if let Ok(part) = decode_on(&mut with_two_entries(), 0, &section[..end]) {
            assert_eq!(part[..], whole[..part.len()]);
        }
    }
    for at in 0..section.len() {
        for byte in 0..=255 {
            let mut changed = section.clone();
            changed[at] = byte;
            let mut decoder = with_two_entries();
            if decoder.admit(0, &changed) == Ok(true) {
                let _ = decode_on(&mut decoder, 0, &changed);
            }
        }
    }
    let _ = with_two_entries().admit(0, &[]);
    for prefix in 0..=0xffffu16 {
        let mut decoder = with_two_entries();
        if decoder.admit(0, &prefix.to_be_bytes()) == Ok(true) {
            let _ = decode_on(&mut decoder, 0, &[&prefix.to_be_bytes()[..], &[0x80, 0x10, 0x40, 0, 0, 0]].concat());
        }
    }
}

/// The same lines as different encoders may write them: plain strings, the never-indexed bit, a base that means nothing.
#[test]
fn sections_of_other_styles() {
    let expected = owned(&[
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "example.com"),
        (":path", "/x"),
        ("x-own", "1"),
    ]);
    for section in [
        "0000d1d7500b6578616d706c652e636f6d51022f7825782d6f776e0131",
        "0000d1d7700b6578616d706c652e636f6d71022f7835782d6f776e0131",
        "007f05d1d750882f91d35d055c87a751022f7825782d6f776e0131",
        // Names and values in full although the table has them.
        "000027003a6d6574686f640347455427003a736368656d65056874747073\
         27033a617574686f726974790b6578616d706c652e636f6d253a70617468022f7825782d6f776e0131",
    ] {
        assert_eq!(decode(&hex(&section.replace([' ', '\n'], ""))), Ok(expected.clone()), "{section}");
    }
}

/// RFC 9204 section 2.1-2, 2.2-1.
#[test]
fn what_we_encode_we_decode() {
    let lines = owned(&[
        (":method", "GET"),
        (":path", "/a/long/path?with=query&and=more"),
        ("cookie", "a=b"),
        ("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("x-a-name-of-our-own", "and \u{1} a value \u{e9}"),
        ("empty", ""),
        ("accept", "*/*"),
    ]);
    let mut section = Vec::new();
    encode(lines.iter().map(|(name, value)| (name, value)), &mut section);
    assert_eq!(decode(&section), Ok(lines.clone()));
    // Every truncation gives a part of the lines or an error, never a wrong line.
    for end in 0..section.len() {
        if let Ok(part) = decode(&section[..end]) {
            assert_eq!(part[..], lines[..part.len()]);
            assert!(part.len() < lines.len());
        }
    }
    // Every change of a byte ends in one way or the other.
    for at in 0..section.len() {
        for byte in 0..=255 {
            let mut changed = section.clone();
            changed[at] = byte;
            let _ = decode(&changed);
        }
    }
}

#[test]
fn all_inputs_of_up_to_three_bytes() {
    let _ = decode(&[]);
    for first in 0..=255u8 {
        let _ = decode(&[first]);
        for second in 0..=255u8 {
            let _ = decode(&[first, second]);
            for third in 0..=255u8 {
                let _ = decode(&[first, second, third]);
                let _ = decode(&[0, 0, first, second, third]);
            }
        }
    }
}

/// RFC 9204 section 2.2.1-2, 2.2.3-1, 3.1-1, 4.5.1.1-1, 4.5.1.2-1, 4.5.1.2-2, 7.4-2.
#[test]
fn breaches() {
    for (section, expected) in [
        (&[][..], DecompressionError::Truncated),
        (&[0], DecompressionError::Truncated),
        (&[1, 0], DecompressionError::InsertCount),
        (&[0, 0x80], DecompressionError::NegativeBase),
        (&[0, 0x81], DecompressionError::NegativeBase),
        // Index 99 of the static table, in both representations.
        (&[0, 0, 0xff, 99 - 63], DecompressionError::StaticIndex),
        (&[0, 0, 0x5f, 99 - 15, 0], DecompressionError::StaticIndex),
        // Dynamic references in all four forms.
        (&[0, 0, 0x80], DecompressionError::DynamicReference),
        (&[0, 0, 0x40, 0], DecompressionError::DynamicReference),
        (&[0, 0, 0x10], DecompressionError::DynamicReference),
        (&[0, 0, 0x00, 0], DecompressionError::DynamicReference),
        // An index of 2^62 - 1, and one beyond.
        (&[0, 0, 0xff, 0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f], DecompressionError::StaticIndex),
        (&[0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], DecompressionError::IntegerTooLarge),
        // Lengths beyond the input, plain and Huffman-coded.
        (&[0, 0, 0x51, 2, b'/'], DecompressionError::Truncated),
        (&[0, 0, 0x51, 0x82, 0x1f], DecompressionError::Truncated),
        (&[0, 0, 0x51, 0x7f, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f], DecompressionError::Truncated),
        // The Huffman code of the end of the string.
        (&[0, 0, 0x51, 0x84, 0xff, 0xff, 0xff, 0xff], DecompressionError::Huffman),
        (&[0, 0, 0x2d], DecompressionError::Truncated),
    ] {
        assert_eq!(decode(section), failed(expected), "{section:x?}");
    }
}

#[test]
fn the_size_is_counted_while_decoding() {
    // One byte each, 7 + 3 + 32 of size.
    let mut bomb = alloc::vec![0, 0];
    bomb.resize(10_002, 0xd1);
    assert_eq!(decode_with(&bomb, 420_000).map(|lines| lines.len()), Ok(10_000));
    let mut seen = 0;
    let result = Decoder::new().decode(&bomb, 4_200, |_, _| {
        seen += 1;
        Ok::<(), Infallible>(())
    });
    assert_eq!((result, seen), (Err(DecodeError::TooLarge), 100));

    let mut section = Vec::new();
    encode([("name", "0000000000")], &mut section);
    assert!(decode_with(&section, 46).is_ok());
    assert_eq!(decode_with(&section, 45), Err(DecodeError::TooLarge));
    assert_eq!(decode_with(&section, 31), Err(DecodeError::TooLarge));
}

#[test]
fn a_refused_line_ends_it() {
    let mut seen = 0;
    let result = Decoder::new().decode(&[0, 0, 0xd1, 0xd7, 0xc1], 1000, |_, _| {
        seen += 1;
        if seen == 2 { Err("no") } else { Ok(()) }
    });
    assert_eq!((result, seen), (Err(DecodeError::Refused("no")), 2));
}
