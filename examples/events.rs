//! Server-sent events: a counter that a browser shows, and that goes on where it was when the browser comes back.
//!
//! `cargo run --example events`; it prints a command to try, or open the address in a browser.

mod common;

use posthaste::{Error, EventStream, Handle, Identity, Reply, Request, Server, ServerSentEvent};
use std::time::Duration;

const PAGE: &str =
    "<!doctype html><p id=n>…</p><script>new EventSource('/events').onmessage = e => n.textContent = e.data</script>";

pub(crate) fn main() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let clock = handle.clone();
        let server = Server::builder(Identity::development(&[])?)
            .listen(common::address())
            .on_listening(common::greet("/events"))
            .tcp()
            .start(&handle, move |request, reply| count(clock.clone(), request, reply))?;
        std::future::pending::<()>().await;
        drop(server);
        Ok(())
    })?
}

pub(crate) async fn count(clock: Handle, request: Request, reply: Reply) -> Result<(), Error> {
    if request.path() != "/events" {
        return reply.send((200, "text/html; charset=utf-8"), PAGE).await;
    }
    let last: u64 = EventStream::last_event_id(&request).and_then(|id| id.parse().ok()).unwrap_or(0);
    let mut events = EventStream::start(&request, reply).await?;
    for number in last + 1.. {
        events.send(&ServerSentEvent::new(number.to_string()).id(number.to_string())).await?;
        events.wait(clock.sleep(Duration::from_secs(1))).await?;
    }
    events.finish()
}
