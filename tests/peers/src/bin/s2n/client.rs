//! s2n-quic with h3, as a client.

use peers::http3::{self, Failure};
use peers::{protocol, s2n, s2n_http3};
use s2n_quic::Client;
use s2n_quic::client::Connect;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::process::ExitCode;

pub async fn main(arguments: &[String]) -> ExitCode {
    let [url, ca, case] = arguments else { panic!("s2n client BASE_URL CA_PEM CASE") };
    match run(url, ca, case).await {
        Ok(()) => {
            println!("ok");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(url: &str, ca: &str, case: &str) -> Result<(), Failure> {
    let authority = url.trim_start_matches("https://").trim_end_matches('/').to_owned();
    let address = authority.to_socket_addrs()?.find(SocketAddr::is_ipv4).ok_or("no address")?;
    let name = authority.rsplit_once(':').map_or(authority.as_str(), |(name, _)| name);
    let tls = s2n::client_tls(Path::new(ca), std::str::from_utf8(protocol(case))?)?;
    let client = Client::builder().with_tls(tls)?.with_io("127.0.0.1:0")?.start()?;
    let mut connection = client.connect(Connect::new(address).with_server_name(name)).await?;
    // A client that only receives says nothing when its port is forgotten, and no server can find it then.
    connection.keep_alive(true)?;
    http3::run_case(s2n_http3::Connection::new(connection), &authority, case).await
}
