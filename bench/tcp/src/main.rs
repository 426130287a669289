//! A server of ours on one thread: adds up for whoever asks for `/sum?a=1&b=2`, and has one body of 1,000 bytes for all else, by TCP as well as
//! by QUIC.
//! `bench-tcp ADDRESS CERTIFICATE KEY`. What `bench-hyper` is of hyper; `tests/peers/run --cost` has them asked in turn.

use base::Bytes;
use posthaste::{Error, Identity, Request, Server};

static BODY: [u8; 1000] = [b'x'; 1000];

fn sum(query: &str) -> i64 {
    let number =
        |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    number("a").unwrap_or(0_i64) + number("b").unwrap_or(0)
}

fn answer(request: &Request) -> (&'static str, Bytes) {
    match request.path() {
        "/sum" => ("text/plain", sum(request.query().unwrap_or("")).to_string().into_bytes().into()),
        _ => ("application/octet-stream", Bytes::from_static(&BODY)),
    }
}

fn main() -> Result<(), Error> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, certificate, key] = &words[..] else {
        eprintln!("bench-tcp ADDRESS CERTIFICATE KEY");
        std::process::exit(2);
    };
    Server::builder(Identity::from_pem_files(certificate, key)?)
        .listen(address.parse().expect("an address with a port"))
        .tcp()
        .run(|request, reply| {
            let (kind, body) = answer(&request);
            reply.send((200, kind), body)
        })
}
