//! The calls of the application. Everything is pulled: nothing here calls back.

use super::state::Connection;
use crate::early_data::EarlyData;
use crate::error::{CloseReason, ResetAtUnsupported};
use crate::event::Event;
use crate::lifecycle::{CloseFrame, Lifecycle};
use crate::stream::{Read, ReadError, StreamEvent, StreamPriority, WriteError};
use crate::trace::Record;
use crate::violation::TransportErrorCode;
use crate::wire::packet_number::PacketNumberSpace;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::{Bytes, Direction, Instant, Side, StreamId, VarInt};
use tls::{PeerIdentity, Session};

impl Connection {
    /// The next event, oldest first. After [`Event::Closed`] there is none.
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.events.is_over() {
            return None;
        }
        if let Some(event) = self.events.pop() {
            return Some(event);
        }
        if self.datagrams.is_some()
            && let Some(event) = self.poll_datagram_event()
        {
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

    #[inline(never)]
    fn poll_datagram_event(&mut self) -> Option<Event> {
        let largest = self.max_datagram_size();
        self.datagrams.as_mut()?.poll_event(largest).map(Event::Datagram)
    }

    /// Whether `poll_event` may have something.
    pub fn has_events(&self) -> bool {
        let waits = !self.events.is_empty() || self.streams.has_events() || self.has_datagram_events();
        waits && !self.events.is_over()
    }

    /// Opens a stream; `None` while the peer's limit on their number is reached.
    pub fn open(&mut self, direction: Direction) -> Option<StreamId> {
        let id = if self.can_send() { self.streams.open(direction) } else { None }?;
        self.trace_call(Record::StreamOpened { id });
        Some(id)
    }

    /// Whether streams can be opened. A server has the keys for that, and the client's limits, before the client's proof; a
    /// client has them before the server has answered, if it sends early data.
    pub(super) fn can_send(&self) -> bool {
        match self.lifecycle {
            Lifecycle::Established => true,
            Lifecycle::Handshaking { .. } => self.levels.sealing(PacketNumberSpace::ApplicationData).is_some(),
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

    /// As [`write_parts`](Connection::write_parts), of the last pieces: if all of them were taken, the sending side has ended, as with
    /// [`finish`](Connection::finish).
    ///
    /// # Errors
    /// As for [`write`](Connection::write): nothing was taken.
    pub fn write_last(&mut self, id: StreamId, parts: &mut [Bytes]) -> Result<usize, WriteError> {
        let len = self.streams.write_last(id, parts)?;
        self.trace_moved(id, len, false);
        if parts.iter().all(Bytes::is_empty) {
            self.trace_call(Record::StreamEnded { id, received: false, code: None });
        }
        Ok(len)
    }

    /// Takes as much of `data` as the send buffer takes, where it stands, and gives back the rest. With `ends`, and if all of it was taken,
    /// the sending side has ended, as with [`finish`](Connection::finish). [`memory`](Connection::memory) is good to make `data` in.
    ///
    /// # Errors
    /// As for [`write`](Connection::write): nothing was taken.
    pub fn write_own(&mut self, id: StreamId, data: Vec<u8>, ends: bool) -> Result<Bytes, WriteError> {
        let wanted = data.len();
        let rest = self.streams.write_own(id, data, ends)?;
        self.trace_moved(id, wanted - rest.len(), false);
        if ends && rest.is_empty() {
            self.trace_call(Record::StreamEnded { id, received: false, code: None });
        }
        Ok(rest)
    }

    /// Memory for what is [written](Connection::write_own): empty, and mostly used before.
    pub fn memory(&mut self) -> Vec<u8> {
        self.streams.memory()
    }

    /// What was read is not needed any more: if nobody else refers to its memory, that is used again.
    pub fn give_back(&mut self, bytes: Bytes) {
        self.streams.give_back(bytes);
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

    /// Breaks the sending side of a stream off behind its first `reliable_size` bytes, of those that were written: they are
    /// delivered, and behind them the peer's application is told of the reset. Called again with a smaller size, less is
    /// delivered; with a larger one nothing changes, and the first code stays. [`reset`](Connection::reset) then has nothing
    /// more delivered.
    ///
    /// # Errors
    /// [`ResetAtUnsupported`]: the peer does not know such resets (draft-ietf-quic-reliable-stream-reset section 3), and nothing
    /// was done.
    pub fn reset_at(&mut self, id: StreamId, code: VarInt, reliable_size: u64) -> Result<(), ResetAtUnsupported> {
        if !self.peer.takes_reset_at() {
            return Err(ResetAtUnsupported);
        }
        self.streams.reset_at(id, code, reliable_size);
        self.trace_call(Record::StreamEnded { id, received: false, code: Some(code) });
        Ok(())
    }

    /// Whether the peer knows resets behind a part that is delivered: known with its transport parameters.
    pub const fn can_reset_at(&self) -> bool {
        self.peer.takes_reset_at()
    }

    /// Bytes that were written to a stream, and how many of them from the first on the peer has acknowledged; `None` if there
    /// is no such stream, or all of it is over.
    pub fn delivery(&self, id: StreamId) -> Option<(u64, u64)> {
        self.streams.delivery(id)
    }

    /// The end of what has come on a stream, with gaps or without, or of all that the peer sent if it has said that; `None` if
    /// there is no such stream, or nothing more is received on it. A reset tells the same
    /// ([`StreamEvent::Reset`](crate::StreamEvent::Reset)).
    pub fn received(&self, id: StreamId) -> Option<u64> {
        self.streams.received(id)
    }

    /// Bytes of a stream that were sent at least once: what the peer will take for its size if it is reset now. `None` if there is
    /// no such stream, or all of it is over.
    pub fn sent(&self, id: StreamId) -> Option<u64> {
        self.streams.sent(id)
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

    /// The same, and whether the end stands behind the bytes that are given and counts as read with them: then nothing more can
    /// be read, and need not be tried.
    ///
    /// # Errors
    /// As for [`read`](Connection::read).
    pub fn read_with_end(&mut self, id: StreamId, max: usize) -> Result<(Read, bool), ReadError> {
        let (read, is_end) = self.streams.read_with_end(id, max)?;
        if let Read::Data(bytes) = &read {
            self.trace_moved(id, bytes.len(), true);
        }
        if is_end {
            self.trace_call(Record::StreamEnded { id, received: true, code: None });
        }
        Ok((read, is_end))
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

    /// Has a stream sent by this priority from now on, whatever is under way: what was handed over before and not sent goes by it,
    /// too. Data that is lost is sent again ahead of all new data. Nothing happens if there is no such stream, or if it is not one
    /// that this side sends on. RFC 9000 section 2.3.
    pub fn set_stream_priority(&mut self, id: StreamId, priority: StreamPriority) {
        self.streams.set_priority(id, priority);
    }

    /// Lets the peer have `more` bytes on its streams that were not read than before: for streams that have limits of their own, so that what is
    /// held on those takes nothing from the others. As much of it is given as
    /// [`EndpointConfig::receive_memory`](crate::EndpointConfig::receive_memory) has room for, half of what is free at most; how much that
    /// is is returned. What was given stays, but where others need the memory, as for a window that has grown by itself.
    pub fn extend_credit(&mut self, more: u64) -> u64 {
        self.streams.extend_credit(more)
    }

    /// Lets the peer have `more` streams of this direction open than before.
    pub fn extend_streams(&mut self, direction: Direction, more: u64) {
        self.streams.extend_streams(direction, more);
    }

    /// How many bytes the peer may have on its streams that were not read. It grows with what is read, and by what it was extended.
    pub const fn receive_window(&self) -> u64 {
        self.streams.receive_window()
    }

    /// How many bidirectional streams the peer may have opened so far, those included that it has not opened yet.
    pub fn peer_may_open(&self) -> u64 {
        self.streams.peer_may_open()
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

    /// Has the keys of 1-RTT packets updated (RFC 9001 section 6): with the first packet after the handshake is confirmed and the
    /// peer is known to have this generation of keys. Before that, asking again changes nothing. The peer updates its own in answer.
    /// Without this they are updated after [`key_update_packets`](crate::Config::key_update_packets).
    pub fn update_keys(&mut self) {
        self.levels.one_rtt().want_update();
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

    /// Closes the connection by the transport's own word that it takes no connection (RFC 9000 section 20.1, CONNECTION_REFUSED), which means
    /// the same whatever protocol is spoken on it. `reason` is for humans.
    pub fn refuse(&mut self, now: Instant, reason: &'static str) {
        let code = TransportErrorCode::CONNECTION_REFUSED;
        let local = CloseReason::Local { code: VarInt::new(code.0).expect("a small number") };
        self.close_with(now, CloseFrame::Transport { code, frame_type: 0, reason }, local);
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

    /// What has become of early data on this connection. On a server it may be a repetition of what another connection has
    /// brought until the handshake is complete.
    pub fn early_data(&self) -> tls::EarlyData {
        self.session().early_data()
    }

    /// Whether the handshake is complete (RFC 9001 section 4.1.1): what comes from then on is no repetition.
    pub fn is_handshake_complete(&self) -> bool {
        self.session().is_complete()
    }

    /// Whether the peer has shown that it receives what is sent to its address (RFC 9000 section 8.1). A server acts upon early data
    /// before that is so: until then the address may be anybody's.
    pub fn is_peer_address_validated(&self) -> bool {
        self.paths.in_use.amplification.is_validated()
    }

    /// Whether anything is kept for early data: never once the handshake has been complete for a moment.
    pub fn has_early_data_state(&self) -> bool {
        self.handshake.early.is_some() || self.levels.has_early_data()
    }

    /// On a client that may send early data, what the application had said that it relies on when the ticket came; once. Empty if
    /// it had said nothing yet.
    pub fn take_remembered_application(&mut self) -> Option<Vec<u8>> {
        match self.handshake.early.as_deref_mut()? {
            EarlyData::Sending(sending) => Some(core::mem::take(&mut sending.application)),
            EarlyData::Awaiting(_) | EarlyData::Receiving { .. } => None,
        }
    }

    /// On a client, what the application relies on when it sends early data on a later connection: kept with the tickets that
    /// come from now on ([`tls::Session::remember_application`]).
    pub fn remember_application(&mut self, application: &[u8]) {
        self.handshake.remember_application(application);
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
            StreamEvent::Reset { id, code, .. } => {
                self.trace_call(Record::StreamEnded { id, received: true, code: Some(code) });
            }
            StreamEvent::Readable(_)
            | StreamEvent::Writable(_)
            | StreamEvent::Finished(_)
            | StreamEvent::StreamsAvailable(_) => {}
        }
    }
}
