//! X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem): ML-KEM-768 and X25519 together, so that whoever wants the secret has to break
//! both. A share and the secret are those of ML-KEM, followed by those of X25519.

use crate::key_exchange::X25519;
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::{Random, random};
use crypto::secret::wipe;
use crypto::{Accepted, KeyExchange, KeyExchangeError, NamedGroup, Offer, Secret};
use ml_kem::{
    CIPHERTEXT_LEN, DecapsulationKey, ENCAPSULATION_KEY_LEN, EncapsulationKey, MESSAGE_LEN, Rejected, SEED_LEN,
    SHARED_SECRET_LEN, SharedSecret,
};

/// Bytes of a share and of a secret of X25519.
const X25519_LEN: usize = 32;

/// The hybrid with ring's X25519.
pub(crate) static X25519MLKEM768: Hybrid = Hybrid::new(X25519);

/// X25519MLKEM768 with any implementation of X25519. ML-KEM takes its randomness from the argument that each call has.
pub struct Hybrid {
    x25519: &'static dyn KeyExchange,
}

impl Hybrid {
    /// With this X25519.
    pub const fn new(x25519: &'static dyn KeyExchange) -> Hybrid {
        Hybrid { x25519 }
    }
}

impl KeyExchange for Hybrid {
    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }

    fn offer(&self, random: &mut dyn Random) -> Result<Box<dyn Offer>, KeyExchangeError> {
        let x25519 = self.x25519.offer(random)?;
        let mut seed: [u8; SEED_LEN] = random::array(random);
        let ml_kem = DecapsulationKey::from_seed(&seed);
        wipe(&mut seed);
        let share = [&ml_kem.encapsulation_key()[..], x25519.share()].concat();
        Ok(Box::new(HybridOffer { ml_kem, x25519, group: self.x25519.group(), share }))
    }

    fn accept(&self, client_share: &[u8], random: &mut dyn Random) -> Result<Accepted, KeyExchangeError> {
        let (key, x25519_share) = split(client_share, ENCAPSULATION_KEY_LEN)?;
        // What costs little is refused before the work that costs more.
        let key = EncapsulationKey::from_bytes(key).map_err(bad_share)?;
        let x25519 = self.x25519.accept(x25519_share, random)?;
        let mut message: [u8; MESSAGE_LEN] = random::array(random);
        let (ciphertext, secret) = key.encapsulate(&message);
        wipe(&mut message);
        let share = [&ciphertext[..], &x25519.share].concat();
        Ok(Accepted { share, secret: join(&secret, &x25519.secret) })
    }
}

struct HybridOffer {
    ml_kem: DecapsulationKey,
    x25519: Box<dyn Offer>,
    /// X25519's number.
    group: NamedGroup,
    share: Vec<u8>,
}

impl Offer for HybridOffer {
    fn share(&self) -> &[u8] {
        &self.share
    }

    fn finish(self: Box<Self>, server_share: &[u8]) -> Result<Secret, KeyExchangeError> {
        let (ciphertext, x25519_share) = split(server_share, CIPHERTEXT_LEN)?;
        let x25519 = self.x25519.finish(x25519_share)?;
        let secret = self.ml_kem.decapsulate(ciphertext).map_err(bad_share)?;
        Ok(join(&secret, &x25519))
    }

    fn part(&self) -> Option<(NamedGroup, &[u8])> {
        Some((self.group, self.x25519.share()))
    }

    fn finish_part(self: Box<Self>, server_share: &[u8]) -> Result<Secret, KeyExchangeError> {
        self.x25519.finish(server_share)
    }
}

/// The two parts of a share, of which the first has this length. Both lengths have to be right.
fn split(share: &[u8], ml_kem_len: usize) -> Result<(&[u8], &[u8]), KeyExchangeError> {
    match share.split_at_checked(ml_kem_len) {
        Some((ml_kem, x25519)) if x25519.len() == X25519_LEN => Ok((ml_kem, x25519)),
        _ => Err(KeyExchangeError::BadShare),
    }
}

fn bad_share(_: Rejected) -> KeyExchangeError {
    KeyExchangeError::BadShare
}

fn join(ml_kem: &SharedSecret, x25519: &Secret) -> Secret {
    let mut joined = [0; SHARED_SECRET_LEN + X25519_LEN];
    let parts = ml_kem.as_bytes().iter().chain(x25519.as_bytes());
    joined.iter_mut().zip(parts).for_each(|(place, byte)| *place = *byte);
    let secret = Secret::new(&joined);
    wipe(&mut joined);
    secret
}

#[cfg(test)]
mod tests;
