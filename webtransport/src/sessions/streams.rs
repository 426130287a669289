//! What the application does with the streams of a session.

use super::state::{Sessions, reset};
use crate::codes;
use crate::session::Phase;
use crate::stream::{End, SendState, Stream};
use alloc::boxed::Box;
use base::{Bytes, Direction, StreamId};
use core::fmt;
use h3::{Read, Transport, WriteError};

/// Why a stream was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// Not now: [`CanOpen`](crate::SessionEvent::CanOpen) tells when to try again.
    Blocked,
    /// The session is over.
    Gone,
}

/// Why nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// The other end wants no more, for this reason if it is one of an application.
    Stopped(Option<u32>),
    /// This side has ended the stream, or its session is over.
    Ended,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StreamError::Stopped(Some(code)) => write!(f, "the other end wants no more of the stream (code {code})"),
            StreamError::Stopped(None) => f.write_str("the other end wants no more of the stream"),
            StreamError::Ended => f.write_str("the stream or its session has ended"),
        }
    }
}

impl core::error::Error for StreamError {}

/// What reading gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadStream {
    /// Bytes, at least one.
    Data(Bytes),
    /// There is no more.
    Finished,
    /// The other end gave it up, for this reason if it is one of an application.
    Reset(Option<u32>),
    /// Nothing for now.
    Blocked,
    /// This side wanted no more, or the session is over.
    Gone,
}

impl Sessions {
    /// Opens a stream.
    ///
    /// # Errors
    /// The other end allows no more for now, or the session is over.
    pub fn open(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        session: StreamId,
        direction: Direction,
    ) -> Result<StreamId, OpenError> {
        let of = session;
        let session =
            self.sessions.get_mut(&of).filter(|session| session.phase == Phase::Open).ok_or(OpenError::Gone)?;
        let opened = if session.may_open(direction) { transport.open(direction) } else { None };
        let Some(id) = opened else {
            session.await_stream(direction);
            self.flush(http, transport, of);
            return Err(OpenError::Blocked);
        };
        session.on_opened(id);
        http.adopt_data_stream(id);
        self.streams.insert(id, Box::new(Stream::of_ours(of, direction)));
        // A stream that was opened just now cannot have been stopped.
        let _ = self.flush_header(transport, id);
        Ok(id)
    }

    /// The oldest stream that the other end opened and nobody has taken.
    pub fn accept(&mut self, session: StreamId, direction: Direction) -> Option<StreamId> {
        self.sessions.get_mut(&session)?.take_arrived(direction)
    }

    /// Whether the other end wants no more of a stream, and its code if it is one of an application. The event about it may have come
    /// before the stream was [accepted](Sessions::accept).
    pub fn stopped(&self, id: StreamId) -> Option<Option<u32>> {
        self.streams.get(&id)?.send.as_ref()?.stopped
    }

    /// Sends as much of `data` as fits, and drops that from its front. After it left something, [`Writable`] tells when there is room.
    ///
    /// # Errors
    /// Nothing more can be sent on it.
    ///
    /// [`Writable`]: crate::StreamEvent::Writable
    pub fn write(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        data: &mut Bytes,
    ) -> Result<(), StreamError> {
        let has_begun = self.flush_header(transport, id)?;
        while has_begun && !data.is_empty() {
            let stream = self.streams.get_mut(&id).ok_or(StreamError::Ended)?;
            let session = self.sessions.get_mut(&stream.session).ok_or(StreamError::Ended)?;
            let send = stream.send.as_mut().ok_or(StreamError::Ended)?;
            let allowed = session.may_send(id, data.len());
            if allowed == 0 {
                let of = stream.session;
                self.flush(http, transport, of);
                break;
            }
            let room = transport.room(id, allowed).map_err(error)?;
            if room == 0 {
                break;
            }
            let mut piece = data.split_to(room);
            transport.write(id, &mut piece).map_err(error)?;
            assert!(piece.is_empty(), "a transport takes what it says that it has room for");
            send.written += room as u64;
            session.on_written(room);
        }
        Ok(())
    }

    /// Hands the beginning of a stream over. Whether all of it is.
    fn flush_header(&mut self, transport: &mut impl Transport, id: StreamId) -> Result<bool, StreamError> {
        let send = self.streams.get_mut(&id).and_then(|stream| stream.send.as_mut()).ok_or(StreamError::Ended)?;
        if let Some(code) = send.stopped {
            return Err(StreamError::Stopped(code));
        }
        if !matches!(send.state, SendState::Open | SendState::Finishing) {
            return Err(StreamError::Ended);
        }
        if !send.header.is_empty() {
            transport.write(id, &mut send.header).map_err(error)?;
        }
        Ok(send.header.is_empty())
    }

    /// Ends what this side sends on a stream: the other end will know that all has arrived.
    ///
    /// # Errors
    /// It has ended before.
    pub fn finish_stream(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
    ) -> Result<(), StreamError> {
        let has_begun = self.flush_header(transport, id)?;
        let send = self.streams.get_mut(&id).and_then(|stream| stream.send.as_mut()).ok_or(StreamError::Ended)?;
        send.state = SendState::Finishing;
        if has_begun {
            transport.finish(id);
            send.state = SendState::Finished;
        }
        self.forget_if_over(http, transport, id);
        Ok(())
    }

    /// Gives up what this side sends on a stream. Does nothing if that has ended.
    ///
    /// draft-ietf-webtrans-http3 section 4.4-1, 4.4-2, 4.4-3.
    pub fn reset_stream(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId, code: u32) {
        let sent = transport.sent(id);
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let Some(send) = stream.send.as_mut().filter(|send| send.state != SendState::Over) else { return };
        reset(transport, id, send.header.is_empty(), send.header_len, codes::to_wire(code));
        send.state = SendState::Over;
        let unsent = send.unsent(sent);
        if let Some(session) = self.sessions.get_mut(&stream.session) {
            session.on_unsent(unsent);
            session.wants_data.remove(&id);
        }
        self.forget_if_over(http, transport, id);
    }

    /// The next content of a stream, at most `max` bytes.
    pub fn read(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        max: usize,
    ) -> ReadStream {
        self.count(http, transport, id);
        let Some(receive) = self.streams.get_mut(&id).and_then(|stream| stream.receive.as_mut()) else {
            return ReadStream::Gone;
        };
        match receive.end {
            Some(End::Finished) => return ReadStream::Finished,
            Some(End::Reset(code)) => return self.take_reset(http, transport, id, code),
            Some(End::Stopped) => return ReadStream::Gone,
            None if receive.is_unwanted => return ReadStream::Gone,
            None => {}
        }
        let max = max.max(1);
        let read =
            if receive.ahead.is_empty() { transport.read(id, max) } else { Read::Data(receive.ahead.split_to(max)) };
        match read {
            Read::Data(bytes) => {
                receive.on_read(bytes.len());
                self.on_content_read(http, transport, id, bytes.len());
                ReadStream::Data(bytes)
            }
            Read::Blocked => ReadStream::Blocked,
            Read::Finished => {
                self.end_receiving(http, transport, id, End::Finished);
                ReadStream::Finished
            }
            Read::Reset(code) => {
                let code = codes::from_wire(code);
                self.end_receiving(http, transport, id, End::Reset(code));
                self.take_reset(http, transport, id, code)
            }
        }
    }

    /// A reset is told once by reading; the stream may be over with that.
    fn take_reset(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        code: Option<u32>,
    ) -> ReadStream {
        if let Some(receive) = self.streams.get_mut(&id).and_then(|stream| stream.receive.as_mut()) {
            receive.has_news = false;
        }
        self.forget_if_over(http, transport, id);
        ReadStream::Reset(code)
    }

    /// Asks the other end to send no more on a stream. What comes all the same is dropped. Does nothing if all has come.
    pub fn stop_stream(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId, code: u32) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let (of, Some(receive)) = (stream.session, stream.receive.as_mut()) else { return };
        if receive.is_unwanted || receive.end == Some(End::Stopped) {
            return;
        }
        if receive.end.is_some() {
            receive.has_news = false;
            return self.forget_if_over(http, transport, id);
        }
        receive.is_unwanted = true;
        let code = codes::to_wire(code);
        if self.sessions.get(&of).is_some_and(|session| session.counts_bytes()) {
            // Its bytes count, so its end has to be known.
            transport.ask_to_stop(id, code);
            self.drop_content(http, transport, id);
        } else {
            transport.stop_sending(id, code);
            self.end_receiving(http, transport, id, End::Stopped);
        }
    }
}

fn error(error: WriteError) -> StreamError {
    match error {
        WriteError::Stopped(code) => StreamError::Stopped(codes::from_wire(code)),
        WriteError::Closed => StreamError::Ended,
    }
}
