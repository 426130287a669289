//! What a server is to be: its addresses, identity, limits and who is told.

mod start;

use crate::acme::challenges::AcmeChallenges;
use crate::error::Error;
use crate::server::answer::Answer;
use crate::server::event::ServerEvent;
use crate::server::handler::{Answering, Outcome};
use crate::server::identity::Identity;
use crate::server::plain::PlainOptions;
use crate::server::policy::Policy;
use crate::server::session_protocol::SessionProtocol;
use crate::server::tcp_options::preferred_port;
use crate::server::{DRAIN, Server, state};
use crate::tickets::Tickets;
use crate::tokens;
use crate::trace::{SharedTrace, TraceConsumer};
use crate::webtransport::session::Session;
use crypto::{NamedGroup, Provider};
use quic::{AddressValidation, Admission, CongestionControl, IdLayout, Incoming, Stats};
use runtime::{SignalMark, UdpOptions};
use std::future::Future;
use std::net::{SocketAddr, TcpListener as StdTcpListener, UdpSocket as StdUdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tls::{ClientAuthentication, Groups, Resolver};

/// What a server is to be, before it is started.
///
/// ```no_run
/// use posthaste::{Identity, Server};
///
/// fn main() -> Result<(), posthaste::Error> {
///     Server::builder(Identity::development(&[])?)
///         .listen("127.0.0.1:4433".parse().expect("an address"))
///         .run(|_request, reply| reply.send(200, "hello\n"))
/// }
/// ```
#[derive(Clone)]
pub struct ServerBuilder {
    identity: Identity,
    listen: Vec<SocketAddr>,
    /// Sockets that are bound already, where it listens as well.
    bound: Vec<Arc<StdUdpSocket>>,
    /// The same by TCP.
    bound_tcp: Vec<Arc<StdTcpListener>>,
    /// Where it would rather be reached, with sockets of its own there.
    preferred: Vec<SocketAddr>,
    key_log: Option<Arc<dyn tls::KeyLog>>,
    tickets: Option<Tickets>,
    resolver: Option<Arc<dyn Resolver>>,
    clients: ClientAuthentication,
    drain: Duration,
    signals: Option<SignalMark>,
    on_event: Option<Arc<SharedOnEvent>>,
    on_connection_end: Option<Arc<SharedOnConnectionEnd>>,
    on_answer: Option<Arc<SharedOnAnswer>>,
    on_listening: Option<Arc<SharedOnListening>>,
    trace: Option<SharedTrace>,
    policy: Policy,
    names: Vec<String>,
    takeover: Option<PathBuf>,
    /// Another server listens at the same addresses, and ends.
    succeeds: bool,
    /// That one has said that it is of an older build, or nothing.
    says_older: bool,
    /// Whether it listens by TCP as well.
    tcp: bool,
    plain: PlainOptions,
    /// The port that clients reach it at, if that is another than where it listens.
    public_port: Option<u16>,
    /// What is shown to authorities that look whose server this is.
    challenges: Option<AcmeChallenges>,
    /// QUIC's settings: windows, timeouts, limits.
    pub transport: quic::Config,
    /// HTTP/3's settings: limits.
    pub http: h3::Config,
    answering: Answering,
    /// What is served without HTTP.
    protocols: Vec<SessionProtocol>,
    /// Whether HTTP is served at all.
    without_http: bool,
    /// How the sockets are opened.
    pub sockets: UdpOptions,
}

/// Told by all workers.
type SharedOnEvent = dyn Fn(&ServerEvent<'_>) + Send + Sync;
/// The same.
type SharedOnConnectionEnd = dyn Fn(SocketAddr, &Stats) + Send + Sync;
/// The same.
type SharedOnAnswer = dyn Fn(&Answer<'_>) + Send + Sync;
/// Told once.
type SharedOnListening = dyn Fn(&[SocketAddr]) + Send + Sync;

impl Server {
    /// A server that shows `identity` to its clients.
    pub fn builder(identity: Identity) -> ServerBuilder {
        ServerBuilder {
            identity,
            listen: Vec::new(),
            bound: Vec::new(),
            bound_tcp: Vec::new(),
            preferred: Vec::new(),
            key_log: None,
            tickets: Some(Tickets::new()),
            resolver: None,
            clients: ClientAuthentication::None,
            drain: DRAIN,
            signals: None,
            on_event: None,
            on_connection_end: None,
            on_answer: None,
            on_listening: None,
            trace: None,
            policy: Policy::default(),
            names: Vec::new(),
            takeover: None,
            succeeds: false,
            says_older: false,
            tcp: false,
            plain: PlainOptions::default(),
            public_port: None,
            challenges: None,
            transport: quic::Config::default(),
            http: h3::Config::default(),
            answering: Answering::default(),
            protocols: Vec::new(),
            without_http: false,
            sockets: UdpOptions::default(),
        }
    }
}

impl ServerBuilder {
    /// Listens there; may be called more than once. Port 0 lets the system choose.
    ///
    /// `[::]` serves clients of IPv4 as well, whose addresses are told as such, unless `sockets.only_ipv6` is set or an address
    /// of IPv4 with the same port is given beside it.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> ServerBuilder {
        self.listen.push(address);
        self
    }

    /// Listens at a socket that is bound already, perhaps by a service manager that keeps it while this process is replaced; may be
    /// called more than once. Such sockets are for one worker: others cannot be bound beside them.
    #[must_use]
    pub fn listen_on(mut self, socket: StdUdpSocket) -> ServerBuilder {
        self.bound.push(Arc::new(socket));
        self
    }

    /// The same for a socket that listens by TCP: HTTP/2 and HTTP/1.1 are served there, as by [`ServerBuilder::tcp`]. There is one of
    /// UDP beside it, at the same port for clients to move over.
    #[must_use]
    pub fn listen_on_tcp(mut self, listener: StdTcpListener) -> ServerBuilder {
        self.bound_tcp.push(Arc::new(listener));
        self
    }

    /// Listens by TCP as well, at the same addresses and ports, and serves HTTP/2 and HTTP/1.1 there with the same
    /// certificates and the same handler.
    /// Each answer there says that the server speaks HTTP/3 (Alt-Svc, RFC 7838), so browsers come by TCP once and then move over.
    #[must_use]
    pub fn tcp(mut self) -> ServerBuilder {
        self.tcp = true;
        self
    }

    /// Listens there for HTTP/1.1 without TLS, and sends whoever comes on to the same by https (308), if that is for one of this
    /// server's hosts; others get 421. May be called more than once; port 0 lets the system choose ([`Server::plain_addresses`]).
    /// The limits are those of connections by TCP, which count together. Of several workers the first answers here.
    #[must_use]
    pub fn redirect_http(mut self, address: SocketAddr) -> ServerBuilder {
        self.plain.listen.push(address);
        self
    }

    /// What is answered without TLS below `/.well-known/acme-challenge/`, by the token behind it (RFC 8555 section 8.3): for
    /// whoever has certificates made out while the server runs. Called on the server's thread, so it must not wait. Other
    /// tokens are redirected like everything else, so that files can answer as well.
    #[must_use]
    pub fn http_challenges(
        mut self,
        challenges: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> ServerBuilder {
        self.plain.challenges = Some(Arc::new(challenges));
        self
    }

    /// The port at which clients reach this server, where something on the way leads from there to the port that it listens
    /// at. Redirections from http and Alt-Svc name it.
    #[must_use]
    pub const fn public_port(mut self, port: u16) -> ServerBuilder {
        self.public_port = Some(port);
        self
    }

    /// The port at which clients come by https: [`ServerBuilder::public_port`], or else that of the addresses to listen at: 443
    /// if it is among them, and otherwise that of the first.
    pub fn https_port(&self) -> u16 {
        self.public_port.unwrap_or_else(|| preferred_port(self.listen.iter()))
    }

    /// Has browsers ask for this host by https alone, for so long from each answer on (RFC 6797); with `and_below` for all hosts
    /// below it, too. It goes with every answer of the handler that does not say it itself, and never without TLS. Who says
    /// it cannot go back to http, and for that long a broken certificate cannot be clicked away.
    #[must_use]
    pub fn strict_transport_security(mut self, max_age: Duration, and_below: bool) -> ServerBuilder {
        let below = if and_below { "; includeSubDomains" } else { "" };
        self.answering.strict_transport = Some(format!("max-age={}{below}", max_age.as_secs()).into());
        self
    }

    /// Asks clients to go on there once their handshake is confirmed (RFC 9000 section 9.6), and listens there as well: for a server
    /// whose clients begin at an address that many servers share. At most one address of IPv4 and one of IPv6; the later one of
    /// a family counts. Clients go to the one of the family that they came by, if it answers them, and stay where they are if
    /// it does not. Port 0 lets the system choose. To name an address that leads here by translation, set
    /// `transport.preferred_address` instead, for which no socket is opened.
    #[must_use]
    pub fn preferred_address(mut self, address: SocketAddr) -> ServerBuilder {
        self.preferred.retain(|other| other.is_ipv4() != address.is_ipv4());
        self.preferred.push(address);
        self
    }

    /// Reports the secrets of every connection.
    #[must_use]
    pub fn key_log(mut self, key_log: impl tls::KeyLog + 'static) -> ServerBuilder {
        self.key_log = Some(Arc::new(key_log));
        self
    }

    /// How clients may resume, instead of with keys that this server draws for itself; `None` gives no tickets and takes none, so
    /// that each connection is a full handshake. The tickets of clients that are asked for certificates hold what they have shown, which is
    /// judged again when they come back.
    #[must_use]
    pub fn tickets(mut self, tickets: impl Into<Option<Tickets>>) -> ServerBuilder {
        self.tickets = tickets.into();
        self
    }

    /// What the tokens are sealed under that clients get for their next connection, so that they need not show their address anew
    /// (RFC 9000 section 8.1.3), instead of keys that this server draws for itself: keys that a fleet shares, perhaps those of
    /// its tickets, with their lifetime. Each server of a fleet takes a token once. `None` gives no tokens and takes none.
    #[must_use]
    pub fn address_tokens(mut self, keys: impl Into<Option<Tickets>>) -> ServerBuilder {
        self.policy.tokens = keys.into().as_ref().map(tokens::policy);
        self
    }

    /// Gives the records of every connection to `consumer` ([`crate::trace`]). Without one nothing is recorded.
    #[must_use]
    pub fn trace(mut self, consumer: impl TraceConsumer + Send + 'static) -> ServerBuilder {
        self.transport.trace.get_or_insert_default();
        self.trace = Some(SharedTrace::new(consumer));
        self
    }

    /// Shows different certificates for different names, instead of the one identity: [`ByName`](crate::ByName), an
    /// [`IdentityHandle`](crate::IdentityHandle) whose identities can be replaced while the server runs, or any rule of a
    /// program's own. [`Identity::certified`] has what it gives.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolver + 'static) -> ServerBuilder {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// Asks clients who they are: [`ClientTrust::optional`] or [`ClientTrust::required`]. A handler finds the answer in
    /// [`Request::peer_identity`](crate::Request::peer_identity). A resolver may ask the clients of some names for something else; a request for a host whose
    /// clients are asked for something else than the client of this connection was is answered with 421.
    ///
    /// [`ClientTrust::optional`]: crate::ClientTrust::optional
    /// [`ClientTrust::required`]: crate::ClientTrust::required
    #[must_use]
    pub fn client_authentication(mut self, wanted: ClientAuthentication) -> ServerBuilder {
        self.clients = wanted;
        self
    }

    /// Gives requests by plain CONNECT to the handler, whose target is another server ([`Proxy`](crate::Proxy) answers them). Without
    /// this they are answered with 501: a server is no proxy unless it is told to be one.
    #[must_use]
    pub const fn take_connect(mut self) -> ServerBuilder {
        self.answering.takes_connect = true;
        self
    }

    /// Takes requests for WebSockets over each version of HTTP, which [`WebSocket::accept`](crate::WebSocket::accept) answers
    /// ([`Request::is_websocket`](crate::Request::is_websocket)): sets [`Http3Config::extended_connect`](crate::Http3Config). The handler may then be asked for other protocols
    /// as well ([`Request::protocol`](crate::Request::protocol)), and answers those that it does not know with 501.
    #[must_use]
    pub const fn websockets(mut self) -> ServerBuilder {
        self.http.extended_connect = true;
        self
    }

    /// A host that requests may be for, beside those in the certificate: `example.com` or `192.0.2.1`, `*.example.com` for one
    /// label more, with a port if only that one is meant, or `*` for all, where something in front of the server has looked.
    /// May be called more than once. Requests for other hosts, and for other schemes than https, are answered with 421 (RFC 9110
    /// section 7.4).
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> ServerBuilder {
        self.names.push(name.into());
        self
    }

    /// Has a server that ends say which requests it cuts short ([`Error::Unfinished`]): method, target, client, and how much of the answer
    /// had been handed over. For that each request takes a little more memory while it is answered. Requests whose handler has done all
    /// that it had to, and whose answers have not arrived in full, are counted and have no names.
    #[must_use]
    pub fn name_cut_requests(mut self) -> ServerBuilder {
        self.answering.names_cut = true;
        self
    }

    /// How long requests under way may take when [`ServerBuilder::run`] is told to end. Default 30 s.
    #[must_use]
    pub fn drain(mut self, patience: Duration) -> ServerBuilder {
        self.drain = patience;
        self
    }

    /// From now on SIGINT, SIGQUIT and SIGTERM do not end the process but wait for [`Server::until_signal`] or
    /// [`Workers::until_signal`](crate::Workers::until_signal). Otherwise those hear of signals from when they are called: for programs that say that they are
    /// ready before that.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn hear_signals(mut self) -> Result<ServerBuilder, Error> {
        self.signals = Some(SignalMark::now().map_err(Error::system)?);
        Ok(self)
    }

    /// The same with SIGHUP, by which a process learns that its terminal is gone: for programs that have no other use for it. One
    /// that was started with it ignored, as by nohup, goes on.
    ///
    /// # Errors
    /// As for [`ServerBuilder::hear_signals`].
    pub fn hear_signals_and_hangup(mut self) -> Result<ServerBuilder, Error> {
        self.signals = Some(SignalMark::now_with_hangup().map_err(Error::system)?);
        Ok(self)
    }

    /// Who is told what goes wrong without any handler knowing of it: a handler's error, a request or connection that was
    /// refused, sockets that broke. Called on the server's thread, or on those of its workers, in the middle of its work: it
    /// must not wait.
    #[must_use]
    pub fn on_event(mut self, on_event: impl Fn(&ServerEvent<'_>) + Send + Sync + 'static) -> ServerBuilder {
        self.on_event = Some(Arc::new(on_event));
        self
    }

    /// Who is told of the end of each connection, well or not: the address of the client, and what the connection has sent,
    /// received and measured. Called as [`ServerBuilder::on_event`] is. A connection that is given up before its handshake is
    /// complete may end without a word.
    #[must_use]
    pub fn on_connection_end(
        mut self,
        on_connection_end: impl Fn(SocketAddr, &Stats) + Send + Sync + 'static,
    ) -> ServerBuilder {
        self.on_connection_end = Some(Arc::new(on_connection_end));
        self
    }

    /// Who is told where the server listens, with the ports that the system chose: once, when it does. For programs that leave
    /// the rest to [`ServerBuilder::run`].
    #[must_use]
    pub fn on_listening(mut self, on_listening: impl Fn(&[SocketAddr]) + Send + Sync + 'static) -> ServerBuilder {
        self.on_listening = Some(Arc::new(on_listening));
        self
    }

    /// Who is told what became of each request that was well-formed, once nobody works on it any more: what a log is written
    /// from. Called on the server's thread, or on those of its workers, in the middle of its work: it must not wait.
    ///
    /// ```no_run
    /// # use posthaste::{Identity, Server};
    /// # fn main() -> Result<(), posthaste::Error> {
    /// Server::builder(Identity::development(&[])?)
    ///     .listen("127.0.0.1:4433".parse().expect("an address"))
    ///     .on_answer(|answer| println!("{answer}"))
    ///     .run(|_request, reply| reply.send(200, "hello\n"))
    /// # }
    /// ```
    #[must_use]
    pub fn on_answer(mut self, on_answer: impl Fn(&Answer<'_>) + Send + Sync + 'static) -> ServerBuilder {
        self.on_answer = Some(Arc::new(on_answer));
        self
    }

    /// Decides about the first packet of each connection: to accept it, to ask the client for a proof of its address, to
    /// refuse or to ignore it (RFC 9000 sections 5.2.2 and 8.1). Without this all are accepted, as far as there is room. It
    /// has to be quick, because a flood of packets means as many calls.
    #[must_use]
    pub fn on_incoming(
        mut self,
        on_incoming: impl Fn(&Incoming) -> Admission + Send + Sync + 'static,
    ) -> ServerBuilder {
        self.policy.on_incoming = Some(Arc::new(on_incoming));
        self
    }

    /// When a client has to show, before a connection begins, that it receives what is sent to its address. Default
    /// [`AddressValidation::UnderLoad`]: while 1,024 handshakes are under way of clients that have not shown it, as in a
    /// flood of forged addresses. It applies to whom [`ServerBuilder::on_incoming`] accepts.
    #[must_use]
    pub fn address_validation(mut self, when: AddressValidation) -> ServerBuilder {
        self.policy.address_validation = when;
        self
    }

    /// How the rate is found that a path carries, of what the server sends. Default [`CongestionControl::Cubic`].
    #[must_use]
    pub fn congestion_control(mut self, algorithm: CongestionControl) -> ServerBuilder {
        self.transport.recovery.congestion_control = algorithm;
        self
    }

    /// How long a client may take for its handshake, by QUIC and by TLS over TCP. After that what is kept of it is dropped, whatever still
    /// arrives. Default 10 s: several probe timeouts of a slow path. A shorter time sooner frees what clients hold that begin and go no
    /// further; on paths of long round trips or of much loss a handshake needs some seconds.
    #[must_use]
    pub fn handshake_timeout(mut self, longest: Duration) -> ServerBuilder {
        self.transport.handshake_timeout = longest;
        self
    }

    /// How many bytes of dynamic table are kept in each direction, so that fields which come again take a byte or two (RFC 9204
    /// section 3.2). Zero, the default: none, and no message waits for another. Each connection that uses it holds up to three
    /// times as much for each direction.
    #[must_use]
    pub fn dynamic_table(mut self, bytes: u32) -> ServerBuilder {
        self.http.set_dynamic_table(bytes);
        self
    }

    /// Takes WebTransport sessions, as many on each connection and as large as these limits say: requests for them come to the handler,
    /// who makes a [`SessionRequest`](crate::SessionRequest) of each.
    #[must_use]
    pub fn webtransport(mut self, limits: &webtransport::Config) -> ServerBuilder {
        self.http.webtransport = Some(limits.settings());
        self.http.extended_connect = true;
        self.http.datagrams = true;
        self
    }

    /// Serves sessions without HTTP as well, by a protocol of the application's own (ALPN, RFC 7301) at the same addresses: each is a QUIC
    /// connection with its streams and datagrams ([`Client::open_session`](crate::Client::open_session) is the other end). The handler
    /// is given it when the client's handshake is complete, and is called on the thread of the connection; a session that nobody holds
    /// any more is closed. May be called more than once, for further protocols. Where [`ServerBuilder::drain`] lets requests finish, it
    /// lets sessions, which learn of it ([`Session::draining`](crate::Session::draining)).
    ///
    /// ```no_run
    /// # use posthaste::{Error, Identity, Server, Session};
    /// # fn main() -> Result<(), Error> {
    /// Server::builder(Identity::development(&[])?)
    ///     .listen("127.0.0.1:4433".parse().expect("an address"))
    ///     .session_protocol("echo/1", |session: Session| async move {
    ///         let (mut send, mut receive) = session.accept_bidirectional().await?;
    ///         send.write_all(receive.read_to_end(1 << 20).await?).await?;
    ///         send.finish()?;
    ///         send.closed().await
    ///     })
    ///     .run_sessions(1)
    /// # }
    /// ```
    #[must_use]
    pub fn session_protocol<F>(
        mut self,
        name: &str,
        handler: impl Fn(Session) -> F + Send + Sync + 'static,
    ) -> ServerBuilder
    where
        F: Future<Output: Outcome> + 'static,
    {
        self.protocols.push(SessionProtocol::new(name, handler));
        self
    }

    /// The same; and a session that begins with early data (0-RTT), where the server's
    /// [`Tickets`](crate::Tickets::dangerous_accept_early_data_that_may_be_replayed) take any, comes to the handler at once. What it
    /// reads as long as [`Session::is_early`](crate::Session::is_early) may be a repetition of what somebody has recorded, and comes from an
    /// address that may be forged: only what means the same any number of times may be answered, and everything else has to wait for
    /// [`Session::proven`](crate::Session::proven).
    #[must_use]
    pub fn dangerous_session_protocol_with_early_data_that_may_be_replayed<F>(
        mut self,
        name: &str,
        handler: impl Fn(Session) -> F + Send + Sync + 'static,
    ) -> ServerBuilder
    where
        F: Future<Output: Outcome> + 'static,
    {
        self.protocols.push(SessionProtocol::new(name, handler).taking_early_data());
        self
    }

    /// The most connections at a time, of each worker. Default 100,000. Clients beyond them are refused, which they learn
    /// within a round trip (RFC 9000 section 5.2.2).
    #[must_use]
    pub fn max_connections(mut self, most: usize) -> ServerBuilder {
        self.policy.max_connections = Some(most);
        self
    }

    /// The most connections at a time that clients of one network may have, by UDP and by TCP together and with all workers: of the
    /// first 24 bits of an IPv4 address, or the first 56 of an IPv6 address. Default a quarter of [`max_connections`](ServerBuilder::max_connections)
    /// of all workers, and 1,000 at least. By TCP, further ones are reset; by UDP, they are refused with CONNECTION_REFUSED once they have
    /// shown their address, or closed with H3_EXCESSIVE_LOAD (without HTTP: CONNECTION_REFUSED). A server behind a proxy that passes
    /// connections on from its own address needs more.
    #[must_use]
    pub fn max_connections_per_network(mut self, most: usize) -> ServerBuilder {
        self.policy.max_of_network = Some(most);
        self
    }

    /// The most requests under way at a time, by every version of HTTP, on all connections and with all workers. Default 100,000. A request
    /// is under way until nobody works on its answer any more: a WebSocket or a tunnel as long as it lasts. Further requests are answered
    /// with 503 and Retry-After before a handler is given them, and [`ServerEvent::RequestsFull`] is told.
    #[must_use]
    pub const fn max_requests(mut self, most: usize) -> ServerBuilder {
        self.answering.max_requests = most;
        self
    }

    /// Bytes of content that all connections may hold, by every version of HTTP and with all workers, who have equal parts of it: a fifth
    /// for what waits to be sent or acknowledged, and the rest for what clients may send before handlers read it. Default 1.25 GiB for each
    /// worker. One connection may have half of what the others leave, and 32 KiB to send and 64 KiB to be sent whatever they have, so that
    /// nobody is refused for want of memory; [`ServerEvent::MemoryShort`] is told when all that may wait to be sent is there.
    #[must_use]
    pub const fn memory(mut self, bytes: u64) -> ServerBuilder {
        self.policy.memory = Some(bytes);
        self
    }

    /// The part of [`ServerBuilder::memory`] that is for what clients may send before handlers read it, of each worker. Default 1 GiB, of
    /// which a connection begins with up to 768 KiB by QUIC, 1 MiB by HTTP/2 and 80 KiB by HTTP/1.1; beyond it, each has 64 KiB all the
    /// same ([`quic::EndpointConfig::receive_memory`]).
    #[must_use]
    pub fn receive_memory(mut self, bytes: u64) -> ServerBuilder {
        self.policy.receive_memory = Some(bytes);
        self
    }

    /// How the server's connection IDs are made up. Default 8 bytes.
    #[must_use]
    pub fn id_layout(mut self, layout: IdLayout) -> ServerBuilder {
        self.policy.ids = layout;
        self
    }

    /// Whether the kernel is asked to give each packet to the worker of its connection, by a small program
    /// (`SO_ATTACH_REUSEPORT_CBPF`) that reads the worker from the connection ID. Default true. Otherwise, and where the kernel
    /// refuses, a packet of a client that has moved may come to another worker, which hands it over. The program is for
    /// at most 256 workers, and IDs of at least 8 bytes.
    #[must_use]
    pub const fn steer_workers(mut self, is_steered: bool) -> ServerBuilder {
        self.policy.is_steered = is_steered;
        self
    }

    /// What the keys are made of that outlive connections: of stateless resets, Retry tokens and connection IDs. A server
    /// that is given the same again can reset connections of its life before (RFC 9000 section 10.3). Without this each start
    /// draws one.
    #[must_use]
    pub fn secret(mut self, secret: [u8; 32]) -> ServerBuilder {
        self.policy.secret = Some(secret);
        self
    }

    /// Keeps the secret of [`ServerBuilder::secret`] in this folder, in a file that its owner alone may read: made if there is
    /// none, and used again in the next life. Servers that share a folder share the secret.
    ///
    /// # Errors
    /// The file cannot be made or read, is something else, or may be read by others.
    pub fn state(self, folder: impl AsRef<Path>) -> Result<ServerBuilder, Error> {
        state::secret(folder.as_ref()).map(|secret| self.secret(secret))
    }

    /// The cryptography to use instead of `ring`'s.
    #[must_use]
    pub fn provider(mut self, provider: Provider) -> ServerBuilder {
        self.policy.provider = provider;
        self
    }

    /// The key exchanges to accept, best first. By default all of the provider's, X25519MLKEM768 before X25519. Those that the
    /// provider does not have are passed over; if none is left, every handshake fails.
    #[must_use]
    pub fn key_exchange_groups(mut self, groups: impl IntoIterator<Item = NamedGroup>) -> ServerBuilder {
        self.policy.groups = Groups::Only(groups.into_iter().collect());
        self
    }

    /// Arranges at this path, over a Unix socket, that one server follows another without refusing a client. If a server listens
    /// there when this one starts, it hands its ports over, and ends when the requests under way on its connections have; those
    /// stay with it as long as their clients do not move. Then this one listens there, for its own successor. Who may write to the
    /// socket can end the server; it is made for its owner alone. A server that was asked ends also if the other one fails.
    #[must_use]
    pub fn takeover(mut self, socket: impl Into<PathBuf>) -> ServerBuilder {
        self.takeover = Some(socket.into());
        self
    }

    /// Shows to certificate authorities that ask by TCP what they look for ([`Acme`](crate::Acme)), as long as there is anything.
    #[must_use]
    pub fn acme_challenges(mut self, challenges: AcmeChallenges) -> ServerBuilder {
        self.challenges = Some(challenges);
        self
    }
}
