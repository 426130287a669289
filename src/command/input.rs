//! A file, a pipe or standard input, read by a thread of its own: a pipe that takes its time lets the request wait, but neither
//! the connection's timers nor the response.

use crate::command::failure::{Failure, plain};
use crate::command::get::flags::Part;
use posthaste::Bytes;
use std::collections::VecDeque;
use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// How much is read at a time. A pipe gives what it has.
const PIECE: usize = 64 << 10;

/// How many pieces are read ahead.
const AHEAD: usize = 4;

/// The status of what could not be read.
const READ: u8 = 26;

/// What is called so in a command line.
const STANDARD_INPUT: &str = "-";

/// Something that is read. Dropping it ends the thread with its next piece.
pub struct Input {
    shared: Arc<Shared>,
    /// How long it is, if that is known.
    length: Option<u64>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// There is room for a piece, or nobody wants one any more.
    wanted: Condvar,
}

#[derive(Default)]
struct State {
    /// Once it is open: its length, if that is known.
    opened: Option<Option<u64>>,
    pieces: VecDeque<Bytes>,
    /// After the last piece: whether that was all.
    end: Option<Result<(), Failure>>,
    waker: Option<Waker>,
    dropped: bool,
}

impl Input {
    /// Opens what the command line names, one part after the other, and waits until all are open: a pipe is when somebody writes to it.
    pub async fn open(parts: &[Part]) -> Result<Input, Failure> {
        let shared = Arc::new(Shared::default());
        let mut input = Input { shared: shared.clone(), length: None };
        let parts = parts.to_vec();
        let thread = std::thread::Builder::new().name("posthaste-input".into()).spawn(move || shared.run(&parts));
        thread.map_err(|error| Failure::Coded(READ, format!("a thread could not be started: {error}")))?;
        input.length = poll_fn(|context| input.shared.poll_opened(context)).await?;
        Ok(input)
    }

    /// How long it is, if that is known: a pipe ends when it ends.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next piece; `None` after the last.
    pub fn poll_piece(&mut self, context: &Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        let mut state = self.shared.lock();
        if let Some(piece) = state.pieces.pop_front() {
            self.shared.wanted.notify_one();
            return Poll::Ready(Ok(Some(piece)));
        }
        match state.end.take() {
            Some(end) => Poll::Ready(end.map(|()| None)),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.shared.lock().dropped = true;
        self.shared.wanted.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_opened(&self, context: &Context<'_>) -> Poll<Result<Option<u64>, Failure>> {
        let mut state = self.lock();
        match (state.opened, state.end.take()) {
            (None, Some(Err(failure))) => Poll::Ready(Err(failure)),
            (Some(length), end) => {
                state.end = end;
                Poll::Ready(Ok(length))
            }
            (None, _) => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The life of the thread.
    fn run(&self, parts: &[Part]) {
        let result = self.read(parts);
        self.tell(|state| state.end = Some(result));
    }

    fn read(&self, parts: &[Part]) -> Result<(), Failure> {
        let sources = parts.iter().map(Source::open).collect::<Result<Vec<Source>, Failure>>()?;
        let length = sources.iter().map(Source::length).sum();
        self.tell(|state| state.opened = Some(length));
        for source in sources {
            let is_wanted = match source {
                Source::Text(text) => self.hand_over(text),
                Source::File(file) => self.pass_on(file)?,
            };
            if !is_wanted {
                break;
            }
        }
        Ok(())
    }

    /// Gives all of a file; false if the task wants no more.
    fn pass_on(&self, mut from: Opened) -> Result<bool, Failure> {
        let shown = from.shown.clone();
        let failed = |error: io::Error| not_read(&shown, &error);
        let mut count = 0;
        loop {
            // One byte more than there should be would show itself.
            let piece = from.first.take().map_or_else(|| piece(&mut from.file), Ok).map_err(failed)?;
            count += piece.len() as u64;
            match from.length {
                Some(length) if count > length => return Err(changed(&shown, length, "longer")),
                Some(length) if piece.is_empty() && count < length => return Err(changed(&shown, length, "shorter")),
                _ if piece.is_empty() => return Ok(true),
                _ => {}
            }
            let piece = if from.strips { stripped(&piece) } else { piece };
            if !piece.is_empty() && !self.hand_over(piece) {
                return Ok(false);
            }
        }
    }

    /// Gives a piece to the task, once it has room; false if the task wants no more.
    fn hand_over(&self, piece: Bytes) -> bool {
        let has_to_wait = |state: &mut State| state.pieces.len() >= AHEAD && !state.dropped;
        let mut state = self.wanted.wait_while(self.lock(), has_to_wait).unwrap_or_else(PoisonError::into_inner);
        if state.dropped {
            return false;
        }
        state.pieces.push_back(piece);
        wake(state);
        true
    }

    fn tell(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        wake(state);
    }
}

/// A part that is ready to be read.
enum Source {
    Text(Bytes),
    File(Opened),
}

struct Opened {
    file: File,
    /// How it is called in errors.
    shown: String,
    /// How much there is to be read, if that is known.
    length: Option<u64>,
    /// What was read already.
    first: Option<Bytes>,
    /// Line ends are left out.
    strips: bool,
}

impl Source {
    fn open(part: &Part) -> Result<Source, Failure> {
        let (name, strips) = match part {
            Part::Text(text) => return Ok(Source::Text(Bytes::from(text.clone()))),
            Part::File { name, strips } => (name, *strips),
        };
        let shown = if name == STANDARD_INPUT { "standard input" } else { name };
        let failed = |error: io::Error| not_read(shown, &error);
        let mut file = open(name).map_err(failed)?;
        let mut length = length(&mut file, shown)?;
        let mut first = None;
        if length == Some(0) {
            // Files of the kernel say that they are empty, and are not.
            let there = piece(&mut file).map_err(failed)?;
            length = length.filter(|_| there.is_empty());
            first = Some(there);
        }
        Ok(Source::File(Opened { file, shown: shown.to_owned(), length, first, strips }))
    }

    /// How much will be sent of it, if that is known.
    fn length(&self) -> Option<u64> {
        match self {
            Source::Text(text) => Some(text.len() as u64),
            Source::File(file) => file.length.filter(|_| !file.strips),
        }
    }
}

/// Without line ends and without bytes that end text: what is typed into a form has none.
fn stripped(piece: &Bytes) -> Bytes {
    let is_kept = |byte: &u8| ![b'\r', b'\n', 0].contains(byte);
    if piece.iter().all(is_kept) {
        return piece.clone();
    }
    Bytes::from(piece.iter().copied().filter(is_kept).collect::<Vec<u8>>())
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn open(name: &str) -> io::Result<File> {
    if name != STANDARD_INPUT {
        return File::open(name);
    }
    // Not by way of the standard library's buffer, which knows no length and reads ahead.
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// How much a regular file has from where it is read.
fn length(file: &mut File, shown: &str) -> Result<Option<u64>, Failure> {
    let failed = |error: io::Error| not_read(shown, &error);
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(Failure::Coded(READ, format!("{shown} is a folder: name a file, or standard input with @-")));
    }
    if !metadata.is_file() {
        return Ok(None);
    }
    let position = file.stream_position().map_err(failed)?;
    Ok(Some(metadata.len().saturating_sub(position)))
}

/// What comes next, as much as there is; nothing at the end.
fn piece(file: &mut File) -> io::Result<Bytes> {
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(count) => {
                piece.truncate(count);
                return Ok(Bytes::from(piece));
            }
        }
    }
}

fn not_read(shown: &str, error: &io::Error) -> Failure {
    Failure::Coded(READ, format!("{shown} could not be read: {}", plain(error)))
}

fn changed(shown: &str, length: u64, how: &str) -> Failure {
    Failure::Coded(
        READ,
        format!(
            "{shown} became {how} than {length} bytes while it was sent, so the request was cancelled: send it when nobody writes \
         to it, or by way of a pipe"
        ),
    )
}
