use super::*;
use crate::issue;
use alloc::string::String;
use alloc::vec::Vec;

const NOW: u64 = 1_795_000_000;

fn development() -> Vec<u8> {
    let mut random = crypto_ring::SystemRandom::new();
    let names = [String::from("a.example")];
    let identity = issue::development(&crypto_ring::PROVIDER, &names, NOW, &mut random).expect("an identity");
    identity.certificate.to_vec()
}

/// Looks at everything that is read late.
fn look(der: &[u8]) -> bool {
    let Ok(certificate) = Certificate::parse(der) else { return false };
    let _ = (certificate.subject_public_key(), certificate.signature_algorithm(), certificate.label());
    let _ = (certificate.is_self_issued(), certificate.subject().canonical());
    if let Some(alternative) = &certificate.extensions().subject_alternative_name {
        assert!(alternative.names.iter().count() > 0);
    }
    true
}

#[test]
fn no_truncation_is_a_certificate() {
    let der = development();
    assert!(look(&der));
    for length in 0..der.len() {
        assert!(!look(&der[..length]), "{length} bytes");
    }
    assert!(!look(&[&der[..], &[0]].concat()), "trailing byte");
}

#[test]
fn no_change_of_a_byte_panics_or_goes_unnoticed() {
    let der = development();
    let original = Certificate::parse(&der).expect("a certificate");
    let (verifier, key) = verifier(&original);
    for position in 0..der.len() {
        for change in [0x01, 0x02, 0x20, 0x80, 0xff] {
            let mut changed = der.clone();
            changed[position] ^= change;
            if !look(&changed) {
                continue;
            }
            let certificate = Certificate::parse(&changed).expect("it was read before");
            let outcome = verifier.verify(key, certificate.to_be_signed(), certificate.signature());
            assert!(outcome.is_err(), "byte {position} changed by {change:#x}");
        }
    }
    assert!(verifier.verify(key, original.to_be_signed(), original.signature()).is_ok());
}

fn verifier<'a>(certificate: &Certificate<'a>) -> (&'static dyn crypto::Verifier, &'a [u8]) {
    let (kind, key) = certificate.subject_public_key().expect("a key");
    let algorithm = certificate.signature_algorithm().expect("an algorithm");
    (crypto_ring::PROVIDER.verifier(kind, algorithm).expect("a verifier"), key)
}
