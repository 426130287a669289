//! What a broker stands on: one log of records for each namespace.

use crate::delivery::Refusal;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::{ControlFlow, Range};

/// Logs of records, one for each namespace, in which records stay in the order in which they were appended.
///
/// What was appended is durable after [`commit`](Log::commit). Until then a crash may take it, from the end on: whatever is left is
/// a prefix of what was appended, at least up to the last commit. Events of one log have numbers that grow.
pub trait Log {
    /// The names of all logs.
    ///
    /// # Errors
    /// They cannot be listed.
    fn namespaces(&mut self) -> Result<Vec<String>, Refusal>;

    /// Makes a log, durable when it returns, or finds that it is there.
    ///
    /// # Errors
    /// It cannot be made.
    fn create(&mut self, namespace: &str) -> Result<(), Refusal>;

    /// Opens a log anew, as after a crash, and hands out its records from the last snapshot on, that first. Where it has no snapshot,
    /// all of them.
    ///
    /// # Errors
    /// It cannot be read.
    fn replay(&mut self, namespace: &str, visit: &mut dyn FnMut(Record<'_>)) -> Result<(), Refusal>;

    /// Appends records: all or none.
    ///
    /// # Errors
    /// There is no room. None was appended.
    fn append(&mut self, namespace: &str, records: &Records) -> Result<(), Refusal>;

    /// Makes durable what was appended to these logs, at the same time where it can. Gives those that have failed, and why: what was
    /// appended to them since the last commit is gone, and they have to be opened anew, by [`replay`](Log::replay).
    fn commit(&mut self, namespaces: &BTreeSet<Arc<str>>) -> Vec<(Arc<str>, Refusal)>;

    /// Hands out events from number `from` on, in order, until `visit` has enough.
    ///
    /// # Errors
    /// They cannot be read.
    fn read(
        &mut self,
        namespace: &str,
        from: u64,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(), Refusal>;

    /// Whether so much was appended since the last snapshot that a new one is due. Only asked right after a commit.
    fn wants_snapshot(&self, namespace: &str) -> bool;

    /// Keeps a snapshot, from which a replay may begin. It says the same as all records before it.
    ///
    /// # Errors
    /// It was not kept; the one before is still good.
    fn keep_snapshot(&mut self, namespace: &str, snapshot: &Records) -> Result<(), Refusal>;

    /// Events before this number are not read any more: their room may be given back.
    fn drop_before(&mut self, namespace: &str, sequence: u64);
}

/// A record of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it is: one of [`kind`].
    pub kind: u8,
    /// Of an event, its number; of others, that of the next event.
    pub sequence: u64,
    /// When it was appended, in milliseconds since 1970.
    pub time: u64,
    /// What it says.
    pub content: &'a [u8],
}

/// Kinds of records.
pub mod kind {
    /// An event.
    pub const EVENT: u8 = 1;
    /// A subscription was made.
    pub const SUBSCRIBED: u8 = 2;
    /// A subscription has ended.
    pub const UNSUBSCRIBED: u8 = 3;
    /// Events are settled for a subscription: it delivers them no more.
    pub const SETTLED: u8 = 4;
    /// An attempt to deliver an event has failed.
    pub const FAILED: u8 = 5;
    /// Events before a number are no more.
    pub const EXPIRED: u8 = 6;
    /// All that a queue knows.
    pub const SNAPSHOT: u8 = 7;
    /// Numbers before this one may have been given to events that a crash has taken. They are not given again. A log hands it out, and
    /// does not keep it.
    pub const UNUSED: u8 = 8;
}

/// Records that are appended together.
#[derive(Clone, Debug, Default)]
pub struct Records {
    content: Vec<u8>,
    entries: Vec<(u8, u64, u64, Range<usize>)>,
}

impl Records {
    /// None.
    pub const fn new() -> Records {
        Records { content: Vec::new(), entries: Vec::new() }
    }

    /// None, with room for so many records of so many bytes.
    pub(crate) fn with_capacity(count: usize, bytes: usize) -> Records {
        Records { content: Vec::with_capacity(bytes), entries: Vec::with_capacity(count) }
    }

    /// Adds one whose content `write` appends.
    pub fn push(&mut self, kind: u8, sequence: u64, time: u64, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.content.len();
        write(&mut self.content);
        self.entries.push((kind, sequence, time, start..self.content.len()));
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        self.entries.iter().map(|(kind, sequence, time, range)| Record {
            kind: *kind,
            sequence: *sequence,
            time: *time,
            content: self.content.get(range.clone()).unwrap_or(&[]),
        })
    }

    /// How many.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
