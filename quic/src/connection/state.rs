//! The components of a connection, and how one begins and ends.

use crate::config::Config;
use crate::connection_ids::local::LocalIds;
use crate::connection_ids::peer::PeerIds;
use crate::datagram::Datagrams;
use crate::error::CloseReason;
use crate::event::Events;
use crate::handshake::Handshake;
use crate::idle::Idle;
use crate::lifecycle::{CloseFrame, Closing, Lifecycle};
use crate::path::mtu::MtuDiscovery;
use crate::path::path::Path;
use crate::path::paths::Paths;
use crate::path::spin::Spin;
use crate::peer_parameters::PeerParameters;
use crate::protection::Levels;
use crate::protection::keys::{OpenKeys, SealKeys};
use crate::recovery::Recovery;
use crate::rest::Rest;
use crate::space::Spaces;
use crate::stats::Counters;
use crate::stream::{ReceiveShare, SendMemory, Streams};
use crate::trace::{Cause, Key, PacketType, Record, Stage, Tracer};
use crate::violation::{TransportErrorCode, Violation};
use crate::wire::connection_id::{ConnectionId, ResetToken};
use crate::wire::frame::PacketKind;
use crate::wire::packet_number::PacketNumberSpace;
use crate::wire::version::Version;
use crate::wire_identity::{Beginning, WireIdentity};
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::{FourTuple, Instant, Side, StreamId};
use crypto::CipherSuite;
use tls::Session;

/// A connection as a pure state machine. The endpoint feeds it; the application reads events from it and writes to its
/// streams.
pub struct Connection {
    pub(super) wire: WireIdentity,
    pub(super) config: Arc<Config>,
    pub(super) lifecycle: Lifecycle,
    pub(super) handshake: Handshake,
    pub(super) levels: Levels,
    pub(super) spaces: Spaces,
    pub(super) recovery: Recovery,
    pub(super) streams: Streams,
    /// `None`: none were taken or given, and none are asked for.
    pub(super) datagrams: Option<Box<Datagrams>>,
    pub(super) paths: Paths,
    pub(super) peer: PeerParameters,
    pub(super) local_ids: LocalIds,
    pub(super) peer_ids: PeerIds,
    pub(super) idle: Idle,
    pub(super) rest: Rest,
    pub(super) events: Events,
    pub(super) stats: Counters,
    /// `None`: nothing is recorded.
    pub(super) tracer: Option<Box<Tracer>>,
}

/// What a connection begins with.
pub struct NewConnection {
    /// Which end this is.
    pub side: Side,
    /// Settings.
    pub config: Arc<Config>,
    /// The TLS session, fresh.
    pub session: Session,
    /// The suite of Initial packets.
    pub initial_suite: &'static CipherSuite,
    /// What is spoken.
    pub version: Version,
    /// A client: a Version Negotiation packet has named that version.
    pub follows_negotiation: bool,
    /// A client: what its Initial packets carry, from an earlier connection to the server; empty if there is nothing.
    pub token: Vec<u8>,
    /// What the client's very first Initial is sent to.
    pub original_destination: ConnectionId,
    /// The source of the Retry that a client has answered; `None` if there was none.
    pub retry_source: Option<ConnectionId>,
    /// Our own first connection ID.
    pub local_id: ConnectionId,
    /// The ID that a server gives with its preferred address, and its token; `None` if it prefers none.
    pub preferred_id: Option<(ConnectionId, ResetToken)>,
    /// The peer's first connection ID: what it chose (server), or `original_destination` (client).
    pub peer_id: ConnectionId,
    /// The path.
    pub four_tuple: FourTuple,
    /// Whether the peer is known to receive what is sent to its address (RFC 9000 section 8.1): a client has chosen its
    /// server's, and a client may have shown its own with a token.
    pub is_validated: bool,
    /// What the connections of its endpoint may hold to send.
    pub send_memory: SendMemory,
    /// What it may allow its peer of what they all share: what the transport parameters were made of.
    pub receive_share: ReceiveShare,
}

impl Connection {
    /// A connection at its beginning.
    pub fn new(now: Instant, new: NewConnection) -> Connection {
        let NewConnection { side, config, session, original_destination, local_id, peer_id, four_tuple, .. } = new;
        let beginning = Beginning {
            follows_negotiation: new.follows_negotiation,
            retry_source: new.retry_source,
            token: new.token.into(),
            ..Beginning::new(new.version, original_destination)
        };
        let wire = WireIdentity {
            side,
            version: new.version,
            greases_quic_bit: false,
            local_source: local_id,
            peer_source: (side == Side::Server).then_some(peer_id),
            beginning: Some(Box::new(beginning)),
        };
        let (mut levels, mut spaces) = (Levels::default(), Spaces::default());
        let (seal, open) = wire.initial_keys(new.initial_suite);
        levels.install(PacketKind::Initial, Some(seal), Some(open));
        levels.lower_integrity_limit(config.max_forged_packets);
        spaces.begin(PacketNumberSpace::Initial);
        let mtu = MtuDiscovery::new(usize::from(config.max_udp_payload_size));
        let mut path = Path::first(four_tuple, local_id, new.is_validated, mtu);
        path.spin = Spin::new(config.spin_bit, local_id);
        let tracer = config.trace.map(|limits| Box::new(Tracer::new(side, original_destination, limits)));
        let mut connection = Connection {
            lifecycle: Lifecycle::Handshaking { give_up: now + config.handshake_timeout },
            handshake: Handshake::new(session),
            levels,
            spaces,
            recovery: Recovery::new(side, config.clone()),
            streams: Streams::new(side, config.clone(), new.send_memory, new.receive_share),
            datagrams: None,
            paths: Paths::new(path),
            peer: PeerParameters::default(),
            local_ids: LocalIds::new(local_id),
            peer_ids: PeerIds::new(peer_id, config.peer_id_limit()),
            idle: Idle::new(config.max_idle_timeout, config.keep_alive),
            rest: Rest::default(),
            events: Events::default(),
            stats: Counters::default(),
            tracer,
            wire,
            config,
        };
        if let Some((id, token)) = new.preferred_id {
            connection.local_ids.issue_preferred(id, token);
        }
        connection.trace(now, Record::Started { four_tuple, version: new.version });
        connection.trace_keys(now, PacketKind::Initial, 0, true);
        connection
    }

    /// Whether the endpoint may forget the connection: its time is over and the application has been told why.
    pub fn is_over(&self) -> bool {
        self.lifecycle == Lifecycle::Drained && self.events.is_empty()
    }

    /// RFC 9001 section 4.1.1: the handshake is complete on this side, and the connection open.
    pub(super) fn is_established(&self) -> bool {
        matches!(self.lifecycle, Lifecycle::Established)
    }

    /// RFC 9001 section 4.1.2: the keys of the handshake are gone.
    pub(super) fn is_confirmed(&self) -> bool {
        self.is_established() && self.levels.is_discarded(PacketKind::Handshake)
    }

    /// The records of the connection, if it is traced.
    pub(crate) fn tracer(&mut self) -> Option<&mut Tracer> {
        self.tracer.as_deref_mut()
    }

    /// The same when the connection is over.
    pub(crate) fn into_tracer(self) -> Option<Box<Tracer>> {
        self.tracer
    }

    /// The records of an attempt before this one go on with it.
    pub(crate) fn take_over_trace(&mut self, now: Instant, before: &mut Connection) {
        if let Some(tracer) = before.tracer.take() {
            self.tracer = Some(tracer);
            self.trace(now, Record::VersionChosen { version: self.wire.version });
        }
    }

    /// The transport parameters that this side sends, if the connection is traced.
    pub(crate) fn trace_own_parameters(&mut self, now: Instant, parameters: Option<&[u8]>) {
        if let (Some(tracer), Some(parameters)) = (&mut self.tracer, parameters) {
            tracer.record(now, Record::ParametersSet { of: self.wire.side }, parameters);
        }
    }

    /// Whether records are kept.
    #[inline]
    pub const fn is_traced(&self) -> bool {
        self.tracer.is_some()
    }

    /// Keeps a record of the layer above about a stream, in its own form.
    pub fn trace_above(&mut self, id: StreamId, content: &[u8]) {
        if let Some(tracer) = &mut self.tracer {
            tracer.record_call(Record::Above { id }, content);
        }
    }

    /// Keeps a record, if the connection is traced.
    #[inline]
    pub(super) fn trace(&mut self, now: Instant, record: Record) {
        if let Some(tracer) = &mut self.tracer {
            tracer.record(now, record, &[]);
        }
    }

    /// Keys of both sides came into use, or are gone.
    fn trace_keys(&mut self, now: Instant, kind: PacketKind, phase: u64, installed: bool) {
        for of in [self.wire.side, self.wire.side.peer()] {
            let key = Key { packet_type: PacketType::of(kind), of, phase };
            self.trace(now, if installed { Record::KeyInstalled(key) } else { Record::KeyDiscarded(key) });
        }
    }

    pub(super) fn install_keys(&mut self, now: Instant, kind: PacketKind, seal: SealKeys, open: OpenKeys) {
        self.levels.install(kind, Some(seal), Some(open));
        self.spaces.begin(kind.space());
        self.trace_keys(now, kind, 0, true);
    }

    /// RFC 9001 section 4.9: the keys of Initial or Handshake packets are of no use any more, and their space with them.
    pub(super) fn discard_keys(&mut self, now: Instant, kind: PacketKind) {
        let space = kind.space();
        if self.levels.discard(kind) {
            self.spaces.discard(space);
            self.recovery.discard_space(now, space);
            self.handshake.discard(space);
            self.trace_keys(now, kind, 0, false);
        }
    }

    /// The peer broke the protocol.
    /// RFC 9000 section 10.3-2, 11.1-1.
    pub(super) fn on_violation(&mut self, now: Instant, violation: Violation, frame_type: u64) {
        let reason = CloseReason::Violation { violation, frame_type };
        self.close_with(now, CloseFrame::of(violation, frame_type), reason);
    }

    /// This side closes: from now on only `frame` is sent.
    pub(super) fn close_with(&mut self, now: Instant, frame: CloseFrame, reason: CloseReason) {
        if !self.lifecycle.is_open() {
            return;
        }
        let until = Lifecycle::close_end(now, self.recovery.pto(PacketNumberSpace::ApplicationData));
        self.end(now, Lifecycle::Closing(Box::new(Closing::new(frame, until))), reason);
    }

    /// The peer has closed, or is known to be gone.
    pub(super) fn drain(&mut self, now: Instant, reason: CloseReason) {
        if self.lifecycle.is_open() {
            let until = Lifecycle::close_end(now, self.recovery.pto(PacketNumberSpace::ApplicationData));
            self.end(now, Lifecycle::Draining { until }, reason);
        }
    }

    /// RFC 9000 section 10.2.2: the peer closes while we do, so nothing more need be said.
    pub(super) fn on_closed_by_both(&mut self, now: Instant) {
        if let Lifecycle::Closing(closing) = &self.lifecycle {
            self.lifecycle = Lifecycle::Draining { until: closing.until };
            self.trace(now, Record::Stage(Stage::Draining));
        }
    }

    /// The connection ends without a word on the wire.
    pub(super) fn end_silently(&mut self, now: Instant, reason: CloseReason) {
        self.end(now, Lifecycle::Drained, reason);
    }

    fn end(&mut self, now: Instant, lifecycle: Lifecycle, reason: CloseReason) {
        let stage = match lifecycle {
            Lifecycle::Closing(_) => Stage::Closing,
            Lifecycle::Draining { .. } => Stage::Draining,
            Lifecycle::Drained => Stage::Drained,
            Lifecycle::Handshaking { .. } | Lifecycle::Established => unreachable!("these are no ends"),
        };
        if let Some(tracer) = &mut self.tracer {
            let words = reason.to_string();
            tracer.record(now, Record::Closed(cause(&reason, self.wire.side)), words.as_bytes());
            tracer.record(now, Record::Stage(stage), &[]);
        }
        if let Some(datagrams) = &mut self.datagrams {
            datagrams.end();
        }
        self.lifecycle = lifecycle;
        self.events.close(reason);
    }
}

/// Why a connection is over, for its trace.
fn cause(reason: &CloseReason, side: Side) -> Cause {
    match reason {
        CloseReason::Local { code } => Cause::Application { by: side, code: *code },
        CloseReason::PeerApplication { code, .. } => Cause::Application { by: side.peer(), code: *code },
        CloseReason::PeerTransport { code, .. } => Cause::Transport { by: side.peer(), code: *code },
        CloseReason::Violation { violation, .. } => Cause::Transport { by: side, code: violation.code() },
        CloseReason::Tls(error) => {
            let code = TransportErrorCode(tls::quic::error_code(error));
            Cause::Transport { by: side, code }
        }
        CloseReason::IdleTimeout(_) | CloseReason::HandshakeTimeout(_) => Cause::Timeout,
        CloseReason::Unanswered(_) => Cause::Transport { by: side, code: TransportErrorCode::NO_VIABLE_PATH },
        CloseReason::PacketNumbersExhausted => Cause::PacketNumbersExhausted,
        CloseReason::StatelessReset => Cause::StatelessReset,
        CloseReason::VersionNegotiation { .. } => Cause::VersionMismatch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every connection that is open takes so much, whatever it does (docs/performance.md). What few of them need, and what all
    /// need for a moment only, is kept elsewhere, and only while it is needed.
    #[test]
    fn a_connection_at_rest_is_small() {
        let size = size_of::<Connection>();
        assert!(size <= MOST || usize::BITS != 64, "a connection takes {size} bytes instead of {MOST}");
    }

    const MOST: usize = 2_816;
}
