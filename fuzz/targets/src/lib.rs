//! What each fuzz target does with its input, without any fuzzing engine: `fuzz_targets/` hands the engine's bytes to
//! these functions, and `tests/corpus.rs` of the root package replays the corpus through the same ones.
//!
//! A target fails by panicking. Beside the absence of panics, each one checks what must hold of every result: what was
//! decoded encodes to the same again, bytes that come one by one mean what they mean together, a second implementation
//! agrees, a connection never breaks a rule of its own.

mod acme_answers;
mod byte_streams;
mod capsules;
mod event_frames;
mod event_store;
mod h3_events;
mod h3_streams;
mod http_messages;
mod huffman;
mod input;
mod json_texts;
mod names;
mod qpack_wire;
mod quic_connection;
mod quic_wire;
mod reassembly;
mod tls_messages;
mod tls_records;
mod tls_session;
mod tls_tickets;
mod varint;
mod websocket_frames;
mod webtransport_sessions;
pub mod x509_chain;
mod x509_single;

#[allow(dead_code, unreachable_pub, unused_imports)]
#[path = "../../../src/command/arguments.rs"]
mod arguments;
#[allow(dead_code, unreachable_pub)]
#[path = "../../../src/command/get/flags.rs"]
mod get_flags;
#[allow(dead_code, unreachable_pub)]
#[path = "../../../src/command/get/help.rs"]
mod get_help;
#[allow(dead_code, unreachable_pub)]
#[path = "../../../src/command/load/flags.rs"]
mod load_flags;
#[allow(dead_code, unreachable_pub)]
#[path = "../../../src/command/load/help.rs"]
mod load_help;
#[allow(dead_code)]
#[path = "../../../src/events/nats/wire.rs"]
mod nats_wire;
/// As the parser finds them beside itself.
mod get {
    pub(super) use super::{get_flags as flags, get_help as help};
}
mod load {
    pub(super) use super::{load_flags as flags, load_help as help};
}
#[allow(dead_code, unreachable_pub)]
#[path = "../../../src/files/path.rs"]
mod file_path;
#[allow(dead_code, unreachable_pub)]
#[path = "../../../src/url.rs"]
mod url;

/// A target.
pub type Target = fn(&[u8]);

/// All of them by name: that of the corpus directory, and of the file in `fuzz_targets/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("varint", varint::run),
    ("packet_header", quic_wire::packet_header),
    ("packet_number", quic_wire::packet_number),
    ("frame", quic_wire::frame),
    ("transport_parameters", quic_wire::transport_parameters),
    ("tls_client_hello", tls_messages::client_hello),
    ("tls_server_hello", tls_messages::server_hello),
    ("tls_encrypted_extensions", tls_messages::encrypted_extensions),
    ("tls_certificate", tls_messages::certificate),
    ("tls_certificate_request", tls_messages::certificate_request),
    ("tls_certificate_verify", tls_messages::certificate_verify),
    ("tls_new_session_ticket", tls_messages::new_session_ticket),
    ("tls_records", tls_records::run),
    ("tls_session", tls_session::run),
    ("tls_tickets", tls_tickets::run),
    ("x509_certificate", x509_single::certificate),
    ("x509_chain", x509_chain::run),
    ("pem", x509_single::pem),
    ("server_name", names::server_name),
    ("url", names::url),
    ("path", names::path),
    ("conditions", names::conditions),
    ("arguments", names::arguments),
    ("huffman", huffman::run),
    ("qpack_section", qpack_wire::section),
    ("qpack_streams", qpack_wire::streams),
    ("http_request", http_messages::request),
    ("http_response", http_messages::response),
    ("http_fields", http_messages::fields),
    ("h3_server", h3_streams::server),
    ("h3_client", h3_streams::client),
    ("h3_events", h3_events::run),
    ("http1_server", byte_streams::http1_server),
    ("http1_client", byte_streams::http1_client),
    ("http2_server", byte_streams::http2_server),
    ("http2_client", byte_streams::http2_client),
    ("hpack", byte_streams::hpack),
    ("json", json_texts::run),
    ("acme_answers", acme_answers::run),
    ("capsules", capsules::run),
    ("event_journal", event_store::journal),
    ("event_records", event_store::records),
    ("nats", event_store::nats),
    ("websocket_frames", websocket_frames::run),
    ("webtransport_sessions", webtransport_sessions::run),
    ("event_frames", event_frames::run),
    ("reassembly", reassembly::run),
    ("quic_server", quic_connection::server),
    ("quic_client", quic_connection::client),
    ("quic_datagrams", quic_connection::datagrams),
];

/// Runs the target of this name.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a known target");
    target(data);
}
