//! Making revocation lists, for tests and small authorities.

use crate::algorithm::signing_algorithm;
use crate::certificate::Certificate;
use crate::der::tag;
use crate::encode::{bit_string, element, object_identifier, sequence, time, unsigned};
use crate::error::Error;
use crate::revocation_list::RevocationList;
use alloc::vec::Vec;
use crypto::SigningKey;
use rustls_pki_types::CertificateDer;

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct ListRequest {
    /// The serial numbers that are revoked, big endian.
    pub revoked: Vec<Vec<u8>>,
    /// When the list is made, since 1970: from then on it is good.
    pub this_update_unix: u64,
    /// Until when it is good.
    pub next_update_unix: u64,
}

/// A complete list of an authority, as DER.
pub fn revocation_list(
    authority: &CertificateDer<'_>,
    authority_key: &dyn SigningKey,
    request: &ListRequest,
) -> Result<Vec<u8>, Error> {
    let authority = Certificate::parse(authority)?;
    let date = seconds(request.this_update_unix);
    let entries: Vec<_> = request.revoked.iter().map(|serial| sequence(&[&unsigned(serial), &date])).collect();
    let next = Some(request.next_update_unix);
    let parts = ListParts { entries, this_update: request.this_update_unix, next_update: next, extensions: Vec::new() };
    let list = signed(&sequence(&[authority.subject().contents()]), authority_key, &parts)?;
    // What this crate makes, it also reads.
    RevocationList::read(&list)?;
    Ok(list)
}

/// What a list is made of, each part as an element.
pub(crate) struct ListParts {
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) this_update: u64,
    pub(crate) next_update: Option<u64>,
    pub(crate) extensions: Vec<Vec<u8>>,
}

/// Puts the parts together and signs them.
/// RFC 5280 section 5.1.2.6-1.
pub(crate) fn signed(issuer: &[u8], key: &dyn SigningKey, parts: &ListParts) -> Result<Vec<u8>, Error> {
    let (algorithm, scheme) = signing_algorithm(key)?;
    let algorithm = sequence(&[&object_identifier(algorithm)]);
    let all = |parts: &[Vec<u8>]| parts.concat();
    let next_update = parts.next_update.map(seconds).unwrap_or_default();
    // RFC 5280 s5.1.2.6: an empty list is left out.
    let entries = if parts.entries.is_empty() { Vec::new() } else { sequence(&[&all(&parts.entries)]) };
    let extensions = match parts.extensions.as_slice() {
        [] => Vec::new(),
        some => element(tag::context_constructed(0), &[&sequence(&[&all(some)])]),
    };
    let this_update = seconds(parts.this_update);
    let to_be_signed =
        sequence(&[&unsigned(&[1]), &algorithm, issuer, &this_update, &next_update, &entries, &extensions]);
    let signature = key.sign(scheme, &to_be_signed).map_err(|_| Error::SigningFailed)?;
    Ok(sequence(&[&to_be_signed, &algorithm, &bit_string(&signature)]))
}

fn seconds(unix: u64) -> Vec<u8> {
    time(i64::try_from(unix).unwrap_or(0))
}
