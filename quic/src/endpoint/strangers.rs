//! Datagrams of no connection: first packets, other versions, stateless resets, packets of connections that are lost.

use super::accept::transport_parameters;
use super::ids::ID_LEN;
use super::networks::Network;
use super::table::Endpoint;
use crate::config::MIN_DATAGRAM_SIZE;
use crate::connection::{Connection, NewConnection};
use crate::connection_ids::stateless_reset;
use crate::turn::Turn;
use crate::wire::connection_id::ConnectionId;
use crate::wire::header::{self, Header};
use crate::wire::version::Version;
use base::{Datagram, Instant, Side, Writer};

impl<T: Default> Endpoint<T> {
    /// A datagram of no connection: a first packet, something of another version, a reset, or nothing.
    pub(super) fn receive_stranger(&mut self, now: Instant, datagram: Datagram<'_>) {
        // What arrived before it may have brought the token of a reset, or have completed a handshake.
        self.settle_touched();
        if self.is_reset(now, datagram.payload) {
            return;
        }
        match Header::decode(datagram.payload, ID_LEN) {
            Ok(Header::Initial(long)) => self.accept(now, datagram, long.destination, long.source),
            Ok(Header::OtherVersion { version, destination, source }) if version != Version::NEGOTIATION => {
                self.negotiate_version(&datagram, destination, source);
            }
            Ok(Header::OneRtt(short)) => self.receive_orphan(now, &datagram, short.destination),
            _ => {}
        }
    }

    /// RFC 9000 section 7: a client's first packet.
    fn accept(&mut self, now: Instant, datagram: Datagram<'_>, destination: ConnectionId, source: ConnectionId) {
        let Some(tls) = self.config.server.clone() else { return };
        // RFC 9000 s14.1 and s7.2: too small a datagram or too short an ID is no first packet. A full table drops before
        // any key is derived.
        if datagram.payload.len() < MIN_DATAGRAM_SIZE
            || destination.len() < 8
            || self.handshaking >= self.config.max_handshaking
        {
            return;
        }
        let network = Network::of(datagram.four_tuple.remote.ip());
        if self.networks.count(network) >= self.config.max_handshaking_per_network {
            return;
        }
        let Some(index) = self.reserve() else { return };
        let local_id = self.ids.issue(index, &mut *self.random);
        let reset_token = self.reset_token(&local_id);
        let config = self.config.connection.clone();
        let parameters = transport_parameters(&config, Side::Server, destination, local_id, Some(reset_token));
        let session = tls::quic::server(tls, parameters.encode(Side::Server, self.grease()));
        let mut connection = Connection::new(
            now,
            NewConnection {
                side: Side::Server,
                config,
                session,
                initial_suite: self.config.provider.initial,
                original_destination: destination,
                local_id,
                peer_id: source,
                four_tuple: datagram.four_tuple,
            },
        );
        let mut turn = Turn { now, random: &mut *self.random, scratch: &mut self.scratch };
        connection.receive(&mut turn, datagram);
        if connection.stats().packets_received == 0 {
            // Nothing in it could be opened: no connection has begun, and nothing is kept.
            self.slots.give_back(index);
            return;
        }
        self.begin(index, connection, Some((destination, network)));
    }

    /// RFC 9000 section 6.1. Only a datagram as large as a first one is answered, so the answer is never larger.
    fn negotiate_version(
        &mut self,
        datagram: &Datagram<'_>,
        destination: core::ops::Range<usize>,
        source: core::ops::Range<usize>,
    ) {
        if self.config.server.is_none() || datagram.payload.len() < MIN_DATAGRAM_SIZE || !self.replies.has_room() {
            return;
        }
        let destination = datagram.payload.get(destination).unwrap_or(&[]);
        let source = datagram.payload.get(source).unwrap_or(&[]);
        let [random] = base::random::array(&mut *self.random);
        let mut answer = alloc::vec![0; MIN_DATAGRAM_SIZE];
        let mut writer = Writer::new(&mut answer);
        // RFC 9000 s17.2.1: the answer goes to whoever the packet was from, so its IDs change places.
        if header::encode_version_negotiation(&mut writer, random, source, destination, &[Version::V1]).is_ok() {
            let len = writer.position();
            answer.truncate(len);
            self.replies.push(datagram.four_tuple, answer);
        }
    }

    /// Whether the datagram ends a connection of ours whose peer has lost it. RFC 9000 s10.3: whatever it looks like
    /// otherwise, because a reset of another version may have a long header.
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

    /// A packet of a connection we do not have: the peer is told.
    fn receive_orphan(&mut self, now: Instant, datagram: &Datagram<'_>, destination: ConnectionId) {
        if self.replies.may_reset(now) {
            let token = self.reset_token(&destination);
            if let Some(answer) = stateless_reset::encode_reset(datagram.payload.len(), &mut *self.random, token) {
                self.replies.push(datagram.four_tuple, answer);
            }
        }
    }
}
