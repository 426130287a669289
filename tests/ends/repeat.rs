//! What a client does about requests whose connection is lost, and about responses that are not whole.

use crate::plain::Plain;
use base::{Bytes, StreamId};
use h3::{EndpointEvent, Event, Transport};
use http::exchange;
use http::{Method, RequestHead, ResponseHead, Status};
use posthaste::{Client, Error, Handle, Roots};
use quic::ConnectionHandle;

fn request(event: &EndpointEvent) -> Option<(ConnectionHandle, StreamId, RequestHead)> {
    match event {
        EndpointEvent::Http(connection, Event::Exchange(id, exchange::Event::Request(head))) => {
            Some((*connection, *id, RequestHead::clone(head)))
        }
        _ => None,
    }
}

/// A server that was asked once and answered, on a connection that stays.
async fn asked_once(handle: &Handle) -> (Plain, Client, String) {
    let server = Plain::server(handle);
    let client = Client::builder(Roots::dangerous_accept_any()).build(handle);
    let url = format!("https://{}/", server.address());
    let first = handle.spawn(client.get(&url).send());
    answer(&server, 1, Status::OK).await;
    first.await.expect("not aborted").unwrap();
    (server, client, url)
}

/// Waits for so many requests in all, and answers the last.
async fn answer(server: &Plain, count: usize, status: Status) {
    let (connection, id) = nth(server, count).await;
    let head = ResponseHead::new(status);
    server.with(connection, |http, transport| http.send_response(transport, id, &head, true)).unwrap().unwrap();
}

async fn nth(server: &Plain, count: usize) -> (ConnectionHandle, StreamId) {
    server.until_so("the request", || server.told(request).len() >= count).await;
    let (connection, id, _) = server.told(request)[count - 1].clone();
    (connection, id)
}

/// RFC 9114 section 5.4-1, RFC 9110 section 9.2.2: a server may have done what a request asked for before its connection was lost.
/// Only what may be done twice is sent again.
#[test]
fn a_post_is_never_repeated_after_a_lost_connection_and_a_get_is() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        for (method, body, is_repeated) in [
            (Method::Get, "", true),
            (Method::Put, "whole", true),
            (Method::Delete, "", true),
            (Method::Post, "", false),
            (Method::Post, "whole", false),
            (Method::Patch, "part", false),
        ] {
            let (server, client, url) = asked_once(&handle).await;
            let sent = handle.spawn(client.request(method.clone(), &url).body(body).send());
            let (connection, _) = nth(&server, 2).await;
            server.close(connection, 0x100);
            if is_repeated {
                answer(&server, 3, Status::OK).await;
                assert_eq!(sent.await.expect("not aborted")?.status(), Status::OK, "{method}");
            } else {
                let error = sent.await.expect("not aborted").unwrap_err();
                assert!(error.is_connection_lost(), "{method}: {error}");
                // Another request goes out on a new connection: nothing is held back that would have come before it.
                let next = handle.spawn(client.get(&url).send());
                answer(&server, 3, Status::OK).await;
                next.await.expect("not aborted")?;
            }
            let methods: Vec<Method> = server.told(request).into_iter().map(|(.., head)| head.method).collect();
            let third = if is_repeated { method.clone() } else { Method::Get };
            assert_eq!(methods, [Method::Get, method, third]);
        }
        Ok(())
    })?
}

/// A request that the server did nothing with is sent again, whatever it asks for (RFC 9114 section 4.1.1-6).
#[test]
fn a_post_that_was_rejected_is_sent_again_with_all_its_body() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let (server, client, url) = asked_once(&handle).await;
        let sent = handle.spawn(client.post(&url).body("whole").send());
        let (connection, id) = nth(&server, 2).await;
        server.with(connection, |http, transport| http.reset(transport, id, exchange::Reason::Rejected)).unwrap();
        answer(&server, 3, Status::OK).await;
        assert_eq!(sent.await.expect("not aborted")?.status(), Status::OK);
        assert_eq!(server.told(request).last().map(|(.., head)| head.method.clone()), Some(Method::Post));
        Ok(())
    })?
}

/// What a server says of a body, what comes of it, and how it ends.
enum End {
    Finish,
    Reset,
    Close(u32),
}

/// A body of which a part is missing is never taken for the whole, however it ends, and whether or not its length was told.
#[test]
fn a_body_that_is_cut_short_is_an_error_however_it_ends() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        for (length, end) in [
            (Some("10"), End::Finish),
            (Some("10"), End::Reset),
            (Some("10"), End::Close(0x100)),
            (None, End::Reset),
            (None, End::Close(0x100)),
            (None, End::Close(0x102)),
        ] {
            let (server, client, url) = asked_once(&handle).await;
            let sent = handle.spawn(client.get(&url).send());
            let (connection, id) = nth(&server, 2).await;
            let mut head = ResponseHead::new(Status::OK);
            if let Some(length) = length {
                head.fields.push("content-length", length)?;
            }
            server.with(connection, |http, transport| {
                http.send_response(transport, id, &head, false).unwrap();
                http.send_body(transport, id, &mut Bytes::from_static(b"first")).unwrap();
            });
            let mut response = sent.await.expect("not aborted")?;
            assert_eq!(response.body().chunk().await?.as_deref(), Some(&b"first"[..]));
            match end {
                End::Finish => {
                    server.with(connection, |_, transport| transport.finish(id));
                }
                End::Reset => {
                    server.with(connection, |http, transport| http.reset(transport, id, exchange::Reason::Internal));
                }
                End::Close(code) => server.close(connection, code),
            }
            let rest = response.body().read_to_end(100).await;
            assert!(rest.is_err(), "{length:?} {rest:?}");
        }
        Ok(())
    })?
}
