//! A queue that mostly has one entry: that one stands in it, and only those behind it take memory of their own.

use alloc::collections::VecDeque;

/// The queue. Where there is no first entry, there are none behind it.
#[derive(Debug)]
pub(crate) struct ShortQueue<T> {
    first: Option<T>,
    rest: VecDeque<T>,
}

impl<T> Default for ShortQueue<T> {
    fn default() -> ShortQueue<T> {
        ShortQueue { first: None, rest: VecDeque::new() }
    }
}

impl<T> ShortQueue<T> {
    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    /// The entry at this place.
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        match index.checked_sub(1) {
            None => self.first.as_ref(),
            Some(behind) => self.rest.get(behind),
        }
    }

    /// The same, to change it.
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        match index.checked_sub(1) {
            None => self.first.as_mut(),
            Some(behind) => self.rest.get_mut(behind),
        }
    }

    /// The next to leave.
    pub(crate) const fn front(&self) -> Option<&T> {
        self.first.as_ref()
    }

    /// Adds an entry behind all others.
    pub(crate) fn push_back(&mut self, entry: T) {
        match self.first {
            None => self.first = Some(entry),
            Some(_) => self.rest.push_back(entry),
        }
    }

    /// Takes the next.
    pub(crate) fn pop_front(&mut self) -> Option<T> {
        core::mem::replace(&mut self.first, self.rest.pop_front())
    }

    /// Takes the last.
    pub(crate) fn pop_back(&mut self) -> Option<T> {
        self.rest.pop_back().or_else(|| self.first.take())
    }

    /// How many entries come before the first of which `is_before` is not true, which is true of those in front and of no other.
    pub(crate) fn partition_point(&self, mut is_before: impl FnMut(&T) -> bool) -> usize {
        match &self.first {
            Some(first) if is_before(first) => 1 + self.rest.partition_point(is_before),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a plain queue.
    #[test]
    fn it_is_a_queue() {
        let (mut queue, mut model) = (ShortQueue::default(), VecDeque::new());
        let mut state = 7_u64;
        for number in 0..10_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            match state >> 61 {
                0..=2 => {
                    queue.push_back(number);
                    model.push_back(number);
                }
                3..=5 => assert_eq!(queue.pop_front(), model.pop_front()),
                _ => assert_eq!(queue.pop_back(), model.pop_back()),
            }
            assert_eq!((queue.len(), queue.front()), (model.len(), model.front()));
            for index in 0..=model.len() {
                assert_eq!(queue.get(index), model.get(index));
            }
            let middle = number / 2;
            assert_eq!(queue.partition_point(|one| *one < middle), model.partition_point(|one| *one < middle));
        }
    }

    #[test]
    fn one_entry_takes_no_memory() {
        let mut queue = ShortQueue::default();
        for number in 0..3 {
            queue.push_back(number);
            assert_eq!(queue.pop_front(), Some(number));
        }
        assert_eq!(queue.rest.capacity(), 0);
    }
}
