//! Frames (RFC 9000 section 19): their values, their bytes, and which packets may hold them.

pub(crate) mod ack;
pub(crate) mod allowed;
pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod types;

pub use ack::{AckRanges, encode_ack};
pub use allowed::PacketKind;
pub(crate) use encode::{encode_datagram_header, encode_stream_header, stream_header_len};
pub use types::{AckFrame, AckFrequencyFrame, DatagramFrame, EcnCounts, Frame, StreamFrame};

pub(crate) use ack::MAX_RANGES_SENT;

#[cfg(test)]
mod tests;
