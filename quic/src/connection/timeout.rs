//! Deadlines: every component has its own; the smallest is the connection's.

use super::state::Connection;
use crate::error::CloseReason;
use crate::idle::IdleTimeout;
use crate::lifecycle::Lifecycle;
use crate::recovery::Timeout;
use crate::trace::{Record, Stage, Timer, TimerChange};
use crate::turn::Turn;
use crate::wire::packet_number::PacketNumberSpace;
use base::Instant;

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
            self.paths.silence.deadline(self.silence_patience()),
        ]
        .into_iter()
        .flatten()
        .min()
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
        self.on_path_timeouts(now);
        self.on_silence_timeout(now);
        if self.recovery.deadline().is_some_and(|deadline| deadline <= now) {
            self.on_recovery_timeout(turn);
        }
        if self.rest.on_timeout(now) {
            self.release_memory();
        }
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
        self.recovery.release_memory();
        self.streams.release_memory();
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
            Timeout::Probe { space, packets } => self.probe(turn.now, space, packets),
        }
    }

    /// RFC 9002 section 6.2.4. A client without anything in flight may be asked to probe a space whose keys it has only
    /// just got, so the space to probe is the first that has keys from there on.
    fn probe(&mut self, now: Instant, space: PacketNumberSpace, packets: u8) {
        self.stats.probe_timeouts += 1;
        self.trace_expired(now, Timer::Probe(space));
        // A space that is gone takes its packets, and its timer, with it.
        self.spaces.get_mut(space).expect("only a space that is there is probed").probes = packets;
    }
}
