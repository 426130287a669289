//! WAIT_CERT: the server's Certificate follows, and it is known whether a CertificateRequest came before it.

use crate::client::wait_certificate_or_request::WaitCertificateOrRequest;
use crate::client::wait_encrypted_extensions::Handshaking;
use crate::error::Error;
use crate::message::certificate_request::CertificateRequest;
use crate::message::framing::Message;
use alloc::boxed::Box;

/// Expects Certificate.
#[derive(Debug)]
pub(crate) struct WaitCertificate {
    pub(super) handshaking: Box<Handshaking>,
    /// Whether the server asked for a certificate.
    pub(super) certificate_requested: bool,
}

impl WaitCertificate {
    /// Reads the request. There is no certificate to choose yet, so only its form matters.
    pub(crate) fn on_certificate_request(
        state: WaitCertificateOrRequest,
        message: &Message<'_>,
    ) -> Result<WaitCertificate, Error> {
        let WaitCertificateOrRequest { mut handshaking } = state;
        CertificateRequest::decode(message.body)?;
        handshaking.transcript.add(message.bytes);
        Ok(WaitCertificate { handshaking, certificate_requested: true })
    }

    /// The server sent no request.
    pub(crate) fn without_request(state: WaitCertificateOrRequest) -> WaitCertificate {
        WaitCertificate { handshaking: state.handshaking, certificate_requested: false }
    }
}
