//! Stateless resets (RFC 9000 section 10.3): how an endpoint that lost its connections says so.

use crate::wire::connection_id::{ConnectionId, ResetToken};
use alloc::vec::Vec;
use base::Random;
use crypto::{Hash, Secret};

/// RFC 9000 s10.3: fewer bytes could not be a valid packet, so they could not pass for one.
pub(crate) const MIN_LEN: usize = 21;
/// Enough to look like a short packet; more would only be traffic.
pub(crate) const MAX_LEN: usize = 42;

/// The token of one of our connection IDs: a keyed function of it, so that it can be made again after all else is lost,
/// and cannot be made from what is seen on the wire without `secret`.
/// RFC 9000 section 10.3.2-1, 10.3.2-5.
pub(crate) fn token(hash: &dyn Hash, secret: &Secret, id: ConnectionId) -> ResetToken {
    let digest = hash.hmac(secret.as_bytes(), &[id.as_slice()]);
    let mut token = [0; ResetToken::LEN];
    for (place, byte) in token.iter_mut().zip(digest.iter()) {
        *place = *byte;
    }
    ResetToken(token)
}

/// A stateless reset that answers a datagram of `trigger_len` bytes. It is shorter than that, so that two endpoints that
/// answer each other come to an end (section 10.3.3); `None` if that leaves too little.
/// RFC 9000 section 10.3-6, 10.3-8, 10.3.3-1.
pub(crate) fn encode_reset(
    trigger_len: usize,
    random: &mut (impl Random + ?Sized),
    token: ResetToken,
) -> Option<Vec<u8>> {
    let len = trigger_len.saturating_sub(1).min(MAX_LEN);
    if len < MIN_LEN {
        return None;
    }
    let mut reset = alloc::vec![0; len];
    random.fill(&mut reset);
    if let Some(first) = reset.first_mut() {
        // A short header with its fixed bit.
        *first = *first & 0x3f | 0x40;
    }
    reset.truncate(len - ResetToken::LEN);
    reset.extend_from_slice(&token.0);
    Some(reset)
}

/// What would be the token if `datagram` were a stateless reset. The first bits do not matter: another version's reset may
/// have a long header (section 10.3). Take it before the datagram is decrypted in place.
pub(crate) fn token_of(datagram: &[u8]) -> Option<ResetToken> {
    if datagram.len() < MIN_LEN {
        return None;
    }
    datagram.last_chunk().map(|token| ResetToken(*token))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ones;

    impl Random for Ones {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(0xff);
        }
    }

    /// RFC 9000 section 10.3-6, 10.3-8, 10.3.3-1.
    #[test]
    fn a8_a_reset_is_shorter_than_its_trigger() {
        let token = ResetToken([7; 16]);
        for trigger in 0..=1500 {
            let Some(reset) = encode_reset(trigger, &mut Ones, token) else {
                assert!(trigger <= MIN_LEN);
                continue;
            };
            assert!(trigger > MIN_LEN && reset.len() < trigger && (MIN_LEN..=MAX_LEN).contains(&reset.len()));
            assert!(reset.len() == trigger - 1 || reset.len() == MAX_LEN);
            assert_eq!(reset[0] & 0xc0, 0x40);
            assert_eq!(token_of(&reset), Some(token));
        }
    }

    /// RFC 9000 section 10.3.3-1.
    #[test]
    fn a8_two_endpoints_that_answer_each_other_come_to_an_end() {
        let (mut len, mut answers) = (1500, 0);
        while let Some(reset) = encode_reset(len, &mut Ones, ResetToken([7; 16])) {
            (len, answers) = (reset.len(), answers + 1);
        }
        assert!(answers <= 22);
    }

    #[test]
    fn too_short_for_a_reset() {
        assert_eq!(token_of(&[9; 20]), None);
        assert_eq!(token_of(&[9; 21]), Some(ResetToken([9; 16])));
    }

    /// RFC 9000 section 10.3.2-1.
    #[test]
    fn a7_a_token_needs_the_secret() {
        let hash = crypto_ring::provider().initial.hash;
        let id = ConnectionId::new(&[1, 2, 3, 4]).unwrap();
        let other = ConnectionId::new(&[1, 2, 3, 5]).unwrap();
        let one = token(hash, &Secret::new(&[1; 32]), id);
        assert_eq!(one, token(hash, &Secret::new(&[1; 32]), id));
        assert_ne!(one, token(hash, &Secret::new(&[2; 32]), id));
        assert_ne!(one, token(hash, &Secret::new(&[1; 32]), other));
    }
}
