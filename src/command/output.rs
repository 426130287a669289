//! Standard output and standard error, as pipes and as terminals.

use crate::command::failure::{Failure, plain};
use std::io::{self, Write};

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
