//! Polynomials as bytes (FIPS 203 section 4.2.1): whole with twelve bits for each coefficient, compressed with ten or four, and
//! a message with one.

use crate::compression::{compress, decompress};
use crate::field::{self, Q, canonical};
use crate::lengths::{CIPHERTEXT_LEN, MESSAGE_LEN};
use crate::polynomial::{Polynomial, RANK, Vector};

/// Bytes of a polynomial as it is.
const WHOLE_LEN: usize = 384;
/// Bytes of a polynomial of a ciphertext's vector.
const TEN_BITS_LEN: usize = 320;
/// Bytes of a ciphertext's last polynomial.
const FOUR_BITS_LEN: usize = 128;

/// Bytes of a vector as it is.
pub(crate) const VECTOR_LEN: usize = RANK * WHOLE_LEN;

/// ByteEncode_12, of coefficients between -Q and Q.
pub(crate) fn encode(vector: &Vector, out: &mut [u8; VECTOR_LEN]) {
    let coefficients = vector.iter().flat_map(|polynomial| polynomial.0.as_chunks::<2>().0);
    for (bytes, [a, b]) in out.as_chunks_mut::<3>().0.iter_mut().zip(coefficients) {
        let (a, b) = (canonical(*a), canonical(*b));
        *bytes = [a as u8, (a >> 8 | b << 4) as u8, (b >> 4) as u8];
    }
}

/// ByteDecode_12. Coefficients are from 0 to 4095; those above Q stand for what is left when Q is subtracted.
pub(crate) fn decode(bytes: &[u8; VECTOR_LEN], out: &mut Vector) {
    let coefficients = out.iter_mut().flat_map(|polynomial| polynomial.0.as_chunks_mut::<2>().0);
    for (pair, bytes) in coefficients.zip(bytes.as_chunks::<3>().0) {
        *pair = twelve_bits(bytes);
    }
}

/// Whether every coefficient is below Q (FIPS 203 section 7.2). The key is public.
pub(crate) fn is_below_q(bytes: &[u8; VECTOR_LEN]) -> bool {
    bytes.as_chunks::<3>().0.iter().flat_map(twelve_bits).all(|coefficient| coefficient < Q)
}

fn twelve_bits([b0, b1, b2]: &[u8; 3]) -> [i16; 2] {
    let (b0, b1, b2) = (i16::from(*b0), i16::from(*b1), i16::from(*b2));
    [b0 | (b1 & 0xf) << 8, b1 >> 4 | b2 << 4]
}

/// A ciphertext: a vector in ten bits and a polynomial in four. Coefficients are between -Q and Q.
pub(crate) fn encode_ciphertext(u: &Vector, v: &Polynomial, out: &mut [u8; CIPHERTEXT_LEN]) {
    let (u_bytes, v_bytes) = out.split_at_mut(RANK * TEN_BITS_LEN);
    let coefficients = u.iter().flat_map(|polynomial| polynomial.0.as_chunks::<4>().0);
    for (bytes, coefficients) in u_bytes.as_chunks_mut::<5>().0.iter_mut().zip(coefficients) {
        let [a, b, c, d] = coefficients.map(compress::<10>);
        *bytes = [a as u8, (a >> 8 | b << 2) as u8, (b >> 6 | c << 4) as u8, (c >> 4 | d << 6) as u8, (d >> 2) as u8];
    }
    for (byte, coefficients) in v_bytes.iter_mut().zip(v.0.as_chunks::<2>().0) {
        let [a, b] = coefficients.map(compress::<4>);
        *byte = (a | b << 4) as u8;
    }
}

/// What [`encode_ciphertext`] wrote, with coefficients from 0 to Q.
pub(crate) fn decode_ciphertext(bytes: &[u8; CIPHERTEXT_LEN], u: &mut Vector, v: &mut Polynomial) {
    let (u_bytes, v_bytes) = bytes.split_at(RANK * TEN_BITS_LEN);
    let coefficients = u.iter_mut().flat_map(|polynomial| polynomial.0.as_chunks_mut::<4>().0);
    for (coefficients, bytes) in coefficients.zip(u_bytes.as_chunks::<5>().0) {
        let [b0, b1, b2, b3, b4] = bytes.map(u16::from);
        let compressed =
            [b0 | (b1 & 0x3) << 8, b1 >> 2 | (b2 & 0xf) << 6, b2 >> 4 | (b3 & 0x3f) << 4, b3 >> 6 | b4 << 2];
        *coefficients = compressed.map(decompress::<10>);
    }
    debug_assert_eq!(v_bytes.len(), FOUR_BITS_LEN);
    for (coefficients, byte) in v.0.as_chunks_mut::<2>().0.iter_mut().zip(v_bytes) {
        *coefficients = [byte & 0xf, byte >> 4].map(u16::from).map(decompress::<4>);
    }
}

/// Adds a message: half of Q for each bit that is set.
///
/// The bit is hidden from the compiler: one that knows that there are only two products may branch between them.
pub(crate) fn add_message(message: &[u8; MESSAGE_LEN], polynomial: &mut Polynomial) {
    for (coefficients, byte) in polynomial.0.as_chunks_mut::<8>().0.iter_mut().zip(message) {
        for (coefficient, shift) in coefficients.iter_mut().zip(0..) {
            let bit = core::hint::black_box(u16::from(byte >> shift & 1));
            *coefficient = field::add(*coefficient, decompress::<1>(bit));
        }
    }
}

/// The message whose noise this is: each coefficient, between -Q and Q, as the bit that it is nearest to.
pub(crate) fn message_of(polynomial: &Polynomial, message: &mut [u8; MESSAGE_LEN]) {
    for (byte, coefficients) in message.iter_mut().zip(polynomial.0.as_chunks::<8>().0) {
        *byte = 0;
        for (coefficient, shift) in coefficients.iter().zip(0..) {
            *byte |= (compress::<1>(*coefficient) as u8) << shift;
        }
    }
}
