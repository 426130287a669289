//! `posthaste events bench`: how many events a second, and how long each takes.

use crate::command::arguments::{Bench, EventsClient};
use crate::command::events::connect;
use crate::command::failure::Failure;
use crate::command::interruption::Interruption;
use crate::command::load::histogram::Histogram;
use crate::command::output;
use base::Instant;
use json::ObjectWriter;
use posthaste::events::messages::Settings;
use posthaste::events::{Event, EventClient, EventError, Receipt};
use posthaste::{Client, Handle};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

/// How long nothing may come in before the rest counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long consumers have to begin.
const BEGINNING: Duration = Duration::from_secs(10);
/// Lines of a drawing, and its longest bar.
const LINES: usize = 12;
const BAR: u64 = 50;
const PERCENTILES: [f64; 3] = [50.0, 99.0, 99.9];

/// What all of a run share.
struct Run {
    handle: Handle,
    bench: Bench,
    /// Events that are not given to a publisher yet.
    left: Cell<u64>,
    /// The first part of each event's name, so that runs do not meet.
    name: String,
    stored: RefCell<Histogram>,
    delivered: RefCell<Histogram>,
    failed: Cell<u64>,
    again: Cell<u64>,
    last: Cell<Instant>,
}

/// Measures, and fails if an event was not stored or not delivered.
pub fn run(arguments: &EventsClient, bench: &Bench) -> Result<(), Failure> {
    let (run, published, delivered) = posthaste::run(|handle| async move {
        let mut interruption = Interruption::new(&handle)?;
        let measured = measure(arguments, bench, &handle);
        interruption.unless(measured).await?
    })??;
    let report = Report { run: &run, published, delivered };
    output::print(&if bench.json { report.json() } else { report.text() })?;
    let is_complete = bench.consumers == 0 || run.delivered.borrow().total() >= bench.events;
    if run.failed.get() > 0 || !is_complete { Err(Failure::Quiet) } else { Ok(()) }
}

async fn measure(
    arguments: &EventsClient,
    bench: &Bench,
    handle: &Handle,
) -> Result<(Rc<Run>, Duration, Duration), Failure> {
    let mut clients: Vec<(Client, EventClient)> = Vec::new();
    for _ in 0..bench.publishers + bench.consumers {
        let client = connect::client(arguments, handle)?;
        let events = connect::begin(arguments, &client, handle)?;
        events.connected().await?;
        clients.push((client, events));
    }
    let name = format!("bench-{:016x}", u64::from_be_bytes(base::random::array(&mut crypto_ring::SystemRandom::new())));
    let run = Rc::new(Run {
        handle: handle.clone(),
        bench: bench.clone(),
        left: Cell::new(bench.events),
        name,
        stored: RefCell::new(Histogram::new()),
        delivered: RefCell::new(Histogram::new()),
        failed: Cell::new(0),
        again: Cell::new(0),
        last: Cell::new(handle.read_clock()),
    });
    let (publishers, consumers) = clients.split_at(usize::try_from(bench.publishers).unwrap_or(usize::MAX));
    let start = Some(posthaste::events::messages::Position { kind: 1, ..Default::default() });
    let settings = Settings { start, max_in_flight: 10_000, ..Settings::default() };
    if let Some((_, first)) = consumers.first() {
        first.ensure(&bench.namespace, &run.name, settings.clone()).await?;
    }
    let consuming: Vec<_> = consumers
        .iter()
        .map(|(_, events)| handle.spawn(consume(run.clone(), events.clone(), settings.clone())))
        .collect();
    if let Some((_, first)) = consumers.first() {
        wait_for_consumers(&run, first).await;
    }
    let begun = handle.read_clock();
    let publishing: Vec<_> =
        publishers.iter().map(|(_, events)| handle.spawn(publish(run.clone(), events.clone()))).collect();
    for task in publishing {
        let _ = task.await;
    }
    let published = handle.read_clock() - begun;
    if !consumers.is_empty() {
        wait_for_all(&run).await;
    }
    let delivered = run.last.get() - begun;
    consuming.iter().for_each(|task| task.abort());
    if let Some((_, first)) = consumers.first() {
        // Nobody else knows its name.
        let _ = first.unsubscribe(&bench.namespace, &run.name).await;
    }
    for (client, events) in &clients {
        let _ = events.close(arguments.timeout).await;
        client.close().await;
    }
    Ok((run, published, delivered))
}

/// Until all consumers wait for events, where the client may know: what it takes to begin is not measured.
async fn wait_for_consumers(run: &Run, client: &EventClient) {
    let until = run.handle.read_clock() + BEGINNING;
    while run.handle.read_clock() < until {
        let Ok(described) = client.describe(&run.bench.namespace).await else { return };
        let subscriptions = described.namespaces.iter().flat_map(|of| &of.subscriptions);
        let waiting: u64 = subscriptions.filter(|one| one.name == run.name).map(|one| one.consumers).sum();
        if waiting >= run.bench.consumers {
            return;
        }
        run.handle.sleep(Duration::from_millis(1)).await;
    }
}

async fn wait_for_all(run: &Run) {
    run.last.set(run.handle.read_clock());
    let wanted = run.bench.events - run.failed.get();
    while run.delivered.borrow().total() < wanted && run.handle.read_clock() - run.last.get() < PATIENCE {
        run.handle.sleep(Duration::from_millis(1)).await;
    }
}

type Pending = Pin<Box<dyn Future<Output = Result<Receipt, EventError>>>>;

async fn publish(run: Rc<Run>, events: EventClient) {
    let most = usize::try_from(run.bench.in_flight).unwrap_or(usize::MAX);
    let data = vec![b'x'; usize::try_from(run.bench.size).unwrap_or_default()];
    let mut open: VecDeque<(Instant, Pending)> = VecDeque::new();
    while run.left.get() > 0 {
        run.left.set(run.left.get() - 1);
        let now = run.handle.read_clock();
        let event = Event {
            id: format!("{}-{}", run.name, run.left.get()),
            kind: "bench".into(),
            data: data.clone().into(),
            // Of this machine's clock, which its consumers read too.
            timestamp: now.as_nanos(),
            ..Event::default()
        };
        match events.publish_soon(&run.bench.namespace, &event).await {
            Ok(receipt) => open.push_back((now, Box::pin(receipt))),
            Err(_) => run.failed.set(run.failed.get() + 1),
        }
        while open.len() >= most {
            let Some((begun, receipt)) = open.pop_front() else { break };
            run.on_stored(begun, receipt.await.is_ok());
        }
    }
    for (begun, receipt) in open {
        run.on_stored(begun, receipt.await.is_ok());
    }
}

impl Run {
    fn on_stored(&self, begun: Instant, is_stored: bool) {
        if is_stored {
            self.stored.borrow_mut().add(micros(self.handle.read_clock() - begun));
        } else {
            self.failed.set(self.failed.get() + 1);
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

async fn consume(run: Rc<Run>, events: EventClient, settings: Settings) {
    let subscription = events.subscribe(&run.bench.namespace, &run.name, settings);
    while let Some(Ok(received)) = subscription.next().await {
        let now = run.handle.read_clock();
        if let Ok(event) = received.event()
            && event.id.starts_with(&run.name)
        {
            if received.delivery().attempt == 1 {
                run.delivered.borrow_mut().add(micros(now - Instant::from_nanos(event.timestamp)));
            } else {
                run.again.set(run.again.get() + 1);
            }
            run.last.set(now);
        }
        received.acknowledge();
    }
}

struct Report<'a> {
    run: &'a Run,
    published: Duration,
    delivered: Duration,
}

impl Report<'_> {
    fn rate(count: u64, time: Duration) -> f64 {
        count as f64 / time.as_secs_f64().max(1e-9)
    }

    fn text(&self) -> String {
        let (stored, delivered) = (self.run.stored.borrow(), self.run.delivered.borrow());
        let mut text = String::new();
        let rate = Report::rate(stored.total(), self.published);
        let _ = writeln!(
            text,
            "{} events stored in {:.3} s: {rate:.0} events/s",
            stored.total(),
            self.published.as_secs_f64()
        );
        write_latencies("until stored", &stored, &mut text);
        if self.run.bench.consumers > 0 {
            let rate = Report::rate(delivered.total(), self.delivered);
            let _ = writeln!(
                text,
                "{} events delivered in {:.3} s: {rate:.0} events/s, {} of them again",
                delivered.total(),
                self.delivered.as_secs_f64(),
                self.run.again.get()
            );
            write_latencies("until delivered", &delivered, &mut text);
        }
        if self.run.failed.get() > 0 {
            let _ = writeln!(text, "{} events were not stored", self.run.failed.get());
        }
        text
    }

    fn json(&self) -> String {
        let (stored, delivered) = (self.run.stored.borrow(), self.run.delivered.borrow());
        let mut text = String::new();
        let mut writer = ObjectWriter::begin(&mut text);
        writer.number("stored", stored.total());
        writer.number("seconds", self.published.as_secs_f64());
        writer.number("stored_per_second", Report::rate(stored.total(), self.published));
        writer.number("delivered", delivered.total());
        writer.number("delivered_per_second", Report::rate(delivered.total(), self.delivered));
        writer.number("delivered_again", self.run.again.get());
        writer.number("failed", self.run.failed.get());
        for (name, histogram) in [("until_stored_us", &stored), ("until_delivered_us", &delivered)] {
            writer.object(name, |writer| {
                writer.number("mean", histogram.mean());
                writer.number("longest", histogram.longest());
                PERCENTILES.iter().for_each(|p| writer.number(&format!("p{p}"), histogram.percentile(*p)));
            });
        }
        writer.end();
        text.push('\n');
        text
    }
}

fn write_latencies(what: &str, histogram: &Histogram, text: &mut String) {
    if histogram.total() == 0 {
        return;
    }
    let millis = |micros: u64| micros as f64 / 1000.0;
    let [p50, p99, p999] = PERCENTILES.map(|percent| millis(histogram.percentile(percent)));
    let longest = millis(histogram.longest());
    let _ = writeln!(text, "{what}: p50 {p50:.3} ms, p99 {p99:.3} ms, p99.9 {p999:.3} ms, the longest {longest:.3} ms");
    let end = histogram.percentile(99.0).max(1);
    let mut bounds: Vec<u64> = (1..LINES as u64).map(|line| (end * line).div_ceil(LINES as u64 - 1)).collect();
    bounds.dedup();
    if histogram.longest() > end {
        bounds.push(histogram.longest());
    }
    let counts = histogram.between(&bounds);
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    for (bound, count) in bounds.iter().zip(counts) {
        let bar = "#".repeat(usize::try_from(count * BAR / most).unwrap_or_default());
        let _ = writeln!(text, "{:>10.3} ms |{bar} {count}", millis(*bound));
    }
}
