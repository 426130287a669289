//! Instructions for each packet and each request, split by component: two runs of different length under callgrind, and
//! the difference between them, so that beginning and end cancel. The kernel's are not counted; its time is in the table.

use crate::callgrind::{self, Counts};
use crate::identity;
use crate::partner::Partner;
use crate::settings::Settings;
use crate::stack::Stack;
use harness::measure::Usage;
use harness::work::Work;
use std::path::Path;

/// Bytes of the shorter and of the longer transfer.
const BYTES: [u64; 2] = [4_000_000, 16_000_000];
/// Requests of the shorter and of the longer run.
const REQUESTS: [u64; 2] = [1_000, 4_000];
/// Components below this share of the whole are added up.
const SMALL: f64 = 0.004;

/// What is counted: in words, over HTTP/3, on the client's side, of what.
const CASES: [(&str, bool, bool, Unit); 6] = [
    ("transmit a packet: the server of a download, bare QUIC stream", false, false, Unit::Packet),
    ("receive a packet: the client of a download, bare QUIC stream", false, true, Unit::Packet),
    ("transmit a packet: the server of a download, HTTP/3", true, false, Unit::Packet),
    ("receive a packet: the client of a download, HTTP/3", true, true, Unit::Packet),
    ("answer a request: the server, 32 in flight, 1 kB", true, false, Unit::Request),
    ("make a request: the client, 32 in flight, 1 kB", true, true, Unit::Request),
];

#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Packet,
    Request,
}

/// Counts and prints.
pub fn run(settings: &Settings) {
    let folder = std::env::temp_dir().join(format!("posthaste-instructions-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the certificate");
    identity::issue(&folder);
    println!(
        "Instructions outside of the kernel, by callgrind: valgrind offers neither VAES nor AVX-512, so that ring's share is"
    );
    println!("that of its AES-NI code. Packets are those sent and received by that side, acknowledgments included.");
    for (name, is_http, is_client, unit) in CASES {
        for stack in &settings.stacks {
            println!("\n### {}: {name}\n", stack.name);
            let case = Case { folder: &folder, settings, stack, is_http, is_client, unit };
            match case.count(0).and_then(|short| Ok((short, case.count(1)?))) {
                Ok((short, long)) => print(&short, &long),
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
        let mut server = Partner::start(self.stack.program, self.folder, &words, &environment, wrapped(false))?;
        let address = server.hear("listening")?;
        let words = ["client", protocol, &client_core, place, &address, &work.encode()];
        let mut client = Partner::start(self.stack.program, self.folder, &words, &environment, wrapped(true))?;
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
        };
        let text = std::fs::read_to_string(&output).map_err(|error| format!("callgrind: {error}"))?;
        Ok((units, callgrind::read(&text)))
    }
}

fn print(short: &(f64, Counts), long: &(f64, Counts)) {
    let units = long.0 - short.0;
    let mut parts: Vec<(&str, f64)> = long
        .1
        .iter()
        .map(|(name, count)| (name.as_str(), (count - short.1.get(name).copied().unwrap_or(0)) as f64 / units))
        .collect();
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
