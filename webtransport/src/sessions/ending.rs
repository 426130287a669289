//! How sessions and their streams end, and what is counted and sent until they do.

use super::state::{Sessions, refuse, reset};
use crate::codes;
use crate::event::{Closed, Event, SessionEvent};
use crate::session::Phase;
use crate::stream::{End, SendState, is_ours};
use crate::violation::Violation;
use base::{StreamId, VarInt};
use h3::{Read, Reason, Transport};

impl Sessions {
    /// The other end broke the rules of a session.
    pub(super) fn breach(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        violation: Violation,
    ) {
        self.end(http, transport, id, Closed::Breach(violation));
        // Also where HTTP/3 has ended it already: the other end learns why.
        transport.reset(id, violation.code());
        http.reset(transport, id, Reason::Other(violation.code().value()));
        self.forget_session(id);
    }

    /// A session is over: its streams with it. Only the stream of its request may have something left to do.
    ///
    /// draft-ietf-webtrans-http3 section 6-1.
    pub(super) fn end(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        closed: Closed,
    ) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.phase != Phase::Over) else { return };
        session.phase = Phase::Over;
        let streams = core::mem::take(&mut session.streams);
        session.wants_data.clear();
        for stream in &streams {
            self.drop_stream(http, transport, *stream, codes::SESSION_GONE);
        }
        for stream in self.early.take(id) {
            refuse(http, transport, stream.id, codes::SESSION_GONE);
        }
        let is_of = |event: &Event| match event {
            Event::Session(of, _) => *of == id,
            Event::Stream(of, _) => streams.contains(of),
        };
        self.events.retain(|event| !is_of(event));
        self.tell(id, SessionEvent::Closed(closed));
    }

    /// Gives up both directions of a stream, which nobody hears of again.
    pub(super) fn drop_stream(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        code: VarInt,
    ) {
        let Some(mut stream) = self.streams.remove(&id) else { return };
        if let Some(send) =
            stream.send.as_mut().filter(|send| matches!(send.state, SendState::Open | SendState::Finishing))
        {
            reset(transport, id, send.header.is_empty(), send.header_len, code);
            send.state = SendState::Over;
        }
        if stream.receive.as_ref().is_some_and(|receive| receive.end.is_none()) {
            transport.stop_sending(id, code);
        }
        http.release_data_stream(id);
    }

    /// Takes a stream out if it is over.
    pub(super) fn forget_if_over(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let session = stream.session;
        if let Some(receive) = &mut stream.receive
            && self.sessions.get(&session).is_some_and(|session| session.is_of_no_use(id, receive.end))
        {
            receive.has_news = false;
        }
        if !stream.is_over() {
            return;
        }
        self.streams.remove(&id);
        http.release_data_stream(id);
        if let Some(session) = self.sessions.get_mut(&session) {
            session.on_stream_over(id, is_ours(id, self.side));
        }
        self.flush(http, transport, session);
    }

    /// What has come of a stream counts against the limit of its session, read or not.
    ///
    /// draft-ietf-webtrans-http3 section 5.6.4-2.
    pub(super) fn count(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        if let Some(received) = transport.received(id) {
            self.count_up_to(http, transport, id, received);
        }
    }

    pub(super) fn count_up_to(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        received: u64,
    ) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let Some(new) = stream.receive.as_mut().map(|receive| receive.count(received)) else { return };
        let of = stream.session;
        let Some(session) = self.sessions.get_mut(&of) else { return };
        if let Err(violation) = session.on_content(new) {
            self.breach(http, transport, of, violation);
        }
    }

    pub(super) fn on_content_read(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        count: usize,
    ) {
        let Some(of) = self.streams.get(&id).map(|stream| stream.session) else { return };
        if let Some(session) = self.sessions.get_mut(&of) {
            session.stats.read += count as u64;
            if session.on_content_done(count as u64) {
                self.grow(transport, of);
            }
        }
        self.flush(http, transport, of);
    }

    /// Nothing more comes on a stream.
    pub(super) fn end_receiving(
        &mut self,
        http: &mut h3::Connection,
        transport: &mut impl Transport,
        id: StreamId,
        end: End,
    ) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let (of, Some(receive)) = (stream.session, stream.receive.as_mut()) else { return };
        let left = receive.on_end(end);
        if let Some(session) = self.sessions.get_mut(&of) {
            session.on_content_done(left);
        }
        self.flush(http, transport, of);
        // The reason of a reset stays until it was read.
        self.forget_if_over(http, transport, id);
    }

    /// Reads what nobody wants.
    pub(super) fn drop_content(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        while let Some(receive) = self.streams.get_mut(&id).and_then(|stream| stream.receive.as_mut()) {
            let ahead = core::mem::take(&mut receive.ahead);
            let read = if ahead.is_empty() { transport.read(id, usize::MAX) } else { Read::Data(ahead) };
            match read {
                Read::Data(bytes) => {
                    receive.on_read(bytes.len());
                    self.on_content_read(http, transport, id, bytes.len());
                }
                Read::Blocked => return,
                Read::Finished | Read::Reset(_) => return self.end_receiving(http, transport, id, End::Stopped),
            }
        }
    }

    /// Sends what waits on the stream of a session, as far as it fits; after a close, the end.
    pub(super) fn flush(&mut self, http: &mut h3::Connection, transport: &mut impl Transport, id: StreamId) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.phase == Phase::Asked || session.has_ended[0] {
            return;
        }
        while !session.outgoing.is_empty() {
            let bytes = session.outgoing.fill();
            // Why nothing is taken any more comes as an event of its own.
            if http.send_body(transport, id, bytes).is_err() || !bytes.is_empty() {
                return;
            }
        }
        // draft-ietf-webtrans-http3 section 6-7, 6-9: after a close of either end, the stream ends.
        if session.phase == Phase::Over {
            let is_there = http.finish(transport, id).is_ok();
            // A stream that has no end to tell is gone, and nothing more comes on it.
            session.has_ended = [true, session.has_ended[1] || !is_there];
            self.forget_session_if_over(id);
        }
    }
}
