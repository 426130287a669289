//! Reads files of qlog (JSON text sequences, RFC 7464) and holds them to the schemas of the drafts: which events there are, which
//! fields each has to have and may have, and what is in them. Only what this project writes is known.
#![allow(dead_code)] // each of the tests uses a part

use serde_json::{Map, Value};

/// The texts of a file, with the header first.
///
/// # Panics
/// If it is no sequence of JSON objects.
pub(crate) fn texts(file: &str) -> Vec<Value> {
    let mut records = file.split('\u{1e}');
    assert_eq!(records.next(), Some(""), "something comes before the first text");
    let read = |text: &str| {
        assert!(text.ends_with('\n') && text.trim_end().lines().count() == 1, "{text:?}");
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    };
    records.map(read).collect()
}

/// Checks the header and every event of a file; gives the names of its events.
///
/// # Panics
/// If anything is not as the schemas have it.
pub(crate) fn check(file: &str) -> Vec<String> {
    let texts = texts(file);
    let (header, events) = texts.split_first().expect("a header");
    check_header(header);
    let mut last = 0.0;
    for event in events {
        let time = event["time"].as_f64().unwrap_or_else(|| panic!("no time: {event}"));
        assert!(time >= last, "time goes back: {event}");
        last = time;
        check_event(event);
    }
    events.iter().map(|event| event["name"].as_str().unwrap().to_owned()).collect()
}

fn check_header(header: &Value) {
    assert_eq!(header["file_schema"], "urn:ietf:params:qlog:file:sequential");
    assert_eq!(header["serialization_format"], "application/qlog+json-seq");
    let trace = &header["trace"];
    assert!(["client", "server"].contains(&trace["vantage_point"]["type"].as_str().unwrap()));
    let schemas = trace["event_schemas"].as_array().unwrap();
    assert!(schemas.iter().all(|schema| schema.as_str().unwrap().starts_with("urn:ietf:params:qlog:events:")));
    let time = &trace["common_fields"]["reference_time"];
    assert!(time["clock_type"] == "monotonic" && time["epoch"] == "unknown" && time["wall_clock_time"].is_string());
}

/// Events by their names: the fields of `data`, as [`check_fields`] reads them.
const EVENTS: &[(&str, &str)] = &[
    ("quic:connection_started", "local:@endpoint remote:@endpoint"),
    (
        "quic:connection_closed",
        "initiator?local|remote connection_error?text application_error?text error_code?number reason?text \
         trigger?idle_timeout|application|error|version_mismatch|stateless_reset|aborted|unspecified",
    ),
    (
        "quic:connection_state_updated",
        "new:attempted|handshake_started|handshake_complete|closed|peer_validated|early_write|handshake_confirmed|closing|draining",
    ),
    (
        "quic:parameters_set",
        "initiator?local|remote tls_cipher?text original_destination_connection_id?hex initial_source_connection_id?hex \
         retry_source_connection_id?hex disable_active_migration?truth max_idle_timeout?number max_udp_payload_size?number \
         ack_delay_exponent?number max_ack_delay?number active_connection_id_limit?number initial_max_data?number \
         initial_max_stream_data_bidi_local?number initial_max_stream_data_bidi_remote?number \
         initial_max_stream_data_uni?number initial_max_streams_bidi?number initial_max_streams_uni?number max_datagram_frame_size?number \
         grease_quic_bit?truth reset_stream_at?truth min_ack_delay?number",
    ),
    ("quic:version_information", "server_versions?any client_versions?any chosen_version?hex"),
    ("quic:packet_sent", "header:@header frames?@frames raw?@raw is_mtu_probe_packet?truth ecn?ECT(0)|ECT(1)|CE"),
    ("quic:packet_received", "header:@header frames?@frames raw?@raw ecn?ECT(0)|ECT(1)|CE"),
    (
        "quic:packet_dropped",
        "header?@header raw?@raw details?any trigger?internal_error|rejected|unsupported|invalid|duplicate|\
         connection_unknown|decryption_failure|key_unavailable|general",
    ),
    ("quic:packet_lost", "header?@header"),
    (
        "quic:recovery_metrics_updated",
        "min_rtt?number smoothed_rtt?number latest_rtt?number rtt_variance?number pto_count?number \
         congestion_window?number bytes_in_flight?number pacing_rate?number",
    ),
    ("quic:congestion_state_updated", "new:text"),
    (
        "quic:timer_updated",
        "timer_type?ack|pto|loss_timeout|path_validation|handshake_timeout|idle_timeout \
         packet_number_space?initial|handshake|application_data event_type:set|expired|cancelled delta?number",
    ),
    ("quic:key_updated", "key_type:@key key_phase?number trigger?tls|remote_update|local_update"),
    ("quic:key_discarded", "key_type:@key key_phase?number trigger?tls|remote_update|local_update"),
    ("quic:mtu_updated", "old?number new:number"),
    (
        "quic:migration_state_updated",
        "new:probing_started|probing_successful|migration_started|migration_complete tuple_local?@endpoint tuple_remote?@endpoint",
    ),
    (
        "quic:stream_state_updated",
        "stream_id:number new:idle|open|closed stream_side:sending|receiving error_code?number",
    ),
    (
        "quic:stream_data_moved",
        "stream_id?number from?application|transport|network to?application|transport|network raw?@raw",
    ),
    ("http3:frame_created", "stream_id:number frame:@http"),
    ("http3:frame_parsed", "stream_id:number frame:@http"),
    ("loglevel:warning", "message?text"),
];

/// Frames of QUIC by their names, without `frame_type`.
const FRAMES: &[(&str, &str)] = &[
    ("padding", "raw?@raw"),
    ("ping", "raw?@raw"),
    ("ack", "ack_delay?number acked_ranges?@ranges ect1?number ect0?number ce?number"),
    ("reset_stream", "stream_id:number error:text error_code?number final_size:number"),
    ("reset_stream_at", "stream_id:number error:text error_code?number final_size:number reliable_size:number"),
    ("datagram", "raw?@raw"),
    (
        "ack_frequency",
        "sequence_number:number ack_eliciting_threshold:number request_max_ack_delay:number reordering_threshold:number",
    ),
    ("immediate_ack", ""),
    ("stop_sending", "stream_id:number error:text error_code?number"),
    ("crypto", "offset:number raw:@raw"),
    ("new_token", "token:any"),
    ("stream", "stream_id:number offset?number fin?truth raw?@raw"),
    ("max_data", "maximum:number"),
    ("max_stream_data", "stream_id:number maximum:number"),
    ("max_streams", "stream_type:bidirectional|unidirectional maximum:number"),
    ("data_blocked", "limit:number"),
    ("stream_data_blocked", "stream_id:number limit:number"),
    ("streams_blocked", "stream_type:bidirectional|unidirectional limit:number"),
    (
        "new_connection_id",
        "sequence_number:number retire_prior_to:number connection_id_length?number connection_id:hex",
    ),
    ("retire_connection_id", "sequence_number:number"),
    ("path_challenge", "data?hex"),
    ("path_response", "data?hex"),
    (
        "connection_close",
        "error_space?transport|application error?text error_code?number reason?text trigger_frame_type?number",
    ),
    ("handshake_done", ""),
];

/// Frames of HTTP/3 by their names, without `frame_type`.
const HTTP_FRAMES: &[(&str, &str)] =
    &[("data", "raw?@raw"), ("headers", "headers:any raw?@raw"), ("settings", "settings:any"), ("goaway", "id:number")];

/// What else has fields.
const OBJECTS: &[(&str, &str)] = &[
    ("@endpoint", "ip_v4?text port_v4?number ip_v6?text port_v6?number"),
    ("@raw", "length?number payload_length?number"),
    (
        "@header",
        "packet_type:initial|handshake|0RTT|1RTT|retry|version_negotiation|stateless_reset|unknown packet_number?number \
         scil?number dcil?number scid?hex dcid?hex",
    ),
];

fn check_event(event: &Value) {
    let name = event["name"].as_str().unwrap_or_else(|| panic!("no name: {event}"));
    check_fields(fields_of(EVENTS, name), &event["data"], event);
    for key in event.as_object().unwrap().keys() {
        assert!(["time", "name", "data", "left_out_before"].contains(&&key[..]), "{key} of {event}");
    }
}

fn fields_of(table: &'static [(&str, &str)], name: &str) -> &'static str {
    table.iter().find(|(of, _)| *of == name).unwrap_or_else(|| panic!("{name} is in no schema")).1
}

/// `fields`: names, each with `:` if it has to be there or `?` if it may, and then what it is: `text`, `number`, `truth`, `hex`, `any`, an
/// object or a list that has a name with `@`, or one of some texts.
fn check_fields(fields: &str, value: &Value, event: &Value) {
    let object: &Map<String, Value> = value.as_object().unwrap_or_else(|| panic!("{value} is no object: {event}"));
    let mut known = Vec::new();
    for field in fields.split_whitespace() {
        let at = field.find([':', '?']).expect("a field of the table has a kind");
        let (name, kind) = (&field[..at], &field[at + 1..]);
        known.push(name);
        match object.get(name) {
            Some(value) => check_value(kind, value, event),
            None => assert!(field[at..].starts_with('?'), "no {name}: {event}"),
        }
    }
    for key in object.keys() {
        assert!(known.contains(&&key[..]), "{key} is not in the schema: {event}");
    }
}

fn check_value(kind: &str, value: &Value, event: &Value) {
    let is_right = match kind {
        "any" => true,
        "text" => value.is_string(),
        "number" => value.is_number(),
        "truth" => value.is_boolean(),
        "hex" => value
            .as_str()
            .is_some_and(|text| text.len() % 2 == 0 && text.bytes().all(|digit| digit.is_ascii_hexdigit())),
        "@key" => value.as_str().is_some_and(is_key),
        "@ranges" => value.as_array().is_some_and(|ranges| !ranges.is_empty() && ranges.iter().all(is_range)),
        "@frames" => {
            value.as_array().unwrap().iter().for_each(|frame| check_frame(FRAMES, frame, event));
            true
        }
        "@http" => {
            check_frame(HTTP_FRAMES, value, event);
            true
        }
        object if object.starts_with('@') => {
            check_fields(fields_of(OBJECTS, object), value, event);
            true
        }
        texts => value.as_str().is_some_and(|text| texts.split('|').any(|one| one == text)),
    };
    assert!(is_right, "{value} is not {kind}: {event}");
}

fn check_frame(table: &'static [(&str, &str)], frame: &Value, event: &Value) {
    let mut fields = frame.as_object().unwrap_or_else(|| panic!("{frame} is no object: {event}")).clone();
    let name = fields.remove("frame_type").unwrap_or_else(|| panic!("a frame has no type: {event}"));
    check_fields(fields_of(table, name.as_str().unwrap()), &Value::Object(fields), event);
}

fn is_key(text: &str) -> bool {
    let parts: Vec<&str> = text.split('_').collect();
    matches!(&parts[..], ["client" | "server", "initial" | "handshake" | "0rtt" | "1rtt", "secret"])
}

fn is_range(range: &Value) -> bool {
    let ends: Option<Vec<u64>> = range.as_array().and_then(|ends| ends.iter().map(Value::as_u64).collect());
    ends.is_some_and(|ends| matches!(ends[..], [_]) || matches!(ends[..], [first, last] if first <= last))
}
