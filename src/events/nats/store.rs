//! The store: each operation is a task, which makes requests of JetStream.

use super::super::store::{Answer, Store};
use super::client::{Client, Servers};
use super::jetstream::{Delivered, RETRY, api, consumers, number, pull, streams, value};
use super::problem::Problem;
use super::turns::{Turn, Turns};
use super::wire::Message;
use super::{names, settings};
use crate::client::roots::Roots;
use crate::error::Error;
use crate::wall_clock::SystemClock;
use base::{Duration, Instant};
use events::broker::Settings;
use events::delivery::{
    BatchLimits, ConsumerId, Delivery, DeliveryId, EncodedEvent, NamespaceDescription, Operation, Outcome, Published,
    Refusal, Start, StoredEvent, SubscriptionDescription, SubscriptionId, SubscriptionSettings, is_name,
};
use json::{ObjectWriter, Value};
use runtime::Executor;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::JoinHandle;

/// The most operations that wait or are under way.
const MAX_OPERATIONS: usize = 16_384;
/// How long an operation goes on trying while there is no server, or no leader.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long operations that are under way have to hear that the store ends.
const FAREWELL: Duration = Duration::from_secs(10);
/// The shortest wait that is asked of a server.
const SHORTEST: Duration = Duration::from_millis(10);
/// The most events that are sent before the first of them is acknowledged.
const AHEAD: usize = 512;

/// How a [`NatsStore`] is reached, and how its streams are made.
#[derive(Clone, Debug)]
pub struct NatsOptions {
    /// What namespaces keep, and the most of an operation. Limits of memory are the server's.
    pub settings: Settings,
    /// Servers that each stream is kept on. Default 1; a cluster of three nodes has 3, and survives the loss of one.
    pub replicas: u32,
    /// Who is believed that a server of `tls://` is the one that its address names. Default: whom the system trusts.
    pub roots: Option<Roots>,
}

impl Default for NatsOptions {
    fn default() -> NatsOptions {
        NatsOptions { settings: Settings::default(), replicas: 1, roots: None }
    }
}

/// A store on NATS JetStream, with a thread of its own. Dropping it ends it.
///
/// Any number of these, in any number of processes, share what is on the servers. What differs from the other stores:
/// events that are ordered by key are delivered one at a time; a subscription's backoff holds for what is refused, and what is late is
/// delivered again at once; an extension is as long as the deadline; and a delivery is known to the store only that made it, so
/// that after its end an acknowledgment counts as unknown and the event comes again.
#[derive(Debug)]
pub struct NatsStore {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    inbox: Mutex<Inbox>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared")
    }
}

#[derive(Default)]
struct Inbox {
    waiting: VecDeque<(Operation, Answer)>,
    /// Those that are under way.
    under_way: usize,
    is_ending: bool,
    waker: Option<Waker>,
}

impl Shared {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NatsStore {
    /// Connects to one of the servers of `nats://[USER:PASSWORD@]HOST:PORT[,HOST:PORT ...]`, or of `tls://` and the same, where nothing
    /// but a server's greeting is said before it has shown a certificate of its host.
    ///
    /// # Errors
    /// The address is none, no server answers (each has five seconds) or is believed, or the system gives no thread.
    pub fn connect(url: &str, options: NatsOptions) -> Result<NatsStore, Refusal> {
        let servers = servers(url, options.roots.as_ref())?;
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let (sender, ready) = std::sync::mpsc::channel();
        let run = move || {
            let failed = |error: std::io::Error| Refusal::Failed { reason: format!("no executor: {error}") };
            match Executor::new().map_err(failed) {
                Ok(executor) => executor.block_on(main(&executor, &servers, options, &of_thread, &sender)),
                Err(refusal) => drop(sender.send(Err(refusal))),
            }
            end(&of_thread);
        };
        let started = std::thread::Builder::new().name("posthaste-nats".into()).spawn(run);
        let thread =
            started.map_err(|error| Refusal::Failed { reason: format!("no thread for the store: {error}") })?;
        let store = NatsStore { shared, thread: Mutex::new(Some(thread)) };
        ready.recv().unwrap_or(Err(Refusal::Ending))?;
        Ok(store)
    }

    /// Refuses what waits and what is under way, and ends. Dropping it does the same.
    pub fn end(&self) {
        let waker = {
            let mut inbox = self.shared.inbox();
            inbox.is_ending = true;
            inbox.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

impl Drop for NatsStore {
    fn drop(&mut self) {
        self.end();
    }
}

impl Store for NatsStore {
    fn submit(&self, operation: Operation, answer: Answer) {
        let mut inbox = self.shared.inbox();
        let refusal = match () {
            () if inbox.is_ending => Refusal::Ending,
            () if inbox.waiting.len() + inbox.under_way >= MAX_OPERATIONS => Refusal::Busy,
            () => {
                inbox.waiting.push_back((operation, answer));
                let waker = inbox.waker.take();
                drop(inbox);
                waker.into_iter().for_each(Waker::wake);
                return;
            }
        };
        drop(inbox);
        answer(Outcome::Refused(refusal));
    }
}

/// How servers of NATS are named, without TLS and with it.
const SCHEMES: [&str; 2] = ["nats://", "tls://"];

fn servers(url: &str, roots: Option<&Roots>) -> Result<Servers, Refusal> {
    let bad = || Refusal::BadSetting {
        what: "a NATS address has the form nats://[USER:PASSWORD@]HOST:PORT[,HOST:PORT ...], or tls:// and the same",
    };
    let scheme = SCHEMES.into_iter().find(|scheme| url.starts_with(scheme)).ok_or_else(bad)?;
    let rest = url.strip_prefix(scheme).ok_or_else(bad)?.trim_end_matches('/');
    let (user, places) = rest.rsplit_once('@').map_or((None, rest), |(user, places)| (Some(user), places));
    let user = match user {
        Some(text) => {
            let (user, password) = text.split_once(':').ok_or_else(bad)?;
            Some((user.to_owned(), password.to_owned()))
        }
        None => None,
    };
    let place = |text: &str| {
        let text = text.trim_start_matches(scheme);
        let (host, port) = text.rsplit_once(':').unwrap_or((text, "4222"));
        let is_good = !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0);
        is_good.then(|| format!("{host}:{port}")).ok_or_else(bad)
    };
    let places = places.split(',').map(place).collect::<Result<Vec<_>, _>>()?;
    let tls = if scheme == "tls://" { Some(config(roots)?) } else { None };
    Ok(Servers { places, user, tls })
}

fn config(roots: Option<&Roots>) -> Result<Arc<tls::ClientConfig>, Refusal> {
    let failed = |error: Error| Refusal::Failed { reason: error.to_string() };
    let verification = match roots {
        Some(roots) => roots.verification(),
        None => Roots::system().map_err(failed)?.verification(),
    };
    let clock = Arc::new(SystemClock);
    Ok(Arc::new(tls::ClientConfig::new(crypto_ring::PROVIDER, verification, Vec::new(), clock)))
}

fn end(shared: &Shared) {
    let waiting = {
        let mut inbox = shared.inbox();
        inbox.is_ending = true;
        std::mem::take(&mut inbox.waiting)
    };
    for (_, answer) in waiting {
        answer(Outcome::Refused(Refusal::Ending));
    }
}

/// What the thread does.
async fn main(
    executor: &Executor,
    servers: &Servers,
    options: NatsOptions,
    shared: &Arc<Shared>,
    ready: &std::sync::mpsc::Sender<Result<(), Refusal>>,
) {
    let handle = executor.handle().clone();
    let drawn: [u8; 16] = base::random::array(&mut crypto_ring::SystemRandom::new());
    let name: String = drawn.iter().map(|byte| format!("{byte:02x}")).collect();
    let client = Client::new(handle.clone(), &name);
    let (of_task, servers) = (client.clone(), servers.clone());
    let moving = handle.spawn(async move { of_task.run(&servers).await });
    if client.tried().await.is_err() {
        let reason = format!("{}; start a server with `nats-server -js`", client.failure());
        let _ = ready.send(Err(Refusal::Unreachable { reason }));
        return;
    }
    let _ = ready.send(Ok(()));
    let worker = Rc::new(Worker {
        client,
        options,
        known: RefCell::default(),
        held: RefCell::default(),
        gone: RefCell::default(),
        turns: RefCell::default(),
    });
    let under_way = Rc::new(Cell::new(0));
    loop {
        let next = poll_fn(|context| {
            let mut inbox = shared.inbox();
            if inbox.is_ending {
                return Poll::Ready(None);
            }
            match inbox.waiting.pop_front() {
                Some(next) => {
                    inbox.under_way += 1;
                    Poll::Ready(Some(next))
                }
                None => {
                    inbox.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        });
        let Some((operation, answer)) = next.await else { break };
        let (worker, shared, under_way) = (Rc::clone(&worker), Arc::clone(shared), Rc::clone(&under_way));
        under_way.set(under_way.get() + 1);
        handle.spawn_detached(async move {
            let outcome = worker.work(operation).await.unwrap_or_else(Outcome::Refused);
            shared.inbox().under_way -= 1;
            under_way.set(under_way.get() - 1);
            answer(outcome);
        });
    }
    // Whatever waits for a server is told, and answers.
    worker.client.end();
    let until = handle.now() + FAREWELL;
    while under_way.get() > 0 && handle.now() < until {
        handle.sleep(Duration::from_millis(1)).await;
    }
    moving.abort();
}

/// A delivery that was made and not acknowledged.
#[derive(Clone, Debug)]
struct Held {
    attempt: u32,
    reply: String,
    consumer: ConsumerId,
    /// When it counts as late.
    until: Instant,
}

/// What the tasks share.
struct Worker {
    client: Client,
    options: NatsOptions,
    /// Settings of subscriptions that were looked up.
    known: RefCell<BTreeMap<SubscriptionId, SubscriptionSettings>>,
    /// By subscription and number: twice as many as may be under way, at most.
    held: RefCell<BTreeMap<SubscriptionId, BTreeMap<u64, Held>>>,
    /// Fetches that wait, by consumer; those of consumers that have left are marked.
    gone: RefCell<BTreeMap<ConsumerId, Vec<Rc<Cell<bool>>>>>,
    turns: RefCell<Turns>,
}

impl Worker {
    fn now(&self) -> Instant {
        self.client.handle().now()
    }

    fn patience(&self) -> Instant {
        self.now() + PATIENCE
    }

    async fn work(&self, operation: Operation) -> Result<Outcome, Refusal> {
        match operation {
            Operation::Publish { namespace, events } => self.publish(&namespace, &events).await.map(Outcome::Published),
            Operation::Subscribe { subscription, settings } => self.subscribe(subscription, settings).await,
            Operation::Unsubscribe { subscription } => self.unsubscribe(subscription).await,
            Operation::Fetch { subscription, consumer, limits } => {
                self.fetch(&subscription, consumer, limits).await.map(Outcome::Batch)
            }
            Operation::Acknowledge { subscription, deliveries } => self.acknowledge(&subscription, &deliveries).await,
            Operation::Refuse { subscription, deliveries, delay } => {
                self.refuse(&subscription, &deliveries, delay).await
            }
            Operation::Extend { subscription, deliveries, .. } => self.extend(&subscription, &deliveries).await,
            Operation::Leave { consumer } => self.leave(consumer),
            Operation::Describe { namespace } => self.describe(namespace).await.map(Outcome::Description),
            Operation::Read { namespace, from, limits } => self.read(&namespace, from, limits).await,
        }
    }

    /// Makes a namespace's stream, or finds that it is there.
    async fn make_stream(&self, namespace: &str) -> Result<(), Refusal> {
        if !is_name(namespace) {
            return Err(Refusal::BadName { name: namespace.to_owned() });
        }
        let stream = names::stream(namespace);
        let settings = &self.options.settings;
        let queue = settings.namespaces.get(namespace).unwrap_or(&settings.queue);
        let config = settings::stream(namespace, queue, self.options.replicas);
        match api(&self.client, &format!("STREAM.CREATE.{stream}"), &config, self.patience()).await {
            // It is there, with other limits: they were given by who made it.
            Err(Problem::Api(_, 10_058, _)) | Ok(_) => Ok(()),
            Err(problem) => Err(problem.into()),
        }
    }

    async fn publish(&self, namespace: &str, events: &[EncodedEvent]) -> Result<Vec<Published>, Refusal> {
        let settings = &self.options.settings;
        if events.len() > settings.max_count {
            return Err(Refusal::TooMany { what: "events at once", most: settings.max_count });
        }
        if !is_name(namespace) {
            return Err(Refusal::BadName { name: namespace.to_owned() });
        }
        if let Some(large) = events.iter().find(|event| event.bytes.len() > settings.max_event) {
            return Err(Refusal::TooLarge { size: large.bytes.len(), most: settings.max_event });
        }
        let _turn = Turn::of(&self.turns, namespace).await;
        let (subject, until) = (names::subject(namespace), self.patience());
        let mut published = Vec::with_capacity(events.len());
        while let Some(rest) = events.get(published.len()..).filter(|rest| !rest.is_empty()) {
            let rest = rest.get(..AHEAD).unwrap_or(rest);
            match self.publish_some(&subject, rest, until, &mut published).await {
                Ok(()) => {}
                Err(Problem::NoResponders) if self.now() < until => {
                    self.turns.borrow_mut().forget(namespace);
                    self.make_stream(namespace).await?;
                    self.client.handle().sleep(Duration::from_millis(10)).await;
                }
                Err(problem) if problem.is_passing() && self.now() < until => {
                    self.client.handle().sleep(RETRY).await;
                }
                Err(Problem::Api(_, 10_077, _)) => {
                    return Err(Refusal::NamespaceFull { namespace: namespace.to_owned() });
                }
                Err(problem) => return Err(problem.into()),
            }
        }
        self.turns.borrow_mut().note(namespace);
        Ok(published)
    }

    /// Sends these, one after the other without waiting, and takes down those that are acknowledged up to the first that is not. The
    /// others are sent again; those with ids are found to be duplicates then, if they were taken.
    async fn publish_some(
        &self,
        subject: &str,
        events: &[EncodedEvent],
        until: Instant,
        published: &mut Vec<Published>,
    ) -> Result<(), Problem> {
        self.client.connected(until).await?;
        let mut inboxes = Vec::with_capacity(events.len());
        for event in events {
            let mut headers = vec![("Posthaste-Timestamp", event.timestamp.to_string())];
            if !event.id.is_empty() {
                headers.push(("Nats-Msg-Id", names::to_header(&event.id)));
            }
            if !event.key.is_empty() {
                headers.push(("Posthaste-Key", names::to_header(&event.key)));
            }
            let inbox = self.client.inbox();
            self.client.publish(subject, &inbox.subject, &headers, &event.bytes)?;
            inboxes.push(inbox);
        }
        let until = until.min(self.now() + Duration::from_secs(5));
        for inbox in inboxes {
            let answer = value(&inbox.next(until).await?)?;
            let sequence = number(&answer, &["seq"]);
            let is_duplicate = answer.get("duplicate").and_then(Value::as_bool).unwrap_or(false);
            published.push(Published { sequence, is_duplicate });
        }
        Ok(())
    }

    /// The settings of a subscription, and its consumer's state.
    async fn look_up(&self, id: &SubscriptionId) -> Result<(SubscriptionSettings, Value), Refusal> {
        if let Some(name) = [&id.namespace, &id.name].into_iter().find(|name| !is_name(name)) {
            return Err(Refusal::BadName { name: name.clone() });
        }
        let path = format!("CONSUMER.INFO.{}.{}", names::stream(&id.namespace), names::encode(&id.name));
        let info = match api(&self.client, &path, "", self.patience()).await {
            Ok(info) => info,
            Err(Problem::Api(404, 10_059, _)) => {
                return Err(Refusal::NoSuchNamespace { namespace: id.namespace.clone() });
            }
            Err(problem) if problem.is_missing() => {
                return Err(Refusal::NoSuchSubscription { subscription: id.clone() });
            }
            Err(problem) => return Err(problem.into()),
        };
        let settings = settings::read(info.get("config").unwrap_or(&info))?;
        self.known.borrow_mut().insert(id.clone(), settings.clone());
        Ok((settings, info))
    }

    async fn settings(&self, id: &SubscriptionId) -> Result<SubscriptionSettings, Refusal> {
        let known = self.known.borrow().get(id).cloned();
        match known {
            Some(settings) => Ok(settings),
            None => self.look_up(id).await.map(|(settings, _)| settings),
        }
    }

    async fn subscribe(&self, id: SubscriptionId, asked: SubscriptionSettings) -> Result<Outcome, Refusal> {
        events::broker::check(&id, &asked)?;
        self.make_stream(&id.namespace).await?;
        match self.look_up(&id).await {
            Ok((there, info)) => {
                return match events::broker::difference(&there, &asked) {
                    Some(setting) => Err(Refusal::OtherSettings { subscription: id, setting }),
                    None => Ok(Outcome::Subscribed { is_new: false, next: next_of(&info) }),
                };
            }
            Err(Refusal::NoSuchSubscription { .. }) => {}
            Err(refusal) => return Err(refusal),
        }
        let path = format!("CONSUMER.DURABLE.CREATE.{}.{}", names::stream(&id.namespace), names::encode(&id.name));
        let info = api(&self.client, &path, &settings::consumer(&id, &asked), self.patience()).await?;
        let next = next_of(&info);
        self.known.borrow_mut().insert(id, SubscriptionSettings { start: Start::Earliest, ..asked });
        Ok(Outcome::Subscribed { is_new: true, next })
    }

    async fn unsubscribe(&self, id: SubscriptionId) -> Result<Outcome, Refusal> {
        self.look_up(&id).await?;
        let path = format!("CONSUMER.DELETE.{}.{}", names::stream(&id.namespace), names::encode(&id.name));
        api(&self.client, &path, "", self.patience()).await?;
        self.known.borrow_mut().remove(&id);
        self.held.borrow_mut().remove(&id);
        Ok(Outcome::Done { unknown: 0 })
    }

    async fn fetch(
        &self,
        id: &SubscriptionId,
        consumer: ConsumerId,
        limits: BatchLimits,
    ) -> Result<Vec<Delivery>, Refusal> {
        let settings = self.settings(id).await?;
        let left = Rc::new(Cell::new(false));
        self.gone.borrow_mut().entry(consumer).or_default().push(Rc::clone(&left));
        let fetched = self.fetch_until(id, &settings, consumer, limits, &left).await;
        let mut gone = self.gone.borrow_mut();
        if let Some(fetches) = gone.get_mut(&consumer) {
            fetches.retain(|one| !Rc::ptr_eq(one, &left));
            if fetches.is_empty() {
                gone.remove(&consumer);
            }
        }
        fetched
    }

    async fn fetch_until(
        &self,
        id: &SubscriptionId,
        settings: &SubscriptionSettings,
        consumer: ConsumerId,
        limits: BatchLimits,
        left: &Cell<bool>,
    ) -> Result<Vec<Delivery>, Refusal> {
        let count = limits.count.clamp(1, self.options.settings.max_count);
        let most = limits.bytes.clamp(1, self.options.settings.max_bytes);
        let (mut batch, until) = (Vec::new(), self.now() + limits.wait);
        let mut wait = Duration::ZERO;
        loop {
            // A server leaves a request open that it cannot fulfil, and would give what comes later to nobody.
            let room = self.room(id, settings);
            let asked = if wait.is_zero() { room.min(count - batch.len()).max(1) } else { 1 };
            let wait_now = if room == 0 { wait.max(SHORTEST) } else { wait };
            let (stream, name) = (names::stream(&id.namespace), names::encode(&id.name));
            let (messages, pulled) = pull(&self.client, &stream, &name, asked, wait_now).await;
            for message in messages {
                let has_room = batch.is_empty() || bytes(&batch) + message.payload.len() <= most;
                if left.get() || !has_room {
                    // To somebody else, at once.
                    let _ = self.client.publish(&message.reply, "", &[], b"-NAK");
                } else {
                    batch.extend(self.take(id, settings, consumer, message).await);
                }
            }
            match pulled {
                Err(Problem::NoResponders) => {
                    // The consumer is gone, or has no leader for now.
                    self.known.borrow_mut().remove(id);
                    self.look_up(id).await?;
                    self.client.handle().sleep(RETRY).await;
                }
                Err(problem) if problem.is_passing() => self.client.handle().sleep(RETRY).await,
                Err(problem) => return Err(problem.into()),
                Ok(()) => {}
            }
            let now = self.now();
            let is_enough = batch.len() >= count || bytes(&batch) >= most || (!batch.is_empty() && wait.is_zero());
            if is_enough || left.get() || (batch.is_empty() && now >= until) {
                return Ok(batch);
            }
            if batch.is_empty() {
                // A second at a time hears who leaves.
                wait = until.saturating_duration_since(now).clamp(SHORTEST, Duration::from_secs(1));
            } else {
                self.client.handle().sleep(limits.linger).await;
                wait = Duration::ZERO;
            }
        }
    }

    /// How many deliveries a subscription may have under way beside those of ours.
    fn room(&self, id: &SubscriptionId, settings: &SubscriptionSettings) -> usize {
        let now = self.now();
        let held = self.held.borrow();
        let under_way = held.get(id).map_or(0, |all| all.values().filter(|one| one.until > now).count());
        let most = if settings.is_ordered_by_key { 1 } else { settings.max_in_flight as usize };
        most.saturating_sub(under_way)
    }

    /// A message that has come is a delivery, or the last of too many.
    async fn take(
        &self,
        id: &SubscriptionId,
        settings: &SubscriptionSettings,
        consumer: ConsumerId,
        message: Message,
    ) -> Option<Delivery> {
        let delivered = Delivered::read(&message.reply)?;
        if settings.max_deliveries.is_some_and(|most| delivered.attempts > most) {
            self.bury(id, settings, delivered, &message).await;
            return None;
        }
        let mut held = self.held.borrow_mut();
        let of_this = held.entry(id.clone()).or_default();
        let Delivered { attempts: attempt, sequence, published_at } = delivered;
        let until = self.client.handle().now() + settings.acknowledgment_deadline;
        of_this.insert(sequence, Held { attempt, reply: message.reply, consumer, until });
        while of_this.len() > 2 * settings.max_in_flight as usize {
            of_this.pop_first();
        }
        let id = DeliveryId { sequence, attempt };
        Some(Delivery { id, bytes: message.payload.into(), published_at })
    }

    /// To the dead ones; only once it is durable there does it end here.
    async fn bury(
        &self,
        id: &SubscriptionId,
        settings: &SubscriptionSettings,
        delivered: Delivered,
        message: &Message,
    ) {
        if let Some(to) = &settings.dead_letter {
            let event = events::broker::dead_letter(
                id,
                delivered.sequence,
                delivered.attempts - 1,
                "delivered too often",
                to,
                &message.payload,
            );
            let timestamp = message.headers.get("Posthaste-Timestamp").and_then(|text| text.parse().ok());
            let key = message.headers.get("Posthaste-Key").map(names::from_header);
            let event = EncodedEvent { timestamp: timestamp.unwrap_or(0), key: key.unwrap_or_default(), ..event };
            if self.publish(to, &[event]).await.is_err() {
                // It comes again when its time is over.
                return;
            }
        }
        let _ = self.client.publish(&message.reply, "", &[], b"+TERM");
        if let Some(held) = self.held.borrow_mut().get_mut(id) {
            held.remove(&delivered.sequence);
        }
    }

    /// Those of the deliveries that are known, and how many are not.
    fn known(&self, id: &SubscriptionId, deliveries: &[DeliveryId], is_exact: bool) -> (Vec<(u64, Held)>, usize) {
        let held = self.held.borrow();
        let of_this = held.get(id);
        let known: Vec<(u64, Held)> = deliveries
            .iter()
            .filter_map(|one| Some((one.sequence, of_this?.get(&one.sequence)?.clone(), one.attempt)))
            .filter(|(_, held, attempt)| !is_exact || held.attempt == *attempt)
            .map(|(sequence, held, _)| (sequence, held))
            .collect();
        let unknown = deliveries.len() - known.len();
        (known, unknown)
    }

    async fn acknowledge(&self, id: &SubscriptionId, deliveries: &[DeliveryId]) -> Result<Outcome, Refusal> {
        self.settings(id).await?;
        let (known, unknown) = self.known(id, deliveries, false);
        let until = self.patience();
        for chunk in known.chunks(AHEAD) {
            let mut left: Vec<&(u64, Held)> = chunk.iter().collect();
            while !left.is_empty() {
                match self.acknowledge_some(id, &mut left, until).await {
                    Err(problem) if problem.is_passing() && self.now() < until => {
                        self.client.handle().sleep(RETRY).await;
                    }
                    other => other?,
                }
            }
        }
        Ok(Outcome::Done { unknown })
    }

    /// Takes out of `left` those whose acknowledgment is durable. One that is sent twice does no harm.
    async fn acknowledge_some(
        &self,
        id: &SubscriptionId,
        left: &mut Vec<&(u64, Held)>,
        until: Instant,
    ) -> Result<(), Problem> {
        self.client.connected(until).await?;
        let mut inboxes = VecDeque::new();
        for (_, held) in left.iter() {
            let inbox = self.client.inbox();
            self.client.publish(&held.reply, &inbox.subject, &[], b"+ACK")?;
            inboxes.push_back(inbox);
        }
        let until = until.min(self.now() + Duration::from_secs(5));
        while let Some(inbox) = inboxes.pop_front() {
            inbox.next(until).await?;
            let (sequence, _) = left.remove(0);
            if let Some(held) = self.held.borrow_mut().get_mut(id) {
                held.remove(sequence);
            }
        }
        Ok(())
    }

    /// Tells of a delivery, once there is a connection.
    async fn tell(&self, held: &Held, words: &str) -> Result<(), Problem> {
        self.client.connected(self.patience()).await?;
        self.client.publish(&held.reply, "", &[], words.as_bytes())
    }

    async fn refuse(
        &self,
        id: &SubscriptionId,
        deliveries: &[DeliveryId],
        delay: Duration,
    ) -> Result<Outcome, Refusal> {
        let settings = self.settings(id).await?;
        let (known, unknown) = self.known(id, deliveries, true);
        for (sequence, held) in known {
            let delay = delay.max(settings.backoff.after(held.attempt));
            let words =
                if delay.is_zero() { "-NAK".to_owned() } else { format!(r#"-NAK {{"delay": {}}}"#, delay.as_nanos()) };
            self.tell(&held, &words).await?;
            if let Some(held) = self.held.borrow_mut().get_mut(id) {
                held.remove(&sequence);
            }
        }
        Ok(Outcome::Done { unknown })
    }

    async fn extend(&self, id: &SubscriptionId, deliveries: &[DeliveryId]) -> Result<Outcome, Refusal> {
        self.settings(id).await?;
        let (known, unknown) = self.known(id, deliveries, true);
        for (_, held) in known {
            self.tell(&held, "+WPI").await?;
        }
        Ok(Outcome::Done { unknown })
    }

    fn leave(&self, consumer: ConsumerId) -> Result<Outcome, Refusal> {
        self.gone.borrow().get(&consumer).into_iter().flatten().for_each(|left| left.set(true));
        for of_this in self.held.borrow_mut().values_mut() {
            of_this.retain(|_, held| {
                let is_its = held.consumer == consumer;
                if is_its {
                    let _ = self.client.publish(&held.reply, "", &[], b"-NAK");
                }
                !is_its
            });
        }
        Ok(Outcome::Done { unknown: 0 })
    }

    async fn describe(&self, namespace: Option<String>) -> Result<Vec<NamespaceDescription>, Refusal> {
        let until = self.patience();
        let mut described = Vec::new();
        for (name, stream) in streams(&self.client, until).await? {
            if namespace.as_ref().is_some_and(|wanted| *wanted != name) {
                continue;
            }
            let last = number(&stream, &["state", "last_seq"]);
            let consumers = consumers(&self.client, &names::stream(&name), until).await?;
            let subscriptions = consumers.into_iter().map(|(name, info)| subscription(name, &info)).collect();
            let messages = number(&stream, &["state", "messages"]);
            described.push(NamespaceDescription {
                name,
                first: number(&stream, &["state", "first_seq"]).max(1),
                next: last + 1,
                bytes: number(&stream, &["state", "bytes"]),
                oldest_at: None,
                published: last,
                duplicates: 0,
                expired: last - messages.min(last),
                subscriptions,
            });
        }
        match namespace {
            Some(namespace) if described.is_empty() => Err(Refusal::NoSuchNamespace { namespace }),
            _ => Ok(described),
        }
    }

    /// By a consumer that is there for this alone.
    async fn read(&self, namespace: &str, from: Start, limits: BatchLimits) -> Result<Outcome, Refusal> {
        let (stream, until) = (names::stream(namespace), self.patience());
        let missing = |problem: Problem| match problem {
            problem if problem.is_missing() => Refusal::NoSuchNamespace { namespace: namespace.to_owned() },
            problem => problem.into(),
        };
        let info = api(&self.client, &format!("STREAM.INFO.{stream}"), "", until).await.map_err(missing)?;
        let last = number(&info, &["state", "last_seq"]);
        let (mut events, mut next) = (Vec::new(), last + 1);
        let is_behind = matches!(from, Start::Latest) || matches!(from, Start::Sequence(from) if from > last);
        if is_behind {
            return Ok(Outcome::Events { events, next });
        }
        let mut text = String::new();
        let mut object = ObjectWriter::begin(&mut text);
        object.string("stream_name", &stream);
        object.object("config", |config| {
            config.string("ack_policy", "none");
            config.number("inactive_threshold", 30_000_000_000_u64);
            config.number("num_replicas", 1);
            config.truth("mem_storage", true);
            settings::start(config, from);
        });
        object.end();
        let made = api(&self.client, &format!("CONSUMER.CREATE.{stream}"), &text, until).await.map_err(missing)?;
        let name = made.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let count = limits.count.clamp(1, self.options.settings.max_count);
        let most = limits.bytes.clamp(1, self.options.settings.max_bytes);
        let (messages, pulled) = pull(&self.client, &stream, &name, count, Duration::ZERO).await;
        let mut size = 0;
        for message in messages {
            let Some(delivered) = Delivered::read(&message.reply) else { continue };
            size += message.payload.len();
            if !events.is_empty() && size > most {
                next = delivered.sequence;
                break;
            }
            next = delivered.sequence + 1;
            let Delivered { sequence, published_at, .. } = delivered;
            events.push(StoredEvent { sequence, published_at, bytes: message.payload.into() });
        }
        let _ = api(&self.client, &format!("CONSUMER.DELETE.{stream}.{name}"), "", until).await;
        pulled?;
        Ok(Outcome::Events { events, next })
    }
}

fn bytes(batch: &[Delivery]) -> usize {
    batch.iter().map(|one| one.bytes.len()).sum()
}

/// The number of the first event that a consumer has not delivered yet.
fn next_of(info: &Value) -> u64 {
    number(info, &["delivered", "stream_seq"]) + 1
}

fn subscription(name: String, info: &Value) -> SubscriptionDescription {
    let in_flight = number(info, &["num_ack_pending"]);
    SubscriptionDescription {
        name,
        depth: number(info, &["num_pending"]) + in_flight,
        next: next_of(info),
        in_flight,
        waiting: number(info, &["num_redelivered"]),
        fetching: number(info, &["num_waiting"]),
        delivered: number(info, &["delivered", "consumer_seq"]),
        ..SubscriptionDescription::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    #[test]
    fn addresses_are_read_and_others_refused() {
        let read = |url: &str| servers(url, None).map(|servers| (servers.places.join(" "), servers.user));
        assert_eq!(read("nats://localhost:4222"), Ok(("localhost:4222".into(), None)));
        assert_eq!(read("nats://a,b:1,nats://c:2/"), Ok(("a:4222 b:1 c:2".into(), None)));
        let user = Some(("me".to_owned(), "se:cret@".to_owned()));
        assert_eq!(read("nats://me:se:cret@@a:1"), Ok(("a:1".into(), user)));
        for bad in [
            "",
            "localhost:4222",
            "http://a:1",
            "nats://",
            "nats://a:0",
            "nats://a:x",
            "nats://:1",
            "nats://me@a:1",
            "nats://a,,b",
        ] {
            assert!(matches!(read(bad), Err(Refusal::BadSetting { .. })), "{bad}");
        }
        let roots = Roots::from_pem(Identity::development(&[]).expect("a key").certificate_pem().as_bytes());
        let secure = servers("tls://me:secret@a,tls://b:1", Some(&roots.expect("a certificate"))).expect("it is one");
        assert_eq!((secure.places.join(" ").as_str(), secure.tls.is_some()), ("a:4222 b:1", true));
    }

    /// A password is for a server that has shown who it is, and for nobody before.
    #[test]
    fn a_server_without_the_tls_that_its_address_asks_for_is_told_nothing() {
        for (scheme, info, words) in [
            ("tls", "{\"tls_required\":false}", "it has no TLS, which its address asks for"),
            ("tls", "{\"tls_required\":true}\r\n+OK", "is not NATS' protocol"),
            ("nats", "{\"tls_required\":true}", "it demands TLS: its address is tls://HOST:PORT"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = listener.local_addr().expect("an address");
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().expect("a client");
                stream.write_all(format!("INFO {info}\r\n").as_bytes()).expect("it reads");
                let mut said = Vec::new();
                let _ = stream.read_to_end(&mut said);
                said
            });
            let roots = Roots::from_pem(Identity::development(&[]).expect("a key").certificate_pem().as_bytes()).ok();
            let options = NatsOptions { roots, ..NatsOptions::default() };
            let refused = NatsStore::connect(&format!("{scheme}://me:secret@{address}"), options);
            let Err(Refusal::Unreachable { reason }) = refused else { panic!("{refused:?}") };
            assert!(reason.contains(words), "{reason}");
            assert_eq!(server.join().expect("it has ended"), b"", "{words}");
        }
    }
}
