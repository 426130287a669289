//! One end of a session.

use crate::error::Error;
use crate::exchange::calls::Exchange;
use crate::webtransport::door::{SessionDoor, session_error, with, work};
use crate::webtransport::line::Topic;
use crate::webtransport::receive_stream::ReceiveStream;
use crate::webtransport::send_stream::SendStream;
use base::Duration;
use base::{Bytes, DatagramBatch, Direction, StreamId};
use http::exchange::{DatagramError, Event, SentDatagrams};
use quic::{DatagramStats, Stats, WhenFull};
use runtime::Handle;
use std::fmt;
use std::future::poll_fn;
use std::iter::Peekable;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use tls::{EarlyData, PeerIdentity};
use webtransport::{Closed, OpenError, SessionStats};

/// How long the other end has to answer a close.
const LINGER: Duration = Duration::from_secs(10);

/// One end of a session, of WebTransport or without HTTP ([`Client::open_session`](crate::Client::open_session)): streams of both kinds, opened by either end, and datagrams. Clones are about the same session. When
/// the last of them is dropped, the session is closed with code 0; its streams do not keep it.
#[derive(Clone)]
pub struct Session {
    shared: Rc<Shared>,
}

struct Shared {
    door: Rc<dyn SessionDoor>,
    id: StreamId,
    /// The request: while it is held, the connection is in use.
    exchange: Exchange,
    url: String,
    protocol: Option<String>,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEnd {
    /// The code of whoever closed it; 0 if none was said.
    pub code: u32,
    /// The message.
    pub reason: String,
    /// Whether it was the other end that closed it.
    pub by_peer: bool,
}

impl Session {
    /// A session that has begun on the exchange of its request.
    pub(crate) fn begin(
        door: Rc<dyn SessionDoor>,
        id: StreamId,
        exchange: Exchange,
        url: String,
        protocol: Option<String>,
    ) -> Session {
        // What comes on the request's stream from now on is the session's; to the exchange there is nothing more to read.
        exchange.mailbox().on_event(Event::Finished);
        // Whoever answers it learns by the session how that ended, also where the connection ends right behind it.
        exchange.mailbox().look_after_end();
        Session { shared: Rc::new(Shared { door, id, exchange, url, protocol }) }
    }

    /// Whether both are about the same session.
    pub fn is_same(&self, other: &Session) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }

    /// What was asked for: a URL of https, or `quic://` and host and port of a session without HTTP. A server knows of those the name that
    /// its client asked for, or else its own address.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// The protocol that both ends agreed upon, if they did; without HTTP they always did.
    pub fn protocol(&self) -> Option<&str> {
        self.shared.protocol.as_deref()
    }

    /// The executor that its connection runs on: what works with it is spawned there.
    pub fn executor(&self) -> &Handle {
        self.shared.door.executor()
    }

    /// Who the other end is, if that was asked and proved: the client of a server that asks for certificates.
    pub fn peer_identity(&self) -> Option<&Arc<PeerIdentity>> {
        self.shared.exchange.peer().identity.as_ref()
    }

    /// Whether what comes may be a repetition of what somebody has recorded, and what goes may be sent again by whoever records it: the
    /// session began with early data, and the handshake is not complete. Never so for WebTransport, and for others only where both
    /// ends want it: [`Client::dangerous_open_session_with_early_data_that_may_be_replayed`],
    /// [`ServerBuilder::dangerous_session_protocol_with_early_data_that_may_be_replayed`].
    ///
    /// [`Client::dangerous_open_session_with_early_data_that_may_be_replayed`]: crate::Client::dangerous_open_session_with_early_data_that_may_be_replayed
    /// [`ServerBuilder::dangerous_session_protocol_with_early_data_that_may_be_replayed`]: crate::ServerBuilder::dangerous_session_protocol_with_early_data_that_may_be_replayed
    pub fn is_early(&self) -> bool {
        !self.shared.exchange.is_proven()
    }

    /// Waits until the handshake is complete, so that the session [is not early](Session::is_early) any more: at once where it never was.
    /// From then on a server knows that all that it has read was sent by this very client, and by it alone.
    ///
    /// # Errors
    /// The session is over: perhaps there was nobody.
    pub async fn proven(&self) -> Result<(), Error> {
        poll_fn(|context| self.shared.exchange.poll_proven(context)).await;
        if self.shared.is_over() { Err(self.shared.error()) } else { Ok(()) }
    }

    /// What has become of early data on the session's connection: whether the other end took it, or this end, which is then a server.
    /// `None` if the connection is gone.
    pub fn early_data(&self) -> Option<EarlyData> {
        work(&*self.shared.door, |carrier| carrier.early_data())
    }

    /// Fills `out` with keys for other uses, which only the two ends of this session know: the same at both, for the same label and context
    /// and as many bytes. Another session on the same connection has others. The label has 1 to 255 bytes, the context at most 255.
    /// Without HTTP this is TLS's exporter (RFC 9846 section 7.5), whose labels have at most 249 bytes and a context of any length.
    ///
    /// # Errors
    /// The label, the context or `out` is too long (for `out` that is 255 digests of the cipher suite), or the session is over.
    pub fn export(&self, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Error> {
        if self.shared.is_over() {
            return Err(self.shared.error());
        }
        let Shared { door, id, .. } = &*self.shared;
        let exported = work(&**door, |carrier| carrier.export(*id, label, context, out));
        exported.unwrap_or_else(|| Err(self.shared.error()))
    }

    /// Where the other end was when the session began.
    pub fn remote(&self) -> SocketAddr {
        self.shared.exchange.peer().remote
    }

    /// Opens a stream that both ends send on, and waits for leave where the other end gives none.
    ///
    /// # Errors
    /// The session is over.
    pub async fn open_bidirectional(&self) -> Result<(SendStream, ReceiveStream), Error> {
        let id = self.open(Direction::Bidirectional).await?;
        Ok(self.shared.both(id))
    }

    /// Opens a stream that this end sends on, and waits for leave where the other end gives none.
    ///
    /// # Errors
    /// The session is over.
    pub async fn open_unidirectional(&self) -> Result<SendStream, Error> {
        let id = self.open(Direction::Unidirectional).await?;
        self.shared.door.line().add_stream(id, self.shared.id, 1);
        Ok(SendStream::new(self.shared.door.clone(), self.shared.id, id))
    }

    /// The next stream of both directions that the other end has opened. Any number of tasks may wait.
    ///
    /// # Errors
    /// The session is over.
    pub async fn accept_bidirectional(&self) -> Result<(SendStream, ReceiveStream), Error> {
        let id = self.accept(Direction::Bidirectional).await?;
        Ok(self.shared.both(id))
    }

    /// The next stream that the other end has opened and sends on.
    ///
    /// # Errors
    /// The session is over.
    pub async fn accept_unidirectional(&self) -> Result<ReceiveStream, Error> {
        let id = self.accept(Direction::Unidirectional).await?;
        self.shared.door.line().add_stream(id, self.shared.id, 1);
        Ok(ReceiveStream::new(self.shared.door.clone(), self.shared.id, id))
    }

    async fn open(&self, direction: Direction) -> Result<StreamId, Error> {
        let Shared { door, id, .. } = &*self.shared;
        let waiting = door.line().waiting(*id, Topic::CanOpen(direction));
        poll_fn(|context| {
            waiting.register(context);
            let opened = work(&**door, |carrier| carrier.open(*id, direction));
            match opened {
                Some(Ok(stream)) => Poll::Ready(Ok(stream)),
                Some(Err(OpenError::Blocked)) => Poll::Pending,
                Some(Err(OpenError::Gone)) | None => Poll::Ready(Err(self.shared.error())),
            }
        })
        .await
    }

    async fn accept(&self, direction: Direction) -> Result<StreamId, Error> {
        let Shared { door, id, .. } = &*self.shared;
        let waiting = door.line().waiting(*id, Topic::Incoming(direction));
        poll_fn(|context| {
            if self.shared.is_over() {
                return Poll::Ready(Err(self.shared.error()));
            }
            waiting.register(context);
            match work(&**door, |carrier| carrier.accept(*id, direction)) {
                Some(Some(stream)) => Poll::Ready(Ok(stream)),
                Some(None) => Poll::Pending,
                None => Poll::Ready(Err(self.shared.error())),
            }
        })
        .await
    }

    /// Sends a datagram: once, in no order, and perhaps in vain. Where as many wait on the connection as may, this one is not sent:
    /// [`TransportConfig::datagrams`](crate::TransportConfig) says how many, 1,024 and 64 KiB by default.
    ///
    /// # Errors
    /// Nothing was sent: it is larger than the path takes now, too many wait, or the session is over.
    pub fn send_datagram(&self, content: &[u8]) -> Result<(), DatagramError> {
        self.send_datagram_or(WhenFull::Refuse, content)
    }

    /// The same; where as many wait on the connection as may, the oldest of them are dropped for it, also those of other sessions: for
    /// what is of use only as long as nothing newer has come.
    ///
    /// # Errors
    /// Nothing was sent: it is larger than the path takes now, or the session is over.
    pub fn send_newest_datagram(&self, content: &[u8]) -> Result<(), DatagramError> {
        self.send_datagram_or(WhenFull::DropOldest, content)
    }

    /// The same; where as many wait on the connection as may, this waits until there is room: no faster than the path takes them. Who stops
    /// waiting has sent nothing.
    ///
    /// # Errors
    /// Nothing was sent: it is larger than the path takes now, or the session is over.
    pub async fn write_datagram(&self, content: &[u8]) -> Result<(), DatagramError> {
        self.write_datagrams([content]).await.refused.map_or(Ok(()), Err)
    }

    fn send_datagram_or(&self, when_full: WhenFull, content: &[u8]) -> Result<(), DatagramError> {
        self.send_from(&mut std::iter::once(content).peekable(), when_full).refused.map_or(Ok(()), Err)
    }

    /// Sends datagrams in order, as [`Session::send_datagram`] does one by one: until one is refused, because as many wait on the connection
    /// as may, because it is larger than the path takes now, or because the session is over. For many this is several times as fast: the
    /// connection is borrowed once, and each is copied once, into memory that is there.
    ///
    /// ```no_run
    /// # fn example(session: &posthaste::Session, ticks: &[[u8; 16]]) {
    /// let sent = session.send_datagrams(ticks);
    /// println!("{} of {} were taken: {:?}", sent.taken, ticks.len(), sent.refused);
    /// # }
    /// ```
    pub fn send_datagrams<D: AsRef<[u8]>>(&self, contents: impl IntoIterator<Item = D>) -> SentDatagrams {
        self.send_from(&mut contents.into_iter().peekable(), WhenFull::Refuse)
    }

    /// The same; where as many wait on the connection as may, this waits until there is room, and goes on. So what is refused is larger than the
    /// path takes now, or the session is over. Who stops waiting has sent those for which there was room until then.
    pub async fn write_datagrams<D: AsRef<[u8]>>(&self, contents: impl IntoIterator<Item = D>) -> SentDatagrams {
        let Shared { door, id, .. } = &*self.shared;
        let mut contents = contents.into_iter().peekable();
        // Most find room: nobody need be woken for them.
        let first = self.send_from(&mut contents, WhenFull::Refuse);
        if first.refused != Some(DatagramError::Full) {
            return first;
        }
        let mut taken = first.taken;
        let waiting = door.line().waiting(*id, Topic::DatagramsChanged);
        poll_fn(|context| {
            waiting.register(context);
            let sent = self.send_from(&mut contents, WhenFull::Refuse);
            taken += sent.taken;
            match sent.refused {
                Some(DatagramError::Full) if !self.shared.is_over() => Poll::Pending,
                refused => Poll::Ready(SentDatagrams { taken, refused }),
            }
        })
        .await
    }

    /// Those that were not taken are left in `contents`.
    fn send_from<D: AsRef<[u8]>>(
        &self,
        contents: &mut Peekable<impl Iterator<Item = D>>,
        when_full: WhenFull,
    ) -> SentDatagrams {
        let Shared { door, id, .. } = &*self.shared;
        let sent = work(&**door, |carrier| carrier.send_datagrams(*id, contents, when_full));
        sent.unwrap_or(SentDatagrams { taken: 0, refused: Some(DatagramError::Ended) })
    }

    /// Bytes of the largest datagram that can be sent now: it changes with the path. `None` if the session is over.
    pub fn max_datagram(&self) -> Option<usize> {
        let Shared { door, id, .. } = &*self.shared;
        work(&**door, |carrier| carrier.max_datagram(*id)).flatten()
    }

    /// Waits until the largest datagram is another than `known`, which [`Session::max_datagram`] has said: the path has changed.
    ///
    /// # Errors
    /// The session is over.
    pub async fn max_datagram_other_than(&self, known: usize) -> Result<usize, Error> {
        let Shared { door, id, .. } = &*self.shared;
        let waiting = door.line().waiting(*id, Topic::DatagramsChanged);
        poll_fn(|context| {
            waiting.register(context);
            match self.max_datagram() {
                None => Poll::Ready(Err(self.shared.error())),
                _ if self.shared.is_over() => Poll::Ready(Err(self.shared.error())),
                Some(largest) if largest == known => Poll::Pending,
                Some(largest) => Poll::Ready(Ok(largest)),
            }
        })
        .await
    }

    /// The next datagram that has come. Of those that nobody reads the oldest are dropped. Over HTTP/3 its bytes share memory with some that
    /// came with it, 4 KiB at the most; without HTTP 64 KiB. Who keeps a few for long copies them.
    ///
    /// # Errors
    /// The session is over.
    pub async fn read_datagram(&self) -> Result<Bytes, Error> {
        let Shared { door, id, .. } = &*self.shared;
        // Where many come, most are there: nobody need be woken for them.
        if !self.shared.is_over()
            && let Some(Some(datagram)) = work(&**door, |carrier| carrier.read_datagram(*id))
        {
            return Ok(datagram);
        }
        let waiting = door.line().waiting(*id, Topic::Datagram);
        poll_fn(|context| {
            if self.shared.is_over() {
                return Poll::Ready(Err(self.shared.error()));
            }
            waiting.register(context);
            match work(&**door, |carrier| carrier.read_datagram(*id)) {
                Some(Some(datagram)) => Poll::Ready(Ok(datagram)),
                Some(None) => Poll::Pending,
                None => Poll::Ready(Err(self.shared.error())),
            }
        })
        .await
    }

    /// All datagrams that have come and were not read, in order, in the place of what `batch` held: at least one, for which this waits. For
    /// many this is several times as fast as [`Session::read_datagram`], and asks for no memory while no more wait than did before.
    ///
    /// ```no_run
    /// # async fn example(session: &posthaste::Session) -> Result<(), posthaste::Error> {
    /// let mut batch = posthaste::DatagramBatch::new();
    /// loop {
    ///     session.read_datagrams(&mut batch).await?;
    ///     for datagram in batch.iter() {
    ///         println!("{} bytes", datagram.len());
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// The session is over; `batch` is empty then.
    pub async fn read_datagrams(&self, batch: &mut DatagramBatch) -> Result<(), Error> {
        let Shared { door, id, .. } = &*self.shared;
        batch.clear();
        if !self.shared.is_over() {
            work(&**door, |carrier| carrier.read_datagrams(*id, batch));
        }
        if !batch.is_empty() {
            return Ok(());
        }
        let waiting = door.line().waiting(*id, Topic::Datagram);
        poll_fn(|context| {
            if self.shared.is_over() {
                return Poll::Ready(Err(self.shared.error()));
            }
            waiting.register(context);
            match work(&**door, |carrier| carrier.read_datagrams(*id, batch)) {
                Some(()) if batch.is_empty() => Poll::Pending,
                Some(()) => Poll::Ready(Ok(())),
                None => Poll::Ready(Err(self.shared.error())),
            }
        })
        .await
    }

    /// Closes the session with a code and a message, of which 1024 bytes are sent at most, and 256 without HTTP. All its streams end, what was not sent of
    /// them is not sent. Returns at once; [`Session::closed`] waits for the other end's answer.
    pub fn close(&self, code: u32, reason: &str) {
        self.shared.close(code, reason);
    }

    /// Closes the connection under the session at once, and with it whatever else is on it: for an application that has found the other end
    /// silent. A client that asks for a session again then gets it on another connection, and does not wait until the transport gives
    /// the old one up.
    pub fn break_off(&self, reason: &'static str) {
        work(&*self.shared.door, |carrier| carrier.break_off(reason));
    }

    /// Asks the other end to end the session soon. Both may go on using it. Without HTTP there is no word for that, and nothing is sent.
    pub fn drain(&self) {
        let Shared { door, id, .. } = &*self.shared;
        work(&**door, |carrier| carrier.drain(*id));
    }

    /// Waits until the other end, or the end of the connection, asks for the session to end soon, or it is over.
    pub async fn draining(&self) {
        let Shared { door, id, .. } = &*self.shared;
        let waiting = door.line().waiting(*id, Topic::Draining);
        poll_fn(|context| {
            waiting.register(context);
            if door.line().is_draining(*id) || self.shared.is_over() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Waits until the session is over, and, if this end has closed it, until the other end has answered, or ten seconds.
    ///
    /// # Errors
    /// It was not closed, but broken off, or the connection has ended.
    pub async fn closed(&self) -> Result<SessionEnd, Error> {
        let Shared { door, id, .. } = &*self.shared;
        let line = door.line();
        let waiting = line.waiting(*id, Topic::Closed);
        poll_fn(|context| {
            waiting.register(context);
            let is_over = self.shared.is_over() && line.is_settled(*id);
            if is_over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        match line.closed(*id) {
            Some(Closed::Here { code, reason }) => Ok(SessionEnd { code, reason, by_peer: false }),
            Some(Closed::There { code, reason }) => Ok(SessionEnd { code, reason, by_peer: true }),
            _ => Err(self.shared.error()),
        }
    }

    /// What the transport of the session's connection has sent, received and measured: bytes, losses, the round trip and the rate.
    /// Sessions that share a connection share this. `None` if the connection is gone.
    pub fn transport_stats(&self) -> Option<Stats> {
        self.shared.door.transport_stats()
    }

    /// What has become of all datagrams on the session's connection: what was sent and received, what was dropped before it was sent
    /// (another took its place, its time was over, or the path has become too narrow for it) and before it was read. What was sent and
    /// never came was lost on the way, and counts among the packets that were ([`Session::transport_stats`]). `None` if the connection is
    /// gone.
    pub fn datagram_stats(&self) -> Option<DatagramStats> {
        work(&*self.shared.door, |carrier| carrier.datagram_stats())
    }

    /// What the session has done so far; `None` if it is over.
    pub fn stats(&self) -> Option<SessionStats> {
        let Shared { door, id, .. } = &*self.shared;
        work(&**door, |carrier| carrier.stats(*id)).flatten()
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.door.line().is_over() || self.door.line().closed(self.id).is_some()
    }

    fn error(&self) -> Error {
        session_error(&*self.door, self.id)
    }

    fn both(&self, id: StreamId) -> (SendStream, ReceiveStream) {
        self.door.line().add_stream(id, self.id, 2);
        let door = || self.door.clone();
        (SendStream::new(door(), self.id, id), ReceiveStream::new(door(), self.id, id))
    }

    /// The request is held, and with it the connection, until the other end has answered, or has had its time.
    fn close(&self, code: u32, reason: &str) {
        let id = self.id;
        let is_lingering = work(&*self.door, |carrier| carrier.close(id, code, reason));
        if is_lingering == Some(true) {
            self.door.line().add_session(id);
            let linger = linger(self.door.clone(), id, self.exchange.clone());
            self.door.executor().spawn_detached(linger);
        }
    }
}

/// Waits for the other end's answer to a close, as long as it may take.
async fn linger(door: Rc<dyn SessionDoor>, id: StreamId, exchange: Exchange) {
    let waiting = door.line().waiting(id, Topic::Closed);
    let answered = poll_fn(|context| {
        waiting.register(context);
        if door.line().is_settled(id) { Poll::Ready(()) } else { Poll::Pending }
    });
    if door.executor().timeout(LINGER, answered).await.is_err() {
        with(&*door, |sessions, http, transport| sessions.abandon_session(http, transport, id));
    }
    drop(waiting);
    door.line().remove_session(id);
    drop(exchange);
}

impl Drop for Shared {
    fn drop(&mut self) {
        if !self.is_over() {
            self.close(0, "");
        }
        self.exchange.account().on_complete();
        self.door.line().remove_session(self.id);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("url", &self.url()).field("protocol", &self.protocol()).finish_non_exhaustive()
    }
}
