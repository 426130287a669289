//! What `get --out` leaves in a folder, and what it refuses before it asks for anything.

use crate::answering::Answering;
use crate::process::{Running, command, expect, get, text};
use crate::serving::{Folder, Serving};
use posthaste::{Method, Reply, Request, ResponseHead, Status};
use std::os::unix::fs::symlink;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn names(folder: &Folder, name: &str) -> Vec<String> {
    let mut names = folder.list(name);
    names.sort();
    names
}

/// RFC 9110 section 6.4.1: a response without content makes no file, and leaves one that is there alone.
#[test]
fn responses_without_content_make_no_file() {
    let server = Answering::start(|request: Request, reply: Reply| async move {
        let status = request.path().trim_start_matches('/').parse().unwrap_or(200);
        let head = ResponseHead::new(Status::new(status)?).with_field("x-seen", "yes")?;
        let body = if *request.method() == Method::Head || [204, 205, 304].contains(&status) { "" } else { "content" };
        reply.send(head, body).await
    });
    let folder = Folder::new();
    folder.write("out/304", b"what there was");
    for (arguments, status, parts) in [
        (&["/200", "--method", "HEAD"][..], 0, &[][..]),
        (&["/204"], 0, &[]),
        (&["/205"], 0, &[]),
        (&["/304", "--header", "If-None-Match: \"x\""], 0, &[]),
        (&["/304"], 22, &["/304: the server answered 304 Not Modified"]),
        (&["/404"], 22, &["/404: the server answered 404 Not Found"]),
    ] {
        let url = server.url(arguments[0]);
        let output = get(&folder, &[&[&*url, "--out", "out", "--include"], &arguments[1..]].concat());
        expect(&output, status, parts);
        let said = text(&output.stdout);
        assert!(
            said.starts_with(&format!("HTTP/3 {}\n", &arguments[0][1..])) && said.contains("x-seen: yes\n"),
            "{said}"
        );
        assert_eq!(output.stderr.is_empty(), status == 0, "{output:?}");
        assert_eq!(
            (names(&folder, "out"), folder.read("out/304")),
            (vec!["304".to_owned()], b"what there was".to_vec())
        );
    }
    expect(&get(&folder, &[&server.url("/200"), "--out", "out"]), 0, &[]);
    assert_eq!(folder.read("out/200"), b"content");
}

#[test]
fn what_cannot_be_replaced_is_told_before_anything_is_asked_for() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counts = asked.clone();
    let server = Answering::start(move |_: Request, reply: Reply| {
        counts.fetch_add(1, Ordering::Relaxed);
        reply.send(200, "new")
    });
    let folder = Folder::new();
    folder.write("precious", b"precious");
    folder.write("out/file", b"old, and longer");
    symlink("../precious", folder.path().join("out/link")).unwrap();
    std::fs::create_dir(folder.path().join("out/folder")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("out/pipe")).status().unwrap();
    assert!(made.success());
    let output = get(&folder, &[&server.url("/folder"), &server.url("/pipe"), "--out", "out"]);
    expect(
        &output,
        23,
        &["/folder: out/folder is a folder", "/pipe: out/pipe is no regular file", "choose another place"],
    );
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    let output = get(&folder, &[&server.url("/file"), &server.url("/link"), "--out", "out"]);
    expect(&output, 0, &[]);
    assert_eq!((folder.read("out/file"), folder.read("out/link")), (b"new".to_vec(), b"new".to_vec()));
    assert_eq!(folder.read("precious"), b"precious");
    assert_eq!(names(&folder, "out"), ["file", "folder", "link", "pipe"]);
}

#[test]
fn names_that_are_too_long_are_cut_and_stay_apart() {
    let server = Answering::start(|request: Request, reply: Reply| {
        let length = request.path().len().to_string();
        reply.send(200, length)
    });
    let folder = Folder::new();
    let urls = [300, 301, 255, 1].map(|count| server.url(&format!("/{}", "x".repeat(count))));
    let urls = urls.each_ref().map(String::as_str);
    expect(&get(&folder, &[&urls[..], &["--out", "out"]].concat()), 0, &[]);
    let bodies: Vec<Vec<u8>> = names(&folder, "out").iter().map(|name| folder.read(&format!("out/{name}"))).collect();
    assert!(names(&folder, "out").iter().all(|name| name.len() <= 255));
    for length in ["301", "302", "256", "2"] {
        assert!(bodies.contains(&length.as_bytes().to_vec()), "{length}: {bodies:?}");
    }
    let output = get(&folder, &[urls[0], &format!("{}?again", urls[0]), "--out", "out"]);
    expect(&output, 2, &["same file", "xxx~"]);
}

#[test]
fn output_that_cannot_be_written_is_told_once() {
    let folder = Folder::new();
    let serving = Serving::start(&folder, &[".", "--bodies"]);
    for (urls, count) in [(1, 10), (3, 10), (3, 3_000_000)] {
        let urls = vec![serving.url(&format!("/bytes/{count}")); urls];
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = Running::start(command(&folder, &urls).stdout(Stdio::from(full))).output();
        expect(&output, 1, &["standard output could not be written to: No space left"]);
        assert_eq!(text(&output.stderr).lines().count(), 1, "{output:?}");
    }
}
