//! Numbers (RFC 8259 section 6), kept as they were written.

use crate::error::Error;
use crate::text::Text;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use core::fmt;

/// A number, as the text that was sent: `1.0`, `1` and `10e-1` are three different ones, and none is too large. What it means is
/// asked for in the type that the asker wants.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(Box<str>);

impl Number {
    /// From a text that is one number and nothing else.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Number, Error> {
        let mut cursor = Text::new(text);
        let number = Number::read(&mut cursor)?;
        match cursor.peek() {
            None => Ok(number),
            Some(_) => Err(cursor.expected("nothing after the number")),
        }
    }

    /// A number that is finite; JSON has no others.
    pub fn from_f64(number: f64) -> Option<Number> {
        // The shortest digits that give the same number again.
        number.is_finite().then(|| Number(format!("{number:?}").into()))
    }

    /// What was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its value, if it is written as an integer, without sign, fraction and exponent, and fits.
    pub fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// Its value, if it is written as an integer, without fraction and exponent, and fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The nearest of this type; `None` if it is beyond the largest.
    pub fn as_f64(&self) -> Option<f64> {
        self.0.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// The number that begins at the cursor.
    pub(crate) fn read(text: &mut Text<'_>) -> Result<Number, Error> {
        let start = text.place();
        text.take(b'-');
        // A zero stands alone.
        if !text.take(b'0') && text.skip_digits() == 0 {
            return Err(text.expected("a digit"));
        }
        if text.take(b'.') && text.skip_digits() == 0 {
            return Err(text.expected("a digit after the point"));
        }
        if text.take(b'e') || text.take(b'E') {
            let _ = text.take(b'+') || text.take(b'-');
            if text.skip_digits() == 0 {
                return Err(text.expected("a digit of the exponent"));
            }
        }
        Ok(Number(text.since(start).into()))
    }
}

macro_rules! from_integers {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Number {
            fn from(number: $kind) -> Number {
                Number(number.to_string().into())
            }
        }
    )*};
}
from_integers!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
