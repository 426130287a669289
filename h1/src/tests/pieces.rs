//! A client and a server against each other over a carrier that cuts bytes in pieces of every size; and scripts of which
//! every prefix, and every change of one byte, is fed.

use super::{NOW, PLAIN, UPGRADES, client, events, feed, sent, server};
use crate::{Connection, Event};
use alloc::vec::Vec;
use base::{Bytes, Demand, Outgoing, StreamMachine};
use http::exchange::{self, Body};
use http::{Fields, Method, RequestHead, ResponseHead, Scheme, Status};

const REQUESTS: &[u8] = b"POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello\r\nPUT /b HTTP/1.1\r\nhost: a.example\r\nTransfer-Encoding: chunked\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n3;x=\"y\"\r\nabc\r\nA\r\n0123456789\r\n0\r\nsum: 1\r\n\r\nGET http://b/ HTTP/1.0\r\nhost: c\r\nconnection: keep-alive\r\n\r\nGET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nraw bytes";
const RESPONSES: &[u8] = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n y\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nsum: 1\r\n\r\n";

/// An application that answers each request with what it read, and what it has seen.
fn serve(server: &mut Connection, seen: &mut Vec<Event>, bytes: &[u8], size: usize) -> Vec<u8> {
    let (mut out, mut content) = (Vec::new(), Vec::new());
    let mut offered = Vec::new();
    let mut pieces = bytes.chunks(size);
    loop {
        let left = feed(server, &offered, usize::MAX);
        let is_stuck = left.len() == offered.len();
        offered = left;
        while let Some(event) = server.poll_event() {
            if let Event::Exchange(id, event) = &event {
                step(server, *id, event, &mut content);
            }
            seen.push(event);
        }
        out.extend_from_slice(sent(server).0.as_bytes());
        if is_stuck {
            let Some(piece) = pieces.next() else { return out };
            offered.extend_from_slice(piece);
        }
    }
}

fn step(server: &mut Connection, id: crate::ExchangeId, event: &exchange::Event, content: &mut Vec<u8>) {
    let head = ResponseHead::new(Status::OK);
    match event {
        exchange::Event::Request(head_of) if head_of.method == Method::Connect => {
            server.send_response(NOW, id, &head, &mut Bytes::new(), false).unwrap().unwrap();
        }
        exchange::Event::Body => {
            while let Body::Data(bytes) = server.read_body(NOW, id, 4) {
                content.extend_from_slice(&bytes);
            }
        }
        exchange::Event::Finished => {
            let mut data = Bytes::from(core::mem::take(content));
            server.send_response(NOW, id, &head, &mut data, true).unwrap().unwrap();
        }
        _ => {}
    }
}

/// Events whose number does not depend on how the bytes came.
fn steady(seen: Vec<Event>) -> Vec<Event> {
    let is_steady = |event: &Event| !matches!(event, Event::Exchange(_, exchange::Event::Body));
    seen.into_iter().filter(is_steady).collect()
}

#[test]
fn byte_by_byte_is_the_same_as_whole() {
    let run = |size| {
        let (mut server, mut seen) = (Connection::server(UPGRADES, Scheme::Https, NOW), Vec::new());
        let out = serve(&mut server, &mut seen, REQUESTS, size);
        (out, steady(seen))
    };
    let (whole, seen) = run(REQUESTS.len());
    let text = core::str::from_utf8(&whole).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3, "{text}");
    assert_eq!(text.matches("HTTP/1.1 101 ").count(), 1, "{text}");
    assert_eq!(seen.len(), 8, "{seen:?}");
    for size in 1..REQUESTS.len() {
        assert_eq!(run(size), (whole.clone(), seen.clone()), "{size}");
    }
}

#[test]
fn no_prefix_and_no_change_of_a_byte_does_harm() {
    for end in 0..REQUESTS.len() {
        let (mut server, mut seen) = (Connection::server(UPGRADES, Scheme::Https, NOW), Vec::new());
        serve(&mut server, &mut seen, &REQUESTS[..end], 50);
        server.on_end(NOW, b"");
        finish(&mut server);
    }
    for place in 0..REQUESTS.len() {
        for value in
            [0, b'\r', b'\n', b' ', b':', b'0', b'9', b'a', 0x7f, 0xff, REQUESTS[place] ^ 1, REQUESTS[place] ^ 0x20]
        {
            let mut bytes = REQUESTS.to_vec();
            bytes[place] = value;
            let (mut server, mut seen) = (Connection::server(PLAIN, Scheme::Https, NOW), Vec::new());
            serve(&mut server, &mut seen, &bytes, 50);
            server.on_end(NOW, b"");
            finish(&mut server);
        }
    }
    for place in 0..RESPONSES.len() {
        for value in [0, b'\r', b'\n', b' ', b':', b'0', b'9', 0xff, RESPONSES[place] ^ 1, RESPONSES[place] ^ 0x20] {
            let mut bytes = RESPONSES.to_vec();
            bytes[place] = value;
            let mut client = client();
            let id =
                client.send_request(NOW, &RequestHead::get("https://a/").unwrap(), &mut Bytes::new(), true).unwrap();
            feed(&mut client, &bytes, 7);
            while let Body::Data(_) = client.read_body(NOW, id, 100) {}
            feed(&mut client, &bytes[..place], 7);
            client.on_end(NOW, b"");
            finish(&mut client);
        }
    }
}

/// Whatever happened, the connection comes to its end once the application has given up and time has passed.
fn finish(machine: &mut Connection) {
    if machine.current().is_some() {
        machine.close(NOW);
    }
    events(machine);
    sent(machine);
    while let Some(deadline) = machine.deadline() {
        machine.on_timeout(deadline);
    }
    let over = machine.demand() == Demand::Reset || machine.transmit(NOW, &mut [0; 9]) == Outgoing::Nothing;
    assert!(over, "{machine:?}");
}

/// Moves what the one sends to the other, and says whether anything moved.
fn carry(from: &mut Connection, to: &mut Connection, pending: &mut Vec<u8>, room: usize) -> bool {
    let mut buffer = alloc::vec![0; room];
    let written = match from.transmit(NOW, &mut buffer) {
        Outgoing::Bytes(count) => count,
        Outgoing::Nothing | Outgoing::End => 0,
    };
    pending.extend_from_slice(&buffer[..written]);
    let before = pending.len();
    *pending = feed(to, pending, usize::MAX);
    written > 0 || pending.len() < before
}

#[test]
fn large_messages_both_ways_through_pieces_and_bounds() {
    for (room, length) in [(1, 3000usize), (7, 10_000), (400, 100_000), (20_000, 1_000_000)] {
        for is_sized in [false, true] {
            let (mut client, mut server) = (client(), server());
            let body: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
            let mut head = RequestHead::new(Method::Post, "https://a/").unwrap();
            if is_sized {
                head.fields.push_integer("content-length", length as u64).unwrap();
            }
            let mut upload = Bytes::from(body.clone());
            let id = client.send_request(NOW, &head, &mut upload, false).unwrap();
            let (received, echoed) = run(&mut client, &mut server, id, upload, room);
            assert!(received == body && echoed == body, "{room} {length} {is_sized}");
            assert!(client.is_idle() && server.is_idle());
        }
    }
}

/// The server sends back what it gets, as it gets it, and both send trailers. What the server got, and the client.
fn run(
    client: &mut Connection,
    server: &mut Connection,
    id: crate::ExchangeId,
    mut upload: Bytes,
    room: usize,
) -> (Vec<u8>, Vec<u8>) {
    let (mut received, mut echoed) = (Vec::new(), Vec::new());
    let (mut up, mut down, mut echo) = (Vec::new(), Vec::new(), Bytes::new());
    let mut trailers = Fields::new();
    trailers.push("sum", "1").unwrap();
    let (mut answered, mut has_all) = (false, false);
    loop {
        let mut moved = carry(client, server, &mut up, room) | carry(server, client, &mut down, room);
        if client.current().is_some() && !upload.is_empty() {
            client.send_body(NOW, id, &mut upload).unwrap();
            if upload.is_empty() {
                client.send_trailers(NOW, id, &trailers).unwrap();
                moved = true;
            }
        }
        for event in events(server) {
            if let Event::Exchange(id, exchange::Event::Request(_)) = event {
                server
                    .send_response(NOW, id, &ResponseHead::new(Status::OK), &mut Bytes::new(), false)
                    .unwrap()
                    .unwrap();
                answered = true;
            }
            has_all |= matches!(event, Event::Exchange(_, exchange::Event::Finished));
        }
        if let Some(id) = server.current().filter(|_| answered) {
            if echo.is_empty()
                && let Body::Data(bytes) = server.read_body(NOW, id, 1000)
            {
                received.extend_from_slice(&bytes);
                echo = bytes;
                moved = true;
            }
            let before = echo.len();
            server.send_body(NOW, id, &mut echo).unwrap();
            moved |= echo.len() < before;
            if has_all && echo.is_empty() {
                server.send_trailers(NOW, id, &trailers).unwrap();
                moved = true;
            }
        }
        while let Body::Data(bytes) = client.read_body(NOW, id, 1000) {
            echoed.extend_from_slice(&bytes);
            moved = true;
        }
        events(client);
        if !moved {
            return (received, echoed);
        }
    }
}
