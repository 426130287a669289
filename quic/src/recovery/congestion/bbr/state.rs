//! What the sender is about, and how fast and how full it makes the path for that (draft-ietf-ccwg-bbr sections 5.1 and 5.6.1).

/// The rate is a hundredth below the bandwidth, so that queues get shorter.
pub(super) const PACING_MARGIN: u64 = 99;

/// What the sender is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The rate doubles with each round trip, until it no longer grows.
    Startup,
    /// The queue that came of it is emptied.
    Drain,
    /// A little slower than the path delivers.
    Down,
    /// As fast as the path delivers.
    Cruise,
    /// The path is filled again, before more is tried.
    Refill,
    /// A little faster than the path delivers: is there more?
    Up,
    /// Half as much in flight as the path holds, to measure its round trip without a queue.
    ProbeRtt,
}

impl State {
    /// The rate, in hundredths of the bandwidth.
    pub(super) const fn pacing_gain(self) -> u64 {
        match self {
            State::Startup => 277,
            State::Drain => 50,
            State::Down => 90,
            State::Cruise | State::Refill | State::ProbeRtt => 100,
            State::Up => 125,
        }
    }

    /// What may be in flight, in hundredths of what the path holds.
    pub(super) const fn window_gain(self) -> u64 {
        match self {
            State::Up => 225,
            State::ProbeRtt => 50,
            _ => 200,
        }
    }

    /// One of the four states of ProbeBW.
    pub(super) const fn is_probe_bandwidth(self) -> bool {
        matches!(self, State::Down | State::Cruise | State::Refill | State::Up)
    }

    /// More is tried: what is lost tells of that, and not that the path has changed.
    pub(super) const fn is_accelerating(self) -> bool {
        matches!(self, State::Startup | State::Refill | State::Up)
    }
}

/// What is left of a bound after a round trip with losses: seven tenths, as with CUBIC.
pub(super) const fn beta(value: u64) -> u64 {
    value / 10 * 7 + value % 10 * 7 / 10
}
