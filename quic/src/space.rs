//! What each packet number space has of its own: keys, received packets, and the next number to send.

use crate::acknowledgment::ReceivedPackets;
use crate::protection::keys::{OpenKeys, SealKeys};
use crate::violation::Violation;
use crate::wire::packet_number::{PacketNumber, PacketNumberSpace};
use alloc::boxed::Box;
use base::{Instant, Random};

/// One packet number space.
pub struct Space {
    /// Protects what is sent.
    pub seal: SealKeys,
    /// Opens what is received.
    pub open: OpenKeys,
    /// What was received, and when an ACK is due.
    pub received: ReceivedPackets,
    /// The largest of our numbers that the peer has acknowledged.
    pub largest_acknowledged: Option<PacketNumber>,
    /// Packets to send because the probe timer expired, whatever the congestion window says.
    pub probes: u8,
    next: u64,
    /// The next number to leave out; `None` in the spaces of the handshake, which are too short for it.
    skip_at: Option<u64>,
    skip_period: u64,
    /// The first number sealed under the current generation of our keys.
    generation_start: u64,
    /// The peer has updated its keys on its own account, and no ACK under new keys of ours has told it that we have followed.
    update_unanswered: bool,
    /// Until when late packets of the peer's generation before can be opened.
    previous_until: Option<Instant>,
}

/// The first number is left out after at most this many packets, each further one after at most twice as many as before.
/// RFC 9000 s21.4: a peer that acknowledges what it has not received, to be sent more, betrays itself with such a number.
const FIRST_SKIP_PERIOD: u64 = 128;
/// Longer periods would save nothing: a gap costs the peer one ACK range for a round trip.
const LAST_SKIP_PERIOD: u64 = 1 << 14;

impl Space {
    /// A space whose keys have just become available.
    pub fn new(space: PacketNumberSpace, seal: SealKeys, open: OpenKeys) -> Space {
        let received = ReceivedPackets::new(space);
        let skip_at = (space == PacketNumberSpace::ApplicationData).then_some(0);
        Space {
            seal,
            open,
            received,
            largest_acknowledged: None,
            probes: 0,
            next: 0,
            skip_at,
            skip_period: FIRST_SKIP_PERIOD,
            generation_start: 0,
            update_unanswered: false,
            previous_until: None,
        }
    }

    /// The peer has gone on to its next generation of keys: we follow, unless we went first (RFC 9001 section 6.2).
    /// Late packets of the generation before can be opened until `previous_until`.
    pub fn on_key_update(&mut self, previous_until: Instant) -> Result<(), Violation> {
        self.previous_until = Some(previous_until);
        if self.seal.key_phase() == self.open.key_phase() {
            // It follows us.
            return Ok(());
        }
        // RFC 9001 s6.2: it cannot know that we have followed the last time.
        if core::mem::replace(&mut self.update_unanswered, true) {
            return Err(Violation::KeyUpdate);
        }
        self.update_seal();
        Ok(())
    }

    /// An ACK was sealed under the newest keys.
    pub const fn on_ack_sent(&mut self) {
        self.update_unanswered = false;
    }

    /// Forgets the keys that only late packets need, when it is time.
    pub fn expire_keys(&mut self, now: Instant) {
        if self.previous_until.is_some_and(|until| until <= now) {
            self.previous_until = None;
            self.open.discard_previous();
        }
    }

    /// Goes on to the next generation of our keys if `packets` were sealed under this one, and the peer is known to have
    /// received some of them and to have followed the last update (RFC 9001 section 6.1).
    pub fn update_after(&mut self, packets: u64) {
        let is_confirmed = self.largest_acknowledged.is_some_and(|largest| largest.value() >= self.generation_start);
        if self.seal.sealed_packets() >= packets && is_confirmed && self.seal.key_phase() == self.open.key_phase() {
            self.update_seal();
        }
    }

    fn update_seal(&mut self) {
        self.seal.update();
        self.generation_start = self.next;
    }

    /// The number of the next packet; `None` when all 2^62 are used.
    pub const fn next_number(&self) -> Option<PacketNumber> {
        PacketNumber::new(self.next)
    }

    /// The next number was used, or is left out on purpose.
    pub const fn advance(&mut self) {
        self.next += 1;
    }

    /// After a packet was sent: the number that is left out now, if any.
    pub fn skip_number(&mut self, random: &mut dyn Random) -> Option<PacketNumber> {
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
    pub fn on_acknowledged(&mut self, number: PacketNumber) {
        self.largest_acknowledged = self.largest_acknowledged.max(Some(number));
    }
}

/// The three spaces. A space without keys is not there.
#[derive(Default)]
pub struct Spaces {
    spaces: [Option<Box<Space>>; 3],
    discarded: [bool; 3],
}

impl Spaces {
    /// The keys of `space` became available.
    pub fn install(&mut self, space: PacketNumberSpace, seal: SealKeys, open: OpenKeys) {
        if let (Some(place), Some(false)) = (self.spaces.get_mut(space as usize), self.discarded.get(space as usize)) {
            *place = Some(Box::new(Space::new(space, seal, open)));
        }
    }

    /// The keys of `space` are of no use any more; says whether they were still there.
    pub fn discard(&mut self, space: PacketNumberSpace) -> bool {
        if let Some(discarded) = self.discarded.get_mut(space as usize) {
            *discarded = true;
        }
        self.spaces.get_mut(space as usize).is_some_and(|place| place.take().is_some())
    }

    /// The space, if it has keys.
    #[inline]
    pub fn get(&self, space: PacketNumberSpace) -> Option<&Space> {
        self.spaces.get(space as usize)?.as_deref()
    }

    /// The space, if it has keys.
    #[inline]
    pub fn get_mut(&mut self, space: PacketNumberSpace) -> Option<&mut Space> {
        self.spaces.get_mut(space as usize)?.as_deref_mut()
    }

    /// Whether the spaces of the handshake are gone for good.
    pub const fn is_only_application(&self) -> bool {
        matches!(self.discarded, [true, true, _])
    }

    /// Every space that has keys.
    pub fn iter(&self) -> impl Iterator<Item = &Space> {
        self.spaces.iter().flatten().map(|space| &**space)
    }

    /// Every space that has keys.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Space> {
        self.spaces.iter_mut().flatten().map(|space| &mut **space)
    }
}
