//! The wire format of Protocol Buffers, as far as the messages of this protocol use it: varints, strings, bytes, messages and maps of
//! strings, by the rules of proto3. A default value is not written; fields are written in the order of their numbers, and maps in the
//! order of their keys, so that a message has one form. When it is read, unknown fields are skipped, and of a field that comes twice
//! the last one counts.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use base::Bytes;
use core::fmt;
use core::ops::Range;

/// Elements of one repeated field, at most: what two bytes of a frame can cost is bounded.
pub const MAX_REPEATED: usize = 10_000;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// They end within a field.
    Truncated,
    /// A number of more than ten bytes.
    LongNumber,
    /// The field number 0, or one above 2^29 - 1.
    FieldNumber,
    /// A wire type that proto3 has no use for.
    WireType,
    /// A string that is not UTF-8.
    Text,
    /// More elements of a field than [`MAX_REPEATED`].
    TooMany,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::Truncated => "a field ends beyond its message",
            Malformed::LongNumber => "a number has more than ten bytes",
            Malformed::FieldNumber => "a field number is out of range",
            Malformed::WireType => "a field has a wire type that is not in use",
            Malformed::Text => "a string is not UTF-8",
            Malformed::TooMany => "a field has too many elements",
        })
    }
}

impl core::error::Error for Malformed {}

/// A message: what can be written and read.
pub trait Message: Default {
    /// Appends all fields.
    fn write(&self, out: &mut Vec<u8>);

    /// Takes one field that was read; one that is not known is dropped.
    ///
    /// # Errors
    /// Its content is not what the field has.
    fn take(&mut self, field: Field<'_>) -> Result<(), Malformed>;

    /// The message that all of `bytes` are. Byte strings share their memory.
    ///
    /// # Errors
    /// They are none.
    fn parse(bytes: &Bytes) -> Result<Self, Malformed> {
        let mut message = Self::default();
        let mut reader = Reader { bytes, at: 0 };
        while let Some(field) = reader.field()? {
            message.take(field)?;
        }
        Ok(message)
    }

    /// The bytes of the message.
    fn encoded(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }
}

/// A field that was read.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    /// Its number.
    pub number: u32,
    content: Content<'a>,
}

#[derive(Clone, Debug)]
enum Content<'a> {
    Number(u64),
    Delimited(&'a Bytes, Range<usize>),
    /// Of a wire type that no message here has.
    Fixed,
}

impl<'a> Field<'a> {
    /// The number, if that is what the field has.
    pub(crate) const fn number(&self) -> Option<u64> {
        if let Content::Number(number) = self.content { Some(number) } else { None }
    }

    /// The text, if the field has a length; in the memory of the message.
    pub(crate) fn text(&self) -> Result<Option<&'a str>, Malformed> {
        self.delimited().map(text).transpose()
    }

    /// Whether the content may stand in a map of strings.
    pub(crate) fn check_entry(&self) -> Result<(), Malformed> {
        let Content::Delimited(bytes, range) = &self.content else { return Ok(()) };
        let mut reader = Reader { bytes: &bytes.slice(range.clone()), at: 0 };
        while let Some(field) = reader.field()? {
            if matches!(field.number, 1 | 2) {
                field.text()?;
            }
        }
        Ok(())
    }

    fn delimited(&self) -> Option<&'a [u8]> {
        match &self.content {
            Content::Delimited(bytes, range) => Some(&bytes[range.clone()]),
            Content::Number(_) | Content::Fixed => None,
        }
    }
}

/// The fields of a message, one after the other.
pub(crate) fn fields(bytes: &Bytes) -> impl Iterator<Item = Result<Field<'_>, Malformed>> {
    let mut reader = Reader { bytes, at: 0 };
    core::iter::from_fn(move || reader.field().transpose())
}

struct Reader<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl<'a> Reader<'a> {
    fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0u64;
        for (place, byte) in self.bytes[self.at..].iter().enumerate() {
            if place == 10 {
                return Err(Malformed::LongNumber);
            }
            // Bits beyond the 64th are dropped, as other implementations do.
            number |= u64::from(byte & 0x7f).checked_shl(7 * place as u32).unwrap_or(0);
            if byte & 0x80 == 0 {
                self.at += place + 1;
                return Ok(number);
            }
        }
        Err(if self.bytes.len() - self.at > 10 { Malformed::LongNumber } else { Malformed::Truncated })
    }

    fn skip(&mut self, count: u64) -> Result<Range<usize>, Malformed> {
        let left = self.bytes.len() - self.at;
        let count = usize::try_from(count).ok().filter(|count| *count <= left).ok_or(Malformed::Truncated)?;
        let begin = self.at;
        self.at += count;
        Ok(begin..self.at)
    }

    fn field(&mut self) -> Result<Option<Field<'a>>, Malformed> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let tag = self.number()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number));
        let number = number.ok_or(Malformed::FieldNumber)?;
        let content = match tag & 7 {
            0 => Content::Number(self.number()?),
            1 => self.skip(8).map(|_| Content::Fixed)?,
            2 => {
                let len = self.number()?;
                Content::Delimited(self.bytes, self.skip(len)?)
            }
            5 => self.skip(4).map(|_| Content::Fixed)?,
            _ => return Err(Malformed::WireType),
        };
        Ok(Some(Field { number, content }))
    }
}

/// A type that a field can have.
pub trait Value {
    /// Appends the field, unless it has its default value.
    fn write_field(&self, number: u32, out: &mut Vec<u8>);

    /// Takes what was read. Another wire type than the field's is that of an unknown field.
    ///
    /// # Errors
    /// The content is none of this type.
    fn take_field(&mut self, field: &Field<'_>) -> Result<(), Malformed>;
}

/// Appends a number.
pub fn push_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn push_delimited(out: &mut Vec<u8>, number: u32, content: &[u8]) {
    push_number(out, u64::from(number) << 3 | 2);
    push_number(out, content.len() as u64);
    out.extend_from_slice(content);
}

/// Appends a field whose content `write` appends. The length stands before the content and is known after it, so the content moves on by the
/// few bytes that the length takes.
fn push_written(out: &mut Vec<u8>, number: u32, write: impl FnOnce(&mut Vec<u8>)) {
    push_number(out, u64::from(number) << 3 | 2);
    let begin = out.len();
    write(out);
    let end = out.len();
    push_number(out, (end - begin) as u64);
    let length = out.len() - end;
    out[begin..].rotate_right(length);
}

fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    core::str::from_utf8(bytes).map_err(|_| Malformed::Text)
}

impl Value for u64 {
    fn write_field(&self, number: u32, out: &mut Vec<u8>) {
        if *self != 0 {
            push_number(out, u64::from(number) << 3);
            push_number(out, *self);
        }
    }

    fn take_field(&mut self, field: &Field<'_>) -> Result<(), Malformed> {
        if let Content::Number(number) = field.content {
            *self = number;
        }
        Ok(())
    }
}

impl Value for u32 {
    fn write_field(&self, number: u32, out: &mut Vec<u8>) {
        u64::from(*self).write_field(number, out);
    }

    fn take_field(&mut self, field: &Field<'_>) -> Result<(), Malformed> {
        if let Content::Number(number) = field.content {
            *self = number as u32;
        }
        Ok(())
    }
}

impl Value for bool {
    fn write_field(&self, number: u32, out: &mut Vec<u8>) {
        u64::from(*self).write_field(number, out);
    }

    fn take_field(&mut self, field: &Field<'_>) -> Result<(), Malformed> {
        if let Content::Number(number) = field.content {
            *self = number != 0;
        }
        Ok(())
    }
}

impl Value for String {
    fn write_field(&self, number: u32, out: &mut Vec<u8>) {
        if !self.is_empty() {
            push_delimited(out, number, self.as_bytes());
        }
    }

    fn take_field(&mut self, field: &Field<'_>) -> Result<(), Malformed> {
        if let Content::Delimited(bytes, range) = &field.content {
            *self = String::from(text(&bytes[range.clone()])?);
        }
        Ok(())
    }
}

impl Value for Bytes {
    fn write_field(&self, number: u32, out: &mut Vec<u8>) {
        if !self.is_empty() {
            push_delimited(out, number, self);
        }
    }

    fn take_field(&mut self, field: &Field<'_>) -> Result<(), Malformed> {
        if let Content::Delimited(bytes, range) = &field.content {
            *self = bytes.slice(range.clone());
        }
        Ok(())
    }
}

/// What a repeated field has: its element is written also where it is empty.
pub trait Element: Sized {
    /// Appends one.
    fn write_element(&self, number: u32, out: &mut Vec<u8>);

    /// Reads one.
    ///
    /// # Errors
    /// The content is none of this type.
    fn read_element(content: Bytes) -> Result<Self, Malformed>;
}

impl Element for String {
    fn write_element(&self, number: u32, out: &mut Vec<u8>) {
        push_delimited(out, number, self.as_bytes());
    }

    fn read_element(content: Bytes) -> Result<String, Malformed> {
        text(&content).map(String::from)
    }
}

/// A message that was written already, or is to be read later.
impl Element for Bytes {
    fn write_element(&self, number: u32, out: &mut Vec<u8>) {
        push_delimited(out, number, self);
    }

    fn read_element(content: Bytes) -> Result<Bytes, Malformed> {
        Ok(content)
    }
}

impl<M: Message> Element for M {
    fn write_element(&self, number: u32, out: &mut Vec<u8>) {
        push_written(out, number, |out| self.write(out));
    }

    fn read_element(content: Bytes) -> Result<M, Malformed> {
        M::parse(&content)
    }
}

impl<E: Element> Value for Vec<E> {
    fn write_field(&self, number: u32, out: &mut Vec<u8>) {
        self.iter().for_each(|element| element.write_element(number, out));
    }

    fn take_field(&mut self, field: &Field<'_>) -> Result<(), Malformed> {
        if let Content::Delimited(bytes, range) = &field.content {
            if self.len() == MAX_REPEATED {
                return Err(Malformed::TooMany);
            }
            self.push(E::read_element(bytes.slice(range.clone()))?);
        }
        Ok(())
    }
}

/// A message that may be missing. One that comes in parts is merged.
impl<M: Message> Value for Option<M> {
    fn write_field(&self, number: u32, out: &mut Vec<u8>) {
        if let Some(message) = self {
            message.write_element(number, out);
        }
    }

    fn take_field(&mut self, field: &Field<'_>) -> Result<(), Malformed> {
        if let Content::Delimited(bytes, range) = &field.content {
            let part = bytes.slice(range.clone());
            let message = self.get_or_insert_with(M::default);
            let mut reader = Reader { bytes: &part, at: 0 };
            while let Some(field) = reader.field()? {
                message.take(field)?;
            }
        }
        Ok(())
    }
}

impl Value for BTreeMap<String, String> {
    fn write_field(&self, number: u32, out: &mut Vec<u8>) {
        for (key, value) in self {
            push_written(out, number, |out| {
                // An entry has both, whatever they are.
                push_delimited(out, 1, key.as_bytes());
                push_delimited(out, 2, value.as_bytes());
            });
        }
    }

    fn take_field(&mut self, field: &Field<'_>) -> Result<(), Malformed> {
        let Content::Delimited(bytes, range) = &field.content else { return Ok(()) };
        let entry = bytes.slice(range.clone());
        let (mut key, mut value) = (String::new(), String::new());
        let mut reader = Reader { bytes: &entry, at: 0 };
        while let Some(field) = reader.field()? {
            match field.number {
                1 => key.take_field(&field)?,
                2 => value.take_field(&field)?,
                _ => {}
            }
        }
        if self.len() == MAX_REPEATED && !self.contains_key(&key) {
            return Err(Malformed::TooMany);
        }
        self.insert(key, value);
        Ok(())
    }
}

/// Declares messages: each field with its type and its number, in the order of the numbers.
macro_rules! messages {
    ($($(#[$of_message:meta])* $name:ident { $($(#[$of_field:meta])* $field:ident: $type:ty = $number:literal,)* })*) => {
        $(
            $(#[$of_message])*
            #[derive(Clone, Debug, Default, PartialEq, Eq)]
            pub struct $name {
                $($(#[$of_field])* pub $field: $type,)*
            }

            impl $crate::protobuf::Message for $name {
                fn write(&self, out: &mut alloc::vec::Vec<u8>) {
                    $($crate::protobuf::Value::write_field(&self.$field, $number, out);)*
                }

                fn take(
                    &mut self,
                    field: $crate::protobuf::Field<'_>,
                ) -> Result<(), $crate::protobuf::Malformed> {
                    match field.number {
                        $($number => $crate::protobuf::Value::take_field(&mut self.$field, &field),)*
                        _ => Ok(()),
                    }
                }
            }
        )*
    };
}

pub(crate) use messages;
