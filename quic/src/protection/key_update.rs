//! Generations of 1-RTT keys (RFC 9001 section 6).
//!
//! Each generation's secret is made of the one before; the key phase bit of short headers changes from one to the next.
//! Header-protection keys never change (section 6.1).

use crate::wire::version::Version;
use crypto::{CipherSuite, Secret, hkdf};

/// What one generation of keys is made of.
#[derive(Clone)]
pub(crate) struct Generation {
    /// The suite that TLS negotiated.
    pub suite: &'static CipherSuite,
    /// The version, which has its own labels.
    pub version: Version,
    /// The traffic secret of this generation.
    pub secret: Secret,
    /// The key phase bit of its packets.
    pub phase: bool,
    /// The keys were never updated: header-protection keys are made of this secret, too.
    pub is_first: bool,
}

impl Generation {
    /// The one that TLS gives.
    pub(crate) fn first(suite: &'static CipherSuite, version: Version, secret: Secret) -> Generation {
        Generation { suite, version, secret, phase: false, is_first: true }
    }

    /// The one after this.
    pub(crate) fn next(&self) -> Generation {
        let secret = next_secret(self.suite, self.version, &self.secret);
        Generation { secret, phase: !self.phase, is_first: false, ..*self }
    }
}

/// The secret that follows `secret` (RFC 9001 section 6.1).
pub(crate) fn next_secret(suite: &CipherSuite, version: Version, secret: &Secret) -> Secret {
    let row = version.row().expect("keys are made for a version that is spoken here");
    hkdf::expand_label_secret(suite.hash, secret, row.key_update_label, &[])
}
