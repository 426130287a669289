//! Explicit congestion notification (RFC 9000 section 13.4, appendix A.4): whether packets are marked as capable of it, and
//! whether what the peer counts of the marks can be believed.
//!
//! A path is tested by its first packets. If the peer counts them as they were sent, all that follow are marked, and a router
//! may say by the mark CE what it would else say by dropping. If the counts are missing or wrong, or none of the marked packets
//! arrives, nothing more is marked on that path: some networks rewrite marks, and a few drop what has one.
//!
//! Only ECT(0) is used.

use crate::wire::frame::EcnCounts;

/// Packets by which a path is tested.
const TEST_PACKETS: u8 = 10;

/// Probe timeouts in a row that a path is given which has carried marks before.
const MAX_PROBE_TIMEOUTS: u32 = 2;

/// What is known of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The first packets are marked.
    Testing,
    /// They were, and no answer came yet.
    Unknown,
    /// Marks arrive.
    Capable,
    /// Marks do not arrive, or what has one does not.
    Failed,
}

/// ECN of one path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathEcn {
    state: State,
    // Marked packets in flight of the test, and those of them that were lost.
    sent: u8,
    lost: u8,
}

impl PathEcn {
    /// Of a path that nothing was sent on. `enabled`: whether this end marks packets at all.
    pub(crate) const fn new(enabled: bool) -> PathEcn {
        PathEcn { state: if enabled { State::Testing } else { State::Failed }, sent: 0, lost: 0 }
    }

    /// Whether the next packets are marked.
    pub(crate) const fn marks(&self) -> bool {
        matches!(self.state, State::Testing | State::Capable)
    }

    /// A probe timeout, the so-many'th in a row: what vanishes may vanish for its mark. The test is over with the first.
    pub(crate) const fn on_probe_timeout(&mut self, count: u32) {
        match self.state {
            State::Testing if self.sent > 0 => self.state = State::Unknown,
            State::Capable if count > MAX_PROBE_TIMEOUTS => self.state = State::Failed,
            State::Testing | State::Capable | State::Unknown | State::Failed => {}
        }
    }

    /// Whether marks arrive.
    pub(crate) fn is_capable(&self) -> bool {
        self.state == State::Capable
    }

    /// A marked packet in flight left.
    pub(crate) fn on_sent(&mut self) {
        if self.state == State::Testing {
            self.sent += 1;
            if self.sent == TEST_PACKETS {
                self.state = State::Unknown;
            }
        }
    }

    /// A marked packet is lost. RFC 9000 section 13.4.2.2: if none of the test arrives, the path drops them. Tells whether that
    /// is known now.
    pub(crate) fn on_lost(&mut self) -> bool {
        if !matches!(self.state, State::Testing | State::Unknown) {
            return false;
        }
        self.lost = self.lost.saturating_add(1);
        self.judge()
    }

    /// A marked packet is not waited for any longer, with its space: what became of it is not known. Tells as
    /// [`PathEcn::on_lost`] does.
    pub(crate) fn on_discarded(&mut self) -> bool {
        if !matches!(self.state, State::Testing | State::Unknown) {
            return false;
        }
        self.sent = self.sent.saturating_sub(1);
        self.judge()
    }

    fn judge(&mut self) -> bool {
        let is_dropped = self.lost > 0 && self.lost >= self.sent;
        if is_dropped {
            self.state = State::Failed;
        }
        is_dropped
    }

    /// Marked packets were acknowledged, and the peer counted them.
    pub(crate) fn on_validated(&mut self) {
        if self.state != State::Failed {
            self.state = State::Capable;
        }
    }

    /// The peer's counts cannot be true.
    /// RFC 9000 section 13.4.2.2-1, 13.4.2.2-4.
    pub(crate) const fn on_invalid(&mut self) {
        self.state = State::Failed;
    }
}

/// What the peer has counted of the packets of one space, modulo 2 to the 32nd: an ACK frame adds less than that.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PeerCounts {
    /// Marked packets that were sent, less those that the peer has counted.
    uncounted: u32,
    ect0: u32,
    ect1: u32,
    ce: u32,
}

/// Of the counts.
const MODULUS: u64 = 1 << 32;

/// The peer's counts cannot be true: marks are rewritten on the way, or the peer does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invalid;

impl PeerCounts {
    /// None sent.
    pub(crate) const fn new() -> PeerCounts {
        PeerCounts { uncounted: 0, ect0: 0, ect1: 0, ce: 0 }
    }

    /// A marked packet left.
    pub(crate) const fn on_sent(&mut self) {
        self.uncounted = self.uncounted.saturating_add(1);
    }

    /// An ACK frame acknowledges a larger number than every one before, and so many marked packets for the first time. Gives by
    /// how many the count of CE has grown.
    /// RFC 9000 s13.4.2.1.
    pub(crate) fn on_ack(&mut self, counts: Option<&EcnCounts>, newly_marked: u32) -> Result<u32, Invalid> {
        let Some(counts) = counts else {
            return if newly_marked == 0 { Ok(0) } else { Err(Invalid) };
        };
        let before = *self;
        let [ect0, ect1, ce] = [counts.ect0, counts.ect1, counts.ce].map(|count| (count % MODULUS) as u32);
        let [new_ect0, new_ect1, new_ce] =
            [(ect0, before.ect0), (ect1, before.ect1), (ce, before.ce)].map(|(now, before)| growth(now, before));
        let new = new_ect0.saturating_add(new_ce);
        *self = PeerCounts { uncounted: before.uncounted.saturating_sub(new), ect0, ect1, ce };
        // Fewer than arrived: marks are removed on the way. More than were sent, or of a kind that was not: they are made.
        if new < newly_marked || new > before.uncounted || new_ect1 > 0 { Err(Invalid) } else { Ok(new_ce) }
    }

    /// Packets that arrived with the mark CE.
    pub(crate) const fn ce(&self) -> u32 {
        self.ce
    }
}

/// By how much a count has grown, which goes on beyond its width.
fn growth(now: u32, before: u32) -> u32 {
    ((u64::from(now) + MODULUS - u64::from(before)) % MODULUS) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(ect0: u64, ect1: u64, ce: u64) -> Option<EcnCounts> {
        Some(EcnCounts { ect0, ect1, ce })
    }

    fn sent(number: u32) -> PeerCounts {
        let mut peer = PeerCounts::new();
        (0..number).for_each(|_| peer.on_sent());
        peer
    }

    #[test]
    fn counts_that_can_be_true() {
        let mut peer = sent(10);
        assert_eq!(peer.on_ack(counts(3, 0, 0).as_ref(), 3), Ok(0));
        assert_eq!(peer.on_ack(counts(3, 0, 2).as_ref(), 2), Ok(2));
        // The peer counted what an ACK frame told that was lost.
        assert_eq!(peer.on_ack(counts(6, 0, 3).as_ref(), 1), Ok(1));
        // Packets without a mark.
        assert_eq!(peer.on_ack(counts(6, 0, 3).as_ref(), 0), Ok(0));
        assert_eq!((peer.on_ack(None, 0), peer.ce()), (Ok(0), 3));
    }

    /// RFC 9000 section 13.4.2.1: marks that are removed, rewritten, made, or not counted.
    #[test]
    fn counts_that_cannot_be_true() {
        for (told, newly) in [
            (None, 1),
            (counts(0, 0, 0), 1),
            (counts(1, 0, 1), 3),
            (counts(11, 0, 0), 3),
            (counts(9, 0, 2), 3),
            (counts(3, 1, 0), 3),
            (counts(0, 3, 0), 3),
            (counts(u64::from(u32::MAX), 0, 0), 3),
        ] {
            assert_eq!(sent(10).on_ack(told.as_ref(), newly), Err(Invalid), "{told:?}");
        }
        // Counts that fall.
        let mut peer = sent(10);
        assert_eq!(peer.on_ack(counts(5, 0, 1).as_ref(), 6), Ok(1));
        assert_eq!(peer.on_ack(counts(6, 0, 0).as_ref(), 1), Err(Invalid));
    }

    #[test]
    fn counts_go_on_beyond_their_width() {
        let mut peer = PeerCounts { uncounted: 8, ect0: u32::MAX - 1, ect1: 0, ce: 0 };
        assert_eq!(peer.on_ack(counts(u64::from(u32::MAX) + 3, 0, 0).as_ref(), 4), Ok(0));
    }

    #[test]
    fn a_path_is_tested_by_ten_packets() {
        let mut path = PathEcn::new(true);
        for _ in 0..TEST_PACKETS {
            assert!(path.marks());
            path.on_sent();
        }
        assert!(!path.marks() && !path.is_capable());
        path.on_validated();
        // A loss says nothing any more; a wrong count does.
        assert!((0..100).all(|_| !path.on_lost()));
        (1..=MAX_PROBE_TIMEOUTS).for_each(|count| path.on_probe_timeout(count));
        assert!(path.marks());
        let mut invalid = path;
        invalid.on_invalid();
        invalid.on_validated();
        assert!(!invalid.marks() && !invalid.is_capable());
        path.on_probe_timeout(MAX_PROBE_TIMEOUTS + 1);
        assert!(!path.marks());
        assert!(!PathEcn::new(false).marks());
    }

    /// RFC 9000 section 13.4.2.2.
    #[test]
    fn a_path_that_drops_all_that_is_marked_fails() {
        let mut path = PathEcn::new(true);
        (0..3).for_each(|_| path.on_sent());
        assert!((0..2).all(|_| !path.on_lost()));
        assert!(path.marks());
        assert!(path.on_lost());
        assert!(!path.marks() && !path.on_lost());
        // One that went with its space says nothing either way.
        let mut path = PathEcn::new(true);
        (0..2).for_each(|_| path.on_sent());
        assert!(!path.on_lost() && path.on_discarded() && !path.marks());
        let mut path = PathEcn::new(true);
        path.on_sent();
        assert!(!path.on_discarded() && path.marks());
        // Nor is it tested any longer when nothing is answered.
        let mut path = PathEcn::new(true);
        path.on_probe_timeout(1);
        assert!(path.marks(), "nothing was marked yet");
        path.on_sent();
        path.on_probe_timeout(1);
        assert!(!path.marks());
        path.on_validated();
        assert!(path.marks());
    }
}
