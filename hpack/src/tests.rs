//! Encoder and decoder against the examples of the RFC, against each other, and against what is no block.

mod appendix_c;

use crate::{CompressionError, DecodeError, Decoder, Encoder};
use alloc::string::String;
use alloc::vec::Vec;
use appendix_c::EXAMPLES;
use base::Random;
use sim::SeededRandom;

type Lines = Vec<(String, String)>;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Lines, DecodeError<()>> {
    let mut lines = Vec::new();
    decoder.decode(block, 10_000, |name, value| {
        lines.push((text(name), text(value)));
        Ok(())
    })?;
    Ok(lines)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().map(|digit| (digit as char).to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// RFC 7541 section 2.1-2, 3.2-1.
#[test]
fn the_examples_of_the_rfc_are_decoded() {
    let mut decoder = Decoder::new();
    let mut before = "";
    for (group, size, block, lines, table) in EXAMPLES {
        if group != before {
            decoder = Decoder::new();
            decoder.table.set_max_size(size);
            before = group;
        }
        let found = decode(&mut decoder, &bytes(block)).unwrap();
        assert!(found.iter().map(|(name, value)| (&**name, &**value)).eq(lines.iter().copied()), "{block}");
        let entries = (0..decoder.table.len()).map(|place| decoder.table.get(place).unwrap());
        assert!(entries.eq(table.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))), "{block}");
    }
}

const REQUEST: [(&str, &str); 8] = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "www.example.com"),
    (":path", "/some/path"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-US,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
];

/// RFC 7541 section 2.1-1.
#[test]
fn what_comes_again_is_small() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let size: usize = REQUEST.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let mut sizes = Vec::new();
    for _ in 0..3 {
        let mut block = Vec::new();
        encoder.encode(REQUEST, &mut block);
        let lines = decode(&mut decoder, &block).unwrap();
        assert!(lines.iter().map(|(name, value)| (&**name, &**value)).eq(REQUEST));
        sizes.push(block.len() * 100 / size);
    }
    assert!(sizes[0] <= 65 && sizes[1] <= 10 && sizes[2] == sizes[1], "percent of the text: {sizes:?}");
}

/// RFC 7541 section 6.2.3-2.
#[test]
fn secrets_that_could_be_guessed_never_enter_a_table() {
    let mut encoder = Encoder::new();
    for (name, value, never) in
        [("authorization", "Basic eA==", true), ("cookie", "a=1", true), ("cookie", "a=012345678901234567890", false)]
    {
        let mut block = Vec::new();
        encoder.encode([(name, value)], &mut block);
        assert_eq!(block[0] & 0xf0 == 0x10, never, "{name}: {value}");
        assert_eq!(encoder.table.find(name.as_bytes(), value.as_bytes()).is_none(), never);
    }
}

/// RFC 7541 section 4.2-1, 4.2-2, 4.2-3, 6.3-1.
#[test]
fn sizes_of_the_table_are_told_at_the_next_block() {
    let (mut encoder, mut decoder) = (Encoder::with_table(1000), Decoder::new());
    let mut round = |encoder: &mut Encoder, expected: &[u8]| {
        let mut block = Vec::new();
        encoder.encode([("x-own", "value")], &mut block);
        assert!(block.starts_with(expected), "{block:x?}");
        decode(&mut decoder, &block).unwrap();
        assert_eq!(decoder.table.max_size(), encoder.table.max_size());
        assert_eq!(decoder.table.len(), encoder.table.len());
        block.len()
    };
    round(&mut encoder, &[0x3f, 0xc9, 0x07]);
    assert_eq!(round(&mut encoder, &[0xbe]), 1);
    // Down and up again: what was evicted is told.
    encoder.allow_table(0);
    encoder.allow_table(500);
    round(&mut encoder, &[0x20, 0x3f, 0xd5, 0x03]);
    encoder.allow_table(1 << 20);
    round(&mut encoder, &[0x3f, 0xc9, 0x07]);
    encoder.allow_table(0);
    assert!(round(&mut encoder, &[0x20]) > 5);
}

/// RFC 7541 section 2.3.3-1, 4.2-2, 5.1-1, 5.2-1, 5.2-2, 5.2-3, 6.1-1, 6.3-2.
#[test]
fn what_is_no_block_is_refused() {
    for (block, expected) in [
        (&[0x80][..], CompressionError::Index),
        (&[0xbe], CompressionError::Index),
        (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], CompressionError::Index),
        (&[0x7f, 0x00, 0x00], CompressionError::Index),
        (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], CompressionError::Integer),
        (&[0xff], CompressionError::Truncated),
        (&[0x40], CompressionError::Truncated),
        (&[0x40, 0x02, b'a'], CompressionError::Truncated),
        (&[0x40, 0x01, b'a'], CompressionError::Truncated),
        (&[0x00, 0x81, 0xff, 0x00], CompressionError::Huffman),
        (&[0x00, 0x81, 0x00, 0x00], CompressionError::Huffman),
        (&[0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00], CompressionError::Huffman),
        (&[0x3f, 0xe2, 0x1f], CompressionError::TableSize),
        (&[0x82, 0x20], CompressionError::LateTableSize),
    ] {
        assert_eq!(decode(&mut Decoder::new(), block), Err(DecodeError::Compression(expected)), "{block:x?}");
    }
    assert_eq!(decode(&mut Decoder::new(), &[0x3f, 0xe1, 0x1f, 0x20, 0x82]).map(|lines| lines.len()), Ok(1));
}

#[test]
fn lines_that_are_refused_change_the_table_all_the_same() {
    let mut encoder = Encoder::new();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    encoder.encode([("a", "1"), ("b", "2"), ("c", "3")], &mut first);
    encoder.encode([("c", "3"), ("a", "1")], &mut second);
    let mut decoder = Decoder::new();
    let refused = decoder.decode(&first, 1000, |name, _| if name == b"b" { Err(()) } else { Ok(()) });
    assert_eq!(refused, Err(DecodeError::Refused(())));
    assert_eq!(decode(&mut decoder, &second).map(|lines| lines.len()), Ok(2));
    let mut decoder = Decoder::new();
    assert_eq!(decoder.decode(&first, 50, |_, _| Ok::<(), ()>(())), Err(DecodeError::TooLarge));
    assert_eq!(decode(&mut decoder, &second).map(|lines| lines.len()), Ok(2));
}

/// A few hundred bytes that would unfold to megabytes: none of them is unfolded beyond the limit.
#[test]
fn a_block_that_unfolds_to_much_more_is_cut_off() {
    let mut block = Vec::new();
    let value = [b'x'; 3000];
    block.extend_from_slice(&[0x40, 4]);
    block.extend_from_slice(b"bomb");
    qpack::prefix_integer::encode(0, 7, 3000, &mut block);
    block.extend_from_slice(&value);
    block.extend(core::iter::repeat_n(0xbe, 10_000));
    let mut given = 0;
    let mut decoder = Decoder::new();
    let decoded = decoder.decode(&block, 10_000, |name, value| {
        given += name.len() + value.len();
        Ok::<(), ()>(())
    });
    assert_eq!((decoded, given), (Err(DecodeError::TooLarge), 3 * 3004));
}

/// A string longer than anything that is taken empties the table, as the peer's encoder believes.
#[test]
fn a_string_that_is_too_long_keeps_the_tables_alike() {
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let mut block = Vec::new();
    encoder.encode([("a", "1")], &mut block);
    decode(&mut decoder, &block).unwrap();
    block.clear();
    block.extend_from_slice(&[0x40, 1, b'b']);
    qpack::prefix_integer::encode(0, 7, 20_000, &mut block);
    block.extend_from_slice(&[b'x'; 20_000]);
    assert_eq!(decode(&mut decoder, &block), Err(DecodeError::TooLarge));
    assert_eq!(decoder.table.len(), 0);
}

#[test]
fn random_lists_come_out_as_they_went_in_and_damage_does_no_harm() {
    let mut random = SeededRandom::new(7);
    let mut draw = |most: u64| {
        let mut bytes = [0; 8];
        random.fill(&mut bytes);
        u64::from_be_bytes(bytes) % most
    };
    for _ in 0..200 {
        let (mut encoder, mut decoder) = (Encoder::with_table(draw(600) as usize * 8), Decoder::new());
        for _ in 0..20 {
            if draw(8) == 0 {
                encoder.allow_table(draw(4097) as usize);
            }
            let lines: Lines = (0..draw(12))
                .map(|_| {
                    let name = ["a", "accept", "x-own", "cookie", ":path", "server"][draw(6) as usize];
                    let value: String = (0..draw(30)).map(|_| char::from(b' ' + draw(94) as u8)).collect();
                    (name.into(), if draw(2) == 0 { "usual".into() } else { value })
                })
                .collect();
            let mut block = Vec::new();
            encoder.encode(lines.iter().map(|(name, value)| (name, value)), &mut block);
            let mut damaged = block.clone();
            if !damaged.is_empty() {
                let place = draw(damaged.len() as u64) as usize;
                damaged[place] ^= 1 << draw(8);
                let _ = decode(&mut Decoder::new(), &damaged);
                let _ = decode(&mut Decoder::new(), &damaged[..place]);
            }
            assert_eq!(decode(&mut decoder, &block), Ok(lines));
        }
    }
}
