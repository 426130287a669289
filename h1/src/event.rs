//! What a connection tells its application.

use crate::exchange::ExchangeId;
use crate::violation::Violation;
use http::exchange;

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// To this exchange.
    Exchange(ExchangeId, exchange::Event),
    /// A request was answered here, with the violation's status, and reaches nobody else.
    Refused(Violation),
    /// A client may open the next exchange: the one before it is over.
    Available,
    /// The connection takes no more exchanges, and of those it had nothing more will come. Told once, last.
    Closed(Closing),
}

/// How a connection came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// One side had said that it would end, or has ended it between two exchanges.
    Done,
    /// No request came for too long.
    Idle,
    /// The peer broke the protocol.
    Violation(Violation),
    /// This side gave up an exchange whose message was not complete.
    GivenUp,
    /// The peer or the network cut it.
    Reset,
}
