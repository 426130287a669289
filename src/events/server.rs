//! A server of events: sessions over WebTransport and over QUIC alone, before one store.

use crate::error::Error;
use crate::events::carry::{self, Line as _, Signals};
use crate::events::mailbox::{Mailbox, Note};
use crate::events::metrics;
use crate::events::shared::{Door, EventServerEvent, Inner, ServerLimits, locked};
use crate::events::store::Store;
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::webtransport::request::SessionRequest;
use crate::webtransport::session::Session;
use base::Instant;
use events::delivery::{Operation, Outcome};
use events::session::server::{self as protocol, Output};
use events::{ErrorCode, Registry};
use runtime::Handle;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::task::Poll;
use std::time::Duration;

/// The server's end of the protocol.
type Machine = protocol::Session<Door>;

/// Where sessions of WebTransport are asked for.
pub const PATH: &str = "/events";

/// The protocol of sessions without HTTP (ALPN), for [`ServerBuilder::session_protocol`](crate::ServerBuilder::session_protocol).
pub const PROTOCOL: &str = "posthaste-events/1";

/// Namespaces that the figures of one session name, at most.
const MAX_NAMED: usize = 64;

/// A server of events. Clones are of the same, and may be used by any thread.
#[derive(Clone)]
pub struct EventServer {
    inner: Arc<Inner>,
}

impl EventServer {
    /// A server before a store, for the clients of a registry.
    pub fn new(store: Arc<dyn Store>, registry: Registry, limits: ServerLimits) -> EventServer {
        EventServer { inner: Arc::new(Inner::new(store, registry, limits, None)) }
    }

    /// The same, and `on_event` hears what happens.
    pub fn with_log(
        store: Arc<dyn Store>,
        registry: Registry,
        limits: ServerLimits,
        on_event: impl Fn(&EventServerEvent<'_>) + Send + Sync + 'static,
    ) -> EventServer {
        EventServer { inner: Arc::new(Inner::new(store, registry, limits, Some(Box::new(on_event)))) }
    }

    /// Takes another registry. Clients that are not in it any more are sent away, and the rights of others change at once.
    pub fn set_registry(&self, registry: Registry) {
        *self.inner.registry.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(registry);
        self.inner.tell_all(|| Note::Recheck);
    }

    /// Tells all clients that the server ends, and gives them time to finish. Sessions that come later are told so too.
    pub fn go_away(&self, reason: &str) {
        self.inner.tell_all(|| Note::GoAway(reason.to_owned()));
    }

    /// Sessions at the moment.
    pub fn sessions(&self) -> usize {
        locked(&self.inner.sessions).len()
    }

    /// Figures in the text format of Prometheus. The store is asked for its own, and this thread waits for them, so that it should not be
    /// one that serves. `None` if the store does not answer within five seconds.
    pub fn metrics(&self) -> Option<String> {
        metrics::text(&self.inner)
    }

    /// A request of HTTP as one for a session of events: of WebTransport, at [`PATH`].
    ///
    /// # Errors
    /// It is another one; both are given back.
    #[allow(clippy::result_large_err, reason = "what was given is given back")]
    pub fn take(&self, request: Request, reply: Reply) -> Result<SessionRequest, (Request, Reply)> {
        if request.path() == PATH { SessionRequest::new(request, reply) } else { Err((request, reply)) }
    }

    /// Begins the session that is asked for, and serves it to its end. Pages of any origin may ask: who they are for is shown by a token, and
    /// by nothing that a browser adds.
    ///
    /// # Errors
    /// The session does not begin.
    pub async fn accept(&self, request: SessionRequest) -> Result<(), Error> {
        let session = request.allow_any_origin().accept().await?;
        self.serve(session).await;
        Ok(())
    }

    /// Serves a session to its end. One that [is early](Session::is_early) has its pings answered, and is nothing else before it is proven:
    /// it does not count, and the store does not hear of it.
    pub async fn serve(&self, session: Session) {
        let inner = &self.inner;
        let id = inner.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let mailbox = Arc::new(Mailbox::default());
        let handle = session.executor().clone();
        let (door, limits) =
            (Door { inner: inner.clone(), certificate: certificate(&session) }, inner.limits.session.clone());
        let is_early = session.is_early();
        let machine = match is_early {
            true => Machine::new_early(door, limits, id, handle.read_clock()),
            false => Machine::new(door, limits, id, handle.read_clock()),
        };
        let line = Rc::new(Line {
            machine: RefCell::new(machine),
            session,
            inner: inner.clone(),
            mailbox,
            signals: Signals::default(),
            handle: handle.clone(),
            id,
            is_lost: Cell::new(false),
            ended: RefCell::new(None),
            namespaces: RefCell::new(BTreeSet::new()),
        });
        if is_early {
            inner.counters.early.fetch_add(1, Ordering::Relaxed);
            handle.spawn_detached(accept_streams(line.clone()));
            if line.session.proven().await.is_err() {
                inner.counters.unproven.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        if !line.enter() {
            return;
        }
        if is_early {
            line.act(|machine, now| machine.on_proven(now));
        } else {
            handle.spawn_detached(accept_streams(line.clone()));
        }
        handle.spawn_detached(hear_of_the_end(line.clone()));
        // A handler is dropped where its client is gone.
        let line = EndAtDrop(line);
        line.0.run().await;
    }
}

impl fmt::Debug for EventServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventServer").field("sessions", &self.sessions()).finish_non_exhaustive()
    }
}

/// The certificate that a client has shown.
fn certificate(session: &Session) -> Option<Vec<u8>> {
    session.peer_identity().map(|identity| identity.certificate().to_vec())
}

/// One session and what drives it.
struct Line {
    machine: RefCell<Machine>,
    session: Session,
    inner: Arc<Inner>,
    mailbox: Arc<Mailbox>,
    signals: Signals,
    handle: Handle,
    id: u64,
    /// The session under it is over.
    is_lost: Cell<bool>,
    ended: RefCell<Option<(ErrorCode, String)>>,
    /// What the client has asked about, for the figures.
    namespaces: RefCell<BTreeSet<String>>,
}

impl Line {
    /// Counts the session among those of the server, or closes it where there are too many.
    fn enter(&self) -> bool {
        let Line { inner, session, mailbox, .. } = self;
        inner.counters.sessions.fetch_add(1, Ordering::Relaxed);
        let mut sessions = locked(&inner.sessions);
        if sessions.len() >= inner.limits.max_sessions {
            drop(sessions);
            inner.counters.refused.fetch_add(1, Ordering::Relaxed);
            session.close(ErrorCode::Limit.number(), "the server has too many sessions: try again later");
            return false;
        }
        sessions.insert(self.id, mailbox.clone());
        true
    }

    fn note(&self, operation: &Operation) {
        if let Some(namespace) = operation.namespace() {
            let mut namespaces = self.namespaces.borrow_mut();
            if !namespaces.contains(namespace) && namespaces.len() < MAX_NAMED {
                namespaces.insert(namespace.to_owned());
                drop(namespaces);
                self.measure();
            }
        }
    }

    /// Tells the server's figures how far the client is away.
    fn measure(&self) {
        let round_trip = self.machine.borrow().round_trip();
        self.mailbox.set_figures(round_trip, self.namespaces.borrow().iter().cloned().collect());
    }

    /// What the store answers, what the server wants, and the time.
    async fn run(self: &Rc<Self>) {
        let mut sleep = pin!(self.handle.sleep(Duration::ZERO));
        poll_fn(|context| {
            self.mailbox.wait(context);
            loop {
                for note in self.mailbox.take() {
                    self.act(|machine, now| match note {
                        Note::Answer(ticket, outcome) => machine.on_answer(now, ticket, outcome),
                        Note::Recheck => machine.recheck(now),
                        Note::GoAway(reason) => machine.go_away(now, &reason, self.inner.limits.drain),
                    });
                }
                if self.is_lost.get() || self.machine.borrow().is_closed() {
                    return Poll::Ready(());
                }
                let deadline = self.machine.borrow().deadline().unwrap_or(Instant::MAX);
                sleep.as_mut().get_mut().reset(deadline);
                match Pin::new(&mut sleep).poll(context) {
                    Poll::Ready(()) => {
                        self.act(|machine, now| machine.on_timeout(now));
                        self.measure();
                    }
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    }

    fn end(self: &Rc<Self>) {
        locked(&self.inner.sessions).remove(&self.id);
        self.act(|machine, _| machine.on_lost());
        self.signals.wake_all();
        let (code, reason) = match self.ended.take() {
            Some((code, reason)) => (Some(code), reason),
            None => (None, "the connection is over".to_owned()),
        };
        let machine = self.machine.borrow();
        let client = machine.client();
        self.inner.tell(&EventServerEvent::SessionEnded { session: self.id, client, code, reason: &reason });
    }
}

/// Has the store give to others what a session holds, however its task ends.
struct EndAtDrop(Rc<Line>);

impl Drop for EndAtDrop {
    fn drop(&mut self) {
        self.0.end();
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

    /// Does what the session wants done.
    fn flush(self: &Rc<Self>) {
        loop {
            let output = self.machine.borrow_mut().poll_output();
            match output {
                None => return,
                Some(Output::Submit { ticket, operation }) => {
                    self.note(&operation);
                    let (mailbox, inner) = (self.mailbox.clone(), self.inner.clone());
                    let answer = move |outcome: Outcome| {
                        inner.look_at(&outcome);
                        if let Some(ticket) = ticket {
                            mailbox.push(Note::Answer(ticket, outcome));
                        }
                    };
                    self.inner.store.submit(operation, Box::new(answer));
                }
                Some(Output::Ready(stream)) => self.signals.wake(stream),
                Some(Output::Authenticated) => {
                    self.inner.counters.authenticated.fetch_add(1, Ordering::Relaxed);
                    let machine = self.machine.borrow();
                    let client = machine.client().unwrap_or_default();
                    self.inner.tell(&EventServerEvent::ClientCame { session: self.id, client });
                }
                Some(Output::Close { code, reason }) => {
                    self.session.close(code.number(), &reason);
                    self.ended.replace(Some((code, reason)));
                    self.mailbox.wake();
                }
            }
        }
    }
}

/// Takes the client's streams until the session is over.
async fn accept_streams(line: Rc<Line>) {
    while let Ok((send, receive)) = line.session.accept_bidirectional().await {
        let stream = send.id();
        line.act(|machine, _| machine.on_stream(stream));
        line.handle.spawn_detached(carry::carry(line.clone(), stream, send, receive));
        // Of early data one stream is looked at, and the transport holds the others.
        if line.session.proven().await.is_err() {
            break;
        }
    }
    line.is_lost.set(true);
    line.mailbox.wake();
}

/// Tells the client when the server below begins to end.
async fn hear_of_the_end(line: Rc<Line>) {
    line.session.draining().await;
    if !line.is_lost.get() {
        line.mailbox.push(Note::GoAway("the server is ending".to_owned()));
    }
}
