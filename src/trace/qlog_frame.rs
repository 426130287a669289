//! Frames as qlog writes them (draft-ietf-quic-qlog-quic-events section 8.13).

use super::qlog_error::transport_error;
use base::{Direction, VarInt};
use json::ObjectWriter;
use quic::TransportErrorCode;
use quic::wire::frame::{AckFrame, AckFrequencyFrame, DatagramFrame, Frame, StreamFrame};

/// The fields of one frame.
pub(super) fn push_frame(object: &mut ObjectWriter<'_>, frame: &Frame<'_>) {
    object.string("frame_type", name(frame));
    match *frame {
        Frame::Padding { bytes } => push_length(object, "payload_length", bytes),
        Frame::Ping | Frame::HandshakeDone | Frame::ImmediateAck => {}
        Frame::Ack(ref ack) => push_ack(object, ack),
        Frame::ResetStream { id, error_code, final_size } => {
            object.number("stream_id", id.value());
            push_application_error(object, error_code);
            object.number("final_size", final_size);
        }
        Frame::ResetStreamAt { id, error_code, final_size, reliable_size } => {
            object.number("stream_id", id.value());
            push_application_error(object, error_code);
            object.number("final_size", final_size);
            object.number("reliable_size", reliable_size);
        }
        Frame::AckFrequency(ref request) => push_ack_frequency(object, request),
        Frame::Datagram(DatagramFrame { data, .. }) => push_length(object, "length", data.len()),
        Frame::StopSending { id, error_code } => {
            object.number("stream_id", id.value());
            push_application_error(object, error_code);
        }
        Frame::Crypto { offset, data } => {
            object.number("offset", offset);
            push_length(object, "length", data.len());
        }
        Frame::NewToken { token } => object.object("token", |field| push_length(field, "length", token.len())),
        Frame::Stream(ref stream) => push_stream(object, stream),
        Frame::MaxData { maximum } => object.number("maximum", maximum),
        Frame::MaxStreamData { id, maximum } => {
            object.number("stream_id", id.value());
            object.number("maximum", maximum);
        }
        Frame::MaxStreams { direction, maximum } => {
            object.string("stream_type", stream_type(direction));
            object.number("maximum", maximum);
        }
        Frame::DataBlocked { limit } => object.number("limit", limit),
        Frame::StreamDataBlocked { id, limit } => {
            object.number("stream_id", id.value());
            object.number("limit", limit);
        }
        Frame::StreamsBlocked { direction, limit } => {
            object.string("stream_type", stream_type(direction));
            object.number("limit", limit);
        }
        Frame::NewConnectionId { sequence_number, retire_prior_to, connection_id, .. } => {
            object.number("sequence_number", sequence_number);
            object.number("retire_prior_to", retire_prior_to);
            object.number("connection_id_length", connection_id.len());
            object.string("connection_id", connection_id);
        }
        Frame::RetireConnectionId { sequence_number } => object.number("sequence_number", sequence_number),
        Frame::PathChallenge { data } | Frame::PathResponse { data } => object.bytes("data", &data),
        Frame::ConnectionClose { error_code, frame_type, reason } => {
            object.string("error_space", "transport");
            object.string("error", transport_error(TransportErrorCode(error_code.value())));
            object.number("error_code", error_code.value());
            object.number("trigger_frame_type", frame_type);
            object.string("reason", reason.escape_ascii());
        }
        Frame::ApplicationClose { error_code, reason } => {
            object.string("error_space", "application");
            push_application_error(object, error_code);
            object.string("reason", reason.escape_ascii());
        }
    }
}

const fn name(frame: &Frame<'_>) -> &'static str {
    match frame {
        Frame::Padding { .. } => "padding",
        Frame::Ping => "ping",
        Frame::Ack(_) => "ack",
        Frame::ResetStream { .. } => "reset_stream",
        Frame::StopSending { .. } => "stop_sending",
        Frame::Crypto { .. } => "crypto",
        Frame::NewToken { .. } => "new_token",
        Frame::Stream(_) => "stream",
        Frame::MaxData { .. } => "max_data",
        Frame::MaxStreamData { .. } => "max_stream_data",
        Frame::MaxStreams { .. } => "max_streams",
        Frame::DataBlocked { .. } => "data_blocked",
        Frame::StreamDataBlocked { .. } => "stream_data_blocked",
        Frame::StreamsBlocked { .. } => "streams_blocked",
        Frame::NewConnectionId { .. } => "new_connection_id",
        Frame::RetireConnectionId { .. } => "retire_connection_id",
        Frame::PathChallenge { .. } => "path_challenge",
        Frame::PathResponse { .. } => "path_response",
        Frame::ConnectionClose { .. } | Frame::ApplicationClose { .. } => "connection_close",
        Frame::HandshakeDone => "handshake_done",
        Frame::ResetStreamAt { .. } => "reset_stream_at",
        Frame::Datagram(_) => "datagram",
        Frame::AckFrequency(_) => "ack_frequency",
        Frame::ImmediateAck => "immediate_ack",
    }
}

fn push_length(object: &mut ObjectWriter<'_>, name: &str, length: usize) {
    object.object("raw", |raw| raw.number(name, length));
}

/// Section 8.13.25: the names belong to the application's own schema, so the number is what is written here.
fn push_application_error(object: &mut ObjectWriter<'_>, code: VarInt) {
    object.string("error", "unknown");
    object.number("error_code", code.value());
}

fn push_ack_frequency(object: &mut ObjectWriter<'_>, request: &AckFrequencyFrame) {
    object.number("sequence_number", request.sequence_number);
    object.number("ack_eliciting_threshold", request.threshold);
    object.number("request_max_ack_delay", request.max_ack_delay);
    object.number("reordering_threshold", request.reordering_threshold);
}

fn push_ack(object: &mut ObjectWriter<'_>, ack: &AckFrame<'_>) {
    object.array("acked_ranges", |ranges| {
        for range in ack {
            ranges.array(|ends| {
                ends.number(range.start());
                if range.start() != range.end() {
                    ends.number(range.end());
                }
            });
        }
    });
    if let Some(ecn) = ack.ecn {
        object.number("ect1", ecn.ect1);
        object.number("ect0", ecn.ect0);
        object.number("ce", ecn.ce);
    }
}

fn push_stream(object: &mut ObjectWriter<'_>, stream: &StreamFrame<'_>) {
    object.number("stream_id", stream.id.value());
    object.number("offset", stream.offset);
    object.truth("fin", stream.fin);
    push_length(object, "length", stream.data.len());
}

/// Section 5.13.
const fn stream_type(direction: Direction) -> &'static str {
    match direction {
        Direction::Bidirectional => "bidirectional",
        Direction::Unidirectional => "unidirectional",
    }
}
