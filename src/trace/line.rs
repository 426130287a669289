//! Records as lines of text that a person can read: one line for each record.
//!
//! ```text
//!     0.153  client 83c94e0a  sent Initial 0, 1200 bytes: CRYPTO 0..291, PADDING 860
//!    40.982  client 83c94e0a  received Initial 0, 1200 bytes: ACK 0, CRYPTO 0..90
//! ```
//!
//! Time is in milliseconds since the first record, then follow the end that recorded it and the first bytes of the original
//! destination connection ID, which tells connections apart. What a peer wrote is escaped.

use super::credentials::hidden;
use base::{Direction, FourTuple, Side, StreamId};
use h3::trace::{HttpFrame, HttpRecord};
use quic::trace::{Cause, Key, Packet, Record, Stage, Timer, TimerChange, Trace};
use quic::wire::frame::{AckFrame, Frame};
use std::fmt::{self, Display, Formatter};

/// A record as one line, without the newline.
pub(crate) struct Line<'a> {
    pub(crate) trace: Trace<'a>,
    /// When the first record was made.
    pub(crate) zero: base::Instant,
}

impl Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Line { trace, zero } = self;
        let elapsed = trace.at.saturating_duration_since(*zero).as_nanos() / 1000;
        write!(f, "{:>6}.{:03}  {} ", elapsed / 1000, elapsed % 1000, side(trace.side))?;
        trace.group.as_slice().iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("  ")?;
        if trace.left_out > 0 {
            write!(f, "({} records left out) ", trace.left_out)?;
        }
        record(f, trace)
    }
}

const fn side(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

fn record(f: &mut Formatter<'_>, trace: &Trace<'_>) -> fmt::Result {
    match trace.record {
        Record::Started { four_tuple, version } => {
            write!(f, "started {}, version {:#x}", path(four_tuple), version.0)
        }
        Record::VersionChosen { version } => write!(f, "goes on with version {:#x}", version.0),
        Record::Stage(stage) => f.write_str(match stage {
            Stage::HandshakeComplete => "handshake complete",
            Stage::HandshakeConfirmed => "handshake confirmed",
            Stage::Closing => "closing",
            Stage::Draining => "draining",
            Stage::Drained => "drained",
        }),
        Record::Closed(cause) => {
            f.write_str("closed ")?;
            closed(f, cause)?;
            text(f, trace.text())
        }
        Record::ParametersSet { of } => {
            write!(f, "transport parameters of the {}", side(of))?;
            trace.parameters().map_or(Ok(()), |parameters| {
                write!(
                    f,
                    ": data {}, streams {} and {}, idle {:?}, payload {}",
                    parameters.initial_max_data,
                    parameters.initial_max_streams_bidi,
                    parameters.initial_max_streams_uni,
                    parameters.max_idle_timeout,
                    parameters.max_udp_payload_size
                )
            })
        }
        Record::Negotiated { cipher_suite } => {
            write!(f, "cipher suite {cipher_suite:#06x}, protocol")?;
            text(f, trace.text())
        }
        Record::PacketSent(packet) => packet_line(f, "sent", &packet, trace),
        Record::PacketReceived(packet) => packet_line(f, "received", &packet, trace),
        Record::PacketDropped { size, reason } => write!(f, "dropped {size} bytes: {reason}"),
        Record::PacketLost { space, number } => write!(f, "lost {space:?} {}", number.value()),
        Record::Metrics(metrics) => write!(
            f,
            "window {} bytes, {} in flight, RTT {:?} (least {:?}), {} probe timeouts",
            metrics.congestion_window,
            metrics.bytes_in_flight,
            metrics.smoothed_rtt,
            metrics.min_rtt,
            metrics.pto_count
        ),
        Record::CongestionPhase(phase) => f.write_str(phase.name()),
        Record::Timer { timer, change } => timer_line(f, timer, change),
        Record::KeyInstalled(key) => key_line(f, key, "installed"),
        Record::KeyDiscarded(key) => key_line(f, key, "discarded"),
        Record::MtuChanged { from, to } => write!(f, "the path carries {to} bytes instead of {from}"),
        Record::PathChanged(four_tuple) => write!(f, "moved to {}", path(four_tuple)),
        Record::PathValidated(four_tuple) => write!(f, "validated {}", path(four_tuple)),
        Record::StreamOpened { id } => write!(f, "stream {} opened", id.value()),
        Record::StreamDataMoved { id, len, received } => {
            write!(f, "stream {}: {len} bytes {} the application", id.value(), if received { "to" } else { "from" })
        }
        Record::StreamEnded { id, received, code } => {
            write!(f, "stream {}: {} ended", id.value(), if received { "receiving" } else { "sending" })?;
            code.map_or(Ok(()), |code| write!(f, " with code {:#x}", code.value()))
        }
        Record::Above { id } => http_line(f, id, trace.above()),
    }
}

fn path(FourTuple { local, remote }: FourTuple) -> String {
    format!("{local} -> {remote}")
}

const fn kind(direction: Direction) -> &'static str {
    match direction {
        Direction::Bidirectional => "bidirectional",
        Direction::Unidirectional => "unidirectional",
    }
}

fn closed(f: &mut Formatter<'_>, cause: Cause) -> fmt::Result {
    match cause {
        Cause::Application { by, code } => write!(f, "by the {}'s application with code {:#x}", side(by), code.value()),
        Cause::Transport { by, code } => write!(f, "by the {}'s transport with code {:#x}", side(by), code.0),
        Cause::Timeout => f.write_str("by a timeout"),
        Cause::StatelessReset => f.write_str("by a stateless reset"),
        Cause::VersionMismatch => f.write_str("for want of a common version"),
        Cause::PacketNumbersExhausted => f.write_str("because all packet numbers are used"),
    }
}

/// What a peer may have written, in quotation marks.
fn text(f: &mut Formatter<'_>, text: &[u8]) -> fmt::Result {
    if text.is_empty() { Ok(()) } else { write!(f, " \"{}\"", text.escape_ascii()) }
}

fn packet_line(f: &mut Formatter<'_>, verb: &str, packet: &Packet, trace: &Trace<'_>) -> fmt::Result {
    write!(f, "{verb} {}", packet.packet_type.name())?;
    if let Some(number) = packet.number {
        write!(f, " {}", number.value())?;
    }
    write!(f, ", {} bytes", packet.size)?;
    if packet.is_mtu_probe {
        f.write_str(", MTU probe")?;
    }
    for (place, frame) in trace.frames().enumerate() {
        f.write_str(if place == 0 { ": " } else { ", " })?;
        frame_words(f, &frame)?;
    }
    Ok(())
}

fn frame_words(f: &mut Formatter<'_>, frame: &Frame<'_>) -> fmt::Result {
    match *frame {
        Frame::Padding { bytes } => write!(f, "PADDING {bytes}"),
        Frame::Ping => f.write_str("PING"),
        Frame::Ack(ref ack) => ack_words(f, ack),
        Frame::ResetStream { id, error_code, final_size } => {
            write!(f, "RESET_STREAM {} at {final_size} code {:#x}", id.value(), error_code.value())
        }
        Frame::StopSending { id, error_code } => {
            write!(f, "STOP_SENDING {} code {:#x}", id.value(), error_code.value())
        }
        Frame::Crypto { offset, data } => write!(f, "CRYPTO {offset}..{}", offset + data.len() as u64),
        Frame::NewToken { token } => write!(f, "NEW_TOKEN of {} bytes", token.len()),
        Frame::Stream(ref stream) => {
            let end = stream.offset + stream.data.len() as u64;
            let fin = if stream.fin { " FIN" } else { "" };
            write!(f, "STREAM {} {}..{end}{fin}", stream.id.value(), stream.offset)
        }
        Frame::MaxData { maximum } => write!(f, "MAX_DATA {maximum}"),
        Frame::MaxStreamData { id, maximum } => write!(f, "MAX_STREAM_DATA {} {maximum}", id.value()),
        Frame::MaxStreams { direction, maximum } => write!(f, "MAX_STREAMS {} {maximum}", kind(direction)),
        Frame::DataBlocked { limit } => write!(f, "DATA_BLOCKED at {limit}"),
        Frame::StreamDataBlocked { id, limit } => write!(f, "STREAM_DATA_BLOCKED {} at {limit}", id.value()),
        Frame::StreamsBlocked { direction, limit } => write!(f, "STREAMS_BLOCKED {} at {limit}", kind(direction)),
        Frame::NewConnectionId { sequence_number, connection_id, .. } => {
            write!(f, "NEW_CONNECTION_ID {sequence_number} {connection_id}")
        }
        Frame::RetireConnectionId { sequence_number } => write!(f, "RETIRE_CONNECTION_ID {sequence_number}"),
        Frame::PathChallenge { .. } => f.write_str("PATH_CHALLENGE"),
        Frame::PathResponse { .. } => f.write_str("PATH_RESPONSE"),
        Frame::ConnectionClose { error_code, reason, .. } => {
            write!(f, "CONNECTION_CLOSE of the transport, code {:#x}", error_code.value())?;
            text(f, reason)
        }
        Frame::ApplicationClose { error_code, reason } => {
            write!(f, "CONNECTION_CLOSE of the application, code {:#x}", error_code.value())?;
            text(f, reason)
        }
        Frame::HandshakeDone => f.write_str("HANDSHAKE_DONE"),
        Frame::ResetStreamAt { id, error_code, final_size, reliable_size } => {
            let (id, code) = (id.value(), error_code.value());
            write!(f, "RESET_STREAM_AT {id} at {final_size}, reliable up to {reliable_size}, code {code:#x}")
        }
        Frame::AckFrequency(request) => {
            let (threshold, delay) = (request.threshold, request.max_ack_delay);
            write!(f, "ACK_FREQUENCY {}: more than {threshold} packets or ", request.sequence_number)?;
            write!(f, "{delay} us, disorder of {}", request.reordering_threshold)
        }
        Frame::ImmediateAck => f.write_str("IMMEDIATE_ACK"),
        Frame::Datagram(datagram) => write!(f, "DATAGRAM of {} bytes", datagram.data.len()),
    }
}

/// What HTTP/3 did with a stream.
fn http_line(f: &mut Formatter<'_>, id: StreamId, record: &[u8]) -> fmt::Result {
    let Ok(HttpRecord { sent, frame }) = HttpRecord::decode(record) else {
        return write!(f, "stream {}: a record of {} bytes", id.value(), record.len());
    };
    write!(f, "HTTP/3 {} on stream {}: ", if sent { "sent" } else { "received" }, id.value())?;
    match frame {
        HttpFrame::Headers(lines) => {
            f.write_str("HEADERS")?;
            lines
                .map(hidden)
                .try_for_each(|(name, value)| write!(f, " {}: {};", name.escape_ascii(), value.escape_ascii()))
        }
        HttpFrame::Data(len) => write!(f, "DATA of {len} bytes"),
        HttpFrame::Settings => f.write_str("SETTINGS"),
        HttpFrame::GoAway(id) => write!(f, "GOAWAY {id}"),
    }
}

/// The most ranges of an ACK frame in a line.
const MAX_RANGES: usize = 8;

fn ack_words(f: &mut Formatter<'_>, ack: &AckFrame<'_>) -> fmt::Result {
    f.write_str("ACK")?;
    for range in ack.iter().take(MAX_RANGES) {
        let (first, last) = range.into_inner();
        if first == last { write!(f, " {last}")? } else { write!(f, " {first}-{last}")? }
    }
    let more = ack.iter().count().saturating_sub(MAX_RANGES);
    if more > 0 { write!(f, " and {more} more ranges") } else { Ok(()) }
}

fn timer_line(f: &mut Formatter<'_>, timer: Timer, change: TimerChange) -> fmt::Result {
    match timer {
        Timer::Loss(space) => write!(f, "loss timer of {space:?}")?,
        Timer::Probe(space) => write!(f, "probe timer of {space:?}")?,
        Timer::Idle => f.write_str("idle timer")?,
        Timer::Handshake => f.write_str("handshake timer")?,
        Timer::PathValidation => f.write_str("path validation timer")?,
    }
    match change {
        TimerChange::Set(after) => write!(f, " set to {after:?}"),
        TimerChange::Expired => f.write_str(" expired"),
        TimerChange::Cancelled => f.write_str(" cancelled"),
    }
}

fn key_line(f: &mut Formatter<'_>, key: Key, verb: &str) -> fmt::Result {
    write!(f, "{} keys ", key.packet_type.name())?;
    if key.phase > 0 {
        write!(f, "of phase {} ", key.phase)?;
    }
    write!(f, "of the {} {verb}", side(key.of))
}
