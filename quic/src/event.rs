//! What a connection tells the application.

use crate::error::CloseReason;
use crate::stream::StreamEvent;
use base::FourTuple;

/// One thing the application may want to know. Asked for with `poll_event`; nothing is called back.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The handshake is complete: the peer is authenticated as far as the configuration asks, streams can be opened.
    Established,
    /// The handshake is confirmed (RFC 9001 section 4.1.2): the peer knows it, too.
    Confirmed,
    /// Something happened on a stream. With it comes the word that the application set for the stream
    /// ([`set_stream_word`](crate::Connection::set_stream_word)), 0 if it set none.
    Stream(StreamEvent, u32),
    /// All that the application wrote, and every end and reset, has been acknowledged. Told once for each time that
    /// [`request_flushed`](crate::Connection::request_flushed) was called, and not at all if the connection ends before.
    Flushed,
    /// A migration that this side's application asked for is done: all is sent from there.
    Migrated(FourTuple),
    /// One failed: nothing has changed.
    MigrationFailed(FourTuple),
    /// The connection is over. No other event follows.
    Closed(CloseReason),
}
