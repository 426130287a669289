//! The events of an endpoint for the layer above.

use super::slots::ConnectionHandle;

/// Something about one of the connections. Asked for with [`Endpoint::poll_event`](crate::Endpoint::poll_event).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointEvent<T> {
    /// The connection has events of its own: ask it with [`Connection::poll_event`](crate::Connection::poll_event) until it
    /// has no more.
    Ready(ConnectionHandle),
    /// The connection is over for good (RFC 9000 section 10): its time of closing or draining has passed, its own last
    /// event was told, its place is free. Told once for every connection, with the value that the layer above kept for it.
    /// The handle means nothing any more.
    Drained(ConnectionHandle, T),
}
