//! Instructions whole and in pieces, at every capacity, changed and cut short.

use super::*;
use std::vec;

fn run(bytes: &[u8], max_capacity: usize) -> Result<DynamicTable, EncoderStreamError> {
    let (mut stream, mut table) = (EncoderStream::default(), DynamicTable::default());
    stream.on_bytes(bytes, &mut table, max_capacity)?;
    Ok(table)
}

type Lines = Vec<(Vec<u8>, Vec<u8>)>;

/// What a stream does to a table of `capacity`, byte by byte and whole: the same.
fn outcome(bytes: &[u8], capacity: usize) -> Result<Lines, EncoderStreamError> {
    let lines = |table: &DynamicTable| {
        let line = |index| table.get(index).map(|(name, value)| (name.to_vec(), value.to_vec())).unwrap();
        (table.first()..table.inserted()).map(line).collect()
    };
    let at_once = {
        let (mut stream, mut table) = (EncoderStream::default(), DynamicTable::default());
        table.set_capacity(capacity);
        stream.on_bytes(bytes, &mut table, capacity).map(|()| lines(&table))
    };
    let dripped = {
        let (mut stream, mut table) = (EncoderStream::default(), DynamicTable::default());
        table.set_capacity(capacity);
        let result = bytes.iter().try_for_each(|byte| stream.on_bytes(&[*byte], &mut table, capacity));
        assert!(stream.part.capacity() <= 8 * capacity.max(8), "{} bytes wait", stream.part.capacity());
        result.map(|()| lines(&table))
    };
    assert_eq!(at_once, dripped, "{bytes:x?}");
    at_once
}

/// RFC 9204 section 2.2.3-2, 3.1-2, 3.2.2-2, 4.3.1-2.
#[test]
fn without_a_table_only_a_capacity_of_zero_is_allowed() {
    for byte in 0..=255u8 {
        let expected = match byte >> 5 {
            0 => Some(EncoderStreamError::Reference),
            1 if byte == 0x20 => None,
            1 => Some(EncoderStreamError::Capacity),
            _ => Some(EncoderStreamError::EntryTooLarge),
        };
        assert_eq!(run(&[0x20, byte], 0).err(), expected, "{byte:#x}");
    }
}

/// RFC 9204 section 3.2.2-2, 3.2.3-1, 4.3.1-1, 4.3.1-2.
#[test]
fn what_is_too_large_is_refused_by_its_length() {
    use EncoderStreamError::{Capacity, EntryTooLarge, Reference};
    for (bytes, expected) in [
        // A capacity of 65, and one that goes on.
        (&[0x3f, 34][..], Capacity),
        (&[0x3f, 0xff, 0x80], Capacity),
        // Literal names of 33 bytes, and of 2^31; one coded, which stands for 39 at least.
        (&[0x5f, 2], EntryTooLarge),
        (&[0x5f, 0xe1, 0xff, 0xff, 0xff, 0x07], EntryTooLarge),
        (&[0x7f, 0x73], EntryTooLarge),
        // Values that do not fit beside their names: 10 + 23 with a static name, 1 + 32 with a literal one.
        (&[0xc0, 23], EntryTooLarge),
        (&[0xc0, 0xff, 0x80, 0xff, 0xff, 0x07], EntryTooLarge),
        (&[0x41, b'a', 32], EntryTooLarge),
        // Names and entries that are not there.
        (&[0xff, 36], Reference),
        (&[0x80], Reference),
        (&[0xbf], Reference),
        (&[0x00], Reference),
        (&[0x1f], Reference),
    ] {
        assert_eq!(outcome(bytes, 64), Err(expected), "{bytes:x?}");
    }
    assert!(outcome(&[0x3f, 33, 0x20, 0x3f, 33], 64).is_ok());
    assert_eq!(outcome(&[0xc0, 22], 64), Ok(vec![]), "a value that just fits is waited for");
}

/// RFC 9204 section 2.2.3-2.
#[test]
fn an_evicted_entry_cannot_be_named() {
    let one = [0x41, b'a', 1, b'1'];
    let two = [&one[..], &[0x41, b'b', 1, b'2']].concat();
    assert_eq!(outcome(&[&two[..], &[0x01]].concat(), 64), Err(EncoderStreamError::Reference));
    assert_eq!(outcome(&[&two[..], &[0x81]].concat(), 64), Err(EncoderStreamError::Reference));
    let twice = vec![(vec![b'b'], vec![b'2'])];
    assert_eq!(outcome(&[&two[..], &[0x00]].concat(), 64), Ok(twice), "an entry may be evicted by its copy");
    let renamed = vec![(vec![b'b'], vec![b'3'])];
    assert_eq!(outcome(&[&two[..], &[0x80, 1, b'3']].concat(), 64), Ok(renamed), "and by one with its name");
}

#[test]
fn strings_in_huffman_code() {
    let mut bytes = Vec::new();
    push_literal(b"custom-key", b"custom-value", &mut bytes);
    push_dynamic_name(0, b"another value", &mut bytes);
    push_static_name(0, b"www.example.com", &mut bytes);
    push_duplicate(2, &mut bytes);
    let line = |name: &[u8], value: &[u8]| (name.to_vec(), value.to_vec());
    let mut lines = vec![
        line(b"custom-key", b"custom-value"),
        line(b"custom-key", b"another value"),
        line(b":authority", b"www.example.com"),
    ];
    lines.push(lines[0].clone());
    assert_eq!(outcome(&bytes, 4096), Ok(lines.clone()));
    // The end of the string as a symbol.
    assert_eq!(outcome(&[0x41, b'a', 0x84, 0xff, 0xff, 0xff, 0xff], 4096), Err(EncoderStreamError::Huffman));
    // Cut short, it is a beginning; changed, it is something else or an error.
    for end in 0..bytes.len() {
        let part = outcome(&bytes[..end], 4096).unwrap();
        assert_eq!(part[..], lines[..part.len()]);
    }
    for at in 0..bytes.len() {
        for byte in 0..=255 {
            let mut changed = bytes.clone();
            changed[at] = byte;
            let _ = outcome(&changed, 4096);
            let _ = outcome(&changed, 60);
        }
    }
}

/// RFC 9204 section 7.4-2.
#[test]
fn numbers_end_after_ten_bytes() {
    for first in [0xff, 0xbf, 0x5f, 0x3f, 0x1f] {
        let endless = [&[0x41, b'a', 0, first][..], &[0x80; 100]].concat();
        let (mut stream, mut table) = (EncoderStream::default(), DynamicTable::default());
        table.set_capacity(1 << 20);
        let taken = endless.iter().take_while(|byte| stream.on_bytes(&[**byte], &mut table, 1 << 20).is_ok()).count();
        assert!(taken <= 4 + 9, "{first:#x}: {taken}");
    }
}

#[test]
fn all_inputs_of_three_bytes() {
    for bytes in 0..=0xff_ffffu32 {
        let [_, a, b, c] = bytes.to_be_bytes();
        let _ = run(&[a, b, c], 0);
        let (mut stream, mut table) = (EncoderStream::default(), DynamicTable::default());
        table.set_capacity(70);
        let _ = stream.on_bytes(&[a, b, c], &mut table, 70);
    }
}
