//! What a connection tells its application.

use crate::stream::StreamNumber;
use crate::violation::Violation;
use http::exchange;

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// To the exchange on this stream.
    Exchange(StreamNumber, exchange::Event),
    /// A request was refused here, and reaches nobody else.
    Refused(Violation),
    /// A client may open an exchange again, after [`SendError::Blocked`](http::exchange::SendError::Blocked).
    Available,
    /// The peer takes no new requests on this connection.
    GoingAway,
    /// Nothing more will come. Told once, last.
    Closed(Closing),
}

/// How a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// One side had said that it would end, and nothing was under way any more.
    Done,
    /// No request came for too long.
    Idle,
    /// The peer broke the protocol.
    Violation(Violation),
    /// The peer says that we did something wrong, by this code.
    Told(u32),
    /// The peer or the network cut it.
    Reset,
}
