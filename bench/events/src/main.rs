//! The store of events alone: what it keeps a second, beside what the disk can do; and ten million events through it.
//!
//! `bench-events FOLDER [seconds=3] [size=200] [namespaces=1]`: publishers that each wait for the answer to one event before they send the next, 1, 10 and
//! 100 of them, spread over so many namespaces, every event synced. Before and after each, the disk alone: a write of as many bytes and `fdatasync`.
//! `bench-events FOLDER many=10000000`: so many events, in batches of 100 and not synced, through a namespace that keeps a
//! million, with one consumer; memory and descriptors are printed on the way.
//! `bench-events nats://HOST:PORT`: the publishers on NATS JetStream through the same store interface.

use posthaste::events::delivery::{
    BatchLimits, EncodedEvent, Operation, Outcome, SubscriptionId, SubscriptionSettings,
};
use posthaste::events::{
    Durability, EmbeddedOptions, EmbeddedStore, NatsOptions, NatsStore, QueueSettings, Settings, Store,
};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments
        .next()
        .ok_or("usage: bench-events FOLDER|nats://HOST:PORT [seconds=3] [size=200] [namespaces=1] [many=N]")?;
    let (mut seconds, mut size, mut namespaces, mut many) = (3, 200, 1, 0);
    for argument in arguments {
        let (name, value) = argument.split_once('=').ok_or_else(|| format!("`{argument}` is not NAME=NUMBER"))?;
        let value: u64 = value.parse().map_err(|_| format!("`{value}` is no number"))?;
        match name {
            "seconds" => seconds = value,
            "size" => size = value as usize,
            "namespaces" => namespaces = value.max(1),
            "many" => many = value,
            _ => return Err(format!("`{name}` is not one of seconds, size, namespaces, many").into()),
        }
    }
    if many > 0 {
        return through(Path::new(&place), size, many);
    }
    let time = Duration::from_secs(seconds);
    if place.starts_with("nats://") {
        let store = NatsStore::connect(&place, NatsOptions::default())?;
        return publishers(&store, None, time, size, namespaces);
    }
    let store = EmbeddedStore::open(&place, EmbeddedOptions::default())?;
    publishers(&store, Some(Path::new(&place)), time, size, namespaces)
}

fn ask(store: &dyn Store, operation: Operation) -> Result<Outcome, Failure> {
    let (sender, answer) = sync_channel(1);
    store.submit(operation, Box::new(move |outcome| drop(sender.send(outcome))));
    match answer.recv()? {
        Outcome::Refused(refusal) => Err(refusal.into()),
        outcome => Ok(outcome),
    }
}

fn event(size: usize) -> EncodedEvent {
    EncodedEvent { id: "".into(), key: String::new(), timestamp: 1, bytes: vec![b'e'; size].into() }
}

/// Publishers in a closed loop.
fn publishers(
    store: &dyn Store,
    folder: Option<&Path>,
    time: Duration,
    size: usize,
    namespaces: u64,
) -> Result<(), Failure> {
    println!(
        "{:>10} {:>12} {:>9} {:>9} {:>9} {:>14}",
        "publishers", "events/s", "p50 us", "p99 us", "p99.9 us", "disk alone/s"
    );
    for count in [1, 10, 100] {
        let before = folder.map(|folder| disk_alone(folder, size, time / 3)).transpose()?;
        let is_over = AtomicBool::new(false);
        let began = Instant::now();
        let mut waits = std::thread::scope(|scope| -> Result<Vec<u64>, Failure> {
            let one = |number: u64| -> Result<Vec<u64>, Failure> {
                let namespace = format!("bench{}", number % namespaces);
                let mut waits = Vec::new();
                while !is_over.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    ask(store, Operation::Publish { namespace: namespace.clone(), events: vec![event(size)] })?;
                    waits.push(began.elapsed().as_micros() as u64);
                }
                Ok(waits)
            };
            let threads: Vec<_> = (0..count).map(|number| scope.spawn(move || one(number))).collect();
            std::thread::sleep(time);
            is_over.store(true, Ordering::Relaxed);
            let mut all = Vec::new();
            for thread in threads {
                all.extend(thread.join().map_err(|_| "a publisher panicked")??);
            }
            Ok(all)
        })?;
        let rate = waits.len() as f64 / began.elapsed().as_secs_f64();
        waits.sort_unstable();
        let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize];
        let after = folder.map(|folder| disk_alone(folder, size, time / 3)).transpose()?;
        let disk = before.zip(after).map_or("-".to_owned(), |(a, b)| format!("{:.0}", (a + b) / 2.0));
        println!("{count:>10} {rate:>12.0} {:>9} {:>9} {:>9} {disk:>14}", at(0.5), at(0.99), at(0.999));
    }
    Ok(())
}

/// How often a second the disk takes a write of so many bytes and syncs it.
fn disk_alone(folder: &Path, size: usize, time: Duration) -> Result<f64, Failure> {
    let path = folder.join(".disk");
    let mut file = File::create(&path)?;
    let (bytes, began, mut count) = (vec![b'd'; size + 44], Instant::now(), 0);
    while began.elapsed() < time {
        file.write_all(&bytes)?;
        file.sync_data()?;
        count += 1;
    }
    let rate = f64::from(count) / began.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    Ok(rate)
}

/// Resident memory in KiB, and open descriptors.
fn held() -> Result<(u64, usize), Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    let kibibytes = line.split_whitespace().nth(1).ok_or("no number")?.parse()?;
    Ok((kibibytes, std::fs::read_dir("/proc/self/fd")?.count()))
}

fn through(folder: &Path, size: usize, many: u64) -> Result<(), Failure> {
    let queue = QueueSettings { max_events: Some(1_000_000), ..QueueSettings::default() };
    let options = EmbeddedOptions {
        settings: Settings { queue, ..Settings::default() },
        durability: Durability::LostWithTheMachine,
        ..EmbeddedOptions::default()
    };
    let store = EmbeddedStore::open(folder, options.clone())?;
    let id = SubscriptionId { namespace: "many".into(), name: "s".into() };
    let settings = SubscriptionSettings { max_in_flight: 10_000, ..SubscriptionSettings::default() };
    ask(&store, Operation::Subscribe { subscription: id.clone(), settings })?;
    let consumer = |store: &EmbeddedStore| -> Result<u64, Failure> {
        let (mut count, limits) = (0, BatchLimits { wait: Duration::from_secs(5), ..BatchLimits::default() });
        loop {
            let fetch = Operation::Fetch { subscription: id.clone(), consumer: 1, limits };
            let Outcome::Batch(batch) = ask(store, fetch)? else { return Err("no batch".into()) };
            if batch.is_empty() {
                return Ok(count);
            }
            count += batch.len() as u64;
            let deliveries = batch.iter().map(|one| one.id).collect();
            ask(store, Operation::Acknowledge { subscription: id.clone(), deliveries })?;
        }
    };
    let began = Instant::now();
    let consumed = std::thread::scope(|scope| -> Result<u64, Failure> {
        let consuming = scope.spawn(|| consumer(&store));
        for number in 0..many.div_ceil(100) {
            let events =
                (0..100).map(|place| EncodedEvent { id: format!("{number}.{place}").into(), ..event(size) }).collect();
            ask(&store, Operation::Publish { namespace: "many".into(), events })?;
            if (number + 1) % 10_000 == 0 {
                let (memory, descriptors) = held()?;
                let seconds = began.elapsed().as_secs_f64();
                println!(
                    "{:>9} events {seconds:>6.1} s {memory:>7} KiB {descriptors:>3} descriptors",
                    (number + 1) * 100
                );
            }
        }
        consuming.join().map_err(|_| "the consumer panicked")?
    })?;
    println!(
        "{many} published, {consumed} consumed, {:.0} events/s",
        many as f64 / (began.elapsed().as_secs_f64() - 5.0)
    );
    drop(store);
    let began = Instant::now();
    drop(EmbeddedStore::open(folder, options)?);
    println!("opened again in {:.0} ms", began.elapsed().as_secs_f64() * 1000.0);
    Ok(())
}
