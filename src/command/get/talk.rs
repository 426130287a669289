//! What `--verbose` tells: `*` what is known of the connection, `>` what is asked, `<` what is answered.

use posthaste::{Connected, Fields, HttpVersion, Method, Stats};
use std::fmt::Write as _;
use std::io::Write as _;

/// What the server is reached by.
pub fn connected(connected: &Connected, stats: Option<&Stats>) {
    let mut text = String::new();
    let how = if connected.is_reused { "on the connection to" } else { "connected to" };
    let remote = connected.remote.map_or("a server".to_owned(), |remote| remote.to_string());
    let version = stats.map_or(String::new(), |stats| format!(", QUIC version {}", number(stats)));
    let _ = write!(text, "{how} {remote} by {}{version}", connected.version);
    if !connected.is_reused {
        let _ = write!(text, ", name looked up in {:.1} ms", connected.looked_up.as_secs_f64() * 1000.0);
    }
    if let Some(authority) = &connected.alternative {
        let _ = write!(text, ", an alternative that the server has named: {authority}");
    }
    tell('*', [text]);
}

/// The number of the version of QUIC.
pub fn number(stats: &Stats) -> u32 {
    if stats.version == posthaste::Version::V2 { 2 } else { 1 }
}

/// Something of the transfer itself.
pub fn note(text: &str) {
    tell('*', [text.to_owned()]);
}

/// What is asked. Credentials are not shown.
pub fn asked<'a>(method: &Method, path: &str, authority: &str, fields: impl Iterator<Item = (&'a str, &'a str)>) {
    let shown = |(name, value): (&str, &str)| {
        let is_secret = ["authorization", "cookie"].iter().any(|secret| name.eq_ignore_ascii_case(secret));
        format!("{}: {}", name.to_ascii_lowercase(), if is_secret { "[not shown]" } else { value })
    };
    let first = [format!("{method} {path}"), format!("host: {authority}")];
    tell('>', first.into_iter().chain(fields.map(shown)).chain([String::new()]));
}

/// What is answered.
pub fn answered(version: HttpVersion, status: u16, reason: Option<&str>, fields: &Fields) {
    let first = format!("{version} {status} {}", reason.unwrap_or_default());
    let lines = fields.iter().map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)));
    tell('<', [first].into_iter().chain(lines).chain([String::new()]));
}

fn tell(mark: char, lines: impl IntoIterator<Item = String>) {
    let mut text = String::new();
    for line in lines {
        text.push(mark);
        text.push(' ');
        for character in line.chars() {
            match character {
                character if character.is_control() => text.extend(character.escape_default()),
                character => text.push(character),
            }
        }
        text.push('\n');
    }
    // Where nobody reads it there is nobody else to tell.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
