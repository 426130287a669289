//! The library's client and servers of the tests' own: redirects, timeouts, uploads, addresses, alternatives, repetitions.
#![allow(clippy::unwrap_used)] // a test may

#[path = "client/addresses.rs"]
mod addresses;
#[path = "client/alternatives.rs"]
mod alternatives;
#[path = "client/by_tcp.rs"]
mod by_tcp;
#[path = "ends/plain.rs"]
mod plain;
#[path = "client/redirects.rs"]
mod redirects;
#[path = "client/repetitions.rs"]
mod repetitions;
mod support;
#[path = "client/timeouts.rs"]
mod timeouts;
#[path = "client/uploads.rs"]
mod uploads;
