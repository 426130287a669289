//! The standard error of a server, and its log of requests, each written by a thread of its own: a reader that is slow, stopped
//! or gone holds up no connection. What it does not take is dropped and counted.

use crate::command::arguments::Level;
use crate::command::failure::Failure;
use crate::command::json;
use crate::command::output;
use posthaste::date;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Bytes that may wait to be written.
const MAX_QUEUED: usize = 1 << 20;
/// The longest line: what a pipe takes whole from one call, however many write to it (PIPE_BUF of Linux).
const MAX_LINE: usize = 4096;
/// How long to wait for a pipe that somebody else has made non-blocking.
const RETRY: Duration = Duration::from_millis(10);

/// Takes lines, and never waits. Clones write to the same place.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
    style: Style,
}

/// Which lines are written, and how.
#[derive(Clone, Copy, Default)]
pub struct Style {
    /// What matters less is left out.
    pub level: Level,
    /// One object on each line.
    pub is_json: bool,
}

#[derive(Default)]
struct Shared {
    backlog: Mutex<Backlog>,
    more: Condvar,
    done: Condvar,
    /// What is written to, in words.
    place: &'static str,
    style: Style,
}

#[derive(Default)]
struct Backlog {
    queue: VecDeque<Line>,
    queued: usize,
    /// Lines that were dropped, as far as that has not been said.
    lost: u64,
    is_writing: bool,
    /// The last one could not be written.
    is_failing: bool,
}

/// One call of the system.
struct Line {
    bytes: Vec<u8>,
    /// Lines that are lost if this is.
    stands_for: u64,
}

impl Log {
    /// Starts the thread that writes to standard error.
    pub fn start(style: Style) -> Result<Log, Failure> {
        // A descriptor of its own: whoever else writes there does not wait for this thread.
        let refused = |error| Failure::Failed(format!("standard error could not be used: {error}"));
        let target = File::from(io::stderr().as_fd().try_clone_to_owned().map_err(refused)?);
        let started = Log::start_on(target, "standard error", style);
        started.map_err(|error| Failure::Failed(format!("a thread could not be started: {error}")))
    }

    /// The same for another place, which is called that in words.
    pub fn start_on(target: impl Write + Send + 'static, place: &'static str, style: Style) -> io::Result<Log> {
        let shared = Arc::new(Shared { place, style, ..Shared::default() });
        let writing = shared.clone();
        std::thread::Builder::new().name("posthaste-log".into()).spawn(move || writing.run(target))?;
        Ok(Log { shared, style })
    }

    /// Says what happened, on a line of its own. Control characters are escaped, because some of the text may be a peer's.
    pub fn report(&self, text: &str) {
        // The words that warnings begin with say how much they matter.
        self.say(if text.starts_with("warning: ") { Level::Warning } else { Level::Info }, text);
    }

    /// Whether lines that matter so much are written.
    pub fn tells(&self, level: Level) -> bool {
        level <= self.style.level
    }

    /// The same, if it matters enough.
    pub fn say(&self, level: Level, text: &str) {
        if !self.tells(level) {
            return;
        }
        let line = if self.style.is_json { in_json(level, text) } else { output::line(text) };
        self.push(line.into_bytes());
    }

    /// A line as it is, which is said whatever matters.
    pub fn line(&self, text: &str) {
        self.push(if self.style.is_json { in_json(Level::Info, text) } else { format!("{text}\n") }.into_bytes());
    }

    /// A line in the words of whoever writes it, whatever the style.
    pub fn write_line(&self, text: &str) {
        self.push(format!("{text}\n").into_bytes());
    }

    /// Why the server ends.
    pub fn fail(&self, text: &str) {
        let line = if self.style.is_json { in_json(Level::Error, text) } else { format!("posthaste: {text}\n") };
        self.push(line.into_bytes());
    }

    /// Waits until all is written, at most so long.
    pub fn flush(&self, patience: Duration) {
        let backlog = self.shared.lock();
        let waiting = self.shared.done.wait_timeout_while(backlog, patience, |backlog| !backlog.is_idle());
        drop(waiting.unwrap_or_else(PoisonError::into_inner));
    }

    fn push(&self, mut bytes: Vec<u8>) {
        if bytes.len() > MAX_LINE {
            let text = String::from_utf8_lossy(&bytes[..MAX_LINE - 8]).into_owned();
            bytes = format!("{}...\n", text.trim_end_matches(char::REPLACEMENT_CHARACTER)).into_bytes();
        }
        self.shared.lock().push(Line { bytes, stands_for: 1 }, |lost| self.shared.notice(lost));
        self.shared.more.notify_one();
    }
}

/// A line of a log that programs read.
fn in_json(level: Level, text: &str) -> String {
    let (time, text) = (date::rfc3339(SystemTime::now()), json::string(text, MAX_LINE / 2));
    format!("{{\"time\":\"{time}\",\"level\":\"{}\",\"message\":{text}}}\n", level.name())
}

/// What is written in one call is one line.
impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Backlog {
    fn push(&mut self, line: Line, notice: impl Fn(u64) -> String) {
        if self.queued + line.bytes.len() > MAX_QUEUED {
            self.lost += 1;
            return;
        }
        let notice = self.take_notice(notice);
        for line in notice.into_iter().chain([line]) {
            self.queued += line.bytes.len();
            self.queue.push_back(line);
        }
    }

    fn next(&mut self, notice: impl Fn(u64) -> String) -> Option<Line> {
        let line = self.queue.pop_front();
        self.queued -= line.as_ref().map_or(0, |line| line.bytes.len());
        // Where nothing can be written, that is not said again and again.
        let line = line.or_else(|| if self.is_failing { None } else { self.take_notice(notice) });
        self.is_writing = line.is_some();
        line
    }

    /// A word about what is missing, as `notice` has it.
    fn take_notice(&mut self, notice: impl Fn(u64) -> String) -> Option<Line> {
        let lost = std::mem::take(&mut self.lost);
        (lost > 0).then(|| Line { bytes: notice(lost).into_bytes(), stands_for: lost })
    }

    fn is_idle(&self) -> bool {
        self.queue.is_empty() && !self.is_writing && (self.lost == 0 || self.is_failing)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notice(&self, lost: u64) -> String {
        let lines = if lost == 1 { "1 line is".to_owned() } else { format!("{lost} lines are") };
        let text = format!("{lines} missing here: {} did not take them", self.place);
        if self.style.is_json { in_json(Level::Warning, &text) } else { format!("posthaste: {text}\n") }
    }

    fn run(&self, mut target: impl Write) {
        let mut backlog = self.lock();
        loop {
            let Some(line) = backlog.next(|lost| self.notice(lost)) else {
                self.done.notify_all();
                backlog = self.more.wait(backlog).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(backlog);
            let written = write(&mut target, &line.bytes);
            backlog = self.lock();
            backlog.is_writing = false;
            backlog.is_failing = written.is_err();
            if written.is_err() {
                backlog.lost += line.stands_for;
            }
        }
    }
}

/// One call, unless the system takes less.
fn write(target: &mut impl Write, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        match target.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => rest = &rest[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(RETRY),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const LONG: Duration = Duration::from_secs(60);

    /// A reader that takes one call at each permission, and keeps it; or refuses it.
    struct Reader {
        permissions: Receiver<bool>,
        calls: Sender<String>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.permissions.recv() {
                Ok(true) => {
                    self.calls.send(String::from_utf8(bytes.to_vec()).unwrap()).unwrap();
                    Ok(bytes.len())
                }
                _ => Err(io::ErrorKind::BrokenPipe.into()),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log() -> (Log, Sender<bool>, Receiver<String>) {
        let ((permit, permissions), (calls, written)) = (channel(), channel());
        (Log::start_on(Reader { permissions, calls }, "standard error", Style::default()).unwrap(), permit, written)
    }

    #[test]
    fn a_line_is_one_call_and_never_longer_than_a_pipe_takes_whole() {
        let (log, permit, written) = log();
        (0..3).for_each(|_| permit.send(true).unwrap());
        log.line("one");
        log.report("two\nthree\x1b[2J");
        log.line(&"é".repeat(5000));
        log.flush(LONG);
        let calls: Vec<String> = written.try_iter().collect();
        assert_eq!(&calls[..2], ["one\n", "posthaste: two; three\\u{1b}[2J\n"]);
        assert!(calls[2].len() <= MAX_LINE && calls[2].ends_with("é...\n"), "{}", calls[2].len());
    }

    #[test]
    fn what_matters_less_is_left_out_and_every_line_is_one_object_where_that_was_asked_for() {
        let ((permit, permissions), (calls, written)) = (channel(), channel());
        let style = Style { level: Level::Warning, is_json: true };
        let log = Log::start_on(Reader { permissions, calls }, "the file", style).unwrap();
        (0..3).for_each(|_| permit.send(true).unwrap());
        log.say(Level::Info, "not this");
        log.report("nor this");
        log.report("warning: \"this\"\n\x1b");
        log.say(Level::Error, "and this");
        log.line("and this, always");
        log.flush(LONG);
        let calls: Vec<String> = written.try_iter().collect();
        let tails: Vec<&str> = calls.iter().map(|call| call.split_once("\",\"level\"").unwrap().1).collect();
        assert_eq!(
            tails,
            [
                ":\"warning\",\"message\":\"warning: \\\"this\\\"\\n\\u001b\"}\n",
                ":\"error\",\"message\":\"and this\"}\n",
                ":\"info\",\"message\":\"and this, always\"}\n",
            ]
        );
        assert!(calls.iter().all(|call| call.starts_with("{\"time\":\"20")), "{calls:?}");
    }

    #[test]
    fn a_reader_that_stops_costs_bounded_memory_and_learns_how_much_it_missed() {
        let (log, permit, written) = log();
        let line = "x".repeat(999);
        log.line(&line);
        while !log.shared.lock().is_writing {
            std::thread::yield_now();
        }
        let fits = MAX_QUEUED / 1000;
        (0..fits + 500).for_each(|_| log.line(&line));
        assert!(log.shared.lock().queued <= MAX_QUEUED);
        (0..fits + 3).for_each(|_| permit.send(true).unwrap());
        log.flush(LONG);
        log.line("and on");
        log.flush(LONG);
        let calls: Vec<String> = written.try_iter().collect();
        let (lines, rest): (Vec<&String>, Vec<&String>) = calls.iter().partition(|call| call.starts_with('x'));
        assert_eq!(lines.len(), fits + 1);
        assert_eq!(rest, ["posthaste: 500 lines are missing here: standard error did not take them\n", "and on\n"]);
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted_until_one_can() {
        let (log, permit, written) = log();
        [false, false, true, true, true].into_iter().for_each(|is_taken| permit.send(is_taken).unwrap());
        for text in ["a", "b", "c"] {
            log.line(text);
            log.flush(LONG);
        }
        // "a" is refused, and the first word about it, too.
        let calls: Vec<String> = written.try_iter().collect();
        assert_eq!(calls, ["b\n", "posthaste: 1 line is missing here: standard error did not take them\n", "c\n"]);
    }
}
