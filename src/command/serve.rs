//! `posthaste serve`: a folder of files over HTTP/3.

use crate::command::arguments::Serve;
use crate::command::bodies::Bodies;
use crate::command::diagnosis::Records;
use crate::command::failure::Failure;
use crate::command::identities::{self, Sources};
use crate::command::output;
use posthaste::{Error, Executor, Files, Identity, IdentityHandle, Reply, Request, Server, ServerEvent};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Where to listen if nothing is said: on this machine only.
const PORT: u16 = 4433;
/// How long requests under way may take after SIGINT or SIGTERM, if nothing is said.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait for an address that is taken: by a server, maybe, that was told to end just now and is about to let go.
const TAKEN: Duration = Duration::from_millis(500);
/// What is said of a folder whose owner might expect something at `/`.
const NO_INDEX: &str =
    "note: the folder has no index.html: / is answered with 404, files by their names, and nothing is listed\n";

/// Serves until it is told to end.
pub fn run(arguments: &Serve) -> Result<(), Failure> {
    let files = open_folder(arguments)?;
    let note = if files.has_index() { "" } else { NO_INDEX };
    let mut sources = Sources::new(arguments);
    let loaded = sources.first(&hosts(&arguments.names))?;
    loaded.identities.iter().filter_map(identities::not_valid).for_each(|text| output::report(&text));
    let identity = loaded.identities[0].clone();
    let is_development = arguments.identities.is_empty();
    let handle = IdentityHandle::new(loaded.by_name());
    let mut builder = Server::builder(identity.clone()).resolver(handle.clone()).address_validation(arguments.retry);
    for address in addresses(&arguments.listen)? {
        builder = builder.listen(address);
    }
    for name in &arguments.names {
        builder = builder.name(name);
    }
    let Records { key_log, trace } = Records::open(&arguments.diagnosis)?;
    if let Some(key_log) = key_log {
        builder = builder.key_log(key_log);
    }
    if let Some(trace) = trace {
        builder = builder.trace(trace);
    }
    if let Some(folder) = &arguments.state {
        builder = builder.state(folder)?;
    }
    let patience = arguments.drain.unwrap_or(PATIENCE);
    if !sources.is_empty() {
        identities::reread_at_hangup(sources, loaded, handle)?;
    }
    builder = builder.drain(patience).on_event(|event| output::report(&told(event))).hear_signals()?;
    let bodies = arguments.bodies.then(Bodies::new);
    let handler = move |request: Request, reply: Reply| {
        let (files, bodies) = (files.clone(), bodies.clone());
        async move {
            // What goes wrong here is told to the client, and reported.
            match bodies {
                Some(bodies) if Bodies::answers(request.path()) => bodies.serve(request, reply).await,
                _ => files.serve(&request, reply).await,
            }
        }
    };
    let greet = |addresses: &[SocketAddr]| {
        let trusted = if is_development { Some(write_certificate(&identity)?) } else { None };
        output::print(&greeting(addresses, &identity, note, trusted))
    };
    if let Some(count) = arguments.workers {
        let workers = once_free(|| builder.clone().start_workers(count, handler.clone()))?;
        greet(workers.addresses())?;
        return workers.until_signal().map_err(Failure::from);
    }
    let executor =
        Executor::new().map_err(|error| Failure::Failed(format!("the operating system refused: {error}")))?;
    let server = once_free(|| builder.clone().start(executor.handle(), handler.clone()))?;
    greet(server.addresses())?;
    executor.block_on(server.until_signal(patience)).map_err(Failure::from)
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
fn hosts(names: &[String]) -> Vec<String> {
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

/// Writes the certificate to where clients can be told to find it.
fn write_certificate(identity: &Identity) -> Result<PathBuf, Failure> {
    let folder = std::env::temp_dir();
    let names = ["posthaste-dev.pem".to_owned(), format!("posthaste-dev-{}.pem", std::process::id())];
    let mut last = String::new();
    for name in names {
        let path = folder.join(name);
        // A new file each time: what lies there in a folder for all might be somebody else's link to something of ours.
        let _ = std::fs::remove_file(&path);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|mut file| file.write_all(identity.certificate_pem().as_bytes()));
        match written {
            Ok(()) => return Ok(path),
            Err(error) => last = format!("{} could not be written: {error}", path.display()),
        }
    }
    Err(Failure::Failed(last))
}

fn greeting(addresses: &[SocketAddr], identity: &Identity, note: &str, trusted: Option<PathBuf>) -> String {
    let mut text = String::new();
    for address in addresses {
        let _ = writeln!(text, "listening on https://{address}");
    }
    let fingerprint = identities::fingerprint(identity);
    let key = identity.public_key_sha256_base64();
    let _ = writeln!(text, "certificate SHA-256: {fingerprint}");
    let _ = writeln!(text, "public key SHA-256: {key}");
    text.push_str(note);
    let Some(address) = addresses.first() else { return text };
    let Some(file) = trusted else {
        let _ = writeln!(text, "try: posthaste get https://{}/", shown(*address));
        return text;
    };
    let origin = development_origin(addresses, *address);
    let _ = writeln!(text, "try: posthaste get https://{origin}/ --ca {}", file.display());
    let _ = writeln!(
        text,
        "in a browser: chromium --origin-to-force-quic-on={origin} --ignore-certificate-errors-spki-list={key} \
         https://{origin}/"
    );
    text
}

/// Where the development certificate is good for. A browser asks for `localhost` at ::1 and takes a refusal there for an
/// answer, so the name is only suggested where both addresses are served.
fn development_origin(addresses: &[SocketAddr], first: SocketAddr) -> String {
    let port = first.port();
    let serves = |wanted: IpAddr| {
        addresses.iter().any(|address| {
            let ip = address.ip();
            let covers = ip == wanted || (ip.is_unspecified() && (ip.is_ipv4() == wanted.is_ipv4() || ip.is_ipv6()));
            covers && address.port() == port
        })
    };
    match (serves(Ipv4Addr::LOCALHOST.into()), serves(Ipv6Addr::LOCALHOST.into())) {
        (true, true) => format!("localhost:{port}"),
        (true, false) => format!("127.0.0.1:{port}"),
        (false, true) => format!("[::1]:{port}"),
        (false, false) => shown(first),
    }
}

/// An address that can be asked.
fn shown(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_suggested_only_where_both_of_its_addresses_are_served() {
        let table = [
            (&["127.0.0.1:4433", "[::1]:4433"][..], "localhost:4433"),
            (&["[::]:4433"], "localhost:4433"),
            (&["127.0.0.1:4433"], "127.0.0.1:4433"),
            (&["0.0.0.0:4433"], "127.0.0.1:4433"),
            (&["[::1]:4433"], "[::1]:4433"),
            (&["127.0.0.1:1", "[::1]:2"], "127.0.0.1:1"),
            (&["192.0.2.1:4433"], "192.0.2.1:4433"),
        ];
        for (listening, origin) in table {
            let addresses: Vec<SocketAddr> = listening.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(development_origin(&addresses, addresses[0]), origin);
        }
    }
}
