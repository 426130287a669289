//! Instructions for each packet and each request, split by component: two runs of different length under callgrind, and
//! the difference between them, so that beginning and end cancel. The kernel's are not counted; its time is in the table.

use crate::callgrind::{self, Counts};
use crate::identity;
use crate::partner::Partner;
use crate::settings::Settings;
use crate::stack::Stack;
use harness::measure::Usage;
use harness::work::Work;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Bytes of the shorter and of the longer transfer.
const BYTES: [u64; 2] = [4_000_000, 16_000_000];
/// Requests of the shorter and of the longer run.
const REQUESTS: [u64; 2] = [1_000, 4_000];
/// Handshakes of the shorter and of the longer run.
const HANDSHAKES: [u64; 2] = [100, 400];
/// Components below this share of the whole are added up.
const SMALL: f64 = 0.004;
/// Components that a change moved by less than this share of the whole are added up.
const MOVED: f64 = 0.0005;

/// What is counted: in words, over HTTP/3, on the client's side, of what.
const CASES: [(&str, bool, bool, Unit); 8] = [
    ("transmit a packet: the server of a download, bare QUIC stream", false, false, Unit::Packet),
    ("receive a packet: the client of a download, bare QUIC stream", false, true, Unit::Packet),
    ("transmit a packet: the server of a download, HTTP/3", true, false, Unit::Packet),
    ("receive a packet: the client of a download, HTTP/3", true, true, Unit::Packet),
    ("answer a request: the server, 32 in flight, 1 kB", true, false, Unit::Request),
    ("make a request: the client, 32 in flight, 1 kB", true, true, Unit::Request),
    ("a handshake: the server, 8 in flight", false, false, Unit::Handshake),
    ("a handshake: the client, 8 in flight", false, true, Unit::Handshake),
];

#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Packet,
    Request,
    Handshake,
}

/// Counts and prints.
pub fn run(settings: &Settings) {
    settings.check_only(CASES.iter().map(|case| case.0));
    let folder = std::env::temp_dir().join(format!("posthaste-instructions-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the certificate");
    identity::issue(&folder);
    println!(
        "Instructions outside of the kernel, by callgrind: valgrind offers neither VAES nor AVX-512, so that ring's share is"
    );
    println!("that of its AES-NI code. Packets are those sent and received by that side, acknowledgments included.");
    for (name, is_http, is_client, unit) in CASES.into_iter().filter(|case| settings.wants(case.0)) {
        let count = |stack| -> Result<Parts, String> {
            let case = Case { folder: &folder, settings, stack, is_http, is_client, unit };
            Ok(difference(&case.count(0)?, &case.count(1)?))
        };
        if let ([before, after], true) = (&settings.stacks[..], settings.is_pair) {
            println!("\n### {name}\n");
            // How a batch falls is a matter of time, so that even instructions differ a little from run to run.
            let rounds = (0..settings.rounds).map(|_| Ok([count(before)?, count(after)?]));
            match rounds.collect::<Result<Vec<_>, String>>() {
                Ok(rounds) => print_pair(&rounds),
                Err(reason) => println!("failed: {reason}"),
            }
            continue;
        }
        for stack in &settings.stacks {
            println!("\n### {}: {name}\n", stack.name);
            match count(stack) {
                Ok(parts) => print(&parts),
                Err(reason) => println!("failed: {reason}"),
            }
        }
    }
    let _ = std::fs::remove_dir_all(&folder);
}

struct Case<'a> {
    folder: &'a Path,
    settings: &'a Settings,
    stack: &'a Stack,
    is_http: bool,
    is_client: bool,
    unit: Unit,
}

impl Case<'_> {
    /// Units, and instructions.
    fn count(&self, length: usize) -> Result<(f64, Counts), String> {
        let work = match self.unit {
            Unit::Packet => Work::Download(BYTES[length]),
            Unit::Handshake => Work::Handshakes { count: HANDSHAKES[length], in_flight: 8 },
            Unit::Request => Work::Requests { count: REQUESTS[length], connections: 1, in_flight: 32, body: 1_000 },
        };
        let output = self.folder.join("callgrind.out");
        let wrapper = [
            "valgrind".to_owned(),
            "--tool=callgrind".to_owned(),
            format!("--callgrind-out-file={}", output.display()),
        ];
        let place = self.folder.to_str().ok_or("a folder with a name")?;
        let protocol = if self.is_http { "h3" } else { "quic" };
        let (client_core, server_core) = (self.settings.cores.0.to_string(), self.settings.cores.1.to_string());
        let wrapped = |is_client: bool| if self.is_client == is_client { &wrapper[..] } else { &[] };
        let environment = [("BENCH_WARM_BYTES", "2000000"), ("BENCH_WARM_REQUESTS", "200"), ("BENCH_PATIENCE", "600")];
        let words = ["server", protocol, &server_core, place];
        let mut server = Partner::start(self.stack, self.folder, &words, &environment, wrapped(false))?;
        let address = server.hear("listening")?;
        let words = ["client", protocol, &client_core, place, &address, &work.encode()];
        let mut client = Partner::start(self.stack, self.folder, &words, &environment, wrapped(true))?;
        client.hear("ready")?;
        let before = server.used()?;
        client.say("go")?;
        let done = client.hear("done")?;
        let after = server.used()?;
        client.finish();
        server.finish();
        let usage = if self.is_client {
            let words = done.splitn(4, ' ').nth(3);
            words.and_then(Usage::decode).ok_or_else(|| format!("not a result: {done}"))?
        } else {
            after.since(before)
        };
        let units = match self.unit {
            Unit::Packet => (usage.sent + usage.received) as f64,
            Unit::Request => REQUESTS[length] as f64,
            Unit::Handshake => HANDSHAKES[length] as f64,
        };
        let text = std::fs::read_to_string(&output).map_err(|error| format!("callgrind: {error}"))?;
        Ok((units, callgrind::read(&text)))
    }
}

/// Instructions of each component for a unit.
type Parts = BTreeMap<String, f64>;

fn difference(short: &(f64, Counts), long: &(f64, Counts)) -> Parts {
    let units = long.0 - short.0;
    let of = |(name, count): (&String, &i64)| {
        let before = short.1.get(name).copied().unwrap_or(0);
        (name.clone(), (count - before) as f64 / units)
    };
    long.1.iter().map(of).collect()
}

/// The mean of the rounds.
fn mean<'a>(rounds: impl Iterator<Item = &'a Parts> + Clone) -> Parts {
    let count = rounds.clone().count() as f64;
    let mut parts = Parts::new();
    for (name, instructions) in rounds.flatten() {
        *parts.entry(name.clone()).or_default() += instructions / count;
    }
    parts
}

/// The whole of both builds, how far single rounds of each lie apart, and the components that make the difference.
fn print_pair(rounds: &[[Parts; 2]]) {
    let [before, after] = [0, 1].map(|build| mean(rounds.iter().map(|round| &round[build])));
    let spread = [0, 1].map(|build| {
        let totals = rounds.iter().map(|round| round[build].values().sum::<f64>());
        let (least, most) = (totals.clone().fold(f64::INFINITY, f64::min), totals.fold(0.0, f64::max));
        format!("{least:.0} to {most:.0}")
    });
    let (old, new): (f64, f64) = (before.values().sum(), after.values().sum());
    println!("| component | before | after | difference, of all before |\n|---|---:|---:|---:|");
    println!("| **all** | **{old:.0}** | **{new:.0}** | **{:+.2} %** |", (new / old - 1.0) * 100.0);
    println!("| single rounds | {} | {} | |", spread[0], spread[1]);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of = |parts: &Parts, name| parts.get(name).copied().unwrap_or(0.0);
    let mut parts: Vec<_> = names.into_iter().map(|name| (name, of(&before, name), of(&after, name))).collect();
    parts.sort_by(|one, other| (other.2 - other.1).abs().total_cmp(&(one.2 - one.1).abs()));
    let (told, rest): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| (part.2 - part.1).abs() > old * MOVED);
    for (name, one, other) in told {
        println!("| {name} | {one:.0} | {other:.0} | {:+.2} % |", (other - one) / old * 100.0);
    }
    let rest = rest.into_iter().fold((0.0, 0.0), |sum, part| (sum.0 + part.1, sum.1 + part.2));
    println!("| the others | {:.0} | {:.0} | {:+.2} % |", rest.0, rest.1, (rest.1 - rest.0) / old * 100.0);
}

fn print(parts: &Parts) {
    let mut parts: Vec<(&str, f64)> = parts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    parts.sort_by(|one, other| other.1.total_cmp(&one.1));
    let total: f64 = parts.iter().map(|(_, count)| count).sum();
    println!("| component | instructions | share |\n|---|---:|---:|");
    println!("| **all** | **{total:.0}** | |");
    let mut rest = 0.0;
    for (name, count) in parts {
        if count < total * SMALL {
            rest += count;
        } else {
            println!("| {name} | {count:.0} | {:.1} % |", count / total * 100.0);
        }
    }
    println!("| smaller ones together | {rest:.0} | {:.1} % |", rest / total * 100.0);
}
