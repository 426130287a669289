//! A client: requests to any server, over one connection to each.

mod connect;
pub(crate) mod connection;
mod line;
pub(crate) mod pool;
pub(crate) mod resolve;
pub(crate) mod roots;

use crate::client::connect::Dialer;
use crate::client::connection::Connect;
use crate::client::pool::{Limits, Origin, Pool, Pooled};
use crate::client::roots::Roots;
use crate::error::Error;
use crate::exchange::calls::Exchange;
use crate::exchange::response::{PendingResponse, Response};
use crate::exchange::tunnel::Tunnel;
use crate::exchange::tunnel_udp::UdpTunnel;
use crate::exchange::writer::BodyWriter;
use crate::http3::connection::Dial;
use crate::proxy::target::path_of;
use crate::server::identity::Identity;
use crate::tickets::MemoryTickets;
use crate::tokens::MemoryTokens;
use crate::trace::{SharedTrace, TraceConsumer};
use crate::url::Url;
use crate::wall_clock::SystemClock;
use base::Bytes;
use crypto::{NamedGroup, Provider};
use http::exchange::Reason;
use http::{Method, Priority, RequestHead, Status, capsule};
use quic::{CongestionControl, Stats, TokenStore};
use runtime::Handle;
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tls::{CertifiedKey, ClientIdentities, ClientResolver, Groups, TicketStore};

/// Makes requests. Cheap to clone: clones share their connections.
///
/// ```no_run
/// use posthaste::{Client, Roots};
///
/// fn main() -> Result<(), posthaste::Error> {
///     posthaste::run(|handle| async move {
///         let client = Client::builder(Roots::system()?).build(&handle);
///         let mut response = client.get("https://example.org/").send().await?;
///         println!("{}", response.status());
///         println!("{} bytes", response.body().read_to_end(1 << 20).await?.len());
///         Ok(())
///     })?
/// }
/// ```
#[derive(Clone)]
pub struct Client {
    pool: Rc<Pool>,
    offers_early_data: bool,
}

/// What a client is to be, before it is made.
pub struct ClientBuilder {
    roots: Roots,
    key_log: Option<Arc<dyn tls::KeyLog>>,
    tickets: Option<Arc<dyn TicketStore>>,
    tokens: Option<Arc<dyn TokenStore>>,
    connect_timeout: Duration,
    trace: Option<SharedTrace>,
    provider: Provider,
    groups: Groups,
    limits: Limits,
    identities: Vec<Arc<CertifiedKey>>,
    resolver: Option<Arc<dyn ClientResolver>>,
    requests_ocsp_response: bool,
    offers_early_data: bool,
    /// QUIC's settings: windows, timeouts, limits.
    pub transport: quic::Config,
    /// HTTP/3's settings: limits.
    pub http: h3::Config,
}

/// How long a server may take to answer at any of its addresses.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a request is sent again after a server did nothing with it, or lost the connection before.
const RETRIES: u32 = 2;

impl Client {
    /// A client that believes servers vouched for by `roots`.
    pub fn builder(roots: Roots) -> ClientBuilder {
        ClientBuilder {
            roots,
            key_log: None,
            tickets: Some(Arc::new(MemoryTickets::default())),
            tokens: Some(Arc::new(MemoryTokens::default())),
            connect_timeout: CONNECT_TIMEOUT,
            trace: None,
            provider: crypto_ring::PROVIDER,
            groups: Groups::default(),
            limits: Limits::default(),
            identities: Vec::new(),
            resolver: None,
            requests_ocsp_response: false,
            offers_early_data: false,
            transport: quic::Config::default(),
            http: h3::Config::default(),
        }
    }

    /// A client on connections of any kind.
    pub(crate) fn over(handle: &Handle, connect: Box<dyn Connect>, limits: Limits) -> Client {
        Client { pool: Pool::new(handle.clone(), connect, limits), offers_early_data: false }
    }

    /// A GET request.
    pub fn get(&self, url: &str) -> RequestBuilder {
        self.request(Method::Get, url)
    }

    /// A POST request.
    pub fn post(&self, url: &str) -> RequestBuilder {
        self.request(Method::Post, url)
    }

    /// Opens a connection to the server of this URL, if there is none: for those who want to know that it is there, or how long
    /// that takes, before they ask for something.
    ///
    /// # Errors
    /// The URL is wrong, or the server cannot be reached.
    pub async fn connect(&self, url: &str) -> Result<(), Error> {
        self.proven(&Origin::new(&Url::parse(url)?), false).await.map(drop)
    }

    /// A request. What is wrong with its parts is told when it is sent.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        let parts = Parts::new(method, url).map(Rc::new);
        RequestBuilder { client: self.clone(), parts, body: Bytes::new(), may_be_early: false }
    }

    /// Asks the resource at a URL to speak another protocol (RFC 9220), such as `websocket`: [`RequestBuilder::tunnel`] sends it.
    pub fn extended_connect(&self, protocol: &str, url: &str) -> RequestBuilder {
        let parts = Url::parse(url).map_err(Error::from).and_then(|url| {
            let head = RequestHead::extended_connect(protocol, &url.to_string()).map_err(Error::message)?;
            Ok(Rc::new(Parts { origin: Origin::new(&url), head }))
        });
        RequestBuilder { client: self.clone(), parts, body: Bytes::new(), may_be_early: false }
    }

    /// Asks the proxy at a URL, whose path does not matter, for a tunnel to `target`, a host with its port (RFC 9114 section 4.4):
    /// [`RequestBuilder::tunnel`] sends it.
    pub fn connect_through(&self, proxy: &str, target: &str) -> RequestBuilder {
        let parts = Url::parse(proxy).map_err(Error::from).and_then(|proxy| {
            let head = RequestHead::connect(target)
                .map_err(|_| Error::Message(format!("{target} is no host with a port, such as example.org:22")))?;
            Ok(Rc::new(Parts { origin: Origin::new(&proxy), head }))
        });
        RequestBuilder { client: self.clone(), parts, body: Bytes::new(), may_be_early: false }
    }

    /// Asks the proxy at a URL for UDP to a host and port (RFC 9298), at the path that is the default of such proxies. Datagrams go
    /// beside the stream if both ends take them: [`Http3Config::datagrams`](crate::Http3Config).
    ///
    /// # Errors
    /// As for [`RequestBuilder::tunnel`].
    pub async fn connect_udp(&self, proxy: &str, host: &str, port: u16) -> Result<UdpTunnel, Error> {
        // RFC 9298 section 3.4-1, 3.4-2, 3.4-3, 3.4-4.
        let base = Url::parse(proxy)?;
        let url = format!("https://{}{}", base.authority(), path_of(host, port));
        let request = self.extended_connect("connect-udp", &url).field("capsule-protocol", "?1");
        UdpTunnel::new(request.tunnel().await?)
    }

    /// Moves every open connection to another port, or to the address that leads to its server now: what a client does when
    /// its network has changed, or to be harder to follow. Requests go on meanwhile.
    ///
    /// A move takes a connection ID of the server's, which gives another soon after each; if there is none yet, the move waits for
    /// it, ten seconds at most. Gives how many connections have moved.
    ///
    /// # Errors
    /// The first of what went wrong, when all have been tried: a server asks its clients to stay where they are, gives no
    /// connection ID to move with, or cannot be reached from there, which is known after three seconds or three probe timeouts.
    /// The connection is then still where it was.
    pub async fn migrate(&self) -> Result<usize, Error> {
        let (mut moved, mut failed) = (0, None);
        for pooled in self.pool.open() {
            match pooled.connection.migrate().await {
                Ok(()) => moved += 1,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(moved), Err)
    }

    /// What each open connection has sent, received and measured, and the address of its server.
    ///
    /// ```
    /// # use posthaste::{Client, Error, Identity, Roots, Server};
    /// # fn main() -> Result<(), Error> {
    /// posthaste::run(|handle| async move {
    ///     let identity = Identity::development(&[])?;
    ///     let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
    ///     let server = Server::builder(identity)
    ///         .listen("127.0.0.1:0".parse().expect("an address"))
    ///         .start(&handle, |_request, reply| reply.send(200, "hello\n"))?;
    ///     let client = Client::builder(roots).build(&handle);
    ///     client.get(&format!("https://{}/", server.addresses()[0])).send().await?.body().read_to_end(100).await?;
    ///
    ///     let (address, stats) = client.connections()[0];
    ///     assert_eq!(address, server.addresses()[0]);
    ///     println!("{} packets sent, {} lost, round trip {:?}", stats.packets_sent, stats.packets_lost, stats.smoothed_rtt);
    ///     assert_eq!(server.connections()[0].1.packets_lost, 0);
    ///     assert_eq!(server.stats().strangers.accepted, 1);
    ///     Ok(())
    /// })?
    /// # }
    /// ```
    pub fn connections(&self) -> Vec<(SocketAddr, Stats)> {
        self.pool.open().iter().filter_map(|pooled| pooled.connection.stats()).collect()
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> usize {
        self.pool.open().len()
    }

    /// Closes all connections, and lets the servers know.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A connection, and whether it was there before; one that is not `early` has shown that its server is there.
    async fn proven(&self, origin: &Origin, early: bool) -> Result<(Rc<Pooled>, bool), Error> {
        let mut tries = 0;
        loop {
            let (pooled, reused) = self.pool.connection(origin, early).await?;
            if early || pooled.connection.is_proven() {
                return Ok((pooled, reused));
            }
            // Somebody else has opened it for early data, at the first address and without a look at the others.
            match poll_fn(|context| pooled.connection.poll_proven(context)).await {
                Ok(()) => return Ok((pooled, reused)),
                Err(error) if is_unreached(&error) && tries < RETRIES => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Begins a request's exchange, on a connection that takes it.
    async fn open(&self, parts: &Parts, ends: bool, early: bool) -> Result<Opened, Error> {
        let mut tries = 0;
        loop {
            let (pooled, reused) = self.proven(&parts.origin, early).await?;
            let is_early = !pooled.connection.is_proven();
            match open_on(&pooled, &parts.head, ends).await {
                Err(error) if (error.is_connection_lost() || pooled.is_dismissed()) && tries < RETRIES => tries += 1,
                Err(error) => return Err(error),
                Ok(exchange) => return Ok(Opened { exchange, pooled, reused, is_early }),
            }
        }
    }
}

/// An exchange that has begun.
struct Opened {
    exchange: Exchange,
    pooled: Rc<Pooled>,
    /// Its connection was there before.
    reused: bool,
    /// It went as early data.
    is_early: bool,
}

impl Opened {
    /// Whether it failed because its server was not reached, by early data that was sent to its first address: one that is opened in
    /// the usual way may be reached. Only requests that may be done twice go early.
    fn was_unreached(&self, error: &Error) -> bool {
        self.is_early && is_unreached(error)
    }

    /// Whether the server wants it again when the handshake is complete.
    /// RFC 8470 section 4-2, 4-3.
    fn is_too_early(&self, response: &Result<Response, Error>) -> bool {
        let status = response.as_ref().ok().map(Response::status);
        self.is_early && status == Some(Status::TOO_EARLY)
    }
}

/// Whether a server was not reached, and may be at another address or the next time.
fn is_unreached(error: &Error) -> bool {
    error.is_connection_lost() || matches!(error, Error::NoAnswer { .. } | Error::Refused { .. })
}

/// Opens an exchange on this connection, once the server allows one and those who came before have theirs.
async fn open_on(pooled: &Pooled, head: &RequestHead, ends: bool) -> Result<Exchange, Error> {
    let Pooled { connection, line, .. } = pooled;
    let at_once = if line.is_empty() { connection.open(head, ends) } else { None };
    if let Some(result) = at_once {
        return result;
    }
    let turn = line.join();
    turn.first().await;
    loop {
        let mut seen = connection.openings();
        if let Some(result) = connection.open(head, ends) {
            return result;
        }
        poll_fn(|context| connection.poll_openings(&mut seen, context)).await;
    }
}

impl ClientBuilder {
    /// Reports the secrets of every connection.
    #[must_use]
    pub fn key_log(mut self, key_log: impl tls::KeyLog + 'static) -> ClientBuilder {
        self.key_log = Some(Arc::new(key_log));
        self
    }

    /// Shows this identity to servers that ask for a certificate and take one like it. May be called more than once: the
    /// first that a server takes is shown. A server that asks and gets none decides what to do.
    #[must_use]
    pub fn identity(mut self, identity: &Identity) -> ClientBuilder {
        self.identities.push(identity.certified());
        self
    }

    /// Chooses what is shown to which server by rules of a program's own, instead of [`ClientBuilder::identity`].
    #[must_use]
    pub fn identity_resolver(mut self, resolver: impl ClientResolver + 'static) -> ClientBuilder {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// Asks servers to staple an OCSP response to their certificate, for [`Roots::custom`] to look at.
    #[must_use]
    pub fn request_ocsp_response(mut self) -> ClientBuilder {
        self.requests_ocsp_response = true;
        self
    }

    /// Gives the records of every connection to `consumer` ([`crate::trace`]). Without one nothing is recorded.
    #[must_use]
    pub fn trace(mut self, consumer: impl TraceConsumer + Send + 'static) -> ClientBuilder {
        self.transport.trace.get_or_insert_default();
        self.trace = Some(SharedTrace::new(consumer));
        self
    }

    /// Where tickets are kept, instead of in memory by this client alone: connections are resumed with them, which spares server
    /// and client the certificate. A store that several clients share lets servers see that they belong together.
    #[must_use]
    pub fn ticket_store(mut self, store: Arc<dyn TicketStore>) -> ClientBuilder {
        self.tickets = Some(store);
        self
    }

    /// Resumes nothing and keeps no tickets, and no tokens of addresses either: no server can tell by them that it has met this client
    /// before. Moves and addresses may tell it all the same.
    #[must_use]
    pub fn without_tickets(mut self) -> ClientBuilder {
        (self.tickets, self.tokens) = (None, None);
        self
    }

    /// Where tokens are kept that servers give, instead of in memory by this client alone: with one, a server that asks its clients
    /// where they are does without the round trip (RFC 9000 section 8.1.3). `None` keeps none.
    #[must_use]
    pub fn token_store(mut self, store: impl Into<Option<Arc<dyn TokenStore>>>) -> ClientBuilder {
        self.tokens = store.into();
        self
    }

    /// Lets requests go as early data (0-RTT) that [say so](RequestBuilder::dangerous_send_as_early_data_that_may_be_replayed): with a
    /// ticket of an earlier connection they are sent in the very first flight, and answered a round trip earlier. Off by default,
    /// because whoever records that flight can send it again, to servers that may act upon it again, and because it has no
    /// forward secrecy: who gets at the ticket's key later can read it (RFC 9846 section 8, appendix F.5).
    #[must_use]
    pub fn dangerous_offer_early_data_that_may_be_replayed(mut self) -> ClientBuilder {
        self.offers_early_data = true;
        self
    }

    /// How long a server's name may take to be looked up, and then all of its addresses together to answer; an address that has
    /// others behind it has 3 s at most. `Duration::MAX` is for ever. Default 10 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> ClientBuilder {
        self.connect_timeout = timeout;
        self
    }

    /// The most connections at a time. Default 512. One that is idle makes way for another; if all are in use, a request to a
    /// further server fails.
    #[must_use]
    pub fn max_connections(mut self, connections: usize) -> ClientBuilder {
        self.limits.connections = connections.max(1);
        self
    }

    /// How long a connection without requests is kept, if its server keeps it as long. Default 60 s; `transport` has a
    /// timeout of its own, 30 s, for connections on which nothing is sent at all.
    #[must_use]
    pub fn max_idle(mut self, idle: Duration) -> ClientBuilder {
        self.limits.idle = idle;
        self
    }

    /// How the rate is found that a path carries, of what the client sends. Default [`CongestionControl::Cubic`].
    #[must_use]
    pub fn congestion_control(mut self, algorithm: CongestionControl) -> ClientBuilder {
        self.transport.recovery.congestion_control = algorithm;
        self
    }

    /// The cryptography to use instead of `ring`'s.
    #[must_use]
    pub fn provider(mut self, provider: Provider) -> ClientBuilder {
        self.provider = provider;
        self
    }

    /// The key exchanges to offer, best first. By default all of the provider's, and a share is sent for X25519MLKEM768 and for
    /// X25519. Those that the provider does not have are passed over; if none is left, connecting fails.
    #[must_use]
    pub fn key_exchange_groups(mut self, groups: impl IntoIterator<Item = NamedGroup>) -> ClientBuilder {
        self.groups = Groups::Only(groups.into_iter().collect());
        self
    }

    /// The client, on an executor. Nothing is sent yet.
    pub fn build(self, handle: &Handle) -> Client {
        let protocols = vec![b"h3".to_vec()];
        let verification = self.roots.verification();
        let mut tls = tls::ClientConfig::new(self.provider, verification, protocols, Arc::new(SystemClock));
        tls.key_log = self.key_log;
        tls.groups = self.groups;
        tls.tickets = self.tickets;
        tls.dangerous_offer_early_data_that_may_be_replayed = self.offers_early_data;
        tls.request_ocsp_response = self.requests_ocsp_response;
        let identities = || Arc::new(ClientIdentities(self.identities)) as Arc<dyn ClientResolver>;
        tls.identities = Some(self.resolver.unwrap_or_else(identities));
        let mut transport = self.transport;
        transport.handshake_timeout = transport.handshake_timeout.max(self.connect_timeout);
        take_datagrams(&mut transport, &self.http);
        let http3 =
            Dial::new(handle.clone(), self.provider, tls, transport, self.http, self.trace).keeping(self.tokens);
        let dialer = Dialer { http3, handle: handle.clone(), patience: self.connect_timeout };
        let offers_early_data = self.offers_early_data;
        Client { offers_early_data, ..Client::over(handle, Box::new(dialer), self.limits) }
    }
}

/// A request that is being put together. A clone can be sent, too.
#[derive(Clone)]
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder {
    client: Client,
    parts: Result<Rc<Parts>, Error>,
    body: Bytes,
    may_be_early: bool,
}

#[derive(Clone)]
struct Parts {
    origin: Origin,
    head: RequestHead,
}

impl Parts {
    fn new(method: Method, url: &str) -> Result<Parts, Error> {
        let url = Url::parse(url)?;
        let head = RequestHead::new(method, &url.to_string()).map_err(Error::message)?;
        Ok(Parts { origin: Origin::new(&url), head })
    }
}

impl RequestBuilder {
    /// One field more.
    pub fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> RequestBuilder {
        self.parts = self.parts.and_then(|mut parts| {
            Rc::make_mut(&mut parts).head.fields.push(name, value)?;
            Ok(parts)
        });
        self
    }

    /// How urgent the response is (RFC 9218): the field Priority. It can be changed later
    /// ([`PendingResponse::prioritize`], [`Response::prioritize`]).
    pub fn priority(self, priority: Priority) -> RequestBuilder {
        self.field("priority", priority.to_field())
    }

    /// A body that is there already.
    pub fn body(mut self, body: impl Into<Bytes>) -> RequestBuilder {
        self.body = body.into();
        self
    }

    /// Lets it go as early data, if the client [offers any](ClientBuilder::dangerous_offer_early_data_that_may_be_replayed), there is a
    /// ticket for it, its method is safe (RFC 9110 section 9.2.1) and it has no body. It may then reach the server more than once,
    /// sent by somebody else; and the server has not yet shown who it is, but that it has the key of its ticket. A server that does
    /// not take it so answers 425 (RFC 8470), and it is sent again by itself when the handshake is complete.
    pub fn dangerous_send_as_early_data_that_may_be_replayed(mut self) -> RequestBuilder {
        self.may_be_early = true;
        self
    }

    /// Sends it, and waits for the head of the response. The body is sent while the response is read.
    ///
    /// A request that the server did nothing with is sent again; so is one whose connection was lost, if its method says
    /// that twice is as good as once (RFC 9110 section 9.2.2).
    ///
    /// # Errors
    /// The URL or a field is wrong, the server cannot be reached, or breaks off.
    pub async fn send(self) -> Result<Response, Error> {
        let mut parts = self.parts?;
        if !self.body.is_empty() && !parts.head.fields.contains("content-length") {
            Rc::make_mut(&mut parts).head.fields.push_integer("content-length", self.body.len() as u64)?;
        }
        let mut tries = 0;
        // RFC 8470 section 4-1: no unsafe method, and none whose safety is not known.
        let is_wanted = self.may_be_early && self.client.offers_early_data;
        let mut early = is_wanted && parts.head.method.is_safe() && self.body.is_empty();
        loop {
            let opened = self.client.open(&parts, self.body.is_empty(), early).await?;
            let exchange = opened.exchange.clone();
            let pending = PendingResponse::new(exchange.clone(), !self.body.is_empty());
            if !self.body.is_empty() {
                self.client.pool.handle().spawn_detached(write_all(exchange, self.body.clone()));
            }
            match pending.response().await {
                // RFC 8470 section 5.2-1: again, and not in early data.
                response if opened.is_too_early(&response) => {
                    drop(response);
                    poll_fn(|context| opened.pooled.connection.poll_proven(context)).await?;
                    early = false;
                }
                Err(error) if opened.was_unreached(&error) => early = false,
                Err(error) if tries < RETRIES && may_repeat(&error, &parts.head.method, opened.reused) => tries += 1,
                result => return result,
            }
        }
    }

    /// Sends a CONNECT ([`Client::extended_connect`], [`Client::connect_through`]), and waits for the tunnel.
    ///
    /// # Errors
    /// As for [`RequestBuilder::send`]; the server does not take such requests, or refuses this one: [`Error::TunnelRefused`].
    pub async fn tunnel(self) -> Result<Tunnel, Error> {
        let parts = self.parts?;
        if parts.head.method != Method::Connect {
            return Err(Error::Message("only a CONNECT begins a tunnel".into()));
        }
        let Opened { exchange, .. } = self.client.open(&parts, false, false).await?;
        let writer = BodyWriter::new(exchange.clone(), Reason::Cancelled);
        let response = PendingResponse::new(exchange, true).response().await?;
        // RFC 9298 section 3.1-9, 3.5-4.
        if !response.status().is_successful() {
            return Err(Error::TunnelRefused { status: response.status() });
        }
        let has_capsules = capsule::check_response(response.head());
        Ok(Tunnel::new(response.into_parts().1, writer, has_capsules))
    }

    /// Begins a request whose body is written part by part, even while the response is already being read.
    ///
    /// # Errors
    /// As for [`RequestBuilder::send`].
    pub async fn start(self) -> Result<(BodyWriter, PendingResponse), Error> {
        let parts = self.parts?;
        let Opened { exchange, .. } = self.client.open(&parts, false, false).await?;
        Ok((BodyWriter::new(exchange.clone(), Reason::Cancelled), PendingResponse::new(exchange, true)))
    }
}

/// Who takes HTTP datagrams takes those of the transport (RFC 9297 section 2.1.1): all that fit a packet.
pub(crate) const fn take_datagrams(transport: &mut quic::Config, http: &h3::Config) {
    if http.datagrams && transport.datagrams.max_frame_size == 0 {
        transport.datagrams.max_frame_size = 65_535;
    }
}

async fn write_all(exchange: Exchange, body: Bytes) {
    let mut writer = BodyWriter::new(exchange, Reason::Cancelled);
    // If it fails, the response says why, or its absence does.
    if writer.write(body).await.is_ok() {
        let _ = writer.finish();
    }
}

/// RFC 9114 section 5.4-1.
fn may_repeat(error: &Error, method: &Method, reused: bool) -> bool {
    error.is_unprocessed() || (error.is_connection_lost() && reused && method.is_idempotent())
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
