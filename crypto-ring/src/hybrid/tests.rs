use super::{CIPHERTEXT_LEN, ENCAPSULATION_KEY_LEN, X25519MLKEM768};
use crate::SystemRandom;
use crate::key_exchange::X25519;
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::Random;
use crypto::{KeyExchange, KeyExchangeError, NamedGroup, Offer};

/// Points of small order, which give the all-zero secret.
const SMALL_ORDER: [[u8; 32]; 2] = [[0; 32], {
    let mut one = [0; 32];
    one[0] = 1;
    one
}];

fn offer() -> Box<dyn Offer> {
    X25519MLKEM768.offer(&mut SystemRandom::new()).unwrap()
}

fn accept(share: &[u8]) -> Result<Vec<u8>, KeyExchangeError> {
    X25519MLKEM768.accept(share, &mut SystemRandom::new()).map(|accepted| accepted.share)
}

fn assert_bad(result: Result<impl Sized, KeyExchangeError>) {
    assert_eq!(result.err(), Some(KeyExchangeError::BadShare));
}

#[test]
fn both_sides_come_to_the_same_secret() {
    let offer = offer();
    let accepted = X25519MLKEM768.accept(offer.share(), &mut SystemRandom::new()).unwrap();
    assert_eq!((offer.share().len(), accepted.share.len()), (1216, 1120));
    let secret = offer.finish(&accepted.share).unwrap();
    assert_eq!(secret.as_bytes(), accepted.secret.as_bytes());
    assert_eq!(secret.as_bytes().len(), 64);
}

/// The order of the parts: ML-KEM's first, then X25519's, in both shares and in the secret.
#[test]
fn the_parts_are_in_their_order() {
    struct Fixed(u8);
    impl Random for Fixed {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }
    let offer = X25519MLKEM768.offer(&mut Fixed(1)).unwrap();
    let key = ml_kem::DecapsulationKey::from_seed(&[1; 64]);
    assert_eq!(offer.share()[..ENCAPSULATION_KEY_LEN], key.encapsulation_key()[..]);
    let (group, x25519_share) = offer.part().unwrap();
    assert_eq!((group, x25519_share), (NamedGroup::X25519, &offer.share()[ENCAPSULATION_KEY_LEN..]));

    let accepted = X25519MLKEM768.accept(offer.share(), &mut Fixed(2)).unwrap();
    let public = ml_kem::EncapsulationKey::from_bytes(key.encapsulation_key()).unwrap();
    let (ciphertext, secret) = public.encapsulate(&[2; 32]);
    assert_eq!(accepted.share[..CIPHERTEXT_LEN], ciphertext);
    assert_eq!(accepted.secret.as_bytes()[..32], *secret.as_bytes());
    let x25519_share = accepted.share[CIPHERTEXT_LEN..].to_vec();
    assert_eq!(offer.finish_part(&x25519_share).unwrap().as_bytes(), &accepted.secret.as_bytes()[32..]);
}

#[test]
fn a_server_may_take_the_part_alone() {
    let random = &mut SystemRandom::new();
    let offer = offer();
    let accepted = X25519.accept(offer.part().unwrap().1, random).unwrap();
    assert_eq!(offer.finish_part(&accepted.share).unwrap().as_bytes(), accepted.secret.as_bytes());
    // What is no hybrid has no part.
    let plain = X25519.offer(random).unwrap();
    assert_eq!(plain.part(), None);
    assert_eq!(plain.finish_part(&accepted.share).unwrap_err(), KeyExchangeError::Internal);
}

/// erlang_quic 198: of every length, in both directions.
#[test]
fn t19_shares_of_any_other_length_are_bad() {
    let offered = offer().share().to_vec();
    let answered = accept(&offered).unwrap();
    let cut =
        |share: &[u8], len: usize| share.iter().copied().chain(core::iter::repeat(7)).take(len).collect::<Vec<u8>>();
    for len in 0..1300 {
        if len != offered.len() {
            assert_bad(accept(&cut(&offered, len)));
        }
        if len != answered.len() {
            assert_bad(offer().finish(&cut(&answered, len)));
        }
    }
}

#[test]
fn the_all_zero_secret_of_x25519_is_refused_in_a_hybrid_too() {
    for point in SMALL_ORDER {
        let mut share = offer().share().to_vec();
        share[ENCAPSULATION_KEY_LEN..].copy_from_slice(&point);
        assert_bad(accept(&share));
        let offer = offer();
        let mut answer = accept(offer.share()).unwrap();
        answer[CIPHERTEXT_LEN..].copy_from_slice(&point);
        assert_bad(offer.finish(&answer));
        assert_bad(self::offer().finish_part(&point));
    }
}

/// FIPS 203 section 7.2: the first, one in the middle and the last coefficient, as 3329 and as the largest there is.
#[test]
fn t19_a_key_that_is_not_reduced_is_bad() {
    let good = offer().share().to_vec();
    for at in [0, 3 * 191, 3 * 383] {
        for value in [3329u16, 4095] {
            let mut share = good.clone();
            share[at] = value as u8;
            share[at + 1] = share[at + 1] & 0xf0 | (value >> 8) as u8;
            assert_bad(accept(&share));
        }
    }
}

/// A ciphertext that was changed is no error: the two sides just have nothing in common.
#[test]
fn a_changed_ciphertext_gives_another_secret() {
    let offer = offer();
    let accepted = X25519MLKEM768.accept(offer.share(), &mut SystemRandom::new()).unwrap();
    let mut changed = accepted.share.clone();
    changed[5] ^= 1;
    let secret = offer.finish(&changed).unwrap();
    assert_ne!(secret.as_bytes()[..32], accepted.secret.as_bytes()[..32]);
    assert_eq!(secret.as_bytes()[32..], accepted.secret.as_bytes()[32..]);
}
