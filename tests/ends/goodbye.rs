//! Connections that neither side needs are closed by whichever learns it first (RFC 9114 sections 5.2 and 5.3).

use crate::plain::Plain;
use crate::support::quick_once;
use base::{Bytes, StreamId};
use h3::{EndpointEvent, Event, error_code};
use http::exchange;
use http::{RequestHead, ResponseHead, Status};
use posthaste::{Client, Error, Identity, Reply, Request, Roots, Server};
use quic::{CloseReason, ConnectionHandle};
use std::time::{Duration, Instant};

fn is_closed_without_error(event: &EndpointEvent) -> bool {
    matches!(event, EndpointEvent::Closed(_, CloseReason::PeerApplication { code, .. }) if *code == error_code::H3_NO_ERROR)
}

fn goaways(event: &EndpointEvent) -> Option<u64> {
    match event {
        EndpointEvent::Http(_, Event::GoAway { id }) => Some(*id),
        _ => None,
    }
}

fn finished(event: &EndpointEvent) -> bool {
    matches!(event, EndpointEvent::Http(_, Event::Exchange(_, exchange::Event::Finished)))
}

/// A request that a server was told of.
fn request(event: &EndpointEvent) -> Option<(ConnectionHandle, StreamId)> {
    match event {
        EndpointEvent::Http(connection, Event::Exchange(id, exchange::Event::Request(_))) => Some((*connection, *id)),
        _ => None,
    }
}

/// What the `h3` crate does, and programs built on it: GOAWAY, then wait for the server to close.
/// RFC 9114 section 5.2-8.
#[test]
fn a_client_that_says_goaway_and_waits_is_closed_at_once_when_it_is_served() -> Result<(), Error> {
    let attempt = || {
        posthaste::run(|handle| async move {
            let server = Server::builder(Identity::development(&[])?)
                .listen("127.0.0.1:0".parse().unwrap())
                .start(&handle, |_: Request, reply: Reply| reply.send(204, ""))?;
            let client = Plain::client(&handle);
            let connection = client.connected(server.addresses()[0]).await;
            let get = RequestHead::get(&format!("https://{}/", server.addresses()[0])).unwrap();
            client.with(connection, |http, transport| {
                http.send_request(transport, &get, true).unwrap();
                http.shutdown(transport);
            });
            client.until("the response", finished).await;
            let answered = Instant::now();
            client.until("the close", is_closed_without_error).await;
            let took = answered.elapsed();
            assert_eq!(client.told(goaways), [(1 << 62) - 4, 4], "a notice, then what is not processed");
            Ok(took)
        })?
    };
    quick_once(Duration::from_secs(1), attempt)
}

/// The end of a response has come with its last part, whatever becomes of the connection before the application asks for it.
#[test]
fn a_response_that_is_complete_stays_so_when_its_connection_ends() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let server = Plain::server(&handle);
        let client = Client::builder(Roots::dangerous_accept_any()).build(&handle);
        let sent = handle.spawn(client.get(&format!("https://{}/", server.address())).send());
        server.until("the request", |event| request(event).is_some()).await;
        let (connection, id) = server.told(request)[0];
        server.with(connection, |http, transport| {
            http.send_response(transport, id, &ResponseHead::new(Status::OK), false).unwrap();
            http.send_body(transport, id, &mut Bytes::from_static(b"all of it")).unwrap();
            http.finish(transport, id).unwrap();
        });
        let mut response = sent.await.expect("not aborted")?;
        assert_eq!(response.body().chunk().await?.as_deref(), Some(&b"all of it"[..]));
        server.close(connection, 0x100);
        while client.open_connections() > 0 {
            handle.sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(response.body().chunk().await?, None);
        Ok(())
    })?
}

/// RFC 9114 section 5.2-4: a client leaves a server that goes away as soon as it has its last response, and opens another connection
/// for what it asks next.
#[test]
fn a_server_that_says_goaway_is_left_with_the_last_response() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let server = Plain::server(&handle);
        let client = Client::builder(Roots::dangerous_accept_any()).build(&handle);
        let url = format!("https://{}/", server.address());
        let sent = handle.spawn(client.get(&url).send());
        server.until("the request", |event| request(event).is_some()).await;
        let (connection, id) = server.told(request)[0];
        server.with(connection, |http, transport| http.shutdown(transport));
        while client.open_connections() > 0 {
            handle.sleep(Duration::from_millis(1)).await;
        }
        assert!(
            server.told(|event| is_closed_without_error(event).then_some(())).is_empty(),
            "not before the response"
        );
        server.with(connection, |http, transport| {
            http.send_response(transport, id, &ResponseHead::new(Status::OK), true).unwrap();
        });
        assert_eq!(sent.await.expect("not aborted")?.body().read_to_end(10).await?, b"");
        server.until("the close", is_closed_without_error).await;
        let again = handle.spawn(client.get(&url).send());
        server.until("the next request", |event| request(event).is_some_and(|(of, _)| of != connection)).await;
        again.abort();
        Ok(())
    })?
}
