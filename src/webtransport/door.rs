//! What a connection does for the sessions on it: any number of them over HTTP/3, or one without HTTP.

use crate::error::Error;
use crate::webtransport::line::Line;
use crate::webtransport::raw::{self, RawSession};
use base::{Bytes, DatagramBatch, Direction, Instant, StreamId, VarInt};
use h3::{OverQuic, Transport};
use http::exchange::SentDatagrams;
use quic::{Connection, DatagramStats, Stats, WhenFull};
use runtime::Handle;
use std::iter::Peekable;
use webtransport::{Closed, OpenError, ReadStream, SessionStats, Sessions, StreamError, exporter};

/// RFC 9114 section 8.1.
const H3_NO_ERROR: VarInt = VarInt::from_u32(0x100);

/// What is to be done with the sessions of a connection.
pub(crate) type Call<'a> = &'a mut dyn FnMut(Carrier<'_, '_>);

/// What carries sessions, borrowed for one call.
pub(crate) enum Carrier<'a, 'b> {
    /// HTTP/3: each session is a request.
    Http3(&'a mut Sessions, &'a mut h3::Connection, &'a mut OverQuic<'b>),
    /// QUIC alone: the session is the connection.
    Raw(&'a mut RawSession, &'a mut Connection, Instant),
}

/// A connection that may have sessions.
pub(crate) trait SessionDoor {
    /// Works with its sessions; nothing is done if it is over or has none. What happened by that was told when this returns.
    fn visit(&self, call: Call<'_>);

    /// Who waits for them.
    fn line(&self) -> &Line;

    /// The executor that it runs on.
    fn executor(&self) -> &Handle;

    /// What the transport has sent, received and measured, while the connection is there.
    fn transport_stats(&self) -> Option<Stats>;

    /// Why it is over.
    fn failure(&self) -> Error;
}

/// Works with the sessions of an HTTP/3 connection; `None` if it is over or has none.
pub(crate) fn with<R>(
    door: &dyn SessionDoor,
    call: impl FnOnce(&mut Sessions, &mut h3::Connection, &mut OverQuic<'_>) -> R,
) -> Option<R> {
    work(door, |carrier| match carrier {
        Carrier::Http3(sessions, http, transport) => Some(call(sessions, http, transport)),
        Carrier::Raw(..) => None,
    })
    .flatten()
}

/// Works with the sessions of any connection; `None` if it is over or has none.
pub(crate) fn work<R>(door: &dyn SessionDoor, call: impl FnOnce(Carrier<'_, '_>) -> R) -> Option<R> {
    let (mut call, mut result) = (Some(call), None);
    door.visit(&mut |carrier| {
        if let Some(call) = call.take() {
            result = Some(call(carrier));
        }
    });
    result
}

impl Carrier<'_, '_> {
    /// Opens a stream of a session.
    pub(crate) fn open(self, session: StreamId, direction: Direction) -> Result<StreamId, OpenError> {
        match self {
            Carrier::Http3(sessions, http, transport) => sessions.open(http, transport, session, direction),
            Carrier::Raw(raw, transport, _) => raw.open(transport, direction),
        }
    }

    /// The oldest stream that the other end opened and nobody has taken.
    pub(crate) fn accept(self, session: StreamId, direction: Direction) -> Option<StreamId> {
        match self {
            Carrier::Http3(sessions, ..) => sessions.accept(session, direction),
            Carrier::Raw(raw, ..) => raw.accept(direction),
        }
    }

    /// Sends as much of `data` as fits, and drops that from its front.
    pub(crate) fn write(self, id: StreamId, data: &mut Bytes) -> Result<(), StreamError> {
        match self {
            Carrier::Http3(sessions, http, transport) => sessions.write(http, transport, id, data),
            Carrier::Raw(raw, transport, _) => raw.write(transport, id, data),
        }
    }

    /// Ends what this side sends on a stream.
    pub(crate) fn finish(self, id: StreamId) -> Result<(), StreamError> {
        match self {
            Carrier::Http3(sessions, http, transport) => sessions.finish_stream(http, transport, id),
            Carrier::Raw(_, transport, _) => raw::finish(transport, id),
        }
    }

    /// Gives up what this side sends on a stream.
    pub(crate) fn reset(self, id: StreamId, code: u32) {
        match self {
            Carrier::Http3(sessions, http, transport) => sessions.reset_stream(http, transport, id, code),
            Carrier::Raw(_, transport, _) => transport.reset(id, VarInt::from_u32(code)),
        }
    }

    /// How soon a stream is sent.
    pub(crate) fn prioritize(self, id: StreamId, urgency: u8, incremental: bool) {
        match self {
            Carrier::Http3(_, _, transport) => transport.prioritize(id, urgency, incremental),
            Carrier::Raw(_, transport, _) => raw::prioritize(transport, id, urgency, incremental),
        }
    }

    /// The next content of a stream, at most `max` bytes.
    pub(crate) fn read(self, id: StreamId, max: usize) -> ReadStream {
        match self {
            Carrier::Http3(sessions, http, transport) => sessions.read(http, transport, id, max),
            Carrier::Raw(raw, transport, _) => raw.read(transport, id, max),
        }
    }

    /// Wants no more of a stream.
    pub(crate) fn stop(self, id: StreamId, code: u32) {
        match self {
            Carrier::Http3(sessions, http, transport) => sessions.stop_stream(http, transport, id, code),
            Carrier::Raw(raw, transport, _) => raw.stop(transport, id, code),
        }
    }

    /// Sends datagrams in order, until one is refused; that one is the next of `contents` then.
    pub(crate) fn send_datagrams<D: AsRef<[u8]>>(
        self,
        session: StreamId,
        contents: &mut Peekable<impl Iterator<Item = D>>,
        when_full: WhenFull,
    ) -> SentDatagrams {
        match self {
            Carrier::Http3(sessions, http, transport) => {
                sessions.send_datagrams(http, transport, session, contents, when_full)
            }
            Carrier::Raw(raw, transport, _) => raw.send_datagrams(transport, contents, when_full),
        }
    }

    /// Bytes of the largest datagram that can be sent now.
    pub(crate) fn max_datagram(self, session: StreamId) -> Option<usize> {
        match self {
            Carrier::Http3(_, http, transport) => http.max_datagram(transport, session).ok(),
            Carrier::Raw(_, transport, _) => transport.max_datagram_size(),
        }
    }

    /// The oldest datagram that was not read.
    pub(crate) fn read_datagram(self, session: StreamId) -> Option<Bytes> {
        match self {
            Carrier::Http3(sessions, http, _) => sessions.read_datagram(http, session),
            Carrier::Raw(raw, transport, _) => raw.read_datagram(transport),
        }
    }

    /// Copies those that were not read to the end of `batch`.
    pub(crate) fn read_datagrams(self, session: StreamId, batch: &mut DatagramBatch) {
        match self {
            Carrier::Http3(sessions, http, _) => sessions.take_datagrams(http, session, |parts| {
                batch.push_parts(&parts);
                true
            }),
            Carrier::Raw(raw, transport, _) => raw.read_datagrams(transport, batch),
        }
    }

    /// Closes a session. Whether the other end's answer is waited for from now on.
    pub(crate) fn close(self, session: StreamId, code: u32, reason: &str) -> bool {
        match self {
            Carrier::Http3(sessions, http, transport) => {
                let was_open = !sessions.is_lingering(session);
                sessions.close(http, transport, session, code, reason);
                was_open && sessions.is_lingering(session)
            }
            Carrier::Raw(raw, transport, now) => {
                raw.close(transport, now, code, reason);
                false
            }
        }
    }

    /// Closes the connection under a session at once, and all that is on it.
    pub(crate) fn break_off(self, reason: &'static str) {
        match self {
            Carrier::Http3(_, http, transport) => http.close(transport, H3_NO_ERROR, reason),
            Carrier::Raw(raw, transport, now) => raw.close(transport, now, 0, reason),
        }
    }

    /// Asks the other end to end a session soon. QUIC alone has no word for that.
    pub(crate) fn drain(self, session: StreamId) {
        if let Carrier::Http3(sessions, http, transport) = self {
            sessions.drain(http, transport, session);
        }
    }

    /// What has become of all datagrams of the connection.
    pub(crate) fn datagram_stats(self) -> DatagramStats {
        match self {
            Carrier::Http3(_, _, transport) => transport.datagram_stats(),
            Carrier::Raw(_, transport, _) => transport.datagram_stats(),
        }
    }

    /// What has become of early data on the connection.
    pub(crate) fn early_data(self) -> tls::EarlyData {
        match self {
            Carrier::Http3(_, _, transport) => transport.tls_session().early_data(),
            Carrier::Raw(_, transport, _) => transport.early_data(),
        }
    }

    /// Fills `out` with keys that only the two ends of a session know; without HTTP the connection is the session.
    ///
    /// draft-ietf-webtrans-http3 section 4.8-1.
    pub(crate) fn export(self, session: StreamId, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Error> {
        match self {
            Carrier::Http3(_, _, transport) => {
                let whole = exporter::context(session, label, context).ok_or_else(|| {
                    Error::Message("the label has to have 1 to 255 bytes, and the context at most 255".into())
                })?;
                transport.tls_session().export(exporter::LABEL, &whole, out)
            }
            Carrier::Raw(_, transport, _) => transport.session().export(label, context, out),
        }
        .map_err(Error::message)
    }

    /// What a session has done so far.
    pub(crate) fn stats(self, session: StreamId) -> Option<SessionStats> {
        match self {
            Carrier::Http3(sessions, http, _) => sessions.stats(http, session),
            Carrier::Raw(raw, transport, _) => raw.stats(transport.datagram_stats()),
        }
    }
}

/// Why a session is of no use.
pub(crate) fn session_error(door: &dyn SessionDoor, id: StreamId) -> Error {
    match door.line().closed(id) {
        Some(Closed::Here { code, reason }) => Error::SessionClosed { code, reason, by_peer: false },
        Some(Closed::There { code, reason }) => Error::SessionClosed { code, reason, by_peer: true },
        Some(Closed::Reset(code)) => Error::Reset { reason: h3_reason(code) },
        Some(Closed::Breach(violation)) => {
            Error::SessionBreach { what: violation.reason(), section: violation.section() }
        }
        Some(Closed::Connection) | None => door.failure(),
    }
}

fn h3_reason(code: u64) -> http::exchange::Reason {
    VarInt::new(code).map_or(http::exchange::Reason::Other(code), h3::error_code::reason)
}
