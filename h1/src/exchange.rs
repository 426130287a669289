//! One exchange on its connection: what has come of the peer's message, and what was sent of ours.

use crate::framing::{Named, Version};
use crate::write::Delimiter;
use core::fmt;
use http::exchange::{Content, ReceivePhase, Receiving, SendPhase, Sending};
use http::pace::Waiting;
use http::{Fields, Method, Protocol};

/// Names an exchange: its place in the order of requests on the connection, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(pub(crate) u64);

impl ExchangeId {
    /// The place.
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request {}", self.0)
    }
}

/// The exchange under way.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) id: ExchangeId,
    /// Of the request, as the application sees it.
    pub(crate) method: Method,
    /// The protocol that a request to change it asks for.
    pub(crate) upgrade: Option<Protocol>,
    /// Of the request, on a server.
    pub(crate) version: Version,
    pub(crate) receiving: Receiving,
    pub(crate) sending: Sending,
    pub(crate) delimiter: Delimiter,
    /// All of the peer's message has come. Its end is told once the content was read.
    pub(crate) is_received: bool,
    pub(crate) content: Content,
    pub(crate) trailers: Option<Fields>,
    /// The fields that the head of the peer's message has kept for the connection.
    pub(crate) named: Named,
    /// The application was told of content, and has not yet read until there was none.
    pub(crate) is_told: bool,
    pub(crate) wants_room: bool,
    /// A client waits for 100 before it sends its content.
    pub(crate) expects_continue: bool,
    pub(crate) informational: u32,
    /// Content that came after the application gave it up.
    pub(crate) discarded: u64,
    pub(crate) waiting: Waiting,
    pub(crate) may_be_slow: bool,
}

impl Exchange {
    pub(crate) fn new(id: ExchangeId, method: Method, version: Version) -> Exchange {
        Exchange {
            id,
            method,
            upgrade: None,
            version,
            receiving: Receiving::new(),
            sending: Sending::new(),
            delimiter: Delimiter::NoContent,
            is_received: false,
            content: Content::default(),
            trailers: None,
            named: Named::default(),
            is_told: false,
            wants_room: false,
            expects_continue: false,
            informational: 0,
            discarded: 0,
            waiting: Waiting::default(),
            may_be_slow: false,
        }
    }

    /// Whether both messages are over, for the connection and for the application.
    pub(crate) fn is_over(&self) -> bool {
        let is_sent = matches!(self.sending.phase(), SendPhase::Ended | SendPhase::Stopped(_));
        is_sent && self.is_received && self.receiving.has_ended()
    }

    /// Whether it is a CONNECT that is one on the wire: what a client sends behind it before it is answered is not to be read as a
    /// request, so the connection ends with a refusal.
    pub(crate) fn is_plain_connect(&self) -> bool {
        self.method == Method::Connect && self.upgrade.is_none()
    }

    /// Whether the application has given up what comes.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.receiving.phase() == ReceivePhase::Abandoned
    }
}
