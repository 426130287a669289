//! Clients that are started again whenever they end.

use crate::Failure;
use crate::process::{gather, text};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A run of a client that takes longer has stalled: several idle timeouts.
const STALL: Duration = Duration::from_secs(120);

/// Bytes of the file that is served and sent.
const FILE: u64 = 3_000_000;

/// A slow reader takes so many bytes at a time, and then does nothing for as long.
const SLOW_BYTES: usize = 64 * 1024;
const SLOW_PAUSE: Duration = Duration::from_millis(300);

/// What newcomers hear of a server that ends, and clients that move afterwards of its successor.
const OF_A_DRAIN: [&str; 2] = ["refuses connections for now", "the peer has lost the connection"];

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Many small responses.
    Small,
    /// Generated bodies of a megabyte.
    Large,
    /// A file, again and again.
    Files,
    /// Sends the file and gets it back.
    Upload,
    /// Takes the file at 200 KB/s, with pauses.
    SlowReader,
}

const KINDS: [Kind; 5] = [Kind::Small, Kind::Large, Kind::Files, Kind::Upload, Kind::SlowReader];

/// The files that clients ask for and send.
pub fn write_files(folder: &Path) -> std::io::Result<()> {
    File::create(folder.join("file"))?.set_len(FILE)
}

pub struct Client {
    number: u64,
    kind: Kind,
    server: SocketAddr,
    requests: u64,
    running: Option<Running>,
    pub completed: u64,
    pub killed: u64,
    /// Runs that a server's end cut short: a client that moves to another port at that time ends up at the successor, and
    /// an upload, or a response of which a part was given on, is not asked for again. Until the successor is there,
    /// newcomers are refused.
    pub cut: u64,
}

struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
    began: Instant,
    /// How many bytes came on standard output.
    taken: std::thread::JoinHandle<(u64, String)>,
    saw_a_drain: bool,
}

impl Client {
    pub fn new(number: u64, server: SocketAddr, requests: u64) -> Client {
        let kind = KINDS.get(number as usize % KINDS.len()).copied().unwrap_or(Kind::Small);
        Client { number, kind, server, requests, running: None, completed: 0, killed: 0, cut: 0 }
    }

    /// Starts it if it does not run; fails if it ended badly or does not end.
    pub fn tend(&mut self, command: &Path, folder: &Path) -> Result<(), Failure> {
        if let Some(mut running) = self.running.take() {
            match running.child.try_wait()? {
                None if running.began.elapsed() < STALL => {
                    self.running = Some(running);
                    return Ok(());
                }
                None => {
                    running.child.kill()?;
                    running.child.wait()?;
                    return Err(format!("{self} has stalled: {}", text(&running.said)).into());
                }
                Some(status) => self.judge(running, status.success())?,
            }
        }
        self.running = Some(self.start(command, folder)?);
        Ok(())
    }

    fn judge(&mut self, running: Running, succeeded: bool) -> Result<(), Failure> {
        let (bytes, out) = running.taken.join().map_err(|_| "a thread that read")?;
        let said = text(&running.said);
        let wanted = matches!(self.kind, Kind::Upload | Kind::SlowReader).then_some(FILE);
        if succeeded && wanted.is_none_or(|wanted| wanted == bytes) {
            self.completed += 1;
            return Ok(());
        }
        let speaks_of_it = OF_A_DRAIN.iter().any(|words| said.contains(words) || out.contains(words));
        if running.saw_a_drain && !succeeded && (wanted.is_some() || speaks_of_it) {
            self.cut += 1;
            return Ok(());
        }
        Err(format!("{self} ended badly after {bytes} bytes: {out}{said}").into())
    }

    fn start(&self, command: &Path, folder: &Path) -> Result<Running, Failure> {
        let requests = |divisor: u64| (self.requests / divisor).max(8).to_string();
        let url = |path: &str| format!("https://{}/{path}", self.server);
        let load = |path: &str, divisor| {
            let fixed = ["--insecure", "--concurrency", "8", "--connections", "2", "--requests"];
            [&["load".into(), url(path)], &fixed.map(String::from)[..], &[requests(divisor)]].concat()
        };
        let get = |more: &[&str], path: &str| {
            [
                &["get".into(), "--insecure".into(), url(path)],
                &more.iter().map(|text| (*text).into()).collect::<Vec<String>>()[..],
            ]
            .concat()
        };
        let arguments = match self.kind {
            Kind::Small => load("bytes/1000", 1),
            Kind::Large => load("bytes/1000000", 400),
            Kind::Files => load("file", 1000),
            Kind::Upload => get(&["--data-binary", "@file"], "echo"),
            Kind::SlowReader => get(&[], "file"),
        };
        let mut child = Command::new(command)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let said = gather(&mut child);
        let out = child.stdout.take().ok_or("standard output")?;
        let pause = (self.kind == Kind::SlowReader).then_some(SLOW_PAUSE);
        let taken = std::thread::spawn(move || take(out, pause));
        Ok(Running { child, said, began: Instant::now(), taken, saw_a_drain: false })
    }

    /// The server is being replaced while this client runs.
    pub fn saw_a_drain(&mut self) {
        if let Some(running) = &mut self.running {
            running.saw_a_drain = true;
        }
    }

    /// Ends it without warning. What it says of that is its own affair.
    pub fn kill(&mut self) -> Result<(), Failure> {
        if let Some(Running { mut child, .. }) = self.running.take() {
            child.kill()?;
            child.wait()?;
            self.killed += 1;
        }
        Ok(())
    }
}

/// Reads to the end: how many bytes, and the first of them.
fn take(mut out: ChildStdout, pause: Option<Duration>) -> (u64, String) {
    let (mut buffer, mut count, mut first) = (vec![0; SLOW_BYTES], 0, Vec::new());
    while let Ok(len @ 1..) = out.read(&mut buffer) {
        count += len as u64;
        if first.len() < 500 {
            first.extend_from_slice(buffer.get(..len.min(500)).unwrap_or_default());
        }
        if let Some(pause) = pause {
            std::thread::sleep(pause);
        }
    }
    (count, String::from_utf8_lossy(&first).replace('\0', ""))
}

impl fmt::Display for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "client {} ({:?}, to {})", self.number, self.kind, self.server)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
