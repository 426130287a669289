//! The handler tests of the library without HTTP/3 under them: what belongs to exchanges does not know what carries it.
#![allow(clippy::unwrap_used)] // a test may

#[path = "../tests/library/handlers.rs"]
mod handlers;
#[path = "tests/memory.rs"]
mod memory;

use memory::with_server;
