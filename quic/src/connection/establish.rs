//! From TLS to the components: keys, transport parameters, completion and confirmation.

use super::state::Connection;
use crate::event::Event;
use crate::handshake::HandshakeError;
use crate::lifecycle::Lifecycle;
use crate::protection::keys::{OpenKeys, SealKeys};
use crate::trace::{Record, Stage};
use crate::turn::Turn;
use crate::violation::Violation;
use crate::wire::frame::PacketKind;
use crate::wire::transport_parameters::TransportParameters;
use base::{Instant, Side};
use tls::KeyChange;

impl Connection {
    /// Takes what TLS has made of the latest handshake bytes.
    pub(super) fn advance_handshake(&mut self, turn: &mut Turn<'_>) -> Result<(), Violation> {
        let now = turn.now;
        if self.handshake.early.is_some() {
            self.follow_early_data(turn);
        }
        if !self.peer.is_known()
            && let Some(bytes) = self.handshake.take_peer_transport_parameters()
        {
            let peer = self.wire.side.peer();
            if let Some(tracer) = &mut self.tracer {
                tracer.record(now, Record::ParametersSet { of: peer }, &bytes);
            }
            let answered = self.handshake.take_answered_parameters();
            self.trace_own_parameters(now, answered.as_deref());
            let parameters = TransportParameters::decode(&bytes, peer)?;
            self.apply(now, &parameters)?;
        }
        while let Some(change) = self.handshake.poll_keys() {
            let (kind, suite, local, remote) = match change {
                KeyChange::EarlyData { suite, secret } => {
                    self.accept_early_data(now, suite, secret);
                    continue;
                }
                KeyChange::Handshake { suite, local, remote } => (PacketKind::Handshake, suite, local, remote),
                KeyChange::OneRtt { suite, local, remote } => (PacketKind::OneRtt, suite, local, remote),
            };
            let version = self.wire.version;
            let (seal, open) = (SealKeys::new(suite, version, local), OpenKeys::new(suite, version, remote));
            // RFC 9001 section 4.1.3-3: TLS is past the level before, so nothing of it may be left over.
            if self.handshake.has_unread() {
                return Err(Violation::CryptoAtOldLevel);
            }
            self.install_keys(now, kind, seal, open);
            match (kind, self.wire.side) {
                (PacketKind::Handshake, _) => self.recovery.set_has_handshake_keys(),
                // Its limits came with the ClientHello.
                (PacketKind::OneRtt, Side::Server) => self.events.push(Event::CanSend),
                _ => {}
            }
        }
        if self.handshake.session().is_complete() && matches!(self.lifecycle, Lifecycle::Handshaking { .. }) {
            self.on_complete(turn);
        }
        Ok(())
    }

    /// RFC 9000 section 7.4.1-3: whatever a client remembered, but for what it sends early.
    fn apply(&mut self, now: Instant, parameters: &TransportParameters) -> Result<(), Violation> {
        // RFC 9000 section 7.3-2, 7.3-4.
        self.wire.authenticate(parameters)?;
        self.on_version_information(now, parameters)?;
        // RFC 9287 section 3.1-1, 3.1-4, 3.1-6.
        self.wire.greases_quic_bit = parameters.grease_quic_bit && self.config.grease;
        self.peer.learn(parameters);
        self.recovery.set_max_ack_delay(parameters.max_ack_delay);
        self.idle.set_peer_timeout(parameters.max_idle_timeout);
        self.paths.in_use.mtu.limit_ceiling(usize::try_from(parameters.max_udp_payload_size).unwrap_or(usize::MAX));
        self.local_ids.on_peer_limit(parameters.active_connection_id_limit);
        if let Some(token) = parameters.stateless_reset_token {
            self.peer_ids.on_handshake_token(token);
        }
        if let Some(address) = &parameters.preferred_address {
            // RFC 9000 section 18.2-7: a server without connection IDs must not bring one. Whether the address is used or
            // not, its ID is the one of sequence number 1 (section 5.1.1).
            if self.peer_ids.active().is_empty() {
                return Err(Violation::TransportParameters);
            }
            self.peer_ids.on_preferred_address(address.connection_id, address.stateless_reset_token)?;
            self.on_preferred_address(address);
        }
        self.set_peer_limits(parameters)?;
        self.begin_datagrams();
        Ok(())
    }

    /// RFC 9001 section 4.1.1: TLS is done on this side.
    fn on_complete(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        assert!(self.peer.is_known(), "TLS is not complete without transport parameters");
        self.lifecycle = Lifecycle::Established;
        if self.handshake.early.is_some() {
            self.end_early_data(now);
        }
        self.events.push(Event::Established);
        self.begin_ack_frequency();
        if let Some(tracer) = &mut self.tracer {
            let session = self.handshake.session();
            let cipher_suite = session.cipher_suite().expect("TLS is complete, so it has chosen").id;
            tracer.record(now, Record::Negotiated { cipher_suite }, session.alpn().unwrap_or_default());
            tracer.record(now, Record::Stage(Stage::HandshakeComplete), &[]);
        }
        if self.wire.side == Side::Server {
            // RFC 9000 section 19.20-1: only here.
            // RFC 9001 section 4.1.2-1: at once.
            self.handshake.announcements.tell_done();
            // RFC 9000 section 8.1.3-1.
            self.handshake.announcements.want_token();
            self.on_confirmed(now);
            if let Err(error) = self.handshake.send_tickets(turn.random) {
                // A connection is as good without: the client comes back with a full handshake.
                assert!(
                    matches!(error, HandshakeError::Tls(tls::Error::Local(_))),
                    "tickets are ours alone: {error:?}"
                );
            }
        }
    }

    /// RFC 9001 section 4.1.2: both ends know that the handshake is done. A server knows when it is complete, a client when
    /// it hears HANDSHAKE_DONE.
    /// RFC 9001 section 4.9.2-1.
    pub(super) fn on_confirmed(&mut self, now: Instant) {
        if self.lifecycle != Lifecycle::Established || self.levels.is_discarded(PacketKind::Handshake) {
            return;
        }
        self.discard_keys(now, PacketKind::Initial);
        self.discard_keys(now, PacketKind::Handshake);
        self.wire.forget_beginning();
        self.recovery.set_handshake_confirmed();
        self.events.push(Event::Confirmed);
        self.trace(now, Record::Stage(Stage::HandshakeConfirmed));
        self.try_preferred_address(now, self.paths.in_use.four_tuple.local);
    }
}
