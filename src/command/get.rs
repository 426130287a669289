//! `posthaste get`: fetches, to standard output or into files that are whole or not there.

mod again;
mod ask;
pub mod flags;
pub mod help;
mod kept;
mod problem;
mod record;
mod talk;
mod target;
mod transfer;
mod write_out;

use crate::command::arguments::{Get, Limits};
use crate::command::data;
use crate::command::diagnosis::Records;
use crate::command::failure::{Failure, explain, plain};
use crate::command::get::again::{Failed, wait};
use crate::command::get::ask::Ask;
use crate::command::get::flags::Flags;
use crate::command::get::problem::Problem;
use crate::command::get::record::Record;
use crate::command::get::target::{Target, targets};
use crate::command::get::transfer::Job;
use crate::command::get::write_out::written;
use crate::command::interruption::Interruption;
use crate::command::output;
use crate::command::path_line::path_line;
use crate::command::stdout::Stdout;
use crate::command::tickets::Tickets;
use crate::command::trust;
use posthaste::url::Url;
use posthaste::{AltSvc, Bytes, Client, ClientBuilder, ClientEvent, Handle, Identity, Roots, Timeouts};
use runtime::JoinHandle;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::Write;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// Fetches that run at a time where their order does not matter.
const AT_A_TIME: usize = 16;

/// Well within the 30 s that most servers wait.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// All that is done, one after the other or side by side.
struct Work {
    job: Job,
    left: RefCell<VecDeque<(usize, Target)>>,
    /// The exit status of the first of them that failed, and its place on the command line.
    failed: RefCell<Option<(usize, u8)>>,
    /// What is printed after each transfer.
    format: Option<String>,
    report: Option<RefCell<File>>,
}

/// Fetches everything; fails if anything was not complete and 2xx.
pub fn run(arguments: Get) -> Result<(), Failure> {
    let flags = &arguments.flags;
    let targets = targets(&arguments.urls, flags, arguments.folder.as_deref())?;
    let ask = Ask::new(arguments.method.as_deref(), arguments.headers.clone(), flags)?;
    if targets.len() > 1 && data::is_read_once(ask.body()) {
        return Err(Failure::Usage("standard input, or a pipe, can be sent to one URL only".into()));
    }
    let roots = trust::roots(&arguments.trust).map_err(coded(ROOTS))?;
    let identity = arguments.identity.as_ref().map(|pair| Identity::from_pem_files(&pair.certificate, &pair.key));
    let identity = identity.transpose().map_err(coded(IDENTITY))?;
    let records = Records::open(&arguments.diagnosis)?;
    let tickets = arguments.ticket_file.as_deref().map(Tickets::open).transpose()?.map(Arc::new);
    let alternatives = flags.alt_svc.as_deref().map(read_alternatives).transpose()?;
    let format = flags.write_out.as_deref().map(format).transpose()?;
    let (heads, report) = (created(flags.heads.as_deref())?, created(flags.report.as_deref())?);
    let at_a_time = at_a_time(&arguments, targets.len());
    let out = Stdout::start()?;
    posthaste::run(|handle| async move {
        let mut interruption = Interruption::new(&handle)?;
        let Get { limits, include, early_data: early, congestion_control, qpack_table, versions, flags, .. } =
            arguments;
        let builder = client(Client::builder(roots.clone()), records, &limits, flags.verbose);
        let mut builder = builder.congestion_control(congestion_control);
        builder.transport.versions = versions;
        builder = builder.dynamic_table(qpack_table);
        builder = if flags.http3_only { builder } else { builder.tcp() };
        builder = with_addresses(builder, &flags, alternatives.as_ref());
        if let Some(identity) = &identity {
            builder = builder.identity(identity);
        }
        if let Some(tickets) = &tickets {
            builder = builder.ticket_store(tickets.clone());
        }
        if early {
            builder = builder.dangerous_offer_early_data_that_may_be_replayed();
        }
        let proxy = flags.proxy.as_deref().map(|url| proxy(url, &flags, &roots, &limits, &handle)).transpose()?;
        if let Some((proxy, url)) = proxy.as_ref().zip(flags.proxy.as_deref()) {
            builder = builder.proxy(proxy, url);
        }
        let client = builder.build(&handle);
        let end = handle.read_clock() + limits.whole;
        let (include, alt_svc) = (include || flags.head, flags.alt_svc.clone());
        let (updates_keys, tells_stats) = (Cell::new(flags.key_update), flags.stats);
        let job = Job { client, handle, ask, flags, limits, end, include, out, early, heads, updates_keys };
        let left = RefCell::new(targets.into_iter().enumerate().collect::<VecDeque<_>>());
        let work = Rc::new(Work { job, left, failed: RefCell::default(), format, report });
        let fetched = interruption.unless(fetch_all(&work, at_a_time)).await;
        let job = &work.job;
        if let (Some(tickets), Ok(Ok(()))) = (&tickets, &fetched) {
            interruption.unless(tickets.arrived(&job.handle)).await?;
        }
        if tells_stats {
            job.client.paths().iter().flatten().for_each(|path| output::report(&path_line(path)));
        }
        job.client.close().await;
        if let Some(proxy) = proxy {
            // What the client has said last goes on to the proxy's connection.
            job.handle.sleep(FAREWELL).await;
            proxy.close().await;
        }
        if let (Some(path), Some(known)) = (&alt_svc, &alternatives) {
            write_alternatives(path, known)?;
        }
        let fetched = fetched?;
        // What was received before a failure is still written.
        let written = interruption.unless(finish_output(job, fetched.is_err())).await?;
        written.and(fetched)
    })?
}

/// How long what was received before a failure has at least to be written.
const LAST_WRITES: Duration = Duration::from_secs(1);
/// How long what goes through a proxy has at the end, to leave this host.
const FAREWELL: Duration = Duration::from_millis(20);
/// The status of certificates to trust that cannot be used, and of one's own.
const ROOTS: u8 = 77;
const IDENTITY: u8 = 58;

fn coded(status: u8) -> impl Fn(posthaste::Error) -> Failure {
    move |error| Failure::Coded(status, explain(&error))
}

fn at_a_time(arguments: &Get, targets: usize) -> usize {
    let given = arguments.flags.parallel.or_else(|| arguments.folder.as_ref().map(|_| AT_A_TIME));
    given.unwrap_or(1).min(targets)
}

fn client(mut builder: ClientBuilder, records: Records, limits: &Limits, is_verbose: bool) -> ClientBuilder {
    // Whoever reads standard output may pause for longer than an idle connection lives.
    builder.transport.keep_alive = Some(KEEP_ALIVE);
    // Each wait has a clock of this command, which knows what it is for.
    let forever = Timeouts { first_byte: Duration::MAX, idle: Duration::MAX, whole: Duration::MAX };
    builder = builder.connect_timeout(limits.connect).timeouts(forever);
    builder = builder.on_event(move |event| match event {
        ClientEvent::ByTcp { .. } if is_verbose => talk::note(&event.to_string()),
        ClientEvent::ByTcp { .. } => {}
        event => output::report(&event.to_string()),
    });
    if let Some(key_log) = records.key_log {
        builder = builder.key_log(key_log);
    }
    match records.trace {
        Some(trace) => builder.trace(trace),
        None => builder,
    }
}

/// Who asks the proxy at this URL.
fn proxy(url: &str, flags: &Flags, roots: &Roots, limits: &Limits, handle: &Handle) -> Result<Client, Failure> {
    Url::parse(url).map_err(|error| Failure::Usage(format!("--proxy {url}: {error}")))?;
    let roots = match &flags.proxy_roots {
        Some(file) => Roots::from_pem_file(file).map_err(coded(ROOTS))?,
        None if flags.proxy_insecure => Roots::dangerous_accept_any(),
        None => roots.clone(),
    };
    let forever = Timeouts { first_byte: limits.connect, idle: Duration::MAX, whole: Duration::MAX };
    let mut builder = Client::builder(roots).connect_timeout(limits.connect).timeouts(forever);
    builder.http.datagrams = true;
    builder.transport.keep_alive = Some(KEEP_ALIVE);
    Ok(builder.build(handle))
}

fn with_addresses(mut builder: ClientBuilder, flags: &Flags, alternatives: Option<&AltSvc>) -> ClientBuilder {
    for (host, port, addresses) in &flags.resolve {
        builder = builder.resolve_to(host, *port, addresses.clone());
    }
    match alternatives {
        Some(known) => builder.alt_svc(known.clone()),
        None => builder,
    }
}

fn read_alternatives(path: &str) -> Result<AltSvc, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(AltSvc::from_text(&text, runtime::clock::unix_seconds())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(AltSvc::default()),
        Err(error) => Err(Failure::Coded(26, format!("{path} could not be read: {}", plain(&error)))),
    }
}

fn write_alternatives(path: &str, known: &AltSvc) -> Result<(), Failure> {
    let draft = format!("{path}.{}", std::process::id());
    let written = std::fs::write(&draft, known.to_text()).and_then(|()| std::fs::rename(&draft, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&draft);
        Failure::Coded(23, format!("{path} could not be written: {}", plain(&error)))
    })
}

/// The text of `--write-out`, or what is in the file that it names.
fn format(text: &str) -> Result<String, Failure> {
    match text.strip_prefix('@') {
        None => Ok(text.to_owned()),
        Some(name) => std::fs::read_to_string(if name == "-" { "/dev/stdin" } else { name })
            .map_err(|error| Failure::Coded(26, format!("{name} could not be read: {}", plain(&error)))),
    }
}

/// A file that is written beside; `-` is none.
fn created(name: Option<&str>) -> Result<Option<RefCell<File>>, Failure> {
    let Some(name) = name.filter(|name| *name != "-") else { return Ok(None) };
    let failed = |error| Failure::Coded(23, format!("{name} could not be written: {}", plain(&error)));
    Ok(Some(RefCell::new(File::create(name).map_err(failed)?)))
}

/// One after the other, or several at a time. Dropping it ends all of them.
async fn fetch_all(work: &Rc<Work>, at_a_time: usize) -> Result<(), Failure> {
    let mut workers = Workers((0..at_a_time).map(|_| work.job.handle.spawn(fetch_next(work.clone()))).collect());
    poll_fn(|context| {
        workers.0.retain_mut(|worker| Pin::new(worker).poll(context).is_pending());
        // Where nothing can be written any more, nothing more is fetched.
        if workers.0.is_empty() { Poll::Ready(()) } else { work.job.out.poll_failed(context) }
    })
    .await;
    if work.job.out.has_failed() {
        return Err(Failure::Quiet);
    }
    match *work.failed.borrow() {
        Some((_, status)) => Err(Failure::Reported(status)),
        None => Ok(()),
    }
}

/// Tasks that end with this.
struct Workers(Vec<JoinHandle<()>>);

impl Drop for Workers {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

async fn fetch_next(work: Rc<Work>) {
    loop {
        let Some((number, target)) = work.left.borrow_mut().pop_front() else { return };
        let record = work.fetch(&target).await;
        let ends_all = record.problem.as_ref().is_some_and(|problem| problem.ends_all);
        if let Some(problem) = &record.problem {
            let failed = (number, problem.status);
            let first = work.failed.borrow().map_or(failed, |first| first.min(failed));
            *work.failed.borrow_mut() = Some(first);
            let flags = &work.job.flags;
            if !problem.text.is_empty() && (!flags.silent || flags.show_error) {
                output::report(&format!("{}: {}", target.shown(), problem.text));
            }
            if flags.fail_early {
                work.left.borrow_mut().clear();
            }
        }
        if ends_all || work.tell(&record).await.is_err() || work.job.out.has_failed() {
            work.left.borrow_mut().clear();
            return;
        }
    }
}

impl Work {
    /// Makes one transfer, again where that may help.
    async fn fetch(&self, target: &Target) -> Record {
        let begun = self.job.handle.read_clock();
        let mut record = Record::new(&target.url.to_string(), self.job.ask.method.as_str());
        loop {
            let result = self.in_time(target, &mut record).await;
            record.phases.ended = record.elapsed();
            let Err(problem) = result else { return record };
            let after = record.fields.first_text("retry-after").and_then(|after| after.parse().ok());
            let failed = Failed {
                problem: &problem,
                method: &self.job.ask.method,
                is_repeatable: !data::is_read_once(self.job.ask.body()),
                is_written: record.is_on_stdout,
                retry_after: after.map(Duration::from_secs),
                times: record.retries,
                elapsed: self.job.handle.read_clock() - begun,
            };
            let wait = wait(&self.job.flags.retry, &failed);
            let Some(wait) = wait.filter(|wait| self.job.handle.read_clock() + *wait < self.job.end) else {
                record.problem = Some(problem);
                return record;
            };
            if !self.job.flags.silent {
                let seconds = wait.as_secs_f64();
                output::report(&format!("{}: {}; again in {seconds} s", target.shown(), problem.text));
            }
            self.job.handle.sleep(wait).await;
            record.begin_again();
        }
    }

    async fn in_time(&self, target: &Target, record: &mut Record) -> Result<(), Problem> {
        let job = &self.job;
        if job.handle.read_clock() >= job.end {
            return Err(too_late(job, "it was not begun").into());
        }
        let in_time = job.handle.timeout_at(job.end, job.attempt(target, record)).await;
        in_time.unwrap_or_else(|_| Err(too_late(job, "it was not complete").into()))
    }

    /// Tells what was asked for of a transfer that is over.
    async fn tell(&self, record: &Record) -> Result<(), Failure> {
        if let Some(format) = &self.format {
            let written = written(format, record);
            // Where nobody reads it there is nobody else to tell.
            let _ = std::io::stderr().write_all(written.err.as_bytes());
            if !written.out.is_empty() {
                self.job.out.write(Bytes::from(written.out)).await?;
            }
        }
        match &self.report {
            Some(report) => {
                let failed = |error| Failure::Coded(23, format!("the report could not be written: {}", plain(&error)));
                report.borrow_mut().write_all(record.json().as_bytes()).map_err(failed)
            }
            None if self.job.flags.report.is_some() => self.job.out.write(Bytes::from(record.json())).await,
            None => Ok(()),
        }
    }
}

fn too_late(job: &Job, what: &str) -> Failure {
    Failure::Coded(28, format!("{what} within the {} s of --max-time", job.limits.whole.as_secs_f64()))
}

async fn finish_output(job: &Job, has_failed: bool) -> Result<(), Failure> {
    // Where the limit for all was the failure, no time is left.
    let end = if has_failed { job.end.max(job.handle.read_clock() + LAST_WRITES) } else { job.end };
    let in_time = job.handle.timeout_at(end, job.out.finish()).await;
    in_time.unwrap_or_else(|_| Err(too_late(job, "standard output did not take what was received")))
}
