//! JSON (RFC 8259) as far as logs need it: objects written from front to back into one string.

use std::fmt::{Display, Write as _};

/// An object that is being written. [`Object::end`] closes it.
pub(crate) struct Object<'a> {
    text: &'a mut String,
    is_empty: bool,
}

impl<'a> Object<'a> {
    /// Begins an object at the end of `text`.
    pub(crate) fn begin(text: &'a mut String) -> Object<'a> {
        text.push('{');
        Object { text, is_empty: true }
    }

    /// A number, or anything else that is valid JSON as it is displayed.
    pub(crate) fn number(&mut self, name: &str, value: impl Display) {
        self.name(name);
        push(self.text, format_args!("{value}"));
    }

    /// A truth value.
    pub(crate) fn truth(&mut self, name: &str, value: bool) {
        self.number(name, value);
    }

    /// A string.
    pub(crate) fn string(&mut self, name: &str, value: impl Display) {
        self.name(name);
        push_string(self.text, value);
    }

    /// A string of two hexadecimal digits for each byte.
    pub(crate) fn bytes(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.text.push('"');
        value.iter().for_each(|byte| push(self.text, format_args!("{byte:02x}")));
        self.text.push('"');
    }

    /// An object within this one.
    pub(crate) fn object(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        let mut inner = Object::begin(self.text);
        fill(&mut inner);
        inner.end();
    }

    /// An array within this object.
    pub(crate) fn array(&mut self, name: &str, fill: impl FnOnce(&mut Array<'_>)) {
        self.name(name);
        push_array(self.text, fill);
    }

    /// An array of strings.
    pub(crate) fn strings(&mut self, name: &str, values: &[&str]) {
        self.array(name, |array| values.iter().for_each(|value| array.string(value)));
    }

    /// Closes it.
    pub(crate) fn end(self) {
        self.text.push('}');
    }

    fn name(&mut self, name: &str) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.text.push(',');
        }
        push_string(self.text, name);
        self.text.push(':');
    }
}

/// An array that is being written.
pub(crate) struct Array<'a> {
    text: &'a mut String,
    is_empty: bool,
}

impl Array<'_> {
    /// An object as the next element.
    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        self.separate();
        let mut inner = Object::begin(self.text);
        fill(&mut inner);
        inner.end();
    }

    /// Anything that is valid JSON as it is displayed.
    pub(crate) fn number(&mut self, value: impl Display) {
        self.separate();
        push(self.text, format_args!("{value}"));
    }

    /// A string.
    pub(crate) fn string(&mut self, value: impl Display) {
        self.separate();
        push_string(self.text, value);
    }

    /// An array within this one.
    pub(crate) fn array(&mut self, fill: impl FnOnce(&mut Array<'_>)) {
        self.separate();
        push_array(self.text, fill);
    }

    fn separate(&mut self) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.text.push(',');
        }
    }
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(arguments);
}

fn push_array(text: &mut String, fill: impl FnOnce(&mut Array<'_>)) {
    text.push('[');
    fill(&mut Array { text, is_empty: true });
    text.push(']');
}

fn push_string(text: &mut String, value: impl Display) {
    text.push('"');
    let _ = write!(Escaped(text), "{value}");
    text.push('"');
}

/// Escapes what is written through it (RFC 8259 section 7), and everything beyond ASCII, which a peer may have chosen.
struct Escaped<'a>(&'a mut String);

impl std::fmt::Write for Escaped<'_> {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        for character in part.chars() {
            match character {
                '"' | '\\' => {
                    self.0.push('\\');
                    self.0.push(character);
                }
                ' '..='~' => self.0.push(character),
                other => other.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(self.0, "\\u{unit:04x}"))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_and_arrays_nest_and_what_is_not_ascii_is_escaped() {
        let mut text = String::new();
        let mut object = Object::begin(&mut text);
        object.number("a", 1);
        object.string("b", "quote \" backslash \\ line \n umlaut \u{fc} face \u{1f600}");
        object.bytes("c", &[0, 0xff]);
        object.array("d", |array| {
            array.number(1.5);
            array.object(|inner| inner.truth("e", true));
        });
        object.object("f", |_| {});
        object.end();
        let wanted = r#"{"a":1,"b":"quote \" backslash \\ line \u000a umlaut \u00fc face \ud83d\ude00","c":"00ff","d":[1.5,{"e":true}],"f":{}}"#;
        assert_eq!(text, wanted);
    }
}
