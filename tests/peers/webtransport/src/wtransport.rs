//! wtransport: drafts before flow control, one session on a connection. It closes the connection where others send a capsule, and reads one.

use crate::{LEN, Result, STREAMS, check};
use wtransport::config::{ClientConfig, ServerConfig};
use wtransport::endpoint::IncomingSession;
use wtransport::error::ConnectionError;
use wtransport::tls::Sha256Digest;
use wtransport::{Connection, Endpoint, Identity, RecvStream, VarInt};

pub async fn client(url: &str, hash: [u8; 32]) -> Result<()> {
    let config =
        ClientConfig::builder().with_bind_default().with_server_certificate_hashes([Sha256Digest::new(hash)]).build();
    let endpoint = Endpoint::client(config)?;
    check(endpoint.connect(format!("{url}/missing")).await.is_err(), "404 is no session")?;
    let session = endpoint.connect(format!("{url}/echo")).await?;
    let mut streams = Vec::new();
    for number in 0..STREAMS {
        let (mut send, receive) = session.open_bi().await?.await?;
        send.write_all(&[number; LEN]).await?;
        send.finish().await?;
        streams.push((number, receive));
    }
    for (number, receive) in streams {
        check(read(receive).await? == [number; LEN], "an echo is another")?;
    }
    let mut send = session.open_uni().await?.await?;
    send.write_all(b"one way").await?;
    send.finish().await?;
    check(read(session.accept_uni().await?).await? == b"one way", "one way")?;
    session.send_datagram(b"datagram")?;
    check(&*session.receive_datagram().await?.payload() == b"datagram", "datagram")?;
    session.close(VarInt::from_u32(7), b"done");
    let session = endpoint.connect(format!("{url}/closes")).await?;
    // Whoever waits for the end of the connection is told that this side has closed it; who waits for a stream is told why.
    match session.accept_uni().await.err() {
        Some(ConnectionError::ApplicationClosed(close)) => check(
            close.code() == VarInt::try_from_u64(4_000_000_000)? && close.reason() == b"as asked",
            format!("closed with {close}"),
        ),
        other => Err(format!("closed: {other:?}").into()),
    }
}

pub async fn server(certificate: &str, key: &str) -> Result<()> {
    let identity = Identity::load_pemfiles(certificate, key).await?;
    let config = ServerConfig::builder().with_bind_address(([127, 0, 0, 1], 0).into()).with_identity(identity).build();
    let endpoint = Endpoint::server(config)?;
    println!("{}", endpoint.local_addr()?.port());
    loop {
        let incoming = endpoint.accept().await;
        tokio::spawn(async move {
            if let Err(error) = serve(incoming).await {
                eprintln!("{error}");
            }
        });
    }
}

async fn serve(incoming: IncomingSession) -> Result<()> {
    let request = incoming.await?;
    match request.path() {
        "/missing" => {
            request.not_found().await;
            Ok(())
        }
        "/closes" => {
            let session = request.accept().await?;
            session.close(VarInt::from_u32(12_345), b"as asked");
            Ok(())
        }
        _ => echo(request.accept().await?).await,
    }
}

async fn echo(session: Connection) -> Result<()> {
    loop {
        tokio::select! {
            stream = session.accept_bi() => {
                let (mut send, receive) = stream?;
                tokio::spawn(async move {
                    let bytes = read(receive).await?;
                    send.write_all(&bytes).await?;
                    send.finish().await?;
                    Result::Ok(())
                });
            }
            stream = session.accept_uni() => {
                let bytes = read(stream?).await?;
                let mut send = session.open_uni().await?.await?;
                send.write_all(&bytes).await?;
                send.finish().await?;
            }
            datagram = session.receive_datagram() => session.send_datagram(datagram?.payload())?,
        }
    }
}

async fn read(mut stream: RecvStream) -> Result<Vec<u8>> {
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    while let Some(count) = stream.read(&mut piece).await? {
        all.extend_from_slice(&piece[..count]);
    }
    Ok(all)
}
