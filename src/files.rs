//! Serves the files below one folder (RFC 9110 sections 13 and 14 for conditions and ranges).
//!
//! What a path may be is decided twice: by its text, before the file system is asked, and by where it really leads, while it
//! is opened: the folder is held open, and no step from there leads out of it ([`runtime::Folder`]). Files are read in
//! pieces as the client takes them; nothing is listed.

mod conditions;
pub mod content_type;
pub mod date;
mod path;
mod prepared;
mod problem;
mod source;
mod state;

use crate::error::Error;
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::files::path::{canonical_location, is_hidden, segments};
use crate::files::prepared::{Prepared, wants_all};
use crate::files::problem::Problem;
use crate::files::source::{Found, PIECE, open, open_at_once};
use http::{Method, ResponseHead, Status};
use runtime::{Folder, ReaderPool};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a folder answers with where no file is named.
const INDEX: &[u8] = b"index.html";
/// How often a file that changes while it is read is begun again, before the client is told to ask later. Default 4.
const TRIES: u32 = 4;

/// A folder of files. Cheap to clone; clones share the open folder and the threads that read where a disk has to be waited for.
///
/// Links within the folder are followed if their text is relative and stays within it. Files and folders whose names begin
/// with a dot are not there, but for `/.well-known/` (RFC 8615), unless [`Files::dotfiles`] says otherwise.
#[derive(Clone, Debug)]
pub struct Files {
    root: Arc<Root>,
    readers: ReaderPool,
    dotfiles: bool,
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
        Ok(Files { root, readers: ReaderPool::new(), dotfiles: false })
    }

    /// Whether files and folders whose names begin with a dot are served as well. Default no.
    #[must_use]
    pub fn dotfiles(mut self, served: bool) -> Files {
        self.dotfiles = served;
        self
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
        if !matches!(request.method(), Method::Get | Method::Head) {
            return not_allowed(request.method(), reply).await;
        }
        // Work begins when there is use for it: a client that takes nothing, or gives up meanwhile, costs no opening.
        let room = reply.room(PIECE).await?;
        match self.answer(request, room).await {
            Ok(answer) => answer.send(reply).await,
            Err(problem) => problem.send(reply).await,
        }
    }

    /// `room`: how many bytes the client can be sent now.
    async fn answer(&self, request: &Request, room: usize) -> Result<Prepared, Problem> {
        let names = segments(request.path()).filter(|names| self.dotfiles || !is_hidden(names));
        let mut names = names.ok_or_else(Problem::nothing)?;
        let names_folder = request.path().ends_with('/');
        if names_folder {
            names.push(INDEX.to_vec());
        }
        let relative: Arc<[u8]> = names.join(&b'/').into();
        let path = self.root.path.join(OsStr::from_bytes(&relative));
        let content = if wants_all(request) { room } else { 0 };
        for left in (0..TRIES).rev() {
            let answer = match self.find(&relative, &path, content).await? {
                Found::File(opened) => prepared::of(request, opened, room, &self.readers, &path).await,
                Found::Folder if !names_folder => prepared::redirect(canonical_location(&names), request.query()),
                Found::Folder | Found::Other => Err(Problem::nothing()),
            };
            match answer {
                Err(problem) if problem.is_change() && left > 0 => {}
                answer => return answer,
            }
        }
        unreachable!("the last try is answered, whatever came of it")
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
async fn not_allowed(method: &Method, reply: Reply) -> Result<(), Error> {
    if !method.is_registered() {
        return reply
            .send((501, "text/plain; charset=utf-8"), format!("{method} is no method that is known here\n"))
            .await;
    }
    let head = ResponseHead::new(Status::METHOD_NOT_ALLOWED).with_field("allow", "GET, HEAD")?;
    reply.send(head, "only GET and HEAD are allowed here\n").await
}

#[cfg(test)]
mod tests;
