//! What is left when `get` is told to end, or when nobody reads any more: nothing.

use crate::answering::Answering;
use crate::plain::{PATIENCE, Plain};
use crate::process::{Running, command};
use crate::serving::Folder;
use base::{Bytes, StreamId};
use h3::{EndpointEvent, Event, error_code};
use http::{ResponseHead, Status, exchange};
use posthaste::{Error, Reply, Request};
use quic::{CloseReason, ConnectionHandle};
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

fn is_closed_without_error(event: &EndpointEvent) -> bool {
    matches!(event, EndpointEvent::Closed(_, CloseReason::PeerApplication { code, .. }) if *code == error_code::H3_NO_ERROR)
}

/// A request that a server was told of.
fn request(event: &EndpointEvent) -> Option<(ConnectionHandle, StreamId)> {
    match event {
        EndpointEvent::Http(connection, Event::Exchange(id, exchange::Event::Request(_))) => Some((*connection, *id)),
        _ => None,
    }
}

/// Answers so many requests with a part of what there is.
async fn begin_answers(server: &Plain, count: usize) {
    server.until_so("the requests", || server.told(request).len() == count).await;
    for (connection, id) in server.told(request) {
        server.with(connection, |http, transport| {
            http.send_response(transport, id, &ResponseHead::new(Status::OK), false).unwrap();
            http.send_body(transport, id, &mut Bytes::from_static(b"a part")).unwrap();
        });
    }
}

fn sizes(folder: &Folder) -> Vec<(String, u64)> {
    let entries = std::fs::read_dir(folder.path().join("out")).into_iter().flatten().map(Result::unwrap);
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().map_or(0, |data| data.len())))
        .collect()
}

/// Ends it in a way of the test's while two files are being fetched, and gives its status. The server hears of it at once, by
/// CONNECTION_CLOSE and not by a timeout, and no file is left.
fn ended_while_fetching(arguments: &[&str], end: impl FnOnce(&mut Running)) -> Result<Option<i32>, Error> {
    posthaste::run(|handle| async move {
        let server = Plain::server(&handle);
        let folder = Folder::new();
        let urls = ["a", "b"].map(|name| format!("https://{}/{name}", server.address()));
        let mut getting = Running::start(&mut command(&folder, &[&[&*urls[0], &urls[1]], arguments].concat()));
        begin_answers(&server, 2).await;
        let are_there =
            || sizes(&folder).iter().filter(|(name, size)| name.contains(".part-") && *size == 6).count() == 2;
        server.until_so("both files are begun", are_there).await;
        let begun = Instant::now();
        end(&mut getting);
        server.until("the close", is_closed_without_error).await;
        let status = getting.wait();
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert_eq!(sizes(&folder), []);
        let output = getting.output();
        assert!(output.stderr.is_empty(), "it has nothing to say of it: {output:?}");
        Ok(status.code())
    })?
}

#[test]
fn a_signal_removes_what_is_not_complete_and_closes_the_connection() -> Result<(), Error> {
    for (signal, status) in [("-INT", 130), ("-TERM", 143), ("-QUIT", 131), ("-HUP", 129)] {
        assert_eq!(ended_while_fetching(&["--out", "out"], |getting| getting.signal(signal))?, Some(status));
    }
    Ok(())
}

/// `timeout` sends its signal to the process and to its group at once. A process that stands still meanwhile has both at the same moment,
/// however long it takes to send them.
#[test]
fn two_signals_at_once_are_one() -> Result<(), Error> {
    for _ in 0..3 {
        let end = |getting: &mut Running| {
            let both = format!("kill -STOP {0}; kill -INT {0}; kill -TERM {0}; kill -CONT {0}", getting.0.id());
            assert!(Command::new("sh").args(["-c", &both]).status().unwrap().success());
        };
        let status = ended_while_fetching(&["--out", "out"], end)?;
        assert!(matches!(status, Some(130 | 143)), "{status:?}");
    }
    Ok(())
}

/// A reader that is gone is noticed with the next line, and ends the fetches that are under way beside.
#[test]
fn a_broken_pipe_removes_what_is_not_complete_and_closes_the_connection() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let server = Plain::server(&handle);
        let folder = Folder::new();
        let urls = ["a", "b"].map(|name| format!("https://{}/{name}", server.address()));
        let mut getting = Running::start(&mut command(&folder, &[&*urls[0], &urls[1], "--out", "out", "--include"]));
        server.until_so("the requests", || server.told(request).len() == 2).await;
        let requests = server.told(request);
        let answer = |(connection, id): (ConnectionHandle, StreamId)| {
            server.with(connection, |http, transport| {
                http.send_response(transport, id, &ResponseHead::new(Status::OK), false).unwrap();
                http.send_body(transport, id, &mut Bytes::from_static(b"a part")).unwrap();
            });
        };
        answer(requests[0]);
        server.until_so("a file is begun", || sizes(&folder).iter().any(|(_, size)| *size == 6)).await;
        drop(getting.0.stdout.take());
        answer(requests[1]);
        server.until("the close", is_closed_without_error).await;
        assert_eq!(getting.wait().code(), Some(1));
        assert_eq!(sizes(&folder), []);
        let output = getting.output();
        assert!(output.stderr.is_empty(), "{output:?}");
        Ok(())
    })?
}

/// Nobody reads what it says, so that the first signal has to wait for that; the second does not.
#[test]
fn a_second_signal_ends_at_once_whatever_the_first_waits_for() {
    let written = Arc::new(AtomicU64::new(0));
    let counts = written.clone();
    let server = Answering::start(move |_: Request, reply: Reply| {
        let counts = counts.clone();
        async move {
            let mut writer = reply.start(200)?;
            loop {
                let room = writer.room(60_000).await?;
                writer.write(vec![7; room]).await?;
                counts.fetch_add(room as u64, Ordering::Relaxed);
            }
            #[allow(unreachable_code)]
            Ok::<(), Error>(())
        }
    });
    let folder = Folder::new();
    let mut getting = Running::start(&mut command(&folder, &[&server.url("/a"), "--trace", "--out", "out"]));
    let mut first = [0];
    getting.0.stderr.as_mut().unwrap().read_exact(&mut first).unwrap();
    let begun = Instant::now();
    let mut seen = (0, Instant::now());
    while seen.0 == 0 || seen.1.elapsed() < Duration::from_secs(1) {
        assert!(begun.elapsed() < PATIENCE, "it does not stop for want of a reader");
        let count = written.load(Ordering::Relaxed);
        if count != seen.0 {
            seen = (count, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(sizes(&folder).len(), 1);
    getting.signal("-INT");
    let begun = Instant::now();
    while getting.ended().is_none() {
        assert!(begun.elapsed() < PATIENCE, "the second signal is not heard");
        getting.signal("-TERM");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(getting.wait().code(), Some(143), "the first one ended it");
    assert_eq!(sizes(&folder), []);
}

/// A reader that pauses is not waited for.
#[test]
fn a_signal_ends_get_whose_output_nobody_takes() {
    let server = Answering::start(|_: Request, reply: Reply| reply.send(200, vec![7; 4_000_000]));
    let folder = Folder::new();
    let mut command = command(&folder, &[&server.url("/a")]);
    let mut getting = Running::start(command.stderr(Stdio::null()));
    let mut first = [0];
    getting.0.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    getting.signal("-INT");
    assert_eq!(getting.wait().code(), Some(130));
}
