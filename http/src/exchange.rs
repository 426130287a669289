//! One exchange of request and response (RFC 9110 section 3), the same in every version of HTTP.
//!
//! A version says where a message begins and ends on its wire. Everything else is here: what the application is told
//! ([`Event`]), what reading gives ([`Body`]), which part of a message may come or be sent next ([`Receiving`],
//! [`Sending`]), and for what reason an exchange is given up ([`Reason`]). Who an event is about is the version's own
//! affair: a stream in HTTP/3, a place in the order of requests in HTTP/1.1.

mod body;
mod content;
mod datagram_error;
mod event;
mod reason;
mod receiving;
mod send_error;
mod sending;

pub use body::Body;
pub use content::Content;
pub use datagram_error::{DatagramError, SentDatagrams};
pub use event::Event;
pub use reason::Reason;
pub use receiving::{ReceivePhase, Receiving};
pub use send_error::SendError;
pub use sending::{SendPhase, Sending};

#[cfg(test)]
mod tests;
