//! A server of ours on one thread: one body of 1,000 bytes for whatever is asked, by TCP as well as by QUIC.
//! `bench-tcp ADDRESS CERTIFICATE KEY`. What `bench-hyper` is of hyper; `tests/peers/run --cost` has them asked in turn.

use base::Bytes;
use posthaste::{Error, Identity, Server};

static BODY: [u8; 1000] = [b'x'; 1000];

fn main() -> Result<(), Error> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, certificate, key] = &words[..] else {
        eprintln!("bench-tcp ADDRESS CERTIFICATE KEY");
        std::process::exit(2);
    };
    Server::builder(Identity::from_pem_files(certificate, key)?)
        .listen(address.parse().expect("an address with a port"))
        .tcp()
        .run(|_request, reply| reply.send((200, "application/octet-stream"), Bytes::from_static(&BODY)))
}
