//! What reading a body gives.

use base::Bytes;

/// A piece of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Bytes, at least one.
    Data(Bytes),
    /// Nothing for now; [`Event::Body`](super::Event::Body) will follow, or the event that ends the message.
    Blocked,
    /// There is no more: the message was complete.
    End,
    /// The message is not read any more. Whether it was complete was told by its last event, and only by that.
    Gone,
}
