//! A server: sockets, an identity, and one function that answers requests.

pub(crate) mod answer;
pub(crate) mod authorities;
pub(crate) mod base64;
mod census;
pub(crate) mod client_trust;
mod duties;
pub(crate) mod ending;
pub(crate) mod event;
pub(crate) mod handler;
pub(crate) mod identity;
pub(crate) mod identity_handle;
pub(crate) mod meter;
mod plain;
mod policy;
mod state;
mod takeover;
mod tcp_options;
pub(crate) mod workers;

use crate::acme::challenges::AcmeChallenges;
use crate::client::take_datagrams;
use crate::error::Error;
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::http3::door;
use crate::http3::link::{Endpoint, Link, Waits};
use crate::server::answer::{Answer, OnAnswer};
use crate::server::authorities::{AuthoritySource, Served};
use crate::server::census::Count;
use crate::server::ending::Ending;
use crate::server::event::{OnConnectionEnd, OnEvent, ServerEvent};
use crate::server::handler::{Answering, Outcome, spawn_each};
use crate::server::identity::Identity;
use crate::server::plain::{Plain, PlainOptions};
use crate::server::policy::Policy;
use crate::server::takeover::Predecessor;
use crate::server::tcp_options::{ATTEMPTS, Sockets, is_taken, listen_beside, listen_plain, preferred_port};
use crate::server::workers::{Stop, Workers, either, signals};
use crate::tcp::listen;
use crate::tcp::machine::{ACME, PROTOCOLS};
use crate::tcp::server::{Entrance, Parts, Tcp};
use crate::tickets::Tickets;
use crate::tokens;
use crate::trace::{SharedTrace, TraceConsumer};
use crate::wall_clock::{SystemClock, date_now};
use crypto::{NamedGroup, Provider};
use quic::{AddressValidation, Admission, CongestionControl, EndpointStats, IdLayout, Incoming, PathStats, Stats};
use runtime::{Executor, Handle, Handover, Offer, SignalMark, TcpListener, TcpOptions, UdpOptions, UdpSocket};
use std::future::{Future, poll_fn};
use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener, UdpSocket as StdUdpSocket};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
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

/// A running server. Dropping it ends it at once; see [`Server::shutdown`].
#[must_use = "dropping a server ends it"]
pub struct Server {
    link: Rc<Link>,
    /// Its TCP connections, if it takes any.
    tcp: Option<Rc<Tcp>>,
    /// The first so many of its sockets are where it listens; the others are where it would rather be reached.
    listening: usize,
    /// Where it listens without TLS.
    plain: Vec<SocketAddr>,
    handle: Handle,
    ending: Arc<Ending>,
    /// From when on signals count.
    signals: Option<SignalMark>,
}

/// How long requests under way may take once a server is told to end.
const DRAIN: Duration = Duration::from_secs(30);
/// The longest that clients get to see the notice before new requests are rejected.
const NOTICE: Duration = Duration::from_secs(1);
/// The shortest: clients on the same host.
const SHORTEST_NOTICE: Duration = Duration::from_millis(2);
/// How long a server that ends waits for those who are owed nothing but have not confirmed the notice: they may be gone.
const CONFIRMATION: Duration = Duration::from_secs(1);
/// TCP connections of a worker at a time where nothing else was said: as many as by QUIC. Each needs a descriptor, and the process
/// may have fewer.
const MAX_TCP_CONNECTIONS: usize = 100_000;
/// Connections of a server that ends that go on when a successor has taken over its port: each needs a descriptor, and of
/// those a process may have 1,024 where nobody said otherwise.
const MAX_OUTLIVING: usize = 512;

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
            tcp: false,
            plain: PlainOptions::default(),
            public_port: None,
            challenges: None,
            transport: quic::Config::default(),
            http: h3::Config::default(),
            answering: Answering::default(),
            sockets: UdpOptions::default(),
        }
    }

    /// Where it listens, with the ports that the system chose where it was asked to.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.link.addresses().get(..self.listening).unwrap_or_default()
    }

    /// Where it listens without TLS: [`ServerBuilder::redirect_http`].
    pub fn plain_addresses(&self) -> &[SocketAddr] {
        &self.plain
    }

    /// Requests that are being answered.
    pub fn requests_under_way(&self) -> usize {
        self.link.exchange_count() + self.tcp.as_ref().map_or(0, |tcp| tcp.exchange_count())
    }

    /// The addresses of the clients that are connected by TCP.
    pub fn tcp_clients(&self) -> Vec<SocketAddr> {
        self.tcp.as_ref().map(|tcp| tcp.remotes()).unwrap_or_default()
    }

    /// What each open QUIC connection has sent, received and measured, and the address of its client. Not to be called while the
    /// server itself calls, as `on_event` is: then it gives nothing.
    pub fn connections(&self) -> Vec<(SocketAddr, Stats)> {
        self.link.connection_stats()
    }

    /// What is known of each path of each open connection: the one in use first, then those its client came from or may go to.
    /// As for [`Server::connections`].
    pub fn paths(&self) -> Vec<Vec<PathStats>> {
        self.link.connection_paths()
    }

    /// How much the server holds, and what became of clients' first packets. As for [`Server::connections`].
    pub fn stats(&self) -> EndpointStats {
        self.link.endpoint_stats()
    }

    /// Ends well: takes no more connections, tells clients to send no more requests, lets those under way finish, and
    /// waits until all that was answered has arrived. After `patience` it ends regardless.
    ///
    /// # Errors
    /// [`Error::Unfinished`]: requests were cut short.
    pub async fn shutdown(self, patience: Duration) -> Result<(), Error> {
        self.end(patience, std::future::pending::<()>()).await
    }

    /// The same, or at once when `at_once` is ready. In any case clients are told.
    async fn end<T>(&self, patience: Duration, at_once: impl Future<Output = T>) -> Result<(), Error> {
        let is_taken_over = self.ending.is_taken_over();
        self.link.with_endpoint(|endpoint, _| match is_taken_over {
            true => endpoint.quic_mut().ignore_newcomers(),
            false => endpoint.quic_mut().stop_accepting(),
        });
        either(self.handle.timeout(patience, self.drain(patience)), at_once).await;
        let requests = self.waits().requests;
        self.close().await;
        if requests == 0 { Ok(()) } else { Err(Error::Unfinished { requests }) }
    }

    /// Waits until the sockets cannot be used any more, which they usually can for ever.
    pub async fn broken(&self) -> Error {
        poll_fn(|context| self.link.poll_broken(context).map(Error::system)).await
    }

    /// Until nothing is left to be answered or acknowledged.
    async fn drain(&self, patience: Duration) {
        // RFC 9114 s5.2: first a notice, so that requests on their way are still served; then the end. A client that connects
        // anew because of the notice is to find the successor.
        let is_taken_over = self.ending.is_taken_over();
        if !is_taken_over {
            self.link.say_goaway();
            self.drain_tcp();
        }
        self.yield_ports().await;
        let waits = self.ending.begin(self.waits(), self.addresses());
        if is_taken_over {
            self.ending.succeeded().await;
            self.link.say_goaway();
            self.leave_tcp().await;
        }
        if let Some(Waits { connections, requests }) = waits.filter(|waits| waits.connections > 0) {
            self.link.tell(&ServerEvent::Ending { connections, requests, patience });
        }
        self.handle.sleep(self.longest_round_trip().clamp(SHORTEST_NOTICE, NOTICE)).await;
        self.link.say_goaway();
        poll_fn(|context| self.link.poll_answered(context)).await;
        self.delivered().await;
        if let Some(tcp) = &self.tcp {
            poll_fn(|context| tcp.poll_over(context)).await;
        }
    }

    /// What the end waits for, by UDP and by TCP.
    fn waits(&self) -> Waits {
        let waits = self.link.waits();
        let (connections, requests) =
            self.tcp.as_ref().map_or((0, 0), |tcp| (tcp.connection_count(), tcp.exchange_count()));
        Waits { connections: waits.connections + connections, requests: waits.requests + requests }
    }

    /// A successor listens: new connections by TCP are left to it, and those that were on their way are taken.
    async fn leave_tcp(&self) {
        let Some(tcp) = &self.tcp else { return };
        tcp.leave_to_successor();
        self.handle.sleep(NOTICE).await;
        tcp.drain();
    }

    fn drain_tcp(&self) {
        if let Some(tcp) = &self.tcp {
            tcp.drain();
        }
    }

    /// Until all answers have arrived, and until all clients have confirmed the end, or have had the time to.
    async fn delivered(&self) {
        loop {
            let idle = poll_fn(|context| self.link.poll_idle(context));
            let is_idle = self.handle.timeout(CONFIRMATION, idle).await.is_ok();
            if is_idle || self.link.waits().requests == 0 {
                return;
            }
        }
    }

    /// Lets a successor have the ports, and keeps the clients.
    async fn yield_ports(&self) {
        self.link.share_ports().await;
        // One that failed does not share any more, and has no sockets either.
        let _ = self.handle.timeout(CONFIRMATION, self.ending.all_share()).await;
        self.link.bind_beside(MAX_OUTLIVING / self.ending.workers());
    }

    fn longest_round_trip(&self) -> Duration {
        let longest = |endpoint: &mut Endpoint, _| {
            let quic = endpoint.quic();
            quic.handles().filter_map(|handle| Some(quic.connection(handle)?.stats().smoothed_rtt)).max()
        };
        self.link.with_endpoint(longest).flatten().unwrap_or_default()
    }

    /// Closes what is open, and lets the driver say so.
    async fn close(&self) {
        if let Some(tcp) = &self.tcp {
            tcp.close();
        }
        self.link.close_all();
        self.link.farewell().await;
        self.link.stop();
    }
}

impl Drop for Server {
    /// Requests under way hold what they need of it, and end with it.
    fn drop(&mut self) {
        if let Some(tcp) = &self.tcp {
            tcp.close();
        }
        self.link.give_up();
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
    /// [`Request::peer_identity`]. A resolver may ask the clients of some names for something else; a request for a host whose
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
    /// ([`Request::is_websocket`]): sets [`Http3Config::extended_connect`](crate::Http3Config). The handler may then be asked for other protocols
    /// as well ([`Request::protocol`]), and answers those that it does not know with 501.
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

    /// How long requests under way may take when [`ServerBuilder::run`] is told to end. Default 30 s.
    #[must_use]
    pub fn drain(mut self, patience: Duration) -> ServerBuilder {
        self.drain = patience;
        self
    }

    /// From now on SIGINT, SIGQUIT and SIGTERM do not end the process but wait for [`Server::until_signal`] or
    /// [`Workers::until_signal`]. Otherwise those hear of signals from when they are called: for programs that say that they are
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

    /// The most connections at a time, of each worker. Default 100,000. Clients beyond them are refused, which they learn
    /// within a round trip (RFC 9000 section 5.2.2).
    #[must_use]
    pub fn max_connections(mut self, most: usize) -> ServerBuilder {
        self.policy.max_connections = Some(most);
        self
    }

    /// Bytes that all connections of each worker together allow their clients to send before handlers read them. Default 1 GiB, of
    /// which a connection begins with up to 768 KiB; beyond it, each has 64 KiB all the same
    /// ([`quic::EndpointConfig::receive_memory`]).
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

    /// Starts it on an executor. Each request is a task of its own, which ends with the future that `handler` gives, or
    /// when its client gives up.
    ///
    /// # Errors
    /// An address cannot be listened on, or none was given.
    pub fn start<F>(mut self, handle: &Handle, handler: impl Fn(Request, Reply) -> F + 'static) -> Result<Server, Error>
    where
        F: Future<Output: Outcome> + 'static,
    {
        let (takeover, predecessor) = self.predecessor()?;
        self.succeeds = predecessor.is_some();
        let mut sockets = self.bind_both(1)?;
        sockets.plain = self.bind_plain(predecessor.is_some())?;
        let on_listening = self.on_listening.clone();
        let ending = Arc::new(Ending::new(1));
        let server = self.start_on(handle, sockets, None, ending.clone(), handler)?;
        succeed(takeover.as_deref(), predecessor, &ending)?;
        on_listening.inspect(|on_listening| on_listening(server.addresses()));
        Ok(server)
    }

    /// Starts so many workers, each on a thread of its own. They listen at the same addresses, and a connection stays with its
    /// worker when its client moves. The handler is called on the thread of the connection, and its future stays there.
    ///
    /// # Errors
    /// As for [`ServerBuilder::start`]; connection IDs of this layout cannot name so many workers.
    pub fn start_workers<F>(
        mut self,
        count: usize,
        handler: impl Fn(Request, Reply) -> F + Send + Sync + 'static,
    ) -> Result<Workers, Error>
    where
        F: Future<Output: Outcome> + 'static,
    {
        self.policy.share(count)?;
        if count > 1 && !(self.bound.is_empty() && self.bound_tcp.is_empty()) {
            return Err(Error::message(
                "sockets that are bound already are for one worker; others cannot be bound beside them",
            ));
        }
        if count > 1 && !UdpSocket::SPREADS {
            return Err(Error::message(
                "this system gives all that comes to an address to one socket, and further workers would have nothing to do: \
                 start one worker",
            ));
        }
        let (takeover, predecessor) = self.predecessor()?;
        self.succeeds = predecessor.is_some();
        let mut sockets = self.bind_each(count)?;
        sockets[0].plain = self.bind_plain(predecessor.is_some())?;
        let plain = sockets[0].plain.iter().map(TcpListener::local_address).collect();
        self.steer(&sockets[0].udp, count)?;
        let ending = Arc::new(Ending::new(count));
        let workers = u32::try_from(count).expect("connection IDs name fewer workers");
        let ready: Vec<_> = sockets.into_iter().zip(Handover::among(workers)).map(Some).collect();
        let (ready, handler) = (Mutex::new(ready), Arc::new(handler));
        let (addresses, signals) = (self.listen.clone(), self.signals);
        let on_listening = self.on_listening.clone();
        let own_ending = ending.clone();
        let workers = Workers::spawn(count, addresses, plain, signals, move |number, executor, stop| {
            let own = ready.lock().unwrap_or_else(PoisonError::into_inner)[number].take();
            let (sockets, handover) = own.expect("each worker starts once");
            let (builder, handler) = (self.clone(), handler.clone());
            let handler = move |request, reply| handler(request, reply);
            let server = builder.start_on(executor.handle(), sockets, Some(handover), ending.clone(), handler)?;
            let (link, tcp) = (server.link.clone(), server.tcp.clone());
            executor.handle().spawn_detached(answer_census(
                Rc::downgrade(&link),
                tcp.as_ref().map(Rc::downgrade),
                stop.clone(),
                number,
            ));
            let result = executor.block_on(server.until_stopped(stop, self.drain));
            stop.census.answer(number, counted(&link, tcp.as_deref()));
            result
        })?;
        succeed(takeover.as_deref(), predecessor, &own_ending)?;
        on_listening.inspect(|on_listening| on_listening(workers.addresses()));
        Ok(workers)
    }

    /// Runs so many workers until SIGINT, SIGQUIT or SIGTERM, then lets requests under way finish. A second signal ends all at once.
    ///
    /// # Errors
    /// As for [`ServerBuilder::start_workers`]; later, that a worker's sockets cannot be used any more, or that it panicked.
    pub fn run_workers<F>(
        self,
        count: usize,
        handler: impl Fn(Request, Reply) -> F + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        F: Future<Output: Outcome> + 'static,
    {
        self.start_workers(count, handler)?.until_signal()
    }

    fn start_on<F>(
        self,
        handle: &Handle,
        sockets: Sockets,
        handover: Option<Handover>,
        ending: Arc<Ending>,
        handler: impl Fn(Request, Reply) -> F + 'static,
    ) -> Result<Server, Error>
    where
        F: Future<Output: Outcome> + 'static,
    {
        let endpoint = self.endpoint(handover.as_ref())?;
        let given: Vec<Served> = self.names.iter().map(|name| Served::parse(name)).collect::<Result<_, _>>()?;
        let authorities = || AuthoritySource::new(self.certificates(), self.clients.clone(), given.clone());
        let (by_udp, by_tcp, plain) = (authorities(), authorities(), authorities());
        let listening = self.listen.len();
        let (http1, http2) = (tcp_options::http1(&self.http), tcp_options::http2(&self.http));
        let tls = self.tls_by_tcp();
        let link = Link::serve(handle, sockets.udp, endpoint, handover).map_err(Error::system)?;
        if let Some(trace) = self.trace {
            link.trace(trace);
        }
        let on_event = self.on_event.map(|shared| Rc::new(move |event: &ServerEvent<'_>| shared(event)) as Rc<OnEvent>);
        if let Some(on_event) = &on_event {
            link.on_event(on_event.clone());
        }
        if let Some(shared) = self.on_connection_end {
            let on_end: Rc<OnConnectionEnd> = Rc::new(move |remote, stats| shared(remote, stats));
            link.on_connection_end(on_end);
        }
        let on_answer = self.on_answer.map(|shared| Rc::new(move |answer: &Answer<'_>| shared(answer)) as Rc<OnAnswer>);
        let port = self.public_port.unwrap_or_else(|| preferred_port(link.addresses().iter().take(listening)));
        let plain = Rc::new(Plain { authorities: plain, port, challenges: self.plain.challenges });
        let answer_plain = move |request, reply| plain.clone().answer(request, reply);
        let on_plain_request =
            spawn_each(handle.clone(), answer_plain, on_event.clone(), on_answer.clone(), Answering::default());
        let on_request = Rc::new(spawn_each(handle.clone(), handler, on_event.clone(), on_answer, self.answering));
        let plain: Vec<SocketAddr> = sockets.plain.iter().map(TcpListener::local_address).collect();
        let parts = Parts {
            tls: Arc::new(tls),
            http1,
            http2,
            authorities: by_tcp,
            on_request: on_request.clone(),
            on_plain_request: (!plain.is_empty()).then_some(on_plain_request),
            on_event,
            max_connections: self.policy.max_connections.unwrap_or(MAX_TCP_CONNECTIONS),
        };
        let workers = u32::try_from(ending.workers()).expect("connection IDs name fewer workers");
        let has_tcp = self.tcp || !plain.is_empty() || !sockets.tcp.is_empty();
        let tcp = has_tcp.then(|| Tcp::new(handle, parts));
        let secure = sockets.tcp.into_iter().map(|listener| {
            let port = self.public_port.unwrap_or(listener.local_address().port());
            (listener, Entrance::secure(port), workers)
        });
        let unsecured = sockets.plain.into_iter().map(|listener| (listener, Entrance::Plain, 1));
        for (listener, entrance, siblings) in secure.chain(unsecured) {
            let tcp = tcp.as_ref().expect("listeners are opened for a server that has TCP");
            listen::serve(handle, tcp, listener, entrance, siblings).map_err(Error::system)?;
        }
        if let Some(tcp) = tcp.as_ref().filter(|_| self.succeeds) {
            tcp.spread_after(takeover::PATIENCE);
        }
        door::serve(
            &link,
            by_udp,
            Box::new(move |exchange, head, authorities| on_request(exchange, head, authorities)),
        );
        Ok(Server { link, tcp, listening, plain, handle: handle.clone(), ending, signals: self.signals })
    }

    /// Where a takeover is arranged, and the server there that has offered its ports.
    fn predecessor(&self) -> Result<(Option<PathBuf>, Option<Predecessor>), Error> {
        if self.takeover.is_some() && !Offer::IS_POSSIBLE {
            return Err(Error::message(
                "this system does not let a server take over a UDP port that another one serves (Linux does): \
                 start without a path for the takeover",
            ));
        }
        let predecessor = self.takeover.as_deref().map(Predecessor::ask).transpose()?.flatten();
        Ok((self.takeover.clone(), predecessor))
    }

    /// Binds all sockets: those where it listens, and behind them those where it would rather be reached. From then on it knows
    /// the ports that the system has chosen for these.
    fn bind(&mut self) -> Result<Vec<UdpSocket>, Error> {
        if self.listen.is_empty() && self.bound.is_empty() {
            return Err(Error::Message("the server has no address to listen on".into()));
        }
        let mut sockets = self.adopt()?;
        let addresses: Vec<SocketAddr> = sockets.iter().map(UdpSocket::local_address).collect();
        for address in &self.listen {
            sockets.push(bind(*address, &self.options_at(*address))?);
        }
        self.listen.splice(0..0, addresses);
        for index in 0..self.preferred.len() {
            let address = self.preferred[index];
            if address.ip().is_unspecified() {
                let words = format!("clients cannot be sent to {address}: a preferred address needs a host of its own");
                return Err(Error::Message(words));
            }
            // A port that the system chooses is another one each time.
            if address.port() == 0 || !self.listen.iter().any(|listen| covers(*listen, address)) {
                let socket = bind(address, &self.options_at(address))?;
                self.preferred[index] = socket.local_address();
                sockets.push(socket);
            }
        }
        for address in &self.preferred {
            match address {
                SocketAddr::V4(ipv4) => self.transport.preferred_address.ipv4 = Some(*ipv4),
                SocketAddr::V6(ipv6) => self.transport.preferred_address.ipv6 = Some(*ipv6),
            }
        }
        Ok(sockets)
    }

    /// The sockets that are bound already.
    fn adopt(&self) -> Result<Vec<UdpSocket>, Error> {
        let options = UdpOptions { marks: self.sockets.marks && self.transport.recovery.ecn, ..self.sockets };
        let adopted = self.bound.iter().map(|socket| UdpSocket::adopt(socket.try_clone()?, &options));
        let adopted = adopted.collect::<io::Result<Vec<_>>>();
        adopted.map_err(|error| Error::message(format!("a socket that was handed over is none of UDP: {error}")))
    }

    fn adopt_tcp(&self) -> Result<Vec<TcpListener>, Error> {
        let adopted = self.bound_tcp.iter().map(|listener| TcpListener::adopt(listener.try_clone()?));
        let adopted = adopted.collect::<io::Result<Vec<_>>>();
        adopted
            .map_err(|error| Error::message(format!("a socket that was handed over does not listen by TCP: {error}")))
    }

    /// Binds the sockets of one of so many workers, for UDP and for TCP. A port that the system chooses is chosen anew if it is
    /// not free for TCP.
    fn bind_both(&mut self, workers: usize) -> Result<Sockets, Error> {
        let is_drawn = self.listen.iter().any(|address| address.port() == 0);
        let mut attempts = if is_drawn { ATTEMPTS } else { 1 };
        loop {
            let listen = self.listen.clone();
            let udp = self.bind()?;
            let adopted = self.adopt_tcp()?;
            if !self.tcp {
                return Ok(Sockets { udp, tcp: adopted, plain: Vec::new() });
            }
            let only_ipv6 = self.listen.iter().any(|address| self.options_at(*address).only_ipv6);
            // A successor listens beside this one for a while.
            let reuse_port = workers > 1 || self.takeover.is_some();
            let options = TcpOptions { only_ipv6, reuse_port, ..TcpOptions::default() };
            attempts -= 1;
            match listen_beside(&udp, self.listen.len(), &options) {
                Ok(tcp) => {
                    let tcp = adopted.into_iter().chain(tcp).collect();
                    return Ok(Sockets { udp, tcp, plain: Vec::new() });
                }
                Err(error) if attempts > 0 && is_taken(&error) => self.listen = listen,
                Err(error) => return Err(error),
            }
        }
    }

    /// Listens where there is no TLS. Beside a predecessor the port is shared until that one has ended.
    fn bind_plain(&self, has_predecessor: bool) -> Result<Vec<TcpListener>, Error> {
        listen_plain(&self.plain.listen, self.takeover.is_some(), has_predecessor)
    }

    /// A socket for all addresses of both families would take the port of one for IPv4.
    fn options_at(&self, address: SocketAddr) -> UdpOptions {
        let is_taken = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port() && address.port() != 0;
        let only_ipv6 = self.sockets.only_ipv6 || self.listen.iter().any(is_taken);
        UdpOptions { only_ipv6, marks: self.sockets.marks && self.transport.recovery.ecn, ..self.sockets }
    }

    /// The sockets of each worker. Another process that shares its port would take part of the connections, so the first are
    /// bound as without workers: a port that is taken is refused.
    fn bind_each(&mut self, workers: usize) -> Result<Vec<Sockets>, Error> {
        let first = self.bind_both(workers)?;
        // Where no successor can come, a single worker has nobody to share with.
        if workers > 1 || Offer::IS_POSSIBLE {
            first.udp.iter().try_for_each(UdpSocket::spread).map_err(Error::system)?;
        }
        self.listen = first.udp.iter().map(UdpSocket::local_address).take(self.listen.len()).collect();
        self.sockets.reuse_port = true;
        let mut sockets = vec![first];
        for _ in 1..workers {
            sockets.push(self.bind_both(workers)?);
        }
        if self.listen.iter().any(|address| Offer::is_made(address.port())) {
            sockets[0].udp.iter().try_for_each(UdpSocket::mind_connected).map_err(Error::system)?;
        }
        Ok(sockets)
    }

    /// Has the kernel find the worker of each packet, by the sockets of the first: they share their addresses with all others.
    /// Where it refuses, the workers hand over to each other what is not for them.
    fn steer(&self, sockets: &[UdpSocket], workers: usize) -> Result<(), Error> {
        if let Some(steering) = self.policy.steering(workers)? {
            let _refused = sockets.iter().try_for_each(|socket| socket.steer(&steering));
        }
        Ok(())
    }

    /// Runs it on this thread until SIGINT, SIGQUIT or SIGTERM, then lets requests under way finish.
    ///
    /// # Errors
    /// As for [`ServerBuilder::start`]; later, that the sockets cannot be used any more.
    pub fn run<F>(self, handler: impl Fn(Request, Reply) -> F + 'static) -> Result<(), Error>
    where
        F: Future<Output: Outcome> + 'static,
    {
        let executor = Executor::new().map_err(Error::system)?;
        let patience = self.drain;
        let server = self.start(executor.handle(), handler)?;
        executor.block_on(server.until_signal(patience))
    }

    /// Whether what it was given makes sense, as far as that shows before anything is bound.
    ///
    /// # Errors
    /// A name is no host; the settings of connection IDs, keys or groups do not go together.
    pub fn check(&self) -> Result<(), Error> {
        self.names.iter().try_for_each(|name| Served::parse(name).map(drop))?;
        self.endpoint(None).map(drop)
    }

    fn endpoint(&self, handover: Option<&Handover>) -> Result<Endpoint, Error> {
        let provider = self.policy.provider;
        let tls = self.tls(&[b"h3"]);
        let mut transport = self.transport.clone();
        take_datagrams(&mut transport, &self.http);
        let mut config = quic::EndpointConfig::new(provider, Arc::new(transport), Some(Arc::new(tls)));
        self.policy.apply(&mut config, handover)?;
        config.early_data_context = h3::early_data_context(&self.http);
        let random = Box::new(crypto_ring::SystemRandom::new());
        let mut http = self.http.clone();
        http.date.get_or_insert(date_now);
        Ok(Endpoint::new(quic::Endpoint::new(runtime::clock::now(), config, random), http))
    }

    /// Shows to certificate authorities that ask by TCP what they look for ([`Acme`](crate::Acme)), as long as there is anything.
    #[must_use]
    pub fn acme_challenges(mut self, challenges: AcmeChallenges) -> ServerBuilder {
        self.challenges = Some(challenges);
        self
    }

    /// For HTTP by TCP, and for authorities.
    fn tls_by_tcp(&self) -> tls::ServerConfig {
        let mut tls = self.tls(&PROTOCOLS);
        if let Some(challenges) = &self.challenges {
            tls.alpn.push(ACME.to_vec());
            tls.resolver = Arc::new(challenges.before(tls.resolver));
        }
        tls
    }

    /// For a carrier over which these protocols are spoken, best first.
    fn tls(&self, protocols: &[&[u8]]) -> tls::ServerConfig {
        let protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let mut tls =
            tls::ServerConfig::new(self.policy.provider, self.certificates(), protocols, Arc::new(SystemClock));
        tls.key_log = self.key_log.clone();
        tls.groups = self.policy.groups.clone();
        tls.tickets = self.tickets.as_ref().map(Tickets::policy);
        tls.client_authentication = self.clients.clone();
        tls
    }

    fn certificates(&self) -> Arc<dyn Resolver> {
        let single = || Arc::new(self.identity.clone()) as Arc<dyn Resolver>;
        self.resolver.clone().unwrap_or_else(single)
    }
}

/// Tells a predecessor that its ports are bound, and offers them to a successor in turn.
fn succeed(takeover: Option<&Path>, predecessor: Option<Predecessor>, ending: &Arc<Ending>) -> Result<(), Error> {
    if let Some(predecessor) = predecessor {
        predecessor.on_bound();
    }
    takeover.map_or(Ok(()), |path| takeover::offer(path, ending))
}

/// Says what a worker has counted whenever that is asked, as long as it serves.
async fn answer_census(link: Weak<Link>, tcp: Option<Weak<Tcp>>, stop: Stop, number: usize) {
    loop {
        stop.census.question(number).await;
        let Some(link) = link.upgrade() else { return };
        let tcp = tcp.as_ref().and_then(Weak::upgrade);
        stop.census.answer(number, counted(&link, tcp.as_deref()));
    }
}

fn counted(link: &Link, tcp: Option<&Tcp>) -> Count {
    Count {
        stats: link.endpoint_stats(),
        connections: link.connection_stats(),
        tcp_connections: tcp.map_or(0, Tcp::connection_count),
        requests: link.exchange_count() + tcp.map_or(0, Tcp::exchange_count),
    }
}

/// Whether a socket that is bound to `listen` receives what is sent to `address`.
fn covers(listen: SocketAddr, address: SocketAddr) -> bool {
    let is_for_all = listen.ip().is_unspecified() && listen.is_ipv4() == address.is_ipv4();
    listen == address || (is_for_all && listen.port() == address.port() && address.port() != 0)
}

/// A socket for an address that is free, or that a server offers which is ending.
fn bind(address: SocketAddr, options: &UdpOptions) -> Result<UdpSocket, Error> {
    let bound = UdpSocket::bind_with(address, options).or_else(|error| {
        if error.kind() == io::ErrorKind::AddrInUse && Offer::is_made(address.port()) {
            UdpSocket::bind_with(address, &UdpOptions { take_over: true, ..*options })
        } else {
            Err(error)
        }
    });
    bound.map_err(|error| Error::Listen { address, error: Arc::new(error) })
}

impl Server {
    /// Runs until SIGINT, SIGQUIT or SIGTERM, then lets requests under way finish, at most for `patience`. A second signal ends it
    /// at once. Clients are told in any case.
    ///
    /// # Errors
    /// The sockets cannot be used any more, or [`Error::Unfinished`]: requests were cut short.
    pub async fn until_signal(self, patience: Duration) -> Result<(), Error> {
        let mut signals = signals(&self.handle, self.signals)?;
        self.unbroken_until(either(signals.next(), self.ending.taken_over())).await?;
        self.end(patience, signals.next()).await
    }

    async fn until_stopped(self, stop: &Stop, patience: Duration) -> Result<(), Error> {
        self.unbroken_until(either(stop.drain.wait(), self.ending.taken_over())).await?;
        self.end(patience, stop.close.wait()).await
    }

    /// Waits for `end`, or for the sockets to break.
    async fn unbroken_until<T>(&self, end: impl Future<Output = T>) -> Result<(), Error> {
        let mut broken = pin!(self.broken());
        let mut end = pin!(end);
        poll_fn(|context| {
            if end.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            broken.as_mut().poll(context).map(Err)
        })
        .await
    }
}
