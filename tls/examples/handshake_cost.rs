//! What a handshake costs each side, in full and resumed: time in calls of the session, over many handshakes. With the
//! beginning of a line as argument only that one, for a profiler.
//!
//! ```sh
//! cargo run --release -p posthaste-tls --example handshake_cost
//! ```

extern crate posthaste_tls as tls;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tls::{
    CertifiedKey, ClientAuthentication, ClientConfig, ClientIdentities, ClientRoots, FixedTicketKeys, ServerConfig,
    ServerVerification, Session, Single, Ticket,
};
use tls::{TicketCache, TicketKeys, TicketOrigin, TicketPolicy, TicketStore, WallClock};

const NOW: u64 = 1_780_272_000;
const ROUNDS: u32 = 4000;

struct Clock;

impl WallClock for Clock {
    fn unix_seconds(&self) -> u64 {
        NOW
    }
}

struct Store(Mutex<TicketCache>);

impl TicketStore for Store {
    fn take(&self, origin: &TicketOrigin, unix_millis: u64) -> Option<Ticket> {
        self.0.lock().expect("one thread").take(origin, unix_millis)
    }

    fn put(&self, origin: &TicketOrigin, ticket: Ticket) {
        self.0.lock().expect("one thread").put(origin, ticket);
    }
}

fn configs() -> Result<(ClientConfig, ServerConfig), Box<dyn std::error::Error>> {
    let provider = crypto_ring::provider();
    let request = x509::IssueRequest {
        names: vec!["localhost".into()],
        not_before_unix: NOW - 1000,
        lifetime_seconds: 1_000_000,
        serial: [1; 16],
        is_authority: false,
    };
    let key = (provider.generate_key)(crypto::KeyKind::EcP256)?;
    let identity = x509::issue::self_signed(&provider, &key, &request)?;
    let mut roots = x509::RootStore::new();
    roots.add_der(&identity.certificate)?;
    let key = (provider.load_key)(crypto::PrivateKeyFormat::Pkcs8, &identity.key_pkcs8)?;
    let resolver = Arc::new(Single(Arc::new(CertifiedKey { chain: vec![identity.certificate], key })));
    let protocols = vec![b"h3".to_vec()];
    let verification = ServerVerification::Roots(Arc::new(roots));
    let client = ClientConfig::new(provider, verification, protocols.clone(), Arc::new(Clock));
    let mut server = ServerConfig::new(provider, resolver, protocols, Arc::new(Clock));
    let keys = TicketKeys::new(&provider, &[[7; 32]]).expect("a key");
    server.tickets = Some(TicketPolicy::new(Arc::new(FixedTicketKeys(Arc::new(keys)))));
    Ok((client, server))
}

/// The same, where the server asks its clients for a certificate and the client has one.
fn with_client_certificate(
    client: &mut ClientConfig,
    server: &mut ServerConfig,
) -> Result<(), Box<dyn std::error::Error>> {
    let provider = crypto_ring::provider();
    let request = |is_authority| x509::IssueRequest {
        names: vec!["client.example".into()],
        not_before_unix: NOW - 1000,
        lifetime_seconds: 1_000_000,
        serial: [2; 16],
        is_authority,
    };
    let load = |key: &[u8]| (provider.load_key)(crypto::PrivateKeyFormat::Pkcs8, key);
    let key = (provider.generate_key)(crypto::KeyKind::EcP256)?;
    let authority = x509::issue::self_signed(&provider, &key, &request(true))?.certificate;
    let (authority_key, own) = (load(&key)?, load(&(provider.generate_key)(crypto::KeyKind::EcP256)?)?);
    let chain = vec![x509::issue::issued_to_client(&provider, &authority, &*authority_key, &*own, &request(false))?];
    let mut roots = x509::RootStore::new();
    roots.add_der(&authority)?;
    client.identities = Some(Arc::new(ClientIdentities(vec![Arc::new(CertifiedKey { chain, key: own })])));
    server.client_authentication = ClientAuthentication::Required(Arc::new(ClientRoots::new(provider, roots)));
    Ok(())
}

/// Time in the calls of the client and of the server, tickets included.
fn handshake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, resumed: bool) -> (Duration, Duration) {
    let random = &mut crypto_ring::SystemRandom::new();
    let (mut at_client, mut at_server) = (Duration::ZERO, Duration::ZERO);
    let name = x509::ServerName::parse("localhost").expect("a name");
    let since = Instant::now();
    let mut client = tls::quic::client(client.clone(), name, vec![0; 60], random).expect("a client");
    at_client += since.elapsed();
    let mut server = tls::quic::server(server.clone(), vec![0; 60]);
    let mut deliver = |from: &mut Session, to: &mut Session, time: &mut Duration| {
        let since = Instant::now();
        while let Some((level, bytes)) = from.poll_output() {
            to.read(level, &bytes, random).expect("an honest peer");
        }
        *time += since.elapsed();
    };
    deliver(&mut client, &mut server, &mut at_server);
    deliver(&mut server, &mut client, &mut at_client);
    deliver(&mut client, &mut server, &mut at_server);
    let since = Instant::now();
    server.send_tickets(&mut crypto_ring::SystemRandom::new()).expect("a handshake that is complete");
    at_server += since.elapsed();
    deliver(&mut server, &mut client, &mut at_client);
    assert!(client.is_complete() && server.is_complete() && server.is_resumed() == resumed);
    (at_client, at_server)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (client, server) = configs()?;
    let store = Arc::new(Store(Mutex::new(TicketCache::new(4, 16))));
    for (what, tickets, asks) in [
        ("full, no tickets", false, false),
        ("full, two tickets", true, false),
        ("resumed", true, false),
        ("full, client certificate", true, true),
        ("resumed, client certificate", true, true),
    ] {
        let (mut client, mut server) = (client.clone(), server.clone());
        if std::env::args().nth(1).is_some_and(|only| !what.starts_with(&only)) {
            continue;
        }
        if !tickets {
            server.tickets = None;
        }
        if asks {
            with_client_certificate(&mut client, &mut server)?;
        }
        client.tickets = tickets.then(|| store.clone() as Arc<dyn TicketStore>);
        let (client, server) = (Arc::new(client), Arc::new(server));
        let (mut at_client, mut at_server) = (Vec::new(), Vec::new());
        for number in 0..ROUNDS {
            let resumed = what.starts_with("resumed") && number > 0;
            // The first one fills the store.
            if !resumed {
                store.0.lock().expect("one thread").clear();
            }
            let (of_client, of_server) = handshake(&client, &server, resumed);
            at_client.push(of_client);
            at_server.push(of_server);
        }
        at_client.sort_unstable();
        at_server.sort_unstable();
        let tenth = ROUNDS as usize / 10;
        println!("{what}: client {:?}, server {:?} (of ten the fastest)", at_client[tenth], at_server[tenth]);
    }
    Ok(())
}
