//! s2n-quic in all its parts. One program, because each would compile most of it once more.
//!
//! `s2n client BASE_URL CA_PEM CASE`, `s2n server CERT_PEM KEY_PEM [ALPN]`, or `s2n interop`, which reads its environment.

mod client;
mod interop;
mod server;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (part, arguments) = arguments.split_first().expect("s2n client|server|interop ...");
    match part.as_str() {
        "client" => client::main(arguments).await,
        "server" => server::main(arguments).await,
        "interop" => interop::main().await,
        other => panic!("{other}: client, server or interop"),
    }
}
