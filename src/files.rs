//! Serves the files below one folder (RFC 9110 sections 13 and 14 for conditions and ranges).
//!
//! What a path may be is decided twice: by its text, before the file system is asked, and by where it really leads, while it
//! is opened: the folder is held open, and no step from there leads out of it ([`runtime::Folder`]). Files are read in
//! pieces as the client takes them; folders are listed where that was asked for.

mod coding;
mod conditions;
pub mod content_type;
pub mod date;
mod listing;
mod options;
mod parts;
mod path;
mod prepared;
mod problem;
mod redirects;
mod source;
mod state;

use crate::error::Error;
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::files::coding::{Coding, acceptable};
use crate::files::listing::Order;
use crate::files::options::Options;
use crate::files::path::{canonical_location, is_hidden, segments};
use crate::files::prepared::{Prepared, Representation, wants_all};
use crate::files::problem::Problem;
use crate::files::source::{Found, Opened, PIECE, open, open_at_once};
use http::{Fields, Method, ResponseHead, Status};
use runtime::folder::entries::entries;
use runtime::{Folder, ReaderPool};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a folder answers with where no file is named.
const INDEX: &[u8] = b"index.html";
/// How often a file that changes while it is read is begun again, before the client is told to ask later. Default 4.
const TRIES: u32 = 4;
/// The most names of a folder that a page lists. Default 10,000.
const MAX_LISTED: usize = 10_000;

/// A folder of files. Cheap to clone; clones share the open folder and the threads that read where a disk has to be waited for.
///
/// Links within the folder are followed if their text is relative and stays within it. Files and folders whose names begin
/// with a dot are not there, but for `/.well-known/` (RFC 8615), unless [`Files::dotfiles`] says otherwise.
///
/// ```no_run
/// use posthaste::{Files, Identity, Server, Status};
///
/// fn main() -> Result<(), posthaste::Error> {
///     let files = Files::new("site")?
///         .precompressed(true)
///         .cache_control("max-age=3600")?
///         .redirect("/old/*", "/new/*", Status::MOVED_PERMANENTLY)?
///         .not_found("404.html")?;
///     Server::builder(Identity::development(&[])?)
///         .listen("127.0.0.1:4433".parse().expect("an address"))
///         .run(move |request, reply| {
///             let files = files.clone();
///             async move { files.serve(&request, reply).await }
///         })
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Files {
    root: Arc<Root>,
    readers: ReaderPool,
    options: Arc<Options>,
}

#[derive(Debug)]
struct Root {
    folder: Folder,
    /// For messages: it is opened once.
    path: PathBuf,
}

impl Files {
    /// The files below `root`. The folder is opened now, and stays the one it is if it is renamed or replaced later.
    ///
    /// # Errors
    /// It is no folder, or cannot be read.
    pub fn new(root: impl AsRef<Path>) -> Result<Files, Error> {
        let path = root.as_ref();
        let folder = Folder::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotADirectory => Error::file(path, "served", error.kind().into()),
            _ => Error::file(path, "opened", error),
        })?;
        let root = Arc::new(Root { folder, path: path.to_owned() });
        Ok(Files { root, readers: ReaderPool::new(), options: Arc::default() })
    }

    /// Whether files and folders whose names begin with a dot are served as well. Default no.
    #[must_use]
    pub fn dotfiles(mut self, served: bool) -> Files {
        self.change().dotfiles = served;
        self
    }

    /// Whether a file is sent as it lies beside it compressed, as `NAME.br`, `NAME.zst` or `NAME.gz`, to clients whose
    /// Accept-Encoding (RFC 9110 section 12.5.3) likes that better. One that is older than its file is passed over. Default no.
    #[must_use]
    pub fn precompressed(mut self, looked_for: bool) -> Files {
        self.change().precompressed = looked_for;
        self
    }

    /// Whether a folder without `index.html` is answered with a page that lists it: what can be opened there, at most 10,000 names.
    /// The query `sort=name`, `size` or `date` and `order=asc` or `desc` sorts it. Default no.
    #[must_use]
    pub fn listing(mut self, shown: bool) -> Files {
        self.change().listing = shown;
        self
    }

    /// What caches are told of files that are served (RFC 9111 section 5.2), such as `max-age=3600`.
    ///
    /// # Errors
    /// It cannot stand in a field.
    pub fn cache_control(mut self, value: &str) -> Result<Files, Error> {
        self.change().set_cache_control(value)?;
        Ok(self)
    }

    /// Adds a field to every answer.
    ///
    /// # Errors
    /// It is not well-formed, or one that says what an answer is or how it is carried: those the server writes itself.
    pub fn field(mut self, name: &str, value: &str) -> Result<Files, Error> {
        self.change().add_field(name, value)?;
        Ok(self)
    }

    /// Sends clients that ask for the path `from` to `to`, a path or a URL, with the status 301, 302, 303, 307 or 308. With `/*` at
    /// the end of both, it is for all paths below `from`, and what stands for the star goes along. The path is compared as the
    /// client sends it, percent-encoded. A query goes along unless `to` has one. Rules are tried in the order in which they were added,
    /// before files are looked for.
    ///
    /// # Errors
    /// The rule makes no sense, or there are more than 1,000.
    pub fn redirect(mut self, from: &str, to: &str, status: Status) -> Result<Files, Error> {
        self.change().redirects.add(from, to, status)?;
        Ok(self)
    }

    /// Answers with this file, of a path relative to the folder, and with 404 where there is nothing. This may wait for a disk.
    ///
    /// # Errors
    /// There is no such file below the folder.
    pub fn not_found(mut self, file: &str) -> Result<Files, Error> {
        self.change().not_found = Some(self.existing(file)?);
        Ok(self)
    }

    /// Answers with this file, of a path relative to the folder, as if it had been asked for where there is nothing: for
    /// applications of one page, that read the path themselves. This may wait for a disk.
    ///
    /// # Errors
    /// There is no such file below the folder.
    pub fn fallback(mut self, file: &str) -> Result<Files, Error> {
        self.change().fallback = Some(self.existing(file)?);
        Ok(self)
    }

    /// Other clones keep what they have.
    fn change(&mut self) -> &mut Options {
        Arc::make_mut(&mut self.options)
    }

    /// The names of a file that is there.
    fn existing(&self, file: &str) -> Result<Vec<Vec<u8>>, Error> {
        let file = file.strip_prefix('/').unwrap_or(file);
        let names: Vec<Vec<u8>> = file.split('/').map(|name| name.as_bytes().to_vec()).collect();
        let found = open(&self.root.folder, file.as_bytes(), 0);
        match found {
            Ok(Found::File(_)) => Ok(names),
            Ok(_) => Err(Error::message(format!("{file:?} is no file in {}", self.root.path.display()))),
            Err(error) => Err(Error::file(&self.root.path.join(file), "opened", error)),
        }
    }

    /// Whether `/` is answered with a file, `index.html`. This may wait for a disk.
    pub fn has_index(&self) -> bool {
        matches!(open(&self.root.folder, INDEX, 0), Ok(Found::File(_)))
    }

    /// Answers a request for one of the files.
    ///
    /// # Errors
    /// The client is gone, or the file changed while it was sent; the reply is broken off. Or the system refuses to open what
    /// is there: then the client has been answered (403 where access is denied, 503 where the system is short of something,
    /// 500 otherwise), and the error says why.
    pub async fn serve(&self, request: &Request, mut reply: Reply) -> Result<(), Error> {
        let fields = &self.options.fields;
        if let Some(head) = self.options.redirects.answer(request.path(), request.query()) {
            return match Prepared::Whole(head, Vec::new()).with_fields(fields) {
                Ok(redirect) => Box::pin(redirect.send(reply)).await,
                Err(problem) => Box::pin(problem.send(reply, fields)).await,
            };
        }
        if !matches!(request.method(), Method::Get | Method::Head) {
            return Box::pin(not_allowed(request.method(), reply, fields)).await;
        }
        // Work begins when there is use for it: a client that takes nothing, or gives up meanwhile, costs no opening.
        let room = reply.room(PIECE).await?;
        let answer = match self.answer(request, room).await {
            // What is rare is on the heap: every request carries the size of the rest.
            Err(problem) if problem.is_nothing() => Box::pin(self.instead(request, room, problem)).await,
            answer => answer,
        };
        match answer.and_then(|answer| answer.with_fields(fields)) {
            Ok(answer) => answer.send(reply).await,
            Err(problem) => Box::pin(problem.send(reply, fields)).await,
        }
    }

    /// `room`: how many bytes the client can be sent now.
    async fn answer(&self, request: &Request, room: usize) -> Result<Prepared, Problem> {
        let names = segments(request.path()).filter(|names| self.options.dotfiles || !is_hidden(names));
        let names = names.ok_or_else(Problem::nothing)?;
        if !request.path().ends_with('/') {
            return self.file(request, &names, false, room).await;
        }
        let index = [&names[..], &[INDEX.to_vec()]].concat();
        match self.file(request, &index, true, room).await {
            Err(problem) if problem.is_nothing() && self.options.listing => Box::pin(self.list(request, &names)).await,
            answer => answer,
        }
    }

    /// The file of these names. A folder of that name is nothing if it `is_chosen` here, and otherwise where the client is sent.
    async fn file(
        &self,
        request: &Request,
        names: &[Vec<u8>],
        is_chosen: bool,
        room: usize,
    ) -> Result<Prepared, Problem> {
        let relative: Arc<[u8]> = names.join(&b'/').into();
        let path = self.root.path.join(OsStr::from_bytes(&relative));
        let codings = if self.options.precompressed { acceptable(request.fields()) } else { Vec::new() };
        // What is likely sent in another form is not read in this one.
        let content = if codings.is_empty() && wants_all(request) { room } else { 0 };
        for left in (0..TRIES).rev() {
            let answer = match self.find(&relative, &path, content).await? {
                Found::File(opened) => {
                    let (opened, coding) = match &codings[..] {
                        [] => (opened, None),
                        codings => Box::pin(self.best_form(opened, &relative, &path, codings)).await,
                    };
                    let file = Representation { opened, coding, path: &path };
                    prepared::of(request, file, &self.options, room, &self.readers).await
                }
                Found::Folder if !is_chosen => prepared::redirect(canonical_location(names), request.query()),
                Found::Folder | Found::Other => Err(Problem::nothing()),
            };
            match answer {
                Err(problem) if problem.is_change() && left > 0 => {}
                answer => return answer,
            }
        }
        unreachable!("the last try is answered, whatever came of it")
    }

    /// The file, or the form of it that the client likes best of those that lie beside it. What cannot be opened there is
    /// passed over: the file itself can.
    async fn best_form(
        &self,
        plain: Opened,
        relative: &[u8],
        path: &Path,
        codings: &[Coding],
    ) -> (Opened, Option<Coding>) {
        for coding in codings {
            let beside: Arc<[u8]> = [relative, coding.ending].concat().into();
            // One that was made of an earlier state of the file is no form of it any more.
            if let Ok(Found::File(coded)) = self.find(&beside, path, 0).await
                && !plain.is_newer_than(&coded)
            {
                return (coded, Some(*coding));
            }
        }
        (plain, None)
    }

    /// The page of a folder.
    async fn list(&self, request: &Request, names: &[Vec<u8>]) -> Result<Prepared, Problem> {
        let relative = names.join(&b'/');
        let path = self.root.path.join(OsStr::from_bytes(&relative));
        let root = self.root.clone();
        let job = self.readers.run(move || entries(&root.folder, &relative, MAX_LISTED));
        let listed = job.await.map_err(|error| Problem::no_reader(&path, error))?;
        let mut listed = listed.map_err(|error| Problem::of_opening(&path, error))?;
        if !self.options.dotfiles {
            let is_hidden = |name: &[u8]| is_hidden(&[names, &[name.to_vec()]].concat());
            listed.entries.retain(|entry| !is_hidden(&entry.name));
        }
        prepared::page(request.method(), listing::page(names, listed, Order::of_query(request.query())))
    }

    /// What is answered where there is nothing: the file that was chosen for that, or else `problem`.
    async fn instead(&self, request: &Request, room: usize, problem: Problem) -> Result<Prepared, Problem> {
        if let Some(names) = &self.options.fallback {
            let answer = self.file(request, names, true, room).await;
            if !matches!(&answer, Err(problem) if problem.is_nothing()) {
                return answer;
            }
        }
        let Some(names) = &self.options.not_found else { return Err(problem) };
        let relative: Arc<[u8]> = names.join(&b'/').into();
        let path = self.root.path.join(OsStr::from_bytes(&relative));
        match self.find(&relative, &path, room).await? {
            Found::File(opened) => {
                let file = Representation { opened, coding: None, path: &path };
                prepared::instead(request.method(), file, room, &self.readers).await
            }
            Found::Folder | Found::Other => Err(problem),
        }
    }

    /// What a path leads to: at once if that is in memory, and from a reader thread if not. A file of at most `content` bytes is
    /// read as well.
    async fn find(&self, relative: &Arc<[u8]>, path: &Path, content: usize) -> Result<Found, Problem> {
        let found = match open_at_once(&self.root.folder, relative, content) {
            Some(found) => found,
            None => {
                let (root, relative) = (self.root.clone(), relative.clone());
                let job = self.readers.run(move || open(&root.folder, &relative, content));
                job.await.map_err(|error| Problem::no_reader(path, error))?
            }
        };
        found.map_err(|error| Problem::of_opening(path, error))
    }
}

/// RFC 9110 section 10.2.1-1, 15.5.6-1: what is known and not allowed here is told apart from what nobody knows.
async fn not_allowed(method: &Method, reply: Reply, fields: &Fields) -> Result<(), Error> {
    let (mut head, text) = if method.is_registered() {
        let head = ResponseHead::new(Status::METHOD_NOT_ALLOWED).with_field("allow", "GET, HEAD")?;
        (head, "only GET and HEAD are allowed here\n".to_owned())
    } else {
        let text = format!("{method} is no method that is known here\n");
        (ResponseHead::new(Status::NOT_IMPLEMENTED).with_field("content-type", "text/plain; charset=utf-8")?, text)
    };
    fields.iter().try_for_each(|(name, value)| head.fields.push(name, value))?;
    reply.send(head, text).await
}

#[cfg(test)]
mod tests;
