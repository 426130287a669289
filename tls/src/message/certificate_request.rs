//! CertificateRequest (RFC 9846 section 4.4.2). We read it, and have no certificate to answer with yet.

use crate::message::extension::{ExtensionType, Extensions, Offered, Place, whole};
use crate::message::list::Numbers;
use crate::violation::Violation;

/// A server's wish to see the client's certificate.
#[derive(Clone, Copy, Debug)]
pub struct CertificateRequest<'a> {
    /// Schemes the server can verify: what a certificate would be chosen by.
    pub signature_algorithms: Numbers<'a>,
}

impl<'a> CertificateRequest<'a> {
    /// Reads the body of a request during the handshake.
    pub fn decode(body: &'a [u8]) -> Result<CertificateRequest<'a>, Violation> {
        let (context, block) = whole(body, |reader| Ok((reader.u8_prefixed()?, reader.u16_prefixed()?)))?;
        let extensions = Extensions::decode(block, Place::CertificateRequest, &Offered::nothing())?;
        // RFC 9846 s4.4.2: only requests after the handshake, which no carrier allows, need to be told apart.
        if !context.is_empty() {
            return Err(Violation::RequestContext);
        }
        let data = extensions.find(ExtensionType::SIGNATURE_ALGORITHMS).ok_or(Violation::MissingSignatureAlgorithms)?;
        let signature_algorithms = whole(data, |reader| Numbers::decode(reader.u16_prefixed()?))?;
        Ok(CertificateRequest { signature_algorithms })
    }
}
