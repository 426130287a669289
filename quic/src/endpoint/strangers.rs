//! Datagrams of no connection: other versions, stateless resets, packets of connections that are lost. First packets go on
//! to be admitted.

use super::answers;
use super::ids::Named;
use super::table::Endpoint;
use crate::config::MIN_DATAGRAM_SIZE;
use crate::connection_ids::stateless_reset;
use crate::path::reach;
use crate::wire::connection_id::ConnectionId;
use crate::wire::header::{self, Header};
use crate::wire::version::Version;
use base::{Datagram, Instant, PREDECESSOR};

impl<T: Default> Endpoint<T> {
    /// A datagram of no connection: a first packet, something of another version, a reset, or nothing.
    pub(super) fn receive_stranger(&mut self, now: Instant, datagram: Datagram<'_>) {
        if !reach::is_usable(datagram.four_tuple.remote) {
            return;
        }
        // What arrived before it may have brought the token of a reset, or have completed a handshake.
        self.settle_touched();
        if self.is_reset(now, datagram.payload) {
            return;
        }
        match Header::decode_with(datagram.payload, self.ids.len(), self.config.connection.grease) {
            // One that is spoken by others, and not by this endpoint.
            Ok(Header::Initial(long) | Header::Handshake(long) | Header::ZeroRtt(long))
                if !self.config.connection.versions.contains(long.version) =>
            {
                let (destination, source) = (long.destination, long.source);
                self.negotiate_version(&datagram, long.version, destination.as_slice(), source.as_slice());
            }
            Ok(Header::Initial(long)) => self.admit(now, datagram, &long),
            // RFC 9000 section 6.1-1.
            // RFC 9368 section 2.1-6.
            Ok(Header::OtherVersion { version, destination, source }) if version != Version::NEGOTIATION => {
                let destination = datagram.payload.get(destination).expect("a header is within its datagram");
                let source = datagram.payload.get(source).expect("a header is within its datagram");
                self.negotiate_version(&datagram, version, destination, source);
            }
            // RFC 9000 section 5.2.2-6: it may have overtaken its Initial packet.
            Ok(Header::ZeroRtt(long)) if self.is_accepting && self.takes_early_data() => {
                self.early.keep(now, long.destination, &datagram);
            }
            Ok(Header::OneRtt(short)) => self.receive_orphan(now, &datagram, short.destination),
            // RFC 9000 section 10.3: of a server that was started anew meanwhile, or has given the handshake up while the path was dead.
            // The client has the token as soon as its handshake is complete, and until it is confirmed all that it sends begins with such
            // a packet. Its destination is an ID that the server has chosen, unlike that of first packets.
            Ok(Header::Handshake(long)) if self.config.server.is_some() && long.destination.len() == self.ids.len() => {
                self.receive_orphan(now, &datagram, long.destination);
            }
            // RFC 9000 section 5.2.2-8: whatever else it is.
            _ => {}
        }
    }

    /// RFC 9000 section 6.1. Only a datagram as large as a first one is answered, so the answer is never larger.
    /// RFC 9368 section 2.1-1.
    fn negotiate_version(&mut self, datagram: &Datagram<'_>, version: Version, destination: &[u8], source: &[u8]) {
        // RFC 9000 section 5.2.2-3, 17.2.1-7: one answer, and only to a full datagram. Also of a server that takes no connections
        // any more: a client that comes back with our version learns that at once.
        if self.config.server.is_none() || datagram.payload.len() < MIN_DATAGRAM_SIZE || !self.replies.has_room() {
            return;
        }
        let mut versions = self.config.connection.versions.as_slice().to_vec();
        // RFC 9368 section 2.1-2, 3-5: a client passes over it. Never the very one that the client has sent, which would make the
        // answer void.
        let grease = self.grease().map(|random| Version::reserved(random as u32));
        versions.extend(grease.filter(|reserved| *reserved != version));
        let [random] = base::random::array(&mut *self.random);
        if let Some(answer) = answers::version_negotiation(random, destination, source, &versions) {
            self.replies.push(datagram.four_tuple, answer);
        }
    }

    /// Whether the datagram ends a connection of ours whose peer has lost it. RFC 9000 section 10.3-9, 10.3.1-2:
    /// whatever it looks like otherwise, because a reset of another version may have a long header.
    fn is_reset(&mut self, now: Instant, payload: &[u8]) -> bool {
        if self.reset_tokens.is_empty() {
            return false;
        }
        let Some(token) = stateless_reset::token_of(payload) else { return false };
        let Some(index) = self.reset_tokens.get(&self.reset_hash(&token)).copied() else { return false };
        if let Some(connection) = &mut self.slots.get_mut(index).connection {
            connection.on_stateless_reset(now, &token);
        }
        self.settle(index);
        true
    }

    /// A packet of a connection we do not have: it is another worker's, or the server's before this one, or the peer is told. One to an
    /// ID that its peer has retired, of a connection that lives, is late and no more.
    /// RFC 9000 section 11-4.
    fn receive_orphan(&mut self, now: Instant, datagram: &Datagram<'_>, destination: ConnectionId) {
        let named = self.ids.read(destination.as_slice());
        if let Some(Named { worker, .. }) = named.filter(|named| named.worker != self.ids.worker()) {
            return self.handover.push(worker, datagram);
        }
        let living = named.and_then(|named| self.slots.connection(named.index));
        if living.is_some_and(|living| living.has_retired(destination.as_slice(), &datagram.four_tuple)) {
            return;
        }
        if self.has_predecessor {
            // Its clients come out here when their address changes.
            return self.handover.push(PREDECESSOR, datagram);
        }
        // A server that ends may be given what is its successor's, or another predecessor's: it cannot tell what is lost.
        if !self.is_accepting {
            return;
        }
        // What has the fixed bit cleared may be of another protocol on the same port, which is not to be answered. Half of a peer's
        // packets have it set in any case.
        if header::has_fixed_bit(datagram.payload) && self.replies.may_reset(now) {
            let token = self.reset_token(&destination);
            if let Some(answer) = stateless_reset::encode_reset(datagram.payload.len(), &mut *self.random, token) {
                self.replies.push(datagram.four_tuple, answer);
            }
        }
    }
}
