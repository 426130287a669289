//! Where in a segment events are: one place for each 16 KiB.

/// Bytes between places.
const SPACING: u64 = 16 << 10;

/// Places of events of one segment, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Index {
    places: Vec<(u64, u64)>,
}

impl Index {
    /// The event `sequence` is at `offset`.
    pub(crate) fn push(&mut self, sequence: u64, offset: u64) {
        if self.places.last().is_none_or(|(_, last)| offset >= last + SPACING) {
            self.places.push((sequence, offset));
        }
    }

    /// A place that the event is not before.
    pub(crate) fn find(&self, sequence: u64, start: u64) -> u64 {
        let after = self.places.partition_point(|(one, _)| *one <= sequence);
        after.checked_sub(1).and_then(|place| self.places.get(place)).map_or(start, |(_, offset)| *offset)
    }

    /// Nothing at `len` or behind it.
    pub(crate) fn truncate(&mut self, len: u64) {
        self.places.truncate(self.places.partition_point(|(_, offset)| *offset < len));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_before_what_is_looked_for() {
        let mut index = Index::default();
        for sequence in 10..10_000 {
            index.push(sequence, sequence * 100);
        }
        assert!(index.places.len() < 62);
        for sequence in 0..10_100u64 {
            let found = index.find(sequence, 5);
            assert!(found == 5 && sequence < 10 || found <= sequence * 100 && found + 2 * SPACING > sequence * 100);
        }
        index.truncate(500_000);
        assert!(index.find(9_999, 5) < 500_000);
        index.truncate(0);
        assert_eq!(index.find(9_999, 5), 5);
    }
}
