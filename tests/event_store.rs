//! Stores of events behind their threads: what is published arrives, and every operation has an answer.

mod event_promises;

use posthaste::events::delivery::{
    BatchLimits, Delivery, EncodedEvent, Operation, Outcome, Refusal, SubscriptionId, SubscriptionSettings,
};
use posthaste::events::{EmbeddedOptions, EmbeddedStore, MemoryStore, Settings, Store};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

fn submit(store: &dyn Store, operation: Operation) -> Receiver<Outcome> {
    let (sender, answer) = channel();
    store.submit(operation, Box::new(move |outcome| drop(sender.send(outcome))));
    answer
}

fn ask(store: &dyn Store, operation: Operation) -> Outcome {
    submit(store, operation).recv_timeout(PATIENCE).expect("an answer")
}

fn event(id: &str) -> EncodedEvent {
    EncodedEvent { id: id.into(), key: String::new(), timestamp: 1, bytes: id.as_bytes().to_vec().into() }
}

fn publish(id: &str) -> Operation {
    Operation::Publish { namespace: "n".into(), events: vec![event(id)] }
}

fn subscription() -> SubscriptionId {
    SubscriptionId { namespace: "n".into(), name: "s".into() }
}

fn fetch(wait: Duration) -> Operation {
    let limits = BatchLimits { wait, ..BatchLimits::default() };
    Operation::Fetch { subscription: subscription(), consumer: 1, limits }
}

fn batch(outcome: Outcome) -> Vec<Delivery> {
    match outcome {
        Outcome::Batch(batch) => batch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_many_threads_publish_arrives_once_and_in_the_order_of_each() {
    let store = MemoryStore::new(Settings::default()).expect("a thread");
    let settings = SubscriptionSettings::default();
    ask(&store, Operation::Subscribe { subscription: subscription(), settings });
    std::thread::scope(|scope| {
        for publisher in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..500 {
                    let outcome = ask(store, publish(&format!("{publisher} {number}")));
                    assert!(matches!(outcome, Outcome::Published(_)), "{outcome:?}");
                }
            });
        }
        let mut next = [0; 4];
        while next.iter().sum::<usize>() < 2000 {
            let got = batch(ask(&store, fetch(PATIENCE)));
            for delivery in &got {
                let text = String::from_utf8(delivery.bytes.to_vec()).expect("text");
                let (publisher, number) = text.split_once(' ').expect("two numbers");
                let place = &mut next[publisher.parse::<usize>().expect("a number")];
                assert_eq!(number, place.to_string());
                *place += 1;
            }
            let deliveries = got.iter().map(|one| one.id).collect();
            let done = ask(&store, Operation::Acknowledge { subscription: subscription(), deliveries });
            assert_eq!(done, Outcome::Done { unknown: 0 });
        }
    });
}

#[test]
fn a_fetch_that_waits_ends_with_its_time_and_with_the_store() {
    let store = MemoryStore::new(Settings::default()).expect("a thread");
    let settings = SubscriptionSettings::default();
    ask(&store, Operation::Subscribe { subscription: subscription(), settings });
    assert!(batch(ask(&store, fetch(Duration::from_millis(5)))).is_empty());
    let waits = submit(&store, fetch(Duration::from_secs(3600)));
    store.end();
    assert_eq!(waits.recv_timeout(PATIENCE), Ok(Outcome::Refused(Refusal::Ending)));
    assert_eq!(ask(&store, publish("late")), Outcome::Refused(Refusal::Ending));
}

#[test]
fn who_panics_over_an_answer_does_not_end_the_store() {
    let store = MemoryStore::new(Settings::default()).expect("a thread");
    store.submit(publish("a"), Box::new(|_| std::panic::resume_unwind(Box::new("mine"))));
    assert!(matches!(ask(&store, publish("b")), Outcome::Published(_)));
}

#[test]
fn more_operations_than_a_store_takes_are_refused_at_once() {
    let store = MemoryStore::new(Settings::default()).expect("a thread");
    // The thread of the store stands still in an answer.
    let (go, gate) = channel::<()>();
    store.submit(publish("a"), Box::new(move |_| assert!(gate.recv().is_err(), "nothing is sent")));
    // More than wait, and than one round takes before.
    let count = 16_384 + 4096 + 1000;
    let answers: Vec<Receiver<Outcome>> = (0..count).map(|_| submit(&store, publish(""))).collect();
    let is_busy = |answer: &&Receiver<Outcome>| answer.try_recv() == Ok(Outcome::Refused(Refusal::Busy));
    let busy = answers.iter().filter(is_busy).count();
    assert!(busy > 0 && busy <= count - 16_384, "{busy}");
    drop(go);
    let taken = answers.iter().filter(|answer| matches!(answer.recv(), Ok(Outcome::Published(_)))).count();
    assert_eq!(taken + busy, count);
}

#[test]
fn a_store_in_memory_keeps_its_promises() {
    event_promises::keep(&MemoryStore::new(Settings::default()).expect("a thread"), "memory");
}

#[test]
fn a_store_in_a_folder_keeps_its_promises() {
    let folder = std::env::temp_dir().join(format!("posthaste-promises-{}", std::process::id()));
    let store = EmbeddedStore::open(&folder, EmbeddedOptions::default()).expect("the store opens");
    event_promises::keep(&store, "embedded");
    drop(store);
    std::fs::remove_dir_all(&folder).expect("it is ours");
}
