//! Serves the files below one folder (RFC 9110 sections 13 and 14 for conditions and ranges).
//!
//! What a path may be is decided twice: by its text, before the file system is asked, and by where it really leads, after
//! links are followed. Files are read in pieces as the client takes them; nothing is listed.

mod conditions;
pub mod content_type;
pub mod date;
mod path;

use crate::error::Error;
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::files::conditions::{Part, is_unchanged, part};
use crate::files::content_type::of as media_type;
use crate::files::date::http_date;
use crate::files::path::{canonical_location, segments};
use http::{Fields, Method, ResponseHead, Status};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The most of a file that is read at a time. It is held until the client has taken it.
const PIECE: usize = 64 << 10;

/// A folder of files. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Files {
    root: PathBuf,
}

/// What a path leads to.
#[derive(Debug, PartialEq)]
enum Found {
    File(PathBuf),
    /// A folder that was named without its slash; its name with one.
    Redirect(String),
    Nothing,
}

impl Files {
    /// The files below `root`.
    ///
    /// # Errors
    /// It is no folder, or cannot be read.
    pub fn new(root: impl AsRef<Path>) -> Result<Files, Error> {
        let root = root.as_ref();
        let canonical = root.canonicalize().map_err(|error| Error::file(root, "opened", error))?;
        if !canonical.is_dir() {
            let error = io::Error::from(io::ErrorKind::NotADirectory);
            return Err(Error::file(root, "served", error));
        }
        std::fs::read_dir(&canonical).map_err(|error| Error::file(root, "read", error))?;
        Ok(Files { root: canonical })
    }

    /// Answers a request for one of the files.
    ///
    /// # Errors
    /// The client is gone, or the file changed while it was sent; the reply is broken off. Or the system refuses to open what
    /// is there: then the client has been answered (404 where access is denied, 500 otherwise), and the error says why.
    pub async fn serve(&self, request: &Request, mut reply: Reply) -> Result<(), Error> {
        if !matches!(request.method(), Method::Get | Method::Head) {
            let head = ResponseHead::new(Status::METHOD_NOT_ALLOWED).with_field("allow", "GET, HEAD")?;
            return reply.send(head, "only GET and HEAD are allowed here\n").await;
        }
        let room = reply.room(PIECE).await?;
        match self.find(request.path()) {
            Ok(Found::File(path)) => match open(&path) {
                Ok((file, metadata)) => send(request, reply, room, &path, file, &metadata).await,
                Err(error) => refuse(reply, &path, error).await,
            },
            Ok(Found::Redirect(mut location)) => {
                if let Some(query) = request.query() {
                    location = format!("{location}?{query}");
                }
                reply.send(ResponseHead::new(Status::MOVED_PERMANENTLY).with_field("location", location)?, "").await
            }
            Ok(Found::Nothing) => not_found(reply).await,
            Err((path, error)) => refuse(reply, &path, error).await,
        }
    }

    /// What a request's path leads to; or what the system does not let us see, and why.
    fn find(&self, path: &str) -> Result<Found, (PathBuf, io::Error)> {
        let Some(segments) = segments(path) else { return Ok(Found::Nothing) };
        let names_folder = path.ends_with('/');
        let wanted: PathBuf =
            std::iter::once(self.root.as_os_str()).chain(segments.iter().map(|s| s.as_ref())).collect();
        let Some(real) = self.inside(wanted)? else { return Ok(Found::Nothing) };
        Ok(match (real.is_dir(), names_folder) {
            (true, true) => match self.inside(real.join("index.html"))? {
                Some(index) if index.is_file() => Found::File(index),
                _ => Found::Nothing,
            },
            (true, false) => Found::Redirect(canonical_location(&segments)),
            (false, false) if real.is_file() => Found::File(real),
            _ => Found::Nothing,
        })
    }

    /// Where a path really leads, if that is below the root.
    fn inside(&self, path: PathBuf) -> Result<Option<PathBuf>, (PathBuf, io::Error)> {
        match path.canonicalize() {
            Ok(real) => Ok(Some(real).filter(|real| real.starts_with(&self.root))),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err((path, error)),
        }
    }
}

/// Whether the system says no more than that nothing is there.
fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename | InvalidInput)
}

fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    // It was a file a moment ago.
    if metadata.is_file() { Ok((file, metadata)) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// The system does not let us have what is there. The client learns no more than it must, and the server's owner why.
async fn refuse(reply: Reply, path: &Path, error: io::Error) -> Result<(), Error> {
    if is_absence(&error) {
        return not_found(reply).await;
    }
    let told = Error::file(path, "opened", error);
    match &told {
        Error::File { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => not_found(reply).await?,
        _ => reply.send((500, "text/plain; charset=utf-8"), "the server cannot read this file now\n").await?,
    }
    Err(told)
}

async fn not_found(reply: Reply) -> Result<(), Error> {
    reply.send((404, "text/plain; charset=utf-8"), "not found\n").await
}

/// Answers with a file, of which the client can be sent `room` bytes now.
async fn send(
    request: &Request,
    reply: Reply,
    room: usize,
    path: &Path,
    file: File,
    metadata: &Metadata,
) -> Result<(), Error> {
    let len = metadata.len();
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let last_modified = http_date(modified.as_secs());
    let etag = format!("\"{:x}-{len:x}\"", modified.as_nanos());
    let mut fields = Fields::new();
    fields.push("last-modified", &last_modified)?;
    fields.push("etag", &etag)?;
    fields.push("accept-ranges", "bytes")?;
    if is_unchanged(request.fields(), &etag, &last_modified) {
        return reply.send(ResponseHead { status: Status::NOT_MODIFIED, fields }, "").await;
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
    let (status, range) = match part(request.method(), request.fields(), len, &etag, &last_modified) {
        Part::All => (Status::OK, 0..len),
        Part::Range(range) => {
            fields.push("content-range", format!("bytes {}-{}/{len}", range.start, range.end - 1))?;
            (Status::PARTIAL_CONTENT, range)
        }
        Part::OutOfRange => {
            fields.push("content-range", format!("bytes */{len}"))?;
            return reply.send(ResponseHead { status: Status::RANGE_NOT_SATISFIABLE, fields }, "").await;
        }
    };
    fields.push("content-type", media_type(name))?;
    fields.push("content-length", (range.end - range.start).to_string())?;
    let head = ResponseHead { status, fields };
    if *request.method() == Method::Head {
        return reply.send(head, "").await;
    }
    let mut next = range.start;
    if range.end - next <= room as u64 {
        let all = read(&file, path, next, range.end)?;
        return reply.send(head, all).await;
    }
    let mut writer = reply.start(head)?;
    while next < range.end {
        // What the client does not take is not read.
        let room = writer.room(usize::try_from(range.end - next).unwrap_or(PIECE).min(PIECE)).await?;
        let piece = read(&file, path, next, next + room as u64)?;
        next += piece.len() as u64;
        writer.write(piece).await?;
    }
    writer.finish()
}

/// The next piece. Disks answer soon enough to be waited for here.
fn read(file: &File, path: &Path, start: u64, end: u64) -> Result<Vec<u8>, Error> {
    let mut piece = vec![0; usize::try_from(end - start).unwrap_or(PIECE).min(PIECE)];
    file.read_exact_at(&mut piece, start).map_err(|error| Error::file(path, "read", error))?;
    Ok(piece)
}

#[cfg(test)]
mod tests;
