//! Frames about the connection: settings, pings, windows, and its end.

use super::state::Connection;
use crate::error_code::NO_ERROR;
use crate::event::{Closing, Event as Told};
use crate::frame::{self, ACK, Header, Kind, MAX_31};
use crate::violation::Violation;
use alloc::vec::Vec;
use base::{Instant, Side};
use http::exchange::{Event, Reason};

impl Connection {
    /// An answer that the peer has asked for. It decides how many there are, so they are counted until it takes them.
    fn answer(&mut self, kind: Kind, payload: &[u8]) -> Result<(), Violation> {
        self.out.answers += frame::HEADER_LEN + payload.len();
        if self.out.answers > self.config.limits.max_control {
            return Err(Violation::NotTaken);
        }
        self.send_frame(kind, ACK, 0, payload);
        Ok(())
    }

    /// RFC 9113 section 3.4-3, 6.5-2, 6.5-3, 6.5-7, 6.5-4, 6.5-6, 6.5-8, 6.5.3-1, 6.5.3-4, 6.9.2-1, 6.9.2-3.
    pub(crate) fn on_settings(&mut self, header: Header, payload: &[u8]) -> Result<(), Violation> {
        if header.stream != 0 {
            return Err(Violation::NotStreamZero);
        }
        if header.has(ACK) {
            return if payload.is_empty() { Ok(()) } else { Err(Violation::FrameLength) };
        }
        if !payload.len().is_multiple_of(6) {
            return Err(Violation::FrameLength);
        }
        if core::mem::replace(&mut self.state.has_settings, true) {
            self.spend()?;
        }
        let before = self.peer;
        let peer = if self.side == Side::Server { Side::Client } else { Side::Server };
        self.peer.apply(payload, peer)?;
        // RFC 9113 section 4.3.1-1.
        self.encoder.allow_table(usize::try_from(self.peer.header_table_size).unwrap_or(usize::MAX));
        let change = i64::from(self.peer.initial_window) - i64::from(before.initial_window);
        if change != 0 {
            self.change_windows(change)?;
        }
        // With the first it is known whether an extended CONNECT goes.
        let has_more = self.peer.max_concurrent_streams > before.max_concurrent_streams;
        let has_more = core::mem::take(&mut self.state.awaits_settings) || has_more;
        if self.side == Side::Client && has_more {
            self.events.push_back(Told::Available);
        }
        self.answer(Kind::Settings, &[])
    }

    fn change_windows(&mut self, change: i64) -> Result<(), Violation> {
        let numbers: Vec<u32> = self.streams.keys().copied().collect();
        for number in numbers {
            let stream = self.streams.get_mut(&number).expect("the numbers are those of the streams");
            stream.widen(change).map_err(|_| Violation::SettingWindow)?;
            self.requeue(number);
        }
        Ok(())
    }

    /// RFC 9113 section 6.7-1, 6.7-2, 6.7-4, 6.7-5, 6.7-6, 6.7-7.
    pub(crate) fn on_ping(&mut self, header: Header, payload: &[u8]) -> Result<(), Violation> {
        if header.stream != 0 {
            return Err(Violation::NotStreamZero);
        }
        if payload.len() != 8 {
            return Err(Violation::FrameLength);
        }
        if header.has(ACK) {
            return Ok(());
        }
        self.spend()?;
        self.answer(Kind::Ping, payload)
    }

    /// RFC 9113 section 6.8-4.
    pub(crate) fn on_goaway(&mut self, now: Instant, header: Header, payload: &[u8]) -> Result<(), Violation> {
        if header.stream != 0 {
            return Err(Violation::NotStreamZero);
        }
        let (last, rest) = payload.split_first_chunk::<4>().ok_or(Violation::FrameLength)?;
        let code = rest.first_chunk::<4>().map(|code| u32::from_be_bytes(*code)).ok_or(Violation::FrameLength)?;
        let last = u32::from_be_bytes(*last) & MAX_31;
        if self.state.goaway_received.is_some_and(|before| last > before) {
            return Err(Violation::GoAwayIncreased);
        }
        if self.state.goaway_received.replace(last).is_none() {
            self.events.push_back(Told::GoingAway);
        }
        if self.side == Side::Client {
            self.reject_above(now, last);
        }
        if code != NO_ERROR {
            self.tell_closed(Closing::Told(code));
        }
        if self.streams.is_empty() {
            self.end(now, Closing::Done);
        }
        Ok(())
    }

    /// The server did nothing with what came behind its last stream. RFC 9113 section 6.8-9.
    fn reject_above(&mut self, now: Instant, last: u32) {
        let numbers: Vec<u32> = self.streams.keys().copied().filter(|number| *number > last).collect();
        for number in numbers {
            self.tell(number, Event::Reset(Reason::Rejected));
            self.remove(now, number);
        }
    }

    /// RFC 9113 section 6.9-3, 6.9-4, 6.9-6, 6.9.1-4.
    pub(crate) fn on_window_update(&mut self, header: Header, payload: &[u8]) -> Result<(), Violation> {
        let increment = frame::number(payload).ok_or(Violation::FrameLength)? & MAX_31;
        if header.stream == 0 {
            if increment == 0 {
                return Err(Violation::ZeroConnectionIncrement);
            }
            self.out.window += i64::from(increment);
            let is_too_wide = self.out.window > i64::from(MAX_31);
            return if is_too_wide { Err(Violation::ConnectionWindowOverflow) } else { Ok(()) };
        }
        let Some(stream) = self.streams.get_mut(&header.stream) else {
            // It crosses the end of the stream: that is no breach, unless there never was one.
            return match self.on_missing(header.stream) {
                Err(Violation::ClosedStream) => self.spend(),
                result => result,
            };
        };
        if increment == 0 {
            return Err(Violation::ZeroIncrement);
        }
        stream.widen(i64::from(increment))?;
        self.requeue(header.stream);
        Ok(())
    }
}
