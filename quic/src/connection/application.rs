//! The calls of the application. Everything is pulled: nothing here calls back.

use super::state::Connection;
use crate::error::CloseReason;
use crate::event::Event;
use crate::lifecycle::{CloseFrame, Lifecycle};
use crate::stats::{Counters, Stats};
use crate::stream::{Read, ReadError, StreamEvent, WriteError};
use crate::trace::Record;
use crate::wire::frame::PacketKind;
use crate::wire::packet_number::PacketNumberSpace;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::{Bytes, Direction, Instant, Side, StreamId, VarInt};
use tls::{PeerIdentity, Session};

impl Connection {
    /// The next event, oldest first. After [`Event::Closed`] there is none.
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some(event) = self.events.pop() {
            return Some(event);
        }
        if let Some((event, word)) = self.streams.poll_event() {
            if self.is_traced() {
                self.trace_stream_event(event);
            }
            return Some(Event::Stream(event, word));
        }
        if !self.events.is_closed() && self.streams.poll_flushed() {
            return Some(Event::Flushed);
        }
        self.events.pop_closed()
    }

    /// Whether `poll_event` may have something.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty() || self.streams.has_events()
    }

    /// Opens a stream; `None` while the peer's limit on their number is reached.
    pub fn open(&mut self, direction: Direction) -> Option<StreamId> {
        let id = if self.can_send() { self.streams.open(direction) } else { None }?;
        self.trace_call(Record::StreamOpened { id });
        Some(id)
    }

    /// Whether streams can be opened. A server has the keys for that, and the client's limits, before the client's proof.
    fn can_send(&self) -> bool {
        let has_keys = || self.levels.sealing(PacketNumberSpace::ApplicationData) == Some(PacketKind::OneRtt);
        match self.lifecycle {
            Lifecycle::Established => true,
            Lifecycle::Handshaking { .. } => self.wire.side == Side::Server && has_keys(),
            _ => false,
        }
    }

    /// How many of `wanted` bytes [`write`](Connection::write) would take now. 0 if there is too little room to be worth the
    /// trouble: then [`StreamEvent::Writable`] follows. For data that is made or read only when it can be sent.
    ///
    /// # Errors
    /// As for [`write`](Connection::write).
    pub fn room(&mut self, id: StreamId, wanted: usize) -> Result<usize, WriteError> {
        self.streams.room(id, wanted)
    }

    /// Hands over as much of `data` as the send buffer takes, without a copy; what was taken is removed from `data`.
    pub fn write(&mut self, id: StreamId, data: &mut Bytes) -> Result<usize, WriteError> {
        let len = self.streams.write(id, data)?;
        self.trace_moved(id, len, false);
        Ok(len)
    }

    /// As [`write`](Connection::write), of several pieces that follow each other: what was taken is removed from their fronts,
    /// and how much that was is given.
    ///
    /// # Errors
    /// As for [`write`](Connection::write): nothing was taken.
    pub fn write_parts(&mut self, id: StreamId, parts: &mut [Bytes]) -> Result<usize, WriteError> {
        let len = self.streams.write_parts(id, parts)?;
        self.trace_moved(id, len, false);
        Ok(len)
    }

    /// Copies as much of `data` as the send buffer takes; gives how much that was.
    pub fn write_slice(&mut self, id: StreamId, data: &[u8]) -> Result<usize, WriteError> {
        let len = self.streams.write_slice(id, data)?;
        self.trace_moved(id, len, false);
        Ok(len)
    }

    /// Ends the sending side of a stream: the peer will know that all has arrived.
    pub fn finish(&mut self, id: StreamId) -> Result<(), WriteError> {
        self.streams.finish(id)?;
        self.trace_call(Record::StreamEnded { id, received: false, code: None });
        Ok(())
    }

    /// Breaks the sending side of a stream off.
    pub fn reset(&mut self, id: StreamId, code: VarInt) {
        self.streams.reset(id, code);
        self.trace_call(Record::StreamEnded { id, received: false, code: Some(code) });
    }

    /// Bytes that were written to a stream, and how many of them from the first on the peer has acknowledged; `None` if there
    /// is no such stream, or all of it is over.
    pub fn delivery(&self, id: StreamId) -> Option<(u64, u64)> {
        self.streams.delivery(id)
    }

    /// Bytes of all streams that were written and that the peer has not acknowledged.
    pub fn unacknowledged(&self) -> u64 {
        self.streams.unacknowledged()
    }

    /// The next received bytes of a stream, at most `max`, without a copy. What is read lets the peer send more.
    pub fn read(&mut self, id: StreamId, max: usize) -> Result<Read, ReadError> {
        let read = self.streams.read(id, max)?;
        match &read {
            Read::Data(bytes) => self.trace_moved(id, bytes.len(), true),
            Read::Finished => self.trace_call(Record::StreamEnded { id, received: true, code: None }),
            Read::Blocked => {}
        }
        Ok(read)
    }

    /// Asks the peer to stop sending on a stream; what arrives on it from now on is dropped.
    pub fn stop_sending(&mut self, id: StreamId, code: VarInt) {
        self.streams.stop_sending(id, code);
        self.trace_call(Record::StreamEnded { id, received: true, code: Some(code) });
    }

    /// Asks the peer to stop sending on a stream, and goes on reading: what arrives all the same is told and read as before, until
    /// the end, a reset, or [`stop_sending`](Connection::stop_sending). None of it earns the peer credit on the stream, so that
    /// what it was allowed before is the most that comes. RFC 9000 section 3.5.
    pub fn ask_to_stop(&mut self, id: StreamId, code: VarInt) {
        self.streams.ask_to_stop(id, code);
    }

    /// Has `word` come with each further event of a stream, so that the application finds what it keeps for the stream
    /// without a look-up. Nothing happens if there is no such stream.
    pub fn set_stream_word(&mut self, id: StreamId, word: u32) {
        self.streams.set_word(id, word);
    }

    /// Asks for [`Event::Flushed`], once: it comes when all that was written, and every end and reset of a stream, has been
    /// acknowledged, which may be at once.
    pub const fn request_flushed(&mut self) {
        self.streams.request_flushed();
    }

    /// Whether the application waits for something of the peer: as long as it does, a PING is sent when a quarter of the idle
    /// timeout has gone by in silence. So the connection is kept while the peer thinks, and one that has lost it says so (RFC
    /// 9000 section 10.3).
    pub const fn keep_alive_while(&mut self, is_needed: bool) {
        self.idle.set_needed(is_needed);
    }

    /// How many streams have been finished or reset by this side without the peer having acknowledged that.
    pub const fn unacknowledged_ends(&self) -> usize {
        self.streams.unacknowledged_ends()
    }

    /// Closes the connection. What was not yet acknowledged may be lost; `reason` is for humans.
    pub fn close(&mut self, now: Instant, code: VarInt, reason: &[u8]) {
        let frame = CloseFrame::Application { code, reason: Vec::from(reason) };
        self.close_with(now, frame, CloseReason::Local { code });
    }

    /// Whether the connection is neither closing nor closed.
    pub fn is_open(&self) -> bool {
        self.lifecycle.is_open()
    }

    /// Which end this is.
    pub const fn side(&self) -> Side {
        self.wire.side
    }

    /// Who the other end is. A server knows it of a client that was asked and showed a certificate, from
    /// [`Event::Established`](crate::Event::Established) on; a client of its server, if its configuration keeps the certificates.
    pub fn peer_identity(&self) -> Option<&Arc<PeerIdentity>> {
        self.session().peer_identity()
    }

    /// What TLS learned: protocol, server name, certificates.
    pub fn session(&self) -> &Session {
        self.handshake.session()
    }

    /// Whether the connection goes on from an earlier one by a ticket, so that the server has shown no certificate anew. Known once
    /// the server's first flight is read or sent; proved when the connection is established.
    pub fn is_resumed(&self) -> bool {
        self.session().is_resumed()
    }

    #[inline]
    fn trace_call(&mut self, record: Record) {
        if let Some(tracer) = &mut self.tracer {
            tracer.record_call(record, &[]);
        }
    }

    #[inline]
    fn trace_moved(&mut self, id: StreamId, len: usize, received: bool) {
        if len > 0 {
            self.trace_call(Record::StreamDataMoved { id, len, received });
        }
    }

    #[cold]
    fn trace_stream_event(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Opened(id) => self.trace_call(Record::StreamOpened { id }),
            StreamEvent::Stopped { id, code } => {
                self.trace_call(Record::StreamEnded { id, received: false, code: Some(code) });
            }
            StreamEvent::Reset { id, code } => {
                self.trace_call(Record::StreamEnded { id, received: true, code: Some(code) });
            }
            StreamEvent::Readable(_)
            | StreamEvent::Writable(_)
            | StreamEvent::Finished(_)
            | StreamEvent::StreamsAvailable(_) => {}
        }
    }

    /// A snapshot of the counters.
    pub fn stats(&self) -> Stats {
        let Counters {
            datagrams_sent,
            datagrams_received,
            bytes_sent,
            bytes_received,
            packets_sent,
            packets_received,
            packets_dropped,
            packets_lost,
            packets_late,
            key_updates,
            migrations,
            probe_timeouts,
        } = self.stats;
        Stats {
            version: self.wire.version,
            datagrams_sent,
            datagrams_received,
            bytes_sent,
            bytes_received,
            packets_sent,
            packets_received,
            packets_dropped,
            packets_lost,
            packets_late,
            key_updates,
            migrations,
            probe_timeouts,
            smoothed_rtt: self.recovery.rtt().smoothed(),
            min_rtt: self.recovery.rtt().min(),
            congestion_window: self.recovery.congestion_window(),
            bytes_in_flight: self.recovery.bytes_in_flight(),
            mtu: self.paths.in_use.mtu.current(),
            buffered: self.streams.buffered(),
            open_streams: self.streams.open_count(),
            is_resumed: self.is_resumed(),
            is_ecn_capable: self.recovery.is_ecn_capable(),
            congestion_marks: self.recovery.congestion_marks(),
        }
    }
}
