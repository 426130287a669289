//! Certificate (RFC 9846 section 4.5.1).

use crate::error::LocalError;
use crate::message::extension::{ExtensionType, Extensions, Offered, Place, whole};
use crate::message::framing::{HandshakeType, push_message};
use crate::violation::Violation;
use alloc::vec::Vec;
use base::writer::{push_u16_prefixed, push_u24_prefixed};
use base::{Full, Reader};
use rustls_pki_types::CertificateDer;

/// The chain in the body of a Certificate message, its sender's own certificate first. Perhaps empty. `offered` is what its
/// extensions may answer.
pub(crate) fn decode_chain<'a>(body: &'a [u8], offered: &Offered) -> Result<Vec<CertificateDer<'a>>, Violation> {
    Certificates::decode(body, offered).map(|certificates| certificates.chain)
}

/// What a Certificate message holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates<'a> {
    /// The chain, its sender's own certificate first. Perhaps empty.
    pub chain: Vec<CertificateDer<'a>>,
    /// The OCSP response for the first, if there is one (RFC 6066 section 8, RFC 9846 section 4.5.1.1). Not empty.
    pub ocsp_response: Option<&'a [u8]>,
}

impl<'a> Certificates<'a> {
    /// Reads the body. `offered` is what its extensions may answer.
    pub fn decode(body: &'a [u8], offered: &Offered) -> Result<Certificates<'a>, Violation> {
        let (context, list) = whole(body, |reader| Ok((reader.u8_prefixed()?, reader.u24_prefixed()?)))?;
        // RFC 9846 section 4.5.1-5: a context answers a request. A server is not asked, and a client is asked without one.
        if !context.is_empty() {
            return Err(Violation::RequestContext);
        }
        let mut reader = Reader::new(list);
        let (mut chain, mut ocsp_response) = (Vec::new(), None);
        while !reader.is_empty() {
            let certificate = reader.u24_prefixed()?;
            if certificate.is_empty() {
                return Err(Violation::Malformed);
            }
            let extensions = Extensions::decode(reader.u16_prefixed()?, Place::Certificate, offered)?;
            let status = extensions.find(ExtensionType::STATUS_REQUEST).map(status).transpose()?;
            if chain.is_empty() {
                ocsp_response = status;
            }
            chain.push(CertificateDer::from(certificate));
        }
        Ok(Certificates { chain, ocsp_response })
    }
}

/// The one kind of status that was ever defined.
const OCSP: u8 = 1;

/// The response in a CertificateStatus.
/// RFC 9846 section 4.5.1.1-1.
fn status(data: &[u8]) -> Result<&[u8], Violation> {
    match whole(data, |reader| Ok((reader.u8()?, reader.u24_prefixed()?)))? {
        (OCSP, response) if !response.is_empty() => Ok(response),
        _ => Err(Violation::Malformed),
    }
}

/// Appends a Certificate message with this chain. The OCSP response, of at least one byte, goes with the first certificate; the
/// peer must have asked for it.
/// RFC 9846 section 4.5.1.1-1.
pub fn encode(out: &mut Vec<u8>, chain: &[CertificateDer<'_>], ocsp_response: Option<&[u8]>) -> Result<(), LocalError> {
    push_message(out, HandshakeType::CERTIFICATE, |out| {
        out.push(0);
        let mut responses = core::iter::once(ocsp_response).chain(core::iter::repeat(None));
        let mut result = Ok(());
        push_u24_prefixed(out, |out| {
            result = chain.iter().try_for_each(|certificate| push_entry(out, certificate, responses.next().flatten()));
        })?;
        result
    })
}

fn push_entry(out: &mut Vec<u8>, certificate: &CertificateDer<'_>, ocsp_response: Option<&[u8]>) -> Result<(), Full> {
    push_u24_prefixed(out, |out| out.extend_from_slice(certificate))?;
    let mut result = Ok(());
    push_u16_prefixed(out, |out| {
        if let Some(response) = ocsp_response {
            result = push_status(out, response);
        }
    })?;
    result
}

/// A CertificateStatus in its extension.
fn push_status(out: &mut Vec<u8>, ocsp_response: &[u8]) -> Result<(), Full> {
    out.extend_from_slice(&ExtensionType::STATUS_REQUEST.0.to_be_bytes());
    let mut result = Ok(());
    push_u16_prefixed(out, |out| {
        out.push(OCSP);
        result = push_u24_prefixed(out, |out| out.extend_from_slice(ocsp_response));
    })?;
    result
}
