//! Reading frames (RFC 9000 section 19). Each check of that section is made here, once, so that no value of [`Frame`]
//! needs to be checked again for its form. Every frame that is read is at least one byte, so a loop over them ends.

use crate::violation::Violation;
use crate::wire::connection_id::{ConnectionId, ResetToken};
use crate::wire::frame::ack::decode_ack;
use crate::wire::frame::allowed::{ACK_FREQUENCY, DATAGRAM_WITH_LENGTH, is_known};
use crate::wire::frame::types::{AckFrequencyFrame, DatagramFrame, Frame, StreamFrame};
use base::{Direction, Reader, StreamId, Truncated, VarInt};

/// RFC 9000 s4.6: with more streams than this an ID would not fit a variable-length integer.
const MAX_STREAMS: u64 = 1 << 60;

impl<'a> Frame<'a> {
    /// Reads one frame, or a run of PADDING frames. `reader` is not empty: that is the caller's loop condition, and an
    /// empty one is answered as a truncated frame.
    #[inline]
    pub fn decode(reader: &mut Reader<'a>) -> Result<Frame<'a>, Violation> {
        let frame_type = reader.u8()?;
        match frame_type {
            // The three that most packets are made of come first.
            0x08..=0x0f => decode_stream(reader, frame_type).map(Frame::Stream),
            0x02 | 0x03 => decode_ack(reader, frame_type == 0x03).map(Frame::Ack),
            0x00 => Ok(decode_padding(reader)),
            0x01 => Ok(Frame::Ping),
            0x06 => decode_crypto(reader),
            0x04 | 0x05 | 0x10..=0x17 => decode_stream_control(reader, frame_type),
            0x07 | 0x18..=0x1b | 0x1e => decode_connection_control(reader, frame_type),
            0x1c | 0x1d => decode_close(reader, frame_type),
            0x1f => Ok(Frame::ImmediateAck),
            0x24 => decode_reset_stream_at(reader),
            0x30 | 0x31 => decode_datagram(reader, frame_type).map(Frame::Datagram),
            // RFC 9000 section 12.4-4: as all others that are not known.
            0x20..=0x3f => Err(Violation::UnknownFrameType),
            0x40..=0xff => decode_long_type(reader, frame_type),
        }
    }
}

impl<'a> StreamFrame<'a> {
    /// The next frame if it is a STREAM frame; else nothing is read. Most packets are made of them, and what is handed on in
    /// registers costs 30 ns less than what goes through memory in a [`Frame`] and a result around it: the processor has to
    /// wait until the small writes to such a value are done before it can copy the whole.
    #[inline(always)]
    pub(crate) fn decode_next(reader: &mut Reader<'a>) -> Result<Option<StreamFrame<'a>>, Violation> {
        match reader.peek().first() {
            Some(frame_type @ 0x08..=0x0f) => {
                reader.u8()?;
                let frame = decode_stream(reader, *frame_type)?;
                Ok(Some(frame))
            }
            _ => Ok(None),
        }
    }
}

impl<'a> DatagramFrame<'a> {
    /// The next frame if it is a DATAGRAM frame; else nothing is read. A packet may hold dozens of small ones.
    #[inline(always)]
    pub(crate) fn decode_next(reader: &mut Reader<'a>) -> Result<Option<DatagramFrame<'a>>, Violation> {
        match reader.peek().first() {
            Some(frame_type @ (0x30 | 0x31)) => {
                reader.u8()?;
                let frame = decode_datagram(reader, *frame_type)?;
                Ok(Some(frame))
            }
            _ => Ok(None),
        }
    }
}

/// A type in more than one byte. One is known that needs it.
#[cold]
fn decode_long_type<'a>(reader: &mut Reader<'a>, first_byte: u8) -> Result<Frame<'a>, Violation> {
    let following = (1usize << (first_byte >> 6)) - 1;
    let rest = reader.bytes(following)?;
    let value = rest.iter().fold(u64::from(first_byte & 0x3f), |value, byte| value << 8 | u64::from(*byte));
    // RFC 9000 s12.4: a type that is known has to be in its shortest form.
    match value {
        ACK_FREQUENCY if following == 1 => decode_ack_frequency(reader),
        _ if is_known(value) => Err(Violation::FrameTypeNotShortest),
        _ => Err(Violation::UnknownFrameType),
    }
}

/// draft-ietf-quic-ack-frequency section 4.
fn decode_ack_frequency<'a>(reader: &mut Reader<'a>) -> Result<Frame<'a>, Violation> {
    Ok(Frame::AckFrequency(AckFrequencyFrame {
        sequence_number: reader.varint()?,
        threshold: reader.varint()?,
        max_ack_delay: reader.varint()?,
        reordering_threshold: reader.varint()?,
    }))
}

/// What PADDING is looked through by: it fills most of a client's first packets.
const ZEROS: [u8; 16] = [0; 16];

/// The first zero byte has been read.
fn decode_padding<'a>(reader: &mut Reader<'a>) -> Frame<'a> {
    let bytes = reader.peek();
    let (pieces, _) = bytes.as_chunks::<{ ZEROS.len() }>();
    let whole = pieces.iter().take_while(|piece| **piece == ZEROS).count() * ZEROS.len();
    let following = whole + bytes.iter().skip(whole).take_while(|byte| **byte == 0).count();
    let skipped = reader.bytes(following).map_or(0, <[u8]>::len);
    Frame::Padding { bytes: 1 + skipped }
}

/// Section 19.8.
#[inline(always)]
fn decode_stream<'a>(reader: &mut Reader<'a>, frame_type: u8) -> Result<StreamFrame<'a>, Violation> {
    let id = stream_id(reader)?;
    let offset = if frame_type & 0x04 != 0 { reader.varint()? } else { 0 };
    let data = if frame_type & 0x02 != 0 { reader.varint_prefixed()? } else { reader.rest() };
    if offset + data.len() as u64 > VarInt::MAX.value() {
        // RFC 9000 section 19.8-2.
        return Err(Violation::StreamOffsetTooLarge);
    }
    Ok(StreamFrame { id, offset, data, fin: frame_type & 0x01 != 0 })
}

/// Section 19.6.
fn decode_crypto<'a>(reader: &mut Reader<'a>) -> Result<Frame<'a>, Violation> {
    let offset = reader.varint()?;
    let data = reader.varint_prefixed()?;
    if offset + data.len() as u64 > VarInt::MAX.value() {
        // RFC 9000 section 19.6-1.
        return Err(Violation::CryptoOffsetTooLarge);
    }
    Ok(Frame::Crypto { offset, data })
}

/// Sections 19.4, 19.5, 19.9 to 19.14: what opens, limits and ends streams.
fn decode_stream_control<'a>(reader: &mut Reader<'a>, frame_type: u8) -> Result<Frame<'a>, Violation> {
    Ok(match frame_type {
        0x04 => {
            let (id, error_code) = (stream_id(reader)?, error_code(reader)?);
            Frame::ResetStream { id, error_code, final_size: reader.varint()? }
        }
        0x05 => Frame::StopSending { id: stream_id(reader)?, error_code: error_code(reader)? },
        0x10 => Frame::MaxData { maximum: reader.varint()? },
        0x11 => Frame::MaxStreamData { id: stream_id(reader)?, maximum: reader.varint()? },
        0x12 | 0x13 => {
            let maximum = stream_count(reader, Violation::MaxStreamsTooLarge)?;
            Frame::MaxStreams { direction: direction(frame_type), maximum }
        }
        0x14 => Frame::DataBlocked { limit: reader.varint()? },
        0x15 => Frame::StreamDataBlocked { id: stream_id(reader)?, limit: reader.varint()? },
        0x16 | 0x17 => {
            let limit = stream_count(reader, Violation::StreamsBlockedTooLarge)?;
            Frame::StreamsBlocked { direction: direction(frame_type), limit }
        }
        _ => return Err(Violation::UnknownFrameType),
    })
}

/// Sections 19.7, 19.15 to 19.18 and 19.20: tokens, connection IDs, paths and the handshake.
fn decode_connection_control<'a>(reader: &mut Reader<'a>, frame_type: u8) -> Result<Frame<'a>, Violation> {
    Ok(match frame_type {
        0x07 => match reader.varint_prefixed()? {
            // RFC 9000 section 19.7-2.
            [] => return Err(Violation::EmptyToken),
            token => Frame::NewToken { token },
        },
        0x18 => decode_new_connection_id(reader)?,
        0x19 => Frame::RetireConnectionId { sequence_number: reader.varint()? },
        0x1a => Frame::PathChallenge { data: reader.array()? },
        0x1b => Frame::PathResponse { data: reader.array()? },
        0x1e => Frame::HandshakeDone,
        _ => return Err(Violation::UnknownFrameType),
    })
}

/// Section 19.15.
fn decode_new_connection_id<'a>(reader: &mut Reader<'a>) -> Result<Frame<'a>, Violation> {
    let sequence_number = reader.varint()?;
    let retire_prior_to = reader.varint()?;
    if retire_prior_to > sequence_number {
        // RFC 9000 section 19.15-7.
        return Err(Violation::RetirePriorToTooLarge);
    }
    let len = usize::from(reader.u8()?);
    if len == 0 || len > ConnectionId::MAX_LEN {
        // RFC 9000 section 19.15-1.
        return Err(Violation::ConnectionIdLength);
    }
    let connection_id = ConnectionId::new(reader.bytes(len)?).ok_or(Violation::ConnectionIdLength)?;
    let reset_token = ResetToken(reader.array()?);
    Ok(Frame::NewConnectionId { sequence_number, retire_prior_to, connection_id, reset_token })
}

/// draft-ietf-quic-reliable-stream-reset section 4.
fn decode_reset_stream_at<'a>(reader: &mut Reader<'a>) -> Result<Frame<'a>, Violation> {
    let (id, error_code) = (stream_id(reader)?, error_code(reader)?);
    let (final_size, reliable_size) = (reader.varint()?, reader.varint()?);
    if reliable_size > final_size {
        // draft-ietf-quic-reliable-stream-reset section 4-1.
        return Err(Violation::ReliableSizeTooLarge);
    }
    Ok(Frame::ResetStreamAt { id, error_code, final_size, reliable_size })
}

/// RFC 9221 section 4.
#[inline(always)]
fn decode_datagram<'a>(reader: &mut Reader<'a>, frame_type: u8) -> Result<DatagramFrame<'a>, Violation> {
    let with_length = u64::from(frame_type) == DATAGRAM_WITH_LENGTH;
    let data = if with_length { reader.varint_prefixed()? } else { reader.rest() };
    Ok(DatagramFrame { data, with_length })
}

/// Section 19.19.
fn decode_close<'a>(reader: &mut Reader<'a>, frame_type: u8) -> Result<Frame<'a>, Violation> {
    let error_code = error_code(reader)?;
    if frame_type == 0x1d {
        return Ok(Frame::ApplicationClose { error_code, reason: reader.varint_prefixed()? });
    }
    let frame_type = reader.varint()?;
    Ok(Frame::ConnectionClose { error_code, frame_type, reason: reader.varint_prefixed()? })
}

fn stream_id(reader: &mut Reader<'_>) -> Result<StreamId, Violation> {
    varint(reader).map(StreamId::from_varint)
}

fn error_code(reader: &mut Reader<'_>) -> Result<VarInt, Violation> {
    varint(reader)
}

fn varint(reader: &mut Reader<'_>) -> Result<VarInt, Violation> {
    VarInt::new(reader.varint()?).ok_or(Violation::FrameTruncated)
}

/// RFC 9000 section 4.6-1, 19.11-1, 19.14-2.
fn stream_count(reader: &mut Reader<'_>, too_large: Violation) -> Result<u64, Violation> {
    let count = reader.varint()?;
    if count > MAX_STREAMS { Err(too_large) } else { Ok(count) }
}

const fn direction(frame_type: u8) -> Direction {
    if frame_type & 1 == 0 { Direction::Bidirectional } else { Direction::Unidirectional }
}

impl From<Truncated> for Violation {
    fn from(_: Truncated) -> Violation {
        Violation::FrameTruncated
    }
}
