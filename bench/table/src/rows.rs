//! What is measured.

use crate::settings::Settings;
use harness::work::Work;

/// A part of the table: one kind of work, a line for each stack.
pub struct Row {
    /// In words.
    pub name: String,
    /// HTTP/3, or bare streams.
    pub http: bool,
    /// What the client does.
    pub work: Work,
    /// Rounds: fewer where one takes long and they differ little.
    pub rounds: usize,
}

/// Bytes of a small body.
const BODY: usize = 1_000;
/// Handshakes under way at a time.
const HANDSHAKES_IN_FLIGHT: usize = 8;

/// All of them; the settings say which are measured.
pub fn rows(settings: &Settings) -> Vec<Row> {
    let Settings { bytes, rounds, .. } = *settings;
    let row = |name: String, http, work| Row { name, http, work, rounds };
    let mut rows = Vec::new();
    for (name, http) in [("HTTP/3", true), ("bare QUIC stream", false)] {
        rows.push(row(format!("download, {name}"), http, Work::Download(bytes)));
        rows.push(row(format!("upload, {name}"), http, Work::Upload(bytes)));
    }
    for (connections, in_flight) in [(1, 1), (1, 32), (1, 100), (10, 10)] {
        let count = settings.requests * if in_flight == 1 { 1 } else { 8 };
        let work = Work::Requests { count, connections, in_flight, body: BODY };
        let on = if connections == 1 { "one connection".to_owned() } else { format!("{connections} connections") };
        rows.push(row(format!("requests, {in_flight} in flight on {on}"), true, work));
    }
    let work = Work::Handshakes { count: settings.handshakes, in_flight: HANDSHAKES_IN_FLIGHT };
    rows.push(row(format!("handshakes, {HANDSHAKES_IN_FLIGHT} in flight"), false, work));
    let work = Work::Resumptions { count: settings.handshakes, in_flight: HANDSHAKES_IN_FLIGHT };
    rows.push(row(format!("resumed handshakes, {HANDSHAKES_IN_FLIGHT} in flight"), false, work));
    for idle in [1_000.min(settings.idle), settings.idle] {
        let rounds = if settings.is_pair { rounds } else { 1 };
        rows.push(Row { name: format!("idle connections, {idle}"), http: false, work: Work::Idle(idle), rounds });
    }
    for idle in [1, settings.idle] {
        let name = format!("download beside {idle} idle connections");
        rows.push(Row {
            name,
            http: false,
            work: Work::Beside { idle, bytes },
            rounds: if settings.is_pair { rounds } else { rounds.min(3) },
        });
    }
    rows.dedup_by(|one, other| one.name == other.name);
    rows
}
