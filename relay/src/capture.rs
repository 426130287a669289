//! What came to a relay, written down as text for whoever judges a run afterwards.

use crate::path::Heading;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// A file with a line for each datagram, in the order in which the relay decided about them. A line has six fields with spaces between:
///
/// - microseconds since the file was made,
/// - `>` towards the server, `<` towards the client,
/// - the address at which the server sees the client,
/// - `passed`, `lost` or `changed`,
/// - bytes of the datagram,
/// - the datagram as it came, in hexadecimal; `-` if it has no bytes.
#[derive(Debug)]
pub struct Capture {
    file: Mutex<BufWriter<File>>,
    zero: Instant,
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Passed,
    Lost,
    Changed,
}

impl Capture {
    /// Makes the file, or empties it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Capture> {
        Ok(Capture { file: Mutex::new(BufWriter::new(File::create(path)?)), zero: Instant::now() })
    }

    /// One line. What cannot be written is missing: a relay does not end because of a full disk.
    pub(crate) fn write(&self, at: Instant, heading: Heading, outside: SocketAddr, fate: Fate, datagram: &[u8]) {
        let heading = if heading == Heading::Server { '>' } else { '<' };
        let fate = match fate {
            Fate::Passed => "passed",
            Fate::Lost => "lost",
            Fate::Changed => "changed",
        };
        let micros = at.saturating_duration_since(self.zero).as_micros();
        let mut line = format!("{micros} {heading} {outside} {fate} {} ", datagram.len());
        if datagram.is_empty() {
            line.push('-');
        }
        for byte in datagram {
            let _ = write!(line, "{byte:02x}");
        }
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // Flushed, because a relay is ended from outside.
        let _ = file.write_all(line.as_bytes()).and_then(|()| file.flush());
    }
}
