//! Good chains of which one thing is changed: a byte, or where a certificate ends. None of them is accepted any more, but for
//! certificates that no way needs; nothing panics; and the work stays within its limits.
//!
//! DER as it is read here has one encoding for each value, and the signature algorithm outside of what is signed is compared
//! with the one inside: so that there is no byte of a certificate that could change and mean the same.

extern crate posthaste_x509 as x509;

#[allow(dead_code)]
#[path = "limbo/suite.rs"]
mod suite;

use crypto::{KeyKind, PrivateKeyFormat};
use rustls_pki_types::CertificateDer;
use std::path::Path;
use suite::Case;
use x509::{IssueRequest, RootStore, ServerName};

/// A chain, and the anchors that accept it.
struct Good {
    what: String,
    roots: RootStore,
    chain: Vec<CertificateDer<'static>>,
    name: ServerName,
    now: u64,
}

impl Good {
    fn accepts(&self, chain: &[CertificateDer<'_>]) -> bool {
        x509::verify_server(&crypto_ring::PROVIDER, &self.roots, chain, &self.name, self.now).is_ok()
    }

    /// The places of those certificates without which the chain is refused.
    fn needed(&self) -> Vec<usize> {
        assert!(self.accepts(&self.chain), "{}", self.what);
        let without = |place: usize| {
            let others = self.chain.iter().enumerate().filter(|(other, _)| *other != place);
            others.map(|(_, der)| der.clone()).collect::<Vec<_>>()
        };
        (0..self.chain.len()).filter(|place| !self.accepts(&without(*place))).collect()
    }

    /// With another certificate in this place.
    fn with(&self, place: usize, der: &[u8]) -> bool {
        let mut chain: Vec<_> = self.chain.iter().map(|der| CertificateDer::from(&der[..])).collect();
        chain[place] = CertificateDer::from(der);
        self.accepts(&chain)
    }

    fn check_bytes(&self, values: impl Fn(usize, u8) -> Vec<u8>) -> usize {
        let mut count = 0;
        for place in self.needed() {
            let mut der = self.chain[place].to_vec();
            for at in 0..der.len() {
                let value = der[at];
                for changed in values(at, value).into_iter().filter(|changed| *changed != value) {
                    der[at] = changed;
                    count += 1;
                    assert!(!self.with(place, &der), "{}: {place}, byte {at}: {value:#x} to {changed:#x}", self.what);
                }
                der[at] = value;
            }
        }
        count
    }
}

/// An authority, one below it, and a server, with Ed25519 or P-256.
fn made(kind: KeyKind) -> Good {
    let provider = &crypto_ring::PROVIDER;
    let keys: Vec<_> = (0..3).map(|_| (provider.generate_key)(kind).expect("a key")).collect();
    let load = |place: usize| (provider.load_key)(PrivateKeyFormat::Pkcs8, &keys[place]).expect("a key");
    let request = |name: &str, is_authority| IssueRequest {
        names: vec![name.into()],
        not_before_unix: 1_000_000,
        lifetime_seconds: 1_000_000,
        serial: [7; 16],
        is_authority,
    };
    let root = x509::issue::self_signed(provider, &keys[0], &request("root", true)).expect("a root").certificate;
    let issue = |by: &CertificateDer<'_>, signer, own, request: &IssueRequest| {
        x509::issue::issued_by(provider, by, &*load(signer), &*load(own), request).expect("a certificate")
    };
    let one = issue(&root, 0, 1, &request("one", true));
    let leaf = issue(&one, 1, 2, &request("a.example", false));
    let mut roots = RootStore::new();
    roots.add_der(&root).expect("an anchor");
    let name = ServerName::parse("a.example").expect("a name");
    Good { what: format!("{kind:?}"), roots, chain: vec![leaf, one], name, now: 1_500_000 }
}

/// Chains of public servers, by RSA and by ECDSA.
fn public() -> Vec<Good> {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/limbo/core.json");
    let is_public = |case: &Case| case.id.starts_with("online::") || case.id == "webpki::cryptographydotio-chain";
    let good: Vec<_> = suite::read(&core).into_iter().filter(|case| case.expected && is_public(case)).map(of).collect();
    assert!(good.len() >= 5, "{}", good.len());
    good
}

fn of(case: Case) -> Good {
    let mut roots = RootStore::new();
    case.anchors.iter().for_each(|anchor| drop(roots.add_der(anchor)));
    let name = ServerName::parse(&case.name).expect("a name");
    Good { what: case.id, roots, chain: case.chain, name, now: case.now }
}

/// All 255 changes of each of its bytes.
/// RFC 5280 section 4.1.1.2-3, 4.1.2.3-1.
#[test]
fn no_change_of_a_byte_of_a_chain_is_accepted() {
    let good = made(KeyKind::Ed25519);
    assert_eq!(good.needed(), [0, 1]);
    let count = good.check_bytes(|_, _| (0..=255).collect());
    assert_eq!(count, 255 * good.chain.iter().map(|der| der.len()).sum::<usize>());
}

/// Of chains with longer keys, a bit of each byte.
#[test]
fn no_change_of_a_bit_of_other_chains_is_accepted() {
    for good in public().iter().chain([&made(KeyKind::EcP256)]) {
        let count = good.check_bytes(|at, value| vec![value ^ 1 << (at % 8)]);
        assert!(count > 500, "{}: {count}", good.what);
    }
}

#[test]
fn no_truncation_of_a_chain_is_accepted() {
    for good in public().iter().chain([&made(KeyKind::EcP256), &made(KeyKind::Ed25519)]) {
        for place in good.needed() {
            let der = &good.chain[place];
            for length in 0..der.len() {
                assert!(!good.with(place, &der[..length]), "{}: {length} bytes of {place}", good.what);
            }
            assert!(!good.with(place, &[&der[..], &[0]].concat()), "{}: a byte after {place}", good.what);
        }
    }
}
