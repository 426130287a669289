//! The same over sockets, with quinn at the other end: the alert of whoever ends the handshake is the code that the other sees.

mod clients;

use clients::{Always, Asks, Clients, TABLE};
use posthaste::{Client, ClientTrust, CloseReason, Error, Identity, Reply, Request, Roots, Server};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ConnectionError, Endpoint};
use rustls::pki_types::CertificateDer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tls::WallClock;
use tls_peers::{Clock, World};

/// CRYPTO_ERROR (RFC 9001 section 4.8).
const CRYPTO_ERROR: u64 = 0x100;
const LIMIT: Duration = Duration::from_secs(20);

fn block_on<T>(task: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(LIMIT, task).await.expect("in time") })
}

fn pem(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in der.chunks(3) {
        let value = group.iter().fold(0u32, |value, byte| value << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(value >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// As our library loads it.
fn ours(identity: &tls_peers::Identity) -> Identity {
    let (chain, key) = (pem("CERTIFICATE", &identity.chain[0]), pem("PRIVATE KEY", &identity.key));
    Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap()
}

/// A GET of HTTP/3 and the whole answer, by streams alone (RFC 9114 sections 4.1 and 6.2.1, RFC 9204 appendix A).
async fn get(connection: &quinn::Connection) -> Result<Vec<u8>, ConnectionError> {
    let mut control = connection.open_uni().await?;
    // Its type, and SETTINGS of none.
    let _ = control.write_all(&[0, 4, 0]).await;
    let (mut send, mut receive) = connection.open_bi().await?;
    let mut fields = vec![0, 0, 0xc0 | 17, 0xc0 | 23, 0xc0 | 1, 0x50, 9];
    fields.extend_from_slice(b"localhost");
    let _ = send.write_all(&[&[1, fields.len() as u8][..], &fields].concat()).await;
    let _ = send.finish();
    match receive.read_to_end(10_000).await {
        Ok(answer) => Ok(answer),
        Err(_) => Err(connection.closed().await),
    }
}

/// What quinn sees of our server, showing this.
fn quinn_client(address: SocketAddr, config: Arc<rustls::ClientConfig>) -> Result<Vec<u8>, u64> {
    block_on(async {
        let mut endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let config = QuicClientConfig::try_from(config).unwrap();
        endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(config)));
        let answer = match endpoint.connect(address, "localhost").unwrap().await {
            Ok(connection) => {
                let answer = get(&connection).await;
                connection.close(0x100u32.into(), b"");
                answer
            }
            Err(error) => Err(error),
        };
        endpoint.wait_idle().await;
        answer.map_err(|error| match error {
            ConnectionError::ConnectionClosed(frame) => u64::from(frame.error_code),
            other => panic!("{other}"),
        })
    })
}

#[test]
fn our_server_asks_quinn() {
    let clients = Clients::new();
    for (asks, shows, outcome) in TABLE {
        let world = World::new(crypto_ring::PROVIDER);
        let own = world.authority.server("localhost", Clock.unix_seconds() - 1000);
        let trust = ClientTrust::from_pem(pem("CERTIFICATE", &clients.authority.certificate).as_bytes()).unwrap();
        let builder = Server::builder(ours(&own)).listen("127.0.0.1:0".parse().unwrap());
        let builder = match asks {
            Asks::Nothing => builder,
            Asks::Optionally => builder.client_authentication(trust.optional()),
            Asks::Strictly => builder.client_authentication(trust.required()),
        };
        let answer = async |request: Request, reply: Reply| {
            let known = request.peer_identity().map_or("nobody".to_owned(), |identity| identity.label());
            reply.send(200, known).await
        };
        let workers = builder.start_workers(1, answer).unwrap();
        let seen = quinn_client(workers.addresses()[0], clients.theirs_show(shows, &world));
        match outcome {
            Ok(is_known) => {
                let answer = String::from_utf8_lossy(&seen.expect("an answer")).into_owned();
                let name = if is_known { "client.example" } else { "nobody" };
                assert!(answer.ends_with(name), "{asks:?} {shows:?}: {answer}");
            }
            Err([alert, _]) => assert_eq!(seen, Err(CRYPTO_ERROR + u64::from(alert)), "{asks:?} {shows:?}"),
        }
        workers.shutdown();
        workers.join().unwrap();
    }
}

/// A server of quinn for one connection, which it ends with H3_NO_ERROR. Gives who the client was.
fn quinn_server(config: Arc<rustls::ServerConfig>, told: &std::sync::mpsc::Sender<SocketAddr>) -> Option<usize> {
    block_on(async {
        let config = QuicServerConfig::try_from(config).unwrap();
        let config = quinn::ServerConfig::with_crypto(Arc::new(config));
        let endpoint = Endpoint::server(config, "127.0.0.1:0".parse().unwrap()).unwrap();
        told.send(endpoint.local_addr().unwrap()).unwrap();
        let connection = endpoint.accept().await.unwrap().await;
        let known = connection.ok().map(|connection| {
            let identity = connection.peer_identity();
            connection.close(0x100u32.into(), b"");
            let chain = identity.and_then(|any| any.downcast::<Vec<CertificateDer<'static>>>().ok());
            chain.map_or(0, |chain| chain.len())
        });
        endpoint.wait_idle().await;
        known
    })
}

#[test]
fn quinn_asks_our_client() {
    let clients = Clients::new();
    for (asks, shows, outcome) in TABLE {
        let world = World::new(crypto_ring::PROVIDER);
        let own = world.authority.server("127.0.0.1", Clock.unix_seconds() - 1000);
        let config = clients.theirs_ask(asks, &world, &own);
        let (told, hears) = std::sync::mpsc::channel();
        let server = std::thread::spawn(move || quinn_server(config, &told));
        let address = hears.recv().unwrap();
        let roots = Roots::from_pem(pem("CERTIFICATE", &world.authority.certificate).as_bytes()).unwrap();
        let identity = clients.identity(shows).map(|identity| Always(identity.ours()));
        let seen = posthaste::run(|handle| async move {
            let mut builder = Client::builder(roots);
            if let Some(identity) = identity {
                builder = builder.identity_resolver(identity);
            }
            let client = builder.build(&handle);
            client.get(&format!("https://{address}/")).send().await.map(drop)
        })
        .unwrap();
        let known = server.join().unwrap();
        match (outcome, seen) {
            (Ok(is_known), Err(Error::Closed { reason: CloseReason::PeerApplication { code, .. }, .. })) => {
                assert_eq!((u64::from(code), known), (0x100, Some(usize::from(is_known))), "{asks:?} {shows:?}");
            }
            (Err([_, alert]), Err(Error::Closed { reason: CloseReason::PeerTransport { code, .. }, .. })) => {
                assert_eq!((code.0, known), (CRYPTO_ERROR + u64::from(alert), None), "{asks:?} {shows:?}");
            }
            (outcome, seen) => panic!("{asks:?} {shows:?}: {outcome:?} {seen:?}"),
        }
    }
}
