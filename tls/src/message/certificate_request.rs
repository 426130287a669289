//! CertificateRequest (RFC 9846 section 4.4.2).

use crate::error::LocalError;
use crate::message::extension::{ExtensionType, Extensions, Offered, Place, whole};
use crate::message::framing::{HandshakeType, push_message, push_u16_block};
use crate::message::list::Numbers;
use crate::signature_wishes::SignatureWishes;
use crate::violation::Violation;
use alloc::vec::Vec;
use base::{Full, Reader};

/// A server's wish to see the client's certificate.
#[derive(Clone, Copy, Debug)]
pub struct CertificateRequest<'a> {
    /// Schemes the server can verify.
    pub signature_algorithms: Numbers<'a>,
    /// Schemes it can verify in certificates, if those are others.
    pub signature_algorithms_cert: Option<Numbers<'a>>,
    /// Authorities that should have issued the certificate (section 4.3.4).
    pub authorities: Option<Authorities<'a>>,
    /// What should be in the certificate (section 4.3.5).
    pub filters: Option<Filters<'a>>,
}

impl<'a> CertificateRequest<'a> {
    /// Reads the body of a request during the handshake.
    pub fn decode(body: &'a [u8]) -> Result<CertificateRequest<'a>, Violation> {
        let (context, block) = whole(body, |reader| Ok((reader.u8_prefixed()?, reader.u16_prefixed()?)))?;
        let extensions = Extensions::decode(block, Place::CertificateRequest, &Offered::nothing())?;
        // RFC 9846 section 4.4.2-4: only requests after the handshake, which no carrier allows, need to be told apart.
        if !context.is_empty() {
            return Err(Violation::RequestContext);
        }
        let numbers = |data: &'a [u8]| whole(data, |reader| Numbers::decode(reader.u16_prefixed()?));
        // RFC 9846 section 4.4.2-6, 4.4.2-7: the one that must be there; what is not known is passed over.
        let data = extensions.find(ExtensionType::SIGNATURE_ALGORITHMS).ok_or(Violation::MissingSignatureAlgorithms)?;
        Ok(CertificateRequest {
            signature_algorithms: numbers(data)?,
            signature_algorithms_cert: extensions
                .find(ExtensionType::SIGNATURE_ALGORITHMS_CERT)
                .map(numbers)
                .transpose()?,
            authorities: extensions
                .find(ExtensionType::CERTIFICATE_AUTHORITIES)
                .map(Authorities::decode)
                .transpose()?,
            filters: extensions.find(ExtensionType::OID_FILTERS).map(Filters::decode).transpose()?,
        })
    }

    /// Which signatures the server can verify.
    pub(crate) fn signatures(&self) -> SignatureWishes<'a> {
        SignatureWishes::new(self.signature_algorithms, self.signature_algorithms_cert)
    }
}

/// Names of authorities, at least one, each the DER of a distinguished name. The names themselves are not looked at yet.
#[derive(Clone, Copy, Debug)]
pub struct Authorities<'a>(&'a [u8]);

impl<'a> Authorities<'a> {
    /// Reads the data of the extension, which a ClientHello may hold as well.
    pub(crate) fn decode(data: &'a [u8]) -> Result<Authorities<'a>, Violation> {
        let list = whole(data, |reader| Ok(reader.u16_prefixed()?))?;
        let mut reader = Reader::new(list);
        if list.is_empty() {
            return Err(Violation::Malformed);
        }
        while !reader.is_empty() {
            if reader.u16_prefixed()?.is_empty() {
                return Err(Violation::Malformed);
            }
        }
        Ok(Authorities(list))
    }

    /// The names in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || reader.u16_prefixed().ok())
    }
}

/// Extensions of certificates, by their object identifiers, and the values that each should have. May be none.
#[derive(Clone, Copy, Debug)]
pub struct Filters<'a>(&'a [u8]);

impl<'a> Filters<'a> {
    fn decode(data: &'a [u8]) -> Result<Filters<'a>, Violation> {
        let list = whole(data, |reader| Ok(reader.u16_prefixed()?))?;
        let mut reader = Reader::new(list);
        while !reader.is_empty() {
            if reader.u8_prefixed()?.is_empty() {
                return Err(Violation::Malformed);
            }
            reader.u16_prefixed()?;
        }
        Ok(Filters(list))
    }

    /// Identifiers and values in order, both as DER.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || Some((reader.u8_prefixed().ok()?, reader.u16_prefixed().ok()?)))
    }
}

/// Appends a CertificateRequest: the schemes that can be verified, and the authorities that are trusted, if they are to be told.
/// RFC 9846 section 4.4.2-4, 4.4.2-6.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    signature_algorithms: &[u16],
    authorities: &[Vec<u8>],
) -> Result<(), LocalError> {
    push_message(out, HandshakeType::CERTIFICATE_REQUEST, |out| {
        out.push(0);
        push_u16_block(out, |out| {
            let mut offered = Offered::nothing();
            offered.push(out, ExtensionType::SIGNATURE_ALGORITHMS, |out| {
                push_u16_block(out, |out| {
                    out.extend(signature_algorithms.iter().flat_map(|scheme| scheme.to_be_bytes()));
                    Ok(())
                })
            })?;
            if authorities.is_empty() {
                return Ok(());
            }
            offered.push(out, ExtensionType::CERTIFICATE_AUTHORITIES, |out| {
                push_u16_block(out, |out| authorities.iter().try_for_each(|name| push_name(out, name)))
            })
        })
    })
}

fn push_name(out: &mut Vec<u8>, name: &[u8]) -> Result<(), Full> {
    push_u16_block(out, |out| {
        out.extend_from_slice(name);
        Ok(())
    })
}
