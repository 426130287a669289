//! ring's tables with one replaced: the key exchange.
//!
//! **The key exchanges here give no security at all.** An observer of both shares has the secret, except for the part of the
//! hybrid that is ML-KEM. They exist because ring makes ephemeral keys from the operating system's random bytes only, and a simulation must give the same bytes
//! in every run. They have the numbers and lengths of real groups, so that every message looks like a real one.

use base::Random;
use crypto::{Accepted, KeyExchange, KeyExchangeError, NamedGroup, Offer, Provider, Secret};
use crypto_ring::Hybrid;
use crypto_ring::hash::SHA256;

/// An Ed25519 key, as PKCS #8, whose seed everybody knows. Ed25519 signs the same message always in the same way.
pub const SIGNING_KEY: &[u8] =
    b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20posthaste simulated signing key.";

/// What machines in a simulation are configured with. Everything but the key exchange is real.
pub fn seeded_provider() -> Provider {
    Provider { key_exchanges: KEY_EXCHANGES, ..crypto_ring::provider() }
}

static KEY_EXCHANGES: &[&dyn KeyExchange] = &[&X25519MLKEM768, &X25519, &SECP256R1];

/// ML-KEM takes its randomness from a seeded source as well as from any other, so that part is real.
static X25519MLKEM768: Hybrid = Hybrid::new(&X25519);

static X25519: ToyGroup = ToyGroup { group: NamedGroup::X25519, prefix: &[], parts: 1 };
/// The second group is there for HelloRetryRequest. Its shares look like uncompressed points.
static SECP256R1: ToyGroup = ToyGroup { group: NamedGroup::SECP256R1, prefix: &[4], parts: 2 };

/// A share is a hash of the private value, the secret a hash of both shares.
#[derive(Clone, Copy)]
struct ToyGroup {
    group: NamedGroup,
    prefix: &'static [u8],
    /// Digests of 32 bytes that make a share.
    parts: u8,
}

impl ToyGroup {
    fn share_of(&self, private: &[u8]) -> Vec<u8> {
        let mut share = self.prefix.to_vec();
        for part in 0..self.parts {
            share.extend_from_slice(&SHA256.digest(&[b"toy share", &self.group.0.to_be_bytes(), &[part], private]));
        }
        share
    }

    /// Both sides must come to the same, so the shares are put into an order.
    fn secret_of(&self, ours: &[u8], peers: &[u8]) -> Result<Secret, KeyExchangeError> {
        let is_like_ours = peers.len() == ours.len() && peers.starts_with(self.prefix);
        let is_zero = peers.iter().skip(self.prefix.len()).all(|byte| *byte == 0);
        if !is_like_ours || is_zero {
            return Err(KeyExchangeError::BadShare);
        }
        let (low, high) = (ours.min(peers), ours.max(peers));
        Ok(Secret::new(&SHA256.digest(&[b"toy secret", low, high])))
    }
}

impl KeyExchange for ToyGroup {
    fn group(&self) -> NamedGroup {
        self.group
    }

    fn offer(&self, random: &mut dyn Random) -> Result<Box<dyn Offer>, KeyExchangeError> {
        let private: [u8; 32] = base::random::array(random);
        Ok(Box::new(ToyOffer { group: *self, share: self.share_of(&private) }))
    }

    fn accept(&self, client_share: &[u8], random: &mut dyn Random) -> Result<Accepted, KeyExchangeError> {
        let private: [u8; 32] = base::random::array(random);
        let share = self.share_of(&private);
        let secret = self.secret_of(&share, client_share)?;
        Ok(Accepted { share, secret })
    }
}

struct ToyOffer {
    group: ToyGroup,
    share: Vec<u8>,
}

impl Offer for ToyOffer {
    fn share(&self) -> &[u8] {
        &self.share
    }

    fn finish(self: Box<Self>, server_share: &[u8]) -> Result<Secret, KeyExchangeError> {
        self.group.secret_of(&self.share, server_share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededRandom;
    use crypto::{PrivateKeyFormat, SignatureScheme};

    #[test]
    fn both_sides_agree_and_the_seed_decides() {
        for (group, client_len, server_len) in
            [(NamedGroup::X25519, 32, 32), (NamedGroup::SECP256R1, 65, 65), (NamedGroup::X25519MLKEM768, 1216, 1120)]
        {
            let exchange = seeded_provider().key_exchange(group).unwrap();
            let run = |seed| {
                let random = &mut SeededRandom::new(seed);
                let offer = exchange.offer(random).unwrap();
                let accepted = exchange.accept(offer.share(), random).unwrap();
                assert_eq!((offer.share().len(), accepted.share.len()), (client_len, server_len));
                assert_ne!(offer.share(), accepted.share);
                let secret = offer.finish(&accepted.share).unwrap();
                assert_eq!(secret.as_bytes(), accepted.secret.as_bytes());
                secret.as_bytes().to_vec()
            };
            assert_eq!(run(1), run(1));
            assert_ne!(run(1), run(2));
        }
        assert!(seeded_provider().key_exchange(NamedGroup::SECP384R1).is_none());
    }

    #[test]
    fn bad_shares_are_refused() {
        let random = &mut SeededRandom::new(1);
        // The hybrid has tests of its own, where it is made.
        for exchange in [&X25519, &SECP256R1] {
            let good = exchange.offer(random).unwrap().share().to_vec();
            let mut bad: Vec<Vec<u8>> = (0..good.len()).map(|len| good[..len].to_vec()).collect();
            bad.push([&good[..], &[0]].concat());
            bad.push(vec![0; good.len()]);
            for share in bad {
                assert_eq!(exchange.accept(&share, random).unwrap_err(), KeyExchangeError::BadShare);
                assert_eq!(exchange.offer(random).unwrap().finish(&share).unwrap_err(), KeyExchangeError::BadShare);
            }
        }
        let point = seeded_provider().key_exchange(NamedGroup::SECP256R1).unwrap();
        assert!(point.accept(&[5; 65], random).is_err());
    }

    #[test]
    fn the_signing_key_signs_the_same_every_time() {
        let provider = seeded_provider();
        let key = (provider.load_key)(PrivateKeyFormat::Pkcs8, SIGNING_KEY).unwrap();
        let sign = || key.sign(SignatureScheme::ED25519, b"transcript").unwrap();
        assert_eq!(sign(), sign());
        let row = provider.verifier_for_scheme(SignatureScheme::ED25519).unwrap();
        assert_eq!(row.verify(key.public_key(), b"transcript", &sign()), Ok(()));
    }
}
