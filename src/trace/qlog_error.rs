//! Error codes as qlog names them (draft-ietf-quic-qlog-quic-events sections 8.13.24 and 8.13.26).

use quic::TransportErrorCode;

/// The draft's names of RFC 9000 section 20.1; a TLS alert has a name made of its code.
pub(super) fn transport_error(code: TransportErrorCode) -> String {
    const NAMES: [&str; 17] = [
        "no_error",
        "internal_error",
        "connection_refused",
        "flow_control_error",
        "stream_limit_error",
        "stream_state_error",
        "final_size_error",
        "frame_encoding_error",
        "transport_parameter_error",
        "connection_id_limit_error",
        "protocol_violation",
        "invalid_token",
        "application_error",
        "crypto_buffer_exceeded",
        "key_update_error",
        "aead_limit_reached",
        "no_viable_path",
    ];
    match (code.0, usize::try_from(code.0).ok().and_then(|place| NAMES.get(place))) {
        (_, Some(name)) => (*name).to_owned(),
        (0x100..=0x1ff, None) => format!("crypto_error_{:#05x}", code.0),
        (_, None) => "unknown".to_owned(),
    }
}
