//! Two sessions that resume, and somebody between them who changes the tickets that the server gives, and what both say when the
//! client comes back with one.
//!
//! What he does to the tickets leads to a full handshake, to none, or, where it is of no weight, to a resumed one. Whatever he
//! does, nothing panics, and two sides that end well were told what the other said and have the same keys.

use super::input::Input;
use super::tls_session::{apply, converse, edits, piece};
use adversary::identity;
use sim::SeededRandom;
use std::sync::{Arc, Mutex};
use tls::{ClientConfig, FixedTicketKeys, Level, ServerConfig, Ticket, TicketCache, TicketKeys, TicketPolicy};
use tls::{Session, TicketOrigin, TicketStore};

struct Store(Mutex<TicketCache>);

impl TicketStore for Store {
    fn take(&self, origin: &TicketOrigin, unix_millis: u64) -> Option<Ticket> {
        self.0.lock().expect("no thread panicked").take(origin, unix_millis)
    }

    fn put(&self, origin: &TicketOrigin, ticket: Ticket) {
        self.0.lock().expect("no thread panicked").put(origin, ticket);
    }
}

/// An edit of this output is one of the tickets.
const TICKETS: usize = 7;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let piece = piece(&mut input);
    let edits = edits(&mut input);
    let (client, server) = configs();
    let (mut first_client, mut first_server) = sessions(&client, &server, 7);
    let random = &mut SeededRandom::new(9);
    while deliver(&mut first_client, &mut first_server, random) | deliver(&mut first_server, &mut first_client, random)
    {
    }
    first_server.send_tickets(random).expect("the handshake is complete");
    let (mut level, said) = first_server.poll_output().expect("tickets");
    let mut told = said.clone();
    edits.iter().filter(|edit| edit.output == TICKETS).for_each(|edit| apply(edit, &mut told, &mut level));
    let changed = told != said || level != Level::OneRtt;
    for bytes in told.chunks(piece) {
        if first_client.read(level, bytes, random).is_err() {
            assert!(changed, "tickets that nobody changed are taken");
            break;
        }
    }
    let (second_client, second_server) = sessions(&client, &server, 11);
    let edits: Vec<_> = edits.into_iter().filter(|edit| edit.output != TICKETS).collect();
    converse(second_client, second_server, piece, &edits, changed);
}

fn configs() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let (client, server) = identity::pair();
    let (mut client, mut server) = (ClientConfig::clone(client), ServerConfig::clone(server));
    client.tickets = Some(Arc::new(Store(Mutex::new(TicketCache::new(4, 4)))));
    let keys = TicketKeys::new(&sim::seeded_provider(), &[[3; tls::TICKET_SECRET_LEN]]).expect("a key");
    server.tickets = Some(TicketPolicy::new(Arc::new(FixedTicketKeys(Arc::new(keys)))));
    (Arc::new(client), Arc::new(server))
}

fn sessions(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, seed: u64) -> (Session, Session) {
    let random = &mut SeededRandom::new(seed);
    let name = identity::server_name();
    let client = tls::quic::client(client.clone(), name, b"client".to_vec(), random).expect("a client");
    (client, tls::quic::server(server.clone(), b"server".to_vec()))
}

/// All that one has to say to the other; whether that was anything.
fn deliver(from: &mut Session, to: &mut Session, random: &mut SeededRandom) -> bool {
    let mut any = false;
    while let Some((level, bytes)) = from.poll_output() {
        to.read(level, &bytes, random).expect("nobody changed it");
        any = true;
    }
    any
}
