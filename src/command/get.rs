//! `posthaste get`: fetches, to standard output or into files that are whole or not there.

use crate::command::arguments::{Data, Get};
use crate::command::data::Source;
use crate::command::diagnosis::Records;
use crate::command::failure::{Failure, explain};
use crate::command::output::Progress;
use crate::command::stdout::Stdout;
use crate::command::trust;
use posthaste::url::Url;
use posthaste::{Body, Bytes, Client, Error, Handle, Method, Reason, RequestBuilder, Response, Status};
use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// Fetches that run at a time where their order does not matter.
const AT_A_TIME: usize = 16;

/// Well within the 30 s that most servers wait.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// How long a server may go on taking a body after its response is complete.
const UPLOAD_PATIENCE: Duration = Duration::from_secs(30);

/// What all fetches of one command share.
struct Job {
    client: Client,
    handle: Handle,
    method: Method,
    headers: Vec<(String, String)>,
    data: Option<Data>,
    include: bool,
    folder: Option<PathBuf>,
    out: Stdout,
}

/// Fetches everything; fails if anything was not complete and 2xx.
pub fn run(arguments: Get) -> Result<(), Failure> {
    let urls = arguments.urls.iter().map(|text| parse(text)).collect::<Result<Vec<Url>, Failure>>()?;
    let method = match (&arguments.method, &arguments.data) {
        (Some(method), _) => Method::from_bytes(method.as_bytes())
            .map_err(|_| Failure::Usage(format!("--method needs a word such as GET or PUT, not {method:?}")))?,
        (None, Some(_)) => Method::Post,
        (None, None) => Method::Get,
    };
    let folder = arguments.folder.map(PathBuf::from);
    if let Some(folder) = &folder {
        check_names(&urls)?;
        std::fs::create_dir_all(folder)
            .map_err(|error| Failure::Failed(format!("the folder {} cannot be used: {error}", folder.display())))?;
    }
    if urls.len() > 1 && matches!(&arguments.data, Some(Data::File(name)) if name == "-") {
        return Err(Failure::Usage("standard input can be sent to one URL only".into()));
    }
    let roots = trust::roots(&arguments.trust)?;
    let Records { key_log, trace } = Records::open(&arguments.diagnosis)?;
    let (headers, data, include, out) = (arguments.headers, arguments.data, arguments.include, Stdout::start()?);
    posthaste::run(|handle| async move {
        let mut builder = Client::builder(roots);
        // Whoever reads standard output may pause for longer than an idle connection lives.
        builder.transport.keep_alive = Some(KEEP_ALIVE);
        if let Some(key_log) = key_log {
            builder = builder.key_log(key_log);
        }
        if let Some(trace) = trace {
            builder = builder.trace(trace);
        }
        let client = builder.build(&handle);
        let job = Job { client: client.clone(), handle: handle.clone(), method, headers, data, include, folder, out };
        let job = Rc::new(job);
        let result = fetch_all(job.clone(), urls, &handle).await;
        client.close().await;
        let written = Rc::into_inner(job).map_or(Ok(()), |job| job.out.finish());
        result.and(written)
    })?
}

fn parse(text: &str) -> Result<Url, Failure> {
    Url::parse(text).map_err(|error| Failure::Usage(format!("{text}: {error}")))
}

fn check_names(urls: &[Url]) -> Result<(), Failure> {
    let mut names = HashSet::new();
    match urls.iter().find(|url| !names.insert(url.file_name())) {
        Some(url) => {
            Err(Failure::Usage(format!("two of the URLs would be written to the same file, {}", url.file_name())))
        }
        None => Ok(()),
    }
}

/// One after the other to standard output; into files several at a time.
async fn fetch_all(job: Rc<Job>, urls: Vec<Url>, handle: &Handle) -> Result<(), Failure> {
    let at_a_time = if job.folder.is_some() { AT_A_TIME.min(urls.len()) } else { 1 };
    let left = Rc::new(RefCell::new(VecDeque::from(urls)));
    let workers: Vec<_> = (0..at_a_time).map(|_| handle.spawn(work(job.clone(), left.clone()))).collect();
    let mut result = Ok(());
    for worker in workers {
        result = result.and(worker.await.unwrap_or(Err(Failure::Quiet)));
    }
    result
}

async fn work(job: Rc<Job>, left: Rc<RefCell<VecDeque<Url>>>) -> Result<(), Failure> {
    let mut result = Ok(());
    loop {
        let Some(url) = left.borrow_mut().pop_front() else { return result };
        match job.fetch(&url).await {
            Ok(()) => {}
            // Nobody reads any more.
            Err(Failure::Quiet) => return Err(Failure::Quiet),
            Err(Failure::Failed(text) | Failure::Usage(text)) => {
                eprintln!("posthaste: {url}: {text}");
                result = Err(Failure::Quiet);
            }
        }
    }
}

impl Job {
    async fn fetch(&self, url: &Url) -> Result<(), Failure> {
        let mut request = self.client.request(self.method.clone(), &url.to_string());
        for (name, value) in &self.headers {
            request = request.field(name, value);
        }
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("user-agent")) {
            request = request.field("user-agent", concat!("posthaste/", env!("CARGO_PKG_VERSION")));
        }
        let response = match self.data.as_ref().map(Source::open).transpose()? {
            None => request.send().await?,
            Some(Source::Memory(bytes)) => request.body(bytes).send().await?,
            Some(source) => self.upload(request, source).await?,
        };
        self.receive(url, response).await
    }

    /// Sends a file while the response is read.
    async fn upload(&self, request: RequestBuilder, source: Source) -> Result<Response, Failure> {
        let (writer, pending) = request.field("content-length", source.len().to_string()).start().await?;
        let failure = Rc::new(RefCell::new(None));
        let report = failure.clone();
        self.handle.spawn(async move {
            if let Err(failed) = source.write(writer).await {
                *report.borrow_mut() = Some(failed);
            }
        });
        let response = pending.response().await;
        match (response, failure.borrow_mut().take()) {
            (Ok(response), _) => Ok(response),
            // What happened first says more.
            (Err(_), Some(failed)) => Err(failed),
            (Err(error), None) => Err(error.into()),
        }
    }

    async fn print(&self, text: Vec<u8>) -> Result<(), Failure> {
        self.out.write(Bytes::from(text)).await
    }

    async fn receive(&self, url: &Url, mut response: Response) -> Result<(), Failure> {
        if self.include {
            for head in response.informational().iter().chain([response.head()]) {
                self.print(head_text(head.status, head.fields.iter())).await?;
            }
        }
        let status = response.status();
        let progress = Progress::new(url.file_name(), response.body().length(), self.folder.is_some());
        match &self.folder {
            Some(folder) if status.is_successful() => {
                let mut file = PartFile::create(folder, url.file_name())?;
                copy(response.body(), progress, async |bytes| file.write(&bytes)).await?;
                file.complete()?;
            }
            // An error page is not what the file was to hold.
            Some(_) => {}
            None => copy(response.body(), progress, async |bytes| self.out.write(bytes).await).await?,
        }
        let trailers = if self.include { response.body().trailers().await? } else { None };
        if let Some(fields) = trailers {
            self.print(lines(fields.iter())).await?;
        }
        let cut = self.wait_for_upload(&response).await.err();
        match (status.is_successful(), cut) {
            (true, None) => Ok(()),
            (true, Some(cut)) => Err(Failure::Failed(cut)),
            (false, cut) => Err(Failure::Failed(format!(
                "{}{}",
                answered(status),
                cut.map_or(String::new(), |cut| format!("; {cut}"))
            ))),
        }
    }

    /// A response is as good as any where the server did not want all of the body; but the upload is not what it was to be.
    async fn wait_for_upload(&self, response: &Response) -> Result<(), String> {
        let cut = "the server answered before it had taken all of the body, and does not want the rest";
        match self.handle.timeout(UPLOAD_PATIENCE, response.uploaded()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Error::Stopped { reason: Reason::NotNeeded })) => Err(cut.into()),
            Ok(Err(error)) => Err(format!("the body was not uploaded as a whole: {}", explain(&error))),
            Err(_) => {
                let seconds = UPLOAD_PATIENCE.as_secs();
                Err(format!("the server answered, and has not taken all of the body within {seconds} s after that"))
            }
        }
    }
}

fn answered(status: Status) -> String {
    match status.reason() {
        Some(reason) => format!("the server answered {} {reason}", status.code()),
        None => format!("the server answered {}", status.code()),
    }
}

async fn copy(
    body: &mut Body,
    mut progress: Progress,
    mut write: impl AsyncFnMut(Bytes) -> Result<(), Failure>,
) -> Result<(), Failure> {
    loop {
        match body.chunk().await {
            Ok(Some(bytes)) => write(bytes).await?,
            Ok(None) => return Ok(()),
            Err(error) => return Err(incomplete(&error, body)),
        }
        progress.update(body.received());
    }
}

fn incomplete(error: &Error, body: &Body) -> Failure {
    let of = body.length().map_or(String::new(), |length| format!(" of {length}"));
    Failure::Failed(format!("incomplete after {}{of} bytes: {}", body.received(), explain(error)))
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

/// A file under another name until it is complete; gone if it never is.
struct PartFile {
    file: File,
    part: PathBuf,
    whole: PathBuf,
    complete: bool,
}

impl PartFile {
    fn create(folder: &Path, name: &str) -> Result<PartFile, Failure> {
        let (part, whole) = (folder.join(format!(".{name}.part-{}", std::process::id())), folder.join(name));
        match OpenOptions::new().write(true).create(true).truncate(true).open(&part) {
            Ok(file) => Ok(PartFile { file, part, whole, complete: false }),
            Err(error) => Err(Failure::Failed(format!("{} could not be written: {error}", part.display()))),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file
            .write_all(bytes)
            .map_err(|error| Failure::Failed(format!("{} could not be written: {error}", self.whole.display())))
    }

    fn complete(mut self) -> Result<(), Failure> {
        std::fs::rename(&self.part, &self.whole)
            .map_err(|error| Failure::Failed(format!("{} could not be written: {error}", self.whole.display())))?;
        self.complete = true;
        Ok(())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.complete {
            let _ = std::fs::remove_file(&self.part);
        }
    }
}
