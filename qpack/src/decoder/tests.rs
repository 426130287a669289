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

/// RFC 9204 B.2 and later refer to the dynamic table.
/// RFC 9204 section 2.1.2-2.
#[test]
fn vectors_that_need_the_dynamic_table_are_refused() {
    for section in ["03811011", "050080c181", "0505810080"] {
        assert_eq!(decode(&hex(section)), failed(DecompressionError::DynamicReference));
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
        (&[1, 0], DecompressionError::DynamicReference),
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
