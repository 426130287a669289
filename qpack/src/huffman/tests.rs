//! The strings of RFC 7541 appendix C, every symbol, every pair of bytes, and padding.

use super::*;

fn decoded(coded: &[u8]) -> Result<Vec<u8>, HuffmanError> {
    let mut out = Vec::new();
    decode(coded, &mut out, usize::MAX).map(|()| out)
}

#[test]
fn strings_of_rfc_7541_appendix_c() {
    for (text, coded) in [
        ("www.example.com", &[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff][..]),
        ("no-cache", &[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]),
        ("custom-key", &[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f]),
        ("custom-value", &[0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf]),
        ("302", &[0x64, 0x02]),
        ("307", &[0x64, 0x0e, 0xff]),
        ("private", &[0xae, 0xc3, 0x77, 0x1a, 0x4b]),
    ] {
        let mut out = Vec::new();
        encode(text.as_bytes(), &mut out);
        assert_eq!(out, coded, "{text}");
        assert_eq!(encoded_len(text.as_bytes()), coded.len());
        assert_eq!(decoded(coded).as_deref(), Ok(text.as_bytes()));
    }
}

#[test]
fn every_symbol_after_every_symbol() {
    for first in 0..=255u8 {
        for second in 0..=255u8 {
            let mut out = Vec::new();
            encode(&[first, second], &mut out);
            assert_eq!(decoded(&out), Ok([first, second].to_vec()));
        }
    }
}

#[test]
fn what_decodes_encodes_to_the_same() {
    // Each string has one code: anything that is accepted must be what the encoder would have written.
    for first in 0..=255u8 {
        for second in 0..=255u8 {
            for third in [0, 0x0f, 0x3f, 0x7f, 0x80, 0xaa, 0xfe, 0xff] {
                let coded = [first, second, third];
                if let Ok(text) = decoded(&coded) {
                    let mut out = Vec::new();
                    encode(&text, &mut out);
                    assert_eq!(out, coded);
                }
            }
        }
    }
}

#[test]
fn padding_is_short_and_of_ones() {
    assert_eq!(decoded(&[]), Ok(Vec::new()));
    // "0" is 00000, then three bits.
    assert_eq!(decoded(&[0x07]).as_deref(), Ok(&b"0"[..]));
    for wrong in [0x06, 0x03] {
        assert_eq!(decoded(&[wrong]), Err(HuffmanError::Invalid));
    }
    assert_eq!(decoded(&[0xff]), Err(HuffmanError::Invalid));
    assert_eq!(decoded(&[0x07, 0xff]), Err(HuffmanError::Invalid));
}

#[test]
fn the_end_symbol_is_refused_wherever_it_stands() {
    for count in 1..9 {
        assert_eq!(decoded(&[0xff; 8][..count]), Err(HuffmanError::Invalid));
    }
    // 30 ones, then "0".
    assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xfc, 0x1f]), Err(HuffmanError::Invalid));
}

#[test]
fn the_limit_holds_exactly() {
    let mut coded = Vec::new();
    encode(b"0000000000", &mut coded);
    let mut out = alloc::vec![1, 2];
    assert_eq!(decode(&coded, &mut out, 10), Ok(()));
    assert_eq!(out.len(), 12);
    let mut out = alloc::vec![1, 2];
    assert_eq!(decode(&coded, &mut out, 9), Err(HuffmanError::TooLong));
    assert_eq!(out, [1, 2], "nothing is appended of what is too long");
}

/// Short codes are read without a look at what is left: where they begin and end in the input makes no difference.
#[test]
fn short_and_long_codes_follow_each_other_in_any_order() {
    let symbols = [b'0', b'a', b'&', b'#', b'\\', 0, 10, 255, b'X', b'/'];
    for length in 0..40 {
        for step in 1..symbols.len() {
            let text: Vec<u8> = (0..length).map(|at| symbols[at * step % symbols.len()]).collect();
            let (mut coded, mut out) = (Vec::new(), alloc::vec![9]);
            encode(&text, &mut coded);
            assert_eq!(decode(&coded, &mut out, length), Ok(()));
            assert_eq!(out[1..], text);
            if length > 0 {
                assert_eq!(decode(&coded, &mut out, length - 1), Err(HuffmanError::TooLong), "{text:?}");
                // Without its last byte it is cut in a code, or in padding that is then all of a shorter text.
                let cut = decoded(&coded[..coded.len() - 1]);
                assert!(cut.is_err() || text.starts_with(&cut.unwrap()), "{text:?}");
            }
        }
    }
}
