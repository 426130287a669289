//! The places of paths beside the one in use: how one is taken, and what becomes of what is left (RFC 9000 section 9).

use super::state::Connection;
use crate::event::Event;
use crate::path::others::{Goal, OtherPath};
use crate::path::path::Path;
use crate::path::spin::Spin;
use crate::stats::Counters;
use crate::wire::connection_id::ConnectionId;
use crate::wire::packet_number::PacketNumberSpace;
use base::{Duration, FourTuple, Instant, Side};

/// Where a datagram came from that did not come on the path in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elsewhere {
    /// Its addresses.
    pub(super) four_tuple: FourTuple,
    /// Its bytes.
    pub(super) len: usize,
}

impl Connection {
    /// A path that is being validated from now on.
    pub(super) fn other_path(
        &self,
        now: Instant,
        four_tuple: FourTuple,
        local_id: ConnectionId,
        peer_id: Option<ConnectionId>,
    ) -> OtherPath {
        let (interval, timeout) = self.validation_times();
        let is_client = self.wire.side == Side::Client;
        let mut path = Path::new(four_tuple, local_id, is_client, self.paths.in_use.mtu_at(&four_tuple));
        path.validation.start(now, interval, timeout);
        if is_client && four_tuple.remote == self.paths.in_use.four_tuple.remote {
            path.validation.begin_with_two();
        }
        path.spin = Spin::new(self.config.spin_bit, local_id);
        OtherPath {
            path,
            peer_id,
            congestion: None,
            expires: now + timeout,
            goal: Goal::None,
            counted: Counters::default(),
        }
    }

    /// After how long a challenge is repeated, and after how long validation fails (RFC 9000 section 8.2.4).
    pub(super) fn validation_times(&self) -> (Duration, Duration) {
        let pto = self.recovery.pto(PacketNumberSpace::ApplicationData);
        // RFC 9000 s8.2.1: what is known of the path in use says nothing of another, which is asked no more often than a
        // server that has not answered yet.
        // RFC 9000 section 9.4-4.
        let interval = pto.max(self.recovery.initial_pto());
        (interval, interval.saturating_mul(3))
    }

    pub(super) fn push_other(&mut self, now: Instant, other: OtherPath) {
        if let Some(gone) = self.paths.others.push(other) {
            self.forget(now, gone);
        }
    }

    pub(super) fn drop_other(&mut self, now: Instant, index: usize) {
        if let Some(gone) = self.paths.others.remove(index) {
            self.forget(now, gone);
        }
    }

    /// RFC 9000 s5.1.2: an ID that no path uses any more is retired.
    fn forget(&mut self, now: Instant, gone: OtherPath) {
        if let Some(left) = gone.congestion {
            self.paths.others.forgotten.push(left);
        }
        self.on_goal_missed(gone.goal, gone.path.four_tuple);
        let unused = gone.peer_id.filter(|id| *id != self.peer_ids.active() && !self.paths.others.uses(*id));
        if let Some(Err(violation)) = unused.map(|id| self.peer_ids.retire(id)) {
            self.on_violation(now, violation, 0);
        }
    }

    /// A path does not work to which everything was to go.
    pub(super) fn on_goal_missed(&mut self, goal: Goal, four_tuple: FourTuple) {
        match goal {
            Goal::None | Goal::Followed => {}
            Goal::Asked => self.events.push(Event::MigrationFailed(four_tuple)),
            Goal::Preferred => {
                // RFC 9000 section 9.6.1-4: it is not tried again.
                self.paths.preferred = None;
                self.events.push(Event::PreferredAddressFailed(four_tuple));
            }
        }
    }
}
