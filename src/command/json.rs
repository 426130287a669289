//! Text as JSON has it (RFC 8259 section 7).

use std::fmt::Write;

/// A string with its quotes, of at most `most` bytes between them: what is longer is cut, and ends with three dots.
pub fn string(text: &str, most: usize) -> String {
    let mut written = String::from("\"");
    for character in text.chars() {
        if written.len() > most {
            written.push_str("...");
            break;
        }
        match character {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            // Also what ends a line elsewhere, or turns what is shown around.
            character
                if character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                let _ = write!(written, "\\u{:04x}", u32::from(character));
            }
            character => written.push(character),
        }
    }
    written.push('"');
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_and_bounded() {
        assert_eq!(string("a\"b\\c\n\r\t\u{7}\u{202e}é/", 100), "\"a\\\"b\\\\c\\n\\r\\t\\u0007\\u202eé/\"");
        assert_eq!(string("abcdef", 3), "\"abc...\"");
        assert_eq!(string("", 3), "\"\"");
    }
}
