//! SHA-1 (FIPS 180-4), which is broken as a hash that has to withstand an attacker.

use ring::digest;

/// SHA-1 of the parts, one after the other, for the handshake of WebSocket (RFC 6455 section 4.2.2): it shows there that a server has read
/// what it was sent, and nothing depends on its strength. No table of the provider has it.
pub fn sha1_for_websocket(parts: &[&[u8]]) -> [u8; 20] {
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    parts.iter().for_each(|part| context.update(part));
    let mut sum = [0; 20];
    sum.copy_from_slice(context.finish().as_ref());
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first example of FIPS 180-4's SHA-1, in one part and in two.
    #[test]
    fn the_hash_of_abc() {
        let sum = sha1_for_websocket(&[b"abc"]);
        assert_eq!(sum[..4], [0xa9, 0x99, 0x3e, 0x36]);
        assert_eq!(sum, sha1_for_websocket(&[b"a", b"bc"]));
    }
}
