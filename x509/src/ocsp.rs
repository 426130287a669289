//! OCSP responses (RFC 6960), as far as a server has to understand one to send it with its certificate: which certificate it is
//! about, what it says, and for how long. Whether the signature is good is for clients to check.

use crate::certificate::Certificate;
use crate::der::{Elements, tag};
use crate::encode::sequence;
use crate::error::Error;
use crate::oid;
use crate::staleness::Staleness;
use crate::text::Date;
use crate::validity::read_time;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use crypto::{Digest, Provider};
use rustls_pki_types::CertificateDer;

const WHAT: &str = "OCSP response";
/// Responses have some hundred bytes, and two or three thousand with the certificates of a delegate. A longer one would fill a
/// server's first flight.
const MAX_LEN: usize = 16_384;
/// Bytes of SHA-1.
const SHA1_LEN: usize = 20;

/// A response that was read: basic and successful. Nothing of it is proved.
#[derive(Clone, PartialEq, Eq)]
pub struct OcspResponse {
    der: Box<[u8]>,
    answers: Vec<Answer>,
}

/// What it says of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    hash: IdentifierHash,
    issuer_name_hash: Box<[u8]>,
    issuer_key_hash: Box<[u8]>,
    serial_number: Box<[u8]>,
    status: Status,
    this_update: i64,
    next_update: Option<i64>,
}

/// How a certificate's issuer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IdentifierHash {
    Sha256,
    Sha384,
    /// Common, and not computed here: its digests are compared with nothing.
    Sha1,
    Other,
}

/// The worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Good,
    Unknown,
    /// Since when.
    Revoked(i64),
}

/// Why a response is not to be sent with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OcspProblem {
    /// It is no response as DER and RFC 6960 define it; says which part is wrong.
    Malformed(&'static str),
    /// It has more than 16 KiB.
    TooLong,
    /// The responder answers without saying anything of a certificate, for this reason.
    NotSuccessful(&'static str),
    /// It is about other certificates.
    OtherCertificate,
    /// It says that the certificate was revoked. Seconds since 1970.
    Revoked(i64),
    /// It says that the responder does not know the certificate.
    Unknown,
    /// It is not current.
    Stale(Staleness),
}

/// A response that a server sends with a certificate, for as long as it is current.
#[derive(Clone, PartialEq, Eq)]
pub struct Staple {
    der: Box<[u8]>,
    this_update: i64,
    next_update: i64,
}

impl OcspResponse {
    /// Reads one response, which is all of `der`.
    ///
    /// # Errors
    /// It is not a successful basic response.
    pub fn read(der: &[u8]) -> Result<OcspResponse, OcspProblem> {
        if der.len() > MAX_LEN {
            return Err(OcspProblem::TooLong);
        }
        let basic = basic_response(der)?;
        Ok(OcspResponse { der: der.into(), answers: answers(basic)? })
    }

    /// For a server to send with the first certificate of a chain. Whether it is about that is found out as far as can be told: its
    /// issuer is compared if the response tells it by SHA-256 or SHA-384, and the issuer's key if its certificate is in the chain.
    /// Of several answers about it the newest that is current counts, and of equally old ones the worst.
    ///
    /// # Errors
    /// It is about another certificate, says anything but good of it, or is not current at this time, in seconds since 1970.
    pub fn staple(
        &self,
        provider: &Provider,
        chain: &[CertificateDer<'_>],
        now_unix_seconds: u64,
    ) -> Result<Staple, OcspProblem> {
        let now = i64::try_from(now_unix_seconds).unwrap_or(i64::MAX);
        let answer = self.answer(provider, chain, now).ok_or(OcspProblem::OtherCertificate)?;
        match answer.status {
            Status::Good => {}
            Status::Revoked(since) => return Err(OcspProblem::Revoked(since)),
            Status::Unknown => return Err(OcspProblem::Unknown),
        }
        if let Some(staleness) = answer.staleness(now) {
            return Err(OcspProblem::Stale(staleness));
        }
        let next_update = answer.next_update.ok_or(OcspProblem::Stale(Staleness::Endless))?;
        Ok(Staple { der: self.der.clone(), this_update: answer.this_update, next_update })
    }

    /// What it says of the first certificate of a chain. A responder may say more than one thing, such as one for each of several
    /// times (RFC 6960 section 2.4): what is current counts before what is not, and then the newest.
    fn answer(&self, provider: &Provider, chain: &[CertificateDer<'_>], now: i64) -> Option<&Answer> {
        let leaf = Certificate::parse(chain.first()?).ok()?;
        let issuer_name = leaf.issuer().canonical();
        let mut others = chain.iter().skip(1).filter_map(|der| Certificate::parse(der).ok());
        let issuer = others.find(|certificate| certificate.subject().canonical() == issuer_name);
        let about_it = self.answers.iter().filter(|answer| answer.is_about(provider, &leaf, issuer.as_ref()));
        about_it.max_by_key(|answer| (answer.staleness(now).is_none(), answer.this_update, answer.status))
    }
}

impl Answer {
    fn is_about(&self, provider: &Provider, leaf: &Certificate<'_>, issuer: Option<&Certificate<'_>>) -> bool {
        let is_hash_of = |hash: &[u8], bytes: &[u8]| match self.hash {
            IdentifierHash::Sha256 | IdentifierHash::Sha384 => {
                digest(provider, self.hash, bytes).is_none_or(|digest| *digest == *hash)
            }
            IdentifierHash::Sha1 => hash.len() == SHA1_LEN,
            IdentifierHash::Other => true,
        };
        let issuer_key = issuer.and_then(|issuer| issuer.subject_public_key().ok());
        *self.serial_number == *leaf.serial_number()
            && is_hash_of(&self.issuer_name_hash, &sequence(&[leaf.issuer().contents()]))
            && issuer_key.is_none_or(|(_, key)| is_hash_of(&self.issuer_key_hash, key))
    }

    fn staleness(&self, now: i64) -> Option<Staleness> {
        Staleness::of(self.this_update, self.next_update, now)
    }
}

/// The digest, if the provider has the hash.
fn digest(provider: &Provider, hash: IdentifierHash, bytes: &[u8]) -> Option<Digest> {
    let len = if hash == IdentifierHash::Sha256 { 32 } else { 48 };
    let suite = provider.cipher_suites.iter().find(|suite| suite.hash.output_len() == len)?;
    Some(suite.hash.digest(&[bytes]))
}

impl Staple {
    /// The response, as DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Until when it is sent, in seconds since 1970.
    pub fn next_update(&self) -> i64 {
        self.next_update
    }

    /// Whether it is good at this time, in seconds since 1970.
    pub fn is_current(&self, now_unix_seconds: u64) -> bool {
        let now = i64::try_from(now_unix_seconds).unwrap_or(i64::MAX);
        Staleness::of(self.this_update, Some(self.next_update), now).is_none()
    }
}

/// The BasicOCSPResponse in an OCSPResponse (RFC 6960 section 4.2.1).
fn basic_response(der: &[u8]) -> Result<&[u8], OcspProblem> {
    let mut outer = Elements::new(der);
    let mut response = outer.nested(tag::SEQUENCE, WHAT)?;
    outer.end(WHAT)?;
    match response.value(tag::ENUMERATED, "responseStatus")? {
        [0] => {}
        [1] => return Err(OcspProblem::NotSuccessful("malformedRequest")),
        [2] => return Err(OcspProblem::NotSuccessful("internalError")),
        [3] => return Err(OcspProblem::NotSuccessful("tryLater")),
        [5] => return Err(OcspProblem::NotSuccessful("sigRequired")),
        [6] => return Err(OcspProblem::NotSuccessful("unauthorized")),
        _ => return Err(OcspProblem::Malformed("responseStatus")),
    }
    let mut explicit = response.nested(tag::context_constructed(0), "responseBytes")?;
    response.end(WHAT)?;
    let mut bytes = explicit.nested(tag::SEQUENCE, "responseBytes")?;
    explicit.end("responseBytes")?;
    if bytes.value(tag::OBJECT_IDENTIFIER, "responseType")? != oid::OCSP_BASIC {
        return Err(OcspProblem::Malformed("responseType, which is not that of basic responses"));
    }
    let basic = bytes.value(tag::OCTET_STRING, "response")?;
    bytes.end("responseBytes")?;
    Ok(basic)
}

/// What a BasicOCSPResponse says.
fn answers(basic: &[u8]) -> Result<Vec<Answer>, OcspProblem> {
    let mut outer = Elements::new(basic);
    let mut signed = outer.nested(tag::SEQUENCE, "BasicOCSPResponse")?;
    outer.end("BasicOCSPResponse")?;
    let mut data = signed.nested(tag::SEQUENCE, "ResponseData")?;
    signed.value(tag::SEQUENCE, "signatureAlgorithm")?;
    signed.whole_bytes("signature")?;
    signed.optional(tag::context_constructed(0), "certs")?;
    signed.end("BasicOCSPResponse")?;
    // Version 1 is the default, which DER leaves out; who writes it means it.
    data.optional(tag::context_constructed(0), "version")?;
    match data.any("responderID")?.tag {
        by if by == tag::context_constructed(1) || by == tag::context_constructed(2) => {}
        _ => return Err(OcspProblem::Malformed("responderID")),
    }
    read_time(&mut data, "producedAt")?;
    let mut list = data.nested(tag::SEQUENCE, "responses")?;
    data.optional(tag::context_constructed(1), "responseExtensions")?;
    data.end("ResponseData")?;
    let mut answers = Vec::new();
    while !list.is_empty() {
        answers.push(answer(list.nested(tag::SEQUENCE, "SingleResponse")?)?);
    }
    Ok(answers)
}

fn answer(mut fields: Elements<'_>) -> Result<Answer, OcspProblem> {
    let mut identifier = fields.nested(tag::SEQUENCE, "CertID")?;
    let mut algorithm = identifier.nested(tag::SEQUENCE, "hashAlgorithm")?;
    let hash = match algorithm.value(tag::OBJECT_IDENTIFIER, "hashAlgorithm")? {
        oid::SHA256 => IdentifierHash::Sha256,
        oid::SHA384 => IdentifierHash::Sha384,
        oid::SHA1 => IdentifierHash::Sha1,
        _ => IdentifierHash::Other,
    };
    let issuer_name_hash = identifier.value(tag::OCTET_STRING, "issuerNameHash")?.into();
    let issuer_key_hash = identifier.value(tag::OCTET_STRING, "issuerKeyHash")?.into();
    let serial_number = identifier.integer("serialNumber")?.into();
    identifier.end("CertID")?;
    let status = fields.any("certStatus")?;
    let status = match status.tag {
        good if good == tag::context(0) && status.value.is_empty() => Status::Good,
        revoked if revoked == tag::context_constructed(1) => {
            Status::Revoked(read_time(&mut Elements::new(status.value), "revocationTime")?)
        }
        unknown if unknown == tag::context(2) && status.value.is_empty() => Status::Unknown,
        _ => return Err(OcspProblem::Malformed("certStatus")),
    };
    let this_update = read_time(&mut fields, "thisUpdate")?;
    let next_update = match fields.optional(tag::context_constructed(0), "nextUpdate")? {
        None => None,
        Some(inside) => {
            let mut inside = Elements::new(inside);
            let time = read_time(&mut inside, "nextUpdate")?;
            inside.end("nextUpdate")?;
            Some(time)
        }
    };
    fields.optional(tag::context_constructed(1), "singleExtensions")?;
    fields.end("SingleResponse")?;
    Ok(Answer { hash, issuer_name_hash, issuer_key_hash, serial_number, status, this_update, next_update })
}

impl From<Error> for OcspProblem {
    fn from(error: Error) -> OcspProblem {
        match error {
            Error::Malformed(what) => OcspProblem::Malformed(what),
            _ => OcspProblem::Malformed(WHAT),
        }
    }
}

impl fmt::Display for OcspProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OcspProblem::Malformed(what) => write!(f, "it is no OCSP response in DER, or a damaged one: {what}"),
            OcspProblem::TooLong => f.write_str("it has more than 16 KiB, and is no OCSP response"),
            OcspProblem::NotSuccessful(status) => {
                write!(f, "the responder did not answer ({status}): ask it again")
            }
            OcspProblem::OtherCertificate => f.write_str(
                "it is about another certificate (serial number, or issuer): ask for one about this certificate",
            ),
            OcspProblem::Revoked(since) => {
                write!(f, "it says that the certificate was revoked on {}: another is needed", Date(*since))
            }
            OcspProblem::Unknown => f.write_str("it says that the responder does not know the certificate"),
            OcspProblem::Stale(staleness) => write!(f, "it {staleness}: fetch a new one"),
        }
    }
}

impl core::error::Error for OcspProblem {}

impl fmt::Debug for OcspResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OcspResponse").field("answers", &self.answers.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Staple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until: String = alloc::format!("{}", Date(self.next_update));
        f.debug_struct("Staple").field("until", &until).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
