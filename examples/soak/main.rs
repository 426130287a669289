//! Keeps a server busy over bad networks for a long time, and fails if anything goes wrong:
//!
//! ```text
//! cargo run --release --example soak -- minutes=30
//! ```
//!
//! `posthaste serve` runs under several clients of different kinds ([`client::Kind`]): many small requests, large responses,
//! files, uploads, and readers that take their time. Each kind comes through relays in this process: one that loses and
//! reorders datagrams and gives each client another source port every second, so that the server sees its clients migrate;
//! one with a bottleneck that is as fast for all as a home's line; one whose path carries less after a second, with a silence
//! before. Clients are killed without warning and started again. From time to time the server is told to end, and a
//! successor takes over its port while it serves its last requests. It fails on
//!
//! - an answer that was not complete, or any other failure of a client that was not killed;
//! - a client that makes no progress: no run may take longer than `STALL`, and no ten seconds pass without a datagram;
//! - anything the server says on standard error beside what it says of its end, and of clients that were killed, that they are
//!   too slow; its end before it is asked, or an end with another status than 0;
//! - memory that is not flat after the first minute (the rule is at `Memory::verdict`), of servers that live longer than two.
//!
//! Further settings, with their defaults: `clients=10`, `loss=10` (of a thousand), `reordering=20` (of a thousand),
//! `delay=5` (milliseconds, each way), `rebinding=1000` (milliseconds between), `narrow=1280` (bytes that are left of a
//! datagram; 0 for no such path), `kill=5` (seconds between), `drain=300` (seconds between; 0 for one server all the time),
//! `requests=10000` (of each run of a client with small requests).
#![allow(unreachable_pub, reason = "an example has no other crates to be reached from")]

mod client;
mod memory;
mod process;
mod server;
mod settings;

use client::Client;
use memory::Memory;
use relay::Relay;
use server::Server;
use settings::Settings;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let settings = Settings::read(std::env::args().skip(1))?;
    let command = command()?;
    let folder = std::env::temp_dir().join(format!("posthaste-soak-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = client::write_files(&folder)
        .map_err(Failure::from)
        .and_then(|()| Soak::start(&settings, command, &folder)?.run());
    let _ = std::fs::remove_dir_all(&folder);
    result
}

/// A run of the whole.
struct Soak<'a> {
    settings: &'a Settings,
    command: PathBuf,
    folder: &'a Path,
    server: Server,
    /// Those that were told to end.
    before: Vec<Server>,
    relays: Vec<Relay>,
    clients: Vec<Client>,
    memory: Memory,
    began: Instant,
    next_drain: Duration,
    next_kill: Duration,
    victim: usize,
    drains: u64,
}

impl<'a> Soak<'a> {
    fn start(settings: &'a Settings, command: PathBuf, folder: &'a Path) -> Result<Soak<'a>, Failure> {
        let server = Server::start(&command, folder, ([127, 0, 0, 1], 0).into())?;
        let relays = settings
            .networks()
            .into_iter()
            .map(|network| Relay::start(server.address, network))
            .collect::<Result<Vec<Relay>, _>>()?;
        let clients = (0..settings.clients)
            .map(|number| {
                let relay = relays.get(number as usize % relays.len()).map_or(server.address, Relay::address);
                Client::new(number, relay, settings.requests)
            })
            .collect();
        Ok(Soak {
            settings,
            command,
            folder,
            server,
            before: Vec::new(),
            relays,
            clients,
            memory: Memory::new(),
            began: Instant::now(),
            next_drain: settings.drain_every.unwrap_or(Duration::MAX),
            next_kill: settings.kill_every,
            victim: 0,
            drains: 0,
        })
    }

    fn run(mut self) -> Result<(), Failure> {
        let (mut passed, mut quiet, mut told) = (0, 0, Duration::ZERO);
        while self.began.elapsed() < self.settings.span {
            for client in &mut self.clients {
                client.tend(&self.command, self.folder)?;
            }
            let killed = self.clients.iter().map(|client| client.killed).sum();
            self.server.check(&mut self.memory, killed)?;
            self.end_old_servers()?;
            self.disturb()?;
            let now_passed = self.sum(|counts| &counts.passed);
            quiet = if now_passed == passed { quiet + 1 } else { 0 };
            if quiet > 10 {
                return Err("nothing has passed the relays for ten looks".into());
            }
            passed = now_passed;
            if self.began.elapsed() >= told {
                told += Duration::from_secs(15);
                self.tell();
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        self.end()
    }

    /// Kills the next client and replaces the server, if it is time.
    fn disturb(&mut self) -> Result<(), Failure> {
        if self.began.elapsed() >= self.next_kill {
            self.next_kill += self.settings.kill_every;
            let count = self.clients.len();
            if let Some(client) = self.clients.get_mut(self.victim % count) {
                client.kill()?;
            }
            self.victim += 1;
        }
        if self.began.elapsed() >= self.next_drain {
            self.next_drain += self.settings.drain_every.unwrap_or(Duration::MAX);
            self.replace_server()?;
        }
        Ok(())
    }

    fn replace_server(&mut self) -> Result<(), Failure> {
        self.server.make_way()?;
        let address = self.server.address;
        let successor = Server::start(&self.command, self.folder, address)?;
        self.before.push(std::mem::replace(&mut self.server, successor));
        self.memory = Memory::new();
        self.drains += 1;
        for client in &mut self.clients {
            client.saw_a_drain();
        }
        Ok(())
    }

    fn end_old_servers(&mut self) -> Result<(), Failure> {
        let mut left = Vec::new();
        for mut server in self.before.drain(..) {
            if !server.has_ended()? {
                left.push(server);
            }
        }
        self.before = left;
        Ok(())
    }

    fn sum(&self, of: impl Fn(&relay::Counts) -> &std::sync::atomic::AtomicU64) -> u64 {
        self.relays.iter().map(|relay| of(relay.counts()).load(Ordering::Relaxed)).sum()
    }

    fn tell(&self) {
        let count = |of: fn(&Client) -> u64| self.clients.iter().map(of).sum::<u64>();
        println!(
            "{:>5} s: {} KiB, {} runs complete, {} killed, {} cut by {} drains, {} datagrams, {} lost, {} rebindings",
            self.began.elapsed().as_secs(),
            self.memory.last(),
            count(|client| client.completed),
            count(|client| client.killed),
            count(|client| client.cut),
            self.drains,
            self.sum(|counts| &counts.passed),
            self.sum(|counts| &counts.lost),
            self.sum(|counts| &counts.rebound),
        );
    }

    fn end(mut self) -> Result<(), Failure> {
        self.tell();
        // One client that lives for a tenth of the time is moved so often.
        let least = self.settings.span.as_millis() / self.settings.rebind_every.as_millis().max(1) / 10;
        if u128::from(self.sum(|counts| &counts.rebound)) < least.max(1) {
            return Err(
                "clients were hardly moved: give them more requests, or a smaller interval in rebinding=".into()
            );
        }
        if let Some(client) = self.clients.iter().find(|client| client.completed == 0) {
            return Err(format!("{client} came to no end: fewer requests, or a larger interval in kill=").into());
        }
        for client in &mut self.clients {
            client.kill()?;
        }
        self.server.end()?;
        for server in &mut self.before {
            server.wait()?;
        }
        match self.memory.verdict() {
            None => println!("memory: too short a time to judge; two minutes of one server are the least"),
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
