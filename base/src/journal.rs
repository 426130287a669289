//! Records of what happened, kept in order until somebody pulls them.
//!
//! A protocol writes a record where something happens and goes on; whoever listens pulls the records when the work is done.
//! So no foreign code runs in the middle of protocol work, and what is recorded cannot disturb it. A journal is bounded: when
//! nobody pulls, the newest records are left out and counted, because the beginning of a connection explains the rest.

use crate::time::Instant;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Records of type `R`, each with the time and with bytes that belong to it.
#[derive(Clone, Debug)]
pub struct Journal<R> {
    entries: VecDeque<Stored<R>>,
    /// The bytes of all entries, one after the other. Those before `pulled` belong to entries that are gone.
    content: Vec<u8>,
    pulled: usize,
    limits: JournalLimits,
    /// Records that were left out since the last one that was kept.
    left_out: u64,
}

/// What a journal holds at most while nobody pulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalLimits {
    /// Records. Default 4,096.
    pub entries: usize,
    /// Bytes of content, all records together. Default 256 KiB: what a connection sends in four full batches.
    pub content: usize,
}

impl Default for JournalLimits {
    fn default() -> JournalLimits {
        JournalLimits { entries: 4096, content: 256 * 1024 }
    }
}

/// A record as it is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a, R> {
    /// When it happened.
    pub at: Instant,
    /// What happened.
    pub record: R,
    /// The bytes that belong to it.
    pub content: &'a [u8],
    /// How many records were left out between the one before and this one, for want of room.
    pub left_out: u64,
}

#[derive(Clone, Copy, Debug)]
struct Stored<R> {
    at: Instant,
    record: R,
    content_len: usize,
    left_out: u64,
}

impl<R> Journal<R> {
    /// An empty journal.
    pub const fn new(limits: JournalLimits) -> Journal<R> {
        Journal { entries: VecDeque::new(), content: Vec::new(), pulled: 0, limits, left_out: 0 }
    }

    /// Keeps a record and a copy of the bytes that belong to it, or counts it as left out where there is no room.
    pub fn push(&mut self, at: Instant, record: R, content: &[u8]) {
        let held = self.content.len() - self.pulled;
        if self.entries.len() >= self.limits.entries || held + content.len() > self.limits.content {
            self.left_out += 1;
            return;
        }
        self.content.extend_from_slice(content);
        let left_out = core::mem::take(&mut self.left_out);
        self.entries.push_back(Stored { at, record, content_len: content.len(), left_out });
    }

    /// The oldest record that was not pulled yet.
    pub fn poll(&mut self) -> Option<Entry<'_, R>> {
        if self.entries.is_empty() || self.pulled > self.limits.content {
            // Bytes are given back here and not where a record is pulled, because the record still borrows them.
            self.content.drain(..self.pulled);
            self.pulled = 0;
        }
        let Stored { at, record, content_len, left_out } = self.entries.pop_front()?;
        let begin = self.pulled;
        self.pulled += content_len;
        let content = self.content.get(begin..self.pulled);
        let content = content.expect("a journal holds the content of each of its entries");
        Some(Entry { at, record, content, left_out })
    }

    /// Whether every record was pulled.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanoseconds: u64) -> Instant {
        Instant::from_nanos(nanoseconds)
    }

    #[test]
    fn records_come_back_in_order_with_their_content() {
        let mut journal = Journal::new(JournalLimits::default());
        journal.push(at(1), 'a', b"one");
        journal.push(at(2), 'b', b"");
        assert_eq!(journal.poll(), Some(Entry { at: at(1), record: 'a', content: b"one", left_out: 0 }));
        journal.push(at(3), 'c', b"three");
        assert_eq!(journal.poll(), Some(Entry { at: at(2), record: 'b', content: b"", left_out: 0 }));
        assert_eq!(journal.poll(), Some(Entry { at: at(3), record: 'c', content: b"three", left_out: 0 }));
        assert_eq!(journal.poll(), None);
        assert!(journal.is_empty());
    }

    #[test]
    fn what_finds_no_room_is_counted_and_told_with_the_next_record() {
        let mut journal = Journal::new(JournalLimits { entries: 2, content: 4 });
        journal.push(at(1), 1, b"1234");
        journal.push(at(2), 2, b"5");
        journal.push(at(3), 3, b"");
        journal.push(at(4), 4, b"");
        assert_eq!(journal.poll().map(|entry| (entry.record, entry.left_out)), Some((1, 0)));
        journal.push(at(5), 5, b"678");
        assert_eq!(journal.poll().map(|entry| (entry.record, entry.left_out)), Some((3, 1)));
        assert_eq!(
            journal.poll().map(|entry| (entry.record, entry.content, entry.left_out)),
            Some((5, &b"678"[..], 1))
        );
        assert_eq!(journal.poll(), None);
    }

    #[test]
    fn a_journal_that_is_pulled_holds_no_more_than_twice_its_limit() {
        let mut journal = Journal::new(JournalLimits { entries: 8, content: 100 });
        journal.push(at(0), 0, &[0; 10]);
        for number in 1..10_000u64 {
            journal.push(at(number), number, &[number as u8; 10]);
            let entry = journal.poll().expect("one is there");
            assert_eq!((entry.record, entry.left_out), (number - 1, 0));
            assert_eq!(entry.content, [(number - 1) as u8; 10]);
            assert!(journal.content.len() <= 220);
        }
    }
}
