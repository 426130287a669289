//! `posthaste events` as processes: a server that is killed, and every command over the network.
#![allow(clippy::unwrap_used)] // a test may

#[path = "command/serving.rs"]
#[allow(dead_code)] // of a server of files
mod serving;

mod event_serving;
mod support;

use event_serving::{Serving, folder, ids, inject, text};
use posthaste::Identity;
use serving::posthaste;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::Authority;

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

/// Who publishes and who consumes may be on different threads of the server.
#[test]
fn several_workers_are_one_server() {
    let folder = folder();
    let mut serving = Serving::start(&folder, "127.0.0.1:0", &["--in-memory", "--workers", "3"]);
    let url = format!("quic://{}", serving.address());
    let bench = ["bench", &url, "bench", "-n", "600", "--publishers", "6", "--consumers", "6", "--json"];
    let measured: serde_json::Value = serde_json::from_str(&text(&serving.run("both", &bench))).unwrap();
    assert_eq!((&measured["stored"], &measured["delivered"]), (&600.into(), &600.into()), "{measured}");
    assert!(text(&serving.run("root", &["queues", &url])).contains("bench: 600 events"));
    serving.signal("-INT");
    assert!(serving.child.wait().unwrap().success());
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

/// A client of an authority that the server trusts is whom the registry knows by its certificate, and needs no token.
#[test]
fn h3_a_certificate_shows_who_a_client_is() {
    let folder = folder();
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    folder.write("ca.pem", ours.pem().as_bytes());
    let mut registry = "both * publish,fetch plain:both-secret\n".to_owned();
    for (name, authority) in [("known", &ours), ("unknown", &ours), ("foreign", &other)] {
        let (certificate, key) = authority.client_pem(&format!("{name}.example"), false);
        folder.write(&format!("{name}.pem"), certificate.as_bytes());
        folder.write(&format!("{name}.key"), key.as_bytes());
        if name != "unknown" {
            let hash = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap().certificate_sha256();
            let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            registry.push_str(&format!("{name} orders publish,fetch certificate:{digits}\n"));
        }
    }
    folder.write("registry", registry.as_bytes());
    let serving = Serving::start(&folder, "127.0.0.1:0", &["--in-memory", "--client-ca", "ca.pem"]);
    let without_http = format!("quic://{}", serving.address());
    let shown = |client: &str, name: &str, arguments: &[&str]| {
        let mut command = serving.client(client, arguments);
        command.args(["--cert", &format!("{name}.pem"), "--key", &format!("{name}.key")]).current_dir(folder.path());
        command.env_remove("POSTHASTE_EVENTS_TOKEN").output().unwrap()
    };
    text(&inject(&serving, "orders", "{\"id\":\"a\"}\n"));
    text(&inject(&serving, "bills", "{\"id\":\"b\"}\n"));
    for url in [serving.url.as_str(), &without_http] {
        assert_eq!(ids(&text(&shown("known", "known", &["tail", url, "orders"]))), ["a"], "{url}");
        let refused = |client: &str, name: &str, namespace: &str| {
            let output = shown(client, name, &["tail", url, namespace]);
            assert!(!output.status.success(), "{client} by {name} on {url}");
            String::from_utf8(output.stderr).unwrap()
        };
        let said = refused("known", "known", "bills");
        assert!(said.contains("bills"), "its rights are those of the registry: {said}");
        // Another name, another certificate of the same authority, and one of an authority that is not trusted.
        for (client, name) in [("both", "known"), ("known", "unknown"), ("foreign", "foreign")] {
            let said = refused(client, name, "orders");
            assert!(said.contains("no client of this name has this token"), "{client} by {name} on {url}: {said}");
        }
    }
    // Who has a token shows that.
    assert_eq!(ids(&text(&serving.run("both", &["tail", &without_http, "orders"]))), ["a"]);
}

#[test]
fn the_status_page_is_served_at_the_root_and_may_talk_to_its_server_alone() {
    let folder = folder();
    let serving = Serving::start(&folder, "127.0.0.1:0", &["--in-memory"]);
    let get = |path: &str, arguments: &[&str]| {
        let url = format!("https://{}{path}", serving.address());
        posthaste().args(["get", &url, "--ca", &serving.certificate]).args(arguments).output().unwrap()
    };
    let page = text(&get("/", &[]));
    assert!(page.starts_with("<!doctype html>") && page.contains("new WebTransport("), "{page}");
    assert!(!page.contains("src=") && !page.contains("http:"), "it is one file");
    let head = text(&get("/", &["--head"]));
    for line in ["content-type: text/html; charset=utf-8", "content-security-policy: default-src 'none'"] {
        assert!(head.contains(line), "{line} is missing in {head}");
    }
    assert!(!get("/other", &["--fail"]).status.success());
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

/// It says how many events nobody has, though it was told to end.
#[test]
fn who_interrupts_a_publisher_learns_what_is_not_stored() {
    let folder = folder();
    let serving = Serving::start(&folder, "127.0.0.1:0", &["--in-memory"]);
    let mut inject = serving
        .client("both", &["inject", &serving.url, "orders", "--timeout", "0.1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = inject.stdin.take().unwrap();
    let mut lines = BufReader::new(inject.stdout.take().unwrap()).lines();
    input.write_all(b"{\"id\":\"a\"}\n").unwrap();
    assert_eq!(ids(&lines.next().unwrap().unwrap()), ["a"]);
    serving.signal("-KILL");
    drop(serving);
    input.write_all(b"{\"id\":\"b\"}\n").unwrap();
    // It tells of the lost connection when it has sent what it cannot.
    let mut said = BufReader::new(inject.stderr.take().unwrap()).lines();
    let mut next = || said.next().map(Result::unwrap);
    while !next().expect("it goes on").contains("not connected") {}
    assert!(Command::new("kill").args(["-INT", &inject.id().to_string()]).status().unwrap().success());
    let rest: Vec<String> = std::iter::from_fn(next).collect();
    assert!(rest.iter().any(|line| line.contains("1 events may not be stored")), "{rest:?}");
    assert_eq!(inject.wait().unwrap().code(), Some(130));
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
