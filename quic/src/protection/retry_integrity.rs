//! The integrity tag of a Retry packet (RFC 9001 section 5.8). Its key is public: it protects against errors, and
//! against attackers that did not see the client's first packet.

use crate::wire::connection_id::ConnectionId;
use crate::wire::version::Version;
use alloc::vec::Vec;
use crypto::{CipherSuite, Tag};

/// The tag of `retry`, a Retry packet without its last 16 bytes, that answers a first Initial sent to
/// `original_destination`. `suite` is the provider's AES-128-GCM.
pub fn tag(suite: &CipherSuite, version: Version, original_destination: ConnectionId, retry: &[u8]) -> Tag {
    let row = version.row().expect("Retry packets are of a version that is spoken here");
    let mut pseudo_packet = Vec::with_capacity(1 + original_destination.len() + retry.len());
    pseudo_packet.push(original_destination.len() as u8);
    pseudo_packet.extend_from_slice(original_destination.as_slice());
    pseudo_packet.extend_from_slice(retry);
    let key = suite.aead.key(&row.retry_key);
    key.seal(row.retry_nonce, &pseudo_packet, &mut []).expect("an empty payload is not too long")
}

/// Whether `received` is that tag.
pub fn is_valid(
    suite: &CipherSuite,
    version: Version,
    original_destination: ConnectionId,
    retry: &[u8],
    received: &[u8],
) -> bool {
    crypto::constant_time::equal(&tag(suite, version, original_destination, retry), received)
}
