//! Frames (RFC 9000 section 19): their values, their bytes, and which packets may hold them.

pub mod ack;
pub mod allowed;
pub mod decode;
pub mod encode;
pub mod types;

pub use ack::{MAX_RANGES_SENT, encode_ack};
pub use allowed::PacketKind;
pub use encode::{encode_stream_header, stream_header_len};
pub use types::{AckFrame, EcnCounts, Frame, StreamFrame};

#[cfg(test)]
mod tests;
