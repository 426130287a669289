//! One connection and two versions (RFC 9368 section 2.3, RFC 9369 section 4.1): the client's first flight is of one, and the
//! server goes on with another that both speak. Connection IDs, packet numbers and the handshake stay; Initial keys are made anew,
//! and all later keys are of the new version.
//!
//! A server knows what its client speaks from the transport parameters in the ClientHello, and sends CRYPTO frames only after
//! that, so all of them are of the version that was chosen. A client sees it from the version of the first packet that it can
//! open under the keys of another version. Who forges such a packet is found out by the server's transport parameters.

use super::state::Connection;
use crate::error::CloseReason;
use crate::lifecycle::Lifecycle;
use crate::trace::Record;
use crate::version_negotiation::{self, Attempt};
use crate::violation::Violation;
use crate::wire::frame::PacketKind;
use crate::wire::transport_parameters::TransportParameters;
use crate::wire::version::Version;
use base::{Instant, Side};

const HAS_KEYS: &str = "Initial keys are there while Initial packets mean something";

impl Connection {
    /// Whether a packet of a version other than the connection's may mean something: an Initial packet, of the client's first
    /// flight to a server that has gone on, or of a version that the server may have gone on with.
    /// RFC 9369 section 4.1-9.
    pub(super) fn expects_version(&self, kind: PacketKind, version: Version) -> bool {
        if version == self.wire.version {
            // RFC 9369 s4.1: 0-RTT packets stay with the version of the first flight.
            return kind != PacketKind::ZeroRtt || version == self.wire.first_flight();
        }
        match (kind, self.wire.side) {
            (PacketKind::ZeroRtt, _) => version == self.wire.first_flight(),
            (PacketKind::Initial, Side::Server) => version == self.wire.first_flight(),
            (PacketKind::Initial, Side::Client) => self.may_follow_to(version),
            _ => false,
        }
    }

    /// Whether the server can still be found to have gone on with this version. CRYPTO frames in the first version say that it
    /// stays with that.
    fn may_follow_to(&self, version: Version) -> bool {
        let first = self.wire.first_flight();
        self.wire.version == first
            && matches!(self.lifecycle, Lifecycle::Handshaking { .. })
            && self.config.versions.contains(version)
            && first.is_compatible_with(version)
            && !self.handshake.has_received_initial()
    }

    /// A client has opened a packet of the version that the server has gone on with.
    /// RFC 9369 section 4.1-6, 4.1-8.
    pub(super) fn follow(&mut self, now: Instant, version: Version) {
        self.handshake.set_version(version);
        let Some(keys) = self.levels.seal(PacketKind::Initial) else { return };
        let suite = keys.suite();
        let (seal, open) = self.wire.initial_keys_of(suite, version);
        self.levels.forget_other_initial();
        self.trace(now, Record::VersionChosen { version });
        self.install_keys(now, PacketKind::Initial, seal, open);
    }

    /// The peer has said which versions it speaks: it is the truth, as far as this side has seen, and a server goes on with the
    /// best that both have.
    /// RFC 9368 section 4-3.
    pub(super) fn on_version_information(
        &mut self,
        now: Instant,
        parameters: &TransportParameters,
    ) -> Result<(), Violation> {
        let information = parameters.version_information.as_ref();
        let (versions, first_flight) = (&self.config.versions, self.wire.first_flight());
        if self.wire.side == Side::Client {
            let negotiated = self.wire.version;
            let follows_negotiation = self.wire.follows_negotiation();
            return Attempt { first_flight, follows_negotiation, negotiated }.check_server(versions, information);
        }
        version_negotiation::check_client(first_flight, information)?;
        let negotiated = version_negotiation::negotiated(versions, first_flight, information);
        if negotiated != self.wire.version {
            self.go_on_with(now, negotiated);
        }
        Ok(())
    }

    /// A server goes on with another version. What its client still sends in the first one is opened, until a Handshake packet
    /// shows that it has followed.
    /// RFC 9369 section 4.1-5, 4.1-7, 4.1-8.
    fn go_on_with(&mut self, now: Instant, version: Version) {
        let suite = self.levels.seal(PacketKind::Initial).expect(HAS_KEYS).suite();
        let (_, first) = self.wire.initial_keys(suite);
        self.wire.go_on_with(version);
        let (seal, open) = self.wire.initial_keys(suite);
        self.trace(now, Record::VersionChosen { version });
        self.install_keys(now, PacketKind::Initial, seal, open);
        self.levels.install_other_initial(first);
    }

    /// RFC 9000 section 6.2: what a Version Negotiation packet that is believed leads to: another attempt, if there is a version
    /// in common. The endpoint makes it ([`take_again`](Connection::take_again)); the application hears nothing of the first.
    /// RFC 9368 section 2.1-3, 2.1-5.
    pub(super) fn begin_again_in(&mut self, now: Instant, offered: &[Version]) {
        if let Some(version) = self.config.versions.best_of(offered)
            // Of a stream the application would hear.
            && self.streams.open_count() == 0
        {
            self.wire.begin_again(now, version);
        }
    }

    /// The version of the first flight, if the connection is over because the server does not speak it.
    pub(crate) fn refused_version(&self) -> Option<Version> {
        matches!(self.events.closed(), Some(CloseReason::VersionNegotiation { .. })).then(|| self.wire.first_flight())
    }

    /// The version of another attempt, and since when it is due; once.
    pub(crate) fn take_again(&mut self) -> Option<(Version, Instant)> {
        self.wire.take_again()
    }

    /// What is spoken. It may change within the handshake, until this side has the peer's transport parameters.
    pub const fn version(&self) -> Version {
        self.wire.version
    }
}
