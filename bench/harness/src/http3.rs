//! HTTP/3 by the `h3` crate: server and client over any stack that implements its traits.

use crate::asynchronous::Failure;
use crate::identity::NAME;
use crate::work::{self, Measurement, Work};
use bytes::{Buf, Bytes};
use h3::quic::{Connection, OpenStreams, RecvStream};
use std::time::Instant;

/// Answers every request until the connection ends.
///
/// # Errors
/// The connection's end is one.
pub async fn serve<C>(connection: C) -> Result<(), Failure>
where
    C: Connection<Bytes> + Send + 'static,
    C::BidiStream: Send + 'static,
    <C::BidiStream as RecvStream>::Buf: Send,
{
    let mut http = h3::server::Connection::<_, Bytes>::new(connection).await?;
    while let Some(resolver) = http.accept().await? {
        tokio::spawn(async move {
            let (request, mut stream) = resolver.resolve_request().await?;
            while let Some(mut chunk) = stream.recv_data().await? {
                chunk.advance(chunk.remaining());
            }
            let mut len = request.uri().path().strip_prefix("/bytes/").and_then(|n| n.parse().ok()).unwrap_or(0_u64);
            let response = http::Response::builder().status(200).header("content-length", len).body(())?;
            stream.send_response(response).await?;
            while len > 0 {
                let part = len.min(work::PATTERN_LEN as u64);
                stream.send_data(Bytes::from_static(&work::pattern()[..part as usize])).await?;
                len -= part;
            }
            stream.finish().await?;
            Ok::<(), Failure>(())
        });
    }
    Ok(())
}

/// Requests on one connection.
pub struct Client<O: OpenStreams<Bytes>> {
    sender: h3::client::SendRequest<O, Bytes>,
}

impl<O> Client<O>
where
    O: OpenStreams<Bytes> + Clone + Send + 'static,
    O::BidiStream: Send + 'static,
    <O::BidiStream as RecvStream>::Buf: Send,
{
    /// On a connection that is established.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn new<C>(connection: C) -> Result<Client<O>, Failure>
    where
        C: Connection<Bytes, OpenStreams = O> + Send + 'static,
        C::RecvStream: Send,
        C::SendStream: Send,
        C::BidiStream: Send,
    {
        let (mut driver, sender) = h3::client::new(connection).await?;
        tokio::spawn(async move { std::future::poll_fn(|context| driver.poll_close(context)).await });
        Ok(Client { sender })
    }

    /// One request with `up` bytes, answered with `down`.
    async fn exchange(&mut self, mut up: u64, down: u64) -> Result<(), Failure> {
        let method = if up > 0 { "POST" } else { "GET" };
        let request = http::Request::builder().method(method).uri(format!("https://{NAME}/bytes/{down}")).body(())?;
        let mut stream = self.sender.send_request(request).await?;
        while up > 0 {
            let part = up.min(work::PATTERN_LEN as u64);
            stream.send_data(Bytes::from_static(&work::pattern()[..part as usize])).await?;
            up -= part;
        }
        stream.finish().await?;
        let response = stream.recv_response().await?;
        let mut received = 0;
        while let Some(mut chunk) = stream.recv_data().await? {
            received += chunk.remaining() as u64;
            chunk.advance(chunk.remaining());
        }
        if response.status() != 200 || received != down {
            return Err(format!("status {} with {received} bytes", response.status()).into());
        }
        Ok(())
    }
}

/// Does its work on as many connections as `connect` gives, and tells.
///
/// # Errors
/// Those of a connection.
pub async fn client<O>(connect: impl AsyncFn() -> Result<Client<O>, Failure>, what: Work) -> Result<(), Failure>
where
    O: OpenStreams<Bytes> + Clone + Send + 'static,
    O::BidiStream: Send + 'static,
    <O::BidiStream as RecvStream>::Buf: Send,
{
    match what {
        Work::Download(_) | Work::Upload(_) => {
            let mut client = connect().await?;
            let (up, down) = what.warm().bytes();
            client.exchange(up, down).await?;
            let (up, down) = what.bytes();
            let measurement = Measurement::begin();
            client.exchange(up, down).await?;
            measurement.end(Vec::new());
        }
        Work::Requests { count, connections, in_flight, body } => {
            let mut clients = Vec::new();
            for _ in 0..connections {
                clients.push(connect().await?);
            }
            many(&clients, work::warm_requests() * connections as u64, in_flight, body).await?;
            let measurement = Measurement::begin();
            let latencies = many(&clients, count, in_flight, body).await?;
            measurement.end(latencies);
        }
        Work::Handshakes { .. } | Work::Resumptions { .. } | Work::Idle(_) | Work::Beside { .. } => {
            return Err("measured on bare QUIC".into());
        }
    }
    Ok(())
}

/// `count` requests in all, `in_flight` at a time on each connection.
async fn many<O>(clients: &[Client<O>], count: u64, in_flight: usize, body: usize) -> Result<Vec<u64>, Failure>
where
    O: OpenStreams<Bytes> + Clone + Send + 'static,
    O::BidiStream: Send + 'static,
    <O::BidiStream as RecvStream>::Buf: Send,
{
    let places = clients.len() * in_flight;
    let mut tasks = Vec::new();
    for place in 0..places {
        let mut client = Client { sender: clients[place % clients.len()].sender.clone() };
        let own = work::share(count, places, place);
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::with_capacity(own as usize);
            for _ in 0..own {
                let began = Instant::now();
                client.exchange(0, body as u64).await?;
                latencies.push(began.elapsed().as_nanos() as u64);
            }
            Ok::<Vec<u64>, Failure>(latencies)
        }));
    }
    let mut latencies = Vec::with_capacity(count as usize);
    for task in tasks {
        latencies.extend(task.await??);
    }
    Ok(latencies)
}
