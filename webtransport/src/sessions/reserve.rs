//! What the transport is asked to set aside for sessions, so that one that is not read takes nothing from the others and from requests
//! (draft-ietf-webtrans-http3 section 5.1, 8): the streams and the bytes that each session may hold stand beside what the connection
//! allows anyhow. Without flow control nothing says how much that is; such a session is alone on its connection, and has what that allows.

use super::state::Sessions;
use crate::session::Phase;
use base::{Direction, StreamId};
use h3::Transport;

/// All sessions of a connection together may hold so many times what one may.
const ALL: u64 = 4;

impl Sessions {
    /// A session has begun: what it may hold is set aside. What others have left is used again.
    pub(super) fn reserve(&self, transport: &mut impl Transport) {
        let count = self.windows().count() as u64;
        if count > 0 {
            transport.reserve_streams(Direction::Bidirectional, count.saturating_mul(self.config.max_streams_bidi));
            transport.reserve_streams(Direction::Unidirectional, count.saturating_mul(self.config.max_streams_uni));
            transport.reserve_credit(self.held());
        }
    }

    /// A session is read so fast that a new limit is due: it may hold as much as the connection beside all sessions, if there is room.
    pub(super) fn grow(&mut self, transport: &mut impl Transport, id: StreamId) {
        let Some(window) = self.sessions.get(&id).and_then(|session| session.data_window()) else { return };
        let wanted = transport.receive_window().min(self.config.max_data).saturating_sub(window);
        let all = self.held();
        let most = self.config.max_data.saturating_mul(ALL).saturating_sub(all);
        let wanted = wanted.min(most);
        if wanted == 0 {
            return;
        }
        let more = transport.reserve_credit(all.saturating_add(wanted)).saturating_sub(all).min(wanted);
        if let Some(session) = self.sessions.get_mut(&id).filter(|_| more > 0) {
            session.grow_data_window(more);
        }
    }

    /// How much all of them may hold.
    fn held(&self) -> u64 {
        self.windows().fold(0, u64::saturating_add)
    }

    /// How much each session may hold that has limits and is used.
    fn windows(&self) -> impl Iterator<Item = u64> {
        let open = self.sessions.values().filter(|session| session.phase == Phase::Open);
        open.filter_map(|session| session.data_window())
    }
}
