//! WAIT_CERT: the server's Certificate follows, and it is known whether a CertificateRequest came before it, and what it is
//! answered with.

use crate::certified_key::CertifiedKey;
use crate::client::wait_certificate_or_request::WaitCertificateOrRequest;
use crate::client::wait_encrypted_extensions::Handshaking;
use crate::client_resolver::CertificateWanted;
use crate::config::ClientConfig;
use crate::error::Error;
use crate::message::certificate_request::CertificateRequest;
use crate::message::framing::Message;
use alloc::boxed::Box;
use alloc::sync::Arc;
use crypto::SignatureScheme;

/// Expects Certificate.
#[derive(Debug)]
pub(crate) struct WaitCertificate {
    pub(super) handshaking: Box<Handshaking>,
    /// What the client shows once the server is authenticated.
    pub(super) answer: Answer,
}

/// How the client answers a server that may have asked for a certificate.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It did not ask.
    NotAsked,
    /// There is no certificate to show, and an empty message says so.
    Nothing,
    /// By Certificate and CertificateVerify.
    Certificate {
        /// The chain and its key.
        certified: Arc<CertifiedKey>,
        /// How the key signs.
        scheme: SignatureScheme,
    },
}

impl Answer {
    /// RFC 9846 section 4.5.1.2-2, 4.5.2-5: what the key signs has to be something that the server can verify.
    fn choose(config: &ClientConfig, wanted: &CertificateWanted<'_>) -> Answer {
        let certified = config.identities.as_ref().and_then(|identities| identities.resolve(wanted));
        let fitting = certified.and_then(|certified| {
            let scheme = wanted.signatures().scheme_of(&*certified.key)?;
            (!certified.chain.is_empty()).then_some(Answer::Certificate { certified, scheme })
        });
        fitting.unwrap_or(Answer::Nothing)
    }
}

impl WaitCertificate {
    /// Reads the request, and chooses what to answer. Nothing of that is sent before the server is authenticated.
    pub(crate) fn on_certificate_request(
        state: WaitCertificateOrRequest,
        message: &Message<'_>,
    ) -> Result<WaitCertificate, Error> {
        let WaitCertificateOrRequest { mut handshaking } = state;
        let request = CertificateRequest::decode(message.body)?;
        handshaking.transcript.add(message.bytes);
        let answer = Answer::choose(&handshaking.config, &CertificateWanted::new(&handshaking.name, request));
        Ok(WaitCertificate { handshaking, answer })
    }

    /// The server sent no request.
    pub(crate) fn without_request(state: WaitCertificateOrRequest) -> WaitCertificate {
        WaitCertificate { handshaking: state.handshaking, answer: Answer::NotAsked }
    }
}
