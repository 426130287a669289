//! The exchanges of a connection that somebody works on, by their places. HTTP/1.1 has one at a time, and HTTP/2 a hundred, which come
//! and go mostly in their order: a list in that order serves both, and one exchange after the other in the same memory.

use std::fmt::Debug;

/// Memory for so many is kept when there are none.
const USUAL: usize = 4;

/// Those of one connection, in the order of their places; of each who is told what happens to it.
pub(crate) struct Exchanges<P, E> {
    all: Vec<(P, E)>,
}

impl<P, E> Default for Exchanges<P, E> {
    fn default() -> Exchanges<P, E> {
        Exchanges { all: Vec::new() }
    }
}

impl<P: Ord + Copy + Debug, E: Clone> Exchanges<P, E> {
    /// Somebody works on one more.
    pub(crate) fn insert(&mut self, place: P, events: E) {
        match self.find(place) {
            Ok(_) => unreachable!("{place:?} is the place of one exchange"),
            Err(at) => self.all.insert(at, (place, events)),
        }
    }

    /// The one at this place.
    pub(crate) fn get(&self, place: P) -> Option<E> {
        let at = self.find(place).ok()?;
        self.all.get(at).map(|(_, events)| events.clone())
    }

    /// Nobody works any more on the one at this place. False if nobody did.
    pub(crate) fn remove(&mut self, place: P) -> bool {
        let found = self.find(place);
        if let Ok(at) = found {
            self.all.remove(at);
        }
        if self.all.is_empty() {
            self.all.shrink_to(USUAL);
        }
        found.is_ok()
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<E> {
        self.all.iter().map(|(_, events)| events.clone()).collect()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn find(&self, place: P) -> Result<usize, usize> {
        self.all.binary_search_by_key(&place, |(of_one, _)| *of_one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_place_and_memory_for_many_is_given_back() {
        let places: Vec<u32> = (1..200).step_by(2).collect();
        let mut exchanges = Exchanges::default();
        for (number, place) in places.iter().enumerate().rev() {
            exchanges.insert(*place, number);
        }
        assert_eq!(exchanges.all(), (0..100).collect::<Vec<usize>>());
        for (number, place) in places.iter().enumerate() {
            assert_eq!((exchanges.get(*place), exchanges.remove(*place)), (Some(number), true));
            assert_eq!((exchanges.get(*place), exchanges.remove(*place)), (None, false));
        }
        assert!(exchanges.is_empty() && exchanges.all.capacity() <= USUAL);
    }
}
