//! The command under a flood of first packets, on real sockets; and a server of the library that is full.
#![allow(clippy::unwrap_used)] // a test may

#[path = "../examples/flood/sender.rs"]
#[allow(unreachable_pub, reason = "it is an example's")]
mod sender;
#[path = "command/serving.rs"]
#[allow(dead_code, reason = "each test uses its own part")]
mod serving;

use posthaste::{Client, Error, Identity, Reply, Request, Roots, Server};
use sender::Sender;
use serving::{Folder, Serving};
use std::time::{Duration, Instant};

/// A client that has no connection yet: how long it waits for an answer, if it gets one.
fn arrive(serving: &Serving, patience: Duration) -> Option<Duration> {
    let roots = Roots::from_pem_file(serving.certificate()).unwrap();
    let url = serving.url("/");
    let answered = posthaste::run(|handle| async move {
        let client = Client::builder(roots).build(&handle);
        let begin = Instant::now();
        let asked = handle.timeout(patience, client.get(&url).send()).await;
        asked.ok()?.ok().map(|_| begin.elapsed())
    });
    answered.unwrap()
}

fn target(serving: &Serving) -> std::net::SocketAddr {
    serving.url("").strip_prefix("https://").unwrap().parse().unwrap()
}

/// The flood of the row: 4,500 first packets a second from a thousand addresses. Honest clients get in, and at a server that
/// does not ask for addresses they do not: the flood is one.
#[test]
fn r3_honest_clients_get_in_while_the_command_is_flooded() {
    let folder = Folder::new();
    let serving = Serving::start(&folder, &[]);
    let flood = Sender::start(target(&serving), 4_500, 1_000);
    // Long enough to take every place, if it could.
    flood.wait_until_sent(8_000);
    for number in 0..8 {
        assert!(arrive(&serving, Duration::from_secs(5)).is_some(), "client {number}");
    }
    drop(flood);
    // Each worker has places of its own, so that several have more than this flood takes.
    let serving = Serving::start(&folder, &["--retry", "never", "--workers", "1"]);
    let flood = Sender::start(target(&serving), 4_500, 1_000);
    flood.wait_until_sent(8_000);
    assert_eq!(arrive(&serving, Duration::from_secs(2)), None);
}

#[test]
fn every_client_is_asked_for_its_address_if_that_is_wished() {
    let folder = Folder::new();
    let serving = Serving::start(&folder, &["--retry", "always", "--trace"]);
    assert!(arrive(&serving, Duration::from_secs(10)).is_some());
    let said = serving.end();
    // RFC 9000 section 17.2.5.3: numbers go on, and the ClientHello without a token was two packets.
    let received = |number: u8| said.contains(&format!("received Initial {number},"));
    assert!(received(2) && !received(0) && !received(1), "{said}");
}

/// RFC 9000 section 5.2.2.
#[test]
fn a_server_that_is_full_says_so_at_once() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let server = Server::builder(identity)
            .listen("127.0.0.1:0".parse().expect("an address"))
            .max_connections(1)
            .start(&handle, |_: Request, reply: Reply| reply.send(200, "hello"))?;
        let url = format!("https://{}/", server.addresses()[0]);
        let first = Client::builder(roots.clone()).build(&handle);
        first.get(&url).send().await?.body().read_to_end(10).await?;
        let begin = Instant::now();
        let refused = Client::builder(roots.clone()).build(&handle).get(&url).send().await.unwrap_err().to_string();
        assert!(refused.contains("as many connections as it may have"), "{refused}");
        assert!(begin.elapsed() < Duration::from_secs(5), "not by a time limit");
        first.get(&url).send().await?.body().read_to_end(10).await?;
        Ok(())
    })?
}
