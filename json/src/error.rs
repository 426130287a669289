//! Why a text is not taken, and where in it.

use core::fmt;

/// A text is no JSON, or more of it than was allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Bytes before the place.
    pub offset: usize,
    /// The line of the place, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something else has to stand here.
    Expected {
        /// What would be right.
        what: &'static str,
        /// What is there; `None` at the end of the text.
        found: Option<char>,
    },
    /// A control character within a string has to be escaped (RFC 8259 section 7).
    ControlCharacter,
    /// Half of a surrogate pair, which is no character (RFC 8259 section 8.2).
    LoneSurrogate,
    /// The text is not UTF-8 (RFC 8259 section 8.1).
    NotUtf8,
    /// The text begins with a byte order mark (RFC 8259 section 8.1).
    ByteOrderMark,
    /// The object has a member of this name already.
    DuplicateName,
    /// Arrays and objects within each other, more of them than allowed.
    TooDeep {
        /// [`Limits::depth`](crate::Limits::depth).
        limit: usize,
    },
    /// More bytes than allowed.
    TooLarge {
        /// [`Limits::bytes`](crate::Limits::bytes).
        limit: usize,
    },
    /// More values than allowed.
    TooMany {
        /// [`Limits::values`](crate::Limits::values).
        limit: usize,
    },
}

impl Error {
    /// An error at a place of `input`.
    pub(crate) fn at(kind: ErrorKind, input: &[u8], offset: usize) -> Error {
        let before = &input[..offset.min(input.len())];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        // Each character of UTF-8 has one byte that is no continuation.
        let column = 1 + before[line_start..].iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        Error { kind, offset, line, column }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {} (byte {}): ", self.line, self.column, self.offset)?;
        match self.kind {
            ErrorKind::Expected { what, found: None } => write!(f, "expected {what}, and the text ends"),
            ErrorKind::Expected { what, found: Some(found) } if found.is_control() => {
                write!(f, "expected {what}, found a control character ({:#04x})", u32::from(found))
            }
            ErrorKind::Expected { what, found: Some(found) } => write!(f, "expected {what}, found `{found}`"),
            ErrorKind::ControlCharacter => f.write_str("a control character in a string has to be escaped"),
            ErrorKind::LoneSurrogate => f.write_str("half of a surrogate pair is no character"),
            ErrorKind::NotUtf8 => f.write_str("the text is not UTF-8"),
            ErrorKind::ByteOrderMark => f.write_str("JSON begins without a byte order mark"),
            ErrorKind::DuplicateName => f.write_str("the object has a member of this name already"),
            ErrorKind::TooDeep { limit } => write!(f, "more than {limit} arrays and objects within each other"),
            ErrorKind::TooLarge { limit } => write!(f, "more than {limit} bytes"),
            ErrorKind::TooMany { limit } => write!(f, "more than {limit} values"),
        }
    }
}

impl core::error::Error for Error {}
