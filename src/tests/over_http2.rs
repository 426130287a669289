//! The handler tests over HTTP/2.

#[allow(clippy::duplicate_mod)] // the same tests for each version
#[path = "../../tests/library/handlers.rs"]
mod handlers;

use super::tcp;
use crate::{Client, Handle, Outcome, Reply, Request};
use std::future::Future;

/// Whether the reason for which an exchange is given up goes over the wire.
const TELLS_REASONS: bool = true;

fn with_server<H: Future<Output: Outcome> + 'static, T>(
    handler: impl Fn(Request, Reply) -> H + 'static,
    test: impl AsyncFnOnce(Client, String, Handle) -> T,
) -> T {
    tcp::with_server(b"h2", handler, test)
}
