//! What a subscription promises, one promise at a time, on virtual time.

mod support;

use base::Duration;
use posthaste_events::broker::{ACKNOWLEDGMENT_LINGER, MemoryLog, Overflow, QueueSettings, Settings};
use posthaste_events::delivery::{
    Backoff, BatchLimits, DeliveryId, NamespaceDescription, Operation, Outcome, Refusal, Start, SubscriptionSettings,
};
use support::*;

const SECOND: Duration = Duration::from_secs(1);

fn store() -> Store<MemoryLog> {
    Store::new(Settings::default(), MemoryLog::new())
}

fn of_queue(queue: QueueSettings) -> Settings {
    Settings { queue, ..Settings::default() }
}

fn describe(store: &mut Store<MemoryLog>, namespace: &str) -> NamespaceDescription {
    match store.ask(Operation::Describe { namespace: Some(namespace.to_owned()) }) {
        Outcome::Description(mut all) => all.remove(0),
        other => panic!("{other:?}"),
    }
}

fn refusal(store: &mut Store<MemoryLog>, operation: Operation) -> Refusal {
    match store.ask(operation) {
        Outcome::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

/// An acknowledgment waits a little for a commit that is needed anyway, and a publish does not.
#[test]
fn a_commit_is_due_at_once_for_what_is_published_and_soon_for_what_is_acknowledged() {
    let mut store = Store::new(Settings::default(), FaultyLog::new(1));
    let id = subscription("n", "s");
    store.subscribe(&id, SubscriptionSettings::default());
    store.publish("n", events(0..3));
    let batch = store.fetch(&id, 3);
    assert_eq!(store.broker.commit_deadline(), None);
    let acknowledge = |place: usize| {
        let deliveries = vec![batch[place].id];
        Operation::Acknowledge { subscription: id.clone(), deliveries }
    };
    let first = store.submit(acknowledge(0));
    let due = store.now + ACKNOWLEDGMENT_LINGER;
    assert_eq!((store.broker.commit_deadline(), store.answer(first)), (Some(due), None));
    // Neither another one nor what only reads puts it off or brings it on.
    store.now += ACKNOWLEDGMENT_LINGER / 2;
    let second = store.submit(acknowledge(1));
    store.submit(Operation::Describe { namespace: None });
    assert_eq!(store.broker.commit_deadline(), Some(due));
    let published = store.submit(Operation::Publish { namespace: "n".into(), events: events(3..4) });
    assert_eq!(store.broker.commit_deadline(), Some(store.now));
    store.commit();
    for ticket in [first, second] {
        assert_eq!(store.answer(ticket), Some(Outcome::Done { unknown: 0 }));
    }
    assert!(matches!(store.answer(published), Some(Outcome::Published(_))));
    assert_eq!(store.broker.commit_deadline(), None);
    store.submit(acknowledge(2));
    assert_eq!(store.broker.commit_deadline(), Some(store.now + ACKNOWLEDGMENT_LINGER));
}

/// Who publishes waits for the disk, and not for what is read for others.
#[test]
fn a_publisher_is_answered_before_its_event_is_delivered() {
    let mut store = store();
    let id = subscription("n", "s");
    store.subscribe(&id, SubscriptionSettings::default());
    let limits = BatchLimits { count: 5, wait: Duration::from_secs(10), ..BatchLimits::default() };
    let fetched = store.submit(Operation::Fetch { subscription: id, consumer: 1, limits });
    let published = store.submit(Operation::Publish { namespace: "n".into(), events: events(0..1) });
    store.broker.make_durable(store.now, store.unix_ms);
    let Some((ticket, Outcome::Published(_))) = store.broker.poll_answer() else { panic!("it is durable") };
    assert_eq!((ticket, store.broker.poll_answer()), (published, None));
    store.broker.deliver(store.now, store.unix_ms);
    let Some((ticket, Outcome::Batch(batch))) = store.broker.poll_answer() else { panic!("it can be seen") };
    assert_eq!((ticket, batch.len()), (fetched, 1));
    assert!(!store.broker.wants_commit());
    store.broker.deliver(store.now, store.unix_ms);
    assert_eq!(store.broker.poll_answer(), None);
}

#[test]
fn h6_what_is_published_is_fetched_with_the_same_bytes_and_in_order() {
    let mut store = store();
    let id = subscription("n", "s");
    assert_eq!(store.subscribe(&id, SubscriptionSettings::default()), 1);
    let published = store.publish("n", events(0..5));
    assert_eq!(published.iter().map(|one| one.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let batch = store.fetch(&id, 2);
    assert_eq!((texts(&batch), ids(&batch)), (vec!["e0".into(), "e1".into()], vec![(1, 1), (2, 1)]));
    assert_eq!(texts(&store.fetch(&id, 99)), ["e2", "e3", "e4"]);
    assert!(store.fetch(&id, 99).is_empty());
    assert_eq!(describe(&mut store, "n").subscriptions[0].in_flight, 5);
}

#[test]
fn h7_what_is_not_acknowledged_in_time_comes_again_and_what_is_never_does() {
    let mut store = store();
    let id = subscription("n", "s");
    store.subscribe(&id, SubscriptionSettings::default());
    store.publish("n", events(0..3));
    let batch = store.fetch(&id, 9);
    assert_eq!(store.acknowledge(&id, &batch[1..2]), 0);
    store.sleep(30 * SECOND - Duration::from_nanos(1));
    assert!(store.fetch(&id, 9).is_empty(), "their time is not over");
    store.sleep(Duration::from_nanos(1));
    let again = store.fetch(&id, 9);
    assert_eq!(ids(&again), [(1, 2), (3, 2)]);
    // An acknowledgment of the first attempt comes late, and counts.
    assert_eq!(store.acknowledge(&id, &batch), 1, "one of the three was acknowledged before");
    store.sleep(100 * SECOND);
    assert!(store.fetch(&id, 9).is_empty());
    let described = describe(&mut store, "n").subscriptions.remove(0);
    assert_eq!((described.delivered, described.redelivered, described.acknowledged, described.late), (5, 2, 3, 2));
    assert_eq!((described.depth, described.oldest_at), (0, None));
}

#[test]
fn a_refused_delivery_waits_as_long_as_its_consumer_or_the_backoff_says() {
    let mut store = store();
    let id = subscription("n", "s");
    let backoff = Backoff { first: SECOND, most: 3 * SECOND };
    store.subscribe(&id, SubscriptionSettings { backoff, ..SubscriptionSettings::default() });
    store.publish("n", events(0..1));
    for (attempt, delay, wait) in [(1, 0, 1), (2, 5, 5), (3, 0, 3), (4, 0, 3)] {
        let batch = store.fetch(&id, 9);
        assert_eq!(ids(&batch), [(1, attempt)]);
        assert_eq!(
            store.refuse(&id, vec![DeliveryId { sequence: 1, attempt: attempt + 1 }], SECOND),
            1,
            "no such attempt"
        );
        assert_eq!(store.refuse(&id, vec![batch[0].id], delay * SECOND), 0);
        assert_eq!(store.refuse(&id, vec![batch[0].id], delay * SECOND), 1, "not under way any more");
        store.sleep(wait * SECOND - Duration::from_nanos(1));
        assert!(store.fetch(&id, 9).is_empty());
        store.sleep(Duration::from_nanos(1));
    }
}

#[test]
fn a_delivery_that_is_extended_has_more_time() {
    let mut store = store();
    let id = subscription("n", "s");
    store.subscribe(&id, SubscriptionSettings::default());
    store.publish("n", events(0..1));
    let batch = store.fetch(&id, 9);
    store.sleep(29 * SECOND);
    let deliveries = vec![batch[0].id, DeliveryId { sequence: 7, attempt: 1 }];
    let extend = Operation::Extend { subscription: id.clone(), deliveries, by: 60 * SECOND };
    assert_eq!(store.ask(extend), Outcome::Done { unknown: 1 });
    store.sleep(59 * SECOND);
    assert!(store.fetch(&id, 9).is_empty());
    store.sleep(SECOND);
    assert_eq!(ids(&store.fetch(&id, 9)), [(1, 2)]);
}

#[test]
fn what_a_consumer_held_that_left_goes_to_another_at_once() {
    let mut store = store();
    let id = subscription("n", "s");
    store.subscribe(&id, SubscriptionSettings::default());
    store.publish("n", events(0..4));
    assert_eq!(store.fetch_as(1, &id, 2).len(), 2);
    assert_eq!(store.fetch_as(2, &id, 2).len(), 2);
    let limits = BatchLimits { wait: 60 * SECOND, ..BatchLimits::default() };
    let of_gone = store.submit(Operation::Fetch { subscription: id.clone(), consumer: 1, limits });
    let waits = store.submit(Operation::Fetch { subscription: id.clone(), consumer: 2, limits });
    assert_eq!(store.ask(Operation::Leave { consumer: 1 }), Outcome::Done { unknown: 0 });
    assert_eq!(store.answer(of_gone), Some(Outcome::Batch(Vec::new())));
    let Some(Outcome::Batch(batch)) = store.answer(waits) else { panic!("it was served") };
    assert_eq!(ids(&batch), [(1, 2), (2, 2)]);
}

#[test]
fn an_event_that_is_delivered_too_often_goes_to_the_dead_ones_with_why() {
    let mut store = store();
    let id = subscription("n", "s");
    let settings = SubscriptionSettings {
        max_deliveries: Some(2),
        dead_letter: Some("dead".into()),
        ..SubscriptionSettings::default()
    };
    store.subscribe(&id, settings);
    store.publish("n", vec![keyed("a", "k"), event("b")]);
    for attempt in 1..=2 {
        let batch = store.fetch(&id, 9);
        assert_eq!(ids(&batch), [(1, attempt), (2, attempt)]);
        assert_eq!(store.refuse(&id, vec![batch[0].id], Duration::ZERO), 0);
        store.sleep(30 * SECOND);
    }
    assert!(store.fetch(&id, 9).is_empty());
    assert_eq!(describe(&mut store, "n").subscriptions[0].dead, 2);
    let dead = subscription("dead", "s");
    store.subscribe(&dead, SubscriptionSettings::default());
    let texts = texts(&store.fetch(&dead, 9));
    for (text, parts) in texts.iter().zip([
        ["a", "dead-letter-reason", "refused by its consumer", "dead-letter-sequence", "1"],
        ["b", "dead-letter-reason", "not acknowledged in time", "dead-letter-sequence", "2"],
    ]) {
        assert!(parts.iter().all(|part| text.contains(part)), "{text:?}");
    }
    assert_eq!(texts.len(), 2);
}

#[test]
fn events_of_one_key_come_one_after_the_other_and_others_pass_by() {
    let mut store = store();
    let id = subscription("n", "s");
    store.subscribe(&id, SubscriptionSettings { is_ordered_by_key: true, ..SubscriptionSettings::default() });
    let all = [("1", "a"), ("2", "b"), ("3", "a"), ("4", ""), ("5", "a"), ("6", "")].map(|(id, key)| keyed(id, key));
    store.publish("n", all.to_vec());
    let first = store.fetch(&id, 9);
    assert_eq!(texts(&first), ["1", "2", "4", "6"]);
    assert_eq!(store.refuse(&id, vec![first[0].id], Duration::ZERO), 0);
    let again = store.fetch(&id, 9);
    assert_eq!(texts(&again), ["1"], "not the one behind it");
    store.acknowledge(&id, &again);
    let next = store.fetch(&id, 9);
    assert_eq!(texts(&next), ["3"]);
    store.acknowledge(&id, &next);
    assert_eq!(texts(&store.fetch(&id, 9)), ["5"]);
}

#[test]
fn many_that_are_held_back_or_under_way_are_bounded() {
    let mut store = store();
    let id = subscription("n", "s");
    let settings =
        SubscriptionSettings { is_ordered_by_key: true, max_in_flight: 10, ..SubscriptionSettings::default() };
    store.subscribe(&id, settings);
    store.publish("n", (0..1000).map(|number| keyed(&format!("{number}"), "same")).collect());
    for number in 0..1000 {
        let batch = store.fetch(&id, 100);
        assert_eq!(texts(&batch), [format!("{number}")]);
        let described = describe(&mut store, "n").subscriptions.remove(0);
        assert!(described.held_back <= 10 && described.in_flight == 1, "{described:?}");
        store.acknowledge(&id, &batch);
    }
    let other = subscription("n", "other");
    store.subscribe(&other, SubscriptionSettings { max_in_flight: 10, ..SubscriptionSettings::default() });
    let batch = store.fetch(&other, 100);
    assert_eq!(batch.len(), 10);
    assert!(store.fetch(&other, 100).is_empty());
    store.acknowledge(&other, &batch[9..]);
    assert_eq!(ids(&store.fetch(&other, 100)), [(11, 1)]);
}

#[test]
fn h11_a_batch_closes_on_count_bytes_or_time() {
    let mut store = store();
    let id = subscription("n", "s");
    store.subscribe(&id, SubscriptionSettings::default());
    let limits = BatchLimits { count: 100, wait: 60 * SECOND, linger: SECOND, ..BatchLimits::default() };
    let fetch = |limits| Operation::Fetch { subscription: id.clone(), consumer: 1, limits };
    let by_time = store.submit(fetch(limits));
    store.publish("n", events(0..3));
    store.sleep(SECOND - Duration::from_nanos(1));
    assert_eq!(store.answer(by_time), None);
    store.sleep(Duration::from_nanos(1));
    let Some(Outcome::Batch(batch)) = store.answer(by_time) else { panic!("time is over") };
    assert_eq!(batch.len(), 3);
    let by_count = store.submit(fetch(limits));
    store.publish("n", events(3..200));
    let Some(Outcome::Batch(batch)) = store.answer(by_count) else { panic!("there are enough") };
    assert_eq!(batch.len(), 100);
    let by_bytes = store.submit(fetch(BatchLimits { bytes: 40, ..limits }));
    let Some(Outcome::Batch(batch)) = store.answer(by_bytes) else { panic!("there are enough bytes") };
    assert_eq!(batch.iter().map(|one| one.bytes.len()).sum::<usize>(), 40);
    // A single event that is larger than a batch comes all the same.
    let single = store.submit(fetch(BatchLimits { bytes: 1, linger: Duration::ZERO, ..limits }));
    let Some(Outcome::Batch(batch)) = store.answer(single) else { panic!("it comes alone") };
    assert_eq!(batch.len(), 1);
}

#[test]
fn a_fetch_waits_for_events_and_has_an_end() {
    let mut store = store();
    let id = subscription("n", "s");
    store.subscribe(&id, SubscriptionSettings::default());
    let limits = BatchLimits { wait: 5 * SECOND, ..BatchLimits::default() };
    let fetch = || Operation::Fetch { subscription: subscription("n", "s"), consumer: 1, limits };
    let (first, second) = (store.submit(fetch()), store.submit(fetch()));
    assert_eq!(describe(&mut store, "n").subscriptions[0].fetching, 2);
    store.publish("n", events(0..1));
    let Some(Outcome::Batch(batch)) = store.answer(first) else { panic!("who came first is served first") };
    assert_eq!(batch.len(), 1);
    store.sleep(5 * SECOND - Duration::from_nanos(1));
    assert_eq!(store.answer(second), None);
    store.sleep(Duration::from_nanos(1));
    assert_eq!(store.answer(second), Some(Outcome::Batch(Vec::new())));
}

#[test]
fn nothing_is_delivered_before_it_is_durable() {
    let mut store = store();
    let id = subscription("n", "s");
    store.subscribe(&id, SubscriptionSettings::default());
    let publish = store.submit(Operation::Publish { namespace: "n".into(), events: events(0..1) });
    let limits = BatchLimits { wait: SECOND, ..BatchLimits::default() };
    let fetch = store.submit(Operation::Fetch { subscription: id, consumer: 1, limits });
    let read = store.submit(Operation::Read { namespace: "n".into(), from: Start::Earliest, limits });
    assert_eq!((store.answer(publish), store.answer(fetch)), (None, None));
    assert_eq!(store.answer(read), Some(Outcome::Events { events: Vec::new(), next: 1 }));
    store.commit();
    assert!(store.answer(publish).is_some() && store.answer(fetch).is_some());
}

#[test]
fn a_second_event_of_an_id_is_none_within_the_window() {
    let queue = QueueSettings { max_remembered_ids: 3, duplicate_window: 10 * SECOND, ..QueueSettings::default() };
    let mut store = Store::new(of_queue(queue), MemoryLog::new());
    let ids = |store: &mut Store<MemoryLog>, names: &[&str]| -> Vec<(u64, bool)> {
        let all = store.publish("n", names.iter().map(|name| event(name)).collect());
        all.iter().map(|one| (one.sequence, one.is_duplicate)).collect()
    };
    assert_eq!(ids(&mut store, &["a", "b", "a"]), [(1, false), (2, false), (1, true)]);
    store.sleep(10 * SECOND);
    assert_eq!(ids(&mut store, &["a"]), [(1, true)]);
    store.sleep(Duration::from_millis(1));
    assert_eq!(ids(&mut store, &["a"]), [(3, false)], "its time is over");
    assert_eq!(ids(&mut store, &["c", "d", "e"]), [(4, false), (5, false), (6, false)]);
    assert_eq!(ids(&mut store, &["a"]), [(7, false)], "too many since");
    let nameless = vec![event(""), event("")];
    assert!(store.publish("n", nameless).iter().all(|one| !one.is_duplicate));
    assert_eq!(describe(&mut store, "n").duplicates, 2);
}

#[test]
fn events_go_by_count_size_and_age_and_readers_go_on_behind_them() {
    let rules = [
        QueueSettings { max_events: Some(10), ..QueueSettings::default() },
        QueueSettings { max_bytes: Some(30), ..QueueSettings::default() },
        QueueSettings { max_age: Some(5 * SECOND), ..QueueSettings::default() },
    ];
    for queue in rules {
        let mut store = Store::new(of_queue(queue.clone()), MemoryLog::new());
        let id = subscription("n", "s");
        store.subscribe(&id, SubscriptionSettings::default());
        store.publish("n", events(100..120).into_iter().map(|one| keyed(&one.id[1..], "")).collect());
        let taken = store.fetch(&id, 3);
        store.sleep(6 * SECOND);
        store.publish("n", events(200..210).into_iter().map(|one| keyed(&one.id[1..], "")).collect());
        let described = describe(&mut store, "n");
        assert_eq!(
            (described.first, described.next, described.bytes, described.expired),
            (21, 31, 30, 20),
            "{queue:?}"
        );
        assert_eq!(store.acknowledge(&id, &taken), taken.len(), "{queue:?}: they are no more");
        assert_eq!(texts(&store.fetch(&id, 99)).first().map(String::as_str), Some("200"), "{queue:?}");
        let described = describe(&mut store, "n").subscriptions.remove(0);
        assert_eq!(described.expired, 20, "{queue:?}");
    }
}

#[test]
fn a_namespace_that_drops_nothing_refuses_what_has_no_room() {
    let queue = QueueSettings { max_events: Some(5), overflow: Overflow::Refuse, ..QueueSettings::default() };
    let mut store = Store::new(of_queue(queue), MemoryLog::new());
    let id = subscription("n", "s");
    store.subscribe(&id, SubscriptionSettings::default());
    store.publish("n", events(0..5));
    let more = Operation::Publish { namespace: "n".into(), events: events(5..7) };
    assert_eq!(refusal(&mut store, more.clone()), Refusal::NamespaceFull { namespace: "n".into() });
    let batch = store.fetch(&id, 2);
    assert_eq!(refusal(&mut store, more.clone()), Refusal::NamespaceFull { namespace: "n".into() });
    store.acknowledge(&id, &batch);
    assert!(matches!(store.ask(more), Outcome::Published(_)));
    assert_eq!(texts(&store.fetch(&id, 99)), ["e2", "e3", "e4", "e5", "e6"]);
}

#[test]
fn a_subscription_begins_where_it_is_told() {
    let mut store = store();
    for number in 0..10 {
        store.publish("n", events(number..number + 1));
        store.sleep(SECOND);
    }
    let starts = [
        (Start::Earliest, 1),
        (Start::Latest, 11),
        (Start::Sequence(4), 4),
        (Start::Sequence(0), 1),
        (Start::Sequence(99), 11),
        (Start::Time(0), 1),
        (Start::Time(EPOCH + 3000), 4),
        (Start::Time(EPOCH + 3001), 5),
        (Start::Time(EPOCH + 9000), 10),
        (Start::Time(EPOCH + 9001), 11),
    ];
    for (number, (start, first)) in starts.into_iter().enumerate() {
        let id = subscription("n", &format!("s{number}"));
        assert_eq!(
            store.subscribe(&id, SubscriptionSettings { start, ..SubscriptionSettings::default() }),
            first,
            "{start:?}"
        );
        let limits = BatchLimits { count: 2, ..BatchLimits::default() };
        let read = store.ask(Operation::Read { namespace: "n".into(), from: start, limits });
        let Outcome::Events { events, next } = read else { panic!("{read:?}") };
        assert_eq!(next, (first + 2).min(11), "{start:?}");
        assert_eq!(events.first().map(|one| one.sequence), (first < 11).then_some(first));
    }
}

#[test]
fn what_cannot_be_done_is_refused_with_its_reason() {
    let settings = Settings {
        max_namespaces: 1,
        max_subscriptions: 1,
        max_event: 3,
        max_fetching: 1,
        max_count: 2,
        ..Settings::default()
    };
    let mut store = Store::new(settings, MemoryLog::new());
    let publish = |namespace: &str, events| Operation::Publish { namespace: namespace.to_owned(), events };
    assert_eq!(refusal(&mut store, publish("../x", events(0..1))), Refusal::BadName { name: "../x".into() });
    assert_eq!(refusal(&mut store, publish("n", vec![event("long")])), Refusal::TooLarge { size: 4, most: 3 });
    assert_eq!(refusal(&mut store, publish("n", events(0..3))), Refusal::TooMany { what: "events at once", most: 2 });
    let id = subscription("n", "s");
    let fetch = |limits| Operation::Fetch { subscription: subscription("n", "s"), consumer: 1, limits };
    assert_eq!(refusal(&mut store, fetch(BatchLimits::default())), Refusal::NoSuchNamespace { namespace: "n".into() });
    store.publish("n", events(0..1));
    assert_eq!(refusal(&mut store, publish("m", events(0..1))), Refusal::TooMany { what: "namespaces", most: 1 });
    assert_eq!(
        refusal(&mut store, fetch(BatchLimits::default())),
        Refusal::NoSuchSubscription { subscription: id.clone() }
    );
    store.subscribe(&id, SubscriptionSettings::default());
    let subscribe = |name: &str, settings| Operation::Subscribe { subscription: subscription("n", name), settings };
    assert_eq!(
        store.ask(subscribe("s", SubscriptionSettings { start: Start::Latest, ..SubscriptionSettings::default() })),
        Outcome::Subscribed { is_new: false, next: 1 }
    );
    let other = SubscriptionSettings { max_in_flight: 7, ..SubscriptionSettings::default() };
    assert_eq!(
        refusal(&mut store, subscribe("s", other)),
        Refusal::OtherSettings { subscription: id.clone(), setting: "max_in_flight" }
    );
    let many = Refusal::TooMany { what: "subscriptions of a namespace", most: 1 };
    assert_eq!(refusal(&mut store, subscribe("t", SubscriptionSettings::default())), many);
    let bad = [
        SubscriptionSettings { max_in_flight: 0, ..SubscriptionSettings::default() },
        SubscriptionSettings { acknowledgment_deadline: Duration::ZERO, ..SubscriptionSettings::default() },
        SubscriptionSettings { max_deliveries: Some(0), ..SubscriptionSettings::default() },
        SubscriptionSettings { dead_letter: Some("n".into()), ..SubscriptionSettings::default() },
        SubscriptionSettings {
            backoff: Backoff { first: SECOND, most: Duration::MAX },
            ..SubscriptionSettings::default()
        },
    ];
    for settings in bad {
        assert!(matches!(refusal(&mut store, subscribe("s", settings)), Refusal::BadSetting { .. }));
    }
    store.acknowledge(&id, &[]);
    let taken = store.fetch(&id, 9);
    let waits = store.submit(fetch(BatchLimits { wait: SECOND, ..BatchLimits::default() }));
    assert!(matches!(refusal(&mut store, fetch(BatchLimits::default())), Refusal::TooMany { most: 1, .. }));
    // An acknowledgment of what was never published settles nothing.
    let far = vec![DeliveryId { sequence: 2, attempt: 1 }, DeliveryId { sequence: u64::MAX, attempt: 1 }];
    assert_eq!(
        store.ask(Operation::Acknowledge { subscription: id.clone(), deliveries: far }),
        Outcome::Done { unknown: 2 }
    );
    assert_eq!(store.ask(Operation::Unsubscribe { subscription: id.clone() }), Outcome::Done { unknown: 0 });
    assert_eq!(store.answer(waits), Some(Outcome::Refused(Refusal::NoSuchSubscription { subscription: id.clone() })));
    assert_eq!(
        refusal(&mut store, Operation::Acknowledge { subscription: id.clone(), deliveries: vec![taken[0].id] }),
        Refusal::NoSuchSubscription { subscription: id }
    );
    assert_eq!(store.broker.deadline(), None, "no timer is left");
}
