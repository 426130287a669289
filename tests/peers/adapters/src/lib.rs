//! Posthaste with the crates of others, each in one file to be copied: [`service`] has a `tower::Service` for `http::Request` answer on
//! our server, [`loops`] has our protocol on the sockets and timers of `tokio`.

pub mod loops;
pub mod service;
