//! Handshakes of QUIC between our sessions and those of rustls, in memory: what each says is given to the other.

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::quic::{
    ClientConnection, Connection, DirectionalKeys, KeyChange as TheirChange, ServerConnection, Version,
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

/// The configurations of both sides of both stacks: one authority, one server.
pub struct World {
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
        let request = |name: &str, is_authority, serial| x509::IssueRequest {
            names: vec![name.into()],
            not_before_unix: now - 1000,
            lifetime_seconds: 100_000,
            serial: [serial; 16],
            is_authority,
        };
        let load = |key: &[u8]| (provider.load_key)(crypto::PrivateKeyFormat::Pkcs8, key).unwrap();
        let authority_key = (provider.generate_key)(crypto::KeyKind::EcP256).unwrap();
        let authority = x509::issue::self_signed(&provider, &authority_key, &request("authority", true, 1)).unwrap();
        let key = (provider.generate_key)(crypto::KeyKind::EcP256).unwrap();
        let leaf = x509::issue::issued_by(
            &provider,
            &authority.certificate,
            &*load(&authority_key),
            &*load(&key),
            &request("localhost", false, 2),
        )
        .unwrap();

        let mut roots = x509::RootStore::new();
        roots.add_der(&authority.certificate).unwrap();
        let protocols = vec![b"h3".to_vec()];
        let verification = ServerVerification::Roots(Arc::new(roots));
        let mut our_client = ClientConfig::new(provider, verification, protocols.clone(), Arc::new(Clock));
        let store = Arc::new(Store(Mutex::new(TicketCache::new(8, 8))));
        our_client.tickets = Some(store.clone());
        let certified = Arc::new(CertifiedKey { chain: vec![leaf.clone()], key: load(&key) });
        let mut our_server =
            ServerConfig::new(provider, Arc::new(Single(certified)), protocols.clone(), Arc::new(Clock));
        let keys = TicketKeys::new(&provider, &[[9; 32]]).unwrap();
        our_server.tickets = Some(TicketPolicy::new(Arc::new(FixedTicketKeys(Arc::new(keys)))));

        let theirs = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority.certificate.to_vec())).unwrap();
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
            .with_single_cert(vec![CertificateDer::from(leaf.to_vec())], their_key)
            .unwrap();
        their_server.alpn_protocols = protocols;
        World { our_client, our_server, store, their_client, their_server }
    }
}

/// A session of rustls, and the level that it writes at.
pub struct Theirs {
    connection: Connection,
    level: Level,
}

impl Theirs {
    pub fn client(config: &Arc<rustls::ClientConfig>) -> Theirs {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(config.clone(), Version::V1, name, b"client".to_vec()).unwrap();
        Theirs { connection: connection.into(), level: Level::Initial }
    }

    pub fn server(config: &Arc<rustls::ServerConfig>) -> Theirs {
        let connection = ServerConnection::new(config.clone(), Version::V1, b"server".to_vec()).unwrap();
        Theirs { connection: connection.into(), level: Level::Initial }
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
                Some(TheirChange::OneRtt { .. }) => self.level = Level::OneRtt,
                None if is_over => return outputs,
                None => {}
            }
        }
    }

    pub fn is_resumed(&self) -> bool {
        matches!(self.connection.handshake_kind(), Some(HandshakeKind::Resumed))
    }

    pub fn early_keys(&self) -> Option<DirectionalKeys> {
        self.connection.zero_rtt_keys()
    }

    pub fn took_early_data(&self) -> bool {
        match &self.connection {
            Connection::Client(client) => client.is_early_data_accepted(),
            Connection::Server(_) => panic!("a server is not asked"),
        }
    }
}

/// Both talk until neither has anything to say; our server gives its tickets when it is complete. Gives our early keys, if there
/// were any.
pub fn talk(ours: &mut Session, theirs: &mut Theirs) -> Result<Option<KeyChange>, String> {
    let random = &mut crypto_ring::SystemRandom::new();
    let mut early = None;
    loop {
        while let Some(change) = ours.poll_keys() {
            if change.level() == Level::EarlyData {
                early = Some(change);
            }
        }
        let mut any = false;
        // rustls tells of new keys before what is under them only if it is asked after each message.
        let mut answers = theirs.outputs();
        while let Some((_, bytes)) = ours.poll_output() {
            any = true;
            theirs.connection.read_hs(&bytes).map_err(|error| format!("theirs: {error}"))?;
            answers.extend(theirs.outputs());
        }
        for (level, bytes) in answers {
            any = true;
            ours.read(level, &bytes, random).map_err(|error| format!("ours: {error}"))?;
        }
        if !any {
            if !ours.is_complete() || theirs.connection.is_handshaking() {
                return Err("they wait for each other".into());
            }
            ours.send_tickets(random).map_err(|error| error.to_string())?;
            match ours.poll_output() {
                None => return Ok(early),
                Some((_, bytes)) => {
                    theirs.connection.read_hs(&bytes).map_err(|error| format!("theirs: {error}"))?;
                }
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
