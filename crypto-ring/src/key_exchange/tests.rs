use super::{P256, P384, X25519};
use crate::SystemRandom;
use crate::hex::hex;
use alloc::vec::Vec;
use crypto::{KeyExchange, KeyExchangeError};

const ALL: [(&dyn KeyExchange, usize, usize); 3] = [(X25519, 32, 32), (P256, 65, 32), (P384, 97, 48)];

fn offer_and_accept_refuse(exchange: &dyn KeyExchange, share: &[u8]) {
    let random = &mut SystemRandom::new();
    assert_eq!(exchange.accept(share, random).unwrap_err(), KeyExchangeError::BadShare);
    assert_eq!(exchange.offer(random).unwrap().finish(share).unwrap_err(), KeyExchangeError::BadShare);
}

#[test]
fn both_sides_come_to_the_same_secret() {
    let random = &mut SystemRandom::new();
    for (exchange, share_len, secret_len) in ALL {
        let offer = exchange.offer(random).unwrap();
        let accepted = exchange.accept(offer.share(), random).unwrap();
        assert_eq!((offer.share().len(), accepted.share.len()), (share_len, share_len));
        let secret = offer.finish(&accepted.share).unwrap();
        assert_eq!(secret.as_bytes(), accepted.secret.as_bytes());
        assert_eq!(secret.as_bytes().len(), secret_len);
        let other = exchange.offer(random).unwrap().finish(&accepted.share).unwrap();
        assert_ne!(other.as_bytes(), accepted.secret.as_bytes());
    }
}

/// Each offer and each answer has a share of its own, even where the other side's is the same again.
/// RFC 9846 section 4.3.8-10.
#[test]
fn no_share_is_made_twice() {
    let random = &mut SystemRandom::new();
    for (exchange, ..) in ALL {
        let offers: [_; 3] = core::array::from_fn(|_| exchange.offer(random).unwrap());
        let answers: [_; 3] = core::array::from_fn(|_| exchange.accept(offers[0].share(), random).unwrap());
        let offered = offers.iter().map(|offer| offer.share().to_vec());
        let mut shares: Vec<Vec<u8>> = offered.chain(answers.into_iter().map(|answer| answer.share)).collect();
        shares.sort_unstable();
        shares.dedup();
        assert_eq!(shares.len(), 6);
    }
}

#[test]
fn shares_of_any_other_length_are_bad() {
    let random = &mut SystemRandom::new();
    for (exchange, share_len, _) in ALL {
        let good = exchange.offer(random).unwrap();
        for len in (0..=200).filter(|len| *len != share_len) {
            let share: Vec<u8> = good.share().iter().copied().chain(core::iter::repeat(0)).take(len).collect();
            offer_and_accept_refuse(exchange, &share);
        }
    }
}

/// RFC 7748 section 6.1: points of small order give the all-zero secret.
/// RFC 9846 section 7.4.2-3.
#[test]
fn points_of_small_order_are_bad() {
    for point in [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        offer_and_accept_refuse(X25519, &hex(point));
    }
}

/// RFC 9846 section 4.3.8.2-1.
#[test]
fn points_off_the_curve_and_in_other_forms_are_bad() {
    let random = &mut SystemRandom::new();
    for (exchange, share_len, _) in [ALL[1], ALL[2]] {
        let offer = exchange.offer(random).unwrap();
        for position in 0..share_len {
            let mut share = offer.share().to_vec();
            share[position] ^= 1;
            offer_and_accept_refuse(exchange, &share);
        }
        offer_and_accept_refuse(exchange, &alloc::vec![0; share_len]);
        offer_and_accept_refuse(exchange, &alloc::vec![0xff; share_len]);
        let mut compressed = offer.share()[..share_len / 2 + 1].to_vec();
        compressed[0] = 2;
        offer_and_accept_refuse(exchange, &compressed);
    }
}
