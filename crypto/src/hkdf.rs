//! HKDF (RFC 5869) and its labelled form of TLS 1.3 (RFC 9846 section 7.1), on top of a provider's HMAC.

use crate::{Hash, Secret};
use base::Writer;

/// What every label of TLS 1.3 begins with.
const PREFIX: &[u8] = b"tls13 ";
/// A labelled info at its longest: the length of the output, a label and a context with a byte of length each.
const MAX_INFO: usize = 2 + 2 * 256;
const MAX_BLOCK: usize = MAX_INFO + 1;
const ROOM: &str = "there is room for the longest label and the longest context";

/// HKDF-Extract: a pseudorandom key of the hash's length.
pub fn extract(hash: &dyn Hash, salt: &[u8], input_keying_material: &[u8]) -> Secret {
    Secret::new(&hash.hmac(salt, &[input_keying_material]))
}

/// HKDF-Extract for the time of one call, where the pseudorandom key is needed for nothing else: it is wiped after that.
pub fn with_extracted<R>(
    hash: &dyn Hash,
    salt: &[u8],
    input_keying_material: &[u8],
    call: impl FnOnce(&[u8]) -> R,
) -> R {
    call(&hash.hmac(salt, &[input_keying_material]))
}

/// HKDF-Expand, with `info` in parts.
///
/// # Panics
/// If `out` is longer than 255 digests (RFC 5869 section 2.3): lengths are ours, never a peer's.
pub fn expand(hash: &dyn Hash, secret: &Secret, info: &[&[u8]], out: &mut [u8]) {
    assert!(out.len() <= 255 * hash.output_len(), "HKDF cannot give {} bytes", out.len());
    let mut previous = crate::Digest::new(&[]);
    for (block, counter) in out.chunks_mut(hash.output_len()).zip(1..=u8::MAX) {
        let counter = [counter];
        let mut parts: [&[u8]; 8] = [&[]; 8];
        assert!(info.len() <= 6, "info of {} parts", info.len());
        let inputs = core::iter::once(&*previous).chain(info.iter().copied()).chain(core::iter::once(&counter[..]));
        for (place, part) in parts.iter_mut().zip(inputs) {
            *place = part;
        }
        let digest = hash.hmac(secret.as_bytes(), &parts);
        for (place, byte) in block.iter_mut().zip(digest.iter()) {
            *place = *byte;
        }
        previous = digest;
    }
}

/// HKDF-Expand-Label: `label` without its "tls13 " prefix.
///
/// # Panics
/// If label or context does not fit its one-byte length, or `out` its two-byte one.
pub fn expand_label(hash: &dyn Hash, secret: &Secret, label: &[u8], context: &[u8], out: &mut [u8]) {
    if out.len() > hash.output_len() {
        let mut place = [0; MAX_INFO];
        return expand(hash, secret, &[info(&mut place, label, context, out.len())], out);
    }
    let digest = hash.hmac(secret.as_bytes(), &[only_block(&mut [0; MAX_BLOCK], label, context, out.len())]);
    let (block, _) = digest.split_at(out.len());
    out.copy_from_slice(block);
}

/// As [`expand_label`], for several labels of one secret with the same `context`, each with the place of its output.
///
/// # Panics
/// If an output is longer than the hash's.
pub fn expand_labels(hash: &dyn Hash, secret: &Secret, context: &[u8], outputs: &mut [(&[u8], &mut [u8])]) {
    hash.with_hmac(secret.as_bytes(), &mut |hmac| {
        for (label, out) in outputs.iter_mut() {
            let digest = hmac(only_block(&mut [0; MAX_BLOCK], label, context, out.len()));
            let (block, _) = digest.split_at(out.len());
            out.copy_from_slice(block);
        }
    });
}

/// As [`expand_label_secret`], for several labels of one secret with the same `context`.
pub fn expand_label_secrets<const N: usize>(
    hash: &dyn Hash,
    secret: &[u8],
    labels: [&[u8]; N],
    context: &[u8],
) -> [Secret; N] {
    let mut made = [const { None }; N];
    hash.with_hmac(secret, &mut |hmac| {
        for (label, place) in labels.into_iter().zip(&mut made) {
            let digest = hmac(only_block(&mut [0; MAX_BLOCK], label, context, hash.output_len()));
            *place = Some(Secret::new(&digest));
        }
    });
    made.map(|secret| secret.expect("HMAC is lent once"))
}

/// HkdfLabel (RFC 9846 section 7.1), in `place`.
fn info<'a>(place: &'a mut [u8], label: &[u8], context: &[u8], out_len: usize) -> &'a [u8] {
    let mut info = Writer::new(place);
    write_info(&mut info, label, context, out_len);
    let len = info.written().len();
    place.split_at(len).0
}

/// What the only block of an output is the HMAC of: HkdfLabel, and the number of the block. A handshake expands some thirty
/// times, and what is hashed in one piece costs less than in seven.
fn only_block<'a>(place: &'a mut [u8], label: &[u8], context: &[u8], out_len: usize) -> &'a [u8] {
    let mut block = Writer::new(place);
    write_info(&mut block, label, context, out_len);
    block.u8(1).expect(ROOM);
    let len = block.written().len();
    place.split_at(len).0
}

fn write_info(info: &mut Writer<'_>, label: &[u8], context: &[u8], out_len: usize) {
    let out_len = u16::try_from(out_len).expect("labelled output fits 16 bits").to_be_bytes();
    let label_len = u8::try_from(PREFIX.len() + label.len()).expect("a label fits 8 bits");
    let context_len = u8::try_from(context.len()).expect("a context fits 8 bits");
    let parts: [&[u8]; 6] = [&out_len, &[label_len], PREFIX, label, &[context_len], context];
    parts.iter().try_for_each(|part| info.bytes(part)).expect(ROOM);
}

/// HKDF-Expand-Label to a secret of the hash's length, as the key schedule needs it.
pub fn expand_label_secret(hash: &dyn Hash, secret: &Secret, label: &[u8], context: &[u8]) -> Secret {
    with_expanded_label(hash, secret.as_bytes(), label, context, Secret::new)
}

/// What is expanded as by [`expand_label_secret`], for the time of one call: it stays where it was made, and is wiped there.
pub fn with_expanded_label<R>(
    hash: &dyn Hash,
    secret: &[u8],
    label: &[u8],
    context: &[u8],
    call: impl FnOnce(&[u8]) -> R,
) -> R {
    // One block of the hash, whole: it is wiped when it is dropped.
    call(&hash.hmac(secret, &[only_block(&mut [0; MAX_BLOCK], label, context, hash.output_len())]))
}
