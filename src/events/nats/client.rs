//! A connection to one of the servers, made anew when it is lost, and requests over it.

use super::link::Link;
use super::problem::Problem;
use super::wire::{self, Message, Reader, Said};
use base::{Duration, Instant};
use json::{ObjectWriter, Value};
use runtime::{Handle, TcpStream};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::net::ToSocketAddrs;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// How long a server has to take a connection and greet.
const GREETING: Duration = Duration::from_secs(5);
/// How often a server is asked whether it is there.
const PING: Duration = Duration::from_secs(10);
/// The first and the longest wait before all servers are tried again.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// The most bytes that wait to be sent, before requests are told that the connection is lost.
const MAX_OUTGOING: usize = 128 << 20;
/// The most messages that wait in an inbox.
const MAX_MESSAGES: usize = 20_000;

/// Where servers are, and who we are.
#[derive(Clone)]
pub(super) struct Servers {
    /// `host:port` of each.
    pub(super) places: Vec<String>,
    pub(super) user: Option<(String, String)>,
    /// How their certificates are judged; without it nothing is said under TLS.
    pub(super) tls: Option<Arc<tls::ClientConfig>>,
}

/// Shared by all tasks of the store's thread.
#[derive(Clone)]
pub(super) struct Client {
    handle: Handle,
    state: Rc<RefCell<State>>,
}

struct State {
    outgoing: Vec<u8>,
    /// Of the task that moves bytes.
    mover: Option<Waker>,
    is_connected: bool,
    is_ending: bool,
    waiting: Vec<Waker>,
    inboxes: BTreeMap<u64, Mail>,
    next_inbox: u64,
    prefix: String,
    /// Why there is no connection.
    failure: String,
    /// All servers were tried.
    has_tried: bool,
}

#[derive(Default)]
struct Mail {
    messages: VecDeque<Message>,
    is_lost: bool,
    waker: Option<Waker>,
}

/// A place for answers, for as long as it lives.
pub(super) struct Inbox {
    client: Client,
    number: u64,
    pub(super) subject: String,
    /// Whether the server knows of it: it has a subscription of its own.
    is_subscribed: bool,
}

/// The number of the subscription that all inboxes share which have none of their own.
const SHARED: u64 = 0;

impl Client {
    /// `name` is in the names of inboxes, and nobody else's.
    pub(super) fn new(handle: Handle, name: &str) -> Client {
        let state = State {
            outgoing: Vec::new(),
            mover: None,
            is_connected: false,
            is_ending: false,
            waiting: Vec::new(),
            inboxes: BTreeMap::new(),
            next_inbox: SHARED + 1,
            prefix: format!("_INBOX.{name}"),
            failure: String::new(),
            has_tried: false,
        };
        Client { handle, state: Rc::new(RefCell::new(state)) }
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Nothing is waited for any more.
    pub(super) fn end(&self) {
        let mut state = self.state.borrow_mut();
        state.is_ending = true;
        lose(&mut state);
    }

    /// Why there is no connection, in the words of the system.
    pub(super) fn failure(&self) -> String {
        self.state.borrow().failure.clone()
    }

    /// Until there is a connection, or every server was tried once.
    pub(super) async fn tried(&self) -> Result<(), Problem> {
        let tried = poll_fn(|context| {
            let mut state = self.state.borrow_mut();
            if state.is_connected || state.has_tried {
                return Poll::Ready(state.is_connected);
            }
            state.waiting.push(context.waker().clone());
            Poll::Pending
        });
        if tried.await { Ok(()) } else { Err(Problem::Lost) }
    }

    /// Until there is a connection.
    pub(super) async fn connected(&self, until: Instant) -> Result<(), Problem> {
        let ready = poll_fn(|context| {
            let mut state = self.state.borrow_mut();
            if state.is_connected || state.is_ending {
                return Poll::Ready(());
            }
            state.waiting.push(context.waker().clone());
            Poll::Pending
        });
        let in_time = self.handle.timeout_at(until, ready).await.is_ok();
        match () {
            () if self.state.borrow().is_ending => Err(Problem::Ending),
            () if in_time => Ok(()),
            () => Err(Problem::Lost),
        }
    }

    pub(super) fn inbox(&self) -> Inbox {
        let mut state = self.state.borrow_mut();
        let number = state.next_inbox;
        state.next_inbox += 1;
        state.inboxes.insert(number, Mail::default());
        let subject = format!("{}.{number}", state.prefix);
        Inbox { client: self.clone(), number, subject, is_subscribed: false }
    }

    /// An inbox for messages that keep the subject under which they were published, so that only a subscription tells whose they are.
    pub(super) fn subscribe(&self) -> Result<Inbox, Problem> {
        let mut inbox = self.inbox();
        let mut state = self.state.borrow_mut();
        if !state.is_connected {
            drop(state);
            return Err(Problem::Lost);
        }
        inbox.subject = format!("{}-pull.{}", state.prefix, inbox.number);
        inbox.is_subscribed = true;
        let line = format!("SUB {} {}\r\n", inbox.subject, inbox.number);
        state.outgoing.extend_from_slice(line.as_bytes());
        drop(state);
        Ok(inbox)
    }

    /// Sends a message, some time.
    pub(super) fn publish(
        &self,
        subject: &str,
        reply: &str,
        headers: &[(&str, String)],
        payload: &[u8],
    ) -> Result<(), Problem> {
        let mut state = self.state.borrow_mut();
        if !state.is_connected || state.outgoing.len() > MAX_OUTGOING {
            return Err(Problem::Lost);
        }
        wire::publish(&mut state.outgoing, subject, reply, headers, payload);
        if let Some(mover) = state.mover.take() {
            mover.wake();
        }
        Ok(())
    }

    /// Sends a message, and waits for one answer.
    pub(super) async fn request(
        &self,
        subject: &str,
        headers: &[(&str, String)],
        payload: &[u8],
        until: Instant,
    ) -> Result<Message, Problem> {
        self.connected(until).await?;
        let inbox = self.inbox();
        self.publish(subject, &inbox.subject, headers, payload)?;
        inbox.next(until).await
    }

    /// Keeps a connection to one of the servers, for as long as it is polled.
    pub(super) async fn run(&self, servers: &Servers) {
        let mut wait = BACKOFF.0;
        loop {
            for place in &servers.places {
                if let Ok(stream) = self.open(place, servers).await {
                    wait = BACKOFF.0;
                    let error = self.move_bytes(stream).await;
                    self.state.borrow_mut().failure = format!("{place}: {error}");
                    lose(&mut self.state.borrow_mut());
                }
            }
            {
                let mut state = self.state.borrow_mut();
                state.has_tried = true;
                state.waiting.drain(..).for_each(Waker::wake);
            }
            self.handle.sleep(wait).await;
            wait = (wait * 2).min(BACKOFF.1);
        }
    }

    /// Connects to a server, and greets it.
    async fn open(&self, place: &str, servers: &Servers) -> io::Result<(Link, Reader)> {
        let opened = self.handle.timeout(GREETING, self.greet(place, servers)).await;
        let opened =
            opened.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "it did not greet in time")));
        if let Err(error) = &opened {
            self.state.borrow_mut().failure = format!("{place}: {error}");
        }
        opened
    }

    async fn greet(&self, place: &str, servers: &Servers) -> io::Result<(Link, Reader)> {
        // The thread is the store's own, and has nothing to do without a connection.
        let address = place.to_socket_addrs()?.next();
        let address = address.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))?;
        let mut link = Link::new(TcpStream::connect(&self.handle, address).await?);
        let mut reader = Reader::default();
        let info = match next(&mut link, &mut reader).await? {
            Said::Info(info) => info,
            other => return Err(io::Error::other(format!("it begins with {other:?} and not with INFO"))),
        };
        let info = json::parse(&info).map_err(io::Error::other)?;
        let has = |name: &str| info.get(name).and_then(Value::as_bool) == Some(true);
        match &servers.tls {
            None if has("tls_required") => {
                return Err(io::Error::other("it demands TLS: its address is tls://HOST:PORT"));
            }
            None => {}
            Some(_) if !has("tls_required") && !has("tls_available") => {
                return Err(io::Error::other("it has no TLS, which its address asks for"));
            }
            // What came in plain before the handshake could be anybody's.
            Some(_) if !reader.is_empty() => return Err(malformed()),
            Some(config) => {
                let host = place.rsplit_once(':').map_or(place, |(host, _)| host);
                let name = x509::ServerName::parse(host).map_err(io::Error::other)?;
                link.secure(config.clone(), name, self.handle.read_clock()).await?;
            }
        }
        let hello = hello(servers.user.as_ref(), &self.state.borrow().prefix);
        let mut rest = hello.as_bytes();
        poll_fn(|context| {
            let sent = link.send(rest, context)?;
            rest = rest.get(sent..).unwrap_or(&[]);
            if rest.is_empty() { Poll::Ready(io::Result::Ok(())) } else { Poll::Pending }
        })
        .await?;
        loop {
            match next(&mut link, &mut reader).await? {
                Said::Pong => break,
                Said::Error(words) => return Err(io::Error::other(words)),
                _ => {}
            }
        }
        let mut state = self.state.borrow_mut();
        state.is_connected = true;
        state.outgoing.clear();
        state.waiting.drain(..).for_each(Waker::wake);
        Ok((link, reader))
    }

    /// Until the connection is lost. Why.
    async fn move_bytes(&self, (mut link, mut reader): (Link, Reader)) -> io::Error {
        let mut pings = pin!(self.handle.sleep(PING));
        let mut unanswered = 0;
        let mut room = vec![0; 64 << 10];
        poll_fn(|context| {
            self.state.borrow_mut().mover = Some(context.waker().clone());
            match self.receive(&mut link, &mut reader, &mut room, context) {
                Ok(has_answered) if has_answered => unanswered = 0,
                Ok(_) => {}
                Err(error) => return Poll::Ready(error),
            }
            while pings.as_mut().poll(context).is_ready() {
                if unanswered >= 2 {
                    return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "it does not answer"));
                }
                unanswered += 1;
                self.state.borrow_mut().outgoing.extend_from_slice(b"PING\r\n");
                pings.set(self.handle.sleep(PING));
            }
            match self.send(&mut link, context) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(error),
            }
        })
        .await
    }

    /// Reads what has come. Whether anything has.
    fn receive(
        &self,
        link: &mut Link,
        reader: &mut Reader,
        room: &mut [u8],
        context: &mut Context<'_>,
    ) -> io::Result<bool> {
        let mut has_come = false;
        while let Poll::Ready(received) = link.poll_receive(room, context) {
            let count = received?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            has_come = true;
            reader.push(room.get(..count).unwrap_or(&[]));
            while let Some(said) = reader.next().map_err(|_| malformed())? {
                self.hear(said)?;
            }
        }
        Ok(has_come)
    }

    fn hear(&self, said: Said) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        match said {
            Said::Ping => state.outgoing.extend_from_slice(b"PONG\r\n"),
            Said::Error(words) => return Err(io::Error::other(words)),
            Said::Message(message) => {
                let number = match message.subscription {
                    SHARED => message.subject.rsplit('.').next().and_then(|number| number.parse::<u64>().ok()),
                    number => Some(number),
                };
                let mail = number.and_then(|number| state.inboxes.get_mut(&number));
                if let Some(mail) = mail.filter(|mail| mail.messages.len() < MAX_MESSAGES) {
                    mail.messages.push_back(message);
                    mail.waker.take().into_iter().for_each(Waker::wake);
                }
            }
            Said::Info(_) | Said::Pong | Said::Done => {}
        }
        Ok(())
    }

    fn send(&self, link: &mut Link, context: &mut Context<'_>) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        let sent = link.send(&state.outgoing, context)?;
        state.outgoing.drain(..sent);
        Ok(())
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what it sends is not NATS' protocol")
}

/// The next thing that is said, before anybody else listens.
async fn next(link: &mut Link, reader: &mut Reader) -> io::Result<Said> {
    let mut room = [0; 4096];
    loop {
        if let Some(said) = reader.next().map_err(|_| malformed())? {
            return Ok(said);
        }
        let count = poll_fn(|context| link.poll_receive(&mut room, context)).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        reader.push(room.get(..count).unwrap_or(&[]));
    }
}

fn hello(user: Option<&(String, String)>, prefix: &str) -> String {
    let mut text = String::from("CONNECT ");
    let mut object = ObjectWriter::begin(&mut text);
    for (name, value) in [("verbose", false), ("pedantic", false), ("headers", true), ("no_responders", true)] {
        object.truth(name, value);
    }
    object.string("lang", "posthaste");
    object.string("version", env!("CARGO_PKG_VERSION"));
    object.number("protocol", 1);
    if let Some((user, password)) = user {
        object.string("user", user);
        object.string("pass", password);
    }
    object.end();
    text + &format!("\r\nSUB {prefix}.* {SHARED}\r\nPING\r\n")
}

fn lose(state: &mut State) {
    state.is_connected = false;
    for mail in state.inboxes.values_mut() {
        mail.is_lost = true;
        mail.waker.take().into_iter().for_each(Waker::wake);
    }
    state.waiting.drain(..).for_each(Waker::wake);
}

impl Inbox {
    /// The next answer.
    pub(super) async fn next(&self, until: Instant) -> Result<Message, Problem> {
        let come = poll_fn(|context| {
            let mut state = self.client.state.borrow_mut();
            let is_ending = state.is_ending;
            let Some(mail) = state.inboxes.get_mut(&self.number) else { return Poll::Ready(Err(Problem::Lost)) };
            if let Some(message) = mail.messages.pop_front() {
                return Poll::Ready(Ok(message));
            }
            if mail.is_lost {
                return Poll::Ready(Err(if is_ending { Problem::Ending } else { Problem::Lost }));
            }
            mail.waker = Some(context.waker().clone());
            Poll::Pending
        });
        let message = self.client.handle.timeout_at(until, come).await.map_err(|_| Problem::TimedOut)??;
        match message.headers.status {
            Some((503, _)) => Err(Problem::NoResponders),
            _ => Ok(message),
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut state = self.client.state.borrow_mut();
        let mail = state.inboxes.remove(&self.number);
        if self.is_subscribed && mail.is_some_and(|mail| !mail.is_lost) {
            let line = format!("UNSUB {}\r\n", self.number);
            state.outgoing.extend_from_slice(line.as_bytes());
            state.mover.take().into_iter().for_each(Waker::wake);
        }
    }
}
