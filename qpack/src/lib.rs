//! QPACK (RFC 9204): the field compression of HTTP/3, with the prefix integers and the Huffman code of RFC 7541.
//!
//! Only the static table is used. We advertise a dynamic table of capacity zero, so a peer cannot make us hold
//! anything, no stream waits for another, and no request can learn what another one was compressed with. A dynamic
//! table would stand between `static_table` and `instruction`; the encoder and the decoder would take it as an
//! argument.
//!
//! This crate does not know what fields mean, except which ones must never enter a table.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod decoder;
mod encoder;
mod error;
pub mod huffman;
mod instruction;
pub mod prefix_integer;
mod section_prefix;
mod static_table;
mod string;

pub use decoder::{DecodeError, Decoder};
pub use encoder::encode;
pub use error::{DecoderStreamError, DecompressionError, EncoderStreamError};
pub use instruction::{DecoderStream, EncoderStream};
pub use string::StringError;
