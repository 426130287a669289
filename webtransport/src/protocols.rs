//! The protocols of applications that a client offers and a server chooses from (draft-ietf-webtrans-http3 section 3.3): a list of
//! strings, and a string, as structured fields (RFC 9651).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use http::Fields;

/// What a client offers, the one that it likes best first.
pub const AVAILABLE: &str = "wt-available-protocols";
/// What a server chose.
pub const CHOSEN: &str = "wt-protocol";

/// A name that cannot stand in a field: a string has printable characters of ASCII only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidProtocol;

impl fmt::Display for InvalidProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a protocol has printable characters of ASCII only")
    }
}

impl core::error::Error for InvalidProtocol {}

/// These names as the value of a field.
///
/// # Errors
/// One of them has other characters.
pub fn write<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<String, InvalidProtocol> {
    let mut value = String::new();
    for name in names {
        if !name.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
            return Err(InvalidProtocol);
        }
        value.push_str(if value.is_empty() { "\"" } else { ", \"" });
        for character in name.chars() {
            if matches!(character, '"' | '\\') {
                value.push('\\');
            }
            value.push(character);
        }
        value.push('"');
    }
    Ok(value)
}

/// What a client offers; nothing if the field is missing, or malformed and so ignored as a whole.
///
/// draft-ietf-webtrans-http3 section 3.3-5, 3.3-6.
pub fn available(fields: &Fields) -> Vec<String> {
    let lines: Vec<&[u8]> = fields.iter().filter(|(name, _)| *name == AVAILABLE).map(|(_, value)| value).collect();
    list(&lines.join(&b", "[..])).unwrap_or_default()
}

/// What a server chose; `None` if the field is missing, or malformed and so ignored.
///
/// draft-ietf-webtrans-http3 section 3.3-5, 3.3-6.
pub fn chosen(fields: &Fields) -> Option<String> {
    let mut lines = fields.iter().filter(|(name, _)| *name == CHOSEN).map(|(_, value)| value);
    let (line, others) = (lines.next()?, lines.next());
    let mut input = Input { rest: line };
    input.spaces();
    let name = input.string().filter(|_| others.is_none())?;
    input.parameters()?;
    input.spaces();
    input.rest.is_empty().then_some(name)
}

/// A list of strings.
fn list(value: &[u8]) -> Option<Vec<String>> {
    let (mut input, mut names) = (Input { rest: value }, Vec::new());
    input.spaces();
    while !input.rest.is_empty() {
        names.push(input.string()?);
        input.parameters()?;
        input.blanks();
        if input.rest.is_empty() {
            break;
        }
        input.take(b',').then_some(())?;
        input.blanks();
        // A comma stands between two.
        (!input.rest.is_empty()).then_some(())?;
    }
    Some(names)
}

struct Input<'a> {
    rest: &'a [u8],
}

impl Input<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.rest.first() == Some(&byte);
        if is_next {
            self.next();
        }
        is_next
    }

    fn skip(&mut self, is_in: impl Fn(u8) -> bool) -> usize {
        let count = self.rest.iter().take_while(|byte| is_in(**byte)).count();
        self.rest = self.rest.get(count..).unwrap_or_default();
        count
    }

    fn spaces(&mut self) {
        self.skip(|byte| byte == b' ');
    }

    fn blanks(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t'));
    }

    /// RFC 9651 section 3.3.3.
    fn string(&mut self) -> Option<String> {
        self.take(b'"').then_some(())?;
        let mut string = String::new();
        loop {
            match self.next()? {
                b'"' => return Some(string),
                b'\\' => string.push(self.next().filter(|byte| matches!(byte, b'"' | b'\\'))?.into()),
                byte @ 0x20..=0x7e => string.push(byte.into()),
                _ => return None,
            }
        }
    }

    /// RFC 9651 section 3.1.2. None has a meaning, so of a value that is no string only the end is looked for.
    fn parameters(&mut self) -> Option<()> {
        while self.take(b';') {
            self.spaces();
            self.rest.first().filter(|byte| byte.is_ascii_lowercase() || **byte == b'*')?;
            self.skip(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte));
            if self.take(b'=') {
                if self.rest.first() == Some(&b'"') {
                    self.string()?;
                } else {
                    let count = self.skip(|byte| byte.is_ascii_graphic() && !b"\",;()\\".contains(&byte));
                    (count > 0).then_some(())?;
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn offered(lines: &[&str]) -> Vec<String> {
        let mut fields = Fields::new();
        lines.iter().for_each(|line| fields.push(AVAILABLE, line).unwrap());
        available(&fields)
    }

    #[test]
    fn what_is_written_is_read() {
        let names = ["moq-00", "", "a \"b\" \\ c", "~"];
        let value = write(names).unwrap();
        assert_eq!(value, r#""moq-00", "", "a \"b\" \\ c", "~""#);
        assert_eq!(offered(&[&value]), names);
        for name in names {
            let mut fields = Fields::new();
            fields.push(CHOSEN, write([name]).unwrap()).unwrap();
            assert_eq!(chosen(&fields).as_deref(), Some(name));
        }
        for bad in ["a\nb", "ä", "\u{7f}"] {
            assert_eq!(write(["fine", bad]), Err(InvalidProtocol));
        }
        assert!(InvalidProtocol.to_string().contains("ASCII"));
    }

    /// draft-ietf-webtrans-http3 section 3.3-6.
    #[test]
    fn parameters_mean_nothing() {
        assert_eq!(offered(&[r#""a";x;y=1;z="q,\"";w=?1;v=:YQ==: , "b" ;"#]), [""; 0], "a parameter has a key");
        assert_eq!(offered(&[r#""a";x;y=1;z="q,\"";w=?1;v=:YQ==: , "b";*k=tok/en"#]), ["a", "b"]);
        assert_eq!(offered(&[r#""a""#, r#""b" ,	"c""#]), ["a", "b", "c"]);
        let mut fields = Fields::new();
        fields.push(CHOSEN, r#""a";q=0.5"#).unwrap();
        assert_eq!(chosen(&fields).as_deref(), Some("a"));
    }

    /// draft-ietf-webtrans-http3 section 3.3-5: of a field that is no list of strings, nothing counts.
    #[test]
    fn other_types_have_the_whole_field_ignored() {
        for bad in [
            "a",
            "\"a\", b",
            "\"a\", 1",
            "(\"a\")",
            "\"a",
            "\"a\\",
            "\"a\\n\"",
            "\"a\",",
            ",\"a\"",
            "\"a\" \"b\"",
            "\"a\";",
            "\"a\";x=",
            "?1",
        ] {
            assert_eq!(offered(&[bad]), [""; 0], "{bad}");
            let mut fields = Fields::new();
            fields.push(CHOSEN, bad).unwrap();
            assert_eq!(chosen(&fields), None, "{bad}");
        }
        assert_eq!(offered(&["\"a\"", "b"]), [""; 0]);
        let mut two = Fields::new();
        two.push(CHOSEN, "\"a\"").unwrap();
        two.push(CHOSEN, "\"a\"").unwrap();
        assert_eq!((chosen(&two), chosen(&Fields::new())), (None, None));
    }

    #[test]
    fn no_change_of_a_byte_and_no_cut_breaks_anything() {
        let whole = br#""moq-00";x="y\"";z=1, "b""#;
        for cut in 0..=whole.len() {
            let _ = list(&whole[..cut]);
        }
        for place in 0..whole.len() {
            for byte in 0..=255 {
                let mut changed = *whole;
                changed[place] = byte;
                let names = list(&changed).unwrap_or_default();
                assert!(names.iter().all(|name| write([&name[..]]).is_ok()));
            }
        }
    }
}
