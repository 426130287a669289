//! What a store of events reads: segments on a disk that may have changed in any way, records in them, and lines of NATS.

use super::nats_wire::{Malformed, Reader, Said};
use events::broker::log::{Log, Record, Records};
use events::broker::{Broker, Settings, record};
use events::delivery::{BatchLimits, EncodedEvent, Operation, Outcome, Refusal, Start};
use journal::{DATA_START, Files, Journal, JournalFile, Options};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

/// A folder in memory.
#[derive(Clone, Default)]
struct Folder(Rc<RefCell<BTreeMap<String, Vec<u8>>>>);

struct File(Folder, String);

impl Files for Folder {
    type File = File;

    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(self.0.borrow().keys().cloned().collect())
    }

    fn create(&mut self, name: &str) -> io::Result<File> {
        self.0.borrow_mut().insert(name.to_owned(), Vec::new());
        Ok(File(self.clone(), name.to_owned()))
    }

    fn open(&mut self, name: &str) -> io::Result<File> {
        Ok(File(self.clone(), name.to_owned()))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.0.borrow_mut().remove(name);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl File {
    fn with<R>(&self, act: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        act((self.0).0.borrow_mut().entry(self.1.clone()).or_default())
    }
}

impl JournalFile for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|bytes| {
            let rest = &bytes[(offset as usize).min(bytes.len())..];
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        })
    }

    fn write_at(&mut self, written: &[u8], offset: u64) -> io::Result<usize> {
        self.with(|bytes| {
            let end = offset as usize + written.len();
            bytes.resize(bytes.len().max(end), 0);
            bytes[offset as usize..end].copy_from_slice(written);
            Ok(written.len())
        })
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.with(|bytes| bytes.resize(len as usize, 0));
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.with(|bytes| bytes.len()) as u64)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Kind, number and content of each record.
type Found = Vec<(u8, u64, Vec<u8>)>;

fn open(folder: &Folder) -> (Journal<Folder>, Found) {
    let mut journal = Journal::open(folder.clone(), Options::default()).expect("memory has no errors");
    let mut found = Vec::new();
    let replayed = journal.replay(&mut |record| found.push((record.kind, record.sequence, record.content.to_vec())));
    replayed.expect("memory has no errors");
    (journal, found)
}

/// A segment of a few records, of which the input has changed bytes: two for a place, one for how. What is found once is found again,
/// and what is appended then is there.
pub(super) fn journal(data: &[u8]) {
    let folder = Folder::default();
    let (mut journal, _) = open(&folder);
    for sequence in 1..=8u64 {
        let content = vec![sequence as u8; 3 * sequence as usize];
        let record = journal::Record { kind: 1, sequence, time: sequence, content: &content };
        journal.append([record].into_iter()).expect("memory has no errors");
    }
    journal.commit().expect("memory has no errors");
    let name = folder.0.borrow().keys().next().expect("a segment").clone();
    let crashed = folder.0.borrow().clone();
    drop(journal);
    if data.first().is_some_and(|byte| byte % 2 == 1) {
        // A crash leaves the zeros that were written ahead.
        *folder.0.borrow_mut() = crashed;
    }
    let (changes, behind) = data.split_at(data.len().min(48));
    folder.0.borrow_mut().entry(name.clone()).and_modify(|bytes| {
        for change in changes.chunks_exact(3) {
            let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len();
            bytes[place] ^= change[2];
        }
        bytes.extend_from_slice(behind);
    });
    let (mut journal, first) = open(&folder);
    journal.append([journal::Record { kind: 1, sequence: 100, time: 0, content: b"new" }].into_iter()).expect("room");
    journal.commit().expect("memory has no errors");
    let mut read = Vec::new();
    let done = journal.read(100, &mut |record| {
        read.push(record.content.to_vec());
        ControlFlow::Continue(())
    });
    done.expect("memory has no errors");
    assert_eq!(read.last().map(Vec::as_slice), Some(&b"new"[..]));
    drop(journal);
    let (mut journal, second) = open(&folder);
    assert_eq!(second.len(), first.len() + 1);
    assert!(second.starts_with(&first));
    let torn = journal.take_damages().into_iter().find(|damage| matches!(damage, journal::Damage::Torn { .. }));
    assert_eq!(torn, None, "what is torn is cut off once");
    assert!(folder.0.borrow().values().all(|bytes| bytes.len() as u64 >= DATA_START));
}

/// A log that hands out what the input says: kind, number, length, content.
struct Given<'a>(&'a [u8]);

impl Log for Given<'_> {
    fn namespaces(&mut self) -> Result<Vec<String>, Refusal> {
        Ok(vec!["n".to_owned()])
    }

    fn create(&mut self, _: &str) -> Result<(), Refusal> {
        Ok(())
    }

    fn replay(&mut self, _: &str, visit: &mut dyn FnMut(Record<'_>)) -> Result<(), Refusal> {
        let mut rest = self.0;
        while let Some((&[kind, sequence, len], behind)) = rest.split_first_chunk::<3>() {
            let (content, after) = behind.split_at(behind.len().min(usize::from(len)));
            visit(Record { kind, sequence: u64::from(sequence), time: u64::from(len), content });
            rest = after;
        }
        Ok(())
    }

    fn append(&mut self, _: &str, _: &Records) -> Result<(), Refusal> {
        Ok(())
    }

    fn commit(&mut self, _: &BTreeSet<Arc<str>>) -> Vec<(Arc<str>, Refusal)> {
        Vec::new()
    }

    fn read(
        &mut self,
        _: &str,
        from: u64,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(), Refusal> {
        let _ = visit(Record { kind: 1, sequence: from, time: 0, content: self.0 });
        Ok(())
    }

    fn wants_snapshot(&self, _: &str) -> bool {
        true
    }

    fn keep_snapshot(&mut self, _: &str, snapshot: &Records) -> Result<(), Refusal> {
        assert_eq!(snapshot.len(), 1);
        Ok(())
    }

    fn drop_before(&mut self, _: &str, _: u64) {}
}

/// Any records make a queue that works.
pub(super) fn records(data: &[u8]) {
    if let Some(event) = record::read_event(data) {
        assert!(event.id.len() + event.key.len() + event.bytes.len() + 12 == data.len());
    }
    let now = base::Instant::ZERO;
    let Ok(mut broker) = Broker::new(Settings::default(), Given(data), now, 1_000) else { return };
    let event = EncodedEvent { id: "".into(), key: String::new(), timestamp: 0, bytes: "x".into() };
    broker.handle(now, 1_000, 1, Operation::Publish { namespace: "n".into(), events: vec![event] });
    broker.handle(now, 1_000, 2, Operation::Describe { namespace: None });
    let read = Operation::Read { namespace: "n".into(), from: Start::Earliest, limits: BatchLimits::default() };
    broker.handle(now, 1_000, 3, read);
    broker.commit(now, 1_000);
    let answers: Vec<(u64, Outcome)> = std::iter::from_fn(|| broker.poll_answer()).collect();
    assert_eq!(answers.len(), 3);
}

/// What a server says in these pieces, up to where it is not the protocol.
fn said<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Said>, Option<Malformed>) {
    let (mut reader, mut found) = (Reader::default(), Vec::new());
    for piece in pieces {
        reader.push(piece);
        loop {
            match reader.next() {
                Ok(Some(said)) => found.push(said),
                Ok(None) => break,
                Err(error) => return (found, Some(error)),
            }
        }
    }
    (found, None)
}

/// Whole and byte by byte a server says the same.
pub(super) fn nats(data: &[u8]) {
    assert_eq!(said(data.chunks(1)), said(std::iter::once(data)));
}
