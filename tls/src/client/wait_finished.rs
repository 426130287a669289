//! WAIT_FINISHED: the server is authenticated. Its Finished has to prove that no message was changed on the way.

use crate::client::wait_certificate::Answer;
use crate::client::wait_certificate_verify::WaitCertificateVerify;
use crate::client::wait_encrypted_extensions::Handshaking;
use crate::effects::Effects;
use crate::error::Error;
use crate::message::certificate_verify::CertificateVerify;
use crate::message::framing::Message;
use crate::proof::{Authenticated, CertificateVerified, TicketAccepted};
use alloc::boxed::Box;

/// Expects Finished.
#[derive(Debug)]
pub(crate) struct WaitFinished {
    pub(super) handshaking: Box<Handshaking>,
    /// What the client shows.
    pub(super) answer: Answer,
    /// The proof of who the server is.
    pub(super) server: Authenticated,
}

impl WaitFinished {
    /// EncryptedExtensions are read, and the server has selected a ticket: it need not show its certificate again, and may not
    /// ask for one.
    pub(crate) fn by_ticket(handshaking: Box<Handshaking>, proof: TicketAccepted) -> WaitFinished {
        WaitFinished { handshaking, answer: Answer::NotAsked, server: Authenticated::Ticket(proof) }
    }

    /// Reads the server's signature.
    pub(crate) fn on_certificate_verify(
        state: WaitCertificateVerify,
        message: &Message<'_>,
        effects: &mut Effects,
    ) -> Result<WaitFinished, Error> {
        let WaitCertificateVerify { mut handshaking, answer, chain } = state;
        let verify = CertificateVerify::decode(message.body)?;
        let digest = handshaking.transcript.current();
        let verified = CertificateVerified::by_client(&handshaking.config, &chain, &verify, &digest)?;
        handshaking.transcript.add(message.bytes);
        effects.signature_scheme = Some(verify.scheme);
        Ok(WaitFinished { handshaking, answer, server: Authenticated::Certificate(verified) })
    }
}
