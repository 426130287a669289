//! How often we follow a peer to a new address while it acknowledges nothing.
//!
//! Every move costs a walk over all that is open, and begins with packets that no congestion window holds back. A peer that
//! lets a large window go unacknowledged and moves with every packet would make us work without end. So only a few moves
//! are made in a row without an acknowledgment of something that was sent after the last of them, and then none for a
//! while; RFC 9000 section 9.3 leaves it to the recipient whether it permits a migration. The address is challenged all the
//! same, so a peer that was only unlucky is known by the time it is followed again.

use base::{Duration, Instant};

/// Moves in a row without an answer. A peer acknowledges the first challenge that reaches it, so an honest one needs
/// one or two; the rest is for an attacker who copies its packets to other addresses in the meantime.
pub(crate) const MAX_UNANSWERED_MOVES: u8 = 16;

/// The count of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moves {
    unanswered: u8,
    /// Until when this end stays where it is, if they are too many.
    rest_until: Option<Instant>,
}

impl Moves {
    /// The peer has acknowledged something that was sent since the last move.
    pub(crate) const fn on_answer(&mut self) {
        *self = Moves { unanswered: 0, rest_until: None };
    }

    /// The peer has moved again: whether it is followed. `patience`: how long this end stays after too many moves.
    pub(crate) fn on_move(&mut self, now: Instant, patience: Duration) -> bool {
        match self.rest_until {
            None => {}
            Some(until) if until <= now => self.on_answer(),
            Some(_) => return false,
        }
        self.unanswered += 1;
        self.rest_until = (self.unanswered >= MAX_UNANSWERED_MOVES).then_some(now + patience);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(3);

    const fn at(milliseconds: u64) -> Instant {
        Instant::from_nanos(milliseconds * 1_000_000)
    }

    #[test]
    fn m13_after_a_few_moves_without_an_answer_it_stays_for_a_while() {
        let mut moves = Moves::default();
        let mut begun = 0;
        for round in 0..3 {
            for number in 0..16 {
                assert!(moves.on_move(at(begun + number), PATIENCE), "{round} {number}");
            }
            let end = begun + 15 + 3000;
            for time in begun + 16..end {
                assert!(!moves.on_move(at(time), PATIENCE));
            }
            begun = end;
        }
    }

    #[test]
    fn who_answers_may_move_as_often_as_it_likes() {
        let mut moves = Moves::default();
        for time in 0..1000 {
            assert!(moves.on_move(at(time), PATIENCE));
            if time % 16 == 15 {
                moves.on_answer();
            }
        }
    }
}
