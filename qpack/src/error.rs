//! What the peer can do wrong, by the error code it leads to (RFC 9204 section 6).

use core::fmt;

/// A field section that cannot be decoded: QPACK_DECOMPRESSION_FAILED.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecompressionError {
    /// It ends inside a prefix, a line or a string.
    Truncated,
    /// An integer above 2^62 - 1, or in more than ten bytes.
    IntegerTooLarge,
    /// A string that is no Huffman code, or is padded wrongly.
    Huffman,
    /// An index past the end of the static table.
    StaticIndex,
    /// A reference to an entry that is not in the dynamic table, or that the section did not say it needs.
    DynamicReference,
    /// A Required Insert Count that no encoder can have meant.
    InsertCount,
    /// More streams wait for insertions than were allowed to.
    BlockedStreams,
    /// A base below zero.
    NegativeBase,
}

impl fmt::Display for DecompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DecompressionError::Truncated => "the field section ends too early",
            DecompressionError::IntegerTooLarge => "an integer in the field section is too large",
            DecompressionError::Huffman => "a string in the field section is not valid Huffman code",
            DecompressionError::StaticIndex => "an index beyond the static table",
            DecompressionError::DynamicReference => "a reference to an entry that is not in the dynamic table",
            DecompressionError::InsertCount => "a field section that needs more of the dynamic table than there can be",
            DecompressionError::BlockedStreams => "more streams wait for the dynamic table than are allowed to",
            DecompressionError::NegativeBase => "a base below zero",
        })
    }
}

impl core::error::Error for DecompressionError {}

/// An instruction the peer's encoder must not send: QPACK_ENCODER_STREAM_ERROR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncoderStreamError {
    /// A capacity above the one we advertise.
    Capacity,
    /// An entry that does not fit in the table.
    EntryTooLarge,
    /// A reference to an entry that is not there.
    Reference,
    /// An integer above 2^62 - 1, or in more than ten bytes.
    IntegerTooLarge,
    /// A string that is no Huffman code, or is padded wrongly.
    Huffman,
}

impl fmt::Display for EncoderStreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EncoderStreamError::Capacity => "a dynamic table larger than allowed",
            EncoderStreamError::EntryTooLarge => "an entry larger than the dynamic table",
            EncoderStreamError::Reference => "a reference to an entry that does not exist",
            EncoderStreamError::IntegerTooLarge => "an integer on the encoder stream is too large",
            EncoderStreamError::Huffman => "a string on the encoder stream is not valid Huffman code",
        })
    }
}

impl core::error::Error for EncoderStreamError {}

/// An instruction the peer's decoder must not send: QPACK_DECODER_STREAM_ERROR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecoderStreamError {
    /// An acknowledgment where no section that refers to dynamic entries waits for one.
    SectionAcknowledgment,
    /// More insertions acknowledged than were sent, or none.
    InsertCountIncrement,
    /// An integer above 2^62 - 1, or in more than ten bytes.
    IntegerTooLarge,
}

impl fmt::Display for DecoderStreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DecoderStreamError::SectionAcknowledgment => "an acknowledgment of a section that was not sent",
            DecoderStreamError::InsertCountIncrement => "an acknowledgment of insertions that were not sent",
            DecoderStreamError::IntegerTooLarge => "an integer on the decoder stream is too large",
        })
    }
}

impl core::error::Error for DecoderStreamError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// The text of an error is what a person sees of it.
    #[test]
    fn errors_say_what_was_wrong() {
        assert_eq!(DecompressionError::NegativeBase.to_string(), "a base below zero");
        assert_eq!(EncoderStreamError::Capacity.to_string(), "a dynamic table larger than allowed");
        assert_eq!(
            DecoderStreamError::SectionAcknowledgment.to_string(),
            "an acknowledgment of a section that was not sent"
        );
    }
}
