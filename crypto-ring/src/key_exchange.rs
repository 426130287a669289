//! X25519 (RFC 7748), P-256 and P-384 as TLS 1.3 uses them (RFC 9846 section 4.3.8).
//!
//! ring makes ephemeral keys from its own source of random bytes only, and that source cannot be implemented outside
//! ring. So the `random` argument is not used here: a simulation that has to be reproducible replaces this table.

use alloc::boxed::Box;
use alloc::vec::Vec;
use base::Random;
use crypto::{Accepted, KeyExchange, KeyExchangeError, NamedGroup, Offer, Secret};
use ring::agreement::{self, EphemeralPrivateKey, PublicKey, UnparsedPublicKey};
use ring::rand::SystemRandom;

/// X25519.
pub(crate) static X25519: &dyn KeyExchange =
    &RingKeyExchange { group: NamedGroup::X25519, algorithm: &agreement::X25519, share_len: 32 };
/// NIST P-256.
pub(crate) static P256: &dyn KeyExchange =
    &RingKeyExchange { group: NamedGroup::SECP256R1, algorithm: &agreement::ECDH_P256, share_len: 65 };
/// NIST P-384.
pub(crate) static P384: &dyn KeyExchange =
    &RingKeyExchange { group: NamedGroup::SECP384R1, algorithm: &agreement::ECDH_P384, share_len: 97 };

struct RingKeyExchange {
    group: NamedGroup,
    algorithm: &'static agreement::Algorithm,
    /// Bytes of a share; for the curves, those of an uncompressed point.
    share_len: usize,
}

impl RingKeyExchange {
    fn generate(&self) -> Result<RingOffer, KeyExchangeError> {
        let private = EphemeralPrivateKey::generate(self.algorithm, &SystemRandom::new());
        let private = private.map_err(|_| KeyExchangeError::Internal)?;
        let public = private.compute_public_key().map_err(|_| KeyExchangeError::Internal)?;
        Ok(RingOffer { private: Some(private), algorithm: self.algorithm, public })
    }
}

impl KeyExchange for RingKeyExchange {
    fn group(&self) -> NamedGroup {
        self.group
    }

    /// RFC 9846 section 4.3.8-10.
    fn offer(&self, _random: &mut dyn Random) -> Result<Box<dyn Offer>, KeyExchangeError> {
        Ok(Box::new(self.generate()?))
    }

    fn accept(&self, client_share: &[u8], _random: &mut dyn Random) -> Result<Accepted, KeyExchangeError> {
        // Before any work is done for a share that cannot be right.
        if client_share.len() != self.share_len {
            return Err(KeyExchangeError::BadShare);
        }
        let mut ours = self.generate()?;
        let share = Vec::from(ours.public.as_ref());
        Ok(Accepted { share, secret: ours.agree(client_share)? })
    }
}

struct RingOffer {
    /// None once it was used.
    private: Option<EphemeralPrivateKey>,
    algorithm: &'static agreement::Algorithm,
    public: PublicKey,
}

/// ring wipes nothing, and its memory cannot be reached; so a fresh key that nobody has used is put in the place of this one.
impl Drop for RingOffer {
    fn drop(&mut self) {
        if let Ok(other) = EphemeralPrivateKey::generate(self.algorithm, &SystemRandom::new()) {
            self.private = Some(other);
            core::hint::black_box(&mut self.private);
        }
    }
}

impl RingOffer {
    /// ring refuses shares of the wrong length, points that are not on the curve, and all-zero secrets
    /// (RFC 9846 section 7.4.2).
    /// RFC 9846 section 4.3.8.2-1, 7.4.2-3.
    fn agree(&mut self, peer_share: &[u8]) -> Result<Secret, KeyExchangeError> {
        let peer = UnparsedPublicKey::new(self.algorithm, peer_share);
        let private = self.private.take().ok_or(KeyExchangeError::Internal)?;
        agreement::agree_ephemeral(private, &peer, Secret::new).map_err(|_| KeyExchangeError::BadShare)
    }
}

impl Offer for RingOffer {
    fn share(&self) -> &[u8] {
        self.public.as_ref()
    }

    fn finish(mut self: Box<Self>, server_share: &[u8]) -> Result<Secret, KeyExchangeError> {
        self.agree(server_share)
    }
}

#[cfg(test)]
mod tests;
