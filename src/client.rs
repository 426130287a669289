//! A client: requests to any server, over one connection to each.

pub(crate) mod alt_svc;
mod connect;
pub(crate) mod connection;
pub(crate) mod event;
mod fallback;
pub(crate) mod line;
pub(crate) mod opener;
pub(crate) mod pool;
mod race;
mod redirect;
pub(crate) mod request;
pub(crate) mod resolve;
pub(crate) mod roots;
mod upload;
mod way;

use crate::client::alt_svc::AltSvc;
use crate::client::connect::{ByHttp1, Dialer, SessionDialer};
use crate::client::connection::Connect;
use crate::client::event::ClientEvent;
use crate::client::fallback::Fallback;
use crate::client::opener::Opener;
use crate::client::pool::{Limits, Origin, Pool};
use crate::client::request::{RequestBuilder, Settings};
use crate::client::resolve::Overrides;
use crate::client::roots::Roots;
use crate::client::way::{Asking, Way};
use crate::error::Error;
use crate::exchange::patience::Timeouts;
use crate::exchange::tunnel_udp::UdpTunnel;
use crate::exchange::version::HttpVersion;
use crate::http3::connection::{Dial, InUse};
use crate::http3::relocation::OnClientEvent;
use crate::server::identity::Identity;
use crate::tcp::client::TcpDial;
use crate::tcp::machine::{HTTP1, PROTOCOLS};
use crate::tickets::MemoryTickets;
use crate::tokens::MemoryTokens;
use crate::trace::{SharedTrace, TraceConsumer};
use crate::url::Url;
use crate::wall_clock::SystemClock;
use crate::websocket::connect::WebSocketBuilder;
use crate::websocket::connecting::Connecting;
use crate::webtransport::client::SessionBuilder;
use crate::webtransport::protocol;
use crate::webtransport::session::Session;
use crypto::{NamedGroup, Provider};
use http::{Authority, Method, RequestHead};
use quic::{CongestionControl, PathStats, Stats, TokenStore};
use runtime::Handle;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
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
    pub(crate) opener: Opener,
    /// By HTTP/1.1 alone: for WebSockets at servers whose other versions carry none.
    pub(crate) plain: Option<Opener>,
    /// WebSockets that are being opened.
    pub(crate) connecting: Rc<Connecting>,
    /// For sessions without HTTP.
    sessions: Option<Rc<SessionDialer>>,
    settings: Rc<Settings>,
}

/// What a client is to be, before it is made.
pub struct ClientBuilder {
    roots: Roots,
    key_log: Option<Arc<dyn tls::KeyLog>>,
    tickets: Option<Arc<dyn TicketStore>>,
    tokens: Option<Arc<dyn TokenStore>>,
    connect_timeout: Duration,
    trace: Option<SharedTrace>,
    on_event: Option<OnClientEvent>,
    provider: Provider,
    groups: Groups,
    limits: Limits,
    identities: Vec<Arc<CertifiedKey>>,
    resolver: Option<Arc<dyn ClientResolver>>,
    requests_ocsp_response: bool,
    offers_early_data: bool,
    settings: Settings,
    overrides: Overrides,
    alternatives: Option<AltSvc>,
    /// Whether servers are asked by TCP that QUIC does not reach.
    by_tcp: bool,
    /// Who is asked for ways to servers, and by whom.
    proxy: Option<Asking>,
    /// QUIC's settings: windows, timeouts, limits.
    pub transport: quic::Config,
    /// HTTP/3's settings: limits.
    pub http: h3::Config,
}

/// How long a server may take to answer at any of its addresses.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Every datagram that fits a packet.
const MAX_DATAGRAM_FRAME: u64 = 65_535;

/// A connection that is there: [`Client::connect`].
#[derive(Clone, Debug)]
pub struct Connected {
    /// It was there before.
    pub is_reused: bool,
    /// How long the name of its server took to be looked up, when it was opened.
    pub looked_up: Duration,
    /// Where its server is, while it is open.
    pub remote: Option<SocketAddr>,
    /// What is spoken with it.
    pub version: HttpVersion,
    /// Host and port at which the server was found, if not where the URL says ([`ClientBuilder::alt_svc`]).
    pub alternative: Option<String>,
}

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
            on_event: None,
            provider: crypto_ring::PROVIDER,
            groups: Groups::default(),
            limits: Limits::default(),
            identities: Vec::new(),
            resolver: None,
            requests_ocsp_response: false,
            offers_early_data: false,
            settings: Settings::default(),
            overrides: Overrides::default(),
            alternatives: None,
            by_tcp: false,
            proxy: None,
            transport: quic::Config::default(),
            http: h3::Config::default(),
        }
    }

    /// A client on connections of any kind.
    pub(crate) fn over(handle: &Handle, connect: Box<dyn Connect>, limits: Limits) -> Client {
        let pool = Pool::new(handle.clone(), connect, limits);
        let opener = Opener { pool, alternatives: None, offers_early_data: false };
        Client {
            opener,
            plain: None,
            connecting: Rc::new(Connecting::new(true)),
            sessions: None,
            settings: Rc::default(),
        }
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
    pub async fn connect(&self, url: &str) -> Result<Connected, Error> {
        let (pooled, is_reused) = self.opener.proven(&Origin::new(&Url::parse(url)?), false).await?;
        let connection = &pooled.connection;
        let (remote, version) = (connection.remote(), connection.version());
        let alternative = connection.alternative().map(str::to_owned);
        Ok(Connected { is_reused, looked_up: connection.looked_up(), remote, version, alternative })
    }

    /// A request. What is wrong with its parts is told when it is sent.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        RequestBuilder::new(self.opener.clone(), self.settings.clone(), method, url)
    }

    /// Asks the resource at a URL to speak another protocol (RFC 9220), such as `websocket`: [`RequestBuilder::tunnel`] sends it.
    pub fn extended_connect(&self, protocol: &str, url: &str) -> RequestBuilder {
        let parts = Url::parse(url).map_err(Error::from).and_then(|url| {
            let head = RequestHead::extended_connect(protocol, &url.to_string()).map_err(Error::message)?;
            Ok((url, head))
        });
        RequestBuilder::of_parts(self.opener.clone(), self.settings.clone(), parts)
    }

    /// A WebTransport session with the resource at a URL: [`SessionBuilder::connect`] asks for it. The client has to be built for
    /// that ([`ClientBuilder::webtransport`]).
    pub fn webtransport(&self, url: &str) -> SessionBuilder {
        SessionBuilder::new(self.opener.clone(), self.settings.timeouts, url)
    }

    /// A session without HTTP, by a protocol of the application's own (ALPN, RFC 7301): streams and datagrams of a QUIC connection that is
    /// opened for it, and closed with it ([`ServerBuilder::session_protocol`](crate::ServerBuilder::session_protocol) is the other end).
    /// `authority` is a host with its port. The server is judged as servers of HTTP are, and shown the same identities. While the session
    /// is held, silence does not end it.
    ///
    /// # Errors
    /// The authority or the protocol's name cannot be used; the server is not reached, is not believed, or does not speak the protocol
    /// ([`Error::NotSpoken`]).
    pub async fn open_session(&self, protocol: &str, authority: &str) -> Result<Session, Error> {
        self.session(protocol, authority, false).await
    }

    /// The same; and where there is a ticket of an earlier session by this protocol, the session is there at once, and what is sent goes as
    /// early data (0-RTT) as long as [`Session::is_early`] says so: it may be sent again by whoever records it, and if tickets or their keys
    /// are stolen be read (RFC 9001 section 9.2). What the server does not take is sent again when the handshake is
    /// complete. Such a session is one with the first address of the name, and ends if that stays silent.
    ///
    /// # Errors
    /// As for [`Client::open_session`], as far as it shows before the handshake; later errors are the session's.
    pub async fn dangerous_open_session_with_early_data_that_may_be_replayed(
        &self,
        protocol: &str,
        authority: &str,
    ) -> Result<Session, Error> {
        self.session(protocol, authority, true).await
    }

    async fn session(&self, protocol: &str, authority: &str, early: bool) -> Result<Session, Error> {
        protocol::check(protocol)?;
        let at = Authority::from_bytes(authority.as_bytes()).ok();
        let Some((at, port)) = at.as_ref().and_then(|at| Some((at, at.port()?))) else {
            return Err(Error::Message(format!("{authority} is no host with a port, such as example.org:4433")));
        };
        let host = at.host().strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(at.host());
        match &self.sessions {
            Some(dialer) => dialer.open(protocol, (host, port), early).await,
            None => Err(Error::Message("this client has no way to sessions without HTTP".into())),
        }
    }

    /// A WebSocket at a `wss` URL: [`WebSocketBuilder::connect`] opens it.
    pub fn websocket(&self, url: &str) -> WebSocketBuilder {
        WebSocketBuilder::new(self.opener.clone(), self.plain.clone(), self.connecting.clone(), *self.settings, url)
    }

    /// Asks the proxy at a URL, whose path does not matter, for a tunnel to `target`, a host with its port (RFC 9114 section 4.4):
    /// [`RequestBuilder::tunnel`] sends it.
    pub fn connect_through(&self, proxy: &str, target: &str) -> RequestBuilder {
        self.asking(proxy).connect_through(target)
    }

    /// Asks the proxy at a URL for UDP to a host and port (RFC 9298), at the path that is the default of such proxies. Datagrams go
    /// beside the stream if both ends take them: [`Http3Config::datagrams`](crate::Http3Config).
    ///
    /// # Errors
    /// As for [`RequestBuilder::tunnel`].
    pub async fn connect_udp(&self, proxy: &str, host: &str, port: u16) -> Result<UdpTunnel, Error> {
        self.asking(proxy).connect_udp(host, port).await
    }

    fn asking(&self, proxy: &str) -> Asking {
        Asking { opener: self.opener.clone(), settings: self.settings.clone(), proxy: proxy.to_owned() }
    }

    /// The connections of sessions without HTTP.
    fn of_sessions(&self) -> Vec<InUse> {
        self.sessions.as_ref().map(|sessions| sessions.dial.in_use()).unwrap_or_default()
    }

    /// Moves every open connection, those of sessions without HTTP as well, to another port, or to the address that leads to its
    /// server now: what a client does when its network has changed, or to be harder to follow. Requests go on meanwhile.
    ///
    /// A move takes a connection ID of the server's, which gives another soon after each; if there is none yet, the move waits for
    /// it, ten seconds at most. Gives how many connections have moved.
    ///
    /// # Errors
    /// The first of what went wrong, when all have been tried: a server asks its clients to stay where they are, gives no
    /// connection ID to move with, or cannot be reached from there, which is known after three seconds or three probe timeouts.
    /// The connection is then still where it was.
    pub async fn migrate(&self) -> Result<usize, Error> {
        if let Some(alternatives) = &self.opener.alternatives {
            alternatives.on_network_change();
        }
        let (mut moved, mut failed) = (0, None);
        for pooled in self.opener.pool.open() {
            match pooled.connection.migrate().await {
                Ok(()) => moved += 1,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        for connection in self.of_sessions() {
            match connection.migrate().await {
                Ok(()) => moved += 1,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(moved), Err)
    }

    /// What each open connection has sent, received and measured, and the address of its server: those of requests, then those of sessions
    /// without HTTP.
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
        let pooled = self.opener.pool.open();
        let of_requests = pooled.iter().filter_map(|pooled| pooled.connection.stats());
        of_requests.chain(self.of_sessions().iter().filter_map(InUse::stats)).collect()
    }

    /// What is known of each path of each open connection: the one in use first, then those it came from or may go to.
    pub fn paths(&self) -> Vec<Vec<PathStats>> {
        let mut paths = self.opener.pool.open().iter().map(|pooled| pooled.connection.paths()).collect::<Vec<_>>();
        paths.extend(self.of_sessions().iter().map(InUse::paths));
        paths.into_iter().filter(|paths| !paths.is_empty()).collect()
    }

    /// Has every open connection go on with new keys (RFC 9001 section 6), as it does by itself after very much data. Gives how
    /// many connections there are. Each follows with its next packet, once its server is known to have the keys before.
    pub fn update_keys(&self) -> usize {
        let of_requests = self.opener.pool.open().iter().filter(|pooled| pooled.connection.update_keys()).count();
        of_requests + self.of_sessions().iter().filter(|connection| connection.update_keys()).count()
    }

    /// How many connections are open, those of sessions without HTTP as well.
    pub fn open_connections(&self) -> usize {
        self.opener.pool.open().len() + self.of_sessions().len()
    }

    /// Closes all connections, and lets the servers know.
    pub async fn close(&self) {
        if let Some(plain) = &self.plain {
            plain.pool.close().await;
        }
        if let Some(sessions) = &self.sessions {
            sessions.dial.close_all().await;
        }
        self.opener.pool.close().await;
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

    /// Calls `on_event` when something happens that concerns a connection as a whole, and that no request is told.
    #[must_use]
    pub fn on_event(mut self, on_event: impl Fn(&ClientEvent) + 'static) -> ClientBuilder {
        self.on_event = Some(Rc::new(on_event));
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

    /// How long a server's name may take to be looked up, and then all of its addresses together to answer: each is tried when the one
    /// before has failed or was silent for a quarter of a second, and the first that answers is kept (RFC 8305). `Duration::MAX` is for
    /// ever. Default 10 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> ClientBuilder {
        self.connect_timeout = timeout;
        self
    }

    /// How long is waited for responses and their bodies.
    #[must_use]
    pub fn timeouts(mut self, timeouts: Timeouts) -> ClientBuilder {
        self.settings.timeouts = timeouts;
        self
    }

    /// Has requests go on where responses send them (RFC 9110 section 15.4), at most so often in a row. Default 0: the response that
    /// says so is given. To `https` only; POST becomes GET after 301, 302 and 303; a server of another host or port is not told what
    /// `authorization` and `cookie` say. A body that was read from elsewhere cannot be sent twice: where it would have to be, the
    /// response that says so is given.
    #[must_use]
    pub fn follow_redirects(mut self, limit: u32) -> ClientBuilder {
        self.settings.redirects = limit;
        self
    }

    /// How often a request is sent again that the server did nothing with, or whose connection was lost if its method says that twice
    /// is as good as once (RFC 9110 section 9.2.2). Default 2: at once, and then after some 100 ms; each further time twice as much, at
    /// most 5 s. What a server answers is never a reason.
    #[must_use]
    pub fn repetitions(mut self, limit: u32) -> ClientBuilder {
        self.settings.repetitions = limit;
        self
    }

    /// Believes servers that say in a field Alt-Svc that they are found elsewhere, too (RFC 7838), and goes there for further
    /// connections, with the certificate of the server; where that fails, the server itself is asked. What was said is kept in
    /// `known`. Off by default: with it a server can tell its clients apart by where it sends them.
    #[must_use]
    pub fn alt_svc(mut self, known: AltSvc) -> ClientBuilder {
        self.alternatives = Some(known);
        self
    }

    /// Asks servers by TCP, with HTTP/2 or HTTP/1.1, that QUIC does not reach: when it has failed, or beside it when it was silent for a
    /// second; the first that answers is kept. Which servers came by TCP is remembered for five minutes, in which both begin together. The
    /// certificate is judged in the same way. Tickets, early data, tunnels and moves are for HTTP/3 alone. Off by default.
    #[must_use]
    pub fn tcp(mut self) -> ClientBuilder {
        self.by_tcp = true;
        self
    }

    /// Goes to all servers through the proxy at this URL, which `client` asks: by connect-udp for QUIC (RFC 9298), and by CONNECT for TCP,
    /// if this client has that ([`ClientBuilder::tcp`]). The proxy looks the names up, sees which servers they are and how much goes there,
    /// and nothing of what; the certificates are judged as ever. Such as [`Proxy`](crate::Proxy) answers. `client` needs
    /// [`Http3Config::datagrams`](crate::Http3Config). Alternatives of servers are not used; what addresses of servers are told are
    /// those of this host that lead there.
    #[must_use]
    pub fn proxy(mut self, client: &Client, url: &str) -> ClientBuilder {
        self.proxy = Some(client.asking(url));
        self
    }

    /// This host at this port is at these addresses, whatever the system says; `*` is any host. What was said last counts.
    #[must_use]
    pub fn resolve_to(mut self, host: &str, port: u16, addresses: Vec<IpAddr>) -> ClientBuilder {
        self.overrides.set(host, port, addresses);
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

    /// How many bytes of dynamic table are kept in each direction, so that fields which come again take a byte or two (RFC 9204
    /// section 3.2). Zero, the default: none, and no message waits for another. Each connection that uses it holds up to three
    /// times as much for each direction.
    #[must_use]
    pub fn dynamic_table(mut self, bytes: u32) -> ClientBuilder {
        self.http.set_dynamic_table(bytes);
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

    /// Can have WebTransport sessions ([`Client::webtransport`]), as many and as large as these limits say.
    pub fn webtransport(mut self, limits: &webtransport::Config) -> ClientBuilder {
        self.http.webtransport = Some(limits.settings());
        self.http.datagrams = true;
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
        let by_tcp = self.by_tcp.then(|| tls::ClientConfig {
            alpn: PROTOCOLS.map(<[u8]>::to_vec).to_vec(),
            tickets: None,
            dangerous_offer_early_data_that_may_be_replayed: false,
            ..tls.clone()
        });
        let way = self.proxy.map(|asking| Rc::new(Way::new(asking, handle)));
        let alternatives = self.alternatives.filter(|_| way.is_none());
        let (patience, overrides) = (self.connect_timeout, &self.overrides);
        let connecting = Rc::new(Connecting::new(way.is_none()));
        let by_http1 = by_tcp.as_ref().map(|tls| {
            let tls = tls::ClientConfig { alpn: vec![HTTP1.to_vec()], ..tls.clone() };
            let (dial, way) = (TcpDial::new(handle.clone(), tls, connecting.clone()), way.clone());
            let plain = ByHttp1 { dial, handle: handle.clone(), patience, overrides: overrides.clone(), way };
            let pool = Pool::new(handle.clone(), Box::new(plain), self.limits);
            Opener { pool, alternatives: None, offers_early_data: false }
        });
        let mut transport = self.transport;
        transport.handshake_timeout = transport.handshake_timeout.max(self.connect_timeout);
        take_datagrams(&mut transport, &self.http);
        let (of_session, http, trace) = (with_datagrams(transport.clone()), self.http.clone(), self.trace.clone());
        let sessions = SessionDialer {
            tls: tls::ClientConfig { dangerous_offer_early_data_that_may_be_replayed: false, ..tls.clone() },
            dial: Dial::new(handle.clone(), self.provider, tls.clone(), of_session, http, trace)
                .keeping(self.tokens.clone())
                .telling(self.on_event.clone()),
            handle: handle.clone(),
            patience,
            overrides: overrides.clone(),
            way: way.clone(),
        };
        let http3 = Dial::new(handle.clone(), self.provider, tls, transport, self.http, self.trace)
            .keeping(self.tokens)
            .telling(self.on_event.clone());
        let dialer = Dialer {
            http3,
            handle: handle.clone(),
            patience: self.connect_timeout,
            overrides: self.overrides,
            alternatives: alternatives.clone(),
            way,
            fallback: by_tcp
                .map(|tls| Fallback::new(TcpDial::new(handle.clone(), tls, connecting.clone()), self.on_event)),
        };
        let mut client = Client::over(handle, Box::new(dialer), self.limits);
        client.opener.alternatives = alternatives;
        client.plain = by_http1;
        client.connecting = connecting;
        client.sessions = Some(Rc::new(sessions));
        client.opener.offers_early_data = self.offers_early_data;
        client.settings = Rc::new(self.settings);
        client
    }
}

/// For sessions without HTTP: takes datagrams, all that fit a packet, unless it was said how large they may be.
pub(crate) const fn with_datagrams(mut transport: quic::Config) -> quic::Config {
    if transport.datagrams.max_frame_size == 0 {
        transport.datagrams.max_frame_size = MAX_DATAGRAM_FRAME;
    }
    transport
}

/// Who takes HTTP datagrams takes those of the transport (RFC 9297 section 2.1.1): all that fit a packet.
pub(crate) const fn take_datagrams(transport: &mut quic::Config, http: &h3::Config) {
    if http.datagrams && transport.datagrams.max_frame_size == 0 {
        transport.datagrams.max_frame_size = MAX_DATAGRAM_FRAME;
    }
    // draft-ietf-webtrans-http3 s3.1: what a stream of a session begins with arrives, whatever becomes of the rest.
    if http.webtransport.is_some() {
        transport.reset_stream_at = true;
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
