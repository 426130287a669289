//! WebTransport with headless Chromium and with aioquic, which are programs of their own:
//! `cargo test --test browser -- --ignored --nocapture`. A page of ours runs the browser's cases, which are named like those of
//! web-platform-tests, and sends what came of them. aioquic is that of `tests/peers/run`, or of the interpreter in the variable `PYTHON`.
#![allow(clippy::unwrap_used)] // a test may

use posthaste::{
    Bytes, Client, Error, Handle, Identity, ReceiveStream, Reply, Request, Roots, SendStream, Server, Session,
    SessionRequest, WebTransportLimits,
};
use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

/// Of 100 MB up, the digest is the page's own.
const LARGE: usize = 100_000_000;

#[derive(Default)]
struct Heard {
    said: String,
    results: Option<String>,
}

type Shared = Rc<RefCell<Heard>>;

/// Killed if nothing else ends it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs Chromium"]
fn chromium_runs_every_case() {
    let results = posthaste::run(|handle: Handle| async move {
        let identity = Identity::development(&[])?;
        let hash: Vec<String> = identity.certificate_sha256().iter().map(u8::to_string).collect();
        let page = Bytes::from(include_str!("browser/page.html").replace("HASH", &hash.join(",")).into_bytes());
        let (executor, heard) = (handle.clone(), Shared::default());
        let shared = heard.clone();
        let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).tcp();
        let server = server.webtransport(&WebTransportLimits::default()).start(&handle, move |request, reply| {
            answer(executor.clone(), shared.clone(), page.clone(), request, reply)
        })?;
        let profile = std::env::temp_dir().join(format!("posthaste-browser-{}", std::process::id()));
        let mut command = Command::new("chromium");
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"]);
        command.arg("--ignore-certificate-errors").arg(format!("--user-data-dir={}", profile.display()));
        command.arg(format!("https://127.0.0.1:{}/", server.addresses()[0].port()));
        let _browser = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("chromium is there"));
        for _ in 0..6000 {
            if let Some(results) = heard.borrow_mut().results.take() {
                return Ok::<_, Error>(results);
            }
            handle.sleep(Duration::from_millis(100)).await;
        }
        panic!("the page has sent no results");
    })
    .unwrap()
    .unwrap();
    println!("{results}");
    let lines: Vec<&str> = results.lines().collect();
    assert_eq!(lines.len(), 15);
    assert!(lines.iter().all(|line| line.contains(": ok (")), "{results}");
}

/// An interpreter that has aioquic.
fn python() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home folder"));
    let own = || home().join(".cache/posthaste-peers/python/bin/python");
    std::env::var_os("PYTHON").map_or_else(own, PathBuf::from)
}

fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/browser").join(name)
}

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("posthaste-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
#[ignore = "needs aioquic"]
fn aioquic_is_served() {
    posthaste::run(|handle: Handle| async move {
        let identity = Identity::development(&[])?;
        let pem = folder("aioquic-client").join("ca.pem");
        std::fs::write(&pem, identity.certificate_pem()).unwrap();
        let executor = handle.clone();
        let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap());
        let server = server.webtransport(&WebTransportLimits::default()).start(&handle, move |request, reply| {
            answer(executor.clone(), Shared::default(), Bytes::new(), request, reply)
        })?;
        let port = server.addresses()[0].port().to_string();
        let mut command = Command::new(python());
        command.arg(script("aioquic_client.py")).args(["127.0.0.1", &port]).arg(&pem);
        let mut client = command.stdout(Stdio::piped()).spawn().expect("an interpreter with aioquic");
        let mut output = BufReader::new(client.stdout.take().unwrap());
        while client.try_wait().unwrap().is_none() {
            handle.sleep(Duration::from_millis(50)).await;
        }
        let mut said = String::new();
        output.read_line(&mut said).unwrap();
        assert_eq!(said, "ok\n");
        Ok::<_, Error>(())
    })
    .unwrap()
    .unwrap();
}

#[test]
#[ignore = "needs aioquic"]
fn aioquic_serves() {
    let folder = folder("aioquic-server");
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.join(name));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "10"]);
    openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
    openssl.arg("-out").arg(&certificate).arg("-keyout").arg(&key);
    assert!(openssl.stderr(Stdio::null()).status().expect("openssl is there").success());
    let mut command = Command::new(python());
    command.arg(script("aioquic_server.py")).arg(&certificate).arg(&key).stdout(Stdio::piped());
    let mut server = Running(command.spawn().expect("an interpreter with aioquic"));
    let mut port = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let url = format!("https://127.0.0.1:{}", port.trim());
    posthaste::run(|handle: Handle| async move {
        let roots = Roots::from_pem(&std::fs::read(&certificate).unwrap())?;
        let client = Client::builder(roots).webtransport(&WebTransportLimits::default()).build(&handle);
        let refused = client.webtransport(&format!("{url}/missing")).connect().await;
        assert!(matches!(&refused, Err(Error::TunnelRefused { status }) if status.code() == 404), "{refused:?}");
        let session = client.webtransport(&format!("{url}/echo")).connect().await?;
        for number in 0..64_u8 {
            let (mut send, mut receive) = session.open_bidirectional().await?;
            send.write_all(vec![number; 3000]).await?;
            send.finish()?;
            assert_eq!(receive.read_to_end(10_000).await?, vec![number; 3000]);
        }
        let mut send = session.open_unidirectional().await?;
        send.write_all("one way").await?;
        send.finish()?;
        assert_eq!(session.accept_unidirectional().await?.read_to_end(100).await?, b"one way");
        session.send_datagram(b"datagram").unwrap();
        assert_eq!(session.read_datagram().await?.to_vec(), b"datagram");
        session.close(1, "bye");
        client.close().await;
        Ok::<_, Error>(())
    })
    .unwrap()
    .unwrap();
}

async fn answer(handle: Handle, heard: Shared, page: Bytes, mut request: Request, reply: Reply) -> Result<(), Error> {
    if request.protocol().is_none() {
        return match request.path() {
            "/" => reply.send((200, "text/html"), page).await,
            "/said" => {
                let said = heard.borrow().said.clone();
                reply.send(200, said).await
            }
            "/progress" | "/results" => {
                let text = String::from_utf8(request.body().read_to_end(100_000).await?).unwrap();
                if request.path() == "/results" {
                    heard.borrow_mut().results = Some(text);
                } else {
                    println!("{text}");
                }
                reply.send(200, "").await
            }
            _ => reply.send(404, "").await,
        };
    }
    let Ok(request) = SessionRequest::new(request, reply) else { panic!("the page asks for nothing else") };
    let path = request.request().path().to_owned();
    match path.as_str() {
        "/missing" => return request.reject(404).await,
        "/forbidden" => return request.reject(403).await,
        _ => {}
    }
    let session = request.accept().await?;
    match path.as_str() {
        "/closes" => session.close(4_000_000_000, "as asked"),
        "/tells" => {
            let end = session.closed().await?;
            heard.borrow_mut().said = format!("{} {}", end.code, end.reason);
        }
        "/opens" => open_both(&session).await?,
        "/large" => {
            let bytes: Vec<u8> = (0..LARGE).map(|at| (at % 251) as u8).collect();
            let mut send = session.open_unidirectional().await?;
            send.write_all(bytes).await?;
            send.finish()?;
        }
        "/hash" => {
            let (mut send, mut receive) = session.accept_bidirectional().await?;
            let bytes = receive.read_to_end(LARGE).await?;
            let digest = crypto_ring::PROVIDER.initial.hash.digest(&[&bytes]);
            let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            send.write_all(hex).await?;
            send.finish()?;
        }
        _ => echo_all(&handle, &session, path == "/stops").await,
    }
    session.closed().await.map(drop)
}

async fn open_both(session: &Session) -> Result<(), Error> {
    let mut stream = session.open_unidirectional().await?;
    stream.write_all("from the server").await?;
    stream.finish()?;
    let (mut send, mut receive) = session.open_bidirectional().await?;
    send.write_all("ping").await?;
    send.finish()?;
    let answer = receive.read_to_end(100).await?;
    session.send_datagram(&answer).map_err(|error| Error::Message(error.to_string()))
}

async fn echo_all(handle: &Handle, session: &Session, stops: bool) {
    let (uni, datagrams, executor) = (session.clone(), session.clone(), handle.clone());
    handle.spawn_detached(async move {
        while let Ok(mut receive) = uni.accept_unidirectional().await {
            let uni = uni.clone();
            executor.spawn_detached(async move {
                let Ok(bytes) = receive.read_to_end(LARGE).await else { return };
                let Ok(mut send) = uni.open_unidirectional().await else { return };
                if send.write_all(bytes).await.is_ok() {
                    let _ = send.finish();
                }
            });
        }
    });
    handle.spawn_detached(async move {
        while let Ok(datagram) = datagrams.read_datagram().await {
            let _ = datagrams.send_datagram(&datagram);
        }
    });
    while let Ok((send, receive)) = session.accept_bidirectional().await {
        handle.spawn_detached(async move {
            let _ = echo(send, receive, stops).await;
        });
    }
}

/// The codes of resets come back as the next number; with `stops`, so do those of stops.
async fn echo(mut send: SendStream, mut receive: ReceiveStream, stops: bool) -> Result<(), Error> {
    if stops {
        if let Err(Error::StreamStopped { code }) = send.closed().await {
            receive.stop(code.unwrap_or(0) + 1);
        }
        return Ok(());
    }
    loop {
        match receive.read().await {
            Ok(Some(bytes)) => send.write_all(bytes).await?,
            Ok(None) => return send.finish(),
            Err(Error::StreamReset { code }) => {
                send.reset(code.unwrap_or(0) + 1);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}
