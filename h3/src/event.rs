//! The events of a connection for the application.

use crate::data_streams::DataStreamEvent;
use crate::settings::PeerSettings;
use crate::violation::Violation;
use base::{Direction, StreamId, VarInt};
use http::exchange;

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// To the exchange on this stream. After `Failed` the stream is gone.
    Exchange(StreamId, exchange::Event),
    /// To a stream that belongs to a request ([`Config::webtransport`](crate::Config)).
    DataStream(StreamId, DataStreamEvent),
    /// A request was refused before the application heard of it: it is malformed, or there were too many. The stream is
    /// gone.
    Refused {
        /// The stream it came on.
        id: StreamId,
        /// Why.
        violation: Violation,
    },
    /// The peer will take no new requests. Of a client's requests, those from `id` on were not processed.
    GoAway {
        /// The first that is not processed; of a client's GOAWAY, a push ID.
        id: u64,
    },
    /// The peer allows a request that had to wait (`SendError::Blocked`).
    RequestsAvailable,
    /// The peer allows more streams of this direction, after [`Transport::open`](crate::Transport::open) had none: for those that
    /// belong to requests.
    StreamsAvailable(Direction),
    /// More or other datagrams can be sent than before: one was refused because too many waited, and there is room again, or the
    /// largest has changed with the path. At an end that takes datagrams ([`Config::datagrams`](crate::Config)).
    DatagramsChanged,
    /// The peer's settings.
    Settings(PeerSettings),
    /// The connection is over. No event follows.
    Closed {
        /// The code it was closed with.
        code: VarInt,
        /// What this side found, if it was this side that closed for a breach.
        violation: Option<Violation>,
    },
}
