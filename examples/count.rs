//! A handler that reads a large upload part by part, tells the client early that it is on its way (103), and gives what it
//! found at the end as trailers.
//!
//! `cargo run --example count`; it prints a command to try.

mod common;

use posthaste::{Error, Fields, Identity, Method, Reply, Request, ResponseHead, Server, Status};

pub(crate) fn main() -> Result<(), Error> {
    Server::builder(Identity::development(&[])?)
        .listen(common::address())
        .on_listening(common::greet("/ --include --data-binary @Cargo.toml"))
        .run(count)
}

pub(crate) async fn count(mut request: Request, mut reply: Reply) -> Result<(), Error> {
    if *request.method() != Method::Post {
        return reply.send(405, "POST me a text\n").await;
    }
    reply.inform(ResponseHead::new(Status::EARLY_HINTS).with_field("link", "</style.css>; rel=preload")?)?;
    let mut writer = reply.start((200, "text/plain"))?;
    let (mut bytes, mut lines) = (0, 0);
    while let Some(part) = request.body().chunk().await? {
        bytes += part.len();
        lines += part.iter().filter(|byte| **byte == b'\n').count();
        if lines % 1000 == 999 {
            writer.write(format!("{lines} lines so far\n")).await?;
        }
    }
    let mut trailers = Fields::new();
    trailers.push("x-bytes", bytes.to_string())?;
    trailers.push("x-lines", lines.to_string())?;
    writer.write("done\n").await?;
    writer.finish_with_trailers(&trailers)
}
