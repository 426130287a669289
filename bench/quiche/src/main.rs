//! quiche with its own HTTP/3, on an event loop of ours: one thread, one socket, GSO and GRO, bodies sent without a copy,
//! 16 MiB windows, 4 MiB socket buffers, 1452-byte packets, no pacing. `bench-quiche web ADDRESS CERTIFICATE KEY FOLDER` is what `bench-h3` is of
//! quinn: a server that adds up for whoever asks for `/sum?a=1&b=2`, and serves the files of a folder.

mod bulk;
mod client;
mod endpoint;
mod http;
mod server;
mod socket;
mod web;

use harness::program::{self, Stack};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [word, address, certificate, key, folder] = &words[..]
        && word == "web"
    {
        return web::serve(address, certificate, key, folder);
    }
    program::run(&Stack { serve: server::serve, client: client::client });
}
