//! Our connection IDs: they say which connection they belong to, to us and to nobody else.
//!
//! An ID is a nonce and the connection's index, encrypted under a key of this endpoint with the nonce as the counter. So no
//! table of IDs is needed, a packet finds its connection in constant time however many there are, and two IDs of one
//! connection cannot be linked by an observer (RFC 9000 section 5.1). An ID is not a proof of anything: the connection
//! checks that it has issued it.

use crate::wire::connection_id::ConnectionId;
use alloc::boxed::Box;
use base::Random;
use crypto::header_protection::SAMPLE_LEN;
use crypto::{CipherSuite, HeaderProtectionKey};

/// Bytes of every connection ID we issue.
pub const ID_LEN: usize = 8;

const NONCE_LEN: usize = 5;
const INDEX_LEN: usize = ID_LEN - NONCE_LEN;

/// Connections that can be told apart.
pub const MAX_INDEX: u32 = 1 << (8 * INDEX_LEN);

/// Makes and reads connection IDs.
pub struct IdCodec {
    key: Box<dyn HeaderProtectionKey>,
}

impl IdCodec {
    /// With a key of its own.
    pub fn new(suite: &CipherSuite, random: &mut dyn Random) -> IdCodec {
        let mut key = [0; 32];
        random.fill(&mut key);
        let (key_bytes, _) = key.split_at(suite.aead.key_len().min(key.len()));
        let codec = IdCodec { key: suite.aead.header_protection_key(key_bytes) };
        crypto::secret::wipe(&mut key);
        codec
    }

    /// A fresh ID of the connection at `index`, which is below [`MAX_INDEX`].
    pub fn issue(&self, index: u32, random: &mut dyn Random) -> ConnectionId {
        let mut id = [0; ID_LEN];
        let (nonce, hidden) = id.split_at_mut(NONCE_LEN);
        random.fill(nonce);
        let [_, index @ ..] = index.to_be_bytes();
        for ((place, byte), mask) in hidden.iter_mut().zip(index).zip(self.mask(nonce)) {
            *place = byte ^ mask;
        }
        ConnectionId::new(&id).unwrap_or(ConnectionId::EMPTY)
    }

    /// The index in an ID, if it has the length of ours.
    #[inline]
    pub fn index(&self, id: &[u8]) -> Option<u32> {
        let id: &[u8; ID_LEN] = id.try_into().ok()?;
        let (nonce, hidden) = id.split_at(NONCE_LEN);
        let index =
            hidden.iter().zip(self.mask(nonce)).fold(0, |index, (byte, mask)| index << 8 | u32::from(byte ^ mask));
        Some(index)
    }

    fn mask(&self, nonce: &[u8]) -> [u8; INDEX_LEN] {
        let mut sample = [0; SAMPLE_LEN];
        for (place, byte) in sample.iter_mut().zip(nonce) {
            *place = *byte;
        }
        let [a, b, c, ..] = self.key.mask(&sample);
        [a, b, c]
    }
}
