//! WebTransport with headless Chromium and Firefox, with aioquic, wtransport and web-transport-quinn, which are programs of their own:
//! `cargo test --test browser -- --ignored --nocapture`. A page of ours runs the browser's cases, which are named like those of
//! web-platform-tests, and sends what came of them. aioquic is that of `tests/peers/run`, or of the interpreter in the variable `PYTHON`; the
//! peers in Rust are built by it, or by hand in `tests/peers/webtransport` (`PEERS_WEBTRANSPORT` names the program).
#![allow(clippy::unwrap_used)] // a test may

use posthaste::trace::TraceLines;
use posthaste::{
    Bytes, Client, CloseReason, Error, Handle, Identity, ReceiveStream, Reply, Request, Roots, SendStream, Server,
    Session, SessionEnd, SessionRequest, WebTransportLimits,
};
use std::cell::{Cell, RefCell};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
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

/// The lines of a trace in which something is given up: what goes over the wire for `abort` and `cancel`.
#[derive(Clone, Default)]
struct GivenUp(Arc<Mutex<Vec<String>>>);

impl Write for GivenUp {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        if ["RESET_STREAM", "STOP_SENDING"].iter().any(|name| text.contains(name)) {
            self.0.lock().unwrap().push(text);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl GivenUp {
    /// How many frames went this way and say this of a code of ours, as it stands on the wire.
    fn count(&self, way: &str, frame: &str, code: u32) -> usize {
        let code = format!("{:#x}", webtransport::codes::to_wire(code).value());
        let said = |line: &&String| line.contains(way) && line.contains(frame) && line.contains(&code);
        self.0.lock().unwrap().iter().filter(said).count()
    }
}

/// Why a page believes the server of its sessions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// It says the hash of the certificate.
    Hash,
    /// The browser trusts the authority that has issued it.
    Authority,
}

/// What a browser makes of the cases of our page, that is started with the page's address; and what was given up meanwhile.
fn results_of(identity: Identity, trust: Trust, command: impl Fn(&str) -> Command) -> (String, GivenUp) {
    let given_up = GivenUp::default();
    let lines = TraceLines::new(given_up.clone());
    let results = posthaste::run(|handle: Handle| async move {
        let hash = identity.certificate_sha256();
        let hash: Vec<String> = hash.iter().filter(|_| trust == Trust::Hash).map(u8::to_string).collect();
        let page = include_str!("browser/page.html").replace("HASH", &hash.join(","));
        let (executor, heard) = (handle.clone(), Shared::default());
        let (shared, slow) = (heard.clone(), Rc::new(Cell::new(0)));
        let port = slow.clone();
        let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).tcp().trace(lines);
        let server = server.webtransport(&WebTransportLimits::default()).start(&handle, move |request, reply| {
            let page = Bytes::from(page.replace("SLOW", &u16::to_string(&port.get())).into_bytes());
            answer(executor.clone(), shared.clone(), page, request, reply)
        })?;
        // 10 Mbit/s, and 20 ms there and back.
        let path = relay::Path::parse(["delay=10", "rate=10000"]).unwrap();
        let relay = relay::Relay::start(server.addresses()[0], path).unwrap();
        slow.set(relay.address().port());
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
    given_up.0.lock().unwrap().iter().for_each(|line| println!("{line}"));
    assert_eq!(results.lines().count(), 21);
    (results, given_up)
}

/// Chromium without a window, with what it keeps in this folder.
fn headless_chromium(profile: &Path) -> Command {
    let mut command = Command::new("chromium");
    command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]);
    command.args(["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"]);
    command.arg(format!("--user-data-dir={}", profile.display()));
    command
}

/// The same with more switches, which believes any server for the page, and those of sessions by their hash.
fn chromium(name: &str, more: &'static [&'static str]) -> (String, GivenUp) {
    let profile = folder(name);
    results_of(Identity::development(&[]).unwrap(), Trust::Hash, |page| {
        let mut command = headless_chromium(&profile);
        command.arg("--ignore-certificate-errors").args(more).arg(page);
        command
    })
}

/// What came of each case, by its name: `ok`, or what went wrong.
fn verdicts(results: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = |line: &str| {
        let end = line.find(": ok (").or_else(|| line.match_indices(": ").nth(1).map(|(place, _)| place));
        end.expect("a name and a verdict")
    };
    results.lines().map(move |line| (&line[..parts(line)], &line[parts(line) + 2..]))
}

/// Each case is ok, but those of which the browser says something that is known.
fn check(results: &str, known: &[(&str, &str)]) {
    for (name, verdict) in verdicts(results) {
        let expected = known.iter().find(|(case, _)| *case == name).map_or("ok (", |(_, says)| *says);
        assert!(verdict.contains(expected), "{name}: {verdict}, and not {expected}");
    }
}

/// What version 156 has, but does not give to pages unless it is told to.
const NOT_SHIPPED_BY_CHROMIUM: [(&str, &str); 5] = [
    ("sendorder: streams have one", "this browser has no"),
    ("sendorder-scheduling: what has a higher one arrives first", "this browser has no"),
    ("stats: of a session", "this browser has no"),
    ("stats: of a stream that sends", "this browser has no"),
    ("stats: of a stream that receives", "this browser has no"),
];

/// What it tells when it is told to: nothing is counted of what a stream has sent.
const NOT_DONE_BY_CHROMIUM: [(&str, &str); 1] = [("stats: of a stream that sends", "\"bytesWritten\":0")];

#[test]
#[ignore = "needs Chromium"]
fn chromium_runs_every_case() {
    let (results, given_up) = chromium("chromium", &[]);
    check(&results, &NOT_SHIPPED_BY_CHROMIUM);
    check_wire(&given_up);
}

/// What the page's codes are on the wire, and those that come back.
fn check_wire(given_up: &GivenUp) {
    for (frame, codes) in [("RESET_STREAM", [41, 42]), ("STOP_SENDING", [9, 10]), ("STOP_SENDING", [19, 20])] {
        let [received, sent] =
            [("received", codes[0]), ("sent", codes[1])].map(|(way, code)| given_up.count(way, frame, code));
        assert!(received > 0 && sent > 0, "{frame} {codes:?}: {received}, {sent}");
    }
}

/// Send order and statistics, which Chromium holds back.
#[test]
#[ignore = "needs Chromium"]
fn chromium_runs_every_case_with_what_it_holds_back() {
    let (results, given_up) = chromium("chromium-more", &["--enable-experimental-web-platform-features"]);
    check(&results, &NOT_DONE_BY_CHROMIUM);
    check_wire(&given_up);
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "10"]);
    openssl.args(arguments).current_dir(folder).stderr(Stdio::null());
    assert!(openssl.status().expect("openssl is there").success(), "{arguments:?}");
}

/// A server that an authority of the folder's has issued a certificate to.
fn of_authority(folder: &Path) -> Identity {
    openssl(folder, &["-subj", "/CN=authority", "-out", "ca.pem", "-keyout", "ca.key"]);
    let leaf = ["-subj", "/CN=leaf", "-out", "cert.pem", "-keyout", "key.pem", "-CA", "ca.pem", "-CAkey", "ca.key"];
    let names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
    openssl(folder, &[&leaf[..], &names].concat());
    Identity::from_pem_files(folder.join("cert.pem"), folder.join("key.pem")).unwrap()
}

/// Has a browser trust that authority: its store of certificates is made anew, in a folder of its own.
fn believe(folder: &Path, place: &Path) {
    let _ = std::fs::remove_dir_all(place);
    std::fs::create_dir_all(place).unwrap();
    let store = format!("sql:{}", place.display());
    for arguments in [&["-N", "--empty-password"][..], &["-A", "-t", "C,,", "-n", "authority", "-i", "ca.pem"]] {
        let mut certutil = Command::new("certutil");
        certutil.args(["-d", &store]).args(arguments).current_dir(folder);
        assert!(certutil.status().expect("certutil is there").success());
    }
}

/// Page and sessions by a certificate of an authority that the browser trusts; no hash is said. By itself it wants an authority that
/// is known to all for sessions; the switch takes that back.
#[test]
#[ignore = "needs Chromium and certutil"]
fn chromium_runs_every_case_under_an_authority() {
    let folder = folder("chromium-authority");
    let identity = of_authority(&folder);
    believe(&folder, &folder.join(".pki/nssdb"));
    let profile = folder.join("profile");
    let (results, given_up) = results_of(identity, Trust::Authority, |page| {
        let mut command = headless_chromium(&profile);
        command.env("HOME", &folder).arg("--webtransport-developer-mode").arg(page);
        command
    });
    check(&results, &NOT_SHIPPED_BY_CHROMIUM);
    check_wire(&given_up);
}

/// What version 153 does not do, and what a page of it says. That the codes of streams are its own affair is seen on the wire: of an aborted
/// stream it sends the page's code, and is sent the other one, of which the page is not told; of a stream that the page cancels it says
/// nothing at all, and ends it some seconds later, when nobody holds it any more.
const NOT_DONE_BY_FIREFOX: [(&str, &str); 6] = [
    ("streams-close: abort has a code", "Error in input stream"),
    ("streams-close: cancel has a code", "it takes too long"),
    ("streams-close: cancel has a code, of a stream that is in use", "it takes too long"),
    ("stats: of a session", "NS_ERROR_NOT_IMPLEMENTED"),
    ("stats: of a stream that sends", "NotSupportedError"),
    ("stats: of a stream that receives", "NotSupportedError"),
];

/// Firefox has to believe the server for the page itself: it is given an authority. Sessions go by the hash all the same.
#[test]
#[ignore = "needs Firefox and certutil"]
fn firefox_runs_every_case() {
    let folder = folder("firefox");
    let identity = of_authority(&folder);
    let profile = folder.join("profile");
    believe(&folder, &profile);
    let settings = [
        "\"network.http.http3.disable_when_third_party_roots_found\", false",
        "\"network.captive-portal-service.enabled\", false",
        "\"network.connectivity-service.enabled\", false",
        "\"datareporting.policy.dataSubmissionEnabled\", false",
        "\"app.update.enabled\", false",
    ];
    let settings: String = settings.iter().map(|setting| format!("user_pref({setting});\n")).collect();
    std::fs::write(profile.join("user.js"), settings).unwrap();
    let (results, given_up) = results_of(identity, Trust::Hash, |page| {
        let mut command = Command::new("firefox-esr");
        command.args(["--headless", "--no-remote", "--profile"]).arg(&profile).arg(page);
        command
    });
    check(&results, &NOT_DONE_BY_FIREFOX);
    assert!(given_up.count("received", "RESET_STREAM", 41) > 0, "what the page has aborted");
    assert!(given_up.count("sent", "RESET_STREAM", 42) > 0, "and the answer");
    let cancelled = [9, 19].map(|code| given_up.count("received", "STOP_SENDING", code));
    assert_eq!(cancelled, [0, 0], "it tells of what a page cancels: the cases can be held to it");
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

/// An interpreter that has aiopquic, where there is one: that is a wheel for Python 3.12 and newer.
fn newer_python() -> PathBuf {
    PathBuf::from(
        std::env::var_os("PYTHON_WITH_PICOQUIC").expect("PYTHON_WITH_PICOQUIC names an interpreter that has aiopquic"),
    )
}

#[test]
#[ignore = "needs aiopquic"]
fn picoquic_is_served() {
    is_served("picoquic-client", |port, pem, _| {
        let mut command = Command::new(newer_python());
        command.arg(script("picoquic_client.py")).args(["127.0.0.1", &port.to_string()]).arg(pem);
        command
    });
}

#[test]
#[ignore = "needs aiopquic"]
fn picoquic_serves() {
    let server = |certificate: &Path, key: &Path| {
        let mut command = Command::new(newer_python());
        command.arg(script("picoquic_server.py")).arg(certificate).arg(key);
        command
    };
    serves("picoquic-server", server, async |client, url| {
        let session = client.webtransport(&format!("{url}/echo")).connect().await?;
        let (mut send, mut receive) = session.open_bidirectional().await?;
        send.write_all("begun").await?;
        assert_eq!(receive.read().await?.as_deref(), Some(&b"begun"[..]));
        send.reset(41);
        let end = receive.read().await;
        assert!(matches!(end, Err(Error::StreamReset { code: Some(42) })), "{end:?}");
        session.send_datagram(b"close").unwrap();
        assert_eq!(session.closed().await?, SessionEnd { code: 12_345, reason: "as asked".into(), by_peer: true });
        Ok(())
    });
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
    let session = if path == "/order" { request.allow_any_origin().accept() } else { request.accept() }.await?;
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
        "/order" => tell_order(&session).await?,
        "/stops" => echo_all(&handle, &session, Stops::AtOnce).await,
        "/stops-in-use" => echo_all(&handle, &session, Stops::InUse).await,
        _ => echo_all(&handle, &session, Stops::Never).await,
    }
    session.closed().await.map(drop)
}

/// Takes three streams, reads them at once, and says in which order they ended, each by its first byte.
async fn tell_order(session: &Session) -> Result<(), Error> {
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(session.accept_unidirectional().await?);
    }
    let ended = Rc::new(RefCell::new(Vec::new()));
    let reading = streams.into_iter().map(|mut stream| {
        let ended = ended.clone();
        session.executor().spawn(async move {
            let bytes = stream.read_to_end(LARGE).await?;
            ended.borrow_mut().push(char::from(bytes[0]).to_string());
            Ok::<_, Error>(())
        })
    });
    for read in reading.collect::<Vec<_>>() {
        read.await.expect("a task that ends")?;
    }
    let mut send = session.open_unidirectional().await?;
    send.write_all(ended.take().join(" ")).await?;
    send.finish()
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

/// Whether a stream of the echo waits to be stopped instead.
#[derive(Clone, Copy, PartialEq)]
enum Stops {
    Never,
    AtOnce,
    /// Once what came first was sent back.
    InUse,
}

async fn echo_all(handle: &Handle, session: &Session, stops: Stops) {
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

/// The codes of resets come back as the next number, and so do those of stops where it waits for these.
async fn echo(mut send: SendStream, mut receive: ReceiveStream, stops: Stops) -> Result<(), Error> {
    if stops == Stops::InUse
        && let Some(bytes) = receive.read().await?
    {
        send.write_all(bytes).await?;
    }
    if stops != Stops::Never {
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
