//! The handler tests of the library without HTTP/3 under them: in memory, and by TCP over HTTP/1.1 and HTTP/2. What belongs to
//! exchanges does not know what carries it.
#![allow(clippy::unwrap_used)] // a test may

#[path = "../tests/library/duties.rs"]
mod duties;
mod events;
#[allow(clippy::duplicate_mod)] // the same tests for each version
#[path = "../tests/library/handlers.rs"]
mod handlers;
#[path = "tests/memory.rs"]
mod memory;
mod reverse_proxy;
mod tcp;
mod websocket;

mod over_http1;

mod over_http2;

use memory::{with_server, with_server_and_events};
use posthaste::Error;
use std::cell::RefCell;
use std::rc::Rc;

/// Whether the reason for which an exchange is given up goes over the wire.
const TELLS_REASONS: bool = true;

#[test]
fn a_handler_that_fails_is_told_whatever_carries_its_request() -> Result<(), Error> {
    let told = Rc::new(RefCell::new(Vec::new()));
    let events = told.clone();
    with_server_and_events(
        |_request, reply| async move {
            drop(reply);
            Err::<(), _>("no")
        },
        move |event| events.borrow_mut().push(event.to_string()),
        async |client, base, _| {
            assert_eq!(client.get(&format!("{base}/x")).send().await?.status().code(), 500);
            Ok::<(), Error>(())
        },
    )?;
    assert_eq!(*told.borrow(), ["GET /x of 127.0.0.1:4433 failed: no"]);
    Ok(())
}
