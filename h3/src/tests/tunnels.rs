//! Tunnels: CONNECT (RFC 9114 section 4.4) and extended CONNECT (RFC 9220), whose directions end one by one.

use super::datagrams::TUNNEL;
use super::script::*;
use crate::{Body, Config, Connection, Event, SendError, Violation};
use base::Bytes;
use http::exchange;
use http::{RequestHead, ResponseHead, Status};

fn config() -> Config {
    Config { extended_connect: true, ..Config::default() }
}

fn answer(script: &mut Script, status: u16) {
    let Script { connection, transport, .. } = script;
    let head = ResponseHead::new(Status::new(status).unwrap());
    connection.send_response(transport, id(0), &head, false).unwrap();
}

/// A server that has ended its direction reads on, and is asked for nothing.
#[test]
fn a_server_may_end_first() {
    for head in [&TUNNEL[..], &[(":method", "CONNECT"), (":authority", "a.example:22")]] {
        let mut script = Script::started(Connection::server(config()));
        script.feed(0, &[headers(head), frame(0, b"one")].concat());
        answer(&mut script, 200);
        script.connection.finish(&mut script.transport, id(0)).unwrap();
        script.transport.commands.clear();
        assert_eq!(script.read_all(0), (b"one".to_vec(), Body::Blocked));
        script.feed(0, &frame(0, b"two"));
        assert_eq!(script.read_all(0), (b"two".to_vec(), Body::Blocked));
        script.end(0);
        script.expect(&[]);
        assert!(script.connection.streams.is_empty() && script.connection.shared.in_hand == 0);
    }
}

/// A client that has ended its direction is still sent to.
#[test]
fn a_client_may_end_first() {
    let mut script = Script::started(Connection::server(config()));
    script.feed_and_end(0, &headers(&TUNNEL));
    answer(&mut script, 200);
    script.transport.commands.clear();
    let Script { connection, transport, .. } = &mut script;
    connection.send_body(transport, id(0), &mut Bytes::from_static(b"late")).unwrap();
    connection.finish(transport, id(0)).unwrap();
    script.expect(&[Write(0, frame(0, b"late")), Finish(0)]);
    assert!(script.connection.streams.is_empty());
}

/// What is refused is a response like any other: the rest of the request is not wanted.
#[test]
fn a_tunnel_that_is_refused_is_none() {
    let mut script = Script::started(Connection::server(config()));
    script.feed(0, &[headers(&TUNNEL), frame(0, b"one")].concat());
    answer(&mut script, 403);
    script.transport.commands.clear();
    script.connection.finish(&mut script.transport, id(0)).unwrap();
    script.expect(&[Finish(0), StopSending(0, 0x100)]);
}

/// RFC 9114 section 4.4-6.
#[test]
fn only_content_goes_through() {
    let mut script = Script::started(Connection::server(config()));
    script.feed(0, &headers(&TUNNEL));
    answer(&mut script, 200);
    script.feed(0, &headers(&[("a", "b")]));
    script.expect_close(Violation::FrameInTunnel);
}

/// RFC 9114 section 9-4: what the server takes is known with its settings, and until then nobody can say.
#[test]
fn a_client_waits_for_the_settings() {
    let head = RequestHead::extended_connect("websocket", "https://a.example/").unwrap();
    for (settings, expected) in [(&[0, 4, 2, 8, 1][..], Ok(id(0))), (&[0, 4, 0], Err(SendError::NoExtendedConnect))] {
        let mut script = Script::new(Connection::client(Config::default()));
        script.connection.on_connected(&mut script.transport);
        let ask = |script: &mut Script| script.connection.send_request(&mut script.transport, &head, false);
        assert_eq!(ask(&mut script), Err(SendError::Blocked));
        script.feed(3, settings);
        assert_eq!(script.events().last(), Some(&Event::RequestsAvailable));
        assert_eq!(ask(&mut script), expected);
        assert!(script.events().iter().all(|event| !matches!(event, Event::Exchange(_, exchange::Event::Failed(_)))));
    }
}
