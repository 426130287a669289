//! web-transport-quinn: drafts before flow control, one session on a connection, with capsules of a close both ways.

use crate::{LEN, Result, STREAMS, check};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use url::Url;
use web_transport_quinn::http::StatusCode;
use web_transport_quinn::{Client, ClientBuilder, Request, ServerBuilder, Session, SessionError, WebTransportError};

const MOST: usize = 1 << 20;

pub async fn client(url: &str, hash: [u8; 32]) -> Result<()> {
    let client = ClientBuilder::new().with_server_certificate_hashes(vec![hash.to_vec()])?;
    check(connect(&client, url, "/missing").await.is_err(), "404 is no session")?;
    let session = connect(&client, url, "/echo").await?;
    let mut streams = Vec::new();
    for number in 0..STREAMS {
        let (mut send, receive) = session.open_bi().await?;
        send.write_all(&[number; LEN]).await?;
        send.finish()?;
        streams.push((number, receive));
    }
    for (number, mut receive) in streams {
        check(receive.read_to_end(MOST).await? == [number; LEN], "an echo is another")?;
    }
    let mut send = session.open_uni().await?;
    send.write_all(b"one way").await?;
    send.finish()?;
    check(session.accept_uni().await?.read_to_end(MOST).await? == b"one way", "one way")?;
    session.send_datagram(b"datagram".to_vec().into())?;
    check(*session.read_datagram().await? == *b"datagram", "datagram")?;
    // Codes of streams, mapped: what is reset with 41 comes back reset with 42.
    let (mut send, mut receive) = session.open_bi().await?;
    send.write_all(b"to be given up").await?;
    // Before that has come back, a reset may take the beginning of the stream with it, and nobody knows what it belonged to.
    receive.read_exact(&mut [0; 14]).await?;
    send.reset(41)?;
    let code = receive.received_reset().await?;
    check(code == Some(42), format!("reset with {code:?}"))?;
    session.close(99, b"from the peer");
    session.closed().await;
    let session = connect(&client, url, "/closes").await?;
    match session.closed().await {
        SessionError::WebTransportError(WebTransportError::Closed(4_000_000_000, reason)) => {
            check(reason == "as asked", format!("closed with {reason}"))
        }
        other => Err(format!("closed: {other}").into()),
    }
}

async fn connect(client: &Client, url: &str, path: &str) -> Result<Session> {
    Ok(client.connect(Url::parse(&format!("{url}{path}"))?).await?)
}

pub async fn server(certificate: &str, key: &str) -> Result<()> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<std::result::Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let mut server = ServerBuilder::new().with_addr(([127, 0, 0, 1], 0).into()).with_certificate(chain, key)?;
    println!("{}", server.local_addr()?.port());
    while let Some(request) = server.accept().await {
        tokio::spawn(async move {
            if let Err(error) = serve(request).await {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

async fn serve(request: Request) -> Result<()> {
    match request.connect().url.path() {
        "/missing" => {
            // Without somebody who holds it the connection is closed, before the answer has gone.
            let connection = request.conn().clone();
            request.reject(StatusCode::NOT_FOUND).await?;
            connection.closed().await;
            Ok(())
        }
        "/closes" => {
            let session = request.ok().await?;
            session.close(12_345, b"as asked");
            session.closed().await;
            Ok(())
        }
        _ => echo(request.ok().await?).await,
    }
}

async fn echo(session: Session) -> Result<()> {
    loop {
        tokio::select! {
            stream = session.accept_bi() => {
                let (mut send, mut receive) = stream?;
                tokio::spawn(async move {
                    let bytes = receive.read_to_end(MOST).await?;
                    send.write_all(&bytes).await?;
                    send.finish()?;
                    Result::Ok(())
                });
            }
            stream = session.accept_uni() => {
                let bytes = stream?.read_to_end(MOST).await?;
                let mut send = session.open_uni().await?;
                send.write_all(&bytes).await?;
                send.finish()?;
            }
            datagram = session.read_datagram() => session.send_datagram(datagram?)?,
        }
    }
}
