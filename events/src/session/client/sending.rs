//! What the server is sent: acknowledgments, requests of the program, and events together.

use crate::code::ErrorCode;
use crate::frame::Frame;
use crate::messages::{Acknowledge, Handle, Publish};
use crate::session::client::state::{Asked, Client, Consumer, Queued, Role};
use crate::session::client::told::{ConsumerId, Source};
use alloc::vec::Vec;
use base::Instant;

/// Handles of one acknowledgment, at most.
const MAX_HANDLES: usize = 1000;
/// Acknowledgments of a consumer that are not answered, at most: what comes meanwhile goes together in the next.
const MAX_ACKNOWLEDGING: usize = 2;
/// So many publishes are sent whatever is in them; while they are not answered, what comes meanwhile waits until it is much.
const SMALL_PUBLISHES: usize = 2;
/// What is much: events, or bytes.
const LARGE_PUBLISH: (usize, usize) = (64, 16 << 10);
/// Events and bytes of one publish, at most.
const MAX_PUBLISH: (usize, usize) = (1000, 256 << 10);

impl Client {
    /// Sends what may be sent now.
    pub(super) fn flush(&mut self, now: Instant) {
        if !self.is_ready() {
            if self.is_closing && self.is_settled() {
                self.end(ErrorCode::None, "the client has ended");
            }
            return;
        }
        self.acknowledge_all();
        if self.now.going_away.is_none() {
            self.ask_all();
            self.publish_all(now);
        }
        let is_answered = self.now.publishes.is_empty() && self.now.asked.is_empty();
        let is_left = |consumer: &Consumer| consumer.open.is_empty();
        if self.is_closing && self.is_settled() && self.consumers.values().all(is_left) {
            self.end(ErrorCode::None, "the client has ended");
        } else if self.now.going_away.is_some() && is_answered && self.consumers.values().all(is_left) {
            self.break_off(now, ErrorCode::None, "the server has gone away");
        }
    }

    /// Whether nothing is left to be said to the server.
    pub(super) fn is_settled(&self) -> bool {
        let is_told = |consumer: &Consumer| consumer.dealt_with.is_empty();
        self.queued == 0 && self.waiting.is_empty() && self.now.asked.is_empty() && self.consumers.values().all(is_told)
    }

    pub(super) fn acknowledge_all(&mut self) {
        let has_some = self.consumers.iter().filter(|(_, one)| !one.dealt_with.is_empty());
        let consumers: Vec<ConsumerId> = has_some.map(|(id, _)| *id).collect();
        for id in consumers {
            while self.now.asked.len() < self.now.max_requests {
                let may = |one: &&mut Consumer| !one.dealt_with.is_empty() && one.acknowledging < MAX_ACKNOWLEDGING;
                let Some(one) = self.consumers.get_mut(&id).filter(may) else { break };
                let Source::Subscription { namespace, name, .. } = one.source.clone() else { break };
                let count = one.dealt_with.len().min(MAX_HANDLES);
                let deliveries: Vec<Handle> = one.dealt_with.drain(..count).collect();
                one.acknowledging += 1;
                self.ask(Asked::Acknowledge(id, deliveries.clone()), |request| {
                    Acknowledge { request, namespace, name, deliveries }.into()
                });
            }
        }
    }

    pub(super) fn ask_all(&mut self) {
        while self.now.asked.len() < self.now.max_requests {
            let Some((id, frame)) = self.waiting.pop_front() else { return };
            self.ask(Asked::Program(id), |request| numbered(frame, request));
        }
    }

    pub(super) fn publish_all(&mut self, now: Instant) {
        if self.now.hold_until.is_some_and(|until| now < until) {
            return;
        }
        let most = self.config.max_publishes.min(self.now.max_requests);
        while self.now.publishes.len() < most && !self.queue.is_empty() {
            if self.now.publishes.len() >= SMALL_PUBLISHES && !self.has_much_to_publish() {
                return;
            }
            let publish = self.next_publish();
            let Some(namespace) = publish.first().map(|queued| queued.namespace.clone()) else { return };
            let request = self.number();
            let events = publish.iter().map(|queued| queued.bytes.clone()).collect();
            let stream = match self.now.publish {
                Some(stream) => stream,
                None => self.open(Role::Publish),
            };
            self.now.publish = Some(stream);
            self.now.publishes.insert(request, publish);
            self.send(stream, &Publish { request, namespace, events }.into());
        }
    }

    fn has_much_to_publish(&self) -> bool {
        let next = self.queue.iter().take(LARGE_PUBLISH.0);
        self.queue.len() >= LARGE_PUBLISH.0 || next.map(|queued| queued.bytes.len()).sum::<usize>() >= LARGE_PUBLISH.1
    }

    /// As many of the next events of one namespace as go into a frame, and one always.
    pub(super) fn next_publish(&mut self) -> Vec<Queued> {
        let mut publish: Vec<Queued> = Vec::new();
        let mut bytes = 0;
        while let Some(next) = self.queue.front() {
            let fits = publish.len() < MAX_PUBLISH.0 && bytes + next.bytes.len() <= MAX_PUBLISH.1;
            let is_same = publish.first().is_none_or(|first| first.namespace == next.namespace);
            if !(publish.is_empty() || (fits && is_same)) {
                break;
            }
            bytes += next.bytes.len();
            publish.extend(self.queue.pop_front());
        }
        publish
    }
}

/// The frame with its number.
fn numbered(mut frame: Frame, request: u64) -> Frame {
    match &mut frame {
        Frame::Describe(message) => message.request = request,
        Frame::Subscribe(message) => message.request = request,
        Frame::Unsubscribe(message) => message.request = request,
        _ => {}
    }
    frame
}
