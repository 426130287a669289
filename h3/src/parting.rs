//! How a connection that neither side needs comes to its end, told by what was said and what has arrived (RFC 9114 sections
//! 5.2 and 5.3).
//!
//! A client that says GOAWAY makes no more requests, but one that was lost on the way may still come. So its server does what
//! one does that goes away by itself: it gives notice, and once that has arrived, a round trip later, it names the first
//! request that is not processed. When that has arrived as well, the connection can be closed without loss.

use crate::connection::Connection;
use crate::transport::Transport;

/// How far the end has come.
#[derive(Debug, Default)]
pub(crate) enum Parting {
    /// Somebody needs the connection, or might.
    #[default]
    Staying,
    /// The client has said GOAWAY and is owed no answer; this server's notice is on its way.
    Noticed,
    /// The notice has arrived.
    Heard,
    /// Both sides know that no request follows. What was sent last is on its way.
    Leaving,
}

impl Parting {
    /// Makes the step that is due. Whether there was one: then the transport is to tell when all that was sent has arrived.
    pub(crate) fn advance(&mut self, http: &mut Connection, transport: &mut impl Transport) -> bool {
        let next = match self {
            Parting::Leaving => return false,
            _ if http.is_drained() => Parting::Leaving,
            Parting::Staying if http.is_left() => {
                http.shutdown(transport);
                Parting::Noticed
            }
            Parting::Heard if http.is_idle() => {
                http.shutdown(transport);
                Parting::Leaving
            }
            Parting::Staying | Parting::Noticed | Parting::Heard => return false,
        };
        *self = next;
        true
    }

    /// All that was sent has arrived. Whether that is the end.
    pub(crate) fn on_flushed(&mut self) -> bool {
        if matches!(self, Parting::Noticed) {
            *self = Parting::Heard;
        }
        matches!(self, Parting::Leaving)
    }
}
