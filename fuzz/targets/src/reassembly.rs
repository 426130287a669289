//! Bytes of a stream that come in any order and overlap, against a plain vector in which each byte has its place. What
//! was read stays as it is for whoever keeps it, although its memory is used again when nobody does.

use super::input::Input;
use quic::internals::{Chunks, Lent, MAX_SEGMENTS, Reassembly};
use std::sync::OnceLock;

/// More than the buffer puts into one piece, so that all of its ways are gone.
const SPAN: usize = 3 << 15;

/// What belongs at an offset.
fn byte_at(offset: usize) -> u8 {
    (offset as u32).wrapping_mul(0x9e37_79b9).to_be_bytes()[1]
}

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    static CONTENT: OnceLock<Vec<u8>> = OnceLock::new();
    let content = CONTENT.get_or_init(|| (0..SPAN).map(byte_at).collect());
    let mut buffer = Reassembly::new();
    let mut here = vec![false; SPAN];
    let (mut read, mut contiguous) = (0, 0);
    let (mut memory, mut lent, mut kept) = (Chunks::default(), Lent::default(), Vec::new());
    // Each step looks at all places.
    for _ in 0..32 {
        if input.is_empty() {
            break;
        }
        let choice = input.u8();
        match choice & 7 {
            0..=4 => {
                // Near the end of what can be read, or anywhere.
                let near = buffer.contiguous_end() as usize + usize::from(input.u8());
                let start = if choice & 8 == 0 { near } else { usize::from(input.u16()) * 4 };
                let len = usize::from(input.u16()) % if choice & 16 == 0 { 64 } else { 1 << 16 };
                let start = start.saturating_sub(usize::from(choice >> 5) * 16).min(SPAN);
                let end = (start + len).min(SPAN);
                buffer.insert(start as u64, &content[start..end], &mut memory).expect("few pieces");
                here[start..end].fill(true);
            }
            5 => {
                let max = usize::from(input.u16());
                let mut left = max;
                while left > 0
                    && let Some(bytes) = buffer.read(left)
                {
                    assert_eq!(*bytes, content[read..read + bytes.len()]);
                    (read, left) = (read + bytes.len(), left - bytes.len());
                }
                assert!(left == 0 || !buffer.is_readable(), "as much as is wanted and there");
            }
            _ => {
                let max = usize::from(input.u16());
                let bytes = buffer.read(max).unwrap_or_default();
                assert_eq!(*bytes, content[read..read + bytes.len()]);
                assert!(bytes.len() <= max && bytes.is_empty() == (max == 0 || !here[read..].starts_with(&[true])));
                lent.lend(&bytes);
                memory.gather(&mut lent);
                read += bytes.len();
                if choice & 8 == 0 {
                    kept.push((read - bytes.len(), bytes));
                } else {
                    kept.clear();
                }
            }
        }
        contiguous += here[contiguous..].iter().take_while(|byte| **byte).count();
        let held = here[read..].iter().filter(|byte| **byte).count();
        assert_eq!((buffer.read_offset(), buffer.contiguous_end()), (read as u64, contiguous as u64));
        assert_eq!((buffer.is_readable(), buffer.held()), (read < contiguous, held));
        assert!(buffer.segments() <= MAX_SEGMENTS);
    }
    for (start, bytes) in kept {
        assert_eq!(*bytes, content[start..start + bytes.len()], "what somebody keeps is not written again");
    }
}
