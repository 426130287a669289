//! From the options of `serve` to a server that could be started.

use crate::command::access_log::AccessLog;
use crate::command::arguments::{Level, Serve};
use crate::command::balancing;
use crate::command::diagnosis::Records;
use crate::command::failure::Failure;
use crate::command::log::Log;
use crate::command::metrics::Counters;
use crate::command::service::Manager;
use posthaste::{
    Answer, Error, Identity, Proxy, ProxyTarget, Server, ServerBuilder, ServerEvent, Stats, Tickets, date,
};
use runtime::inherited::Inherited;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::SystemTime;

/// Where to listen if nothing is said: on this machine only.
const PORT: u16 = 4433;

/// Who hears of what the server does.
#[derive(Clone)]
pub struct Listeners {
    /// Standard error.
    pub log: Log,
    /// One line for each request, if that is wanted.
    pub access_log: Option<AccessLog>,
    /// Figures, if they are wanted.
    pub counters: Option<Arc<Counters>>,
    /// The service manager.
    pub manager: Manager,
    /// What it has bound already.
    pub sockets: Arc<Inherited>,
}

/// All but where it keeps its certificate.
pub fn builder(
    arguments: &Serve,
    identity: &Identity,
    addresses: Vec<SocketAddr>,
    listeners: &Listeners,
) -> Result<ServerBuilder, Failure> {
    let log = &listeners.log;
    let mut builder = Server::builder(identity.clone())
        .address_validation(arguments.retry)
        .congestion_control(arguments.congestion_control)
        .dynamic_table(arguments.qpack_table)
        .name_cut_requests();
    builder.transport.versions = arguments.versions;
    if arguments.early_data {
        builder = builder.tickets(Tickets::new().dangerous_accept_early_data_that_may_be_replayed());
    }
    for address in addresses {
        builder = builder.listen(address);
    }
    let refused = |error| Failure::Failed(format!("the operating system refused: {error}"));
    for socket in &listeners.sockets.udp {
        builder = builder.listen_on(socket.try_clone().map_err(refused)?);
    }
    for listener in &listeners.sockets.tcp {
        builder = builder.listen_on_tcp(listener.try_clone().map_err(refused)?);
    }
    // Who hands over sockets means these and no others.
    if !arguments.no_tcp && listeners.sockets.is_empty() {
        builder = builder.tcp();
    }
    for address in plain_addresses(&arguments.http)? {
        builder = builder.redirect_http(address);
    }
    if let Some(port) = arguments.public_port {
        builder = builder.public_port(port);
    }
    if let Some((max_age, and_below)) = arguments.hsts {
        builder = builder.strict_transport_security(max_age, and_below);
    }
    for address in preferred_addresses(&arguments.preferred)? {
        builder = builder.preferred_address(address);
    }
    for name in names(arguments) {
        builder = builder.name(name);
    }
    let report = log.clone();
    let records =
        Records::open_beside(&arguments.diagnosis, Box::new(log.clone()), Box::new(move |text| report.report(text)))?;
    if let Some(key_log) = records.key_log {
        builder = builder.key_log(key_log);
    }
    if let Some(trace) = records.trace {
        builder = builder.trace(trace);
    }
    if let Some(known) = &arguments.balancing {
        builder = builder.id_layout(balancing::layout(known).map_err(Failure::Failed)?);
    }
    if let Some(socket) = &arguments.takeover {
        builder = builder.takeover(socket);
    }
    if let Some(folder) = &arguments.state {
        builder = builder.state(folder)?;
    }
    Ok(listened(with_limits(with_tunnels(builder, arguments), arguments), arguments.log, listeners))
}

/// The same with bounds on what all clients together may have.
fn with_limits(mut builder: ServerBuilder, arguments: &Serve) -> ServerBuilder {
    if let Some(most) = arguments.max_of_network {
        builder = builder.max_connections_per_network(most);
    }
    if let Some(most) = arguments.max_requests {
        builder = builder.max_requests(most);
    }
    if let Some(mebibytes) = arguments.memory {
        builder = builder.memory(mebibytes.saturating_mul(1 << 20));
    }
    builder
}

/// The same with what takes tunnels: a proxy, and servers behind this one, for whom WebSocket comes as an extended CONNECT in every
/// version.
fn with_tunnels(mut builder: ServerBuilder, arguments: &Serve) -> ServerBuilder {
    let is_proxy = !arguments.proxy.is_empty();
    if is_proxy {
        builder = builder.take_connect();
    }
    builder.http.datagrams |= is_proxy;
    builder.http.extended_connect |= is_proxy || !arguments.passing.routes.is_empty();
    builder
}

/// Where it may go for its clients, if it is a proxy.
pub fn proxy(arguments: &Serve) -> Result<Option<Proxy>, Failure> {
    let targets = arguments.proxy.iter().map(|text| text.parse()).collect::<Result<Vec<ProxyTarget>, Error>>()?;
    Ok((!targets.is_empty()).then(|| Proxy::new(targets)))
}

/// The same with those who hear of it. Nobody is told of each request who did not ask.
fn listened(mut builder: ServerBuilder, tells_requests: bool, listeners: &Listeners) -> ServerBuilder {
    if tells_requests || listeners.access_log.is_some() || listeners.counters.is_some() {
        let hearing = listeners.clone();
        builder = builder.on_answer(move |answer: &Answer<'_>| {
            if let Some(counters) = &hearing.counters {
                counters.answered(answer);
            }
            if let Some(access_log) = &hearing.access_log {
                access_log.write(answer);
            }
            if tells_requests {
                hearing.log.line(&format!("{} {answer}", date::rfc3339(SystemTime::now())));
            }
        });
    }
    if listeners.counters.is_some() || listeners.log.tells(Level::Debug) {
        let hearing = listeners.clone();
        builder = builder.on_connection_end(move |remote, stats| {
            if let Some(counters) = &hearing.counters {
                counters.ended(stats);
            }
            hearing.log.say(Level::Debug, &told_of_end(remote, stats));
        });
    }
    let hearing = listeners.clone();
    builder.on_event(move |event| {
        if let Some(counters) = &hearing.counters {
            counters.happened(event);
        }
        if matches!(event, ServerEvent::Ending { .. }) {
            hearing.manager.stopping();
        }
        // Who wants to hear of each request wants to hear of that as well.
        let is_wanted = tells_requests && matches!(event, ServerEvent::ClientMoved { .. });
        let level = if is_wanted { Level::Info } else { level(event) };
        hearing.log.say(level, &told(event));
    })
}

fn told_of_end(remote: SocketAddr, stats: &Stats) -> String {
    let Stats { bytes_sent, bytes_received, packets_sent, packets_lost, .. } = stats;
    let millis = stats.smoothed_rtt.as_secs_f64() * 1000.0;
    format!(
        "the connection with {remote} has ended: {bytes_sent} bytes sent, {bytes_received} received, {packets_lost} of \
         {packets_sent} packets lost, round trip {millis:.1} ms"
    )
}

/// How much an event matters to whoever runs the server.
fn level(event: &ServerEvent<'_>) -> Level {
    match event {
        ServerEvent::SocketsBroken { .. } | ServerEvent::HandlerPanicked { .. } => Level::Error,
        ServerEvent::HandlerFailed { .. }
        | ServerEvent::RequestsFull { .. }
        | ServerEvent::MemoryShort
        | ServerEvent::FollowsOlder => Level::Warning,
        // That networks change is no news to who asked for none.
        ServerEvent::ClientMoved { .. } => Level::Debug,
        _ => Level::Info,
    }
}

/// An event in the words of a command.
fn told(event: &ServerEvent<'_>) -> String {
    match event {
        ServerEvent::Ending { .. } => format!("{event}; a second signal ends at once"),
        event => event.to_string(),
    }
}

/// The hosts that are answered for, beside those of the certificates.
pub fn names(arguments: &Serve) -> Vec<String> {
    arguments.names.iter().chain(arguments.site.hosts.iter().map(|(host, _)| host)).cloned().collect()
}

/// What a certificate that is made for this run is for, beside this machine: the addresses that are listened on, and its names.
pub fn hosts(arguments: &Serve, addresses: &[SocketAddr]) -> Vec<String> {
    let mut hosts = named_hosts(&names(arguments));
    let others = addresses.iter().map(SocketAddr::ip).filter(|ip| !ip.is_loopback() && !ip.is_unspecified());
    hosts.extend(others.map(|ip| ip.to_string()));
    hosts
}

/// The hosts that a development certificate can be for, without their ports.
fn named_hosts(names: &[String]) -> Vec<String> {
    let authorities = names.iter().filter_map(|name| http::Authority::from_bytes(name.as_bytes()).ok());
    authorities.map(|authority| authority.host().to_owned()).filter(|host| host != "*").collect()
}

/// Where to listen, beside `bound` sockets.
pub fn addresses(listen: &[String], bound: &Inherited) -> Result<Vec<SocketAddr>, Failure> {
    if listen.is_empty() && !bound.is_empty() {
        if bound.udp.is_empty() {
            return Err(Failure::Usage(
                "the service manager hands over sockets of TCP alone: give it one of UDP at the same port as well \
                 (ListenDatagram= beside ListenStream=), or name addresses by --listen"
                    .into(),
            ));
        }
        return Ok(Vec::new());
    }
    if listen.is_empty() {
        let mut both = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))];
        // Some machines have no IPv6.
        if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
            both.push(SocketAddr::from((Ipv6Addr::LOCALHOST, PORT)));
        }
        return Ok(both);
    }
    let parse = |text: &String| {
        text.parse().map_err(|_| {
            Failure::Usage(format!(
                "--listen needs an address with a port, such as 127.0.0.1:4433 or [::]:443, not {text:?}"
            ))
        })
    };
    listen.iter().map(parse).collect()
}

/// Where whoever comes without TLS is sent on.
fn plain_addresses(texts: &[String]) -> Result<Vec<SocketAddr>, Failure> {
    let parse = |text: &String| {
        text.parse().map_err(|_| {
            let words = "--http needs an address with a port, such as 0.0.0.0:80 or [::]:80";
            Failure::Usage(format!("{words}, not {text:?}"))
        })
    };
    texts.iter().map(parse).collect()
}

/// Where clients are asked to go on: one address of each family.
fn preferred_addresses(texts: &[String]) -> Result<Vec<SocketAddr>, Failure> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for text in texts {
        let address: Option<SocketAddr> =
            text.parse().ok().filter(|address: &SocketAddr| !address.ip().is_unspecified());
        let address = address.ok_or_else(|| {
            let words = "--preferred-address needs the address of a host with a port, such as 192.0.2.7:443";
            Failure::Usage(format!("{words}, not {text:?}"))
        })?;
        if addresses.iter().any(|other| other.is_ipv4() == address.is_ipv4()) {
            let words = "--preferred-address is for one address of IPv4 and one of IPv6";
            return Err(Failure::Usage(format!("{words}; {text:?} is a second of its family")));
        }
        addresses.push(address);
    }
    Ok(addresses)
}
