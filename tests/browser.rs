//! WebTransport with headless Chromium and Firefox, with aioquic, wtransport and web-transport-quinn, which are programs of their own:
//! `cargo test --test browser -- --ignored --nocapture`. A page of ours runs the browser's cases, which are named like those of
//! web-platform-tests, and sends what came of them. aioquic is that of `tests/peers/run`, or of the interpreter in the variable `PYTHON`; the
//! peers in Rust are built by it, or by hand in `tests/peers/webtransport` (`PEERS_WEBTRANSPORT` names the program).
#![allow(clippy::unwrap_used)] // a test may

use posthaste::{
    Bytes, Client, CloseReason, Error, Handle, Identity, ReceiveStream, Reply, Request, Roots, SendStream, Server,
    Session, SessionEnd, SessionRequest, WebTransportLimits,
};
use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
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

/// What a browser makes of the cases of our page, that is started with the page's address.
fn results_of(identity: Identity, command: impl Fn(&str) -> Command) -> String {
    let results = posthaste::run(|handle: Handle| async move {
        let hash: Vec<String> = identity.certificate_sha256().iter().map(u8::to_string).collect();
        let page = Bytes::from(include_str!("browser/page.html").replace("HASH", &hash.join(",")).into_bytes());
        let (executor, heard) = (handle.clone(), Shared::default());
        let shared = heard.clone();
        let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).tcp();
        let server = server.webtransport(&WebTransportLimits::default()).start(&handle, move |request, reply| {
            answer(executor.clone(), shared.clone(), page.clone(), request, reply)
        })?;
        let mut command = command(&format!("https://127.0.0.1:{}/", server.addresses()[0].port()));
        let _browser =
            Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the browser is there"));
        for _ in 0..6000 {
            if let Some(results) = heard.borrow_mut().results.take() {
                return Ok::<_, Error>(results);
            }
            handle.sleep(Duration::from_millis(100)).await;
        }
        panic!("the page has sent no results");
    });
    let results = results.unwrap().unwrap();
    println!("{results}");
    assert_eq!(results.lines().count(), 15);
    results
}

#[test]
#[ignore = "needs Chromium"]
fn chromium_runs_every_case() {
    let profile = folder("chromium");
    let results = results_of(Identity::development(&[]).unwrap(), |page| {
        let mut command = Command::new("chromium");
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"]);
        command.arg("--ignore-certificate-errors").arg(format!("--user-data-dir={}", profile.display())).arg(page);
        command
    });
    assert!(results.lines().all(|line| line.contains(": ok (")), "{results}");
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "10"]);
    openssl.args(arguments).current_dir(folder).stderr(Stdio::null());
    assert!(openssl.status().expect("openssl is there").success(), "{arguments:?}");
}

/// What version 153 does not do: a page of it is told of an aborted stream without its code, and not that nobody reads what it writes.
const NOT_OF_FIREFOX: [&str; 2] = ["streams-close: abort has a code", "streams-close: cancel has a code"];

/// Firefox has to believe the server for the page itself: it is given an authority. Sessions go by the hash all the same.
#[test]
#[ignore = "needs Firefox and certutil"]
fn firefox_runs_every_case() {
    let folder = folder("firefox");
    let authority = ["-subj", "/CN=authority", "-out", "ca.pem", "-keyout", "ca.key"];
    openssl(&folder, &authority);
    let leaf = ["-subj", "/CN=leaf", "-out", "cert.pem", "-keyout", "key.pem", "-CA", "ca.pem", "-CAkey", "ca.key"];
    let names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
    openssl(&folder, &[&leaf[..], &names].concat());
    let (profile, store) = (folder.join("profile"), format!("sql:{}", folder.join("profile").display()));
    let _ = std::fs::remove_dir_all(&profile);
    std::fs::create_dir_all(&profile).unwrap();
    for arguments in [&["-N", "--empty-password"][..], &["-A", "-t", "C,,", "-n", "authority", "-i", "ca.pem"]] {
        let mut certutil = Command::new("certutil");
        certutil.args(["-d", &store]).args(arguments).current_dir(&folder);
        assert!(certutil.status().expect("certutil is there").success());
    }
    let settings = [
        "\"network.http.http3.disable_when_third_party_roots_found\", false",
        "\"network.captive-portal-service.enabled\", false",
        "\"network.connectivity-service.enabled\", false",
        "\"datareporting.policy.dataSubmissionEnabled\", false",
        "\"app.update.enabled\", false",
    ];
    let settings: String = settings.iter().map(|setting| format!("user_pref({setting});\n")).collect();
    std::fs::write(profile.join("user.js"), settings).unwrap();
    let identity = Identity::from_pem_files(folder.join("cert.pem"), folder.join("key.pem")).unwrap();
    let results = results_of(identity, |page| {
        let mut command = Command::new("firefox-esr");
        command.args(["--headless", "--no-remote", "--profile"]).arg(&profile).arg(page);
        command
    });
    let is_good = |line: &str| line.contains(": ok (") || NOT_OF_FIREFOX.iter().any(|case| line.starts_with(case));
    assert!(results.lines().all(is_good), "{results}");
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

/// The program with the peers in Rust.
fn peers() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("a home folder"));
    let own = || home().join(".cache/posthaste-peers/target/release/peers-webtransport");
    std::env::var_os("PEERS_WEBTRANSPORT").map_or_else(own, PathBuf::from)
}

/// A client that is a program of its own uses our server, and says `ok`. It is told the port, where the certificate is, and its hash.
fn is_served(name: &str, command: impl Fn(u16, &Path, &str) -> Command) {
    posthaste::run(|handle: Handle| async move {
        let identity = Identity::development(&[])?;
        let pem = folder(name).join("ca.pem");
        std::fs::write(&pem, identity.certificate_pem()).unwrap();
        let hash: String = identity.certificate_sha256().iter().map(|byte| format!("{byte:02x}")).collect();
        let executor = handle.clone();
        let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap());
        let server = server.webtransport(&WebTransportLimits::default()).start(&handle, move |request, reply| {
            answer(executor.clone(), Shared::default(), Bytes::new(), request, reply)
        })?;
        let mut command = command(server.addresses()[0].port(), &pem, &hash);
        let mut client = Running(command.stdout(Stdio::piped()).spawn().expect("the peer is there"));
        let mut output = BufReader::new(client.0.stdout.take().unwrap());
        while client.0.try_wait().unwrap().is_none() {
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

/// Our client uses a server that is a program of its own, says its port, and is told where its certificate and key are.
fn serves(
    name: &str,
    command: impl Fn(&Path, &Path) -> Command,
    more: impl AsyncFn(&Client, &str) -> Result<(), Error>,
) {
    let folder = folder(name);
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.join(name));
    let names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    openssl(&folder, &[&names[..], &["-out", "cert.pem", "-keyout", "key.pem"]].concat());
    let mut server = command(&certificate, &key);
    let mut server = Running(server.stdout(Stdio::piped()).spawn().expect("the peer is there"));
    let mut port = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let url = format!("https://127.0.0.1:{}", port.trim());
    posthaste::run(|handle: Handle| async move {
        let roots = Roots::from_pem(&std::fs::read(&certificate).unwrap())?;
        let client = || Client::builder(roots.clone()).webtransport(&WebTransportLimits::default()).build(&handle);
        let refused = client().webtransport(&format!("{url}/missing")).connect().await;
        let is_refused = match &refused {
            Err(Error::TunnelRefused { status }) => status.code() == 404,
            // With its answer it gives up its control stream, which ends the connection (RFC 9114 section 6.2.1).
            Err(Error::Breach { .. }) => name.starts_with("web-transport-quinn"),
            _ => false,
        };
        assert!(is_refused, "{refused:?}");
        let of_echo = client();
        let session = of_echo.webtransport(&format!("{url}/echo")).connect().await?;
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
        of_echo.close().await;
        let last = client();
        more(&last, &url).await?;
        last.close().await;
        Ok::<_, Error>(())
    })
    .unwrap()
    .unwrap();
}

#[test]
#[ignore = "needs aioquic"]
fn aioquic_is_served() {
    is_served("aioquic-client", |port, pem, _| {
        let mut command = Command::new(python());
        command.arg(script("aioquic_client.py")).args(["127.0.0.1", &port.to_string()]).arg(pem);
        command
    });
}

#[test]
#[ignore = "needs aioquic"]
fn aioquic_serves() {
    let server = |certificate: &Path, key: &Path| {
        let mut command = Command::new(python());
        command.arg(script("aioquic_server.py")).arg(certificate).arg(key);
        command
    };
    serves("aioquic-server", server, async |_, _| Ok(()));
}

fn peer_as_client(name: &'static str) {
    is_served(name, |port, _, hash| {
        let mut command = Command::new(peers());
        command.args(["client", name, &format!("https://127.0.0.1:{port}"), hash]);
        command
    });
}

fn peer_as_server(name: &'static str, more: impl AsyncFn(&Client, &str) -> Result<(), Error>) {
    let server = |certificate: &Path, key: &Path| {
        let mut command = Command::new(peers());
        command.args(["server", name]).arg(certificate).arg(key);
        command
    };
    serves(&format!("{name}-server"), server, more);
}

#[test]
#[ignore = "needs tests/peers/webtransport"]
fn wtransport_is_served() {
    peer_as_client("wtransport");
}

#[test]
#[ignore = "needs tests/peers/webtransport"]
fn wtransport_serves() {
    peer_as_server("wtransport", async |client, url| {
        // It closes the connection, with a code that is none of HTTP/3, and may do so before its answer has gone.
        let end = match client.webtransport(&format!("{url}/closes")).connect().await {
            Ok(session) => session.closed().await.map(drop),
            Err(error) => Err(error),
        };
        let code = |reason: &CloseReason| match reason {
            CloseReason::PeerApplication { code, reason } => Some((code.value(), reason.clone())),
            _ => None,
        };
        let Err(Error::Closed { reason, .. }) = &end else { panic!("{end:?}") };
        assert_eq!(code(reason), Some((12_345, "as asked".into())));
        Ok(())
    });
}

#[test]
#[ignore = "needs tests/peers/webtransport"]
fn web_transport_quinn_is_served() {
    peer_as_client("web-transport-quinn");
}

#[test]
#[ignore = "needs tests/peers/webtransport"]
fn web_transport_quinn_serves() {
    peer_as_server("web-transport-quinn", async |client, url| {
        let session = client.webtransport(&format!("{url}/closes")).connect().await?;
        assert_eq!(session.closed().await?, SessionEnd { code: 12_345, reason: "as asked".into(), by_peer: true });
        Ok(())
    });
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
