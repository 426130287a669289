//! One stream: what has come of the peer's message, what waits to be sent of ours, and both windows.

use crate::frame::MAX_31;
use crate::violation::Violation;
use alloc::collections::VecDeque;
use base::{Bytes, Instant};
use core::fmt;
use http::exchange::{Content, ReceivePhase, Receiving, SendPhase, Sending};
use http::pace::{Delivery, Taking, Waiting};
use http::{Fields, Method, Priority};

/// Names a stream, and the exchange on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamNumber(pub(crate) u32);

impl StreamNumber {
    /// The number on the wire: odd, from 1.
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Display for StreamNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stream {}", self.0)
    }
}

/// A stream that is open, or half closed.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Of the request.
    pub(crate) method: Method,
    pub(crate) receiving: Receiving,
    /// The peer has ended its side.
    pub(crate) is_received: bool,
    pub(crate) content: Content,
    pub(crate) trailers: Option<Fields>,
    /// The application was told of content, and has not yet read until there was none.
    pub(crate) is_told: bool,
    /// Bytes that the peer may still send, and those that were read for which it was not yet given new ones.
    window_in: u32,
    credit: u32,
    pub(crate) sending: Sending,
    /// What waits, and the end behind it.
    unsent: VecDeque<Bytes>,
    unsent_len: usize,
    pub(crate) end: End,
    /// RFC 9113 section 6.9.2-2: it may be below zero.
    pub(crate) window_out: i64,
    pub(crate) wants_room: bool,
    pub(crate) priority: Priority,
    /// Where it stands among the streams that have something to send.
    pub(crate) turn: Option<(u8, u64)>,
    pub(crate) informational: u32,
    pub(crate) waiting: Waiting,
    pub(crate) taking: Taking,
    pub(crate) may_be_slow: bool,
    /// When a client is told that the rest of a request that was answered is not needed.
    pub(crate) rest_until: Option<Instant>,
    /// Bytes that came and that nobody wanted.
    pub(crate) discarded: u64,
    written: u64,
}

/// What comes behind the content that waits.
#[derive(Debug)]
pub(crate) enum End {
    /// More content, perhaps.
    Open,
    /// END_STREAM, after these trailers if there are any.
    Due(Option<Fields>),
    /// Nothing: it was sent.
    Sent,
}

impl Stream {
    pub(crate) fn new(method: Method, window_in: u32, window_out: u32) -> Stream {
        Stream {
            method,
            receiving: Receiving::new(),
            is_received: false,
            content: Content::default(),
            trailers: None,
            is_told: false,
            window_in,
            credit: 0,
            sending: Sending::new(),
            unsent: VecDeque::new(),
            unsent_len: 0,
            end: End::Open,
            window_out: i64::from(window_out),
            wants_room: false,
            priority: Priority::default(),
            turn: None,
            informational: 0,
            waiting: Waiting::default(),
            taking: Taking::default(),
            may_be_slow: false,
            rest_until: None,
            discarded: 0,
            written: 0,
        }
    }

    // In.

    /// So many bytes of the window were used.
    pub(crate) fn on_data(&mut self, len: usize) -> Result<(), Violation> {
        let left = u32::try_from(len).ok().and_then(|len| self.window_in.checked_sub(len));
        self.window_in = left.ok_or(Violation::WindowExceeded)?;
        Ok(())
    }

    /// The peer may send so many bytes; by how much that is more than before.
    pub(crate) fn widen_in(&mut self, window: u32) -> Option<u32> {
        let more = window.checked_sub(self.window_in).filter(|more| *more > 0)?;
        self.window_in = window;
        Some(more)
    }

    /// So many bytes need not be held any more. What the peer is to be given for them, if it is worth a frame.
    pub(crate) fn on_read(&mut self, len: usize, window: u32) -> Option<u32> {
        self.credit = self.credit.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
        if self.is_received || self.credit < window / 2 {
            return None;
        }
        self.window_in += self.credit;
        Some(core::mem::take(&mut self.credit))
    }

    /// Whether the application has given up what comes.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.receiving.phase() == ReceivePhase::Abandoned
    }

    // Out.

    /// Bytes that wait.
    pub(crate) const fn unsent_len(&self) -> usize {
        self.unsent_len
    }

    pub(crate) fn push(&mut self, data: Bytes) {
        if !data.is_empty() {
            self.unsent_len += data.len();
            self.written += data.len() as u64;
            self.unsent.push_back(data);
        }
    }

    /// Moves at most as many bytes as `room` is long to its front, and says how many.
    pub(crate) fn take(&mut self, room: &mut [u8]) -> usize {
        let mut taken = 0;
        while let Some(piece) = self.unsent.front_mut() {
            let rest = room.get_mut(taken..).unwrap_or_default();
            let count = piece.len().min(rest.len());
            if count == 0 {
                break;
            }
            let (to, from) = (rest.get_mut(..count), piece.as_slice().get(..count));
            to.zip(from).map(|(to, from)| to.copy_from_slice(from)).expect("both are as long as the shorter one");
            taken += count;
            piece.advance(count);
            if piece.is_empty() {
                self.unsent.pop_front();
            }
        }
        self.unsent_len -= taken;
        taken
    }

    /// What was written, and how much of that has left.
    pub(crate) const fn delivery(&self) -> Delivery {
        Delivery { written: self.written, acknowledged: self.written - self.unsent_len as u64 }
    }

    /// Whether there is something to send that may be sent now, if the window of the connection allows it. An end without content
    /// needs no window (RFC 9113 section 6.9.1-2).
    pub(crate) fn is_ready(&self) -> bool {
        if self.unsent_len > 0 { self.window_out > 0 } else { matches!(self.end, End::Due(_)) }
    }

    /// The peer gives so many bytes more. RFC 9113 section 6.9.1-4.
    pub(crate) fn widen(&mut self, increment: i64) -> Result<(), Violation> {
        let window = self.window_out + increment;
        if window > i64::from(MAX_31) {
            return Err(Violation::WindowOverflow);
        }
        self.window_out = window;
        Ok(())
    }

    /// Nothing more of ours is sent.
    pub(crate) fn drop_unsent(&mut self) {
        self.unsent.clear();
        self.written -= self.unsent_len as u64;
        self.unsent_len = 0;
        self.end = End::Sent;
    }

    /// Whether both messages are over, on the wire and for the application.
    pub(crate) fn is_over(&self) -> bool {
        let is_sent =
            matches!(self.end, End::Sent) && matches!(self.sending.phase(), SendPhase::Ended | SendPhase::Stopped(_));
        is_sent && self.is_received && self.receiving.has_ended()
    }
}
