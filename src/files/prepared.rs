//! What a request for a file is answered with: which head, and which part of the bytes.

use crate::error::Error;
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::files::conditions::{Answer, Version};
use crate::files::content_type::of as media_type;
use crate::files::problem::Problem;
use crate::files::source::{Opened, PIECE, Source};
use http::{Fields, Method, ResponseHead, Status};
use runtime::ReaderPool;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// An answer, as far as it can be made before it is begun.
#[derive(Debug)]
pub(super) enum Prepared {
    /// Head and body.
    Whole(ResponseHead, Vec<u8>),
    /// Head and first piece, and where the others come from.
    Begun { head: ResponseHead, first: Vec<u8>, rest: Source, path: PathBuf },
}

/// Whether the answer to a request will be all of the file, if it is there.
pub(super) fn wants_all(request: &Request) -> bool {
    let fields = request.fields();
    let narrows = ["range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"]
        .into_iter()
        .any(|name| fields.contains(name));
    *request.method() == Method::Get && !narrows
}

/// The folder has a name with a slash.
pub(super) fn redirect(mut location: String, query: Option<&str>) -> Result<Prepared, Problem> {
    if let Some(query) = query {
        location = format!("{location}?{query}");
    }
    let head = ResponseHead::new(Status::MOVED_PERMANENTLY).with_field("location", location)?;
    Ok(Prepared::Whole(head, Vec::new()))
}

/// The file, a part of it, or that the client has it already. It can be sent `room` bytes now.
pub(super) async fn of(
    request: &Request,
    mut opened: Opened,
    room: usize,
    readers: &ReaderPool,
    path: &Path,
) -> Result<Prepared, Problem> {
    let (head, range) = head(request, &opened, path)?;
    if range.is_empty() {
        return Ok(Prepared::Whole(head, Vec::new()));
    }
    if let Some(all) = opened.take_whole().filter(|all| range == (0..all.len() as u64)) {
        return Ok(Prepared::Whole(head, all));
    }
    let mut source = Source::new(opened, readers.clone(), range);
    let first = source.next(room).await.map_err(|loss| Problem::of_reading(path, loss))?.unwrap_or_default();
    Ok(if source.is_over() {
        Prepared::Whole(head, first)
    } else {
        Prepared::Begun { head, first, rest: source, path: path.to_owned() }
    })
}

/// The head, and which bytes follow it.
fn head(request: &Request, opened: &Opened, path: &Path) -> Result<(ResponseHead, Range<u64>), Problem> {
    let state = opened.state();
    let now = runtime::clock::unix_seconds();
    let tag = state.tag(opened.shows_each_change(), SystemTime::now());
    let version = Version::new(state.len(), tag, state.modified_seconds(), now);
    // RFC 9110 section 15.4.5-1, 15.4.5-2, 15.3.7-2: whatever is answered says which version it is about.
    let mut fields = Fields::new();
    fields.push("last-modified", version.last_modified.to_bytes())?;
    fields.push("etag", &version.entity_tag)?;
    fields.push("accept-ranges", "bytes")?;
    let (status, range) = match version.answer(request.method(), request.fields(), now) {
        Answer::Content(status, range) => (status, range),
        Answer::Without(status) => {
            if status == Status::RANGE_NOT_SATISFIABLE {
                fields.push("content-range", format!("bytes */{}", version.len))?;
            }
            return Ok((ResponseHead { status, fields }, 0..0));
        }
    };
    if status == Status::PARTIAL_CONTENT {
        // RFC 9110 section 15.3.7.1-1.
        fields.push("content-range", format!("bytes {}-{}/{}", range.start, range.end - 1, version.len))?;
    }
    fields.push("content-type", media_type(&path.file_name().unwrap_or_default().to_string_lossy()))?;
    fields.push("content-length", (range.end - range.start).to_string())?;
    let range = if *request.method() == Method::Head { 0..0 } else { range };
    Ok((ResponseHead { status, fields }, range))
}

impl Prepared {
    /// Sends it, as fast as the client takes it. A file that changes meanwhile breaks it off.
    pub(super) async fn send(self, reply: Reply) -> Result<(), Error> {
        let (head, first, mut rest, path) = match self {
            Prepared::Whole(head, body) => return reply.send(head, body).await,
            Prepared::Begun { head, first, rest, path } => (head, first, rest, path),
        };
        let mut writer = reply.start(head)?;
        writer.write(first).await?;
        while !rest.is_over() {
            // What the client does not take is not read.
            let room = writer.room(PIECE).await?;
            let piece = rest.next(room).await.map_err(|loss| Problem::of_reading(&path, loss).into_error())?;
            writer.write(piece.unwrap_or_default()).await?;
        }
        writer.finish()
    }
}
