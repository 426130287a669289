//! The components of a connection, and how one begins and ends.

use crate::config::Config;
use crate::connection_ids::local::LocalIds;
use crate::connection_ids::peer::PeerIds;
use crate::error::CloseReason;
use crate::event::Events;
use crate::handshake::Handshake;
use crate::idle::Idle;
use crate::lifecycle::{CloseFrame, Closing, Lifecycle};
use crate::path::mtu::MtuDiscovery;
use crate::path::path::Path;
use crate::path::paths::Paths;
use crate::peer_parameters::PeerParameters;
use crate::protection::Levels;
use crate::protection::keys::{OpenKeys, SealKeys};
use crate::recovery::{Recovery, RecoveryConfig};
use crate::rest::Rest;
use crate::space::Spaces;
use crate::stats::Counters;
use crate::stream::Streams;
use crate::trace::Trace;
use crate::violation::Violation;
use crate::wire::connection_id::ConnectionId;
use crate::wire::frame::PacketKind;
use crate::wire::packet_number::PacketNumberSpace;
use crate::wire::version::Version;
use crate::wire_identity::WireIdentity;
use alloc::boxed::Box;
use alloc::sync::Arc;
use base::{FourTuple, Instant, Side};
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
    pub(super) paths: Paths,
    pub(super) peer: PeerParameters,
    pub(super) local_ids: LocalIds,
    pub(super) peer_ids: PeerIds,
    pub(super) idle: Idle,
    pub(super) rest: Rest,
    pub(super) events: Events,
    pub(super) stats: Counters,
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
    /// What the client's very first Initial is sent to.
    pub original_destination: ConnectionId,
    /// The source of the Retry that a client has answered; `None` if there was none.
    pub retry_source: Option<ConnectionId>,
    /// Our own first connection ID.
    pub local_id: ConnectionId,
    /// The peer's first connection ID: what it chose (server), or `original_destination` (client).
    pub peer_id: ConnectionId,
    /// The path.
    pub four_tuple: FourTuple,
    /// Whether the peer is known to receive what is sent to its address (RFC 9000 section 8.1): a client has chosen its
    /// server's, and a client may have shown its own with a token.
    pub is_validated: bool,
}

impl Connection {
    /// A connection at its beginning.
    pub fn new(now: Instant, new: NewConnection) -> Connection {
        let NewConnection { side, config, session, original_destination, local_id, peer_id, four_tuple, .. } = new;
        let wire = WireIdentity {
            side,
            version: new.version,
            token: Box::default(),
            original_destination,
            local_source: local_id,
            peer_source: (side == Side::Server).then_some(peer_id),
            retry_source: new.retry_source,
        };
        let (mut levels, mut spaces) = (Levels::default(), Spaces::default());
        let (seal, open) = wire.initial_keys(new.initial_suite);
        levels.install(PacketKind::Initial, Some(seal), Some(open));
        spaces.begin(PacketNumberSpace::Initial);
        let mtu = MtuDiscovery::new(usize::from(config.max_udp_payload_size));
        Connection {
            lifecycle: Lifecycle::Handshaking { give_up: now + config.handshake_timeout },
            handshake: Handshake::new(session),
            levels,
            spaces,
            recovery: Recovery::new(RecoveryConfig { side, ..config.recovery }),
            streams: Streams::new(side, config.streams.clone()),
            paths: Paths::new(Path::first(four_tuple, local_id, new.is_validated, mtu)),
            peer: PeerParameters::default(),
            local_ids: LocalIds::new(local_id),
            peer_ids: PeerIds::new(peer_id, config.active_connection_id_limit),
            idle: Idle::new(config.max_idle_timeout, config.keep_alive),
            rest: Rest::default(),
            events: Events::default(),
            stats: Counters::default(),
            wire,
            config,
        }
    }

    /// Whether the endpoint may forget the connection: its time is over and the application has been told why.
    pub fn is_over(&self) -> bool {
        self.lifecycle == Lifecycle::Drained && self.events.is_empty()
    }

    /// Reports `record` to the sink, if there is one.
    pub(super) fn trace(&self, now: Instant, record: Trace) {
        if let Some(sink) = &self.config.trace {
            sink.record(self.wire.original_destination, now, &record);
        }
    }

    pub(super) fn install_keys(&mut self, now: Instant, kind: PacketKind, seal: SealKeys, mut open: OpenKeys) {
        open.lower_integrity_limit(self.config.max_forged_packets);
        self.levels.install(kind, Some(seal), Some(open));
        self.spaces.begin(kind.space());
        self.trace(now, Trace::KeysInstalled(kind.space()));
    }

    /// RFC 9001 section 4.9: the keys of Initial or Handshake packets are of no use any more, and their space with them.
    pub(super) fn discard_keys(&mut self, now: Instant, kind: PacketKind) {
        let space = kind.space();
        if self.levels.discard(kind) {
            self.spaces.discard(space);
            self.recovery.discard_space(space);
            self.handshake.discard(space);
            self.trace(now, Trace::KeysDiscarded(space));
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
        if let Lifecycle::Closing(_) = self.lifecycle {
            let until = self.lifecycle.deadline().unwrap_or(now);
            self.lifecycle = Lifecycle::Draining { until };
        }
    }

    /// The connection ends without a word on the wire.
    pub(super) fn end_silently(&mut self, now: Instant, reason: CloseReason) {
        self.end(now, Lifecycle::Drained, reason);
    }

    fn end(&mut self, now: Instant, lifecycle: Lifecycle, reason: CloseReason) {
        self.lifecycle = lifecycle;
        self.events.close(reason);
        self.trace(now, Trace::Closed);
    }
}
