//! What is known of a transfer when it is over: sizes, the time of each phase, and how it ended; and that as JSON for programs.

use crate::command::get::problem::Problem;
use posthaste::{Fields, HttpVersion};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What is known of a transfer.
#[derive(Clone, Debug)]
pub struct Record {
    /// What was asked for.
    pub url: String,
    /// Where the answer came from.
    pub url_effective: String,
    /// The method that was asked with.
    pub method: String,
    /// Of the final response.
    pub status: Option<u16>,
    /// Its fields.
    pub fields: Fields,
    /// Content that came, in bytes.
    pub downloaded: u64,
    /// Content that was sent, in bytes.
    pub uploaded: u64,
    /// Where the server is.
    pub remote: Option<SocketAddr>,
    /// The version of HTTP.
    pub http_version: Option<HttpVersion>,
    /// The version of QUIC.
    pub quic_version: Option<u32>,
    /// The file that was written.
    pub file: Option<String>,
    /// How many redirects were followed.
    pub redirects: u32,
    /// How often it was made again.
    pub retries: u32,
    /// When each phase was over.
    pub phases: Phases,
    /// Why it failed, if it did.
    pub problem: Option<Problem>,
    /// Something of the body is on standard output.
    pub is_on_stdout: bool,
    begun: Instant,
}

/// When each phase was over, since the beginning of the last attempt.
#[derive(Clone, Copy, Debug, Default)]
pub struct Phases {
    /// The name was looked up.
    pub looked_up: Option<Duration>,
    /// The handshake was complete: by QUIC that of the transport is that of TLS.
    pub connected: Option<Duration>,
    /// The request was about to be sent.
    pub asked: Option<Duration>,
    /// The head of the response was there.
    pub answered: Option<Duration>,
    /// All was over.
    pub ended: Duration,
}

impl Record {
    /// Of a transfer that begins now.
    pub fn new(url: &str, method: &str) -> Record {
        Record {
            url: url.to_owned(),
            url_effective: url.to_owned(),
            method: method.to_owned(),
            status: None,
            fields: Fields::new(),
            downloaded: 0,
            uploaded: 0,
            remote: None,
            http_version: None,
            quic_version: None,
            file: None,
            redirects: 0,
            retries: 0,
            phases: Phases::default(),
            problem: None,
            is_on_stdout: false,
            begun: Instant::now(),
        }
    }

    /// How long it has taken by now.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// A further attempt begins. When the first began is kept by who makes them.
    pub fn begin_again(&mut self) {
        let (url, method) = (std::mem::take(&mut self.url), std::mem::take(&mut self.method));
        *self = Record { retries: self.retries + 1, ..Record::new(&url, &method) };
    }

    /// Bytes in a second, over all of it.
    pub fn speed(&self, bytes: u64) -> f64 {
        let seconds = self.phases.ended.as_secs_f64();
        if seconds > 0.0 { bytes as f64 / seconds } else { 0.0 }
    }

    /// One line for a program: an object of JSON, and a line end.
    pub fn json(&self) -> String {
        let mut line = String::from("{");
        let mut member = |name: &str, value: String| {
            let comma = if line.len() > 1 { "," } else { "" };
            let _ = write!(line, "{comma}\"{name}\":{value}");
        };
        let seconds =
            |time: Option<Duration>| time.map_or("null".to_owned(), |time| format!("{:.6}", time.as_secs_f64()));
        let text = |text: Option<&str>| text.map_or("null".to_owned(), quoted);
        member("url", quoted(&self.url));
        member("url_effective", quoted(&self.url_effective));
        member("method", quoted(&self.method));
        member("http_code", self.status.map_or("null".to_owned(), |status| status.to_string()));
        member("http_version", text(self.http_version.map(http_version)));
        member("quic_version", self.quic_version.map_or("null".to_owned(), |version| version.to_string()));
        member("remote", text(self.remote.map(|remote| remote.to_string()).as_deref()));
        member("content_type", text(self.fields.first_text("content-type")));
        member("filename", text(self.file.as_deref()));
        member("size_download", self.downloaded.to_string());
        member("size_upload", self.uploaded.to_string());
        member("speed_download", format!("{:.0}", self.speed(self.downloaded)));
        member("time_namelookup", seconds(self.phases.looked_up));
        member("time_connect", seconds(self.phases.connected));
        member("time_pretransfer", seconds(self.phases.asked));
        member("time_starttransfer", seconds(self.phases.answered));
        member("time_total", seconds(Some(self.phases.ended)));
        member("num_redirects", self.redirects.to_string());
        member("num_retries", self.retries.to_string());
        member("exitcode", self.problem.as_ref().map_or(0, |problem| problem.status).to_string());
        member("error", text(self.problem.as_ref().map(|problem| problem.text.as_str())));
        line.push_str("}\n");
        line
    }
}

/// A string of JSON (RFC 8259 section 7).
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            character if character.is_control() => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    let _ = write!(quoted, "\\u{unit:04x}");
                }
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// A version as curl has it.
pub fn http_version(version: HttpVersion) -> &'static str {
    match version {
        HttpVersion::Http1 => "1.1",
        HttpVersion::Http2 => "2",
        _ => "3",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_json_whatever_was_said() {
        let mut record = Record::new("https://a/\"x\\", "GET");
        record.status = Some(200);
        record.problem = Some(Problem::new(18, "a\nb\u{1}"));
        record.phases.connected = Some(Duration::from_micros(1_234_567));
        let line = record.json();
        assert!(line.ends_with("}\n") && line.lines().count() == 1);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["url"], "https://a/\"x\\");
        assert_eq!((&value["http_code"], &value["exitcode"]), (&200.into(), &18.into()));
        assert_eq!(value["error"], "a\nb\u{1}");
        assert_eq!(value["time_connect"], 1.234_567);
        assert!(value["time_namelookup"].is_null());
    }
}
