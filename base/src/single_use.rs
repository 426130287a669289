//! Values that are kept for later, so many and no more, and given out once.

use alloc::collections::BTreeMap;

/// Keeps values by key, such as what servers give their clients for the next connection: each is given out once, the newest of a key
/// first, and the oldest make room.
#[derive(Debug)]
pub struct SingleUse<K, V> {
    per_key: usize,
    in_all: usize,
    /// Counts the values that came.
    count: u64,
    values: BTreeMap<(K, u64), V>,
    /// Of which key each is, by age.
    by_age: BTreeMap<u64, K>,
}

impl<K: Ord + Clone, V> SingleUse<K, V> {
    /// Room for `in_all` values, of which `per_key` at most are of one key.
    pub const fn new(per_key: usize, in_all: usize) -> SingleUse<K, V> {
        SingleUse { per_key, in_all, count: 0, values: BTreeMap::new(), by_age: BTreeMap::new() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.values.clear();
        self.by_age.clear();
    }

    /// Takes the newest of this key out, for good.
    pub fn take(&mut self, key: &K) -> Option<V> {
        let newest = self.numbered(key).next_back()?.0;
        self.remove(key.clone(), newest)
    }

    /// Keeps a value: the oldest of its key makes room for it, or the oldest of all.
    pub fn put(&mut self, key: &K, value: V) {
        if self.per_key == 0 || self.in_all == 0 {
            return;
        }
        while self.numbered(key).count() >= self.per_key {
            let Some(oldest) = self.numbered(key).next().map(|(number, _)| number) else { break };
            self.remove(key.clone(), oldest);
        }
        while self.len() >= self.in_all {
            let Some((oldest, of)) = self.by_age.pop_first() else { break };
            self.remove(of, oldest);
        }
        self.count += 1;
        self.values.insert((key.clone(), self.count), value);
        self.by_age.insert(self.count, key.clone());
    }

    /// All values of a key, the oldest first; they stay.
    pub fn of(&self, key: &K) -> impl Iterator<Item = &V> {
        self.numbered(key).map(|(_, value)| value)
    }

    fn numbered(&self, key: &K) -> impl DoubleEndedIterator<Item = (u64, &V)> + use<'_, K, V> {
        let all = (key.clone(), 0)..=(key.clone(), u64::MAX);
        self.values.range(all).map(|((_, number), value)| (*number, value))
    }

    fn remove(&mut self, key: K, number: u64) -> Option<V> {
        self.by_age.remove(&number);
        self.values.remove(&(key, number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_given_once_the_newest_of_its_key_first() {
        let mut kept = SingleUse::new(4, 8);
        (1..=3).for_each(|value| kept.put(&'a', value));
        kept.put(&'b', 9);
        assert_eq!((kept.len(), kept.is_empty()), (4, false));
        assert!(kept.of(&'a').eq(&[1, 2, 3]) && kept.of(&'c').next().is_none());
        assert_eq!([(); 4].map(|()| kept.take(&'a')), [Some(3), Some(2), Some(1), None]);
        assert_eq!(kept.take(&'b'), Some(9));
        assert!(kept.is_empty() && kept.by_age.is_empty());
    }

    #[test]
    fn the_oldest_make_room() {
        let mut kept = SingleUse::new(2, 3);
        (1..=5).for_each(|value| kept.put(&'a', value));
        assert_eq!(kept.len(), 2);
        kept.put(&'b', 6);
        kept.put(&'b', 7);
        assert_eq!((kept.len(), kept.by_age.len()), (3, 3));
        assert_eq!([kept.take(&'a'), kept.take(&'a')], [Some(5), None], "of its two the older went");
        kept.clear();
        assert!(kept.is_empty() && kept.by_age.is_empty() && kept.take(&'b').is_none());
        for (per_key, in_all) in [(0, 4), (4, 0)] {
            let mut none = SingleUse::new(per_key, in_all);
            none.put(&'a', 1);
            assert!(none.is_empty());
        }
    }
}
