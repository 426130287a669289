//! `posthaste events serve`: the server.

use crate::command::arguments::{EventsServe, Level, is_nats};
use crate::command::certificate_file::CertificateFile;
use crate::command::events::check;
use crate::command::failure::Failure;
use crate::command::log::{Log, Style};
use crate::command::plain_http::{self, Page};
use crate::command::{identities, metrics, output, settings};
use posthaste::events::delivery::Refusal;
use posthaste::events::{
    Durability, EmbeddedOptions, EmbeddedStore, EventServer, EventServerEvent, MemoryStore, NatsOptions, NatsStore,
    Overflow, PATH, PROTOCOL, QueueSettings, Rate, ServerLimits, Settings, Store,
};
use posthaste::{
    ClientTrust, Error, Executor, Identity, Reply, Request, ResponseHead, Roots, Server, ServerBuilder, Status,
    Tickets, WebTransportLimits,
};
use runtime::inherited::Inherited;
use runtime::{Hangups, TcpListener};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

/// How long to wait at the end for the reader of standard error.
const LAST_LINES: Duration = Duration::from_secs(1);
/// How long sessions get to close once their time is over.
const CLOSING: Duration = Duration::from_secs(2);
/// The queues, live, for people: the page asks for them as any client does.
const STATUS_PAGE: &str = include_str!("status.html");
/// What the page may do: it is one file, and talks to this server alone.
const POLICY: &str = include_str!("status_policy.txt");
/// Streams that a client may have open at a time.
const MAX_STREAMS: u64 = 64;

/// Serves until it is told to end.
pub fn run(arguments: &EventsServe) -> Result<(), Failure> {
    let log = Log::start(Style { level: Level::Info, is_json: false })?;
    let result = serve(arguments, &log);
    let result = result.map_err(|failure| match failure {
        Failure::Failed(text) => {
            log.fail(&text);
            Failure::Quiet
        }
        failure => failure,
    });
    log.flush(LAST_LINES);
    result
}

fn serve(arguments: &EventsServe, log: &Log) -> Result<(), Failure> {
    let registry = check::registry(arguments.registry.as_deref())?;
    let addresses = settings::addresses(&arguments.listen, &Inherited::default())?;
    let identity = identity(arguments, &addresses)?;
    let watching = arguments.metrics.as_deref().map(metrics::listen).transpose()?;
    let store = store(arguments, log)?;
    let limits = ServerLimits {
        rate: Rate { per_second: arguments.rate.0, burst: arguments.rate.1 },
        drain: arguments.drain,
        ..ServerLimits::default()
    };
    let of_log = log.clone();
    let events = EventServer::with_log(store, registry, limits, move |event| match event {
        EventServerEvent::StoreFails { .. } => of_log.report(&format!("warning: {event}")),
        EventServerEvent::StoreWorks => of_log.report(&event.to_string()),
        _ => of_log.say(Level::Debug, &event.to_string()),
    });
    reload(arguments, &events, log)?;
    if let Some(listener) = watching {
        watch(listener, events.clone(), log.clone())?;
    }
    run_server(arguments, &identity, &addresses, events, log)
}

/// Serves on this thread, or on workers, until a signal comes.
fn run_server(
    arguments: &EventsServe,
    identity: &Identity,
    addresses: &[SocketAddr],
    events: EventServer,
    log: &Log,
) -> Result<(), Failure> {
    let builder = builder(arguments, identity, addresses, &events)?;
    let handler = move |request, reply| answer(events.clone(), request, reply);
    if arguments.workers > 1 {
        let workers = builder.drain(arguments.drain + CLOSING).start_workers(arguments.workers, handler)?;
        let _own = greet(arguments, workers.addresses(), identity, log)?;
        return workers.until_signal().map_err(Failure::from);
    }
    let executor =
        Executor::new().map_err(|error| Failure::Failed(format!("the operating system refused: {error}")))?;
    let server = builder.start(executor.handle(), handler)?;
    let _own = greet(arguments, server.addresses(), identity, log)?;
    executor.block_on(server.until_signal(arguments.drain + CLOSING)).map_err(Failure::from)
}

fn identity(arguments: &EventsServe, addresses: &[SocketAddr]) -> Result<Identity, Error> {
    match &arguments.identity {
        Some(pair) => Identity::from_pem_files(&pair.certificate, &pair.key),
        None => {
            let hosts = addresses.iter().map(|address| address.ip().to_string());
            let local = ["localhost".to_owned(), "127.0.0.1".to_owned()];
            let mut names: Vec<String> = arguments.names.iter().cloned().chain(local).chain(hosts).collect();
            names.sort();
            names.dedup();
            Identity::development(&names)
        }
    }
}

fn store(arguments: &EventsServe, log: &Log) -> Result<Arc<dyn Store>, Failure> {
    let queue = QueueSettings {
        max_age: arguments.max_age,
        max_events: arguments.max_events,
        max_bytes: arguments.max_bytes,
        overflow: if arguments.refuses { Overflow::Refuse } else { Overflow::DropOldest },
        ..QueueSettings::default()
    };
    let settings = Settings { queue, ..Settings::default() };
    let failed = |refusal: Refusal| Failure::Failed(refusal.to_string());
    if let Some(url) = arguments.store.as_deref().filter(|store| is_nats(store)) {
        let roots = arguments.store_authorities.as_ref().map(Roots::from_pem_file).transpose()?;
        let options = NatsOptions { settings, replicas: arguments.replicas, roots };
        return Ok(Arc::new(NatsStore::connect(url, options).map_err(failed)?));
    }
    let Some(folder) = &arguments.store else { return Ok(Arc::new(MemoryStore::new(settings).map_err(failed)?)) };
    let durability = if arguments.lost_with_the_machine { Durability::LostWithTheMachine } else { Durability::Synced };
    let options = EmbeddedOptions { settings, durability, ..EmbeddedOptions::default() };
    let store = EmbeddedStore::open(folder, options).map_err(failed)?;
    store.take_damages().iter().for_each(|damage| log.report(&format!("warning: {damage}")));
    Ok(Arc::new(store))
}

fn builder(
    arguments: &EventsServe,
    identity: &Identity,
    addresses: &[SocketAddr],
    events: &EventServer,
) -> Result<ServerBuilder, Failure> {
    let sessions = WebTransportLimits { max_streams_bidi: MAX_STREAMS, ..WebTransportLimits::default() };
    let builder = Server::builder(identity.clone()).drain(arguments.drain).hear_signals()?;
    // Browsers come by TCP first.
    let builder = builder.webtransport(&sessions).tcp();
    let builder = addresses.iter().fold(builder, |builder, address| builder.listen(*address));
    let builder = arguments.names.iter().fold(builder, |builder, name| builder.name(name.clone()));
    let builder = match &arguments.client_authorities {
        Some(file) => builder.client_authentication(ClientTrust::from_pem_file(file)?.optional()),
        None => builder,
    };
    let of_protocol = events.clone();
    // Of early data nothing is answered but pings, and what else is served is the same for everybody who reads it.
    let builder = builder.tickets(Tickets::new().dangerous_accept_early_data_that_may_be_replayed());
    Ok(builder.dangerous_session_protocol_with_early_data_that_may_be_replayed(PROTOCOL, move |session| {
        let events = of_protocol.clone();
        async move { events.serve(session).await }
    }))
}

/// Sessions of events, and at the root a page that shows how the queues are.
async fn answer(events: EventServer, request: Request, reply: Reply) -> Result<(), Error> {
    match events.take(request, reply) {
        Ok(session) => events.accept(session).await,
        Err((request, reply)) if request.path() == "/" => {
            let head = ResponseHead::new(Status::OK).with_field("content-type", "text/html; charset=utf-8")?;
            reply.send(head.with_field("content-security-policy", POLICY)?, STATUS_PAGE).await
        }
        Err((_, reply)) => reply.send((404, "text/plain; charset=utf-8"), "there is nothing here\n").await,
    }
}

/// Reads the registry again at each SIGHUP.
fn reload(arguments: &EventsServe, events: &EventServer, log: &Log) -> Result<(), Failure> {
    let Some(file) = arguments.registry.clone() else { return Ok(()) };
    let (events, log) = (events.clone(), log.clone());
    let (ready, is_ready) = mpsc::channel();
    let hear = move || {
        let heard = Executor::new().and_then(|executor| Ok((Hangups::new(executor.handle())?, executor)));
        let (mut hangups, executor) = match heard {
            Ok(heard) => heard,
            Err(error) => return drop(ready.send(Err(error))),
        };
        let _ = ready.send(Ok(()));
        executor.block_on(async {
            loop {
                hangups.next().await;
                match check::read(&file) {
                    Ok(registry) => {
                        log.report(&format!("{file} was read again: {} clients", registry.len()));
                        events.set_registry(registry);
                    }
                    Err(Failure::Failed(text)) => log.report(&format!("warning: the registry stays as it was: {text}")),
                    Err(_) => log.report("warning: the registry stays as it was"),
                }
            }
        });
    };
    let refused = |error: std::io::Error| Failure::Failed(format!("the operating system refused: {error}"));
    thread::Builder::new().name("registry".into()).spawn(hear).map_err(refused)?;
    match is_ready.recv() {
        Ok(result) => result.map_err(refused),
        Err(_) => Err(Failure::Failed("the thread that waits for SIGHUP ended".into())),
    }
}

/// Shows the figures on a thread of its own.
fn watch(listener: TcpListener, events: EventServer, log: Log) -> Result<(), Failure> {
    let serve = move || {
        let page = move |path: &str| match path {
            "/metrics" => Some(match events.metrics() {
                Some(text) => Page { status: "200 OK", media_type: "text/plain; version=0.0.4; charset=utf-8", text },
                None => Page::plain("503 Service Unavailable", "the store does not answer\n"),
            }),
            "/health" => Some(match events.metrics() {
                Some(_) => Page::plain("200 OK", "ok\n"),
                None => Page::plain("503 Service Unavailable", "the store does not answer\n"),
            }),
            _ => None,
        };
        let served = Executor::new().and_then(|executor| {
            let handle = executor.handle().clone();
            executor.block_on(plain_http::serve(&handle, listener, page))
        });
        if let Err(error) = served {
            log.report(&format!("warning: --metrics is not answered any more: {error}"));
        }
    };
    let started = thread::Builder::new().name("metrics".into()).spawn(serve);
    started.map(drop).map_err(|error| Failure::Failed(format!("a thread could not be started: {error}")))
}

/// Says that it serves. The file for clients is there as long as what this gives.
fn greet(
    arguments: &EventsServe,
    addresses: &[SocketAddr],
    identity: &Identity,
    log: &Log,
) -> Result<Option<CertificateFile>, Failure> {
    let mut text = String::new();
    for address in addresses {
        let _ = writeln!(text, "listening on https://{address}{PATH}");
        let _ = writeln!(text, "and without HTTP on quic://{address}");
    }
    let _ = writeln!(text, "certificate SHA-256: {}", identities::fingerprint(identity));
    let _ = match &arguments.store {
        Some(folder) => writeln!(text, "events are kept in {folder}"),
        None => writeln!(text, "events are kept in memory: they end with this process"),
    };
    let own = match &arguments.identity {
        Some(_) => None,
        None => match CertificateFile::create(&std::env::temp_dir(), &identity.certificate_pem()) {
            Ok(file) => {
                let _ = writeln!(text, "clients trust it with --ca {}", file.path().display());
                Some(file)
            }
            Err(error) => {
                log.report(&format!("warning: the development certificate could not be written to a file: {error}"));
                None
            }
        },
    };
    output::print(&text)?;
    Ok(own)
}
