//! Strings of JSON that are cut where they would be too long for a line.

/// A string with its quotes, of at most `most` bytes between them: what is longer is cut, and ends with three dots.
pub fn string(text: &str, most: usize) -> String {
    let mut written = String::from("\"");
    for character in text.chars() {
        if written.len() > most {
            written.push_str("...");
            break;
        }
        // Writing to a String cannot fail.
        let _ = ::json::push_escaped(&mut written, character);
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
