//! Hash functions and the HMAC made of each.

use alloc::boxed::Box;
use core::fmt;
use core::ops::Deref;

/// The HMAC under one key: of a message.
pub type Hmac<'a> = dyn Fn(&[u8]) -> Digest + 'a;

/// A hash function.
pub trait Hash: Send + Sync {
    /// Bytes of a digest.
    fn output_len(&self) -> usize;

    /// A hash in progress.
    fn start(&self) -> Box<dyn HashContext>;

    /// The digest of `parts`, one after the other.
    fn digest(&self, parts: &[&[u8]]) -> Digest;

    /// HMAC (RFC 2104) of `parts`, one after the other.
    fn hmac(&self, key: &[u8], parts: &[&[u8]]) -> Digest;

    /// Lends the HMAC under `key` for the time of `call`, for several messages: where an implementation prepares the key once,
    /// each of them costs half.
    fn with_hmac(&self, key: &[u8], call: &mut dyn FnMut(&Hmac<'_>)) {
        call(&|message| self.hmac(key, &[message]));
    }
}

/// A hash in progress, as a TLS transcript needs it: it can be read without being ended.
pub trait HashContext: Send + Sync {
    /// Appends `bytes`.
    fn update(&mut self, bytes: &[u8]);

    /// The digest of all so far.
    fn current(&self) -> Digest;
}

/// The output of a hash or an HMAC. It is wiped when it is dropped, because that of an HMAC may be a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Digest {
    bytes: [u8; Digest::MAX_LEN],
    len: u8,
}

impl Digest {
    /// SHA-512's.
    pub const MAX_LEN: usize = 64;

    /// From the bytes of a hash.
    ///
    /// # Panics
    /// If there are more than 64: no hash that TLS names has more.
    pub fn new(digest: &[u8]) -> Digest {
        assert!(digest.len() <= Self::MAX_LEN, "no hash gives {} bytes", digest.len());
        let mut bytes = [0; Self::MAX_LEN];
        for (place, byte) in bytes.iter_mut().zip(digest) {
            *place = *byte;
        }
        Digest { bytes, len: digest.len() as u8 }
    }
}

impl Drop for Digest {
    fn drop(&mut self) {
        crate::secret::wipe(&mut self.bytes);
    }
}

impl Deref for Digest {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
