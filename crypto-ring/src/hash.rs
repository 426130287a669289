//! SHA-256 and SHA-384 (FIPS 180-4), and HMAC (RFC 2104) with each.

use alloc::boxed::Box;
use crypto::{Digest, Hash, HashContext, Hmac};
use ring::{digest, hmac};

/// SHA-256.
pub static SHA256: &dyn Hash = &RingHash { hash: &digest::SHA256, hmac: &hmac::HMAC_SHA256 };
/// SHA-384.
pub(crate) static SHA384: &dyn Hash = &RingHash { hash: &digest::SHA384, hmac: &hmac::HMAC_SHA384 };

struct RingHash {
    hash: &'static digest::Algorithm,
    hmac: &'static hmac::Algorithm,
}

impl Hash for RingHash {
    fn output_len(&self) -> usize {
        self.hash.output_len()
    }

    fn start(&self) -> Box<dyn HashContext> {
        Box::new(Context(digest::Context::new(self.hash)))
    }

    fn digest(&self, parts: &[&[u8]]) -> Digest {
        let mut context = digest::Context::new(self.hash);
        parts.iter().for_each(|part| context.update(part));
        Digest::new(context.finish().as_ref())
    }

    fn hmac(&self, key: &[u8], parts: &[&[u8]]) -> Digest {
        let mut context = hmac::Context::with_key(&hmac::Key::new(*self.hmac, key));
        parts.iter().for_each(|part| context.update(part));
        Digest::new(context.sign().as_ref())
    }

    fn with_hmac(&self, key: &[u8], call: &mut dyn FnMut(&Hmac<'_>)) {
        let key = hmac::Key::new(*self.hmac, key);
        call(&|message| Digest::new(hmac::sign(&key, message).as_ref()));
    }
}

struct Context(digest::Context);

impl HashContext for Context {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Finishes a copy: ring's state is a few words and one block.
    fn current(&self) -> Digest {
        Digest::new(self.0.clone().finish().as_ref())
    }
}

#[cfg(test)]
mod tests;
