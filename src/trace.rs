//! Seeing inside: the records of connections, and two things to do with them.
//!
//! `ServerBuilder::trace` and `ClientBuilder::trace` take a [`TraceConsumer`]. [`TraceLines`] writes one readable line for each
//! record; [`Qlog`] writes a file of qlog for each connection. A connection that nobody traces records nothing.

mod credentials;
mod line;
mod qlog;
mod qlog_error;
mod qlog_frame;

pub use quic::trace::{
    Cause, CongestionPhase, Frames, Key, Metrics, Packet, PacketType, Record, Stage, Timer, TimerChange, Trace,
};

use crate::error::Error;
use crate::files::date::rfc3339;
use base::{Instant, Side};
use line::Line;
use quic::wire::connection_id::ConnectionId;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Is given the records of every connection, in order, on the thread of the endpoint and never in the middle of its work.
pub trait TraceConsumer {
    /// One record.
    fn record(&mut self, trace: &Trace<'_>);
}

/// One consumer for the connections of several threads and endpoints.
#[derive(Clone)]
pub(crate) struct SharedTrace(Arc<Mutex<dyn TraceConsumer + Send>>);

impl SharedTrace {
    pub(crate) fn new(consumer: impl TraceConsumer + Send + 'static) -> SharedTrace {
        SharedTrace(Arc::new(Mutex::new(consumer)))
    }

    /// One record.
    pub(crate) fn record(&self, trace: &Trace<'_>) {
        // A consumer that has panicked gets what follows all the same: its trouble is not the connections'.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).record(trace);
    }
}

/// Gives the records to two consumers.
#[derive(Debug)]
pub struct Both<A, B>(pub A, pub B);

impl<A: TraceConsumer, B: TraceConsumer> TraceConsumer for Both<A, B> {
    fn record(&mut self, trace: &Trace<'_>) {
        self.0.record(trace);
        self.1.record(trace);
    }
}

impl<A: TraceConsumer> TraceConsumer for Option<A> {
    fn record(&mut self, trace: &Trace<'_>) {
        if let Some(consumer) = self {
            consumer.record(trace);
        }
    }
}

/// Gives the records of several clients or servers to one consumer: each is given a clone.
impl<A: TraceConsumer> TraceConsumer for Arc<Mutex<A>> {
    fn record(&mut self, trace: &Trace<'_>) {
        // As for those that share one: see `SharedTrace`.
        self.lock().unwrap_or_else(PoisonError::into_inner).record(trace);
    }
}

/// Writes one line for each record to any writer.
#[derive(Debug)]
pub struct TraceLines<W> {
    writer: W,
    zero: Option<Instant>,
}

impl<W: Write> TraceLines<W> {
    /// Lines to `writer`, each in one call of it. What cannot be written is lost: a trace does not disturb what it traces.
    pub const fn new(writer: W) -> TraceLines<W> {
        TraceLines { writer, zero: None }
    }
}

impl<W: Write> TraceConsumer for TraceLines<W> {
    fn record(&mut self, trace: &Trace<'_>) {
        let zero = *self.zero.get_or_insert(trace.at);
        let line = format!("{}\n", Line { trace: *trace, zero });
        let _ = self.writer.write_all(line.as_bytes());
    }
}

/// Writes a file of qlog for each connection into one folder: `GROUP_client.sqlog` or `GROUP_server.sqlog`, where GROUP is
/// the original destination connection ID. All files together have at most 1 GiB, or what [`Qlog::max_bytes`] says: then those that
/// are open end with a warning that says so, and later connections have none.
#[derive(Debug)]
pub struct Qlog {
    folder: PathBuf,
    open: BTreeMap<(ConnectionId, bool), QlogFile>,
    failed: Option<Error>,
    not_logged: u64,
    /// Bytes that may still be written.
    room: u64,
}

#[derive(Debug)]
struct QlogFile {
    file: BufWriter<File>,
    zero: Instant,
}

/// Files that are open at a time: a flood of connections must not take the descriptors of the server.
const MAX_OPEN: usize = 256;
/// Bytes of all files: a server that is traced and forgotten must not fill the disk.
const MAX_BYTES: u64 = 1 << 30;

impl Qlog {
    /// Files go to `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// The folder cannot be made, or is no folder.
    pub fn open(folder: impl AsRef<Path>) -> Result<Qlog, Error> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(|error| Error::file(folder, "used as a folder for qlog", error))?;
        let (open, failed) = (BTreeMap::new(), None);
        Ok(Qlog { folder: folder.to_owned(), open, failed, not_logged: 0, room: MAX_BYTES })
    }

    /// The most bytes of all files together, but for a line of each file that ends because of this.
    #[must_use]
    pub const fn max_bytes(mut self, bytes: u64) -> Qlog {
        self.room = bytes;
        self
    }

    /// The first error of a file, once: that connection's file ends early or is not there.
    pub const fn take_error(&mut self) -> Option<Error> {
        self.failed.take()
    }

    /// Connections without a file, because too many files were open when they began, or the files were full.
    pub const fn not_logged(&self) -> u64 {
        self.not_logged
    }

    /// Ends every file, because there is no room for more.
    fn end_all(&mut self, trace: &Trace<'_>) {
        self.room = 0;
        for file in core::mem::take(&mut self.open).values_mut() {
            // A disk that is full for another reason has been told already, or is with the next file.
            let end = qlog::warning(trace.at, file.zero, "the files of this folder are full: nothing more is written");
            let _ = file.file.write_all(end.as_bytes()).and_then(|()| file.file.flush());
        }
        let words = format!("the qlog in {} is full: the files end here", self.folder.display());
        self.failed = self.failed.take().or(Some(Error::Message(words)));
    }

    fn begin(&self, trace: &Trace<'_>) -> Result<QlogFile, Error> {
        let side = match trace.side {
            Side::Client => "client",
            Side::Server => "server",
        };
        let path = self.folder.join(format!("{}_{side}.sqlog", trace.group));
        let begun = new_file(&path).and_then(|file| {
            let mut file = BufWriter::new(file);
            file.write_all(qlog::header(trace.side, trace.group, &rfc3339(SystemTime::now())).as_bytes())?;
            Ok(QlogFile { file, zero: trace.at })
        });
        begun.map_err(|error| Error::file(&path, "written as qlog", error))
    }
}

/// A new file, whatever had its name: the name is made of an ID that a client chose, and what somebody has put there might be a
/// link to something of ours, or a pipe that would be waited for.
fn new_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // Addresses of clients and the names they ask for are nobody else's business.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(path)?;
            options.open(path)
        }
        opened => opened,
    }
}

impl TraceConsumer for Qlog {
    fn record(&mut self, trace: &Trace<'_>) {
        let key = (trace.group, trace.side == Side::Client);
        if let Record::Started { .. } = trace.record {
            if self.open.len() >= MAX_OPEN || self.room == 0 {
                self.not_logged += 1;
                return;
            }
            match self.begin(trace) {
                Ok(file) => {
                    self.open.insert(key, file);
                }
                Err(error) => self.failed = self.failed.take().or(Some(error)),
            }
        }
        let Some(open) = self.open.get_mut(&key) else { return };
        let event = qlog::event(trace, open.zero);
        let Some(room) = self.room.checked_sub(event.len() as u64) else { return self.end_all(trace) };
        self.room = room;
        let mut written = open.file.write_all(event.as_bytes());
        let is_last = trace.record == Record::Stage(Stage::Drained);
        if is_last {
            written = written.and_then(|()| open.file.flush());
        }
        if let Err(error) = written {
            let path = self.folder.join(trace.group.to_string());
            self.failed = self.failed.take().or(Some(Error::file(&path, "written as qlog", error)));
            self.open.remove(&key);
        } else if is_last {
            self.open.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests;
