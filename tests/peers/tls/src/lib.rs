//! Handshakes of QUIC between our sessions and those of rustls, in memory: what each says is given to the other.

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::quic::{
    ClientConnection, Connection, DirectionalKeys, KeyChange as TheirChange, Keys, Secrets, ServerConnection, Version,
};
use rustls::{HandshakeKind, RootCertStore};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use tls::{CertifiedKey, ClientConfig, FixedTicketKeys, KeyChange, Level, ServerConfig, ServerVerification, Session};
use tls::{Single, Ticket, TicketCache, TicketKeys, TicketOrigin, TicketPolicy, TicketStore, WallClock};

/// The system's clock.
pub struct Clock;

impl WallClock for Clock {
    fn unix_seconds(&self) -> u64 {
        self.unix_millis() / 1000
    }

    fn unix_millis(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is set").as_millis() as u64
    }
}

pub struct Store(Mutex<TicketCache>);

impl Store {
    pub fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl TicketStore for Store {
    fn take(&self, origin: &TicketOrigin, unix_millis: u64) -> Option<Ticket> {
        self.0.lock().unwrap().take(origin, unix_millis)
    }

    fn put(&self, origin: &TicketOrigin, ticket: Ticket) {
        self.0.lock().unwrap().put(origin, ticket);
    }
}

/// A private key, as both stacks load it.
fn load(key: &[u8]) -> Box<dyn crypto::SigningKey> {
    (crypto_ring::PROVIDER.load_key)(crypto::PrivateKeyFormat::Pkcs8, key).unwrap()
}

/// Who vouches for servers and clients.
pub struct Authority {
    pub certificate: CertificateDer<'static>,
    key: crypto::SecretBytes,
}

/// A chain, and the PKCS #8 of its first key.
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: Vec<u8>,
}

impl Identity {
    pub fn ours(&self) -> Arc<CertifiedKey> {
        Arc::new(CertifiedKey { chain: self.chain.clone(), key: load(&self.key) })
    }

    pub fn their_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()))
    }
}

fn request(name: &str, is_authority: bool, not_before_unix: u64) -> x509::IssueRequest {
    let (names, serial) = (vec![name.into()], [7; 16]);
    x509::IssueRequest { names, not_before_unix, lifetime_seconds: 100_000, serial, is_authority }
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let key = (crypto_ring::PROVIDER.generate_key)(crypto::KeyKind::EcP256).unwrap();
        let request = request(name, true, Clock.unix_seconds() - 1_000_000);
        let request = x509::IssueRequest { lifetime_seconds: 2_000_000, ..request };
        let certificate = x509::issue::self_signed(&crypto_ring::PROVIDER, &key, &request).unwrap().certificate;
        Authority { certificate, key }
    }

    /// A server's, for a day from then on.
    pub fn server(&self, name: &str, not_before: u64) -> Identity {
        self.issue(x509::issue::issued_by, name, not_before)
    }

    /// A client's, for a day from then on.
    pub fn client(&self, name: &str, not_before: u64) -> Identity {
        self.issue(x509::issue::issued_to_client, name, not_before)
    }

    fn issue(&self, issue: Issue, name: &str, not_before: u64) -> Identity {
        let key = (crypto_ring::PROVIDER.generate_key)(crypto::KeyKind::EcP256).unwrap();
        let (own, subject) = (load(&self.key), load(&key));
        let request = request(name, false, not_before);
        let certificate = issue(&crypto_ring::PROVIDER, &self.certificate, &*own, &*subject, &request).unwrap();
        Identity { chain: vec![certificate], key: key.to_vec() }
    }
}

type Issue = fn(
    &crypto::Provider,
    &CertificateDer<'_>,
    &dyn crypto::SigningKey,
    &dyn crypto::SigningKey,
    &x509::IssueRequest,
) -> Result<CertificateDer<'static>, x509::Error>;

/// The configurations of both sides of both stacks: one authority, one server.
pub struct World {
    pub authority: Authority,
    pub our_client: ClientConfig,
    pub our_server: ServerConfig,
    pub store: Arc<Store>,
    pub their_client: rustls::ClientConfig,
    pub their_server: rustls::ServerConfig,
}

impl World {
    /// Suites and groups in the order of `provider` on our side.
    pub fn new(provider: crypto::Provider) -> World {
        let now = Clock.unix_seconds();
        let authority = Authority::new("authority");
        let Identity { chain, key } = authority.server("localhost", now - 1000);
        let leaf = &chain[0];
        let mut roots = x509::RootStore::new();
        roots.add_der(&authority.certificate).unwrap();
        let protocols = vec![b"h3".to_vec()];
        let verification = ServerVerification::Roots(Arc::new(roots));
        let mut our_client = ClientConfig::new(provider, verification, protocols.clone(), Arc::new(Clock));
        let store = Arc::new(Store(Mutex::new(TicketCache::new(8, 8))));
        our_client.tickets = Some(store.clone());
        let certified = Arc::new(CertifiedKey { chain: chain.clone(), key: load(&key) });
        let mut our_server =
            ServerConfig::new(provider, Arc::new(Single(certified)), protocols.clone(), Arc::new(Clock));
        let keys = TicketKeys::new(&provider, &[[9; 32]]).unwrap();
        our_server.tickets = Some(TicketPolicy::new(Arc::new(FixedTicketKeys(Arc::new(keys)))));

        let theirs = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate.clone()).unwrap();
        let mut their_client = rustls::ClientConfig::builder_with_provider(theirs.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        their_client.alpn_protocols = protocols.clone();
        let their_key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
        let mut their_server = rustls::ServerConfig::builder_with_provider(theirs)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.clone()], their_key)
            .unwrap();
        their_server.alpn_protocols = protocols;
        World { authority, our_client, our_server, store, their_client, their_server }
    }
}

/// A session of rustls, and the level that it writes at.
pub struct Theirs {
    connection: Connection,
    level: Level,
    /// Those of 1-RTT packets, and what the keys after them are made of.
    one_rtt: Option<(Keys, Secrets)>,
}

impl Theirs {
    pub fn client(config: &Arc<rustls::ClientConfig>) -> Theirs {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(config.clone(), Version::V1, name, b"client".to_vec()).unwrap();
        Theirs { connection: connection.into(), level: Level::Initial, one_rtt: None }
    }

    pub fn server(config: &Arc<rustls::ServerConfig>) -> Theirs {
        let connection = ServerConnection::new(config.clone(), Version::V1, b"server".to_vec()).unwrap();
        Theirs { connection: connection.into(), level: Level::Initial, one_rtt: None }
    }

    /// What it has to say, by level.
    fn outputs(&mut self) -> Vec<(Level, Vec<u8>)> {
        let mut outputs = Vec::new();
        loop {
            let mut bytes = Vec::new();
            let change = self.connection.write_hs(&mut bytes);
            let is_over = bytes.is_empty() && change.is_none();
            if !bytes.is_empty() {
                outputs.push((self.level, bytes));
            }
            match change {
                Some(TheirChange::Handshake { .. }) => self.level = Level::Handshake,
                Some(TheirChange::OneRtt { keys, next }) => {
                    self.level = Level::OneRtt;
                    self.one_rtt = Some((keys, next));
                }
                None if is_over => return outputs,
                None => {}
            }
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let result = self.connection.read_hs(bytes);
        result.map_err(|error| {
            let alert = self.connection.alert().map(u8::from);
            Refusal { by: Party::Theirs, alert, text: error.to_string() }
        })
    }

    /// The certificates of the other end, its own first.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        self.connection.peer_certificates().unwrap_or_default()
    }

    /// The number of the suite that was agreed on.
    pub fn suite(&self) -> Option<u16> {
        self.connection.negotiated_cipher_suite().map(|suite| u16::from(suite.suite()))
    }

    pub fn is_resumed(&self) -> bool {
        matches!(self.connection.handshake_kind(), Some(HandshakeKind::Resumed))
    }

    pub fn early_keys(&self) -> Option<DirectionalKeys> {
        self.connection.zero_rtt_keys()
    }

    /// The keys of 1-RTT packets, once.
    pub fn take_one_rtt(&mut self) -> Option<(Keys, Secrets)> {
        self.one_rtt.take()
    }

    pub fn took_early_data(&self) -> bool {
        match &self.connection {
            Connection::Client(client) => client.is_early_data_accepted(),
            Connection::Server(_) => panic!("a server is not asked"),
        }
    }
}

/// Who ended a handshake, and what it says of that to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub by: Party,
    /// The number of the alert, if there is one.
    pub alert: Option<u8>,
    pub text: String,
}

/// Whose session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    Ours,
    Theirs,
}

fn of_ours(error: &tls::Error) -> Refusal {
    Refusal { by: Party::Ours, alert: Some(error.alert()), text: error.to_string() }
}

/// Both talk until neither has anything to say; our server gives its tickets when it is complete. Gives our early keys, if there
/// were any.
pub fn talk(ours: &mut Session, theirs: &mut Theirs) -> Result<Option<KeyChange>, Refusal> {
    let changes = talk_for_keys(ours, theirs)?;
    Ok(changes.into_iter().find(|change| change.level() == Level::EarlyData))
}

/// The same, and gives all of our keys.
pub fn talk_for_keys(ours: &mut Session, theirs: &mut Theirs) -> Result<Vec<KeyChange>, Refusal> {
    let random = &mut crypto_ring::SystemRandom::new();
    let mut changes = Vec::new();
    loop {
        while let Some(change) = ours.poll_keys() {
            changes.push(change);
        }
        let mut any = false;
        // rustls tells of new keys before what is under them only if it is asked after each message.
        let mut answers = theirs.outputs();
        while let Some((_, bytes)) = ours.poll_output() {
            any = true;
            theirs.read(&bytes)?;
            answers.extend(theirs.outputs());
        }
        for (level, bytes) in answers {
            any = true;
            ours.read(level, &bytes, random).map_err(|error| of_ours(&error))?;
        }
        if !any {
            if !ours.is_complete() || theirs.connection.is_handshaking() {
                let text = "they wait for each other".into();
                return Err(Refusal { by: Party::Ours, alert: None, text });
            }
            ours.send_tickets(random).map_err(|error| of_ours(&error))?;
            match ours.poll_output() {
                None => return Ok(changes),
                Some((_, bytes)) => theirs.read(&bytes)?,
            }
        }
    }
}

/// Whether what they seal in early data opens under our secret (RFC 9001 section 5.1).
pub fn opens(ours: &KeyChange, theirs: &DirectionalKeys) -> bool {
    let KeyChange::EarlyData { suite, secret } = ours else { return false };
    let (mut key, mut iv) = (vec![0; suite.aead.key_len()], [0; 12]);
    crypto::hkdf::expand_label(suite.hash, secret, b"quic key", &[], &mut key);
    crypto::hkdf::expand_label(suite.hash, secret, b"quic iv", &[], &mut iv);
    let mut payload = b"early".to_vec();
    let Ok(tag) = theirs.packet.encrypt_in_place(0, b"header", &mut payload) else { return false };
    payload.extend_from_slice(tag.as_ref());
    suite.aead.key(&key).open(iv, b"header", &mut payload) == Ok(5) && payload.starts_with(b"early")
}
