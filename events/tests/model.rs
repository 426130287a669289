//! Publishers, consumers that vanish, a log that fails and a process that ends at any moment, against a model: nothing that was
//! answered is lost, and nothing that was acknowledged comes again.

mod support;

use base::Duration;
use posthaste_events::broker::Settings;
use posthaste_events::delivery::{
    Backoff, BatchLimits, Delivery, Operation, Outcome, SubscriptionId, SubscriptionSettings,
};
use sim::SeededRandom;
use std::collections::{BTreeMap, BTreeSet};
use support::*;

const DEADLINE: Duration = Duration::from_secs(5);
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(200), most: Duration::from_secs(2) };

/// What one subscription was promised.
#[derive(Default)]
struct Reader {
    settings: SubscriptionSettings,
    /// Whether its making was answered.
    exists: bool,
    /// Acknowledged, and the acknowledgment answered.
    settled: BTreeSet<u64>,
    /// Acknowledged at all, answered or not, or dead perhaps.
    given_up: BTreeSet<u64>,
    /// What consumers hold.
    held: Vec<Delivery>,
    /// The highest number of a first attempt in this life.
    newest: u64,
}

struct World {
    seed: u64,
    random: SeededRandom,
    /// Whether commits fail: each of them is a restart of its namespace.
    fails: bool,
    store: Store<FaultyLog>,
    /// Published and answered: number and content.
    durable: BTreeMap<u64, String>,
    /// The key of each event that anybody has published, by content.
    keys: BTreeMap<String, String>,
    readers: BTreeMap<String, Reader>,
    published: u64,
}

fn name(text: &str) -> SubscriptionId {
    subscription("n", text)
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = SeededRandom::new(seed);
        let mut log = FaultyLog::new(random.next_u64());
        log.failures = random.one_in(2).then_some(12);
        let fails = log.failures.is_some();
        log.snapshot_every = 5 + random.below(60) as usize;
        let mut readers = BTreeMap::new();
        for (reader, is_ordered_by_key, max_deliveries) in
            [("plain", false, None), ("ordered", true, None), ("mortal", false, Some(1 + random.below(3) as u32))]
        {
            let settings = SubscriptionSettings {
                max_in_flight: 1 + random.below(20) as u32,
                acknowledgment_deadline: DEADLINE,
                backoff: BACKOFF,
                is_ordered_by_key,
                max_deliveries,
                dead_letter: max_deliveries.map(|_| "dead".to_owned()),
                ..SubscriptionSettings::default()
            };
            readers.insert(reader.to_owned(), Reader { settings, ..Reader::default() });
        }
        let store = Store::new(Settings::default(), log);
        World { seed, random, fails, store, durable: BTreeMap::new(), keys: BTreeMap::new(), readers, published: 0 }
    }

    fn step(&mut self) {
        let names: Vec<String> = self.readers.keys().cloned().collect();
        let reader = names[self.random.below(names.len() as u64) as usize].clone();
        match self.random.below(22) {
            0..6 => self.publish(),
            6..8 => self.subscribe(&reader),
            8..12 => self.fetch(&reader),
            12..15 => self.acknowledge(&reader),
            15..18 => self.refuse(&reader),
            18 => {
                // It vanishes: the store learns of it, or does not.
                self.readers.get_mut(&reader).expect("it is there").held.clear();
                if self.random.one_in(2) {
                    self.store.ask(Operation::Leave { consumer: reader.len() as u64 });
                    self.forget_held(reader.len() as u64);
                }
            }
            19 => self.restart(),
            _ => {
                let time = Duration::from_millis(self.random.below(4000));
                self.store.sleep(time);
            }
        }
    }

    /// Of consumers with this number.
    fn forget_held(&mut self, consumer: u64) {
        for (_, reader) in self.readers.iter_mut().filter(|(name, _)| name.len() as u64 == consumer) {
            reader.held.clear();
        }
    }

    fn publish(&mut self) {
        let count = 1 + self.random.below(4);
        let mut events = Vec::new();
        for _ in 0..count {
            self.published += 1;
            let key = ["", "a", "b"][self.random.below(3) as usize];
            let event = keyed(&format!("e{}", self.published), key);
            self.keys.insert(event.id.to_string(), key.to_owned());
            events.push(event);
        }
        let contents: Vec<String> = events.iter().map(|event| event.id.to_string()).collect();
        let ticket = self.store.submit(Operation::Publish { namespace: "n".into(), events });
        if self.random.one_in(8) {
            return self.restart();
        }
        self.store.commit();
        if let Outcome::Published(published) = self.store.answer(ticket).expect("an answer after the commit") {
            for (one, content) in published.iter().zip(contents) {
                assert!(!one.is_duplicate);
                assert_eq!(self.durable.insert(one.sequence, content), None, "seed {}: a number twice", self.seed);
            }
        }
    }

    fn subscribe(&mut self, reader: &str) {
        let settings = self.readers[reader].settings.clone();
        let outcome = self.store.ask(Operation::Subscribe { subscription: name(reader), settings });
        match outcome {
            Outcome::Subscribed { is_new, .. } => {
                let reader = self.readers.get_mut(reader).expect("it is there");
                assert!(!(is_new && reader.exists), "seed {}: a subscription was forgotten", self.seed);
                reader.exists = true;
            }
            Outcome::Refused(_) => {}
            other => panic!("{other:?}"),
        }
    }

    fn fetch(&mut self, reader: &str) {
        let limits = BatchLimits { count: 1 + self.random.below(8) as usize, ..BatchLimits::default() };
        let consumer = reader.len() as u64;
        let outcome = self.store.ask(Operation::Fetch { subscription: name(reader), consumer, limits });
        if let Outcome::Batch(batch) = outcome {
            self.delivered(reader, batch);
        }
    }

    fn delivered(&mut self, reader: &str, batch: Vec<Delivery>) {
        let seed = self.seed;
        let one = self.readers.get_mut(reader).expect("it is there");
        for delivery in batch {
            let sequence = delivery.id.sequence;
            let text = String::from_utf8(delivery.bytes.to_vec()).expect("it was text");
            assert!(!one.settled.contains(&sequence), "seed {seed}: {reader} gets {sequence} after its acknowledgment");
            if let Some(content) = self.durable.get(&sequence) {
                assert_eq!(*content, text, "seed {seed}: another event under {sequence}");
            }
            if delivery.id.attempt == 1 {
                let is_in_order = sequence > one.newest || one.settings.is_ordered_by_key || self.fails;
                assert!(is_in_order, "seed {seed}: {reader} gets {sequence} after {}", one.newest);
                one.newest = sequence;
            }
            let key = &self.keys[&text];
            if one.settings.is_ordered_by_key && !key.is_empty() {
                let open = self
                    .durable
                    .range(..sequence)
                    .find(|(number, content)| self.keys[*content] == *key && !one.given_up.contains(number));
                assert_eq!(open, None, "seed {seed}: {sequence} overtakes one of its key");
            }
            one.held.push(delivery);
        }
        let described = self.store.ask(Operation::Describe { namespace: Some("n".into()) });
        let Outcome::Description(described) = described else { panic!("{described:?}") };
        for subscription in &described[0].subscriptions {
            let most = u64::from(self.readers[&subscription.name].settings.max_in_flight);
            let under_way = subscription.in_flight + subscription.waiting;
            assert!(under_way <= 2 * most && subscription.held_back <= 2 * most, "seed {seed}: {subscription:?}");
        }
    }

    fn take_held(&mut self, reader: &str) -> Vec<Delivery> {
        let one = self.readers.get_mut(reader).expect("it is there");
        let mut taken = Vec::new();
        for _ in 0..=self.random.below(5) {
            if !one.held.is_empty() {
                let place = self.random.below(one.held.len() as u64) as usize;
                taken.push(one.held.swap_remove(place));
            }
        }
        taken
    }

    fn acknowledge(&mut self, reader: &str) {
        let taken = self.take_held(reader);
        let sequences: Vec<u64> = taken.iter().map(|one| one.id.sequence).collect();
        self.readers.get_mut(reader).expect("it is there").given_up.extend(&sequences);
        let deliveries = taken.iter().map(|one| one.id).collect();
        let ticket = self.store.submit(Operation::Acknowledge { subscription: name(reader), deliveries });
        if self.random.one_in(8) {
            return self.restart();
        }
        self.store.commit();
        if let Some(Outcome::Done { .. }) = self.store.answer(ticket) {
            self.readers.get_mut(reader).expect("it is there").settled.extend(sequences);
        }
    }

    fn refuse(&mut self, reader: &str) {
        let deliveries = self.take_held(reader).iter().map(|one| one.id).collect();
        let delay = Duration::from_millis(self.random.below(3000));
        self.store.ask(Operation::Refuse { subscription: name(reader), deliveries, delay });
    }

    fn restart(&mut self) {
        let World { store, .. } = self;
        let (now, unix_ms) = (store.now, store.unix_ms);
        let empty = Store::new(Settings::default(), FaultyLog::new(0));
        let mut log = std::mem::replace(store, empty).broker.into_log();
        log.crash();
        self.store = Store::at(Settings::default(), log, now, unix_ms);
        assert_eq!(self.store.broker.unreadable(), 0, "seed {}", self.seed);
        // Consumers may still hold what they were given: their acknowledgments count.
        self.readers.values_mut().for_each(|reader| reader.newest = 0);
    }

    /// With consumers that do their work, everything arrives, and nothing takes longer than its deadline and its backoff.
    fn drain(&mut self) {
        self.store = {
            let (now, unix_ms) = (self.store.now, self.store.unix_ms);
            let empty = Store::new(Settings::default(), FaultyLog::new(0));
            let mut log = std::mem::replace(&mut self.store, empty).broker.into_log();
            log.failures = None;
            log.crash();
            Store::at(Settings::default(), log, now, unix_ms)
        };
        self.readers.values_mut().for_each(|reader| reader.newest = 0);
        let names: Vec<String> = self.readers.keys().cloned().collect();
        for reader in &names {
            self.subscribe(reader);
            let mut silent = true;
            loop {
                let limits = BatchLimits { count: 7, wait: DEADLINE + BACKOFF.most, ..BatchLimits::default() };
                let fetch = Operation::Fetch { subscription: name(reader), consumer: 99, limits };
                let ticket = self.store.submit(fetch);
                self.store.commit();
                let answer = self.store.answer(ticket).or_else(|| {
                    self.store.sleep(DEADLINE + BACKOFF.most);
                    self.store.answer(ticket)
                });
                let Some(Outcome::Batch(batch)) = answer else { panic!("seed {}: a fetch has an end", self.seed) };
                if batch.is_empty() {
                    break;
                }
                self.delivered(reader, batch.clone());
                // Once, the last consumer is silent as well: all of it comes again within the deadline.
                if std::mem::take(&mut silent) {
                    continue;
                }
                let sequences: Vec<u64> = batch.iter().map(|one| one.id.sequence).collect();
                self.readers.get_mut(reader).expect("it is there").given_up.extend(&sequences);
                assert_eq!(self.store.acknowledge(&name(reader), &batch), 0);
                self.readers.get_mut(reader).expect("it is there").settled.extend(&sequences);
            }
        }
        self.check();
    }

    fn check(&mut self) {
        let dead: BTreeSet<String> = match self.store.ask(Operation::Read {
            namespace: "dead".into(),
            from: Default::default(),
            limits: BatchLimits { count: 10_000, ..BatchLimits::default() },
        }) {
            Outcome::Events { events, .. } => {
                let content = |bytes: &[u8]| {
                    String::from_utf8_lossy(bytes.split(|byte| *byte == 0x12).next().unwrap_or(&[])).into_owned()
                };
                events.iter().map(|event| content(&event.bytes)).collect()
            }
            _ => BTreeSet::new(),
        };
        for (name, reader) in &self.readers {
            for (sequence, content) in &self.durable {
                let is_dead = reader.settings.max_deliveries.is_some() && dead.contains(content);
                // An acknowledgment that was not answered may have counted.
                let is_done = reader.settled.contains(sequence) || reader.given_up.contains(sequence);
                assert!(is_done || is_dead, "seed {}: {name} never got {sequence} ({content})", self.seed);
            }
        }
        let described = self.store.ask(Operation::Describe { namespace: Some("n".into()) });
        if let Outcome::Description(described) = described {
            for subscription in &described[0].subscriptions {
                assert_eq!(subscription.depth, 0, "seed {}: {subscription:?}", self.seed);
            }
        }
    }
}

/// `POSTHASTE_SEEDS=FROM..TO` runs others.
#[test]
fn ten_thousand_seeds_lose_nothing() {
    let range = std::env::var("POSTHASTE_SEEDS").ok();
    let range = range.as_deref().and_then(|text| text.split_once("..")).map(|(from, to)| {
        let number = |text: &str| text.parse::<u64>().expect("POSTHASTE_SEEDS has the form FROM..TO");
        number(from)..number(to)
    });
    let mut delivered = 0;
    for seed in range.unwrap_or(0..10_000) {
        let mut world = World::new(seed);
        for _ in 0..60 {
            world.step();
        }
        world.drain();
        delivered += world.durable.len();
    }
    assert!(delivered > 0);
}
