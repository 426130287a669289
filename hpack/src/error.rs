//! Why a block is not decoded.

use core::fmt;

/// What is wrong with a block: a connection error in HTTP/2 (RFC 9113 section 4.3), because the tables of the two ends are not the
/// same any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionError {
    /// The block ends inside a representation.
    Truncated,
    /// An index of neither table, or zero.
    Index,
    /// An integer above 2^62 - 1, or in more than ten bytes.
    Integer,
    /// A string that is not a Huffman code.
    Huffman,
    /// A table size above what was allowed.
    TableSize,
    /// A table size behind the first line of a block.
    LateTableSize,
}

impl fmt::Display for CompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CompressionError::Truncated => "the block ends inside a representation",
            CompressionError::Index => "an index that is in no table",
            CompressionError::Integer => "an integer that is too large",
            CompressionError::Huffman => "a string that is no Huffman code",
            CompressionError::TableSize => "a table size above what was allowed",
            CompressionError::LateTableSize => "a table size behind the first line of a block",
        })
    }
}

impl core::error::Error for CompressionError {}

/// Why the lines of a block were not all given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError<E> {
    /// The block cannot be decoded, and so can none after it.
    Compression(CompressionError),
    /// The lines are larger than the caller takes. The block was decoded to its end for what it does to the table.
    TooLarge,
    /// The caller refused a line, and was given none after it. The block was decoded to its end all the same.
    Refused(E),
}

impl<E> From<CompressionError> for DecodeError<E> {
    fn from(error: CompressionError) -> DecodeError<E> {
        DecodeError::Compression(error)
    }
}

impl<E: fmt::Display> fmt::Display for DecodeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Compression(error) => fmt::Display::fmt(error, f),
            DecodeError::TooLarge => f.write_str("the fields are larger than allowed"),
            DecodeError::Refused(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for DecodeError<E> {}
