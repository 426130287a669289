//! What the library keeps of one HTTP/3 connection: how it stands, its exchanges, and who waits for it.
//!
//! The endpoint keeps it with the connection and gives it back when that is drained. Exchanges and the client's pool hold
//! it as well, so that they still learn why a connection is over when the endpoint has forgotten it.

use crate::error::Error;
use crate::exchange::calls::{Events, Exchange};
use crate::http3::sockets::Port;
use crate::server::authorities::Authorities;
use crate::server::networks::Place;
use crate::webtransport::line::Line;
use base::{Instant, StreamId, StreamMap};
use http::exchange::Event;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// What is known of a connection.
#[derive(Default)]
pub(crate) struct Known {
    state: RefCell<State>,
    sessions: Line,
}

#[derive(Default)]
struct State {
    /// If it was this side that began: with whom, and on which sockets.
    client: Option<Client>,
    /// Where the other end is, if it is known.
    remote: Option<SocketAddr>,
    exchanges: StreamMap<Events>,
    /// Of a server, among the connections of its client's network.
    place: Option<Place>,
    /// Of a server, what requests may be for. Looked up with the first one.
    authorities: Option<Rc<Authorities>>,
    /// When the last exchange ended.
    used: Instant,
    /// A client may send early data.
    is_early: bool,
    is_established: bool,
    is_going_away: bool,
    /// Nothing more is asked on it, and all that was answered has arrived.
    is_flushed: bool,
    /// The remote host reported that the port is closed.
    is_refused: bool,
    /// Its owner is gone: it ends with its last exchange.
    is_abandoned: bool,
    /// Why it is over.
    over: Option<Rc<Error>>,
    /// Counts up whenever streams become available.
    streams_available: u64,
    /// Who waits for the handshake, for the end, or for streams.
    waiting: Vec<Waker>,
    /// Who waits for the moment from which no more requests can be made.
    watcher: Option<Waker>,
}

/// What is known of a connection that this side began.
struct Client {
    /// What the application calls the other end.
    host: Box<str>,
    at: Port,
    /// Where it was before it moved.
    previous: Option<Port>,
    moving: Option<Moving>,
    /// Who wants it moved, in the order in which they asked.
    movers: VecDeque<u64>,
    next_mover: u64,
}

/// A place in the line of those who want a connection moved. It is left by dropping it.
pub(crate) struct MoverTurn<'a> {
    known: &'a Known,
    number: u64,
}

/// A move that is under way. It belongs to the connection and not to who waits for it, because the connection goes on with
/// it whoever waits.
struct Moving {
    to: Port,
    /// For who waits: whether it arrived.
    arrived: Rc<Cell<Option<bool>>>,
}

/// What became of a connection.
#[derive(Clone, Debug)]
pub(crate) enum Standing {
    /// The handshake goes on.
    Handshaking,
    /// The same, and requests can be made that may be done twice.
    Early,
    /// Requests can be made.
    Open,
    /// The peer takes no more requests.
    GoingAway,
    /// It is over, for this reason.
    Over(Rc<Error>),
}

/// What ended with a connection.
pub(crate) struct Ended {
    /// Its exchanges.
    pub(crate) exchanges: StreamMap<Events>,
    /// It was established, and not flushed.
    pub(crate) was_unflushed: bool,
}

impl Known {
    /// This side began it, to what the application calls `host`.
    pub(crate) fn on_begin(&self, host: &str, remote: SocketAddr, at: Port) {
        let mut state = self.state.borrow_mut();
        state.remote = Some(remote);
        state.client = Some(Client {
            host: host.into(),
            at,
            previous: None,
            moving: None,
            movers: VecDeque::new(),
            next_mover: 0,
        });
    }

    /// Its sessions, and who waits for them.
    pub(crate) const fn line(&self) -> &Line {
        &self.sessions
    }

    /// How it stands.
    pub(crate) fn standing(&self) -> Standing {
        let state = self.state.borrow();
        match &state.over {
            Some(error) => Standing::Over(error.clone()),
            None if state.is_going_away => Standing::GoingAway,
            None if state.is_established => Standing::Open,
            None if state.is_early => Standing::Early,
            None => Standing::Handshaking,
        }
    }

    /// Where the other end is, as far as that is known.
    pub(crate) fn remote(&self) -> Option<SocketAddr> {
        self.state.borrow().remote
    }

    /// It has been found to be there. Gives where it was, as far as that was known.
    pub(crate) fn set_remote(&self, remote: SocketAddr) -> Option<SocketAddr> {
        self.state.borrow_mut().remote.replace(remote)
    }

    /// What requests may be for; `find` says it once.
    pub(crate) fn authorities(&self, find: impl FnOnce() -> Rc<Authorities>) -> Rc<Authorities> {
        self.state.borrow_mut().authorities.get_or_insert_with(find).clone()
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        self.state.borrow().over.is_some()
    }

    /// Whether the remote host reported that the port is closed.
    pub(crate) fn is_refused(&self) -> bool {
        self.state.borrow().is_refused
    }

    /// What the application calls the other end, if it was this side that began.
    pub(crate) fn host(&self) -> Option<Box<str>> {
        self.state.borrow().client.as_ref().map(|client| client.host.clone())
    }

    /// Whether it is a connection to this address whose handshake is not complete.
    pub(crate) fn is_reaching(&self, address: SocketAddr) -> bool {
        let state = self.state.borrow();
        state.remote == Some(address) && !state.is_established && state.over.is_none()
    }

    /// Waits for something to change: established, refused, over, or streams available (then `seen` differs).
    pub(crate) fn poll_change(&self, seen: &mut u64, context: &Context<'_>) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        if state.over.is_some() || state.is_going_away || state.streams_available != *seen {
            *seen = state.streams_available;
            return Poll::Ready(());
        }
        state.wait(context);
        Poll::Pending
    }

    /// Whether the handshake is complete, or the connection over.
    pub(crate) fn is_proven(&self) -> bool {
        let state = self.state.borrow();
        state.is_established || state.over.is_some()
    }

    /// Waits until that is so.
    pub(crate) fn poll_proven(&self, context: &Context<'_>) -> Poll<()> {
        if self.is_proven() {
            return Poll::Ready(());
        }
        self.state.borrow_mut().wait(context);
        Poll::Pending
    }

    /// Early data can be sent.
    pub(crate) fn on_can_send_early(&self) {
        self.change(|state| state.is_early = true);
    }

    /// Waits until no more requests can be made. One at a time waits for this.
    pub(crate) fn poll_closing(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        if state.over.is_some() || state.is_going_away {
            return Poll::Ready(());
        }
        state.watcher = Some(context.waker().clone());
        Poll::Pending
    }

    /// How often streams became available.
    pub(crate) fn streams_available(&self) -> u64 {
        self.state.borrow().streams_available
    }

    /// Somebody works on the exchange of a stream from now on. If the connection is over, `events` is told so, and false is
    /// given.
    pub(crate) fn add_exchange(&self, id: StreamId, events: Events) -> bool {
        let mut state = self.state.borrow_mut();
        if let Some(error) = state.over.clone() {
            drop(state);
            events.on_connection_over(&error);
            return false;
        }
        state.exchanges.insert(id, events);
        true
    }

    /// The server is about to end, and waits for the exchanges.
    pub(crate) fn on_server_end(&self) {
        let all: Vec<Events> = self.state.borrow().exchanges.values().cloned().collect();
        all.iter().for_each(Events::on_server_end);
    }

    /// Nobody works on the exchange any more. Whether it was there.
    pub(crate) fn remove_exchange(&self, id: StreamId, now: Instant) -> bool {
        let mut state = self.state.borrow_mut();
        state.used = now;
        state.exchanges.remove(id).is_some()
    }

    /// The exchange of a stream, if somebody works on it.
    pub(crate) fn exchange(&self, id: StreamId) -> Option<Exchange> {
        self.state.borrow().exchanges.get(id).and_then(Events::exchange)
    }

    /// Whether somebody works on an exchange of it, and it is not over.
    pub(crate) fn is_in_use(&self) -> bool {
        let state = self.state.borrow();
        state.over.is_none() && state.exchanges.values().next().is_some()
    }

    /// More or other datagrams can be sent: whoever waits for that looks again. It happens a few times in the life of a connection.
    pub(crate) fn on_datagrams_changed(&self) {
        let all: Vec<Events> = self.state.borrow().exchanges.values().cloned().collect();
        all.iter().for_each(|events| events.on_event(Event::Writable));
    }

    /// Since when nobody has worked on an exchange of it.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let state = self.state.borrow();
        state.exchanges.is_empty().then_some(state.used)
    }

    /// Its owner is gone.
    pub(crate) fn abandon(&self) {
        self.state.borrow_mut().is_abandoned = true;
    }

    /// Whether nobody can use it any more.
    pub(crate) fn is_unused(&self) -> bool {
        let state = self.state.borrow();
        state.is_abandoned && state.exchanges.is_empty() && state.over.is_none()
    }

    /// The handshake is complete.
    pub(crate) fn on_established(&self) {
        self.change(|state| {
            state.is_established = true;
            state.streams_available += 1;
        });
    }

    /// It counts among those of its client's network until it is over.
    pub(crate) fn take_place(&self, place: Place) {
        self.state.borrow_mut().place = Some(place);
    }

    /// Requests can be made again.
    pub(crate) fn on_streams_available(&self) {
        self.change(|state| state.streams_available += 1);
    }

    /// The peer takes no more requests.
    pub(crate) fn on_going_away(&self) {
        self.change(|state| state.is_going_away = true);
    }

    /// The remote host reported that the port is closed.
    pub(crate) fn on_refused(&self) {
        // Who tries to connect looks at this first, whatever it was woken for.
        self.change(|state| state.is_refused = true);
    }

    /// All that was answered has arrived. Whether it was the first time that this was told.
    pub(crate) fn on_flushed(&self) -> bool {
        !std::mem::replace(&mut self.state.borrow_mut().is_flushed, true)
    }

    /// It is over. What ends with it; `None` if it was over before.
    pub(crate) fn on_over(&self, error: Rc<Error>) -> Option<Ended> {
        let mut state = self.state.borrow_mut();
        if state.over.is_some() {
            return None;
        }
        state.over = Some(error);
        let was_unflushed = state.is_established && !state.is_flushed;
        let (exchanges, place) = (std::mem::take(&mut state.exchanges), state.place.take());
        drop((state, place));
        self.change(|_| {});
        Some(Ended { exchanges, was_unflushed })
    }

    /// The socket it is on, if it was this side that began.
    pub(crate) fn port(&self) -> Option<Port> {
        self.state.borrow().client.as_ref().map(|client| client.at)
    }

    /// A move to another socket begins. Who waits for its end looks at what is given, after a change.
    pub(crate) fn begin_move(&self, to: Port) -> Rc<Cell<Option<bool>>> {
        let arrived = Rc::new(Cell::new(None));
        let moving = Moving { to, arrived: arrived.clone() };
        let mut state = self.state.borrow_mut();
        let client = state.client.as_mut().expect("only connections that this side began are moved");
        assert!(client.moving.replace(moving).is_none(), "one move at a time");
        arrived
    }

    /// A move has ended: the socket that has lost its use by that.
    pub(crate) fn end_move(&self, arrived: bool) -> Option<Port> {
        let unused = {
            let mut state = self.state.borrow_mut();
            let client = state.client.as_mut()?;
            let moving = client.moving.take()?;
            moving.arrived.set(Some(arrived));
            if arrived {
                let from = std::mem::replace(&mut client.at, moving.to);
                client.previous.replace(from)
            } else {
                Some(moving.to)
            }
        };
        self.change(|_| {});
        unused
    }

    /// Joins the line of those who want it moved.
    pub(crate) fn line_up_to_move(&self) -> MoverTurn<'_> {
        let mut state = self.state.borrow_mut();
        let number = state.client.as_mut().map_or(0, |client| {
            client.next_mover += 1;
            client.movers.push_back(client.next_mover);
            client.next_mover
        });
        MoverTurn { known: self, number }
    }

    /// Waits for the end of a move: whether it succeeded.
    pub(crate) fn poll_arrived(&self, arrived: &Cell<Option<bool>>, context: &Context<'_>) -> Poll<bool> {
        if let Some(arrived) = arrived.get() {
            return Poll::Ready(arrived);
        }
        self.state.borrow_mut().wait(context);
        Poll::Pending
    }

    /// The sockets that it used. It uses none from now on.
    pub(crate) fn take_ports(&self) -> [Option<Port>; 2] {
        self.state.borrow_mut().client.take().map_or([None; 2], |client| [Some(client.at), client.previous])
    }

    /// Wakes whom it may concern.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.borrow_mut();
        change(&mut state);
        let waiting = std::mem::take(&mut state.waiting);
        let is_closing = state.over.is_some() || state.is_going_away;
        let watcher = if is_closing { state.watcher.take() } else { None };
        drop(state);
        waiting.into_iter().chain(watcher).for_each(Waker::wake);
    }
}

impl MoverTurn<'_> {
    /// Waits for the turn: nobody stands before, and no move is under way that nobody waits for any more.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.known.state.borrow_mut();
        let is_next = |client: &Client| client.moving.is_none() && client.movers.front() == Some(&self.number);
        if state.client.as_ref().is_none_or(is_next) {
            return Poll::Ready(());
        }
        state.wait(context);
        Poll::Pending
    }
}

impl Drop for MoverTurn<'_> {
    fn drop(&mut self) {
        self.known.change(|state| {
            if let Some(client) = &mut state.client {
                client.movers.retain(|number| *number != self.number);
            }
        });
    }
}

impl State {
    /// Has the task woken when something changes.
    fn wait(&mut self, context: &Context<'_>) {
        if !self.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            self.waiting.push(context.waker().clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who asks again and again does not get before who waits.
    #[test]
    fn moves_come_in_the_order_in_which_they_were_asked_for() {
        let (known, context) = (Known::default(), &Context::from_waker(Waker::noop()));
        assert!(known.line_up_to_move().poll(context).is_ready(), "over: whoever moves it is told so");
        let address = ([192, 0, 2, 1], 443).into();
        known.on_begin("localhost", address, 1);
        let (first, second) = (known.line_up_to_move(), known.line_up_to_move());
        assert!(first.poll(context).is_ready() && second.poll(context).is_pending());
        drop(first);
        let again = known.line_up_to_move();
        assert!(again.poll(context).is_pending() && second.poll(context).is_ready());
        // Nobody waits for this one any more, and it is under way all the same.
        let _arrived = known.begin_move(2);
        drop(second);
        assert!(again.poll(context).is_pending());
        known.end_move(true);
        assert!(again.poll(context).is_ready());
    }
}
