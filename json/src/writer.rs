//! Objects that are written from front to back into one string, without a value for each part.

use crate::escape::push_string;
use crate::value::Value;
use alloc::string::String;
use core::fmt::{self, Display, Write as _};

/// An object that is being written. [`ObjectWriter::end`] closes it.
pub struct ObjectWriter<'a> {
    text: &'a mut String,
    is_empty: bool,
}

impl<'a> ObjectWriter<'a> {
    /// Begins an object at the end of `text`.
    pub fn begin(text: &'a mut String) -> ObjectWriter<'a> {
        text.push('{');
        ObjectWriter { text, is_empty: true }
    }

    /// A number, or anything else that is valid JSON as it is displayed.
    pub fn number(&mut self, name: &str, value: impl Display) {
        self.name(name);
        push(self.text, format_args!("{value}"));
    }

    /// A truth value.
    pub fn truth(&mut self, name: &str, value: bool) {
        self.number(name, value);
    }

    /// A string.
    pub fn string(&mut self, name: &str, value: impl Display) {
        self.name(name);
        push_quoted(self.text, value);
    }

    /// A string of two hexadecimal digits for each byte.
    pub fn bytes(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.text.push('"');
        value.iter().for_each(|byte| push(self.text, format_args!("{byte:02x}")));
        self.text.push('"');
    }

    /// An object within this one.
    pub fn object(&mut self, name: &str, fill: impl FnOnce(&mut ObjectWriter<'_>)) {
        self.name(name);
        let mut inner = ObjectWriter::begin(self.text);
        fill(&mut inner);
        inner.end();
    }

    /// An array within this object.
    pub fn array(&mut self, name: &str, fill: impl FnOnce(&mut ArrayWriter<'_>)) {
        self.name(name);
        push_array(self.text, fill);
    }

    /// An array of strings.
    pub fn strings(&mut self, name: &str, values: &[&str]) {
        self.array(name, |array| values.iter().for_each(|value| array.string(value)));
    }

    /// Any value.
    pub fn value(&mut self, name: &str, value: &Value) {
        self.number(name, value);
    }

    /// Closes it.
    pub fn end(self) {
        self.text.push('}');
    }

    fn name(&mut self, name: &str) {
        if !core::mem::replace(&mut self.is_empty, false) {
            self.text.push(',');
        }
        push_quoted(self.text, name);
        self.text.push(':');
    }
}

/// An array that is being written.
pub struct ArrayWriter<'a> {
    text: &'a mut String,
    is_empty: bool,
}

impl ArrayWriter<'_> {
    /// An object as the next element.
    pub fn object(&mut self, fill: impl FnOnce(&mut ObjectWriter<'_>)) {
        self.separate();
        let mut inner = ObjectWriter::begin(self.text);
        fill(&mut inner);
        inner.end();
    }

    /// Anything that is valid JSON as it is displayed.
    pub fn number(&mut self, value: impl Display) {
        self.separate();
        push(self.text, format_args!("{value}"));
    }

    /// A string.
    pub fn string(&mut self, value: impl Display) {
        self.separate();
        push_quoted(self.text, value);
    }

    /// An array within this one.
    pub fn array(&mut self, fill: impl FnOnce(&mut ArrayWriter<'_>)) {
        self.separate();
        push_array(self.text, fill);
    }

    fn separate(&mut self) {
        if !core::mem::replace(&mut self.is_empty, false) {
            self.text.push(',');
        }
    }
}

fn push(text: &mut String, arguments: fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = text.write_fmt(arguments);
}

fn push_array(text: &mut String, fill: impl FnOnce(&mut ArrayWriter<'_>)) {
    text.push('[');
    fill(&mut ArrayWriter { text, is_empty: true });
    text.push(']');
}

fn push_quoted(text: &mut String, value: impl Display) {
    let _ = push_string(text, value);
}
