//! The client's end: one client over any number of connections, one after the other. What it has been given to publish it keeps until that
//! is acknowledged, and what it consumes goes on where it was.

use crate::code::ErrorCode;
use crate::event::Event;
use crate::frame::{DEFAULT_MAX_FRAME, Frame};
use crate::messages::{
    Acknowledge, Auth, AuthAck, AuthError, Batch, Consume, Delivery, Extend, Failure, GoAway, Handle, Ping, Pong,
    Position, Publish, PublishAck, RateLimitNotice, Read, Refuse, Settings, Subscribe,
};
use crate::protobuf::Message;
use crate::session::stream::{Stream, ToSend};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use base::{Bytes, Duration, Instant, Random};

/// Who the client is, and how patient.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// Its name in the server's registry.
    pub client_id: String,
    /// What shows that it is this client.
    pub token: String,
    /// The namespaces that it is about; empty for all that it may use.
    pub namespaces: Vec<String>,
    /// What the server's log calls the program.
    pub agent: String,
    /// Events that wait to be published or acknowledged. Default 10,000.
    pub max_queue: usize,
    /// Bytes of them. Default 64 MiB.
    pub max_queue_bytes: usize,
    /// Publishes that are not answered; what comes meanwhile goes together in the next. Default 8.
    pub max_publishes: usize,
    /// Deliveries of a consumer that the program has not taken; meanwhile its stream is not read. Default 1000.
    pub max_unread: usize,
    /// How long the first attempt to connect again waits, at most. Default 100 ms.
    pub backoff_first: Duration,
    /// How long each attempt to connect again waits, at most. Default 30 s.
    pub backoff_most: Duration,
    /// How often the server is pinged. Default 5 s.
    pub ping: Duration,
    /// After how many pings without an answer the connection is given up. Default 3.
    pub missed_pongs: u32,
    /// How long the server has to answer Auth. Default 10 s.
    pub authentication: Duration,
}

impl Config {
    /// With defaults.
    pub fn new(client_id: impl Into<String>, token: impl Into<String>) -> Config {
        Config {
            client_id: client_id.into(),
            token: token.into(),
            namespaces: Vec::new(),
            agent: String::new(),
            max_queue: 10_000,
            max_queue_bytes: 64 << 20,
            max_publishes: 8,
            max_unread: 1000,
            backoff_first: Duration::from_millis(100),
            backoff_most: Duration::from_secs(30),
            ping: Duration::from_secs(5),
            missed_pongs: 3,
            authentication: Duration::from_secs(10),
        }
    }
}

impl core::fmt::Debug for Config {
    /// Without the token.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Config").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// An event that was given to be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublishId(u64);

/// Something that consumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerId(u64);

/// A request of which the program waits for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(u64);

/// What is consumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A subscription, which is made if it is not there.
    Subscription {
        /// Of which namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// How it delivers.
        settings: Settings,
    },
    /// What is stored in a namespace, once.
    Stored {
        /// Which.
        namespace: String,
        /// From where.
        start: Position,
        /// Events at most; 0 for all that there are.
        max_events: u64,
    },
}

/// What the client wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Connect, and tell how it went by [`Client::on_connected`] or [`Client::on_lost`].
    Connect,
    /// Open a stream of both directions, which has this number here.
    Open(u64),
    /// This stream may have something to send, or want bytes again.
    Ready(u64),
    /// Close the connection; [`Client::on_lost`] is not called for it.
    Close {
        /// By this code.
        code: ErrorCode,
        /// And this reason.
        reason: String,
    },
}

/// What the program is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The server has let the client in.
    Connected(AuthAck),
    /// The connection is gone; another one is tried after so long.
    Disconnected {
        /// Why.
        reason: String,
        /// After how long.
        retry_in: Duration,
    },
    /// An event is stored.
    Published {
        /// Which.
        id: PublishId,
        /// Its place in its namespace.
        sequence: u64,
        /// It had been stored before.
        is_duplicate: bool,
    },
    /// An event was refused, and is not tried again.
    NotPublished {
        /// Which.
        id: PublishId,
        /// Why.
        code: ErrorCode,
        /// The same for people.
        message: String,
    },
    /// A consumer has deliveries to take.
    Deliveries(ConsumerId),
    /// A consumer has come to its end: all that was stored was read, or it was refused.
    Ended {
        /// Which.
        consumer: ConsumerId,
        /// Why, if it was refused.
        refused: Option<(ErrorCode, String)>,
    },
    /// The answer to a request, which is a `Failure` also where the connection was lost.
    Answer(RequestId, Frame),
    /// The server ends the session; what is under way is finished first.
    GoingAway(String),
    /// The client is not let in, or has ended. Nothing comes after it.
    Closed {
        /// Why.
        code: ErrorCode,
        /// The same for people.
        reason: String,
    },
}

/// Nothing more can be given to publish until something is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;

struct Queued {
    id: PublishId,
    namespace: String,
    bytes: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Until then nothing is tried.
    Waiting(Instant),
    Connecting,
    Authenticating(Instant),
    Ready,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Control,
    Publish,
    Delivery(ConsumerId),
}

/// What an answer on the control stream is for.
enum Asked {
    Program(RequestId),
    Subscribe(ConsumerId),
    Acknowledge(ConsumerId, Vec<Handle>),
    /// A refuse or an extend: lost with the session.
    Once,
}

struct Consumer {
    source: Source,
    stream: Option<u64>,
    unread: VecDeque<Delivery>,
    /// Given to the program in this session, and not dealt with.
    open: BTreeSet<(u64, u32)>,
    /// To be acknowledged.
    dealt_with: Vec<Handle>,
    /// All was read.
    is_over: bool,
}

/// The session on the present connection.
#[derive(Default)]
struct Now {
    streams: BTreeMap<u64, (Role, Stream)>,
    control: Option<u64>,
    publish: Option<u64>,
    max_requests: usize,
    max_frame: usize,
    asked: BTreeMap<u64, Asked>,
    publishes: BTreeMap<u64, Vec<Queued>>,
    /// Publishes that came too soon or met a passing trouble, until then.
    hold_until: Option<Instant>,
    /// When the pings that have no answer were sent.
    pings: VecDeque<Instant>,
    next_ping: Option<Instant>,
    going_away: Option<Instant>,
}

/// The client.
pub struct Client {
    config: Config,
    random: Box<dyn Random>,
    state: State,
    attempts: u32,
    now: Now,
    streams: u64,
    requests: u64,
    queue: VecDeque<Queued>,
    queued: usize,
    queued_bytes: usize,
    publishes: u64,
    consumers: BTreeMap<ConsumerId, Consumer>,
    consumer_count: u64,
    waiting: VecDeque<(RequestId, Frame)>,
    request_count: u64,
    round_trip: Option<Duration>,
    is_closing: bool,
    outputs: VecDeque<Output>,
    told: VecDeque<Told>,
}

/// Handles of one acknowledgment, at most.
const MAX_HANDLES: usize = 1000;
/// Requests of the program that wait, at most.
const MAX_WAITING: usize = 1000;
/// Events and bytes of one publish, at most.
const MAX_PUBLISH: (usize, usize) = (1000, 256 << 10);

impl Client {
    /// A client that connects at once.
    pub fn new(config: Config, random: Box<dyn Random>) -> Client {
        Client {
            config,
            random,
            state: State::Connecting,
            attempts: 0,
            now: Now::default(),
            streams: 0,
            requests: 0,
            queue: VecDeque::new(),
            queued: 0,
            queued_bytes: 0,
            publishes: 0,
            consumers: BTreeMap::new(),
            consumer_count: 0,
            waiting: VecDeque::new(),
            request_count: 0,
            round_trip: None,
            is_closing: false,
            outputs: VecDeque::from([Output::Connect]),
            told: VecDeque::new(),
        }
    }

    /// The time to the server and back, smoothed, once a ping was answered.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Whether the server has let the client in, and the connection is there.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Whether it has ended, or was not let in.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Events that were given to be published and are not acknowledged.
    pub fn unpublished(&self) -> usize {
        self.queued
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What to tell the program next.
    pub fn poll_told(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    /// Keeps an event until the server has stored it.
    ///
    /// # Errors
    /// There are too many already; `event` was not taken.
    pub fn publish(&mut self, now: Instant, namespace: &str, event: &Event) -> Result<PublishId, QueueFull> {
        let bytes = Bytes::from(event.encoded());
        let is_full = self.queued >= self.config.max_queue
            || (self.queued > 0 && self.queued_bytes + bytes.len() > self.config.max_queue_bytes);
        if is_full || self.is_closing || self.is_closed() {
            return Err(QueueFull);
        }
        self.publishes += 1;
        let id = PublishId(self.publishes);
        self.queued += 1;
        self.queued_bytes += bytes.len();
        self.queue.push_back(Queued { id, namespace: namespace.to_string(), bytes });
        self.flush(now);
        Ok(id)
    }

    /// Begins to consume. What a subscription delivers goes on over new connections until [`Client::end_consumer`].
    pub fn consume(&mut self, source: Source) -> ConsumerId {
        self.consumer_count += 1;
        let id = ConsumerId(self.consumer_count);
        let (unread, open, dealt_with) = (VecDeque::new(), BTreeSet::new(), Vec::new());
        self.consumers.insert(id, Consumer { source, stream: None, unread, open, dealt_with, is_over: false });
        if self.is_ready() {
            self.begin(id);
        }
        id
    }

    /// The next delivery of a consumer.
    pub fn take(&mut self, consumer: ConsumerId) -> Option<Delivery> {
        let one = self.consumers.get_mut(&consumer)?;
        let delivery = one.unread.pop_front()?;
        if delivery.attempt > 0 {
            one.open.insert((delivery.sequence, delivery.attempt));
        }
        if let Some(stream) = one.stream {
            self.outputs.push_back(Output::Ready(stream));
        }
        Some(delivery)
    }

    /// Deliveries that wait to be taken.
    pub fn unread(&self, consumer: ConsumerId) -> usize {
        self.consumers.get(&consumer).map_or(0, |consumer| consumer.unread.len())
    }

    /// A delivery is dealt with: the server is told until it knows.
    pub fn acknowledge(&mut self, now: Instant, consumer: ConsumerId, handle: Handle) {
        let Some(one) = self.consumers.get_mut(&consumer) else { return };
        one.open.remove(&(handle.sequence, handle.attempt));
        one.dealt_with.push(handle);
        self.flush(now);
    }

    /// A delivery is to come once more, after this delay.
    pub fn refuse(&mut self, now: Instant, consumer: ConsumerId, handle: Handle, delay: Duration) {
        let Some((namespace, name)) = self.close_delivery(consumer, &handle) else { return };
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.ask(Asked::Once, |request| {
            Refuse { request, namespace, name, deliveries: Vec::from([handle]), delay_ms }.into()
        });
        self.flush(now);
    }

    /// A delivery needs more time, from now on.
    pub fn extend(&mut self, consumer: ConsumerId, handle: Handle, by: Duration) {
        let Some(one) = self.consumers.get(&consumer) else { return };
        let Source::Subscription { namespace, name, .. } = &one.source else { return };
        let (namespace, name) = (namespace.clone(), name.clone());
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.ask(Asked::Once, |request| {
            Extend { request, namespace, name, deliveries: Vec::from([handle]), by_ms }.into()
        });
    }

    /// Ends a consumer. What it has not acknowledged goes to others at once.
    pub fn end_consumer(&mut self, consumer: ConsumerId) {
        let Some(one) = self.consumers.remove(&consumer) else { return };
        if let Some(stream) = one.stream
            && let Some((_, there)) = self.now.streams.get_mut(&stream)
        {
            there.reset(ErrorCode::None);
            self.outputs.push_back(Output::Ready(stream));
        }
    }

    /// Asks something on the control stream: a `Describe`, a `Subscribe` or an `Unsubscribe`, whose number is filled in. It waits for a
    /// connection, and is answered once.
    ///
    /// # Errors
    /// Too many wait already.
    pub fn request(&mut self, now: Instant, frame: Frame) -> Result<RequestId, QueueFull> {
        if self.waiting.len() >= MAX_WAITING || self.is_closing || self.is_closed() {
            return Err(QueueFull);
        }
        self.request_count += 1;
        let id = RequestId(self.request_count);
        self.waiting.push_back((id, frame));
        self.flush(now);
        Ok(id)
    }

    /// Ends in good order: nothing more is delivered, and once all that was given to publish and to acknowledge is answered, the
    /// connection is closed and [`Told::Closed`] said. Deliveries that the program has can be acknowledged meanwhile.
    pub fn close(&mut self, now: Instant) {
        if self.is_closing || self.is_closed() {
            return;
        }
        self.is_closing = true;
        for consumer in self.consumers.values_mut() {
            consumer.unread.clear();
        }
        self.flush(now);
    }

    /// Ends at once. What is not acknowledged is lost to the server, or comes again.
    pub fn abandon(&mut self, reason: &str) {
        self.end(ErrorCode::None, reason);
    }

    /// There is a connection.
    pub fn on_connected(&mut self, now: Instant) {
        if self.state != State::Connecting {
            return;
        }
        self.now = Now { max_frame: DEFAULT_MAX_FRAME, max_requests: 1, ..Now::default() };
        self.state = State::Authenticating(now + self.config.authentication);
        let control = self.open(Role::Control);
        self.now.control = Some(control);
        let Config { client_id, token, namespaces, agent, .. } = self.config.clone();
        self.send(control, &Auth { client_id, token, namespaces, agent }.into());
    }

    /// The connection is gone, or there was none to be had.
    pub fn on_lost(&mut self, now: Instant, reason: &str) {
        if self.is_closed() {
            return;
        }
        self.take_back();
        self.attempts = self.attempts.saturating_add(1);
        let retry_in = self.backoff();
        self.state = State::Waiting(now + retry_in);
        self.told.push_back(Told::Disconnected { reason: reason.to_string(), retry_in });
    }

    /// Whether there is still something to be done with a stream.
    pub fn has_stream(&self, stream: u64) -> bool {
        self.now.streams.contains_key(&stream)
    }

    /// Whether the stream's next bytes are wanted.
    pub fn wants_bytes(&self, stream: u64) -> bool {
        let Some((role, there)) = self.now.streams.get(&stream) else { return false };
        match role {
            Role::Delivery(consumer) => {
                let unread = self.consumers.get(consumer).map_or(0, |consumer| consumer.unread.len());
                unread < self.config.max_unread && !there.is_done()
            }
            _ => true,
        }
    }

    /// Bytes of a stream.
    pub fn receive(&mut self, now: Instant, stream: u64, bytes: Bytes) {
        if let Some((_, there)) = self.now.streams.get_mut(&stream) {
            there.push(bytes);
        }
        self.read(now, stream);
    }

    /// The server has ended its side of a stream.
    pub fn on_finished(&mut self, now: Instant, stream: u64) {
        if let Some((_, there)) = self.now.streams.get_mut(&stream) {
            there.is_finished = true;
        }
        self.read(now, stream);
        self.on_gone(now, stream, ErrorCode::None);
    }

    /// A stream was reset by the server, or the server wants no more of it.
    pub fn on_gone(&mut self, now: Instant, stream: u64, code: ErrorCode) {
        let Some((role, _)) = self.now.streams.remove(&stream) else { return };
        match role {
            // Without these there is no session.
            Role::Control | Role::Publish => self.break_off(now, code, "the server has ended a stream of the session"),
            Role::Delivery(consumer) => {
                let Some(one) = self.consumers.get_mut(&consumer) else { return };
                one.stream = None;
                if self.now.going_away.is_none() {
                    self.break_off(now, code, "the server has ended the stream of a subscription");
                }
            }
        }
    }

    /// What is next to be sent of a stream.
    pub fn poll_send(&mut self, stream: u64) -> Option<ToSend> {
        let (_, there) = self.now.streams.get_mut(&stream)?;
        let to_send = there.poll_send();
        if there.is_done() {
            self.now.streams.remove(&stream);
        }
        to_send
    }

    /// When [`Client::on_timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Waiting(until) => Some(until),
            State::Authenticating(until) => Some(until),
            State::Connecting | State::Closed => None,
            State::Ready => {
                let times = [self.now.next_ping, self.now.hold_until, self.now.going_away, self.pong_due()];
                times.into_iter().flatten().min()
            }
        }
    }

    /// The deadline has come.
    pub fn on_timeout(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        match self.state {
            State::Waiting(_) => {
                self.state = State::Connecting;
                self.outputs.push_back(Output::Connect);
            }
            State::Authenticating(_) => {
                self.break_off(now, ErrorCode::Silent, "the server did not answer Auth in time");
            }
            State::Ready if self.pong_due().is_some_and(|due| due <= now) => {
                self.break_off(now, ErrorCode::Silent, "the server did not answer pings");
            }
            State::Ready if self.now.going_away.is_some_and(|end| end <= now) => {
                self.break_off(now, ErrorCode::None, "the server has gone away");
            }
            State::Ready => {
                self.now.hold_until = self.now.hold_until.filter(|until| *until > now);
                if self.now.next_ping.is_some_and(|due| due <= now) {
                    self.ping(now);
                }
                self.flush(now);
            }
            State::Connecting | State::Closed => {}
        }
    }

    /// The attempts wait twice as long each time, and between half of that and all of it, so that clients which were cut off together
    /// do not come back together.
    fn backoff(&mut self) -> Duration {
        let doublings = self.attempts.saturating_sub(1).min(20);
        let whole = self.config.backoff_first.saturating_mul(1 << doublings).min(self.config.backoff_most);
        let part = u32::from_be_bytes(base::random::array(&mut self.random));
        let half = whole / 2;
        half + Duration::from_nanos((half.as_nanos() * u128::from(part) / u128::from(u32::MAX)) as u64)
    }

    fn pong_due(&self) -> Option<Instant> {
        let oldest = self.now.pings.front()?;
        Some(*oldest + self.config.ping * self.config.missed_pongs)
    }

    fn ping(&mut self, now: Instant) {
        self.now.next_ping = Some(now + self.config.ping);
        self.now.pings.push_back(now);
        if let Some(control) = self.now.control {
            self.send(control, &Ping { timestamp: now.as_nanos() }.into());
        }
    }

    fn open(&mut self, role: Role) -> u64 {
        self.streams += 1;
        self.now.streams.insert(self.streams, (role, Stream::new(self.now.max_frame.max(DEFAULT_MAX_FRAME))));
        self.outputs.push_back(Output::Open(self.streams));
        self.streams
    }

    fn send(&mut self, stream: u64, frame: &Frame) {
        if let Some((_, there)) = self.now.streams.get_mut(&stream) {
            there.send(frame);
            self.outputs.push_back(Output::Ready(stream));
        }
    }

    fn number(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    fn ask(&mut self, asked: Asked, frame: impl FnOnce(u64) -> Frame) {
        let Some(control) = self.now.control.filter(|_| self.is_ready()) else { return };
        let request = self.number();
        self.now.asked.insert(request, asked);
        self.send(control, &frame(request));
    }

    fn close_delivery(&mut self, consumer: ConsumerId, handle: &Handle) -> Option<(String, String)> {
        let one = self.consumers.get_mut(&consumer)?;
        one.open.remove(&(handle.sequence, handle.attempt));
        match &one.source {
            Source::Subscription { namespace, name, .. } => Some((namespace.clone(), name.clone())),
            Source::Stored { .. } => None,
        }
    }

    /// What was sent and not answered is to be sent again.
    fn take_back(&mut self) {
        let now = core::mem::take(&mut self.now);
        for (_, publish) in now.publishes.into_iter().rev() {
            publish.into_iter().rev().for_each(|queued| self.queue.push_front(queued));
        }
        for consumer in self.consumers.values_mut() {
            consumer.stream = None;
            // They come again; what the program has taken it may still acknowledge.
            if matches!(consumer.source, Source::Subscription { .. }) {
                consumer.unread.clear();
            }
            consumer.open.clear();
        }
        for (_, asked) in now.asked {
            match asked {
                Asked::Acknowledge(consumer, handles) => {
                    if let Some(consumer) = self.consumers.get_mut(&consumer) {
                        consumer.dealt_with.extend(handles);
                    }
                }
                Asked::Program(request) => {
                    let message = "the connection was lost before the answer came";
                    let code = ErrorCode::Silent.number();
                    let failure = Failure { request: 0, code, message: message.to_string() };
                    self.told.push_back(Told::Answer(request, failure.into()));
                }
                Asked::Subscribe(_) | Asked::Once => {}
            }
        }
        self.outputs.retain(|output| matches!(output, Output::Close { .. }));
    }

    fn break_off(&mut self, now: Instant, code: ErrorCode, reason: &str) {
        self.outputs.push_back(Output::Close { code, reason: reason.to_string() });
        self.on_lost(now, reason);
    }

    fn end(&mut self, code: ErrorCode, reason: &str) {
        if self.is_closed() {
            return;
        }
        self.outputs.push_back(Output::Close { code, reason: reason.to_string() });
        self.take_back();
        self.state = State::Closed;
        self.told.push_back(Told::Closed { code, reason: reason.to_string() });
    }

    fn read(&mut self, now: Instant, stream: u64) {
        loop {
            let Some((role, there)) = self.now.streams.get_mut(&stream) else { return };
            let role = *role;
            match there.next() {
                Ok(Some(frame)) => self.on_frame(now, role, frame),
                Ok(None) => return self.flush(now),
                Err(error) => return self.break_off(now, error.code(), &error.explain()),
            }
        }
    }

    fn on_frame(&mut self, now: Instant, role: Role, frame: Frame) {
        match (role, frame) {
            (Role::Control, Frame::AuthAck(ack)) => self.on_admitted(now, ack),
            (Role::Control, Frame::AuthError(AuthError { code, message })) => {
                self.end(ErrorCode::from_number(code), &message);
            }
            (Role::Control, Frame::Ping(Ping { timestamp })) => {
                if let Some(control) = self.now.control {
                    self.send(control, &Pong { timestamp, unix_ms: 0 }.into());
                }
            }
            (Role::Control, Frame::Pong(Pong { timestamp, .. })) => self.on_pong(now, timestamp),
            (Role::Control, Frame::GoAway(GoAway { reason, patience_ms })) => {
                // A little less than the server waits, so that it is the client that closes.
                let patience = Duration::from_millis(patience_ms).min(Duration::from_secs(3600)) * 4 / 5;
                self.now.going_away.get_or_insert(now + patience);
                self.told.push_back(Told::GoingAway(reason));
            }
            (Role::Publish, Frame::PublishAck(ack)) => self.on_published(ack),
            (Role::Publish, Frame::RateLimitNotice(RateLimitNotice { request, retry_after_ms, .. })) => {
                self.hold(now, request, Duration::from_millis(retry_after_ms));
            }
            (Role::Delivery(consumer), Frame::Batch(batch)) => self.on_batch(consumer, batch),
            (role, Frame::Failure(failure)) => self.on_failure(now, role, failure),
            (Role::Control, frame) => self.on_answer(frame),
            (_, frame) => {
                let reason = format!("the server has sent a {} where it has no place", frame.name());
                self.break_off(now, ErrorCode::Unexpected, &reason);
            }
        }
    }

    fn on_admitted(&mut self, now: Instant, ack: AuthAck) {
        if !matches!(self.state, State::Authenticating(_)) {
            return self.break_off(now, ErrorCode::Unexpected, "the server has sent a second AuthAck");
        }
        self.state = State::Ready;
        self.now.max_requests = usize::try_from(ack.max_requests).unwrap_or(usize::MAX).max(1);
        self.now.max_frame = usize::try_from(ack.max_frame).unwrap_or(usize::MAX);
        self.told.push_back(Told::Connected(ack));
        self.ping(now);
        let consumers: Vec<ConsumerId> = self.consumers.keys().copied().collect();
        consumers.into_iter().for_each(|consumer| self.begin(consumer));
        self.flush(now);
    }

    /// Makes sure of a subscription, or reads on.
    fn begin(&mut self, consumer: ConsumerId) {
        let Some(one) = self.consumers.get(&consumer) else { return };
        if self.is_closing || self.now.going_away.is_some() || one.is_over {
            return;
        }
        match one.source.clone() {
            Source::Subscription { namespace, name, settings } => self.ask(Asked::Subscribe(consumer), |request| {
                Subscribe { request, namespace, name, settings: Some(settings) }.into()
            }),
            Source::Stored { namespace, start, max_events } => {
                let request = self.number();
                let read = Read { request, namespace, start: Some(start), max_events };
                self.open_for(consumer, &read.into());
            }
        }
    }

    fn open_for(&mut self, consumer: ConsumerId, first: &Frame) {
        let stream = self.open(Role::Delivery(consumer));
        self.send(stream, first);
        if let Some(one) = self.consumers.get_mut(&consumer) {
            one.stream = Some(stream);
        }
    }

    fn on_pong(&mut self, now: Instant, timestamp: u64) {
        let sent = Instant::from_nanos(timestamp);
        if !self.now.pings.contains(&sent) {
            return;
        }
        // One that is answered answers for those before it.
        while self.now.pings.pop_front().is_some_and(|ping| ping != sent) {}
        self.attempts = 0;
        let measured = now.saturating_duration_since(sent);
        self.round_trip = Some(match self.round_trip {
            Some(smoothed) => smoothed - smoothed / 8 + measured / 8,
            None => measured,
        });
    }

    fn on_published(&mut self, ack: PublishAck) {
        let Some(publish) = self.now.publishes.remove(&ack.request) else { return };
        for (queued, stored) in publish.into_iter().zip(ack.published) {
            self.queued -= 1;
            self.queued_bytes -= queued.bytes.len();
            let (sequence, is_duplicate) = (stored.sequence, stored.is_duplicate);
            self.told.push_back(Told::Published { id: queued.id, sequence, is_duplicate });
        }
    }

    /// A publish is to be sent again, after this time.
    fn hold(&mut self, now: Instant, request: u64, wait: Duration) {
        let Some(publish) = self.now.publishes.remove(&request) else { return };
        publish.into_iter().rev().for_each(|queued| self.queue.push_front(queued));
        let until = now + wait.max(Duration::from_millis(1));
        self.now.hold_until = Some(self.now.hold_until.map_or(until, |before| before.max(until)));
    }

    fn on_batch(&mut self, consumer: ConsumerId, batch: Batch) {
        let (is_closing, is_going) = (self.is_closing, self.now.going_away.is_some());
        let Some(one) = self.consumers.get_mut(&consumer).filter(|one| !one.is_over) else { return };
        let mut is_last = batch.is_last;
        if let Source::Stored { start, max_events, .. } = &mut one.source {
            // Where to read on, should the connection be lost.
            if let Some(last) = batch.deliveries.last() {
                *start = Position { kind: 2, sequence: last.sequence.saturating_add(1), unix_ms: 0 };
                let left = max_events.saturating_sub(batch.deliveries.len() as u64);
                is_last |= *max_events > 0 && left == 0;
                *max_events = left;
            }
        } else if is_closing || is_going {
            return;
        }
        if !batch.deliveries.is_empty() {
            one.unread.extend(batch.deliveries);
            self.told.push_back(Told::Deliveries(consumer));
        }
        if is_last {
            one.is_over = true;
            let stream = one.stream.take();
            self.told.push_back(Told::Ended { consumer, refused: None });
            self.end_stream(stream);
        }
    }

    fn end_stream(&mut self, stream: Option<u64>) {
        let Some(stream) = stream else { return };
        if let Some((_, there)) = self.now.streams.get_mut(&stream) {
            there.finish();
            self.outputs.push_back(Output::Ready(stream));
        }
    }

    fn on_failure(&mut self, now: Instant, role: Role, failure: Failure) {
        let code = ErrorCode::from_number(failure.code);
        if failure.request == 0 {
            return self.break_off(now, code, &failure.message);
        }
        match role {
            Role::Publish if code.may_repeat() => self.hold(now, failure.request, self.config.backoff_first),
            Role::Publish => {
                let Some(publish) = self.now.publishes.remove(&failure.request) else { return };
                for queued in publish {
                    self.queued -= 1;
                    self.queued_bytes -= queued.bytes.len();
                    let (id, message) = (queued.id, failure.message.clone());
                    self.told.push_back(Told::NotPublished { id, code, message });
                }
            }
            Role::Delivery(consumer) if code.may_repeat() => {
                if self.consumers.contains_key(&consumer) {
                    self.break_off(now, code, &failure.message);
                }
            }
            Role::Delivery(consumer) => self.end_refused(consumer, code, failure.message),
            Role::Control => self.on_answer(failure.into()),
        }
    }

    fn end_refused(&mut self, consumer: ConsumerId, code: ErrorCode, message: String) {
        if let Some(one) = self.consumers.remove(&consumer) {
            self.told.push_back(Told::Ended { consumer, refused: Some((code, message)) });
            self.end_stream(one.stream);
        }
    }

    /// The answer to a request on the control stream.
    fn on_answer(&mut self, frame: Frame) {
        let request = match &frame {
            Frame::Subscribed(message) => message.request,
            Frame::Done(message) => message.request,
            Frame::Description(message) => message.request,
            Frame::Failure(message) => message.request,
            _ => return,
        };
        match (self.now.asked.remove(&request), frame) {
            (Some(Asked::Program(id)), frame) => self.told.push_back(Told::Answer(id, frame)),
            (Some(Asked::Subscribe(consumer)), Frame::Failure(failure)) => {
                self.end_refused(consumer, ErrorCode::from_number(failure.code), failure.message);
            }
            (Some(Asked::Subscribe(consumer)), _) => {
                let Some(one) = self.consumers.get(&consumer) else { return };
                let Source::Subscription { namespace, name, .. } = one.source.clone() else { return };
                let request = self.number();
                let consume = Consume { request, namespace, name, max_events: 0, max_bytes: 0 };
                self.open_for(consumer, &consume.into());
            }
            (Some(Asked::Acknowledge(consumer, handles)), Frame::Failure(failure)) => {
                let may_repeat = ErrorCode::from_number(failure.code).may_repeat();
                if let Some(one) = self.consumers.get_mut(&consumer).filter(|_| may_repeat) {
                    one.dealt_with.extend(handles);
                }
            }
            _ => {}
        }
    }

    /// Sends what may be sent now.
    fn flush(&mut self, now: Instant) {
        if !self.is_ready() {
            if self.is_closing && self.is_settled() {
                self.end(ErrorCode::None, "the client has ended");
            }
            return;
        }
        self.acknowledge_all();
        if self.now.going_away.is_none() {
            self.ask_all();
            self.publish_all(now);
        }
        let is_answered = self.now.publishes.is_empty() && self.now.asked.is_empty();
        let is_left = |consumer: &Consumer| consumer.open.is_empty();
        if self.is_closing && self.is_settled() && self.consumers.values().all(is_left) {
            self.end(ErrorCode::None, "the client has ended");
        } else if self.now.going_away.is_some() && is_answered && self.consumers.values().all(is_left) {
            self.break_off(now, ErrorCode::None, "the server has gone away");
        }
    }

    /// Whether nothing is left to be said to the server.
    fn is_settled(&self) -> bool {
        let is_told = |consumer: &Consumer| consumer.dealt_with.is_empty();
        self.queued == 0 && self.waiting.is_empty() && self.now.asked.is_empty() && self.consumers.values().all(is_told)
    }

    fn acknowledge_all(&mut self) {
        let consumers: Vec<ConsumerId> = self.consumers.keys().copied().collect();
        for id in consumers {
            while self.now.asked.len() < self.now.max_requests {
                let Some(one) = self.consumers.get_mut(&id).filter(|one| !one.dealt_with.is_empty()) else { break };
                let Source::Subscription { namespace, name, .. } = one.source.clone() else { break };
                let count = one.dealt_with.len().min(MAX_HANDLES);
                let deliveries: Vec<Handle> = one.dealt_with.drain(..count).collect();
                self.ask(Asked::Acknowledge(id, deliveries.clone()), |request| {
                    Acknowledge { request, namespace, name, deliveries }.into()
                });
            }
        }
    }

    fn ask_all(&mut self) {
        while self.now.asked.len() < self.now.max_requests {
            let Some((id, frame)) = self.waiting.pop_front() else { return };
            self.ask(Asked::Program(id), |request| numbered(frame, request));
        }
    }

    fn publish_all(&mut self, now: Instant) {
        if self.now.hold_until.is_some_and(|until| now < until) {
            return;
        }
        let most = self.config.max_publishes.min(self.now.max_requests);
        while self.now.publishes.len() < most && !self.queue.is_empty() {
            let publish = self.next_publish();
            let Some(namespace) = publish.first().map(|queued| queued.namespace.clone()) else { return };
            let request = self.number();
            let events = publish.iter().map(|queued| queued.bytes.clone()).collect();
            let stream = match self.now.publish {
                Some(stream) => stream,
                None => self.open(Role::Publish),
            };
            self.now.publish = Some(stream);
            self.now.publishes.insert(request, publish);
            self.send(stream, &Publish { request, namespace, events }.into());
        }
    }

    /// As many of the next events of one namespace as go into a frame, and one always.
    fn next_publish(&mut self) -> Vec<Queued> {
        let mut publish: Vec<Queued> = Vec::new();
        let mut bytes = 0;
        while let Some(next) = self.queue.front() {
            let fits = publish.len() < MAX_PUBLISH.0 && bytes + next.bytes.len() <= MAX_PUBLISH.1;
            let is_same = publish.first().is_none_or(|first| first.namespace == next.namespace);
            if !(publish.is_empty() || (fits && is_same)) {
                break;
            }
            bytes += next.bytes.len();
            publish.extend(self.queue.pop_front());
        }
        publish
    }
}

/// The frame with its number.
fn numbered(mut frame: Frame, request: u64) -> Frame {
    match &mut frame {
        Frame::Describe(message) => message.request = request,
        Frame::Subscribe(message) => message.request = request,
        Frame::Unsubscribe(message) => message.request = request,
        _ => {}
    }
    frame
}
