//! Several URLs, and what the lines say that `get` writes about each.

use crate::answering::{Answering, pause};
use crate::process::{expect, get, text};
use crate::serving::Folder;
use posthaste::{Reply, Request, ResponseHead, Status};
use std::time::Duration;

/// Answers with the path; `/late...` after a while, `/cut` in part, `/to...` by a redirect.
fn server() -> Answering {
    Answering::start(|request: Request, reply: Reply| async move {
        let path = request.path().to_owned();
        if path.starts_with("/late") {
            pause(Duration::from_millis(200)).await;
        }
        if path == "/to" {
            let place = request.query().unwrap_or_default();
            let head = ResponseHead::new(Status::MOVED_PERMANENTLY).with_field("location", place)?;
            return reply.send(head, "moved\n").await;
        }
        if path == "/cut" {
            let mut writer = reply.start(200)?;
            writer.write("cut\n").await?;
            pause(Duration::from_millis(200)).await;
            return Ok(());
        }
        reply.send(if path == "/none" { 404 } else { 200 }, format!("{path}\n")).await
    })
}

#[test]
fn one_that_fails_does_not_stop_the_others_and_all_share_a_connection() {
    let (folder, server) = (Folder::new(), server());
    let urls = ["/late", "/cut", "/b", "/none", "/c"].map(|path| server.url(path));
    let urls = urls.each_ref().map(String::as_str);
    let output = get(&folder, &[&urls[..], &["--trace"]].concat());
    expect(&output, 18, &["/cut: incomplete after 4 bytes", "/none: the server answered 404"]);
    assert_eq!(text(&output.stdout), "/late\ncut\n/b\n/none\n/c\n");
    let started = |said: &str| said.lines().filter(|line| line.contains("  started 127.0.0.1:")).count();
    assert_eq!(started(&text(&output.stderr)), 1);
    let output = get(&folder, &[&urls[..], &["--trace", "--out", "out"]].concat());
    expect(&output, 18, &["/cut: incomplete after 4 bytes", "/none: the server answered 404"]);
    assert_eq!(started(&text(&output.stderr)), 1);
    let mut names = folder.list("out");
    names.sort();
    assert_eq!(names, ["b", "c", "late"]);
    expect(&get(&folder, &[urls[0], urls[2]]), 0, &[]);
    // A server that is not there is not the others' trouble.
    let output = get(&folder, &["https://127.0.0.1:1/x", urls[2]]);
    expect(&output, 7, &["https://127.0.0.1:1/x: connection refused"]);
    assert_eq!(text(&output.stdout), "/b\n");
}

#[test]
fn a_long_url_is_told_by_its_beginning() {
    let (folder, server) = (Folder::new(), server());
    let output = get(&folder, &[&server.url(&format!("/{}", "x".repeat(100_000)))]);
    expect(&output, 1, &["/xxxx", "x...: the fields are larger than the peer accepts"]);
    assert!(output.stderr.len() < 500, "{}", output.stderr.len());
}

#[test]
fn redirects_are_told_and_not_followed() {
    let (folder, server) = (Folder::new(), server());
    let base = server.url("");
    for (place, told) in [
        ("/other?x", format!("{base}/other?x")),
        ("https://elsewhere.example/", "https://elsewhere.example/".into()),
        ("//elsewhere.example/", "https://elsewhere.example/".into()),
        ("other", format!("{base}/other")),
    ] {
        let output = get(&folder, &[&server.url(&format!("/to?{place}"))]);
        expect(&output, 22, &[&format!("the server answered 301 Moved Permanently, to {told}: -L follows redirects")]);
        assert_eq!(text(&output.stdout), "moved\n");
    }
}
