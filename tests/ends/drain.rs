//! Servers that are told to end while somebody still needs them.

use crate::plain::{PATIENCE, Plain};
use base::StreamId;
use h3::{EndpointEvent, Event, error_code};
use http::RequestHead;
use posthaste::{Client, CutRequest, Error, Handle, Identity, Reply, Request, Roots, Server, ServerBuilder, Workers};
use quic::{CloseReason, ConnectionHandle};
use std::cell::Cell;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn builder() -> ServerBuilder {
    Server::builder(Identity::development(&[]).unwrap()).listen("127.0.0.1:0".parse().unwrap())
}

/// Answers when the whole request has come.
async fn answer_the_whole(request: Request, reply: Reply) -> Result<(), Error> {
    let body = request.into_parts().1.read_to_end(1000).await?;
    reply.send(200, body).await
}

fn client(handle: &Handle) -> Client {
    Client::builder(Roots::dangerous_accept_any()).build(handle)
}

/// A connection with a request whose end does not come.
async fn stuck(client: &Plain, server: SocketAddr) -> (ConnectionHandle, StreamId) {
    let connection = client.connected(server).await;
    let post = RequestHead::new(http::Method::Post, &format!("https://{server}/")).unwrap();
    let id = client.with(connection, |http, transport| http.send_request(transport, &post, false)).unwrap().unwrap();
    (connection, id)
}

async fn until(handle: &Handle, what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            handle.sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(handle.timeout(PATIENCE, waiting).await.is_ok(), "{what}");
}

/// Waits for the end of workers without being in the way of their clients here.
async fn join(handle: &Handle, workers: Workers) -> Result<(), Error> {
    let ended = std::thread::spawn(move || workers.join());
    until(handle, "the end of the workers", || ended.is_finished()).await;
    ended.join().unwrap()
}

fn goaway(event: &EndpointEvent) -> Option<u64> {
    match event {
        EndpointEvent::Http(_, Event::GoAway { id }) => Some(*id),
        _ => None,
    }
}

fn response(event: &EndpointEvent) -> bool {
    matches!(event, EndpointEvent::Http(_, Event::Exchange(_, http::exchange::Event::Finished)))
}

fn refusal(event: &EndpointEvent) -> bool {
    matches!(event, EndpointEvent::Closed(_, CloseReason::PeerTransport { code, .. }) if code.0 == 2)
}

fn close_of(connection: ConnectionHandle) -> impl Fn(&EndpointEvent) -> bool {
    move |event| match event {
        EndpointEvent::Closed(of, CloseReason::PeerApplication { code, .. }) => {
            *of == connection && *code == error_code::H3_NO_ERROR
        }
        _ => false,
    }
}

/// RFC 9114 section 5.2-8: first a notice, then, a round trip later, what is not processed. What is under way is answered, and
/// connections without requests are closed at once.
#[test]
fn a_drain_says_goaway_twice_and_closes_what_nobody_needs() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let server = builder().start(&handle, answer_the_whole)?;
        let address = server.addresses()[0];
        let (busy, idle) = (Plain::client(&handle), Plain::client(&handle));
        let (connection, id) = stuck(&busy, address).await;
        let unused = idle.connected(address).await;
        until(&handle, "the request", || server.requests_under_way() == 1).await;
        let end = handle.spawn(server.shutdown(PATIENCE));
        idle.until("the close", close_of(unused)).await;
        assert_eq!(idle.told(goaway), [(1 << 62) - 4, 0]);
        busy.until("the second word", |event| goaway(event) == Some(id.value() + 4)).await;
        assert_eq!(busy.told(goaway), [(1 << 62) - 4, 4]);
        busy.with(connection, |http, transport| http.finish(transport, id)).unwrap().unwrap();
        busy.until("the response", response).await;
        busy.until("the close", close_of(connection)).await;
        end.await.expect("not aborted")
    })?
}

/// RFC 9000 section 5.2.2: the client need not wait for a timeout to learn that it has to go elsewhere.
#[test]
fn r10_a_newcomer_is_refused_at_once_while_a_request_is_stuck() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let server = builder().start(&handle, answer_the_whole)?;
        let address = server.addresses()[0];
        let old = Plain::client(&handle);
        let (connection, id) = stuck(&old, address).await;
        until(&handle, "the request", || server.requests_under_way() == 1).await;
        let end = handle.spawn(server.shutdown(PATIENCE));
        old.until("the notice", |event| goaway(event).is_some()).await;
        for _ in 0..3 {
            let (newcomer, begun) = (Plain::client(&handle), Instant::now());
            newcomer.connect(address);
            newcomer.until("the refusal", refusal).await;
            assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        }
        old.with(connection, |http, transport| http.finish(transport, id)).unwrap().unwrap();
        old.until("the response", response).await;
        end.await.expect("not aborted")
    })?
}

/// The old server goes on with its client, and newcomers get to the new one.
async fn hand_over<F>(handle: &Handle, successor: impl FnOnce(SocketAddr) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let server = builder().start(handle, answer_the_whole)?;
    let address = server.addresses()[0];
    let taken = builder().listen(address).start(handle, answer_the_whole);
    assert!(matches!(taken, Err(Error::Listen { .. })), "a server that does not end keeps its port");
    let old = Plain::client(handle);
    let (connection, id) = stuck(&old, address).await;
    until(handle, "the request", || server.requests_under_way() == 1).await;
    let end = handle.spawn(server.shutdown(PATIENCE));
    old.until("the second word", |event| goaway(event) == Some(4)).await;
    successor(address).await?;
    assert!(old.told(|event| response(event).then_some(())).is_empty());
    old.with(connection, |http, transport| http.finish(transport, id)).unwrap().unwrap();
    old.until("the response", response).await;
    end.await.expect("not aborted")
}

#[test]
fn r10_a_successor_binds_and_serves_while_a_request_is_stuck() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let begin = handle.clone();
        let kept = Rc::new(Cell::new(None));
        let keep = kept.clone();
        hand_over(&handle, |address| async move {
            let next = Server::builder(Identity::development(&[])?)
                .listen(address)
                .start(&begin, |_: Request, reply: Reply| reply.send(200, "next"))?;
            for _ in 0..5 {
                let mut response = client(&begin).get(&format!("https://{address}/")).send().await?;
                assert_eq!(response.body().read_to_end(10).await?, b"next");
            }
            keep.set(Some(next));
            Ok(())
        })
        .await?;
        drop(kept);
        Ok(())
    })?
}

#[test]
fn r10_a_successor_of_several_workers_binds_and_serves_while_a_request_is_stuck() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let begin = handle.clone();
        hand_over(&handle, |address| async move {
            let next = Server::builder(Identity::development(&[])?)
                .listen(address)
                .start_workers(3, |_: Request, reply: Reply| reply.send(200, "next"))?;
            for _ in 0..12 {
                let mut response = client(&begin).get(&format!("https://{address}/")).send().await?;
                assert_eq!(response.body().read_to_end(10).await?, b"next");
            }
            next.shutdown();
            join(&begin, next).await
        })
        .await
    })?
}

/// Clients that vanished cannot confirm anything; nobody is owed anything either.
#[test]
fn clients_that_are_gone_do_not_hold_up_the_end() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let server = builder().start(&handle, answer_the_whole)?;
        let address = server.addresses()[0];
        let gone = std::thread::spawn(move || {
            posthaste::run(|handle| async move {
                let client = Plain::client(&handle);
                client.connected(address).await;
                // Its executor goes, and it does not say a word.
            })
            .unwrap();
        });
        until(&handle, "the client", || gone.is_finished()).await;
        let begun = Instant::now();
        server.shutdown(PATIENCE).await?;
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        Ok(())
    })?
}

/// How a server ends that may take no time for it, when it has answered and its client has confirmed that.
async fn end_without_requests(handle: &Handle) -> Result<(), Error> {
    let server = builder().start(handle, answer_the_whole)?;
    let client = Plain::client(handle);
    let (connection, id) = stuck(&client, server.addresses()[0]).await;
    client.with(connection, |http, transport| http.finish(transport, id)).unwrap().unwrap();
    client.until("the response", response).await;
    // It has arrived; the server knows it when that was acknowledged.
    let has_acknowledged = || server.paths().concat().iter().all(|path| path.bytes_in_flight == 0);
    until(handle, "the acknowledgment", has_acknowledged).await;
    server.shutdown(Duration::ZERO).await?;
    client.until("the close", close_of(connection)).await;
    Ok(())
}

#[test]
fn a_drain_that_may_take_no_time_cuts_off_at_once_and_counts() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        for patience in [Duration::ZERO, Duration::from_millis(50)] {
            let server = builder().name_cut_requests().start(&handle, answer_the_whole)?;
            let address = server.addresses()[0];
            let client = Plain::client(&handle);
            let (first, _) = stuck(&client, address).await;
            let (second, _) = stuck(&client, address).await;
            until(&handle, "the requests", || server.requests_under_way() == 2).await;
            let begun = Instant::now();
            let ended = server.shutdown(patience).await;
            let Err(Error::Unfinished { requests: 2, cut }) = &ended else { panic!("{ended:?}") };
            let cut: &[CutRequest] = cut;
            assert!(cut.len() == 2 && cut.iter().all(|cut| cut.status.is_none() && cut.bytes == 0), "{cut:?}");
            let said = ended.as_ref().unwrap_err().to_string();
            assert_eq!(said.matches(": not answered").count(), 2, "{said}");
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
            client.until("the close", close_of(first)).await;
            client.until("the close", close_of(second)).await;
        }
        // Where nothing is under way, nothing is cut short. On a busy machine what has arrived may count as lost for a while: again.
        let mut ended = end_without_requests(&handle).await;
        for _ in 0..10 {
            if matches!(ended, Err(Error::Unfinished { .. })) {
                ended = end_without_requests(&handle).await;
            }
        }
        ended?;
        builder().start(&handle, answer_the_whole)?.shutdown(Duration::MAX).await
    })?
}

/// Nobody set how long it may take: what takes a while is not cut off. It is said what is waited for.
#[test]
fn the_time_to_end_that_nobody_set_is_long_enough() -> Result<(), Error> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let events = told.clone();
    let count = Arc::new(AtomicUsize::new(0));
    let counts = count.clone();
    let workers = builder().on_event(move |event| events.lock().unwrap().push(event.to_string())).start_workers(
        2,
        move |request, reply| {
            counts.fetch_add(1, Ordering::SeqCst);
            answer_the_whole(request, reply)
        },
    )?;
    posthaste::run(|handle| async move {
        let client = Plain::client(&handle);
        let (connection, id) = stuck(&client, workers.addresses()[0]).await;
        until(&handle, "the request", || count.load(Ordering::SeqCst) == 1).await;
        workers.shutdown();
        client.until("the second word", |event| goaway(event) == Some(4)).await;
        handle.sleep(Duration::from_millis(300)).await;
        client.with(connection, |http, transport| http.finish(transport, id)).unwrap().unwrap();
        client.until("the response", response).await;
        join(&handle, workers).await?;
        assert_eq!(*told.lock().unwrap(), ["ending: waits for 1 connection with 1 request under way, at most 30 s"]);
        Ok(())
    })?
}

/// A request that is never answered does not keep a server that was dropped.
#[test]
fn a_server_that_is_dropped_ends_at_once_whatever_is_under_way() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let server = builder().start(&handle, answer_the_whole)?;
        let address = server.addresses()[0];
        let client = Plain::client(&handle);
        let (connection, _) = stuck(&client, address).await;
        until(&handle, "the request", || server.requests_under_way() == 1).await;
        drop(server);
        client.until("the close", close_of(connection)).await;
        until(&handle, "the port is free", || std::net::UdpSocket::bind(address).is_ok()).await;
        Ok(())
    })?
}
