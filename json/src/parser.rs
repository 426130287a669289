//! Texts to values, with a stack of its own in place of recursion.

use crate::error::{Error, ErrorKind};
use crate::limits::{Duplicates, Limits, MAX_DEPTH};
use crate::number::Number;
use crate::text::Text;
use crate::value::{Object, Value, first_repeated};
use alloc::string::String;
use alloc::vec::Vec;

/// The value of a text, within the [limits](Limits) that are the default.
///
/// # Errors
/// It is no JSON, or more of it than allowed.
pub fn parse(text: &[u8]) -> Result<Value, Error> {
    Limits::default().parse(text)
}

impl Limits {
    /// The value of a text, within these limits.
    ///
    /// # Errors
    /// It is no JSON, or more of it than allowed.
    pub fn parse(&self, text: &[u8]) -> Result<Value, Error> {
        if text.len() > self.bytes {
            return Err(Error::at(ErrorKind::TooLarge { limit: self.bytes }, text, self.bytes));
        }
        let decoded =
            core::str::from_utf8(text).map_err(|error| Error::at(ErrorKind::NotUtf8, text, error.valid_up_to()))?;
        if decoded.starts_with('\u{feff}') {
            return Err(Error::at(ErrorKind::ByteOrderMark, text, 0));
        }
        let parser = Parser { text: Text::new(decoded), limits: *self, values: 0, open: Vec::new() };
        parser.document()
    }
}

/// An array or object of which the end has not come.
enum Open {
    Array(Vec<Value>),
    Object(OpenObject),
}

/// An object, and the name whose value is next.
#[derive(Default)]
struct OpenObject {
    members: Vec<(String, Value)>,
    name: String,
    /// Where each name stands.
    name_places: Vec<usize>,
}

struct Parser<'a> {
    text: Text<'a>,
    limits: Limits,
    /// How many values there were.
    values: usize,
    /// The innermost is the last.
    open: Vec<Open>,
}

impl Parser<'_> {
    fn document(mut self) -> Result<Value, Error> {
        loop {
            self.text.skip_space();
            let Some(value) = self.begin()? else { continue };
            if let Some(whole) = self.put(value)? {
                self.text.skip_space();
                return match self.text.peek() {
                    None => Ok(whole),
                    Some(_) => Err(self.text.expected("nothing after the value")),
                };
            }
        }
    }

    /// The value that begins here; `None` if it is an array or object that is not empty, and another value begins in it.
    fn begin(&mut self) -> Result<Option<Value>, Error> {
        self.values += 1;
        if self.values > self.limits.values {
            return Err(self.limit(ErrorKind::TooMany { limit: self.limits.values }));
        }
        let value = match self.text.peek() {
            Some(b'[') => return self.begin_array(),
            Some(b'{') => return self.begin_object(),
            Some(b'"') => Value::String(self.string("a string")?),
            Some(b'-' | b'0'..=b'9') => Value::Number(Number::read(&mut self.text)?),
            _ if self.text.take_word("true") => Value::Bool(true),
            _ if self.text.take_word("false") => Value::Bool(false),
            _ if self.text.take_word("null") => Value::Null,
            _ => return Err(self.text.expected("a value")),
        };
        Ok(Some(value))
    }

    fn begin_array(&mut self) -> Result<Option<Value>, Error> {
        self.check_depth()?;
        self.text.take(b'[');
        self.text.skip_space();
        if self.text.take(b']') {
            return Ok(Some(Value::Array(Vec::new())));
        }
        self.open.push(Open::Array(Vec::new()));
        Ok(None)
    }

    fn begin_object(&mut self) -> Result<Option<Value>, Error> {
        self.check_depth()?;
        self.text.take(b'{');
        self.text.skip_space();
        if self.text.take(b'}') {
            return Ok(Some(Value::Object(Object::new())));
        }
        let mut object = OpenObject::default();
        self.name(&mut object, "a name in quotes or `}`")?;
        self.open.push(Open::Object(object));
        Ok(None)
    }

    /// Puts a value into what it is in, which may be whole with it, and so on. Gives the outermost if that is whole.
    fn put(&mut self, mut value: Value) -> Result<Option<Value>, Error> {
        while let Some(open) = self.open.pop() {
            let whole = match open {
                Open::Array(elements) => self.add_element(elements, value)?,
                Open::Object(object) => self.add_member(object, value)?,
            };
            match whole {
                Some(whole) => value = whole,
                None => return Ok(None),
            }
        }
        Ok(Some(value))
    }

    /// Gives the array if that was its last element.
    fn add_element(&mut self, mut elements: Vec<Value>, value: Value) -> Result<Option<Value>, Error> {
        elements.push(value);
        self.text.skip_space();
        if self.text.take(b']') {
            return Ok(Some(Value::Array(elements)));
        }
        if !self.text.take(b',') {
            return Err(self.text.expected("a comma or `]`"));
        }
        self.open.push(Open::Array(elements));
        Ok(None)
    }

    /// Gives the object if that was its last member.
    fn add_member(&mut self, mut object: OpenObject, value: Value) -> Result<Option<Value>, Error> {
        let name = core::mem::take(&mut object.name);
        object.members.push((name, value));
        self.text.skip_space();
        if self.text.take(b'}') {
            return self.end_object(object).map(Some);
        }
        if !self.text.take(b',') {
            return Err(self.text.expected("a comma or `}`"));
        }
        self.text.skip_space();
        self.name(&mut object, "a name in quotes")?;
        self.open.push(Open::Object(object));
        Ok(None)
    }

    fn end_object(&self, object: OpenObject) -> Result<Value, Error> {
        let OpenObject { members, name_places, .. } = object;
        let object = match self.limits.duplicates {
            Duplicates::KeepLast => Object::of_last(members),
            Duplicates::Refuse => match first_repeated(&members) {
                None => Object::of_distinct(members),
                Some(repeated) => return Err(self.text.error_at(name_places[repeated], ErrorKind::DuplicateName)),
            },
        };
        Ok(Value::Object(object))
    }

    /// The name of the next member, and the colon.
    fn name(&mut self, object: &mut OpenObject, what: &'static str) -> Result<(), Error> {
        object.name_places.push(self.text.place());
        object.name = self.string(what)?;
        self.text.skip_space();
        if !self.text.take(b':') {
            return Err(self.text.expected("a colon"));
        }
        Ok(())
    }

    fn string(&mut self, what: &'static str) -> Result<String, Error> {
        if !self.text.take(b'"') {
            return Err(self.text.expected(what));
        }
        let mut string = String::from(self.text.take_plain());
        while !self.text.take(b'"') {
            match self.text.peek() {
                Some(b'\\') => string.push(self.escape()?),
                Some(_) => return Err(self.text.error_at(self.text.place(), ErrorKind::ControlCharacter)),
                None => return Err(self.text.expected("`\"` at the end of the string")),
            }
            string.push_str(self.text.take_plain());
        }
        Ok(string)
    }

    fn escape(&mut self) -> Result<char, Error> {
        let start = self.text.place();
        self.text.take(b'\\');
        if self.text.take(b'u') {
            return self.escaped_unit(start);
        }
        for (letter, character) in ESCAPES {
            if self.text.take(letter) {
                return Ok(character);
            }
        }
        Err(self.text.expected("one of \"\\/bfnrtu"))
    }

    /// What `\u` and four digits stand for: a character, or with another such escape a pair of surrogates.
    fn escaped_unit(&mut self, start: usize) -> Result<char, Error> {
        let first = self.text.take_hex()?;
        if let Some(character) = char::from_u32(first.into()) {
            return Ok(character);
        }
        if first < LOW_SURROGATES && self.text.take_word("\\u") {
            let second = self.text.take_hex()?;
            if let Some(Ok(character)) = char::decode_utf16([first, second]).next() {
                return Ok(character);
            }
        }
        Err(self.text.error_at(start, ErrorKind::LoneSurrogate))
    }

    fn check_depth(&self) -> Result<(), Error> {
        let limit = self.limits.depth.min(MAX_DEPTH);
        if self.open.len() < limit { Ok(()) } else { Err(self.limit(ErrorKind::TooDeep { limit })) }
    }

    fn limit(&self, kind: ErrorKind) -> Error {
        self.text.error_at(self.text.place(), kind)
    }
}

/// The first of those that come second in a pair.
const LOW_SURROGATES: u16 = 0xdc00;

/// What a letter behind a backslash stands for.
const ESCAPES: [(u8, char); 8] = [
    (b'"', '"'),
    (b'\\', '\\'),
    (b'/', '/'),
    (b'b', '\u{8}'),
    (b'f', '\u{c}'),
    (b'n', '\n'),
    (b'r', '\r'),
    (b't', '\t'),
];
