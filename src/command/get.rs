//! `posthaste get`: fetches, to standard output or into files that are whole or not there.

use crate::command::arguments::{Data, Get, Limits};
use crate::command::data::{self, Source};
use crate::command::diagnosis::Records;
use crate::command::failure::{Failure, explain, plain};
use crate::command::input::Input;
use crate::command::interruption::Interruption;
use crate::command::naming::{beginning, file_name};
use crate::command::output::{self, Progress};
use crate::command::part_file::PartFile;
use crate::command::path_line::path_line;
use crate::command::stdout::Stdout;
use crate::command::tickets::Tickets;
use crate::command::trust;
use crate::command::watch::{Awaited, Stage, Watch};
use base::Instant;
use posthaste::url::Url;
use posthaste::{
    Bytes, Client, ClientBuilder, Error, Handle, Identity, Method, Reason, RequestBuilder, Response, Status,
};
use runtime::JoinHandle;
use std::cell::{Cell, RefCell};
use std::collections::{HashSet, VecDeque};
use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// Fetches that run at a time where their order does not matter.
const AT_A_TIME: usize = 16;

/// Well within the 30 s that most servers wait.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The longest URL that is told as a whole.
const SHOWN: usize = 300;

/// What is fetched, and how the file is called that it may be written to.
struct Target {
    url: Url,
    name: String,
}

impl Target {
    /// The URL as it is told, which nobody reads to its end if it is long.
    fn shown(&self) -> String {
        let url = self.url.to_string();
        let shown = beginning(&url, SHOWN);
        if shown.len() < url.len() { format!("{shown}...") } else { url }
    }
}

/// What all fetches of one command share.
struct Job {
    client: Client,
    handle: Handle,
    method: Method,
    headers: Vec<(String, String)>,
    data: Option<Data>,
    limits: Limits,
    /// When all has to be done.
    end: Instant,
    include: bool,
    folder: Option<PathBuf>,
    out: Stdout,
    early: bool,
    /// Whether keys are still to be updated.
    updates_keys: Cell<bool>,
}

/// Fetches everything; fails if anything was not complete and 2xx.
pub fn run(arguments: Get) -> Result<(), Failure> {
    let targets = arguments.urls.iter().map(|text| target(text)).collect::<Result<Vec<Target>, Failure>>()?;
    let method = method(&arguments)?;
    let folder = arguments.folder.as_ref().map(PathBuf::from);
    if let Some(folder) = &folder {
        check_names(&targets)?;
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::Failed(format!("the folder {} cannot be used: {}", folder.display(), plain(&error)))
        })?;
    }
    if targets.len() > 1 && arguments.data.as_ref().is_some_and(data::is_read_once) {
        return Err(Failure::Usage("standard input, or a pipe, can be sent to one URL only".into()));
    }
    let roots = trust::roots(&arguments.trust)?;
    let identity = arguments.identity.as_ref().map(|pair| Identity::from_pem_files(&pair.certificate, &pair.key));
    let identity = identity.transpose()?;
    let records = Records::open(&arguments.diagnosis)?;
    let tickets = arguments.ticket_file.as_deref().map(Tickets::open).transpose()?.map(Arc::new);
    let out = Stdout::start()?;
    posthaste::run(|handle| async move {
        let mut interruption = Interruption::new(&handle)?;
        let Get {
            headers, data, limits, include, early_data: early, congestion_control, qpack_table, versions, ..
        } = arguments;
        let (updates_keys, tells_stats) = (Cell::new(arguments.key_update), arguments.stats);
        let mut builder = client(Client::builder(roots), records, &limits).congestion_control(congestion_control);
        builder.transport.versions = versions;
        builder = builder.dynamic_table(qpack_table);
        if let Some(identity) = &identity {
            builder = builder.identity(identity);
        }
        if let Some(tickets) = &tickets {
            builder = builder.ticket_store(tickets.clone());
        }
        if early {
            builder = builder.dangerous_offer_early_data_that_may_be_replayed();
        }
        let client = builder.build(&handle);
        let end = handle.read_clock() + limits.whole;
        let job = Job { client, handle, method, headers, data, limits, end, include, folder, out, early, updates_keys };
        let job = Rc::new(job);
        let fetched = interruption.unless(fetch_all(&job, targets)).await;
        if let (Some(tickets), Ok(Ok(()))) = (&tickets, &fetched) {
            interruption.unless(tickets.arrived(&job.handle)).await?;
        }
        if tells_stats {
            job.client.paths().iter().flatten().for_each(|path| output::report(&path_line(path)));
        }
        job.client.close().await;
        let fetched = fetched?;
        // What was received before a failure is still written.
        let written = interruption.unless(job.finish_output()).await?;
        written.and(fetched)
    })?
}

fn client(mut builder: ClientBuilder, records: Records, limits: &Limits) -> ClientBuilder {
    // Whoever reads standard output may pause for longer than an idle connection lives.
    builder.transport.keep_alive = Some(KEEP_ALIVE);
    builder = builder.connect_timeout(limits.connect).on_event(|event| output::report(&event.to_string()));
    if let Some(key_log) = records.key_log {
        builder = builder.key_log(key_log);
    }
    match records.trace {
        Some(trace) => builder.trace(trace),
        None => builder,
    }
}

fn target(text: &str) -> Result<Target, Failure> {
    let url = Url::parse(text).map_err(|error| Failure::Usage(format!("{text}: {error}")))?;
    Ok(Target { name: file_name(&url), url })
}

fn method(arguments: &Get) -> Result<Method, Failure> {
    match (&arguments.method, &arguments.data) {
        (Some(method), _) => Method::from_bytes(method.as_bytes())
            .map_err(|_| Failure::Usage(format!("--method needs a word such as GET or PUT, not {method:?}"))),
        (None, Some(_)) => Ok(Method::Post),
        (None, None) => Ok(Method::Get),
    }
}

fn check_names(targets: &[Target]) -> Result<(), Failure> {
    let mut names = HashSet::new();
    match targets.iter().find(|target| !names.insert(&target.name)) {
        Some(Target { name, .. }) => {
            Err(Failure::Usage(format!("two of the URLs would be written to the same file, {name}")))
        }
        None => Ok(()),
    }
}

/// One after the other to standard output; into files several at a time. Dropping it ends all of them.
async fn fetch_all(job: &Rc<Job>, targets: Vec<Target>) -> Result<(), Failure> {
    let at_a_time = if job.folder.is_some() { AT_A_TIME.min(targets.len()) } else { 1 };
    let left = Rc::new(RefCell::new(VecDeque::from(targets)));
    let mut workers = Workers((0..at_a_time).map(|_| job.handle.spawn(work(job.clone(), left.clone()))).collect());
    let mut result = Ok(());
    poll_fn(|context| {
        workers.0.retain_mut(|worker| match Pin::new(worker).poll(context) {
            Poll::Pending => true,
            Poll::Ready(Ok(Ok(()))) => false,
            Poll::Ready(_) => {
                result = Err(Failure::Quiet);
                false
            }
        });
        // Where nothing can be written any more, nothing more is fetched.
        if workers.0.is_empty() { Poll::Ready(()) } else { job.out.poll_failed(context) }
    })
    .await;
    result
}

/// Tasks that end with this.
struct Workers(Vec<JoinHandle<Result<(), Failure>>>);

impl Drop for Workers {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

async fn work(job: Rc<Job>, left: Rc<RefCell<VecDeque<Target>>>) -> Result<(), Failure> {
    let mut result = Ok(());
    loop {
        let Some(target) = left.borrow_mut().pop_front() else { return result };
        match job.fetch_in_time(&target).await {
            Ok(()) => {}
            Err(Failure::Failed(text) | Failure::Usage(text)) => {
                output::report(&format!("{}: {text}", target.shown()));
                result = Err(Failure::Quiet);
            }
            Err(failure) => return Err(failure),
        }
        if job.out.has_failed() {
            return Err(Failure::Quiet);
        }
    }
}

impl Job {
    async fn fetch_in_time(&self, target: &Target) -> Result<(), Failure> {
        if self.handle.read_clock() >= self.end {
            return Err(self.too_late("it was not begun"));
        }
        let in_time = self.handle.timeout_at(self.end, self.fetch(target)).await;
        in_time.unwrap_or_else(|_| Err(self.too_late("it was not complete")))
    }

    fn too_late(&self, what: &str) -> Failure {
        Failure::Failed(format!("{what} within the {} s of --max-time", self.limits.whole.as_secs_f64()))
    }

    async fn finish_output(&self) -> Result<(), Failure> {
        let in_time = self.handle.timeout_at(self.end, self.out.finish()).await;
        in_time.unwrap_or_else(|_| Err(self.too_late("standard output did not take what was received")))
    }

    async fn fetch(&self, target: &Target) -> Result<(), Failure> {
        if let Some(folder) = &self.folder {
            PartFile::check(folder, &target.name)?;
        }
        let source = match &self.data {
            Some(data) => Some(Source::open(data).await?),
            None => None,
        };
        let url = target.url.to_string();
        // What goes early is there before a connection is.
        let is_early = self.early && source.is_none() && self.method.is_safe();
        if !is_early {
            self.client.connect(&url).await.map_err(not_connected)?;
        }
        let request = self.request(&url);
        let request = if is_early { request.dangerous_send_as_early_data_that_may_be_replayed() } else { request };
        let watch = Watch::new(&self.handle, &self.limits, Stage::Sent);
        let request = match source {
            None => request,
            Some(Source::Text(bytes)) => request.body(bytes),
            Some(Source::Input(input)) => return self.upload(target, request, input, &watch).await,
        };
        let response = watch.wait(Awaited::Head, request.send()).await??;
        if self.updates_keys.replace(false) {
            self.client.update_keys();
        }
        self.receive(target, response, &watch).await
    }

    fn request(&self, url: &str) -> RequestBuilder {
        let mut request = self.client.request(self.method.clone(), url);
        for (name, value) in &self.headers {
            request = request.field(name, value);
        }
        match self.has_header("user-agent") {
            true => request,
            false => request.field("user-agent", concat!("posthaste/", env!("CARGO_PKG_VERSION"))),
        }
    }

    fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name))
    }

    /// Sends what is read while the response is read.
    async fn upload(
        &self,
        target: &Target,
        mut request: RequestBuilder,
        input: Input,
        watch: &Watch<'_>,
    ) -> Result<(), Failure> {
        if let Some(length) = input.length().filter(|_| !self.has_header("content-length")) {
            request = request.field("content-length", length.to_string());
        }
        let (writer, pending) = watch.wait(Awaited::Head, request.start()).await??;
        watch.enter(Stage::AwaitsSource);
        let receive = async {
            let response = watch.wait(Awaited::Head, pending.response()).await??;
            self.receive(target, response, watch).await
        };
        beside(data::send(input, writer, watch), receive).await
    }

    async fn print(&self, text: Vec<u8>) -> Result<(), Failure> {
        self.out.write(Bytes::from(text)).await
    }

    async fn receive(&self, target: &Target, mut response: Response, watch: &Watch<'_>) -> Result<(), Failure> {
        if self.include {
            for head in response.informational().iter().chain([response.head()]) {
                self.print(head_text(head.status, head.fields.iter())).await?;
            }
        }
        let status = response.status();
        match &self.folder {
            Some(folder) if status.is_successful() && self.has_content(status) => {
                let mut file = PartFile::create(folder, &target.name)?;
                self.copy(target, &mut response, watch, async |bytes| file.write(&bytes)).await?;
                file.complete()?;
            }
            // An error page is not what the file was to hold.
            Some(_) => {}
            None => self.copy(target, &mut response, watch, async |bytes| self.out.write(bytes).await).await?,
        }
        if self.include
            && let Some(fields) = watch.wait(Awaited::Body, response.body().trailers()).await??
        {
            self.print(lines(fields.iter())).await?;
        }
        let cut = not_uploaded(&response, watch).await;
        let failed = if self.is_good(status) { None } else { Some(answered(target, &response)) };
        match failed.into_iter().chain(cut).reduce(|failed, cut| format!("{failed}; {cut}")) {
            Some(text) => Err(Failure::Failed(text)),
            None => Ok(()),
        }
    }

    /// Whether a response has content to be kept (RFC 9110 section 6.4.1).
    fn has_content(&self, status: Status) -> bool {
        self.method != Method::Head && !status.is_without_content()
    }

    /// Whether it is what was asked for. Who sends a condition wants to know that nothing has changed.
    fn is_good(&self, status: Status) -> bool {
        let is_condition = |name| self.has_header(name);
        status.is_successful()
            || (status == Status::NOT_MODIFIED && ["if-none-match", "if-modified-since"].into_iter().any(is_condition))
    }

    async fn copy(
        &self,
        target: &Target,
        response: &mut Response,
        watch: &Watch<'_>,
        mut write: impl AsyncFnMut(Bytes) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let body = response.body();
        let mut progress = Progress::new(&target.name, body.length(), self.folder.is_some());
        loop {
            let why = match watch.wait(Awaited::Body, body.chunk()).await {
                Ok(Ok(Some(bytes))) => {
                    write(bytes).await?;
                    progress.update(body.received());
                    continue;
                }
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => explain(&error),
                Err(Failure::Failed(text)) => text,
                Err(failure) => return Err(failure),
            };
            let of = body.length().map_or(String::new(), |length| format!(" of {length}"));
            return Err(Failure::Failed(format!("incomplete after {}{of} bytes: {why}", body.received())));
        }
    }
}

/// The result of `receive`, unless `send` fails before that.
async fn beside(
    send: impl Future<Output = Result<(), Failure>>,
    receive: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let (mut send, mut receive) = (pin!(send), pin!(receive));
    let mut is_sent = false;
    poll_fn(|context| {
        if !is_sent && let Poll::Ready(result) = send.as_mut().poll(context) {
            is_sent = true;
            if result.is_err() {
                return Poll::Ready(result);
            }
        }
        receive.as_mut().poll(context)
    })
    .await
}

fn not_connected(error: Error) -> Failure {
    let is_late = |error: &Error| matches!(error, Error::NoAnswer { .. });
    let may_help = match &error {
        Error::Unreachable { attempts, .. } => attempts.iter().any(|(_, error)| is_late(error)),
        error => is_late(error),
    };
    match Failure::from(error) {
        Failure::Failed(text) if may_help => {
            Failure::Failed(format!("{text}\n  --connect-timeout SECONDS waits longer"))
        }
        failure => failure,
    }
}

/// A response is as good as any where the server did not want all of the body; but the upload is not what it was to be.
async fn not_uploaded(response: &Response, watch: &Watch<'_>) -> Option<String> {
    match watch.wait(Awaited::Delivery, response.uploaded()).await {
        Ok(Ok(())) => None,
        Ok(Err(Error::Stopped { reason: Reason::NotNeeded })) => {
            Some("the server answered before it had taken all of the body, and does not want the rest".into())
        }
        Ok(Err(error)) => Some(format!("the body was not uploaded as a whole: {}", explain(&error))),
        Err(Failure::Failed(text)) => Some(text),
        Err(_) => None,
    }
}

/// A status that is no success, and for a redirect where to.
fn answered(target: &Target, response: &Response) -> String {
    let status = response.status();
    let reason = status.reason().map_or(String::new(), |reason| format!(" {reason}"));
    let text = format!("the server answered {}{reason}", status.code());
    match response.fields().first_text("location") {
        Some(place) if (300..400).contains(&status.code()) => {
            // Where no host is named it is the same one (RFC 9110 section 10.2.2).
            let is_path = place.starts_with('/') && !place.starts_with("//");
            let origin = if is_path { format!("https://{}", target.url.authority()) } else { String::new() };
            format!("{text}, to {origin}{place}: redirects are not followed, so ask for that")
        }
        _ => text,
    }
}

fn head_text<'a>(status: Status, fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut text = format!("HTTP/3 {}\n", status.code()).into_bytes();
    text.extend(lines(fields));
    text.push(b'\n');
    text
}

fn lines<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut text = Vec::new();
    for (name, value) in fields {
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value);
        text.push(b'\n');
    }
    text
}
