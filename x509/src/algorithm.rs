//! Algorithm identifiers and public keys of certificates, mapped to the rows of a provider's table (RFC 5480, 5758, 4055,
//! 8410), and the lengths of RSA keys that are accepted.

use crate::der::{Elements, tag};
use crate::error::Error;
use crate::oid;
use crate::registry;
use alloc::format;
use alloc::string::String;
use crypto::{PublicKeyAlgorithm, SignatureAlgorithm, SignatureScheme, SigningKey};

/// An RSA key below this length can be broken with great effort.
const MIN_RSA_BITS: usize = 2048;
/// Longer keys make us do more arithmetic than any honest key needs.
const MAX_RSA_BITS: usize = 8192;
/// Bytes of the largest public exponent: 33 bits are what cryptographic libraries take.
const MAX_EXPONENT_LEN: usize = 5;

/// How a key signs what is made here, one way for each kind: its object identifier, and the scheme.
pub(crate) fn signing_algorithm(key: &dyn SigningKey) -> Result<(&'static [u8], SignatureScheme), Error> {
    Ok(match key.public_key_algorithm() {
        PublicKeyAlgorithm::EcP256 => (oid::ECDSA_SHA256, SignatureScheme::ECDSA_SECP256R1_SHA256),
        PublicKeyAlgorithm::EcP384 => (oid::ECDSA_SHA384, SignatureScheme::ECDSA_SECP384R1_SHA384),
        PublicKeyAlgorithm::Ed25519 => (oid::ED25519, SignatureScheme::ED25519),
        PublicKeyAlgorithm::Rsa => return Err(Error::KeyRejected),
    })
}

/// The algorithm of an AlgorithmIdentifier's contents; `None` if it is not one of ours.
pub(crate) fn signature_algorithm(identifier: &[u8]) -> Option<SignatureAlgorithm> {
    let mut elements = Elements::new(identifier);
    let algorithm = elements.value(tag::OBJECT_IDENTIFIER, "").ok()?;
    if algorithm == oid::RSA_PSS {
        return pss(&mut elements);
    }
    let (found, is_rsa) = match algorithm {
        oid::ECDSA_SHA256 => (SignatureAlgorithm::EcdsaSha256, false),
        oid::ECDSA_SHA384 => (SignatureAlgorithm::EcdsaSha384, false),
        oid::ED25519 => (SignatureAlgorithm::Ed25519, false),
        oid::RSA_SHA256 => (SignatureAlgorithm::RsaPkcs1Sha256, true),
        oid::RSA_SHA384 => (SignatureAlgorithm::RsaPkcs1Sha384, true),
        oid::RSA_SHA512 => (SignatureAlgorithm::RsaPkcs1Sha512, true),
        _ => return None,
    };
    // RFC 4055 s5: the parameters of PKCS #1 are NULL, and a reader accepts that they are left out.
    if is_rsa && !elements.is_empty() && !elements.value(tag::NULL, "").ok()?.is_empty() {
        return None;
    }
    elements.is_empty().then_some(found)
}

/// RFC 4055 s3.1: one hash for message and mask, a salt of its length; other combinations exist on paper only.
/// RFC 9846 section 4.3.3-11.
fn pss(elements: &mut Elements<'_>) -> Option<SignatureAlgorithm> {
    let mut parameters = elements.nested(tag::SEQUENCE, "").ok()?;
    let mut hash = parameters.nested(tag::context_constructed(0), "").ok()?;
    let message_hash = hash_of(&mut hash)?;
    let mut mask = parameters.nested(tag::context_constructed(1), "").ok()?;
    let mut mask_identifier = mask.nested(tag::SEQUENCE, "").ok()?;
    let is_mgf1 = mask_identifier.value(tag::OBJECT_IDENTIFIER, "").ok()? == oid::MGF1;
    let mask_hash = hash_of(&mut mask_identifier)?;
    let mut salt = parameters.nested(tag::context_constructed(2), "").ok()?;
    let (found, salt_len) = match message_hash {
        oid::SHA256 => (SignatureAlgorithm::RsaPssSha256, 32),
        oid::SHA384 => (SignatureAlgorithm::RsaPssSha384, 48),
        oid::SHA512 => (SignatureAlgorithm::RsaPssSha512, 64),
        _ => return None,
    };
    let same = is_mgf1 && mask_hash == message_hash && salt.integer("").ok()? == [salt_len];
    let ended = [*elements, parameters, hash, mask, mask_identifier, salt].iter().all(Elements::is_empty);
    (same && ended).then_some(found)
}

fn hash_of<'a>(elements: &mut Elements<'a>) -> Option<&'a [u8]> {
    let mut identifier = elements.nested(tag::SEQUENCE, "").ok()?;
    let hash = identifier.value(tag::OBJECT_IDENTIFIER, "").ok()?;
    let parameters = identifier.optional(tag::NULL, "").ok()?;
    (identifier.is_empty() && parameters.is_none_or(<[u8]>::is_empty)).then_some(hash)
}

/// What the algorithm of a signature is called.
pub(crate) fn signature_name(identifier: &[u8]) -> String {
    registry::name(algorithm_id(identifier))
}

/// Whether a signature of this algorithm can be forged by finding two certificates of one hash.
pub(crate) fn has_broken_hash(identifier: &[u8]) -> bool {
    matches!(
        algorithm_id(identifier),
        oid::RSA_MD2 | oid::RSA_MD5 | oid::RSA_SHA1 | oid::RSA_SHA1_OIW | oid::ECDSA_SHA1 | oid::DSA_SHA1
    )
}

fn algorithm_id(identifier: &[u8]) -> &[u8] {
    Elements::new(identifier).value(tag::OBJECT_IDENTIFIER, "").unwrap_or_default()
}

/// What the kind of a key is called: its curve, or else its algorithm.
pub(crate) fn key_name(identifier: &[u8]) -> String {
    let mut elements = Elements::new(identifier);
    let algorithm = elements.value(tag::OBJECT_IDENTIFIER, "").unwrap_or_default();
    let curve = elements.value(tag::OBJECT_IDENTIFIER, "").ok().filter(|_| algorithm == oid::EC_PUBLIC_KEY);
    registry::name(curve.unwrap_or(algorithm))
}

/// What can be wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadKey {
    /// Not an algorithm or curve of ours.
    Unsupported,
    /// Of the wrong length or form.
    Unacceptable,
}

/// The key in a SubjectPublicKeyInfo: the contents of its AlgorithmIdentifier, and its bits.
pub(crate) fn public_key(identifier: &[u8], key: &[u8]) -> Result<PublicKeyAlgorithm, BadKey> {
    let (found, fits) = match key_algorithm(identifier).ok_or(BadKey::Unsupported)? {
        PublicKeyAlgorithm::EcP256 => (PublicKeyAlgorithm::EcP256, key.len() == 65 && key.first() == Some(&4)),
        PublicKeyAlgorithm::EcP384 => (PublicKeyAlgorithm::EcP384, key.len() == 97 && key.first() == Some(&4)),
        PublicKeyAlgorithm::Ed25519 => (PublicKeyAlgorithm::Ed25519, key.len() == 32),
        PublicKeyAlgorithm::Rsa => (PublicKeyAlgorithm::Rsa, is_acceptable_rsa(key).unwrap_or(false)),
    };
    if fits { Ok(found) } else { Err(BadKey::Unacceptable) }
}

/// RFC 9846 section 4.3.3-1, 4.3.3-8.
fn key_algorithm(identifier: &[u8]) -> Option<PublicKeyAlgorithm> {
    let mut elements = Elements::new(identifier);
    let found = match elements.value(tag::OBJECT_IDENTIFIER, "").ok()? {
        // RFC 5480 s2.1.1: the curve is named; explicit parameters let an attacker choose the generator.
        oid::EC_PUBLIC_KEY => match elements.value(tag::OBJECT_IDENTIFIER, "").ok()? {
            oid::P256 => PublicKeyAlgorithm::EcP256,
            oid::P384 => PublicKeyAlgorithm::EcP384,
            _ => return None,
        },
        oid::RSA_ENCRYPTION if elements.value(tag::NULL, "").ok()?.is_empty() => PublicKeyAlgorithm::Rsa,
        oid::ED25519 => PublicKeyAlgorithm::Ed25519,
        _ => return None,
    };
    elements.is_empty().then_some(found)
}

/// What is to be said of a key whose kind is one of ours and that is not accepted.
pub(crate) fn unacceptable_key(identifier: &[u8], key: &[u8]) -> String {
    if key_algorithm(identifier) != Some(PublicKeyAlgorithm::Rsa) {
        return format!("{} bytes that are no point of {} in full", key.len(), key_name(identifier));
    }
    let Ok((modulus, exponent)) = rsa_numbers(key) else { return String::from("a malformed RSA key") };
    let bits = |number| bit_length(number).unwrap_or(0);
    if has_acceptable_length(bits(modulus)) {
        format!("an RSA key with an even modulus, or an exponent of {} bits that is even or 1 or long", bits(exponent))
    } else {
        format!("an RSA key of {} bits", bits(modulus))
    }
}

/// Looks at lengths only, before anything is computed with the key.
fn is_acceptable_rsa(key: &[u8]) -> Result<bool, Error> {
    let (modulus, exponent) = rsa_numbers(key)?;
    let length = has_acceptable_length(bit_length(modulus).unwrap_or(0));
    // CA/Browser Forum Baseline Requirements s6.1.6: an odd exponent of at least three.
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    let exponent_fits = exponent.len() <= MAX_EXPONENT_LEN && bit_length(exponent).is_some_and(|bits| bits > 1);
    Ok(length && is_odd(modulus) && is_odd(exponent) && exponent_fits)
}

/// CA/Browser Forum Baseline Requirements s6.1.5: whole bytes.
fn has_acceptable_length(bits: usize) -> bool {
    (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) && bits.is_multiple_of(8)
}

/// Modulus and exponent of an RSAPublicKey (RFC 8017 appendix A.1.1).
fn rsa_numbers(key: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let mut outer = Elements::new(key);
    let mut numbers = outer.nested(tag::SEQUENCE, "RSA key")?;
    outer.end("RSA key")?;
    let (modulus, exponent) = (numbers.integer("RSA key")?, numbers.integer("RSA key")?);
    numbers.end("RSA key")?;
    Ok((modulus, exponent))
}

/// Bits of a positive INTEGER's contents; `None` for a negative one.
fn bit_length(integer: &[u8]) -> Option<usize> {
    if integer.first()? & 0x80 != 0 {
        return None;
    }
    let leading = integer.iter().position(|byte| *byte != 0)?;
    let zeros = integer.get(leading)?.leading_zeros();
    Some((integer.len() - leading) * 8 - usize::try_from(zeros).ok()?)
}

#[cfg(test)]
mod tests;
