//! What the ends say to each other, and a machine that says it.

use base::{Demand, Instant, Outgoing, StreamMachine};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Something to say.
#[derive(Clone, Debug)]
pub enum Words {
    /// These bytes.
    Text(Arc<[u8]>),
    /// So many bytes of the pattern.
    Pattern(u64),
}

/// Byte `at` of the pattern: a digit, because openssl's programs take letters for commands.
pub fn pattern(at: u64) -> u8 {
    b'0' + ((at.wrapping_mul(2_654_435_761) >> 7) % 10) as u8
}

impl Words {
    pub fn text(text: &str) -> Words {
        Words::Text(text.as_bytes().into())
    }

    pub fn len(&self) -> u64 {
        match self {
            Words::Text(text) => text.len() as u64,
            Words::Pattern(len) => *len,
        }
    }

    fn byte(&self, at: u64) -> Option<u8> {
        match self {
            Words::Text(text) => text.get(at as usize).copied(),
            Words::Pattern(len) => (at < *len).then(|| pattern(at)),
        }
    }

    /// Writes what stands at this place, as much as there is room for.
    pub fn copy(&self, at: u64, room: &mut [u8]) -> usize {
        let len = (self.len() - at).min(room.len() as u64) as usize;
        for (byte, at) in room[..len].iter_mut().zip(at..) {
            *byte = self.byte(at).expect("within");
        }
        len
    }

    /// Whether these bytes are what stands at this place.
    pub fn is_at(&self, at: u64, bytes: &[u8]) -> bool {
        bytes.iter().zip(at..).all(|(byte, at)| self.byte(at) == Some(*byte))
    }
}

/// When one ends its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// When it has said all: what it hears comes after.
    First,
    /// When it has said and heard all.
    Last,
}

/// When one begins to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    AtOnce,
    /// When the other has ended.
    AfterTheOther,
}

/// How far one is, for another thread that waits for it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes it has heard.
    pub heard: AtomicU64,
    /// Key updates of its peer.
    pub updates: AtomicU64,
}

/// One that says and hears words.
#[derive(Debug)]
pub struct Talk {
    says: Words,
    hears: Words,
    begins: Begins,
    ends: Ends,
    pub said: u64,
    pub heard: u64,
    pub progress: Arc<Progress>,
    /// Where it heard something else.
    pub wrong_at: Option<u64>,
    pub peer_ended: bool,
    pub was_reset: bool,
}

impl Talk {
    pub fn new(says: Words, hears: Words, begins: Begins, ends: Ends) -> Talk {
        let progress = Arc::new(Progress::default());
        Talk {
            says,
            hears,
            begins,
            ends,
            said: 0,
            heard: 0,
            progress,
            wrong_at: None,
            peer_ended: false,
            was_reset: false,
        }
    }

    pub fn has_heard_all(&self) -> bool {
        self.heard == self.hears.len() && self.wrong_at.is_none()
    }
}

impl StreamMachine for Talk {
    fn demand(&self) -> Demand {
        Demand::More
    }

    fn receive(&mut self, _now: Instant, bytes: &mut [u8]) -> usize {
        if !self.hears.is_at(self.heard, bytes) {
            self.wrong_at.get_or_insert(self.heard);
        }
        self.heard += bytes.len() as u64;
        self.progress.heard.store(self.heard, Ordering::Release);
        bytes.len()
    }

    fn on_end(&mut self, _now: Instant, _left: &[u8]) {
        self.peer_ended = true;
    }

    fn transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Outgoing {
        if self.begins == Begins::AfterTheOther && !self.peer_ended {
            return Outgoing::Nothing;
        }
        let len = self.says.copy(self.said, buffer);
        self.said += len as u64;
        let is_over = self.ends == Ends::First || self.peer_ended || self.heard >= self.hears.len();
        match len {
            0 if is_over => Outgoing::End,
            0 => Outgoing::Nothing,
            _ => Outgoing::Bytes(len),
        }
    }

    fn on_reset(&mut self, _now: Instant) {
        self.was_reset = true;
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn on_timeout(&mut self, _now: Instant) {}
}
