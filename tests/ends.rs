//! How connections and servers end and begin again, over real sockets: goodbyes, drains, successors, lost peers.
#![allow(clippy::unwrap_used)] // a test may

#[path = "ends/goodbye.rs"]
mod goodbye;
#[path = "ends/plain.rs"]
mod plain;
mod support;
