//! Probes (RFC 9002 section 6.2.4): what is sent when the probe timer has expired, in which spaces, and how large.
//!
//! A probe is to be answered, whatever was wrong with the packets before it. So it goes in every space with something in
//! flight, since the peer may have the keys of one only; the second one carries other data than the first; and none is
//! larger than what every path carries, since the path may carry less than before.

use super::state::Connection;
use crate::config::MIN_DATAGRAM_SIZE;
use crate::packet::SentFrame;
use crate::turn::Turn;
use crate::wire::packet_number::PacketNumberSpace;
use alloc::vec::Vec;
use base::{Instant, Side};

/// The packets whose content a probe repeats at most, if there is nothing new: as many as a datagram may have room for, since
/// the packets before may have been larger than a probe.
const REPEATED_PACKETS: usize = 2;

impl Connection {
    /// The timer of `space` expired, and `packets` probes are to be sent there.
    pub(super) fn probe(&mut self, turn: &Turn<'_>, space: PacketNumberSpace, packets: u8) {
        self.owe_probes(space, packets, 0);
        // RFC 8899 section 4.3: nothing is lost yet (section 6.2), but large packets that nobody answers count like lost
        // ones. Else a sender that hears nothing of what it sends would never learn why.
        let size = self.recovery.largest_in_flight();
        if self.paths.in_use.mtu.on_unanswered(turn.now, size) {
            self.on_mtu_changed(turn);
        }
    }

    /// The second probe is due that did not go with the first.
    pub(super) fn second_probe(&mut self, space: PacketNumberSpace) {
        self.owe_probes(space, 1, 1);
    }

    /// RFC 9002 s6.2.4: in every space with something in flight, for the peer may have the keys of one only.
    fn owe_probes(&mut self, space: PacketNumberSpace, packets: u8, gone: u8) {
        // A space that is gone takes its packets, and its timer, with it.
        self.spaces.get_mut(space).expect("only a space that is there is probed").owe_probes(packets, gone);
        for id in PacketNumberSpace::ALL {
            if id != space && (self.recovery.has_ack_eliciting(id) || self.may_be_all_that_is_read(id)) {
                self.spaces.get_mut(id).expect("what is in flight has its space").owe_probes(packets, gone);
            }
        }
    }

    /// A server that has the client's Finished reads 1-RTT packets only (RFC 9001 section 4.9.2). Whether it has it is not
    /// known to a client before the handshake is confirmed.
    fn may_be_all_that_is_read(&self, id: PacketNumberSpace) -> bool {
        let is_application = id == PacketNumberSpace::ApplicationData;
        is_application && self.wire.side == Side::Client && self.is_established() && !self.is_confirmed()
    }

    /// How many datagrams with probes are to be sent, whatever the congestion window says.
    #[inline]
    pub(super) fn owed_probes(&self) -> usize {
        usize::from(self.spaces.probes())
    }

    /// Bytes of a datagram with probes, of those that an ordinary one has.
    /// RFC 9000 s14.2.
    pub(super) fn probe_size(ordinary: usize) -> usize {
        ordinary.min(MIN_DATAGRAM_SIZE)
    }

    /// A datagram went when `owed` were to be sent.
    /// RFC 9002 s6.2.4: two are sent at most, however many spaces there are.
    pub(super) fn probes_sent(&mut self, owed: usize) {
        if let Some(left) = owed.checked_sub(1) {
            self.spaces.limit_probes(u8::try_from(left).expect("few probes are owed"));
        }
    }

    /// RFC 9002 section 6.2.4-1, 6.2.4-3: a probe carries new data, or else what is oldest and unacknowledged, or else
    /// a PING. The second one carries what comes after the content of the first, or the same again if that was all.
    /// RFC 9000 section 8.1-5, 8.1-6.
    #[cold]
    pub(super) fn request_probe_content(&mut self, now: Instant, id: PacketNumberSpace) {
        let space = self.spaces.get_mut(id).expect("a packet that was begun has its space");
        if id != PacketNumberSpace::ApplicationData {
            // That nothing is heard may be because our acknowledgment was lost, and the peer waits for the same time as we.
            space.received.repeat();
        }
        let older = usize::from(space.probed) * REPEATED_PACKETS;
        if self.interest(now, id).data {
            return;
        }
        let content = |older| self.recovery.unacked_frames(now, id, older, REPEATED_PACKETS).collect::<Vec<_>>();
        let mut frames = content(older);
        if frames.is_empty() {
            frames = content(0);
        }
        // A datagram is not sent again, and its packet is not lost yet.
        for frame in frames.iter().filter(|frame| !matches!(frame, SentFrame::Datagram(_))) {
            self.on_frame_lost(id, frame);
        }
        if !self.interest(now, id).data
            && let Some(space) = self.spaces.get_mut(id)
        {
            space.ping = true;
        }
    }
}
