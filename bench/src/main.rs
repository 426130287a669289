//! Posthaste beside its peers, in turn, on the same machine. Without arguments: the whole table. See docs/performance.md.

mod identity;
mod measure;
mod ours;
mod peers;
mod run;
mod server;
mod table;
mod work;

use std::path::Path;
use work::Work;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["server", stack, core, folder] => {
            prepare(core);
            serve(stack, Path::new(folder));
        }
        ["client", stack, core, folder, address, what] => {
            prepare(core);
            work::set_patience();
            let address = address.parse().expect("an address");
            client(stack, Path::new(folder), address, Work::decode(what).expect("some work"));
        }
        ["identity", folder] => identity::issue(Path::new(folder)),
        _ => run::run(&words),
    }
}

fn prepare(core: &str) {
    measure::pin(core.parse().expect("a core"));
    if std::env::var_os("BENCH_PRECEDENCE").is_some() {
        measure::take_precedence();
    }
}

fn serve(stack: &str, folder: &Path) {
    match stack {
        "posthaste-quic" => ours::bulk::serve(folder),
        "posthaste-h3" => ours::http::serve(),
        "quinn-quic" => peers::quinn::serve(folder, false),
        "quinn-h3" => peers::quinn::serve(folder, true),
        _ => panic!("no such stack: {stack}"),
    }
}

fn client(stack: &str, folder: &Path, address: std::net::SocketAddr, what: Work) {
    match stack {
        "posthaste-quic" => ours::bulk::client(folder, address, what),
        "posthaste-h3" => ours::http::client(address, what),
        "quinn-quic" => peers::quinn::client(folder, address, false, what),
        "quinn-h3" => peers::quinn::client(folder, address, true, what),
        _ => panic!("no such stack: {stack}"),
    }
}

/// The same kind of transfer, before the one that is measured.
pub fn warm(what: Work) -> Work {
    match what {
        Work::Upload(_) => Work::Upload(work::WARM_BYTES),
        Work::Download(_) => Work::Download(work::WARM_BYTES),
        other => other,
    }
}
