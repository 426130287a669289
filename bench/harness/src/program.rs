//! The frame of a stack's program: `server h3|quic CORE FOLDER`, `client h3|quic CORE FOLDER ADDRESS WORK`.

use crate::work::Work;
use crate::{measure, work};
use std::net::SocketAddr;
use std::path::Path;

/// A stack: serves until the parent is gone; does some work and tells. The last argument but one of each says whether
/// HTTP/3 is spoken, or bare streams.
pub struct Stack {
    pub serve: fn(&Path, bool),
    pub client: fn(&Path, SocketAddr, bool, Work),
}

/// Runs as the command line says.
pub fn run(stack: &Stack) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["server", protocol, core, folder] => {
            prepare(core);
            (stack.serve)(Path::new(folder), protocol == "h3");
        }
        ["client", protocol, core, folder, address, what] => {
            prepare(core);
            work::set_patience();
            let address = address.parse().expect("an address");
            (stack.client)(Path::new(folder), address, protocol == "h3", Work::decode(what).expect("some work"));
        }
        _ => {
            eprintln!("started by `bench`");
            std::process::exit(2);
        }
    }
}

fn prepare(core: &str) {
    measure::pin(core.parse().expect("a core"));
    if std::env::var_os("BENCH_PRECEDENCE").is_some() {
        measure::take_precedence();
    }
}
