//! What `get --data` reads: files, pipes and standard input, piece by piece.

use crate::answering::{Answering, pause};
use crate::plain::PATIENCE;
use crate::process::{Running, command, expect, get, text};
use crate::serving::{Folder, Serving};
use posthaste::{Error, Reply, Request};
use std::fs::File;
use std::future::pending;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

fn pipe(folder: &Folder, name: &str) -> String {
    let path = folder.path().join(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path.to_str().unwrap().to_owned()
}

/// What is written comes back before more is written: nothing waits for the end of the input.
#[test]
fn pipes_are_sent_as_they_are_written() {
    let folder = Folder::new();
    let serving = Serving::start(&folder, &[".", "--bodies"]);
    let fifo = pipe(&folder, "fifo");
    for data in ["@-", "-", "@/dev/stdin", &format!("@{fifo}")] {
        let mut command = command(&folder, &[&serving.url("/echo"), "--data", data]);
        let mut getting = Running::start(command.stdin(Stdio::piped()));
        let stdin = getting.0.stdin.take().unwrap();
        let mut pipe: Box<dyn Write> = match data.contains("fifo") {
            true => Box::new(File::options().write(true).open(&fifo).unwrap()),
            false => Box::new(stdin),
        };
        for part in ["one ", "two ", "three"] {
            pipe.write_all(part.as_bytes()).unwrap();
            let mut back = vec![0; part.len()];
            getting.0.stdout.as_mut().unwrap().read_exact(&mut back).unwrap();
            assert_eq!(text(&back), part, "{data}");
        }
        drop(pipe);
        expect(&getting.output(), 0, &[]);
    }
}

/// RFC 9110 section 8.6: a length is said where it is known.
#[test]
fn a_length_is_said_where_it_is_known() {
    let server = Answering::start(|mut request: Request, reply: Reply| async move {
        let length = request.fields().first_text("content-length").unwrap_or("none").to_owned();
        let body = request.body().read_to_end(1 << 20).await?;
        reply.send(200, format!("{length} {}", body.len())).await
    });
    let folder = Folder::new();
    let file = folder.write("file", &[7; 100_000]);
    let empty = folder.write("empty", b"");
    let opened = || Stdio::from(File::open(&file).unwrap());
    let url = server.url("/");
    let with = |data: &str, stdin: Stdio, more: &[&str]| {
        let mut command = command(&folder, &[&[&*url, "--data-binary", data], more].concat());
        let output = Running::start(command.stdin(stdin)).output();
        expect(&output, 0, &[]);
        text(&output.stdout)
    };
    let at = |name: &str| format!("@{name}");
    assert_eq!(with(&at(&file), Stdio::null(), &[]), "100000 100000");
    assert_eq!(with(&at(&file), Stdio::null(), &["--header", "Content-Length: 100000"]), "100000 100000");
    assert_eq!(with(&at(&empty), Stdio::null(), &[]), "0 0");
    assert_eq!(with("text", Stdio::null(), &[]), "4 4");
    assert_eq!(with("-", opened(), &[]), "100000 100000");
    assert_eq!(with("-", Stdio::null(), &[]), "none 0");
    let mut begun = File::open(&file).unwrap();
    begun.read_exact(&mut [0; 1000]).unwrap();
    assert_eq!(with("-", Stdio::from(begun), &[]), "99000 99000", "what is left");
    let of_the_kernel = with("@/proc/self/status", Stdio::null(), &[]);
    assert!(of_the_kernel.starts_with("none ") && of_the_kernel.len() > 7, "{of_the_kernel}");
}

/// A server that does not read lets the pipe wait: next to nothing is held.
#[test]
fn a_server_that_does_not_take_the_body_lets_the_pipe_wait() {
    let (go, gate) = mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let server = Answering::start(move |mut request: Request, reply: Reply| {
        let gate = gate.clone();
        async move {
            while gate.lock().unwrap().try_recv().is_err() {
                pause(Duration::from_millis(5)).await;
            }
            let mut count = 0;
            while let Some(part) = request.body().chunk().await? {
                count += part.len();
            }
            reply.send(200, count.to_string()).await
        }
    });
    let folder = Folder::new();
    let mut command = command(&folder, &[&server.url("/"), "--data", "@-"]);
    let mut getting = Running::start(command.stdin(Stdio::piped()));
    let mut pipe = getting.0.stdin.take().unwrap();
    let written = Arc::new(AtomicU64::new(0));
    let counts = written.clone();
    const ALL: u64 = 64 << 20;
    let writing = std::thread::spawn(move || {
        let piece = vec![7; 1 << 16];
        while counts.load(Ordering::Relaxed) < ALL {
            pipe.write_all(&piece).unwrap();
            counts.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
    });
    let begun = Instant::now();
    let mut seen = (0, Instant::now());
    while seen.0 == 0 || seen.1.elapsed() < Duration::from_millis(500) {
        assert!(begun.elapsed() < PATIENCE);
        let count = written.load(Ordering::Relaxed);
        if count != seen.0 {
            seen = (count, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(seen.0 < ALL / 2, "{} bytes were taken from the pipe for a server that takes none", seen.0);
    go.send(()).unwrap();
    let output = getting.output();
    expect(&output, 0, &[]);
    assert_eq!(text(&output.stdout), ALL.to_string());
    writing.join().unwrap();
}

/// A file that is not what its length promised is no success, and the server is told that the request is cancelled
/// (RFC 9114 section 4.1.1).
#[test]
fn a_file_that_changes_while_it_is_sent_cancels_the_request() {
    for (length, how) in [(1_000_000, "shorter"), (64_000_001, "longer")] {
        let (go, gate) = mpsc::channel::<()>();
        let (begun, is_begun) = mpsc::channel();
        let gate = Arc::new(Mutex::new(gate));
        let server = Answering::start(move |mut request: Request, reply: Reply| {
            let (begun, gate) = (begun.clone(), gate.clone());
            async move {
                request.body().chunk().await?;
                begun.send(()).unwrap();
                while gate.lock().unwrap().try_recv().is_err() {
                    pause(Duration::from_millis(5)).await;
                }
                while request.body().chunk().await?.is_some() {}
                reply.send(200, "complete").await
            }
        });
        let folder = Folder::new();
        let name = folder.write("file", b"");
        let file = File::options().write(true).open(&name).unwrap();
        file.set_len(64_000_000).unwrap();
        let data = format!("@{name}");
        let getting = Running::start(&mut command(&folder, &[&server.url("/x"), "--data-binary", &data, "--trace"]));
        is_begun.recv_timeout(PATIENCE).unwrap();
        file.set_len(length).unwrap();
        go.send(()).unwrap();
        let output = getting.output();
        expect(&output, 26, &["/x: ", "file became ", how, "than 64000000 bytes"]);
        assert!(output.stdout.is_empty());
        let said = text(&output.stderr);
        let is_reset = |line: &str| {
            line.contains("sent 1-RTT") && line.contains("RESET_STREAM 0 at ") && line.contains("code 0x10c")
        };
        assert!(said.lines().any(is_reset), "{said}");
    }
}

/// A server that has answered and wants no more is not kept waiting for by a pipe that never ends.
#[test]
fn an_answer_that_cuts_the_upload_ends_it_though_the_pipe_is_open() {
    let server = Answering::start(|_: Request, reply: Reply| reply.send(200, "no more"));
    let folder = Folder::new();
    let mut command = command(&folder, &[&server.url("/"), "--data", "@-"]);
    let mut getting = Running::start(command.stdin(Stdio::piped()));
    let pipe = getting.0.stdin.take().unwrap();
    let output = getting.output();
    drop(pipe);
    expect(&output, 55, &["answered before it had taken all of the body"]);
    assert_eq!(text(&output.stdout), "no more");
}

/// Nor is one that wants no more and does not answer.
#[test]
fn a_server_that_wants_no_more_and_says_nothing_is_given_up() {
    let server = Answering::start(|request: Request, reply: Reply| async move {
        drop(request.into_parts());
        let _reply = reply;
        pending::<Result<(), Error>>().await
    });
    let folder = Folder::new();
    let mut command = command(&folder, &[&server.url("/"), "--data", "@-", "--first-byte-timeout", "0.4"]);
    let mut getting = Running::start(command.stdin(Stdio::piped()));
    let pipe = getting.0.stdin.take().unwrap();
    let output = getting.output();
    drop(pipe);
    expect(&output, 28, &["no response within 0.4 s of the request"]);
}

#[test]
fn what_cannot_be_read_is_named() {
    let server = Answering::start(|_: Request, reply: Reply| reply.send(200, ""));
    let folder = Folder::new();
    let fifo = format!("@{}", pipe(&folder, "fifo"));
    let url = server.url("/a");
    for (arguments, status, parts) in [
        (&["--data", "@/no/file"][..], 26, &["/a: /no/file could not be read: No such file"][..]),
        (&["--data", "@."], 26, &["/a: . is a folder"]),
        (&["--data", "@/proc/self/mem"], 26, &["/a: /proc/self/mem could not be read"]),
        (&["--data", "@-", &url], 2, &["one URL only"]),
        (&["--data", "@/dev/stdin", &url], 2, &["one URL only"]),
        (&["--data", &fifo, &url], 2, &["one URL only"]),
        (&["--data", &fifo, "--max-time", "0.5"], 28, &["/a: it was not complete within the 0.5 s"]),
    ] {
        expect(&get(&folder, &[&[&*url], arguments].concat()), status, parts);
    }
}
