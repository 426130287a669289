//! The idle timeout (RFC 9000 section 10.1), and what keeps a connection alive: PINGs, if they are asked for, and reminders
//! of a sender whose data the peer's credit holds back (section 4.1).

use base::{Duration, Instant};

/// How often in the time of the idle timeout a peer is reminded: some may get lost, and the peer's own timer may have begun to
/// run a while before.
const REMINDERS: u32 = 4;

/// The idle timer of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Idle {
    /// The smaller of both ends' timeouts; `None` for never.
    timeout: Option<Duration>,
    keep_alive: Option<Duration>,
    /// When the time began to run, for the last time.
    since: Option<Instant>,
    ping_at: Option<Instant>,
    /// When the last word was received, or the last one sent that asks for an answer.
    quiet_since: Option<Instant>,
    /// The application waits for something of the peer.
    is_needed: bool,
    /// An ack-eliciting packet was sent since something was last received: further ones do not restart the timer.
    sent_since_received: bool,
}

/// What the idle timer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdleTimeout {
    /// Nothing yet.
    Nothing,
    /// A PING to keep the connection alive.
    KeepAlive,
    /// The peer is to be reminded of the credit that is awaited.
    Remind,
    /// The connection is over.
    Expired,
}

impl Idle {
    /// `timeout` is this side's; zero means never. `keep_alive` is the time without a word after which a PING is sent.
    pub(crate) fn new(timeout: Duration, keep_alive: Option<Duration>) -> Idle {
        let timeout = (!timeout.is_zero()).then_some(timeout);
        Idle {
            timeout,
            keep_alive,
            since: None,
            ping_at: None,
            quiet_since: None,
            is_needed: false,
            sent_since_received: false,
        }
    }

    /// Whether the application waits for something of the peer, who may take its time: then silence is broken.
    pub(crate) const fn set_needed(&mut self, is_needed: bool) {
        self.is_needed = is_needed;
    }

    /// The peer's transport parameter is known.
    pub(crate) fn set_peer_timeout(&mut self, peer: Duration) {
        if !peer.is_zero() {
            self.timeout = Some(self.timeout.map_or(peer, |own| own.min(peer)));
        }
    }

    /// The timeout in force.
    pub(crate) const fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// A packet was received and processed.
    pub(crate) fn on_received(&mut self, now: Instant) {
        self.sent_since_received = false;
        self.restart(now);
    }

    /// An ack-eliciting packet was sent.
    pub(crate) fn on_sent(&mut self, now: Instant) {
        if !self.sent_since_received {
            self.sent_since_received = true;
            self.restart(now);
        }
        self.ping_at = self.keep_alive.map(|after| now + after);
        self.quiet_since = Some(now);
    }

    /// When `on_timeout` is to be called. `pto` is the probe timeout now. `is_waiting`: data waits for credit of the peer, and
    /// nothing is in flight.
    pub(crate) fn deadline(&self, pto: Duration, is_waiting: bool) -> Option<Instant> {
        [self.expires(pto), self.ping_at, self.reminds(pto, is_waiting)].into_iter().flatten().min()
    }

    /// The deadline has come.
    pub(crate) fn on_timeout(&mut self, now: Instant, pto: Duration, is_waiting: bool) -> IdleTimeout {
        if self.expires(pto).is_some_and(|at| at <= now) {
            return IdleTimeout::Expired;
        }
        if self.ping_at.is_some_and(|at| at <= now) {
            self.ping_at = None;
            return IdleTimeout::KeepAlive;
        }
        if self.reminds(pto, is_waiting).is_some_and(|at| at <= now) {
            // The path may not let it be sent at once: a deadline in the past would come again and again.
            self.quiet_since = Some(now);
            return if is_waiting { IdleTimeout::Remind } else { IdleTimeout::KeepAlive };
        }
        IdleTimeout::Nothing
    }

    fn restart(&mut self, now: Instant) {
        self.since = Some(now);
        self.quiet_since = Some(now);
        self.ping_at = self.keep_alive.map(|after| now + after);
    }

    fn expires(&self, pto: Duration) -> Option<Instant> {
        Some(self.since? + self.patience(pto)?)
    }

    /// RFC 9000 section 4.1-5: periodically, or the peer's slowness would look like silence. The peer's answer restarts the
    /// timer of both ends, and a peer that is gone gives none.
    fn reminds(&self, pto: Duration, is_waiting: bool) -> Option<Instant> {
        if is_waiting || self.is_needed { Some(self.quiet_since? + self.patience(pto)? / REMINDERS) } else { None }
    }

    /// How long silence is borne.
    pub(crate) fn patience(&self, pto: Duration) -> Option<Duration> {
        // RFC 9000 section 10.1-1: at least three PTOs, so that a few losses in a row do not look like silence.
        Some(self.timeout?.max(pto.saturating_mul(3)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PTO: Duration = Duration::from_millis(100);

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn the_smaller_timeout_of_both_ends_counts_and_zero_means_none() {
        let seconds = Duration::from_secs;
        for (own, peer, both) in
            [(30, 10, Some(10)), (10, 30, Some(10)), (0, 5, Some(5)), (5, 0, Some(5)), (0, 0, None)]
        {
            let mut idle = Idle::new(seconds(own), None);
            idle.set_peer_timeout(seconds(peer));
            assert_eq!(idle.timeout(), both.map(seconds));
        }
    }

    #[test]
    fn only_the_first_packet_sent_after_one_received_restarts_the_timer() {
        let mut idle = Idle::new(Duration::from_secs(10), None);
        idle.on_received(at(0));
        idle.on_sent(at(5));
        assert_eq!(idle.deadline(PTO, false), Some(at(15)));
        idle.on_sent(at(8));
        assert_eq!(idle.deadline(PTO, false), Some(at(15)));
        assert_eq!(idle.on_timeout(at(14), PTO, false), IdleTimeout::Nothing);
        assert_eq!(idle.on_timeout(at(15), PTO, false), IdleTimeout::Expired);
    }

    /// RFC 9000 section 10.1-1.
    #[test]
    fn never_less_than_three_probe_timeouts() {
        let mut idle = Idle::new(Duration::from_millis(1), None);
        idle.on_received(at(0));
        assert_eq!(idle.deadline(Duration::from_secs(1), false), Some(at(3)));
    }

    /// RFC 9000 section 4.1-5.
    #[test]
    fn who_waits_for_credit_reminds_as_long_as_the_peer_answers() {
        let mut idle = Idle::new(Duration::from_secs(40), None);
        idle.on_received(at(0));
        assert_eq!((idle.deadline(PTO, false), idle.deadline(PTO, true)), (Some(at(40)), Some(at(10))));
        assert_eq!(idle.on_timeout(at(10), PTO, false), IdleTimeout::Nothing);
        for start in [0, 10, 20, 30, 40, 50] {
            assert_eq!(idle.on_timeout(at(start + 9), PTO, true), IdleTimeout::Nothing);
            assert_eq!(idle.on_timeout(at(start + 10), PTO, true), IdleTimeout::Remind);
            assert_eq!(idle.deadline(PTO, true), Some(at(start + 20)));
            idle.on_sent(at(start + 10));
            idle.on_received(at(start + 10));
        }
        // Without an answer the first reminder is the last that counts.
        idle.on_sent(at(70));
        idle.on_sent(at(80));
        assert_eq!(idle.on_timeout(at(110), PTO, true), IdleTimeout::Expired);
        let mut never = Idle::new(Duration::ZERO, None);
        never.on_received(at(0));
        assert_eq!(never.deadline(PTO, true), None, "what never ends need not be kept alive");
    }

    #[test]
    fn who_waits_for_the_peer_breaks_the_silence_four_times_before_it_is_the_end() {
        let mut idle = Idle::new(Duration::from_secs(40), None);
        idle.on_received(at(0));
        assert_eq!(idle.deadline(PTO, false), Some(at(40)));
        idle.set_needed(true);
        for start in [0, 10] {
            assert_eq!(idle.on_timeout(at(start + 9), PTO, false), IdleTimeout::Nothing);
            assert_eq!(idle.on_timeout(at(start + 10), PTO, false), IdleTimeout::KeepAlive);
            idle.on_sent(at(start + 10));
        }
        // Nothing comes back: what was sent first counts.
        assert_eq!(idle.on_timeout(at(50), PTO, false), IdleTimeout::Expired);
        idle.set_needed(false);
        assert_eq!(idle.deadline(PTO, false), Some(at(50)));
    }

    #[test]
    fn keep_alive_asks_for_a_ping_once_per_silence() {
        let mut idle = Idle::new(Duration::from_secs(10), Some(Duration::from_secs(4)));
        idle.on_received(at(0));
        assert_eq!(idle.on_timeout(at(4), PTO, false), IdleTimeout::KeepAlive);
        assert_eq!(idle.on_timeout(at(5), PTO, false), IdleTimeout::Nothing);
        idle.on_sent(at(5));
        assert_eq!(idle.deadline(PTO, false), Some(at(9)));
    }
}
