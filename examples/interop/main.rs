//! An endpoint for the QUIC interop runner: client or server, told by its environment what to do.
//!
//! ```text
//! ROLE=server TESTCASE=transfer WWW=site CERTS=certs SERVER_PARAMS=listen=[::1]:4433 cargo run --release --example interop &
//! ROLE=client TESTCASE=transfer DOWNLOADS=. CERTS=certs REQUESTS='https://localhost:4433/a https://localhost:4433/b' \
//!     cargo run --release --example interop
//! ```
//!
//! | variable | what |
//! |---|---|
//! | `ROLE` | `client` or `server` |
//! | `TESTCASE` | the case: see `case.rs` |
//! | `REQUESTS` | a client's URLs, with spaces between |
//! | `SSLKEYLOGFILE` | the file that TLS secrets are appended to |
//! | `QLOGDIR` | the folder for a file of qlog for each connection |
//! | `WWW`, `DOWNLOADS`, `CERTS` | folders, instead of `/www`, `/downloads`, `/certs` |
//! | `SERVER_PARAMS` | `listen=ADDRESS` instead of `[::]:443`, any number; `prefer=ADDRESS`: where clients go on; `protocol=h3` |
//! | `CLIENT_PARAMS` | `trust=any`: the server's certificate is not verified; `protocol=h3` |
//!
//! With `protocol=h3` the files of all cases are moved by HTTP/3, with a peer that does not speak `hq-interop`. The cases of early data
//! and of version 2 are not known then, nor, to a server, those whose handshakes take long.
//!
//! The folder of certificates has `cert.pem` and `priv.key`; a client trusts its `ca.pem`, and any certificate if there is none. A
//! server prints where it listens and ends with SIGTERM. The process ends with 0 for success, 1 for failure, 127 for a case that is
//! not known here.
#![allow(unreachable_pub, reason = "an example has no other crates to be reached from")]

mod case;
mod download;
pub mod files;
mod hq_client;
mod hq_server;
mod http3;
mod link;
mod settings;
mod transport;

use case::{Case, Protocol, Role};
use settings::Settings;
use std::net::SocketAddr;
use std::process::ExitCode;

type Failure = Box<dyn std::error::Error>;

const FAILED: u8 = 1;
/// What the runner takes for «this case is not supported».
const NOT_SUPPORTED: u8 = 127;

fn main() -> ExitCode {
    ExitCode::from(status())
}

/// Does what the environment says; with what the process is to end.
pub(crate) fn status() -> u8 {
    run().unwrap_or_else(|error| {
        eprintln!("interop: {error}");
        FAILED
    })
}

/// Says where a server listens: in one write, so that whoever reads no further than the first line does not break the second.
fn tell_addresses(addresses: &[SocketAddr]) {
    let lines: String = addresses.iter().map(|address| format!("listening on {address}\n")).collect();
    print!("{lines}");
}

fn run() -> Result<u8, Failure> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let Some(case) = Case::find(settings.role, &settings.case).and_then(|case| settings.adapt(case)) else {
        eprintln!("interop: the case {:?} is not supported", settings.case);
        return Ok(NOT_SUPPORTED);
    };
    posthaste::run(|handle| async move {
        match (settings.role, case.protocol) {
            (Role::Client, Protocol::Hq) => hq_client::run(&handle, &settings, &case).await,
            (Role::Server, Protocol::Hq) => hq_server::run(&handle, &settings, &case).await,
            (Role::Client, Protocol::Http3) => http3::fetch(&handle, &settings, &case).await,
            (Role::Server, Protocol::Http3) => http3::serve(&handle, &settings, &case).await,
        }
    })??;
    Ok(0)
}
