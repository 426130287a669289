//! WAIT_CERT_CR: the server's chain, or first its wish to see ours.

use crate::client::handshaking::Handshaking;
use crate::client::wait_certificate::WaitCertificate;
use crate::client::wait_certificate_verify::WaitCertificateVerify;
use crate::effects::Effects;
use crate::error::Error;
use crate::message::certificate_request::CertificateRequest;
use crate::message::framing::Message;
use alloc::boxed::Box;

/// Expects Certificate or CertificateRequest.
#[derive(Debug)]
pub struct WaitCertificateOrRequest {
    /// The handshake.
    pub handshaking: Box<Handshaking>,
}

impl WaitCertificateOrRequest {
    /// Reads the request. There is no certificate to choose yet, so only its form matters.
    pub fn on_certificate_request(self, message: &Message<'_>) -> Result<WaitCertificate, Error> {
        let mut handshaking = self.handshaking;
        CertificateRequest::decode(message.body)?;
        handshaking.transcript.add(message.bytes);
        Ok(WaitCertificate { handshaking, certificate_requested: true })
    }

    /// Reads the chain.
    pub fn on_certificate(self, message: &Message<'_>, effects: &mut Effects) -> Result<WaitCertificateVerify, Error> {
        WaitCertificate { handshaking: self.handshaking, certificate_requested: false }.on_certificate(message, effects)
    }
}
