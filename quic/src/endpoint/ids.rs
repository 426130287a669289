//! Our connection IDs: only this endpoint can tell from one which connection it belongs to.
//!
//! An ID is a nonce, and behind it the worker's number and the connection's index, encrypted under the layout's key with the
//! nonce as the counter. So no table of IDs is needed, a packet finds its connection in constant time however many there
//! are, and two IDs of one connection cannot be linked by an observer (RFC 9000 section 5.1). An ID is not a proof of
//! anything: the connection checks that it has issued it.

use super::id_layout::{IdLayout, MAX_LEN};
use crate::wire::connection_id::ConnectionId;
use alloc::boxed::Box;
use base::Random;
use crypto::header_protection::SAMPLE_LEN;
use crypto::{CipherSuite, HeaderProtectionKey};

/// The longest key of header protection.
const MAX_KEY_LEN: usize = 32;

/// Makes and reads connection IDs.
pub struct IdCodec {
    key: Box<dyn HeaderProtectionKey>,
    len: usize,
    nonce_len: usize,
    index_bits: u32,
    workers: u32,
    worker: u32,
}

/// What an ID says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Whose connection it is.
    pub worker: u32,
    /// The connection's index there.
    pub index: u32,
}

impl IdCodec {
    /// For a layout; without a key there, one is drawn.
    pub fn new(layout: &IdLayout, suite: &CipherSuite, random: &mut dyn Random) -> IdCodec {
        let mut bytes = [0; MAX_KEY_LEN];
        let key_len = suite.aead.key_len();
        match layout.key() {
            Some(secret) => {
                let (key, _) = bytes.split_at_mut(key_len);
                crypto::hkdf::expand_label(suite.hash, secret, b"connection ids", &[], key);
            }
            None => random.fill(&mut bytes),
        }
        let (key, _) = bytes.split_at(key_len);
        let key = suite.aead.header_protection_key(key);
        crypto::secret::wipe(&mut bytes);
        IdCodec {
            key,
            len: layout.len(),
            nonce_len: layout.len() - layout.hidden_len(),
            index_bits: layout.index_bits(),
            workers: layout.workers(),
            worker: layout.worker(),
        }
    }

    /// Bytes of each ID.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Never: see [`IdLayout::is_empty`].
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The number of this worker.
    pub const fn worker(&self) -> u32 {
        self.worker
    }

    /// Connections that can be told apart.
    pub const fn capacity(&self) -> u32 {
        1 << self.index_bits
    }

    /// A fresh ID of this worker's connection at `index`, which is below [`capacity`](IdCodec::capacity).
    /// RFC 9000 section 5.1-1, 5.1-2, 10.3.2-3, 10.3.2-4: the nonce is random and not chosen again on purpose, and the
    /// rest is encrypted.
    pub fn issue(&self, index: u32, random: &mut dyn Random) -> ConnectionId {
        assert!(index < self.capacity(), "an ID cannot hold index {index}");
        let mut id = [0; MAX_LEN];
        let (id, _) = id.split_at_mut(self.len);
        let (nonce, hidden) = id.split_at_mut(self.nonce_len);
        random.fill(nonce);
        let value = u64::from(self.worker) << self.index_bits | u64::from(index);
        let mask = self.mask(nonce);
        let count = hidden.len();
        for ((place, byte), mask) in hidden.iter_mut().rev().zip(value.to_le_bytes()).zip(mask[..count].iter().rev()) {
            *place = byte ^ mask;
        }
        ConnectionId::new(id).expect("our IDs are no longer than IDs may be")
    }

    /// What an ID says, if it can be one of this layout. Anything of the right length mostly can.
    #[inline]
    pub fn read(&self, id: &[u8]) -> Option<Named> {
        // RFC 9000 section 10.3.2-2: one length for all.
        if id.len() != self.len {
            return None;
        }
        let (nonce, hidden) = id.split_at(self.nonce_len);
        let value =
            hidden.iter().zip(self.mask(nonce)).fold(0, |value, (byte, mask)| value << 8 | u64::from(byte ^ mask));
        let worker = u32::try_from(value >> self.index_bits).ok().filter(|worker| *worker < self.workers)?;
        let index = (value & (u64::from(self.capacity()) - 1)) as u32;
        Some(Named { worker, index })
    }

    /// A nonce longer than a sample is folded, so that all of it counts.
    fn mask(&self, nonce: &[u8]) -> [u8; 5] {
        let mut sample = [0; SAMPLE_LEN];
        for piece in nonce.chunks(SAMPLE_LEN) {
            for (place, byte) in sample.iter_mut().zip(piece) {
                *place ^= *byte;
            }
        }
        self.key.mask(&sample)
    }
}

#[cfg(test)]
mod tests;
