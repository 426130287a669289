//! The transport of HTTP/3 over a QUIC connection of ours: twelve calls, each one call of [`quic::Connection`] at most.

use crate::transport::{Read, Transport, WriteError};
use alloc::vec::Vec;
use base::{Bytes, Direction, Instant, StreamId, VarInt};
use http::exchange::DatagramError;
use http::pace::Delivery;
use quic::{Connection, DatagramOptions, DatagramRefusal, DatagramStats, StreamPriority, WhenFull};

/// A QUIC connection, borrowed for the time of one call.
pub struct OverQuic<'a> {
    connection: &'a mut Connection,
    now: Instant,
}

impl<'a> OverQuic<'a> {
    /// `now` is the present.
    pub fn new(connection: &'a mut Connection, now: Instant) -> OverQuic<'a> {
        OverQuic { connection, now }
    }

    /// The connection's TLS session: what it has agreed on, and its exporter.
    pub fn tls_session(&self) -> &tls::Session {
        self.connection.session()
    }

    /// What has become of all datagrams of the connection.
    pub fn datagram_stats(&self) -> DatagramStats {
        self.connection.datagram_stats()
    }
}

impl Transport for OverQuic<'_> {
    fn open(&mut self, direction: Direction) -> Option<StreamId> {
        self.connection.open(direction)
    }

    fn read(&mut self, id: StreamId, max: usize) -> Read {
        self.connection.read(id, max).map_or_else(read_error, read)
    }

    fn read_with_end(&mut self, id: StreamId, max: usize) -> (Read, bool) {
        match self.connection.read_with_end(id, max) {
            Ok((given, is_end)) => (read(given), is_end),
            Err(error) => (read_error(error), false),
        }
    }

    fn room(&mut self, id: StreamId, wanted: usize) -> Result<usize, WriteError> {
        self.connection.room(id, wanted).map_err(write_error)
    }

    fn write(&mut self, id: StreamId, data: &mut Bytes) -> Result<(), WriteError> {
        self.connection.write(id, data).map(drop).map_err(write_error)
    }

    fn write_parts(&mut self, id: StreamId, parts: &mut [Bytes]) -> Result<(), WriteError> {
        self.connection.write_parts(id, parts).map(drop).map_err(write_error)
    }

    fn write_last(&mut self, id: StreamId, parts: &mut [Bytes]) -> Result<(), WriteError> {
        self.connection.write_last(id, parts).map(drop).map_err(write_error)
    }

    fn write_own(&mut self, id: StreamId, data: Vec<u8>, ends: bool) -> Result<Bytes, WriteError> {
        self.connection.write_own(id, data, ends).map_err(write_error)
    }

    fn memory(&mut self) -> Vec<u8> {
        self.connection.memory()
    }

    fn give_back(&mut self, bytes: Bytes) {
        self.connection.give_back(bytes);
    }

    fn finish(&mut self, id: StreamId) {
        // A stream that was stopped or reset meanwhile has no end to tell.
        let _ = self.connection.finish(id);
    }

    fn reset(&mut self, id: StreamId, code: VarInt) {
        self.connection.reset(id, code);
    }

    fn reset_at(&mut self, id: StreamId, code: VarInt, reliable_size: u64) {
        if self.connection.reset_at(id, code, reliable_size).is_err() {
            self.connection.reset(id, code);
        }
    }

    fn can_reset_at(&self) -> bool {
        self.connection.can_reset_at()
    }

    fn received(&self, id: StreamId) -> Option<u64> {
        self.connection.received(id)
    }

    fn sent(&self, id: StreamId) -> Option<u64> {
        self.connection.sent(id)
    }

    fn ask_to_stop(&mut self, id: StreamId, code: VarInt) {
        self.connection.ask_to_stop(id, code);
    }

    fn stop_sending(&mut self, id: StreamId, code: VarInt) {
        self.connection.stop_sending(id, code);
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn delivery(&self, id: StreamId) -> Option<Delivery> {
        let (written, acknowledged) = self.connection.delivery(id)?;
        Some(Delivery { written, acknowledged })
    }

    fn unacknowledged(&self) -> u64 {
        self.connection.unacknowledged()
    }

    #[inline]
    fn is_traced(&self) -> bool {
        self.connection.is_traced()
    }

    fn trace(&mut self, id: StreamId, record: &[u8]) {
        self.connection.trace_above(id, record);
    }

    fn remember(&mut self, settings: &[u8]) {
        self.connection.remember_application(settings);
    }

    fn prioritize(&mut self, id: StreamId, urgency: u8, incremental: bool) {
        self.connection.set_stream_priority(id, StreamPriority::new(urgency, incremental));
    }

    fn send_datagram(&mut self, parts: [&[u8]; 2], when_full: WhenFull) -> Result<(), DatagramError> {
        send_datagram(self.connection, parts, DatagramOptions { when_full, ..DatagramOptions::default() })
    }

    fn want_larger_datagrams(&mut self, len: usize) {
        self.connection.want_larger_datagrams(len);
    }

    fn take_datagrams(&mut self, take: &mut dyn FnMut(&[u8]) -> bool) {
        self.connection.take_datagrams(take);
    }

    fn max_datagram_size(&self) -> Option<usize> {
        self.connection.max_datagram_size()
    }

    fn requests_allowed(&self) -> Option<u64> {
        Some(self.connection.peer_may_open())
    }

    fn extend_credit(&mut self, more: u64) -> u64 {
        self.connection.extend_credit(more)
    }

    fn extend_streams(&mut self, direction: Direction, more: u64) {
        self.connection.extend_streams(direction, more);
    }

    fn receive_window(&self) -> u64 {
        self.connection.receive_window()
    }

    fn close(&mut self, code: VarInt, reason: &'static str) {
        self.connection.close(self.now, code, reason.as_bytes());
    }
}

fn read(read: quic::Read) -> Read {
    match read {
        quic::Read::Data(bytes) => Read::Data(bytes),
        quic::Read::Finished => Read::Finished,
        quic::Read::Blocked => Read::Blocked,
    }
}

const fn read_error(error: quic::ReadError) -> Read {
    match error {
        quic::ReadError::Reset(code) => Read::Reset(code),
        // Read to its end before: there is nothing more, and there will not be.
        quic::ReadError::Unknown => Read::Finished,
    }
}

/// Sends a datagram so, whose bytes are those of both parts.
///
/// # Errors
/// [`DatagramError`]: nothing was sent.
pub fn send_datagram(
    connection: &mut Connection,
    parts: [&[u8]; 2],
    options: DatagramOptions,
) -> Result<(), DatagramError> {
    connection.send_datagram_parts(parts, options).map(drop).map_err(|refusal| match refusal {
        DatagramRefusal::Unsupported => DatagramError::Unsupported,
        DatagramRefusal::TooLarge { most } => DatagramError::TooLarge { most },
        DatagramRefusal::Full => DatagramError::Full,
    })
}

const fn write_error(error: quic::WriteError) -> WriteError {
    match error {
        quic::WriteError::Stopped(code) => WriteError::Stopped(code),
        quic::WriteError::Finished | quic::WriteError::Unknown => WriteError::Closed,
    }
}
