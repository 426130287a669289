//! What a server gives up because its client is too slow with it: heads, content, responses, and connections without
//! requests.

use super::state::{Connection, Incoming};
use crate::event::Closing;
use crate::exchange::ExchangeId;
use crate::violation::Violation;
use base::{Instant, Side};
use http::exchange::{Event, SendPhase};
use http::pace::Pace;

impl Connection {
    /// The application takes the exchange to be slow by its nature: neither its content nor its response is given up.
    pub fn lift_time_limits(&mut self, id: ExchangeId) {
        if let Some(exchange) = self.exchange_mut(id) {
            exchange.may_be_slow = true;
        }
    }

    /// Gives up what has become too slow.
    pub(crate) fn look(&mut self, now: Instant) {
        let is_due = |moment: Option<Instant>| moment.is_some_and(|moment| moment <= now);
        let times = self.config.times;
        if is_due(self.clocks.linger) {
            return self.give_up(Closing::Done);
        }
        if self.side == Side::Client {
            return;
        }
        if is_due(self.clocks.notice) {
            self.clocks.notice = None;
            if self.current.is_none() && !self.head_has_begun() {
                return self.end(now, Closing::Done);
            }
        }
        if is_due(self.clocks.head.and_then(|began| times.end_of_head(began))) {
            return self.fail(now, Violation::SlowHead);
        }
        if is_due(self.clocks.quiet.and_then(|since| times.end_of_quiet(since))) && self.clocks.head.is_none() {
            self.clocks.on_exchange_end();
            return self.end(now, Closing::Idle);
        }
        if self.looks_gone(now) {
            return self.give_up(Closing::Reset);
        }
        self.look_at_content(now);
        if is_due(self.clocks.look) {
            self.clocks.look = None;
            self.look_at_response(now);
        }
    }

    /// Whether a client that has ended its side was waited for, and nothing was sent to it meanwhile. If it is gone, what is sent
    /// breaks the connection.
    fn looks_gone(&mut self, now: Instant) -> bool {
        let Some((_, before)) = self.clocks.gone.filter(|(due, _)| *due <= now) else { return false };
        let sent = self.outbox.delivery().acknowledged;
        self.clocks.after_end(now, self.config.limits.after_end, sent);
        sent == before
    }

    /// The rest of a request is given up. Its answer may still be sent.
    fn look_at_content(&mut self, now: Instant) {
        let rate = self.rate_of_content();
        let Some(exchange) = self.current.as_mut().filter(|exchange| !exchange.may_be_slow) else { return };
        let due = rate.and_then(|rate| exchange.waiting.due(rate));
        if exchange.is_received || due.is_none_or(|due| due > now) {
            return;
        }
        let (id, is_unwanted) = (exchange.id, exchange.is_unwanted());
        exchange.receiving.abandon();
        exchange.content.clear();
        exchange.is_received = true;
        self.incoming = Incoming::Held;
        self.keeps_alive = false;
        if !is_unwanted {
            self.tell(id, Event::SlowSender);
        }
        self.settle(now);
    }

    /// Looks whether what was sent is taken: of the exchange under way, or what is left of the last one.
    fn look_at_response(&mut self, now: Instant) {
        let delivery = self.outbox.delivery();
        let Some(rate) = self.config.times.response() else { return };
        let (mut has_more, mut may_be_slow) = (false, false);
        if let Some(exchange) = &self.current {
            has_more = exchange.wants_room && exchange.sending.phase() == SendPhase::Body;
            may_be_slow = exchange.may_be_slow;
        }
        match self.clocks.taking.look(now, rate, delivery, has_more) {
            Pace::AtRest => {}
            Pace::TooSlow if !may_be_slow => {
                if let Some(id) = self.current() {
                    self.forget_events(id);
                    self.tell(id, Event::SlowReceiver);
                }
                self.give_up(Closing::GivenUp);
            }
            Pace::Waiting | Pace::TooSlow => self.wait_for_reader(now),
        }
    }
}
