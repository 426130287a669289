//! What is sent: messages to frames (RFC 6455 sections 5 and 6.1).

use crate::config::Limits;
use crate::header::{Header, MAX_CONTROL, MAX_HEADER, Opcode};
use crate::mask::{self, Key, Keys};
use crate::message::{Close, Message};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use base::Bytes;

/// Bytes up to which content is copied behind its header: a piece of its own costs more than that.
const SMALL: usize = 4 << 10;
/// Answers to Pings that wait at a time.
pub(crate) const MAX_PONGS: usize = 16;
/// Bytes of the shortest room that a piece is asked for with: three control frames.
pub(crate) const LEAST_ROOM: usize = 3 * (MAX_HEADER + MAX_CONTROL);

/// Messages that wait to be sent.
#[derive(Debug)]
pub(crate) struct Writer {
    /// Of a client.
    keys: Option<Keys>,
    limits: Limits,
    messages: VecDeque<Unsent>,
    /// Bytes of them.
    unsent: usize,
    frame: Option<Frame>,
    pongs: VecDeque<Vec<u8>>,
    ping: bool,
    closing: Closing,
}

#[derive(Debug)]
struct Unsent {
    /// Of its next frame.
    opcode: Opcode,
    rest: Bytes,
}

/// The frame whose content is being sent: that of the first message.
#[derive(Debug)]
struct Frame {
    left: usize,
    at: usize,
    key: Option<Key>,
    is_last: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Closing {
    No,
    Wanted(Close),
    Sent,
}

impl Writer {
    pub(crate) fn new(keys: Option<Keys>, limits: Limits) -> Writer {
        let messages = VecDeque::new();
        Writer {
            keys,
            limits,
            messages,
            unsent: 0,
            frame: None,
            pongs: VecDeque::new(),
            ping: false,
            closing: Closing::No,
        }
    }

    /// Whether a message of `len` bytes can wait here: a single one of any length.
    pub(crate) fn has_room(&self, len: usize) -> bool {
        self.messages.is_empty() || self.unsent.saturating_add(len) <= self.limits.max_unsent
    }

    /// RFC 6455 section 6.1-4, 6.1-6.
    pub(crate) fn push(&mut self, message: Message) {
        let (opcode, rest) = match message {
            Message::Text(text) => (Opcode::Text, Bytes::from(text)),
            Message::Binary(bytes) => (Opcode::Binary, bytes),
        };
        self.unsent += rest.len();
        self.messages.push_back(Unsent { opcode, rest });
    }

    /// Answers a Ping. Of more answers than may wait, the oldest is not sent: the newer one answers for both.
    ///
    /// RFC 6455 section 5.5.3-1.
    pub(crate) fn pong(&mut self, content: Vec<u8>) {
        if self.pongs.len() == MAX_PONGS {
            self.pongs.pop_front();
        }
        self.pongs.push_back(content);
    }

    /// Asks for a sign of life.
    pub(crate) fn ping(&mut self) {
        self.ping = true;
    }

    /// A Close, after the messages that wait.
    pub(crate) fn close(&mut self, close: Close) {
        if self.closing == Closing::No {
            self.closing = Closing::Wanted(close);
        }
    }

    /// A Close as soon as the frame that is being sent is over; the messages that wait are not sent. One that was wanted before is
    /// what is said.
    ///
    /// RFC 6455 section 5.5.1-8.
    pub(crate) fn close_now(&mut self, close: Close) {
        self.close(close);
        self.messages.truncate(usize::from(self.frame.is_some()));
        if let (Some(frame), Some(message)) = (&self.frame, self.messages.front_mut()) {
            message.rest = message.rest.slice(0..frame.left);
        }
        self.unsent = self.messages.iter().map(|message| message.rest.len()).sum();
        self.pongs.clear();
        self.ping = false;
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing != Closing::No
    }

    pub(crate) fn has_sent_close(&self) -> bool {
        self.closing == Closing::Sent
    }

    /// Bytes of answers to Pings that wait.
    pub(crate) fn answers(&self) -> usize {
        self.pongs.iter().map(Vec::capacity).sum()
    }

    /// Bytes of messages that wait.
    pub(crate) const fn unsent(&self) -> usize {
        self.unsent
    }

    /// Whether something is to be sent.
    pub(crate) fn has_output(&self) -> bool {
        let has_control = !self.pongs.is_empty() || self.ping || matches!(self.closing, Closing::Wanted(_));
        self.closing != Closing::Sent && (has_control || self.frame.is_some() || !self.messages.is_empty())
    }

    /// The next bytes, at most `room`, which is [`LEAST_ROOM`] at least. A server's long content is referred to and not copied.
    pub(crate) fn next(&mut self, room: usize) -> Option<Bytes> {
        assert!(room >= LEAST_ROOM, "there is room for control frames");
        if let Some(frame) = &self.frame
            && frame.key.is_none()
            && frame.left > SMALL
        {
            return Some(self.take_content(frame.left.min(room)));
        }
        let mut out = Vec::new();
        while room - out.len() >= LEAST_ROOM && self.has_output() {
            if self.frame.is_some() {
                if self.append_content(&mut out, room) {
                    continue;
                }
                break;
            }
            self.begin_frame(&mut out);
        }
        if out.is_empty() { None } else { Some(Bytes::from(out)) }
    }

    /// What goes between two frames, and the header of the next one.
    ///
    /// RFC 6455 section 5.4-1, 5.5.2-2, 5.5.2-3.
    fn begin_frame(&mut self, out: &mut Vec<u8>) {
        if let Some(content) = self.pongs.pop_front() {
            return self.append_control(out, Opcode::Pong, &content);
        }
        if core::mem::take(&mut self.ping) {
            return self.append_control(out, Opcode::Ping, &[]);
        }
        let Some(message) = self.messages.front() else {
            if let Closing::Wanted(close) = core::mem::replace(&mut self.closing, Closing::Sent) {
                self.append_control(out, Opcode::Close, &close_content(&close));
            }
            return;
        };
        // RFC 6455 section 6.1-5, 6.1-7, 6.1-8, 5.1-1, 5.1-4.
        let left = message.rest.len().min(self.limits.fragment.max(1));
        let (opcode, is_last) = (message.opcode, left == message.rest.len());
        let key = self.keys.as_mut().map(Keys::next);
        Header { is_last, opcode, mask: key, len: left as u64 }.write(out);
        self.frame = Some(Frame { left, at: 0, key, is_last });
        self.end_frame();
    }

    fn append_control(&mut self, out: &mut Vec<u8>, opcode: Opcode, content: &[u8]) {
        let key = self.keys.as_mut().map(Keys::next);
        Header { is_last: true, opcode, mask: key, len: content.len() as u64 }.write(out);
        let start = out.len();
        out.extend_from_slice(content);
        if let Some(key) = key {
            mask::apply(key, 0, &mut out[start..]);
        }
    }

    /// Copies content of the frame, and says whether the frame is over.
    fn append_content(&mut self, out: &mut Vec<u8>, room: usize) -> bool {
        let Some(frame) = &self.frame else { return true };
        let (key, at, left) = (frame.key, frame.at, frame.left);
        if key.is_none() && left > SMALL {
            return false;
        }
        let content = self.take_content(left.min(room - out.len()));
        let start = out.len();
        out.extend_from_slice(&content);
        if let Some(key) = key {
            mask::apply(key, at, &mut out[start..]);
        }
        self.frame.is_none()
    }

    fn take_content(&mut self, count: usize) -> Bytes {
        let frame = self.frame.as_mut().expect("content is of a frame");
        let message = self.messages.front_mut().expect("a frame is of a message");
        frame.left -= count;
        frame.at += count;
        self.unsent -= count;
        let content = message.rest.split_to(count);
        self.end_frame();
        content
    }

    /// If all of the frame was sent, the next may begin.
    fn end_frame(&mut self) {
        let Some(frame) = self.frame.take_if(|frame| frame.left == 0) else { return };
        if frame.is_last {
            self.messages.pop_front();
        } else if let Some(message) = self.messages.front_mut() {
            message.opcode = Opcode::Continuation;
            if self.is_cut_short() {
                self.messages.pop_front();
            }
        }
    }

    /// Whether a message was given up in the middle: nothing is left of it but the frame that was being sent.
    fn is_cut_short(&self) -> bool {
        self.is_closing() && self.messages.front().is_some_and(|message| message.rest.is_empty())
    }
}

fn close_content(close: &Close) -> Vec<u8> {
    let mut content = Vec::new();
    if let Some(code) = close.code {
        content.extend_from_slice(&code.number().to_be_bytes());
        content.extend_from_slice(close.reason.as_bytes());
    }
    content
}
