//! WAIT_CV: the client's chain is accepted. CertificateVerify has to prove that the client holds the private key.

use crate::client_proof::{ClientAuthenticated, ClientChainAccepted};
use crate::config::ServerConfig;
use crate::effects::Effects;
use crate::error::Error;
use crate::message::certificate_verify::CertificateVerify;
use crate::message::framing::Message;
use crate::server::negotiated::FlightSent;
use alloc::sync::Arc;

/// Expects CertificateVerify.
#[derive(Debug)]
pub(crate) struct WaitCertificateVerify {
    pub(super) config: Arc<ServerConfig>,
    pub(super) sent: FlightSent,
    /// That the chain is trusted.
    pub(super) chain: ClientChainAccepted,
}

impl WaitCertificateVerify {
    /// Reads the client's signature: with it, Finished is all that is missing.
    pub(crate) fn on_certificate_verify(
        self,
        message: &Message<'_>,
        effects: &mut Effects,
    ) -> Result<(FlightSent, ClientAuthenticated), Error> {
        let WaitCertificateVerify { config, mut sent, chain } = self;
        let verify = CertificateVerify::decode(message.body)?;
        let digest = sent.transcript.current();
        let client = ClientAuthenticated::by_signature(&config.provider, chain, &verify, &digest)?;
        effects.client_signature_scheme = Some(verify.scheme);
        sent.transcript.add(message.bytes);
        Ok((sent, client))
    }
}
