//! Ids of the events that were published last, to find duplicates.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;

/// Ids, each with the number of its event: those of a span of time, and so many at most.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    by_id: BTreeMap<Arc<str>, u64>,
    in_order: VecDeque<(Arc<str>, u64)>,
}

impl Recent {
    /// The event of this id, if it is remembered. `window` in milliseconds.
    pub(crate) fn find(&mut self, id: &str, time: u64, window: u64) -> Option<u64> {
        if id.is_empty() {
            return None;
        }
        self.forget_before(time.saturating_sub(window));
        self.by_id.get(id).copied()
    }

    /// Remembers an event, and `most` at most.
    pub(crate) fn insert(&mut self, id: &Arc<str>, sequence: u64, time: u64, most: usize) {
        if id.is_empty() || most == 0 {
            return;
        }
        if self.by_id.insert(Arc::clone(id), sequence).is_some() {
            // The same id outside of its window, and still here: the new one counts.
            self.in_order.retain(|(other, _)| other != id);
        }
        self.in_order.push_back((Arc::clone(id), time));
        while self.in_order.len() > most {
            self.forget_oldest();
        }
    }

    fn forget_before(&mut self, time: u64) {
        while self.in_order.front().is_some_and(|(_, at)| *at < time) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((id, _)) = self.in_order.pop_front() {
            self.by_id.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_remembered_for_a_while_and_not_too_many() {
        let mut recent = Recent::default();
        recent.insert(&"a".into(), 1, 1000, 2);
        recent.insert(&"".into(), 2, 1000, 2);
        recent.insert(&"b".into(), 3, 1500, 2);
        assert_eq!((recent.find("a", 2000, 1000), recent.find("b", 2000, 1000)), (Some(1), Some(3)));
        assert_eq!(recent.find("", 2000, 1000), None);
        assert_eq!((recent.find("a", 2001, 1000), recent.find("b", 2001, 1000)), (None, Some(3)));
        recent.insert(&"c".into(), 4, 2001, 2);
        recent.insert(&"d".into(), 5, 2001, 2);
        assert_eq!((recent.find("b", 2001, 1000), recent.find("c", 2001, 1000)), (None, Some(4)));
        recent.insert(&"c".into(), 6, 2001, 2);
        assert_eq!((recent.find("c", 2001, 9), recent.in_order.len(), recent.by_id.len()), (Some(6), 2, 2));
        recent.insert(&"e".into(), 7, 2001, 0);
        assert_eq!(recent.find("e", 2001, 9), None);
    }
}
