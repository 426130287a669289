//! QPACK: field sections, and the two streams of instructions.

use qpack::{DecodeError, Decoder, DecoderStream, EncoderStream};

/// What SETTINGS would have said.
const MAX_SIZE: u64 = 4096;

type Lines = Vec<(Vec<u8>, Vec<u8>)>;

fn decode(section: &[u8], max_size: u64) -> (Lines, Result<(), DecodeError<()>>) {
    let mut lines = Lines::new();
    let result = Decoder::new().decode(section, max_size, |name, value| {
        lines.push((name.to_vec(), value.to_vec()));
        Ok(())
    });
    (lines, result)
}

pub fn section(data: &[u8]) {
    let (lines, result) = decode(data, MAX_SIZE);
    let size: u64 = lines.iter().map(|(name, value)| (name.len() + value.len()) as u64 + 32).sum();
    assert!(size <= MAX_SIZE, "never more than was allowed");
    if result.is_err() {
        return;
    }
    let mut encoded = Vec::new();
    qpack::encode(lines.iter().map(|(name, value)| (name, value)), &mut encoded);
    assert_eq!(decode(&encoded, size), (lines.clone(), Ok(())), "encoding and decoding, just within the limit");
    if size > 0 {
        assert_eq!(decode(&encoded, size - 1).1, Err(DecodeError::TooLarge));
    }
    // A refusal of the caller ends it at that line.
    for refused in 0..lines.len().min(4) {
        let mut count = 0;
        let result = Decoder::new().decode(data, MAX_SIZE, |_, _| {
            count += 1;
            if count > refused { Err(()) } else { Ok(()) }
        });
        assert_eq!((result, count), (Err(DecodeError::Refused(())), refused + 1));
    }
}

/// Whole and byte by byte. Nothing may be remembered beyond a few bytes, so an error comes with the byte that makes it.
pub fn streams(data: &[u8]) {
    let whole = EncoderStream::new().on_bytes(data);
    let mut stream = EncoderStream::new();
    assert_eq!(data.iter().try_for_each(|byte| stream.on_bytes(&[*byte])), whole);
    assert_eq!(whole.is_ok(), data.iter().all(|byte| *byte == 0x20), "only a capacity of zero");
    let whole = DecoderStream::new().on_bytes(data);
    let mut stream = DecoderStream::new();
    assert_eq!(data.iter().try_for_each(|byte| stream.on_bytes(&[*byte])), whole);
    assert_eq!(whole.is_ok(), only_cancellations(data));
}

/// Stream cancellations (RFC 9204 section 4.4.2) of numbers that ten bytes hold, the last of them perhaps in part.
fn only_cancellations(mut data: &[u8]) -> bool {
    while let Some((first, rest)) = data.split_first() {
        data = rest;
        if first >> 6 != 1 {
            return false;
        }
        if first & 0x3f != 0x3f {
            continue;
        }
        let mut value = 63u128;
        for index in 0.. {
            let Some((byte, rest)) = data.split_first() else { return true };
            data = rest;
            value += u128::from(byte & 0x7f) << (7 * index);
            if value >= 1 << 62 || index >= 9 {
                return false;
            }
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    true
}
