//! Both kinds of session of ours.

use crate::{DATAGRAM, Round, Work, memory};
use posthaste::{
    Client, Error, Handle, Identity, Reply, Request, Roots, Server, Session, SessionRequest, WebTransportLimits,
};
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const PROTOCOL: &str = "bench/1";

async fn handle(request: Request, reply: Reply) -> Result<(), Error> {
    match SessionRequest::new(request, reply) {
        Ok(request) => answer(request.accept().await?).await,
        Err((_, reply)) => reply.send(404, "").await,
    }
}

/// Reads each stream to its end, and says how many datagrams have come by then.
async fn answer(session: Session) -> Result<(), Error> {
    let (count, reader) = (Rc::new(Cell::new(0_u64)), session.clone());
    let counted = count.clone();
    session.executor().spawn_detached(async move {
        while reader.read_datagram().await.is_ok() {
            counted.set(counted.get() + 1);
        }
    });
    while let Ok((mut send, mut receive)) = session.accept_bidirectional().await {
        while receive.read().await?.is_some() {}
        send.write_all(count.get().to_be_bytes().to_vec()).await?;
        send.finish()?;
    }
    Ok(())
}

/// A server on a thread of its own, for as long as what is given lives.
fn serve() -> (SocketAddr, Roots, mpsc::Sender<()>) {
    let (tell, told) = mpsc::channel();
    let (keep, kept) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        posthaste::run(|executor: Handle| async move {
            let identity = Identity::development(&[])?;
            let pem = identity.certificate_pem();
            let server = Server::builder(identity)
                .listen("127.0.0.1:0".parse().expect("an address"))
                .webtransport(&WebTransportLimits::default())
                .session_protocol(PROTOCOL, answer)
                .start(&executor, handle)?;
            tell.send((server.addresses()[0], pem)).expect("somebody waits");
            while kept.try_recv() != Err(mpsc::TryRecvError::Disconnected) {
                executor.sleep(Duration::from_millis(20)).await;
            }
            Ok::<_, Error>(())
        })
        .expect("an executor")
        .expect("a server");
    });
    let (address, pem) = told.recv().expect("a server");
    (address, Roots::from_pem(pem.as_bytes()).expect("a certificate"), keep)
}

fn client(roots: Roots, executor: &Handle) -> Client {
    Client::builder(roots).webtransport(&WebTransportLimits::default()).build(executor)
}

async fn open(client: &Client, at: SocketAddr, by_http: bool) -> Result<Session, Error> {
    match by_http {
        true => client.webtransport(&format!("https://{at}/")).connect().await,
        false => client.open_session(PROTOCOL, &at.to_string()).await,
    }
}

/// Sends so many bytes on a stream, and hears how many datagrams had come when they had.
async fn upload(session: &Session, bytes: usize) -> Result<u64, Error> {
    let (mut send, mut receive) = session.open_bidirectional().await?;
    let piece = vec![7; 1 << 20];
    for at in (0..bytes).step_by(piece.len()) {
        send.write_all(piece[..piece.len().min(bytes - at)].to_vec()).await?;
    }
    send.finish()?;
    let said = receive.read_to_end(8).await?;
    Ok(u64::from_be_bytes(said.try_into().expect("eight bytes")))
}

pub fn round(work: Work, by_http: bool) -> Round {
    let (at, roots, _server) = serve();
    posthaste::run(|executor: Handle| async move {
        let client = client(roots, &executor);
        let session = open(&client, at, by_http).await?;
        let begun = Instant::now();
        upload(&session, work.megabytes * 1_000_000).await?;
        let bulk = begun.elapsed();
        let begun = Instant::now();
        for _ in 0..work.datagrams {
            session.write_datagram(&[7; DATAGRAM]).await.map_err(|error| Error::Message(error.to_string()))?;
        }
        while session.datagram_stats().is_some_and(|stats| stats.unsent > 0) {
            upload(&session, 1).await?;
        }
        let came = upload(&session, 1).await? as usize;
        let datagrams = begun.elapsed();
        client.close().await;
        Ok::<_, Error>(Round { bulk, datagrams, came })
    })
    .expect("an executor")
    .expect("a round")
}

/// What a session at rest takes at both ends together: the first of a connection with it, and each further one.
pub fn memory() {
    const FURTHER: usize = 15;
    const CLIENTS: usize = 20;
    let (at, roots, _server) = serve();
    posthaste::run(|executor: Handle| async move {
        for by_http in [false, true] {
            let rest = || executor.sleep(Duration::from_secs(3));
            let before = memory::held();
            let clients: Vec<Client> = (0..CLIENTS).map(|_| client(roots.clone(), &executor)).collect();
            let mut sessions = Vec::new();
            for client in &clients {
                sessions.push(open(client, at, by_http).await?);
            }
            rest().await;
            let first = memory::held();
            for client in &clients {
                for _ in 0..FURTHER {
                    sessions.push(open(client, at, by_http).await?);
                }
            }
            rest().await;
            let all = memory::held();
            println!(
                "{:26}{:>10} bytes for the first of a client, {} for each further one, at both ends together",
                if by_http { "WebTransport" } else { "QUIC alone" },
                (first - before) / CLIENTS as isize,
                (all - first) / (CLIENTS * FURTHER) as isize
            );
            drop(sessions);
            for client in clients {
                client.close().await;
            }
            rest().await;
        }
        Ok::<_, Error>(())
    })
    .expect("an executor")
    .expect("sessions");
}
