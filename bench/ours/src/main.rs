//! Posthaste: bare streams by the sans-I/O endpoint on its own runtime's driver, HTTP/3 by the library's server and client.

mod bulk;
mod dial;
mod http;
mod setup;

use harness::program::{self, Stack};
use harness::work::Work;
use std::net::SocketAddr;
use std::path::Path;

fn main() {
    program::run(&Stack { serve, client });
}

fn serve(identity: &Path, http: bool) {
    if http { http::serve() } else { bulk::serve(identity) }
}

fn client(identity: &Path, remote: SocketAddr, http: bool, what: Work) {
    if http { http::client(remote, what) } else { dial::client(identity, remote, what) }
}
