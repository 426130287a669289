//! What a request for a file is answered with: which head, and which part of the bytes.

use crate::error::Error;
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::exchange::writer::BodyWriter;
use crate::files::coding::Coding;
use crate::files::conditions::{Answer, Version};
use crate::files::content_type::of as media_type;
use crate::files::listing;
use crate::files::options::Options;
use crate::files::parts::Parts;
use crate::files::problem::Problem;
use crate::files::source::{Opened, PIECE, Source};
use http::{Fields, Method, ResponseHead, Status};
use runtime::ReaderPool;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// An answer, as far as it can be made before it is begun.
#[derive(Debug)]
pub(super) enum Prepared {
    /// Head and body.
    Whole(ResponseHead, Vec<u8>),
    /// Head and first piece, and where the others come from.
    Begun { head: ResponseHead, first: Vec<u8>, rest: Source, path: PathBuf },
    /// Head, and several parts of one file.
    InParts { head: ResponseHead, parts: Parts, opened: Arc<Opened>, readers: ReaderPool, path: PathBuf },
}

/// A file that was found, and how it is told of.
pub(super) struct Representation<'a> {
    pub(super) opened: Opened,
    /// How its bytes are to be undone to have the file that was asked for.
    pub(super) coding: Option<Coding>,
    /// Of the file that was asked for.
    pub(super) path: &'a Path,
}

/// What follows a head.
enum Content {
    Nothing,
    Range(Range<u64>),
    Parts(Parts),
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

/// A page that lists a folder. It is made anew each time, so that there is nothing that could be kept.
pub(super) fn page(method: &Method, text: String) -> Result<Prepared, Problem> {
    let head = ResponseHead::new(Status::OK)
        .with_field("content-type", "text/html; charset=utf-8")?
        .with_field("cache-control", "no-cache")?
        .with_field("content-security-policy", listing::POLICY)?
        .with_field("content-length", text.len().to_string())?;
    Ok(Prepared::Whole(head, if *method == Method::Head { Vec::new() } else { text.into_bytes() }))
}

/// The file, a part of it, or that the client has it already. It can be sent `room` bytes now.
pub(super) async fn of(
    request: &Request,
    file: Representation<'_>,
    options: &Options,
    room: usize,
    readers: &ReaderPool,
) -> Result<Prepared, Problem> {
    let (head, content) = head(request, &file, options)?;
    let path = file.path;
    match content {
        Content::Nothing => Ok(Prepared::Whole(head, Vec::new())),
        Content::Range(range) => begin(head, file.opened, range, room, readers, path).await,
        Content::Parts(parts) => Ok(Prepared::InParts {
            head,
            parts,
            opened: Arc::new(file.opened),
            readers: readers.clone(),
            path: path.to_owned(),
        }),
    }
}

/// All of a file, as the page that stands for one that is not there. It is no version of what was asked for: there are no
/// conditions, and no parts.
/// RFC 9110 section 13.2.1-1.
pub(super) async fn instead(
    method: &Method,
    file: Representation<'_>,
    room: usize,
    readers: &ReaderPool,
) -> Result<Prepared, Problem> {
    let len = file.opened.state().len();
    let head = ResponseHead::new(Status::NOT_FOUND)
        .with_field("content-type", kind_of(file.path))?
        .with_field("content-length", len.to_string())?;
    if *method == Method::Head || len == 0 {
        return Ok(Prepared::Whole(head, Vec::new()));
    }
    begin(head, file.opened, 0..len, room, readers, file.path).await
}

/// A range that is not empty, with its first piece.
async fn begin(
    head: ResponseHead,
    mut opened: Opened,
    range: Range<u64>,
    room: usize,
    readers: &ReaderPool,
    path: &Path,
) -> Result<Prepared, Problem> {
    if let Some(all) = opened.take_whole().filter(|all| range == (0..all.len() as u64)) {
        return Ok(Prepared::Whole(head, all));
    }
    let mut source = Source::new(Arc::new(opened), readers.clone(), range);
    let first = source.next(room).await.map_err(|loss| Problem::of_reading(path, loss))?.unwrap_or_default();
    Ok(if source.is_over() {
        Prepared::Whole(head, first)
    } else {
        Prepared::Begun { head, first, rest: source, path: path.to_owned() }
    })
}

fn kind_of(path: &Path) -> &'static str {
    media_type(&path.file_name().unwrap_or_default().to_string_lossy())
}

/// The head, and what follows it.
fn head(request: &Request, file: &Representation<'_>, options: &Options) -> Result<(ResponseHead, Content), Problem> {
    let state = file.opened.state();
    let now = runtime::clock::unix_seconds();
    // RFC 9110 section 8.8.3-1. The tag of a compressed form is another one: it is another file.
    let tag = state.tag(file.opened.shows_each_change(), SystemTime::now());
    let version = Version::new(state.len(), tag, state.modified_seconds(), now);
    let mut fields = of_every_answer(&version, options)?;
    let (status, content) = match version.answer(request.method(), request.fields(), now) {
        Answer::Content(status, range) => (status, Content::Range(range)),
        Answer::Parts(ranges) => {
            let parts = Parts::new(ranges, version.len, kind_of(file.path));
            (Status::PARTIAL_CONTENT, Content::Parts(parts))
        }
        Answer::Without(status) => {
            if status == Status::RANGE_NOT_SATISFIABLE {
                fields.push("content-range", format!("bytes */{}", version.len))?;
            }
            return Ok((ResponseHead { status, fields }, Content::Nothing));
        }
    };
    if let Some(coding) = file.coding {
        fields.push("content-encoding", coding.name)?;
    }
    // RFC 9110 section 15.3.7-4: a part has the fields of the whole.
    // RFC 9110 section 15.3.7.2-2: of several parts each says for itself which it is.
    match &content {
        Content::Parts(parts) => {
            fields.push("content-type", parts.content_type())?;
            fields.push("content-length", parts.content_length().to_string())?;
        }
        Content::Range(range) => {
            if status == Status::PARTIAL_CONTENT {
                // RFC 9110 section 15.3.7.1-1.
                let (first, last) = (range.start, range.end - 1);
                fields.push("content-range", format!("bytes {first}-{last}/{}", version.len))?;
            }
            fields.push("content-type", kind_of(file.path))?;
            fields.push("content-length", (range.end - range.start).to_string())?;
        }
        Content::Nothing => {}
    }
    let is_empty = matches!(&content, Content::Range(range) if range.is_empty());
    let content = if *request.method() == Method::Head || is_empty { Content::Nothing } else { content };
    Ok((ResponseHead { status, fields }, content))
}

/// RFC 9110 section 15.4.5-1, 15.4.5-2, 15.3.7-2: whatever is answered says which version it is about, and how it is kept.
fn of_every_answer(version: &Version, options: &Options) -> Result<Fields, Problem> {
    let mut fields = Fields::new();
    fields.push("last-modified", version.last_modified.to_bytes())?;
    fields.push("etag", &version.entity_tag)?;
    fields.push("accept-ranges", "bytes")?;
    if options.precompressed {
        fields.push("vary", "accept-encoding")?;
    }
    if let Some(value) = &options.cache_control {
        fields.push("cache-control", value.as_bytes())?;
    }
    Ok(fields)
}

impl Prepared {
    /// Adds fields to the head.
    pub(super) fn with_fields(mut self, added: &Fields) -> Result<Prepared, Problem> {
        let (Prepared::Whole(head, _) | Prepared::Begun { head, .. } | Prepared::InParts { head, .. }) = &mut self;
        added.iter().try_for_each(|(name, value)| head.fields.push(name, value))?;
        Ok(self)
    }

    /// Sends it, as fast as the client takes it. A file that changes meanwhile breaks it off.
    pub(super) async fn send(self, reply: Reply) -> Result<(), Error> {
        match self {
            Prepared::Whole(head, body) => reply.send(head, body).await,
            Prepared::Begun { head, first, rest, path } => {
                let mut writer = reply.start(head)?;
                writer.write(first).await?;
                copy(rest, &mut writer, &path).await?;
                writer.finish()
            }
            Prepared::InParts { head, parts, opened, readers, path } => {
                let mut writer = reply.start(head)?;
                for (number, range) in parts.ranges().iter().enumerate() {
                    writer.write(parts.head(number)).await?;
                    copy(Source::new(opened.clone(), readers.clone(), range.clone()), &mut writer, &path).await?;
                }
                writer.write(parts.end()).await?;
                writer.finish()
            }
        }
    }
}

/// What is left of a source.
async fn copy(mut rest: Source, writer: &mut BodyWriter, path: &Path) -> Result<(), Error> {
    while !rest.is_over() {
        // What the client does not take is not read.
        let room = writer.room(PIECE).await?;
        let piece = rest.next(room).await.map_err(|loss| Problem::of_reading(path, loss).into_error())?;
        writer.write(piece.unwrap_or_default()).await?;
    }
    Ok(())
}
