//! How connections and servers end and begin again, over real sockets: goodbyes, drains, successors, lost peers.
#![allow(clippy::unwrap_used)] // a test may

#[path = "ends/drain.rs"]
mod drain;
#[path = "ends/early.rs"]
mod early;
#[path = "ends/goodbye.rs"]
mod goodbye;
#[path = "ends/older.rs"]
mod older;
#[path = "ends/plain.rs"]
mod plain;
#[path = "ends/processes.rs"]
mod processes;
#[path = "ends/repeat.rs"]
mod repeat;
#[path = "ends/restart.rs"]
mod restart;
#[allow(dead_code)] // shared with the tests of the command
#[path = "command/serving.rs"]
mod serving;
mod support;
