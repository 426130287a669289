//! Private keys: loading, making and signing. ECDSA on P-256 and P-384, Ed25519, and RSA (which signs RSA-PSS in TLS 1.3).

use crate::signature::rsa_size_is_acceptable;
use alloc::boxed::Box;
use alloc::vec::Vec;
use crypto::signature::BoxedSigningKey;
use crypto::{
    KeyKind, KeyRejected, PrivateKeyFormat, PublicKeyAlgorithm, SecretBytes, SignatureScheme, SigningFailed, SigningKey,
};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaEncoding,
    RsaKeyPair,
};

/// Reads a private key. Elliptic-curve keys must hold their public half, as every common tool writes it; RSA keys have
/// 2048 to 4096 bits.
pub fn load_key(format: PrivateKeyFormat, key: &[u8]) -> Result<BoxedSigningKey, KeyRejected> {
    match format {
        PrivateKeyFormat::Pkcs8 => load_pkcs8(key),
        PrivateKeyFormat::Sec1 => {
            // Which curve it is may be written in the key or not; ring finds out from lengths and the public half.
            let load = |curve: &Curve| curve.load(&curve.wrap_sec1(key)?);
            load(&P256).or_else(|KeyRejected| load(&P384))
        }
        PrivateKeyFormat::Pkcs1 => Rsa::accept(RsaKeyPair::from_der(key)),
    }
}

/// Makes a private key, as PKCS #8.
pub fn generate_key(kind: KeyKind) -> Result<SecretBytes, KeyRejected> {
    let random = SystemRandom::new();
    let document = match kind {
        KeyKind::EcP256 => EcdsaKeyPair::generate_pkcs8(P256.algorithm, &random),
        KeyKind::Ed25519 => Ed25519KeyPair::generate_pkcs8(&random),
    };
    Ok(SecretBytes::new(document.map_err(|_| KeyRejected)?.as_ref()))
}

/// The algorithm is written in the key; ring looks at it before anything else.
fn load_pkcs8(key: &[u8]) -> Result<BoxedSigningKey, KeyRejected> {
    P256.load(key)
        .or_else(|KeyRejected| P384.load(key))
        .or_else(|KeyRejected| Ed25519::load(key))
        .or_else(|KeyRejected| Rsa::accept(RsaKeyPair::from_pkcs8(key)))
}

struct Curve {
    algorithm: &'static ring::signature::EcdsaSigningAlgorithm,
    key: PublicKeyAlgorithm,
    scheme: SignatureScheme,
    /// The AlgorithmIdentifier in DER: id-ecPublicKey and the curve (RFC 5480 section 2.1.1).
    algorithm_identifier: &'static [u8],
}

static P256: Curve = Curve {
    algorithm: &ECDSA_P256_SHA256_ASN1_SIGNING,
    key: PublicKeyAlgorithm::EcP256,
    scheme: SignatureScheme::ECDSA_SECP256R1_SHA256,
    algorithm_identifier: &[
        0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        0x03, 0x01, 0x07,
    ],
};

static P384: Curve = Curve {
    algorithm: &ECDSA_P384_SHA384_ASN1_SIGNING,
    key: PublicKeyAlgorithm::EcP384,
    scheme: SignatureScheme::ECDSA_SECP384R1_SHA384,
    algorithm_identifier: &[
        0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22,
    ],
};

impl Curve {
    fn load(&self, pkcs8: &[u8]) -> Result<BoxedSigningKey, KeyRejected> {
        let pair = EcdsaKeyPair::from_pkcs8(self.algorithm, pkcs8, &SystemRandom::new()).map_err(|_| KeyRejected)?;
        Ok(Box::new(Ecdsa { pair, algorithm: self.algorithm, key: self.key, scheme: self.scheme }))
    }

    /// PrivateKeyInfo (RFC 5208 section 5): version 0, this algorithm, and the ECPrivateKey in an octet string.
    fn wrap_sec1(&self, sec1: &[u8]) -> Result<SecretBytes, KeyRejected> {
        const VERSION_0: &[u8] = &[0x02, 0x01, 0x00];
        let private_key = der(0x04, &[sec1])?;
        der(0x30, &[VERSION_0, self.algorithm_identifier, &private_key])
    }
}

/// A DER element of this tag whose content is `parts`. No elliptic-curve key comes near 64 KiB.
fn der(tag: u8, parts: &[&[u8]]) -> Result<SecretBytes, KeyRejected> {
    let content_len: usize = parts.iter().map(|part| part.len()).sum();
    let [high, low] = u16::try_from(content_len).map_err(|_| KeyRejected)?.to_be_bytes();
    Ok(SecretBytes::with_capacity(content_len + 4, |out| {
        match (high, low) {
            (0, 0..=0x7f) => out.extend_from_slice(&[tag, low]),
            (0, _) => out.extend_from_slice(&[tag, 0x81, low]),
            _ => out.extend_from_slice(&[tag, 0x82, high, low]),
        }
        parts.iter().for_each(|part| out.extend_from_slice(part));
    }))
}

struct Ecdsa {
    pair: EcdsaKeyPair,
    algorithm: &'static ring::signature::EcdsaSigningAlgorithm,
    key: PublicKeyAlgorithm,
    scheme: SignatureScheme,
}

impl SigningKey for Ecdsa {
    fn public_key_algorithm(&self) -> PublicKeyAlgorithm {
        self.key
    }

    fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    fn schemes(&self) -> &[SignatureScheme] {
        core::slice::from_ref(&self.scheme)
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        if scheme != self.scheme {
            return Err(SigningFailed);
        }
        let signature = self.pair.sign(&SystemRandom::new(), message).map_err(|_| SigningFailed)?;
        Ok(Vec::from(signature.as_ref()))
    }
}

/// ring wipes nothing, and its memory cannot be reached; so another key is put in the place of this one. It is as long, and
/// of numbers only. Without random bytes the key stays, which nothing can be done about.
impl Drop for Ecdsa {
    fn drop(&mut self) {
        let random = SystemRandom::new();
        let other = EcdsaKeyPair::generate_pkcs8(self.algorithm, &random).ok();
        let other = other.and_then(|other| EcdsaKeyPair::from_pkcs8(self.algorithm, other.as_ref(), &random).ok());
        if let Some(other) = other {
            self.pair = other;
            core::hint::black_box(&mut self.pair);
        }
    }
}

struct Ed25519(Ed25519KeyPair);

/// As for [`Ecdsa`].
impl Drop for Ed25519 {
    fn drop(&mut self) {
        if let Ok(other) = Ed25519KeyPair::from_seed_unchecked(&[0; 32]) {
            self.0 = other;
            core::hint::black_box(&mut self.0);
        }
    }
}

impl Ed25519 {
    /// Version 1 of the format has no public half; then it is computed.
    fn load(pkcs8: &[u8]) -> Result<BoxedSigningKey, KeyRejected> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| KeyRejected)?;
        Ok(Box::new(Ed25519(pair)))
    }
}

impl SigningKey for Ed25519 {
    fn public_key_algorithm(&self) -> PublicKeyAlgorithm {
        PublicKeyAlgorithm::Ed25519
    }

    fn public_key(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &[SignatureScheme::ED25519]
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        if scheme != SignatureScheme::ED25519 {
            return Err(SigningFailed);
        }
        Ok(Vec::from(self.0.sign(message).as_ref()))
    }
}

/// ring keeps the numbers of an RSA key in memory of its own, which nobody can wipe.
struct Rsa(RsaKeyPair);

impl Rsa {
    fn accept(pair: Result<RsaKeyPair, ring::error::KeyRejected>) -> Result<BoxedSigningKey, KeyRejected> {
        let pair = pair.map_err(|_| KeyRejected)?;
        if !rsa_size_is_acceptable(pair.public().as_ref()) {
            return Err(KeyRejected);
        }
        Ok(Box::new(Rsa(pair)))
    }
}

impl SigningKey for Rsa {
    fn public_key_algorithm(&self) -> PublicKeyAlgorithm {
        PublicKeyAlgorithm::Rsa
    }

    fn public_key(&self) -> &[u8] {
        self.0.public().as_ref()
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &[
            SignatureScheme::RSA_PSS_RSAE_SHA256,
            SignatureScheme::RSA_PSS_RSAE_SHA384,
            SignatureScheme::RSA_PSS_RSAE_SHA512,
        ]
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let padding: &dyn RsaEncoding = match scheme {
            SignatureScheme::RSA_PSS_RSAE_SHA256 => &ring::signature::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_RSAE_SHA384 => &ring::signature::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_RSAE_SHA512 => &ring::signature::RSA_PSS_SHA512,
            _ => return Err(SigningFailed),
        };
        let mut signature = alloc::vec![0; self.0.public().modulus_len()];
        self.0.sign(padding, &SystemRandom::new(), message, &mut signature).map_err(|_| SigningFailed)?;
        Ok(signature)
    }
}

#[cfg(test)]
mod tests;
