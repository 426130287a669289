//! Standard output and standard error, as pipes and as terminals.

use crate::command::failure::{Failure, plain};
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Prints `text`, and fails quietly if its reader is gone.
pub fn print(text: &str) -> Result<(), Failure> {
    write(text.as_bytes())
}

/// Writes bytes as they are.
pub fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Quiet,
        _ => Failure::Failed(format!("standard output could not be written to: {}", plain(&error))),
    })
}

/// Says on standard error what happened, on a line of its own. One write, so that lines of several threads and programs do
/// not mix; control characters are escaped, because some of the text may be a peer's.
pub fn report(text: &str) {
    // Where nobody reads it there is nobody else to tell.
    let _ = io::stderr().write_all(line(text).as_bytes());
}

/// `text` as a line of this program: control characters are escaped.
pub fn line(text: &str) -> String {
    let mut line = String::from("posthaste: ");
    let mut parts = text.lines();
    line.push_str(parts.next().unwrap_or_default());
    for part in parts {
        line.push_str("; ");
        line.push_str(part.trim_start());
    }
    escaped(&line)
}

fn escaped(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars() {
        match character {
            character if character.is_control() => line.extend(character.escape_default()),
            character => line.push(character),
        }
    }
    line.push('\n');
    line
}

/// How far a long transfer has come, on one line of a terminal.
pub struct Progress {
    label: String,
    length: Option<u64>,
    began: Instant,
    shown: Option<Instant>,
    active: bool,
}

/// Transfers that take less need no line.
const FIRST: Duration = Duration::from_millis(500);
const NEXT: Duration = Duration::from_millis(100);

impl Progress {
    /// Shows nothing unless standard error is a terminal and `wanted`.
    pub fn new(label: &str, length: Option<u64>, wanted: bool) -> Progress {
        let active = wanted && io::stderr().is_terminal();
        Progress { label: label.to_owned(), length, began: Instant::now(), shown: None, active }
    }

    /// So many bytes are there.
    pub fn update(&mut self, received: u64) {
        if !self.active {
            return;
        }
        let now = Instant::now();
        let due = self.shown.map_or(self.began + FIRST, |shown| shown + NEXT);
        if now < due {
            return;
        }
        self.shown = Some(now);
        let rate = received as f64 / now.duration_since(self.began).as_secs_f64();
        let of = self.length.map_or(String::new(), |length| format!(" of {}", bytes(length as f64)));
        let line = format!("\r\x1b[K{}: {}{of}, {}/s", self.label, bytes(received as f64), bytes(rate));
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

/// `12.3 MB`.
pub fn bytes(count: f64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut count = count;
    let mut unit = 0;
    while count >= 1000.0 && unit + 1 < units.len() {
        count /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count:.0} B") } else { format!("{count:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_one_line_whatever_it_says() {
        assert_eq!(line("a\n  b\x1b[2J\rc"), "posthaste: a; b\\u{1b}[2J\\rc\n");
        assert_eq!(line(""), "posthaste: \n");
    }

    #[test]
    fn counts_of_bytes() {
        for (count, text) in [(0.0, "0 B"), (999.0, "999 B"), (1000.0, "1.0 kB"), (12_345_678.0, "12.3 MB")] {
            assert_eq!(bytes(count), text);
        }
    }
}
