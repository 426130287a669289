//! Requests that are signed with the key of an account (RFC 7515, RFC 7518, RFC 8555 section 6.2).

use crate::base64url;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use crypto::signature::BoxedSigningKey;
use crypto::{KeyRejected, PrivateKeyFormat, Provider, PublicKeyAlgorithm, SignatureScheme, SigningFailed};
use json::Value;

/// Bytes of a coordinate, and of each number of a signature, on P-256.
const NUMBER: usize = 32;

/// The key of an account: P-256, which signs by ES256.
pub struct AccountKey {
    key: BoxedSigningKey,
    provider: Provider,
}

/// How a request says whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signer<'a> {
    /// By the whole public key: there is no account yet.
    Key,
    /// By the URL of the account.
    Account(&'a str),
}

impl AccountKey {
    /// From PKCS #8.
    ///
    /// # Errors
    /// It is no private key on P-256.
    pub fn from_pkcs8(provider: &Provider, pkcs8: &[u8]) -> Result<AccountKey, KeyRejected> {
        let key = (provider.load_key)(PrivateKeyFormat::Pkcs8, pkcs8)?;
        let is_p256 = key.public_key_algorithm() == PublicKeyAlgorithm::EcP256;
        if is_p256 { Ok(AccountKey { key, provider: *provider }) } else { Err(KeyRejected) }
    }

    /// The public half (RFC 7518 section 6.2.1), with its members in the order of their names and without white space, as its
    /// thumbprint needs them (RFC 7638 section 3).
    fn public_jwk(&self) -> Value {
        // The uncompressed point: 4, and two coordinates.
        let [_, point @ ..] = self.key.public_key() else { return Value::Null };
        let (x, y) = point.split_at(NUMBER.min(point.len()));
        Value::object([
            ("crv", "P-256".into()),
            ("kty", "EC".into()),
            ("x", base64url::encode(x).into()),
            ("y", base64url::encode(y).into()),
        ])
    }

    /// What a challenge is answered with (RFC 8555 section 8.1): its token, and SHA-256 of the public key.
    pub fn key_authorization(&self, token: &str) -> String {
        let digest = self.provider.initial.hash.digest(&[self.public_jwk().to_string().as_bytes()]);
        [token, ".", &base64url::encode(&digest)].concat()
    }

    /// The body of a request. Without a payload it is a POST-as-GET (RFC 8555 section 6.3).
    pub(crate) fn sign(
        &self,
        signer: Signer<'_>,
        nonce: &str,
        url: &str,
        payload: Option<&Value>,
    ) -> Result<String, SigningFailed> {
        let whose = match signer {
            Signer::Key => ("jwk", self.public_jwk()),
            Signer::Account(account) => ("kid", account.into()),
        };
        let header = [("alg", "ES256".into()), whose, ("nonce", nonce.into()), ("url", url.into())];
        let header = base64url::encode(Value::object(header).to_string().as_bytes());
        let payload = payload.map(|payload| base64url::encode(payload.to_string().as_bytes())).unwrap_or_default();
        let signed = [&header, ".", &payload].concat();
        let signature = self.key.sign(SignatureScheme::ECDSA_SECP256R1_SHA256, signed.as_bytes())?;
        let signature = fixed(&signature).ok_or(SigningFailed)?;
        let body = [
            ("protected", header.into()),
            ("payload", payload.into()),
            ("signature", base64url::encode(&signature).into()),
        ];
        Ok(Value::object(body).to_string())
    }
}

/// Both numbers of a signature with as many bytes as the curve has (RFC 7518 section 3.4), out of a SEQUENCE of two INTEGERs.
pub(crate) fn fixed(der: &[u8]) -> Option<Vec<u8>> {
    let [0x30, length, numbers @ ..] = der else { return None };
    let (first, rest) = integer(numbers)?;
    let (second, rest) = integer(rest)?;
    let mut out = Vec::with_capacity(2 * NUMBER);
    for number in [first, second] {
        let digits = &number[number.iter().take_while(|byte| **byte == 0).count()..];
        out.resize(out.len() + NUMBER.checked_sub(digits.len())?, 0);
        out.extend_from_slice(digits);
    }
    (rest.is_empty() && usize::from(*length) == numbers.len()).then_some(out)
}

/// The contents of the INTEGER that begins here, and what follows it.
fn integer(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let [0x02, length, rest @ ..] = der else { return None };
    rest.split_at_checked(usize::from(*length))
}

impl core::fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // A private key is not for logs.
        f.debug_struct("AccountKey").finish_non_exhaustive()
    }
}
