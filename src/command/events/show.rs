//! `posthaste events tail` and `replay`: events as lines.

use crate::command::arguments::Place;
use crate::command::events::connect::Connected;
use crate::command::events::json;
use crate::command::failure::Failure;
use crate::command::output;
use posthaste::events::messages::{Delivery, Position, Settings};
use posthaste::events::{EventError, Receipt, Subscription};
use std::collections::VecDeque;
use std::io::IsTerminal;
use std::pin::Pin;
use std::time::{Duration, Instant};

/// How often is told how far the server is away.
const NEWS: Duration = Duration::from_secs(5);
/// Events that are copied and not stored yet, at most.
const MAX_OPEN: usize = 1000;

/// What is to be shown.
pub struct Wanted {
    pub namespace: String,
    pub from: Option<Place>,
    pub count: Option<u64>,
}

impl Wanted {
    fn start(&self, default: Place) -> Position {
        match self.from.unwrap_or(default) {
            Place::Earliest => Position { kind: 0, ..Position::default() },
            Place::Latest => Position { kind: 1, ..Position::default() },
            Place::Sequence(sequence) => Position { kind: 2, sequence, unix_ms: 0 },
            Place::Time(unix_ms) => Position { kind: 3, sequence: 0, unix_ms },
        }
    }
}

fn print(wanted: &Wanted, delivery: &Delivery) -> Result<(), Failure> {
    let event = posthaste::events::parse(&delivery.event)?;
    output::print(&json::line(&wanted.namespace, delivery, &event))
}

/// What is stored.
pub async fn stored(connected: &Connected, wanted: &Wanted) -> Result<(), Failure> {
    let reader = connected.events.read(&wanted.namespace, wanted.start(Place::Earliest), wanted.count.unwrap_or(0));
    while let Some(delivery) = reader.next().await {
        print(wanted, &delivery?)?;
    }
    Ok(())
}

/// What comes, as a subscription that is there as long as this.
pub async fn follow(connected: &Connected, wanted: &Wanted) -> Result<(), Failure> {
    let name = format!("tail-{:016x}", u64::from_be_bytes(base::random::array(&mut crypto_ring::SystemRandom::new())));
    let start = Some(wanted.start(Place::Latest));
    let subscription = connected.events.subscribe(&wanted.namespace, &name, Settings { start, ..Settings::default() });
    let _forget = Forget { connected, namespace: &wanted.namespace, name: &name };
    show(connected, wanted, &subscription).await
}

/// Forgets a subscription that was for one command, also where a signal ends it.
struct Forget<'a> {
    connected: &'a Connected,
    namespace: &'a str,
    name: &'a str,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.connected.events.unsubscribe_soon(self.namespace, self.name);
    }
}

/// As a subscription that stays: what is printed is acknowledged.
pub async fn consume(connected: &Connected, wanted: &Wanted, name: &str) -> Result<(), Failure> {
    let start = wanted.from.map(|_| wanted.start(Place::Earliest));
    let subscription = connected.events.subscribe(&wanted.namespace, name, Settings { start, ..Settings::default() });
    show(connected, wanted, &subscription).await
}

async fn show(connected: &Connected, wanted: &Wanted, subscription: &Subscription) -> Result<(), Failure> {
    let (mut shown, mut told) = (0, Instant::now());
    while wanted.count.is_none_or(|count| shown < count) {
        let Some(received) = subscription.next().await else { break };
        let received = received?;
        print(wanted, received.delivery())?;
        received.acknowledge();
        shown += 1;
        if std::io::stderr().is_terminal() && told.elapsed() >= NEWS {
            told = Instant::now();
            let away = connected.events.round_trip().unwrap_or_default().as_secs_f64() * 1000.0;
            eprint!("\r\x1b[K{shown} events; the server is {away:.2} ms away\r");
        }
    }
    Ok(())
}

/// What is stored, into another namespace. Events keep their ids, so that a copy that is made twice is one.
pub async fn copy(connected: &Connected, wanted: &Wanted, to: &str) -> Result<(), Failure> {
    type Pending = Pin<Box<dyn Future<Output = Result<Receipt, EventError>>>>;
    let reader = connected.events.read(&wanted.namespace, wanted.start(Place::Earliest), wanted.count.unwrap_or(0));
    let mut open: VecDeque<Pending> = VecDeque::new();
    let (mut copied, mut duplicates) = (0u64, 0u64);
    let mut count = |receipt: Receipt| {
        copied += 1;
        duplicates += u64::from(receipt.is_duplicate);
    };
    while let Some(delivery) = reader.next().await {
        let mut event = posthaste::events::parse(&delivery?.event)?;
        event.namespace.clear();
        open.push_back(Box::pin(connected.events.publish_soon(to, &event).await?));
        if open.len() >= MAX_OPEN
            && let Some(receipt) = open.pop_front()
        {
            count(receipt.await?);
        }
    }
    for receipt in open {
        count(receipt.await?);
    }
    output::print(&format!("{{\"copied\":{copied},\"duplicates\":{duplicates}}}\n"))
}
