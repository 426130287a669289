//! QPACK (RFC 9204): the field compression of HTTP/3, with the prefix integers and the Huffman code of RFC 7541.
//!
//! Only the static table is used. We advertise a dynamic table of capacity zero, so a peer cannot make us hold
//! anything, no stream waits for another, and no request can learn what another one was compressed with. A dynamic
//! table would stand between `static_table` and `instruction`; the encoder and the decoder would take it as an
//! argument.
//!
//! This crate does not know what fields mean, except which ones must never enter a table.
//!
//! ```
//! use posthaste_qpack as qpack;
//! use qpack::{DecodeError, Decoder};
//! use std::convert::Infallible;
//!
//! let mut section = Vec::new();
//! qpack::encode([(":method", "GET"), ("user-agent", "example")], &mut section);
//! assert_eq!(section.len(), 11, "a prefix of two bytes, an index, and a name by index with a compressed value");
//!
//! let (mut decoder, mut lines) = (Decoder::new(), Vec::new());
//! decoder.decode(&section, 1000, |name, value| {
//!     lines.push((name.to_vec(), value.to_vec()));
//!     Ok::<(), Infallible>(())
//! })?;
//! assert_eq!(lines[1], (b"user-agent".to_vec(), b"example".to_vec()));
//!
//! // 32 bytes for each line, its name and its value: what is larger than allowed is not unfolded.
//! assert_eq!(decoder.decode(&section, 80, |_, _| Ok::<(), Infallible>(())), Err(DecodeError::TooLarge));
//! # Ok::<(), DecodeError<Infallible>>(())
//! ```
//!
//! [`EncoderStream`] and [`DecoderStream`] take what a peer sends on its two streams of instructions. `posthaste-h3` uses all
//! of this.
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
pub use encoder::{encode, is_sensitive};
pub use error::{DecoderStreamError, DecompressionError, EncoderStreamError};
pub use instruction::{DecoderStream, EncoderStream};
pub use string::StringError;
