//! Flow-control credit (RFC 9000 section 4): one counter on either end, the same for the bytes of a connection, the bytes
//! of a stream and the number of streams.
//!
//! Invariants: a sender never uses more than the largest limit it was told; a receiver's limit never decreases, and moves
//! only by what the application consumed, so that what is held unread never exceeds the window.

use crate::delivery::Latest;
use base::{Duration, Instant};

/// What the peer allows us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct SendCredit {
    limit: u64,
    used: u64,
    blocked: Latest<u64>,
    blocked_at: Option<u64>,
}

impl SendCredit {
    /// Nothing used yet of `limit`.
    pub(crate) fn new(limit: u64) -> SendCredit {
        SendCredit { limit, ..SendCredit::default() }
    }

    /// How much was used in all.
    pub(crate) const fn used(&self) -> u64 {
        self.used
    }

    /// The peer's limit.
    pub(crate) const fn limit(&self) -> u64 {
        self.limit
    }

    /// Of an amount that is used, without leave for it: what the limit before it was is of no use any more.
    pub(crate) fn overdrawn(used: u64) -> SendCredit {
        SendCredit { used, ..SendCredit::default() }
    }

    /// How much may still be used.
    pub(crate) const fn available(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    /// Uses `amount`.
    ///
    /// # Panics
    /// If that is more than is available: the caller's mistake, never the peer's.
    pub(crate) fn consume(&mut self, amount: u64) {
        assert!(amount <= self.available(), "flow-control credit is asked for before it is used");
        self.used += amount;
    }

    /// The peer told of `limit`. Whether it is an increase; anything else is ignored (section 4.1).
    pub(crate) fn raise(&mut self, limit: u64) -> bool {
        let increases = limit > self.limit;
        if increases {
            self.limit = limit;
            // RFC 9000 s13.3: a blocked signal is sent only while blocked at the limit it names.
            self.blocked.cancel();
        }
        increases
    }

    /// There is something to send that the limit forbids: the peer is told, once per limit.
    pub(crate) fn on_blocked(&mut self) {
        if self.available() == 0 && self.blocked_at != Some(self.limit) {
            self.blocked_at = Some(self.limit);
            self.blocked.set(self.limit);
        }
    }

    /// The peer is told once more, if all of the limit is used: it may have missed what is awaited, or be slow to give it.
    pub(crate) fn remind(&mut self) {
        if self.available() == 0 {
            self.blocked_at = Some(self.limit);
            self.blocked.set(self.limit);
        }
    }

    /// The blocked signal of this limit.
    pub(crate) const fn blocked(&mut self) -> &mut Latest<u64> {
        &mut self.blocked
    }

    /// Whether the peer is to be told that we are blocked.
    pub(crate) const fn is_blocked_signal_due(&self) -> bool {
        self.blocked.is_due()
    }
}

/// The peer used more than it was allowed. The owner of the counter knows which violation that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded;

/// A window at the moment at which a new limit is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// What it is.
    pub is: u64,
    /// What it would be.
    pub wanted: u64,
    /// What its peer was told that it may send, and has not been given back.
    pub told: u64,
}

/// A window grows to what flows in so many round trips.
const ROUND_TRIPS: u128 = 8;
/// By no more than this at a time.
const MOST_GROWTH: u64 = 4;

/// What became free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Consumed {
    /// So much of what was received.
    pub amount: u64,
    /// What has been received and cannot be consumed yet, because something before it is missing.
    pub waiting: u64,
}

impl Consumed {
    /// And nothing waits.
    pub(crate) const fn all(amount: u64) -> Consumed {
        Consumed { amount, waiting: 0 }
    }
}

/// What is the same for all credit of a kind, and stands once.
#[derive(Debug)]
pub(crate) struct CreditRule {
    /// The largest limit that the kind's frame can say.
    pub highest: u64,
    /// A limit is told anew once it can grow by the window's share of this.
    pub divisor: u64,
}

/// What we allow the peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReceiveCredit {
    limit: u64,
    received: u64,
    consumed: u64,
    window: u64,
    ceiling: u64,
    rule: &'static CreditRule,
    // What the window is tuned by: how much was consumed when it was last measured, and when that was.
    mark: u64,
    marked: Option<Instant>,
    announced: Latest<u64>,
}

impl ReceiveCredit {
    /// A first limit of `window`, which may grow up to `ceiling`.
    pub(crate) fn new(window: u64, ceiling: u64, rule: &'static CreditRule) -> ReceiveCredit {
        let window = window.min(rule.highest);
        ReceiveCredit {
            limit: window,
            received: 0,
            consumed: 0,
            window,
            ceiling: ceiling.max(window),
            rule,
            mark: 0,
            marked: None,
            announced: Latest::default(),
        }
    }

    /// The largest limit the peer was or will be told.
    pub(crate) const fn limit(&self) -> u64 {
        self.limit
    }

    /// How much the peer used.
    pub(crate) const fn received(&self) -> u64 {
        self.received
    }

    /// How much was consumed.
    #[cfg(test)]
    pub(crate) const fn consumed(&self) -> u64 {
        self.consumed
    }

    /// How much the peer may have in our hands at a time.
    pub(crate) const fn window(&self) -> u64 {
        self.window
    }

    /// The peer may have `more` in our hands than before.
    pub(crate) fn extend(&mut self, more: u64) {
        self.window = self.window.saturating_add(more);
        self.raise();
    }

    /// The peer used `amount` more. Nothing changes if that is too much.
    pub(crate) fn on_received(&mut self, amount: u64) -> Result<(), Exceeded> {
        let received = self.received.checked_add(amount).filter(|sum| *sum <= self.limit).ok_or(Exceeded)?;
        self.received = received;
        Ok(())
    }

    /// Whether the peer may use `amount` more.
    pub(crate) const fn allows(&self, amount: u64) -> bool {
        amount <= self.limit - self.received
    }

    /// `amount` of what was received is free again. Only here does the limit move, so a peer cannot earn credit by
    /// what it sends.
    ///
    /// The window grows to what flows in eight round trips, up to its ceiling. Where the window itself is what limits, that
    /// is more than it has; where the path or the reader does, it is enough for as much as is under way now, as much again
    /// because a sender in slow start doubles its rate in each round trip, twice that because it hears of credit a round trip late, and
    /// twice that because nothing is consumed until what was lost has come again.
    /// RFC 9000 section 4.2-2, 4.6-6.
    pub(crate) fn on_consumed(&mut self, now: Instant, round_trip: Duration, consumed: Consumed) {
        self.on_consumed_within(now, round_trip, consumed, |window| window.wanted);
    }

    /// The same for a window that others share: it becomes what `agree` says, at least what the peer was told and did not use.
    /// `agree` is asked where a new limit is due, and nowhere else.
    #[inline]
    pub(crate) fn on_consumed_within(
        &mut self,
        now: Instant,
        round_trip: Duration,
        Consumed { amount, waiting }: Consumed,
        agree: impl FnOnce(Window) -> u64,
    ) {
        self.consumed += amount;
        assert!(self.consumed <= self.received, "no more is consumed than was received");
        let target = self.target();
        let growth = target - self.limit.min(target);
        let last = target == self.rule.highest;
        if growth == 0 || growth < self.window / self.rule.divisor && !last {
            return;
        }
        let wanted = self.tuned(now, round_trip, waiting);
        self.window = agree(Window { is: self.window, wanted, told: self.limit - self.consumed });
        self.raise();
    }

    /// The limit is what it can be.
    fn raise(&mut self) {
        if self.target() > self.limit {
            self.limit = self.target();
            self.announced.set(self.limit);
        }
    }

    /// What the window would be, by what has flowed since it was last measured: half of it, or as much as in a round trip. What waits
    /// behind a gap has flowed as well: that can be a window's worth, and the reader gets nothing of it until the gap is filled, in
    /// two or three round trips. By what was consumed alone the window would grow more slowly than slow start, and hold it back
    /// wherever packets are lost. What the reader could have does not count.
    ///
    /// A round trip is enough, though less than half has flowed: a window holds eight round trips, and a sender in slow start becomes
    /// four times as fast in two of them.
    fn tuned(&mut self, now: Instant, round_trip: Duration, waiting: u64) -> u64 {
        let until = self.consumed.saturating_add(waiting);
        let flowed = until.saturating_sub(self.mark);
        let elapsed = self.marked.map(|marked| now.saturating_duration_since(marked));
        if flowed < self.window / 2 && elapsed.is_some_and(|elapsed| elapsed < round_trip) {
            return self.window;
        }
        (self.mark, self.marked) = (until, Some(now));
        let Some(elapsed) = elapsed else { return self.window };
        let flows = u128::from(flowed).saturating_mul(round_trip.as_nanos());
        let wanted = u64::try_from(flows.saturating_mul(ROUND_TRIPS) / elapsed.as_nanos().max(1)).unwrap_or(u64::MAX);
        wanted.clamp(self.window, self.window.saturating_mul(MOST_GROWTH).min(self.ceiling).max(self.window))
    }

    fn target(&self) -> u64 {
        self.consumed.saturating_add(self.window).min(self.rule.highest)
    }

    /// The announcement of the limit.
    pub(crate) const fn announced(&mut self) -> &mut Latest<u64> {
        &mut self.announced
    }

    /// Whether the peer is to be told of the limit.
    pub(crate) const fn is_announcement_due(&self) -> bool {
        self.announced.is_due()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(100);

    fn at(milliseconds: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(milliseconds)
    }

    /// RFC 9000 section 4.1-3, 4.6-4.
    #[test]
    fn a_limit_that_does_not_increase_is_ignored() {
        let mut credit = SendCredit::new(10);
        credit.consume(10);
        credit.on_blocked();
        assert_eq!(credit.blocked().needs_sending(), Some(10));
        assert!(!credit.raise(10) && !credit.raise(3));
        assert_eq!((credit.available(), credit.limit()), (0, 10));
        assert!(credit.raise(11));
        assert_eq!((credit.available(), credit.is_blocked_signal_due()), (1, false));
    }

    /// RFC 9000 section 4.1-4.
    #[test]
    fn blocked_is_told_once_per_limit() {
        let mut credit = SendCredit::new(0);
        credit.on_blocked();
        credit.blocked().on_sent(0);
        credit.on_blocked();
        assert!(!credit.is_blocked_signal_due());
        credit.blocked().on_lost(0);
        assert!(credit.is_blocked_signal_due());
        credit.raise(1);
        credit.on_blocked();
        assert!(!credit.is_blocked_signal_due());
    }

    #[test]
    #[should_panic(expected = "credit is asked for")]
    fn using_more_than_available_is_our_mistake() {
        SendCredit::new(1).consume(2);
    }

    /// RFC 9000 section 4.1-2, 19.10-4.
    #[test]
    fn a_receiver_enforces_its_limit_to_the_byte() {
        for window in [0, 1, 7, (1 << 62) - 1] {
            let mut credit = ReceiveCredit::new(window, window, &CreditRule { highest: (1 << 62) - 1, divisor: 2 });
            assert!(credit.allows(window) && !credit.allows(window + 1));
            assert_eq!(credit.on_received(window + 1), Err(Exceeded));
            assert_eq!(credit.on_received(u64::MAX), Err(Exceeded));
            assert_eq!(credit.received(), 0);
            assert_eq!(credit.on_received(window), Ok(()));
            assert_eq!(credit.on_received(1), Err(Exceeded));
        }
    }

    /// M6: what arrives earns nothing.
    /// RFC 9000 section 4.2-2, 4.6-6.
    #[test]
    fn the_limit_moves_only_by_what_was_consumed() {
        let mut credit = ReceiveCredit::new(100, 100, &CreditRule { highest: 1 << 60, divisor: 2 });
        credit.on_received(100).unwrap();
        assert_eq!((credit.limit(), credit.is_announcement_due()), (100, false));
        credit.on_consumed(at(0), ROUND_TRIP, Consumed::all(49));
        assert!(!credit.is_announcement_due());
        credit.on_consumed(at(0), ROUND_TRIP, Consumed::all(1));
        assert_eq!(credit.announced().needs_sending(), Some(150));
    }

    #[test]
    fn the_window_grows_to_what_is_read_in_eight_round_trips_up_to_the_ceiling() {
        let mut credit = ReceiveCredit::new(1000, 3000, &CreditRule { highest: 1 << 60, divisor: 2 });
        let read = |credit: &mut ReceiveCredit, when| {
            let half = credit.window() / 2;
            credit.on_received(half).unwrap();
            credit.on_consumed(at(when), ROUND_TRIP, Consumed::all(half));
            credit.window()
        };
        // 500 bytes: at first; in four round trips, which is all that flows; in two and a half, and so 200 in one.
        assert_eq!(read(&mut credit, 0), 1000);
        assert_eq!(read(&mut credit, 400), 1000);
        assert_eq!(read(&mut credit, 650), 1600);
        // As fast as can be: no more than its ceiling,
        assert_eq!(read(&mut credit, 651), 3000);
        assert_eq!(read(&mut credit, 652), 3000);
        let mut credit = ReceiveCredit::new(1000, 9000, &CreditRule { highest: 1 << 60, divisor: 2 });
        read(&mut credit, 0);
        // and no more than four times as large.
        assert_eq!(read(&mut credit, 0), 4000);
        // A slow reader keeps what it has, whatever it had.
        assert_eq!([900, 1800, 9000].map(|when| read(&mut credit, when)), [4000; 3]);
    }

    /// A sender in slow start whose reader stands two round trips behind, since packets are lost: what it sends in the next round trip
    /// was allowed in this one, however wide the window was at first.
    #[test]
    fn a_sender_that_doubles_its_rate_is_not_held_back() {
        for first in [1 << 14, 1 << 16, 1 << 18] {
            let mut credit = ReceiveCredit::new(first, 1 << 40, &CreditRule { highest: 1 << 60, divisor: 32 });
            let sent = |round: u64| 1000u64 << round;
            for round in 0..24 {
                credit.on_received(sent(round)).unwrap();
                if round >= 2 {
                    let waiting = sent(round - 1) + sent(round);
                    credit.on_consumed(at(100 * round), ROUND_TRIP, Consumed { amount: sent(round - 2), waiting });
                }
                assert!(credit.allows(sent(round + 1)), "{first} {round}: {credit:?}");
            }
        }
    }

    /// What is read comes in one heap in two round trips, when a gap is filled, and a window's worth waits behind the next one.
    #[test]
    fn what_waits_behind_a_gap_counts_for_the_window() {
        let windows = |waits: bool| {
            let mut credit = ReceiveCredit::new(1000, 1 << 20, &CreditRule { highest: 1 << 60, divisor: 32 });
            let of = |heap: u64| {
                let room = credit.limit() - credit.received();
                credit.on_received(room).unwrap();
                let amount = credit.window() / 2;
                let waiting = if waits { credit.received() - credit.consumed() - amount } else { 0 };
                credit.on_consumed(at(200 * heap), ROUND_TRIP, Consumed { amount, waiting });
                credit.window()
            };
            (0..4).map(of).collect::<alloc::vec::Vec<u64>>()
        };
        assert_eq!(windows(false), [1000, 2000, 4000, 8000]);
        assert_eq!(windows(true), [1000, 2000, 6000, 20_000]);
    }

    /// An extended window is announced at once, whatever its ceiling is, and moves on as it was.
    #[test]
    fn a_window_can_be_extended() {
        let mut credit = ReceiveCredit::new(1000, 1100, &CreditRule { highest: 1 << 60, divisor: 2 });
        credit.extend(400);
        assert_eq!((credit.limit(), credit.window(), credit.announced().needs_sending()), (1400, 1400, Some(1400)));
        credit.announced().on_sent(1400);
        credit.on_received(1400).unwrap();
        credit.on_consumed(at(0), ROUND_TRIP, Consumed::all(699));
        assert_eq!((credit.limit(), credit.is_announcement_due()), (1400, false));
        credit.on_consumed(at(0), ROUND_TRIP, Consumed::all(1));
        assert_eq!((credit.limit(), credit.window()), (2100, 1400));
        credit.extend(u64::MAX);
        assert_eq!(credit.limit(), 1 << 60);
    }

    #[test]
    fn the_limit_never_passes_what_its_frame_can_say() {
        let mut credit = ReceiveCredit::new(10, u64::MAX, &CreditRule { highest: 12, divisor: 2 });
        credit.on_received(10).unwrap();
        credit.on_consumed(at(0), ROUND_TRIP, Consumed::all(10));
        assert_eq!(credit.limit(), 12);
        credit.on_received(2).unwrap();
        credit.on_consumed(at(0), ROUND_TRIP, Consumed::all(2));
        assert_eq!(credit.limit(), 12);
    }
}
