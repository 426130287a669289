//! The packet number spaces of a connection: one for life, and two that are gone when the handshake is confirmed, with the
//! memory they took.

use super::ecn::PeerCounts;
use super::persistent_congestion::PersistentCongestion;
use super::sent_packets::SentPackets;
use crate::wire::packet_number::PacketNumberSpace;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use base::Instant;
use core::ops::{Index, IndexMut};

/// One packet number space.
#[derive(Debug)]
pub(crate) struct Space {
    /// What was sent and is open.
    pub sent: SentPackets,
    /// The largest number that was sent or left out.
    pub largest_used: Option<u64>,
    /// The largest number that was acknowledged.
    pub largest_acked: Option<u64>,
    /// The newest numbers that were left out.
    pub skipped: VecDeque<u64>,
    /// When the last packet was sent that asks for an acknowledgment.
    pub last_ack_eliciting: Instant,
    /// When the next packet counts as lost.
    pub loss_time: Option<Instant>,
    /// How long nothing but loss was seen.
    pub persistent: PersistentCongestion,
    /// What the peer counts of marked packets.
    pub ecn: PeerCounts,
}

impl Space {
    /// Nothing sent.
    pub(crate) const fn new() -> Space {
        Space {
            sent: SentPackets::new(),
            largest_used: None,
            largest_acked: None,
            skipped: VecDeque::new(),
            last_ack_eliciting: Instant::ZERO,
            loss_time: None,
            persistent: PersistentCongestion::new(),
            ecn: PeerCounts::new(),
        }
    }
}

/// What a space is that nothing was sent in, or that is gone.
static UNUSED: Space = Space::new();

/// All three spaces, found by their names.
#[derive(Debug)]
pub(crate) struct Spaces {
    application: Space,
    initial: Option<Box<Space>>,
    handshake: Option<Box<Space>>,
}

impl Spaces {
    /// Nothing sent in any. Allocates nothing.
    pub(crate) const fn new() -> Spaces {
        Spaces { application: Space::new(), initial: None, handshake: None }
    }

    /// Takes all that is known of a space away.
    pub(crate) fn discard(&mut self, space: PacketNumberSpace) -> Space {
        match space {
            PacketNumberSpace::Initial => self.initial.take().map_or(Space::new(), |space| *space),
            PacketNumberSpace::Handshake => self.handshake.take().map_or(Space::new(), |space| *space),
            PacketNumberSpace::ApplicationData => core::mem::replace(&mut self.application, Space::new()),
        }
    }

    /// Those in which something was sent.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Space> {
        [self.initial.as_deref(), self.handshake.as_deref(), Some(&self.application)].into_iter().flatten()
    }

    /// Those in which something was sent.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Space> {
        [self.initial.as_deref_mut(), self.handshake.as_deref_mut(), Some(&mut self.application)].into_iter().flatten()
    }
}

impl Index<PacketNumberSpace> for Spaces {
    type Output = Space;

    #[inline]
    fn index(&self, space: PacketNumberSpace) -> &Space {
        match space {
            PacketNumberSpace::ApplicationData => &self.application,
            PacketNumberSpace::Initial => self.initial.as_deref().unwrap_or(&UNUSED),
            PacketNumberSpace::Handshake => self.handshake.as_deref().unwrap_or(&UNUSED),
        }
    }
}

impl IndexMut<PacketNumberSpace> for Spaces {
    #[inline]
    fn index_mut(&mut self, space: PacketNumberSpace) -> &mut Space {
        // Asked for with every packet and every acknowledgment.
        if space == PacketNumberSpace::ApplicationData { &mut self.application } else { self.of_handshake(space) }
    }
}

impl Spaces {
    #[inline(never)]
    fn of_handshake(&mut self, space: PacketNumberSpace) -> &mut Space {
        let place = if space == PacketNumberSpace::Initial { &mut self.initial } else { &mut self.handshake };
        place.get_or_insert_with(|| Box::new(Space::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spaces_of_the_handshake_take_memory_only_while_they_are_used() {
        let mut spaces = Spaces::new();
        let all = PacketNumberSpace::ALL;
        assert!(all.into_iter().all(|space| spaces[space].largest_used.is_none()));
        assert!(spaces.initial.is_none() && spaces.handshake.is_none(), "to look at a space is not to use it");
        for (number, space) in (7..).zip(all) {
            spaces[space].largest_used = Some(number);
        }
        assert_eq!(spaces.iter().map(|space| space.largest_used).collect::<alloc::vec::Vec<_>>(), [7, 8, 9].map(Some));
        for (number, space) in (7..).zip(all) {
            assert_eq!(spaces.discard(space).largest_used, Some(number));
            assert_eq!(spaces[space].largest_used, None);
        }
        assert!(spaces.initial.is_none() && spaces.handshake.is_none());
        assert!(size_of::<Spaces>() <= size_of::<Space>() + 16);
    }
}
