//! Making OCSP responses, for tests and small authorities.

use crate::algorithm::signing_algorithm;
use crate::certificate::Certificate;
use crate::der::tag;
use crate::encode::{bit_string, element, object_identifier, sequence, time, unsigned};
use crate::error::Error;
use crate::oid;
use alloc::vec::Vec;
use crypto::{Provider, SigningKey};
use rustls_pki_types::CertificateDer;

/// What to say of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseRequest {
    /// Since when it is revoked, since 1970; `None` if it is good.
    pub revoked_unix: Option<u64>,
    /// From when on that is so.
    pub this_update_unix: u64,
    /// Until when that is so.
    pub next_update_unix: u64,
}

/// A response about a certificate of an authority, signed by the authority itself, as DER.
pub fn ocsp_response(
    provider: &Provider,
    authority: &CertificateDer<'_>,
    authority_key: &dyn SigningKey,
    certificate: &CertificateDer<'_>,
    request: &ResponseRequest,
) -> Result<Vec<u8>, Error> {
    let answer = answer(provider, authority, certificate, request)?;
    signed(authority, authority_key, &[answer], request.this_update_unix)
}

/// What is said of one certificate, as an element.
pub(crate) fn answer(
    provider: &Provider,
    authority: &CertificateDer<'_>,
    certificate: &CertificateDer<'_>,
    request: &ResponseRequest,
) -> Result<Vec<u8>, Error> {
    let (authority, certificate) = (Certificate::parse(authority)?, Certificate::parse(certificate)?);
    let name = sequence(&[authority.subject().contents()]);
    let (_, key) = authority.subject_public_key()?;
    let hash = |bytes: &[u8]| element(tag::OCTET_STRING, &[&provider.initial.hash.digest(&[bytes])]);
    let identifier = sequence(&[
        &sequence(&[&object_identifier(oid::SHA256)]),
        &hash(&name),
        &hash(key),
        &unsigned(certificate.serial_number()),
    ]);
    let status = match request.revoked_unix {
        None => element(tag::context(0), &[]),
        Some(since) => element(tag::context_constructed(1), &[&generalized(since)]),
    };
    let next_update = element(tag::context_constructed(0), &[&generalized(request.next_update_unix)]);
    Ok(sequence(&[&identifier, &status, &generalized(request.this_update_unix), &next_update]))
}

/// Puts answers together and signs them.
pub(crate) fn signed(
    authority: &CertificateDer<'_>,
    key: &dyn SigningKey,
    answers: &[Vec<u8>],
    produced_unix: u64,
) -> Result<Vec<u8>, Error> {
    let name = sequence(&[Certificate::parse(authority)?.subject().contents()]);
    let responder = element(tag::context_constructed(1), &[&name]);
    let data = sequence(&[&responder, &generalized(produced_unix), &sequence(&[&answers.concat()])]);
    let (algorithm, scheme) = signing_algorithm(key)?;
    let signature = key.sign(scheme, &data).map_err(|_| Error::SigningFailed)?;
    let basic = sequence(&[&data, &sequence(&[&object_identifier(algorithm)]), &bit_string(&signature)]);
    let bytes = sequence(&[&object_identifier(oid::OCSP_BASIC), &element(tag::OCTET_STRING, &[&basic])]);
    Ok(sequence(&[&element(tag::ENUMERATED, &[&[0]]), &element(tag::context_constructed(0), &[&bytes])]))
}

/// GeneralizedTime, whatever the year (RFC 6960 section 4.2.1).
fn generalized(unix: u64) -> Vec<u8> {
    let short = time(i64::try_from(unix).unwrap_or(0));
    match short.split_first() {
        // UTCTime of 2000 to 2049 and its length.
        Some((&tag::UTC_TIME, rest)) => element(tag::GENERALIZED_TIME, &[b"20", rest.get(1..).unwrap_or_default()]),
        _ => short,
    }
}
