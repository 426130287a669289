//! How fast data is sealed and opened in memory: ours, and rustls, with the same suite and the same primitives.

use crate::foreign;
use crate::identity::{Identity, NAME};
use crate::ours;
use base::Instant;
use std::io::{Read, Write};
use std::time::Instant as Clock;
use tls::record::{Connection, Received, Settings};

/// Bytes that are given at once.
const CHUNK: usize = 1 << 16;

/// Prints a line for each of both: megabytes a second, sealed by one end and opened by the other.
pub fn run(identity: &Identity, megabytes: u64) {
    for name in ["ours", "rustls"] {
        let begin = Clock::now();
        let bytes = megabytes * 1_000_000;
        if name == "ours" {
            of_ours(identity, bytes)
        } else {
            of_rustls(identity, bytes)
        }
        let seconds = begin.elapsed().as_secs_f64();
        println!("{name} {:.0} MB/s", bytes as f64 / 1e6 / seconds);
    }
}

fn of_ours(identity: &Identity, bytes: u64) {
    let mut random = crypto_ring::SystemRandom::new();
    let (settings, now) = (Settings::default(), Instant::ZERO);
    let name = x509::ServerName::parse(NAME).expect("a name");
    let config = ours::client_config(identity, &ours::Options::default()).expect("a configuration");
    let client = Connection::client(config, name, &settings, now, &mut random).expect("a client");
    let config = ours::server_config(identity, &ours::Options::default()).expect("a configuration");
    let mut ends = [client, Connection::server(config, &settings, now)];
    let mut wire = vec![0; CHUNK + 1000];
    for number in 0..6 {
        let [one, other] = &mut ends;
        let (from, to) = if number % 2 == 0 { (one, other) } else { (other, one) };
        let len = from.transmit(&mut wire);
        assert_eq!(open(to, &mut wire[..len]), 0);
    }
    let data = vec![7; CHUNK];
    let [client, server] = &mut ends;
    for (from, to) in [(0, 1), (1, 0)] {
        let (from, to) = if from < to { (&mut *client, &mut *server) } else { (&mut *server, &mut *client) };
        let mut heard = 0;
        while heard < bytes / 2 {
            let done = from.write(&data, &mut wire).expect("written");
            assert_eq!(done.taken, CHUNK);
            heard += open(to, &mut wire[..done.written]);
        }
    }
}

fn open(end: &mut Connection, mut wire: &mut [u8]) -> u64 {
    let (mut random, mut heard) = (crypto_ring::SystemRandom::new(), 0);
    while !wire.is_empty() {
        let taken = match end.receive(wire, &mut random).expect("opened") {
            Received::Data { content, taken } => {
                heard += content.len() as u64;
                taken
            }
            Received::Taken(len) => len,
            other => panic!("{other:?}"),
        };
        wire = &mut wire[taken..];
    }
    heard
}

fn of_rustls(identity: &Identity, bytes: u64) {
    let (mut client, mut server) = foreign::pair(identity).expect("a pair");
    let mut wire = Vec::new();
    let mut room = vec![0; CHUNK];
    let data = vec![7; CHUNK];
    while client.is_handshaking() || server.is_handshaking() {
        carry(&mut client, &mut server, &mut wire, &mut room);
        carry(&mut server, &mut client, &mut wire, &mut room);
    }
    for to_server in [true, false] {
        let (from, to) = if to_server { (&mut client, &mut server) } else { (&mut server, &mut client) };
        let mut heard = 0;
        while heard < bytes / 2 {
            from.writer().write_all(&data).expect("written");
            heard += carry(from, to, &mut wire, &mut room);
        }
    }
}

fn carry(from: &mut rustls::Connection, to: &mut rustls::Connection, wire: &mut Vec<u8>, room: &mut [u8]) -> u64 {
    let mut heard = 0;
    while from.wants_write() {
        wire.clear();
        from.write_tls(wire).expect("written");
        let mut rest = &wire[..];
        while !rest.is_empty() {
            to.read_tls(&mut rest).expect("read");
            to.process_new_packets().expect("opened");
            while let Ok(len @ 1..) = to.reader().read(room) {
                heard += len as u64;
            }
        }
    }
    heard
}
