//! The stages of a connection (RFC 9000 section 10).

use crate::violation::{TransportErrorCode, Violation};
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::{Duration, Instant, VarInt};

/// Where in its life a connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lifecycle {
    /// TLS is not complete.
    Handshaking {
        /// When it is given up.
        give_up: Instant,
    },
    /// Streams flow.
    Established,
    /// This side has closed: only CONNECTION_CLOSE is sent, in answer to what arrives (section 10.2.1).
    Closing(Box<Closing>),
    /// The peer has closed: nothing is sent any more (section 10.2.2).
    Draining {
        /// When all state is forgotten.
        until: Instant,
    },
    /// All is over; the endpoint frees the connection.
    Drained,
}

/// What this side says when it closes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CloseFrame {
    /// The transport closes (type 0x1c).
    Transport {
        /// A code of section 20.1.
        code: TransportErrorCode,
        /// The frame type that provoked it; 0 if none.
        frame_type: u64,
        /// For humans.
        reason: &'static str,
    },
    /// The application closes (type 0x1d).
    Application {
        /// In the application's codes.
        code: VarInt,
        /// For humans.
        reason: Vec<u8>,
    },
}

impl CloseFrame {
    /// The peer is heard, and acknowledges nothing (RFC 9000 section 20.1: as a rule, since the path carries too little).
    pub(crate) const UNANSWERED: CloseFrame = CloseFrame::Transport {
        code: TransportErrorCode::NO_VIABLE_PATH,
        frame_type: 0,
        reason: "nothing that was sent is acknowledged any more, although packets come",
    };

    /// The close that a violation earns.
    pub(crate) const fn of(violation: Violation, frame_type: u64) -> CloseFrame {
        CloseFrame::Transport { code: violation.code(), frame_type, reason: violation.reason() }
    }
}

/// The closing state: what is said, and how often it is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closing {
    frame: CloseFrame,
    /// When the connection is forgotten.
    pub until: Instant,
    /// A CONNECTION_CLOSE is to be sent now,
    pending: bool,
    /// and on the path to return to as well, if there is one.
    pending_fallback: bool,
    /// Packets that arrived since the last one was sent.
    received: u32,
    /// How many must arrive before it is sent again; doubled each time.
    threshold: u32,
}

impl Closing {
    /// The first CONNECTION_CLOSE is due; state is kept until `until`.
    pub(crate) const fn new(frame: CloseFrame, until: Instant) -> Closing {
        Closing { frame, until, pending: true, pending_fallback: true, received: 0, threshold: 1 }
    }

    /// What is said.
    pub(crate) const fn frame(&self) -> &CloseFrame {
        &self.frame
    }

    /// A packet of the closed connection arrived.
    // RFC 9000 s10.2.1: an endpoint limits how often it repeats the close. Doubling the number of packets that earn an
    // answer makes two closing endpoints fall silent instead of answering each other for ever.
    pub(crate) const fn on_packet(&mut self) {
        self.received = self.received.saturating_add(1);
        if self.received >= self.threshold {
            self.pending = true;
            self.pending_fallback = true;
        }
    }

    /// Whether a CONNECTION_CLOSE is to be sent now.
    pub(crate) const fn is_pending(&self) -> bool {
        self.pending
    }

    /// Whether one is to be sent now on the path to return to.
    pub(crate) const fn is_fallback_pending(&self) -> bool {
        self.pending_fallback
    }

    /// One was sent.
    pub(crate) const fn on_sent(&mut self) {
        self.pending = false;
        self.on_repeated();
    }

    /// One was sent on the path to return to.
    pub(crate) const fn on_sent_to_fallback(&mut self) {
        self.pending_fallback = false;
        self.on_repeated();
    }

    const fn on_repeated(&mut self) {
        self.received = 0;
        self.threshold = self.threshold.saturating_mul(2);
    }
}

/// How long closing and draining last, in PTOs: long enough for what is still on its way to arrive (section 10.2).
const CLOSE_PTOS: u32 = 3;

impl Lifecycle {
    /// The moment at which this stage ends by itself.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match self {
            Lifecycle::Handshaking { give_up } => Some(*give_up),
            Lifecycle::Closing(closing) => Some(closing.until),
            Lifecycle::Draining { until } => Some(*until),
            Lifecycle::Established | Lifecycle::Drained => None,
        }
    }

    /// Whether frames are still processed and data is still sent.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self, Lifecycle::Handshaking { .. } | Lifecycle::Established)
    }

    /// When a connection that closes now is forgotten.
    pub(crate) fn close_end(now: Instant, pto: Duration) -> Instant {
        now + pto.saturating_mul(CLOSE_PTOS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes_are_repeated_ever_more_rarely() {
        let frame = CloseFrame::of(Violation::EmptyPacket, 0);
        let mut closing = Closing::new(frame, Instant::MAX);
        let mut sent = 0;
        for _ in 0..1000 {
            if closing.is_pending() {
                closing.on_sent();
                sent += 1;
            }
            closing.on_packet();
        }
        assert_eq!(sent, 9, "1 + one after 2, 4, 8, ... packets");
    }
}
