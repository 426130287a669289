//! The SDK in TypeScript and the status page, in headless Chromium; the SDK while the server is started again twice:
//! `cargo test --test event_browser -- --ignored --nocapture`. Needs `chromium` and `tsc` (Debian: node-typescript).
#![allow(clippy::unwrap_used)] // a test may

#[path = "command/serving.rs"]
#[allow(dead_code)] // of a server of files
mod serving;

mod event_serving;
mod support;

use crypto_ring::hash::SHA256;
use event_serving::{Running, Serving, folder, ids, inject, text};
use posthaste::events::{EventServer, MemoryStore, Registry, ServerLimits, Settings, Store};
use posthaste::{Bytes, Error, Handle, Identity, Reply, Request, Server, WebTransportLimits};
use std::cell::{Cell, RefCell};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const REGISTRY: &str = "both * publish,fetch plain:both-secret\n";

/// A browser without a window, for servers of a test.
const QUIET: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--ignore-certificate-errors",
];

/// What the page has said.
#[derive(Default)]
struct Heard {
    restarts: Cell<u32>,
    results: RefCell<Option<String>>,
}

fn compiled(folder: &Path) -> Bytes {
    let sources = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("sdk/typescript");
    let output =
        Command::new("tsc").arg("-p").arg(&sources).arg("--outDir").arg(folder).output().expect("tsc is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    Bytes::from(std::fs::read(folder.join("posthaste-events.js")).unwrap())
}

/// The event of the golden file that the page writes as well.
fn golden() -> &'static str {
    let line = include_str!("../events/src/tests/golden.txt").lines().nth(2).unwrap();
    line.split_once(' ').unwrap().1
}

async fn page(heard: Rc<Heard>, page: Bytes, script: Bytes, mut request: Request, reply: Reply) -> Result<(), Error> {
    match request.path() {
        "/" => reply.send((200, "text/html"), page).await,
        "/posthaste-events.js" => reply.send((200, "text/javascript"), script).await,
        "/restart" => {
            heard.restarts.set(heard.restarts.get() + 1);
            reply.send(200, "").await
        }
        "/results" => {
            let text = String::from_utf8(request.body().read_to_end(100_000).await?).unwrap();
            heard.results.replace(Some(text));
            reply.send(200, "").await
        }
        _ => reply.send(404, "").await,
    }
}

fn start(handle: &Handle, identity: &Identity, address: SocketAddr, store: &Arc<dyn Store>) -> Result<Server, Error> {
    let registry = Registry::parse(REGISTRY, SHA256).unwrap();
    let events = EventServer::new(store.clone(), registry, ServerLimits::default());
    let builder = Server::builder(identity.clone()).listen(address).name("*");
    builder.webtransport(&WebTransportLimits::default()).start(handle, move |request, reply| {
        let events = events.clone();
        async move {
            match events.take(request, reply) {
                Ok(session) => events.accept(session).await,
                Err((_, reply)) => reply.send(404, "").await,
            }
        }
    })
}

#[test]
#[ignore = "needs Chromium and tsc"]
fn h16_a_browser_publishes_and_consumes_while_the_server_is_started_again_twice() {
    let folder = std::env::temp_dir().join(format!("posthaste-event-browser-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let script = compiled(&folder);
    let results = posthaste::run(|handle: Handle| async move {
        let identity = Identity::development(&[])?;
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Settings::default()).unwrap());
        let mut events = start(&handle, &identity, "127.0.0.1:0".parse().unwrap(), &store)?;
        let address = events.addresses()[0];
        let hash: Vec<String> = identity.certificate_sha256().iter().map(u8::to_string).collect();
        let html = include_str!("browser/events.html").replace("HASH", &hash.join(",")).replace("GOLDEN", golden());
        let html = Bytes::from(html.replace("URL", &format!("https://{address}/events")).into_bytes());
        let heard: Rc<Heard> = Rc::default();
        let shared = heard.clone();
        let pages = Server::builder(identity.clone()).listen("127.0.0.1:0".parse().unwrap()).tcp();
        let pages = pages
            .start(&handle, move |request, reply| page(shared.clone(), html.clone(), script.clone(), request, reply))?;
        let mut command = Command::new("chromium");
        command.args(QUIET).arg(format!("--user-data-dir={}", folder.display()));
        command.arg(format!("https://127.0.0.1:{}/", pages.addresses()[0].port()));
        let _browser = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("chromium is there"));
        let mut restarts = 0;
        for _ in 0..3000 {
            if let Some(results) = heard.results.take() {
                return Ok::<_, Error>(results);
            }
            if heard.restarts.get() > restarts {
                restarts += 1;
                // Once in good order, once at once.
                let patience = if restarts == 1 { Duration::from_secs(5) } else { Duration::ZERO };
                let ended = events.shutdown(patience).await;
                assert_eq!(ended.is_err(), restarts == 2, "without time a session is not finished: {ended:?}");
                events = start(&handle, &identity, address, &store)?;
            }
            handle.sleep(Duration::from_millis(20)).await;
        }
        panic!("the page has sent no results");
    })
    .unwrap()
    .unwrap();
    println!("{results}");
    let results: serde_json::Value = serde_json::from_str(&results).expect(&results);
    for (name, count) in [("sequences", 10_000), ("consumed", 10_000), ("read", 10_000), ("denied", 5)] {
        assert_eq!(results[name], count, "{name}: {results}");
    }
    assert_eq!((&results["refused"], &results["rtt"]), (&"6".into(), &true.into()), "{results}");
    assert!(results["losses"].as_u64().unwrap() >= 2, "{results}");
}

/// A browser with one page, which is looked at and worked by the browser's debugging protocol, over two pipes.
struct Page {
    _browser: Running,
    to: File,
    from: Receiver<serde_json::Value>,
    number: u64,
    session: String,
}

impl Page {
    fn open(folder: &Path, url: &str) -> Page {
        let pipes = ["in", "out"].map(|name| folder.join(name));
        assert!(Command::new("mkfifo").args(&pipes).status().unwrap().success());
        let mut command = Command::new("sh");
        command.args(["-c", "exec chromium \"$@\" 3<\"$0/in\" 4>\"$0/out\""]).arg(folder).args(QUIET);
        command.arg("--remote-debugging-pipe").arg(format!("--user-data-dir={}", folder.join("browser").display()));
        let browser = command.arg("about:blank").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Each waits for the other end.
        let to = OpenOptions::new().write(true).open(&pipes[0]).unwrap();
        let out = File::open(&pipes[1]).unwrap();
        let (sender, from) = channel();
        thread::spawn(move || {
            let messages = BufReader::new(out).split(0).map_while(Result::ok);
            messages.map_while(|bytes| serde_json::from_slice(&bytes).ok()).try_for_each(|message| sender.send(message))
        });
        let mut page = Page { _browser: Running(browser), to, from, number: 0, session: String::new() };
        let target = page.ask("Target.createTarget", &serde_json::json!({ "url": url }))["targetId"].clone();
        let attach = serde_json::json!({ "targetId": target, "flatten": true });
        let session = page.ask("Target.attachToTarget", &attach)["sessionId"].clone();
        session.as_str().unwrap().clone_into(&mut page.session);
        page
    }

    fn ask(&mut self, method: &str, parameters: &serde_json::Value) -> serde_json::Value {
        let answer = self.exchange(method, parameters);
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// What the browser answers, which may be an error.
    fn exchange(&mut self, method: &str, parameters: &serde_json::Value) -> serde_json::Value {
        self.number += 1;
        let mut message = serde_json::json!({ "id": self.number, "method": method, "params": parameters });
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let answer = self.from.recv_timeout(Duration::from_secs(60)).expect("the browser answers");
            if answer["id"] == self.number {
                return answer;
            }
        }
    }

    /// Waits until an expression of the page gives something that is true, and gives that.
    fn until(&mut self, expression: &str) -> serde_json::Value {
        let expression = format!(
            "new Promise((done, fail) => {{
                let left = 600;
                const look = () => {{
                    let value;
                    try {{ value = ({expression}); }} catch (error) {{ value = undefined; }}
                    if (value) done(value);
                    else if (--left > 0) setTimeout(look, 50);
                    else fail(new Error(document.body.innerText));
                }};
                look();
            }})"
        );
        let parameters = serde_json::json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        // A page that has just come takes the place of the empty one, and of what was asked there.
        let answers = std::iter::repeat_with(|| self.exchange("Runtime.evaluate", &parameters)).take(10);
        let answer = answers
            .skip_while(|answer| answer["error"]["message"].as_str().is_some_and(|told| told.contains("context")));
        let answer = answer.into_iter().next().expect("a page that stays");
        assert!(answer["error"].is_null() && answer["result"]["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["result"]["value"].clone()
    }

    /// Has sessions trust this certificate: a page that a browser was told to load all the same is not enough for them.
    fn trust(&mut self, certificate: &Identity) {
        let hash: Vec<String> = certificate.certificate_sha256().iter().map(u8::to_string).collect();
        self.until(&format!(
            "location.protocol === 'https:' && document.readyState === 'complete' && (() => {{
                const Other = WebTransport, value = new Uint8Array([{}]);
                globalThis.WebTransport = class extends Other {{
                    constructor(url) {{
                        super(url, {{ serverCertificateHashes: [{{ algorithm: 'sha-256', value }}] }});
                    }}
                }};
                return true;
            }})()",
            hash.join(",")
        ));
    }

    fn ask_for(&mut self, client: &str, token: &str) {
        self.until(&format!(
            "location.protocol === 'https:' && document.readyState === 'complete' && (() => {{
                const at = id => document.getElementById(id);
                [at('client').value, at('token').value] = ['{client}', '{token}'];
                at('who').requestSubmit();
                return true;
            }})()"
        ));
    }
}

#[test]
#[ignore = "needs Chromium"]
fn the_status_page_shows_queues_live_over_webtransport() {
    let folder = folder();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (certificate, key) = support::identity_pem(&["127.0.0.1"], now - 3600, 86_400);
    folder.write("cert.pem", certificate.as_bytes());
    folder.write("key.pem", key.as_bytes());
    let arguments = ["--in-memory", "--cert", "cert.pem", "--key", "key.pem"];
    let serving = Serving::start(&folder, "127.0.0.1:0", &arguments);
    let publish = |from: u32, to: u32| {
        let lines: String = (from..to).map(|number| format!("{{\"id\":\"e{number}\"}}\n")).collect();
        text(&inject(&serving, "orders", &lines));
    };
    publish(0, 3);
    let mut page = Page::open(folder.path(), &format!("https://{}/", serving.address()));
    page.trust(&Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap());
    page.ask_for("root", "wrong");
    let status = "document.getElementById('status').textContent";
    page.until(&format!("{status}.includes('no client of this name has this token')"));
    page.ask_for("root", "root-secret");
    let note = "document.querySelector('section p').textContent";
    page.until(&format!("{status} === 'connected' && {note}.startsWith('3 events (blue)')"));
    // What changes is shown without asking for it.
    publish(3, 5);
    page.until(&format!("{note}.startsWith('5 events (blue)')"));
    let consume = ["tail", &serving.url, "orders", "--subscription", "s", "-n", "2"];
    assert_eq!(ids(&text(&serving.run("both", &consume))), ["e0", "e1"]);
    let row = "[...document.querySelectorAll('section td')].map(cell => cell.textContent).join(' ')";
    page.until(&format!("/^s 3 0 \\d+ 2 /.test({row})"));
    let drawn = "[...document.querySelector('canvas').getContext('2d').getImageData(0, 0, 900, 70).data]";
    let colors = page.until(&format!("{drawn}.filter((value, place) => place % 4 === 3 && value > 0).length"));
    assert!(colors.as_u64().unwrap() > 10, "the lines are drawn: {colors}");
    // A server that goes is told.
    serving.signal("-INT");
    page.until(&format!("{status}.startsWith('not connected')"));
}
