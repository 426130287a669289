//! The streams of a server's end.

use super::{Gate, Session};
use crate::code::ErrorCode;
use crate::session::{End, ToSend};
use base::{Bytes, Instant};

impl<G: Gate> End for Session<G> {
    fn has_stream(&self, stream: u64) -> bool {
        self.streams.contains_key(&stream)
    }

    fn wants_bytes(&self, stream: u64) -> bool {
        self.streams.get(&stream).is_some_and(|open| self.takes(open))
    }

    fn receive(&mut self, now: Instant, stream: u64, bytes: Bytes) {
        self.heard = now;
        if let Some(open) = self.streams.get_mut(&stream) {
            open.stream.push(bytes);
            self.read(now, stream);
        }
    }

    fn on_finished(&mut self, now: Instant, stream: u64) {
        self.heard = now;
        if let Some(open) = self.streams.get_mut(&stream) {
            open.stream.is_finished = true;
            self.read(now, stream);
        }
    }

    fn on_gone(&mut self, _: Instant, stream: u64, _: ErrorCode) {
        if self.control == Some(stream) {
            // A session is as long as its control stream.
            self.close(ErrorCode::None, "the control stream was given up");
        }
        self.forget(stream);
    }

    fn poll_send(&mut self, stream: u64) -> Option<ToSend> {
        let open = self.streams.get_mut(&stream)?;
        let to_send = open.stream.poll_send();
        if open.stream.is_done() {
            self.forget(stream);
        } else {
            self.consume(stream);
        }
        to_send
    }
}
