//! The keys of one direction (RFC 9846 section 5.2, 5.3, 7.2, 7.3): a key and an IV made of a traffic secret, and the number of
//! the next record.

use crate::schedule;
use alloc::boxed::Box;
use core::fmt;
use crypto::aead::NONCE_LEN;
use crypto::hkdf::expand_label;
use crypto::secret::wipe;
use crypto::{AeadKey, CipherSuite, Secret, Tag};

/// The longest key of a suite.
const MAX_KEY_LEN: usize = 32;

/// Seals, or opens, the records of one direction in their order.
pub(crate) struct TrafficKeys {
    suite: &'static CipherSuite,
    /// What the next keys are made of.
    secret: Secret,
    key: Box<dyn AeadKey>,
    iv: Secret,
    /// The number of the next record.
    sequence: u64,
}

/// Why a record was not opened or sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeysError {
    /// The numbers of these keys are used up.
    UsedUp,
    /// The record was not sealed with these keys and this number.
    NotAuthentic,
}

impl TrafficKeys {
    /// The keys that a traffic secret stands for.
    /// RFC 9846 section 5.3-1: the numbers begin at zero.
    pub(crate) fn new(suite: &'static CipherSuite, secret: Secret) -> TrafficKeys {
        let mut key = [0; MAX_KEY_LEN];
        let (used, _) = key.split_at_mut(suite.aead.key_len());
        expand_label(suite.hash, &secret, b"key", &[], used);
        let made = suite.aead.key(used);
        wipe(&mut key);
        let mut iv = [0; NONCE_LEN];
        expand_label(suite.hash, &secret, b"iv", &[], &mut iv);
        let keys = TrafficKeys { suite, secret, key: made, iv: Secret::new(&iv), sequence: 0 };
        wipe(&mut iv);
        keys
    }

    /// The keys after these (RFC 9846 section 7.2).
    pub(crate) fn update(&mut self) {
        *self = TrafficKeys::new(self.suite, schedule::next_traffic_secret(self.suite, &self.secret));
    }

    /// Records so far.
    pub(crate) const fn count(&self) -> u64 {
        self.sequence
    }

    /// How many records these keys may seal (RFC 9846 section 5.5).
    pub(crate) fn limit(&self) -> u64 {
        self.suite.aead.confidentiality_limit()
    }

    /// Encrypts the inner plaintext of the next record in place.
    pub(crate) fn seal(&mut self, header: &[u8], inner: &mut [u8]) -> Result<Tag, KeysError> {
        let (nonce, next) = self.nonce()?;
        // The only failure is a length that no record has.
        let tag = self.key.seal(nonce, header, inner).map_err(|_| KeysError::UsedUp)?;
        self.sequence = next;
        Ok(tag)
    }

    /// Decrypts the next record, which ends with its tag, in place, and gives the length of the inner plaintext. The number
    /// goes on only if the record was right.
    pub(crate) fn open(&mut self, header: &[u8], record: &mut [u8]) -> Result<usize, KeysError> {
        let (nonce, next) = self.nonce()?;
        let len = self.key.open(nonce, header, record).map_err(|_| KeysError::NotAuthentic)?;
        self.sequence = next;
        Ok(len)
    }

    /// The nonce of the next record, and the number after it.
    /// RFC 9846 section 5.3-2: numbers do not wrap.
    fn nonce(&self) -> Result<([u8; NONCE_LEN], u64), KeysError> {
        let next = self.sequence.checked_add(1).ok_or(KeysError::UsedUp)?;
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(self.iv.as_bytes());
        for (byte, number) in nonce.iter_mut().rev().zip(self.sequence.to_be_bytes().iter().rev()) {
            *byte ^= number;
        }
        Ok((nonce, next))
    }

    /// As if so many records had been protected.
    #[cfg(test)]
    pub(crate) fn set_count(&mut self, sequence: u64) {
        self.sequence = sequence;
    }
}

impl fmt::Debug for TrafficKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrafficKeys")
            .field("suite", &self.suite)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn pair() -> (TrafficKeys, TrafficKeys) {
        let secret = Secret::new(&[7; 32]);
        let suite = crypto_ring::PROVIDER.initial;
        (TrafficKeys::new(suite, secret.clone()), TrafficKeys::new(suite, secret))
    }

    fn sealed(keys: &mut TrafficKeys, text: &[u8]) -> Result<Vec<u8>, KeysError> {
        let mut record = text.to_vec();
        let tag = keys.seal(b"header", &mut record)?;
        record.extend_from_slice(&tag);
        Ok(record)
    }

    #[test]
    fn records_are_opened_in_their_order_and_once() {
        let (mut ours, mut theirs) = pair();
        let records: Vec<Vec<u8>> = (0..3).map(|_| sealed(&mut ours, b"text").unwrap()).collect();
        assert!(records[0] != records[1] && records[1] != records[2], "each has a nonce of its own");
        assert_eq!(theirs.open(b"header", &mut records[1].clone()), Err(KeysError::NotAuthentic));
        for record in &records {
            let mut record = record.clone();
            assert_eq!(theirs.open(b"other", &mut record.clone()), Err(KeysError::NotAuthentic));
            assert_eq!(theirs.open(b"header", &mut record), Ok(4));
            assert_eq!(&record[..4], b"text");
        }
        assert_eq!(theirs.open(b"header", &mut records[2].clone()), Err(KeysError::NotAuthentic));
        assert_eq!((ours.count(), theirs.count()), (3, 3));
    }

    /// RFC 9846 section 5.3-1, 4.7.3-2.
    #[test]
    fn new_keys_begin_at_zero() {
        let (mut ours, mut theirs) = pair();
        let old = sealed(&mut ours, b"text").unwrap();
        theirs.open(b"header", &mut old.clone()).unwrap();
        ours.update();
        assert_eq!(ours.count(), 0);
        let mut new = sealed(&mut ours, b"text").unwrap();
        assert_eq!(theirs.open(b"header", &mut new.clone()), Err(KeysError::NotAuthentic));
        theirs.update();
        assert_eq!(theirs.open(b"header", &mut new), Ok(4));
    }

    /// RFC 9846 section 5.3-2.
    #[test]
    fn numbers_do_not_wrap() {
        let (mut ours, mut theirs) = pair();
        ours.set_count(u64::MAX - 1);
        theirs.set_count(u64::MAX - 1);
        let mut last = sealed(&mut ours, b"text").unwrap();
        assert_eq!(theirs.open(b"header", &mut last.clone()), Ok(4));
        assert_eq!(sealed(&mut ours, b"text"), Err(KeysError::UsedUp));
        assert_eq!(theirs.open(b"header", &mut last), Err(KeysError::UsedUp));
    }
}
