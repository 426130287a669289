//! Streams both ways: what comes in goes out at once, never faster than the client takes it, and never all in memory.
//! Trailers are passed on, too.
//!
//! `cargo run --example echo`, then `posthaste get https://localhost:4433/ --insecure --data @FILE`

use posthaste::{Error, Identity, Reply, Request, Server};

fn main() -> Result<(), Error> {
    Server::builder(Identity::development(&[])?).listen("127.0.0.1:4433".parse().expect("an address")).run(echo)
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
