//! The connection IDs that the peer issued for us to send to (RFC 9000 sections 5.1, 10.3.1, 19.15, 19.16).
//!
//! Invariants: there is always one active ID; at most `limit` are held; at most twice as many retirements wait for their
//! acknowledgment, so a peer that keeps us from sending cannot make us remember without end.

use crate::packet::{OutgoingPacket, SentFrame};
use crate::violation::Violation;
use crate::wire::connection_id::{ConnectionId, ResetToken};
use crate::wire::frame::Frame;
use alloc::vec::Vec;

/// IDs for which there is room from the beginning: what the limit is unless it was configured.
const USUAL: usize = 4;

/// The peer's IDs.
#[derive(Debug)]
pub(crate) struct PeerIds {
    /// The one in use on the current path is at index 0.
    held: Vec<PeerId>,
    retiring: Vec<Retiring>,
    retire_prior_to: u64,
    seen: Seen,
    limit: usize,
    /// How many were held at once at most: so many the peer gives, and a successor for each that it has back.
    most_held: usize,
}

#[derive(Debug)]
struct PeerId {
    sequence_number: u64,
    id: ConnectionId,
    token: Option<ResetToken>,
    /// Whether anything was sent to it: only then does its token mean something.
    used: bool,
}

#[derive(Debug)]
struct Retiring {
    sequence_number: u64,
    in_flight: bool,
}

impl PeerIds {
    /// With the ID of the handshake, and our own active_connection_id_limit as it is advertised.
    pub(crate) fn new(handshake_id: ConnectionId, active_connection_id_limit: u64) -> PeerIds {
        let first = PeerId { sequence_number: 0, id: handshake_id, token: None, used: true };
        let mut seen = Seen::default();
        seen.insert(0);
        let limit = usize::try_from(active_connection_id_limit).expect("a limit of ours is small");
        // Most peers give as many as they may.
        let mut held = Vec::with_capacity(if handshake_id.is_empty() { 1 } else { limit.min(USUAL) });
        held.push(first);
        PeerIds { held, retiring: Vec::new(), retire_prior_to: 0, seen, limit, most_held: 1 }
    }

    /// The ID to send to on the current path.
    pub(crate) fn active(&self) -> ConnectionId {
        self.held.first().map_or(ConnectionId::EMPTY, |entry| entry.id)
    }

    /// The token of the ID in use on the current path.
    pub(crate) fn active_reset_token(&self) -> Option<ResetToken> {
        self.held.first()?.token
    }

    /// During the handshake: the server has chosen its ID, or a Retry has replaced it (RFC 9000 section 7.2).
    /// RFC 9000 section 7.2-4, 7.2-6.
    pub(crate) fn replace_handshake_id(&mut self, id: ConnectionId) {
        if let Some(entry) = self.held.iter_mut().find(|entry| entry.sequence_number == 0) {
            entry.id = id;
        }
    }

    /// The stateless_reset_token parameter belongs to the ID of the handshake (RFC 9000 section 18.2).
    pub(crate) fn on_handshake_token(&mut self, token: ResetToken) {
        if let Some(entry) = self.held.iter_mut().find(|entry| entry.sequence_number == 0) {
            entry.token = Some(token);
        }
    }

    /// The preferred_address parameter brings the ID of sequence number 1 (RFC 9000 section 5.1.1).
    pub(crate) fn on_preferred_address(&mut self, id: ConnectionId, token: ResetToken) -> Result<(), Violation> {
        self.on_new_connection_id(1, 0, id, token)
    }

    /// A NEW_CONNECTION_ID frame.
    pub(crate) fn on_new_connection_id(
        &mut self,
        sequence_number: u64,
        retire_prior_to: u64,
        id: ConnectionId,
        token: ResetToken,
    ) -> Result<(), Violation> {
        // RFC 9000 section 19.15-3: who sends to an empty ID cannot be given others.
        if self.active().is_empty() {
            return Err(Violation::ConnectionIdNotUsed);
        }
        if self.is_reused(sequence_number, id, token) {
            return Err(Violation::ConnectionIdReused);
        }
        let is_new = self.seen.insert(sequence_number);
        // RFC 9000 section 19.15-8.
        self.retire_prior_to = self.retire_prior_to.max(retire_prior_to);
        if is_new && sequence_number < self.retire_prior_to {
            // RFC 9000 section 19.15-9: it was asked back before it came.
            self.push_retiring(sequence_number)?;
        } else if is_new {
            self.held.push(PeerId { sequence_number, id, token: Some(token), used: false });
        }
        self.retire_what_is_asked_back()?;
        self.most_held = self.most_held.max(self.held.len());
        // RFC 9000 section 5.1.1-6: the limit counts after retirement.
        if self.held.len() > self.limit { Err(Violation::ConnectionIdLimit) } else { Ok(()) }
    }

    /// Whether an ID or a number already stands for something else. The same frame again is no harm.
    /// RFC 9000 section 19.15-4.
    fn is_reused(&self, sequence_number: u64, id: ConnectionId, token: ResetToken) -> bool {
        self.held.iter().any(|held| {
            let same_number = held.sequence_number == sequence_number;
            let same_token = held.token.is_none_or(|held| held == token);
            same_number != (held.id == id) || (same_number && !same_token)
        })
    }

    /// RFC 9000 section 5.1.2-4.
    fn retire_what_is_asked_back(&mut self) -> Result<(), Violation> {
        let asked_back = |entry: &PeerId, bound: u64| entry.sequence_number < bound;
        if self.held.first().is_some_and(|entry| asked_back(entry, self.retire_prior_to)) {
            // Something has to be sent to; without a successor the old ID stays until one comes.
            // One that was not used on another path, if there is such (section 9.5).
            let remains = |entry: &PeerId| !asked_back(entry, self.retire_prior_to);
            let fresh = self.held.iter().position(|entry| remains(entry) && !entry.used);
            if let Some(next) = fresh.or_else(|| self.held.iter().position(remains)) {
                // RFC 9000 section 19.16-2: the next packet goes to another ID than the one that it retires.
                self.make_active(next);
            }
        }
        let mut index = 1;
        while let Some(entry) = self.held.get(index) {
            if asked_back(entry, self.retire_prior_to) {
                let entry = self.held.remove(index);
                self.push_retiring(entry.sequence_number)?;
            } else {
                index += 1;
            }
        }
        Ok(())
    }

    /// RFC 9000 section 5.1.2-7.
    fn push_retiring(&mut self, sequence_number: u64) -> Result<(), Violation> {
        // RFC 9000 s5.1.2: at least twice our limit has to be remembered; more is an attack.
        if self.retiring.len() >= 2 * self.limit {
            return Err(Violation::TooManyRetired);
        }
        self.retiring.push(Retiring { sequence_number, in_flight: false });
        Ok(())
    }

    fn make_active(&mut self, index: usize) {
        self.held.swap(0, index);
        if let Some(entry) = self.held.first_mut() {
            entry.used = true;
        }
    }

    /// Whether there is an ID that was not used so far.
    #[cfg(test)]
    pub(crate) fn has_unused(&self) -> bool {
        self.held.iter().any(|entry| !entry.used)
    }

    /// An ID for another path, never used before (RFC 9000 section 9.5-2, 9.5-3); it counts as used from now on.
    pub(crate) fn take_unused(&mut self) -> Option<ConnectionId> {
        let entry = self.held.iter_mut().filter(|entry| !entry.used).min_by_key(|entry| entry.sequence_number)?;
        entry.used = true;
        Some(entry.id)
    }

    /// Whether this ID may still be sent to.
    pub(crate) fn contains(&self, id: ConnectionId) -> bool {
        self.held.iter().any(|entry| entry.id == id)
    }

    /// The path of `id` has become the current one. `false` if the peer has asked it back in the meantime.
    pub(crate) fn activate(&mut self, id: ConnectionId) -> bool {
        let index = self.held.iter().position(|entry| entry.id == id);
        index.is_some_and(|index| {
            self.make_active(index);
            true
        })
    }

    /// Nothing is sent to this ID any more: its path is gone. The active one and those not held stay as they are.
    pub(crate) fn retire(&mut self, id: ConnectionId) -> Result<(), Violation> {
        let index = self.held.iter().skip(1).position(|entry| entry.id == id);
        let Some(index) = index else { return Ok(()) };
        let entry = self.held.remove(index + 1);
        self.push_retiring(entry.sequence_number)
    }

    /// Whether `token`, the end of a datagram that could not be opened, resets this connection (RFC 9000 section 10.3.1).
    /// The time it takes depends on how many IDs are held, not on their tokens; only tokens that the peer gave for IDs we
    /// sent to are compared, so nothing empty or outdated can match.
    pub(crate) fn is_reset(&self, token: &ResetToken) -> bool {
        // RFC 9000 section 10.3.1-3: neither unused nor retired ones.
        let valid = self.held.iter().filter(|entry| entry.used).filter_map(|entry| entry.token);
        // RFC 9000 section 10.3.1-4: each token is compared to its end, in constant time.
        valid.fold(false, |found, held| found | (held == *token))
    }

    /// Whether the peer is about to give another one: it does for each that it has back (RFC 9000 section 5.1.1), and what it gives
    /// may be lost as well as the word that one was given back.
    pub(crate) fn is_owed(&self) -> bool {
        !self.retiring.is_empty() || self.held.len() < self.most_held
    }

    /// Whether something waits to be sent.
    pub(crate) fn wants_to_send(&self) -> bool {
        self.retiring.iter().any(|entry| !entry.in_flight)
    }

    /// Adds RETIRE_CONNECTION_ID frames.
    pub(crate) fn fill(&mut self, packet: &mut OutgoingPacket<'_>) {
        for entry in self.retiring.iter_mut().filter(|entry| !entry.in_flight) {
            let frame = Frame::RetireConnectionId { sequence_number: entry.sequence_number };
            if frame.encode(packet.writer()).is_err() {
                return;
            }
            packet.record(SentFrame::RetireConnectionId(entry.sequence_number));
            entry.in_flight = true;
        }
    }

    /// A RETIRE_CONNECTION_ID frame was lost: it is sent again.
    pub(crate) fn on_lost(&mut self, sequence_number: u64) {
        let entry = self.retiring.iter_mut().find(|entry| entry.sequence_number == sequence_number);
        if let Some(entry) = entry {
            entry.in_flight = false;
        }
    }

    /// A RETIRE_CONNECTION_ID frame was acknowledged: the ID can be forgotten.
    pub(crate) fn on_acked(&mut self, sequence_number: u64) {
        self.retiring.retain(|entry| entry.sequence_number != sequence_number);
    }
}

/// The sequence numbers that were seen, so that a frame repeated after its ID was retired does not bring it back. Numbers
/// rise by one (RFC 9000 section 5.1.1) and few are out at a time, so those far below the largest count as seen.
#[derive(Debug, Default)]
struct Seen {
    /// The number that the lowest bit stands for.
    start: u64,
    bits: u64,
}

impl Seen {
    /// Whether it was not seen before.
    fn insert(&mut self, number: u64) -> bool {
        let Some(ahead) = number.checked_sub(self.start) else { return false };
        if ahead >= 64 {
            let shift = ahead - 63;
            self.bits = if shift >= 64 { 0 } else { self.bits >> shift };
            self.start += shift;
        }
        let bit = 1u64 << (number - self.start);
        let is_new = self.bits & bit == 0;
        self.bits |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests;
