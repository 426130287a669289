//! QPACK (RFC 9204): the field compression of HTTP/3, with the prefix integers and the Huffman code of RFC 7541.
//!
//! Beside the static table there is a dynamic one in each direction, where both ends want it. A [`Decoder`] is told by
//! [`DecoderLimits`] what a peer may make it hold; an [`Encoder`] by [`EncoderLimits`] what the peer allows. Without them both
//! keep nothing: no stream waits for another, and no request can learn what another one was compressed with. [`encode`] is an
//! encoder without state.
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
//! The same with tables at both ends. What a line was compressed with goes ahead of the section, on a stream of its own:
//!
//! ```
//! use posthaste_qpack as qpack;
//! use qpack::{Decoder, DecoderLimits, Encoder, EncoderLimits};
//! use std::convert::Infallible;
//!
//! let mut decoder = Decoder::with_limits(DecoderLimits { max_table_capacity: 4096, max_blocked_streams: 16 });
//! let mut encoder = Encoder::new();
//! encoder.allow(EncoderLimits { max_table_capacity: 4096, max_blocked_streams: 16, table_capacity: 4096 });
//!
//! let mut sizes = Vec::new();
//! for stream in [0, 4] {
//!     let mut section = Vec::new();
//!     encoder.encode(None, [("user-agent", "a long name")], 1000, &mut section);
//!     encoder.on_sent(stream);
//!     decoder.on_encoder_stream(&encoder.take_instructions())?;
//!     assert!(decoder.admit(stream, &section)?, "its insertions have come");
//!     decoder.decode_from(stream, &section, 1000, |_, _| Ok::<(), Infallible>(())).expect("a section as we make it");
//!     encoder.on_decoder_stream(&decoder.take_instructions())?;
//!     sizes.push(section.len());
//! }
//! assert_eq!(sizes, [3, 3], "a prefix of two bytes and an index");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! `posthaste-h3` carries the streams and holds what waits.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod blocked;
mod decoder;
mod decoder_stream;
mod dynamic_encoder;
mod dynamic_table;
mod encoder;
mod encoder_stream;
mod error;
mod history;
pub mod huffman;
mod lookup;
mod outstanding;
pub mod prefix_integer;
mod section_prefix;
mod static_table;
mod string;

pub use decoder::{DecodeError, Decoder, DecoderLimits};
pub use dynamic_encoder::{Encoder, EncoderLimits};
pub use encoder::{encode, is_sensitive};
pub use error::{DecoderStreamError, DecompressionError, EncoderStreamError};
pub use string::StringError;
