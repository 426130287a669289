//! Deadlines: every component has its own; the smallest is the connection's.

use super::state::Connection;
use crate::early_data::EarlyData;
use crate::error::CloseReason;
use crate::idle::IdleTimeout;
use crate::lifecycle::{CloseFrame, Lifecycle};
use crate::recovery::Timeout;
use crate::trace::{Record, Stage, Timer, TimerChange};
use crate::turn::Turn;
use crate::wire::packet_number::PacketNumberSpace;
use base::{Duration, Instant};

impl Connection {
    /// When `on_timeout` is to be called.
    pub fn deadline(&self) -> Option<Instant> {
        if !self.lifecycle.is_open() {
            return self.lifecycle.deadline();
        }
        let acknowledgments = self.spaces.iter().filter_map(|space| space.received.deadline()).min();
        [
            self.lifecycle.deadline(),
            self.idle.deadline(self.recovery.pto(PacketNumberSpace::ApplicationData), self.waits_for_credit()),
            self.rest.deadline(),
            self.recovery.deadline(),
            acknowledgments,
            self.paths.deadline(),
            self.silence_deadline(),
            self.handshake.early.as_deref().and_then(EarlyData::deadline),
            self.datagrams.as_ref().and_then(|datagrams| datagrams.deadline()),
        ]
        .into_iter()
        .fold(None, earlier)
    }

    /// The deadline has come.
    pub fn on_timeout(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        if self.lifecycle.deadline().is_some_and(|deadline| deadline <= now) {
            return self.on_lifecycle_timeout(now);
        }
        if !self.lifecycle.is_open() {
            return;
        }
        let waits_for_credit = self.waits_for_credit();
        match self.idle.on_timeout(now, self.recovery.pto(PacketNumberSpace::ApplicationData), waits_for_credit) {
            IdleTimeout::Nothing => {}
            IdleTimeout::Remind => self.streams.remind_of_blocked(),
            IdleTimeout::KeepAlive => self.spaces.application().ping = true,
            IdleTimeout::Expired => {
                let after = self.idle.timeout().expect("what has expired has a length");
                return self.end_silently(now, CloseReason::IdleTimeout(after));
            }
        }
        // Due from now on, even if the path does not let it be sent yet: a deadline in the past would come again and again.
        self.spaces.iter_mut().for_each(|space| space.received.on_timeout(now));
        if let Some(datagrams) = &mut self.datagrams {
            datagrams.on_timeout(now);
        }
        self.on_path_timeouts(now);
        self.on_silence_timeout(now);
        self.on_early_data_timeout(now);
        if self.recovery.deadline().is_some_and(|deadline| deadline <= now) {
            self.on_recovery_timeout(turn);
        }
        if self.rest.on_timeout(now) {
            self.release_memory();
        }
    }

    /// RFC 9002 s6.2.1: probe timeouts in a row end with the idle timeout. Its own timer does not come while something arrives:
    /// a peer's PINGs, and our acknowledgments of them, would keep a connection alive in which nothing else gets through. Such a peer
    /// is told: what says so is as small as they are.
    fn unanswered_too_long(&self, now: Instant) -> Option<Duration> {
        let since = self.recovery.unanswered_since()?;
        let patience = self.idle.patience(self.recovery.pto(PacketNumberSpace::ApplicationData))?;
        (now - since >= patience).then_some(patience)
    }

    /// RFC 9000 section 4.1-5: data waits for credit of the peer, and no acknowledgment is awaited.
    fn waits_for_credit(&self) -> bool {
        self.is_established() && self.streams.is_blocked() && self.recovery.bytes_in_flight() == 0
    }

    /// Gives back what can be made again, unless an acknowledgment is awaited and will need it soon.
    fn release_memory(&mut self) {
        if !self.is_confirmed() || self.recovery.bytes_in_flight() > 0 {
            return;
        }
        self.levels.one_rtt().rest();
        self.handshake.rest();
        self.events.release_memory();
        self.spaces.application().received.release_memory();
        self.recovery.release_memory();
        self.streams.release_memory();
        if let Some(datagrams) = &mut self.datagrams {
            datagrams.release_memory();
        }
    }

    fn on_lifecycle_timeout(&mut self, now: Instant) {
        match self.lifecycle {
            Lifecycle::Handshaking { .. } => {
                let after = self.config.handshake_timeout;
                self.trace_expired(now, Timer::Handshake);
                self.end_silently(now, CloseReason::HandshakeTimeout(after));
            }
            Lifecycle::Closing(_) | Lifecycle::Draining { .. } => {
                self.lifecycle = Lifecycle::Drained;
                self.trace(now, Record::Stage(Stage::Drained));
            }
            Lifecycle::Established | Lifecycle::Drained => {}
        }
    }

    fn trace_expired(&mut self, now: Instant, timer: Timer) {
        self.trace(now, Record::Timer { timer, change: TimerChange::Expired });
    }

    fn on_recovery_timeout(&mut self, turn: &mut Turn<'_>) {
        turn.scratch.outcome.clear();
        match self.recovery.on_timeout(turn.now, &mut turn.scratch.outcome) {
            Timeout::Nothing => {}
            Timeout::Lost { space } => {
                self.trace_expired(turn.now, Timer::Loss(space));
                self.recovered(turn, space);
            }
            Timeout::Probe { space, packets } => {
                self.stats.probe_timeouts += 1;
                self.trace_expired(turn.now, Timer::Probe(space));
                if let Some(after) = self.unanswered_too_long(turn.now) {
                    return self.close_with(turn.now, CloseFrame::UNANSWERED, CloseReason::Unanswered(after));
                }
                self.probe(turn, space, packets);
            }
            Timeout::SecondProbe { space } => self.second_probe(space),
            Timeout::Unanswered => self.repeat_handshake(turn.now),
        }
    }
}

/// Whichever comes first, of those that there are.
#[inline(always)]
fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
