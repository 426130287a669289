//! Streams both ways: what comes in goes out at once, never faster than the client takes it, and never all in memory.
//! Trailers are passed on, too.
//!
//! `cargo run --example echo`; it prints a command to try.

mod common;

use posthaste::{Error, Identity, Reply, Request, Server};

pub(crate) fn main() -> Result<(), Error> {
    Server::builder(Identity::development(&[])?)
        .listen(common::address())
        .on_listening(common::greet("/ --data 'some text'"))
        .run(echo)
}

pub(crate) async fn echo(mut request: Request, reply: Reply) -> Result<(), Error> {
    let mut writer = reply.start(200)?;
    while let Some(part) = request.body().chunk().await? {
        writer.write(part).await?;
    }
    match request.body().trailers().await? {
        Some(fields) => writer.finish_with_trailers(&fields),
        None => writer.finish(),
    }
}
