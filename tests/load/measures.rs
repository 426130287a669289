//! What a run sends, what it measures, and how it says so.

use crate::answering::{Answering, pause};
use crate::plain::PATIENCE;
use crate::process::{Running, expect, text};
use crate::serving::{Folder, posthaste};
use posthaste::{Reply, Request};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn load(folder: &Folder, arguments: &[&str]) -> Output {
    let mut command = posthaste();
    command.args(["load", "--insecure"]).args(arguments).current_dir(folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running::start(&mut command).output()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A server that remembers what came, and takes its time for `/slow`.
fn server() -> (Arc<Mutex<Vec<String>>>, Answering) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    let server = Answering::start(move |mut request: Request, reply: Reply| {
        let told = told.clone();
        async move {
            let field = request.fields().first_text("x").unwrap_or("-").to_owned();
            let head = format!("{} {} {field}", request.method(), request.path());
            if request.path() == "/slow" {
                pause(Duration::from_millis(100)).await;
            }
            let body = request.body().read_to_end(1000).await?;
            told.lock().unwrap().push(format!("{head} {}", String::from_utf8_lossy(&body)));
            reply.send(200, "ok").await
        }
    });
    (seen, server)
}

#[test]
fn what_is_asked_is_what_the_options_say() {
    let (folder, (seen, server)) = (Folder::new(), server());
    let output = load(&folder, &[&server.url("/x"), "-n", "3", "-c", "1", "-XPUT", "-H", "x: y", "-d", "body"]);
    expect(&output, 0, &[]);
    // One more opens the connection.
    assert_eq!(*seen.lock().unwrap(), ["PUT /x y body"; 4]);
    seen.lock().unwrap().clear();
    folder.write("requests", b"# two\n/a\nPOST\t/b\tx: z\t@text\n");
    let output = load(&folder, &[&server.url("/"), "-n", "4", "-c", "1", "--replay", "requests"]);
    expect(&output, 0, &[]);
    let (a, b) = ("GET /a - ", "POST /b z text");
    assert_eq!(*seen.lock().unwrap(), [a, a, b, a, b]);
    folder.write("requests", b"GET /a");
    expect(&load(&folder, &[&server.url("/"), "--replay", "requests"]), 2, &["requests: line 1: "]);
    expect(&load(&folder, &[&server.url("/"), "--replay", "none"]), 1, &["none could not be read"]);
}

#[test]
fn a_run_takes_as_long_as_it_is_to() {
    let (folder, (_, server)) = (Folder::new(), server());
    let begun = Instant::now();
    let output = load(
        &folder,
        &[&server.url("/x"), "-z", "600ms", "--warm-up", "300ms", "--json", "-m", "2", "--connections", "2"],
    );
    expect(&output, 0, &[]);
    assert!(begun.elapsed() >= Duration::from_millis(900));
    let report = json(&output);
    let seconds = report["seconds"].as_f64().unwrap();
    assert!((0.6..5.0).contains(&seconds), "{report}");
    assert_eq!((&report["connections"], &report["concurrency"]), (&2.into(), &4.into()));
    assert_eq!(report["statuses"]["200"], report["answers"]);
    assert!(report["latency_us"]["p50"].as_u64().unwrap() <= report["latency_us"]["longest"].as_u64().unwrap());
}

#[test]
fn a_rate_is_kept_and_what_waits_is_measured_from_when_it_was_to_begin() {
    let (folder, (seen, server)) = (Folder::new(), server());
    let begun = Instant::now();
    let output = load(&folder, &[&server.url("/x"), "-n", "40", "-q", "100", "--json"]);
    expect(&output, 0, &[]);
    assert!(begun.elapsed() >= Duration::from_millis(390), "{:?}", begun.elapsed());
    assert_eq!(json(&output)["answers"], 40);
    // One at a time of 100 ms each, where one each 20 ms was to begin: the last waits for all others.
    let output = load(&folder, &[&server.url("/slow"), "-n", "10", "-q", "50", "-c", "1", "--json"]);
    expect(&output, 0, &[]);
    let report = json(&output);
    let longest = report["latency_us"]["longest"].as_u64().unwrap();
    assert!(longest >= 700_000, "an answer alone takes 100 ms, and the last begins 700 ms late: {report}");
    assert!(report["latest_begin_us"].as_u64().unwrap() >= 600_000, "{report}");
    // As fast as answers come each is measured by itself.
    let output = load(&folder, &[&server.url("/slow"), "-n", "3", "-c", "1", "--json"]);
    let shortest = json(&output)["latency_us"]["shortest"].as_u64().unwrap();
    assert!((100_000..700_000).contains(&shortest), "{shortest}");
    assert!(!seen.lock().unwrap().is_empty());
    let output = load(&folder, &[&server.url("/slow"), "-z", "300ms", "-q", "100", "-c", "1"]);
    expect(&output, 0, &[]);
    assert!(text(&output.stdout).contains("not begun in time: "), "{output:?}");
}

#[test]
fn people_get_a_histogram() {
    let (folder, (_, server)) = (Folder::new(), server());
    let output = load(&folder, &[&server.url("/x"), "-n", "200"]);
    expect(&output, 0, &[]);
    let said = text(&output.stdout);
    assert!(said.starts_with("200 answers in ") && said.contains(", p99.9 ") && said.contains(" ms |#"), "{said}");
}

#[test]
fn errors_are_counted_by_their_kind_and_every_run_ends() {
    let folder = Folder::new();
    let count = Arc::new(AtomicUsize::new(0));
    let server = Answering::start(move |_: Request, reply: Reply| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        async move {
            match number {
                0..=4 => reply.send(200, "").await,
                5..=9 => reply.send(503, "").await,
                10..=14 => {
                    let mut writer = reply.start(200)?;
                    writer.write("part").await?;
                    Err(posthaste::Error::ShutDown)
                }
                _ => std::future::pending().await,
            }
        }
    });
    let output = load(&folder, &[&server.url("/"), "-n", "50", "-c", "1", "-t", "0.3"]);
    expect(&output, 1, &[]);
    let said = text(&output.stdout);
    for part in
        ["status 503: 5", "error silent for too long: 1", "error request broken off by the server: 5", "given up: "]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_signal_ends_the_run_and_the_report_is_told() {
    let (folder, (seen, server)) = (Folder::new(), server());
    let mut command = posthaste();
    command.args(["load", "--insecure", &server.url("/x"), "-z", "1h", "--json"]).current_dir(folder.path());
    let running = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let begun = Instant::now();
    while seen.lock().unwrap().len() < 100 {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    running.signal("-INT");
    let output = running.output();
    expect(&output, 130, &[]);
    assert!(json(&output)["answers"].as_u64().unwrap() >= 50);
}
