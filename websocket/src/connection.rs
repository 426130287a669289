//! One end of a WebSocket, once its handshake is over: the conductor.

use crate::close_code::CloseCode;
use crate::config::Config;
use crate::event::{Closing, Event};
use crate::mask::Keys;
use crate::message::{Close, Message};
use crate::reader::{Reader, Received};
use crate::violation::Violation;
use crate::writer::{LEAST_ROOM, Writer};
use alloc::boxed::Box;
use base::{Bytes, Demand, Instant, Outgoing, Random, Side, StreamMachine};
use core::fmt;

/// One end of a WebSocket. It is a [`StreamMachine`]: what it reads and writes are the bytes behind the handshake of HTTP/1.1, or
/// in the tunnel of an extended CONNECT.
#[derive(Debug)]
pub struct Connection {
    side: Side,
    config: Config,
    reader: Reader,
    writer: Writer,
    /// A message that the application was not told of yet. Until then nothing is read.
    message: Option<Message>,
    /// A message of so many bytes waits with whoever sends it.
    wants_room: Option<usize>,
    /// How it ended, once it has.
    closing: Option<Closing>,
    is_told: bool,
    /// The peer has said Close.
    has_heard_close: bool,
    /// Messages that come are dropped: nobody reads them.
    is_unread: bool,
    input_is_over: bool,
    output_is_over: bool,
    /// The peer is gone, or has taken too long for its end.
    is_given_up: bool,
    clocks: Clocks,
}

/// Since when something is waited for.
#[derive(Debug)]
struct Clocks {
    /// Something was heard of the peer.
    heard: Instant,
    /// A Ping waits for any answer.
    pinged: Option<Instant>,
    /// Something waits to be sent, and nothing was taken.
    stuck: Option<Instant>,
    /// A Close is to be sent, and what was to be sent before it: all of that, and the peer's end, takes no longer than the rest.
    closing: Option<Instant>,
}

/// Why a message is not taken to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// Others wait. [`Event::Room`] is told when there is room.
    Full,
    /// The connection is closed, or is about to be.
    Closed,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendError::Full => "too many messages wait to be sent on the WebSocket",
            SendError::Closed => "the WebSocket is closed",
        })
    }
}

impl core::error::Error for SendError {}

impl Connection {
    /// A server's end.
    pub fn server(config: Config, now: Instant) -> Connection {
        Connection::new(Side::Server, config, None, now)
    }

    /// A client's end, whose frames are masked with keys out of `random`: it has to be one that nobody can predict.
    pub fn client(config: Config, random: Box<dyn Random>, now: Instant) -> Connection {
        Connection::new(Side::Client, config, Some(Keys::new(random)), now)
    }

    fn new(side: Side, config: Config, keys: Option<Keys>, now: Instant) -> Connection {
        Connection {
            side,
            config,
            reader: Reader::new(side.peer(), config.limits),
            writer: Writer::new(keys, config.limits),
            message: None,
            wants_room: None,
            closing: None,
            is_told: false,
            has_heard_close: false,
            is_unread: false,
            input_is_over: false,
            output_is_over: false,
            is_given_up: false,
            clocks: Clocks { heard: now, pinged: None, stuck: None, closing: None },
        }
    }

    /// Whether a message of `len` bytes can be sent now; if not, [`Event::Room`] is told when there is room.
    ///
    /// # Errors
    /// [`SendError::Closed`], and [`SendError::Full`].
    pub fn room(&mut self, len: usize) -> Result<(), SendError> {
        // RFC 6455 section 5.5.1-5, 6.1-2.
        if self.closing.is_some() || self.writer.is_closing() {
            return Err(SendError::Closed);
        }
        if !self.writer.has_room(len) {
            self.wants_room = Some(len);
            return Err(SendError::Full);
        }
        Ok(())
    }

    /// Sends a message.
    ///
    /// # Errors
    /// As for [`Connection::room`]. Nothing of it is sent.
    pub fn send(&mut self, now: Instant, message: Message) -> Result<(), SendError> {
        self.room(message.len())?;
        self.writer.push(message);
        self.watch_output(now);
        Ok(())
    }

    /// Says that this end is done: after the messages that wait, a Close. Messages of the peer still come until it answers.
    ///
    /// RFC 6455 section 7.1.2-1.
    pub fn close(&mut self, now: Instant, close: Close) {
        self.writer.close(close);
        self.clocks.closing.get_or_insert(now);
        self.watch_output(now);
    }

    /// Nobody reads the messages that come any more.
    pub fn stop_reading(&mut self) {
        self.is_unread = true;
        self.message = None;
    }

    /// What has happened.
    pub fn poll_event(&mut self, now: Instant) -> Option<Event> {
        if let Some(message) = self.message.take() {
            // What was held back meanwhile was not the peer's silence.
            (self.clocks.heard, self.clocks.pinged) = (now, None);
            return Some(Event::Message(message));
        }
        if self.wants_room.take_if(|len| self.writer.has_room(*len)).is_some() {
            return Some(Event::Room);
        }
        let closing = self.closing.as_ref().filter(|_| !self.is_told)?;
        self.is_told = true;
        Some(Event::Closed(closing.clone()))
    }

    /// How it ended, once it has.
    pub const fn closing(&self) -> Option<&Closing> {
        self.closing.as_ref()
    }

    /// Bytes that are held: of messages and answers to Pings that wait to be sent, and of one that comes or was not read.
    pub fn held(&self) -> usize {
        self.writer.unsent()
            + self.writer.answers()
            + self.reader.held()
            + self.message.as_ref().map_or(0, Message::len)
    }

    /// Takes in bytes, and says how many: up to the end of a message that the application has to be told of first.
    pub fn take(&mut self, now: Instant, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() && self.message.is_none() {
            (self.clocks.heard, self.clocks.pinged) = (now, None);
            // RFC 6455 section 7.1.1-1, 7.1.7-5: what follows a Close, or a breach, is thrown away.
            if self.has_heard_close || self.closing.is_some() {
                return bytes.len();
            }
            match self.reader.take(&bytes[taken..]) {
                Ok((count, received)) => {
                    taken += count;
                    if let Some(received) = received {
                        self.on_received(now, received);
                    }
                }
                Err(violation) => self.fail(now, violation),
            }
        }
        taken
    }

    fn on_received(&mut self, now: Instant, received: Received) {
        match received {
            Received::Message(message) if self.is_unread => drop(message),
            Received::Message(message) => self.message = Some(message),
            Received::Pong => {}
            Received::Ping(content) => {
                if !self.writer.has_sent_close() {
                    self.writer.pong(content);
                }
            }
            Received::Close(close) => {
                self.has_heard_close = true;
                // RFC 6455 section 5.5.1-6, 5.5.1-7: the code goes back.
                let code = close.code;
                self.writer.close_now(Close { code, ..Close::unsaid() });
                self.clocks.closing.get_or_insert(now);
                self.closing.get_or_insert(Closing::Clean(close));
            }
        }
        self.watch_output(now);
    }

    /// RFC 6455 section 7.1.7-1, 7.1.7-2, 7.1.7-3, 10.7-3.
    fn fail(&mut self, now: Instant, violation: Violation) {
        self.closing = Some(Closing::Violation(violation));
        self.writer.close_now(Close::new(violation.code(), violation.reason()));
        self.clocks.closing.get_or_insert(now);
        self.watch_output(now);
    }

    /// The next bytes to send, at most `room`.
    pub fn next(&mut self, now: Instant, room: usize) -> Option<Bytes> {
        let bytes = self.writer.next(room)?;
        self.clocks.stuck = self.writer.has_output().then_some(now);
        Some(bytes)
    }

    /// What [`Connection::next`] gave is not all on its way: so much of it is `left` of `before` bytes, because the carrier takes no more
    /// for now. A carrier that takes the bytes at once needs no such call.
    pub fn on_written(&mut self, now: Instant, before: usize, left: usize) {
        if left > 0 && left == before {
            self.clocks.stuck.get_or_insert(now);
        } else {
            self.clocks.stuck = (left > 0 || self.writer.has_output()).then_some(now);
        }
    }

    /// Whether our direction is to be ended, because everything was said.
    ///
    /// RFC 6455 section 5.5.1-9, 5.5.1-10, 7.1.1-3, 7.1.1-5, 7.1.2-2: a server ends first.
    pub fn wants_end(&self) -> bool {
        let has_failed = matches!(self.closing, Some(Closing::Violation(_)));
        let is_closed = self.has_heard_close && (self.side == Side::Server || self.input_is_over);
        let is_cut = self.input_is_over && !self.writer.has_output();
        (self.writer.has_sent_close() && (has_failed || is_closed)) || is_cut
    }

    /// Something may wait to be sent from now on.
    fn watch_output(&mut self, now: Instant) {
        if self.writer.has_output() {
            self.clocks.stuck.get_or_insert(now);
        }
    }

    /// The peer counts as gone.
    fn give_up(&mut self) {
        self.closing.get_or_insert(Closing::Silent);
        self.is_given_up = true;
    }

    /// When the peer counts as gone if nothing happens.
    fn end_of_patience(&self) -> Option<Instant> {
        let waits = [self.clocks.pinged.filter(|_| self.is_listening()), self.clocks.stuck, self.clocks.closing];
        waits.into_iter().flatten().min().map(|since| since + self.config.times.patience)
    }

    /// When a Ping is due.
    fn ping_due(&self) -> Option<Instant> {
        let may_ping = self.is_listening() && self.clocks.pinged.is_none() && !self.writer.is_closing();
        may_ping.then(|| self.clocks.heard + self.config.times.ping_after)
    }

    /// Whether the peer's silence is its own.
    fn is_listening(&self) -> bool {
        self.closing.is_none() && self.message.is_none()
    }

    fn is_over(&self) -> bool {
        self.is_given_up || (self.input_is_over && self.output_is_over)
    }
}

impl StreamMachine for Connection {
    fn demand(&self) -> Demand {
        if self.is_given_up {
            Demand::Reset
        } else if self.message.is_some() {
            Demand::Pause
        } else {
            Demand::More
        }
    }

    fn receive(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.take(now, bytes)
    }

    /// RFC 6455 section 7.2.1-2.
    fn on_end(&mut self, now: Instant, _left: &[u8]) {
        self.input_is_over = true;
        if self.closing.is_none() {
            self.closing = Some(Closing::BrokenOff);
            // Whoever ends like this may still read.
            self.writer.close_now(Close::new(CloseCode::PROTOCOL_ERROR, "the stream ended without a Close frame"));
            self.clocks.closing.get_or_insert(now);
            self.watch_output(now);
        }
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Outgoing {
        if let Some(bytes) = self.next(now, buffer.len()) {
            buffer[..bytes.len()].copy_from_slice(&bytes);
            return Outgoing::Bytes(bytes.len());
        }
        if self.wants_end() {
            self.output_is_over = true;
            return Outgoing::End;
        }
        Outgoing::Nothing
    }

    fn on_reset(&mut self, _now: Instant) {
        self.closing.get_or_insert(Closing::BrokenOff);
        self.is_given_up = true;
    }

    fn deadline(&self) -> Option<Instant> {
        if self.is_over() {
            return None;
        }
        let due = [self.end_of_patience(), self.ping_due()].into_iter().flatten().min();
        due.filter(|due| *due != Instant::MAX)
    }

    /// RFC 6455 section 5.5.2-4, 7.1.1-4.
    fn on_timeout(&mut self, now: Instant) {
        if self.is_over() {
            return;
        }
        if self.end_of_patience().is_some_and(|due| due <= now) {
            return self.give_up();
        }
        if self.ping_due().is_some_and(|due| due <= now) {
            self.clocks.pinged = Some(now);
            self.writer.ping();
            self.watch_output(now);
        }
    }
}

const _: () = assert!(LEAST_ROOM <= base::STREAM_UNIT, "a driver has room for control frames");
