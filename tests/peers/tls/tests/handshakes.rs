//! Whole handshakes with rustls in both roles: every suite, group and kind of key, with and without a HelloRetryRequest.
#![allow(dead_code)] // of the certificates, some are for other tests

#[path = "../../../../tls/src/testing/identities.rs"]
mod identities;

use crypto::{CipherSuite, NamedGroup, Provider, SignatureScheme};
use identities::*;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use std::sync::Arc;
use tls::{ServerVerification, Session, Single};
use tls_peers::{Identity, Theirs, World, talk};

const SUITES: [u16; 3] =
    [CipherSuite::AES_128_GCM_SHA256, CipherSuite::AES_256_GCM_SHA384, CipherSuite::CHACHA20_POLY1305_SHA256];
/// Those that rustls has with ring.
const GROUPS: [NamedGroup; 3] = [NamedGroup::X25519, NamedGroup::SECP256R1, NamedGroup::SECP384R1];
/// Certificate, key, and how the key signs.
const KEYS: [(&str, &str, SignatureScheme); 4] = [
    (EC_P256_CERTIFICATE, EC_P256_KEY, SignatureScheme::ECDSA_SECP256R1_SHA256),
    (EC_P384_CERTIFICATE, EC_P384_KEY, SignatureScheme::ECDSA_SECP384R1_SHA384),
    (ED25519_CERTIFICATE, ED25519_KEY, SignatureScheme::ED25519),
    (RSA_CERTIFICATE, RSA_KEY, SignatureScheme::RSA_PSS_RSAE_SHA256),
];

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn identity((certificate, key, _): (&str, &str, SignatureScheme)) -> Identity {
    Identity { chain: vec![CertificateDer::from(hex(certificate))], key: hex(key) }
}

/// Our provider with one suite and these groups.
fn ours(suite: u16, groups: &[NamedGroup]) -> Provider {
    let all = crypto_ring::PROVIDER;
    let suites = vec![all.cipher_suite(suite).unwrap()];
    let groups: Vec<_> = groups.iter().map(|group| all.key_exchange(*group).unwrap()).collect();
    Provider { cipher_suites: Box::leak(suites.into()), key_exchanges: Box::leak(groups.into()), ..all }
}

/// That of rustls with these groups, in this order.
fn theirs(groups: &[NamedGroup]) -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    let all = std::mem::take(&mut provider.kx_groups);
    let group = |wanted: &NamedGroup| *all.iter().find(|group| u16::from(group.name()) == wanted.0).unwrap();
    provider.kx_groups = groups.iter().map(group).collect();
    Arc::new(provider)
}

/// The group, and the groups of the client: with another one in front its first share is of no use.
fn each_case(mut case: impl FnMut(u16, NamedGroup, &[NamedGroup], bool)) {
    for suite in SUITES {
        for group in GROUPS {
            let other = GROUPS.into_iter().find(|other| *other != group).unwrap();
            case(suite, group, &[group], false);
            case(suite, group, &[other, group], true);
        }
    }
}

fn our_client(world: &World) -> Session {
    let name = x509::ServerName::parse("localhost").unwrap();
    let random = &mut crypto_ring::SystemRandom::new();
    tls::quic::client(Arc::new(world.our_client.clone()), name, b"client".to_vec(), random).unwrap()
}

#[test]
fn our_client_with_their_server() {
    each_case(|suite, group, offered, retry| {
        for key in KEYS {
            let mut world = World::new(ours(suite, offered));
            let mut roots = x509::RootStore::new();
            roots.add_der(&hex(AUTHORITY)).unwrap();
            world.our_client.roots = ServerVerification::Roots(Arc::new(roots));
            let own = identity(key);
            let mut config = rustls::ServerConfig::builder_with_provider(theirs(&[group]))
                .with_protocol_versions(&[&rustls::version::TLS13])
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(own.chain.clone(), own.their_key())
                .unwrap();
            config.alpn_protocols = world.their_server.alpn_protocols.clone();
            let (mut client, mut server) = (our_client(&world), Theirs::server(&Arc::new(config)));
            talk(&mut client, &mut server).unwrap();
            assert_eq!((client.cipher_suite().map(|suite| suite.id), server.suite()), (Some(suite), Some(suite)));
            assert_eq!((client.key_exchange_group(), client.is_retried()), (Some(group), retry));
            // For RSA rustls has an order of its own among the hashes.
            let scheme = client.signature_scheme().unwrap();
            let is_pss = key.2 == SignatureScheme::RSA_PSS_RSAE_SHA256 && (0x0804..=0x0806).contains(&scheme.0);
            assert!(scheme == key.2 || is_pss, "{scheme:?}");
        }
    });
}

#[test]
fn their_client_with_our_server() {
    each_case(|suite, group, offered, retry| {
        for key in KEYS {
            let mut world = World::new(ours(suite, &[group]));
            world.our_server.resolver = Arc::new(Single(identity(key).ours()));
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from(hex(AUTHORITY))).unwrap();
            let mut config = rustls::ClientConfig::builder_with_provider(theirs(offered))
                .with_protocol_versions(&[&rustls::version::TLS13])
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            config.alpn_protocols = world.their_client.alpn_protocols.clone();
            let mut server = tls::quic::server(Arc::new(world.our_server.clone()), b"server".to_vec());
            let mut client = Theirs::client(&Arc::new(config));
            talk(&mut server, &mut client).unwrap();
            assert_eq!((server.cipher_suite().map(|suite| suite.id), client.suite()), (Some(suite), Some(suite)));
            assert_eq!((server.key_exchange_group(), server.is_retried()), (Some(group), retry));
            assert!(server.signature_scheme().is_some());
        }
    });
}
