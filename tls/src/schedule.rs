//! The key schedule (RFC 9846 section 7.1) as a chain of types: Early, Handshake, Main. A secret can only be derived from
//! the stage that has it, and going on to the next stage consumes the one before.

use crypto::hkdf::{
    expand_label, expand_label_secret, expand_label_secrets, extract, with_expanded_label, with_extracted,
};
use crypto::{CipherSuite, Digest, Secret};

/// The Early Secret of a pre-shared key. Without one it is the same in every connection, nothing is derived from it but the next
/// stage, and it has no value of its own here.
#[derive(Debug)]
pub(crate) struct Early {
    suite: &'static CipherSuite,
    secret: Secret,
}

/// The Handshake Secret: the key exchange is in it.
#[derive(Debug)]
pub(crate) struct Handshake {
    suite: &'static CipherSuite,
    secret: Secret,
}

/// The Main Secret, which the application's keys come from.
#[derive(Debug)]
pub(crate) struct Main {
    suite: &'static CipherSuite,
    secret: Secret,
}

impl Early {
    /// The stage before the key exchange, with a pre-shared key that belongs to the suite's hash.
    pub(crate) fn with_pre_shared_key(suite: &'static CipherSuite, key: &Secret) -> Early {
        Early { suite, secret: extract(suite.hash, zeros(suite), key.as_bytes()) }
    }

    /// The binder of the pre-shared key (RFC 9846 section 4.3.11.2); `transcript` ends where the binders begin.
    pub(crate) fn binder(&self, transcript: &Digest) -> Digest {
        let empty = self.suite.hash.digest(&[]);
        let key = expand_label_secret(self.suite.hash, &self.secret, b"res binder", &empty);
        verify_data(self.suite, &key, transcript)
    }

    /// client_early_traffic_secret; `transcript` is the ClientHello.
    pub(crate) fn client_traffic(&self, transcript: &Digest) -> Secret {
        expand_label_secret(self.suite.hash, &self.secret, b"c e traffic", transcript)
    }
}

impl Handshake {
    /// Adds the secret of the key exchange to the stage before: that of a pre-shared key, if there is one. The secret takes the
    /// place of the one that was exchanged.
    pub(crate) fn begin(suite: &'static CipherSuite, early: Option<Early>, mut shared: Secret) -> Handshake {
        let add = |early: &[u8]| next(suite, early, shared.as_bytes());
        let digest = match early {
            Some(Early { secret, .. }) => add(secret.as_bytes()),
            None => match salt_without_pre_shared_key(suite) {
                Some(salt) => suite.hash.hmac(salt, &[shared.as_bytes()]),
                None => with_extracted(suite.hash, zeros(suite), zeros(suite), add),
            },
        };
        shared.replace(&digest);
        Handshake { suite, secret: shared }
    }

    /// client_handshake_traffic_secret and server_handshake_traffic_secret; `transcript` ends with ServerHello.
    pub(crate) fn traffic(&self, transcript: &Digest) -> [Secret; 2] {
        let labels: [&[u8]; 2] = [b"c hs traffic", b"s hs traffic"];
        expand_label_secrets(self.suite.hash, self.secret.as_bytes(), labels, transcript)
    }

    /// Goes on to the last stage, which adds nothing secret and takes the place of this one.
    pub(crate) fn into_main(self) -> Main {
        let Handshake { suite, mut secret } = self;
        let digest = next(suite, secret.as_bytes(), zeros(suite));
        secret.replace(&digest);
        Main { suite, secret }
    }
}

impl Main {
    /// client_application_traffic_secret_0, server_application_traffic_secret_0 and exporter_secret; `transcript` ends with the
    /// server's Finished.
    pub(crate) fn traffic_and_exporter(&self, transcript: &Digest) -> [Secret; 3] {
        let labels: [&[u8]; 3] = [b"c ap traffic", b"s ap traffic", b"exp master"];
        expand_label_secrets(self.suite.hash, self.secret.as_bytes(), labels, transcript)
    }

    /// resumption_secret; `transcript` ends with the client's Finished.
    pub(crate) fn resumption(&self, transcript: &Digest) -> Secret {
        expand_label_secret(self.suite.hash, &self.secret, b"res master", transcript)
    }
}

/// What [`next`] derives of the Early Secret where there is no pre-shared key, with SHA-256 and with SHA-384: nine blocks of the hash
/// that a handshake is spared.
const SALT_OF_SHA_256: [u8; 32] = [
    0x6f, 0x26, 0x15, 0xa1, 0x08, 0xc7, 0x02, 0xc5, 0x67, 0x8f, 0x54, 0xfc, 0x9d, 0xba, 0xb6, 0x97, 0x16, 0xc0, 0x76,
    0x18, 0x9c, 0x48, 0x25, 0x0c, 0xeb, 0xea, 0xc3, 0x57, 0x6c, 0x36, 0x11, 0xba,
];
const SALT_OF_SHA_384: [u8; 48] = [
    0x15, 0x91, 0xda, 0xc5, 0xcb, 0xbf, 0x03, 0x30, 0xa4, 0xa8, 0x4d, 0xe9, 0xc7, 0x53, 0x33, 0x0e, 0x92, 0xd0, 0x1f,
    0x0a, 0x88, 0x21, 0x4b, 0x44, 0x64, 0x97, 0x2f, 0xd6, 0x68, 0x04, 0x9e, 0x93, 0xe5, 0x2f, 0x2b, 0x16, 0xfa, 0xd9,
    0x22, 0xfd, 0xc0, 0x58, 0x44, 0x78, 0x42, 0x8f, 0x28, 0x2b,
];

/// The same by suite; `None` for one that is not of RFC 9846.
fn salt_without_pre_shared_key(suite: &CipherSuite) -> Option<&'static [u8]> {
    match suite.id {
        CipherSuite::AES_128_GCM_SHA256 | CipherSuite::CHACHA20_POLY1305_SHA256 => Some(&SALT_OF_SHA_256),
        CipherSuite::AES_256_GCM_SHA384 => Some(&SALT_OF_SHA_384),
        _ => None,
    }
}

/// The salt of the next stage is derived from this one over an empty transcript.
fn next(suite: &CipherSuite, secret: &[u8], input: &[u8]) -> Digest {
    let empty = suite.hash.digest(&[]);
    with_expanded_label(suite.hash, secret, b"derived", &empty, |salt| suite.hash.hmac(salt, &[input]))
}

/// As many zeros as the hash has bytes, for the steps that have no input.
fn zeros(suite: &CipherSuite) -> &'static [u8] {
    const ZEROS: &[u8] = &[0; Secret::MAX_LEN];
    ZEROS.get(..suite.hash.output_len()).expect("no hash is longer than a secret")
}

/// application_traffic_secret_N+1 (RFC 9846 section 7.2), for a carrier that updates keys by KeyUpdate.
pub(crate) fn next_traffic_secret(suite: &CipherSuite, secret: &Secret) -> Secret {
    expand_label_secret(suite.hash, secret, b"traffic upd", &[])
}

/// The verify_data of a Finished (RFC 9846 section 4.5.3): the transcript before it, keyed by its sender's traffic secret.
pub(crate) fn verify_data(suite: &CipherSuite, sender_handshake_traffic: &Secret, transcript: &Digest) -> Digest {
    let authenticate = |finished_key: &[u8]| suite.hash.hmac(finished_key, &[transcript]);
    with_expanded_label(suite.hash, sender_handshake_traffic.as_bytes(), b"finished", &[], authenticate)
}

/// The pre-shared key of the ticket with this nonce (RFC 9846 section 4.7.1).
pub(crate) fn ticket_secret(suite: &CipherSuite, resumption: &Secret, nonce: &[u8]) -> Secret {
    expand_label_secret(suite.hash, resumption, b"resumption", nonce)
}

/// The exporter (RFC 9846 section 7.5): fills `out` with bytes that only the two sides of this connection can know.
/// RFC 9846 section 7.5-1.
pub(crate) fn export(suite: &CipherSuite, exporter: &Secret, label: &[u8], context: &[u8], out: &mut [u8]) {
    let derived = expand_label_secret(suite.hash, exporter, label, &suite.hash.digest(&[]));
    expand_label(suite.hash, &derived, b"exporter", &suite.hash.digest(&[context]), out);
}

#[cfg(test)]
mod tests;
