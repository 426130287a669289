//! `posthaste events` as processes: a server that is killed, and every command over the network.
#![allow(clippy::unwrap_used)] // a test may

#[path = "command/serving.rs"]
#[allow(dead_code)] // of a server of files
mod serving;

use serving::{Folder, posthaste};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A server as a process, killed if nothing else ends it.
struct Serving {
    child: Child,
    url: String,
    certificate: String,
}

impl Serving {
    fn start(folder: &Folder, listen: &str, arguments: &[&str]) -> Serving {
        let mut child = posthaste()
            .args(["events", "serve", "--listen", listen, "--registry", "registry"])
            .args(arguments)
            .current_dir(folder.path())
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut url, mut certificate) = (String::new(), String::new());
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap) {
            if let Some(at) = line.strip_prefix("listening on ") {
                at.clone_into(&mut url);
            }
            if let Some(file) = line.strip_prefix("clients trust it with --ca ") {
                // The last line.
                file.clone_into(&mut certificate);
                break;
            }
        }
        if url.is_empty() {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("it does not say where it listens: {said}");
        }
        Serving { child, url, certificate }
    }

    /// The command with these arguments, the client's name and its token.
    fn client(&self, client: &str, arguments: &[&str]) -> Command {
        let mut command = posthaste();
        command.arg("events").args(arguments).args(["--ca", &self.certificate, "--client", client]);
        command.env("POSTHASTE_EVENTS_TOKEN", format!("{client}-secret"));
        command
    }

    fn run(&self, client: &str, arguments: &[&str]) -> Output {
        self.client(client, arguments).output().unwrap()
    }

    fn address(&self) -> String {
        self.url.trim_start_matches("https://").trim_end_matches("/events").to_owned()
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("registry", b"both * publish,fetch plain:both-secret\nroot * all plain:root-secret\n");
    folder
}

#[track_caller]
fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn inject(serving: &Serving, namespace: &str, lines: &str) -> Output {
    let mut child = serving
        .client("both", &["inject", &serving.url, namespace])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn ids(lines: &str) -> Vec<String> {
    let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
    lines.lines().map(id).collect()
}

#[test]
fn h14_every_command_works_over_the_network() {
    let folder = folder();
    let serving = Serving::start(&folder, "127.0.0.1:0", &[]);
    let url = serving.url.as_str();
    let lines = "{\"id\":\"a\",\"type\":\"t\",\"data\":\"x\",\"metadata\":{\"k\":\"v\"}}\n{\"id\":\"b\",\"data_hex\":\"00ff\"}\n";
    let stored = text(&inject(&serving, "orders", lines));
    assert_eq!(
        stored,
        "{\"id\":\"a\",\"sequence\":1,\"is_duplicate\":false}\n{\"id\":\"b\",\"sequence\":2,\"is_duplicate\":false}\n"
    );
    assert!(text(&inject(&serving, "orders", lines)).contains("\"is_duplicate\":true"));
    let shown = text(&serving.run("both", &["tail", url, "orders"]));
    assert_eq!(ids(&shown), ["a", "b"]);
    assert!(shown.contains("\"metadata\":{\"k\":\"v\"}") && shown.contains("\"data_hex\":\"00ff\""), "{shown}");
    let without_http = format!("quic://{}", serving.address());
    assert_eq!(text(&serving.run("both", &["tail", &without_http, "orders"])), shown);
    assert!(text(&serving.run("root", &["check", &without_http])).contains("the client is let in; "));
    assert_eq!(ids(&text(&serving.run("both", &["replay", url, "orders", "--from", "2"]))), ["b"]);
    assert_eq!(
        text(&serving.run("both", &["replay", url, "orders", "--to", "copies"])),
        "{\"copied\":2,\"duplicates\":0}\n"
    );
    let consumed = text(&serving.run("both", &["tail", url, "copies", "--subscription", "s", "-n", "1"]));
    assert_eq!(ids(&consumed), ["a"]);
    let consumed = text(&serving.run("both", &["tail", url, "copies", "--subscription", "s", "-n", "1"]));
    assert_eq!(ids(&consumed), ["b"], "what was printed is acknowledged");
    let queues = text(&serving.run("root", &["queues", url, "copies", "--json"]));
    let queues: serde_json::Value = serde_json::from_str(&queues).unwrap();
    assert_eq!((&queues["depth"], &queues["subscriptions"][0]["acknowledged"]), (&2.into(), &2.into()), "{queues}");
    assert!(text(&serving.run("root", &["queues", url])).contains("orders: 2 events"));
    let checked = text(&serving.run("root", &["check", url]));
    assert!(checked.contains("the client is let in; ") && checked.contains("ms away"), "{checked}");
    let bench = ["bench", url, "bench", "-n", "2000", "--publishers", "2", "--consumers", "2"];
    let measured = text(&serving.run("both", &bench));
    for part in ["2000 events stored", "events/s", "p50", "p99.9", " ms |#", "2000 events delivered"] {
        assert!(measured.contains(part), "{part} is missing in:\n{measured}");
    }
    let measured = text(&serving.run("both", &[&bench[..], &["--json"]].concat()));
    let measured: serde_json::Value = serde_json::from_str(&measured).unwrap();
    assert_eq!((&measured["stored"], &measured["delivered"]), (&2000.into(), &2000.into()), "{measured}");
}

#[test]
fn h14_tail_follows() {
    let folder = folder();
    let serving = Serving::start(&folder, "127.0.0.1:0", &["--in-memory"]);
    text(&inject(&serving, "orders", "{\"id\":\"before\"}\n"));
    let mut tail = serving
        .client("both", &["tail", &serving.url, "orders", "-f", "--from", "1", "-n", "3"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    assert_eq!(ids(&lines.next().unwrap().unwrap()), ["before"]);
    for id in ["one", "two"] {
        text(&inject(&serving, "orders", &format!("{{\"id\":\"{id}\"}}\n")));
        assert_eq!(ids(&lines.next().unwrap().unwrap()), [id]);
    }
    assert!(tail.wait().unwrap().success());
}

#[test]
fn h8_what_was_acknowledged_is_there_after_the_server_was_killed() {
    let folder = folder();
    let serving = Serving::start(&folder, "127.0.0.1:0", &[]);
    let address = serving.address();
    let lines: String = (0..500).map(|n| format!("{{\"id\":\"e{n}\"}}\n")).collect();
    let stored = ids(&text(&inject(&serving, "orders", &lines)));
    assert_eq!(stored.len(), 500);
    serving.signal("-KILL");
    drop(serving);
    let serving = Serving::start(&folder, &address, &[]);
    assert_eq!(ids(&text(&serving.run("both", &["tail", &serving.url, "orders"]))), stored);
    assert!(text(&inject(&serving, "orders", "{\"id\":\"e7\"}\n")).contains("\"sequence\":8,\"is_duplicate\":true"));
}

#[test]
fn h4_the_registry_is_read_again_at_a_signal_and_from_the_variable() {
    let folder = folder();
    let mut serving = Serving::start(&folder, "127.0.0.1:0", &["--in-memory"]);
    let refused = serving.run("late", &["check", &serving.url]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("no client of this name has this token"), "{said}");
    folder.write("registry", b"late * all plain:late-secret\n");
    serving.signal("-HUP");
    let mut lines = BufReader::new(serving.child.stderr.take().unwrap()).lines();
    let line = lines.find(|line| line.as_ref().unwrap().contains("read again")).unwrap().unwrap();
    assert!(line.contains("registry was read again: 1 clients"), "{line}");
    text(&serving.run("late", &["check", &serving.url]));
    assert!(!serving.run("both", &["check", &serving.url]).status.success());
    folder.write("registry", b"late * nothing plain:late-secret\n");
    serving.signal("-HUP");
    let line = lines.find(|line| line.as_ref().unwrap().contains("stays as it was")).unwrap().unwrap();
    assert!(line.contains("line 1: \"nothing\" is no right"), "{line}");
    text(&serving.run("late", &["check", &serving.url]));

    let mut child = posthaste()
        .args(["events", "serve", "--listen", "127.0.0.1:0", "--in-memory"])
        .env("H3X_REGISTRY", "a:{orders}={token-of-a}")
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let first = BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let url = first.strip_prefix("listening on ").unwrap();
    let mut check = posthaste();
    check.args(["events", "check", url, "--insecure", "--client", "a"]).env("POSTHASTE_EVENTS_TOKEN", "token-of-a");
    let checked = check.output().unwrap();
    let _ = child.kill();
    let _ = child.wait();
    text(&checked);
}

#[test]
fn h15_figures_are_shown_by_http() {
    let folder = folder();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let serving = Serving::start(&folder, "127.0.0.1:0", &["--in-memory", "--metrics", &port.to_string()]);
    text(&inject(&serving, "orders", "{\"id\":\"a\"}\n"));
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("posthaste_events_queue_depth{namespace=\"orders\"} 1"), "{page}");
}

#[test]
fn h18_a_server_that_is_interrupted_ends_soon_and_well() {
    let folder = folder();
    let mut serving = Serving::start(&folder, "127.0.0.1:0", &[]);
    text(&inject(&serving, "orders", "{\"id\":\"a\"}\n"));
    let mut tail = serving
        .client("both", &["tail", &serving.url, "orders", "--subscription", "s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    assert_eq!(ids(&lines.next().unwrap().unwrap()), ["a"]);
    serving.signal("-INT");
    let begun = Instant::now();
    assert!(serving.child.wait().unwrap().success());
    assert!(begun.elapsed() < Duration::from_secs(30));
    let address = serving.address();
    drop(serving);
    let serving = Serving::start(&folder, &address, &[]);
    let queues = text(&serving.run("root", &["queues", &serving.url, "orders", "--json"]));
    assert!(queues.contains("\"pending\":0"), "the acknowledgment was kept: {queues}");
    let _ = tail.kill();
    let _ = tail.wait();
}

#[test]
fn what_is_wrong_is_told() {
    let folder = folder();
    let serving = Serving::start(&folder, "127.0.0.1:0", &["--in-memory"]);
    let url = serving.url.as_str();
    for (client, arguments, status, part) in [
        ("both", &["queues", url][..], 1, "this client may not see all namespaces"),
        ("both", &["queues", url, "a b"], 1, "no name of a namespace"),
        ("nobody", &["tail", url, "orders"], 1, "no client of this name has this token"),
        ("both", &["tail", "http://127.0.0.1/", "orders"], 2, "no URL of a server of events"),
        ("both", &["tail", "https://127.0.0.1:1/events", "orders"], 1, ""),
        ("both", &["tail", url, "missing"], 1, "there is no namespace"),
    ] {
        let output = serving.run(client, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(status) && said.contains(part),
            "{arguments:?}: {:?} {said}",
            output.status
        );
    }
    let output = inject(&serving, "orders", "{\"id\":\"a\"}\n{\"nonsense\":1}\n");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && said.contains("standard input, line 2: an event has no \"nonsense\""),
        "{said}"
    );
    let second =
        posthaste().args(["events", "serve", "--listen", "127.0.0.1:0"]).env_remove("H3X_REGISTRY").output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    let token = posthaste().args(["events", "token", "shop", "orders", "publish"]).output().unwrap();
    let line = text(&token);
    let line = line.lines().find_map(|line| line.strip_prefix("registry: ")).unwrap();
    folder.write("registry", line.as_bytes());
    let checked =
        posthaste().args(["events", "check", "--registry"]).arg(folder.path().join("registry")).output().unwrap();
    assert!(text(&checked).ends_with("registry: 1 clients\n"));
}
