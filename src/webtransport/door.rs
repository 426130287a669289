//! What a connection does for the sessions on it. Only HTTP/3 has sessions.

use crate::error::Error;
use crate::webtransport::line::Line;
use base::StreamId;
use h3::OverQuic;
use runtime::Handle;
use webtransport::{Closed, Sessions};

/// What is to be done with the sessions of a connection.
pub(crate) type Call<'a> = &'a mut dyn FnMut(&mut Sessions, &mut h3::Connection, &mut OverQuic<'_>);

/// A connection that may have sessions.
pub(crate) trait SessionDoor {
    /// Works with its sessions; nothing is done if it is over or has none. What happened by that was told when this returns.
    fn visit(&self, call: Call<'_>);

    /// Who waits for them.
    fn line(&self) -> &Line;

    /// The executor that it runs on.
    fn executor(&self) -> &Handle;

    /// Why it is over.
    fn failure(&self) -> Error;
}

/// Works with the sessions of a connection; `None` if it is over or has none.
pub(crate) fn with<R>(
    door: &dyn SessionDoor,
    call: impl FnOnce(&mut Sessions, &mut h3::Connection, &mut OverQuic<'_>) -> R,
) -> Option<R> {
    let (mut call, mut result) = (Some(call), None);
    door.visit(&mut |sessions, http, transport| {
        if let Some(call) = call.take() {
            result = Some(call(sessions, http, transport));
        }
    });
    result
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
    base::VarInt::new(code).map_or(http::exchange::Reason::Other(code), h3::error_code::reason)
}
