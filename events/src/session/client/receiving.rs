//! What the server sends.

use crate::code::ErrorCode;
use crate::frame::Frame;
use crate::messages::{
    AuthAck, AuthError, Batch, Consume, Failure, GoAway, Ping, Pong, Position, PublishAck, RateLimitNotice, Read,
    Subscribe,
};
use crate::session::client::state::{Asked, Client, Role, State};
use crate::session::client::told::{ConsumerId, Output, Source, Told};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use base::{Duration, Instant};

impl Client {
    pub(super) fn read(&mut self, now: Instant, stream: u64) {
        loop {
            let Some((role, there)) = self.now.streams.get_mut(&stream) else { return };
            let role = *role;
            match there.next() {
                Ok(Some(frame)) => self.on_frame(now, role, frame),
                Ok(None) => return self.flush(now),
                Err(error) => return self.break_off(now, error.code(), &error.explain()),
            }
        }
    }

    pub(super) fn on_frame(&mut self, now: Instant, role: Role, frame: Frame) {
        match (role, frame) {
            (Role::Control, Frame::AuthAck(ack)) => self.on_admitted(now, ack),
            (Role::Control, Frame::AuthError(AuthError { code, message })) => {
                self.end(ErrorCode::from_number(code), &message);
            }
            (Role::Control, Frame::Ping(Ping { timestamp })) => {
                if let Some(control) = self.now.control {
                    self.send(control, &Pong { timestamp, unix_ms: 0 }.into());
                }
            }
            (Role::Control, Frame::Pong(Pong { timestamp, .. })) => self.on_pong(now, timestamp),
            (Role::Control, Frame::GoAway(GoAway { reason, patience_ms })) => {
                // A little less than the server waits, so that it is the client that closes.
                let patience = Duration::from_millis(patience_ms).min(Duration::from_secs(3600)) * 4 / 5;
                self.now.going_away.get_or_insert(now + patience);
                self.told.push_back(Told::GoingAway(reason));
            }
            (Role::Publish, Frame::PublishAck(ack)) => self.on_published(ack),
            (Role::Publish, Frame::RateLimitNotice(RateLimitNotice { request, retry_after_ms, .. })) => {
                self.hold(now, request, Duration::from_millis(retry_after_ms));
            }
            (Role::Delivery(consumer), Frame::Batch(batch)) => self.on_batch(consumer, batch),
            (role, Frame::Failure(failure)) => self.on_failure(now, role, failure),
            (Role::Control, frame) => self.on_answer(frame),
            (_, frame) => {
                let reason = format!("the server has sent a {} where it has no place", frame.name());
                self.break_off(now, ErrorCode::Unexpected, &reason);
            }
        }
    }

    pub(super) fn on_admitted(&mut self, now: Instant, ack: AuthAck) {
        if !matches!(self.state, State::Authenticating(_)) {
            return self.break_off(now, ErrorCode::Unexpected, "the server has sent a second AuthAck");
        }
        self.state = State::Ready;
        self.now.max_requests = usize::try_from(ack.max_requests).unwrap_or(usize::MAX).max(1);
        self.now.max_frame = usize::try_from(ack.max_frame).unwrap_or(usize::MAX);
        self.told.push_back(Told::Connected(ack));
        self.ping(now);
        let consumers: Vec<ConsumerId> = self.consumers.keys().copied().collect();
        consumers.into_iter().for_each(|consumer| self.begin(consumer));
        self.flush(now);
    }

    /// Makes sure of a subscription, or reads on.
    pub(super) fn begin(&mut self, consumer: ConsumerId) {
        let Some(one) = self.consumers.get(&consumer) else { return };
        if self.is_closing || self.now.going_away.is_some() || one.is_over {
            return;
        }
        match one.source.clone() {
            Source::Subscription { namespace, name, settings } => self.ask(Asked::Subscribe(consumer), |request| {
                Subscribe { request, namespace, name, settings: Some(settings) }.into()
            }),
            Source::Stored { namespace, start, max_events } => {
                let request = self.number();
                let read = Read { request, namespace, start: Some(start), max_events };
                self.open_for(consumer, &read.into());
            }
        }
    }

    pub(super) fn open_for(&mut self, consumer: ConsumerId, first: &Frame) {
        let stream = self.open(Role::Delivery(consumer));
        self.send(stream, first);
        if let Some(one) = self.consumers.get_mut(&consumer) {
            one.stream = Some(stream);
        }
    }

    pub(super) fn on_pong(&mut self, now: Instant, timestamp: u64) {
        let sent = Instant::from_nanos(timestamp);
        if !self.now.pings.contains(&sent) {
            return;
        }
        // One that is answered answers for those before it.
        while self.now.pings.pop_front().is_some_and(|ping| ping != sent) {}
        // A server that answers early data has not yet let the client in.
        if self.is_ready() {
            self.attempts = 0;
        }
        if !core::mem::replace(&mut self.now.is_answered, true) {
            self.told.push_back(Told::Answered { is_early: !self.is_ready() });
        }
        let measured = now.saturating_duration_since(sent);
        self.round_trip = Some(match self.round_trip {
            Some(smoothed) => smoothed - smoothed / 8 + measured / 8,
            None => measured,
        });
    }

    pub(super) fn on_published(&mut self, ack: PublishAck) {
        let Some(publish) = self.now.publishes.remove(&ack.request) else { return };
        self.is_held_back = false;
        for (queued, stored) in publish.into_iter().zip(ack.published) {
            self.queued -= 1;
            self.queued_bytes -= queued.bytes.len();
            let (sequence, is_duplicate) = (stored.sequence, stored.is_duplicate);
            self.told.push_back(Told::Published { id: queued.id, sequence, is_duplicate });
        }
    }

    /// A publish is to be sent again, after this time.
    pub(super) fn hold(&mut self, now: Instant, request: u64, wait: Duration) {
        let Some(publish) = self.now.publishes.remove(&request) else { return };
        publish.into_iter().rev().for_each(|queued| self.queue.push_front(queued));
        let until = now + wait.max(Duration::from_millis(1));
        self.now.hold_until = Some(self.now.hold_until.map_or(until, |before| before.max(until)));
    }

    pub(super) fn on_batch(&mut self, consumer: ConsumerId, batch: Batch) {
        let (is_closing, is_going) = (self.is_closing, self.now.going_away.is_some());
        let Some(one) = self.consumers.get_mut(&consumer).filter(|one| !one.is_over) else { return };
        let mut is_last = batch.is_last;
        if let Source::Stored { start, max_events, .. } = &mut one.source {
            // Where to read on, should the connection be lost.
            if let Some(last) = batch.deliveries.last() {
                *start = Position { kind: 2, sequence: last.sequence.saturating_add(1), unix_ms: 0 };
                let left = max_events.saturating_sub(batch.deliveries.len() as u64);
                is_last |= *max_events > 0 && left == 0;
                *max_events = left;
            }
        } else if is_closing || is_going {
            return;
        }
        if !batch.deliveries.is_empty() {
            one.unread.extend(batch.deliveries);
            self.told.push_back(Told::Deliveries(consumer));
        }
        if is_last {
            one.is_over = true;
            let stream = one.stream.take();
            self.told.push_back(Told::Ended { consumer, refused: None });
            self.end_stream(stream);
        }
    }

    pub(super) fn end_stream(&mut self, stream: Option<u64>) {
        let Some(stream) = stream else { return };
        if let Some((_, there)) = self.now.streams.get_mut(&stream) {
            there.finish();
            self.outputs.push_back(Output::Ready(stream));
        }
    }

    pub(super) fn on_failure(&mut self, now: Instant, role: Role, failure: Failure) {
        let code = ErrorCode::from_number(failure.code);
        if failure.request == 0 {
            return self.break_off(now, code, &failure.message);
        }
        match role {
            Role::Publish if code.may_repeat() => {
                self.hold(now, failure.request, self.config.backoff_first);
                if !core::mem::replace(&mut self.is_held_back, true) {
                    self.told.push_back(Told::HeldBack { code, message: failure.message });
                }
            }
            Role::Publish => {
                let Some(publish) = self.now.publishes.remove(&failure.request) else { return };
                for queued in publish {
                    self.queued -= 1;
                    self.queued_bytes -= queued.bytes.len();
                    let (id, message) = (queued.id, failure.message.clone());
                    self.told.push_back(Told::NotPublished { id, code, message });
                }
            }
            Role::Delivery(consumer) if code.may_repeat() => {
                if self.consumers.contains_key(&consumer) {
                    self.break_off(now, code, &failure.message);
                }
            }
            Role::Delivery(consumer) => self.end_refused(consumer, code, failure.message),
            Role::Control => self.on_answer(failure.into()),
        }
    }

    pub(super) fn end_refused(&mut self, consumer: ConsumerId, code: ErrorCode, message: String) {
        if let Some(one) = self.consumers.remove(&consumer) {
            self.told.push_back(Told::Ended { consumer, refused: Some((code, message)) });
            self.end_stream(one.stream);
        }
    }

    /// The answer to a request on the control stream.
    pub(super) fn on_answer(&mut self, frame: Frame) {
        let request = match &frame {
            Frame::Subscribed(message) => message.request,
            Frame::Done(message) => message.request,
            Frame::Description(message) => message.request,
            Frame::Failure(message) => message.request,
            _ => return,
        };
        let asked = self.now.asked.remove(&request);
        if let Some(Asked::Acknowledge(consumer, _)) = &asked
            && let Some(one) = self.consumers.get_mut(consumer)
        {
            one.acknowledging -= 1;
        }
        match (asked, frame) {
            (Some(Asked::Program(id)), frame) => self.told.push_back(Told::Answer(id, frame)),
            (Some(Asked::Subscribe(consumer)), Frame::Failure(failure)) => {
                self.end_refused(consumer, ErrorCode::from_number(failure.code), failure.message);
            }
            (Some(Asked::Subscribe(consumer)), _) => {
                let Some(one) = self.consumers.get(&consumer) else { return };
                let Source::Subscription { namespace, name, .. } = one.source.clone() else { return };
                let request = self.number();
                let consume = Consume { request, namespace, name, max_events: 0, max_bytes: 0 };
                self.open_for(consumer, &consume.into());
            }
            (Some(Asked::Acknowledge(consumer, handles)), Frame::Failure(failure)) => {
                let may_repeat = ErrorCode::from_number(failure.code).may_repeat();
                if let Some(one) = self.consumers.get_mut(&consumer).filter(|_| may_repeat) {
                    one.dealt_with.extend(handles);
                }
            }
            _ => {}
        }
    }
}
