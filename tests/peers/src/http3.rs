//! HTTP/3 by the `h3` crate, over any stack that implements its traits: the requests of a case, and their answers.

use crate::{Answer, Exchange, answer, body, check, exchanges};
use bytes::{Buf, Bytes};
use h3::quic::{BidiStream, Connection, OpenStreams, RecvStream, SendStream};

/// What can go wrong.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The trailer that is sent and must come back.
const TRAILER: http::HeaderName = http::HeaderName::from_static("x-checksum");
/// What is given to a stream at once.
const PIECE: usize = 64 * 1024;

/// Makes the requests of a case at the same time, and compares what comes.
pub async fn run_case<C, O>(connection: C, authority: &str, case: &str) -> Result<(), Failure>
where
    C: Connection<Bytes, OpenStreams = O> + Send + 'static,
    C::RecvStream: Send,
    C::SendStream: Send,
    C::BidiStream: Send,
    O: OpenStreams<Bytes> + Clone + Send + 'static,
    O::BidiStream: BidiStream<Bytes> + Send + 'static,
    <O::BidiStream as BidiStream<Bytes>>::SendStream: SendStream<Bytes> + Send + 'static,
    <O::BidiStream as BidiStream<Bytes>>::RecvStream: RecvStream + Send + 'static,
    <<O::BidiStream as BidiStream<Bytes>>::RecvStream as RecvStream>::Buf: Send,
    <O::BidiStream as RecvStream>::Buf: Send,
{
    let (mut driver, sender) = h3::client::new(connection).await?;
    let driving = tokio::spawn(async move { std::future::poll_fn(|context| driver.poll_close(context)).await });
    let mut tasks = Vec::new();
    for exchange in exchanges(case).ok_or("unknown case")? {
        let (sender, authority) = (sender.clone(), authority.to_owned());
        tasks.push(tokio::spawn(async move { exchange_one(sender, &authority, &exchange).await }));
    }
    for task in tasks {
        task.await??;
    }
    drop(sender);
    let _ = driving.await;
    Ok(())
}

async fn exchange_one<O>(
    mut sender: h3::client::SendRequest<O, Bytes>,
    authority: &str,
    exchange: &Exchange,
) -> Result<(), Failure>
where
    O: OpenStreams<Bytes> + Clone + Send,
    O::BidiStream: BidiStream<Bytes> + Send,
    <O::BidiStream as BidiStream<Bytes>>::SendStream: SendStream<Bytes> + Send + 'static,
    <O::BidiStream as BidiStream<Bytes>>::RecvStream: RecvStream + Send,
    <<O::BidiStream as BidiStream<Bytes>>::RecvStream as RecvStream>::Buf: Send,
{
    let uri = format!("https://{authority}{}", exchange.path);
    let request = http::Request::builder().method(exchange.method).uri(uri).body(())?;
    let stream = sender.send_request(request).await?;
    let (mut send, mut receive) = stream.split();
    let body = Bytes::from(exchange.body.clone());
    let trailers = exchange.trailers;
    let sending = tokio::spawn(async move {
        for at in (0..body.len()).step_by(PIECE) {
            send.send_data(body.slice(at..body.len().min(at + PIECE))).await?;
        }
        if trailers {
            send.send_trailers(http::HeaderMap::from_iter([(TRAILER, http::HeaderValue::from_static("1"))])).await?;
        }
        send.finish().await
    });
    let response = receive.recv_response().await?;
    let mut received = Vec::new();
    while let Some(mut chunk) = receive.recv_data().await? {
        received.extend_from_slice(&chunk.copy_to_bytes(chunk.remaining()));
    }
    let trailers = receive.recv_trailers().await?.map_or(0, |trailers| trailers.len());
    sending.await??;
    Ok(check(exchange, response.status().as_u16(), &received, trailers)?)
}

/// Answers every request until the connection ends.
pub async fn serve<C>(connection: C) -> Result<(), Failure>
where
    C: Connection<Bytes> + Send + 'static,
    C::BidiStream: Send + 'static,
    <C::BidiStream as RecvStream>::Buf: Send,
{
    let mut http = h3::server::Connection::<_, Bytes>::new(connection).await?;
    while let Some(resolver) = http.accept().await? {
        tokio::spawn(async move {
            if let Err(error) = respond(resolver).await {
                eprintln!("request: {error}");
            }
        });
    }
    Ok(())
}

async fn respond<C>(resolver: h3::server::RequestResolver<C, Bytes>) -> Result<(), Failure>
where
    C: Connection<Bytes>,
{
    let (request, mut stream) = resolver.resolve_request().await?;
    let head = request.method() == http::Method::HEAD;
    let mut fields = http::HeaderMap::new();
    let (status, bytes) = match answer(request.uri().path()) {
        Answer::Bytes(len) => (200, body(len)),
        Answer::Echo => {
            let mut received = Vec::new();
            while let Some(mut chunk) = stream.recv_data().await? {
                received.extend_from_slice(&chunk.copy_to_bytes(chunk.remaining()));
            }
            fields.extend(stream.recv_trailers().await?.unwrap_or_default());
            (200, received)
        }
        Answer::Trailers => {
            fields.insert(TRAILER, "1".parse()?);
            (200, b"short".to_vec())
        }
        Answer::NotFound => (404, b"not found".to_vec()),
    };
    let response = http::Response::builder().status(status).header("content-length", bytes.len()).body(())?;
    stream.send_response(response).await?;
    if !head && !bytes.is_empty() {
        stream.send_data(Bytes::from(bytes)).await?;
    }
    if !fields.is_empty() {
        stream.send_trailers(fields).await?;
    }
    Ok(stream.finish().await?)
}

/// Fetches files of the interop runner one after the other.
pub async fn fetch<C, O>(
    connection: C,
    contract: &crate::interop::Contract,
    urls: &[crate::interop::Url],
) -> Result<(), Failure>
where
    C: Connection<Bytes, OpenStreams = O> + Send + 'static,
    C::RecvStream: Send,
    C::SendStream: Send,
    C::BidiStream: Send,
    O: OpenStreams<Bytes>,
{
    let (mut driver, mut sender) = h3::client::new(connection).await?;
    let driving = tokio::spawn(async move { std::future::poll_fn(|context| driver.poll_close(context)).await });
    for url in urls {
        let mut stream = sender.send_request(http::Request::get(&url.text).body(())?).await?;
        stream.finish().await?;
        let response = stream.recv_response().await?;
        if response.status() != 200 {
            return Err(format!("{}: {}", url.path, response.status()).into());
        }
        let mut received = Vec::new();
        while let Some(mut chunk) = stream.recv_data().await? {
            received.extend_from_slice(&chunk.copy_to_bytes(chunk.remaining()));
        }
        std::fs::write(contract.saved(&url.path), received)?;
    }
    drop(sender);
    let _ = driving.await;
    Ok(())
}

/// Serves files of the interop runner until the connection ends.
pub async fn serve_files<C>(connection: C, folder: std::path::PathBuf) -> Result<(), Failure>
where
    C: Connection<Bytes> + Send + 'static,
    C::BidiStream: Send + 'static,
    <C::BidiStream as RecvStream>::Buf: Send,
{
    let mut http = h3::server::Connection::<_, Bytes>::new(connection).await?;
    while let Some(resolver) = http.accept().await? {
        let folder = folder.clone();
        tokio::spawn(async move {
            let (request, mut stream) = resolver.resolve_request().await?;
            let file = crate::interop::answer_path(&folder, request.uri().path());
            let bytes = file.and_then(|file| std::fs::read(file).ok());
            let status = if bytes.is_some() { 200 } else { 404 };
            stream.send_response(http::Response::builder().status(status).body(())?).await?;
            stream.send_data(Bytes::from(bytes.unwrap_or_default())).await?;
            stream.finish().await?;
            Ok::<(), Failure>(())
        });
    }
    Ok(())
}
