//! How the shim judges the runner's certificates: each has to be one, the first may sign, and nobody is believed if the flags say so.
//!
//! The path is not judged. The runner's certificates have no subject and a subjectAltName that is not critical, which `x509`
//! refuses (RFC 5280 section 4.2.1.6), so that no path of the runner's would ever be good.

use crate::options::Options;
use rustls_pki_types::CertificateDer;
use tls::{ClientVerifier, PresentedByClient, PresentedByServer, ServerVerifier};

/// A judge of either side.
#[derive(Debug)]
pub struct Judge {
    refuses: bool,
    authorities: Vec<Vec<u8>>,
}

impl Judge {
    pub fn new(options: &Options) -> Judge {
        // The contract: without -verify-peer the verdict is noted, and changes nothing.
        let refuses = options.refuses_peer && options.verifies_peer;
        Judge { refuses, authorities: options.client_authorities.clone().unwrap_or_default() }
    }

    fn judge(&self, chain: &[CertificateDer<'_>]) -> Result<(), x509::Error> {
        for (place, certificate) in chain.iter().enumerate() {
            let certificate = x509::Certificate::parse(certificate)?;
            // RFC 9846 section 4.5.1.2: the first one signs the handshake. `x509` asks for that on the path, which is not judged here.
            let signs = certificate.extensions().key_usage.is_none_or(|usage| usage.digital_signature);
            if place == 0 && !signs {
                let rule = x509::Rule::KeyUsage("digitalSignature");
                return Err(x509::Error::Rule { subject: certificate.label(), rule });
            }
        }
        match self.refuses {
            true => Err(x509::Error::UnknownIssuer { issuer: "nobody is believed".into(), unreadable: None }),
            false => Ok(()),
        }
    }
}

impl ServerVerifier for Judge {
    fn verify(&self, presented: &PresentedByServer<'_>) -> Result<(), x509::Error> {
        self.judge(presented.chain)
    }

    fn ticket_trust(&self) -> Option<Vec<u8>> {
        // All connections of one process are of one test.
        Some(Vec::new())
    }
}

impl ClientVerifier for Judge {
    fn verify(&self, presented: &PresentedByClient<'_>) -> Result<Vec<CertificateDer<'static>>, x509::Error> {
        self.judge(presented.chain)?;
        Ok(presented.chain.iter().map(|certificate| certificate.clone().into_owned()).collect())
    }

    /// What was shown counts again on the next connection, and is judged again there.
    fn ticket_path<'a>(&self, path: &'a [CertificateDer<'static>]) -> Option<&'a [CertificateDer<'static>]> {
        Some(path)
    }

    fn authorities(&self) -> &[Vec<u8>] {
        &self.authorities
    }
}
