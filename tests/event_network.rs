//! The commands of events over a bad network between real sockets, while the server is killed and started again.
#![allow(clippy::unwrap_used)] // a test may

#[path = "command/serving.rs"]
#[allow(dead_code)] // of a server of files
mod serving;

mod event_serving;
mod support;

use event_serving::{Running, Serving, ended, folder, ids, lines};
use relay::{Path, Relay};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// No line is waited for longer. A client whose server has vanished sees that after three pings.
const PATIENCE: Duration = Duration::from_secs(60);
const EVENTS: usize = 2000;

/// Slow, full, lossy, out of order, narrower after a while, and before an address translator that forgets.
fn relay(serving: &Serving, seed: &str) -> Relay {
    let words = [
        "rate=6000",
        "queue=60",
        "delay=5",
        "loss=20",
        "reordering=20",
        "late=8",
        "rebinding=900",
        "narrow-after=400",
        "narrow-silence=150",
        "narrow-size=1250",
        seed,
    ];
    Relay::start(serving.address().parse().unwrap(), Path::parse(words).unwrap()).unwrap()
}

#[test]
fn h10_over_a_bad_network_and_a_server_that_is_killed_nothing_is_lost_and_nothing_hangs() {
    let folder = folder();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (certificate, key) = support::identity_pem(&["127.0.0.1"], now - 3600, 86_400);
    folder.write("cert.pem", certificate.as_bytes());
    folder.write("key.pem", key.as_bytes());
    let arguments = ["--cert", "cert.pem", "--key", "key.pem"];
    let serving = Serving::start(&folder, "127.0.0.1:0", &arguments);
    let (to, from) = (relay(&serving, "seed=1"), relay(&serving, "seed=2"));
    // One way by WebTransport, the other without HTTP.
    let url = format!("https://{}/events", from.address());
    let mut tail = serving.client("both", &["tail", &url, "orders", "--subscription", "s", "-f"]);
    let mut tail = Running(tail.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let consumed = lines(tail.0.stdout.take().unwrap());
    let url = format!("quic://{}", to.address());
    let mut inject = serving.client("both", &["inject", &url, "orders"]);
    let mut inject =
        Running(inject.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let stored = lines(inject.0.stdout.take().unwrap());
    let mut input = inject.0.stdin.take().unwrap();
    let wanted: Vec<String> = (0..EVENTS).map(|number| format!("e{number}")).collect();
    let published = wanted.clone();
    // It ends with the last line, or with who reads it.
    let writing = thread::spawn(move || {
        published.iter().try_for_each(|id| {
            let line = format!("{{\"id\":\"{id}\",\"data\":\"{}\"}}\n", "x".repeat(200));
            input.write_all(line.as_bytes())
        })
    });
    let mut acknowledged: Vec<String> = Vec::new();
    let next = || ids(&stored.recv_timeout(PATIENCE).expect("an event is stored in time"));
    while acknowledged.len() < EVENTS / 3 {
        acknowledged.extend(next());
    }
    let address = serving.address();
    serving.signal("-KILL");
    drop(serving);
    let serving = Serving::start(&folder, &address, &arguments);
    while acknowledged.len() < EVENTS {
        acknowledged.extend(next());
    }
    assert_eq!(acknowledged, wanted, "each is told once, in its order");
    writing.join().unwrap().unwrap();
    assert!(ended(&mut inject.0, PATIENCE).expect("it ends by itself").success());
    let mut seen = BTreeSet::new();
    while seen.len() < EVENTS {
        seen.extend(ids(&consumed.recv_timeout(PATIENCE).expect("an event is delivered in time")));
    }
    assert_eq!(seen, wanted.into_iter().collect::<BTreeSet<_>>());
    assert!(Command::new("kill").args(["-INT", &tail.0.id().to_string()]).status().unwrap().success());
    ended(&mut tail.0, PATIENCE).expect("it ends when it is interrupted");
    let queues = serving.run("root", &["queues", &serving.url, "orders", "--json"]);
    let queues: serde_json::Value = serde_json::from_slice(&queues.stdout).unwrap();
    assert_eq!(queues["depth"], EVENTS, "none is stored twice: {queues}");
}
