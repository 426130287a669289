//! Starts a server and a client for each measurement, stack after stack, round after round.

use crate::limit::{self, Limit};
use crate::partner::Partner;
use crate::result::{Measured, median};
use crate::rows::{Row, rows};
use crate::settings::Settings;
use crate::stack::{self, Stack};
use crate::{cells, identity, pair, sizes, table};
use harness::work::Work;
use std::path::Path;

/// Measures and prints.
pub fn run(settings: &Settings) {
    let rows = rows(settings);
    settings.check_only(rows.iter().map(|row| &*row.name).chain([sizes::NAME]));
    let folder = std::env::temp_dir().join(format!("posthaste-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the certificate");
    identity::issue(&folder);
    table::print_settings(settings);
    for row in rows.into_iter().filter(|row| settings.wants(&row.name)) {
        if settings.is_pair {
            pair::measure_row(&folder, settings, &row);
        } else {
            measure_row(&folder, settings, &row);
        }
    }
    if settings.wants(sizes::NAME) {
        sizes::print(&folder, settings);
    }
    let _ = std::fs::remove_dir_all(&folder);
}

/// A client's and a server's stack, and what came of them.
struct Line<'a> {
    client: &'a Stack,
    server: &'a Stack,
    results: Vec<Measured>,
    failure: Option<String>,
}

fn measure_row(folder: &Path, settings: &Settings, row: &Row) {
    let mut lines: Vec<Line<'_>> = pairs(settings, row)
        .into_iter()
        .map(|(client, server)| Line { client, server, results: Vec::new(), failure: None })
        .collect();
    let is_bulk = matches!(row.work, Work::Download(_) | Work::Upload(_) | Work::Beside { .. });
    let mut limits = Vec::new();
    for _ in 0..row.rounds {
        for line in lines.iter_mut().filter(|line| line.failure.is_none()) {
            match measure(folder, settings, (line.client, line.server), row) {
                Ok(result) => line.results.push(result),
                Err(reason) => line.failure = Some(reason),
            }
        }
        if is_bulk {
            match limit::run(settings, matches!(row.work, Work::Upload(_))) {
                Ok(limit) => limits.push(limit),
                Err(reason) => eprintln!("no limit: {reason}"),
            }
        }
    }
    let reached = median(limits.iter().map(|limit| limit.gigabits));
    let mut printed = Vec::new();
    if !limits.is_empty() {
        printed.push(("the limit".to_owned(), Ok(limit_cells(&limits))));
    }
    for line in lines {
        let (client, server) = (line.client.name, line.server.name);
        let label = if client == server { client.to_owned() } else { format!("{client} -> {server}") };
        let outcome = match line.failure {
            Some(reason) => Err(reason),
            None => Ok(cells::cells(row.work, &line.results, reached)),
        };
        printed.push((label, outcome));
    }
    table::print_part(&row.name, cells::heads(row.work), &printed);
}

/// Each stack with itself; and ours with each other one, on bare streams in bulk.
fn pairs<'a>(settings: &'a Settings, row: &Row) -> Vec<(&'a Stack, &'a Stack)> {
    let mut pairs: Vec<_> = settings.stacks.iter().map(|stack| (stack, stack)).collect();
    if settings.crossed && !row.http && matches!(row.work, Work::Download(_) | Work::Upload(_)) {
        let ours = &stack::ALL[0];
        for other in settings.stacks.iter().filter(|stack| stack.name != ours.name) {
            pairs.extend([(ours, other), (other, ours)]);
        }
    }
    pairs
}

/// One run of a client against a server.
pub fn measure(
    folder: &Path,
    settings: &Settings,
    (client_stack, server_stack): (&Stack, &Stack),
    row: &Row,
) -> Result<Measured, String> {
    let protocol = if row.http { "h3" } else { "quic" };
    let place = folder.to_str().ok_or("a folder with a name")?;
    let (client_core, server_core) = (settings.cores.0.to_string(), settings.cores.1.to_string());
    let census = settings.census && matches!(row.work, Work::Idle(_));
    let tickets = matches!(row.work, Work::Resumptions { .. }).then_some((harness::work::TICKETS, "1"));
    let mut environment: Vec<_> = tickets.into_iter().collect();
    let of_client = environment.clone();
    environment.extend(census.then_some(("BENCH_CENSUS", "1")));
    let words = ["server", protocol, &server_core, place];
    let mut server = Partner::start(server_stack, folder, &words, &environment, &[])?;
    let address = server.hear("listening")?;
    let arguments = ["client", protocol, &client_core, place, &address, &row.work.encode()];
    let mut client = Partner::start(client_stack, folder, &arguments, &of_client, &[])?;
    let ready = client.hear("ready");
    ready.map_err(|reason| with_server(reason, &server))?;
    let before = server.used()?;
    client.say("go")?;
    let done = client.hear("done").map_err(|reason| with_server(reason, &server))?;
    let after = server.used()?;
    if census {
        server.say("census")?;
        server.hear("census")?;
    }
    if census || std::env::var_os("BENCH_STATS").is_some() {
        eprintln!("{} at {}:\n{}{}", server_stack.name, row.name, client.complaints(), server.complaints());
    }
    Measured::new(&done, after.since(before)).ok_or_else(|| format!("not a result: {done}"))
}

/// The client's reason, and what the server has to say to it.
fn with_server(reason: String, server: &Partner) -> String {
    let complaints = server.complaints();
    match complaints.lines().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("{reason}; server: {line}"),
        None => reason,
    }
}

fn limit_cells(limits: &[Limit]) -> Vec<String> {
    let of = |value: fn(&Limit) -> f64| median(limits.iter().map(value));
    let best = limits.iter().map(|limit| limit.gigabits).fold(0.0, f64::max);
    vec![
        format!("{:.2}", of(|limit| limit.gigabits)),
        format!("{best:.2}"),
        "100 %".into(),
        format!("{:.3} / {:.3}", of(|limit| limit.client), of(|limit| limit.server)),
        "-".into(),
        "-".into(),
        format!("{:.1}", of(|limit| limit.each_send)),
        format!("{:.1}", of(|limit| limit.each_receive)),
        "-".into(),
        "-".into(),
    ]
}
