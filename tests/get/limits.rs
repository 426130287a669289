//! The time limits of `get`: which one is over, after how long, and what does not count.

use crate::answering::{Answering, pause};
use crate::process::{Running, command, expect, get, text};
use crate::serving::{Folder, Serving};
use posthaste::{Reply, Request};
use std::future::pending;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

/// A server that answers `/slow` bit by bit, `/part` by a part, `/nothing` never, and `/taken` when it has the whole body.
fn server() -> Answering {
    Answering::start(|mut request: Request, reply: Reply| async move {
        match request.path() {
            "/slow" => {
                let mut writer = reply.start(200)?;
                loop {
                    writer.write("x").await?;
                    pause(Duration::from_millis(20)).await;
                }
            }
            "/part" => {
                let mut writer = reply.start(200)?;
                writer.write("a part").await?;
                pending().await
            }
            "/nothing" => pending().await,
            _ => {
                let body = request.body().read_to_end(1 << 30).await?;
                reply.send(200, body.len().to_string()).await
            }
        }
    })
}

#[test]
fn a_limit_that_is_over_is_named() {
    let folder = Folder::new();
    let server = server();
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = format!("https://{}/", silent.local_addr().unwrap());
    let large = folder.write("large", b"");
    std::fs::File::options().write(true).open(&large).unwrap().set_len(100_000_000).unwrap();
    let large = format!("@{large}");
    for (url, arguments, parts) in [
        (
            silent,
            &["--connect-timeout", "0.4"][..],
            &["no answer from 127.0.0.1", "within 0.4 s", "--connect-timeout SECONDS"][..],
        ),
        (
            server.url("/nothing"),
            &["--first-byte-timeout", "0.4", "--idle-timeout", "30"],
            &["/nothing: no response within 0.4 s of the request", "--first-byte-timeout SECONDS"],
        ),
        (
            server.url("/nothing"),
            &["--first-byte-timeout", "0.4", "--data", "text"],
            &["/nothing: no response within 0.4 s of the request"],
        ),
        (
            server.url("/nothing"),
            &["--first-byte-timeout", "30", "--idle-timeout", "0.4", "--data-binary", &large],
            &["/nothing: the server has taken nothing of the body for 0.4 s", "--idle-timeout SECONDS"],
        ),
        (
            server.url("/part"),
            &["--idle-timeout", "0.4", "--first-byte-timeout", "30"],
            &["/part: incomplete after 6 bytes: the server has sent nothing for 0.4 s", "--idle-timeout SECONDS"],
        ),
        (
            server.url("/slow"),
            &["--idle-timeout", "5", "--max-time", "0.6"],
            &["/slow: it was not complete within the 0.6 s of --max-time"],
        ),
    ] {
        let begun = Instant::now();
        let output = get(&folder, &[&[&*url], arguments].concat());
        expect(&output, 28, parts);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert_eq!(text(&output.stderr).lines().count(), 1, "{output:?}");
    }
}

#[test]
fn all_urls_have_to_be_there_in_time() {
    let folder = Folder::new();
    let server = server();
    let (slow, quick) = (server.url("/slow"), server.url("/quick"));
    let output = get(&folder, &[&quick, &slow, &quick, "--max-time", "1.5"]);
    expect(&output, 28, &["/slow: it was not complete within the 1.5 s", "/quick: it was not begun within the 1.5 s"]);
    let output = get(&folder, &[&slow, &quick, "--max-time", "1.5", "--out", "out"]);
    expect(&output, 28, &["/slow: it was not complete"]);
    assert_eq!(folder.list("out"), ["quick"]);
}

/// More than twice the limit that the server has.
#[test]
fn a_reader_that_pauses_is_not_the_servers_idleness() {
    let folder = Folder::new();
    let serving = Serving::start(&folder, &[".", "--bodies"]);
    let limits = ["--idle-timeout", "1", "--first-byte-timeout", "1"];
    let mut getting =
        Running::start(&mut command(&folder, &[&[&*serving.url("/bytes/30000000")], &limits[..]].concat()));
    let mut first = [0; 1000];
    getting.0.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    let output = getting.output();
    expect(&output, 0, &[]);
    assert_eq!(output.stdout.len(), 30_000_000 - 1000);
}

/// Standard output that nobody takes ends with the limit for all.
#[test]
fn output_that_is_not_taken_ends_with_the_limit_for_all() {
    let folder = Folder::new();
    let serving = Serving::start(&folder, &[".", "--bodies"]);
    let mut said = String::new();
    // On a machine that is busy for as long, not all has come by then: again.
    for _ in 0..10 {
        let mut getting = Running::start(&mut command(&folder, &[&serving.url("/bytes/500000"), "--max-time", "1.5"]));
        assert_eq!(getting.wait().code(), Some(28));
        said = text(&getting.output().stderr);
        if !said.contains("it was not complete within the 1.5 s") {
            break;
        }
    }
    assert!(said.contains("standard output did not take what was received within the 1.5 s of --max-time"), "{said}");
}

/// What was received within the limit for all is not lost because that is over before standard output takes it.
#[test]
fn what_was_received_in_time_is_written_though_the_limit_for_all_is_over() {
    // More than a pipe holds.
    const LENGTH: usize = 150_000;
    let server = Answering::start(|_: Request, reply: Reply| async move {
        let mut writer = reply.start(200)?;
        writer.write(vec![7; LENGTH]).await?;
        pending::<Result<(), posthaste::Error>>().await
    });
    let folder = Folder::new();
    let mut came = Vec::new();
    // Again, if a busy machine does not take it in time either.
    for _ in 0..10 {
        let mut getting = Running::start(&mut command(&folder, &[&server.url("/"), "--max-time", "1"]));
        let mut said = String::new();
        let mut errors = BufReader::new(getting.0.stderr.take().unwrap());
        errors.read_line(&mut said).unwrap();
        assert!(said.contains("it was not complete within the 1 s of --max-time"), "{said}");
        // Who reads takes a moment to go on. A process that does not wait for that is over by then.
        let looks = Instant::now();
        while looks.elapsed() < Duration::from_millis(200) && getting.ended().is_none() {
            std::thread::yield_now();
        }
        let output = getting.output();
        assert_eq!(output.status.code(), Some(28));
        came.push(output.stdout.len());
        if output.stdout.len() == LENGTH {
            return;
        }
    }
    panic!("of {LENGTH} bytes there came {came:?}");
}

/// A pipe that gives nothing for a while is no reason to give the server up, before its response and after.
#[test]
fn a_pipe_that_pauses_is_not_the_servers_idleness() {
    let folder = Folder::new();
    let serving = Serving::start(&folder, &[".", "--bodies"]);
    let server = server();
    for url in [serving.url("/echo"), server.url("/taken")] {
        let mut output = upload_with_a_pause(&folder, &url);
        // A machine that is busy for as long as a limit is no pause of the pipe: it is not so each time.
        for _ in 0..5 {
            if output.status.code() == Some(28) {
                output = upload_with_a_pause(&folder, &url);
            }
        }
        expect(&output, 0, &[]);
        assert_eq!(text(&output.stdout), if url.ends_with("echo") { "onetwo" } else { "6" });
    }
}

/// By a pipe that gives nothing for more than twice as long as each limit.
fn upload_with_a_pause(folder: &Folder, url: &str) -> Output {
    let limits = ["--data", "@-", "--idle-timeout", "1", "--first-byte-timeout", "1"];
    let mut command = command(folder, &[&[url], &limits[..]].concat());
    let mut getting = Running::start(command.stdin(Stdio::piped()));
    let mut pipe = getting.0.stdin.take().unwrap();
    pipe.write_all(b"one").unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    // One that has given up does not read it.
    let _ = pipe.write_all(b"two");
    drop(pipe);
    getting.output()
}
