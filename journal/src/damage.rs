//! What went wrong: with a call, and with what is on the disk.

use std::fmt;
use std::io;

/// A call that failed, and on which file.
#[derive(Debug)]
pub struct Error {
    /// What was to be done.
    pub what: &'static str,
    /// The file's name, or `.` for the folder.
    pub file: String,
    /// What the system said.
    pub source: io::Error,
}

impl Error {
    pub(crate) fn new(what: &'static str, file: &str, source: io::Error) -> Error {
        Error { what, file: file.to_owned(), source }
    }

    /// Whether there is no room: nothing is lost, and with room the same call may succeed.
    pub fn is_disk_full(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::WriteZero
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.what, self.file, self.source)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// A part of a segment that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// The end of the newest segment was no whole record and was cut off: a write that was under way in a crash, and was answered to
    /// nobody, or a record that the disk has spoiled.
    Torn {
        /// The segment's file.
        file: String,
        /// From which byte on.
        offset: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// Bytes between records are no record, and were passed by. What follows them is good.
    Broken {
        /// The segment's file.
        file: String,
        /// From which byte on.
        offset: u64,
        /// How many bytes.
        bytes: u64,
        /// The number of the record, if its header was good.
        sequence: Option<u64>,
    },
    /// A segment without a readable beginning: nothing of it can be read. The file stays where it is.
    Unreadable {
        /// The segment's file.
        file: String,
        /// How many bytes it has.
        bytes: u64,
    },
    /// A segment between others is missing.
    Missing {
        /// The segment's file.
        file: String,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::Torn { file, offset, bytes } => {
                write!(f, "{file}: the last {bytes} bytes, from {offset} on, are no whole record and were cut off")
            }
            Damage::Broken { file, offset, bytes, sequence: Some(sequence) } => write!(
                f,
                "{file}: the record with number {sequence}, {bytes} bytes from {offset} on, is spoiled and was passed by"
            ),
            Damage::Broken { file, offset, bytes, sequence: None } => {
                write!(f, "{file}: {bytes} bytes from {offset} on are spoiled and were passed by")
            }
            Damage::Unreadable { file, bytes } => {
                write!(f, "{file}: its beginning is spoiled, and nothing of its {bytes} bytes can be read")
            }
            Damage::Missing { file } => write!(f, "{file}: the file is missing"),
        }
    }
}
