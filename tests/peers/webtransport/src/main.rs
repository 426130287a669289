//! WebTransport by wtransport and web-transport-quinn, at both ends:
//!
//! - `client NAME URL HASH` asks a server for sessions and says `ok`;
//! - `server NAME CERTIFICATE KEY` says its port and serves an echo, and at `/closes` a close.

mod quinn;
mod wtransport;

use std::error::Error;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How many streams there are at a time, and how much goes on each.
const STREAMS: u8 = 32;
const LEN: usize = 5000;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "two providers")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let patience = std::time::Duration::from_secs(60);
    runtime.block_on(async {
        match arguments[..] {
            ["client", name, url, hash] => {
                let hash = digest(hash)?;
                let client = async {
                    match name {
                        "wtransport" => wtransport::client(url, hash).await,
                        "web-transport-quinn" => quinn::client(url, hash).await,
                        _ => Err("no such peer".into()),
                    }
                };
                tokio::time::timeout(patience, client).await??;
                println!("ok");
                Ok(())
            }
            ["server", "wtransport", certificate, key] => wtransport::server(certificate, key).await,
            ["server", "web-transport-quinn", certificate, key] => quinn::server(certificate, key).await,
            _ => Err("client NAME URL HASH, or server NAME CERTIFICATE KEY".into()),
        }
    })
}

/// 64 digits.
fn digest(hex: &str) -> Result<[u8; 32]> {
    let byte = |place: usize| u8::from_str_radix(hex.get(2 * place..2 * place + 2).unwrap_or("?"), 16);
    let bytes: Vec<u8> = (0..32).map(byte).collect::<std::result::Result<_, _>>()?;
    Ok(bytes.try_into().map_err(|_| "32 bytes")?)
}

fn check(holds: bool, what: impl std::fmt::Display) -> Result<()> {
    if holds { Ok(()) } else { Err(what.to_string().into()) }
}
