//! QPACK (RFC 9204): field lines as HTTP/3 writes them, with the prefix integers and the Huffman code of RFC 7541.
//!
//! Only the static table is used: a capacity of zero is what we advertise, so the peer can make us hold nothing, no
//! stream ever waits for another, and no request can learn from another what was compressed with it. A dynamic table has
//! its place between `static_table` and `instruction`; the encoder and decoder would take it as an argument.
//!
//! Nothing here knows what a field means, except which ones must never enter a table.
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
