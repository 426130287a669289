//! QPACK: field sections, and the two streams of instructions.

use qpack::{DecodeError, Decoder, DecoderLimits, Encoder, EncoderLimits};

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

/// Both streams, whole and byte by byte, with and without a table: the same is made of them, and an error comes with the byte that
/// makes it. Afterwards the same bytes as a section, which what came before may be needed for.
pub fn streams(data: &[u8]) {
    for max_table_capacity in [0, 220] {
        let limits = DecoderLimits { max_table_capacity, max_blocked_streams: 2 };
        let [mut whole, mut dripped] = [Decoder::with_limits(limits), Decoder::with_limits(limits)];
        let result = whole.on_encoder_stream(data);
        assert_eq!(data.iter().try_for_each(|byte| dripped.on_encoder_stream(&[*byte])), result);
        assert_eq!(whole.table(), dripped.table());
        assert!(whole.table().1 <= max_table_capacity as usize, "never more than was allowed");
        assert!(max_table_capacity > 0 || result.is_err() || data.iter().all(|byte| *byte == 0x20));
        for (stream, section) in (0..).zip(data.chunks(7)) {
            let Ok(is_ready) = whole.admit(stream, section) else { return };
            if is_ready {
                let _ = whole.decode_from(stream, section, MAX_SIZE, |_, _| Ok::<(), ()>(()));
            }
        }
        assert!(whole.blocked_streams() <= 2 && whole.held() <= 14);
    }
    for table_capacity in [0, 220] {
        let [mut whole, mut dripped] = [sent(table_capacity), sent(table_capacity)];
        let result = whole.on_decoder_stream(data);
        let sum = data.iter().try_fold(0, |sum, byte| Ok(sum + dripped.on_decoder_stream(&[*byte])?));
        assert_eq!(sum, result);
        assert_eq!(whole.progress(), dripped.progress());
        assert!(table_capacity > 0 || result.is_ok() == only_cancellations(data));
    }
}

/// An encoder that has sent two sections, which it waits for if it has a table.
fn sent(table_capacity: u32) -> Encoder {
    let mut encoder = Encoder::new();
    encoder.allow(EncoderLimits { max_table_capacity: 220, max_blocked_streams: 2, table_capacity });
    for stream in [0, 4] {
        encoder.encode(None, [("user-agent", "any"), ("x-y", "z")], 4096, &mut Vec::new());
        encoder.on_sent(stream);
    }
    encoder
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
