//! WAIT_CV: the chain is accepted. CertificateVerify has to prove that the server holds the private key.

use crate::client::wait_certificate::{Answer, WaitCertificate};
use crate::client::wait_encrypted_extensions::Handshaking;
use crate::effects::Effects;
use crate::error::Error;
use crate::message::certificate::Certificates;
use crate::message::framing::Message;
use crate::peer_identity::PeerIdentity;
use crate::proof::ChainAccepted;
use alloc::boxed::Box;
use alloc::sync::Arc;
use rustls_pki_types::CertificateDer;

/// Expects CertificateVerify.
#[derive(Debug)]
pub(crate) struct WaitCertificateVerify {
    pub(super) handshaking: Box<Handshaking>,
    /// What the client shows.
    pub(super) answer: Answer,
    /// That the chain is trusted.
    pub(super) chain: ChainAccepted,
}

impl WaitCertificateVerify {
    /// Reads the chain and checks it for the server's name.
    pub(crate) fn on_certificate(
        state: WaitCertificate,
        message: &Message<'_>,
        effects: &mut Effects,
    ) -> Result<WaitCertificateVerify, Error> {
        let WaitCertificate { mut handshaking, answer } = state;
        // RFC 9846 section 4.5.1-6: what was not asked for is refused.
        let Certificates { chain: sent, ocsp_response } = Certificates::decode(message.body, &handshaking.offered)?;
        let chain = ChainAccepted::by_client(&handshaking.config, &sent, ocsp_response, &handshaking.name)?;
        handshaking.transcript.add(message.bytes);
        if handshaking.config.keep_peer_certificates {
            let kept = sent.into_iter().map(CertificateDer::into_owned).collect();
            let identity = PeerIdentity::new(kept).with_ocsp_response(ocsp_response.map(<[u8]>::to_vec));
            effects.peer_identity = Some(Arc::new(identity));
        }
        Ok(WaitCertificateVerify { handshaking, answer, chain })
    }
}
