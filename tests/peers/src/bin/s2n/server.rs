//! s2n-quic with h3, as a server.

use peers::http3::{self, Failure};
use peers::{s2n, s2n_http3};
use s2n_quic::Server;
use std::path::Path;
use std::process::ExitCode;

pub async fn main(arguments: &[String]) -> ExitCode {
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("s2n: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result<(), Failure> {
    let [certificate, key, ..] = arguments else { panic!("s2n server CERT_PEM KEY_PEM [ALPN]") };
    let protocol = arguments.get(2).map_or("h3", String::as_str);
    let tls = s2n::server_tls(Path::new(certificate), Path::new(key), protocol)?;
    let mut server = Server::builder().with_tls(tls)?.with_io("127.0.0.1:0")?.start()?;
    println!("ready {}", server.local_addr()?.port());
    while let Some(connection) = server.accept().await {
        println!("connection");
        tokio::spawn(async move {
            if let Err(error) = http3::serve(s2n_http3::Connection::new(connection)).await {
                eprintln!("connection: {error}");
            }
        });
    }
    Ok(())
}
