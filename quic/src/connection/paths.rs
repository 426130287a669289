//! Moving between paths (RFC 9000 section 9): a peer whose address changes, and an application that asks to migrate.
//!
//! A server follows its client to the address from which the newest packet came that is more than a probe. Until that
//! address is validated it is sent at most three times what came from it, and the path before is kept to return to. The
//! path before is challenged as well, so that a client that never moved answers, and by that takes the connection back
//! (section 9.3.3). A client moves when its application asks for it, and only after the new path has been found to work.
//!
//! The server's preferred address is in `preferred.rs`.

use super::places::Elsewhere;
use super::state::Connection;
use crate::discard::Discard;
use crate::error::MigrateError;
use crate::event::Event;
use crate::path::others::{Goal, OtherPath};
use crate::path::path::Path;
use crate::path::reach;
use crate::path::spin::Spin;
use crate::path::validation::Proof;
use crate::stats::Counters;
use crate::trace::Record;
use crate::turn::Turn;
use crate::violation::Violation;
use crate::wire::connection_id::{ConnectionId, ResetToken};
use crate::wire::header;
use crate::wire::packet_number::{PacketNumber, PacketNumberSpace};
use alloc::boxed::Box;
use base::{Duration, FourTuple, Instant, Side};
use core::net::SocketAddr;

/// A path stays where it was found, as long as no other is added or taken out.
const IS_KEPT: &str = "a path that was just looked at is kept";

/// How a packet came: to which ID of ours, and from where.
#[derive(Clone, Copy)]
pub(super) struct Receipt<'a> {
    /// Its header. Few packets have frames that ask for the ID in it, so it is read when one does.
    pub(super) header: &'a [u8],
    /// Bytes of that ID in a short header.
    pub(super) id_len: usize,
    /// If it did not come on the path in use.
    pub(super) elsewhere: Option<&'a Elsewhere>,
}

impl Receipt<'_> {
    /// The ID of ours that it was sent to.
    pub(super) fn destination(&self) -> ConnectionId {
        let destination = self.destination_bytes().and_then(ConnectionId::new);
        destination.expect("an accepted packet has an ID of ours")
    }

    /// Whether that is `local_id`.
    pub(super) fn is_to(&self, local_id: &ConnectionId) -> bool {
        self.destination_bytes().is_some_and(|id| local_id.is(id))
    }

    /// Short headers are asked for it with every packet, the others hardly ever.
    #[inline]
    fn destination_bytes(&self) -> Option<&[u8]> {
        let short = header::short_destination(self.header, self.id_len);
        short.or_else(|| header::destination_connection_id(self.header, self.id_len))
    }
}

impl Connection {
    /// Moves this client's end to another local address, on which the driver has to receive from now on: first the way from
    /// there to the server is tried, then everything is sent from there. The end is told by [`Event::Migrated`] or
    /// [`Event::MigrationFailed`]; until then the address before is used, and after it packets sent there are still
    /// accepted. A migration that was not finished is given up for the new one.
    ///
    /// # Errors
    /// See [`MigrateError`]: RFC 9000 section 9 says who may migrate and when.
    pub fn migrate(&mut self, now: Instant, local: SocketAddr) -> Result<(), MigrateError> {
        if self.wire.side == Side::Server {
            return Err(MigrateError::Server);
        }
        if !self.is_confirmed() {
            // RFC 9000 section 9-1: not before the handshake is confirmed.
            return Err(MigrateError::NotConfirmed);
        }
        // RFC 9000 section 9-2, 18.2-3: said of the address of the handshake alone.
        if self.peer.disables_migration() && !self.is_at_preferred_address() {
            return Err(MigrateError::Disabled);
        }
        let four_tuple = FourTuple { local, ..self.paths.in_use.four_tuple };
        if self.paths.in_use.is_at(&four_tuple) || self.paths.others.position(&four_tuple).is_some() {
            return Err(MigrateError::InUse);
        }
        // RFC 9000 section 9.5-2: an ID that was never used elsewhere. Who uses empty ones would be recognized on both
        // paths.
        let after = self.next_id_after(now);
        let peer_id = self.peer_ids.take_unused().ok_or(MigrateError::NoConnectionId { after })?;
        self.leave_preferred_address(now);
        self.paths.others.iter_mut().for_each(|other| other.goal = Goal::None);
        let local_id = self.paths.in_use.local_id;
        let mut other = self.other_path(now, four_tuple, local_id, Some(peer_id));
        other.goal = Goal::Asked;
        self.push_other(now, other);
        // RFC 9000 s9.6.3: both ways at the same time.
        self.try_preferred_address(now, local);
        Ok(())
    }

    /// After how long the peer may have given another connection ID: one is given back when a path is forgotten, and its
    /// successor comes a round trip later.
    fn next_id_after(&self, now: Instant) -> Option<Duration> {
        let pto = self.recovery.pto(PacketNumberSpace::ApplicationData);
        let at = if self.peer_ids.is_owed() { Some(now) } else { self.paths.others.first_end() };
        at.map(|at| (at - now) + pto)
    }

    /// The addresses in use, as far as the peer's are validated: a request that comes from a new address is reported under
    /// the one before until the peer has proved to be there.
    pub fn four_tuple(&self) -> FourTuple {
        self.paths.validated_four_tuple()
    }

    /// A datagram came with addresses other than those in use: whether it is looked at. Nothing is authenticated yet, so
    /// nothing is kept; only what is known already is counted.
    pub(super) fn on_elsewhere(&mut self, four_tuple: FourTuple, len: usize) -> Result<Elsewhere, Discard> {
        if !self.paths.accepts_from(&four_tuple, self.wire.side, &self.lifecycle) {
            return Err(Discard::OtherAddress);
        }
        // A client's own address is its own affair.
        if self.wire.side == Side::Server && !reach::may_move(self.paths.in_use.four_tuple.remote, four_tuple.remote) {
            return Err(Discard::UnusableAddress);
        }
        if let Some(other) = self.paths.others.position(&four_tuple).and_then(|index| self.paths.others.get_mut(index))
        {
            other.path.amplification.on_datagram_received(len);
        }
        Ok(Elsewhere { four_tuple, len })
    }

    /// NEW_CONNECTION_ID: the peer may ask back what is in use.
    pub(super) fn on_new_connection_id(
        &mut self,
        now: Instant,
        sequence_number: u64,
        retire_prior_to: u64,
        id: ConnectionId,
        token: ResetToken,
    ) -> Result<(), Violation> {
        let before = self.peer_ids.active();
        let result = self.peer_ids.on_new_connection_id(sequence_number, retire_prior_to, id, token);
        if self.peer_ids.active() != before {
            self.paths.in_use.spin.on_id_changed();
        }
        self.try_preferred_address(now, self.paths.in_use.four_tuple.local);
        result
    }

    /// The spin bit of a 1-RTT packet.
    #[inline]
    pub(super) fn on_spin(&mut self, elsewhere: Option<&Elsewhere>, number: PacketNumber, bit: bool) {
        let side = self.wire.side;
        match elsewhere {
            None => self.paths.in_use.spin.on_received(side, number, bit),
            Some(elsewhere) => {
                let index = self.paths.others.position(&elsewhere.four_tuple);
                if let Some(other) = index.and_then(|index| self.paths.others.get_mut(index)) {
                    other.path.spin.on_received(side, number, bit);
                }
            }
        }
    }

    /// PATH_CHALLENGE: answered on the path it came on (RFC 9000 section 8.2.2-1, 8.2.2-3, 19.17-1).
    pub(super) fn on_path_challenge(&mut self, now: Instant, receipt: Receipt<'_>, data: [u8; 8]) {
        let path = match receipt.elsewhere {
            None => Some(&mut self.paths.in_use),
            Some(elsewhere) => self.path_of(now, elsewhere, receipt.destination()).map(|other| &mut other.path),
        };
        if let Some(path) = path {
            path.validation.on_challenge(data);
        }
    }

    /// PATH_RESPONSE: it proves the path on which the challenge was sent, wherever the answer comes from (section 8.2.3).
    /// RFC 9000 section 8.2.2-4.
    pub(super) fn on_path_response(&mut self, now: Instant, data: [u8; 8]) {
        let before = self.four_tuple();
        if let Some(proof) = self.paths.in_use.validation.on_response(now, data) {
            self.paths.in_use.on_proof(proof);
            self.tell_if_peer_moved(before);
            self.hasten_left_paths(now);
            self.recovery.set_amplification_limited(false);
            self.trace(now, Record::PathValidated(self.paths.in_use.four_tuple));
            if self.wire.side == Side::Server && proof == Proof::Path {
                self.want_token();
            }
            return;
        }
        let mut goal = None;
        for (index, other) in self.paths.others.iter_mut().enumerate() {
            if let Some(proof) = other.path.validation.on_response(now, data) {
                other.path.on_proof(proof);
                goal = (other.goal != Goal::None && proof == Proof::Path).then_some(index);
                break;
            }
        }
        if let Some(other) = goal.and_then(|index| self.paths.others.remove(index)) {
            self.on_goal_reached(now, other, before);
        }
    }

    /// A path works to which everything was to go. `before`: where the application knew its peer.
    fn on_goal_reached(&mut self, now: Instant, other: OtherPath, before: FourTuple) {
        let (goal, four_tuple) = (other.goal, other.path.four_tuple);
        self.go_to(now, other);
        match goal {
            Goal::None => {}
            // RFC 9000 section 9.6.2-2: the client was there before, so all goes from there now.
            Goal::Followed => return self.after_peer_moved(before),
            Goal::Asked => self.events.push(Event::Migrated(four_tuple)),
            Goal::Preferred => self.on_preferred_address_reached(now, four_tuple),
        }
        // RFC 9000 s9.2: the server follows when it gets more than a probe.
        self.spaces.application().ping = true;
        self.try_preferred_address(now, four_tuple.local);
    }

    /// This end sends to where the peer has moved.
    fn after_peer_moved(&mut self, before: FourTuple) {
        // What was acknowledged to the address before may not have arrived, and the peer may wait for it to go on.
        self.spaces.application().received.repeat();
        self.tell_if_peer_moved(before);
    }

    /// The application of a server is told where its client is, once that is proved. `before`: what it knew.
    fn tell_if_peer_moved(&mut self, before: FourTuple) {
        let four_tuple = self.four_tuple();
        if self.wire.side == Side::Server && four_tuple.remote != before.remote {
            self.events.push(Event::PeerMoved(four_tuple));
        }
    }

    /// The newest packet of the peer, and more than a probe, came from elsewhere and was sent to `local_id`: the peer has
    /// moved (RFC 9000 section 9-3, 9-4, 9.3-1, 9.3-2).
    pub(super) fn on_peer_moved(&mut self, now: Instant, elsewhere: &Elsewhere, local_id: ConnectionId) {
        // RFC 9000 s9.3: without an unused ID of the peer's nothing can be sent there, so this end stays where it is.
        let other = self.path_of(now, elsewhere, local_id).filter(|other| other.peer_id.is_some());
        let Some(is_proven) = other.map(|other| other.path.is_proven()) else { return };
        let (interval, timeout) = self.validation_times();
        let is_preferred = self.comes_to_preferred_address(elsewhere.four_tuple.local);
        if is_preferred && !is_proven {
            // RFC 9000 section 9.6.2-2, 9.6.3-4: not before the client has answered there. It is asked already.
            let index = self.paths.others.position(&elsewhere.four_tuple).expect(IS_KEPT);
            self.paths.others.get_mut(index).expect(IS_KEPT).goal = Goal::Followed;
            return;
        }
        if !self.paths.permits_move(now, is_proven, self.recovery.is_answered_since_move(), timeout) {
            return;
        }
        let index = self.paths.others.position(&elsewhere.four_tuple).expect(IS_KEPT);
        let before = self.four_tuple();
        let other = self.paths.others.remove(index).expect(IS_KEPT);
        let is_elsewhere = other.path.four_tuple.remote.ip() != self.paths.in_use.four_tuple.remote.ip();
        self.go_to(now, other);
        if is_proven && is_elsewhere {
            self.want_token();
        }
        self.after_peer_moved(before);
        if is_preferred {
            // The client has chosen the way, and has been asked on it.
            return;
        }
        // RFC 9000 section 9.3.3-1: an attacker may have copied the packet. A challenge to the path before makes a peer
        // that is still there answer.
        if let Some(before) = self.paths.others.get_mut(0).filter(|before| !before.path.validation.is_validating()) {
            before.path.validation.start(now, interval, timeout);
        }
    }

    /// A server's client has shown that it is at another address than the one its last token is for (RFC 9000 section 8.1.3).
    fn want_token(&mut self) {
        self.handshake.announcements.want_token();
    }

    /// The newest packet of a handshake came from another port of the same host: a translator has forgotten the client, and
    /// what was sent to the port before is lost. It is sent again to the new one, which has to be validated anew, and gets
    /// no more than three times what comes from it (section 8.1). There is nothing to return to: if somebody has copied the
    /// packet, the next one of the client moves the connection back.
    pub(super) fn on_peer_rebound(&mut self, turn: &mut Turn<'_>, elsewhere: &Elsewhere) {
        let (_, patience) = self.validation_times();
        if !self.paths.moves.on_move(turn.now, patience) {
            return;
        }
        let Path { local_id, .. } = self.paths.in_use;
        let mtu = self.paths.in_use.mtu_at(&elsewhere.four_tuple);
        let mut path = Path::first(elsewhere.four_tuple, local_id, false, mtu);
        path.amplification.on_datagram_received(elsewhere.len);
        // Whoever sends a Handshake packet has our Initial, but it went to the port before.
        path.proved_by_handshake = false;
        path.spin = Spin::new(self.config.spin_bit, path.local_id);
        for space in [PacketNumberSpace::Initial, PacketNumberSpace::Handshake] {
            turn.scratch.outcome.clear();
            self.recovery.abandon(space, &mut turn.scratch.outcome);
            self.recovered(turn, space);
        }
        let left = self.recovery.on_rebound(None, path.mtu.current());
        self.recovery.set_amplification_limited(false);
        self.paths.others.forgotten.push(left);
        self.paths.in_use = path;
        self.change_counted_path(&Counters::default());
        self.stats.migrations += 1;
        self.trace(turn.now, Record::PathChanged(elsewhere.four_tuple));
        self.give_up_forgotten_paths(turn);
    }

    /// A Handshake packet of the client: only who received our Initial can send it, so the address that all of those went to is
    /// the client's (RFC 9000 section 8.1). Another one is asked as soon as the client can answer.
    pub(super) fn on_handshake_packet(&mut self, now: Instant) {
        if self.paths.in_use.proved_by_handshake {
            self.paths.in_use.amplification.validate();
        } else if !self.is_handshaking() {
            self.challenge_path_in_use(now);
        }
    }

    /// Asks on the path in use whether the peer is there, unless that is known, or asked already.
    fn challenge_path_in_use(&mut self, now: Instant) {
        let (interval, timeout) = self.validation_times();
        let path = &mut self.paths.in_use;
        if !path.amplification.is_validated() && !path.validation.is_validating() {
            path.validation.start(now, interval, timeout);
        }
    }

    /// Nobody returns to a path from one that works. What is late comes within a few probe timeouts, as with keys (RFC 9001
    /// section 6.5); then the IDs of the path are free for another move.
    fn hasten_left_paths(&mut self, now: Instant) {
        if self.paths.in_use.is_proven() {
            let pto = self.recovery.pto(PacketNumberSpace::ApplicationData);
            self.paths.others.hasten(now + pto.saturating_mul(3));
        }
    }

    /// A deadline of a path may have come.
    pub(super) fn on_path_timeouts(&mut self, now: Instant) {
        self.paths.in_use.mtu.on_timeout(now);
        if self.paths.in_use.validation.on_timeout(now) && self.paths.needs_fallback() {
            match self.paths.others.fallback().and_then(|index| self.paths.others.remove(index)) {
                Some(fallback) => self.return_to(now, fallback),
                // The port changed in the handshake, and nothing was proved before: this end goes on asking.
                None => self.challenge_path_in_use(now),
            }
        }
        while let Some((goal, four_tuple)) = self.paths.others.fail_one(now) {
            self.on_goal_missed(goal, four_tuple);
        }
        while let Some(index) = self.paths.others.expired(now, self.paths.needs_fallback()) {
            self.drop_other(now, index);
        }
    }

    /// After how long at most a client in the middle of an exchange asks why nothing comes: a probe timeout without the time
    /// that the other end may wait with an acknowledgment, but no sooner than this end sends one of its own.
    fn silence_patience(&self) -> Duration {
        self.recovery.pto(PacketNumberSpace::Handshake).max(self.config.max_ack_delay)
    }

    /// When a client does so.
    pub(super) fn silence_deadline(&self) -> Option<Instant> {
        if self.wire.side == Side::Client { self.paths.silence.deadline(self.silence_patience()) } else { None }
    }

    /// The other end is heard, and there may be more to come. A server need not ask: its client does.
    #[inline]
    pub(super) fn on_heard(&mut self, now: Instant) {
        if self.wire.side == Side::Client {
            self.paths.silence.on_heard(now);
        }
    }

    /// The other end may have lost the way here, if there is more to come of it. An acknowledgment shows it, even if the
    /// window has no room for a PING.
    pub(super) fn on_silence_timeout(&mut self, now: Instant) {
        if !self.paths.silence.on_timeout(now, self.silence_patience()) {
            return;
        }
        let is_receiving = self.streams.awaits_response();
        let space = self.spaces.application();
        space.ping |= is_receiving;
        if is_receiving || self.recovery.bytes_in_flight() > 0 {
            space.received.repeat();
        }
    }

    /// RFC 9000 section 9.3.2-1, 14.2-4: the address was not the peer's, or the path carries too little.
    fn return_to(&mut self, now: Instant, fallback: OtherPath) {
        self.go_to(now, fallback);
        self.drop_other(now, 0);
    }

    /// What was sent on paths that are forgotten is sent again on the one in use.
    #[inline]
    pub(super) fn give_up_forgotten_paths(&mut self, turn: &mut Turn<'_>) {
        if !self.paths.others.forgotten.is_empty() {
            self.give_up_those_forgotten(turn);
        }
    }

    #[cold]
    fn give_up_those_forgotten(&mut self, turn: &mut Turn<'_>) {
        for left in core::mem::take(&mut self.paths.others.forgotten) {
            turn.scratch.outcome.clear();
            self.recovery.on_path_forgotten(&left, &mut turn.scratch.outcome);
            self.recovered(turn, PacketNumberSpace::ApplicationData);
        }
    }

    /// The place of a path that the peer has used, as an authenticated packet shows. Only a server makes new ones: a client
    /// knows its own addresses.
    fn path_of(&mut self, now: Instant, elsewhere: &Elsewhere, local_id: ConnectionId) -> Option<&mut OtherPath> {
        let Elsewhere { four_tuple, len } = *elsewhere;
        let index = match self.paths.others.position(&four_tuple) {
            Some(index) => index,
            None if self.wire.side == Side::Client => return None,
            None => {
                let mut other = self.other_path(now, four_tuple, local_id, None);
                other.path.amplification.on_datagram_received(len);
                self.push_other(now, other);
                0
            }
        };
        let kept = self.paths.others.get(index).expect(IS_KEPT).peer_id;
        let peer_id = kept.filter(|id| self.peer_ids.contains(*id));
        let peer_id = peer_id.or_else(|| self.choose_peer_id(local_id));
        let other = self.paths.others.get_mut(index).expect(IS_KEPT);
        other.peer_id = peer_id;
        Some(other)
    }

    /// RFC 9000 section 9.5-3: what is sent to another address goes to another ID, unless the peer itself still sends
    /// to the same: then it does not know that its address has changed, or does not mind being recognized. Empty IDs
    /// are all the same.
    fn choose_peer_id(&mut self, local_id: ConnectionId) -> Option<ConnectionId> {
        let active = self.peer_ids.active();
        let is_unaware = local_id == self.paths.in_use.local_id;
        if is_unaware || active.is_empty() { Some(active) } else { self.peer_ids.take_unused() }
    }

    /// Another path is in use from now on, which had counted this before. Gives what the one before has counted.
    fn change_counted_path(&mut self, counted: &Counters) -> Counters {
        let left = self.counted_on_path_in_use();
        self.paths.others.counted_elsewhere = Some(Box::new(self.stats.since(counted)));
        left
    }

    /// What was counted while the path in use was that.
    pub(super) fn counted_on_path_in_use(&self) -> Counters {
        self.paths.others.counted_elsewhere.as_ref().map_or(self.stats, |elsewhere| self.stats.since(elsewhere))
    }

    /// The path in use changes places with `other`, which has been taken from the others.
    fn go_to(&mut self, now: Instant, other: OtherPath) {
        let OtherPath { mut path, peer_id, congestion, counted, .. } = other;
        let (interval, timeout) = self.validation_times();
        let late = self.recovery.pto(PacketNumberSpace::ApplicationData).saturating_mul(3);
        path.on_taken_up(now, interval, timeout);
        path.spin.on_id_changed();
        let mtu = path.mtu.current();
        // RFC 9000 section 9.4-1, 9.4-2: a client that moves deliberately begins anew in any case (section 9.2).
        let is_rebound = self.wire.side == Side::Server && path.differs_by_port_only(&self.paths.in_use.four_tuple);
        let congestion = if is_rebound {
            self.recovery.on_rebound(congestion, mtu)
        } else {
            self.recovery.on_path_changed(congestion, mtu)
        };
        self.recovery.set_amplification_limited(false);
        let before = self.peer_ids.active();
        // RFC 9000 s5.1.2: an ID that was asked back in the meantime is not used; then the one before has to do.
        let _ = peer_id.is_some_and(|id| self.peer_ids.activate(id));
        let left = core::mem::replace(&mut self.paths.in_use, path);
        let left_counted = self.change_counted_path(&counted);
        self.stats.migrations += 1;
        self.trace(now, Record::PathChanged(self.paths.in_use.four_tuple));
        // From a path that works nobody returns.
        let expires = now + if self.paths.in_use.is_proven() { late } else { timeout };
        self.push_other(
            now,
            OtherPath {
                path: left,
                peer_id: Some(before),
                congestion: Some(congestion),
                expires,
                goal: Goal::None,
                counted: left_counted,
            },
        );
    }
}
