//! Asking an authority for a certificate (RFC 2986).

use crate::algorithm::signing_algorithm;
use crate::der::tag;
use crate::encode::{bit_string, element, object_identifier, sequence, unsigned};
use crate::error::Error;
use crate::issue::{alternative_names, public_key};
use crate::oid;
use alloc::string::String;
use alloc::vec::Vec;
use crypto::SigningKey;

/// A certification request in DER for a certificate of these names about the public half of `key`, which signs it. The names stand in
/// subjectAltName alone, and the subject is empty.
pub fn certification_request(key: &dyn SigningKey, names: &[String]) -> Result<Vec<u8>, Error> {
    let (algorithm, scheme) = signing_algorithm(key)?;
    let names = element(tag::OCTET_STRING, &[&alternative_names(names)?]);
    let extension = sequence(&[&object_identifier(oid::SUBJECT_ALTERNATIVE_NAME), &names]);
    let extensions = element(tag::SET, &[&sequence(&[&extension])]);
    let attribute = sequence(&[&object_identifier(oid::EXTENSION_REQUEST), &extensions]);
    let to_be_signed = sequence(&[
        // Version 1.
        &unsigned(&[0]),
        &sequence(&[]),
        &public_key(key)?,
        &element(tag::context_constructed(0), &[&attribute]),
    ]);
    let signature = key.sign(scheme, &to_be_signed).map_err(|_| Error::SigningFailed)?;
    let algorithm = sequence(&[&object_identifier(algorithm)]);
    Ok(sequence(&[&to_be_signed, &algorithm, &bit_string(&signature)]))
}
