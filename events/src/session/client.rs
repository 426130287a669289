//! The client's end: one client over any number of connections, one after the other. What it has been given to publish it keeps until that
//! is acknowledged, and what it consumes goes on where it was.

mod config;
mod connection;
mod receiving;
mod sending;
mod state;
mod streams;
mod told;

pub use config::Config;
pub use state::Client;
pub use told::{ConsumerId, Output, PublishId, QueueFull, RequestId, Source, Told};

use crate::code::ErrorCode;
use crate::event::Event;
use crate::frame::Frame;
use crate::messages::{Delivery, Extend, Handle, Refuse};
use crate::protobuf::Message;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use base::{Bytes, Duration, Instant};
use state::{Asked, Consumer, Queued, State};

/// Requests of the program that wait, at most.
const MAX_WAITING: usize = 1000;

impl Client {
    /// The time to the server and back, smoothed, once a ping was answered.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Whether a Ping may go as early data.
    pub fn pings_early(&self) -> bool {
        self.config.early_ping
    }

    /// Events that were given to be published and are not acknowledged.
    pub fn unpublished(&self) -> usize {
        self.queued
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What to tell the program next.
    pub fn poll_told(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    /// Keeps an event until the server has stored it.
    ///
    /// # Errors
    /// There are too many already; `event` was not taken.
    pub fn publish(&mut self, now: Instant, namespace: &str, event: &Event) -> Result<PublishId, QueueFull> {
        let bytes = Bytes::from(event.encoded());
        let is_full = self.queued >= self.config.max_queue
            || (self.queued > 0 && self.queued_bytes + bytes.len() > self.config.max_queue_bytes);
        if is_full || self.is_closing || self.is_closed() {
            return Err(QueueFull);
        }
        self.publishes += 1;
        let id = PublishId(self.publishes);
        self.queued += 1;
        self.queued_bytes += bytes.len();
        self.queue.push_back(Queued { id, namespace: namespace.to_string(), bytes });
        self.flush(now);
        Ok(id)
    }

    /// Begins to consume. What a subscription delivers goes on over new connections until [`Client::end_consumer`].
    pub fn consume(&mut self, source: Source) -> ConsumerId {
        self.consumer_count += 1;
        let id = ConsumerId(self.consumer_count);
        let (unread, open, dealt_with) = (VecDeque::new(), BTreeSet::new(), Vec::new());
        let (stream, acknowledging, is_over) = (None, 0, false);
        self.consumers.insert(id, Consumer { source, stream, unread, open, dealt_with, acknowledging, is_over });
        if self.is_ready() {
            self.begin(id);
        }
        id
    }

    /// The next delivery of a consumer.
    pub fn take(&mut self, consumer: ConsumerId) -> Option<Delivery> {
        let one = self.consumers.get_mut(&consumer)?;
        let delivery = one.unread.pop_front()?;
        if delivery.attempt > 0 {
            one.open.insert((delivery.sequence, delivery.attempt));
        }
        if let Some(stream) = one.stream {
            self.outputs.push_back(Output::Ready(stream));
        }
        Some(delivery)
    }

    /// Deliveries that wait to be taken.
    pub fn unread(&self, consumer: ConsumerId) -> usize {
        self.consumers.get(&consumer).map_or(0, |consumer| consumer.unread.len())
    }

    /// A delivery is dealt with: the server is told until it knows.
    pub fn acknowledge(&mut self, now: Instant, consumer: ConsumerId, handle: Handle) {
        let Some(one) = self.consumers.get_mut(&consumer) else { return };
        one.open.remove(&(handle.sequence, handle.attempt));
        one.dealt_with.push(handle);
        self.flush(now);
    }

    /// A delivery is to come once more, after this delay.
    pub fn refuse(&mut self, now: Instant, consumer: ConsumerId, handle: Handle, delay: Duration) {
        let Some((namespace, name)) = self.close_delivery(consumer, &handle) else { return };
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.ask(Asked::Once, |request| {
            Refuse { request, namespace, name, deliveries: Vec::from([handle]), delay_ms }.into()
        });
        self.flush(now);
    }

    /// A delivery needs more time, from now on.
    pub fn extend(&mut self, consumer: ConsumerId, handle: Handle, by: Duration) {
        let Some(one) = self.consumers.get(&consumer) else { return };
        let Source::Subscription { namespace, name, .. } = &one.source else { return };
        let (namespace, name) = (namespace.clone(), name.clone());
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.ask(Asked::Once, |request| {
            Extend { request, namespace, name, deliveries: Vec::from([handle]), by_ms }.into()
        });
    }

    /// Ends a consumer. What it has not acknowledged goes to others at once.
    pub fn end_consumer(&mut self, consumer: ConsumerId) {
        let Some(one) = self.consumers.remove(&consumer) else { return };
        if let Some(stream) = one.stream
            && let Some((_, there)) = self.now.streams.get_mut(&stream)
        {
            there.reset(ErrorCode::None);
            self.outputs.push_back(Output::Ready(stream));
        }
    }

    /// Asks something on the control stream: a `Describe`, a `Subscribe` or an `Unsubscribe`, whose number is filled in. It waits for a
    /// connection, and is answered once.
    ///
    /// # Errors
    /// Too many wait already.
    pub fn request(&mut self, now: Instant, frame: Frame) -> Result<RequestId, QueueFull> {
        if self.waiting.len() >= MAX_WAITING || self.is_closing || self.is_closed() {
            return Err(QueueFull);
        }
        self.request_count += 1;
        let id = RequestId(self.request_count);
        self.waiting.push_back((id, frame));
        self.flush(now);
        Ok(id)
    }

    /// Ends in good order: nothing more is delivered, and once all that was given to publish and to acknowledge is answered, the
    /// connection is closed and [`Told::Closed`] said. Deliveries that the program has can be acknowledged meanwhile.
    pub fn close(&mut self, now: Instant) {
        if self.is_closing || self.is_closed() {
            return;
        }
        self.is_closing = true;
        for consumer in self.consumers.values_mut() {
            consumer.unread.clear();
        }
        self.flush(now);
    }

    /// Ends at once. What is not acknowledged is lost to the server, or comes again.
    pub fn abandon(&mut self, reason: &str) {
        self.end(ErrorCode::None, reason);
    }

    /// When [`Client::on_timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting(until) => Some(until),
            State::Authenticating(until) => Some(until),
            // Whoever connects has a time for it.
            State::Connecting | State::Early | State::Closed => None,
            State::Ready => {
                let times = [self.now.next_ping, self.now.hold_until, self.now.going_away, self.pong_due()];
                times.into_iter().flatten().min()
            }
        }
    }

    /// The deadline has come.
    pub fn on_timeout(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.state {
            State::Waiting(_) => {
                self.state = State::Connecting;
                self.outputs.push_back(Output::Connect);
            }
            State::Authenticating(_) => {
                self.break_off(now, ErrorCode::Silent, "the server did not answer Auth in time");
            }
            State::Ready if self.pong_due().is_some_and(|due| due <= now) => {
                self.break_off(now, ErrorCode::Silent, "the server did not answer pings");
            }
            State::Ready if self.now.going_away.is_some_and(|end| end <= now) => {
                self.break_off(now, ErrorCode::None, "the server has gone away");
            }
            State::Ready => {
                self.now.hold_until = self.now.hold_until.filter(|until| *until > now);
                if self.now.next_ping.is_some_and(|due| due <= now) {
                    self.ping(now);
                }
                self.flush(now);
            }
            State::Connecting | State::Early | State::Closed => {}
        }
    }

    fn close_delivery(&mut self, consumer: ConsumerId, handle: &Handle) -> Option<(String, String)> {
        let one = self.consumers.get_mut(&consumer)?;
        one.open.remove(&(handle.sequence, handle.attempt));
        match &one.source {
            Source::Subscription { namespace, name, .. } => Some((namespace.clone(), name.clone())),
            Source::Stored { .. } => None,
        }
    }
}
