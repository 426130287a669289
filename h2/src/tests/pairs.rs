//! A client and a server of ours against each other, over a carrier of any room, with windows that are small.

use super::{CONFIG, NOW, transmit};
use crate::{Config, Connection, Event, Limits, StreamNumber};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use base::{Bytes, Outgoing, Random, StreamMachine};
use http::exchange::{self, Body, SendError};
use http::{Fields, Method, RequestHead, ResponseHead, Status};
use sim::SeededRandom;

/// Bytes on their way, and how many of them have come.
#[derive(Default)]
struct Pipe {
    bytes: Vec<u8>,
    arrived: usize,
}

/// Moves what the one sends to the other, `piece` bytes at a time. True if anything moved.
fn carry(from: &mut Connection, to: &mut Connection, pipe: &mut Pipe, piece: usize) -> bool {
    let mut buffer = alloc::vec![0; base::STREAM_UNIT];
    let written = match transmit(from, &mut buffer) {
        Outgoing::Bytes(count) => count,
        Outgoing::Nothing | Outgoing::End => 0,
    };
    pipe.bytes.extend_from_slice(&buffer[..written]);
    let before = pipe.arrived;
    pipe.arrived = pipe.bytes.len().min(pipe.arrived + piece);
    let taken = to.receive(NOW, &mut pipe.bytes[..pipe.arrived]);
    pipe.bytes.drain(..taken);
    let has_come = pipe.arrived > before;
    pipe.arrived -= taken;
    written > 0 || taken > 0 || has_come
}

/// What of an echo is under way on the server.
#[derive(Default)]
struct Echo {
    waiting: Bytes,
    has_all: bool,
}

/// Uploads of different lengths, all at once, that come back as they went.
#[test]
fn many_streams_through_small_windows_come_back_exactly() {
    for (seed, piece, window) in [(1, 40, 1000), (2, 300, 5000), (3, 20_000, 100_000), (4, 17_408, 70_000)] {
        let limits = Limits { stream_window: window, connection_window: 70_000, glitches: 1 << 20, ..CONFIG.limits };
        let config = Config { limits, ..CONFIG };
        let (mut client, mut server) = (Connection::client(config), Connection::server(config, NOW));
        let mut random = SeededRandom::new(seed);
        let mut draw = |most: u64| {
            let mut bytes = [0; 8];
            random.fill(&mut bytes);
            u64::from_be_bytes(bytes) % most
        };
        let mut bodies: Vec<Vec<u8>> =
            (0..20).map(|place| (0..draw(30_000)).map(|index| (index as u8) ^ place).collect()).collect();
        let expected = bodies.clone();
        let mut uploads: BTreeMap<StreamNumber, (usize, Bytes)> = BTreeMap::new();
        let mut echoes: BTreeMap<StreamNumber, Echo> = BTreeMap::new();
        let mut came: Vec<Vec<u8>> = alloc::vec![Vec::new(); 20];
        let mut places: BTreeMap<StreamNumber, usize> = BTreeMap::new();
        let (mut up, mut down, mut idle) = (Pipe::default(), Pipe::default(), 0);
        let head = RequestHead::new(Method::Post, "https://a.example/").unwrap();
        let mut trailers = Fields::new();
        trailers.push("sum", "1").unwrap();
        while idle < 3 {
            let mut moved = carry(&mut client, &mut server, &mut up, piece);
            moved |= carry(&mut server, &mut client, &mut down, piece);
            if let Some(body) = bodies.pop() {
                let place = bodies.len();
                let mut data = Bytes::from(body.clone());
                match client.send_request(NOW, &head, &mut data, false) {
                    Ok(number) => {
                        places.insert(number, place);
                        uploads.insert(number, (place, data));
                        moved = true;
                    }
                    Err(SendError::Blocked) => bodies.push(body),
                    Err(error) => panic!("{error}"),
                }
            }
            uploads.retain(|number, (_, data)| {
                client.send_body(NOW, *number, data).unwrap();
                if data.is_empty() {
                    client.send_trailers(NOW, *number, &trailers).unwrap();
                }
                !data.is_empty()
            });
            while let Some(event) = server.poll_event() {
                let Event::Exchange(number, event) = event else { panic!("{event:?}") };
                match event {
                    exchange::Event::Request(_) => {
                        let ok = ResponseHead::new(Status::OK);
                        server.send_response(NOW, number, &ok, &mut Bytes::new(), false).unwrap().unwrap();
                        echoes.insert(number, Echo::default());
                    }
                    exchange::Event::Finished => echoes.get_mut(&number).unwrap().has_all = true,
                    _ => {}
                }
            }
            echoes.retain(|number, echo| {
                if echo.waiting.is_empty()
                    && let Body::Data(bytes) = server.read_body(NOW, *number, 700)
                {
                    echo.waiting = bytes;
                    moved = true;
                }
                server.send_body(NOW, *number, &mut echo.waiting).unwrap();
                // The end is told when all was read, which may be in the events of this round.
                if echo.has_all && echo.waiting.is_empty() {
                    server.send_trailers(NOW, *number, &trailers).unwrap();
                    return false;
                }
                true
            });
            while let Some(event) = client.poll_event() {
                if let Event::Exchange(number, exchange::Event::Body | exchange::Event::Writable) = event {
                    while let Body::Data(bytes) = client.read_body(NOW, number, 900) {
                        came[places[&number]].extend_from_slice(&bytes);
                        moved = true;
                    }
                }
                assert!(!matches!(event, Event::Closed(_)), "{event:?}");
            }
            idle = if moved { 0 } else { idle + 1 };
        }
        assert!(came == expected, "seed {seed}");
        assert_eq!((client.exchange_count(), server.exchange_count()), (0, 0), "seed {seed}");
    }
}
