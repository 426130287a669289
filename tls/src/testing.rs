//! What the tests share: identities, configurations, and a pair of sessions that talk to each other.

pub(crate) mod clients;
pub(crate) mod hello_parts;
pub(crate) mod identities;
pub(crate) mod scripted_server;
pub(crate) mod tickets;

use crate::certified_key::CertifiedKey;
use crate::config::{ClientConfig, KeyLog, ServerConfig, WallClock};
use crate::early_data::EarlyData;
use crate::error::Error;
use crate::key_change::KeyChange;
use crate::level::Level;
use crate::quic;
use crate::resolver::Single;
use crate::server_verification::ServerVerification;
use crate::session::Session;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::Random;
use crypto::{NamedGroup, PrivateKeyFormat, Provider, SigningKey};
use rustls_pki_types::CertificateDer;
use std::sync::Mutex;

/// 2026-06-01, within the life of the test certificates.
pub(crate) const NOW: u64 = 1_780_272_000;
pub(crate) const CLIENT_PARAMETERS: &[u8] = b"client transport parameters";
pub(crate) const SERVER_PARAMETERS: &[u8] = b"server transport parameters";

pub(crate) struct Clock(pub(crate) u64);

impl WallClock for Clock {
    fn unix_seconds(&self) -> u64 {
        self.0
    }
}

/// Bytes that are the same in every run. Key exchanges of ring ignore it.
pub(crate) struct Counting(pub(crate) u8);

impl Random for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.0;
            self.0 = self.0.wrapping_add(1);
        }
    }
}

#[derive(Default)]
pub(crate) struct Log(pub(crate) Mutex<Vec<LogLine>>);

pub(crate) type LogLine = (String, [u8; 32], Vec<u8>);

impl KeyLog for Log {
    fn log(&self, label: &str, client_random: &[u8; 32], secret: &[u8]) {
        self.0.lock().unwrap().push((label.to_string(), *client_random, secret.to_vec()));
    }
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    EcP256,
    EcP384,
    Ed25519,
    Rsa,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::EcP256, Kind::EcP384, Kind::Ed25519, Kind::Rsa];

pub(crate) fn certified(kind: Kind) -> Arc<CertifiedKey> {
    let (certificate, key) = match kind {
        Kind::EcP256 => (identities::EC_P256_CERTIFICATE, identities::EC_P256_KEY),
        Kind::EcP384 => (identities::EC_P384_CERTIFICATE, identities::EC_P384_KEY),
        Kind::Ed25519 => (identities::ED25519_CERTIFICATE, identities::ED25519_KEY),
        Kind::Rsa => (identities::RSA_CERTIFICATE, identities::RSA_KEY),
    };
    let key = (crypto_ring::PROVIDER.load_key)(PrivateKeyFormat::Pkcs8, &hex(key)).unwrap();
    Arc::new(CertifiedKey { chain: alloc::vec![CertificateDer::from(hex(certificate))], key })
}

pub(crate) fn roots(authority: &str) -> ServerVerification {
    let mut roots = x509::RootStore::new();
    roots.add_der(&hex(authority)).unwrap();
    ServerVerification::Roots(Arc::new(roots))
}

/// ring's provider with only these suites and groups, in this order.
pub(crate) fn provider(suites: &[u16], groups: &[NamedGroup]) -> Provider {
    let all = crypto_ring::PROVIDER;
    let suites: Vec<_> = suites.iter().map(|id| all.cipher_suite(*id).unwrap()).collect();
    let groups: Vec<_> = groups.iter().map(|group| all.key_exchange(*group).unwrap()).collect();
    Provider {
        cipher_suites: Box::leak(suites.into_boxed_slice()),
        key_exchanges: Box::leak(groups.into_boxed_slice()),
        ..all
    }
}

pub(crate) fn client_config() -> ClientConfig {
    ClientConfig::new(
        crypto_ring::PROVIDER,
        roots(identities::AUTHORITY),
        alloc::vec![b"h3".to_vec(), b"other".to_vec()],
        Arc::new(Clock(NOW)),
    )
}

pub(crate) fn server_config() -> ServerConfig {
    ServerConfig::new(
        crypto_ring::PROVIDER,
        Arc::new(Single(certified(Kind::EcP256))),
        alloc::vec![b"h3".to_vec()],
        Arc::new(Clock(NOW)),
    )
}

pub(crate) fn name(text: &str) -> x509::ServerName {
    x509::ServerName::parse(text).unwrap()
}

/// Both sides, the keys each of them got, and everything that was said.
pub(crate) struct Pair {
    pub(crate) client: Session,
    pub(crate) server: Session,
    pub(crate) client_keys: Vec<KeyChange>,
    pub(crate) server_keys: Vec<KeyChange>,
    pub(crate) said: Vec<(Speaker, Level, Vec<u8>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    Client,
    Server,
}

impl Pair {
    pub(crate) fn new(client: ClientConfig, server: ServerConfig) -> Pair {
        let mut random = Counting(7);
        let client =
            quic::client(Arc::new(client), name("server.example"), CLIENT_PARAMETERS.to_vec(), &mut random).unwrap();
        let server = quic::server(Arc::new(server), SERVER_PARAMETERS.to_vec());
        Pair::of(client, server)
    }

    /// Of two sessions over the same carrier.
    pub(crate) fn of(client: Session, server: Session) -> Pair {
        Pair { client, server, client_keys: Vec::new(), server_keys: Vec::new(), said: Vec::new() }
    }

    /// Carries everything both ways, in pieces of `piece` bytes, after `change` had its way with each output, which it is
    /// told the number of.
    pub(crate) fn run(
        &mut self,
        piece: usize,
        mut change: impl FnMut(usize, Speaker, Level, &mut Vec<u8>),
    ) -> Result<(), (Speaker, Error)> {
        let mut random = Counting(99);
        loop {
            self.client_keys.extend(core::iter::from_fn(|| self.client.poll_keys()));
            self.server_keys.extend(core::iter::from_fn(|| self.server.poll_keys()));
            let (speaker, (level, mut bytes)) = if let Some(output) = self.client.poll_output() {
                (Speaker::Client, output)
            } else if let Some(output) = self.server.poll_output() {
                (Speaker::Server, output)
            } else {
                return Ok(());
            };
            change(self.said.len(), speaker, level, &mut bytes);
            self.said.push((speaker, level, bytes.clone()));
            let (listener, session) = match speaker {
                Speaker::Client => (Speaker::Server, &mut self.server),
                Speaker::Server => (Speaker::Client, &mut self.client),
            };
            for piece in bytes.chunks(piece) {
                session.read(level, piece, &mut random).map_err(|error| (listener, error))?;
            }
        }
    }

    pub(crate) fn complete(client: ClientConfig, server: ServerConfig) -> Pair {
        let mut pair = Pair::new(client, server);
        pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
        pair.assert_complete();
        assert_eq!(pair.client.peer_parameters(), Some(SERVER_PARAMETERS));
        assert_eq!(pair.server.peer_parameters(), Some(CLIENT_PARAMETERS));
        pair
    }

    /// Both are done and have the same view of everything.
    pub(crate) fn assert_complete(&self) {
        assert!(self.client.is_complete() && self.server.is_complete());
        assert_eq!(self.client.alpn(), self.server.alpn());
        assert_eq!(self.client.cipher_suite().unwrap().id, self.server.cipher_suite().unwrap().id);
        assert_eq!(self.client.key_exchange_group().unwrap(), self.server.key_exchange_group().unwrap());
        assert_eq!(self.client.is_resumed(), self.server.is_resumed());
        assert_eq!(self.client.signature_scheme(), self.server.signature_scheme());
        assert_eq!(self.client.signature_scheme().is_none(), self.client.is_resumed());
        assert_eq!(self.client.early_data(), self.server.early_data());
        assert_eq!(self.client.is_retried(), self.server.is_retried());
        assert_eq!(self.client.is_in_compatibility_mode(), self.server.is_in_compatibility_mode());
        let mut levels = alloc::vec![Level::Handshake, Level::OneRtt];
        let took_early_data = self.server.early_data() == EarlyData::Accepted;
        if took_early_data {
            levels.insert(0, Level::EarlyData);
        }
        let levels_of = |keys: &[KeyChange]| keys.iter().map(KeyChange::level).collect::<Vec<_>>();
        assert_eq!(levels_of(&self.server_keys), levels);
        if self.client.early_data() == EarlyData::Refused {
            levels.insert(0, Level::EarlyData);
        }
        assert_eq!(levels_of(&self.client_keys), levels);
        if took_early_data {
            assert_eq!(secrets(&self.client_keys[0]).0, secrets(&self.server_keys[0]).0);
        }
        let later = |keys: &'_ [KeyChange]| keys[keys.len() - 2..].to_vec();
        for (client, server) in later(&self.client_keys).iter().zip(&later(&self.server_keys)) {
            let ((a, b), (c, d)) = (secrets(client), secrets(server));
            assert_eq!((a, b), (d, c), "what one side seals with, the other opens with");
            assert_ne!(a, b);
        }
        let (mut ours, mut theirs) = ([0; 48], [0; 48]);
        self.client.export(b"EXPORTER-test", b"context", &mut ours).unwrap();
        self.server.export(b"EXPORTER-test", b"context", &mut theirs).unwrap();
        assert_eq!(ours, theirs);
    }
}

/// Local and remote.
pub(crate) fn secrets(change: &KeyChange) -> (&[u8], &[u8]) {
    match change {
        KeyChange::EarlyData { secret, .. } => (secret.as_bytes(), secret.as_bytes()),
        KeyChange::Handshake { local, remote, .. } | KeyChange::OneRtt { local, remote, .. } => {
            (local.as_bytes(), remote.as_bytes())
        }
    }
}

/// A key that signs nothing.
#[derive(Debug)]
pub(crate) struct NoKey;

impl SigningKey for NoKey {
    fn public_key_algorithm(&self) -> crypto::PublicKeyAlgorithm {
        crypto::PublicKeyAlgorithm::Ed25519
    }
    fn public_key(&self) -> &[u8] {
        &[]
    }
    fn schemes(&self) -> &[crypto::SignatureScheme] {
        &[]
    }
    fn sign(&self, _: crypto::SignatureScheme, _: &[u8]) -> Result<Vec<u8>, crypto::SigningFailed> {
        Err(crypto::SigningFailed)
    }
}
