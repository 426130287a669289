//! What the servers among the examples share: where they listen, and how they say so.

use std::net::SocketAddr;

/// `127.0.0.1:4433`, or what the variable `LISTEN` says: `LISTEN=[::]:0` is any port of both families.
pub(crate) fn address() -> SocketAddr {
    let text = std::env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:4433".into());
    text.parse().unwrap_or_else(|_| panic!("LISTEN has to be an address with a port, not {text:?}"))
}

/// Prints where an example listens, and a command that asks it for `what`: a path, and switches of `posthaste get`.
pub(crate) fn greet(what: &'static str) -> impl Fn(&[SocketAddr]) {
    move |addresses| {
        for address in addresses {
            println!("listening on https://{address}");
            let host = if address.ip().is_unspecified() { "127.0.0.1".into() } else { address.ip().to_string() };
            let host = if host.contains(':') { format!("[{host}]") } else { host };
            println!("try: cargo run -q -- get --insecure 'https://{host}:{}'{what}", address.port());
        }
    }
}
