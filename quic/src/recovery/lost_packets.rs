//! Packets that were declared lost, for as long as their acknowledgment may still come and tell that they were only late
//! (RFC 9002 section 6.1.1 calls that loss spurious).

use alloc::collections::VecDeque;
use base::Instant;
use core::ops::RangeInclusive;

/// Packets that are remembered: as many as a path of 100 Mbit/s lets arrive within a tenth of a second. Of more, the newest.
const MAX_LOST_PACKETS: usize = 1024;

/// A packet that was declared lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LostPacket {
    /// Its number.
    pub number: u64,
    /// When it was sent.
    pub time_sent: Instant,
    /// The path it was sent on.
    pub path: u16,
    /// Whether it probed the MTU.
    pub mtu_probe: bool,
}

/// Those of one space, ascending.
#[derive(Debug, Default)]
pub(crate) struct LostPackets {
    list: VecDeque<LostPacket>,
}

impl LostPackets {
    /// None. Allocates nothing.
    pub(crate) const fn new() -> LostPackets {
        LostPackets { list: VecDeque::new() }
    }

    /// A packet is declared lost: a newer one than all before.
    pub(crate) fn push(&mut self, packet: LostPacket) {
        assert!(self.list.back().is_none_or(|last| last.number < packet.number), "packets are lost in their order");
        if self.list.len() == MAX_LOST_PACKETS {
            self.list.pop_front();
        }
        self.list.push_back(packet);
    }

    /// The packets of `range` are acknowledged: those that were declared lost are told, once.
    pub(crate) fn on_acked(&mut self, range: RangeInclusive<u64>, each: impl FnMut(LostPacket)) {
        if self.list.is_empty() {
            return;
        }
        let from = self.list.partition_point(|packet| packet.number < *range.start());
        let to = self.list.partition_point(|packet| packet.number <= *range.end());
        self.list.drain(from..to).for_each(each);
    }

    /// The acknowledgment of what was sent before is not waited for any longer.
    pub(crate) fn forget_before(&mut self, time_sent: Instant) {
        let count = self.list.partition_point(|packet| packet.time_sent < time_sent);
        self.list.drain(..count);
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &LostPacket> {
        self.list.iter()
    }

    /// The smallest number.
    pub(crate) fn min(&self) -> Option<u64> {
        self.list.front().map(|packet| packet.number)
    }

    /// Gives back what is not used.
    pub(crate) fn release_memory(&mut self) {
        self.list.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn lost(numbers: impl Iterator<Item = u64>) -> LostPackets {
        let mut lost = LostPackets::new();
        let packet = |number| LostPacket { number, time_sent: Instant::from_nanos(number), path: 0, mtu_probe: false };
        numbers.for_each(|number| lost.push(packet(number)));
        lost
    }

    fn late(lost: &mut LostPackets, range: RangeInclusive<u64>) -> Vec<u64> {
        let mut numbers = Vec::new();
        lost.on_acked(range, |packet| numbers.push(packet.number));
        numbers
    }

    #[test]
    fn each_is_told_once() {
        let mut lost = lost((0..10).filter(|number| number % 3 != 0));
        assert_eq!(late(&mut lost, 0..=0), []);
        assert_eq!(late(&mut lost, 2..=6), [2, 4, 5]);
        assert_eq!(late(&mut lost, 2..=7), [7]);
        assert_eq!((lost.min(), late(&mut lost, 0..=u64::MAX), lost.min()), (Some(1), alloc::vec![1, 8], None));
    }

    #[test]
    fn the_newest_are_remembered_and_the_old_forgotten() {
        let mut lost = lost(0..MAX_LOST_PACKETS as u64 + 5);
        assert_eq!(lost.min(), Some(5));
        lost.forget_before(Instant::from_nanos(1000));
        assert_eq!((lost.min(), lost.list.len()), (Some(1000), MAX_LOST_PACKETS + 5 - 1000));
        lost.forget_before(Instant::from_nanos(u64::MAX));
        lost.release_memory();
        assert_eq!((lost.min(), lost.list.capacity()), (None, 0));
    }
}
