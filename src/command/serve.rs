//! `posthaste serve`: a folder of files over HTTP/3.

use crate::command::arguments::Serve;
use crate::command::balancing;
use crate::command::bodies::Bodies;
use crate::command::certificate_file::CertificateFile;
use crate::command::diagnosis::Records;
use crate::command::failure::Failure;
use crate::command::hint::{self, Hint, Shown};
use crate::command::identities::{self, Sources};
use crate::command::log::Log;
use crate::command::output;
use posthaste::{
    Error, Executor, Files, Identity, IdentityHandle, Method, Proxy, ProxyTarget, Reply, Request, Server,
    ServerBuilder, ServerEvent, Tickets, date,
};
use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant, SystemTime};

/// Where to listen if nothing is said: on this machine only.
const PORT: u16 = 4433;
/// How long requests under way may take after a signal that asks for the end, if nothing is said.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait for an address that is taken: by a server, maybe, that was told to end just now and is about to let go.
const TAKEN: Duration = Duration::from_millis(500);
/// How long to wait at the end for the reader of standard error.
const LAST_LINES: Duration = Duration::from_secs(1);
/// What is said of a folder whose owner might expect something at `/`.
const NO_INDEX: &str =
    "note: the folder has no index.html: / is answered with 404, files by their names, and nothing is listed\n";

/// Serves until it is told to end.
pub fn run(arguments: &Serve) -> Result<(), Failure> {
    let log = Log::start()?;
    tell_panics(log.clone());
    let result = serve(arguments, &log);
    // Nothing is written past the log: a reader that has stopped would keep the process from its end.
    let result = result.map_err(|failure| match failure {
        Failure::Failed(text) => {
            log.line(&format!("posthaste: {text}"));
            Failure::Quiet
        }
        failure => failure,
    });
    log.flush(LAST_LINES);
    result
}

fn serve(arguments: &Serve, log: &Log) -> Result<(), Failure> {
    let files = open_folder(arguments)?;
    let mut notes = if files.has_index() { String::new() } else { NO_INDEX.to_owned() };
    let addresses = addresses(&arguments.listen)?;
    let mut sources = Sources::new(arguments);
    let loaded = sources.first(|| hosts(arguments, &addresses))?;
    sources.warnings(&loaded).iter().for_each(|text| log.report(text));
    let identity = loaded.identities[0].clone();
    let shown = IdentityHandle::new(loaded.by_name());
    let patience = arguments.drain.unwrap_or(PATIENCE);
    let builder = builder(arguments, &identity, addresses, log)?.resolver(shown.clone());
    let builder = builder.drain(patience);
    let has_files = !sources.is_empty();
    identities::look_after(sources, loaded, shown, log.clone())?;
    // Where there is nothing to read again, it means what it means to any program.
    let builder = if has_files { builder.hear_signals()? } else { builder.hear_signals_and_hangup()? };
    let bodies = arguments.bodies.then(Bodies::new);
    let targets = arguments.proxy.iter().map(|text| text.parse()).collect::<Result<Vec<ProxyTarget>, Error>>()?;
    let proxy = (!targets.is_empty()).then(|| Proxy::new(targets));
    let handler = move |request, reply| answer(files.clone(), bodies.clone(), proxy.clone(), request, reply);
    let mut greet = |addresses: &[SocketAddr]| {
        let own = certificate_file(arguments, &identity, &mut notes, log);
        let named = arguments.identities.first().map(|pair| pair.certificate.as_str());
        let file = named.or(own.as_ref().and_then(|own| own.path().to_str()));
        let shown = Shown { addresses, identity: &identity, names: &arguments.names, file };
        print_beside(greeting(&shown, &notes, arguments.identities.is_empty()), log);
        own
    };
    let count = arguments.workers.unwrap_or_else(balancing::threads);
    if count > 1 {
        let workers = once_free(|| builder.clone().start_workers(count, handler.clone()))?;
        let _own = greet(workers.addresses());
        return workers.until_signal().map_err(Failure::from);
    }
    let executor =
        Executor::new().map_err(|error| Failure::Failed(format!("the operating system refused: {error}")))?;
    let server = once_free(|| builder.clone().start(executor.handle(), handler.clone()))?;
    let _own = greet(server.addresses());
    executor.block_on(server.until_signal(patience)).map_err(Failure::from)
}

/// Answers with files, with generated bodies, or as a proxy. What goes wrong is told to the client, and reported.
async fn answer(
    files: Files,
    bodies: Option<Bodies>,
    proxy: Option<Proxy>,
    request: Request,
    reply: Reply,
) -> Result<(), Error> {
    if let Some(proxy) = proxy.filter(|_| *request.method() == Method::Connect) {
        return proxy.answer(request, reply).await;
    }
    match bodies {
        Some(bodies) if Bodies::answers(request.path()) => bodies.serve(request, reply).await,
        _ => files.serve(&request, reply).await,
    }
}

/// All but where it keeps its certificate.
fn builder(
    arguments: &Serve,
    identity: &Identity,
    addresses: Vec<SocketAddr>,
    log: &Log,
) -> Result<ServerBuilder, Failure> {
    let mut builder = Server::builder(identity.clone())
        .address_validation(arguments.retry)
        .congestion_control(arguments.congestion_control);
    builder.transport.versions = arguments.versions;
    if arguments.early_data {
        builder = builder.tickets(Tickets::new().dangerous_accept_early_data_that_may_be_replayed());
    }
    for address in addresses {
        builder = builder.listen(address);
    }
    for address in preferred_addresses(&arguments.preferred)? {
        builder = builder.preferred_address(address);
    }
    for name in &arguments.names {
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
    if !arguments.proxy.is_empty() {
        builder = builder.take_connect();
        (builder.http.extended_connect, builder.http.datagrams) = (true, true);
    }
    if let Some(folder) = &arguments.state {
        builder = builder.state(folder)?;
    }
    if arguments.log {
        let log = log.clone();
        builder = builder.on_answer(move |answer| log.line(&format!("{} {answer}", date::rfc3339(SystemTime::now()))));
    }
    let (log, tells_moves) = (log.clone(), arguments.log);
    Ok(builder.on_event(move |event| {
        // That networks change is no news to who asked for none.
        if tells_moves || !matches!(event, ServerEvent::ClientMoved { .. }) {
            log.report(&told(event));
        }
    }))
}

/// What a certificate that is made for this run is for, beside this machine: the addresses that are listened on, and its names.
fn hosts(arguments: &Serve, addresses: &[SocketAddr]) -> Vec<String> {
    let mut hosts = named_hosts(&arguments.names);
    let others = addresses.iter().map(SocketAddr::ip).filter(|ip| !ip.is_loopback() && !ip.is_unspecified());
    hosts.extend(others.map(|ip| ip.to_string()));
    hosts
}

/// The file for clients that are to trust a development certificate. Where none can be written the server serves all the same.
fn certificate_file(arguments: &Serve, identity: &Identity, notes: &mut String, log: &Log) -> Option<CertificateFile> {
    if !arguments.identities.is_empty() {
        return None;
    }
    let folder = std::env::temp_dir();
    match CertificateFile::create(&folder, &identity.certificate_pem()) {
        Ok(file) => Some(file),
        Err(error) => {
            log.report(&format!(
                "warning: the development certificate could not be written to a file in {}: {error}; set TMPDIR to a folder that \
                 can be written to, or give a certificate of your own with --cert and --key",
                folder.display()
            ));
            notes.push_str("note: there is no file with the certificate, so clients can only be told to take any\n");
            None
        }
    }
}

/// Prints to standard output on a thread of its own: whoever reads it, or does not, holds nothing up.
fn print_beside(text: String, log: &Log) {
    let report = log.clone();
    let print = move || {
        if let Err(Failure::Failed(text)) = output::print(&text) {
            report.report(&format!("warning: {text}"));
        }
    };
    if let Err(error) = std::thread::Builder::new().name("posthaste-greeting".into()).spawn(print) {
        log.report(&format!("warning: a thread could not be started: {error}"));
    }
}

/// As the standard library's words, which would wait for a reader.
fn tell_panics(log: Log) {
    std::panic::set_hook(Box::new(move |panic| log.report(&panic.to_string())));
}

/// What `start` gives, once no other server has the address, or after a moment what it gives then.
fn once_free<T>(start: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
    let begun = Instant::now();
    loop {
        match start() {
            Err(Error::Listen { error, .. }) if error.kind() == io::ErrorKind::AddrInUse && begun.elapsed() < TAKEN => {
                std::thread::sleep(TAKEN / 50);
            }
            result => return result,
        }
    }
}

/// An event in the words of a command.
fn told(event: &ServerEvent<'_>) -> String {
    match event {
        ServerEvent::Ending { .. } => format!("{event}; a second signal ends at once"),
        event => event.to_string(),
    }
}

/// The folder that is served.
fn open_folder(arguments: &Serve) -> Result<Files, Failure> {
    // A file that is on its way takes a descriptor. Where the limit stays as it is, it holds.
    let _ = runtime::folder::raise_descriptor_limit();
    let folder = arguments.folder.as_deref().unwrap_or(".");
    Ok(Files::new(folder)?.dotfiles(arguments.dotfiles))
}

/// The hosts that a development certificate can be for, without their ports.
fn named_hosts(names: &[String]) -> Vec<String> {
    let authorities = names.iter().filter_map(|name| http::Authority::from_bytes(name.as_bytes()).ok());
    authorities.map(|authority| authority.host().to_owned()).filter(|host| host != "*").collect()
}

fn addresses(listen: &[String]) -> Result<Vec<SocketAddr>, Failure> {
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

fn greeting(shown: &Shown<'_>, notes: &str, is_development: bool) -> String {
    let mut text = String::new();
    for address in shown.addresses {
        let families = if is_for_both(*address, shown.addresses) { " for IPv6 and IPv4" } else { "" };
        let _ = writeln!(text, "listening on https://{address}{families}");
    }
    let fingerprint = identities::fingerprint(shown.identity);
    let key = shown.identity.public_key_sha256_base64();
    let _ = writeln!(text, "certificate SHA-256: {fingerprint}");
    let _ = writeln!(text, "public key SHA-256: {key}");
    text.push_str(notes);
    let Some(Hint { origin, trust, is_elsewhere }) = shown.hint() else {
        text.push_str("note: the certificate names no host that could be asked for: --name HOST gives one\n");
        return text;
    };
    let url = format!("https://{origin}/");
    let program = hint::program();
    let words = [&program, "get", &url].into_iter().chain(trust.iter().map(String::as_str));
    let place = if is_elsewhere { "from where that name leads to this server, " } else { "" };
    let _ = writeln!(text, "{place}try: {}", hint::shell(words));
    if is_development {
        let (force, accept) =
            (format!("--origin-to-force-quic-on={origin}"), format!("--ignore-certificate-errors-spki-list={key}"));
        let _ = writeln!(text, "in a browser: {}", hint::shell(["chromium", &force, &accept, &url]));
    }
    text
}

/// As [`ServerBuilder::listen`] has it.
fn is_for_both(address: SocketAddr, all: &[SocketAddr]) -> bool {
    let is_any_ipv6 = address.is_ipv6() && address.ip().is_unspecified();
    is_any_ipv6 && !all.iter().any(|other| other.is_ipv4() && other.port() == address.port())
}
