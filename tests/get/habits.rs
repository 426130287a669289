//! The options that other programs of its kind have, each against a server of ours: what they send, what they write, and how they end.

use crate::answering::Answering;
use crate::process::{Running, command, expect, get, text};
use crate::serving::Folder;
use posthaste::{Method, Reply, Request, ResponseHead, Status};
use std::io::Write;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Tells what came: method, target, the fields that matter, and the body. `/to?PLACE` sends on, `/STATUS/...` answers with it.
fn server() -> Answering {
    Answering::start(|mut request: Request, reply: Reply| async move {
        let path = request.path().to_owned();
        let query = request.head().path.as_ref().and_then(|path| path.query().map(str::to_owned)).unwrap_or_default();
        if path == "/to" {
            let head = ResponseHead::new(Status::FOUND).with_field("location", &query)?;
            return reply.send(head, "moved\n").await;
        }
        let said =
            |name: &str| request.fields().first_text(name).map_or(String::new(), |value| format!(" {name}={value}"));
        let names = ["content-type", "content-length", "accept", "authorization", "referer", "range", "x"];
        let fields: String = names.iter().map(|name| said(name)).collect();
        let agent = said("user-agent");
        let agent = if agent.contains("posthaste/") { String::new() } else { agent };
        let status =
            path.trim_start_matches('/').split('/').next().and_then(|status| status.parse().ok()).unwrap_or(200);
        let method = request.method().clone();
        let sign = if query.is_empty() { "" } else { "?" };
        let body = request.body().read_to_end(1 << 20).await?;
        let answer = format!("{method} {path}{sign}{query}{fields}{agent} [{}]", String::from_utf8_lossy(&body));
        let head = ResponseHead::new(Status::new(status)?)
            .with_field("x-seen", "yes")?
            .with_field("content-type", "text/plain")?;
        if method == Method::Head {
            let head = head.with_field("content-length", answer.len().to_string())?;
            return reply.send(head, "").await;
        }
        reply.send(head, answer).await
    })
}

/// What standard output has, of a command that succeeds.
#[track_caller]
fn out(folder: &Folder, arguments: &[&str]) -> String {
    let output = get(folder, arguments);
    expect(&output, 0, &[]);
    text(&output.stdout)
}

#[test]
fn what_is_sent_is_what_the_options_say() {
    let (folder, server) = (Folder::new(), server());
    folder.write("lines", b"a\r\nb\n");
    let form = "content-type=application/x-www-form-urlencoded";
    for (arguments, path, expected) in [
        (&["-d", "a=b", "-d", "c"][..], "/x", format!("POST /x {form} content-length=5 [a=b&c]")),
        (&["-d", "@lines"], "/x", format!("POST /x {form} [ab]")),
        (&["--data-binary", "@lines"], "/x", format!("POST /x {form} content-length=5 [a\r\nb\n]")),
        (&["-d", "x", "--data-binary", "@lines"], "/x", format!("POST /x {form} content-length=7 [x&a\r\nb\n]")),
        (&["--data-raw", "@lines"], "/x", format!("POST /x {form} content-length=6 [@lines]")),
        (&["--data-urlencode", "n=a b"], "/x", format!("POST /x {form} content-length=7 [n=a%20b]")),
        (
            &["--json", "{}"],
            "/x",
            "POST /x content-type=application/json content-length=2 accept=application/json [{}]".into(),
        ),
        (&["-d", "x", "-H", "Content-Type: text/x"], "/x", "POST /x content-type=text/x content-length=1 [x]".into()),
        (&["-d", "x", "-H", "Content-Type:"], "/x", "POST /x content-length=1 [x]".into()),
        (&["-G", "-d", "a=b", "-d", "c"], "/x?y", "GET /x?y&a=b&c []".into()),
        (&["-T", "lines"], "/up/", "PUT /up/lines content-length=5 [a\r\nb\n]".into()),
        (&["-T", "lines"], "/up", "PUT /up content-length=5 [a\r\nb\n]".into()),
        (&["-XDELETE"], "/x", "DELETE /x []".into()),
        (
            &["-u", "n:p", "-e", "from", "-A", "me"],
            "/x",
            "GET /x authorization=Basic bjpw referer=from user-agent=me []".into(),
        ),
        (&["-r", "0-9,20-"], "/x", "GET /x range=bytes=0-9,20- []".into()),
        (&["-H", "x: y", "--url"], "/x", "GET /x x=y []".into()),
    ] {
        let url = server.url(path);
        assert_eq!(out(&folder, &[arguments, &[&*url]].concat()), expected, "{arguments:?}");
    }
    let mut command = command(&folder, &["-T", "-", &server.url("/up")]);
    let mut getting = Running::start(command.stdin(Stdio::piped()));
    getting.0.stdin.take().unwrap().write_all(b"typed").unwrap();
    assert_eq!(text(&getting.output().stdout), "PUT /up [typed]");
}

#[test]
fn heads_are_asked_for_and_shown() {
    let (folder, server) = (Folder::new(), server());
    let url = server.url("/x");
    let said = out(&folder, &["-I", &url]);
    assert!(said.starts_with("HTTP/3 200\n") && said.contains("x-seen: yes\n") && said.ends_with("\n\n"), "{said}");
    let said = out(&folder, &["-i", &url]);
    assert!(said.starts_with("HTTP/3 200\n") && said.ends_with("\nGET /x []"), "{said}");
    assert_eq!(out(&folder, &["-D", "heads", &url]), "GET /x []");
    assert!(text(&folder.read("heads")).starts_with("HTTP/3 200\n"));
    let output = get(&folder, &["-v", "-u", "n:secret", &url]);
    expect(
        &output,
        0,
        &[
            "* connected to 127.0.0.1:",
            "QUIC version 1",
            "> GET /x\n",
            "> authorization: [not shown]\n",
            "< HTTP/3 200 OK\n",
            "< x-seen: yes\n",
        ],
    );
    assert!(!text(&output.stderr).contains("bjpz"), "{output:?}");
}

#[test]
fn bodies_go_where_the_options_say() {
    let (folder, server) = (Folder::new(), server());
    let (one, two) = (server.url("/one"), server.url("/two"));
    assert_eq!(out(&folder, &["-o", "x", &one, "-O", &two]), "");
    assert_eq!((text(&folder.read("x")), text(&folder.read("two"))), ("GET /one []".into(), "GET /two []".into()));
    assert_eq!(out(&folder, &["-o", "y", &one, &two]), "GET /two []", "the second has no place");
    assert_eq!(out(&folder, &["-o", "-", &one]), "GET /one []");
    assert_eq!(out(&folder, &["-sSo/dev/null", &one]), "");
    out(&folder, &["--remote-name-all", "--output-dir", "deep/er", "--create-dirs", "-Z", &one, &two]);
    let mut names = folder.list("deep/er");
    names.sort();
    assert_eq!(names, ["one", "two"]);
    expect(&get(&folder, &["-o", "none/x", &one]), 23, &["none: there is no such folder", "--create-dirs"]);
    expect(&get(&folder, &["-O", &one, "-O", &server.url("/b/one")]), 2, &["same file, one"]);
}

#[test]
fn redirects_are_followed_where_that_is_asked_for() {
    let (folder, server) = (Folder::new(), server());
    let url = server.url("/to?/x");
    assert_eq!(out(&folder, &["-L", &url]), "GET /x []");
    assert_eq!(out(&folder, &["-L", "-d", "a", &url]), "GET /x []");
    let format = "%{num_redirects} %{url_effective} %{http_code}";
    assert_eq!(out(&folder, &["-Ls", "-o", "/dev/null", "-w", format, &url]), format!("1 {} 200", server.url("/x")));
    let circle = server.url("/to?/to");
    expect(&get(&folder, &["-L", "--max-redirs", "3", &circle]), 47, &["more than 3 in a row"]);
    expect(&get(&folder, &["-L", &server.url("/to?http://a/")]), 1, &["over https only"]);
}

#[test]
fn a_status_that_is_no_success_has_a_number_of_its_own() {
    let (folder, server) = (Folder::new(), server());
    let url = server.url("/404/x");
    let output = get(&folder, &[&url]);
    expect(&output, 22, &["404 Not Found"]);
    assert_eq!(text(&output.stdout), "GET /404/x []");
    let output = get(&folder, &["-f", &url]);
    expect(&output, 22, &["404 Not Found"]);
    assert_eq!(text(&output.stdout), "");
    assert_eq!(out(&folder, &["--any-status", &url]), "GET /404/x []");
    let silent = get(&folder, &["-s", &url]);
    assert_eq!((silent.status.code(), text(&silent.stderr)), (Some(22), String::new()));
    expect(&get(&folder, &["-sS", &url]), 22, &["404 Not Found"]);
    let output = get(&folder, &["--fail-early", &url, &server.url("/x")]);
    assert_eq!(text(&output.stdout), "GET /404/x []", "the second is not asked for");
}

#[test]
fn what_is_known_of_a_transfer_is_written_out() {
    let (folder, server) = (Folder::new(), server());
    let url = server.url("/x");
    folder.write("format", b"%{http_code} %{filename_effective}\\n");
    let format =
        "%{http_code} %{http_version} %{method} %{size_download} %{content_type} %header{x-seen} %{exitcode}\\n";
    assert_eq!(out(&folder, &["-o", "y", "-w", format, &url]), "200 3 GET 9 text/plain yes 0\n");
    assert_eq!(out(&folder, &["-o", "y", "-w", "@format", &url]), "200 y\n");
    let times = out(&folder, &["-o", "y", "-w", "%{time_connect} %{time_starttransfer} %{time_total}", &url]);
    let times: Vec<f64> = times.split(' ').map(|time| time.parse().unwrap()).collect();
    assert!(times[0] > 0.0 && times.is_sorted() && times[2] < 20.0, "{times:?}");
    let output = get(&folder, &["-w", "%{stderr}%{http_code} %{exitcode} %{errormsg}\\n", "https://127.0.0.1:1/"]);
    expect(&output, 7, &["000 7 connection refused"]);
}

#[test]
fn a_report_for_programs_has_a_line_for_each_transfer() {
    let (folder, server) = (Folder::new(), server());
    let urls = [server.url("/x"), "https://127.0.0.1:1/".to_owned()];
    let output = get(&folder, &["-o", "y", "--json-report", "report", &urls[0], &urls[1]]);
    expect(&output, 7, &[]);
    let report = text(&folder.read("report"));
    let lines: Vec<serde_json::Value> = report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{report}");
    assert_eq!(
        (&lines[0]["url"], &lines[0]["http_code"], &lines[0]["exitcode"]),
        (&urls[0].as_str().into(), &200.into(), &0.into())
    );
    assert_eq!((&lines[0]["filename"], &lines[0]["quic_version"]), (&"y".into(), &1.into()));
    assert!(lines[1]["http_code"].is_null() && lines[1]["exitcode"] == 7);
    let line = out(&folder, &["-o", "y", "--json-report", "-", &urls[0]]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap()["size_download"], 9);
}

/// A server that is not ready the first times.
fn unready(times: usize, status: u16, retry_after: &'static str) -> (std::sync::Arc<AtomicUsize>, Answering) {
    let seen = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = seen.clone();
    let server = Answering::start(move |_: Request, reply: Reply| {
        let is_ready = counted.fetch_add(1, Ordering::SeqCst) >= times;
        async move {
            let status = if is_ready { 200 } else { status };
            let head = ResponseHead::new(Status::new(status)?).with_field("retry-after", retry_after)?;
            reply.send(head, if is_ready { "ready" } else { "" }).await
        }
    });
    (seen, server)
}

#[test]
fn a_request_is_made_again_where_that_may_help() {
    let folder = Folder::new();
    let again = |times: usize, status: u16, arguments: &[&str]| -> (Output, usize) {
        let (seen, server) = unready(times, status, "0");
        let output = get(&folder, &[&[&*server.url("/"), "-o", "x", "--retry-delay", "0.01"], arguments].concat());
        (output, seen.load(Ordering::SeqCst))
    };
    let (output, seen) = again(2, 503, &["--retry", "3", "-w", "%{num_retries}"]);
    expect(&output, 0, &["503 Service Unavailable; again in 0.01 s"]);
    assert_eq!((seen, text(&output.stdout), text(&folder.read("x"))), (3, "2".into(), "ready".into()));
    for (status, arguments, expected) in [
        (503, &["--retry", "1"][..], (22, 2)),
        (404, &["--retry", "3"], (22, 1)),
        (503, &["--retry", "3", "-d", "x"], (22, 1)),
        (404, &["--retry", "2", "-d", "x", "--retry-all-errors"], (22, 3)),
    ] {
        let (output, seen) = again(9, status, arguments);
        assert_eq!((output.status.code().unwrap(), seen), expected, "{arguments:?}");
    }
    let begun = Instant::now();
    let (_, slow) = unready(9, 503, "3600");
    let output = get(&folder, &[&slow.url("/"), "-o", "x", "--retry", "5", "--retry-max-time", "5"]);
    expect(&output, 22, &["503"]);
    assert!(begun.elapsed() < Duration::from_secs(10), "what cannot be in time is not waited for");
    let output = get(&folder, &["https://127.0.0.1:1/", "--retry", "2", "--retry-delay", "0.01", "-d", "x"]);
    expect(&output, 7, &["again in 0.01 s", "connection refused"]);
    assert_eq!(text(&output.stderr).matches("again in").count(), 2, "it never arrived, so that it may be sent again");
}

#[test]
fn a_name_is_where_the_options_say_and_servers_may_be_elsewhere() {
    let (folder, server) = (Folder::new(), server());
    let port = server.url("").rsplit(':').next().unwrap().to_owned();
    let resolve = format!("localhost:{port}:127.0.0.1");
    let format = "%{remote_ip} %{remote_port}";
    let said = out(&folder, &["--resolve", &resolve, "-o", "x", "-w", format, &format!("https://localhost:{port}/x")]);
    assert_eq!(said, format!("127.0.0.1 {port}"));
    out(&folder, &["--alt-svc", "known", "-o", "x", &server.url("/x")]);
    assert_eq!(text(&folder.read("known")), "");
    folder.write("known", format!("h3 127.0.0.1 1 h3 127.0.0.1 {port} \"20991231 00:00:00\" 1 0\n").as_bytes());
    let output = get(&folder, &["-v", "--alt-svc", "known", "https://127.0.0.1:1/x"]);
    expect(&output, 0, &["an alternative that the server has named: 127.0.0.1:"]);
}

#[test]
fn options_that_are_not_there_say_what_to_do() {
    let folder = Folder::new();
    for (arguments, words) in [
        (&["-b", "x"][..], "cookies are left out on purpose"),
        (&["--http2"], "HTTP/3 comes first"),
        (&["-Y"], "unknown option -Y"),
        (&["--unheard-of"], "posthaste get --help"),
        (&["-o"], "-o (--output) needs a value"),
        (&["-C", "-"], "name one with -o FILE"),
    ] {
        expect(&get(&folder, &[&["https://a/"], arguments].concat()), 2, &[words]);
    }
}
