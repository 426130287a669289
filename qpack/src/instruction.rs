//! The two instruction streams (RFC 9204 sections 4.3 and 4.4), as bytes come in, in pieces of any size.
//!
//! With a capacity of zero on both sides nearly every instruction is an error by its first bits: nothing is waited for,
//! and no length is believed. What is legal is a capacity of zero, and the cancellation of a stream.

use crate::error::{DecoderStreamError, EncoderStreamError};
use crate::prefix_integer::{self, Partial, Start};

/// The peer's encoder stream: instructions about the table we keep for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct EncoderStream;

impl EncoderStream {
    /// At the start of the stream.
    pub const fn new() -> EncoderStream {
        EncoderStream
    }

    /// More bytes came.
    pub fn on_bytes(&mut self, bytes: &[u8]) -> Result<(), EncoderStreamError> {
        bytes.iter().try_for_each(|first| match first {
            // RFC 9204 section 4.3.1-2, Set Dynamic Table Capacity: 001, capacity. Zero has only this one form, and any
            // other is above the limit by its first byte.
            0b0010_0000 => Ok(()),
            0b0010_0001..=0b0011_1111 => Err(EncoderStreamError::Capacity),
            // RFC 9204 section 3.2.2-2, 3.1-2: an entry is at least 32 bytes large, so none fits.
            0b0100_0000.. => Err(EncoderStreamError::EntryTooLarge),
            // RFC 9204 s4.3.4, Duplicate.
            // RFC 9204 section 2.2.3-2.
            0b0000_0000..=0b0001_1111 => Err(EncoderStreamError::Reference),
        })
    }
}

/// The peer's decoder stream: what it says about the sections we sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecoderStream {
    /// A stream number whose bytes have not all come.
    cancellation: Option<Partial>,
}

impl DecoderStream {
    /// At the start of the stream.
    pub const fn new() -> DecoderStream {
        DecoderStream { cancellation: None }
    }

    /// More bytes came.
    pub fn on_bytes(&mut self, bytes: &[u8]) -> Result<(), DecoderStreamError> {
        bytes.iter().try_for_each(|byte| self.on_byte(*byte))
    }

    fn on_byte(&mut self, byte: u8) -> Result<(), DecoderStreamError> {
        if let Some(partial) = &mut self.cancellation {
            let number = partial.push(byte).map_err(|_| DecoderStreamError::IntegerTooLarge)?;
            if number.is_some() {
                self.cancellation = None;
            }
            return Ok(());
        }
        match byte {
            // RFC 9204 section 4.4.1-1: our sections refer to nothing, so there is nothing to acknowledge.
            0b1000_0000.. => Err(DecoderStreamError::SectionAcknowledgment),
            // RFC 9204 s4.4.2: the stream's sections will not be read; we keep nothing that could be released.
            0b0100_0000..=0b0111_1111 => {
                if let Start::Continued(partial) = prefix_integer::start(byte, 6) {
                    self.cancellation = Some(partial);
                }
                Ok(())
            }
            // RFC 9204 section 4.4.3-1: zero is an error, and more than zero is more than we inserted.
            0b0000_0000..=0b0011_1111 => Err(DecoderStreamError::InsertCountIncrement),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9204 section 2.2.3-2, 3.1-2, 3.2.2-2, 4.3.1-2.
    #[test]
    fn the_encoder_stream_takes_a_capacity_of_zero_and_nothing_else() {
        for byte in 0..=255u8 {
            let expected = match byte >> 5 {
                0 => Err(EncoderStreamError::Reference),
                1 if byte == 0x20 => Ok(()),
                1 => Err(EncoderStreamError::Capacity),
                _ => Err(EncoderStreamError::EntryTooLarge),
            };
            assert_eq!(EncoderStream::new().on_bytes(&[0x20, byte]), expected, "{byte:#x}");
        }
    }

    #[test]
    fn a_huge_insert_is_refused_before_it_arrives() {
        // Insert With Literal Name, a name of 2^31 bytes: the first byte is enough.
        assert_eq!(EncoderStream::new().on_bytes(&[0x5f]), Err(EncoderStreamError::EntryTooLarge));
        // A capacity of 10,000,000,000.
        assert_eq!(EncoderStream::new().on_bytes(&[0x3f]), Err(EncoderStreamError::Capacity));
    }

    /// RFC 9204 section 4.4.1-1, 4.4.3-1.
    #[test]
    fn the_decoder_stream_takes_cancellations_only() {
        for byte in 0..=255u8 {
            let expected = match byte >> 6 {
                0 => Err(DecoderStreamError::InsertCountIncrement),
                1 => Ok(()),
                _ => Err(DecoderStreamError::SectionAcknowledgment),
            };
            assert_eq!(DecoderStream::new().on_bytes(&[byte]), expected, "{byte:#x}");
        }
    }

    #[test]
    fn cancellations_byte_by_byte() {
        let mut stream = DecoderStream::new();
        for byte in [0x44, 0x7f, 0x80, 0x01, 0x44] {
            stream.on_bytes(&[byte]).unwrap();
        }
        assert_eq!(stream.on_bytes(&[0x00]), Err(DecoderStreamError::InsertCountIncrement));
    }

    /// RFC 9204 section 7.4-2.
    #[test]
    fn continuation_bytes_end_at_ten() {
        let mut stream = DecoderStream::new();
        stream.on_bytes(&[0x7f]).unwrap();
        for _ in 0..9 {
            stream.on_bytes(&[0x80]).unwrap();
        }
        assert_eq!(stream.on_bytes(&[0x80]), Err(DecoderStreamError::IntegerTooLarge));
    }

    #[test]
    fn all_inputs_of_three_bytes() {
        for bytes in 0..=0xff_ffffu32 {
            let [_, a, b, c] = bytes.to_be_bytes();
            let _ = EncoderStream::new().on_bytes(&[a, b, c]);
            let _ = DecoderStream::new().on_bytes(&[a, b, c]);
        }
    }
}
