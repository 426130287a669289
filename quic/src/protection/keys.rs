//! Sealing and opening packets in place (RFC 9001 sections 5.1, 5.3, 5.4).
//!
//! One value holds what one direction needs at one encryption level: packet key, initialisation vector, header-protection
//! key, and the count of uses that [`limits`](crate::protection::limits) asks for. It knows headers only as far as they
//! are protected. 1-RTT keys follow each other in generations, which the key phase bit tells apart (RFC 9001 section 6).

use crate::discard::Discard;
use crate::protection::key_update::Generation;
use crate::protection::limits::UsageLimit;
use crate::violation::Violation;
use crate::wire::header::{LONG_FORM, PacketLayout};
use crate::wire::packet_number::PacketNumber;
use crate::wire::version::{Version, VersionRow};
use alloc::boxed::Box;
use core::fmt;
use core::ops::Range;
use crypto::aead::{NONCE_LEN, TAG_LEN};
use crypto::header_protection::{MASK_LEN, SAMPLE_LEN};
use crypto::{AeadKey, CipherSuite, HeaderProtectionKey, OpenError, SealError, Secret, Tag};

/// The bit of a short header that says which generation of keys protects the packet (RFC 9001 section 6).
const KEY_PHASE: u8 = 0x04;
/// The bit of a short header that shows observers the round trip (RFC 9000 section 17.4).
const SPIN: u8 = 0x20;
/// A packet number is at most so long, and a sample is taken as if it were (RFC 9001 section 5.4.2).
const MAX_NUMBER_LEN: usize = 4;
/// The longest key of an AEAD of TLS 1.3.
const MAX_KEY_LEN: usize = 32;

/// What protects payloads, in one generation.
struct PacketKey {
    aead: Box<dyn AeadKey>,
    /// As a number, its first byte the most significant.
    initialisation_vector: u128,
}

impl PacketKey {
    fn new(aead: Box<dyn AeadKey>, initialisation_vector: [u8; NONCE_LEN]) -> PacketKey {
        let initialisation_vector = initialisation_vector.iter().fold(0, |all, byte| all << 8 | u128::from(*byte));
        PacketKey { aead, initialisation_vector }
    }

    /// RFC 9001 section 5.1.
    fn of(generation: &Generation) -> PacketKey {
        let (suite, row) = (generation.suite, row(generation.version));
        let (mut bytes, mut vector) = ([0; MAX_KEY_LEN], [0; NONCE_LEN]);
        let (key, _) = bytes.split_at_mut(suite.aead.key_len());
        let outputs: &mut [(&[u8], &mut [u8])] = &mut [(row.key_label, key), (row.iv_label, &mut vector)];
        crypto::hkdf::expand_labels(suite.hash, &generation.secret, &[], outputs);
        let aead = suite.aead.key(key);
        crypto::secret::wipe(&mut bytes);
        PacketKey::new(aead, vector)
    }

    /// RFC 9001 section 5.1: the key of the first generation, and what protects headers in all generations.
    fn first(generation: &Generation) -> (PacketKey, Box<dyn HeaderProtectionKey>) {
        let (suite, row) = (generation.suite, row(generation.version));
        let (mut bytes, mut header_bytes, mut vector) = ([0; MAX_KEY_LEN], [0; MAX_KEY_LEN], [0; NONCE_LEN]);
        let (key, _) = bytes.split_at_mut(suite.aead.key_len());
        let (header_key, _) = header_bytes.split_at_mut(suite.aead.key_len());
        let outputs: &mut [(&[u8], &mut [u8])] =
            &mut [(row.key_label, key), (row.iv_label, &mut vector), (row.header_protection_label, header_key)];
        crypto::hkdf::expand_labels(suite.hash, &generation.secret, &[], outputs);
        let (aead, header) = (suite.aead.key(key), suite.aead.header_protection_key(header_key));
        crypto::secret::wipe(&mut bytes);
        crypto::secret::wipe(&mut header_bytes);
        (PacketKey::new(aead, vector), header)
    }

    fn open(&self, number: PacketNumber, header: &[u8], payload: &mut [u8]) -> Result<usize, OpenError> {
        self.aead.open(self.nonce(number), header, payload)
    }

    /// RFC 9001 section 5.3: the number, as if it were as long as the vector, combined with it.
    fn nonce(&self, packet_number: PacketNumber) -> [u8; NONCE_LEN] {
        let nonce = self.initialisation_vector ^ u128::from(packet_number.value());
        let [nonce @ .., _, _, _, _] = (nonce << (128 - 8 * NONCE_LEN)).to_be_bytes();
        nonce
    }
}

/// What stands in a key's place while it rests: nothing, which takes no memory, and with which nothing can be opened.
struct NoKey;

impl AeadKey for NoKey {
    fn seal(&self, _: [u8; NONCE_LEN], _: &[u8], _: &mut [u8]) -> Result<Tag, SealError> {
        Err(SealError)
    }

    fn open(&self, _: [u8; NONCE_LEN], _: &[u8], _: &mut [u8]) -> Result<usize, OpenError> {
        Err(OpenError)
    }
}

impl HeaderProtectionKey for NoKey {
    fn mask(&self, _: &[u8; SAMPLE_LEN]) -> [u8; MASK_LEN] {
        [0; MASK_LEN]
    }
}

/// RFC 9001 section 5.4.2: the mask from the sample that begins four bytes after the start of the packet number. `None` if
/// the packet is too short for one.
/// RFC 9001 section 5.4.2-1: too short for one is no packet.
fn mask(key: &dyn HeaderProtectionKey, packet: &[u8], packet_number_offset: usize) -> Option<[u8; MASK_LEN]> {
    let start = packet_number_offset.checked_add(MAX_NUMBER_LEN)?;
    let sample = packet.get(start..)?.first_chunk::<SAMPLE_LEN>()?;
    Some(key.mask(sample))
}

/// What the version has of its own: labels, here.
fn row(version: Version) -> &'static VersionRow {
    version.row().expect("keys are made for a version that is spoken here")
}

/// The bits of a first byte that are protected (RFC 9001 section 5.4.1).
const fn protected_bits(first_byte: u8) -> u8 {
    if first_byte & LONG_FORM != 0 { 0x0f } else { 0x1f }
}

/// What both directions have: the key of one generation, the header-protection key of all, and what they are made of.
struct KeySet {
    key: PacketKey,
    header: Box<dyn HeaderProtectionKey>,
    generation: Generation,
    is_resting: bool,
}

impl KeySet {
    fn new(suite: &'static CipherSuite, version: Version, secret: Secret) -> KeySet {
        let generation = Generation::first(suite, version, secret);
        let (key, header) = PacketKey::first(&generation);
        KeySet { key, header, generation, is_resting: false }
    }

    /// Gives back the memory of the keys; they are made again with the next packet. Tells whether it did: not after an
    /// update, because nothing is left then to make the header-protection key of.
    fn rest(&mut self) -> bool {
        let rests = self.generation.is_first && !self.is_resting;
        if rests {
            self.is_resting = true;
            self.key.aead = Box::new(NoKey);
            self.header = Box::new(NoKey);
        }
        rests
    }

    /// To be called before the keys are used.
    #[inline]
    fn awake(&mut self) {
        if self.is_resting {
            self.wake();
        }
    }

    #[cold]
    fn wake(&mut self) {
        self.is_resting = false;
        (self.key, self.header) = PacketKey::first(&self.generation);
    }
}

/// Seals what this side sends.
pub struct SealKeys {
    keys: KeySet,
    sealed: UsageLimit,
}

impl SealKeys {
    /// Keys of `version` from a traffic secret.
    pub fn new(suite: &'static CipherSuite, version: Version, secret: Secret) -> SealKeys {
        let sealed = UsageLimit::new(suite.aead.confidentiality_limit());
        SealKeys { keys: KeySet::new(suite, version, secret), sealed }
    }

    /// What the keys are of.
    pub const fn suite(&self) -> &'static CipherSuite {
        self.keys.generation.suite
    }

    /// Gives back the memory of the keys; they are made again with the next packet. Not after an update, because nothing
    /// is left then to make the header-protection key of.
    pub fn rest(&mut self) {
        self.keys.rest();
    }

    /// The key phase bit of the packets to be sealed.
    pub const fn key_phase(&self) -> bool {
        self.keys.generation.phase
    }

    /// Goes on to the next generation (RFC 9001 section 6.1): the count of sealed packets begins anew.
    /// RFC 9001 section 6.4-1.
    pub fn update(&mut self) {
        self.keys.awake();
        self.keys.generation = self.keys.generation.next();
        self.keys.key = PacketKey::of(&self.keys.generation);
        self.sealed = UsageLimit::new(self.keys.generation.suite.aead.confidentiality_limit());
    }

    /// Encrypts `packet` in place and protects its header. `packet` is one whole packet, its header in clear as `layout`
    /// says and 16 bytes of room for the tag at its end; the Length field is already patched.
    ///
    /// # Errors
    /// [`Violation::AeadLimit`] if the key may seal no more (RFC 9001 section 6.6): nothing was written, and the
    /// connection has to end.
    ///
    /// # Panics
    /// If the packet is shorter than `layout` says or too short for a sample: packets are ours.
    pub fn seal(
        &mut self,
        packet: &mut [u8],
        layout: &PacketLayout,
        packet_number: PacketNumber,
    ) -> Result<(), Violation> {
        // RFC 9001 section 6.6-2.
        if self.sealed.is_reached() {
            return Err(Violation::AeadLimit);
        }
        self.keys.awake();
        // RFC 9001 section 6.6-1.
        self.sealed.count();
        let payload_len = packet.len().checked_sub(layout.header_len + TAG_LEN).expect("a packet has room for its tag");
        assert!(payload_len >= layout.min_payload_len(), "a payload of {payload_len} bytes gives no sample");
        let (header, payload_and_tag) = packet.split_at_mut(layout.header_len);
        let (payload, tag) = payload_and_tag.split_at_mut(payload_len);
        let nonce = self.keys.key.nonce(packet_number);
        let sealed = self.keys.key.aead.seal(nonce, header, payload).expect("no packet is too long for an AEAD");
        tag.copy_from_slice(&sealed);
        let mask = mask(&*self.keys.header, packet, layout.packet_number_offset);
        let mask = mask.expect("the payload is long enough for a sample");
        protect_header(packet, layout, mask);
        Ok(())
    }

    /// Packets sealed so far.
    pub(crate) const fn sealed_packets(&self) -> u64 {
        self.sealed.used()
    }

    /// Whether nothing more may be sealed (RFC 9001 section 6.6).
    pub(crate) const fn is_used_up(&self) -> bool {
        self.sealed.is_reached()
    }

    /// Makes the confidentiality limit smaller than the AEAD's.
    #[cfg(test)]
    pub(crate) fn lower_confidentiality_limit(&mut self, packets: u64) {
        self.sealed.lower(packets);
    }
}

fn protect_header(packet: &mut [u8], layout: &PacketLayout, [first_mask, number_mask @ ..]: [u8; MASK_LEN]) {
    if let Some(first_byte) = packet.first_mut() {
        *first_byte ^= first_mask & protected_bits(*first_byte);
    }
    let number = packet.iter_mut().skip(layout.packet_number_offset).take(layout.packet_number_len);
    for (place, mask) in number.zip(number_mask) {
        *place ^= mask;
    }
}

/// Opens what the peer sent.
pub struct OpenKeys {
    keys: KeySet,
    /// The key before, for packets that are late; few connections ever have one.
    previous: Option<Box<PacketKey>>,
    /// The key after, of packets with a short header: made before any packet asks for it, so that nobody can tell from the
    /// time it takes whether one did.
    next: Option<PacketKey>,
    /// The lowest number received in this generation: a packet of the other phase below it is of the generation before.
    generation_start: PacketNumber,
}

/// A packet that was authenticated and decrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its whole number.
    pub packet_number: PacketNumber,
    /// Where its frames are in the packet.
    pub payload: Range<usize>,
    /// The first byte without protection.
    pub first_byte: u8,
    /// The peer has gone on to the next generation of keys with this packet.
    pub is_key_update: bool,
}

/// Which generation a packet is of.
#[derive(Clone, Copy, PartialEq)]
enum Which {
    Previous,
    Current,
    Next,
}

impl Opened {
    /// The spin bit of a short header, which nothing protects and the tag covers (RFC 9000 section 17.4).
    pub(crate) const fn spin(&self) -> bool {
        self.first_byte & SPIN != 0
    }

    /// RFC 9000 section 17.2-9, 17.3.1-3: the reserved bits are looked at only now, because what is not authenticated
    /// must not close a connection, and the time it takes must not tell what is under the protection (RFC 9001 section
    /// 9.5).
    pub(crate) const fn check_reserved_bits(&self) -> Result<(), Violation> {
        let reserved = if self.first_byte & LONG_FORM != 0 { 0x0c } else { 0x18 };
        if self.first_byte & reserved == 0 { Ok(()) } else { Err(Violation::ReservedBits) }
    }
}

impl OpenKeys {
    /// Keys of `version` from a traffic secret.
    pub fn new(suite: &'static CipherSuite, version: Version, secret: Secret) -> OpenKeys {
        OpenKeys {
            keys: KeySet::new(suite, version, secret),
            previous: None,
            next: None,
            generation_start: PacketNumber::ZERO,
        }
    }

    /// Gives back the memory of the keys, under the same condition as [`SealKeys::rest`].
    pub fn rest(&mut self) {
        if self.keys.rest() {
            self.next = None;
        }
    }

    /// The key phase bit of the peer's packets.
    pub const fn key_phase(&self) -> bool {
        self.keys.generation.phase
    }

    /// The version that they are of.
    pub(crate) const fn version(&self) -> Version {
        self.keys.generation.version
    }

    /// What is opened with these keys.
    pub(crate) const fn suite(&self) -> &'static CipherSuite {
        self.keys.generation.suite
    }

    /// Late packets of the generation before are late no more (RFC 9001 section 6.5).
    pub(crate) fn discard_previous(&mut self) {
        self.previous = None;
    }

    /// The generation of a packet. Long headers have no key phase.
    fn which(&self, first_byte: u8, number: PacketNumber) -> Which {
        if first_byte & LONG_FORM != 0 || (first_byte & KEY_PHASE != 0) == self.keys.generation.phase {
            Which::Current
        } else if number >= self.generation_start {
            Which::Next
        } else {
            Which::Previous
        }
    }

    /// One packet is one use of one key, whatever its key phase says.
    /// RFC 9001 section 6.3-1, 6.3-5, 9.5-1.
    fn open_payload(
        &self,
        which: Which,
        number: PacketNumber,
        header: &[u8],
        payload: &mut [u8],
    ) -> Result<usize, Discard> {
        let (key, failure) = match (which, &self.previous) {
            (Which::Current, _) => (&self.keys.key, Discard::Undecryptable),
            (Which::Previous, Some(previous)) => (&**previous, Discard::Undecryptable),
            (Which::Previous, None) => (self.next_key(), Discard::KeyPhase),
            (Which::Next, _) => (self.next_key(), Discard::Undecryptable),
        };
        let opened = key.open(number, header, payload).map_err(|_| failure);
        // Another key takes the place of one that is gone. What it opens was sealed too early for it.
        opened.and_then(|len| if failure == Discard::KeyPhase { Err(failure) } else { Ok(len) })
    }

    fn next_key(&self) -> &PacketKey {
        self.next.as_ref().expect("the next key is made before a packet can ask for it")
    }

    /// Makes the key after this one, for the first packet, after a rest or an update.
    #[cold]
    fn make_next(&mut self) {
        self.next = Some(PacketKey::of(&self.keys.generation.next()));
    }

    /// A packet of generation `which` was authenticated.
    fn on_opened(&mut self, which: Which, number: PacketNumber) {
        match which {
            Which::Previous => {}
            Which::Current => self.generation_start = self.generation_start.min(number),
            Which::Next => {
                let next = self.next.take().expect("what opened a packet is there");
                // RFC 9001 section 6.1-3: only a packet that opened under the new key ends the old one's time.
                self.previous = Some(Box::new(core::mem::replace(&mut self.keys.key, next)));
                self.keys.generation = self.keys.generation.next();
                self.generation_start = number;
                self.make_next();
            }
        }
    }

    /// Removes header protection and decrypts in place. `packet` is exactly one packet; the offset is from its header.
    ///
    /// # Errors
    /// Why it was dropped. After a failure its bytes mean nothing; a caller that compares the end of the datagram with
    /// stateless reset tokens takes it before. What could not be authenticated counts as a forgery (RFC 9001 section 6.6).
    pub fn open(
        &mut self,
        packet: &mut [u8],
        packet_number_offset: usize,
        largest_received: Option<PacketNumber>,
    ) -> Result<Opened, Discard> {
        self.keys.awake();
        if self.next.is_none() && packet.first().is_some_and(|first| first & LONG_FORM == 0) {
            self.make_next();
        }
        let [first_mask, number_mask @ ..] =
            mask(&*self.keys.header, packet, packet_number_offset).ok_or(Discard::TooShort)?;
        let first = packet.first_mut().ok_or(Discard::TooShort)?;
        *first ^= first_mask & protected_bits(*first);
        let first_byte = *first;
        let number_len = usize::from(first_byte & 0b11) + 1;
        let header_len = packet_number_offset + number_len;
        let (header, payload) = packet.split_at_mut_checked(header_len).ok_or(Discard::TooShort)?;
        let mut truncated = 0u32;
        for (place, mask) in header.iter_mut().skip(packet_number_offset).zip(number_mask) {
            *place ^= mask;
            truncated = truncated << 8 | u32::from(*place);
        }
        let packet_number = PacketNumber::decode(truncated, number_len, largest_received);
        let which = self.which(first_byte, packet_number);
        // RFC 9001 section 5.5-1, 5.5-2: dropped, whatever the key phase said.
        let len = self.open_payload(which, packet_number, header, payload)?;
        self.on_opened(which, packet_number);
        let is_key_update = which == Which::Next;
        Ok(Opened { packet_number, payload: header_len..header_len + len, first_byte, is_key_update })
    }
}

impl fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealKeys").field("sealed", &self.sealed).finish_non_exhaustive()
    }
}

impl fmt::Debug for OpenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenKeys").field("suite", &self.suite()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_rests_takes_no_memory() {
        let (suite, secret) = (crypto_ring::provider().initial, Secret::new(&[7; 32]));
        let mut seal = SealKeys::new(suite, Version::V1, secret.clone());
        let mut open = OpenKeys::new(suite, Version::V1, secret.clone());
        assert!(size_of_val(&*seal.keys.key.aead) > 0 && size_of_val(&*open.keys.header) > 0);
        seal.rest();
        open.rest();
        for key in [&seal.keys.key, &open.keys.key] {
            assert_eq!(size_of_val(&*key.aead), 0);
        }
        assert_eq!((size_of_val(&*seal.keys.header), size_of_val(&*open.keys.header)), (0, 0));
    }
}
