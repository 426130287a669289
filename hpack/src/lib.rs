//! HPACK (RFC 7541): the field compression of HTTP/2. Huffman code and prefix integers are those of `posthaste-qpack`.
//!
//! A connection has an [`Encoder`] for what it sends and a [`Decoder`] for what it receives. Both keep a dynamic table, which
//! changes with each block, so blocks are decoded in the order in which they were encoded, and every one of them to its end.
//!
//! This crate does not know what fields mean, except which ones must never enter a table.
//!
//! ```
//! use posthaste_hpack as hpack;
//! use hpack::{Decoder, Encoder};
//! use std::convert::Infallible;
//!
//! let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
//! let mut sizes = Vec::new();
//! for _ in 0..2 {
//!     let mut block = Vec::new();
//!     encoder.encode([(":method", "GET"), ("user-agent", "example")], &mut block);
//!     sizes.push(block.len());
//!     let mut lines = Vec::new();
//!     decoder.decode(&block, 1000, |name, value| {
//!         lines.push((name.to_vec(), value.to_vec()));
//!         Ok::<(), Infallible>(())
//!     })?;
//!     assert_eq!(lines[1], (b"user-agent".to_vec(), b"example".to_vec()));
//! }
//! assert_eq!(sizes, [8, 2], "the second time both lines are in a table");
//! # Ok::<(), hpack::DecodeError<Infallible>>(())
//! ```
//!
//! Read `static_table` and `dynamic_table` first, then `decoder` and `encoder`. `posthaste-h2` puts the blocks into frames.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod decoder;
mod dynamic_table;
mod encoder;
mod error;
mod static_table;

#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use dynamic_table::DEFAULT_TABLE_SIZE;
pub use encoder::Encoder;
pub use error::{CompressionError, DecodeError};
