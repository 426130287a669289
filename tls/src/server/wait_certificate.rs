//! WAIT_CERT: the server's flight is sent, with a CertificateRequest in it. The client's Certificate follows, perhaps an
//! empty one.

use crate::client_authentication::PresentedByClient;
use crate::client_proof::{Asked, ClientAuthenticated, ClientChainAccepted};
use crate::config::ServerConfig;
use crate::effects::Effects;
use crate::error::Error;
use crate::message::certificate::decode_chain;
use crate::message::extension::Offered;
use crate::message::framing::Message;
use crate::server::negotiated::FlightSent;
use alloc::sync::Arc;

/// Expects Certificate.
#[derive(Debug)]
pub(crate) struct WaitCertificate {
    pub(super) config: Arc<ServerConfig>,
    pub(super) asked: Asked,
    pub(super) sent: FlightSent,
}

/// What a client's Certificate comes to.
pub(crate) enum CertificateRead {
    /// It is empty, which is allowed: Finished follows.
    Declined(FlightSent, ClientAuthenticated),
    /// The chain is trusted: CertificateVerify follows.
    Accepted(Arc<ServerConfig>, FlightSent, ClientChainAccepted),
}

impl WaitCertificate {
    /// Reads the chain and has it judged.
    pub(crate) fn on_certificate(self, message: &Message<'_>, effects: &Effects) -> Result<CertificateRead, Error> {
        let WaitCertificate { config, asked, mut sent } = self;
        // RFC 9846 section 4.5.1-7: no extension was asked for.
        let chain = decode_chain(message.body, &Offered::nothing())?;
        sent.transcript.add(message.bytes);
        if chain.is_empty() {
            return Ok(CertificateRead::Declined(sent, asked.declined()?));
        }
        let presented = PresentedByClient {
            chain: &chain,
            server_name: effects.server_name.as_deref(),
            now: config.wall_clock.unix_seconds(),
        };
        let accepted = asked.check(&presented)?;
        Ok(CertificateRead::Accepted(config, sent, accepted))
    }
}
