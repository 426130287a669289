//! How long a client waits, and what it says then.

use crate::support::{with_server, with_server_of};
use posthaste::trace::TraceLines;
use posthaste::{Error, Reply, Request, Timeouts, Waited};
use std::future::pending;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(3600);

async fn answer(mut request: Request, reply: Reply) -> Result<(), Error> {
    match request.path() {
        "/nothing" => pending().await,
        "/part" => {
            let mut writer = reply.start(200)?;
            writer.write("a part").await?;
            pending().await
        }
        _ => {
            let body = request.body().read_to_end(1 << 30).await?;
            reply.send(200, body.len().to_string()).await
        }
    }
}

fn timeouts(first_byte: Duration, idle: Duration, whole: Duration) -> Timeouts {
    Timeouts { first_byte, idle, whole }
}

#[track_caller]
fn expect(error: &Error, expected: Waited, words: &str) {
    assert!(matches!(error, Error::TimedOut { waited, after: SHORT } if *waited == expected), "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

/// What `attempt` gives, which no time limit ends. One that is over because the machine is busy for as long is not over each time.
async fn in_time<T>(attempt: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
    for _ in 0..20 {
        match attempt().await {
            Err(Error::TimedOut { .. }) => {}
            result => return result,
        }
    }
    attempt().await
}

#[test]
fn u4_each_timeout_ends_the_wait_that_it_is_for() -> Result<(), Error> {
    with_server(answer, async |client, base, _| {
        let begun = Instant::now();
        let get = |path: &str, timeouts| client.get(&format!("{base}{path}")).timeouts(timeouts);
        let error = get("/nothing", timeouts(SHORT, LONG, LONG)).send().await.unwrap_err();
        expect(&error, Waited::FirstByte, "no response within 0.2 s");
        let error = get("/nothing", timeouts(LONG, LONG, SHORT)).send().await.unwrap_err();
        expect(&error, Waited::Whole, "not complete within 0.2 s");
        let mut response = get("/part", timeouts(LONG, SHORT, LONG)).send().await?;
        let error = response.body().read_to_end(100).await.unwrap_err();
        expect(&error, Waited::Idle, "nothing more of the body for 0.2 s");
        let mut response = in_time(async || get("/part", timeouts(LONG, LONG, SHORT)).send().await).await?;
        expect(&response.body().read_to_end(100).await.unwrap_err(), Waited::Whole, "0.2 s");
        // Those who come later have the connection as if nothing had been.
        assert_eq!(get("/quick", timeouts(LONG, LONG, LONG)).send().await?.body().read_to_end(9).await?, b"0");
        assert_eq!(client.open_connections(), 1);
        assert!(begun.elapsed() < Duration::from_secs(20));
        Ok(())
    })
}

/// The server that takes nothing is waited for; the program that gives nothing is not.
#[test]
fn an_upload_is_waited_for_by_what_the_server_takes_of_it() -> Result<(), Error> {
    with_server(answer, async |client, base, _| {
        let limits = timeouts(SHORT, SHORT, LONG);
        let post = |path: &str| client.post(&format!("{base}{path}")).timeouts(limits);
        let error = post("/nothing").body(vec![0; 50_000_000]).send().await.unwrap_err();
        expect(&error, Waited::FirstByte, "0.2 s");
        let error = post("/nothing").send_from(io::repeat(0)).await.unwrap_err();
        expect(&error, Waited::FirstByte, "0.2 s");
        let counted = in_time(async || {
            let (reader, mut writer) = io::pipe().unwrap();
            // It ends with the last part, or with who reads it.
            std::thread::spawn(move || {
                (0..3).try_for_each(|_| {
                    std::thread::sleep(SHORT * 2);
                    writer.write_all(b"some")
                })
            });
            post("/taken").send_from(reader).await?.body().read_to_end(9).await
        });
        assert_eq!(counted.await?, b"12");
        let response = in_time(async || post("/part").body(vec![0; 50_000_000]).send().await).await?;
        expect(&response.uploaded().await.unwrap_err(), Waited::Idle, "0.2 s");
        Ok(())
    })
}

/// Time in which nobody asks does not count, whatever it is.
#[test]
fn a_reader_that_pauses_is_not_the_servers_idleness() -> Result<(), Error> {
    with_server(answer, async |client, base, handle| {
        let limits = timeouts(SHORT, SHORT, LONG);
        let counted = in_time(async || {
            let mut response = client.post(&format!("{base}/taken")).timeouts(limits).body("four").send().await?;
            handle.sleep(SHORT * 3).await;
            response.body().read_to_end(9).await
        });
        assert_eq!(counted.await?, b"4");
        Ok(())
    })
}

/// What is written, for a look at it afterwards.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server learns that nobody wants an answer any more, though the connection is closed in the same moment.
#[test]
fn a_request_that_is_given_up_is_told_before_the_close() -> Result<(), Error> {
    let written = Written::default();
    let lines = TraceLines::new(written.clone());
    with_server_of(
        answer,
        |client| client.trace(lines),
        async |client, base, handle| {
            client.get(&base).send().await?;
            let nothing = client.get(&format!("{base}/nothing")).send();
            assert!(handle.timeout(Duration::from_millis(20), nothing).await.is_err());
            client.close().await;
            Ok::<(), Error>(())
        },
    )?;
    let lines = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let line = |what: &str| lines.lines().position(|line| line.contains("sent 1-RTT") && line.contains(what));
    let (stop, close) = (line("STOP_SENDING 4 "), line("CONNECTION_CLOSE"));
    assert!(stop.is_some() && stop < close, "{stop:?}, {close:?}: {lines}");
    Ok(())
}
