//! The connection: how it is kept alive, what becomes of what was under way when it is lost, and when the next one is tried.

use crate::code::ErrorCode;
use crate::frame::DEFAULT_MAX_FRAME;
use crate::messages::{Auth, Failure, Ping};
use crate::session::client::config::Config;
use crate::session::client::state::{Asked, Client, Now, Role, State};
use crate::session::client::told::{Output, Source, Told};
use alloc::string::ToString;
use base::{Duration, Instant};

impl Client {
    /// There is a connection whose handshake is not complete, and that takes early data: a Ping is sent, and nothing else before
    /// [`Client::on_proven`]. Until then nothing is read: what is there to be read came with the end of the handshake.
    pub fn on_early(&mut self, now: Instant) {
        if self.state == State::Connecting {
            self.state = State::Early;
            self.begin_session();
            self.ping(now);
        }
    }

    /// The handshake of a connection that [was early](Client::on_early) is complete, and the server took what was sent before, or it is
    /// sent again now.
    pub fn on_proven(&mut self, now: Instant, took_early_data: bool) {
        if self.state != State::Early {
            return;
        }
        if !took_early_data {
            // The answer to a Ping that went twice says nothing about the time to the server.
            self.now.pings.clear();
        }
        self.authenticate(now);
    }

    /// There is a connection, and its handshake is complete.
    pub fn on_connected(&mut self, now: Instant) {
        if self.state == State::Connecting {
            self.begin_session();
            self.authenticate(now);
        }
    }

    fn authenticate(&mut self, now: Instant) {
        self.state = State::Authenticating(now + self.config.authentication);
        let control = self.now.control.expect("a session begins with its control stream");
        let Config { client_id, token, namespaces, agent, .. } = self.config.clone();
        self.send(control, &Auth { client_id, token, namespaces, agent }.into());
        // Nothing was read of an early one.
        self.outputs.push_back(Output::Ready(control));
    }

    fn begin_session(&mut self) {
        self.now = Now { max_frame: DEFAULT_MAX_FRAME, max_requests: 1, ..Now::default() };
        let control = self.open(Role::Control);
        self.now.control = Some(control);
    }

    /// The connection is gone, or there was none to be had.
    pub fn on_lost(&mut self, now: Instant, reason: &str) {
        if self.is_closed() {
            return;
        }
        self.take_back();
        self.attempts = self.attempts.saturating_add(1);
        let retry_in = self.backoff();
        self.state = State::Waiting(now + retry_in);
        self.told.push_back(Told::Disconnected { reason: reason.to_string(), retry_in });
    }

    /// The attempts wait twice as long each time, and between half of that and all of it, so that clients which were cut off together
    /// do not come back together.
    pub(super) fn backoff(&mut self) -> Duration {
        let doublings = self.attempts.saturating_sub(1).min(20);
        let whole = self.config.backoff_first.saturating_mul(1 << doublings).min(self.config.backoff_most);
        let part = u32::from_be_bytes(base::random::array(&mut self.random));
        let half = whole / 2;
        half + Duration::from_nanos((half.as_nanos() * u128::from(part) / u128::from(u32::MAX)) as u64)
    }

    pub(super) fn pong_due(&self) -> Option<Instant> {
        let oldest = self.now.pings.front()?;
        Some(*oldest + self.config.ping * self.config.missed_pongs)
    }

    pub(super) fn ping(&mut self, now: Instant) {
        self.now.next_ping = Some(now + self.config.ping);
        self.now.pings.push_back(now);
        if let Some(control) = self.now.control {
            self.send(control, &Ping { timestamp: now.as_nanos() }.into());
        }
    }

    /// What was sent and not answered is to be sent again.
    pub(super) fn take_back(&mut self) {
        let now = core::mem::take(&mut self.now);
        for (_, publish) in now.publishes.into_iter().rev() {
            publish.into_iter().rev().for_each(|queued| self.queue.push_front(queued));
        }
        for consumer in self.consumers.values_mut() {
            (consumer.stream, consumer.acknowledging) = (None, 0);
            // They come again; what the program has taken it may still acknowledge.
            if matches!(consumer.source, Source::Subscription { .. }) {
                consumer.unread.clear();
            }
            consumer.open.clear();
        }
        for (_, asked) in now.asked {
            match asked {
                Asked::Acknowledge(consumer, handles) => {
                    if let Some(consumer) = self.consumers.get_mut(&consumer) {
                        consumer.dealt_with.extend(handles);
                    }
                }
                Asked::Program(request) => {
                    let message = "the connection was lost before the answer came";
                    let code = ErrorCode::Silent.number();
                    let failure = Failure { request: 0, code, message: message.to_string() };
                    self.told.push_back(Told::Answer(request, failure.into()));
                }
                Asked::Subscribe(_) | Asked::Once => {}
            }
        }
        self.outputs.retain(|output| matches!(output, Output::Close { .. }));
    }

    pub(super) fn break_off(&mut self, now: Instant, code: ErrorCode, reason: &str) {
        self.outputs.push_back(Output::Close { code, reason: reason.to_string() });
        self.on_lost(now, reason);
    }

    pub(super) fn end(&mut self, code: ErrorCode, reason: &str) {
        if self.is_closed() {
            return;
        }
        self.outputs.push_back(Output::Close { code, reason: reason.to_string() });
        self.take_back();
        self.state = State::Closed;
        self.told.push_back(Told::Closed { code, reason: reason.to_string() });
    }
}
