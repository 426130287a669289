//! The SDK in TypeScript, in headless Chromium, while the server is started again twice:
//! `cargo test --test event_browser -- --ignored --nocapture`. Needs `chromium` and `tsc` (Debian: node-typescript).
#![allow(clippy::unwrap_used)] // a test may

use crypto_ring::hash::SHA256;
use posthaste::events::{EventServer, MemoryStore, Registry, ServerLimits, Settings, Store};
use posthaste::{Bytes, Error, Handle, Identity, Reply, Request, Server, WebTransportLimits};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

const REGISTRY: &str = "both * publish,fetch plain:both-secret\n";

/// Killed if nothing else ends it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

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
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"]);
        command.arg("--ignore-certificate-errors").arg(format!("--user-data-dir={}", folder.display()));
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
