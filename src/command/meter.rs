//! How far a transfer has come, on one line of a terminal: size, part, rate, and the time that is left.

use crate::command::get::flags::Meter;
use crate::command::output::bytes;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Transfers that take less need no line.
const FIRST: Duration = Duration::from_millis(500);
const NEXT: Duration = Duration::from_millis(100);
/// Characters of a bar.
const BAR: usize = 50;

/// The line of one transfer.
pub struct Progress {
    label: String,
    length: Option<u64>,
    is_bar: bool,
    began: Instant,
    shown: Option<Instant>,
    active: bool,
}

impl Progress {
    /// Shows nothing unless standard error is a terminal and it is wanted; `is_file` says that nothing else is on the terminal.
    pub fn new(label: &str, length: Option<u64>, meter: Meter, is_file: bool) -> Progress {
        let wanted = match meter {
            Meter::None => false,
            Meter::Bar => true,
            Meter::WhereItHelps => is_file,
        };
        let active = wanted && io::stderr().is_terminal();
        let is_bar = meter == Meter::Bar;
        Progress { label: label.to_owned(), length, is_bar, began: Instant::now(), shown: None, active }
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
        let line = if self.is_bar {
            bar(received, self.length)
        } else {
            line(&self.label, received, self.length, now.duration_since(self.began))
        };
        let _ = io::stderr().write_all(format!("\r\x1b[K{line}").as_bytes());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let end: &[u8] = if self.is_bar { b"\n" } else { b"\r\x1b[K" };
            let _ = io::stderr().write_all(end);
        }
    }
}

/// What is known of a transfer that has taken so long.
fn line(label: &str, received: u64, length: Option<u64>, elapsed: Duration) -> String {
    let rate = received as f64 / elapsed.as_secs_f64().max(1e-9);
    let (there, rate_text) = (bytes(received as f64), bytes(rate));
    match length.filter(|length| *length > 0) {
        None => format!("{label}: {there}, {rate_text}/s"),
        Some(length) => {
            let left = length.saturating_sub(received) as f64 / rate.max(1e-9);
            let left = Duration::try_from_secs_f64(left).map_or_else(|_| "unknown".to_owned(), clock);
            let percent = received.saturating_mul(100) / length;
            format!("{label}: {percent} %, {there} of {}, {rate_text}/s, {left} left", bytes(length as f64))
        }
    }
}

/// A bar, or how much there is where its end is not known.
fn bar(received: u64, length: Option<u64>) -> String {
    let Some(length) = length.filter(|length| *length > 0) else { return bytes(received as f64) };
    let share = (received.min(length) as f64 / length as f64).clamp(0.0, 1.0);
    let filled = (share * BAR as f64) as usize;
    format!("{}{} {:.1} %", "#".repeat(filled), " ".repeat(BAR - filled), share * 100.0)
}

/// `1:05`, or with hours `2:03:04`.
fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is_and_how_long_it_takes() {
        let two = Duration::from_secs(2);
        assert_eq!(line("f", 4_000_000, Some(16_000_000), two), "f: 25 %, 4.0 MB of 16.0 MB, 2.0 MB/s, 0:06 left");
        assert_eq!(line("f", 4_000, None, two), "f: 4.0 kB, 2.0 kB/s");
        assert_eq!(
            line("f", 9, Some(5), two),
            "f: 180 %, 9 B of 5 B, 4 B/s, 0:00 left",
            "a server that sends too much"
        );
        assert!(line("f", 0, Some(5), Duration::ZERO).contains("left"));
        assert!(line("f", 1, Some(u64::MAX), two).contains(" left"));
        assert_eq!(clock(Duration::from_secs(7384)), "2:03:04");
        assert_eq!(bar(1, Some(4)), format!("{}{} 25.0 %", "#".repeat(12), " ".repeat(38)));
        assert_eq!(bar(9, Some(4)), format!("{} 100.0 %", "#".repeat(50)));
        assert_eq!(bar(9, None), "9 B");
    }
}
