//! What the application does with sessions.

use super::state::{NoSession, Sessions};
use crate::codes;
use crate::event::Closed;
use crate::session::{Phase, Session, SessionStats};
use crate::version::Version;
use crate::violation::Violation;
use base::{Bytes, StreamId};
use core::iter::Peekable;
use h3::{DatagramError, Reason, SentDatagrams, Transport, WhenFull};

impl Sessions {
    /// A client has asked for a session by this draft.
    pub fn on_asked(&mut self, id: StreamId, version: Version) {
        let mut session = Session::asked();
        session.version = Some(version);
        self.sessions.insert(id, session);
    }

    /// A client's session was accepted.
    pub fn on_accepted(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        let Some(version) = self.sessions.get(&id).and_then(|session| session.version) else { return };
        self.begin(http, transport, id, version);
    }

    /// By which draft a server may accept a session that was asked for by `token`.
    ///
    /// # Errors
    /// It may not: the settings are missing, or lack something (then the request is malformed), or there are too many sessions.
    ///
    /// draft-ietf-webtrans-http3 section 3.1-4, 3.1-7, 5.1-3, 5.2-2.
    pub fn may_accept(&self, transport: &impl Transport, token: &str) -> Result<Version, NoSession> {
        let settings = self.peer.as_ref().ok_or(NoSession::NotYet)?;
        let version = Version::of_client(token, settings, transport).ok_or(NoSession::NotSupported)?;
        let open = self.sessions.values().filter(|session| session.phase == Phase::Open).count();
        if open >= self.most_sessions() { Err(NoSession::TooMany) } else { Ok(version) }
    }

    /// A server has accepted a session: its answer of 2xx is sent.
    ///
    /// draft-ietf-webtrans-http3 section 3.2-13.
    pub fn accept_session(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        version: Version,
    ) {
        self.begin(http, transport, id, version);
    }

    /// A server that cannot accept a session because of what the client lacks gives it up.
    ///
    /// draft-ietf-webtrans-http3 section 3.1-4, 5.1-3.
    pub fn reject_session(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        why: NoSession,
    ) {
        self.on_refused(http, transport, id);
        let reason = match why {
            NoSession::TooMany => Reason::Rejected,
            NoSession::NotYet | NoSession::NotSupported => Reason::Other(Violation::RequirementsNotMet.code().value()),
        };
        http.reset(transport, id, reason);
    }

    /// A client that wants one of its protocols, and got none or another, gives the session up.
    ///
    /// draft-ietf-webtrans-http3 section 3.3-8, 3.3-9, 3.3-10.
    pub fn fail_protocol(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        self.breach(http, transport, id, Violation::ProtocolNotOffered);
    }

    /// Closes a session. Its streams are given up; the code and the message go to the other end as soon as it takes them. A message
    /// of more than 1024 bytes is cut.
    ///
    /// M20: nothing waits here. Whoever cannot wait for the other end calls [`abandon_session`](Sessions::abandon_session) later.
    pub fn close(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        code: u32,
        reason: &str,
    ) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.phase == Phase::Open) else { return };
        session.outgoing.close(code, reason);
        // The word goes ahead of the resets, so that the other end learns of those by it.
        self.flush(http, transport, id);
        self.end(http, transport, id, Closed::Here { code, reason: reason.into() });
        self.flush(http, transport, id);
    }

    /// Whether what is left of a session that is over waits for the other end.
    pub fn is_lingering(&self, id: StreamId) -> bool {
        self.sessions.get(&id).is_some_and(|session| session.phase == Phase::Over)
    }

    /// Waits no longer for the other end of a session that is over.
    pub fn abandon_session(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        if self.is_lingering(id) {
            http.reset(transport, id, Reason::Other(codes::SESSION_GONE.value()));
            self.forget_session(id);
        }
    }

    /// Asks the other end to end a session soon.
    pub fn drain(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        if let Some(session) = self.sessions.get_mut(&id).filter(|session| session.phase == Phase::Open) {
            session.outgoing.drain();
            self.flush(http, transport, id);
        }
    }

    /// Sends a datagram once, if there is room for it.
    ///
    /// # Errors
    /// [`DatagramError`]: nothing was sent.
    pub fn send_datagram(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        content: &[u8],
    ) -> Result<(), DatagramError> {
        let mut one = core::iter::once(content).peekable();
        self.send_datagrams(http, transport, id, &mut one, WhenFull::Refuse).refused.map_or(Ok(()), Err)
    }

    /// Sends datagrams in order, until one is refused; that one is the next of `contents` then. Where too many wait on the connection, it
    /// is refused, or the oldest of them give way, of whatever session.
    pub fn send_datagrams<D: AsRef<[u8]>>(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        contents: &mut Peekable<impl Iterator<Item = D>>,
        when_full: WhenFull,
    ) -> SentDatagrams {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.phase == Phase::Open) else {
            return SentDatagrams { taken: 0, refused: contents.peek().map(|_| DatagramError::Ended) };
        };
        let sent = http.send_datagrams(transport, id, contents, when_full);
        session.stats.datagrams_sent += sent.taken as u64;
        sent
    }

    /// The oldest datagram of a session that was not read. After `None`, [`Datagram`](crate::SessionEvent::Datagram) tells when there
    /// is another.
    pub fn read_datagram(&mut self, http: &mut h3::Connection, id: StreamId) -> Option<Bytes> {
        let session = self.sessions.get_mut(&id).filter(|session| session.phase == Phase::Open)?;
        let datagram = http.read_datagram(id)?;
        session.stats.datagrams_read += 1;
        Some(datagram)
    }

    /// Gives each datagram of a session that has come and was not read to `take`, in one part or two, the oldest first, until that is
    /// false. Where it never was, [`Datagram`](crate::SessionEvent::Datagram) tells when there is another.
    pub fn take_datagrams(
        &mut self,
        http: &mut h3::Connection,
        id: StreamId,
        mut take: impl FnMut([&[u8]; 2]) -> bool,
    ) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.phase == Phase::Open) else { return };
        http.take_datagrams(id, |content| {
            session.stats.datagrams_read += 1;
            take(content)
        });
    }

    /// What a session has done so far; `None` if it is over.
    pub fn stats(&self, http: &h3::Connection, id: StreamId) -> Option<SessionStats> {
        let stats = self.sessions.get(&id)?.stats;
        let counts = http.datagram_counts(id).unwrap_or_default();
        Some(SessionStats { datagrams_received: counts.received, datagrams_dropped: counts.dropped, ..stats })
    }
}
