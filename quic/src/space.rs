//! The state of one packet number space: received packets, and the next number to send. The keys are not part of it:
//! they are in `protection::levels`.

use crate::acknowledgment::ReceivedPackets;
use crate::packet::OutgoingPacket;
use crate::wire::frame::Frame;
use crate::wire::packet_number::{PacketNumber, PacketNumberSpace};
use alloc::boxed::Box;
use base::Random;

/// One packet number space.
#[derive(Debug)]
pub(crate) struct Space {
    /// What was received, and when an ACK is due.
    pub received: ReceivedPackets,
    /// The largest of our numbers that the peer has acknowledged.
    pub largest_acknowledged: Option<PacketNumber>,
    /// Packets to send because the probe timer expired, whatever the congestion window says.
    pub probes: u8,
    /// How many of them have gone since it expired: the next one carries other data.
    pub probed: u8,
    /// A PING is to be sent if nothing else asks for an acknowledgment: for a probe, to keep the connection alive, or to show
    /// the peer where this end is.
    pub ping: bool,
    next: u64,
    /// The next number to leave out; `None` in the spaces of the handshake, which are too short for it.
    skip_at: Option<u64>,
    skip_period: u64,
    /// What is acknowledged next is to be acknowledged once more a little later.
    pub acknowledge_again: bool,
    /// What only asks for an acknowledgment asks for one at once: the peer takes IMMEDIATE_ACK frames.
    pub asks_at_once: bool,
}

/// The first number is left out after at most this many packets, each further one after at most twice as many as before.
/// RFC 9000 s21.4: a peer that acknowledges what it has not received, to be sent more, betrays itself with such a number.
const FIRST_SKIP_PERIOD: u64 = 128;
/// Longer periods would save nothing: a gap costs the peer one ACK range for a round trip.
const LAST_SKIP_PERIOD: u64 = 1 << 14;

impl Space {
    /// A space in which nothing was sent or received.
    pub(crate) fn new(space: PacketNumberSpace) -> Space {
        let received = ReceivedPackets::new(space);
        let skip_at = (space == PacketNumberSpace::ApplicationData).then_some(0);
        Space {
            received,
            largest_acknowledged: None,
            probes: 0,
            probed: 0,
            ping: false,
            next: 0,
            skip_at,
            skip_period: FIRST_SKIP_PERIOD,
            acknowledge_again: false,
            asks_at_once: false,
        }
    }

    /// Adds the PING that is asked for, unless the packet asks for an acknowledgment without it. A probe has one in any case,
    /// if there is room: if all that it repeats is a NEW_CONNECTION_ID, a peer that sees another address would take it for a
    /// packet that tries a path (RFC 9000 section 9.1), and go on answering at the address before. To be called when
    /// everything else is in the packet.
    #[inline]
    pub(crate) fn fill_ping(&mut self, packet: &mut OutgoingPacket<'_>) {
        if !self.ping && self.probes == 0 {
            return;
        }
        let is_wanted = !packet.is_ack_eliciting() || self.probes > 0;
        if is_wanted && self.asking_frame().encode(packet.writer()).is_ok() {
            packet.record_unremembered();
        }
        self.ping &= !packet.is_ack_eliciting();
    }

    /// What is sent for nothing but its acknowledgment.
    pub(crate) const fn asking_frame(&self) -> Frame<'static> {
        if self.asks_at_once { Frame::ImmediateAck } else { Frame::Ping }
    }

    /// The probe timer expired: `probes` are to be sent, after `probed` that have gone already.
    pub(crate) const fn owe_probes(&mut self, probes: u8, probed: u8) {
        (self.probes, self.probed) = (probes, probed);
    }

    /// A packet went that asks for an acknowledgment.
    #[inline]
    pub(crate) const fn on_ack_eliciting_sent(&mut self) {
        if self.probes > 0 {
            self.probes -= 1;
            self.probed += 1;
        }
    }

    /// The number of the next packet, as [`OneRttKeys`](crate::protection::one_rtt::OneRttKeys) counts.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// The number of the next packet; `None` when all 2^62 are used.
    pub(crate) const fn next_number(&self) -> Option<PacketNumber> {
        PacketNumber::new(self.next)
    }

    /// The next number was used, or is left out on purpose.
    /// RFC 9000 section 12.3-1, 12.3-2.
    pub(crate) const fn advance(&mut self) {
        self.next += 1;
    }

    /// After a packet was sent: the number that is left out now, if any.
    pub(crate) fn skip_number(&mut self, random: &mut dyn Random) -> Option<PacketNumber> {
        let at = self.skip_at.filter(|at| self.next > *at)?;
        // The first time only the period is drawn: number 1 is not left out in every connection.
        let skipped = if at == 0 { None } else { self.next_number() };
        if skipped.is_some() {
            self.advance();
        }
        let chance = u64::from_le_bytes(base::random::array(random));
        self.skip_at = Some(self.next + chance % self.skip_period);
        self.skip_period = (self.skip_period * 2).min(LAST_SKIP_PERIOD);
        skipped
    }

    /// The peer acknowledged our packets up to `number`.
    pub(crate) fn on_acknowledged(&mut self, number: PacketNumber) {
        self.largest_acknowledged = self.largest_acknowledged.max(Some(number));
    }
}

/// The three spaces: one for life, and two that are there from their first keys until these are discarded.
#[derive(Debug)]
pub(crate) struct Spaces {
    initial: Option<Box<Space>>,
    handshake: Option<Box<Space>>,
    application: Space,
}

impl Default for Spaces {
    fn default() -> Spaces {
        Spaces { initial: None, handshake: None, application: Space::new(PacketNumberSpace::ApplicationData) }
    }
}

impl Spaces {
    /// The first keys of `space` became available. Its numbers go on if there were others before.
    pub(crate) fn begin(&mut self, space: PacketNumberSpace) {
        match space {
            PacketNumberSpace::Initial => self.initial.get_or_insert_with(|| Box::new(Space::new(space))),
            PacketNumberSpace::Handshake => self.handshake.get_or_insert_with(|| Box::new(Space::new(space))),
            PacketNumberSpace::ApplicationData => &mut self.application,
        };
    }

    /// The peer's numbers begin anew, and it has seen none of ours, which go on.
    pub(crate) fn begin_again(&mut self, space: PacketNumberSpace) {
        if let Some(state) = self.get_mut(space) {
            *state = Space { next: state.next, ..Space::new(space) };
        }
    }

    /// The keys of `space` are of no use any more, and so are its numbers. That of application data stays.
    pub(crate) fn discard(&mut self, space: PacketNumberSpace) {
        match space {
            PacketNumberSpace::Initial => self.initial = None,
            PacketNumberSpace::Handshake => self.handshake = None,
            PacketNumberSpace::ApplicationData => {}
        }
    }

    /// The space, if it has begun and is not discarded.
    #[inline]
    pub(crate) fn get(&self, space: PacketNumberSpace) -> Option<&Space> {
        // Asked for with nearly every packet, so it comes first.
        if space == PacketNumberSpace::ApplicationData {
            return Some(&self.application);
        }
        if space == PacketNumberSpace::Initial { self.initial.as_deref() } else { self.handshake.as_deref() }
    }

    /// The space, if it has begun and is not discarded.
    #[inline]
    pub(crate) fn get_mut(&mut self, space: PacketNumberSpace) -> Option<&mut Space> {
        if space == PacketNumberSpace::ApplicationData {
            return Some(&mut self.application);
        }
        if space == PacketNumberSpace::Initial { self.initial.as_deref_mut() } else { self.handshake.as_deref_mut() }
    }

    /// The space of application data, which is always there.
    pub(crate) const fn application(&mut self) -> &mut Space {
        &mut self.application
    }

    /// How many datagrams with probes are to be sent.
    #[inline]
    pub(crate) fn probes(&self) -> u8 {
        self.iter().map(|space| space.probes).max().unwrap_or(0)
    }

    /// A datagram with probes went, and so many more may follow: what had no room in it is not owed any longer.
    pub(crate) fn limit_probes(&mut self, probes: u8) {
        self.iter_mut().for_each(|space| space.probes = space.probes.min(probes));
    }

    /// Every space there is.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Space> {
        [self.initial.as_deref(), self.handshake.as_deref(), Some(&self.application)].into_iter().flatten()
    }

    /// Every space there is.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Space> {
        [self.initial.as_deref_mut(), self.handshake.as_deref_mut(), Some(&mut self.application)].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_goes_only_where_nothing_else_asks_for_an_acknowledgment() {
        let (mut space, mut sent) = (Space::new(PacketNumberSpace::Handshake), alloc::vec::Vec::new());
        let mut fill = |space: &mut Space, room: usize, other: bool| {
            let mut payload = [0; 8];
            let mut packet = OutgoingPacket::new(PacketNumberSpace::Handshake, &mut payload[..room], &mut sent);
            if other {
                packet.record_unremembered();
            }
            space.fill_ping(&mut packet);
            (packet.len(), space.ping)
        };
        assert_eq!(fill(&mut space, 8, false), (0, false), "nobody asked");
        space.ping = true;
        assert_eq!(fill(&mut space, 0, false), (0, true), "no room: it still waits");
        assert_eq!(fill(&mut space, 8, false), (1, false));
        space.ping = true;
        assert_eq!(fill(&mut space, 8, true), (0, false), "the packet does without");
        space.owe_probes(1, 0);
        assert_eq!(fill(&mut space, 8, true), (1, false), "a probe is more than what tries a path");
        assert_eq!(fill(&mut space, 0, true), (0, false), "a full packet is, too");
    }

    #[test]
    fn numbers_go_on_when_keys_are_made_anew() {
        let mut spaces = Spaces::default();
        assert!(spaces.get(PacketNumberSpace::Initial).is_none());
        for number in 0..3 {
            spaces.begin(PacketNumberSpace::Initial);
            let space = spaces.get_mut(PacketNumberSpace::Initial).unwrap();
            assert_eq!(space.next(), number);
            space.advance();
        }
        spaces.discard(PacketNumberSpace::Initial);
        spaces.discard(PacketNumberSpace::ApplicationData);
        assert!(spaces.get(PacketNumberSpace::Initial).is_none());
        assert_eq!(spaces.iter().count(), 1, "the space of application data is always there");
    }
}
