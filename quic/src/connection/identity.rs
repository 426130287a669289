//! What the endpoint asks of a connection: its IDs and its reset token.

use super::state::Connection;
use crate::error::CloseReason;
use crate::wire::connection_id::{ConnectionId, ResetToken};
use alloc::vec::Vec;
use base::{FourTuple, Instant};

impl Connection {
    /// Whether `id` is one of ours that is in use.
    pub(crate) fn has_local_id(&self, id: &[u8]) -> bool {
        self.local_ids.contains(id)
    }

    /// Whether a packet to `id`, which is none of ours that is in use, is of this connection all the same: the peer has retired
    /// the ID, or may have, and the packet comes from where it is.
    /// RFC 9000 section 11-4: who lives needs no stateless reset.
    pub(crate) fn has_retired(&self, id: &[u8], four_tuple: &FourTuple) -> bool {
        self.local_ids.is_retired(id).unwrap_or_else(|| self.paths.is_known(four_tuple))
    }

    /// Whether the peer is to be given another connection ID.
    pub(crate) fn wants_local_id(&self) -> bool {
        !self.is_handshaking() && self.local_ids.wanted() > 0
    }

    /// Another connection ID for the peer to use.
    pub(crate) fn issue_local_id(&mut self, id: ConnectionId, token: ResetToken) {
        self.local_ids.issue(id, token);
    }

    /// Whether tokens of addresses are to be made or taken.
    #[inline]
    pub(crate) fn has_tokens(&self) -> bool {
        self.handshake.announcements.wants_endpoint()
    }

    /// Whether a token is to be made for the client, which is where it says; once.
    pub(crate) fn take_token_wish(&mut self) -> bool {
        self.handshake.announcements.take_wish() && self.is_established() && self.paths.in_use.is_proven()
    }

    /// A token for the client's next connection.
    pub(crate) fn give_token(&mut self, token: Vec<u8>) {
        self.handshake.announcements.send_token(token);
    }

    /// The tokens that the server has given for later connections.
    pub(crate) fn take_tokens(&mut self) -> Vec<Vec<u8>> {
        self.handshake.announcements.take_received()
    }

    /// The token with which the peer would reset this connection.
    pub(crate) fn peer_reset_token(&self) -> Option<ResetToken> {
        self.peer_ids.active_reset_token()
    }

    /// A datagram ended with `token` and could not be anything else (RFC 9000 section 10.3.1-5).
    #[cold]
    pub(crate) fn on_stateless_reset(&mut self, now: Instant, token: &ResetToken) {
        if self.peer_ids.is_reset(token) {
            self.drain(now, CloseReason::StatelessReset);
        }
    }

    /// Whether the handshake is not complete: it goes on, or the connection ended before.
    pub(crate) fn is_handshaking(&self) -> bool {
        !self.handshake.session().is_complete()
    }
}
