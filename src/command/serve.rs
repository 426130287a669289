//! `posthaste serve`: a folder of files over HTTP/3, HTTP/2 and HTTP/1.1.

use crate::command::access_log::AccessLog;
use crate::command::acme;
use crate::command::arguments::Serve;
use crate::command::balancing;
use crate::command::bodies::Bodies;
use crate::command::certificate_file::CertificateFile;
use crate::command::config_file;
use crate::command::failure::Failure;
use crate::command::hint::{self, Hint, Shown};
use crate::command::https_record;
use crate::command::identities::{self, Loaded, Sources};
use crate::command::log::{Log, Style};
use crate::command::metrics;
use crate::command::output;
use crate::command::reload::Reload;
use crate::command::routes::Routes;
use crate::command::service::Manager;
use crate::command::settings::{self, Listeners, addresses, builder, hosts, proxy};
use crate::command::sites::Sites;
use crate::command::user::User;
use posthaste::{
    Acme, Error, Executor, Identity, IdentityHandle, Method, Proxy, Reply, Request, Server, ServerBuilder,
};
use runtime::inherited::Inherited;
use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

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
pub fn run(arguments: Serve) -> Result<(), Failure> {
    // Before anything is opened that could be taken for one of them.
    let sockets = runtime::inherited::take_sockets()
        .map_err(|error| Failure::Failed(format!("the sockets of LISTEN_FDS could not be taken: {error}")))?;
    let arguments = match &arguments.config {
        Some(file) => config_file::read(file)?,
        None => arguments,
    };
    let style = Style { level: arguments.operation.log_level, is_json: arguments.operation.log_is_json };
    let log = Log::start(style)?;
    tell_panics(log.clone());
    let result = match () {
        () if arguments.check => check(&arguments, &log),
        () if arguments.https_record => print_records(&arguments),
        () => serve(&arguments, sockets, &log),
    };
    // Nothing is written past the log: a reader that has stopped would keep the process from its end.
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

/// Looks at everything that serving begins with, but for what would be left behind: nothing is bound, and no file is made.
fn check(arguments: &Serve, log: &Log) -> Result<(), Failure> {
    let arguments = Serve { state: None, diagnosis: Default::default(), ..arguments.clone() };
    let operation = &arguments.operation;
    let user = operation.user.as_ref().map(|(user, group)| User::find(user, group.as_deref())).transpose()?;
    operation.metrics.as_deref().map(metrics::address).transpose()?;
    let _sites = Sites::open(&arguments)?;
    let addresses = addresses(&arguments.listen, &Inherited::default())?;
    let mut sources = Sources::new(&arguments);
    let acme = acme::wanted(&arguments)?;
    let loaded = sources.first(|| own_identity(acme.as_ref(), &arguments, &addresses))?;
    sources.warnings(&loaded).iter().for_each(|text| log.report(text));
    let (manager, sockets) = (Manager::of_environment(), Arc::default());
    let listeners = Listeners { log: log.clone(), access_log: None, counters: None, manager, sockets };
    let builder = builder(&arguments, &loaded.identities[0], addresses, &listeners)?;
    builder.check()?;
    proxy(&arguments)?;
    Routes::of(&arguments)?;
    drop(user);
    output::print("everything is as it should be\n")
}

/// What is to be published about the server. Nothing is bound.
fn print_records(arguments: &Serve) -> Result<(), Failure> {
    let arguments = Serve { state: None, diagnosis: Default::default(), ..arguments.clone() };
    let addresses = addresses(&arguments.listen, &Inherited::default())?;
    let acme = acme::wanted(&arguments)?;
    let loaded = Sources::new(&arguments).first(|| own_identity(acme.as_ref(), &arguments, &addresses))?;
    let builder =
        addresses.iter().fold(Server::builder(loaded.identities[0].clone()), |builder, at| builder.listen(*at));
    let port = arguments.public_port.unwrap_or_else(|| builder.https_port());
    let text = https_record::lines(&arguments, &loaded.identities, &settings::names(&arguments), port);
    output::print(&text)
}

fn serve(arguments: &Serve, sockets: Inherited, log: &Log) -> Result<(), Failure> {
    let operation = &arguments.operation;
    // A file that is on its way takes a descriptor. Where the limit stays as it is, it holds.
    let _ = runtime::folder::raise_descriptor_limit();
    let user = operation.user.as_ref().map(|(user, group)| User::find(user, group.as_deref())).transpose()?;
    let watching = operation.metrics.as_deref().map(metrics::listen).transpose()?;
    let access_log = operation.access_log.as_deref();
    let access_log =
        access_log.map(|name| AccessLog::open(name, operation.access_log_format, log.clone())).transpose()?;
    let counters = watching.is_some().then(Arc::default);
    let (manager, sockets) = (Manager::of_environment(), Arc::new(sockets));
    let listeners = Listeners { log: log.clone(), access_log, counters, manager, sockets };
    let running = Running::prepare(arguments, listeners)?;
    if let (Some(listener), Some(counters)) = (watching, running.listeners.counters.clone()) {
        metrics::start(listener, counters, running.meter.clone(), log.clone())?;
    }
    let result = running.run(arguments, user);
    running.listeners.manager.stopping();
    running.listeners.access_log.iter().for_each(|access_log| access_log.flush(LAST_LINES));
    result
}

/// A server that is about to start, and what is beside it.
struct Running {
    builder: ServerBuilder,
    sites: Sites,
    proxy: Option<Proxy>,
    routes: Routes,
    identity: Identity,
    /// What gets its certificates, and where they are shown.
    renewed: Option<(Acme, IdentityHandle)>,
    listeners: Listeners,
    /// Of the workers, once there are some.
    meter: Arc<OnceLock<posthaste::Meter>>,
}

impl Running {
    fn prepare(arguments: &Serve, listeners: Listeners) -> Result<Running, Failure> {
        let (sites, proxy, routes) = (Sites::open(arguments)?, proxy(arguments)?, Routes::of(arguments)?);
        let addresses = addresses(&arguments.listen, &listeners.sockets)?;
        let mut sources = Sources::new(arguments);
        let acme = acme::wanted(arguments)?;
        let loaded = sources.first(|| own_identity(acme.as_ref(), arguments, &addresses))?;
        sources.warnings(&loaded).iter().for_each(|text| listeners.log.report(text));
        let identity = loaded.identities[0].clone();
        let shown = IdentityHandle::new(loaded.by_name());
        let builder = builder(arguments, &identity, addresses, &listeners)?.resolver(shown.clone());
        let builder = builder.drain(arguments.drain.unwrap_or(PATIENCE));
        let builder = match &acme {
            Some(acme) => {
                let by_http = acme.challenges();
                builder.acme_challenges(acme.challenges()).http_challenges(move |token| by_http.by_http(token))
            }
            None => builder,
        };
        let renewed = acme.map(|acme| (acme, shown.clone()));
        let hears_hangups = !sources.is_empty() || Reload::is_wanted(arguments, &listeners);
        look_after(arguments, &listeners, &sites, sources, loaded, shown)?;
        // Where there is nothing to read again, it means what it means to any program.
        let builder = if hears_hangups { builder.hear_signals()? } else { builder.hear_signals_and_hangup()? };
        Ok(Running { builder, sites, proxy, routes, identity, renewed, listeners, meter: Arc::default() })
    }

    fn run(&self, arguments: &Serve, user: Option<User>) -> Result<(), Failure> {
        let bodies = arguments.bodies.then(Bodies::new);
        let (sites, proxy, routes) = (self.sites.clone(), self.proxy.clone(), self.routes.clone());
        let handler =
            move |request, reply| answer(sites.clone(), bodies.clone(), proxy.clone(), routes.clone(), request, reply);
        let is_alone = !self.listeners.sockets.is_empty();
        let count = arguments.workers.unwrap_or_else(|| if is_alone { 1 } else { balancing::threads() });
        // Who watches asks from another thread, which workers are made for.
        if count > 1 || self.listeners.counters.is_some() || self.listeners.manager.watches() {
            let workers = once_free(|| self.builder.clone().start_workers(count, handler.clone()))?;
            let _ = self.meter.set(workers.meter());
            self.listeners.manager.watch(&self.meter, self.listeners.log.clone())?;
            let _own = self.greet(arguments, [workers.addresses(), workers.plain_addresses()], user)?;
            return workers.until_signal().map_err(Failure::from);
        }
        let executor =
            Executor::new().map_err(|error| Failure::Failed(format!("the operating system refused: {error}")))?;
        let server = once_free(|| self.builder.clone().start(executor.handle(), handler.clone()))?;
        let _own = self.greet(arguments, [server.addresses(), server.plain_addresses()], user)?;
        let patience = arguments.drain.unwrap_or(PATIENCE);
        executor.block_on(server.until_signal(patience)).map_err(Failure::from)
    }

    /// Everything is open: gives up what is needed no more, and says that it serves. The file for clients is there as long as what
    /// this gives.
    fn greet(
        &self,
        arguments: &Serve,
        [addresses, plain]: [&[SocketAddr]; 2],
        user: Option<User>,
    ) -> Result<Option<CertificateFile>, Failure> {
        let (log, identity) = (&self.listeners.log, &self.identity);
        let is_bare = !self.routes.have_root()
            && !arguments.site.list
            && arguments.site.fallback.is_none()
            && !self.sites.have_index();
        let mut notes = if is_bare { NO_INDEX.to_owned() } else { String::new() };
        user.map_or(Ok(()), |user| user.enter())?;
        if let Some((acme, shown)) = self.renewed.clone() {
            acme::start(acme, shown, log.clone())?;
        }
        // Whoever writes it takes it away at the end.
        let own = certificate_file(arguments, identity, &mut notes, log);
        let named = arguments.identities.first().map(|pair| pair.certificate.as_str());
        let file = named.or(own.as_ref().and_then(|own| own.path().to_str()));
        let shown = Shown { addresses, identity, names: &settings::names(arguments), file };
        print_beside(greeting(&shown, plain, &notes, is_development(arguments)), log);
        self.listeners.manager.ready();
        Ok(own)
    }
}

/// What the server shows until it is told or gets something else.
fn own_identity(acme: Option<&Acme>, arguments: &Serve, addresses: &[SocketAddr]) -> Result<Identity, Error> {
    match acme {
        Some(acme) => acme.identity(),
        None => Identity::development(&hosts(arguments, addresses)),
    }
}

/// Whether its certificate is one that only clients take that are told to.
fn is_development(arguments: &Serve) -> bool {
    arguments.identities.is_empty() && arguments.acme.names.is_empty()
}

/// Has SIGHUP read again what can be, and the days counted of what does not last.
fn look_after(
    arguments: &Serve,
    listeners: &Listeners,
    sites: &Sites,
    sources: Sources,
    loaded: Loaded,
    shown: IdentityHandle,
) -> Result<(), Failure> {
    let reload = Reload::is_wanted(arguments, listeners)
        .then(|| Reload::new(arguments.clone(), sites.clone(), listeners.clone()));
    let manager = listeners.manager.clone();
    identities::look_after(sources, loaded, shown, listeners.log.clone(), manager, reload)
}

/// Answers with files, with generated bodies, as a proxy, or with what a server behind this one says. What goes wrong is told to the client, and reported.
async fn answer(
    sites: Sites,
    bodies: Option<Bodies>,
    proxy: Option<Proxy>,
    routes: Routes,
    request: Request,
    reply: Reply,
) -> Result<(), Error> {
    if let Some(behind) = routes.find(&request) {
        return behind.serve(request, reply).await;
    }
    if let Some(proxy) = proxy.filter(|_| *request.method() == Method::Connect) {
        // Every request carries the size of what is not on the heap.
        return Box::pin(proxy.answer(request, reply)).await;
    }
    match bodies {
        Some(bodies) if Bodies::answers(request.path()) => Box::pin(bodies.serve(request, reply)).await,
        _ => sites.serve(&request, reply).await,
    }
}

/// The file for clients that are to trust a development certificate. Where none can be written the server serves all the same.
fn certificate_file(arguments: &Serve, identity: &Identity, notes: &mut String, log: &Log) -> Option<CertificateFile> {
    if !is_development(arguments) {
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

fn greeting(shown: &Shown<'_>, plain: &[SocketAddr], notes: &str, is_development: bool) -> String {
    let mut text = String::new();
    for address in shown.addresses {
        let families = if is_for_both(*address, shown.addresses) { " for IPv6 and IPv4" } else { "" };
        let _ = writeln!(text, "listening on https://{address}{families}");
    }
    for address in plain {
        let _ = writeln!(text, "redirecting http://{address} to https");
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
