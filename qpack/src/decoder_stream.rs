//! The instructions of a decoder stream (RFC 9204 section 4.4): what a decoder says about sections and insertions.

use crate::error::DecoderStreamError;
use crate::prefix_integer::{self, Partial, Start};
use alloc::vec::Vec;

/// What a decoder says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Section Acknowledgment, of the oldest section of a stream.
    Acknowledgment,
    /// Stream Cancellation.
    Cancellation,
    /// Insert Count Increment.
    Increment,
}

/// One number of a decoder stream as far as it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The number is this, or more.
    AtLeast(Kind, u64),
    Whole(Kind, u64),
}

/// Reads a decoder stream, in pieces of any size.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DecoderStream {
    /// A number whose bytes have not all come.
    partial: Option<(Kind, Partial)>,
}

impl DecoderStream {
    pub(crate) const fn new() -> DecoderStream {
        DecoderStream { partial: None }
    }

    /// The next byte.
    /// RFC 9204 section 7.4-2.
    pub(crate) fn on_byte(&mut self, byte: u8) -> Result<Progress, DecoderStreamError> {
        let (kind, start) = match self.partial.take() {
            Some((kind, mut partial)) => {
                let value = partial.push(byte).map_err(|_| DecoderStreamError::IntegerTooLarge)?;
                (kind, value.map_or(Start::Continued(partial), Start::Complete))
            }
            None => match byte {
                0b1000_0000.. => (Kind::Acknowledgment, prefix_integer::start(byte, 7)),
                0b0100_0000..=0b0111_1111 => (Kind::Cancellation, prefix_integer::start(byte, 6)),
                0b0000_0000..=0b0011_1111 => (Kind::Increment, prefix_integer::start(byte, 6)),
            },
        };
        Ok(match start {
            Start::Complete(value) => Progress::Whole(kind, value),
            Start::Continued(partial) => {
                self.partial = Some((kind, partial));
                Progress::AtLeast(kind, partial.at_least())
            }
        })
    }
}

/// Appends an instruction.
pub(crate) fn push(kind: Kind, number: u64, out: &mut Vec<u8>) {
    match kind {
        Kind::Acknowledgment => prefix_integer::encode(0b1000_0000, 7, number, out),
        Kind::Cancellation => prefix_integer::encode(0b0100_0000, 6, number, out),
        Kind::Increment => prefix_integer::encode(0, 6, number, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for kind in [Kind::Acknowledgment, Kind::Cancellation, Kind::Increment] {
            for number in [0, 1, 62, 63, 64, 126, 127, 128, 1 << 40, (1 << 62) - 1] {
                let mut bytes = Vec::new();
                push(kind, number, &mut bytes);
                let mut stream = DecoderStream::new();
                let (last, first) = bytes.split_last().unwrap();
                for byte in first {
                    assert!(
                        matches!(stream.on_byte(*byte), Ok(Progress::AtLeast(of, least)) if of == kind && least <= number)
                    );
                }
                assert_eq!(stream.on_byte(*last), Ok(Progress::Whole(kind, number)));
            }
        }
    }

    /// RFC 9204 section 7.4-2.
    #[test]
    fn continuation_bytes_end_at_ten() {
        for first in [0xff, 0x7f, 0x3f] {
            let mut stream = DecoderStream::new();
            stream.on_byte(first).unwrap();
            for _ in 0..9 {
                stream.on_byte(0x80).unwrap();
            }
            assert_eq!(stream.on_byte(0x80), Err(DecoderStreamError::IntegerTooLarge));
        }
    }
}
