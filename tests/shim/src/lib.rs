//! A program that a conformance test runner starts: it connects back to the runner, plays the client or the server that its
//! flags describe, and tells by its exit code and by names on standard error what became of that. The page is README.md.
#![forbid(unsafe_code)]

pub mod check;
pub mod echo;
pub mod failure;
pub mod flags;
pub mod identity;
pub mod judge;
pub mod link;
pub mod options;
pub mod quic;
pub mod records;
pub mod setup;
pub mod tickets;
pub mod transport;
