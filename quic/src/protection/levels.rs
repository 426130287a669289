//! The keys of a connection by encryption level (RFC 9001 section 2.1), apart from the packet numbers: Initial keys can be
//! made anew while numbers go on, after a Retry (RFC 9000 section 17.2.5.3) or in another version, and 0-RTT and 1-RTT
//! packets share their numbers but no keys.
//!
//! A level is named by the packets that it protects. Invariant: once the keys of Initial or Handshake packets are
//! discarded, none are installed again.

use crate::discard::Discard;
use crate::protection::keys::{OpenKeys, Opened, SealKeys};
use crate::protection::limits::UsageLimit;
use crate::protection::one_rtt::OneRttKeys;
use crate::wire::frame::PacketKind;
use crate::wire::packet_number::{PacketNumber, PacketNumberSpace};
use crate::wire::version::Version;
use alloc::boxed::Box;

/// What one level has of the two directions. An end that only sends 0-RTT packets, or only receives them, has one.
#[derive(Debug, Default)]
pub(crate) struct LevelKeys {
    /// Protects what is sent.
    pub seal: Option<SealKeys>,
    /// Opens what is received.
    pub open: Option<OpenKeys>,
    /// Opens Initial packets of another version (RFC 9369 section 4.1).
    other: Option<OpenKeys>,
}

/// All levels of a connection. Those of the handshake take memory only while they are used.
#[derive(Debug, Default)]
pub(crate) struct Levels {
    initial: Option<Box<LevelKeys>>,
    early_data: Option<Box<LevelKeys>>,
    handshake: Option<Box<LevelKeys>>,
    one_rtt: OneRttKeys,
    /// Initial and Handshake keys that are gone for good.
    discarded: [bool; 2],
    /// Packets that failed authentication, under whatever key (RFC 9001 section 6.6).
    forgeries: UsageLimit,
}

impl Levels {
    /// Keys became available, or take the place of those before: `None` leaves a direction as it is.
    ///
    /// # Panics
    /// If the level was discarded: TLS makes keys in order, and Retry comes before any other packet.
    pub(crate) fn install(&mut self, kind: PacketKind, seal: Option<SealKeys>, open: Option<OpenKeys>) {
        assert!(!self.is_discarded(kind), "keys of {kind:?} packets come before they are discarded");
        let (to_seal, to_open) = match kind {
            PacketKind::OneRtt => (&mut self.one_rtt.seal, &mut self.one_rtt.open),
            PacketKind::Initial => both(&mut self.initial),
            PacketKind::ZeroRtt => both(&mut self.early_data),
            PacketKind::Handshake => both(&mut self.handshake),
        };
        if seal.is_some() {
            *to_seal = seal;
        }
        if let Some(open) = open {
            self.forgeries.lower(open.suite().aead.integrity_limit());
            *to_open = Some(open);
        }
    }

    /// Initial packets of another version can be opened as well, after [`exchange_initial`](Levels::exchange_initial). Nothing
    /// happens once there are no Initial keys.
    pub(crate) fn install_other_initial(&mut self, open: OpenKeys) {
        if let Some(keys) = &mut self.initial {
            keys.other = Some(open);
        }
    }

    /// What [`install_other_initial`](Levels::install_other_initial) brought is of no use any more.
    pub(crate) fn forget_other_initial(&mut self) {
        if let Some(keys) = &mut self.initial {
            keys.other = None;
        }
    }

    /// The version of the keys that are exchanged.
    pub(crate) fn other_initial_version(&self) -> Option<Version> {
        Some(self.initial.as_ref()?.other.as_ref()?.version())
    }

    /// What opens Initial packets changes places with what opens those of the other version.
    pub(crate) fn exchange_initial(&mut self) {
        if let Some(keys) = &mut self.initial {
            core::mem::swap(&mut keys.open, &mut keys.other);
        }
    }

    /// Ends the connection after fewer forgeries than the AEADs allow.
    pub(crate) fn lower_integrity_limit(&mut self, packets: u64) {
        self.forgeries.lower(packets);
    }

    /// Opens a packet of this kind in place: see [`OpenKeys::open`].
    ///
    /// # Errors
    /// Why it was dropped. [`Discard::IntegrityLimit`] says that this was the last failure allowed (RFC 9001 section 6.6):
    /// the connection has to close with [`Violation::AeadLimit`](crate::Violation::AeadLimit), and nothing is opened any
    /// more.
    #[inline]
    pub(crate) fn open_packet(
        &mut self,
        kind: PacketKind,
        packet: &mut [u8],
        packet_number_offset: usize,
        largest_received: Option<PacketNumber>,
    ) -> Result<Opened, Discard> {
        if self.forgeries.is_reached() {
            return Err(Discard::IntegrityLimit);
        }
        // RFC 9001 section 4.6.2-1, 5.6-6: where early data is not taken there are no keys for it, and a client has none to open it.
        let keys = self.open(kind).ok_or(Discard::NoKey)?;
        keys.open(packet, packet_number_offset, largest_received).map_err(|discard| self.on_failure(discard))
    }

    /// RFC 9001 section 6.6-6, 6.6-7: counted over the whole connection.
    #[cold]
    fn on_failure(&mut self, discard: Discard) -> Discard {
        if !discard.is_forgery() {
            return discard;
        }
        self.forgeries.count();
        if self.forgeries.is_reached() { Discard::IntegrityLimit } else { discard }
    }

    /// The keys of these packets are of no use any more (RFC 9001 section 4.9); says whether they were still there. 1-RTT
    /// keys stay as long as the connection.
    pub(crate) fn discard(&mut self, kind: PacketKind) -> bool {
        let place = match kind {
            PacketKind::Initial => &mut self.initial,
            PacketKind::ZeroRtt => &mut self.early_data,
            PacketKind::Handshake => &mut self.handshake,
            PacketKind::OneRtt => return false,
        };
        let was_there = place.take().is_some();
        match (kind, &mut self.discarded) {
            (PacketKind::Initial, [initial, _]) => *initial = true,
            (PacketKind::Handshake, [_, handshake]) => *handshake = true,
            _ => {}
        }
        was_there
    }

    /// Whether there are keys of early data.
    pub(crate) const fn has_early_data(&self) -> bool {
        self.early_data.is_some()
    }

    /// Whether the keys of these packets were discarded.
    pub(crate) const fn is_discarded(&self, kind: PacketKind) -> bool {
        let [initial, handshake] = self.discarded;
        match kind {
            PacketKind::Initial => initial,
            PacketKind::Handshake => handshake,
            PacketKind::ZeroRtt | PacketKind::OneRtt => false,
        }
    }

    /// Whether the handshake's keys are gone for good: from now on every packet has a short header.
    #[inline]
    pub(crate) const fn is_only_one_rtt(&self) -> bool {
        matches!(self.discarded, [true, true])
    }

    /// Those that go when the handshake is over.
    #[inline]
    fn of_handshake(&mut self, kind: PacketKind) -> Option<&mut LevelKeys> {
        match kind {
            PacketKind::Initial => self.initial.as_deref_mut(),
            PacketKind::ZeroRtt => self.early_data.as_deref_mut(),
            PacketKind::Handshake => self.handshake.as_deref_mut(),
            PacketKind::OneRtt => None,
        }
    }

    /// What protects packets of this kind.
    #[inline]
    pub(crate) fn seal(&mut self, kind: PacketKind) -> Option<&mut SealKeys> {
        if kind == PacketKind::OneRtt {
            return self.one_rtt.seal.as_mut();
        }
        self.of_handshake(kind)?.seal.as_mut()
    }

    /// What opens packets of this kind.
    #[inline]
    pub(crate) fn open(&mut self, kind: PacketKind) -> Option<&mut OpenKeys> {
        if kind == PacketKind::OneRtt {
            return self.one_rtt.open.as_mut();
        }
        self.of_handshake(kind)?.open.as_mut()
    }

    /// Which packets can be sent with numbers of `space`: 0-RTT packets only as long as there are no 1-RTT keys
    /// (RFC 9001 section 5.6).
    #[inline]
    pub(crate) fn sealing(&self, space: PacketNumberSpace) -> Option<PacketKind> {
        let seals = |keys: &Option<Box<LevelKeys>>| keys.as_ref().is_some_and(|keys| keys.seal.is_some());
        if space == PacketNumberSpace::ApplicationData && self.one_rtt.seal.is_some() {
            return Some(PacketKind::OneRtt);
        }
        match space {
            PacketNumberSpace::ApplicationData => seals(&self.early_data).then_some(PacketKind::ZeroRtt),
            PacketNumberSpace::Initial => seals(&self.initial).then_some(PacketKind::Initial),
            PacketNumberSpace::Handshake => seals(&self.handshake).then_some(PacketKind::Handshake),
        }
    }

    /// The 1-RTT keys, which are updated.
    #[inline]
    pub(crate) const fn one_rtt(&mut self) -> &mut OneRttKeys {
        &mut self.one_rtt
    }
}

/// The places of a level's keys, made when they are first needed.
fn both(level: &mut Option<Box<LevelKeys>>) -> (&mut Option<SealKeys>, &mut Option<OpenKeys>) {
    let keys = level.get_or_insert_default();
    (&mut keys.seal, &mut keys.open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protection::initial;
    use crate::wire::connection_id::ConnectionId;
    use base::Side;

    fn keys(destination: u8) -> (SealKeys, OpenKeys) {
        let destination = ConnectionId::new(&[destination; 8]).unwrap();
        initial::keys(crypto_ring::provider().initial, Version::V1, destination, Side::Client)
    }

    fn levels() -> Levels {
        let (seal, open) = keys(1);
        let mut levels = Levels::default();
        levels.install(PacketKind::Initial, Some(seal), Some(open));
        levels
    }

    /// RFC 9000 section 17.2.3-3. RFC 9001 section 5.6-7.
    #[test]
    fn packets_of_a_space_are_0_rtt_until_there_are_1_rtt_keys() {
        let mut levels = levels();
        let of_application = PacketNumberSpace::ApplicationData;
        assert_eq!(levels.sealing(PacketNumberSpace::Initial), Some(PacketKind::Initial));
        assert_eq!((levels.sealing(of_application), levels.sealing(PacketNumberSpace::Handshake)), (None, None));
        // A client sends 0-RTT packets and receives none.
        levels.install(PacketKind::ZeroRtt, Some(keys(2).0), None);
        assert_eq!(levels.sealing(of_application), Some(PacketKind::ZeroRtt));
        assert!(levels.open(PacketKind::ZeroRtt).is_none());
        let (seal, open) = keys(3);
        levels.install(PacketKind::OneRtt, Some(seal), None);
        assert_eq!(levels.sealing(of_application), Some(PacketKind::OneRtt));
        assert!(levels.open(PacketKind::OneRtt).is_none());
        levels.install(PacketKind::OneRtt, None, Some(open));
        assert!(levels.seal(PacketKind::OneRtt).is_some() && levels.open(PacketKind::OneRtt).is_some());
        assert!(levels.discard(PacketKind::ZeroRtt) && !levels.discard(PacketKind::ZeroRtt));
        assert!(!levels.discard(PacketKind::OneRtt) && levels.seal(PacketKind::OneRtt).is_some());
    }

    #[test]
    fn keys_of_the_handshake_are_gone_for_good() {
        let mut levels = levels();
        assert!(levels.discard(PacketKind::Initial) && !levels.discard(PacketKind::Initial));
        assert!(levels.is_discarded(PacketKind::Initial) && !levels.is_only_one_rtt());
        assert!(levels.seal(PacketKind::Initial).is_none() && levels.open(PacketKind::Initial).is_none());
        let (seal, open) = keys(2);
        levels.install(PacketKind::Handshake, Some(seal), Some(open));
        assert!(levels.discard(PacketKind::Handshake) && levels.is_only_one_rtt());
    }

    #[test]
    #[should_panic(expected = "come before they are discarded")]
    fn keys_that_come_too_late_are_our_mistake() {
        let mut levels = levels();
        levels.discard(PacketKind::Initial);
        let (seal, open) = keys(2);
        levels.install(PacketKind::Initial, Some(seal), Some(open));
    }
}
