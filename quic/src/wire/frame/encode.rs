//! Writing frames (RFC 9000 section 19). A frame is written whole or not at all.

use crate::wire::frame::ack::{ecn_len, encode_ecn};
use crate::wire::frame::allowed::{DATAGRAM, DATAGRAM_WITH_LENGTH};
use crate::wire::frame::types::{AckFrame, AckFrequencyFrame, DatagramFrame, Frame, StreamFrame};
use base::varint::encoded_len;
use base::{Full, StreamId, Writer};

impl Frame<'_> {
    /// Writes the frame; `Full`, and nothing written, if it does not fit. A STREAM frame gets its length written, so that
    /// others can follow it.
    /// RFC 9000 section 12.4-5.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        if writer.remaining() < self.encoded_len() {
            return Err(Full);
        }
        if let Frame::Padding { bytes } = *self {
            writer.reserve(bytes)?.fill(0);
            return Ok(());
        }
        writer.varint(self.frame_type())?;
        match *self {
            Frame::Padding { .. } | Frame::Ping | Frame::HandshakeDone | Frame::ImmediateAck => Ok(()),
            Frame::Ack(ref ack) => encode_ack_body(writer, ack),
            Frame::Stream(ref stream) => encode_stream_body(writer, stream),
            Frame::Crypto { offset, data } => {
                writer.varint(offset)?;
                prefixed(writer, data)
            }
            Frame::NewToken { token } => prefixed(writer, token),
            Frame::NewConnectionId { sequence_number, retire_prior_to, connection_id, reset_token } => {
                numbers(writer, &[sequence_number, retire_prior_to])?;
                writer.u8(connection_id.len() as u8)?;
                writer.bytes(connection_id.as_slice())?;
                writer.bytes(&reset_token.0)
            }
            Frame::PathChallenge { data } | Frame::PathResponse { data } => writer.bytes(&data),
            Frame::ConnectionClose { error_code, frame_type, reason } => {
                numbers(writer, &[error_code.value(), frame_type])?;
                prefixed(writer, reason)
            }
            Frame::ApplicationClose { error_code, reason } => {
                writer.varint(error_code.value())?;
                prefixed(writer, reason)
            }
            Frame::ResetStream { id, error_code, final_size } => {
                numbers(writer, &[id.value(), error_code.value(), final_size])
            }
            Frame::ResetStreamAt { id, error_code, final_size, reliable_size } => {
                numbers(writer, &[id.value(), error_code.value(), final_size, reliable_size])
            }
            Frame::Datagram(DatagramFrame { data, with_length: true }) => prefixed(writer, data),
            Frame::Datagram(DatagramFrame { data, with_length: false }) => writer.bytes(data),
            Frame::AckFrequency(ref request) => numbers(writer, &request.fields()),
            Frame::StopSending { id, error_code } => numbers(writer, &[id.value(), error_code.value()]),
            Frame::MaxStreamData { id, maximum: value } | Frame::StreamDataBlocked { id, limit: value } => {
                numbers(writer, &[id.value(), value])
            }
            Frame::MaxData { maximum: value }
            | Frame::MaxStreams { maximum: value, .. }
            | Frame::DataBlocked { limit: value }
            | Frame::StreamsBlocked { limit: value, .. }
            | Frame::RetireConnectionId { sequence_number: value } => writer.varint(value),
        }
    }

    /// Bytes that [`encode`](Frame::encode) writes.
    pub fn encoded_len(&self) -> usize {
        1 + match *self {
            Frame::Padding { bytes } => return bytes,
            Frame::Ping | Frame::HandshakeDone | Frame::ImmediateAck => 0,
            // Its type takes two bytes.
            Frame::AckFrequency(ref request) => 1 + numbers_len(&request.fields()),
            Frame::Ack(ref ack) => ack_body_len(ack),
            Frame::Stream(ref stream) => {
                return stream_header_len(stream.id, stream.offset, stream.data.len(), true) + stream.data.len();
            }
            Frame::Crypto { offset, data } => encoded_len(offset) + prefixed_len(data),
            Frame::NewToken { token } => prefixed_len(token),
            Frame::NewConnectionId { sequence_number, retire_prior_to, connection_id, .. } => {
                numbers_len(&[sequence_number, retire_prior_to]) + 1 + connection_id.len() + 16
            }
            Frame::PathChallenge { .. } | Frame::PathResponse { .. } => 8,
            Frame::ConnectionClose { error_code, frame_type, reason } => {
                numbers_len(&[error_code.value(), frame_type]) + prefixed_len(reason)
            }
            Frame::ApplicationClose { error_code, reason } => error_code.encoded_len() + prefixed_len(reason),
            Frame::ResetStream { id, error_code, final_size } => {
                numbers_len(&[id.value(), error_code.value(), final_size])
            }
            Frame::ResetStreamAt { id, error_code, final_size, reliable_size } => {
                numbers_len(&[id.value(), error_code.value(), final_size, reliable_size])
            }
            Frame::Datagram(ref datagram) => return datagram.encoded_len(),
            Frame::StopSending { id, error_code } => numbers_len(&[id.value(), error_code.value()]),
            Frame::MaxStreamData { id, maximum: value } | Frame::StreamDataBlocked { id, limit: value } => {
                numbers_len(&[id.value(), value])
            }
            Frame::MaxData { maximum: value }
            | Frame::MaxStreams { maximum: value, .. }
            | Frame::DataBlocked { limit: value }
            | Frame::StreamsBlocked { limit: value, .. }
            | Frame::RetireConnectionId { sequence_number: value } => encoded_len(value),
        }
    }
}

/// Writes all of a STREAM frame but its data, which the caller copies behind it, straight into the packet: `len_of_data`
/// bytes. Without its length the frame takes all that is left of the packet.
pub(crate) fn encode_stream_header(
    writer: &mut Writer<'_>,
    id: StreamId,
    offset: u64,
    len_of_data: usize,
    fin: bool,
    with_length: bool,
) -> Result<(), Full> {
    if writer.remaining() < stream_header_len(id, offset, len_of_data, with_length) {
        return Err(Full);
    }
    // RFC 9000 s19.8: OFF, LEN and FIN are the three low bits.
    writer.u8(0x08 | u8::from(offset > 0) << 2 | u8::from(with_length) << 1 | u8::from(fin))?;
    writer.varint(id.value())?;
    if offset > 0 {
        writer.varint(offset)?;
    }
    if with_length {
        writer.varint(len_of_data as u64)?;
    }
    Ok(())
}

/// Bytes that [`encode_stream_header`] writes.
pub(crate) fn stream_header_len(id: StreamId, offset: u64, len_of_data: usize, with_length: bool) -> usize {
    let offset_len = if offset > 0 { encoded_len(offset) } else { 0 };
    let length_len = if with_length { encoded_len(len_of_data as u64) } else { 0 };
    1 + encoded_len(id.value()) + offset_len + length_len
}

fn encode_stream_body(writer: &mut Writer<'_>, stream: &StreamFrame<'_>) -> Result<(), Full> {
    writer.varint(stream.id.value())?;
    if stream.offset > 0 {
        writer.varint(stream.offset)?;
    }
    prefixed(writer, stream.data)
}

/// What stands before the bytes of a DATAGRAM frame: its type, and how many they are if that is said.
/// RFC 9221 section 4.
#[inline]
pub(crate) fn encode_datagram_header(writer: &mut Writer<'_>, len: usize, with_length: bool) -> Result<(), Full> {
    if with_length {
        writer.varint(DATAGRAM_WITH_LENGTH)?;
        writer.varint(len as u64)
    } else {
        writer.varint(DATAGRAM)
    }
}

impl AckFrequencyFrame {
    /// In the order of the wire.
    const fn fields(&self) -> [u64; 4] {
        [self.sequence_number, self.threshold, self.max_ack_delay, self.reordering_threshold]
    }
}

fn encode_ack_body(writer: &mut Writer<'_>, ack: &AckFrame<'_>) -> Result<(), Full> {
    numbers(writer, &[ack.largest.value(), ack.ack_delay, ack.range_count, ack.first_range])?;
    writer.bytes(ack.ranges)?;
    ack.ecn.iter().try_for_each(|ecn| encode_ecn(writer, ecn))
}

fn ack_body_len(ack: &AckFrame<'_>) -> usize {
    numbers_len(&[ack.largest.value(), ack.ack_delay, ack.range_count, ack.first_range])
        + ack.ranges.len()
        + ack.ecn.as_ref().map_or(0, ecn_len)
}

fn numbers(writer: &mut Writer<'_>, values: &[u64]) -> Result<(), Full> {
    values.iter().try_for_each(|value| writer.varint(*value))
}

fn numbers_len(values: &[u64]) -> usize {
    values.iter().map(|value| encoded_len(*value)).sum()
}

fn prefixed(writer: &mut Writer<'_>, bytes: &[u8]) -> Result<(), Full> {
    writer.varint(bytes.len() as u64)?;
    writer.bytes(bytes)
}

fn prefixed_len(bytes: &[u8]) -> usize {
    encoded_len(bytes.len() as u64) + bytes.len()
}
