//! A certificate (RFC 5280 section 4.1), borrowed from its DER.
//!
//! Parsing checks structure only; whether a certificate may be used for something is for [`crate::chain`] to say.

use crate::algorithm::{self, BadKey};
use crate::der::{Elements, tag};
use crate::error::Error;
use crate::extensions::Extensions;
use crate::name::Name;
use crate::validity::Validity;
use alloc::string::String;
use crypto::{PublicKeyAlgorithm, SignatureAlgorithm};

/// A certificate that borrows its DER.
#[derive(Clone, Debug)]
pub struct Certificate<'a> {
    der: &'a [u8],
    to_be_signed: &'a [u8],
    version: u8,
    serial_number: &'a [u8],
    signature_algorithm: &'a [u8],
    issuer: Name<'a>,
    validity: Validity,
    subject: Name<'a>,
    spki: &'a [u8],
    key_algorithm: &'a [u8],
    key: &'a [u8],
    extensions: Extensions<'a>,
    signature: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads one certificate, which is all of `der`.
    /// RFC 5280 section 4.1-1, 4.1-2, 4.1.1.2-3, 4.1.2.1-1, 4.1.2.1-5, 4.1.2.3-1, 4.1.2.6-5, 1-2.
    pub fn parse(der: &'a [u8]) -> Result<Certificate<'a>, Error> {
        const WHAT: &str = "certificate";
        let mut outer = Elements::new(der);
        let mut certificate = outer.nested(tag::SEQUENCE, WHAT)?;
        outer.end("bytes after the certificate")?;
        let to_be_signed = certificate.element(tag::SEQUENCE, WHAT)?;
        let outer_algorithm = certificate.value(tag::SEQUENCE, "signature algorithm")?;
        let signature = certificate.whole_bytes("signature")?;
        certificate.end(WHAT)?;

        let mut fields = Elements::new(to_be_signed.value);
        let version = version(&mut fields)?;
        let serial_number = fields.integer("serial number")?;
        let signature_algorithm = fields.value(tag::SEQUENCE, "signature algorithm")?;
        // RFC 5280 s4.1.1.2: the signature does not cover the outer one, so it may not say anything else.
        if signature_algorithm != outer_algorithm {
            return Err(Error::Malformed("the two signature algorithms differ"));
        }
        let issuer = Name::new(fields.value(tag::SEQUENCE, "issuer")?)?;
        let validity = Validity::read(&mut fields)?;
        let subject = Name::new(fields.value(tag::SEQUENCE, "subject")?)?;
        let spki = fields.element(tag::SEQUENCE, "public key")?;
        let mut key_fields = Elements::new(spki.value);
        let key_algorithm = key_fields.value(tag::SEQUENCE, "public key")?;
        let key = key_fields.whole_bytes("public key")?;
        key_fields.end("public key")?;
        let extensions = version_dependent(&mut fields, version)?;
        fields.end(WHAT)?;
        Ok(Certificate {
            der,
            to_be_signed: to_be_signed.encoded,
            version,
            serial_number,
            signature_algorithm,
            issuer,
            validity,
            subject,
            spki: spki.encoded,
            key_algorithm,
            key,
            extensions,
            signature,
        })
    }

    /// All of it.
    pub fn der(&self) -> &'a [u8] {
        self.der
    }

    /// What the signature covers.
    pub(crate) fn to_be_signed(&self) -> &'a [u8] {
        self.to_be_signed
    }

    /// 1, 2 or 3.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// The contents of the serial number's INTEGER, big endian, two's complement.
    pub fn serial_number(&self) -> &'a [u8] {
        self.serial_number
    }

    /// Who signed it.
    pub fn issuer(&self) -> Name<'a> {
        self.issuer
    }

    /// Whose it is.
    pub fn subject(&self) -> Name<'a> {
        self.subject
    }

    /// From when to when.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// Its extensions.
    pub fn extensions(&self) -> &Extensions<'a> {
        &self.extensions
    }

    /// How it is signed; `None` for an algorithm that is not one of ours.
    pub fn signature_algorithm(&self) -> Option<SignatureAlgorithm> {
        algorithm::signature_algorithm(self.signature_algorithm)
    }

    /// Why a signature like this one is of no use: its hash can be forged, or it is not one of ours.
    pub(crate) fn unusable_signature(&self) -> Error {
        let (subject, algorithm) = (self.label(), algorithm::signature_name(self.signature_algorithm));
        // RFC 9846 s4.5.1.3: bad_certificate for MD5, and recommended for SHA-1.
        if algorithm::has_broken_hash(self.signature_algorithm) {
            Error::BrokenHash { subject, algorithm }
        } else {
            Error::UnsupportedSignature { subject, algorithm }
        }
    }

    /// The signature, as [`SignatureAlgorithm`] says.
    pub fn signature(&self) -> &'a [u8] {
        self.signature
    }

    /// The key, as [`PublicKeyAlgorithm`] says, for a CertificateVerify or the certificates it signed. An RSA key whose
    /// length is not accepted is an error.
    pub fn subject_public_key(&self) -> Result<(PublicKeyAlgorithm, &'a [u8]), Error> {
        let subject = || self.subject.label();
        match algorithm::public_key(self.key_algorithm, self.key) {
            Ok(kind) => Ok((kind, self.key)),
            Err(BadKey::Unsupported) => {
                let kind = algorithm::key_name(self.key_algorithm);
                Err(Error::UnsupportedKey { subject: subject(), kind })
            }
            Err(BadKey::Unacceptable) => {
                let found = algorithm::unacceptable_key(self.key_algorithm, self.key);
                Err(Error::UnacceptableKey { subject: subject(), found })
            }
        }
    }

    /// The whole SubjectPublicKeyInfo, whose SHA-256 names a key.
    pub fn spki_der(&self) -> &'a [u8] {
        self.spki
    }

    /// Whether issuer and subject are the same name.
    pub fn is_self_issued(&self) -> bool {
        self.issuer.contents() == self.subject.contents() || self.issuer.canonical() == self.subject.canonical()
    }

    /// What to call it in a message: escaped and bounded.
    pub fn label(&self) -> String {
        self.subject.label()
    }
}

/// `Version DEFAULT v1`: a v1 that is written out is not DER.
fn version(fields: &mut Elements<'_>) -> Result<u8, Error> {
    let Some(contents) = fields.optional(tag::context_constructed(0), "version")? else { return Ok(1) };
    let mut inside = Elements::new(contents);
    let version = match inside.integer("version")? {
        [1] => 2,
        [2] => 3,
        _ => return Err(Error::Malformed("version")),
    };
    inside.end("version")?;
    Ok(version)
}

/// The unique identifiers of v2, which mean nothing to us, and the extensions of v3 (RFC 5280 s4.1.2.8 and s4.1.2.9).
/// RFC 5280 section 4.1.2.8-1, 4.1.2.8-2, 4.1.2.9-1.
fn version_dependent<'a>(fields: &mut Elements<'a>, version: u8) -> Result<Extensions<'a>, Error> {
    for number in [1, 2] {
        if fields.optional(tag::context(number), "unique identifier")?.is_some() && version < 2 {
            return Err(Error::Malformed("unique identifier"));
        }
    }
    let Some(contents) = fields.optional(tag::context_constructed(3), "extensions")? else {
        return Ok(Extensions::default());
    };
    if version != 3 {
        return Err(Error::Malformed("extensions"));
    }
    let mut inside = Elements::new(contents);
    let extensions = Extensions::read(&mut inside)?;
    inside.end("extensions")?;
    Ok(extensions)
}

#[cfg(test)]
mod tests;
