//! The sending half of a stream: figure 2, the send buffer and the peer's credit joined (RFC 9000 sections 3.1, 4.1, 4.5).

use super::schedule::{Membership, Queue};
use super::send_buffer::SendBuffer;
use super::send_state::{SendState, SendStep};
use super::send_window::{Abandoned, Load};
use crate::credit::SendCredit;
use crate::delivery::{Latest, Once};
use crate::packet::{OutgoingPacket, SentFrame};
use crate::wire::frame::{Frame, encode_stream_header, stream_header_len};
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::{Full, StreamId, VarInt};
use core::ops::Range;

/// Why nothing can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The peer will not read further, for this reason.
    Stopped(VarInt),
    /// The stream was finished or reset by this side.
    Finished,
    /// There is no such stream, or this side does not send on it.
    Unknown,
}

impl WriteError {
    /// The peer's reason, if it was the peer.
    pub const fn stopped(self) -> Option<VarInt> {
        match self {
            WriteError::Stopped(code) => Some(code),
            _ => None,
        }
    }
}

/// The half.
#[derive(Debug)]
pub(crate) struct SendHalf {
    state: SendState,
    buffer: SendBuffer,
    credit: SendCredit,
    fin: Once,
    reset: Once,
    reset_code: VarInt,
    // Few streams are reset with a part that is delivered.
    reset_at: Option<Box<ResetAt>>,
    stopped: Option<VarInt>,
}

/// A reset behind a part that is delivered (draft-ietf-quic-reliable-stream-reset).
#[derive(Debug)]
struct ResetAt {
    /// Bytes of that part.
    reliable_size: u64,
    /// RESET_STREAM_AT with its reliable size.
    frame: Latest<u64>,
}

impl SendHalf {
    /// In state Ready, with the peer's first limit.
    pub(crate) fn new(limit: u64) -> SendHalf {
        SendHalf {
            state: SendState::Ready,
            buffer: SendBuffer::new(),
            credit: SendCredit::new(limit),
            fin: Once::Idle,
            reset: Once::Idle,
            reset_code: VarInt::ZERO,
            reset_at: None,
            stopped: None,
        }
    }

    /// The state of figure 2.
    pub(crate) const fn state(&self) -> SendState {
        self.state
    }

    /// The buffer, for those who write.
    pub(crate) const fn buffer(&mut self) -> &mut SendBuffer {
        &mut self.buffer
    }

    /// Memory that bytes stood in which have arrived, of a stream that has ended.
    pub(crate) fn take_memory(&mut self) -> Vec<u8> {
        self.buffer.take_memory()
    }

    /// Bytes held until they are acknowledged.
    pub(crate) const fn held(&self) -> u64 {
        self.buffer.held()
    }

    /// Bytes written, and how many of them from the first on are acknowledged.
    pub(crate) const fn delivery(&self) -> (u64, u64) {
        (self.buffer.end(), self.buffer.acked_end())
    }

    /// Bytes that were sent at least once: the size of the stream, if it is reset now.
    pub(crate) const fn sent(&self) -> u64 {
        self.credit.used()
    }

    /// What that means for the room there is for more.
    pub(crate) const fn load(&self) -> Load {
        let (held, unsent) = (self.buffer.held(), self.buffer.unsent());
        let credit = self.credit.available().saturating_sub(unsent);
        Load { held, unsent, credit, arrived: self.buffer.acked_end(), behind: 0 }
    }

    /// Whether the peer's credit is used up.
    pub(crate) const fn is_out_of_credit(&self) -> bool {
        self.credit.available() == 0
    }

    /// Whether more may be written.
    pub(crate) fn check_writable(&self) -> Result<(), WriteError> {
        match self.stopped {
            Some(code) => Err(WriteError::Stopped(code)),
            None if self.is_ended() => Err(WriteError::Finished),
            None => Ok(()),
        }
    }

    /// Whether the end, or the reset, was asked for and is not acknowledged.
    pub(crate) const fn awaits_end(&self) -> bool {
        self.is_ended() && !self.state.is_terminal()
    }

    const fn is_ended(&self) -> bool {
        self.fin.is_requested() || self.reset.is_requested() || self.reset_at.is_some()
    }

    /// Nothing more will be written.
    pub(crate) fn finish(&mut self) -> Result<(), WriteError> {
        self.check_writable()?;
        self.fin.request();
        Ok(())
    }

    /// Abandons what did not arrive. What was held of it; `None` if the state forbids it.
    pub(crate) fn reset(&mut self, code: VarInt) -> Option<Abandoned> {
        self.state = self.state.next(SendStep::Reset)?;
        if self.reset_at.is_none() {
            // draft-ietf-quic-reliable-stream-reset section 5.2-7: what was told stays.
            self.reset_code = code;
        }
        self.reset.request();
        // RFC 9000 section 3.3-2: nothing more is said of a stream that was given up.
        self.credit.blocked().cancel();
        let unsent = self.buffer.unsent();
        Some(Abandoned { held: self.buffer.clear(), unsent })
    }

    /// Abandons what lies behind the first `reliable_size` bytes and did not arrive; those are delivered. A second time the size
    /// may only be smaller, and the code stays. What was held of the rest; `None` if nothing changes.
    /// draft-ietf-quic-reliable-stream-reset section 5.2-1, 5.2-4, 5.2-7.
    pub(crate) fn reset_at(&mut self, code: VarInt, reliable_size: u64) -> Option<Abandoned> {
        let reliable_size = reliable_size.min(self.buffer.end());
        let known = self.reset_at.as_ref().map_or(u64::MAX, |known| known.reliable_size);
        if !self.state.may_send_data() || reliable_size >= known {
            return None;
        }
        let known = self.reset_at.get_or_insert_with(|| {
            self.reset_code = code;
            Box::new(ResetAt { reliable_size, frame: Latest::default() })
        });
        known.reliable_size = reliable_size;
        known.frame.set(reliable_size);
        // The reset says where the stream ends.
        self.fin = Once::Idle;
        let unsent = self.buffer.unsent();
        let held = self.buffer.truncate(reliable_size);
        if self.buffer.unsent() == 0 {
            self.credit.blocked().cancel();
        }
        Some(Abandoned { held, unsent: unsent - self.buffer.unsent() })
    }

    /// The peer will not read further. As [`reset`](SendHalf::reset).
    pub(crate) fn on_stop_sending(&mut self, code: VarInt) -> Option<Abandoned> {
        // RFC 9000 section 3.5-2: the answer carries the code of the request.
        let abandoned = self.reset(code)?;
        self.stopped = Some(code);
        Some(abandoned)
    }

    /// Nothing that was sent has arrived, nor ever will: the stream begins again, without credit.
    pub(crate) fn rewind(&mut self) {
        self.credit = SendCredit::new(0);
        if self.reset.is_requested() {
            // The peer never heard of what was given up: nothing of it counts.
            self.buffer = SendBuffer::new();
        } else {
            self.buffer.rewind();
        }
        for once in [&mut self.fin, &mut self.reset].into_iter().filter(|once| once.is_requested()) {
            *once = Once::Due;
        }
    }

    /// The peer allows more.
    pub(crate) fn on_limit(&mut self, limit: u64) {
        self.credit.raise(limit);
    }

    /// The queues this half belongs into. `is_waiting`: the application has more to write than was taken.
    /// RFC 9000 section 4.1-4: what the limit holds back is told to the peer.
    pub(crate) fn wants(&mut self, is_waiting: bool) -> Membership {
        let sends = self.state.may_send_data();
        let unsent = self.buffer.unsent() > 0;
        if sends && (unsent || is_waiting) {
            self.credit.on_blocked();
        }
        Membership::default()
            .with(
                Queue::Control,
                self.reset.needs_sending() || self.reset_at_due().is_some() || self.credit.is_blocked_signal_due(),
            )
            .with(Queue::Lost, sends && (self.buffer.has_lost() || self.fin.is_lost()))
            .with(Queue::End, sends && !unsent && self.fin == Once::Due)
            .with(Queue::Data, sends && unsent && self.credit.available() > 0)
    }

    /// Writes RESET_STREAM, RESET_STREAM_AT and STREAM_DATA_BLOCKED if they are due.
    pub(crate) fn fill_control(&mut self, id: StreamId, packet: &mut OutgoingPacket<'_>) -> Result<(), Full> {
        if self.reset.needs_sending() {
            // RFC 9000 s4.5: the final size is what was counted against flow control, and it stays.
            // RFC 9000 section 13.3-1.
            let final_size = self.credit.used();
            Frame::ResetStream { id, error_code: self.reset_code, final_size }.encode(packet.writer())?;
            packet.record(SentFrame::ResetStream(id));
            self.reset.on_sent();
        }
        if let Some(reliable_size) = self.reset_at_due() {
            // Nothing more is sent behind what was, so this stays.
            let final_size = self.credit.used();
            Frame::ResetStreamAt { id, error_code: self.reset_code, final_size, reliable_size }
                .encode(packet.writer())?;
            packet.record(SentFrame::ResetStreamAt(id, reliable_size));
            self.on_reset_at_sent(reliable_size);
        }
        if let Some(limit) = self.credit.blocked().needs_sending() {
            Frame::StreamDataBlocked { id, limit }.encode(packet.writer())?;
            packet.record(SentFrame::StreamDataBlocked(id, limit));
            self.credit.blocked().on_sent(limit);
            self.step(SendStep::SentData);
        }
        Ok(())
    }

    /// The reliable size of a RESET_STREAM_AT frame that is to be written: when all that is delivered was sent once, so that the
    /// final size is known, and within the peer's credit.
    /// draft-ietf-quic-reliable-stream-reset section 4-2.
    fn reset_at_due(&self) -> Option<u64> {
        let reset = self.reset_at.as_ref().filter(|_| self.state.may_send_data() && self.buffer.unsent() == 0)?;
        reset.frame.needs_sending()
    }

    /// draft-ietf-quic-reliable-stream-reset s5.3: to the states of the stream it is what the end is.
    fn on_reset_at_sent(&mut self, reliable_size: u64) {
        if let Some(reset) = &mut self.reset_at {
            reset.frame.on_sent(reliable_size);
        }
        self.step(SendStep::SentData);
        self.step(SendStep::SentFin);
    }

    /// Writes one STREAM frame: bytes that were lost, else new ones within both credits, else the end alone.
    ///
    /// # Errors
    /// The packet has no room, or there is nothing that may be sent.
    pub(crate) fn fill_data(
        &mut self,
        id: StreamId,
        packet: &mut OutgoingPacket<'_>,
        connection: &mut SendCredit,
    ) -> Result<(), Full> {
        if !self.state.may_send_data() {
            return Err(Full);
        }
        // RFC 9000 section 2.2-4, 4.1-1, 19.10-3: within the credit of the stream and of the connection.
        let range = match self.buffer.next_range(self.credit.available().min(connection.available())) {
            Some(range) => range,
            None if self.fin.needs_sending() && self.buffer.unsent() == 0 => self.buffer.end()..self.buffer.end(),
            None => return Err(Full),
        };
        let shape = Shape::of(id, &range, packet.remaining()).ok_or(Full)?;
        let range = range.start..range.start + shape.len as u64;
        // RFC 9000 section 4.5-2: the end is the end of all that was written, and nothing is written after it.
        let fin = self.fin.is_requested() && range.end == self.buffer.end();
        let writer = packet.writer();
        if shape.padding > 0 {
            writer.reserve(shape.padding)?.fill(0);
        }
        encode_stream_header(writer, id, range.start, shape.len, fin, shape.with_length)?;
        self.buffer.copy(range.start, writer.reserve(shape.len)?);
        packet.record(SentFrame::Stream { id, offset: range.start, len: shape.len as u32, fin });
        self.on_sent(range, fin, connection);
        Ok(())
    }

    fn on_sent(&mut self, range: Range<u64>, fin: bool, connection: &mut SendCredit) {
        let new = range.end.saturating_sub(self.buffer.sent_end());
        self.credit.consume(new);
        connection.consume(new);
        self.buffer.on_sent(range);
        self.step(SendStep::SentData);
        if fin {
            self.fin.on_sent();
            self.step(SendStep::SentFin);
        }
    }

    /// A STREAM frame arrived. How many bytes are held less, and whether that was the last of all.
    pub(crate) fn on_acked(&mut self, range: Range<u64>, fin: bool) -> (u64, bool) {
        if !self.state.may_send_data() {
            return (0, false);
        }
        let freed = self.buffer.on_acked(range);
        if fin {
            self.fin.on_acked();
        }
        let all = self.fin.is_delivered() && self.buffer.is_acked();
        if all {
            self.step(SendStep::AllAcked);
        } else if self.buffer.is_acked() && !self.is_ended() {
            // What is sent next may be long in coming.
            self.buffer.take_memory();
        }
        self.look_for_end_of_reset_at();
        (freed, all)
    }

    /// A STREAM frame was lost.
    pub(crate) fn on_lost(&mut self, range: Range<u64>, fin: bool) {
        // RFC 9000 s13.3: after a reset, data is not sent again.
        if !self.state.may_send_data() {
            return;
        }
        self.buffer.on_lost(range);
        if fin {
            self.fin.on_lost();
        }
    }

    /// RESET_STREAM arrived.
    pub(crate) fn on_reset_acked(&mut self) {
        self.reset.on_acked();
        self.step(SendStep::ResetAcked);
    }

    /// RESET_STREAM was lost.
    pub(crate) fn on_reset_lost(&mut self) {
        self.reset.on_lost();
    }

    /// RESET_STREAM_AT with this reliable size arrived.
    pub(crate) fn on_reset_at_acked(&mut self, reliable_size: u64) {
        if let Some(reset) = &mut self.reset_at {
            reset.frame.on_acked(reliable_size);
        }
        self.look_for_end_of_reset_at();
    }

    /// RESET_STREAM_AT with this reliable size was lost. Of several the smallest counts.
    /// draft-ietf-quic-reliable-stream-reset section 4-5, 5.2-3.
    pub(crate) fn on_reset_at_lost(&mut self, reliable_size: u64) {
        if let Some(reset) = &mut self.reset_at {
            reset.frame.on_lost(reliable_size);
        }
    }

    /// The reset and all that is delivered before it may have arrived.
    /// draft-ietf-quic-reliable-stream-reset section 5-1.
    fn look_for_end_of_reset_at(&mut self) {
        if self.reset_at.as_ref().is_some_and(|reset| reset.frame.is_settled()) && self.buffer.is_acked() {
            self.step(SendStep::AllAcked);
        }
    }

    /// The STREAM_DATA_BLOCKED signal.
    pub(crate) const fn credit(&mut self) -> &mut SendCredit {
        &mut self.credit
    }

    fn step(&mut self, step: SendStep) {
        if let Some(next) = self.state.next(step) {
            self.state = next;
        }
    }
}

/// How a STREAM frame is laid out in the room there is.
struct Shape {
    len: usize,
    padding: usize,
    with_length: bool,
}

impl Shape {
    /// `None` if not even one byte, or for an empty range the end, fits.
    fn of(id: StreamId, range: &Range<u64>, room: usize) -> Option<Shape> {
        let len = usize::try_from(range.end - range.start).unwrap_or(usize::MAX).min(room);
        let body = room.checked_sub(stream_header_len(id, range.start, len, false))?;
        if len >= body {
            // It fills the packet, so that the end of the packet is its end.
            return (body > 0 || range.is_empty()).then_some(Shape { len: body, padding: 0, with_length: false });
        }
        if stream_header_len(id, range.start, len, true) + len <= room {
            return Some(Shape { len, padding: 0, with_length: true });
        }
        // All of it fits, but not with a length; PADDING in front makes it reach the end.
        Some(Shape { len, padding: body - len, with_length: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::packet_number::PacketNumberSpace;
    use alloc::vec::Vec;
    use base::VarInt;

    /// What one more packet carries of the stream, or `None`.
    fn fill(half: &mut SendHalf) -> Option<SentFrame> {
        let (mut bytes, mut sent) = ([0; 100], Vec::new());
        let mut packet = OutgoingPacket::new(PacketNumberSpace::ApplicationData, &mut bytes, &mut sent);
        let id = StreamId::from_varint(VarInt::from_u32(2));
        let filled = half.fill_data(id, &mut packet, &mut SendCredit::new(1000));
        assert_eq!((filled.is_ok(), !packet.is_empty()), (sent.len() == 1, sent.len() == 1));
        sent.pop()
    }

    /// RFC 9000 section 4.5: the end is where all data ends, so it goes with the last byte or after it, and only once asked.
    #[test]
    fn the_end_is_told_only_when_all_before_it_was_sent() {
        let mut half = SendHalf::new(3);
        assert_eq!(fill(&mut half), None);
        half.buffer().push_slice(b"1234");
        let id = StreamId::from_varint(VarInt::from_u32(2));
        assert_eq!(fill(&mut half), Some(SentFrame::Stream { id, offset: 0, len: 3, fin: false }));
        half.finish().unwrap();
        assert_eq!(fill(&mut half), None);
        half.on_limit(4);
        assert_eq!(fill(&mut half), Some(SentFrame::Stream { id, offset: 3, len: 1, fin: true }));
        assert_eq!(fill(&mut half), None);
    }
}
