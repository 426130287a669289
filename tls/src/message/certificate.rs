//! Certificate (RFC 9846 section 4.5.1).

use crate::error::LocalError;
use crate::message::extension::{Extensions, Offered, Place, whole};
use crate::message::framing::{HandshakeType, push_message};
use crate::violation::Violation;
use alloc::vec::Vec;
use base::writer::push_u24_prefixed;
use base::{Full, Reader};
use rustls_pki_types::CertificateDer;

/// The chain in the body of a Certificate message, its sender's own certificate first. Perhaps empty. `offered` is what its
/// extensions may answer.
pub fn decode_chain<'a>(body: &'a [u8], offered: &Offered) -> Result<Vec<CertificateDer<'a>>, Violation> {
    let (context, list) = whole(body, |reader| Ok((reader.u8_prefixed()?, reader.u24_prefixed()?)))?;
    // RFC 9846 section 4.5.1-5: a context answers a request. A server is not asked, and a client is asked without one.
    if !context.is_empty() {
        return Err(Violation::RequestContext);
    }
    let mut reader = Reader::new(list);
    let mut chain = Vec::new();
    while !reader.is_empty() {
        let certificate = reader.u24_prefixed()?;
        if certificate.is_empty() {
            return Err(Violation::Malformed);
        }
        Extensions::decode(reader.u16_prefixed()?, Place::Certificate, offered)?;
        chain.push(CertificateDer::from(certificate));
    }
    Ok(chain)
}

/// Appends a Certificate message with this chain.
pub fn encode(out: &mut Vec<u8>, chain: &[CertificateDer<'_>]) -> Result<(), LocalError> {
    push_message(out, HandshakeType::CERTIFICATE, |out| {
        out.push(0);
        let mut result = Ok(());
        push_u24_prefixed(out, |out| result = chain.iter().try_for_each(|certificate| push_entry(out, certificate)))?;
        result
    })
}

fn push_entry(out: &mut Vec<u8>, certificate: &CertificateDer<'_>) -> Result<(), Full> {
    push_u24_prefixed(out, |out| out.extend_from_slice(certificate))?;
    out.extend_from_slice(&[0, 0]);
    Ok(())
}
