//! A session without HTTP: the streams and datagrams of a whole QUIC connection, on which a protocol of the application's own was agreed
//! upon by ALPN (RFC 9000 sections 2 and 4.6, RFC 9221). It is the only session of its connection, and has no beginning of its own on a stream.
//!
//! Codes of applications go as they are. A peer may use larger ones than 32 bits hold: they are told as no code.

use base::{Bytes, DatagramBatch, Direction, Instant, StreamId, VarInt};
use http::exchange::{DatagramError, SentDatagrams};
use quic::{
    CloseReason, Connection, DatagramEvent, DatagramOptions, DatagramStats, Read, ReadError, StreamPriority, WhenFull,
    WriteError,
};
use std::collections::{BTreeMap, VecDeque};
use std::iter::Peekable;
use webtransport::{Closed, Event, OpenError, ReadStream, SessionEvent, SessionStats, StreamError, StreamEvent};

/// By which the session is known among those of its connection.
pub(crate) const ID: StreamId = StreamId::from_varint(VarInt::from_u32(0));

/// How many bytes of the message of a close are sent.
const MAX_REASON: usize = 256;

/// What is known of it beside the transport.
#[derive(Debug, Default)]
pub(crate) struct RawSession {
    /// The other end's streams that nobody has taken, of each direction: as many as the transport allows it.
    arrived: [VecDeque<StreamId>; 2],
    /// Which of them the other end does not want an answer on.
    stopped: BTreeMap<StreamId, Option<u32>>,
    /// Streams that the other end gave up, with its codes, until that is read or not wanted: the transport may have forgotten them. Of
    /// those that nobody has taken, and those that are held.
    resets: BTreeMap<StreamId, Option<u32>>,
    /// Whether somebody could not open a stream.
    wants_stream: [bool; 2],
    is_over: bool,
    stats: SessionStats,
    events: VecDeque<Event>,
}

impl RawSession {
    /// What happened, in order.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn tell(&mut self, event: SessionEvent) {
        self.events.push_back(Event::Session(ID, event));
    }

    fn tell_stream(&mut self, id: StreamId, event: StreamEvent) {
        self.events.push_back(Event::Stream(id, event));
    }

    /// The transport tells something about a stream or about datagrams; other events say nothing to a session.
    pub(crate) fn on_transport(&mut self, event: &quic::Event) {
        match event {
            quic::Event::Stream(event, _) => self.on_stream(*event),
            quic::Event::Datagram(DatagramEvent::Readable) => self.tell(SessionEvent::Datagram),
            quic::Event::Datagram(DatagramEvent::Writable | DatagramEvent::LargestChanged(_)) => {
                self.tell(SessionEvent::DatagramsChanged);
            }
            _ => {}
        }
    }

    fn on_stream(&mut self, event: quic::StreamEvent) {
        match event {
            quic::StreamEvent::Opened(id) => {
                self.arrived[id.direction() as usize].push_back(id);
                self.stats.accepted += 1;
                self.tell(SessionEvent::Incoming(id.direction()));
            }
            quic::StreamEvent::Readable(id) => self.tell_stream(id, StreamEvent::Readable),
            quic::StreamEvent::Reset { id, code, .. } => {
                self.resets.insert(id, small(code));
                self.forget_if_of_no_use(id);
                self.tell_stream(id, StreamEvent::Readable);
            }
            quic::StreamEvent::Writable(id) => self.tell_stream(id, StreamEvent::Writable),
            quic::StreamEvent::Finished(id) => self.tell_stream(id, StreamEvent::Delivered),
            quic::StreamEvent::Stopped { id, code } => {
                if self.arrived[id.direction() as usize].contains(&id) {
                    self.stopped.insert(id, small(code));
                    self.forget_if_of_no_use(id);
                }
                self.tell_stream(id, StreamEvent::Stopped(small(code)));
            }
            quic::StreamEvent::StreamsAvailable(direction) => {
                if std::mem::take(&mut self.wants_stream[direction as usize]) {
                    self.tell(SessionEvent::CanOpen(direction));
                }
            }
        }
    }

    /// A stream that nobody has taken, and on which nothing comes or goes any more, is not kept: the other end may open another in its
    /// place, and give that up, as often as it likes.
    fn forget_if_of_no_use(&mut self, id: StreamId) {
        let is_over = self.resets.contains_key(&id)
            && (id.direction() == Direction::Unidirectional || self.stopped.contains_key(&id));
        let arrived = &mut self.arrived[id.direction() as usize];
        if let Some(place) = arrived.iter().position(|other| *other == id).filter(|_| is_over) {
            arrived.remove(place);
            self.resets.remove(&id);
            self.stopped.remove(&id);
        }
    }

    /// This side says that the connection is to end.
    pub(crate) fn on_going_away(&mut self) {
        if !self.is_over {
            self.tell(SessionEvent::Draining);
        }
    }

    /// The connection is over, for this reason.
    pub(crate) fn on_closed(&mut self, reason: &CloseReason) {
        let closed = match reason {
            CloseReason::PeerApplication { code, reason } => {
                small(*code).map_or(Closed::Connection, |code| Closed::There { code, reason: unescaped(reason) })
            }
            _ => Closed::Connection,
        };
        self.end(closed);
    }

    /// The same, and nobody knows why.
    pub(crate) fn on_over(&mut self) {
        self.end(Closed::Connection);
    }

    fn end(&mut self, closed: Closed) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.events.clear();
            self.arrived = Default::default();
            self.stopped.clear();
            self.resets.clear();
            self.tell(SessionEvent::Closed(closed));
            self.tell(SessionEvent::Settled);
        }
    }

    /// Opens a stream.
    pub(crate) fn open(&mut self, transport: &mut Connection, direction: Direction) -> Result<StreamId, OpenError> {
        if self.is_over {
            return Err(OpenError::Gone);
        }
        match transport.open(direction) {
            Some(id) => {
                self.stats.opened += 1;
                Ok(id)
            }
            None => {
                self.wants_stream[direction as usize] = true;
                Err(OpenError::Blocked)
            }
        }
    }

    /// The oldest stream that the other end opened and nobody has taken.
    pub(crate) fn accept(&mut self, direction: Direction) -> Option<StreamId> {
        self.arrived[direction as usize].pop_front()
    }

    /// Whether the other end had said of a stream, before it was taken, that it wants nothing on it; told once.
    pub(crate) fn take_stopped(&mut self, id: StreamId) -> Option<Option<u32>> {
        self.stopped.remove(&id)
    }

    /// Sends as much of `data` as fits, and drops that from its front.
    pub(crate) fn write(
        &mut self,
        transport: &mut Connection,
        id: StreamId,
        data: &mut Bytes,
    ) -> Result<(), StreamError> {
        if self.is_over {
            return Err(StreamError::Ended);
        }
        let written = transport.write(id, data).map_err(write_error)?;
        self.stats.written += written as u64;
        Ok(())
    }

    /// The next content of a stream, at most `max` bytes.
    pub(crate) fn read(&mut self, transport: &mut Connection, id: StreamId, max: usize) -> ReadStream {
        if self.is_over {
            return ReadStream::Gone;
        }
        match transport.read(id, max.max(1)) {
            Ok(Read::Data(bytes)) => {
                self.stats.read += bytes.len() as u64;
                ReadStream::Data(bytes)
            }
            Ok(Read::Finished) => ReadStream::Finished,
            Ok(Read::Blocked) => ReadStream::Blocked,
            Err(ReadError::Reset(code)) => {
                self.resets.remove(&id);
                ReadStream::Reset(small(code))
            }
            Err(ReadError::Unknown) => self.resets.remove(&id).map_or(ReadStream::Gone, ReadStream::Reset),
        }
    }

    /// Wants no more of a stream.
    pub(crate) fn stop(&mut self, transport: &mut Connection, id: StreamId, code: u32) {
        self.resets.remove(&id);
        transport.stop_sending(id, VarInt::from_u32(code));
    }

    /// Sends datagrams in order, until one is refused; that one is the next of `contents` then.
    pub(crate) fn send_datagrams<D: AsRef<[u8]>>(
        &mut self,
        transport: &mut Connection,
        contents: &mut Peekable<impl Iterator<Item = D>>,
        when_full: WhenFull,
    ) -> SentDatagrams {
        let (options, mut taken) = (DatagramOptions { when_full, ..DatagramOptions::default() }, 0);
        let refused = loop {
            let Some(content) = contents.peek().map(AsRef::as_ref) else { break None };
            if self.is_over {
                break Some(DatagramError::Ended);
            }
            if let Err(error) = h3::send_datagram(transport, [content, &[]], options) {
                break Some(error);
            }
            contents.next();
            taken += 1;
        };
        self.stats.datagrams_sent += taken as u64;
        SentDatagrams { taken, refused }
    }

    /// The oldest datagram that was not read.
    pub(crate) fn read_datagram(&mut self, transport: &mut Connection) -> Option<Bytes> {
        let datagram = transport.read_datagram()?;
        self.stats.datagrams_read += 1;
        Some(datagram)
    }

    /// Copies those that were not read to the end of `batch`.
    pub(crate) fn read_datagrams(&mut self, transport: &mut Connection, batch: &mut DatagramBatch) {
        let before = batch.len();
        transport.take_datagrams(|datagram| {
            batch.push(datagram);
            true
        });
        self.stats.datagrams_read += (batch.len() - before) as u64;
    }

    /// Closes the connection with a code and a message, whose first bytes are sent.
    pub(crate) fn close(&mut self, transport: &mut Connection, now: Instant, code: u32, reason: &str) {
        if !self.is_over {
            let fits = |end: &usize| reason.is_char_boundary(*end);
            let end = (0..=MAX_REASON.min(reason.len())).rev().find(fits).unwrap_or(0);
            let said = reason.get(..end).unwrap_or_default();
            self.end(Closed::Here { code, reason: said.into() });
            transport.close(now, VarInt::from_u32(code), said.as_bytes());
        }
    }

    /// What it has done so far; `None` if it is over. All datagrams of its connection are its own.
    pub(crate) fn stats(&self, datagrams: DatagramStats) -> Option<SessionStats> {
        let DatagramStats { received, dropped_unread, .. } = datagrams;
        let stats = SessionStats { datagrams_received: received, datagrams_dropped: dropped_unread, ..self.stats };
        (!self.is_over).then_some(stats)
    }
}

/// Ends what this side sends on a stream.
pub(crate) fn finish(transport: &mut Connection, id: StreamId) -> Result<(), StreamError> {
    transport.finish(id).map_err(write_error)
}

/// How soon a stream is sent.
pub(crate) fn prioritize(transport: &mut Connection, id: StreamId, urgency: u8, incremental: bool) {
    transport.set_stream_priority(id, StreamPriority::new(urgency, incremental));
}

fn write_error(error: WriteError) -> StreamError {
    match error {
        WriteError::Stopped(code) => StreamError::Stopped(small(code)),
        WriteError::Finished | WriteError::Unknown => StreamError::Ended,
    }
}

/// The message of a close as it was said: the transport tells it made printable, as [`slice::escape_ascii`] does.
fn unescaped(printable: &str) -> String {
    let (mut said, mut rest) = (Vec::with_capacity(printable.len()), printable.as_bytes());
    while let [first, behind @ ..] = rest {
        let (byte, left) = match (first, behind) {
            (b'\\', [b'x', high, low, left @ ..]) => (hex(*high) << 4 | hex(*low), left),
            (b'\\', [b't', left @ ..]) => (b'\t', left),
            (b'\\', [b'r', left @ ..]) => (b'\r', left),
            (b'\\', [b'n', left @ ..]) => (b'\n', left),
            (b'\\', [itself, left @ ..]) => (*itself, left),
            (byte, left) => (*byte, left),
        };
        said.push(byte);
        rest = left;
    }
    String::from_utf8_lossy(&said).into_owned()
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).map_or(0, |value| value as u8)
}

fn small(code: VarInt) -> Option<u32> {
    u32::try_from(code.value()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_as_they_were_said() {
        for said in ["", "so", "ende gut, alles gut: öäü ß \u{1f980}", "a\tb\r\n\0'\"\\x41\\", "\\", "\\\\n"] {
            assert_eq!(unescaped(&said.as_bytes().escape_ascii().to_string()), said);
        }
        assert_eq!(unescaped("\\"), "\\");
        assert_eq!(unescaped("\\xff"), "\u{fffd}");
    }

    /// C4 and M19: who opens streams and gives them up at once fills nothing, though nobody takes them.
    #[test]
    fn streams_that_are_given_up_before_they_are_taken_are_not_kept() {
        let mut raw = RawSession::default();
        let code = VarInt::from_u32(1);
        for index in 0..1000 {
            let uni = number(index * 4 + 2);
            let bidi = number(index * 4);
            for event in [
                quic::StreamEvent::Opened(uni),
                quic::StreamEvent::Reset { id: uni, code, size: 0 },
                quic::StreamEvent::Opened(bidi),
                quic::StreamEvent::Reset { id: bidi, code, size: 0 },
                quic::StreamEvent::Stopped { id: bidi, code },
            ] {
                raw.on_transport(&quic::Event::Stream(event, 0));
            }
            while raw.poll_event().is_some() {}
        }
        assert_eq!((raw.arrived[0].len(), raw.arrived[1].len(), raw.resets.len(), raw.stopped.len()), (0, 0, 0, 0));
    }

    #[test]
    fn the_end_is_told_once_and_nothing_of_before_is() {
        let mut raw = RawSession::default();
        let id = StreamId::from_varint(VarInt::from_u32(4));
        raw.on_transport(&quic::Event::Stream(quic::StreamEvent::Opened(id), 0));
        raw.on_transport(&quic::Event::Stream(quic::StreamEvent::Stopped { id, code: VarInt::MAX }, 0));
        assert_eq!(raw.poll_event(), Some(Event::Session(ID, SessionEvent::Incoming(Direction::Bidirectional))));
        let too_large = CloseReason::PeerApplication { code: VarInt::MAX, reason: String::new() };
        raw.on_closed(&too_large);
        raw.on_closed(&CloseReason::StatelessReset);
        raw.on_over();
        raw.on_going_away();
        let told = std::iter::from_fn(|| raw.poll_event()).collect::<Vec<_>>();
        let end = SessionEvent::Closed(Closed::Connection);
        assert_eq!(told, [Event::Session(ID, end), Event::Session(ID, SessionEvent::Settled)]);
        assert_eq!(
            (raw.accept(Direction::Bidirectional), raw.take_stopped(id), raw.stats(DatagramStats::default())),
            (None, None, None)
        );
    }

    /// What is kept of a stop is kept for streams that nobody has taken, and once.
    #[test]
    fn stops_are_kept_for_streams_that_wait() {
        let mut raw = RawSession::default();
        let stopped = |index: u32| quic::StreamEvent::Stopped { id: number(index), code: VarInt::from_u32(7) };
        raw.on_transport(&quic::Event::Stream(stopped(1), 0));
        raw.on_transport(&quic::Event::Stream(quic::StreamEvent::Opened(number(0)), 0));
        raw.on_transport(&quic::Event::Stream(stopped(0), 0));
        assert_eq!(raw.stopped.len(), 1);
        assert_eq!(raw.accept(Direction::Bidirectional), Some(number(0)));
        assert_eq!((raw.take_stopped(number(0)), raw.take_stopped(number(0))), (Some(Some(7)), None));
    }

    fn number(value: u32) -> StreamId {
        StreamId::from_varint(VarInt::from_u32(value))
    }
}
