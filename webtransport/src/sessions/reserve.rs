//! What the transport is asked to set aside for sessions, so that one that is not read takes nothing from the others and from requests
//! (draft-ietf-webtrans-http3 section 5.1, 8): its limits are extended by the streams and the bytes that each session may hold. Without flow
//! control nothing says how much that is; such a session is alone on its connection, and has what that allows.

use super::state::Sessions;
use crate::session::Phase;
use base::{Direction, StreamId};
use h3::Transport;

/// All sessions of a connection together may hold so many times what one may.
const ALL: u64 = 4;

impl Sessions {
    /// A session has begun: what it may hold is set aside.
    pub(super) fn reserve(&mut self, transport: &mut impl Transport) {
        let more = (self.windows().count() as u64).saturating_sub(self.reserved.sessions);
        self.reserved.sessions += more;
        let most = [self.config.max_streams_bidi, self.config.max_streams_uni];
        for (direction, most) in [Direction::Bidirectional, Direction::Unidirectional].into_iter().zip(most) {
            if more > 0 {
                transport.extend_streams(direction, more.saturating_mul(most));
            }
        }
        self.reserve_credit(transport, self.held());
    }

    /// A session is read so fast that a new limit is due: it may hold as much as the connection beside all sessions, if there is room.
    pub(super) fn grow(&mut self, transport: &mut impl Transport, id: StreamId) {
        let Some(window) = self.sessions.get(&id).and_then(|session| session.data_window()) else { return };
        let of_others = transport.receive_window().saturating_sub(self.reserved.credit);
        let all = self.held();
        let most = self.config.max_data.saturating_mul(ALL).saturating_sub(all);
        let wanted = of_others.min(self.config.max_data).saturating_sub(window).min(most);
        self.reserve_credit(transport, all.saturating_add(wanted));
        let more = self.reserved.credit.saturating_sub(all).min(wanted);
        if let Some(session) = self.sessions.get_mut(&id).filter(|_| more > 0) {
            session.grow_data_window(more);
        }
    }

    /// Has so much set aside in all, or as much of it as the transport gives.
    fn reserve_credit(&mut self, transport: &mut impl Transport, all: u64) {
        let more = all.saturating_sub(self.reserved.credit);
        if more > 0 {
            self.reserved.credit += transport.extend_credit(more);
        }
    }

    /// How much all sessions may hold.
    fn held(&self) -> u64 {
        self.windows().fold(0, u64::saturating_add)
    }

    /// How much each session may hold that has limits and is used.
    fn windows(&self) -> impl Iterator<Item = u64> {
        let open = self.sessions.values().filter(|session| session.phase == Phase::Open);
        open.filter_map(|session| session.data_window())
    }
}
