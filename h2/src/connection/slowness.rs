//! What a server gives up because its client is too slow with it: heads, content, responses, and connections without
//! requests.

use super::state::Connection;
use crate::error_code;
use crate::event::Closing;
use crate::stream::{Stream, StreamNumber};
use crate::violation::Violation;
use alloc::vec::Vec;
use base::{Instant, Side};
use http::exchange::{Event, SendPhase};
use http::pace::Pace;

impl Connection {
    /// The application takes the exchange to be slow by its nature: neither its content nor its response is given up.
    pub fn lift_time_limits(&mut self, number: StreamNumber) {
        if let Some(stream) = self.streams.get_mut(&number.0) {
            stream.may_be_slow = true;
        }
    }

    /// The earliest moment at which something is to be given up, or looked at.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        let clocks = &self.clocks;
        if self.side == Side::Client {
            return clocks.linger;
        }
        let times = &self.config.times;
        let block = clocks.block.and_then(|began| times.end_of_head(began));
        let quiet = clocks.quiet.and_then(|since| times.end_of_quiet(since));
        let content = self.rate_of_content().and_then(|rate| {
            let waited = self.streams.values().filter(|stream| !stream.is_received && !stream.may_be_slow);
            waited.filter_map(|stream| stream.waiting.due(rate)).min()
        });
        let rest = self.streams.values().filter_map(|stream| stream.rest_until).min();
        [block, quiet, content, rest, clocks.look, clocks.notice, clocks.linger].into_iter().flatten().min()
    }

    /// Gives up what has become too slow.
    pub(crate) fn look(&mut self, now: Instant) {
        let is_due = |moment: Option<Instant>| moment.is_some_and(|moment| moment <= now);
        if is_due(self.clocks.linger) {
            return self.break_off(Closing::Done);
        }
        if self.side == Side::Client {
            return;
        }
        let times = self.config.times;
        if is_due(self.clocks.block.and_then(|began| times.end_of_head(began))) {
            return self.fail(now, Violation::SlowHead);
        }
        if is_due(self.clocks.notice) {
            self.clocks.notice = None;
            self.end_notice(now);
        }
        if is_due(self.clocks.quiet.and_then(|since| times.end_of_quiet(since))) {
            return self.end(now, Closing::Idle);
        }
        self.look_at_content(now);
        self.look_at_rests(now);
        if is_due(self.clocks.look) {
            self.clocks.look = None;
            self.look_at_responses(now);
        }
    }

    /// The rest of a request is given up. Its answer may still be sent.
    fn look_at_content(&mut self, now: Instant) {
        let Some(rate) = self.rate_of_content() else { return };
        let is_slow = |stream: &Stream| {
            !stream.is_received && !stream.may_be_slow && stream.waiting.due(rate).is_some_and(|due| due <= now)
        };
        let slow: Vec<u32> =
            self.streams.iter().filter(|(_, stream)| is_slow(stream)).map(|(number, _)| *number).collect();
        for number in slow {
            let stream = self.streams.get_mut(&number).expect("the numbers are those of the streams");
            let is_unwanted = stream.is_unwanted();
            stream.waiting.pause(now);
            stream.waiting.earn(rate, usize::MAX);
            if !is_unwanted {
                self.tell(number, Event::SlowSender);
            }
            self.stop_receiving(now, StreamNumber(number));
        }
    }

    /// RFC 9113 section 8.1-6: nothing is wrong if the answer did not need the rest.
    fn look_at_rests(&mut self, now: Instant) {
        let is_due = |stream: &Stream| stream.rest_until.is_some_and(|until| until <= now);
        let due: Vec<u32> =
            self.streams.iter().filter(|(_, stream)| is_due(stream)).map(|(number, _)| *number).collect();
        for number in due {
            self.reset_stream(now, number, error_code::NO_ERROR);
        }
    }

    fn look_at_responses(&mut self, now: Instant) {
        let Some(rate) = self.config.times.response() else { return };
        let (mut slow, mut is_waiting) = (Vec::new(), false);
        for (number, stream) in &mut self.streams {
            let has_more = stream.wants_room && stream.sending.phase() == SendPhase::Body;
            match stream.taking.look(now, rate, stream.delivery(), has_more) {
                Pace::AtRest => {}
                Pace::TooSlow if !stream.may_be_slow => slow.push(*number),
                Pace::Waiting | Pace::TooSlow => is_waiting = true,
            }
        }
        for number in slow {
            self.forget_events(number);
            self.tell(number, Event::SlowReceiver);
            self.reset_stream(now, number, error_code::CANCEL);
        }
        if is_waiting {
            self.wait_for_reader(now);
        }
    }
}
