//! A client and a server that talk to each other, in pieces of any size.

use super::script::*;
use crate::{Body, Config, Connection, Event, Limits};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use base::Bytes;
use http::exchange;
use http::{Fields, Method, RequestHead, ResponseHead, Status};

/// Carries what one end wrote to the other, `size` bytes at a time; with `is_late`, what it inserts into the other's dynamic table
/// only after all that needs it.
fn carry(from: &mut Script, to: &mut Script, size: usize, is_late: bool) -> bool {
    from.connection.acknowledge(&mut from.transport);
    let mut commands = core::mem::take(&mut from.transport.commands);
    let is_any = !commands.is_empty();
    if is_late {
        commands.sort_by_key(|command| matches!(command, Write(6 | 7, _)));
    }
    for command in commands {
        match command {
            Open(_) | Discard(_) => {}
            Write(stream, bytes) => bytes.chunks(size).for_each(|piece| to.feed(stream, piece)),
            Finish(stream) => {
                to.end(stream);
                from.connection.on_stream_delivered(id(stream));
            }
            Reset(stream, reason) => to.reset(stream, reason),
            StopSending(stream, reason) => to.stop(stream, reason),
            Close(reason) => to.connection.on_closed(code(reason)),
        }
    }
    is_any
}

/// Answers every request with its own body, and with the number of bytes as a trailer.
#[derive(Default)]
struct Echo {
    bodies: BTreeMap<u64, Vec<u8>>,
}

impl Echo {
    fn run(&mut self, script: &mut Script) {
        while let Some(event) = script.connection.poll_event() {
            match event {
                Event::Exchange(id, exchange::Event::Request(_)) => {
                    self.bodies.insert(id.value(), Vec::new());
                }
                Event::Exchange(id, exchange::Event::Body) => {
                    let piece = script.read_all(id.value()).0;
                    self.bodies.entry(id.value()).or_default().extend(piece);
                }
                Event::Exchange(id, exchange::Event::Finished) => {
                    let body = self.bodies.remove(&id.value()).unwrap();
                    let mut trailers = Fields::new();
                    trailers.push("x-bytes", alloc::format!("{}", body.len())).unwrap();
                    let head = ResponseHead::new(Status::OK);
                    let Script { connection, transport, .. } = script;
                    connection.send_response(transport, id, &head, false).unwrap();
                    connection.send_body(transport, id, &mut Bytes::from(body)).unwrap();
                    connection.send_trailers(transport, id, &trailers).unwrap();
                }
                Event::Settings(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn many_exchanges_at_once_in_pieces_of_any_size() {
    for size in [1, 2, 3, 7, 100, 100_000] {
        many_exchanges(size, &Config::default(), false);
    }
}

#[test]
fn many_exchanges_with_dynamic_tables() {
    for (blocked, is_late) in [(0, false), (100, false), (3, true), (100, true)] {
        let limits = Limits { qpack_table_capacity: 4096, qpack_blocked_streams: blocked, ..Limits::default() };
        let config = Config { limits, qpack_encoder_capacity: 4096, ..Config::default() };
        for size in [1, 7, 100_000] {
            let ends = many_exchanges(size, &config, is_late);
            assert!(ends[0].connection.shared.encoder.progress().0 > 0, "requests are alike");
            assert_eq!(ends[0].connection.shared.encoder.progress().1, 0, "every request was acknowledged");
            assert!(ends.iter().all(|end| end.connection.shared.decoder.held() == 0));
        }
    }
}

fn many_exchanges(size: usize, config: &Config, is_late: bool) -> [Script; 2] {
    let mut client = Script::new(Connection::client(config.clone()));
    let mut server = Script::new(Connection::server(config.clone()));
    client.connection.on_connected(&mut client.transport);
    server.connection.on_connected(&mut server.transport);
    carry(&mut client, &mut server, size, false);
    carry(&mut server, &mut client, size, false);
    let mut echo = Echo::default();
    for index in 0..20u8 {
        let head = RequestHead::new(Method::Post, "https://a.example/echo?x=1").unwrap();
        let stream = client.connection.send_request(&mut client.transport, &head, false).unwrap();
        let mut body = Bytes::from(alloc::vec![index; usize::from(index) * 100]);
        client.connection.send_body(&mut client.transport, stream, &mut body).unwrap();
        client.connection.finish(&mut client.transport, stream).unwrap();
    }
    loop {
        let up = carry(&mut client, &mut server, size, is_late);
        echo.run(&mut server);
        if !carry(&mut server, &mut client, size, is_late) && !up {
            break;
        }
    }
    let (mut finished, mut delivered) = (0, 0);
    let mut trailers = Vec::new();
    while let Some(event) = client.connection.poll_event() {
        match event {
            Event::Exchange(id, exchange::Event::Body) => {
                let index = (id.value() / 4) as u8;
                let (body, rest) = client.read_all(id.value());
                assert_eq!((body, rest), (alloc::vec![index; usize::from(index) * 100], Body::End));
            }
            Event::Exchange(_, exchange::Event::Trailers(fields)) => {
                trailers.push(fields.first_text("x-bytes").unwrap().len());
            }
            Event::Exchange(_, exchange::Event::Finished) => finished += 1,
            Event::Exchange(_, exchange::Event::Delivered) => delivered += 1,
            Event::Settings(_) | Event::Exchange(_, exchange::Event::Response(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((finished, delivered, trailers.len()), (20, 20, 20));
    assert!(client.connection.streams.is_empty() && server.connection.streams.is_empty());
    [client, server]
}
