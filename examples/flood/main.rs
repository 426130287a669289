//! First packets of clients that do not exist, sent to a server on this machine; and a client that does exist, which arrives
//! every now and then and says how long it waited:
//!
//! ```text
//! cargo run --release -- serve &
//! cargo run --release --example flood -- target=127.0.0.1:4433
//! ```
//!
//! Further settings, with their defaults: `rate=4500` (packets in a second) `addresses=1000` `seconds=20` `patience=1000` (the
//! milliseconds that a client waits), `ca=FILE` (the
//! certificates that a client trusts; without it, any). It ends with status 1 if a client waited in vain.
//!
//! `cargo run --release --example flood -- cost` prints what a first packet costs a server, in microseconds.
#![allow(unreachable_pub, reason = "an example has no other crates to be reached from")]

mod cost;
mod sender;

use posthaste::{Client, Roots};
use sender::Sender;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let settings: Vec<String> = std::env::args().skip(1).collect();
    if settings.iter().any(|setting| setting == "cost") {
        cost::print();
        return Ok(());
    }
    let value = |name: &str, default: &str| {
        let given = settings.iter().find_map(|setting| setting.strip_prefix(name)?.strip_prefix('='));
        given.unwrap_or(default).to_owned()
    };
    let target: SocketAddr = value("target", "127.0.0.1:4433").parse()?;
    let span = Duration::from_secs(value("seconds", "20").parse()?);
    let patience = Duration::from_millis(value("patience", "1000").parse()?);
    let roots = match value("ca", "") {
        file if file.is_empty() => Roots::dangerous_accept_any(),
        file => Roots::from_pem_file(file)?,
    };
    let flood = Sender::start(target, value("rate", "4500").parse()?, value("addresses", "1000").parse()?);
    let (begin, mut waits, mut in_vain) = (Instant::now(), Vec::new(), 0);
    while begin.elapsed() < span {
        std::thread::sleep(Duration::from_millis(250));
        match arrive(&roots, target, patience) {
            Some(waited) => waits.push(waited),
            None => in_vain += 1,
        }
    }
    waits.sort_unstable();
    let [median, longest] = [waits.get(waits.len() / 2), waits.last()].map(|wait| wait.copied().unwrap_or_default());
    println!("{} first packets; {} clients got in, after {median:?}, at most {longest:?}", flood.sent(), waits.len());
    if in_vain > 0 {
        return Err(format!("{in_vain} clients did not get in within {patience:?}").into());
    }
    Ok(())
}

/// A client without a connection asks for something: how long it waited for the answer.
fn arrive(roots: &Roots, target: SocketAddr, patience: Duration) -> Option<Duration> {
    let roots = roots.clone();
    let answered = posthaste::run(|handle| async move {
        let client = Client::builder(roots).build(&handle);
        let begin = Instant::now();
        let asked = handle.timeout(patience, client.get(&format!("https://{target}/")).send()).await;
        asked.ok()?.ok().map(|_| begin.elapsed())
    });
    answered.ok().flatten()
}
