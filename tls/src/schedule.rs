//! The key schedule (RFC 9846 section 7.1) as a chain of types: Early, Handshake, Main. A secret can only be derived from
//! the stage that has it, and going on to the next stage consumes the one before.

use crypto::hkdf::{expand_label, expand_label_secret, extract};
use crypto::{CipherSuite, Digest, Secret};

/// The Early Secret. Without a pre-shared key it is the same in every connection.
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
    /// The stage before the key exchange, without a pre-shared key.
    pub(crate) fn without_pre_shared_key(suite: &'static CipherSuite) -> Early {
        let zeros = Secret::zeros(suite.hash.output_len());
        Early { suite, secret: extract(suite.hash, zeros.as_bytes(), zeros.as_bytes()) }
    }

    /// The stage before the key exchange, with a pre-shared key that belongs to the suite's hash.
    pub(crate) fn with_pre_shared_key(suite: &'static CipherSuite, key: &Secret) -> Early {
        let zeros = Secret::zeros(suite.hash.output_len());
        Early { suite, secret: extract(suite.hash, zeros.as_bytes(), key.as_bytes()) }
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

    /// Adds the secret of the key exchange.
    pub(crate) fn into_handshake(self, shared: &Secret) -> Handshake {
        Handshake { suite: self.suite, secret: next(self.suite, &self.secret, shared) }
    }
}

impl Handshake {
    /// client_handshake_traffic_secret; `transcript` ends with ServerHello.
    pub(crate) fn client_traffic(&self, transcript: &Digest) -> Secret {
        expand_label_secret(self.suite.hash, &self.secret, b"c hs traffic", transcript)
    }

    /// server_handshake_traffic_secret; `transcript` ends with ServerHello.
    pub(crate) fn server_traffic(&self, transcript: &Digest) -> Secret {
        expand_label_secret(self.suite.hash, &self.secret, b"s hs traffic", transcript)
    }

    /// Goes on to the last stage, which adds nothing secret.
    pub(crate) fn into_main(self) -> Main {
        let zeros = Secret::zeros(self.suite.hash.output_len());
        Main { suite: self.suite, secret: next(self.suite, &self.secret, &zeros) }
    }
}

impl Main {
    /// client_application_traffic_secret_0; `transcript` ends with the server's Finished, as for the next two.
    pub(crate) fn client_traffic(&self, transcript: &Digest) -> Secret {
        expand_label_secret(self.suite.hash, &self.secret, b"c ap traffic", transcript)
    }

    /// server_application_traffic_secret_0.
    pub(crate) fn server_traffic(&self, transcript: &Digest) -> Secret {
        expand_label_secret(self.suite.hash, &self.secret, b"s ap traffic", transcript)
    }

    /// exporter_secret.
    pub(crate) fn exporter(&self, transcript: &Digest) -> Secret {
        expand_label_secret(self.suite.hash, &self.secret, b"exp master", transcript)
    }

    /// resumption_secret; `transcript` ends with the client's Finished.
    pub(crate) fn resumption(&self, transcript: &Digest) -> Secret {
        expand_label_secret(self.suite.hash, &self.secret, b"res master", transcript)
    }
}

/// The salt of the next stage is derived from this one over an empty transcript.
fn next(suite: &CipherSuite, secret: &Secret, input: &Secret) -> Secret {
    let empty = suite.hash.digest(&[]);
    let salt = expand_label_secret(suite.hash, secret, b"derived", &empty);
    extract(suite.hash, salt.as_bytes(), input.as_bytes())
}

/// application_traffic_secret_N+1 (RFC 9846 section 7.2), for a carrier that updates keys by KeyUpdate.
pub(crate) fn next_traffic_secret(suite: &CipherSuite, secret: &Secret) -> Secret {
    expand_label_secret(suite.hash, secret, b"traffic upd", &[])
}

/// The verify_data of a Finished (RFC 9846 section 4.5.3): the transcript before it, keyed by its sender's traffic secret.
pub(crate) fn verify_data(suite: &CipherSuite, sender_handshake_traffic: &Secret, transcript: &Digest) -> Digest {
    let finished_key = expand_label_secret(suite.hash, sender_handshake_traffic, b"finished", &[]);
    suite.hash.hmac(finished_key.as_bytes(), &[transcript])
}

/// The pre-shared key of the ticket with this nonce (RFC 9846 section 4.7.1).
pub(crate) fn ticket_secret(suite: &CipherSuite, resumption: &Secret, nonce: &[u8]) -> Secret {
    expand_label_secret(suite.hash, resumption, b"resumption", nonce)
}

/// The exporter (RFC 9846 section 7.5): fills `out` with bytes that only the two sides of this connection can know.
pub(crate) fn export(suite: &CipherSuite, exporter: &Secret, label: &[u8], context: &[u8], out: &mut [u8]) {
    let derived = expand_label_secret(suite.hash, exporter, label, &suite.hash.digest(&[]));
    expand_label(suite.hash, &derived, b"exporter", &suite.hash.digest(&[context]), out);
}

#[cfg(test)]
mod tests;
