//! quiche with its own HTTP/3, on an event loop of ours: one thread, one socket, GSO and GRO, bodies sent without a copy,
//! 16 MiB windows, 4 MiB socket buffers, 1452-byte packets, no pacing.

mod bulk;
mod client;
mod endpoint;
mod http;
mod server;
mod socket;

use harness::program::{self, Stack};

fn main() {
    program::run(&Stack { serve: server::serve, client: client::client });
}
