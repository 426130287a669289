//! The connection IDs that this side issued for the peer to send to (RFC 9000 sections 5.1, 19.15, 19.16).
//!
//! The caller makes IDs and tokens, because it also has to route them; this keeps their numbers, says how many are wanted,
//! and sends each until it is acknowledged. At most [`LocalIds::MAX_ACTIVE`] are active. We never ask for retirement.

use crate::packet::{OutgoingPacket, SentFrame};
use crate::violation::Violation;
use crate::wire::connection_id::{ConnectionId, ResetToken};
use crate::wire::frame::Frame;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Our IDs.
#[derive(Debug)]
pub(crate) struct LocalIds {
    active: Vec<LocalId>,
    /// Those that the peer has retired, the newest last.
    retired: VecDeque<ConnectionId>,
    /// Some of them are no longer remembered.
    has_forgotten: bool,
    next_sequence_number: u64,
    /// How many may be active at once: 1 until the peer's transport parameters are known.
    limit: u8,
    /// Bytes of each.
    id_len: u8,
}

#[derive(Debug)]
struct LocalId {
    sequence_number: u64,
    id: ConnectionId,
    /// What to announce; `None` for the ID of the handshake, which needs no frame.
    token: Option<ResetToken>,
    announcement: Announcement,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Announcement {
    Wanted,
    InFlight,
    Done,
}

impl LocalIds {
    /// More than this have no use: one in use, one for a migration, two to spare while frames are in transit.
    pub(crate) const MAX_ACTIVE: usize = 4;

    /// Retired IDs that are remembered, so that a late packet to one is not taken for one of a connection that is lost. A
    /// peer retires one with each move.
    pub(crate) const MAX_RETIRED: usize = 16;

    /// With the ID that the handshake tells the peer: sequence number 0. If it is empty, no other is ever issued.
    pub(crate) fn new(handshake_id: ConnectionId) -> LocalIds {
        let first = LocalId { sequence_number: 0, id: handshake_id, token: None, announcement: Announcement::Done };
        // More follow, unless it is empty.
        let mut active = Vec::with_capacity(if handshake_id.is_empty() { 1 } else { Self::MAX_ACTIVE });
        active.push(first);
        LocalIds {
            active,
            retired: VecDeque::new(),
            has_forgotten: false,
            next_sequence_number: 1,
            limit: 1,
            id_len: handshake_id.len() as u8,
        }
    }

    /// Bytes of each: all are as long as the first, so that a short header need not say it (RFC 9000 section 17.3.1).
    #[inline]
    pub(crate) const fn id_len(&self) -> usize {
        self.id_len as usize
    }

    /// The ID that a server gives with its preferred address: sequence number 1, and told by the handshake (RFC 9000 section
    /// 5.1.1).
    pub(crate) fn issue_preferred(&mut self, id: ConnectionId, token: ResetToken) {
        assert_eq!(self.next_sequence_number, 1, "the preferred address comes with the second ID");
        assert_eq!(id.len(), self.id_len(), "all our IDs are of one length");
        self.next_sequence_number = 2;
        self.active.push(LocalId { sequence_number: 1, id, token: Some(token), announcement: Announcement::Done });
    }

    /// The peer's active_connection_id_limit is known (RFC 9000 section 18.2).
    pub(crate) fn on_peer_limit(&mut self, active_connection_id_limit: u64) {
        // RFC 9000 s5.1: who uses an empty ID has no further ones.
        // RFC 9000 section 19.15-2.
        if !self.is_empty_id() {
            self.limit = active_connection_id_limit.min(Self::MAX_ACTIVE as u64) as u8;
        }
    }

    /// How many IDs to issue now.
    /// RFC 9000 section 5.1.1-4.
    pub(crate) fn wanted(&self) -> usize {
        usize::from(self.limit).saturating_sub(self.active.len())
    }

    /// A new ID for the peer, and the token that goes with it. Its sequence number is the result.
    ///
    /// # Panics
    /// If none is wanted.
    pub(crate) fn issue(&mut self, id: ConnectionId, token: ResetToken) -> u64 {
        assert!(self.wanted() > 0, "the peer takes no further connection ID");
        assert_eq!(id.len(), self.id_len(), "all our IDs are of one length");
        // RFC 9000 section 5.1.1-1: one after the other.
        let sequence_number = self.next_sequence_number;
        self.next_sequence_number += 1;
        self.active.push(LocalId { sequence_number, id, token: Some(token), announcement: Announcement::Wanted });
        sequence_number
    }

    /// Whether the peer may send to this one.
    /// RFC 9000 section 5.1.1-2.
    #[inline]
    pub(crate) fn contains(&self, id: &[u8]) -> bool {
        self.active.iter().any(|entry| entry.id.is(id))
    }

    /// Whether something waits to be sent.
    pub(crate) fn wants_to_send(&self) -> bool {
        self.active.iter().any(|entry| entry.announcement == Announcement::Wanted)
    }

    /// Adds NEW_CONNECTION_ID frames.
    pub(crate) fn fill(&mut self, packet: &mut OutgoingPacket<'_>) {
        for entry in self.active.iter_mut().filter(|entry| entry.announcement == Announcement::Wanted) {
            let reset_token = entry.token.expect("an ID that is announced has its token");
            let frame = Frame::NewConnectionId {
                sequence_number: entry.sequence_number,
                // RFC 9000 section 19.15-6: nothing is asked back.
                retire_prior_to: 0,
                connection_id: entry.id,
                reset_token,
            };
            if frame.encode(packet.writer()).is_err() {
                return;
            }
            packet.record(SentFrame::NewConnectionId(entry.sequence_number));
            entry.announcement = Announcement::InFlight;
        }
    }

    /// RETIRE_CONNECTION_ID came in a packet sent to `packet_destination`. The result is the ID to stop routing; `None` if
    /// it was retired before.
    pub(crate) fn on_retire(
        &mut self,
        sequence_number: u64,
        packet_destination: ConnectionId,
    ) -> Result<Option<ConnectionId>, Violation> {
        // RFC 9000 section 19.16-1, 19.16-4: who issued an empty ID cannot be told to forget it.
        if sequence_number >= self.next_sequence_number || self.is_empty_id() {
            return Err(Violation::RetiredUnknown);
        }
        let Some(index) = self.active.iter().position(|entry| entry.sequence_number == sequence_number) else {
            return Ok(None);
        };
        if self.active.get(index).is_some_and(|entry| entry.id == packet_destination) {
            return Err(Violation::RetiredInUse);
        }
        let id = self.active.remove(index).id;
        if self.retired.len() >= Self::MAX_RETIRED {
            self.retired.pop_front();
            self.has_forgotten = true;
        }
        self.retired.push_back(id);
        Ok(Some(id))
    }

    /// Whether the peer has retired this one; `None` if it has retired so many that nobody knows.
    pub(crate) fn is_retired(&self, id: &[u8]) -> Option<bool> {
        let is_known = self.retired.iter().any(|retired| retired.is(id));
        (is_known || !self.has_forgotten).then_some(is_known)
    }

    /// A NEW_CONNECTION_ID frame was lost: it is sent again while its ID is active.
    pub(crate) fn on_lost(&mut self, sequence_number: u64) {
        self.announce(sequence_number, Announcement::InFlight, Announcement::Wanted);
    }

    /// A NEW_CONNECTION_ID frame was acknowledged, perhaps after it was thought lost.
    pub(crate) fn on_acked(&mut self, sequence_number: u64) {
        self.announce(sequence_number, Announcement::InFlight, Announcement::Done);
        self.announce(sequence_number, Announcement::Wanted, Announcement::Done);
    }

    fn announce(&mut self, sequence_number: u64, from: Announcement, to: Announcement) {
        let entry = self.active.iter_mut().find(|entry| entry.sequence_number == sequence_number);
        if let Some(entry) = entry.filter(|entry| entry.announcement == from) {
            entry.announcement = to;
        }
    }

    fn is_empty_id(&self) -> bool {
        self.active.first().is_some_and(|entry| entry.id.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::packet_number::PacketNumberSpace;
    use base::Reader;

    fn id(byte: u8) -> ConnectionId {
        ConnectionId::new(&[byte; 8]).unwrap()
    }

    fn sent(ids: &mut LocalIds, room: usize) -> Vec<u64> {
        let (mut buffer, mut record) = ([0; 1200], Vec::new());
        let mut packet = OutgoingPacket::new(PacketNumberSpace::ApplicationData, &mut buffer[..room], &mut record);
        ids.fill(&mut packet);
        let len = packet.len();
        let mut reader = Reader::new(&buffer[..len]);
        let mut numbers = Vec::new();
        while !reader.is_empty() {
            match Frame::decode(&mut reader).unwrap() {
                Frame::NewConnectionId { sequence_number, connection_id, .. } => {
                    assert_eq!(connection_id, id(sequence_number as u8));
                    numbers.push(sequence_number);
                }
                other => panic!("{other:?}"),
            }
        }
        numbers
    }

    fn issued(limit: u64) -> LocalIds {
        let mut ids = LocalIds::new(id(0));
        assert_eq!(ids.wanted(), 0);
        ids.on_peer_limit(limit);
        while ids.wanted() > 0 {
            let next = ids.next_sequence_number as u8;
            ids.issue(id(next), ResetToken([next; 16]));
        }
        ids
    }

    /// RFC 9000 section 5.1.1-1, 5.1.1-4.
    #[test]
    fn as_many_as_the_peer_takes_and_no_more_than_four() {
        assert_eq!(issued(2).active.len(), 2);
        assert_eq!(issued(u64::MAX).active.len(), LocalIds::MAX_ACTIVE);
    }

    #[test]
    fn each_is_sent_until_it_is_acknowledged() {
        let mut ids = issued(4);
        assert_eq!(sent(&mut ids, 70), [1, 2]);
        assert_eq!(sent(&mut ids, 1200), [3]);
        assert!(!ids.wants_to_send());
        ids.on_lost(2);
        ids.on_lost(3);
        ids.on_acked(3);
        ids.on_acked(1);
        ids.on_lost(1);
        assert_eq!(sent(&mut ids, 1200), [2]);
    }

    /// RFC 9000 section 5.1.1-2.
    #[test]
    fn retirement_makes_room_once() {
        let mut ids = issued(4);
        assert_eq!(ids.on_retire(0, id(1)), Ok(Some(id(0))));
        assert_eq!(ids.on_retire(0, id(1)), Ok(None));
        assert_eq!((ids.wanted(), ids.contains(id(0).as_slice())), (1, false));
        assert_eq!(ids.on_retire(4, id(1)), Err(Violation::RetiredUnknown));
        assert_eq!(ids.on_retire(1, id(1)), Err(Violation::RetiredInUse));
        assert!(ids.contains(id(1).as_slice()));
        // A retired ID is not announced any more.
        assert_eq!(ids.on_retire(2, id(1)), Ok(Some(id(2))));
        assert_eq!(sent(&mut ids, 1200), [1, 3]);
        ids.on_lost(2);
        assert!(!ids.wants_to_send());
    }

    /// RFC 9000 section 11-4.
    #[test]
    fn retired_ids_are_remembered_up_to_a_number() {
        let mut ids = issued(4);
        assert_eq!(ids.is_retired(id(0).as_slice()), Some(false));
        for number in 0..LocalIds::MAX_RETIRED as u64 {
            ids.on_retire(number, id(200)).unwrap();
            assert_eq!(ids.is_retired(id(number as u8).as_slice()), Some(true));
            let next = ids.next_sequence_number as u8;
            ids.issue(id(next), ResetToken([next; 16]));
            assert_eq!(ids.is_retired(id(next).as_slice()), Some(false));
        }
        assert_eq!(ids.is_retired(id(0).as_slice()), Some(true));
        ids.on_retire(LocalIds::MAX_RETIRED as u64, id(200)).unwrap();
        assert_eq!((ids.is_retired(id(0).as_slice()), ids.is_retired(id(1).as_slice())), (None, Some(true)));
    }

    /// RFC 9000 section 19.15-2, 19.16-4.
    #[test]
    fn an_empty_id_has_no_successor() {
        let mut ids = LocalIds::new(ConnectionId::EMPTY);
        ids.on_peer_limit(8);
        assert_eq!(ids.wanted(), 0);
        assert_eq!(ids.on_retire(0, ConnectionId::EMPTY), Err(Violation::RetiredUnknown));
    }
}
