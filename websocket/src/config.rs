//! What the peer can make us hold, and how long it may be silent.

use base::Duration;

/// Options of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// What is held.
    pub limits: Limits,
    /// What is waited.
    pub times: Times,
}

/// Everything that is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message that is received, all of its fragments together. 1 MiB. A message takes memory as it comes, and not when its
    /// length is said.
    pub max_message: usize,
    /// Bytes of one frame that is received. 1 MiB.
    pub max_frame: usize,
    /// Bytes of messages that wait to be sent: with more, further messages wait with whoever sends them. One message alone may be
    /// larger. 64 KiB.
    pub max_unsent: usize,
    /// Bytes of one frame that is sent: longer messages are sent in fragments, so that an answer to a Ping goes between them. 64 KiB.
    pub fragment: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { max_message: 1 << 20, max_frame: 1 << 20, max_unsent: 64 << 10, fragment: 64 << 10 }
    }
}

/// How long a peer is waited for; `Duration::MAX` is for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When nothing was heard of the peer for so long, it is sent a Ping. 30 s: shorter than most of what is between forgets a silent
    /// connection after.
    pub ping_after: Duration,
    /// How long a peer may answer nothing to a Ping, take nothing of what it is sent, not answer a Close, or not end the stream after
    /// that. Then it counts as gone. 30 s.
    pub patience: Duration,
}

impl Default for Times {
    fn default() -> Times {
        Times { ping_after: Duration::from_secs(30), patience: Duration::from_secs(30) }
    }
}
