//! Single certificates, and PEM.

use x509::general_name::GeneralName;
use x509::{Certificate, RootStore, ServerName};

pub fn certificate(data: &[u8]) {
    let Ok(certificate) = Certificate::parse(data) else { return };
    assert_eq!(certificate.der(), data);
    assert!((1..=3).contains(&certificate.version()) && !certificate.serial_number().is_empty());
    let label = certificate.label();
    assert!(!label.chars().any(char::is_control), "{label:?} goes to logs");
    assert!(!certificate.subject().label().chars().any(char::is_control));
    assert!(!certificate.issuer().label().chars().any(char::is_control));
    let _ = (certificate.signature_algorithm(), certificate.subject_public_key(), certificate.is_self_issued());
    if let Some(names) = &certificate.extensions().subject_alternative_name {
        let count = names.names.iter().count();
        assert!(count > 0 && count <= data.len());
        for name in names.names.iter() {
            if let GeneralName::Directory(name) = name {
                assert!(!name.label().chars().any(char::is_control));
            }
        }
    }
    // As its own anchor, and as its own issuer.
    let chain = [rustls_pki_types::CertificateDer::from(data), rustls_pki_types::CertificateDer::from(data)];
    let provider = crypto_ring::provider();
    for name in ["localhost", "192.0.2.1"] {
        let mut roots = RootStore::new();
        let name = ServerName::parse(name).expect("a name");
        let now = certificate.validity().not_before.max(0).unsigned_abs();
        let result = x509::verify_server(&provider, &roots, &chain, &name, now);
        assert!(result.is_err(), "nobody is trusted");
        assert!(!result.unwrap_err().to_string().chars().any(char::is_control));
        let is_anchor = roots.add_der(data).is_ok();
        assert_eq!(roots.len(), usize::from(is_anchor));
        let result = x509::verify_server(&provider, &roots, &chain, &name, now);
        assert!(is_anchor || result.is_err(), "nobody is trusted");
    }
}

pub fn pem(data: &[u8]) {
    let certificates = x509::load_certificates_pem(data);
    if let Ok((format, key)) = x509::load_private_key_pem(data) {
        let _ = (crypto_ring::provider().load_key)(format, &key);
    }
    let (mut all, mut bundle) = (RootStore::new(), RootStore::new());
    let added = all.add_pem(data);
    let outcome = bundle.add_bundle(data);
    assert!(bundle.len() <= outcome.added);
    match (added, certificates) {
        (Ok(count), Ok(certificates)) => {
            assert_eq!(count, certificates.len());
            assert_eq!((outcome.added, outcome.refused.len()), (count, 0));
            assert_eq!(all.len(), bundle.len());
        }
        (Ok(_), Err(error)) => panic!("added what was not loaded: {error:?}"),
        (Err(_), _) => assert!(all.is_empty(), "all or nothing"),
    }
}
