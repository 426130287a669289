//! What a connection over records takes of memory: nothing for a record of data, and little while nothing happens.

#[path = "support/tls_configs.rs"]
mod tls_configs;

use adversary::heap::Meter;
use base::Instant;
use std::sync::Arc;
use tls::record::{Connection, Received, Settings};

#[global_allocator]
static HEAP: adversary::heap::Counting = adversary::heap::Counting;

/// Both ends of a connection.
struct Ends {
    client: Connection,
    server: Connection,
    wire: Vec<u8>,
    random: crypto_ring::SystemRandom,
}

impl Ends {
    fn complete(settings: &Settings) -> Ends {
        Ends::with(tls_configs::configs(), settings)
    }

    fn with((client, server): (Arc<tls::ClientConfig>, Arc<tls::ServerConfig>), settings: &Settings) -> Ends {
        let name = x509::ServerName::parse(tls_configs::NAME).expect("a name");
        let mut random = crypto_ring::SystemRandom::new();
        let now = Instant::ZERO;
        let client = Connection::client(client, name, settings, now, &mut random).expect("a client");
        let server = Connection::server(server, settings, now);
        let mut ends = Ends { client, server, wire: vec![0; 100_000], random };
        for _ in 0..3 {
            ends.send(true, &[]);
            ends.send(false, &[]);
        }
        assert!(ends.client.is_complete() && ends.server.is_complete());
        ends
    }

    /// Carries data, and what the layer has to say, from one end to the other. Gives the bytes that arrived.
    fn send(&mut self, to_server: bool, data: &[u8]) -> usize {
        let Ends { client, server, wire, random } = self;
        let (from, to) = if to_server { (client, server) } else { (server, client) };
        let done = from.write(data, wire).expect("written");
        assert_eq!(done.taken, data.len());
        let (mut at, mut heard) = (0, 0);
        while at < done.written {
            at += match to.receive(&mut wire[at..done.written], random).expect("received") {
                Received::Data { content, taken } => {
                    heard += content.len();
                    taken
                }
                Received::Taken(len) => len,
                other => panic!("{other:?}"),
            };
        }
        heard
    }
}

#[test]
fn nothing_is_allocated_for_a_record_of_data() {
    for padding_multiple in [1, 1000] {
        let mut ends = Ends::complete(&Settings { padding_multiple, ..Settings::default() });
        let data = vec![7; 50_000];
        let meter = Meter::start();
        for len in (1..50_000).step_by(997) {
            for to_server in [true, false] {
                assert_eq!(ends.send(to_server, &data[..len]), len);
            }
        }
        assert_eq!(meter.taken(), 0);
    }
}

/// A cut record, however long, is the caller's to hold.
#[test]
fn an_idle_connection_holds_its_keys_and_little_more() {
    // What is made once for all stays.
    drop(Ends::complete(&Settings::default()));
    let meter = Meter::start();
    let ends = Ends::complete(&Settings::default());
    let held = meter.held() - 100_000;
    // The configurations and the identity are among it.
    assert!(held < 20_000, "{held} bytes");
    drop(ends);
    assert!(meter.held() < 1000, "{} bytes are left", meter.held());
}

/// Secrets have memory of their own, so that moving one leaves no copy behind; for the rest of a handshake there is little need.
#[test]
fn a_handshake_takes_few_blocks_of_memory() {
    let configs = tls_configs::configs();
    // What is made once for all stays.
    drop(Ends::with(configs.clone(), &Settings::default()));
    let meter = Meter::start();
    drop(Ends::with(configs, &Settings::default()));
    assert!(meter.blocks() <= MAX_BLOCKS, "{} blocks", meter.blocks());
}

/// Of both sides.
const MAX_BLOCKS: u64 = 95;
