//! How QUIC-LB encrypts server ID and nonce together (QUIC-LB section 5.4): as one block if they are one, and otherwise by four
//! passes over two halves.

use super::aes::{Aes128, BLOCK_LEN};
use alloc::boxed::Box;
use crypto::header_protection::MASK_LEN;
use crypto::{CipherSuite, HeaderProtectionKey};

/// The longest half: 19 bytes, halved and rounded up.
const MAX_HALF: usize = 10;

/// What load balancers have the key of.
pub(super) enum Seal {
    /// Sixteen bytes (QUIC-LB section 5.4.1).
    Block(Box<Aes128>),
    /// Any other number (QUIC-LB section 5.4.2).
    Passes(Permutation),
}

impl Seal {
    pub(super) fn new(suite: &CipherSuite, key: &[u8; BLOCK_LEN], len: usize) -> Seal {
        if len == BLOCK_LEN {
            Seal::Block(Box::new(Aes128::new(key)))
        } else {
            Seal::Passes(Permutation::new(suite, key, len))
        }
    }

    pub(super) fn encrypt(&self, bytes: &mut [u8]) {
        match self {
            Seal::Block(aes) => in_place(bytes, |block| aes.encrypt(block)),
            Seal::Passes(permutation) => permutation.encrypt(bytes),
        }
    }

    pub(super) fn decrypt(&self, bytes: &mut [u8]) {
        match self {
            Seal::Block(aes) => in_place(bytes, |block| aes.decrypt(block)),
            Seal::Passes(permutation) => permutation.decrypt(bytes),
        }
    }
}

fn in_place(bytes: &mut [u8], change: impl Fn(&[u8; BLOCK_LEN]) -> [u8; BLOCK_LEN]) {
    let block: &mut [u8; BLOCK_LEN] = bytes.try_into().expect("a single pass is for 16 bytes");
    *block = change(block);
}

/// The first bytes of encrypted blocks.
enum Cipher {
    /// Five of them, by the provider, who has the processor do it.
    Short(Box<dyn HeaderProtectionKey>),
    /// All.
    Long(Box<Aes128>),
}

impl Cipher {
    fn first_bytes(&self, block: &[u8; BLOCK_LEN]) -> [u8; MAX_HALF] {
        let mut first = [0; MAX_HALF];
        match self {
            Cipher::Short(key) => first[..MASK_LEN].copy_from_slice(&key.mask(block)),
            Cipher::Long(aes) => first.copy_from_slice(&aes.encrypt(block)[..MAX_HALF]),
        }
        first
    }
}

/// Four passes, each of which changes one half by the other.
pub(super) struct Permutation {
    cipher: Cipher,
    len: usize,
}

type Half = [u8; MAX_HALF];

impl Permutation {
    /// For so many bytes, 4 to 19.
    pub(super) fn new(suite: &CipherSuite, key: &[u8; BLOCK_LEN], len: usize) -> Permutation {
        let is_short = len.div_ceil(2) <= MASK_LEN && suite.aead.key_len() == BLOCK_LEN;
        let cipher = if is_short {
            Cipher::Short(suite.aead.header_protection_key(key))
        } else {
            Cipher::Long(Box::new(Aes128::new(key)))
        };
        Permutation { cipher, len }
    }

    /// With the cipher that all lengths can have.
    #[cfg(test)]
    pub(super) fn with_own_cipher(key: &[u8; BLOCK_LEN], len: usize) -> Permutation {
        Permutation { cipher: Cipher::Long(Box::new(Aes128::new(key))), len }
    }

    pub(super) fn encrypt(&self, bytes: &mut [u8]) {
        let (mut left, mut right) = self.split(bytes);
        for pass in [1, 3] {
            self.change_right(pass, &left, &mut right);
            self.change_left(pass + 1, &right, &mut left);
        }
        self.join(&left, &right, bytes);
    }

    pub(super) fn decrypt(&self, bytes: &mut [u8]) {
        let (mut left, mut right) = self.split(bytes);
        for pass in [3, 1] {
            self.change_left(pass + 1, &right, &mut left);
            self.change_right(pass, &left, &mut right);
        }
        self.join(&left, &right, bytes);
    }

    const fn half(&self) -> usize {
        self.len.div_ceil(2)
    }

    const fn is_odd(&self) -> bool {
        self.len % 2 == 1
    }

    fn split(&self, bytes: &[u8]) -> (Half, Half) {
        let half = self.half();
        let (mut left, mut right) = ([0; MAX_HALF], [0; MAX_HALF]);
        left[..half].copy_from_slice(&bytes[..half]);
        right[..half].copy_from_slice(&bytes[self.len - half..]);
        self.trim_left(&mut left);
        self.trim_right(&mut right);
        (left, right)
    }

    /// The byte in the middle of an odd number is half of the one and half of the other.
    fn join(&self, left: &Half, right: &Half, bytes: &mut [u8]) {
        let half = self.half();
        bytes[self.len - half..].copy_from_slice(&right[..half]);
        if self.is_odd() {
            bytes[half - 1] |= left[half - 1];
            bytes[..half - 1].copy_from_slice(&left[..half - 1]);
        } else {
            bytes[..half].copy_from_slice(&left[..half]);
        }
    }

    fn change_left(&self, pass: u8, by: &Half, left: &mut Half) {
        self.change(pass, by, left);
        self.trim_left(left);
    }

    fn change_right(&self, pass: u8, by: &Half, right: &mut Half) {
        self.change(pass, by, right);
        self.trim_right(right);
    }

    fn change(&self, pass: u8, by: &Half, half: &mut Half) {
        let mut block = [0; BLOCK_LEN];
        block[..self.half()].copy_from_slice(&by[..self.half()]);
        block[BLOCK_LEN - 2] = self.len as u8;
        block[BLOCK_LEN - 1] = pass;
        let mask = self.cipher.first_bytes(&block);
        half.iter_mut().zip(mask).take(self.half()).for_each(|(byte, mask)| *byte ^= mask);
    }

    const fn trim_left(&self, left: &mut Half) {
        if self.is_odd() {
            left[self.half() - 1] &= 0xf0;
        }
    }

    const fn trim_right(&self, right: &mut Half) {
        if self.is_odd() {
            right[0] &= 0x0f;
        }
    }
}
