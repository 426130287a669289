//! All paths of a connection: the one in use, where it came from and where it may go, and how often the peer has moved.
//!
//! What happens on a move is the conductor's, because it concerns recovery and connection IDs as well. Here is what can be
//! told from the paths alone.

use super::moves::Moves;
use super::others::{OtherPath, OtherPaths};
use super::path::Path;
use super::preferred::Preferred;
use super::silence::Silence;
use crate::lifecycle::Lifecycle;
use alloc::boxed::Box;
use base::{Duration, FourTuple, Instant, Side};

/// The paths.
pub(crate) struct Paths {
    /// Everything but challenges and their answers is sent on it.
    pub in_use: Path,
    /// Where the connection came from, and where it may go.
    pub others: OtherPaths,
    /// Moves without an answer.
    pub moves: Moves,
    /// Whether the other end may have lost the way here.
    pub silence: Silence,
    /// Of a client, where its server would rather be, if it said so and was not found to be out of reach.
    pub preferred: Option<Box<Preferred>>,
}

impl Paths {
    /// Those of a connection that begins on `path`.
    pub(crate) fn new(path: Path) -> Paths {
        Paths {
            in_use: path,
            others: OtherPaths::default(),
            moves: Moves::default(),
            silence: Silence::default(),
            preferred: None,
        }
    }

    /// Whether this is one of them.
    pub(crate) fn is_known(&self, four_tuple: &FourTuple) -> bool {
        self.in_use.is_at(four_tuple) || self.others.position(four_tuple).is_some()
    }

    /// Whether the path in use needs another one to return to.
    pub(crate) const fn needs_fallback(&self) -> bool {
        !self.in_use.is_proven()
    }

    /// The path to return to when the one in use fails.
    pub(crate) fn fallback(&self) -> Option<&OtherPath> {
        self.others.fallback().and_then(|index| self.others.get(index))
    }

    /// The addresses in use, as far as the peer's are validated: else those of the path to return to.
    pub(crate) fn validated_four_tuple(&self) -> FourTuple {
        if self.in_use.amplification.is_validated() {
            return self.in_use.four_tuple;
        }
        self.fallback().map_or(self.in_use.four_tuple, |other| other.path.four_tuple)
    }

    /// Whether a datagram from elsewhere is looked at by an end of `side` in this stage of its life.
    pub(crate) fn accepts_from(&self, four_tuple: &FourTuple, side: Side, lifecycle: &Lifecycle) -> bool {
        match lifecycle {
            // RFC 9000 section 9-7: a client's server is where it was, or where it said that it would rather be and the
            // client has asked for it.
            Lifecycle::Established => {
                let remote = four_tuple.remote;
                side == Side::Server || remote == self.in_use.four_tuple.remote || self.others.lead_to(remote)
            }
            // Who is still where it was before is answered there.
            Lifecycle::Closing(_) => {
                self.needs_fallback() && self.fallback().is_some_and(|fallback| fallback.path.is_at(four_tuple))
            }
            // RFC 9000 s9: nobody moves on purpose during the handshake; but a translator may forget a client at any time.
            Lifecycle::Handshaking { .. } => side == Side::Server && self.in_use.differs_by_port_only(four_tuple),
            Lifecycle::Draining { .. } | Lifecycle::Drained => false,
        }
    }

    /// Whether this end goes to another path. The peer may have moved too often without an answer to be followed for now; but
    /// from where nothing is proved back to where everything is, the way is always free. `is_answered`: it has acknowledged
    /// something that was sent since the last move; `patience`: how long this end stays after too many.
    pub(crate) fn permits_move(
        &mut self,
        now: Instant,
        is_proven: bool,
        is_answered: bool,
        patience: Duration,
    ) -> bool {
        if is_proven && self.needs_fallback() {
            return true;
        }
        if is_answered {
            self.moves.on_answer();
        }
        self.moves.on_move(now, patience)
    }

    /// When something is to be done about one of them.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        [
            self.in_use.paced_until,
            // Nothing larger is tried on a path that is not known to work.
            self.in_use.mtu.deadline().filter(|_| self.in_use.is_proven()),
            self.in_use.validation.deadline(),
            self.others.deadline(self.needs_fallback()),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{CloseFrame, Closing};
    use crate::path::moves::MAX_UNANSWERED_MOVES;
    use crate::path::mtu::MtuDiscovery;
    use crate::path::others::Goal;
    use crate::path::validation::Proof;
    use crate::stats::Counters;
    use crate::violation::Violation;
    use crate::wire::connection_id::ConnectionId;

    fn four_tuple(port: u16) -> FourTuple {
        FourTuple { local: ([10, 0, 0, 1], 443).into(), remote: ([10, 0, 0, 2], port).into() }
    }

    fn path(port: u16, is_proven: bool) -> Path {
        let mut path = Path::new(four_tuple(port), ConnectionId::EMPTY, false, MtuDiscovery::new(1452));
        if is_proven {
            path.on_proof(Proof::Path);
        }
        path
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    /// In use on port 2, which nobody has proved, and before on port 1.
    fn moved() -> Paths {
        let mut paths = Paths::new(path(2, false));
        let before = OtherPath {
            path: path(1, true),
            peer_id: None,
            congestion: None,
            expires: at(3),
            goal: Goal::None,
            counted: Counters::default(),
        };
        paths.others.push(before);
        paths
    }

    #[test]
    fn a10_an_address_that_is_not_validated_is_told_to_nobody() {
        let mut paths = moved();
        assert!(paths.needs_fallback());
        assert_eq!(paths.validated_four_tuple(), four_tuple(1));
        paths.in_use.on_proof(Proof::Address);
        assert_eq!(paths.validated_four_tuple(), four_tuple(2));
        assert!(paths.needs_fallback(), "whether it carries full datagrams is not known yet");
        paths.in_use.on_proof(Proof::Path);
        assert!(!paths.needs_fallback());
    }

    #[test]
    fn m13_a_peer_that_moves_and_does_not_answer_is_left_where_it_is_and_may_always_return() {
        let (mut paths, patience) = (moved(), Duration::from_secs(3));
        for _ in 0..MAX_UNANSWERED_MOVES {
            assert!(paths.permits_move(at(1), false, false, patience));
        }
        assert!(!paths.permits_move(at(1), false, false, patience));
        assert!(paths.permits_move(at(1), true, false, patience), "back to where it was proved");
        paths.in_use.on_proof(Proof::Path);
        assert!(
            !paths.permits_move(at(1), true, false, patience),
            "from one proved path to another is a move like any"
        );
        assert!(paths.permits_move(at(1), true, true, patience), "an answer begins the count anew");
    }

    #[test]
    fn from_where_datagrams_are_looked_at() {
        let paths = moved();
        let handshaking = Lifecycle::Handshaking { give_up: at(9) };
        let closing = Lifecycle::Closing(Box::new(Closing::new(CloseFrame::of(Violation::EmptyPacket, 0), at(9))));
        for (lifecycle, side, port, accepted) in [
            (&handshaking, Side::Server, 3, true),
            (&handshaking, Side::Client, 3, false),
            (&Lifecycle::Established, Side::Server, 3, true),
            (&Lifecycle::Established, Side::Client, 3, false),
            (&Lifecycle::Established, Side::Client, 2, true),
            (&closing, Side::Server, 1, true),
            (&closing, Side::Server, 3, false),
            (&Lifecycle::Drained, Side::Server, 1, false),
        ] {
            assert_eq!(
                paths.accepts_from(&four_tuple(port), side, lifecycle),
                accepted,
                "{lifecycle:?} {side:?} {port}"
            );
        }
        let mut proved = moved();
        proved.in_use.on_proof(Proof::Path);
        assert!(!proved.accepts_from(&four_tuple(1), Side::Server, &closing), "there is nothing to return to");
    }

    #[test]
    fn the_time_of_the_path_to_return_to_does_not_come_while_it_is_needed() {
        let mut paths = moved();
        assert_eq!(paths.deadline(), None);
        paths.in_use.on_proof(Proof::Path);
        assert_eq!(paths.deadline(), Some(at(3)));
        paths.in_use.paced_until = Some(at(1));
        assert_eq!(paths.deadline(), Some(at(1)));
    }
}
