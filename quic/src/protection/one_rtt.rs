//! When 1-RTT keys are updated (RFC 9001 sections 6.1, 6.2, 6.5): by us after so many packets or when the application asks,
//! after the peer when it goes first, and how long the peer's keys before are kept for late packets.

use crate::protection::keys::{OpenKeys, SealKeys};
use crate::violation::Violation;
use crate::wire::packet_number::PacketNumber;
use base::Instant;

/// The 1-RTT keys of both directions.
#[derive(Debug, Default)]
pub(crate) struct OneRttKeys {
    /// Protects what is sent, as soon as TLS has made it.
    pub seal: Option<SealKeys>,
    /// Opens what is received, as soon as TLS has made it.
    pub open: Option<OpenKeys>,
    /// The first number sealed under the current generation of our keys.
    generation_start: u64,
    /// The peer has updated its keys on its own account, and no ACK under new keys of ours has told it that we have followed.
    update_unanswered: bool,
    /// The application has asked for an update that could not be made yet.
    is_wanted: bool,
    /// Until when late packets of the peer's generation before can be opened.
    previous_until: Option<Instant>,
}

impl OneRttKeys {
    /// The peer has gone on to its next generation of keys: we follow, unless we went first (RFC 9001 section 6.2).
    /// Late packets of the generation before can be opened until `previous_until`; `next` is the next number to be sealed. Says
    /// whether we follow.
    ///
    /// # Errors
    /// [`Violation::KeyUpdate`] if the peer cannot know yet that we have followed its last update.
    pub(crate) fn on_key_update(&mut self, previous_until: Instant, next: u64) -> Result<bool, Violation> {
        self.previous_until = Some(previous_until);
        if self.phases_agree() {
            // It follows us.
            return Ok(false);
        }
        // RFC 9001 section 6.2-1, 6.2-2: it cannot know that we have followed the last time.
        if core::mem::replace(&mut self.update_unanswered, true) {
            return Err(Violation::KeyUpdate);
        }
        self.update_seal(next);
        Ok(true)
    }

    /// An ACK was sealed under the newest keys.
    #[inline]
    pub(crate) const fn on_ack_sent(&mut self) {
        self.update_unanswered = false;
    }

    /// Forgets the keys that only late packets need, when it is time.
    #[inline]
    pub(crate) fn expire(&mut self, now: Instant) {
        if self.previous_until.is_some_and(|until| until <= now) {
            self.previous_until = None;
            if let Some(open) = &mut self.open {
                open.discard_previous();
            }
        }
    }

    /// Has the keys updated as soon as they may be.
    pub(crate) const fn want_update(&mut self) {
        self.is_wanted = true;
    }

    /// Goes on to the next generation of our keys if `packets` were sealed under this one or the application wants it, and the
    /// peer is known to have received some of them and to have followed the last update (RFC 9001 section 6.1-2, 6.6-3). `next`
    /// is the next number to be sealed. Says whether it did.
    #[inline]
    pub(crate) fn update_after(&mut self, packets: u64, largest_acknowledged: Option<PacketNumber>, next: u64) -> bool {
        let is_due = self.is_wanted || self.seal.as_ref().is_some_and(|seal| seal.sealed_packets() >= packets);
        let is_confirmed = largest_acknowledged.is_some_and(|largest| largest.value() >= self.generation_start);
        let updates = is_due && is_confirmed && self.phases_agree();
        if updates {
            self.is_wanted = false;
            self.update_seal(next);
        }
        updates
    }

    /// Gives back the memory of both keys; they are made again when they are used.
    pub(crate) fn rest(&mut self) {
        if let Some(seal) = &mut self.seal {
            seal.rest();
        }
        if let Some(open) = &mut self.open {
            open.rest();
        }
    }

    /// Whether neither end waits for the other to follow an update.
    fn phases_agree(&self) -> bool {
        self.seal.as_ref().map(SealKeys::key_phase) == self.open.as_ref().map(OpenKeys::key_phase)
    }

    fn update_seal(&mut self, next: u64) {
        if let Some(seal) = &mut self.seal {
            seal.update();
            self.generation_start = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::connection_id::ConnectionId;
    use crate::wire::header::encode_short;
    use crate::wire::version::Version;
    use base::Duration;
    use crypto::Secret;

    const NEVER: Instant = Instant::MAX;

    fn keys() -> OneRttKeys {
        let (suite, secret) = (crypto_ring::provider().initial, Secret::new(&[7; 32]));
        let (seal, open) =
            (SealKeys::new(suite, Version::V1, secret.clone()), OpenKeys::new(suite, Version::V1, secret.clone()));
        OneRttKeys { seal: Some(seal), open: Some(open), ..OneRttKeys::default() }
    }

    fn phase(keys: &OneRttKeys) -> bool {
        keys.seal.as_ref().unwrap().key_phase()
    }

    /// RFC 9001 section 6.1-2.
    #[test]
    fn our_keys_are_updated_only_when_the_peer_has_some_of_this_generation() {
        let mut keys = keys();
        keys.update_after(0, None, 10);
        assert!(!phase(&keys), "nothing is acknowledged");
        keys.update_after(1, PacketNumber::new(9), 10);
        assert!(!phase(&keys), "nothing is sealed");
        keys.update_after(0, PacketNumber::new(9), 10);
        assert!(phase(&keys));
        keys.update_after(0, PacketNumber::new(10), 11);
        assert!(phase(&keys), "the peer has not followed");
    }

    /// The peer goes on to its next generation, and a packet of that arrives.
    fn update_peer(keys: &mut OneRttKeys, peer: &mut SealKeys, number: u64) {
        peer.update();
        let (number, mut packet) = (PacketNumber::new(number).unwrap(), [0; 40]);
        let writer = &mut base::Writer::new(&mut packet);
        let layout = encode_short(writer, ConnectionId::EMPTY, peer.key_phase(), false, number, 1).unwrap();
        peer.seal(&mut packet, &layout, number).unwrap();
        assert!(keys.open.as_mut().unwrap().open(&mut packet, 1, None).unwrap().is_key_update);
    }

    /// RFC 9001 section 6.2-1.
    #[test]
    fn a_peer_that_updates_twice_without_an_answer_breaks_the_protocol() {
        let mut keys = keys();
        let mut peer = SealKeys::new(crypto_ring::provider().initial, Version::V1, Secret::new(&[7; 32]));
        update_peer(&mut keys, &mut peer, 1);
        assert_eq!(keys.on_key_update(NEVER, 5), Ok(true));
        assert!(phase(&keys), "we have followed");
        keys.on_ack_sent();
        update_peer(&mut keys, &mut peer, 2);
        assert_eq!(keys.on_key_update(NEVER, 6), Ok(true));
        update_peer(&mut keys, &mut peer, 3);
        assert_eq!(keys.on_key_update(NEVER, 7), Err(Violation::KeyUpdate));
    }

    /// RFC 9001 section 6.1-2.
    #[test]
    fn an_update_that_is_asked_for_waits_for_its_time_and_is_made_once() {
        let mut keys = keys();
        keys.want_update();
        assert!(!keys.update_after(u64::MAX, None, 1), "nothing is acknowledged");
        keys.want_update();
        assert!(keys.update_after(u64::MAX, PacketNumber::new(0), 1) && phase(&keys));
        assert!(!keys.update_after(u64::MAX, PacketNumber::new(1), 2), "nobody has asked again");
        let mut peer = SealKeys::new(crypto_ring::provider().initial, Version::V1, Secret::new(&[7; 32]));
        keys.want_update();
        assert!(!keys.update_after(u64::MAX, PacketNumber::new(1), 2), "the peer has not followed");
        update_peer(&mut keys, &mut peer, 1);
        assert_eq!(keys.on_key_update(NEVER, 2), Ok(false));
        assert!(keys.update_after(u64::MAX, PacketNumber::new(1), 2) && !phase(&keys));
    }

    #[test]
    fn a_peer_that_follows_our_update_makes_none_of_its_own() {
        let mut keys = keys();
        let mut peer = SealKeys::new(crypto_ring::provider().initial, Version::V1, Secret::new(&[7; 32]));
        keys.update_after(0, PacketNumber::new(0), 1);
        update_peer(&mut keys, &mut peer, 1);
        assert_eq!(keys.on_key_update(NEVER, 2), Ok(false));
        assert!(phase(&keys), "both are one generation further");
    }

    #[test]
    fn the_time_of_late_packets_ends_once() {
        let mut keys = keys();
        let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
        keys.on_key_update(at(3), 0).unwrap();
        keys.expire(at(2));
        assert_eq!(keys.previous_until, Some(at(3)));
        keys.expire(at(3));
        assert_eq!(keys.previous_until, None);
    }
}
