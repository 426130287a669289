//! Records as qlog events (draft-ietf-quic-qlog-main-schema, -quic-events): JSON text sequences (RFC 7464), one file for each
//! connection and side, which Wireshark's companions such as qvis read.
//!
//! Only headers, lengths and control information are written: no content, no handshake bytes, no tokens, no keys, and no values
//! of fields that carry credentials.

use super::credentials::hidden;
use super::qlog_error::transport_error;
use super::qlog_frame::push_frame;
use base::{Ecn, FourTuple, Instant, Side, StreamId};
use h3::trace::{HttpFrame, HttpRecord};
use json::ObjectWriter;
use quic::Discard;
use quic::trace::{Cause, CongestionPhase, Key, Metrics, Packet, PacketType, Record, Stage, Timer, TimerChange, Trace};
use quic::wire::connection_id::ConnectionId;
use quic::wire::packet_number::PacketNumberSpace;
use quic::wire::transport_parameters::TransportParameters;
use std::net::SocketAddr;

/// RFC 7464 section 2.2: what comes before each text of a sequence. A newline comes after it.
const RECORD_SEPARATOR: char = '\u{1e}';

/// The schemas of the events. The numbers are the drafts' (section 2.1 of each).
const SCHEMAS: [&str; 3] = [
    "urn:ietf:params:qlog:events:quic-12",
    "urn:ietf:params:qlog:events:http3-12",
    "urn:ietf:params:qlog:events:loglevel-13",
];

/// The first text of a file: what the events after it have in common. `wall_clock` is the time of day, as RFC 3339 writes it.
pub(crate) fn header(side: Side, group: ConnectionId, wall_clock: &str) -> String {
    let mut text = String::from(RECORD_SEPARATOR);
    let mut file = ObjectWriter::begin(&mut text);
    file.string("file_schema", "urn:ietf:params:qlog:file:sequential");
    file.string("serialization_format", "application/qlog+json-seq");
    file.string("title", "posthaste");
    file.object("trace", |trace| {
        trace.object("common_fields", |common| {
            common.string("group_id", group);
            common.string("time_format", "relative_to_epoch");
            common.object("reference_time", |reference| {
                reference.string("clock_type", "monotonic");
                reference.string("epoch", "unknown");
                reference.string("wall_clock_time", wall_clock);
            });
        });
        trace.object("vantage_point", |point| point.string("type", side_name(side)));
        trace.strings("event_schemas", &SCHEMAS);
    });
    file.end();
    text.push('\n');
    text
}

/// One record as one text. Times count from `zero`.
pub(crate) fn event(trace: &Trace<'_>, zero: Instant) -> String {
    let mut text = String::from(RECORD_SEPARATOR);
    let mut event = ObjectWriter::begin(&mut text);
    event.number("time", milliseconds(trace.at.saturating_duration_since(zero)));
    event.string("name", name(trace));
    event.object("data", |data| push_data(data, trace));
    if trace.left_out > 0 {
        event.number("left_out_before", trace.left_out);
    }
    event.end();
    text.push('\n');
    text
}

/// What is to be known of the file itself, as one text.
pub(crate) fn warning(at: Instant, zero: Instant, message: &str) -> String {
    let mut text = String::from(RECORD_SEPARATOR);
    let mut event = ObjectWriter::begin(&mut text);
    event.number("time", milliseconds(at.saturating_duration_since(zero)));
    event.string("name", "loglevel:warning");
    event.object("data", |data| data.string("message", message));
    event.end();
    text.push('\n');
    text
}

/// Names of the draft.
fn name(trace: &Trace<'_>) -> &'static str {
    match &trace.record {
        Record::Started { .. } => "quic:connection_started",
        Record::VersionChosen { .. } => "quic:version_information",
        Record::Stage(_) => "quic:connection_state_updated",
        Record::Closed(_) => "quic:connection_closed",
        Record::ParametersSet { .. } | Record::Negotiated { .. } => "quic:parameters_set",
        Record::PacketSent(_) => "quic:packet_sent",
        Record::PacketReceived(_) => "quic:packet_received",
        Record::PacketDropped { .. } => "quic:packet_dropped",
        Record::PacketLost { .. } => "quic:packet_lost",
        Record::Metrics(_) => "quic:recovery_metrics_updated",
        Record::CongestionPhase(_) => "quic:congestion_state_updated",
        Record::Timer { .. } => "quic:timer_updated",
        Record::KeyInstalled(_) => "quic:key_updated",
        Record::KeyDiscarded(_) => "quic:key_discarded",
        Record::MtuChanged { .. } => "quic:mtu_updated",
        Record::PathChanged(_) | Record::PathValidated(_) => "quic:migration_state_updated",
        Record::StreamOpened { .. } | Record::StreamEnded { .. } => "quic:stream_state_updated",
        Record::StreamDataMoved { .. } => "quic:stream_data_moved",
        Record::Above { .. } => match HttpRecord::decode(trace.above()) {
            Ok(HttpRecord { sent: true, .. }) => "http3:frame_created",
            Ok(HttpRecord { sent: false, .. }) => "http3:frame_parsed",
            Err(_) => "posthaste:unknown",
        },
    }
}

fn push_data(data: &mut ObjectWriter<'_>, trace: &Trace<'_>) {
    match trace.record {
        Record::Started { four_tuple, .. } => push_path(data, "local", "remote", four_tuple),
        Record::VersionChosen { version } => data.string("chosen_version", format_args!("{:08x}", version.0)),
        Record::Stage(stage) => data.string("new", stage_name(stage)),
        Record::Closed(cause) => push_closed(data, cause, trace),
        Record::ParametersSet { of } => {
            data.string("initiator", initiator(of, trace.side));
            if let Some(parameters) = trace.parameters() {
                push_parameters(data, &parameters);
            }
        }
        Record::Negotiated { cipher_suite } => data.string("tls_cipher", cipher_suite_name(cipher_suite)),
        Record::PacketSent(packet) | Record::PacketReceived(packet) => push_packet(data, &packet, trace),
        Record::PacketDropped { size, reason } => {
            data.object("raw", |raw| raw.number("length", size));
            data.string("trigger", drop_trigger(reason));
            data.object("details", |details| details.string("reason", reason));
        }
        Record::PacketLost { space, number } => data.object("header", |header| {
            header.string("packet_type", packet_type_of(space));
            header.number("packet_number", number.value());
        }),
        Record::Metrics(metrics) => push_metrics(data, &metrics),
        Record::CongestionPhase(phase) => data.string("new", phase_name(phase)),
        Record::Timer { timer, change } => push_timer(data, timer, change),
        Record::KeyInstalled(key) | Record::KeyDiscarded(key) => push_key(data, key),
        Record::MtuChanged { from, to } => {
            data.number("old", from);
            data.number("new", to);
        }
        Record::PathChanged(path) => {
            data.string("new", "migration_started");
            push_path(data, "tuple_local", "tuple_remote", path);
        }
        Record::PathValidated(path) => {
            data.string("new", "migration_complete");
            push_path(data, "tuple_local", "tuple_remote", path);
        }
        Record::StreamOpened { id } => {
            data.number("stream_id", id.value());
            data.string("new", "open");
            data.string("stream_side", if id.initiator() == trace.side { "sending" } else { "receiving" });
        }
        Record::StreamEnded { id, received, code } => {
            data.number("stream_id", id.value());
            data.string("new", "closed");
            data.string("stream_side", if received { "receiving" } else { "sending" });
            if let Some(code) = code {
                data.number("error_code", code.value());
            }
        }
        Record::StreamDataMoved { id, len, received } => {
            let (from, to) = if received { ("transport", "application") } else { ("application", "transport") };
            data.number("stream_id", id.value());
            data.string("from", from);
            data.string("to", to);
            data.object("raw", |raw| raw.number("length", len));
        }
        Record::Above { id } => push_http(data, id, trace.above()),
    }
}

/// The frames of draft-ietf-quic-qlog-h3-events section 4.2.
fn push_http(data: &mut ObjectWriter<'_>, id: StreamId, record: &[u8]) {
    data.number("stream_id", id.value());
    let Ok(HttpRecord { frame, .. }) = HttpRecord::decode(record) else { return };
    data.object("frame", |object| match frame {
        HttpFrame::Headers(lines) => {
            object.string("frame_type", "headers");
            object.array("headers", |headers| {
                for (name, value) in lines.map(hidden) {
                    headers.object(|line| {
                        line.string("name", name.escape_ascii());
                        line.string("value", value.escape_ascii());
                    });
                }
            });
        }
        HttpFrame::Data(len) => {
            object.string("frame_type", "data");
            object.object("raw", |raw| raw.number("payload_length", len));
        }
        HttpFrame::Settings => {
            object.string("frame_type", "settings");
            // Which there were is not recorded; the field is needed.
            object.array("settings", |_| {});
        }
        HttpFrame::GoAway(id) => {
            object.string("frame_type", "goaway");
            object.number("id", id);
        }
    });
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

fn initiator(of: Side, own: Side) -> &'static str {
    if of == own { "local" } else { "remote" }
}

fn push_path(data: &mut ObjectWriter<'_>, local: &str, remote: &str, path: FourTuple) {
    for (name, address) in [(local, path.local), (remote, path.remote)] {
        data.object(name, |end| match address {
            SocketAddr::V4(address) => {
                end.string("ip_v4", address.ip());
                end.number("port_v4", address.port());
            }
            SocketAddr::V6(address) => {
                end.string("ip_v6", address.ip());
                end.number("port_v6", address.port());
            }
        });
    }
}

const fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::HandshakeComplete => "handshake_complete",
        Stage::HandshakeConfirmed => "handshake_confirmed",
        Stage::Closing => "closing",
        Stage::Draining => "draining",
        Stage::Drained => "closed",
    }
}

fn push_closed(data: &mut ObjectWriter<'_>, cause: Cause, trace: &Trace<'_>) {
    let trigger = match cause {
        Cause::Application { by, code } => {
            data.string("initiator", initiator(by, trace.side));
            data.string("application_error", "unknown");
            data.number("error_code", code.value());
            "application"
        }
        Cause::Transport { by, code } => {
            data.string("initiator", initiator(by, trace.side));
            data.string("connection_error", transport_error(code));
            data.number("error_code", code.0);
            "error"
        }
        Cause::Timeout => "idle_timeout",
        Cause::StatelessReset => "stateless_reset",
        Cause::VersionMismatch => "version_mismatch",
        Cause::PacketNumbersExhausted => "aborted",
    };
    data.string("reason", trace.text().escape_ascii());
    data.string("trigger", trigger);
}

fn push_parameters(data: &mut ObjectWriter<'_>, parameters: &TransportParameters) {
    let ids = [
        ("original_destination_connection_id", parameters.original_destination_connection_id),
        ("initial_source_connection_id", parameters.initial_source_connection_id),
        ("retry_source_connection_id", parameters.retry_source_connection_id),
    ];
    for (name, id) in ids {
        if let Some(id) = id {
            data.string(name, id);
        }
    }
    data.truth("disable_active_migration", parameters.disable_active_migration);
    data.number("max_idle_timeout", parameters.max_idle_timeout.as_millis());
    data.number("max_udp_payload_size", parameters.max_udp_payload_size);
    data.number("ack_delay_exponent", parameters.ack_delay_exponent);
    data.number("max_ack_delay", parameters.max_ack_delay.as_millis());
    data.number("active_connection_id_limit", parameters.active_connection_id_limit);
    data.number("initial_max_data", parameters.initial_max_data);
    data.number("initial_max_stream_data_bidi_local", parameters.initial_max_stream_data_bidi_local);
    data.number("initial_max_stream_data_bidi_remote", parameters.initial_max_stream_data_bidi_remote);
    data.number("initial_max_stream_data_uni", parameters.initial_max_stream_data_uni);
    data.number("initial_max_streams_bidi", parameters.initial_max_streams_bidi);
    data.number("initial_max_streams_uni", parameters.initial_max_streams_uni);
    data.number("max_datagram_frame_size", parameters.max_datagram_frame_size);
    data.truth("grease_quic_bit", parameters.grease_quic_bit);
    data.truth("reset_stream_at", parameters.reset_stream_at);
    if let Some(shortest) = parameters.min_ack_delay {
        data.number("min_ack_delay", shortest.as_micros());
    }
}

/// Suites of RFC 9846 appendix B.4.
const fn cipher_suite_name(suite: u16) -> &'static str {
    match suite {
        0x1301 => "AES_128_GCM_SHA256",
        0x1302 => "AES_256_GCM_SHA384",
        0x1303 => "CHACHA20_POLY1305_SHA256",
        _ => "unknown",
    }
}

const fn packet_type_name(packet_type: PacketType) -> &'static str {
    match packet_type {
        PacketType::Initial => "initial",
        PacketType::ZeroRtt => "0RTT",
        PacketType::Handshake => "handshake",
        PacketType::OneRtt => "1RTT",
        PacketType::Retry => "retry",
        PacketType::VersionNegotiation => "version_negotiation",
    }
}

/// 0-RTT packets share the space of 1-RTT packets, and a lost one is not told from the others.
const fn packet_type_of(space: PacketNumberSpace) -> &'static str {
    match space {
        PacketNumberSpace::Initial => "initial",
        PacketNumberSpace::Handshake => "handshake",
        PacketNumberSpace::ApplicationData => "1RTT",
    }
}

fn push_packet(data: &mut ObjectWriter<'_>, packet: &Packet, trace: &Trace<'_>) {
    data.object("header", |header| {
        header.string("packet_type", packet_type_name(packet.packet_type));
        if let Some(number) = packet.number {
            header.number("packet_number", number.value());
        }
        if let Some(source) = packet.source {
            header.number("scil", source.len());
            header.string("scid", source);
        }
        header.number("dcil", packet.destination.len());
        header.string("dcid", packet.destination);
    });
    data.array("frames", |frames| {
        for frame in trace.frames() {
            frames.object(|object| push_frame(object, &frame));
        }
    });
    data.object("raw", |raw| raw.number("length", packet.size));
    if packet.is_mtu_probe {
        data.truth("is_mtu_probe_packet", true);
    }
    match packet.ecn {
        Ecn::NotEct => {}
        Ecn::Ect0 => data.string("ecn", "ECT(0)"),
        Ecn::Ect1 => data.string("ecn", "ECT(1)"),
        Ecn::Ce => data.string("ecn", "CE"),
    }
}

const fn drop_trigger(reason: Discard) -> &'static str {
    match reason {
        Discard::NoKey => "key_unavailable",
        Discard::Undecryptable | Discard::KeyPhase | Discard::IntegrityLimit => "decryption_failure",
        Discard::Duplicate => "duplicate",
        Discard::WrongConnectionId => "connection_unknown",
        Discard::TooShort | Discard::FixedBit | Discard::ConnectionIdTooLong | Discard::VersionList => "invalid",
        _ => "rejected",
    }
}

fn push_metrics(data: &mut ObjectWriter<'_>, metrics: &Metrics) {
    let times = [
        ("min_rtt", metrics.min_rtt),
        ("smoothed_rtt", metrics.smoothed_rtt),
        ("latest_rtt", metrics.latest_rtt),
        ("rtt_variance", metrics.rttvar),
    ];
    for (name, time) in times {
        data.number(name, milliseconds(time));
    }
    data.number("pto_count", metrics.pto_count);
    data.number("congestion_window", metrics.congestion_window);
    data.number("bytes_in_flight", metrics.bytes_in_flight);
    // The draft counts it in bits.
    data.number("pacing_rate", metrics.pacing_rate.saturating_mul(8));
}

pub(super) fn milliseconds(time: base::Duration) -> String {
    let microseconds = time.as_micros();
    format!("{}.{:03}", microseconds / 1000, microseconds % 1000)
}

const fn phase_name(phase: CongestionPhase) -> &'static str {
    match phase {
        CongestionPhase::SlowStart => "slow_start",
        CongestionPhase::Recovery => "recovery",
        CongestionPhase::CongestionAvoidance => "congestion_avoidance",
    }
}

fn push_timer(data: &mut ObjectWriter<'_>, timer: Timer, change: TimerChange) {
    let (name, space) = match timer {
        Timer::Loss(space) => ("loss_timeout", Some(space)),
        Timer::Probe(space) => ("pto", Some(space)),
        Timer::Idle => ("idle_timeout", None),
        Timer::Handshake => ("handshake_timeout", None),
        Timer::PathValidation => ("path_validation", None),
    };
    data.string("timer_type", name);
    if let Some(space) = space {
        data.string("packet_number_space", space_name(space));
    }
    match change {
        TimerChange::Set(after) => {
            data.string("event_type", "set");
            data.number("delta", milliseconds(after));
        }
        TimerChange::Expired => data.string("event_type", "expired"),
        TimerChange::Cancelled => data.string("event_type", "cancelled"),
    }
}

const fn space_name(space: PacketNumberSpace) -> &'static str {
    match space {
        PacketNumberSpace::Initial => "initial",
        PacketNumberSpace::Handshake => "handshake",
        PacketNumberSpace::ApplicationData => "application_data",
    }
}

/// Which key, and never what it is.
fn push_key(data: &mut ObjectWriter<'_>, key: Key) {
    let level = match key.packet_type {
        PacketType::Handshake => "handshake",
        PacketType::ZeroRtt => "0rtt",
        PacketType::OneRtt => "1rtt",
        PacketType::Initial | PacketType::Retry | PacketType::VersionNegotiation => "initial",
    };
    data.string("key_type", format_args!("{}_{level}_secret", side_name(key.of)));
    if key.packet_type == PacketType::OneRtt {
        data.number("key_phase", key.phase);
    }
}
