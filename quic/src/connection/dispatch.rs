//! Frame -> the component that owns it: one arm, one call.

use super::paths::Receipt;
use super::state::Connection;
use crate::error::{CloseReason, printable_reason};
use crate::handshake::HandshakeError;
use crate::lifecycle::CloseFrame;
use crate::turn::Turn;
use crate::violation::{TransportErrorCode, Violation};
use crate::wire::frame::{AckFrame, Frame, StreamFrame};
use crate::wire::packet_number::PacketNumberSpace;
use base::{Duration, Instant, Side};

impl Connection {
    /// One frame of a packet in `space`, which may hold it, and which arrived like this.
    pub(super) fn dispatch(
        &mut self,
        turn: &mut Turn<'_>,
        space: PacketNumberSpace,
        receipt: Receipt<'_>,
        frame: &Frame<'_>,
    ) -> Result<(), Violation> {
        match *frame {
            Frame::Ping => {
                self.on_handshake_probe(turn.now, space);
                Ok(())
            }
            Frame::Ack(ref ack) => self.on_ack(turn, space, ack),
            Frame::Stream(ref stream) => self.on_stream(turn, stream),
            Frame::Crypto { offset, data } => self.on_crypto(turn, space, offset, data),
            Frame::ResetStream { id, error_code, final_size } => {
                self.streams.on_reset_stream(id, error_code, final_size)
            }
            Frame::Datagram(ref datagram) => self.on_datagram(turn, datagram),
            Frame::ResetStreamAt { .. } => self.on_reset_stream_at(frame),
            Frame::AckFrequency(ref request) => self.on_ack_frequency(request),
            Frame::ImmediateAck => self.on_immediate_ack(),
            Frame::StopSending { id, error_code } => self.streams.on_stop_sending(id, error_code),
            Frame::MaxData { maximum } => {
                self.streams.on_max_data(maximum);
                Ok(())
            }
            Frame::MaxStreamData { id, maximum } => self.streams.on_max_stream_data(id, maximum),
            Frame::MaxStreams { direction, maximum } => {
                self.streams.on_max_streams(direction, maximum);
                Ok(())
            }
            // RFC 9000 section 4.2-2, 4.6-6: they say why the peer waits; our windows open as the application reads, so there
            // is nothing to do.
            Frame::DataBlocked { .. } | Frame::StreamsBlocked { .. } | Frame::Padding { .. } => Ok(()),
            Frame::StreamDataBlocked { id, limit } => self.streams.on_stream_data_blocked(id, limit),
            Frame::NewConnectionId { sequence_number, retire_prior_to, connection_id, reset_token } => {
                self.on_new_connection_id(turn.now, sequence_number, retire_prior_to, connection_id, reset_token)
            }
            Frame::RetireConnectionId { sequence_number } => {
                // Our IDs are not kept in a table of routes, so a retired one needs no further care.
                self.local_ids.on_retire(sequence_number, receipt.destination()).map(|_retired| ())
            }
            Frame::PathChallenge { data } => {
                self.on_path_challenge(turn.now, receipt, data);
                Ok(())
            }
            Frame::PathResponse { data } => {
                self.on_path_response(turn.now, data);
                Ok(())
            }
            Frame::NewToken { token } => self.on_new_token(token),
            Frame::HandshakeDone => self.on_handshake_done(turn.now),
            Frame::ConnectionClose { error_code, frame_type, reason } => {
                let code = TransportErrorCode(error_code.value());
                if code == TransportErrorCode::INVALID_TOKEN && self.on_token_refused(space) {
                    return Ok(());
                }
                let reason = printable_reason(reason);
                self.drain(turn.now, CloseReason::PeerTransport { code, frame_type, reason });
                Ok(())
            }
            Frame::ApplicationClose { error_code, reason } => {
                let reason = printable_reason(reason);
                self.drain(turn.now, CloseReason::PeerApplication { code: error_code, reason });
                Ok(())
            }
        }
    }

    /// RFC 9000 section 19.7-4: servers alone send tokens.
    fn on_new_token(&mut self, token: &[u8]) -> Result<(), Violation> {
        if self.wire.side == Side::Server {
            return Err(Violation::NewTokenByClient);
        }
        self.handshake.announcements.on_token(token);
        Ok(())
    }

    /// RFC 9000 section 19.20-2: servers alone tell that the handshake is done.
    fn on_handshake_done(&mut self, now: Instant) -> Result<(), Violation> {
        if self.wire.side == Side::Server {
            return Err(Violation::HandshakeDoneByClient);
        }
        self.on_confirmed(now);
        Ok(())
    }

    /// RESET_STREAM_AT: where this side did not say that it knows the frame, it is like any other unknown one.
    fn on_reset_stream_at(&mut self, frame: &Frame<'_>) -> Result<(), Violation> {
        match *frame {
            Frame::ResetStreamAt { id, error_code, final_size, reliable_size } if self.config.reset_stream_at => {
                self.streams.on_reset_stream_at(id, error_code, final_size, reliable_size)
            }
            _ => Err(Violation::UnknownFrameType),
        }
    }

    /// One STREAM frame of a 1-RTT packet.
    #[inline]
    pub(super) fn on_stream(&mut self, turn: &mut Turn<'_>, stream: &StreamFrame<'_>) -> Result<(), Violation> {
        self.streams.on_stream(turn.now, stream, self.recovery.rtt().smoothed(), &mut turn.scratch.chunks)
    }

    fn on_ack(&mut self, turn: &mut Turn<'_>, space: PacketNumberSpace, ack: &AckFrame<'_>) -> Result<(), Violation> {
        // An ACK of a space that is gone (the frame before it may have ended the handshake) has nothing to say.
        let Some(state) = self.spaces.get_mut(space) else { return Ok(()) };
        let delay = match space {
            // RFC 9000 s13.2.1: Initial and Handshake packets are acknowledged at once, so there is no delay to honour.
            PacketNumberSpace::Initial | PacketNumberSpace::Handshake => Duration::ZERO,
            PacketNumberSpace::ApplicationData => self.peer.ack_delay(ack.ack_delay),
        };
        let outcome = &mut turn.scratch.outcome;
        outcome.clear();
        self.recovery.on_ack(turn.now, space, ack, delay, outcome)?;
        state.on_acknowledged(ack.largest);
        if self.wire.side == Side::Client && space == PacketNumberSpace::Handshake {
            // RFC 9002 s6.2.2.1: the server has our Handshake packet, so it has validated our address.
            self.recovery.set_peer_completed_address_validation();
        }
        self.recovered(turn, space);
        Ok(())
    }

    fn on_crypto(
        &mut self,
        turn: &mut Turn<'_>,
        space: PacketNumberSpace,
        offset: u64,
        data: &[u8],
    ) -> Result<(), Violation> {
        if self.spaces.get(space).is_none() {
            // The frame before it has ended the space: what follows is a repetition, and its stream is gone.
            return Ok(());
        }
        match self.handshake.on_crypto(space, offset, data, turn.random) {
            Ok(true) => self.advance_handshake(turn),
            Ok(false) => {
                self.on_handshake_probe(turn.now, space);
                Ok(())
            }
            Err(HandshakeError::Violation(violation)) => Err(violation),
            Err(HandshakeError::Tls(error)) => {
                // RFC 9001 section 4.8-1: an alert becomes a code of its own range.
                let code = TransportErrorCode(tls::quic::error_code(&error));
                let frame = CloseFrame::Transport { code, frame_type: 0x06, reason: "the TLS handshake failed" };
                // Keys that came before the failure let the peer read why.
                let keys = self.advance_handshake(turn);
                self.close_with(turn.now, frame, CloseReason::Tls(error));
                keys
            }
        }
    }
}
