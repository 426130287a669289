//! What every store promises: the same tests for each of them.

use posthaste::events::Store;
use posthaste::events::delivery::{
    Backoff, BatchLimits, Delivery, DeliveryId, EncodedEvent, NamespaceDescription, Operation, Outcome, Published,
    Refusal, Start, SubscriptionId, SubscriptionSettings,
};
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Longer than anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A store, and a namespace that nobody else uses.
pub(crate) struct Place<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) namespace: String,
}

pub(crate) fn event(id: &str, key: &str) -> EncodedEvent {
    EncodedEvent { id: id.into(), key: key.to_owned(), timestamp: 1, bytes: id.as_bytes().to_vec().into() }
}

pub(crate) fn texts(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|one| String::from_utf8_lossy(&one.bytes).into_owned()).collect()
}

impl Place<'_> {
    pub(crate) fn submit(&self, operation: Operation) -> Receiver<Outcome> {
        let (sender, answer) = channel();
        self.store.submit(operation, Box::new(move |outcome| drop(sender.send(outcome))));
        answer
    }

    pub(crate) fn ask(&self, operation: Operation) -> Outcome {
        self.submit(operation).recv_timeout(PATIENCE).expect("an answer")
    }

    pub(crate) fn id(&self, name: &str) -> SubscriptionId {
        SubscriptionId { namespace: self.namespace.clone(), name: name.to_owned() }
    }

    pub(crate) fn publish(&self, events: Vec<EncodedEvent>) -> Vec<Published> {
        match self.ask(Operation::Publish { namespace: self.namespace.clone(), events }) {
            Outcome::Published(published) => published,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn publish_texts(&self, range: std::ops::Range<u32>) {
        self.publish(range.map(|number| event(&format!("e{number}"), "")).collect());
    }

    pub(crate) fn subscribe(&self, name: &str, settings: SubscriptionSettings) -> (bool, u64) {
        match self.ask(Operation::Subscribe { subscription: self.id(name), settings }) {
            Outcome::Subscribed { is_new, next } => (is_new, next),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn fetch(&self, name: &str, count: usize, wait: Duration) -> Vec<Delivery> {
        self.fetch_as(1, name, count, wait)
    }

    pub(crate) fn fetch_as(&self, consumer: u64, name: &str, count: usize, wait: Duration) -> Vec<Delivery> {
        let limits = BatchLimits { count, wait, ..BatchLimits::default() };
        match self.ask(Operation::Fetch { subscription: self.id(name), consumer, limits }) {
            Outcome::Batch(batch) => batch,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn acknowledge(&self, name: &str, deliveries: &[Delivery]) -> usize {
        let deliveries = deliveries.iter().map(|one| one.id).collect();
        match self.ask(Operation::Acknowledge { subscription: self.id(name), deliveries }) {
            Outcome::Done { unknown } => unknown,
            other => panic!("{other:?}"),
        }
    }

    fn describe(&self) -> NamespaceDescription {
        match self.ask(Operation::Describe { namespace: Some(self.namespace.clone()) }) {
            Outcome::Description(mut all) => all.remove(0),
            other => panic!("{other:?}"),
        }
    }
}

fn quick() -> SubscriptionSettings {
    SubscriptionSettings { acknowledgment_deadline: Duration::from_secs(1), ..SubscriptionSettings::default() }
}

/// A promise, and its name.
type Promise = (&'static str, fn(&Place<'_>));

const PROMISES: &[Promise] = &[
    ("order", what_is_published_is_fetched_in_order_with_the_same_bytes),
    ("again", what_is_not_acknowledged_comes_again_and_what_is_never_does),
    ("refused", what_is_refused_comes_again_after_its_delay),
    ("left", what_a_consumer_held_that_left_goes_to_another),
    ("duplicates", a_second_event_of_an_id_is_none),
    ("dead", what_is_delivered_too_often_goes_to_the_dead_ones),
    ("keys", events_of_a_key_come_one_after_the_other),
    ("starts", a_subscription_begins_where_it_is_told),
    ("waits", a_fetch_waits_for_what_is_published_later),
    ("refusals", what_cannot_be_done_is_refused),
    ("flight", no_more_is_under_way_than_the_subscription_allows),
];

/// All of them; each has a namespace of its own, whose name begins with `prefix`.
pub(crate) fn keep(store: &dyn Store, prefix: &str) {
    for (name, promise) in PROMISES {
        println!("{prefix}: {name}");
        promise(&Place { store, namespace: format!("{prefix}.{name}") });
    }
}

fn what_is_published_is_fetched_in_order_with_the_same_bytes(place: &Place<'_>) {
    let published = place.publish((0..100).map(|number| event(&format!("e{number}"), "")).collect());
    assert!(published.iter().map(|one| one.sequence).eq(1..=100));
    assert_eq!(place.subscribe("s", SubscriptionSettings::default()), (true, 1));
    assert!(!place.subscribe("s", SubscriptionSettings::default()).0, "it is there");
    let first = place.fetch("s", 30, PATIENCE);
    let second = place.fetch("s", 1000, PATIENCE);
    let expected: Vec<String> = (0..100).map(|number| format!("e{number}")).collect();
    assert_eq!([texts(&first), texts(&second)].concat(), expected);
    assert!(first.iter().all(|one| one.id.attempt == 1 && one.published_at > 1_600_000_000_000));
    assert_eq!(place.acknowledge("s", &first) + place.acknowledge("s", &second), 0);
    let described = place.describe();
    assert_eq!((described.first, described.next, described.subscriptions[0].depth), (1, 101, 0));
    let limits = BatchLimits { count: 3, ..BatchLimits::default() };
    let read = Operation::Read { namespace: place.namespace.clone(), from: Start::Sequence(98), limits };
    let Outcome::Events { events, next } = place.ask(read) else { panic!("events") };
    assert_eq!((events.iter().map(|one| one.sequence).collect::<Vec<_>>(), next), (vec![98, 99, 100], 101));
}

fn what_is_not_acknowledged_comes_again_and_what_is_never_does(place: &Place<'_>) {
    place.publish_texts(0..3);
    place.subscribe("s", quick());
    let batch = place.fetch("s", 9, PATIENCE);
    assert_eq!(place.acknowledge("s", &batch[1..2]), 0);
    let mut again = BTreeSet::new();
    while again.len() < 2 {
        let batch = place.fetch("s", 9, PATIENCE);
        assert!(batch.iter().all(|one| one.id.attempt > 1), "{batch:?}");
        again.extend(batch.iter().map(|one| one.id.sequence));
        place.acknowledge("s", &batch);
    }
    assert!(again.iter().copied().eq([1, 3]), "{again:?}");
    assert!(place.fetch("s", 9, Duration::from_secs(2)).is_empty(), "all are acknowledged");
}

fn what_is_refused_comes_again_after_its_delay(place: &Place<'_>) {
    place.publish_texts(0..1);
    place.subscribe("s", SubscriptionSettings::default());
    let batch = place.fetch("s", 9, PATIENCE);
    let began = std::time::Instant::now();
    let refuse =
        |deliveries| Operation::Refuse { subscription: place.id("s"), deliveries, delay: Duration::from_millis(500) };
    assert_eq!(place.ask(refuse(vec![batch[0].id])), Outcome::Done { unknown: 0 });
    let again = place.fetch("s", 9, PATIENCE);
    assert!(began.elapsed() >= Duration::from_millis(500), "not before");
    assert_eq!(again[0].id, DeliveryId { sequence: 1, attempt: 2 });
    assert_eq!(place.ask(refuse(vec![batch[0].id])), Outcome::Done { unknown: 1 }, "an attempt that is over");
    assert_eq!(place.acknowledge("s", &again), 0);
}

fn what_a_consumer_held_that_left_goes_to_another(place: &Place<'_>) {
    place.publish_texts(0..2);
    place.subscribe("s", SubscriptionSettings::default());
    assert_eq!(place.fetch_as(11, "s", 9, PATIENCE).len(), 2);
    assert_eq!(place.ask(Operation::Leave { consumer: 11 }), Outcome::Done { unknown: 0 });
    let mut got = Vec::new();
    while got.len() < 2 {
        got.extend(place.fetch_as(12, "s", 9, PATIENCE));
    }
    assert!(got.iter().all(|one| one.id.attempt == 2), "{got:?}");
    assert_eq!(place.acknowledge("s", &got), 0);
}

fn a_second_event_of_an_id_is_none(place: &Place<'_>) {
    assert!(!place.publish(vec![event("one", "")])[0].is_duplicate);
    let second = place.publish(vec![event("two", ""), event("one", "")]);
    assert_eq!(second[0], Published { sequence: 2, is_duplicate: false });
    assert_eq!(second[1], Published { sequence: 1, is_duplicate: true });
    assert_eq!(place.publish(vec![event("odd\r\n: %", "")])[0], Published { sequence: 3, is_duplicate: false });
    assert_eq!(place.publish(vec![event("odd\r\n: %", "")])[0], Published { sequence: 3, is_duplicate: true });
    let nameless = vec![event("", ""), event("", "")];
    assert!(place.publish(nameless).iter().all(|one| !one.is_duplicate));
}

fn what_is_delivered_too_often_goes_to_the_dead_ones(place: &Place<'_>) {
    let dead = Place { store: place.store, namespace: format!("{}.dead", place.namespace) };
    dead.subscribe("s", SubscriptionSettings::default());
    let settings = SubscriptionSettings {
        max_deliveries: Some(2),
        dead_letter: Some(dead.namespace.clone()),
        ..SubscriptionSettings::default()
    };
    place.subscribe("s", settings);
    place.publish_texts(0..1);
    for _ in 0..2 {
        let batch = place.fetch("s", 9, PATIENCE);
        let deliveries = batch.iter().map(|one| one.id).collect();
        let refuse = Operation::Refuse { subscription: place.id("s"), deliveries, delay: Duration::ZERO };
        assert_eq!(place.ask(refuse), Outcome::Done { unknown: 0 });
    }
    // A store that learns of it by the next delivery has somebody who asks.
    assert!(place.fetch("s", 9, Duration::from_secs(1)).is_empty());
    let got = dead.fetch("s", 9, PATIENCE);
    let text = texts(&got).concat();
    assert!(text.starts_with("e0") && text.contains("dead-letter-sequence"), "{text:?}");
    assert_eq!(dead.acknowledge("s", &got), 0);
    assert!(place.fetch("s", 9, Duration::from_secs(1)).is_empty());
}

fn events_of_a_key_come_one_after_the_other(place: &Place<'_>) {
    place.subscribe("s", SubscriptionSettings { is_ordered_by_key: true, ..SubscriptionSettings::default() });
    place.publish([("1", "a"), ("2", "a"), ("3", "a")].map(|(id, key)| event(id, key)).to_vec());
    for expected in ["1", "2", "3"] {
        let batch = place.fetch("s", 9, PATIENCE);
        assert_eq!(texts(&batch), [expected]);
        let deliveries = batch.iter().map(|one| one.id).collect();
        let refuse = Operation::Refuse { subscription: place.id("s"), deliveries, delay: Duration::ZERO };
        assert_eq!(place.ask(refuse), Outcome::Done { unknown: 0 });
        let again = place.fetch("s", 9, PATIENCE);
        assert_eq!(texts(&again), [expected], "not the one behind it");
        assert_eq!(place.acknowledge("s", &again), 0);
    }
}

fn a_subscription_begins_where_it_is_told(place: &Place<'_>) {
    place.publish_texts(0..5);
    for (name, start, first) in
        [("all", Start::Earliest, "e0"), ("third", Start::Sequence(3), "e2"), ("then", Start::Time(1), "e0")]
    {
        place.subscribe(name, SubscriptionSettings { start, ..SubscriptionSettings::default() });
        assert_eq!(texts(&place.fetch(name, 1, PATIENCE)), [first], "{start:?}");
    }
    place.subscribe("new", SubscriptionSettings { start: Start::Latest, ..SubscriptionSettings::default() });
    place.publish_texts(5..6);
    assert_eq!(texts(&place.fetch("new", 9, PATIENCE)), ["e5"]);
}

fn a_fetch_waits_for_what_is_published_later(place: &Place<'_>) {
    place.subscribe("s", SubscriptionSettings::default());
    let limits = BatchLimits { wait: PATIENCE, ..BatchLimits::default() };
    let waits = place.submit(Operation::Fetch { subscription: place.id("s"), consumer: 1, limits });
    place.publish_texts(0..1);
    let Ok(Outcome::Batch(batch)) = waits.recv_timeout(PATIENCE) else { panic!("a batch") };
    assert_eq!(texts(&batch), ["e0"]);
    assert_eq!(place.acknowledge("s", &batch), 0);
    assert!(place.fetch("s", 9, Duration::ZERO).is_empty());
}

fn what_cannot_be_done_is_refused(place: &Place<'_>) {
    let fetch =
        |name: &str| Operation::Fetch { subscription: place.id(name), consumer: 1, limits: BatchLimits::default() };
    let refused = |operation| match place.ask(operation) {
        Outcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(fetch("s")), Refusal::NoSuchNamespace { namespace: place.namespace.clone() });
    place.subscribe("s", SubscriptionSettings::default());
    assert_eq!(refused(fetch("other")), Refusal::NoSuchSubscription { subscription: place.id("other") });
    let settings = SubscriptionSettings { max_in_flight: 5, ..SubscriptionSettings::default() };
    let refusal = refused(Operation::Subscribe { subscription: place.id("s"), settings });
    assert_eq!(refusal, Refusal::OtherSettings { subscription: place.id("s"), setting: "max_in_flight" });
    let backoff = Backoff { first: Duration::ZERO, most: Duration::MAX };
    let settings = SubscriptionSettings { backoff, ..SubscriptionSettings::default() };
    assert!(matches!(
        refused(Operation::Subscribe { subscription: place.id("t"), settings }),
        Refusal::BadSetting { .. }
    ));
    let events = vec![event("x", "")];
    let bad = refused(Operation::Publish { namespace: "a/b".into(), events });
    assert_eq!(bad, Refusal::BadName { name: "a/b".into() });
    let large = vec![EncodedEvent { bytes: vec![0; (1 << 20) + 1].into(), ..event("x", "") }];
    let refusal = refused(Operation::Publish { namespace: place.namespace.clone(), events: large });
    assert_eq!(refusal, Refusal::TooLarge { size: (1 << 20) + 1, most: 1 << 20 });
    assert_eq!(place.ask(Operation::Unsubscribe { subscription: place.id("s") }), Outcome::Done { unknown: 0 });
    assert_eq!(refused(fetch("s")), Refusal::NoSuchSubscription { subscription: place.id("s") });
}

fn no_more_is_under_way_than_the_subscription_allows(place: &Place<'_>) {
    place.subscribe("s", SubscriptionSettings { max_in_flight: 3, ..SubscriptionSettings::default() });
    place.publish_texts(0..10);
    let batch = place.fetch("s", 9, PATIENCE);
    assert_eq!(batch.len(), 3);
    assert!(place.fetch("s", 9, Duration::from_millis(50)).is_empty());
    assert_eq!(place.acknowledge("s", &batch[..1]), 0);
    assert_eq!(texts(&place.fetch("s", 9, PATIENCE)), ["e3"]);
}
