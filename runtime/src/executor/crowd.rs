//! Whether the last events were of many streams, and so of many peers.
//!
//! A peer that is alone waits for its answer, and loses what this thread needs to wake up. Of many peers the others go on meanwhile, and
//! nothing is lost but the time that a thread spends looking for the next of them. A socket of datagrams tells nothing of that: many
//! peers may share it, and what comes of them is taken in together. A client with a socket for each of ten servers waits for all of
//! them.

use crate::token::Token;

/// Events that are remembered.
const EVENTS: usize = 8;
/// More streams than this are many.
const FEW: usize = 4;

/// Where the last events came from.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    last: [Option<Token>; EVENTS],
    next: usize,
}

impl Crowd {
    /// An event, and of which stream it was if it was of one.
    pub(crate) fn note(&mut self, stream: Option<Token>) {
        self.last[self.next] = stream;
        self.next = (self.next + 1) % EVENTS;
    }

    pub(crate) fn is_large(&self) -> bool {
        let is_new = |at: usize| self.last[at].is_some() && !self.last[..at].contains(&self.last[at]);
        (0..EVENTS).filter(|at| is_new(*at)).count() > FEW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(indexes: impl IntoIterator<Item = u32>) -> Crowd {
        let mut crowd = Crowd::default();
        indexes.into_iter().for_each(|index| crowd.note(Some(Token::new(index, 0))));
        crowd
    }

    #[test]
    fn many_are_more_than_four_among_the_last_events() {
        assert!(!Crowd::default().is_large());
        assert!(!crowd([7; 100]).is_large());
        assert!(!crowd((0..100).map(|event| event % 4)).is_large());
        assert!(crowd(0..5).is_large());
        assert!(crowd((0..100).map(|event| event % 5)).is_large());
        // Those who have gone quiet are forgotten.
        assert!(!crowd((0..100).chain([100; 5])).is_large());
        let mut crowd = crowd(0..100);
        (0..4).for_each(|_| crowd.note(None));
        assert!(!crowd.is_large(), "among datagrams four are few");
    }
}
