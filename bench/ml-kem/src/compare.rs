//! Our results beside those of another implementation: a key, a ciphertext, its secret, and the secret of a rejected one.

use crate::samples::Samples;
use ml_kem::{CIPHERTEXT_LEN, DecapsulationKey, EncapsulationKey, MESSAGE_LEN, SEED_LEN, SHARED_SECRET_LEN};
use rustcrypto::kem::{Decapsulate, KeyExport};
use rustcrypto::ml_kem_768::{DecapsulationKey as OtherKey, EncapsulationKey as OtherPublished};

/// Compares `rounds` times; the first difference ends the program.
pub fn run(rounds: u64) {
    let mut samples = Samples::new(1);
    for round in 0..rounds {
        compare(&mut samples, round);
    }
    println!("{rounds} keys, as many ciphertexts, secrets and secrets of rejected ciphertexts: all the same");
}

fn compare(samples: &mut Samples, round: u64) {
    let (seed, message) = (samples.bytes::<SEED_LEN>(), samples.bytes::<MESSAGE_LEN>());
    let ours = DecapsulationKey::from_seed(&seed);
    let other = OtherKey::from_seed(seed.into());
    let published: OtherPublished = other.encapsulation_key().clone();
    assert_eq!(published.to_bytes()[..], ours.encapsulation_key()[..], "key of round {round}");

    let (ciphertext, secret) =
        EncapsulationKey::from_bytes(ours.encapsulation_key()).expect("a key of ours").encapsulate(&message);
    let (other_ciphertext, other_secret) = published.encapsulate_deterministic(&message.into());
    assert_eq!(other_ciphertext[..], ciphertext[..], "ciphertext of round {round}");
    assert_eq!(<[u8; SHARED_SECRET_LEN]>::from(other_secret), *secret.as_bytes(), "secret of round {round}");

    let decapsulated = ours.decapsulate(&ciphertext).expect("a ciphertext of ours");
    assert_eq!(decapsulated.as_bytes(), secret.as_bytes(), "decapsulated secret of round {round}");
    let mut changed = ciphertext;
    changed[samples.number() as usize % CIPHERTEXT_LEN] ^= 1 << (samples.number() % 8);
    for ciphertext in [changed, samples.bytes()] {
        let rejected = ours.decapsulate(&ciphertext).expect("the right length");
        assert_ne!(rejected.as_bytes(), secret.as_bytes());
        let other_rejected = other.decapsulate(&ciphertext.into());
        assert_eq!(other_rejected[..], rejected.as_bytes()[..], "rejected ciphertext of round {round}");
    }
}
