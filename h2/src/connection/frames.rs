//! Frames out of bytes, and each to where it belongs.

use super::state::{Connection, PREFACE};
use crate::event::Closing;
use crate::frame::{ACK, HEADER_LEN, Header, Kind, MAX_FRAME_LEN};
use crate::violation::{Scope, Violation};
use alloc::vec::Vec;
use base::Instant;
use http::exchange::{Event, Reason};

impl Connection {
    /// Takes whole frames from the front, and says how many bytes they were.
    pub(crate) fn take_in(&mut self, now: Instant, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            if self.state.is_ending || self.state.is_broken {
                // Nothing of it matters any more.
                return bytes.len();
            }
            match self.take_one(now, rest) {
                Ok(0) => break,
                Ok(count) => taken += count,
                Err(violation) => self.fail(now, violation),
            }
        }
        taken
    }

    fn take_one(&mut self, now: Instant, bytes: &[u8]) -> Result<usize, Violation> {
        if let Some(wanted) = PREFACE.get(self.state.preface..).filter(|wanted| !wanted.is_empty()) {
            return self.take_preface(bytes, wanted);
        }
        let Some(header) = Header::read(bytes) else { return Ok(0) };
        // RFC 9113 section 4.2-1, 4.2-2, 4.2-3.
        if header.len > MAX_FRAME_LEN {
            return Err(Violation::FrameTooLarge);
        }
        let end = HEADER_LEN + header.len;
        let Some(payload) = bytes.get(HEADER_LEN..end) else { return Ok(0) };
        self.on_frame(now, header, payload)?;
        Ok(end)
    }

    /// RFC 9113 section 3.4-4.
    fn take_preface(&mut self, bytes: &[u8], wanted: &[u8]) -> Result<usize, Violation> {
        let len = bytes.len().min(wanted.len());
        if bytes.get(..len) != wanted.get(..len) {
            return Err(Violation::Preface);
        }
        self.state.preface += len;
        Ok(len)
    }

    /// RFC 9113 section 4.1-2, 4.1-3, 5.5-2, 5.5-3.
    fn on_frame(&mut self, now: Instant, header: Header, payload: &[u8]) -> Result<(), Violation> {
        if !self.state.has_settings && (header.kind != Kind::Settings || header.has(ACK)) {
            return Err(Violation::SettingsMissing);
        }
        if self.block.is_some() && header.kind != Kind::Continuation {
            return Err(Violation::BlockInterrupted);
        }
        let result = match header.kind {
            Kind::Data => self.on_data(now, header, payload),
            Kind::Headers => self.on_headers(now, header, payload),
            Kind::Continuation => self.on_continuation(now, header, payload),
            Kind::Priority => self.on_priority(header, payload),
            Kind::RstStream => self.on_rst_stream(now, header, payload),
            Kind::Settings => self.on_settings(header, payload),
            // RFC 9113 section 6.5.2-2, 6.6-9, 8.4-7.
            Kind::PushPromise => Err(Violation::Push),
            Kind::Ping => self.on_ping(header, payload),
            Kind::GoAway => self.on_goaway(now, header, payload),
            Kind::WindowUpdate => self.on_window_update(header, payload),
            Kind::PriorityUpdate => self.on_priority_update(header, payload),
            Kind::Unknown => self.spend(),
        };
        match result {
            Err(violation) if violation.scope() == Scope::Stream => self.fail_stream(now, header.stream, violation),
            result => result,
        }
    }

    /// The peer sends nothing more: what it has not ended it never will.
    pub(crate) fn on_peer_end(&mut self, now: Instant) {
        self.state.peer_has_ended = true;
        let numbers: Vec<u32> = self.streams.keys().copied().collect();
        for number in numbers {
            let is_incomplete = self.streams.get(&number).is_some_and(|stream| !stream.is_received);
            if is_incomplete {
                self.tell(number, Event::Reset(Reason::Incomplete));
                self.remove(now, number);
            }
        }
        if self.streams.is_empty() {
            self.end(now, Closing::Done);
        } else {
            self.state.is_draining = true;
        }
    }
}
