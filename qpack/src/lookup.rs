//! Which entries of the encoder's table have a line or a name: found by hash, newest first.
//!
//! Every entry is in two chains, of the lines and of the names whose hashes end alike. An entry that was evicted is not taken
//! out: a chain goes to ever older entries and ends where they are no longer in the table. A chain is as long as the table at
//! most, whatever names and values somebody chooses.

use crate::dynamic_table::DynamicTable;
use alloc::boxed::Box;
use alloc::collections::VecDeque;

/// A name and its value, as numbers that are equal where these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hashes {
    pub(crate) name: u32,
    pub(crate) line: u32,
}

impl Hashes {
    pub(crate) fn of(name: &[u8], value: &[u8]) -> Hashes {
        let of_name = hash(0, name);
        Hashes { name: (of_name >> 32) as u32, line: (hash(of_name, value) >> 32) as u32 }
    }
}

/// Spreads well enough for a table of a hundred entries, in a step for each eight bytes.
fn hash(seed: u64, text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let start = mix(seed, text.len() as u64);
    let hash = words.iter().fold(start, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    mix(hash, rest.iter().fold(0, |last, byte| last << 8 | u64::from(*byte)))
}

/// Both halves of a product of 128 bits.
fn mix(hash: u64, word: u64) -> u64 {
    const MULTIPLIER: u128 = 0x9e37_79b9_7f4a_7c15;
    let product = u128::from(hash.rotate_left(23) ^ word) * MULTIPLIER;
    (product >> 64) as u64 ^ product as u64
}

/// What there is of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// The newest entry below the limit.
    pub(crate) index: Option<u64>,
    /// There is one above it.
    pub(crate) is_above: bool,
}

/// The chains.
#[derive(Debug)]
pub(crate) struct Lookup {
    /// One more than the newest entry of each chain; zero for none. The number of chains is a power of two.
    lines: Box<[u64]>,
    names: Box<[u64]>,
    /// Of the entries in the table.
    links: VecDeque<Link>,
    /// The absolute index of the first of these.
    first: u64,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    hashes: Hashes,
    older_line: u64,
    older_name: u64,
}

impl Lookup {
    /// For a table of so many entries at most.
    pub(crate) fn new(max_entries: u64) -> Lookup {
        let chains = usize::try_from(max_entries).unwrap_or(usize::MAX).clamp(1, 1024).next_power_of_two();
        let empty = || alloc::vec![0; chains].into_boxed_slice();
        Lookup { lines: empty(), names: empty(), links: VecDeque::new(), first: 0 }
    }

    /// `table` has a new entry, with these hashes; others may have been evicted.
    pub(crate) fn on_inserted(&mut self, hashes: Hashes, table: &DynamicTable) {
        let place = table.inserted();
        let (line, name) = (chain(&mut self.lines, hashes.line), chain(&mut self.names, hashes.name));
        let older_line = core::mem::replace(line, place);
        let older_name = core::mem::replace(name, place);
        self.links.push_back(Link { hashes, older_line, older_name });
        while self.first < table.first() && self.links.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// Entries with this name and value, of those whose absolute index is below `limit`.
    pub(crate) fn line(&self, hashes: Hashes, name: &[u8], value: &[u8], table: &DynamicTable, limit: u64) -> Found {
        let place = self.lines.get(hashes.line as usize & (self.lines.len() - 1));
        let mut found = Found::default();
        let mut next = place.copied().unwrap_or(0);
        while let Some((index, link)) = self.link(next) {
            if link.hashes == hashes && table.get(index) == Some((name, value)) {
                if index < limit {
                    found.index = Some(index);
                    break;
                }
                found.is_above = true;
            }
            next = link.older_line;
        }
        found
    }

    /// The newest entry with this name, of those whose absolute index is below `limit`.
    pub(crate) fn name(&self, hashes: Hashes, name: &[u8], table: &DynamicTable, limit: u64) -> Option<u64> {
        let mut next = self.names.get(hashes.name as usize & (self.names.len() - 1)).copied()?;
        while let Some((index, link)) = self.link(next) {
            let is_it = || table.get(index).is_some_and(|(of_entry, _)| of_entry == name);
            if index < limit && link.hashes.name == hashes.name && is_it() {
                return Some(index);
            }
            next = link.older_name;
        }
        None
    }

    fn link(&self, place: u64) -> Option<(u64, &Link)> {
        let index = place.checked_sub(1)?;
        let at = usize::try_from(index.checked_sub(self.first)?).ok()?;
        Some((index, self.links.get(at)?))
    }
}

fn chain(chains: &mut [u64], hash: u32) -> &mut u64 {
    let last = chains.len() - 1;
    chains.get_mut(hash as usize & last).expect("the number of chains is a power of two")
}
