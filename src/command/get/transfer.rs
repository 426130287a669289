//! One attempt at one transfer: connect, ask, receive.

use crate::command::arguments::Limits;
use crate::command::data::{self, Source};
use crate::command::failure::{Failure, explain};
use crate::command::get::again;
use crate::command::get::ask::Ask;
use crate::command::get::flags::{Flags, Resume};
use crate::command::get::kept::{Answer, Kept, answer};
use crate::command::get::problem::{ANSWERED, INCOMPLETE, NOT_TAKEN, Problem};
use crate::command::get::record::Record;
use crate::command::get::talk;
use crate::command::get::target::{Place, Target};
use crate::command::input::Input;
use crate::command::meter::Progress;
use crate::command::part_file::PartFile;
use crate::command::stdout::Stdout;
use crate::command::watch::{Awaited, Stage, Watch};
use base::Instant;
use posthaste::url::Url;
use posthaste::{Bytes, Client, Error, Fields, Handle, HttpVersion, Method, Reason, RequestBuilder, Response, Status};
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::Write;
use std::pin::pin;
use std::task::Poll;

/// What all transfers of one command share.
pub struct Job {
    pub client: Client,
    pub handle: Handle,
    pub ask: Ask,
    pub flags: Flags,
    pub limits: Limits,
    /// When all has to be done.
    pub end: Instant,
    pub include: bool,
    pub out: Stdout,
    pub early: bool,
    /// Where heads go beside.
    pub heads: Option<RefCell<File>>,
    /// Whether keys are still to be updated.
    pub updates_keys: Cell<bool>,
}

/// Where a body is written to.
enum Sink {
    Stdout,
    Device(File),
    Part(PartFile),
    Nowhere,
}

/// A download that goes on behind what is there.
struct Onward {
    have: u64,
    /// Of which version that is, if it is known.
    version: Option<String>,
    /// A file that begins with it already; otherwise it is where parts are kept.
    part: Option<PartFile>,
}

impl Job {
    /// Makes the attempt. What is known of it is in `record`, whatever comes of it.
    pub async fn attempt(&self, target: &Target, record: &mut Record) -> Result<(), Problem> {
        let onward = self.onward(target, record)?;
        let source = match self.ask.body() {
            [] => None,
            parts => Some(Source::open(parts).await?),
        };
        let url = target.url.to_string();
        // What goes early is there before a connection is.
        let is_early = self.early && source.is_none() && self.ask.method.is_safe();
        if !is_early {
            self.connect(&url, record).await?;
        }
        let range = onward.as_ref().map(|onward| (onward.have, onward.version.as_deref()));
        let fields = self.ask.fields(source.is_some(), range, &self.flags);
        if self.flags.verbose {
            let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            talk::asked(&self.ask.method, target.url.path(), &target.url.authority(), fields);
        }
        let mut request = self.client.request(self.ask.method.clone(), &url).follow_redirects(self.flags.redirects);
        for (name, value) in &fields {
            request = request.field(name, value);
        }
        if is_early {
            request = request.dangerous_send_as_early_data_that_may_be_replayed();
        }
        record.phases.asked = Some(record.elapsed());
        let watch = Watch::new(&self.handle, &self.limits, Stage::Sent);
        let request = match source {
            None => request,
            Some(Source::Text(bytes)) => {
                record.uploaded = bytes.len() as u64;
                request.body(bytes)
            }
            Some(Source::Input(input)) => return self.upload(target, request, input, &watch, record).await,
        };
        let response = watch.wait(Awaited::Head, request.send()).await?.map_err(Problem::from)?;
        self.receive(target, response, &watch, onward, record).await
    }

    async fn connect(&self, url: &str, record: &mut Record) -> Result<(), Problem> {
        let connected = self.client.connect(url).await.map_err(Problem::of_connecting)?;
        record.remote = connected.remote;
        record.phases.looked_up = Some(if connected.is_reused { record.elapsed() } else { connected.looked_up });
        record.phases.connected = Some(record.elapsed());
        let of_remote = |(address, _): &(_, _)| Some(*address) == connected.remote;
        let stats = self.client.connections().into_iter().find(of_remote).map(|(_, stats)| stats);
        record.quic_version = stats.as_ref().map(talk::number);
        if self.flags.verbose {
            talk::connected(&connected, stats.as_ref());
        }
        Ok(())
    }

    /// Sends what is read while the response is read.
    async fn upload(
        &self,
        target: &Target,
        mut request: RequestBuilder,
        input: Input,
        watch: &Watch<'_>,
        record: &mut Record,
    ) -> Result<(), Problem> {
        if let Some(length) = input.length().filter(|_| !self.ask.has("content-length")) {
            request = request.field("content-length", length.to_string());
            record.uploaded = length;
        }
        let (writer, pending) = watch.wait(Awaited::Head, request.start()).await?.map_err(Problem::from)?;
        watch.enter(Stage::AwaitsSource);
        let receive = async {
            let response = watch.wait(Awaited::Head, pending.response()).await?.map_err(Problem::from)?;
            self.receive(target, response, watch, None, record).await
        };
        let send = async { data::send(input, writer, watch).await.map_err(Problem::from) };
        beside(send, receive).await
    }

    /// Where a download goes on, if it is one that does.
    fn onward(&self, target: &Target, record: &Record) -> Result<Option<Onward>, Problem> {
        let Place::File { folder, name } = &target.place else {
            return Ok(match self.flags.resume {
                Some(Resume::At(have)) => Some(Onward { have, version: None, part: None }),
                _ => None,
            });
        };
        PartFile::check(folder, name)?;
        let most = match self.flags.resume {
            None => return Ok(None),
            Some(Resume::At(most)) => most,
            Some(Resume::WhereItEnds) => u64::MAX,
        };
        if most == u64::MAX
            && let Some((have, version)) = Kept::new(folder, name).there(&record.url)
        {
            return Ok(Some(Onward { have, version: Some(version), part: None }));
        }
        let (part, have) = PartFile::create_from(folder, name, most)?;
        if most != u64::MAX && have < most {
            let words = format!(
                "{} has {have} bytes, so that nothing can follow {most}: -C - goes on where it ends",
                target.label()
            );
            return Err(Problem::new(2, words));
        }
        Ok((have > 0).then_some(Onward { have, version: None, part: Some(part) }))
    }

    async fn receive(
        &self,
        target: &Target,
        mut response: Response,
        watch: &Watch<'_>,
        onward: Option<Onward>,
        record: &mut Record,
    ) -> Result<(), Problem> {
        if self.updates_keys.replace(false) {
            self.client.update_keys();
        }
        self.note_head(&response, record);
        self.print_heads(&response).await?;
        let status = response.status();
        let mut is_complete = false;
        let mut sink = self.sink(target, &response, onward, record, &mut is_complete)?;
        if let Sink::Part(_) = sink {
            record.file = target.file();
        }
        let copied = self.copy(target, &mut response, watch, &mut sink, record).await;
        copied?;
        if self.include
            && let Some(fields) = watch.wait(Awaited::Body, response.body().trailers()).await?.map_err(Problem::from)?
        {
            self.print(lines(fields.iter())).await?;
        }
        if let Sink::Part(file) = sink {
            file.complete()?;
            if let Place::File { folder, name } = &target.place
                && self.flags.resume.is_some()
            {
                Kept::new(folder, name).forget();
            }
        }
        let cut = not_uploaded(&response, watch).await;
        let failed =
            if is_complete || self.is_good(status) { None } else { Some(answered(&record.url_effective, &response)) };
        let number = if failed.is_some() { ANSWERED } else { NOT_TAKEN };
        match failed.into_iter().chain(cut).reduce(|failed, cut| format!("{failed}; {cut}")) {
            Some(text) => {
                let is_transient = again::is_transient(status.code());
                Err(Problem { is_transient, ..Problem::new(number, text) })
            }
            None => Ok(()),
        }
    }

    fn note_head(&self, response: &Response, record: &mut Record) {
        record.phases.answered = Some(record.elapsed());
        record.status = Some(response.status().code());
        record.http_version = Some(response.version());
        record.fields = response.fields().clone();
        record.redirects = response.redirects();
        if let Some(url) = response.redirected_to() {
            record.url_effective = url.to_string();
            if self.flags.verbose {
                talk::note(&format!("redirects followed: {}, to {url}", response.redirects()));
            }
        }
        if self.flags.verbose {
            for head in response.informational().iter().chain([response.head()]) {
                talk::answered(response.version(), head.status.code(), head.status.reason(), &head.fields);
            }
        }
    }

    async fn print_heads(&self, response: &Response) -> Result<(), Failure> {
        for head in response.informational().iter().chain([response.head()]) {
            let text = head_text(response.version(), head.status, &head.fields);
            if let Some(heads) = &self.heads {
                let written = heads.borrow_mut().write_all(&text);
                written.map_err(|error| Failure::Coded(23, format!("the heads could not be written: {error}")))?;
            }
            if self.include || (self.flags.heads.as_deref() == Some("-")) {
                self.print(text).await?;
            }
        }
        Ok(())
    }

    async fn print(&self, text: Vec<u8>) -> Result<(), Failure> {
        self.out.write(Bytes::from(text)).await
    }

    /// Where the body goes. `is_complete` becomes true where it is there already.
    fn sink(
        &self,
        target: &Target,
        response: &Response,
        onward: Option<Onward>,
        record: &Record,
        is_complete: &mut bool,
    ) -> Result<Sink, Problem> {
        let status = response.status();
        let is_shown = status.is_successful() || !(self.flags.fail && status.code() >= 400);
        let answer = match &onward {
            Some(onward) => answer(onward.have, status, response.fields())?,
            None => Answer::Whole,
        };
        let (folder, name) = match &target.place {
            Place::Stdout if !is_shown => return Ok(Sink::Nowhere),
            Place::Device(_) if !is_shown => return Ok(Sink::Nowhere),
            Place::Stdout => return Ok(Sink::Stdout),
            Place::Device(path) => {
                let opened = File::options().write(true).open(path);
                let failed = |error| Problem::new(23, format!("{} could not be written: {error}", path.display()));
                return opened.map(Sink::Device).map_err(failed);
            }
            Place::File { folder, name } => (folder, name),
        };
        let kept = Kept::new(folder, name);
        if answer == Answer::Complete {
            *is_complete = true;
            // What was kept is all of it.
            if onward.is_some_and(|onward| onward.part.is_none()) {
                let mut file = PartFile::create(folder, name)?;
                file.go_on_from(kept.part())?;
                return Ok(Sink::Part(file));
            }
            return Ok(Sink::Nowhere);
        }
        // An error page is not what the file was to hold.
        if !status.is_successful() || !self.has_content(status) {
            return Ok(Sink::Nowhere);
        }
        let (mut file, is_kept) = match onward {
            Some(Onward { part: Some(part), .. }) => (part, false),
            onward => (PartFile::create(folder, name)?, onward.is_some()),
        };
        match answer {
            Answer::Rest if is_kept => file.go_on_from(kept.part())?,
            Answer::Rest => {}
            _ => file.empty()?,
        }
        if self.flags.resume == Some(Resume::WhereItEnds) && kept.begin(&record.url, response.fields())? {
            file.keep_at(kept.part().to_owned());
        }
        Ok(Sink::Part(file))
    }

    /// Whether a response has content to be kept (RFC 9110 section 6.4.1).
    fn has_content(&self, status: Status) -> bool {
        self.ask.method != Method::Head && !status.is_without_content()
    }

    /// Whether it is what was asked for. Who sends a condition wants to know that nothing has changed.
    fn is_good(&self, status: Status) -> bool {
        let has_condition = ["if-none-match", "if-modified-since"].into_iter().any(|name| self.ask.has(name));
        self.flags.any_status || status.is_successful() || (status == Status::NOT_MODIFIED && has_condition)
    }

    async fn copy(
        &self,
        target: &Target,
        response: &mut Response,
        watch: &Watch<'_>,
        sink: &mut Sink,
        record: &mut Record,
    ) -> Result<(), Problem> {
        let body = response.body();
        let is_file = matches!(sink, Sink::Part(_));
        let mut progress = Progress::new(&target.label(), body.length(), self.flags.meter, is_file);
        loop {
            let why = match watch.wait(Awaited::Body, body.chunk()).await {
                Ok(Ok(Some(bytes))) => {
                    self.write(sink, bytes, record).await?;
                    record.downloaded = body.received();
                    progress.update(body.received());
                    continue;
                }
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => {
                    Problem { status: INCOMPLETE, is_transient: true, ..Problem::new(INCOMPLETE, explain(&error)) }
                }
                Err(failure) => Problem::from(failure),
            };
            if why.ends_all {
                return Err(why);
            }
            let of = body.length().map_or(String::new(), |length| format!(" of {length}"));
            let text = format!("incomplete after {}{of} bytes: {}", body.received(), why.text);
            return Err(Problem { text, ..why });
        }
    }

    async fn write(&self, sink: &mut Sink, bytes: Bytes, record: &mut Record) -> Result<(), Problem> {
        match sink {
            Sink::Stdout => {
                record.is_on_stdout = true;
                self.out.write(bytes).await?;
            }
            Sink::Device(file) => {
                let failed = |error| Problem::new(23, format!("the device could not be written: {error}"));
                file.write_all(&bytes).map_err(failed)?;
            }
            Sink::Part(file) => file.write(&bytes)?,
            Sink::Nowhere => {}
        }
        Ok(())
    }
}

/// The result of `receive`, unless `send` fails before that.
async fn beside(
    send: impl Future<Output = Result<(), Problem>>,
    receive: impl Future<Output = Result<(), Problem>>,
) -> Result<(), Problem> {
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

/// A response is as good as any where the server did not want all of the body; but the upload is not what it was to be.
async fn not_uploaded(response: &Response, watch: &Watch<'_>) -> Option<String> {
    match watch.wait(Awaited::Delivery, response.uploaded()).await {
        Ok(Ok(())) => None,
        Ok(Err(Error::Stopped { reason: Reason::NotNeeded })) => {
            Some("the server answered before it had taken all of the body, and does not want the rest".into())
        }
        Ok(Err(error)) => Some(format!("the body was not uploaded as a whole: {}", explain(&error))),
        Err(Failure::Coded(_, text) | Failure::Failed(text)) => Some(text),
        Err(_) => None,
    }
}

/// A status that is no success, and for a redirect where to.
fn answered(url: &str, response: &Response) -> String {
    let status = response.status();
    let reason = status.reason().map_or(String::new(), |reason| format!(" {reason}"));
    let text = format!("the server answered {}{reason}", status.code());
    match response.fields().first_text("location") {
        Some(place) if (300..400).contains(&status.code()) => {
            let to = Url::parse(url).ok().and_then(|url| url.join(place).ok());
            let to = to.map_or_else(|| place.to_owned(), |to| to.to_string());
            format!("{text}, to {to}: -L follows redirects")
        }
        _ => text,
    }
}

fn head_text(version: HttpVersion, status: Status, fields: &Fields) -> Vec<u8> {
    let mut text = format!("{version} {}\n", status.code()).into_bytes();
    text.extend(lines(fields.iter()));
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
