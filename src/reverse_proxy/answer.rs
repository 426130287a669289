//! The way of an answer: from a backend to the client, as fast as the slower of the two.

use super::trailers::passed;
use super::upload::at_once;
use crate::error::Error;
use crate::exchange::body::Body;
use crate::exchange::reply::Reply;
use crate::exchange::version::HttpVersion;
use crate::exchange::writer::BodyWriter;
use http::{RequestHead, ResponseHead, Status};

/// Which side a failure came from.
#[derive(Debug)]
pub(super) enum Side {
    Client(Error),
    Backend(Error),
}

/// Bytes that are asked room for before any are read.
const ROOM: usize = 64 << 10;

/// Sends the answer to the end. The reply is left where nothing of it was sent. `takes_trailers`: the client has said that it does, or
/// speaks a version in which all do.
pub(super) async fn send(
    reply: &mut Option<Reply>,
    head: ResponseHead,
    mut body: Body,
    takes_trailers: bool,
) -> Result<(), Side> {
    // What is there already of a short answer. Where it is all, it goes as a whole.
    let mut first = None;
    if body.length().is_some_and(|length| length <= ROOM as u64) && !head.fields.contains("trailer") {
        first = at_once(body.chunk()).await.transpose().map_err(Side::Backend)?;
        let is_over = match &first {
            Some(None) => true,
            Some(Some(part)) if body.length() == Some(part.len() as u64) => {
                matches!(at_once(body.chunk()).await.transpose().map_err(Side::Backend)?, Some(None))
            }
            _ => false,
        };
        // RFC 9110 section 15.3.6-1: content that does not belong to an answer is not passed on.
        if is_over && head.status != Status::RESET_CONTENT {
            let part = first.flatten().unwrap_or_default();
            return take(reply).send(head, part).await.map_err(Side::Client);
        }
    }
    if head.status == Status::RESET_CONTENT {
        return take(reply).send(head, "").await.map_err(Side::Client);
    }
    let mut writer = take(reply).start(head).map_err(Side::Client)?;
    if let Some(Some(part)) = first {
        writer.write(part).await.map_err(Side::Client)?;
    }
    relay(writer, body, takes_trailers).await
}

fn take(reply: &mut Option<Reply>) -> Reply {
    reply.take().expect("a request is answered once")
}

async fn relay(mut writer: BodyWriter, mut body: Body, takes_trailers: bool) -> Result<(), Side> {
    loop {
        // Nothing is read of the backend that the client does not take.
        writer.room(ROOM).await.map_err(Side::Client)?;
        let Some(part) = body.chunk().await.map_err(Side::Backend)? else { break };
        writer.write(part).await.map_err(Side::Client)?;
    }
    let fields = body.trailers().await.map_err(Side::Backend)?.filter(|_| takes_trailers).and_then(passed);
    match fields {
        Some(fields) => writer.finish_with_trailers(&fields).map_err(Side::Client),
        None => writer.finish().map_err(Side::Client),
    }
}

/// RFC 9110 section 6.5.1-1: over HTTP/1.1 trailers are for those who ask for them.
pub(super) fn takes_trailers(head: &RequestHead, version: HttpVersion) -> bool {
    version != HttpVersion::Http1 || head.fields.contains("te")
}
