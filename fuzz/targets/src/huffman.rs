//! Huffman coding against a decoder without tables of codes, which knows only how long each symbol's code is
//! (RFC 7541 appendix B) and that shorter codes come first, and among equals smaller symbols.

use qpack::huffman::{self, HuffmanError};
use std::sync::OnceLock;

pub fn run(data: &[u8]) {
    let mut out = Vec::new();
    let result = huffman::decode(data, &mut out, usize::MAX);
    match naive(data) {
        Some(text) => {
            assert_eq!((result, &out), (Ok(()), &text));
            let mut coded = Vec::new();
            huffman::encode(&text, &mut coded);
            assert_eq!(coded, data, "there is one code for each text");
            assert_eq!(huffman::encoded_len(&text), data.len());
            let mut cut = Vec::new();
            if let Some(less) = text.len().checked_sub(1) {
                assert_eq!(huffman::decode(data, &mut cut, less), Err(HuffmanError::TooLong));
                assert!(cut.is_empty(), "nothing is appended of what is too long");
            }
        }
        None => assert_eq!(result, Err(HuffmanError::Invalid)),
    }
    // And the input as a text.
    let mut coded = Vec::new();
    huffman::encode(data, &mut coded);
    assert_eq!(naive(&coded).as_deref(), Some(data));
}

fn naive(coded: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let (mut code, mut len) = (0u64, 0);
    // The first code of this length, and the symbols with shorter ones.
    let (mut first, mut shorter) = (0u64, 0);
    for index in 0..coded.len() * 8 {
        code = code << 1 | u64::from(coded[index / 8] >> (7 - index % 8) & 1);
        first <<= 1;
        len += 1;
        let count = counts()[len];
        if code >= first && code - first < count {
            text.push(u8::try_from(symbols()[shorter + (code - first) as usize]).ok()?);
            (code, len, first, shorter) = (0, 0, 0, 0);
        } else {
            first += count;
            shorter += count as usize;
        }
    }
    (len < 8 && code == (1 << len) - 1).then_some(text)
}

/// How many symbols have a code of each length.
fn counts() -> &'static [u64; 64] {
    static COUNTS: OnceLock<[u64; 64]> = OnceLock::new();
    COUNTS.get_or_init(|| {
        let mut counts = [0; 64];
        LENGTHS.iter().for_each(|length| counts[usize::from(*length)] += 1);
        counts
    })
}

/// The symbols in the order of their codes.
fn symbols() -> &'static [usize] {
    static SYMBOLS: OnceLock<Vec<usize>> = OnceLock::new();
    SYMBOLS.get_or_init(|| {
        let mut symbols: Vec<usize> = (0..LENGTHS.len()).collect();
        symbols.sort_by_key(|symbol| (LENGTHS[*symbol], *symbol));
        symbols
    })
}

/// Bits of the code of each byte, and of the end of the string.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
