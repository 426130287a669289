//! Which bytes may stand where (RFC 9110 sections 5.5 and 5.6.2): one table, looked up once per byte.
//!
//! Bytes are compared as unsigned numbers, so bytes above 0x7f are judged the same on every target.

const TOKEN: u8 = 1;
const UPPERCASE: u8 = 2;
const VALUE: u8 = 4;
/// What a path is made of: visible, and not the mark of a fragment.
const PATH: u8 = 8;

/// What each byte value may be, as a set of the flags above.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let value = byte as u8;
        let mut class = 0;
        if value.is_ascii_alphanumeric() || is_token_mark(value) {
            class |= TOKEN;
        }
        if value.is_ascii_uppercase() {
            class |= UPPERCASE;
        }
        // RFC 9110 s5.5: visible characters, what is above ASCII, space and tab. Every other control character is out.
        if value.is_ascii_graphic() || value >= 0x80 || value == b' ' || value == b'\t' {
            class |= VALUE;
        }
        if value.is_ascii_graphic() && value != b'#' {
            class |= PATH;
        }
        classes[byte] = class;
        byte += 1;
    }
    classes
};

const fn is_token_mark(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
    )
}

fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

fn all(bytes: &[u8], wanted: u8) -> bool {
    bytes.iter().fold(wanted, |seen, byte| seen & class(*byte)) == wanted
}

/// Whether this is a token (RFC 9110 section 5.6.2): at least one byte, all of them token characters.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all(bytes, TOKEN)
}

/// Whether any letter is upper-case.
pub(crate) fn has_uppercase(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |seen, byte| seen | class(*byte)) & UPPERCASE != 0
}

/// Whether this is a field value (RFC 9110 section 5.5): no control character but tab, and no space at either end.
pub(crate) fn is_field_value(bytes: &[u8]) -> bool {
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    are_of_value(bytes) && !is_space(bytes.first()) && !is_space(bytes.last())
}

/// Whether all bytes may stand in a value.
fn are_of_value(bytes: &[u8]) -> bool {
    let (eights, rest) = bytes.as_chunks::<8>();
    // What is behind them is looked at once more with some that come before it, rather than byte by byte.
    let is_end_plain = || bytes.last_chunk::<8>().is_some_and(|eight| are_plain(*eight));
    eights.iter().all(|eight| are_plain(*eight) || all(eight, VALUE)) && (is_end_plain() || all(rest, VALUE))
}

/// Whether eight bytes are all of space to `~`, which most values are made of, in one look.
const fn are_plain(eight: [u8; 8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let bytes = u64::from_ne_bytes(eight);
    // The high bit of a byte is set by itself, by one more than `~`, or missing after what takes a space up to it. No byte
    // carries into its neighbour, because the high bits are left out of the sums.
    let low = bytes & !HIGH;
    let (above, from_space) = (low + ONES, low + (0x80 - b' ' as u64) * ONES);
    (bytes | above | !from_space) & HIGH == 0
}

/// Whether all bytes are visible ASCII, and none begins a fragment.
pub(crate) fn is_path(bytes: &[u8]) -> bool {
    all(bytes, PATH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_by_every_byte() {
        const MARKS: &[u8] = b"!#$%&'*+-.^_`|~";
        for byte in 0..=255u8 {
            let expected = byte.is_ascii_alphanumeric() || MARKS.contains(&byte);
            assert_eq!(is_token(&[b'a', byte]), expected, "{byte:#x}");
        }
        assert!(!is_token(b""));
    }

    #[test]
    fn values_by_every_byte() {
        for byte in 0..=255u8 {
            let inside = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
            assert_eq!(is_field_value(&[b'a', byte, b'a']), inside, "{byte:#x}");
            let outside = inside && byte != b'\t' && byte != b' ';
            assert_eq!(is_field_value(&[byte, b'a']), outside, "{byte:#x}");
            for place in 1..19 {
                let mut text = [b'~'; 20];
                text[place] = byte;
                assert_eq!(is_field_value(&text), inside, "{byte:#x} at {place}");
            }
            assert_eq!(is_field_value(&[b'a', byte]), outside, "{byte:#x}");
        }
        assert!(is_field_value(b""));
    }

    #[test]
    fn uppercase_and_paths() {
        assert!(has_uppercase(b"aBc"));
        assert!(!has_uppercase(b"abc-\xc4"));
        assert!(is_path(b"/a?b=%20"));
        for bytes in [&b"a b"[..], b"a\x7f", b"\x80", b"\0", b"/a#b"] {
            assert!(!is_path(bytes));
        }
    }
}
