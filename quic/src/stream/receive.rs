//! The receiving half of a stream: figure 3, reassembly and our credit joined (RFC 9000 sections 3.2, 4.1, 4.5).
//!
//! Every byte that counts against the connection's credit is given back exactly once: when the application read it, or
//! when it will never be read.

use super::chunks::Chunks;
use super::reassembly::Reassembly;
use super::receive_memory::ReceiveShare;
use super::receive_state::{ReceiveState, ReceiveStep};
use crate::credit::{Consumed, ReceiveCredit};
use crate::delivery::Once;
use crate::packet::{OutgoingPacket, SentFrame};
use crate::violation::Violation;
use crate::wire::frame::{Frame, StreamFrame};
use base::{Bytes, Duration, Full, Instant, StreamId, VarInt};

/// What reading gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// The next bytes, at least one.
    Data(Bytes),
    /// There is no more: the end.
    Finished,
    /// Nothing now; a [`Readable`](super::event::StreamEvent::Readable) event follows.
    Blocked,
}

/// Why nothing can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The peer abandoned the stream, for this reason.
    Reset(VarInt),
    /// There is no such stream, this side does not receive on it, or asked the peer to stop.
    Unknown,
}

/// The connection's side of the account: its credit, and when and how fast it is.
#[derive(Debug)]
pub(crate) struct Account<'a> {
    /// The credit of all streams together.
    pub connection: &'a mut ReceiveCredit,
    /// What the connection has of what all of its endpoint share.
    pub share: &'a ReceiveShare,
    /// Now, or when a packet last arrived.
    pub now: Instant,
    /// The round-trip time.
    pub round_trip: Duration,
}

/// The half.
#[derive(Debug)]
pub(crate) struct ReceiveHalf {
    state: ReceiveState,
    buffer: Reassembly,
    credit: ReceiveCredit,
    final_size: Option<u64>,
    reset_code: VarInt,
    // How many bytes are delivered although the peer has reset the stream, if it said so.
    reset_at: Option<u64>,
    stop: Once,
    stop_code: VarInt,
    // The peer was asked to stop, and what it sends all the same is read.
    reads_on: bool,
    // Bytes given back to the connection.
    released: u64,
}

impl ReceiveHalf {
    /// In state Receive.
    pub(crate) fn new(credit: ReceiveCredit) -> ReceiveHalf {
        ReceiveHalf {
            state: ReceiveState::Receive,
            buffer: Reassembly::new(),
            credit,
            final_size: None,
            reset_code: VarInt::ZERO,
            reset_at: None,
            stop: Once::Idle,
            stop_code: VarInt::ZERO,
            reads_on: false,
            released: 0,
        }
    }

    /// Bytes held.
    pub(crate) const fn held(&self) -> usize {
        self.buffer.held()
    }

    /// Pieces out of order, but for those that full packets make.
    pub(crate) fn segments(&self) -> usize {
        self.buffer.small_segments()
    }

    /// The end of what has come, with gaps or without, or of all that was sent if that is known.
    pub(crate) const fn received(&self) -> u64 {
        self.credit.received()
    }

    /// Why the peer abandoned the stream.
    pub(crate) const fn reset_code(&self) -> VarInt {
        self.reset_code
    }

    /// Whether the peer may still send any number of bytes.
    #[inline]
    pub(crate) const fn is_end_open(&self) -> bool {
        matches!(self.state, ReceiveState::Receive)
    }

    /// Whether data is missing that the application wants.
    pub(crate) const fn awaits_data(&self) -> bool {
        self.state.wants_data() && !self.stop.is_requested()
    }

    /// Whether nothing of this half is needed any more: the application saw the end, or asked for none and the peer knows,
    /// and how many bytes the connection is owed is settled.
    pub(crate) const fn is_done(&self) -> bool {
        self.state.is_terminal() || self.stop.is_delivered() && self.final_size.is_some() && !self.reads_on
    }

    /// A STREAM frame. Whether there is something to read that was not there before.
    pub(crate) fn on_stream(
        &mut self,
        frame: &StreamFrame<'_>,
        account: &mut Account<'_>,
        memory: &mut Chunks,
    ) -> Result<bool, Violation> {
        let end = frame.offset.checked_add(frame.data.len() as u64).filter(|end| *end <= VarInt::MAX.value());
        let end = end.ok_or(Violation::StreamOffsetTooLarge)?;
        match self.final_size {
            // RFC 9000 s4.5.
            Some(size) if end > size => return Err(Violation::DataPastFinalSize),
            Some(size) if frame.fin && end != size => return Err(Violation::FinalSizeChanged),
            None if frame.fin && end < self.credit.received() => return Err(Violation::FinalSizeBelowData),
            _ => {}
        }
        self.count_up_to(end, account)?;
        if frame.fin && self.final_size.is_none() {
            self.final_size = Some(end);
            self.step(ReceiveStep::Fin);
        }
        if self.is_dropped() {
            self.release(account);
            return Ok(false);
        }
        if !self.state.wants_data() {
            return Ok(false);
        }
        let before = self.buffer.contiguous_end();
        self.buffer.insert(frame.offset, self.wanted(frame), memory).map_err(|_| Violation::StreamTooFragmented)?;
        let complete = self.reset_at.is_none() && self.final_size == Some(self.buffer.contiguous_end());
        if complete {
            self.step(ReceiveStep::AllData);
        }
        Ok(complete || self.buffer.contiguous_end() > before)
    }

    /// A RESET_STREAM frame. Whether the application is to be told.
    /// RFC 9000 section 4.5-1, 19.9-1.
    pub(crate) fn on_reset(&mut self, code: VarInt, size: u64, account: &mut Account<'_>) -> Result<bool, Violation> {
        // draft-ietf-quic-reliable-stream-reset section 5.2-8.
        if self.reset_at.is_some() && code != self.reset_code {
            return Err(Violation::ResetCodeChanged);
        }
        self.settle_size(size, account)?;
        if self.state.next(ReceiveStep::Reset).is_none() {
            return Ok(false);
        }
        self.reset_code = code;
        Ok(self.abandon(account))
    }

    /// A RESET_STREAM_AT frame: the first `reliable_size` bytes are still to be delivered. Whether the application is to be told
    /// of the reset now, because it has them.
    /// draft-ietf-quic-reliable-stream-reset section 4-3, 5.2-5, 5.2-6, 5.2-8.
    pub(crate) fn on_reset_at(
        &mut self,
        code: VarInt,
        size: u64,
        reliable_size: u64,
        account: &mut Account<'_>,
    ) -> Result<bool, Violation> {
        let is_reset = matches!(self.state, ReceiveState::ResetReceived | ReceiveState::ResetRead);
        if (is_reset || self.reset_at.is_some()) && code != self.reset_code {
            return Err(Violation::ResetCodeChanged);
        }
        self.settle_size(size, account)?;
        let is_no_less = self.reset_at.is_some_and(|known| known <= reliable_size);
        if is_no_less || self.state.next(ReceiveStep::Reset).is_none() {
            return Ok(false);
        }
        self.reset_code = code;
        self.reset_at = Some(reliable_size);
        self.step(ReceiveStep::Fin);
        if self.is_dropped() || self.has_read_reliable_part() {
            return Ok(self.abandon(account));
        }
        self.buffer.truncate(reliable_size);
        // What is behind it is never read.
        let kept = reliable_size - self.buffer.read_offset();
        self.give_back(Consumed::all(self.credit.received() - self.released - kept), account);
        Ok(false)
    }

    /// Whether the application is to be told of a reset.
    pub(crate) const fn is_reset_untold(&self) -> bool {
        matches!(self.state, ReceiveState::ResetReceived)
    }

    /// How many bytes the stream has in all is known, and counts: bytes that were sent and never arrive, too (RFC 9000 section
    /// 4.5).
    fn settle_size(&mut self, size: u64, account: &mut Account<'_>) -> Result<(), Violation> {
        if self.final_size.is_some_and(|known| known != size) {
            return Err(Violation::FinalSizeChanged);
        }
        if size < self.credit.received() {
            return Err(Violation::FinalSizeBelowData);
        }
        self.count_up_to(size, account)?;
        self.final_size = Some(size);
        Ok(())
    }

    /// What is not read never will be. Whether the application is to be told.
    fn abandon(&mut self, account: &mut Account<'_>) -> bool {
        self.step(ReceiveStep::Reset);
        self.buffer.clear();
        self.release(account);
        let told = !self.is_dropped();
        if !told {
            // Who asked the peer to stop and reads no more need not hear that it did.
            self.step(ReceiveStep::ReadReset);
        }
        told
    }

    /// Whether the peer has reset the stream, and the application has all that was to be delivered before that.
    fn has_read_reliable_part(&self) -> bool {
        self.reset_at.is_some_and(|reliable_size| self.buffer.read_offset() >= reliable_size)
    }

    /// What of a frame may be read.
    fn wanted<'a>(&self, frame: &StreamFrame<'a>) -> &'a [u8] {
        let most = self.reset_at.map_or(u64::MAX, |reliable_size| reliable_size.saturating_sub(frame.offset));
        frame.data.get(..usize::try_from(most).unwrap_or(usize::MAX)).unwrap_or(frame.data)
    }

    /// The application was told of the reset.
    pub(crate) fn on_reset_told(&mut self) {
        self.step(ReceiveStep::ReadReset);
    }

    /// The next bytes.
    pub(crate) fn read(&mut self, max: usize, account: &mut Account<'_>) -> Result<Read, ReadError> {
        self.check_readable()?;
        if let Some(bytes) = self.buffer.read(max) {
            self.on_read(bytes.len() as u64, account);
            if self.has_read_reliable_part() {
                self.abandon(account);
            }
            return Ok(Read::Data(bytes));
        }
        Ok(if self.reach_end() { Read::Finished } else { Read::Blocked })
    }

    /// The application wants no more.
    pub(crate) fn stop(&mut self, code: VarInt, account: &mut Account<'_>) {
        self.ask_to_stop(code);
        self.reads_on = false;
        self.buffer.clear();
        self.release(account);
        self.step(ReceiveStep::ReadAll);
        self.step(ReceiveStep::ReadReset);
    }

    /// The peer is to send no more, if it has not sent all. What it sends all the same can be read, and earns it no credit on
    /// this stream: what it was allowed before is the most that comes.
    pub(crate) fn ask_to_stop(&mut self, code: VarInt) {
        self.credit.announced().cancel();
        if self.state.wants_data() && !self.stop.is_requested() {
            // RFC 9000 s3.5: while the end is open, the peer is told.
            self.stop.request();
            self.stop_code = code;
            self.reads_on = true;
        }
    }

    /// Whether STOP_SENDING or MAX_STREAM_DATA is due.
    pub(crate) const fn wants_control(&self) -> bool {
        self.wants_stop() || self.wants_limit()
    }

    /// Writes STOP_SENDING and MAX_STREAM_DATA if they are due.
    pub(crate) fn fill_control(&mut self, id: StreamId, packet: &mut OutgoingPacket<'_>) -> Result<(), Full> {
        if self.wants_stop() {
            Frame::StopSending { id, error_code: self.stop_code }.encode(packet.writer())?;
            packet.record(SentFrame::StopSending(id));
            self.stop.on_sent();
        }
        if self.wants_limit()
            && let Some(maximum) = self.credit.announced().needs_sending()
        {
            Frame::MaxStreamData { id, maximum }.encode(packet.writer())?;
            packet.record(SentFrame::MaxStreamData(id, maximum));
            self.credit.announced().on_sent(maximum);
        }
        Ok(())
    }

    /// The STOP_SENDING signal.
    pub(crate) const fn stop_signal(&mut self) -> &mut Once {
        &mut self.stop
    }

    /// The credit, for the fate of MAX_STREAM_DATA.
    pub(crate) const fn credit(&mut self) -> &mut ReceiveCredit {
        &mut self.credit
    }

    const fn wants_stop(&self) -> bool {
        // RFC 9000 s13.3: until the end is settled.
        self.stop.needs_sending() && self.state.wants_data()
    }

    const fn wants_limit(&self) -> bool {
        // RFC 9000 s13.3: once the size is known, no limit matters.
        self.is_end_open() && self.credit.is_announcement_due()
    }

    /// Whether what comes is of no use to anybody.
    const fn is_dropped(&self) -> bool {
        self.stop.is_requested() && !self.reads_on
    }

    fn check_readable(&mut self) -> Result<(), ReadError> {
        if self.is_dropped() {
            return Err(ReadError::Unknown);
        }
        self.step(ReceiveStep::ReadReset);
        if self.state == ReceiveState::ResetRead { Err(ReadError::Reset(self.reset_code)) } else { Ok(()) }
    }

    fn on_read(&mut self, count: u64, account: &mut Account<'_>) {
        let consumed = Consumed { amount: count, waiting: self.buffer.waiting() };
        if !self.stop.is_requested() {
            self.credit.on_consumed(account.now, account.round_trip, consumed);
        }
        self.give_back(consumed, account);
    }

    /// Whether the end was reached; if so it counts as read.
    pub(crate) fn reach_end(&mut self) -> bool {
        if !self.buffer.is_readable() {
            self.step(ReceiveStep::ReadAll);
        }
        self.state == ReceiveState::DataRead
    }

    /// Counts bytes up to `end` against both credits.
    /// RFC 9000 section 4.1-2, 19.9-2, 19.10-4.
    fn count_up_to(&mut self, end: u64, account: &mut Account<'_>) -> Result<(), Violation> {
        let new = end.saturating_sub(self.credit.received());
        if !self.credit.allows(new) {
            return Err(Violation::StreamFlowControl);
        }
        account.connection.on_received(new).map_err(|_| Violation::ConnectionFlowControl)?;
        self.credit.on_received(new).map_err(|_| Violation::StreamFlowControl)
    }

    /// Gives back all that was counted.
    fn release(&mut self, account: &mut Account<'_>) {
        self.give_back(Consumed::all(self.credit.received() - self.released), account);
    }

    fn give_back(&mut self, consumed: Consumed, account: &mut Account<'_>) {
        self.released += consumed.amount;
        let agree = |window| account.share.agree(window);
        account.connection.on_consumed_within(account.now, account.round_trip, consumed, agree);
    }

    fn step(&mut self, step: ReceiveStep) {
        if let Some(next) = self.state.next(step) {
            self.state = next;
        }
    }
}
