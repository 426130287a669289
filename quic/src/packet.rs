//! The payload of a packet under construction, and what it carries as plain wire data, kept until its fate is known.

use crate::wire::packet_number::{PacketNumber, PacketNumberSpace};
use alloc::vec::Vec;
use base::{Direction, StreamId, Writer};

/// What a sent packet carried, as much as its owner needs to hear about loss or acknowledgment. Numbers of the wire only:
/// recovery keeps them without knowing what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SentFrame {
    /// An ACK frame that told of packets up to `largest`.
    Ack {
        /// The largest number it acknowledged.
        largest: PacketNumber,
    },
    /// Handshake bytes, in the packet's own space.
    Crypto {
        /// Where they begin.
        offset: u64,
        /// How many.
        len: u32,
    },
    /// Bytes of a stream.
    Stream {
        /// Which.
        id: StreamId,
        /// Where they begin.
        offset: u64,
        /// How many.
        len: u32,
        /// Whether the end of the stream was told.
        fin: bool,
    },
    /// RESET_STREAM.
    ResetStream(StreamId),
    /// RESET_STREAM_AT with this reliable size.
    ResetStreamAt(StreamId, u64),
    /// STOP_SENDING.
    StopSending(StreamId),
    /// MAX_DATA with this value.
    MaxData(u64),
    /// MAX_STREAM_DATA with this value.
    MaxStreamData(StreamId, u64),
    /// MAX_STREAMS with this value.
    MaxStreams(Direction, u64),
    /// DATA_BLOCKED at this limit.
    DataBlocked(u64),
    /// STREAM_DATA_BLOCKED at this limit.
    StreamDataBlocked(StreamId, u64),
    /// STREAMS_BLOCKED at this limit.
    StreamsBlocked(Direction, u64),
    /// NEW_CONNECTION_ID of this sequence number.
    NewConnectionId(u64),
    /// RETIRE_CONNECTION_ID of this sequence number.
    RetireConnectionId(u64),
    /// HANDSHAKE_DONE.
    HandshakeDone,
    /// DATAGRAM, of which the application wants to know what becomes.
    Datagram(u64),
    /// NEW_TOKEN, the one of this number.
    NewToken(u32),
    /// ACK_FREQUENCY of this sequence number.
    AckFrequency(u64),
}

impl SentFrame {
    /// This frame and `next` as one, if both are of one stream and `next` goes on where this one ends.
    pub(crate) fn joined(&self, next: &SentFrame) -> Option<SentFrame> {
        match (*self, *next) {
            (
                SentFrame::Stream { id, offset, len, fin: false },
                SentFrame::Stream { id: next_id, offset: next_offset, len: next_len, fin },
            ) if id == next_id && offset + u64::from(len) == next_offset => {
                Some(SentFrame::Stream { id, offset, len: len.checked_add(next_len)?, fin })
            }
            _ => None,
        }
    }
}

/// A packet that is being filled. Components write frames into it and say what they wrote.
///
/// The frames recorded live in a vector that the caller reuses, so nothing is allocated per packet.
#[derive(Debug)]
pub(crate) struct OutgoingPacket<'a> {
    space: PacketNumberSpace,
    payload: Writer<'a>,
    sent: &'a mut Vec<SentFrame>,
    ack_eliciting: bool,
    padded: bool,
    least_len: usize,
}

impl<'a> OutgoingPacket<'a> {
    /// An empty packet whose frames go to `payload`, which is as long as the frames may be together.
    pub(crate) fn new(
        space: PacketNumberSpace,
        payload: &'a mut [u8],
        sent: &'a mut Vec<SentFrame>,
    ) -> OutgoingPacket<'a> {
        sent.clear();
        OutgoingPacket { space, payload: Writer::new(payload), sent, ack_eliciting: false, padded: false, least_len: 0 }
    }

    /// The same, to be filled with so many bytes at least.
    pub(crate) fn with_least_len(self, least_len: usize) -> OutgoingPacket<'a> {
        OutgoingPacket { least_len, ..self }
    }

    /// How many bytes its frames have at least, together.
    pub(crate) const fn least_len(&self) -> usize {
        self.least_len
    }

    /// The space it will be sent in.
    pub(crate) const fn space(&self) -> PacketNumberSpace {
        self.space
    }

    /// Bytes of room for further frames.
    pub(crate) const fn remaining(&self) -> usize {
        self.payload.remaining()
    }

    /// Bytes of frames so far.
    pub(crate) const fn len(&self) -> usize {
        self.payload.position()
    }

    /// Whether it holds no frame.
    pub(crate) const fn is_empty(&self) -> bool {
        self.payload.position() == 0
    }

    /// Whether it holds a frame other than ACK, PADDING and CONNECTION_CLOSE (RFC 9000 section 13.2).
    pub(crate) const fn is_ack_eliciting(&self) -> bool {
        self.ack_eliciting
    }

    /// Whether it counts towards bytes in flight (RFC 9002 section 2): ack-eliciting or padded.
    pub(crate) const fn is_in_flight(&self) -> bool {
        self.ack_eliciting || self.padded
    }

    /// What was recorded so far.
    #[cfg(test)]
    pub(crate) fn sent_frames(&self) -> &[SentFrame] {
        self.sent
    }

    /// The place to encode frames to. A caller that writes through it calls one of the `record` methods afterwards.
    pub(crate) const fn writer(&mut self) -> &mut Writer<'a> {
        &mut self.payload
    }

    /// An ack-eliciting frame was written, and `frame` is what to remember of it.
    pub(crate) fn record(&mut self, frame: SentFrame) {
        self.ack_eliciting = true;
        self.sent.push(frame);
    }

    /// An ack-eliciting frame was written of which nothing need be remembered: PING, PATH_CHALLENGE, PATH_RESPONSE.
    pub(crate) const fn record_unremembered(&mut self) {
        self.ack_eliciting = true;
    }

    /// An ACK frame was written.
    pub(crate) fn record_ack(&mut self, largest: PacketNumber) {
        self.sent.push(SentFrame::Ack { largest });
    }

    /// PADDING frames were written.
    pub(crate) const fn record_padding(&mut self) {
        self.padded = true;
    }
}
