//! A reverse proxy: requests of every version are passed on to servers of HTTP/1.1 behind this one, and their answers back.

mod answer;
mod asking;
mod backend;
mod client;
pub(crate) mod failure;
mod fields;
mod health;
mod limits;
mod line;
mod path;
mod pool;
mod trailers;
mod tunnel;
mod upload;
mod waiting;

pub use backend::Backend;
pub use failure::BackendFailure;
pub use fields::{BackendHost, Forwarded};
pub use limits::ReverseProxyLimits;

use crate::error::Error;
use crate::exchange::patience::{Patience, Timeouts};
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use asking::{Asking, Trouble};
use base::{Random, StreamMemory};
use crypto_ring::SystemRandom;
use fields::Asker;
use http::{Authority, Method, Path, RequestHead, ResponseHead, Scheme, Status};
use pool::{Lent, Pool};
use runtime::Handle;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use tunnel::Tunnelling;
use upload::Upload;

/// Answers requests with the answers of backends: HTTP/1.1 servers in clear text, on this machine or another one that the way to is
/// trusted. Cheap to clone; clones share their connections, on each thread by itself.
///
/// Content goes both ways as it comes, at the pace of the slower side. Each request says who has asked (`Forwarded`,
/// `X-Forwarded-For`, `-Proto` and `-Host`, `Via`). Several backends take turns; one that fails is left alone for a while.
///
/// ```no_run
/// use posthaste::{Identity, ReverseProxy, Server};
///
/// fn main() -> Result<(), posthaste::Error> {
///     let proxy = ReverseProxy::new(["http://127.0.0.1:8080".parse()?]);
///     Server::builder(Identity::from_pem_files("cert.pem", "key.pem")?)
///         .listen("0.0.0.0:443".parse().expect("an address"))
///         .tcp()
///         .run(move |request, reply| {
///             let proxy = proxy.clone();
///             async move { proxy.serve(request, reply).await }
///         })
/// }
/// ```
#[derive(Clone)]
pub struct ReverseProxy {
    shared: Arc<Shared>,
}

#[derive(Clone)]
struct Shared {
    backends: Vec<Backend>,
    limits: ReverseProxyLimits,
    forwarded: Forwarded,
    host: BackendHost,
    /// Taken off the path.
    prefix: Option<Box<str>>,
    /// What it calls itself, as no other one does.
    via: Box<str>,
}

/// What it has on one thread.
struct Local {
    pools: Vec<Pool>,
    healths: Vec<Rc<health::Health>>,
    turn: Cell<usize>,
}

impl Local {
    fn new(handle: &Handle, shared: &Shared) -> Local {
        let memory: Rc<RefCell<StreamMemory>> = Rc::default();
        let pools: Vec<Pool> =
            shared.backends.iter().map(|backend| Pool::new(handle, backend, shared.limits, &memory)).collect();
        let healths = pools.iter().map(|pool| pool.health().clone()).collect();
        Local { pools, healths, turn: Cell::new(0) }
    }
}

/// Connections to it are opened by the one who asks: a backend that ended one between two requests may be asked once more.
const MOST_STALE: u32 = 1;

impl ReverseProxy {
    /// One that asks these backends by turns.
    pub fn new(backends: impl IntoIterator<Item = Backend>) -> ReverseProxy {
        let mut tag = [0; 8];
        SystemRandom::new().fill(&mut tag);
        let tag = u64::from_be_bytes(tag);
        let shared = Shared {
            backends: backends.into_iter().collect(),
            limits: ReverseProxyLimits::default(),
            forwarded: Forwarded::default(),
            host: BackendHost::default(),
            prefix: None,
            via: format!("posthaste-{tag:016x}").into(),
        };
        ReverseProxy { shared: Arc::new(shared) }
    }

    fn changed(&self, change: impl FnOnce(&mut Shared)) -> ReverseProxy {
        let mut shared = Shared::clone(&self.shared);
        change(&mut shared);
        ReverseProxy { shared: Arc::new(shared) }
    }

    /// With limits of its own.
    #[must_use]
    pub fn limits(&self, limits: ReverseProxyLimits) -> ReverseProxy {
        self.changed(|shared| shared.limits = limits)
    }

    /// What is passed on of whom clients say that they speak for.
    #[must_use]
    pub fn forwarded(&self, forwarded: Forwarded) -> ReverseProxy {
        self.changed(|shared| shared.forwarded = forwarded)
    }

    /// As whom backends are asked.
    #[must_use]
    pub fn host(&self, host: BackendHost) -> ReverseProxy {
        self.changed(|shared| shared.host = host)
    }

    /// Takes `prefix` off the paths of requests, and says so in `X-Forwarded-Prefix`. Requests for other paths are answered with 404.
    #[must_use]
    pub fn strip(&self, prefix: &str) -> ReverseProxy {
        self.changed(|shared| shared.prefix = Some(prefix.into()))
    }

    /// The backends.
    pub fn backends(&self) -> &[Backend] {
        &self.shared.backends
    }

    /// Connections to backends that there are on the thread of this executor.
    pub fn connections(&self, handle: &Handle) -> usize {
        self.local(handle).pools.iter().map(Pool::open).sum()
    }

    fn local(&self, handle: &Handle) -> Rc<Local> {
        handle.local(&self.shared, || Local::new(handle, &self.shared))
    }

    /// Answers a request with what a backend answers, or with why none does: 502, 503 or 504. A request that came as early data waits for
    /// the proof that it is no repetition.
    ///
    /// # Errors
    /// [`Error::Backend`] says which backend failed and how, after the client was answered, or its answer broken off. Other errors are
    /// the client's: it broke its request off, or does not take the answer.
    pub async fn serve(&self, request: Request, reply: Reply) -> Result<(), Error> {
        // Every handler carries the size of what is not on the heap.
        Box::pin(self.pass(request, reply)).await
    }

    async fn pass(&self, request: Request, reply: Reply) -> Result<(), Error> {
        let Some(handle) = request.executor() else {
            return Err(Error::Message("a reverse proxy needs the executor of its request".into()));
        };
        if let Some((status, why)) = self.refusal(request.head()) {
            return refuse(reply, ResponseHead::new(status), why).await;
        }
        // RFC 8470 s6.1: a backend would not know that it may be a repetition.
        request.proven().await;
        let (remote, version) = (request.remote(), request.version());
        let authority = request.head().authority.clone();
        let asker = Asker { remote, version, authority: authority.as_ref(), prefix: self.shared.prefix.as_deref() };
        let head = self.inbound(request.head(), asker)?;
        let limits = &self.shared.limits;
        let patience =
            Patience::new(&handle, Timeouts { first_byte: limits.first_byte, idle: limits.idle, whole: limits.whole });
        let mut passing = Passing {
            proxy: self,
            local: self.local(&handle),
            handle,
            asker,
            patience: patience.clone(),
            head,
            reply: Some(reply),
            place: 0,
        };
        let passed = patience.within_whole(pin!(async { Ok(passing.pass(request).await) })).await;
        match passed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(trouble)) => passing.tell(trouble).await,
            Err(_) => passing.tell(Trouble::Backend(BackendFailure::TooLong(limits.whole))).await,
        }
    }

    /// What is not passed on, and what it is answered with.
    fn refusal(&self, head: &RequestHead) -> Option<(Status, &'static str)> {
        let path = head.path.as_ref().map_or("", Path::as_str);
        let prefix = self.shared.prefix.as_deref();
        if self.shared.backends.is_empty() {
            return Some((Status::BAD_GATEWAY, "there is no server behind this one\n"));
        }
        match (&head.method, head.protocol.as_ref().map(http::Protocol::as_str)) {
            (Method::Connect, Some(protocol)) if protocol.eq_ignore_ascii_case(tunnel::PROTOCOL) => {}
            (Method::Connect, _) => return Some((Status::NOT_IMPLEMENTED, "no tunnel but WebSocket is passed on\n")),
            // It would show what is said between the servers.
            (Method::Trace, _) => return Some((Status::NOT_IMPLEMENTED, "TRACE is not passed on\n")),
            // RFC 9110 section 7.6.2-1, 7.6.2-2.
            (Method::Options, _) if head.fields.first("max-forwards") == Some(b"0") => {
                return Some((Status::NO_CONTENT, ""));
            }
            _ => {}
        }
        if path::climbs(path) {
            return Some((Status::BAD_REQUEST, "the path leads up\n"));
        }
        if prefix.is_some_and(|prefix| !path::is_below(path, prefix)) {
            return Some((Status::NOT_FOUND, "there is nothing here\n"));
        }
        // RFC 9110 section 7.6-2.
        if fields::is_loop(&head.fields, &self.shared.via) {
            return Some((
                Status::LOOP_DETECTED,
                "the request came back here: a server behind this one asks this one\n",
            ));
        }
        None
    }

    /// The head that backends are sent.
    fn inbound(&self, head: &RequestHead, asker: Asker<'_>) -> Result<RequestHead, Error> {
        let mut fields = fields::inbound(head, asker, self.shared.forwarded, &self.shared.via)?;
        // RFC 9110 section 7.6.2-3.
        if let Some(hops) = fields.first_integer("max-forwards").filter(|_| head.method == Method::Options) {
            fields.set("max-forwards", hops.saturating_sub(1).to_string())?;
        }
        let path = match (&head.path, asker.prefix) {
            (Some(path), Some(prefix)) => {
                let rest = path::stripped(path.as_str(), prefix);
                let path = Path::from_bytes(rest.as_bytes(), &head.method, &Scheme::Http).map_err(Error::message)?;
                Some(path)
            }
            (path, _) => path.clone(),
        };
        Ok(RequestHead {
            method: head.method.clone(),
            scheme: Some(Scheme::Http),
            authority: head.authority.clone(),
            path,
            protocol: head.protocol.clone(),
            fields,
        })
    }
}

/// One request on its way.
struct Passing<'a> {
    proxy: &'a ReverseProxy,
    local: Rc<Local>,
    handle: Handle,
    asker: Asker<'a>,
    patience: Patience,
    head: RequestHead,
    /// Until there is an answer.
    reply: Option<Reply>,
    /// The backend that was asked last.
    place: usize,
}

impl Passing<'_> {
    /// Asks backends until one answers.
    async fn pass(&mut self, request: Request) -> Result<(), Trouble> {
        if request.protocol().is_some() {
            return self.tunnel(request).await;
        }
        let takes_trailers = answer::takes_trailers(request.head(), request.version());
        let (head, body) = request.into_parts();
        let mut upload = Upload::new(body, &head).await.map_err(Trouble::Client)?;
        if upload.is_empty() {
            // RFC 9110 section 10.1.1-2.
            self.head.fields.remove("expect");
        }
        let (mut asked, mut stale) = (vec![false; self.local.pools.len()], 0);
        let mut failed = None;
        loop {
            let chosen = health::choose(&self.local.healths, &self.local.turn, self.handle.now(), |place| {
                asked.get(place).is_some_and(|was| !was)
            });
            let Some((place, _trial)) = chosen else {
                return Err(failed.unwrap_or(Trouble::Backend(BackendFailure::Paused)));
            };
            self.place = place;
            let (reached, trouble) = match self.ask(place, &mut upload, takes_trailers, stale > 0).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let next = self.next_step(&trouble, reached, &upload);
            if next == Next::Again && stale < MOST_STALE {
                stale += 1;
                // The same one: it has only ended what it had been idle on.
                self.local.turn.set(place);
                continue;
            }
            self.note(place, &trouble);
            if next == Next::Nobody {
                return Err(trouble);
            }
            asked[place] = true;
            failed = Some(trouble);
        }
    }

    /// Asks one backend. On failure says how far the request had come.
    async fn ask(
        &mut self,
        place: usize,
        upload: &mut Upload,
        takes_trailers: bool,
        is_new: bool,
    ) -> Result<(), (Reached, Trouble)> {
        let local = self.local.clone();
        let pool = &local.pools[place];
        let lent = pool.line(is_new).await.map_err(|failure| (Reached::Nobody, Trouble::Backend(failure)))?;
        self.address(pool);
        let Lent { line, is_used } = lent;
        let reached = if is_used { Reached::Stale } else { Reached::Backend };
        let asking =
            Asking { handle: &self.handle, head: &self.head, upload, patience: &self.patience, takes_trailers };
        let asker = self.asker;
        let on_head = |head: &mut ResponseHead| {
            pool.health().on_success();
            Ok(fields::outbound(head, pool.backend(), asker)?)
        };
        asking.ask(&line, &mut self.reply, on_head).await.map_err(|trouble| (reached, trouble))
    }

    async fn tunnel(&mut self, request: Request) -> Result<(), Trouble> {
        let version = self.asker.version;
        tunnel::add_key(&mut self.head, version).map_err(|error| Trouble::Unsendable(error.into()))?;
        let local = self.local.clone();
        let chosen = health::choose(&local.healths, &local.turn, self.handle.now(), |_| true);
        let Some((place, _trial)) = chosen else { return Err(Trouble::Backend(BackendFailure::Paused)) };
        self.place = place;
        let pool = &local.pools[place];
        self.address(pool);
        let asker = self.asker;
        let tunnelled = async {
            let lent = pool.line(true).await.map_err(Trouble::Backend)?;
            let idle = self.proxy.shared.limits.idle_tunnel;
            let tunnelling = Tunnelling { handle: &self.handle, head: &self.head, patience: &self.patience, idle };
            let on_head = |head: &mut ResponseHead| {
                pool.health().on_success();
                Ok(fields::outbound(head, pool.backend(), asker)?)
            };
            tunnelling.ask(&lent.line, request, &mut self.reply, on_head).await
        };
        let result = tunnelled.await;
        result.inspect_err(|trouble| self.note(place, trouble))
    }

    /// As whom it is asked.
    fn address(&mut self, pool: &Pool) {
        let authority: Option<&Authority> = match self.proxy.shared.host {
            BackendHost::OfClient => self.asker.authority,
            BackendHost::OfBackend => None,
        };
        self.head.authority = Some(authority.unwrap_or(pool.backend().authority()).clone());
    }

    fn note(&self, place: usize, trouble: &Trouble) {
        let (Trouble::Backend(failure), Some(health)) = (trouble, self.local.healths.get(place)) else { return };
        if failure.is_absence() {
            health.on_failure(self.handle.now());
        } else if failure.is_bad_answer() {
            health.on_bad_answer(self.handle.now());
        }
    }

    /// Whether somebody else can be asked.
    ///
    /// RFC 9110 section 9.2.2-2.
    fn next_step(&self, trouble: &Trouble, reached: Reached, upload: &Upload) -> Next {
        let Trouble::Backend(failure) = trouble else { return Next::Nobody };
        if self.reply.is_none() || !upload.is_untouched() {
            return Next::Nobody;
        }
        match (reached, failure) {
            (Reached::Nobody, _) => Next::Other,
            // Whether it had the request nobody knows.
            (Reached::Stale, BackendFailure::BrokenOff) if self.head.method.is_idempotent() => Next::Again,
            (Reached::Backend, BackendFailure::BrokenOff) if self.head.method.is_idempotent() => Next::Other,
            _ => Next::Nobody,
        }
    }

    /// Answers for a backend that did not, and says what happened.
    async fn tell(&mut self, trouble: Trouble) -> Result<(), Error> {
        let reply = self.reply.take();
        match trouble {
            // Dropping the reply answers it as it is to be answered.
            Trouble::Client(error) => Err(error),
            Trouble::Unsendable(error) => {
                let Some(reply) = reply else { return Err(error) };
                let text = format!("the request cannot be passed on: {error}\n");
                refuse(reply, ResponseHead::new(Status::BAD_REQUEST), text).await
            }
            Trouble::Backend(failure) => {
                let backend = self.proxy.shared.backends.get(self.place).map(|backend| backend.name().clone());
                let mut head = ResponseHead::new(failure.status());
                if head.status == Status::SERVICE_UNAVAILABLE {
                    head.fields.push("retry-after", "1")?;
                }
                if let Some(reply) = reply {
                    refuse(reply, head, failure.words()).await?;
                }
                Err(Error::Backend { backend: backend.unwrap_or_default(), failure })
            }
        }
    }
}

/// How far a request had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    /// It was not sent.
    Nobody,
    /// It was sent on a connection that may have ended before.
    Stale,
    /// It was sent on a new one.
    Backend,
}

/// Who is asked next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The same one.
    Again,
    /// Another one.
    Other,
    Nobody,
}

async fn refuse(reply: Reply, mut head: ResponseHead, why: impl Into<String>) -> Result<(), Error> {
    let why = why.into();
    if !head.status.is_without_content() {
        head.fields.push("content-type", "text/plain; charset=utf-8")?;
    }
    reply.send(head, why).await
}

impl fmt::Debug for ReverseProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { backends, limits, forwarded, host, prefix, .. } = &*self.shared;
        f.debug_struct("ReverseProxy")
            .field("backends", backends)
            .field("limits", limits)
            .field("forwarded", forwarded)
            .field("host", host)
            .field("prefix", prefix)
            .finish()
    }
}
