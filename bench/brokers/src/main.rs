//! Publishes events of 200 bytes to Redis Streams, NATS JetStream and Mosquitto (QoS 1), each by its own protocol over TCP, while consumers
//! that share one durable subscription take and acknowledge them. Prints how many are stored and delivered in a second, and how long each takes
//! until it is acknowledged and until a consumer has it. `posthaste events bench` measures the same of ours; `bench/brokers/run` has all in
//! one run.
//!
//! `bench-brokers redis|nats|mqtt ADDRESS EVENTS PUBLISHERS IN_FLIGHT CONSUMERS`

mod connection;
mod mqtt;
mod nats;
mod redis;

use connection::wrong;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const SIZE: usize = 200;
/// How long nothing may be delivered before the rest counts as lost.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of a thread's stack: there are a thousand of them.
const STACK: usize = 128 << 10;

/// One connection that publishes.
trait Publisher: Send {
    /// Sends an event.
    fn send(&mut self, number: u64, data: &[u8]) -> io::Result<()>;
    /// Waits for the next acknowledgment.
    fn acknowledged(&mut self) -> io::Result<()>;
}

/// One connection that consumes.
trait Consumer: Send {
    /// Waits for events, and acknowledges them.
    fn next(&mut self) -> io::Result<Vec<Vec<u8>>>;
}

fn publisher(kind: &str, address: &str, number: u64) -> io::Result<Box<dyn Publisher>> {
    Ok(match kind {
        "redis" => Box::new(redis::Redis::new(address)?),
        "nats" => Box::new(nats::Nats::new(address, number)?),
        "mqtt" => Box::new(mqtt::Mqtt::new(address, &number.to_string(), false)?),
        other => return Err(wrong(format!("{other} is none of redis, nats and mqtt"))),
    })
}

fn consumer(kind: &str, address: &str, number: u64) -> io::Result<Box<dyn Consumer>> {
    Ok(match kind {
        "redis" => Box::new(redis::Redis::consumer(address, number)?),
        "nats" => Box::new(nats::Nats::consumer(address, number)?),
        _ => Box::new(mqtt::Mqtt::consumer(address, number)?),
    })
}

fn micros(since: Duration) -> u64 {
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// An event's content: when it was made, and as many bytes more as are missing.
fn event(begun: Instant) -> Vec<u8> {
    let mut data = format!("{:020}", begun.elapsed().as_nanos()).into_bytes();
    data.resize(SIZE, b'x');
    data
}

/// How long ago the event was made.
fn age(begun: Instant, data: &[u8]) -> Option<Duration> {
    let nanos = std::str::from_utf8(data.get(..20)?).ok()?.parse().ok()?;
    begun.elapsed().checked_sub(Duration::from_nanos(nanos))
}

/// Publishes until none is left, with so many under way, and gives how long each took, in microseconds.
fn publish(
    mut publisher: Box<dyn Publisher>,
    left: &AtomicU64,
    in_flight: usize,
    begun: Instant,
) -> io::Result<Vec<u64>> {
    let (mut open, mut took) = (VecDeque::new(), Vec::new());
    let mut number = 0;
    loop {
        let is_left = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if is_left {
            open.push_back(Instant::now());
            publisher.send(number, &event(begun))?;
            number += 1;
        }
        while open.len() >= in_flight || (!is_left && !open.is_empty()) {
            publisher.acknowledged()?;
            let sent: Instant = open.pop_front().expect("as many as were sent");
            took.push(micros(sent.elapsed()));
        }
        if !is_left {
            return Ok(took);
        }
    }
}

/// Consumes as long as the program runs.
fn consume(mut consumer: Box<dyn Consumer>, begun: Instant, to: &Sender<Vec<u64>>) -> io::Result<()> {
    loop {
        let events = consumer.next()?;
        let ages = events.iter().filter_map(|data| age(begun, data)).map(micros).collect();
        if to.send(ages).is_err() {
            return Ok(());
        }
    }
}

fn spawn<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> io::Result<JoinHandle<T>> {
    thread::Builder::new().stack_size(STACK).spawn(run)
}

/// How long each delivery took, once all have come.
fn delivered(events: u64, from: &Receiver<Vec<u64>>) -> io::Result<Vec<u64>> {
    let mut all = Vec::new();
    while (all.len() as u64) < events {
        let more = from.recv_timeout(PATIENCE);
        all.extend(more.map_err(|_| wrong(format!("{} of {events} were delivered", all.len())))?);
    }
    Ok(all)
}

fn write_times(name: &str, mut times: Vec<u64>) -> String {
    times.sort_unstable();
    let at = |part: f64| times.get((times.len() as f64 * part) as usize).or(times.last()).copied().unwrap_or_default();
    format!("\"{name}\":{{\"p50\":{},\"p99\":{},\"p99.9\":{}}}", at(0.5), at(0.99), at(0.999))
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, address, numbers @ ..] = &arguments[..] else {
        return Err(wrong("KIND ADDRESS EVENTS PUBLISHERS IN_FLIGHT CONSUMERS"));
    };
    let numbers: Vec<u64> = numbers.iter().filter_map(|number| number.parse().ok()).collect();
    let [events, publishers, in_flight, consumers] = numbers[..] else {
        return Err(wrong("EVENTS PUBLISHERS IN_FLIGHT CONSUMERS are numbers"));
    };
    let in_flight = usize::try_from(in_flight).map_err(io::Error::other)?;
    let left = std::sync::Arc::new(AtomicU64::new(events));
    let publishing = (0..publishers).map(|number| publisher(kind, address, number)).collect::<io::Result<Vec<_>>>()?;
    let consuming =
        (0..consumers).map(|number| consumer(kind, address, publishers + number)).collect::<io::Result<Vec<_>>>()?;
    let begun = Instant::now();
    let (to, from) = channel();
    for consumer in consuming {
        let to = to.clone();
        spawn(move || {
            if let Err(error) = consume(consumer, begun, &to) {
                eprintln!("a consumer has failed: {error}");
            }
        })?;
    }
    let mut threads = Vec::new();
    for publisher in publishing {
        let left = left.clone();
        threads.push(spawn(move || publish(publisher, &left, in_flight, begun))?);
    }
    let mut stored = Vec::new();
    for thread in threads {
        stored.extend(thread.join().map_err(|_| wrong("a thread has failed"))??);
    }
    let until_stored = begun.elapsed().as_secs_f64();
    let delivered = if consumers > 0 { delivered(events, &from)? } else { Vec::new() };
    let until_delivered = begun.elapsed().as_secs_f64();
    let rates = [stored.len() as f64 / until_stored, delivered.len() as f64 / until_delivered];
    println!(
        "{{\"stored\":{},\"stored_per_second\":{:.0},\"delivered_per_second\":{:.0},{},{}}}",
        stored.len(),
        rates[0],
        rates[1],
        write_times("until_stored_us", stored),
        write_times("until_delivered_us", delivered)
    );
    // Consumers wait for ever.
    std::process::exit(0)
}
