//! Keeps a server busy over a bad network for a long time, and fails if anything goes wrong:
//!
//! ```text
//! cargo run --release --example soak -- minutes=30
//! ```
//!
//! `posthaste serve` runs under several `posthaste load`, through a relay in this process that loses datagrams and gives each
//! client another source port every second, so that the server sees its clients migrate. Clients are killed without
//! warning and started again. It fails on
//!
//! - an answer that was not complete, or any other failure of a client that was not killed;
//! - a client that makes no progress: no run may take longer than `STALL`, and no second passes without a datagram;
//! - anything the server says on standard error, or its end before it is asked, or an end with another status than 0;
//! - memory that is not flat after the first minute (the rule is at `Memory::verdict`).
//!
//! Further settings, with their defaults: `clients=4 loss=10` (of a thousand) `delay=0` (milliseconds, each way)
//! `rebind=1000` (milliseconds between) `kill=5` (seconds between) `requests=10000` (of each run of a client).
#![allow(unreachable_pub, reason = "an example has no other crates to be reached from")]

mod memory;
mod relay;

use memory::Memory;
use relay::Faults;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A run of a client that takes longer has stalled: several idle timeouts.
const STALL: Duration = Duration::from_secs(120);

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let settings = Settings::read(std::env::args().skip(1))?;
    let command = command()?;
    let folder = std::env::temp_dir().join(format!("posthaste-soak-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = soak(&settings, &command, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    result
}

fn soak(settings: &Settings, command: &Path, folder: &Path) -> Result<(), Failure> {
    let mut server = Server::start(command, folder)?;
    let (address, counts) = relay::start(server.address, settings.faults)?;
    let mut clients: Vec<Client> = (0..settings.clients).map(|number| Client::new(number, settings)).collect();
    let (began, mut memory) = (Instant::now(), Memory::new());
    let (mut next_kill, mut victim, mut passed, mut told) = (settings.kill_every, 0, 0, Duration::ZERO);
    let mut quiet = 0;
    while began.elapsed() < settings.span {
        for client in &mut clients {
            client.tend(command, &address.to_string())?;
        }
        server.check(&mut memory)?;
        if began.elapsed() >= next_kill {
            next_kill += settings.kill_every;
            let count = clients.len().max(1);
            if let Some(client) = clients.get_mut(victim % count) {
                client.kill()?;
            }
            victim += 1;
        }
        let now_passed = counts.passed.load(Ordering::Relaxed);
        quiet = if now_passed == passed { quiet + 1 } else { 0 };
        if quiet > 10 {
            return Err("nothing has passed the relay for ten looks".into());
        }
        passed = now_passed;
        if began.elapsed() >= told {
            told += Duration::from_secs(15);
            let runs: u64 = clients.iter().map(|client| client.completed).sum();
            let killed: u64 = clients.iter().map(|client| client.killed).sum();
            println!(
                "{:>5} s: {} KiB, {runs} runs complete, {killed} killed, {passed} datagrams, {} lost, {} rebindings",
                began.elapsed().as_secs(),
                memory.last(),
                counts.lost.load(Ordering::Relaxed),
                counts.rebound.load(Ordering::Relaxed),
            );
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    // One client that lives for a tenth of the time is moved so often.
    let least = settings.span.as_millis() / settings.faults.rebind_every.as_millis().max(1) / 10;
    if u128::from(counts.rebound.load(Ordering::Relaxed)) < least.max(1) {
        return Err("clients were hardly moved: give them more requests, or a smaller interval in rebind=".into());
    }
    if clients.iter().all(|client| client.completed == 0) {
        return Err("no client came to an end: give them fewer requests, or a larger interval in kill=".into());
    }
    for client in &mut clients {
        client.kill()?;
    }
    server.end()?;
    match memory.verdict() {
        None => println!("memory: too short a time to judge; two minutes are the least"),
        Some((first, last, is_flat)) => {
            println!("memory: median {first} KiB in the first third after a minute, {last} KiB in the last");
            if !is_flat {
                return Err("memory is not flat".into());
            }
        }
    }
    println!("no error");
    Ok(())
}

/// What the command line asks for.
struct Settings {
    span: Duration,
    clients: u64,
    kill_every: Duration,
    requests: u64,
    faults: Faults,
}

impl Settings {
    fn read(arguments: impl Iterator<Item = String>) -> Result<Settings, Failure> {
        let mut settings = Settings {
            span: Duration::from_secs(30 * 60),
            clients: 4,
            kill_every: Duration::from_secs(5),
            requests: 10_000,
            faults: Faults { loss_per_mille: 10, delay: Duration::ZERO, rebind_every: Duration::from_secs(1) },
        };
        for argument in arguments {
            let (name, value) = argument.split_once('=').ok_or("settings are name=number")?;
            let value: u64 = value.parse()?;
            match name {
                "minutes" => settings.span = Duration::from_secs(60 * value),
                "seconds" => settings.span = Duration::from_secs(value),
                "clients" => settings.clients = value.max(1),
                "loss" => settings.faults.loss_per_mille = value,
                "delay" => settings.faults.delay = Duration::from_millis(value),
                "rebind" => settings.faults.rebind_every = Duration::from_millis(value),
                "kill" => settings.kill_every = Duration::from_secs(value.max(1)),
                "requests" => settings.requests = value,
                other => return Err(format!("no setting is called {other}").into()),
            }
        }
        Ok(settings)
    }
}

/// The command `posthaste` beside this program, built if it is not there.
fn command() -> Result<PathBuf, Failure> {
    let example = std::env::current_exe()?;
    let folder = example.parent().and_then(Path::parent).ok_or("this program is in a folder of cargo's")?;
    let command = folder.join("posthaste");
    let profile: &[&str] = if folder.ends_with("release") { &["--release"] } else { &[] };
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let built = Command::new(cargo).args(["build", "--bin", "posthaste"]).args(profile).status()?;
    if built.success() && command.exists() { Ok(command) } else { Err("posthaste could not be built".into()) }
}

/// What a process writes to standard error, gathered by a thread.
fn gather(child: &mut Child) -> Arc<Mutex<String>> {
    let said = Arc::new(Mutex::new(String::new()));
    if let Some(mut stream) = child.stderr.take() {
        let said = said.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = stream.read(&mut buffer) {
                let text = String::from_utf8_lossy(buffer.get(..len).unwrap_or(&[])).into_owned();
                said.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
    }
    said
}

fn text(said: &Mutex<String>) -> String {
    said.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The server under test.
struct Server {
    child: Child,
    address: std::net::SocketAddr,
    said: Arc<Mutex<String>>,
}

impl Server {
    fn start(command: &Path, folder: &Path) -> Result<Server, Failure> {
        let mut child = Command::new(command)
            .args(["serve", "--bodies", "--listen", "127.0.0.1:0"])
            .current_dir(folder)
            .env("TMPDIR", folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("standard output")?).lines();
        let first = lines.next().ok_or("the server says where it listens")??;
        let said = gather(&mut child);
        let address = first.trim_start_matches("listening on https://");
        let port = address.rsplit_once(':').ok_or("a port")?.1.trim_end_matches('/').parse()?;
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Server { child, address: ([127, 0, 0, 1], port).into(), said })
    }

    fn check(&mut self, memory: &mut Memory) -> Result<(), Failure> {
        let said = text(&self.said);
        if let Some(status) = self.child.try_wait()? {
            return Err(format!("the server ended with {status}: {said}").into());
        }
        if !said.is_empty() {
            return Err(format!("the server says: {said}").into());
        }
        if memory.sample(self.child.id()) { Ok(()) } else { Err("the server's memory cannot be read".into()) }
    }

    /// Asks it to end, and waits.
    fn end(&mut self) -> Result<(), Failure> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the server ended with {status}").into()) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client that is started again whenever it ends.
struct Client {
    number: u64,
    requests: u64,
    running: Option<(Child, Arc<Mutex<String>>, Instant)>,
    completed: u64,
    killed: u64,
}

impl Client {
    fn new(number: u64, settings: &Settings) -> Client {
        Client { number, requests: settings.requests, running: None, completed: 0, killed: 0 }
    }

    /// Starts it if it does not run; fails if it ended badly or does not end.
    fn tend(&mut self, command: &Path, server: &str) -> Result<(), Failure> {
        if let Some((child, said, began)) = &mut self.running {
            match child.try_wait()? {
                None if began.elapsed() < STALL => return Ok(()),
                None => return Err(format!("client {} has stalled", self.number).into()),
                Some(status) => {
                    let mut out = String::new();
                    if let Some(mut stream) = child.stdout.take() {
                        stream.read_to_string(&mut out)?;
                    }
                    if !status.success() {
                        return Err(format!("client {} ended with {status}: {out}{}", self.number, text(said)).into());
                    }
                    self.completed += 1;
                }
            }
        }
        // Some ask for little and often, some for much.
        let (size, requests) =
            if self.number.is_multiple_of(2) { (1000, self.requests) } else { (1_000_000, self.requests / 40) };
        let mut child = Command::new(command)
            .args(["load", &format!("https://{server}/bytes/{size}"), "--insecure"])
            .args(["--requests", &requests.max(8).to_string(), "--concurrency", "8", "--connections", "2"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let said = gather(&mut child);
        self.running = Some((child, said, Instant::now()));
        Ok(())
    }

    /// Ends it without warning. What it says of that is its own affair.
    fn kill(&mut self) -> Result<(), Failure> {
        if let Some((mut child, ..)) = self.running.take() {
            child.kill()?;
            child.wait()?;
            self.killed += 1;
        }
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
