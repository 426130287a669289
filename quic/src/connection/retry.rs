//! Retry (RFC 9000 sections 8.1.2 and 17.2.5): a server that wants to see the client's address proved first answers the first
//! Initial with a token and another connection ID, and forgets the client. The client begins again with both: Initial keys
//! are made anew, the same ClientHello is sent again, packet numbers go on.
//!
//! The token is bound to the client's address and to a time. Where a translator gives the client another port before it has shown
//! the token, or the packets with it are late, the server refuses the connection with INVALID_TOKEN (section 8.1.2), and the
//! client can only begin anew. It does so once, in the same way as after a Retry: to an ID that nobody has seen, without a token, and
//! in what is left of the time for the handshake. The layers above hear nothing of it, and early data goes again. The server
//! has read nothing of the ClientHello, so the same one serves. Whoever can forge the refusal could end the connection by it.

use super::state::Connection;
use crate::discard::Discard;
use crate::error::CloseReason;
use crate::lifecycle::Lifecycle;
use crate::protection::retry_integrity;
use crate::turn::Turn;
use crate::violation::TransportErrorCode;
use crate::wire::connection_id::ConnectionId;
use crate::wire::frame::PacketKind;
use crate::wire::packet_number::PacketNumberSpace;
use crate::wire::version::Version;
use alloc::string::String;
use base::Side;
use core::ops::Range;
use crypto::CipherSuite;

/// The longest token that is repeated. An Initial packet with it and the longest connection IDs still has room for some
/// hundred bytes of the ClientHello in a datagram of 1200. Servers need about a tenth of it.
const MAX_TOKEN: usize = 1000;

const LIES_IN_PACKET: &str = "what a header names lies in its packet";

/// The header of a Retry packet; ranges count from the packet's first byte.
pub(super) struct Retry {
    pub(super) version: Version,
    pub(super) destination: ConnectionId,
    pub(super) source: ConnectionId,
    pub(super) token: Range<usize>,
    pub(super) integrity_tag: usize,
}

impl Connection {
    /// A Retry, which is all of `packet`. What is not an answer to our first Initial changes nothing.
    /// RFC 9000 section 17.2.5-1.
    pub(super) fn on_retry(&mut self, turn: &mut Turn<'_>, retry: Retry, packet: &[u8]) -> Result<(), Discard> {
        let Retry { version, destination, source, token, integrity_tag } = retry;
        let is_waiting = self.wire.side == Side::Client
            && matches!(self.lifecycle, Lifecycle::Handshaking { .. })
            // RFC 9000 section 17.2.5.2-1, 17.2.5.2-2: one Retry at the most, and none after a packet of the server.
            && self.wire.retry_source().is_none()
            && self.wire.peer_source.is_none();
        // RFC 9369 section 4.1-1, 4.1-2: of the first version, as what is sent in answer.
        if !is_waiting || version != self.wire.version {
            return Err(Discard::UnexpectedRetry);
        }
        // RFC 9000 section 17.2.5.1-2: a server that names the same ID again has changed nothing.
        if destination != self.wire.local_source || source == self.wire.client_destination() {
            return Err(Discard::WrongConnectionId);
        }
        let suite = self.levels.seal(PacketKind::Initial).map(|keys| keys.suite());
        let suite = suite.expect("Initial keys are there until the server has answered");
        let (signed, tag) = packet.split_at_checked(integrity_tag).expect(LIES_IN_PACKET);
        let original = self.wire.original_destination();
        // RFC 9000 section 17.2.5.2-3.
        if !retry_integrity::is_valid(suite, version, original, signed, tag) {
            return Err(Discard::RetryIntegrity);
        }
        let token = packet.get(token).expect(LIES_IN_PACKET);
        if token.len() > MAX_TOKEN {
            return Err(Discard::RetryTokenTooLong);
        }
        // RFC 9000 section 8.1.2-1, 8.1.3-12, 17.2.5.1-3, 17.2.5.2-5: from the next Initial on.
        self.wire.on_retry(source, token);
        self.idle.on_received(turn.now);
        self.begin_again_at(turn, source, suite);
        Ok(())
    }

    /// CONNECTION_CLOSE with INVALID_TOKEN, in a packet of `space`. True if this client begins anew, as soon as the packet is read:
    /// the server has said nothing else.
    pub(super) fn on_token_refused(&mut self, space: PacketNumberSpace) -> bool {
        space == PacketNumberSpace::Initial && self.has_heard_nothing() && self.wire.on_token_refused()
    }

    /// Whether this is a client to whose ClientHello no answer has come.
    fn has_heard_nothing(&self) -> bool {
        self.wire.side == Side::Client
            && matches!(self.lifecycle, Lifecycle::Handshaking { .. })
            && self.wire.version == self.wire.first_flight()
            && !self.handshake.has_received_initial()
    }

    /// The packet is read in which the server refuses the token.
    #[cold]
    pub(super) fn begin_without_token(&mut self, turn: &mut Turn<'_>) {
        let has_heard_nothing = self.has_heard_nothing();
        let Some(keys) = self.levels.seal(PacketKind::Initial).filter(|_| has_heard_nothing) else {
            // A server that answers the ClientHello as well has not meant it so.
            let reason = CloseReason::PeerTransport {
                code: TransportErrorCode::INVALID_TOKEN,
                frame_type: 0,
                reason: String::new(),
            };
            return self.drain(turn.now, reason);
        };
        let suite = keys.suite();
        // RFC 9000 section 7.2-1.
        let destination =
            ConnectionId::new(&base::random::array::<8>(turn.random)).expect("an ID may have eight bytes");
        self.wire.begin_without_token(destination);
        // The server begins with its numbers as well.
        self.spaces.begin_again(PacketNumberSpace::Initial);
        self.begin_again_at(turn, destination, suite);
    }

    /// Initial packets go to another ID from now on, by which their keys are made.
    fn begin_again_at(&mut self, turn: &mut Turn<'_>, destination: ConnectionId, suite: &'static CipherSuite) {
        self.peer_ids.replace_handshake_id(destination);
        let (seal, open) = self.wire.initial_keys(suite);
        // Those of another version are made of the ID before.
        self.levels.forget_other_initial();
        self.install_keys(turn.now, PacketKind::Initial, seal, open);
        self.begin_again(turn);
    }

    /// RFC 9002 section 6.3: nothing that was sent before will be acknowledged, which says nothing about the path. The same
    /// ClientHello goes out again (RFC 9000 section 17.2.5.3-1, 17.2.5.3-4), and so does early data, to the new ID.
    /// RFC 9000 section 17.2.3-1, 17.2.5.3-3.
    fn begin_again(&mut self, turn: &mut Turn<'_>) {
        for space in [PacketNumberSpace::Initial, PacketNumberSpace::ApplicationData] {
            turn.scratch.outcome.clear();
            self.recovery.abandon(space, &mut turn.scratch.outcome);
            self.recovered(turn, space);
        }
    }
}
