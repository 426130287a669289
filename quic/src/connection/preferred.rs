//! The server's preferred address (RFC 9000 section 9.6), on both ends: a client that goes there once the handshake is
//! confirmed and the way has been found to work, and a server that follows it there once that is true the other way as well.

use super::places::Elsewhere;
use super::state::Connection;
use crate::event::Event;
use crate::path::others::Goal;
use crate::path::preferred::{Preferred, Progress};
use crate::wire::packet_number::PacketNumber;
use crate::wire::transport_parameters::PreferredAddress;
use alloc::boxed::Box;
use base::{FourTuple, Instant, Side};
use core::net::SocketAddr;

impl Connection {
    /// A client learns where its server would rather be.
    pub(super) fn on_preferred_address(&mut self, offered: &PreferredAddress) {
        if self.config.use_preferred_address {
            let chosen = Preferred::choose(offered, self.paths.in_use.four_tuple.remote);
            self.paths.preferred = chosen.map(Box::new);
        }
    }

    /// Tries the way to the server's preferred address, if it waits for that and there is an ID of the server's to try it with.
    /// `local`: where this client is, or is about to be.
    /// RFC 9000 section 9.6.2-1: everything goes on at the address of the handshake until the other has answered.
    pub(super) fn try_preferred_address(&mut self, now: Instant, local: SocketAddr) {
        let waits = |preferred: &Preferred| preferred.progress == Progress::Waiting;
        if !self.paths.preferred.as_deref().is_some_and(waits) || !self.is_confirmed() {
            return;
        }
        // RFC 9000 s9.6.3: the ID that came with the address, unless another path has taken it.
        let Some(peer_id) = self.peer_ids.take_unused() else { return };
        let Some(preferred) = &mut self.paths.preferred else { return };
        preferred.progress = Progress::Trying;
        let four_tuple = FourTuple { local, remote: preferred.address };
        let local_id = self.paths.in_use.local_id;
        let mut other = self.other_path(now, four_tuple, local_id, Some(peer_id));
        other.goal = Goal::Preferred;
        self.push_other(now, other);
    }

    /// The application moves this client while the preferred address is being tried from where it was: it is tried again from
    /// where it goes, beside the address in use.
    pub(super) fn leave_preferred_address(&mut self, now: Instant) {
        let position = self.paths.others.iter_mut().position(|other| other.goal == Goal::Preferred);
        let Some(index) = position else { return };
        if let Some(other) = self.paths.others.get_mut(index) {
            other.goal = Goal::None;
        }
        self.drop_other(now, index);
        if let Some(preferred) = &mut self.paths.preferred {
            preferred.progress = Progress::Waiting;
        }
    }

    /// The server's preferred address has answered, and is in use from now on.
    /// RFC 9000 s9.6.1.
    pub(super) fn on_preferred_address_reached(&mut self, now: Instant, four_tuple: FourTuple) {
        if let Some(preferred) = &mut self.paths.preferred {
            preferred.progress = Progress::Used;
        }
        // RFC 9000 section 9.6.3-2: the way to the address of the handshake is no longer asked for. The application is where it
        // wanted to go.
        let position = self.paths.others.iter_mut().position(|other| other.goal == Goal::Asked);
        if let Some(index) = position {
            if let Some(other) = self.paths.others.get_mut(index) {
                other.goal = Goal::None;
            }
            self.drop_other(now, index);
            self.events.push(Event::Migrated(four_tuple));
        }
        self.events.push(Event::PeerMoved(four_tuple));
    }

    /// Whether this client sends to an address that is not the one of the handshake.
    pub(super) fn is_at_preferred_address(&self) -> bool {
        self.paths.preferred.as_deref().is_some_and(|preferred| preferred.progress == Progress::Used)
    }

    /// Whether `local` is one of the addresses that this server prefers.
    fn prefers(&self, local: SocketAddr) -> bool {
        self.wire.side == Side::Server && self.config.preferred_address.contains(local)
    }

    /// Whether packets that come to `local` have come to the preferred address, and those sent before have not.
    pub(super) fn comes_to_preferred_address(&self, local: SocketAddr) -> bool {
        self.prefers(local) && !self.prefers(self.paths.in_use.four_tuple.local)
    }

    /// Whether a packet is newer than all others, and came to the address that client and server have left for the preferred
    /// one. Who sends it is no client that keeps to the protocol; older packets are late.
    /// RFC 9000 s9.6.2.
    pub(super) fn has_left_address(&mut self, elsewhere: &Elsewhere, number: PacketNumber) -> bool {
        let has_left = self.prefers(self.paths.in_use.four_tuple.local) && !self.prefers(elsewhere.four_tuple.local);
        has_left && !self.is_handshaking() && self.spaces.application().received.largest() < Some(number)
    }
}
