//! Connections that end because of what a client sends after its request was answered.

use crate::plain::Plain;
use adversary::http::{GET, POST, frame, headers};
use base::{Bytes, Direction, StreamId};
use h3::{EndpointEvent, Transport, error_code};
use posthaste::{Error, Identity, Reply, Request, Server};
use quic::CloseReason;

fn is_closed_for_an_unexpected_frame(event: &EndpointEvent) -> bool {
    matches!(event, EndpointEvent::Closed(_, CloseReason::PeerApplication { code, .. }) if *code == error_code::H3_FRAME_UNEXPECTED)
}

/// SETTINGS on a request stream: with content that the handler never reads, and after the answer to a request without any.
/// RFC 9114 section 7.2.4-4.
#[test]
fn a_breach_on_the_stream_of_an_answered_request_ends_the_connection() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let server = Server::builder(Identity::development(&[])?)
            .listen("127.0.0.1:0".parse().unwrap())
            .start(&handle, |_: Request, reply: Reply| reply.send(204, ""))?;
        let breach = [frame(0, b"abc"), frame(4, b"")].concat();
        for is_after in [false, true] {
            let client = Plain::client(&handle);
            let connection = client.connected(server.addresses()[0]).await;
            let say = |id: Option<StreamId>, bytes: &[u8]| {
                let said = client.with(connection, |_, transport| {
                    let id = id.or_else(|| transport.open(Direction::Bidirectional)).unwrap();
                    transport.write(id, &mut Bytes::copy_from_slice(bytes)).unwrap();
                    id
                });
                said.unwrap()
            };
            if is_after {
                let id = say(None, &headers(GET));
                let is_answered =
                    || !matches!(client.with(connection, |_, stream| stream.read(id, 1000)), Some(h3::Read::Blocked));
                client.until_so("the answer", is_answered).await;
                say(Some(id), &breach);
            } else {
                say(None, &[headers(POST), breach.clone()].concat());
            }
            client.until("the close", is_closed_for_an_unexpected_frame).await;
        }
        Ok(())
    })?
}
