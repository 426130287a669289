//! A process that keeps events is killed at 200 moments under load, or as many as `POSTHASTE_EVENT_KILLS` says: everything it answered is
//! there.

use posthaste::events::delivery::{
    BatchLimits, EncodedEvent, Operation, Outcome, Refusal, Start, SubscriptionId, SubscriptionSettings,
};
use posthaste::events::{EmbeddedOptions, EmbeddedStore, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const FOLDER: &str = "POSTHASTE_EVENT_CRASH_FOLDER";
const ROUND: &str = "POSTHASTE_EVENT_CRASH_ROUND";
const KILLS: &str = "POSTHASTE_EVENT_KILLS";
const DEFAULT_KILLS: u64 = 200;
/// What is there is looked at after so many kills.
const BETWEEN_CHECKS: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("posthaste-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Small segments, so that kills meet new ones.
fn open(folder: &Path) -> Result<EmbeddedStore, Refusal> {
    EmbeddedStore::open(folder, EmbeddedOptions { segment_size: 20_000, ..EmbeddedOptions::default() })
}

fn ask(store: &EmbeddedStore, operation: Operation) -> Outcome {
    let (sender, answer) = channel();
    store.submit(operation, Box::new(move |outcome| drop(sender.send(outcome))));
    answer.recv_timeout(PATIENCE).expect("an answer")
}

fn subscription() -> SubscriptionId {
    SubscriptionId { namespace: "n".into(), name: "s".into() }
}

fn fetch(count: usize, wait: Duration) -> Operation {
    let limits = BatchLimits { count, wait, ..BatchLimits::default() };
    Operation::Fetch { subscription: subscription(), consumer: 1, limits }
}

/// Tells the test what was answered: one whole line at a time.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("@{line}\n").as_bytes()).and_then(|()| out.flush()).expect("the test listens");
}

/// The process that is killed: three threads publish and one consumes, for as long as they live.
#[test]
#[ignore = "what the other test starts, and kills"]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let round = std::env::var(ROUND).expect("a round");
    let store = open(Path::new(&folder)).expect("the store opens");
    let settings = SubscriptionSettings { max_in_flight: 100, ..SubscriptionSettings::default() };
    ask(&store, Operation::Subscribe { subscription: subscription(), settings });
    std::thread::scope(|scope| {
        for publisher in 0..3 {
            let (store, round) = (&store, &round);
            scope.spawn(move || {
                for number in 0u64.. {
                    let id = format!("{round}.{publisher}.{number}");
                    let bytes = id.repeat(1 + number as usize % 20).into();
                    let event = EncodedEvent { id: id.as_str().into(), key: String::new(), timestamp: 0, bytes };
                    let outcome = ask(store, Operation::Publish { namespace: "n".into(), events: vec![event] });
                    let Outcome::Published(published) = outcome else { panic!("{outcome:?}") };
                    tell(&format!("published {id} {}", published[0].sequence));
                }
            });
        }
        loop {
            let Outcome::Batch(batch) = ask(&store, fetch(3, PATIENCE)) else { panic!("a batch") };
            let deliveries: Vec<_> = batch.iter().map(|one| one.id).collect();
            deliveries.iter().for_each(|one| tell(&format!("delivered {}", one.sequence)));
            let outcome =
                ask(&store, Operation::Acknowledge { subscription: subscription(), deliveries: deliveries.clone() });
            assert_eq!(outcome, Outcome::Done { unknown: 0 });
            deliveries.iter().for_each(|one| tell(&format!("acknowledged {}", one.sequence)));
        }
    });
}

#[derive(Default)]
struct Promised {
    published: BTreeMap<u64, String>,
    acknowledged: BTreeSet<u64>,
}

impl Promised {
    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_once('@').map_or("", |(_, told)| told).split(' ').collect();
        match words[..] {
            ["published", id, sequence] => {
                let sequence = sequence.parse().expect("a number");
                assert_eq!(self.published.insert(sequence, id.to_owned()), None, "{sequence} twice");
            }
            ["delivered", sequence] => {
                assert!(!self.acknowledged.contains(&sequence.parse().expect("a number")), "{sequence} comes again");
            }
            ["acknowledged", sequence] => drop(self.acknowledged.insert(sequence.parse().expect("a number"))),
            _ => {}
        }
    }

    fn check(&self, store: &EmbeddedStore) {
        let (mut from, mut there) = (1, BTreeMap::new());
        loop {
            let limits = BatchLimits { count: 10_000, ..BatchLimits::default() };
            let read = Operation::Read { namespace: "n".into(), from: Start::Sequence(from), limits };
            let Outcome::Events { events, next } = ask(store, read) else { break };
            for event in events {
                let text = String::from_utf8(event.bytes.to_vec()).expect("text");
                assert!(there.last_key_value().is_none_or(|(last, _)| *last < event.sequence), "in order");
                there.insert(event.sequence, text);
            }
            if next == from {
                break;
            }
            from = next;
        }
        for (sequence, id) in &self.published {
            let text = there.get(sequence).unwrap_or_else(|| panic!("{sequence} ({id}) is lost"));
            assert!(text.starts_with(id.as_str()), "{sequence} is {text}, and was {id}");
        }
        let Outcome::Batch(batch) = ask(store, fetch(10_000, Duration::ZERO)) else { return };
        for one in batch {
            assert!(!self.acknowledged.contains(&one.id.sequence), "{} comes again", one.id.sequence);
        }
    }
}

fn start(folder: &Path, round: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "writer", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(FOLDER, folder).env(ROUND, round.to_string()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().expect("this program starts")
}

#[test]
fn h8_killed_at_two_hundred_moments_nothing_that_was_answered_is_lost() {
    let folder = Folder::new("crash");
    let mut promised = Promised::default();
    let kills = std::env::var(KILLS).map_or(DEFAULT_KILLS, |kills| kills.parse().expect("a number of kills"));
    let mut seed = 1u64;
    for round in 0..kills {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = start(&folder.0, round);
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        // The kill comes in the middle of whatever follows the so-many-th line.
        for _ in 0..(seed >> 33) % 40 {
            let Some(Ok(line)) = lines.next() else { break };
            promised.line(&line);
        }
        child.kill().expect("it can be killed");
        child.wait().expect("it has ended");
        // What it had told before.
        lines.map_while(Result::ok).for_each(|line| promised.line(&line));
        if (round + 1).is_multiple_of(BETWEEN_CHECKS) || round + 1 == kills {
            let store = open(&folder.0).expect("the store opens");
            // A kill may tear the end of a file, and spoils nothing else.
            let damages = store.take_damages();
            assert!(
                damages.iter().all(|damage| damage.contains("are no whole record and were cut off")),
                "{damages:?}"
            );
            promised.check(&store);
        }
    }
    let least = usize::try_from(kills).expect("a small number");
    assert!(promised.published.len() > 5 * least && 2 * promised.acknowledged.len() > least, "there was load");
    println!("{kills} kills, {} published, {} acknowledged", promised.published.len(), promised.acknowledged.len());
}

#[test]
fn a_folder_is_of_one_store_at_a_time() {
    let folder = Folder::new("taken");
    let first = open(&folder.0).expect("the store opens");
    let Err(Refusal::Failed { reason }) = open(&folder.0) else { panic!("it was opened twice") };
    assert!(reason.contains("another process has this store"), "{reason}");
    drop(first);
    // A process that another test is about to start has what was open here until it has become another program.
    let end = Instant::now() + Duration::from_secs(10);
    while let Err(refusal) = open(&folder.0) {
        assert!(Instant::now() < end, "{refusal:?}");
        std::thread::yield_now();
    }
    let below = folder.0.join("no").join("folder");
    let Err(Refusal::Failed { reason }) = open(&below) else { panic!("its parent is not there") };
    assert!(reason.contains("no/folder"), "{reason}");
}
