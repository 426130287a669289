//! Clients that take and give nothing back, and what they cost a server on this machine:
//!
//! ```text
//! cargo run --release -- serve DIR --listen 127.0.0.1:4433 &
//! cargo run --release --example hostile -- stalled https://localhost:4433/FILE pid=$! clients=1000 seconds=20
//! cargo run --release --example hostile -- resets https://localhost:4433/FILE pid=$! requests=100000 burst=20
//! ```
//!
//! `stalled`: each client asks for a large file, gives credit for 64 KiB, and reads nothing, but answers PINGs. `resets`: requests for a
//! file that are given up as soon as they have left. Both print the server's memory and processor time, and `stalled` how long
//! another client waited for the same file meanwhile.
#![allow(unreachable_pub, reason = "an example has no other crates to be reached from")]

use posthaste::{Client, Error, Handle, Response, Roots};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, url, settings @ ..] = &arguments[..] else { return Err("call it as in its first lines".into()) };
    let number = |name: &str, default: u64| -> Result<u64, Failure> {
        let given = settings.iter().find_map(|setting| setting.strip_prefix(name)?.strip_prefix('='));
        given.map_or(Ok(default), |text| text.parse().map_err(|_| format!("{name}= needs a number").into()))
    };
    let server = Process(number("pid", 0)?);
    match mode.as_str() {
        "stalled" => {
            let (clients, span) = (number("clients", 1000)?, Duration::from_secs(number("seconds", 20)?));
            posthaste::run(|handle| async move { stalled(&handle, url, clients, span, &server).await })??;
        }
        "resets" => {
            let (requests, burst) = (number("requests", 100_000)?, number("burst", 20)?.max(1));
            posthaste::run(|handle| async move { resets(&handle, url, requests, burst, &server).await })??;
        }
        other => return Err(format!("{other}: stalled or resets").into()),
    }
    Ok(())
}

/// A client that gives credit for so many bytes.
fn client(handle: &Handle, credit: Option<u64>) -> Client {
    let mut builder = Client::builder(Roots::dangerous_accept_any());
    if let Some(credit) = credit {
        builder.transport.streams.max_stream_data_bidi_local = credit;
        builder.transport.keep_alive = Some(Duration::from_secs(5));
    }
    builder.build(handle)
}

async fn stalled(handle: &Handle, url: &str, clients: u64, span: Duration, server: &Process) -> Result<(), Error> {
    println!("before: {} MiB", server.memory());
    let mut held: Vec<(Client, Response)> = Vec::new();
    for _ in 0..clients {
        let client = client(handle, Some(64 << 10));
        let response = client.get(url).send().await?;
        held.push((client, response));
    }
    handle.sleep(Duration::from_secs(2)).await;
    println!("{} clients wait: {} MiB, {:.2} s", held.len(), server.memory(), server.seconds());
    let begin = Instant::now();
    let reader = client(handle, None);
    let bytes = reader.get(url).send().await?.body().read_to_end(1 << 30).await?.len();
    println!("another client had {bytes} bytes after {:.2} s", begin.elapsed().as_secs_f64());
    handle.sleep(span).await;
    println!("{} s later: {} MiB, {:.2} s", span.as_secs(), server.memory(), server.seconds());
    for (client, response) in held {
        drop(response);
        client.close().await;
    }
    handle.sleep(Duration::from_secs(15)).await;
    println!("15 s after they left: {} MiB", server.memory());
    Ok(())
}

async fn resets(handle: &Handle, url: &str, requests: u64, burst: u64, server: &Process) -> Result<(), Error> {
    let (client, own) = (client(handle, None), Process(u64::from(std::process::id())));
    client.get(url).send().await?;
    let (before, own_before) = (server.seconds(), own.seconds());
    let mut sent = 0;
    while sent < requests {
        let mut under_way = Vec::new();
        for _ in 0..burst.min(requests - sent) {
            under_way.push(client.get(url).start().await?);
        }
        sent += under_way.len() as u64;
        // They leave now, and are given up then.
        handle.sleep(Duration::from_micros(100)).await;
        drop(under_way);
    }
    handle.sleep(Duration::from_secs(1)).await;
    let (cost, own_cost) = (server.seconds() - before, own.seconds() - own_before);
    println!(
        "{sent} resets: {cost:.2} s of the server's processor, {own_cost:.2} s of ours, ratio {:.2}",
        cost / own_cost
    );
    println!("{} MiB", server.memory());
    Ok(())
}

/// A process by its number.
struct Process(u64);

impl Process {
    /// Resident memory in MiB; 0 if it is not there.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        resident.and_then(|text| text.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap_or(0) / 1024
    }

    /// Processor time so far; 0 if it is not there. The kernel counts in hundredths.
    fn seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0)).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
        let ticks = |place: usize| fields.get(place).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
        (ticks(11) + ticks(12)) / 100.0
    }
}
