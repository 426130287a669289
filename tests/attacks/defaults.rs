//! docs/defaults.md: every number that bounds a peer, read from where it is enforced.

use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Where a configuration has its fields and their defaults.
const CONFIGURATIONS: &[(&str, &str, &str)] = &[
    ("An endpoint", "quic/src/endpoint/accept.rs", "EndpointConfig"),
    ("A connection", "quic/src/config.rs", "Config"),
    ("Its streams", "quic/src/stream/limits.rs", "StreamsConfig"),
    ("HTTP/3", "h3/src/config.rs", "Limits"),
    ("HTTP/2", "h2/src/config.rs", "Limits"),
    ("HTTP/1.1", "h1/src/config.rs", "Limits"),
    ("HTTP: slow clients", "http/src/time_limits.rs", "TimeLimits"),
    ("A client's requests", "src/exchange/patience.rs", "Timeouts"),
    ("A reverse proxy", "src/reverse_proxy/limits.rs", "ReverseProxyLimits"),
    ("Tickets of a server", "tls/src/config.rs", "TicketPolicy"),
    ("TLS over records", "tls/src/record/settings.rs", "Settings"),
    ("Events", "events/src/broker/settings.rs", "Settings"),
    ("A store of events in a folder", "src/events/embedded.rs", "EmbeddedOptions"),
    ("A server of events", "src/events/shared.rs", "ServerLimits"),
    ("A session of events", "events/src/session/server.rs", "Limits"),
    ("A client of events", "events/src/session/client/config.rs", "Config"),
    ("A namespace of events", "events/src/broker/settings.rs", "QueueSettings"),
    ("A subscription to events", "events/src/delivery.rs", "SubscriptionSettings"),
    ("A batch of events", "events/src/delivery.rs", "BatchLimits"),
    ("Chains of certificates", "x509/src/chain.rs", "Policy"),
];

/// Constants that bound what a peer can make us hold or do, by file.
const CONSTANTS: &[(&str, &[&str])] = &[
    ("src/server/seats.rs", &["MOST", "RETRY_AFTER"]),
    ("src/server/memory.rs", &["TO_SEND"]),
    ("quic/src/config.rs", &["MAX_PEER_IDS"]),
    ("quic/src/connection/coalesced.rs", &["MAX_USELESS"]),
    ("quic/src/connection/retry.rs", &["MAX_TOKEN"]),
    ("quic/src/announcements.rs", &["MAX_RECEIVED"]),
    ("quic/src/handshake.rs", &["MAX_POST_HANDSHAKE"]),
    ("quic/src/crypto_stream.rs", &["MAX_UNREAD"]),
    ("quic/src/acknowledgment.rs", &["MAX_RANGES"]),
    ("quic/src/idle.rs", &["REMINDERS"]),
    ("quic/src/stream/send_window.rs", &["MIN_LEAD", "GRAIN", "HELD_WINDOWS", "MIN_HELD"]),
    ("quic/src/stream/send_memory.rs", &["GUARANTEED"]),
    ("quic/src/stream/chunks.rs", &["MAX_LENT"]),
    ("quic/src/stream/levels.rs", &["OTHERS_TURN"]),
    ("quic/src/stream/reassembly.rs", &["MAX_SEGMENTS"]),
    ("quic/src/recovery/sent_packets.rs", &["MAX_NOT_IN_FLIGHT"]),
    ("quic/src/connection_ids/local.rs", &["MAX_ACTIVE", "MAX_RETIRED"]),
    ("quic/src/path/validation.rs", &["MAX_RESPONSES", "MAX_CHALLENGES"]),
    ("quic/src/path/moves.rs", &["MAX_UNANSWERED_MOVES"]),
    ("quic/src/path/amplification.rs", &["FACTOR"]),
    ("quic/src/endpoint/reply.rs", &["MAX_WAITING", "MAX_RESETS_PER_SECOND", "MAX_REFUSALS_PER_SECOND"]),
    ("quic/src/endpoint/token_store.rs", &["MAX_TOKEN_LEN"]),
    ("quic/src/endpoint/handover.rs", &["MAX_WAITING", "MAX_WAITING_BYTES"]),
    ("runtime/src/handover.rs", &["MAX_WAITING", "MAX_WAITING_BYTES"]),
    ("quic/src/lifecycle.rs", &["CLOSE_PTOS"]),
    ("quic/src/error.rs", &["MAX_REASON"]),
    ("quic/src/wire/transport_parameters.rs", &["MAX_UNKNOWN_REMEMBERED"]),
    ("tls/src/inbox.rs", &["MAX_MESSAGE_LEN"]),
    ("tls/src/client/wait_server_hello.rs", &["MAX_COOKIE_LEN"]),
    ("tls/src/client/receiver.rs", &["MAX_TICKETS"]),
    ("tls/src/ticket.rs", &["MAX_LIFETIME_SECONDS", "MAX_TICKET_LEN"]),
    ("tls/src/ticket_keys.rs", &["MAX_TICKET_KEYS"]),
    ("tls/src/config.rs", &["MAX_TICKETS"]),
    ("tls/src/server/resumption.rs", &["MAX_IDENTITIES"]),
    ("tls/src/ticket_content.rs", &["MAX_CLIENT_LEN"]),
    ("tls/src/server/negotiated.rs", &["MAX_EARLY_DATA"]),
    ("events/src/delivery.rs", &["MAX_NAME"]),
    ("events/src/protobuf.rs", &["MAX_REPEATED"]),
    ("events/src/frame.rs", &["DEFAULT_MAX_FRAME"]),
    ("events/src/registry.rs", &["MAX_TOKEN", "MIN_TOKEN", "MAX_GRANTS"]),
    ("events/src/session/server.rs", &["MAX_BEFORE_AUTH", "MAX_FETCHES"]),
    ("src/events/shared.rs", &["MAX_BUCKETS"]),
    ("events/src/broker/marks.rs", &["MAX_MARKS"]),
    ("journal/src/record.rs", &["MAX_CONTENT"]),
    ("journal/src/journal.rs", &["REMOVED_AT_ONCE", "MOST_OPEN", "MOST_HINTS", "MOST_DAMAGES", "MOST_WAITING"]),
    ("journal/src/tail.rs", &["MOST_ZEROS", "MOST_WRITTEN", "COMMITS_WITHOUT"]),
    ("src/events/journal_log.rs", &["MOST_DAMAGES", "MOST_SYNCS"]),
    ("src/events/nats/wire.rs", &["MAX_LINE", "MAX_MESSAGE"]),
    ("src/events/nats/client.rs", &["GREETING", "PING", "BACKOFF", "MAX_OUTGOING", "MAX_MESSAGES"]),
    ("src/events/nats/store.rs", &["MAX_OPERATIONS"]),
    ("src/events/nats/worker/state.rs", &["PATIENCE", "AHEAD"]),
    ("src/events/service.rs", &["MAX_WAITING", "MAX_WAITING_BYTES", "ROUND"]),
    ("src/client/alt_svc.rs", &["MAX_SERVERS", "PER_SERVER", "MAX_AGE", "DEFAULT_AGE", "BROKEN"]),
    ("src/client/fallback.rs", &["HEAD_START", "REMEMBERED", "MOST_REMEMBERED"]),
    ("src/client/race.rs", &["STAGGER"]),
    ("src/client/request.rs", &["FIRST_WAIT", "LONGEST_WAIT"]),
    ("src/client/resolve.rs", &["MAX_ADDRESSES"]),
    ("src/client/upload.rs", &["PIECE", "AHEAD"]),
    ("src/memory_store.rs", &["PER_SERVER", "IN_ALL"]),
    ("src/tickets.rs", &["ROTATION", "LIFETIME"]),
    ("src/tokens.rs", &["REMEMBERED"]),
    ("tls/src/record/header.rs", &["MAX_CONTENT_LEN", "MAX_PROTECTED_LEN"]),
    ("tls/src/record/settings.rs", &["MIN_RECORD_SIZE_LIMIT"]),
    ("tls/src/record/counts.rs", &["MAX_RECORDS_WITHOUT_DATA"]),
    ("tls/src/record/reader.rs", &["MAX_SKIPPED_EARLY_DATA"]),
    ("tls/src/record/writer.rs", &["MAX_UPDATES"]),
    ("tls/src/record/stream.rs", &["OUTGOING_LEN", "MAX_IGNORED"]),
    (
        "x509/src/budget.rs",
        &[
            "SIGNATURES",
            "CLIENT_SIGNATURES",
            "COMPARISONS",
            "CLIENT_COMPARISONS",
            "STEPS",
            "CLIENT_STEPS",
            "CERTIFICATES",
            "CLIENT_CERTIFICATES",
            "CLIENT_BYTES",
        ],
    ),
    ("x509/src/chain.rs", &["MAX_PATH", "MAX_LISTED_NAMES"]),
    ("x509/src/extensions.rs", &["MAX_EXTENSIONS"]),
    ("x509/src/name.rs", &["MAX_ATTRIBUTES"]),
    ("x509/src/algorithm.rs", &["MIN_RSA_BITS", "MAX_RSA_BITS"]),
    ("x509/src/text.rs", &["MAX_TEXT"]),
    ("x509/src/ocsp.rs", &["MAX_LEN"]),
    ("qpack/src/prefix_integer.rs", &["MAX_LEN"]),
    ("h3/src/endless.rs", &["MAX_ENDLESS"]),
    ("h3/src/request_stream.rs", &["MAX_REST"]),
    ("h3/src/settings.rs", &["MAX_LEN"]),
    ("h3/src/watch.rs", &["NOTICE", "LOOKS"]),
    ("h3/src/priority.rs", &["MAX_LEN"]),
    ("runtime/src/driver.rs", &["RECEIVE_CALLS", "RECEIVE_DATAGRAMS", "ERRORS_TOLERATED"]),
    ("runtime/src/stream_driver.rs", &["RECEIVE_CALLS", "SEND_CALLS"]),
    ("base/src/stream_machine.rs", &["STREAM_UNIT"]),
    ("base/src/duplex.rs", &["BUFFER_LEN", "SPARE"]),
    ("runtime/src/reader_pool.rs", &["WORKING", "MAX_THREADS", "MAX_WAITING", "SLOW", "PATIENCE", "IDLE"]),
    ("runtime/src/folder.rs", &["TRIES"]),
    ("runtime/src/folder/steps.rs", &["MAX_LINKS", "MAX_DEPTH", "MAX_PATH"]),
    ("runtime/src/succession.rs", &["MOST_ENDING"]),
    ("src/exchange/mailbox.rs", &["MAX_INFORMATIONAL"]),
    ("src/exchange/tunnel_datagrams.rs", &["MAX_DATAGRAM"]),
    ("src/proxy/arrivals.rs", &["MOST_FAILURES"]),
    ("src/reverse_proxy/health.rs", &["FIRST_PAUSE", "LONGEST_PAUSE", "BAD_ANSWERS"]),
    ("src/reverse_proxy/upload.rs", &["CONTINUE"]),
    ("http/src/conditions/range.rs", &["MAX_RANGES", "MAX_GAP"]),
    ("src/files.rs", &["TRIES", "MAX_LISTED"]),
    ("src/files/coding.rs", &["MAX_ELEMENTS"]),
    ("src/files/redirects.rs", &["MAX_RULES"]),
    ("src/command/plain_http.rs", &["MAX_CONNECTIONS", "MAX_HEAD", "PATIENCE"]),
    ("src/files/source.rs", &["PIECE", "UNLOOKED"]),
    ("src/tcp/client.rs", &["MOST_LINES"]),
    ("src/tcp/listen.rs", &["BATCH", "PAUSE"]),
    ("src/files/state.rs", &["SETTLED"]),
    ("src/server.rs", &["DRAIN", "CONFIRMATION", "MAX_OUTLIVING"]),
    ("src/http3/ebb.rs", &["AFTER", "FEW"]),
];

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documentation above the line that begins at `at`.
fn documentation(text: &str, at: usize) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text[..at].lines().rev() {
        let line = line.trim();
        if let Some(doc) = line.strip_prefix("///") {
            lines.push(doc.trim());
        } else if !line.is_empty() && !line.starts_with("#[") {
            break;
        }
    }
    lines.reverse();
    lines.join(" ").replace('|', "\\|")
}

/// Each field of a configuration with its default and what it says of itself.
fn fields(path: &str, name: &str) -> Vec<(String, String, String)> {
    let text = read(path);
    let begin = text.find(&format!("pub struct {name} {{")).unwrap_or_else(|| panic!("{name} in {path}"));
    let end = begin + text[begin..].find("\n}").unwrap();
    let mut out = Vec::new();
    let mut at = begin;
    for line in text[begin..end].lines() {
        if let Some(rest) = line.trim().strip_prefix("pub ")
            && let Some((field, kind)) = rest.split_once(':')
            && !field.contains(' ')
        {
            let after = &text[end..];
            let default = after.lines().find_map(|line| line.trim().strip_prefix(&format!("{field}:")));
            // What is given by the caller has no default.
            let default = default.map_or("given", |value| value.trim().trim_end_matches(','));
            let default = if default == kind.trim().trim_end_matches(',') { "given" } else { default };
            out.push((field.to_owned(), default.to_owned(), documentation(&text, at)));
        }
        at += line.len() + 1;
    }
    assert!(!out.is_empty(), "{name} in {path} has fields");
    out
}

/// A constant's value and what it says of itself.
fn constant(path: &str, name: &str) -> (String, String) {
    let text = read(path);
    let at = text.find(&format!("const {name}: ")).unwrap_or_else(|| panic!("{name} in {path}"));
    let (_, value) = text[at..].split_once(" = ").unwrap();
    let (value, _) = value.split_once(';').unwrap();
    let line = text[..at].rfind('\n').unwrap();
    (value.to_owned(), documentation(&text, line + 1))
}

#[test]
fn the_page_of_defaults_is_what_is_enforced() {
    let mut page = String::from(
        "# Every limit, and why\n\nWhat a peer can make us hold or do has a number. Those of the first part can be chosen; what \
         is advertised to the\npeer is read from the same fields that are enforced. Those of the second part are constants. This \
         page is written by\n`tests/attacks/defaults.rs` from the sources.\n",
    );
    for (title, path, name) in CONFIGURATIONS {
        write!(page, "\n## {title}: `{name}`\n\nIn [`{path}`](../{path}).\n\n| field | default | what and why |\n|----|----|----|\n")
            .unwrap();
        for (field, default, why) in fields(path, name) {
            assert!(!why.is_empty(), "{name}.{field} says why");
            writeln!(page, "| `{field}` | `{default}` | {why} |").unwrap();
        }
    }
    page += "\n## Constants\n\n| constant | value | what and why |\n|----|----|----|\n";
    for (path, names) in CONSTANTS {
        for name in *names {
            let (value, why) = constant(path, name);
            assert!(!why.is_empty(), "{name} in {path} says why");
            writeln!(page, "| [`{path}`](../{path}) `{name}` | `{value}` | {why} |").unwrap();
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/defaults.md");
    if std::env::var_os("POSTHASTE_WRITE_DEFAULTS").is_some() {
        fs::write(&path, page).unwrap();
    } else {
        let advice = "run: POSTHASTE_WRITE_DEFAULTS=1 cargo test --test attacks defaults";
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == page,
            "docs/defaults.md is not what is enforced; {advice}"
        );
    }
}
