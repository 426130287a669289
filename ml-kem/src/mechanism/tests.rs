use super::{DecapsulationKey, EncapsulationKey, Rejected, replace_unless_equal};
use crate::keccak::{Shake128, Sponge, sha3_256};
use crate::lengths::{CIPHERTEXT_LEN, DECAPSULATION_KEY_LEN, ENCAPSULATION_KEY_LEN};
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use std::println;

/// Keys, ciphertexts and secrets out of one stream of bytes, and one digest of them all, as implementations of ML-KEM agree on
/// for a hundred, ten thousand and a million rounds. Each round also decapsulates random bytes, which are always rejected.
///
/// `POSTHASTE_ROUNDS` says how many: 100, 10000 or 1000000.
#[test]
fn keys_ciphertexts_and_secrets_are_those_of_other_implementations() {
    let rounds = std::env::var("POSTHASTE_ROUNDS").map_or(100, |rounds| rounds.parse().expect("a number of rounds"));
    let expected = match rounds {
        100 => "1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415",
        10_000 => "8a518cc63da366322a8e7a818c7a0d63483cb3528d34a4cf42f35d5ad73f22fc",
        1_000_000 => "424bf8f0e8ae99b78d788a6e2e8e9cdaf9773fc0c08a6f433507cb559edfd0f0",
        _ => panic!("digests are known for 100, 10000 and 1000000 rounds, not for {rounds}"),
    };
    let (mut input, mut output) = (Shake128::extendable(&[]), Sponge::<168>::new());
    for _ in 0..rounds {
        let (mut seed, mut message, mut noise) = ([0; 64], [0; 32], [0; CIPHERTEXT_LEN]);
        input.squeeze(&mut seed);
        let decapsulation_key = DecapsulationKey::from_seed(&seed);
        output.absorb(decapsulation_key.encapsulation_key());
        input.squeeze(&mut message);
        let key = EncapsulationKey::from_bytes(decapsulation_key.encapsulation_key()).unwrap();
        let (ciphertext, secret) = key.encapsulate(&message);
        output.absorb(&ciphertext);
        output.absorb(secret.as_bytes());
        assert_eq!(decapsulation_key.decapsulate(&ciphertext).unwrap().as_bytes(), secret.as_bytes());
        input.squeeze(&mut noise);
        output.absorb(decapsulation_key.decapsulate(&noise).unwrap().as_bytes());
    }
    let mut digest = [0; 32];
    output.end_of_input(Shake128::EXTENDABLE);
    output.squeeze(&mut digest);
    let digest: Vec<_> = digest.iter().map(|byte| alloc::format!("{byte:02x}")).collect();
    assert_eq!(digest.concat(), expected);
    println!("{rounds} rounds");
}

fn key_pair() -> DecapsulationKey {
    DecapsulationKey::from_seed(&core::array::from_fn(|i| (i * 5) as u8))
}

fn bytes_of(key: &DecapsulationKey) -> [u8; DECAPSULATION_KEY_LEN] {
    let mut bytes = [0; DECAPSULATION_KEY_LEN];
    key.to_bytes(&mut bytes);
    bytes
}

#[test]
fn every_other_length_is_rejected() {
    let key = key_pair();
    for len in (0..3000).chain([65_536]) {
        let bytes = vec![0; len];
        let expects = |expected| Rejected::Length { expected, found: len };
        if len != ENCAPSULATION_KEY_LEN {
            assert_eq!(EncapsulationKey::from_bytes(&bytes).unwrap_err(), expects(ENCAPSULATION_KEY_LEN));
        }
        if len != DECAPSULATION_KEY_LEN {
            assert_eq!(DecapsulationKey::from_bytes(&bytes).unwrap_err(), expects(DECAPSULATION_KEY_LEN));
        }
        if len != CIPHERTEXT_LEN {
            assert_eq!(key.decapsulate(&bytes).unwrap_err(), expects(CIPHERTEXT_LEN));
        }
    }
}

/// All 767 values that twelve bits can have and a coefficient cannot, at each of the 768 places.
#[test]
fn every_coefficient_that_is_not_below_q_is_rejected() {
    let good = *key_pair().encapsulation_key();
    let mut bytes = good;
    let mut set = |place: usize, value: u16| {
        let at = place / 2 * 3;
        bytes[at..at + 3].copy_from_slice(&good[at..at + 3]);
        if place.is_multiple_of(2) {
            bytes[at] = value as u8;
            bytes[at + 1] = bytes[at + 1] & 0xf0 | (value >> 8) as u8;
        } else {
            bytes[at + 1] = bytes[at + 1] & 0x0f | (value << 4) as u8;
            bytes[at + 2] = (value >> 4) as u8;
        }
        let read = EncapsulationKey::from_bytes(&bytes).map(drop);
        bytes[at..at + 3].copy_from_slice(&good[at..at + 3]);
        read
    };
    for place in 0..768 {
        for value in [0, 1, 3327, 3328] {
            assert_eq!(set(place, value), Ok(()), "{place} {value}");
        }
        let values: Vec<u16> = if place % 97 == 0 { (3329..4096).collect() } else { vec![3329, 3330, 4095] };
        for value in values {
            assert_eq!(set(place, value), Err(Rejected::Coefficient), "{place} {value}");
        }
    }
}

#[test]
fn a_key_is_read_as_it_was_written() {
    let key = key_pair();
    let bytes = bytes_of(&key);
    let read = DecapsulationKey::from_bytes(&bytes).unwrap();
    assert_eq!(bytes_of(&read), bytes);
    let published = EncapsulationKey::from_bytes(key.encapsulation_key()).unwrap();
    let (ciphertext, secret) = published.encapsulate(&[1; 32]);
    assert_eq!(read.decapsulate(&ciphertext).unwrap().as_bytes(), secret.as_bytes());
}

/// FIPS 203 section 7.3: the hash covers the encapsulation key, and nothing else in the key.
#[test]
fn a_key_whose_hash_is_another_is_rejected() {
    let good = bytes_of(&key_pair());
    let hashed = 1152..1152 + ENCAPSULATION_KEY_LEN + 32;
    for position in 0..DECAPSULATION_KEY_LEN {
        let mut bytes = good;
        bytes[position] ^= 0x10;
        let expected = if hashed.contains(&position) { Err(Rejected::Hash) } else { Ok(()) };
        assert_eq!(DecapsulationKey::from_bytes(&bytes).map(drop), expected, "{position}");
    }
}

/// A stored key may hold any twelve bits, and an encapsulation key in it that was never checked: nothing overflows.
#[test]
fn a_key_of_the_largest_numbers_decapsulates() {
    let mut bytes = [0xff; DECAPSULATION_KEY_LEN];
    let hash = sha3_256(&[&bytes[1152..1152 + ENCAPSULATION_KEY_LEN]]);
    bytes[1152 + ENCAPSULATION_KEY_LEN..][..32].copy_from_slice(&hash);
    let key = DecapsulationKey::from_bytes(&bytes).unwrap();
    for byte in [0x00, 0x55, 0xaa, 0xff] {
        key.decapsulate(&[byte; CIPHERTEXT_LEN]).unwrap();
    }
}

/// Each changed ciphertext gives a secret of its own, which is neither the true one nor that of another change.
#[test]
fn a_changed_ciphertext_gives_another_secret() {
    let key = key_pair();
    let (good, secret) = EncapsulationKey::from_bytes(key.encapsulation_key()).unwrap().encapsulate(&[2; 32]);
    let mut secrets = vec![*secret.as_bytes()];
    for position in 0..CIPHERTEXT_LEN {
        let mut changed = good;
        changed[position] ^= 1 << (position % 8);
        let found = key.decapsulate(&changed).unwrap();
        assert_eq!(key.decapsulate(&changed).unwrap().as_bytes(), found.as_bytes());
        // J of FIPS 203: what the secret has to be, whatever was decrypted.
        let mut expected = [0; 32];
        Sponge::<136>::extendable(&[&bytes_of(&key)[2368..], &changed]).squeeze(&mut expected);
        assert_eq!(*found.as_bytes(), expected);
        secrets.push(expected);
    }
    secrets.sort_unstable();
    secrets.dedup();
    assert_eq!(secrets.len(), CIPHERTEXT_LEN + 1);
}

#[test]
fn any_difference_takes_the_other_secret() {
    let a = [5; CIPHERTEXT_LEN];
    let chosen = |b: &[u8; CIPHERTEXT_LEN]| {
        let mut secret = [0b1010_0101; 32];
        replace_unless_equal(&mut secret, &[0b0101_1010; 32], &a, b);
        secret
    };
    assert_eq!(chosen(&a), [0b1010_0101; 32]);
    for position in 0..CIPHERTEXT_LEN {
        let mut b = a;
        b[position] ^= 1 << (position % 8);
        assert_eq!(chosen(&b), [0b0101_1010; 32]);
    }
    for difference in 1..=255 {
        let mut b = a;
        b[17] ^= difference;
        assert_eq!(chosen(&b), [0b0101_1010; 32], "{difference}");
    }
}

#[test]
fn nothing_secret_is_printed_and_errors_say_what_is_wrong() {
    let key = key_pair();
    assert_eq!(alloc::format!("{key:?}"), "DecapsulationKey(..)");
    let (_, secret) = EncapsulationKey::from_bytes(key.encapsulation_key()).unwrap().encapsulate(&[2; 32]);
    assert_eq!(alloc::format!("{secret:?}"), "SharedSecret(..)");
    assert_eq!(Rejected::Length { expected: 1088, found: 7 }.to_string(), "7 bytes instead of 1088");
    assert!(Rejected::Coefficient.to_string().contains("3329"));
    assert!(Rejected::Hash.to_string().contains("hash"));
}
