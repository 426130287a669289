//! What can be verified: ECDSA on P-256 and P-384, Ed25519, RSA PKCS #1 v1.5 and RSA-PSS.

use base::{Reader, Truncated};
use crypto::{BadSignature, PublicKeyAlgorithm, SignatureAlgorithm, SignatureScheme, Verifier};
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

/// An RSA modulus must have at least as many bits (RFC 9846 section 9.3 leaves the number to us; fewer are breakable).
pub(crate) const RSA_MIN_BITS: usize = 2048;
/// An RSA modulus may have at most as many bits: verifying costs their square.
pub(crate) const RSA_MAX_BITS: usize = 8192;

/// Every pair of key and signature. What TLS 1.3 signs a handshake with comes first.
/// RFC 9846 section 9.1-2, 4.3.3-7.
pub(crate) static VERIFIERS: &[&dyn Verifier] = &[
    &Row {
        key: PublicKeyAlgorithm::EcP256,
        signature: SignatureAlgorithm::EcdsaSha256,
        scheme: Some(SignatureScheme::ECDSA_SECP256R1_SHA256),
        algorithm: &signature::ECDSA_P256_SHA256_ASN1,
    },
    &Row {
        key: PublicKeyAlgorithm::Ed25519,
        signature: SignatureAlgorithm::Ed25519,
        scheme: Some(SignatureScheme::ED25519),
        algorithm: &signature::ED25519,
    },
    &Row {
        key: PublicKeyAlgorithm::EcP384,
        signature: SignatureAlgorithm::EcdsaSha384,
        scheme: Some(SignatureScheme::ECDSA_SECP384R1_SHA384),
        algorithm: &signature::ECDSA_P384_SHA384_ASN1,
    },
    &Row {
        key: PublicKeyAlgorithm::Rsa,
        signature: SignatureAlgorithm::RsaPssSha256,
        scheme: Some(SignatureScheme::RSA_PSS_RSAE_SHA256),
        algorithm: &signature::RSA_PSS_2048_8192_SHA256,
    },
    &Row {
        key: PublicKeyAlgorithm::Rsa,
        signature: SignatureAlgorithm::RsaPssSha384,
        scheme: Some(SignatureScheme::RSA_PSS_RSAE_SHA384),
        algorithm: &signature::RSA_PSS_2048_8192_SHA384,
    },
    &Row {
        key: PublicKeyAlgorithm::Rsa,
        signature: SignatureAlgorithm::RsaPssSha512,
        scheme: Some(SignatureScheme::RSA_PSS_RSAE_SHA512),
        algorithm: &signature::RSA_PSS_2048_8192_SHA512,
    },
    // Certificates only, from here on (RFC 9846 section 4.3.3).
    &Row {
        key: PublicKeyAlgorithm::Rsa,
        signature: SignatureAlgorithm::RsaPkcs1Sha256,
        scheme: None,
        algorithm: &signature::RSA_PKCS1_2048_8192_SHA256,
    },
    &Row {
        key: PublicKeyAlgorithm::Rsa,
        signature: SignatureAlgorithm::RsaPkcs1Sha384,
        scheme: None,
        algorithm: &signature::RSA_PKCS1_2048_8192_SHA384,
    },
    &Row {
        key: PublicKeyAlgorithm::Rsa,
        signature: SignatureAlgorithm::RsaPkcs1Sha512,
        scheme: None,
        algorithm: &signature::RSA_PKCS1_2048_8192_SHA512,
    },
    &Row {
        key: PublicKeyAlgorithm::EcP256,
        signature: SignatureAlgorithm::EcdsaSha384,
        scheme: None,
        algorithm: &signature::ECDSA_P256_SHA384_ASN1,
    },
    &Row {
        key: PublicKeyAlgorithm::EcP384,
        signature: SignatureAlgorithm::EcdsaSha256,
        scheme: None,
        algorithm: &signature::ECDSA_P384_SHA256_ASN1,
    },
];

struct Row {
    key: PublicKeyAlgorithm,
    signature: SignatureAlgorithm,
    scheme: Option<SignatureScheme>,
    algorithm: &'static dyn VerificationAlgorithm,
}

impl Verifier for Row {
    fn public_key_algorithm(&self) -> PublicKeyAlgorithm {
        self.key
    }

    fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.signature
    }

    fn scheme(&self) -> Option<SignatureScheme> {
        self.scheme
    }

    fn verify(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        // ring counts a modulus in whole bytes and so lets 2041 bits pass for 2048.
        if self.key == PublicKeyAlgorithm::Rsa && !rsa_size_is_acceptable(public_key) {
            return Err(BadSignature);
        }
        UnparsedPublicKey::new(self.algorithm, public_key).verify(message, signature).map_err(|_| BadSignature)
    }
}

/// Whether the modulus of an RSAPublicKey has an allowed number of bits. What else is wrong with it ring will say.
pub(crate) fn rsa_size_is_acceptable(public_key: &[u8]) -> bool {
    rsa_modulus_bits(public_key).is_ok_and(|bits| (RSA_MIN_BITS..=RSA_MAX_BITS).contains(&bits))
}

/// The first member of the sequence (RFC 8017 appendix A.1.1).
fn rsa_modulus_bits(public_key: &[u8]) -> Result<usize, Truncated> {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    let mut sequence = Reader::new(der_value(&mut Reader::new(public_key), SEQUENCE)?);
    let mut modulus = Reader::new(der_value(&mut sequence, INTEGER)?);
    if modulus.peek().first() == Some(&0) {
        modulus.u8()?;
    }
    let bits = modulus.remaining() * 8;
    Ok(modulus.peek().first().map_or(0, |first| bits - first.leading_zeros() as usize))
}

/// The content of a DER element. Of the forms of its length these are enough for any RSA key.
fn der_value<'a>(reader: &mut Reader<'a>, tag: u8) -> Result<&'a [u8], Truncated> {
    if reader.u8()? != tag {
        return Err(Truncated);
    }
    let len = match reader.u8()? {
        len @ 0..=0x7f => usize::from(len),
        0x81 => usize::from(reader.u8()?),
        0x82 => usize::from(reader.u16()?),
        _ => return Err(Truncated),
    };
    reader.bytes(len)
}

#[cfg(test)]
mod tests;
