//! The server's end of a session.

mod streams;

use crate::code::ErrorCode;
use crate::delivery::{BatchLimits, ConsumerId, Operation, Outcome, Start, SubscriptionId};
use crate::frame::{DEFAULT_MAX_FRAME, Frame, FrameError};
use crate::messages::{
    Acknowledge, Auth, AuthAck, AuthError, Consume, Describe, Extend, Failure, Fetch, GoAway, Grant, Ping, Pong,
    RateLimitNotice, Read, Refuse, Subscribe, Unsubscribe,
};
use crate::registry::{Denied, Grants, MAX_TOKEN, TokenHash};
use crate::session::answer;
use crate::session::request::{self, PublishLimits, Refused, Right, refused};
use crate::session::stream::Stream;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use base::{Duration, Instant};

/// What a session takes and does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the payload of a frame. Default 1 MiB.
    pub max_frame: usize,
    /// Bytes of an event. Default 256 KiB.
    pub max_event: usize,
    /// Events of a publish. Default 1000.
    pub max_publish: usize,
    /// Events of a batch. Default 1000.
    pub max_batch: usize,
    /// Bytes of the events of a batch. Default 256 KiB.
    pub max_batch_bytes: usize,
    /// Streams at a time. Default 64.
    pub max_streams: usize,
    /// Requests of a stream that are not answered; more are not read. Default 64.
    pub max_requests: usize,
    /// Bytes that wait to be sent on a stream before more requests of it are read, or more events fetched. Default 512 KiB.
    pub max_unsent: usize,
    /// How long a fetch may wait. Default 60 s.
    pub max_wait: Duration,
    /// How long a client has to say who it is. Default 10 s.
    pub authentication: Duration,
    /// How long nothing may come from a client; it pings meanwhile. Default 60 s.
    pub silence: Duration,
    /// How often the server pings, to know how far the client is away. Default 10 s.
    pub ping: Duration,
    /// How long a client has to take the reason when a session fails, or the last answers after a GoAway. Default 2 s.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_frame: DEFAULT_MAX_FRAME,
            max_event: 256 << 10,
            max_publish: 1000,
            max_batch: 1000,
            max_batch_bytes: 256 << 10,
            max_streams: 64,
            max_requests: 64,
            max_unsent: 512 << 10,
            max_wait: Duration::from_secs(60),
            authentication: Duration::from_secs(10),
            silence: Duration::from_secs(60),
            ping: Duration::from_secs(10),
            linger: Duration::from_secs(2),
        }
    }
}

/// Bytes of a frame of a client that has not shown who it is: room for a token and many namespaces.
const MAX_BEFORE_AUTH: usize = 16 << 10;
/// Fetches of a stream that are not answered; more are not read. Each may come to a whole batch.
const MAX_FETCHES: usize = 2;
/// How long a consuming stream waits in the store before it asks again.
const CONSUME_WAIT: Duration = Duration::from_secs(30);

/// What sessions of a server share.
pub trait Gate {
    /// The hash of a token.
    fn hash(&self, token: &str) -> TokenHash;

    /// Who may do what.
    ///
    /// # Errors
    /// This client may not come in.
    fn admit(&self, client: &str, token: &TokenHash, namespaces: &[String]) -> Result<Grants, Denied>;

    /// Counts so many events that a client publishes in a namespace.
    ///
    /// # Errors
    /// They are too many: after how long they will not be.
    fn take(&self, client: &str, namespace: &str, events: u32, now: Instant) -> Result<(), Duration>;

    /// A number that no consumer had before.
    fn next_consumer(&self) -> ConsumerId;

    /// Milliseconds since 1970.
    fn unix_ms(&self) -> u64;
}

/// Which operation an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// What the session wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Ask the store, and give its answer to [`Session::on_answer`]. What has no ticket has no answer.
    Submit {
        /// For the answer.
        ticket: Option<Ticket>,
        /// What to ask.
        operation: Operation,
    },
    /// This stream may have something to send, or want bytes again.
    Ready(u64),
    /// The client has shown who it is.
    Authenticated,
    /// Close the connection.
    Close {
        /// By this code.
        code: ErrorCode,
        /// And this reason.
        reason: String,
    },
}

/// What a client has shown.
struct Client {
    name: String,
    token: TokenHash,
    namespaces: Vec<String>,
    grants: Grants,
}

/// What a stream is for, by its first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Control,
    Publish,
    Delivery,
}

struct Open {
    stream: Stream,
    /// What came as early data and waits for the end of the handshake: the first that is no Ping. Nothing behind it is read.
    held: Option<Result<Frame, FrameError>>,
    kind: Option<Kind>,
    /// Requests that are not answered.
    requests: usize,
    consumer: Option<ConsumerId>,
    consumption: Option<Consumption>,
}

/// Events that go on coming.
struct Consumption {
    request: u64,
    source: Source,
    /// The store was asked.
    is_waiting: bool,
}

enum Source {
    Subscription { subscription: SubscriptionId, limits: BatchLimits },
    Namespace { namespace: String, from: Start, left: Option<u64> },
}

/// A request that the store was asked for.
#[derive(Clone, Copy, Debug)]
struct Pending {
    stream: u64,
    request: u64,
    is_of_consumption: bool,
}

/// The server's end of one session.
pub struct Session<G> {
    gate: G,
    limits: Limits,
    id: u64,
    client: Option<Client>,
    control: Option<u64>,
    streams: BTreeMap<u64, Open>,
    pending: BTreeMap<Ticket, Pending>,
    tickets: u64,
    outputs: VecDeque<Output>,
    begun: Instant,
    heard: Instant,
    pinged: Instant,
    round_trip: Option<Duration>,
    /// The session takes no more, and is closed then, or once the client closes it.
    closing: Option<(Instant, ErrorCode, String)>,
    is_draining: bool,
    is_closed: bool,
    /// The handshake is not complete: what comes may be a repetition.
    is_early: bool,
}

impl<G: Gate> Session<G> {
    /// A session that has begun; `id` is told to the client, and for logs.
    pub fn new(gate: G, limits: Limits, id: u64, now: Instant) -> Session<G> {
        Session {
            gate,
            limits,
            id,
            client: None,
            control: None,
            streams: BTreeMap::new(),
            pending: BTreeMap::new(),
            tickets: 0,
            outputs: VecDeque::new(),
            begun: now,
            heard: now,
            pinged: now,
            round_trip: None,
            closing: None,
            is_draining: false,
            is_closed: false,
            is_early: false,
        }
    }

    /// The same, with early data: until [`Session::on_proven`] pings are answered and nothing else is. The first frame of a stream that is
    /// another one is kept, nothing behind it is read, and no time passes.
    pub fn new_early(gate: G, limits: Limits, id: u64, now: Instant) -> Session<G> {
        Session { is_early: true, ..Session::new(gate, limits, id, now) }
    }

    /// The handshake is complete: it was the client itself that sent all that has come, and it is dealt with.
    pub fn on_proven(&mut self, now: Instant) {
        if !core::mem::take(&mut self.is_early) {
            return;
        }
        (self.begun, self.heard, self.pinged) = (now, now, now);
        let streams: Vec<u64> = self.streams.keys().copied().collect();
        for stream in streams {
            self.outputs.push_back(Output::Ready(stream));
            self.read(now, stream);
        }
    }

    /// The client's name, once it has shown it.
    pub fn client(&self) -> Option<&str> {
        self.client.as_ref().map(|client| client.name.as_str())
    }

    /// What the client may do.
    pub fn grants(&self) -> Option<&Grants> {
        self.client.as_ref().map(|client| &client.grants)
    }

    /// The time to the client and back, once it has answered a ping.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// Whether nothing is under way: no request is unanswered, and no byte unsent.
    pub fn is_idle(&self) -> bool {
        let is_idle = |open: &Open| open.stream.unsent() == 0 && open.stream.held() == 0;
        self.pending.values().all(|pending| pending.is_of_consumption) && self.streams.values().all(is_idle)
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// What to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The client has opened a stream.
    pub fn on_stream(&mut self, stream: u64) {
        let is_known = self.client.is_some();
        let max_frame = if is_known { self.limits.max_frame } else { self.limits.max_frame.min(MAX_BEFORE_AUTH) };
        let mut open = Open {
            stream: Stream::new(max_frame),
            held: None,
            kind: None,
            requests: 0,
            consumer: None,
            consumption: None,
        };
        if self.streams.len() >= self.limits.max_streams {
            open.stream.reset(ErrorCode::Limit);
        }
        self.streams.insert(stream, open);
        self.outputs.push_back(Output::Ready(stream));
    }

    /// The connection is gone.
    pub fn on_lost(&mut self) {
        self.is_closed = true;
        let streams: Vec<u64> = self.streams.keys().copied().collect();
        streams.into_iter().for_each(|stream| self.forget(stream));
        self.outputs.retain(|output| matches!(output, Output::Submit { .. }));
    }

    /// What the store has answered.
    pub fn on_answer(&mut self, now: Instant, ticket: Ticket, outcome: Outcome) {
        let Some(Pending { stream, request, is_of_consumption }) = self.pending.remove(&ticket) else { return };
        let unix_ms = self.gate.unix_ms();
        let Some(open) = self.streams.get_mut(&stream) else { return };
        self.outputs.push_back(Output::Ready(stream));
        if is_of_consumption {
            on_consumed(open, outcome, unix_ms);
            self.consume(stream);
        } else {
            open.requests -= 1;
            open.stream.send(&answer::frame(request, outcome, unix_ms, self.round_trip));
        }
        self.read(now, stream);
    }

    /// Whoever the client is may have changed, because there is another registry: its rights are looked at anew.
    pub fn recheck(&mut self, now: Instant) {
        let Some(client) = &mut self.client else { return };
        match self.gate.admit(&client.name, &client.token, &client.namespaces) {
            Ok(grants) => client.grants = grants,
            Err(_) => self.fail(now, ErrorCode::Unauthenticated, "the registry has changed: this client is not in it"),
        }
    }

    /// Tells the client that the session ends: what is under way is answered, acknowledgments are taken, and nothing else is begun.
    pub fn go_away(&mut self, now: Instant, reason: &str, patience: Duration) {
        if self.is_draining {
            return;
        }
        self.is_draining = true;
        let patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        match self.control.and_then(|control| self.streams.get_mut(&control).map(|open| (control, open))) {
            Some((control, open)) => {
                open.stream.send(&GoAway { reason: reason.to_string(), patience_ms }.into());
                self.outputs.push_back(Output::Ready(control));
                self.closing.get_or_insert((now + patience, ErrorCode::Ending, reason.to_string()));
            }
            None => self.close(ErrorCode::Ending, reason),
        }
    }

    /// When [`Session::on_timeout`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        // The handshake has a time of its own.
        if self.is_closed || self.is_early {
            return None;
        }
        if let Some((deadline, ..)) = &self.closing {
            return Some(*deadline);
        }
        match &self.client {
            None => Some(self.begun + self.limits.authentication),
            Some(_) => Some((self.heard + self.limits.silence).min(self.pinged + self.limits.ping)),
        }
    }

    /// The deadline has come.
    pub fn on_timeout(&mut self, now: Instant) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        if let Some((_, code, reason)) = self.closing.clone() {
            self.close(code, &reason);
        } else if self.client.is_none() {
            self.close(ErrorCode::Silent, "the client did not say who it is in time");
        } else if now >= self.heard + self.limits.silence {
            self.close(ErrorCode::Silent, "nothing came from the client for too long; clients ping");
        } else {
            self.pinged = now;
            self.send_on_control(&Ping { timestamp: now.as_nanos() }.into());
        }
    }

    fn takes(&self, open: &Open) -> bool {
        let is_delivery = open.kind == Some(Kind::Delivery);
        let most = if is_delivery { MAX_FETCHES } else { self.limits.max_requests };
        open.requests < most
            && open.stream.unsent() < self.limits.max_unsent
            && !open.stream.is_ending()
            && !self.is_closed
            && !(self.is_early && open.held.is_some())
    }

    /// Frames of a stream, as long as there is room for what they cause.
    fn read(&mut self, now: Instant, stream: u64) {
        loop {
            let Some(open) = self.streams.get(&stream) else { return };
            if !self.takes(open) {
                return;
            }
            let Some(open) = self.streams.get_mut(&stream) else { return };
            let next = match open.held.take() {
                Some(held) => held.map(Some),
                None => open.stream.next(),
            };
            match next {
                Ok(Some(Frame::Ping(ping))) => self.on_frame(now, stream, ping.into()),
                Ok(None) if self.is_early => return,
                next if self.is_early => {
                    open.held = next.transpose();
                    return;
                }
                Ok(Some(frame)) => self.on_frame(now, stream, frame),
                Ok(None) => break,
                Err(error) => return self.fail_stream(now, stream, &refused(error.code(), error.explain())),
            }
        }
        let Some(open) = self.streams.get_mut(&stream) else { return };
        if open.stream.is_finished && open.requests == 0 {
            if self.control == Some(stream) {
                return self.close(ErrorCode::None, "the client has ended the session");
            }
            // What is read comes to its end; a subscription has none.
            let is_reading = matches!(&open.consumption, Some(Consumption { source: Source::Namespace { .. }, .. }));
            if !is_reading {
                open.stream.finish();
                self.outputs.push_back(Output::Ready(stream));
            }
        }
    }

    fn on_frame(&mut self, now: Instant, stream: u64, frame: Frame) {
        let name = frame.name();
        if let Frame::Ping(Ping { timestamp }) = frame {
            let unix_ms = self.gate.unix_ms();
            return self.send(stream, &Pong { timestamp, unix_ms }.into());
        }
        if let Frame::Auth(auth) = frame {
            return self.on_auth(now, stream, auth);
        }
        if self.client.is_none() {
            let message = format!("a {name} before Auth: the first frame of the control stream says who the client is");
            return self.deny(stream, ErrorCode::Unauthenticated, message);
        }
        let kind = match frame {
            Frame::Publish(_) => Kind::Publish,
            Frame::Fetch(_) | Frame::Consume(_) | Frame::Read(_) => Kind::Delivery,
            _ => Kind::Control,
        };
        let Some(open) = self.streams.get_mut(&stream) else { return };
        if *open.kind.get_or_insert(kind) != kind || (kind == Kind::Control && self.control != Some(stream)) {
            let message = format!("a {name} has no place on this stream");
            return self.fail_stream(now, stream, &refused(ErrorCode::Unexpected, message));
        }
        match frame {
            Frame::Pong(Pong { timestamp, .. }) => self.on_pong(now, timestamp),
            Frame::GoAway(_) => self.is_draining = true,
            frame => self.on_request(now, stream, frame),
        }
    }

    fn on_auth(&mut self, now: Instant, stream: u64, auth: Auth) {
        if self.control.is_some() {
            let message = "a second Auth: a session has one client and one control stream";
            return self.fail_stream(now, stream, &refused(ErrorCode::Unexpected, message));
        }
        let Auth { client_id: name, token, namespaces, .. } = auth;
        let hash = self.gate.hash(token.get(..MAX_TOKEN).unwrap_or(&token));
        let is_short = token.len() <= MAX_TOKEN;
        match self.gate.admit(&name, &hash, &namespaces) {
            Ok(grants) if is_short => {
                let grant = |(namespace, rights): (&str, crate::registry::Rights)| Grant {
                    namespace: namespace.to_string(),
                    publish: rights.publish,
                    fetch: rights.fetch,
                    admin: rights.admin,
                };
                let ack = AuthAck {
                    grants: grants.iter().map(grant).collect(),
                    max_frame: u32::try_from(self.limits.max_frame).unwrap_or(u32::MAX),
                    max_requests: u32::try_from(self.limits.max_requests).unwrap_or(u32::MAX),
                    session: self.id,
                };
                self.client = Some(Client { name, token: hash, namespaces, grants });
                self.control = Some(stream);
                for open in self.streams.values_mut() {
                    open.stream.set_max_frame(self.limits.max_frame);
                }
                if let Some(open) = self.streams.get_mut(&stream) {
                    open.kind = Some(Kind::Control);
                }
                self.pinged = now;
                self.send(stream, &ack.into());
                self.outputs.push_back(Output::Authenticated);
                if self.is_draining {
                    self.is_draining = false;
                    self.go_away(now, "the server is ending", self.limits.linger);
                }
            }
            Err(Denied::Namespace) => {
                let message = "this client has no right in one of the namespaces that it named";
                self.deny(stream, ErrorCode::Forbidden, message.to_string());
                self.end_soon(now, ErrorCode::Forbidden, message);
            }
            _ => {
                let message = "no client of this name has this token";
                self.deny(stream, ErrorCode::Unauthenticated, message.to_string());
                self.end_soon(now, ErrorCode::Unauthenticated, message);
            }
        }
    }

    fn on_pong(&mut self, now: Instant, timestamp: u64) {
        let measured = now.saturating_duration_since(Instant::from_nanos(timestamp));
        if Instant::from_nanos(timestamp) >= self.begun && measured < self.limits.silence {
            self.round_trip = Some(match self.round_trip {
                Some(smoothed) => smoothed - smoothed / 8 + measured / 8,
                None => measured,
            });
        }
    }

    fn on_request(&mut self, now: Instant, stream: u64, frame: Frame) {
        let number = number_of(&frame);
        let name = frame.name();
        let Some(request) = number.filter(|number| *number != 0) else {
            let message = match number {
                Some(_) => format!("a {name} with the request number 0"),
                None => format!("a {name} is not for a server"),
            };
            return self.fail_stream(now, stream, &refused(ErrorCode::Unexpected, message));
        };
        match self.begin(now, stream, request, frame) {
            Ok(()) => {}
            Err(Stop::Refused(refused)) => self.send(stream, &answer::failure(request, refused)),
            Err(Stop::TooSoon(namespace, wait)) => {
                let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
                self.send(stream, &RateLimitNotice { request, namespace, retry_after_ms }.into());
            }
        }
    }

    fn begin(&mut self, now: Instant, stream: u64, request: u64, frame: Frame) -> Result<(), Stop> {
        let Some(client) = &self.client else { return Ok(()) };
        let is_begun_anew = !matches!(frame, Frame::Acknowledge(_) | Frame::Refuse(_) | Frame::Extend(_));
        if self.is_draining && is_begun_anew {
            return Err(refused(ErrorCode::Ending, "the session is ending: ask on another one").into());
        }
        let grants = &client.grants;
        let operation = match frame {
            Frame::Publish(publish) => {
                request::check(grants, &publish.namespace, Right::Publish)?;
                let (client, namespace) = (client.name.clone(), publish.namespace.clone());
                let limits = PublishLimits { events: self.limits.max_publish, event: self.limits.max_event };
                let count = u32::try_from(publish.events.len()).unwrap_or(u32::MAX);
                let operation = request::publish(publish, limits)?;
                self.gate.take(&client, &namespace, count, now).map_err(|wait| Stop::TooSoon(namespace, wait))?;
                operation
            }
            Frame::Describe(Describe { namespace, .. }) => {
                let of = if namespace.is_empty() { "*" } else { namespace.as_str() };
                if of != "*" || !grants.of("*").admin {
                    request::check(grants, of, Right::Admin).map_err(|refused| match of {
                        "*" => request::refused(
                            ErrorCode::Forbidden,
                            "this client may not see all namespaces: name one of its own",
                        ),
                        _ => refused,
                    })?;
                }
                Operation::Describe { namespace: (!namespace.is_empty()).then_some(namespace) }
            }
            Frame::Fetch(fetch) => return self.fetch(stream, request, fetch),
            Frame::Consume(consume) => return self.begin_consuming(stream, request, consume),
            Frame::Read(read) => return self.begin_reading(stream, request, read),
            frame => of_subscription(grants, frame)?,
        };
        self.submit(stream, request, operation);
        Ok(())
    }

    fn submit(&mut self, stream: u64, request: u64, operation: Operation) {
        if let Some(open) = self.streams.get_mut(&stream) {
            open.requests += 1;
        }
        let ticket = self.ticket(Pending { stream, request, is_of_consumption: false });
        self.outputs.push_back(Output::Submit { ticket: Some(ticket), operation });
    }

    fn ticket(&mut self, pending: Pending) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.pending.insert(ticket, pending);
        ticket
    }

    fn most(&self) -> BatchLimits {
        let (count, bytes) = (self.limits.max_batch, self.limits.max_batch_bytes);
        BatchLimits { count, bytes, wait: Duration::ZERO, linger: Duration::ZERO }
    }

    fn consumer(&mut self, stream: u64) -> ConsumerId {
        let new = self.gate.next_consumer();
        self.streams.get_mut(&stream).map_or(new, |open| *open.consumer.get_or_insert(new))
    }

    fn fetch(&mut self, stream: u64, request: u64, fetch: Fetch) -> Result<(), Stop> {
        let Fetch { namespace, name, max_events, max_bytes, wait_ms, .. } = fetch;
        self.check_fetch(&namespace)?;
        let subscription = request::subscription(namespace, name)?;
        let wait = Duration::from_millis(wait_ms).min(self.limits.max_wait);
        let limits = request::batch(max_events, max_bytes, wait, self.most());
        let consumer = self.consumer(stream);
        self.submit(stream, request, Operation::Fetch { subscription, consumer, limits });
        Ok(())
    }

    fn check_fetch(&self, namespace: &str) -> Result<(), Stop> {
        let Some(client) = &self.client else { return Ok(()) };
        Ok(request::check(&client.grants, namespace, Right::Fetch)?)
    }

    fn begin_consuming(&mut self, stream: u64, request: u64, consume: Consume) -> Result<(), Stop> {
        let Consume { namespace, name, max_events, max_bytes, .. } = consume;
        self.check_fetch(&namespace)?;
        let subscription = request::subscription(namespace, name)?;
        let limits = request::batch(max_events, max_bytes, CONSUME_WAIT, self.most());
        self.consumer(stream);
        self.begin_consumption(stream, request, Source::Subscription { subscription, limits })
    }

    fn begin_reading(&mut self, stream: u64, request: u64, read: Read) -> Result<(), Stop> {
        let Read { namespace, start, max_events, .. } = read;
        self.check_fetch(&namespace)?;
        let from = request::start(start.as_ref())?;
        let left = (max_events > 0).then_some(max_events);
        self.begin_consumption(stream, request, Source::Namespace { namespace, from, left })
    }

    fn begin_consumption(&mut self, stream: u64, request: u64, source: Source) -> Result<(), Stop> {
        let Some(open) = self.streams.get_mut(&stream) else { return Ok(()) };
        if open.consumption.is_some() {
            let text = "a stream has one Consume or Read at a time: open another one";
            return Err(refused(ErrorCode::Unexpected, text).into());
        }
        open.consumption = Some(Consumption { request, source, is_waiting: false });
        self.consume(stream);
        Ok(())
    }

    /// Asks for more of what a stream consumes, if there is room for it.
    fn consume(&mut self, stream: u64) {
        let most = self.most();
        let Some(open) = self.streams.get_mut(&stream) else { return };
        let has_room = open.stream.unsent() < self.limits.max_unsent && !open.stream.is_ending();
        let Some(consumption) = open.consumption.as_mut().filter(|one| !one.is_waiting && has_room) else { return };
        let request = consumption.request;
        let operation = match &consumption.source {
            Source::Subscription { .. } if self.is_draining => return,
            Source::Subscription { subscription, limits } => Operation::Fetch {
                subscription: subscription.clone(),
                consumer: open.consumer.unwrap_or_default(),
                limits: *limits,
            },
            Source::Namespace { namespace, from, left } => {
                let left = left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
                let limits = BatchLimits { count: most.count.min(left), ..most };
                Operation::Read { namespace: namespace.clone(), from: *from, limits }
            }
        };
        consumption.is_waiting = true;
        let ticket = self.ticket(Pending { stream, request, is_of_consumption: true });
        self.outputs.push_back(Output::Submit { ticket: Some(ticket), operation });
    }

    fn send(&mut self, stream: u64, frame: &Frame) {
        if let Some(open) = self.streams.get_mut(&stream) {
            open.stream.send(frame);
            self.outputs.push_back(Output::Ready(stream));
        }
    }

    fn send_on_control(&mut self, frame: &Frame) {
        // A client that does not take what is there is not sent more; its silence ends it.
        let control = self.control.filter(|control| {
            self.streams.get(control).is_some_and(|open| open.stream.unsent() < self.limits.max_unsent)
        });
        if let Some(control) = control {
            self.send(control, frame);
        }
    }

    /// Refuses what came on a stream before the client had shown who it is, or in vain.
    fn deny(&mut self, stream: u64, code: ErrorCode, message: String) {
        self.send(stream, &AuthError { code: code.number(), message }.into());
        if let Some(open) = self.streams.get_mut(&stream) {
            open.stream.refuse(code);
        }
    }

    /// A stream whose frames make no sense. With the control stream the session fails.
    fn fail_stream(&mut self, now: Instant, stream: u64, refused: &Refused) {
        let Refused { code, message } = refused.clone();
        self.send(stream, &Failure { request: 0, code: code.number(), message }.into());
        if let Some(open) = self.streams.get_mut(&stream) {
            open.stream.refuse(code);
        }
        if self.control == Some(stream) {
            self.end_soon(now, code, &refused.message);
        }
    }

    fn fail(&mut self, now: Instant, code: ErrorCode, message: &str) {
        match self.control {
            Some(control) => self.fail_stream(now, control, &refused(code, message)),
            None => self.close(code, message),
        }
    }

    fn end_soon(&mut self, now: Instant, code: ErrorCode, reason: &str) {
        self.closing = Some((now + self.limits.linger, code, reason.to_string()));
    }

    fn close(&mut self, code: ErrorCode, reason: &str) {
        if !self.is_closed {
            self.is_closed = true;
            self.outputs.push_back(Output::Close { code, reason: reason.to_string() });
        }
    }

    /// A stream is over: what its consumer holds goes to others.
    fn forget(&mut self, stream: u64) {
        let Some(open) = self.streams.remove(&stream) else { return };
        if let Some(consumer) = open.consumer {
            self.outputs.push_back(Output::Submit { ticket: None, operation: Operation::Leave { consumer } });
        }
    }
}

/// Why a request goes no further.
enum Stop {
    Refused(Refused),
    TooSoon(String, Duration),
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Stop {
        Stop::Refused(refused)
    }
}

/// What is asked for on the control stream, of a subscription.
fn of_subscription(grants: &Grants, frame: Frame) -> Result<Operation, Refused> {
    let subscription = |namespace: String, name: String| {
        request::check(grants, &namespace, Right::Fetch)?;
        request::subscription(namespace, name)
    };
    Ok(match frame {
        Frame::Subscribe(Subscribe { namespace, name, settings, .. }) => {
            let dead_letter = settings.as_ref().map_or("", |settings| settings.dead_letter.as_str());
            if !dead_letter.is_empty() {
                // Dead events are published there, on behalf of whoever asks for it.
                request::check(grants, dead_letter, Right::Publish)?;
            }
            let settings = request::settings(settings.clone())?;
            Operation::Subscribe { subscription: subscription(namespace, name)?, settings }
        }
        Frame::Unsubscribe(Unsubscribe { namespace, name, .. }) => {
            Operation::Unsubscribe { subscription: subscription(namespace, name)? }
        }
        Frame::Acknowledge(Acknowledge { namespace, name, deliveries, .. }) => Operation::Acknowledge {
            subscription: subscription(namespace, name)?,
            deliveries: request::deliveries(&deliveries),
        },
        Frame::Refuse(Refuse { namespace, name, deliveries, delay_ms, .. }) => Operation::Refuse {
            subscription: subscription(namespace, name)?,
            deliveries: request::deliveries(&deliveries),
            delay: Duration::from_millis(delay_ms),
        },
        Frame::Extend(Extend { namespace, name, deliveries, by_ms, .. }) => Operation::Extend {
            subscription: subscription(namespace, name)?,
            deliveries: request::deliveries(&deliveries),
            by: Duration::from_millis(by_ms),
        },
        other => {
            let text = format!("a {} is not for a server", other.name());
            return Err(refused(ErrorCode::Unexpected, text));
        }
    })
}

/// The number of a request.
fn number_of(frame: &Frame) -> Option<u64> {
    Some(match frame {
        Frame::Publish(message) => message.request,
        Frame::Subscribe(message) => message.request,
        Frame::Unsubscribe(message) => message.request,
        Frame::Acknowledge(message) => message.request,
        Frame::Refuse(message) => message.request,
        Frame::Extend(message) => message.request,
        Frame::Fetch(message) => message.request,
        Frame::Consume(message) => message.request,
        Frame::Read(message) => message.request,
        Frame::Describe(message) => message.request,
        _ => return None,
    })
}

/// What came for a stream that consumes.
fn on_consumed(open: &mut Open, outcome: Outcome, unix_ms: u64) {
    let Some(consumption) = &mut open.consumption else { return };
    consumption.is_waiting = false;
    let request = consumption.request;
    match (outcome, &mut consumption.source) {
        (Outcome::Batch(deliveries), _) => {
            if !deliveries.is_empty() {
                open.stream.send(&answer::batch(request, deliveries, false));
            }
        }
        (Outcome::Events { events, next }, Source::Namespace { from, left, .. }) => {
            *from = Start::Sequence(next);
            if let Some(left) = left {
                *left = left.saturating_sub(events.len() as u64);
            }
            let is_last = events.is_empty() || *left == Some(0);
            open.stream.send(&answer::read(request, events, is_last));
            if is_last {
                open.consumption = None;
            }
        }
        (outcome, _) => {
            // It was refused: with its consumption the stream has no more to do for it.
            open.stream.send(&answer::frame(request, outcome, unix_ms, None));
            open.consumption = None;
        }
    }
}
