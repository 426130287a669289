//! A stream of a session, as both ends have it: frames that come, and bytes that wait to be sent.

use crate::code::ErrorCode;
use crate::frame::{Frame, FrameError, FrameReader};
use alloc::collections::VecDeque;
use base::Bytes;

/// What is next to be done with the sending side of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToSend {
    /// Send this.
    Bytes(Bytes),
    /// All was sent: end it.
    Finish,
    /// All was sent: end it, and tell the peer by this code to send no more.
    Refuse(ErrorCode),
    /// Give it up by this code, both ways.
    Reset(ErrorCode),
}

/// How the sending side ends, once all is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Finish,
    Refuse(ErrorCode),
    Reset(ErrorCode),
    /// It was told already.
    Told,
}

/// Bytes in and out of a stream.
#[derive(Debug)]
pub(super) struct Stream {
    reader: FrameReader,
    unsent: VecDeque<Bytes>,
    unsent_bytes: usize,
    ending: Option<Ending>,
    /// The peer sends no more.
    pub(super) is_finished: bool,
}

impl Stream {
    pub(super) fn new(max_frame: usize) -> Stream {
        let (unsent, reader) = (VecDeque::new(), FrameReader::new(max_frame));
        Stream { reader, unsent, unsent_bytes: 0, ending: None, is_finished: false }
    }

    pub(super) fn set_max_frame(&mut self, max_frame: usize) {
        self.reader.set_limit(max_frame);
    }

    pub(super) fn push(&mut self, bytes: Bytes) {
        self.reader.push(bytes);
    }

    pub(super) fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        match self.reader.next_frame()? {
            None if self.is_finished => self.reader.finish().map(|()| None),
            next => Ok(next),
        }
    }

    /// Bytes that were taken and belong to no frame yet that was.
    pub(super) fn held(&self) -> usize {
        self.reader.held()
    }

    pub(super) fn send(&mut self, frame: &Frame) {
        if self.ending.is_none() {
            let bytes = frame.encoded();
            self.unsent_bytes += bytes.len();
            self.unsent.push_back(bytes);
        }
    }

    pub(super) fn unsent(&self) -> usize {
        self.unsent_bytes
    }

    pub(super) fn finish(&mut self) {
        self.ending = self.ending.or(Some(Ending::Finish));
    }

    pub(super) fn refuse(&mut self, code: ErrorCode) {
        self.ending = self.ending.or(Some(Ending::Refuse(code)));
    }

    pub(super) fn reset(&mut self, code: ErrorCode) {
        if self.ending != Some(Ending::Told) {
            self.ending = Some(Ending::Reset(code));
        }
        self.unsent.clear();
        self.unsent_bytes = 0;
    }

    /// Nothing more is sent after what waits.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    /// All is sent, and its end was told.
    pub(super) fn is_done(&self) -> bool {
        self.ending == Some(Ending::Told)
    }

    pub(super) fn poll_send(&mut self) -> Option<ToSend> {
        if let Some(bytes) = self.unsent.pop_front() {
            self.unsent_bytes -= bytes.len();
            return Some(ToSend::Bytes(bytes));
        }
        let to_send = match self.ending? {
            Ending::Finish => ToSend::Finish,
            Ending::Refuse(code) => ToSend::Refuse(code),
            Ending::Reset(code) => ToSend::Reset(code),
            Ending::Told => return None,
        };
        self.ending = Some(Ending::Told);
        Some(to_send)
    }
}
