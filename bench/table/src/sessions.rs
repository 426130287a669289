//! Sessions: bulk on one stream beside a bare QUIC stream of ours, datagrams beside other stacks, and what an idle session holds.

use crate::partner::Partner;
use crate::result::{Measured, median};
use crate::settings::Settings;
use crate::stack::Stack;
use crate::{identity, table};
use harness::measure::Usage;
use harness::sessions::Work;
use std::borrow::Cow;
use std::path::Path;

/// A program with one of its protocols.
struct Line {
    name: &'static str,
    program: &'static str,
    protocol: &'static str,
    /// Sessions on a connection, where that is not the default (BENCH_SESSIONS), or datagrams of one call (BENCH_BATCH).
    set: Option<(&'static str, &'static str)>,
}

const fn line(name: &'static str, program: &'static str, protocol: &'static str) -> Line {
    Line { name, program, protocol, set: None }
}

const OURS: &str = "bench-sessions";
const THEIRS: &str = "bench-wtransport";
const BARE: Line = line("posthaste, bare QUIC stream", "bench-ours", "quic");
const WEBTRANSPORT: Line = line("posthaste, WebTransport", OURS, "webtransport");
const SESSION: Line = line("posthaste, without HTTP", OURS, "session");
const WTRANSPORT: Line = line("wtransport", THEIRS, "webtransport");
const QUINN: Line = line("quinn, without HTTP", THEIRS, "quinn");

const BATCH: Option<(&str, &str)> = Some(("BENCH_BATCH", "32"));

/// Bytes of a datagram: a position in a game, and what most paths take in one packet.
const DATAGRAMS: [usize; 2] = [64, 1_000];

struct Part {
    name: String,
    work: Work,
    lines: Vec<Line>,
    rounds: usize,
}

fn parts(settings: &Settings) -> Vec<Part> {
    let rounds = settings.rounds;
    let mut parts = Vec::new();
    for (name, work) in
        [("download, one stream", Work::Download(settings.bytes)), ("upload, one stream", Work::Upload(settings.bytes))]
    {
        let lines = vec![BARE, WEBTRANSPORT, SESSION, WTRANSPORT, QUINN];
        parts.push(Part { name: name.to_owned(), work, lines, rounds });
    }
    for len in DATAGRAMS {
        let work = Work::Datagrams { count: settings.datagrams, len };
        let lines = vec![
            WEBTRANSPORT,
            Line { name: "posthaste, WebTransport, 32 a call", set: BATCH, ..WEBTRANSPORT },
            SESSION,
            Line { name: "posthaste, without HTTP, 32 a call", set: BATCH, ..SESSION },
            WTRANSPORT,
            QUINN,
        ];
        parts.push(Part { name: format!("datagrams of {len} bytes"), work, lines, rounds });
    }
    let idle = settings.idle.min(1_000);
    let alone = Line { name: "posthaste, a connection each", set: Some(("BENCH_SESSIONS", "1")), ..WEBTRANSPORT };
    let shared = Line { name: "posthaste, 16 on a connection", ..WEBTRANSPORT };
    let lines = vec![alone, shared, SESSION, WTRANSPORT, QUINN];
    parts.push(Part { name: format!("idle sessions, {idle}"), work: Work::Idle(idle), lines, rounds: 1 });
    parts
}

/// Measures and prints.
pub fn run(settings: &Settings) {
    let parts = parts(settings);
    settings.check_only(parts.iter().map(|part| &*part.name));
    let folder = std::env::temp_dir().join(format!("posthaste-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the certificate");
    identity::issue(&folder);
    println!(
        "Sessions: medians of {} rounds, in turn within each; loopback; client on core {}, server on core {}; {} MB in bulk, {} datagrams",
        settings.rounds,
        settings.cores.0,
        settings.cores.1,
        settings.bytes / 1_000_000,
        settings.datagrams
    );
    for part in parts.into_iter().filter(|part| settings.wants(&part.name)) {
        measure_part(&folder, settings, &part);
    }
    let _ = std::fs::remove_dir_all(&folder);
}

fn measure_part(folder: &Path, settings: &Settings, part: &Part) {
    let mut results: Vec<Result<Vec<Measured>, String>> = part.lines.iter().map(|_| Ok(Vec::new())).collect();
    for _ in 0..part.rounds {
        for (line, result) in part.lines.iter().zip(&mut results) {
            if let Ok(measured) = result {
                match measure(folder, settings, line, part.work) {
                    Ok(one) => measured.push(one),
                    Err(reason) => *result = Err(reason),
                }
            }
        }
    }
    let first = results.first().and_then(|result| result.as_ref().ok()).cloned().unwrap_or_default();
    let printed: Vec<_> = part.lines.iter().zip(results).collect();
    let printed: Vec<_> = printed
        .into_iter()
        .map(|(line, result)| (line.name.to_owned(), result.map(|measured| cells(part.work, &first, &measured))))
        .collect();
    table::print_part(&part.name, heads(part.work), &printed);
}

fn measure(folder: &Path, settings: &Settings, line: &Line, work: Work) -> Result<Measured, String> {
    let stack = Stack { name: line.name, program: Cow::Borrowed(line.program), settings: "" };
    let place = folder.to_str().ok_or("a folder with a name")?;
    let cores = (settings.cores.0.to_string(), settings.cores.1.to_string());
    let environment: Vec<_> = line.set.into_iter().collect();
    let mut server = Partner::start(&stack, folder, &["server", line.protocol, &cores.1, place], &environment, &[])?;
    let address = server.hear("listening")?;
    let words = ["client", line.protocol, &cores.0, place, &address, &work.encode()];
    let mut client = Partner::start(&stack, folder, &words, &environment, &[])?;
    client.hear("ready").map_err(|reason| format!("{reason} {}", server.complaints()))?;
    let before = server.used()?;
    client.say("go")?;
    let done = client.hear("done").map_err(|reason| format!("{reason} {}", server.complaints()))?;
    let after = server.used()?;
    Measured::new(&done, after.since(before)).ok_or_else(|| format!("not a result: {done}"))
}

fn heads(work: Work) -> &'static [&'static str] {
    match work {
        Work::Download(_) | Work::Upload(_) => {
            &["Gbit/s", "of the first", "single rounds", "CPU s/GB", "of it kernel", "allocations/MB"]
        }
        Work::Datagrams { .. } => &[
            "read/s",
            "best",
            "of those sent",
            "CPU us each",
            "of it kernel",
            "packets/send",
            "packets/receive",
            "datagrams/packet",
            "allocations each",
        ],
        Work::Idle(_) => &["KiB each", "seconds to open"],
    }
}

/// `first` is what the others are compared with, round by round.
fn cells(work: Work, first: &[Measured], results: &[Measured]) -> Vec<String> {
    let middle = |value: &dyn Fn(&Measured) -> f64| median(results.iter().map(value));
    let both = |digits: usize, value: &dyn Fn(&Usage) -> f64| {
        let (client, server) = (middle(&|one| value(&one.client)), middle(&|one| value(&one.server)));
        format!("{client:.digits$} / {server:.digits$}")
    };
    let ratio = |one: u64, other: u64| one as f64 / (other as f64).max(1.0);
    match work {
        Work::Download(bytes) | Work::Upload(bytes) => {
            let gigabytes = bytes as f64 / 1e9;
            let mut ratios: Vec<f64> = first.iter().zip(results).map(|(first, one)| first.time / one.time).collect();
            ratios.sort_by(f64::total_cmp);
            let (least, most) = (ratios.first().unwrap_or(&f64::NAN), ratios.last().unwrap_or(&f64::NAN));
            vec![
                format!("{:.2}", middle(&|one| gigabytes * 8.0 / one.time)),
                format!("{:.3}", median(ratios.iter().copied())),
                format!("{least:.2} to {most:.2}"),
                both(3, &|usage| usage.cpu as f64 / 1e6 / gigabytes),
                both(3, &|usage| usage.system as f64 / 1e6 / gigabytes),
                both(2, &|usage| usage.allocations as f64 / gigabytes / 1e3),
            ]
        }
        Work::Datagrams { count, .. } => {
            let (count, rate) = (count as f64, |one: &Measured| one.latency.0 as f64 / one.time);
            vec![
                format!("{:.0}", middle(&rate)),
                format!("{:.0}", results.iter().map(rate).fold(0.0, f64::max)),
                format!("{:.1} %", middle(&|one| one.latency.0 as f64 / count * 100.0)),
                both(2, &|usage| usage.cpu as f64 / count),
                both(2, &|usage| usage.system as f64 / count),
                both(1, &|usage| ratio(usage.sent, usage.sends)),
                both(1, &|usage| ratio(usage.received, usage.receives)),
                format!("{:.2}", middle(&|one| count / (one.client.sent as f64).max(1.0))),
                both(2, &|usage| usage.allocations as f64 / count),
            ]
        }
        Work::Idle(count) => {
            vec![both(1, &|usage| usage.resident as f64 / count as f64), format!("{:.1}", middle(&|one| one.time))]
        }
    }
}
