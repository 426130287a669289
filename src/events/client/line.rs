//! A client's end of the protocol, and what drives it: the connection, its streams, and the time.

use crate::client::Client;
use crate::error::Error;
use crate::events::carry::{self, Line as _, Signals};
use crate::events::client::slot::{Shared, fill};
use crate::events::client::told::{EventClientEvent, EventError, Receipt, failed};
use crate::events::server::PROTOCOL;
use crate::webtransport::session::Session;
use base::Instant;
use events::messages::Failure;
use events::session::client::{self as protocol, ConsumerId, PublishId, RequestId, Told};
use events::{ErrorCode, Frame};
use runtime::Handle;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tls::EarlyData;

/// The client's end of the protocol.
pub(super) type Machine = protocol::Client;

/// How a consumer stands.
#[derive(Default)]
pub(super) struct Standing {
    pub(super) waker: Option<Waker>,
    pub(super) ended: Option<Option<EventError>>,
}

/// Where the server is.
pub(super) enum Target {
    /// The URL of a session of WebTransport.
    WebTransport(String),
    /// Host and port of a server that speaks the protocol on QUIC alone.
    Quic(String),
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Target, Error> {
        match (url.strip_prefix("quic://"), url.starts_with("https://")) {
            (Some(authority), _) => Ok(Target::Quic(authority.strip_suffix('/').unwrap_or(authority).to_owned())),
            (None, true) => Ok(Target::WebTransport(url.to_owned())),
            (None, false) => Err(Error::Message(format!(
                "{url} is no URL of a server of events, such as https://events.example/events or quic://events.example:4433"
            ))),
        }
    }

    /// An `early` one sends early data where it can: by QUIC alone, to a server that it has been to.
    async fn connect(&self, client: &Client, early: bool) -> Result<Session, Error> {
        match self {
            Target::WebTransport(url) => client.webtransport(url).connect().await,
            Target::Quic(authority) if early => {
                client.dangerous_open_session_with_early_data_that_may_be_replayed(PROTOCOL, authority).await
            }
            Target::Quic(authority) => client.open_session(PROTOCOL, authority).await,
        }
    }
}

/// The client's end and what drives it.
pub(super) struct Line {
    pub(super) machine: RefCell<Machine>,
    pub(super) client: Client,
    pub(super) target: Target,
    pub(super) handle: Handle,
    pub(super) signals: Signals,
    pub(super) session: RefCell<Option<Session>>,
    /// Which connection it is.
    pub(super) epoch: Cell<u64>,
    /// The last connection was early, and has not come to the end of its handshake: the next one is made in the usual way, at all
    /// addresses.
    pub(super) is_unproven: Cell<bool>,
    pub(super) receipts: RefCell<BTreeMap<PublishId, Shared<Result<Receipt, EventError>>>>,
    pub(super) answers: RefCell<BTreeMap<RequestId, Shared<Frame>>>,
    pub(super) standings: RefCell<BTreeMap<ConsumerId, Standing>>,
    /// Those who wait for room in the queue, for the first connection, or for the end.
    pub(super) waiting: RefCell<Vec<Waker>>,
    /// How the first attempt went.
    pub(super) first: RefCell<Option<Result<(), EventError>>>,
    pub(super) closed: RefCell<Option<EventError>>,
    pub(super) main: RefCell<Option<Waker>>,
    pub(super) on_event: Box<dyn Fn(&EventClientEvent)>,
    pub(super) is_flushing: Cell<bool>,
}

/// A line as long as somebody holds it.
pub(super) struct Owner {
    pub(super) line: Rc<Line>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.line.act(|machine, _| machine.abandon("the client was dropped"));
    }
}

impl Line {
    pub(super) fn wait<T>(&self, context: &Context<'_>) -> Poll<T> {
        self.waiting.borrow_mut().push(context.waker().clone());
        Poll::Pending
    }

    pub(super) fn end(&self) -> Option<EventError> {
        self.closed.borrow().clone()
    }

    fn wake_waiting(&self) {
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        waiting.into_iter().for_each(Waker::wake);
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
                        carry::carry(line, stream, send, receive).await;
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
            Told::Answered { is_early } => (self.on_event)(&EventClientEvent::Answered { is_early }),
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
            Told::HeldBack { code, message: reason } => (self.on_event)(&EventClientEvent::HeldBack { code, reason }),
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
        // Without the switch what early data needs is not kept with tickets.
        let early = self.machine.borrow().pings_early() && !self.is_unproven.replace(false);
        let connected = self.target.connect(&self.client, early).await;
        if self.epoch.get() != epoch {
            return;
        }
        match connected {
            Ok(session) => {
                self.session.replace(Some(session.clone()));
                if session.is_early() {
                    self.prove(&session, epoch).await;
                } else {
                    self.act(|machine, now| machine.on_connected(now));
                }
                self.watch(session, epoch).await;
            }
            Err(error) => self.act(|machine, now| machine.on_lost(now, &error.to_string())),
        }
    }

    /// A session that begins with early data: the client's end goes on when that is over. If the session is, its end is heard of elsewhere.
    async fn prove(self: &Rc<Self>, session: &Session, epoch: u64) {
        self.is_unproven.set(true);
        self.act(|machine, now| machine.on_early(now));
        let proven = session.proven().await;
        if self.epoch.get() == epoch && proven.is_ok() {
            self.is_unproven.set(false);
            let is_taken = session.early_data() == Some(EarlyData::Accepted);
            self.act(|machine, now| machine.on_proven(now, is_taken));
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
    pub(super) async fn run(self: &Rc<Self>) {
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

impl carry::Line for Line {
    type End = Machine;

    fn end_of_protocol(&self) -> &RefCell<Machine> {
        &self.machine
    }

    fn read_clock(&self) -> Instant {
        self.handle.read_clock()
    }

    fn signals(&self) -> &Signals {
        &self.signals
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
}
