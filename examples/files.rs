//! Files of one folder, and beside them an answer of one's own.
//!
//! `cargo run --example files examples/site`; it prints a command to try.

mod common;

use posthaste::{Error, Files, Identity, Reply, Request, Server};
use std::time::{SystemTime, UNIX_EPOCH};

fn main() -> Result<(), Error> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let files = Files::new(folder)?;
    Server::builder(Identity::development(&[])?)
        .listen(common::address())
        .on_listening(common::greet("/time"))
        .run(move |request, reply| answer(files.clone(), request, reply))
}

pub(crate) async fn answer(files: Files, request: Request, reply: Reply) -> Result<(), Error> {
    match request.path() {
        "/time" => {
            let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            reply.send((200, "text/plain"), format!("{}\n", posthaste::date::http_date(seconds))).await
        }
        _ => files.serve(&request, reply).await,
    }
}
