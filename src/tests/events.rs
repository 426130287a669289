//! Server-sent events over each version of HTTP, over real sockets.

use super::websocket::{over, over_each};
use crate::{Client, Error, EventStream, HttpVersion, Reply, Request, ServerSentEvent};
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

fn https(url: &str) -> String {
    url.replace("wss://", "https://")
}

/// Reads until `count` bytes have come.
async fn read(body: &mut crate::Body, count: usize) -> String {
    let mut text = Vec::new();
    while text.len() < count {
        text.extend_from_slice(&body.chunk().await.unwrap().expect("the stream goes on"));
    }
    String::from_utf8(text).unwrap()
}

#[test]
fn events_come_one_by_one_and_go_on_after_the_last_that_came() {
    let handler = |request: Request, reply: Reply| async move {
        let last: u32 = EventStream::last_event_id(&request).and_then(|id| id.parse().ok()).unwrap_or(0);
        let mut events = EventStream::start(&request, reply).await?;
        for number in last + 1..=3 {
            let event = ServerSentEvent::new(format!("line {number}\nand more")).id(number.to_string());
            events.send(&event).await?;
        }
        events.comment("that is all").await?;
        events.finish()
    };
    over_each(handler, async |client, url, _| {
        let mut response = client.get(&https(&url)).field("last-event-id", "1").send().await.unwrap();
        assert_eq!(response.fields().first_text("content-type"), Some("text/event-stream"));
        assert_eq!(response.fields().first_text("cache-control"), Some("no-store"));
        let text = response.body().read_to_end(1000).await.unwrap();
        let expected =
            "id: 2\ndata: line 2\ndata: and more\n\nid: 3\ndata: line 3\ndata: and more\n\n: that is all\n\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
        for request in [client.post(&https(&url)), client.request(crate::Method::Head, &https(&url))] {
            let response = request.send().await.unwrap();
            assert_eq!((response.status().code(), response.fields().first_text("allow")), (405, Some("GET")));
        }
    });
}

/// While nothing is to be told, comments are; and what was waited for is not lost.
#[test]
fn a_silent_stream_has_a_heartbeat() {
    let has_heard = Rc::new(Cell::new(false));
    let gate = has_heard.clone();
    let handler = move |request: Request, reply: Reply| {
        let gate = gate.clone();
        async move {
            let handle = request.executor().unwrap();
            let mut events = EventStream::start(&request, reply).await?.heartbeat(Duration::from_millis(10));
            let value = events.wait(async {
                while !gate.get() {
                    handle.sleep(Duration::from_millis(1)).await;
                }
                "told"
            });
            let event = ServerSentEvent::new(value.await?);
            events.send(&event).await?;
            events.finish()
        }
    };
    over_each(handler, async |client, url, _| {
        has_heard.set(false);
        let mut response = client.get(&https(&url)).send().await.unwrap();
        let mut text = read(response.body(), 9).await;
        has_heard.set(true);
        text += &String::from_utf8(response.body().read_to_end(100_000).await.unwrap()).unwrap();
        let (beats, event) = text.split_at(text.find("data").unwrap());
        assert!(beats.len() >= 9 && beats.replace(":\n\n", "").is_empty(), "{text:?}");
        assert_eq!(event, "data: told\n\n");
    });
}

/// A handler whose client goes is stopped, also where it only waits.
#[test]
fn a_client_that_goes_ends_the_stream() {
    let running = Rc::new(());
    let held = running.clone();
    let handler = move |request: Request, reply: Reply| {
        let held = held.clone();
        async move {
            let mut events = EventStream::start(&request, reply).await?;
            events.send(&ServerSentEvent::new("hello")).await?;
            events.wait(pending::<()>()).await?;
            drop(held);
            Ok::<(), Error>(())
        }
    };
    over_each(handler, async |client, url, handle| {
        let before = Rc::strong_count(&running);
        let mut response = client.get(&https(&url)).send().await.unwrap();
        assert_eq!(read(response.body(), 13).await, "data: hello\n\n");
        assert!(Rc::strong_count(&running) > before);
        drop(response);
        while Rc::strong_count(&running) > before {
            handle.sleep(Duration::from_millis(1)).await;
        }
    });
}

/// A client that reads nothing: what is made for it is what buffers hold, and then it is given up.
#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let (made, end) = (Rc::new(Cell::new(0_usize)), Rc::new(RefCell::new(None)));
    let (count, result) = (made.clone(), end.clone());
    let handler = move |request: Request, reply: Reply| {
        let (count, result) = (count.clone(), result.clone());
        async move {
            let mut events = EventStream::start(&request, reply).await?.patience(Duration::from_millis(200));
            let event = ServerSentEvent::new("x".repeat(10_000));
            let error = loop {
                if let Err(error) = events.send(&event).await {
                    break error;
                }
                count.set(count.get() + 1);
            };
            *result.borrow_mut() = Some(error);
            Ok::<(), Error>(())
        }
    };
    for version in [HttpVersion::Http1, HttpVersion::Http2, HttpVersion::Http3] {
        made.set(0);
        over(version, handler.clone(), &async |client: Client, url: String, handle: crate::Handle| {
            let response = client.get(&https(&url)).send().await.unwrap();
            while end.borrow().is_none() {
                handle.sleep(Duration::from_millis(5)).await;
            }
            let error = end.take().unwrap();
            assert!(matches!(error, Error::TooSlow { is_reader: true, .. }), "{error}");
            assert!(made.get() < 1_500, "{} events were made for nobody", made.get());
            drop(response);
        });
    }
}
