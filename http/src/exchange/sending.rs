//! Which part of a message may be sent next (RFC 9110 section 6), and whether it is as long as it says.
//!
//! A version asks before it writes a part (`check_*`) and tells what it has written (`on_*`), so nothing goes out that the
//! peer would have to refuse.

use super::reason::Reason;
use super::send_error::SendError;
use crate::fields::Fields;
use crate::message_rules::{ContentLengthCheck, check_trailer_duties, check_trailers};

/// Where a message that is being sent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendPhase {
    /// Its head is to come, perhaps after informational ones.
    Head,
    /// Content or trailers may come.
    Body,
    /// All was said; some of it waits for the transport.
    Finishing,
    /// The transport has all of it, or it was given up.
    Ended,
    /// The peer does not want it, for this reason.
    Stopped(Reason),
}

/// A message that is being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    phase: SendPhase,
    length: Option<ContentLengthCheck>,
    /// Only content follows CONNECT (RFC 9110 section 9.3.6).
    is_tunnel: bool,
}

impl Sending {
    /// Nothing was sent.
    pub const fn new() -> Sending {
        Sending { phase: SendPhase::Head, length: None, is_tunnel: false }
    }

    /// Where it stands.
    pub const fn phase(&self) -> SendPhase {
        self.phase
    }

    /// Whether what follows the head is a tunnel: each direction of it ends by itself.
    pub const fn is_tunnel(&self) -> bool {
        self.is_tunnel
    }

    /// Whether nothing more will be sent, and nothing waits.
    pub fn has_ended(&self) -> bool {
        self.phase == SendPhase::Ended
    }

    /// Whether a head may be sent, final or informational.
    pub const fn check_head(&self) -> Result<(), SendError> {
        match self.phase {
            SendPhase::Head => Ok(()),
            SendPhase::Stopped(reason) => Err(SendError::Stopped(reason)),
            SendPhase::Body | SendPhase::Finishing | SendPhase::Ended => Err(SendError::WrongOrder),
        }
    }

    /// The final head was sent, whose body is held to `length`. `is_tunnel` if what follows belongs to a CONNECT.
    pub const fn on_head(&mut self, length: ContentLengthCheck, is_tunnel: bool) {
        self.phase = SendPhase::Body;
        self.length = Some(length);
        self.is_tunnel = is_tunnel;
    }

    /// Whether `count` more bytes of content may be sent.
    pub fn check_body(&self, count: u64) -> Result<(), SendError> {
        self.check_phase()?;
        Ok(self.length.map_or(Ok(()), |mut length| length.on_body(count))?)
    }

    /// So many bytes of content were sent, after [`Sending::check_body`] allowed at least as many.
    pub fn on_body(&mut self, count: u64) {
        let counted = self.length.as_mut().map_or(Ok(()), |length| length.on_body(count));
        assert!(counted.is_ok(), "content is checked before it is sent");
    }

    /// Whether these may be sent as trailers.
    pub fn check_trailers(&self, fields: &Fields) -> Result<(), SendError> {
        self.check_phase()?;
        if self.is_tunnel {
            return Err(SendError::WrongOrder);
        }
        check_trailers(fields)?;
        Ok(check_trailer_duties(fields)?)
    }

    /// Whether the message may end here.
    pub fn check_end(&self) -> Result<(), SendError> {
        self.check_phase()?;
        Ok(self.length.map_or(Ok(()), |length| length.on_end())?)
    }

    /// All was said, but some of it waits for the transport.
    pub const fn on_finishing(&mut self) {
        self.phase = SendPhase::Finishing;
    }

    /// The transport has all of it, or it was given up.
    pub const fn on_end(&mut self) {
        self.phase = SendPhase::Ended;
    }

    /// The peer does not want the rest. The application has still to learn that.
    pub const fn on_stopped(&mut self, reason: Reason) {
        self.phase = SendPhase::Stopped(reason);
    }

    /// Whether there is more of the message to be sent.
    pub const fn check_going_on(&self) -> Result<(), SendError> {
        if let SendPhase::Head = self.phase { Ok(()) } else { self.check_phase() }
    }

    /// Whether content, trailers or the end may be sent.
    const fn check_phase(&self) -> Result<(), SendError> {
        match self.phase {
            SendPhase::Body => Ok(()),
            SendPhase::Head => Err(SendError::WrongOrder),
            SendPhase::Stopped(reason) => Err(SendError::Stopped(reason)),
            SendPhase::Finishing | SendPhase::Ended => Err(SendError::Ended),
        }
    }
}
