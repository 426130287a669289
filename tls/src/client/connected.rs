//! CONNECTED: the handshake is complete. Only tickets may follow.

use crate::error::Error;
use crate::message::framing::{HandshakeType, Message};
use crate::message::new_session_ticket::NewSessionTicket;
use crate::proof::{CertificateVerified, FinishedVerified};
use crate::violation::Violation;

/// Nothing but the proofs that it was reached rightly: an idle connection keeps no handshake.
#[derive(Debug)]
pub struct Connected {
    _server: CertificateVerified,
    _finished: FinishedVerified,
}

impl Connected {
    /// The server is who it says, and saw the same handshake.
    pub fn new(server: CertificateVerified, finished: FinishedVerified) -> Connected {
        Connected { _server: server, _finished: finished }
    }

    /// Reads a message after the handshake. Tickets are checked and dropped: resumption would keep them here.
    pub fn on_message(&self, message: &Message<'_>) -> Result<(), Error> {
        match message.kind {
            HandshakeType::NEW_SESSION_TICKET => NewSessionTicket::decode(message.body).map(drop)?,
            // RFC 9001 s4.4: requests and streams cannot be told together, so QUIC has no authentication after the fact.
            HandshakeType::CERTIFICATE_REQUEST => return Err(Violation::PostHandshakeCertificateRequest.into()),
            _ => return Err(Violation::UnexpectedMessage.into()),
        }
        Ok(())
    }
}
