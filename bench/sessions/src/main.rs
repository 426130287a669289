//! Posthaste's sessions, by the library's own server and client, as an application would use them: `webtransport` over HTTP/3, and
//! `session`, the same without HTTP.

use harness::sessions::{self, COUNT, Stack, Work};
use harness::work::{self, Measurement};
use posthaste::{
    Bytes, Client, DatagramBatch, Error, Executor, Handle, Identity, ReceiveStream, Reply, Request, Roots, SendStream, Server,
    Session, SessionRequest, WebTransportLimits,
};
use std::cell::Cell;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;

/// The protocol of sessions without HTTP.
const PROTOCOL: &str = "bench/1";
/// The most that is taken by one read, as on bare streams.
const READ: usize = 1 << 20;

fn main() {
    sessions::run(&Stack { serve, client });
}

/// As many on a connection as may be asked for on one (BENCH_SESSIONS), or as by default.
fn limits() -> WebTransportLimits {
    let most = std::env::var("BENCH_SESSIONS").ok().and_then(|word| word.parse().ok());
    let defaults = WebTransportLimits::default();
    WebTransportLimits { max_sessions: most.unwrap_or(defaults.max_sessions), ..defaults }
}

fn serve(folder: &Path, _: &str) {
    let (certificate, key) = harness::identity::pem(folder);
    let identity = Identity::from_pem_files(certificate, key).expect("an identity");
    let executor = Executor::new().expect("an executor");
    let mut server = Server::builder(identity).listen(([127, 0, 0, 1], 0).into());
    server.transport.max_idle_timeout = work::IDLE_TIMEOUT;
    let server = server.webtransport(&limits()).session_protocol(PROTOCOL, answer_all);
    let server = server.start(executor.handle(), answer).expect("a server");
    harness::server::announce(server.addresses()[0]);
    executor.block_on(std::future::pending::<()>());
}

async fn answer(request: Request, reply: Reply) -> Result<(), Error> {
    match SessionRequest::new(request, reply) {
        Ok(request) => answer_all(request.accept().await?).await,
        Err((_, reply)) => reply.send(404, "").await,
    }
}

/// How many datagrams go into one call: BENCH_BATCH, or each by itself. What is read by such calls is as many as there are.
fn batch() -> Option<usize> {
    std::env::var("BENCH_BATCH").ok().map(|word| word.parse().expect("a number"))
}

/// Reads datagrams and counts them; answers streams.
async fn answer_all(session: Session) -> Result<(), Error> {
    let (count, reader) = (Rc::new(Cell::new(0)), session.clone());
    let counter = count.clone();
    session.executor().spawn_detached(async move {
        if batch().is_none() {
            while reader.read_datagram().await.is_ok() {
                counter.set(counter.get() + 1);
            }
            return;
        }
        let mut batch = DatagramBatch::new();
        while reader.read_datagrams(&mut batch).await.is_ok() {
            batch.iter().for_each(|datagram| _ = std::hint::black_box(datagram));
            counter.set(counter.get() + batch.len() as u64);
        }
    });
    while let Ok((send, receive)) = session.accept_bidirectional().await {
        let answered = answer_one(send, receive, count.clone());
        session.executor().spawn_detached(async move {
            if let Err(error) = answered.await {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

async fn answer_one(mut send: SendStream, mut receive: ReceiveStream, count: Rc<Cell<u64>>) -> Result<(), Error> {
    let mut header = Vec::new();
    while header.len() < 16 {
        let more = receive.read_up_to(16 - header.len()).await?;
        header.extend_from_slice(&more.ok_or_else(|| Error::Message("the header is short".into()))?);
    }
    let (coming, wanted) = sessions::numbers(&header).expect("16 bytes");
    if coming == COUNT {
        send.write_all(count.get().to_be_bytes().to_vec()).await?;
        return send.finish();
    }
    while receive.read_up_to(READ).await?.is_some() {}
    send_bytes(&mut send, wanted).await?;
    send.finish()?;
    // Whoever drops a stream that was finished loses nothing.
    Ok(())
}

async fn send_bytes(send: &mut SendStream, mut count: u64) -> Result<(), Error> {
    while count > 0 {
        let len = count.min(work::PATTERN_LEN as u64);
        send.write_all(Bytes::from_static(&work::pattern()[..len as usize])).await?;
        count -= len;
    }
    Ok(())
}

fn client(folder: &Path, remote: SocketAddr, protocol: &str, what: Work) {
    let roots = Roots::from_pem_file(harness::identity::authority_pem(folder)).expect("roots");
    let is_raw = protocol == "session";
    posthaste::run(|handle| async move {
        let mut builder = Client::builder(roots).webtransport(&limits()).max_connections(100_000);
        builder.transport.max_idle_timeout = work::IDLE_TIMEOUT;
        let client = builder.build(&handle);
        let asking = Asking { client, authority: format!("localhost:{}", remote.port()), is_raw };
        work_on(&handle, &asking, what).await
    })
    .and_then(|result| result)
    .expect("success");
}

async fn work_on(handle: &Handle, asking: &Asking, what: Work) -> Result<(), Error> {
    let first = asking.ask().await?;
    match what {
        Work::Download(_) | Work::Upload(_) => {
            let bulk = what.bulk().expect("bulk");
            exchange(&first, bulk.warm()).await?;
            let measurement = Measurement::begin();
            exchange(&first, bulk).await?;
            measurement.end_with_count(0);
        }
        Work::Datagrams { count, len } => {
            let before = send_datagrams(&first, sessions::WARM_DATAGRAMS, len).await?;
            let measurement = Measurement::begin();
            let after = send_datagrams(&first, count, len).await?;
            measurement.end_with_count(after - before);
        }
        Work::Idle(count) => {
            let measurement = Measurement::begin();
            let mut held = Vec::new();
            while (held.len() as u64) < count {
                let some = sessions::ASKING.min(count - held.len() as u64);
                let asked: Vec<_> = (0..some).map(|_| handle.spawn(asking.clone().ask_alone())).collect();
                for session in asked {
                    held.push(session.await.expect("a task that ends")?);
                }
            }
            // What both sides still had to say has been said by then.
            handle.sleep(std::time::Duration::from_millis(500)).await;
            measurement.end_with_count(0);
        }
    }
    Ok(())
}

#[derive(Clone)]
struct Asking {
    client: Client,
    authority: String,
    is_raw: bool,
}

impl Asking {
    async fn ask(&self) -> Result<Session, Error> {
        if self.is_raw {
            return self.client.open_session(PROTOCOL, &self.authority).await;
        }
        self.client.webtransport(&format!("https://{}/", self.authority)).connect().await
    }

    async fn ask_alone(self) -> Result<Session, Error> {
        self.ask().await
    }
}

async fn exchange(session: &Session, what: work::Work) -> Result<(), Error> {
    let (up, down) = what.bytes();
    let (mut send, mut receive) = session.open_bidirectional().await?;
    send.write_all(work::header(what).to_vec()).await?;
    send_bytes(&mut send, up).await?;
    send.finish()?;
    let mut received = 0;
    while let Some(bytes) = receive.read_up_to(READ).await? {
        received += bytes.len() as u64;
    }
    assert_eq!(received, down, "bytes received");
    Ok(())
}

/// Sends so many, and waits until no more of them come out at the other end. How many it has read in all.
async fn send_datagrams(session: &Session, count: u64, len: usize) -> Result<u64, Error> {
    let content = &work::pattern()[..len];
    let (mut left, batch) = (count as usize, batch());
    while let Some(batch) = batch.filter(|_| left > 0) {
        let sent = session.write_datagrams(std::iter::repeat_n(content, batch.min(left))).await;
        if let Some(error) = sent.refused {
            return Err(Error::Message(error.to_string()));
        }
        left -= sent.taken;
    }
    for _ in 0..left {
        session.write_datagram(content).await.map_err(|error| Error::Message(error.to_string()))?;
    }
    let mut known = ask_count(session).await?;
    loop {
        let now = ask_count(session).await?;
        if now == known {
            return Ok(now);
        }
        known = now;
    }
}

async fn ask_count(session: &Session) -> Result<u64, Error> {
    let (mut send, mut receive) = session.open_bidirectional().await?;
    send.write_all(sessions::count_header().to_vec()).await?;
    send.finish()?;
    let answer = receive.read_to_end(8).await?;
    Ok(u64::from_be_bytes(answer.try_into().expect("8 bytes")))
}
