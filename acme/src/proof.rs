//! How it is shown to an authority that a name leads to this server (RFC 8555 section 8, RFC 8737).

use alloc::string::String;
use crypto::Provider;

/// A kind of challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A certificate with the answer in it, shown to whoever asks for the protocol `acme-tls/1` (RFC 8737).
    TlsAlpn01,
    /// A file by plain HTTP, on port 80 (RFC 8555 section 8.3).
    Http01,
}

impl Kind {
    /// As the standards call it.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::TlsAlpn01 => "tls-alpn-01",
            Kind::Http01 => "http-01",
        }
    }
}

/// The answer to a challenge, which has to be there before the authority looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The name it is about.
    pub name: String,
    /// Where the authority will look.
    pub kind: Kind,
    /// What the answer is found by.
    pub token: String,
    /// The answer.
    pub key_authorization: String,
}

impl Proof {
    /// SHA-256 of the answer, which is in the certificate of `tls-alpn-01` (RFC 8737 section 3).
    pub fn digest(&self, provider: &Provider) -> [u8; 32] {
        let digest = provider.initial.hash.digest(&[self.key_authorization.as_bytes()]);
        *digest.first_chunk().expect("SHA-256 gives 32 bytes")
    }
}
