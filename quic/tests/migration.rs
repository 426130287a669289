//! A peer's address changes (RFC 9000 section 9): by itself, on purpose, or only because somebody says so.
#![allow(clippy::unwrap_used, reason = "what is not there fails the test")]

extern crate posthaste_quic as quic;

mod support;

#[global_allocator]
static HEAP: adversary::heap::Counting = adversary::heap::Counting;

#[path = "migration/lossy.rs"]
mod lossy;
#[path = "migration/network.rs"]
mod network;
#[path = "migration/preferred.rs"]
mod preferred;
#[path = "migration/rebinding.rs"]
mod rebinding;
#[path = "migration/scripted.rs"]
mod scripted;
