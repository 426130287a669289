//! What a server gives up because its client is too slow with it: heads, content, responses, and connections without
//! requests.

use super::{Connection, Incoming};
use crate::event::Closing;
use crate::exchange::{Exchange, ExchangeId};
use crate::violation::Violation;
use base::{Duration, Instant, Side};
use http::TimeLimits;
use http::exchange::{Event, SendPhase};
use http::pace::{LeastRate, Pace, Taking};

/// How often, within the patience with a peer that takes a response, it is looked at.
const LOOKS: u32 = 4;

/// The moments that something was waited for from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clocks {
    /// The first byte of the head that is coming.
    head: Option<Instant>,
    /// The end of the last exchange.
    quiet: Option<Instant>,
    /// When to look whether what was sent is taken, and what was seen last.
    look: Option<Instant>,
    taking: Taking,
    /// When a connection that is over is cut.
    linger: Option<Instant>,
}

impl Clocks {
    pub(crate) fn on_quiet(&mut self, now: Instant) {
        self.quiet = Some(now);
    }

    pub(crate) fn on_head_byte(&mut self, now: Instant) {
        self.head.get_or_insert(now);
    }

    /// What came was no head after all.
    pub(crate) fn on_head_end(&mut self) {
        self.head = None;
    }

    pub(crate) fn on_request(&mut self) {
        self.head = None;
        self.quiet = None;
    }

    pub(crate) fn on_exchange_end(&mut self) {
        (self.head, self.quiet) = (None, None);
    }

    /// Nothing is waited for any more.
    pub(crate) fn stop(&mut self) {
        *self = Clocks::default();
    }

    pub(crate) fn linger(&mut self, now: Instant, patience: Duration) {
        self.linger = Some(now + patience);
    }

    /// The earliest moment at which something is to be given up, or looked at. `times` are those of a server.
    pub(crate) fn next(&self, times: Option<&TimeLimits>, current: Option<&Exchange>) -> Option<Instant> {
        let Some(times) = times else { return self.linger };
        let head = self.head.and_then(|began| times.end_of_head(began));
        let quiet = self.quiet.filter(|_| self.head.is_none()).and_then(|since| times.end_of_quiet(since));
        let content = current.filter(|exchange| !exchange.may_be_slow && !exchange.is_received).and_then(|exchange| {
            let rate = times.request()?;
            exchange.waiting.due(rate)
        });
        [head, quiet, content, self.look, self.linger].into_iter().flatten().min()
    }
}

impl Connection {
    /// The application takes the exchange to be slow by its nature: neither its content nor its response is given up.
    pub fn lift_time_limits(&mut self, id: ExchangeId) {
        if let Some(exchange) = self.exchange_mut(id) {
            exchange.may_be_slow = true;
        }
    }

    pub(super) fn rate_of_content(&self) -> Option<LeastRate> {
        self.config.times.request().filter(|_| self.side == Side::Server)
    }

    /// A response that is not all written, or not all taken.
    pub(crate) fn wait_for_reader(&mut self, now: Instant) {
        if self.side == Side::Server
            && let Some(rate) = self.config.times.response()
        {
            self.clocks.look.get_or_insert(now + rate.patience / LOOKS);
        }
    }

    /// Gives up what has become too slow.
    pub(super) fn look(&mut self, now: Instant) {
        let is_due = |moment: Option<Instant>| moment.is_some_and(|moment| moment <= now);
        let times = self.config.times;
        if is_due(self.clocks.linger) {
            return self.give_up(Closing::Done);
        }
        if self.side == Side::Client {
            return;
        }
        if is_due(self.clocks.head.and_then(|began| times.end_of_head(began))) {
            return self.fail(now, Violation::SlowHead);
        }
        if is_due(self.clocks.quiet.and_then(|since| times.end_of_quiet(since))) && self.clocks.head.is_none() {
            self.clocks.on_exchange_end();
            return self.end(now, Closing::Idle);
        }
        self.look_at_content(now);
        if is_due(self.clocks.look) {
            self.clocks.look = None;
            self.look_at_response(now);
        }
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
