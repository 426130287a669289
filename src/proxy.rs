//! A proxy: tunnels to TCP (RFC 9114 section 4.4) and to UDP (RFC 9298), to targets that are named and to no others.

mod allow;
pub(crate) mod arrivals;
pub(crate) mod idle;
pub(crate) mod target;
pub(crate) mod tcp;
pub(crate) mod udp;

pub use allow::ProxyTarget;

use crate::client::resolve::resolve;
use crate::error::Error;
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use http::{ResponseHead, Status};
use idle::Idle;
use runtime::{Handle, TcpStream};
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use target::Target;

/// How much one proxy does, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyLimits {
    /// Tunnels that one client, by its address, may have at a time. Default 100: as many as a browser has connections.
    pub tunnels_per_client: usize,
    /// Tunnels of all clients. Default 1,000: each has a descriptor, of which many systems give a process 1,024.
    pub tunnels: usize,
    /// How long a target is looked up and connected to. Default 10 s.
    pub connect: Duration,
    /// How long nothing may go through a tunnel to TCP. Default 10 minutes: longer than keep-alives are apart.
    pub idle_tcp: Duration,
    /// The same, to UDP. Default 2 minutes, below which no proxy should go (RFC 9298 section 3.1).
    pub idle_udp: Duration,
}

impl Default for ProxyLimits {
    fn default() -> ProxyLimits {
        ProxyLimits {
            tunnels_per_client: 100,
            tunnels: 1000,
            connect: Duration::from_secs(10),
            idle_tcp: Duration::from_secs(600),
            idle_udp: Duration::from_secs(120),
        }
    }
}

/// Answers CONNECT and connect-udp. Cheap to clone: clones share their limits, on all threads.
///
/// A server passes such requests on if it is told to: [`ServerBuilder::take_connect`](crate::ServerBuilder::take_connect) for TCP,
/// [`Http3Config::extended_connect`](crate::Http3Config) and `datagrams` for UDP.
///
/// ```no_run
/// use posthaste::{Identity, Proxy, Server};
///
/// fn main() -> Result<(), posthaste::Error> {
///     posthaste::run(|handle| async move {
///         let proxy = Proxy::new(["*.example.org:443".parse()?]);
///         let mut server = Server::builder(Identity::development(&[])?).listen("127.0.0.1:4433".parse().unwrap());
///         server.http.extended_connect = true;
///         server.http.datagrams = true;
///         let server = server.take_connect().start(&handle, move |request, reply| {
///             let proxy = proxy.clone();
///             async move { proxy.answer(request, reply).await }
///         })?;
///         Err(server.broken().await)
///     })?
/// }
/// ```
#[derive(Clone)]
pub struct Proxy {
    shared: Arc<Shared>,
}

struct Shared {
    allowed: Vec<ProxyTarget>,
    limits: ProxyLimits,
    /// Tunnels of each client.
    open: Mutex<HashMap<IpAddr, usize>>,
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One tunnel is counted as long as this lives.
struct Place {
    shared: Arc<Shared>,
    client: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.shared.open();
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

impl Proxy {
    /// One that reaches these targets and no others, with [`ProxyLimits::default`].
    pub fn new(allowed: impl IntoIterator<Item = ProxyTarget>) -> Proxy {
        Proxy::with_limits(allowed, ProxyLimits::default())
    }

    /// The same with limits of its own.
    pub fn with_limits(allowed: impl IntoIterator<Item = ProxyTarget>, limits: ProxyLimits) -> Proxy {
        let allowed = allowed.into_iter().collect();
        Proxy { shared: Arc::new(Shared { allowed, limits, open: Mutex::default() }) }
    }

    /// Tunnels that are open, or about to be.
    pub fn tunnels(&self) -> usize {
        self.shared.open().values().sum()
    }

    /// Answers a request, and serves its tunnel to the end. What is no request for a proxy is answered with 501, what names no
    /// target with 400, a target that is not allowed with 403, more tunnels than a client may have with 429, and a target that cannot be
    /// reached with 502, or 504 if it does not answer.
    ///
    /// # Errors
    /// The tunnel broke, or was without use for too long.
    pub async fn answer(&self, request: Request, reply: Reply) -> Result<(), Error> {
        let (Some(target), Some(handle)) = (target::of(request.head()), request.executor()) else {
            return refuse(reply, 501, "this is a proxy").await;
        };
        let Some(target) = target else { return refuse(reply, 400, "the request names no target").await };
        let Some(_place) = self.enter(request.remote().ip().to_canonical()) else {
            return refuse(reply, 429, "too many tunnels are open").await;
        };
        match self.addresses(&handle, &target).await {
            Ok(addresses) if addresses.is_empty() => refuse(reply, 403, "the target is not allowed").await,
            Ok(addresses) if target.is_udp => self.serve_udp(&handle, request, reply, &addresses).await,
            Ok(addresses) => self.serve_tcp(&handle, request, reply, &addresses).await,
            Err(error) => refuse(reply, 502, &error.to_string()).await,
        }
    }

    fn enter(&self, client: IpAddr) -> Option<Place> {
        let limits = &self.shared.limits;
        let mut open = self.shared.open();
        if open.values().sum::<usize>() >= limits.tunnels
            || open.get(&client).is_some_and(|count| *count >= limits.tunnels_per_client)
        {
            return None;
        }
        *open.entry(client).or_default() += 1;
        drop(open);
        Some(Place { shared: self.shared.clone(), client })
    }

    /// Those addresses of a target that may be reached. Who may not be asked for is not even looked up.
    async fn addresses(&self, handle: &Handle, target: &Target) -> Result<Vec<SocketAddr>, Error> {
        let Shared { allowed, limits, .. } = &*self.shared;
        if !allow::may_ask(allowed, &target.host, target.port) {
            return Ok(Vec::new());
        }
        let host = target.host.trim_matches(['[', ']']);
        // RFC 9298 section 3.1-1, 3.1-2.
        let mut addresses = resolve(handle, host, target.port, limits.connect).await?;
        addresses.retain(|address| allow::may_reach(allowed, *address));
        Ok(addresses)
    }

    async fn serve_tcp(
        &self,
        handle: &Handle,
        request: Request,
        reply: Reply,
        addresses: &[SocketAddr],
    ) -> Result<(), Error> {
        let limits = &self.shared.limits;
        let mut failed = None;
        for address in addresses {
            match handle.timeout(limits.connect, TcpStream::connect(handle, *address)).await {
                Ok(Ok(stream)) => {
                    // Before this, nothing of what the client has sent went anywhere.
                    let tunnel = reply.accept(request, 200)?;
                    return tcp::relay(tunnel, stream, &Idle::new(handle, limits.idle_tcp)).await;
                }
                Ok(Err(error)) => failed = Some((502, error.to_string())),
                Err(_) => failed = Some((504, format!("no answer within {:?}", limits.connect))),
            }
        }
        let (status, why) = failed.unwrap_or((502, "it has no address".into()));
        refuse(reply, status, &why).await
    }

    async fn serve_udp(
        &self,
        handle: &Handle,
        request: Request,
        reply: Reply,
        addresses: &[SocketAddr],
    ) -> Result<(), Error> {
        let limits = &self.shared.limits;
        let Some(target) = addresses.first() else { return refuse(reply, 502, "it has no address").await };
        let socket = match udp::open(handle, *target) {
            Ok(socket) => socket,
            Err(error) => return refuse(reply, 502, &error.to_string()).await,
        };
        // RFC 9298 section 3.5-1, 3.5-2, 3.5-3.
        let mut head = ResponseHead::new(Status::OK);
        head.fields.push("capsule-protocol", "?1")?;
        let tunnel = reply.accept(request, head)?;
        udp::relay(tunnel, &socket, *target, &Idle::new(handle, limits.idle_udp)).await
    }
}

async fn refuse(reply: Reply, status: u16, why: &str) -> Result<(), Error> {
    reply.send((status, "text/plain; charset=utf-8"), format!("{why}\n")).await
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { allowed, limits, .. } = &*self.shared;
        f.debug_struct("Proxy").field("allowed", allowed).field("limits", limits).finish_non_exhaustive()
    }
}
