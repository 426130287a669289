//! A scripted peer against a real endpoint: any frame, in any packet, at any moment.

#![allow(unreachable_pub, reason = "a test has no other crates to be reached from")]
#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

extern crate posthaste_quic as quic;

#[path = "../support/mod.rs"]
mod support;

mod closing;
mod early_data;
mod frames;
mod habits;
mod handshake;
mod ids;
mod mutations;
mod paths;
mod retry;
mod strangers;
mod violations;
