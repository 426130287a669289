//! A packet with a short header: one byte of flags, a connection ID of 8, a packet number of 4, and the tag of
//! AES-128-GCM (RFC 9001 s5.3, s5.4).

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey, quic};

/// Bytes before the payload.
const HEADER: usize = 13;
const NUMBER_AT: usize = 9;
const TAG: usize = 16;
/// Bytes of a packet that are not payload.
pub const OVERHEAD: usize = HEADER + TAG;

/// The keys of both sides.
pub struct Keys {
    payload: LessSafeKey,
    header: quic::HeaderProtectionKey,
}

impl Keys {
    /// Always the same.
    pub fn new() -> Keys {
        let payload = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[1; 16]).expect("a key of its length"));
        let header = quic::HeaderProtectionKey::new(&quic::AES_128, &[2; 16]).expect("a key of its length");
        Keys { payload, header }
    }

    /// Writes the header and the tag, and encrypts what is between them.
    pub fn seal(&self, packet: &mut [u8], number: u64) {
        packet[0] = 0b0100_0011;
        packet[1..NUMBER_AT].fill(0xa5);
        packet[NUMBER_AT..HEADER].copy_from_slice(&(number as u32).to_be_bytes());
        let (header, rest) = packet.split_at_mut(HEADER);
        let (payload, tag) = rest.split_at_mut(rest.len() - TAG);
        let sealed = self.payload.seal_in_place_separate_tag(nonce(number as u32), Aad::from(&*header), payload);
        tag.copy_from_slice(sealed.expect("short enough").as_ref());
        self.mask(packet);
    }

    /// The packet number, if the packet is sound.
    pub fn open(&self, packet: &mut [u8]) -> Option<u32> {
        self.mask(packet);
        let number = u32::from_be_bytes(packet.get(NUMBER_AT..HEADER)?.try_into().ok()?);
        let (header, rest) = packet.split_at_mut(HEADER);
        self.payload.open_in_place(nonce(number), Aad::from(&*header), rest).ok()?;
        Some(number)
    }

    /// On and off again. The sample is where the ciphertext begins, since the number is of four bytes.
    fn mask(&self, packet: &mut [u8]) {
        let (header, rest) = packet.split_at_mut(HEADER);
        let mask = self.header.new_mask(&rest[..16]).expect("a sample of its length");
        header[0] ^= mask[0] & 0x1f;
        for (byte, mask) in header[NUMBER_AT..].iter_mut().zip(&mask[1..]) {
            *byte ^= mask;
        }
    }
}

fn nonce(number: u32) -> Nonce {
    let mut bytes = [3; 12];
    for (byte, number) in bytes[8..].iter_mut().zip(number.to_be_bytes()) {
        *byte ^= number;
    }
    Nonce::assume_unique_for_key(bytes)
}
