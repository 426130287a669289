//! The logs of a broker as journals, each in a folder of its own.

use events::broker::log::{Log, Record, Records, kind};
use events::delivery::Refusal;
use journal::{Files, Journal, Options};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The most damages that are remembered until somebody asks.
const MOST_DAMAGES: usize = 256;

/// Syncs under way at the same time, at most.
const MOST_SYNCS: usize = 16;

/// Folders of namespaces.
pub(crate) trait Folders {
    /// The files of one.
    type Files: Files<File: Send> + Send;

    /// The names of all.
    fn names(&mut self) -> io::Result<Vec<String>>;

    /// One of them, made if it is not there.
    fn open(&mut self, name: &str) -> io::Result<Self::Files>;
}

/// What was found to be damaged on the disk, for people to read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Damages(Arc<Mutex<VecDeque<String>>>);

impl Damages {
    fn note(&self, namespace: &str, all: Vec<journal::Damage>) {
        let mut damages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for damage in all {
            if damages.len() >= MOST_DAMAGES {
                damages.pop_front();
            }
            damages.push_back(format!("{namespace}/{damage}"));
        }
    }

    /// All since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

/// Journals by namespace.
pub(crate) struct JournalLog<S: Folders> {
    folders: S,
    options: Options,
    journals: BTreeMap<String, Journal<S::Files>>,
    damages: Damages,
}

impl<S: Folders> JournalLog<S> {
    pub(crate) fn new(folders: S, options: Options, damages: Damages) -> JournalLog<S> {
        let options = Options { event_kind: kind::EVENT, snapshot_kind: kind::SNAPSHOT, ..options };
        JournalLog { folders, options, journals: BTreeMap::new(), damages }
    }

    fn open(&mut self, namespace: &str) -> Result<&mut Journal<S::Files>, Refusal> {
        if !self.journals.contains_key(namespace) {
            let files = self.folders.open(namespace).map_err(|error| system(namespace, &error))?;
            let journal = Journal::open(files, self.options).map_err(|error| refusal(namespace, &error))?;
            self.journals.insert(namespace.to_owned(), journal);
        }
        self.journal(namespace)
    }

    fn journal(&mut self, namespace: &str) -> Result<&mut Journal<S::Files>, Refusal> {
        let gone = || Refusal::NoSuchNamespace { namespace: namespace.to_owned() };
        self.journals.get_mut(namespace).ok_or_else(gone)
    }

    /// What reading has found is told.
    fn note(&mut self, namespace: &str) {
        let damages = self.journals.get_mut(namespace).map(Journal::take_damages).unwrap_or_default();
        if !damages.is_empty() {
            self.damages.note(namespace, damages);
        }
    }
}

fn system(namespace: &str, error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Refusal::DiskFull,
        _ => Refusal::Failed { reason: format!("{namespace}: {error}") },
    }
}

fn refusal(namespace: &str, error: &journal::Error) -> Refusal {
    if error.is_disk_full() { Refusal::DiskFull } else { Refusal::Failed { reason: format!("{namespace}: {error}") } }
}

fn from_journal(record: journal::Record<'_>) -> Record<'_> {
    let journal::Record { kind, sequence, time, content } = record;
    Record { kind, sequence, time, content }
}

fn to_journal(record: Record<'_>) -> journal::Record<'_> {
    let Record { kind, sequence, time, content } = record;
    journal::Record { kind, sequence, time, content }
}

impl<S: Folders> Log for JournalLog<S> {
    fn namespaces(&mut self) -> Result<Vec<String>, Refusal> {
        self.folders.names().map_err(|error| system(".", &error))
    }

    fn create(&mut self, namespace: &str) -> Result<(), Refusal> {
        let done = self.open(namespace)?.replay(&mut |_| ()).map(drop);
        done.map_err(|error| refusal(namespace, &error))
    }

    fn replay(&mut self, namespace: &str, visit: &mut dyn FnMut(Record<'_>)) -> Result<(), Refusal> {
        let journal = self.open(namespace)?;
        let replayed = journal.replay(&mut |record| visit(from_journal(record)));
        self.note(namespace);
        let sequence = replayed.map_err(|error| refusal(namespace, &error))?.next_unused;
        visit(Record { kind: kind::UNUSED, sequence, time: 0, content: &[] });
        Ok(())
    }

    fn append(&mut self, namespace: &str, records: &Records) -> Result<(), Refusal> {
        let done = self.journal(namespace)?.append(records.iter().map(to_journal));
        done.map_err(|error| refusal(namespace, &error))
    }

    fn commit(&mut self, namespaces: &BTreeSet<Arc<str>>) -> Vec<(Arc<str>, Refusal)> {
        let mut due: Vec<Due<'_, S::Files>> = Vec::with_capacity(namespaces.len());
        for namespace in namespaces {
            let journal = self.journals.remove_entry(&**namespace);
            due.extend(journal.map(|(name, journal)| Due { namespace, name, journal, error: None }));
        }
        commit_together(&mut due);
        let mut failed = Vec::new();
        for Due { namespace, name, journal, error } in due {
            failed.extend(error.map(|error| (Arc::clone(namespace), refusal(namespace, &error))));
            self.journals.insert(name, journal);
        }
        failed
    }

    fn read(
        &mut self,
        namespace: &str,
        from: u64,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(), Refusal> {
        let done = self.journal(namespace)?.read(from, &mut |record| visit(from_journal(record)));
        self.note(namespace);
        done.map_err(|error| refusal(namespace, &error))
    }

    fn wants_snapshot(&self, namespace: &str) -> bool {
        self.journals.get(namespace).is_some_and(Journal::wants_snapshot)
    }

    fn keep_snapshot(&mut self, namespace: &str, snapshot: &Records) -> Result<(), Refusal> {
        let base = snapshot.iter().next().map_or(1, |record| record.sequence);
        let done = self.journal(namespace)?.begin_segment(base, snapshot.iter().map(to_journal));
        done.map_err(|error| refusal(namespace, &error))
    }

    fn drop_before(&mut self, namespace: &str, sequence: u64) {
        if let Some(journal) = self.journals.get_mut(namespace) {
            journal.drop_before(sequence);
        }
    }
}

/// A journal that is to be committed.
struct Due<'a, F: Files> {
    namespace: &'a Arc<str>,
    name: String,
    journal: Journal<F>,
    error: Option<journal::Error>,
}

/// Commits several journals at the same time: a disk takes hardly longer for many syncs that it has at once than for one.
fn commit_together<F: Files<File: Send> + Send>(due: &mut [Due<'_, F>]) {
    let threads = due.len().min(MOST_SYNCS);
    let left = Mutex::new(due.iter_mut());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(one) = next() {
            one.error = one.journal.commit().err();
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // Where the system has no thread to give, the others do it all.
            let _ = thread::Builder::new().name("posthaste-sync".into()).spawn_scoped(scope, work);
        }
        work();
    });
}

#[cfg(test)]
#[path = "../../journal/tests/support/mod.rs"]
#[allow(dead_code, reason = "the journal's own tests use the rest of it")]
mod support;

#[cfg(test)]
mod tests {
    use super::support::Folder;
    use super::*;
    use base::{Duration, Instant};
    use events::broker::{Broker, Settings};
    use events::delivery::{
        BatchLimits, DeliveryId, EncodedEvent, Operation, Outcome, Start, SubscriptionId, SubscriptionSettings,
    };
    use sim::SeededRandom;

    /// Folders in memory, which lose with a crash what was not synced.
    #[derive(Clone)]
    struct Disk(Arc<Mutex<BTreeMap<String, usize>>>, std::rc::Rc<std::cell::RefCell<Vec<Folder>>>);

    impl Disk {
        fn new() -> Disk {
            Disk(Arc::default(), std::rc::Rc::default())
        }

        fn after_crash(&self, random: &mut SeededRandom) -> Disk {
            let names = self.0.lock().unwrap().clone();
            let folders = self.1.borrow().iter().map(|folder| folder.after_crash(random)).collect();
            Disk(Arc::new(Mutex::new(names)), std::rc::Rc::new(std::cell::RefCell::new(folders)))
        }
    }

    impl Folders for Disk {
        type Files = Folder;

        fn names(&mut self) -> io::Result<Vec<String>> {
            Ok(self.0.lock().unwrap().keys().cloned().collect())
        }

        fn open(&mut self, name: &str) -> io::Result<Folder> {
            let mut folders = self.1.borrow_mut();
            let place = *self.0.lock().unwrap().entry(name.to_owned()).or_insert_with(|| {
                folders.push(Folder::new());
                folders.len() - 1
            });
            Ok(folders[place].clone())
        }
    }

    struct World {
        seed: u64,
        random: SeededRandom,
        disk: Disk,
        published: BTreeMap<u64, String>,
        acknowledged: BTreeSet<u64>,
        count: u64,
    }

    const NOW: Instant = Instant::ZERO;
    const UNIX: u64 = 1_700_000_000_000;

    fn id() -> SubscriptionId {
        SubscriptionId { namespace: "n".into(), name: "s".into() }
    }

    impl World {
        fn broker(&self) -> Broker<JournalLog<Disk>> {
            let options = Options { segment_size: 3000, salt: 99, ..Options::default() };
            let log = JournalLog::new(self.disk.clone(), options, Damages::default());
            Broker::new(Settings::default(), log, NOW, UNIX).unwrap()
        }

        fn ask(broker: &mut Broker<JournalLog<Disk>>, operation: Operation) -> Outcome {
            broker.handle(NOW, UNIX, 1, operation);
            broker.commit(NOW, UNIX);
            broker.poll_answer().expect("an answer").1
        }

        /// One life of the process, which ends in the middle of something.
        fn live(&mut self) {
            let mut broker = self.broker();
            self.check(&mut broker);
            let settings = SubscriptionSettings { max_in_flight: 50, ..SubscriptionSettings::default() };
            World::ask(&mut broker, Operation::Subscribe { subscription: id(), settings });
            let mut held: Vec<DeliveryId> = Vec::new();
            for _ in 0..self.random.below(60) {
                match self.random.below(3) {
                    0 => {
                        self.count += 1;
                        let name = format!("{}-{}", self.count, "x".repeat(self.random.below(200) as usize));
                        let bytes = name.clone().into();
                        let event = EncodedEvent { id: name.as_str().into(), key: String::new(), timestamp: 0, bytes };
                        broker.handle(NOW, UNIX, 1, Operation::Publish { namespace: "n".into(), events: vec![event] });
                        if self.random.one_in(20) {
                            break;
                        }
                        broker.commit(NOW, UNIX);
                        let Some((_, Outcome::Published(published))) = broker.poll_answer() else {
                            panic!("an answer")
                        };
                        self.published.insert(published[0].sequence, name);
                    }
                    1 => {
                        let limits = BatchLimits { count: 5, wait: Duration::ZERO, ..BatchLimits::default() };
                        let fetch = Operation::Fetch { subscription: id(), consumer: 1, limits };
                        let Outcome::Batch(batch) = World::ask(&mut broker, fetch) else { panic!("a batch") };
                        for one in batch {
                            let seed = self.seed;
                            assert!(!self.acknowledged.contains(&one.id.sequence), "seed {seed}: {:?} again", one.id);
                            held.push(one.id);
                        }
                    }
                    _ => {
                        let Some(one) = held.pop() else { continue };
                        let deliveries = vec![one];
                        broker.handle(NOW, UNIX, 1, Operation::Acknowledge { subscription: id(), deliveries });
                        if self.random.one_in(20) {
                            break;
                        }
                        broker.commit(NOW, UNIX);
                        assert_eq!(broker.poll_answer().unwrap().1, Outcome::Done { unknown: 0 }, "seed {}", self.seed);
                        self.acknowledged.insert(one.sequence);
                    }
                }
            }
            self.disk = self.disk.after_crash(&mut self.random);
        }

        fn check(&self, broker: &mut Broker<JournalLog<Disk>>) {
            let limits = BatchLimits { count: 10_000, ..BatchLimits::default() };
            let read = Operation::Read { namespace: "n".into(), from: Start::Earliest, limits };
            let Outcome::Events { events, .. } = World::ask(broker, read) else { return };
            assert!(events.is_sorted_by(|a, b| a.sequence < b.sequence), "seed {}", self.seed);
            let there: BTreeMap<u64, &[u8]> = events.iter().map(|one| (one.sequence, one.bytes.as_slice())).collect();
            for (sequence, name) in &self.published {
                assert_eq!(there.get(sequence), Some(&name.as_bytes()), "seed {}: {sequence} is lost", self.seed);
            }
        }
    }

    #[test]
    fn journals_are_committed_together_and_one_that_fails_takes_no_other_with_it() {
        let disk = Disk::new();
        let mut log = JournalLog::new(disk.clone(), Options::default(), Damages::default());
        // More than there are threads.
        let names: BTreeSet<Arc<str>> = (0..2 * MOST_SYNCS).map(|number| Arc::from(format!("n{number:02}"))).collect();
        let mut records = Records::new();
        records.push(kind::EVENT, 1, 1, |out| out.extend_from_slice(b"content"));
        for name in &names {
            log.create(name).expect("there is room");
            log.append(name, &records).expect("there is room");
        }
        disk.1.borrow()[7].fail_syncs(1);
        let failed = log.commit(&names);
        assert_eq!(failed.len(), 1);
        let (name, refusal) = &failed[0];
        assert!(&**name == "n07" && matches!(refusal, Refusal::Failed { .. }), "{failed:?}");
        for name in &names {
            let mut count = 0;
            log.replay(name, &mut |record| count += u32::from(record.kind == kind::EVENT)).expect("it is read");
            assert_eq!(count, u32::from(&**name != "n07"), "{name}");
        }
        let crashed = disk.after_crash(&mut SeededRandom::new(1));
        let mut log = JournalLog::new(crashed, Options::default(), Damages::default());
        for name in names.iter().filter(|name| &***name != "n07") {
            let mut count = 0;
            log.replay(name, &mut |record| count += u32::from(record.kind == kind::EVENT)).expect("it is read");
            assert_eq!(count, 1, "{name} is durable");
        }
    }

    /// The whole stack over a disk that takes back what was not synced, in any order, and tears it.
    #[test]
    fn h8_what_was_answered_survives_a_machine_that_stops_at_any_moment() {
        for seed in 0..200 {
            let mut world = World {
                seed,
                random: SeededRandom::new(seed),
                disk: Disk::new(),
                published: BTreeMap::new(),
                acknowledged: BTreeSet::new(),
                count: 0,
            };
            for _ in 0..6 {
                world.live();
            }
            world.check(&mut world.broker());
            assert!(!world.published.is_empty(), "seed {seed}");
        }
    }
}
