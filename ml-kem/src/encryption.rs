//! The public-key encryption K-PKE (FIPS 203 section 5), which is safe only as a part of the mechanism around it.

use crate::encoding::{self, VECTOR_LEN};
use crate::field::{MONTGOMERY_2, multiply};
use crate::keccak::sha3_512;
use crate::lengths::{CIPHERTEXT_LEN, ENCAPSULATION_KEY_LEN, MESSAGE_LEN};
use crate::polynomial::{Polynomial, RANK, Vector};
use crate::product::{Multiplier, Sum};
use crate::sampling::{noise, noise_vector, uniform};
use crate::transform;
use crate::wipe::Wiped;

/// K-PKE.KeyGen (algorithm 13): fills both keys from the seed d.
pub(crate) fn generate(
    seed: &[u8; 32],
    encryption_key: &mut [u8; ENCAPSULATION_KEY_LEN],
    decryption_key: &mut [u8; VECTOR_LEN],
) {
    let (mut matrix_seed, mut noise_seed) = ([0; 32], Wiped([0; 32]));
    sha3_512(&[seed, &[RANK as u8]], &mut matrix_seed, &mut noise_seed);
    let (mut secret, mut error) = (Wiped([Polynomial::ZERO; RANK]), Wiped([Polynomial::ZERO; RANK]));
    noise_vector(&noise_seed, 0, &mut secret);
    noise_vector(&noise_seed, RANK as u8, &mut error);
    secret.iter_mut().chain(error.iter_mut()).for_each(transform::forward);

    let mut public: Vector = [Polynomial::ZERO; RANK];
    multiply_matrix(&matrix_seed, &secret, |row, column| [column, row], &mut public);
    for (row, error) in public.iter_mut().zip(error.iter()) {
        row.0.iter_mut().for_each(|a| *a = multiply(*a, MONTGOMERY_2));
        row.add(error);
        // So that it is between -Q and Q again.
        row.reduce();
    }
    encoding::encode(&secret, decryption_key);
    let (vector, seed_place) = split_key_mut(encryption_key);
    encoding::encode(&public, vector);
    *seed_place = matrix_seed;
}

/// K-PKE.Encrypt (algorithm 14).
pub(crate) fn encrypt(
    encryption_key: &[u8; ENCAPSULATION_KEY_LEN],
    message: &[u8; MESSAGE_LEN],
    randomness: &[u8; 32],
    ciphertext: &mut [u8; CIPHERTEXT_LEN],
) {
    let (vector, matrix_seed) = split_key(encryption_key);
    let (mut y, mut error) = (Wiped([Polynomial::ZERO; RANK]), Wiped([Polynomial::ZERO; RANK]));
    noise_vector(randomness, 0, &mut y);
    y.iter_mut().for_each(transform::forward);
    noise_vector(randomness, RANK as u8, &mut error);

    let mut u = Wiped([Polynomial::ZERO; RANK]);
    // The matrix is transposed here.
    multiply_matrix(matrix_seed, &y, |row, column| [row, column], &mut u);
    for (row, error) in u.iter_mut().zip(error.iter()) {
        transform::inverse(row);
        row.add(error);
        row.reduce();
    }

    let mut public: Vector = [Polynomial::ZERO; RANK];
    encoding::decode(vector, &mut public);
    let (mut v, mut last_error) = (Wiped(Polynomial::ZERO), Wiped(Polynomial::ZERO));
    inner_product(&public, &y, &mut v);
    noise(randomness, 2 * RANK as u8, &mut last_error);
    v.add(&last_error);
    encoding::add_message(message, &mut v);
    v.reduce();
    encoding::encode_ciphertext(&u, &v, ciphertext);
}

/// K-PKE.Decrypt (algorithm 15). Whatever the ciphertext, there is a message.
pub(crate) fn decrypt(
    decryption_key: &[u8; VECTOR_LEN],
    ciphertext: &[u8; CIPHERTEXT_LEN],
    message: &mut [u8; MESSAGE_LEN],
) {
    let (mut u, mut v): (Vector, Polynomial) = ([Polynomial::ZERO; RANK], Polynomial::ZERO);
    encoding::decode_ciphertext(ciphertext, &mut u, &mut v);
    u.iter_mut().for_each(transform::forward);
    let mut secret = Wiped([Polynomial::ZERO; RANK]);
    encoding::decode(decryption_key, &mut secret);
    let mut difference = Wiped(Polynomial::ZERO);
    inner_product(&secret, &u, &mut difference);
    difference.subtract_from(&v);
    difference.reduce();
    encoding::message_of(&difference, message);
}

/// The matrix of this seed times a vector of transforms, times 2^-16. Each entry is made when it is needed: the whole matrix
/// would be 4.5 KiB. `place` says what an entry of this row and column is made from.
fn multiply_matrix(seed: &[u8; 32], vector: &Vector, place: fn(u8, u8) -> [u8; 2], out: &mut Vector) {
    let mut multipliers = [const { Multiplier::new() }; RANK];
    multipliers.iter_mut().zip(vector).for_each(|(multiplier, transform)| multiplier.set(transform));
    let (mut sum, mut entry) = (Sum::new(), Polynomial::ZERO);
    for (row, out) in (0..).zip(out) {
        sum.clear();
        for (column, multiplier) in (0..).zip(&multipliers) {
            uniform(seed, place(row, column), &mut entry);
            sum.add_product(&entry, multiplier);
        }
        sum.reduce_to(out);
    }
}

/// The inner product of two vectors of transforms, no transform any more, between -Q and Q. The first has coefficients between
/// -2^12 and 2^12.
fn inner_product(left: &Vector, right: &Vector, out: &mut Polynomial) {
    let (mut sum, mut multiplier) = (Sum::new(), Multiplier::new());
    for (left, right) in left.iter().zip(right) {
        multiplier.set(right);
        sum.add_product(left, &multiplier);
    }
    sum.reduce_to(out);
    transform::inverse(out);
}

/// The vector of an encryption key, and the seed of its matrix.
fn split_key(key: &[u8; ENCAPSULATION_KEY_LEN]) -> (&[u8; VECTOR_LEN], &[u8; 32]) {
    let (vector, seed) = key.split_first_chunk().expect("a key is longer than its vector");
    (vector, seed.try_into().expect("a key ends with its seed"))
}

fn split_key_mut(key: &mut [u8; ENCAPSULATION_KEY_LEN]) -> (&mut [u8; VECTOR_LEN], &mut [u8; 32]) {
    let (vector, seed) = key.split_first_chunk_mut().expect("a key is longer than its vector");
    (vector, seed.try_into().expect("a key ends with its seed"))
}

/// Whether an encryption key is one that [`generate`] could have made, as far as that can be told (FIPS 203 section 7.2).
pub(crate) fn is_well_formed(key: &[u8; ENCAPSULATION_KEY_LEN]) -> bool {
    encoding::is_below_q(split_key(key).0)
}
