//! `posthaste events inject`: publishes what comes in lines.

use crate::command::events::connect::Connected;
use crate::command::events::json;
use crate::command::failure::{Failure, plain};
use crate::command::output;
use posthaste::events::{Event, EventError, Receipt};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

/// Bytes of a line, at most.
const MAX_LINE: u64 = 1 << 20;
/// Lines that are read ahead, at most.
const AHEAD: usize = 1000;
/// Events that are published and whose lines are not printed, at most.
const MAX_OPEN: usize = 5000;
/// How often a reader that waits for its input is looked at.
const PAUSE: Duration = Duration::from_millis(5);
/// How often is told how it goes.
const NEWS: Duration = Duration::from_secs(1);

type Pending = Pin<Box<dyn Future<Output = Result<Receipt, EventError>>>>;

/// Publishes, and prints a line for each event that is stored.
pub async fn run(
    connected: &Connected,
    namespace: &str,
    files: &[String],
    text: Option<&str>,
    silent: bool,
) -> Result<(), Failure> {
    let lines = read_beside(files.to_vec())?;
    let mut open: VecDeque<(String, Pending)> = VecDeque::new();
    let is_told = !silent && io::stderr().is_terminal();
    let (mut stored, mut told) = (0u64, Instant::now());
    loop {
        let line = match lines.try_recv() {
            Ok(line) => Some(line?),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => break,
        };
        let Some((place, line)) = line else {
            // What waits for its answer goes on meanwhile.
            match open.pop_front() {
                Some((id, receipt)) => stored += print(&id, receipt.await?)?,
                None => connected.handle.sleep(PAUSE).await,
            }
            continue;
        };
        let mut event = match text {
            Some(kind) => Event {
                kind: kind.to_owned(),
                message: String::from_utf8_lossy(&line).into_owned(),
                timestamp: runtime::clock::unix_millis(),
                ..Event::default()
            },
            None => json::read(&line).map_err(|problem| Failure::Failed(format!("{place}: {problem}")))?,
        };
        if event.id.is_empty() {
            event.id = new_id();
        }
        let receipt = connected.events.publish_soon(namespace, &event).await?;
        open.push_back((event.id, Box::pin(receipt)));
        while open.len() >= MAX_OPEN {
            let Some((id, receipt)) = open.pop_front() else { break };
            stored += print(&id, receipt.await?)?;
        }
        if is_told && told.elapsed() >= NEWS {
            told = Instant::now();
            eprint!("\r\x1b[K{stored} events are stored");
        }
    }
    while let Some((id, receipt)) = open.pop_front() {
        stored += print(&id, receipt.await?)?;
    }
    if is_told {
        eprintln!("\r\x1b[K{stored} events are stored");
    }
    Ok(())
}

fn print(id: &str, receipt: Receipt) -> Result<u64, Failure> {
    let mut text = String::new();
    let mut writer = ::json::ObjectWriter::begin(&mut text);
    writer.string("id", id);
    writer.number("sequence", receipt.sequence);
    writer.truth("is_duplicate", receipt.is_duplicate);
    writer.end();
    text.push('\n');
    output::print(&text)?;
    Ok(1)
}

fn new_id() -> String {
    let bytes: [u8; 16] = base::random::array(&mut crypto_ring::SystemRandom::new());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A line and where it is.
type Line = Result<(String, Vec<u8>), Failure>;

/// Reads on a thread of its own: a pipe that is slow holds up nothing else.
fn read_beside(files: Vec<String>) -> Result<Receiver<Line>, Failure> {
    let (sender, lines) = sync_channel(AHEAD);
    let read = move || {
        let files = if files.is_empty() { vec!["-".to_owned()] } else { files };
        for file in files {
            let result = match file.as_str() {
                "-" => each_line("standard input", io::stdin().lock(), |line| sender.send(line).is_ok()),
                name => match File::open(name) {
                    Ok(open) => each_line(name, BufReader::new(open), |line| sender.send(line).is_ok()),
                    Err(error) => Err(Failure::Failed(format!("{name} could not be opened: {}", plain(&error)))),
                },
            };
            if let Err(failure) = result {
                // Nobody waits for it who has ended.
                let _ = sender.send(Err(failure));
                return;
            }
        }
    };
    let started = std::thread::Builder::new().name("posthaste-input".into()).spawn(read);
    started.map_err(|error| Failure::Failed(format!("a thread could not be started: {error}")))?;
    Ok(lines)
}

fn each_line(name: &str, mut from: impl BufRead, mut take: impl FnMut(Line) -> bool) -> Result<(), Failure> {
    for number in 1u64.. {
        let mut line = Vec::new();
        let place = format!("{name}, line {number}");
        let read = from.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line);
        match read {
            Err(error) => return Err(Failure::Failed(format!("{place} could not be read: {}", plain(&error)))),
            Ok(0) => return Ok(()),
            Ok(_) if line.len() as u64 > MAX_LINE => {
                return Err(Failure::Failed(format!("{place} has more than {MAX_LINE} bytes")));
            }
            Ok(_) => {}
        }
        while line.last().is_some_and(|end| b"\r\n".contains(end)) {
            line.pop();
        }
        if !line.is_empty() && !take(Ok((place, line))) {
            return Ok(());
        }
    }
    Ok(())
}
