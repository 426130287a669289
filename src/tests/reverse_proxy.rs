//! The reverse proxy between clients of every version and backends whose every byte is decided here.

mod backend;
mod hostile;
mod moments;
mod passing;
pub(super) mod raw;
mod smuggling;
mod tunnels;

use super::tcp;
use crate::{Client, Error, Handle, HttpVersion, Identity, Response, ReverseProxy, ReverseProxyLimits, Roots, Server};
use backend::Scripted;
use raw::Raw;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// Longer than any of it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that passes everything on.
struct Front {
    handle: Handle,
    server: Server,
    identity: Identity,
    remote: SocketAddr,
    proxy: ReverseProxy,
    events: Rc<RefCell<Vec<String>>>,
}

const VERSIONS: [HttpVersion; 3] = [HttpVersion::Http1, HttpVersion::Http2, HttpVersion::Http3];

impl Front {
    fn start(handle: &Handle, proxy: &ReverseProxy) -> Front {
        let identity = Identity::development(&[]).unwrap();
        let events: Rc<RefCell<Vec<String>>> = Rc::default();
        let mut builder = Server::builder(identity.clone()).listen("127.0.0.1:0".parse().unwrap()).tcp();
        builder.http.extended_connect = true;
        let all = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let told = all.clone();
        let builder = builder.on_event(move |event| told.lock().unwrap().push(event.to_string()));
        let passing = proxy.clone();
        let handler = move |request, reply| {
            let proxy = passing.clone();
            async move { proxy.serve(request, reply).await }
        };
        let server = builder.start(handle, handler).unwrap();
        let remote = server.addresses()[0];
        let front = Front { handle: handle.clone(), server, identity, remote, proxy: proxy.clone(), events };
        front.collect(all);
        front
    }

    /// Brings what the server tells to where tests look.
    fn collect(&self, all: std::sync::Arc<std::sync::Mutex<Vec<String>>>) {
        let (events, handle) = (self.events.clone(), self.handle.clone());
        self.handle.spawn_detached(async move {
            loop {
                events.borrow_mut().append(&mut all.lock().unwrap());
                handle.sleep(Duration::from_millis(1)).await;
            }
        });
    }

    fn client(&self, version: HttpVersion) -> Client {
        let roots = Roots::from_pem(self.identity.certificate_pem().as_bytes()).unwrap();
        match version {
            HttpVersion::Http1 => tcp::client(&self.handle, &self.identity, self.remote, b"http/1.1"),
            HttpVersion::Http2 => tcp::client(&self.handle, &self.identity, self.remote, b"h2"),
            HttpVersion::Http3 => Client::builder(roots).build(&self.handle),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.remote)
    }

    async fn get(&self, version: HttpVersion, path: &str) -> Result<Response, Error> {
        self.client(version).get(&self.url(path)).send().await
    }

    async fn raw(&self, protocol: &[u8]) -> Raw {
        Raw::connect(&self.handle, &self.identity, self.remote, protocol).await
    }

    /// Waits until the server has told this.
    async fn told(&self, words: &str) {
        while !self.events.borrow().iter().any(|event| event.contains(words)) {
            self.handle.sleep(Duration::from_millis(1)).await;
        }
    }
}

fn proxy_to(backends: &[&Scripted]) -> ReverseProxy {
    ReverseProxy::new(backends.iter().map(|backend| backend.address.parse().unwrap()))
}

fn limits(change: impl FnOnce(&mut ReverseProxyLimits)) -> ReverseProxyLimits {
    let mut limits = ReverseProxyLimits::default();
    change(&mut limits);
    limits
}

/// Runs a test with a server that passes everything on to these backends.
fn with_front(proxy: &ReverseProxy, test: impl AsyncFnOnce(&Front)) {
    crate::run(|handle| async move {
        let front = Front::start(&handle, proxy);
        let testing = handle.timeout(PATIENCE, test(&front)).await;
        assert!(testing.is_ok(), "it takes too long; told so far: {:?}", front.events.borrow());
    })
    .unwrap();
}
