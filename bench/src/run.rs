//! The parent: starts a server and a client for each measurement, stack after stack, round after round.

use crate::identity;
use crate::measure::Usage;
use crate::table::{self, Result};
use crate::work::Work;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What a row of the table measures.
pub struct Row {
    /// In words.
    pub name: String,
    /// What the clients do.
    pub work: Work,
    /// Client and server of each column.
    pub stacks: Vec<(&'static str, &'static str)>,
}

/// How it is measured.
pub struct Settings {
    /// Rounds; the table shows medians.
    pub rounds: usize,
    /// Bytes of a bulk transfer.
    pub bytes: u64,
    /// Requests for each one in flight, up to a bound.
    pub requests: u64,
    /// Cores of client and server.
    pub cores: (usize, usize),
    /// Whether each client also meets the other's server.
    pub crossed: bool,
    /// Rows whose name contains this.
    pub only: String,
}

const QUIC: [(&str, &str); 2] = [("posthaste-quic", "posthaste-quic"), ("quinn-quic", "quinn-quic")];
const CROSSED: [(&str, &str); 2] = [("posthaste-quic", "quinn-quic"), ("quinn-quic", "posthaste-quic")];
const HTTP: [(&str, &str); 2] = [("posthaste-h3", "posthaste-h3"), ("quinn-h3", "quinn-h3")];

fn rows(settings: &Settings) -> Vec<Row> {
    let row = |name: &str, work, stacks: Vec<_>| Row { name: name.into(), work, stacks };
    let bulk = || QUIC.into_iter().chain(CROSSED.into_iter().filter(|_| settings.crossed)).collect::<Vec<_>>();
    let mut rows = vec![
        row("download, bare QUIC stream", Work::Download(settings.bytes), bulk()),
        row("upload, bare QUIC stream", Work::Upload(settings.bytes), bulk()),
        row("download, HTTP/3", Work::Download(settings.bytes), HTTP.to_vec()),
        row("upload, HTTP/3", Work::Upload(settings.bytes), HTTP.to_vec()),
    ];
    for in_flight in [1, 32, 100] {
        let count = settings.requests * if in_flight == 1 { 1 } else { 8 };
        let work = Work::Requests { count, in_flight, body: 1000 };
        rows.push(row(&format!("requests, {in_flight} in flight"), work, HTTP.to_vec()));
    }
    rows.push(row("handshakes", Work::Handshakes(1000), QUIC.to_vec()));
    rows.push(row("idle connections", Work::Idle(1000), QUIC.to_vec()));
    rows.retain(|row| row.name.contains(&settings.only));
    rows
}

/// Measures and prints.
pub fn run(words: &[&str]) {
    let settings = settings(words);
    let folder = std::env::temp_dir().join(format!("posthaste-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the certificate");
    identity::issue(&folder);
    table::print_head(&settings);
    let precedence = std::env::var("BENCH_PRECEDENCE").is_ok();
    println!("measured processes {} ordinary ones (BENCH_PRECEDENCE)", if precedence { "go before" } else { "are" });
    for row in rows(&settings) {
        let mut columns: Vec<Vec<Result>> = row.stacks.iter().map(|_| Vec::new()).collect();
        let mut limit = Vec::new();
        for _ in 0..settings.rounds {
            for (column, (client, server)) in columns.iter_mut().zip(&row.stacks) {
                match measure(&folder, &settings, client, server, row.work) {
                    Some(result) => column.push(result),
                    None => eprintln!("{client} with {server} failed at {}", row.name),
                }
            }
            if matches!(row.work, Work::Download(_)) {
                limit.extend(run_limit());
            }
        }
        for (stacks, results) in row.stacks.iter().zip(&columns) {
            table::print_row(&row, *stacks, results);
        }
        table::print_limit(&limit);
    }
    let _ = std::fs::remove_dir_all(&folder);
}

fn settings(words: &[&str]) -> Settings {
    let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let number = |key: &str, default: u64| value(key).map_or(default, |word| word.parse().expect("a number"));
    Settings {
        rounds: number("rounds", 5) as usize,
        bytes: number("megabytes", 512) * 1_000_000,
        requests: number("requests", 10_000),
        cores: (number("client-core", 0) as usize, number("server-core", 1) as usize),
        crossed: number("crossed", 0) > 0,
        only: value("only").unwrap_or("").into(),
    }
}

/// A process with a conversation, ended with us.
struct Partner {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Partner {
    fn start(arguments: &[&str]) -> Option<Partner> {
        let program: PathBuf = std::env::current_exe().ok()?;
        let mut command = Command::new(program);
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let (input, output) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        Some(Partner { child, input, output })
    }

    fn say(&mut self) -> Option<()> {
        self.input.write_all(b"go\n").ok()?;
        self.input.flush().ok()
    }

    /// The rest of the next line, which begins with `word`.
    fn hear(&mut self, word: &str) -> Option<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).ok()?;
        line.trim().strip_prefix(word).map(|rest| rest.trim().to_owned())
    }

    fn used(&mut self) -> Option<Usage> {
        self.say()?;
        Usage::decode(&self.hear("used")?)
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn measure(folder: &Path, settings: &Settings, client: &str, server: &str, work: Work) -> Option<Result> {
    let folder = folder.to_str()?;
    let (client_core, server_core) = (settings.cores.0.to_string(), settings.cores.1.to_string());
    let mut server = Partner::start(&["server", server, &server_core, folder])?;
    let address = server.hear("listening")?;
    let mut client = Partner::start(&["client", client, &client_core, folder, &address, &work.encode()])?;
    client.hear("ready")?;
    let before = server.used()?;
    client.say()?;
    let line = client.hear("done")?;
    let after = server.used()?;
    Result::new(&line, after.since(before))
}

/// A program of the user's that measures what the machine can do, run in turn; its last line is shown.
fn run_limit() -> Option<String> {
    let command = std::env::var("POSTHASTE_LIMIT").ok()?;
    let output = Command::new("sh").args(["-c", &command]).output().ok()?;
    String::from_utf8_lossy(&output.stdout).lines().last().map(str::to_owned)
}
