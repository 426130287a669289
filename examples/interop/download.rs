//! A client's part on one connection of `hq-interop`: asks for files, as many at a time as the server allows, and writes them.

use super::Failure;
use super::link::Application;
use base::{Direction, StreamId};
use quic::{Connection, Event, Read, StreamEvent};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;

/// Bytes that are read at a time.
const PIECE: usize = 64 << 10;

/// One file: what the server is asked for, and where it goes.
#[derive(Debug)]
pub struct Wanted {
    pub path: String,
    pub file: PathBuf,
}

/// A file that is under way. It is made when something comes of it.
#[derive(Debug)]
struct Saving {
    wanted: Wanted,
    file: Option<File>,
}

impl Saving {
    fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let path = &self.wanted.file;
        let file = match &mut self.file {
            Some(file) => Ok(file),
            none => File::create(path).map(|file| none.insert(file)),
        };
        let written = file.and_then(|file| file.write_all(bytes));
        written.map_err(|error| format!("{} cannot be written: {error}", path.display()))
    }
}

/// The files of one connection, and what became of them.
#[derive(Debug, Default)]
pub struct Downloads {
    waiting: VecDeque<Wanted>,
    under_way: BTreeMap<StreamId, Saving>,
    /// The keys are to be updated as soon as that is allowed.
    updates_keys: bool,
    outcome: Outcome,
    is_over: bool,
}

/// How the downloads of a connection ended, as soon as they have. The connection may be gone by then.
pub type Outcome = Rc<RefCell<Option<Result<(), String>>>>;

impl Downloads {
    /// To be told in `outcome`.
    pub fn new(waiting: VecDeque<Wanted>, updates_keys: bool, outcome: Outcome) -> Downloads {
        Downloads { waiting, updates_keys, outcome, ..Downloads::default() }
    }

    fn end(&mut self, outcome: Result<(), String>) {
        if !self.is_over {
            self.is_over = true;
            *self.outcome.borrow_mut() = Some(outcome);
        }
    }

    fn ask(&mut self, connection: &mut Connection) -> Result<(), Failure> {
        while let Some(wanted) = self.waiting.front() {
            let Some(id) = connection.open(Direction::Bidirectional) else { break };
            let request = format!("GET {}\r\n", wanted.path);
            // The server's first window has room for a line in any case that is worth trying.
            let refused = |error| format!("{}: the request cannot be sent: {error:?}", wanted.path);
            let taken = connection.write_slice(id, request.as_bytes()).map_err(refused)?;
            if taken < request.len() {
                return Err(format!("the server takes {taken} bytes of a request of {}", request.len()).into());
            }
            connection.finish(id).map_err(refused)?;
            let Some(wanted) = self.waiting.pop_front() else { break };
            self.under_way.insert(id, Saving { wanted, file: None });
        }
        Ok(())
    }

    fn read(&mut self, connection: &mut Connection, id: StreamId) -> Result<(), Failure> {
        let Some(saving) = self.under_way.get_mut(&id) else { return Ok(()) };
        loop {
            match connection.read(id, PIECE).map_err(|error| format!("{}: {error:?}", saving.wanted.path))? {
                Read::Data(bytes) => saving.write(&bytes)?,
                Read::Blocked => return Ok(()),
                Read::Finished => {
                    // One without bytes is a file, too.
                    saving.write(&[])?;
                    self.under_way.remove(&id);
                    return Ok(());
                }
            }
        }
    }

    fn on_stream_event(&mut self, connection: &mut Connection, event: StreamEvent) -> Result<(), Failure> {
        match event {
            StreamEvent::Readable(id) => self.read(connection, id),
            StreamEvent::StreamsAvailable(_) => self.ask(connection),
            StreamEvent::Reset { id, code, .. } | StreamEvent::Stopped { id, code } => match self.under_way.get(&id) {
                Some(Saving { wanted, .. }) => {
                    Err(format!("{}: the server gave up with code {code}", wanted.path).into())
                }
                None => Ok(()),
            },
            StreamEvent::Opened(_) | StreamEvent::Writable(_) | StreamEvent::Finished(_) => Ok(()),
        }
    }
}

impl Application for Downloads {
    fn on_event(&mut self, connection: &mut Connection, event: Event) {
        let done = match event {
            // As early data, where that is the case.
            Event::CanSend => self.ask(connection),
            Event::Established => {
                if self.updates_keys {
                    connection.update_keys();
                }
                self.ask(connection)
            }
            Event::Stream(event, _) => self.on_stream_event(connection, event),
            Event::Closed(reason) => Err(format!("the connection ended: {reason}").into()),
            _ => Ok(()),
        };
        match done {
            Err(error) => self.end(Err(error.to_string())),
            Ok(()) if self.waiting.is_empty() && self.under_way.is_empty() => self.end(Ok(())),
            Ok(()) => {}
        }
    }
}
