//! From what a server is to be to one that runs: sockets, TLS, workers.

use crate::client::{take_datagrams, with_datagrams};
use crate::error::Error;
use crate::exchange::calls::OnRequest;
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::http3::door;
use crate::http3::link::{Endpoint, Link};
use crate::http3::raw_session;
use crate::server::answer::{Answer, OnAnswer};
use crate::server::authorities::{AuthoritySource, Served};
use crate::server::builder::{ServerBuilder, SharedOnConnectionEnd, SharedOnEvent};
use crate::server::census::Count;
use crate::server::ending::Ending;
use crate::server::event::{OnConnectionEnd, OnEvent, ServerEvent};
use crate::server::handler::{Answering, Outcome, spawn_each};
use crate::server::memory::Memory;
use crate::server::networks::Networks;
use crate::server::plain::Plain;
use crate::server::session_protocol::SessionProtocol;
use crate::server::takeover::Predecessor;
use crate::server::tcp_options::{ATTEMPTS, Sockets, is_taken, listen_beside, listen_plain, preferred_port};
use crate::server::under_way::UnderWay;
use crate::server::workers::{Stop, Workers};
use crate::server::{MAX_TCP_CONNECTIONS, Server, takeover, tcp_options};
use crate::tcp::listen;
use crate::tcp::machine::{ACME, PROTOCOLS};
use crate::tcp::server::{Entrance, Parts, Tcp};
use crate::tickets::Tickets;
use crate::wall_clock::{SystemClock, date_now};
use crate::webtransport::protocol;
use runtime::{Executor, Handle, Handover, Offer, Predecessors, TcpListener, TcpOptions, UdpOptions, UdpSocket};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, PoisonError};
use tls::Resolver;

impl ServerBuilder {
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
        self.set_predecessor(predecessor.as_ref());
        self.policy.begin_to_count(1, MAX_TCP_CONNECTIONS);
        self.answering.begin_to_count();
        let mut sockets = self.bind_both(1)?;
        sockets.plain = self.bind_plain(predecessor.is_some())?;
        let on_listening = self.on_listening.clone();
        let ending = Arc::new(Ending::new(1));
        let handover = Handover::among(1, self.predecessors()).remove(0);
        let server = self.start_on(handle, sockets, handover, ending.clone(), handler)?;
        succeed(takeover.as_deref(), predecessor, &ending)?;
        on_listening.inspect(|on_listening| on_listening(server.addresses()));
        Ok(server)
    }

    /// Starts a server of [`ServerBuilder::session_protocol`] alone, which speaks no HTTP, on an executor.
    ///
    /// # Errors
    /// As for [`ServerBuilder::start`]; there is no protocol.
    pub fn start_sessions(self, handle: &Handle) -> Result<Server, Error> {
        self.sessions_alone()?.start(handle, no_request)
    }

    /// The same with so many workers, as [`ServerBuilder::start_workers`] does.
    ///
    /// # Errors
    /// As for [`ServerBuilder::start_workers`]; there is no protocol.
    pub fn start_session_workers(self, count: usize) -> Result<Workers, Error> {
        self.sessions_alone()?.start_workers(count, no_request)
    }

    /// The same until SIGINT, SIGQUIT or SIGTERM, then lets sessions end. A second signal ends all at once.
    ///
    /// # Errors
    /// As for [`ServerBuilder::start_session_workers`]; later as for [`ServerBuilder::run_workers`].
    pub fn run_sessions(self, workers: usize) -> Result<(), Error> {
        self.start_session_workers(workers)?.until_signal()
    }

    fn sessions_alone(mut self) -> Result<ServerBuilder, Error> {
        if self.protocols.is_empty() {
            return Err(Error::Message("there is nothing to serve: name a protocol by session_protocol".into()));
        }
        if self.tcp || !self.bound_tcp.is_empty() || !self.plain.listen.is_empty() {
            return Err(Error::Message(
                "sessions without HTTP have no way over TCP: serve HTTP beside them for that".into(),
            ));
        }
        self.without_http = true;
        Ok(self)
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
        self.policy.begin_to_count(count, MAX_TCP_CONNECTIONS);
        self.answering.begin_to_count();
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
        self.set_predecessor(predecessor.as_ref());
        let mut sockets = self.bind_each(count)?;
        sockets[0].plain = self.bind_plain(predecessor.is_some())?;
        let plain = sockets[0].plain.iter().map(TcpListener::local_address).collect();
        self.steer(&sockets[0].udp, count)?;
        let ending = Arc::new(Ending::new(count));
        let workers = u32::try_from(count).expect("connection IDs name fewer workers");
        let handovers = Handover::among(workers, self.predecessors());
        let ready: Vec<_> = sockets.into_iter().zip(handovers).map(Some).collect();
        let (ready, handler) = (Mutex::new(ready), Arc::new(handler));
        let (addresses, signals) = (self.listen.clone(), self.signals);
        let on_listening = self.on_listening.clone();
        let own_ending = ending.clone();
        let workers = Workers::spawn(count, addresses, plain, signals, move |number, executor, stop| {
            let own = ready.lock().unwrap_or_else(PoisonError::into_inner)[number].take();
            let (sockets, handover) = own.expect("each worker starts once");
            let (builder, handler) = (self.clone(), handler.clone());
            let handler = move |request, reply| handler(request, reply);
            let server = builder.start_on(executor.handle(), sockets, handover, ending.clone(), handler)?;
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
        handover: Handover,
        ending: Arc<Ending>,
        handler: impl Fn(Request, Reply) -> F + 'static,
    ) -> Result<Server, Error>
    where
        F: Future<Output: Outcome> + 'static,
    {
        let endpoint = self.endpoint(Some(&handover).filter(|handover| handover.workers() > 1))?;
        let memory = Memory::of(endpoint.quic());
        let given: Vec<Served> = self.names.iter().map(|name| Served::parse(name)).collect::<Result<_, _>>()?;
        let authorities = || AuthoritySource::new(self.certificates(), self.clients.clone(), given.clone());
        let (by_udp, by_tcp, plain) = (authorities(), authorities(), authorities());
        let listening = self.listen.len();
        let (tls, http1, http2) = (self.tls_by_tcp(), tcp_options::http1(&self.http), tcp_options::http2(&self.http));
        let networks = self.policy.networks.clone();
        let link = serve_quic(handle, sockets.udp, endpoint, &handover, &networks).map_err(Error::system)?;
        self.trace.into_iter().for_each(|trace| link.trace(trace));
        let on_event = tell_events(&link, self.on_event, self.says_older, &handover);
        tell_ends(&link, self.on_connection_end);
        let cut = self.answering.names_cut.then(Rc::<UnderWay>::default);
        let on_answer = self.on_answer.map(|shared| Rc::new(move |answer: &Answer<'_>| shared(answer)) as Rc<OnAnswer>);
        let port = self.public_port.unwrap_or_else(|| preferred_port(link.addresses().iter().take(listening)));
        let plain = Plain { authorities: plain, port, challenges: self.plain.challenges };
        let on_plain_request = send_on(handle, plain, &on_event, &on_answer, &self.answering);
        let (executor, answering, held) = (handle.clone(), self.answering, Some(memory.clone()));
        let on_request = spawn_each(executor, handler, on_event.clone(), on_answer, answering, cut.clone(), held);
        let on_request = Rc::new(on_request);
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
            handshake_timeout: self.transport.handshake_timeout,
            networks,
            memory,
        };
        let workers = u32::try_from(ending.workers()).expect("connection IDs name fewer workers");
        let has_tcp = self.tcp || !plain.is_empty() || !sockets.tcp.is_empty();
        let tcp = has_tcp.then(|| Tcp::new(handle, parts));
        if let Some(tcp) = &tcp {
            open_doors(handle, tcp, (sockets.tcp, sockets.plain), self.public_port, workers)?;
            if self.succeeds {
                tcp.spread_after(takeover::PATIENCE);
            }
        }
        serve_sessions(&link, self.protocols, handle);
        let on_request: OnRequest =
            Box::new(move |exchange, head, authorities| on_request(exchange, head, authorities));
        door::serve(&link, by_udp, on_request);
        Ok(Server {
            link,
            tcp,
            listening,
            plain,
            handle: handle.clone(),
            ending,
            handover,
            signals: self.signals,
            under_way: cut,
        })
    }

    /// The servers that still have clients at these ports, and have let this one bind beside them.
    fn predecessors(&self) -> Predecessors {
        let mut ports: Vec<u16> = self.listen.iter().chain(&self.preferred).map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports.dedup();
        Predecessors::of(ports.into_iter())
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

    fn set_predecessor(&mut self, predecessor: Option<&Predecessor>) {
        self.succeeds = predecessor.is_some();
        self.says_older = predecessor.is_some_and(Predecessor::is_older);
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

    /// What is spoken over QUIC, best first.
    fn names_by_quic(&self) -> Result<Vec<&[u8]>, Error> {
        let mut names = if self.without_http { Vec::new() } else { vec![h3::ALPN] };
        for protocol in &self.protocols {
            protocol::check(&protocol.name)?;
            if names.contains(&protocol.name.as_bytes()) {
                return Err(Error::Message(format!("the protocol {:?} is served twice", protocol.name)));
            }
            names.push(protocol.name.as_bytes());
        }
        Ok(names)
    }

    fn endpoint(&self, handover: Option<&Handover>) -> Result<Endpoint, Error> {
        let provider = self.policy.provider;
        let tls = self.tls(&self.names_by_quic()?);
        let mut transport = self.transport.clone();
        take_datagrams(&mut transport, &self.http);
        if !self.protocols.is_empty() {
            transport = with_datagrams(transport);
        }
        let mut config = quic::EndpointConfig::new(provider, Arc::new(transport), Some(Arc::new(tls)));
        self.policy.apply(&mut config, handover)?;
        config.early_data_context = h3::early_data_context(&self.http);
        let random = Box::new(crypto_ring::SystemRandom::new());
        let mut http = self.http.clone();
        http.date.get_or_insert(date_now);
        Ok(Endpoint::new(quic::Endpoint::new(runtime::clock::now(), config, random), http))
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

/// Who is given requests that come without TLS. They are counted with the others.
fn send_on(
    handle: &Handle,
    plain: Plain,
    on_event: &Option<Rc<OnEvent>>,
    on_answer: &Option<Rc<OnAnswer>>,
    of_others: &Answering,
) -> OnRequest {
    let plain = Rc::new(plain);
    let answer = move |request, reply| plain.clone().answer(request, reply);
    let answering = Answering { seats: of_others.seats.clone(), ..Answering::default() };
    spawn_each(handle.clone(), answer, on_event.clone(), on_answer.clone(), answering, None, None)
}

/// Takes connections by TCP, with TLS and without. Where clients come by another port, that is what they are told.
fn open_doors(
    handle: &Handle,
    tcp: &Rc<Tcp>,
    (secure, unsecured): (Vec<TcpListener>, Vec<TcpListener>),
    public_port: Option<u16>,
    workers: u32,
) -> Result<(), Error> {
    let port = |listener: &TcpListener| public_port.unwrap_or(listener.local_address().port());
    let secure = secure.into_iter().map(|listener| (Entrance::secure(port(&listener)), listener, workers));
    let unsecured = unsecured.into_iter().map(|listener| (Entrance::Plain, listener, 1));
    for (entrance, listener, siblings) in secure.chain(unsecured) {
        listen::serve(handle, tcp, listener, entrance, siblings).map_err(Error::system)?;
    }
    Ok(())
}

/// Who hears of what goes wrong on a worker.
fn tell_events(
    link: &Link,
    shared: Option<Arc<SharedOnEvent>>,
    says_older: bool,
    handover: &Handover,
) -> Option<Rc<OnEvent>> {
    let on_event = shared.map(|shared| Rc::new(move |event: &ServerEvent<'_>| shared(event)) as Rc<OnEvent>);
    if let Some(on_event) = &on_event {
        link.on_event(on_event.clone());
        tell_of_older(on_event, says_older, handover);
    }
    on_event
}

/// The same of the ends of connections.
fn tell_ends(link: &Link, shared: Option<Arc<SharedOnConnectionEnd>>) {
    if let Some(shared) = shared {
        let on_end: Rc<OnConnectionEnd> = Rc::new(move |remote, stats| shared(remote, stats));
        link.on_connection_end(on_end);
    }
}

/// Whoever runs a server is told if the one before it is of an older build: its addresses show it or, if it has none, what it has said.
fn tell_of_older(on_event: &Rc<OnEvent>, says_older: bool, handover: &Handover) {
    let predecessors = handover.predecessors();
    let is_older = predecessors.are_older() || (says_older && !predecessors.are_there());
    if is_older && handover.worker() == 0 {
        on_event(&ServerEvent::FollowsOlder);
    }
}

/// Of a server that speaks no HTTP.
async fn no_request(_: Request, reply: Reply) -> Result<(), Error> {
    reply.send(421, "").await
}

/// Has each session served by the handler of its protocol.
fn serve_sessions(link: &Link, protocols: Vec<SessionProtocol>, handle: &Handle) {
    let (handle, on_event) = (handle.clone(), link.event_sink());
    let early: Vec<Arc<str>> =
        protocols.iter().filter(|one| one.takes_early_data).map(|one| one.name.clone()).collect();
    let takes_early_data = move |name: &str| early.iter().any(|one| **one == *name);
    raw_session::serve(link, takes_early_data, move |session, name| {
        if let Some(protocol) = protocols.iter().find(|protocol| *protocol.name == *name) {
            protocol.spawn(&handle, session, on_event.clone());
        }
    });
}

/// Tells a predecessor that its ports are bound, and offers them to a successor in turn.
fn succeed(takeover: Option<&Path>, predecessor: Option<Predecessor>, ending: &Arc<Ending>) -> Result<(), Error> {
    if let Some(predecessor) = predecessor {
        predecessor.on_bound();
    }
    takeover.map_or(Ok(()), |path| takeover::offer(path, ending))
}

/// The connections of a worker, which leaves those of the servers before it to them as long as they are there.
fn serve_quic(
    handle: &Handle,
    sockets: Vec<UdpSocket>,
    mut endpoint: Endpoint,
    handover: &Handover,
    networks: &Arc<Networks>,
) -> io::Result<Rc<Link>> {
    let has_predecessor = handover.predecessors().are_there();
    endpoint.quic_mut().set_predecessor(has_predecessor);
    let link = Link::serve(handle, sockets, endpoint, handover.clone(), networks.clone())?;
    if has_predecessor {
        handle.spawn_detached(outlive(handle.clone(), Rc::downgrade(&link), handover.clone()));
    }
    Ok(link)
}

/// Waits until the servers before this one are gone: then this one answers for their clients, as it does if nothing would tell of that.
async fn outlive(handle: Handle, link: Weak<Link>, handover: Handover) {
    let _unwatched = handover.predecessors().gone(&handle).await;
    if let Some(link) = link.upgrade() {
        link.with_endpoint(|endpoint, _| endpoint.quic_mut().set_predecessor(false));
    }
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
