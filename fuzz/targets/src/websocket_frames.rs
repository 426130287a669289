//! Frames of WebSocket, to a server and to a client: whole and in pieces they mean the same, what is held is bounded, every connection
//! ends, and what is received is the same when it is sent again.

use base::{Instant, Random, StreamMachine};
use websocket::{Config, Connection, Event, Limits};

const NOW: Instant = Instant::ZERO;
const CONFIG: Config = Config {
    limits: Limits { max_message: 2000, max_frame: 1000, max_unsent: usize::MAX, fragment: 50 },
    times: websocket::Times { ping_after: base::Duration::from_secs(30), patience: base::Duration::from_secs(30) },
};

/// Keys of a client.
struct Same;

impl Random for Same {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0x5a);
    }
}

fn end(is_client: bool) -> Connection {
    if is_client { Connection::client(CONFIG, Box::new(Same), NOW) } else { Connection::server(CONFIG, NOW) }
}

fn feed(connection: &mut Connection, bytes: &[u8], size: usize) -> Vec<Event> {
    let mut events = Vec::new();
    for mut piece in bytes.chunks(size) {
        while !piece.is_empty() {
            let taken = connection.take(NOW, piece);
            piece = &piece[taken..];
            events.extend(std::iter::from_fn(|| connection.poll_event(NOW)));
            assert!(connection.held() <= 10_000, "{} bytes are held", connection.held());
        }
    }
    events
}

fn sent(connection: &mut Connection) -> Vec<u8> {
    let pieces: Vec<_> = std::iter::from_fn(|| connection.next(NOW, 1000)).collect();
    pieces.iter().flat_map(|piece| piece.iter().copied()).collect()
}

/// The first byte says who receives the rest, and in pieces of which size.
pub fn run(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let (is_client, size) = (choice & 1 != 0, usize::from(choice >> 1) + 1);
    let (mut whole, mut pieces) = (end(is_client), end(is_client));
    let events = feed(&mut whole, bytes, bytes.len().max(1));
    assert_eq!(feed(&mut pieces, bytes, size), events);
    assert_eq!(sent(&mut pieces), sent(&mut whole));
    whole.on_end(NOW, b"");
    sent(&mut whole);
    assert!(whole.wants_end() && whole.closing().is_some());

    let (mut sender, mut receiver) = (end(is_client), end(!is_client));
    let messages: Vec<_> = events.into_iter().filter(|event| matches!(event, Event::Message(_))).collect();
    for event in &messages {
        let Event::Message(message) = event else { continue };
        sender.send(NOW, message.clone()).expect("there is room");
    }
    let again = sent(&mut sender);
    assert_eq!(feed(&mut receiver, &again, size), messages);
}
