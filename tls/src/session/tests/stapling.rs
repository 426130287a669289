//! OCSP responses that a server sends with its certificate (RFC 9846 section 4.5.1.1).

use super::*;
use crate::client_authentication::ClientAuthentication;
use crate::config::{ClientConfig, WallClock};
use rustls_pki_types::CertificateDer;
use x509::{OcspResponse, ResponseRequest, Staple};

/// A certificate, and a response about it that is good for 100 seconds.
fn stapled() -> (Arc<CertifiedKey>, Arc<Staple>) {
    let key = (crypto_ring::PROVIDER.generate_key)(KeyKind::EcP256).unwrap();
    let made = x509::issue::self_signed(&crypto_ring::PROVIDER, &key, &request("server.example", false)).unwrap();
    let key = (crypto_ring::PROVIDER.load_key)(crypto::PrivateKeyFormat::Pkcs8, &key).unwrap();
    // Who signs it is for clients to judge.
    let about = ResponseRequest { revoked_unix: None, this_update_unix: NOW, next_update_unix: NOW + 100 };
    let certificate = CertificateDer::from(made.certificate.to_vec());
    let der = x509::ocsp_response(&crypto_ring::PROVIDER, &certificate, &*key, &certificate, &about).unwrap();
    let chain = vec![certificate];
    let staple = OcspResponse::read(&der).unwrap().staple(&crypto_ring::PROVIDER, &chain, NOW).unwrap();
    (Arc::new(CertifiedKey { chain, key }), Arc::new(staple))
}

/// What a client gets that asks for a response, or not, at this time.
fn received(names: &ByName, asks: bool, now: u64) -> Option<Vec<u8>> {
    struct At(u64);
    impl WallClock for At {
        fn unix_seconds(&self) -> u64 {
            self.0
        }
    }
    let client = ClientConfig {
        roots: ServerVerification::DangerousAcceptAny,
        request_ocsp_response: asks,
        keep_peer_certificates: true,
        ..client_config()
    };
    let mut server = server_config();
    server.resolver = Arc::new(names.clone());
    server.wall_clock = Arc::new(At(now));
    let pair = Pair::complete(client, server);
    pair.client.peer_identity().unwrap().ocsp_response().map(<[u8]>::to_vec)
}

/// RFC 9846 section 4.5.1-6, 4.5.1.1-1: only to a client that has asked, and with the certificate that it is about.
/// RFC 9846 section 4.3-5.
#[test]
fn a_response_is_sent_to_clients_that_ask_while_it_is_current() {
    let (certified, staple) = stapled();
    let mut names = ByName::new();
    names.insert_default(certified.clone());
    assert_eq!(received(&names, true, NOW), None);
    names.set_staple(&certified, staple.clone());
    for (asks, now, is_sent) in [
        (true, NOW, true),
        (false, NOW, false),
        (true, NOW + 100, true),
        (true, NOW + 101, false),
        (true, NOW - 1, false),
    ] {
        let expected = is_sent.then(|| staple.der().to_vec());
        assert_eq!(received(&names, asks, now), expected, "{asks} {}", now - (NOW - 1));
    }
    // Another identity has none.
    let mut others = ByName::new();
    others.insert_default(stapled().0);
    others.set_staple(&certified, staple);
    assert_eq!(received(&others, true, NOW), None);
}

/// The response is for the server's own certificate: where clients show theirs, nothing changes.
#[test]
fn a_client_that_shows_a_certificate_gets_the_response_as_well() {
    let (certified, staple) = stapled();
    let authority = ClientAuthority::new("clients");
    let mut names = ByName::new();
    names.insert_default(certified.clone());
    names.set_staple(&certified, staple.clone());
    names.set_default_client_authentication(ClientAuthentication::Optional(authority.verifier()));
    assert_eq!(received(&names, true, NOW), Some(staple.der().to_vec()));
}
