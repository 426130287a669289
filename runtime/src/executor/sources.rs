//! The readiness of each watched descriptor, and the tasks that wait for it.

use std::task::{Context, Poll, Waker};

use crate::poller::Event;
use crate::token::Token;

/// One of the things to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Read,
    Write,
    /// An error or a hang-up, which is not looked for until it is reported.
    HangUp,
}

struct Source {
    read: Readiness,
    /// Behind what can be read stands an end or an error.
    has_ended: bool,
    write: Readiness,
    hang_up: Readiness,
    /// A stream, and so one peer: datagrams of many come to one socket.
    is_stream: bool,
}

/// Ready until an attempt shows otherwise: edges are only reported when something changes.
struct Readiness {
    ready: bool,
    /// Somebody waits, whom the waker wakes.
    is_awaited: bool,
    /// Kept while nobody waits, so that the same task need not give it again.
    waker: Option<Waker>,
}

impl Default for Source {
    fn default() -> Source {
        let [read, write, hang_up] =
            [true, true, false].map(|ready| Readiness { ready, is_awaited: false, waker: None });
        Source { read, has_ended: false, write, hang_up, is_stream: false }
    }
}

/// By the index of the token.
#[derive(Default)]
pub(crate) struct Sources {
    sources: Vec<Source>,
}

impl Sources {
    /// A new registration: assumed to be ready, and without waiters.
    pub(crate) fn start(&mut self, token: Token) {
        if self.sources.len() <= token.index() {
            self.sources.resize_with(token.index() + 1, Source::default);
        }
        self.sources[token.index()] = Source::default();
    }

    /// Notes an event; gives those to wake.
    pub(crate) fn note(&mut self, event: Event) -> [(Side, Option<Waker>); 3] {
        let source = &mut self.sources[event.token.index()];
        source.has_ended |= event.ended;
        [
            (Side::Read, source.read.note(event.readable)),
            (Side::Write, source.write.note(event.writable)),
            (Side::HangUp, source.hang_up.note(event.hung_up)),
        ]
    }

    /// Keeps the waker that [`Sources::note`] gave for the next time. Gives back what is not to be kept: its place has got another one since.
    pub(crate) fn keep(&mut self, token: Token, side: Side, waker: Waker) -> Option<Waker> {
        let place = &mut self.readiness(token, side).waker;
        if place.is_some() {
            return Some(waker);
        }
        *place = Some(waker);
        None
    }

    pub(crate) fn poll(&mut self, token: Token, side: Side, context: &Context<'_>) -> Poll<()> {
        let readiness = self.readiness(token, side);
        if readiness.ready {
            return Poll::Ready(());
        }
        readiness.is_awaited = true;
        if !readiness.waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            readiness.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    /// An attempt met "would block": wait for the next edge.
    pub(crate) fn clear(&mut self, token: Token, side: Side) {
        self.readiness(token, side).ready = false;
    }

    /// An attempt to read took all there was. What comes next is an edge, but for the end of it if that has been told.
    pub(crate) fn on_emptied(&mut self, token: Token) {
        let source = &mut self.sources[token.index()];
        source.read.ready &= source.has_ended;
        // Only of a stream can that be said.
        source.is_stream = true;
    }

    /// Whether it is a stream, as far as it was read.
    pub(crate) fn is_stream(&self, token: Token) -> bool {
        self.sources[token.index()].is_stream
    }

    fn readiness(&mut self, token: Token, side: Side) -> &mut Readiness {
        let source = &mut self.sources[token.index()];
        match side {
            Side::Read => &mut source.read,
            Side::Write => &mut source.write,
            Side::HangUp => &mut source.hang_up,
        }
    }
}

impl Readiness {
    fn note(&mut self, happened: bool) -> Option<Waker> {
        self.ready |= happened;
        if happened && std::mem::take(&mut self.is_awaited) { self.waker.take() } else { None }
    }
}
