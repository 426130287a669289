//! All streams of a connection: finds the stream a frame or a call is about, lets its halves act, and keeps the queues of
//! sending and of events true (RFC 9000 sections 2 to 4, 19.4, 19.5, 19.8 to 19.14).
//!
//! A stream costs a map entry until something happens on it, and is forgotten once both halves ended and the application
//! saw how. What the peer can make us hold: data within the windows, as many streams as it was allowed, a few events for
//! each. Knows nothing of packets but the room they have, and nothing of the clock but what it is told.

use super::chunks::{Chunks, Lent};
use super::entry::Stream;
use super::event::{EventKind, Events, StreamEvent};
use super::limits::{PeerLimits, Standing, StreamCounts};
use super::priority::StreamPriority;
use super::receive::{Account, Read, ReadError, ReceiveHalf};
use super::receive_memory::ReceiveShare;
use super::schedule::{Membership, Queue, Schedule};
use super::send::{SendHalf, WriteError};
use super::send_buffer::SendBuffer;
use super::send_memory::SendMemory;
use super::send_window::{Abandoned, Load, SendWindow};
use super::spares::Spares;
use crate::config::Config;
use crate::credit::{ReceiveCredit, SendCredit};
use crate::packet::{OutgoingPacket, SentFrame};
use crate::violation::Violation;
use crate::wire::frame::{Frame, StreamFrame};
use crate::wire::transport_parameters::TransportParameters;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::{Bytes, Direction, Duration, Full, Instant, Side, StreamId, StreamMap, VarInt};

/// What stands in the queues, or is being worked on, is in the map: it leaves all of them when it is forgotten.
const ALIVE: &str = "a stream leaves every queue before it is forgotten";
/// A stream that was made has the halves of its kind.
const SENDS: &str = "this side sends on the stream";
const RECEIVES: &str = "this side receives on the stream";

const DIRECTIONS: [Direction; 2] = [Direction::Bidirectional, Direction::Unidirectional];

/// The streams of one connection.
#[derive(Debug)]
pub(crate) struct Streams {
    side: Side,
    // Shared by all connections: none has a copy.
    config: Arc<Config>,
    peer_limits: PeerLimits,
    // `None` for a stream on which nothing happened yet.
    map: StreamMap<Option<Box<Stream>>>,
    bidirectional: StreamCounts,
    unidirectional: StreamCounts,
    send_credit: SendCredit,
    receive_credit: ReceiveCredit,
    receive_share: ReceiveShare,
    schedule: Schedule,
    events: Events,
    window: SendWindow,
    // Streams whose writers wait for room that others have, or for the connection's credit: no acknowledgment of their own
    // need come to tell them.
    waiting: VecDeque<StreamId>,
    // Pieces held out of order, over all streams.
    segments: usize,
    tally: Tally,
    // The application asked to be told when nothing of what it wrote is left to be acknowledged.
    wants_flushed: bool,
    // Chunks the application was handed since the turn before.
    lent: Lent,
    spare: Spares,
    now: Instant,
    round_trip: Duration,
}

impl Streams {
    /// No streams. Until [`set_peer_limits`](Streams::set_peer_limits) nothing can be opened or sent. What they hold to send
    /// is counted in `send_memory`, and what they allow the peer in `receive_share`.
    pub(crate) fn new(
        side: Side,
        config: Arc<Config>,
        send_memory: SendMemory,
        receive_share: ReceiveShare,
    ) -> Streams {
        let limits = &config.streams;
        Streams {
            side,
            peer_limits: PeerLimits::default(),
            map: StreamMap::new(),
            bidirectional: StreamCounts::new(limits.max_streams_bidi),
            unidirectional: StreamCounts::new(limits.max_streams_uni),
            send_credit: SendCredit::default(),
            receive_credit: limits.connection_credit(receive_share.first()),
            receive_share,
            schedule: Schedule::default(),
            events: Events::default(),
            window: SendWindow::new(send_memory),
            waiting: VecDeque::new(),
            segments: 0,
            tally: Tally::default(),
            wants_flushed: false,
            lent: Lent::default(),
            spare: Spares::default(),
            now: Instant::ZERO,
            round_trip: Duration::ZERO,
            config,
        }
    }

    /// What the peer's transport parameters allow (section 18.2), or those remembered for 0-RTT. Limits never decrease.
    pub(crate) fn set_peer_limits(&mut self, parameters: &TransportParameters) {
        self.peer_limits = PeerLimits::new(parameters);
        self.on_max_data(parameters.initial_max_data);
        self.on_max_streams(Direction::Bidirectional, parameters.initial_max_streams_bidi);
        self.on_max_streams(Direction::Unidirectional, parameters.initial_max_streams_uni);
        let known: Vec<StreamId> = self.map.iter().filter_map(|(id, slot)| slot.as_ref().map(|_| id)).collect();
        for id in known {
            let limit = self.peer_limits.of_stream(self.side, id);
            if let Some(send) = &mut alive(&mut self.map, id).send {
                send.on_limit(limit);
                self.wake(id);
                self.settle(id);
            }
        }
    }

    /// Gives back what maps and queues have grown to and do not use.
    pub(crate) fn release_memory(&mut self) {
        self.schedule.release_memory();
        self.events.release_memory();
        self.waiting.shrink_to_fit();
        self.lent.release_memory();
        self.spare.release();
        // An empty map keeps its table.
        if self.map.is_empty() {
            self.map.clear();
        }
    }

    // ---- From the peer.

    /// A STREAM frame (section 19.8). `round_trip` is the smoothed round-trip time, by which windows are tuned; `memory` is
    /// for its bytes.
    pub(crate) fn on_stream(
        &mut self,
        now: Instant,
        frame: &StreamFrame<'_>,
        round_trip: Duration,
        memory: &mut Chunks,
    ) -> Result<(), Violation> {
        self.now = now;
        self.round_trip = round_trip;
        if !frame.id.is_received_by(self.side) {
            // RFC 9000 section 19.8-1: the other half of this rule is in `StreamCounts::standing`.
            return Err(Violation::StreamNotSendable);
        }
        self.admit(frame.id)?;
        let Some(stream) = touch(&mut self.map, &mut self.spare, self.side, &self.config, &self.peer_limits, frame.id)
        else {
            return Ok(());
        };
        let receive = stream.receive.as_mut().expect(RECEIVES);
        let before = receive.segments();
        let mut account = Account {
            connection: &mut self.receive_credit,
            share: &self.receive_share,
            now: self.now,
            round_trip: self.round_trip,
        };
        let readable = receive.on_stream(frame, &mut account, memory)?;
        self.segments = self.segments - before + receive.segments();
        if self.segments > self.config.streams.max_segments {
            return Err(Violation::StreamTooFragmented);
        }
        if readable {
            self.events.push(&mut stream.pending, frame.id, EventKind::Readable);
        }
        if !stream.has_only_received()
            && follow(&mut self.schedule, &mut self.send_credit, &mut self.tally, stream, frame.id)
        {
            self.forget(frame.id);
        }
        Ok(())
    }

    /// A RESET_STREAM frame (section 19.4).
    pub(crate) fn on_reset_stream(
        &mut self,
        id: StreamId,
        error_code: VarInt,
        final_size: u64,
    ) -> Result<(), Violation> {
        self.reset_by_peer(id, |receive, account| receive.on_reset(error_code, final_size, account))
    }

    /// The peer resets a stream that it sends; `reset` has the receiving half do so, and says whether that is to be told.
    fn reset_by_peer(
        &mut self,
        id: StreamId,
        reset: impl FnOnce(&mut ReceiveHalf, &mut Account<'_>) -> Result<bool, Violation>,
    ) -> Result<(), Violation> {
        if !id.is_received_by(self.side) {
            // RFC 9000 section 19.4-1.
            return Err(Violation::StreamNotSendable);
        }
        self.admit(id)?;
        let Some(stream) = touch(&mut self.map, &mut self.spare, self.side, &self.config, &self.peer_limits, id) else {
            return Ok(());
        };
        let receive = stream.receive.as_mut().expect(RECEIVES);
        let before = receive.segments();
        let mut account = Account {
            connection: &mut self.receive_credit,
            share: &self.receive_share,
            now: self.now,
            round_trip: self.round_trip,
        };
        let told = reset(receive, &mut account)?;
        self.segments = self.segments - before + receive.segments();
        if told {
            stream.pending.withdraw(EventKind::Readable);
            self.events.push(&mut stream.pending, id, EventKind::Reset);
        }
        self.settle(id);
        Ok(())
    }

    /// A STOP_SENDING frame (section 19.5).
    pub(crate) fn on_stop_sending(&mut self, id: StreamId, error_code: VarInt) -> Result<(), Violation> {
        self.admit_sending(id)?;
        let Some(stream) = touch(&mut self.map, &mut self.spare, self.side, &self.config, &self.peer_limits, id) else {
            return Ok(());
        };
        let send = stream.send.as_mut().expect(SENDS);
        if let Some(abandoned) = send.on_stop_sending(error_code) {
            give_up(&mut self.window, &mut self.schedule, stream.priority, abandoned);
            stream.waiting = false;
            stream.pending.withdraw(EventKind::Writable);
            self.events.push(&mut stream.pending, id, EventKind::Stopped);
            self.wake_all();
        }
        self.settle(id);
        Ok(())
    }

    /// A MAX_DATA frame (section 19.9).
    /// RFC 9000 section 4.1-3.
    pub(crate) fn on_max_data(&mut self, maximum: u64) {
        if self.send_credit.raise(maximum) {
            self.wake_all();
        }
    }

    /// A MAX_STREAM_DATA frame (section 19.10).
    pub(crate) fn on_max_stream_data(&mut self, id: StreamId, maximum: u64) -> Result<(), Violation> {
        self.admit_sending(id)?;
        let Some(stream) = touch(&mut self.map, &mut self.spare, self.side, &self.config, &self.peer_limits, id) else {
            return Ok(());
        };
        stream.send.as_mut().expect(SENDS).on_limit(maximum);
        self.wake(id);
        self.settle(id);
        Ok(())
    }

    /// A MAX_STREAMS frame (section 19.11), whose value the decoder has checked.
    /// RFC 9000 section 4.6-4, 19.11-2.
    pub(crate) fn on_max_streams(&mut self, direction: Direction, maximum: u64) {
        let counts = self.counts(direction);
        let increases = counts.local.raise(maximum.min(StreamId::MAX_COUNT));
        if increases && counts.has_too_many {
            self.release(direction);
        }
    }

    // ---- Early data.

    /// What was sent under limits that were remembered has not been read. All streams begin again as they are, within the limits
    /// that the peer is about to give. None are given yet, so that there are too many streams, as long as these limits allow.
    pub(crate) fn on_early_data_refused(&mut self) {
        self.peer_limits = PeerLimits::default();
        self.send_credit = SendCredit::default();
        self.window.rewind();
        for direction in DIRECTIONS {
            let counts = self.counts(direction);
            counts.local = SendCredit::overdrawn(counts.local.used());
            counts.has_too_many = true;
        }
        let ids: Vec<StreamId> = self.map.iter().map(|(id, _)| id).collect();
        for id in ids {
            let stream =
                touch(&mut self.map, &mut self.spare, self.side, &self.config, &self.peer_limits, id).expect(ALIVE);
            stream.is_too_many = true;
            if let Some(send) = &mut stream.send {
                let before = send.load().unsent;
                send.rewind();
                let count = send.load().unsent.saturating_sub(before);
                if let Some(levels) = self.schedule.levels() {
                    levels.on_taken(stream.priority, count);
                }
            }
            self.settle(id);
        }
    }

    /// The peer allows more streams of this direction than it did: those that were too many go on, as far as it does.
    fn release(&mut self, direction: Direction) {
        let counts = self.counts(direction);
        let limit = counts.local.limit();
        counts.has_too_many = counts.local.used() > limit;
        let held = |(id, slot): (StreamId, &Option<Box<Stream>>)| {
            let is_allowed = id.direction() == direction && id.index() < limit;
            slot.as_deref().is_some_and(|stream| stream.is_too_many && is_allowed).then_some(id)
        };
        let ids: Vec<StreamId> = self.map.iter().filter_map(held).collect();
        for id in ids {
            alive(&mut self.map, id).is_too_many = false;
            self.settle(id);
        }
    }

    /// A STREAM_DATA_BLOCKED frame (section 19.13). It may be what opens the stream.
    pub(crate) fn on_stream_data_blocked(&mut self, id: StreamId, _limit: u64) -> Result<(), Violation> {
        if !id.is_received_by(self.side) {
            // RFC 9000 section 19.13-2.
            return Err(Violation::StreamNotSendable);
        }
        self.admit(id)
    }

    // ---- Fates of what was sent.

    /// A frame arrived. Frames of other owners are ignored.
    pub(crate) fn on_acked(&mut self, frame: &SentFrame) {
        match *frame {
            SentFrame::MaxData(value) => self.receive_credit.announced().on_acked(value),
            SentFrame::DataBlocked(limit) => self.send_credit.blocked().on_acked(limit),
            SentFrame::MaxStreams(direction, value) => self.counts(direction).remote.announced().on_acked(value),
            SentFrame::StreamsBlocked(direction, limit) => self.counts(direction).local.blocked().on_acked(limit),
            SentFrame::Stream { id, offset, len, fin } => {
                // It may have been reset, and the reset been acknowledged, while this was under way.
                let Some(Some(stream)) = self.map.get_mut(id) else { return };
                let send = stream.send.as_mut().expect(SENDS);
                let (freed, all) = send.on_acked(offset..offset.saturating_add(u64::from(len)), fin);
                self.window.on_arrived(freed);
                if all {
                    self.events.push(&mut stream.pending, id, EventKind::Finished);
                }
                if stream.waiting || !self.waiting.is_empty() {
                    self.wake(id);
                    self.wake_all();
                    self.settle(id);
                } else if follow(&mut self.schedule, &mut self.send_credit, &mut self.tally, stream, id) {
                    self.forget(id);
                }
            }
            SentFrame::ResetStream(id)
            | SentFrame::ResetStreamAt(id, _)
            | SentFrame::StopSending(id)
            | SentFrame::MaxStreamData(id, _)
            | SentFrame::StreamDataBlocked(id, _) => {
                let Some(Some(stream)) = self.map.get_mut(id) else { return };
                match (*frame, &mut stream.send, &mut stream.receive) {
                    (SentFrame::ResetStream(_), Some(send), _) => send.on_reset_acked(),
                    (SentFrame::ResetStreamAt(_, size), Some(send), _) => send.on_reset_at_acked(size),
                    (SentFrame::StreamDataBlocked(_, limit), Some(send), _) => send.credit().blocked().on_acked(limit),
                    (SentFrame::StopSending(_), _, Some(receive)) => receive.stop_signal().on_acked(),
                    (SentFrame::MaxStreamData(_, value), _, Some(receive)) => {
                        receive.credit().announced().on_acked(value);
                    }
                    _ => {}
                }
                self.settle(id);
            }
            _ => {}
        }
    }

    /// A frame is given up for lost. Frames of other owners are ignored.
    pub(crate) fn on_lost(&mut self, frame: &SentFrame) {
        match *frame {
            SentFrame::MaxData(value) => self.receive_credit.announced().on_lost(value),
            SentFrame::DataBlocked(limit) => self.send_credit.blocked().on_lost(limit),
            SentFrame::MaxStreams(direction, value) => self.counts(direction).remote.announced().on_lost(value),
            SentFrame::StreamsBlocked(direction, limit) => self.counts(direction).local.blocked().on_lost(limit),
            SentFrame::Stream { id, .. }
            | SentFrame::ResetStream(id)
            | SentFrame::ResetStreamAt(id, _)
            | SentFrame::StopSending(id)
            | SentFrame::MaxStreamData(id, _)
            | SentFrame::StreamDataBlocked(id, _) => {
                let Some(Some(stream)) = self.map.get_mut(id) else { return };
                match (*frame, &mut stream.send, &mut stream.receive) {
                    (SentFrame::ResetStreamAt(_, size), Some(send), _) => send.on_reset_at_lost(size),
                    (SentFrame::Stream { offset, len, fin, .. }, Some(send), _) => {
                        send.on_lost(offset..offset.saturating_add(u64::from(len)), fin);
                    }
                    (SentFrame::ResetStream(_), Some(send), _) => send.on_reset_lost(),
                    (SentFrame::StreamDataBlocked(_, limit), Some(send), _) => send.credit().blocked().on_lost(limit),
                    (SentFrame::StopSending(_), _, Some(receive)) => receive.stop_signal().on_lost(),
                    (SentFrame::MaxStreamData(_, value), _, Some(receive)) => {
                        receive.credit().announced().on_lost(value);
                    }
                    _ => {}
                }
                self.settle(id);
            }
            _ => {}
        }
    }

    // ---- Sending.

    /// Whether there is anything that may be sent now.
    pub(crate) fn wants_to_send(&self) -> bool {
        self.has_control()
            || self.has_lost_data()
            || !self.schedule.is_empty(Queue::End)
            || !self.schedule.is_empty(Queue::Data) && self.send_credit.available() > 0
    }

    /// Whether stream data is to be sent again.
    pub(crate) fn has_lost_data(&self) -> bool {
        !self.schedule.is_empty(Queue::Lost)
    }

    /// Whether frames other than STREAM are due.
    pub(crate) fn has_control(&self) -> bool {
        self.receive_credit.is_announcement_due()
            || self.send_credit.is_blocked_signal_due()
            || !self.schedule.is_empty(Queue::Control)
            || [&self.bidirectional, &self.unidirectional]
                .iter()
                .any(|counts| counts.remote.is_announcement_due() || counts.local.is_blocked_signal_due())
    }

    /// Adds as many frames as there are and fit: control frames, lost data, ends, new data.
    pub(crate) fn fill(&mut self, packet: &mut OutgoingPacket<'_>) {
        // A full packet is no error: what is left stays due.
        let _full = self.fill_connection(packet).and_then(|()| self.fill_streams(packet));
        self.note_blocked();
    }

    fn fill_connection(&mut self, packet: &mut OutgoingPacket<'_>) -> Result<(), Full> {
        if let Some(maximum) = self.receive_credit.announced().needs_sending() {
            Frame::MaxData { maximum }.encode(packet.writer())?;
            packet.record(SentFrame::MaxData(maximum));
            self.receive_credit.announced().on_sent(maximum);
        }
        if let Some(limit) = self.send_credit.blocked().needs_sending() {
            Frame::DataBlocked { limit }.encode(packet.writer())?;
            packet.record(SentFrame::DataBlocked(limit));
            self.send_credit.blocked().on_sent(limit);
        }
        for direction in DIRECTIONS {
            let counts = self.counts(direction);
            if let Some(maximum) = counts.remote.announced().needs_sending() {
                Frame::MaxStreams { direction, maximum }.encode(packet.writer())?;
                packet.record(SentFrame::MaxStreams(direction, maximum));
                counts.remote.announced().on_sent(maximum);
            }
            if let Some(limit) = counts.local.blocked().needs_sending() {
                Frame::StreamsBlocked { direction, limit }.encode(packet.writer())?;
                packet.record(SentFrame::StreamsBlocked(direction, limit));
                counts.local.blocked().on_sent(limit);
            }
        }
        Ok(())
    }

    fn fill_streams(&mut self, packet: &mut OutgoingPacket<'_>) -> Result<(), Full> {
        for &queue in &Queue::ALL {
            while let Some(id) = self.schedule.front(queue) {
                if queue == Queue::Data && self.send_credit.available() == 0 {
                    break;
                }
                // Mostly one stream fills the packet: no other is asked then.
                if packet.remaining() == 0 {
                    return Err(Full);
                }
                let stream = alive(&mut self.map, id);
                let used = self.send_credit.used();
                let result = match (queue, &mut stream.send) {
                    (Queue::Control, _) => stream.fill_control(id, packet),
                    (_, Some(send)) => send.fill_data(id, packet, &mut self.send_credit),
                    (_, None) => Err(Full),
                };
                let (wants, is_blocked) = (stream.wants(), stream.is_held_back());
                if let Some(levels) = self.schedule.levels() {
                    levels.on_sent(stream.priority, self.send_credit.used() - used);
                }
                self.schedule.update(id, stream.priority, &mut stream.membership, wants);
                count(&mut self.tally.blocked, &mut stream.is_blocked, is_blocked);
                result?;
                if queue == Queue::Data {
                    self.schedule.on_turn(id, stream.priority, wants.has(queue));
                }
            }
        }
        Ok(())
    }

    /// RFC 9000 section 4.1-4: a sender whose data the connection's limit holds back says so.
    fn note_blocked(&mut self) {
        if self.is_held_back() {
            self.send_credit.on_blocked();
        }
    }

    /// Whether there is more to send, and the credit for all streams is used up.
    fn is_held_back(&self) -> bool {
        self.send_credit.available() == 0 && !(self.waiting.is_empty() && self.schedule.is_empty(Queue::Data))
    }

    /// Whether the peer's credit holds anything back.
    pub(crate) fn is_blocked(&self) -> bool {
        self.tally.blocked > 0 || self.is_held_back()
    }

    /// The peer is told once more that its credit holds something back.
    /// RFC 9000 section 4.1-5.
    pub(crate) fn remind_of_blocked(&mut self) {
        if self.is_held_back() {
            return self.send_credit.remind();
        }
        let held_back = |(id, slot): (StreamId, &Option<Box<Stream>>)| slot.as_ref()?.is_held_back().then_some(id);
        let id = self.map.iter().find_map(held_back);
        if let Some(id) = id {
            alive(&mut self.map, id).send.as_mut().expect(SENDS).credit().remind();
            self.settle(id);
        }
    }

    // ---- The application.

    /// The peer may have `more` bytes in our hands than before, or as many of them as the endpoint's budget has room for. How many.
    pub(crate) fn extend_credit(&mut self, more: u64) -> u64 {
        let granted = self.receive_share.extend(self.receive_credit.window(), more);
        self.receive_credit.extend(granted);
        granted
    }

    /// The peer may have `more` streams of this direction open than before.
    pub(crate) fn extend_streams(&mut self, direction: Direction, more: u64) {
        self.counts(direction).remote.extend(more);
    }

    /// How many bytes the peer may have in our hands.
    pub(crate) const fn receive_window(&self) -> u64 {
        self.receive_credit.window()
    }

    /// Opens a stream; `None` while the peer allows no more.
    /// [`StreamsAvailable`](StreamEvent::StreamsAvailable) follows then.
    pub(crate) fn open(&mut self, direction: Direction) -> Option<StreamId> {
        let side = self.side;
        let counts = self.counts(direction);
        // RFC 9000 section 2.1-1, 4.6-2, 19.11-3: no more than allowed, and each number once.
        if counts.local.available() == 0 {
            counts.refused = true;
            // RFC 9000 s4.6: the peer is told.
            counts.local.on_blocked();
            return None;
        }
        let id = StreamId::new(side, direction, counts.local.used()).expect("no limit allows more than there can be");
        counts.local.consume(1);
        self.map.insert(id, None);
        Some(id)
    }

    /// Takes what fits from the front of `data`, by reference. How many bytes. If that was not all,
    /// [`Writable`](StreamEvent::Writable) follows.
    pub(crate) fn write(&mut self, id: StreamId, data: &mut Bytes) -> Result<usize, WriteError> {
        self.take(id, data.len(), false, |buffer, count| {
            if count > 0 {
                buffer.push(data.split_to(count));
            }
        })
    }

    /// As [`write`](Streams::write), of several pieces that follow each other, with one look at the stream.
    pub(crate) fn write_parts(&mut self, id: StreamId, parts: &mut [Bytes]) -> Result<usize, WriteError> {
        self.take_parts(id, parts, false)
    }

    /// As [`write_parts`](Streams::write_parts), of the last pieces: if all of them were taken, the stream is
    /// [finished](Streams::finish).
    pub(crate) fn write_last(&mut self, id: StreamId, parts: &mut [Bytes]) -> Result<usize, WriteError> {
        self.take_parts(id, parts, true)
    }

    fn take_parts(&mut self, id: StreamId, parts: &mut [Bytes], ends: bool) -> Result<usize, WriteError> {
        let wanted = parts.iter().map(|part| part.len()).sum();
        self.take(id, wanted, ends, |buffer, mut count| {
            for part in parts.iter_mut().filter(|part| !part.is_empty()) {
                let taken = part.len().min(count);
                if taken == 0 {
                    break;
                }
                buffer.push(part.split_to(taken));
                count -= taken;
            }
        })
    }

    /// Takes what fits from the front of `data`, which stays where it stands until it has arrived; what does not fit is given back. With
    /// `ends`, and if all of it was taken, the stream is [finished](Streams::finish).
    pub(crate) fn write_own(&mut self, id: StreamId, data: Vec<u8>, ends: bool) -> Result<Bytes, WriteError> {
        let mut rest = Bytes::new();
        let (wanted, left) = (data.len(), &mut rest);
        self.take(id, wanted, ends, |buffer, count| *left = buffer.push_own(data, count))?;
        Ok(rest)
    }

    /// Memory to make what is [written](Streams::write_own) in: empty, and mostly used before.
    pub(crate) fn memory(&mut self) -> Vec<u8> {
        self.spare.memory()
    }

    /// As [`write`](Streams::write), but copies. Small writes share memory and frames.
    pub(crate) fn write_slice(&mut self, id: StreamId, data: &[u8]) -> Result<usize, WriteError> {
        self.take(id, data.len(), false, |buffer, count| buffer.push_slice(data.split_at(count).0))
    }

    /// How many of `wanted` bytes are taken now. If that is none, there is too little room to be worth the trouble, and
    /// [`Writable`](StreamEvent::Writable) follows once there is more.
    pub(crate) fn room(&mut self, id: StreamId, wanted: usize) -> Result<usize, WriteError> {
        let stream = touch(&mut self.map, &mut self.spare, self.side, &self.config, &self.peer_limits, id)
            .ok_or(WriteError::Unknown)?;
        let send = stream.send.as_ref().ok_or(WriteError::Unknown)?;
        send.check_writable()?;
        let load = load(&self.schedule, stream.priority, send);
        let (room, is_for_all) = self.window.measure(&self.config.streams, &self.send_credit, load, wanted);
        if room == wanted || self.window.is_worth_telling(&self.config.streams, &self.send_credit, load) {
            return Ok(room);
        }
        self.wait(id, is_for_all);
        Ok(0)
    }

    /// What may be in flight has changed, and with it what is taken ahead of that.
    pub(crate) const fn follow_congestion_window(&mut self, congestion_window: u64) {
        self.window.follow(congestion_window);
    }

    /// Nothing more will be written; [`Finished`](StreamEvent::Finished) follows when all has arrived.
    pub(crate) fn finish(&mut self, id: StreamId) -> Result<(), WriteError> {
        let stream = touch(&mut self.map, &mut self.spare, self.side, &self.config, &self.peer_limits, id)
            .ok_or(WriteError::Unknown)?;
        stream.send.as_mut().ok_or(WriteError::Unknown)?.finish()?;
        stream.waiting = false;
        if follow(&mut self.schedule, &mut self.send_credit, &mut self.tally, stream, id) {
            self.forget(id);
        }
        Ok(())
    }

    /// Abandons what was written and did not arrive. Nothing happens if there is no such stream or it has ended.
    /// RFC 9000 section 11.2-1.
    pub(crate) fn reset(&mut self, id: StreamId, error_code: VarInt) {
        let Some(stream) = touch(&mut self.map, &mut self.spare, self.side, &self.config, &self.peer_limits, id) else {
            return;
        };
        let Some(send) = &mut stream.send else { return };
        if let Some(abandoned) = send.reset(error_code) {
            give_up(&mut self.window, &mut self.schedule, stream.priority, abandoned);
            stream.waiting = false;
            stream.pending.withdraw(EventKind::Writable);
            self.wake_all();
        }
        self.settle(id);
    }

    /// The next bytes, at most `max`, without a copy. The peer gets credit for what is read.
    pub(crate) fn read(&mut self, id: StreamId, max: usize) -> Result<Read, ReadError> {
        self.take_out(id, max, false).map(|(read, _)| read)
    }

    /// The same. An end that stands behind the bytes counts as read as well, and it is told that it does.
    pub(crate) fn read_with_end(&mut self, id: StreamId, max: usize) -> Result<(Read, bool), ReadError> {
        self.take_out(id, max, true)
    }

    fn take_out(&mut self, id: StreamId, max: usize, takes_end: bool) -> Result<(Read, bool), ReadError> {
        let stream = touch(&mut self.map, &mut self.spare, self.side, &self.config, &self.peer_limits, id)
            .ok_or(ReadError::Unknown)?;
        let receive = stream.receive.as_mut().ok_or(ReadError::Unknown)?;
        let mut account = Account {
            connection: &mut self.receive_credit,
            share: &self.receive_share,
            now: self.now,
            round_trip: self.round_trip,
        };
        let result = receive.read(max, &mut account);
        let is_end = takes_end && receive.reach_end();
        let is_reset = receive.is_reset_untold();
        Self::seen(stream, &result, &Ok(Read::Blocked));
        if is_reset {
            // That was the last of what is delivered before it.
            stream.pending.withdraw(EventKind::Readable);
            self.events.push(&mut stream.pending, id, EventKind::Reset);
        }
        if let Ok(Read::Data(bytes)) = &result {
            self.lent.lend(bytes);
        }
        if follow(&mut self.schedule, &mut self.send_credit, &mut self.tally, stream, id) {
            self.forget(id);
        }
        result.map(|read| (read, is_end))
    }

    /// What was read is not needed any more.
    pub(crate) fn give_back(&mut self, bytes: Bytes) {
        self.lent.give_back(bytes);
    }

    /// A turn begins: has `memory` remember the chunks that the application was handed, and the other connections learn what is held
    /// to send.
    pub(crate) fn begin_turn(&mut self, memory: &mut Chunks) {
        memory.gather(&mut self.lent);
        self.window.tell();
    }

    /// The application wants nothing more of the stream: what is held is dropped, and the peer is asked to stop.
    /// Nothing happens if there is no such stream.
    pub(crate) fn stop_sending(&mut self, id: StreamId, error_code: VarInt) {
        let Some(stream) = touch(&mut self.map, &mut self.spare, self.side, &self.config, &self.peer_limits, id) else {
            return;
        };
        let Some(receive) = &mut stream.receive else { return };
        self.segments -= receive.segments();
        let mut account = Account {
            connection: &mut self.receive_credit,
            share: &self.receive_share,
            now: self.now,
            round_trip: self.round_trip,
        };
        receive.stop(error_code, &mut account);
        stream.pending.withdraw(EventKind::Readable);
        stream.pending.withdraw(EventKind::Reset);
        self.settle(id);
    }

    /// The peer is asked to stop; what it sends all the same is told and read as before, and earns it no credit on the stream.
    /// Nothing happens if there is no such stream, or if the peer has sent all of it.
    pub(crate) fn ask_to_stop(&mut self, id: StreamId, error_code: VarInt) {
        let Some(stream) = touch(&mut self.map, &mut self.spare, self.side, &self.config, &self.peer_limits, id) else {
            return;
        };
        let Some(receive) = &mut stream.receive else { return };
        receive.ask_to_stop(error_code);
        self.settle(id);
    }

    /// Has `word` told with each further event of the stream, so that the layer above finds what it keeps for it without
    /// a look-up. Until then it is 0. Nothing happens if there is no such stream.
    pub(crate) fn set_word(&mut self, id: StreamId, word: u32) {
        if let Some(stream) = touch(&mut self.map, &mut self.spare, self.side, &self.config, &self.peer_limits, id) {
            stream.word = word;
        }
    }

    /// Has [`poll_flushed`](Streams::poll_flushed) say once when all that was written, and every end and reset, has been
    /// acknowledged. What is written until then counts, too.
    pub(crate) const fn request_flushed(&mut self) {
        self.wants_flushed = true;
    }

    /// Whether that is so and was asked for; true once for each request.
    pub(crate) const fn poll_flushed(&mut self) -> bool {
        let is_flushed = self.is_flushed_due();
        if is_flushed {
            self.wants_flushed = false;
        }
        is_flushed
    }

    const fn is_flushed_due(&self) -> bool {
        self.wants_flushed && self.window.held() == 0 && self.tally.ending == 0
    }

    /// What happened, oldest first, and the word of the stream it happened to; a stream's opening before all else about it.
    pub(crate) fn poll_event(&mut self) -> Option<(StreamEvent, u32)> {
        for direction in DIRECTIONS {
            let initiator = self.side.peer();
            let counts = self.counts(direction);
            if counts.announced < counts.remote.received()
                && let Some(id) = StreamId::new(initiator, direction, counts.announced)
            {
                counts.announced += 1;
                return Some((StreamEvent::Opened(id), 0));
            }
        }
        while let Some((id, kind)) = self.events.pop() {
            if let Some(told) = self.tell(id, kind) {
                return Some(told);
            }
        }
        for direction in DIRECTIONS {
            let counts = self.counts(direction);
            if counts.refused && counts.local.available() > 0 {
                counts.refused = false;
                return Some((StreamEvent::StreamsAvailable(direction), 0));
            }
        }
        None
    }

    /// Whether [`poll_event`](Streams::poll_event) or [`poll_flushed`](Streams::poll_flushed) may have something.
    pub(crate) fn has_events(&self) -> bool {
        !self.events.is_empty()
            || self.is_flushed_due()
            || [&self.bidirectional, &self.unidirectional].iter().any(|counts| {
                counts.announced < counts.remote.received() || counts.refused && counts.local.available() > 0
            })
    }

    // ---- Numbers.

    /// Streams that are not forgotten.
    pub(crate) fn open_count(&self) -> usize {
        self.map.len()
    }

    /// Bytes that were written to a stream, and how many of them from the first on the peer has.
    pub(crate) fn delivery(&self, id: StreamId) -> Option<(u64, u64)> {
        Some(self.map.get(id)?.as_ref()?.send.as_ref()?.delivery())
    }

    /// What the peer has used of its credit for a stream.
    pub(crate) fn received(&self, id: StreamId) -> Option<u64> {
        Some(self.map.get(id)?.as_ref()?.receive.as_ref()?.received())
    }

    /// What this side has used of the peer's credit for a stream.
    pub(crate) fn sent(&self, id: StreamId) -> Option<u64> {
        Some(self.map.get(id)?.as_ref()?.send.as_ref()?.sent())
    }

    /// Bytes held to send.
    pub(crate) const fn unacknowledged(&self) -> u64 {
        self.window.held()
    }

    /// Ends and resets that were written and are not acknowledged.
    pub(crate) const fn unacknowledged_ends(&self) -> usize {
        self.tally.ending as usize
    }

    /// Whether more is to come on a stream that this side has opened. Takes a pass over the streams.
    pub(crate) fn awaits_response(&self) -> bool {
        let awaits = |stream: &Stream| stream.receive.as_ref().is_some_and(ReceiveHalf::awaits_data);
        self.map.iter().any(|(id, stream)| id.initiator() == self.side && stream.as_deref().is_some_and(awaits))
    }

    /// Bytes held to send and to be read. Takes a pass over the streams.
    pub(crate) fn buffered(&self) -> u64 {
        let receiving = |stream: &Stream| stream.receive.as_ref().map_or(0, ReceiveHalf::held) as u64;
        self.window.held() + self.map.values().flatten().map(|stream| receiving(stream)).sum::<u64>()
    }

    // ---- Within.

    fn counts(&mut self, direction: Direction) -> &mut StreamCounts {
        match direction {
            Direction::Bidirectional => &mut self.bidirectional,
            Direction::Unidirectional => &mut self.unidirectional,
        }
    }

    /// A frame names `id`: creates it, and all of its kind below, if it is the peer's and new (section 3.2).
    fn admit(&mut self, id: StreamId) -> Result<(), Violation> {
        let side = self.side;
        let counts = self.counts(id.direction());
        if let Standing::New { from, to } = counts.standing(side, id)? {
            counts.remote.on_received(to - from + 1).map_err(|_| Violation::StreamLimit)?;
            // RFC 9000 section 3.2-1: the lower ones, too.
            for index in from..=to {
                if let Some(id) = StreamId::new(id.initiator(), id.direction(), index) {
                    self.map.insert(id, None);
                }
            }
        }
        Ok(())
    }

    /// As [`admit`](Streams::admit), for a frame about our sending.
    /// RFC 9000 section 19.5-2, 19.10-2.
    fn admit_sending(&mut self, id: StreamId) -> Result<(), Violation> {
        if id.is_sent_by(self.side) { self.admit(id) } else { Err(Violation::StreamNotReceivable) }
    }

    /// Hands over as many of `wanted` bytes as there is room for. If that is not all, the stream is told of more.
    fn take(
        &mut self,
        id: StreamId,
        wanted: usize,
        ends: bool,
        push: impl FnOnce(&mut SendBuffer, usize),
    ) -> Result<usize, WriteError> {
        let stream = touch(&mut self.map, &mut self.spare, self.side, &self.config, &self.peer_limits, id)
            .ok_or(WriteError::Unknown)?;
        let send = stream.send.as_mut().ok_or(WriteError::Unknown)?;
        send.check_writable()?;
        let load = load(&self.schedule, stream.priority, send);
        let (count, is_for_all) = self.window.measure(&self.config.streams, &self.send_credit, load, wanted);
        if count > 0 {
            self.window.take(count as u64);
            if let Some(levels) = self.schedule.levels() {
                levels.on_taken(stream.priority, count as u64);
            }
        }
        push(send.buffer(), count);
        if ends && count == wanted {
            send.finish()?;
            stream.waiting = false;
        }
        if count < wanted {
            self.wait(id, is_for_all);
        } else if follow(&mut self.schedule, &mut self.send_credit, &mut self.tally, stream, id) {
            self.forget(id);
        }
        Ok(count)
    }

    /// Who writes the stream waits. `for_all`: for what the streams have together.
    fn wait(&mut self, id: StreamId, for_all: bool) {
        alive(&mut self.map, id).waiting = true;
        if for_all {
            self.enlist(id);
        }
        self.note_blocked();
        self.settle(id);
    }

    /// The application has seen what reading gave: an event that says no more than that is withdrawn.
    fn seen<T: PartialEq>(stream: &mut Stream, result: &Result<T, ReadError>, blocked: &Result<T, ReadError>) {
        if result == blocked {
            stream.pending.withdraw(EventKind::Readable);
        }
        if matches!(result, Err(ReadError::Reset(_))) {
            stream.pending.withdraw(EventKind::Reset);
        }
    }

    /// The event that left the queue, unless it means nothing any more.
    fn tell(&mut self, id: StreamId, kind: EventKind) -> Option<(StreamEvent, u32)> {
        let stream = alive(&mut self.map, id);
        let word = stream.word;
        let told = stream.pending.take(kind);
        let event = match kind {
            EventKind::Readable => StreamEvent::Readable(id),
            EventKind::Writable => StreamEvent::Writable(id),
            EventKind::Finished => StreamEvent::Finished(id),
            EventKind::Stopped => {
                let writable = stream.send.as_ref().expect(SENDS).check_writable();
                let code = writable.err().and_then(WriteError::stopped).expect("what was stopped stays so");
                StreamEvent::Stopped { id, code }
            }
            EventKind::Reset => {
                let receive = stream.receive.as_mut().expect(RECEIVES);
                if told {
                    receive.on_reset_told();
                }
                StreamEvent::Reset { id, code: receive.reset_code(), size: receive.received() }
            }
        };
        if kind == EventKind::Reset {
            self.settle(id);
        } else if stream.is_done() {
            // What is to be sent has not changed.
            self.forget(id);
        }
        told.then_some((event, word))
    }

    /// Tells who writes the stream and was refused, if there is room enough for it.
    fn wake(&mut self, id: StreamId) {
        let stream = alive(&mut self.map, id);
        let Some(send) = stream.send.as_ref().filter(|_| stream.waiting) else { return };
        let load = load(&self.schedule, stream.priority, send);
        if self.window.is_worth_telling(&self.config.streams, &self.send_credit, load) {
            stream.waiting = false;
            self.events.push(&mut stream.pending, id, EventKind::Writable);
        } else if self.window.is_used_up(&self.config.streams, &self.send_credit) {
            // It was the last word about its own bytes, perhaps.
            self.enlist(id);
        }
    }

    /// The stream is told when there is room for all.
    fn enlist(&mut self, id: StreamId) {
        let stream = alive(&mut self.map, id);
        if !stream.enlisted {
            stream.enlisted = true;
            self.waiting.push_back(id);
        }
    }

    /// There is more room for all: those may go on who wait for that, as many as the connection's credit is enough for, and
    /// each in its turn.
    fn wake_all(&mut self) {
        let mut credit = self.window.credit(&self.send_credit);
        while credit > 0
            && !self.waiting.is_empty()
            && !self.window.is_used_up(&self.config.streams, &self.send_credit)
            && let Some(id) = self.waiting.pop_front()
        {
            let stream = alive(&mut self.map, id);
            stream.enlisted = false;
            let room = stream.send.as_ref().map_or(0, |send| {
                let load = load(&self.schedule, stream.priority, send);
                self.window.room(&self.config.streams, &self.send_credit, load)
            });
            credit -= room.min(credit);
            self.wake(id);
        }
    }

    /// Makes the queues true after something happened to `id`, and forgets the stream if that was its end.
    fn settle(&mut self, id: StreamId) {
        let stream = alive(&mut self.map, id);
        if follow(&mut self.schedule, &mut self.send_credit, &mut self.tally, stream, id) {
            self.forget(id);
        }
    }

    fn forget(&mut self, id: StreamId) {
        let mut stream = self.map.remove(id).flatten().expect(ALIVE);
        self.events.forget(stream.pending, id);
        if stream.enlisted {
            self.waiting.retain(|waiting| *waiting != id);
        }
        self.schedule.update(id, stream.priority, &mut stream.membership, Membership::default());
        if stream.priority != StreamPriority::default() {
            let all_unsent = self.window.unsent(&self.send_credit);
            self.schedule.change_priority(stream.priority, StreamPriority::default(), 0, all_unsent);
        }
        assert!(!stream.is_ending && !stream.is_blocked, "what ended is counted no more");
        assert!(stream.send.as_ref().map_or(0, SendHalf::held) == 0, "what ended holds nothing to send");
        assert!(stream.receive.as_ref().map_or(0, ReceiveHalf::segments) == 0, "what ended holds no pieces");
        if id.initiator() != self.side {
            let now = self.now;
            self.counts(id.direction()).on_remote_gone(now);
        }
        self.spare.keep(id, stream);
    }
}

/// What the peer was allowed is free for other connections.
impl Drop for Streams {
    fn drop(&mut self) {
        self.receive_share.give_back(self.receive_credit.window());
    }
}

/// A stream that something has happened on and that is not forgotten.
fn alive(map: &mut StreamMap<Option<Box<Stream>>>, id: StreamId) -> &mut Stream {
    map.get_mut(id).and_then(Option::as_deref_mut).expect(ALIVE)
}

/// Makes the queues true after something happened to a stream. Whether that was its end.
fn follow(
    schedule: &mut Schedule,
    send_credit: &mut SendCredit,
    tally: &mut Tally,
    stream: &mut Stream,
    id: StreamId,
) -> bool {
    let wants = stream.wants();
    schedule.update(id, stream.priority, &mut stream.membership, wants);
    let (awaits_end, is_blocked) = (stream.awaits_end(), stream.is_held_back());
    count(&mut tally.ending, &mut stream.is_ending, awaits_end);
    count(&mut tally.blocked, &mut stream.is_blocked, is_blocked);
    if wants.has(Queue::Data) {
        // Which matters only if none is left.
        send_credit.on_blocked();
    }
    stream.is_done()
}

/// What a stream holds, and what does not stand in its way.
fn load(schedule: &Schedule, priority: StreamPriority, send: &SendHalf) -> Load {
    Load { behind: schedule.unsent_behind(priority), ..send.load() }
}

/// What a stream with this priority held is given up.
fn give_up(window: &mut SendWindow, schedule: &mut Schedule, priority: StreamPriority, abandoned: Abandoned) {
    if let Some(levels) = schedule.levels() {
        levels.on_sent(priority, abandoned.unsent);
    }
    window.on_abandoned(abandoned);
}

/// How many streams there are of some kinds.
#[derive(Debug, Default)]
struct Tally {
    /// Their sending side was ended or reset, and the peer has not acknowledged it.
    ending: u32,
    /// There is more to write, and their own credit is used up.
    blocked: u32,
}

/// A stream is counted among so many exactly while `is_one`.
fn count(number: &mut u32, is_counted: &mut bool, is_one: bool) {
    if is_one != *is_counted {
        *is_counted = is_one;
        *number = if is_one { *number + 1 } else { *number - 1 };
    }
}

/// The stream `id`, with its halves made if this is the first time that they matter. `None` if it was never created or is
/// gone.
fn touch<'a>(
    map: &'a mut StreamMap<Option<Box<Stream>>>,
    spare: &mut Spares,
    side: Side,
    config: &Config,
    peer_limits: &PeerLimits,
    id: StreamId,
) -> Option<&'a mut Stream> {
    let slot = map.get_mut(id)?;
    Some(match slot {
        Some(stream) => stream,
        None => slot.insert(begin(spare, side, config, peer_limits, id)),
    })
}

/// A stream with the halves that this side has of it. Not a part of everything that is done to one.
#[inline(never)]
fn begin(spare: &mut Spares, side: Side, config: &Config, peer_limits: &PeerLimits, id: StreamId) -> Box<Stream> {
    let send = id.is_sent_by(side).then(|| SendHalf::new(peer_limits.of_stream(side, id)));
    let receive = id.is_received_by(side).then(|| ReceiveHalf::new(config.streams.receive_credit(side, id)));
    spare.make(id, Stream::new(send, receive))
}

mod priorities;
mod reliable_reset;

#[cfg(test)]
mod tests;
