//! What HTTP/3 tells of requests that are sessions, and of streams that belong to them.

use super::state::{Sessions, refuse};
use crate::capsules::Said;
use crate::codes;
use crate::early::EarlyStream;
use crate::event::{Closed, Event, SessionEvent, StreamEvent};
use crate::flow::Kind;
use crate::session::{Phase, Session};
use crate::stream::{End, SendState, Stream};
use crate::version::Version;
use crate::violation::Violation;
use alloc::boxed::Box;
use base::{Bytes, Direction, StreamId, VarInt};
use h3::{Body, DataStreamEvent, PeerSettings, Reason, Transport};
use http::exchange;

/// How many bytes of a session's own stream are read at a time.
const CHUNK: usize = 2048;

impl Sessions {
    /// A session begins to be used: the streams that came before belong to it.
    pub(super) fn begin(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        version: Version,
    ) {
        let limits = self.limits();
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.phase == Phase::Asked) else { return };
        session.phase = Phase::Open;
        session.on_limits(version, limits);
        self.reserve(transport);
        http.lift_time_limits(id);
        for stream in self.early.take(id) {
            self.attach(http, transport, stream);
        }
        self.read_capsules(http, transport, id);
        self.flush(http, transport, id);
    }

    /// A stream of the other end's belongs to a session that is used.
    pub(super) fn attach(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, early: EarlyStream) {
        let EarlyStream { session: id, id: stream, header_len, ahead, stopped } = early;
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.phase == Phase::Open) else {
            return refuse(http, transport, stream, codes::SESSION_GONE);
        };
        let arrived = session.on_arrived(stream);
        let direction = stream.direction();
        self.streams.insert(stream, Box::new(Stream::of_theirs(id, direction, header_len, ahead)));
        if let Err(violation) = arrived {
            // It is not among the session's, which end now.
            self.streams.remove(&stream);
            refuse(http, transport, stream, codes::SESSION_GONE);
            return self.breach(http, transport, id, violation);
        }
        self.tell_unless_over(id, SessionEvent::Incoming(direction));
        self.count(http, transport, stream);
        if let Some(code) = stopped {
            self.on_stopped(http, transport, stream, code);
        }
    }

    /// The settings of the other end have come.
    pub fn on_settings(&mut self, settings: PeerSettings) {
        self.peer = Some(settings);
    }

    /// The client has asked for a session, or for anything else. What came for it ahead of that waits on, or is refused.
    pub fn on_request(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        is_session: bool,
    ) {
        if is_session {
            self.sessions.insert(id, Session::asked());
        } else {
            self.refuse_early(http, transport, id);
        }
    }

    /// A request for a session was refused, given up, or answered otherwise.
    pub fn on_refused(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        if self.sessions.get(&id).is_some_and(|session| session.phase == Phase::Asked) {
            self.end(http, transport, id, Closed::Reset(0));
            self.events.retain(|event| !matches!(event, Event::Session(of, _) if *of == id));
            self.sessions.remove(&id);
        }
    }

    fn refuse_early(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        for stream in self.early.take(id) {
            refuse(http, transport, stream.id, codes::BUFFERED_STREAM_REJECTED);
        }
    }

    /// More streams can be opened on the connection.
    pub fn on_streams_available(&mut self, direction: Direction) {
        self.tell_can_open(direction);
    }

    /// More or other datagrams can be sent on the connection.
    pub fn on_datagrams_changed(&mut self) {
        self.tell_open(&SessionEvent::DatagramsChanged);
    }

    /// One end says that the connection is to end: its sessions are asked to.
    ///
    /// draft-ietf-webtrans-http3 section 4.7-2.
    pub fn on_going_away(&mut self) {
        self.tell_open(&SessionEvent::Draining);
    }

    fn tell_open(&mut self, event: &SessionEvent) {
        let open = self.sessions.iter().filter(|(_, session)| session.phase == Phase::Open);
        self.events.extend(open.map(|(id, _)| Event::Session(*id, event.clone())));
    }

    /// The connection is over.
    pub fn on_connection_over(&mut self) {
        self.events.clear();
        for (id, session) in core::mem::take(&mut self.sessions) {
            if session.phase != Phase::Over {
                self.tell(id, SessionEvent::Closed(Closed::Connection));
            }
        }
        self.streams.clear();
        self.early = Default::default();
    }

    /// Something happened to the request of a session that is used.
    pub fn on_exchange(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        event: &exchange::Event,
    ) {
        match event {
            exchange::Event::Body => self.read_capsules(http, transport, id),
            exchange::Event::Finished => self.on_finished(http, transport, id),
            exchange::Event::Writable => self.flush(http, transport, id),
            exchange::Event::Datagram => self.tell_unless_over(id, SessionEvent::Datagram),
            // Nothing more of this side is taken: what waits is of no use, and the end of the other end's may still come.
            exchange::Event::Stopped(reason) => self.on_broken(http, transport, id, *reason),
            exchange::Event::Reset(reason) => self.on_broken(http, transport, id, *reason),
            exchange::Event::Failed(_) | exchange::Event::SlowSender | exchange::Event::SlowReceiver => {
                self.end(http, transport, id, Closed::Breach(Violation::CapsuleMalformed));
                self.forget_session(id);
            }
            exchange::Event::Request(_)
            | exchange::Event::Response(_)
            | exchange::Event::Informational(_)
            | exchange::Event::Trailers(_)
            | exchange::Event::Delivered => {}
        }
    }

    /// The other end gave up one direction of the request's stream, and the session with it.
    fn on_broken(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId, reason: Reason) {
        let Some(session) = self.sessions.get(&id) else { return };
        let is_over = session.phase == Phase::Over;
        let code = h3::error_code::code(reason);
        self.end(http, transport, id, Closed::Reset(code.value()));
        // Who has closed it may stop reading; then nothing is left to be done.
        let answer = if is_over { codes::SESSION_GONE } else { code };
        http.reset(transport, id, Reason::Other(answer.value()));
        self.forget_session(id);
    }

    /// The other end's direction of the request's stream has ended.
    fn on_finished(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        self.read_capsules(http, transport, id);
        self.on_end(http, transport, id);
    }

    /// All that the other end had to say on the request's stream was read.
    fn on_end(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        let unended = |session: &&mut Session| session.phase != Phase::Asked && !session.has_ended[1];
        let Some(session) = self.sessions.get_mut(&id).filter(unended) else { return };
        // RFC 9297 section 3.3-5.
        if !session.incoming.is_between() && !session.is_closed_there {
            return self.breach(http, transport, id, Violation::CapsuleTruncated);
        }
        session.has_ended[1] = true;
        // draft-ietf-webtrans-http3 section 6-12.
        self.end(http, transport, id, Closed::There { code: 0, reason: Default::default() });
        self.flush(http, transport, id);
        self.forget_session_if_over(id);
    }

    /// Reads what has come on the stream of a session.
    pub(super) fn read_capsules(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        while self.sessions.get(&id).is_some_and(|session| session.phase != Phase::Asked) {
            let bytes = match http.read_body(transport, id, CHUNK) {
                Body::Data(bytes) => bytes,
                Body::End => return self.on_end(http, transport, id),
                Body::Blocked | Body::Gone => return,
            };
            if let Err(violation) = self.on_bytes(http, transport, id, bytes) {
                return self.breach(http, transport, id, violation);
            }
        }
    }

    fn on_bytes(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        mut bytes: Bytes,
    ) -> Result<(), Violation> {
        loop {
            let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
            // draft-ietf-webtrans-http3 section 6-11.
            if session.is_closed_there && !bytes.is_empty() {
                return Err(Violation::AfterClose);
            }
            let Some(said) = session.incoming.next(&mut bytes)? else { return Ok(()) };
            match said {
                // What is said of a session that this side has closed means nothing any more, but for the end.
                Said::Drain => self.tell_unless_over(id, SessionEvent::Draining),
                Said::Max(kind, limit) => self.on_raised(id, kind, limit)?,
                Said::Close { code, reason } => {
                    session.is_closed_there = true;
                    self.end(http, transport, id, Closed::There { code, reason });
                    // What stands behind it is answered otherwise.
                    if bytes.is_empty() {
                        self.flush(http, transport, id);
                    }
                }
                Said::Blocked => {}
            }
        }
    }

    fn on_raised(&mut self, id: StreamId, kind: Kind, limit: u64) -> Result<(), Violation> {
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        if !session.raise(kind, limit)? || session.phase != Phase::Open {
            return Ok(());
        }
        let direction = match kind {
            Kind::Data => {
                let waiting = core::mem::take(&mut session.wants_data);
                self.events.extend(waiting.into_iter().map(|stream| Event::Stream(stream, StreamEvent::Writable)));
                return Ok(());
            }
            Kind::Bidirectional => Direction::Bidirectional,
            Kind::Unidirectional => Direction::Unidirectional,
        };
        if session.take_wish(direction) {
            self.tell_unless_over(id, SessionEvent::CanOpen(direction));
        }
        Ok(())
    }

    /// Something happened to a stream that belongs to a request.
    pub fn on_data_stream(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        event: DataStreamEvent,
    ) {
        match event {
            DataStreamEvent::Opened { request, header_len, ahead } => {
                self.on_opened(http, transport, EarlyStream { session: request, id, header_len, ahead, stopped: None });
            }
            DataStreamEvent::Readable => self.on_readable(http, transport, id),
            DataStreamEvent::Writable => self.on_writable(http, transport, id),
            DataStreamEvent::Reset { code, size } => self.on_reset(http, transport, id, code, size),
            DataStreamEvent::Stopped(code) => self.on_stopped(http, transport, id, code),
            DataStreamEvent::Delivered => self.on_delivered(http, transport, id),
        }
    }

    /// draft-ietf-webtrans-http3 section 4.6-2, 4.6-3, 4.6-4.
    fn on_opened(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, stream: EarlyStream) {
        let id = stream.id;
        match self.sessions.get(&stream.session).map(|session| session.phase) {
            Some(Phase::Open) => self.attach(http, transport, stream),
            Some(Phase::Over) => refuse(http, transport, id, codes::SESSION_GONE),
            None if !http.may_be_request(stream.session) => refuse(http, transport, id, codes::SESSION_GONE),
            Some(Phase::Asked) | None => {
                if !self.early.push(stream, self.config.max_early_streams) {
                    return refuse(http, transport, id, codes::BUFFERED_STREAM_REJECTED);
                }
                self.limit_early(http, transport, id);
            }
        }
    }

    /// A stream that waits is refused, if with what has come on it there is more than may wait: the window of the connection is for others
    /// as well.
    fn limit_early(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        let waits = |id| transport.received(id).unwrap_or(0);
        if self.early.bytes(waits) > self.config.max_early_data && self.early.forget(id) {
            refuse(http, transport, id, codes::BUFFERED_STREAM_REJECTED);
        }
    }

    fn on_readable(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        self.count(http, transport, id);
        let Some(receive) = self.streams.get(&id).and_then(|stream| stream.receive.as_ref()) else {
            return self.limit_early(http, transport, id);
        };
        if receive.is_unwanted {
            self.drop_content(http, transport, id);
        } else if receive.end.is_none() {
            self.events.push_back(Event::Stream(id, StreamEvent::Readable));
        }
    }

    fn on_writable(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        let Some(send) = self.streams.get_mut(&id).and_then(|stream| stream.send.as_mut()) else { return };
        match send.state {
            SendState::Open => self.events.push_back(Event::Stream(id, StreamEvent::Writable)),
            SendState::Finishing => _ = self.finish_stream(http, transport, id),
            SendState::Finished | SendState::Over => {}
        }
    }

    fn on_reset(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        code: VarInt,
        size: u64,
    ) {
        if self.early.forget(id) {
            return refuse(http, transport, id, codes::BUFFERED_STREAM_REJECTED);
        }
        self.count_up_to(http, transport, id, size);
        let Some(receive) = self.streams.get(&id).and_then(|stream| stream.receive.as_ref()) else { return };
        let (is_told, is_new) = (!receive.is_unwanted, receive.end.is_none());
        if !is_new {
            return;
        }
        if is_told {
            self.events.push_back(Event::Stream(id, StreamEvent::Readable));
        }
        self.end_receiving(http, transport, id, End::Reset(codes::from_wire(code)));
    }

    /// draft-ietf-webtrans-http3 section 4.4-4, 4.4-6.
    fn on_stopped(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId, code: VarInt) {
        if self.early.on_stopped(id, code) {
            return;
        }
        let sent = transport.sent(id);
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let Some(send) = stream.send.as_mut().filter(|send| send.state != SendState::Over) else { return };
        send.state = SendState::Over;
        send.stopped = Some(codes::from_wire(code));
        let unsent = send.unsent(sent);
        if let Some(session) = self.sessions.get_mut(&stream.session) {
            session.on_unsent(unsent);
            session.wants_data.remove(&id);
        }
        self.events.push_back(Event::Stream(id, StreamEvent::Stopped(codes::from_wire(code))));
        self.forget_if_over(http, transport, id);
    }

    fn on_delivered(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        let Some(send) = self.streams.get_mut(&id).and_then(|stream| stream.send.as_mut()) else { return };
        if send.state == SendState::Finished {
            send.state = SendState::Over;
            self.events.push_back(Event::Stream(id, StreamEvent::Delivered));
            self.forget_if_over(http, transport, id);
        }
    }
}
