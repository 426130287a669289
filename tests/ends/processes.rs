//! `posthaste serve` as a process: signals, successors, and what its status says.

use crate::plain::PATIENCE;
use crate::serving::{Folder, Serving, posthaste};
use posthaste::{BodyWriter, Client, Error, Response, Roots};
use relay::{Path, Relay};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A request whose end is up to the test, and what has come of the answer.
async fn stuck(client: &Client, serving: &Serving) -> Result<(BodyWriter, Response), Error> {
    let (mut writer, pending) = client.post(&serving.url("/echo")).start().await?;
    writer.write("first").await?;
    let mut response = pending.response().await?;
    assert_eq!(response.body().chunk().await?.as_deref(), Some(&b"first"[..]));
    Ok((writer, response))
}

fn get(url: &str) -> Output {
    posthaste().args(["get", url, "--insecure"]).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// One process ends with a request under way: newcomers are refused at once, the next process binds the port and serves them,
/// and the first ends well when its request has.
#[test]
fn r10_a_process_that_ends_refuses_and_its_successor_binds() -> Result<(), Error> {
    for (old, new) in [(&[][..], &[][..]), (&["--workers", "2"], &["--workers", "3"]), (&[], &["--workers", "2"])] {
        let folder = Folder::new();
        folder.write("index.html", b"the page");
        let mut first = Serving::start(&folder, &[&[".", "--bodies"], old].concat());
        let (serving, began) = (&first, &folder);
        posthaste::run(|handle| async move {
            let client = Client::builder(Roots::dangerous_accept_any()).build(&handle);
            let (writer, mut response) = stuck(&client, serving).await?;
            serving.signal("-TERM");
            let begun = Instant::now();
            loop {
                let refused = get(&serving.url("/"));
                assert!(begun.elapsed() < PATIENCE, "{}", text(&refused.stderr));
                if !refused.status.success() {
                    assert!(text(&refused.stderr).contains("no new connections are accepted"), "{refused:?}");
                    break;
                }
            }
            let address = serving.url("").replace("https://", "");
            let next = Serving::start_at(began, &address, &[&[".", "--bodies"], new].concat());
            for _ in 0..6 {
                let served = get(&next.url("/"));
                assert_eq!(text(&served.stdout), "the page", "{served:?}");
            }
            writer.finish()?;
            assert_eq!(response.body().chunk().await?, None);
            client.close().await;
            next.end();
            Ok::<(), Error>(())
        })??;
        assert_eq!(first.wait(), Some(0));
    }
    Ok(())
}

/// One process after the other takes over while clients ask all the time, each on a new connection or on one that stays: none is
/// refused, and the one before ends well. The file of the socket is the last one's.
#[test]
fn r10_a_process_is_taken_over_under_load_and_nobody_is_refused() -> Result<(), Error> {
    let folder = Folder::new();
    folder.write("index.html", b"the page");
    let socket = std::env::temp_dir().join(format!("posthaste-takeover-{}", std::process::id()));
    let socket = socket.to_str().unwrap();
    let mut old = Serving::start(&folder, &[".", "--workers", "1", "--takeover", socket]);
    let address = old.url("").replace("https://", "");
    for workers in ["2", "1"] {
        let (url, stop) = (old.url("/"), Arc::new(AtomicBool::new(false)));
        let is_over = stop.clone();
        let asking = std::thread::spawn(move || ask_until(&url, &is_over));
        let next = Serving::start_at(&folder, &address, &[".", "--workers", workers, "--takeover", socket]);
        assert_eq!(old.wait(), Some(0), "{workers}");
        stop.store(true, Ordering::SeqCst);
        assert!(asking.join().unwrap()? > 0);
        old = next;
    }
    // What nobody may take over with: the file is not a socket.
    let file = folder.write("taken", b"");
    let refused =
        posthaste().args(["serve", ".", "--listen", "127.0.0.1:0", "--takeover"]).arg(&file).output().unwrap();
    assert!(!refused.status.success() && !refused.stderr.is_empty(), "{refused:?}");
    old.end();
    let _ = std::fs::remove_file(socket);
    Ok(())
}

/// A client that is being served when a process is taken over and whose port changes afterwards, again and again: what it sends comes out
/// at the successor, who gives it back, however many workers either has.
#[test]
fn r10_a_client_that_moves_after_a_takeover_is_served_to_the_end() -> Result<(), Error> {
    const LENGTH: usize = 600_000;
    for (number, workers) in [["1", "1"], ["2", "3"]].into_iter().enumerate() {
        let folder = Folder::new();
        let socket = std::env::temp_dir().join(format!("posthaste-takeover-move-{number}-{}", std::process::id()));
        let socket = socket.to_str().unwrap();
        let arguments = |workers| [".", "--bodies", "--name", "*", "--workers", workers, "--takeover", socket];
        let mut old = Serving::start(&folder, &arguments(workers[0]));
        let address = old.url("").replace("https://", "");
        // Three seconds for what is downloaded, in each of which the port changes.
        let path = Path::parse(["delay=10", "rate=1600", "rebinding=700"]).unwrap();
        let relay = Relay::start(address.parse().unwrap(), path).unwrap();
        let (before, folder) = (&mut old, &folder);
        // The relay stays: the last words of the client may still be on their way.
        let relay = &relay;
        let next = posthaste::run(|handle| async move {
            let client = Client::builder(Roots::dangerous_accept_any()).build(&handle);
            let url = format!("https://{}/bytes/{LENGTH}", relay.address());
            let mut response = client.get(&url).send().await?;
            assert!(response.body().chunk().await?.is_some());
            let next = Serving::start_at(folder, &address, &arguments(workers[1]));
            let moves = relay.counts().rebound.load(Ordering::Relaxed);
            assert!(before.is_running(), "it has somebody to serve");
            let rest = handle.timeout(PATIENCE, response.body().read_to_end(LENGTH)).await;
            assert!(rest.expect("it is served in time")?.len() > LENGTH / 2);
            assert!(relay.counts().rebound.load(Ordering::Relaxed) > moves + 1);
            client.close().await;
            Ok::<_, Error>(next)
        })??;
        assert_eq!(old.wait(), Some(0), "{workers:?}");
        next.end();
        let _ = std::fs::remove_file(socket);
    }
    Ok(())
}

/// The same by TCP, with TLS and without: each connection of several clients that connect all the time is answered, whichever process
/// it came to.
#[test]
fn r10_no_connection_by_tcp_is_lost_when_a_process_is_taken_over() {
    let folder = Folder::new();
    let socket = std::env::temp_dir().join(format!("posthaste-takeover-tcp-{}", std::process::id()));
    let socket = socket.to_str().unwrap();
    let arguments = |workers, http| [".", "--workers", workers, "--takeover", socket, "--http", http];
    let mut old = Serving::start(&folder, &arguments("2", "127.0.0.1:0"));
    let secure = old.url("").replace("https://", "");
    let plain = old.said().iter().find_map(|line| line.strip_prefix("redirecting http://")?.strip_suffix(" to https"));
    let plain = plain.unwrap().to_owned();
    for workers in ["1", "3"] {
        let stop = Arc::new(AtomicBool::new(false));
        let asking: Vec<_> = (0..4)
            .map(|number| {
                let (address, stop) = (if number % 2 == 0 { plain.clone() } else { secure.clone() }, stop.clone());
                std::thread::spawn(move || knock_until(&address, &stop))
            })
            .collect();
        let next = Serving::start_at(&folder, &secure, &arguments(workers, &plain));
        assert_eq!(old.wait(), Some(0), "{workers}");
        stop.store(true, Ordering::SeqCst);
        assert!(asking.into_iter().all(|asking| asking.join().unwrap() > 0));
        old = next;
    }
    old.end();
    let _ = std::fs::remove_file(socket);
}

/// Connects and asks without TLS until it is told to stop, and a few times more; how often. With TLS that is answered by an alert.
fn knock_until(address: &str, is_over: &AtomicBool) -> usize {
    let (mut count, mut more) = (0, 20);
    while more > 0 {
        let mut stream = TcpStream::connect(address).expect("nobody is refused");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut first = [0];
        stream.read_exact(&mut first).unwrap_or_else(|error| panic!("connection {count} to {address}: {error}"));
        assert!(matches!(first, [b'H'] | [21]), "{first:?}");
        count += 1;
        more -= usize::from(is_over.load(Ordering::SeqCst));
    }
    count
}

/// Asks on new connections and on one that stays until it is told to stop, and a few times more; how often.
fn ask_until(url: &str, is_over: &AtomicBool) -> Result<usize, Error> {
    posthaste::run(|handle| async move {
        let build = || Client::builder(Roots::dangerous_accept_any()).build(&handle);
        let (staying, mut asked, mut left) = (build(), 0, 5);
        while left > 0 {
            left -= usize::from(is_over.load(Ordering::SeqCst));
            let newcomer = build();
            for client in [&staying, &newcomer] {
                let body = client.get(url).send().await?.body().read_to_end(100).await?;
                assert_eq!(body, b"the page");
                asked += 1;
            }
            newcomer.close().await;
        }
        staying.close().await;
        Ok(asked)
    })?
}

/// The first signal says what is waited for; the second closes every connection, and the status says that requests were cut.
#[test]
fn a_second_signal_closes_all_connections_and_the_status_tells() -> Result<(), Error> {
    for arguments in [&[".", "--bodies"][..], &[".", "--bodies", "--workers", "2"]] {
        let folder = Folder::new();
        let mut serving = Serving::start(&folder, arguments);
        let running = &mut serving;
        posthaste::run(|handle| async move {
            let client = Client::builder(Roots::dangerous_accept_any()).build(&handle);
            let (_writer, mut response) = stuck(&client, running).await?;
            running.signal("-TERM");
            let said = running.hear();
            let expected =
                "ending: waits for 1 connection with 1 request under way, at most 30 s; a second signal ends at once";
            assert!(said.contains(expected), "{said}");
            running.signal("-INT");
            let begun = Instant::now();
            let error = response.body().chunk().await.unwrap_err();
            assert!(error.to_string().contains("closed the connection"), "{error}");
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
            Ok::<(), Error>(())
        })??;
        assert_eq!(serving.wait(), Some(1));
        let said = serving.told();
        assert!(said.contains("1 request under way, which was cut short"), "{said}");
    }
    Ok(())
}

#[test]
fn the_longest_wait_can_be_set_and_may_be_nothing() -> Result<(), Error> {
    for seconds in ["0", "0.2"] {
        let folder = Folder::new();
        let mut serving = Serving::start(&folder, &[".", "--bodies", "--drain", seconds]);
        let running = &serving;
        posthaste::run(|handle| async move {
            let client = Client::builder(Roots::dangerous_accept_any()).build(&handle);
            let (_writer, mut response) = stuck(&client, running).await?;
            running.signal("-TERM");
            assert!(response.body().chunk().await.is_err());
            Ok::<(), Error>(())
        })??;
        assert_eq!(serving.wait(), Some(1));
        assert!(serving.told().contains("cut short"));
        let mut serving = Serving::start(&folder, &[".", "--drain", seconds]);
        serving.signal("-INT");
        assert_eq!(serving.wait(), Some(0), "nothing was cut");
    }
    Ok(())
}
