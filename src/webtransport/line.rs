//! The sessions of one connection, and who waits for them: what happens to a session or a stream wakes the tasks that it concerns.

use crate::webtransport::raw::RawSession;
use base::{Direction, StreamId};
use quic::CloseReason;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::task::{Context, Waker};
use webtransport::{Closed, Event, SessionEvent, Sessions, StreamEvent};

/// What a task waits for that works with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// A stream of the other end's.
    Incoming(Direction),
    /// Leave to open a stream.
    CanOpen(Direction),
    Datagram,
    /// Room for one more, or another largest.
    DatagramsChanged,
    Draining,
    Closed,
}

impl Topic {
    const fn place(self) -> usize {
        match self {
            Topic::Incoming(direction) => direction as usize,
            Topic::CanOpen(direction) => 2 + direction as usize,
            Topic::Datagram => 4,
            Topic::Draining => 5,
            Topic::Closed => 6,
            Topic::DatagramsChanged => 7,
        }
    }
}

/// A connection's.
#[derive(Default)]
pub(crate) struct Line {
    /// Once it is known that there may be some.
    pub(crate) sessions: RefCell<Option<Sessions>>,
    /// The only session of a connection without HTTP, once that has begun.
    pub(crate) raw: RefCell<Option<RawSession>>,
    /// A server's handler has been given it, which may be before the handshake is complete.
    pub(crate) has_begun: Cell<bool>,
    mail: RefCell<Mail>,
}

#[derive(Default)]
struct Mail {
    /// Who waits for the settings of the other end.
    for_settings: Vec<Waker>,
    is_over: bool,
    sessions: BTreeMap<StreamId, SessionMail>,
    streams: BTreeMap<StreamId, StreamMail>,
    /// How often somebody has waited for something of a session.
    waits: u64,
}

#[derive(Default)]
struct SessionMail {
    /// How many hold it.
    users: usize,
    is_draining: bool,
    closed: Option<Closed>,
    /// Nothing of it is left.
    is_settled: bool,
    /// By topic: who waits for it, and by which number.
    waiting: [Vec<(u64, Waker)>; 8],
}

impl SessionMail {
    fn wake(&mut self, topic: Topic) {
        self.waiting[topic.place()].drain(..).for_each(|(_, waker)| waker.wake());
    }

    fn wake_all(&mut self) {
        self.waiting.iter_mut().flat_map(|waiting| waiting.drain(..)).for_each(|(_, waker)| waker.wake());
    }
}

struct StreamMail {
    session: StreamId,
    /// How many halves of it are in use.
    halves: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
    stopped: Option<Option<u32>>,
    is_delivered: bool,
}

impl StreamMail {
    fn wake_both(&mut self) {
        [self.reader.take(), self.writer.take()].into_iter().flatten().for_each(Waker::wake);
    }
}

impl Line {
    /// What has happened is brought to whom it concerns. Nobody may hold the sessions.
    pub(crate) fn deliver(&self) {
        while let Some(event) = self.poll_event() {
            match event {
                Event::Session(id, event) => self.on_session(id, event),
                Event::Stream(id, event) => self.on_stream(id, event),
            }
        }
    }

    fn poll_event(&self) -> Option<Event> {
        let event = self.sessions.borrow_mut().as_mut().and_then(Sessions::poll_event);
        event.or_else(|| self.raw.borrow_mut().as_mut().and_then(RawSession::poll_event))
    }

    /// The transport of a connection without HTTP tells something.
    pub(crate) fn hear(&self, event: &quic::Event) {
        self.raw.borrow_mut().get_or_insert_default().on_transport(event);
        self.deliver();
    }

    /// A connection without HTTP is over.
    pub(crate) fn on_raw_closed(&self, reason: &CloseReason) {
        if let Some(raw) = self.raw.borrow_mut().as_mut() {
            raw.on_closed(reason);
        }
    }

    fn on_session(&self, id: StreamId, event: SessionEvent) {
        let mail = &mut *self.mail.borrow_mut();
        let Some(session) = mail.sessions.get_mut(&id) else { return };
        match event {
            SessionEvent::Incoming(direction) => session.wake(Topic::Incoming(direction)),
            SessionEvent::CanOpen(direction) => session.wake(Topic::CanOpen(direction)),
            SessionEvent::Datagram => session.wake(Topic::Datagram),
            SessionEvent::DatagramsChanged => session.wake(Topic::DatagramsChanged),
            SessionEvent::Draining => {
                session.is_draining = true;
                session.wake(Topic::Draining);
            }
            SessionEvent::Settled => {
                session.is_settled = true;
                session.wake(Topic::Closed);
            }
            SessionEvent::Closed(closed) => {
                session.closed = Some(closed);
                session.wake_all();
                mail.streams.values_mut().filter(|stream| stream.session == id).for_each(StreamMail::wake_both);
            }
        }
    }

    fn on_stream(&self, id: StreamId, event: StreamEvent) {
        let mut mail = self.mail.borrow_mut();
        let Some(stream) = mail.streams.get_mut(&id) else { return };
        let waker = match event {
            StreamEvent::Readable => stream.reader.take(),
            StreamEvent::Writable => stream.writer.take(),
            StreamEvent::Stopped(code) => {
                stream.stopped = Some(code);
                stream.writer.take()
            }
            StreamEvent::Delivered => {
                stream.is_delivered = true;
                stream.writer.take()
            }
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// The settings of the other end have come, or never will.
    pub(crate) fn on_settings(&self) {
        self.mail.borrow_mut().for_settings.drain(..).for_each(Waker::wake);
    }

    /// This side says that the connection is to end.
    pub(crate) fn on_going_away(&self) {
        if let Some(sessions) = self.sessions.borrow_mut().as_mut() {
            sessions.on_going_away();
        }
        if let Some(raw) = self.raw.borrow_mut().as_mut() {
            raw.on_going_away();
        }
        self.deliver();
    }

    /// Whether this request is for a session that has not begun.
    pub(crate) fn is_asked(&self, id: StreamId) -> bool {
        self.sessions.borrow().as_ref().is_some_and(|sessions| sessions.contains(id) && !sessions.is_begun(id))
    }

    /// It never will.
    pub(crate) fn refuse(&self, http: &mut h3::Connection, transport: &mut h3::OverQuic<'_>, id: StreamId) {
        if let Some(sessions) = self.sessions.borrow_mut().as_mut() {
            sessions.on_refused(http, transport, id);
        }
    }

    /// The connection is over.
    pub(crate) fn on_over(&self) {
        if let Some(sessions) = self.sessions.borrow_mut().as_mut() {
            sessions.on_connection_over();
        }
        if let Some(raw) = self.raw.borrow_mut().as_mut() {
            raw.on_over();
        }
        self.deliver();
        let mail = &mut *self.mail.borrow_mut();
        mail.is_over = true;
        mail.for_settings.drain(..).for_each(Waker::wake);
        mail.sessions.values_mut().for_each(SessionMail::wake_all);
        mail.streams.values_mut().for_each(StreamMail::wake_both);
    }

    /// Whether the connection is over.
    pub(crate) fn is_over(&self) -> bool {
        self.mail.borrow().is_over
    }

    /// Somebody waits for the settings.
    pub(crate) fn wait_for_settings(&self, context: &Context<'_>) {
        keep(&mut self.mail.borrow_mut().for_settings, context);
    }

    /// Somebody works with this session.
    pub(crate) fn add_session(&self, id: StreamId) {
        self.mail.borrow_mut().sessions.entry(id).or_default().users += 1;
    }

    /// One does not any more.
    pub(crate) fn remove_session(&self, id: StreamId) {
        let mut mail = self.mail.borrow_mut();
        if let Some(session) = mail.sessions.get_mut(&id) {
            session.users -= 1;
            if session.users == 0 {
                mail.sessions.remove(&id);
            }
        }
    }

    /// Somebody is about to wait for something of a session.
    pub(crate) fn waiting(&self, id: StreamId, topic: Topic) -> Waiting<'_> {
        let mut mail = self.mail.borrow_mut();
        mail.waits += 1;
        Waiting { line: self, id, topic, number: mail.waits }
    }

    /// How a session ended.
    pub(crate) fn closed(&self, id: StreamId) -> Option<Closed> {
        self.mail.borrow().sessions.get(&id).and_then(|session| session.closed.clone())
    }

    /// Whether nothing of a session is left: the other end has answered a close of this side, or is not waited for.
    pub(crate) fn is_settled(&self, id: StreamId) -> bool {
        let mail = self.mail.borrow();
        mail.is_over || mail.sessions.get(&id).is_none_or(|session| session.is_settled)
    }

    /// Whether a session is asked to end.
    pub(crate) fn is_draining(&self, id: StreamId) -> bool {
        self.mail.borrow().sessions.get(&id).is_some_and(|session| session.is_draining)
    }

    /// Somebody works with so many halves of this stream. What was told of it before is asked for.
    pub(crate) fn add_stream(&self, id: StreamId, session: StreamId, halves: usize) {
        let stopped = self.sessions.borrow().as_ref().and_then(|sessions| sessions.stopped(id));
        let stopped = stopped.or_else(|| self.raw.borrow_mut().as_mut().and_then(|raw| raw.take_stopped(id)));
        let mail = StreamMail { session, halves, reader: None, writer: None, stopped, is_delivered: false };
        self.mail.borrow_mut().streams.insert(id, mail);
    }

    /// Nobody works with one of its halves any more.
    pub(crate) fn remove_half(&self, id: StreamId) {
        let mut mail = self.mail.borrow_mut();
        if let Some(stream) = mail.streams.get_mut(&id) {
            stream.halves -= 1;
            if stream.halves == 0 {
                mail.streams.remove(&id);
            }
        }
    }

    /// Somebody waits for something to read.
    pub(crate) fn set_reader(&self, id: StreamId, context: &Context<'_>) {
        if let Some(stream) = self.mail.borrow_mut().streams.get_mut(&id) {
            stream.reader = Some(context.waker().clone());
        }
    }

    /// Somebody waits for room, or for what becomes of what was written.
    pub(crate) fn set_writer(&self, id: StreamId, context: &Context<'_>) {
        if let Some(stream) = self.mail.borrow_mut().streams.get_mut(&id) {
            stream.writer = Some(context.waker().clone());
        }
    }

    /// Nobody waits for something to read any more.
    pub(crate) fn clear_reader(&self, id: StreamId) {
        if let Some(stream) = self.mail.borrow_mut().streams.get_mut(&id) {
            stream.reader = None;
        }
    }

    /// Nobody waits for room any more.
    pub(crate) fn clear_writer(&self, id: StreamId) {
        if let Some(stream) = self.mail.borrow_mut().streams.get_mut(&id) {
            stream.writer = None;
        }
    }

    /// Whether the other end wants no more of a stream, and why.
    pub(crate) fn stopped(&self, id: StreamId) -> Option<Option<u32>> {
        self.mail.borrow().streams.get(&id).and_then(|stream| stream.stopped)
    }

    /// Whether all of a stream has arrived.
    pub(crate) fn is_delivered(&self, id: StreamId) -> bool {
        self.mail.borrow().streams.get(&id).is_some_and(|stream| stream.is_delivered)
    }
}

/// Somebody who waits for something of a session. When it is dropped, nobody is woken for it any more.
pub(crate) struct Waiting<'a> {
    line: &'a Line,
    id: StreamId,
    topic: Topic,
    number: u64,
}

impl Waiting<'_> {
    /// Has this task woken, and no earlier one of the same wait.
    pub(crate) fn register(&self, context: &Context<'_>) {
        self.in_line(|waiting| match waiting.iter_mut().find(|(number, _)| *number == self.number) {
            Some((_, waker)) => waker.clone_from(context.waker()),
            None => waiting.push((self.number, context.waker().clone())),
        });
    }

    fn in_line(&self, change: impl FnOnce(&mut Vec<(u64, Waker)>)) {
        if let Some(session) = self.line.mail.borrow_mut().sessions.get_mut(&self.id) {
            change(&mut session.waiting[self.topic.place()]);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.in_line(|waiting| waiting.retain(|(number, _)| *number != self.number));
    }
}

fn keep(waiting: &mut Vec<Waker>, context: &Context<'_>) {
    if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
        waiting.push(context.waker().clone());
    }
}
