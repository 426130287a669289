//! A line for each request, in a file: for programs that read what other web servers write as well.

use crate::command::arguments::AccessLogFormat;
use crate::command::failure::Failure;
use crate::command::json;
use crate::command::log::{Log, Style};
use posthaste::{Answer, HttpVersion, date};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// Bytes of a target, and of each of the other texts that a client chooses, in a line.
const MAX_TARGET: usize = 2000;
const MAX_TEXT: usize = 400;

/// Takes what became of requests, and never waits.
#[derive(Clone)]
pub struct AccessLog {
    log: Log,
    format: AccessLogFormat,
    is_stale: Arc<AtomicBool>,
}

impl AccessLog {
    /// Appends to the file, or writes to standard output; `tell` hears of it when the file cannot be opened again later.
    pub fn open(name: &str, format: AccessLogFormat, tell: Log) -> Result<AccessLog, Failure> {
        let refused = |error| Failure::Failed(format!("the access log {name} could not be opened: {error}"));
        let is_stale = Arc::new(AtomicBool::new(false));
        let style = Style { is_json: format == AccessLogFormat::Json, ..Style::default() };
        let log = if name == "-" {
            let output = File::from(io::stdout().as_fd().try_clone_to_owned().map_err(refused)?);
            Log::start_on(output, "standard output", style)
        } else {
            let file = append(name).map_err(refused)?;
            let target = Target { name: name.to_owned(), file, is_stale: is_stale.clone(), tell };
            Log::start_on(target, "the file", style)
        };
        let log = log.map_err(|error| Failure::Failed(format!("a thread could not be started: {error}")))?;
        Ok(AccessLog { log, format, is_stale })
    }

    /// Writes a line.
    pub fn write(&self, answer: &Answer<'_>) {
        self.log.write_line(&line(self.format, answer, SystemTime::now()));
    }

    /// The file was renamed, maybe: the next line opens it by its name.
    pub fn reopen(&self) {
        self.is_stale.store(true, Ordering::Relaxed);
    }

    /// Waits until all is written, at most so long.
    pub fn flush(&self, patience: Duration) {
        self.log.flush(patience);
    }
}

/// The file, which may have another name by now.
struct Target {
    name: String,
    file: File,
    is_stale: Arc<AtomicBool>,
    tell: Log,
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_stale.swap(false, Ordering::Relaxed) {
            match append(&self.name) {
                Ok(file) => self.file = file,
                // The one before is better than none.
                Err(error) => {
                    self.tell
                        .report(&format!("warning: the access log {} could not be opened again: {error}", self.name));
                }
            }
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Who asked for what is not for everybody.
fn append(name: &str) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(name)
}

fn line(format: AccessLogFormat, answer: &Answer<'_>, now: SystemTime) -> String {
    let status = answer.status.map_or(0, |status| status.code());
    let (method, target) = (answer.method.as_str(), answer.target);
    if format == AccessLogFormat::Json {
        return in_json(answer, status, now);
    }
    let status = if status == 0 { "-".to_owned() } else { status.to_string() };
    let mut line = format!("{} - - [{}] \"", answer.remote.ip().to_canonical(), date::log_date(now));
    quoted(&mut line, method, MAX_TEXT);
    line.push(' ');
    quoted(&mut line, target, MAX_TARGET);
    let _ = write!(line, " {}\" {status} {}", protocol(answer.version), answer.bytes);
    if format == AccessLogFormat::Combined {
        for text in [answer.referer, answer.user_agent] {
            line.push_str(" \"");
            quoted(&mut line, text.unwrap_or("-"), MAX_TEXT);
            line.push('"');
        }
    }
    line
}

/// As web servers have it.
fn protocol(version: HttpVersion) -> &'static str {
    match version {
        HttpVersion::Http1 => "HTTP/1.1",
        HttpVersion::Http2 => "HTTP/2.0",
        _ => "HTTP/3.0",
    }
}

fn in_json(answer: &Answer<'_>, status: u16, now: SystemTime) -> String {
    let text = |text: &str, most| json::string(text, most);
    let mut line = format!(
        "{{\"time\":\"{}\",\"remote\":\"{}\",\"protocol\":\"{}\",\"method\":{},\"host\":{},\"target\":{},\"status\":{status},\"bytes\":{},\
         \"seconds\":{:.6},\"complete\":{}",
        date::rfc3339(now),
        answer.remote,
        protocol(answer.version),
        text(answer.method.as_str(), MAX_TEXT),
        text(answer.authority, MAX_TEXT),
        text(answer.target, MAX_TARGET),
        answer.bytes,
        answer.duration.as_secs_f64(),
        answer.is_complete,
    );
    for (name, value) in [("referer", answer.referer), ("user_agent", answer.user_agent)] {
        if let Some(value) = value {
            let _ = write!(line, ",\"{name}\":{}", text(value, MAX_TEXT));
        }
    }
    line.push('}');
    line
}

/// Appends text that stands between quotes: whatever a client has put into it, it ends neither the quotes nor the line.
fn quoted(line: &mut String, text: &str, most: usize) {
    let end = line.len() + most;
    for byte in text.bytes() {
        if line.len() >= end {
            line.push_str("...");
            return;
        }
        match byte {
            b'"' | b'\\' => line.extend(['\\', char::from(byte)]),
            b' '..=b'~' => line.push(char::from(byte)),
            _ => {
                let _ = write!(line, "\\x{byte:02x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_client_ends_the_quotes_or_the_line() {
        let mut line = String::new();
        quoted(&mut line, "a\"b\\\r\n\x1b é", 100);
        assert_eq!(line, "a\\\"b\\\\\\x0d\\x0a\\x1b \\xc3\\xa9");
        let mut line = String::from("x");
        quoted(&mut line, &"\n".repeat(1000), 10);
        assert!(line.len() <= 1 + 10 + 4 + 3, "{line}");
    }
}
