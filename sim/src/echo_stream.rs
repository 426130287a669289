//! The smallest stream machine of use: it sends back whatever comes.

use base::{Demand, Duration, Instant, Outgoing, StreamMachine};
use std::collections::VecDeque;

/// Sends back every byte, in order, and ends when its peer has ended and has got everything back. It holds no more than it
/// was told, so a peer that does not read cannot send for ever.
#[derive(Debug)]
pub struct EchoStream {
    waiting: VecDeque<u8>,
    limit: usize,
    patience: Option<Duration>,
    deadline: Option<Instant>,
    peer_ended: bool,
    gives_up: bool,
    was_reset: bool,
    echoed: u64,
    most_held: usize,
}

impl EchoStream {
    /// One that holds at most `limit` bytes.
    ///
    /// # Panics
    /// If the limit is zero.
    pub fn new(limit: usize) -> EchoStream {
        assert!(limit > 0, "who holds no byte sends none back");
        EchoStream {
            waiting: VecDeque::new(),
            limit,
            patience: None,
            deadline: None,
            peer_ended: false,
            gives_up: false,
            was_reset: false,
            echoed: 0,
            most_held: 0,
        }
    }

    /// Gives the connection up when nothing has come and nothing has gone for so long, from `now` on.
    #[must_use]
    pub fn with_patience(mut self, now: Instant, patience: Duration) -> EchoStream {
        self.patience = Some(patience);
        self.deadline = Some(now + patience);
        self
    }

    /// Bytes sent back.
    pub const fn echoed(&self) -> u64 {
        self.echoed
    }

    /// The most bytes it held.
    pub const fn most_held(&self) -> usize {
        self.most_held
    }

    /// Whether the peer has ended.
    pub const fn peer_ended(&self) -> bool {
        self.peer_ended
    }

    /// Whether it has given up.
    pub const fn gave_up(&self) -> bool {
        self.gives_up
    }

    /// Whether the connection was cut.
    pub const fn was_reset(&self) -> bool {
        self.was_reset
    }

    fn on_activity(&mut self, now: Instant) {
        self.deadline = self.patience.map(|patience| now + patience);
    }
}

impl StreamMachine for EchoStream {
    fn demand(&self) -> Demand {
        if self.gives_up {
            Demand::Reset
        } else if self.waiting.len() < self.limit {
            Demand::More
        } else {
            Demand::Pause
        }
    }

    fn receive(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        let taken = bytes.len().min(self.limit - self.waiting.len());
        self.waiting.extend(&bytes[..taken]);
        self.most_held = self.most_held.max(self.waiting.len());
        self.on_activity(now);
        taken
    }

    fn on_end(&mut self, now: Instant, left: &[u8]) {
        assert!(left.is_empty(), "it takes all");
        self.peer_ended = true;
        self.on_activity(now);
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Outgoing {
        let (front, _) = self.waiting.as_slices();
        let len = front.len().min(buffer.len());
        if len == 0 {
            return if self.peer_ended { Outgoing::End } else { Outgoing::Nothing };
        }
        buffer[..len].copy_from_slice(&front[..len]);
        self.waiting.drain(..len);
        self.echoed += len as u64;
        self.on_activity(now);
        Outgoing::Bytes(len)
    }

    fn on_reset(&mut self, _now: Instant) {
        self.was_reset = true;
        self.deadline = None;
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn on_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.gives_up = true;
            self.deadline = None;
        }
    }
}
