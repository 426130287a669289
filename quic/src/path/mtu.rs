//! How large a datagram may be (RFC 9000 section 14, RFC 8899): found by probes that the peer acknowledges, never from
//! ICMP messages, which any host can forge.
//!
//! The ceiling is tried first, since most paths carry it; after that the interval is halved. Only a size that somebody cannot do
//! without is tried before it: a datagram of the application cannot be cut, and a tunnel in which QUIC runs carries nothing at all
//! before 1200 bytes fit in one. Probes are packets of their own whose loss says nothing about congestion (RFC 9000 section 14.4).
//!
//! A connection that never fills a datagram has no use for larger ones: it is not searched for, and its first packets after
//! the handshake are no probes.

use base::{Duration, Instant};

/// RFC 9000 s14: every path carries so much, or QUIC cannot use it.
pub(crate) const MIN_SIZE: usize = 1200;
const LEAST: u16 = MIN_SIZE as u16;
/// What an Ethernet path of 1500 bytes carries over IPv6 (40 + 8 bytes of headers).
#[cfg(test)]
pub(crate) const DEFAULT_CEILING: usize = 1452;
/// RFC 8899 s5.1.2, MAX_PROBES: so many probes of one size are lost before it counts as too large.
const MAX_PROBES: u8 = 3;
/// A smaller gain is not worth a probe.
const MIN_GAIN: u16 = 16;
/// RFC 8899 s5.1.1, PMTU_RAISE_TIMER: how long until a larger size is tried again.
const RAISE_AFTER: Duration = Duration::from_secs(600);
/// The same while somebody cannot send what he has: all probes of a size may have been lost for another reason.
const NEEDED_AGAIN: Duration = Duration::from_secs(30);
/// In so many loss events in a row, with nothing as large acknowledged between, large packets were lost: then the path has
/// become narrower.
const BLACK_HOLE_EVENTS: u8 = 3;

/// The search for the size of one path. No UDP payload has a size beyond 16 bits.
#[derive(Clone, Debug)]
pub(crate) struct MtuDiscovery {
    current: u16,
    /// The largest size that is still possible.
    high: u16,
    ceiling: u16,
    /// The size being probed, and how many probes of it were lost.
    candidate: Option<(u16, u8)>,
    probe_in_flight: bool,
    /// There was more to send than a datagram took.
    wanted: bool,
    /// The size of a datagram that somebody could not send; of use while it is larger than the current one.
    needed: u16,
    /// When the search ended below the ceiling.
    concluded_at: Option<Instant>,
    loss_events: u8,
    last_loss_event: Option<Instant>,
    /// The smallest size that explains these events, and the largest that was acknowledged since the first of them.
    suspect: u16,
    passed: u16,
    /// Loss events in a row of what had passed, and the smallest size of them: acknowledgments come late, and a path can become narrower
    /// still.
    doubts: u8,
    doubted: u16,
}

impl MtuDiscovery {
    /// From 1200 bytes up to `ceiling`: the smallest of what we are willing to send and of the peer's
    /// max_udp_payload_size.
    pub(crate) fn new(ceiling: usize) -> MtuDiscovery {
        let ceiling = narrow(ceiling).max(LEAST);
        MtuDiscovery {
            current: LEAST,
            high: ceiling,
            ceiling,
            candidate: (ceiling > LEAST).then_some((ceiling, 0)),
            probe_in_flight: false,
            wanted: false,
            needed: 0,
            concluded_at: None,
            loss_events: 0,
            last_loss_event: None,
            suspect: 0,
            passed: LEAST,
            doubts: 0,
            doubted: 0,
        }
    }

    /// The search on another path: nothing is known about it but what both ends are willing to send, and what they need. What the path
    /// before carried is likely.
    pub(crate) fn on_another_path(&self) -> MtuDiscovery {
        let mut discovery = MtuDiscovery { needed: self.needed, ..MtuDiscovery::new(usize::from(self.ceiling)) };
        let likely = if self.current > LEAST { self.current } else { self.needed };
        if likely > LEAST && likely <= self.ceiling {
            discovery.candidate = Some((likely, 0));
        }
        discovery
    }

    /// The search between the same hosts from another port: what is known of the size stays true, and should it not, the black hole is
    /// found.
    /// RFC 9000 section 14.2.
    pub(crate) fn on_another_port(&self) -> MtuDiscovery {
        MtuDiscovery { probe_in_flight: false, ..self.clone() }
    }

    /// Bytes of the largest datagram known to arrive.
    pub(crate) const fn current(&self) -> usize {
        self.current as usize
    }

    /// The peer's max_udp_payload_size is known, or something else forbids larger datagrams for good.
    pub(crate) fn limit_ceiling(&mut self, ceiling: usize) {
        self.ceiling = self.ceiling.min(narrow(ceiling).max(LEAST));
        self.current = self.current.min(self.ceiling);
        self.limit_search(self.ceiling);
    }

    /// A network element claims that datagrams may have at most `size` bytes. That can shorten the search, but never makes
    /// what is known to arrive smaller, and below 1200 bytes it is nonsense (RFC 9000 section 14.2.1-1, 14.2.1-6).
    #[cfg_attr(not(test), expect(dead_code, reason = "no driver reads ICMP messages yet"))]
    pub(crate) fn on_hint(&mut self, size: usize) {
        if size >= self.current() {
            self.limit_search(narrow(size));
        }
    }

    fn limit_search(&mut self, size: u16) {
        self.high = self.high.min(size);
        if self.candidate.is_some_and(|(candidate, _)| candidate > size) {
            self.candidate = self.next_candidate();
            self.probe_in_flight = false;
        }
    }

    /// Frames filled a datagram of the current size to its end: a larger one would have been of use.
    #[inline]
    pub(crate) const fn on_full_datagram(&mut self) {
        self.wanted = true;
    }

    /// Something cannot be sent that takes a datagram of `size` bytes: if that is possible, it is tried before anything else. Whoever
    /// needs another size meanwhile waits for what comes of it.
    pub(crate) fn on_needed(&mut self, size: usize) {
        self.wanted = true;
        let size = narrow(size);
        let is_under_way = self.candidate.is_some_and(|(candidate, _)| candidate == self.needed);
        if size <= self.current || size > self.ceiling || is_under_way {
            return;
        }
        self.needed = size;
        if size <= self.high {
            self.candidate = Some((size, 0));
            self.probe_in_flight = false;
        }
    }

    /// The size of a probe to send now, if one is due.
    pub(crate) fn probe_size(&mut self, now: Instant) -> Option<usize> {
        if !self.wanted {
            return None;
        }
        self.on_timeout(now);
        let (size, _) = self.candidate?;
        (!self.probe_in_flight).then_some(usize::from(size))
    }

    /// A probe of the size that [`probe_size`](MtuDiscovery::probe_size) gave was sent.
    pub(crate) const fn on_probe_sent(&mut self) {
        self.probe_in_flight = true;
    }

    /// The path is in use again. What became of a probe that was under way when it was left was not told, so the same size
    /// is probed again.
    pub(crate) const fn on_path_taken_up(&mut self) {
        self.probe_in_flight = false;
    }

    /// A probe of `size` bytes arrived.
    pub(crate) fn on_probe_acked(&mut self, now: Instant, size: usize) {
        if size > usize::from(self.ceiling) {
            return;
        }
        let size = narrow(size);
        self.loss_events = 0;
        self.current = self.current.max(size);
        self.high = self.high.max(self.current);
        if self.candidate.is_some_and(|(candidate, _)| candidate <= self.current) {
            self.probe_in_flight = false;
            self.advance(now);
        }
    }

    /// A probe of `size` bytes was lost.
    pub(crate) fn on_probe_lost(&mut self, now: Instant, size: usize) {
        let Some((candidate, lost)) = self.candidate else { return };
        if usize::from(candidate) != size || !self.probe_in_flight {
            return;
        }
        self.probe_in_flight = false;
        if lost + 1 < MAX_PROBES {
            self.candidate = Some((candidate, lost + 1));
            return;
        }
        self.high = candidate.saturating_sub(1).max(self.current);
        self.advance(now);
    }

    /// The next size, or the end of the search.
    fn advance(&mut self, now: Instant) {
        self.candidate = self.next_candidate();
        if self.candidate.is_none() {
            // Whether the next search is of use shows by then.
            (self.wanted, self.needed) = (false, 0);
            self.concluded_at = (self.current < self.ceiling).then_some(now);
        }
    }

    const fn is_needed(&self) -> bool {
        self.needed > self.current
    }

    fn next_candidate(&self) -> Option<(u16, u8)> {
        let gap = self.high.saturating_sub(self.current);
        // While nothing speaks against the ceiling, it is as likely as at first.
        let step = if self.high == self.ceiling { gap } else { gap.div_ceil(2) };
        (gap >= MIN_GAIN).then_some((self.current + step, 0))
    }

    /// A packet in a datagram of `size` bytes that was no probe was acknowledged.
    #[inline]
    pub(crate) fn on_packet_acked(&mut self, size: usize) {
        if self.loss_events == 0 || size <= MIN_SIZE {
            return;
        }
        if size >= usize::from(self.suspect) {
            self.loss_events = 0;
            return;
        }
        self.passed = self.passed.max(narrow(size));
        if size >= usize::from(self.doubted) {
            self.doubts = 0;
        }
    }

    /// A packet in a datagram of `size` bytes that was no probe was lost, or nobody has answered it although the probe timer
    /// expired. What is found at the same moment is one event. True if the path has become narrower: the size is what still passed,
    /// or 1200.
    pub(crate) fn on_unanswered(&mut self, now: Instant, size: usize) -> bool {
        if size <= MIN_SIZE || size > self.current() || self.last_loss_event == Some(now) {
            return false;
        }
        let size = narrow(size);
        if self.loss_events == 0 {
            (self.suspect, self.passed, self.doubts) = (size, LEAST, 0);
        } else if size <= self.passed {
            return self.on_doubt(now, size);
        }
        self.suspect = self.suspect.min(size);
        self.last_loss_event = Some(now);
        self.loss_events += 1;
        if self.loss_events < BLACK_HOLE_EVENTS {
            return false;
        }
        self.on_black_hole(now);
        true
    }

    /// What has passed meanwhile was lost for something else than its size, unless it goes on: then it does not pass any more.
    fn on_doubt(&mut self, now: Instant, size: u16) -> bool {
        self.doubted = if self.doubts == 0 { size } else { self.doubted.min(size) };
        self.last_loss_event = Some(now);
        self.doubts += 1;
        if self.doubts < BLACK_HOLE_EVENTS {
            return false;
        }
        self.passed = LEAST;
        self.on_black_hole(now);
        true
    }

    /// RFC 8899 section 4.3: the search begins anew.
    fn on_black_hole(&mut self, now: Instant) {
        self.loss_events = 0;
        self.probe_in_flight = false;
        self.concluded_at = None;
        if self.passed > LEAST {
            (self.current, self.high) = (self.passed, self.suspect - 1);
            self.advance(now);
        } else {
            // With what no longer arrives: perhaps nothing did for a while, whatever its size.
            self.high = self.current;
            self.candidate = Some((self.current, 0));
            self.current = LEAST;
        }
    }

    /// The [`deadline`](MtuDiscovery::deadline) may have come: from then on a larger size is a candidate again, and there is no deadline
    /// while its probe waits for the window or the pacer.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.concluded_at = None;
            self.high = self.ceiling;
            self.candidate = if self.is_needed() { Some((self.needed, 0)) } else { self.next_candidate() };
        }
    }

    /// When a larger size is tried again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.wanted { self.raise_at() } else { None }
    }

    fn raise_at(&self) -> Option<Instant> {
        self.concluded_at.map(|at| at + if self.is_needed() { NEEDED_AGAIN } else { RAISE_AFTER })
    }
}

/// A size that somebody named; what is larger than any datagram is as good as the largest.
fn narrow(size: usize) -> u16 {
    u16::try_from(size).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_nanos(1_000_000_000);

    /// Fills datagrams and probes against a path that carries `limit` bytes, until there is no probe; how many it took.
    fn search(discovery: &mut MtuDiscovery, now: Instant, limit: usize) -> usize {
        let mut probes = 0;
        discovery.on_full_datagram();
        while let Some(size) = discovery.probe_size(now) {
            probes += 1;
            discovery.on_probe_sent();
            assert_eq!(discovery.probe_size(now), None, "one probe at a time");
            if size <= limit {
                discovery.on_probe_acked(now, size);
            } else {
                discovery.on_probe_lost(now, size);
            }
            assert!(discovery.current() <= limit.max(MIN_SIZE) && probes < 100);
        }
        probes
    }

    #[test]
    fn a_common_path_takes_one_probe() {
        let mut discovery = MtuDiscovery::new(DEFAULT_CEILING);
        assert_eq!(discovery.current(), 1200);
        assert_eq!(search(&mut discovery, NOW, 1472), 1);
        assert_eq!((discovery.current(), discovery.deadline()), (1452, None));
    }

    #[test]
    fn without_a_full_datagram_there_is_no_probe() {
        let mut discovery = MtuDiscovery::new(DEFAULT_CEILING);
        assert_eq!((discovery.probe_size(NOW), discovery.deadline()), (None, None));
        discovery.on_full_datagram();
        assert_eq!(discovery.probe_size(NOW), Some(DEFAULT_CEILING));
    }

    #[test]
    fn every_size_is_found_to_within_the_gain_that_counts() {
        for limit in 1200..=1500 {
            let mut discovery = MtuDiscovery::new(1500);
            assert!(search(&mut discovery, NOW, limit) <= 20);
            assert!(discovery.current() <= limit && limit - discovery.current() < usize::from(MIN_GAIN));
        }
    }

    #[test]
    fn a_larger_size_is_tried_again_later() {
        let mut discovery = MtuDiscovery::new(1452);
        search(&mut discovery, NOW, 1200);
        assert_eq!(discovery.deadline(), None, "who fills no datagram needs no larger ones");
        discovery.on_full_datagram();
        let raise_at = discovery.deadline().unwrap();
        assert_eq!(raise_at, NOW + Duration::from_secs(600));
        assert_eq!(discovery.probe_size(raise_at - Duration::from_nanos(1)), None);
        let mut waiting = discovery.clone();
        waiting.on_timeout(raise_at);
        assert_eq!(waiting.deadline(), None, "a deadline comes once, also where the probe has to wait");
        assert_eq!(waiting.probe_size(raise_at), Some(1452));
        assert_eq!(search(&mut discovery, raise_at, 1452), 1);
        assert_eq!(discovery.current(), 1452);
    }

    #[test]
    fn losing_only_large_packets_is_a_black_hole() {
        let mut discovery = MtuDiscovery::new(1452);
        search(&mut discovery, NOW, 1452);
        let at = |event: u64| NOW + Duration::from_millis(event);
        for _ in 0..10 {
            assert!(!discovery.on_unanswered(at(1), 1452), "one event, however many packets");
        }
        assert!(!discovery.on_unanswered(at(2), 1452));
        discovery.on_packet_acked(1452);
        assert!(!discovery.on_unanswered(at(3), 1452));
        discovery.on_packet_acked(1200);
        assert!(!discovery.on_unanswered(at(4), 1452));
        assert!(!discovery.on_unanswered(at(5), 1200), "a small packet says nothing about size");
        assert!(discovery.on_unanswered(at(5), 1452));
        assert_eq!(discovery.current(), 1200);
        search(&mut discovery, at(6), 1300);
        assert!(discovery.current() > 1280 && discovery.current() <= 1300);
    }

    /// Datagrams have the sizes that their senders gave them: those that are not too large go on arriving.
    #[test]
    fn losing_only_what_is_larger_than_what_arrives_is_a_black_hole() {
        let mut discovery = MtuDiscovery::new(1452);
        search(&mut discovery, NOW, 1452);
        let at = |event: u64| NOW + Duration::from_millis(event);
        for event in 0..2 {
            assert!(!discovery.on_unanswered(at(3 * event), 1452 - event as usize * 40));
            discovery.on_packet_acked(1289);
            discovery.on_packet_acked(1250);
            assert!(!discovery.on_unanswered(at(3 * event + 1), 1289), "such have arrived");
        }
        assert!(discovery.on_unanswered(at(9), 1452));
        assert_eq!(discovery.current(), 1289, "what is known to arrive");
        search(&mut discovery, at(10), 1350);
        assert!(discovery.current() > 1334 && discovery.current() <= 1350);
        // What is as large as something that was lost, and arrives, says that size was not the reason.
        let found = discovery.current();
        for event in 10..20 {
            assert!(!discovery.on_unanswered(at(event), found));
            discovery.on_packet_acked(found - 1);
            discovery.on_packet_acked(found);
        }
    }

    /// Packets with datagrams of one size differ by the bytes of their numbers, and what was sent before the path became narrower is
    /// acknowledged after the first loss.
    #[test]
    fn what_has_passed_once_is_a_black_hole_like_everything_if_it_passes_no_more() {
        let mut discovery = MtuDiscovery::new(1452);
        search(&mut discovery, NOW, 1452);
        let at = |event: u64| NOW + Duration::from_millis(event);
        assert!(!discovery.on_unanswered(at(1), 1435));
        discovery.on_packet_acked(1434);
        // As long as others of that size arrive, it is not its size.
        for event in 2..10 {
            assert!(!discovery.on_unanswered(at(event), 1434 - event as usize % 2));
            discovery.on_packet_acked(1434);
        }
        assert!(!discovery.on_unanswered(at(11), 1434) && !discovery.on_unanswered(at(12), 1433));
        discovery.on_packet_acked(1250);
        assert!(discovery.on_unanswered(at(13), 1434), "smaller ones say nothing of it");
        assert_eq!(discovery.current(), 1200);
        search(&mut discovery, at(14), 1300);
        assert!(discovery.current() > 1284 && discovery.current() <= 1300);
    }

    /// Nothing that is large is answered, and nothing is lost either, as nothing else is answered.
    #[test]
    fn r2_what_nobody_answers_is_a_black_hole_as_well() {
        let mut discovery = MtuDiscovery::new(1452);
        search(&mut discovery, NOW, 1452);
        let at = |event: u64| NOW + Duration::from_millis(event);
        assert!(!discovery.on_unanswered(at(1), 0), "nothing in flight");
        assert!(!discovery.on_unanswered(at(1), 1452) && !discovery.on_unanswered(at(2), 1452));
        assert!(discovery.on_unanswered(at(3), 1452));
        assert_eq!(discovery.current(), 1200);
        // The silence may have had another reason, so the size before is tried first.
        discovery.on_full_datagram();
        assert_eq!(discovery.probe_size(at(4)), Some(1452));
        assert_eq!(search(&mut discovery, at(4), 1452), 1);
        assert_eq!(discovery.current(), 1452);
    }

    /// RFC 9000 section 14.2.1-1, 14.2.1-6.
    #[test]
    fn a9_hints_never_shrink_what_is_known_to_arrive() {
        let mut discovery = MtuDiscovery::new(1452);
        for hint in 0..1200 {
            discovery.on_hint(hint);
        }
        discovery.on_full_datagram();
        assert_eq!((discovery.current(), discovery.probe_size(NOW)), (1200, Some(1452)));
        discovery.on_hint(1400);
        assert!(discovery.probe_size(NOW).unwrap() <= 1400);
        search(&mut discovery, NOW, 1452);
        let found = discovery.current();
        assert!(found > 1380 && found <= 1400);
        discovery.on_hint(1300);
        assert_eq!(discovery.current(), found);
    }

    #[test]
    fn a_late_acknowledgment_of_an_old_probe_is_good_news() {
        let mut discovery = MtuDiscovery::new(1452);
        discovery.on_full_datagram();
        for _ in 0..3 {
            discovery.on_probe_sent();
            discovery.on_probe_lost(NOW, 1452);
        }
        assert!(discovery.probe_size(NOW).unwrap() < 1452);
        discovery.on_probe_acked(NOW, 1452);
        assert_eq!((discovery.current(), discovery.probe_size(NOW)), (1452, None));
        discovery.limit_ceiling(1300);
        assert_eq!(discovery.current(), 1300);
    }

    /// What cannot be cut is tried before the ceiling and before half the way to it.
    #[test]
    fn what_somebody_needs_is_tried_first() {
        let mut discovery = MtuDiscovery::new(1452);
        discovery.on_full_datagram();
        assert_eq!(discovery.probe_size(NOW), Some(1452));
        discovery.on_probe_sent();
        discovery.on_needed(1233);
        assert_eq!(discovery.probe_size(NOW), Some(1233));
        discovery.on_probe_sent();
        for other in [1100, 1200, 1233, 1250, 1453] {
            discovery.on_needed(other);
            assert_eq!(discovery.probe_size(NOW), None, "one at a time, whatever others need: {other}");
        }
        discovery.on_probe_lost(NOW, 1452);
        assert_eq!(discovery.probe_size(NOW), None, "that is another one's");
        discovery.on_probe_acked(NOW, 1233);
        assert_eq!(
            (discovery.current(), discovery.probe_size(NOW)),
            (1233, Some(1452)),
            "nothing speaks against the ceiling"
        );
        assert_eq!(search(&mut discovery, NOW, 1300), 11);
        assert!(discovery.current() > 1284 && discovery.current() <= 1300);
    }

    /// All probes of a size may have been lost for another reason, and without it somebody can send nothing.
    #[test]
    fn what_somebody_still_needs_is_tried_again_soon() {
        let mut discovery = MtuDiscovery::new(1452);
        discovery.on_needed(1233);
        search(&mut discovery, NOW, 1200);
        assert_eq!((discovery.current(), discovery.deadline()), (1200, None), "nobody asks");
        discovery.on_full_datagram();
        assert_eq!(discovery.deadline(), Some(NOW + RAISE_AFTER));
        discovery.on_needed(1233);
        let again = NOW + NEEDED_AGAIN;
        assert_eq!((discovery.deadline(), discovery.probe_size(NOW)), (Some(again), None));
        assert_eq!(discovery.probe_size(again), Some(1233));
        assert_eq!(search(&mut discovery, again, 1452), 2);
        assert_eq!((discovery.current(), discovery.deadline()), (1452, None));
    }

    /// RFC 9000 section 14.2.
    #[test]
    fn what_is_known_of_a_path_stays_true_at_another_port_and_is_likely_elsewhere() {
        let mut discovery = MtuDiscovery::new(1452);
        search(&mut discovery, NOW, 1300);
        let found = discovery.current();
        assert!(!discovery.on_unanswered(NOW, found));
        let mut port = discovery.on_another_port();
        assert_eq!(port.current(), found);
        // What was not answered there counts here.
        assert!(!port.on_unanswered(NOW + Duration::from_secs(1), found));
        assert!(port.on_unanswered(NOW + Duration::from_secs(2), found));
        let mut host = discovery.on_another_path();
        host.on_full_datagram();
        assert_eq!((host.current(), host.probe_size(NOW)), (1200, Some(found)));
        // A black hole there leaves nothing but what is needed.
        let mut host = port.on_another_path();
        host.on_full_datagram();
        assert_eq!((port.current(), host.probe_size(NOW)), (1200, Some(1452)));
        port.on_needed(1233);
        assert_eq!(port.on_another_path().candidate, Some((1233, 0)));
    }

    #[test]
    fn a_ceiling_below_the_minimum_is_the_minimum() {
        let mut discovery = MtuDiscovery::new(0);
        discovery.on_full_datagram();
        assert_eq!((discovery.current(), discovery.probe_size(NOW)), (1200, None));
    }
}
