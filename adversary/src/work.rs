//! Cryptographic work, counted per thread: the cost of a flood is measured in operations, not in seconds.

use crypto::aead::NONCE_LEN;
use crypto::{
    Aead, AeadKey, BadSignature, CipherSuite, Digest, Hash, HashContext, HeaderProtectionKey, OpenError, Provider,
    PublicKeyAlgorithm, SealError, SignatureAlgorithm, SignatureScheme, Tag, Verifier,
};
use std::cell::Cell;
use std::sync::OnceLock;

/// What this thread has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Hashes, HMACs and steps of key derivation.
    pub hashes: u64,
    /// Keys of AEADs and of header protection.
    pub keys: u64,
    /// Packets sealed and opened, or tried to.
    pub packets: u64,
    /// Signatures verified, or tried to.
    pub signatures: u64,
}

thread_local! {
    static WORK: Cell<Work> = const { Cell::new(Work { hashes: 0, keys: 0, packets: 0, signatures: 0 }) };
}

fn count(step: impl FnOnce(&mut Work)) {
    let mut work = WORK.get();
    step(&mut work);
    WORK.set(work);
}

/// What `what` does.
pub fn of<T>(what: impl FnOnce() -> T) -> (T, Work) {
    let before = WORK.get();
    let result = what();
    let after = WORK.get();
    let work = Work {
        hashes: after.hashes - before.hashes,
        keys: after.keys - before.keys,
        packets: after.packets - before.packets,
        signatures: after.signatures - before.signatures,
    };
    (result, work)
}

/// The simulator's provider, with its work counted.
pub fn provider() -> Provider {
    static SUITES: OnceLock<Vec<&'static CipherSuite>> = OnceLock::new();
    static VERIFIERS: OnceLock<Vec<&'static dyn Verifier>> = OnceLock::new();
    let provider = sim::seeded_provider();
    let suites = SUITES.get_or_init(|| provider.cipher_suites.iter().map(|suite| counted(suite)).collect());
    let initial = suites.iter().copied().find(|suite| suite.id == provider.initial.id);
    let verifiers = VERIFIERS.get_or_init(|| {
        let counted = |row: &&'static dyn Verifier| &*Box::leak(Box::new(CountedVerifier(*row))) as &dyn Verifier;
        provider.verifiers.iter().map(counted).collect()
    });
    Provider { initial: initial.unwrap_or(provider.initial), cipher_suites: suites, verifiers, ..provider }
}

/// Made once for each suite, and for good.
fn counted(suite: &'static CipherSuite) -> &'static CipherSuite {
    let hash = Box::leak(Box::new(CountedHash(suite.hash)));
    let aead = Box::leak(Box::new(CountedAead(suite.aead)));
    Box::leak(Box::new(CipherSuite { hash, aead, ..*suite }))
}

struct CountedHash(&'static dyn Hash);

impl Hash for CountedHash {
    fn output_len(&self) -> usize {
        self.0.output_len()
    }

    fn start(&self) -> Box<dyn HashContext> {
        count(|work| work.hashes += 1);
        self.0.start()
    }

    fn digest(&self, parts: &[&[u8]]) -> Digest {
        count(|work| work.hashes += 1);
        self.0.digest(parts)
    }

    fn hmac(&self, key: &[u8], parts: &[&[u8]]) -> Digest {
        count(|work| work.hashes += 1);
        self.0.hmac(key, parts)
    }
}

struct CountedAead(&'static dyn Aead);

impl Aead for CountedAead {
    fn key_len(&self) -> usize {
        self.0.key_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.0.confidentiality_limit()
    }

    fn integrity_limit(&self) -> u64 {
        self.0.integrity_limit()
    }

    fn key(&self, key: &[u8]) -> Box<dyn AeadKey> {
        count(|work| work.keys += 1);
        Box::new(CountedKey(self.0.key(key)))
    }

    fn header_protection_key(&self, key: &[u8]) -> Box<dyn HeaderProtectionKey> {
        count(|work| work.keys += 1);
        self.0.header_protection_key(key)
    }
}

struct CountedKey(Box<dyn AeadKey>);

impl AeadKey for CountedKey {
    fn seal(&self, nonce: [u8; NONCE_LEN], associated_data: &[u8], payload: &mut [u8]) -> Result<Tag, SealError> {
        count(|work| work.packets += 1);
        self.0.seal(nonce, associated_data, payload)
    }

    fn open(&self, nonce: [u8; NONCE_LEN], associated_data: &[u8], payload: &mut [u8]) -> Result<usize, OpenError> {
        count(|work| work.packets += 1);
        self.0.open(nonce, associated_data, payload)
    }
}

struct CountedVerifier(&'static dyn Verifier);

impl Verifier for CountedVerifier {
    fn public_key_algorithm(&self) -> PublicKeyAlgorithm {
        self.0.public_key_algorithm()
    }

    fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.0.signature_algorithm()
    }

    fn scheme(&self) -> Option<SignatureScheme> {
        self.0.scheme()
    }

    fn verify(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        count(|work| work.signatures += 1);
        self.0.verify(public_key, message, signature)
    }
}
