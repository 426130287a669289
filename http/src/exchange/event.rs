//! The events of an exchange for the application.

use super::reason::Reason;
use crate::fields::Fields;
use crate::message_rules::Malformed;
use crate::request::RequestHead;
use crate::response::ResponseHead;
use alloc::boxed::Box;

/// Something happened to an exchange. After `Finished`, `Reset`, `Failed` or `SlowSender` there is nothing more to receive on
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A server got a request. It is in hand until the application ends its response or breaks the exchange off. What it says is not moved
    /// from here to whoever answers: all other events are small.
    Request(Box<RequestHead>),
    /// A client got a final response.
    Response(ResponseHead),
    /// A client got an informational response; the final one is still to come.
    Informational(ResponseHead),
    /// Content has come: read until that gives [`Body::Blocked`](super::Body::Blocked) or
    /// [`Body::End`](super::Body::End).
    Body,
    /// Datagrams of the exchange (RFC 9297) have come: read them until there are none.
    Datagram,
    /// Trailers have come, after all of the content.
    Trailers(Fields),
    /// The message is complete, and as long as it said it was.
    Finished,
    /// An exchange that left data with the application takes more.
    Writable,
    /// A client's request that had content, or might have had, has arrived whole. Told if the server did not stop it before.
    Delivered,
    /// The peer gave up sending its message. A client is told [`Reason::Rejected`] also for what a server that is about to
    /// end has left out.
    Reset(Reason),
    /// The peer does not read our message any more. A response that still comes is as good as any.
    Stopped(Reason),
    /// The content of a request came too slowly: the rest of it was given up. The response can be sent.
    SlowSender,
    /// A response was taken too slowly; both directions were given up and the exchange is gone. Earlier events about it that
    /// were not polled are dropped.
    SlowReceiver,
    /// The peer's message is malformed; both directions were given up and the exchange is gone. Earlier events about it
    /// that were not polled are dropped.
    Failed(Malformed),
}
