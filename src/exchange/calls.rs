//! One request and its response, as both halves of the application side see them.
//!
//! The calls here translate between tasks that wait and a door that does not. The results of a call of the door are in
//! the mailbox when it returns, so a task waits only after a look at the mailbox: no event is missed, and no task is
//! woken by its own call.

use crate::error::Error;
use crate::exchange::account::Account;
use crate::exchange::door::{Door, Extent, Responded};
use crate::exchange::mailbox::{Ending, Mailbox, Slow};
use crate::exchange::patience::Patience;
use crate::exchange::version::HttpVersion;
use crate::server::authorities::Authorities;
use crate::server::seats::Seat;
use crate::webtransport::door::SessionDoor;
use base::{Bytes, StreamId};
use http::exchange::{Body, DatagramError, Event, Reason, SendError};
use http::{Fields, Priority, RequestHead, ResponseHead, Status};
use runtime::Handle;
use std::cell::OnceCell;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll};
use tls::PeerIdentity;

/// The most that one read gives: large enough for few calls, small enough to be passed on at once.
const MAX_READ: usize = 64 << 10;

/// An exchange in use; clones are about the same one. When the last of them is gone, so is its door.
#[derive(Clone)]
pub(crate) struct Exchange {
    record: Rc<Record<dyn Door>>,
}

/// Where a version tells what happens to an exchange, for as long as somebody works on it.
#[derive(Clone)]
pub(crate) struct Events {
    record: Weak<Record<dyn Door>>,
}

/// Given each new request, with the exchange that it begins, and what its connection is good for.
pub(crate) type OnRequest = Box<dyn Fn(Exchange, Box<RequestHead>, &Authorities)>;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) remote: SocketAddr,
    /// Who it is, if that was asked and proved.
    pub(crate) identity: Option<Arc<PeerIdentity>>,
    /// Whether the connection goes on from an earlier one.
    pub(crate) is_resumed: bool,
    /// Whether the request came as early data.
    pub(crate) is_early: bool,
    /// What is spoken with it.
    pub(crate) version: HttpVersion,
    /// Whether the peer had shown by then that it receives what is sent to its address.
    pub(crate) is_validated: bool,
}

impl Peer {
    /// Somebody at this address, of whom nothing else is told.
    pub(crate) const fn at(remote: SocketAddr) -> Peer {
        Peer {
            remote,
            identity: None,
            is_resumed: false,
            is_early: false,
            version: HttpVersion::Http3,
            is_validated: true,
        }
    }
}

/// What all clones share, in one allocation.
struct Record<D: ?Sized> {
    mailbox: Mailbox,
    peer: Peer,
    account: Account,
    /// How long a client waits for the response and its body.
    patience: OnceCell<Patience>,
    /// A server's: it is among the requests under way.
    seat: OnceCell<Seat>,
    door: D,
}

impl Events {
    /// Something happened. The events [`Event::Request`] and [`Event::Response`] of one exchange come once.
    pub(crate) fn on_event(&self, event: Event) {
        if let Some(exchange) = self.exchange() {
            exchange.on_event(event);
        }
    }

    /// The exchange, if somebody works on it.
    pub(crate) fn exchange(&self) -> Option<Exchange> {
        self.record.upgrade().map(|record| Exchange { record })
    }

    /// The server is about to end, and waits for the exchange.
    pub(crate) fn on_server_end(&self) {
        if let Some(record) = self.record.upgrade() {
            record.mailbox.on_server_end();
        }
    }

    /// With what status an answer has begun, and bytes of content that were handed over; `None` if nobody works on it any more.
    pub(crate) fn sent(&self) -> Option<(Option<Status>, u64)> {
        self.record.upgrade().map(|record| (record.account.status(), record.account.bytes()))
    }

    /// The connection is over, for this reason.
    pub(crate) fn on_connection_over(&self, error: &Rc<Error>) {
        if let Some(record) = self.record.upgrade() {
            record.mailbox.on_ending(Ending::Connection(error.clone()));
        }
    }
}

impl Exchange {
    /// A new one with this peer.
    pub(crate) fn new<D: Door + 'static>(peer: Peer, door: D) -> (Exchange, Events) {
        let record: Rc<Record<dyn Door>> = Rc::new(Record {
            mailbox: Mailbox::default(),
            peer,
            account: Account::default(),
            patience: OnceCell::new(),
            seat: OnceCell::new(),
            door,
        });
        let events = Events { record: Rc::downgrade(&record) };
        (Exchange { record }, events)
    }

    /// Something happened.
    pub(crate) fn on_event(&self, event: Event) {
        self.record.mailbox.on_event(event);
    }

    /// It keeps its place among the requests under way as long as somebody works on it.
    pub(crate) fn keep_seat(&self, seat: Seat) {
        assert!(self.record.seat.set(seat).is_ok(), "a request has one place");
    }

    /// For those who look at it, and do not work on it.
    pub(crate) fn events(&self) -> Events {
        Events { record: Rc::downgrade(&self.record) }
    }

    /// What has happened to it.
    pub(crate) fn mailbox(&self) -> &Mailbox {
        &self.record.mailbox
    }

    /// What this side has sent.
    pub(crate) fn account(&self) -> &Account {
        &self.record.account
    }

    /// The other end.
    pub(crate) fn peer(&self) -> &Peer {
        &self.record.peer
    }

    /// The response and its body are waited for as long as this says. To be called once at most.
    pub(crate) fn set_patience(&self, patience: Patience) {
        assert!(self.record.patience.set(patience).is_ok(), "an exchange has one clock");
    }

    /// How long is waited for the response and its body, if not for ever.
    pub(crate) fn patience(&self) -> Option<&Patience> {
        self.record.patience.get()
    }

    /// The next part of the peer's body.
    pub(crate) fn poll_body(&self, context: &Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        let mailbox = self.mailbox();
        loop {
            if mailbox.is_finished() {
                // That is told when all content was read. What became of the connection since does not matter.
                return Poll::Ready(Ok(None));
            }
            if let Some(error) = self.end_of_receiving() {
                return Poll::Ready(self.left_behind().ok_or(error));
            }
            mailbox.take_news();
            match self.record.door.read(MAX_READ) {
                Some(Body::Data(bytes)) => return Poll::Ready(Ok(Some(bytes))),
                Some(_) if mailbox.take_news() => {}
                Some(Body::Blocked) => {
                    mailbox.set_reader(context);
                    return Poll::Pending;
                }
                // The end is always told before it is read; this exchange is gone because this side let it go.
                Some(Body::End | Body::Gone) => {
                    let reason = "the rest of the body was given up when the answer was complete";
                    return Poll::Ready(Err(Error::message(reason)));
                }
                None => return Poll::Ready(Err(self.failure())),
            }
        }
    }

    /// What had come before the connection ended, if both ends had said all by then: content that was not read, and the end behind it.
    fn left_behind(&self) -> Option<Option<Bytes>> {
        if !matches!(self.mailbox().ending(), Some(Ending::Connection(_))) || self.mailbox().is_dropped() {
            return None;
        }
        match self.record.door.read(MAX_READ) {
            Some(Body::Data(bytes)) => Some(Some(bytes)),
            _ => self.mailbox().is_finished().then_some(None),
        }
    }

    /// The fields after the body, once that has been read.
    pub(crate) fn poll_trailers(&self, context: &Context<'_>) -> Poll<Result<Option<Fields>, Error>> {
        if let Some(fields) = self.mailbox().take_trailers() {
            return Poll::Ready(Ok(Some(fields)));
        }
        if self.mailbox().is_finished() {
            return Poll::Ready(Ok(None));
        }
        self.wait(context)
    }

    /// How the final response begins, once that has come. It stays in the mailbox.
    pub(crate) fn poll_status(&self, context: &Context<'_>) -> Poll<Result<Status, Error>> {
        match self.mailbox().look_at_head(|head| head.status) {
            Some(status) => Poll::Ready(Ok(status)),
            None => self.wait(context),
        }
    }

    /// The next response ahead of the final one; `None` when that has come.
    pub(crate) fn poll_informational(&self, context: &Context<'_>) -> Poll<Result<Option<ResponseHead>, Error>> {
        match self.mailbox().take_informational() {
            Some(head) => Poll::Ready(Ok(Some(head))),
            None if self.mailbox().has_head() => Poll::Ready(Ok(None)),
            None => self.wait(context),
        }
    }

    /// Whether all of this side's message has arrived, or was not wanted.
    pub(crate) fn poll_delivered(&self, context: &Context<'_>) -> Poll<Result<(), Error>> {
        match self.mailbox().stopped() {
            _ if self.mailbox().is_delivered() => Poll::Ready(Ok(())),
            Some(reason) => Poll::Ready(Err(Error::Stopped { reason })),
            None => self.wait(context),
        }
    }

    /// Waits for more of the peer's message.
    fn wait<T>(&self, context: &Context<'_>) -> Poll<Result<T, Error>> {
        if let Some(error) = self.end_of_receiving() {
            return Poll::Ready(Err(error));
        }
        self.mailbox().set_reader(context);
        Poll::Pending
    }

    /// Why no more of the peer's message comes, before its end.
    fn end_of_receiving(&self) -> Option<Error> {
        if self.mailbox().is_cut_short() { self.why_cut_short() } else { None }
    }

    #[cold]
    fn why_cut_short(&self) -> Option<Error> {
        let mailbox = self.mailbox();
        let ended = mailbox.ending().map(|ending| self.error(&ending));
        let slow = || mailbox.slow().map(|slow| self.too_slow(slow));
        let dropped = || mailbox.is_dropped().then(|| Error::message("this side has given the request up"));
        dropped().or(ended).or_else(slow)
    }

    fn too_slow(&self, slow: Slow) -> Error {
        Error::TooSlow { address: self.record.peer.remote, is_reader: slow == Slow::Receiver }
    }

    /// Whether what came as early data is known to be no repetition.
    pub(crate) fn is_proven(&self) -> bool {
        !self.peer().is_early || self.record.door.is_proven()
    }

    /// Waits until that is so, or the connection is over.
    pub(crate) fn poll_proven(&self, context: &Context<'_>) -> Poll<()> {
        if self.peer().is_early { self.record.door.poll_proven(context) } else { Poll::Ready(()) }
    }

    /// How urgent the response is from now on.
    pub(crate) fn prioritize(&self, priority: Priority) -> Result<(), Error> {
        self.record.door.prioritize(priority).map_err(|error| self.send_error(error))
    }

    /// Sends a datagram of the exchange.
    pub(crate) fn send_datagram(&self, content: &[u8]) -> Result<(), DatagramError> {
        self.record.door.send_datagram(content)
    }

    /// The next datagram of the exchange that has come. Who waits for another one waits for the body.
    pub(crate) fn read_datagram(&self) -> Option<Bytes> {
        self.record.door.read_datagram()
    }

    /// Bytes of the largest datagram that can be sent now.
    pub(crate) fn max_datagram(&self) -> Result<usize, DatagramError> {
        self.record.door.max_datagram()
    }

    /// The path is asked whether it carries a datagram of `wanted` bytes, unless it is known to.
    pub(crate) fn want_datagrams(&self, wanted: usize) {
        if self.record.door.max_datagram().is_ok_and(|most| most < wanted) {
            // It is refused, and that is what asks for more.
            let _ = self.record.door.send_datagram(&vec![0; wanted]);
        }
    }

    /// Waits until a datagram of `wanted` bytes can be sent, as far as its size goes. The path is asked whether it carries one.
    pub(crate) fn poll_datagram_size(&self, wanted: usize, context: &Context<'_>) -> Poll<Result<(), Error>> {
        self.mailbox().set_writer(context);
        match self.record.door.max_datagram() {
            Ok(most) if most >= wanted => Poll::Ready(Ok(())),
            // In capsules they may be of any size.
            Err(DatagramError::Unsupported) => Poll::Ready(Ok(())),
            Err(DatagramError::Ended) => Poll::Ready(Err(self.ended())),
            Ok(_) | Err(_) => match self.mailbox().ending() {
                Some(ending) => Poll::Ready(Err(self.error(&ending))),
                None => {
                    self.want_datagrams(wanted);
                    Poll::Pending
                }
            },
        }
    }

    /// Sends a datagram when there is room for one.
    pub(crate) fn poll_datagram(&self, content: &[u8], context: &Context<'_>) -> Poll<Result<(), DatagramError>> {
        self.mailbox().set_writer(context);
        match self.record.door.send_datagram(content) {
            Err(DatagramError::Full) if self.mailbox().ending().is_none() => Poll::Pending,
            sent => Poll::Ready(sent),
        }
    }

    /// Why nothing more can be sent.
    pub(crate) fn ended(&self) -> Error {
        self.send_error(SendError::Ended)
    }

    /// The connection as one that has sessions, and the number of one that begins with this exchange.
    pub(crate) fn session_door(&self) -> Option<(Rc<dyn SessionDoor>, StreamId)> {
        self.record.door.session_door()
    }

    /// The executor that it runs on.
    pub(crate) fn executor(&self) -> Option<Handle> {
        self.record.door.executor().cloned()
    }

    /// The exchange is slow by its nature: the peer may be as slow as it likes with what it sends and takes.
    pub(crate) fn lift_time_limits(&self) {
        self.record.door.lift_time_limits();
    }

    /// Waits until content can be sent, and says how much of `wanted` bytes.
    pub(crate) fn poll_room(&self, wanted: usize, context: &Context<'_>) -> Poll<Result<usize, Error>> {
        self.mailbox().set_writer(context);
        if let Some(reason) = self.mailbox().stopped() {
            return Poll::Ready(Err(Error::Stopped { reason }));
        }
        match self.record.door.room(wanted) {
            Ok(0) if wanted > 0 => Poll::Pending,
            Ok(room) => Poll::Ready(Ok(room)),
            Err(error) => Poll::Ready(Err(self.send_error(error))),
        }
    }

    /// Hands over all of `data`; waits where the connection takes no more for now.
    pub(crate) fn poll_write(&self, data: &mut Bytes, context: &Context<'_>) -> Poll<Result<(), Error>> {
        self.mailbox().set_writer(context);
        if let Some(reason) = self.mailbox().stopped() {
            return Poll::Ready(Err(Error::Stopped { reason }));
        }
        let before = data.len();
        let written = self.record.door.write(data);
        self.account().on_content(before - data.len());
        match written {
            Ok(()) if data.is_empty() => Poll::Ready(Ok(())),
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(self.send_error(error))),
        }
    }

    /// Sends a final response and as much of its body as fits. If that is all, ends the message and gives true. `answered`
    /// becomes true with the head, whatever comes of the rest.
    pub(crate) fn send_whole(&self, head: &ResponseHead, body: &mut Bytes, answered: &mut bool) -> Result<bool, Error> {
        check_final(head)?;
        let before = body.len();
        let responded = self.record.door.respond(head, body, true).map_err(|error| self.send_error(error))?;
        *answered = true;
        self.account().on_head(head.status);
        self.account().on_content(before - body.len());
        match responded {
            Responded::Whole => {
                self.account().on_complete();
                Ok(true)
            }
            Responded::Begun => Ok(false),
            Responded::Broken(error) => Err(self.send_error(error)),
        }
    }

    /// Sends the head of a final response whose body follows.
    pub(crate) fn send_response(&self, head: &ResponseHead) -> Result<(), Error> {
        check_final(head)?;
        self.send_head(head)?;
        self.account().on_head(head.status);
        Ok(())
    }

    /// Sends a response ahead of the final one.
    pub(crate) fn send_informational(&self, head: &ResponseHead) -> Result<(), Error> {
        if !head.status.is_informational() {
            return Err(Error::message(SendError::WrongOrder));
        }
        self.send_head(head)
    }

    fn send_head(&self, head: &ResponseHead) -> Result<(), Error> {
        let responded = self.record.door.respond(head, &mut Bytes::new(), false);
        responded.map(drop).map_err(|error| self.send_error(error))
    }

    /// Ends the message, with trailers if there are any.
    pub(crate) fn finish(&self, trailers: Option<&Fields>) -> Result<(), Error> {
        self.record.door.finish(trailers).map_err(|error| self.send_error(error))?;
        self.account().on_complete();
        Ok(())
    }

    /// This side's message is not going to be completed. If the other end asked for that, nothing needs to be said.
    pub(crate) fn abandon(&self, reason: Reason) {
        if self.mailbox().stopped().is_none() {
            self.reset(reason);
        } else {
            // A client's half may have ended by that already; the response may still come.
            let _ = self.record.door.finish(None);
        }
    }

    /// Breaks the whole exchange off.
    pub(crate) fn reset(&self, reason: Reason) {
        self.account().on_broken_off();
        // First, for the connection may end by it.
        self.mailbox().on_dropped();
        self.record.door.cancel(Extent::Exchange, reason);
    }

    /// This side does not want the rest of the peer's message.
    pub(crate) fn stop_reading(&self, reason: Reason) {
        if !self.mailbox().is_finished() && self.mailbox().ending().is_none() {
            self.record.door.cancel(Extent::Receiving, reason);
        }
    }

    /// Why there is nothing to work with any more.
    fn failure(&self) -> Error {
        self.mailbox().ending().map_or(Error::ShutDown, |ending| self.error(&ending))
    }

    fn error(&self, ending: &Ending) -> Error {
        match ending {
            Ending::Reset(reason) => Error::Reset { reason: *reason },
            Ending::Malformed(malformed) => {
                Error::Malformed { address: self.record.peer.remote, malformed: *malformed }
            }
            Ending::Connection(error) => Error::clone(error),
        }
    }

    fn send_error(&self, error: SendError) -> Error {
        match error {
            SendError::GoingAway => Error::GoingAway,
            SendError::Stopped(reason) => {
                // The event about it may be yet to come.
                self.mailbox().on_event(Event::Stopped(reason));
                Error::Stopped { reason }
            }
            SendError::Closed => self.failure(),
            SendError::Ended if self.mailbox().slow() == Some(Slow::Receiver) => self.too_slow(Slow::Receiver),
            SendError::Ended => match (self.mailbox().ending(), self.mailbox().stopped()) {
                (Some(ending), _) => self.error(&ending),
                (None, Some(reason)) => Error::Stopped { reason },
                (None, None) => Error::message(error),
            },
            error => Error::message(error),
        }
    }
}

fn check_final(head: &ResponseHead) -> Result<(), Error> {
    if head.status.is_informational() { Err(Error::message(SendError::WrongOrder)) } else { Ok(()) }
}
