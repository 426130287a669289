//! WAIT_CV: the chain is accepted; now the server has to show that it holds the key.

use crate::client::handshaking::Handshaking;
use crate::client::wait_finished::WaitFinished;
use crate::error::Error;
use crate::message::certificate_verify::CertificateVerify;
use crate::message::framing::Message;
use crate::proof::{CertificateVerified, ChainAccepted};
use alloc::boxed::Box;

/// Expects CertificateVerify.
#[derive(Debug)]
pub struct WaitCertificateVerify {
    /// The handshake.
    pub handshaking: Box<Handshaking>,
    /// Whether the server asked for a certificate.
    pub certificate_requested: bool,
    /// That the chain is trusted.
    pub chain: ChainAccepted,
}

impl WaitCertificateVerify {
    /// Reads the server's signature.
    pub fn on_certificate_verify(self, message: &Message<'_>) -> Result<WaitFinished, Error> {
        let WaitCertificateVerify { mut handshaking, certificate_requested, chain } = self;
        let verify = CertificateVerify::decode(message.body)?;
        let digest = handshaking.transcript.current();
        let server = CertificateVerified::by_client(&handshaking.config, &chain, &verify, &digest)?;
        handshaking.transcript.add(message.bytes);
        Ok(WaitFinished { handshaking, certificate_requested, server })
    }
}
