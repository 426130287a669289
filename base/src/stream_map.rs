//! Something for each stream of a connection, found in constant time.
//!
//! Streams of a kind are numbered one after the other, and those that live at the same time mostly have neighbouring
//! numbers. So the low bits of the number give the place in a table, and nearly every look-up hits at once. Where two
//! meet, one stands behind the other (linear probing, and the entry farther from its home goes first). A peer that
//! keeps chosen streams open to cause this makes a look-up walk past at most the streams it has open. The size of the
//! table follows the number of live streams, whatever their numbers are.
//!
//! Invariants: at most three quarters of the places are taken; from a stream's home to its place no place is free, and
//! no entry on the way is nearer to its own home than the stream was there. So a search may end at the first entry that
//! is, and removing never walks through a long row of streams that all stand at home.

use crate::StreamId;
use alloc::vec::Vec;

/// The fewest places of a table that has any.
const FEWEST: usize = 8;

/// A map by stream. Allocates nothing while it is empty and new.
#[derive(Clone, Debug)]
pub struct StreamMap<T> {
    /// None at all, or a power of two of them.
    places: Vec<Option<(StreamId, T)>>,
    len: usize,
}

impl<T> Default for StreamMap<T> {
    fn default() -> StreamMap<T> {
        StreamMap::new()
    }
}

impl<T> StreamMap<T> {
    /// Without streams.
    pub const fn new() -> StreamMap<T> {
        StreamMap { places: Vec::new(), len: 0 }
    }

    /// How many streams there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What is known of `id`.
    #[inline]
    pub fn get(&self, id: StreamId) -> Option<&T> {
        self.places.get(self.find(id)?)?.as_ref().map(|(_, value)| value)
    }

    /// The same, to be changed.
    #[inline]
    pub fn get_mut(&mut self, id: StreamId) -> Option<&mut T> {
        let place = self.find(id)?;
        self.places.get_mut(place)?.as_mut().map(|(_, value)| value)
    }

    /// Whether `id` is known.
    pub fn contains(&self, id: StreamId) -> bool {
        self.find(id).is_some()
    }

    /// Keeps `value` for `id`; gives what was kept before.
    #[inline]
    pub fn insert(&mut self, id: StreamId, value: T) -> Option<T> {
        // Mostly it stands nowhere and its home is free: what is away from home has no free place before it.
        let home = self.home(id);
        if (self.len + 1) * 4 <= self.places.len() * 3
            && let Some(free @ None) = self.places.get_mut(home)
        {
            *free = Some((id, value));
            self.len += 1;
            return None;
        }
        self.insert_behind(id, value)
    }

    /// The home of `id` is taken, or the table has to grow.
    #[inline(never)]
    fn insert_behind(&mut self, id: StreamId, value: T) -> Option<T> {
        if let Some(known) = self.get_mut(id) {
            return Some(core::mem::replace(known, value));
        }
        if (self.len + 1) * 4 > self.places.len() * 3 {
            self.resize((self.places.len() * 2).max(FEWEST));
        }
        self.put(id, value);
        self.len += 1;
        None
    }

    /// Forgets `id`; gives what was kept for it.
    pub fn remove(&mut self, id: StreamId) -> Option<T> {
        let place = self.find(id)?;
        let (_, value) = self.places.get_mut(place)?.take()?;
        self.len -= 1;
        self.close_gap(place);
        // Far below what would make it grow again.
        if self.places.len() > FEWEST && self.len * 8 < self.places.len() {
            self.resize(self.places.len() / 2);
        }
        Some(value)
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = StreamMap::new();
    }

    /// All streams, in no order that means anything, though the same in every run.
    pub fn iter(&self) -> impl Iterator<Item = (StreamId, &T)> {
        self.places.iter().flatten().map(|(id, value)| (*id, value))
    }

    /// The same, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (StreamId, &mut T)> {
        self.places.iter_mut().flatten().map(|(id, value)| (*id, value))
    }

    /// What is known of all streams.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.iter().map(|(_, value)| value)
    }

    const fn mask(&self) -> usize {
        self.places.len().saturating_sub(1)
    }

    /// Where `id` would stand in an empty table. The kinds are kept apart, each has its numbers from zero, and neighbours are not
    /// beside each other: else all behind one that is away from home would be.
    const fn home(&self, id: StreamId) -> usize {
        let (number, kind) = (id.index() as usize, (id.value() & 3) as usize);
        (number ^ (number << 3) ^ (kind * (self.places.len() / 4))) & self.mask()
    }

    /// How far `place` is from the home of `id`, which stands there.
    const fn distance(&self, id: StreamId, place: usize) -> usize {
        // A place is below the length, which is one bit.
        ((place | self.places.len()) - self.home(id)) & self.mask()
    }

    #[inline]
    fn find(&self, id: StreamId) -> Option<usize> {
        let home = self.home(id);
        // Nearly always; without any place at all it ends at once.
        if self.places.get(home)?.as_ref()?.0 == id { Some(home) } else { self.find_behind(home, id) }
    }

    /// Another stream stands at the home of `id`.
    #[inline(never)]
    fn find_behind(&self, home: usize, id: StreamId) -> Option<usize> {
        let (mut place, mut distance) = ((home + 1) & self.mask(), 1);
        // It ends: some place is free.
        while let Some((known, _)) = self.places.get(place)? {
            if *known == id {
                return Some(place);
            }
            if self.distance(*known, place) < distance {
                return None;
            }
            (place, distance) = ((place + 1) & self.mask(), distance + 1);
        }
        None
    }

    /// Puts a stream that is not there at its home, or behind it: the entry farther from its home has the place.
    fn put(&mut self, id: StreamId, value: T) {
        let (mut place, mut distance) = (self.home(id), 0);
        let mut homeless = (id, value);
        while let Some(Some((known, _))) = self.places.get(place) {
            let known = self.distance(*known, place);
            if known < distance
                && let Some(Some(entry)) = self.places.get_mut(place)
            {
                core::mem::swap(entry, &mut homeless);
                distance = known;
            }
            (place, distance) = ((place + 1) & self.mask(), distance + 1);
        }
        if let Some(free) = self.places.get_mut(place) {
            *free = Some(homeless);
        }
    }

    /// `gap` is free now: those behind it that are away from home move up, as far as they stand in a row.
    fn close_gap(&mut self, mut gap: usize) {
        loop {
            let next = (gap + 1) & self.mask();
            match self.places.get(next) {
                Some(Some((id, _))) if self.distance(*id, next) > 0 => self.places.swap(gap, next),
                _ => return,
            }
            gap = next;
        }
    }

    fn resize(&mut self, count: usize) {
        let mut places = Vec::with_capacity(count);
        places.resize_with(count, || None);
        let old = core::mem::replace(&mut self.places, places);
        for (id, value) in old.into_iter().flatten() {
            self.put(id, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Direction, Side};
    use alloc::collections::BTreeMap;

    fn id(value: u64) -> StreamId {
        let side = if value & 1 == 0 { Side::Client } else { Side::Server };
        let direction = if value & 2 == 0 { Direction::Bidirectional } else { Direction::Unidirectional };
        StreamId::new(side, direction, value >> 2).unwrap()
    }

    fn assert_same(map: &StreamMap<u64>, model: &BTreeMap<u64, u64>) {
        assert_eq!(map.len(), model.len());
        assert_eq!(map.is_empty(), model.is_empty());
        let mut all: Vec<_> = map.iter().map(|(id, value)| (id.value(), *value)).collect();
        all.sort_unstable();
        assert!(all.iter().copied().eq(model.iter().map(|(id, value)| (*id, *value))));
        for (key, value) in model {
            assert_eq!(map.get(id(*key)), Some(value));
        }
        assert!(map.len() * 4 <= map.places.len() * 3);
        for (place, entry) in map.places.iter().enumerate() {
            let Some((id, _)) = entry else { continue };
            for back in 1..=map.distance(*id, place) {
                let before = (place + map.places.len() - back) & map.mask();
                let (known, _) = map.places[before].as_ref().expect("no free place on the way");
                assert!(map.distance(*known, before) >= map.distance(*id, place) - back);
            }
        }
    }

    /// Numbers that collide in every way, inserted and removed as a generator says, beside a map that is known to be right.
    #[test]
    fn it_is_a_map() {
        for spread in [1, 4, 64, 1 << 20] {
            let (mut map, mut model) = (StreamMap::new(), BTreeMap::new());
            let mut state = 1u64;
            for step in 0..4_000 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let key = (state >> 33) % 97 * spread;
                if (state >> 20) % 100 < if step / 500 % 2 == 0 { 70 } else { 30 } {
                    assert_eq!(map.insert(id(key), step), model.insert(key, step));
                } else {
                    assert_eq!(map.remove(id(key)), model.remove(&key));
                    assert!(!map.contains(id(key)));
                }
                if step % 16 == 0 {
                    assert_same(&map, &model);
                }
            }
            for (_, value) in map.iter_mut() {
                *value += 1;
            }
            model.values_mut().for_each(|value| *value += 1);
            assert_same(&map, &model);
        }
    }

    #[test]
    fn memory_follows_the_streams_that_live_and_not_their_numbers() {
        let mut map = StreamMap::new();
        assert_eq!(map.get(id(0)), None);
        assert_eq!(map.remove(id(0)), None);
        map.insert(id(0), 0);
        for key in 1..100_000 {
            map.insert(id(4 * key), key);
            assert_eq!(map.remove(id(4 * key)), Some(key));
        }
        assert_eq!((map.len(), map.places.len()), (1, FEWEST));
        for key in 1..1000 {
            map.insert(id(4 * key), key);
        }
        assert!(map.places.len() <= 2048);
        for key in 1..1000 {
            map.remove(id(4 * key));
        }
        assert_eq!((map.get(id(0)), map.places.len()), (Some(&0), FEWEST));
        map.clear();
        assert!(map.is_empty() && map.places.is_empty());
    }
}
