//! Which part of a message may come next (RFC 9110 section 6), and whether it is as long as it says.

use crate::message_rules::{ContentLengthCheck, Malformed};
use crate::method::Method;
use crate::request::RequestHead;
use crate::response::ResponseHead;

/// Where a message that is being received stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceivePhase {
    /// Its head is to come, perhaps after informational ones.
    Head,
    /// Content, then perhaps trailers.
    Body,
    /// What follows CONNECT: only content (RFC 9110 section 9.3.6).
    Tunnel,
    /// The trailers were there: only the end can come.
    Trailed,
    /// It is complete.
    Finished,
    /// It was given up by one of the sides.
    Abandoned,
}

/// A message that is being received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receiving {
    phase: ReceivePhase,
    length: Option<ContentLengthCheck>,
}

impl Receiving {
    /// Nothing has come.
    pub const fn new() -> Receiving {
        Receiving { phase: ReceivePhase::Head, length: None }
    }

    /// Where it stands.
    pub const fn phase(&self) -> ReceivePhase {
        self.phase
    }

    /// Whether nothing more is read of it.
    pub const fn has_ended(&self) -> bool {
        matches!(self.phase, ReceivePhase::Finished | ReceivePhase::Abandoned)
    }

    /// How much content is sure to come; `None` if the message did not say.
    pub fn announced(&self) -> Option<u64> {
        self.length.as_ref().and_then(ContentLengthCheck::remaining)
    }

    /// The head of a request. Fails if Content-Length is not one number.
    pub fn on_request(&mut self, head: &RequestHead) -> Result<(), Malformed> {
        self.length = Some(ContentLengthCheck::for_request(head)?);
        self.phase = if head.method == Method::Connect { ReceivePhase::Tunnel } else { ReceivePhase::Body };
        Ok(())
    }

    /// The head of a request was refused unread: of what follows nothing is known but the order in which it comes.
    pub const fn on_head_refused(&mut self) {
        self.length = None;
        self.phase = ReceivePhase::Body;
    }

    /// The head of a response to a request with `method`. One that is informational leaves the message at its head. Fails
    /// if Content-Length is not one number.
    pub fn on_response(&mut self, head: &ResponseHead, method: &Method) -> Result<(), Malformed> {
        if head.status.is_informational() {
            return Ok(());
        }
        self.length = Some(ContentLengthCheck::for_response(head, method)?);
        let is_tunnel = *method == Method::Connect && head.status.is_successful();
        self.phase = if is_tunnel { ReceivePhase::Tunnel } else { ReceivePhase::Body };
        Ok(())
    }

    /// So much content goes to the application. Fails on the first byte too many.
    pub fn on_body(&mut self, count: u64) -> Result<(), Malformed> {
        self.length.as_mut().map_or(Ok(()), |length| length.on_body(count))
    }

    /// The trailers have come.
    pub const fn on_trailers(&mut self) {
        self.phase = ReceivePhase::Trailed;
    }

    /// The message ends here. Fails if that is too early.
    pub fn on_end(&mut self) -> Result<(), Malformed> {
        if self.phase == ReceivePhase::Head {
            return Err(Malformed::HeadMissing);
        }
        self.length.map_or(Ok(()), |length| length.on_end())?;
        self.phase = ReceivePhase::Finished;
        Ok(())
    }

    /// Nothing more is wanted of it. One that is complete stays so.
    pub fn abandon(&mut self) {
        if self.phase != ReceivePhase::Finished {
            self.phase = ReceivePhase::Abandoned;
        }
    }
}
