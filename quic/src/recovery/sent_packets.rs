//! The packets of one space that were sent and whose fate is open (RFC 9002 appendix A.1).
//!
//! Two rings: the packets in order of their numbers, and the frames of all of them one after the other. Nothing is
//! allocated per packet once the rings have grown. Entries leave at the front; since the packet threshold declares
//! everything lost that is a few numbers below the largest acknowledged, few resolved entries ever wait behind an open
//! one, so an acknowledgment costs what it newly acknowledges.
//!
//! Knows neither time-outs nor windows: it is told what is acknowledged or lost and tells the packets.

use super::lost_packets::{LostPacket, LostPackets};
use crate::packet::SentFrame;
use crate::wire::packet_number::PacketNumber;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use base::Instant;
use core::ops::{Range, RangeInclusive};

/// Packets that are not in flight (only ACK frames) need no acknowledgment and may never get one. This many are
/// remembered, so that the acknowledgment of an ACK frame is mostly noticed; then the oldest are forgotten.
pub(crate) const MAX_NOT_IN_FLIGHT: usize = 64;

/// A packet as it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SentPacket {
    /// Its number; larger than every one before.
    pub number: PacketNumber,
    /// When.
    pub time_sent: Instant,
    /// Bytes with header and tag.
    pub size: usize,
    /// Whether the peer must acknowledge it.
    pub ack_eliciting: bool,
    /// Whether it counts for congestion control.
    pub in_flight: bool,
    /// Whether it probes the MTU: its loss says nothing about congestion (RFC 9000 section 14.4).
    pub mtu_probe: bool,
    /// Whether it is marked as capable of ECN.
    pub marked: bool,
}

/// What is remembered of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its number.
    pub number: u64,
    /// When it was sent.
    pub time_sent: Instant,
    // Index of its first frame, counted from the first frame of the space.
    frames: u64,
    frame_count: u16,
    /// Bytes.
    pub size: u16,
    /// The path it was sent on, counted by migrations.
    pub path: u16,
    /// Whether the peer must acknowledge it.
    pub ack_eliciting: bool,
    /// Whether it counts for congestion control.
    pub in_flight: bool,
    /// Whether it probes the MTU.
    pub mtu_probe: bool,
    /// Whether it was marked as capable of ECN.
    pub marked: bool,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    Acked,
    Lost,
}

/// What became of an entry that leaves, in the order of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolved {
    /// It was acknowledged.
    Acked,
    /// It is lost.
    Lost(Entry),
}

/// The open packets of one space.
#[derive(Debug, Default)]
pub(crate) struct SentPackets {
    packets: VecDeque<Entry>,
    frames: VecDeque<SentFrame>,
    // Index of the first frame in the ring.
    frames_start: u64,
    ack_eliciting: usize,
    not_in_flight: usize,
    lost: LostPackets,
}

impl SentPackets {
    /// None. Allocates nothing.
    pub(crate) const fn new() -> SentPackets {
        SentPackets {
            packets: VecDeque::new(),
            frames: VecDeque::new(),
            frames_start: 0,
            ack_eliciting: 0,
            not_in_flight: 0,
            lost: LostPackets::new(),
        }
    }

    /// A packet was sent with these frames.
    pub(crate) fn on_sent(&mut self, packet: &SentPacket, path: u16, frames: &[SentFrame]) {
        let number = packet.number.value();
        assert!(self.packets.back().is_none_or(|last| last.number < number), "packet numbers increase");
        if !packet.in_flight {
            if self.not_in_flight >= MAX_NOT_IN_FLIGHT {
                self.forget_not_in_flight();
            }
            self.not_in_flight += 1;
        }
        self.ack_eliciting += usize::from(packet.ack_eliciting);
        self.packets.push_back(Entry {
            number,
            time_sent: packet.time_sent,
            frames: self.frames_start + self.frames.len() as u64,
            frame_count: u16::try_from(frames.len()).expect("a packet holds fewer than 65,536 frames"),
            size: u16::try_from(packet.size).expect("a packet is no larger than a datagram"),
            path,
            ack_eliciting: packet.ack_eliciting,
            in_flight: packet.in_flight,
            mtu_probe: packet.mtu_probe,
            marked: packet.marked,
            fate: Fate::Open,
        });
        self.frames.extend(frames);
    }

    /// The packets of `range` are acknowledged: each open one is told to `each`, ascending, and its frames are appended;
    /// STREAM frames that continue each other as one, so that their stream does its accounts once for many packets.
    pub(crate) fn on_acked(
        &mut self,
        range: RangeInclusive<u64>,
        acked: &mut Vec<SentFrame>,
        mut each: impl FnMut(&Entry),
    ) {
        let from = match self.packets.front() {
            Some(first) if *range.start() <= first.number => 0,
            _ => self.packets.partition_point(|packet| packet.number < *range.start()),
        };
        let (mut eliciting, mut not_in_flight) = (0, 0);
        // The frames of neighbours are neighbours, so a run of packets is one pass.
        let mut run = 0..0;
        for packet in self.packets.range_mut(from..).take_while(|packet| packet.number <= *range.end()) {
            if packet.fate != Fate::Open {
                continue;
            }
            packet.fate = Fate::Acked;
            eliciting += usize::from(packet.ack_eliciting);
            not_in_flight += usize::from(!packet.in_flight);
            if packet.frames != run.end {
                extend_joined(acked, &self.frames, self.frames_start, run);
                run = packet.frames..packet.frames;
            }
            run.end += u64::from(packet.frame_count);
            each(packet);
        }
        extend_joined(acked, &self.frames, self.frames_start, run);
        self.ack_eliciting -= eliciting;
        self.not_in_flight -= not_in_flight;
    }

    /// Whether packets up to `largest` are open: the acknowledgment of it has left some out.
    #[inline]
    pub(crate) fn has_open_up_to(&self, largest: u64) -> bool {
        let first = self.packets.iter().find(|packet| packet.fate == Fate::Open);
        first.is_some_and(|first| first.number <= largest)
    }

    /// Declares open packets lost, ascending, as long as `is_lost` says so; asked for the open packets up to `largest`.
    /// Each is told to `each` and its frames are appended. Returns the first packet that is not lost yet.
    pub(crate) fn on_lost(
        &mut self,
        largest: u64,
        lost: &mut Vec<SentFrame>,
        is_lost: impl Fn(&Entry) -> bool,
        mut each: impl FnMut(&Entry),
    ) -> Option<Entry> {
        let mut still_open = None;
        for packet in self.packets.iter_mut().take_while(|packet| packet.number <= largest) {
            if packet.fate != Fate::Open {
                continue;
            }
            if !is_lost(packet) {
                // A packet that is not in flight needs no timer; a later one still may.
                if packet.in_flight {
                    still_open = Some(*packet);
                    break;
                }
                continue;
            }
            packet.fate = Fate::Lost;
            self.ack_eliciting -= usize::from(packet.ack_eliciting);
            self.not_in_flight -= usize::from(!packet.in_flight);
            let frames = packet.frames..packet.frames + u64::from(packet.frame_count);
            extend(lost, &self.frames, self.frames_start, frames);
            if packet.in_flight {
                let &mut Entry { number, time_sent, path, mtu_probe, .. } = packet;
                self.lost.push(LostPacket { number, time_sent, path, mtu_probe });
            }
            each(packet);
        }
        still_open
    }

    /// Lets resolved packets at the front go, and tells of each that was in flight.
    pub(crate) fn release_resolved(&mut self, mut each: impl FnMut(Resolved)) {
        let mut count = 0;
        for packet in &self.packets {
            match packet.fate {
                Fate::Open => break,
                Fate::Acked => each(Resolved::Acked),
                Fate::Lost if packet.in_flight => each(Resolved::Lost(*packet)),
                Fate::Lost => {}
            }
            count += 1;
        }
        self.packets.drain(..count);
        let end = self.frames_start + self.frames.len() as u64;
        let start = self.packets.front().map_or(end, |packet| packet.frames);
        self.frames.drain(..(start - self.frames_start) as usize);
        self.frames_start = start;
    }

    /// The packets of `range` that had been declared lost, each once.
    pub(crate) fn on_late(&mut self, range: RangeInclusive<u64>, each: impl FnMut(LostPacket)) {
        self.lost.on_acked(range, each);
    }

    /// The packets that were declared lost and are still waited for.
    pub(crate) fn lost(&self) -> impl Iterator<Item = &LostPacket> {
        self.lost.iter()
    }

    /// Whether what was declared lost is still waited for.
    #[inline]
    pub(crate) fn awaits_lost(&self) -> bool {
        self.lost.min().is_some()
    }

    /// What was sent before and declared lost is not waited for any longer.
    pub(crate) fn forget_lost_before(&mut self, time_sent: Instant) {
        self.lost.forget_before(time_sent);
    }

    /// Below this number an acknowledgment tells nothing any more.
    pub(crate) fn floor(&self) -> u64 {
        let open = self.packets.front().map_or(u64::MAX, |packet| packet.number);
        open.min(self.lost.min().unwrap_or(u64::MAX))
    }

    /// Whether any open packet is ack-eliciting.
    pub(crate) const fn has_ack_eliciting(&self) -> bool {
        self.ack_eliciting > 0
    }

    /// The open packets, ascending.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Entry> + '_ {
        self.packets.iter().filter(|packet| packet.fate == Fate::Open)
    }

    /// What `packet` carried.
    pub(crate) fn frames_of(&self, packet: &Entry) -> impl Iterator<Item = SentFrame> + '_ {
        let start = packet.frames.checked_sub(self.frames_start).expect("what is open keeps its frames") as usize;
        self.frames.iter().copied().skip(start).take(usize::from(packet.frame_count))
    }

    /// Gives back what is not used of the rings. They grow again with the next packets.
    pub(crate) fn release_memory(&mut self) {
        self.packets.shrink_to_fit();
        self.frames.shrink_to_fit();
        self.lost.release_memory();
    }

    /// How many packets and frames are held, to watch the bounds.
    #[cfg(test)]
    pub(crate) fn held(&self) -> (usize, usize) {
        (self.packets.len(), self.frames.len())
    }

    /// For how many packets and frames there is memory.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> (usize, usize) {
        (self.packets.capacity(), self.frames.capacity())
    }

    /// Takes out what was sent on `path` and is open, wherever it stands; its frames are appended to `lost`. Gives how many
    /// packets that are. Copies what remains.
    pub(crate) fn give_up(&mut self, path: u16, lost: &mut Vec<SentFrame>) -> u64 {
        let (frames, frames_start) = (&self.frames, self.frames_start);
        let is_given_up = |packet: &Entry| packet.fate == Fate::Open && packet.path == path;
        for packet in self.packets.iter().filter(|packet| is_given_up(packet)) {
            extend(lost, frames, frames_start, packet.frames..packet.frames + u64::from(packet.frame_count));
        }
        let before = self.packets.len();
        self.take_out(is_given_up);
        (before - self.packets.len()) as u64
    }

    /// Takes out the older half of what is not in flight. As this is done once in many packets, the cost for each is small.
    fn forget_not_in_flight(&mut self) {
        let mut forget = MAX_NOT_IN_FLIGHT / 2;
        self.take_out(|packet| {
            let goes = packet.fate == Fate::Open && !packet.in_flight && forget > 0;
            forget -= usize::from(goes);
            goes
        });
    }

    /// Takes out the open packets that `goes` names, and copies what remains.
    fn take_out(&mut self, mut goes: impl FnMut(&Entry) -> bool) {
        let mut write = 0;
        let (frames, frames_start) = (&mut self.frames, self.frames_start);
        let (not_in_flight, ack_eliciting) = (&mut self.not_in_flight, &mut self.ack_eliciting);
        self.packets.retain_mut(|packet| {
            if goes(packet) {
                *not_in_flight -= usize::from(!packet.in_flight);
                *ack_eliciting -= usize::from(packet.ack_eliciting);
                return false;
            }
            let read = (packet.frames - frames_start) as usize;
            packet.frames = frames_start + write as u64;
            for offset in 0..usize::from(packet.frame_count) {
                frames[write] = frames[read + offset];
                write += 1;
            }
            true
        });
        frames.truncate(write);
    }
}

fn extend(out: &mut Vec<SentFrame>, frames: &VecDeque<SentFrame>, start: u64, run: Range<u64>) {
    if !run.is_empty() {
        out.extend(frames.range((run.start - start) as usize..(run.end - start) as usize));
    }
}

fn extend_joined(out: &mut Vec<SentFrame>, frames: &VecDeque<SentFrame>, start: u64, run: Range<u64>) {
    if run.is_empty() {
        return;
    }
    for frame in frames.range((run.start - start) as usize..(run.end - start) as usize) {
        if let Some(last) = out.last_mut()
            && let Some(joined) = last.joined(frame)
        {
            *last = joined;
        } else {
            out.push(*frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn packet(number: u64, in_flight: bool) -> SentPacket {
        SentPacket {
            number: PacketNumber::new(number).unwrap(),
            time_sent: Instant::from_nanos(number),
            size: 1200,
            ack_eliciting: in_flight,
            in_flight,
            mtu_probe: false,
            marked: false,
        }
    }

    #[test]
    fn acknowledgment_only_packets_do_not_accumulate() {
        let mut sent = SentPackets::new();
        // An open packet at the front for ever, so that nothing leaves there.
        sent.on_sent(&packet(0, true), 0, &[SentFrame::HandshakeDone]);
        for number in 1..1_000_000 {
            sent.on_sent(&packet(number, false), 0, &[SentFrame::Ack { largest: PacketNumber::ZERO }]);
            let (packets, frames) = sent.held();
            assert!(packets <= MAX_NOT_IN_FLIGHT + 1 && frames <= MAX_NOT_IN_FLIGHT + 1);
        }
        let mut acked = Vec::new();
        sent.on_acked(0..=999_999, &mut acked, |_| {});
        sent.release_resolved(|_| {});
        assert_eq!((sent.held(), acked[0]), ((0, 0), SentFrame::HandshakeDone));
    }

    /// As many as are promised are remembered, and what is acknowledged or lost makes room for others.
    #[test]
    fn so_many_acknowledgment_only_packets_are_noticed() {
        let ack = |number: u64| SentFrame::Ack { largest: PacketNumber::new(number).unwrap() };
        let mut sent = SentPackets::new();
        // The rings do not begin at their beginning, and one packet at the front stays open.
        sent.on_sent(&packet(0, true), 0, &[SentFrame::MaxData(0), SentFrame::MaxData(1)]);
        sent.on_acked(0..=0, &mut Vec::new(), |_| {});
        sent.release_resolved(|_| {});
        sent.on_sent(&packet(1, true), 0, &[SentFrame::HandshakeDone]);
        let most = MAX_NOT_IN_FLIGHT as u64;
        let send = |sent: &mut SentPackets, range: Range<u64>| {
            range
                .for_each(|number| sent.on_sent(&packet(number, false), 0, &[ack(number), SentFrame::MaxData(number)]));
        };
        let numbers = |sent: &SentPackets| sent.open().map(|entry| entry.number).collect::<Vec<_>>();
        send(&mut sent, 2..2 + most);
        assert_eq!(sent.held(), (MAX_NOT_IN_FLIGHT + 1, 2 * MAX_NOT_IN_FLIGHT + 1));
        // One more: the older half is forgotten, and the frames of the others are where they belong.
        send(&mut sent, 66..67);
        assert_eq!(sent.held(), (34, 67));
        assert_eq!(numbers(&sent), [1].into_iter().chain(34..67).collect::<Vec<_>>());
        for entry in sent.open().skip(1) {
            let frames: Vec<SentFrame> = sent.frames_of(entry).collect();
            assert_eq!(frames, [ack(entry.number), SentFrame::MaxData(entry.number)]);
        }
        // Of 33, 30 are acknowledged: 61 more fit.
        let (mut acked, mut lost, mut count) = (Vec::new(), Vec::new(), 0);
        sent.on_acked(34..=63, &mut acked, |_| count += 1);
        assert_eq!((count, acked.len()), (30, 60));
        send(&mut sent, 67..128);
        assert_eq!(numbers(&sent).len(), 1 + MAX_NOT_IN_FLIGHT);
        send(&mut sent, 128..129);
        assert_eq!(numbers(&sent).len(), 1 + MAX_NOT_IN_FLIGHT / 2 + 1);
        // What was not in flight is lost without anybody being told.
        sent.on_lost(128, &mut lost, |_| true, |_| {});
        let mut resolved = Vec::new();
        sent.release_resolved(|packet| resolved.push(packet));
        let in_flight = |resolved: &Resolved| matches!(resolved, Resolved::Lost(entry) if entry.number == 1);
        let told: Vec<_> = resolved.iter().filter(|resolved| **resolved != Resolved::Acked).collect();
        assert!(told.len() == 1 && in_flight(told[0]), "{told:?}");
        assert_eq!(sent.held(), (0, 0));
        // The lost ones made room as well.
        send(&mut sent, 129..129 + most);
        assert_eq!(sent.held(), (MAX_NOT_IN_FLIGHT, 2 * MAX_NOT_IN_FLIGHT));
    }

    #[test]
    fn rings_that_are_empty_again_keep_nothing() {
        let mut sent = SentPackets::new();
        (0..100).for_each(|number| sent.on_sent(&packet(number, true), 0, &[SentFrame::HandshakeDone]));
        sent.on_acked(0..=99, &mut Vec::new(), |_| {});
        sent.release_resolved(|_| {});
        sent.release_memory();
        assert_eq!(sent.capacity(), (0, 0));
    }

    #[test]
    fn frames_stay_with_their_packets() {
        let mut sent = SentPackets::new();
        for number in 0..200 {
            let frames = vec![SentFrame::MaxData(number); number as usize % 3];
            sent.on_sent(&packet(number, number % 2 == 0), 0, &frames);
        }
        for entry in sent.open() {
            let frames: Vec<SentFrame> = sent.frames_of(entry).collect();
            assert_eq!(frames, vec![SentFrame::MaxData(entry.number); entry.number as usize % 3]);
        }
        let mut acked = Vec::new();
        sent.on_acked(50..=60, &mut acked, |_| {});
        let expected: Vec<SentFrame> =
            (50..=60).filter(|n| n % 2 == 0).flat_map(|n| vec![SentFrame::MaxData(n); n as usize % 3]).collect();
        assert_eq!(acked, expected);
    }

    #[test]
    fn stream_frames_that_continue_each_other_are_acknowledged_as_one() {
        let stream = |id, offset, len, fin| {
            let id = base::StreamId::from_varint(base::VarInt::from_u32(id));
            SentFrame::Stream { id, offset, len, fin }
        };
        let mut sent = SentPackets::new();
        let frames = [
            stream(0, 0, 10, false),
            stream(0, 10, 5, false),
            stream(4, 15, 1, false),
            stream(0, 15, 5, false),
            stream(0, 21, 1, false),
            stream(0, 22, u32::MAX, true),
            stream(0, 22 + u64::from(u32::MAX), 0, true),
        ];
        for (number, frame) in frames.iter().enumerate() {
            sent.on_sent(&packet(number as u64, true), 0, &[*frame]);
        }
        let mut acked = Vec::new();
        sent.on_acked(0..=99, &mut acked, |_| {});
        let [_, _, other, .., end] = frames;
        let [third, fourth, fifth] = [frames[3], frames[4], frames[5]];
        assert_eq!(acked, [stream(0, 0, 15, false), other, third, fourth, fifth, end]);
    }

    #[test]
    fn a_loss_that_was_none_is_noticed_once() {
        let mut sent = SentPackets::new();
        (0..10).for_each(|number| sent.on_sent(&packet(number, true), 0, &[]));
        sent.on_lost(9, &mut Vec::new(), |packet| packet.number < 4, |_| {});
        sent.release_resolved(|_| {});
        assert_eq!(sent.floor(), 0);
        let late = [1..=5, 0..=9, 0..=9].map(|range| {
            let mut count = 0;
            sent.on_late(range, |_| count += 1);
            count
        });
        assert_eq!(late, [3, 1, 0]);
        assert_eq!(sent.floor(), 4);
    }
}
