//! What there is of a connection's sessions, and how each begins and ends.

use crate::config::Config;
use crate::early::Early;
use crate::event::{Event, SessionEvent};
use crate::session::{Phase, Session};
use crate::stream::Stream;
use crate::version::Version;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use base::{Direction, Side, StreamId, VarInt};
use core::fmt;
use h3::{PeerSettings, Transport};

/// All sessions of one connection, beside the HTTP/3 connection that they are part of.
#[derive(Debug)]
pub struct Sessions {
    pub(super) side: Side,
    pub(super) config: Config,
    /// What the other end has said, once it has.
    pub(super) peer: Option<PeerSettings>,
    pub(super) sessions: BTreeMap<StreamId, Session>,
    pub(super) streams: BTreeMap<StreamId, Box<Stream>>,
    pub(super) early: Early,
    /// What the transport has set aside.
    pub(super) reserved: Reserved,
    pub(super) events: VecDeque<Event>,
}

/// What the transport has set aside for sessions. It stays, for the next session when one ends: what the peer was told cannot be taken back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reserved {
    /// The streams of so many sessions.
    pub(super) sessions: u64,
    /// Bytes.
    pub(super) credit: u64,
}

/// Why there is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSession {
    /// The other end has not said yet what it knows.
    NotYet,
    /// It has, and lacks something that sessions need.
    NotSupported,
    /// There are as many as there may be.
    TooMany,
}

impl fmt::Display for NoSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoSession::NotYet => "the settings of the other end have not come",
            NoSession::NotSupported => {
                "the other end does not say that it knows WebTransport, extended CONNECT and datagrams"
            }
            NoSession::TooMany => "the connection has as many sessions as it may",
        })
    }
}

impl core::error::Error for NoSession {}

impl Sessions {
    /// The sessions of a connection of this side, which says [`Config::settings`].
    pub fn new(side: Side, config: Config) -> Sessions {
        Sessions {
            side,
            config,
            peer: None,
            sessions: BTreeMap::new(),
            streams: BTreeMap::new(),
            early: Early::default(),
            reserved: Reserved::default(),
            events: VecDeque::new(),
        }
    }

    /// What happened, in order; `None` when nothing is left.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Sessions and streams that there are, and streams that wait for a session.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.sessions.len(), self.streams.len(), self.early.len())
    }

    /// Whether this is a session, or was one whose stream has not ended.
    pub fn contains(&self, session: StreamId) -> bool {
        self.sessions.contains_key(&session)
    }

    /// Whether it is used, or was used and its stream has not ended.
    pub fn is_begun(&self, session: StreamId) -> bool {
        self.sessions.get(&session).is_some_and(|session| session.phase != Phase::Asked)
    }

    /// A client: by which draft it may ask for one more session.
    ///
    /// # Errors
    /// It may not.
    ///
    /// draft-ietf-webtrans-http3 section 3.1-2, 3.1-5, 4.6-1, 5.1-2.
    pub fn may_ask(&self, transport: &impl Transport) -> Result<Version, NoSession> {
        let settings = self.peer.as_ref().ok_or(NoSession::NotYet)?;
        let version = Version::of_server(settings, transport).ok_or(NoSession::NotSupported)?;
        let allowed = match version {
            Version::Draft7 => settings.webtransport.max_sessions_7,
            Version::Draft13 => settings.webtransport.max_sessions_13,
            Version::Draft2 | Version::Newest => u64::MAX,
        };
        let own = self.most_sessions() as u64;
        if self.open_count() as u64 >= own.min(allowed) { Err(NoSession::TooMany) } else { Ok(version) }
    }

    /// How many sessions there may be: one, if nothing keeps them from starving each other, by whichever draft.
    ///
    /// draft-ietf-webtrans-http3 section 5.1-1, 5.2-2, 8-1.
    pub(super) fn most_sessions(&self) -> usize {
        if self.limits().is_some() { self.config.max_sessions } else { self.config.max_sessions.min(1) }
    }

    /// Sessions that are not over.
    pub(super) fn open_count(&self) -> usize {
        self.sessions.values().filter(|session| session.phase != Phase::Over).count()
    }

    /// The first limits on what this side sends, and on what the other end does, if both want limits.
    pub(super) fn limits(&self) -> Option<([u64; 3], [u64; 3])> {
        let list = |settings: h3::WebTransportSettings| {
            [settings.initial_max_streams_bidi, settings.initial_max_streams_uni, settings.initial_max_data]
        };
        let (theirs, own) = (self.peer.as_ref()?.webtransport, self.config.settings());
        (theirs.wants_flow_control() && own.wants_flow_control()).then(|| (list(theirs), list(own)))
    }

    /// How a session ends.
    pub(super) fn tell(&mut self, session: StreamId, event: SessionEvent) {
        self.events.push_back(Event::Session(session, event));
    }

    /// Whatever else happens to it. Of a session that is over nothing is heard, also while its stream is still there.
    pub(super) fn tell_unless_over(&mut self, id: StreamId, event: SessionEvent) {
        if self.sessions.get(&id).is_some_and(|session| session.phase != Phase::Over) {
            self.tell(id, event);
        }
    }

    /// Takes a session out if it is over and its stream has ended both ways.
    pub(super) fn forget_session_if_over(&mut self, id: StreamId) {
        let is_over = |session: &Session| session.phase == Phase::Over && session.has_ended == [true; 2];
        if self.sessions.get(&id).is_some_and(is_over) {
            self.forget_session(id);
        }
    }

    /// Nothing of a session that is over is waited for.
    pub(super) fn forget_session(&mut self, id: StreamId) {
        if self.sessions.remove(&id).is_some() {
            self.tell(id, SessionEvent::Settled);
        }
    }

    /// Whoever waits for leave to open a stream may look again.
    pub(super) fn tell_can_open(&mut self, direction: Direction) {
        let waiting: Vec<StreamId> = self.sessions.keys().copied().collect();
        for id in waiting {
            if self.sessions.get_mut(&id).is_some_and(|session| session.take_wish(direction)) {
                self.tell_unless_over(id, SessionEvent::CanOpen(direction));
            }
        }
    }
}

/// Gives up a stream of the other end's that is in no session.
pub(super) fn refuse(http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId, code: VarInt) {
    if id.direction() == Direction::Bidirectional {
        transport.reset(id, code);
    }
    transport.stop_sending(id, code);
    http.release_data_stream(id);
}

/// Gives up sending. The beginning arrives all the same, so that the other end knows what the stream belongs to.
///
/// draft-ietf-webtrans-http3 section 4.4-3.
pub(super) fn reset(transport: &mut impl Transport, id: StreamId, has_begun: bool, header_len: u64, code: VarInt) {
    if has_begun && header_len > 0 {
        transport.reset_at(id, code, header_len);
    } else {
        transport.reset(id, code);
    }
}
