//! The smallest server: one identity, one address, one answer.
//!
//! `cargo run --example hello`, then `posthaste get https://localhost:4433/ --insecure`

use posthaste::{Error, Identity, Reply, Request, Server};

fn main() -> Result<(), Error> {
    Server::builder(Identity::development(&[])?).listen("127.0.0.1:4433".parse().expect("an address")).run(hello)
}

pub(crate) async fn hello(request: Request, reply: Reply) -> Result<(), Error> {
    reply.send((200, "text/plain"), format!("hello, you asked for {}\n", request.path())).await
}
