//! The smallest server: one identity, one address, one answer.
//!
//! `cargo run --example hello`; it prints a command to try.

mod common;

use posthaste::{Error, Identity, Reply, Request, Server};

pub(crate) fn main() -> Result<(), Error> {
    Server::builder(Identity::development(&[])?)
        .listen(common::address())
        .on_listening(common::greet("/"))
        .tcp()
        .run(hello)
}

pub(crate) async fn hello(request: Request, reply: Reply) -> Result<(), Error> {
    reply.send((200, "text/plain"), format!("hello, you asked for {}\n", request.path())).await
}
