//! The streams of a client's end.

use crate::code::ErrorCode;
use crate::session::client::state::{Client, Role, State};
use crate::session::{End, ToSend};
use base::{Bytes, Instant};

impl End for Client {
    fn has_stream(&self, stream: u64) -> bool {
        self.now.streams.contains_key(&stream)
    }

    fn wants_bytes(&self, stream: u64) -> bool {
        let Some((role, there)) = self.now.streams.get(&stream).filter(|_| self.state != State::Early) else {
            return false;
        };
        match role {
            Role::Delivery(consumer) => {
                let unread = self.consumers.get(consumer).map_or(0, |consumer| consumer.unread.len());
                unread < self.config.max_unread && !there.is_done()
            }
            _ => true,
        }
    }

    fn receive(&mut self, now: Instant, stream: u64, bytes: Bytes) {
        if let Some((_, there)) = self.now.streams.get_mut(&stream) {
            there.push(bytes);
        }
        self.read(now, stream);
    }

    fn on_finished(&mut self, now: Instant, stream: u64) {
        if let Some((_, there)) = self.now.streams.get_mut(&stream) {
            there.is_finished = true;
        }
        self.read(now, stream);
        self.on_gone(now, stream, ErrorCode::None);
    }

    fn on_gone(&mut self, now: Instant, stream: u64, code: ErrorCode) {
        let Some((role, _)) = self.now.streams.remove(&stream) else { return };
        match role {
            // Without these there is no session.
            Role::Control | Role::Publish => self.break_off(now, code, "the server has ended a stream of the session"),
            Role::Delivery(consumer) => {
                let Some(one) = self.consumers.get_mut(&consumer) else { return };
                one.stream = None;
                if self.now.going_away.is_none() {
                    self.break_off(now, code, "the server has ended the stream of a subscription");
                }
            }
        }
    }

    fn poll_send(&mut self, stream: u64) -> Option<ToSend> {
        let (_, there) = self.now.streams.get_mut(&stream)?;
        let to_send = there.poll_send();
        if there.is_done() {
            self.now.streams.remove(&stream);
        }
        to_send
    }
}
