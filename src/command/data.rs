//! What a request sends as its body: text, or what a thread reads.

use crate::command::failure::Failure;
use crate::command::get::flags::Part;
use crate::command::input::Input;
use crate::command::watch::{Stage, Watch};
use posthaste::{BodyWriter, Bytes, Reason};
use std::future::{Future, poll_fn};
use std::path::Path;
use std::pin::pin;
use std::task::Poll;

/// A body that is ready to be sent.
pub enum Source {
    /// It is in memory.
    Text(Bytes),
    /// It is read as it is sent.
    Input(Input),
}

impl Source {
    /// Opens what the command line names.
    pub async fn open(parts: &[Part]) -> Result<Source, Failure> {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(more) => text.push_str(more),
                Part::File { .. } => return Ok(Source::Input(Input::open(parts).await?)),
            }
        }
        Ok(Source::Text(Bytes::from(text)))
    }
}

/// Whether it can be sent once only, because it is gone when it was read.
pub fn is_read_once(parts: &[Part]) -> bool {
    let is_regular = |name: &str| Path::new(name).metadata().is_ok_and(|metadata| metadata.is_file());
    // What is not there is told when it is opened.
    let is_gone = |name: &str| name == "-" || (Path::new(name).exists() && !is_regular(name));
    parts.iter().any(|part| matches!(part, Part::File { name, .. } if is_gone(name)))
}

/// Sends all of it, as fast as the server takes it.
///
/// # Errors
/// It could not be read as a whole: then the request is cancelled. That the server takes no more is none; the response tells.
pub async fn send(mut input: Input, mut writer: BodyWriter, watch: &Watch<'_>) -> Result<(), Failure> {
    loop {
        watch.enter(Stage::AwaitsSource);
        match next(&mut input, &mut writer).await {
            Next::Unwanted => break,
            Next::Failed(failure) => {
                writer.reset(Reason::Cancelled);
                return Err(failure);
            }
            Next::End => {
                // Whatever is wrong with it, the response or its absence says so.
                let _ = writer.finish();
                break;
            }
            Next::Piece(piece) => {
                if write(piece, &mut writer, watch).await.is_err() {
                    break;
                }
            }
        }
    }
    watch.enter(Stage::Sent);
    Ok(())
}

/// What comes of waiting for a piece.
enum Next {
    Piece(Bytes),
    End,
    Failed(Failure),
    /// The server does not want more.
    Unwanted,
}

/// Waits for the next piece, and at the same time for word that none is wanted: a pipe may never give one.
async fn next(input: &mut Input, writer: &mut BodyWriter) -> Next {
    poll_fn(|context| {
        if let Poll::Ready(Err(_)) = pin!(writer.room(1)).poll(context) {
            return Poll::Ready(Next::Unwanted);
        }
        input.poll_piece(context).map(|piece| match piece {
            Ok(Some(piece)) => Next::Piece(piece),
            Ok(None) => Next::End,
            Err(failure) => Next::Failed(failure),
        })
    })
    .await
}

async fn write(mut piece: Bytes, writer: &mut BodyWriter, watch: &Watch<'_>) -> Result<(), posthaste::Error> {
    while !piece.is_empty() {
        watch.enter(Stage::Sending);
        let room = writer.room(piece.len()).await?;
        writer.write(piece.split_to(room.min(piece.len()))).await?;
    }
    Ok(())
}
