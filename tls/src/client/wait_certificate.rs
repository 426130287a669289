//! WAIT_CERT: the server's chain.

use crate::client::handshaking::Handshaking;
use crate::client::wait_certificate_verify::WaitCertificateVerify;
use crate::effects::Effects;
use crate::error::Error;
use crate::message::certificate::decode_chain;
use crate::message::framing::Message;
use crate::proof::ChainAccepted;
use alloc::boxed::Box;

/// Expects Certificate.
#[derive(Debug)]
pub struct WaitCertificate {
    /// The handshake.
    pub handshaking: Box<Handshaking>,
    /// Whether the server asked for a certificate.
    pub certificate_requested: bool,
}

impl WaitCertificate {
    /// Reads the chain and checks whom it names.
    pub fn on_certificate(self, message: &Message<'_>, effects: &mut Effects) -> Result<WaitCertificateVerify, Error> {
        let WaitCertificate { mut handshaking, certificate_requested } = self;
        let certificates = decode_chain(message.body)?;
        let chain = ChainAccepted::by_client(&handshaking.config, &certificates, &handshaking.name)?;
        handshaking.transcript.add(message.bytes);
        if handshaking.config.keep_peer_certificates {
            effects.peer_certificates =
                certificates.into_iter().map(rustls_pki_types::CertificateDer::into_owned).collect();
        }
        Ok(WaitCertificateVerify { handshaking, certificate_requested, chain })
    }
}
