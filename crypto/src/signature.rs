//! Signing and verifying. Certificates and handshakes name algorithms differently; both map to rows of one table.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// The number of a signature algorithm in TLS (RFC 9846 section 4.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignatureScheme(pub u16);

impl SignatureScheme {
    /// rsa_pkcs1_sha256: inside certificates only.
    pub const RSA_PKCS1_SHA256: SignatureScheme = SignatureScheme(0x0401);
    /// rsa_pkcs1_sha384: inside certificates only.
    pub const RSA_PKCS1_SHA384: SignatureScheme = SignatureScheme(0x0501);
    /// rsa_pkcs1_sha512: inside certificates only.
    pub const RSA_PKCS1_SHA512: SignatureScheme = SignatureScheme(0x0601);
    /// ecdsa_secp256r1_sha256.
    pub const ECDSA_SECP256R1_SHA256: SignatureScheme = SignatureScheme(0x0403);
    /// ecdsa_secp384r1_sha384.
    pub const ECDSA_SECP384R1_SHA384: SignatureScheme = SignatureScheme(0x0503);
    /// rsa_pss_rsae_sha256.
    pub const RSA_PSS_RSAE_SHA256: SignatureScheme = SignatureScheme(0x0804);
    /// rsa_pss_rsae_sha384.
    pub const RSA_PSS_RSAE_SHA384: SignatureScheme = SignatureScheme(0x0805);
    /// rsa_pss_rsae_sha512.
    pub const RSA_PSS_RSAE_SHA512: SignatureScheme = SignatureScheme(0x0806);
    /// ed25519.
    pub const ED25519: SignatureScheme = SignatureScheme(0x0807);
}

/// What kind of key a certificate holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PublicKeyAlgorithm {
    /// An elliptic-curve key on P-256: the uncompressed point.
    EcP256,
    /// An elliptic-curve key on P-384: the uncompressed point.
    EcP384,
    /// An Ed25519 key: 32 bytes.
    Ed25519,
    /// An RSA key: a DER RSAPublicKey (RFC 8017 appendix A.1.1).
    Rsa,
}

/// How something was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// ECDSA with SHA-256; the signature is a DER sequence of two integers.
    EcdsaSha256,
    /// ECDSA with SHA-384; the signature is a DER sequence of two integers.
    EcdsaSha384,
    /// Ed25519.
    Ed25519,
    /// RSA PKCS #1 v1.5 with SHA-256.
    RsaPkcs1Sha256,
    /// RSA PKCS #1 v1.5 with SHA-384.
    RsaPkcs1Sha384,
    /// RSA PKCS #1 v1.5 with SHA-512.
    RsaPkcs1Sha512,
    /// RSA-PSS with SHA-256, salt as long as the hash.
    RsaPssSha256,
    /// RSA-PSS with SHA-384, salt as long as the hash.
    RsaPssSha384,
    /// RSA-PSS with SHA-512, salt as long as the hash.
    RsaPssSha512,
}

/// Verifies one kind of signature by one kind of key.
pub trait Verifier: Send + Sync {
    /// The kind of key.
    fn public_key_algorithm(&self) -> PublicKeyAlgorithm;

    /// The kind of signature.
    fn signature_algorithm(&self) -> SignatureAlgorithm;

    /// The number of this pair in a TLS 1.3 CertificateVerify; `None` where TLS 1.3 allows it in certificates only or not
    /// at all (PKCS #1 v1.5; P-256 with SHA-384 and the other way round).
    fn scheme(&self) -> Option<SignatureScheme>;

    /// Whether `signature` over `message` is by the holder of `public_key`. An RSA key of fewer than 2048 or more than
    /// 8192 bits is refused before any mathematics.
    fn verify(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), BadSignature>;
}

/// A private key that can sign. It holds its public half as one value with it.
pub trait SigningKey: Send + Sync {
    /// The kind of its public half.
    fn public_key_algorithm(&self) -> PublicKeyAlgorithm;

    /// Its public half, in the form that [`PublicKeyAlgorithm`] says.
    fn public_key(&self) -> &[u8];

    /// What it can sign in a CertificateVerify, best first.
    fn schemes(&self) -> &[SignatureScheme];

    /// Signs `message`; `scheme` is one of `schemes`.
    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, SigningFailed>;
}

/// How the bytes of a private key are wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateKeyFormat {
    /// PrivateKeyInfo (RFC 5208), "BEGIN PRIVATE KEY".
    Pkcs8,
    /// ECPrivateKey (RFC 5915), "BEGIN EC PRIVATE KEY".
    Sec1,
    /// RSAPrivateKey (RFC 8017), "BEGIN RSA PRIVATE KEY".
    Pkcs1,
}

/// A kind of key to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256.
    EcP256,
    /// Ed25519.
    Ed25519,
}

/// The signature does not belong to key and message, or the key is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSignature;

/// Signing failed: the scheme is not one of the key's, or the primitive failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningFailed;

/// The bytes are not a private key that this provider can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRejected;

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the signature does not match")
    }
}

impl fmt::Display for SigningFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("signing failed")
    }
}

impl fmt::Display for KeyRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the private key is malformed or of a kind that cannot be used")
    }
}

impl core::error::Error for BadSignature {}
impl core::error::Error for SigningFailed {}
impl core::error::Error for KeyRejected {}

/// A private key ready to sign, as a provider hands it out.
pub type BoxedSigningKey = Box<dyn SigningKey>;
