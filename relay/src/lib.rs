//! A bad network between real UDP sockets: a relay that clients take for the server, and that does to datagrams what a [`Path`]
//! says. It delays, loses, reorders and doubles them, is dead for a while in one direction or both, has a rate and a queue, narrows in
//! the middle of a transfer, and gives clients another source port, as an address translator does that forgets.
//!
//! It is for tests of programs. Tests of the protocol run on the virtual time of `sim`, where each run is repeatable.
//!
//! ```
//! use posthaste_relay::{Path, Relay};
//! use std::net::UdpSocket;
//!
//! let server = UdpSocket::bind("127.0.0.1:0")?;
//! let relay = Relay::start(server.local_addr()?, Path::parse(["delay=5", "loss=0"])?)?;
//! let client = UdpSocket::bind("127.0.0.1:0")?;
//! client.send_to(b"ping", relay.address())?;
//! let mut buffer = [0; 16];
//! let (len, from) = server.recv_from(&mut buffer)?;
//! assert_eq!((buffer.get(..len), from == client.local_addr()?), (Some(&b"ping"[..]), false));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Everything that a path can do is a field of [`Path`]; [`Counts`] says what became of the datagrams, and a [`Capture`] keeps
//! all of them. `tests/bad_network.rs` has
//! transfers over such paths.
#![deny(unsafe_code)]

mod capture;
mod path;
mod relay;
mod wire;

pub use capture::Capture;
pub use path::{Dead, Narrowing, Path};
pub use relay::Relay;
pub use wire::Counts;
