//! A client of a server of events: it connects again when it has to, keeps what it publishes until that is stored, and goes on consuming.

use crate::client::Client;
use crate::error::Error;
use crate::events::carry::{End, Signals, carry};
use crate::events::server::PROTOCOL;
use crate::webtransport::session::Session;
use base::{Bytes, Instant};
use crypto_ring::SystemRandom;
use events::messages::{
    Delivery, Describe, Description, Failure, Handle as DeliveryHandle, Position, Settings, Subscribe, Unsubscribe,
};
use events::protobuf::Message;
use events::session::ToSend;
use events::session::client::{self as protocol, Config, ConsumerId, PublishId, QueueFull, RequestId, Source, Told};
use events::{ErrorCode, Event, Frame};
use runtime::Handle;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The client's end of the protocol.
type Machine = protocol::Client;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventError {
    /// The protocol's code.
    pub code: ErrorCode,
    /// What, where, and what to do about it.
    pub message: String,
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() { write!(f, "{}", self.code) } else { f.write_str(&self.message) }
    }
}

impl std::error::Error for EventError {}

impl From<EventError> for Error {
    fn from(error: EventError) -> Error {
        Error::Message(error.to_string())
    }
}

fn failed(code: ErrorCode, message: impl Into<String>) -> EventError {
    EventError { code, message: message.into() }
}

/// What happens to a client, for a log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventClientEvent {
    /// The server has let it in.
    Connected,
    /// The connection is gone, or there was none to be had.
    Disconnected {
        /// Why.
        reason: String,
        /// After how long it is tried again.
        retry_in: Duration,
    },
    /// The server ends the session, and the client will connect again.
    GoingAway(String),
    /// It is over.
    Closed {
        /// Why.
        code: ErrorCode,
        /// The same for people.
        reason: String,
    },
}

/// Where an event is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its place in its namespace.
    pub sequence: u64,
    /// It had been stored before.
    pub is_duplicate: bool,
}

/// A client of a server of events. Clones are of the same; when the last one is dropped, with all that consumes, it ends at once.
#[derive(Clone)]
pub struct EventClient {
    owner: Rc<Owner>,
}

struct Owner {
    line: Rc<Line>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.line.act(|machine, _| machine.abandon("the client was dropped"));
    }
}

/// What somebody waits for.
struct Slot<T> {
    value: Option<T>,
    waker: Option<Waker>,
}

impl<T> Default for Slot<T> {
    fn default() -> Slot<T> {
        Slot { value: None, waker: None }
    }
}

type Shared<T> = Rc<RefCell<Slot<T>>>;

fn fill<T>(slot: &Shared<T>, value: T) {
    let waker = {
        let mut slot = slot.borrow_mut();
        slot.value = Some(value);
        slot.waker.take()
    };
    if let Some(waker) = waker {
        waker.wake();
    }
}

async fn filled<T>(slot: Shared<T>) -> T {
    poll_fn(|context| {
        let mut slot = slot.borrow_mut();
        match slot.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    })
    .await
}

/// How a consumer stands.
#[derive(Default)]
struct Standing {
    waker: Option<Waker>,
    ended: Option<Option<EventError>>,
}

/// Where the server is.
enum Target {
    /// The URL of a session of WebTransport.
    WebTransport(String),
    /// Host and port of a server that speaks the protocol on QUIC alone.
    Quic(String),
}

impl Target {
    fn parse(url: &str) -> Result<Target, Error> {
        match (url.strip_prefix("quic://"), url.starts_with("https://")) {
            (Some(authority), _) => Ok(Target::Quic(authority.strip_suffix('/').unwrap_or(authority).to_owned())),
            (None, true) => Ok(Target::WebTransport(url.to_owned())),
            (None, false) => Err(Error::Message(format!(
                "{url} is no URL of a server of events, such as https://events.example/events or quic://events.example:4433"
            ))),
        }
    }

    async fn connect(&self, client: &Client) -> Result<Session, Error> {
        match self {
            Target::WebTransport(url) => client.webtransport(url).connect().await,
            Target::Quic(authority) => client.open_session(PROTOCOL, authority).await,
        }
    }
}

/// The client's end and what drives it.
struct Line {
    machine: RefCell<Machine>,
    client: Client,
    target: Target,
    handle: Handle,
    signals: Signals,
    session: RefCell<Option<Session>>,
    /// Which connection it is.
    epoch: Cell<u64>,
    receipts: RefCell<BTreeMap<PublishId, Shared<Result<Receipt, EventError>>>>,
    answers: RefCell<BTreeMap<RequestId, Shared<Frame>>>,
    standings: RefCell<BTreeMap<ConsumerId, Standing>>,
    /// Those who wait for room in the queue, for the first connection, or for the end.
    waiting: RefCell<Vec<Waker>>,
    /// How the first attempt went.
    first: RefCell<Option<Result<(), EventError>>>,
    closed: RefCell<Option<EventError>>,
    main: RefCell<Option<Waker>>,
    on_event: Box<dyn Fn(&EventClientEvent)>,
    is_flushing: Cell<bool>,
}

impl EventClient {
    /// A client that begins to connect by `client`: with a URL such as `quic://events.example:4433` on QUIC alone, and with one such as
    /// `https://events.example/events` by WebTransport, for which `client` has to be made with
    /// [`ClientBuilder::webtransport`](crate::ClientBuilder::webtransport).
    ///
    /// # Errors
    /// The URL is neither.
    pub fn connect(client: &Client, url: &str, config: Config, handle: &Handle) -> Result<EventClient, Error> {
        EventClient::connect_with_log(client, url, config, handle, |_| {})
    }

    /// The same, and `on_event` hears what happens to the connection.
    ///
    /// # Errors
    /// The URL is neither.
    pub fn connect_with_log(
        client: &Client,
        url: &str,
        config: Config,
        handle: &Handle,
        on_event: impl Fn(&EventClientEvent) + 'static,
    ) -> Result<EventClient, Error> {
        let target = Target::parse(url)?;
        let line = Rc::new(Line {
            machine: RefCell::new(Machine::new(config, Box::new(SystemRandom::new()))),
            client: client.clone(),
            target,
            handle: handle.clone(),
            signals: Signals::default(),
            session: RefCell::new(None),
            epoch: Cell::new(0),
            receipts: RefCell::default(),
            answers: RefCell::default(),
            standings: RefCell::default(),
            waiting: RefCell::default(),
            first: RefCell::new(None),
            closed: RefCell::new(None),
            main: RefCell::new(None),
            on_event: Box::new(on_event),
            is_flushing: Cell::new(false),
        });
        line.flush();
        let of_task = line.clone();
        handle.spawn_detached(async move { of_task.run().await });
        Ok(EventClient { owner: Rc::new(Owner { line }) })
    }

    fn line(&self) -> &Rc<Line> {
        &self.owner.line
    }

    /// Waits for the first connection: for programs that want to know at once that nothing is there.
    ///
    /// # Errors
    /// The first attempt has failed, or the client is not let in. After the former it goes on trying.
    pub async fn connected(&self) -> Result<(), EventError> {
        poll_fn(|context| match &*self.line().first.borrow() {
            Some(first) => Poll::Ready(first.clone()),
            None => self.line().wait(context),
        })
        .await
    }

    /// Publishes an event, and waits until it is stored: as long as it takes to reach the server. An event without `id` gets a random one.
    ///
    /// # Errors
    /// The server refuses it, or the client has ended.
    pub async fn publish(&self, namespace: &str, event: &Event) -> Result<Receipt, EventError> {
        self.publish_soon(namespace, event).await?.await
    }

    /// The same in two steps: waits for room in the queue of what is not stored yet, and gives what waits for the rest. Events are stored in
    /// the order of these calls, unless the server refuses one for the moment.
    ///
    /// # Errors
    /// The client has ended.
    pub async fn publish_soon(
        &self,
        namespace: &str,
        event: &Event,
    ) -> Result<impl Future<Output = Result<Receipt, EventError>> + use<>, EventError> {
        let named;
        let event = if event.id.is_empty() {
            named = Event { id: random_id(), ..event.clone() };
            &named
        } else {
            event
        };
        let line = self.line();
        let slot = poll_fn(|context| {
            let slot: Shared<Result<Receipt, EventError>> = Rc::default();
            if let Some(error) = line.end() {
                return Poll::Ready(Err(error));
            }
            // The receipt has its place before anything can come for it.
            let published = line.machine.borrow_mut().publish(line.handle.read_clock(), namespace, event);
            match published {
                Ok(id) => {
                    line.receipts.borrow_mut().insert(id, slot.clone());
                    line.flush();
                    Poll::Ready(Ok(slot))
                }
                Err(QueueFull) => line.wait(context),
            }
        })
        .await?;
        Ok(filled(slot))
    }

    /// Consumes a subscription, which is made if it is not there.
    pub fn subscribe(&self, namespace: &str, name: &str, settings: Settings) -> Subscription {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let id = self.begin(Source::Subscription { namespace, name, settings });
        Subscription { consumer: Consumer { client: self.clone(), id } }
    }

    /// Reads what is stored in a namespace, from a place on: at most so many events, or all that there are if it is 0.
    pub fn read(&self, namespace: &str, start: Position, max_events: u64) -> Reader {
        let id = self.begin(Source::Stored { namespace: namespace.to_owned(), start, max_events });
        Reader { consumer: Consumer { client: self.clone(), id } }
    }

    fn begin(&self, source: Source) -> ConsumerId {
        let line = self.line();
        let id = line.machine.borrow_mut().consume(source);
        line.standings.borrow_mut().insert(id, Standing::default());
        line.flush();
        id
    }

    /// How the queues are: of one namespace, or of all if it is empty.
    ///
    /// # Errors
    /// The client has no right to it, the connection was lost, or the client has ended.
    pub async fn describe(&self, namespace: &str) -> Result<Description, EventError> {
        match self.request(Describe { namespace: namespace.to_owned(), ..Describe::default() }.into()).await? {
            Frame::Description(description) => Ok(description),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes sure that there is such a subscription, without consuming it: from then on it keeps what is published.
    ///
    /// # Errors
    /// It has other settings, the client has no right to it, the connection was lost, or the client has ended.
    pub async fn ensure(&self, namespace: &str, name: &str, settings: Settings) -> Result<(), EventError> {
        let (namespace, name, settings) = (namespace.to_owned(), name.to_owned(), Some(settings));
        match self.request(Subscribe { namespace, name, settings, ..Subscribe::default() }.into()).await? {
            Frame::Subscribed(_) => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Forgets a subscription, with its position.
    ///
    /// # Errors
    /// There is none, the client has no right to it, the connection was lost, or the client has ended.
    pub async fn unsubscribe(&self, namespace: &str, name: &str) -> Result<(), EventError> {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        match self.request(Unsubscribe { namespace, name, ..Unsubscribe::default() }.into()).await? {
            Frame::Done(_) => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// The same without waiting: for the end of a program. [`EventClient::close`] waits for it. What comes of it nobody is told.
    pub fn unsubscribe_soon(&self, namespace: &str, name: &str) {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let frame = Unsubscribe { namespace, name, ..Unsubscribe::default() }.into();
        // If too many wait already, the subscription stays.
        let _ = self.line().act(|machine, now| machine.request(now, frame));
    }

    async fn request(&self, frame: Frame) -> Result<Frame, EventError> {
        let line = self.line();
        let slot = poll_fn(|context| {
            if let Some(error) = line.end() {
                return Poll::Ready(Err(error));
            }
            let asked = line.machine.borrow_mut().request(line.handle.read_clock(), frame.clone());
            match asked {
                Ok(id) => {
                    let slot: Shared<Frame> = Rc::default();
                    line.answers.borrow_mut().insert(id, slot.clone());
                    line.flush();
                    Poll::Ready(Ok(slot))
                }
                Err(QueueFull) => line.wait(context),
            }
        })
        .await?;
        match filled(slot).await {
            Frame::Failure(Failure { code, message, .. }) => Err(failed(ErrorCode::from_number(code), message)),
            answer => Ok(answer),
        }
    }

    /// The time to the server and back, once a ping was answered.
    pub fn round_trip(&self) -> Option<Duration> {
        self.line().machine.borrow().round_trip()
    }

    /// Whether the connection is there and the server has let the client in.
    pub fn is_connected(&self) -> bool {
        self.line().machine.borrow().is_ready()
    }

    /// Events that are not stored yet.
    pub fn unpublished(&self) -> usize {
        self.line().machine.borrow().unpublished()
    }

    /// Ends in good order: nothing more is delivered; what was given to publish is stored, what was acknowledged is told, and what the
    /// program has in its hands it may still acknowledge. Waits for all of that, but no longer than `patience`.
    ///
    /// # Errors
    /// It took longer. Events may not have been stored.
    pub async fn close(&self, patience: Duration) -> Result<(), EventError> {
        let line = self.line();
        line.act(|machine, now| machine.close(now));
        let ended = poll_fn(|context| match line.end() {
            Some(_) => Poll::Ready(()),
            None => line.wait(context),
        });
        if line.handle.timeout(patience, ended).await.is_ok() {
            return Ok(());
        }
        let left = self.unpublished();
        line.act(|machine, _| machine.abandon("its time is over"));
        Err(failed(ErrorCode::Silent, format!("the server did not answer in time; {left} events may not be stored")))
    }
}

impl fmt::Debug for EventClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventClient").field("is_connected", &self.is_connected()).finish_non_exhaustive()
    }
}

fn unexpected(frame: &Frame) -> EventError {
    failed(ErrorCode::Unexpected, format!("the server has answered with a {}", frame.name()))
}

fn random_id() -> String {
    let bytes: [u8; 16] = base::random::array(&mut SystemRandom::new());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Something that consumes, and ends with this value.
struct Consumer {
    client: EventClient,
    id: ConsumerId,
}

impl Consumer {
    async fn next(&self) -> Option<Result<Delivery, EventError>> {
        let line = self.client.line();
        poll_fn(|context| {
            let delivery = line.machine.borrow_mut().take(self.id);
            if let Some(delivery) = delivery {
                line.flush();
                return Poll::Ready(Some(Ok(delivery)));
            }
            let mut standings = line.standings.borrow_mut();
            let Some(standing) = standings.get_mut(&self.id) else { return Poll::Ready(None) };
            match (&standing.ended, line.end()) {
                (Some(error), _) => Poll::Ready(error.clone().map(Err)),
                (None, Some(error)) if error.code == ErrorCode::None => Poll::Ready(None),
                (None, Some(error)) => Poll::Ready(Some(Err(error))),
                (None, None) => {
                    standing.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let line = self.client.line();
        line.standings.borrow_mut().remove(&self.id);
        line.act(|machine, _| machine.end_consumer(self.id));
    }
}

/// A subscription that is consumed. When it is dropped, what it has not acknowledged is delivered to others.
pub struct Subscription {
    consumer: Consumer,
}

impl Subscription {
    /// The next event; `None` when the client has ended.
    ///
    /// # Errors
    /// The server refuses: there is no right to it, or the subscription has other settings.
    pub async fn next(&self) -> Option<Result<Received<'_>, EventError>> {
        Some(self.consumer.next().await?.map(|delivery| Received { delivery, subscription: self }))
    }

    /// Gives each event to a handler, one after the other, and acknowledges it when the handler succeeds; otherwise it comes again
    /// after `delay`. Returns when the client has ended.
    ///
    /// # Errors
    /// As for [`Subscription::next`].
    pub async fn handle_each<F, E>(
        &self,
        delay: Duration,
        mut handler: impl FnMut(Event) -> F,
    ) -> Result<(), EventError>
    where
        F: Future<Output = Result<(), E>>,
    {
        while let Some(received) = self.next().await {
            let received = received?;
            match received.event() {
                Ok(event) => match handler(event).await {
                    Ok(()) => received.acknowledge(),
                    Err(_) => received.refuse(delay),
                },
                Err(_) => received.refuse(delay),
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("id", &self.consumer.id).finish_non_exhaustive()
    }
}

/// An event that was delivered, to be acknowledged or refused. Who does neither, and drops it, gets it again after the subscription's
/// deadline.
pub struct Received<'a> {
    delivery: Delivery,
    subscription: &'a Subscription,
}

impl Received<'_> {
    /// The event.
    ///
    /// # Errors
    /// What was published is none: another program has put it there.
    pub fn event(&self) -> Result<Event, EventError> {
        Event::parse(&self.delivery.event).map_err(|error| failed(ErrorCode::Malformed, error.to_string()))
    }

    /// Its place, its attempt, and its bytes.
    pub const fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// It is dealt with. The server is told until it knows.
    pub fn acknowledge(self) {
        let (handle, id) = (self.handle(), self.subscription.consumer.id);
        self.line().act(|machine, now| machine.acknowledge(now, id, handle));
    }

    /// It is to come again, after a delay.
    pub fn refuse(self, delay: Duration) {
        let (handle, id) = (self.handle(), self.subscription.consumer.id);
        self.line().act(|machine, now| machine.refuse(now, id, handle, delay));
    }

    /// It takes longer: so long from now.
    pub fn extend(&self, by: Duration) {
        let (handle, id) = (self.handle(), self.subscription.consumer.id);
        self.line().act(|machine, _| machine.extend(id, handle, by));
    }

    fn handle(&self) -> DeliveryHandle {
        DeliveryHandle { sequence: self.delivery.sequence, attempt: self.delivery.attempt }
    }

    fn line(&self) -> &Rc<Line> {
        self.subscription.consumer.client.line()
    }
}

impl fmt::Debug for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("delivery", &self.delivery).finish_non_exhaustive()
    }
}

/// What is stored, read once.
pub struct Reader {
    consumer: Consumer,
}

impl Reader {
    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// The server refuses, or the client is not let in.
    pub async fn next(&self) -> Option<Result<Delivery, EventError>> {
        self.consumer.next().await
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("id", &self.consumer.id).finish_non_exhaustive()
    }
}

impl Line {
    fn act<T>(self: &Rc<Self>, act: impl FnOnce(&mut Machine, Instant) -> T) -> T {
        let result = act(&mut self.machine.borrow_mut(), self.handle.read_clock());
        self.flush();
        result
    }

    fn wait<T>(&self, context: &Context<'_>) -> Poll<T> {
        self.waiting.borrow_mut().push(context.waker().clone());
        Poll::Pending
    }

    fn end(&self) -> Option<EventError> {
        self.closed.borrow().clone()
    }

    fn wake_waiting(&self) {
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Does what the client's end wants done, and tells what it has to tell.
    fn flush(self: &Rc<Self>) {
        // Whoever is told may act in turn.
        if self.is_flushing.replace(true) {
            return;
        }
        loop {
            let told = self.machine.borrow_mut().poll_told();
            if let Some(told) = told {
                self.on_told(told);
                continue;
            }
            let output = self.machine.borrow_mut().poll_output();
            match output {
                Some(output) => self.on_output(output),
                None => break,
            }
        }
        self.is_flushing.set(false);
        if let Some(waker) = self.main.borrow_mut().take() {
            waker.wake();
        }
    }

    fn on_output(self: &Rc<Self>, output: protocol::Output) {
        match output {
            protocol::Output::Connect => {
                let line = self.clone();
                self.handle.spawn_detached(async move { line.connect().await });
            }
            protocol::Output::Open(stream) => {
                let Some(session) = self.session.borrow().clone() else { return };
                let line = self.clone();
                self.handle.spawn_detached(async move {
                    let opened = session.open_bidirectional().await;
                    // Held by its streams no longer than by the client itself.
                    drop(session);
                    // Where it fails the session is over, of which the client hears.
                    if let Ok((send, receive)) = opened {
                        let end: Rc<dyn End> = line;
                        carry(end, stream, send, receive).await;
                    }
                });
            }
            protocol::Output::Ready(stream) => self.signals.wake(stream),
            protocol::Output::Close { code, reason } => {
                self.epoch.set(self.epoch.get() + 1);
                if let Some(session) = self.session.take() {
                    // An end in good order is said by the end of the control stream, whose last words are to arrive.
                    session.close(code.number(), &reason);
                    if code == ErrorCode::Silent {
                        // Nobody answers there any more: the next session is not to wait on the same connection.
                        session.break_off("the server is silent");
                    }
                }
                self.signals.wake_all();
            }
        }
    }

    fn on_told(&self, told: Told) {
        match told {
            Told::Connected(_) => {
                self.first.borrow_mut().get_or_insert(Ok(()));
                self.wake_waiting();
                (self.on_event)(&EventClientEvent::Connected);
            }
            Told::Disconnected { reason, retry_in } => {
                let error = failed(ErrorCode::Silent, reason.clone());
                self.first.borrow_mut().get_or_insert(Err(error));
                self.wake_waiting();
                (self.on_event)(&EventClientEvent::Disconnected { reason, retry_in });
            }
            Told::Published { id, sequence, is_duplicate } => {
                self.on_receipt(id, Ok(Receipt { sequence, is_duplicate }));
            }
            Told::NotPublished { id, code, message } => self.on_receipt(id, Err(failed(code, message))),
            Told::Deliveries(consumer) => self.wake_consumer(consumer, None),
            Told::Ended { consumer, refused } => {
                let error = refused.map(|(code, message)| failed(code, message));
                self.wake_consumer(consumer, Some(error));
            }
            Told::Answer(request, frame) => {
                let slot = self.answers.borrow_mut().remove(&request);
                if let Some(slot) = slot {
                    fill(&slot, frame);
                }
                self.wake_waiting();
            }
            Told::GoingAway(reason) => (self.on_event)(&EventClientEvent::GoingAway(reason)),
            Told::Closed { code, reason } => self.on_closed(code, reason),
        }
    }

    fn on_receipt(&self, id: PublishId, receipt: Result<Receipt, EventError>) {
        let slot = self.receipts.borrow_mut().remove(&id);
        if let Some(slot) = slot {
            fill(&slot, receipt);
        }
        self.wake_waiting();
    }

    fn wake_consumer(&self, consumer: ConsumerId, ended: Option<Option<EventError>>) {
        let waker = {
            let mut standings = self.standings.borrow_mut();
            let Some(standing) = standings.get_mut(&consumer) else { return };
            if ended.is_some() {
                standing.ended = ended;
            }
            standing.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn on_closed(&self, code: ErrorCode, reason: String) {
        let error = failed(code, reason.clone());
        self.closed.borrow_mut().get_or_insert(error.clone());
        self.first.borrow_mut().get_or_insert(Err(error.clone()));
        let receipts = std::mem::take(&mut *self.receipts.borrow_mut());
        for slot in receipts.into_values() {
            fill(&slot, Err(error.clone()));
        }
        let answers = std::mem::take(&mut *self.answers.borrow_mut());
        for slot in answers.into_values() {
            let (code, message) = (code.number(), reason.clone());
            fill(&slot, Failure { request: 0, code, message }.into());
        }
        let wakers: Vec<Waker> =
            self.standings.borrow_mut().values_mut().filter_map(|standing| standing.waker.take()).collect();
        wakers.into_iter().for_each(Waker::wake);
        self.wake_waiting();
        (self.on_event)(&EventClientEvent::Closed { code, reason });
    }

    async fn connect(self: &Rc<Self>) {
        let epoch = self.epoch.get() + 1;
        self.epoch.set(epoch);
        let connected = self.target.connect(&self.client).await;
        if self.epoch.get() != epoch {
            return;
        }
        match connected {
            Ok(session) => {
                self.session.replace(Some(session.clone()));
                self.act(|machine, now| machine.on_connected(now));
                self.watch(session, epoch).await;
            }
            Err(error) => self.act(|machine, now| machine.on_lost(now, &error.to_string())),
        }
    }

    /// Hears of the end of a session.
    async fn watch(self: &Rc<Self>, session: Session, epoch: u64) {
        let reason = match session.closed().await {
            Ok(end) if end.reason.is_empty() => format!("the server has closed the session with code {}", end.code),
            Ok(end) => end.reason,
            Err(error) => error.to_string(),
        };
        if self.epoch.get() == epoch {
            self.session.replace(None);
            self.act(|machine, now| machine.on_lost(now, &reason));
            self.signals.wake_all();
        }
    }

    /// The time, until the client is closed.
    async fn run(self: &Rc<Self>) {
        let mut sleep = pin!(self.handle.sleep(Duration::ZERO));
        poll_fn(|context| {
            loop {
                if self.machine.borrow().is_closed() {
                    return Poll::Ready(());
                }
                let deadline = self.machine.borrow().deadline().unwrap_or(Instant::MAX);
                sleep.as_mut().get_mut().reset(deadline);
                match Pin::new(&mut sleep).poll(context) {
                    Poll::Ready(()) => self.act(|machine, now| machine.on_timeout(now)),
                    Poll::Pending => {
                        self.main.replace(Some(context.waker().clone()));
                        return Poll::Pending;
                    }
                }
            }
        })
        .await;
    }
}

/// What an end of the protocol does through an `Rc` of its line.
impl End for Line {
    fn poll_send(&self, stream: u64) -> Option<ToSend> {
        self.machine.borrow_mut().poll_send(stream)
    }

    fn has_stream(&self, stream: u64) -> bool {
        self.machine.borrow().has_stream(stream)
    }

    fn wants_bytes(&self, stream: u64) -> bool {
        self.machine.borrow().wants_bytes(stream)
    }

    fn receive(self: Rc<Self>, stream: u64, bytes: Bytes) {
        self.act(|machine, now| machine.receive(now, stream, bytes));
    }

    fn on_finished(self: Rc<Self>, stream: u64) {
        self.act(|machine, now| machine.on_finished(now, stream));
    }

    fn on_gone(self: Rc<Self>, stream: u64, code: ErrorCode) {
        self.act(|machine, now| machine.on_gone(now, stream, code));
    }

    fn signals(&self) -> &Signals {
        &self.signals
    }
}
