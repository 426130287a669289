//! HTTP/3 by the library's own server and client, as an application would use them.

use base::Bytes;
use harness::work::{self, Measurement, Work};
use posthaste::{Client, Error, Executor, Identity, Reply, Request, Roots, Server};
use std::net::SocketAddr;
use std::time::Instant;

/// Serves until the parent is gone.
pub fn serve() {
    let identity = Identity::development(&[]).expect("an identity");
    let executor = Executor::new().expect("an executor");
    let mut server = Server::builder(identity).listen(super::setup::any_port());
    // As for the others: what is measured at 100 in flight is requests, not waiting for leave to make them.
    server.transport.streams.max_streams_bidi = work::MAX_STREAMS.into();
    let server = server.start(executor.handle(), answer).expect("a server");
    harness::server::announce(server.addresses()[0]);
    executor.block_on(std::future::pending::<()>());
}

async fn answer(mut request: Request, reply: Reply) -> Result<(), Error> {
    while request.body().chunk().await?.is_some() {}
    let mut len: usize = request.path().strip_prefix("/bytes/").and_then(|rest| rest.parse().ok()).unwrap_or(0);
    if len <= work::PATTERN_LEN {
        return reply.send(200, Bytes::from_static(&work::pattern()[..len])).await;
    }
    let mut writer = reply.start(200)?;
    while len > 0 {
        let part = len.min(work::PATTERN_LEN);
        writer.write(Bytes::from_static(&work::pattern()[..part])).await?;
        len -= part;
    }
    writer.finish()
}

/// Does its work and tells.
pub fn client(remote: SocketAddr, what: Work) {
    posthaste::run(|handle| async move {
        // What is measured comes after the handshake.
        let connect = || Client::builder(Roots::dangerous_accept_any()).build(&handle);
        match what {
            Work::Download(_) | Work::Upload(_) => {
                let client = connect();
                exchange(&client, remote, what.warm()).await?;
                let measurement = Measurement::begin();
                exchange(&client, remote, what).await?;
                measurement.end(Vec::new());
            }
            Work::Requests { count, connections, in_flight, body } => {
                // A client has one connection to each server.
                let clients: Vec<Client> = (0..connections).map(|_| connect()).collect();
                let warm = work::warm_requests() * connections as u64;
                many(&handle, &clients, remote, warm, in_flight, body).await?;
                let measurement = Measurement::begin();
                let latencies = many(&handle, &clients, remote, count, in_flight, body).await?;
                measurement.end(latencies);
            }
            Work::Handshakes { .. } | Work::Resumptions { .. } | Work::Idle(_) | Work::Beside { .. } => {
                panic!("measured on bare QUIC")
            }
        }
        Ok::<(), Error>(())
    })
    .and_then(|result| result)
    .expect("success");
}

async fn exchange(client: &Client, remote: SocketAddr, what: Work) -> Result<(), Error> {
    let (mut up, down) = what.bytes();
    let url = format!("https://{remote}/bytes/{down}");
    let mut response = if up > 0 {
        let (mut writer, pending) = client.post(&url).start().await?;
        while up > 0 {
            let part = up.min(work::PATTERN_LEN as u64);
            writer.write(Bytes::from_static(&work::pattern()[..part as usize])).await?;
            up -= part;
        }
        writer.finish()?;
        pending.response().await?
    } else {
        client.get(&url).send().await?
    };
    while response.body().chunk().await?.is_some() {}
    assert_eq!((response.status().code(), response.body().received()), (200, down));
    Ok(())
}

/// `count` requests in all, `in_flight` at a time on each connection.
async fn many(
    handle: &posthaste::Handle,
    clients: &[Client],
    remote: SocketAddr,
    count: u64,
    in_flight: usize,
    body: usize,
) -> Result<Vec<u64>, Error> {
    let places = clients.len() * in_flight;
    let mut tasks = Vec::new();
    for place in 0..places {
        let request = clients[place % clients.len()].get(&format!("https://{remote}/bytes/{body}"));
        let own = work::share(count, places, place);
        tasks.push(handle.spawn(async move {
            let mut latencies = Vec::with_capacity(own as usize);
            for _ in 0..own {
                let began = Instant::now();
                let mut response = request.clone().send().await?;
                while response.body().chunk().await?.is_some() {}
                assert_eq!((response.status().code(), response.body().received()), (200, body as u64));
                latencies.push(began.elapsed().as_nanos() as u64);
            }
            Ok::<Vec<u64>, Error>(latencies)
        }));
    }
    let mut latencies = Vec::with_capacity(count as usize);
    for task in tasks {
        latencies.extend(task.await.expect("a task that ends")?);
    }
    Ok(latencies)
}
